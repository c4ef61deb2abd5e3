//! What the modules share: a folder of made-up sources, the two ways to read it (library and command), Parquet read back.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use credlens::cli::config::Config;
use credlens::frame::build::{FrameSettings, Frames, build_frames};
use credlens::frame::segment::Spill;
use credlens::period::format_instant;
use credlens::record::token::Digester;
use credlens::source::discover::discover;
use credlens::source::library::Library;
use credlens::source::read::{Counts, Evidence, MemoryBound, Progress, ReadSettings, read_all};
use credlens::source::rejects::Reject;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;

/// A row of a Parquet file: column -> value, nulls left out, instants as RFC 3339.
pub type Row = Map<String, Value>;

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The command under test.
pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_credlens")
}

/// A temporary folder of source files.
pub struct Sources {
    folder: TempDir,
}

impl Sources {
    pub fn new() -> Sources {
        Sources { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Adds a file, its folders made if need be.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Sources {
        self.put(name, content);
        self
    }

    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("its folder can be made");
        fs::write(path, content).expect("a temporary file can be written");
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Reads everything under `in/` through the library; `credlens.toml` beside it is the configuration.
    pub fn read(&self) -> Reading {
        Reading::new(&[self.folder.path().join("in")], Some(&self.folder.path().join("credlens.toml")), None)
    }

    /// Runs the command in this folder.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        run_in(self.folder.path(), arguments)
    }

    /// `credlens run in --out out` with more arguments; the run must be done (exit status 0 or 1).
    pub fn run_in_out(&self, arguments: &[&str]) -> (Finished, PathBuf) {
        let mut all = vec!["run", "in", "--out", "out", "--no-progress"];
        all.extend(arguments);
        let finished = self.run(&all);
        assert!(matches!(finished.status, Some(0 | 1)), "{all:?} did not finish: {}", finished.stderr);
        let mut runs = folders_of(&self.folder.path().join("out"));
        assert_eq!(runs.len(), 1, "one run folder is expected: {runs:?}");
        (finished, runs.remove(0))
    }
}

/// The folders in a folder, sorted.
pub fn folders_of(place: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// What a command did.
#[derive(Debug)]
pub struct Finished {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the command in a folder, free of the caller's settings.
pub fn run_in(folder: &Path, arguments: &[&str]) -> Finished {
    let output = command_in(folder, arguments).output().expect("the command can be started");
    Finished {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

pub fn command_in(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env_remove("CREDLENS_CONFIG").env("NO_COLOR", "1").env("COLUMNS", "100");
    command
}

/// The run over the bundled estate that many tests look at: made once, from a copy, with relative paths.
pub struct EstateRun {
    place: TempDir,
    pub folder: PathBuf,
    pub finished: Finished,
}

impl EstateRun {
    /// The folder that the run was started in: it holds `sample-data/estate` and `out`.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// A table of the run folder.
    pub fn table(&self, name: &str) -> Vec<Row> {
        read_parquet(&self.folder.join(format!("parquet/{name}.parquet")))
    }
}

/// `credlens run sample-data/estate --json`, once.
pub fn estate() -> &'static EstateRun {
    static RUN: LazyLock<EstateRun> = LazyLock::new(|| {
        let place = tempfile::tempdir().expect("a temporary folder");
        copy_folder(&project().join("sample-data/estate"), &place.path().join("sample-data/estate"));
        let finished = run_in(place.path(), &["run", "sample-data/estate", "--out", "out", "--json", "--no-progress"]);
        assert_eq!(finished.status, Some(0), "{}", finished.stderr);
        let folder = place.path().join("out/2026-Q3");
        EstateRun { place, folder, finished }
    });
    &RUN
}

/// Copies all files below a folder.
pub fn copy_folder(from: &Path, to: &Path) {
    for (name, bytes) in files_under(from) {
        let place = to.join(name);
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder can be made");
        fs::write(place, bytes).expect("a file can be written");
    }
}

/// Everything that the library read: ledger, rejects, and the frames' rows as they were written.
pub struct Reading {
    pub evidence: Evidence,
    /// Runs of calls that went to disk while reading; the frames hold them now.
    pub segments: usize,
    /// In the order of rejects.parquet.
    pub rejects: Vec<Reject>,
    pub frames: Frames,
    pub library: Arc<Library>,
    /// Frame -> rows, in the order written.
    pub rows: BTreeMap<&'static str, Vec<Row>>,
    _folder: TempDir,
}

impl Reading {
    pub fn new(paths: &[PathBuf], config: Option<&Path>, pack: Option<&str>) -> Reading {
        Reading::bounded(paths, config, pack, None)
    }

    /// As `new`, with so many bytes of calls in a thread's memory.
    pub fn bounded(paths: &[PathBuf], config: Option<&Path>, pack: Option<&str>, bytes_per_thread: Option<usize>) -> Reading {
        let config = Config::load(config.filter(|path| path.exists()), &[]).expect("a configuration without mistakes");
        let library = match config.packs.is_empty() && config.pack_changes.is_empty() {
            true => embedded_packs(),
            false => Arc::new(Library::with_changes(&config.packs, &config.pack_changes).expect("packs that compile")),
        };
        let settings = ReadSettings {
            threads: 2,
            digester: Digester::new(config.hash_key.clone()),
            tickets: config.tickets.clone(),
            sources: config.sources.clone(),
            zones: config.zones.clone(),
            pack: pack.map(|id| library.find(id).unwrap_or_else(|| panic!("no pack {id}"))),
            kept: None,
            keep_raw: false,
            limits: config.limits,
            addresses: config.addresses,
            bound: bytes_per_thread.map(|bytes_per_thread| MemoryBound { bytes_per_thread, spill: Spill::new(std::env::temp_dir()) }),
        };
        let paths: Vec<String> = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let mut evidence = read_all(&discover(&paths).files, &library, &settings, &Progress::default());
        let segments = evidence.requests.iter().map(|store| store.segments.len()).sum();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = FrameSettings { credential_aliases: config.credential_aliases.clone(), grammar: config.grammar.clone(), metadata: Default::default() };
        let frames = build_frames(&mut evidence, &library, &settings, folder.path()).expect("frames can be written");
        let rows = ["requests", "identity_events", "revocation_tickets"].into_iter().map(|frame| (frame, read_frame(folder.path(), frame))).collect();
        let rejects = evidence.rejects.all().expect("rejects can be read back");
        Reading { evidence, segments, rejects, frames, library, rows, _folder: folder }
    }

    /// The pack a file was detected as, by the end of its path.
    pub fn format_of(&self, file: &str) -> Option<&str> {
        let file = self.evidence.files.iter().find(|other| other.path.ends_with(file)).unwrap_or_else(|| panic!("no file {file}"));
        file.pack.map(|pack| self.library.packs[pack].id())
    }

    /// The ledger of a file, by the end of its path.
    pub fn ledger_of(&self, file: &str) -> Counts {
        let index = self.evidence.files.iter().position(|other| other.path.ends_with(file)).unwrap_or_else(|| panic!("no file {file}"));
        let of_file = self.evidence.ledger.iter().filter(|((other, _), _)| *other as usize == index);
        of_file.fold(Counts::default(), |sum, (_, counts)| Counts {
            records: sum.records + counts.records,
            rows: sum.rows + counts.rows,
            duplicates: sum.duplicates + counts.duplicates,
            skipped: sum.skipped + counts.skipped,
            rejects: sum.rejects + counts.rejects,
        })
    }
}

/// The packs that the product brings, compiled once.
pub fn embedded_packs() -> Arc<Library> {
    static EMBEDDED: LazyLock<Arc<Library>> = LazyLock::new(|| Arc::new(Library::new(&[]).expect("the embedded packs compile")));
    EMBEDDED.clone()
}

/// Rows of a frame that is partitioned by month.
pub fn read_frame(folder: &Path, frame: &str) -> Vec<Row> {
    folders_of(&folder.join(frame)).iter().flat_map(|month| read_parquet(&month.join("part-0.parquet"))).collect()
}

/// A Parquet file's rows.
pub fn read_parquet(path: &Path) -> Vec<Row> {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.expect("a readable batch");
        for row in 0..batch.num_rows() {
            let fields = batch.schema();
            let cells = fields.fields().iter().zip(batch.columns()).filter(|(_, array)| array.is_valid(row));
            rows.push(cells.map(|(field, array)| (field.name().clone(), cell(array.as_ref(), row))).collect());
        }
    }
    rows
}

fn cell(array: &dyn Array, row: usize) -> Value {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => format_instant(array.as_primitive::<TimestampMicrosecondType>().value(row)).into(),
        DataType::Date32 => credlens::period::format_day(i64::from(array.as_primitive::<Date32Type>().value(row)) * credlens::period::MICROS_PER_DAY).into(),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| cell(items.as_ref(), item)).collect()
        }
        other => panic!("outputs.md allows no Parquet column of type {other}"),
    }
}

/// Every file under a folder by its relative path.
pub fn files_under(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(place) = waiting.pop() {
        for entry in fs::read_dir(&place).expect("a readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("a path below").to_string_lossy().into_owned();
                files.insert(name, fs::read(&path).expect("a readable file"));
            }
        }
    }
    files
}

/// Text of a cell, empty where it is null.
pub fn text<'r>(row: &'r Row, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or("")
}

/// The row of a table whose columns have these values.
pub fn row_where<'r>(rows: &'r [Row], wanted: &[(&str, &str)]) -> &'r Row {
    let found: Vec<&Row> = rows.iter().filter(|row| wanted.iter().all(|(column, value)| text(row, column) == *value)).collect();
    assert_eq!(found.len(), 1, "{} rows where {wanted:?}", found.len());
    found[0]
}

/// Runs a test on threads with room for the SQL engine, whose unoptimised frames are too deep for a test's own thread.
pub fn with_room<R: Send>(test: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().stack_size(256 << 20).build().expect("a thread pool");
    pool.install(test)
}

/// Says on stderr that something was not tested, and why.
pub fn skipped(what: &str, why: &str) {
    eprintln!("notice: {what} was not tested: {why}");
}
