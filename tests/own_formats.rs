//! A user's own format, named in credlens.toml: each decoder, changes of a built-in pack, and mistakes told with file, line
//! and hint. And `inspect`, which shows what a pack makes of a file.

use crate::support::{Reading, Row, Sources};
use serde_json::{Value, json};

/// One file `in/log` and a configuration that names `own.toml`.
fn with_pack(pack: &str, log: &str) -> Sources {
    Sources::new().file("own.toml", pack).file("in/log", log).file("credlens.toml", "packs = [\"own.toml\"]\n")
}

fn only_row<'a>(reading: &'a Reading, frame: &str) -> &'a Row {
    assert_eq!(reading.format_of("log"), Some("own"), "{:?}", reading.evidence.files[0].state);
    let rows = &reading.rows[frame];
    assert_eq!(rows.len(), 1, "{:?}", reading.rejects);
    &rows[0]
}

fn check(row: &Row, expected: Value) {
    for (column, value) in expected.as_object().unwrap() {
        assert_eq!(row.get(column).unwrap_or(&Value::Null), value, "{column}");
    }
}

#[test]
fn json_paths() {
    let pack = r#"
id = "own"
title = "Our proxy"
kind = "gateway"
wrappers = ["batch.calls"]
date_order = "day_first"
zone = "Europe/Paris"
[detect]
required = ["when", "http.code"]
[request]
event_time = { path = "when", form = "locale" }
api = "svc.name"
method = "http.verb"
route = { path = "http.path", template = true }
identity = "headers[name~=x-client].value"
status = "http.code"
"#;
    let log = r#"{"batch":{"calls":[{"when":"02/08/2026 10:45:00 AM","http":{"code":"403","verb":"get","path":"/a/17"},"svc":{"name":"pay"},"headers":[{"name":"X-Client","value":"c1"}]}]}}"#;
    let reading = with_pack(pack, log).read();
    let expected = json!({"event_time": "2026-08-02T08:45:00Z", "api": "pay", "method": "GET", "route": "/a/{id}", "identity": "c1", "status": 403, "decision": "blocked"});
    check(only_row(&reading, "requests"), expected);
}

#[test]
fn a_record_may_hold_several_calls_or_tickets() {
    let pack = r#"
id = "own"
title = "Our batches"
kind = "gateway"
[detect]
required = ["batch"]
any_of = [["calls", "leaks"]]
[request]
each = "calls[*]"
keep = { path = "@each.code", present = true }
event_time = "at"
request_id = "batch"
api = "@each.api"
authorization = "@each.auth"
credential = "@token"
status = "@each.code"
[ticket]
each = "leaks"
tracker = "own"
ticket = "@each.id"
reported_at = { path = "@each.at", form = "any" }
"#;
    let call = |api: &str, auth: Option<&str>| json!({"api": api, "auth": auth, "code": 200});
    let calls =
        json!({"batch": "b1", "at": "2026-05-01T00:00:00Z", "calls": [call("a", Some("Bearer 0123456789abcdefABCDEF")), call("b", None), {"api": "x"}]});
    let leaks = json!({"batch": "b2", "leaks": [{"id": "L1", "at": "2026-05-01"}, {"id": "L2", "at": "2026-05-02"}]});
    let broken = json!({"batch": "b3", "leaks": [{"id": "L3", "at": "2026-05-01"}, {"at": "2026-05-02"}]});
    let log = format!("{calls}\n{leaks}\n{broken}\n{calls}\n");
    let reading = with_pack(pack, &log).read();
    let rows: Vec<_> = reading.rows["requests"].iter().map(|row| (row["api"].clone(), row.get("credential").is_some_and(|value| !value.is_null()))).collect();
    assert_eq!(rows, [(json!("a"), true), (json!("b"), false)], "a token is that of its call, and the second record is a replay of the first");
    let tickets: Vec<_> = reading.rows["revocation_tickets"].iter().map(|row| row["ticket"].clone()).collect();
    assert_eq!(tickets, [json!("L1"), json!("L2")]);
    let counts = reading.ledger_of("log");
    assert_eq!((counts.records, counts.rows, counts.duplicates, counts.rejects), (4, 2, 1, 1), "{:?}", reading.evidence.rejects.counts());
}

