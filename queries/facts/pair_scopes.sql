-- Grain: one row per identity, set of scopes it carried, and scope of the set that was not granted all the time it was carried.
-- is_partly = 0: no grant that covers it was live between the first and the last such call, so every call is missed;
-- is_partly = 1: some grant was live at some time, so each call must be looked at (partly_misses).
with
pairs as (
  select
    identity, scope_set,
    min(first_us) as from_us,
    max(last_us) as to_us
  from call_pairs
  group by identity, scope_set
),
carried as (
  select
    pairs.identity as identity,
    pairs.scope_set as scope_set,
    scope_sets.scope as scope,
    pairs.from_us as from_us,
    pairs.to_us as to_us
  from pairs
  join scope_sets on pairs.scope_set = scope_sets.scope_set
),
compared as (
  select
    carried.identity as identity,
    carried.scope_set as scope_set,
    carried.scope as scope,
    cast(case
      when span_covers.is_span = 1
        and (span_covers.granted_us is null or span_covers.granted_us <= carried.from_us)
        and (span_covers.removed_us is null or span_covers.removed_us > carried.to_us)
      then 1 else 0
    end as bigint) as holds_always,
    cast(case
      when span_covers.is_span = 1
        and (span_covers.granted_us is null or span_covers.granted_us <= carried.to_us)
        and (span_covers.removed_us is null or span_covers.removed_us > carried.from_us)
      then 1 else 0
    end as bigint) as holds_partly
  from carried
  left join span_covers
    on carried.identity = span_covers.identity
    and carried.scope = span_covers.scope
),
judged as (
  select
    identity, scope_set, scope,
    max(holds_always) as is_always,
    max(holds_partly) as is_partly
  from compared
  group by identity, scope_set, scope
)
select identity, scope_set, scope, is_partly
from judged
where is_always = 0
