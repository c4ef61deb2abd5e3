-- Grain: one row per owner_assigned or owner_removed instant of an identity, and the span until the next one (null: none since): who owned it
-- then by the events (null: nobody known). At one instant an assignment wins over a removal.
with
changes as (
  select
    identity_events.identity as identity,
    identity_events.event_us as event_us,
    case when identity_events.action = 'owner_assigned' then identity_events.owner end as assigned_owner
  from identity_events
  cross join params
  where identity_events.action in ('owner_assigned', 'owner_removed')
    and identity_events.outcome = 'success'
    and identity_events.identity is not null
    and identity_events.event_us - params.as_of_us < 0
),
moments as (
  select identity, event_us, min(assigned_owner) as owner
  from changes
  group by identity, event_us
),
numbered as (
  select
    identity, event_us, owner,
    cast(row_number() over (partition by identity order by event_us) as bigint) as place
  from moments
),
spans as (
  select identity, event_us, owner, place + 1 as next_place
  from numbered
),
nexts as (
  select identity as next_identity, place, event_us as next_us
  from numbered
)
select
  spans.identity as identity,
  spans.owner as owner,
  spans.event_us as from_us,
  nexts.next_us as to_us
from spans
left join nexts
  on spans.identity = nexts.next_identity
  and spans.next_place = nexts.place
