//! `credlens diff`: what is different between two finished runs.

use crate::cli::CommandResult;
use crate::cli::args::{DiffArgs, Global};
use crate::cli::commands::{print, run_manifest};
use crate::diagnostic::Failure;
use crate::metric::catalog::Catalog;
use crate::metric::engine::query_run;
use crate::summary::diff::{RunTables, compare, text};
use std::collections::BTreeMap;
use std::path::Path;

/// What is read of each run: the table, and its columns in a unique order.
const TABLES: [(&str, &str, &str); 9] = [
    (
        "metrics",
        "metric_id, statistic, period, segment_kind, segment, value, unit, status, reason, target, judgement",
        "metric_id, statistic, period, segment_kind, segment",
    ),
    ("apis", "period, api, verdict, scope_verdict", "period, api"),
    ("identities", "identity, is_unowned, is_orphaned, is_dormant", "identity"),
    ("grants", "identity, scope, api, state", "identity, scope, api, state"),
    ("revocations", "ticket, tracker, credential, is_open, is_false_positive, proof_grade, detected_at", "tracker, ticket, credential, detected_at"),
    ("exceptions", "id, state", "id"),
    ("ttl_limits", "kind, limit_us", "kind"),
    ("revoke_targets", "severity, target_us", "severity"),
    (
        "params",
        "grace_us, window_us, dormant_us, revoke_target_us, attach_us, over_privileged_percent, scope_known_percent, no_evidence_percent, dominant_percent, rate_limited_counts",
        "grace_us",
    ),
];

/// Runs the command.
pub fn command(args: &DiffArgs, _global: &Global) -> CommandResult {
    let catalog = Catalog::new(&[]).map_err(|error| Failure::new("A003", error))?;
    let difference = compare(&read_run(&catalog, &args.a)?, &read_run(&catalog, &args.b)?);
    if args.json {
        let text = serde_json::to_string_pretty(&difference).map_err(|error| Failure::new("A020", error.to_string()))?;
        return print((text + "\n").as_bytes());
    }
    print(text::render(&difference).as_bytes())
}

fn read_run(catalog: &Catalog, folder: &Path) -> Result<RunTables, Failure> {
    let manifest = run_manifest(folder)?;
    let mut tables = BTreeMap::new();
    for (name, columns, order) in TABLES {
        let sql = format!("select {columns} from {name} order by {order}");
        let table = query_run(catalog, folder, &sql).map_err(|error| {
            Failure::new("A050", format!("{name}: {}", error.message)).at(folder.display().to_string()).hint("was the run made by this version of credlens?")
        })?;
        tables.insert(name.to_string(), table);
    }
    Ok(RunTables { name: folder.display().to_string(), manifest, tables })
}
