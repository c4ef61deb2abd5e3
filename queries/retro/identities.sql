-- Grain: one row per subject whose identity is known: who answers for it.
select
  retro_subjects.subject as subject, identities.identity as identity, identities.kind as kind, identities.owner as owner,
  identities.owner_status as owner_status, identities.environment as environment, identities.is_live as is_live,
  identities.is_unowned as is_unowned, identities.is_orphaned as is_orphaned
from identities
join retro_subjects on identities.identity = retro_subjects.identity
order by subject
