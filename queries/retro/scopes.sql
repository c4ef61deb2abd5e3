-- Grain: one row per subject and scope that its accepted calls carried between exposure and enforcement, with how many of them needed it.
with
sets as (
  select subject, scope_set, required_set, cast(sum(n_calls) as bigint) as set_calls
  from retro_calls
  where phase = 'exposed' and decision in ('allowed', 'observed') and scope_set is not null
  group by subject, scope_set, required_set
),
carried as (
  select
    sets.subject as subject, sets.set_calls as set_calls, sets.required_set as required_set,
    scope_sets.scope as scope, scope_sets.is_broad as is_broad
  from sets
  join scope_sets on sets.scope_set = scope_sets.scope_set
),
needed as (
  select scope_set as needed_set, scope as needed_scope
  from scope_sets
),
judged as (
  select
    carried.subject as subject, carried.scope as scope, carried.is_broad as is_broad, carried.set_calls as set_calls,
    case when needed.needed_scope is not null then carried.set_calls else 0 end as n_needed,
    case when carried.required_set is null then carried.set_calls else 0 end as n_unknown
  from carried
  left join needed on carried.required_set = needed.needed_set and carried.scope = needed.needed_scope
)
select
  subject, scope, is_broad,
  cast(sum(set_calls) as bigint) as calls,
  cast(sum(n_needed) as bigint) as needed,
  cast(sum(n_unknown) as bigint) as not_known
from judged
group by subject, scope, is_broad
order by subject, scope, is_broad
