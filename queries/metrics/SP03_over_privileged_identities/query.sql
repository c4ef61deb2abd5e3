with
statistics as (
  select 'value' as statistic from params
  union all select 'share_critical' as statistic from params
),
marked as (
  select
    grant_counts.t_us as t_us,
    grant_counts.judged as is_judged,
    cast(case
      when grant_counts.unused * 100 > params.over_privileged_percent * (grant_counts.used + grant_counts.unused) then 1 else 0
    end as bigint) as is_over,
    cast(case when inventory_identities.criticality in ('high', 'critical') then 1 else 0 end as bigint) as is_critical
  from grant_counts
  cross join params
  left join inventory_identities on grant_counts.identity = inventory_identities.identity
),
sums as (
  select
    t_us,
    cast(sum(is_over) as bigint) as n_over,
    cast(sum(is_judged) as bigint) as n_judged,
    cast(sum(1 - is_judged) as bigint) as n_unjudged,
    cast(sum(is_over * is_critical) as bigint) as critical_over,
    cast(sum(is_judged * is_critical) as bigint) as critical_judged,
    cast(sum((1 - is_judged) * is_critical) as bigint) as critical_unjudged
  from marked
  group by t_us
),
measures as (
  select
    statistics.statistic as statistic,
    periods.grain as grain,
    periods.period as period,
    case
      when params.has_requests = 0 then 'no_requests'
      when params.has_grants = 0 then 'no_grants'
      when instants.window_covered = 0 then 'window_not_covered'
      when statistics.statistic = 'share_critical' and params.has_identity_inventory = 0 then 'no_identity_inventory'
    end as missing,
    coalesce(case when statistics.statistic = 'value' then sums.n_over else sums.critical_over end, 0) as amount,
    coalesce(case when statistics.statistic = 'value' then sums.n_judged else sums.critical_judged end, 0) as whole,
    coalesce(case when statistics.statistic = 'value' then sums.n_unjudged else sums.critical_unjudged end, 0) as n_insufficient_evidence
  from periods
  cross join params
  cross join statistics
  left join instants on periods.t_us = instants.t_us
  left join sums on periods.t_us = sums.t_us
),
result as (
  select
    statistic,
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
      when whole = 0 then 'no_judged_identities'
    end as reason,
    case when statistic is null then '' end as flags,
    n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
