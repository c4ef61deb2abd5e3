//! A fixed budget of mutations of the fixtures against everything that reads bytes: nothing panics, and what each target says
//! holds (`fuzz/targets.rs`). The same mutations every time; `CREDLENS_FUZZ=10` makes ten times as many, and another
//! `CREDLENS_FUZZ_SEED` makes others.

#[path = "../fuzz/targets.rs"]
mod targets;

use crate::ledger::{bzip2, gzip, xz, zstd};
use crate::support::{files_under, project};
use std::sync::LazyLock;

/// Text that breaks readers.
const TOKENS: [&[u8]; 30] = [
    b"\0",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\xc3\x28",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"-",
    b"1e999",
    b"99999999999999999999999",
    b"-0",
    b"0000-00-00T00:00:00Z",
    b"9999-12-31T23:59:60-23:59",
    b"{\"a\":{\"a\":{\"a\":",
    b"[[[[[[[[[[[[[[[[",
    b"null",
    b"#Fields: ",
    b"\t",
    b"%00",
    b"\xf0\x9f\x98\x80",
];

/// A linear congruential generator (Knuth's MMIX): the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }

    /// A few changes to one seed, now and then many, sometimes with a piece of another.
    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        let most = if self.below(16) == 0 { 40 } else { 4 };
        for _ in 0..1 + self.below(most) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(64)).min(bytes.len());
            match self.below(7) {
                0 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..at, TOKENS[self.below(TOKENS.len())].iter().copied())),
                3 => bytes.truncate(at),
                4 => {
                    let piece = bytes[at..end].to_vec();
                    (0..self.below(40)).for_each(|_| drop(bytes.splice(at..at, piece.iter().copied())));
                }
                5 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                _ => drop(bytes.splice(at..end, TOKENS[self.below(TOKENS.len())].iter().copied())),
            }
        }
        bytes
    }
}

/// A number in the environment. One that is no number is a mistake, not a default: a session would test less than it says.
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Runs a target over its seeds as they are, then over mutations of them.
fn fuzz(target: fn(&[u8]), seeds: &[Vec<u8>], budget: usize) {
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| target(seed));
    let mut numbers = Numbers(variable("CREDLENS_FUZZ_SEED").unwrap_or(42));
    for number in 0..budget * variable("CREDLENS_FUZZ").unwrap_or(1) as usize {
        let bytes = numbers.mutate(seeds);
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        assert!(outcome.is_ok(), "mutation {number} fails: {:?}", String::from_utf8_lossy(&bytes));
    }
}

/// Every sample that is read as a whole: inventories, documents, and Parquet, up to a size.
static DOCUMENTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let is_document = |name: &str| [".yaml", ".yml", ".toml", ".csv", ".tf", ".tfstate"].iter().any(|end| name.ends_with(end)) || name.ends_with("sample.json");
    let files = files_under(&project().join("sample-data")).into_iter().filter(|(name, bytes)| is_document(name) && bytes.len() < 20_000);
    files.map(|(_, bytes)| bytes).collect()
});

/// The first lines of every pack's sample, and of the estate.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    const LINES: usize = 4;
    let is_sample = |name: &str| !name.ends_with("expected.jsonl") && !name.ends_with(".md");
    let head = |bytes: Vec<u8>| {
        let end = memchr::memchr_iter(b'\n', &bytes).nth(LINES - 1).unwrap_or(bytes.len().min(20_000));
        bytes[..end].to_vec()
    };
    files_under(&project().join("sample-data")).into_iter().filter(|(name, _)| is_sample(name)).map(|(_, bytes)| head(bytes)).collect()
});

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn detection_withstands_mutations() {
    fuzz(targets::detection, &SAMPLES, 60);
}

#[test]
fn every_decoder_withstands_mutations() {
    fuzz(targets::decoders, &SAMPLES, 300);
}

#[test]
fn the_ledger_of_mutated_files_adds_up() {
    fuzz(targets::file, &SAMPLES, 300);
}

/// Logs in every compression: what a damaged one gives is within its limit, and all of it is in the ledger.
#[test]
fn compressed_files_withstand_mutations() {
    let logs = SAMPLES.iter().step_by(7).filter(|log| log.len() < 4_000);
    let packed: Vec<Vec<u8>> = logs.flat_map(|log| [gzip(log), zstd(log), bzip2(log), xz(log), [gzip(log), gzip(log)].concat()]).collect();
    fuzz(targets::archive, &packed, 300);
}

#[test]
fn parquet_files_withstand_mutations() {
    fuzz(targets::file, &crate::parquet_input::seeds(), 300);
}

#[test]
fn inventories_and_documents_withstand_mutations() {
    fuzz(targets::document, &DOCUMENTS, 100);
}

#[test]
fn framing_withstands_mutations() {
    fuzz(targets::framing, &SAMPLES, 300);
}

#[test]
fn json_is_what_serde_json_says_it_is() {
    let records: Vec<Vec<u8>> =
        SAMPLES.iter().flat_map(|sample| sample.split(|byte| *byte == b'\n').map(<[u8]>::to_vec)).filter(|line| line.starts_with(b"{")).collect();
    fuzz(targets::json, &records, 20_000);
}

#[test]
fn tokens_and_references_withstand_mutations() {
    let seeds = texts(&[
        "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIiwic2NwIjpbIngiXSwiZXhwIjoxNzc3ODg1MjAwLCJjbmYiOnsiamt0IjoiYSJ9fQ.c2ln",
        "eyJhbGciOiJub25lIn0.eyJpYXQiOi0xLCJleHAiOjFlNDAwfQ.",
        "-----BEGIN%20CERTIFICATE-----%0AMIIB%2FQ==%0A-----END%20CERTIFICATE-----",
        "token:sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD",
        "cert:sha256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        "token:id:abc",
        "key:ak7",
    ]);
    fuzz(targets::jwt, &seeds, 20_000);
}

#[test]
fn instants_withstand_mutations() {
    let seeds = texts(&[
        "2026-07-01T00:00:00.123Z",
        "2026-07-01 00:00:00,123456789 +0530",
        "20260701T000000Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:60-23:59",
        "1782864000123",
        "-62135596800",
        "1782864000.123",
        "1.7e9",
        "01/Jul/2026:02:00:00.123 +0200",
        "Jul  1 00:00:00.123",
        "2026/07/01 - 00:00:00",
        "Aug 2, 2024, 8:45:00\u{202f}AM",
        "Fri, 2 Aug 2024 10:45:00 +0200 (CEST)",
        "2024-08-02T10:45:00+02:00[Europe/Paris]",
        "2/Aug/24 8:45 PM",
        "02.08.2024 8:45:00",
        "2024-08-02 10:45:00 GMT+2",
        "2026-Q3",
        "2026-04-01..2026-07-01",
    ]);
    fuzz(targets::instant, &seeds, 20_000);
}

#[test]
fn pack_files_withstand_mutations() {
    let packs: Vec<Vec<u8>> = files_under(&project().join("src/source/packs")).into_values().collect();
    assert!(packs.len() > 50);
    fuzz(targets::pack, &packs, 1_000);
}

#[test]
fn configurations_withstand_mutations() {
    let template = std::fs::read_to_string(project().join("src/cli/templates/credlens.toml")).expect("the template");
    let open = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ') && !rest.contains("_file")).unwrap_or(line).to_string();
    let open = template.lines().map(open).collect::<Vec<_>>().join("\n");
    fuzz(targets::configuration, &[template.into_bytes(), open.into_bytes()], 1_500);
}
