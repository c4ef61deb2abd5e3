//! The two sentences on top: which way access is moving, and the score behind that.

use super::lookup::Lookup;
use super::prose::Prose;
use super::{ScoreRow, Verdict, words};
use crate::metric::outcome::{Judgement, Trend};
use crate::units::{Share, counted};

pub fn verdict(lookup: &Lookup, scorecard: &[ScoreRow]) -> Verdict {
    let count = |test: fn(&ScoreRow) -> bool| scorecard.iter().filter(|row| test(row)).count() as i64;
    let n_met = count(|row| row.judgement == Judgement::Met);
    let verdict = Verdict {
        headline: String::new(),
        detail: Prose::new(),
        n_met,
        n_with_target: n_met + count(|row| row.judgement == Judgement::Missed),
        n_improving: count(|row| row.trend == Trend::Improving),
        n_regressing: count(|row| row.trend == Trend::Regressing),
        n_not_measured: count(|row| row.judgement == Judgement::NotMeasured),
        n_measures: scorecard.len() as i64,
    };
    Verdict { headline: headline(scorecard, &verdict), detail: detail(lookup, scorecard, &verdict), ..verdict }
}

/// Proof is what the tool is about, so SC01 and SC02 give the direction; the rest qualifies it.
fn headline(scorecard: &[ScoreRow], verdict: &Verdict) -> String {
    if verdict.n_not_measured == verdict.n_measures {
        return "Nothing could be measured: see below which inputs are missing.".to_owned();
    }
    let (improving, regressing) = (verdict.n_improving, verdict.n_regressing);
    let has = |trend| scorecard.iter().any(|row| matches!(&*row.id, "SC01" | "SC02") && row.trend == trend);
    let (direction, contrast) = match (has(Trend::Improving), has(Trend::Regressing)) {
        (true, false) => ("Access is moving from possession towards proof", regressing),
        (false, true) => ("Access is sliding back from proof to possession", improving),
        (true, true) => ("Proof of possession improved in part and fell back in part", 0),
        (false, false) if improving + regressing == 0 => {
            let is_first = scorecard.iter().any(|row| row.trend == Trend::New) && scorecard.iter().all(|row| row.previous.is_none());
            return match is_first {
                true => "A first measurement: there is no trend yet.".to_owned(),
                false => "No measure moved by more than chance.".to_owned(),
            };
        }
        (false, false) => {
            return format!("{} improved and {} got worse.", counted(improving, "measure", "measures"), regressing);
        }
    };
    match (contrast, has(Trend::Improving)) {
        (0, _) => format!("{direction}."),
        (1, true) => format!("{direction}, with one step back."),
        (n, true) => format!("{direction}, with {} steps back.", number_word(n)),
        (1, false) => format!("{direction}, while one measure improved."),
        (n, false) => format!("{direction}, while {} measures improved.", number_word(n)),
    }
}

fn detail(lookup: &Lookup, scorecard: &[ScoreRow], verdict: &Verdict) -> Prose {
    let mut score = vec![format!("{} of {} met", verdict.n_met, counted(verdict.n_with_target, "target", "targets"))];
    let moved = [(verdict.n_improving, "improved"), (verdict.n_regressing, "regressed"), (verdict.n_not_measured, "could not be measured")];
    for (n, what) in moved.into_iter().filter(|(n, _)| *n > 0) {
        score.push(format!("{n} {what}"));
    }
    let prose = Prose::new().text(format!("Of {}: {}.", counted(verdict.n_measures, "measure", "measures"), score.join(", ")));
    let worse = worse(scorecard);
    exceptions(lookup).into_iter().fold(prose.then(worse), |prose, text| prose.text(text))
}

/// The measures that regressed, those of the first screen first.
fn worse(scorecard: &[ScoreRow]) -> Prose {
    let mut rows: Vec<&ScoreRow> = scorecard.iter().filter(|row| row.trend == Trend::Regressing).collect();
    rows.sort_by_key(|row| !row.is_headline);
    let shown: Vec<String> = rows.iter().take(3).map(|row| format!("{} ({})", lower_first(&row.title), words::change(row))).collect();
    match (shown.len(), rows.len() - shown.len()) {
        (0, _) => Prose::new(),
        (_, 0) => Prose::new().text(" Worse: ").strong(shown.join(", ")).text("."),
        (_, more) => Prose::new().text(" Worse: ").strong(shown.join(", ")).text(format!(" and {more} more.")),
    }
}

fn exceptions(lookup: &Lookup) -> Option<String> {
    let period = lookup.input.period;
    let now = lookup.value("EX01", period)?.value?;
    let before = period.previous().and_then(|it| Some((it, lookup.value("EX01", it)?.value?)));
    Some(match before {
        Some((previous, before)) => format!(" Exceptions carry {} of accepted calls ({}: {}).", Share(now), previous.short_beside(&period), Share(before)),
        None => format!(" Exceptions carry {} of accepted calls.", Share(now)),
    })
}

fn number_word(n: i64) -> String {
    const WORDS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let word = usize::try_from(n).ok().and_then(|index| WORDS.get(index));
    word.map_or_else(|| n.to_string(), |word| (*word).to_owned())
}

/// "Least-privilege APIs" inside a sentence; an acronym keeps its capitals.
pub fn lower_first(title: &str) -> String {
    let mut characters = title.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(title.chars().skip(1)).collect(),
        _ => title.to_owned(),
    }
}
