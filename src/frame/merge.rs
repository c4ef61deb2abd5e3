//! The workers' calls, in memory and on disk -> one order, a slice of instants at a time.
//!
//! Slices end between instants, never inside one, so that exact replays meet in one slice. How many rows a slice has
//! depends on how the calls were spread over runs; what is made of them must not.

use crate::frame::requests::{RequestRows, RequestStore};
use crate::frame::segment::{INDEX_STEP, Segment};
use std::io;
use std::ops::Range;

/// Rows in a slice, about.
const SLICE_ROWS: usize = 256 * 1024;

/// A sorted run of calls.
enum Run<'a> {
    Memory { rows: &'a RequestRows, order: Vec<u32> },
    Disk(&'a Segment),
}

/// All runs of all stores.
pub struct Runs<'a> {
    /// Each with the number of its store.
    runs: Vec<(usize, Run<'a>)>,
}

/// Rows of one run that a slice needs, in memory.
pub enum Piece<'a> {
    Whole(&'a RequestRows),
    Loaded(Box<RequestRows>),
}

impl Piece<'_> {
    pub fn rows(&self) -> &RequestRows {
        match self {
            Piece::Whole(rows) => rows,
            Piece::Loaded(rows) => rows,
        }
    }
}

/// One row's place, in the order of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowRef {
    pub event_us: i64,
    pub file: u32,
    pub record: u64,
    /// Number of a piece.
    pub piece: u32,
    pub row: u32,
}

impl Run<'_> {
    fn len(&self) -> usize {
        match self {
            Run::Memory { order, .. } => order.len(),
            Run::Disk(segment) => segment.len(),
        }
    }

    fn lower_bound(&self, at: i64) -> io::Result<usize> {
        match self {
            Run::Memory { rows, order } => Ok(order.partition_point(|&row| rows.event_us[row as usize] < at)),
            Run::Disk(segment) => segment.lower_bound(at),
        }
    }

    fn instant(&self, row: usize) -> io::Result<i64> {
        match self {
            Run::Memory { rows, order } => Ok(rows.event_us[order[row] as usize]),
            Run::Disk(segment) => segment.instant(row),
        }
    }

    /// Every 1,024th instant of a range of rows.
    fn sample(&self, range: &Range<usize>) -> Vec<i64> {
        let steps = range.start.div_ceil(INDEX_STEP)..range.end.div_ceil(INDEX_STEP);
        match self {
            Run::Memory { rows, order } => steps.map(|step| rows.event_us[order[step * INDEX_STEP] as usize]).collect(),
            Run::Disk(segment) => segment.index()[steps].to_vec(),
        }
    }
}

impl<'a> Runs<'a> {
    pub fn new(stores: &'a [RequestStore]) -> Self {
        let mut runs = Vec::new();
        for (number, store) in stores.iter().enumerate() {
            runs.extend(store.segments.iter().map(|segment| (number, Run::Disk(segment))));
            if !store.rows.is_empty() {
                runs.push((number, Run::Memory { rows: &store.rows, order: store.rows.order() }));
            }
        }
        Runs { runs }
    }

    /// The earliest instant at or after `at`.
    pub fn next_instant(&self, at: i64) -> io::Result<Option<i64>> {
        let mut first: Option<i64> = None;
        for (_, run) in &self.runs {
            let row = run.lower_bound(at)?;
            if row < run.len() {
                let instant = run.instant(row)?;
                first = Some(first.map_or(instant, |first| first.min(instant)));
            }
        }
        Ok(first)
    }

    /// Ends of slices within a range of instants, the last one its end.
    pub fn slice_ends(&self, instants: Range<i64>) -> io::Result<Vec<i64>> {
        let mut sample = Vec::new();
        for (_, run) in &self.runs {
            let range = run.lower_bound(instants.start)?..run.lower_bound(instants.end)?;
            sample.extend(run.sample(&range));
        }
        sample.sort_unstable();
        let mut ends: Vec<i64> = sample.chunks(SLICE_ROWS / INDEX_STEP).skip(1).map(|chunk| chunk[0]).filter(|end| *end > instants.start).collect();
        ends.push(instants.end);
        ends.dedup();
        Ok(ends)
    }

