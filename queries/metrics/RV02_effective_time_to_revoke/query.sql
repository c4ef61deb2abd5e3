-- RV02: time from detection until the last accepted call after revocation, of the cases detected in each period; open cases censored at as_of.
with
names as (
  select 'value' as statistic from params
  union all
  select 'mean_closed' as statistic from params
  union all
  select 'median_km' as statistic from params
  union all
  select 'p75_km' as statistic from params
  union all
  select 'p90_km' as statistic from params
  union all
  select 'rmst_7d' as statistic from params
  union all
  select 'rmst_30d' as statistic from params
  union all
  select 'share_within_target' as statistic from params
  union all
  select 'n_open' as statistic from params
  union all
  select 'oldest_open' as statistic from params
  union all
  select 'n_cases' as statistic from params
  union all
  select 'n_negative' as statistic from params
),
summaries as (
  select
    grain as s_grain, period as s_period, segment_kind as s_kind, segment as s_segment,
    n_cases, n_negative, n_open, n_closed, n_within, closed_us, oldest_open_us,
    median_us, p75_us, p90_us, mean_7d_us, mean_30d_us, se_7d_us, se_30d_us,
    is_extrapolated_7d, is_extrapolated_30d, share_within
  from survival_summaries
  where measure = 'effective'
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
    names.statistic as statistic,
    segments.grain as grain,
    segments.period as period,
    segments.segment_kind as segment_kind,
    segments.segment as segment,
    coalesce(summaries.n_cases, cast(0 as bigint)) as n_cases,
    coalesce(summaries.n_negative, cast(0 as bigint)) as n_negative,
    coalesce(summaries.n_open, cast(0 as bigint)) as n_open,
    coalesce(summaries.n_closed, cast(0 as bigint)) as n_closed,
    summaries.n_within as n_within,
    summaries.closed_us as closed_us,
    summaries.oldest_open_us as oldest_open_us,
    summaries.median_us as median_us,
    summaries.p75_us as p75_us,
    summaries.p90_us as p90_us,
    summaries.mean_7d_us as mean_7d_us,
    summaries.mean_30d_us as mean_30d_us,
    summaries.se_7d_us as se_7d_us,
    summaries.se_30d_us as se_30d_us,
    summaries.is_extrapolated_7d as is_extrapolated_7d,
    summaries.is_extrapolated_30d as is_extrapolated_30d,
    summaries.share_within as share_within,
    params.has_tickets as has_tickets,
    params.has_requests as has_requests
  from segments
  left join summaries
    on segments.grain = summaries.s_grain
    and segments.period = summaries.s_period
    and segments.segment_kind = summaries.s_kind
    and segments.segment = summaries.s_segment
  cross join names
  cross join params
),
reasoned as (
  select
    statistic, grain, period, segment_kind, segment,
    n_cases, n_negative, n_open, n_closed, n_within, closed_us, oldest_open_us, median_us, p75_us, p90_us,
    mean_7d_us, mean_30d_us, se_7d_us, se_30d_us, is_extrapolated_7d, is_extrapolated_30d, share_within,
    case
      when has_tickets = 0 and n_cases + n_negative = 0 then 'no_tickets'
      when has_requests = 0 then 'no_requests'
      when statistic in ('n_cases', 'n_negative', 'n_open') then null
      when n_cases = 0 then 'no_cases'
      when statistic = 'mean_closed' and n_closed = 0 then 'no_closed_cases'
      when statistic = 'oldest_open' and n_open = 0 then 'no_open_cases'
    end as missing_reason
  from joined
),
measured as (
  select
    statistic, grain, period, segment_kind, segment, n_cases, n_negative, n_open, n_closed, n_within, missing_reason,
    case
      when missing_reason is not null then cast(null as double)
      when statistic in ('value', 'rmst_30d') then mean_30d_us
      when statistic = 'rmst_7d' then mean_7d_us
      when statistic = 'median_km' then median_us
      when statistic = 'p75_km' then p75_us
      when statistic = 'p90_km' then p90_us
      when statistic = 'mean_closed' then cast(closed_us as double) / cast(n_closed as double)
      when statistic = 'oldest_open' then cast(oldest_open_us as double)
    end as duration_us,
    case
      when missing_reason is not null then cast(null as double)
      when statistic in ('value', 'rmst_30d') then se_30d_us
      when statistic = 'rmst_7d' then se_7d_us
    end as error_us,
    share_within,
    cast(case
      when missing_reason is not null then 0
      when statistic in ('value', 'rmst_30d') then is_extrapolated_30d
      when statistic = 'rmst_7d' then is_extrapolated_7d
      else 0
    end as bigint) as is_extrapolated
  from reasoned
),
result as (
  select
    statistic, grain, period, segment_kind, segment,
    case
      when missing_reason is not null then cast(null as double)
      when statistic = 'n_cases' then cast(n_cases as double)
      when statistic = 'n_negative' then cast(n_negative as double)
      when statistic = 'n_open' then cast(n_open as double)
      when statistic = 'share_within_target' then share_within
      else duration_us / cast(1000000 as double)
    end as value,
    case
      when statistic in ('n_cases', 'n_negative', 'n_open') or missing_reason in ('no_tickets', 'no_requests') then cast(null as bigint)
      when statistic = 'share_within_target' then coalesce(n_within, cast(0 as bigint))
      when statistic = 'mean_closed' then n_closed
      when statistic = 'oldest_open' then n_open
      else n_cases
    end as numerator,
    case
      when statistic = 'share_within_target' and (missing_reason is null or missing_reason = 'no_cases') then n_cases
      else cast(null as bigint)
    end as denominator,
    error_us / cast(1000000 as double) as se,
    case when missing_reason is null then 'measured' else 'not_measured' end as status,
    case
      when missing_reason is not null then missing_reason
      when statistic in ('median_km', 'p75_km', 'p90_km') and duration_us is null then 'not_reached'
    end as reason,
    case
      when is_extrapolated = 1 then 'extrapolated'
      when missing_reason is null and statistic in ('median_km', 'p75_km', 'p90_km') and duration_us is null then 'not_reached'
    end as flags,
    cast(0 as bigint) as n_insufficient_evidence
  from measured
)
select
  statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
