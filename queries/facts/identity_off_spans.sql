-- Grain: one row per span in which an identity was disabled or deleted: from that event to its next lifecycle event (null: none since).
-- At one instant a disabling or deletion wins over a creation or enabling.
with
lifecycle as (
  select
    identity_events.identity as identity,
    identity_events.event_us as event_us,
    cast(case when identity_events.action in ('identity_disabled', 'identity_deleted') then 1 else 0 end as bigint) as is_off
  from identity_events
  cross join params
  where identity_events.action in ('identity_created', 'identity_enabled', 'identity_disabled', 'identity_deleted')
    and identity_events.outcome = 'success'
    and identity_events.identity is not null
    and identity_events.event_us - params.as_of_us < 0
),
moments as (
  select identity, event_us, max(is_off) as turns_off
  from lifecycle
  group by identity, event_us
),
numbered as (
  select
    identity, event_us, turns_off,
    cast(row_number() over (partition by identity order by event_us) as bigint) as place
  from moments
),
offs as (
  select identity, event_us, place + 1 as next_place
  from numbered
  where turns_off = 1
),
nexts as (
  select identity as next_identity, place, event_us as next_us
  from numbered
)
select
  offs.identity as identity,
  offs.event_us as from_us,
  nexts.next_us as to_us
from offs
left join nexts
  on offs.identity = nexts.next_identity
  and offs.next_place = nexts.place
