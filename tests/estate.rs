//! The bundled estate: what its README says was planted is what a run finds, numbers that must add up do, and the summary is
//! the reviewed one.

use crate::support::{Row, estate, project, row_where, text};
use credlens::metric::catalog::Catalog;
use credlens::period::parse_instant;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn readme() -> String {
    fs::read_to_string(project().join("sample-data/estate/README.md")).expect("the estate's README")
}

/// The rows of the Markdown table whose header has this cell, each as header -> cell.
fn table(cell: &str) -> Vec<BTreeMap<String, String>> {
    let text = readme();
    let cells = |line: &str| line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>();
    let mut lines = text.lines().skip_while(|line| !(line.starts_with('|') && cells(line).iter().any(|other| other == cell)));
    let header = cells(lines.next().unwrap_or_else(|| panic!("no table with a column {cell}")));
    lines.skip(1).take_while(|line| line.starts_with('|')).map(|line| header.iter().cloned().zip(cells(line)).collect()).collect()
}

fn int(row: &Row, column: &str) -> i64 {
    row.get(column).and_then(Value::as_i64).unwrap_or(0)
}

fn metrics() -> &'static Vec<Row> {
    static ROWS: std::sync::LazyLock<Vec<Row>> = std::sync::LazyLock::new(|| estate().table("metrics"));
    &ROWS
}

/// A row of metrics.parquet for all segments.
fn metric(id: &str, statistic: &str, period: &str) -> &'static Row {
    row_where(metrics(), &[("metric_id", id), ("statistic", statistic), ("period", period), ("segment_kind", "all")])
}

fn share(id: &str, period: &str) -> (i64, i64) {
    let row = metric(id, "value", period);
    (int(row, "numerator"), int(row, "denominator"))
}

fn count(id: &str, statistic: &str, period: &str) -> i64 {
    metric(id, statistic, period)["value"].as_f64().unwrap_or_else(|| panic!("{id} {statistic} {period} is not measured")) as i64
}

const QUARTERS: [(&str, [&str; 3]); 3] =
    [("2026-Q1", ["2026-01", "2026-02", "2026-03"]), ("2026-Q2", ["2026-04", "2026-05", "2026-06"]), ("2026-Q3", ["2026-07", "2026-08", "2026-09"])];

// ---------------------------------------------------------------------------------------------------------------------
// What was planted
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn every_api_has_the_calls_and_the_verdict_that_were_planted() {
    let apis = estate().table("apis");
    let planted = table("want of proof");
    assert_eq!((planted.len(), apis.len()), (42, 42));
    for expected in &planted {
        let row = row_where(&apis, &[("api", &expected["API"]), ("period", &expected["quarter"])]);
        let what = format!("{} {}", expected["API"], expected["quarter"]);
        for (column, planted) in
            [("authenticated_calls", "accepted"), ("n_constrained", "constrained"), ("n_replayable", "replayable"), ("n_no_evidence", "no evidence")]
        {
            assert_eq!(int(row, column).to_string(), expected[planted], "{what}: {column}");
        }
        let verdict = match text(row, "enforcement") {
            "" => text(row, "verdict").to_string(),
            enforcement => format!("{}, {enforcement}", text(row, "verdict")),
        };
        assert_eq!(verdict, expected["verdict"], "{what}");
    }
}

#[test]
fn sender_constraint_is_4_5_and_6_of_13() {
    assert_eq!(QUARTERS.map(|(quarter, _)| share("SC01", quarter)), [(4, 13), (5, 13), (6, 13)]);
    for expected in table("SC01") {
        let quarter = expected["quarter"].as_str();
        let pair = |(numerator, denominator): (i64, i64)| format!("{numerator}/{denominator}");
        assert_eq!(pair(share("SC01", quarter)), expected["SC01"]);
        assert_eq!(pair(share("SC02", quarter)), expected["SC02 replayable / judged calls"]);
        assert_eq!(count("SC03", "value", quarter).to_string(), expected["SC03 downgraded calls"]);
        for (statistic, column) in [
            ("n_constrained", "constrained"),
            ("n_dual_accept", "dual_accept"),
            ("n_bearer_only", "bearer_only"),
            ("n_insufficient_evidence", "insufficient evidence"),
        ] {
            assert_eq!(count("SC01", statistic, quarter).to_string(), expected[column], "{quarter} {statistic}");
        }
    }
    assert!(QUARTERS.iter().all(|(quarter, _)| share("SC04", quarter).0 == 1), "orders-api declares proof and takes bearer tokens");
}

