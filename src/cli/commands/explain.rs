//! `credlens explain`: what a metric, pack, entity or code means.

use crate::cli::CommandResult;
use crate::cli::args::Global;
use crate::cli::commands::{library_of, print};
use crate::cli::config::Config;
use crate::diagnostic::{CODES, Failure, did_you_mean, terminal_safe};
use crate::frame::entity::EntityDefinition;
use crate::frame::schema::{ColumnSchema, frames};
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
    if let Some((code, meaning, fix)) = CODES.iter().find(|(code, ..)| *code == wanted) {
        return print(format!("{code}\n  {meaning}\n  What to do: {fix}\n").as_bytes());
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
    let of_entities = catalog.entities().flat_map(|(entity, definition)| {
        let shown = definition.columns.iter().filter(|column| column.name == id && !definition.hidden.contains(&column.name));
        shown.map(move |column| format!("{entity}.{}: {}\n", column.name, column.meaning))
    });
    let columns: String = columns.into_iter().chain(of_entities).collect();
    if !columns.is_empty() {
        return print(columns.as_bytes());
    }
    if let Some(columns) = frames().get(id) {
        return print(frame_page(id, columns).as_bytes());
    }
    if let Some(sql) = Catalog::investigation(id) {
        return print(format!("{id}: a saved investigation\n\n{}\n\nRun it: `credlens query {id} --run DIR`\n", sql.trim()).as_bytes());
    }
    Err(nothing_called(id, &catalog, &library))
}

/// With what was probably meant.
fn nothing_called(id: &str, catalog: &Catalog, library: &crate::source::library::Library) -> Failure {
    let metrics: Vec<String> = catalog.definitions().into_keys().collect();
    let investigations = Catalog::investigations();
    let frames = frames();
    let mut known: Vec<&str> = metrics.iter().chain(&investigations).map(String::as_str).collect();
    known.extend(CODES.iter().map(|(code, ..)| *code));
    known.extend(library.packs.iter().map(|pack| pack.id()));
    known.extend(frames.iter().flat_map(|(frame, columns)| columns.iter().map(|column| column.name.as_str()).chain([frame.as_str()])));
    known.extend(catalog.entities().flat_map(|(name, entity)| entity.columns.iter().map(|column| column.name.as_str()).chain([name.as_str()])));
    let lists = "`credlens list metrics`, `packs`, `frames` and `investigations` show what there is";
    let hint = [did_you_mean(id, known).as_deref(), Some(lists)].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Failure::new("A001", format!("nothing is called `{}`", terminal_safe(id))).hint(hint)
}

fn frame_page(name: &str, columns: &[ColumnSchema]) -> String {
    let mut out = format!("{name}: a frame, below parquet/frames\n\n");
    for column in columns {
        let _ = writeln!(out, "  {:28} {:10} {}", column.name, format!("{:?}", column.kind).to_lowercase(), column.meaning);
    }
    out
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
