-- Grain: one row: what the run was judged with.
select as_of_us, grace_us
from params
order by as_of_us
