//! What an attacker may try with the numbers: lines injected through headers and paths, forged tokens, wrong clocks, logs that
//! are handed in twice.

use crate::hostile::call;
use crate::support::{Row, Sources, read_frame, read_parquet, text};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn forged(claims: Value) -> String {
    format!("{}.{}.", URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// A whole record of the same format inside a field that clients fill: it stays inside that field.
#[test]
fn an_injected_line_becomes_no_record_and_changes_no_column() {
    let evil = call("injected").to_string().replace("orders", "stolen");
    let field = format!("x\"}}}}\n{evil}\n{{\"a\":\"");
    let mut record = call("real");
    record["request"]["headers"] = json!({"user-agent": field, "referer": field, "x-forwarded-for": field});
    record["request"]["uri"] = json!(format!("/orders?q={field}"));
    // As gateways write it: in JSON a line break is an escape, in text a byte of a client's is `\xHH` (nginx, Apache, Envoy).
    let escaped = field.replace('\\', "\\x5C").replace('"', "\\x22").replace('\n', "\\x0A");
    let nginx = format!(
        "203.0.113.9 - alice [04/May/2026:09:00:00 +0000] \"GET /orders?q={} HTTP/1.1\" 200 5 \"{escaped}\" \"{escaped}\"",
        escaped.replace(' ', "%20")
    );
    let plain = "203.0.113.9 - alice [04/May/2026:09:00:00 +0000] \"GET /orders HTTP/1.1\" 200 5 \"-\" \"curl\"";
    let sources = Sources::new().file("in/kong", format!("{record}\n")).file("in/nginx", format!("{nginx}\n{plain}\n"));
    let reading = sources.read();
    assert_eq!(reading.rejects.len(), 0, "{:?}", reading.rejects);
    assert_eq!((reading.ledger_of("kong").rows, reading.ledger_of("nginx").rows), (1, 2));
    for row in &reading.rows["requests"] {
        let told = json!(row).to_string();
        assert!(!told.contains("stolen") || !text(row, "api").contains("stolen"), "{told}");
        assert!(text(row, "request_id") != "injected" && text(row, "status") != "500", "{told}");
    }
    let [one, other] = [0, 1].map(|row| reading.rows["requests"].iter().filter(|row| text(row, "file").ends_with("nginx")).nth(row).expect("a row"));
    for column in ["event_time", "identity", "status", "method", "client_address", "decision", "auth_scheme"] {
        assert_eq!(one.get(column), other.get(column), "{column}");
    }
}

/// A comment in CSV that holds rows, and a cell that a spreadsheet would run, stay cells.
#[test]
fn an_injected_row_of_csv_stays_in_its_cell() {
    let text = "identity,owner,kind\nsvc-a,\"team\nsvc-evil,mallory,human\",workload\nsvc-b,=cmd(),workload\n";
    let reading = Sources::new().file("in/identities.csv", text).file("in/log", call("a").to_string()).read();
    let identities: Vec<&str> = reading.evidence.inventory.identities.iter().map(|entry| entry.identity.as_str()).collect();
    assert_eq!(identities, ["svc-a", "svc-b"]);
}

fn tables(folder: &Path) -> Vec<(String, Vec<Row>)> {
    ["identities", "credentials", "grants", "metrics"].map(|name| (name.to_string(), read_parquet(&folder.join(format!("parquet/{name}.parquet"))))).into()
}

/// A token that the gateway refused proves nothing: whom it names gets no scope, no live credential, and is not live.
#[test]
fn a_forged_token_in_a_refused_call_creates_nothing_that_lives() {
    let token =
        forged(json!({"client_id": "ghost", "jti": "forged-1", "scope": "admin orders.all", "iat": 1777885000, "exp": 9999999999i64, "cnf": {"jkt": "x"}}));
    let at = |id: &str, status: u16, headers: Value, consumer: Option<&str>| {
        let mut record = call(id);
        record["request"]["headers"] = headers;
        record["response"]["status"] = json!(status);
        if let Some(name) = consumer {
            record["consumer"] = json!({"username": name});
        }
        record.to_string()
    };
    let good = at("r-1", 200, json!({"apikey": "8f14e45fceea167a5a36dedd4bea2543-XYZ"}), Some("shop"));
    let refused: Vec<String> =
        [401, 403].iter().map(|status| at(&format!("f-{status}"), *status, json!({"authorization": format!("Bearer {token}")}), None)).collect();
    let run = |lines: &[String]| {
        let sources = Sources::new().file("in/log", lines.join("\n")).file("in/identities.csv", "identity,owner\nshop,payments\n");
        let (_, folder) = sources.run_in_out(&["--period", "2026-Q2"]);
        (tables(&folder), sources)
    };
    let (with, _kept) = run(&[vec![good.clone()], refused].concat());
    for (name, rows) in &with {
        for row in rows.iter().filter(|row| json!(row).to_string().contains("ghost") || json!(row).to_string().contains("forged-1")) {
            let told = json!(row).to_string();
            assert!(name != "grants", "a grant: {told}");
            let is_live = ["is_live", "live", "live_credentials", "granted", "used"]
                .iter()
                .any(|column| matches!(row.get(*column), Some(Value::Bool(true))) || row.get(*column).and_then(Value::as_i64).unwrap_or(0) > 0);
            assert!(!is_live, "{name}: {told}");
        }
    }
    // Measures of who may do what are those without the forged calls.
    let (without, _kept) = run(&[good]);
    let values = |tables: &[(String, Vec<Row>)], id: &str| {
        let rows = &tables[3].1;
        rows.iter().filter(|row| text(row, "metric_id").starts_with(id)).map(|row| json!(row).to_string()).collect::<Vec<_>>()
    };
    for id in ["SP", "ID", "TK", "SC", "RV"] {
        assert_eq!(values(&with, id), values(&without, id), "{id}");
    }
}

/// A revocation and calls around it: what is accepted within the grace after it is no late call, one moment later is.
#[test]
fn clocks_that_differ_by_the_grace_change_no_verdict() {
    let revoked = 1777885200i64;
    let late_calls = |seconds: i64| {
        let mut record = call("r-1");
        record["started_at"] = json!((revoked + seconds) * 1000);
        record["request"]["headers"] = json!({"authorization": format!("Bearer {}", forged(json!({"jti": "j-1", "client_id": "shop"})))});
        let ticket = json!({"key": "SEC-1", "fields": {
            "created": "2026-05-04T08:00:00.000+0000", "labels": ["credential-revocation"], "status": {"name": "Revoked", "statusCategory": {"key": "done"}}, "priority": {"name": "High"},
            "summary": "Revoke", "description": "Detected at: 2026-05-04T07:00:00Z\nRevoked at: 2026-05-04T09:00:00Z\nCredential: jti:j-1\nIdentity: shop",
        }});
        let sources = Sources::new().file("in/log", record.to_string()).file("in/jira.ndjson", ticket.to_string());
        let (_, folder) = sources.run_in_out(&["--period", "2026-Q2", "--only", "RV"]);
        let metrics = read_parquet(&folder.join("parquet/metrics.parquet"));
        let is_headline = |row: &&Row| {
            text(row, "metric_id") == "RV03" && text(row, "statistic") == "value" && text(row, "period") == "2026-Q2" && text(row, "segment_kind") == "all"
        };
        metrics.iter().find(is_headline).and_then(|row| row["value"].as_f64())
    };
    assert_eq!([-299, 0, 300].map(late_calls), [Some(0.0); 3]);
    assert_eq!(late_calls(301), Some(1.0), "the search finds a late call");
}

/// A log that is handed in twice, under another name or packed in another way, changes no number, ids or not.
#[test]
fn a_log_given_twice_changes_nothing() {
    let mut samples: Vec<(&str, String)> = Vec::new();
    samples.push(("ids", (0..50).map(|number| call(&format!("r-{number}")).to_string() + "\n").collect()));
    let line = |number: u32| {
        format!("203.0.113.{number} - alice [04/May/2026:09:00:{:02} +0000] \"GET /orders/{number} HTTP/1.1\" 200 5 \"-\" \"curl\"\n", number % 60)
    };
    samples.push(("plain", (0..50).map(line).collect()));
    let values = |sources: &Sources| {
        let (finished, folder) = sources.run_in_out(&["--period", "2026-Q2"]);
        (
            finished,
            ["metrics", "apis", "identities"].map(|name| read_parquet(&folder.join(format!("parquet/{name}.parquet")))),
            read_frame(&folder.join("parquet/frames"), "requests").len(),
        )
    };
    let once = Sources::new();
    samples.iter().for_each(|(name, content)| once.put(&format!("in/{name}"), content));
    let (_, tables, calls) = values(&once);
    assert_eq!(calls, 100);
    let twice = Sources::new();
    for (name, content) in &samples {
        twice.put(&format!("in/{name}"), content);
        twice.put(&format!("in/{name}-again"), content);
        twice.put(&format!("in/{name}.gz"), crate::ledger::gzip(content.as_bytes()));
    }
    let (finished, again, calls) = values(&twice);
    assert_eq!(calls, 100);
    assert_eq!(again, tables);
    assert!(finished.stderr.contains("in/plain-again: the same bytes as in/plain"), "{}", finished.stderr);
    let reading = twice.read();
    let copy = reading.ledger_of("plain.gz");
    assert_eq!((copy.records, copy.duplicates, copy.rows), (50, 50, 0), "the ledger has every record of the copy");
}

/// Text from logs is text in every output: no markup, no formula, no control character.
#[test]
fn hostile_text_stays_text_in_every_output() {
    let evil = "<script>alert(1)</script>|`a`[x](http://evil)\u{202e}=cmd()";
    let lines: Vec<String> = (0..20)
        .map(|number| {
            let mut record = call(&format!("r-{number}"));
            record["service"] = json!({"name": evil});
            record["consumer"] = json!({"username": evil});
            // A bearer call: its API and its caller are among the offenders that reports name.
            record["request"]["headers"] = json!({"authorization": format!("Bearer {}", forged(json!({"client_id": evil})))});
            record.to_string()
        })
        .collect();
    let sources = Sources::new().file("in/log", lines.join("\n"));
    let (finished, folder) = sources.run_in_out(&[]);
    assert!(!finished.stderr.contains('\u{202e}'));
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("a report");
    let (html, markdown) = (text("summary.html"), text("summary.md"));
    assert!(html.contains("alert(1)") && markdown.contains("alert(1)"), "both name it");
    assert!(!html.contains("<script>alert"), "HTML escapes it");
    let spans = regex::Regex::new("``[^\\n]*?``").expect("a fixed pattern");
    let outside = spans.replace_all(&markdown, "");
    assert!(!outside.contains("<script>") && !outside.contains("evil"), "in Markdown it stands in code alone");
    assert!(!html.contains('\u{202e}') && !markdown.contains('\u{202e}'));
}
