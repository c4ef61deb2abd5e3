//! The workers' calls -> the `requests` frame: what all sources together say of each call, in the frame's order, a month a file.

use crate::frame::build::{EvidenceCounts, FrameSettings, ScopeSets, join};
use crate::frame::interner::{Interner, NULL};
use crate::frame::merge::{Piece, RowRef, Runs};
use crate::frame::requests::{NO_INSTANT, NO_STATUS, RequestRows, TEXTS, Text, UnifiedText};
use crate::frame::write::{FileMetadata, ParquetWriter};
use crate::record::decision::{Decision, Violation};
use crate::record::identity_event::{Action, Outcome};
use crate::record::proof::{AuthScheme, Bound, Proof};
use crate::record::time::{MICROS_PER_DAY, day_of, month_end, year_month};
use crate::source::read::Evidence;
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{Array, ArrayRef, DictionaryArray, Int16Array, Int32Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{Field, Schema};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A record given twice: its file and number, and its day.
pub type Replay = ((u32, u64), i64);

/// A month that was written.
pub struct MonthWritten {
    /// `2026-05`.
    pub month: String,
    pub rows: u64,
    pub duplicates: Vec<Replay>,
    /// Evidence found in rows, by file and day.
    pub coverage: BTreeMap<(u32, i64), EvidenceCounts>,
}

/// Calls under common numbers, with what was settled for each number.
pub struct RequestFrame<'a> {
    evidence: &'a Evidence,
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

/// A column of small numbers over shared strings.
fn coded(keys: impl Iterator<Item = Option<i32>>, values: &ArrayRef) -> ArrayRef {
    let keys = Int32Array::from_iter(keys);
    Arc::new(DictionaryArray::try_new(keys, values.clone()).expect("every key is a number of the values"))
}

const TEXT_COLUMNS: [Text; TEXTS] = [
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

/// Rows of a batch handed to the Parquet writer: always this many but for a month's last, so that no byte of a file depends
/// on how its rows were spread over threads.
const BATCH_ROWS: usize = 128 * 1024;

/// Rows that were brought in and not yet written, with the pieces that hold them.
#[derive(Default)]
struct Pending<'a> {
    /// By number; each with the number of its store.
    pieces: Vec<Option<(usize, Piece<'a>)>>,
    rows: Vec<RowRef>,
}

impl Pending<'_> {
    /// Lets go of the pieces before `piece` that none of the rows needs.
    fn forget_before(&mut self, piece: usize) {
        let needed: HashSet<u32> = self.rows.iter().map(|row| row.piece).collect();
        for (number, place) in self.pieces[..piece].iter_mut().enumerate() {
            if !needed.contains(&(number as u32)) {
                *place = None;
            }
        }
    }
}

/// Rows that become one batch.
struct Block<'b> {
    frame: &'b RequestFrame<'b>,
    pieces: &'b [Option<(usize, Piece<'b>)>],
    rows: &'b [RowRef],
}

impl<'a> RequestFrame<'a> {
    pub fn new(evidence: &'a Evidence, settings: &FrameSettings, sets: &'a ScopeSets, names: &[String], sources: &[String]) -> io::Result<Self> {
        let texts: Vec<UnifiedText> = TEXT_COLUMNS.par_iter().map(|&column| UnifiedText::new(&evidence.requests, column)).collect::<io::Result<_>>()?;
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
        Ok(RequestFrame { evidence, bound, scope_sets, required_sets, required, sets, packs, dictionaries, texts })
    }

    /// Writes `requests/month=YYYY-MM/part-0.parquet` for every month with calls. At most a slice of calls is in memory
    /// beside what the stores hold.
    pub fn write(&self, folder: &Path, metadata: &FileMetadata) -> io::Result<Vec<MonthWritten>> {
        let runs = Runs::new(&self.evidence.requests);
        let (mut written, mut from) = (Vec::new(), i64::MIN);
        while let Some(first) = runs.next_instant(from)? {
            let end = month_end(first);
            written.push(self.write_month(&runs, first..end, folder, metadata)?);
            from = end;
        }
        Ok(written)
    }

