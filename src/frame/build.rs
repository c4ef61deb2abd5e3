//! Everything that was read -> the canonical frames, written as sorted Parquet partitioned by month.
//!
//! What needs all sources at once is settled here: aliases, the IdP's word on opaque tokens, required scopes, exact replays.
//! Numbers of strings and sets follow the sorted spellings, so that no byte depends on which thread read what.

use crate::frame::calls::RequestFrame;
use crate::frame::requests::{SCOPE_SEPARATOR, Text};
use crate::frame::schema::frames;
use crate::frame::table::{Column, Table};
use crate::frame::write::{FileMetadata, write_batch};
use crate::record::identity_event::Action;
use crate::record::scope::ScopeGrammar;
use crate::record::time::{day_of, year_month};
use crate::source::library::Library;
use crate::source::read::{Evidence, From};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

/// What the configuration says of frames.
pub struct FrameSettings {
    /// Left side -> right side of `[credential_aliases]`.
    pub credential_aliases: HashMap<String, String>,
    pub grammar: ScopeGrammar,
    pub metadata: FileMetadata,
}

/// The frames of a run.
pub struct Frames {
    /// `frames/` of the run folder.
    pub folder: PathBuf,
    /// Rows of `requests` by month.
    pub request_months: BTreeMap<String, u64>,
    pub events: Table,
    pub tickets: Table,
    pub scope_sets: ScopeSets,
    /// Rows of `requests` by day.
    pub request_days: BTreeMap<i64, u64>,
    /// Evidence found in rows, by file and day.
    pub coverage: BTreeMap<(u32, i64), EvidenceCounts>,
}

/// How many rows say each thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EvidenceCounts {
    pub rows: i64,
    pub with_api: i64,
    pub with_identity: i64,
    pub with_credential: i64,
    pub with_scheme: i64,
    pub with_proof: i64,
    pub with_scopes: i64,
}

impl EvidenceCounts {
    pub fn add(&mut self, other: &EvidenceCounts) {
        self.rows += other.rows;
        self.with_api += other.with_api;
        self.with_identity += other.with_identity;
        self.with_credential += other.with_credential;
        self.with_scheme += other.with_scheme;
        self.with_proof += other.with_proof;
        self.with_scopes += other.with_scopes;
    }
}

/// Every set of scopes that occurs, numbered in the order of their spellings.
#[derive(Debug, Default)]
pub struct ScopeSets {
    sets: Vec<String>,
}

impl ScopeSets {
    fn new(spellings: BTreeSet<String>) -> Self {
        ScopeSets { sets: spellings.into_iter().collect() }
    }

    /// The number of a set by its spelling.
    pub fn number(&self, spelling: &str) -> Option<i64> {
        self.sets.binary_search_by(|other| other.as_str().cmp(spelling)).ok().map(|number| number as i64)
    }

    /// The scopes of a set.
    pub fn scopes(&self, number: i64) -> impl Iterator<Item = &str> {
        self.sets[number as usize].split(SCOPE_SEPARATOR).filter(|scope| !scope.is_empty())
    }

