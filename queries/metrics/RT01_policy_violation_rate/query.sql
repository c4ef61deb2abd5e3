with
statistics as (
  select 'value' as statistic from params
  union all select 'n_rate_limited' as statistic from params
),
sums as (
  select
    grain,
    period,
    cast(sum(n_blocked + n_observed + n_unobserved_missed) as bigint) as calls_violating,
    cast(sum(n_decided) as bigint) as calls_decided,
    cast(sum(n_calls - n_decided) as bigint) as calls_undecided,
    cast(sum(n_rate_limited) as bigint) as calls_rate_limited
  from api_periods
  group by grain, period
),
measures as (
  select
    statistics.statistic as statistic,
    periods.grain as grain,
    periods.period as period,
    cast(case when statistics.statistic = 'value' then 1 else 0 end as bigint) as is_share,
    case when params.has_requests = 0 then 'no_requests' end as missing,
    coalesce(case when statistics.statistic = 'value' then sums.calls_violating else sums.calls_rate_limited end, 0) as amount,
    coalesce(sums.calls_decided, 0) as whole,
    coalesce(sums.calls_undecided, 0) as n_insufficient_evidence
  from periods
  cross join params
  cross join statistics
  left join sums
    on periods.grain = sums.grain
    and periods.period = sums.period
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
      when is_share = 0 then cast(amount as double)
      when whole > 0 then cast(amount as double) / cast(whole as double)
    end as value,
    case when missing is null and is_share = 1 then amount end as numerator,
    case when missing is null and is_share = 1 then whole end as denominator,
    cast(null as double) as se,
    case when missing is null and (is_share = 0 or whole > 0) then 'measured' else 'not_measured' end as status,
    case
      when missing is not null then missing
      when is_share = 1 and whole = 0 then 'no_decided_calls'
    end as reason,
    case when statistic is null then '' end as flags,
    n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
