//! `summary.md`: the verdict and scorecard on one screen, then everything an engineer needs.
//!
//! Plain GitHub-flavoured Markdown that also renders on GitLab. Raw HTML is limited to anchors,
//! `<details>` and the edit markers, all of them ours. The same Report and previous text give the
//! same bytes.

use std::fmt::Write;

use super::chart;
use super::escape;
use super::report::prose::{Align, Cell, MAX_NAME_CHARACTERS, Prose, Span, Table, cut};
use super::report::{Coverage, Panel, Report, ScoreRow, SegmentLine, StatisticLine, words};
use crate::metric::outcome::{Flag, Judgement};
use crate::period::format_day;
use crate::units::{Count, Share};

/// Rows of an offender table here; HTML and Parquet hold more.
const SHOWN_OFFENDERS: usize = 5;
const SHOWN_CASES: usize = 10;
const SHOWN_EXCEPTIONS: usize = 15;
/// Segments named in a line.
const SHOWN_SEGMENTS: usize = 5;

/// The whole file. `previous` is the file as it stood before this run, if any: what a person
/// changed between the edit markers is kept.
pub fn render(report: &Report, previous: Option<&str>) -> String {
    let mut out = String::new();
    title(&mut out, report);
    scorecard(&mut out, report);
    what_moved(&mut out, report, previous);
    decisions(&mut out, report, previous);
    supporting(&mut out, report);
    coverage(&mut out, &report.coverage);
    exceptions(&mut out, report);
    out.push_str("## Measures\n\n");
    for (row, panel) in report.scorecard.iter().zip(&report.panels) {
        measure(&mut out, report, row, panel);
    }
    responders(&mut out, report);
    method(&mut out, report);
    out
}

fn title(out: &mut String, report: &Report) {
    line(out, &format!("# {}", escape::markdown(&report.title)));
    let verdict = &report.verdict;
    let detail = prose(&verdict.detail);
    line(out, &format!("> **{}** {detail}", escape::markdown(&verdict.headline)));
}

fn scorecard(out: &mut String, report: &Report) {
    let headline: Vec<&ScoreRow> = report.scorecard.iter().filter(|row| row.is_headline).collect();
    score_table(out, report, &headline);
    let n_supporting = report.scorecard.len() - headline.len();
    let supporting = match n_supporting {
        0 => String::new(),
        n => format!(" {n} [supporting measures](#supporting-measures) follow below."),
    };
    line(
        out,
        &format!(
            "▲ better, ▼ worse, ■ no more than chance, ○ new, ◇ trend broken, `?` not measured, \
             never zero. Targets are this organisation's own; no standard sets them \
             ([method](#method)).{supporting}"
        ),
    );
}

fn score_table(out: &mut String, report: &Report, rows: &[&ScoreRow]) {
    let history = format!("{} {}", super::report::HISTORY_PERIODS, report.period.grain().plural());
    let since = report.since_title();
    let _ = writeln!(out, "| | Measure | Now | Target | {since} | {history} | Status |");
    out.push_str("|---|---|---:|---:|---:|:---:|---|\n");
    for row in rows {
        let basis = words::basis(row).map(|it| format!(" ({it})")).unwrap_or_default();
        let _ = writeln!(
            out,
            "| [{id}](#{anchor}) | {title} | **{value}**{basis} | {target} | {change} | {spark} | {glyph} {status} |",
            id = row.id,
            anchor = anchor(&row.id),
            title = ours(&row.title),
            value = ours(&words::value(row)),
            target = ours(&words::target(row)),
            change = ours(&words::change(row)),
            spark = chart::sparkline(row),
            glyph = words::glyph(row),
            status = ours(&words::status(row)),
        );
    }
    out.push('\n');
}

fn what_moved(out: &mut String, report: &Report, previous: Option<&str>) {
    let mut draft = String::new();
    for (index, movement) in report.moved.iter().enumerate() {
        let _ = writeln!(draft, "{}. {}", index + 1, prose(&movement.text));
        for detail in &movement.details {
            let _ = writeln!(draft, "   - {}", prose(detail));
        }
    }
    if report.moved.is_empty() {
        draft.push_str("No measure moved by more than chance.\n");
    }
    editable(out, "What moved", &draft, previous);
}

