//! Calls that memory has no room for (and other records: `Spill`): sorted runs in a file, read back by range of instants. The
//! file is an unnamed temporary one, or one that keeps what a log gave for later runs.
//!
//! A segment holds the columns of a `RequestRows` one after the other, little-endian, in the frame's order. Of its instants
//! every 1,024th stays in memory, so that a range is found with one small read. The temporary file has no name: when the
//! process ends, however it ends, the disk is free again.

use crate::frame::requests::{RequestRows, TEXTS};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Rows between two instants that are kept in memory.
pub const INDEX_STEP: usize = 1024;

/// Where segments go.
#[derive(Clone)]
pub struct Spill {
    folder: PathBuf,
    file: Arc<Mutex<Option<Arc<Mutex<File>>>>>,
}

impl Spill {
    /// Segments go into a temporary file of this folder, made when the first one is written.
    pub fn new(folder: PathBuf) -> Self {
        Spill { folder, file: Arc::default() }
    }

    /// Segments are appended to this file.
    pub fn into_file(file: File) -> Self {
        Spill { folder: PathBuf::new(), file: Arc::new(Mutex::new(Some(Arc::new(Mutex::new(file))))) }
    }

    fn file(&self) -> io::Result<Arc<Mutex<File>>> {
        let mut file = self.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if file.is_none() {
            *file = Some(Arc::new(Mutex::new(tempfile::tempfile_in(&self.folder)?)));
        }
        Ok(file.as_ref().expect("set above").clone())
    }

    /// Appends bytes: the file, and where in it they begin.
    pub fn append(&self, bytes: &[u8]) -> io::Result<(SpillFile, u64)> {
        let file = self.file()?;
        let start = {
            let mut open = file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let start = open.seek(SeekFrom::End(0))?;
            open.write_all(bytes)?;
            start
        };
        Ok((SpillFile::Open(file), start))
    }
}

/// The file of what memory has no room for.
#[derive(Clone)]
pub enum SpillFile {
    Open(Arc<Mutex<File>>),
    /// Opened for each read: of such files there may be more than a process can have open.
    Named(Arc<Path>),
}

impl SpillFile {
    /// Bytes from a place on; an error where there are fewer.
    pub fn read(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        match self {
            SpillFile::Open(file) => read_at(&mut file.lock().unwrap_or_else(|poisoned| poisoned.into_inner()), start, length),
            SpillFile::Named(path) => File::open(path)
                .and_then(|mut file| read_at(&mut file, start, length))
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }
}

fn read_at(file: &mut File, start: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A sorted run of calls on disk.
pub struct Segment {
    file: SpillFile,
    layout: SegmentLayout,
    /// The number of the source file that all rows are of, where it is not the one on disk.
    file_number: Option<u32>,
}

/// Where in its file a segment is, and what stays in memory of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SegmentLayout {
    rows: usize,
    /// Where each column begins in the file, in the order of `COLUMNS`.
    starts: [u64; COLUMNS],
    /// The instants of rows 0, 1,024, 2,048 …
    index: Vec<i64>,
    last_us: i64,
}

impl SegmentLayout {
    /// Whether all of it lies within the first bytes of a file, and its index fits its rows.
    pub fn fits(&self, bytes: u64) -> bool {
        self.starts.is_sorted() && self.starts[COLUMNS - 1] <= bytes && self.index.len() == self.rows.div_ceil(INDEX_STEP)
    }
}

/// Text columns, then those of fixed width, then the ends and the bytes of the request ids.
const COLUMNS: usize = TEXTS + 12;
const EVENT_US: usize = TEXTS;
const ID_ENDS: usize = TEXTS + 10;
const ID_BYTES: usize = TEXTS + 11;

/// A number of fixed width on disk.
trait Fixed: Copy {
    const WIDTH: usize;
    fn put(self, out: &mut Vec<u8>);
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! fixed {
    ($($kind:ty),*) => {$(
        impl Fixed for $kind {
            const WIDTH: usize = size_of::<$kind>();
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                <$kind>::from_le_bytes(bytes.try_into().expect("a chunk of the width"))
            }
        }
    )*};
}
fixed!(u8, u16, i16, u32, u64, i64);

/// Collects the columns of one segment.
struct Columns<'a> {
    order: &'a [u32],
    bytes: Vec<u8>,
    starts: Vec<u64>,
}

