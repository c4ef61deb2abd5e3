-- Grain: one row per identity, scope, API (null: the grant names none) and state: the grants live at as_of, and the scopes carried without a grant
-- (used_not_granted) in the window that ends there.
with
placed as (
  select
    ungranted_days.identity as identity,
    ungranted_days.scope as scope,
    ungranted_days.n_calls as n_some,
    ungranted_days.last_us as some_last_us,
    ungranted_days.day * 86400000000 + ungranted_days.part * params.as_of_tod_us as from_us,
    params.as_of_us as as_of_us,
    params.as_of_us - params.window_us as window_start_us
  from ungranted_days
  cross join params
),
ungranted as (
  select
    identity, scope,
    cast(sum(n_some) as bigint) as n_uses,
    max(some_last_us) as last_use_us
  from placed
  where from_us >= window_start_us and from_us < as_of_us
  group by identity, scope
),
result as (
  select
    grant_states.identity as identity,
    grant_states.scope as scope,
    grant_states.api as api,
    grant_states.granted_us as granted_at_us,
    grant_states.removed_us as removed_at_us,
    grant_states.state as state,
    grant_states.basis as basis,
    grant_states.last_used_us as last_used_us,
    grant_states.calls as calls,
    grant_states.is_broad as is_broad
  from grant_states
  join params on grant_states.t_us = params.as_of_us
  union all
  select
    ungranted.identity as identity,
    ungranted.scope as scope,
    case when ungranted.identity is null then '' end as api,
    cast(null as bigint) as granted_at_us,
    cast(null as bigint) as removed_at_us,
    'used_not_granted' as state,
    'carried' as basis,
    ungranted.last_use_us as last_used_us,
    ungranted.n_uses as calls,
    coalesce(scopes.is_broad, 0) as is_broad
  from ungranted
  left join scopes on ungranted.scope = scopes.scope
)
select identity, scope, api, granted_at_us, removed_at_us, state, basis, last_used_us, calls, is_broad
from result
order by identity, scope, api nulls first, state
