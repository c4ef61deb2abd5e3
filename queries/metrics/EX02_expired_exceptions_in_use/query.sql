with
relied as (
  select distinct
    period_months.grain as grain,
    period_months.period as period,
    exception_days.id as id
  from exception_days
  join period_months on exception_days.month = period_months.month
  where exception_days.n_relied > 0
),
sums as (
  select grain, period, cast(count(*) as bigint) as entries_relied
  from relied
  group by grain, period
),
measures as (
  select
    periods.grain as grain,
    periods.period as period,
    case
      when params.has_requests = 0 then 'no_requests'
      when params.has_exceptions = 0 then 'no_exceptions'
    end as missing,
    coalesce(sums.entries_relied, 0) as amount
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
    case when missing is null then cast(amount as double) end as value,
    cast(null as bigint) as numerator,
    cast(null as bigint) as denominator,
    cast(null as double) as se,
    case when missing is null then 'measured' else 'not_measured' end as status,
    missing as reason,
    case when grain is null then '' end as flags,
    cast(0 as bigint) as n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