    pub fn len(&self) -> usize {
        self.sets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}

/// Builds and writes the three record frames. Only writing can fail.
pub fn build_frames(evidence: &mut Evidence, library: &Library, settings: &FrameSettings, folder: &Path) -> io::Result<Frames> {
    let mut duplicates: BTreeMap<(u32, u64), i64> = BTreeMap::new();
    let mut apis = BTreeSet::new();
    for store in &evidence.requests {
        apis.extend(store.strings(Text::Api)?.iter().map(str::to_string));
    }
    evidence.inventory.add_documents(&apis.iter().map(String::as_str).collect());
    settle_events(evidence, settings, &mut duplicates);
    settle_tickets(evidence, settings, &mut duplicates);
    let names: Vec<String> = evidence.files.iter().map(|file| file.path.to_string_lossy().into_owned()).collect();
    let sources: Vec<String> = evidence.files.iter().map(|file| file.pack.map_or(String::new(), |pack| library.packs[pack].id().to_string())).collect();
    let scope_sets = all_scope_sets(evidence)?;
    let written = RequestFrame::new(evidence, settings, &scope_sets, &names, &sources)?.write(folder, &settings.metadata)?;
    // They are in the frames now: queries need the room.
    evidence.requests = Vec::new();
    let mut frames = Frames {
        folder: folder.to_path_buf(),
        request_months: BTreeMap::new(),
        events: Table::default(),
        tickets: Table::default(),
        scope_sets: ScopeSets::default(),
        request_days: BTreeMap::new(),
        coverage: BTreeMap::new(),
    };
    for month in written {
        frames.request_months.insert(month.month, month.rows);
        duplicates.extend(month.duplicates);
        for (key, counts) in month.coverage {
            *frames.request_days.entry(key.1).or_default() += counts.rows as u64;
            frames.coverage.entry(key).or_default().add(&counts);
        }
    }
    frames.events = events_table(evidence, &scope_sets, &names, &sources);
    frames.tickets = tickets_table(evidence, &names, &sources);
    hide_people(evidence, &mut frames.events);
    hide_people(evidence, &mut frames.tickets);
    write_partitioned(&frames.events, "identity_events", folder, &settings.metadata)?;
    write_partitioned(&frames.tickets, "revocation_tickets", folder, &settings.metadata)?;
    if frames.request_months.is_empty() {
        let empty = Table::with_schema(&frames_schema("requests")).without(&["month"]);
        write_batch(&folder.join("requests/month=1970-01/part-0.parquet"), &empty.to_batch(), &settings.metadata)?;
    }
    count_event_coverage(evidence, &mut frames.coverage);
    for ((file, _), day) in duplicates {
        evidence.count_duplicate(file, day);
    }
    frames.scope_sets = scope_sets;
    Ok(frames)
}

/// Pseudonyms for people in a table's columns.
fn hide_people(evidence: &Evidence, table: &mut Table) {
    let Some(people) = &evidence.people else { return };
    for (name, column) in &mut table.columns {
        let Column::Text(values) = column else { continue };
        match name.as_str() {
            "identity" | "identity_seen" | "owner" | "actor" | "assignee" => {
                values.iter_mut().flatten().for_each(|name| *name = people.name(name).into_owned())
            }
            "credential" => values.iter_mut().flatten().for_each(|reference| *reference = people.reference(reference).into_owned()),
            _ => {}
        }
    }
}

fn frames_schema(frame: &str) -> Vec<crate::frame::schema::ColumnSchema> {
    frames()[frame].clone()
}

/// Aliases, identities taken from issuance, and exact replays of events.
fn settle_events(evidence: &mut Evidence, settings: &FrameSettings, duplicates: &mut BTreeMap<(u32, u64), i64>) {
    let mut seen = HashSet::new();
    let alias = |credential: &mut Option<String>| {
        if let Some(right) = credential.as_ref().and_then(|left| settings.credential_aliases.get(left)) {
            *credential = Some(right.clone());
        }
    };
    let mut order: Vec<usize> = (0..evidence.events.len()).collect();
    order.sort_by_key(|&i| (evidence.events[i].file, evidence.events[i].record));
    let (mut keep, mut replayed, mut gave_more) = (vec![true; evidence.events.len()], Vec::new(), HashSet::new());
    for i in order {
        let event = &evidence.events[i];
        let source = evidence.files[event.file as usize].pack;
        // Some sources give one id to several events of one instant: those are no replays.
        let key = |id: &String| (source, id.clone(), event.row.event_us, event.row.event_type.clone(), event.row.ordinal);
        let is_new = event.row.event_id.as_ref().is_none_or(|id| seen.insert(key(id)));
        keep[i] = is_new;
        match (is_new, event.row.ordinal) {
            (false, 0) => replayed.push(((event.file, event.record), day_of(event.row.event_us))),
            (true, 1..) => drop(gave_more.insert((event.file, event.record))),
            _ => {}
        }
    }
    // A record of several events is a duplicate if none of them is new.
    duplicates.extend(replayed.into_iter().filter(|(record, _)| !gave_more.contains(record)));
    let mut keep = keep.into_iter();
    evidence.events.retain(|_| keep.next().unwrap_or(true));
    let mut issuers: HashMap<(String, String), String> = HashMap::new();
    for event in &mut evidence.events {
        alias(&mut event.row.credential);
        if let (Action::CredentialIssued, Some(credential), Some(identity)) = (event.row.action, &event.row.credential, &event.row.identity_seen) {
            issuers.entry((event.row.provider.clone(), credential.clone())).or_insert_with(|| identity.clone());
        }
    }
    for event in evidence.events.iter_mut().filter(|event| event.row.identity_of_issuance) {
        let Some(credential) = &event.row.credential else { continue };
        if let Some(identity) = issuers.get(&(event.row.provider.clone(), credential.clone())) {
            event.row.identity_seen = Some(identity.clone());
        }
    }
}

/// Credential aliases, and of a ticket exported twice the record with the latest update (the first in path order on a tie).
fn settle_tickets(evidence: &mut Evidence, settings: &FrameSettings, duplicates: &mut BTreeMap<(u32, u64), i64>) {
    let mut best: HashMap<(String, String), usize> = HashMap::new();
    let mut keep = vec![true; evidence.tickets.len()];
    for (i, ticket) in evidence.tickets.iter().enumerate() {
        let key = (ticket.row.tracker.clone(), ticket.row.ticket.clone());
        let older = match best.get(&key) {
            None => {
                best.insert(key, i);
                continue;
            }
            Some(&other) if ticket.row.updated_us > evidence.tickets[other].row.updated_us => {
                best.insert(key, i);
                other
            }
            Some(_) => i,
        };
        keep[older] = false;
        let older = &evidence.tickets[older];
        duplicates.insert((older.file, older.record), day_of(older.row.reported_us));
    }
    let mut keep = keep.into_iter();
    evidence.tickets.retain(|_| keep.next().unwrap_or(true));
    for ticket in &mut evidence.tickets {
        let mut settled: Vec<String> = Vec::new();
        for credential in ticket.row.credentials.drain(..) {
            let credential = settings.credential_aliases.get(&credential).cloned().unwrap_or(credential);
            if !settled.contains(&credential) {
                settled.push(credential);
            }
        }
        ticket.row.credentials = settled;
    }
}

/// The spelling of a scope set.
pub fn join(scopes: &[String]) -> String {
    scopes.join("\n")
}

/// The sets of calls, events and required scopes.
fn all_scope_sets(evidence: &Evidence) -> io::Result<ScopeSets> {
    let mut spellings = BTreeSet::new();
    for store in &evidence.requests {
        for column in [Text::ScopeSet, Text::RequiredSet] {
            spellings.extend(store.strings(column)?.iter().map(str::to_string));
        }
    }
    spellings.extend(evidence.events.iter().filter_map(|event| event.row.scopes.as_ref()).map(|scopes| join(scopes)));
    spellings.extend(evidence.inventory.apis.iter().flat_map(|api| &api.required_scopes).map(|(_, _, scopes)| join(scopes)));
    Ok(ScopeSets::new(spellings))
}

fn text_column<T>(rows: &[From<T>], value: impl Fn(&From<T>) -> Option<String>) -> Column {
    Column::Text(rows.iter().map(value).collect())
}

fn events_table(evidence: &Evidence, sets: &ScopeSets, names: &[String], sources: &[String]) -> Table {
    let rows = &evidence.events;
    let scope_sets: Vec<Option<i64>> = rows.iter().map(|event| event.row.scopes.as_ref().and_then(|scopes| sets.number(&join(scopes)))).collect();
    let instant = |value: fn(&crate::record::identity_event::IdentityEventRow) -> Option<i64>| -> Vec<Option<i64>> {
        rows.iter().map(|event| value(&event.row)).collect()
    };
    let (at, issued, expires) = (instant(|row| Some(row.event_us)), instant(|row| row.issued_us), instant(|row| row.expires_us));
    let mut table = Table::default();
    table.set("event_time", Column::Instant(at.clone()));
    table.set("provider", text_column(rows, |event| Some(event.row.provider.clone())));
    table.set("event_id", text_column(rows, |event| event.row.event_id.clone()));
    table.set("event_type", text_column(rows, |event| event.row.event_type.clone()));
    table.set("action", text_column(rows, |event| Some(event.row.action.as_str().into())));
    table.set("outcome", text_column(rows, |event| Some(event.row.outcome.as_str().into())));
    table.set("identity", text_column(rows, |event| event.row.identity_seen.as_ref().map(|seen| evidence.aliases.resolve(seen).to_string())));
    table.set("identity_seen", text_column(rows, |event| event.row.identity_seen.clone()));
    table.set("identity_kind", text_column(rows, |event| event.row.identity_kind.map(|kind| kind.as_str().into())));
    table.set("credential", text_column(rows, |event| event.row.credential.clone()));
    table.set("credential_kind", text_column(rows, |event| event.row.credential_kind.map(|kind| kind.as_str().into())));
    table.set("scopes", Column::List(rows.iter().map(|event| event.row.scopes.clone()).collect()));
    table.set("api", text_column(rows, |event| event.row.api.clone()));
    table.set("issued_at", Column::Instant(issued.clone()));
    table.set("expires_at", Column::Instant(expires.clone()));
    table.set("bound", text_column(rows, |event| event.row.bound.map(|bound| bound.as_str().into())));
    table.set("owner", text_column(rows, |event| event.row.owner.as_ref().map(|owner| evidence.aliases.resolve(owner).to_string())));
    table.set("actor", text_column(rows, |event| event.row.actor.clone()));
    table.set("is_automatic", Column::Flag(rows.iter().map(|event| event.row.is_automatic).collect()));
    table.set("source", text_column(rows, |event| Some(sources[event.file as usize].clone())));
    table.set("file", text_column(rows, |event| Some(names[event.file as usize].clone())));
    table.set("record", Column::Int(rows.iter().map(|event| Some(event.record as i64)).collect()));
    table.set("month", Column::Text(at.iter().map(|at| at.map(month_name)).collect()));
    table.set("event_us", Column::Int(at));
    table.set("issued_us", Column::Int(issued));
    table.set("expires_us", Column::Int(expires));
    table.set("scope_set", Column::Int(scope_sets));
    table.set("states_expiry", Column::Int(rows.iter().map(|event| Some(i64::from(event.row.states_expiry))).collect()));
    table
}

fn tickets_table(evidence: &Evidence, names: &[String], sources: &[String]) -> Table {
    // One row per ticket and credential, one row for a ticket without.
    let mut rows: Vec<(&From<crate::record::revocation_ticket::TicketRow>, Option<&String>)> = Vec::new();
    for ticket in &evidence.tickets {
        rows.extend(ticket.row.credentials.iter().map(|credential| (ticket, Some(credential))));
        if ticket.row.credentials.is_empty() {
            rows.push((ticket, None));
        }
    }
    rows.sort_by_key(|(ticket, credential)| (ticket.row.reported_us, ticket.file, ticket.record, *credential));
    type Ticket = crate::record::revocation_ticket::TicketRow;
    let text = |value: &dyn Fn(&Ticket) -> Option<String>| Column::Text(rows.iter().map(|(ticket, _)| value(&ticket.row)).collect());
    let instant = |value: fn(&Ticket) -> Option<i64>| -> Vec<Option<i64>> { rows.iter().map(|(ticket, _)| value(&ticket.row)).collect() };
    let clocks: [(&str, Vec<Option<i64>>); 6] = [
        ("exposed", instant(|row| row.exposed_us)),
        ("detected", instant(|row| row.detected_us)),
        ("reported", instant(|row| Some(row.reported_us))),
        ("contained", instant(|row| row.contained_us)),
        ("revoked", instant(|row| row.revoked_us)),
        ("closed", instant(|row| row.closed_us)),
    ];
    let mut table = Table::default();
    table.set("ticket", text(&|row| Some(row.ticket.clone())));
    table.set("tracker", text(&|row| Some(row.tracker.clone())));
    table.set("identity", text(&|row| row.identity_seen.as_ref().map(|seen| evidence.aliases.resolve(seen).to_string())));
    table.set("credential", Column::Text(rows.iter().map(|(_, credential)| credential.cloned()).collect()));
    table.set("severity", text(&|row| row.severity.clone()));
    for (name, values) in &clocks {
        table.set(&format!("{name}_at"), Column::Instant(values.clone()));
    }
    table.set("status", text(&|row| row.status.clone()));
    table.set("resolution", text(&|row| row.resolution.clone()));
    table.set("is_open", Column::Flag(rows.iter().map(|(ticket, _)| Some(ticket.row.is_open)).collect()));
    table.set("is_false_positive", Column::Flag(rows.iter().map(|(ticket, _)| Some(ticket.row.is_false_positive)).collect()));
    table.set("assignee", text(&|row| row.assignee.clone()));
    table.set("source", Column::Text(rows.iter().map(|(ticket, _)| Some(sources[ticket.file as usize].clone())).collect()));
    table.set("file", Column::Text(rows.iter().map(|(ticket, _)| Some(names[ticket.file as usize].clone())).collect()));
    table.set("record", Column::Int(rows.iter().map(|(ticket, _)| Some(ticket.record as i64)).collect()));
    for (name, values) in clocks {
        table.set(&format!("{name}_us"), Column::Int(values));
    }
    table.set("revoked_from_history", Column::Int(rows.iter().map(|(ticket, _)| Some(i64::from(ticket.row.revoked_from_history))).collect()));
    table.set("status_is_revoked", Column::Int(rows.iter().map(|(ticket, _)| Some(i64::from(ticket.row.status_is_revoked))).collect()));
    table
}

/// `2026-05` of an instant.
pub fn month_name(at: i64) -> String {
    let (year, month) = year_month(at);
    format!("{year:04}-{month:02}")
}

/// Writes a frame that is held in memory as one file a month; the month is in the path alone.
fn write_partitioned(table: &Table, frame: &str, folder: &Path, metadata: &FileMetadata) -> io::Result<()> {
    let at = table.column(if frame == "revocation_tickets" { "reported_us" } else { "event_us" }).map(Column::ints).unwrap_or_default();
    let mut months: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (row, at) in at.iter().enumerate() {
        months.entry(month_name(at.unwrap_or(0))).or_default().push(row);
    }
    if months.is_empty() {
        months.insert("1970-01".into(), Vec::new());
    }
    for (month, rows) in months {
        let part = table.take(&rows).without(&["month"]);
        write_batch(&folder.join(format!("{frame}/month={month}/part-0.parquet")), &part.to_batch(), metadata)?;
    }
    Ok(())
}

fn count_event_coverage(evidence: &Evidence, coverage: &mut BTreeMap<(u32, i64), EvidenceCounts>) {
    let has = |flag: bool| i64::from(flag);
    // A record that is a call as well was counted as one.
    let calls: HashSet<(u32, i64)> = coverage.keys().copied().collect();
    for event in &evidence.events {
        let key = (event.file, day_of(event.row.event_us));
        if !calls.contains(&key) {
            coverage.entry(key).or_default().add(&EvidenceCounts {
                rows: 1,
                with_identity: has(event.row.identity_seen.is_some()),
                with_credential: has(event.row.credential.is_some()),
                with_scopes: has(event.row.scopes.is_some()),
                with_api: has(event.row.api.is_some()),
                ..Default::default()
            });
        }
    }
    for ticket in &evidence.tickets {
        coverage.entry((ticket.file, day_of(ticket.row.reported_us))).or_default().add(&EvidenceCounts {
            rows: 1,
            with_identity: has(ticket.row.identity_seen.is_some()),
            with_credential: has(!ticket.row.credentials.is_empty()),
            ..Default::default()
        });
    }
}