impl Columns<'_> {
    fn add<T: Fixed>(&mut self, column: &[T]) {
        self.starts.push(self.bytes.len() as u64);
        for &row in self.order {
            column[row as usize].put(&mut self.bytes);
        }
    }

    fn add_ids(&mut self, rows: &RequestRows) {
        let id = |row: u32| rows.request_id(row as usize).unwrap_or("").as_bytes();
        self.starts.push(self.bytes.len() as u64);
        let mut end = 0u64;
        for &row in self.order {
            end += id(row).len() as u64;
            end.put(&mut self.bytes);
        }
        self.starts.push(self.bytes.len() as u64);
        for &row in self.order {
            self.bytes.extend_from_slice(id(row));
        }
    }
}

impl Segment {
    /// Sorts the rows and appends them to the spill file.
    pub fn write(spill: &Spill, rows: &RequestRows) -> io::Result<Segment> {
        let order = rows.order();
        let mut columns = Columns { order: &order, bytes: Vec::with_capacity(rows.bytes()), starts: Vec::with_capacity(COLUMNS) };
        rows.symbols.iter().for_each(|column| columns.add(column));
        columns.add(&rows.event_us);
        columns.add(&rows.file);
        columns.add(&rows.record);
        columns.add(&rows.token_issued_us);
        columns.add(&rows.token_expires_us);
        columns.add(&rows.status);
        columns.add(&rows.decision);
        columns.add(&rows.violation);
        columns.add(&rows.evidence);
        columns.add(&rows.scheme);
        columns.add_ids(rows);
        let at = |row: u32| rows.event_us[row as usize];
        let index = order.iter().step_by(INDEX_STEP).map(|&row| at(row)).collect();
        let last_us = order.last().map_or(i64::MIN, |&row| at(row));
        let (file, start) = spill.append(&columns.bytes)?;
        let mut starts = [0; COLUMNS];
        for (place, offset) in starts.iter_mut().zip(columns.starts) {
            *place = start + offset;
        }
        Ok(Segment { file, layout: SegmentLayout { rows: order.len(), starts, index, last_us }, file_number: None })
    }

    /// A segment of a file that an earlier run, or an earlier moment of this one, wrote; all of its rows are of one source file.
    pub fn of_file(file: SpillFile, layout: SegmentLayout, file_number: u32) -> Segment {
        Segment { file, layout, file_number: Some(file_number) }
    }

    /// What must be known to read the segment again.
    pub fn layout(&self) -> &SegmentLayout {
        &self.layout
    }

    pub fn len(&self) -> usize {
        self.layout.rows
    }

    pub fn is_empty(&self) -> bool {
        self.layout.rows == 0
    }

    /// Every 1,024th instant, from the first.
    pub fn index(&self) -> &[i64] {
        &self.layout.index
    }

    /// The latest instant.
    pub fn last_us(&self) -> i64 {
        self.layout.last_us
    }

    fn read<T: Fixed>(&self, column: usize, rows: &Range<usize>) -> io::Result<Vec<T>> {
        let bytes = self.file.read(self.layout.starts[column] + (rows.start * T::WIDTH) as u64, rows.len() * T::WIDTH)?;
        Ok(bytes.chunks_exact(T::WIDTH).map(T::get).collect())
    }

    /// The first row at or after an instant.
    pub fn lower_bound(&self, at: i64) -> io::Result<usize> {
        if at > self.layout.last_us {
            return Ok(self.layout.rows);
        }
        let step = self.layout.index.partition_point(|&instant| instant < at);
        if step == 0 {
            return Ok(0);
        }
        let start = (step - 1) * INDEX_STEP;
        let instants: Vec<i64> = self.read(EVENT_US, &(start..(start + INDEX_STEP).min(self.layout.rows)))?;
        Ok(start + instants.partition_point(|&instant| instant < at))
    }

    /// The instant of a row.
    pub fn instant(&self, row: usize) -> io::Result<i64> {
        Ok(self.read::<i64>(EVENT_US, &(row..row + 1))?[0])
    }