    /// Brings in the rows of a range of instants: each run's part goes to `add_piece`, which numbers it; the rows come sorted.
    pub fn slice(&self, instants: Range<i64>, mut add_piece: impl FnMut(usize, Piece<'a>) -> u32) -> io::Result<Vec<RowRef>> {
        let mut all = Vec::new();
        for (store, run) in &self.runs {
            let range = run.lower_bound(instants.start)?..run.lower_bound(instants.end)?;
            if range.is_empty() {
                continue;
            }
            match run {
                Run::Memory { rows, order } => {
                    let piece = add_piece(*store, Piece::Whole(rows));
                    all.extend(order[range].iter().map(|&row| reference(rows, piece, row)));
                }
                Run::Disk(segment) => {
                    let rows = segment.load(range)?;
                    let from = all.len();
                    all.extend((0..rows.len() as u32).map(|row| reference(&rows, 0, row)));
                    let piece = add_piece(*store, Piece::Loaded(Box::new(rows)));
                    all[from..].iter_mut().for_each(|row| row.piece = piece);
                }
            }
        }
        // Runs are sorted already: a stable sort merges them.
        all.sort();
        Ok(all)
    }
}

fn reference(rows: &RequestRows, piece: u32, row: u32) -> RowRef {
    let at = row as usize;
    RowRef { event_us: rows.event_us[at], file: rows.file[at], record: rows.record[at], piece, row }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::requests::sample_row;
    use crate::frame::segment::Spill;

    fn store(spill: Option<&Spill>, file: u32, instants: impl Iterator<Item = i64>) -> RequestStore {
        let mut store = RequestStore::default();
        for (record, at) in instants.enumerate() {
            store.push(&sample_row(at), file, record as u64);
            if let Some(spill) = spill
                && record % 100_000 == 99_999
            {
                store.spill(spill).unwrap();
            }
        }
        store
    }

    /// All rows in slices, as (instant, file, record).
    fn merged(stores: &[RequestStore], instants: Range<i64>) -> (usize, Vec<(i64, u32, u64)>) {
        let runs = Runs::new(stores);
        let (mut start, mut slices, mut rows) = (instants.start, 0, Vec::new());
        for end in runs.slice_ends(instants).unwrap() {
            let mut pieces: Vec<Piece<'_>> = Vec::new();
            let refs = runs
                .slice(start..end, |_, piece| {
                    pieces.push(piece);
                    pieces.len() as u32 - 1
                })
                .unwrap();
            for row in refs {
                let of = pieces[row.piece as usize].rows();
                assert_eq!((of.event_us[row.row as usize], of.record[row.row as usize]), (row.event_us, row.record));
                rows.push((row.event_us, row.file, row.record));
            }
            (start, slices) = (end, slices + 1);
        }
        (slices, rows)
    }

    #[test]
    fn runs_in_memory_and_on_disk_give_one_order() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path().to_path_buf());
        let instants = |seed: i64| (0..350_000).map(move |i| (i * 48_271 + seed) % 90_000);
        let plain = [store(None, 0, instants(1)), store(None, 1, instants(2))];
        let spilled = [store(Some(&spill), 0, instants(1)), store(Some(&spill), 1, instants(2))];
        assert_eq!((spilled[0].segments.len(), spilled[0].rows.len()), (3, 50_000));
        let ((slices, rows), (_, others)) = (merged(&plain, 10..80_000), merged(&spilled, 10..80_000));
        assert!(slices > 1, "{slices}");
        assert!(rows.is_sorted());
        assert_eq!(rows.len(), instants(1).chain(instants(2)).filter(|at| (10..80_000).contains(at)).count());
        assert!(rows == others);
        let runs = Runs::new(&spilled);
        assert_eq!((runs.next_instant(80_000).unwrap(), runs.next_instant(90_000).unwrap()), (Some(80_000), None));
    }
}