    fn write_month(&self, runs: &Runs<'a>, instants: std::ops::Range<i64>, folder: &Path, metadata: &FileMetadata) -> io::Result<MonthWritten> {
        let (year, month) = year_month(instants.start);
        let mut written = MonthWritten { month: format!("{year:04}-{month:02}"), rows: 0, duplicates: Vec::new(), coverage: BTreeMap::new() };
        let path = folder.join(format!("requests/month={}/part-0.parquet", written.month));
        let (mut writer, mut pending): (Option<ParquetWriter>, Pending<'_>) = (None, Pending::default());
        let mut start = instants.start;
        for end in runs.slice_ends(instants.clone())? {
            let earlier = pending.pieces.len();
            let rows = runs.slice(start..end, |store, piece| {
                pending.pieces.push(Some((store, piece)));
                pending.pieces.len() as u32 - 1
            })?;
            self.without_replays(&rows, &mut pending, &mut written.duplicates);
            let is_last = end == instants.end;
            let ready = if is_last { pending.rows.len() } else { pending.rows.len() / BATCH_ROWS * BATCH_ROWS };
            for rows in pending.rows[..ready].chunks(BATCH_ROWS) {
                let batch = Block { frame: self, pieces: &pending.pieces, rows }.batch(&mut written.coverage);
                let open = match writer.as_mut() {
                    Some(open) => open,
                    None => writer.insert(ParquetWriter::create(&path, &batch, metadata)?),
                };
                open.write(&batch)?;
                written.rows += rows.len() as u64;
            }
            pending.rows.drain(..ready);
            pending.forget_before(earlier);
            start = end;
        }
        if let Some(writer) = writer {
            writer.close()?;
        }
        Ok(written)
    }

    /// Adds a slice's rows without exact replays (same source, request id and instant): the first in path order stays. Calls
    /// of one record (elements of a list) are replays of each other only if they are alike.
    fn without_replays(&self, rows: &[RowRef], pending: &mut Pending<'_>, duplicates: &mut Vec<Replay>) {
        let Pending { pieces, rows: kept } = pending;
        kept.reserve(rows.len());
        let mut seen: HashMap<(Option<usize>, &str), RowRef> = HashMap::new();
        for group in rows.chunk_by(|a, b| a.event_us == b.event_us) {
            if let [row] = group {
                kept.push(*row);
                continue;
            }
            seen.clear();
            for row in group {
                let first = match rows_of(pieces, row).1.request_id(row.row as usize) {
                    Some(id) => *seen.entry((self.packs[row.file as usize], id)).or_insert(*row),
                    None => *row,
                };
                match first == *row || is_other_call_of_record(pieces, &first, row) {
                    true => kept.push(*row),
                    false => duplicates.push(((row.file, row.record), day_of(row.event_us))),
                }
            }
        }
    }
}

/// True for two calls that one record gave and that differ. One worker read both, so that their strings have the same numbers.
fn is_other_call_of_record(pieces: &[Option<(usize, Piece<'_>)>], a: &RowRef, b: &RowRef) -> bool {
    if (a.file, a.record) != (b.file, b.record) {
        return false;
    }
    let what = |row: &RowRef| {
        let (_, rows) = rows_of(pieces, row);
        let at = row.row as usize;
        ([Text::Api, Text::Method, Text::Route, Text::Identity].map(|column| rows.symbol(column, at)), rows.status[at])
    };
    what(a) != what(b)
}

/// The store and the rows that hold a row.
fn rows_of<'p>(pieces: &'p [Option<(usize, Piece<'p>)>], row: &RowRef) -> (usize, &'p RequestRows) {
    let (store, piece) = pieces[row.piece as usize].as_ref().expect("pieces stay while a row needs them");
    (*store, piece.rows())
}

type Maker<'m> = Box<dyn Fn() -> ArrayRef + Sync + 'm>;

impl Block<'_> {
    fn values(&self, row: &RowRef) -> (&RequestRows, usize) {
        (rows_of(self.pieces, row).1, row.row as usize)
    }

    fn number(&self, column: Text, row: &RowRef) -> u32 {
        let (store, rows) = rows_of(self.pieces, row);
        self.frame.texts[column as usize].map(store, rows.symbol(column, row.row as usize))
    }

    /// Keys of a text column's common numbers.
    fn keys(&self, column: Text) -> impl Iterator<Item = Option<i32>> {
        self.rows.iter().map(move |row| match self.number(column, row) {
            NULL => None,
            number => Some(number as i32),
        })
    }

    fn required_set(&self, row: &RowRef) -> Option<i64> {
        match self.number(Text::RequiredSet, row) {
            NULL if self.frame.required.is_empty() => None,
            NULL => {
                let operation = (self.number(Text::Api, row), self.number(Text::Method, row), self.number(Text::Route, row));
                self.frame.required.get(&operation).copied()
            }
            number => Some(self.frame.required_sets[number as usize]),
        }
    }

    fn scope_set(&self, row: &RowRef) -> Option<i64> {
        match self.number(Text::ScopeSet, row) {
            NULL => None,
            number => Some(self.frame.scope_sets[number as usize]),
        }
    }

    fn scope_lists(&self, sets: &[Option<i64>]) -> ArrayRef {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for set in sets {
            builder.append_option(set.map(|set| self.frame.sets.scopes(set).map(Some)));
        }
        Arc::new(builder.finish())
    }

    fn proof(&self, row: &RowRef) -> Proof {
        let bound = match self.number(Text::Credential, row) {
            NULL => None,
            number => self.frame.bound[number as usize],
        };
        let (rows, at) = self.values(row);
        rows.proof(at, bound)
    }

    /// The block as the frame's columns, counted into the coverage.
    fn batch(&self, coverage: &mut BTreeMap<(u32, i64), EvidenceCounts>) -> RecordBatch {
        let rows = self.rows;
        let proofs: Vec<Proof> = rows.iter().map(|row| self.proof(row)).collect();
        let scope_sets: Vec<Option<i64>> = rows.iter().map(|row| self.scope_set(row)).collect();
        let required_sets: Vec<Option<i64>> = rows.iter().map(|row| self.required_set(row)).collect();
        self.cover(&proofs, &scope_sets, coverage);
        let known = |value: i64| (value != NO_INSTANT).then_some(value);
        let ints = |value: &dyn Fn(&RowRef) -> Option<i64>| Int64Array::from_iter(rows.iter().map(value));
        let at = || ints(&|row| Some(row.event_us));
        let issued = || ints(&|row| known(self.values(row).0.token_issued_us[row.row as usize]));
        let expires = || ints(&|row| known(self.values(row).0.token_expires_us[row.row as usize]));
        let instant = |values: Int64Array| -> ArrayRef { Arc::new(values.reinterpret_cast::<TimestampMicrosecondType>().with_timezone("UTC")) };
        let status = |row: &RowRef| Some(self.values(row).0.status[row.row as usize]).filter(|status| *status != NO_STATUS);
        let values = &self.frame.dictionaries;
        let text = |column: Text| -> Maker<'_> { Box::new(move || coded(self.keys(column), &values.texts[column as usize])) };
        let files = |values: &ArrayRef| coded(rows.iter().map(|row| Some(row.file as i32)), values);
        let scheme = |row: &RowRef| self.values(row).0.scheme(row.row as usize) as i32;
        let decision = |row: &RowRef| self.values(row).0.decision(row.row as usize) as i32;
        let violation = |row: &RowRef| self.values(row).0.violation(row.row as usize).map(|value| value as i32);
        let columns: Vec<(&str, Maker<'_>)> = vec![
            ("event_time", Box::new(|| instant(at()))),
            ("gateway", text(Text::Gateway)),
            ("request_id", Box::new(|| Arc::new(StringArray::from_iter(rows.iter().map(|row| self.values(row).0.request_id(row.row as usize)))))),
            ("api", text(Text::Api)),
            ("method", text(Text::Method)),
            ("route", text(Text::Route)),
            ("identity", Box::new(|| coded(self.keys(Text::Identity), &values.identities))),
            ("identity_seen", text(Text::Identity)),
            ("credential", Box::new(|| coded(self.keys(Text::Credential), &values.credentials))),
            ("auth_scheme", Box::new(|| coded(rows.iter().map(|row| Some(scheme(row))), &values.schemes))),
            ("proof", Box::new(|| coded(proofs.iter().map(|proof| Some(*proof as i32)), &values.proofs))),
            ("token_type", text(Text::TokenType)),
            ("token_issued_at", Box::new(|| instant(issued()))),
            ("token_expires_at", Box::new(|| instant(expires()))),
            ("scopes", Box::new(|| self.scope_lists(&scope_sets))),
            ("required_scopes", Box::new(|| self.scope_lists(&required_sets))),
            ("status", Box::new(|| Arc::new(Int16Array::from_iter(rows.iter().map(status))))),
            ("decision", Box::new(|| coded(rows.iter().map(|row| Some(decision(row))), &values.decisions))),
            ("violation", Box::new(|| coded(rows.iter().map(violation), &values.violations))),
            ("policy", text(Text::Policy)),
            ("client_address", text(Text::ClientAddress)),
            ("environment", text(Text::Environment)),
            ("source", Box::new(|| files(&values.sources))),
            ("file", Box::new(|| files(&values.files))),
            ("record", Box::new(|| Arc::new(ints(&|row| Some(row.record as i64))))),
            ("event_us", Box::new(|| Arc::new(at()))),
            ("day", Box::new(|| Arc::new(ints(&|row| Some(day_of(row.event_us)))))),
            ("token_issued_us", Box::new(|| Arc::new(issued()))),
            ("token_expires_us", Box::new(|| Arc::new(expires()))),
            ("scope_set", Box::new(|| Arc::new(Int64Array::from(scope_sets.clone())))),
            ("required_set", Box::new(|| Arc::new(Int64Array::from(required_sets.clone())))),
        ];
        let arrays: Vec<ArrayRef> = columns.par_iter().map(|(_, make)| make()).collect();
        let fields: Vec<Field> = columns.iter().zip(&arrays).map(|((name, _), array)| Field::new(*name, array.data_type().clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns of one block have one length")
    }

    fn cover(&self, proofs: &[Proof], scope_sets: &[Option<i64>], coverage: &mut BTreeMap<(u32, i64), EvidenceCounts>) {
        let mut counts: HashMap<(u32, i64), EvidenceCounts> = HashMap::new();
        for (i, row) in self.rows.iter().enumerate() {
            let has = |column: Text| i64::from(self.number(column, row) != NULL);
            let (rows, at) = self.values(row);
            counts.entry((row.file, row.event_us.div_euclid(MICROS_PER_DAY))).or_default().add(&EvidenceCounts {
                rows: 1,
                with_api: has(Text::Api),
                with_identity: has(Text::Identity),
                with_credential: has(Text::Credential),
                with_scheme: i64::from(rows.scheme(at) != AuthScheme::Unknown),
                with_proof: i64::from(!matches!(proofs[i], Proof::Unknown | Proof::PresentedUnverified)),
                with_scopes: i64::from(scope_sets[i].is_some()),
            });
        }
        for (key, counts) in counts {
            coverage.entry(key).or_default().add(&counts);
        }
    }
}

/// Credential -> how the IdP says its token is bound: the latest successful issuance that says so.
fn bindings(evidence: &Evidence) -> HashMap<&str, Bound> {
    let issued = evidence.events.iter().filter(|event| event.row.action == Action::TokenIssued && event.row.outcome == Outcome::Success);
    issued.filter_map(|event| Some((event.row.credential.as_deref()?, event.row.bound?))).collect()
}
