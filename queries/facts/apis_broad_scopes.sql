-- Grain: one row per quarter, API and broad scope that accepted authenticated calls carried: the list column broad_scopes of the apis entity.
select distinct
  period_months.period as period,
  call_days.api as api,
  scope_sets.scope as scope
from call_days
join scope_sets on call_days.scope_set = scope_sets.scope_set
join period_months on call_days.month = period_months.month
where call_days.n_authenticated > 0
  and call_days.api is not null
  and scope_sets.is_broad = 1
  and period_months.grain = 'quarter'
order by period, api, scope
