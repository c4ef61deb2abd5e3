-- per: month
-- Grain: one row per day (cut at the time of day of as_of), identity, API, set of carried and set of required scopes, over accepted calls:
-- what windows that end at any instant, scope use and the shares of identities are made of.
select
  month,
  day,
  part,
  identity,
  api,
  scope_set,
  required_set,
  cast(count(*) as bigint) as n_calls,
  cast(sum(authenticated) as bigint) as n_authenticated,
  max(event_us) as last_us
from calls
where accepted = 1
group by month, day, part, identity, api, scope_set, required_set
