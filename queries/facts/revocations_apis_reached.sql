-- Grain: one row per case and API that accepted a call with its credential after exposure (exposed_at, else detected_at).
select distinct case_id, api
from case_call_months
where exposed_calls > 0
  and api is not null