fn decisions(out: &mut String, report: &Report, previous: Option<&str>) {
    let mut draft = String::new();
    for decision in &report.decisions {
        let owners = decision.owners.iter().map(String::as_str);
        let owner = match decision.owners.is_empty() {
            true => Prose::new().text(". Owner: to be named."),
            false => Prose::new().text(". Owner: ").names(owners, 3).text("."),
        };
        let text = prose(&decision.text.clone().then(owner));
        let _ = writeln!(draft, "- [ ] {text} ({})", metric_link(report, &decision.metric_id));
    }
    if report.decisions.is_empty() {
        draft.push_str("Nothing in the data asks for a decision.\n");
    }
    editable(out, "Decisions asked", &draft, previous);
}

/// A link to the metric's panel, where this report has one.
fn metric_link(report: &Report, id: &str) -> String {
    match report.panel(id) {
        Some(_) => format!("[{id}](#{})", anchor(id)),
        None => id.to_owned(),
    }
}

const MARKER_START: &str = "<!-- credlens:edit";
const MARKER_END: &str = "<!-- /credlens:edit -->";

/// A draft between markers. The opening one carries the draft's digest: text that still matches it
/// was not edited and is replaced by the new draft, any other text is a person's and is kept.
fn editable(out: &mut String, heading: &str, draft: &str, previous: Option<&str>) {
    let kept = previous.and_then(|text| edited_text(text, heading));
    let body = kept.as_deref().unwrap_or(draft).trim_matches('\n');
    let digest = fnv1a(draft.trim_matches('\n'));
    let _ = write!(out, "## {heading}\n\n{MARKER_START} {digest:016x} -->\n{body}\n{MARKER_END}\n\n");
}

fn edited_text(previous: &str, heading: &str) -> Option<String> {
    let lines: Vec<&str> = previous.lines().collect();
    let heading = lines.iter().position(|it| it.strip_prefix("## ") == Some(heading))?;
    let start = heading + lines[heading..].iter().position(|it| it.starts_with(MARKER_START))?;
    let length = lines[start + 1..].iter().position(|it| it.trim_end() == MARKER_END)?;
    let body = lines[start + 1..start + 1 + length].join("\n");
    let body = body.trim_matches('\n');
    let digest = lines[start][MARKER_START.len()..].trim().trim_end_matches("-->").trim();
    let is_draft = digest == format!("{:016x}", fnv1a(body));
    (!is_draft && !body.is_empty()).then(|| body.to_owned())
}

/// FNV-1a, 64 bit (Fowler, Noll and Vo): tells an edited text from its draft, nothing more.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn supporting(out: &mut String, report: &Report) {
    let rows: Vec<&ScoreRow> = report.scorecard.iter().filter(|row| !row.is_headline).collect();
    if !rows.is_empty() {
        out.push_str("## Supporting measures\n\n");
        score_table(out, report, &rows);
    }
}

fn images(out: &mut String, report: &Report, charts: impl IntoIterator<Item = chart::Chart>) {
    for chart in charts.into_iter().filter(|_| report.has_charts) {
        let alt = escape::markdown(&chart.title);
        let _ = writeln!(out, "![{alt}](charts/{})\n", chart.file_name);
    }
}

fn coverage(out: &mut String, coverage: &Coverage) {
    out.push_str("## Data coverage: is the trend real?\n\n");
    if coverage.formats.is_empty() {
        return line(out, "No file was read.");
    }
    out.push_str("| Format | Files | Records | Rows | Duplicates | Skipped | Rejected | Main reason | First | Last |\n");
    out.push_str("|---|---:|---:|---:|---:|---:|---:|---|---|---|\n");
    for format in &coverage.formats {
        let reason = format.main_reject_reason.as_ref().map(|it| escape::markdown_table_code(it));
        let day = |instant: Option<i64>| instant.map_or("–".to_owned(), format_day);
        let counts = [format.files, format.records, format.rows, format.duplicates, format.skipped, format.rejects];
        let counts: Vec<String> = counts.iter().map(|count| Count(*count).to_string()).collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            escape::markdown_table_code(&format.source),
            counts.join(" | "),
            reason.unwrap_or("–".into()),
            day(format.first_us),
            day(format.last_us),
        );
    }
    out.push('\n');
    coverage_notes(out, coverage);
}

