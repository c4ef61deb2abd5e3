//! Measured rows -> the tables of the run folder, column by column as outputs.md names them.

use crate::frame::build::EvidenceCounts;
use crate::frame::entity::EntityDefinition;
use crate::frame::schema::ColumnType;
use crate::frame::table::{Column, Table};
use crate::metric::outcome::MetricRow;
use crate::source::read::{Counts, Evidence};
use crate::source::rejects::Reject;
use std::collections::{BTreeMap, HashMap};

/// Turns a query's rows into the entity's columns: `x_us` becomes the instant `x`, 0 and 1 become flags, list columns are
/// gathered from the facts `<entity>_<column>`, whose last column is the value and whose others are the entity's key.
pub fn entity_table(name: &str, definition: &EntityDefinition, rows: &Table, facts: &BTreeMap<String, Table>) -> Table {
    let mut table = Table::default();
    for column in definition.columns.iter().filter(|column| !definition.hidden.contains(&column.name)) {
        let values = match column.kind {
            ColumnType::Timestamp => Column::Instant(ints(rows, &format!("{}_us", column.name))),
            ColumnType::Date => Column::Date(ints(rows, &column.name)),
            ColumnType::Boolean => flags(rows, &column.name),
            ColumnType::List => list_column(rows, facts.get(&format!("{name}_{}", column.name))),
            kind => typed(rows, &column.name, kind),
        };
        table.set(&column.name, values);
    }
    table
}

fn ints(rows: &Table, name: &str) -> Vec<Option<i64>> {
    rows.column(name).map(|column| column.ints().to_vec()).filter(|values| values.len() == rows.rows()).unwrap_or_else(|| vec![None; rows.rows()])
}

fn flags(rows: &Table, name: &str) -> Column {
    match rows.column(name) {
        Some(Column::Flag(values)) => Column::Flag(values.clone()),
        _ => Column::Flag(ints(rows, name).into_iter().map(|value| value.map(|value| value != 0)).collect()),
    }
}

/// A column with the declared type, whatever an engine made of one that holds nothing but nulls.
fn typed(rows: &Table, name: &str, kind: ColumnType) -> Column {
    match (rows.column(name), kind) {
        (Some(column @ Column::Text(_)), ColumnType::String) => column.clone(),
        (Some(column @ Column::Double(_)), ColumnType::Double) => column.clone(),
        (_, ColumnType::String) => Column::Text(vec![None; rows.rows()]),
        (_, ColumnType::Double) => Column::Double(vec![None; rows.rows()]),
        _ => Column::Int(ints(rows, name)),
    }
}

fn key_of(table: &Table, columns: &[String], row: usize) -> Vec<String> {
    let cell = |column: &String| match table.column(column) {
        Some(Column::Text(values)) => values[row].clone().unwrap_or_default(),
        Some(other) => other.ints().get(row).copied().flatten().map(|value| value.to_string()).unwrap_or_default(),
        None => String::new(),
    };
    columns.iter().map(cell).collect()
}

fn list_column(rows: &Table, fact: Option<&Table>) -> Column {
    let Some(fact) = fact else { return Column::List(vec![None; rows.rows()]) };
    let names: Vec<String> = fact.columns.iter().map(|(name, _)| name.clone()).collect();
    let Some((value, keys)) = names.split_last() else { return Column::List(vec![None; rows.rows()]) };
    let mut lists: HashMap<Vec<String>, Vec<String>> = HashMap::new();
    for row in 0..fact.rows() {
        if let Some(item) = fact.text(value, row) {
            lists.entry(key_of(fact, keys, row)).or_default().push(item.to_string());
        }
    }
    let list = |row| {
        let mut items = lists.get(&key_of(rows, keys, row)).cloned().unwrap_or_default();
        items.sort_unstable();
        items.dedup();
        Some(items)
    };
    Column::List((0..rows.rows()).map(list).collect())
}

