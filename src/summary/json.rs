//! `summary.json`: the report's figures for programs.
//!
//! A versioned copy, not the Report: fields are added within a version, and renamed or removed only
//! with a new one. Numbers are unrounded in the metric's unit, instants RFC 3339, names uncut.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::report::prose::{Cell, Table};
use super::report::{FormatCoverage, MovePart, Panel, Report, ScoreRow};
use crate::metric::definition::Direction;
use crate::metric::judge::Change;
use crate::metric::outcome::{Flag, Judgement, Status, Trend};
use crate::period::{Grain, Period, format_instant};
use crate::units::Unit;

pub const SCHEMA_VERSION: u32 = 1;

/// The file's text, indented, with a final line break.
pub fn render(report: &Report) -> String {
    let summary = summary(report);
    let text = serde_json::to_string_pretty(&summary);
    // Maps have string keys and floats are finite or null, so this cannot fail; if it ever did,
    // the reader should see why rather than an empty file.
    let text = text.unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string());
    format!("{text}\n")
}

#[derive(Serialize)]
struct Summary<'a> {
    schema_version: u32,
    tool_version: &'a str,
    title: &'a str,
    period: Period,
    grain: Grain,
    period_start: String,
    period_end: String,
    previous_period: Option<Period>,
    as_of: String,
    verdict: Verdict<'a>,
    metrics: Vec<Metric<'a>>,
    moved: Vec<Moved<'a>>,
    decisions: Vec<Decision<'a>>,
    findings_by_owner: Vec<Value>,
    coverage: Coverage<'a>,
    exceptions: Vec<Value>,
    responders: Responders,
    method: Method<'a>,
}

#[derive(Serialize)]
struct Verdict<'a> {
    headline: &'a str,
    detail: String,
    n_met: i64,
    n_with_target: i64,
    n_improving: i64,
    n_regressing: i64,
    n_not_measured: i64,
    n_measures: i64,
}

#[derive(Serialize)]
struct Metric<'a> {
    id: &'a str,
    title: &'a str,
    is_headline: bool,
    unit: Unit,
    direction: Direction,
    status: Status,
    reason: Option<&'a str>,
    value: Option<f64>,
    numerator: Option<i64>,
    denominator: Option<i64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    n_insufficient_evidence: i64,
    flags: Vec<Flag>,
    target: Option<f64>,
    judgement: Judgement,
    trend: Trend,
    change: Option<Change>,
    previous: Option<f64>,
    history: Vec<History>,
    statistics: Vec<Statistic<'a>>,
    segments: Vec<Segment<'a>>,
    offenders: Vec<Value>,
    n_offenders: i64,
    formula: &'a str,
    fix: String,
    effort: Option<&'static str>,
    frameworks: Vec<&'a str>,
    reproduce: &'a str,
}

#[derive(Serialize)]
struct History {
    period: Period,
    value: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
}

#[derive(Serialize)]
struct Statistic<'a> {
    statistic: &'a str,
    unit: Unit,
    value: Option<f64>,
    previous: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    flags: Vec<Flag>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Segment<'a> {
    segment_kind: &'a str,
    segment: &'a str,
    value: Option<f64>,
    numerator: Option<i64>,
    denominator: Option<i64>,
    judgement: Judgement,
}

#[derive(Serialize)]
struct Moved<'a> {
    metric_ids: &'a [String],
    trend: Trend,
    text: String,
    details: Vec<String>,
    contributions: Vec<Contribution<'a>>,
}

#[derive(Serialize)]
struct Contribution<'a> {
    kind: &'a str,
    n: i64,
    n_good: i64,
    share: f64,
    entities: &'a [String],
}

#[derive(Serialize)]
struct Decision<'a> {
    metric_id: &'a str,
    text: String,
    owners: &'a [String],
}

#[derive(Serialize)]
struct Coverage<'a> {
    formats: Vec<Value>,
    totals: Value,
    gaps: Vec<Value>,
    evidence: &'a [super::report::input::EvidenceShare],
    inventory_matches: &'a [super::report::input::InventoryMatch],
}

#[derive(Serialize)]
struct Responders {
    still_accepted: Vec<Value>,
    n_still_accepted: i64,
    open: Vec<Value>,
    n_open: i64,
    matching: String,
    cases: Vec<Value>,
    n_cases: i64,
}

