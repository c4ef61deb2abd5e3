//! The same inputs give the same bytes: whatever the number of threads, the order of arguments, or the compression; and the
//! same values when files are split or merged, apart from the columns that say where a record stood.

use crate::ledger::{bzip2, gzip, xz, zstd};
use crate::support::{Reading, Row, Sources, copy_folder, files_under, project, read_frame, read_parquet, run_in};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Three months of the estate with everything beside them, under `in/`.
fn sample() -> Sources {
    let sources = Sources::new();
    let estate = project().join("sample-data/estate");
    for (name, bytes) in files_under(&estate) {
        let is_wanted =
            name.starts_with("inventory") || name.starts_with("tickets") || ["2026-04", "2026-05", "2026-06"].iter().any(|month| name.contains(month));
        if is_wanted {
            sources.put(&format!("in/{name}"), bytes);
        }
    }
    sources
}

/// Runs with these arguments and gives the run folder's files; of run.json what is not a timing.
fn run(sources: &Sources, out: &str, arguments: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let mut all = vec!["run", "--out", out, "--no-progress", "--quiet"];
    all.extend(arguments);
    let finished = run_in(sources.path(), &all);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    files_of(sources, out)
}

fn files_of(sources: &Sources, out: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = files_under(&sources.path().join(out).join("2026-Q2"));
    let manifest = files.get_mut("run.json").expect("run.json");
    let mut value: Value = serde_json::from_slice(manifest).expect("JSON");
    value.as_object_mut().expect("an object").remove("timings_ms").expect("timings stand apart");
    *manifest = value.to_string().into_bytes();
    // The report names its own folder.
    files.values_mut().for_each(|bytes| {
        if let Ok(text) = std::str::from_utf8(bytes) {
            *bytes = text.replace(&format!("{out}/2026-Q2"), "OUT").into_bytes();
        }
    });
    files
}

fn assert_same(what: &str, one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{what}");
    let differing: Vec<&String> = one.keys().filter(|name| one[*name] != other[*name]).collect();
    assert!(differing.is_empty(), "{what}: {differing:?} differ");
}

#[test]
fn threads_and_the_order_of_arguments_change_no_byte() {
    let sources = sample();
    let one = run(&sources, "one", &["in", "--threads", "1"]);
    assert!(one.len() > 50, "a whole run folder: {}", one.len());
    for threads in ["2", "8"] {
        assert_same(&format!("{threads} threads"), &one, &run(&sources, &format!("t{threads}"), &["in", "--threads", threads]));
    }
    // Every file on its own, in an order that is no order, one of them twice.
    let mut files: Vec<String> = files_under(&sources.path().join("in")).into_keys().map(|name| format!("in/{name}")).collect();
    files.sort_by_key(|name| credlens::record::token::hex(&<sha2::Sha256 as sha2::Digest>::digest(name)));
    files.push(files[0].clone());
    let arguments: Vec<&str> = files.iter().map(String::as_str).collect();
    assert_same("shuffled arguments", &one, &run(&sources, "shuffled", &arguments));
}

/// Every table's rows, without the columns that say where a record stood.
fn values(folder: &Path) -> BTreeMap<String, Vec<Row>> {
    let mut tables = BTreeMap::new();
    for frame in ["requests", "identity_events", "revocation_tickets"] {
        tables.insert(frame.to_string(), read_frame(&folder.join("parquet/frames"), frame));
    }
    for name in files_under(&folder.join("parquet")).into_keys().filter(|name| name.ends_with(".parquet") && !name.contains("month=")) {
        if !["coverage.parquet", "rejects.parquet"].contains(&name.as_str()) {
            let rows = read_parquet(&folder.join("parquet").join(&name));
            tables.insert(name, rows);
        }
    }
    for rows in tables.values_mut() {
        for row in rows.iter_mut() {
            row.remove("file");
            row.remove("record");
        }
        // Rows of one instant stand in the order of their files.
        rows.sort_by_key(|row| json!(row).to_string());
    }
    tables
}

fn sums_of_coverage(folder: &Path) -> [i64; 5] {
    let rows = read_parquet(&folder.join("parquet/coverage.parquet"));
    ["records", "rows", "duplicates", "skipped", "rejects"].map(|column| rows.iter().map(|row| row[column].as_i64().expect("a count")).sum())
}

