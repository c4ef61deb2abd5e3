//! What the evidence leaves open: what could not be seen, and what people should be asked.

use super::arrange::{rows_of, span};
use super::{Facts, Subject, flag};
use crate::period::format_instant;
use crate::record::time::MICROS_PER_DAY;
use crate::summary::report::prose::{Cell, Prose};
use crate::units::{Share, counted};
use std::collections::BTreeMap;

/// Limits of the evidence, each said only where it applies.
pub fn unseen(subject: &Subject, facts: &Facts) -> Vec<Prose> {
    let seed = &subject.seed;
    let mut unseen = Vec::new();
    let mut say = |prose: Prose| unseen.push(prose);
    if seed.is_upper_bound() {
        say(Prose::new().text("The credential is not known. All calls of the identity are counted: an upper bound of what was done with it."));
    } else if seed.credential.is_none() && !seed.is_whole_identity {
        say(Prose::new().text("Neither credential nor identity is known: no call can be told to be its. The blast radius is not known; it is not empty."));
    }
    if seed.is_case && seed.exposed_us.is_none() {
        say(Prose::new().text(
            "No record says since when the credential was known to others. The blast radius begins at detection; what was done before it is not counted.",
        ));
    }
    if seed.from_us.is_none() {
        say(Prose::new().text("No exposure or detection is on record: every call that is known counts."));
    }
    if seed.revoked_by.as_deref() == Some("ticket") {
        say(Prose::new().text("No event of the identity provider shows the revocation: its instant is the ticket's word."));
    }
    if seed.revoked_us.is_some() && seed.accepted_after == 0 && seed.rejected_after == 0 && seed.credential.is_some() && seed.is_case {
        say(Prose::new().text("No call with the credential came after its revocation, so that nothing shows whether it would be refused."));
    }
    for prose in shares_unknown(subject, facts).into_iter().chain(nameless_calls(subject, facts)).chain(gaps(subject, facts)) {
        say(prose);
    }
    say(Prose::new().text("Which tokens came from one authorization: the frames hold no id of it. Siblings are the credentials of the same identity."));
    say(Prose::new().text("What a call read or changed, and calls that no gateway in the inputs logged."));
    unseen
}

/// Shares of the exposed calls whose address or scopes the log does not tell.
fn shares_unknown(subject: &Subject, facts: &Facts) -> Vec<Prose> {
    let (mut calls, mut with_address, mut with_scopes) = (0, 0, 0);
    for (rows, row) in rows_of(facts, "phases", &subject.seed).filter(|(rows, row)| rows.text("phase", *row) == Some("exposed")) {
        calls += rows.int("calls", row).unwrap_or(0);
        with_address += rows.int("with_address", row).unwrap_or(0);
        with_scopes += rows.int("with_scopes", row).unwrap_or(0);
    }
    let missing = |with: i64, words: &str| {
        let share = Share((calls - with) as f64 / calls.max(1) as f64);
        (calls > with).then(|| Prose::new().text(format!("{words} of {share} of the calls between exposure and enforcement.")))
    };
    [missing(with_address, "The client address"), missing(with_scopes, "The scopes")].into_iter().flatten().collect()
}

/// Calls of the identity that name no credential: they may be the credential's.
fn nameless_calls(subject: &Subject, facts: &Facts) -> Option<Prose> {
    let rows = rows_of(facts, "neighbours", &subject.seed).filter(|(rows, row)| rows.int("is_named", *row) == Some(0));
    let calls: i64 = rows.filter_map(|(rows, row)| rows.int("calls_exposed", row)).sum();
    let words = counted(calls, "call", "calls");
    (calls > 0).then(|| {
        Prose::new()
            .text(format!("With which credential {words} of the identity between exposure and enforcement came: the log names none. They are not counted."))
    })
}

/// Files with rejects, and pauses of a log, on days of the window.
fn gaps(subject: &Subject, facts: &Facts) -> Vec<Prose> {
    let seed = &subject.seed;
    let Some(coverage) = facts.get("coverage") else { return Vec::new() };
    let first_day = seed.from_us.map_or(i64::MIN, |from| from.div_euclid(MICROS_PER_DAY));
    let last_day = seed.until_us.div_euclid(MICROS_PER_DAY);
    let (mut rejects, mut pauses): (BTreeMap<&str, i64>, BTreeMap<&str, i64>) = Default::default();
    for row in 0..coverage.rows() {
        let (Some(day), Some(source)) = (coverage.int("day", row), coverage.text("source", row)) else { continue };
        let (gap, n_rejects) = (coverage.int("gaps", row).unwrap_or(0), coverage.int("rejects", row).unwrap_or(0));
        if day >= first_day && day <= last_day && n_rejects > 0 {
            *rejects.entry(coverage.text("file", row).unwrap_or("?")).or_default() += n_rejects;
        }
        let missing = day.min(last_day + 1) - (day - gap).max(first_day);
        // Only logs of calls and events tell whose they are; trackers and inventories pause without meaning.
        let is_log = coverage.double("share_identity", row).is_some();
        if is_log && gap > 0 && missing > 0 {
            let place = pauses.entry(source).or_default();
            *place = (*place).max(missing);
        }
    }
    let rejected = rejects.into_iter().map(|(file, n)| {
        Prose::new().text(format!("{} of ", counted(n, "rejected record", "rejected records"))).code(file).text(" on days between exposure and enforcement.")
    });
    let paused = pauses.into_iter().map(|(source, n)| {
        Prose::new()
            .text("What ")
            .code(source)
            .text(format!(" would have logged on days without a record: up to {} in a row between exposure and enforcement.", counted(n, "day", "days")))
    });
    rejected.chain(paused).collect()
}

