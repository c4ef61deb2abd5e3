-- Grain: one row per month and token reference that was issued or refreshed with success in it before as_of (n = 1; of several events of one
-- reference the first with a known TTL, else the first); of tokens without reference one row per month, kind and TTL verdict, with their number n.
with
issued as (
  select
    identity_events.month as month,
    identity_events.credential as credential,
    identity_events.credential_kind as kind,
    coalesce(identity_events.credential_kind, '') as kind_key,
    identity_events.event_us as event_us,
    case
      when identity_events.expires_us >= identity_events.issued_us then identity_events.expires_us - identity_events.issued_us
      else null
    end as ttl_us,
    cast(case
      when identity_events.expires_us is null and identity_events.states_expiry = 1 and ttl_limits.is_secret = 1 then 1 else 0
    end as bigint) as has_no_expiry,
    coalesce(ttl_limits.limit_us, params.access_token_limit_us) as limit_us
  from identity_events
  cross join params
  left join ttl_limits on identity_events.credential_kind = ttl_limits.kind
  where identity_events.action in ('token_issued', 'token_refreshed')
    and identity_events.outcome = 'success'
    and identity_events.event_us - params.as_of_us < 0
),
judged as (
  select
    month, credential, kind, kind_key, event_us,
    cast(case when ttl_us is null and has_no_expiry = 0 then 1 else 0 end as bigint) as is_unknown,
    cast(case when ttl_us <= limit_us then 1 else 0 end as bigint) as is_short
  from issued
),
in_order as (
  select
    month, credential, kind, event_us, is_unknown, is_short,
    cast(row_number() over (partition by month, credential order by is_unknown, event_us, kind_key, is_short) as bigint) as place
  from judged
  where credential is not null
)
select month, credential, kind, event_us as first_us, is_unknown, is_short, cast(1 as bigint) as n
from in_order
where place = 1
union all
select
  month, credential, kind,
  min(event_us) as first_us,
  is_unknown, is_short,
  cast(count(*) as bigint) as n
from judged
where credential is null
group by month, credential, kind, is_unknown, is_short
