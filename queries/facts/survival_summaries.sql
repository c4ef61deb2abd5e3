-- Grain: one row per measure, period and segment that has a case (data errors included, they count in n_negative only).
-- Quantiles and restricted means in microseconds; se: Greenwood-type as in R's survRM2, the root taken by the reader's exp(ln(.) / 2):
-- variance = sum over events up to tau of (area to the right)^2 * d / (n * (n - d)). is_extrapolated: follow-up ends before tau while
-- some case is still open, so the curve was held flat from there.
with
rights as (
  select
    measure, scale, grain, period, segment_kind, segment, x, events, at_risk, survival,
    max(area_7d) over (partition by measure, scale, grain, period, segment_kind, segment)
      + max(tail_7d) over (partition by measure, scale, grain, period, segment_kind, segment) as mean_7d,
    max(area_30d) over (partition by measure, scale, grain, period, segment_kind, segment)
      + max(tail_30d) over (partition by measure, scale, grain, period, segment_kind, segment) as mean_30d,
    area_7d, area_30d, tau_7d, tau_30d, tail_7d, tail_30d
  from survival_steps
),
weights as (
  select
    measure, scale, grain, period, segment_kind, segment, x, survival, mean_7d, mean_30d, tail_7d, tail_30d,
    case when x <= tau_7d then mean_7d - area_7d else cast(0 as double) end as right_7d,
    case when x <= tau_30d then mean_30d - area_30d else cast(0 as double) end as right_30d,
    case
      when events = at_risk then cast(0 as double)
      else cast(events as double) / cast(at_risk * (at_risk - events) as double)
    end as weight
  from rights
),
terms as (
  select
    measure, scale, grain, period, segment_kind, segment, x, survival, mean_7d, mean_30d, tail_7d, tail_30d,
    right_7d * right_7d * weight as term_7d,
    right_30d * right_30d * weight as term_30d
  from weights
),
variances as (
  select
    measure, scale, grain, period, segment_kind, segment, x, survival, mean_7d, mean_30d, tail_7d, tail_30d,
    cast(sum(term_7d) over (
      partition by measure, scale, grain, period, segment_kind, segment order by x rows between unbounded preceding and current row
    ) as double) as variance_7d,
    cast(sum(term_30d) over (
      partition by measure, scale, grain, period, segment_kind, segment order by x rows between unbounded preceding and current row
    ) as double) as variance_30d
  from terms
),
curves as (
  select
    measure, grain, period, segment_kind, segment,
    min(case
      when scale = 'time' and survival <= cast(1 as double) / cast(2 as double) + cast(1 as double) / cast(1000000000000 as double) then x
      else null
    end) as median_us,
    min(case
      when scale = 'time' and survival <= cast(1 as double) / cast(4 as double) + cast(1 as double) / cast(1000000000000 as double) then x
      else null
    end) as p75_us,
    min(case
      when scale = 'time' and survival <= cast(1 as double) / cast(10 as double) + cast(1 as double) / cast(1000000000000 as double) then x
      else null
    end) as p90_us,
    max(case when scale = 'time' then mean_7d else null end) as mean_7d_us,
    max(case when scale = 'time' then mean_30d else null end) as mean_30d_us,
    max(case when scale = 'time' then variance_7d else null end) as variance_7d_us,
    max(case when scale = 'time' then variance_30d else null end) as variance_30d_us,
    max(cast(case when scale = 'time' and tail_7d > cast(0 as double) then 1 else 0 end as bigint)) as is_extrapolated_7d,
    max(cast(case when scale = 'time' and tail_30d > cast(0 as double) then 1 else 0 end as bigint)) as is_extrapolated_30d,
    min(case when scale = 'target' and x <= cast(1 as double) then survival else cast(1 as double) end) as survival_at_target
  from variances
  group by measure, grain, period, segment_kind, segment
),
counts as (
  select
    measure, grain, period, segment_kind, segment,
    cast(sum(1 - is_negative) as bigint) as n_cases,
    cast(sum(is_negative) as bigint) as n_negative,
    cast(sum(is_open) as bigint) as n_open,
    cast(sum(case when is_negative = 0 and is_open = 0 then 1 else 0 end) as bigint) as n_closed,
    cast(sum(case when is_negative = 0 and is_open = 0 then duration_us else 0 end) as bigint) as closed_us,
    cast(sum(case when is_negative = 0 and is_open = 0 and duration_us <= target_us then 1 else 0 end) as bigint) as n_within,
    max(case when is_open = 1 then age_us else null end) as oldest_open_us
  from case_periods
  group by measure, grain, period, segment_kind, segment
)
select
  counts.measure as measure,
  counts.grain as grain,
  counts.period as period,
  counts.segment_kind as segment_kind,
  counts.segment as segment,
  counts.n_cases as n_cases,
  counts.n_negative as n_negative,
  counts.n_open as n_open,
  counts.n_closed as n_closed,
  counts.n_within as n_within,
  counts.closed_us as closed_us,
  counts.oldest_open_us as oldest_open_us,
  curves.median_us as median_us,
  curves.p75_us as p75_us,
  curves.p90_us as p90_us,
  curves.mean_7d_us as mean_7d_us,
  curves.mean_30d_us as mean_30d_us,
  case
    when curves.variance_7d_us > cast(0 as double) then exp(ln(curves.variance_7d_us) / cast(2 as double))
    when curves.variance_7d_us is not null then cast(0 as double)
  end as se_7d_us,
  case
    when curves.variance_30d_us > cast(0 as double) then exp(ln(curves.variance_30d_us) / cast(2 as double))
    when curves.variance_30d_us is not null then cast(0 as double)
  end as se_30d_us,
  curves.is_extrapolated_7d as is_extrapolated_7d,
  curves.is_extrapolated_30d as is_extrapolated_30d,
  cast(1 as double) - curves.survival_at_target as share_within
from counts
left join curves
  on counts.measure = curves.measure
  and counts.grain = curves.grain
  and counts.period = curves.period
  and counts.segment_kind = curves.segment_kind
  and counts.segment = curves.segment
