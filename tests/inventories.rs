//! Inventories that come from documents: what they say of the calls that gateways log.

use crate::formats::check_row;
use crate::support::{Row, Sources, text};
use serde_json::{Value, json};

const OPENAPI: &str = "
openapi: 3.0.3
info: { title: Parcel Tracking, version: '1' }
servers: [{ url: 'https://api.parcels.example/v2' }]
security: [{ oauth: [parcels.read], cert: [] }]
paths:
  /parcels/{parcelId}:
    get: {}
    delete: { security: [{ oauth: [parcels.write], cert: [] }] }
  /parcels/lost:
    get: { security: [{ oauth: [parcels.lost], cert: [] }] }
  /depots/{name}/shelves:
    get: { security: [] }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: {} }
    cert: { type: mutualTLS }
";

/// A Kong call of a service, with the route's path if it is logged.
fn call(service: &str, method: &str, uri: &str, route: Option<&str>) -> Value {
    let mut record = json!({
        "started_at": 1777885200000i64, "request": {"method": method, "uri": uri, "headers": {}}, "response": {"status": 200, "headers": {}},
        "service": {"name": service}, "latencies": {"proxy": 3}, "tries": [{"ip": "10.0.0.1"}],
    });
    if let Some(route) = route {
        record["route"] = json!({"paths": [route]});
    }
    record
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

fn requests(sources: &Sources) -> Vec<Row> {
    sources.read().rows["requests"].clone()
}

fn check_calls(files: &[(&str, String)], expected: &[Value]) {
    let sources = Sources::new();
    files.iter().for_each(|(name, content)| sources.put(&format!("in/{name}"), content));
    let rows = requests(&sources);
    assert_eq!(rows.len(), expected.len(), "{rows:#?}");
    for (number, (row, wanted)) in rows.iter().zip(expected).enumerate() {
        check_row(&format!("call {}", number + 1), row, wanted);
    }
}

#[test]
fn routes_and_demands_of_calls_come_from_the_openapi_document_of_their_api() {
    let calls = [
        call("parcel-tracking", "GET", "/v2/parcels/alice-box", None),
        call("parcel-tracking", "DELETE", "/v2/parcels/8812?force=1", None),
        call("parcel-tracking", "GET", "/parcels/lost", None),
        call("parcel-tracking", "PATCH", "/v2/parcels/8812", None),
        call("parcel-tracking", "GET", "/v2/nowhere/8812", None),
        call("parcel-tracking", "GET", "/shop/v2/depots/north/shelves", Some("/shop")),
        call("other", "GET", "/v2/parcels/8812", None),
    ];
    let expected = [
        json!({"route": "/v2/parcels/{parcelId}", "required_scopes": ["parcels.read"]}),
        json!({"route": "/v2/parcels/{parcelId}", "required_scopes": ["parcels.write"]}),
        json!({"route": "/parcels/lost", "required_scopes": ["parcels.lost"]}),
        json!({"route": "/v2/parcels/{parcelId}", "required_scopes": null}),
        json!({"route": "/v2/nowhere/{id}", "required_scopes": null}),
        json!({"route": "/v2/depots/{name}/shelves", "required_scopes": []}),
        json!({"route": "/v2/parcels/{id}", "required_scopes": null}),
    ];
    check_calls(&[("kong.ndjson", lines(&calls)), ("parcels.yaml", OPENAPI.into())], &expected);
}

#[test]
fn a_table_of_apis_links_a_gateways_name_to_a_document_and_wins_over_it() {
    let sources = Sources::new()
        .file("in/kong.ndjson", lines(&[call("trk", "GET", "/v2/parcels/alice-box", None), call("rates", "GET", "/x", None)]))
        .file(
            "in/api.json",
            serde_json::to_string_pretty(&json!({"openapi": "3.1.0", "info": {"title": "Parcel Tracking"}, "servers": [{"url": "/v2"}],
            "security": [{"cert": []}], "paths": {"/parcels/{parcelId}": {"get": {}}}, "components": {"securitySchemes": {"cert": {"type": "mutualTLS"}}}}))
            .unwrap(),
        )
        .file(
            "in/metadata.json",
            json!({"resource": "https://h.example/rates", "resource_name": "rates", "scopes_supported": [], "dpop_bound_access_tokens_required": true})
                .to_string(),
        )
        .file("in/apis.csv", "api,aliases,owner,declared_proof\ntrk,Parcel Tracking|x,depot,\nrates,,shop,none\n");
    let reading = sources.read();
    assert_eq!(text(&reading.rows["requests"][0], "route"), "/v2/parcels/{parcelId}");
    let apis: Vec<_> = reading.evidence.inventory.apis.iter().map(|api| (api.api.as_str(), api.owner.as_deref(), api.declared_proof.as_deref())).collect();
    assert_eq!(apis, [("rates", Some("shop"), Some("none")), ("trk", Some("depot"), Some("required"))]);
}

#[test]
fn a_long_document_is_told_by_its_first_keys() {
    let mut paths = serde_json::Map::new();
    for number in 0..6000 {
        paths.insert(format!("/things/{{id}}/part-{number}"), json!({"get": {"summary": "x".repeat(40)}}));
    }
    let document = json!({"openapi": "3.0.0", "info": {"title": "Things"}, "paths": paths});
    for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
        assert!(text.len() > 300_000);
        let reading = Sources::new().file("in/things.json", &text).read();
        assert_eq!(reading.format_of("things.json"), Some("openapi"));
        assert_eq!(reading.evidence.inventory.documents[0].operations.len(), 6000);
    }
}

#[test]
fn a_realm_export_fills_what_the_table_of_identities_leaves_open() {
    let realm = json!({"realm": "r", "clients": [{"id": "u-1", "clientId": "ledger", "serviceAccountsEnabled": true, "secret": "made-up-secret", "fullScopeAllowed": false,
        "defaultClientScopes": ["ledger.read"]}]});
    let mut seen = call("ledger-api", "GET", "/x", None);
    seen["consumer"] = json!({"username": "service-account-ledger"});
    let sources = Sources::new()
        .file("in/a-realm.json", realm.to_string())
        .file("in/identities.csv", "identity,aliases,owner\nsvc-ledger,ledger,payments\n")
        .file("in/kong.ndjson", lines(&[seen]));
    let reading = sources.read();
    let rows: Vec<_> = reading.evidence.inventory.identities.iter().map(|row| (row.identity.as_str(), row.owner.as_deref(), row.kind.as_deref())).collect();
    assert_eq!(rows, [("svc-ledger", Some("payments"), Some("workload"))]);
    let grants: Vec<_> = reading.evidence.inventory.grants.iter().map(|row| (row.identity.as_str(), row.scope.as_str())).collect();
    assert_eq!(grants, [("svc-ledger", "ledger.read")]);
    assert_eq!(text(&reading.rows["requests"][0], "identity"), "svc-ledger");
    assert!(!format!("{:?}", reading.evidence.inventory).contains("made-up-secret"));
}

#[test]
fn a_broken_document_is_a_reject_with_its_reason() {
    let sources = Sources::new().file("in/a.yaml", "openapi: 3.0.0\npaths: {}\nx: y: z\n").file("in/b.json", "{\"openapi\":\"3.0.0\",\"info\":{},\"paths\":{");
    let reading = sources.read();
    let reasons: Vec<&str> = reading.rejects.iter().map(|reject| reject.reason).collect();
    assert_eq!(reasons, ["invalid_yaml", "truncated_json"]);
}
