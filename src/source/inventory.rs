//! Inventory files: CSV rows, TOML tables and documents -> entries. They are small and read whole.

use crate::record::field::is_absent;
use crate::record::inventory::{ApiEntry, ExceptionEntry, GrantEntry, IdentityEntry, Inventory, parse_required_scopes};
use crate::record::operation::ApiDocument;
use crate::record::time::{self, Micros, TimeForm};
use crate::source::decode::csv;
use crate::source::document::{DocumentRecord, Surroundings};
use crate::source::library::{Library, Pack};
use crate::source::open;
use crate::source::pack::{DecoderKind, InventoryMap};
use crate::source::read::{Evidence, FileState, ReadSettings, SourceFile};
use crate::source::rejects::Reject;
use chrono_tz::Tz;
use std::collections::HashMap;

/// Reads one inventory file into the evidence, with its share of the ledger.
pub fn read_inventory(index: u32, file: &mut SourceFile, library: &Library, settings: &ReadSettings, evidence: &mut Evidence) {
    let Some(pack) = file.pack.map(|pack| &library.packs[pack]) else { return };
    let Some(map) = &pack.file.inventory else { return };
    let (bytes, read) = open::read_small(&file.path, &settings.limits);
    if let Err(error) = read {
        file.state = FileState::Failed(error.to_string());
        // The beginning of a document would say too little.
        if error.kind() == std::io::ErrorKind::FileTooLarge {
            return;
        }
    }
    let zone = zone_of(pack, settings);
    for DocumentRecord { frame, mut record } in records_of(pack, map, &bytes, settings) {
        let outcome = match record.problem {
            Some(reason) => Err(reason),
            None => add_entry(&frame, &mut record, zone, &mut evidence.inventory, &mut evidence.inventory_keys),
        };
        let counts = evidence.ledger.entry((index, None)).or_default();
        counts.records += 1;
        match outcome {
            Ok(Added::Row) => counts.rows += 1,
            Ok(Added::Duplicate) => counts.duplicates += 1,
            Err(reason) => {
                counts.rejects += 1;
                let raw = settings.keep_raw.then(|| format!("{:?}", record.values));
                evidence.rejects.push(Reject { file: index, record: record.number, byte_offset: record.offset, reason, raw });
            }
        }
    }
}

/// Zone of instants without an offset in a pack's files.
pub fn zone_of(pack: &Pack, settings: &ReadSettings) -> Tz {
    settings.zones.get(pack.id()).copied().unwrap_or(pack.zone)
}

/// The records in the bytes of an inventory file, each with the frame that it is of.
pub fn records_of(pack: &Pack, map: &InventoryMap, bytes: &[u8], settings: &ReadSettings) -> Vec<DocumentRecord> {
    let of_frame = |record| DocumentRecord { frame: map.frame.clone(), record };
    match (&pack.document, pack.file.decoder) {
        (Some(plan), _) => plan.records(bytes, Surroundings { digester: &settings.digester, zone: zone_of(pack, settings) }),
        (None, DecoderKind::Toml) => toml_records(bytes, &pack.file.detect.required[0]).into_iter().map(of_frame).collect(),
        _ => csv_records(bytes).into_iter().map(of_frame).collect(),
    }
}

/// The columns that an inventory may fill, by frame.
const COLUMNS: [(&str, &[&str]); 4] = [
    ("identities", &["identity", "aliases", "kind", "owner", "owner_status", "environment", "criticality", "created_at"]),
    ("apis", &["api", "aliases", "owner", "environment", "criticality", "is_external", "declared_proof", "required_scopes"]),
    ("grants", &["identity", "scope", "api", "granted_at", "removed_at"]),
    ("exceptions", &["id", "control", "api", "identity", "reason", "owner", "approved_at", "expires_at", "compensating_control"]),
];

/// The columns of a frame of inventories.
pub fn columns_of(frame: &str) -> &'static [&'static str] {
    COLUMNS.iter().find(|(name, _)| *name == frame).map_or(&[], |(_, columns)| columns)
}

/// One record of an inventory: column names (lower case) with values.
#[derive(Debug, Default)]
pub struct InventoryRecord {
    pub number: u64,
    pub offset: u64,
    pub values: Vec<(String, String)>,
    /// Columns that are lists already.
    pub lists: Vec<(String, Vec<String>)>,
    /// Of a document's record: column -> the native field behind it.
    pub origins: Vec<(String, String)>,
    pub problem: Option<&'static str>,
    /// Set where a document describes the entry: it fills what tables leave open, and contradicts none.
    pub described: Option<Described>,
}