#[test]
fn token_lifetimes_are_as_planted() {
    let line = readme().lines().find(|line| line.starts_with("Tokens issued")).expect("a line on tokens").to_string();
    for (quarter, _) in QUARTERS {
        let (numerator, denominator) = share("TK01", quarter);
        assert!(line.contains(&format!("{quarter} {numerator}/{denominator}")), "TK01 {quarter} is {numerator}/{denominator}: {line}");
    }
    let credentials = estate().table("credentials");
    let ended: Vec<&str> = credentials
        .iter()
        .filter(|row| text(row, "identity") == "svc-checkout" && text(row, "kind") == "client_secret")
        .map(|row| text(row, "ended_by"))
        .collect();
    assert_eq!(ended.iter().filter(|by| **by == "revocation_auto").count(), 4, "the rotation job deleted four of five secrets: {ended:?}");
    let by = |reference: &str| text(row_where(&credentials, &[("credential", reference)]), "ended_by").to_string();
    assert_eq!(by("okta:ocsI3pw5rUTIBOv3xlZF"), "expiry");
    assert_eq!(by("okta:ocspBvGSXw80hqtsIsyc"), "deletion");
    assert_eq!(by("okta:00TBz2iL5qx4D0ktvq6M"), "revocation_manual");
    assert_eq!(by("token:sha256:1cab10f8aebbcd806ec603b1c5409bb1aeffa9fa4b7c639296d5921d8c1a0a37"), "rotation_manual");
}

/// Every case of the README's table: clocks, who revoked, grade.
#[test]
fn revocation_cases_are_as_planted() {
    let revocations = estate().table("revocations");
    let mut n_checked = 0;
    for expected in table("proof grade").iter().filter(|row| row["ticket"] != "acme-demo/checkout-web#17, #18") {
        let named = |name: &str| name.trim_matches('`').to_string();
        let credential = named(&expected["credential"]);
        let is_known = credential.contains(':');
        let ticket = if expected["ticket"].starts_with("none") { String::new() } else { expected["ticket"].clone() };
        let wanted = if is_known {
            vec![("ticket", ticket.as_str()), ("credential", credential.as_str())]
        } else {
            vec![("ticket", ticket.as_str()), ("credential", "")]
        };
        let row = row_where(&revocations, &wanted);
        let what = format!("{ticket} {credential}");
        let detected = expected["detected"].split(' ').next().unwrap_or_default();
        let at = |column: &str| parse_instant(text(row, column));
        if expected["proof grade"] == "false positive" {
            assert_eq!(row["is_false_positive"], true, "{what}");
            continue;
        }
        assert_eq!(at("detected_at"), parse_instant(detected), "{what}: detected");
        n_checked += 1;
        assert_eq!(text(row, "proof_grade"), expected["proof grade"], "{what}");
        let revoked = &expected["revoked"];
        if revoked.starts_with("never") {
            assert!(at("revoked_at").is_none() && row["is_open"] == true, "{what} was never revoked");
        } else {
            assert_eq!(at("revoked_at"), parse_instant(revoked.split(' ').next().unwrap_or_default()), "{what}: revoked");
            assert!(revoked.contains(&format!("({})", text(row, "revoked_by"))), "{what}: revoked by {}, {revoked}", text(row, "revoked_by"));
        }
    }
    assert!(n_checked >= 26, "{n_checked} cases");
    let grades: BTreeSet<&str> = revocations.iter().map(|row| text(row, "proof_grade")).collect();
    for grade in ["rejected", "silent", "still_accepted", "wrong_credential", "open", "contained_only", "not_observable"] {
        assert!(grades.contains(grade), "the estate shows every grade, {grade} too");
    }
    let case = |ticket: &str| revocations.iter().find(|row| text(row, "ticket") == ticket).unwrap_or_else(|| panic!("no {ticket}"));
    assert_eq!((int(case("SEC-103"), "accepted_after"), int(case("SEC-104"), "accepted_after"), int(case("SEC-101"), "rejected_after")), (4, 3, 3));
    assert_eq!(case("SEC-117")["time_to_revoke_s"], 0.0, "revoked between exposure and detection: duration 0");
    assert_eq!(case("SEC-118")["time_to_revoke_s"], 30_600.0);
    assert!(case("SEC-114")["time_to_revoke_s"].as_f64().is_some_and(|seconds| seconds < 0.0), "a claim before detection is a data error");
    assert_eq!(count("RV01", "n_negative", "2026-Q3"), 1, "and is counted");
    assert!(!revocations.iter().any(|row| text(row, "ticket") == "SEC-120"), "SEC-120 is no revocation ticket");
    let of = |ticket: &str| revocations.iter().filter(|row| text(row, "ticket") == ticket).count();
    assert_eq!((of("SEC-111"), of("SEC-103")), (2, 1), "two credentials are two cases, two exports one");
}

