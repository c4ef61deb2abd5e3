//! Inventory documents (JSON or YAML) -> records of the inventory frames, as a pack's entries say.

use crate::record::inventory::Aliases;
use crate::record::operation::ApiDocument;
use crate::record::token::Digester;
use crate::source::decode::json::{FieldPlan, JsonReader, KeyRules};
use crate::source::decode::yaml;
use crate::source::inventory::{Described, InventoryRecord};
use crate::source::openapi;
use crate::source::pack::{DocumentForm, EachFile, InventoryEntryMap, InventoryMap};
use crate::source::plan::{Candidates, Compiler, Condition, Context};
use chrono_tz::Tz;
use serde_json::{Map, Value};

/// The columns that a document may fill, by frame.
const COLUMNS: [(&str, &[&str]); 3] = [
    ("identities", &["identity", "aliases", "kind", "owner", "owner_status", "environment", "criticality", "created_at"]),
    ("apis", &["api", "aliases", "owner", "environment", "declared_proof"]),
    ("grants", &["identity", "scope", "api", "granted_at", "removed_at"]),
];
const INSTANTS: [&str; 3] = ["created_at", "granted_at", "removed_at"];

/// The entries of an inventory map, compiled.
#[derive(Debug)]
pub struct DocumentPlan {
    entries: Vec<EntryPlan>,
}

#[derive(Debug)]
struct EntryPlan {
    frame: String,
    each: Vec<EachFile>,
    form: Option<DocumentForm>,
    when: Option<Condition>,
    columns: Vec<(String, Candidates)>,
    fields: FieldPlan,
}

/// A record of a document and the frame that it is of.
pub struct DocumentRecord {
    pub frame: String,
    pub record: InventoryRecord,
}

/// What reading values needs beside the document.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub digester: &'a Digester,
    pub zone: Tz,
}

impl DocumentPlan {
    /// Compiles a map; the error names what is wrong.
    pub fn compile(map: &InventoryMap, flat: bool) -> Result<Self, String> {
        let entries = map.entry.iter().map(|entry| EntryPlan::compile(entry, flat)).collect::<Result<_, _>>()?;
        Ok(DocumentPlan { entries })
    }

    /// The records of all documents in a file's bytes, in the order of the pack's entries.
    pub fn records(&self, bytes: &[u8], around: Surroundings<'_>) -> Vec<DocumentRecord> {
        let documents = match documents_of(bytes) {
            Ok(documents) => documents,
            Err(problem) => return vec![DocumentRecord { frame: String::new(), record: InventoryRecord::broken(problem) }],
        };
        let mut records = Vec::new();
        for document in &documents {
            for entry in &self.entries {
                entry.add_records(document, around, &mut records);
            }
        }
        for (number, record) in records.iter_mut().enumerate() {
            record.record.number = number as u64 + 1;
        }
        records
    }
}

/// JSON values one after the other or in a list, else YAML documents.
pub fn documents_of(bytes: &[u8]) -> Result<Vec<Value>, &'static str> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).map_err(|_| "invalid_utf8")?;
    let is_json = text.trim_start().starts_with(['{', '[']);
    let values: Vec<Value> = match serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>() {
        Ok(values) if is_json => values,
        Err(error) if is_json && error.is_eof() => return Err("truncated_json"),
        // Flow mappings of YAML look like JSON.
        _ => yaml::documents(text).map_err(|reason| if is_json { "invalid_json" } else { reason })?,
    };
    let listed = |value| match value {
        Value::Array(items) => items,
        other => vec![other],
    };
    Ok(values.into_iter().flat_map(listed).collect())
}

impl EntryPlan {
    fn compile(entry: &InventoryEntryMap, flat: bool) -> Result<Self, String> {
        let Some((_, known)) = COLUMNS.iter().find(|(frame, _)| *frame == entry.frame) else {
            return Err(format!("no inventory that a document can feed is called `{}`", entry.frame));
        };
        let mut compiler = Compiler::default();
        let when = compiler.optional(&entry.when)?;
        let mut columns = Vec::new();
        for (column, candidates) in &entry.columns {
            if !known.contains(&column.as_str()) {
                return Err(format!("`{}` has no column `{column}`; it has {}", entry.frame, known.join(", ")));
            }
            columns.push((column.clone(), compiler.candidates(candidates)?));
        }
        let rules = KeyRules { flat, ..KeyRules::default() };
        let fields = FieldPlan::new(&compiler.paths, &rules);
        Ok(EntryPlan { frame: entry.frame.clone(), each: entry.each.clone(), form: entry.form, when, columns, fields })
    }

    fn add_records(&self, document: &Value, around: Surroundings<'_>, records: &mut Vec<DocumentRecord>) {
        let mut items: Vec<Value> = Vec::new();
        if self.each.is_empty() {
            items.push(document.clone());
        } else {
            self.step(document, &mut Map::new(), 0, &mut items);
        }
        for item in items {
            let Some(mut record) = self.read(&item, around) else { continue };
            let mut problems = Vec::new();
            record.described = match (self.form, self.frame.as_str()) {
                (Some(DocumentForm::Openapi), _) => {
                    let (api, found) = openapi::describe(document);
                    problems = found;
                    Some(Described::Api(Box::new(api)))
                }
                (None, "identities") => Some(Described::Identity),
                (None, "apis") => Some(Described::Api(Box::<ApiDocument>::default())),
                _ => None,
            };
            records.push(DocumentRecord { frame: self.frame.clone(), record });
            records.extend(problems.into_iter().map(|problem| DocumentRecord { frame: String::new(), record: InventoryRecord::broken(problem) }));
        }
    }

