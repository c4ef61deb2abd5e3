-- Grain: one row per subject and credential of its identity (the subject's own included): what it is, until when, and how it ended.
with
own as (
  select
    retro_subjects.subject as subject, cast(1 as bigint) as is_own,
    credentials.credential as credential, credentials.kind as kind, credentials.identity as identity,
    credentials.issued_at as issued_at, credentials.expires_at as expires_at, credentials.ended_at as ended_at, credentials.ended_by as ended_by,
    credentials.first_used as first_used, credentials.last_used as last_used
  from credentials
  join retro_subjects on credentials.credential = retro_subjects.credential
  union all
  select
    retro_subjects.subject as subject, cast(0 as bigint) as is_own,
    credentials.credential as credential, credentials.kind as kind, credentials.identity as identity,
    credentials.issued_at as issued_at, credentials.expires_at as expires_at, credentials.ended_at as ended_at, credentials.ended_by as ended_by,
    credentials.first_used as first_used, credentials.last_used as last_used
  from credentials
  join retro_subjects on credentials.identity = retro_subjects.identity
  where credentials.credential <> coalesce(retro_subjects.credential, '')
)
select subject, is_own, credential, kind, identity, issued_at, expires_at, ended_at, ended_by, first_used, last_used
from own
order by subject, is_own, credential
