//! Rejected records: counted by file and reason, and each of them kept, in memory up to a bound, then in sorted runs on disk.
//!
//! A run holds the rejects of one file after the other, each by record: number, byte offset, reason, raw text. How many there
//! may be is up to whoever writes the logs, so that nothing but the counts grows with them.

use crate::frame::segment::{Spill, SpillFile};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;

/// A record that gave no row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject {
    pub file: u32,
    pub record: u64,
    pub byte_offset: u64,
    pub reason: &'static str,
    /// The record's text, kept only on request; it may hold secrets.
    pub raw: Option<String>,
}

/// The rejects of one file that have one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    pub count: u64,
    /// Number and byte offset of the first of these records.
    pub first: (u64, u64),
}

/// All rejects of a run, or of one worker.
#[derive(Default)]
pub struct Rejects {
    /// (file, reason) -> how many; exact, wherever the rejects themselves are.
    counts: BTreeMap<(u32, &'static str), ReasonCount>,
    total: u64,
    held: Vec<Reject>,
    held_raw_bytes: usize,
    runs: Vec<Run>,
    /// File -> the file whose rejects are its own too, because it holds the same bytes.
    copies: BTreeMap<u32, u32>,
}

/// Rejects on disk, sorted.
struct Run {
    file: SpillFile,
    reasons: Vec<&'static str>,
    /// File -> where its rejects begin, and how many bytes they take.
    places: BTreeMap<u32, (u64, u64)>,
}

/// The rejects of one file as its kept file has them.
#[derive(Serialize, Deserialize)]
pub struct StoredRejects {
    counts: Vec<(String, ReasonCount)>,
    /// Reasons, begin and bytes of each run.
    runs: Vec<(Vec<String>, u64, u64)>,
}

impl StoredRejects {
    /// Whether all of them lie within the first bytes of a file.
    pub fn fits(&self, bytes: u64) -> bool {
        self.runs.iter().all(|(_, start, length)| start.checked_add(*length).is_some_and(|end| end <= bytes))
    }
}

impl Rejects {
    /// Puts the rejects of one file on disk, where others may have been put before; says what must be known to read them again.
    pub fn store(&mut self, spill: &Spill) -> io::Result<StoredRejects> {
        if !self.held.is_empty() {
            self.spill(spill)?;
        }
        let counts = self.counts.iter().map(|((_, reason), count)| (reason.to_string(), *count)).collect();
        let reasons = |run: &Run| run.reasons.iter().map(|reason| reason.to_string()).collect();
        let runs = self.runs.iter().flat_map(|run| run.places.values().map(move |(start, length)| (reasons(run), *start, *length))).collect();
        Ok(StoredRejects { counts, runs })
    }

    /// Stored rejects again, under a number of their source file. `reason` gives the program's own word for one.
    pub fn of_file(stored: StoredRejects, place: &SpillFile, file: u32, reason: &dyn Fn(String) -> &'static str) -> Rejects {
        let counts: BTreeMap<_, _> = stored.counts.into_iter().map(|(text, count)| ((file, reason(text)), count)).collect();
        let run = |(reasons, start, length): (Vec<String>, u64, u64)| Run {
            file: place.clone(),
            reasons: reasons.into_iter().map(reason).collect(),
            places: [(file, (start, length))].into(),
        };
        Rejects { total: counts.values().map(|count| count.count).sum(), counts, runs: stored.runs.into_iter().map(run).collect(), ..Rejects::default() }
    }

    pub fn push(&mut self, reject: Reject) {
        let first = (reject.record, reject.byte_offset);
        let counted = self.counts.entry((reject.file, reject.reason)).or_insert(ReasonCount { count: 0, first });
        counted.count += 1;
        counted.first = counted.first.min(first);
        self.total += 1;
        self.held_raw_bytes += reject.raw.as_ref().map_or(0, String::len);
        self.held.push(reject);
    }

    pub fn len(&self) -> u64 {
        self.total
    }

    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many have which reason, by file.
    pub fn counts(&self) -> &BTreeMap<(u32, &'static str), ReasonCount> {
        &self.counts
    }

    /// Bytes of memory that they take, about, apart from the counts.
    pub fn bytes(&self) -> usize {
        self.held.len() * size_of::<Reject>() + self.held_raw_bytes
    }

