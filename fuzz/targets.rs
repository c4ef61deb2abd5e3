//! What is fuzzed: each function takes any bytes and must come back, with what it says holding.
//!
//! Shared by `tests/fuzz.rs` (a fixed budget of mutations, with every test run) and by the targets of cargo-fuzz in
//! `fuzz_targets/` (as long as one likes).
#![allow(dead_code)]

use chrono_tz::Tz;
use credlens::cli::config::{Config, parse_duration, parse_share, parse_size};
use credlens::record::local_time;
use credlens::record::time::{self, DateOrder, Local, TimeForm};
use credlens::record::token::{self, Digester};
use credlens::source::chunk::{ChunkReader, Framing};
use credlens::source::decode::RecordReader;
use credlens::source::decode::json::validate;
use credlens::source::detect::{Detected, detect};
use credlens::source::library::{Library, Pack};
use credlens::source::open::{Limits, open};
use credlens::source::read::{Progress, ReadSettings, read_all};
use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, LazyLock};

/// The embedded packs.
pub static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library::new(&[]).expect("the embedded packs compile"));

/// Detection: the same answer twice, and a pack that exists.
pub fn detection(bytes: &[u8]) {
    for is_whole in [true, false] {
        let found = detect(&LIBRARY, None, bytes, is_whole);
        assert_eq!(found, detect(&LIBRARY, None, bytes, is_whole));
        if let Detected::Pack { pack, .. } = found {
            assert!(pack < LIBRARY.packs.len());
        }
    }
}

/// Every pack's decoder, over every line that is text: a record or a reason in one snake_case word.
pub fn decoders(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let header = lines.next();
    let lines: Vec<&str> = bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()).collect();
    for pack in &LIBRARY.packs {
        let mut reader = RecordReader::new(&pack.decoder);
        reader.start_chunk(&pack.decoder, header);
        for line in &lines {
            match reader.read(&pack.decoder, line) {
                Ok(_) => {}
                Err(reason) => assert!(!reason.is_empty() && reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{reason}"),
            }
        }
    }
}

/// A whole file through detection, framing, decoding and judging: its ledger adds up, each record is once in it.
pub fn file(bytes: &[u8]) {
    file_as(bytes, None);
}

/// As `file`, read as one pack whatever it looks like.
pub fn file_as(bytes: &[u8], pack: Option<usize>) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("it can be written");
    let settings = ReadSettings {
        threads: 1,
        digester: Digester::default(),
        tickets: Default::default(),
        sources: HashMap::new(),
        zones: HashMap::new(),
        pack,
        keep_raw: true,
        limits: Default::default(),
        addresses: Default::default(),
        bound: None,
        kept: None,
    };
    let evidence = read_all(&[file.path().to_path_buf()], &LIBRARY, &settings, &Progress::default());
    let sum = |count: fn(&credlens::source::read::Counts) -> u64| evidence.ledger.values().map(count).sum::<u64>();
    assert_eq!(sum(|counts| counts.records), sum(|counts| counts.rows + counts.duplicates + counts.skipped + counts.rejects));
    assert_eq!(sum(|counts| counts.rejects), evidence.rejects.len());
}

/// A file of any compression: no more comes out than its limits allow, the same each time, and its ledger adds up.
pub fn archive(bytes: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("it can be written");
    let limits = Limits { decompressed: 1_000_000, ..Limits::default() };
    let expand = || {
        let mut out = Vec::new();
        let outcome = open(file.path(), &Arc::default(), &limits).and_then(|mut source| source.reader.read_to_end(&mut out));
        (outcome.map_err(|error| error.to_string()), out)
    };
    let (outcome, out) = expand();
    assert_eq!((&outcome, &out), (&expand().0, &expand().1));
    // UTF-16 becomes at most half as long again, and a plain file is as long as it is.
    assert!(out.len() as u64 <= limits.decompressed.max(bytes.len() as u64) * 3 / 2, "{} bytes", out.len());
    self::file(bytes);
}

/// A document (OpenAPI, Terraform state and others) or other inventory, read by every pack of its kind.
pub fn document(bytes: &[u8]) {
    let inventories = LIBRARY.packs.iter().enumerate().filter(|(_, pack)| pack.file.inventory.is_some());
    inventories.for_each(|(index, _)| file_as(bytes, Some(index)));
}

