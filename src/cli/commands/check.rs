//! `credlens check`: what a run would meet, told before it is started. Reads the first records of every file, writes nothing
//! that lasts.

use crate::cli::args::{CheckArgs, Global};
use crate::cli::commands::run::Plan;
use crate::cli::commands::{STDIN, library_of, print, run};
use crate::cli::{CommandResult, Gate};
use crate::diagnostic::{Failure, terminal_safe};
use crate::frame::build::{FrameSettings, Frames, build_frames};
use crate::frame::small::{Calendar, small_frames};
use crate::metric::catalog::{Catalog, Role};
use crate::metric::engine::{is_output, run_catalog};
use crate::record::token::Digester;
use crate::source::decode::parquet;
use crate::source::detect::{Detected, detect};
use crate::source::discover::{Discovery, discover};
use crate::source::library::Library;
use crate::source::open;
use crate::source::pack::PackKind;
use crate::source::read::{Evidence, FileState, Progress, ReadSettings, read_all};
use crate::source::rejects::ReasonCount;
use crate::summary::write::RunFolder;
use crate::units::{Count, Share, counted};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes looked at of each file, decompressed.
const HEAD_BYTES: u64 = 128 * 1024;
/// Rows of a Parquet file that are looked at.
const HEAD_ROWS: usize = 500;
/// Bytes that a line may go on after that.
const LINE_BYTES: u64 = 4 * 1024 * 1024;
/// Decompressed bytes by which the ratio of a compressed file is told, and how many files are measured so.
const RATIO_BYTES: u64 = 8 * 1024 * 1024;
const MEASURED_FILES: usize = 8;
/// Measured, README.md "Memory": kept of each call, and taken besides while queries look at a group of calls.
const BYTES_KEPT: u64 = 200;
const BYTES_QUERIED: u64 = 1_000;
const CALLS_AT_ONCE: u64 = 3_000_000;
const BYTES_AT_REST: u64 = 100_000_000;
/// Written for each call, about: frames and measures together.
const BYTES_WRITTEN: u64 = 120;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    Warn,
    /// A run would finish, but not as it should.
    Fail,
}

/// What was found, line by line.
#[derive(Default)]
struct Findings {
    lines: Vec<(Level, &'static str, String)>,
}

impl Findings {
    fn say(&mut self, level: Level, topic: &'static str, text: impl Into<String>) {
        self.lines.push((level, topic, text.into()));
    }

    /// Findings of a level; a line without a topic belongs to the one before it.
    fn count(&self, level: Level) -> i64 {
        self.lines.iter().filter(|(other, topic, _)| *other == level && !topic.is_empty()).count() as i64
    }

