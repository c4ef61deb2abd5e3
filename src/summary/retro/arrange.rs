//! Rows of queries/retro -> subjects with clocks, timeline, blast radius, siblings and proof. Sorts and words; counts nothing.

use super::{Clock, Facts, Happening, Seed, Subject, flag, inquiry, place};
use crate::frame::table::Table;
use crate::period::format_instant;
use crate::summary::report::prose::{self, Cell, Prose};
use crate::units::{DurationSeconds, counted};

/// Rows shown of a list; the run's Parquet files hold all.
const SHOWN: usize = 25;

/// Actions that make a clock of a credential.
const CLOCK_ACTIONS: [(&str, &str); 7] = [
    ("credential_issued", "issued"),
    ("token_issued", "issued"),
    ("token_refreshed", "issued"),
    ("credential_exposed", "exposed"),
    ("credential_contained", "contained"),
    ("credential_revoked", "revoked"),
    ("token_revoked", "revoked"),
];

/// One subject from its seed.
pub fn subject(seed: &Seed, facts: &Facts, as_of_us: i64) -> Subject {
    let timeline = timeline(seed, facts);
    let clocks = clocks(seed, facts, &timeline);
    let mut subject = Subject {
        in_short: in_short(seed, facts, as_of_us),
        about: about(seed, facts),
        calls: calls(seed, facts),
        apis: apis(seed, facts),
        scopes: scopes(seed, facts),
        addresses: addresses(seed, facts),
        violations: violations(seed, facts),
        siblings: siblings(seed, facts),
        grants: grants(seed, facts),
        proof: proof(seed),
        proof_records: proof_records(seed, facts),
        seed: seed.clone(),
        clocks,
        timeline,
        unseen: Vec::new(),
        questions: Vec::new(),
    };
    subject.unseen = inquiry::unseen(&subject, facts);
    subject.questions = inquiry::questions(&subject, facts, as_of_us);
    subject
}

/// Rows of a fact that belong to a subject.
pub(super) fn rows_of<'f>(facts: &'f Facts, name: &str, seed: &Seed) -> impl Iterator<Item = (&'f Table, usize)> {
    let number = seed.subject;
    facts
        .get(name)
        .into_iter()
        .flat_map(move |table| (0..table.rows()).filter(move |row| table.int("subject", *row) == Some(number)).map(move |row| (table, row)))
}

/// How long it took, what held afterwards, and how far it reached.
fn in_short(seed: &Seed, facts: &Facts, as_of_us: i64) -> Prose {
    if !seed.is_case {
        return Prose::new();
    }
    let since = |at: i64| seed.detected_us.map(|detected| span(detected, at));
    let mut short = match seed.revoked_us {
        Some(revoked) => Prose::new().strong(since(revoked).map_or("Revoked".to_string(), |delay| format!("Revoked {delay} after detection"))),
        None => Prose::new().strong(since(as_of_us).map_or("Not revoked".to_string(), |age| format!("Not revoked {age} after detection"))),
    };
    if let (Some(revoked), Some(enforced)) = (seed.revoked_us, seed.enforced_us)
        && seed.accepted_after > 0
    {
        let calls = counted(seed.accepted_after, "call was", "calls were");
        short = short.text(format!("; {calls} accepted after that, for another {}", span(revoked, enforced)));
    } else if seed.rejected_after > 0 {
        short = short.text(format!("; {} refused after that", counted(seed.rejected_after, "call was", "calls were")));
    } else if seed.revoked_us.is_some() && seed.credential.is_some() {
        short = short.text("; no call with it was seen after that");
    }
    let rows = |name: &'static str| rows_of(facts, name, seed);
    let accepted: i64 = rows("apis").filter_map(|(rows, row)| rows.int("accepted", row)).sum();
    let apis = rows("apis").filter(|(rows, row)| rows.int("accepted", *row).unwrap_or(0) > 0).count() as i64;
    let new = rows("addresses").filter(|(rows, row)| rows.int("before", *row) == Some(0)).count() as i64;
    let start = if seed.exposed_us.is_some() { "exposure" } else { "detection" };
    let end = if seed.enforced_us.is_some() { "enforcement" } else { "the instant of judgement" };
    let whose = if seed.is_upper_bound() { " of its identity" } else { "" };
    let calls = counted(accepted, "accepted call", "accepted calls");
    let reach = match accepted {
        0 => format!(". No accepted call{whose} is known from {start} to {end}."),
        _ => format!(
            ". From {start} to {end}: {calls}{whose} at {}, {}.",
            counted(apis, "API", "APIs"),
            counted(new, "client address not seen before", "client addresses not seen before")
        ),
    };
    short.text(reach)
}

