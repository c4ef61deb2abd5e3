//! The command as typed: exit statuses, messages with code, place and hint, what stdout carries, and a run folder that is
//! whole or not there.

use crate::support::{Finished, Sources, command_in, copy_folder, estate, files_under, folders_of, project, run_in};
use serde_json::{Value, json};
use std::fs;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A small log in May 2026, and a finished run over it in `out`: made once, copied for each test.
fn finished_run() -> Sources {
    static MADE: LazyLock<Sources> = LazyLock::new(|| {
        let sources = small();
        let (finished, _) = sources.run_in_out(&[]);
        assert_eq!(finished.status, Some(0), "{}", finished.stderr);
        sources
    });
    let copy = Sources::new();
    copy_folder(MADE.path(), copy.path());
    copy
}

fn small() -> Sources {
    let call = |id: &str, started: Value| {
        json!({"started_at": started, "request": {"id": id, "method": "GET", "uri": "/orders", "headers": {}}, "response": {"status": 200}, "service": {"name": "orders"}, "latencies": {}}).to_string()
    };
    let lines: Vec<String> = (0..10).map(|number| call(&format!("r-{number}"), json!(1777885200000i64 + number))).collect();
    Sources::new().file("in/kong.ndjson", lines.join("\n"))
}

fn assert_told(finished: &Finished, status: i32, words: &[&str]) {
    assert_eq!(finished.status, Some(status), "{}", finished.stderr);
    for word in words {
        assert!(finished.stderr.contains(word), "`{word}` is not in: {}", finished.stderr);
    }
}

/// Exit status 2 says what was typed wrong and how to go on, prints no data, and leaves every earlier byte where it was.
#[test]
fn a_mistake_is_told_and_earlier_output_is_untouched() {
    let sources = finished_run();
    let before = files_under(&sources.path().join("out"));
    assert!(before.len() > 20, "a run folder was there: {:?}", before.keys());
    sources.put("bad-key.toml", "targts = 1\n");
    sources.put("elsewhere.toml", "out = \"elsewhere\"\n");
    sources.put("bad-unit.toml", "[thresholds]\ngrace = \"5 parsecs\"\n");
    sources.put("bad-target.toml", "[targets]\nSC1 = \"80%\"\n");
    sources.put("bad-value.toml", "[targets]\nSC01 = 80\n");
    sources.put("bad-pack.toml", "packs = [\"nowhere.toml\"]\n");
    let mistakes: &[(&[&str], &[&str])] = &[
        (&["run", "in", "--out", "out", "--colour"], &["--colour"]),
        (&["run", "in", "--out", "out", "--period", "2026-Q5"], &["error[A001]", "--period", "2026-Q5"]),
        (&["run", "in", "--out", "out", "--period", "May"], &["error[A001]", "--period", "May"]),
        (&["run", "in", "--out", "out", "--as-of", "yesterday"], &["error[A001]", "--as-of", "yesterday", "2026-07-01"]),
        (&["run", "in", "--out", "out", "--max-rejects", "120%"], &["error[A001]", "--max-rejects", "120%"]),
        (&["run", "in", "--out", "out", "--pack", "konk"], &["error[A001]", "--pack", "konk", "did you mean `kong`?"]),
        (&["run", "in", "--out", "out", "--fail-on", "everything"], &["everything"]),
        (
            &["run", "in", "--out", "out", "--config", "bad-key.toml"],
            &["error[A003]", "bad-key.toml:1:1", "1 | targts = 1", "  | ^^^^^^", "did you mean `targets`?"],
        ),
        (&["run", "in", "--out", "out", "--config", "bad-unit.toml"], &["error[A003]", "5 parsecs", "bad-unit.toml", "line 2"]),
        (&["run", "in", "--out", "out", "--config", "bad-target.toml"], &["error[A003]", "bad-target.toml:2:1", "  | ^^^\n", "did you mean `SC01`?"]),
        (&["run", "in", "--out", "out", "--config", "bad-value.toml"], &["error[A003]", "SC01"]),
        (&["run", "in", "--out", "out", "--config", "bad-pack.toml"], &["error[A003]", "nowhere.toml"]),
        (&["run", "in", "--out", "out", "--config", "nowhere.toml"], &["error[A003]", "nowhere.toml"]),
        (&["run", "--out", "out"], &["error[A010]", "hint: "]),
        (&["run", "nowhere", "--out", "out"], &["error[A010]", "nowhere"]),
        (&["inspect", "nowhere"], &["error[A010]", "nowhere"]),
        (&["explain", "nothing-of-that-name"], &["error[A001]", "nothing-of-that-name", "hint: "]),
        (&["explain", "sc1"], &["error[A001]", "did you mean `SC01`?"]),
        (&["explain", "proof_grad"], &["did you mean `proof_grade`?"]),
        (&["query", "open_case", "--run", "out/2026-Q2"], &["error[A001]", "did you mean `open_cases`?"]),
        (&["query", "metrics/SC9", "--run", "out/2026-Q2"], &["error[A001]", "no metric is called `SC9`"]),
        (&["query", "open_cases", "--config", "elsewhere.toml"], &["error[A010]", "no run folder below `elsewhere`", "--run"]),
        (&["check", "-"], &["error[A001]", "standard input is read once"]),
        (&["query", "open_cases", "--run", "out/2026-Q9"], &["error[A010]", "out/2026-Q9"]),
        (&["run", "in", "--out", "out", "-q", "-v"], &["cannot be used with"]),
        (&["list", "colours"], &["colours"]),
        (&["query", "select 1 from nowhere", "--run", "out/2026-Q2"], &["error["]),
        (&["query", "select api from apis", "--run", "no-such-run"], &["error["]),
        (&["frobnicate"], &["frobnicate"]),
        (&[], &["Usage"]),
    ];
    for (arguments, words) in mistakes {
        let finished = sources.run(arguments);
        assert_told(&finished, 2, words);
        assert_eq!(finished.stdout, "", "{arguments:?}");
        assert!(!finished.stderr.contains("panicked"), "{arguments:?}: {}", finished.stderr);
    }
    assert!(files_under(&sources.path().join("out")) == before, "a run that did not finish changed earlier output");
}