fn coverage_notes(out: &mut String, coverage: &Coverage) {
    for (source, words) in words::gaps(&coverage.gaps) {
        let _ = writeln!(out, "- **Gap:** {} {words}.", escape::markdown_code(source));
    }
    for it in &coverage.matches {
        let (matched, seen) = (Count(it.matched), Count(it.seen));
        let what = escape::markdown(&it.what);
        let _ = writeln!(out, "- The inventory knows {matched} of {seen} {what} seen in the logs.");
    }
    for of_source in coverage.evidence.chunk_by(|a, b| a.source == b.source) {
        let parts: Vec<String> =
            of_source.iter().filter(|it| it.of > 0).map(|it| format!("{} {}", escape::markdown(&it.evidence), Share(it.rows as f64 / it.of as f64))).collect();
        let source = escape::markdown_code(&of_source[0].source);
        let _ = writeln!(out, "- Evidence in rows of {source}: {}.", parts.join(", "));
    }
    if !(coverage.gaps.is_empty() && coverage.matches.is_empty() && coverage.evidence.is_empty()) {
        out.push('\n');
    }
    line(
        out,
        "Every day and source: [coverage.parquet](parquet/coverage.parquet); every rejected record: \
         [rejects.parquet](parquet/rejects.parquet).",
    );
}

fn exceptions(out: &mut String, report: &Report) {
    out.push_str("## Exceptions\n\n");
    line(out, &prose(&report.exceptions.summary));
    images(out, report, chart::exceptions(report));
    table(out, &report.exceptions.register, SHOWN_EXCEPTIONS);
}

fn measure(out: &mut String, report: &Report, row: &ScoreRow, panel: &Panel) {
    let _ = writeln!(out, "<a id=\"{}\"></a>\n", anchor(&row.id));
    let target = row.target.map(|_| format!(", target {}", words::target(row))).unwrap_or_default();
    let heading = format!("{} {}: {}{target} {}", row.id, row.title, words::value(row), words::glyph(row));
    line(out, &format!("### {}", ours(&heading)));
    let mut facts = vec![format!("**Asks:** {}", prose(&panel.question))];
    match &panel.why_not_measured {
        Some(why) => facts.push(format!("**Not measured:** {}.", escape::markdown(why))),
        None => facts.push(format!("**Counts:** {}.", prose(&panel.counts))),
    }
    facts.extend(panel.segments.iter().map(|group| {
        let shown: Vec<String> = group.segments.iter().take(SHOWN_SEGMENTS).map(segment).collect();
        let more = group.total - shown.len() as i64;
        let more = if more > 0 { format!(", {} more", Count(more)) } else { String::new() };
        format!("**By {}:** {}{more}.", escape::markdown(&words::segment_kind(&group.kind)), shown.join(", "))
    }));
    line(out, &facts.join("\\\n"));
    images(out, report, chart::trend(report, row).into_iter().chain(chart::of_metric(report, &row.id)));
    if let Some(offenders) = &panel.offenders {
        table(out, offenders, SHOWN_OFFENDERS);
    }
    advice(out, panel);
    details(out, report, panel);
}

fn segment(line: &SegmentLine) -> String {
    let value = line.value.map_or("?".to_owned(), |value| line.unit.format(value));
    let basis = match (line.numerator, line.denominator) {
        (Some(numerator), Some(denominator)) => {
            format!(" ({}/{})", Count(numerator), Count(denominator))
        }
        (Some(n), None) => format!(" (n = {})", Count(n)),
        _ => String::new(),
    };
    let missed = if line.judgement == Judgement::Missed { " missed" } else { "" };
    format!("{} {}", escape::markdown_code(&cut_name(&line.segment)), ours(&format!("{value}{basis}{missed}")))
}

fn advice(out: &mut String, panel: &Panel) {
    let mut facts = Vec::new();
    if !panel.why.is_empty() {
        facts.push(format!("**Why it matters:** {}", prose(&panel.why)));
    }
    if !panel.fix.is_empty() {
        let effort = panel.effort.map(|it| format!(" (effort: {})", it.as_str())).unwrap_or_default();
        facts.push(format!("**Fix{effort}:** {}", prose(&panel.fix)));
    }
    facts.extend(panel.caveats.iter().map(|caveat| format!("**Caveat:** {}", prose(caveat))));
    let frameworks = panel.frameworks.iter().map(|(name, list)| format!("{name}: {}", list.join(", ")));
    let frameworks: Vec<String> = frameworks.collect();
    if !frameworks.is_empty() {
        facts.push(format!("**References:** {}", escape::markdown(&frameworks.join(". "))));
    }
    facts.push(format!("**Reproduce:** {}", escape::markdown_code(&panel.reproduce)));
    line(out, &facts.join("\\\n"));
}

