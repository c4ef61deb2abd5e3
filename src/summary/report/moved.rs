//! What moved, as draft sentences: worse first, then better, then what is new or cannot be compared.

use std::collections::BTreeMap;

use super::input::ApiRow;
use super::lookup::Lookup;
use super::prose::Prose;
use super::{MovePart, Movement, ScoreRow, verdict, words};
use crate::metric::judge::{Contribution, Decomposition, Move, decompose};
use crate::metric::outcome::{Judgement, Trend};
use crate::period::Period;
use crate::units::{Points, counted};

/// Names kept per kind of move, and shown in a sentence.
const MAX_NAMES: usize = 20;
const SHOWN_NAMES: usize = 3;

pub fn movements(lookup: &Lookup, scorecard: &[ScoreRow]) -> Vec<Movement> {
    let of = |trend: Trend| scorecard.iter().filter(move |row| row.trend == trend && row.judgement != Judgement::NotMeasured);
    let mut moved: Vec<Movement> = of(Trend::Regressing).chain(of(Trend::Improving)).map(|row| movement(lookup, row)).collect();
    moved.extend(of(Trend::Flat).filter_map(|row| churn(lookup, row)));
    moved.extend(of(Trend::Broken).map(|row| broken(lookup, row)));
    moved.extend(first_values(of(Trend::New).collect()));
    moved.extend(not_measured(scorecard));
    moved
}

fn movement(lookup: &Lookup, row: &ScoreRow) -> Movement {
    let split = split_of(lookup, row);
    Movement {
        details: split.as_ref().map(|it| split_lines(lookup, &row.id, it)).unwrap_or_default(),
        split: split.as_ref().map(move_parts).unwrap_or_default(),
        ..said(row, sentence(row))
    }
}

/// A sentence on one measure.
fn said(row: &ScoreRow, text: Prose) -> Movement {
    Movement { metric_ids: vec![row.id.clone()], trend: row.trend, text, details: Vec::new(), split: Vec::new() }
}

/// A share of APIs may stand where it stood although APIs behind it changed places.
fn churn(lookup: &Lookup, row: &ScoreRow) -> Option<Movement> {
    let split = split_of(lookup, row)?;
    let has_moved = split.contributions.iter().any(|it| !it.entities.is_empty());
    let text = Prose::new()
        .strong(format!("{} stands at {}", named(row), words::value(row)))
        .text(format!(" ({}, no more than chance), while APIs behind it moved.", words::change(row)));
    has_moved.then(|| Movement { details: split_lines(lookup, &row.id, &split), split: move_parts(&split), ..said(row, text) })
}

/// "**Least-privilege APIs (SP01) fell 2.8 pp** to 69.2% (148/214) and no longer meet the target."
fn sentence(row: &ScoreRow) -> Prose {
    let difference = row.change.map_or(0.0, |it| it.difference);
    let verb = if difference < 0.0 { "fell" } else { "rose" };
    let size = row.unit.format_change(difference.abs());
    let size = size.trim_start_matches('+');
    let basis = words::basis(row).map(|it| format!(" ({it})")).unwrap_or_default();
    let crossing = match (row.previous_judgement, row.judgement) {
        (Some(Judgement::Missed), Judgement::Met) => ": it now meets its target",
        (Some(Judgement::Met), Judgement::Missed) => ": it no longer meets its target",
        _ => "",
    };
    Prose::new().strong(format!("{} {verb} by {size}", named(row))).text(format!(" to {}{basis}{crossing}.", words::value(row)))
}

fn named(row: &ScoreRow) -> String {
    format!("{} {}", row.id, verdict::lower_first(&row.title))
}

fn broken(lookup: &Lookup, row: &ScoreRow) -> Movement {
    let declared = lookup.input.breaks.iter().find(|it| it.metric_id == row.id && lookup.input.period.contains(it.period.start_us()));
    let why = declared.map_or("the evidence behind it changed too much", |it| it.why.as_str());
    let text =
        Prose::new().strong(format!("{} cannot be compared", named(row))).text(format!(" with the period before: {why}. It stands at {}.", words::value(row)));
    said(row, text)
}

fn first_values(rows: Vec<&ScoreRow>) -> Option<Movement> {
    let names: Vec<String> = rows.iter().map(|row| format!("{} at {}", row.id, words::value(row))).collect();
    let count = counted(rows.len() as i64, "measure has", "measures have");
    (!rows.is_empty()).then(|| Movement {
        metric_ids: rows.iter().map(|row| row.id.clone()).collect(),
        trend: Trend::New,
        text: Prose::new().strong(format!("{count} no earlier value")).text(format!(": {}.", names.join(", "))),
        details: Vec::new(),
        split: Vec::new(),
    })
}

