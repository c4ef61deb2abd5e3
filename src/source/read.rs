//! Reads all files in one streaming pass: workers take chunks, parse them and keep their rows; a ledger counts every record.
//!
//! Inventories come first, because other records are read with them (aliases, required scopes). A worker prefers a file
//! that nobody else is reading, so that decompression of one file overlaps with parsing of another.

use crate::frame::requests::RequestStore;
use crate::frame::segment::Spill;
use crate::record::address::Addresses;
use crate::record::identity_event::IdentityEventRow;
use crate::record::inventory::{Aliases, Inventory};
use crate::record::operation::OperationTable;
use crate::record::person::People;
use crate::record::request::SourceSettings;
use crate::record::revocation_ticket::{TicketRow, TicketSettings};
use crate::record::time::day_of;
use crate::record::token::Digester;
use crate::source::chunk::{Chunk, ChunkReader, Framing};
use crate::source::decode::parquet::{self, ParquetRows, WantedRoots};
use crate::source::decode::{Decoder, RecordReader};
use crate::source::detect::{Detected, HEAD_BYTES, Layout, detect};
use crate::source::join::{self, Completed, Edge, Joined, Joiner};
use crate::source::kept::{KeptFolder, Key, Tally, Unfinished};
use crate::source::library::{Library, Pack};
use crate::source::open;
use crate::source::pack::PackKind;
use crate::source::plan::Context;
use crate::source::prefix::{Peeled, Peeler};
use crate::source::rejects::{Reject, Rejects};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Records of one file and day (`None`: the record has no readable instant).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    pub records: u64,
    pub rows: u64,
    pub duplicates: u64,
    pub skipped: u64,
    pub rejects: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.records += other.records;
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.skipped += other.skipped;
        self.rejects += other.rejects;
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    Read,
    Empty,
    Unknown(String),
    Tie(Vec<String>),
    /// Opening or reading failed; what was read before that counts.
    Failed(String),
    /// The same bytes as the file of this number, which comes first: all of its rows are duplicates.
    Replay(u32),
}

/// A file of the run.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// As given, relative where it was given so.
    pub path: PathBuf,
    /// Index of its pack in the library.
    pub pack: Option<usize>,
    pub state: FileState,
    pub bytes: u64,
}

/// A row with its provenance.
#[derive(Debug, Clone)]
pub struct From<T> {
    pub file: u32,
    pub record: u64,
    pub row: T,
}

/// Everything that was read.
#[derive(Default)]
pub struct Evidence {
    pub files: Vec<SourceFile>,
    pub requests: Vec<RequestStore>,
    pub events: Vec<From<IdentityEventRow>>,
    pub tickets: Vec<From<TicketRow>>,
    pub inventory: Inventory,
    /// Frame and key of the inventory entries read so far, with their places in the lists.
    pub inventory_keys: HashMap<String, usize>,
    pub aliases: Aliases,
    /// Whose names are hidden, and how; none where names stay.
    pub people: Option<People>,
    pub rejects: Rejects,
    /// (file, day) -> counts; duplicates are found later.
    pub ledger: BTreeMap<(u32, Option<i64>), Counts>,
    /// The copy of standard input, which the file `-` stands for.
    pub stdin: Option<tempfile::TempPath>,
    /// What was found in the folder of kept files, if there is one.
    pub tally: Option<Tally>,
    /// Why calls could not be put on disk, if so: the run cannot go on.
    pub spill_error: Option<std::io::Error>,
}

/// How to read.
pub struct ReadSettings {
    pub threads: usize,
    pub digester: Digester,
    pub tickets: TicketSettings,
    /// By pack id.
    pub sources: HashMap<String, SourceSettings>,
    /// By pack id: zone of instants without offset.
    pub zones: HashMap<String, Tz>,
    /// Read every file as this pack instead of detecting it.
    pub pack: Option<usize>,
    pub keep_raw: bool,
    pub limits: open::Limits,
    /// What becomes of client addresses.
    pub addresses: Addresses,
    /// `None`: all calls stay in memory.
    pub bound: Option<MemoryBound>,
    /// Where what files give is kept for later runs.
    pub kept: Option<PathBuf>,
}

/// How many bytes of calls a thread may hold, and a quarter of that of rejects; and where those go that it has no room for.
#[derive(Clone)]
pub struct MemoryBound {
    pub bytes_per_thread: usize,
    pub spill: Spill,
}

/// What a progress bar shows, and the wish to stop.
#[derive(Default)]
pub struct Progress {
    pub bytes: Arc<AtomicU64>,
    pub total_bytes: AtomicU64,
    pub records: AtomicU64,
    pub rejects: AtomicU64,
    pub files: AtomicUsize,
    pub total_files: AtomicUsize,
    pub stop: Arc<AtomicBool>,
}