#[test]
fn missed_violations_are_as_planted() {
    let reason = |reason: &str, period: &str| {
        row_where(metrics(), &[("metric_id", "RT03"), ("statistic", "value"), ("period", period), ("segment_kind", "reason"), ("segment", reason)])["value"]
            .as_f64()
            .unwrap_or(-1.0) as i64
    };
    let planted = [("revoked_credential", [0, 7, 2]), ("expired_token", [0, 3, 2]), ("scope_not_granted", [0, 3, 5]), ("bound_downgraded", [5, 10, 4])];
    for (name, expected) in planted {
        assert_eq!(QUARTERS.map(|(quarter, _)| reason(name, quarter)), expected, "{name}");
    }
    assert_eq!((count("RV03", "value", "2026-Q2"), count("RV03", "value", "2026-Q3")), (7, 2), "the same calls as RV03");
    // EXC-002 and EXC-004 after their end; EXC-009 not, because EXC-010 covers the same calls.
    assert_eq!(reason("exception_expired", "2026-Q3"), 36 + 61);
    assert_eq!(count("EX02", "value", "2026-Q3"), 2);
}

#[test]
fn exceptions_have_the_planted_states() {
    let exceptions = estate().table("exceptions");
    let states = [
        ("EXC-001", "active", true),
        ("EXC-002", "expired_in_use", false),
        ("EXC-003", "unused", false),
        ("EXC-004", "expired_in_use", true),
        ("EXC-005", "expired", false),
        ("EXC-006", "active", false),
        ("EXC-007", "active", false),
        ("EXC-008", "active", true),
        ("EXC-009", "expired", false),
        ("EXC-010", "active", true),
    ];
    for (id, state, _) in states {
        assert_eq!(text(row_where(&exceptions, &[("id", id)]), "state"), state, "{id}");
    }
    let calls = |id: &str| int(row_where(&exceptions, &[("id", id)]), "calls");
    assert_eq!((calls("EXC-001"), calls("EXC-002"), calls("EXC-004"), calls("EXC-007"), calls("EXC-008")), (113, 36, 61, 60, 41));
    for row in &exceptions {
        let (share, is_dominant) = (row.get("share_of_calls").and_then(Value::as_f64), row.get("is_dominant").and_then(Value::as_bool));
        assert_eq!(is_dominant.unwrap_or(false), share.is_some_and(|share| share > 0.5), "{}", text(row, "id"));
    }
}

