//! What reading a record costs, counted instead of timed: allocations of memory. A busy machine changes no count, so that
//! a pack or a change that makes reading dearer is seen here before anybody measures seconds.

use crate::support::{files_under, project};
use credlens::frame::requests::RequestStore;
use credlens::record::inventory::Aliases;
use credlens::record::token::Digester;
use credlens::source::decode::RecordReader;
use credlens::source::library::{Library, Pack};
use credlens::source::plan::Context;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts what each thread asks of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Lines of the estate's files whose names begin like this.
fn lines(prefix: &str) -> Vec<String> {
    let files = files_under(&project().join("sample-data/estate")).into_iter().filter(|(name, _)| name.starts_with(prefix) && name.ends_with("ndjson"));
    let texts: Vec<String> = files.map(|(_, bytes)| String::from_utf8(bytes).expect("UTF-8")).collect();
    let lines: Vec<String> =
        texts.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with('{') && line.ends_with('}')).map(str::to_string).collect();
    assert!(lines.len() > 100, "{prefix}: {} lines", lines.len());
    lines
}

/// Reads every line into rows; how many were read.
fn read(pack: &Pack, reader: &mut RecordReader, store: &mut RequestStore, lines: &[String]) -> usize {
    let (digester, aliases) = (Digester::default(), Aliases::default());
    let mut read = 0;
    for (number, line) in lines.iter().enumerate() {
        let Ok(Some(fields)) = reader.read(&pack.decoder, line) else { continue };
        let mut context = Context::new(fields, &digester, &aliases, pack.zone);
        context.set_unsaid(pack);
        if let Some(plan) = &pack.identity_event {
            read += plan.rows(&mut context).map_or(0, |rows| rows.len());
        }
        if let Some(plan) = &pack.request {
            // Some of the estate's records are rejects.
            let _ = plan.rows(&mut context, Default::default(), |row| {
                store.push(row, 0, number as u64);
                read += 1;
            });
        }
    }
    read
}

/// Allocations for each row once buffers have grown and shapes and strings are known.
fn allocations_per_row(pack: &str, prefix: &str) -> f64 {
    let library = Library::new(&[]).expect("the packs compile");
    let pack = &library.packs[library.find(pack).expect("a pack of that name")];
    let (mut reader, mut store, lines) = (RecordReader::new(&pack.decoder), RequestStore::default(), lines(prefix));
    read(pack, &mut reader, &mut store, &lines);
    let before = ALLOCATIONS.get();
    let rows = read(pack, &mut reader, &mut store, &lines);
    assert!(rows > 100, "{rows} rows");
    (ALLOCATIONS.get() - before) as f64 / rows as f64
}

#[test]
fn reading_a_record_allocates_as_little_as_it_did() {
    let limits = [("kong", "gateway/kong-", 38.0), ("okta", "idp/okta-", 17.0), ("github_audit", "idp/github-", 7.5)];
    for (pack, prefix, limit) in limits {
        let found = allocations_per_row(pack, prefix);
        println!("{pack}: {found:.2}");
        assert!(found > 0.0 && found <= limit, "{pack}: {found:.2} allocations a row, at most {limit} are expected");
    }
}
