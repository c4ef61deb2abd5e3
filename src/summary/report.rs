//! The report: everything a reader is told, as plain data. The only input of every renderer.
//!
//! `Report::build` selects, ranks and words; it measures nothing and formats nothing. A renderer
//! adds no fact. Order is total everywhere: metrics in the order of their definitions, entities by
//! size and then by name.

mod coverage;
mod decisions;
mod figures;
mod frameworks;
pub mod input;
mod lookup;
mod measures;
mod method;
mod moved;
mod offenders;
pub mod prose;
mod responders;
#[cfg(test)]
pub mod sample;
mod verdict;
pub mod words;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::metric::definition::{Direction, Effort, Threshold};
use crate::metric::judge::Change;
use crate::metric::outcome::{Flag, Judgement, Trend};
use crate::period::Period;
use crate::units::Unit;

use input::ReportInput;
use lookup::Lookup;
use prose::{Prose, Table};

/// Periods in the scorecard's history, the headline one included.
pub const HISTORY_PERIODS: usize = 5;
/// Entities kept per table; the Parquet files hold all.
pub const MAX_TABLE_ROWS: usize = 50;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub title: String,
    pub tool_version: String,
    pub period: Period,
    pub previous: Option<Period>,
    pub as_of_us: i64,
    pub run_folder: String,
    /// Whether charts are written beside the report.
    pub has_charts: bool,
    pub verdict: Verdict,
    pub scorecard: Vec<ScoreRow>,
    pub moved: Vec<Movement>,
    pub decisions: Vec<Decision>,
    pub coverage: Coverage,
    pub exceptions: Exceptions,
    /// One per scorecard row, in its order.
    pub panels: Vec<Panel>,
    pub responders: Responders,
    pub method: Method,
    pub figures: Figures,
}

/// What a reader with ten seconds should take away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    pub headline: String,
    pub detail: Prose,
    pub n_met: i64,
    pub n_with_target: i64,
    pub n_improving: i64,
    pub n_regressing: i64,
    pub n_not_measured: i64,
    pub n_measures: i64,
}

/// One metric's headline figure now, before, and against its target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreRow {
    pub id: String,
    pub title: String,
    pub unit: Unit,
    pub direction: Direction,
    /// Stands on the first screen.
    pub is_headline: bool,
    pub value: Option<f64>,
    pub numerator: Option<i64>,
    pub denominator: Option<i64>,
    pub ci_low: Option<f64>,
    pub ci_high: Option<f64>,
    pub n_insufficient_evidence: i64,
    pub target: Option<f64>,
    pub judgement: Judgement,
    pub trend: Trend,
    pub flags: BTreeSet<Flag>,
    /// Why it was not measured, or a remark on how it was; a snake_case word.
    pub reason: Option<String>,
    /// Against the previous equal period; none where the trend is new, broken or not measured.
    pub change: Option<Change>,
    pub previous: Option<f64>,
    pub previous_judgement: Option<Judgement>,
    /// Oldest first, the headline period last.
    pub history: Vec<HistoryPoint>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryPoint {
    pub period: Period,
    pub value: Option<f64>,
    pub ci_low: Option<f64>,
    pub ci_high: Option<f64>,
}

/// A draft sentence on a change, with the entities behind it where they can be named.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Movement {
    pub metric_ids: Vec<String>,
    pub trend: Trend,
    pub text: Prose,
    /// One line per part of the split, with the first names and their owners.
    pub details: Vec<Prose>,
    pub split: Vec<MovePart>,
}

/// How many entities moved one way, and how far that moved the measure. Parts sum to the change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MovePart {
    /// `fixed` `worsened` `appeared` `retired`
    pub kind: &'static str,
    pub n: i64,
    pub n_good: i64,
    pub tenths_of_points: i64,
    /// Exact contribution as a share.
    pub share: f64,
    /// The first names, by name.
    pub entities: Vec<String>,
}