fn details(out: &mut String, report: &Report, panel: &Panel) {
    out.push_str("<details><summary>Statistics and definition</summary>\n\n");
    if !panel.statistics.is_empty() {
        let _ = writeln!(out, "| Statistic | Now | {} | Meaning |", previous_title(report));
        out.push_str("|---|---:|---:|---|\n");
        for it in &panel.statistics {
            statistic(out, it);
        }
        out.push('\n');
    }
    line(out, &format!("**Formula:** {}", escape::markdown_code(&panel.formula)));
    for paragraph in &panel.docs {
        line(out, &prose(paragraph));
    }
    if !panel.breaks_when.is_empty() {
        line(out, &format!("**The trend breaks when:** {}", prose(&panel.breaks_when)));
    }
    out.push_str("</details>\n\n");
}

fn previous_title(report: &Report) -> String {
    let previous = report.previous.map(|it| it.short_beside(&report.period));
    previous.unwrap_or_else(|| "Before".to_owned())
}

fn statistic(out: &mut String, it: &StatisticLine) {
    let show = |value: Option<f64>| value.map(|value| ours(&it.unit.format(value)));
    let is_unreached = it.flags.contains(&Flag::NotReached);
    let now = show(it.value).unwrap_or_else(|| if is_unreached { "not reached" } else { "?" }.to_owned());
    let _ = writeln!(
        out,
        "| {} | {now} | {} | {} |",
        escape::markdown_table_code(&it.statistic),
        show(it.previous).unwrap_or("?".into()),
        prose_in_table(&it.meaning),
    );
}

fn responders(out: &mut String, report: &Report) {
    out.push_str("## For responders\n\n");
    let responders = &report.responders;
    line(out, &prose(&responders.summary));
    if !responders.still_accepted.is_empty() {
        out.push_str("**Accepted after revocation**\n\n");
        table(out, &responders.still_accepted, SHOWN_CASES);
    }
    if !responders.open.is_empty() {
        out.push_str("**Open**\n\n");
        table(out, &responders.open, SHOWN_CASES);
    }
    line(out, &format!("**How cases were matched:** {}", prose(&responders.matching)));
    if !responders.cases.is_empty() {
        table(out, &responders.cases, SHOWN_CASES);
    }
}

fn method(out: &mut String, report: &Report) {
    let method = &report.method;
    out.push_str("## Method\n\n");
    line(out, &prose(&method.summary));
    for note in &method.notes {
        let _ = writeln!(out, "- {}", prose(note));
    }
    out.push('\n');
    for (heading, it) in [("Targets", &method.targets), ("Bounds for missing evidence", &method.bounds), ("Thresholds", &method.thresholds)] {
        if !it.is_empty() {
            let _ = writeln!(out, "**{heading}**\n");
            table(out, it, usize::MAX);
        }
    }
    if !method.breaks.is_empty() {
        out.push_str("**Breaks in the trend**\n\n");
        for it in &method.breaks {
            let _ = writeln!(out, "- {}", prose(it));
        }
        out.push('\n');
    }
    line(
        out,
        &format!(
            "Made by credlens {}; config {}, inputs {}, queries {} ([run.json](run.json)). The same \
             figures: [summary.json](summary.json), [metrics.parquet](parquet/metrics.parquet).",
            escape::markdown(&report.tool_version),
            digest(&method.config_digest),
            digest(&method.inputs_digest),
            digest(&method.queries_digest),
        ),
    );
    while out.ends_with("\n\n") {
        out.pop();
    }
}

fn digest(digest: &str) -> String {
    match digest.get(..12) {
        Some(start) => escape::markdown_code(start),
        None => escape::markdown_code(digest),
    }
}

