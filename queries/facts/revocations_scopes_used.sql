-- Grain: one row per case and scope that accepted calls with its credential used after exposure: the required ones that were carried or
-- covered by a carried one; where no required scopes are known, the carried ones (an upper bound).
with
pairs as (
  select distinct case_id, scope_set, required_set
  from case_call_months
  where exposed_calls > 0
    and scope_set is not null
),
required_uses as (
  select
    pairs.case_id as case_id,
    required.scope as scope
  from pairs
  join scope_sets as carried on pairs.scope_set = carried.scope_set
  join scope_cover on carried.scope = scope_cover.granted
  join scope_sets as required
    on pairs.required_set = required.scope_set
    and scope_cover.covered = required.scope
),
uses as (
  select case_id, scope
  from required_uses
  union all
  select
    pairs.case_id as case_id,
    scope_sets.scope as scope
  from pairs
  join scope_sets on pairs.scope_set = scope_sets.scope_set
  where pairs.required_set is null
)
select distinct case_id, scope
from uses