    fn text(&self) -> String {
        let word = |level| match level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        self.lines.iter().map(|(level, topic, text)| format!("  {:5} {topic:16} {}\n", word(*level), terminal_safe(text))).collect()
    }
}

/// Runs the command.
pub fn command(args: &CheckArgs, global: &Global) -> CommandResult {
    let mut findings = Findings::default();
    let outcome = check(args, global, &mut findings);
    print(findings.text().as_bytes())?;
    outcome?;
    let (warnings, failures) = (findings.count(Level::Warn), findings.count(Level::Fail));
    let mut last = if warnings > 0 { format!("{}. ", counted(warnings, "warning", "warnings")) } else { String::new() };
    last += &match failures {
        0 => format!("Next: `credlens run{}`\n", arguments()),
        n => format!("{}. Next: mend what fails above, then `credlens check` again\n", counted(n, "failure", "failures")),
    };
    print(last.as_bytes())?;
    Ok(if failures == 0 { Gate::Passed } else { Gate::Failed })
}

/// What was typed after the command, so that the next one can be copied.
fn arguments() -> String {
    let typed = std::env::args().skip(1).filter(|word| word != "check" && word != "doctor");
    let quoted = |word: String| {
        if word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,%".contains(c)) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    typed.map(|word| format!(" {}", terminal_safe(&quoted(word)))).collect()
}

/// Goes through a run's stages; an error is what a run would end with.
fn check(args: &CheckArgs, global: &Global, findings: &mut Findings) -> Result<(), Failure> {
    let plan = Plan::new(&args.run, global)?;
    if plan.paths.iter().any(|path| path == STDIN) {
        return Err(Failure::new("A001", "standard input is read once, by the run: there is nothing to check ahead").hint("save it to a file, and check that"));
    }
    let place = plan.config.file.as_ref().map_or_else(|| "no credlens.toml, defaults".to_string(), |file| file.display().to_string());
    let period = plan.period.map_or_else(|| "the last complete quarter in the data".to_string(), |period| period.to_string());
    findings.say(
        Level::Ok,
        "configuration",
        format!("{place}; {}, period: {period}, output below {}", counted(plan.paths.len() as i64, "path", "paths"), plan.out.display()),
    );
    can_write(&plan.out)?;
    let library = library_of(&plan.config)?;
    if let Some(id) = plan.config.sources.keys().find(|id| library.find(id).is_none()) {
        return Err(Failure::new("A003", format!("`sources.{id}`: no pack is called `{id}`")).hint("`credlens list packs` shows them"));
    }
    findings.say(Level::Ok, "packs", format!("{} compile, {} of them yours", library.packs.len(), plan.config.packs.len()));
    let mut catalog = Catalog::new(&plan.config.metric_folders).map_err(|error| Failure::new("A003", error))?;
    run::check_targets(&plan, &catalog)?;
    run::choose_measures(&plan, &mut catalog)?;
    let mut found = discover(&plan.paths);
    run::leave_out_own(&plan, &mut found);
    let sample = Sample::read(&plan, &library, &found)?;
    sources(findings, &sample, &library, &found)?;
    first_records(findings, &sample, plan.max_rejects);
    queries(findings, &plan, &library, &catalog, sample)
}

/// The first records of every file.
struct Sample {
    files: Vec<PathBuf>,
    heads: Vec<Head>,
    evidence: Evidence,
    folder: RunFolder,
    settings: ReadSettings,
}

/// What was looked at of a file.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    is_cut: bool,
    /// Bytes of the file that the head came from, about.
    packed: u64,
}

impl Sample {
    fn read(plan: &Plan, library: &Library, found: &Discovery) -> Result<Sample, Failure> {
        let output = |error| Failure::io("A020", "temporary folder", error);
        let folder = RunFolder::scratch().map_err(output)?;
        let pack = match &plan.pack {
            Some(id) => Some(
                library.find(id).ok_or_else(|| Failure::new("A001", format!("--pack: no pack is called `{id}`")).hint("`credlens list packs` shows them"))?,
            ),
            None => None,
        };
        let settings = ReadSettings {
            threads: plan.threads,
            digester: Digester::new(plan.config.hash_key.clone()),
            tickets: plan.config.tickets.clone(),
            sources: plan.config.sources.clone(),
            zones: plan.config.zones.clone(),
            pack,
            keep_raw: false,
            limits: plan.config.limits,
            addresses: plan.addresses,
            bound: None,
            kept: None,
        };
        let (mut heads, mut copies, mut measured) = (Vec::new(), Vec::new(), 0);
        for (index, file) in found.files.iter().enumerate() {
            let copy = folder.path().join(format!("heads/{index:09}"));
            // A file that cannot be opened is left to the reader, which says why.
            let head = copy_head(file, &copy, &mut measured, &plan.config.limits).ok();
            // Half of an inventory says nothing, and none is large.
            if head.is_some_and(|head| head.is_cut && is_inventory(&copy, library, pack)) {
                copies.push(file.clone());
                heads.push(Head::default());
                continue;
            }
            copies.push(if head.is_some() { copy } else { file.clone() });
            heads.push(head.unwrap_or_default());
        }
        let evidence = read_all(&copies, library, &settings, &Progress::default());
        Ok(Sample { files: found.files.clone(), heads, evidence, folder, settings })
    }