/// What a document describes.
#[derive(Debug)]
pub enum Described {
    Identity,
    /// An API, its operations and what it declares; names and columns are in the record.
    Api(Box<ApiDocument>),
}

impl InventoryRecord {
    /// A record that cannot be read.
    pub fn broken(problem: &'static str) -> Self {
        InventoryRecord { number: 1, problem: Some(problem), ..Default::default() }
    }

    fn text(&self, column: &str) -> Option<String> {
        let value = self.values.iter().find(|(name, _)| name == column).map(|(_, value)| value.trim())?;
        (!is_absent(value)).then(|| value.to_string())
    }

    fn required(&self, column: &str, reason: &'static str) -> Result<String, &'static str> {
        self.text(column).ok_or(reason)
    }

    fn instant(&self, column: &str, zone: Tz) -> Result<Option<Micros>, &'static str> {
        self.text(column).map(|text| time::parse(&text, TimeForm::Iso, zone).ok_or("bad_timestamp")).transpose()
    }

    fn list(&self, column: &str) -> Vec<String> {
        if let Some((_, list)) = self.lists.iter().find(|(name, _)| name == column) {
            return list.clone();
        }
        let text = self.text(column).unwrap_or_default();
        text.split('|').map(str::trim).filter(|item| !is_absent(item)).map(str::to_string).collect()
    }
}

fn csv_records(bytes: &[u8]) -> Vec<InventoryRecord> {
    let mut rows = csv::rows(bytes).into_iter();
    let Some(header) = rows.next() else { return Vec::new() };
    let names: Vec<String> = header.fields.iter().map(|name| name.trim().to_lowercase()).collect();
    rows.filter(|row| row.fields.iter().any(|field| !field.trim().is_empty()))
        .map(|row| InventoryRecord {
            number: row.line,
            offset: row.offset,
            problem: csv_problem(&row),
            values: names.iter().cloned().zip(row.fields).collect(),
            ..Default::default()
        })
        .collect()
}

fn csv_problem(row: &csv::CsvRow) -> Option<&'static str> {
    match (row.is_utf8, row.is_truncated) {
        (false, _) => Some("invalid_utf8"),
        (_, true) => Some("truncated_csv"),
        _ => None,
    }
}

/// The tables of an array, numbered in order.
fn toml_records(bytes: &[u8], table: &str) -> Vec<InventoryRecord> {
    let broken = |problem| vec![InventoryRecord::broken(problem)];
    let Ok(text) = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) else { return broken("invalid_utf8") };
    let Ok(document) = text.parse::<toml::Table>() else { return broken("invalid_toml") };
    let offsets: Vec<usize> = text.match_indices(&format!("[[{table}]]")).map(|(at, _)| at).collect();
    let tables = document.get(table).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    tables
        .into_iter()
        .enumerate()
        .map(|(i, entry)| InventoryRecord {
            number: i as u64 + 1,
            offset: offsets.get(i).copied().unwrap_or(0) as u64,
            problem: if entry.is_table() { None } else { Some("not_a_table") },
            values: entry.as_table().into_iter().flatten().map(|(name, value)| (name.to_lowercase(), toml_text(value))).collect(),
            ..Default::default()
        })
        .collect()
}

fn toml_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(toml_text).collect::<Vec<_>>().join("|"),
        other => other.to_string(),
    }
}

/// What became of an inventory record.
enum Added {
    Row,
    /// The same entry again.
    Duplicate,
}

/// Adds an entry to a list whose keys are unique: the same entry again is a duplicate, another one with its key a reject.
fn add_unique<T: PartialEq>(entries: &mut Vec<T>, entry: T, key: String, seen: &mut HashMap<String, usize>) -> Result<Added, &'static str> {
    match seen.get(&key) {
        Some(&other) if entries[other] == entry => Ok(Added::Duplicate),
        Some(_) => Err("conflicts_with_an_earlier_entry"),
        None => {
            seen.insert(key, entries.len());
            entries.push(entry);
            Ok(Added::Row)
        }
    }
}

