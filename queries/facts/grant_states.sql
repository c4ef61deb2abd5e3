-- Grain: one row per instant, identity, scope and API (null: the grant names none) with a grant that is live just before the instant:
-- was it used in the window that ends there? calls, last_used_us: the calls of the window that used it.
with
live as (
  select
    instants.t_us as t_us,
    instants.window_start_us as window_start_us,
    instants.window_covered as window_covered,
    grant_spans.identity as identity,
    grant_spans.scope as scope,
    grant_spans.api as api,
    min(grant_spans.granted_us) as first_granted_us,
    max(grant_spans.removed_us) as last_removed_us,
    max(cast(case when grant_spans.granted_us is null then 1 else 0 end as bigint)) as is_since_ever,
    max(cast(case when grant_spans.removed_us is null then 1 else 0 end as bigint)) as is_without_end
  from grant_spans
  cross join instants
  where (grant_spans.granted_us is null or grant_spans.granted_us < instants.t_us)
    and (grant_spans.removed_us is null or grant_spans.removed_us >= instants.t_us)
  group by
    instants.t_us, instants.window_start_us, instants.window_covered,
    grant_spans.identity, grant_spans.scope, grant_spans.api
),
known_scopes as (
  select scope as known_scope, is_broad as is_known_broad
  from scopes
),
grant_uses as (
  select distinct
    scope_cover.granted as used_scope,
    set_uses.scope_set as used_set,
    set_uses.required_key as used_required_key,
    set_uses.is_required as is_required
  from set_uses
  join scope_cover on set_uses.scope = scope_cover.covered
  join known_scopes on scope_cover.granted = known_scopes.known_scope
  where scope_cover.granted = scope_cover.covered
    or known_scopes.is_known_broad = 1
),
windows as (
  select
    t_us as called_t_us,
    identity as called_identity,
    api as called_api,
    scope_set as called_set,
    required_key as called_required_key,
    n_calls as n_some,
    last_us as some_last_us
  from scope_windows
),
windowed as (
  select
    live.t_us as t_us, live.window_start_us as window_start_us, live.window_covered as window_covered,
    live.identity as identity, live.scope as scope, live.api as api,
    live.first_granted_us as first_granted_us, live.last_removed_us as last_removed_us,
    live.is_since_ever as is_since_ever, live.is_without_end as is_without_end,
    windows.called_api as called_api,
    windows.called_set as called_set,
    windows.called_required_key as called_required_key,
    windows.n_some as n_some,
    windows.some_last_us as some_last_us
  from live
  left join windows
    on live.t_us = windows.called_t_us
    and live.identity = windows.called_identity
),
matched as (
  select
    windowed.t_us as t_us, windowed.window_start_us as window_start_us, windowed.window_covered as window_covered,
    windowed.identity as identity, windowed.scope as scope, windowed.api as api,
    windowed.first_granted_us as first_granted_us, windowed.last_removed_us as last_removed_us,
    windowed.is_since_ever as is_since_ever, windowed.is_without_end as is_without_end,
    windowed.n_some as n_some,
    windowed.some_last_us as some_last_us,
    grant_uses.is_required as is_required,
    cast(case when windowed.n_some is not null then 1 else 0 end as bigint) as has_scopes,
    cast(case
      when grant_uses.is_required is not null and (windowed.api is null or windowed.api = windowed.called_api) then 1 else 0
    end as bigint) as is_use
  from windowed
  left join grant_uses
    on windowed.scope = grant_uses.used_scope
    and windowed.called_set = grant_uses.used_set
    and windowed.called_required_key = grant_uses.used_required_key
),
counted as (
  select
    t_us, window_start_us, window_covered, identity, scope, api, first_granted_us, last_removed_us, is_since_ever, is_without_end,
    cast(sum(case when is_use = 1 then n_some else 0 end) as bigint) as n_uses,
    max(case when is_use = 1 then some_last_us end) as last_use_us,
    max(case when is_use = 1 then 1 - is_required else 0 end) as has_carried_use,
    max(has_scopes) as is_observed
  from matched
  group by t_us, window_start_us, window_covered, identity, scope, api, first_granted_us, last_removed_us, is_since_ever, is_without_end
)
select
  counted.t_us as t_us,
  counted.identity as identity,
  counted.scope as scope,
  counted.api as api,
  case
    when counted.n_uses > 0 then 'used'
    when counted.is_since_ever = 0 and counted.first_granted_us > counted.window_start_us then 'too_young'
    when counted.is_observed = 0 or counted.window_covered = 0 then 'unobservable'
    else 'unused'
  end as state,
  case
    when counted.n_uses > 0 and counted.has_carried_use = 0 then 'required'
    when counted.n_uses > 0 then 'carried'
  end as basis,
  coalesce(scopes.is_broad, 0) as is_broad,
  case when counted.is_since_ever = 0 then counted.first_granted_us end as granted_us,
  case when counted.is_without_end = 0 then counted.last_removed_us end as removed_us,
  counted.last_use_us as last_used_us,
  counted.n_uses as calls
from counted
left join scopes on counted.scope = scopes.scope
