-- Grain: one row per credential that the key (retro_key: a credential or an identity) names, with how it ended.
select
  credentials.credential as credential, credentials.identity as identity, credentials.ended_at as ended_at, credentials.ended_by as ended_by,
  credentials.last_used as last_used
from credentials
cross join retro_key
where credentials.credential = retro_key.credential or credentials.identity = retro_key.identity
order by credential
