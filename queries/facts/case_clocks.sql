-- Grain: one row per revocation case, false positives included, with contained_at and revoked_at from the IdP's events before as_of, else
-- the ticket's claims. Reads no calls, so that calls can be judged by it. is_early: revoked by the IdP between exposure and detection.
-- is_negative: the claimed revocation lies before detection, a data error. has_own_revocation: the IdP ever revoked this very credential;
-- has_other_revocation: it revoked another credential of the identity within 7 days of detection.
with
evidence as (
  select
    case_roots.case_id as case_id,
    case when credential_revocations.revoked_us >= case_roots.evidence_from_us then credential_revocations.revoked_us else null end as revoked_us,
    cast(null as bigint) as contained_us,
    cast(1 as bigint) as is_own,
    cast(0 as bigint) as is_other
  from case_roots
  join credential_revocations on case_roots.credential = credential_revocations.credential
  union all
  select
    case_roots.case_id as case_id,
    cast(null as bigint) as revoked_us,
    cast(null as bigint) as contained_us,
    cast(0 as bigint) as is_own,
    cast(1 as bigint) as is_other
  from case_roots
  join credential_revocations on case_roots.identity = credential_revocations.identity
  cross join params
  where case_roots.credential <> credential_revocations.credential
    and credential_revocations.revoked_us >= case_roots.detected_us
    and credential_revocations.revoked_us <= case_roots.detected_us + params.attach_us
  union all
  select
    case_roots.case_id as case_id,
    cast(null as bigint) as revoked_us,
    identity_events.event_us as contained_us,
    cast(0 as bigint) as is_own,
    cast(0 as bigint) as is_other
  from case_roots
  join identity_events on case_roots.credential = identity_events.credential
  cross join params
  where identity_events.action = 'credential_contained'
    and identity_events.outcome = 'success'
    and identity_events.event_us >= case_roots.detected_us
    and identity_events.event_us - params.as_of_us < 0
  union all
  select
    case_roots.case_id as case_id,
    case
      when identity_events.action = 'identity_deleted' and identity_events.event_us >= case_roots.evidence_from_us then identity_events.event_us
      else null
    end as revoked_us,
    case
      when identity_events.action = 'identity_disabled' and identity_events.event_us >= case_roots.detected_us then identity_events.event_us
      else null
    end as contained_us,
    cast(0 as bigint) as is_own,
    cast(0 as bigint) as is_other
  from case_roots
  join identity_events on case_roots.identity = identity_events.identity
  cross join params
  where identity_events.action in ('identity_disabled', 'identity_deleted')
    and identity_events.outcome = 'success'
    and identity_events.event_us - params.as_of_us < 0
),
found as (
  select
    case_id as found_id,
    min(revoked_us) as idp_revoked_us,
    min(contained_us) as idp_contained_us,
    max(is_own) as own_revocation,
    max(is_other) as other_revocation
  from evidence
  group by case_id
),
joined as (
  select
    case_roots.case_id as case_id,
    case_roots.ticket as ticket,
    case_roots.tracker as tracker,
    case_roots.identity as identity,
    case_roots.credential as credential,
    case_roots.severity as severity,
    case_roots.is_false_positive as is_false_positive,
    case_roots.exposed_us as exposed_us,
    case_roots.detected_us as detected_us,
    case_roots.reported_us as reported_us,
    coalesce(found.idp_contained_us, case_roots.contained_claim_us) as contained_us,
    coalesce(found.idp_revoked_us, case_roots.revoked_claim_us) as revoked_us,
    found.idp_revoked_us as idp_revoked_us,
    coalesce(found.own_revocation, cast(0 as bigint)) as has_own_revocation,
    coalesce(found.other_revocation, cast(0 as bigint)) as has_other_revocation
  from case_roots
  left join found on case_roots.case_id = found.found_id
)
select
  case_id, ticket, tracker, identity, credential, severity, is_false_positive,
  exposed_us, detected_us, reported_us, contained_us, revoked_us,
  case
    when idp_revoked_us is not null then 'idp'
    when revoked_us is not null then 'ticket'
  end as revoked_by,
  cast(case when idp_revoked_us < detected_us then 1 else 0 end as bigint) as is_early,
  cast(case when idp_revoked_us is null and revoked_us < detected_us then 1 else 0 end as bigint) as is_negative,
  has_own_revocation, has_other_revocation
from joined
