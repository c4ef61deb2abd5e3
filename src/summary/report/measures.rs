//! The scorecard and one panel per metric.

use std::collections::BTreeMap;

use super::lookup::Lookup;
use super::prose::Prose;
use super::{HISTORY_PERIODS, HistoryPoint, Panel, ScoreRow, SegmentGroup, SegmentLine};
use super::{StatisticLine, frameworks, offenders, words};
use crate::metric::definition::{Direction, MetricDefinition};
use crate::metric::judge::{Change, evidence_bounds};
use crate::metric::outcome::{Judgement, MetricRow, Trend};
use crate::period::Period;
use crate::units::{Count, Unit};

/// Segments shown per kind.
const MAX_SEGMENTS: usize = 8;

pub fn scorecard(lookup: &Lookup) -> Vec<ScoreRow> {
    let definitions = &lookup.input.definitions;
    let has_headlines = definitions.iter().any(|it| it.headline);
    definitions.iter().map(|definition| ScoreRow { is_headline: definition.headline || !has_headlines, ..score_row(lookup, definition) }).collect()
}

pub fn panels(lookup: &Lookup, scorecard: &[ScoreRow]) -> Vec<Panel> {
    let definitions = lookup.input.definitions.iter();
    definitions.zip(scorecard).map(|(definition, row)| panel(lookup, definition, row)).collect()
}

fn score_row(lookup: &Lookup, definition: &MetricDefinition) -> ScoreRow {
    let period = lookup.input.period;
    let row = lookup.value(&definition.id, period);
    let before = period.previous().and_then(|previous| lookup.value(&definition.id, previous));
    let trend = row.map_or(Trend::NotMeasured, |row| row.trend);
    let is_comparable = matches!(trend, Trend::Improving | Trend::Flat | Trend::Regressing);
    let change = row.zip(before).and_then(|(row, before)| Change::between(before, row));
    ScoreRow {
        id: definition.id.clone(),
        title: definition.title.clone(),
        unit: definition.unit,
        direction: definition.direction,
        is_headline: false,
        value: row.and_then(|it| it.value),
        numerator: row.and_then(|it| it.numerator),
        denominator: row.and_then(|it| it.denominator),
        ci_low: row.and_then(|it| it.ci_low),
        ci_high: row.and_then(|it| it.ci_high),
        n_insufficient_evidence: row.map_or(0, |it| it.n_insufficient_evidence),
        target: target_of(lookup, definition, row),
        judgement: row.map_or(Judgement::NotMeasured, |it| it.judgement),
        trend,
        flags: row.map(|it| it.flags.clone()).unwrap_or_default(),
        reason: row.and_then(|it| it.reason.clone()),
        change: change.filter(|_| is_comparable),
        previous: before.and_then(|it| it.value),
        previous_judgement: before.map(|it| it.judgement),
        history: history(lookup, &definition.id, period),
    }
}

/// The row's target; a metric without a row still shows the target it would be held to.
fn target_of(lookup: &Lookup, definition: &MetricDefinition, row: Option<&MetricRow>) -> Option<f64> {
    let configured = || lookup.input.targets.get(&definition.id).map(|it| it.value);
    row.and_then(|row| row.target).or_else(configured)
}

fn history(lookup: &Lookup, id: &str, period: Period) -> Vec<HistoryPoint> {
    let point = |period| {
        let row = lookup.value(id, period);
        HistoryPoint { period, value: row.and_then(|it| it.value), ci_low: row.and_then(|it| it.ci_low), ci_high: row.and_then(|it| it.ci_high) }
    };
    period.history(HISTORY_PERIODS).into_iter().map(point).collect()
}

fn panel(lookup: &Lookup, definition: &MetricDefinition, row: &ScoreRow) -> Panel {
    let folder = &lookup.input.run_folder;
    let paragraphs = definition.docs.split("\n\n").map(Prose::from_definition);
    Panel {
        id: definition.id.clone(),
        question: Prose::from_definition(&definition.question),
        counts: counts(lookup, definition, row),
        why_not_measured: why_not_measured(row),
        statistics: statistics(lookup, definition),
        segments: segments(lookup, definition),
        offenders: offenders::table(lookup, definition),
        why: Prose::from_definition(&definition.why),
        fix: Prose::from_definition(&definition.fix),
        effort: definition.effort,
        caveats: definition.caveats.iter().map(|it| Prose::from_definition(it)).collect(),
        frameworks: frameworks::grouped(&definition.frameworks),
        reproduce: format!("credlens query --run {folder} metrics/{}", definition.id),
        formula: definition.formula.clone(),
        docs: paragraphs.filter(|it| !it.is_empty()).collect(),
        breaks_when: Prose::from_definition(&definition.breaks_when),
        thresholds: definition.thresholds.clone(),
    }
}

