-- Grain: one row per credential that an identity event or an accepted call before as_of names.
with
result as (
  select
    credential, kind, identity,
    issued_us as issued_at_us,
    expires_us as expires_at_us,
    cast(ttl_us as double) / cast(1000000 as double) as ttl_s,
    is_short_lived,
    ended_us as ended_at_us,
    ended_by, first_used_us, last_used_us
  from credential_lives
)
select
  credential, kind, identity, issued_at_us, expires_at_us, ttl_s, is_short_lived, ended_at_us, ended_by, first_used_us, last_used_us
from result
order by credential
