with
statistics as (
  select 'value' as statistic from params
  union all select 'net_of_exceptions' as statistic from params
),
sums as (
  select
    grain,
    period,
    cast(sum(n_constrained) as bigint) as all_constrained,
    cast(sum(n_replayable) as bigint) as all_replayable,
    cast(sum(n_no_evidence) as bigint) as all_no_evidence,
    cast(sum(n_constrained_on_exception) as bigint) as on_constrained,
    cast(sum(n_replayable_on_exception) as bigint) as on_replayable,
    cast(sum(n_on_exception - n_constrained_on_exception - n_replayable_on_exception) as bigint) as on_no_evidence
  from api_periods
  group by grain, period
),
overall as (
  select
    statistics.statistic as statistic,
    periods.grain as grain,
    periods.period as period,
    'all' as segment_kind,
    'all' as segment,
    case
      when params.has_requests = 0 then 'no_requests'
      when statistics.statistic = 'net_of_exceptions' and params.has_exceptions = 0 then 'no_exceptions'
    end as missing,
    coalesce(case
      when statistics.statistic = 'value' then sums.all_replayable
      else sums.all_replayable - sums.on_replayable
    end, 0) as amount,
    coalesce(case
      when statistics.statistic = 'value' then sums.all_constrained + sums.all_replayable
      else sums.all_constrained + sums.all_replayable - sums.on_constrained - sums.on_replayable
    end, 0) as whole,
    coalesce(case
      when statistics.statistic = 'value' then sums.all_no_evidence
      else sums.all_no_evidence - sums.on_no_evidence
    end, 0) as n_insufficient_evidence
  from periods
  cross join params
  cross join statistics
  left join sums
    on periods.grain = sums.grain
    and periods.period = sums.period
),
measures as (
  select statistic, grain, period, segment_kind, segment, missing, amount, whole, n_insufficient_evidence
  from overall
  union all
  select
    'value' as statistic,
    grain,
    period,
    'api' as segment_kind,
    api as segment,
    case when api is null then '' end as missing,
    n_replayable as amount,
    n_constrained + n_replayable as whole,
    n_no_evidence as n_insufficient_evidence
  from api_periods
  where api is not null and n_authenticated > 0
),
result as (
  select
    statistic,
    grain,
    period,
    segment_kind,
    segment,
    case
      when missing is not null then cast(null as double)
      when whole > 0 then cast(amount as double) / cast(whole as double)
    end as value,
    case when missing is null then amount end as numerator,
    case when missing is null then whole end as denominator,
    cast(null as double) as se,
    case when missing is null and whole > 0 then 'measured' else 'not_measured' end as status,
    case
      when missing is not null then missing
      when whole = 0 then 'no_judged_calls'
    end as reason,
    case when statistic is null then '' end as flags,
    n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
