-- Grain: one row per revocation case, false positives included, judged at as_of. case_id joins the list columns and is not written.
with
result as (
  select
    case_id, ticket, tracker, identity, credential, severity, is_open, is_false_positive,
    exposed_us as exposed_at_us,
    detected_us as detected_at_us,
    reported_us as reported_at_us,
    contained_us as contained_at_us,
    revoked_us as revoked_at_us,
    enforced_us as enforced_at_us,
    revoked_by,
    last_accepted_us as last_accepted_at_us,
    first_rejected_us as first_rejected_at_us,
    accepted_after, rejected_after, proof_grade,
    cast(time_to_revoke_us as double) / cast(1000000 as double) as time_to_revoke_s,
    cast(effective_us as double) / cast(1000000 as double) as effective_time_to_revoke_s,
    calls_after_exposure
  from cases
)
select
  case_id, ticket, tracker, identity, credential, severity, is_open, is_false_positive,
  exposed_at_us, detected_at_us, reported_at_us, contained_at_us, revoked_at_us, enforced_at_us, revoked_by,
  last_accepted_at_us, first_rejected_at_us, accepted_after, rejected_after, proof_grade,
  time_to_revoke_s, effective_time_to_revoke_s, calls_after_exposure
from result
order by case_id
