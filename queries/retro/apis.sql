-- Grain: one row per subject and API that its calls reached between exposure and enforcement.
with
sums as (
  select
    subject, api,
    cast(sum(case when decision in ('allowed', 'observed') then n_calls else 0 end) as bigint) as accepted,
    cast(sum(case when decision = 'blocked' then n_calls else 0 end) as bigint) as blocked,
    cast(sum(case when decision in ('allowed', 'observed', 'blocked') then 0 else n_calls end) as bigint) as other,
    min(first_call_us) as first_us,
    max(last_call_us) as last_us
  from retro_calls
  where phase = 'exposed'
  group by subject, api
)
select subject, api, accepted, blocked, other, first_us, last_us
from sums
order by subject, api nulls first