fn about(seed: &Seed, facts: &Facts) -> Vec<(&'static str, Prose)> {
    let mut about = Vec::new();
    let mut name = |title, text: Option<&str>| {
        if let Some(text) = text {
            about.push((title, Prose::new().code(text)));
        }
    };
    name("Ticket", seed.ticket.as_deref());
    name("Tracker", seed.tracker.as_deref());
    name("Severity", seed.severity.as_deref());
    name("Credential", seed.credential.as_deref());
    name("Identity", seed.identity.as_deref());
    for (table, row) in rows_of(facts, "credentials", seed).filter(|(table, row)| table.int("is_own", *row) == Some(1)) {
        name("Kind of credential", table.text("kind", row));
    }
    for (table, row) in rows_of(facts, "identities", seed) {
        name("Kind of identity", table.text("kind", row));
        name("Owner", table.text("owner", row));
        name("State of the owner", table.text("owner_status", row));
    }
    if let Some((table, row)) = rows_of(facts, "tickets", seed).next() {
        name("Status of the ticket", table.text("status", row));
        name("Resolution", table.text("resolution", row));
        name("Assignee", table.text("assignee", row));
    }
    about
}

/// Everything that happened, in order: identity events, the ticket's claims, and the calls that mark a change.
fn timeline(seed: &Seed, facts: &Facts) -> Vec<Happening> {
    let mut timeline: Vec<Happening> = rows_of(facts, "events", seed).filter_map(|(table, row)| event(table, row)).collect();
    timeline.extend(rows_of(facts, "tickets", seed).flat_map(|(table, row)| claims(table, row)));
    timeline.extend(rows_of(facts, "milestones", seed).filter_map(|(table, row)| milestone(seed, table, row)));
    let key = |row: &Happening| (row.at_us, row.file.clone(), row.record, row.kind.clone(), row.credential.clone());
    timeline.sort_by_key(key);
    timeline.dedup();
    timeline
}

fn event(table: &Table, row: usize) -> Option<Happening> {
    let action = table.text("action", row)?;
    let outcome = table.text("outcome", row).unwrap_or("unknown");
    let is_own = table.text("about", row) == Some("credential");
    let clock = CLOCK_ACTIONS.iter().find(|(name, _)| is_own && outcome == "success" && *name == action).map(|(_, clock)| *clock);
    let mut what = Prose::new().code(table.text("event_type", row).unwrap_or(action));
    if outcome != "success" {
        what = what.text(format!(", outcome {outcome}"));
    }
    if let Some(actor) = table.text("actor", row) {
        what = what.text(", by ").code(actor);
    }
    if flag(table, "is_automatic", row) == Some(true) {
        what = what.text(", automatic");
    }
    if let Some(sibling) = table.text("credential", row).filter(|_| table.text("about", row) == Some("sibling")) {
        what = what.text(", of ").code(sibling);
    }
    if let Some(owner) = table.text("owner", row) {
        what = what.text(", owner ").code(owner);
    }
    Some(Happening {
        at_us: table.int("event_us", row)?,
        kind: clock.unwrap_or(action).to_string(),
        basis: "idp",
        what,
        credential: table.text("credential", row).map(str::to_string),
        file: table.text("file", row).map(str::to_string),
        record: table.int("record", row),
    })
}

