with
statistics as (
  select 'value' as statistic from params
  union all select 'share_by_calls' as statistic from params
  union all select 'share_critical' as statistic from params
  union all select 'n_broad' as statistic from params
),
marked as (
  select
    grain,
    period,
    n_authenticated,
    is_critical,
    cast(case when scope_verdict = 'least_privilege' then 1 else 0 end as bigint) as is_least,
    cast(case when scope_verdict = 'broad' then 1 else 0 end as bigint) as is_broad,
    cast(case when scope_verdict = 'insufficient_evidence' then 1 else 0 end as bigint) as is_insufficient
  from api_periods
  where api is not null
),
sums as (
  select
    grain,
    period,
    cast(sum(is_least) as bigint) as apis_least,
    cast(sum(is_broad) as bigint) as apis_broad,
    cast(sum(is_insufficient) as bigint) as apis_insufficient,
    cast(sum(is_least * n_authenticated) as bigint) as calls_least,
    cast(sum(is_broad * n_authenticated) as bigint) as calls_broad,
    cast(sum(is_insufficient * n_authenticated) as bigint) as calls_insufficient,
    cast(sum(is_least * is_critical) as bigint) as critical_least,
    cast(sum(is_broad * is_critical) as bigint) as critical_broad,
    cast(sum(is_insufficient * is_critical) as bigint) as critical_insufficient
  from marked
  group by grain, period
),
measures as (
  select
    statistics.statistic as statistic,
    periods.grain as grain,
    periods.period as period,
    cast(case when statistics.statistic = 'n_broad' then 0 else 1 end as bigint) as is_share,
    case
      when params.has_requests = 0 then 'no_requests'
      when statistics.statistic = 'share_critical' and params.has_api_inventory = 0 then 'no_api_inventory'
    end as missing,
    coalesce(case
      when statistics.statistic = 'share_by_calls' then sums.calls_least
      when statistics.statistic = 'share_critical' then sums.critical_least
      when statistics.statistic = 'n_broad' then sums.apis_broad
      else sums.apis_least
    end, 0) as amount,
    coalesce(case
      when statistics.statistic = 'share_by_calls' then sums.calls_least + sums.calls_broad
      when statistics.statistic = 'share_critical' then sums.critical_least + sums.critical_broad
      else sums.apis_least + sums.apis_broad
    end, 0) as whole,
    coalesce(case
      when statistics.statistic = 'share_by_calls' then sums.calls_insufficient
      when statistics.statistic = 'share_critical' then sums.critical_insufficient
      else sums.apis_insufficient
    end, 0) as n_insufficient_evidence
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
      when is_share = 1 and whole = 0 then 'no_judged_apis'
    end as reason,
    case when statistic is null then '' end as flags,
    n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
