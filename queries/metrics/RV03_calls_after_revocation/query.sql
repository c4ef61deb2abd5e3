-- RV03: accepted calls later than the revocation of their credential plus the grace, in the period of the call, and the credentials concerned.
with
summed as (
  select
    period_months.grain as late_grain,
    period_months.period as late_period,
    cast(sum(late_call_months.late_calls) as bigint) as n_calls,
    cast(count(distinct late_call_months.credential) as bigint) as n_credentials
  from late_call_months
  join period_months on late_call_months.month = period_months.month
  group by period_months.grain, period_months.period
),
joined as (
  select
    periods.grain as grain,
    periods.period as period,
    coalesce(summed.n_calls, cast(0 as bigint)) as n_calls,
    coalesce(summed.n_credentials, cast(0 as bigint)) as n_credentials,
    case
      when params.has_requests = 0 then 'no_requests'
      when params.has_tickets = 0 and params.has_identity_events = 0 then 'no_tickets'
    end as missing_reason
  from periods
  left join summed
    on periods.grain = summed.late_grain
    and periods.period = summed.late_period
  cross join params
),
counts as (
  select 'value' as statistic, grain, period, n_calls as n, missing_reason
  from joined
  union all
  select 'n_credentials' as statistic, grain, period, n_credentials as n, missing_reason
  from joined
),
result as (
  select
    statistic, grain, period,
    'all' as segment_kind,
    'all' as segment,
    case when missing_reason is null then cast(n as double) else cast(null as double) end as value,
    cast(null as bigint) as numerator,
    cast(null as bigint) as denominator,
    cast(null as double) as se,
    case when missing_reason is null then 'measured' else 'not_measured' end as status,
    missing_reason as reason,
    case when 1 = 0 then grain end as flags,
    cast(0 as bigint) as n_insufficient_evidence
  from counts
)
select
  statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