/// The instants that a ticket claims.
fn claims(table: &Table, row: usize) -> Vec<Happening> {
    const CLAIMS: [(&str, &str, &str); 6] = [
        ("exposed", "exposed_us", "exposed to others"),
        ("detected", "detected_us", "noticed"),
        ("reported", "reported_us", "ticket created"),
        ("contained", "contained_us", "contained"),
        ("revoked", "revoked_us", "revoked"),
        ("closed", "closed_us", "ticket closed"),
    ];
    let claim = |(kind, column, words): &(&str, &str, &str)| {
        Some(Happening {
            at_us: table.int(column, row)?,
            kind: kind.to_string(),
            basis: "ticket",
            what: Prose::new().text(format!("{words}, as ticket ")).code(table.text("ticket", row).unwrap_or("?")).text(" says"),
            credential: None,
            file: table.text("file", row).map(str::to_string),
            record: table.int("record", row),
        })
    };
    CLAIMS.iter().filter_map(claim).collect()
}

fn milestone(seed: &Seed, table: &Table, row: usize) -> Option<Happening> {
    // Calls of an identity whose credential is not known are nobody's milestones.
    if table.int("place", row) != Some(1) || seed.is_upper_bound() {
        return None;
    }
    let kind = match table.text("kind", row)? {
        "first_seen" => "first_seen",
        "first_accepted" if seed.from_us.is_some() => "first_accepted_after_exposure",
        "last_accepted" => "last_accepted",
        "accepted_after" => "first_accepted_after_revocation",
        "rejected_after" => "first_rejected",
        _ => return None,
    };
    Some(Happening {
        at_us: table.int("event_us", row)?,
        kind: kind.to_string(),
        basis: "gateway",
        what: call(table, row),
        credential: seed.credential.clone(),
        file: table.text("file", row).map(str::to_string),
        record: table.int("record", row),
    })
}

/// `GET /orders` at `orders-api`: allowed, status 200, from `10.1.2.3`.
fn call(table: &Table, row: usize) -> Prose {
    let operation = [table.text("method", row), table.text("route", row)].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let mut what = Prose::new().code(if operation.is_empty() { "call" } else { &operation });
    if let Some(api) = table.text("api", row) {
        what = what.text(" at ").code(api);
    }
    what = what.text(format!(": {}", table.text("decision", row).unwrap_or("unknown")));
    if let Some(violation) = table.text("violation", row) {
        what = what.text(format!(" ({violation})"));
    }
    if let Some(status) = table.int("status", row) {
        what = what.text(format!(", status {status}"));
    }
    if let Some(address) = table.text("client_address", row) {
        what = what.text(", from ").code(address);
    }
    what
}

