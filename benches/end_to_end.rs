//! The whole job: files in, run folder out. `cargo bench --bench end_to_end`.
//!
//! The sample estate always; any other folder or file named in `CREDLENS_BENCH_INPUT` (colon-separated) as well, so that the
//! figures of benches/README.md can be repeated on generated inputs that are never committed.

use clap::Parser;
use credlens::cli::args::{Arguments, Command};
use credlens::cli::commands::run::{Plan, measure};
use credlens::source::read::Progress;
use divan::Bencher;
use divan::counter::BytesCount;
use std::path::Path;

fn main() {
    divan::main();
}

fn inputs() -> Vec<String> {
    let estate = format!("{}/sample-data/estate", env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var("CREDLENS_BENCH_INPUT").unwrap_or_default();
    std::iter::once(estate).chain(named.split(':').filter(|path| !path.is_empty()).map(str::to_string)).collect()
}

fn bytes_in(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| bytes_in(&entry.path())).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
    }
}

#[divan::bench(args = inputs(), sample_count = 5, sample_size = 1)]
fn run(bencher: Bencher, input: &str) {
    let out = tempfile::tempdir().expect("a temporary folder");
    let arguments = Arguments::parse_from(["credlens", "run", input, "--out", &out.path().to_string_lossy()]);
    let Command::Run(run) = arguments.command else { unreachable!("the arguments say run") };
    let plan = Plan::new(&run, &arguments.global).expect("a plan");
    bencher.counter(BytesCount::new(bytes_in(Path::new(input)))).bench_local(|| measure(&plan, &Progress::default()).expect("a finished run").records);
}
