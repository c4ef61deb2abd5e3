-- Grain: one row per revocation case, false positives included: what the ticket (one row per ticket and credential), or the exposure
-- events that no ticket answers, say of it. Claims at or after as_of are none. IdP evidence and calls are added by case_clocks and cases.
-- evidence_from_us: the earliest instant at which a revocation by the IdP ends this case. case_id numbers the cases by detection.
with
tickets as (
  select
    revocation_tickets.ticket as ticket,
    revocation_tickets.tracker as tracker,
    revocation_tickets.identity as ticket_identity,
    revocation_tickets.credential as credential,
    revocation_tickets.severity as severity,
    cast(case when revocation_tickets.is_false_positive = true then 1 else 0 end as bigint) as is_false_positive,
    case when revocation_tickets.exposed_us < params.as_of_us then revocation_tickets.exposed_us else null end as exposed_us,
    case when revocation_tickets.detected_us < params.as_of_us then revocation_tickets.detected_us else null end as ticket_detected_us,
    revocation_tickets.reported_us as reported_us,
    case when revocation_tickets.contained_us < params.as_of_us then revocation_tickets.contained_us else null end as contained_claim_us,
    case
      when revocation_tickets.revoked_from_history = 1
        and revocation_tickets.is_open = true
        and coalesce(revocation_tickets.status_is_revoked, 0) = 0
      then null
      when revocation_tickets.revoked_us < params.as_of_us then revocation_tickets.revoked_us
      else null
    end as revoked_claim_us
  from revocation_tickets
  cross join params
  where revocation_tickets.reported_us < params.as_of_us
),
links as (
  select
    tickets.ticket as linked_ticket,
    tickets.tracker as linked_tracker,
    exposures.credential as linked_credential,
    exposures.exposed_us as linked_us
  from tickets
  join exposures on tickets.credential = exposures.credential
  cross join params
  where exposures.exposed_us >= tickets.reported_us - params.attach_us
    and exposures.exposed_us <= tickets.reported_us + params.attach_us
),
first_links as (
  select linked_ticket, linked_tracker, linked_credential, min(linked_us) as first_linked_us
  from links
  group by linked_ticket, linked_tracker, linked_credential
),
answered as (
  select distinct linked_credential as answered_credential, linked_us as answered_us
  from links
),
unanswered as (
  select
    exposures.credential as credential,
    exposures.exposed_us as event_us,
    exposures.provider as provider
  from exposures
  left join answered
    on exposures.credential = answered.answered_credential
    and exposures.exposed_us = answered.answered_us
  where answered.answered_us is null
),
followed as (
  select
    credential, event_us, provider,
    lag(event_us, 1) over (partition by credential order by event_us) as previous_us
  from unanswered
),
opened as (
  select
    first_links.linked_ticket as linked_ticket,
    tickets.ticket as ticket,
    tickets.tracker as tracker,
    tickets.ticket_identity as ticket_identity,
    tickets.credential as credential,
    tickets.severity as severity,
    tickets.is_false_positive as is_false_positive,
    tickets.exposed_us as exposed_us,
    case
      when tickets.ticket_detected_us is not null then tickets.ticket_detected_us
      when first_links.first_linked_us < tickets.reported_us then first_links.first_linked_us
      else tickets.reported_us
    end as detected_us,
    tickets.reported_us as reported_us,
    tickets.contained_claim_us as contained_claim_us,
    tickets.revoked_claim_us as revoked_claim_us
  from tickets
  left join first_links
    on tickets.ticket = first_links.linked_ticket
    and tickets.tracker = first_links.linked_tracker
    and tickets.credential = first_links.linked_credential
),
rooted as (
  select
    ticket, tracker, ticket_identity, credential, severity, is_false_positive,
    exposed_us, detected_us, reported_us, contained_claim_us, revoked_claim_us
  from opened
  union all
  select
    case when 1 = 0 then followed.provider end as ticket,
    followed.provider as tracker,
    case when 1 = 0 then followed.provider end as ticket_identity,
    followed.credential as credential,
    case when 1 = 0 then followed.provider end as severity,
    cast(0 as bigint) as is_false_positive,
    cast(null as bigint) as exposed_us,
    followed.event_us as detected_us,
    cast(null as bigint) as reported_us,
    cast(null as bigint) as contained_claim_us,
    cast(null as bigint) as revoked_claim_us
  from followed
  cross join params
  where followed.previous_us is null
    or followed.event_us - followed.previous_us > params.attach_us
),
keyed as (
  select
    ticket, tracker, ticket_identity, credential, severity, is_false_positive,
    exposed_us, detected_us, reported_us, contained_claim_us, revoked_claim_us,
    coalesce(tracker, '') as tracker_key,
    coalesce(ticket, '') as ticket_key,
    coalesce(credential, '') as credential_key
  from rooted
),
numbered as (
  select
    ticket, tracker, ticket_identity, credential, severity, is_false_positive,
    exposed_us, detected_us, reported_us, contained_claim_us, revoked_claim_us,
    cast(row_number() over (order by detected_us, tracker_key, ticket_key, credential_key) as bigint) as case_id
  from keyed
)
select
  numbered.case_id as case_id,
  numbered.ticket as ticket,
  numbered.tracker as tracker,
  coalesce(numbered.ticket_identity, credential_identities.identity) as identity,
  numbered.credential as credential,
  numbered.severity as severity,
  numbered.is_false_positive as is_false_positive,
  numbered.exposed_us as exposed_us,
  numbered.detected_us as detected_us,
  numbered.reported_us as reported_us,
  numbered.contained_claim_us as contained_claim_us,
  numbered.revoked_claim_us as revoked_claim_us,
  case when numbered.exposed_us < numbered.detected_us then numbered.exposed_us else numbered.detected_us end as evidence_from_us
from numbered
left join credential_identities on numbered.credential = credential_identities.credential
