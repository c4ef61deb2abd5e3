-- per: month
-- Grain: one row per call before as_of, with the 0/1 flags that every metric of calls shares. Row by row: no groups, no windows.
-- accepted: the call got through. authenticated: accepted, with some authentication; constrained + replayable + no_evidence = authenticated;
-- scopes_known, broad and long_ttl are over authenticated calls too. challenged: blocked for want of proof.
-- violating_*: a violation that counts. missed_*: accepted although (a) to (e) of metrics.md; reason (f) is in exception_days.
-- part: 1 when the time of day is at or after that of as_of, so that windows which end at as_of can be cut exactly from days.
with
broad_sets as (
  select distinct scope_set as broad_set, is_broad as has_broad
  from scope_sets
  where is_broad = 1
),
declaring_apis as (
  select distinct api as declaring_api, declared_proof as declared
  from inventory_apis
  where declared_proof = 'required' and api is not null
),
never_granted as (
  select distinct identity as never_identity, scope_set as never_set, is_partly as never_partly
  from pair_scopes
  where is_partly = 0
),
not_granted_then as (
  select distinct identity as then_identity, scope_set as then_set, event_us as then_us
  from partly_misses
),
seen as (
  select
    requests.month as month,
    requests.day as day,
    cast(case
      when requests.event_us - requests.day * 86400000000 >= params.as_of_tod_us then 1 else 0
    end as bigint) as part,
    requests.event_us as event_us,
    requests.api as api,
    requests.identity as identity,
    requests.credential as credential,
    requests.gateway as gateway,
    requests.environment as environment,
    requests.decision as decision,
    requests.violation as violation,
    requests.scope_set as scope_set,
    requests.required_set as required_set,
    cast(case when requests.decision in ('allowed', 'observed') then 1 else 0 end as bigint) as accepted,
    cast(case
      when requests.decision in ('allowed', 'observed')
        and requests.auth_scheme is not null
        and requests.auth_scheme <> 'none'
        and requests.auth_scheme <> 'unknown'
      then 1 else 0
    end as bigint) as authenticated,
    cast(case when requests.decision = 'blocked' then 1 else 0 end as bigint) as blocked,
    cast(case when requests.decision in ('allowed', 'blocked', 'observed') then 1 else 0 end as bigint) as known_decision,
    cast(case when requests.proof in ('dpop_verified', 'mtls_bound', 'signature_verified') then 1 else 0 end as bigint) as is_bound,
    cast(case when requests.proof in ('none', 'bound_downgraded', 'mtls_transport_only') then 1 else 0 end as bigint) as is_free,
    cast(case when requests.proof = 'bound_downgraded' then 1 else 0 end as bigint) as is_downgraded,
    cast(case
      when requests.decision = 'blocked' and requests.violation = 'proof_failed' then 1
      when requests.decision = 'blocked'
        and (requests.violation is null or requests.violation <> 'rate_limited')
        and requests.auth_scheme in ('bearer', 'api_key', 'basic')
        and requests.proof = 'none'
      then 1 else 0
    end as bigint) as challenged,
    cast(case when requests.violation = 'rate_limited' then 1 else 0 end as bigint) as rate_limited,
    cast(case
      when requests.violation is null then 0
      when requests.violation = 'rate_limited' then params.rate_limited_counts
      else 1
    end as bigint) as counts,
    cast(case
      when requests.token_expires_us - requests.token_issued_us > params.access_token_limit_us then 1 else 0
    end as bigint) as is_long,
    cast(case
      when requests.event_us > requests.token_expires_us + params.grace_us then 1 else 0
    end as bigint) as is_past_expiry,
    params.grace_us as grace_us
  from requests
  cross join params
  where requests.event_us - params.as_of_us < 0
),
joined as (
  select
    seen.month as month,
    seen.day as day,
    seen.part as part,
    seen.event_us as event_us,
    seen.api as api,
    seen.identity as identity,
    seen.credential as credential,
    seen.gateway as gateway,
    seen.environment as environment,
    seen.decision as decision,
    seen.violation as violation,
    seen.scope_set as scope_set,
    seen.required_set as required_set,
    seen.accepted as accepted,
    seen.authenticated as authenticated,
    seen.blocked as blocked,
    seen.known_decision as known_decision,
    seen.authenticated * seen.is_bound as constrained,
    seen.authenticated * seen.is_free as replayable,
    seen.authenticated * (1 - seen.is_bound - seen.is_free) as no_evidence,
    seen.accepted * seen.is_downgraded as downgraded,
    seen.challenged as challenged,
    cast(case when seen.authenticated = 1 and seen.scope_set is not null then 1 else 0 end as bigint) as scopes_known,
    cast(case when seen.authenticated = 1 and broad_sets.has_broad = 1 then 1 else 0 end as bigint) as broad,
    seen.authenticated * seen.is_long as long_ttl,
    seen.rate_limited as rate_limited,
    seen.blocked * seen.counts as violating_blocked,
    cast(case when seen.decision = 'observed' then seen.counts else 0 end as bigint) as violating_observed,
    cast(case
      when seen.accepted = 1 and seen.event_us > revoked_credentials.revoked_us + seen.grace_us then 1 else 0
    end as bigint) as missed_revoked,
    seen.accepted * seen.is_past_expiry as missed_expired,
    cast(case
      when seen.accepted = 1 and (never_granted.never_partly is not null or not_granted_then.then_us is not null)
      then 1 else 0
    end as bigint) as missed_scope,
    seen.accepted * seen.is_downgraded as missed_downgraded,
    cast(case
      when seen.authenticated = 1 and seen.is_free = 1 and declaring_apis.declared is not null then 1 else 0
    end as bigint) as missed_proof
  from seen
  left join broad_sets on seen.scope_set = broad_sets.broad_set
  left join declaring_apis on seen.api = declaring_apis.declaring_api
  left join revoked_credentials on seen.credential = revoked_credentials.credential
  left join never_granted
    on seen.identity = never_granted.never_identity
    and seen.scope_set = never_granted.never_set
  left join not_granted_then
    on seen.identity = not_granted_then.then_identity
    and seen.scope_set = not_granted_then.then_set
    and seen.event_us = not_granted_then.then_us
)
select
  month, day, part, event_us, api, identity, credential, gateway, environment, decision, violation,
  scope_set, required_set, accepted, authenticated, blocked, known_decision,
  constrained, replayable, no_evidence, downgraded, challenged, scopes_known, broad, long_ttl, rate_limited,
  violating_blocked, violating_observed,
  missed_revoked, missed_expired, missed_scope, missed_downgraded, missed_proof,
  cast(case
    when missed_revoked + missed_expired + missed_scope + missed_downgraded + missed_proof > 0 then 1 else 0
  end as bigint) as missed
from joined
