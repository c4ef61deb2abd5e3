-- per: month
-- Grain: one row per subject, kind of milestone and place: the calls of a month that may be the record behind a clock or a proof grade.
with
matched as (
  select
    retro_subjects.subject as subject, retro_subjects.from_us as from_us, retro_subjects.revoked_us as revoked_us,
    requests.event_us as event_us, requests.api as api, requests.method as method, requests.route as route, requests.status as status,
    requests.decision as decision, requests.violation as violation, requests.gateway as gateway,
    requests.client_address as client_address, requests.token_issued_us as token_issued_us,
    requests.file as file, requests.record as record
  from requests
  join retro_subjects on requests.credential = retro_subjects.match_credential
  union all
  select
    retro_subjects.subject as subject, retro_subjects.from_us as from_us, retro_subjects.revoked_us as revoked_us,
    requests.event_us as event_us, requests.api as api, requests.method as method, requests.route as route, requests.status as status,
    requests.decision as decision, requests.violation as violation, requests.gateway as gateway,
    requests.client_address as client_address, requests.token_issued_us as token_issued_us,
    requests.file as file, requests.record as record
  from requests
  join retro_subjects on requests.identity = retro_subjects.match_identity
),
known as (
  select
    matched.subject as subject, matched.from_us as from_us, matched.revoked_us as revoked_us, params.grace_us as grace_us,
    cast(case when matched.decision in ('allowed', 'observed') then 1 else 0 end as bigint) as accepted,
    cast(case when matched.decision = 'blocked' and matched.violation <> 'rate_limited' then 1 else 0 end as bigint) as rejected,
    matched.event_us as event_us, matched.api as api, matched.method as method, matched.route as route, matched.status as status,
    matched.decision as decision, matched.violation as violation, matched.gateway as gateway,
    matched.client_address as client_address, matched.token_issued_us as token_issued_us,
    matched.file as file, matched.record as record
  from matched
  cross join params
  where matched.event_us - params.as_of_us < 0
),
candidates as (
  select
    subject, 'first_seen' as kind, event_us as order_us, event_us, api, method, route, status, decision, violation, gateway,
    client_address, token_issued_us, file, record
  from known
  union all
  select
    subject, 'first_accepted' as kind, event_us as order_us, event_us, api, method, route, status, decision, violation, gateway,
    client_address, token_issued_us, file, record
  from known
  where accepted = 1 and event_us > from_us
  union all
  select
    subject, 'last_accepted' as kind, 0 - event_us as order_us, event_us, api, method, route, status, decision, violation, gateway,
    client_address, token_issued_us, file, record
  from known
  where accepted = 1
  union all
  select
    subject, 'accepted_after' as kind, event_us as order_us, event_us, api, method, route, status, decision, violation, gateway,
    client_address, token_issued_us, file, record
  from known
  where accepted = 1 and event_us > revoked_us + grace_us
  union all
  select
    subject, 'rejected_after' as kind, event_us as order_us, event_us, api, method, route, status, decision, violation, gateway,
    client_address, token_issued_us, file, record
  from known
  where rejected = 1 and event_us > revoked_us
),
ranked as (
  select
    subject, kind, order_us, event_us, api, method, route, status, decision, violation, gateway, client_address, token_issued_us, file, record,
    cast(row_number() over (partition by subject, kind order by order_us, file, record) as bigint) as place
  from candidates
)
select
  subject, kind, order_us, event_us, api, method, route, cast(status as bigint) as status, decision, violation, gateway,
  client_address, token_issued_us, file, record
from ranked
where place <= 5
order by subject, kind, order_us, file, record
