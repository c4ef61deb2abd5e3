//! `credlens query`: SQL, a saved investigation or a metric's own query over a finished run's Parquet.

use crate::cli::CommandResult;
use crate::cli::args::{Global, QueryArgs, QueryFormat};
use crate::cli::commands::print;
use crate::cli::config::Config;
use crate::diagnostic::{Failure, terminal_safe};
use crate::frame::table::{Column, Table};
use crate::metric::catalog::Catalog;
use crate::metric::engine::query_run;
use crate::summary::escape;

/// Runs the command.
pub fn command(args: &QueryArgs, global: &Global) -> CommandResult {
    if !args.run.join("run.json").is_file() {
        return Err(Failure::new("A010", format!("{} is no run folder", args.run.display())).hint("`credlens run` makes one"));
    }
    let config = Config::load(global.config.as_deref(), &[])?;
    let catalog = Catalog::new(&config.metric_folders).map_err(|error| Failure::new("A003", error))?;
    let sql = match args.query.strip_prefix("metrics/") {
        Some(id) => {
            catalog.queries.get(&id.to_uppercase()).map(|query| query.sql.clone()).ok_or_else(|| Failure::new("A001", format!("no metric is called `{id}`")))?
        }
        None => match Catalog::investigation(&args.query) {
            Some(sql) => sql.to_string(),
            None if args.query.contains(char::is_whitespace) => args.query.clone(),
            None => {
                return Err(Failure::new("A001", format!("no investigation is called `{}`", args.query))
                    .hint("`credlens list investigations` shows them; SQL is given in quotes"));
            }
        },
    };
    let table = query_run(&catalog, &args.run, &sql).map_err(|error| Failure::new("A050", error.to_string()))?;
    let text = match args.format {
        QueryFormat::Table => as_text(&table),
        QueryFormat::Csv => as_csv(&table),
        QueryFormat::Json => as_json(&table),
    };
    print(text.as_bytes())
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
    let quoted = |text: String| if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text };
    let mut out = table.columns.iter().map(|(name, _)| quoted(escape::csv(name))).collect::<Vec<_>>().join(",") + "\n";
    for row in 0..table.rows() {
        out += &(table.columns.iter().map(|(_, column)| quoted(escape::csv(&cell(column, row)))).collect::<Vec<_>>().join(",") + "\n");
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
