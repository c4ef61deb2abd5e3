//! How an inventory file is understood, for `credlens inspect`: the rows that it gives, the native field behind each column,
//! and what no column takes. Only values of columns are kept.

use crate::record::field::is_absent;
use crate::record::operation::Operation;
use crate::record::time::{self, TimeForm};
use crate::source::decode::csv;
use crate::source::document::{DocumentRecord, documents_of};
use crate::source::inventory::{Described, InventoryRecord, columns_of, records_of, zone_of};
use crate::source::library::{Library, Pack};
use crate::source::open;
use crate::source::pack::{DecoderKind, DocumentForm, InventoryEntryMap, InventoryMap};
use crate::source::read::ReadSettings;
use crate::source::trace::{KnownFields, requirements};
use chrono_tz::Tz;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// A row of an inventory frame.
#[derive(Debug)]
pub struct InventoryRow {
    pub frame: String,
    pub record: u64,
    pub columns: Vec<InventoryColumn>,
    /// What the document declares of the API's operations: `GET /orders/{id} demands orders:read`.
    pub operations: Vec<String>,
}

/// A column of such a row.
#[derive(Debug, PartialEq, Eq)]
pub struct InventoryColumn {
    pub name: String,
    pub value: String,
    /// The native field behind it, if that is not called as the column is.
    pub origin: Option<String>,
}

/// How an inventory file is understood.
#[derive(Debug, Default)]
pub struct InventoryTrace {
    /// Requirements that the file meets, a line each.
    pub why: Vec<String>,
    pub rows: Vec<InventoryRow>,
    /// Native fields with a value that no column takes -> how often.
    pub unread: BTreeMap<String, u64>,
}

/// Levels of a document described by a standard that are told when nothing takes them: deeper, names are the document's own.
const STANDARD_LEVELS: usize = 2;
/// What is read of an OpenAPI document.
const OPENAPI_READ: [&str; 5] = ["servers", "paths", "security", "components.securityschemes", "components.pathitems"];

/// Traces a file as its pack reads it; the first `most` rows, without those of the records that were rejected.
pub fn trace_inventory(
    path: &Path,
    pack: usize,
    library: &Library,
    settings: &ReadSettings,
    most: usize,
    rejected: &BTreeSet<u64>,
) -> io::Result<InventoryTrace> {
    let pack = &library.packs[pack];
    let Some(map) = &pack.file.inventory else { return Ok(InventoryTrace::default()) };
    let (bytes, read) = open::read_small(path, &settings.limits);
    read?;
    let records = records_of(pack, map, &bytes, settings);
    let mut unread = BTreeMap::new();
    let (first, header) = match pack.file.decoder {
        DecoderKind::Document => {
            let documents = documents_of(&bytes).unwrap_or_default();
            documents.iter().for_each(|document| unread_of_document(map, pack, document, &mut unread));
            (documents.into_iter().next(), Vec::new())
        }
        _ => {
            records.iter().for_each(|found| unread_of_table(&map.frame, &found.record, &mut unread));
            (None, csv::rows(&bytes).into_iter().next().map(|row| row.fields).unwrap_or_default())
        }
    };
    let zone = zone_of(pack, settings);
    let rows = records.into_iter().filter(|found| !rejected.contains(&found.record.number)).take(most).map(|found| row_of(found, zone)).collect();
    Ok(InventoryTrace { why: requirements(pack, first.as_ref(), &header), rows, unread })
}

/// The row of a record, its columns in the order of the frame.
fn row_of(found: DocumentRecord, zone: Tz) -> InventoryRow {
    let DocumentRecord { frame, record } = found;
    let mut columns: Vec<InventoryColumn> = Vec::new();
    let origin = |name: &str| record.origins.iter().find(|(column, _)| column == name).map(|(_, origin)| origin.clone());
    for name in columns_of(&frame) {
        let list = record.lists.iter().find(|(column, _)| column == name).map(|(_, list)| list.join(" "));
        let value = list.or_else(|| record.values.iter().find(|(column, _)| column == name).map(|(_, value)| value.trim().to_string()));
        if let Some(value) = value.filter(|value| !is_absent(value)) {
            columns.push(InventoryColumn { name: name.to_string(), value: as_in_frame(name, value, zone), origin: origin(name) });
        }
    }
    let mut operations = Vec::new();
    if let Some(Described::Api(api)) = &record.described {
        let mut add = |name: &str, value: String, origin: &str| {
            if !value.is_empty() {
                columns.push(InventoryColumn { name: name.to_string(), value, origin: Some(origin.to_string()) });
            }
        };
        let base_paths: Vec<&str> = api.base_paths.iter().map(String::as_str).collect();
        add("names", api.names.join(" "), "info.title, servers[*].url");
        add("base_paths", base_paths.join(" "), "servers[*].url");
        add("declared_proof", api.declared_proof.clone().unwrap_or_default(), "security, components.securitySchemes");
        operations.extend(api.operations.iter().map(operation_text));
    }
    InventoryRow { frame, record: record.number, columns, operations }
}

