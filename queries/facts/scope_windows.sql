-- Grain: one row per instant, identity with a known grant, API, set of carried and set of required scopes (-1: not known), over the
-- accepted calls with known scopes in the window that ends at the instant.
with
granted as (
  select distinct identity as granted_identity
  from grant_spans
),
placed as (
  select
    call_days.identity as identity,
    call_days.api as api,
    call_days.scope_set as scope_set,
    coalesce(call_days.required_set, -1) as required_key,
    call_days.n_calls as n_some,
    call_days.last_us as some_last_us,
    call_days.day * 86400000000 + call_days.part * params.as_of_tod_us as from_us
  from call_days
  join granted on call_days.identity = granted.granted_identity
  cross join params
  where call_days.scope_set is not null
)
select
  instants.t_us as t_us,
  placed.identity as identity,
  placed.api as api,
  placed.scope_set as scope_set,
  placed.required_key as required_key,
  cast(sum(placed.n_some) as bigint) as n_calls,
  max(placed.some_last_us) as last_us
from placed
cross join instants
where placed.from_us >= instants.window_start_us
  and placed.from_us < instants.t_us
group by instants.t_us, placed.identity, placed.api, placed.scope_set, placed.required_key
