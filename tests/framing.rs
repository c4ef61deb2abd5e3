//! How records are set in files: in carriers, several events in one record, two lines for one call.

use crate::support::{Reading, Row, Sources};
use credlens::source::read::Counts;
use serde_json::{Value, json};

fn read(content: impl AsRef<[u8]>) -> Reading {
    Sources::new().file("in/log", content).read()
}

fn counts(reading: &Reading, file: &str) -> Counts {
    let counts = reading.ledger_of(file);
    assert_eq!(counts.records, counts.rows + counts.rejects + counts.duplicates + counts.skipped, "the ledger adds up: {counts:?}");
    counts
}

fn texts<'a>(rows: &'a [Row], column: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row.get(column).and_then(Value::as_str).unwrap_or("")).collect()
}

/// A Google Workspace activity with these events.
fn activity(number: u64, events: &[&str]) -> Value {
    let events: Vec<Value> = events.iter().map(|name| json!({"name": name, "parameters": [{"name": "client_id", "value": format!("c-{name}")}]})).collect();
    let id = json!({"time": format!("2026-05-01T00:00:{number:02}Z"), "applicationName": "token", "uniqueQualifier": number.to_string()});
    json!({"kind": "admin#reports#activity", "id": id, "actor": {"email": "ann@example.com"}, "events": events})
}

fn okta(number: u64) -> Value {
    json!({
        "eventType": "app.oauth2.as.token.grant.access_token", "published": format!("2026-05-01T00:00:{number:02}Z"), "uuid": format!("u{number}"),
        "actor": {"type": "PublicClientApp", "alternateId": "svc"}, "outcome": {"result": "SUCCESS"}, "target": [],
    })
}