/// One sentence per reason, so that a missing input is told once.
fn not_measured(scorecard: &[ScoreRow]) -> Vec<Movement> {
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in scorecard.iter().filter(|row| row.judgement == Judgement::NotMeasured) {
        let reason = row.reason.as_deref().unwrap_or("no_rows");
        by_reason.entry(reason).or_default().push(row.id.clone());
    }
    by_reason
        .into_iter()
        .map(|(reason, ids)| Movement {
            trend: Trend::NotMeasured,
            text: Prose::new().strong(format!("{} not measured", ids.join(", "))).text(format!(": {}.", words::reason(reason))),
            metric_ids: ids,
            details: Vec::new(),
            split: Vec::new(),
        })
        .collect()
}

/// SC01 and SP01 are shares of APIs whose verdicts stand in apis.parquet for each period. A split
/// that does not sum to the measured change, as when a period comes from an earlier run, is none.
fn split_of(lookup: &Lookup, row: &ScoreRow) -> Option<Decomposition> {
    let verdict: fn(&ApiRow) -> Option<bool> = match row.id.as_str() {
        "SC01" => |row| judged(row.verdict.as_deref()?, "constrained", &["dual_accept", "bearer_only"]),
        "SP01" => |row| judged(row.scope_verdict.as_deref()?, "least_privilege", &["broad"]),
        _ => return None,
    };
    let side = |period: Period| -> BTreeMap<String, bool> { lookup.apis_of(period).filter_map(|row| Some((row.api.clone(), verdict(row)?))).collect() };
    let period = lookup.input.period;
    let split = decompose(&side(period.previous()?), &side(period))?;
    let is_whole = (split.change() - row.change?.difference).abs() < 1e-9;
    is_whole.then_some(split)
}

fn judged(verdict: &str, good: &str, bad: &[&str]) -> Option<bool> {
    match verdict == good {
        true => Some(true),
        false => bad.contains(&verdict).then_some(false),
    }
}

fn move_parts(split: &Decomposition) -> Vec<MovePart> {
    let tenths = split.tenths_of_points();
    let part = |(contribution, tenths): (&Contribution, i64)| MovePart {
        kind: contribution.kind.as_str(),
        n: contribution.entities.len() as i64,
        n_good: contribution.entities.iter().filter(|(_, good)| *good).count() as i64,
        tenths_of_points: tenths,
        share: split.share_of(contribution),
        entities: contribution.entities.iter().take(MAX_NAMES).map(|(name, _)| name.clone()).collect(),
    };
    split.contributions.iter().zip(tenths).map(part).collect()
}

/// "3 fixed (+1.4 pp): `a` (`logistics`), `b` (no owner) and 1 more", a line per kind of move.
fn split_lines(lookup: &Lookup, id: &str, split: &Decomposition) -> Vec<Prose> {
    let bad_word = if id == "SC01" { "replayable" } else { "broad" };
    let parts = split.contributions.iter().zip(split.tenths_of_points());
    let parts = parts.filter(|(it, _)| !it.entities.is_empty());
    let line = |(contribution, tenths): (&Contribution, i64)| {
        let n = contribution.entities.len();
        let bad = contribution.entities.iter().filter(|(_, good)| !good).count();
        let quality = match contribution.kind {
            Move::Appeared | Move::Retired if bad > 0 => format!(", {bad} of them {bad_word}"),
            _ => String::new(),
        };
        let points = Points(tenths as f64 / 1000.0);
        Prose::new().text(format!("{n} {}{quality} ({points}): ", contribution.kind.as_str())).then(owned_names(lookup, contribution))
    };
    parts.map(line).collect()
}

/// The bad ones first: they are what a reader asks about.
fn owned_names(lookup: &Lookup, contribution: &Contribution) -> Prose {
    let mut entities: Vec<&(String, bool)> = contribution.entities.iter().collect();
    entities.sort_by_key(|(name, good)| (*good, name));
    let mut prose = Prose::new();
    for (index, (name, _)) in entities.iter().take(SHOWN_NAMES).enumerate() {
        let joint = if index == 0 { "" } else { ", " };
        prose = prose.text(joint).code(name.as_str());
        prose = match lookup.api_owner(Some(name)) {
            Some(owner) => prose.text(" (").code(owner).text(")"),
            None => prose.text(" (no owner)"),
        };
    }
    match entities.len().saturating_sub(SHOWN_NAMES) {
        0 => prose,
        more => prose.text(format!(" and {more} more")),
    }
}
