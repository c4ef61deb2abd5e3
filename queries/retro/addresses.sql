-- Grain: one row per subject and client address of its calls between exposure and enforcement. before: calls of the subject, or of its identity
-- with other credentials, from there until exposure; an address with none is new.
with
here as (
  select
    subject, client_address,
    cast(sum(case when decision in ('allowed', 'observed') then n_calls else 0 end) as bigint) as accepted,
    cast(sum(n_calls) as bigint) as calls,
    min(first_call_us) as first_us,
    max(last_call_us) as last_us
  from retro_calls
  where phase = 'exposed' and client_address is not null
  group by subject, client_address
),
earlier as (
  select subject as earlier_subject, client_address as earlier_address, n_calls as earlier_calls
  from retro_calls
  where phase = 'before' and client_address is not null
  union all
  select subject as earlier_subject, client_address as earlier_address, calls_before as earlier_calls
  from retro_neighbours
  where client_address is not null
),
earlier_sums as (
  select earlier_subject, earlier_address, cast(sum(earlier_calls) as bigint) as n_earlier
  from earlier
  group by earlier_subject, earlier_address
)
select
  here.subject as subject, here.client_address as client_address, here.accepted as accepted, here.calls as calls,
  coalesce(earlier_sums.n_earlier, cast(0 as bigint)) as before, here.first_us as first_us, here.last_us as last_us
from here
left join earlier_sums on here.subject = earlier_sums.earlier_subject and here.client_address = earlier_sums.earlier_address
order by subject, before, client_address
