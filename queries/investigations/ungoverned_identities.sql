-- Which live identities are unowned, orphaned or dormant, and do they still hold live credentials?
select identity, kind, owner, owner_status, is_unowned, is_orphaned, is_dormant, last_used, live_credentials
from identities
where is_live and judged and (is_unowned or is_orphaned or is_dormant)
order by identity