    /// Runs on disk.
    pub fn n_runs(&self) -> usize {
        self.runs.len()
    }

    /// Puts what is in memory on disk.
    pub fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        self.held.sort_unstable();
        let (mut bytes, mut reasons, mut places) = (Vec::new(), Vec::new(), BTreeMap::<u32, (u64, u64)>::new());
        for reject in self.held.drain(..) {
            let start = bytes.len() as u64;
            encode(&reject, &mut reasons, &mut bytes);
            places.entry(reject.file).or_insert((start, 0)).1 += bytes.len() as u64 - start;
        }
        self.held_raw_bytes = 0;
        let (file, start) = spill.append(&bytes)?;
        places.values_mut().for_each(|place| place.0 += start);
        self.runs.push(Run { file, reasons, places });
        Ok(())
    }

    /// Takes in those of another worker.
    pub fn absorb(&mut self, other: Rejects) {
        for (key, found) in other.counts {
            let counted = self.counts.entry(key).or_insert(ReasonCount { count: 0, ..found });
            counted.count += found.count;
            counted.first = counted.first.min(found.first);
        }
        self.total += other.total;
        self.held_raw_bytes += other.held_raw_bytes;
        self.runs.extend(other.runs);
        if !other.held.is_empty() {
            self.held.extend(other.held);
            self.held.sort_unstable();
        }
    }

    /// A file that holds the bytes of another has its rejects too.
    pub fn copy(&mut self, original: u32, copy: u32) {
        let of_original: Vec<_> = self.counts.range((original, "")..(original + 1, "")).map(|((_, reason), counted)| (*reason, *counted)).collect();
        for (reason, counted) in of_original {
            self.total += counted.count;
            self.counts.insert((copy, reason), counted);
        }
        self.copies.insert(copy, original);
    }

    /// Hands out every reject in the order of file, record, byte offset and reason.
    pub fn each(&self, mut take: impl FnMut(Reject) -> io::Result<()>) -> io::Result<()> {
        let mut files: Vec<u32> = self.counts.keys().map(|(file, _)| *file).collect();
        files.dedup();
        for file in files {
            self.each_of(self.copies.get(&file).copied().unwrap_or(file), &mut |reject| take(Reject { file, ..reject }))?;
        }
        Ok(())
    }

    /// All of them, in that order.
    pub fn all(&self) -> io::Result<Vec<Reject>> {
        let mut all = Vec::new();
        self.each(|reject| {
            all.push(reject);
            Ok(())
        })?;
        Ok(all)
    }

    /// Merges the rejects of one file.
    fn each_of(&self, file: u32, take: &mut dyn FnMut(Reject) -> io::Result<()>) -> io::Result<()> {
        let start = self.held.partition_point(|reject| reject.file < file);
        let end = self.held.partition_point(|reject| reject.file <= file);
        let mut cursors: Vec<Cursor<'_>> = vec![Cursor::Memory(self.held[start..end].iter())];
        for run in &self.runs {
            if let Some(&(start, length)) = run.places.get(&file) {
                cursors.push(Cursor::Disk(Box::new(DiskCursor { run, of: file, at: start, end: start + length, buffer: Vec::new(), used: 0 })));
            }
        }
        let mut heap = BinaryHeap::new();
        for (number, cursor) in cursors.iter_mut().enumerate() {
            heap.extend(cursor.next()?.map(|reject| Reverse((reject, number))));
        }
        while let Some(Reverse((reject, number))) = heap.pop() {
            take(reject)?;
            heap.extend(cursors[number].next()?.map(|reject| Reverse((reject, number))));
        }
        Ok(())
    }
}

/// Record, byte offset, number of the reason, length of the raw text (`NO_RAW`: none kept).
const FIXED_BYTES: usize = 8 + 8 + 2 + 4;
const NO_RAW: u32 = u32::MAX;

fn encode(reject: &Reject, reasons: &mut Vec<&'static str>, bytes: &mut Vec<u8>) {
    let reason = reasons.iter().position(|known| *known == reject.reason).unwrap_or_else(|| {
        reasons.push(reject.reason);
        reasons.len() - 1
    });
    bytes.extend_from_slice(&reject.record.to_le_bytes());
    bytes.extend_from_slice(&reject.byte_offset.to_le_bytes());
    bytes.extend_from_slice(&(reason as u16).to_le_bytes());
    let raw = reject.raw.as_deref();
    bytes.extend_from_slice(&raw.map_or(NO_RAW, |raw| raw.len() as u32).to_le_bytes());
    bytes.extend_from_slice(raw.unwrap_or_default().as_bytes());
}