/// Cutting into records gives the same for whole and for dribbled input, and no byte twice.
pub fn framing(bytes: &[u8]) {
    for framing in [Framing::Lines, Framing::Values { wrappers: vec!["records".into(), "value".into()] }, Framing::W3c, Framing::Csv] {
        let cut = |step: usize| {
            let mut reader = ChunkReader::new(Box::new(Dribble { bytes: bytes.to_vec(), at: 0, step }), framing.clone(), Vec::new());
            let mut found = Vec::new();
            while let Some(chunk) = reader.next_chunk().expect("memory can be read") {
                let places = chunk.elements.iter().flatten();
                found.extend(places.map(|element| (chunk.offset as usize + element.start, chunk.offset as usize + element.end, element.problem)));
            }
            found
        };
        let (whole, dribbled) = (cut(usize::MAX), cut(61));
        assert_eq!(whole, dribbled, "{framing:?}");
        assert!(whole.iter().all(|(start, end, _)| start <= end && *end <= bytes.len()), "{framing:?}: {whole:?}");
        assert!(whole.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{framing:?}: {whole:?}");
    }
}

struct Dribble {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl std::io::Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(self.step).min(self.bytes.len() - self.at);
        buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Whether a text is JSON: as serde_json has it, but for what it alone asks of values (numbers that fit, paired surrogates).
pub fn json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let ours = validate(bytes);
    match (ours, serde_json::from_str::<serde_json::Value>(text)) {
        (Ok(()), Err(error)) => {
            let told = error.to_string();
            let is_value = told.contains("out of range") || told.contains("surrogate") || told.contains("hex escape") || told.contains("recursion");
            assert!(is_value, "accepted {text:?}: {told}");
        }
        (Err(error), Ok(_)) => panic!("refused {text:?}: {error:?}"),
        _ => {}
    }
}

/// Tokens, certificates and references: what comes out holds no long part of what went in, but for claims.
pub fn jwt(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let digester = Digester::default();
    if let Some(claims) = token::read_jwt(&text) {
        assert_eq!(text.split('.').count(), 3);
        for instant in [claims.issued_at, claims.expires_at].into_iter().flatten() {
            assert!(is_in_range(instant));
        }
    }
    let _ = token::certificate_reference(&text);
    let _ = token::is_masked(&text);
    if let Some(hex) = token::sha256_hex(&text) {
        assert_eq!(hex.len(), 64);
    }
    let reference = token::reference_or_digest(&text, &digester);
    let again = token::reference_or_digest(&reference, &digester);
    assert_eq!(reference, again, "a reference is its own reference");
}

fn is_in_range(micros: i64) -> bool {
    (-62_135_596_800_000_000..=253_402_300_799_999_999).contains(&micros)
}

/// Instants in every form: years 1 to 9999 or nothing.
pub fn instant(bytes: &[u8]) {
    use TimeForm::*;
    let text = String::from_utf8_lossy(bytes);
    for form in [Iso, EpochS, EpochMs, EpochUs, EpochNs, Epoch, Clf, MonthDay, Any] {
        for zone in [Tz::UTC, Tz::America__St_Johns, Tz::Pacific__Apia] {
            for order in [None, Some(DateOrder::DayFirst), Some(DateOrder::MonthFirst)] {
                let local = Local { zone, order, year: Some(2026), date: Some(20_000) };
                let _ = local_time::is_ambiguous(&text, local);
                let Some(micros) = time::parse(&text, form, local) else { continue };
                assert!(is_in_range(micros), "{text} is {micros}");
                let (year, month) = time::year_month(micros);
                assert!((1..=9999).contains(&year) && (1..=12).contains(&month), "{text} is in {year}-{month}");
            }
        }
    }
    let _ = local_time::fixed_zone(&text);
    for year in [1, 2026, 9999, 10_000, -1] {
        if let Some(micros) = time::parse_month_day(text.as_bytes(), year, Tz::UTC) {
            assert!(is_in_range(micros));
        }
    }
    let _ = text.parse::<credlens::period::Period>();
    let _ = credlens::period::parse_instant(&text);
}

/// The text of a pack compiles or is refused with a reason.
pub fn pack(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = Pack::compile(&text, "fuzz.toml") {
        assert!(!error.message.is_empty());
    }
}

/// A configuration is read or refused with a reason.
pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(failure) = Config::from_text(&text) {
        assert!(!failure.message.is_empty());
    }
    let _ = (parse_duration(&text), parse_share(&text), parse_size(&text));
}
