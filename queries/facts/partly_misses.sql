-- per: month
-- Grain: one row per month, identity, set of scopes, scope and instant at which accepted calls carried a scope that was not granted
-- just then, though it was at some other time of the data.
with
cut_pairs as (
  select distinct identity as pair_identity, scope_set as pair_set
  from pair_scopes
  where is_partly = 1
),
moments as (
  select
    requests.month as month,
    requests.day as day,
    requests.identity as identity,
    requests.scope_set as scope_set,
    requests.event_us as event_us,
    cast(count(*) as bigint) as n_calls
  from requests
  join cut_pairs
    on requests.identity = cut_pairs.pair_identity
    and requests.scope_set = cut_pairs.pair_set
  cross join params
  where requests.event_us - params.as_of_us < 0
    and requests.decision in ('allowed', 'observed')
  group by requests.month, requests.day, requests.identity, requests.scope_set, requests.event_us
),
cut_scopes as (
  select identity as pair_identity, scope_set as pair_set, scope
  from pair_scopes
  where is_partly = 1
),
carried as (
  select
    moments.month as month,
    moments.day as day,
    moments.identity as identity,
    moments.scope_set as scope_set,
    cut_scopes.scope as scope,
    moments.event_us as event_us,
    moments.n_calls as n_calls
  from moments
  join cut_scopes
    on moments.identity = cut_scopes.pair_identity
    and moments.scope_set = cut_scopes.pair_set
),
compared as (
  select
    carried.month as month,
    carried.day as day,
    carried.identity as identity,
    carried.scope_set as scope_set,
    carried.scope as scope,
    carried.event_us as event_us,
    carried.n_calls as n_calls,
    cast(case
      when (span_covers.granted_us is null or span_covers.granted_us <= carried.event_us)
        and (span_covers.removed_us is null or span_covers.removed_us > carried.event_us)
        and span_covers.is_span = 1
      then 1 else 0
    end as bigint) as holds
  from carried
  left join span_covers
    on carried.identity = span_covers.identity
    and carried.scope = span_covers.scope
),
judged as (
  select
    month, day, identity, scope_set, scope, event_us, n_calls,
    max(holds) as is_granted
  from compared
  group by month, day, identity, scope_set, scope, event_us, n_calls
)
select
  judged.month as month,
  judged.day as day,
  cast(case
    when judged.event_us - judged.day * 86400000000 >= params.as_of_tod_us then 1 else 0
  end as bigint) as part,
  judged.identity as identity,
  judged.scope_set as scope_set,
  judged.scope as scope,
  judged.event_us as event_us,
  judged.n_calls as n_calls
from judged
cross join params
where judged.is_granted = 0
