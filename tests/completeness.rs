//! Nothing is lost: whatever is broken around it, every good record counts once and every broken one is in the rejects, with its
//! place; and days on which a log says nothing are told.

use crate::hostile::call;
use crate::ledger::{gzip, zstd};
use crate::support::{Sources, read_parquet};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// A linear congruential generator, as in `fuzz.rs`.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

fn record(id: &str, number: usize) -> String {
    let mut value = call(id);
    value["started_at"] = json!(1_777_885_200_000i64 + number as i64 * 61_000);
    value["request"]["headers"] = json!({"user-agent": "x".repeat(number % 90)});
    value.to_string()
}

/// Breaks a record so that no reading of it is right.
fn broken(record: &str, numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = record.as_bytes().to_vec();
    match numbers.below(6) {
        0 => bytes.truncate(1 + numbers.below(bytes.len() - 1)),
        1 => bytes[numbers.below(record.len() - 1) + 1] = 0xff,
        2 => bytes = record.replacen("\"started_at\":", "\"started_at\":\"never\",\"x\":", 1).into_bytes(),
        3 => drop(bytes.splice(0..1, *b"x{")),
        4 => bytes.push(b'}'),
        _ => bytes = record.replacen("\"method\"", "\"me\u{1}thod\"", 1).into_bytes(),
    }
    bytes
}

#[test]
fn every_good_record_counts_once_and_every_broken_one_is_a_reject() {
    for seed in 0..12 {
        let mut numbers = Numbers(seed);
        let sources = Sources::new();
        let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
        for file in 0..4 {
            let mut text = Vec::new();
            let name = format!("in/file-{file}");
            for line in 1..=30 + numbers.below(200) as u64 {
                let id = format!("{file}-{line}");
                let whole = record(&id, good.len() + bad.len());
                // The first lines stay whole: by them the format is known.
                if line > 20 && numbers.below(4) == 0 {
                    text.extend(broken(&whole, &mut numbers));
                    bad.insert((format!("file-{file}"), line));
                } else {
                    text.extend(whole.as_bytes());
                    good.insert(id);
                }
                text.extend([b"\n".as_slice(), b"\r\n"][numbers.below(2)]);
            }
            sources.put(&name, [|text: &[u8]| text.to_vec(), gzip, zstd][numbers.below(3)](&text));
        }
        let reading = sources.read();
        let ids: Vec<&str> = reading.rows["requests"].iter().map(|row| row["request_id"].as_str().expect("an id")).collect();
        assert_eq!(ids.len(), good.len(), "seed {seed}: each once");
        assert_eq!(ids.iter().map(|id| id.to_string()).collect::<BTreeSet<_>>(), good, "seed {seed}");
        let file_name = |file: u32| reading.evidence.files[file as usize].path.file_name().expect("a name").to_string_lossy().into_owned();
        let rejects: Vec<(String, u64)> = reading.rejects.iter().map(|reject| (file_name(reject.file), reject.record)).collect();
        assert_eq!(rejects.len(), bad.len(), "seed {seed}: each once");
        assert_eq!(rejects.into_iter().collect::<BTreeSet<_>>(), bad, "seed {seed}");
        for counts in reading.evidence.ledger.values() {
            assert_eq!(counts.records, counts.rows + counts.duplicates + counts.skipped + counts.rejects);
        }
    }
}

/// Noise of any kind inside lines: lines that were not touched count, and each line is once in the ledger.
#[test]
fn noise_in_one_line_takes_no_other_line_with_it() {
    for seed in 100..112 {
        let mut numbers = Numbers(seed);
        let (mut text, mut whole, mut lines) = (Vec::new(), Vec::new(), 0);
        for line in 0..300 {
            let mut bytes = record(&format!("r-{line}"), line).into_bytes();
            let is_touched = line > 20 && numbers.below(3) == 0;
            for _ in 0..if is_touched { 1 + numbers.below(8) } else { 0 } {
                let at = numbers.below(bytes.len());
                let byte = numbers.below(256) as u8;
                bytes[at] = if byte == b'\n' { b'\r' } else { byte };
            }
            if !is_touched {
                whole.push(format!("r-{line}"));
            }
            lines += 1;
            text.extend(bytes);
            text.push(b'\n');
        }
        let reading = Sources::new().file("in/log", text).read();
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        reading.rows["requests"].iter().filter_map(|row| row.get("request_id")?.as_str()).for_each(|id| *seen.entry(id).or_default() += 1);
        for id in &whole {
            assert_eq!(seen.get(id.as_str()), Some(&1), "seed {seed}: {id}");
        }
        assert_eq!(reading.ledger_of("log").records, lines, "seed {seed}");
    }
}

/// A log of many records a day that is silent for one day, and for three; and one of a record a day, whose silences of one day
/// say nothing.
#[test]
fn days_without_records_between_days_that_have_them_are_told() {
    let log = |per_day: usize| -> String {
        let days = (0..60usize).filter(|day| ![20, 40, 41, 42].contains(day));
        let at = |day: usize| (1_775_001_600_000i64 + day as i64 * 86_400_000).to_string();
        days.flat_map(|day| (0..per_day).map(move |number| record(&format!("r-{day}-{number}"), 0).replace("1777885200000", &at(day)) + "\n")).collect()
    };
    for (per_day, told) in [(8, vec!["2026-04-21", "2026-05-11"]), (1, vec!["2026-05-11"])] {
        let sources = Sources::new().file("in/log", log(per_day));
        let (_, folder) = sources.run_in_out(&[]);
        let coverage = read_parquet(&folder.join("parquet/coverage.parquet"));
        let gaps: Vec<i64> = coverage.iter().filter_map(|row| row.get("gaps")?.as_i64()).filter(|gap| *gap > 0).collect();
        assert_eq!(gaps, [1, 3], "every pause is in coverage.parquet");
        let summary: Value = serde_json::from_str(&fs::read_to_string(folder.join("summary.json")).expect("summary.json")).expect("JSON");
        let found = summary["coverage"]["gaps"].as_array().expect("gaps");
        assert_eq!(found.len(), told.len(), "{per_day} a day: {found:?}");
        let listed = summary["coverage"]["gaps"].to_string();
        assert!(told.iter().all(|day| listed.contains(day)), "{per_day} a day: {listed}");
        // The page names the longest of several.
        let text = fs::read_to_string(folder.join("summary.md")).expect("summary.md");
        assert!(text.contains("**Gap:**") && text.contains("2026-05-11"), "{per_day} a day");
    }
}