/// A draft of what should be decided, and by whom.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    pub metric_id: String,
    pub text: Prose,
    pub owners: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    pub formats: Vec<FormatCoverage>,
    pub gaps: Vec<input::Gap>,
    pub evidence: Vec<input::EvidenceShare>,
    pub matches: Vec<input::InventoryMatch>,
    pub totals: FormatCoverage,
}

/// What was read of one format. records = rows + duplicates + skipped + rejects.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FormatCoverage {
    pub source: String,
    pub files: i64,
    pub records: i64,
    pub rows: i64,
    pub duplicates: i64,
    pub skipped: i64,
    pub rejects: i64,
    pub main_reject_reason: Option<String>,
    pub first_us: Option<i64>,
    pub last_us: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exceptions {
    pub has_register: bool,
    pub summary: Prose,
    pub register: Table,
}

/// Everything about one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Panel {
    pub id: String,
    pub question: Prose,
    pub counts: Prose,
    /// A sentence, where the metric was not measured.
    pub why_not_measured: Option<String>,
    pub statistics: Vec<StatisticLine>,
    pub segments: Vec<SegmentGroup>,
    pub offenders: Option<Table>,
    pub why: Prose,
    pub fix: Prose,
    pub effort: Option<Effort>,
    pub caveats: Vec<Prose>,
    /// Framework -> its references with titles where they are known.
    pub frameworks: Vec<(String, Vec<String>)>,
    pub reproduce: String,
    pub formula: String,
    pub docs: Vec<Prose>,
    pub breaks_when: Prose,
    pub thresholds: Vec<Threshold>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatisticLine {
    pub statistic: String,
    pub meaning: Prose,
    pub unit: Unit,
    pub value: Option<f64>,
    pub previous: Option<f64>,
    pub ci_low: Option<f64>,
    pub ci_high: Option<f64>,
    pub flags: BTreeSet<Flag>,
    pub reason: Option<String>,
}

/// The worst segments of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentGroup {
    pub kind: String,
    pub total: i64,
    pub segments: Vec<SegmentLine>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentLine {
    pub segment: String,
    pub unit: Unit,
    pub value: Option<f64>,
    pub numerator: Option<i64>,
    pub denominator: Option<i64>,
    pub judgement: Judgement,
}

/// What an incident responder acts on today.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Responders {
    pub summary: Prose,
    pub still_accepted: Table,
    pub open: Table,
    /// How tickets, IdP events and calls were matched.
    pub matching: Prose,
    /// Credentials accepted after their revocation in the period.
    pub n_late_credentials: i64,
    /// Every case with what it was matched with, or why it could not be.
    pub cases: Table,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Method {
    pub summary: Prose,
    pub targets: Table,
    pub thresholds: Table,
    pub bounds: Table,
    pub breaks: Vec<Prose>,
    pub notes: Vec<Prose>,
    pub config_digest: String,
    pub inputs_digest: String,
    pub queries_digest: String,
}

/// What charts need beyond the scorecard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    pub survival: Vec<SurvivalStep>,
    pub scope_use: Vec<ScopeUse>,
    pub violations: Vec<ViolationBin>,
    pub exception_traffic: Vec<ExceptionTraffic>,
    pub heat: Heat,
}

