-- per: month
-- Grain: one row per month, subject, client address and whether the call named its credential: the calls of the same identity with another
-- credential, or with none that the log names, before as_of. is_before: until exposure; is_exposed: between exposure and enforcement.
with
others as (
  select
    requests.month as month,
    retro_subjects.subject as subject,
    requests.client_address as client_address,
    cast(case when requests.credential is null then 0 else 1 end as bigint) as is_named,
    cast(case when requests.event_us <= retro_subjects.from_us then 1 else 0 end as bigint) as is_before,
    cast(case
      when requests.event_us > retro_subjects.from_us and requests.event_us <= retro_subjects.until_us then 1 else 0
    end as bigint) as is_exposed
  from requests
  join retro_subjects on requests.identity = retro_subjects.other_identity
  cross join params
  where requests.event_us - params.as_of_us < 0
    and coalesce(requests.credential, '') <> retro_subjects.match_credential
)
select
  month, subject, client_address, is_named,
  cast(sum(is_before) as bigint) as calls_before,
  cast(sum(is_exposed) as bigint) as calls_exposed
from others
group by month, subject, client_address, is_named
order by month, subject, client_address nulls first, is_named
