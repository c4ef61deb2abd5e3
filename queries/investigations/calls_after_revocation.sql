-- Which credentials were accepted after their revocation, and how often, month by month?
select month, credential, late_calls
from late_call_months
order by month, credential
