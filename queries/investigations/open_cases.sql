-- Which compromised credentials are still open, and what did they reach since exposure?
select ticket, tracker, identity, credential, severity, detected_at, contained_at, calls_after_exposure
from revocations
where is_open and not is_false_positive
order by detected_at, tracker, ticket, credential
