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
    let sources = Sources::new().file("in/a", &first).file("in/b", format!("{first}\n{}\n{}", activity(2, &[]), activity(1, &["authorize", "revoke", "activity"])));
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
    assert_eq!(reading.evidence.rejects[0].reason, "missing_event_type");
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
        assert_eq!(counts(&reading, "log").rows, 2, "{content}: {:?}", reading.evidence.rejects);
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