/// Another time zone, language, mask of new files and place in the file system.
#[test]
fn the_machine_changes_no_byte() {
    let sources = sample();
    let one = run(&sources, "one", &["in", "--privacy"]);
    let elsewhere = Sources::new();
    copy_folder(&sources.path().join("in"), &elsewhere.path().join("in"));
    let script = "umask 077; exec \"$0\" run in --privacy --out other --no-progress --quiet";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, crate::support::binary()]).current_dir(elsewhere.path()).env_clear();
    command.envs([("TZ", "Pacific/Apia"), ("LANG", "tr_TR.UTF-8"), ("LC_ALL", "tr_TR.UTF-8"), ("COLUMNS", "40"), ("PATH", "/usr/bin:/bin")]);
    let output = command.output().expect("sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_same("another machine", &one, &files_of(&elsewhere, "other"));
}

#[test]
fn compressed_input_gives_the_same_rows() {
    let plain = sample();
    run(&plain, "out", &["in"]);
    let packed = Sources::new();
    #[allow(clippy::type_complexity)]
    let packers: [fn(&[u8]) -> Vec<u8>; 4] = [gzip, zstd, bzip2, xz];
    for (number, (name, bytes)) in files_under(&plain.path().join("in")).into_iter().enumerate() {
        packed.put(&format!("in/{name}"), packers[number % 4](&bytes));
    }
    run(&packed, "out", &["in"]);
    let folders = [&plain, &packed].map(|sources| sources.path().join("out/2026-Q2"));
    let [one, other] = [&folders[0], &folders[1]].map(|folder| values(folder));
    for (name, rows) in &one {
        assert_eq!(rows, &other[name], "{name}");
    }
    assert_eq!(read_parquet(&folders[0].join("parquet/coverage.parquet")), read_parquet(&folders[1].join("parquet/coverage.parquet")));
    assert_eq!(read_parquet(&folders[0].join("parquet/rejects.parquet")), read_parquet(&folders[1].join("parquet/rejects.parquet")));
}

#[test]
fn split_and_merged_files_give_the_same_rows() {
    let whole = sample();
    run(&whole, "out", &["in"]);
    let other = Sources::new();
    copy_folder(&whole.path().join("in"), &other.path().join("in"));
    let place = other.path().join("in");
    // Line files are cut in the middle; those of Okta are put into one.
    for month in ["2026-04", "2026-05", "2026-06"] {
        split(&place.join(format!("gateway/kong-{month}.ndjson")));
    }
    merge(&[place.join("idp/okta-2026-05.ndjson"), place.join("idp/okta-2026-06.ndjson")]);
    run(&other, "out", &["in"]);
    let folders = [&whole, &other].map(|sources| sources.path().join("out/2026-Q2"));
    let [one, two] = [&folders[0], &folders[1]].map(|folder| values(folder));
    assert!(one["requests"].len() > 500 && one["identity_events"].len() > 100);
    for (name, rows) in &one {
        assert_eq!(rows, &two[name], "{name}");
    }
    assert_eq!(sums_of_coverage(&folders[0]), sums_of_coverage(&folders[1]));
}

fn split(path: &PathBuf) {
    let text = fs::read_to_string(path).expect("a readable file");
    let lines: Vec<&str> = text.lines().collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    fs::write(path, first.join("\n")).expect("a file can be written");
    fs::write(path.with_extension("b.ndjson"), second.join("\n") + "\n").expect("a file can be written");
}

fn merge(paths: &[PathBuf]) {
    let texts: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).expect("a readable file")).collect();
    paths.iter().for_each(|path| fs::remove_file(path).expect("a file can be removed"));
    fs::write(&paths[0], texts.concat()).expect("a file can be written");
}

#[test]
fn calls_that_went_to_disk_give_the_same_frames() {
    let estate = [project().join("sample-data/estate")];
    let (whole, spilled) = (Reading::new(&estate, None, None), Reading::bounded(&estate, None, None, Some(20_000)));
    assert!(spilled.segments > 10, "{} segments", spilled.segments);
    assert_eq!(whole.segments, 0);
    assert_same("spilled", &files_under(&whole.frames.folder), &files_under(&spilled.frames.folder));
    assert_eq!(whole.evidence.ledger, spilled.evidence.ledger);
    assert_eq!(whole.frames.coverage, spilled.frames.coverage);
}
