//! The jobs that the peers of benches/README.md do on one raw Kong log, by credlens's own code, one JSON line a run:
//! `cargo bench --bench kong_job -- nine|full FILE GRANTS.csv REVOCATIONS.csv [THREADS]`.
//!
//! `nine`: the extractor reads nine fields, the jobs run over plain columns; the sums equal the peers'. `full`: what
//! `credlens run` does (detection, the whole pack, proof and decision judged, frames written to Parquet), then the three
//! jobs in SQL over those frames; its sums are credlens's verdicts, which ask more of a proof than that a header is there.
//! `index`: the structural index of every line alone, the limit that parsing is measured against.

use credlens::frame::build::{FrameSettings, build_frames};
use credlens::frame::interner::{Interner, NULL};
use credlens::frame::segment::Spill;
use credlens::frame::table::{Column, Table};
use credlens::metric::catalog::Catalog;
use credlens::metric::engine::query_run_with;
use credlens::record::field::FieldKind;
use credlens::record::revocation_ticket::TicketSettings;
use credlens::record::scope::ScopeGrammar;
use credlens::record::token::Digester;
use credlens::source::chunk::{Chunk, ChunkReader, Framing};
use credlens::source::decode::json::{FieldPlan, JsonReader, KeyRules};
use credlens::source::decode::structural::StructuralIndex;
use credlens::source::library::Library;
use credlens::source::open;
use credlens::source::read::{MemoryBound, Progress, ReadSettings, read_all};
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [job, file, rest @ ..] = arguments.as_slice() else {
        eprintln!("kong_job nine|full|index FILE GRANTS.csv REVOCATIONS.csv [THREADS]: nothing to do without a file");
        return;
    };
    let threads = rest.get(2).and_then(|text| text.parse().ok()).unwrap_or(2);
    let csv = |at: usize| rest.get(at).map(|path| rows_of(Path::new(path))).unwrap_or_default();
    let start = Instant::now();
    let sums = match job.as_str() {
        "nine" => nine(Path::new(file), &csv(0), &csv(1), threads),
        "full" => full(Path::new(file), &csv(0), &csv(1), threads),
        "index" => index(Path::new(file), threads),
        other => panic!("no job {other}"),
    };
    let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let wall = start.elapsed().as_secs_f64();
    println!("{{\"job\": \"credlens-{job}\", \"wall_s\": {wall:.3}, \"mb_per_s\": {:.0}, \"sums\": {sums:?}}}", bytes as f64 / 1e6 / wall);
}

fn rows_of(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().skip(1).map(|line| line.split(',').map(str::to_string).collect()).collect()
}

/// Gives the file's chunks to as many workers, and what each made of them.
fn by_chunks<T: Send>(file: &Path, threads: usize, worker: impl Fn(&mut dyn FnMut() -> Option<Chunk>) -> T + Sync) -> Vec<T> {
    let reader = open::open(file, &Arc::default(), &Default::default()).expect("a file that opens").reader;
    let reader = Mutex::new(ChunkReader::new(reader, Framing::Lines, Vec::new()));
    let next = || reader.lock().expect("no worker panics").next_chunk().expect("a readable file");
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| worker(&mut || next()))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
    })
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = start + memchr::memchr(b'\n', bytes.get(start..)?)?;
        let line = &bytes[start..end];
        start = end + 1;
        Some(line)
    })
}

fn index(file: &Path, threads: usize) -> Vec<Vec<i64>> {
    let counts = by_chunks(file, threads, |next| {
        let (mut index, mut total) = (StructuralIndex::default(), 0);
        while let Some(chunk) = next() {
            lines(&chunk.bytes).for_each(|line| total += index.index(line).map_or(0, <[u32]>::len));
        }
        total as i64
    });
    vec![vec![counts.iter().sum()]]
}