#[test]
fn identities_are_owned_used_or_not_as_planted() {
    let identities = estate().table("identities");
    let is = |identity: &str, column: &str| row_where(&identities, &[("identity", identity)]).get(column).and_then(Value::as_bool);
    for (identity, column) in [
        ("svc-exporter", "is_orphaned"),
        ("svc-nightly-sync", "is_orphaned"),
        ("svc-mailer", "is_unowned"),
        ("tmp-loadtest", "is_unowned"),
        ("svc-legacy-batch", "is_dormant"),
    ] {
        assert_eq!(is(identity, column), Some(true), "{identity} {column}");
    }
    for identity in ["svc-old-gateway", "human-h-osei"] {
        assert_eq!((is(identity, "is_live"), is(identity, "judged")), (Some(false), Some(false)), "{identity}");
    }
    assert_eq!((is("svc-new-pricing", "is_live"), is("svc-new-pricing", "is_dormant")), (Some(true), Some(false)), "too young to be dormant");
    assert_eq!(is("svc-exporter", "is_over_privileged"), Some(true), "80 % of its grants are unused");
    let flagged = |column: &str| identities.iter().filter(|row| row.get(column) == Some(&Value::Bool(true))).count() as i64;
    for (statistic, column) in [("n_orphaned", "is_orphaned"), ("n_dormant", "is_dormant"), ("n_unowned", "is_unowned")] {
        assert_eq!(count("ID01", statistic, "2026-Q3"), flagged(column), "{statistic}");
    }
    let any =
        identities.iter().filter(|row| ["is_orphaned", "is_dormant", "is_unowned"].iter().any(|column| row.get(*column) == Some(&Value::Bool(true)))).count()
            as i64;
    assert_eq!(share("ID01", "2026-Q3"), (any, flagged("judged")));
    assert!(!identities.iter().any(|row| text(row, "identity") == "acme-codegen"), "an alias is no identity of its own");
}

#[test]
fn grants_have_the_planted_states() {
    let grants = estate().table("grants");
    let state = |identity: &str, scope: &str| {
        let rows: Vec<&Row> = grants.iter().filter(|row| text(row, "identity") == identity && text(row, "scope") == scope).collect();
        rows.iter().map(|row| text(row, "state")).collect::<Vec<_>>().join(" ")
    };
    let planted = [
        ("svc-exporter", "orders.admin", "used"),
        ("svc-exporter", "customers.read", "unused"),
        ("svc-exporter", "exports.run", "unused"),
        ("svc-exporter", "orders.export", "unused"),
        ("svc-exporter", "reports.write", "unused"),
        ("agent-research", "research.*", "used"),
        ("svc-billing", "payments.refund", "unused"),
        ("svc-checkout", "promotions.read", "too_young"),
        ("svc-new-pricing", "prices.read", "too_young"),
        ("svc-warehouse", "inventory.read", "unobservable"),
        ("svc-checkout", "refunds.approve", "used_not_granted"),
        ("agent-support-copilot", "payments.read", "used"),
        ("agent-claims-triage", "notes.write", ""),
    ];
    for (identity, scope, expected) in planted {
        assert_eq!(state(identity, scope), expected, "{identity} {scope}");
    }
    let broad = |identity: &str, scope: &str| row_where(&grants, &[("identity", identity), ("scope", scope)])["is_broad"] == true;
    assert!(broad("svc-exporter", "orders.admin") && broad("agent-research", "research.*") && !broad("svc-billing", "payments.refund"));
    let apis = estate().table("apis");
    for api in ["orders-api", "reports-api", "api.github.com"] {
        assert_eq!(text(row_where(&apis, &[("api", api), ("period", "2026-Q3")]), "scope_verdict"), "broad", "{api}");
    }
}

