//! Value, target and previous period -> interval, judgement and trend. Pure functions.
//!
//! The SQL measures; nothing here changes a value. What cannot be told apart from chance is `flat`,
//! what was not measured is never judged, and what was measured differently is `broken`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::definition::{Direction, MetricDefinition};
use super::outcome::{Flag, Judgement, MetricRow, QueryRow, Trend, VALUE};
use crate::period::Period;
use crate::units::Unit;

/// The 97.5 % quantile of the standard normal distribution, for 95 % intervals.
pub const Z_95: f64 = 1.959964;
/// Fewer than this is flagged `small` (metrics.md, Common rules).
pub const SMALL_N: i64 = 30;
/// A change of the missing evidence by more points than this breaks the trend (metrics.md).
pub const MISSING_EVIDENCE_POINTS: i128 = 5;

/// A target, where it comes from, and the segments that are judged as well.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Target {
    pub value: f64,
    /// For the report: `default`, `credlens.toml`, …
    pub source: String,
    /// Segment kind -> segment -> its own target. In a kind listed here every segment is judged,
    /// by `value` where it has no target of its own: RV01 by severity, critical within 4 h.
    pub by_segment: BTreeMap<String, BTreeMap<String, f64>>,
}

/// A definition, threshold or source changed: no value is compared across the start of `period`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrendBreak {
    pub metric_id: String,
    pub period: Period,
    pub why: String,
}

/// Days of a period that the data covers; what counts are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaysCovered {
    pub covered: i64,
    pub total: i64,
}

/// Everything judging needs besides the rows. `as_of_us` is the run's; no clock is read.
#[derive(Clone, Debug, Default)]
pub struct JudgeContext {
    pub as_of_us: i64,
    pub targets: BTreeMap<String, Target>,
    /// (metric, period) whose data has a gap: their rows are flagged `partial`.
    pub partial: BTreeSet<(String, Period)>,
    pub breaks: Vec<TrendBreak>,
    /// Per metric and period; absent means complete.
    pub days_covered: BTreeMap<(String, Period), DaysCovered>,
    /// Rows of earlier runs, for periods this run has no value of.
    pub earlier: Vec<MetricRow>,
}

/// Judge every row of one metric, all periods together; sorted by `MetricRow::key`.
pub fn judge_metric(definition: &MetricDefinition, rows: Vec<QueryRow>, context: &JudgeContext) -> Vec<MetricRow> {
    let target = context.targets.get(&definition.id);
    let mut judged: Vec<MetricRow> = rows.into_iter().map(|row| judge_row(definition, row, target, context)).collect();
    judged.sort_by(|a, b| a.key().cmp(&b.key()));
    let trends = trends_of(definition, &judged, context);
    for (row, trend) in judged.iter_mut().zip(trends) {
        row.trend = trend;
    }
    judged
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// The score interval of a share of `n`.
///
/// Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference,
/// Journal of the American Statistical Association 22, 209-212; method 3 in Newcombe (1998a).
/// A Kaplan-Meier share (RV05) has no whole numerator: its value stands for the proportion.
pub fn wilson_interval(share: f64, n: i64) -> Option<Interval> {
    if n <= 0 || !(0.0..=1.0).contains(&share) {
        return None;
    }
    let n = n as f64;
    let z2 = Z_95 * Z_95;
    let centre = 2.0 * n * share + z2;
    let half = Z_95 * (z2 + 4.0 * n * share * (1.0 - share)).sqrt();
    let scale = 2.0 * (n + z2);
    // At none and all the limit is exact; rounding would leave 1e-17 there.
    Some(Interval { low: if share == 0.0 { 0.0 } else { (centre - half) / scale }, high: if share == 1.0 { 1.0 } else { (centre + half) / scale } })
}

/// A share with its Wilson limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion {
    pub share: f64,
    pub limits: Interval,
}

