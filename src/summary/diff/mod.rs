//! Two finished runs -> what is different: measures, definitions, settings, inputs, and entities that entered or left a verdict.
//!
//! Everything is keyed and sorted, so the order is total and the same two runs give the same bytes.

pub mod text;

use crate::frame::table::{Column, Table};
use crate::units::Unit;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is compared of a run.
#[derive(Debug, Default)]
pub struct RunTables {
    pub name: String,
    pub manifest: Value,
    /// metrics, apis, identities, grants, revocations, exceptions, and the frames that hold settings.
    pub tables: BTreeMap<String, Table>,
}

/// Two runs, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub schema_version: u32,
    pub a: RunName,
    pub b: RunName,
    pub metrics: Vec<MetricChange>,
    pub n_metrics_unchanged: usize,
    pub definitions: Changes,
    pub settings: Vec<ValueChange>,
    pub inputs: Changes,
    pub verdicts: Vec<Movement>,
    pub identities: Vec<Movement>,
    pub grants: Vec<Movement>,
    pub cases: Vec<Movement>,
    pub exceptions: Vec<Movement>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunName {
    pub folder: String,
    pub period: String,
    pub as_of: String,
    pub tool_version: String,
}

/// A measure whose headline value, status or judgement is different.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricChange {
    pub id: String,
    pub unit: Option<Unit>,
    pub a: Option<f64>,
    pub b: Option<f64>,
    pub change: Option<f64>,
    pub status_a: String,
    pub status_b: String,
    /// The query, or a fact or entity that it rests on, is another one.
    pub is_redefined: bool,
}

/// Names that are new, gone, or hold something else.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Changes {
    pub added: Vec<String>,
    pub gone: Vec<String>,
    pub changed: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueChange {
    pub name: String,
    pub a: Option<String>,
    pub b: Option<String>,
}

/// Entities that went from one state to another, between the same two states together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Movement {
    /// What about: SC verdict, SP verdict, orphaned, state of a grant, …
    pub about: String,
    /// Null: the run does not know the entity.
    pub from: Option<String>,
    pub to: Option<String>,
    pub entities: Vec<String>,
}

impl Difference {
    /// True when nothing is different but the folders' names.
    pub fn is_empty(&self) -> bool {
        let moved = [&self.verdicts, &self.identities, &self.grants, &self.cases, &self.exceptions].iter().all(|list| list.is_empty());
        moved
            && self.metrics.is_empty()
            && self.settings.is_empty()
            && self.definitions == Changes::default()
            && self.inputs == Changes::default()
            && self.a.same_question(&self.b)
    }
}

impl RunName {
    fn of(run: &RunTables) -> RunName {
        let text = |key: &str| run.manifest[key].as_str().unwrap_or("?").to_string();
        RunName { folder: run.name.clone(), period: text("period"), as_of: text("as_of"), tool_version: text("tool_version") }
    }

    fn same_question(&self, other: &RunName) -> bool {
        self.period == other.period && self.as_of == other.as_of && self.tool_version == other.tool_version
    }
}

/// Compares two runs, each at its own headline period.
pub fn compare(a: &RunTables, b: &RunTables) -> Difference {
    let definitions = changes(&digests_of(&a.manifest["queries"]), &digests_of(&b.manifest["queries"]));
    let (metrics, n_metrics_unchanged) = metrics(a, b, &definitions);
    let names = ["sender constraint", "scopes"];
    let verdicts = ["verdict", "scope_verdict"].iter().zip(names).flat_map(|(column, name)| movements(name, &apis(a, column), &apis(b, column))).collect();
    let governance = [("unowned", "is_unowned"), ("orphaned", "is_orphaned"), ("dormant", "is_dormant")];
    let identities = governance
        .iter()
        .flat_map(|(name, column)| movements(name, &entities(a, "identities", &["identity"], column), &entities(b, "identities", &["identity"], column)));
    // Becoming known as one that is fine, or not judged, is no news.
    let identities = identities.filter(|movement| [&movement.from, &movement.to].iter().any(|state| state.as_deref() == Some("yes")));
    Difference {
        schema_version: 1,
        a: RunName::of(a),
        b: RunName::of(b),
        metrics,
        n_metrics_unchanged,
        definitions,
        settings: settings(a, b),
        inputs: changes(&inputs(&a.manifest), &inputs(&b.manifest)),
        verdicts,
        identities: identities.collect(),
        grants: movements(
            "grant",
            &entities(a, "grants", &["identity", "scope", "api"], "state"),
            &entities(b, "grants", &["identity", "scope", "api"], "state"),
        ),
        cases: movements("case", &cases(a), &cases(b)),
        exceptions: movements("exception", &entities(a, "exceptions", &["id"], "state"), &entities(b, "exceptions", &["id"], "state")),
    }
}