#[test]
fn too_many_rejects_fail_the_gate_after_everything_is_written() {
    let sources = small();
    let mut text = fs::read_to_string(sources.path().join("in/kong.ndjson")).expect("a file");
    text += "\n{\"started_at\":\"soon\",\"request\":{},\"response\":{},\"latencies\":{}}\n";
    sources.put("in/kong.ndjson", text);
    let (finished, folder) = sources.run_in_out(&["--max-rejects", "5%"]);
    assert_told(&finished, 1, &["error[A012]", "1 of 11", "--max-rejects"]);
    assert!(folder.join("summary.md").is_file() && folder.join("parquet/metrics.parquet").is_file(), "outputs are written all the same");
    let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join("run.json")).expect("run.json")).expect("JSON");
    assert_eq!((&manifest["verdict"]["exit_status"], &manifest["records"], &manifest["rejects"]), (&json!(1), &json!(11), &json!(1)));
    // A wider gate passes.
    assert_eq!(sources.run_in_out(&["--max-rejects", "10%"]).0.status, Some(0));
    let raw = crate::support::read_parquet(&folder.join("parquet/rejects.parquet"));
    assert_eq!((raw.len(), &raw[0]["reason"], raw[0].contains_key("raw")), (1, &json!("bad_timestamp"), false), "no raw text without --keep-raw");
}

#[test]
fn fail_on_names_the_measures_that_fail_it() {
    let sources = small();
    let (finished, _) = sources.run_in_out(&["--fail-on", "missed,unmeasured"]);
    assert_told(&finished, 1, &["unmeasured", "RV01"]);
    assert_eq!(sources.run_in_out(&["--fail-on", "regressing"]).0.status, Some(0), "nothing to compare with regresses");
}

