-- Grain: one row per measure, scale, period, segment and distinct duration: the Kaplan-Meier curve of "not revoked yet".
-- scale 'time': x is the duration in microseconds; 'target': x is the duration over the case's own target (x <= 1 exactly if the duration
-- is within the target: both are whole numbers below 2^53 and division rounds correctly). Open cases are censored at their age at as_of.
-- survival after x: the product of (n - d) / n over the events up to x. area_7d, area_30d: the area under the curve from 0 to min(x, tau);
-- tail_*: the area from the last x to tau, where the curve is held flat. Every window runs upwards in x, so sums of doubles have one order.
with
observations as (
  select
    measure, 'time' as scale, grain, period, segment_kind, segment,
    cast(duration_us as double) as x,
    cast(1 - is_open as bigint) as is_event
  from case_periods
  where is_negative = 0
  union all
  select
    measure, 'target' as scale, grain, period, segment_kind, segment,
    cast(duration_us as double) / cast(target_us as double) as x,
    cast(1 - is_open as bigint) as is_event
  from case_periods
  where is_negative = 0
),
distinct_times as (
  select
    measure, scale, grain, period, segment_kind, segment, x,
    cast(count(*) as bigint) as leaving,
    cast(sum(is_event) as bigint) as events
  from observations
  group by measure, scale, grain, period, segment_kind, segment, x
),
counted as (
  select
    measure, scale, grain, period, segment_kind, segment, x, leaving, events,
    cast(sum(leaving) over (
      partition by measure, scale, grain, period, segment_kind, segment order by x rows between unbounded preceding and current row
    ) as bigint) as left_so_far,
    cast(sum(leaving) over (partition by measure, scale, grain, period, segment_kind, segment) as bigint) as entered,
    max(x) over (partition by measure, scale, grain, period, segment_kind, segment) as last_x
  from distinct_times
),
at_risk as (
  select
    measure, scale, grain, period, segment_kind, segment, x, last_x, events,
    entered - left_so_far + leaving as at_risk
  from counted
),
factors as (
  select
    measure, scale, grain, period, segment_kind, segment, x, last_x, events, at_risk,
    case
      when events < at_risk then ln(cast(at_risk - events as double) / cast(at_risk as double))
      else cast(0 as double)
    end as log_factor,
    cast(case when events = at_risk then 1 else 0 end as bigint) as is_end
  from at_risk
),
products as (
  select
    measure, scale, grain, period, segment_kind, segment, x, last_x, events, at_risk,
    cast(sum(log_factor) over (
      partition by measure, scale, grain, period, segment_kind, segment order by x rows between unbounded preceding and current row
    ) as double) as log_survival,
    cast(sum(is_end) over (
      partition by measure, scale, grain, period, segment_kind, segment order by x rows between unbounded preceding and current row
    ) as bigint) as ends
  from factors
),
curves as (
  select
    measure, scale, grain, period, segment_kind, segment, x, last_x, events, at_risk,
    case when ends > 0 then cast(0 as double) else exp(log_survival) end as survival
  from products
),
followed as (
  select
    measure, scale, grain, period, segment_kind, segment, x, last_x, events, at_risk, survival,
    lag(x, 1) over (partition by measure, scale, grain, period, segment_kind, segment order by x) as previous_x,
    lag(survival, 1) over (partition by measure, scale, grain, period, segment_kind, segment order by x) as previous_survival
  from curves
),
bounded as (
  select
    followed.measure as measure, followed.scale as scale, followed.grain as grain, followed.period as period,
    followed.segment_kind as segment_kind, followed.segment as segment,
    followed.x as x, followed.last_x as last_x, followed.events as events, followed.at_risk as at_risk, followed.survival as survival,
    coalesce(followed.previous_x, cast(0 as double)) as from_x,
    coalesce(followed.previous_survival, cast(1 as double)) as height,
    cast(params.tau7_us as double) as tau_7d,
    cast(params.tau30_us as double) as tau_30d
  from followed
  cross join params
),
pieces as (
  select
    measure, scale, grain, period, segment_kind, segment, x, events, at_risk, survival, tau_7d, tau_30d,
    case
      when from_x >= tau_7d then cast(0 as double)
      when x < tau_7d then height * (x - from_x)
      else height * (tau_7d - from_x)
    end as piece_7d,
    case
      when from_x >= tau_30d then cast(0 as double)
      when x < tau_30d then height * (x - from_x)
      else height * (tau_30d - from_x)
    end as piece_30d,
    case when x = last_x and x < tau_7d then survival * (tau_7d - x) else cast(0 as double) end as tail_7d,
    case when x = last_x and x < tau_30d then survival * (tau_30d - x) else cast(0 as double) end as tail_30d
  from bounded
)
select
  measure, scale, grain, period, segment_kind, segment, x, events, at_risk, survival, tau_7d, tau_30d, tail_7d, tail_30d,
  cast(sum(piece_7d) over (
    partition by measure, scale, grain, period, segment_kind, segment order by x rows between unbounded preceding and current row
  ) as double) as area_7d,
  cast(sum(piece_30d) over (
    partition by measure, scale, grain, period, segment_kind, segment order by x rows between unbounded preceding and current row
  ) as double) as area_30d
from pieces
