-- Grain: one row per measure ('nominal': time to revoke, 'effective': effective time to revoke), period of detection, segment ('all', and
-- the severity where it is known) and case that is no false positive. duration_us of an open case: its age at as_of.
with
placed as (
  select
    periods.grain as grain,
    periods.period as period,
    cases.case_id as case_id,
    cases.severity as severity,
    cases.is_open as is_open,
    cases.is_negative as is_negative,
    cases.target_us as target_us,
    cases.age_us as age_us,
    coalesce(cases.time_to_revoke_us, cases.age_us) as nominal_us,
    coalesce(cases.effective_us, cases.age_us) as effective_us
  from cases
  cross join periods
  where cases.is_false_positive = 0
    and cases.detected_us >= periods.start_us
    and cases.detected_us < periods.end_us
),
segmented as (
  select grain, period, 'all' as segment_kind, 'all' as segment, case_id, is_open, is_negative, target_us, age_us, nominal_us, effective_us
  from placed
  union all
  select grain, period, 'severity' as segment_kind, severity as segment, case_id, is_open, is_negative, target_us, age_us, nominal_us, effective_us
  from placed
  where severity is not null
)
select 'nominal' as measure, grain, period, segment_kind, segment, case_id, is_open, is_negative, target_us, age_us, nominal_us as duration_us
from segmented
union all
select 'effective' as measure, grain, period, segment_kind, segment, case_id, is_open, is_negative, target_us, age_us, effective_us as duration_us
from segmented
