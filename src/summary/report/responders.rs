//! For responders: what is still accepted, what is open, how cases were matched. And the register
//! of exceptions.

use std::collections::BTreeMap;

use super::input::{CredentialRow, RevocationRow};
use super::lookup::Lookup;
use super::offenders::{self, case, case_key, cases, owner};
use super::prose::{Cell, Prose, Table};
use super::{Exceptions, MAX_TABLE_ROWS, Responders, words};
use crate::units::{Count, Share, counted};

pub fn responders(lookup: &Lookup) -> Responders {
    let still_accepted = offenders::still_accepted(lookup);
    let open = open_cases(lookup);
    Responders {
        summary: summary(&still_accepted, &open),
        matching: matching(&cases(lookup).collect::<Vec<_>>()),
        cases: matched_cases(lookup),
        n_late_credentials: lookup.input.entities.late_calls.len() as i64,
        still_accepted,
        open,
    }
}

fn summary(still_accepted: &Table, open: &Table) -> Prose {
    let accepted = match still_accepted.total {
        0 => "No call was accepted after its credential's revocation.".to_owned(),
        n => format!("{} accepted after revocation.", counted(n, "case has a credential that was", "cases have a credential that was")),
    };
    let open = match open.total {
        0 => " No case is open.".to_owned(),
        n => format!(" {} open.", counted(n, "case is", "cases are")),
    };
    Prose::new().strong(accepted).text(open)
}

/// Open at `as_of`, whichever period they were detected in; oldest first.
fn open_cases(lookup: &Lookup) -> Table {
    let titles = ["Case", "Credential", "Owner", "Severity", "Detected", "Open for#", "Contained", "Calls since exposure#"];
    let mut table = Table::new(&titles, Some("revocations.parquet"));
    let mut rows: Vec<&RevocationRow> = cases(lookup).filter(|row| row.is_open).collect();
    rows.sort_by_key(|row| case_key(row));
    for row in rows {
        let contained = row.contained_at_us.map_or(Cell::Words("no".into()), Cell::Minute);
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                case(row),
                Cell::data(row.credential.as_ref()),
                owner(lookup.identity_owner(row.identity.as_deref())),
                Cell::data(row.severity.as_ref()),
                Cell::minute(row.detected_at_us),
                Cell::seconds(words::elapsed(row.detected_at_us, Some(lookup.input.as_of_us))),
                contained,
                Cell::count(row.calls_after_exposure),
            ]
        });
    }
    table
}

/// Each case with where its credential was found again, latest first.
fn matched_cases(lookup: &Lookup) -> Table {
    let titles = ["Case", "Credential", "Detected", "Found in", "Revoked by", "Proof"];
    let mut table = Table::new(&titles, Some("revocations.parquet"));
    let known: BTreeMap<&str, &CredentialRow> = lookup.input.entities.credentials.iter().map(|row| (row.credential.as_str(), row)).collect();
    let mut rows: Vec<&RevocationRow> = cases(lookup).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.detected_at_us));
    for row in rows {
        let found = found_in(row, row.credential.as_deref().and_then(|it| known.get(it).copied()));
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                case(row),
                Cell::data(row.credential.as_ref()),
                Cell::minute(row.detected_at_us),
                Cell::Words(found.into()),
                row.revoked_by.as_deref().map_or(Cell::Missing, |it| Cell::Words(it.into())),
                row.proof_grade.as_deref().map_or(Cell::Missing, |it| Cell::Words(it.replace('_', " "))),
            ]
        });
    }
    table
}

/// How a case was matched by its credential's normalised reference, or why it could not be.
fn found_in(row: &RevocationRow, credential: Option<&CredentialRow>) -> &'static str {
    if row.credential.is_none() {
        return "not matched: the ticket names no credential";
    }
    let in_events = row.ticket.is_none()
        || row.revoked_by.as_deref() == Some("idp")
        || credential.is_some_and(|it| it.kind.is_some() || it.issued_at_us.is_some() || it.ended_by.as_deref().is_some_and(|by| by != "expiry"));
    let in_calls = row.last_accepted_at_us.is_some() || row.first_rejected_at_us.is_some() || credential.is_some_and(|it| it.first_used_us.is_some());
    match (in_events, in_calls) {
        (true, true) => "IdP events and calls",
        (true, false) => "IdP events; no call carries it",
        (false, true) => "calls; no IdP event names it",
        (false, false) => "not matched: no IdP event or call has this reference",
    }
}

fn matching(cases: &[&RevocationRow]) -> Prose {
    let count = |test: fn(&RevocationRow) -> bool| cases.iter().filter(|row| test(row)).count() as i64;
    let said = |parts: Vec<(i64, &str)>| {
        let parts = parts.into_iter().filter(|(n, _)| *n > 0);
        parts.map(|(n, what)| format!("{} {what}", Count(n))).collect::<Vec<_>>().join(", ")
    };
    if cases.is_empty() {
        return Prose::new().text("There is no revocation case.");
    }
    let named = said(vec![
        (count(|row| row.credential.is_some()), "with a known credential"),
        (count(|row| row.credential.is_none()), "without one, so that no call can be tied to it"),
        (count(|row| row.ticket.is_none()), "from an exposure event without a ticket"),
    ]);
    let revoked = said(vec![
        (count(|row| row.revoked_by.as_deref() == Some("idp")), "seen in an identity provider's log"),
        (count(|row| row.revoked_by.as_deref() == Some("ticket")), "claimed by the ticket alone"),
    ]);
    let graded = said(vec![
        (count(|row| row.proof_grade.as_deref() == Some("rejected")), "rejected when used again"),
        (count(|row| row.proof_grade.as_deref() == Some("silent")), "not used again"),
        (count(|row| row.proof_grade.as_deref() == Some("still_accepted")), "still accepted"),
        (count(|row| row.proof_grade.as_deref() == Some("wrong_credential")), "accepted while another credential was revoked"),
    ]);
    let total = counted(cases.len() as i64, "case", "cases");
    let sentence = |what: &str, parts: String| match parts.is_empty() {
        true => String::new(),
        false => format!(" {what}: {parts}."),
    };
    Prose::new().text(format!("{total}: {named}.")).text(sentence("Revocation", revoked)).text(sentence("Afterwards", graded))
}

pub fn exceptions(lookup: &Lookup) -> Exceptions {
    let register = offenders::exceptions(lookup, |_, _| true);
    let all = &lookup.input.entities.exceptions;
    let count = |state: &str| all.iter().filter(|row| row.state == state).count() as i64;
    let is_absent = lookup.value("EX01", lookup.input.period).is_some_and(|row| row.reason.as_deref() == Some("no_exceptions"));
    if all.is_empty() {
        let text = match is_absent {
            true => "No register of exceptions was given, so traffic on exceptions is not measured.",
            false => "The register holds no entry.",
        };
        let summary = Prose::new().text(text);
        return Exceptions { has_register: !is_absent, summary, register };
    }
    let mut summary = Prose::new().text(format!(
        "{} in the register: {} active, {} expired but still relied on, {} expired, {} unused.",
        counted(all.len() as i64, "entry", "entries"),
        count("active"),
        count("expired_in_use"),
        count("expired"),
        count("unused"),
    ));
    if let Some(share) = lookup.value("EX01", lookup.input.period).and_then(|row| row.value) {
        summary = summary.text(format!(
            " They carry {} of accepted authenticated calls. An API with an exception still counts \
             against its measure.",
            Share(share)
        ));
    }
    Exceptions { has_register: true, summary, register }
}