/// The interval of `now - before` for two independent shares, from their Wilson limits.
///
/// Newcombe, R. G. (1998b), Interval estimation for the difference between independent proportions:
/// comparison of eleven methods, Statistics in Medicine 17, 873-890, method 10.
pub fn newcombe_interval(now: Proportion, before: Proportion) -> Interval {
    let difference = now.share - before.share;
    let below = (now.share - now.limits.low).hypot(before.limits.high - before.share);
    let above = (now.limits.high - now.share).hypot(before.share - before.limits.low);
    Interval { low: difference - below, high: difference + above }
}

/// `value ± z · se`, the interval of a restricted mean (normal limit, as survRM2 prints it).
pub fn normal_interval(value: f64, se: f64) -> Interval {
    Interval { low: value - Z_95 * se, high: value + Z_95 * se }
}

/// A difference against the previous equal period, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    pub difference: f64,
    pub low: f64,
    pub high: f64,
}

impl Change {
    /// `None` where a value or the interval it needs is missing.
    ///
    /// Shares: Newcombe. Durations: normal with the two standard errors, each read back from its
    /// interval. Counts: every call and entity was counted, so the interval is the difference.
    pub fn between(before: &MetricRow, now: &MetricRow) -> Option<Change> {
        let difference = now.value? - before.value?;
        let interval = match now.unit {
            Unit::Count => Interval { low: difference, high: difference },
            Unit::Share => newcombe_interval(proportion_of(now)?, proportion_of(before)?),
            Unit::Seconds => {
                let half = half_width_of(now)?.hypot(half_width_of(before)?);
                Interval { low: difference - half, high: difference + half }
            }
        };
        Some(Change { difference, low: interval.low, high: interval.high })
    }

    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Missed, met, or why neither can be said.
pub fn judgement_of(row: &QueryRow, target: Option<f64>, direction: Direction) -> Judgement {
    match (row.value, target) {
        _ if row.status == super::outcome::Status::NotMeasured => Judgement::NotMeasured,
        (_, None) => Judgement::NoTarget,
        (None, Some(_)) => Judgement::NotMeasured,
        (Some(value), Some(target)) => {
            let is_met = match direction {
                Direction::Up => value >= target,
                Direction::Down => value <= target,
            };
            if is_met { Judgement::Met } else { Judgement::Missed }
        }
    }
}

/// What a share's missing evidence could have made of it: everything that could not be judged
/// outside the numerator, and inside.
pub fn evidence_bounds(row: &MetricRow) -> Option<Interval> {
    let (numerator, denominator) = (row.numerator?, row.denominator?);
    let total = denominator.checked_add(row.n_insufficient_evidence)?;
    let is_bounded = row.unit == Unit::Share && total > 0 && row.n_insufficient_evidence > 0;
    is_bounded.then(|| Interval { low: numerator as f64 / total as f64, high: (numerator + row.n_insufficient_evidence) as f64 / total as f64 })
}

fn judge_row(definition: &MetricDefinition, row: QueryRow, target: Option<&Target>, context: &JudgeContext) -> MetricRow {
    let unit = definition.unit_of(&row.statistic);
    let interval = interval_of(unit, &row);
    let (target, judgement) = match target_of_row(&row, target) {
        Judged::ByTarget(target) => (target, judgement_of(&row, target, definition.direction)),
        Judged::No => (None, Judgement::NoTarget),
    };
    MetricRow {
        metric_id: definition.id.clone(),
        grain: row.period.grain(),
        period_start_us: row.period.start_us(),
        period_end_us: row.period.end_us(),
        ci_low: interval.map(|it| it.low),
        ci_high: interval.map(|it| it.high),
        unit,
        flags: flags_of(&definition.id, unit, &row, context),
        target,
        judgement,
        trend: Trend::NotMeasured,
        as_of_us: context.as_of_us,
        statistic: row.statistic,
        period: row.period,
        segment_kind: row.segment_kind,
        segment: row.segment,
        value: row.value,
        numerator: row.numerator,
        denominator: row.denominator,
        status: row.status,
        reason: row.reason,
        n_insufficient_evidence: row.n_insufficient_evidence,
    }
}

enum Judged {
    ByTarget(Option<f64>),
    No,
}

/// Targets belong to `value` over everything, and to the segment kinds the target names.
fn target_of_row(row: &QueryRow, target: Option<&Target>) -> Judged {
    if row.statistic != VALUE {
        return Judged::No;
    }
    if row.segment_kind == super::outcome::ALL {
        return Judged::ByTarget(target.map(|it| it.value));
    }
    match target.and_then(|it| Some((it, it.by_segment.get(&row.segment_kind)?))) {
        Some((target, own)) => Judged::ByTarget(Some(own.get(&row.segment).copied().unwrap_or(target.value))),
        None => Judged::No,
    }
}

fn interval_of(unit: Unit, row: &QueryRow) -> Option<Interval> {
    let value = row.value?;
    match unit {
        Unit::Share => wilson_interval(value, row.denominator?),
        Unit::Seconds => Some(normal_interval(value, row.se?)),
        Unit::Count => None,
    }
}

fn flags_of(metric_id: &str, unit: Unit, row: &QueryRow, context: &JudgeContext) -> BTreeSet<Flag> {
    let mut flags = row.flags.clone();
    let n = match unit {
        Unit::Share => row.denominator,
        Unit::Seconds => row.numerator,
        Unit::Count => None,
    };
    let is_measured = row.status == super::outcome::Status::Measured;
    if is_measured && n.is_some_and(|n| n < SMALL_N) {
        flags.insert(Flag::Small);
    }
    if context.partial.contains(&(metric_id.to_owned(), row.period)) {
        flags.insert(Flag::Partial);
    }
    flags
}

/// One row's identity across periods.
type SeriesKey<'a> = (&'a str, &'a str, &'a str);

