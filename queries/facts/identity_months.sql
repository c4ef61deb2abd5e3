-- Grain: one row per month and identity with an event or an accepted call before as_of: first named (null: only used through a credential of
-- its own), last used (accepted call, token issued or refreshed, credential used). Calls and events that name no identity count for that of
-- their credential.
with
sightings as (
  select
    identity_events.month as month,
    identity_events.identity as identity,
    identity_events.event_us as named_us,
    case
      when identity_events.action in ('token_issued', 'token_refreshed', 'credential_used') and identity_events.outcome = 'success'
      then identity_events.event_us
      else null
    end as used_us
  from identity_events
  cross join params
  where identity_events.identity is not null
    and identity_events.event_us - params.as_of_us < 0
  union all
  select
    identity_events.month as month,
    credential_identities.identity as identity,
    cast(null as bigint) as named_us,
    identity_events.event_us as used_us
  from identity_events
  join credential_identities on identity_events.credential = credential_identities.credential
  cross join params
  where identity_events.identity is null
    and identity_events.action in ('token_issued', 'token_refreshed', 'credential_used')
    and identity_events.outcome = 'success'
    and identity_events.event_us - params.as_of_us < 0
  union all
  select
    credential_months.month as month,
    credential_months.identity as identity,
    credential_months.first_accepted_us as named_us,
    credential_months.last_accepted_us as used_us
  from credential_months
  where credential_months.identity is not null
    and credential_months.accepted_calls > 0
  union all
  select
    credential_months.month as month,
    credential_identities.identity as identity,
    cast(null as bigint) as named_us,
    credential_months.last_accepted_us as used_us
  from credential_months
  join credential_identities on credential_months.credential = credential_identities.credential
  where credential_months.identity is null
    and credential_months.accepted_calls > 0
)
select
  month, identity,
  min(named_us) as first_named_us,
  max(used_us) as last_used_us
from sightings
group by month, identity
