//! `credlens query`: SQL, a saved investigation or a metric's own query over a finished run's Parquet.

use crate::cli::CommandResult;
use crate::cli::args::{Global, QueryArgs, QueryFormat};
use crate::cli::commands::{print, run_folder, run_manifest};
use crate::cli::config::Config;
use crate::diagnostic::{Failure, did_you_mean, terminal_safe};
use crate::frame::table::{Column, Table};
use crate::frame::write::{FileMetadata, write_batch};
use crate::metric::catalog::Catalog;
use crate::metric::engine::query_run;
use crate::summary::escape;

/// Runs the command.
pub fn command(args: &QueryArgs, global: &Global) -> CommandResult {
    let config = Config::load(global.config.as_deref(), &[])?;
    let run = run_folder(args.run.as_deref(), &config)?;
    let manifest = run_manifest(&run)?;
    let catalog = Catalog::new(&config.metric_folders).map_err(|error| Failure::new("A003", error))?;
    let sql = sql_of(&args.query, &catalog)?;
    let table = query_run(&catalog, &run, &sql).map_err(|error| {
        Failure::new("A050", terminal_safe(&error.to_string())).hint("`credlens list frames` and `credlens explain apis` show tables and their columns")
    })?;
    let bytes = match args.format {
        QueryFormat::Table => as_text(&table).into_bytes(),
        QueryFormat::Csv => as_csv(&table).into_bytes(),
        QueryFormat::Json => as_json(&table).into_bytes(),
        QueryFormat::Parquet => as_parquet(&table, &manifest)?,
    };
    print(&bytes)
}

/// The query of a measure, a saved investigation, or the text itself.
fn sql_of(query: &str, catalog: &Catalog) -> Result<String, Failure> {
    let unknown = |what: &str, name: &str, nearest: Option<String>, hint: &str| {
        let hint = [nearest.as_deref(), Some(hint)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Failure::new("A001", format!("no {what} is called `{}`", terminal_safe(name))).hint(hint)
    };
    if let Some(id) = query.strip_prefix("metrics/") {
        let found = catalog.queries.get(&id.to_uppercase()).map(|query| query.sql.clone());
        let ids: Vec<String> = catalog.definitions().into_keys().collect();
        return found.ok_or_else(|| unknown("metric", id, did_you_mean(id, ids.iter().map(String::as_str)), "`credlens list metrics` shows them"));
    }
    if let Some(sql) = Catalog::investigation(query) {
        return Ok(sql.to_string());
    }
    if query.trim().contains(char::is_whitespace) {
        return Ok(query.to_string());
    }
    let names = Catalog::investigations();
    let nearest = did_you_mean(query, names.iter().map(String::as_str));
    Err(unknown("investigation", query, nearest, "`credlens list investigations` shows them; SQL is given in quotes"))
}

/// A Parquet file's bytes; it cannot be written but as a whole.
fn as_parquet(table: &Table, manifest: &serde_json::Value) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::io("A020", "temporary file", error);
    let file = tempfile::NamedTempFile::new().map_err(failed)?;
    let metadata = FileMetadata { run_digest: manifest["inputs_digest"].as_str().unwrap_or_default().to_string() };
    write_batch(file.path(), &table.to_batch(), &metadata).map_err(failed)?;
    std::fs::read(file.path()).map_err(failed)
}

fn cell(column: &Column, row: usize) -> String {
    let shown = match column {
        Column::Text(values) => values[row].clone(),
        Column::Int(values) => values[row].map(|value| value.to_string()),
        Column::Instant(values) => values[row].map(crate::period::format_instant),
        Column::Date(values) => values[row].map(|day| crate::period::format_day(day * crate::record::time::MICROS_PER_DAY)),
        Column::Double(values) => values[row].map(|value| value.to_string()),
        Column::Flag(values) => values[row].map(|value| value.to_string()),
        Column::Small(values) => values[row].map(|value| value.to_string()),
        Column::List(values) => values[row].as_ref().map(|items| items.join("|")),
    };
    shown.unwrap_or_default()
}

