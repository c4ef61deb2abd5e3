//! The entities behind a metric, worst first, each with its owner.
//!
//! The metrics of metrics.md know their entities; a metric of the user's own shows its worst segments.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::input::{ApiRow, CredentialRow, RevocationRow, ViolationRow};
use super::lookup::Lookup;
use super::measures::worse_first;
use super::prose::{Cell, Table};
use super::words::upper_first;
use super::{MAX_TABLE_ROWS, words};
use crate::metric::definition::MetricDefinition;
use crate::metric::outcome::MetricRow;
use crate::period::MICROS_PER_DAY;

/// Secret kinds of metrics.md, Token and secret lifetime.
const SECRET_KINDS: [&str; 5] = ["client_secret", "api_key", "certificate", "service_account_key", "personal_access_token"];

/// `None` where the metric has no list of entities or the list is empty.
pub fn table(lookup: &Lookup, definition: &MetricDefinition) -> Option<Table> {
    let table = match definition.id.as_str() {
        "SC01" | "SC02" => replayable_apis(lookup, |row| row.n_replayable > 0),
        "SC04" => replayable_apis(lookup, |row| row.n_replayable > 0 && row.declared_proof.as_deref() == Some("required")),
        "TK02" => long_lived_secrets(lookup),
        "TK03" => ended_by_hand(lookup),
        "SP01" => broad_apis(lookup),
        "SP02" => grants(lookup, "unused"),
        "SP03" => over_privileged(lookup),
        "SP04" => grants(lookup, "used_not_granted"),
        "RV01" => slow_cases(lookup, |case| case.time_to_revoke_s, |_, _| true),
        "RV02" => slow_cases(lookup, |case| case.effective_time_to_revoke_s, |_, _| true),
        "RV05" => slow_cases(lookup, |case| case.time_to_revoke_s, |case, seconds| seconds > target_of(lookup, case)),
        "RV03" => late_calls(lookup),
        "RV04" => unproven(lookup),
        "ID01" => ungoverned(lookup),
        "RT01" => violations(lookup, |_| true),
        "RT02" => violations(lookup, |row| row.decision != "blocked"),
        "RT03" => violations(lookup, |row| row.decision == "missed"),
        "EX01" => exceptions(lookup, |state, calls| calls > 0 || state == "active"),
        "EX02" => exceptions(lookup, |state, _| state == "expired_in_use"),
        _ => segments(lookup, definition),
    };
    (!table.is_empty()).then_some(table)
}

/// APIs of the headline period that accepted replayable calls, most such calls first.
pub fn worst_apis<'a>(lookup: &Lookup<'a>) -> Vec<&'a ApiRow> {
    let is_replayable = |row: &&ApiRow| matches!(row.verdict.as_deref(), Some("dual_accept" | "bearer_only"));
    let mut apis: Vec<&ApiRow> = lookup.apis().filter(is_replayable).collect();
    apis.sort_by_key(|row| (Reverse(row.n_replayable), &row.api));
    apis
}

/// APIs of the headline period that accepted broad scopes, most calls first.
pub fn broadest_apis<'a>(lookup: &Lookup<'a>) -> Vec<&'a ApiRow> {
    let is_broad = |row: &&ApiRow| row.scope_verdict.as_deref() == Some("broad");
    let mut apis: Vec<&ApiRow> = lookup.apis().filter(is_broad).collect();
    apis.sort_by_key(|row| (Reverse(row.authenticated_calls), &row.api));
    apis
}

fn replayable_apis(lookup: &Lookup, is_offender: impl Fn(&ApiRow) -> bool) -> Table {
    let titles = ["API", "Owner", "Replayable calls#", "Share of judged#", "Verdict", "Exception", "Last seen"];
    let mut table = Table::new(&titles, Some("apis.parquet"));
    let mut apis: Vec<&ApiRow> = lookup.apis().filter(|row| is_offender(row)).collect();
    apis.sort_by_key(|row| (Reverse(row.n_replayable), &row.api));
    for row in apis {
        let judged = row.n_constrained + row.n_replayable;
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                Cell::Data(row.api.clone()),
                owner(row.owner.as_deref()),
                Cell::Count(row.n_replayable),
                Cell::share((judged > 0).then(|| row.n_replayable as f64 / judged as f64)),
                word(row.verdict.as_deref()),
                yes(row.has_exception),
                Cell::day(row.last_seen_us),
            ]
        });
    }
    table
}

