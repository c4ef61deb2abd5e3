//! Every embedded pack has a made-up sample and the rows it must become: `sample-data/packs/<id>/{sample.*,expected.jsonl}`.
//!
//! A line of expected.jsonl is one row: `frame`, `record` (left out for inventories) and the columns to compare. A record that
//! appears in no line must give no row.

use crate::formats::{check_row, differing};
use crate::support::{Reading, Row, embedded_packs, project, skipped};
use credlens::frame::small::{Calendar, small_frames};
use credlens::frame::table::{Column, Table};
use credlens::period::format_instant;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Packs that have no sample yet. Stable means it has a sample: to be emptied, never to grow.
const WITHOUT_SAMPLE: [&str; 0] = [];

fn sample_folders() -> Vec<PathBuf> {
    crate::support::folders_of(&project().join("sample-data/packs"))
}

fn name_of(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// The sample of a folder and its expected rows.
fn sample_of(folder: &Path) -> (PathBuf, Vec<Value>) {
    let files = fs::read_dir(folder).expect("a readable folder").flatten().map(|entry| entry.path());
    let samples: Vec<PathBuf> = files.filter(|path| name_of(path).starts_with("sample.")).collect();
    assert_eq!(samples.len(), 1, "{} holds {} samples", folder.display(), samples.len());
    let expected = fs::read_to_string(folder.join("expected.jsonl")).unwrap_or_else(|error| panic!("{}/expected.jsonl: {error}", folder.display()));
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{}/expected.jsonl:{}: {error}", folder.display(), number + 1))
    };
    (samples[0].clone(), expected.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(line).collect())
}

#[test]
fn every_pack_has_a_sample_and_every_sample_a_pack() {
    let packs: BTreeSet<String> = embedded_packs().packs.iter().map(|pack| pack.id().to_string()).collect();
    let samples: BTreeSet<String> = sample_folders().iter().map(|folder| name_of(folder)).collect();
    let without: Vec<&String> = packs.difference(&samples).filter(|id| !WITHOUT_SAMPLE.contains(&id.as_str())).collect();
    assert!(without.is_empty(), "packs without sample-data/packs/<id>: {without:?}");
    let orphans: Vec<&String> = samples.difference(&packs).collect();
    assert!(orphans.is_empty(), "samples without a pack: {orphans:?}");
    let done: Vec<&&str> = WITHOUT_SAMPLE.iter().filter(|id| samples.contains(**id)).collect();
    assert!(done.is_empty(), "take these off WITHOUT_SAMPLE: {done:?}");
}

#[test]
fn every_sample_is_detected_and_becomes_its_expected_rows() {
    let mut told = Vec::new();
    for folder in sample_folders() {
        let id = name_of(&folder);
        if let Err(panic) = std::panic::catch_unwind(|| check_sample(&id, &folder)) {
            let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
            told.push(format!("{id}: {}", text.unwrap_or_default()));
        }
    }
    assert!(told.is_empty(), "{} packs do not read their sample as expected:\n{}", told.len(), told.join("\n"));
}

fn check_sample(id: &str, folder: &Path) {
    let (sample, expected) = sample_of(folder);
    assert!(!expected.is_empty(), "expected.jsonl is empty");
    let reading = Reading::new(std::slice::from_ref(&sample), None, None);
    assert_eq!(reading.format_of(&name_of(&sample)), Some(id), "detected format: {:?}", reading.evidence.files[0].state);
    let counts = reading.ledger_of(&name_of(&sample));
    assert_eq!(counts.records, counts.rows + counts.rejects + counts.duplicates + counts.skipped, "the ledger adds up");
    let mut wanted: BTreeMap<(String, i64), Vec<&Value>> = BTreeMap::new();
    for row in &expected {
        let frame = row["frame"].as_str().expect("a frame").to_string();
        wanted.entry((frame, row["record"].as_i64().unwrap_or(0))).or_default().push(row);
    }
    let mut found = record_rows(&reading);
    found.extend(inventory_rows(&reading));
    let places = |rows: Vec<&(String, i64)>| rows.into_iter().map(|(frame, record)| format!("{frame} record {record}")).collect::<Vec<_>>().join(", ");
    let missing = places(wanted.keys().filter(|key| !found.contains_key(key)).collect());
    let more = places(found.keys().filter(|key| !wanted.contains_key(key)).collect());
    let rejects: Vec<String> = reading.rejects.iter().map(|reject| format!("{} {}", reject.record, reject.reason)).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing rows: [{missing}], unexpected rows: [{more}], rejects: {rejects:?}");
    for (key, rows) in &wanted {
        assert_eq!(rows.len(), found[key].len(), "rows of {} record {}", key.0, key.1);
        let mut left: Vec<&Row> = found[key].iter().collect();
        for wanted in rows {
            let mut wanted = (*wanted).clone();
            wanted.as_object_mut().expect("an object").retain(|column, _| !matches!(column.as_str(), "frame" | "record"));
            // Several rows of one record may stand in any order.
            let at = left.iter().position(|row| differing(row, &wanted).is_none()).unwrap_or(0);
            check_row(&format!("{} record {}", key.0, key.1), left.remove(at), &wanted);
        }
    }
}