#[derive(Serialize)]
struct Method<'a> {
    targets: Vec<Value>,
    thresholds: Vec<Value>,
    bounds: Vec<Value>,
    breaks: Vec<String>,
    config_digest: &'a str,
    inputs_digest: &'a str,
    queries_digest: &'a str,
}

fn summary(report: &Report) -> Summary<'_> {
    let rows = report.scorecard.iter().zip(&report.panels);
    Summary {
        schema_version: SCHEMA_VERSION,
        tool_version: &report.tool_version,
        title: &report.title,
        period: report.period,
        grain: report.period.grain(),
        period_start: format_instant(report.period.start_us()),
        period_end: format_instant(report.period.end_us()),
        previous_period: report.previous,
        as_of: format_instant(report.as_of_us),
        verdict: verdict(report),
        metrics: rows.map(|(row, panel)| metric(row, panel)).collect(),
        moved: moved(report),
        decisions: decisions(report),
        findings_by_owner: findings_by_owner(report),
        coverage: coverage(report),
        exceptions: objects(&report.exceptions.register),
        responders: responders(report),
        method: method(report),
    }
}

fn verdict(report: &Report) -> Verdict<'_> {
    let verdict = &report.verdict;
    Verdict {
        headline: &verdict.headline,
        detail: verdict.detail.plain(),
        n_met: verdict.n_met,
        n_with_target: verdict.n_with_target,
        n_improving: verdict.n_improving,
        n_regressing: verdict.n_regressing,
        n_not_measured: verdict.n_not_measured,
        n_measures: verdict.n_measures,
    }
}

fn metric<'a>(row: &'a ScoreRow, panel: &'a Panel) -> Metric<'a> {
    let is_measured = row.judgement != Judgement::NotMeasured;
    let history = row.history.iter().map(|point| History { period: point.period, value: point.value, ci_low: point.ci_low, ci_high: point.ci_high });
    Metric {
        id: &row.id,
        title: &row.title,
        is_headline: row.is_headline,
        unit: row.unit,
        direction: row.direction,
        status: if is_measured { Status::Measured } else { Status::NotMeasured },
        reason: row.reason.as_deref(),
        value: row.value,
        numerator: row.numerator,
        denominator: row.denominator,
        ci_low: row.ci_low,
        ci_high: row.ci_high,
        n_insufficient_evidence: row.n_insufficient_evidence,
        flags: row.flags.iter().copied().collect(),
        target: row.target,
        judgement: row.judgement,
        trend: row.trend,
        change: row.change,
        previous: row.previous,
        history: history.collect(),
        statistics: statistics(panel),
        segments: segments(panel),
        offenders: panel.offenders.as_ref().map(objects).unwrap_or_default(),
        n_offenders: panel.offenders.as_ref().map_or(0, |table| table.total),
        formula: &panel.formula,
        fix: panel.fix.plain(),
        effort: panel.effort.map(|it| it.as_str()),
        frameworks: panel.frameworks.iter().flat_map(|(_, list)| list).map(String::as_str).collect(),
        reproduce: &panel.reproduce,
    }
}

fn statistics(panel: &Panel) -> Vec<Statistic<'_>> {
    panel
        .statistics
        .iter()
        .map(|it| Statistic {
            statistic: &it.statistic,
            unit: it.unit,
            value: it.value,
            previous: it.previous,
            ci_low: it.ci_low,
            ci_high: it.ci_high,
            flags: it.flags.iter().copied().collect(),
            reason: it.reason.as_deref(),
        })
        .collect()
}

fn segments(panel: &Panel) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    for group in &panel.segments {
        segments.extend(group.segments.iter().map(|it| Segment {
            segment_kind: &group.kind,
            segment: &it.segment,
            value: it.value,
            numerator: it.numerator,
            denominator: it.denominator,
            judgement: it.judgement,
        }));
    }
    segments
}

fn moved(report: &Report) -> Vec<Moved<'_>> {
    report
        .moved
        .iter()
        .map(|it| Moved {
            metric_ids: &it.metric_ids,
            trend: it.trend,
            text: it.text.plain(),
            details: it.details.iter().map(|it| it.plain()).collect(),
            contributions: contributions(&it.split),
        })
        .collect()
}

