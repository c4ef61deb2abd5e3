-- Grain: one row per subject and grant of its identity, or scope that it carried without one.
select
  retro_subjects.subject as subject, grants.scope as scope, grants.api as api, grants.state as state, grants.granted_at as granted_at,
  grants.last_used as last_used, grants.calls as calls, grants.is_broad as is_broad
from grants
join retro_subjects on grants.identity = retro_subjects.identity
order by subject, scope, api nulls first, state
