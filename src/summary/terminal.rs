//! The scorecard as a terminal shows it after a run. Fits the width it is told, or drops columns.

use super::chart;
use super::escape;
use super::report::{HISTORY_PERIODS, Report, ScoreRow, words};
use crate::metric::outcome::{Judgement, Trend};
use crate::units::counted;

const GAP: &str = "  ";
/// A title is never cut shorter than this.
const MIN_TITLE: usize = 16;

/// The table and two closing lines. `width` is the terminal's in columns.
pub fn scorecard(report: &Report, width: usize, is_colored: bool) -> String {
    let rows: Vec<&ScoreRow> = report.scorecard.iter().filter(|row| row.is_headline).collect();
    let lines: Vec<Vec<String>> = std::iter::once(titles(report)).chain(rows.iter().map(|row| cells(row))).collect();
    let columns = columns_that_fit(&lines, width);
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        let row = index.checked_sub(1).map(|index| rows[index]);
        let color = row.filter(|_| is_colored).map_or("", color_of);
        push_line(&mut out, line, &columns, color);
    }
    out.push('\n');
    out.push_str(&closing(report, rows.len()));
    out
}

/// One shown column: which field, and how wide.
#[derive(Clone, Copy)]
struct Column {
    field: Field,
    width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Id,
    Title,
    Now,
    Target,
    Change,
    History,
    Status,
}

impl Field {
    const ALL: [Field; 7] = [Field::Id, Field::Title, Field::Now, Field::Target, Field::Change, Field::History, Field::Status];
    /// What a narrow terminal goes without, first to last.
    const DROPPED: [Field; 3] = [Field::History, Field::Change, Field::Target];
}

fn titles(report: &Report) -> Vec<String> {
    let history = format!("{HISTORY_PERIODS} {}", report.period.grain().plural());
    let since = report.since_title().replacen('S', "s", 1);
    ["", "measure", "now", "target", &since, &history, "status"].map(str::to_owned).into()
}

fn cells(row: &ScoreRow) -> Vec<String> {
    vec![
        row.id.clone(),
        escape::terminal(&row.title),
        words::value(row),
        words::target(row).replace('≥', ">=").replace('≤', "<=").replace('–', "-"),
        words::change(row),
        chart::sparkline(row),
        status(row),
    ]
}

/// A step back is told in capitals, so that it is seen without colour.
fn status(row: &ScoreRow) -> String {
    let status = words::status(row);
    match row.trend {
        Trend::Regressing => status.replace("regressing", "REGRESSING"),
        _ => status,
    }
}

fn columns_that_fit(lines: &[Vec<String>], width: usize) -> Vec<Column> {
    let widest = |field: Field| lines.iter().map(|line| escape::width(&line[field as usize])).max().unwrap_or(0);
    let mut columns: Vec<Column> = Field::ALL.into_iter().map(|field| Column { field, width: widest(field) }).collect();
    for dropped in Field::DROPPED {
        if total(&columns) > width && cut_title(&columns, width).is_none() {
            columns.retain(|column| column.field != dropped);
        }
    }
    let mut columns = cut_title(&columns, width).unwrap_or(columns);
    let excess = total(&columns).saturating_sub(width);
    if let Some(status) = columns.last_mut() {
        status.width = status.width.saturating_sub(excess);
    }
    columns
}

/// The same columns with the title as short as needed, where that is enough.
fn cut_title(columns: &[Column], width: usize) -> Option<Vec<Column>> {
    let excess = total(columns).saturating_sub(width);
    let mut columns = columns.to_vec();
    let title = columns.iter_mut().find(|column| column.field == Field::Title)?;
    title.width = title.width.checked_sub(excess).filter(|it| excess == 0 || *it >= MIN_TITLE)?;
    Some(columns)
}

fn total(columns: &[Column]) -> usize {
    columns.iter().map(|column| GAP.len() + column.width).sum()
}

fn push_line(out: &mut String, line: &[String], columns: &[Column], color: &str) {
    let mut text = String::new();
    for column in columns {
        let cell = fitted(&line[column.field as usize], column.width);
        let padding = " ".repeat(column.width.saturating_sub(escape::width(&cell)));
        text.push_str(GAP);
        match column.field {
            Field::Now | Field::Target | Field::Change => text.extend([&*padding, &*cell]),
            Field::Status if !color.is_empty() => text.extend([color, &*cell, "\u{1b}[0m"]),
            _ => text.extend([&*cell, &*padding]),
        }
    }
    out.push_str(text.trim_end());
    out.push('\n');
}

fn fitted(text: &str, width: usize) -> String {
    if escape::width(text) <= width {
        return text.to_owned();
    }
    let mut fitted = String::new();
    for character in text.chars() {
        let next = escape::width(&fitted) + escape::width(character.encode_utf8(&mut [0; 4]));
        if next + 1 > width {
            break;
        }
        fitted.push(character);
    }
    fitted.push('…');
    fitted
}

fn color_of(row: &ScoreRow) -> &'static str {
    match (row.trend, row.judgement) {
        (_, Judgement::NotMeasured) => "\u{1b}[2m",
        (Trend::Regressing, _) => "\u{1b}[31m",
        (_, Judgement::Met) | (Trend::Improving, _) => "\u{1b}[32m",
        (_, Judgement::Missed) => "\u{1b}[33m",
        _ => "",
    }
}

fn closing(report: &Report, n_shown: usize) -> String {
    let verdict = &report.verdict;
    let mut score = format!(
        "{} of {} met, {} improving, {} regressing",
        verdict.n_met,
        counted(verdict.n_with_target, "target", "targets"),
        verdict.n_improving,
        verdict.n_regressing
    );
    if verdict.n_not_measured > 0 {
        score.push_str(&format!(", {} not measured", verdict.n_not_measured));
    }
    let supporting = report.scorecard.len() - n_shown;
    if supporting > 0 {
        let measures = counted(supporting as i64, "supporting measure", "supporting measures");
        score.push_str(&format!("; {measures} in summary.md"));
    }
    let accepted = match report.responders.n_late_credentials {
        0 => String::new(),
        n => format!("{} after revocation.\n", counted(n, "credential was accepted", "credentials were accepted")),
    };
    format!("{score}.\n{accepted}")
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    #[test]
    fn the_golden_scorecard() {
        let text = scorecard(&Report::build(sample::input()), 120, false);
        sample::check_golden("scorecard.txt", &text, include_str!("report/golden/scorecard.txt"));
    }

    #[test]
    fn every_line_fits_and_columns_go_before_figures() {
        let report = Report::build(sample::input());
        for width in [60, 80, 100, 120] {
            let text = scorecard(&report, width, false);
            let table = text.split("\n\n").next().unwrap_or_default();
            for line in table.lines() {
                assert!(escape::width(line) <= width, "{width}: {line}");
            }
            assert!(text.contains("61.2%"));
        }
    }

    #[test]
    fn colour_only_adds_codes() {
        let report = Report::build(sample::input());
        let plain = scorecard(&report, 100, false);
        let mut colored = scorecard(&report, 100, true);
        assert!(colored.contains("\u{1b}[31m") && !plain.contains('\u{1b}'));
        for code in ["\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[0m"] {
            colored = colored.replace(code, "");
        }
        assert_eq!(colored, plain);
    }

    #[test]
    fn no_control_code_of_a_name_reaches_the_terminal() {
        let text = scorecard(&Report::build(sample::hostile_input()), 100, false);
        assert!(!text.chars().any(|it| it.is_control() && it != '\n'));
    }
}
