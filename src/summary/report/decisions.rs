//! Decisions asked: drafts that name what to decide and who owns it, most urgent first.
//!
//! A draft is made only from entities that are in the data; what a fix would do to a measure is
//! arithmetic on its numerator and denominator, and said only where that is exact.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{ApiRow, IdentityRow};
use super::lookup::Lookup;
use super::offenders::{broadest_apis, cases, worst_apis};
use super::prose::Prose;
use super::words::upper_first;
use super::{Decision, ScoreRow, words};
use crate::metric::outcome::{Judgement, Trend};
use crate::units::{Share, counted};

const MAX_DECISIONS: usize = 8;
const SHOWN_NAMES: usize = 3;
/// How many APIs one decision asks about.
const APIS_PER_DECISION: usize = 5;

pub fn decisions(lookup: &Lookup, scorecard: &[ScoreRow]) -> Vec<Decision> {
    let needs_work = |id: &str| scorecard.iter().find(|row| row.id == id).filter(|row| row.judgement == Judgement::Missed || row.trend == Trend::Regressing);
    let drafts = [
        still_accepted(lookup),
        open_cases(lookup),
        expired_exceptions(lookup),
        needs_work("SC01").and_then(|row| apis(lookup, row, "Require proof of possession on", worst_apis(lookup))),
        needs_work("SP01").and_then(|row| apis(lookup, row, "Replace broad scopes on", broadest_apis(lookup))),
        needs_work("ID01").and_then(|_| ungoverned(lookup)),
        needs_work("TK02").and_then(|_| lasting_secrets(lookup)),
        needs_work("SP02").and_then(|_| unused_grants(lookup)),
        missing_inputs(lookup, scorecard),
    ];
    drafts.into_iter().flatten().chain(others(lookup, scorecard)).take(MAX_DECISIONS).collect()
}

fn still_accepted(lookup: &Lookup) -> Option<Decision> {
    let names: Vec<&str> = super::offenders::late_credentials(lookup).into_iter().map(|(credential, _)| credential).collect();
    let credentials = lookup.input.entities.credentials.iter().filter(|row| names.contains(&row.credential.as_str()));
    let owners = credentials.filter_map(|row| lookup.identity_owner(row.identity.as_deref()));
    draft(lookup, "RV03", names.len(), owners.collect(), |count| {
        let text = counted(count, "credential that was", "credentials that were");
        let text = format!("Block at the gateway {text} accepted after revocation: ");
        Prose::new().text(text).names(names.iter().copied(), SHOWN_NAMES)
    })
}

fn open_cases(lookup: &Lookup) -> Option<Decision> {
    let mut rows: Vec<_> = cases(lookup).filter(|row| row.is_open).collect();
    rows.sort_by_key(|row| super::offenders::case_key(row));
    let owners = rows.iter().filter_map(|row| lookup.identity_owner(row.identity.as_deref()));
    let oldest = rows.first().and_then(|row| words::elapsed(row.detected_at_us, Some(lookup.input.as_of_us)).map(words::duration));
    let names = rows.iter().filter_map(|row| row.ticket.as_deref());
    draft(lookup, "RV01", rows.len(), owners.collect(), |count| {
        let age = oldest.map(|age| format!(", the oldest for {age}")).unwrap_or_default();
        let text = counted(count, "compromised credential that is", "compromised credentials that are");
        let prose = Prose::new().text(format!("Revoke {text} still open{age}"));
        match names.clone().next() {
            Some(_) => prose.text(": ").names(names, SHOWN_NAMES),
            None => prose,
        }
    })
}

fn expired_exceptions(lookup: &Lookup) -> Option<Decision> {
    let all = lookup.input.entities.exceptions.iter();
    let mut rows: Vec<_> = all.filter(|row| row.state == "expired_in_use").collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.calls), &row.id));
    let owners = rows.iter().filter_map(|row| row.owner.as_deref()).collect();
    draft(lookup, "EX02", rows.len(), owners, |count| {
        let text = counted(count, "exception that expired but still carries", "exceptions that expired but still carry");
        let names = rows.iter().map(|row| row.id.as_str());
        Prose::new().text(format!("Close or renew {text} calls: ")).names(names, SHOWN_NAMES)
    })
}

/// The busiest offenders of a share of APIs, and what fixing them would make of it.
fn apis(lookup: &Lookup, row: &ScoreRow, ask: &str, apis: Vec<&ApiRow>) -> Option<Decision> {
    let apis: Vec<&ApiRow> = apis.into_iter().take(APIS_PER_DECISION).collect();
    let owners = apis.iter().filter_map(|api| lookup.api_owner(Some(&api.api))).collect();
    let fixed = row.numerator.zip(row.denominator).filter(|(_, n)| *n > 0 && lookup.has_own_apis());
    let effect = fixed.map(|(numerator, denominator)| {
        let share = (numerator + apis.len() as i64) as f64 / denominator as f64;
        format!(" (would move {} to {})", row.id, Share(share))
    });
    draft(lookup, &row.id, apis.len(), owners, |count| {
        let text = format!("{ask} {}: ", counted(count, "API", "APIs"));
        let names = apis.iter().map(|api| api.api.as_str());
        Prose::new().text(text).names(names, SHOWN_NAMES).text(effect.unwrap_or_default())
    })
}

