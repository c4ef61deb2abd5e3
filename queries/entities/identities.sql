-- Grain: one row per identity known before as_of, judged at as_of.
with
states as (
  select
    identity_states.identity as identity,
    identity_states.owner as owner,
    identity_states.is_live as is_live,
    identity_states.is_unowned as is_unowned,
    identity_states.is_orphaned as is_orphaned,
    identity_states.is_dormant as is_dormant,
    identity_states.judged as judged,
    identity_states.last_used_us as last_used_us
  from identity_states
  join params on identity_states.t_us = params.as_of_us
),
kind_mentions as (
  select
    identity_events.identity as identity,
    identity_events.identity_kind as kind,
    min(identity_events.event_us) as first_stated_us,
    max(cast(case when identity_events.identity_kind = 'unknown' then 1 else 0 end as bigint)) as is_vague
  from identity_events
  cross join params
  where identity_events.identity is not null
    and identity_events.identity_kind is not null
    and identity_events.event_us - params.as_of_us < 0
  group by identity_events.identity, identity_events.identity_kind
),
kinds_in_order as (
  select
    identity, kind,
    cast(row_number() over (partition by identity order by is_vague, first_stated_us, kind) as bigint) as place
  from kind_mentions
),
kinds as (
  select identity as kind_identity, kind as event_kind
  from kinds_in_order
  where place = 1
),
holdings as (
  select identity as holder, cast(count(*) as bigint) as n_live
  from credential_lives
  where identity is not null
    and ended_us is null
  group by identity
),
grants_then as (
  select
    grant_counts.identity as grantee,
    grant_counts.granted as n_granted,
    grant_counts.used as n_used,
    grant_counts.unused as n_unused
  from grant_counts
  join params on grant_counts.t_us = params.as_of_us
),
joined as (
  select
    states.identity as identity,
    coalesce(known_identities.kind, kinds.event_kind) as kind,
    states.owner as owner,
    known_identities.owner_status as owner_status,
    known_identities.environment as environment,
    states.is_live as is_live,
    states.is_unowned as is_unowned,
    states.is_orphaned as is_orphaned,
    states.is_dormant as is_dormant,
    states.judged as judged,
    known_identities.first_seen_us as first_seen_us,
    states.last_used_us as last_used_us,
    coalesce(holdings.n_live, cast(0 as bigint)) as live_credentials,
    coalesce(grants_then.n_granted, cast(0 as bigint)) as granted,
    coalesce(grants_then.n_used, cast(0 as bigint)) as used,
    coalesce(grants_then.n_unused, cast(0 as bigint)) as unused,
    params.over_privileged_percent as over_privileged_percent
  from states
  cross join params
  left join known_identities on states.identity = known_identities.identity
  left join kinds on states.identity = kinds.kind_identity
  left join holdings on states.identity = holdings.holder
  left join grants_then on states.identity = grants_then.grantee
),
result as (
  select
    identity, kind, owner, owner_status, environment, is_live, is_unowned, is_orphaned, is_dormant, judged,
    case
      when is_live = 0 then 'not_live'
      when judged = 0 then 'no_ownership_source'
    end as reason,
    first_seen_us, last_used_us, live_credentials, granted, used, unused,
    case
      when used + unused > 0 then cast(unused as double) / cast(used + unused as double)
      else cast(null as double)
    end as unused_share,
    cast(case
      when used + unused = 0 then null
      when unused * 100 > over_privileged_percent * (used + unused) then 1
      else 0
    end as bigint) as is_over_privileged
  from joined
)
select
  identity, kind, owner, owner_status, environment, is_live, is_unowned, is_orphaned, is_dormant, judged, reason,
  first_seen_us, last_used_us, live_credentials, granted, used, unused, unused_share, is_over_privileged
from result
order by identity