fn trends_of(definition: &MetricDefinition, rows: &[MetricRow], context: &JudgeContext) -> Vec<Trend> {
    let series = measured_series(&definition.id, rows, &context.earlier);
    rows.iter()
        .map(|row| {
            let direction = definition.direction_of(&row.statistic);
            trend_of(row, direction, series.get(&series_key(row)), context)
        })
        .collect()
}

/// Every measured value by series and period; this run's rows win over an earlier run's.
fn measured_series<'a>(metric_id: &str, rows: &'a [MetricRow], earlier: &'a [MetricRow]) -> BTreeMap<SeriesKey<'a>, BTreeMap<Period, &'a MetricRow>> {
    let mut series: BTreeMap<SeriesKey, BTreeMap<Period, &MetricRow>> = BTreeMap::new();
    let earlier = earlier.iter().filter(|row| row.metric_id == metric_id);
    for row in earlier.chain(rows).filter(|row| row.value.is_some()) {
        series.entry(series_key(row)).or_default().insert(row.period, row);
    }
    series
}

fn series_key(row: &MetricRow) -> SeriesKey<'_> {
    (&row.statistic, &row.segment_kind, &row.segment)
}

fn trend_of(row: &MetricRow, direction: Option<Direction>, series: Option<&BTreeMap<Period, &MetricRow>>, context: &JudgeContext) -> Trend {
    if !row.is_measured() || row.value.is_none() {
        return Trend::NotMeasured;
    }
    let before = row.period.previous().and_then(|period| series?.get(&period));
    let Some(before) = before else { return Trend::New };
    if is_broken_at(row, before, context) {
        return Trend::Broken;
    }
    // Without a good direction or an interval nothing is said to get better or worse.
    match (Change::between(before, row), direction) {
        (Some(change), Some(direction)) if change.excludes_zero() => {
            if (change.difference > 0.0) == (direction == Direction::Up) {
                Trend::Improving
            } else {
                Trend::Regressing
            }
        }
        _ => Trend::Flat,
    }
}

fn is_broken_at(row: &MetricRow, before: &MetricRow, context: &JudgeContext) -> bool {
    let is_declared = context.breaks.iter().any(|it| it.metric_id == row.metric_id && breaks_between(it.period, before, row));
    is_declared
        || row.unit != before.unit
        || differs_by_points(missing_evidence(before), missing_evidence(row))
        || (row.unit == Unit::Count && differs_by_points(missing_days(before, context), missing_days(row, context)))
}