#[test]
fn csv_columns() {
    let pack = r#"
id = "own"
title = "Our export"
kind = "idp"
decoder = "csv"
[detect]
required = ["Day", "Clock", "What"]
[identity_event]
provider = { path = "Vendor" }
event_time = { join = ["Day", "Clock"], separator = " ", form = "locale" }
event_type = "What"
outcome = { path = "Result", map = { OK = "success", NOK = "failure" } }
defaults.identity = "Who"
[[identity_event.action]]
event = ["key.revoke"]
is = "credential_revoked"
columns.credential = { path = "Key", prefix = "key:" }
"#;
    let log = "Day;Clock;What;Who;Key;Result;Vendor\n1.5.2026;8:30 PM;key.revoke;svc;k1;NOK;acme-idp\n2.5.2026;;key.revoke;svc;k1;OK;\n";
    let reading = with_pack(pack, log).read();
    let expected = json!({
        "event_time": "2026-05-01T20:30:00Z", "provider": "acme-idp", "action": "credential_revoked", "outcome": "failure", "identity": "svc", "credential": "key:k1",
    });
    check(only_row(&reading, "identity_events"), expected);
    assert_eq!(reading.rejects[0].reason, "missing_event_time", "a day without its clock is no instant");
}

#[test]
fn format_strings() {
    let pack = r#"
id = "own"
title = "Our log"
kind = "gateway"
decoder = "pattern"
text.formats = ['$at|$host|"$request"|$code|$who']
text.shapes = { code = "number" }
[detect]
required = ["at", "code"]
priority = 50
[request]
event_time = { path = "at", form = "any" }
api = "host"
method = "request.method"
route = { path = "request.target", template = true }
identity = "who"
status = "code"
"#;
    let reading = with_pack(pack, "1777885200.5|pay.example.com|\"GET /x/7 HTTP/1.1\"|200|svc-a\n").read();
    let expected = json!({"event_time": "2026-05-04T09:00:00.500Z", "api": "pay.example.com", "route": "/x/{id}", "identity": "svc-a", "status": 200});
    check(only_row(&reading, "requests"), expected);
}

#[test]
fn regular_expressions() {
    let pack = r#"
id = "own"
title = "Our tracker's mail"
kind = "ticket"
decoder = "regex"
text.expressions = ['^(?<key>T-\d+) opened (?<t__opened>\S+) (?<note>.*)$']
[detect]
required = ["key"]
priority = 50
[ticket]
tracker = "mail"
ticket = "key"
reported_at = "t.opened"
text = ["missing", "note"]
"#;
    let reading = with_pack(pack, "T-1 opened 2026-05-01T00:00:00Z Credential: key:ak1\nnoise\n").read();
    check(
        only_row(&reading, "revocation_tickets"),
        json!({"ticket": "T-1", "tracker": "mail", "reported_at": "2026-05-01T00:00:00Z", "credential": "key:ak1"}),
    );
    assert_eq!(reading.rejects.len(), 1);
}

#[test]
fn a_tickets_texts_may_stand_in_several_places() {
    let pack = r#"
id = "own"
title = "Our tracker"
kind = "ticket"
[detect]
required = ["key", "opened"]
[ticket]
tracker = { path = "site" }
ticket = "key"
reported_at = "opened"
text = ["body", "comments[*].body"]
"#;
    let log = json!({
        "key": "T-1", "opened": "2026-05-01T00:00:00Z", "body": "Identity: svc-a\nRevoked at: 2026-05-02T00:00:00Z",
        "comments": [{"body": "Credential: key:ak1"}, {"body": "Revoked at: May 3, 2026, 1:00 PM"}],
    });
    let reading = with_pack(pack, &log.to_string()).read();
    let expected = json!({"tracker": "own", "identity": "svc-a", "credential": "key:ak1", "revoked_at": "2026-05-03T13:00:00Z"});
    check(only_row(&reading, "revocation_tickets"), expected);
}