    /// Reads a range of rows.
    pub fn load(&self, rows: Range<usize>) -> io::Result<RequestRows> {
        let mut loaded = RequestRows::default();
        for (number, column) in loaded.symbols.iter_mut().enumerate() {
            *column = self.read(number, &rows)?;
        }
        let mut next = EVENT_US..;
        let mut column = || next.next().expect("endless");
        loaded.event_us = self.read(column(), &rows)?;
        loaded.file = self.read(column(), &rows)?;
        if let Some(number) = self.file_number {
            loaded.file.fill(number);
        }
        loaded.record = self.read(column(), &rows)?;
        loaded.token_issued_us = self.read(column(), &rows)?;
        loaded.token_expires_us = self.read(column(), &rows)?;
        loaded.status = self.read(column(), &rows)?;
        loaded.decision = self.read(column(), &rows)?;
        loaded.violation = self.read(column(), &rows)?;
        loaded.evidence = self.read(column(), &rows)?;
        loaded.scheme = self.read(column(), &rows)?;
        self.load_ids(&rows, &mut loaded)?;
        Ok(loaded)
    }

    fn load_ids(&self, rows: &Range<usize>, loaded: &mut RequestRows) -> io::Result<()> {
        let before = if rows.start == 0 { 0 } else { self.read::<u64>(ID_ENDS, &(rows.start - 1..rows.start))?[0] };
        let ends: Vec<u64> = self.read(ID_ENDS, rows)?;
        let end = ends.last().copied().unwrap_or(before);
        loaded.request_ids = self.file.read(self.layout.starts[ID_BYTES] + before, (end - before) as usize)?;
        loaded.request_id_ends = ends.into_iter().map(|end| end - before).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows at these instants; the other columns follow from the row's number.
    fn rows(instants: &[i64]) -> RequestRows {
        let mut rows = RequestRows::default();
        for (number, &at) in instants.iter().enumerate() {
            for (column, symbols) in rows.symbols.iter_mut().enumerate() {
                symbols.push((number * 100 + column) as u32);
            }
            rows.event_us.push(at);
            rows.file.push(number as u32 % 3);
            rows.record.push(number as u64 + 1);
            rows.token_issued_us.push(at - 5);
            rows.token_expires_us.push(at + 5);
            rows.status.push(number as i16 - 1);
            rows.decision.push(number as u8 % 4);
            rows.violation.push(number as u8 % 7);
            rows.evidence.push(number as u16);
            rows.scheme.push(number as u8 % 5);
            rows.request_ids.extend_from_slice("x".repeat(number % 4).as_bytes());
            rows.request_id_ends.push(rows.request_ids.len() as u64);
        }
        rows
    }

    #[test]
    fn ranges_come_back_sorted_with_all_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path().to_path_buf());
        let instants: Vec<i64> = (0..5000).map(|i| (i * 7919) % 5000 / 2).collect();
        let given = rows(&instants);
        let other = Segment::write(&spill, &rows(&[9, 3])).unwrap();
        let segment = Segment::write(&spill, &given).unwrap();
        assert_eq!((segment.len(), segment.last_us(), other.len()), (5000, 2499, 2));
        assert_eq!(other.load(0..2).unwrap().event_us, [3, 9]);
        let order = given.order();
        for range in [0..5000, 0..1, 1023..1026, 4999..5000, 77..77] {
            let loaded = segment.load(range.clone()).unwrap();
            assert_eq!(loaded.len(), range.len());
            for (place, row) in range.enumerate() {
                let of = order[row] as usize;
                assert_eq!((loaded.event_us[place], loaded.file[place], loaded.record[place]), (given.event_us[of], given.file[of], given.record[of]));
                assert_eq!((loaded.symbols[0][place], loaded.symbols[TEXTS - 1][place]), (given.symbols[0][of], given.symbols[TEXTS - 1][of]));
                assert_eq!((loaded.token_issued_us[place], loaded.token_expires_us[place]), (given.token_issued_us[of], given.token_expires_us[of]));
                assert_eq!(
                    (loaded.status[place], loaded.decision[place], loaded.violation[place]),
                    (given.status[of], given.decision[of], given.violation[of])
                );
                assert_eq!((loaded.evidence[place], loaded.scheme[place]), (given.evidence[of], given.scheme[of]));
                assert_eq!(loaded.request_id(place), given.request_id(of));
            }
        }
    }

    #[test]
    fn bounds_are_those_of_a_sorted_list() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path().to_path_buf());
        let mut instants: Vec<i64> = (0..3000).map(|i| i / 700 * 10).collect();
        let segment = Segment::write(&spill, &rows(&instants)).unwrap();
        instants.sort_unstable();
        for at in [-5, 0, 1, 9, 10, 11, 20, 30, 40, 41, i64::MAX] {
            assert_eq!(segment.lower_bound(at).unwrap(), instants.partition_point(|&instant| instant < at), "{at}");
        }
        assert_eq!(segment.instant(2999).unwrap(), 40);
    }
}
