//! `summary.html`: the same Report as one file. Style, drawings and a small script are inside it; it
//! loads nothing, and a content security policy says so to the browser.
//!
//! Without the script every row is there; with it the long tables sort and filter by keyboard. It
//! prints to A4.

use std::fmt::Write;

use super::chart::{self, Chart};
use super::escape;
use super::report::prose::{Align, Cell, MAX_NAME_CHARACTERS, Prose, Span, Table, cut};
use super::report::{Coverage, FormatCoverage, HISTORY_PERIODS, Panel, Report, ScoreRow, words};
use super::report::{SegmentGroup, SegmentLine};
use crate::metric::outcome::{Judgement, Trend};
use crate::units::{Count, Share};

/// Columns of a name that stays on one line of a table.
const SHORT_NAME: usize = 20;

const PAGE_STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/tables.js");

pub fn render(report: &Report) -> String {
    let mut out = String::new();
    head(&mut out, report);
    header(&mut out, report);
    out.push_str("<main id=\"main\">\n");
    what_moved(&mut out, report);
    decisions(&mut out, report);
    supporting(&mut out, report);
    coverage(&mut out, &report.coverage);
    exceptions(&mut out, report);
    heading(&mut out, "measures", "Measures");
    for (row, panel) in report.scorecard.iter().zip(&report.panels) {
        measure(&mut out, report, row, panel);
    }
    responders(&mut out, report);
    method(&mut out, report);
    out.push_str("</main>\n");
    footer(&mut out, report);
    out
}

/// The policy allows only the style and script of this page: their nonce comes from the digest of
/// all inputs, which nobody knows who wrote one of them.
fn head(out: &mut String, report: &Report) {
    let (title, nonce) = (escape::html(&report.title), nonce(report));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style nonce=\"{nonce}\">\n{PAGE_STYLE}{}\n</style>\n</head>\n<body>\n",
        chart::STYLE
    );
}

fn nonce(report: &Report) -> String {
    let digest = report.method.inputs_digest.chars();
    let nonce: String = digest.filter(char::is_ascii_alphanumeric).take(32).collect();
    if nonce.is_empty() { "credlens".to_owned() } else { nonce }
}