/// The clocks of the case, with what each rests on.
fn clocks(seed: &Seed, facts: &Facts, timeline: &[Happening]) -> Vec<Clock> {
    let found = |kinds: &[&str], at_us: Option<i64>| -> Vec<&Happening> {
        timeline.iter().filter(|row| Some(row.at_us) == at_us && kinds.contains(&row.kind.as_str())).collect()
    };
    let first = |kind: &str| timeline.iter().find(|row| row.kind == kind);
    let own = rows_of(facts, "credentials", seed).find(|(table, row)| table.int("is_own", *row) == Some(1));
    let stated = own.and_then(|(table, row)| table.int("issued_at", row));
    let issued = first("issued").map(|row| row.at_us).or(stated);
    let mut clocks = Vec::new();
    let mut clock = |name: &'static str, at_us: Option<i64>, kinds: &[&str], otherwise: &str| {
        let rows = found(kinds, at_us);
        let basis = match (at_us, rows.first()) {
            (None, _) => Prose::new().text("not known"),
            (Some(_), None) => Prose::new().text(otherwise),
            (Some(_), Some(row)) => Prose::new().text(basis_words(row.basis)),
        };
        let mut records: Vec<String> = rows.iter().filter_map(|row| row.place()).collect();
        records.dedup();
        clocks.push(Clock { name, at_us, basis, records });
    };
    if !seed.is_whole_identity {
        clock("issued", issued, &["issued"], "the token that its calls carry");
    }
    let first_seen = first("first_seen").map(|row| row.at_us);
    clock("first seen", first_seen, &["first_seen"], "");
    if seed.is_case {
        clock("exposed", seed.exposed_us, &["exposed"], "the ticket");
        clock("detected", seed.detected_us, &["detected", "reported", "exposed"], "the ticket");
        clock("reported", seed.reported_us, &["reported"], "the ticket");
        clock("contained", seed.contained_us, &["contained", "identity_disabled"], "the ticket");
    }
    clock("last accepted", first("last_accepted").map(|row| row.at_us), &["last_accepted"], "");
    if seed.is_whole_identity {
        return clocks;
    }
    clock("revoked", seed.revoked_us, &["revoked", "identity_deleted"], "how the credential ended");
    clock("first rejected", first("first_rejected").map(|row| row.at_us), &["first_rejected"], "");
    clock("enforced", seed.enforced_us, &["last_accepted", "revoked", "identity_deleted"], "the later of revoked and last accepted");
    clocks
}

fn basis_words(basis: &str) -> &'static str {
    match basis {
        "idp" => "an event of the identity provider",
        "ticket" => "the ticket's word",
        _ => "a call in the gateway's log",
    }
}

fn calls(seed: &Seed, facts: &Facts) -> prose::Table {
    let mut table = prose::Table::new(&["When", "Decision", "Calls#", "First", "Last"], None);
    for phase in ["before", "exposed", "after"] {
        for (rows, row) in rows_of(facts, "phases", seed).filter(|(rows, row)| rows.text("phase", *row) == Some(phase)) {
            table.push_up_to(usize::MAX, || {
                vec![
                    Cell::Words(phase_words(phase, seed).into()),
                    word(rows, "decision", row),
                    Cell::count(rows.int("calls", row)),
                    instant(rows, "first_us", row),
                    instant(rows, "last_us", row),
                ]
            });
        }
    }
    table
}

fn phase_words(phase: &str, seed: &Seed) -> &'static str {
    match (phase, seed.from_us, seed.exposed_us) {
        ("before", _, Some(_)) => "before exposure",
        ("before", _, None) => "before detection",
        ("after", _, _) => "after enforcement",
        (_, None, _) => "all that is known",
        _ => "between exposure and enforcement",
    }
}

fn apis(seed: &Seed, facts: &Facts) -> prose::Table {
    let mut table = prose::Table::new(&["API", "Accepted#", "Blocked#", "Other#", "First", "Last"], None);
    let mut rows: Vec<(&Table, usize)> = rows_of(facts, "apis", seed).collect();
    rows.sort_by_key(|(rows, row)| std::cmp::Reverse(rows.int("accepted", *row)));
    for (rows, row) in rows {
        table.push_up_to(SHOWN, || {
            vec![
                data(rows, "api", row),
                count(rows, "accepted", row),
                count(rows, "blocked", row),
                count(rows, "other", row),
                instant(rows, "first_us", row),
                instant(rows, "last_us", row),
            ]
        });
    }
    table
}

fn scopes(seed: &Seed, facts: &Facts) -> prose::Table {
    let mut table = prose::Table::new(&["Scope", "Broad", "Calls that carried it#", "Calls that needed it#", "Need not known#"], None);
    for (rows, row) in rows_of(facts, "scopes", seed) {
        table.push_up_to(SHOWN, || {
            vec![
                data(rows, "scope", row),
                yes(flag(rows, "is_broad", row)),
                count(rows, "calls", row),
                count(rows, "needed", row),
                count(rows, "not_known", row),
            ]
        });
    }
    table
}

