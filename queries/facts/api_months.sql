-- per: month
-- Grain: one row per month and API (one with a null API for calls that name none): counts of calls, which add up.
select
  month,
  api,
  cast(count(*) as bigint) as seen_calls,
  cast(sum(accepted) as bigint) as accepted_calls,
  cast(sum(authenticated) as bigint) as authenticated_calls,
  cast(sum(known_decision) as bigint) as decided_calls,
  cast(sum(constrained) as bigint) as constrained_calls,
  cast(sum(replayable) as bigint) as replayable_calls,
  cast(sum(no_evidence) as bigint) as no_evidence_calls,
  cast(sum(downgraded) as bigint) as downgraded_calls,
  cast(sum(challenged) as bigint) as challenged_calls,
  cast(sum(scopes_known) as bigint) as scopes_known_calls,
  cast(sum(broad) as bigint) as broad_calls,
  cast(sum(rate_limited) as bigint) as rate_limited_calls,
  cast(sum(violating_blocked) as bigint) as blocked_calls,
  cast(sum(violating_observed) as bigint) as observed_calls,
  cast(sum(missed) as bigint) as missed_calls,
  cast(sum(missed * (1 - violating_observed)) as bigint) as unobserved_missed_calls,
  cast(sum(missed_revoked) as bigint) as revoked_credential_calls,
  cast(sum(missed_expired) as bigint) as expired_token_calls,
  cast(sum(missed_scope) as bigint) as scope_not_granted_calls,
  cast(sum(missed_downgraded) as bigint) as bound_downgraded_calls,
  cast(sum(missed_proof) as bigint) as proof_required_calls,
  min(event_us) as first_us,
  max(event_us) as last_us
from calls
group by month, api
