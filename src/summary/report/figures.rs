//! What the charts draw, as numbers.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::input::RevocationRow;
use super::lookup::Lookup;
use super::offenders::cases;
use super::words;
use super::{ExceptionTraffic, Figures, Heat, HeatCell, HeatRow, ScopeUse, SurvivalStep, ViolationBin};
use crate::metric::outcome::MetricRow;
use crate::period::{MICROS_PER_DAY, Period};

const MAX_BARS: usize = 10;
const MAX_HEAT_ROWS: usize = 9;
/// Months of the heat table: the headline quarter and the one before.
const HEAT_MONTHS: usize = 6;
/// Longer periods are drawn in weeks.
const MAX_DAILY_BINS: i64 = 45;

pub fn figures(lookup: &Lookup) -> Figures {
    let of_period = cases(lookup).filter(|row| lookup.is_in_period(row.detected_at_us));
    let times: Vec<(f64, bool)> = of_period.filter_map(|row| time_and_end(row, lookup.input.as_of_us)).collect();
    Figures {
        survival: survival(&times),
        scope_use: scope_use(lookup),
        violations: violations(lookup),
        exception_traffic: exception_traffic(lookup),
        heat: heat(lookup),
    }
}

/// (seconds followed, was revoked); negative durations are data errors and stay out.
fn time_and_end(row: &RevocationRow, as_of_us: i64) -> Option<(f64, bool)> {
    let seconds = match row.is_open {
        true => words::elapsed(row.detected_at_us, Some(as_of_us)),
        false => row.time_to_revoke_s,
    };
    seconds.filter(|it| *it >= 0.0).map(|seconds| (seconds, !row.is_open))
}

/// The product-limit estimate, for the drawing only: the metrics' figures come from the queries.
///
/// Kaplan, E. L. and Meier, P. (1958), Nonparametric estimation from incomplete observations,
/// Journal of the American Statistical Association 53, 457-481. A case censored at the time of an
/// event counts as still at risk then.
pub fn survival(times: &[(f64, bool)]) -> Vec<SurvivalStep> {
    let mut times = times.to_vec();
    times.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut steps: Vec<SurvivalStep> = Vec::new();
    let (mut at_risk, mut surviving) = (times.len() as i64, 1.0);
    for group in times.chunk_by(|a, b| a.0 == b.0) {
        let revoked = group.iter().filter(|(_, is_event)| *is_event).count() as i64;
        let censored = group.len() as i64 - revoked;
        surviving *= (at_risk - revoked) as f64 / at_risk as f64;
        steps.push(SurvivalStep { t_s: group[0].0, at_risk, revoked, censored, surviving });
        at_risk -= revoked + censored;
    }
    steps
}

/// Identities with the most unused grants.
fn scope_use(lookup: &Lookup) -> Vec<ScopeUse> {
    let mut by_identity: BTreeMap<&str, ScopeUse> = BTreeMap::new();
    for grant in &lookup.input.entities.grants {
        let bar = by_identity.entry(&grant.identity).or_insert_with(|| ScopeUse { identity: grant.identity.clone(), used: 0, unused: 0, not_judged: 0 });
        match grant.state.as_str() {
            "used" => bar.used += 1,
            "unused" => bar.unused += 1,
            "too_young" | "unobservable" => bar.not_judged += 1,
            _ => {}
        }
    }
    let mut bars: Vec<ScopeUse> = by_identity.into_values().filter(|bar| bar.used + bar.unused > 0).collect();
    bars.sort_by_key(|bar| (Reverse(bar.unused), Reverse(bar.used), bar.identity.clone()));
    bars.truncate(MAX_BARS);
    bars
}