/// Questions that the evidence raises.
pub fn questions(subject: &Subject, facts: &Facts, as_of_us: i64) -> Vec<Prose> {
    let mut questions = about_clocks(subject, as_of_us);
    questions.extend(about_use(subject, facts));
    questions.extend(about_rights(subject, facts));
    questions
}

fn about_clocks(subject: &Subject, as_of_us: i64) -> Vec<Prose> {
    let seed = &subject.seed;
    let mut questions = Vec::new();
    let mut ask = |text: String| questions.push(Prose::new().text(text));
    if seed.is_false_positive {
        ask("The ticket calls this a false positive: on what evidence?".into());
    }
    if seed.is_case && seed.exposed_us.is_none() {
        ask("When did the credential become known to others, and how?".into());
    }
    if let Some((exposed, detected)) = seed.exposed_us.zip(seed.detected_us).filter(|(exposed, detected)| detected > exposed) {
        ask(format!("It took {} from exposure to detection: what would have shown it earlier?", span(exposed, detected)));
    }
    match (seed.detected_us, seed.revoked_us) {
        (Some(detected), Some(revoked)) if revoked < detected => {
            ask(format!("The revocation lies {} before detection: which of the two is right?", span(revoked, detected)))
        }
        (Some(detected), Some(revoked)) => ask(format!("It took {} from detection to revocation: what took the time?", span(detected, revoked))),
        (Some(detected), None) => ask(format!("It has been open for {}: who revokes it, and when?", span(detected, as_of_us))),
        _ => {}
    }
    if seed.contained_us.is_some() && seed.revoked_us.is_none() {
        ask("It is contained but not revoked: what keeps the containment from being undone?".into());
    }
    match seed.proof_grade.as_deref() {
        Some("wrong_credential") => ask("Another credential of the identity was revoked, and this one was not: was the wrong one chosen?".into()),
        Some("still_accepted") => ask("Calls were accepted after the revocation: which gateway caches what, and for how long?".into()),
        Some("silent") => ask("Has anyone tried the credential since, to see it refused?".into()),
        Some("not_observable") => ask("Which credential was it? With its reference in the ticket, the calls can be told.".into()),
        _ => {}
    }
    questions
}

fn about_use(subject: &Subject, facts: &Facts) -> Vec<Prose> {
    let mut questions = Vec::new();
    let seed = &subject.seed;
    let new: Vec<&str> = rows_of(facts, "addresses", seed)
        .filter(|(rows, row)| rows.int("before", *row) == Some(0))
        .filter_map(|(rows, row)| rows.text("client_address", row))
        .collect();
    if seed.from_us.is_some() && !new.is_empty() {
        questions.push(Prose::new().text("Whose are the client addresses not seen before: ").names(new, 5).text("?"));
    }
    let reached: Vec<&str> =
        rows_of(facts, "apis", seed).filter(|(rows, row)| rows.int("accepted", *row) > Some(0)).filter_map(|(rows, row)| rows.text("api", row)).collect();
    if !reached.is_empty() && seed.from_us.is_some() {
        questions.push(Prose::new().text("What was read or changed at ").names(reached, 5).text(", and was it the owner?"));
    }
    let broad: Vec<&str> = rows_of(facts, "scopes", seed)
        .filter(|(rows, row)| flag(rows, "is_broad", *row) == Some(true))
        .filter_map(|(rows, row)| rows.text("scope", row))
        .collect();
    if !broad.is_empty() {
        questions.push(Prose::new().text("Why did it carry ").names(broad, 5).text("?"));
    }
    if subject.violations.rows.iter().any(|row| row[0] == Cell::Words("observed".into())) {
        questions.push(Prose::new().text("A rule saw the violations and let them through: when will it block?"));
    }
    questions
}

fn about_rights(subject: &Subject, facts: &Facts) -> Vec<Prose> {
    let mut questions = Vec::new();
    let seed = &subject.seed;
    let own = rows_of(facts, "credentials", seed).find(|(rows, row)| rows.int("is_own", *row) == Some(1));
    if let Some((rows, row)) = own.filter(|(rows, row)| rows.int("expires_at", *row).is_none()) {
        let since = rows.int("issued_at", row).map_or_else(String::new, |at| format!(", issued {},", format_instant(at)));
        questions.push(Prose::new().text(format!("No end of the credential{since} is known: could one that expires do the same?")));
    }
    let live = rows_of(facts, "credentials", seed).filter(|(rows, row)| rows.int("is_own", *row) == Some(0) && rows.int("ended_at", *row).is_none()).count();
    if live > 0 && !seed.is_whole_identity {
        let words = counted(live as i64, "other credential of the identity is", "other credentials of the identity are");
        questions.push(Prose::new().text(format!("{words} still live: could whoever had this one have had them too?")));
    }
    let unused: Vec<&str> = rows_of(facts, "grants", seed)
        .filter(|(rows, row)| rows.text("state", *row) == Some("unused"))
        .filter_map(|(rows, row)| rows.text("scope", row))
        .collect();
    if !unused.is_empty() {
        questions.push(Prose::new().text("Nobody used ").names(unused, 5).text(": can the grant go?"));
    }
    match (seed.identity.as_deref(), rows_of(facts, "identities", seed).next()) {
        (None, _) => questions.push(Prose::new().text("Whose credential was it? No log names an identity with it.")),
        (Some(_), Some((rows, row))) if rows.text("owner", row).is_none() => {
            questions.push(Prose::new().text("Who owns the identity? No inventory or event says so."))
        }
        (Some(_), Some((rows, row))) if flag(rows, "is_orphaned", row) == Some(true) => {
            questions.push(Prose::new().text("The owner of the identity has left: who takes it over?"))
        }
        _ => {}
    }
    questions
}
