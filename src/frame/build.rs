//! Everything that was read -> the canonical frames, written as sorted Parquet partitioned by month.
//!
//! What needs all sources at once is settled here: aliases, the IdP's word on opaque tokens, required scopes, exact replays.
//! Numbers of strings and sets follow the sorted spellings, so that no byte depends on which thread read what.

use crate::frame::interner::{Interner, NULL};
use crate::frame::requests::{NO_INSTANT, NO_STATUS, RequestStore, SCOPE_SEPARATOR, Text, UnifiedText};
use crate::frame::schema::frames;
use crate::frame::table::{Column, Table};
use crate::frame::write::{FileMetadata, ParquetWriter, write_batch};
use crate::record::decision::{Decision, Violation};
use crate::record::identity_event::{Action, Outcome};
use crate::record::proof::{AuthScheme, Bound, Proof};
use crate::record::scope::ScopeGrammar;
use crate::record::time::{MICROS_PER_DAY, day_of, year_month};
use crate::source::library::Library;
use crate::source::read::{Evidence, From};
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{Array, ArrayRef, DictionaryArray, Int16Array, Int32Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{Field, Schema};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    fn add(&mut self, other: &EvidenceCounts) {
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
    settle_events(evidence, settings, &mut duplicates);
    settle_tickets(evidence, settings, &mut duplicates);
    let names: Vec<String> = evidence.files.iter().map(|file| file.path.to_string_lossy().into_owned()).collect();
    let sources: Vec<String> = evidence.files.iter().map(|file| file.pack.map_or(String::new(), |pack| library.packs[pack].id().to_string())).collect();
    let scope_sets = all_scope_sets(evidence);
    let builder = RequestBuilder::new(evidence, settings, &scope_sets, &names, &sources);
    let months = builder.months();
    let written: Vec<MonthWritten> =
        months.par_iter().map(|(month, rows)| builder.write_month(month, rows, folder, &settings.metadata)).collect::<io::Result<_>>()?;
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
    let mut keep = vec![true; evidence.events.len()];
    for i in order {
        let event = &evidence.events[i];
        let Some(id) = &event.row.event_id else { continue };
        let source = evidence.files[event.file as usize].pack;
        if !seen.insert((source, id.clone(), event.row.event_us)) {
            keep[i] = false;
            duplicates.insert((event.file, event.record), day_of(event.row.event_us));
        }
    }
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

fn join(scopes: &[String]) -> String {
    scopes.join("\n")
}

/// The sets of calls, events and required scopes.
fn all_scope_sets(evidence: &Evidence) -> ScopeSets {
    let mut spellings = BTreeSet::new();
    for store in &evidence.requests {
        for column in [Text::ScopeSet, Text::RequiredSet] {
            spellings.extend(store.texts[column as usize].iter().map(str::to_string));
        }
    }
    spellings.extend(evidence.events.iter().filter_map(|event| event.row.scopes.as_ref()).map(|scopes| join(scopes)));
    spellings.extend(evidence.inventory.apis.iter().flat_map(|api| &api.required_scopes).map(|(_, _, scopes)| join(scopes)));
    ScopeSets::new(spellings)
}

/// One row's place in the stores, in the order of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RowRef {
    event_us: i64,
    file: u32,
    record: u64,
    store: u16,
    row: u32,
}

/// A record given twice: its file and number, and its day.
type Replay = ((u32, u64), i64);

struct MonthWritten {
    month: String,
    rows: u64,
    duplicates: Vec<Replay>,
    coverage: BTreeMap<(u32, i64), EvidenceCounts>,
}

/// The stores under common numbers, with what was settled for each number.
struct RequestBuilder<'a> {
    stores: &'a [RequestStore],
    texts: Vec<UnifiedText>,
    /// Number of a credential -> the IdP's word on it.
    bound: Vec<Option<Bound>>,
    /// Numbers of scope sets by number of spelling.
    scope_sets: Vec<i64>,
    required_sets: Vec<i64>,
    /// (api, method, route) -> required set, from the inventory.
    required: HashMap<(u32, u32, u32), i64>,
    sets: &'a ScopeSets,
    packs: Vec<Option<usize>>,
    /// The strings of each text column, and of the columns made from them, as the values of dictionary arrays.
    dictionaries: Dictionaries,
}

/// Values of dictionary arrays; a key is a common number.
struct Dictionaries {
    texts: Vec<ArrayRef>,
    identities: ArrayRef,
    credentials: ArrayRef,
    files: ArrayRef,
    sources: ArrayRef,
    schemes: ArrayRef,
    proofs: ArrayRef,
    decisions: ArrayRef,
    violations: ArrayRef,
}

