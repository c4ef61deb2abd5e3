-- Grain: one row per period (quarters and months) and API with at least one call in it; one row with a null API for the calls
-- that name none, which count in sums of calls only. Verdicts as in metrics.md.
with
parts as (
  select
    month, api,
    seen_calls, accepted_calls, authenticated_calls, decided_calls, constrained_calls, replayable_calls, no_evidence_calls,
    downgraded_calls, challenged_calls, scopes_known_calls, broad_calls, rate_limited_calls, blocked_calls, observed_calls,
    missed_calls, unobserved_missed_calls, revoked_credential_calls, expired_token_calls, scope_not_granted_calls,
    bound_downgraded_calls, proof_required_calls, first_us, last_us,
    cast(0 as bigint) as on_calls,
    cast(0 as bigint) as on_constrained_calls,
    cast(0 as bigint) as on_replayable_calls,
    cast(0 as bigint) as expired_calls,
    cast(0 as bigint) as expired_only_calls,
    cast(0 as bigint) as expired_only_unobserved_calls
  from api_months
  union all
  select
    month, api,
    cast(0 as bigint) as seen_calls, cast(0 as bigint) as accepted_calls, cast(0 as bigint) as authenticated_calls,
    cast(0 as bigint) as decided_calls, cast(0 as bigint) as constrained_calls, cast(0 as bigint) as replayable_calls,
    cast(0 as bigint) as no_evidence_calls, cast(0 as bigint) as downgraded_calls, cast(0 as bigint) as challenged_calls,
    cast(0 as bigint) as scopes_known_calls, cast(0 as bigint) as broad_calls, cast(0 as bigint) as rate_limited_calls,
    cast(0 as bigint) as blocked_calls, cast(0 as bigint) as observed_calls, cast(0 as bigint) as missed_calls,
    cast(0 as bigint) as unobserved_missed_calls, cast(0 as bigint) as revoked_credential_calls, cast(0 as bigint) as expired_token_calls,
    cast(0 as bigint) as scope_not_granted_calls, cast(0 as bigint) as bound_downgraded_calls, cast(0 as bigint) as proof_required_calls,
    cast(null as bigint) as first_us, cast(null as bigint) as last_us,
    on_calls, on_constrained_calls, on_replayable_calls, expired_calls, expired_only_calls, expired_only_unobserved_calls
  from exception_days
),
summed as (
  select
    period_months.grain as grain,
    period_months.period as period,
    parts.api as api,
    cast(sum(parts.seen_calls) as bigint) as n_calls,
    cast(sum(parts.accepted_calls) as bigint) as n_accepted,
    cast(sum(parts.authenticated_calls) as bigint) as n_authenticated,
    cast(sum(parts.decided_calls) as bigint) as n_decided,
    cast(sum(parts.constrained_calls) as bigint) as n_constrained,
    cast(sum(parts.replayable_calls) as bigint) as n_replayable,
    cast(sum(parts.no_evidence_calls) as bigint) as n_no_evidence,
    cast(sum(parts.downgraded_calls) as bigint) as n_downgraded,
    cast(sum(parts.challenged_calls) as bigint) as n_challenged,
    cast(sum(parts.scopes_known_calls) as bigint) as n_scopes_known,
    cast(sum(parts.broad_calls) as bigint) as n_broad,
    cast(sum(parts.rate_limited_calls) as bigint) as n_rate_limited,
    cast(sum(parts.blocked_calls) as bigint) as n_blocked,
    cast(sum(parts.observed_calls) as bigint) as n_observed,
    cast(sum(parts.missed_calls + parts.expired_only_calls) as bigint) as n_missed,
    cast(sum(parts.unobserved_missed_calls + parts.expired_only_unobserved_calls) as bigint) as n_unobserved_missed,
    cast(sum(parts.revoked_credential_calls) as bigint) as n_revoked_credential,
    cast(sum(parts.expired_token_calls) as bigint) as n_expired_token,
    cast(sum(parts.scope_not_granted_calls) as bigint) as n_scope_not_granted,
    cast(sum(parts.bound_downgraded_calls) as bigint) as n_bound_downgraded,
    cast(sum(parts.proof_required_calls) as bigint) as n_proof_required,
    cast(sum(parts.expired_calls) as bigint) as n_exception_expired,
    cast(sum(parts.on_calls) as bigint) as n_on_exception,
    cast(sum(parts.on_constrained_calls) as bigint) as n_constrained_on_exception,
    cast(sum(parts.on_replayable_calls) as bigint) as n_replayable_on_exception,
    min(parts.first_us) as first_seen_us,
    max(parts.last_us) as last_seen_us
  from parts
  join period_months on parts.month = period_months.month
  group by period_months.grain, period_months.period, parts.api
),
described as (
  select
    summed.grain as grain,
    summed.period as period,
    summed.api as api,
    inventory_apis.owner as owner,
    inventory_apis.environment as environment,
    inventory_apis.criticality as criticality,
    inventory_apis.declared_proof as declared_proof,
    cast(case
      when inventory_apis.is_external = true then 1
      when inventory_apis.is_external = false then 0
    end as bigint) as is_external,
    cast(case when inventory_apis.criticality in ('high', 'critical') then 1 else 0 end as bigint) as is_critical,
    summed.n_calls as n_calls, summed.n_accepted as n_accepted, summed.n_authenticated as n_authenticated, summed.n_decided as n_decided,
    summed.n_constrained as n_constrained, summed.n_replayable as n_replayable, summed.n_no_evidence as n_no_evidence,
    summed.n_downgraded as n_downgraded, summed.n_challenged as n_challenged,
    summed.n_scopes_known as n_scopes_known, summed.n_broad as n_broad, summed.n_rate_limited as n_rate_limited,
    summed.n_blocked as n_blocked, summed.n_observed as n_observed, summed.n_missed as n_missed, summed.n_unobserved_missed as n_unobserved_missed,
    summed.n_revoked_credential as n_revoked_credential, summed.n_expired_token as n_expired_token,
    summed.n_scope_not_granted as n_scope_not_granted, summed.n_bound_downgraded as n_bound_downgraded,
    summed.n_proof_required as n_proof_required, summed.n_exception_expired as n_exception_expired,
    summed.n_on_exception as n_on_exception, summed.n_constrained_on_exception as n_constrained_on_exception,
    summed.n_replayable_on_exception as n_replayable_on_exception,
    summed.first_seen_us as first_seen_us, summed.last_seen_us as last_seen_us,
    case
      when summed.api is null then ''
      when summed.n_constrained + summed.n_replayable = 0 then 'insufficient_evidence'
      when summed.n_no_evidence * 100
        > params.no_evidence_percent * (summed.n_constrained + summed.n_replayable + summed.n_no_evidence) then 'insufficient_evidence'
      when summed.n_replayable = 0 then 'constrained'
      when summed.n_constrained = 0 then 'bearer_only'
      else 'dual_accept'
    end as verdict,
    case
      when summed.api is null then ''
      when summed.n_authenticated = 0 then 'insufficient_evidence'
      when summed.n_scopes_known * 100 < params.scope_known_percent * summed.n_authenticated then 'insufficient_evidence'
      when summed.n_broad > 0 then 'broad'
      else 'least_privilege'
    end as scope_verdict
  from summed
  cross join params
  left join inventory_apis on summed.api = inventory_apis.api
)
select
  grain, period, api, owner, environment, criticality, declared_proof, is_external, is_critical,
  n_calls, n_accepted, n_authenticated, n_decided, n_constrained, n_replayable, n_no_evidence, n_downgraded, n_challenged,
  n_scopes_known, n_broad, n_rate_limited, n_blocked, n_observed, n_missed, n_unobserved_missed,
  n_revoked_credential, n_expired_token, n_scope_not_granted, n_bound_downgraded, n_proof_required, n_exception_expired,
  n_on_exception, n_constrained_on_exception, n_replayable_on_exception, first_seen_us, last_seen_us,
  verdict,
  case
    when verdict = 'constrained' and n_challenged > 0 then 'proven'
    when verdict = 'constrained' then 'unchallenged'
  end as enforcement,
  scope_verdict
from described
