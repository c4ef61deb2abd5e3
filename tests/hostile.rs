//! Bytes and files as an attacker or an accident leaves them: each bad record is a reject with a reason, each bad file is told,
//! all else counts, and nothing waits, crashes or fills the machine.

use crate::ledger::{bzip2, gzip, xz, zstd};
use crate::support::{Sources, embedded_packs, skipped};
use credlens::source::read::{Evidence, FileState, Progress, ReadSettings, read_all};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn call(id: &str) -> Value {
    json!({
        "started_at": 1777885200000i64, "request": {"id": id, "method": "GET", "uri": "/orders", "headers": {}}, "response": {"status": 200, "headers": {}},
        "service": {"name": "orders"}, "latencies": {}, "tries": [],
    })
}

fn with(id: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut value = call(id);
    change(&mut value);
    value.to_string()
}

/// Reads `in/` and gives the ids of the calls, and record numbers with reasons of the rejects of the file that ends so.
fn read(sources: &Sources, file: &str) -> (Vec<String>, Vec<(u64, &'static str)>, Option<FileState>) {
    let reading = sources.read();
    let index = reading.evidence.files.iter().position(|other| other.path.as_os_str().as_bytes().ends_with(file.as_bytes()));
    let ids = reading.rows["requests"].iter().filter_map(|row| row["request_id"].as_str()).map(str::to_string).collect();
    let rejects = reading.rejects.iter().filter(|reject| Some(reject.file as usize) == index);
    for counts in reading.evidence.ledger.values() {
        assert_eq!(counts.records, counts.rows + counts.duplicates + counts.skipped + counts.rejects, "{counts:?}");
    }
    (ids, rejects.map(|reject| (reject.record, reject.reason)).collect(), index.map(|index| reading.evidence.files[index].state.clone()))
}

#[test]
fn each_bad_record_is_a_reject_and_the_good_ones_around_it_count() {
    let mut records: Vec<(Vec<u8>, Option<&str>)> = Vec::new();
    let mut add = |record: Vec<u8>, reason| {
        records.push((call(&format!("good-{}", records.len())).to_string().into_bytes(), None));
        records.push((record, reason));
    };
    add("[".repeat(100_000).into_bytes(), Some("nested_too_deep"));
    add(format!("{{\"started_at\":1,\"request\":{}", "{\"a\":".repeat(100_000)).into_bytes(), Some("nested_too_deep"));
    add(format!("{{\"a\":\"{}\"}}", "x".repeat(credlens::source::chunk::MAX_RECORD_BYTES)).into_bytes(), Some("record_too_long"));
    add(b"\0\0\0\0".to_vec(), Some("invalid_json"));
    add(call("a\0b").to_string().replace("\\u0000", "\0").into_bytes(), Some("control_character_in_string"));
    add([b"{\"request\":\"".as_slice(), b"\xff\xc0\x80", b"\"}"].concat(), Some("invalid_utf8"));
    add(b"{\"request\":\"\\ud8\"}".to_vec(), Some("invalid_escape"));
    add(b"7".to_vec(), Some("invalid_json"));
    for (name, time) in [("word", json!("soon")), ("huge", json!(1e300)), ("long", json!("99999999999999999999999999"))] {
        add(with(name, |record| record["started_at"] = time).into_bytes(), Some("bad_timestamp"));
    }
    add(with("list", |record| record["started_at"] = json!([1])).into_bytes(), Some("missing_event_time"));
    add(with("none", |record| drop(record.as_object_mut().unwrap().remove("started_at"))).into_bytes(), Some("missing_event_time"));
    let text = records.iter().map(|(record, _)| record.as_slice()).collect::<Vec<_>>().join(&b'\n');
    let (ids, rejects, _) = read(&Sources::new().file("in/log", text), "log");
    let expected: Vec<(u64, &str)> = records.iter().enumerate().filter_map(|(line, (_, reason))| Some((line as u64 + 1, (*reason)?))).collect();
    assert_eq!(rejects, expected);
    assert_eq!(ids.len(), records.len() / 2, "{ids:?}");
}

/// The last of a key given twice counts, as serde_json has it; numbers that no column holds are not known.
#[test]
fn doubled_keys_and_numbers_out_of_range_change_no_other_column() {
    let doubled = call("first").to_string().replace("\"id\":\"first\"", "\"id\":\"first\",\"id\":\"last\"");
    let status = |id: &str, status: &str| call(id).to_string().replace("\"status\":200", &format!("\"status\":{status}"));
    let text = [doubled, status("big", "1e40"), status("negative", "-5"), status("long", "99999999999999999999")].join("\n");
    let reading = Sources::new().file("in/log", text).read();
    let found: Vec<(&str, Option<i64>)> =
        reading.rows["requests"].iter().map(|row| (row["request_id"].as_str().unwrap(), row.get("status").and_then(Value::as_i64))).collect();
    assert_eq!(found, [("last", Some(200)), ("big", None), ("negative", None), ("long", None)]);
    assert_eq!(reading.rows["requests"].iter().filter(|row| row["api"] == "orders").count(), 4);
}

/// Years 1 and 9999 are read, year 0 is not; a clock so wrong chooses neither the period nor the days covered, and is told.
#[test]
fn a_wrong_clock_does_not_choose_the_period() {
    let at = |id: &str, millis: Value| with(id, |record| record["started_at"] = millis);
    let mut lines: Vec<String> = (0..300).map(|number| at(&format!("r{number}"), json!(1777885200000i64 + number * 3_600_000))).collect();
    lines.push(at("first", json!(-62_135_596_800_000i64)));
    lines.push(at("last", json!(253_402_300_799_999i64)));
    lines.push(at("before", json!(-62_135_596_800_001i64)));
    lines.push(at("after", json!(253_402_300_800_000i64)));
    let sources = Sources::new().file("in/log.ndjson", lines.join("\n"));
    let (_, rejects, _) = read(&sources, "log.ndjson");
    assert_eq!(rejects, [(303, "bad_timestamp"), (304, "bad_timestamp")]);
    let (finished, folder) = sources.run_in_out(&["--max-rejects", "5%"]);
    assert!(folder.ends_with("2026-Q2"), "{}", folder.display());
    assert!(finished.stderr.contains("0001-01-01 to 9999-12-31"), "{}", finished.stderr);
    assert!(folder.join("parquet/frames/requests/month=0001-01").is_dir() && folder.join("parquet/frames/requests/month=9999-12").is_dir(), "they count");
    let summary: Value = serde_json::from_str(&fs::read_to_string(folder.join("summary.json")).expect("summary.json")).expect("JSON");
    assert!(!summary["metrics"].to_string().contains("9999-"), "no measure comes from that year");
    assert_eq!(summary["coverage"]["gaps"], json!([]), "nor is it a pause of the log");
}

#[test]
fn a_file_expands_to_its_limit_and_what_came_before_counts() {
    let bomb = [call("a").to_string().as_bytes(), b"\n", &vec![b' '; 300_000]].concat();
    for (what, packed) in [("gzip", gzip(&bomb)), ("zstd", zstd(&bomb)), ("bzip2", bzip2(&bomb)), ("xz", xz(&bomb))] {
        let sources =
            Sources::new().file("credlens.toml", "[limits]\ndecompressed = \"100kB\"\n").file("in/bomb", packed).file("in/log", call("b").to_string());
        let (ids, _, state) = read(&sources, "bomb");
        assert_eq!(ids, ["a", "b"], "{what}");
        assert!(matches!(&state, Some(FileState::Failed(error)) if error.contains("[limits]")), "{what}: {state:?}");
    }
    let inventory = format!("api,owner\n{}", "orders,payments\n".repeat(2_000));
    let sources = Sources::new().file("credlens.toml", "[limits]\ninventory = \"1kB\"\n").file("in/apis.csv", inventory).file("in/log", call("b").to_string());
    let (ids, _, state) = read(&sources, "apis.csv");
    assert!(ids == ["b"] && matches!(&state, Some(FileState::Failed(error)) if error.contains("limits.inventory")), "{state:?}");
}

#[test]
fn archives_that_are_cut_nested_or_followed_by_garbage_are_told() {
    let text = format!("{}\n{}\n", call("a"), call("b"));
    for (what, packed) in [("gzip", gzip(text.as_bytes())), ("zstd", zstd(text.as_bytes())), ("bzip2", bzip2(text.as_bytes())), ("xz", xz(text.as_bytes()))] {
        let followed = Sources::new().file("in/log", [packed.as_slice(), b"garbage that is no member"].concat());
        let (ids, rejects, state) = read(&followed, "log");
        assert_eq!((ids.len(), rejects.len()), (2, 0), "{what}");
        assert!(matches!(state, Some(FileState::Failed(_))), "{what}: {state:?}");
        let (_, _, state) = read(&Sources::new().file("in/log", gzip(&packed)).file("in/other", call("c").to_string()), "log");
        assert!(matches!(state, Some(FileState::Unknown(_))), "{what} in gzip: {state:?}");
        for length in [1, 5, 12, packed.len() / 2, packed.len() - 1] {
            let (ids, _, _) = read(&Sources::new().file("in/log", &packed[..length]).file("in/other", call("c").to_string()), "log");
            assert!(ids.contains(&"c".to_string()), "{what} cut to {length}: {ids:?}");
        }
    }
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

/// One folder of everything that is no ordinary file, or has no ordinary name.
#[test]
fn odd_files_and_names_are_read_or_told_and_never_waited_for() {
    let sources = Sources::new().file("in/x.json/inner.ndjson", call("inner").to_string());
    let place = sources.path().join("in");
    let names: [&[u8]; 7] = [
        b"new\nline.ndjson",
        b"-dash.ndjson",
        b"bad-\xff\xfe.ndjson",
        b"| <b>`x` [y](z).ndjson",
        b"\x1b[31mred.ndjson",
        "ünï.ndjson".as_bytes(),
        b"glob*[a].ndjson",
    ];
    for (number, name) in names.iter().enumerate() {
        fs::write(place.join(std::ffi::OsStr::from_bytes(name)), call(&format!("name-{number}")).to_string()).expect("a file of that name");
    }
    make_fifo(&place.join("fifo.ndjson"));
    let _socket = std::os::unix::net::UnixListener::bind(place.join("socket.ndjson")).expect("a socket");
    for (link, target) in [("loop", "."), ("up", ".."), ("dangling", "nowhere"), ("itself", "itself"), ("device", "/dev/zero"), ("folder", "x.json")] {
        symlink(target, place.join(link)).expect("a link");
    }
    // Folders that link to each other: walked in every order there is, these would be ten factorial.
    for one in 0..10 {
        let folder = place.join(format!("mesh/{one}"));
        fs::create_dir_all(&folder).expect("a folder");
        (0..10).for_each(|other| symlink(format!("../{other}"), folder.join(format!("to-{other}"))).expect("a link"));
    }
    fs::write(place.join("secret.ndjson"), call("unreadable").to_string()).expect("a file");
    fs::set_permissions(place.join("secret.ndjson"), fs::Permissions::from_mode(0o000)).expect("a mode");
    let is_readable = fs::File::open(place.join("secret.ndjson")).is_ok();
    if is_readable {
        skipped("an unreadable file", "this user reads everything");
    }
    let (finished, folder) = sources.run_in_out(&[]);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    for name in ["fifo.ndjson", "socket.ndjson", "dangling", "itself", "device", "loop"] {
        assert!(finished.stderr.lines().any(|line| line.starts_with("warning") && line.contains(name)), "{name}: {}", finished.stderr);
    }
    assert!(finished.stderr.contains("secret.ndjson") != is_readable, "{}", finished.stderr);
    assert!(!finished.stderr.contains('\x1b') && !finished.stderr.contains('\r'), "what is told is safe on a terminal");
    let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join("run.json")).expect("run.json")).expect("JSON");
    let calls: u64 = manifest["files"].as_array().unwrap().iter().map(|file| file["rows"].as_u64().unwrap()).sum();
    assert_eq!(calls, names.len() as u64 + 1 + u64::from(is_readable), "{manifest:#}");
    let html = fs::read_to_string(folder.join("summary.html")).expect("summary.html");
    assert!(!html.contains("<b>`x`"), "names are escaped");
    // Named outright, a leading dash needs the usual `--`.
    let dashed = sources.run(&["run", "--out", "other", "--no-progress", "--", "in/-dash.ndjson"]);
    assert_eq!(dashed.status, Some(0), "{}", dashed.stderr);
}

