-- Grain: one row per revocation case, false positives included: every clock, what the calls show after revocation, the proof grade, and the
-- two durations (kept negative where is_negative = 1; 0 where the IdP had revoked between exposure and detection).
with
calls_seen as (
  select
    case_id as called_id,
    max(last_accepted_us) as accepted_until_us,
    cast(sum(late_calls) as bigint) as n_late,
    cast(sum(rejected_calls) as bigint) as n_rejected,
    min(first_rejected_us) as rejected_from_us,
    cast(sum(exposed_calls) as bigint) as n_exposed
  from case_call_months
  group by case_id
),
joined as (
  select
    case_clocks.case_id as case_id,
    case_clocks.ticket as ticket,
    case_clocks.tracker as tracker,
    case_clocks.identity as identity,
    case_clocks.credential as credential,
    case_clocks.severity as severity,
    case_clocks.is_false_positive as is_false_positive,
    case_clocks.exposed_us as exposed_us,
    case_clocks.detected_us as detected_us,
    case_clocks.reported_us as reported_us,
    case_clocks.contained_us as contained_us,
    case_clocks.revoked_us as revoked_us,
    case_clocks.revoked_by as revoked_by,
    case_clocks.is_early as is_early,
    case_clocks.is_negative as is_negative,
    case_clocks.has_own_revocation as has_own_revocation,
    case_clocks.has_other_revocation as has_other_revocation,
    case
      when case_clocks.revoked_us is null then null
      when calls_seen.accepted_until_us > case_clocks.revoked_us then calls_seen.accepted_until_us
      else case_clocks.revoked_us
    end as enforced_us,
    calls_seen.accepted_until_us as last_accepted_us,
    calls_seen.rejected_from_us as first_rejected_us,
    coalesce(calls_seen.n_late, cast(0 as bigint)) as accepted_after,
    coalesce(calls_seen.n_rejected, cast(0 as bigint)) as rejected_after,
    coalesce(calls_seen.n_exposed, cast(0 as bigint)) as calls_after_exposure,
    coalesce(revoke_targets.target_us, params.revoke_target_us) as target_us,
    params.as_of_us - case_clocks.detected_us as age_us
  from case_clocks
  cross join params
  left join calls_seen on case_clocks.case_id = calls_seen.called_id
  left join revoke_targets on case_clocks.severity = revoke_targets.severity
)
select
  case_id, ticket, tracker, identity, credential, severity,
  cast(case when revoked_us is null then 1 else 0 end as bigint) as is_open,
  is_false_positive, is_negative,
  exposed_us, detected_us, reported_us, contained_us, revoked_us, revoked_by, enforced_us,
  last_accepted_us, first_rejected_us, accepted_after, rejected_after,
  case
    when credential is null then 'not_observable'
    when revoked_us is null and contained_us is not null then 'contained_only'
    when revoked_us is null then 'open'
    when accepted_after > 0 and has_other_revocation = 1 and has_own_revocation = 0 and revoked_by = 'ticket' then 'wrong_credential'
    when accepted_after > 0 then 'still_accepted'
    when rejected_after > 0 then 'rejected'
    else 'silent'
  end as proof_grade,
  case when is_early = 1 then cast(0 as bigint) else revoked_us - detected_us end as time_to_revoke_us,
  case when is_early = 1 and enforced_us < detected_us then cast(0 as bigint) else enforced_us - detected_us end as effective_us,
  target_us, age_us, calls_after_exposure
from joined
