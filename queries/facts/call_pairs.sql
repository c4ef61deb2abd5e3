-- per: month
-- Grain: one row per month, identity with a known grant, and set of scopes it carried on accepted calls.
with
granted as (
  select distinct identity as granted_identity
  from grant_spans
)
select
  requests.month as month,
  requests.identity as identity,
  requests.scope_set as scope_set,
  min(requests.event_us) as first_us,
  max(requests.event_us) as last_us
from requests
join granted on requests.identity = granted.granted_identity
cross join params
where requests.event_us - params.as_of_us < 0
  and requests.decision in ('allowed', 'observed')
  and requests.scope_set is not null
group by requests.month, requests.identity, requests.scope_set