const NINE: [&str; 9] = [
    "started_at",
    "service.name",
    "response.status",
    "upstream_status",
    "request.tls.client_verify",
    "request.headers.dpop",
    "consumer.username",
    "request.headers.x-authenticated-scope",
    "authenticated_entity.id",
];

/// One worker's calls.
#[derive(Default)]
struct Calls {
    texts: [Interner; 4],
    rows: Vec<Call>,
}

struct Call {
    at_ms: i64,
    status: i16,
    is_constrained: bool,
    has_upstream: bool,
    service: u32,
    identity: u32,
    scope: u32,
    credential: u32,
}

fn read_nine(next: &mut dyn FnMut() -> Option<Chunk>) -> Calls {
    let paths: Vec<Vec<String>> = NINE.iter().map(|path| path.split('.').map(str::to_string).collect()).collect();
    let plan = FieldPlan::new(&paths, &KeyRules::default());
    let (mut reader, mut calls) = (JsonReader::new(&plan), Calls::default());
    while let Some(chunk) = next() {
        let text = simdutf8::basic::from_utf8(&chunk.bytes).expect("the generated log is UTF-8");
        let mut start = 0;
        for line in lines(text.as_bytes()) {
            let record = &text[start..start + line.len()];
            start += line.len() + 1;
            let Ok(fields) = reader.read(&plan, record) else { continue };
            let is_there = |slot: usize| !matches!(fields.kind(slot), FieldKind::Missing | FieldKind::Null);
            let mut number = |which: usize, slot: usize| fields.text(slot).map_or(NULL, |text| calls.texts[which].intern(&text));
            let (service, identity, scope, credential) = (number(0, 1), number(1, 6), number(2, 7), number(3, 8));
            calls.rows.push(Call {
                at_ms: fields.raw(0).parse().unwrap_or(0),
                status: fields.raw(2).parse().unwrap_or(0),
                is_constrained: fields.raw(4) == "SUCCESS" || is_there(5),
                has_upstream: is_there(3),
                service,
                identity,
                scope,
                credential,
            });
        }
    }
    calls
}

/// The peers' J1, J2 and J3 over nine fields; see their SQL for the definitions.
fn nine(file: &Path, grants: &[Vec<String>], revocations: &[Vec<String>], threads: usize) -> Vec<Vec<i64>> {
    let parts = by_chunks(file, threads, read_nine);
    vec![job_1(&parts), job_2(&parts, grants), job_3(&parts, revocations)]
}

fn job_1(parts: &[Calls]) -> Vec<i64> {
    let mut groups: HashMap<(&str, i64), [i64; 4]> = HashMap::new();
    for part in parts {
        let mut sums: HashMap<(u32, i64), [i64; 4]> = HashMap::new();
        for call in &part.rows {
            let (year, month) = credlens::record::time::year_month(call.at_ms * 1000);
            let is_violation = matches!(call.status, 401 | 403 | 429);
            let sum = sums.entry((call.service, year * 12 + i64::from(month))).or_default();
            for (place, count) in sum.iter_mut().zip([true, call.is_constrained, is_violation, is_violation && !call.has_upstream]) {
                *place += i64::from(count);
            }
        }
        for ((service, month), sum) in sums {
            let group = groups.entry((part.texts[0].get_option(service).unwrap_or(""), month)).or_default();
            group.iter_mut().zip(sum).for_each(|(place, count)| *place += count);
        }
    }
    let total = |which: usize| groups.values().map(|sum| sum[which]).sum::<i64>();
    vec![groups.len() as i64, total(0), total(1), total(2), total(3)]
}