fn strings<'s>(values: impl Iterator<Item = &'s str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// The strings of a column as they may be written: with pseudonyms for people where names are hidden.
fn written<'s>(evidence: &Evidence, column: Text, values: impl Iterator<Item = &'s str>) -> ArrayRef {
    match (&evidence.people, column) {
        (Some(people), Text::Identity) => Arc::new(StringArray::from_iter_values(values.map(|name| people.name(name)))),
        (Some(people), Text::Credential) => Arc::new(StringArray::from_iter_values(values.map(|reference| people.reference(reference)))),
        _ => strings(values),
    }
}

/// Pseudonyms for people in a table's columns.
fn hide_people(evidence: &Evidence, table: &mut Table) {
    let Some(people) = &evidence.people else { return };
    for (name, column) in &mut table.columns {
        let Column::Text(values) = column else { continue };
        match name.as_str() {
            "identity" | "identity_seen" | "owner" | "actor" | "assignee" => values.iter_mut().flatten().for_each(|name| *name = people.name(name).into_owned()),
            "credential" => values.iter_mut().flatten().for_each(|reference| *reference = people.reference(reference).into_owned()),
            _ => {}
        }
    }
}

/// A column of small numbers over shared strings.
fn coded(keys: impl Iterator<Item = Option<i32>>, values: &ArrayRef) -> ArrayRef {
    let keys = Int32Array::from_iter(keys);
    Arc::new(DictionaryArray::try_new(keys, values.clone()).expect("every key is a number of the values"))
}

const TEXT_COLUMNS: [Text; crate::frame::requests::TEXTS] = [
    Text::Gateway,
    Text::Api,
    Text::Method,
    Text::Route,
    Text::Identity,
    Text::Credential,
    Text::TokenType,
    Text::Policy,
    Text::ClientAddress,
    Text::Environment,
    Text::ScopeSet,
    Text::RequiredSet,
];

/// Rows of a batch handed to the Parquet writer.
const BATCH_ROWS: usize = 128 * 1024;

impl<'a> RequestBuilder<'a> {
    fn new(evidence: &'a Evidence, settings: &FrameSettings, sets: &'a ScopeSets, names: &'a [String], sources: &'a [String]) -> Self {
        let stores = &evidence.requests;
        let texts: Vec<UnifiedText> = TEXT_COLUMNS.par_iter().map(|&column| UnifiedText::new(stores, column)).collect();
        let interner = |column: Text| -> &Interner { &texts[column as usize].all };
        let alias = |credential: &str| settings.credential_aliases.get(credential).cloned().unwrap_or_else(|| credential.to_string());
        let credentials: Vec<String> = interner(Text::Credential).iter().map(alias).collect();
        let bindings = bindings(evidence);
        let bound = credentials.iter().map(|credential| bindings.get(credential.as_str()).copied()).collect();
        let numbers = |column: Text| interner(column).iter().map(|spelling| sets.number(spelling).unwrap_or(0)).collect();
        let (scope_sets, required_sets) = (numbers(Text::ScopeSet), numbers(Text::RequiredSet));
        let mut required = HashMap::new();
        for api in &evidence.inventory.apis {
            for (method, route, scopes) in &api.required_scopes {
                let found = (interner(Text::Api).find(&api.api), interner(Text::Method).find(method), interner(Text::Route).find(route));
                if let (Some(api), Some(method), Some(route), Some(set)) = (found.0, found.1, found.2, sets.number(&join(scopes))) {
                    required.insert((api, method, route), set);
                }
            }
        }
        let packs = evidence.files.iter().map(|file| file.pack).collect();
        let dictionaries = Dictionaries {
            texts: TEXT_COLUMNS.iter().zip(&texts).map(|(column, text)| written(evidence, *column, text.all.iter())).collect(),
            identities: written(evidence, Text::Identity, interner(Text::Identity).iter().map(|seen| evidence.aliases.resolve(seen))),
            credentials: written(evidence, Text::Credential, credentials.iter().map(String::as_str)),
            files: strings(names.iter().map(String::as_str)),
            sources: strings(sources.iter().map(String::as_str)),
            schemes: strings(AuthScheme::ALL.iter().map(|value| value.as_str())),
            proofs: strings(Proof::ALL.iter().map(|value| value.as_str())),
            decisions: strings(Decision::ALL.iter().map(|value| value.as_str())),
            violations: strings(Violation::ALL.iter().map(|value| value.as_str())),
        };
        RequestBuilder { stores, bound, scope_sets, required_sets, required, sets, packs, dictionaries, texts }
    }

