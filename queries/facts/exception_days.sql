-- per: month
-- Grain: one row per day, API, identity and register entry, over accepted authenticated calls that fail the entry's control.
-- n_active, n_relied: calls on the entry while it was active, and after its expiry with no other active entry to cover them.
-- The columns on_* and expired_* count each call at one entry only, so that they add up over entries.
with
api_entries as (
  select id, control, api as entry_api, approved_us, expiry_us
  from exception_register
  where api is not null and identity is null
),
identity_entries as (
  select id, control, identity as entry_identity, approved_us, expiry_us
  from exception_register
  where api is null and identity is not null
),
pair_entries as (
  select id, control, api as entry_api, identity as entry_identity, approved_us, expiry_us
  from exception_register
  where api is not null and identity is not null
),
named as (
  select
    calls.month as month, calls.day as day, calls.api as api, calls.identity as identity, calls.credential as credential,
    calls.event_us as event_us, calls.authenticated as authenticated, calls.constrained as constrained, calls.replayable as replayable,
    calls.broad as broad, calls.long_ttl as long_ttl, calls.missed as missed, calls.violating_observed as violating_observed,
    api_entries.id as id, api_entries.control as control, api_entries.approved_us as approved_us, api_entries.expiry_us as expiry_us
  from calls
  join api_entries on calls.api = api_entries.entry_api
  union all
  select
    calls.month as month, calls.day as day, calls.api as api, calls.identity as identity, calls.credential as credential,
    calls.event_us as event_us, calls.authenticated as authenticated, calls.constrained as constrained, calls.replayable as replayable,
    calls.broad as broad, calls.long_ttl as long_ttl, calls.missed as missed, calls.violating_observed as violating_observed,
    identity_entries.id as id, identity_entries.control as control, identity_entries.approved_us as approved_us, identity_entries.expiry_us as expiry_us
  from calls
  join identity_entries on calls.identity = identity_entries.entry_identity
  union all
  select
    calls.month as month, calls.day as day, calls.api as api, calls.identity as identity, calls.credential as credential,
    calls.event_us as event_us, calls.authenticated as authenticated, calls.constrained as constrained, calls.replayable as replayable,
    calls.broad as broad, calls.long_ttl as long_ttl, calls.missed as missed, calls.violating_observed as violating_observed,
    pair_entries.id as id, pair_entries.control as control, pair_entries.approved_us as approved_us, pair_entries.expiry_us as expiry_us
  from calls
  join pair_entries
    on calls.api = pair_entries.entry_api
    and calls.identity = pair_entries.entry_identity
),
entry_calls as (
  select
    month, day, api, identity, credential, event_us, constrained, replayable, broad, long_ttl, missed, violating_observed,
    id, control, approved_us, expiry_us,
    cast(count(*) as bigint) as n_same
  from named
  where authenticated = 1
    and (approved_us is null or approved_us <= event_us)
    and (
      control in ('revocation', 'ownership')
      or (control = 'sender_constraint' and replayable = 1)
      or (control = 'ttl' and long_ttl = 1)
      or (control = 'scope' and broad = 1)
    )
  group by
    month, day, api, identity, credential, event_us, constrained, replayable, broad, long_ttl, missed, violating_observed,
    id, control, approved_us, expiry_us
),
case_spans as (
  select credential as case_credential, from_us as case_from_us, to_us as case_to_us, cast(1 as bigint) as is_case
  from open_cases
),
gap_spans as (
  select identity as gap_identity, from_us as gap_from_us, to_us as gap_to_us, cast(1 as bigint) as is_gap
  from ownership_gaps
),
with_states as (
  select
    entry_calls.month as month, entry_calls.day as day, entry_calls.api as api, entry_calls.identity as identity, entry_calls.credential as credential,
    entry_calls.event_us as event_us, entry_calls.constrained as constrained, entry_calls.replayable as replayable,
    entry_calls.broad as broad, entry_calls.long_ttl as long_ttl, entry_calls.missed as missed, entry_calls.violating_observed as violating_observed,
    entry_calls.id as id, entry_calls.control as control, entry_calls.expiry_us as expiry_us, entry_calls.n_same as n_same,
    case_spans.case_from_us as case_from_us, case_spans.case_to_us as case_to_us, case_spans.is_case as is_case,
    gap_spans.gap_from_us as gap_from_us, gap_spans.gap_to_us as gap_to_us, gap_spans.is_gap as is_gap
  from entry_calls
  left join case_spans on entry_calls.credential = case_spans.case_credential
  left join gap_spans on entry_calls.identity = gap_spans.gap_identity
),
covered as (
  select
    month, day, api, identity, credential, event_us, constrained, replayable, broad, long_ttl, missed, violating_observed, id,
    max(n_same) as n_calls,
    max(cast(case when expiry_us is null or event_us < expiry_us then 1 else 0 end as bigint)) as is_active
  from with_states
  where (control in ('sender_constraint', 'ttl', 'scope'))
    or (
      control = 'revocation' and is_case = 1
      and (case_from_us is null or case_from_us <= event_us)
      and (case_to_us is null or event_us < case_to_us)
    )
    or (
      control = 'ownership' and is_gap = 1
      and (gap_from_us is null or gap_from_us <= event_us)
      and (gap_to_us is null or event_us < gap_to_us)
    )
  group by month, day, api, identity, credential, event_us, constrained, replayable, broad, long_ttl, missed, violating_observed, id
),
compared as (
  select
    month, day, api, identity, event_us, constrained, replayable, missed, violating_observed, id, n_calls, is_active,
    max(is_active) over (
      partition by month, day, api, identity, credential, event_us, constrained, replayable, broad, long_ttl, missed, violating_observed
    ) as is_on,
    cast(row_number() over (
      partition by month, day, api, identity, credential, event_us, constrained, replayable, broad, long_ttl, missed, violating_observed
      order by id
    ) as bigint) as entry_number
  from covered
),
counted as (
  select
    month, day, api, identity, event_us, id,
    n_calls * is_active as active,
    n_calls * (1 - is_on) as relied,
    case when entry_number = 1 then n_calls * is_on else 0 end as on_any,
    case when entry_number = 1 then n_calls * is_on * constrained else 0 end as on_constrained,
    case when entry_number = 1 then n_calls * is_on * replayable else 0 end as on_replayable,
    case when entry_number = 1 then n_calls * (1 - is_on) else 0 end as expired_any,
    case when entry_number = 1 then n_calls * (1 - is_on) * (1 - missed) else 0 end as expired_only,
    case when entry_number = 1 then n_calls * (1 - is_on) * (1 - missed) * (1 - violating_observed) else 0 end as expired_only_unobserved,
    case when entry_number = 1 and is_on = 0 then event_us end as expired_us
  from compared
)
select
  month,
  day,
  api,
  identity,
  id,
  cast(sum(active) as bigint) as n_active,
  cast(sum(relied) as bigint) as n_relied,
  cast(sum(on_any) as bigint) as on_calls,
  cast(sum(on_constrained) as bigint) as on_constrained_calls,
  cast(sum(on_replayable) as bigint) as on_replayable_calls,
  cast(sum(expired_any) as bigint) as expired_calls,
  cast(sum(expired_only) as bigint) as expired_only_calls,
  cast(sum(expired_only_unobserved) as bigint) as expired_only_unobserved_calls,
  min(expired_us) as first_expired_us,
  max(expired_us) as last_expired_us
from counted
group by month, day, api, identity, id