#[test]
fn files_and_broken_records_are_as_listed() {
    let manifest: Value = serde_json::from_str(&fs::read_to_string(estate().folder.join("run.json")).expect("run.json")).expect("JSON");
    let files = manifest["files"].as_array().expect("files");
    let listed = table("records");
    assert_eq!(listed.len() + 1, files.len(), "every file and the README, which no pack knows");
    for expected in &listed {
        let file = files
            .iter()
            .find(|file| file["file"] == format!("sample-data/estate/{}", expected["file"]))
            .unwrap_or_else(|| panic!("{} was not read", expected["file"]));
        let records = file["records"].as_i64().unwrap_or(0);
        // Rejected records are listed apart; a blank line is no record.
        let broken = file["rejects"].as_i64().unwrap_or(0);
        assert_eq!((records - broken).to_string(), expected["records"], "{}", expected["file"]);
    }
    let rejects = estate().table("rejects");
    let places: Vec<(String, i64, &str)> =
        rejects.iter().map(|row| (text(row, "file").replace("sample-data/estate/", ""), int(row, "record"), text(row, "reason"))).collect();
    let broken: Vec<(String, i64)> = table("what")
        .iter()
        .filter(|row| row.contains_key("line") && !row["what"].contains("blank"))
        .map(|row| (row["file"].clone(), row["line"].parse().unwrap()))
        .collect();
    for (file, line) in &broken {
        assert!(places.iter().any(|(other, record, _)| other == file && record == line), "{file}:{line} is not rejected: {places:?}");
    }
    assert_eq!(rejects.len(), 4);
    let duplicates: i64 = files.iter().map(|file| file["duplicates"].as_i64().unwrap_or(0)).sum();
    assert_eq!(duplicates, 26 + 4 + 1, "26 Kong calls, 4 Okta events and one ticket stand there twice");
}

// ---------------------------------------------------------------------------------------------------------------------
// What must add up
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn verdicts_add_up_to_the_apis_with_traffic() {
    let apis = estate().table("apis");
    for (quarter, _) in QUARTERS {
        let of_quarter: Vec<&Row> = apis.iter().filter(|row| text(row, "period") == quarter).collect();
        let n = |statistic: &str| count("SC01", statistic, quarter);
        assert_eq!(n("n_constrained") + n("n_dual_accept") + n("n_bearer_only"), share("SC01", quarter).1);
        assert_eq!(share("SC01", quarter).1 + n("n_insufficient_evidence"), of_quarter.len() as i64, "{quarter}");
        assert_eq!(n("n_proven") + n("n_unchallenged"), n("n_constrained"), "{quarter}");
        let sum = |column: &str| of_quarter.iter().map(|row| int(row, column)).sum::<i64>();
        assert_eq!((sum("n_replayable"), sum("n_constrained") + sum("n_replayable")), share("SC02", quarter), "{quarter}: SC02 is over the calls of all APIs");
        for row in &of_quarter {
            let calls = int(row, "n_constrained") + int(row, "n_replayable") + int(row, "n_no_evidence");
            assert_eq!(calls, int(row, "authenticated_calls"), "{} {quarter}", text(row, "api"));
            assert!(int(row, "authenticated_calls") <= int(row, "accepted_calls"));
        }
    }
}

#[test]
fn blocked_observed_and_missed_are_the_violating_calls() {
    let violations = estate().table("violations");
    for (quarter, months) in QUARTERS {
        let of = |decision: &'static str| {
            violations.iter().filter(move |row| text(row, "decision") == decision && months.iter().any(|month| text(row, "day").starts_with(month)))
        };
        let calls = |decision: &'static str| of(decision).filter(|row| text(row, "kind") != "rate_limited").map(|row| int(row, "calls")).sum::<i64>();
        let (blocked, violating) = share("RT02", quarter);
        assert_eq!(blocked, calls("blocked"), "{quarter}");
        assert_eq!(violating, share("RT01", quarter).0, "{quarter}: RT01 and RT02 speak of the same calls");
        let missed = count("RT03", "value", quarter);
        // A call both observed and missed counts as observed in RT02 and as missed in RT03.
        let both = blocked + calls("observed") + missed - violating;
        assert!(
            (0..=calls("observed")).contains(&both),
            "{quarter}: blocked {blocked} + observed {} + missed {missed} = violating {violating}",
            calls("observed")
        );
        assert!(missed <= of("missed").map(|row| int(row, "calls")).sum::<i64>(), "a call may be missed for several reasons");
        assert_eq!(
            count("RT01", "n_rate_limited", quarter),
            violations
                .iter()
                .filter(|row| text(row, "kind") == "rate_limited" && months.iter().any(|month| text(row, "day").starts_with(month)))
                .map(|row| int(row, "calls"))
                .sum::<i64>()
        );
    }
}

