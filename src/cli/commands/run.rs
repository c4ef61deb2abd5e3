//! `credlens run`: read, build frames, measure, judge, report, write.

use crate::cli::args::{Color, FailOn, Global, RunArgs};
use crate::cli::commands::{RUN_SCHEMA_VERSION, STDIN, library_of, pack_named, spool_stdin};
use crate::cli::config::{Config, parse_memory, parse_share};
use crate::cli::{CommandResult, Gate};
use crate::diagnostic::{Failure, did_you_mean, terminal_safe};
use crate::frame::build::{FrameSettings, Frames, build_frames};
use crate::frame::segment::Spill;
use crate::frame::small::{Calendar, small_frames};
use crate::frame::table::Table;
use crate::frame::write::{FileMetadata, ParquetWriter, write_batch};
use crate::metric::catalog::{Catalog, Role};
use crate::metric::definition::MetricDefinition;
use crate::metric::engine::{Results, is_output, run_catalog};
use crate::metric::judge::{DaysCovered, JudgeContext, Target, judge_metric};
use crate::metric::outcome::{Flag, Judgement, MetricRow, QueryRow, Status, Trend};
use crate::metric::settings::MeasureSettings;
use crate::period::{Period, parse_instant};
use crate::record::address::Addresses;
use crate::record::person::People;
use crate::record::time::MICROS_PER_DAY;
use crate::record::token::Digester;
use crate::source::discover::{Discovery, discover};
use crate::source::excerpt::excerpt;
use crate::source::library::Library;
use crate::source::open::{Limits, open_file, read_ends};
use crate::source::read::{Evidence, FileState, MemoryBound, Progress, ReadSettings, read_all};
use crate::source::rejects::{ReasonCount, Reject};
use crate::summary::report::input::{Digests, EvidenceShare, Gap, InventoryMatch, LedgerRow, ReportInput};
use crate::summary::report::{Report, ScoreRow};
use crate::summary::write::{RunFolder, write_text};
use crate::summary::{chart, feed, html, json, markdown, parquet, terminal};
use crate::units::counted;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The fact that names the credentials behind RV03.
const LATE_CALLS: &str = "late_call_months";

/// What a run needs to know, resolved from flags and configuration.
pub struct Plan {
    pub paths: Vec<String>,
    pub config: Config,
    pub period: Option<Period>,
    pub as_of_us: Option<i64>,
    pub out: PathBuf,
    pub pack: Option<String>,
    pub max_rejects: f64,
    pub threads: usize,
    /// Bytes that record-level data may take in memory; more goes to disk.
    pub memory: usize,
    /// Where what files give is kept for later runs.
    pub frames: Option<PathBuf>,
    pub keep_raw: bool,
    /// Pseudonyms for people.
    pub hide_people: bool,
    pub addresses: Addresses,
    pub fail_on: Vec<FailOn>,
    /// Ids of measures, or their first letters; none: all.
    pub only: Vec<String>,
    pub skip: Vec<String>,
    /// Nothing that lasts is written.
    pub is_dry_run: bool,
}

impl Plan {
    /// Resolves what was typed; a mistake is told with its flag.
    pub fn new(args: &RunArgs, global: &Global) -> Result<Plan, Failure> {
        let config = Config::load(global.config.as_deref(), &args.paths)?;
        let period_text = args.period.as_ref().or(config.period.as_ref());
        let period = period_text.map(|text| text.parse::<Period>().map_err(|error| Failure::new("A001", format!("--period: {error}")))).transpose()?;
        let as_of_text = args.as_of.as_ref().or(config.as_of.as_ref());
        let as_of_us = as_of_text
            .map(|text| {
                parse_instant(text).ok_or_else(|| Failure::new("A001", format!("--as-of: `{text}` is no instant; write 2026-07-01 or 2026-07-01T12:00:00Z")))
            })
            .transpose()?;
        let max_rejects = args.max_rejects.as_deref().map(parse_share).transpose().map_err(|error| Failure::new("A001", format!("--max-rejects: {error}")))?;
        let memory = args.memory.as_deref().map(parse_memory).transpose().map_err(|error| Failure::new("A001", format!("--memory: {error}")))?;
        let threads = match args.threads {
            Some(0) => return Err(Failure::new("A001", "--threads: at least 1")),
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let paths = if args.paths.is_empty() { config.paths.clone() } else { args.paths.clone() };
        if paths.is_empty() {
            return Err(Failure::new("A010", "no files, folders or globs given").hint("`credlens run sample-data/estate` reads the bundled estate"));
        }
        if args.keep_raw && config.hide_people {
            return Err(Failure::new("A001", "--keep-raw keeps the text of rejected records, and `privacy.hide_people` hides people's names")
                .hint("leave one of them out"));
        }
        let frames = args.frames.clone().or(config.frames.clone());
        if frames.is_some() && (args.privacy || config.hide_people) {
            return Err(Failure::new("A001", "--frames keeps names as they are logged, and people's names are to be hidden")
                .hint("leave one of them out; `--frames` only saves time"));
        }
        Ok(Plan {
            frames,
            paths,
            period,
            as_of_us,
            out: args.out.clone().unwrap_or_else(|| config.out.clone()),
            pack: args.pack.clone(),
            max_rejects: max_rejects.unwrap_or(config.max_rejects),
            threads,
            memory: memory.or(config.memory).unwrap_or((512 << 20) + threads * (64 << 20)),
            keep_raw: args.keep_raw,
            hide_people: args.privacy || config.hide_people,
            addresses: addresses(&config, args.privacy),
            fail_on: args.fail_on.clone(),
            only: args.only.clone(),
            skip: args.skip.clone(),
            is_dry_run: args.dry_run,
            config,
        })
    }
}

/// What becomes of client addresses; `--privacy` never shows more than the configuration does.
pub(super) fn addresses(config: &Config, is_private: bool) -> Addresses {
    match config.addresses {
        Addresses::Whole if is_private => Addresses::Network,
        other => other,
    }
}

/// A finished run.
pub struct Outcome {
    pub folder: PathBuf,
    pub report: Report,
    pub rows: Vec<MetricRow>,
    pub evidence: Evidence,
    pub notes: Vec<String>,
    /// One line for each gate that failed.
    pub failed_gates: Vec<String>,
    pub records: u64,
    pub rejects: u64,
    pub timings: Vec<(String, Duration)>,
    pub query_timings: Vec<(String, Duration)>,
    /// Texts of the packs, by their place in the library.
    pub packs: Vec<String>,
    pub limits: Limits,
    /// Where a dry run wrote; gone with the outcome.
    pub scratch: Option<RunFolder>,
}

/// Runs the command.
pub fn command(args: &RunArgs, global: &Global) -> CommandResult {
    let plan = Plan::new(args, global)?;
    let progress = Progress::default();
    install_interrupt(&progress);
    let shows_bar = !args.no_progress && !global.quiet && std::io::stderr().is_terminal();
    let start = Instant::now();
    let finished = std::sync::atomic::AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        let (done, watched) = (&finished, &progress);
        if shows_bar {
            scope.spawn(move || show_progress(watched, done));
        }
        let outcome = measure(&plan, &progress);
        finished.store(true, Ordering::Relaxed);
        outcome
    })?;
    if !global.quiet {
        tell(&outcome, start.elapsed(), global)?;
    }
    if args.json {
        let text = std::fs::read(outcome.folder.join("summary.json")).map_err(|error| Failure::io("A020", "summary.json", error))?;
        std::io::stdout().write_all(&text).map_err(|error| Failure::io("A020", "stdout", error))?;
    }
    for line in &outcome.failed_gates {
        eprintln!("{line}");
    }
    Ok(if outcome.failed_gates.is_empty() { Gate::Passed } else { Gate::Failed })
}