/// `seen`: frame and key of the entries so far, with their places in the lists.
fn add_entry(frame: &str, record: &mut InventoryRecord, zone: Tz, inventory: &mut Inventory, seen: &mut HashMap<String, usize>) -> Result<Added, &'static str> {
    match record.described.take() {
        Some(Described::Identity) => {
            let entry = identity_entry(record, zone)?;
            return Ok(push_new(&mut inventory.described, entry, seen));
        }
        Some(Described::Api(api)) => {
            let document = api_document(record, *api)?;
            return Ok(push_new(&mut inventory.documents, document, seen));
        }
        None => {}
    }
    match frame {
        "identities" => {
            let entry = identity_entry(record, zone)?;
            let key = format!("identity {}", entry.identity);
            add_unique(&mut inventory.identities, entry, key, seen)
        }
        "apis" => {
            let entry = api_entry(record)?;
            let key = format!("api {}", entry.api);
            add_unique(&mut inventory.apis, entry, key, seen)
        }
        "grants" => {
            let entry = GrantEntry {
                identity: record.required("identity", "missing_identity")?,
                scope: record.required("scope", "missing_scope")?,
                api: record.text("api"),
                granted_us: record.instant("granted_at", zone)?,
                removed_us: record.instant("removed_at", zone)?,
            };
            let key = format!("grant {entry:?}");
            add_unique(&mut inventory.grants, entry, key, seen)
        }
        _ => {
            let entry = exception_entry(record, zone)?;
            let key = format!("exception {}", entry.id);
            add_unique(&mut inventory.exceptions, entry, key, seen)
        }
    }
}

/// Adds what was not described just so before.
fn push_new<T: std::fmt::Debug>(entries: &mut Vec<T>, entry: T, seen: &mut HashMap<String, usize>) -> Added {
    if seen.insert(format!("described {entry:?}"), entries.len()).is_some() {
        return Added::Duplicate;
    }
    entries.push(entry);
    Added::Row
}

/// The document with the names and columns that its pack takes from it; its own names come last.
fn api_document(record: &InventoryRecord, mut document: ApiDocument) -> Result<ApiDocument, &'static str> {
    let own = std::mem::take(&mut document.names);
    for name in record.text("api").into_iter().chain(record.list("aliases")).chain(own) {
        if !is_absent(&name) && !document.names.contains(&name) {
            document.names.push(name);
        }
    }
    if document.names.is_empty() {
        return Err("missing_api");
    }
    document.owner = record.text("owner");
    document.environment = record.text("environment");
    document.declared_proof = document.declared_proof.or(record.text("declared_proof"));
    Ok(document)
}

fn identity_entry(record: &InventoryRecord, zone: Tz) -> Result<IdentityEntry, &'static str> {
    Ok(IdentityEntry {
        identity: record.required("identity", "missing_identity")?,
        aliases: record.list("aliases"),
        kind: record.text("kind").map(|text| text.to_lowercase()),
        owner: record.text("owner"),
        owner_status: record.text("owner_status").map(|text| text.to_lowercase()),
        environment: record.text("environment"),
        criticality: record.text("criticality").map(|text| text.to_lowercase()),
        created_us: record.instant("created_at", zone)?,
    })
}

fn api_entry(record: &InventoryRecord) -> Result<ApiEntry, &'static str> {
    Ok(ApiEntry {
        api: record.required("api", "missing_api")?,
        aliases: record.list("aliases"),
        owner: record.text("owner"),
        environment: record.text("environment"),
        criticality: record.text("criticality").map(|text| text.to_lowercase()),
        is_external: record.text("is_external").and_then(|text| parse_flag(&text)),
        declared_proof: record.text("declared_proof").map(|text| text.to_lowercase()),
        required_scopes: record.text("required_scopes").map(|text| parse_required_scopes(&text)).unwrap_or_default(),
    })
}

fn exception_entry(record: &InventoryRecord, zone: Tz) -> Result<ExceptionEntry, &'static str> {
    let entry = ExceptionEntry {
        id: record.required("id", "missing_id")?,
        control: known_control(record.required("control", "missing_control")?)?,
        api: record.text("api"),
        identity: record.text("identity"),
        reason: record.text("reason"),
        owner: record.text("owner"),
        approved_us: record.instant("approved_at", zone)?,
        expires_us: record.instant("expires_at", zone)?,
        compensating_control: record.text("compensating_control"),
    };
    if entry.api.is_none() && entry.identity.is_none() {
        return Err("names_neither_api_nor_identity");
    }
    if entry.approved_us.is_none() && entry.expires_us.is_none() {
        return Err("missing_approved_at");
    }
    Ok(entry)
}

fn known_control(control: String) -> Result<String, &'static str> {
    let control = control.to_lowercase();
    ["sender_constraint", "ttl", "scope", "revocation", "ownership"].contains(&control.as_str()).then_some(control).ok_or("unknown_control")
}

fn parse_flag(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "1" | "y" => Some(true),
        "false" | "no" | "0" | "n" => Some(false),
        _ => None,
    }
}