enum Cursor<'a> {
    Memory(std::slice::Iter<'a, Reject>),
    Disk(Box<DiskCursor<'a>>),
}

impl Cursor<'_> {
    fn next(&mut self) -> io::Result<Option<Reject>> {
        match self {
            Cursor::Memory(rejects) => Ok(rejects.next().cloned()),
            Cursor::Disk(cursor) => cursor.next(),
        }
    }
}

/// Reads the rejects of one file from a run.
struct DiskCursor<'a> {
    run: &'a Run,
    of: u32,
    /// What is still to be read.
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were handed out.
    used: usize,
}

/// Bytes read at a time: runs may be many.
const READ_BYTES: u64 = 8 * 1024;

impl DiskCursor<'_> {
    fn next(&mut self) -> io::Result<Option<Reject>> {
        if self.used == self.buffer.len() && self.at == self.end {
            return Ok(None);
        }
        let run = self.run;
        let mut fixed = self.take(FIXED_BYTES)?;
        let mut number = |width: usize| {
            let (bytes, rest) = fixed.split_at(width);
            fixed = rest;
            bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let (record, byte_offset, reason, length) = (number(8), number(8), number(2) as usize, number(4) as u32);
        let reason = *run.reasons.get(reason).ok_or(io::ErrorKind::InvalidData)?;
        let raw = match length {
            NO_RAW => None,
            length => Some(String::from_utf8_lossy(self.take(length as usize)?).into_owned()),
        };
        Ok(Some(Reject { file: self.of, record, byte_offset, reason, raw }))
    }

    fn take(&mut self, length: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.used < length {
            self.buffer.drain(..self.used);
            self.used = 0;
            let wanted = READ_BYTES.max((length - self.buffer.len()) as u64).min(self.end - self.at);
            self.buffer.extend(self.run.file.read(self.at, wanted as usize)?);
            self.at += wanted;
        }
        let taken = self.used..self.used + length;
        self.used = taken.end;
        self.buffer.get(taken).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rejects of three files, in no order; the long texts do not fit into what is read at a time.
    fn some() -> Vec<Reject> {
        let reason = |number: u64| ["truncated_json", "bad_timestamp", "invalid_utf8"][number as usize % 3];
        let raw = |number: u64| if number.is_multiple_of(50) { Some("é".repeat(number as usize * 40)) } else { number.is_multiple_of(7).then(String::new) };
        let order = (0..1000u64).map(|number| number * 377 % 1000);
        order.map(|number| Reject { file: number as u32 % 3, record: number / 2, byte_offset: number, reason: reason(number), raw: raw(number) }).collect()
    }

    #[test]
    fn rejects_on_disk_come_back_in_order_with_exact_counts() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path().to_path_buf());
        let mut expected = some();
        let mut workers = [Rejects::default(), Rejects::default()];
        for (number, reject) in expected.iter().enumerate() {
            let worker = &mut workers[number % 2];
            worker.push(reject.clone());
            if worker.bytes() > 4_000 {
                worker.spill(&spill).unwrap();
                assert_eq!(worker.bytes(), 0);
            }
        }
        let mut all = Rejects::default();
        workers.into_iter().for_each(|worker| all.absorb(worker));
        assert!(all.n_runs() > 10 && all.len() == 1000, "{}", all.n_runs());
        expected.sort();
        assert!(all.all().unwrap() == expected);
        // A copy of the second file comes fourth.
        all.copy(1, 3);
        let copied: Vec<Reject> = expected.iter().filter(|reject| reject.file == 1).map(|reject| Reject { file: 3, ..reject.clone() }).collect();
        expected.extend(copied);
        assert!(all.all().unwrap() == expected);
        assert_eq!(all.len(), expected.len() as u64);
        for ((file, reason), counted) in all.counts() {
            let alike: Vec<&Reject> = expected.iter().filter(|reject| (reject.file, reject.reason) == (*file, *reason)).collect();
            assert_eq!((counted.count, counted.first), (alike.len() as u64, (alike[0].record, alike[0].byte_offset)));
        }
    }
}
