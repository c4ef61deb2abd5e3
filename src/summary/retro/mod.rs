//! The retrospective of one incident: clocks with the records behind them, a timeline, the blast radius, siblings, proof.
//!
//! Facts come from queries/retro over a finished run; `arrange` only puts them in order, `inquiry` says what they leave open.
//! What no log says stays unsaid: it is listed under what could not be seen.

pub mod arrange;
pub mod inquiry;
pub mod markdown;

use crate::frame::table::{Column, Table};
use crate::summary::report::prose::{self, Prose};
use std::collections::BTreeMap;

/// What the user named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Credential(String),
    Ticket(String),
    Identity(String),
}

impl Key {
    pub fn kind(&self) -> &'static str {
        match self {
            Key::Credential(_) => "credential",
            Key::Ticket(_) => "ticket",
            Key::Identity(_) => "identity",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Key::Credential(name) | Key::Ticket(name) | Key::Identity(name) => name,
        }
    }
}

/// A case, or a credential or identity without one, before its evidence is gathered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seed {
    /// Number of the subject, from 1.
    pub subject: i64,
    pub ticket: Option<String>,
    pub tracker: Option<String>,
    pub credential: Option<String>,
    pub identity: Option<String>,
    pub severity: Option<String>,
    pub proof_grade: Option<String>,
    pub revoked_by: Option<String>,
    pub is_case: bool,
    pub is_false_positive: bool,
    /// All calls of the identity are meant, whatever their credential.
    pub is_whole_identity: bool,
    pub exposed_us: Option<i64>,
    pub detected_us: Option<i64>,
    pub reported_us: Option<i64>,
    pub contained_us: Option<i64>,
    pub revoked_us: Option<i64>,
    pub enforced_us: Option<i64>,
    pub accepted_after: i64,
    pub rejected_after: i64,
    /// First instant after which calls count as exposed; `None`: no instant is known, all calls count.
    pub from_us: Option<i64>,
    /// Enforcement, or the instant at which facts are judged.
    pub until_us: i64,
}

impl Seed {
    /// The credential is not known, and the calls are all those of its identity.
    pub fn is_upper_bound(&self) -> bool {
        self.credential.is_none() && self.identity.is_some() && !self.is_whole_identity
    }
}

/// An instant of the case, what it rests on, and the records that say so.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    pub name: &'static str,
    pub at_us: Option<i64>,
    pub basis: Prose,
    pub records: Vec<String>,
}

/// Something that happened, and the record that says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    pub at_us: i64,
    pub kind: String,
    /// idp, ticket or gateway: whose word it is.
    pub basis: &'static str,
    pub what: Prose,
    pub credential: Option<String>,
    pub file: Option<String>,
    pub record: Option<i64>,
}

impl Happening {
    /// `file:record`.
    pub fn place(&self) -> Option<String> {
        Some(place(self.file.as_deref()?, self.record?))
    }
}

/// One case (or credential, or identity) with its evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    pub seed: Seed,
    /// The case in a few sentences; empty where there is no case.
    pub in_short: Prose,
    pub about: Vec<(&'static str, Prose)>,
    pub clocks: Vec<Clock>,
    pub timeline: Vec<Happening>,
    pub calls: prose::Table,
    pub apis: prose::Table,
    pub scopes: prose::Table,
    pub addresses: prose::Table,
    pub violations: prose::Table,
    pub siblings: prose::Table,
    pub grants: prose::Table,
    pub proof: Prose,
    pub proof_records: prose::Table,
    pub unseen: Vec<Prose>,
    pub questions: Vec<Prose>,
}

/// The whole retrospective.
#[derive(Debug, Clone, PartialEq)]
pub struct Retro {
    pub key: Key,
    pub run: String,
    /// Digest of the inputs of the run.
    pub inputs_digest: String,
    pub tool_version: String,
    pub as_of_us: i64,
    pub grace_us: i64,
    pub subjects: Vec<Subject>,
}

/// Results of queries/retro, by name.
pub type Facts = BTreeMap<&'static str, Table>;

/// `file:record`.
pub fn place(file: &str, record: i64) -> String {
    format!("{file}:{record}")
}

/// A flag, whether it came as a boolean or as 0 and 1.
pub(crate) fn flag(table: &Table, name: &str, row: usize) -> Option<bool> {
    match table.column(name)? {
        Column::Flag(values) => *values.get(row)?,
        _ => table.int(name, row).map(|value| value != 0),
    }
}

/// The timeline as rows of a Parquet file.
pub fn timeline_table(retro: &Retro) -> Table {
    let rows: Vec<(&Seed, &Happening)> = retro.subjects.iter().flat_map(|subject| subject.timeline.iter().map(|row| (&subject.seed, row))).collect();
    let text = |value: &dyn Fn(&(&Seed, &Happening)) -> Option<String>| Column::Text(rows.iter().map(value).collect());
    let mut table = Table::default();
    table.set("subject", Column::Int(rows.iter().map(|(seed, _)| Some(seed.subject)).collect()));
    table.set("ticket", text(&|(seed, _)| seed.ticket.clone()));
    table.set("identity", text(&|(seed, _)| seed.identity.clone()));
    table.set("event_time", Column::Instant(rows.iter().map(|(_, row)| Some(row.at_us)).collect()));
    table.set("event", text(&|(_, row)| Some(row.kind.clone())));
    table.set("basis", text(&|(_, row)| Some(row.basis.to_string())));
    table.set("credential", text(&|(_, row)| row.credential.clone()));
    table.set("what", text(&|(_, row)| Some(row.what.plain())));
    table.set("file", text(&|(_, row)| row.file.clone()));
    table.set("record", Column::Int(rows.iter().map(|(_, row)| row.record).collect()));
    table
}
