-- RV04: of the cases revoked in each period whose credential is known, the share where a call with it was seen rejected afterwards.
with
graded as (
  select
    periods.grain as graded_grain,
    periods.period as graded_period,
    cast(case when cases.proof_grade = 'rejected' then 1 else 0 end as bigint) as is_proven,
    cast(case when cases.proof_grade in ('rejected', 'silent', 'still_accepted', 'wrong_credential') then 1 else 0 end as bigint) as is_judged,
    cast(case when cases.proof_grade = 'not_observable' then 1 else 0 end as bigint) as is_unknown
  from cases
  cross join periods
  where cases.is_false_positive = 0
    and cases.is_negative = 0
    and cases.revoked_us >= periods.start_us
    and cases.revoked_us < periods.end_us
),
summed as (
  select
    graded_grain, graded_period,
    cast(sum(is_proven) as bigint) as n_proven,
    cast(sum(is_judged) as bigint) as n_judged,
    cast(sum(is_unknown) as bigint) as n_unknown
  from graded
  group by graded_grain, graded_period
),
joined as (
  select
    periods.grain as grain,
    periods.period as period,
    coalesce(summed.n_proven, cast(0 as bigint)) as n_proven,
    coalesce(summed.n_judged, cast(0 as bigint)) as n_judged,
    coalesce(summed.n_unknown, cast(0 as bigint)) as n_unknown,
    params.has_tickets as has_tickets,
    params.has_requests as has_requests
  from periods
  left join summed
    on periods.grain = summed.graded_grain
    and periods.period = summed.graded_period
  cross join params
),
reasoned as (
  select
    grain, period, n_proven, n_judged, n_unknown,
    case
      when has_tickets = 0 and n_judged + n_unknown = 0 then 'no_tickets'
      when has_requests = 0 then 'no_requests'
      when n_judged = 0 then 'no_revoked_cases'
    end as missing_reason
  from joined
),
result as (
  select
    'value' as statistic,
    grain, period,
    'all' as segment_kind,
    'all' as segment,
    case when missing_reason is null then cast(n_proven as double) / cast(n_judged as double) else cast(null as double) end as value,
    case when missing_reason in ('no_tickets', 'no_requests') then cast(null as bigint) else n_proven end as numerator,
    case when missing_reason in ('no_tickets', 'no_requests') then cast(null as bigint) else n_judged end as denominator,
    cast(null as double) as se,
    case when missing_reason is null then 'measured' else 'not_measured' end as status,
    missing_reason as reason,
    case when 1 = 0 then grain end as flags,
    n_unknown as n_insufficient_evidence
  from reasoned
)
select
  statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