fn addresses(seed: &Seed, facts: &Facts) -> prose::Table {
    let mut table = prose::Table::new(&["Client address", "New", "Accepted#", "Calls#", "Calls before#", "First", "Last"], None);
    for (rows, row) in rows_of(facts, "addresses", seed) {
        let is_new = rows.int("before", row) == Some(0) && seed.from_us.is_some();
        table.push_up_to(SHOWN, || {
            vec![
                data(rows, "client_address", row),
                yes(Some(is_new)),
                count(rows, "accepted", row),
                count(rows, "calls", row),
                count(rows, "before", row),
                instant(rows, "first_us", row),
                instant(rows, "last_us", row),
            ]
        });
    }
    table
}

fn violations(seed: &Seed, facts: &Facts) -> prose::Table {
    let mut table = prose::Table::new(&["Decision", "Violation", "When", "API", "Calls#", "First", "Last"], None);
    for (rows, row) in rows_of(facts, "violations", seed) {
        let phase = phase_words(rows.text("phase", row).unwrap_or(""), seed);
        table.push_up_to(SHOWN, || {
            vec![
                word(rows, "decision", row),
                data(rows, "reason", row),
                Cell::Words(phase.into()),
                data(rows, "api", row),
                count(rows, "calls", row),
                instant(rows, "first_us", row),
                instant(rows, "last_us", row),
            ]
        });
    }
    table
}

/// Other credentials of the identity that were or could be in use since exposure: the living first, then the latest used.
fn siblings(seed: &Seed, facts: &Facts) -> prose::Table {
    let concerns = |rows: &Table, row: usize| {
        let ended = rows.int("ended_at", row);
        let is_over = ended.or(rows.int("expires_at", row)).is_some_and(|end| seed.from_us.is_some_and(|from| end <= from));
        let is_later = ended.is_some() && rows.int("issued_at", row).is_some_and(|issued| issued > seed.until_us);
        rows.int("is_own", row) == Some(0) && !is_over && !is_later
    };
    let mut rows: Vec<(&Table, usize)> = rows_of(facts, "credentials", seed).filter(|(rows, row)| concerns(rows, *row)).collect();
    rows.sort_by_key(|(rows, row)| {
        (rows.int("ended_at", *row).is_some(), std::cmp::Reverse(rows.int("last_used", *row).or(rows.int("issued_at", *row))), *row)
    });
    let mut table = prose::Table::new(&["Credential", "Kind", "State", "Issued", "Ends", "Last used"], None);
    for (rows, row) in rows {
        table.push_up_to(SHOWN, || {
            vec![
                data(rows, "credential", row),
                data(rows, "kind", row),
                Cell::Words(state(rows, row)),
                instant(rows, "issued_at", row),
                ends(rows, row),
                instant(rows, "last_used", row),
            ]
        });
    }
    table
}

fn state(rows: &Table, row: usize) -> String {
    match (rows.text("ended_by", row), rows.int("ended_at", row), rows.int("expires_at", row)) {
        (Some(by), _, _) => format!("ended by {}", by.replace('_', ", ")),
        (None, Some(_), _) => "ended".into(),
        (None, None, Some(_)) => "live".into(),
        (None, None, None) => "live, no end known".into(),
    }
}

fn ends(rows: &Table, row: usize) -> Cell {
    rows.int("ended_at", row).or(rows.int("expires_at", row)).map_or(Cell::Missing, |at| Cell::Words(format_instant(at)))
}

