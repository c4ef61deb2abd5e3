//! What a report is built from: rows as they stand in the Parquet files, and the run's ledger.
//!
//! Plain data on purpose: no frame, no file and no configuration type is known here. Instants are
//! microseconds since 1970 UTC, `None` means that the logs do not say.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metric::definition::MetricDefinition;
use crate::metric::judge::{Target, TrendBreak};
use crate::metric::outcome::MetricRow;
use crate::period::Period;

#[derive(Clone, Debug)]
pub struct ReportInput {
    pub tool_version: String,
    /// Whose report this is; stands in the title.
    pub organisation: Option<String>,
    pub period: Period,
    pub as_of_us: i64,
    /// As a reader would type it: `out/2026-Q2`.
    pub run_folder: String,
    /// Whether charts/*.svg are written; summary.md links to them.
    pub has_charts: bool,
    /// In the order they are to be shown.
    pub definitions: Vec<MetricDefinition>,
    /// metrics.parquet: every period, statistic and segment.
    pub rows: Vec<MetricRow>,
    /// Rows of earlier runs, for periods that `rows` has no value of.
    pub earlier: Vec<MetricRow>,
    pub targets: BTreeMap<String, Target>,
    pub breaks: Vec<TrendBreak>,
    pub entities: Entities,
    pub ledger: Vec<LedgerRow>,
    pub gaps: Vec<Gap>,
    pub evidence: Vec<EvidenceShare>,
    pub inventory_matches: Vec<InventoryMatch>,
    pub digests: Digests,
}

/// The entity files. APIs may hold every period, the others stand at `as_of`.
#[derive(Clone, Debug, Default)]
pub struct Entities {
    pub apis: Vec<ApiRow>,
    pub identities: Vec<IdentityRow>,
    pub credentials: Vec<CredentialRow>,
    pub grants: Vec<GrantRow>,
    pub revocations: Vec<RevocationRow>,
    pub exceptions: Vec<ExceptionRow>,
    /// Rows of the headline period suffice.
    pub violations: Vec<ViolationRow>,
    /// Credential -> calls accepted after its revocation in the headline period, with or without a case.
    pub late_calls: BTreeMap<String, i64>,
}

/// One row of apis.parquet: an API in a period.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiRow {
    pub period: Period,
    pub api: String,
    pub owner: Option<String>,
    pub environment: Option<String>,
    pub criticality: Option<String>,
    pub is_external: Option<bool>,
    pub declared_proof: Option<String>,
    pub accepted_calls: i64,
    pub authenticated_calls: i64,
    pub n_constrained: i64,
    pub n_replayable: i64,
    pub n_no_evidence: i64,
    /// `constrained` `dual_accept` `bearer_only` `insufficient_evidence`
    pub verdict: Option<String>,
    /// `proven` `unchallenged`
    pub enforcement: Option<String>,
    pub has_exception: bool,
    /// `least_privilege` `broad` `insufficient_evidence`
    pub scope_verdict: Option<String>,
    pub broad_scopes: Vec<String>,
    pub first_seen_us: Option<i64>,
    pub last_seen_us: Option<i64>,
}

/// One row of identities.parquet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdentityRow {
    pub identity: String,
    pub kind: Option<String>,
    pub owner: Option<String>,
    pub owner_status: Option<String>,
    pub environment: Option<String>,
    pub is_live: bool,
    pub is_unowned: Option<bool>,
    pub is_orphaned: Option<bool>,
    pub is_dormant: Option<bool>,
    pub judged: bool,
    pub reason: Option<String>,
    pub first_seen_us: Option<i64>,
    pub last_used_us: Option<i64>,
    pub live_credentials: i64,
    pub granted: Option<i64>,
    pub used: Option<i64>,
    pub unused: Option<i64>,
    pub unused_share: Option<f64>,
    pub is_over_privileged: Option<bool>,
}

