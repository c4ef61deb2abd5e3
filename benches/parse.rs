//! Parsing speed per format: the structural index alone (the practical limit), the extraction of a pack's fields, and the
//! whole reading path to typed rows. `cargo bench --bench parse`; divan prints bytes per second of one thread.
//!
//! Inputs are made from the sample estate, repeated to some megabytes; nothing is committed.

use credlens::record::revocation_ticket::TicketSettings;
use credlens::record::token::Digester;
use credlens::source::decode::RecordReader;
use credlens::source::decode::structural::StructuralIndex;
use credlens::source::library::Library;
use credlens::source::read::{Progress, ReadSettings, read_all};
use divan::Bencher;
use divan::counter::BytesCount;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const FORMATS: [&str; 4] = ["kong", "aws_apigateway", "okta", "github_audit"];
const INPUT_BYTES: usize = 16 << 20;

fn main() {
    divan::main();
}

/// Lines of one format from the sample estate, repeated; of Kong from `CREDLENS_BENCH_KONG` if that names a file.
fn input(format: &str) -> Vec<u8> {
    if let (true, Ok(file)) = (format == "kong", std::env::var("CREDLENS_BENCH_KONG")) {
        let mut bytes = std::fs::read(file).expect("the named file is readable");
        bytes.truncate(INPUT_BYTES);
        bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1));
        return bytes;
    }
    let (folder, prefix) = match format {
        "kong" => ("gateway", "kong-"),
        "aws_apigateway" => ("gateway", "aws-"),
        "okta" => ("idp", "okta-2"),
        _ => ("idp", "github-"),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data/estate").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).expect("the sample estate is there").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let is_lines = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    let once: Vec<u8> = files.iter().filter(|path| is_lines(path)).flat_map(|path| std::fs::read(path).expect("a readable file")).collect();
    let lines: Vec<&[u8]> = once.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{") && line.ends_with(b"}")).collect();
    let mut bytes = Vec::with_capacity(INPUT_BYTES);
    while bytes.len() < INPUT_BYTES {
        for line in &lines {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
    }
    bytes
}

fn each_line<'b>(bytes: &'b [u8], mut visit: impl FnMut(&'b [u8])) {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        visit(&bytes[start..end]);
        start = end + 1;
    }
}

#[divan::bench(args = FORMATS)]
fn structural_index(bencher: Bencher, format: &str) {
    let bytes = input(format);
    let mut index = StructuralIndex::default();
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
        let mut total = 0;
        each_line(&bytes, |line| total += index.index(line).map_or(0, <[u32]>::len));
        total
    });
}

#[divan::bench(args = FORMATS)]
fn extract_fields(bencher: Bencher, format: &str) {
    let bytes = input(format);
    let library = Library::new(&[]).expect("embedded packs compile");
    let pack = &library.packs[library.find(format).expect("a pack of that name")];
    let mut reader = RecordReader::new(&pack.decoder);
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
        let mut good = 0;
        each_line(&bytes, |line| good += usize::from(reader.read(&pack.decoder, std::str::from_utf8(line).expect("UTF-8")).is_ok()));
        good
    });
}

#[divan::bench(args = FORMATS)]
fn read_to_rows(bencher: Bencher, format: &str) {
    let bytes = input(format);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("input.ndjson");
    std::fs::write(&path, &bytes).expect("a writable folder");
    let library = Library::new(&[]).expect("embedded packs compile");
    let settings = ReadSettings {
        threads: 1,
        digester: Digester::default(),
        tickets: TicketSettings::default(),
        sources: HashMap::new(),
        zones: HashMap::new(),
        pack: None,
        keep_raw: false,
        limits: Default::default(),
        addresses: Default::default(),
        bound: None,
        kept: None,
    };
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| read_all(std::slice::from_ref(&path), &library, &settings, &Progress::default()).ledger.len());
}
