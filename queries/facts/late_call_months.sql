-- per: month
-- Grain: one row per month and credential with accepted calls later than its revocation plus the grace (RV03).
select
  requests.month as month,
  requests.credential as credential,
  cast(count(*) as bigint) as late_calls
from requests
join revoked_credentials on requests.credential = revoked_credentials.credential
cross join params
where requests.decision in ('allowed', 'observed')
  and requests.event_us > revoked_credentials.revoked_us + params.grace_us
  and requests.event_us - params.as_of_us < 0
group by requests.month, requests.credential
