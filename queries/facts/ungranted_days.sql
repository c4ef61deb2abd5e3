-- Grain: one row per day (cut at the time of day of as_of), identity with a known grant, and scope that accepted calls carried without a live grant that covers it.
with
never_granted as (
  select identity as pair_identity, scope_set as pair_set, scope
  from pair_scopes
  where is_partly = 0
),
carried as (
  select
    call_days.month as month, call_days.day as day, call_days.part as part,
    call_days.identity as identity, never_granted.scope as scope,
    call_days.n_calls as n_some, call_days.last_us as some_last_us
  from call_days
  join never_granted
    on call_days.identity = never_granted.pair_identity
    and call_days.scope_set = never_granted.pair_set
  union all
  select
    month, day, part, identity, scope,
    n_calls as n_some, event_us as some_last_us
  from partly_misses
)
select
  month, day, part, identity, scope,
  cast(sum(n_some) as bigint) as n_calls,
  max(some_last_us) as last_us
from carried
group by month, day, part, identity, scope
