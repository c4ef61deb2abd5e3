//! Tables of the run -> the plain rows that the report is built from.

use crate::frame::table::{Column, Table};
use crate::period::Period;
use crate::summary::report::input::{ApiRow, CredentialRow, Entities, ExceptionRow, GrantRow, IdentityRow, RevocationRow, ViolationRow};
use std::collections::BTreeMap;

/// Reads one table row by row.
struct Reader<'a> {
    table: &'a Table,
    row: usize,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.table.text(name, self.row).map(str::to_string)
    }

    fn word(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.table.int(name, self.row)
    }

    fn count(&self, name: &str) -> i64 {
        self.int(name).unwrap_or(0)
    }

    fn double(&self, name: &str) -> Option<f64> {
        self.table.double(name, self.row)
    }

    fn flag(&self, name: &str) -> Option<bool> {
        match self.table.column(name)? {
            Column::Flag(values) => values[self.row],
            _ => None,
        }
    }

    fn list(&self, name: &str) -> Vec<String> {
        match self.table.column(name) {
            Some(Column::List(values)) => values[self.row].clone().unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

fn rows<T>(tables: &BTreeMap<String, Table>, name: &str, read: impl Fn(&Reader<'_>) -> Option<T>) -> Vec<T> {
    let Some(table) = tables.get(name) else { return Vec::new() };
    (0..table.rows()).filter_map(|row| read(&Reader { table, row })).collect()
}

/// The entity files' rows, as the report takes them; `late` are accepted calls after revocation by month and credential.
pub fn entities(tables: &BTreeMap<String, Table>, late: &Table, headline: &Period) -> Entities {
    Entities {
        apis: rows(tables, "apis", |row| Some(api_row(row, row.text("period")?.parse().ok()?))),
        identities: rows(tables, "identities", |row| Some(identity_row(row))),
        credentials: rows(tables, "credentials", |row| Some(credential_row(row))),
        grants: rows(tables, "grants", |row| Some(grant_row(row))),
        revocations: rows(tables, "revocations", |row| Some(revocation_row(row))),
        exceptions: rows(tables, "exceptions", |row| Some(exception_row(row))),
        violations: rows(tables, "violations", |row| Some(violation_row(row))),
        late_calls: late_calls(late, headline),
    }
}

/// Credentials accepted after their revocation in the headline period, with how many calls.
fn late_calls(late: &Table, headline: &Period) -> BTreeMap<String, i64> {
    let months: Vec<String> = headline.months().iter().map(Period::to_string).collect();
    let mut calls = BTreeMap::new();
    for row in 0..late.rows() {
        if let (Some(month), Some(credential), Some(count)) = (late.text("month", row), late.text("credential", row), late.int("late_calls", row))
            && months.iter().any(|other| other == month)
        {
            *calls.entry(credential.to_string()).or_default() += count;
        }
    }
    calls
}

fn api_row(row: &Reader<'_>, period: Period) -> ApiRow {
    ApiRow {
        period,
        api: row.word("api"),
        owner: row.text("owner"),
        environment: row.text("environment"),
        criticality: row.text("criticality"),
        is_external: row.flag("is_external"),
        declared_proof: row.text("declared_proof"),
        accepted_calls: row.count("accepted_calls"),
        authenticated_calls: row.count("authenticated_calls"),
        n_constrained: row.count("n_constrained"),
        n_replayable: row.count("n_replayable"),
        n_no_evidence: row.count("n_no_evidence"),
        verdict: row.text("verdict"),
        enforcement: row.text("enforcement"),
        has_exception: row.flag("has_exception").unwrap_or(false),
        scope_verdict: row.text("scope_verdict"),
        broad_scopes: row.list("broad_scopes"),
        first_seen_us: row.int("first_seen"),
        last_seen_us: row.int("last_seen"),
    }
}

fn identity_row(row: &Reader<'_>) -> IdentityRow {
    IdentityRow {
        identity: row.word("identity"),
        kind: row.text("kind"),
        owner: row.text("owner"),
        owner_status: row.text("owner_status"),
        environment: row.text("environment"),
        is_live: row.flag("is_live").unwrap_or(false),
        is_unowned: row.flag("is_unowned"),
        is_orphaned: row.flag("is_orphaned"),
        is_dormant: row.flag("is_dormant"),
        judged: row.flag("judged").unwrap_or(false),
        reason: row.text("reason"),
        first_seen_us: row.int("first_seen"),
        last_used_us: row.int("last_used"),
        live_credentials: row.count("live_credentials"),
        granted: row.int("granted"),
        used: row.int("used"),
        unused: row.int("unused"),
        unused_share: row.double("unused_share"),
        is_over_privileged: row.flag("is_over_privileged"),
    }
}

fn credential_row(row: &Reader<'_>) -> CredentialRow {
    CredentialRow {
        credential: row.word("credential"),
        kind: row.text("kind"),
        identity: row.text("identity"),
        issued_at_us: row.int("issued_at"),
        expires_at_us: row.int("expires_at"),
        ttl_s: row.double("ttl_s"),
        is_short_lived: row.flag("is_short_lived"),
        ended_at_us: row.int("ended_at"),
        ended_by: row.text("ended_by"),
        first_used_us: row.int("first_used"),
        last_used_us: row.int("last_used"),
    }
}

fn grant_row(row: &Reader<'_>) -> GrantRow {
    GrantRow {
        identity: row.word("identity"),
        scope: row.word("scope"),
        api: row.text("api"),
        granted_at_us: row.int("granted_at"),
        removed_at_us: row.int("removed_at"),
        state: row.word("state"),
        basis: row.text("basis"),
        last_used_us: row.int("last_used"),
        calls: row.count("calls"),
        is_broad: row.flag("is_broad").unwrap_or(false),
    }
}

fn revocation_row(row: &Reader<'_>) -> RevocationRow {
    RevocationRow {
        ticket: row.text("ticket"),
        tracker: row.text("tracker"),
        identity: row.text("identity"),
        credential: row.text("credential"),
        severity: row.text("severity"),
        is_open: row.flag("is_open").unwrap_or(false),
        is_false_positive: row.flag("is_false_positive").unwrap_or(false),
        exposed_at_us: row.int("exposed_at"),
        detected_at_us: row.int("detected_at"),
        reported_at_us: row.int("reported_at"),
        contained_at_us: row.int("contained_at"),
        revoked_at_us: row.int("revoked_at"),
        enforced_at_us: row.int("enforced_at"),
        closed_at_us: row.int("closed_at"),
        revoked_by: row.text("revoked_by"),
        last_accepted_at_us: row.int("last_accepted_at"),
        first_rejected_at_us: row.int("first_rejected_at"),
        accepted_after: row.int("accepted_after"),
        rejected_after: row.int("rejected_after"),
        proof_grade: row.text("proof_grade"),
        time_to_revoke_s: row.double("time_to_revoke_s"),
        effective_time_to_revoke_s: row.double("effective_time_to_revoke_s"),
        apis_reached: row.list("apis_reached"),
        scopes_used: row.list("scopes_used"),
        calls_after_exposure: row.int("calls_after_exposure"),
    }
}

fn exception_row(row: &Reader<'_>) -> ExceptionRow {
    ExceptionRow {
        id: row.word("id"),
        control: row.text("control"),
        api: row.text("api"),
        identity: row.text("identity"),
        reason: row.text("reason"),
        owner: row.text("owner"),
        approved_at_us: row.int("approved_at"),
        expires_at_us: row.int("expires_at"),
        state: row.word("state"),
        calls: row.count("calls"),
        share_of_calls: row.double("share_of_calls"),
        is_dominant: row.flag("is_dominant").unwrap_or(false),
    }
}

fn violation_row(row: &Reader<'_>) -> ViolationRow {
    ViolationRow {
        api: row.text("api"),
        identity: row.text("identity"),
        kind: row.word("kind"),
        decision: row.word("decision"),
        day: row.count("day"),
        calls: row.count("calls"),
        first_us: row.int("first_seen"),
        last_us: row.int("last_seen"),
    }
}
