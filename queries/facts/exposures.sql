-- Grain: one row per credential and instant at which a successful credential_exposed event before as_of named it.
with
reports as (
  select
    identity_events.credential as credential,
    identity_events.event_us as exposed_us,
    identity_events.provider as reporter
  from identity_events
  cross join params
  where identity_events.action = 'credential_exposed'
    and identity_events.outcome = 'success'
    and identity_events.credential is not null
    and identity_events.event_us - params.as_of_us < 0
)
select credential, exposed_us, min(reporter) as provider
from reports
group by credential, exposed_us
