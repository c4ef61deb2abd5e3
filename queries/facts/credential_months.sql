-- per: month
-- Grain: one row per month, credential and identity that calls before as_of named (either may be null, not both).
-- The only look at all calls that credentials and identities need: when a credential or an identity was seen, accepted, last used.
-- Token times are the latest of the accepted calls': one reference is one token, so they differ only where a gateway logs no token reference.
with
seen as (
  select
    requests.month as month,
    requests.credential as credential,
    requests.identity as identity,
    requests.event_us as event_us,
    case when requests.decision in ('allowed', 'observed') then requests.event_us else null end as accepted_us,
    case when requests.decision in ('allowed', 'observed') then requests.token_issued_us else null end as issued_us,
    case when requests.decision in ('allowed', 'observed') then requests.token_expires_us else null end as expires_us
  from requests
  cross join params
  where requests.event_us - params.as_of_us < 0
    and (requests.credential is not null or requests.identity is not null)
)
select
  month,
  credential,
  identity,
  cast(count(accepted_us) as bigint) as accepted_calls,
  min(event_us) as first_call_us,
  min(accepted_us) as first_accepted_us,
  max(accepted_us) as last_accepted_us,
  max(issued_us) as token_issued_us,
  max(expires_us) as token_expires_us
from seen
group by month, credential, identity