fn ungoverned(lookup: &Lookup) -> Option<Decision> {
    let names = |test: fn(&IdentityRow) -> bool| -> Vec<&IdentityRow> {
        let mut rows: Vec<&IdentityRow> = lookup.input.entities.identities.iter().filter(|row| row.is_live && row.judged && test(row)).collect();
        rows.sort_by_key(|row| &row.identity);
        rows
    };
    let unowned = names(|row| row.is_unowned == Some(true));
    let orphaned = names(|row| row.is_orphaned == Some(true) && row.is_unowned != Some(true));
    let dormant = names(|row| row.is_dormant == Some(true));
    let asks = [
        ("name an owner for", "identity without one", "identities without one", &unowned),
        ("name a new owner for", "identity whose owner has left", "identities whose owners have left", &orphaned),
        ("disable", "dormant identity", "dormant identities", &dormant),
    ];
    let mut prose = Prose::new();
    for (ask, one, many, rows) in asks.into_iter().filter(|(.., rows)| !rows.is_empty()) {
        let ask = if prose.is_empty() { upper_first(ask) } else { format!("; {ask}") };
        let identities = rows.iter().map(|row| row.identity.as_str());
        prose = prose.text(format!("{ask} {}: ", counted(rows.len() as i64, one, many))).names(identities, SHOWN_NAMES);
        let departed: BTreeSet<&str> = rows.iter().filter_map(|row| row.owner.as_deref()).filter(|owner| lookup.has_left(owner)).collect();
        if !departed.is_empty() && one.contains("left") {
            prose = prose.text(" (of ").names(departed, SHOWN_NAMES).text(")");
        }
    }
    draft(lookup, "ID01", unowned.len() + orphaned.len() + dormant.len(), Vec::new(), |_| prose)
}

fn lasting_secrets(lookup: &Lookup) -> Option<Decision> {
    let at = lookup.judged_at_us();
    let rows: Vec<_> =
        lookup.input.entities.credentials.iter().filter(|row| row.is_short_lived == Some(false) && row.ended_at_us.is_none_or(|it| it >= at)).collect();
    let owners = rows.iter().filter_map(|row| lookup.identity_owner(row.identity.as_deref()));
    let never = rows.iter().filter(|row| row.expires_at_us.is_none()).count();
    draft(lookup, "TK02", rows.len(), owners.collect(), |count| {
        let text = counted(count, "credential that outlives its limit", "credentials that outlive their limit");
        let never = if never > 0 { format!(", {never} without any expiry") } else { String::new() };
        Prose::new().text(format!("Rotate {text}{never}"))
    })
}

fn unused_grants(lookup: &Lookup) -> Option<Decision> {
    let grants = lookup.input.entities.grants.iter();
    let rows: Vec<_> = grants.filter(|row| row.state == "unused").collect();
    let owners = rows.iter().filter_map(|row| lookup.identity_owner(Some(&row.identity)));
    let identities: BTreeSet<&str> = rows.iter().map(|row| row.identity.as_str()).collect();
    draft(lookup, "SP02", rows.len(), owners.collect(), |count| {
        Prose::new().text(format!(
            "Remove {} of {} that no call used for 90 days",
            counted(count, "grant", "grants"),
            counted(identities.len() as i64, "identity", "identities")
        ))
    })
}

fn missing_inputs(lookup: &Lookup, scorecard: &[ScoreRow]) -> Option<Decision> {
    let mut needed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in scorecard.iter().filter(|row| row.judgement == Judgement::NotMeasured) {
        if let Some(input) = row.reason.as_deref().and_then(words::missing_input) {
            needed.entry(input).or_default().push(&row.id);
        }
    }
    let first = needed.values().flatten().next()?;
    let inputs = needed.iter().map(|(input, ids)| format!("{input} (for {})", ids.join(", ")));
    let text = format!("Supply {}", inputs.collect::<Vec<_>>().join("; "));
    draft(lookup, first, needed.len(), Vec::new(), |_| Prose::new().text(text))
}

/// Any other measure that got worse, with the fix of its definition.
fn others(lookup: &Lookup, scorecard: &[ScoreRow]) -> Vec<Decision> {
    const COVERED: [&str; 8] = ["SC01", "SP01", "ID01", "TK02", "SP02", "RV01", "RV03", "EX02"];
    let is_open = |row: &&ScoreRow| row.trend == Trend::Regressing && !COVERED.contains(&&*row.id);
    let draft = |row: &ScoreRow| {
        let definition = lookup.input.definitions.iter().find(|it| it.id == row.id)?;
        let fix = Prose::from_definition(definition.fix.trim().trim_end_matches('.'));
        (!fix.is_empty()).then(|| Decision {
            metric_id: row.id.clone(),
            text: Prose::new().text(format!("{} got worse: ", row.title)).then(fix),
            owners: Vec::new(),
        })
    };
    scorecard.iter().filter(is_open).filter_map(draft).collect()
}

/// Nothing to decide, no draft. Owners are listed once, by name; of those who have left nothing can be asked, so they are named
/// apart.
fn draft(lookup: &Lookup, metric_id: &str, count: usize, owners: Vec<&str>, text: impl FnOnce(i64) -> Prose) -> Option<Decision> {
    let owners: BTreeSet<&str> = owners.into_iter().collect();
    let (departed, present): (Vec<&str>, Vec<&str>) = owners.into_iter().partition(|owner| lookup.has_left(owner));
    (count > 0).then(|| {
        let text = text(count as i64);
        let text = match departed.len() {
            0 => text,
            1 => text.text(". An owner has left: ").names(departed, SHOWN_NAMES),
            _ => text.text(". Owners have left: ").names(departed, SHOWN_NAMES),
        };
        Decision { metric_id: metric_id.to_owned(), text, owners: present.into_iter().map(str::to_owned).collect() }
    })
}
