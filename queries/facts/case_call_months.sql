-- per: month
-- Grain: one row per month, case, API, set of carried scopes and set of required scopes of the calls with a case's credential before as_of.
with
judged as (
  select
    requests.month as month,
    case_clocks.case_id as case_id,
    requests.api as api,
    requests.scope_set as scope_set,
    requests.required_set as required_set,
    case when requests.decision in ('allowed', 'observed') then requests.event_us else null end as accepted_us,
    case
      when requests.decision = 'blocked'
        and requests.violation <> 'rate_limited'
        and requests.event_us > case_clocks.revoked_us
      then requests.event_us
      else null
    end as rejected_us,
    case
      when requests.decision in ('allowed', 'observed')
        and requests.event_us > case_clocks.revoked_us + params.grace_us
      then requests.event_us
      else null
    end as late_us,
    case
      when requests.decision in ('allowed', 'observed')
        and requests.event_us > coalesce(case_clocks.exposed_us, case_clocks.detected_us)
      then requests.event_us
      else null
    end as exposed_call_us
  from requests
  join case_clocks on requests.credential = case_clocks.credential
  cross join params
  where requests.event_us - params.as_of_us < 0
)
select
  month, case_id, api, scope_set, required_set,
  cast(count(accepted_us) as bigint) as accepted_calls,
  max(accepted_us) as last_accepted_us,
  cast(count(late_us) as bigint) as late_calls,
  cast(count(rejected_us) as bigint) as rejected_calls,
  min(rejected_us) as first_rejected_us,
  cast(count(exposed_call_us) as bigint) as exposed_calls
from judged
group by month, case_id, api, scope_set, required_set
