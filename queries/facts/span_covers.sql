-- Grain: one row per grant span and scope that its scope covers (its own included): who was allowed which scope, and when.
-- A grant covers a scope whatever API it names.
select
  grant_spans.identity as identity,
  scope_cover.covered as scope,
  grant_spans.granted_us as granted_us,
  grant_spans.removed_us as removed_us,
  cast(1 as bigint) as is_span
from grant_spans
join scope_cover on grant_spans.scope = scope_cover.granted
