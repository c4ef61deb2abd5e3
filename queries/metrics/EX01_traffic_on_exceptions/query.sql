with
statistics as (
  select 'value' as statistic from params
  union all select 'n_dominant' as statistic from params
),
sums as (
  select
    api_periods.grain as grain,
    api_periods.period as period,
    cast(sum(api_periods.n_on_exception) as bigint) as calls_on_exception,
    cast(sum(api_periods.n_authenticated) as bigint) as calls_authenticated,
    cast(sum(cast(case
      when api_periods.api is not null
        and api_periods.n_on_exception * 100 > params.dominant_percent * api_periods.n_authenticated
      then 1 else 0
    end as bigint)) as bigint) as apis_dominant
  from api_periods
  cross join params
  group by api_periods.grain, api_periods.period
),
measures as (
  select
    statistics.statistic as statistic,
    periods.grain as grain,
    periods.period as period,
    'all' as segment_kind,
    'all' as segment,
    cast(case when statistics.statistic = 'value' then 1 else 0 end as bigint) as is_share,
    case
      when params.has_requests = 0 then 'no_requests'
      when params.has_exceptions = 0 then 'no_exceptions'
    end as missing,
    coalesce(case when statistics.statistic = 'value' then sums.calls_on_exception else sums.apis_dominant end, 0) as amount,
    coalesce(sums.calls_authenticated, 0) as whole
  from periods
  cross join params
  cross join statistics
  left join sums
    on periods.grain = sums.grain
    and periods.period = sums.period
  union all
  select
    'value' as statistic,
    api_periods.grain as grain,
    api_periods.period as period,
    'api' as segment_kind,
    api_periods.api as segment,
    cast(1 as bigint) as is_share,
    case when params.has_exceptions = 0 then 'no_exceptions' end as missing,
    api_periods.n_on_exception as amount,
    api_periods.n_authenticated as whole
  from api_periods
  cross join params
  where api_periods.api is not null
    and api_periods.n_authenticated > 0
    and params.has_exceptions = 1
),
result as (
  select
    statistic,
    grain,
    period,
    segment_kind,
    segment,
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
      when is_share = 1 and whole = 0 then 'no_authenticated_calls'
    end as reason,
    case when statistic is null then '' end as flags,
    cast(0 as bigint) as n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
