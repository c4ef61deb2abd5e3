-- ID01: of the live identities that could be judged at the end of each period (or as_of), the share without an accountable owner or not used.
with
names as (
  select 'value' as statistic from params
  union all
  select 'share_critical' as statistic from params
  union all
  select 'n_orphaned' as statistic from params
  union all
  select 'n_dormant' as statistic from params
  union all
  select 'n_unowned' as statistic from params
),
critical as (
  select identity as critical_identity, cast(1 as bigint) as critical_flag
  from known_identities
  where criticality in ('high', 'critical')
),
marked as (
  select
    identity_states.t_us as state_t_us,
    identity_states.is_live as is_live,
    identity_states.judged as judged,
    coalesce(identity_states.is_orphaned, cast(0 as bigint)) as is_orphaned,
    coalesce(identity_states.is_dormant, cast(0 as bigint)) as is_dormant,
    coalesce(identity_states.is_unowned, cast(0 as bigint)) as is_unowned,
    cast(case
      when identity_states.is_orphaned = 1 or identity_states.is_dormant = 1 or identity_states.is_unowned = 1 then 1 else 0
    end as bigint) as is_flagged,
    coalesce(critical.critical_flag, cast(0 as bigint)) as is_critical
  from identity_states
  left join critical on identity_states.identity = critical.critical_identity
),
summed as (
  select
    state_t_us,
    cast(sum(is_live) as bigint) as n_live,
    cast(sum(judged) as bigint) as n_judged,
    cast(sum(is_flagged) as bigint) as n_flagged,
    cast(sum(is_orphaned) as bigint) as n_orphaned,
    cast(sum(is_dormant) as bigint) as n_dormant,
    cast(sum(is_unowned) as bigint) as n_unowned,
    cast(sum(is_live * is_critical) as bigint) as n_live_critical,
    cast(sum(judged * is_critical) as bigint) as n_judged_critical,
    cast(sum(is_flagged * is_critical) as bigint) as n_flagged_critical
  from marked
  group by state_t_us
),
joined as (
  select
    names.statistic as statistic,
    periods.grain as grain,
    periods.period as period,
    coalesce(summed.n_live, cast(0 as bigint)) as n_live,
    coalesce(summed.n_judged, cast(0 as bigint)) as n_judged,
    coalesce(summed.n_flagged, cast(0 as bigint)) as n_flagged,
    coalesce(summed.n_orphaned, cast(0 as bigint)) as n_orphaned,
    coalesce(summed.n_dormant, cast(0 as bigint)) as n_dormant,
    coalesce(summed.n_unowned, cast(0 as bigint)) as n_unowned,
    coalesce(summed.n_live_critical, cast(0 as bigint)) as n_live_critical,
    coalesce(summed.n_judged_critical, cast(0 as bigint)) as n_judged_critical,
    coalesce(summed.n_flagged_critical, cast(0 as bigint)) as n_flagged_critical,
    instants.dormant_covered as dormant_covered,
    params.has_ownership as has_ownership,
    params.has_requests as has_requests,
    params.has_identity_inventory as has_identity_inventory
  from periods
  join instants on periods.t_us = instants.t_us
  left join summed on periods.t_us = summed.state_t_us
  cross join names
  cross join params
),
reasoned as (
  select
    statistic, grain, period, n_live, n_judged, n_flagged, n_orphaned, n_dormant, n_unowned,
    n_live_critical, n_judged_critical, n_flagged_critical,
    case
      when statistic = 'share_critical' and has_identity_inventory = 0 then 'no_identity_inventory'
      when n_live = 0 then 'no_live_identities'
      when statistic = 'n_dormant' and has_requests = 0 then 'no_requests'
      when statistic = 'n_dormant' and dormant_covered = 0 then 'window_not_covered'
      when statistic = 'n_dormant' then null
      when statistic in ('n_orphaned', 'n_unowned') and has_ownership = 0 then 'no_ownership_source'
      when statistic in ('n_orphaned', 'n_unowned') then null
      when statistic = 'share_critical' and n_live_critical = 0 then 'no_critical_identities'
      when n_judged = 0 then 'no_ownership_source'
    end as missing_reason
  from joined
),
result as (
  select
    statistic, grain, period,
    'all' as segment_kind,
    'all' as segment,
    case
      when missing_reason is not null then cast(null as double)
      when statistic = 'n_orphaned' then cast(n_orphaned as double)
      when statistic = 'n_dormant' then cast(n_dormant as double)
      when statistic = 'n_unowned' then cast(n_unowned as double)
      when statistic = 'share_critical' then cast(n_flagged_critical as double) / cast(n_judged_critical as double)
      else cast(n_flagged as double) / cast(n_judged as double)
    end as value,
    case
      when statistic in ('n_orphaned', 'n_dormant', 'n_unowned') or missing_reason = 'no_identity_inventory' then cast(null as bigint)
      when statistic = 'share_critical' then n_flagged_critical
      else n_flagged
    end as numerator,
    case
      when statistic in ('n_orphaned', 'n_dormant', 'n_unowned') or missing_reason = 'no_identity_inventory' then cast(null as bigint)
      when statistic = 'share_critical' then n_judged_critical
      else n_judged
    end as denominator,
    cast(null as double) as se,
    case when missing_reason is null then 'measured' else 'not_measured' end as status,
    missing_reason as reason,
    case when 1 = 0 then grain end as flags,
    case
      when statistic = 'share_critical' then n_live_critical - n_judged_critical
      else n_live - n_judged
    end as n_insufficient_evidence
  from reasoned
)
select
  statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
