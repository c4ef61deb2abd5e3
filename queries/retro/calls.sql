-- per: month
-- Grain: one row per month, subject, phase, API, gateway, client address, decision, violation, reason of a miss, and sets of carried and required
-- scopes: counts of the subject's calls before as_of. Phase: before (until exposure), exposed (until enforcement), after.
with
matched as (
  select
    retro_subjects.subject as subject, retro_subjects.from_us as from_us, retro_subjects.until_us as until_us,
    retro_subjects.revoked_us as revoked_us,
    requests.month as month, requests.event_us as event_us, requests.api as api, requests.gateway as gateway,
    requests.client_address as client_address, requests.decision as decision, requests.violation as violation,
    requests.proof as proof, requests.token_expires_us as token_expires_us,
    requests.scope_set as scope_set, requests.required_set as required_set
  from requests
  join retro_subjects on requests.credential = retro_subjects.match_credential
  union all
  select
    retro_subjects.subject as subject, retro_subjects.from_us as from_us, retro_subjects.until_us as until_us,
    retro_subjects.revoked_us as revoked_us,
    requests.month as month, requests.event_us as event_us, requests.api as api, requests.gateway as gateway,
    requests.client_address as client_address, requests.decision as decision, requests.violation as violation,
    requests.proof as proof, requests.token_expires_us as token_expires_us,
    requests.scope_set as scope_set, requests.required_set as required_set
  from requests
  join retro_subjects on requests.identity = retro_subjects.match_identity
),
judged as (
  select
    matched.month as month, matched.subject as subject,
    case
      when matched.event_us <= matched.from_us then 'before'
      when matched.event_us <= matched.until_us then 'exposed'
      else 'after'
    end as phase,
    matched.api as api, matched.gateway as gateway, matched.client_address as client_address,
    matched.decision as decision, matched.violation as violation,
    case
      when matched.decision not in ('allowed', 'observed') then null
      when matched.event_us > matched.revoked_us + params.grace_us then 'revoked_credential'
      when matched.event_us > matched.token_expires_us + params.grace_us then 'expired_token'
      when matched.proof = 'bound_downgraded' then 'bound_downgraded'
      else null
    end as missed,
    matched.scope_set as scope_set, matched.required_set as required_set,
    matched.event_us as event_us
  from matched
  cross join params
  where matched.event_us - params.as_of_us < 0
)
select
  month, subject, phase, api, gateway, client_address, decision, violation, missed, scope_set, required_set,
  cast(count(*) as bigint) as n_calls,
  min(event_us) as first_call_us,
  max(event_us) as last_call_us
from judged
group by month, subject, phase, api, gateway, client_address, decision, violation, missed, scope_set, required_set
order by
  month, subject, phase, api nulls first, gateway nulls first, client_address nulls first, decision nulls first, violation nulls first,
  missed nulls first, scope_set nulls first, required_set nulls first