fn header(out: &mut String, report: &Report) {
    let verdict = &report.verdict;
    let _ = write!(
        out,
        "<a class=\"skip\" href=\"#main\">Skip to what moved</a>\n<header>\n<h1>{}</h1>\n\
         <div class=\"verdict\"><p class=\"lead\">{}</p><p>{}</p></div>\n",
        escape::html(&report.title),
        escape::html(&verdict.headline),
        prose(&verdict.detail)
    );
    let headline: Vec<&ScoreRow> = report.scorecard.iter().filter(|row| row.is_headline).collect();
    score_table(out, report, &headline);
    out.push_str(
        "<p class=\"note\">▲ better, ▼ worse, ■ no more than chance, ○ new, ◇ trend broken, ? not \
         measured, never zero. Targets are this organisation's own; no standard sets them.</p>\n\
         <nav aria-label=\"Sections\"><ul>",
    );
    for (id, title) in SECTIONS {
        let _ = write!(out, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    out.push_str("</ul></nav>\n</header>\n");
}

const SECTIONS: [(&str, &str); 7] = [
    ("what-moved", "What moved"),
    ("decisions", "Decisions asked"),
    ("coverage", "Data coverage"),
    ("exceptions", "Exceptions"),
    ("measures", "Measures"),
    ("responders", "For responders"),
    ("method", "Method"),
];

fn score_table(out: &mut String, report: &Report, rows: &[&ScoreRow]) {
    let periods = report.period.grain().plural();
    let _ = writeln!(
        out,
        "<div class=\"wide\"><table class=\"score\"><thead><tr><th scope=\"col\">Id</th><th scope=\"col\">Measure</th>\
         <th scope=\"col\" class=\"n\">Now</th><th scope=\"col\" class=\"n\">Target</th>\
         <th scope=\"col\" class=\"n\">{}</th><th scope=\"col\">{HISTORY_PERIODS} {periods}</th>\
         <th scope=\"col\">Status</th></tr></thead><tbody>",
        report.since_title()
    );
    for row in rows {
        let basis = words::basis(row).map(|it| format!(" <small>{}</small>", ours(&it)));
        let _ = writeln!(
            out,
            "<tr><td><a href=\"#{anchor}\">{id}</a></td><td>{title}</td>\
             <td class=\"n now\">{value}{basis}</td><td class=\"n\">{target}</td>\
             <td class=\"n\">{change}</td><td class=\"spark\" aria-hidden=\"true\">{spark}</td>\
             <td class=\"{class}\">{glyph} {status}</td></tr>",
            anchor = anchor(&row.id),
            id = row.id,
            title = escape::html(&row.title),
            value = ours(&words::value(row)),
            basis = basis.unwrap_or_default(),
            target = ours(&words::target(row)),
            change = ours(&words::change(row)),
            spark = chart::sparkline(row),
            class = status_class(row),
            glyph = words::glyph(row),
            status = ours(&words::status(row)),
        );
    }
    out.push_str("</tbody></table></div>\n");
}

fn status_class(row: &ScoreRow) -> &'static str {
    match (row.trend, row.judgement) {
        (_, Judgement::NotMeasured) => "unknown",
        (Trend::Regressing, _) => "worse",
        (_, Judgement::Met) => "met",
        _ => "",
    }
}

fn what_moved(out: &mut String, report: &Report) {
    heading(out, "what-moved", "What moved");
    if report.moved.is_empty() {
        return paragraph(out, "No measure moved by more than chance.");
    }
    out.push_str("<ol>\n");
    for movement in &report.moved {
        let _ = write!(out, "<li>{}", prose(&movement.text));
        list(out, movement.details.iter().map(prose));
        out.push_str("</li>\n");
    }
    out.push_str("</ol>\n");
}

fn decisions(out: &mut String, report: &Report) {
    heading(out, "decisions", "Decisions asked");
    if report.decisions.is_empty() {
        return paragraph(out, "Nothing in the data asks for a decision.");
    }
    list(
        out,
        report.decisions.iter().map(|decision| {
            let owners = decision.owners.iter().map(String::as_str);
            let owner = match decision.owners.is_empty() {
                true => Prose::new().text(". Owner: to be named."),
                false => Prose::new().text(". Owner: ").names(owners, 3).text("."),
            };
            let text = prose(&decision.text.clone().then(owner));
            format!("{text} ({})", metric_link(report, &decision.metric_id))
        }),
    );
}

fn metric_link(report: &Report, id: &str) -> String {
    match report.panel(id) {
        Some(_) => format!("<a href=\"#{}\">{id}</a>", anchor(id)),
        None => id.to_owned(),
    }
}

fn supporting(out: &mut String, report: &Report) {
    let rows: Vec<&ScoreRow> = report.scorecard.iter().filter(|row| !row.is_headline).collect();
    if !rows.is_empty() {
        heading(out, "supporting", "Supporting measures");
        score_table(out, report, &rows);
    }
}

fn coverage(out: &mut String, coverage: &Coverage) {
    heading(out, "coverage", "Data coverage: is the trend real?");
    if coverage.formats.is_empty() {
        return paragraph(out, "No file was read.");
    }
    let titles = ["Format", "Files#", "Records#", "Rows#", "Duplicates#", "Skipped#", "Rejected#", "Main reason", "First", "Last"];
    let mut formats = Table::new(&titles, None);
    for format in &coverage.formats {
        formats.push_up_to(usize::MAX, || coverage_cells(format));
    }
    wide_table(out, &formats);
    let gaps = words::gaps(&coverage.gaps).into_iter().map(|(source, words)| format!("<strong>Gap:</strong> {} {words}.", code(source)));
    let matches = coverage.matches.iter().map(|it| {
        let (matched, seen) = (Count(it.matched), Count(it.seen));
        format!("The inventory knows {matched} of {seen} {} seen in the logs.", escape::html(&it.what))
    });
    let evidence = coverage.evidence.chunk_by(|a, b| a.source == b.source).map(|of_source| {
        let share = |rows: i64, of: i64| ours(&Share(rows as f64 / of as f64).to_string());
        let parts: Vec<String> =
            of_source.iter().filter(|it| it.of > 0).map(|it| format!("{} {}", escape::html(&it.evidence), share(it.rows, it.of))).collect();
        format!("Evidence in rows of {}: {}.", code(&of_source[0].source), parts.join(", "))
    });
    list(out, gaps.chain(matches).chain(evidence));
}

fn coverage_cells(format: &FormatCoverage) -> Vec<Cell> {
    let counts = [format.files, format.records, format.rows, format.duplicates, format.skipped, format.rejects];
    let mut cells = vec![Cell::Data(format.source.clone())];
    cells.extend(counts.map(Cell::Count));
    cells.push(Cell::data(format.main_reject_reason.as_ref()));
    cells.extend([Cell::day(format.first_us), Cell::day(format.last_us)]);
    cells
}

fn exceptions(out: &mut String, report: &Report) {
    heading(out, "exceptions", "Exceptions");
    paragraph(out, &prose(&report.exceptions.summary));
    charts(out, chart::exceptions(report));
    long_table(out, &report.exceptions.register, "Register of exceptions");
}

fn measure(out: &mut String, report: &Report, row: &ScoreRow, panel: &Panel) {
    let target = row.target.map(|_| format!(", target {}", words::target(row))).unwrap_or_default();
    let title = format!("{} {}: {}{target}", row.id, row.title, words::value(row));
    let _ = writeln!(
        out,
        "<section class=\"panel\" id=\"{}\"><h3>{} <span class=\"{}\">{} {}</span></h3>",
        anchor(&row.id),
        ours(&title),
        status_class(row),
        words::glyph(row),
        ours(&words::status(row))
    );
    out.push_str("<dl>");
    term(out, "Asks", &prose(&panel.question));
    match &panel.why_not_measured {
        Some(why) => term(out, "Not measured", &escape::html(why)),
        None => term(out, "Counts", &prose(&panel.counts)),
    }
    for group in &panel.segments {
        term(out, &format!("By {}", words::segment_kind(&group.kind)), &segments(group));
    }
    out.push_str("</dl>\n");
    charts(out, chart::trend(report, row).into_iter().chain(chart::of_metric(report, &row.id)));
    if let Some(offenders) = &panel.offenders {
        long_table(out, offenders, &format!("{}: entities behind the figure", row.id));
    }
    advice(out, panel);
    details(out, report, panel);
    out.push_str("</section>\n");
}

fn segments(group: &SegmentGroup) -> String {
    let shown: Vec<String> = group.segments.iter().map(segment).collect();
    match group.total - shown.len() as i64 {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), Count(more)),
    }
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
    format!("{} {}", code(&line.segment), ours(&format!("{value}{basis}{missed}")))
}

