-- Grain: one row per subject and identity event before as_of that concerns its credential, its identity's life, or, within the exposure window
-- (params.attach_us) of detection, another credential of the identity. about: credential, identity, sibling. Plain uses are left out.
with
found as (
  select
    retro_subjects.subject as subject, 'credential' as about, identity_events.event_us as event_us, identity_events.action as action,
    identity_events.outcome as outcome, identity_events.credential as credential, identity_events.credential_kind as credential_kind,
    identity_events.actor as actor, identity_events.is_automatic as is_automatic, identity_events.provider as provider,
    identity_events.event_type as event_type, identity_events.issued_us as issued_us, identity_events.expires_us as expires_us,
    identity_events.owner as owner, identity_events.file as file, identity_events.record as record
  from identity_events
  join retro_subjects on identity_events.credential = retro_subjects.credential
  where identity_events.action <> 'credential_used'
  union all
  select
    retro_subjects.subject as subject, 'identity' as about, identity_events.event_us as event_us, identity_events.action as action,
    identity_events.outcome as outcome, identity_events.credential as credential, identity_events.credential_kind as credential_kind,
    identity_events.actor as actor, identity_events.is_automatic as is_automatic, identity_events.provider as provider,
    identity_events.event_type as event_type, identity_events.issued_us as issued_us, identity_events.expires_us as expires_us,
    identity_events.owner as owner, identity_events.file as file, identity_events.record as record
  from identity_events
  join retro_subjects on identity_events.identity = retro_subjects.identity
  where identity_events.action in (
    'identity_created', 'identity_disabled', 'identity_enabled', 'identity_deleted', 'owner_assigned', 'owner_removed', 'scope_granted', 'scope_revoked'
  )
    and coalesce(identity_events.credential, '') <> coalesce(retro_subjects.credential, '-')
  union all
  select
    retro_subjects.subject as subject, 'sibling' as about, identity_events.event_us as event_us, identity_events.action as action,
    identity_events.outcome as outcome, identity_events.credential as credential, identity_events.credential_kind as credential_kind,
    identity_events.actor as actor, identity_events.is_automatic as is_automatic, identity_events.provider as provider,
    identity_events.event_type as event_type, identity_events.issued_us as issued_us, identity_events.expires_us as expires_us,
    identity_events.owner as owner, identity_events.file as file, identity_events.record as record
  from identity_events
  join retro_subjects on identity_events.identity = retro_subjects.identity
  cross join params
  where identity_events.action in (
    'credential_revoked', 'token_revoked', 'credential_rotated', 'credential_issued', 'credential_exposed', 'credential_contained'
  )
    and coalesce(identity_events.credential, '') <> coalesce(retro_subjects.credential, '-')
    and identity_events.event_us >= retro_subjects.from_us
    and identity_events.event_us <= retro_subjects.until_us + params.attach_us
),
known as (
  select
    found.subject as subject, found.about as about, found.event_us as event_us, found.action as action, found.outcome as outcome,
    found.credential as credential, found.credential_kind as credential_kind, found.actor as actor, found.is_automatic as is_automatic,
    found.provider as provider, found.event_type as event_type, found.issued_us as issued_us, found.expires_us as expires_us,
    found.owner as owner, found.file as file, found.record as record
  from found
  cross join params
  where found.event_us - params.as_of_us < 0
)
select
  subject, about, event_us, action, outcome, credential, credential_kind, actor, is_automatic, provider, event_type, issued_us, expires_us,
  owner, file, record
from known
order by subject, event_us, file, record, action