fn contributions(split: &[MovePart]) -> Vec<Contribution<'_>> {
    split.iter().map(|part| Contribution { kind: part.kind, n: part.n, n_good: part.n_good, share: part.share, entities: &part.entities }).collect()
}

fn decisions(report: &Report) -> Vec<Decision<'_>> {
    report.decisions.iter().map(|it| Decision { metric_id: &it.metric_id, text: it.text.plain(), owners: &it.owners }).collect()
}

/// How many findings of each kind an owner answers for; the owner null where nobody does, the state where there is none.
fn findings_by_owner(report: &Report) -> Vec<Value> {
    let mut rows = objects(&report.owners);
    for (key, value) in rows.iter_mut().filter_map(Value::as_object_mut).flatten() {
        match (key.as_str(), &*value) {
            ("owner" | "state", Value::String(text)) if text.is_empty() => *value = Value::Null,
            ("owner" | "state", _) => {}
            (_, Value::Null) => *value = json!(0),
            _ => {}
        }
    }
    rows
}

fn coverage(report: &Report) -> Coverage<'_> {
    let coverage = &report.coverage;
    let gap = |it: &super::report::input::Gap| {
        let (from, to) = (format_instant(it.from_us), format_instant(it.to_us));
        json!({ "source": it.source, "from": from, "to": to })
    };
    Coverage {
        formats: coverage.formats.iter().map(format).collect(),
        totals: format(&coverage.totals),
        gaps: coverage.gaps.iter().map(gap).collect(),
        evidence: &coverage.evidence,
        inventory_matches: &coverage.matches,
    }
}

fn format(it: &FormatCoverage) -> Value {
    json!({
        "source": it.source,
        "files": it.files,
        "records": it.records,
        "rows": it.rows,
        "duplicates": it.duplicates,
        "skipped": it.skipped,
        "rejects": it.rejects,
        "main_reject_reason": it.main_reject_reason,
        "first": it.first_us.map(format_instant),
        "last": it.last_us.map(format_instant),
    })
}

fn responders(report: &Report) -> Responders {
    let responders = &report.responders;
    Responders {
        still_accepted: objects(&responders.still_accepted),
        n_still_accepted: responders.still_accepted.total,
        open: objects(&responders.open),
        n_open: responders.open.total,
        matching: responders.matching.plain(),
        cases: objects(&responders.cases),
        n_cases: responders.cases.total,
    }
}

fn method(report: &Report) -> Method<'_> {
    let method = &report.method;
    Method {
        targets: objects(&method.targets),
        thresholds: objects(&method.thresholds),
        bounds: objects(&method.bounds),
        breaks: method.breaks.iter().map(|it| it.plain()).collect(),
        config_digest: &method.config_digest,
        inputs_digest: &method.inputs_digest,
        queries_digest: &method.queries_digest,
    }
}

/// Rows as objects, keyed by their column's title in snake_case.
fn objects(table: &Table) -> Vec<Value> {
    let keys: Vec<String> = table.columns.iter().map(|it| snake_case(&it.title)).collect();
    let object = |row: &Vec<Cell>| -> Value { keys.iter().cloned().zip(row.iter().map(value)).collect::<Map<String, Value>>().into() };
    table.rows.iter().map(object).collect()
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Missing => Value::Null,
        Cell::Words(text) if text == "none" => Value::Null,
        Cell::Data(text) | Cell::Words(text) => json!(text),
        Cell::Count(number) => json!(number),
        Cell::Share(number) | Cell::Seconds(number) => json!(number),
        Cell::Day(instant_us) | Cell::Minute(instant_us) => json!(format_instant(*instant_us)),
    }
}