fn read_paths(paths: &[PathBuf]) -> Evidence {
    let settings = ReadSettings {
        threads: 2,
        digester: Default::default(),
        tickets: Default::default(),
        sources: Default::default(),
        zones: Default::default(),
        pack: None,
        keep_raw: false,
        limits: Default::default(),
        addresses: Default::default(),
        bound: None,
        kept: None,
    };
    read_all(paths, &embedded_packs(), &settings, &Progress::default())
}

/// Between being found and being read a file may go, or become a pipe that nobody writes to.
#[test]
fn a_file_that_vanishes_or_becomes_a_pipe_is_told() {
    let sources = Sources::new().file("good", call("a").to_string());
    let (good, gone, pipe) = (sources.path().join("good"), sources.path().join("gone"), sources.path().join("pipe"));
    make_fifo(&pipe);
    let evidence = read_paths(&[gone, good, pipe]);
    let states: Vec<&FileState> = evidence.files.iter().map(|file| &file.state).collect();
    assert!(matches!(states[..], [FileState::Failed(_), FileState::Read, FileState::Failed(_)]), "{states:?}");
    assert_eq!(evidence.ledger.values().map(|counts| counts.rows).sum::<u64>(), 1);
}

/// A file that grows, is cut and is written over while it is read: whatever was read adds up.
#[test]
fn a_file_that_changes_while_it_is_read_adds_up() {
    let line = call("a").to_string() + "\n";
    let sources = Sources::new().file("log", line.repeat(20_000));
    let path = sources.path().join("log");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for length in (0..).map(|step: u64| 100_000 + step * 7_919 % 5_000_000) {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let file = fs::OpenOptions::new().write(true).open(&path).expect("the file");
                file.set_len(length).expect("it can be cut");
            }
        });
        for _ in 0..5 {
            let evidence = read_paths(std::slice::from_ref(&path));
            let counts = evidence.ledger.values().fold((0, 0), |sum, counts| (sum.0 + counts.records, sum.1 + counts.rows + counts.skipped + counts.rejects));
            assert_eq!(counts.0, counts.1);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn inventories_and_configurations_nested_without_end_are_refused() {
    let deep = format!("[[exception]]\nid = {}\n", "[".repeat(100_000));
    let (ids, rejects, _) = read(&Sources::new().file("in/exceptions.toml", &deep).file("in/log", call("a").to_string()), "exceptions.toml");
    assert_eq!((ids, rejects), (vec!["a".to_string()], vec![(1, "invalid_toml")]));
    let sources = Sources::new().file("in/log", call("a").to_string()).file("credlens.toml", format!("paths = {}", "[".repeat(100_000)));
    let finished = sources.run(&["run", "in"]);
    assert!(finished.status == Some(2) && finished.stderr.contains("error[A003]"), "{:?}", finished.status);
}