fn install_interrupt(progress: &Progress) {
    let stop = progress.stop.clone();
    // A second handler in one process (tests) is refused; the first one keeps working.
    let _ = ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(2);
        }
    });
}

fn show_progress(progress: &Progress, done: &std::sync::atomic::AtomicBool) {
    let style = ProgressStyle::with_template("  reading   {bar:24} {bytes}/{total_bytes}   {msg}   ETA {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style.progress_chars("##-"));
    while !done.load(Ordering::Relaxed) {
        bar.set_length(progress.total_bytes.load(Ordering::Relaxed));
        bar.set_position(progress.bytes.load(Ordering::Relaxed));
        let (records, rejects) = (progress.records.load(Ordering::Relaxed), progress.rejects.load(Ordering::Relaxed));
        let (files, total) = (progress.files.load(Ordering::Relaxed), progress.total_files.load(Ordering::Relaxed));
        bar.set_message(format!("{records} records, {rejects} rejected, {files}/{total} files"));
        std::thread::sleep(Duration::from_millis(100));
    }
    bar.finish_and_clear();
}

/// The whole job, as a library call: files in, run folder out.
pub fn measure(plan: &Plan, progress: &Progress) -> Result<Outcome, Failure> {
    let mut clock = Clock::new();
    let library = library_of(&plan.config)?;
    let mut catalog = Catalog::new(&plan.config.metric_folders).map_err(|error| Failure::new("A003", error))?;
    check_targets(plan, &catalog)?;
    choose_measures(plan, &mut catalog)?;
    if let Some(id) = plan.config.sources.keys().find(|id| library.find(id).is_none()) {
        let place = plan.config.file.as_ref().map_or_else(String::new, |file| file.display().to_string());
        return Err(Failure::new("A003", format!("`sources.{id}`: no pack is called `{id}`")).at(place).hint("`credlens list packs` shows them"));
    }
    let pack = plan.pack.as_deref().map(|id| pack_named(&library, id)).transpose()?;
    let named: Vec<String> = plan.paths.iter().filter(|path| *path != STDIN).cloned().collect();
    let mut found = discover(&named);
    leave_out_own(plan, &mut found);
    let output = |error| Failure::io("A020", plan.out.display().to_string(), error);
    let folder = if plan.is_dry_run { RunFolder::scratch() } else { RunFolder::start(&plan.out) }.map_err(output)?;
    let settings = ReadSettings {
        threads: plan.threads,
        digester: Digester::new(plan.config.hash_key.clone()),
        tickets: plan.config.tickets.clone(),
        sources: plan.config.sources.clone(),
        zones: plan.config.zones.clone(),
        pack,
        keep_raw: plan.keep_raw,
        limits: plan.config.limits,
        addresses: plan.addresses,
        bound: Some(memory_bound(plan, folder.path())),
        kept: plan.frames.clone(),
    };
    let stdin = if named.len() < plan.paths.len() { Some(spool_stdin()?) } else { None };
    if let Some(stdin) = &stdin {
        // First, as its name comes before every other in the order of paths.
        found.files.insert(0, stdin.to_path_buf());
    }
    let mut evidence = read_all(&found.files, &library, &settings, progress);
    if let Some(stdin) = stdin {
        evidence.files[0].path = PathBuf::from(STDIN);
        evidence.stdin = Some(stdin);
    }
    if let Some(error) = evidence.spill_error.take() {
        return Err(output(error));
    }
    check_read(&evidence, &found, progress)?;
    clock.lap("read");
    if plan.hide_people {
        evidence.hide_people(People::new(pseudonym_key(&plan.config, &evidence), plan.config.people.clone()));
    }
    let digests = digests(plan, &evidence, &catalog);
    let metadata = FileMetadata { run_digest: digests.inputs.clone() };
    let frame_settings =
        FrameSettings { credential_aliases: credential_aliases(plan, &settings.digester), grammar: plan.config.grammar.clone(), metadata: metadata.clone() };
    let frames_folder = folder.path().join("parquet/frames");
    let frames = build_frames(&mut evidence, &library, &frame_settings, &frames_folder).map_err(output)?;
    if let Some(people) = &evidence.people {
        people.hide_in(&mut evidence.inventory);
    }
    clock.lap("frames");
    let calendar = Calendar::resolve(&frames, plan.period, plan.as_of_us)
        .ok_or_else(|| Failure::new("A030", "no record has an instant, so there is no period to report").hint("name one with --period"))?;
    let small = small_frames(&frames, &evidence.inventory, &calendar, &plan.config.measure, &plan.config.grammar);
    for (name, table) in &small {
        write_batch(&frames_folder.join(format!("{name}.parquet")), &table.to_batch(), &metadata).map_err(output)?;
    }
    let results = run_catalog(&catalog, &frames, &small, plan.memory / 2, &|query| is_output(query) || query.name == LATE_CALLS)
        .map_err(|error| Failure::new("A050", error.to_string()))?;
    clock.lap("queries");
    if progress.stop.load(Ordering::Relaxed) {
        return Err(Failure::new("A020", "interrupted; the earlier run folder is as it was"));
    }
    let (rows, context) = judge(&catalog, &results, &calendar, plan)?;
    let entities = write_tables(&folder, &catalog, &results, &rows, &evidence, &frames, &library, plan, &metadata).map_err(output)?;
    let late = results.tables.get(LATE_CALLS).cloned().unwrap_or_default();
    let name = calendar.headline.to_string();
    let input = report_input(plan, &catalog, &calendar, &evidence, &frames, &library, rows.clone(), context, &entities, &late, &digests);
    let report = Report::build(input);
    clock.lap("report");
    write_report(&folder, &report, &plan.out.join(&name)).map_err(output)?;
    let records: u64 = evidence.ledger.values().map(|counts| counts.records).sum();
    let rejects: u64 = evidence.ledger.values().map(|counts| counts.rejects).sum();
    let mut notes = notes(&evidence, &found, &library);
    notes.extend(stray_note(&calendar));
    notes.extend(evidence.tally.iter().flat_map(|tally| tally.describe().lines().map(terminal_safe).collect::<Vec<_>>()));
    let failed_gates = failed_gates(plan, &rows, &calendar.headline, records, rejects);
    let manifest = manifest(plan, &library, &catalog, &calendar, &evidence, &digests, &results, &clock, records, rejects, &failed_gates);
    write_text(&folder.path().join("run.json"), &(serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n")).map_err(output)?;
    let (folder, scratch) = match plan.is_dry_run {
        true => (folder.path().to_path_buf(), Some(folder)),
        false => (folder.finish(&name).map_err(output)?, None),
    };
    clock.lap("write");
    let query_timings = results.timings.iter().map(|(name, duration)| (name.clone(), *duration)).collect();
    let packs = library.packs.iter().map(|pack| pack.text.clone()).collect();
    let (timings, limits) = (clock.laps, plan.config.limits);
    Ok(Outcome { folder, report, rows, evidence, notes, failed_gates, records, rejects, timings, query_timings, packs, limits, scratch })
}

/// The configuration that is in use and what earlier runs kept are no evidence, wherever they lie.
pub(super) fn leave_out_own(plan: &Plan, found: &mut Discovery) {
    let own: Vec<PathBuf> = plan.config.file.iter().chain(&plan.frames).filter_map(|path| path.canonicalize().ok()).collect();
    if !own.is_empty() {
        found.files.retain(|file| !file.canonicalize().is_ok_and(|file| own.iter().any(|own| file.starts_with(own))));
    }
}

/// Keeps the measures that `--only` and `--skip` leave; facts and entities stay.
pub(super) fn choose_measures(plan: &Plan, catalog: &mut Catalog) -> Result<(), Failure> {
    let ids: Vec<String> = catalog.definitions().into_keys().collect();
    let names = |list: &[String], id: &str| list.iter().any(|name| !name.is_empty() && id.starts_with(&name.to_uppercase()));
    for (flag, list) in [("--only", &plan.only), ("--skip", &plan.skip)] {
        if let Some(name) = list.iter().find(|name| !ids.iter().any(|id| names(std::slice::from_ref(name), id))) {
            return Err(Failure::new("A001", format!("{flag}: no measure has the id `{}`, and none begins with it", terminal_safe(name)))
                .hint("`credlens list metrics` shows all ids"));
        }
    }
    let is_chosen = |id: &str| (plan.only.is_empty() || names(&plan.only, id)) && !names(&plan.skip, id);
    if !ids.iter().any(|id| is_chosen(id)) {
        return Err(Failure::new("A001", "--only and --skip leave no measure"));
    }
    catalog.queries.retain(|name, query| !matches!(query.role, Role::Metric(_)) || is_chosen(name));
    Ok(())
}

/// What of the memory the calls may take while they are read: an eighth, for they are held a second time while they are sorted,
/// and files, dictionaries and the program itself need theirs.
fn memory_bound(plan: &Plan, folder: &Path) -> MemoryBound {
    MemoryBound { bytes_per_thread: plan.memory / 8 / plan.threads, spill: Spill::new(folder.to_path_buf()) }
}

/// Both sides of `[credential_aliases]` spelled as the frames spell references.
pub(super) fn credential_aliases(plan: &Plan, digester: &Digester) -> std::collections::HashMap<String, String> {
    let spelled = |text: &String| crate::record::token::reference_or_digest(text, digester);
    plan.config.credential_aliases.iter().map(|(left, right)| (spelled(left), spelled(right))).collect()
}

struct Clock {
    last: Instant,
    laps: Vec<(String, Duration)>,
}

impl Clock {
    fn new() -> Self {
        Clock { last: Instant::now(), laps: Vec::new() }
    }

    fn lap(&mut self, name: &str) {
        self.laps.push((name.to_string(), self.last.elapsed()));
        self.last = Instant::now();
    }
}

pub(super) fn check_targets(plan: &Plan, catalog: &Catalog) -> Result<(), Failure> {
    let definitions = catalog.definitions();
    let place = plan.config.file.as_ref().map_or_else(|| "credlens.toml".to_string(), |file| file.display().to_string());
    for (id, target) in &plan.config.measure.targets {
        let Some(definition) = definitions.get(id) else {
            let nearest = did_you_mean(id, definitions.keys().map(String::as_str));
            let hint = [nearest.as_deref(), Some("`credlens list metrics` shows all ids")].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let failure = Failure::new("A003", format!("unknown key `targets.{}`: no metric has this id", terminal_safe(id))).hint(hint);
            return Err(match plan.config.text.find(id.as_str()) {
                Some(at) => failure.in_text(&place, &plan.config.text, at..at + id.len()),
                None => failure.at(place),
            });
        };
        if !crate::metric::definition::is_value_of(definition.unit, *target) {
            return Err(Failure::new("A003", format!("`targets.{id}`: {target} is no {}", definition.unit.as_str())).at(place));
        }
    }
    Ok(())
}

fn check_read(evidence: &Evidence, found: &Discovery, progress: &Progress) -> Result<(), Failure> {
    if progress.stop.load(Ordering::Relaxed) {
        return Err(Failure::new("A020", "interrupted; the earlier run folder is as it was"));
    }
    if evidence.files.iter().any(|file| file.pack.is_some() || file.state == FileState::Empty) {
        return Ok(());
    }
    let first = found.problems.first().map(|(path, error)| format!("{}: {error}", path.display()));
    let unknown = evidence.files.first().map(|file| format!("{}: {}", file.path.display(), describe(&file.state)));
    let failure =
        Failure::new("A010", "no file that any pack knows").hint("`credlens inspect FILE` shows how a file is read; `credlens list packs` what is known");
    Err(match first.or(unknown) {
        Some(place) => failure.at(terminal_safe(&place)),
        None => failure,
    })
}

pub(super) fn describe(state: &FileState) -> String {
    match state {
        FileState::Read => "read".into(),
        FileState::Empty => "empty".into(),
        FileState::Unknown(why) => format!("unknown format ({why})"),
        FileState::Tie(packs) => format!("fits several packs equally well: {}", packs.join(", ")),
        FileState::Failed(error) => error.clone(),
        FileState::Replay(_) => "the same bytes as another file: its records are duplicates".into(),
    }
}

/// What the user is told of files that were left out or broke off.
fn notes(evidence: &Evidence, found: &Discovery, library: &Library) -> Vec<String> {
    let mut notes: Vec<String> = found.problems.iter().map(|(path, error)| format!("warning: {}: {error}", path.display())).collect();
    for file in &evidence.files {
        let path = file.path.display();
        match &file.state {
            FileState::Read | FileState::Empty => {}
            FileState::Unknown(why) => notes.push(format!("warning[A040]: left out {path}: {why}")),
            FileState::Tie(packs) => notes.push(format!("warning[A041]: left out {path}: fits {} equally well; name one with --pack", packs.join(" and "))),
            FileState::Replay(original) => {
                notes
                    .push(format!("warning: {path}: the same bytes as {}: its records count as duplicates", evidence.files[*original as usize].path.display()));
            }
            FileState::Failed(error) => {
                let kept = if file.pack.is_some() { "; what was read before counts" } else { "" };
                notes.push(format!("warning: {path}: {error}{kept}"));
            }
        }
    }
    let _ = library;
    notes.iter().map(|note| terminal_safe(note)).collect()
}

/// What the user is told of calls that a wrong clock must have dated.
fn stray_note(calendar: &Calendar) -> Option<String> {
    let day = |day: &i64| crate::period::format_day(day * MICROS_PER_DAY);
    let (first, last) = (calendar.stray_days.first()?, calendar.stray_days.last()?);
    Some(format!(
        "warning: a few calls lie more than a year from all others ({} to {}): they count, but neither choose the period nor the days covered",
        day(first),
        day(last)
    ))
}

/// Query rows -> judged rows of metrics.parquet.
pub(super) fn judge(catalog: &Catalog, results: &Results, calendar: &Calendar, plan: &Plan) -> Result<(Vec<MetricRow>, JudgeContext), Failure> {
    let definitions = catalog.definitions();
    let mut context = JudgeContext { as_of_us: calendar.as_of_us, targets: targets(&definitions, plan), ..JudgeContext::default() };
    for period in calendar.periods.iter().filter(|period| calendar.is_partial(period)) {
        for id in definitions.keys() {
            context.partial.insert((id.clone(), *period));
            context.days_covered.insert((id.clone(), *period), days_covered(calendar, period));
        }
    }
    let mut rows = Vec::new();
    for definition in definitions.values() {
        let table = results.tables.get(&definition.id);
        let query_rows = table.map_or_else(|| Ok(Vec::new()), query_rows).map_err(|error| Failure::new("A050", format!("{}: {error}", definition.id)))?;
        rows.extend(judge_metric(definition, query_rows, &context));
    }
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok((rows, context))
}

fn days_covered(calendar: &Calendar, period: &Period) -> DaysCovered {
    let total = period.n_days();
    let covered = calendar.horizon.map_or(0, |(first, last)| {
        let end = ((last + 1) * MICROS_PER_DAY).min(period.end_us()).min(calendar.as_of_us);
        ((end - (first * MICROS_PER_DAY).max(period.start_us())) / MICROS_PER_DAY).clamp(0, total)
    });
    DaysCovered { covered, total }
}

/// Targets with where they come from; RV01 by severity with its own.
fn targets(definitions: &BTreeMap<String, MetricDefinition>, plan: &Plan) -> BTreeMap<String, Target> {
    let measure = &plan.config.measure;
    let mut targets = BTreeMap::new();
    for definition in definitions.values() {
        // RV01 shares its target with RV05 unless it was given one of its own.
        let shared = (definition.id == "RV01" && measure.revoke_target_us != MeasureSettings::default().revoke_target_us)
            .then_some(measure.revoke_target_us as f64 / 1e6);
        let configured = measure.targets.get(&definition.id).copied().or(shared);
        let Some(value) = configured.or(definition.target) else { continue };
        let source = if configured.is_some() { "credlens.toml" } else { "default" };
        targets.insert(definition.id.clone(), Target { value, source: source.into(), by_segment: BTreeMap::new() });
    }
    if let Some(target) = targets.get_mut("RV01") {
        let seconds = measure.revoke_targets_us.iter().map(|(severity, micros)| (severity.clone(), *micros as f64 / 1e6));
        target.by_segment.insert("severity".into(), seconds.collect());
    }
    targets
}

/// A metric query's table as rows.
fn query_rows(table: &Table) -> Result<Vec<QueryRow>, String> {
    (0..table.rows()).map(|row| query_row(table, row)).collect()
}

fn query_row(table: &Table, row: usize) -> Result<QueryRow, String> {
    let text = |name: &str| table.text(name, row).map(str::to_string).ok_or_else(|| format!("no `{name}` in row {row}"));
    let status = text("status")?;
    let flags = table.text("flags", row).unwrap_or("").split(';').filter_map(Flag::parse);
    Ok(QueryRow {
        statistic: text("statistic")?,
        period: text("period")?.parse::<Period>().map_err(|error| error.to_string())?,
        segment_kind: text("segment_kind")?,
        segment: text("segment")?,
        value: table.double("value", row),
        numerator: table.int("numerator", row),
        denominator: table.int("denominator", row),
        se: table.double("se", row),
        status: Status::parse(&status).ok_or_else(|| format!("`{status}` is no status"))?,
        reason: table.text("reason", row).map(str::to_string),
        flags: flags.collect(),
        n_insufficient_evidence: table.int("n_insufficient_evidence", row).unwrap_or(0),
    })
}

#[allow(clippy::too_many_arguments)]
fn write_tables(
    folder: &RunFolder,
    catalog: &Catalog,
    results: &Results,
    rows: &[MetricRow],
    evidence: &Evidence,
    frames: &Frames,
    library: &Library,
    plan: &Plan,
    metadata: &FileMetadata,
) -> std::io::Result<BTreeMap<String, Table>> {
    let place = folder.path().join("parquet");
    let source_of = |file: u32| source_name(evidence, library, file);
    let mut tables = BTreeMap::new();
    for (name, definition) in catalog.entities() {
        let empty = Table::default();
        let rows = results.tables.get(name).unwrap_or(&empty);
        tables.insert(name.clone(), parquet::entity_table(name, definition, rows, &results.tables));
    }
    let gaps = day_gaps(evidence, &source_of);
    for (name, table) in &tables {
        write_batch(&place.join(format!("{name}.parquet")), &table.to_batch(), metadata)?;
    }
    write_batch(&place.join("metrics.parquet"), &parquet::metrics_table(rows).to_batch(), metadata)?;
    let by_day = gaps.iter().map(|((source, day), gap)| ((source.clone(), *day), *gap)).collect();
    write_batch(&place.join("coverage.parquet"), &parquet::coverage_table(evidence, &frames.coverage, &source_of, &by_day).to_batch(), metadata)?;
    write_rejects(&place.join("rejects.parquet"), evidence, &source_of, plan.keep_raw, metadata)?;
    Ok(tables)
}

/// Rejects are as many as whoever writes the logs likes: they are written some at a time, always the same ones together.
fn write_rejects(path: &Path, evidence: &Evidence, source_of: &dyn Fn(u32) -> String, keeps_raw: bool, metadata: &FileMetadata) -> std::io::Result<()> {
    const ROWS: usize = 16 * 1024;
    const RAW_BYTES: usize = 8 << 20;
    let batch = |rows: &[Reject]| parquet::rejects_table(rows, evidence, source_of, keeps_raw).to_batch();
    let mut writer = ParquetWriter::create(path, &batch(&[]), metadata)?;
    let (mut rows, mut raw_bytes) = (Vec::new(), 0);
    evidence.rejects.each(|reject| {
        raw_bytes += reject.raw.as_ref().map_or(0, String::len);
        rows.push(reject);
        if rows.len() == ROWS || raw_bytes > RAW_BYTES {
            writer.write(&batch(&rows))?;
            rows.clear();
            raw_bytes = 0;
        }
        Ok(())
    })?;
    writer.write(&batch(&rows))?;
    writer.close()
}

fn source_name(evidence: &Evidence, library: &Library, file: u32) -> String {
    evidence.files[file as usize].pack.map_or_else(|| "unknown".to_string(), |pack| library.packs[pack].id().to_string())
}

/// (source, day) -> days before it on which the source has no record, though it has earlier ones.
fn day_gaps(evidence: &Evidence, source_of: &dyn Fn(u32) -> String) -> BTreeMap<(String, i64), i64> {
    let mut days: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for (file, day) in evidence.ledger.keys() {
        if let Some(day) = day {
            days.entry(source_of(*file)).or_default().insert(*day);
        }
    }
    let mut gaps = BTreeMap::new();
    for (source, days) in days {
        for (before, day) in days.iter().zip(days.iter().skip(1)) {
            gaps.insert((source.clone(), *day), day - before - 1);
        }
    }
    gaps
}

/// Pauses of a log that are worth a word. Of a source that speaks a lot on nine days in ten: each day on which it says nothing.
/// Of others: at least three days, and three times as long as 95 % of their pauses, so that one that seldom speaks does not
/// fill the report. (coverage.parquet has every pause.)
fn unusual_gaps(gaps: BTreeMap<(String, i64), i64>, records: &BTreeMap<String, Vec<u64>>, streams: &BTreeSet<String>) -> Vec<((String, i64), i64)> {
    const SHORTEST_DAYS: i64 = 3;
    /// Days by which a source is known, and records of a day that make silence unlikely.
    const KNOWN_BY_DAYS: usize = 14;
    const MANY_RECORDS: u64 = 5;
    let mut by_source: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for ((source, _), gap) in &gaps {
        by_source.entry(source).or_default().push(*gap);
    }
    let shortest = |source: &str, pauses: &mut Vec<i64>| {
        pauses.sort_unstable();
        let days = records.get(source).map(Vec::as_slice).unwrap_or_default();
        let speaks_daily = days.len() >= KNOWN_BY_DAYS && days[days.len() / 10] >= MANY_RECORDS;
        match pauses[(pauses.len() - 1) * 95 / 100] {
            0 if speaks_daily => 1,
            usual => SHORTEST_DAYS.max(3 * usual),
        }
    };
    let shortest: BTreeMap<String, i64> = by_source.into_iter().map(|(source, mut pauses)| (source.to_string(), shortest(source, &mut pauses))).collect();
    // A pause of years lies before or after a record that a wrong clock dated.
    let is_pause = |gap: i64| gap <= crate::frame::small::STRAY_GAP_DAYS;
    gaps.into_iter().filter(|((source, _), gap)| streams.contains(source) && is_pause(*gap) && *gap >= shortest[source]).collect()
}

/// Records of each source on each day that has any, the fewest first.
fn records_by_day(evidence: &Evidence, source_of: &dyn Fn(u32) -> String) -> BTreeMap<String, Vec<u64>> {
    let mut days: BTreeMap<(String, i64), u64> = BTreeMap::new();
    for ((file, day), counts) in &evidence.ledger {
        if let Some(day) = day {
            *days.entry((source_of(*file), *day)).or_default() += counts.records;
        }
    }
    let mut records: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    days.into_iter().for_each(|((source, _), count)| records.entry(source).or_default().push(count));
    records.values_mut().for_each(|counts| counts.sort_unstable());
    records
}

#[allow(clippy::too_many_arguments)]
fn report_input(
    plan: &Plan,
    catalog: &Catalog,
    calendar: &Calendar,
    evidence: &Evidence,
    frames: &Frames,
    library: &Library,
    rows: Vec<MetricRow>,
    context: JudgeContext,
    entities: &BTreeMap<String, Table>,
    late: &Table,
    digests: &Digests,
) -> ReportInput {
    let source_of = |file: u32| source_name(evidence, library, file);
    let streams: BTreeSet<String> =
        library.packs.iter().filter(|pack| pack.request.is_some() || pack.identity_event.is_some()).map(|pack| pack.id().to_string()).collect();
    let gaps = unusual_gaps(day_gaps(evidence, &source_of), &records_by_day(evidence, &source_of), &streams);
    ReportInput {
        tool_version: env!("CARGO_PKG_VERSION").into(),
        organisation: None,
        period: calendar.headline,
        as_of_us: calendar.as_of_us,
        run_folder: plan.out.join(calendar.headline.to_string()).to_string_lossy().into_owned(),
        has_charts: true,
        definitions: with_actual_thresholds(in_reading_order(catalog), &plan.config.measure),
        rows,
        earlier: Vec::new(),
        targets: context.targets,
        breaks: context.breaks,
        entities: feed::entities(entities, late, &calendar.headline),
        ledger: ledger_rows(evidence, &source_of),
        gaps: gaps.into_iter().map(|((source, day), gap)| Gap { source, from_us: (day - gap) * MICROS_PER_DAY, to_us: day * MICROS_PER_DAY }).collect(),
        evidence: evidence_shares(frames, &source_of),
        inventory_matches: inventory_matches(evidence, entities),
        digests: digests.clone(),
    }
}

/// Definitions in the order of metrics.md: proof, lifetime, scopes, revocation, identities, policy, exceptions; then a user's own.
fn in_reading_order(catalog: &Catalog) -> Vec<MetricDefinition> {
    const FAMILIES: [&str; 7] = ["SC", "TK", "SP", "RV", "ID", "RT", "EX"];
    let mut definitions: Vec<MetricDefinition> = catalog.definitions().into_values().collect();
    let family = |definition: &MetricDefinition| FAMILIES.iter().position(|family| definition.id.starts_with(family)).unwrap_or(FAMILIES.len());
    definitions.sort_by_key(|definition| (family(definition), definition.id.clone()));
    definitions
}

/// Thresholds as this run used them, with where they come from; targets have a table of their own.
fn with_actual_thresholds(mut definitions: Vec<MetricDefinition>, measure: &MeasureSettings) -> Vec<MetricDefinition> {
    let (now, usual) = (measure.thresholds(), MeasureSettings::default().thresholds());
    for definition in &mut definitions {
        definition.thresholds.retain(|threshold| threshold.name != "target");
        for threshold in &mut definition.thresholds {
            let Some(value) = now.get(threshold.name.as_str()) else { continue };
            if usual.get(threshold.name.as_str()) != Some(value) {
                threshold.source = "credlens.toml".into();
            }
            threshold.value.clone_from(value);
        }
    }
    definitions
}

fn ledger_rows(evidence: &Evidence, source_of: &dyn Fn(u32) -> String) -> Vec<LedgerRow> {
    let mut rows: BTreeMap<u32, LedgerRow> = BTreeMap::new();
    for ((file, day), counts) in &evidence.ledger {
        let row = rows.entry(*file).or_insert_with(|| LedgerRow {
            source: source_of(*file),
            file: evidence.files[*file as usize].path.to_string_lossy().into_owned(),
            ..LedgerRow::default()
        });
        row.records += counts.records as i64;
        row.rows += counts.rows as i64;
        row.duplicates += counts.duplicates as i64;
        row.skipped += counts.skipped as i64;
        row.rejects += counts.rejects as i64;
        if let Some(day) = day {
            let start = day * MICROS_PER_DAY;
            row.first_us = Some(row.first_us.map_or(start, |first: i64| first.min(start)));
            row.last_us = Some(row.last_us.map_or(start, |last: i64| last.max(start)));
        }
    }
    for ((file, reason), counted) in evidence.rejects.counts() {
        if let Some(row) = rows.get_mut(file) {
            *row.reject_reasons.entry(reason.to_string()).or_default() += counted.count as i64;
        }
    }
    rows.into_values().collect()
}

fn evidence_shares(frames: &Frames, source_of: &dyn Fn(u32) -> String) -> Vec<EvidenceShare> {
    let mut sums: BTreeMap<(String, &str), (i64, i64)> = BTreeMap::new();
    for ((file, _), counts) in &frames.coverage {
        let kinds = [
            ("api", counts.with_api),
            ("identity", counts.with_identity),
            ("credential", counts.with_credential),
            ("scheme", counts.with_scheme),
            ("proof", counts.with_proof),
            ("scopes", counts.with_scopes),
        ];
        for (kind, with) in kinds {
            let sum = sums.entry((source_of(*file), kind)).or_default();
            sum.0 += with;
            sum.1 += counts.rows;
        }
    }
    // A kind of evidence that no row of a source carries is one that its format cannot carry, or a matter for `inspect`.
    sums.into_iter().filter(|(_, (rows, _))| *rows > 0).map(|((source, kind), (rows, of))| EvidenceShare { source, evidence: kind.into(), rows, of }).collect()
}

fn inventory_matches(evidence: &Evidence, entities: &BTreeMap<String, Table>) -> Vec<InventoryMatch> {
    // An entity known from an inventory alone was not seen.
    let seen = |entity: &str, column: &str| -> BTreeSet<String> {
        let Some(table) = entities.get(entity) else { return BTreeSet::new() };
        (0..table.rows()).filter(|row| table.int("first_seen", *row).is_some()).filter_map(|row| table.text(column, row).map(str::to_string)).collect()
    };
    let apis = seen("apis", "api");
    let identities = seen("identities", "identity");
    let known_apis = evidence.inventory.apis.iter().filter(|entry| apis.contains(&entry.api)).count();
    let known_identities = evidence.inventory.identities.iter().filter(|entry| identities.contains(&entry.identity)).count();
    let mut matches = Vec::new();
    if !evidence.inventory.apis.is_empty() {
        matches.push(InventoryMatch { what: "APIs".into(), matched: known_apis as i64, seen: apis.len() as i64 });
    }
    if !evidence.inventory.identities.is_empty() {
        matches.push(InventoryMatch { what: "identities".into(), matched: known_identities as i64, seen: identities.len() as i64 });
    }
    matches
}

fn write_report(folder: &RunFolder, report: &Report, earlier: &Path) -> std::io::Result<()> {
    let place = folder.path();
    let previous = std::fs::read_to_string(earlier.join("summary.md")).ok();
    write_text(&place.join("summary.md"), &markdown::render(report, previous.as_deref()))?;
    write_text(&place.join("summary.json"), &json::render(report))?;
    write_text(&place.join("summary.html"), &html::render(report))?;
    for drawing in chart::all(report) {
        write_text(&place.join("charts").join(&drawing.file_name), &drawing.svg())?;
    }
    Ok(())
}

/// SHA-256 of configuration, inputs and queries. Of a file: its size, first and last 64 KiB.
fn digests(plan: &Plan, evidence: &Evidence, catalog: &Catalog) -> Digests {
    let mut inputs = Sha256::new();
    for file in &evidence.files {
        inputs.update(file.path.to_string_lossy().as_bytes());
        inputs.update(file_digest(evidence.place_of(file)).as_bytes());
    }
    let hex = |digest: Sha256| crate::record::token::hex(&digest.finalize());
    Digests { config: hex(Sha256::new().chain_update(plan.config.text.as_bytes())), inputs: hex(inputs), queries: catalog.digest() }
}

/// The configured key, else one that only who has the inputs can know, so that the same inputs give the same pseudonyms.
pub(super) fn pseudonym_key(config: &Config, evidence: &Evidence) -> Vec<u8> {
    const HEAD: u64 = 64 * 1024;
    if let Some(key) = &config.hash_key {
        return key.clone();
    }
    let mut digest = Sha256::new().chain_update(b"credlens: key of pseudonyms");
    for file in &evidence.files {
        let mut head = Vec::new();
        if let Ok(file) = open_file(evidence.place_of(file)) {
            let _ = file.take(HEAD).read_to_end(&mut head);
        }
        digest.update(Sha256::digest(&head));
    }
    digest.finalize().to_vec()
}

fn file_digest(path: &Path) -> String {
    let mut digest = Sha256::new();
    if let Ok((metadata, ends)) = read_ends(path) {
        digest.update(metadata.len().to_le_bytes());
        digest.update(ends);
    }
    crate::record::token::hex(&digest.finalize())
}

#[allow(clippy::too_many_arguments)]
fn manifest(
    plan: &Plan,
    library: &Library,
    catalog: &Catalog,
    calendar: &Calendar,
    evidence: &Evidence,
    digests: &Digests,
    results: &Results,
    clock: &Clock,
    records: u64,
    rejects: u64,
    failed_gates: &[String],
) -> serde_json::Value {
    let mut sums: BTreeMap<u32, [u64; 5]> = BTreeMap::new();
    for ((file, _), counts) in &evidence.ledger {
        let sum = sums.entry(*file).or_default();
        for (place, count) in sum.iter_mut().zip([counts.records, counts.rows, counts.duplicates, counts.skipped, counts.rejects]) {
            *place += count;
        }
    }
    let files: Vec<serde_json::Value> = evidence
        .files
        .iter()
        .enumerate()
        .map(|(index, file)| {
            let [records, rows, duplicates, skipped, rejects] = sums.get(&(index as u32)).copied().unwrap_or_default();
            serde_json::json!({
                "file": file.path.to_string_lossy(),
                "format": file.pack.map(|pack| library.packs[pack].id()),
                "state": describe(&file.state),
                "bytes": file.bytes,
                "digest": file_digest(evidence.place_of(file)),
                "records": records, "rows": rows, "duplicates": duplicates, "skipped": skipped, "rejects": rejects,
            })
        })
        .collect();
    let queries: BTreeMap<&str, String> =
        catalog.queries.values().map(|query| (query.name.as_str(), crate::record::token::hex(&Sha256::digest(query.sql.as_bytes())))).collect();
    let millis = |duration: &Duration| duration.as_secs_f64() * 1000.0;
    serde_json::json!({
        "schema_version": RUN_SCHEMA_VERSION,
        "tool": "credlens",
        "tool_version": env!("CARGO_PKG_VERSION"),
        "period": calendar.headline.to_string(),
        "as_of": crate::period::format_instant(calendar.as_of_us),
        "config": { "file": plan.config.file.as_ref().map(|file| file.to_string_lossy().into_owned()), "digest": digests.config },
        "inputs_digest": digests.inputs,
        "privacy": { "people": plan.hide_people, "addresses": plan.addresses.as_str() },
        "queries_digest": digests.queries,
        "queries": queries,
        "files": files,
        "records": records,
        "rejects": rejects,
        "verdict": { "exit_status": i32::from(!failed_gates.is_empty()), "max_rejects": plan.max_rejects, "failed_gates": failed_gates },
        "timings_ms": {
            "stages": clock.laps.iter().map(|(name, duration)| (name.clone(), millis(duration))).collect::<BTreeMap<_, _>>(),
            "queries": results.timings.iter().map(|(name, duration)| (name.clone(), millis(duration))).collect::<BTreeMap<_, _>>(),
        },
    })
}

/// The scorecard and what was read, on stderr.
fn tell(outcome: &Outcome, elapsed: Duration, global: &Global) -> Result<(), Failure> {
    let mut out = std::io::stderr().lock();
    let is_colored = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let width = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let mut text = String::new();
    for note in &outcome.notes {
        text += &format!("{note}\n");
    }
    text +=
        &format!("Read {} files, {} records in {:.1} s. ", outcome.evidence.files.len(), crate::units::Count(outcome.records as i64), elapsed.as_secs_f64());
    text += &reject_line(outcome);
    text += "\n";
    // Few rejects are no news on the first screen; too many are the first thing to look at.
    if global.verbose > 0 || outcome.failed_gates.iter().any(|line| line.starts_with("error[A012]")) {
        text += &reject_details(outcome);
    }
    text += "\n";
    text += &terminal::scorecard(&outcome.report, width, is_colored);
    text += &match outcome.scratch {
        Some(_) => "Dry run: nothing was written.\n".to_string(),
        None => format!("Wrote {}: summary.md, summary.html, summary.json, charts, parquet, run.json\n", outcome.folder.display()) + &next_step(outcome),
    };
    if global.verbose > 0 {
        text += &details(outcome, global.verbose);
    }
    out.write_all(text.as_bytes()).map_err(|error| Failure::io("A020", "stderr", error))
}

fn reject_line(outcome: &Outcome) -> String {
    if outcome.rejects == 0 {
        return "Rejected none.".into();
    }
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for ((_, reason), counted) in outcome.evidence.rejects.counts() {
        *reasons.entry(reason).or_default() += counted.count;
    }
    let main = reasons.iter().max_by_key(|(_, count)| **count).map(|(reason, _)| *reason).unwrap_or("");
    let share = crate::units::Share(outcome.rejects as f64 / outcome.records.max(1) as f64);
    format!("Rejected {} ({share}), most for `{main}`: see parquet/rejects.parquet, or add -v", outcome.rejects)
}

/// Reasons of rejection told one by one; the rest is in rejects.parquet.
const REASONS_TOLD: usize = 3;

/// The commonest reasons: how many alike, the first record as file:record, and the shape of its line.
fn reject_details(outcome: &Outcome) -> String {
    let evidence = &outcome.evidence;
    // Reason -> files in their order, with the first record of each.
    let mut reasons: BTreeMap<&str, Vec<(u32, ReasonCount)>> = BTreeMap::new();
    for ((file, reason), counted) in evidence.rejects.counts() {
        reasons.entry(reason).or_default().push((*file, *counted));
    }
    let total = |files: &[(u32, ReasonCount)]| files.iter().map(|(_, counted)| counted.count).sum::<u64>();
    let mut reasons: Vec<(&str, Vec<(u32, ReasonCount)>)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(reason, files)| (std::cmp::Reverse(total(files)), *reason));
    let mut text = String::new();
    for (reason, files) in reasons.iter().take(REASONS_TOLD) {
        let (record, byte_offset) = files[0].1.first;
        let file = &evidence.files[files[0].0 as usize];
        let alike = format!("{} in {}", counted(total(files) as i64, "record", "records"), counted(files.len() as i64, "file", "files"));
        text += &format!("warning[A012]: {reason}: {alike}\n  --> {}:{record}\n", terminal_safe(&file.path.display().to_string()));
        let pack = file.pack.and_then(|pack| outcome.packs.get(pack)).map(String::as_str).unwrap_or_default();
        if let Some(found) = excerpt(evidence.place_of(file), byte_offset, reason, pack, &outcome.limits) {
            text += &format!("   | {}\n", terminal_safe(&found.line));
            text += &found.caret.map(|(start, length)| format!("   | {}{}\n", " ".repeat(start), "^".repeat(length.max(1)))).unwrap_or_default();
        }
    }
    text
}

/// The command that shows most of what is worst.
fn next_step(outcome: &Outcome) -> String {
    let run = outcome.folder.display();
    let report = &outcome.report;
    let first = |test: &dyn Fn(&ScoreRow) -> bool| report.scorecard.iter().filter(|row| test(row)).min_by_key(|row| !row.is_headline);
    let worst = first(&|row| row.trend == Trend::Regressing).or_else(|| first(&|row| row.judgement == Judgement::Missed));
    let explain = worst.map(|row| format!("`credlens explain {}`", row.id));
    let responders = &report.responders;
    let query = match (responders.still_accepted.is_empty(), responders.open.is_empty()) {
        (false, _) => Some(format!("`credlens query calls_after_revocation --run {run}`")),
        (true, false) => Some(format!("`credlens query open_cases --run {run}`")),
        (true, true) => None,
    };
    let steps: Vec<String> = query.into_iter().chain(explain).collect();
    if steps.is_empty() { String::new() } else { format!("Next: {}\n", steps.join("   or   ")) }
}

/// What --verbose adds: every file, and where the time went.
fn details(outcome: &Outcome, verbose: u8) -> String {
    let evidence = &outcome.evidence;
    let mut sums: BTreeMap<u32, [u64; 5]> = BTreeMap::new();
    for ((file, _), counts) in &evidence.ledger {
        let sum = sums.entry(*file).or_default();
        for (place, count) in sum.iter_mut().zip([counts.records, counts.rows, counts.duplicates, counts.skipped, counts.rejects]) {
            *place += count;
        }
    }
    let mut text = String::from("\n   records       rows  duplicates  skipped  rejects  file\n");
    for (index, file) in evidence.files.iter().enumerate() {
        let [records, rows, duplicates, skipped, rejects] = sums.get(&(index as u32)).copied().unwrap_or_default();
        let path = terminal_safe(&file.path.display().to_string());
        text += &format!("{records:10} {rows:10} {duplicates:11} {skipped:8} {rejects:8}  {path}\n");
    }
    text += "\n";
    let timings = outcome.timings.iter().chain(outcome.query_timings.iter().filter(|_| verbose > 1));
    for (name, duration) in timings {
        text += &format!("{:10.3} s  {name}\n", duration.as_secs_f64());
    }
    text
}

/// A line for each gate that failed.
fn failed_gates(plan: &Plan, rows: &[MetricRow], headline: &Period, records: u64, rejects: u64) -> Vec<String> {
    let mut failed = Vec::new();
    if rejects as f64 > plan.max_rejects * records as f64 {
        let allowed = plan.max_rejects * 100.0;
        failed.push(format!("error[A012]: {rejects} of {records} records were rejected, more than the {allowed}% that --max-rejects allows"));
    }
    let shown = |row: &&MetricRow| row.is_headline() && row.period == *headline;
    let ids =
        |test: &dyn Fn(&MetricRow) -> bool| rows.iter().filter(shown).filter(|row| test(row)).map(|row| row.metric_id.clone()).collect::<Vec<_>>().join(", ");
    for what in &plan.fail_on {
        let (name, found) = match what {
            FailOn::Missed => ("missed", ids(&|row| row.judgement == Judgement::Missed)),
            FailOn::Regressing => ("regressing", ids(&|row| row.trend == Trend::Regressing)),
            FailOn::Unmeasured => ("unmeasured", ids(&|row| row.status == Status::NotMeasured)),
        };
        if !found.is_empty() {
            failed.push(format!("error[A013]: --fail-on {name}: {found}"));
        }
    }
    failed
}
