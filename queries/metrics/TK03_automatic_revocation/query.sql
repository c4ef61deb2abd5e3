-- TK03: of the credentials (not tokens) that ended in each period, the share that ended by expiry, automatic rotation or automatic revocation.
with
ended as (
  select
    periods.grain as ended_grain,
    periods.period as ended_period,
    cast(case
      when credential_lives.ended_by in ('expiry', 'rotation_auto', 'revocation_auto') then 1 else 0
    end as bigint) as is_automatic
  from credential_lives
  cross join periods
  where credential_lives.is_token = 0
    and credential_lives.ended_us >= periods.start_us
    and credential_lives.ended_us < periods.end_us
),
summed as (
  select
    ended_grain, ended_period,
    cast(sum(is_automatic) as bigint) as n_automatic,
    cast(count(*) as bigint) as n_ended
  from ended
  group by ended_grain, ended_period
),
joined as (
  select
    periods.grain as grain,
    periods.period as period,
    coalesce(summed.n_automatic, cast(0 as bigint)) as n_automatic,
    coalesce(summed.n_ended, cast(0 as bigint)) as n_ended,
    params.has_identity_events as has_identity_events
  from periods
  left join summed
    on periods.grain = summed.ended_grain
    and periods.period = summed.ended_period
  cross join params
),
reasoned as (
  select
    grain, period, n_automatic, n_ended,
    case
      when has_identity_events = 0 then 'no_identity_events'
      when n_ended = 0 then 'no_ended_credentials'
    end as missing_reason
  from joined
),
result as (
  select
    'value' as statistic,
    grain, period,
    'all' as segment_kind,
    'all' as segment,
    case when missing_reason is null then cast(n_automatic as double) / cast(n_ended as double) else cast(null as double) end as value,
    case when missing_reason = 'no_identity_events' then cast(null as bigint) else n_automatic end as numerator,
    case when missing_reason = 'no_identity_events' then cast(null as bigint) else n_ended end as denominator,
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
