-- Grain: one row per API, identity (null: not named), kind (the violation, or the reason of a missed one), decision (blocked, observed, missed) and day.
with
reasons as (
  select 'revoked_credential' as reason from params
  union all
  select 'expired_token' as reason from params
  union all
  select 'scope_not_granted' as reason from params
  union all
  select 'bound_downgraded' as reason from params
  union all
  select 'proof_required' as reason from params
),
missed as (
  select
    violation_days.api as api,
    violation_days.identity as identity,
    reasons.reason as kind,
    'missed' as decision,
    violation_days.day as day,
    violation_days.n_calls as n_some,
    violation_days.first_us as some_first_us,
    violation_days.last_us as some_last_us
  from violation_days
  cross join reasons
  where (reasons.reason = 'revoked_credential' and violation_days.missed_revoked = 1)
    or (reasons.reason = 'expired_token' and violation_days.missed_expired = 1)
    or (reasons.reason = 'scope_not_granted' and violation_days.missed_scope = 1)
    or (reasons.reason = 'bound_downgraded' and violation_days.missed_downgraded = 1)
    or (reasons.reason = 'proof_required' and violation_days.missed_proof = 1)
),
every as (
  select api, identity, kind, decision, day, n_some, some_first_us, some_last_us
  from missed
  union all
  select
    api, identity, violation as kind, decision, day,
    n_calls as n_some, first_us as some_first_us, last_us as some_last_us
  from violation_days
  where violation is not null and decision in ('blocked', 'observed')
  union all
  select
    api, identity, 'exception_expired' as kind, 'missed' as decision, day,
    expired_calls as n_some, first_expired_us as some_first_us, last_expired_us as some_last_us
  from exception_days
  where expired_calls > 0
),
result as (
  select
    api, identity, kind, decision, day,
    cast(sum(n_some) as bigint) as calls,
    min(some_first_us) as first_seen_us,
    max(some_last_us) as last_seen_us
  from every
  group by api, identity, kind, decision, day
)
select api, identity, kind, decision, day, calls, first_seen_us, last_seen_us
from result
order by api nulls first, identity nulls first, kind, decision, day