/// One row of credentials.parquet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CredentialRow {
    pub credential: String,
    pub kind: Option<String>,
    pub identity: Option<String>,
    pub issued_at_us: Option<i64>,
    pub expires_at_us: Option<i64>,
    pub ttl_s: Option<f64>,
    pub is_short_lived: Option<bool>,
    pub ended_at_us: Option<i64>,
    pub ended_by: Option<String>,
    pub first_used_us: Option<i64>,
    pub last_used_us: Option<i64>,
}

/// One row of grants.parquet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GrantRow {
    pub identity: String,
    pub scope: String,
    pub api: Option<String>,
    pub granted_at_us: Option<i64>,
    pub removed_at_us: Option<i64>,
    /// `used` `unused` `unobservable` `too_young` `used_not_granted`
    pub state: String,
    pub basis: Option<String>,
    pub last_used_us: Option<i64>,
    pub calls: i64,
    pub is_broad: bool,
}

/// One row of revocations.parquet: a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RevocationRow {
    pub ticket: Option<String>,
    pub tracker: Option<String>,
    pub identity: Option<String>,
    pub credential: Option<String>,
    pub severity: Option<String>,
    pub is_open: bool,
    pub is_false_positive: bool,
    pub exposed_at_us: Option<i64>,
    pub detected_at_us: Option<i64>,
    pub reported_at_us: Option<i64>,
    pub contained_at_us: Option<i64>,
    pub revoked_at_us: Option<i64>,
    pub enforced_at_us: Option<i64>,
    pub closed_at_us: Option<i64>,
    /// `idp` `ticket`
    pub revoked_by: Option<String>,
    pub last_accepted_at_us: Option<i64>,
    pub first_rejected_at_us: Option<i64>,
    pub accepted_after: Option<i64>,
    pub rejected_after: Option<i64>,
    pub proof_grade: Option<String>,
    pub time_to_revoke_s: Option<f64>,
    pub effective_time_to_revoke_s: Option<f64>,
    pub apis_reached: Vec<String>,
    pub scopes_used: Vec<String>,
    pub calls_after_exposure: Option<i64>,
}

/// One row of exceptions.parquet: an entry of the register in the headline period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExceptionRow {
    pub id: String,
    pub control: Option<String>,
    pub api: Option<String>,
    pub identity: Option<String>,
    pub reason: Option<String>,
    pub owner: Option<String>,
    pub approved_at_us: Option<i64>,
    pub expires_at_us: Option<i64>,
    /// `active` `expired_in_use` `expired` `unused`
    pub state: String,
    pub calls: i64,
    pub share_of_calls: Option<f64>,
    pub is_dominant: bool,
}

/// One row of violations.parquet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViolationRow {
    pub api: Option<String>,
    pub identity: Option<String>,
    pub kind: String,
    /// `blocked` `observed` `missed`
    pub decision: String,
    /// Whole days since 1970-01-01 UTC.
    pub day: i64,
    pub calls: i64,
    pub first_us: Option<i64>,
    pub last_us: Option<i64>,
}

/// What was read of one file. records = rows + duplicates + skipped + rejects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerRow {
    /// Format id, as in the frames' `source`.
    pub source: String,
    pub file: String,
    pub records: i64,
    pub rows: i64,
    pub duplicates: i64,
    pub skipped: i64,
    pub rejects: i64,
    /// Reason -> rejected records.
    pub reject_reasons: BTreeMap<String, i64>,
    pub first_us: Option<i64>,
    pub last_us: Option<i64>,
}

/// A stretch of time a source says nothing about, `[from, to)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    pub source: String,
    pub from_us: i64,
    pub to_us: i64,
}

/// How many rows of a source carry one kind of evidence: `identity`, `credential`, `proof`, …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EvidenceShare {
    pub source: String,
    pub evidence: String,
    pub rows: i64,
    pub of: i64,
}

/// How many of the things seen in the logs an inventory knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct InventoryMatch {
    /// `APIs`, `identities`
    pub what: String,
    pub matched: i64,
    pub seen: i64,
}

/// Hexadecimal digests of run.json.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    pub config: String,
    pub inputs: String,
    pub queries: String,
}
