-- TK01: of the tokens issued in each period, each counted once, the share with a short lifetime; also by credential kind.
with
placed as (
  select
    period_months.grain as grain,
    period_months.period as period,
    token_issues.credential as credential,
    token_issues.kind as kind,
    token_issues.first_us as first_us,
    token_issues.is_unknown as is_unknown,
    token_issues.is_short as is_short,
    token_issues.n as n
  from token_issues
  join period_months on token_issues.month = period_months.month
),
in_order as (
  select
    grain, period, kind, is_unknown, is_short, n,
    cast(row_number() over (partition by grain, period, credential order by is_unknown, first_us) as bigint) as place
  from placed
  where credential is not null
),
tokens as (
  select grain, period, kind, is_unknown, is_short, n
  from in_order
  where place = 1
  union all
  select grain, period, kind, is_unknown, is_short, n
  from placed
  where credential is null
),
kind_sums as (
  select
    grain, period, kind,
    cast(sum((1 - is_unknown) * n) as bigint) as kind_known,
    cast(sum(is_unknown * n) as bigint) as kind_unknown,
    cast(sum(is_short * n) as bigint) as kind_short
  from tokens
  group by grain, period, kind
),
sums as (
  select
    grain as s_grain, period as s_period, 'all' as s_kind, 'all' as s_segment,
    cast(sum(kind_known) as bigint) as n_known,
    cast(sum(kind_unknown) as bigint) as n_unknown,
    cast(sum(kind_short) as bigint) as n_short
  from kind_sums
  group by grain, period
  union all
  select
    grain as s_grain, period as s_period, 'kind' as s_kind, kind as s_segment,
    kind_known as n_known, kind_unknown as n_unknown, kind_short as n_short
  from kind_sums
  where kind is not null
),
segments as (
  select grain, period, 'all' as segment_kind, 'all' as segment
  from periods
  union all
  select grain, period, 'kind' as segment_kind, kind as segment
  from kind_sums
  where kind is not null
),
joined as (
  select
    segments.grain as grain,
    segments.period as period,
    segments.segment_kind as segment_kind,
    segments.segment as segment,
    coalesce(sums.n_short, cast(0 as bigint)) as n_short,
    coalesce(sums.n_known, cast(0 as bigint)) as n_known,
    coalesce(sums.n_unknown, cast(0 as bigint)) as n_unknown,
    params.has_identity_events as has_identity_events
  from segments
  left join sums
    on segments.grain = sums.s_grain
    and segments.period = sums.s_period
    and segments.segment_kind = sums.s_kind
    and segments.segment = sums.s_segment
  cross join params
),
reasoned as (
  select
    grain, period, segment_kind, segment, n_short, n_known, n_unknown,
    case
      when has_identity_events = 0 then 'no_identity_events'
      when n_known + n_unknown = 0 then 'no_tokens_issued'
      when n_known = 0 then 'no_known_ttl'
    end as missing_reason
  from joined
),
result as (
  select
    'value' as statistic,
    grain, period, segment_kind, segment,
    case when missing_reason is null then cast(n_short as double) / cast(n_known as double) else cast(null as double) end as value,
    case when missing_reason = 'no_identity_events' then cast(null as bigint) else n_short end as numerator,
    case when missing_reason = 'no_identity_events' then cast(null as bigint) else n_known end as denominator,
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