fn broad_apis(lookup: &Lookup) -> Table {
    let titles = ["API", "Owner", "Authenticated calls#", "Broad scopes seen", "Last seen"];
    let mut table = Table::new(&titles, Some("apis.parquet"));
    for row in broadest_apis(lookup) {
        table.push_up_to(MAX_TABLE_ROWS, || {
            let mut scopes = row.broad_scopes.clone();
            scopes.sort();
            vec![
                Cell::Data(row.api.clone()),
                owner(row.owner.as_deref()),
                Cell::Count(row.authenticated_calls),
                Cell::Data(shortened(&scopes)),
                Cell::day(row.last_seen_us),
            ]
        });
    }
    table
}

/// Secrets live when the period is judged and not short-lived; without expiry first, then longest.
fn long_lived_secrets(lookup: &Lookup) -> Table {
    let titles = ["Credential", "Kind", "Identity", "Owner", "Lifetime#", "Issued", "Last used"];
    let mut table = Table::new(&titles, Some("credentials.parquet"));
    let at = lookup.judged_at_us();
    let is_offender = |row: &&CredentialRow| {
        row.is_short_lived == Some(false)
            && row.kind.as_deref().is_some_and(|kind| SECRET_KINDS.contains(&kind))
            && row.ended_at_us.is_none_or(|ended| ended >= at)
    };
    let mut rows: Vec<&CredentialRow> = lookup.input.entities.credentials.iter().filter(is_offender).collect();
    rows.sort_by(|a, b| {
        let lifetime = |row: &CredentialRow| row.ttl_s.unwrap_or(f64::INFINITY);
        lifetime(b).total_cmp(&lifetime(a)).then_with(|| a.credential.cmp(&b.credential))
    });
    for row in rows {
        let lifetime = row.ttl_s.map_or(Cell::Words("no expiry".into()), Cell::Seconds);
        table.push_up_to(MAX_TABLE_ROWS, || credential_cells(lookup, row, [lifetime, Cell::day(row.issued_at_us), Cell::day(row.last_used_us)]));
    }
    table
}

fn ended_by_hand(lookup: &Lookup) -> Table {
    let titles = ["Credential", "Kind", "Identity", "Owner", "Ended by", "Ended", "Last used"];
    let mut table = Table::new(&titles, Some("credentials.parquet"));
    let is_offender = |row: &&CredentialRow| {
        lookup.is_in_period(row.ended_at_us) && matches!(row.ended_by.as_deref(), Some("rotation_manual" | "revocation_manual" | "deletion"))
    };
    let mut rows: Vec<&CredentialRow> = lookup.input.entities.credentials.iter().filter(is_offender).collect();
    rows.sort_by_key(|row| (Reverse(row.ended_at_us), &row.credential));
    for row in rows {
        let ended_by = word(row.ended_by.as_deref());
        table.push_up_to(MAX_TABLE_ROWS, || credential_cells(lookup, row, [ended_by, Cell::day(row.ended_at_us), Cell::day(row.last_used_us)]));
    }
    table
}

fn credential_cells(lookup: &Lookup, row: &CredentialRow, rest: [Cell; 3]) -> Vec<Cell> {
    let first = [
        Cell::Data(row.credential.clone()),
        word(row.kind.as_deref()),
        Cell::data(row.identity.as_ref()),
        owner(lookup.identity_owner(row.identity.as_deref())),
    ];
    first.into_iter().chain(rest).collect()
}

fn grants(lookup: &Lookup, state: &str) -> Table {
    let titles = ["Identity", "Owner", "Scope", "API", "Broad", "Calls#", "Last used"];
    let mut table = Table::new(&titles, Some("grants.parquet"));
    let all = lookup.input.entities.grants.iter();
    let mut rows: Vec<_> = all.filter(|row| row.state == state).collect();
    rows.sort_by_key(|row| (Reverse(row.calls), !row.is_broad, &row.identity, &row.scope, &row.api));
    for row in rows {
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                Cell::Data(row.identity.clone()),
                owner(lookup.identity_owner(Some(&row.identity))),
                Cell::Data(row.scope.clone()),
                Cell::data(row.api.as_ref()),
                yes(row.is_broad),
                Cell::Count(row.calls),
                Cell::day(row.last_used_us),
            ]
        });
    }
    table
}

