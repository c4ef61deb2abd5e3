//! Faults from outside: a run that is killed, stopped, out of disk or not allowed to write, two runs at once, no network. The
//! earlier run folder stays as it was, nothing temporary survives the next run, and what went wrong is told.

use crate::hostile::call;
use crate::secrets::secret;
use crate::support::{Sources, binary, command_in, copy_folder, files_under, project, skipped};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Files = BTreeMap<String, Vec<u8>>;

/// A quarter of the estate's calls under `in/`: enough that a run takes a while.
fn sources() -> Sources {
    let sources = Sources::new();
    for (name, bytes) in files_under(&project().join("sample-data/estate")) {
        if ["2026-04", "2026-05", "2026-06"].iter().any(|month| name.contains(month)) || name.starts_with("inventory") {
            sources.put(&format!("in/{name}"), bytes);
        }
    }
    sources
}

/// Everything in the run folders below a place, without what differs from run to run.
fn finished_files(out: &Path) -> Files {
    let mut files = files_under(out);
    files.retain(|name, _| !name.starts_with('.'));
    for (name, bytes) in &mut files {
        if name.ends_with("run.json") {
            let mut manifest: Value = serde_json::from_slice(bytes).expect("JSON");
            manifest.as_object_mut().expect("an object").remove("timings_ms");
            *bytes = manifest.to_string().into_bytes();
        }
    }
    files
}