/// Reads all files. Bad records and bad files are in the result; nothing fails.
pub fn read_all(paths: &[PathBuf], library: &Library, settings: &ReadSettings, progress: &Progress) -> Evidence {
    let (mut files, mut inputs, mut heads, mut kept_parts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        let (file, input, head) = detect_file(path, library, settings);
        files.push(file);
        inputs.push(input);
        heads.push(head);
    }
    find_replays(&mut files, &heads, library, settings);
    progress.total_files.store(files.len(), Ordering::Relaxed);
    progress
        .total_bytes
        .store(files.iter().filter(|file| file.pack.is_some() && file.state == FileState::Read).map(|file| file.bytes).sum(), Ordering::Relaxed);
    let mut evidence = Evidence::default();
    for (index, file) in files.iter_mut().enumerate() {
        if file.pack.is_some_and(|pack| library.packs[pack].file.kind == PackKind::Inventory && library.packs[pack].file.inventory.is_some()) {
            super::inventory::read_inventory(index as u32, file, library, settings, &mut evidence);
        }
    }
    evidence.inventory.normalise();
    evidence.aliases = Aliases::new(&evidence.inventory.identities);
    let operations = OperationTable::new(&evidence.inventory.documents);
    let keeper = match &settings.kept {
        None => None,
        Some(folder) => match KeptFolder::open(folder, context_digest(library, settings, &evidence.inventory)) {
            Ok(folder) => Some(take_kept(folder, library, &files, &mut inputs, progress, &mut kept_parts)),
            Err(error) => return Evidence { files, spill_error: Some(error), ..evidence },
        },
    };
    let shared = Shared {
        library,
        settings,
        progress,
        aliases: &evidence.aliases,
        operations: Some(&operations).filter(|operations| !operations.is_empty()),
        files: &files,
        inputs: &inputs,
        next_file: AtomicUsize::new(0),
        active: Mutex::new(Vec::new()),
        failures: Mutex::new(Vec::new()),
        edges: Mutex::new(Vec::new()),
        keeper: keeper.as_ref(),
        finished: Mutex::new(kept_parts),
    };
    let mut parts: Vec<Part> = std::thread::scope(|scope| {
        let shared = &shared;
        let workers: Vec<_> = (0..settings.threads.max(1)).map(|number| scope.spawn(move || Worker::new(shared, number).run())).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let edges = std::mem::take(&mut *shared.edges.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    parts.push(Worker::new(&shared, 0).read_edges(edges));
    parts.append(&mut shared.finished.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    let failures = std::mem::take(&mut *shared.failures.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    for (index, failure) in failures {
        files[index].state = FileState::Failed(failure);
    }
    evidence.files = files;
    evidence.absorb(parts);
    evidence.count_replays();
    if let Some(keeper) = &keeper
        && !progress.stop.load(Ordering::Relaxed)
    {
        match keeper.folder.close() {
            Ok(tally) => evidence.tally = Some(tally),
            Err(error) => evidence.spill_error = evidence.spill_error.take().or(Some(error)),
        }
    }
    evidence
}

/// The folder of kept files, and the keys of source files that are to be kept, by number.
struct Keeper {
    folder: KeptFolder,
    keys: Vec<Option<Key>>,
}

/// Takes what is kept of the files, which then need not be read. Files whose records are joined with those of others are read
/// in every run, and so are inventories.
fn take_kept(folder: KeptFolder, library: &Library, files: &[SourceFile], inputs: &mut [Option<Input>], progress: &Progress, parts: &mut Vec<Part>) -> Keeper {
    let mut keys = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        let pack = file.pack.map(|pack| &library.packs[pack]).filter(|pack| pack.join.is_none() && pack.file.kind != PackKind::Inventory);
        let key = pack.filter(|_| file.state == FileState::Read).and_then(|pack| folder.key(&file.path, pack.id()).ok());
        if let Some(kept) = key.as_ref().and_then(|key| folder.load(key, index as u32)) {
            parts.extend(kept);
            inputs[index] = None;
            progress.bytes.fetch_add(file.bytes, Ordering::Relaxed);
            progress.files.fetch_add(1, Ordering::Relaxed);
        }
        keys.push(key.filter(|_| inputs[index].is_some()));
    }
    Keeper { folder, keys }
}

/// Digest of everything that rows follow from besides the bytes of their file: the program, the packs, the settings, and what
/// inventories say that reading needs.
fn context_digest(library: &Library, settings: &ReadSettings, inventory: &Inventory) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut add = |text: String| {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    };
    add(env!("CARGO_PKG_VERSION").into());
    let program = std::env::current_exe().and_then(std::fs::metadata).and_then(|metadata| Ok((metadata.len(), metadata.modified()?)));
    add(format!("{:?}", program.ok()));
    library.packs.iter().for_each(|pack| add(format!("{:?} {:?} {:?}", pack.file, pack.zone, pack.date)));
    add(settings.digester.fingerprint());
    add(format!("{:?}", settings.tickets));
    add(format!("{:?}", settings.sources.iter().collect::<BTreeMap<_, _>>()));
    add(format!("{:?}", settings.zones.iter().collect::<BTreeMap<_, _>>()));
    add(format!("{:?} {} {:?} {:?}", settings.pack, settings.keep_raw, settings.limits, settings.addresses));
    add(format!("{:?}", inventory.identities.iter().map(|entry| (&entry.identity, &entry.aliases)).collect::<Vec<_>>()));
    add(format!("{:?}", inventory.documents));
    digest.finalize().into()
}

/// How a file whose format is known is read.
pub(super) struct Input {
    pub layout: Layout,
    /// Rows of Parquet, read as JSON.
    pub is_parquet: bool,
}

/// Digest of a file's first decompressed bytes, and whether they are all of it.
type HeadDigest = Option<([u8; 32], bool)>;

/// Finds out what a file is, from its first bytes.
pub(super) fn detect_file(path: &Path, library: &Library, settings: &ReadSettings) -> (SourceFile, Option<Input>, HeadDigest) {
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut file = SourceFile { path: path.to_path_buf(), pack: None, state: FileState::Read, bytes };
    let head = open::open(path, &Arc::default(), &settings.limits).and_then(|source| read_head(source.reader));
    let (head, is_whole) = match head {
        Ok(head) => head,
        Err(error) => {
            file.state = FileState::Failed(error.to_string());
            return (file, None, None);
        }
    };
    let is_parquet = head.starts_with(parquet::MAGIC);
    let detected = match is_parquet {
        true => detect_parquet(path, library, settings.pack),
        false => Ok(detect(library, settings.pack, &head, is_whole)),
    };
    let detected = match detected {
        Ok(detected) => detected,
        Err(error) => {
            file.state = FileState::Failed(error.to_string());
            return (file, None, None);
        }
    };
    match detected {
        Detected::Pack { pack, layout } => {
            file.pack = Some(pack);
            return (file, Some(Input { layout, is_parquet }), Some((Sha256::digest(&head).into(), is_whole)));
        }
        Detected::Empty => file.state = FileState::Empty,
        Detected::Unknown(why) => file.state = FileState::Unknown(why),
        Detected::Tie(packs) => file.state = FileState::Tie(packs),
    }
    (file, None, None)
}

/// Marks files that hold the same bytes as an earlier one, however they are compressed: a log that was copied, or rotated and
/// kept twice, counts once even where its records have no ids. Only files that begin alike are read for this.
fn find_replays(files: &mut [SourceFile], heads: &[HeadDigest], library: &Library, settings: &ReadSettings) {
    let mut alike: BTreeMap<(usize, [u8; 32], bool), Vec<usize>> = BTreeMap::new();
    for (index, (file, head)) in files.iter().zip(heads).enumerate() {
        if let (Some(pack), Some((digest, is_whole))) = (file.pack, *head)
            && library.packs[pack].file.kind != PackKind::Inventory
        {
            alike.entry((pack, digest, is_whole)).or_default().push(index);
        }
    }
    for ((_, head, is_whole), group) in alike.into_iter().filter(|(_, group)| group.len() > 1) {
        let mut first: HashMap<[u8; 32], u32> = HashMap::new();
        for index in group {
            let digest = if is_whole { Some(head) } else { content_digest(&files[index].path, &settings.limits) };
            let Some(digest) = digest else { continue };
            match first.get(&digest) {
                Some(&original) => files[index].state = FileState::Replay(original),
                None => drop(first.insert(digest, index as u32)),
            }
        }
    }
}

/// SHA-256 of a file's decompressed bytes; none where reading breaks off.
fn content_digest(path: &Path, limits: &open::Limits) -> Option<[u8; 32]> {
    let mut source = open::open(path, &Arc::default(), limits).ok()?;
    let mut digest = Sha256::new();
    std::io::copy(&mut source.reader, &mut digest).ok()?;
    Some(digest.finalize().into())
}

/// What the first rows of a Parquet file are, as JSON.
fn detect_parquet(path: &Path, library: &Library, only: Option<usize>) -> std::io::Result<Detected> {
    let lines = parquet::head_lines(path, PARQUET_HEAD_ROWS)?;
    let detected = detect(library, only, &lines, true);
    Ok(match detected {
        Detected::Pack { pack, .. } if !matches!(library.packs[pack].decoder, Decoder::Json(_)) => {
            Detected::Unknown(format!("rows of Parquet, and {} reads no JSON", library.packs[pack].id()))
        }
        Detected::Unknown(why) => Detected::Unknown(format!("rows of Parquet; {why}")),
        other => other,
    })
}

/// The first bytes of a source, and whether they are all of it. A broken archive gives what could be read.
pub(super) fn read_head(reader: Box<dyn Read + Send>) -> std::io::Result<(Vec<u8>, bool)> {
    let mut head = Vec::new();
    match reader.take(HEAD_BYTES as u64).read_to_end(&mut head) {
        Err(error) if head.is_empty() => Err(error),
        _ => {
            let is_whole = head.len() < HEAD_BYTES;
            Ok((head, is_whole))
        }
    }
}

/// Rows of a Parquet file that detection looks at.
pub(super) const PARQUET_HEAD_ROWS: usize = 20;

struct Shared<'a> {
    library: &'a Library,
    settings: &'a ReadSettings,
    progress: &'a Progress,
    aliases: &'a Aliases,
    operations: Option<&'a OperationTable>,
    files: &'a [SourceFile],
    inputs: &'a [Option<Input>],
    next_file: AtomicUsize,
    active: Mutex<Vec<Arc<ActiveFile>>>,
    failures: Mutex<Vec<(usize, String)>>,
    /// What files left open whose records are joined.
    edges: Mutex<Vec<Edge>>,
    keeper: Option<&'a Keeper>,
    /// What files gave whose rows are kept.
    finished: Mutex<Vec<Part>>,
}

/// A file that is being read.
struct ActiveFile {
    index: usize,
    /// `None` once the file has ended.
    reader: Mutex<Option<FileReader>>,
    /// For a file whose rows are to be kept.
    keeping: Option<Keeping>,
}

/// What workers made so far of a file whose rows are to be kept: apart from those of all other files.
struct Keeping {
    unfinished: Mutex<Option<Unfinished>>,
    /// By number of the worker.
    parts: Vec<Mutex<Part>>,
    /// Chunks given out and not yet parsed, and one for the reader until the file has ended.
    open: AtomicUsize,
}

/// Where chunks of a file come from.
pub(super) enum Chunks {
    Bytes(Box<ChunkReader>),
    Rows(Box<ParquetRows>),
}

impl Chunks {
    pub fn open(path: &Path, input: &Input, pack: &Pack, bytes_read: &Arc<AtomicU64>, limits: &open::Limits) -> std::io::Result<Self> {
        if input.is_parquet {
            let wanted = match &pack.decoder {
                Decoder::Json(plan) if input.layout.prefixes.is_empty() => Some(WantedRoots { names: plan.roots() }),
                _ => None,
            };
            return Ok(Chunks::Rows(Box::new(ParquetRows::open(path, wanted)?)));
        }
        let source = open::open(path, bytes_read, limits)?;
        Ok(Chunks::Bytes(Box::new(start(source.reader, input.layout.framing.clone())?)))
    }

    /// The next chunk, in a used buffer; after an error what had been read before it.
    pub fn next(&mut self, spare: &mut Vec<u8>, bytes_read: &AtomicU64) -> (Option<Chunk>, Option<std::io::Error>) {
        match self {
            Chunks::Bytes(reader) => {
                reader.recycle(std::mem::take(spare));
                match reader.next_chunk() {
                    Ok(chunk) => (chunk, None),
                    Err(error) => (reader.take_rest(), Some(error)),
                }
            }
            Chunks::Rows(rows) => match rows.next_chunk(std::mem::take(spare)) {
                Ok(chunk) => {
                    let read = chunk.as_ref().and_then(|chunk| chunk.elements.as_ref()).map_or(0, Vec::len);
                    bytes_read.fetch_add((read as f64 * rows.bytes_per_row) as u64, Ordering::Relaxed);
                    (chunk, None)
                }
                Err(error) => (None, Some(error)),
            },
        }
    }
}

struct FileReader {
    chunks: Chunks,
    joiner: Option<Joiner>,
}

/// A chunk to be parsed, with its records where they were joined.
struct Work {
    file: Arc<ActiveFile>,
    chunk: Chunk,
    joined: Option<Vec<Joined>>,
}

impl Shared<'_> {
    fn active(&self) -> Vec<Arc<ActiveFile>> {
        self.active.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// The next chunk of any file, `None` when all have ended.
    fn next_chunk(&self, spare: &mut Vec<u8>) -> Option<Work> {
        loop {
            if self.progress.stop.load(Ordering::Relaxed) {
                return None;
            }
            // A file that nobody is reading just now.
            for file in &self.active() {
                if let Ok(mut reader) = file.reader.try_lock()
                    && let Some(work) = self.read(file, &mut reader, spare)
                {
                    return Some(work);
                }
            }
            if self.open_next_file() {
                continue;
            }
            // Only files that others are reading are left: wait for one of them.
            let waiting = self.active();
            let file = waiting.first()?;
            let mut reader = file.reader.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if let Some(work) = self.read(file, &mut reader, spare) {
                return Some(work);
            }
        }
    }

    fn read(&self, file: &Arc<ActiveFile>, reader: &mut Option<FileReader>, spare: &mut Vec<u8>) -> Option<Work> {
        let index = file.index;
        let open = reader.as_mut()?;
        let (chunk, error) = open.chunks.next(spare, &self.progress.bytes);
        if let Some(error) = error {
            self.fail(index, error.to_string());
        }
        let Some(mut chunk) = chunk else {
            if let Some(joiner) = reader.take().and_then(|reader| reader.joiner) {
                self.edges.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(joiner.finish(index));
            }
            self.progress.files.fetch_add(1, Ordering::Relaxed);
            self.active.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).retain(|file| file.index != index);
            self.let_go(file);
            return None;
        };
        if let Some(keeping) = &file.keeping {
            keeping.open.fetch_add(1, Ordering::AcqRel);
        }
        let joined = match (&mut open.joiner, self.pack_of(index), &self.inputs[index]) {
            (Some(joiner), Some(pack), Some(input)) => pack.join.as_ref().map(|plan| joiner.join(plan, &pack.decoder, &input.layout.prefixes, &mut chunk)),
            _ => None,
        };
        Some(Work { file: file.clone(), chunk, joined })
    }

    /// Counts down a chunk, or the end, of a file whose rows are kept; the last one keeps them.
    fn let_go(&self, file: &ActiveFile) {
        let (Some(keeping), Some(keeper)) = (&file.keeping, self.keeper) else { return };
        if keeping.open.fetch_sub(1, Ordering::AcqRel) > 1 || self.progress.stop.load(Ordering::Relaxed) {
            return;
        }
        let take = |part: &Mutex<Part>| std::mem::take(&mut *part.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let parts: Vec<Part> = keeping.parts.iter().map(take).collect();
        let unfinished = keeping.unfinished.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let has_failed = self.failures.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).iter().any(|(index, _)| *index == file.index);
        let parts = match (&keeper.keys[file.index], unfinished) {
            // What a file gave before it failed counts in this run alone.
            (Some(key), Some(unfinished)) if !has_failed => keeper.folder.finish(key, unfinished, parts, file.index as u32),
            _ => Ok(parts),
        };
        match parts {
            Ok(parts) => self.finished.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(parts),
            Err(error) => self.break_off(error),
        }
    }

    /// Rows could not be put on disk: the run ends.
    fn break_off(&self, error: std::io::Error) {
        self.progress.stop.store(true, Ordering::Relaxed);
        self.finished.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(Part { spill_error: Some(error), ..Part::default() });
    }

    /// Where the rows of a file are collected that is to be kept.
    fn keeping(&self, index: usize) -> std::io::Result<Option<Keeping>> {
        let Some(keeper) = self.keeper.filter(|keeper| keeper.keys[index].is_some()) else { return Ok(None) };
        let parts = (0..self.settings.threads.max(1)).map(|_| Mutex::default()).collect();
        Ok(Some(Keeping { unfinished: Mutex::new(Some(keeper.folder.start()?)), parts, open: AtomicUsize::new(1) }))
    }

    fn pack_of(&self, index: usize) -> Option<&Pack> {
        self.files[index].pack.map(|pack| &self.library.packs[pack])
    }

    fn fail(&self, index: usize, error: String) {
        self.failures.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((index, error));
    }

    /// Opens the next file that is not an inventory; false when there is none.
    fn open_next_file(&self) -> bool {
        loop {
            let index = self.next_file.fetch_add(1, Ordering::Relaxed);
            let Some(file) = self.files.get(index) else { return false };
            let (Some(pack), Some(input)) = (file.pack, &self.inputs[index]) else { continue };
            if self.library.packs[pack].file.kind == PackKind::Inventory || matches!(file.state, FileState::Replay(_)) {
                continue;
            }
            let reader = match Chunks::open(&file.path, input, &self.library.packs[pack], &self.progress.bytes, &self.settings.limits) {
                Ok(reader) => reader,
                Err(error) => {
                    self.fail(index, error.to_string());
                    continue;
                }
            };
            let pack = &self.library.packs[pack];
            let reader = FileReader { chunks: reader, joiner: pack.join.as_ref().map(|_| Joiner::new(&pack.decoder)) };
            let keeping = match self.keeping(index) {
                Ok(keeping) => keeping,
                Err(error) => {
                    self.break_off(error);
                    return false;
                }
            };
            let active = Arc::new(ActiveFile { index, reader: Mutex::new(Some(reader)), keeping });
            self.active.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(active);
            return true;
        }
    }
}

/// A chunk reader over a source whose byte order mark, if any, is passed over.
pub(super) fn start(mut reader: Box<dyn Read + Send>, framing: Framing) -> std::io::Result<ChunkReader> {
    let mut head = Vec::new();
    reader.by_ref().take(3).read_to_end(&mut head)?;
    Ok(ChunkReader::new(reader, framing, head))
}

/// What one worker read.
#[derive(Default)]
pub(super) struct Part {
    pub requests: RequestStore,
    pub events: Vec<From<IdentityEventRow>>,
    pub tickets: Vec<From<TicketRow>>,
    pub rejects: Rejects,
    pub ledger: HashMap<(u32, Option<i64>), Counts, foldhash::fast::FixedState>,
    pub spill_error: Option<std::io::Error>,
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    number: usize,
    readers: Vec<Option<PackReader>>,
    peelers: [Peeler; 2],
    part: Part,
}

/// What reads the records of a pack, and the openings that they are joined with.
struct PackReader {
    record: RecordReader,
    opening: RecordReader,
    completed: Completed,
}

impl PackReader {
    fn new(pack: &Pack) -> Self {
        PackReader { record: RecordReader::new(&pack.decoder), opening: RecordReader::new(&pack.decoder), completed: Completed::default() }
    }
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared<'a>, number: usize) -> Self {
        let readers = shared.library.packs.iter().map(|_| None).collect();
        Worker { shared, number, readers, peelers: Default::default(), part: Part::default() }
    }

    fn run(mut self) -> Part {
        let mut spare = Vec::new();
        while let Some(work) = self.shared.next_chunk(&mut spare) {
            match &work.file.keeping {
                None => self.read_chunk(work.file.index, &work.chunk, work.joined.as_deref(), None),
                Some(keeping) => {
                    let mut part = keeping.parts[self.number].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    std::mem::swap(&mut self.part, &mut part);
                    let spill = keeping.unfinished.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).as_ref().map(|file| file.spill.clone());
                    self.read_chunk(work.file.index, &work.chunk, work.joined.as_deref(), spill.as_ref());
                    std::mem::swap(&mut self.part, &mut part);
                }
            }
            self.shared.let_go(&work.file);
            spare = work.chunk.bytes;
        }
        self.part
    }

    /// Puts on disk what memory has no room for: into the file that keeps it, or into the temporary one.
    fn bound_memory(&mut self, kept: Option<&Spill>) {
        if let Some(bound) = &self.shared.settings.bound
            && let Err(error) = self.part.keep_within(bound.bytes_per_thread, kept.unwrap_or(&bound.spill))
        {
            self.shared.break_off(error);
        }
    }

    /// Reads what files left open, once all have ended.
    fn read_edges(mut self, edges: Vec<Edge>) -> Part {
        for (file, (bytes, joined)) in join::settle(edges, |file| self.shared.files[file].pack) {
            let chunk = Chunk { bytes, offset: 0, first_record: 0, elements: Some(Vec::new()), header: None };
            self.read_chunk(file, &chunk, Some(&joined), None);
        }
        self.part
    }

    fn read_chunk(&mut self, index: usize, chunk: &Chunk, joined: Option<&[Joined]>, kept: Option<&Spill>) {
        let Some(pack_index) = self.shared.files[index].pack else { return };
        let Some(Input { layout, is_parquet }) = &self.shared.inputs[index] else { return };
        let pack = &self.shared.library.packs[pack_index];
        let mut reader = self.readers[pack_index].take().unwrap_or_else(|| PackReader::new(pack));
        reader.record.start_chunk(&pack.decoder, layout.header(chunk));
        let text = simdutf8::basic::from_utf8(&chunk.bytes).ok();
        let (mut records, rejects) = (0, self.part.rejects.len());
        let may_hold_messages = layout.is_told && !is_parquet && layout.framing == Framing::Lines && matches!(pack.decoder, Decoder::Json(_));
        let [peeler, opening_peeler] = &mut self.peelers;
        let mut one = |one: Joined| {
            records += 1;
            // A row of Parquet stands nowhere in the file.
            let offset = if *is_parquet { 0 } else { one.offset };
            let place = Place { file: index as u32, record: one.number, offset };
            if one.is_answered {
                return self.part.count(place.file, None, |counts| counts.skipped += 1);
            }
            let bytes = &chunk.bytes[one.start..one.end];
            // Records begin and end at ASCII bytes, so that these are character boundaries.
            let whole = text.map(|text| &text[one.start..one.end]).or_else(|| simdutf8::basic::from_utf8(bytes).ok());
            let problem = one.problem.or(whole.is_none().then_some("invalid_utf8"));
            let whole = whole.unwrap_or("");
            let peel = |peeler: &mut Peeler, text: &'_ [u8]| if layout.prefixes.is_empty() { None } else { peeler.peel(&layout.prefixes, text).map(own) };
            let peeled = if layout.prefixes.is_empty() || problem.is_some() { None } else { peeler.peel(&layout.prefixes, whole.as_bytes()) };
            let opening_bytes = one.opening.map(|(start, end)| &chunk.bytes[start..end]);
            let opening = opening_bytes.map(|bytes| peel(opening_peeler, bytes).unwrap_or_else(|| bytes.to_vec()));
            let (text, time) = match &peeled {
                Some(peeled) => (utf8(&peeled.record).unwrap_or(whole), peeled.time.as_deref().and_then(utf8)),
                None => (whole, None),
            };
            if may_hold_messages && problem.is_none() && is_message(text) {
                return self.part.count(place.file, None, |counts| counts.skipped += 1);
            }
            let record = Record { text, time, opening: opening.as_deref().and_then(utf8), bytes };
            self.part.read_record(self.shared, pack, &mut reader, record, place, problem);
        };
        match joined {
            Some(joined) => joined.iter().for_each(|joined| one(*joined)),
            None => chunk.each_record(|number, start, end, problem| {
                one(Joined { number, offset: chunk.offset + start as u64, start, end, problem, opening: None, is_answered: false })
            }),
        }
        self.readers[pack_index] = Some(reader);
        self.shared.progress.records.fetch_add(records, Ordering::Relaxed);
        self.shared.progress.rejects.fetch_add(self.part.rejects.len() - rejects, Ordering::Relaxed);
        self.bound_memory(kept);
    }
}