fn why_not_measured(row: &ScoreRow) -> Option<String> {
    let is_unmeasured = row.judgement == Judgement::NotMeasured || row.value.is_none();
    is_unmeasured.then(|| match &row.reason {
        Some(reason) => words::reason(reason),
        None => words::reason("no_rows"),
    })
}

fn counts(lookup: &Lookup, definition: &MetricDefinition, row: &ScoreRow) -> Prose {
    let mut parts: Vec<String> = Vec::new();
    match (row.value, row.numerator, row.denominator) {
        (Some(_), Some(numerator), Some(denominator)) => {
            parts.push(format!("{} of {}", Count(numerator), Count(denominator)));
        }
        (Some(_), Some(n), None) | (Some(_), None, Some(n)) => {
            parts.push(format!("{} cases", Count(n)));
        }
        (Some(value), None, None) => parts.push(definition.unit.format(value)),
        (None, _, _) => {}
    }
    parts.extend(words::interval(row));
    if row.n_insufficient_evidence > 0 {
        let missing = Count(row.n_insufficient_evidence);
        let bounds = lookup.value(&definition.id, lookup.input.period).and_then(evidence_bounds);
        parts.push(match bounds {
            Some(bounds) => {
                format!("{missing} more could not be judged, which leaves {} to {} possible", Unit::Share.format(bounds.low), Unit::Share.format(bounds.high))
            }
            None => format!("{missing} more could not be judged"),
        });
    }
    parts.extend(row.flags.iter().map(|flag| words::remark(*flag).to_owned()));
    match parts.is_empty() {
        true => Prose::new(),
        false => Prose::new().text(parts.join("; ")),
    }
}

fn statistics(lookup: &Lookup, definition: &MetricDefinition) -> Vec<StatisticLine> {
    let period = lookup.input.period;
    let rows = lookup.statistics(&definition.id, period);
    let line = |row: &MetricRow| {
        let declared = definition.statistics.get(&row.statistic);
        let before = period.previous().and_then(|previous| lookup.statistic(&definition.id, &row.statistic, previous));
        StatisticLine {
            statistic: row.statistic.clone(),
            meaning: declared.map(|it| Prose::from_definition(&it.meaning)).unwrap_or_default(),
            unit: row.unit,
            value: row.value,
            previous: before.and_then(|it| it.value),
            ci_low: row.ci_low,
            ci_high: row.ci_high,
            flags: row.flags.clone(),
            reason: row.reason.clone(),
        }
    };
    rows.into_iter().map(line).collect()
}

/// Per kind the worst segments first; of equals the one that counts more, then by name.
fn segments(lookup: &Lookup, definition: &MetricDefinition) -> Vec<SegmentGroup> {
    let mut kinds: BTreeMap<&str, Vec<&MetricRow>> = BTreeMap::new();
    for row in lookup.segments(&definition.id, lookup.input.period) {
        // Nothing counted and nothing left out: the segment says nothing of this period.
        let n = row.numerator.unwrap_or(0) + row.denominator.unwrap_or(0) + row.n_insufficient_evidence;
        if row.value.is_some() || n > 0 {
            kinds.entry(&row.segment_kind).or_default().push(row);
        }
    }
    let group = |(kind, mut rows): (&str, Vec<&MetricRow>)| {
        rows.sort_by(|a, b| worse_first(definition.direction, a, b));
        SegmentGroup { kind: kind.to_owned(), total: rows.len() as i64, segments: rows.into_iter().take(MAX_SEGMENTS).map(segment_line).collect() }
    };
    kinds.into_iter().map(group).collect()
}

fn segment_line(row: &MetricRow) -> SegmentLine {
    SegmentLine {
        segment: row.segment.clone(),
        unit: row.unit,
        value: row.value,
        numerator: row.numerator,
        denominator: row.denominator,
        judgement: row.judgement,
    }
}

pub fn worse_first(direction: Direction, a: &MetricRow, b: &MetricRow) -> std::cmp::Ordering {
    // What was not measured goes last either way.
    let badness = |row: &MetricRow| match (row.value, direction) {
        (None, _) => f64::NEG_INFINITY,
        (Some(value), Direction::Up) => -value,
        (Some(value), Direction::Down) => value,
    };
    badness(b)
        .total_cmp(&badness(a))
        .then_with(|| b.denominator.cmp(&a.denominator))
        .then_with(|| (&a.segment_kind, &a.segment).cmp(&(&b.segment_kind, &b.segment)))
}