/// A cell as text, whatever its type.
fn cell(table: &Table, name: &str, row: usize) -> Option<String> {
    match table.column(name)? {
        Column::Text(values) => values.get(row)?.clone(),
        Column::Flag(values) => values.get(row)?.map(|value| if value { "yes" } else { "no" }.to_string()),
        Column::Double(values) => values.get(row)?.map(|value| value.to_string()),
        Column::Instant(values) => values.get(row)?.map(crate::period::format_instant),
        column => column.ints().get(row)?.map(|value| value.to_string()),
    }
}

/// Entity -> its state. Two rows of one key (a scope granted and carried without grant) join their states.
fn entities(run: &RunTables, table: &str, key: &[&str], column: &str) -> BTreeMap<String, String> {
    let Some(table) = run.tables.get(table) else { return BTreeMap::new() };
    keyed(table, key, |row| cell(table, column, row).unwrap_or_else(|| "not judged".into()))
}

fn keyed(table: &Table, key: &[&str], value: impl Fn(usize) -> String) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in 0..table.rows() {
        let name = key.iter().filter_map(|column| cell(table, column, row)).collect::<Vec<_>>().join(" ");
        found.entry(name).or_default().insert(value(row));
    }
    found.into_iter().map(|(name, values)| (name, values.into_iter().collect::<Vec<_>>().join(", "))).collect()
}

/// Verdicts of APIs in the quarter of the headline period.
fn apis(run: &RunTables, column: &str) -> BTreeMap<String, String> {
    let Some(table) = run.tables.get("apis") else { return BTreeMap::new() };
    let quarter = headline_quarter(run);
    let rows: Vec<usize> = (0..table.rows()).filter(|row| table.text("period", *row) == quarter.as_deref()).collect();
    let table = table.take(&rows);
    keyed(&table, &["api"], |row| cell(&table, column, row).unwrap_or_else(|| "not judged".into()))
}

fn headline_quarter(run: &RunTables) -> Option<String> {
    use crate::period::{Grain, Period};
    let period = run.manifest["period"].as_str()?.parse::<Period>().ok()?;
    Some(Period::containing(period.start_us(), Grain::Quarter)?.to_string())
}

/// Cases by tracker, ticket and credential; a case is open or closed, with its proof grade.
fn cases(run: &RunTables) -> BTreeMap<String, String> {
    let Some(table) = run.tables.get("revocations") else { return BTreeMap::new() };
    let state = |row: usize| {
        let is_open = cell(table, "is_open", row).as_deref() == Some("yes");
        let mut state = format!("{}, {}", if is_open { "open" } else { "closed" }, table.text("proof_grade", row).unwrap_or("?").replace('_', " "));
        if cell(table, "is_false_positive", row).as_deref() == Some("yes") {
            state += ", false positive";
        }
        state
    };
    // A case without a ticket is told from another of its credential by its detection.
    let name = |row: usize| match table.text("ticket", row) {
        Some(_) => cell(table, "ticket", row),
        None => cell(table, "detected_at", row),
    };
    let mut named = table.clone();
    named.set("name", Column::Text((0..table.rows()).map(name).collect()));
    keyed(&named, &["tracker", "name", "credential"], state)
}