#[test]
fn fields_of_a_built_in_pack_may_be_filled_in_another_way() {
    let kong = json!({
        "started_at": 1777885200000i64, "request": {"id": "r1", "method": "GET", "uri": "/orders", "headers": {"x-tenant": "t7"}}, "response": {"status": 200, "headers": {}},
        "service": {"name": "orders"}, "latencies": {}, "tries": [], "env": "prod",
    });
    let config = "[sources.kong.request]\nidentity = 'request.headers.x-tenant'\nenvironment = { path = 'env', upper = true }\n";
    let reading = Sources::new().file("in/log", kong.to_string()).file("credlens.toml", config).read();
    let row = &reading.rows["requests"][0];
    check(row, json!({"identity": "t7", "environment": "PROD", "api": "orders", "request_id": "r1"}));
    let nginx =
        "[sources.nginx]\nformat = '$msec $host \"$request\" $status $who'\nrequest = { identity = 'who', event_time = { path = 'msec', form = 'epoch' } }\n";
    let reading = Sources::new().file("in/log", "1777885200.250 pay.example.com \"GET /a HTTP/1.1\" 200 svc-b\n").file("credlens.toml", nginx).read();
    assert_eq!(reading.format_of("log"), Some("nginx"));
    check(&reading.rows["requests"][0], json!({"identity": "svc-b", "event_time": "2026-05-04T09:00:00.250Z", "status": 200}));
}

#[test]
fn dates_of_a_source_are_read_in_its_order_and_zone() {
    let own = "id = 'own'\ntitle = 'Ours'\nkind = 'gateway'\n[detect]\nrequired = ['when']\n[request]\nevent_time = { path = 'when', form = 'locale' }\n";
    let log = "{\"when\":\"03/04/2026 08:00\"}\n{\"when\":\"13/04/2026 08:00\"}\n";
    let unknown = with_pack(own, log).read();
    assert_eq!(unknown.rejects.iter().map(|reject| (reject.record, reject.reason)).collect::<Vec<_>>(), [(1, "ambiguous_date")]);
    let ticket = json!({"result": [{"number": "INC1", "sys_id": "s", "opened_at": "03/04/2026 08:00:00", "short_description": "revoke a key", "state": "1"}]});
    let read = |config: &str| Sources::new().file("in/log", ticket.to_string()).file("credlens.toml", config).read();
    let config = |order: &str| {
        format!(
            "[sources.servicenow]\ndate_order = \"{order}\"\nzone = \"America/New_York\"\nticket.reported_at = {{ path = \"opened_at\", form = \"locale\" }}\n"
        )
    };
    check(&read(&config("day_first")).rows["revocation_tickets"][0], json!({"reported_at": "2026-04-03T12:00:00Z"}));
    check(&read(&config("month_first")).rows["revocation_tickets"][0], json!({"reported_at": "2026-03-04T13:00:00Z"}));
}

#[test]
fn mistakes_are_told_with_file_line_and_hint() {
    let pack = "id = \"own\"\ntitle = \"Ours\"\nkind = \"gateway\"\n[detect]\nrequired = [\"a\"]\n[request]\nevent_time = \"a\"\napi = \"b\"\n";
    let wrong = [
        ("api = \"b\"", "ap = \"b\"", "own.toml:8", "unknown field `ap`"),
        ("api = \"b\"", "api = { path = \"b\", extract = \"(\" }", "own.toml:8", "no regular expression"),
        ("api = \"b\"", "api = \"b[x]\"", "own.toml:8", "unknown step `[x]`"),
        ("kind = \"gateway\"", "kind = \"gate\"", "own.toml:3", "unknown variant `gate`"),
        ("event_time = \"a\"", "", "own.toml:6", "needs `event_time`"),
        ("[detect]", "zone = \"Paris\"\n[detect]", "own.toml:4", "`Paris` is no time zone"),
        ("[detect]", "decoder = \"regex\"\ntext.expressions = ['(?<a>']\n[detect]", "own.toml:5", "no regular expression"),
        ("api = \"b\"", "verdict = [{ when = {}, decision = \"maybe\" }]", "own.toml:8", "`maybe`"),
    ];
    for (from, to, place, message) in wrong {
        let told = with_pack(&pack.replace(from, to), "{}").run(&["run", "in"]);
        assert_eq!(told.status, Some(2), "{to}");
        for part in ["error[A003]", place, message, "hint:"] {
            assert!(told.stderr.contains(part), "{to}: no {part} in {}", told.stderr);
        }
    }
    let changes = [
        ("[sources.kong.request]\n\nidentity = 'a[x]'\n", "credlens.toml:3", "unknown step `[x]`"),
        ("\n[sources.kong.request]\nidentty = 'a'\n", "credlens.toml:3", "unknown field `identty`"),
        ("[sources.kongg]\nyear = 2026\n", "credlens.toml:1", "no pack is called `kongg`"),
        ("[sources.kong]\nformat = '$a'\n", "credlens.toml:1", "takes no format string"),
        ("[sources.keycloak_text]\ndate = '20 May'\n", "credlens.toml", "`20 May` is no date"),
        ("[sources.kong]\ndate_order = 'year_first'\n", "credlens.toml", "year_first"),
    ];
    for (config, place, message) in changes {
        let told = Sources::new().file("in/log", "{}").file("credlens.toml", config).run(&["run", "in"]);
        assert_eq!(told.status, Some(2), "{config}");
        for part in ["error[A003]", place, message, "hint:"] {
            assert!(told.stderr.contains(part), "{config}: no {part} in {}", told.stderr);
        }
    }
}