    /// Records in all, estimated from the sizes of files and of their first records.
    fn records(&self) -> u64 {
        let mut records = vec![0u64; self.files.len()];
        for ((file, _), counts) in &self.evidence.ledger {
            records[*file as usize] += counts.records;
        }
        let whole = |index: usize| {
            let head = self.heads[index];
            let bytes = std::fs::metadata(&self.files[index]).map_or(0, |metadata| metadata.len());
            if head.is_cut { (records[index] as f64 * bytes as f64 / head.packed.max(1) as f64) as u64 } else { records[index] }
        };
        (0..self.files.len()).map(whole).sum()
    }
}

/// True if the head of a file is that of an inventory.
fn is_inventory(copy: &Path, library: &Library, pack: Option<usize>) -> bool {
    let head = std::fs::read(copy).unwrap_or_default();
    matches!(detect(library, pack, &head, false), Detected::Pack { pack, .. } if library.packs[pack].file.kind == PackKind::Inventory)
}

/// Copies a file's first lines, decompressed, or the first rows of a Parquet file.
fn copy_head(file: &Path, copy: &Path, measured: &mut usize, limits: &open::Limits) -> std::io::Result<Head> {
    let count = Arc::new(AtomicU64::new(0));
    let source = open::open(file, &count, limits)?;
    let is_packed = source.compression != open::Compression::None;
    let mut reader = BufReader::new(source.reader);
    let mut bytes = Vec::new();
    reader.by_ref().take(parquet::MAGIC.len() as u64).read_to_end(&mut bytes)?;
    if bytes == parquet::MAGIC {
        if let Some(folder) = copy.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let head = parquet::copy_head(file, copy, HEAD_ROWS)?;
        return Ok(Head { is_cut: head.is_cut, packed: head.bytes });
    }
    reader.by_ref().take(HEAD_BYTES - bytes.len() as u64).read_to_end(&mut bytes)?;
    reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut bytes)?;
    let is_cut = !reader.fill_buf()?.is_empty();
    if let Some(folder) = copy.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(copy, &bytes)?;
    let mut packed = bytes.len() as u64;
    if is_cut && is_packed {
        // Decompressors read ahead, so a ratio needs a longer look; where it is not taken, a fifth is usual for logs.
        *measured += 1;
        packed = match *measured <= MEASURED_FILES {
            true => {
                let more = std::io::copy(&mut reader.take(RATIO_BYTES), &mut std::io::sink())?;
                (count.load(Ordering::Relaxed) as f64 * bytes.len() as f64 / (bytes.len() as u64 + more) as f64) as u64
            }
            false => packed / 5,
        };
    }
    Ok(Head { is_cut, packed })
}

/// Files by format, and those that no pack knows.
fn sources(findings: &mut Findings, sample: &Sample, library: &Library, found: &Discovery) -> Result<(), Failure> {
    let mut formats: BTreeMap<&str, i64> = BTreeMap::new();
    let mut empty = 0;
    for file in &sample.evidence.files {
        match (&file.state, file.pack) {
            (_, Some(pack)) => *formats.entry(library.packs[pack].id()).or_default() += 1,
            (FileState::Empty, None) => empty += 1,
            _ => {}
        }
    }
    if formats.is_empty() && empty == 0 {
        let first = found.problems.first().map(|(path, error)| format!("{}: {error}", path.display()));
        let failure =
            Failure::new("A010", "no file that any pack knows").hint("`credlens inspect FILE` shows how a file is read; `credlens list packs` what is known");
        return Err(first.into_iter().fold(failure, |failure, place| failure.at(terminal_safe(&place))));
    }
    let listed: Vec<String> = formats.iter().map(|(id, files)| format!("{files} {id}")).collect();
    let empty_words = if empty > 0 { format!("; {}", counted(empty, "empty file", "empty files")) } else { String::new() };
    findings.say(
        Level::Ok,
        "sources",
        format!(
            "{}: {}{empty_words}",
            counted(found.files.len() as i64, "file", "files"),
            if listed.is_empty() { "none with a format".into() } else { listed.join(", ") }
        ),
    );
    let mut left_out: Vec<String> = found.problems.iter().map(|(path, error)| format!("{}: {error}", path.display())).collect();
    for (file, path) in sample.evidence.files.iter().zip(&sample.files) {
        if !matches!(file.state, FileState::Read | FileState::Empty | FileState::Replay(_)) {
            left_out.push(format!("{}: {}", path.display(), run::describe(&file.state)));
        }
    }
    const SHOWN: usize = 10;
    for line in left_out.iter().take(SHOWN) {
        findings.say(Level::Warn, "left out", line.clone());
    }
    if left_out.len() > SHOWN {
        findings.say(Level::Warn, "left out", format!("and {} more", left_out.len() - SHOWN));
    }
    Ok(())
}

