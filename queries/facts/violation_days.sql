-- per: month
-- Grain: one row per day, API, identity, decision, violation and combination of reasons (a) to (e) for which accepted calls were missed.
-- Violations of every kind are here, rate limiting too; calls with neither a violation nor a reason are not.
select
  month,
  day,
  api,
  identity,
  decision,
  violation,
  missed_revoked,
  missed_expired,
  missed_scope,
  missed_downgraded,
  missed_proof,
  cast(count(*) as bigint) as n_calls,
  min(event_us) as first_us,
  max(event_us) as last_us
from calls
where missed = 1
  or (violation is not null and decision in ('blocked', 'observed'))
group by
  month, day, api, identity, decision, violation,
  missed_revoked, missed_expired, missed_scope, missed_downgraded, missed_proof
