//! The same words for the same state in every renderer. All of them are ours; none needs escaping.

use crate::metric::definition::Direction;
use crate::metric::outcome::{Flag, Judgement, Trend};
use crate::period::format_day;
use crate::units::{Count, DurationSeconds};

use super::ScoreRow;
use super::input::Gap;

/// Better, worse, the same: by whether it is good, not by whether the number grew.
pub fn glyph(row: &ScoreRow) -> &'static str {
    match (row.trend, row.judgement) {
        (_, Judgement::NotMeasured) => "?",
        (Trend::Improving, _) => "▲",
        (Trend::Regressing, _) => "▼",
        (Trend::Flat, _) => "■",
        (Trend::New, _) => "○",
        (Trend::Broken, _) => "◇",
        (Trend::NotMeasured, _) => "·",
    }
}

/// `met, improving`, `missed, flat (partial data)`, `not measured`.
pub fn status(row: &ScoreRow) -> String {
    if row.judgement == Judgement::NotMeasured {
        return "not measured".to_owned();
    }
    let judgement = match row.judgement {
        Judgement::Met => Some("met"),
        Judgement::Missed => Some("missed"),
        Judgement::NoTarget | Judgement::NotMeasured => None,
    };
    let trend = match row.trend {
        Trend::Improving => Some("improving"),
        Trend::Regressing => Some("regressing"),
        Trend::Flat => Some("flat"),
        Trend::New => Some("new"),
        Trend::Broken => Some("trend broken"),
        Trend::NotMeasured => None,
    };
    let words: Vec<&str> = judgement.into_iter().chain(trend).collect();
    let partial = if row.flags.contains(&Flag::Partial) { " (partial data)" } else { "" };
    let words = if words.is_empty() { "no target".to_owned() } else { words.join(", ") };
    format!("{words}{partial}")
}

/// What a reader of one measure must know about its figure.
pub fn remark(flag: Flag) -> &'static str {
    match flag {
        Flag::Small => "fewer than 30 were counted",
        Flag::Extrapolated => "follow-up ends early, so open cases are held flat to the limit",
        Flag::NotReached => "too few cases ended for this figure",
        Flag::Partial => "the data does not cover the whole period",
    }
}

/// `61.2%`, or `?` where it was not measured, which is never zero.
pub fn value(row: &ScoreRow) -> String {
    match row.value {
        Some(value) => row.unit.format_beside_target(value, row.target),
        None => "?".to_owned(),
    }
}

/// `131/214` of a share, `n = 23` of a duration.
pub fn basis(row: &ScoreRow) -> Option<String> {
    match (row.value?, row.numerator, row.denominator) {
        (_, Some(numerator), Some(denominator)) => Some(format!("{}/{}", Count(numerator), Count(denominator))),
        (_, Some(n), None) => Some(format!("n = {}", Count(n))),
        (_, None, Some(n)) => Some(format!("n = {}", Count(n))),
        (_, None, None) => None,
    }
}

/// `≥ 75%`; a target of zero has no sign before it.
pub fn target(row: &ScoreRow) -> String {
    match row.target {
        Some(target) if target == 0.0 && row.direction == Direction::Down => row.unit.format_target(target),
        Some(target) => format!("{} {}", sign(row.direction), row.unit.format_target(target)),
        None => "–".to_owned(),
    }
}

pub fn sign(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "≥",
        Direction::Down => "≤",
    }
}

/// `+7.1 pp`, or `?` where nothing can be compared.
pub fn change(row: &ScoreRow) -> String {
    match row.change {
        Some(change) => row.unit.format_change(change.difference),
        None => "?".to_owned(),
    }
}

/// `95% interval 54.6% to 67.5%`; a duration's lower end never shows below zero.
pub fn interval(row: &ScoreRow) -> Option<String> {
    let (low, high) = (row.ci_low?.max(0.0), row.ci_high?);
    Some(format!("95% interval {} to {}", row.unit.format(low), row.unit.format(high)))
}

