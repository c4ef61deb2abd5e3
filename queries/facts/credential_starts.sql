-- Grain: one row per credential that an identity event or an accepted call before as_of names: what it is, whose, issued when and until when.
-- kind: the first that an event states. Times of issue and expiry: of the first successful issuance (credential_issued, token_issued,
-- token_refreshed), else those of the tokens of its accepted calls; a secret takes none from calls, whose times are those of the tokens got with it.
-- is_secret, is_token: metrics.md. has_no_expiry: a secret issued without expiry by a provider that states expiries.
with
mentions as (
  select
    identity_events.credential as credential,
    identity_events.event_us as known_us,
    cast(case when identity_events.action = 'token_issued' then 1 else 0 end as bigint) as is_issued_token,
    case when identity_events.action = 'credential_used' and identity_events.outcome = 'success' then identity_events.event_us else null end as used_from_us,
    case when identity_events.action = 'credential_used' and identity_events.outcome = 'success' then identity_events.event_us else null end as used_until_us,
    cast(null as bigint) as token_issued_us,
    cast(null as bigint) as token_expires_us
  from identity_events
  cross join params
  where identity_events.credential is not null
    and identity_events.event_us - params.as_of_us < 0
  union all
  select
    credential_months.credential as credential,
    credential_months.first_accepted_us as known_us,
    cast(0 as bigint) as is_issued_token,
    credential_months.first_accepted_us as used_from_us,
    credential_months.last_accepted_us as used_until_us,
    credential_months.token_issued_us as token_issued_us,
    credential_months.token_expires_us as token_expires_us
  from credential_months
  where credential_months.credential is not null
    and credential_months.accepted_calls > 0
),
named as (
  select
    credential,
    min(known_us) as first_known_us,
    max(is_issued_token) as is_named_token,
    min(used_from_us) as first_used_us,
    max(used_until_us) as last_used_us,
    max(token_issued_us) as call_issued_us,
    max(token_expires_us) as call_expires_us
  from mentions
  group by credential
),
kind_mentions as (
  select
    identity_events.credential as credential,
    identity_events.credential_kind as kind,
    min(identity_events.event_us) as first_stated_us
  from identity_events
  cross join params
  where identity_events.credential is not null
    and identity_events.credential_kind is not null
    and identity_events.event_us - params.as_of_us < 0
  group by identity_events.credential, identity_events.credential_kind
),
kinds_in_order as (
  select
    credential, kind,
    cast(row_number() over (partition by credential order by first_stated_us, kind) as bigint) as place
  from kind_mentions
),
kinds as (
  select credential as kind_credential, kind
  from kinds_in_order
  where place = 1
),
issuances as (
  select
    identity_events.credential as credential,
    identity_events.event_us as event_us,
    identity_events.issued_us as issued_us,
    identity_events.expires_us as expires_us,
    coalesce(identity_events.states_expiry, cast(0 as bigint)) as states_expiry
  from identity_events
  cross join params
  where identity_events.action in ('credential_issued', 'token_issued', 'token_refreshed')
    and identity_events.outcome = 'success'
    and identity_events.credential is not null
    and identity_events.event_us - params.as_of_us < 0
),
first_issuances as (
  select credential as issued_credential, min(event_us) as first_event_us
  from issuances
  group by credential
),
issues as (
  select
    issuances.credential as issue_credential,
    min(issuances.issued_us) as issue_issued_us,
    min(issuances.expires_us) as issue_expires_us,
    max(issuances.states_expiry) as issue_states_expiry
  from issuances
  join first_issuances
    on issuances.credential = first_issuances.issued_credential
    and issuances.event_us = first_issuances.first_event_us
  group by issuances.credential
),
described as (
  select
    named.credential as credential,
    kinds.kind as kind,
    named.first_known_us as first_known_us,
    named.first_used_us as first_used_us,
    named.last_used_us as last_used_us,
    named.is_named_token as is_named_token,
    named.call_issued_us as call_issued_us,
    named.call_expires_us as call_expires_us,
    issues.issue_issued_us as issue_issued_us,
    issues.issue_expires_us as issue_expires_us,
    issues.issue_states_expiry as issue_states_expiry,
    ttl_limits.limit_us as kind_limit_us,
    coalesce(ttl_limits.is_secret, cast(0 as bigint)) as is_secret,
    coalesce(ttl_limits.is_token, cast(0 as bigint)) as is_token_kind
  from named
  left join kinds on named.credential = kinds.kind_credential
  left join issues on named.credential = issues.issue_credential
  left join ttl_limits on kinds.kind = ttl_limits.kind
),
timed as (
  select
    credential, kind, first_known_us, first_used_us, last_used_us, is_secret, kind_limit_us,
    cast(case when is_token_kind = 1 or is_named_token = 1 then 1 else 0 end as bigint) as is_token,
    cast(case when call_expires_us is not null and is_secret = 0 then 1 else 0 end as bigint) as carries_times,
    case when is_secret = 1 then issue_issued_us else coalesce(issue_issued_us, call_issued_us) end as issued_us,
    case when is_secret = 1 then issue_expires_us else coalesce(issue_expires_us, call_expires_us) end as expires_us,
    cast(case
      when is_secret = 1 and issue_states_expiry = 1 and issue_expires_us is null then 1 else 0
    end as bigint) as has_no_expiry
  from described
)
select
  timed.credential as credential,
  timed.kind as kind,
  credential_identities.identity as identity,
  timed.is_secret as is_secret,
  timed.is_token as is_token,
  timed.first_known_us as first_known_us,
  timed.first_used_us as first_used_us,
  timed.last_used_us as last_used_us,
  timed.issued_us as issued_us,
  timed.expires_us as expires_us,
  timed.has_no_expiry as has_no_expiry,
  case when timed.expires_us >= timed.issued_us then timed.expires_us - timed.issued_us else null end as ttl_us,
  case
    when timed.kind_limit_us is not null then timed.kind_limit_us
    when timed.is_token = 1 or timed.carries_times = 1 then params.access_token_limit_us
  end as limit_us
from timed
cross join params
left join credential_identities on timed.credential = credential_identities.credential
