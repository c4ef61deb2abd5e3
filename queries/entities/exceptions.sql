-- Grain: one row per entry of the exception register, judged at as_of by the calls of the headline period.
with
headline_months as (
  select period_months.month as headline_month
  from period_months
  join params
    on period_months.period = params.headline_period
    and period_months.grain = params.headline_grain
),
entry_calls as (
  select
    exception_days.id as entry_id,
    cast(sum(exception_days.n_active + exception_days.n_relied) as bigint) as n_on_entry,
    cast(sum(exception_days.n_relied) as bigint) as n_after_expiry
  from exception_days
  join headline_months on exception_days.month = headline_months.headline_month
  group by exception_days.id
),
api_calls as (
  select api_periods.api as called_api, api_periods.n_authenticated as n_of_api
  from api_periods
  join params
    on api_periods.period = params.headline_period
    and api_periods.grain = params.headline_grain
  where api_periods.api is not null
),
identity_calls as (
  select
    call_days.identity as calling_identity,
    cast(sum(call_days.n_authenticated) as bigint) as n_of_identity
  from call_days
  join headline_months on call_days.month = headline_months.headline_month
  where call_days.identity is not null
  group by call_days.identity
),
joined as (
  select
    exception_register.id as id,
    exception_register.control as control,
    exception_register.api as api,
    exception_register.identity as identity,
    exception_register.reason as reason,
    exception_register.owner as owner,
    exception_register.approved_us as approved_at_us,
    exception_register.expiry_us as expires_at_us,
    cast(case when exception_register.expiry_us <= params.as_of_us then 1 else 0 end as bigint) as is_expired,
    coalesce(entry_calls.n_on_entry, 0) as calls,
    coalesce(entry_calls.n_after_expiry, 0) as n_relied,
    case
      when exception_register.api is not null then coalesce(api_calls.n_of_api, 0)
      when exception_register.identity is not null then coalesce(identity_calls.n_of_identity, 0)
      else 0
    end as n_all,
    params.dominant_percent as dominant_percent
  from exception_register
  cross join params
  left join entry_calls on exception_register.id = entry_calls.entry_id
  left join api_calls on exception_register.api = api_calls.called_api
  left join identity_calls on exception_register.identity = identity_calls.calling_identity
),
result as (
  select
    id, control, api, identity, reason, owner, approved_at_us, expires_at_us,
    case
      when is_expired = 1 and n_relied > 0 then 'expired_in_use'
      when is_expired = 1 then 'expired'
      when calls > 0 then 'active'
      else 'unused'
    end as state,
    calls,
    case when n_all > 0 then cast(calls as double) / cast(n_all as double) end as share_of_calls,
    cast(case when n_all > 0 and calls * 100 > dominant_percent * n_all then 1 else 0 end as bigint) as is_dominant
  from joined
)
select id, control, api, identity, reason, owner, approved_at_us, expires_at_us, state, calls, share_of_calls, is_dominant
from result
order by id
