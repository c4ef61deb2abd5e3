//! What files gave, kept for later runs (`--frames DIR`): a file that is the same as before is not read again.
//!
//! A kept file holds what one source file gave: its calls as sorted segments, their strings, its events, tickets, rejects and
//! counts. Its name is a digest of everything that they follow from: the source file (size, time of change, first and last
//! 64 KiB), its pack, the settings, the inventories as far as reading uses them, and the program. So a kept file is never
//! wrong, only useless once something has changed. What needs several sources at once is settled later, in every run anew,
//! so that a run with kept files gives the same bytes as one without.
//!
//! Frames hold names and addresses: the folder and its files are for their owner alone.

use crate::frame::interner::StoredStrings;
use crate::frame::requests::{RequestStore, StoredTexts, TEXTS};
use crate::frame::segment::{Segment, SegmentLayout, Spill, SpillFile};
use crate::record::identity_event::IdentityEventRow;
use crate::record::revocation_ticket::TicketRow;
use crate::record::token::hex;
use crate::source::open::read_ends;
use crate::source::read::{Counts, From, Part};
use crate::source::rejects::{Rejects, StoredRejects};
use crate::units::counted;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// Ends every kept file; changes with the layout.
const MAGIC: &[u8; 16] = b"credlens kept 01";
/// How the names of files begin that are being written.
const UNFINISHED: &str = ".unfinished-";
/// Unfinished files that are older were left by a run that is gone.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// What was kept of which source file, by its path.
const REGISTER: &str = "files.json";
/// Files that are no longer there and told one by one.
const GONE_NAMED: usize = 10;

/// A folder of kept files.
pub struct KeptFolder {
    folder: PathBuf,
    /// Digest of what all files are read with.
    context: [u8; 32],
    /// What became of the source files of this run, by path.
    seen: Mutex<BTreeMap<String, Entry>>,
    tally: Mutex<Tally>,
    /// Reasons of rejects: a short list of the program's own words, of which one copy stays for good.
    reasons: Mutex<BTreeSet<&'static str>>,
}

/// A line of the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Digest of the source file alone.
    source: String,
    /// Name of the kept file.
    kept: String,
}

/// What a run found in its folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Source files that were not read again.
    pub kept: usize,
    /// Source files that were read, and are kept now.
    pub read: usize,
    /// Of these, those that are not as an earlier run saw them.
    pub changed: Vec<String>,
    /// Source files of an earlier run that are no longer there.
    pub gone: Vec<String>,
}

/// What kept files say besides their calls.
#[derive(Serialize, Deserialize)]
struct Footer {
    stores: Vec<StoreFooter>,
    counts: Vec<(Option<i64>, Counts)>,
    events: Vec<(u64, IdentityEventRow)>,
    tickets: Vec<(u64, TicketRow)>,
    /// One worker's each.
    rejects: Vec<StoredRejects>,
}

/// One worker's calls of the file.
#[derive(Serialize, Deserialize)]
struct StoreFooter {
    texts: [StoredStrings; TEXTS],
    segments: Vec<SegmentLayout>,
}

