//! Runs that keep what files gave (`--frames`): the same bytes as without, and nothing that has changed is overlooked.

use crate::support::{Sources, files_under, project, run_in};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A month of the estate with everything beside them, under `in/`.
fn sample() -> Sources {
    let sources = Sources::new();
    for (name, bytes) in files_under(&project().join("sample-data/estate")) {
        let is_wanted = name.starts_with("inventory") || name.starts_with("tickets") || name.contains("2026-06");
        if is_wanted {
            sources.put(&format!("in/{name}"), bytes);
        }
    }
    sources
}

/// The run folder's files, timings left out, and what was said of kept files.
fn run(sources: &Sources, arguments: &[&str]) -> (BTreeMap<String, Vec<u8>>, String) {
    // Few measures: what is compared is what was read.
    let mut all = vec!["run", "in", "--out", "out", "--no-progress", "--period", "2026-Q2", "--only", "SC01,RV03"];
    all.extend(arguments);
    let finished = run_in(sources.path(), &all);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    let mut files = files_under(&sources.path().join("out/2026-Q2"));
    let manifest = files.get_mut("run.json").expect("run.json");
    let mut value: Value = serde_json::from_slice(manifest).expect("JSON");
    value.as_object_mut().expect("an object").remove("timings_ms").expect("timings stand apart");
    *manifest = value.to_string().into_bytes();
    let said = finished.stderr.lines().filter(|line| line.starts_with("frames: ") || line.contains("no longer there")).collect::<Vec<_>>().join("\n");
    (files, said)
}

/// Runs with kept frames and without, which must give the same bytes; what was said of kept files.
fn both(sources: &Sources, what: &str, arguments: &[&str]) -> String {
    let (plain, nothing) = run(sources, arguments);
    assert_eq!(nothing, "", "{what}");
    let (files, said) = run(sources, &[arguments, &["--frames", "kept"]].concat());
    assert!(plain.len() > 20, "{}", plain.len());
    assert_eq!(plain.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>(), "{what}");
    let differing: Vec<&String> = plain.keys().filter(|name| plain[*name] != files[*name]).collect();
    assert!(differing.is_empty(), "{what}: {differing:?} differ");
    said
}

/// (files as before, files read) as they were told.
fn told(said: &str) -> (usize, usize) {
    let numbers: Vec<usize> = said.lines().next().unwrap_or("").split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    (numbers[0], numbers[1])
}

fn kept_files(sources: &Sources) -> usize {
    fs::read_dir(sources.path().join("kept")).unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with(".rows")).count()
}

#[test]
fn a_repeated_run_reads_new_and_changed_files_alone_and_gives_the_same_bytes() {
    let sources = sample();
    let last_day = "in/gateway/kong-2026-06.ndjson";
    assert!(sources.path().join(last_day).exists());
    let text = fs::read_to_string(sources.path().join(last_day)).unwrap();
    let (head, tail) = text.split_at(text[..text.len() / 2].rfind('\n').unwrap() + 1);
    fs::remove_file(sources.path().join(last_day)).unwrap();
    sources.put(last_day, head);
    let (_, all) = told(&both(&sources, "first", &["--threads", "2"]));
    assert!(all > 3, "{all} files");
    assert_eq!((told(&both(&sources, "again", &["--threads", "1"])), kept_files(&sources)), ((all, 0), all));
    // One more day in a file of its own; then a file that has grown.
    sources.put("in/gateway/kong-2026-06-b.ndjson", tail);
    assert_eq!(told(&both(&sources, "one more file", &[])), (all, 1));
    sources.put(last_day, &text);
    fs::remove_file(sources.path().join("in/gateway/kong-2026-06-b.ndjson")).unwrap();
    let said = both(&sources, "changed and vanished", &["--memory", "256MiB"]);
    assert_eq!(told(&said), (all - 1, 1), "{said}");
    assert!(said.contains("1 of them changed") && said.contains("2026-06-b.ndjson: an earlier run read it"), "{said}");
    assert_eq!(kept_files(&sources), all, "what nothing gives any more is deleted");
    assert_eq!(told(&both(&sources, "after all", &["--threads", "8", "--memory", "256MiB"])), (all, 0));
}

#[test]
fn what_reading_depends_on_makes_files_read_anew() {
    let sources = sample();
    let (_, all) = told(&both(&sources, "first", &[]));
    sources.put("credlens.toml", "[targets]\nSC01 = \"80%\"\n");
    assert_eq!(told(&both(&sources, "targets", &[])), (all, 0));
    sources.put("credlens.toml", "[sources.kong]\nverifies = [\"dpop\"]\n");
    assert_eq!(told(&both(&sources, "proof is verified", &[])), (0, all));
    sources.put("credlens.toml", "[privacy]\naddresses = \"none\"\n");
    assert_eq!(told(&both(&sources, "addresses", &[])), (0, all));
    let inventory = sources.path().join("in/inventory/identities.csv");
    let text = fs::read_to_string(&inventory).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    let last = lines.last().unwrap().clone();
    lines.push(format!("another-identity{}", &last[last.find(',').unwrap()..]));
    fs::write(&inventory, lines.join("\n") + "\n").unwrap();
    assert_eq!(told(&both(&sources, "identities", &[])), (0, all));
}

#[test]
fn broken_and_unfinished_kept_files_are_read_anew() {
    let sources = sample();
    let (_, all) = told(&both(&sources, "first", &[]));
    let folder = sources.path().join("kept");
    let rows: Vec<_> = files_under(&folder).into_iter().filter(|(name, _)| name.ends_with(".rows")).collect();
    let damages: [fn(&[u8]) -> Vec<u8>; 4] = [
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |_| Vec::new(),
        |bytes| [&bytes[..bytes.len() - 60], &[0; 60]].concat(),
        |bytes| bytes[bytes.len() / 2..].to_vec(),
    ];
    assert!(rows.len() >= damages.len());
    for ((name, bytes), damage) in rows.iter().zip(damages) {
        fs::write(folder.join(name), damage(bytes)).unwrap();
    }
    fs::write(folder.join(".unfinished-x"), "left").unwrap();
    fs::write(folder.join("files.json"), "{").unwrap();
    assert_eq!(told(&both(&sources, "broken", &[])), (all - damages.len(), damages.len()));
    assert_eq!(told(&both(&sources, "mended", &[])), (all, 0));
}

#[test]
fn a_folder_of_kept_files_is_private_and_does_not_go_with_hidden_names() {
    let sources = sample();
    let (files, _) = run(&sources, &["--frames", "in/kept"]);
    let (again, said) = run(&sources, &["--frames", "in/kept"]);
    assert_eq!(told(&said).1, 0, "kept files below the sources are no sources: {said}");
    assert!(files == again);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
        let folder = sources.path().join("in/kept");
        assert_eq!(mode(&folder), 0);
        assert!(fs::read_dir(&folder).unwrap().flatten().all(|entry| mode(&entry.path()) == 0));
    }
    let refused = run_in(sources.path(), &["run", "in", "--frames", "kept", "--privacy"]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("--frames keeps names"), "{}", refused.stderr);
    let file = run_in(sources.path(), &["run", "in", "--frames", "in/inventory/identities.csv"]);
    assert_eq!(file.status, Some(2));
    assert!(file.stderr.contains("identities.csv"), "{}", file.stderr);
}
