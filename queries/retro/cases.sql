-- Grain: one row per revocation case that the key (retro_key: a credential, a ticket or an identity) names, false positives included.
select
  revocations.ticket as ticket, revocations.tracker as tracker, revocations.identity as identity, revocations.credential as credential,
  revocations.severity as severity, revocations.is_open as is_open, revocations.is_false_positive as is_false_positive,
  revocations.exposed_at as exposed_at, revocations.detected_at as detected_at, revocations.reported_at as reported_at,
  revocations.contained_at as contained_at, revocations.revoked_at as revoked_at, revocations.enforced_at as enforced_at,
  revocations.revoked_by as revoked_by, revocations.last_accepted_at as last_accepted_at,
  revocations.first_rejected_at as first_rejected_at, revocations.accepted_after as accepted_after,
  revocations.rejected_after as rejected_after, revocations.proof_grade as proof_grade,
  revocations.calls_after_exposure as calls_after_exposure
from revocations
cross join retro_key
where revocations.ticket = retro_key.ticket
  or revocations.credential = retro_key.credential
  or revocations.identity = retro_key.identity
order by detected_at, tracker, ticket nulls first, credential nulls first
