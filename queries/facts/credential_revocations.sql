-- Grain: one row per credential and instant of a successful credential_revoked or token_revoked before as_of, with the credential's identity.
with
revocations_seen as (
  select distinct
    identity_events.credential as credential,
    identity_events.event_us as revoked_us
  from identity_events
  cross join params
  where identity_events.action in ('credential_revoked', 'token_revoked')
    and identity_events.outcome = 'success'
    and identity_events.credential is not null
    and identity_events.event_us - params.as_of_us < 0
)
select
  revocations_seen.credential as credential,
  credential_identities.identity as identity,
  revocations_seen.revoked_us as revoked_us
from revocations_seen
left join credential_identities on revocations_seen.credential = credential_identities.credential
