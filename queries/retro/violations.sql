-- Grain: one row per subject, phase from exposure on, decision, reason and API: calls blocked or observed with a violation, and calls that were
-- accepted although the credential was revoked, its token had expired, or its proof was missing.
with
found as (
  select subject, phase, decision, violation as reason, api, n_calls, first_call_us, last_call_us
  from retro_calls
  where phase <> 'before' and decision in ('blocked', 'observed') and violation is not null
  union all
  select subject, phase, 'missed' as decision, missed as reason, api, n_calls, first_call_us, last_call_us
  from retro_calls
  where phase <> 'before' and missed is not null
)
select
  subject, phase, decision, reason, api,
  cast(sum(n_calls) as bigint) as calls, min(first_call_us) as first_us, max(last_call_us) as last_us
from found
group by subject, phase, decision, reason, api
order by subject, decision, reason, phase, api nulls first
