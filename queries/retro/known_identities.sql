-- Grain: the identity that the key (retro_key) names, if the run knows it.
select identities.identity as identity
from identities
cross join retro_key
where identities.identity = retro_key.identity
order by identity
