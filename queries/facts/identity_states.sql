-- Grain: one row per instant (period ends and as_of) and identity known before it, with evidence strictly before it.
-- is_unowned and is_orphaned are null where no source of ownership is given, is_dormant where the request logs do not cover its window;
-- all three are null for an identity that is not live. owner: the inventory's, else by the last owner event.
with
known as (
  select
    instants.t_us as t_us,
    known_identities.identity as identity,
    known_identities.owner as listed_owner,
    known_identities.owner_status as owner_status,
    cast(case
      when known_identities.is_listed = 1 and (known_identities.created_us is null or known_identities.created_us < instants.t_us)
      then 1 else 0
    end as bigint) as is_listed,
    case
      when known_identities.created_us < known_identities.first_seen_us then known_identities.created_us
      when known_identities.first_seen_us is null and known_identities.created_us < instants.t_us then known_identities.created_us
      else known_identities.first_seen_us
    end as first_known_us,
    instants.dormant_start_us as dormant_start_us,
    instants.dormant_covered as dormant_covered,
    params.has_ownership as has_ownership
  from known_identities
  cross join instants
  cross join params
  where known_identities.first_seen_us < instants.t_us
    or (known_identities.is_listed = 1 and (known_identities.created_us is null or known_identities.created_us < instants.t_us))
),
off_then as (
  select distinct
    instants.t_us as off_t_us,
    identity_off_spans.identity as off_identity,
    cast(1 as bigint) as is_off
  from identity_off_spans
  cross join instants
  where identity_off_spans.from_us < instants.t_us
    and (identity_off_spans.to_us is null or identity_off_spans.to_us >= instants.t_us)
),
owned_then as (
  select
    instants.t_us as owned_t_us,
    owner_spans.identity as owned_identity,
    owner_spans.owner as event_owner
  from owner_spans
  cross join instants
  where owner_spans.from_us < instants.t_us
    and (owner_spans.to_us is null or owner_spans.to_us >= instants.t_us)
),
used_then as (
  select
    instants.t_us as used_t_us,
    identity_months.identity as used_identity,
    max(identity_months.last_used_us) as used_until_us
  from identity_months
  join instants on identity_months.last_used_us < instants.t_us
  group by instants.t_us, identity_months.identity
),
endless as (
  select identity, min(first_known_us) as held_from_us
  from credential_lives
  where ended_us is null
    and identity is not null
  group by identity
),
holdings as (
  select
    instants.t_us as t_us,
    endless.identity as identity
  from endless
  join instants on endless.held_from_us < instants.t_us
  union all
  select
    instants.t_us as t_us,
    credential_lives.identity as identity
  from credential_lives
  join instants
    on credential_lives.first_known_us < instants.t_us
    and credential_lives.ended_us >= instants.t_us
  where credential_lives.identity is not null
),
held_then as (
  select distinct t_us as held_t_us, identity as held_identity, cast(1 as bigint) as is_held
  from holdings
),
owned as (
  select
    known.t_us as t_us,
    known.identity as identity,
    known.is_listed as is_listed,
    known.first_known_us as first_known_us,
    known.dormant_start_us as dormant_start_us,
    known.dormant_covered as dormant_covered,
    known.has_ownership as has_ownership,
    known.owner_status as owner_status,
    coalesce(known.listed_owner, owned_then.event_owner) as owner,
    used_then.used_until_us as last_used_us,
    coalesce(held_then.is_held, cast(0 as bigint)) as is_held
  from known
  left join owned_then
    on known.t_us = owned_then.owned_t_us
    and known.identity = owned_then.owned_identity
  left join used_then
    on known.t_us = used_then.used_t_us
    and known.identity = used_then.used_identity
  left join held_then
    on known.t_us = held_then.held_t_us
    and known.identity = held_then.held_identity
),
lived as (
  select
    owned.t_us as t_us,
    owned.identity as identity,
    owned.is_listed as is_listed,
    owned.first_known_us as first_known_us,
    owned.dormant_start_us as dormant_start_us,
    owned.dormant_covered as dormant_covered,
    owned.has_ownership as has_ownership,
    owned.owner_status as owner_status,
    owned.owner as owner,
    owned.last_used_us as last_used_us,
    owned.is_held as is_held,
    cast(case when off_then.is_off = 1 then 0 else 1 end as bigint) as is_live
  from owned
  left join off_then
    on owned.t_us = off_then.off_t_us
    and owned.identity = off_then.off_identity
),
owner_off as (
  select off_t_us as owner_t_us, off_identity as off_owner, is_off as is_owner_off
  from off_then
),
joined as (
  select
    lived.t_us as t_us,
    lived.identity as identity,
    lived.is_listed as is_listed,
    lived.first_known_us as first_known_us,
    lived.dormant_start_us as dormant_start_us,
    lived.dormant_covered as dormant_covered,
    lived.has_ownership as has_ownership,
    lived.owner_status as owner_status,
    lived.owner as owner,
    lived.last_used_us as last_used_us,
    lived.is_held as is_held,
    lived.is_live as is_live,
    owner_off.is_owner_off as is_owner_off
  from lived
  left join owner_off
    on lived.t_us = owner_off.owner_t_us
    and lived.owner = owner_off.off_owner
)
select
  t_us, identity, is_live,
  cast(case when is_live = 1 and (has_ownership = 1 or dormant_covered = 1) then 1 else 0 end as bigint) as judged,
  cast(case
    when is_live = 0 or has_ownership = 0 then null
    when owner is null then 1
    else 0
  end as bigint) as is_unowned,
  cast(case
    when is_live = 0 or has_ownership = 0 then null
    when owner_status = 'departed' or is_owner_off = 1 then 1
    else 0
  end as bigint) as is_orphaned,
  cast(case
    when is_live = 0 or dormant_covered = 0 then null
    when (is_listed = 1 or is_held = 1)
      and (last_used_us is null or last_used_us < dormant_start_us)
      and first_known_us <= dormant_start_us
    then 1
    else 0
  end as bigint) as is_dormant,
  dormant_covered, owner, first_known_us, last_used_us
from joined
