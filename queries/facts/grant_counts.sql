-- Grain: one row per instant and identity with a live grant: how many it holds (granted), and how many of those are used and unused.
-- judged = 1: some are used or unused.
with
counted as (
  select
    t_us,
    identity,
    cast(count(*) as bigint) as granted,
    cast(sum(cast(case when state = 'used' then 1 else 0 end as bigint)) as bigint) as used,
    cast(sum(cast(case when state = 'unused' then 1 else 0 end as bigint)) as bigint) as unused
  from grant_states
  group by t_us, identity
)
select
  t_us, identity, granted, used, unused,
  cast(case when used + unused > 0 then 1 else 0 end as bigint) as judged
from counted