/// True for what a program says between its JSON records (`DEBUG: plugin loaded`, `2026/05/01 09:00:00 [notice] ready`): it
/// begins like a word, has several, and holds neither a member of an object nor the end of one. Anything else that is no
/// record may be what is left of one.
fn is_message(text: &str) -> bool {
    let text = text.trim_ascii().as_bytes();
    text.first().is_some_and(u8::is_ascii_alphanumeric)
        && text.contains(&b' ')
        && !matches!(text.last(), Some(b'}' | b']'))
        && memchr::memmem::find(text, b"\":").is_none()
}

fn own(peeled: Peeled<'_>) -> Vec<u8> {
    peeled.record.into_owned()
}

fn utf8(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// One record as it is parsed: its text without prefixes, what a prefix said of the time, and its bytes as they stood.
#[derive(Clone, Copy)]
struct Record<'a> {
    text: &'a str,
    time: Option<&'a str>,
    /// The record that it answers, whose fields it is completed with.
    opening: Option<&'a str>,
    bytes: &'a [u8],
}

#[derive(Clone, Copy)]
struct Place {
    file: u32,
    record: u64,
    offset: u64,
}

impl Part {
    /// Puts on disk what there is no room for.
    fn keep_within(&mut self, bytes: usize, spill: &Spill) -> std::io::Result<()> {
        if self.requests.rows.bytes() > bytes {
            self.requests.spill(spill)?;
        }
        if self.rejects.bytes() > bytes / 4 {
            self.rejects.spill(spill)?;
        }
        Ok(())
    }

