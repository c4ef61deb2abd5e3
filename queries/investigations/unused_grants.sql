-- Which granted scopes went unused in the window before as_of?
select identity, scope, api, granted_at, is_broad
from grants
where state = 'unused'
order by identity, scope, api nulls first
