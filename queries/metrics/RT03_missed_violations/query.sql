with
reasons as (
  select 'all' as segment from params
  union all select 'revoked_credential' as segment from params
  union all select 'expired_token' as segment from params
  union all select 'scope_not_granted' as segment from params
  union all select 'bound_downgraded' as segment from params
  union all select 'proof_required' as segment from params
  union all select 'exception_expired' as segment from params
),
sums as (
  select
    grain,
    period,
    cast(sum(n_missed) as bigint) as all_missed,
    cast(sum(n_revoked_credential) as bigint) as all_revoked_credential,
    cast(sum(n_expired_token) as bigint) as all_expired_token,
    cast(sum(n_scope_not_granted) as bigint) as all_scope_not_granted,
    cast(sum(n_bound_downgraded) as bigint) as all_bound_downgraded,
    cast(sum(n_proof_required) as bigint) as all_proof_required,
    cast(sum(n_exception_expired) as bigint) as all_exception_expired
  from api_periods
  group by grain, period
),
measures as (
  select
    periods.grain as grain,
    periods.period as period,
    case when reasons.segment = 'all' then 'all' else 'reason' end as segment_kind,
    reasons.segment as segment,
    case
      when params.has_requests = 0 then 'no_requests'
      when reasons.segment = 'exception_expired' and params.has_exceptions = 0 then 'no_exceptions'
    end as missing,
    coalesce(case
      when reasons.segment = 'all' then sums.all_missed
      when reasons.segment = 'revoked_credential' then sums.all_revoked_credential
      when reasons.segment = 'expired_token' then sums.all_expired_token
      when reasons.segment = 'scope_not_granted' then sums.all_scope_not_granted
      when reasons.segment = 'bound_downgraded' then sums.all_bound_downgraded
      when reasons.segment = 'proof_required' then sums.all_proof_required
      else sums.all_exception_expired
    end, 0) as amount
  from periods
  cross join params
  cross join reasons
  left join sums
    on periods.grain = sums.grain
    and periods.period = sums.period
),
result as (
  select
    'value' as statistic,
    grain,
    period,
    segment_kind,
    segment,
    case when missing is null then cast(amount as double) end as value,
    cast(null as bigint) as numerator,
    cast(null as bigint) as denominator,
    cast(null as double) as se,
    case when missing is null then 'measured' else 'not_measured' end as status,
    missing as reason,
    case when grain is null then '' end as flags,
    cast(0 as bigint) as n_insufficient_evidence
  from measures
)
select statistic, grain, period, segment_kind, segment, value, numerator, denominator, se, status, reason, flags, n_insufficient_evidence
from result
order by statistic, grain, period, segment_kind, segment