    /// All rows by month, in the frame's order.
    fn months(&self) -> Vec<(String, Vec<RowRef>)> {
        let mut months: BTreeMap<(i64, u32), Vec<RowRef>> = BTreeMap::new();
        let mut current: Option<((i64, u32), std::ops::Range<i64>)> = None;
        for (number, store) in self.stores.iter().enumerate() {
            for row in 0..store.len() {
                let event_us = store.event_us[row];
                let month = match &current {
                    Some((month, range)) if range.contains(&event_us) => *month,
                    _ => {
                        let month = year_month(event_us);
                        let day = day_of(event_us) * MICROS_PER_DAY;
                        current = Some((month, day..day + MICROS_PER_DAY));
                        month
                    }
                };
                let reference = RowRef { event_us, file: store.file[row], record: store.record[row], store: number as u16, row: row as u32 };
                months.entry(month).or_default().push(reference);
            }
        }
        let mut months: Vec<_> = months.into_iter().map(|((year, month), rows)| (format!("{year:04}-{month:02}"), rows)).collect();
        months.par_iter_mut().for_each(|(_, rows)| rows.par_sort_unstable());
        months
    }

    /// Takes exact replays out: same source, request id and instant; the first in path order stays.
    fn without_replays(&self, rows: &[RowRef]) -> (Vec<RowRef>, Vec<Replay>) {
        let (mut kept, mut duplicates): (Vec<RowRef>, Vec<_>) = (Vec::with_capacity(rows.len()), Vec::new());
        let mut seen: HashSet<(Option<usize>, &str)> = HashSet::new();
        for group in rows.chunk_by(|a, b| a.event_us == b.event_us) {
            if let [row] = group {
                kept.push(*row);
                continue;
            }
            seen.clear();
            for row in group {
                match self.stores[row.store as usize].request_id(row.row as usize) {
                    Some(id) if !seen.insert((self.packs[row.file as usize], id)) => duplicates.push(((row.file, row.record), day_of(row.event_us))),
                    _ => kept.push(*row),
                }
            }
        }
        (kept, duplicates)
    }

    fn write_month(&self, month: &str, rows: &[RowRef], folder: &Path, metadata: &FileMetadata) -> io::Result<MonthWritten> {
        let (rows, duplicates) = self.without_replays(rows);
        let mut coverage = BTreeMap::new();
        let path = folder.join(format!("requests/month={month}/part-0.parquet"));
        let mut writer: Option<ParquetWriter> = None;
        for block in rows.chunks(BATCH_ROWS) {
            let batch = self.batch(block, &mut coverage);
            let open = match writer.as_mut() {
                Some(open) => open,
                None => writer.insert(ParquetWriter::create(&path, &batch, metadata)?),
            };
            open.write(&batch)?;
        }
        if let Some(writer) = writer {
            writer.close()?;
        }
        Ok(MonthWritten { month: month.to_string(), rows: rows.len() as u64, duplicates, coverage })
    }

    /// Keys of a text column's common numbers.
    fn keys<'r>(&'r self, column: Text, rows: &'r [RowRef]) -> impl Iterator<Item = Option<i32>> + 'r {
        rows.iter().map(move |row| match self.number(column, row) {
            NULL => None,
            number => Some(number as i32),
        })
    }

    fn text(&self, column: Text, rows: &[RowRef]) -> ArrayRef {
        coded(self.keys(column, rows), &self.dictionaries.texts[column as usize])
    }

    fn number(&self, column: Text, row: &RowRef) -> u32 {
        let symbol = self.stores[row.store as usize].symbol(column, row.row as usize);
        self.texts[column as usize].map(row.store as usize, symbol)
    }

    fn required_set(&self, row: &RowRef) -> Option<i64> {
        match self.number(Text::RequiredSet, row) {
            NULL if self.required.is_empty() => None,
            NULL => {
                let operation = (self.number(Text::Api, row), self.number(Text::Method, row), self.number(Text::Route, row));
                self.required.get(&operation).copied()
            }
            number => Some(self.required_sets[number as usize]),
        }
    }

    fn scope_set(&self, row: &RowRef) -> Option<i64> {
        match self.number(Text::ScopeSet, row) {
            NULL => None,
            number => Some(self.scope_sets[number as usize]),
        }
    }

    fn scope_lists(&self, sets: &[Option<i64>]) -> ArrayRef {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for set in sets {
            builder.append_option(set.map(|set| self.sets.scopes(set).map(Some)));
        }
        Arc::new(builder.finish())
    }