/// metrics.parquet.
pub fn metrics_table(rows: &[MetricRow]) -> Table {
    let text = |value: &dyn Fn(&MetricRow) -> Option<String>| Column::Text(rows.iter().map(value).collect());
    let instant = |value: fn(&MetricRow) -> i64| Column::Instant(rows.iter().map(|row| Some(value(row))).collect());
    let double = |value: fn(&MetricRow) -> Option<f64>| Column::Double(rows.iter().map(value).collect());
    let int = |value: fn(&MetricRow) -> Option<i64>| Column::Int(rows.iter().map(value).collect());
    let mut table = Table::default();
    table.set("metric_id", text(&|row| Some(row.metric_id.clone())));
    table.set("statistic", text(&|row| Some(row.statistic.clone())));
    table.set("grain", text(&|row| Some(row.grain.as_str().into())));
    table.set("period", text(&|row| Some(row.period.to_string())));
    table.set("period_start", instant(|row| row.period_start_us));
    table.set("period_end", instant(|row| row.period_end_us));
    table.set("segment_kind", text(&|row| Some(row.segment_kind.clone())));
    table.set("segment", text(&|row| Some(row.segment.clone())));
    table.set("value", double(|row| row.value));
    table.set("numerator", int(|row| row.numerator));
    table.set("denominator", int(|row| row.denominator));
    table.set("ci_low", double(|row| row.ci_low));
    table.set("ci_high", double(|row| row.ci_high));
    table.set("unit", text(&|row| Some(row.unit.as_str().into())));
    table.set("status", text(&|row| Some(row.status.as_str().into())));
    table.set("reason", text(&|row| row.reason.clone()));
    table.set("flags", text(&|row| row.flags_text()));
    table.set("n_insufficient_evidence", int(|row| Some(row.n_insufficient_evidence)));
    table.set("target", double(|row| row.target));
    table.set("judgement", text(&|row| Some(row.judgement.as_str().into())));
    table.set("trend", text(&|row| Some(row.trend.as_str().into())));
    table.set("as_of", instant(|row| row.as_of_us));
    table
}

/// coverage.parquet: one row per source, file and day (day null: records without a readable instant, and inventories).
/// `gaps`: days since the file's day before on which no file of the same source has a record.
pub fn coverage_table(
    evidence: &Evidence,
    coverage: &BTreeMap<(u32, i64), EvidenceCounts>,
    source_of: &dyn Fn(u32) -> String,
    gaps: &BTreeMap<(String, i64), i64>,
) -> Table {
    let rows: Vec<(&(u32, Option<i64>), &Counts)> = evidence.ledger.iter().collect();
    let counts = |value: fn(&Counts) -> u64| Column::Int(rows.iter().map(|(_, counts)| Some(value(counts) as i64)).collect());
    let share = |value: fn(&EvidenceCounts) -> i64| {
        let of = |key: &(u32, Option<i64>)| {
            let counts = coverage.get(&(key.0, key.1?)).filter(|counts| counts.rows > 0)?;
            Some(value(counts) as f64 / counts.rows as f64)
        };
        Column::Double(rows.iter().map(|(key, _)| of(key)).collect())
    };
    let mut table = Table::default();
    table.set("source", Column::Text(rows.iter().map(|(key, _)| Some(source_of(key.0))).collect()));
    table.set("file", Column::Text(rows.iter().map(|(key, _)| Some(evidence.files[key.0 as usize].path.to_string_lossy().into_owned())).collect()));
    table.set("day", Column::Date(rows.iter().map(|(key, _)| key.1).collect()));
    table.set("records", counts(|counts| counts.records));
    table.set("rows", counts(|counts| counts.rows));
    table.set("duplicates", counts(|counts| counts.duplicates));
    table.set("skipped", counts(|counts| counts.skipped));
    table.set("rejects", counts(|counts| counts.rejects));
    table.set("gaps", Column::Int(rows.iter().map(|(key, _)| Some(key.1.and_then(|day| gaps.get(&(source_of(key.0), day)).copied()).unwrap_or(0))).collect()));
    table.set("share_api", share(|counts| counts.with_api));
    table.set("share_identity", share(|counts| counts.with_identity));
    table.set("share_credential", share(|counts| counts.with_credential));
    table.set("share_scheme", share(|counts| counts.with_scheme));
    table.set("share_proof", share(|counts| counts.with_proof));
    table.set("share_scopes", share(|counts| counts.with_scopes));
    table
}

/// Part of rejects.parquet: one row per rejected record.
pub fn rejects_table(rows: &[Reject], evidence: &Evidence, source_of: &dyn Fn(u32) -> String, keeps_raw: bool) -> Table {
    let mut table = Table::default();
    table.set("file", Column::Text(rows.iter().map(|row| Some(evidence.files[row.file as usize].path.to_string_lossy().into_owned())).collect()));
    table.set("record", Column::Int(rows.iter().map(|row| Some(row.record as i64)).collect()));
    table.set("byte_offset", Column::Int(rows.iter().map(|row| Some(row.byte_offset as i64)).collect()));
    table.set("reason", Column::Text(rows.iter().map(|row| Some(row.reason.to_string())).collect()));
    table.set("format", Column::Text(rows.iter().map(|row| Some(source_of(row.file))).collect()));
    if keeps_raw {
        table.set("raw", Column::Text(rows.iter().map(|row| row.raw.clone()).collect()));
    }
    table
}
