-- Grain: one row per source, file and day (null: no readable instant): what was read and what was not.
select source, file, day, records, rows, rejects, gaps, share_identity, share_credential, share_scopes
from coverage
order by source, file, day nulls first
