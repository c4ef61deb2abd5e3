with
statistics as (
  select 'value' as statistic from params
  union all select 'share_by_calls' as statistic from params
  union all select 'share_critical' as statistic from params
  union all select 'net_of_exceptions' as statistic from params
  union all select 'n_constrained' as statistic from params
  union all select 'n_dual_accept' as statistic from params
  union all select 'n_bearer_only' as statistic from params
  union all select 'n_insufficient_evidence' as statistic from params
  union all select 'n_proven' as statistic from params
  union all select 'n_unchallenged' as statistic from params
),
marked as (
  select
    grain,
    period,
    n_authenticated,
    is_critical,
    cast(case when n_on_exception > 0 then 0 else 1 end as bigint) as is_net,
    cast(case when verdict = 'constrained' then 1 else 0 end as bigint) as is_constrained,
    cast(case when verdict = 'dual_accept' then 1 else 0 end as bigint) as is_dual_accept,
    cast(case when verdict = 'bearer_only' then 1 else 0 end as bigint) as is_bearer_only,
    cast(case when verdict = 'insufficient_evidence' then 1 else 0 end as bigint) as is_insufficient,
    cast(case when enforcement = 'proven' then 1 else 0 end as bigint) as is_proven
  from api_periods
  where api is not null
),
sums as (
  select
    grain,
    period,
    cast(sum(is_constrained) as bigint) as n_constrained,
    cast(sum(is_dual_accept) as bigint) as n_dual_accept,
    cast(sum(is_bearer_only) as bigint) as n_bearer_only,
    cast(sum(is_insufficient) as bigint) as n_insufficient,
    cast(sum(is_proven) as bigint) as n_proven,
    cast(sum(is_constrained * n_authenticated) as bigint) as calls_constrained,
    cast(sum((1 - is_insufficient) * n_authenticated) as bigint) as calls_judged,
    cast(sum(is_insufficient * n_authenticated) as bigint) as calls_insufficient,
    cast(sum(is_constrained * is_critical) as bigint) as critical_constrained,
    cast(sum((1 - is_insufficient) * is_critical) as bigint) as critical_judged,
    cast(sum(is_insufficient * is_critical) as bigint) as critical_insufficient,
    cast(sum(is_constrained * is_net) as bigint) as net_constrained,
    cast(sum((1 - is_insufficient) * is_net) as bigint) as net_judged,
    cast(sum(is_insufficient * is_net) as bigint) as net_insufficient
  from marked
  group by grain, period
),
measures as (
  select
    statistics.statistic as statistic,
    periods.grain as grain,
    periods.period as period,
    cast(case
      when statistics.statistic in ('value', 'share_by_calls', 'share_critical', 'net_of_exceptions') then 1 else 0
    end as bigint) as is_share,
    case
      when params.has_requests = 0 then 'no_requests'
      when statistics.statistic = 'share_critical' and params.has_api_inventory = 0 then 'no_api_inventory'
      when statistics.statistic = 'net_of_exceptions' and params.has_exceptions = 0 then 'no_exceptions'
    end as missing,
    coalesce(case
      when statistics.statistic = 'share_by_calls' then sums.calls_constrained
      when statistics.statistic = 'share_critical' then sums.critical_constrained
      when statistics.statistic = 'net_of_exceptions' then sums.net_constrained
      when statistics.statistic = 'n_dual_accept' then sums.n_dual_accept
      when statistics.statistic = 'n_bearer_only' then sums.n_bearer_only
      when statistics.statistic = 'n_insufficient_evidence' then sums.n_insufficient
      when statistics.statistic = 'n_proven' then sums.n_proven
      when statistics.statistic = 'n_unchallenged' then sums.n_constrained - sums.n_proven
      else sums.n_constrained
    end, 0) as amount,
    coalesce(case
      when statistics.statistic = 'share_by_calls' then sums.calls_judged
      when statistics.statistic = 'share_critical' then sums.critical_judged
      when statistics.statistic = 'net_of_exceptions' then sums.net_judged
      else sums.n_constrained + sums.n_dual_accept + sums.n_bearer_only
    end, 0) as whole,
    coalesce(case
      when statistics.statistic = 'share_by_calls' then sums.calls_insufficient
      when statistics.statistic = 'share_critical' then sums.critical_insufficient
      when statistics.statistic = 'net_of_exceptions' then sums.net_insufficient
      else sums.n_insufficient
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
