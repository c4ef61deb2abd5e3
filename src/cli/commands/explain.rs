//! `credlens explain`: what a metric, pack, entity or code means.

use crate::cli::CommandResult;
use crate::cli::args::Global;
use crate::cli::commands::{library_of, print};
use crate::cli::config::Config;
use crate::diagnostic::{CODES, Failure};
use crate::frame::entity::EntityDefinition;
use crate::frame::schema::frames;
use crate::metric::catalog::Catalog;
use crate::metric::definition::MetricDefinition;
use std::fmt::Write;

/// Runs the command.
pub fn command(id: &str, global: &Global) -> CommandResult {
    let config = Config::load(global.config.as_deref(), &[])?;
    let catalog = Catalog::new(&config.metric_folders).map_err(|error| Failure::new("A003", error))?;
    let library = library_of(&config)?;
    let wanted = id.to_uppercase();
    if let Some(definition) = catalog.definitions().get(&wanted) {
        return print(metric_page(definition, &catalog.queries[&wanted].sql).as_bytes());
    }
    if let Some((code, meaning)) = CODES.iter().find(|(code, _)| *code == wanted) {
        return print(format!("{code}\n  {meaning}\n").as_bytes());
    }
    if let Some(pack) = library.find(id) {
        let pack = &library.packs[pack];
        return print(format!("{}: {}\n\n{}\n{}\n", pack.id(), pack.file.title, pack.file.docs.trim(), pack.text).as_bytes());
    }
    if let Some((name, entity)) = catalog.entities().find(|(name, _)| *name == id) {
        return print(entity_page(name, entity).as_bytes());
    }
    let columns: Vec<String> = frames()
        .iter()
        .flat_map(|(frame, columns)| {
            columns.iter().filter(|column| column.name == id).map(move |column| format!("{frame}.{}: {}\n", column.name, column.meaning))
        })
        .collect();
    if !columns.is_empty() {
        return print(columns.concat().as_bytes());
    }
    Err(Failure::new("A001", format!("nothing is called `{id}`"))
        .hint("`credlens list metrics`, `credlens list packs` and `credlens list frames` show what there is"))
}

fn metric_page(definition: &MetricDefinition, sql: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}\n\n{}\n", definition.id, definition.title, definition.question);
    let _ = writeln!(out, "Formula    {}", definition.formula);
    if let Some(target) = definition.target {
        let _ = writeln!(out, "Target     {} (default; the organisation's own, no standard sets it)", definition.unit.format_target(target));
    }
    for threshold in &definition.thresholds {
        let _ = writeln!(out, "Threshold  {} = {}  ({})", threshold.name, threshold.value, threshold.source);
    }
    for caveat in &definition.caveats {
        let _ = writeln!(out, "Caveat     {caveat}");
    }
    if !definition.frameworks.is_empty() {
        let _ = writeln!(out, "Frameworks {}", definition.frameworks.join(", "));
    }
    for (label, text) in [("Why", &definition.why), ("Fix", &definition.fix), ("Breaks", &definition.breaks_when), ("Rules", &definition.docs)] {
        if !text.trim().is_empty() {
            let _ = writeln!(out, "\n{label}\n{}", text.trim());
        }
    }
    let _ = writeln!(out, "\nStatistics");
    for (name, statistic) in &definition.statistics {
        let _ = writeln!(out, "  {name:22} {}", statistic.meaning);
    }
    let _ = writeln!(out, "\nQuery\n{}", sql.trim());
    out
}

fn entity_page(name: &str, entity: &EntityDefinition) -> String {
    let mut out = format!("{name}.parquet: {}\n\n{}\n", entity.grain, entity.docs.trim());
    for column in entity.columns.iter().filter(|column| !entity.hidden.contains(&column.name)) {
        let _ = writeln!(out, "  {:28} {:10} {}", column.name, format!("{:?}", column.kind).to_lowercase(), column.meaning);
    }
    out
}
