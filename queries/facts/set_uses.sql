-- Grain: one row per set of carried scopes, set of required scopes (null: not known) and scope that such a call used: the required
-- ones that are carried or covered by a carried one; where no required scopes are known, the carried ones (an upper bound).
with
pairs as (
  select distinct scope_set, required_set
  from call_days
  where scope_set is not null
),
carried as (
  select scope_set as carried_set, scope as carried_scope
  from scope_sets
),
required as (
  select scope_set as demanded_set, scope as demanded_scope
  from scope_sets
),
required_uses as (
  select distinct
    pairs.scope_set as scope_set,
    pairs.required_set as required_set,
    scope_cover.covered as scope
  from pairs
  join carried on pairs.scope_set = carried.carried_set
  join scope_cover on carried.carried_scope = scope_cover.granted
  join required
    on pairs.required_set = required.demanded_set
    and scope_cover.covered = required.demanded_scope
)
select
  scope_set,
  required_set,
  coalesce(required_set, -1) as required_key,
  scope,
  cast(1 as bigint) as is_required
from required_uses
union all
select
  pairs.scope_set as scope_set,
  pairs.required_set as required_set,
  cast(-1 as bigint) as required_key,
  scope_sets.scope as scope,
  cast(0 as bigint) as is_required
from pairs
join scope_sets on pairs.scope_set = scope_sets.scope_set
where pairs.required_set is null