/// The input whose absence a reason states.
pub fn missing_input(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "no_requests" => "gateway logs",
        "no_identity_events" => "logs of the identity provider",
        "no_tickets" => "revocation tickets",
        "no_grants" => "an inventory of grants, or grant events",
        "no_identity_inventory" => "an inventory of identities",
        "no_api_inventory" => "an inventory of APIs",
        "no_declared_proof" => "which proof each API requires",
        "no_ownership_source" => "a source of ownership",
        "no_exceptions" => "a register of exceptions",
        _ => return None,
    })
}

/// A reason of a query as a sentence part: "missing input: gateway logs".
pub fn reason(reason: &str) -> String {
    if let Some(input) = missing_input(reason) {
        return format!("missing input: {input}");
    }
    let known = match reason {
        "window_not_covered" => "the gateway logs do not cover the 90 days it looks back on",
        "not_reached" => "too few cases ended for this quantile to be known",
        "no_judged_apis" => "no API had enough evidence to be judged",
        "no_judged_calls" => "no call had enough evidence to be judged",
        "no_judged_grants" => "no grant could be judged",
        "no_judged_identities" => "no identity could be judged",
        "no_known_ttl" => "no lifetime is known",
        "no_declaring_apis" => "no API that declares proof as required was called",
        "no_authenticated_calls" => "no authenticated call was accepted",
        "no_decided_calls" => "no call had a known decision",
        "no_ended_credentials" => "no credential ended",
        "no_tokens_issued" => "no token was issued",
        "no_cases" => "there was no revocation case",
        "no_rows" => "the query returned no row",
        _ if reason.starts_with("no_") => return format!("there were {}", plain_word(reason)),
        _ => return plain_word(reason),
    };
    known.to_owned()
}

/// What segments are, in words: "API".
pub fn segment_kind(kind: &str) -> String {
    if kind == "api" { "API".to_owned() } else { plain_word(kind) }
}

pub fn upper_first(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// A snake_case word as words; anything else a query of the user's may say stays as it is.
pub fn plain_word(word: &str) -> String {
    word.replace('_', " ")
}

/// One line per source: its longest gaps in order of time, and how many more there are.
pub fn gaps(gaps: &[Gap]) -> Vec<(&str, String)> {
    const SHOWN: usize = 3;
    let lines = gaps.chunk_by(|a, b| a.source == b.source).map(|of_source| {
        let mut longest: Vec<&Gap> = of_source.iter().collect();
        longest.sort_by_key(|gap| (std::cmp::Reverse(gap.to_us - gap.from_us), gap.from_us));
        longest.truncate(SHOWN);
        longest.sort_by_key(|gap| gap.from_us);
        let more = of_source.len() - longest.len();
        let longest: Vec<String> = longest.iter().map(|gap| format!("from {} to {}", format_day(gap.from_us), format_day(gap.to_us))).collect();
        let more = if more > 0 { format!(", and in {more} shorter or later gaps") } else { String::new() };
        (of_source[0].source.as_str(), format!("says nothing {}{more}", longest.join(", ")))
    });
    lines.collect()
}

/// The share of records that were rejected, in words short enough for a line.
pub fn rejected(rejects: i64, records: i64) -> String {
    match (rejects, records) {
        (0, _) | (_, 0) => "none rejected".to_owned(),
        _ => {
            let percent = rejects as f64 / records as f64 * 100.0;
            let share = if percent < 0.001 { "< 0.001".into() } else { format!("{percent:.3}") };
            format!("{} rejected ({share}%)", Count(rejects))
        }
    }
}

/// `2 h 10 min` between two instants, where both are known.
pub fn elapsed(from_us: Option<i64>, to_us: Option<i64>) -> Option<f64> {
    let micros = to_us?.checked_sub(from_us?)?;
    Some(micros as f64 / 1e6)
}

/// `3 d 4 h` as text, for sentences.
pub fn duration(seconds: f64) -> String {
    DurationSeconds(seconds).to_string()
}

/// A minus before a digit becomes U+2212, which aligns with the plus; days like 2026-05-31 keep theirs.
pub fn typographic(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let is_minus = |index: usize| {
        let before = index.checked_sub(1).and_then(|it| characters.get(it));
        let after = characters.get(index + 1);
        characters[index] == '-' && before.is_none_or(|it| matches!(it, ' ' | '(')) && after.is_some_and(char::is_ascii_digit)
    };
    (0..characters.len()).map(|it| if is_minus(it) { '−' } else { characters[it] }).collect()
}