fn over_privileged(lookup: &Lookup) -> Table {
    let titles = ["Identity", "Owner", "Unused#", "Judged grants#", "Unused share#", "Last used"];
    let mut table = Table::new(&titles, Some("identities.parquet"));
    let all = lookup.input.entities.identities.iter();
    let mut rows: Vec<_> = all.filter(|row| row.is_over_privileged == Some(true)).collect();
    rows.sort_by_key(|row| (Reverse(row.unused), &row.identity));
    for row in rows {
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                Cell::Data(row.identity.clone()),
                owner(row.owner.as_deref()),
                Cell::count(row.unused),
                Cell::count(row.used.zip(row.unused).map(|(used, unused)| used + unused)),
                Cell::share(row.unused_share),
                Cell::day(row.last_used_us),
            ]
        });
    }
    table
}

/// Cases of the period, open ones by age first, then the slowest.
/// The time within which a case is to be revoked, seconds: that of its severity, else the general one.
fn target_of(lookup: &Lookup, case: &RevocationRow) -> f64 {
    let Some(target) = lookup.input.targets.get("RV01") else { return f64::INFINITY };
    let own = target.by_segment.get("severity").zip(case.severity.as_ref()).and_then(|(targets, severity)| targets.get(severity));
    own.copied().unwrap_or(target.value)
}

/// Cases detected in the period, those still open first, then the slowest. A claim of revocation before detection is a data
/// error and in no figure (metrics.md, RV01), so it is in no table either.
fn slow_cases(lookup: &Lookup, time: fn(&RevocationRow) -> Option<f64>, is_wanted: impl Fn(&RevocationRow, f64) -> bool) -> Table {
    let titles = ["Case", "Credential", "Owner", "Severity", "Detected", "Time#", "State"];
    let mut table = Table::new(&titles, Some("revocations.parquet"));
    let age = |row: &RevocationRow| words::elapsed(row.detected_at_us, Some(lookup.input.as_of_us));
    let seconds = |row: &RevocationRow| if row.is_open { age(row) } else { time(row) };
    let is_counted = |row: &&RevocationRow| !is_data_error(row) && lookup.is_in_period(row.detected_at_us);
    let mut rows: Vec<_> = cases(lookup).filter(is_counted).filter(|row| is_wanted(row, seconds(row).unwrap_or(0.0))).collect();
    rows.sort_by(|a, b| {
        let size = |row: &RevocationRow| seconds(row).unwrap_or(f64::NEG_INFINITY);
        (b.is_open.cmp(&a.is_open)).then_with(|| size(b).total_cmp(&size(a))).then_with(|| case_key(a).cmp(&case_key(b)))
    });
    for row in rows {
        let state = if row.is_open { "open" } else { "revoked" };
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                case(row),
                Cell::data(row.credential.as_ref()),
                owner(lookup.identity_owner(row.identity.as_deref())),
                Cell::data(row.severity.as_ref()),
                Cell::minute(row.detected_at_us),
                Cell::seconds(seconds(row)),
                Cell::Words(state.into()),
            ]
        });
    }
    table
}

/// Cases whose credential was accepted after its revocation, most calls first.
pub fn still_accepted(lookup: &Lookup) -> Table {
    let titles = ["Case", "Credential", "Owner", "Revoked", "Seen by", "Calls accepted after#", "For#", "Last accepted"];
    let mut table = Table::new(&titles, Some("revocations.parquet"));
    let mut rows: Vec<_> = cases(lookup).filter(|row| row.accepted_after > Some(0)).collect();
    rows.sort_by_key(|row| (Reverse(row.accepted_after), case_key(row)));
    for row in rows {
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                case(row),
                Cell::data(row.credential.as_ref()),
                owner(lookup.identity_owner(row.identity.as_deref())),
                Cell::minute(row.revoked_at_us),
                word(row.revoked_by.as_deref()),
                Cell::count(row.accepted_after),
                Cell::seconds(words::elapsed(row.revoked_at_us, row.last_accepted_at_us)),
                Cell::minute(row.last_accepted_at_us),
            ]
        });
    }
    table
}

/// Credentials accepted after revocation in the headline period, most calls first, with their case where they have one.
fn late_calls(lookup: &Lookup) -> Table {
    let titles = ["Credential", "Case", "Owner", "Revoked", "Calls accepted after#"];
    let mut table = Table::new(&titles, Some("violations.parquet"));
    for (credential, calls) in late_credentials(lookup) {
        let of_case = cases(lookup).find(|row| row.credential.as_deref() == Some(credential));
        let known = lookup.input.entities.credentials.iter().find(|row| row.credential == credential);
        let identity = of_case.and_then(|row| row.identity.as_deref()).or(known.and_then(|row| row.identity.as_deref()));
        let revoked = of_case.and_then(|row| row.revoked_at_us).or(known.and_then(|row| row.ended_at_us));
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                Cell::Data(credential.to_string()),
                of_case.map_or(Cell::Words("no case".into()), case),
                owner(lookup.identity_owner(identity)),
                Cell::minute(revoked),
                Cell::Count(calls),
            ]
        });
    }
    table
}