fn temporaries(out: &Path) -> Vec<String> {
    let names = fs::read_dir(out).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

fn start(sources: &Sources, out: &str) -> Child {
    command_in(sources.path(), &["run", "in", "--out", out, "--no-progress", "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

fn finish(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("it ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success(), "the process was there");
}

#[test]
fn killed_at_any_moment_the_earlier_folder_stays_whole_and_the_next_run_gives_the_same_bytes() {
    let sources = sources();
    let out = sources.path().join("out");
    let begun = Instant::now();
    assert_eq!(finish(start(&sources, "out")).0, Some(0));
    let takes = begun.elapsed();
    let before = finished_files(&out);
    assert!(before.len() > 50);
    let mut killed = 0;
    for moment in [3, 11, 24, 38, 52, 67, 81, 93, 98] {
        let mut child = start(&sources, "out");
        std::thread::sleep(takes * moment / 100);
        child.kill().expect("it can be killed");
        killed += u32::from(!child.wait().expect("it ends").success());
        assert!(finished_files(&out) == before, "killed after {moment} % of the time of a run");
    }
    assert!(killed >= 5, "runs were killed in their midst: {killed}");
    assert_eq!(finish(start(&sources, "out")).0, Some(0));
    assert!(finished_files(&out) == before, "a repeated run gives the same bytes");
    assert_eq!(temporaries(&out), Vec::<String>::new());
}

#[test]
fn interrupted_a_run_clears_up_by_itself_and_says_so() {
    let sources = sources();
    let out = sources.path().join("out");
    for name in ["INT", "TERM", "HUP"] {
        let child = start(&sources, "out");
        let begun = Instant::now();
        while temporaries(&out).len() < 2 && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(2));
        }
        signal(&child, name);
        let (status, told) = finish(child);
        assert_eq!(status, Some(2), "{name}: {told}");
        assert!(told.contains("error[A020]: interrupted"), "{name}: {told}");
        assert!(!out.exists(), "{name}: the folder that it had made is gone too");
    }
}

/// A file size limit fails writes as a full disk does, in the midst of a file.
#[test]
fn out_of_disk_nothing_is_left_and_the_earlier_folder_stays() {
    let sources = sources();
    let out = sources.path().join("out");
    assert_eq!(finish(start(&sources, "out")).0, Some(0));
    let before = finished_files(&out);
    for blocks in [1, 8, 40] {
        let script = format!("trap '' 25; ulimit -f {blocks}; exec \"$0\" run in --out out --no-progress --quiet");
        let output = Command::new("sh").args(["-c", &script, binary()]).current_dir(sources.path()).output().expect("sh");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{blocks} blocks: {told}");
        assert!(told.contains("error[A020]") && told.contains("out"), "{blocks} blocks: {told}");
        assert!(!told.contains("internal"), "{told}");
        assert!(finished_files(&out) == before && temporaries(&out).is_empty(), "{blocks} blocks");
    }
}

/// A file system of a quarter of a megabyte, where this user may mount one.
#[test]
fn a_full_file_system_is_told() {
    let sources = sources();
    let small = sources.path().join("small");
    fs::create_dir(&small).expect("a folder");
    let script = "mount -t tmpfs -o size=256k tmpfs small || exit 77; \"$0\" run in --out small --no-progress --quiet; status=$?; ls -A small; exit $status";
    let output = Command::new("unshare").args(["--mount", "sh", "-c", script, binary()]).current_dir(sources.path()).output();
    match output {
        Ok(output) if output.status.code() == Some(2) => {
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(told.contains("error[A020]") && told.to_lowercase().contains("no space left"), "{told}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing is left there");
        }
        Ok(output) if output.status.code() == Some(0) => panic!("a run fits into 256 kB"),
        other => skipped("a full file system", &format!("none can be mounted: {other:?}")),
    }
}

#[test]
fn output_that_cannot_be_written_is_told_before_anything_is_read() {
    let sources = Sources::new().file("in/log", call("a").to_string()).file("file", "mine").file("own/2026-Q2/notes", "mine");
    for out in ["file", "file/out", "/proc/out", "/dev/full"] {
        let finished = sources.run(&["run", "in", "--out", out, "--no-progress"]);
        assert_eq!(finished.status, Some(2), "{out}: {}", finished.stderr);
        assert!(finished.stderr.contains("error[A020]") && finished.stderr.contains(out), "{out}: {}", finished.stderr);
    }
    assert_eq!(fs::read_to_string(sources.path().join("file")).expect("the file"), "mine");
    // A folder of that name that credlens did not write.
    let finished = sources.run(&["run", "in", "--out", "own", "--no-progress"]);
    assert!(finished.status == Some(2) && finished.stderr.contains("is no run folder"), "{}", finished.stderr);
    assert_eq!(files_under(&sources.path().join("own")).into_keys().collect::<Vec<_>>(), ["2026-Q2/notes"]);
    // stdout on a full device.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output = command_in(project(), &["list", "metrics"]).stdout(full).stderr(Stdio::piped()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let sources = sources();
    assert_eq!(finish(start(&sources, "alone")).0, Some(0));
    let named = |out: &str| -> Files {
        let files = finished_files(&sources.path().join(out));
        let rename = |bytes: Vec<u8>| match String::from_utf8(bytes) {
            Ok(text) => text.replace(&format!("{out}/2026-Q2"), "OUT").into_bytes(),
            Err(bytes) => bytes.into_bytes(),
        };
        files.into_iter().map(|(name, bytes)| (name, rename(bytes))).collect()
    };
    let alone = named("alone");
    let children: Vec<Child> = ["same", "same", "same", "other"].iter().map(|out| start(&sources, out)).collect();
    for child in children {
        let (status, told) = finish(child);
        assert_eq!(status, Some(0), "{told}");
    }
    for out in ["same", "other"] {
        assert!(named(out) == alone, "{out}");
        assert_eq!(temporaries(&sources.path().join(out)), Vec::<String>::new());
    }
}

/// No system call of the network family in a whole run and in what reads a run; where there is no strace, a run in a network
/// namespace without any interface.
#[test]
fn no_socket_is_ever_opened() {
    let sources = sources();
    copy_folder(&project().join("sample-data/estate/tickets"), &sources.path().join("in/tickets"));
    let commands: [&[&str]; 4] = [
        &["run", "in", "--out", "out", "--no-progress"],
        &["check", "in"],
        &["query", "open_cases", "--run", "out/2026-Q2"],
        &["inspect", "in/gateway/kong-2026-04.ndjson"],
    ];
    let has_strace = Command::new("strace").args(["-f", "-e", "trace=network", "true"]).output().is_ok_and(|output| output.status.success());
    for arguments in commands {
        let log = sources.path().join("strace.log");
        let output = if has_strace {
            Command::new("strace")
                .args(["-f", "-qq", "-e", "trace=network", "-e", "signal=none", "-o"])
                .arg(&log)
                .arg(binary())
                .args(arguments)
                .current_dir(sources.path())
                .output()
        } else {
            Command::new("unshare").args(["--net", binary()]).args(arguments).current_dir(sources.path()).output()
        };
        let output = match output {
            Ok(output) if has_strace || output.status.code().is_some_and(|code| code <= 2) => output,
            other => return skipped("the network", &format!("neither strace nor unshare work here: {other:?}")),
        };
        assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        if has_strace {
            let calls = fs::read_to_string(&log).expect("the log of strace");
            // Two ends of a pipe within the process (its own signal handler) reach nobody.
            let calls: Vec<&str> = calls.lines().filter(|line| !line.contains("socketpair(AF_UNIX")).collect();
            assert_eq!(calls, Vec::<&str>::new(), "{arguments:?}");
        }
    }
}

/// Run by the test below, in a process of its own: it panics in a thread over text that holds a secret.
#[test]
#[ignore = "panics on purpose; the next test runs it"]
fn panics_over_a_secret() {
    credlens::cli::tell_panics_without_data();
    let text = format!("é{}", secret("in a panic"));
    let thread = std::thread::spawn(move || text[1..].len());
    assert!(thread.join().is_err(), "a slice in the midst of a character");
}

#[test]
fn a_panic_tells_its_place_and_nothing_of_the_data() {
    let output = Command::new(std::env::current_exe().expect("this binary"))
        .args(["faults::panics_over_a_secret", "--exact", "--ignored", "--nocapture"])
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("error[A060]") && told.contains("faults.rs:"), "{told}");
    assert!(!told.contains(&secret("in a panic")), "{told}");
}