/// stdout carries summary.json and nothing else; its keys are the documented ones.
#[test]
fn json_on_stdout_is_the_summary_and_nothing_else() {
    let run = estate();
    let on_disk = fs::read_to_string(run.folder.join("summary.json")).expect("summary.json");
    assert_eq!(run.finished.stdout, on_disk);
    assert!(run.finished.stderr.contains("Wrote out/2026-Q3"), "{}", run.finished.stderr);
    let summary: Value = serde_json::from_str(&on_disk).expect("JSON");
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let sorted = |mut list: Vec<&str>| {
        list.sort();
        list.into_iter().map(str::to_string).collect::<Vec<_>>()
    };
    let with = |value: &Value| {
        let mut keys = keys(value);
        keys.sort();
        keys
    };
    assert_eq!(
        with(&summary),
        sorted(vec![
            "schema_version",
            "tool_version",
            "title",
            "period",
            "grain",
            "period_start",
            "period_end",
            "previous_period",
            "as_of",
            "verdict",
            "metrics",
            "moved",
            "decisions",
            "coverage",
            "exceptions",
            "findings_by_owner",
            "responders",
            "method",
        ])
    );
    assert_eq!((&summary["schema_version"], &summary["period"], &summary["as_of"]), (&json!(1), &json!("2026-Q3"), &json!("2026-10-01T00:00:00Z")));
    let wanted = sorted(vec![
        "id",
        "title",
        "is_headline",
        "unit",
        "direction",
        "status",
        "reason",
        "value",
        "numerator",
        "denominator",
        "ci_low",
        "ci_high",
        "n_insufficient_evidence",
        "flags",
        "target",
        "judgement",
        "trend",
        "change",
        "previous",
        "history",
        "statistics",
        "segments",
        "offenders",
        "n_offenders",
        "formula",
        "fix",
        "effort",
        "frameworks",
        "reproduce",
    ]);
    let metrics = summary["metrics"].as_array().expect("metrics");
    assert_eq!(metrics.len(), 22, "every measure of metrics.md");
    for metric in metrics {
        assert_eq!(with(metric), wanted, "{}", metric["id"]);
        let is_measured = metric["status"] == "measured";
        assert!(is_measured || (metric["value"].is_null() && metric["reason"].is_string()), "{} is not measured and says why", metric["id"]);
        let judgements = ["met", "missed", "no_target", "not_measured"];
        assert!(judgements.contains(&metric["judgement"].as_str().unwrap_or("")), "{}", metric["judgement"]);
        let trends = ["improving", "flat", "regressing", "new", "broken", "not_measured"];
        assert!(trends.contains(&metric["trend"].as_str().unwrap_or("")), "{}", metric["trend"]);
    }
}

#[test]
fn an_absent_input_is_not_measured_and_says_why() {
    let sources = small();
    let (finished, _) = sources.run_in_out(&["--json"]);
    let summary: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let metric = |id: &str| summary["metrics"].as_array().unwrap().iter().find(|metric| metric["id"] == id).unwrap_or_else(|| panic!("no {id}")).clone();
    // Calls alone: nothing is known of tickets, grants, exceptions, owners, declarations and tokens.
    for (id, reason) in [
        ("RV01", "no_tickets"),
        ("RV04", "no_tickets"),
        ("SP02", "no_grants"),
        ("EX01", "no_exceptions"),
        ("SC04", "no_declared_proof"),
        ("TK01", "no_identity_events"),
    ] {
        let metric = metric(id);
        assert_eq!((&metric["status"], &metric["value"]), (&json!("not_measured"), &Value::Null), "{id}");
        let said = metric["reason"].as_str().unwrap_or("");
        assert!(!said.is_empty(), "{id} says why");
        if said != reason {
            assert!(["no_cases", "no_identity_events", "no_api_inventory", "window_not_covered"].contains(&said), "{id}: {said}");
        }
    }
    assert_eq!(metric("RT03")["status"], "measured", "a count of what was read is measured");
}

#[test]
fn a_period_and_an_as_of_move_the_headline() {
    let sources = small();
    let run = |arguments: &[&str]| {
        let out = tempfile::tempdir().expect("a folder");
        let mut all = vec!["run", "in", "--json", "--quiet", "--no-progress", "--out", out.path().to_str().expect("a path")];
        all.extend(arguments);
        let finished = sources.run(&all);
        assert_eq!(finished.status, Some(0), "{}", finished.stderr);
        assert_eq!(finished.stderr, "", "--quiet says nothing");
        let summary: Value = serde_json::from_str(&finished.stdout).expect("JSON");
        (summary["period"].as_str().unwrap().to_string(), summary["as_of"].as_str().unwrap().to_string(), folders_of(out.path()).len())
    };
    assert_eq!(run(&["--period", "2026-05"]), ("2026-05".into(), "2026-06-01T00:00:00Z".into(), 1));
    assert_eq!(run(&["--as-of", "2026-05-20T12:00:00+02:00"]), ("2026-Q2".into(), "2026-05-20T10:00:00Z".into(), 1));
}