    /// Reads one record into the frames its pack feeds; all of its rows, or a reject, or neither where it is of no interest.
    fn read_record(&mut self, shared: &Shared<'_>, pack: &Pack, reader: &mut PackReader, record: Record<'_>, place: Place, problem: Option<&'static str>) {
        let outcome = match problem {
            Some(reason) => Err(reason),
            None => self.rows_of(shared, pack, reader, record, place),
        };
        match outcome {
            Ok(None) => self.count(place.file, None, |counts| counts.skipped += 1),
            Ok(Some(day)) => self.count(place.file, Some(day), |counts| counts.rows += 1),
            Err(reason) => {
                let raw = shared.settings.keep_raw.then(|| String::from_utf8_lossy(record.bytes).into_owned());
                self.rejects.push(Reject { file: place.file, record: place.record, byte_offset: place.offset, reason, raw });
                self.count(place.file, None, |counts| counts.rejects += 1);
            }
        }
    }

    fn count(&mut self, file: u32, day: Option<i64>, add: impl FnOnce(&mut Counts)) {
        let counts = self.ledger.entry((file, day)).or_default();
        counts.records += 1;
        add(counts);
    }

    /// The day of the rows that a record gave, `None` if it was of no interest.
    fn rows_of(&mut self, shared: &Shared<'_>, pack: &Pack, reader: &mut PackReader, record: Record<'_>, place: Place) -> Result<Option<i64>, &'static str> {
        let Some(mut fields) = reader.record.read(&pack.decoder, record.text)? else { return Ok(None) };
        if let Some(opening) = record.opening
            && let Ok(Some(opening)) = reader.opening.read(&pack.decoder, opening)
        {
            fields = reader.completed.of(&fields, &opening);
        }
        let zone = shared.settings.zones.get(pack.id()).copied().unwrap_or(pack.zone);
        let mut context = Context::new(fields, &shared.settings.digester, shared.aliases, zone);
        context.operations = shared.operations;
        context.set_unsaid(pack);
        context.prefix_time = record.time;
        let events = match &pack.identity_event {
            Some(plan) => plan.rows(&mut context)?,
            None => Vec::new(),
        };
        let tickets = match &pack.ticket {
            Some(plan) => plan.rows(&mut context, &shared.settings.tickets)?,
            None => Vec::new(),
        };
        let mut day = None;
        if let Some(plan) = &pack.request {
            let settings = shared.settings.sources.get(pack.id()).copied().unwrap_or_default();
            plan.rows(&mut context, settings, |row| {
                row.client_address = row.client_address.take().and_then(|address| shared.settings.addresses.of(address));
                day = Some(day_of(row.event_us));
                self.requests.push(row, place.file, place.record);
            })?;
        }
        if let Some(first) = events.first() {
            day = Some(day_of(first.event_us));
        }
        self.events.extend(events.into_iter().map(|row| From { file: place.file, record: place.record, row }));
        if let Some(first) = tickets.first() {
            day = Some(day_of(first.reported_us));
        }
        self.tickets.extend(tickets.into_iter().map(|row| From { file: place.file, record: place.record, row }));
        Ok(day)
    }
}