/// A break at the start of a quarter also lies between the two months around it.
fn breaks_between(at: Period, before: &MetricRow, now: &MetricRow) -> bool {
    before.period_start_us < at.start_us() && at.start_us() < now.period_end_us
}

/// (missing, all), where the row says how much it could not judge. A count has no denominator.
fn missing_evidence(row: &MetricRow) -> Option<(i64, i64)> {
    Some((row.n_insufficient_evidence, row.n()?.checked_add(row.n_insufficient_evidence)?))
}

/// A share carries its own denominator; a count over fewer days is simply smaller.
fn missing_days(row: &MetricRow, context: &JudgeContext) -> Option<(i64, i64)> {
    let days = row.period.n_days();
    let covered = context.days_covered.get(&(row.metric_id.clone(), row.period));
    Some(covered.map_or((0, days), |it| (it.total - it.covered, it.total)))
}

/// Compared in whole numbers, so that exactly five points never break.
fn differs_by_points(before: Option<(i64, i64)>, now: Option<(i64, i64)>) -> bool {
    let (Some((missing_before, all_before)), Some((missing_now, all_now))) = (before, now) else {
        return false;
    };
    let [a, b, c, d] = [missing_before, all_before, missing_now, all_now].map(i128::from);
    b > 0 && d > 0 && (a * d - c * b).abs() * 100 > MISSING_EVIDENCE_POINTS * b * d
}

fn proportion_of(row: &MetricRow) -> Option<Proportion> {
    let limits = Interval { low: row.ci_low?, high: row.ci_high? };
    Some(Proportion { share: row.value?, limits })
}

fn half_width_of(row: &MetricRow) -> Option<f64> {
    Some((row.ci_high? - row.ci_low?) / 2.0)
}

/// How entities moved a share of entities between two periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Move {
    /// Judged bad before, good now.
    Fixed,
    /// Judged good before, bad now.
    Worsened,
    /// Judged now but not before: new, or evidence became sufficient.
    Appeared,
    /// Judged before but not now: gone, or evidence no longer sufficient.
    Retired,
}

impl Move {
    pub const ALL: [Move; 4] = [Move::Fixed, Move::Worsened, Move::Appeared, Move::Retired];

    pub fn as_str(self) -> &'static str {
        match self {
            Move::Fixed => "fixed",
            Move::Worsened => "worsened",
            Move::Appeared => "appeared",
            Move::Retired => "retired",
        }
    }
}

/// The entities of one kind of move and what they contributed to the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    pub kind: Move,
    /// Exact, over `Decomposition::scale`.
    pub parts: i128,
    /// (entity, is good in the period where it was judged last), sorted.
    pub entities: Vec<(String, bool)>,
}

/// A change of a share split into entities that were fixed, worsened, appeared and retired.
///
/// Contributions are whole numbers over one denominator, so they sum exactly to the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decomposition {
    /// In the order of `Move::ALL`.
    pub contributions: Vec<Contribution>,
    /// The change, over `scale`.
    pub parts: i128,
    pub scale: i128,
}

impl Decomposition {
    /// A contribution in shares: 0.07 is seven percentage points.
    pub fn share_of(&self, contribution: &Contribution) -> f64 {
        contribution.parts as f64 / self.scale as f64
    }

    pub fn change(&self) -> f64 {
        self.parts as f64 / self.scale as f64
    }

    /// Contributions in tenths of a point that sum to the rounded change (largest remainder), so
    /// that a printed sum adds up.
    pub fn tenths_of_points(&self) -> Vec<i64> {
        let mut rounded: Vec<i64> = self.contributions.iter().map(|it| (it.parts * 1000).div_euclid(self.scale) as i64).collect();
        let change = (self.change() * 1000.0).round() as i64;
        let missing = change - rounded.iter().sum::<i64>();
        let mut by_remainder: Vec<usize> = (0..rounded.len()).collect();
        by_remainder.sort_by(|a, b| {
            let remainder = |index: usize| (self.contributions[index].parts * 1000).rem_euclid(self.scale);
            remainder(*b).cmp(&remainder(*a)).then(a.cmp(b))
        });
        for index in by_remainder.into_iter().take(missing.max(0) as usize) {
            rounded[index] += 1;
        }
        rounded
    }
}