fn job_2(parts: &[Calls], grants: &[Vec<String>]) -> Vec<i64> {
    let mut used: HashSet<(&str, &str)> = HashSet::new();
    for part in parts {
        let pairs: HashSet<(u32, u32)> =
            part.rows.iter().filter(|call| call.status < 400 && call.identity != NULL && call.scope != NULL).map(|call| (call.identity, call.scope)).collect();
        used.extend(pairs.into_iter().map(|(identity, scope)| (part.texts[1].get(identity), part.texts[2].get(scope))));
    }
    let granted: HashSet<(&str, &str)> = grants.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    let identities: HashSet<&str> = granted.iter().chain(&used).map(|pair| pair.0).collect();
    let both = granted.intersection(&used).count();
    vec![identities.len() as i64, granted.len() as i64, both as i64, (granted.len() - both) as i64, (used.len() - both) as i64]
}

fn job_3(parts: &[Calls], revocations: &[Vec<String>]) -> Vec<i64> {
    let number = |text: &str| text.parse::<i64>().expect("milliseconds");
    let mut after: HashMap<&str, (i64, i64)> = HashMap::new();
    for part in parts {
        let revoked_at: HashMap<u32, (&str, i64)> =
            revocations.iter().filter_map(|row| Some((part.texts[3].find(&row[0])?, (row[0].as_str(), number(&row[2]))))).collect();
        for call in part.rows.iter().filter(|call| call.status < 400) {
            if let Some((credential, revoked_at)) = revoked_at.get(&call.credential)
                && call.at_ms > *revoked_at
            {
                let sum = after.entry(*credential).or_insert((0, i64::MIN));
                *sum = (sum.0 + 1, sum.1.max(call.at_ms));
            }
        }
    }
    let late = |clock: usize| revocations.iter().filter_map(|row| Some(after.get(row[0].as_str())?.1 - number(&row[clock]))).sum::<i64>();
    vec![revocations.len() as i64, after.values().map(|sum| sum.0).sum(), after.len() as i64, late(2), late(1)]
}

/// The pack's whole reading and judging, frames on disk, the jobs over them.
fn full(file: &Path, grants: &[Vec<String>], revocations: &[Vec<String>], threads: usize) -> Vec<Vec<i64>> {
    let (folder, library) = (tempfile::tempdir().expect("a temporary folder"), Library::new(&[]).expect("embedded packs compile"));
    let settings = ReadSettings {
        threads,
        digester: Digester::default(),
        tickets: TicketSettings::default(),
        sources: Default::default(),
        zones: Default::default(),
        pack: None,
        keep_raw: false,
        limits: Default::default(),
        addresses: Default::default(),
        bound: Some(MemoryBound { bytes_per_thread: 40 << 20, spill: Spill::new(folder.path().to_path_buf()) }),
        kept: None,
    };
    let clock = Instant::now();
    let mut evidence = read_all(&[PathBuf::from(file)], &library, &settings, &Progress::default());
    let read = clock.elapsed();
    let frame_settings =
        FrameSettings { credential_aliases: Default::default(), grammar: ScopeGrammar::new(&[], &[]).expect("no patterns"), metadata: Default::default() };
    let frames = build_frames(&mut evidence, &library, &frame_settings, &folder.path().join("parquet/frames")).expect("frames can be written");
    let written = clock.elapsed();
    let tables = own_tables(grants, revocations, &frames.scope_sets);
    let catalog = Catalog::new(&[]).expect("the catalog");
    let sums = JOBS.iter().map(|sql| {
        let row = query_run_with(&catalog, folder.path(), sql, &tables).unwrap_or_else(|error| panic!("{error}"));
        (0..5).map(|column| row.int(&format!("s{column}"), 0).unwrap_or(0)).collect()
    });
    let sums = sums.collect();
    eprintln!("read {:.2} s, frames {:.2} s, jobs {:.2} s", read.as_secs_f64(), (written - read).as_secs_f64(), (clock.elapsed() - written).as_secs_f64());
    sums
}

