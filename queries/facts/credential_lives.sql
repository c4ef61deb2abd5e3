-- Grain: one row per credential of credential_starts, with its end: the first of its expiry, a successful revocation, a successful rotation
-- that names it, its identity's deletion (not one before its issue). At one instant the first of this list wins: expiry, rotation,
-- revocation, deletion; automatic before manual.
with
endings as (
  select
    identity_events.credential as credential,
    identity_events.event_us as end_us,
    cast(case
      when identity_events.action = 'credential_expired' then 1
      when identity_events.action = 'credential_rotated' and identity_events.is_automatic = true then 2
      when identity_events.action = 'credential_rotated' then 3
      when identity_events.is_automatic = true then 4
      else 5
    end as bigint) as way
  from identity_events
  cross join params
  where identity_events.action in ('credential_expired', 'credential_rotated', 'credential_revoked', 'token_revoked')
    and identity_events.outcome = 'success'
    and identity_events.credential is not null
    and identity_events.event_us - params.as_of_us < 0
  union all
  select
    credential_starts.credential as credential,
    identity_events.event_us as end_us,
    cast(6 as bigint) as way
  from identity_events
  join credential_starts on identity_events.identity = credential_starts.identity
  cross join params
  where identity_events.action = 'identity_deleted'
    and identity_events.outcome = 'success'
    and identity_events.event_us - params.as_of_us < 0
    and identity_events.event_us >= coalesce(credential_starts.issued_us, identity_events.event_us)
),
endings_in_order as (
  select
    credential, end_us, way,
    cast(row_number() over (partition by credential order by end_us, way) as bigint) as place
  from endings
),
first_endings as (
  select credential as ending_credential, end_us, way
  from endings_in_order
  where place = 1
),
joined as (
  select
    credential_starts.credential as credential,
    credential_starts.kind as kind,
    credential_starts.identity as identity,
    credential_starts.is_secret as is_secret,
    credential_starts.is_token as is_token,
    credential_starts.first_known_us as first_known_us,
    credential_starts.first_used_us as first_used_us,
    credential_starts.last_used_us as last_used_us,
    credential_starts.issued_us as issued_us,
    credential_starts.expires_us as expires_us,
    credential_starts.has_no_expiry as has_no_expiry,
    credential_starts.ttl_us as ttl_us,
    credential_starts.limit_us as limit_us,
    case when credential_starts.expires_us < params.as_of_us then credential_starts.expires_us else null end as expired_us,
    first_endings.end_us as end_us,
    first_endings.way as way
  from credential_starts
  cross join params
  left join first_endings on credential_starts.credential = first_endings.ending_credential
),
ended as (
  select
    credential, kind, identity, is_secret, is_token, first_known_us, first_used_us, last_used_us,
    issued_us, expires_us, has_no_expiry, ttl_us, limit_us,
    case
      when end_us is null then expired_us
      when expired_us <= end_us then expired_us
      else end_us
    end as ended_us,
    case
      when expired_us is not null and end_us is null then cast(1 as bigint)
      when expired_us <= end_us then cast(1 as bigint)
      else way
    end as ended_way
  from joined
)
select
  credential, kind, identity, is_secret, is_token, first_known_us, first_used_us, last_used_us,
  issued_us, expires_us, has_no_expiry, ttl_us, limit_us,
  cast(case
    when has_no_expiry = 1 then 0
    when ttl_us is null or limit_us is null then null
    when ttl_us <= limit_us then 1
    else 0
  end as bigint) as is_short_lived,
  ended_us,
  case
    when ended_way = 1 then 'expiry'
    when ended_way = 2 then 'rotation_auto'
    when ended_way = 3 then 'rotation_manual'
    when ended_way = 4 then 'revocation_auto'
    when ended_way = 5 then 'revocation_manual'
    when ended_way = 6 then 'deletion'
  end as ended_by
from ended
