-- Grain: one row per subject, phase and decision: how many calls, and for how many of them the log tells address, scopes and API.
select
  subject, phase, decision,
  cast(sum(n_calls) as bigint) as calls,
  cast(sum(case when client_address is null then 0 else n_calls end) as bigint) as with_address,
  cast(sum(case when scope_set is null then 0 else n_calls end) as bigint) as with_scopes,
  min(first_call_us) as first_us, max(last_call_us) as last_us
from retro_calls
group by subject, phase, decision
order by subject, phase, decision nulls first