#[test]
fn inspect_shows_why_which_field_and_what_nothing_takes() {
    let pack = r#"
id = "own"
title = "Our proxy"
kind = "gateway"
[detect]
required = ["when", "code"]
any_of = [["svc", "service"]]
[request]
event_time = "when"
api = ["service", "svc"]
status = "code"
scopes = "scp"
identity = { join = ["realm", "who"], separator = "/" }
authorization = "auth"
"#;
    let record = |seconds: u64, extra: &str| {
        format!(
            r#"{{"when":"2026-05-01T00:00:{seconds:02}Z","code":401,"svc":"pay","realm":"r","who":"w","scp":["a","b"],"colour":"red","secret":"hunter2"{extra}}}"#
        )
    };
    let log = format!("{}\n{}\n{{\"when\":\"x\",\"code\":1}}\n", record(2, ",\"rare\":{\"deep\":[1]}"), record(1, ""));
    let inspected = with_pack(pack, &log).run(&["inspect", "in/log", "--records", "1"]);
    assert_eq!(inspected.status, Some(0), "{}", inspected.stderr);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = inspected.stdout.lines().map(words).collect();
    for line in [
        "in/log: own (Our proxy)",
        "why: records have `when`, `code`",
        "why: `svc` (one of `svc`, `service`)",
        "why: one record a line",
        "3 records: 2 rows, 0 duplicates, 0 of no interest, 1 rejects",
        "rejected: 1 for bad_timestamp, first record 3",
        "requests row 1 of record 2",
        "event_time 2026-05-01T00:00:01Z <- when",
        "api pay <- svc",
        "status 401 <- code",
        "decision blocked <- code",
        "scopes a b <- scp",
        "identity r/w <- realm + who",
        "2 colour",
        "2 secret",
        "1 rare.deep[*]",
    ] {
        assert!(lines.iter().any(|other| other == line), "no `{line}` in\n{}", inspected.stdout);
    }
    assert!(!inspected.stdout.contains("hunter2"), "values that no column takes are not shown");
    assert!(!lines.iter().any(|line| line.contains("requests row 2")));
}

#[test]
fn inspect_shows_what_an_inventory_gives() {
    let document = json!({
        "openapi": "3.0.3", "info": {"title": "Orders", "version": "1"}, "tags": [{"name": "t"}], "servers": [{"url": "https://api.example/v1"}],
        "components": {"securitySchemes": {"o": {"type": "oauth2"}}, "schemas": {"S": {"type": "object"}}},
        "paths": {"/a": {"get": {"security": [{"o": ["a:read"]}], "summary": "text"}, "post": {}}},
    });
    let realm = json!({"realm": "r", "clients": [{"clientId": "c", "serviceAccountsEnabled": true, "redirectUris": ["x"], "secret": "hunter2"}]});
    let sources = Sources::new()
        .file("api.json", serde_json::to_string_pretty(&document).unwrap())
        .file("realm.json", serde_json::to_string_pretty(&realm).unwrap())
        .file("who.csv", "identity,kind,created_at,team\na,Workload,2026-05-01T02:00:00+02:00,x\n,human,,y\n")
        .file("register.toml", "[[exception]]\nid = \"E\"\ncontrol = \"ttl\"\napi = \"a\"\napproved_at = \"2026-05-01\"\nticket = \"T-1\"\n");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = |file: &str| sources.run(&["inspect", file]).stdout.lines().map(words).collect::<Vec<_>>();
    let has = |file: &str, wanted: &[&str]| {
        let lines = told(file);
        wanted.iter().for_each(|line| assert!(lines.iter().any(|other| other == line), "no `{line}` in\n{}", lines.join("\n")));
    };
    has("api.json", &["apis row of record 1", "api Orders <- info.title", "base_paths /v1 <- servers[*].url", "operation GET /a demands a:read"]);
    has("api.json", &["operation POST /a says nothing of scopes", "1 components.schemas", "1 tags[*].name", "1 info.version"]);
    has("realm.json", &["identity c <- client.clientId", "1 clients[*].redirectUris[*]", "1 clients[*].secret", "why: the document has `realm`"]);
    assert!(!told("realm.json").join(" ").contains("hunter2"), "values that no column takes are not shown");
    has(
        "who.csv",
        &["identities row of record 2", "kind workload", "created_at 2026-05-01T00:00:00Z", "2 team", "rejected: 1 for missing_identity, first record 3"],
    );
    assert!(!told("who.csv").contains(&"identities row of record 3".to_string()), "a rejected record is no row");
    has("register.toml", &["exceptions row of record 1", "control ttl", "1 ticket", "why: tables called `exception`"]);
}