/// The share of cases not yet revoked just after `t_s`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SurvivalStep {
    pub t_s: f64,
    pub at_risk: i64,
    pub revoked: i64,
    pub censored: i64,
    pub surviving: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScopeUse {
    pub identity: String,
    pub used: i64,
    pub unused: i64,
    pub not_judged: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ViolationBin {
    pub start_us: i64,
    pub blocked: i64,
    pub observed: i64,
    pub missed: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExceptionTraffic {
    pub id: String,
    pub state: String,
    pub calls: i64,
    pub share_of_calls: Option<f64>,
}

/// Replayable share of each API's judged calls by month: 0 is proof only, 1 bearer only.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Heat {
    pub months: Vec<Period>,
    /// APIs in all; `rows` may hold fewer.
    pub n_apis: i64,
    pub rows: Vec<HeatRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeatRow {
    pub api: String,
    pub cells: Vec<HeatCell>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeatCell {
    NoCalls,
    InsufficientEvidence,
    Replayable(f64),
}

impl Report {
    pub fn build(input: ReportInput) -> Report {
        let lookup = Lookup::new(&input);
        let scorecard = measures::scorecard(&lookup);
        Report {
            title: title_of(&input),
            tool_version: input.tool_version.clone(),
            period: input.period,
            previous: input.period.previous(),
            as_of_us: input.as_of_us,
            run_folder: input.run_folder.clone(),
            has_charts: input.has_charts,
            verdict: verdict::verdict(&lookup, &scorecard),
            moved: moved::movements(&lookup, &scorecard),
            decisions: decisions::decisions(&lookup, &scorecard),
            coverage: coverage::coverage(&input),
            exceptions: responders::exceptions(&lookup),
            panels: measures::panels(&lookup, &scorecard),
            responders: responders::responders(&lookup),
            method: method::method(&lookup),
            figures: figures::figures(&lookup),
            scorecard,
        }
    }

    pub fn panel(&self, id: &str) -> Option<&Panel> {
        self.panels.iter().find(|panel| panel.id == id)
    }

    /// `Since Q1`, or nothing to compare with.
    pub fn since_title(&self) -> String {
        match self.previous {
            Some(previous) => format!("Since {}", previous.short_beside(&self.period)),
            None => "Since".to_owned(),
        }
    }
}

fn title_of(input: &ReportInput) -> String {
    match &input.organisation {
        Some(organisation) => format!("API security maturity of {organisation}, {}", input.period),
        None => format!("API security maturity, {}", input.period),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{chart, html, json, markdown, terminal};
    use super::input::Entities;
    use super::*;

    fn render_all(report: &Report) -> [String; 4] {
        chart::all(report).iter().for_each(|chart| assert!(!chart.svg().is_empty()));
        [markdown::render(report, None), html::render(report), json::render(report), terminal::scorecard(report, 80, false)]
    }

    #[test]
    fn nothing_measured_is_a_report_that_says_so() {
        let mut input = sample::input();
        input.rows.clear();
        input.entities = Entities::default();
        input.ledger.clear();
        input.gaps.clear();
        let report = Report::build(input.clone());
        let texts = render_all(&report);
        assert!(texts[..3].iter().all(|text| text.contains("Nothing could be measured")));
        assert_eq!(report.verdict.n_not_measured, 11);
        input.definitions.clear();
        render_all(&Report::build(input));
    }

    #[test]
    fn a_month_or_a_first_period_has_its_report_too() {
        for period in ["2026-05", "2025-Q2", "2026-04-10..2026-04-20"] {
            let mut input = sample::input();
            input.period = period.parse().expect("a period");
            let texts = render_all(&Report::build(input));
            assert!(texts[0].contains(period));
        }
    }

    #[test]
    fn moves_of_entities_sum_to_the_change_of_their_measure() {
        let report = Report::build(sample::input());
        let moved = report.moved.iter().find(|it| it.metric_ids == ["SP01"]).expect("SP01");
        let counts: Vec<(i64, i64)> = moved.split.iter().map(|it| (it.n, it.n_good)).collect();
        assert_eq!(counts, [(2, 2), (22, 0), (6, 0), (4, 2)]);
        let tenths: i64 = moved.split.iter().map(|it| it.tenths_of_points).sum();
        let row = report.scorecard.iter().find(|row| row.id == "SP01").expect("SP01");
        let change = row.change.expect("a change").difference;
        assert_eq!(tenths, (change * 1000.0).round() as i64);
        assert!((moved.split.iter().map(|it| it.share).sum::<f64>() - change).abs() < 1e-12);
    }

    #[test]
    fn the_same_input_in_another_order_is_the_same_report() {
        let input = sample::input();
        let mut shuffled = input.clone();
        shuffled.rows.reverse();
        shuffled.ledger.reverse();
        shuffled.entities.apis.reverse();
        shuffled.entities.revocations.reverse();
        shuffled.entities.exceptions.reverse();
        shuffled.entities.violations.reverse();
        shuffled.entities.grants.reverse();
        assert_eq!(Report::build(input), Report::build(shuffled));
    }
}
