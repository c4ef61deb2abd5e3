-- Grain: one row per quarter and API with at least one call in it.
with
result as (
  select
    period,
    api,
    owner,
    environment,
    criticality,
    is_external,
    declared_proof,
    n_accepted as accepted_calls,
    n_authenticated as authenticated_calls,
    n_constrained,
    n_replayable,
    n_no_evidence,
    verdict,
    enforcement,
    cast(case when n_on_exception > 0 then 1 else 0 end as bigint) as has_exception,
    scope_verdict,
    first_seen_us,
    last_seen_us
  from api_periods
  where grain = 'quarter' and api is not null
)
select
  period, api, owner, environment, criticality, is_external, declared_proof, accepted_calls, authenticated_calls,
  n_constrained, n_replayable, n_no_evidence, verdict, enforcement, has_exception, scope_verdict, first_seen_us, last_seen_us
from result
order by period, api