fn advice(out: &mut String, panel: &Panel) {
    out.push_str("<dl>");
    if !panel.why.is_empty() {
        term(out, "Why it matters", &prose(&panel.why));
    }
    if !panel.fix.is_empty() {
        let effort = panel.effort.map(|it| format!(" (effort: {})", it.as_str())).unwrap_or_default();
        term(out, &format!("Fix{effort}"), &prose(&panel.fix));
    }
    for caveat in &panel.caveats {
        term(out, "Caveat", &prose(caveat));
    }
    for (framework, references) in &panel.frameworks {
        term(out, framework, &escape::html(&references.join(", ")));
    }
    term(out, "Reproduce", &code(&panel.reproduce));
    out.push_str("</dl>\n");
}

fn details(out: &mut String, report: &Report, panel: &Panel) {
    out.push_str("<details><summary>Statistics and definition</summary>\n");
    if !panel.statistics.is_empty() {
        let previous = report.previous.map(|it| it.short_beside(&report.period));
        let _ = writeln!(
            out,
            "<div class=\"wide\"><table><thead><tr><th scope=\"col\">Statistic</th><th scope=\"col\" class=\"n\">Now</th>\
             <th scope=\"col\" class=\"n\">{}</th><th scope=\"col\">Meaning</th></tr></thead><tbody>",
            previous.unwrap_or_else(|| "Before".to_owned())
        );
        for it in &panel.statistics {
            let show = |value: Option<f64>| value.map_or("?".to_owned(), |it_value| ours(&it.unit.format(it_value)));
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                code(&it.statistic),
                show(it.value),
                show(it.previous),
                prose(&it.meaning)
            );
        }
        out.push_str("</tbody></table></div>\n");
    }
    paragraph(out, &format!("<strong>Formula:</strong> {}", code(&panel.formula)));
    panel.docs.iter().for_each(|it| paragraph(out, &prose(it)));
    if !panel.breaks_when.is_empty() {
        paragraph(out, &format!("<strong>The trend breaks when:</strong> {}", prose(&panel.breaks_when)));
    }
    out.push_str("</details>\n");
}

