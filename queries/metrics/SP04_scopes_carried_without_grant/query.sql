with
statistics as (
  select 'value' as statistic from params
  union all select 'n_calls' as statistic from params
),
ungranted_pairs as (
  select distinct
    period_months.grain as grain,
    period_months.period as period,
    ungranted_days.identity as identity,
    ungranted_days.scope as scope
  from ungranted_days
  join period_months on ungranted_days.month = period_months.month
),
pair_sums as (
  select grain, period, cast(count(*) as bigint) as n_pairs
  from ungranted_pairs
  group by grain, period
),
call_sums as (
  select grain, period, cast(sum(n_scope_not_granted) as bigint) as calls_concerned
  from api_periods
  group by grain, period
),
measures as (
  select
    statistics.statistic as statistic,
    periods.grain as grain,
    periods.period as period,
    case
      when params.has_requests = 0 then 'no_requests'
      when params.has_grants = 0 then 'no_grants'
    end as missing,
    coalesce(case when statistics.statistic = 'value' then pair_sums.n_pairs else call_sums.calls_concerned end, 0) as amount
  from periods
  cross join params
  cross join statistics
  left join pair_sums
    on periods.grain = pair_sums.grain
    and periods.period = pair_sums.period
  left join call_sums
    on periods.grain = call_sums.grain
    and periods.period = call_sums.period
),
result as (
  select
    statistic,
    grain,
    period,
    'all' as segment_kind,
    'all' as segment,
    case when missing is null then cast(amount as double) end as value,
    cast(null as bigint) as numerator,
    cast(null as bigint) as denominator,
    cast(null as double) as se,
    case when missing is null then 'measured' else 'not_measured' end as status,
    missing as reason,
    case when statistic is null then '' end as flags,
    cast(0 as bigint) as n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
