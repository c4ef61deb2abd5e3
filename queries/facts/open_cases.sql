-- Grain: one row per case of a known credential and the span in which it was open: from detection to revocation (null: still open).
-- No false positives; a case revoked at or before its detection was never open.
select credential, detected_us as from_us, revoked_us as to_us
from case_clocks
where is_false_positive = 0
  and credential is not null
  and (revoked_us is null or revoked_us > detected_us)