fn own_tables(grants: &[Vec<String>], revocations: &[Vec<String>], sets: &credlens::frame::build::ScopeSets) -> BTreeMap<String, Table> {
    let text = |rows: &[Vec<String>], at: usize| Column::Text(rows.iter().map(|row| Some(row[at].clone())).collect());
    let micros = |rows: &[Vec<String>], at: usize| Column::Int(rows.iter().map(|row| row[at].parse::<i64>().ok().map(|millis| millis * 1000)).collect());
    let pairs: Vec<(i64, String)> =
        (0..sets.len() as i64).flat_map(|set| sets.scopes(set).map(move |scope| (set, scope.to_string())).collect::<Vec<_>>()).collect();
    let (mut granted, mut revoked, mut scopes) = (Table::default(), Table::default(), Table::default());
    granted.set("identity", text(grants, 0));
    granted.set("scope", text(grants, 1));
    // The pack spells a credential as kind:value.
    revoked.set("credential", Column::Text(revocations.iter().map(|row| Some(format!("kong:{}", row[0]))).collect()));
    revoked.set("reported_us", micros(revocations, 1));
    revoked.set("revoked_us", micros(revocations, 2));
    scopes.set("set_number", Column::Int(pairs.iter().map(|(set, _)| Some(*set)).collect()));
    scopes.set("scope", Column::Text(pairs.into_iter().map(|(_, scope)| Some(scope)).collect()));
    [("bench_grants", granted), ("bench_revocations", revoked), ("bench_scopes", scopes)].into_iter().map(|(name, table)| (name.to_string(), table)).collect()
}

const JOBS: [&str; 3] = [
    "with sums as (
       select api, month, cast(count(*) as bigint) as calls,
         cast(sum(case when proof in ('dpop_verified', 'mtls_bound', 'signature_verified') then 1 else 0 end) as bigint) as constrained,
         cast(sum(case when violation is not null then 1 else 0 end) as bigint) as violating,
         cast(sum(case when violation is not null and decision = 'blocked' then 1 else 0 end) as bigint) as blocked
       from requests group by api, month)
     select cast(count(*) as bigint) as s0, cast(sum(calls) as bigint) as s1, cast(sum(constrained) as bigint) as s2,
       cast(sum(violating) as bigint) as s3, cast(sum(blocked) as bigint) as s4 from sums",
    "with sets as (
       select distinct identity, scope_set from requests
       where identity is not null and scope_set is not null and decision in ('allowed', 'observed')),
     used as (
       select distinct sets.identity as identity, bench_scopes.scope as scope from sets join bench_scopes on sets.scope_set = bench_scopes.set_number),
     met as (
       select cast(count(*) as bigint) as n_met from bench_grants
       join used on bench_grants.identity = used.identity and bench_grants.scope = used.scope),
     named as (
       select identity from bench_grants union select identity from used),
     people as (select cast(count(*) as bigint) as n_named from named),
     granted as (select cast(count(*) as bigint) as n_granted from bench_grants),
     carried as (select cast(count(*) as bigint) as n_used from used)
     select n_named as s0, n_granted as s1, n_met as s2, n_granted - n_met as s3, n_used - n_met as s4
     from people cross join granted cross join carried cross join met",
    "with matched as (
       select requests.credential as credential, requests.event_us as event_us, bench_revocations.revoked_us as revoked_us,
         bench_revocations.reported_us as reported_us
       from requests join bench_revocations on requests.credential = bench_revocations.credential
       where requests.decision in ('allowed', 'observed') and requests.event_us > bench_revocations.revoked_us),
     late as (
       select credential, cast(count(*) as bigint) as calls, max(event_us) as last_us, min(revoked_us) as revoked_us, min(reported_us) as reported_us
       from matched group by credential),
     sums as (
       select cast(sum(calls) as bigint) as calls, cast(count(*) as bigint) as credentials,
         cast(sum(last_us - revoked_us) as bigint) as since_revoked, cast(sum(last_us - reported_us) as bigint) as since_reported from late),
     named as (select cast(count(*) as bigint) as n_named from bench_revocations)
     select n_named as s0, calls as s1, credentials as s2, since_revoked as s3, since_reported as s4 from named cross join sums",
];