/// A table's first rows, then how many there are and where.
pub(super) fn table(out: &mut String, table: &Table, limit: usize) {
    if table.is_empty() {
        return;
    }
    let titles: Vec<String> = table.columns.iter().map(|it| escape::markdown(&it.title)).collect();
    let rules = table.columns.iter().map(|it| if it.align == Align::Right { "---:" } else { "---" });
    let _ = writeln!(out, "| {} |", titles.join(" | "));
    let _ = writeln!(out, "|{}|", rules.collect::<Vec<_>>().join("|"));
    for row in table.rows.iter().take(limit) {
        let cells: Vec<String> = row.iter().map(cell).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
    let shown = table.rows.len().min(limit) as i64;
    if let Some(file) = table.file.as_ref().filter(|_| table.total > shown) {
        line(out, &format!("{} of {}; all in [{file}](parquet/{file}).", Count(shown), Count(table.total)));
    }
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Data(_) => escape::markdown_table_code(&cell.text()),
        Cell::Words(text) if text == "none" => "**none**".to_owned(),
        _ => ours(&cell.text()),
    }
}

pub(super) fn prose(prose: &Prose) -> String {
    spans(prose, escape::markdown_code)
}

pub(super) fn prose_in_table(prose: &Prose) -> String {
    spans(prose, escape::markdown_table_code)
}

fn spans(prose: &Prose, code: fn(&str) -> String) -> String {
    let span = |span: &Span| match span {
        Span::Text(text) => ours(text),
        Span::Strong(text) => format!("**{}**", ours(text)),
        Span::Code(text) => code(text),
    };
    prose.0.iter().map(span).collect()
}

/// Words and figures of ours, or of a definition.
fn ours(text: &str) -> String {
    words::typographic(&escape::markdown(text))
}

fn cut_name(name: &str) -> String {
    cut(name, MAX_NAME_CHARACTERS)
}

/// Ids are letters and digits, so an anchor needs no escaping.
fn anchor(id: &str) -> String {
    id.to_lowercase()
}

/// A paragraph.
fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push_str("\n\n");
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    #[test]
    fn the_golden_summary() {
        let text = render(&Report::build(sample::input()), None);
        sample::check_golden("summary.md", &text, include_str!("report/golden/summary.md"));
    }

    #[test]
    fn a_rerun_gives_the_same_bytes_and_keeps_what_a_person_wrote() {
        let report = Report::build(sample::input());
        let first = render(&report, None);
        assert_eq!(render(&report, Some(&first)), first);
        let edited = first.replacen("- [ ] ", "- [x] agreed on 3 July: ", 1);
        assert_ne!(edited, first);
        assert_eq!(render(&report, Some(&edited)), edited);
    }

    #[test]
    fn an_unedited_draft_follows_the_data() {
        let report = Report::build(sample::input());
        let first = render(&report, None);
        let mut changed = report.clone();
        changed.moved.truncate(1);
        let second = render(&changed, Some(&first));
        assert_eq!(second, render(&changed, None));
        let edited = first.replacen("1. ", "1. Note: ", 1);
        assert!(render(&changed, Some(&edited)).contains("1. Note: "));
    }

    #[test]
    fn hostile_names_neither_break_tables_nor_become_markup() {
        let text = render(&Report::build(sample::hostile_input()), None);
        for forbidden in ["<script", "](javascript", "\u{1b}", "\u{202e}", "<img"] {
            let outside_code = without_code(&text);
            assert!(!outside_code.contains(forbidden), "{forbidden}");
        }
        assert_eq!(text.lines().filter(|line| *line == MARKER_END).count(), 2);
        assert_eq!(render(&Report::build(sample::hostile_input()), Some(&text)), text);
        let mut columns = 0;
        for row in text.lines() {
            let n = row.replace("\\|", "").matches('|').count();
            assert!(columns == 0 || n == 0 || n == columns, "{row}");
            columns = if row.starts_with('|') { n } else { 0 };
        }
    }

    /// The text with code spans taken out, by the rule of CommonMark: as many backticks close.
    fn without_code(text: &str) -> String {
        let mut outside = String::new();
        for line in text.lines() {
            let mut rest = line;
            while let Some(start) = rest.find('`') {
                let run = rest[start..].chars().take_while(|it| *it == '`').count();
                let (fence, after) = rest[start..].split_at(run);
                outside.push_str(&rest[..start]);
                let mut end = after.len();
                let mut at = 0;
                while let Some(found) = after[at..].find(fence) {
                    let close = at + found;
                    let length = after[close..].chars().take_while(|it| *it == '`').count();
                    if length == run {
                        end = close + run;
                        break;
                    }
                    at = close + length;
                }
                rest = &after[end..];
            }
            outside.push_str(rest);
            outside.push('\n');
        }
        outside
    }
}