/// A run that is killed leaves the earlier folder whole; the next run clears away what the killed one had begun.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_run_leaves_the_earlier_folder_and_the_next_one_clears_up() {
    let sources = finished_run();
    let out = sources.path().join("out");
    let before = files_under(&out);
    copy_folder(&project().join("sample-data/estate/gateway"), &sources.path().join("in/more"));
    let mut child = command_in(sources.path(), &["run", "in", "--out", "out", "--period", "2026-Q2", "--no-progress"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let begun = |out: &std::path::Path| {
        folders_of(out).into_iter().filter(|folder| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))).count()
    };
    let start = Instant::now();
    while begun(&out) == 0 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it can be killed");
    let status = child.wait().expect("it ends");
    assert!(!status.success(), "it was killed before it finished");
    assert_eq!(begun(&out), 1, "what it had begun is still there");
    let mut after = files_under(&out);
    after.retain(|name, _| !name.starts_with('.'));
    assert!(after == before, "the earlier run folder is whole");
    // One whose lock nobody holds, and one of a process that lives: this one.
    sources.put("out/.credlens-building-early/x", "");
    sources.put("out/.credlens-building-early.lock", "");
    sources.put("out/.credlens-building-living/x", "");
    sources.put("out/.credlens-building-living.lock", "");
    let held = fs::File::open(out.join(".credlens-building-living.lock")).expect("the lock");
    held.lock().expect("it can be held");
    let finished = sources.run(&["run", "in/kong.ndjson", "--out", "out", "--no-progress"]);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    let left: Vec<String> = folders_of(&out).iter().map(|folder| folder.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    assert_eq!(left, [".credlens-building-living", "2026-Q2"], "what is abandoned is cleared away, what another run builds is not");
}

/// What people write between the marks of a summary stays when the same run is repeated.
#[test]
fn a_repeated_run_keeps_what_people_wrote() {
    let sources = finished_run();
    let path = sources.path().join("out/2026-Q2/summary.md");
    let text = fs::read_to_string(&path).expect("summary.md");
    let mark = text.find("<!-- credlens:edit").expect("a mark");
    let line_end = mark + text[mark..].find('\n').expect("a line end");
    let edited = format!("{}\nWe agreed on this in May.{}", &text[..line_end], &text[line_end..]);
    fs::write(&path, &edited).expect("it can be written");
    sources.run_in_out(&[]);
    let again = fs::read_to_string(&path).expect("summary.md");
    assert!(again.contains("We agreed on this in May."), "the edit is gone:\n{again}");
    // All else is made again.
    fs::write(&path, text.replace("## Method", "## Madness")).expect("it can be written");
    sources.run_in_out(&[]);
    assert_eq!(fs::read_to_string(&path).expect("summary.md"), text);
}

#[test]
fn a_repeated_run_keeps_retrospectives() {
    let sources = finished_run();
    let folder = sources.path().join("out/2026-Q2");
    for (name, text) in [("retro-SEC-1.md", "answered by hand"), ("retro-SEC-1.parquet", "rows"), ("notes.md", "not ours")] {
        fs::write(folder.join(name), text).expect("it can be written");
    }
    sources.run_in_out(&[]);
    assert_eq!(fs::read_to_string(folder.join("retro-SEC-1.md")).expect("kept"), "answered by hand");
    assert_eq!(fs::read_to_string(folder.join("retro-SEC-1.parquet")).expect("kept"), "rows");
    assert!(!folder.join("notes.md").exists());
}

