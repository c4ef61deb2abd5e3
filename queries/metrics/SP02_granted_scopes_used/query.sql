with
sums as (
  select
    t_us,
    cast(sum(cast(case when state = 'used' then 1 else 0 end as bigint)) as bigint) as n_used,
    cast(sum(cast(case when state = 'unused' then 1 else 0 end as bigint)) as bigint) as n_unused,
    cast(sum(cast(case when state in ('too_young', 'unobservable') then 1 else 0 end as bigint)) as bigint) as n_unjudged
  from grant_states
  group by t_us
),
measures as (
  select
    periods.grain as grain,
    periods.period as period,
    case
      when params.has_requests = 0 then 'no_requests'
      when params.has_grants = 0 then 'no_grants'
      when instants.window_covered = 0 then 'window_not_covered'
    end as missing,
    coalesce(sums.n_used, 0) as amount,
    coalesce(sums.n_used + sums.n_unused, 0) as whole,
    coalesce(sums.n_unjudged, 0) as n_insufficient_evidence
  from periods
  cross join params
  left join instants on periods.t_us = instants.t_us
  left join sums on periods.t_us = sums.t_us
),
result as (
  select
    'value' as statistic,
    grain,
    period,
    'all' as segment_kind,
    'all' as segment,
    case
      when missing is not null then cast(null as double)
      when whole > 0 then cast(amount as double) / cast(whole as double)
    end as value,
    case when missing is null then amount end as numerator,
    case when missing is null then whole end as denominator,
    cast(null as double) as se,
    case when missing is null and whole > 0 then 'measured' else 'not_measured' end as status,
    case
      when missing is not null then missing
      when whole = 0 then 'no_judged_grants'
    end as reason,
    case when grain is null then '' end as flags,
    n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
