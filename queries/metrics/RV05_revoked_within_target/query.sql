-- RV05: share of the cases detected in each period that were revoked within their own target, 1 - S(1) of the Kaplan-Meier curve on
-- time / own target, so that open cases count for what is known of them; also by severity.
with
summaries as (
  select
    grain as s_grain, period as s_period, segment_kind as s_kind, segment as s_segment,
    n_cases, n_negative, n_within, share_within
  from survival_summaries
  where measure = 'nominal'
),
segments as (
  select grain, period, 'all' as segment_kind, 'all' as segment
  from periods
  union all
  select s_grain as grain, s_period as period, s_kind as segment_kind, s_segment as segment
  from summaries
  where s_kind <> 'all'
),
joined as (
  select
    segments.grain as grain,
    segments.period as period,
    segments.segment_kind as segment_kind,
    segments.segment as segment,
    coalesce(summaries.n_cases, cast(0 as bigint)) as n_cases,
    coalesce(summaries.n_negative, cast(0 as bigint)) as n_negative,
    coalesce(summaries.n_within, cast(0 as bigint)) as n_within,
    summaries.share_within as share_within,
    params.has_tickets as has_tickets
  from segments
  left join summaries
    on segments.grain = summaries.s_grain
    and segments.period = summaries.s_period
    and segments.segment_kind = summaries.s_kind
    and segments.segment = summaries.s_segment
  cross join params
),
reasoned as (
  select
    grain, period, segment_kind, segment, n_cases, n_within, share_within,
    case
      when has_tickets = 0 and n_cases + n_negative = 0 then 'no_tickets'
      when n_cases = 0 then 'no_cases'
    end as missing_reason
  from joined
),
result as (
  select
    'value' as statistic,
    grain, period, segment_kind, segment,
    case when missing_reason is null then share_within else cast(null as double) end as value,
    case when missing_reason = 'no_tickets' then cast(null as bigint) else n_within end as numerator,
    case when missing_reason = 'no_tickets' then cast(null as bigint) else n_cases end as denominator,
    cast(null as double) as se,
    case when missing_reason is null then 'measured' else 'not_measured' end as status,
    missing_reason as reason,
    case when 1 = 0 then grain end as flags,
    cast(0 as bigint) as n_insufficient_evidence
  from reasoned
)
select
  statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