/// Split `now - before`, each a map of judged entities to whether they are good.
///
/// With x good, m judged and p their share, the change is
/// `p1 - p0 = sum over entities of ((x1 - x0) - p' (m1 - m0)) / n'`, where p' is the mean of the
/// two shares and n' of the two denominators: the product rule of finite differences, weighted as
/// in Kitagawa, E. M. (1955), Components of a difference between two rates, Journal of the American
/// Statistical Association 50, 1168-1194. It is symmetric in time, and each entity stands alone.
/// Times `n0 n1 (n0 + n1)` every term is a whole number. `None` where a side judged nothing.
pub fn decompose(before: &BTreeMap<String, bool>, now: &BTreeMap<String, bool>) -> Option<Decomposition> {
    let count_good = |it: &BTreeMap<String, bool>| it.values().filter(|good| **good).count();
    let [n0, n1, g0, g1] = [before.len(), now.len(), count_good(before), count_good(now)].map(|it| it as i128);
    if n0 == 0 || n1 == 0 {
        return None;
    }
    let (whole, mean) = (2 * n0 * n1, g0 * n1 + g1 * n0);
    let entered = |is_good: bool| if is_good { whole - mean } else { -mean };
    let mut moved: BTreeMap<Move, (i128, Vec<(String, bool)>)> = BTreeMap::new();
    let entities: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    for entity in entities {
        let (kind, parts, is_good) = match (before.get(entity), now.get(entity)) {
            (Some(false), Some(true)) => (Move::Fixed, whole, true),
            (Some(true), Some(false)) => (Move::Worsened, -whole, false),
            (None, Some(good)) => (Move::Appeared, entered(*good), *good),
            (Some(good), None) => (Move::Retired, -entered(*good), *good),
            _ => continue,
        };
        let group = moved.entry(kind).or_default();
        group.0 += parts;
        group.1.push((entity.clone(), is_good));
    }
    let contributions = Move::ALL
        .into_iter()
        .map(|kind| {
            let (parts, entities) = moved.remove(&kind).unwrap_or_default();
            Contribution { kind, parts, entities }
        })
        .collect();
    let scale = n0 * n1 * (n0 + n1);
    Some(Decomposition { contributions, parts: (g1 * n0 - g0 * n1) * (n0 + n1), scale })
}