#[test]
fn records_in_columns_of_csv_behind_words_and_in_base64_are_read() {
    let event = |id: &str| {
        json!({"eventType": "user.session.start", "published": "2026-05-19T06:00:00.123Z", "uuid": id, "actor": {"id": "u"}, "outcome": {"result": "SUCCESS"}})
            .to_string()
    };
    let quoted = |id: &str| event(id).replace('"', "\"\"");
    let pushed = json!({"message": {"data": base64_of(&event("e4"))}});
    let sources = Sources::new()
        .file("in/table.csv", format!("_time,_raw,host\nt,\"{}\",h\nt,\"{}\",h\nt,,h\n", quoted("e1"), quoted("e2")))
        .file("in/words.log", format!("2026-05-19T06:00:01Z\tokta\t{}\n", event("e3")))
        .file("in/push.json", format!("{pushed}\n"))
        .file("in/sequence.json", format!("\u{1e}{}\n\u{1e}{}\n", event("e5"), event("e6")));
    let reading = sources.read();
    let mut ids: Vec<&Value> = reading.rows["identity_events"].iter().map(|row| &row["event_id"]).collect();
    ids.sort_by_key(|id| id.to_string());
    assert_eq!(ids, ["e1", "e2", "e3", "e4", "e5", "e6"], "{:?}", reading.evidence.rejects.counts());
    assert_eq!(reading.ledger_of("table.csv").records, 3);
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn inspect_tells_carriers_events_and_directives() {
    let activity = json!({
        "kind": "admin#reports#activity", "id": {"time": "2026-05-01T00:00:00Z", "applicationName": "token"},
        "events": [{"name": "authorize", "note": "x", "parameters": [{"name": "client_id", "value": "c"}]}],
    });
    let sources = Sources::new()
        .file("hits", json!({"hits": {"hits": [{"_source": {"message": activity.to_string()}}]}}).to_string())
        .file("iis", "#Fields: date time c-ip sc-status cs-uri-stem s-port\n2026-05-01 00:00:01 1.2.3.4 200 /a 443\n");
    let told = sources.run(&["inspect", "hits"]).stdout;
    for part in
        ["in a list under `hits.hits`, inside `_source`, inside `message`", "<- @each.name", "<- @each.parameters[name=client_id].value", "1  events[*].note"]
    {
        assert!(told.contains(part), "no {part} in {told}");
    }
    let told = sources.run(&["inspect", "iis"]).stdout;
    for part in ["<- date + time", "<- sc-status", "1  s-port"] {
        assert!(told.contains(part), "no {part} in {told}");
    }
}

#[test]
fn a_log_without_dates_is_read_with_the_date_of_its_source() {
    let log = "21:01:45,403 WARN  [org.keycloak.events] (thread) type=LOGIN_ERROR, realmId=r, clientId=svc, error=invalid_client\n";
    let dated = Sources::new().file("in/log", log).file("credlens.toml", "[sources.keycloak_text]\ndate = \"2026-05-20\"\n").read();
    assert_eq!(dated.rows["identity_events"].first().map(|row| row["event_time"].clone()), Some(json!("2026-05-20T21:01:45.403Z")));
    let undated = Sources::new().file("in/log", log).read();
    assert_eq!(undated.rejects.iter().map(|reject| reject.reason).collect::<Vec<_>>(), ["bad_timestamp"]);
}