impl Evidence {
    /// Where a file's bytes are: its path, or the copy of standard input.
    pub fn place_of<'a>(&'a self, file: &'a SourceFile) -> &'a Path {
        self.stdin.as_deref().filter(|_| file.path.as_os_str() == "-").unwrap_or(&file.path)
    }

    /// Joins what the workers read, in an order that does not depend on who read what.
    fn absorb(&mut self, parts: Vec<Part>) {
        for part in parts {
            self.requests.push(part.requests);
            self.events.extend(part.events);
            self.tickets.extend(part.tickets);
            self.rejects.absorb(part.rejects);
            self.spill_error = self.spill_error.take().or(part.spill_error);
            for (key, counts) in part.ledger {
                self.ledger.entry(key).or_default().add(&counts);
            }
        }
        self.events.sort_by_key(|event| (event.row.event_us, event.file, event.record, event.row.ordinal));
        self.tickets.sort_by_key(|ticket| (ticket.file, ticket.record));
    }

    /// Hides people's names in what is built from now on; who is a person is learnt from everything that was read.
    pub fn hide_people(&mut self, mut people: People) {
        people.learn_inventory(&self.inventory);
        people.learn_events(self.events.iter().map(|event| &event.row));
        people.learn_tickets(self.tickets.iter().map(|ticket| &ticket.row));
        self.people = Some(people);
    }

    /// The ledger of files that were not read since they hold the bytes of another: what that one gave, its rows as duplicates.
    fn count_replays(&mut self) {
        for index in 0..self.files.len() as u32 {
            let FileState::Replay(original) = self.files[index as usize].state else { continue };
            let of_original: Vec<_> = self.ledger.range((original, None)..=(original, Some(i64::MAX))).map(|((_, day), counts)| (*day, *counts)).collect();
            for (day, counts) in of_original {
                let duplicates = counts.rows + counts.duplicates;
                self.ledger.insert((index, day), Counts { rows: 0, duplicates, ..counts });
            }
            self.rejects.copy(original, index);
        }
    }

    /// Moves a record from rows to duplicates in the ledger.
    pub fn count_duplicate(&mut self, file: u32, day: i64) {
        if let Some(counts) = self.ledger.get_mut(&(file, Some(day))) {
            counts.rows -= 1;
            counts.duplicates += 1;
        }
    }
}
