with
statistics as (
  select 'value' as statistic from params
  union all select 'n_apis' as statistic from params
),
sums as (
  select
    grain,
    period,
    cast(sum(n_downgraded) as bigint) as all_downgraded,
    cast(sum(cast(case when api is not null and n_downgraded > 0 then 1 else 0 end as bigint)) as bigint) as apis_concerned
  from api_periods
  group by grain, period
),
measures as (
  select
    statistics.statistic as statistic,
    periods.grain as grain,
    periods.period as period,
    'all' as segment_kind,
    'all' as segment,
    case when params.has_requests = 0 then 'no_requests' end as missing,
    coalesce(case when statistics.statistic = 'value' then sums.all_downgraded else sums.apis_concerned end, 0) as amount
  from periods
  cross join params
  cross join statistics
  left join sums
    on periods.grain = sums.grain
    and periods.period = sums.period
  union all
  select
    'value' as statistic,
    grain,
    period,
    'api' as segment_kind,
    api as segment,
    case when api is null then '' end as missing,
    n_downgraded as amount
  from api_periods
  where api is not null and n_downgraded > 0
),
result as (
  select
    statistic,
    grain,
    period,
    segment_kind,
    segment,
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
