//! Memory does not grow with the input: calls and rejects that `--memory` has no room for go to disk, change no byte, and the
//! peak of a run stays within a bound that does not depend on the number of calls.

use crate::support::{Reading, Sources, files_under, read_parquet, with_room};
use clap::Parser;
use credlens::cli::args::RunArgs;
use credlens::cli::commands::run::{Plan, measure};
use credlens::source::read::Progress;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// `run` as it is typed.
#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    global: credlens::cli::args::Global,
    #[command(flatten)]
    run: RunArgs,
}

/// The plan of a run in which memory is far smaller than the command allows.
fn plan(folder: &Path, out: &str, threads: usize, memory: usize) -> Plan {
    let place = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let typed = Typed::parse_from(["run", &place("in"), "--out", &place(out), "--max-rejects", "100%", "--threads", &threads.to_string()]);
    let mut plan = Plan::new(&typed.run, &typed.global).expect("a plan");
    plan.memory = memory;
    plan
}

/// So many calls of the same few callers over twenty days, and after each the rejects of several kinds that are asked for.
fn log(calls: usize, rejects_each: usize) -> String {
    let mut text = String::with_capacity(calls * 260);
    for number in 0..calls {
        let at = 1_777_885_200_000 + number * 7_919 % (20 * 86_400) * 1_000;
        let status = if number % 9 == 0 { 403 } else { 200 };
        let _ = writeln!(
            text,
            "{{\"started_at\":{at},\"request\":{{\"id\":\"r-{number}\",\"method\":\"GET\",\"uri\":\"/orders\",\"headers\":{{\"apikey\":\"k{}\"}}}},\
             \"response\":{{\"status\":{status},\"headers\":{{}}}},\"service\":{{\"name\":\"api-{}\"}},\"consumer\":{{\"username\":\"svc-{}\"}},\"latencies\":{{}},\"tries\":[]}}",
            number % 20,
            number % 5,
            number % 20
        );
        for bad in 0..rejects_each {
            text += ["{\"started_at\":\"soon\",\"request\":{},\"response\":{}}\n", "{\"request\":{},\"response\":{}}\n", "{\"request\":\"\\q\"}\n"]
                [(number + bad) % 3];
        }
    }
    text
}

#[test]
fn rejects_without_room_in_memory_are_all_kept_in_order() {
    let sources = Sources::new().file("in/a", log(300, 30)).file("in/b", log(100, 50)).file("in/c", log(300, 30));
    let place = [sources.path().join("in")];
    let (whole, spilled) = (Reading::new(&place, None, None), Reading::bounded(&place, None, None, Some(20_000)));
    assert_eq!((whole.evidence.rejects.n_runs(), whole.rejects.len()), (0, 300 * 30 + 100 * 50 + 300 * 30));
    assert!(spilled.evidence.rejects.n_runs() > 1, "{} runs", spilled.evidence.rejects.n_runs());
    assert!(spilled.rejects == whole.rejects && spilled.rejects.is_sorted());
    assert_eq!(spilled.evidence.rejects.counts(), whole.evidence.rejects.counts());
    assert_eq!(spilled.evidence.ledger, whole.evidence.ledger);
    // The last file holds the bytes of the first: its rejects are told under its own name.
    let of = |file: u32| whole.rejects.iter().filter(|reject| reject.file == file).map(|reject| (reject.record, reject.reason)).collect::<Vec<_>>();
    assert!(of(0).len() == 9_000 && of(0) == of(2));
}

/// Whole runs: `rejects.parquet` and everything else are the same bytes, whatever memory and threads.
#[test]
fn a_run_without_room_gives_the_bytes_of_one_that_has_it() {
    let sources = Sources::new().file("in/a", log(1_500, 14)).file("in/b", log(500, 2));
    let run = |out: &str, threads: usize, memory: usize| {
        with_room(|| drop(measure(&plan(sources.path(), out, threads, memory), &Progress::default()).unwrap_or_else(|failure| panic!("{}", failure.message))));
        let folder = sources.path().join(out).join("2026-Q2");
        let mut files = files_under(&folder.join("parquet"));
        files.insert("charts".into(), format!("{:?}", files_under(&folder.join("charts"))).into_bytes());
        assert_eq!(read_parquet(&folder.join("parquet/rejects.parquet")).len(), 22_000);
        files
    };
    let roomy = run("roomy", 2, 640 << 20);
    for (out, threads) in [("one", 1), ("eight", 8)] {
        let narrow = run(out, threads, 1 << 20);
        assert!(narrow.keys().eq(roomy.keys()));
        let differing: Vec<&String> = roomy.keys().filter(|name| narrow[*name] != roomy[*name]).collect();
        assert!(differing.is_empty(), "{threads} threads: {differing:?}");
    }
}

const PLACE: &str = "CREDLENS_TEST_PLACE";
const MEMORY: &str = "CREDLENS_TEST_MEMORY";

/// Run by the test below in a process of its own: measures a folder and prints the process's peak memory in KiB.
#[test]
#[ignore = "the next test runs it"]
#[cfg(target_os = "linux")]
fn measures_a_folder_and_tells_its_peak() {
    let (folder, memory) = (std::env::var(PLACE).expect("a folder"), std::env::var(MEMORY).expect("bytes").parse().expect("a number"));
    with_room(|| {
        measure(&plan(Path::new(&folder), "out", 2, memory), &Progress::default()).unwrap_or_else(|failure| panic!("{}", failure.message));
    });
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    println!("peak {}", peak.trim().trim_end_matches(" kB"));
}

/// Peak memory in bytes of a run over so many calls, with a reject after each.
#[cfg(target_os = "linux")]
fn peak(calls: usize, memory: i64) -> i64 {
    let sources = Sources::new().file("in/log", log(calls, 1));
    let output = Command::new(std::env::current_exe().expect("this binary"))
        .args(["memory::measures_a_folder_and_tells_its_peak", "--exact", "--ignored", "--nocapture"])
        .env(PLACE, sources.path())
        .env(MEMORY, memory.to_string())
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout);
    let kib = told.lines().find_map(|line| line.split("peak ").nth(1)?.trim().parse::<i64>().ok());
    kib.unwrap_or_else(|| panic!("{told}\n{}", String::from_utf8_lossy(&output.stderr))) * 1024
}

/// Once, four times and sixteen times as many calls and rejects; and, so that the test is known to see growth, the most of them
/// with room for all.
#[test]
#[cfg(target_os = "linux")]
fn peak_memory_does_not_grow_with_the_input() {
    const BOUND: i64 = 8 << 20;
    let [one, four, sixteen] = [1, 4, 16].map(|times| peak(6_000 * times, BOUND));
    let roomy = peak(16 * 6_000, 1 << 30);
    // What grows is buffers whose size has a limit of its own (row groups, slices): by far less than the calls do.
    let told = format!("peaks in bytes: {one}, {four}, {sixteen}, with room for all {roomy}");
    assert!(sixteen - one < 8 * BOUND && sixteen - four < 6 * BOUND, "{told}");
    assert!(3 * (sixteen - one) < 2 * (roomy - one), "{told}");
}