fn responders(out: &mut String, report: &Report) {
    heading(out, "responders", "For responders");
    let responders = &report.responders;
    paragraph(out, &prose(&responders.summary));
    for (title, table) in [("Accepted after revocation", &responders.still_accepted), ("Open", &responders.open)] {
        if !table.is_empty() {
            let _ = writeln!(out, "<h3>{title}</h3>");
            long_table(out, table, title);
        }
    }
    paragraph(out, &format!("<strong>How cases were matched:</strong> {}", prose(&responders.matching)));
    if !responders.cases.is_empty() {
        long_table(out, &responders.cases, "Cases");
    }
}

fn method(out: &mut String, report: &Report) {
    let method = &report.method;
    heading(out, "method", "Method");
    paragraph(out, &prose(&method.summary));
    list(out, method.notes.iter().map(prose));
    for (title, table) in [("Targets", &method.targets), ("Bounds for missing evidence", &method.bounds), ("Thresholds", &method.thresholds)] {
        if !table.is_empty() {
            let _ = writeln!(out, "<h3>{title}</h3>");
            wide_table(out, table);
        }
    }
    if !method.breaks.is_empty() {
        out.push_str("<h3>Breaks in the trend</h3>\n");
        list(out, method.breaks.iter().map(prose));
    }
}

fn footer(out: &mut String, report: &Report) {
    let method = &report.method;
    let _ = write!(
        out,
        "<footer>Made by credlens {}; config {}, inputs {}, queries {}.</footer>\n\
         <script nonce=\"{}\">\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape::html(&report.tool_version),
        code(&cut(&method.config_digest, 12)),
        code(&cut(&method.inputs_digest, 12)),
        code(&cut(&method.queries_digest, 12)),
        nonce(report)
    );
}

/// Sorted and filtered by the script, scrolled by keyboard.
fn long_table(out: &mut String, table: &Table, label: &str) {
    if table.is_empty() {
        return;
    }
    let label = escape::html(label);
    let _ = writeln!(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">");
    plain_table(out, table);
    out.push_str("</div>\n");
    let shown = table.rows.len() as i64;
    if let Some(file) = table.file.as_ref().filter(|_| table.total > shown) {
        let (shown, total) = (Count(shown), Count(table.total));
        let _ = writeln!(out, "<p class=\"note\">{shown} of {total}; all in <a href=\"parquet/{file}\">{file}</a>.</p>");
    }
}