/// Entities whose state is another, or which only one run knows, gathered by what they went from and to.
fn movements(about: &str, a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<Movement> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let mut moved: BTreeMap<(Option<String>, Option<String>), Vec<String>> = BTreeMap::new();
    for name in names.into_iter().filter(|name| a.get(*name) != b.get(*name)) {
        moved.entry((a.get(name).cloned(), b.get(name).cloned())).or_default().push(name.clone());
    }
    moved.into_iter().map(|((from, to), entities)| Movement { about: about.into(), from, to, entities }).collect()
}

fn digests_of(queries: &Value) -> BTreeMap<String, String> {
    queries.as_object().into_iter().flatten().map(|(name, digest)| (name.clone(), digest.as_str().unwrap_or("").to_string())).collect()
}

fn inputs(manifest: &Value) -> BTreeMap<String, String> {
    let files = manifest["files"].as_array().into_iter().flatten();
    files
        .filter_map(|file| {
            Some((file["file"].as_str()?.to_string(), format!("{} {}", file["digest"].as_str().unwrap_or(""), file["format"].as_str().unwrap_or(""))))
        })
        .collect()
}

fn changes(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Changes {
    Changes {
        added: b.keys().filter(|name| !a.contains_key(*name)).cloned().collect(),
        gone: a.keys().filter(|name| !b.contains_key(*name)).cloned().collect(),
        changed: a.iter().filter(|(name, digest)| b.get(*name).is_some_and(|other| other != *digest)).map(|(name, _)| name.clone()).collect(),
    }
}

/// Headline values of both runs, those that are equal only counted.
fn metrics(a: &RunTables, b: &RunTables, definitions: &Changes) -> (Vec<MetricChange>, usize) {
    let (old, new) = (headlines(a), headlines(b));
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let total = ids.len();
    let is_shared_changed = |name: &String| !old.contains_key(name) && !new.contains_key(name);
    let changed_facts = definitions.changed.iter().chain(&definitions.added).chain(&definitions.gone).any(is_shared_changed);
    let none = Headline { value: None, unit: None, status: "not in this run".into() };
    let mut changed = Vec::new();
    for id in ids {
        let (before, after) = (old.get(id).unwrap_or(&none), new.get(id).unwrap_or(&none));
        if before != after {
            changed.push(MetricChange {
                id: id.clone(),
                unit: after.unit.or(before.unit),
                a: before.value,
                b: after.value,
                change: before.value.zip(after.value).map(|(a, b)| b - a),
                status_a: before.status.clone(),
                status_b: after.status.clone(),
                is_redefined: changed_facts || definitions.changed.contains(id),
            });
        }
    }
    let unchanged = total - changed.len();
    (changed, unchanged)
}

#[derive(Debug, Clone, PartialEq)]
struct Headline {
    value: Option<f64>,
    unit: Option<Unit>,
    status: String,
}

fn headlines(run: &RunTables) -> BTreeMap<String, Headline> {
    let Some(table) = run.tables.get("metrics") else { return BTreeMap::new() };
    let period = run.manifest["period"].as_str();
    let is_headline =
        |row: &usize| table.text("statistic", *row) == Some("value") && table.text("segment_kind", *row) == Some("all") && table.text("period", *row) == period;
    let headline = |row: usize| {
        let status = match (table.text("status", row), table.text("reason", row)) {
            (Some("measured"), _) => table.text("judgement", row).unwrap_or("measured").replace('_', " "),
            (_, reason) => format!("not measured: {}", reason.unwrap_or("no reason")),
        };
        let unit = table.text("unit", row).and_then(|unit| [Unit::Share, Unit::Seconds, Unit::Count].into_iter().find(|other| other.as_str() == unit));
        Some((table.text("metric_id", row)?.to_string(), Headline { value: table.double("value", row), unit, status }))
    };
    (0..table.rows()).filter(is_headline).filter_map(headline).collect()
}

/// Settings that the runs were judged with, targets included.
fn settings(a: &RunTables, b: &RunTables) -> Vec<ValueChange> {
    let (old, new) = (settings_of(a), settings_of(b));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    // A target of a measure that only one run has says nothing.
    let is_shared = |name: &String| !name.starts_with("targets.") || (old.contains_key(name) && new.contains_key(name));
    let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name) && is_shared(name));
    changed.map(|name| ValueChange { name: name.clone(), a: old.get(name).cloned(), b: new.get(name).cloned() }).collect()
}