fn as_text(table: &Table) -> String {
    let cells: Vec<Vec<String>> = table
        .columns
        .iter()
        .map(|(name, column)| std::iter::once(name.clone()).chain((0..table.rows()).map(|row| terminal_safe(&cell(column, row)))).collect())
        .collect();
    let widths: Vec<usize> = cells.iter().map(|column| column.iter().map(|text| escape::width(text)).max().unwrap_or(0)).collect();
    let line = |row: usize| {
        let parts: Vec<String> =
            cells.iter().zip(&widths).map(|(column, width)| format!("{}{}", column[row], " ".repeat(width - escape::width(&column[row])))).collect();
        parts.join("  ").trim_end().to_string() + "\n"
    };
    (0..=table.rows()).map(line).collect()
}

fn as_csv(table: &Table) -> String {
    // Only text can hold what an attacker wrote; a number's minus is no formula.
    let field = |column: &Column, row: usize| match column {
        Column::Text(_) | Column::List(_) => escape::csv(&cell(column, row)),
        _ => cell(column, row),
    };
    let mut out = table.columns.iter().map(|(name, _)| escape::csv(name)).collect::<Vec<_>>().join(",") + "\n";
    for row in 0..table.rows() {
        out += &(table.columns.iter().map(|(_, column)| field(column, row)).collect::<Vec<_>>().join(",") + "\n");
    }
    out
}

fn as_json(table: &Table) -> String {
    let value = |column: &Column, row: usize| match column {
        Column::Int(values) => serde_json::json!(values[row]),
        Column::Double(values) => serde_json::json!(values[row]),
        Column::Flag(values) => serde_json::json!(values[row]),
        Column::Small(values) => serde_json::json!(values[row]),
        Column::List(values) => serde_json::json!(values[row]),
        Column::Text(values) => serde_json::json!(values[row]),
        other => serde_json::json!(cell(other, row)),
    };
    let rows = (0..table.rows()).map(|row| {
        let object: serde_json::Map<String, serde_json::Value> = table.columns.iter().map(|(name, column)| (name.clone(), value(column, row))).collect();
        serde_json::Value::Object(object).to_string() + "\n"
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4180 fields of one line, quotes taken off.
    fn fields(line: &str) -> Vec<String> {
        let mut reader = csv_core::Reader::new();
        let (mut output, mut ends) = (vec![0; 1024], [0; 16]);
        let (_, _, _, n) = reader.read_record(line.as_bytes(), &mut output, &mut ends);
        (0..n).map(|i| String::from_utf8(output[if i == 0 { 0 } else { ends[i - 1] }..ends[i]].to_vec()).unwrap()).collect()
    }

    #[test]
    fn csv_is_quoted_once_and_only_text_is_guarded() {
        let mut table = Table::default();
        table.set("name", Column::Text(vec![Some("a,\"b\"".into()), Some("=cmd|' /C calc'!A0".into()), Some("plain".into()), None]));
        table.set("n", Column::Int(vec![Some(-2), Some(3), None, Some(0)]));
        let text = as_csv(&table);
        let lines: Vec<Vec<String>> = text.lines().map(|line| fields(&format!("{line}\n"))).collect();
        assert_eq!(lines, [["name", "n"], ["a,\"b\"", "-2"], ["'=cmd|' /C calc'!A0", "3"], ["plain", ""], ["", "0"]]);
    }

    #[test]
    fn a_table_holds_no_control_code() {
        let mut table = Table::default();
        table.set("name", Column::Text(vec![Some("\u{1b}[2Jgone\u{202e}".into())]));
        assert!(!as_text(&table).chars().any(|it| (it.is_control() && it != '\n') || it == '\u{202e}'));
    }

    #[test]
    fn parquet_begins_and_ends_as_parquet() {
        let mut table = Table::default();
        table.set("n", Column::Int(vec![Some(1)]));
        let bytes = as_parquet(&table, &serde_json::json!({})).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    }
}