/// Scrolls sideways by itself where the page is narrower.
fn wide_table(out: &mut String, table: &Table) {
    out.push_str("<div class=\"wide\">\n");
    plain_table(out, table);
    out.push_str("</div>\n");
}

fn plain_table(out: &mut String, table: &Table) {
    out.push_str("<table><thead><tr>");
    for column in &table.columns {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", align(column.align), escape::html(&column.title));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (cell, column) in row.iter().zip(&table.columns) {
            let sort = cell.sort_number().map(|it| format!(" data-v=\"{it}\"")).unwrap_or_default();
            let _ = write!(out, "<td{}{sort}>{}</td>", align(column.align), cell_text(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
}

fn align(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"n\"",
    }
}

fn cell_text(cell: &Cell) -> String {
    match cell {
        // A short name is not broken at its hyphens.
        Cell::Data(name) if escape::width(name) <= SHORT_NAME => code(name).replacen("<code>", "<code class=\"s\">", 1),
        Cell::Data(name) => code(name),
        Cell::Words(text) if text == "none" => "<strong>none</strong>".to_owned(),
        _ => ours(&cell.text()),
    }
}

fn charts(out: &mut String, charts: impl IntoIterator<Item = Chart>) {
    let drawn: Vec<String> = charts.into_iter().map(|chart| chart.inline()).collect();
    if !drawn.is_empty() {
        let _ = write!(out, "<div class=\"charts\">\n{}</div>\n", drawn.concat());
    }
}

fn heading(out: &mut String, id: &str, title: &str) {
    let _ = writeln!(out, "<h2 id=\"{id}\">{title}</h2>");
}

fn paragraph(out: &mut String, markup: &str) {
    let _ = writeln!(out, "<p>{markup}</p>");
}

fn term(out: &mut String, name: &str, markup: &str) {
    let _ = write!(out, "<dt>{}</dt><dd>{markup}</dd>", escape::html(name));
}

fn list(out: &mut String, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.map(|item| format!("<li>{item}</li>\n")).collect();
    if !items.is_empty() {
        let _ = write!(out, "<ul>\n{}</ul>\n", items.concat());
    }
}

fn prose(prose: &Prose) -> String {
    let span = |span: &Span| match span {
        Span::Text(text) => ours(text),
        Span::Strong(text) => format!("<strong>{}</strong>", ours(text)),
        Span::Code(text) => code(text),
    };
    prose.0.iter().map(span).collect()
}

fn code(name: &str) -> String {
    format!("<code>{}</code>", escape::html(&cut(name, MAX_NAME_CHARACTERS)))
}

/// Words and figures of ours, or of a definition.
fn ours(text: &str) -> String {
    escape::html(&words::typographic(text))
}

fn anchor(id: &str) -> String {
    id.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    #[test]
    fn the_page_loads_nothing_and_closes_what_it_opens() {
        for input in [sample::input(), sample::hostile_input()] {
            let page = render(&Report::build(input));
            let outside = ["src=", "url(", "@import", "javascript:alert", "<img", "<link", "<iframe", "onerror="];
            let markup = page.replace("javascript:alert(1)", "");
            for forbidden in outside {
                let is_text = |at: usize| markup[..at].ends_with("&lt;img ") || markup[..at].ends_with("src=x ");
                assert!(markup.match_indices(forbidden).all(|(at, _)| is_text(at)), "{forbidden}");
            }
            assert_eq!(page.matches("<script").count(), 1);
            for tag in ["table", "section", "details", "ol", "ul", "li", "dl", "code", "div", "svg", "p"] {
                let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
            }
        }
    }

    #[test]
    fn a_name_cannot_leave_its_element() {
        let page = render(&Report::build(sample::hostile_input()));
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"));
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(!page.contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn every_measure_has_its_panel_and_ids_are_unique() {
        let page = render(&Report::build(sample::input()));
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len());
        assert!(["sc01", "rt02", "method", "SC01-title"].iter().all(|id| unique.contains(id)));
    }
}