fn settings_of(run: &RunTables) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    if let Some(params) = run.tables.get("params") {
        let is_setting = |name: &str| !name.starts_with("headline") && !name.starts_with("as_of") && !name.ends_with("_day");
        for (name, _) in params.columns.iter().filter(|(name, _)| is_setting(name)) {
            settings.insert(name.clone(), cell(params, name, 0).unwrap_or_else(|| "null".into()));
        }
    }
    for (table, key, value) in [("ttl_limits", "kind", "limit_us"), ("revoke_targets", "severity", "target_us")] {
        if let Some(rows) = run.tables.get(table) {
            settings.extend(
                keyed(rows, &[key], |row| cell(rows, value, row).unwrap_or_default()).into_iter().map(|(name, value)| (format!("{table}.{name}"), value)),
            );
        }
    }
    if let Some(metrics) = run.tables.get("metrics") {
        let period = run.manifest["period"].as_str();
        for row in (0..metrics.rows()).filter(|row| {
            metrics.text("statistic", *row) == Some("value") && metrics.text("segment_kind", *row) == Some("all") && metrics.text("period", *row) == period
        }) {
            let target = metrics.double("target", row).map_or_else(|| "none".into(), |target| target.to_string());
            settings.insert(format!("targets.{}", metrics.text("metric_id", row).unwrap_or("?")), target);
        }
    }
    let config = run.manifest["config"]["digest"].as_str().unwrap_or("none").to_string();
    settings.insert("credlens.toml (digest)".into(), config);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(name: &str, verdict: &str, value: f64, digest: &str) -> RunTables {
        let text = |value: &str| Column::Text(vec![Some(value.to_string())]);
        let mut metrics = Table::default();
        for (column, value) in [
            ("metric_id", "SC01"),
            ("statistic", "value"),
            ("segment_kind", "all"),
            ("period", "2026-Q2"),
            ("status", "measured"),
            ("judgement", "missed"),
            ("unit", "share"),
        ] {
            metrics.set(column, text(value));
        }
        metrics.set("value", Column::Double(vec![Some(value)]));
        let mut apis = Table::default();
        for (column, value) in [("api", "pay|ments"), ("period", "2026-Q2"), ("verdict", verdict)] {
            apis.set(column, text(value));
        }
        let manifest = json!({"period": "2026-Q2", "as_of": "x", "tool_version": "1", "queries": {"SC01": digest, "calls": "same"}, "files": [{"file": "a.log", "digest": digest}]});
        RunTables { name: name.into(), manifest, tables: BTreeMap::from([("metrics".into(), metrics), ("apis".into(), apis)]) }
    }

    #[test]
    fn equal_runs_have_no_differences() {
        let difference = compare(&run("a", "constrained", 0.5, "d"), &run("b", "constrained", 0.5, "d"));
        assert!(difference.is_empty(), "{difference:?}");
        assert_eq!(difference.n_metrics_unchanged, 1);
        assert!(text::render(&difference).contains("no differences"));
    }

    #[test]
    fn what_moved_is_told_with_both_ends() {
        let difference = compare(&run("a", "bearer_only", 0.5, "d"), &run("b", "constrained", 0.75, "e"));
        assert_eq!((difference.metrics[0].change, difference.metrics[0].is_redefined), (Some(0.25), true));
        assert_eq!(difference.definitions.changed, ["SC01"]);
        assert_eq!(difference.inputs.changed, ["a.log"]);
        let moved = &difference.verdicts[0];
        assert_eq!(
            (moved.from.as_deref(), moved.to.as_deref(), moved.entities.as_slice()),
            (Some("bearer_only"), Some("constrained"), &["pay|ments".to_string()][..])
        );
        assert!(text::render(&difference).contains("+25.0 pp"));
    }

    #[test]
    fn an_entity_that_only_one_run_knows_entered_or_left() {
        let (none, one) = (BTreeMap::new(), BTreeMap::from([("x".to_string(), "used".to_string())]));
        assert_eq!(movements("grant", &none, &one)[0].from, None);
        assert_eq!(movements("grant", &one, &none)[0].to, None);
    }
}