fn snake_case(title: &str) -> String {
    let is_word = |it: char| it.is_ascii_alphanumeric();
    let words = title.split(|it| !is_word(it)).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    #[test]
    fn the_figures_are_whole_and_versioned() {
        let text = render(&Report::build(sample::input()));
        let summary: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(summary["schema_version"], 1);
        let metric = &summary["metrics"][0];
        assert_eq!((&metric["id"], &metric["numerator"]), (&json!("SC01"), &json!(131)));
        assert_eq!(metric["value"].as_f64(), Some(131.0 / 214.0));
        assert_eq!(summary["as_of"], "2026-07-01T00:00:00Z");
        let unmeasured = summary["metrics"].as_array().expect("metrics");
        let unmeasured = unmeasured.iter().find(|it| it["status"] == "not_measured");
        assert!(unmeasured.is_some_and(|it| it["value"].is_null() && it["reason"].is_string()));
    }

    #[test]
    fn every_owner_has_the_findings_of_each_kind() {
        let report = Report::build(sample::input());
        let rows = findings_by_owner(&report);
        assert!(!rows.is_empty() && rows.len() == report.owners.rows.len());
        for row in &rows {
            let counts = row.as_object().expect("an object").iter().filter(|(key, _)| !matches!(key.as_str(), "owner" | "state" | "all"));
            let sum: i64 = counts.map(|(kind, count)| count.as_i64().unwrap_or_else(|| panic!("{kind} is {count}"))).sum();
            assert!(sum > 0 && row["all"] == json!(sum), "{row}");
            assert_eq!(row["owner"].is_null(), row["state"] == json!("to be named"), "{row}");
        }
    }

    #[test]
    fn names_arrive_unchanged() {
        let text = render(&Report::build(sample::hostile_input()));
        let summary: Value = serde_json::from_str(&text).expect("JSON");
        assert!(summary.to_string().contains("<script>alert(1)</script>"));
    }

    /// What a value breaks of a schema, as `place: rule`. Knows the keywords that docs/summary.schema.json uses, and refuses others.
    fn violations(schema: &Value, value: &Value, root: &Value, place: &str) -> Vec<String> {
        let mut told = Vec::new();
        for (keyword, rule) in schema.as_object().into_iter().flatten() {
            let holds = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "format" => true,
                "$ref" => {
                    let target = root.pointer(rule.as_str().and_then(|it| it.strip_prefix('#')).unwrap_or("?"));
                    told.extend(target.map_or_else(|| vec![format!("{place}: no {rule}")], |it| violations(it, value, root, place)));
                    true
                }
                "type" => match rule {
                    Value::Array(names) => names.iter().any(|name| is_type(name, value)),
                    name => is_type(name, value),
                },
                "const" => rule == value,
                "enum" => rule.as_array().is_some_and(|list| list.contains(value)),
                "anyOf" => rule.as_array().is_some_and(|list| list.iter().any(|it| violations(it, value, root, place).is_empty())),
                "required" => rule.as_array().is_some_and(|list| list.iter().all(|name| name.as_str().is_some_and(|name| value.get(name).is_some()))),
                "additionalProperties" => value.as_object().is_none_or(|object| object.keys().all(|key| schema["properties"].get(key).is_some())),
                "properties" => {
                    let known = rule.as_object().into_iter().flatten().filter_map(|(name, inner)| Some((name, inner, value.get(name)?)));
                    told.extend(known.flat_map(|(name, inner, it)| violations(inner, it, root, &format!("{place}.{name}"))));
                    true
                }
                "items" => {
                    let items = value.as_array().into_iter().flatten().enumerate();
                    told.extend(items.flat_map(|(index, it)| violations(rule, it, root, &format!("{place}[{index}]"))));
                    true
                }
                _ => false,
            };
            if !holds {
                told.push(format!("{place}: {keyword} {rule}"));
            }
        }
        told
    }

    fn is_type(name: &Value, value: &Value) -> bool {
        match name.as_str() {
            Some("null") => value.is_null(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => false,
        }
    }

    #[test]
    fn summaries_keep_to_the_schema() {
        let schema: Value = serde_json::from_str(include_str!("../../docs/summary.schema.json")).expect("JSON");
        for input in [sample::input(), sample::hostile_input()] {
            let summary: Value = serde_json::from_str(&render(&Report::build(input))).expect("JSON");
            assert_eq!(violations(&schema, &summary, &schema, "$"), Vec::<String>::new());
        }
        let mut broken: Value = serde_json::from_str(&render(&Report::build(sample::input()))).expect("JSON");
        broken["metrics"][0]["unit"] = json!("furlongs");
        broken["verdict"]["n_met"] = json!("one");
        broken["extra"] = json!(1);
        assert_eq!(violations(&schema, &broken, &schema, "$").len(), 3);
    }
}