/// Rows of the record frames by frame and record.
fn record_rows(reading: &Reading) -> BTreeMap<(String, i64), Vec<Row>> {
    let mut rows: BTreeMap<(String, i64), Vec<Row>> = BTreeMap::new();
    for (frame, list) in &reading.rows {
        for row in list {
            rows.entry((frame.to_string(), row["record"].as_i64().expect("a record number"))).or_default().push(row.clone());
        }
    }
    rows
}

/// Rows of the inventory frames, as record 0 of each.
fn inventory_rows(reading: &Reading) -> BTreeMap<(String, i64), Vec<Row>> {
    let settings = credlens::cli::config::Config::load(None, &[]).expect("defaults");
    let calendar = Calendar::resolve(&reading.frames, Some("2026-Q2".parse().expect("a period")), None).expect("a period was given");
    let small = small_frames(&reading.frames, &reading.evidence.inventory, &calendar, &settings.measure, &settings.grammar);
    let of_frame = |frame: &str| (0..small[frame].rows()).map(|row| row_of(&small[frame], row)).collect::<Vec<_>>();
    let frames = ["inventory_identities", "inventory_apis", "inventory_grants", "exception_register"];
    frames.into_iter().map(|frame| ((frame.to_string(), 0), of_frame(frame))).filter(|(_, rows)| !rows.is_empty()).collect()
}

fn row_of(table: &Table, row: usize) -> Row {
    let cells = table.columns.iter().filter_map(|(name, column)| {
        let value = match column {
            Column::Text(values) => json!(values[row].clone()?),
            Column::Int(values) => json!(values[row]?),
            Column::Flag(values) => json!(values[row]?),
            Column::Instant(values) => json!(format_instant(values[row]?)),
            _ => return None,
        };
        Some((name.clone(), value))
    });
    cells.collect()
}

// ---------------------------------------------------------------------------------------------------------------------
// Samples by others, which are not part of the project
// ---------------------------------------------------------------------------------------------------------------------

/// Files that are not told as their folder's format, or lose records, and why.
const OTHERS_ALLOWED: [(&str, &str); 12] = [
    ("gateway/cloudflare_http/panther__cloudflare_rules.a.ndjson", "holds firewall events as well, and they come first"),
    ("gateway/fastly/crowdsec__fastly-logs.log", "JSON behind a syslog header without a tag"),
    ("gateway/iis_w3c/crowdsec__iis-xml-logs.log", "Windows events: the pack iis_etw reads them"),
    ("gateway/istio/elastic__access-failed.log", "text format: the pack istio_text reads it"),
    ("gateway/istio/elastic__access-logs.log", "text format: the pack istio_text reads it"),
    ("gateway/litellm_uvicorn/crowdsec__litellm-logs.log", "its lines state no instant and have no prefix that does"),
    ("gateway/azure_apim/msdocs__gatewaylogs.json", "its only time is masked: 17:xx:xx.xx"),
    ("gateway/iis_w3c/crowdsec__iis-xml-logs.log", "IIS events in XML: the pack iis_etw reads them"),
    ("gateway/litellm_uvicorn/crowdsec__litellm-logs.log", "no line has a time: nothing can be counted in a period"),
    ("idp/gitlab/crowdsec__gitlab-logs.log", "Rails logs: the pack gitlab_rails reads them"),
    ("idp/google_workspace/panther__gsuite_activityevent_rules.a.ndjson", "cut down by its maker: no native record shape is left"),
    ("tickets/thehive/crowdsec__thehive-logs.log", "TheHive's access log, no tickets"),
];
/// What the index says of records that their maker cut down to what a detection rule reads.
const CUT_DOWN: &str = "partial records";

/// Real records made by others are read as what they are, and hardly one is lost.
#[test]
fn samples_by_others_are_detected_and_read() {
    let place = project().join("../shared/samples");
    let Ok(index) = fs::read_to_string(place.join("INDEX.tsv")) else {
        return skipped("reading samples by others", &format!("{} is not there", place.display()));
    };
    let packs: BTreeSet<String> = embedded_packs().packs.iter().map(|pack| pack.id().to_string()).collect();
    let mut told = Vec::new();
    let mut n_files = 0;
    for line in index.lines().skip(1) {
        let mut columns = line.split('\t');
        let (Some(path), Some(format)) = (columns.next(), columns.next()) else { continue };
        let file = place.join(path);
        if !packs.contains(format) || !file.is_file() || path.contains(".expected.") || OTHERS_ALLOWED.iter().any(|(other, _)| *other == path) {
            continue;
        }
        if serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap_or_default()).is_err() && path.ends_with(".ocsf.json") {
            continue; // transcribed, and not valid JSON
        }
        n_files += 1;
        let reading = Reading::new(std::slice::from_ref(&file), None, None);
        let counts = reading.ledger_of(&name_of(&file));
        match reading.format_of(&name_of(&file)) {
            Some(found) if found == format => {
                if counts.rejects * 100 >= counts.records.max(1) && !line.contains(CUT_DOWN) {
                    let reasons: BTreeSet<&str> = reading.rejects.iter().map(|reject| reject.reason).collect();
                    told.push(format!("{path}: {} of {} records rejected: {reasons:?}", counts.rejects, counts.records));
                }
            }
            found => told.push(format!("{path}: detected as {found:?}, it is {format}: {:?}", reading.evidence.files[0].state)),
        }
    }
    assert!(told.is_empty(), "{} of {n_files} files:\n{}", told.len(), told.join("\n"));
    assert!(n_files > 20, "only {n_files} files have a pack");
}