impl KeptFolder {
    /// Opens the folder, or makes it. `context` is what every file's rows follow from besides its bytes and its pack.
    pub fn open(folder: &Path, context: [u8; 32]) -> io::Result<KeptFolder> {
        let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
        if !folder.is_dir() {
            fs::create_dir_all(folder).and_then(|()| set_owner_only(folder)).map_err(told)?;
        }
        for entry in fs::read_dir(folder).map_err(told)?.flatten() {
            let is_old = || entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED));
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) && is_old() {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(KeptFolder { folder: folder.to_path_buf(), context, seen: Mutex::default(), tally: Mutex::default(), reasons: Mutex::default() })
    }

    /// What a source file is called here: its kept file's name depends on everything its rows follow from.
    pub fn key(&self, path: &Path, pack: &str) -> io::Result<Key> {
        let source = source_digest(path)?;
        let digest = Sha256::new().chain_update(self.context).chain_update(pack.as_bytes()).chain_update([0]).chain_update(source.as_bytes()).finalize();
        Ok(Key { path: path.to_string_lossy().into_owned(), entry: Entry { source, kept: format!("{}.rows", hex(&digest)) } })
    }

    /// What was kept of a source file, as parts whose rows have this number of a file; none if it must be read.
    pub(super) fn load(&self, key: &Key, file: u32) -> Option<Vec<Part>> {
        let place = self.folder.join(&key.entry.kept);
        let parts = load_footer(&place).ok()?.into_parts(&place, file, &|reason| self.reason(reason));
        self.note(key, |tally| tally.kept += 1);
        Some(parts)
    }

    fn reason(&self, text: String) -> &'static str {
        let mut reasons = self.reasons.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(known) = reasons.get(text.as_str()) {
            return known;
        }
        let reason: &'static str = text.leak();
        reasons.insert(reason);
        reason
    }

    /// A file to be filled with what a source file gives.
    pub fn start(&self) -> io::Result<Unfinished> {
        let named = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        Ok(Unfinished { spill: Spill::into_file(named.reopen()?), named })
    }

    /// Keeps what the workers made of a source file; the parts come back with their calls on disk. A source file that
    /// changed while it was read is not kept.
    pub(super) fn finish(&self, key: &Key, unfinished: Unfinished, mut parts: Vec<Part>, file: u32) -> io::Result<Vec<Part>> {
        let mut stores = Vec::with_capacity(parts.len());
        let mut rejects = Vec::with_capacity(parts.len());
        for part in &mut parts {
            part.requests.spill(&unfinished.spill)?;
            rejects.push(part.rejects.store(&unfinished.spill)?);
            let mut open = unfinished.named.reopen()?;
            let mut texts = Vec::with_capacity(TEXTS);
            for text in part.requests.texts() {
                texts.push(text.store(&mut open)?);
            }
            let texts: [StoredStrings; TEXTS] = texts.try_into().expect("one for each column");
            stores.push(StoreFooter { texts, segments: part.requests.segments.iter().map(|segment| segment.layout().clone()).collect() });
        }
        let footer = Footer::of(stores, rejects, &parts);
        let bytes = rmp_serde::to_vec(&footer).map_err(io::Error::other)?;
        let mut open = unfinished.named.reopen()?;
        open.seek(SeekFrom::End(0))?;
        open.write_all(&bytes)?;
        open.write_all(&Sha256::digest(&bytes))?;
        open.write_all(&(bytes.len() as u64).to_le_bytes())?;
        open.write_all(MAGIC)?;
        open.sync_data()?;
        let is_as_before = source_digest(Path::new(&key.path)).is_ok_and(|source| source == key.entry.source);
        let place = self.folder.join(&key.entry.kept);
        let place = match is_as_before {
            true => unfinished.named.persist(&place).map(|_| place).map_err(|error| error.error)?,
            // Still needed by this run, by a name that no later one looks for.
            false => return Ok(parts),
        };
        self.note(key, |tally| tally.read += 1);
        Ok(footer.into_parts(&place, file, &|reason| self.reason(reason)))
    }

    fn note(&self, key: &Key, count: impl FnOnce(&mut Tally)) {
        count(&mut self.tally.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(key.path.clone(), key.entry.clone());
    }

    /// Brings the register up to date and lets go of what no source file gives any more; tells what was found. Source files
    /// that this run was not asked to read stay as they are.
    pub fn close(&self) -> io::Result<Tally> {
        let place = self.folder.join(REGISTER);
        let mut register: BTreeMap<String, Entry> = fs::read(&place).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let mut tally = self.tally.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let mut replaced = Vec::new();
        for (path, entry) in self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).iter() {
            if let Some(earlier) = register.insert(path.clone(), entry.clone()).filter(|earlier| earlier != entry) {
                if earlier.source != entry.source {
                    tally.changed.push(path.clone());
                }
                replaced.push(earlier.kept);
            }
        }
        let gone: Vec<String> = register.keys().filter(|path| !Path::new(path).exists()).cloned().collect();
        replaced.extend(gone.iter().filter_map(|path| register.remove(path)).map(|entry| entry.kept));
        tally.gone = gone;
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        serde_json::to_writer_pretty(&mut file, &register)?;
        file.persist(&place).map_err(|error| error.error)?;
        for kept in replaced.iter().filter(|kept| !register.values().any(|entry| entry.kept == **kept)) {
            let _ = fs::remove_file(self.folder.join(kept));
        }
        Ok(tally)
    }
}

/// A source file and the name that what it gives is kept under.
#[derive(Debug, Clone)]
pub struct Key {
    path: String,
    entry: Entry,
}

/// A file that is being filled; gone when dropped.
pub struct Unfinished {
    named: tempfile::NamedTempFile,
    pub spill: Spill,
}