fn grants(seed: &Seed, facts: &Facts) -> prose::Table {
    let mut table = prose::Table::new(&["Scope", "API", "State", "Broad", "Granted", "Last used", "Calls#"], None);
    for (rows, row) in rows_of(facts, "grants", seed) {
        table.push_up_to(SHOWN, || {
            vec![
                data(rows, "scope", row),
                data(rows, "api", row),
                Cell::Words(rows.text("state", row).unwrap_or("").replace('_', " ")),
                yes(flag(rows, "is_broad", row)),
                instant(rows, "granted_at", row),
                instant(rows, "last_used", row),
                count(rows, "calls", row),
            ]
        });
    }
    table
}

/// What the grade means for this case.
fn proof(seed: &Seed) -> Prose {
    let grade = match (&seed.proof_grade, seed.is_case) {
        (Some(grade), _) => grade.as_str(),
        (None, _) if seed.is_whole_identity => return Prose::new().text("Cases are graded one by one; those of the identity follow."),
        (None, _) => return Prose::new().text("No case is on record, so none is graded."),
    };
    let words = match grade {
        "not_observable" => "no credential is known, so that no call can be told to be its.".to_string(),
        "open" => "not revoked.".into(),
        "contained_only" => "contained, but not revoked.".into(),
        "wrong_credential" => format!(
            "{} accepted after the claimed revocation, the identity provider revoked another credential of the identity and never this one.",
            counted(seed.accepted_after, "call was", "calls were")
        ),
        "still_accepted" => format!("{} accepted after the revocation.", counted(seed.accepted_after, "call was", "calls were")),
        "rejected" => format!(
            "{} rejected after the revocation, and none was accepted: the revocation is proven.",
            counted(seed.rejected_after, "call was", "calls were")
        ),
        "silent" => "no call was seen after the revocation: nothing shows that it works, or that it does not.".into(),
        _ => String::new(),
    };
    Prose::new().strong(grade.replace('_', " ")).text(": ").text(words)
}

fn proof_records(seed: &Seed, facts: &Facts) -> prose::Table {
    let mut table = prose::Table::new(&["What", "At", "After revocation#", "Call", "Record"], None);
    for kind in ["accepted_after", "rejected_after"].iter().filter(|_| !seed.is_upper_bound()) {
        for (rows, row) in rows_of(facts, "milestones", seed).filter(|(rows, row)| rows.text("kind", *row) == Some(*kind)) {
            let words = if *kind == "accepted_after" { "accepted" } else { "rejected" };
            let delay = rows.int("event_us", row).zip(seed.revoked_us).map(|(at, revoked)| (at - revoked) as f64 / 1e6);
            table.push_up_to(usize::MAX, || {
                vec![Cell::Words(words.into()), instant(rows, "event_us", row), Cell::seconds(delay), Cell::Data(call(rows, row).plain()), record(rows, row)]
            });
        }
    }
    table
}

fn record(rows: &Table, row: usize) -> Cell {
    rows.text("file", row).zip(rows.int("record", row)).map_or(Cell::Missing, |(file, number)| Cell::Data(place(file, number)))
}

fn data(rows: &Table, name: &str, row: usize) -> Cell {
    rows.text(name, row).map_or(Cell::Missing, |text| Cell::Data(text.to_string()))
}

fn word(rows: &Table, name: &str, row: usize) -> Cell {
    Cell::Words(rows.text(name, row).unwrap_or("unknown").to_string())
}

fn count(rows: &Table, name: &str, row: usize) -> Cell {
    Cell::count(rows.int(name, row))
}

fn instant(rows: &Table, name: &str, row: usize) -> Cell {
    rows.int(name, row).map_or(Cell::Missing, |at| Cell::Words(format_instant(at)))
}

fn yes(flag: Option<bool>) -> Cell {
    match flag {
        Some(true) => Cell::Words("yes".into()),
        Some(false) => Cell::Words("no".into()),
        None => Cell::Missing,
    }
}

/// A span between two instants.
pub(super) fn span(from_us: i64, to_us: i64) -> String {
    DurationSeconds((to_us - from_us) as f64 / 1e6).to_string()
}
