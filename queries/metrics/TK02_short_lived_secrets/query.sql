-- TK02: of the secrets live at the end of each period (or as_of), the share with a short lifetime, and how many never expire; also by kind.
with
live as (
  select
    periods.grain as grain,
    periods.period as period,
    credential_lives.kind as kind,
    credential_lives.has_no_expiry as has_no_expiry,
    cast(case when credential_lives.has_no_expiry = 0 and credential_lives.ttl_us is null then 1 else 0 end as bigint) as is_unknown,
    coalesce(credential_lives.is_short_lived, cast(0 as bigint)) as is_short
  from credential_lives
  cross join periods
  where credential_lives.is_secret = 1
    and credential_lives.first_known_us < periods.t_us
    and (credential_lives.ended_us is null or credential_lives.ended_us >= periods.t_us)
),
kind_sums as (
  select
    grain, period, kind,
    cast(sum(1 - is_unknown) as bigint) as kind_known,
    cast(sum(is_unknown) as bigint) as kind_unknown,
    cast(sum(is_short) as bigint) as kind_short,
    cast(sum(has_no_expiry) as bigint) as kind_no_expiry
  from live
  group by grain, period, kind
),
sums as (
  select
    grain as s_grain, period as s_period, 'all' as s_kind, 'all' as s_segment,
    cast(sum(kind_known) as bigint) as n_known,
    cast(sum(kind_unknown) as bigint) as n_unknown,
    cast(sum(kind_short) as bigint) as n_short,
    cast(sum(kind_no_expiry) as bigint) as n_no_expiry
  from kind_sums
  group by grain, period
  union all
  select
    grain as s_grain, period as s_period, 'kind' as s_kind, kind as s_segment,
    kind_known as n_known, kind_unknown as n_unknown, kind_short as n_short, kind_no_expiry as n_no_expiry
  from kind_sums
),
segments as (
  select grain, period, 'all' as segment_kind, 'all' as segment
  from periods
  union all
  select grain, period, 'kind' as segment_kind, kind as segment
  from kind_sums
),
names as (
  select 'value' as statistic from params
  union all
  select 'n_no_expiry' as statistic from params
),
joined as (
  select
    names.statistic as statistic,
    segments.grain as grain,
    segments.period as period,
    segments.segment_kind as segment_kind,
    segments.segment as segment,
    coalesce(sums.n_short, cast(0 as bigint)) as n_short,
    coalesce(sums.n_known, cast(0 as bigint)) as n_known,
    coalesce(sums.n_unknown, cast(0 as bigint)) as n_unknown,
    coalesce(sums.n_no_expiry, cast(0 as bigint)) as n_no_expiry,
    params.has_identity_events as has_identity_events
  from segments
  left join sums
    on segments.grain = sums.s_grain
    and segments.period = sums.s_period
    and segments.segment_kind = sums.s_kind
    and segments.segment = sums.s_segment
  cross join names
  cross join params
),
reasoned as (
  select
    statistic, grain, period, segment_kind, segment, n_short, n_known, n_unknown, n_no_expiry,
    case
      when has_identity_events = 0 then 'no_identity_events'
      when statistic = 'n_no_expiry' then null
      when n_known + n_unknown = 0 then 'no_live_secrets'
      when n_known = 0 then 'no_known_ttl'
    end as missing_reason
  from joined
),
result as (
  select
    statistic, grain, period, segment_kind, segment,
    case
      when missing_reason is not null then cast(null as double)
      when statistic = 'n_no_expiry' then cast(n_no_expiry as double)
      else cast(n_short as double) / cast(n_known as double)
    end as value,
    case when statistic = 'n_no_expiry' or missing_reason = 'no_identity_events' then cast(null as bigint) else n_short end as numerator,
    case when statistic = 'n_no_expiry' or missing_reason = 'no_identity_events' then cast(null as bigint) else n_known end as denominator,
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