impl Tally {
    /// In words.
    pub fn describe(&self) -> String {
        let mut text = format!("frames: {} as before, {} read", counted(self.kept as i64, "file", "files"), self.read);
        if !self.changed.is_empty() {
            text += &format!(", {} of them changed", self.changed.len());
        }
        for path in self.gone.iter().take(GONE_NAMED) {
            text += &format!("\nwarning: {path}: an earlier run read it, and it is no longer there");
        }
        if self.gone.len() > GONE_NAMED {
            text += &format!("\nwarning: so are {} more files", self.gone.len() - GONE_NAMED);
        }
        text
    }
}

impl Footer {
    fn of(stores: Vec<StoreFooter>, rejects: Vec<StoredRejects>, parts: &[Part]) -> Self {
        let mut counts: BTreeMap<Option<i64>, Counts> = BTreeMap::new();
        for ((_, day), of_day) in parts.iter().flat_map(|part| &part.ledger) {
            counts.entry(*day).or_default().add(of_day);
        }
        Footer {
            stores,
            counts: counts.into_iter().collect(),
            events: parts.iter().flat_map(|part| &part.events).map(|event| (event.record, event.row.clone())).collect(),
            tickets: parts.iter().flat_map(|part| &part.tickets).map(|ticket| (ticket.record, ticket.row.clone())).collect(),
            rejects,
        }
    }
}

impl StoreFooter {
    fn open(self, path: &Path, file: u32) -> RequestStore {
        let place = SpillFile::Named(path.into());
        let segments = self.segments.into_iter().map(|layout| Segment::of_file(place.clone(), layout, file)).collect();
        RequestStore::of_file(StoredTexts { path: path.to_path_buf(), places: self.texts }, segments)
    }

    fn fits(&self, bytes: u64) -> bool {
        self.texts.iter().all(|place| place.fits(bytes)) && self.segments.iter().all(|layout| layout.fits(bytes))
    }
}

#[cfg(unix)]
fn set_owner_only(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn set_owner_only(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Reads a kept file; an error if it is not whole.
fn load_footer(path: &Path) -> io::Result<Footer> {
    const TAIL: u64 = 32 + 8 + MAGIC.len() as u64;
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "no kept file");
    let mut open = File::open(path)?;
    let size = open.metadata()?.len();
    let tail_start = size.checked_sub(TAIL).ok_or_else(broken)?;
    open.seek(SeekFrom::Start(tail_start))?;
    let mut tail = [0; TAIL as usize];
    open.read_exact(&mut tail)?;
    let length = u64::from_le_bytes(tail[32..40].try_into().expect("eight bytes"));
    let start = tail_start.checked_sub(length).filter(|_| tail[40..] == *MAGIC).ok_or_else(broken)?;
    open.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; length as usize];
    open.read_exact(&mut bytes)?;
    if Sha256::digest(&bytes)[..] != tail[..32] {
        return Err(broken());
    }
    let footer: Footer = rmp_serde::from_slice(&bytes).map_err(io::Error::other)?;
    if !footer.stores.iter().all(|store| store.fits(start)) || !footer.rejects.iter().all(|rejects| rejects.fits(start)) {
        return Err(broken());
    }
    Ok(footer)
}

impl Footer {
    /// The last part has what is neither calls nor rejects.
    fn into_parts(self, path: &Path, file: u32, reason: &dyn Fn(String) -> &'static str) -> Vec<Part> {
        let place = SpillFile::Named(path.into());
        let mut parts: Vec<Part> = self.stores.into_iter().map(|store| Part { requests: store.open(path, file), ..Part::default() }).collect();
        parts.extend(self.rejects.into_iter().map(|stored| Part { rejects: Rejects::of_file(stored, &place, file, reason), ..Part::default() }));
        parts.push(Part {
            events: self.events.into_iter().map(|(record, row)| From { file, record, row }).collect(),
            tickets: self.tickets.into_iter().map(|(record, row)| From { file, record, row }).collect(),
            ledger: self.counts.into_iter().map(|(day, counts)| ((file, day), counts)).collect(),
            ..Part::default()
        });
        parts
    }
}

/// Digest of a source file's size, time of change, and either end.
fn source_digest(path: &Path) -> io::Result<String> {
    let (metadata, ends) = read_ends(path)?;
    let changed = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    Ok(hex(&Sha256::new().chain_update(metadata.len().to_le_bytes()).chain_update(changed.to_le_bytes()).chain_update(ends).finalize()))
}