#[test]
fn grant_states_add_up() {
    let (grants, identities) = (estate().table("grants"), estate().table("identities"));
    let n = |state: &str| grants.iter().filter(|row| text(row, "state") == state).count() as i64;
    assert_eq!(share("SP02", "2026-Q3"), (n("used"), n("used") + n("unused")));
    assert_eq!(int(metric("SP02", "value", "2026-Q3"), "n_insufficient_evidence"), n("unobservable") + n("too_young"));
    assert_eq!(n("used") + n("unused") + n("unobservable") + n("too_young") + n("used_not_granted"), grants.len() as i64);
    let sum = |column: &str| identities.iter().map(|row| int(row, column)).sum::<i64>();
    assert_eq!((sum("granted"), sum("used"), sum("unused")), (grants.len() as i64 - n("used_not_granted"), n("used"), n("unused")));
    let judged = identities.iter().filter(|row| int(row, "used") + int(row, "unused") > 0).count() as i64;
    let over = identities.iter().filter(|row| row.get("is_over_privileged") == Some(&Value::Bool(true))).count() as i64;
    assert_eq!(share("SP03", "2026-Q3"), (over, judged));
}

/// Calls are in one month and in one API: months add up to their quarter, segments to the whole.
#[test]
fn months_add_up_to_quarters_and_apis_to_all() {
    for (quarter, months) in QUARTERS {
        for id in ["SC02", "RT01", "RT02", "EX01"] {
            let sum = months.iter().map(|month| share(id, month)).fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            assert_eq!(sum, share(id, quarter), "{id} {quarter}");
        }
        for (id, statistic) in [("SC03", "value"), ("RT03", "value"), ("RV03", "value"), ("RT01", "n_rate_limited"), ("SP04", "n_calls"), ("RV01", "n_cases")] {
            assert_eq!(months.iter().map(|month| count(id, statistic, month)).sum::<i64>(), count(id, statistic, quarter), "{id} {statistic} {quarter}");
        }
        for id in ["SC02", "EX01"] {
            let by_api: Vec<&Row> = metrics()
                .iter()
                .filter(|row| {
                    text(row, "metric_id") == id && text(row, "statistic") == "value" && text(row, "period") == quarter && text(row, "segment_kind") == "api"
                })
                .collect();
            let sum = |column: &str| by_api.iter().map(|row| int(row, column)).sum::<i64>();
            assert_eq!((sum("numerator"), sum("denominator")), share(id, quarter), "{id} {quarter} by api");
        }
    }
}

#[test]
fn the_ledger_adds_up_per_file_and_over_days() {
    let manifest: Value = serde_json::from_str(&fs::read_to_string(estate().folder.join("run.json")).expect("run.json")).expect("JSON");
    let coverage = estate().table("coverage");
    for file in manifest["files"].as_array().expect("files") {
        let n = |column: &str| file[column].as_i64().expect("a count");
        assert_eq!(n("records"), n("rows") + n("rejects") + n("duplicates") + n("skipped"), "{}", file["file"]);
        for column in ["records", "rows", "rejects", "duplicates", "skipped"] {
            let over_days: i64 = coverage.iter().filter(|row| row["file"] == file["file"]).map(|row| int(row, column)).sum();
            assert_eq!(over_days, n(column), "{} of {}", column, file["file"]);
        }
    }
    let frames = ["requests", "identity_events"].map(|frame| crate::support::read_frame(&estate().folder.join("parquet/frames"), frame).len());
    assert_eq!(frames[0], 4003, "calls without replays and rejects, as the README says");
    assert!(frames[1] > 476, "{} events", frames[1]);
}

