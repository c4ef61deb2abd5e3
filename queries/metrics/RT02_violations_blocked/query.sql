with
sums as (
  select
    grain,
    period,
    cast(sum(n_blocked) as bigint) as calls_blocked,
    cast(sum(n_blocked + n_observed + n_unobserved_missed) as bigint) as calls_violating
  from api_periods
  group by grain, period
),
measures as (
  select
    periods.grain as grain,
    periods.period as period,
    case when params.has_requests = 0 then 'no_requests' end as missing,
    coalesce(sums.calls_blocked, 0) as amount,
    coalesce(sums.calls_violating, 0) as whole
  from periods
  cross join params
  left join sums
    on periods.grain = sums.grain
    and periods.period = sums.period
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
      when whole = 0 then 'no_violations'
    end as reason,
    case when grain is null then '' end as flags,
    cast(0 as bigint) as n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