/// Do the first records parse? The last record of a file that was cut may be half a one: that is no reject.
fn first_records(findings: &mut Findings, sample: &Sample, max_rejects: f64) {
    let is_half = |file: u32, reason: &str| sample.heads[file as usize].is_cut && reason.starts_with("truncated");
    let (half, rejects): (Vec<_>, Vec<_>) = sample.evidence.rejects.counts().iter().partition(|((file, reason), _)| is_half(*file, reason));
    let sum = |found: &[(_, &ReasonCount)]| found.iter().map(|(_, counted)| counted.count).sum::<u64>();
    let (half, n_rejects) = (sum(&half), sum(&rejects));
    let records = sample.evidence.ledger.values().map(|counts| counts.records).sum::<u64>() - half;
    let mut reasons: BTreeMap<&str, (u64, String)> = BTreeMap::new();
    for ((file, reason), counted) in rejects {
        let place = format!("{}:{}", sample.files[*file as usize].display(), counted.first.0);
        reasons.entry(reason).or_insert((0, place)).0 += counted.count;
    }
    if n_rejects == 0 {
        return findings.say(Level::Ok, "first records", format!("{} parsed, no rejects", Count(records as i64)));
    }
    let share = n_rejects as f64 / records.max(1) as f64;
    let level = if share > max_rejects { Level::Fail } else { Level::Warn };
    findings.say(
        level,
        "first records",
        format!("{} of {} rejected ({}; --max-rejects allows {}%)", Count(n_rejects as i64), Count(records as i64), Share(share), max_rejects * 100.0),
    );
    for (reason, (count, place)) in reasons {
        findings.say(level, "", format!("{count} for `{reason}`, first at {place}"));
    }
}

/// Do the queries run, over the first records? Then what the whole would take.
fn queries(findings: &mut Findings, plan: &Plan, library: &Library, catalog: &Catalog, mut sample: Sample) -> Result<(), Failure> {
    let records = sample.records();
    let failed = |error: std::io::Error| Failure::io("A020", "temporary folder", error);
    let frame_settings = FrameSettings {
        credential_aliases: run::credential_aliases(plan, &sample.settings.digester),
        grammar: plan.config.grammar.clone(),
        metadata: Default::default(),
    };
    let frames = build_frames(&mut sample.evidence, library, &frame_settings, &sample.folder.path().join("frames")).map_err(failed)?;
    let calendar = Calendar::resolve(&frames, plan.period, plan.as_of_us)
        .ok_or_else(|| Failure::new("A030", "no record has an instant, so there is no period to report").hint("name one with --period"))?;
    let small = small_frames(&frames, &sample.evidence.inventory, &calendar, &plan.config.measure, &plan.config.grammar);
    let results = run_catalog(catalog, &frames, &small, plan.memory / 2, &is_output).map_err(|error| Failure::new("A050", error.to_string()))?;
    run::judge(catalog, &results, &calendar, plan)?;
    let of = |wanted: fn(&Role) -> bool| catalog.queries.values().filter(|query| wanted(&query.role)).count();
    let (metrics, entities) = (of(|role| matches!(role, Role::Metric(_))), of(|role| *role == Role::Entity));
    findings.say(
        Level::Ok,
        "queries",
        format!(
            "{metrics} measures, {entities} entities, {} facts ran over the first records; {} investigations",
            of(|role| *role == Role::Fact),
            Catalog::investigations().len()
        ),
    );
    evidence(findings, &frames, &sample);
    space(findings, plan, &sample, records);
    Ok(())
}

