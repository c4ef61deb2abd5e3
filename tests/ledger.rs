//! What becomes of every record: the ledger adds up per file, odd framing loses nothing, compression is known by content,
//! and a file that cannot be read is told while the run goes on.

use crate::support::{Reading, Row, Sources};
use credlens::source::read::{Counts, FileState};
use serde_json::{Value, json};
use std::io::Write;

fn call(id: &str) -> Value {
    json!({
        "started_at": 1777885200000i64, "request": {"id": id, "method": "GET", "uri": "/orders", "headers": {}}, "response": {"status": 200, "headers": {}},
        "service": {"name": "orders"}, "latencies": {}, "tries": [],
    })
}

fn ids(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row["request_id"].as_str().expect("an id").to_string()).collect()
}

/// Reads one file and gives its ledger, the ids of its calls, and the reasons of its rejects by record number.
fn read(content: impl AsRef<[u8]>) -> (Counts, Vec<String>, Vec<(u64, &'static str)>) {
    let sources = Sources::new().file("in/log", content);
    let reading = sources.read();
    let counts = reading.ledger_of("log");
    assert_eq!(counts.records, counts.rows + counts.rejects + counts.duplicates + counts.skipped, "the ledger adds up: {counts:?}");
    (counts, ids(&reading.rows["requests"]), reading.rejects.iter().map(|reject| (reject.record, reject.reason)).collect())
}

fn counts(records: u64, rows: u64, duplicates: u64, rejects: u64) -> Counts {
    Counts { records, rows, duplicates, skipped: 0, rejects }
}

#[test]
fn every_record_is_a_row_a_reject_a_duplicate_or_skipped() {
    let text = format!("{}\n{{\"started_at\":17\n{}\n\n{}\n{{\"started_at\":\"soon\",\"request\":{{}},\"response\":{{}}}}\n", call("a"), call("b"), call("a"));
    let (found, ids, rejects) = read(text);
    assert_eq!(found, counts(5, 2, 1, 2));
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(rejects, [(2, "truncated_json"), (6, "bad_timestamp")], "a blank line is no record, but it is counted in the numbers");
}

#[test]
fn a_bom_and_carriage_returns_change_nothing() {
    let plain = format!("{}\n{}\n", call("a"), call("b"));
    let expected = read(&plain);
    assert_eq!(expected.0, counts(2, 2, 0, 0));
    let bom = |text: &str| [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
    let crlf = plain.replace('\n', "\r\n");
    assert_eq!(read(bom(&plain)), expected);
    assert_eq!(read(&crlf), expected);
    assert_eq!(read(bom(&crlf)), expected);
    assert_eq!(read(format!("\n \n{}\n\t\n\r\n{}\n\n", call("a"), call("b"))).1, ["a", "b"]);
}

#[test]
fn the_last_line_needs_no_end_and_a_cut_one_is_a_reject() {
    let (first, last) = (call("a").to_string(), call("b").to_string());
    assert_eq!(read(format!("{first}\n{last}")).0, counts(2, 2, 0, 0));
    let (found, ids, rejects) = read(format!("{first}\n{}", &last[..last.len() / 2]));
    assert_eq!((found, ids), (counts(2, 1, 0, 1), vec!["a".to_string()]));
    assert_eq!(rejects, [(2, "truncated_json")]);
    // An array that is cut off keeps its whole elements.
    let (found, ids, _) = read(format!("[{first},\n{}", &last[..last.len() / 2]));
    assert_eq!((found.rows, found.rejects, ids), (1, 1, vec!["a".to_string()]));
}

#[test]
fn bytes_that_are_no_text_are_one_reject() {
    let bad = [call("a").to_string().as_bytes(), b"\n{\"started_at\":\"\xff\xfe\"}\n", call("b").to_string().as_bytes()].concat();
    let (found, ids, rejects) = read(bad);
    assert_eq!((found, ids), (counts(3, 2, 0, 1), vec!["a".to_string(), "b".to_string()]));
    assert_eq!(rejects[0].0, 2);
}

#[test]
fn an_empty_file_is_empty_and_no_error() {
    for content in ["", "\n\n", "\u{feff}", " \r\n"] {
        let sources = Sources::new().file("in/empty", content).file("in/log", call("a").to_string());
        let reading = sources.read();
        let empty = reading.evidence.files.iter().find(|file| file.path.ends_with("empty")).expect("it is listed");
        assert_eq!((&empty.state, empty.pack), (&FileState::Empty, None), "{content:?}");
        assert_eq!(reading.ledger_of("empty"), Counts::default());
        assert_eq!(reading.ledger_of("log").rows, 1);
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes all")
}

pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// The name says nothing: `log` has no ending, and `log.gz` may hold plain text.
#[test]
fn compression_is_known_by_content() {
    let text = format!("{}\n{}\n", call("a"), call("b"));
    let expected = read(&text);
    for (what, bytes) in [("gzip", gzip(text.as_bytes())), ("zstd", zstd(text.as_bytes())), ("bzip2", bzip2(text.as_bytes())), ("xz", xz(text.as_bytes()))] {
        assert_eq!(read(&bytes), expected, "{what}");
        // Members put one behind the other are one log (rotated and concatenated).
        let twice = [bytes.clone(), bytes.clone()].concat();
        assert_eq!(read(twice).0, counts(4, 2, 2, 0), "{what} with two members");
    }
    let sources = Sources::new().file("in/plain.gz", &text);
    assert_eq!(sources.read().ledger_of("plain.gz").rows, 2);
}

#[test]
fn a_broken_archive_keeps_what_could_be_read() {
    // Incompressible ids, so that half of the archive holds about half of the calls.
    let text: String = (0..2_000u64).map(|number| call(&format!("{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).to_string() + "\n").collect();
    let whole = gzip(text.as_bytes());
    let sources = Sources::new().file("in/cut.gz", &whole[..whole.len() / 2]).file("in/log", call("a").to_string());
    let reading = sources.read();
    let cut = reading.evidence.files.iter().find(|file| file.path.ends_with("cut.gz")).expect("it is listed");
    assert!(matches!(cut.state, FileState::Failed(_)), "{:?}", cut.state);
    let counts = reading.ledger_of("cut.gz");
    assert!(counts.rows > 100 && counts.rows < 2_000, "{counts:?}");
    assert_eq!(counts.records, counts.rows + counts.rejects, "the ledger adds up");
    assert_eq!(reading.ledger_of("log").rows, 1, "the other file is read");
}

/// One run over everything that can go wrong with a file: each is told, the good one counts, the exit status is that of the gates.
#[test]
fn unknown_and_unreadable_files_are_told_and_the_run_goes_on() {
    let sources = Sources::new()
        .file("in/good.ndjson", format!("{}\n", call("a")))
        .file("in/notes.txt", "nothing that a pack knows\n")
        .file("in/other.json", "{\"colour\":\"red\"}\n")
        .file("in/empty.log", "")
        .file("in/broken.gz", [0x1f, 0x8b, 8, 0, 1, 2, 3]);
    std::os::unix::fs::symlink("nowhere", sources.path().join("in/dangling")).expect("a link");
    let (finished, folder) = sources.run_in_out(&["--max-rejects", "0"]);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    for (file, why) in [("notes.txt", "A040"), ("other.json", "A040"), ("broken.gz", "warning"), ("dangling", "warning"), ("missing", "")] {
        let told = finished.stderr.lines().any(|line| line.contains(file) && line.contains(why));
        assert_eq!(told, !why.is_empty(), "{file}: {}", finished.stderr);
    }
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("run.json")).expect("run.json")).expect("JSON");
    let states: Vec<(String, bool, u64)> = manifest["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| (file["file"].as_str().unwrap().to_string(), file["format"].is_null(), file["records"].as_u64().unwrap()))
        .collect();
    let file = |name: &str, is_unknown: bool, records: u64| (format!("in/{name}"), is_unknown, records);
    assert_eq!(
        states,
        [file("broken.gz", true, 0), file("empty.log", true, 0), file("good.ndjson", false, 1), file("notes.txt", true, 0), file("other.json", true, 0)]
    );
}

/// Larger than a chunk, so that records cross the edges of chunks and workers share the file.
#[test]
fn a_file_of_many_chunks_loses_nothing_at_their_edges() {
    let filler = "x".repeat(900);
    let record = |number: u64| {
        let mut record = call(&format!("id-{number:06}"));
        record["request"]["headers"] = json!({"user-agent": filler});
        record["started_at"] = json!(1777885200000u64 + number);
        record.to_string()
    };
    let total = 2 * credlens::source::chunk::CHUNK_BYTES as u64 / 1_100 + 500;
    let records: Vec<String> = (0..total).map(record).collect();
    let expected: Vec<String> = (0..total).map(|number| format!("id-{number:06}")).collect();
    for text in [records.join("\n"), format!("[{}]", records.join(",\n"))] {
        let sources = Sources::new().file("in/log", text);
        let reading: Reading = sources.read();
        assert_eq!(reading.ledger_of("log"), counts(total, total, 0, 0));
        assert_eq!(ids(&reading.rows["requests"]), expected);
    }
}
