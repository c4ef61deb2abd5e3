//! The difference of two runs as text for a terminal.

use super::{Changes, Difference, MetricChange, Movement, RunName};
use crate::summary::escape;
use std::fmt::Write;

/// Names shown of a list; `--json` holds all.
const SHOWN: usize = 12;

/// The whole text.
pub fn render(difference: &Difference) -> String {
    let mut out = String::new();
    for (letter, run) in [("A", &difference.a), ("B", &difference.b)] {
        out += &run_line(letter, run);
    }
    if difference.is_empty() {
        out.push_str("\nno differences\n");
        return out;
    }
    measures(&mut out, difference);
    names(&mut out, "Definitions", &difference.definitions, "facts, entities and measures whose SQL differs");
    settings(&mut out, difference);
    names(&mut out, "Inputs", &difference.inputs, "by digest");
    for (title, list) in [
        ("APIs", &difference.verdicts),
        ("Identities", &difference.identities),
        ("Grants", &difference.grants),
        ("Cases", &difference.cases),
        ("Exceptions", &difference.exceptions),
    ] {
        movements(&mut out, title, list);
    }
    out
}

fn run_line(letter: &str, run: &RunName) -> String {
    format!("{letter}  {}  period {}, as of {}, credlens {}\n", escape::terminal(&run.folder), run.period, run.as_of, run.tool_version)
}

fn measures(out: &mut String, difference: &Difference) {
    let _ = writeln!(out, "\nMeasures: {} changed, {} unchanged", difference.metrics.len(), difference.n_metrics_unchanged);
    let rows: Vec<[String; 5]> = difference.metrics.iter().map(measure).collect();
    let width = |column: usize| rows.iter().map(|row| escape::width(&row[column])).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for row in &rows {
        let pad = |column: usize| " ".repeat(widths[column] - escape::width(&row[column]));
        let _ = writeln!(out, "  {}{}  {}{} -> {}{}  {}{}  {}", row[0], pad(0), pad(1), row[1], pad(2), row[2], pad(3), row[3], row[4]);
    }
}

fn measure(metric: &MetricChange) -> [String; 5] {
    let shown = |value: Option<f64>| match (value, metric.unit) {
        (Some(value), Some(unit)) => unit.format(value),
        (Some(value), None) => value.to_string(),
        (None, _) => "?".into(),
    };
    let change = match (metric.change, metric.unit) {
        (Some(change), Some(unit)) => unit.format_change(change),
        _ => "?".into(),
    };
    let mut status = match metric.status_a == metric.status_b {
        true => metric.status_b.clone(),
        false => format!("{} -> {}", metric.status_a, metric.status_b),
    };
    if metric.is_redefined {
        status += " (defined differently)";
    }
    [escape::terminal(&metric.id), shown(metric.a), shown(metric.b), change, escape::terminal(&status)]
}

fn names(out: &mut String, title: &str, changes: &Changes, what: &str) {
    if *changes == Changes::default() {
        return;
    }
    let _ = writeln!(out, "\n{title} ({what})");
    for (word, list) in [("added", &changes.added), ("gone", &changes.gone), ("changed", &changes.changed)] {
        if !list.is_empty() {
            let _ = writeln!(out, "  {word} {}: {}", list.len(), listed(list));
        }
    }
}

fn settings(out: &mut String, difference: &Difference) {
    if difference.settings.is_empty() {
        return;
    }
    out.push_str("\nSettings\n");
    for change in &difference.settings {
        let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "not set".to_string(), short);
        let _ = writeln!(out, "  {}: {} -> {}", escape::terminal(&change.name), shown(&change.a), shown(&change.b));
    }
}

/// Digests, alone or within a name, are told by their first characters.
fn short(text: &str) -> String {
    const DIGEST: usize = 64;
    let word = |word: &str| {
        let start = word.rfind(':').map_or(0, |at| at + 1);
        let is_digest = word.len() - start == DIGEST && word[start..].bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest { format!("{}…", &word[..start + 12]) } else { word.to_string() }
    };
    escape::terminal(&text.split(' ').map(word).collect::<Vec<_>>().join(" "))
}

fn movements(out: &mut String, title: &str, list: &[Movement]) {
    if list.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for movement in list {
        let end = |state: &Option<String>| state.as_deref().map_or_else(|| "(not known)".to_string(), escape::terminal);
        let _ = writeln!(
            out,
            "  {}: {} -> {}, {}: {}",
            movement.about,
            end(&movement.from),
            end(&movement.to),
            movement.entities.len(),
            listed(&movement.entities)
        );
    }
}

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| short(name)).collect();
    let more = names.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!(" and {more} more (--json names all)") } else { String::new() };
    shown.join(", ") + &rest
}