#[test]
fn verbose_tells_files_stages_and_queries() {
    let sources = finished_run();
    let run = |flag: &str| sources.run(&["run", "in/kong.ndjson", "--out", "out", "--no-progress", flag]).stderr;
    let (once, twice) = (run("-v"), run("-vv"));
    assert!(once.contains("  in/kong.ndjson\n") && once.contains(" s  read\n") && !once.contains(" s  SC01\n"), "{once}");
    assert!(twice.contains(" s  SC01\n"), "{twice}");
}

#[test]
fn query_prints_a_runs_tables() {
    let run = estate();
    let query = |arguments: &[&str]| {
        let mut all = vec!["query"];
        all.extend(arguments);
        all.extend(["--run", "out/2026-Q3"]);
        let finished = run_in(run.place(), &all);
        assert_eq!(finished.status, Some(0), "{}", finished.stderr);
        finished.stdout
    };
    let csv = query(&["select api, verdict from apis where period = '2026-Q3' and verdict = 'constrained' order by api", "--format", "csv"]);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("api,verdict"));
    assert_eq!(lines.clone().count(), 6, "SC01 of the estate in Q3 is 6/13:\n{csv}");
    assert!(lines.all(|line| line.ends_with(",constrained")));
    let json_lines = query(&[
        "select metric_id, numerator, denominator from metrics where metric_id = 'SC01' and statistic = 'value' and period = '2026-Q3' and segment = 'all'",
        "--format",
        "json",
    ]);
    assert_eq!(serde_json::from_str::<Value>(json_lines.trim()).expect("one object"), json!({"metric_id": "SC01", "numerator": 6, "denominator": 13}));
    for (sql, least) in [
        ("select count(*) as n from requests", 3000),
        ("select count(*) as n from requests where status = 200", 2000),
        ("select count(*) as n from identity_events", 200),
    ] {
        let counted = query(&[sql, "--format", "csv"]);
        let number: i64 = counted.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("{sql}: {counted}"));
        assert!(number > least, "{sql}: {number}");
    }
    let again = query(&["metrics/SC01", "--format", "csv"]);
    assert!(again.lines().any(|line| line.starts_with("value,quarter,2026-Q3,all,all,0.4615")), "{again}");
}

#[test]
fn list_and_explain_know_everything_that_there_is() {
    let here = project();
    let listed = |kind: &str| run_in(here, &["list", kind]);
    let metrics = listed("metrics");
    assert_eq!(metrics.status, Some(0), "{}", metrics.stderr);
    let definitions = credlens::metric::catalog::Catalog::new(&[]).expect("the catalog").definitions();
    for (id, definition) in &definitions {
        assert!(metrics.stdout.contains(id.as_str()) && metrics.stdout.contains(&definition.title), "{id} is not listed:\n{}", metrics.stdout);
    }
    let packs = listed("packs").stdout;
    assert!(crate::support::embedded_packs().packs.iter().all(|pack| packs.contains(pack.id())), "{packs}");
    let frames = listed("frames").stdout;
    assert!(credlens::frame::schema::frames().keys().all(|frame| frames.contains(frame.as_str())), "{frames}");
    for (id, words) in [
        ("SC01", vec!["NHI4:2025", "constrained"]),
        ("sc01", vec!["SC01"]),
        ("kong", vec!["started_at"]),
        ("A012", vec!["rejects"]),
        ("apis", vec!["verdict"]),
        ("proof", vec!["requests.proof"]),
        ("proof_grade", vec!["revocations.proof_grade", "still_accepted"]),
        ("requests", vec!["client_address"]),
        ("open_cases", vec!["saved investigation", "from revocations"]),
        ("A020", vec!["What to do"]),
    ] {
        let page = run_in(here, &["explain", id]);
        assert_eq!(page.status, Some(0), "{id}: {}", page.stderr);
        assert!(words.iter().all(|word| page.stdout.contains(word)), "{id}: {}", page.stdout);
    }
}

#[test]
fn help_version_completions_and_man_are_data_on_stdout() {
    for (arguments, word) in [
        (vec!["--help"], "Exit status"),
        (vec!["run", "--help"], "--max-rejects"),
        (vec!["--version"], env!("CARGO_PKG_VERSION")),
        (vec!["completions", "bash"], "credlens"),
        (vec!["man"], ".TH"),
    ] {
        let finished = run_in(project(), &arguments);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(finished.stdout.contains(word), "{arguments:?}: {}", finished.stdout);
    }
}

