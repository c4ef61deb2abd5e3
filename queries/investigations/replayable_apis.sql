-- Which APIs accepted replayable calls, by quarter, most such calls first?
select period, api, owner, verdict, declared_proof, n_replayable, n_constrained, n_no_evidence
from apis
where n_replayable > 0
order by period, n_replayable desc, api