/// Days of a month, weeks of a quarter; every bin of the period is there, empty or not.
fn violations(lookup: &Lookup) -> Vec<ViolationBin> {
    let period = lookup.input.period;
    let days_per_bin = if period.n_days() <= MAX_DAILY_BINS { 1 } else { 7 };
    let first_day = period.start_us() / MICROS_PER_DAY;
    let n_bins = period.n_days().div_euclid(days_per_bin) + i64::from(period.n_days() % days_per_bin > 0);
    let mut bins: Vec<ViolationBin> = (0..n_bins)
        .map(|index| ViolationBin { start_us: period.start_us() + index * days_per_bin * MICROS_PER_DAY, blocked: 0, observed: 0, missed: 0 })
        .collect();
    for row in lookup.input.entities.violations.iter().filter(|row| row.kind != "rate_limited") {
        let index = row.day.saturating_sub(first_day).div_euclid(days_per_bin);
        let Some(bin) = usize::try_from(index).ok().and_then(|index| bins.get_mut(index)) else {
            continue;
        };
        match row.decision.as_str() {
            "blocked" => bin.blocked += row.calls,
            "observed" => bin.observed += row.calls,
            "missed" => bin.missed += row.calls,
            _ => {}
        }
    }
    let has_any = bins.iter().any(|bin| bin.blocked + bin.observed + bin.missed > 0);
    if has_any { bins } else { Vec::new() }
}

fn exception_traffic(lookup: &Lookup) -> Vec<ExceptionTraffic> {
    let all = lookup.input.entities.exceptions.iter().filter(|row| row.calls > 0);
    let mut rows: Vec<_> = all.collect();
    rows.sort_by_key(|row| (Reverse(row.calls), &row.id));
    rows.truncate(MAX_BARS);
    rows.into_iter()
        .map(|row| ExceptionTraffic { id: row.id.clone(), state: row.state.clone(), calls: row.calls, share_of_calls: row.share_of_calls })
        .collect()
}

/// SC02 by API and month, the APIs with most replayable calls in the headline period on top.
fn heat(lookup: &Lookup) -> Heat {
    let last = lookup.input.period.months().last().copied();
    let Some(last) = last else { return Heat::default() };
    let months: Vec<Period> = last.history(HEAT_MONTHS);
    let mut by_api: BTreeMap<&str, (i64, Vec<HeatCell>)> = BTreeMap::new();
    for (index, month) in months.iter().enumerate() {
        for row in lookup.segments("SC02", *month).filter(|row| row.segment_kind == "api") {
            let entry = by_api.entry(&row.segment).or_insert_with(|| (0, vec![HeatCell::NoCalls; months.len()]));
            entry.1[index] = heat_cell(row);
            if lookup.input.period.contains(month.start_us()) {
                entry.0 += row.numerator.unwrap_or(0);
            }
        }
    }
    let mut rows: Vec<_> = by_api.into_iter().collect();
    rows.sort_by_key(|(api, (replayable, _))| (Reverse(*replayable), *api));
    let n_apis = rows.len() as i64;
    rows.truncate(MAX_HEAT_ROWS);
    let rows: Vec<HeatRow> = rows.into_iter().map(|(api, (_, cells))| HeatRow { api: api.to_owned(), cells }).collect();
    let seen: Vec<bool> = (0..months.len()).map(|index| rows.iter().any(|row| row.cells[index] != HeatCell::NoCalls)).collect();
    let kept = |index: &usize| seen.get(*index).copied().unwrap_or(false);
    Heat {
        n_apis,
        months: (0..months.len()).filter(kept).map(|index| months[index]).collect(),
        rows: rows.into_iter().map(|row| HeatRow { cells: (0..row.cells.len()).filter(kept).map(|index| row.cells[index]).collect(), api: row.api }).collect(),
    }
}

fn heat_cell(row: &MetricRow) -> HeatCell {
    match row.value {
        Some(value) => HeatCell::Replayable(value),
        None => HeatCell::InsufficientEvidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survival_matches_the_fixture_of_the_contract() {
        // metrics.md, Revocation, hours: KM median 13, p25 3, S(30) = 0.2727.
        let closed = [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 24.0, 30.0].map(|hours| (hours, true));
        let open = [200.0, 400.0, 720.0].map(|hours| (hours, false));
        let steps = survival(&[closed.as_slice(), &open].concat());
        let first_at_most = |q: f64| steps.iter().find(|step| step.surviving <= 1.0 - q + 1e-12).map(|step| step.t_s);
        assert_eq!((first_at_most(0.5), first_at_most(0.25), first_at_most(0.75)), (Some(13.0), Some(3.0), None));
        assert!((steps[7].surviving - 0.2727).abs() < 5e-5);
        assert_eq!(steps.iter().map(|step| step.censored).sum::<i64>(), 3);
        assert!(survival(&[]).is_empty());
    }
}