/// A log may be piped in: it is detected, cited as `-`, and gives the digests of a file.
#[test]
fn standard_input_is_a_file() {
    let sources = small().file("in/tickets.json", "[]");
    let log = fs::read(sources.path().join("in/kong.ndjson")).expect("the log");
    let piped = |arguments: &[&str]| {
        use std::io::Write;
        let mut command = command_in(sources.path(), arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(&log).expect("it reads");
        child.wait_with_output().expect("it ends")
    };
    let mut folders = Vec::new();
    for out in ["a", "b"] {
        let output = piped(&["run", "-", "--out", out]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        folders.push(sources.path().join(out).join("2026-Q2"));
    }
    let manifest = |folder: &std::path::Path| -> Value { serde_json::from_slice(&fs::read(folder.join("run.json")).expect("run.json")).expect("JSON") };
    let (a, b) = (manifest(&folders[0]), manifest(&folders[1]));
    assert_eq!((&a["files"][0]["file"], &a["files"][0]["format"], &a["files"][0]["rows"]), (&json!("-"), &json!("kong"), &json!(10)));
    assert_eq!(a["inputs_digest"], b["inputs_digest"]);
    let calls = crate::support::read_frame(&folders[0].join("parquet/frames"), "requests");
    assert!(calls.len() == 10 && calls.iter().all(|row| row["file"] == json!("-")));
    let inspected = piped(&["inspect", "-", "--records", "1"]);
    assert!(String::from_utf8_lossy(&inspected.stdout).starts_with("-: kong"));
}

/// What is rejected is shown by place, number and shape, with nothing of its content.
#[test]
fn a_rejected_record_is_shown_without_its_values() {
    let sources = small();
    let log = fs::read_to_string(sources.path().join("in/kong.ndjson")).expect("the log");
    let bad = log.lines().next().expect("a line").replace("1777885200000", "\"hunter2/05/2026\"");
    sources.put("in/kong.ndjson", format!("{log}\n{bad}\n{bad}\n{{\"started_at\": 17778, \"hunter2\": \"hunter2"));
    let (finished, _) = sources.run_in_out(&["--max-rejects", "50%", "-v"]);
    let words = ["warning[A012]: bad_timestamp: 2 records in 1 file", "--> in/kong.ndjson:11", "\"started_at\":\"xxxxxx9/99/9999\"", " ^^^^^^^^^^^^^^^^^\n"];
    assert_told(&finished, 0, &words);
    assert_told(&finished, 0, &["truncated_json: 1 record", "        13         10", "  in/kong.ndjson", " s  queries"]);
    assert!(!finished.stderr.contains("hunter"), "{}", finished.stderr);
}

/// Everyday use needs no --run: the run written last is meant.
#[test]
fn the_latest_run_is_the_default_and_its_layout_is_checked() {
    let sources = finished_run();
    let finished = sources.run(&["query", "select api from apis", "--format", "csv"]);
    assert_eq!((finished.status, finished.stdout.as_str()), (Some(0), "api\norders\n"), "{}", finished.stderr);
    let bytes = command_in(sources.path(), &["query", "select api from apis", "--format", "parquet"]).output().expect("it runs").stdout;
    sources.put("apis.parquet", &bytes);
    assert_eq!(crate::support::read_parquet(&sources.path().join("apis.parquet")).len(), 1);
    let manifest = sources.path().join("out/2026-Q2/run.json");
    let other = fs::read_to_string(&manifest).expect("run.json").replace("\"schema_version\": 1", "\"schema_version\": 2");
    fs::write(&manifest, other).expect("it is written");
    for arguments in [&["query", "select api from apis"][..], &["diff", "out/2026-Q2", "out/2026-Q2"], &["retro", "--identity", "x"]] {
        assert_told(&sources.run(arguments), 2, &["error[A011]", "layout 2", "run.json"]);
    }
}

/// `credlens list metrics | head -1` is no error.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = command_in(project(), &["explain", "kong"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()), (Some(0), String::new()));
}
