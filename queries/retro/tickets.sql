-- Grain: one row per subject and record of its ticket.
select
  retro_subjects.subject as subject, revocation_tickets.ticket as ticket, revocation_tickets.tracker as tracker,
  revocation_tickets.severity as severity, revocation_tickets.status as status, revocation_tickets.resolution as resolution,
  revocation_tickets.assignee as assignee, revocation_tickets.exposed_us as exposed_us, revocation_tickets.detected_us as detected_us,
  revocation_tickets.reported_us as reported_us, revocation_tickets.contained_us as contained_us,
  revocation_tickets.revoked_us as revoked_us, revocation_tickets.closed_us as closed_us,
  revocation_tickets.file as file, revocation_tickets.record as record
from revocation_tickets
join retro_subjects on revocation_tickets.ticket = retro_subjects.ticket and revocation_tickets.tracker = retro_subjects.tracker
where coalesce(revocation_tickets.credential, '') = coalesce(retro_subjects.credential, '')
order by subject, file, record
