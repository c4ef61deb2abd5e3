-- Grain: one row per subject, kind of milestone and place, up to five of a kind: the calls behind clocks and proof grade.
with
ranked as (
  select
    subject, kind, event_us, api, method, route, status, decision, violation, gateway, client_address, token_issued_us, file, record,
    cast(row_number() over (partition by subject, kind order by order_us, file, record) as bigint) as place
  from retro_candidates
)
select
  subject, kind, place, event_us, api, method, route, status, decision, violation, gateway, client_address, token_issued_us, file, record
from ranked
where place <= 5
order by subject, kind, place