/// Inputs without which measures will not be measured.
fn evidence(findings: &mut Findings, frames: &Frames, sample: &Sample) {
    let inventory = &sample.evidence.inventory;
    let missing: Vec<&str> = [
        ("calls", frames.request_months.is_empty()),
        ("identity events", frames.events.rows() == 0),
        ("revocation tickets", frames.tickets.rows() == 0),
        ("identity inventory", inventory.identities.is_empty()),
        ("API inventory", inventory.apis.is_empty()),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect();
    if !missing.is_empty() {
        findings.say(Level::Warn, "evidence", format!("no {}: measures that need them will say `not measured`", missing.join(", no ")));
    }
}

/// Disk, memory and threads against what the whole input would take.
fn space(findings: &mut Findings, plan: &Plan, sample: &Sample, records: u64) {
    let bytes: u64 = sample.files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|metadata| metadata.len()).sum();
    let needed = records * BYTES_WRITTEN;
    let size = format!("input {}, about {} records", size(bytes), Count(records as i64));
    match free_disk(&plan.out) {
        Some(free) if free < needed => findings.say(
            Level::Fail,
            "disk",
            format!("{size}; output needs about {}, {} free below {}", self::size(needed), self::size(free), plan.out.display()),
        ),
        Some(free) => findings.say(Level::Ok, "disk", format!("{size}; output needs about {}, {} free", self::size(needed), self::size(free))),
        None => findings.say(Level::Ok, "disk", format!("{size}; output needs about {}; free space is not known here", self::size(needed))),
    }
    let needed = BYTES_AT_REST + records * BYTES_KEPT + records.min(CALLS_AT_ONCE) * BYTES_QUERIED;
    match available_memory() {
        Some(free) if free < needed => findings.say(Level::Fail, "memory", format!("needs about {}, {} available", self::size(needed), self::size(free))),
        Some(free) => findings.say(Level::Ok, "memory", format!("needs about {}, {} available", self::size(needed), self::size(free))),
        None => findings.say(Level::Ok, "memory", format!("needs about {}; what is available is not known here", self::size(needed))),
    }
    findings.say(Level::Ok, "threads", plan.threads.to_string());
}

/// `1.4 GB`.
fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes / unit),
        None => format!("{:.0} kB", (bytes / 1e3).ceil()),
    }
}

/// A folder is made where the output would go, and taken away again.
fn can_write(out: &Path) -> Result<(), Failure> {
    let absolute = std::path::absolute(out).map_err(|error| Failure::io("A020", out.display().to_string(), error))?;
    let existing = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    tempfile::tempdir_in(existing)
        .map(drop)
        .map_err(|error| Failure::io("A020", existing.display().to_string(), error).hint("choose another folder with --out"))
}

/// Free bytes where a folder is, or will be: the standard library cannot tell, POSIX `df` can.
fn free_disk(folder: &Path) -> Option<u64> {
    let absolute = std::path::absolute(folder).ok()?;
    let existing = absolute.ancestors().find(|folder| folder.exists())?;
    let output = std::process::Command::new("df").arg("-Pk").arg(existing).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let kilobytes: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Bytes of memory that can be taken, as Linux tells.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_a_line_and_knows_that_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let (long, short) = (folder.path().join("long"), folder.path().join("short"));
        std::fs::write(&long, (0..2_000).map(|_| "y".repeat(99) + "\n").collect::<String>()).unwrap();
        std::fs::write(&short, "one\ntwo").unwrap();
        let mut measured = 0;
        let head = copy_head(&long, &folder.path().join("copy"), &mut measured, &open::Limits::default()).unwrap();
        let copied = std::fs::read(folder.path().join("copy")).unwrap();
        assert!(head.is_cut && copied.ends_with(b"\n") && copied.len() as u64 >= HEAD_BYTES && copied.len().is_multiple_of(100));
        assert!(!copy_head(&short, &folder.path().join("copy2"), &mut measured, &open::Limits::default()).unwrap().is_cut);
    }

    #[test]
    fn an_output_folder_that_is_a_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(can_write(&folder.path().join("new/run")).is_ok());
        assert!(can_write(&folder.path().join("file")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn sizes_are_read_by_people() {
        assert_eq!((size(900), size(1_400_000_000), size(0)), ("1 kB".into(), "1.4 GB".into(), "0 kB".into()));
    }
}
