//! Two independent opinions: DuckDB runs every query over the same frames, and a reference implementation in another
//! language reads and measures the estate by the contract alone.
//!
//! Both need Python with `duckdb` and `pyarrow`: CREDLENS_PYTHON names it (default `python3`). Without them the tests say so
//! and pass, unless CREDLENS_REQUIRE_PEERS=1.

use crate::support::{Reading, copy_folder, estate, files_under, project, skipped, with_room};
use credlens::cli::config::Config;
use credlens::frame::small::{Calendar, small_frames};
use credlens::frame::write::write_batch;
use credlens::metric::catalog::Catalog;
use credlens::metric::engine::run_catalog;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Python, if it has this module; else a notice, or a failure where peers are required.
fn python_with(module: &str) -> Option<String> {
    let python = std::env::var("CREDLENS_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python).args(["-c", &format!("import {module}")]).output().is_ok_and(|output| output.status.success());
    if has {
        return Some(python);
    }
    assert_ne!(std::env::var("CREDLENS_REQUIRE_PEERS").as_deref(), Ok("1"), "CREDLENS_REQUIRE_PEERS=1, but {python} has no {module}");
    skipped("an independent opinion", &format!("`{python}` has no module {module}; name another with CREDLENS_PYTHON"));
    None
}

/// Runs a script of tests/peers and asserts that it found nothing to tell.
fn run_script(python: &str, script: &str, arguments: &[&Path]) {
    let output = Command::new(python)
        .arg(project().join("tests/peers").join(script))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{script} tells:\n{told}\n{}", String::from_utf8_lossy(&output.stderr));
    eprintln!("{script}: {}", told.lines().last().unwrap_or_default());
}

/// Frames of a reading and what Polars makes of every query, as `frames/` and `results/` of a folder.
fn write_frames_and_results(paths: &[PathBuf]) -> tempfile::TempDir {
    let config = Config::load(None, &[]).expect("defaults");
    let reading = Reading::new(paths, None, None);
    let calendar = Calendar::resolve(&reading.frames, None, None).expect("records with instants");
    let small = small_frames(&reading.frames, &reading.evidence.inventory, &calendar, &config.measure, &config.grammar);
    // So little memory that months are looked at in parts: the peer sees them whole.
    let memory = 1 << 20;
    let results = with_room(|| run_catalog(&Catalog::new(&[]).expect("the catalog"), &reading.frames, &small, memory, &|_| true)).expect("every query runs");
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&reading.frames.folder, &folder.path().join("frames"));
    for (name, table) in &small {
        write_batch(&folder.path().join(format!("frames/{name}.parquet")), &table.to_batch(), &Default::default()).expect("a frame is written");
    }
    for (name, table) in &results.tables {
        write_result(&folder.path().join(format!("results/{name}.parquet")), &table.to_batch());
    }
    folder
}

fn write_result(path: &Path, batch: &arrow::array::RecordBatch) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
    let file = std::fs::File::create(path).expect("a file can be made");
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(batch).expect("a result is written");
    writer.close().expect("a result is whole");
}

/// Polars answers some SQL wrongly without a word; DuckDB over the same frames is how that would be seen.
#[test]
fn duckdb_gives_the_same_rows_for_the_estate() {
    let Some(python) = python_with("duckdb") else { return };
    let folder = write_frames_and_results(&[project().join("sample-data/estate")]);
    run_script(&python, "duckdb_peer.py", &[folder.path(), &project().join("queries")]);
}

/// A larger estate of another seed: ties, gaps and identities that the small one does not have.
#[test]
fn duckdb_gives_the_same_rows_for_a_generated_estate() {
    let Some(python) = python_with("duckdb") else { return };
    let place = generate_estate(&["--calls", "12000", "--seed", "77", "--malformed", "--hostile"]);
    let folder = write_frames_and_results(&[place.path().join("estate")]);
    run_script(&python, "duckdb_peer.py", &[folder.path(), &project().join("queries")]);
}

/// Compiles the generator, which needs no dependency, and runs it.
fn generate_estate(arguments: &[&str]) -> tempfile::TempDir {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    let generator = place.path().join("generator");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition", "2024", "-A", "warnings", "-o"])
        .arg(&generator)
        .arg(project().join("examples/estate.rs"))
        .output()
        .expect("rustc starts");
    assert!(built.status.success(), "examples/estate.rs does not compile: {}", String::from_utf8_lossy(&built.stderr));
    let made = Command::new(&generator).arg(place.path().join("estate")).args(arguments).output().expect("the generator starts");
    assert!(made.status.success(), "the generator fails: {}", String::from_utf8_lossy(&made.stderr));
    place
}

/// The committed estate is what the generator makes: same arguments, same bytes.
#[test]
fn the_committed_estate_is_what_the_generator_makes() {
    let made = files_under(&generate_estate(&[]).path().join("estate"));
    let committed = files_under(&project().join("sample-data/estate"));
    let names = |files: &std::collections::BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&committed));
    for (name, bytes) in &made {
        assert!(committed[name] == *bytes, "{name} differs: run `rustc --edition 2024 -O examples/estate.rs -o /tmp/estate && /tmp/estate sample-data/estate`");
    }
}

/// An implementation of the contract that shares no line with this one gives the same frames, ledger, entities and metrics.
#[test]
fn the_reference_implementation_agrees_on_the_estate() {
    let Some(python) = python_with("pyarrow") else { return };
    let run = estate();
    let work = tempfile::tempdir().expect("a temporary folder");
    let script = project().join("tests/peers/reference/check.py");
    // From the folder of the run, so that paths of files are spelled alike.
    let output = Command::new(&python)
        .arg(script)
        .args(["sample-data/estate".as_ref(), run.folder.as_path(), work.path()])
        .current_dir(run.place())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}