#[test]
fn a_line_is_not_torn_at_a_list_that_another_format_is_wrapped_in() {
    let lines = format!("{}\n{}\n", activity(1, &["authorize"]), activity(2, &["revoke", "authorize"]));
    let reading = read(&lines);
    assert_eq!(reading.format_of("log"), Some("google_workspace"));
    let found = counts(&reading, "log");
    assert_eq!((found.records, found.rows), (2, 2), "a record of two events counts once");
    let rows = &reading.rows["identity_events"];
    assert_eq!(texts(rows, "event_type"), ["authorize", "revoke", "authorize"]);
    assert_eq!(texts(rows, "identity"), ["c-authorize", "c-revoke", "c-authorize"]);
    assert_eq!(rows.iter().map(|row| row["record"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 2]);
}

#[test]
fn a_record_of_several_events_is_a_duplicate_only_as_a_whole() {
    let first = activity(1, &["authorize", "revoke"]).to_string();
    let sources =
        Sources::new().file("in/a", &first).file("in/b", format!("{first}\n{}\n{}", activity(2, &[]), activity(1, &["authorize", "revoke", "activity"])));
    let reading = sources.read();
    assert_eq!((counts(&reading, "a").rows, counts(&reading, "b").duplicates), (1, 1));
    let b = counts(&reading, "b");
    assert_eq!((b.rows, b.skipped), (1, 1), "an activity without events is of no interest; one with a new event is a row");
    assert_eq!(texts(&reading.rows["identity_events"], "event_type"), ["authorize", "revoke", "activity"]);
}

#[test]
fn a_broken_event_makes_a_reject_of_its_whole_record() {
    let mut broken = activity(2, &["authorize", "revoke"]);
    broken["events"][1]["name"] = Value::Null;
    let reading = read(format!("{}\n{broken}\n", activity(1, &["authorize"])));
    let found = counts(&reading, "log");
    assert_eq!((found.rows, found.rejects, reading.rows["identity_events"].len()), (1, 1, 1));
    assert_eq!(reading.rejects[0].reason, "missing_event_type");
}

/// What a program says among its records is of no interest; what is left of a record is a reject.
#[test]
fn messages_of_the_program_among_json_lines_are_passed_over() {
    let messages = "DEBUG: plugin loaded\n2026/05/01 00:00:00 [notice] 1#1: ready\n";
    let remains = "ult\":\"SUCCESS\"},\"target\":[]}\nSUCCESS or so\"}\n{\"eventType\":\n7\n";
    let reading = read(format!("{}\n{messages}{}\n{remains}{}\n{}\n{}\n{}\n", okta(1), okta(2), okta(3), okta(4), okta(5), okta(6)));
    let found = counts(&reading, "log");
    assert_eq!((found.records, found.rows, found.skipped, found.rejects), (12, 6, 2, 4));
    let rejects: Vec<u64> = reading.rejects.iter().map(|reject| reject.record).collect();
    assert_eq!(rejects, [5, 6, 7, 8]);
}

#[test]
fn lines_of_different_prefixes_are_read_in_one_file() {
    let line = "10.0.0.1:5 [20/Sep/2018:15:42:59.220] fe be/s1 1/0/5062 5421 -- 1/1/0/0/0 0/0";
    let reading = read(format!("Sep 20 15:42:59 lb haproxy[1]: {line}\n{line}\nhaproxy[1]: {line}\nSep 20 15:43:00 lb haproxy[1]: {line}\n"));
    let found = counts(&reading, "log");
    assert_eq!((reading.format_of("log"), found.records, found.rejects), (Some("haproxy_text"), 4, 0));
}

#[test]
fn carriers_give_the_records_that_they_carry() {
    let (one, two) = (okta(1), okta(2));
    let text = |value: &Value| value.to_string();
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let hits = json!({"took": 1, "hits": {"total": {"value": 2}, "hits": [{"_id": "1", "_source": one}, {"_id": "2", "_source": two}]}});
    let original = |record: &Value| json!({"_source": {"@timestamp": "x", "event": {"original": record.to_string()}}});
    let carried = [
        text(&hits),
        pretty(&hits),
        text(&json!({"hits": {"hits": [original(&one), original(&two)]}})),
        format!("{}\n{}\n", json!({"message": text(&one)}), json!({"message": pretty(&two)})),
        format!("{}\n{}\n", json!({"detail-type": "SystemLog", "time": "x", "detail": one}), json!({"detail": two})),
        text(&json!({"data": {"events": [one, two]}, "eventType": "com.okta.event_hook"})),
        text(&json!({"logEvents": [{"message": text(&one), "timestamp": 1}, {"message": text(&two), "timestamp": 2}]})),
        format!("[{},\n{}]", json!({"log": text(&one)}), json!({"log": text(&two)})),
        format!("<14>1 2026-05-01T00:00:00Z host app - - - @cee: {one}\n<14>1 2026-05-01T00:00:00Z host app - - - {two}\n"),
    ];
    for content in carried {
        let reading = read(&content);
        assert_eq!(reading.format_of("log"), Some("okta"), "{content}: {:?}", reading.evidence.files[0].state);
        assert_eq!(counts(&reading, "log").rows, 2, "{content}: {:?}", reading.rejects);
        assert_eq!(texts(&reading.rows["identity_events"], "event_id"), ["u1", "u2"], "{content}");
    }
}

#[test]
fn pingone_search_results_and_auth0_events_of_eventbridge_are_read() {
    let ping = |id: &str| json!({"id": id, "recordedAt": "2026-05-01T00:00:00Z", "action": {"type": "APPLICATION.CREATED"}, "result": {"status": "SUCCESS"}, "resources": [{"type": "APPLICATION", "id": "app"}]});
    let reading = read(json!({"_links": {}, "_embedded": {"activities": [ping("a"), ping("b")]}, "count": 2}).to_string());
    assert_eq!((reading.format_of("log"), counts(&reading, "log").rows), (Some("pingone"), 2));
    let event = json!({
        "version": "0", "id": "bridge", "detail-type": "Auth0 log", "source": "aws.partner/auth0.com", "time": "2026-05-01T00:00:05Z",
        "detail": {"log_id": "l1", "data": {"type": "seccft", "date": "2026-05-01T00:00:00Z", "client_id": "c1", "log_id": "l1"}}, "type": "outer",
    });
    let reading = read(format!("{event}\n"));
    let rows = &reading.rows["identity_events"];
    assert_eq!((reading.format_of("log"), texts(rows, "event_type"), texts(rows, "identity")), (Some("auth0"), vec!["seccft"], vec!["c1"]));
}

// ---------------------------------------------------------------------------------------------------------------------
// Two lines for one call: HashiCorp Vault
// ---------------------------------------------------------------------------------------------------------------------

fn vault_request(id: &str) -> Value {
    let request = json!({"id": id, "operation": "read", "path": "secret/data/x", "mount_point": "secret/", "remote_address": "10.0.0.9"});
    let auth = json!({"display_name": "approle", "entity_id": format!("entity-{id}"), "policies": ["default", "reader"]});
    json!({"time": "2026-05-01T00:00:00.1Z", "type": "request", "auth": auth, "request": request})
}

/// A response that leaves out who asked.
fn vault_response(id: &str) -> Value {
    let request = json!({"id": id, "operation": "read", "path": "secret/data/x", "remote_address": "10.0.0.1"});
    json!({"time": "2026-05-01T00:00:00.2Z", "type": "response", "auth": {"token_type": "service"}, "request": request, "response": {"data": {}}})
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

#[test]
fn a_response_is_completed_by_its_request_and_counts_once() {
    let log = lines(&[vault_request("a"), vault_request("b"), vault_response("b"), vault_response("a"), vault_response("c"), vault_request("d")]);
    let reading = read(&log);
    assert_eq!(reading.format_of("log"), Some("hashicorp_vault"));
    let found = counts(&reading, "log");
    assert_eq!((found.records, found.rows, found.skipped), (6, 3, 3), "requests are no rows, answered or not");
    let rows = &reading.rows["requests"];
    assert_eq!(texts(rows, "request_id"), ["b", "a", "c"]);
    assert_eq!(texts(rows, "identity"), ["entity-b", "entity-a", ""]);
    assert_eq!(texts(rows, "api"), ["secret/", "secret/", "secret/"]);
    assert_eq!(texts(rows, "client_address"), ["10.0.0.1"; 3], "what the response says counts");
    assert_eq!(rows[0]["scopes"], json!(["default", "reader"]));
    assert_eq!(rows.iter().map(|row| row["record"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4, 5]);
}

/// Rows without their place.
fn placeless(reading: &Reading) -> Vec<Row> {
    let mut rows = reading.rows["requests"].clone();
    rows.iter_mut().for_each(|row| row.retain(|column, _| !matches!(column.as_str(), "file" | "record")));
    rows.sort_by_key(|row| row["request_id"].as_str().map(str::to_string));
    rows
}

#[test]
fn the_join_does_not_depend_on_how_a_log_is_cut() {
    // Longer than a chunk, so that pairs cross the edges of chunks.
    let filler = "x".repeat(2_000);
    let mut records = Vec::new();
    for number in 0..900 {
        let mut request = vault_request(&format!("{number:04}"));
        request["request"]["data"] = json!({"filler": filler});
        records.push(request);
        if number >= 20 {
            records.push(vault_response(&format!("{:04}", number - 20)));
        }
    }
    let whole = read(lines(&records));
    assert_eq!(counts(&whole, "log").rows, 880);
    let expected = placeless(&whole);
    assert!(expected.iter().all(|row| row["identity"].as_str().unwrap().starts_with("entity-")));
    for cut in [1, 21, 500, 1_001] {
        // Rotation gives the older part the later name.
        let sources = Sources::new().file("in/audit.log.1", lines(&records[..cut])).file("in/audit.log", lines(&records[cut..]));
        let reading = sources.read();
        assert_eq!(placeless(&reading), expected, "cut at {cut}");
        assert_eq!(counts(&reading, "audit.log.1").records + counts(&reading, "audit.log").records, records.len() as u64);
    }
}

#[test]
fn an_answer_far_from_its_request_stands_alone() {
    let mut records = vec![vault_request("far")];
    records.extend((0..10_100).map(|number| vault_response(&format!("{number}"))));
    records.push(vault_response("far"));
    let reading = read(lines(&records));
    let found = counts(&reading, "log");
    assert_eq!((found.records, found.rows, found.skipped), (10_102, 10_101, 1));
    assert!(reading.rows["requests"].iter().all(|row| !row.contains_key("identity")));
}

#[test]
fn joined_records_are_peeled_like_others() {
    let carried = |record: Value| json!({"log": format!("{record}\n"), "stream": "stdout", "time": "2026-05-01T00:00:01Z"});
    let reading = read(lines(&[carried(vault_request("a")), carried(vault_response("a"))]));
    assert_eq!((counts(&reading, "log").rows, texts(&reading.rows["requests"], "identity")), (1, vec!["entity-a"]));
}

#[test]
fn rows_of_csv_are_read_as_the_json_that_their_columns_name() {
    let csv = "EVENT_ID,EVENT_TIMESTAMP,EVENT_TYPE,USER_NAME,IS_SUCCESS,EXTRA\n\
        7,2026-05-04T09:00:00.000Z,LOGIN,ANN,NO,\"a, b\"\n\
        8,never,LOGIN,ANN,NO,\n\
        short,row\n";
    let json = json!({"EVENT_ID": "9", "EVENT_TIMESTAMP": "2026-05-04T09:00:00.000Z", "EVENT_TYPE": "LOGIN", "USER_NAME": "ANN", "IS_SUCCESS": "NO"});
    let reading = Sources::new().file("in/a.csv", csv).file("in/b.json", json.to_string()).read();
    assert_eq!((reading.format_of("a.csv"), reading.format_of("b.json")), (Some("snowflake"), Some("snowflake")));
    let rejects: Vec<_> = reading.rejects.iter().map(|reject| (reject.record, reject.reason)).collect();
    assert_eq!(rejects, [(3, "bad_timestamp"), (4, "wrong_column_count")]);
    let mut rows = reading.rows["identity_events"].clone();
    for row in &mut rows {
        row.retain(|column, _| !matches!(column.as_str(), "file" | "record" | "event_id"));
    }
    assert_eq!(rows.len(), 2);
    assert!(rows[0] == rows[1] && rows[0]["action"] == "access_denied", "{rows:?}");
}