    /// A block of rows as the frame's columns, counted into the coverage.
    fn batch(&self, rows: &[RowRef], coverage: &mut BTreeMap<(u32, i64), EvidenceCounts>) -> RecordBatch {
        let store = |row: &RowRef| (&self.stores[row.store as usize], row.row as usize);
        let bound = |row: &RowRef| match self.number(Text::Credential, row) {
            NULL => None,
            number => self.bound[number as usize],
        };
        let proofs: Vec<Proof> = rows.iter().map(|row| store(row).0.proof(row.row as usize, bound(row))).collect();
        let schemes: Vec<AuthScheme> = rows.iter().map(|row| store(row).0.scheme(row.row as usize)).collect();
        let scope_sets: Vec<Option<i64>> = rows.iter().map(|row| self.scope_set(row)).collect();
        let required_sets: Vec<Option<i64>> = rows.iter().map(|row| self.required_set(row)).collect();
        self.cover(rows, &proofs, &schemes, &scope_sets, coverage);
        let known = |value: i64| (value != NO_INSTANT).then_some(value);
        let ints = |value: &dyn Fn(&RowRef) -> Option<i64>| Int64Array::from_iter(rows.iter().map(value));
        let issued = ints(&|row| known(store(row).0.token_issued_us[row.row as usize]));
        let expires = ints(&|row| known(store(row).0.token_expires_us[row.row as usize]));
        let at = ints(&|row| Some(row.event_us));
        let instant = |values: &Int64Array| -> ArrayRef { Arc::new(values.reinterpret_cast::<TimestampMicrosecondType>().with_timezone("UTC")) };
        let status = |row: &RowRef| Some(store(row).0.status[row.row as usize]).filter(|status| *status != NO_STATUS);
        let request_ids = rows.iter().map(|row| store(row).0.request_id(row.row as usize));
        let values = &self.dictionaries;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("event_time", instant(&at)),
            ("gateway", self.text(Text::Gateway, rows)),
            ("request_id", Arc::new(StringArray::from_iter(request_ids))),
            ("api", self.text(Text::Api, rows)),
            ("method", self.text(Text::Method, rows)),
            ("route", self.text(Text::Route, rows)),
            ("identity", coded(self.keys(Text::Identity, rows), &values.identities)),
            ("identity_seen", self.text(Text::Identity, rows)),
            ("credential", coded(self.keys(Text::Credential, rows), &values.credentials)),
            ("auth_scheme", coded(schemes.iter().map(|scheme| Some(*scheme as i32)), &values.schemes)),
            ("proof", coded(proofs.iter().map(|proof| Some(*proof as i32)), &values.proofs)),
            ("token_type", self.text(Text::TokenType, rows)),
            ("token_issued_at", instant(&issued)),
            ("token_expires_at", instant(&expires)),
            ("scopes", self.scope_lists(&scope_sets)),
            ("required_scopes", self.scope_lists(&required_sets)),
            ("status", Arc::new(Int16Array::from_iter(rows.iter().map(status)))),
            ("decision", coded(rows.iter().map(|row| Some(store(row).0.decision(row.row as usize) as i32)), &values.decisions)),
            ("violation", coded(rows.iter().map(|row| store(row).0.violation(row.row as usize).map(|value| value as i32)), &values.violations)),
            ("policy", self.text(Text::Policy, rows)),
            ("client_address", self.text(Text::ClientAddress, rows)),
            ("environment", self.text(Text::Environment, rows)),
            ("source", coded(rows.iter().map(|row| Some(row.file as i32)), &values.sources)),
            ("file", coded(rows.iter().map(|row| Some(row.file as i32)), &values.files)),
            ("record", Arc::new(ints(&|row| Some(row.record as i64)))),
            ("event_us", Arc::new(at.clone())),
            ("day", Arc::new(ints(&|row| Some(day_of(row.event_us))))),
            ("token_issued_us", Arc::new(issued.clone())),
            ("token_expires_us", Arc::new(expires.clone())),
            ("scope_set", Arc::new(Int64Array::from(scope_sets))),
            ("required_set", Arc::new(Int64Array::from(required_sets))),
        ];
        let fields: Vec<Field> = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns of one block have one length")
    }

    fn cover(
        &self,
        rows: &[RowRef],
        proofs: &[Proof],
        schemes: &[AuthScheme],
        scope_sets: &[Option<i64>],
        coverage: &mut BTreeMap<(u32, i64), EvidenceCounts>,
    ) {
        for (i, row) in rows.iter().enumerate() {
            let has = |column: Text| i64::from(self.number(column, row) != NULL);
            coverage.entry((row.file, day_of(row.event_us))).or_default().add(&EvidenceCounts {
                rows: 1,
                with_api: has(Text::Api),
                with_identity: has(Text::Identity),
                with_credential: has(Text::Credential),
                with_scheme: i64::from(schemes[i] != AuthScheme::Unknown),
                with_proof: i64::from(!matches!(proofs[i], Proof::Unknown | Proof::PresentedUnverified)),
                with_scopes: i64::from(scope_sets[i].is_some()),
            });
        }
    }
}

/// Credential -> how the IdP says its token is bound: the latest successful issuance that says so.
fn bindings(evidence: &Evidence) -> HashMap<&str, Bound> {
    let issued = evidence.events.iter().filter(|event| event.row.action == Action::TokenIssued && event.row.outcome == Outcome::Success);
    issued.filter_map(|event| Some((event.row.credential.as_deref()?, event.row.bound?))).collect()
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
