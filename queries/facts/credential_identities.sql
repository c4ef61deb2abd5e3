-- Grain: one row per credential whose identity is known: the first one that an event names with it, else the first that a call does.
with
namings as (
  select
    identity_events.credential as credential,
    identity_events.identity as identity,
    cast(0 as bigint) as source_rank,
    identity_events.event_us as named_us
  from identity_events
  cross join params
  where identity_events.credential is not null
    and identity_events.identity is not null
    and identity_events.event_us - params.as_of_us < 0
  union all
  select
    credential_months.credential as credential,
    credential_months.identity as identity,
    cast(1 as bigint) as source_rank,
    credential_months.first_call_us as named_us
  from credential_months
  where credential_months.credential is not null
    and credential_months.identity is not null
),
pairs as (
  select credential, identity, source_rank, min(named_us) as first_named_us
  from namings
  group by credential, identity, source_rank
),
ranked as (
  select
    credential, identity,
    cast(row_number() over (partition by credential order by source_rank, first_named_us, identity) as bigint) as place
  from pairs
)
select credential, identity
from ranked
where place = 1