/// The same as pairs.
pub fn late_credentials<'a>(lookup: &Lookup<'a>) -> Vec<(&'a str, i64)> {
    let mut late: Vec<(&str, i64)> = lookup.input.entities.late_calls.iter().map(|(credential, calls)| (credential.as_str(), *calls)).collect();
    late.sort_by_key(|(credential, calls)| (Reverse(*calls), *credential));
    late
}

fn unproven(lookup: &Lookup) -> Table {
    let titles = ["Case", "Credential", "Owner", "Revoked", "Seen by", "Proof"];
    let mut table = Table::new(&titles, Some("revocations.parquet"));
    let is_unproven = |row: &&RevocationRow| !is_data_error(row) && lookup.is_in_period(row.revoked_at_us) && row.proof_grade.as_deref() != Some("rejected");
    let mut rows: Vec<_> = cases(lookup).filter(is_unproven).collect();
    rows.sort_by_key(|row| (&row.proof_grade, row.revoked_at_us, case_key(row)));
    for row in rows {
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                case(row),
                Cell::data(row.credential.as_ref()),
                owner(lookup.identity_owner(row.identity.as_deref())),
                Cell::minute(row.revoked_at_us),
                word(row.revoked_by.as_deref()),
                word(row.proof_grade.as_deref()),
            ]
        });
    }
    table
}

/// Cases that count: every one that is no false positive.
pub fn cases<'a>(lookup: &Lookup<'a>) -> impl Iterator<Item = &'a RevocationRow> {
    lookup.input.entities.revocations.iter().filter(|row| !row.is_false_positive)
}

/// Total order of cases.
/// Revoked before it was detected, by the ticket's word.
fn is_data_error(row: &RevocationRow) -> bool {
    row.time_to_revoke_s.is_some_and(|seconds| seconds < 0.0)
}

pub fn case_key(row: &RevocationRow) -> impl Ord + '_ {
    (row.detected_at_us, &row.tracker, &row.ticket, &row.credential)
}

pub fn case(row: &RevocationRow) -> Cell {
    row.ticket.as_ref().map_or(Cell::Words("exposure event".into()), |it| Cell::Data(it.clone()))
}

fn ungoverned(lookup: &Lookup) -> Table {
    let titles = ["Identity", "Kind", "Owner", "Problem", "Last used", "Live credentials#"];
    let mut table = Table::new(&titles, Some("identities.parquet"));
    let problems = |row: &super::input::IdentityRow| {
        let all = [(row.is_unowned, "unowned"), (row.is_orphaned, "orphaned"), (row.is_dormant, "dormant")];
        let names = all.into_iter().filter(|(is_so, _)| *is_so == Some(true)).map(|(_, name)| name);
        names.collect::<Vec<_>>().join(", ")
    };
    let all = lookup.input.entities.identities.iter();
    let mut rows: Vec<_> = all.filter(|it| it.is_live && it.judged && !problems(it).is_empty()).collect();
    rows.sort_by_key(|row| (Reverse(row.live_credentials), &row.identity));
    for row in rows {
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                Cell::Data(row.identity.clone()),
                word(row.kind.as_deref()),
                owner(row.owner.as_deref()),
                Cell::Words(problems(row)),
                Cell::day(row.last_used_us),
                Cell::Count(row.live_credentials),
            ]
        });
    }
    table
}

fn violations(lookup: &Lookup, is_offender: fn(&ViolationRow) -> bool) -> Table {
    let titles = ["API", "Owner", "Violation", "Decision", "Calls#", "Last seen"];
    let mut table = Table::new(&titles, Some("violations.parquet"));
    let mut groups: BTreeMap<_, (i64, Option<i64>)> = BTreeMap::new();
    let in_period =
        lookup.input.entities.violations.iter().filter(|row| row.kind != "rate_limited" && lookup.is_in_period(row.day.checked_mul(MICROS_PER_DAY)));
    for row in in_period.filter(|row| is_offender(row)) {
        let group = groups.entry((&row.api, &row.kind, &row.decision)).or_default();
        group.0 += row.calls;
        group.1 = group.1.max(row.last_us);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(key, (calls, _))| (Reverse(*calls), *key));
    for ((api, kind, decision), (calls, last_us)) in groups {
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                Cell::data(api.as_ref()),
                owner(lookup.api_owner(api.as_deref())),
                word(Some(kind)),
                word(Some(decision)),
                Cell::Count(calls),
                Cell::day(last_us),
            ]
        });
    }
    table
}

