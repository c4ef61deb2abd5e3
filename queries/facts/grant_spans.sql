-- Grain: one row per span of time in which an identity held a scope (at one API, where the grant names one).
-- Inventory rows as given, and the spans that successful scope_granted and scope_revoked events open and close.
-- A grant while one is open and a revoke while none is open change nothing. At one instant a revoke comes before a grant.
with
members as (
  select distinct
    identity_events.identity as identity,
    scope_sets.scope as scope,
    identity_events.api as api,
    coalesce(identity_events.api, '') as api_key,
    identity_events.event_us as event_us,
    cast(case when identity_events.action = 'scope_granted' then 1 else 0 end as bigint) as is_grant
  from identity_events
  join scope_sets on identity_events.scope_set = scope_sets.scope_set
  cross join params
  where identity_events.action in ('scope_granted', 'scope_revoked')
    and identity_events.outcome = 'success'
    and identity_events.identity is not null
    and identity_events.event_us - params.as_of_us < 0
),
followed as (
  select
    identity, scope, api, api_key, event_us, is_grant,
    lag(is_grant, 1) over (
      partition by identity, scope, api_key
      order by event_us * 2 + is_grant
    ) as was_grant
  from members
),
changes as (
  select identity, scope, api, api_key, event_us, is_grant
  from followed
  where (is_grant = 1 and coalesce(was_grant, 0) = 0)
    or (is_grant = 0 and was_grant = 1)
),
numbered as (
  select
    identity, scope, api, api_key, event_us, is_grant,
    cast(row_number() over (
      partition by identity, scope, api_key
      order by event_us * 2 + is_grant
    ) as bigint) as change
  from changes
),
openings as (
  select identity, scope, api, api_key, event_us, change + 1 as closing_change
  from numbered
  where is_grant = 1
),
closings as (
  select identity, scope, api_key, change, event_us as closed_us
  from numbered
  where is_grant = 0
),
paired as (
  select
    openings.identity as identity,
    openings.scope as scope,
    openings.api as api,
    openings.event_us as granted_us,
    closings.closed_us as removed_us
  from openings
  left join closings
    on openings.identity = closings.identity
    and openings.scope = closings.scope
    and openings.api_key = closings.api_key
    and openings.closing_change = closings.change
),
given as (
  select
    inventory_grants.identity as identity,
    inventory_grants.scope as scope,
    inventory_grants.api as api,
    inventory_grants.granted_us as granted_us,
    inventory_grants.removed_us as removed_us
  from inventory_grants
  cross join params
  where inventory_grants.granted_us is null
    or inventory_grants.granted_us < params.as_of_us
)
select identity, scope, api, granted_us, removed_us from given
union all
select identity, scope, api, granted_us, removed_us from paired