/// metrics.md: a row for every metric, statistic and period that the data touches; shares with their parts and interval.
#[test]
fn every_metric_has_rows_for_every_period() {
    let periods: BTreeSet<&str> = QUARTERS.iter().flat_map(|(quarter, months)| months.iter().copied().chain([*quarter])).collect();
    let definitions = Catalog::new(&[]).expect("the catalog").definitions();
    assert_eq!(definitions.len(), 22);
    for (id, definition) in &definitions {
        for statistic in definition.statistics.keys() {
            let found: BTreeSet<&str> = metrics()
                .iter()
                .filter(|row| text(row, "metric_id") == id && text(row, "statistic") == statistic && text(row, "segment_kind") == "all")
                .map(|row| text(row, "period"))
                .collect();
            assert_eq!(found, periods, "{id} {statistic}");
        }
    }
    let key = |row: &Row| ["metric_id", "statistic", "grain", "period", "segment_kind", "segment"].map(|column| text(row, column).to_string());
    assert!(metrics().windows(2).all(|pair| key(&pair[0]) < key(&pair[1])), "sorted by its unique key");
    for row in metrics() {
        let what = key(row).join(" ");
        let number = |column: &str| row.get(column).and_then(Value::as_f64);
        match text(row, "status") {
            "measured" => {}
            "not_measured" => assert!(number("value").is_none() && !text(row, "reason").is_empty(), "{what} gives no reason"),
            other => panic!("{what}: status {other}"),
        }
        if let (Some(value), "share") = (number("value"), text(row, "unit")) {
            assert!((0.0..=1.0).contains(&value), "{what}: {value}");
            if let (Some(low), Some(high)) = (number("ci_low"), number("ci_high")) {
                assert!(low <= value + 1e-12 && value <= high + 1e-12, "{what}: {low} <= {value} <= {high}");
            }
            // RV05 is a Kaplan-Meier share: its denominator counts cases, its value is no quotient.
            if let (Some(numerator), Some(denominator), false) =
                (number("numerator"), number("denominator"), text(row, "metric_id") == "RV05" || text(row, "statistic") == "share_within_target")
            {
                assert!((value - numerator / denominator).abs() < 1e-12, "{what}: {numerator}/{denominator} is not {value}");
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The reviewed summary
// ---------------------------------------------------------------------------------------------------------------------

/// The summary of the estate is the one that was read and committed. Nothing writes it but a person.
#[test]
fn the_summary_is_the_reviewed_one() {
    let made = fs::read_to_string(estate().folder.join("summary.md")).expect("summary.md");
    assert_reviewed("sample-data/estate-summary.md", &made);
}

/// docs/sample-summary.md is the same, made fit for reading in the repository as its first lines say.
#[test]
fn the_sample_in_the_docs_is_the_same_summary() {
    let Ok(committed) = fs::read_to_string(project().join("docs/sample-summary.md")) else {
        return crate::support::skipped("docs/sample-summary.md", "it is not there");
    };
    let made = fs::read_to_string(estate().folder.join("summary.md")).expect("summary.md");
    let link = regex::Regex::new(r"\[([^\]]+)\]\((parquet/[^)]*|run\.json|summary\.json)\)").expect("a fixed pattern");
    let mut text = String::new();
    let mut is_blank = false;
    for line in made.lines().filter(|line| !line.starts_with("![")) {
        if !(is_blank && line.is_empty()) {
            text += &format!("{}\n", link.replace_all(line, "`$1`"));
        }
        is_blank = line.is_empty();
    }
    let comment_end = committed.find("-->\n").map_or(0, |at| at + 4);
    let head = &committed[..comment_end + committed[comment_end..].len() - committed[comment_end..].trim_start_matches('\n').len()];
    assert_reviewed("docs/sample-summary.md", &format!("{head}{text}"));
}

fn assert_reviewed(path: &str, made: &str) {
    let place = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(path.rsplit('/').next().expect("a name"));
    let committed = fs::read_to_string(project().join(path)).unwrap_or_default();
    if committed != made {
        fs::write(&place, made).expect("the target folder can be written");
        let differs = committed.lines().zip(made.lines()).position(|(a, b)| a != b).unwrap_or(committed.lines().count().min(made.lines().count()));
        let line = |text: &str| text.lines().nth(differs).unwrap_or("(its end)").to_string();
        panic!(
            "{path} is not what a run makes, first in line {}:\n- {}\n+ {}\nlook at all of it, then commit it:\n  diff {path} {place}\n  cp {place} {path}",
            differs + 1,
            line(&committed),
            line(made),
            place = place.display(),
        );
    }
}