/// A value as the frame has it: instants in UTC, words of closed lists in lower case.
fn as_in_frame(column: &str, value: String, zone: Tz) -> String {
    match column {
        "kind" | "owner_status" | "criticality" | "declared_proof" | "control" => value.to_lowercase(),
        "created_at" | "granted_at" | "removed_at" | "approved_at" | "expires_at" => {
            time::parse(&value, TimeForm::Iso, zone).map_or(value, crate::period::format_instant)
        }
        _ => value,
    }
}

fn operation_text(operation: &Operation) -> String {
    let Operation { method, path, required_scopes } = operation;
    match required_scopes.as_deref() {
        None => format!("{method} {path} says nothing of scopes"),
        Some([]) => format!("{method} {path} demands no scope"),
        Some(scopes) => format!("{method} {path} demands {}", scopes.join(" ")),
    }
}

/// Columns of a table that the frame does not have.
fn unread_of_table(frame: &str, record: &InventoryRecord, unread: &mut BTreeMap<String, u64>) {
    let is_unread = |(name, value): &&(String, String)| !columns_of(frame).contains(&name.as_str()) && !is_absent(value.trim());
    record.values.iter().filter(is_unread).for_each(|(name, _)| *unread.entry(name.clone()).or_default() += 1);
}

/// Values of a document that no entry looks at.
fn unread_of_document(map: &InventoryMap, pack: &Pack, document: &Value, unread: &mut BTreeMap<String, u64>) {
    let is_standard = map.entry.iter().any(|entry| entry.form == Some(DocumentForm::Openapi));
    let paths = map.entry.iter().flat_map(paths_of).chain(OPENAPI_READ.iter().filter(|_| is_standard).map(|path| path.to_string()));
    let known = KnownFields::of_document(pack, paths, map.entry.iter().flat_map(|entry| entry.each.iter().map(|each| resolved(entry, &each.of))));
    known.leaves(document, String::new(), &mut |name| {
        let name = if is_standard { levels(&name, STANDARD_LEVELS) } else { name };
        if !known.is_known(&name) {
            *unread.entry(name).or_default() += 1;
        }
    });
}

/// The first levels of a path.
fn levels(path: &str, most: usize) -> String {
    path.split('.').take(most).collect::<Vec<_>>().join(".")
}

/// The native paths that an entry looks at.
fn paths_of(entry: &InventoryEntryMap) -> Vec<String> {
    let columns = entry.columns.values().flat_map(|candidates| candidates.as_slice()).flat_map(|candidate| candidate.paths());
    let when = entry.when.iter().flat_map(|when| when.paths());
    columns.chain(when).map(|path| resolved(entry, &path)).collect()
}

/// A path of an entry as one of the document: `client.id` -> `clients[*].id`. An item of an object is its member, so that the
/// item's `value` is the member itself.
fn resolved(entry: &InventoryEntryMap, path: &str) -> String {
    let (first, rest) = path.split_once(['.', '[']).map_or((path, ""), |(first, _)| (first, &path[first.len()..]));
    let Some(at) = entry.each.iter().position(|each| each.name == first) else { return path.to_string() };
    // An item is resolved with those further out alone: names do not lead back to themselves.
    let outer = InventoryEntryMap { each: entry.each[..at].to_vec(), ..InventoryEntryMap::default() };
    let rest = rest.strip_prefix(".value").unwrap_or(rest);
    format!("{}[*]{}", resolved(&outer, &entry.each[at].of), if rest == ".key" { "" } else { rest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::pack::EachFile;

    #[test]
    fn paths_of_items_are_those_of_the_document() {
        let each = |name: &str, of: &str| EachFile { name: name.into(), of: of.into() };
        let entry = InventoryEntryMap { each: vec![each("c", "clients"), each("s", "c.scopes"), each("m", "roles.map")], ..Default::default() };
        let native = |path: &str| resolved(&entry, path);
        assert_eq!((native("c.id"), native("s"), native("m.value.name")), ("clients[*].id".into(), "clients[*].scopes[*]".into(), "roles.map[*].name".into()));
        assert_eq!((native("m.key"), native("realm"), native("c[0]")), ("roles.map[*]".into(), "realm".into(), "clients[*][0]".into()));
    }
}