    /// Makes one value for each item of the innermost list: the items by their names.
    fn step(&self, document: &Value, around: &mut Map<String, Value>, depth: usize, items: &mut Vec<Value>) {
        let Some(each) = self.each.get(depth) else {
            return items.push(Value::Object(around.clone()));
        };
        let (first, rest) = each.of.split_once('.').unwrap_or((&each.of, ""));
        let start = around.get(first).map(|item| (item, rest)).unwrap_or((document, each.of.as_str()));
        let keys = start.1.split('.').filter(|key| !key.is_empty());
        let Some(place) = keys.into_iter().try_fold(start.0, |value, key| value.get(key)).cloned() else { return };
        let inner: Vec<Value> = match place {
            Value::Array(list) => list,
            Value::Object(object) => object.into_iter().map(|(key, value)| serde_json::json!({ "key": key, "value": value })).collect(),
            _ => return,
        };
        for item in inner {
            around.insert(each.name.clone(), item);
            self.step(document, around, depth + 1, items);
        }
        around.remove(&each.name);
    }

    /// The columns of one item; `None` if it is of no interest.
    fn read(&self, item: &Value, around: Surroundings<'_>) -> Option<InventoryRecord> {
        let text = item.to_string();
        let mut reader = JsonReader::new(&self.fields);
        let fields = match reader.read(&self.fields, &text) {
            Ok(fields) => fields,
            Err(error) => return Some(InventoryRecord::broken(error.reason())),
        };
        let aliases = Aliases::default();
        let context = Context::new(fields, around.digester, &aliases, around.zone);
        if self.when.as_ref().is_some_and(|when| !when.holds(&context)) {
            return None;
        }
        let mut record = InventoryRecord::default();
        for (column, candidates) in &self.columns {
            record.origins.extend(candidates.origin(&context).map(|origin| (column.clone(), origin.to_string())));
            if column == "aliases" {
                record.lists.push((column.clone(), candidates.all_texts(&context)));
            } else if INSTANTS.contains(&column.as_str()) {
                match candidates.instant(&context) {
                    Ok(instant) => record.values.extend(instant.map(|at| (column.clone(), crate::period::format_instant(at)))),
                    Err(problem) => record.problem = Some(problem),
                }
            } else if let Some(text) = candidates.text(&context) {
                record.values.push((column.clone(), text.into_owned()));
            }
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_json_or_yaml_and_one_or_many() {
        let count = |text: &str| documents_of(text.as_bytes()).map(|documents| documents.len());
        assert_eq!((count("{\"a\":1}"), count("[{\"a\":1},{}]"), count("{}\n{}\n"), count("a: 1\n")), (Ok(1), Ok(2), Ok(2), Ok(1)));
        assert_eq!(count("{a: 1, b: [x]}"), Ok(1));
        assert_eq!((count("{\"a\":"), count("{\"a\":1,}}"), count("a: b: c")), (Err("truncated_json"), Err("invalid_json"), Err("invalid_yaml")));
        assert_eq!(documents_of(b"\xff"), Err("invalid_utf8"));
    }

    fn plan(text: &str) -> Result<DocumentPlan, String> {
        DocumentPlan::compile(&toml::from_str(text).unwrap(), true)
    }

    #[test]
    fn lists_inside_items_make_rows_of_pairs() {
        let text = "[[entry]]\nframe='grants'\neach=[{name='c',of='clients'},{name='s',of='c.scopes'}]\ncolumns.identity='c.id'\ncolumns.scope='s'\nwhen={path='c.on',is=['true']}\n\
                    [[entry]]\nframe='grants'\neach=[{name='r',of='deep.roles'}]\ncolumns.identity='r.key'\ncolumns.scope='r.value.name'";
        let document =
            br#"{"clients":[{"id":"a","on":true,"scopes":["x","y"]},{"id":"b","scopes":["z"]},{"id":"c","on":true}],"deep":{"roles":{"k":{"name":"n"}}}}"#;
        let around = Surroundings { digester: &Digester::new(None), zone: Tz::UTC };
        let records = plan(text).unwrap().records(document, around);
        let rows: Vec<String> = records.iter().map(|found| format!("{}:{:?}", found.record.number, found.record.values)).collect();
        let row = |number: u64, identity: &str, scope: &str| format!("{number}:[(\"identity\", \"{identity}\"), (\"scope\", \"{scope}\")]");
        assert_eq!(rows, [row(1, "a", "x"), row(2, "a", "y"), row(3, "k", "n")]);
    }

    #[test]
    fn a_pack_that_names_no_column_of_a_frame_is_refused() {
        assert!(plan("[[entry]]\nframe='grants'\ncolumns.owner='x'").unwrap_err().contains("no column `owner`"));
        assert!(plan("[[entry]]\nframe='exceptions'").unwrap_err().contains("exceptions"));
    }
}
