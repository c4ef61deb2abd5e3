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

/// A text format: its pack, what stands above its lines, and a line with `{N}` a number of two digits and `{V}` where clients
/// write: path, user agent, referrer, user name, header.
struct TextFormat {
    pack: &'static str,
    head: &'static str,
    line: &'static str,
    /// How the gateway writes a double quote that a client sent, if it may at all; none: it writes it as it is.
    quote: Option<&'static str>,
}

const TEXT_FORMATS: [TextFormat; 16] = [
    TextFormat {
        pack: "nginx",
        head: "",
        line: r#"203.0.113.9 - a{V} [04/May/2026:09:00:{N} +0000] "GET /v1/o{V}?q={V} HTTP/1.1" 200 5 "r{V}" "u{V}""#,
        quote: Some(r"\x22"),
    },
    TextFormat {
        pack: "apache",
        head: "",
        line: r#"www.example.com:443 203.0.113.9 - a{V} [04/May/2026:09:00:{N} +0000] "GET /v1/o?q={V} HTTP/1.1" 200 5 "r{V}" "u{V}""#,
        quote: Some(r#"\""#),
    },
    TextFormat {
        pack: "traefik_clf",
        head: "",
        line: r#"203.0.113.9 - a{V} [04/May/2026:09:00:{N} +0000] "GET /v1/o?q={V} HTTP/1.1" 200 5 "r{V}" "u{V}" 501 "orders@docker" "http://172.17.0.3:80" 1ms"#,
        quote: Some("%22"),
    },
    TextFormat {
        pack: "aws_apigateway_clf",
        head: "",
        line: r#"203.0.113.9 AIDAEXAMPLE a{V} [04/May/2026:09:00:{N} +0000] "GET /v1/o{V} HTTP/1.1" 200 48 c12d1542-b79e-4e79-a158-fdf36452a8{N}"#,
        quote: Some("%22"),
    },
    TextFormat {
        pack: "haproxy_text",
        head: "",
        line: r#"May  4 09:00:{N} lb1 haproxy[812]: 203.0.113.9:14853 [04/May/2026:09:00:{N}.127] https-in~ orders/node1 170/0/0/3/173 200 739 - - ---- 0/0/0/0/0 0/0 {api.example.com|u{V}} "GET /v1/o?q={V} HTTP/1.1""#,
        quote: Some("#22"),
    },
    TextFormat {
        pack: "haproxy_kv",
        head: "",
        line: r#"client_ip=203.0.113.9 client_port=50031 datetime_of_request=[04/May/2026:09:00:{N}.127] frontend_name_transport=https-in~ backend_name=orders server_name=node1 time_to_receive_full_req=0 Tw=0 Tc=0 response_time=18 active_time_of_request=18 status_code=200 bytes_read=200 captured_request_cookie=- captured_response_cookie=- termination_state_with_cookie_status=---- actconn=2 feconn=2 beconn=2 srv_conn=0 retries=0 srv_queue=0 backend_queue=0 server_ip=10.0.0.1 server_port=80 frontend_name=https-in http_method=GET http_request_uri_without_query=/v1/o http_request_query_string="q={V}" http_request_uri=/v1/o"#,
        quote: Some("#22"),
    },
    TextFormat {
        pack: "envoy_text",
        head: "",
        line: r#"[2026-05-04T09:00:{N}.250Z] "GET /v1/o HTTP/1.1" 200 - 0 43 217 216 "203.0.113.9" "u{V}" "c62ec130-0000-4000-8000-0000000000{N}" "api.example.com:443" "10.0.0.2:80""#,
        quote: None,
    },
    TextFormat {
        pack: "istio_text",
        head: "",
        line: r#"[2026-05-04T09:00:{N}.250Z] "GET /v1/o HTTP/1.1" 200 - via_upstream - "-" 0 19 1 - "-" "u{V}" "c62ec130-0000-4000-8000-0000000000{N}" "orders:8000" "-" inbound|8000|| - 10.9.3.1:8000 172.17.0.6:44690 outbound_.8000_._.orders.shop.svc.cluster.local default"#,
        quote: None,
    },
    TextFormat {
        pack: "aws_alb",
        head: "",
        line: r#"https 2026-05-04T09:00:{N}.463821Z app/edge/490d68edf04676fe 203.0.113.9:44741 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET https://api.example.com:443/v1/o?q={V} HTTP/1.1" "u{V}" - - arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/orders/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d999231{N}" "api.example.com" "-" 0 2026-05-04T09:00:00.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#,
        quote: Some(r"\x22"),
    },
    TextFormat {
        pack: "aws_elb",
        head: "",
        line: r#"2026-05-04T09:00:{N}.945958Z edge-classic 203.0.113.9:2817 10.0.0.1:80 0.000086 0.001048 0.001337 200 200 0 57 "GET https://api.example.com:443/v1/o?q={V} HTTP/1.1" "u{V}" DHE-RSA-AES128-SHA TLSv1.2"#,
        quote: Some(r"\x22"),
    },
    TextFormat {
        pack: "iis_w3c",
        head: "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status sc-substatus sc-win32-status time-taken\n",
        line: "2026-05-04 09:00:{N} 10.0.0.1 GET /v1/o q={V} 443 a{V} 203.0.113.9 u{V} 200 0 0 12",
        quote: None,
    },
    TextFormat {
        pack: "aws_cloudfront",
        head: "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header\n",
        line: "2026-05-04\t09:00:{N}\tCDG50-P2\t703\t203.0.113.9\tGET\td111111abcdef8.cloudfront.net\t/v1/o\t200\tr{V}\tu{V}\tq={V}\t-\tHit\t375WZmnR4hhhnlZKNn0D{N}==\tapi.example.com",
        quote: Some("%22"),
    },
    TextFormat {
        pack: "tyk_text",
        head: "",
        line: r#"2026-05-04T09:00:{N}.250000000Z stdout F time="May 04 09:00:{N}" level=info api_id=b1a41c9a89984ffd api_name=orders org_id=678e prefix=access-log client_ip="203.0.113.9" method=GET path="/v1/o{V}" status=200"#,
        quote: Some(r#"\""#),
    },
    TextFormat {
        pack: "krakend",
        head: "",
        line: r#"[GIN] 2026/05/04 - 09:00:{N} | 200 |    1.234567ms |    203.0.113.9 | GET      "/v1/o?q={V}""#,
        quote: None,
    },
    TextFormat {
        pack: "litellm_uvicorn",
        head: "",
        line: r#"2026-05-04T09:00:{N}.25Z INFO:     203.0.113.9:52782 - "POST /v1/o?q={V} HTTP/1.1" 200 OK"#,
        quote: Some("%22"),
    },
    TextFormat { pack: "own", head: "", line: r#"2026-05-04T09:00:{N}Z|203.0.113.9|a{V}|GET|/v1/o|200|u{V}"#, quote: None },
];

/// A user's own format, read by a regular expression.
const OWN: &str = r#"id = "own"
title = "Our own"
kind = "gateway"
decoder = "regex"
text.expressions = ['^(?<ts>[^|]+)\|(?<ip>[^|]+)\|(?<who>[^|]*)\|(?<verb>[A-Z]+)\|(?<path>[^|]*)\|(?<code>[0-9]{3})\|(?<agent>.*)$']

[detect]
required = ["ts", "ip", "code"]

[request]
event_time = "ts"
method = "verb"
route = { path = "path", template = true }
identity = "who"
status = "code"
client_address = "ip"
shows_authorization = {}
"#;

/// What a client sends to be taken for the end of its field and for another record. `"` stands as the gateway writes it.
fn attacks(format: &TextFormat) -> Vec<String> {
    let other = format.line.replace("{V}", "x").replace("{N}", "58").replace("203.0.113.9", "198.51.100.66").replace("200", "500").replace("GET", "DELETE");
    let other = if format.quote.is_some() { other.replace('"', format.quote.unwrap_or_default()) } else { other };
    let quote = format.quote.unwrap_or("\"");
    // Blanks and tabs end fields in formats that do not quote: there gateways write them as `+` or `%20`.
    let is_unquoted = !format.line.contains('"');
    let sent = |text: String| if is_unquoted { text.replace(' ', "+").replace('\t', "%09") } else { text };
    let mut attacks: Vec<String> =
        ["\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\\n", "\\x0A", "%0A", "\u{0}"].iter().map(|end| sent(format!("{end}{other}"))).collect();
    attacks.push(sent(format!("{quote} 500 9 {quote}-{quote} {quote}x")));
    attacks.push(sent(quote.to_string()));
    attacks.push(sent(format!("{quote}{quote} HTTP/1.1{quote} 500 {quote}")));
    attacks.push(sent("\t500\t198.51.100.66\tDELETE".into()));
    attacks.push("\\\\".into());
    attacks.push("] [04/May/2026:09:00:59 +0000".replace(' ', if is_unquoted { "+" } else { " " }));
    attacks.push("}{evil|".into());
    attacks.push("'\\'".into());
    attacks
}

/// In every text format and every field that clients fill: a line is one record, which is read as it would be without the attack
/// or is a reject; and the lines around it are what they were.
#[test]
fn no_text_format_takes_a_clients_text_for_a_record_or_a_column() {
    let mut told = Vec::new();
    for format in &TEXT_FORMATS {
        let attacks = attacks(format);
        // Before each attacked line a plain one.
        let n_lines = 2 * attacks.len();
        let plain: Vec<String> = (0..n_lines).map(|number| line_of(format, number, None)).collect();
        let (records, expected, _) = read_as(format, &plain);
        assert_eq!((records, expected.len()), (n_lines as u64, n_lines), "{}: the lines themselves are read", format.pack);
        for field in 0..format.line.matches("{V}").count() {
            let line = |number: usize| line_of(format, number, (number % 2 == 1).then(|| (field, attacks[number / 2].as_str())));
            let (records, rows, rejects) = read_as(format, &(0..n_lines).map(line).collect::<Vec<_>>());
            let place = |number: usize| format!("{} field {field} {:?}", format.pack, attacks[number / 2]);
            if records != n_lines as u64 || rows.len() as u64 + rejects != records {
                told.push(format!("{} field {field}: {records} records, {} rows, {rejects} rejects of {n_lines} lines", format.pack, rows.len()));
            }
            let n_plain = rows.iter().filter(|row| number_of(format, row).is_multiple_of(2)).count();
            if n_plain != attacks.len() {
                told.push(format!("{} field {field}: {n_plain} plain lines are rows", format.pack));
            }
            for row in &rows {
                let number = number_of(format, row);
                let Some(plain) = expected.iter().find(|plain| number_of(format, plain) == number) else {
                    told.push(format!("{} field {field}: a record that no line is: {}", format.pack, json!(row)));
                    continue;
                };
                let own = format.line.match_indices("{V}").nth(field).is_some_and(|(at, _)| format.line[..at].ends_with(['a', ' ']));
                let differs = |column: &&str| plain.get(*column) != row.get(*column) && !(own && *column == "identity" && number % 2 == 1);
                let columns = ["event_time", "identity", "status", "method", "client_address", "decision", "auth_scheme", "api", "request_id", "proof"];
                let differing: Vec<&str> = columns.into_iter().filter(differs).collect();
                if !differing.is_empty() {
                    told.push(format!("{}: {differing:?} differ: {}", place(number), json!(row)));
                }
            }
        }
    }
    assert!(told.is_empty(), "{}:\n{}", told.len(), told.join("\n"));
}

/// A line with its number, and an attack in one of the fields that clients fill.
fn line_of(format: &TextFormat, number: usize, attack: Option<(usize, &str)>) -> String {
    let mut pieces = format.line.split("{V}").enumerate();
    let mut line = pieces.next().map(|(_, first)| first.to_string()).unwrap_or_default();
    for (place, piece) in pieces {
        line += attack.filter(|(field, _)| *field + 1 == place).map_or("", |(_, attack)| attack);
        line += piece;
    }
    line.replace("{N}", &format!("{:02}", number))
}

/// The number of the line that a row says it is.
fn number_of(format: &TextFormat, row: &Row) -> usize {
    row["record"].as_u64().unwrap_or(0) as usize - 1 - format.head.lines().count()
}

/// Records, rows and rejects of lines that are read as their format.
fn read_as(format: &TextFormat, lines: &[String]) -> (u64, Vec<Row>, u64) {
    let sources = Sources::new().file("in/log", format!("{}{}\n", format.head, lines.join("\n")));
    if format.pack == "own" {
        sources.put("credlens.toml", "packs = [\"own.toml\"]\n");
        sources.put("own.toml", OWN);
    }
    let reading = crate::support::Reading::new(&[sources.path().join("in")], Some(&sources.path().join("credlens.toml")), Some(format.pack));
    let counts = reading.ledger_of("log");
    let head = format.head.lines().count() as u64;
    (counts.records - head, reading.rows["requests"].clone(), counts.rejects + counts.skipped + counts.duplicates - head)
}
