-- Grain: one row per span in which an identity known before as_of was unowned or orphaned (from null: always, to null: still on); spans of one
-- identity may overlap. No rows where no source of ownership is given. Rules as in identity_states; a change holds from its own instant.
with
given as (
  select
    known_identities.identity as identity,
    known_identities.owner as owner,
    known_identities.owner_status as owner_status
  from known_identities
  cross join params
  where params.has_ownership = 1
),
by_events as (
  select identity as event_identity
  from given
  where owner is null
    and (owner_status is null or owner_status <> 'departed')
),
first_changes as (
  select identity as changed_identity, min(from_us) as first_us
  from owner_spans
  group by identity
),
held as (
  select
    by_events.event_identity as identity,
    owner_spans.owner as owner,
    owner_spans.from_us as from_us,
    owner_spans.to_us as to_us
  from by_events
  join owner_spans on by_events.event_identity = owner_spans.identity
)
select
  identity,
  cast(null as bigint) as from_us,
  cast(null as bigint) as to_us
from given
where owner_status = 'departed'
union all
select
  given.identity as identity,
  identity_off_spans.from_us as from_us,
  identity_off_spans.to_us as to_us
from given
join identity_off_spans on given.owner = identity_off_spans.identity
union all
select
  by_events.event_identity as identity,
  cast(null as bigint) as from_us,
  first_changes.first_us as to_us
from by_events
left join first_changes on by_events.event_identity = first_changes.changed_identity
union all
select identity, from_us, to_us
from held
where owner is null
union all
select
  held.identity as identity,
  case when held.from_us > identity_off_spans.from_us then held.from_us else identity_off_spans.from_us end as from_us,
  case
    when held.to_us is null then identity_off_spans.to_us
    when identity_off_spans.to_us < held.to_us then identity_off_spans.to_us
    else held.to_us
  end as to_us
from held
join identity_off_spans on held.owner = identity_off_spans.identity
where (identity_off_spans.to_us is null or identity_off_spans.to_us > held.from_us)
  and (held.to_us is null or held.to_us > identity_off_spans.from_us)
