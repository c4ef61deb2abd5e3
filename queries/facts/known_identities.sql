-- Grain: one row per identity known before as_of from the inventory, an event or an accepted call, with what the inventory says of it.
-- first_seen_us: first event or accepted call. is_listed: in the inventory (created_us null: always).
with
seen as (
  select identity, min(first_named_us) as first_seen_us
  from identity_months
  group by identity
),
listed as (
  select
    inventory_identities.identity as listed_identity,
    inventory_identities.kind as kind,
    inventory_identities.owner as owner,
    inventory_identities.owner_status as owner_status,
    inventory_identities.environment as environment,
    inventory_identities.criticality as criticality,
    inventory_identities.created_us as created_us,
    cast(1 as bigint) as is_listed
  from inventory_identities
),
both_sources as (
  select identity, first_seen_us
  from seen
  union all
  select listed_identity as identity, cast(null as bigint) as first_seen_us
  from listed
),
merged as (
  select identity, min(first_seen_us) as seen_us
  from both_sources
  group by identity
)
select
  merged.identity as identity,
  merged.seen_us as first_seen_us,
  coalesce(listed.is_listed, cast(0 as bigint)) as is_listed,
  listed.created_us as created_us,
  listed.kind as kind,
  listed.owner as owner,
  listed.owner_status as owner_status,
  listed.environment as environment,
  listed.criticality as criticality
from merged
cross join params
left join listed on merged.identity = listed.listed_identity
where merged.seen_us is not null
  or (listed.is_listed = 1 and (listed.created_us is null or listed.created_us < params.as_of_us))