/// Entries of the register that `wanted(state, calls)` keeps; in use first, then by calls.
pub fn exceptions(lookup: &Lookup, wanted: fn(&str, i64) -> bool) -> Table {
    let titles = ["Id", "Control", "Covers", "Owner", "Since", "Expires", "Calls#", "Share of its calls#", "State"];
    let mut table = Table::new(&titles, Some("exceptions.parquet"));
    let all = lookup.input.entities.exceptions.iter();
    let mut rows: Vec<_> = all.filter(|row| wanted(&row.state, row.calls)).collect();
    rows.sort_by_key(|row| (row.state != "expired_in_use", Reverse(row.calls), &row.id));
    for row in rows {
        let covers: Vec<&str> = row.api.iter().chain(&row.identity).map(String::as_str).collect();
        table.push_up_to(MAX_TABLE_ROWS, || {
            vec![
                Cell::Data(row.id.clone()),
                word(row.control.as_deref()),
                Cell::Data(covers.join(" + ")),
                owner(row.owner.as_deref()),
                Cell::day(row.approved_at_us),
                Cell::day(row.expires_at_us),
                Cell::Count(row.calls),
                Cell::share(row.share_of_calls),
                exception_state(&row.state, row.is_dominant),
            ]
        });
    }
    table
}

fn exception_state(state: &str, is_dominant: bool) -> Cell {
    let dominant = if is_dominant { ", dominant" } else { "" };
    Cell::Words(format!("{}{dominant}", words::plain_word(state)))
}

fn segments(lookup: &Lookup, definition: &MetricDefinition) -> Table {
    let mut rows: Vec<&MetricRow> = lookup.segments(&definition.id, lookup.input.period).filter(|row| row.value.is_some()).collect();
    rows.sort_by(|a, b| worse_first(definition.direction, a, b));
    // Segments of one kind are named in the title of their column.
    let kinds: BTreeSet<&str> = rows.iter().map(|row| row.segment_kind.as_str()).collect();
    let only = kinds.first().filter(|_| kinds.len() == 1).map(|kind| upper_first(&words::segment_kind(kind)));
    let mut titles = vec!["Kind", only.as_deref().unwrap_or("Segment"), "Value#", "Count#", "Of#"];
    if only.is_some() {
        titles.remove(0);
    }
    let mut table = Table::new(&titles, Some("metrics.parquet"));
    for row in rows {
        let value = match (row.unit, row.value) {
            (_, None) => Cell::Missing,
            (crate::units::Unit::Share, Some(value)) => Cell::Share(value),
            (crate::units::Unit::Seconds, Some(value)) => Cell::Seconds(value),
            (crate::units::Unit::Count, Some(value)) => Cell::Count(value.round() as i64),
        };
        table.push_up_to(MAX_TABLE_ROWS, || {
            let kind = only.is_none().then(|| Cell::Words(words::segment_kind(&row.segment_kind)));
            let cells = [Cell::Data(row.segment.clone()), value, Cell::count(row.numerator), Cell::count(row.denominator)];
            kind.into_iter().chain(cells).collect()
        });
    }
    table
}

pub fn owner(owner: Option<&str>) -> Cell {
    owner.map_or(Cell::Words("none".into()), |owner| Cell::Data(owner.to_owned()))
}

/// A value of a closed list, as words; what is not a plain word is data.
pub fn word(word: Option<&str>) -> Cell {
    match word {
        None => Cell::Missing,
        Some(word) if word.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_') => Cell::Words(words::plain_word(word)),
        Some(text) => Cell::Data(text.to_owned()),
    }
}

fn yes(is_so: bool) -> Cell {
    Cell::Words(if is_so { "yes" } else { "no" }.to_owned())
}

/// The first three names of a list that may be long.
fn shortened(names: &[String]) -> String {
    match names.len() {
        0..=3 => names.join(" "),
        n => format!("{} +{}", names[..3].join(" "), n - 3),
    }
}
