-- Grain: one row per credential with an instant after which (plus the grace, applied by the reader) an accepted call counts for RV03 and
-- for missed reason (a): the earliest revoked_at of its cases (no false positives, no data errors), else, for a credential without such a
-- case, its first successful revocation by the IdP. A credential whose cases are all open has no row.
with
case_revocations as (
  select credential as case_credential, min(revoked_us) as case_revoked_us
  from case_clocks
  where is_false_positive = 0
    and is_negative = 0
    and credential is not null
  group by credential
),
first_revocations as (
  select credential as event_credential, min(revoked_us) as event_revoked_us
  from credential_revocations
  group by credential
)
select case_credential as credential, case_revoked_us as revoked_us
from case_revocations
where case_revoked_us is not null
union all
select
  first_revocations.event_credential as credential,
  first_revocations.event_revoked_us as revoked_us
from first_revocations
left join case_revocations on first_revocations.event_credential = case_revocations.case_credential
where case_revocations.case_credential is null