#[cfg(test)]
mod tests {
    use super::super::outcome::{ALL, Status};
    use super::*;

    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 5e-5, "{actual} is not {expected}");
    }

    fn wilson(numerator: i64, n: i64) -> Interval {
        wilson_interval(numerator as f64 / n as f64, n).expect("an interval")
    }

    #[test]
    fn wilson_matches_known_intervals() {
        // 81/263, 15/148, 0/20 and 1/29: Newcombe (1998a), Statistics in Medicine 17, 857-872,
        // table I, method 3. 15/20: by hand.
        let known = [(15, 20, 0.5313, 0.8881), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)];
        for (numerator, n, low, high) in known {
            close(wilson(numerator, n).low, low);
            close(wilson(numerator, n).high, high);
        }
        assert_eq!(wilson(0, 20).low, 0.0);
        assert_eq!(wilson(20, 20).high, 1.0);
        assert_eq!(wilson_interval(0.5, 0), None);
    }

    #[test]
    fn newcombe_matches_the_examples_of_the_paper() {
        // Newcombe (1998b), table II, examples (a) to (h), method 10.
        let known = [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((6, 7), (2, 7), 0.0582, 0.8062),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((0, 10), (0, 20), -0.1611, 0.2775),
            ((0, 10), (0, 10), -0.2775, 0.2775),
            ((10, 10), (0, 20), 0.6791, 1.0),
            ((10, 10), (0, 10), 0.6075, 1.0),
        ];
        let proportion = |(numerator, n): (i64, i64)| Proportion { share: numerator as f64 / n as f64, limits: wilson(numerator, n) };
        for (first, second, low, high) in known {
            let interval = newcombe_interval(proportion(first), proportion(second));
            close(interval.low, low);
            close(interval.high, high);
        }
    }

    #[test]
    fn a_restricted_mean_has_a_normal_interval() {
        // metrics.md, fixture: RMST(24 h) = 13.818, SE 2.948.
        let interval = normal_interval(13.818, 2.948);
        close(interval.low, 13.818 - 1.959964 * 2.948);
        close(interval.high, 13.818 + 1.959964 * 2.948);
    }

    fn definition(unit: &str, direction: &str) -> MetricDefinition {
        MetricDefinition::parse(&format!("id='SC01'\ntitle='t'\nquestion='q'\nunit='{unit}'\ndirection='{direction}'\nformula='f'")).expect("a definition")
    }

    fn query_row(period: &str, value: Option<f64>) -> QueryRow {
        QueryRow {
            statistic: VALUE.into(),
            period: period.parse().expect("a period"),
            segment_kind: ALL.into(),
            segment: ALL.into(),
            value,
            numerator: None,
            denominator: None,
            se: None,
            status: if value.is_some() { Status::Measured } else { Status::NotMeasured },
            reason: None,
            flags: BTreeSet::new(),
            n_insufficient_evidence: 0,
        }
    }

    fn share_row(period: &str, numerator: i64, denominator: i64, missing: i64) -> QueryRow {
        QueryRow {
            numerator: Some(numerator),
            denominator: Some(denominator),
            n_insufficient_evidence: missing,
            ..query_row(period, Some(numerator as f64 / denominator as f64))
        }
    }

    fn context(target: Option<f64>) -> JudgeContext {
        let target = target.map(|value| ("SC01".to_owned(), Target { value, ..Target::default() }));
        JudgeContext { targets: target.into_iter().collect(), ..JudgeContext::default() }
    }

    fn trends(definition: &MetricDefinition, rows: Vec<QueryRow>, context: &JudgeContext) -> Vec<Trend> {
        judge_metric(definition, rows, context).iter().map(|row| row.trend).collect()
    }

    #[test]
    fn judgement_compares_by_direction_and_the_limit_itself_is_met() {
        let judge = |direction: &str, target, value| {
            let rows = vec![query_row("2026-Q1", value)];
            judge_metric(&definition("seconds", direction), rows, &context(target))[0].judgement
        };
        assert_eq!(judge("down", Some(3600.0), Some(3600.0)), Judgement::Met);
        assert_eq!(judge("down", Some(3600.0), Some(3601.0)), Judgement::Missed);
        assert_eq!(judge("up", Some(3600.0), Some(3600.0)), Judgement::Met);
        assert_eq!(judge("up", Some(3600.0), Some(3599.0)), Judgement::Missed);
        assert_eq!(judge("up", None, Some(1.0)), Judgement::NoTarget);
        assert_eq!(judge("up", Some(1.0), None), Judgement::NotMeasured);
        assert_eq!(judge("up", None, None), Judgement::NotMeasured);
    }

    #[test]
    fn only_named_segment_kinds_are_judged() {
        let by_severity = BTreeMap::from([("critical".to_owned(), 14_400.0)]);
        let target = Target { value: 86_400.0, by_segment: BTreeMap::from([("severity".to_owned(), by_severity)]), ..Target::default() };
        let mut context = context(None);
        context.targets.insert("SC01".into(), target);
        let segment = |kind: &str, segment: &str| QueryRow { segment_kind: kind.into(), segment: segment.into(), ..query_row("2026-Q1", Some(20_000.0)) };
        let rows = vec![segment("api", "a"), segment("severity", "critical"), segment("severity", "low")];
        let judged = judge_metric(&definition("seconds", "down"), rows, &context);
        let seen: Vec<_> = judged.iter().map(|row| (row.target, row.judgement)).collect();
        assert_eq!(seen, [(None, Judgement::NoTarget), (Some(14_400.0), Judgement::Missed), (Some(86_400.0), Judgement::Met)]);
    }

    #[test]
    fn a_trend_needs_an_interval_without_zero() {
        let up = definition("share", "up");
        let rows = |a, b| vec![share_row("2026-Q1", a, 100, 0), share_row("2026-Q2", b, 100, 0)];
        assert_eq!(trends(&up, rows(50, 80), &context(None)), [Trend::New, Trend::Improving]);
        assert_eq!(trends(&up, rows(80, 50), &context(None)), [Trend::New, Trend::Regressing]);
        assert_eq!(trends(&up, rows(50, 55), &context(None)), [Trend::New, Trend::Flat]);
        let down = definition("share", "down");
        assert_eq!(trends(&down, rows(80, 50), &context(None)), [Trend::New, Trend::Improving]);
    }

    #[test]
    fn durations_are_compared_with_both_standard_errors_and_counts_exactly() {
        let row = |period, value, se| QueryRow { se: Some(se), ..query_row(period, Some(value)) };
        let down = definition("seconds", "down");
        let rows = |se| vec![row("2026-Q1", 100.0, se), row("2026-Q2", 90.0, se)];
        // z * sqrt(2) * se is 9.98 at se 3.6 and 10.25 at 3.7.
        assert_eq!(trends(&down, rows(3.6), &context(None))[1], Trend::Improving);
        assert_eq!(trends(&down, rows(3.7), &context(None))[1], Trend::Flat);
        let counts = |a, b| vec![query_row("2026-Q1", Some(a)), query_row("2026-Q2", Some(b))];
        let count = definition("count", "down");
        assert_eq!(trends(&count, counts(1.0, 2.0), &context(None))[1], Trend::Regressing);
        assert_eq!(trends(&count, counts(2.0, 2.0), &context(None))[1], Trend::Flat);
    }

    #[test]
    fn more_than_five_points_of_missing_evidence_break_the_trend() {
        let up = definition("share", "up");
        let rows = |missing| vec![share_row("2026-Q1", 50, 100, 0), share_row("2026-Q2", 95 - missing, 100 - missing, missing)];
        assert_eq!(trends(&up, rows(5), &context(None))[1], Trend::Improving);
        assert_eq!(trends(&up, rows(6), &context(None))[1], Trend::Broken);
    }

    #[test]
    fn a_changed_definition_breaks_the_trend_and_a_gap_ends_it() {
        let up = definition("share", "up");
        let mut changed = context(None);
        changed.breaks.push(TrendBreak { metric_id: "SC01".into(), period: "2026-Q2".parse().expect("a period"), why: "threshold".into() });
        let rows = || vec![share_row("2026-Q1", 50, 100, 0), share_row("2026-Q2", 80, 100, 0)];
        assert_eq!(trends(&up, rows(), &changed)[1], Trend::Broken);
        let months = vec![share_row("2026-04", 50, 100, 0), share_row("2026-05", 80, 100, 0)];
        assert_eq!(trends(&up, months, &changed)[1], Trend::Improving);
        let gap = vec![share_row("2026-Q1", 50, 100, 0), query_row("2026-Q2", None), share_row("2026-Q3", 80, 100, 0)];
        assert_eq!(trends(&up, gap, &context(None)), [Trend::New, Trend::NotMeasured, Trend::New]);
    }

    #[test]
    fn a_count_over_fewer_days_is_not_compared() {
        let rows = vec![query_row("2026-Q1", Some(9.0)), query_row("2026-Q2", Some(3.0))];
        let mut context = context(None);
        let first = ("SC01".to_owned(), "2026-Q2".parse().expect("a period"));
        context.days_covered.insert(first, DaysCovered { covered: 40, total: 91 });
        assert_eq!(trends(&definition("count", "down"), rows, &context)[1], Trend::Broken);
    }

    #[test]
    fn an_earlier_run_fills_periods_without_a_value() {
        let up = definition("share", "up");
        let mut context = context(None);
        context.earlier = judge_metric(&up, vec![share_row("2026-Q1", 50, 100, 0)], &context);
        let rows = vec![query_row("2026-Q1", None), share_row("2026-Q2", 80, 100, 0)];
        assert_eq!(trends(&up, rows, &context), [Trend::NotMeasured, Trend::Improving]);
    }

    #[test]
    fn few_are_flagged_small_and_gaps_partial() {
        let flags = |denominator, context: &JudgeContext| {
            let row = share_row("2026-Q1", 1, denominator, 0);
            judge_metric(&definition("share", "up"), vec![row], context)[0].flags_text()
        };
        assert_eq!(flags(29, &context(None)).as_deref(), Some("small"));
        assert_eq!(flags(30, &context(None)), None);
        let mut partial = context(None);
        partial.partial.insert(("SC01".into(), "2026-Q1".parse().expect("a period")));
        assert_eq!(flags(29, &partial).as_deref(), Some("small;partial"));
    }

    #[test]
    fn missing_evidence_bounds_a_share() {
        let row = share_row("2026-Q1", 60, 90, 10);
        let judged = judge_metric(&definition("share", "up"), vec![row], &context(None));
        assert_eq!(evidence_bounds(&judged[0]), Some(Interval { low: 0.6, high: 0.7 }));
        let row = share_row("2026-Q1", 60, 90, 0);
        let judged = judge_metric(&definition("share", "up"), vec![row], &context(None));
        assert_eq!(evidence_bounds(&judged[0]), None);
    }

    fn entities(list: &[(&str, bool)]) -> BTreeMap<String, bool> {
        list.iter().map(|(name, good)| (name.to_string(), *good)).collect()
    }

    #[test]
    fn contributions_sum_exactly_to_the_change() {
        let before = entities(&[("a", true), ("b", false), ("c", false), ("d", true), ("e", false)]);
        let now = entities(&[("a", true), ("b", true), ("c", false), ("d", false), ("f", true), ("g", false)]);
        let split = decompose(&before, &now).expect("both sides judged");
        assert_eq!(split.contributions.iter().map(|it| it.parts).sum::<i128>(), split.parts);
        close(split.change(), 3.0 / 6.0 - 2.0 / 5.0);
        let names: Vec<Vec<&str>> = split.contributions.iter().map(|it| it.entities.iter().map(|(name, _)| name.as_str()).collect()).collect();
        assert_eq!(names, [vec!["b"], vec!["d"], vec!["f", "g"], vec!["e"]]);
        assert_eq!(split.tenths_of_points().iter().sum::<i64>(), 100);
        assert_eq!(decompose(&before, &BTreeMap::new()), None);
    }

    #[test]
    fn decomposition_is_symmetric_in_time() {
        let before = entities(&[("a", true), ("b", false), ("c", false)]);
        let now = entities(&[("a", false), ("b", true), ("d", true), ("e", true)]);
        let forth = decompose(&before, &now).expect("both sides judged");
        let back = decompose(&now, &before).expect("both sides judged");
        assert_eq!(forth.parts, -back.parts);
        assert_eq!(forth.contributions[2].parts, -back.contributions[3].parts);
    }

    #[test]
    fn printed_contributions_add_up_for_every_small_estate() {
        for bits in 0..4096_u32 {
            let side = |shift: u32| -> BTreeMap<String, bool> {
                (0..3)
                    .filter_map(|index| match bits >> (shift + 2 * index) & 3 {
                        0 => Some((index.to_string(), false)),
                        1 => Some((index.to_string(), true)),
                        _ => None,
                    })
                    .collect()
            };
            let Some(split) = decompose(&side(0), &side(6)) else { continue };
            let sum: i64 = split.tenths_of_points().iter().sum();
            assert_eq!(sum, (split.change() * 1000.0).round() as i64);
            assert_eq!(split.contributions.iter().map(|it| it.parts).sum::<i128>(), split.parts);
        }
    }
}
