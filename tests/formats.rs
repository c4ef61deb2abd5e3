//! The rules of mappings.md and frames.md, one small record each: what a native record says, and the row it becomes.

use crate::support::{Row, Sources};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use credlens::period::parse_instant;
use credlens::record::token::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Reads files (name, content) and compares a frame's rows, in order, in the columns that the expected rows name. `null` means
/// that the cell is null; an instant may be spelled with or without a fraction.
fn check(files: &[(&str, String)], frame: &'static str, expected: &[Value]) {
    let sources = Sources::new();
    for (name, content) in files {
        sources.put(if *name == "credlens.toml" { (*name).to_string() } else { format!("in/{name}") }.as_str(), content);
    }
    let reading = sources.read();
    let rows = &reading.rows[frame];
    let told: Vec<String> = reading.rejects.iter().map(|reject| format!("record {}: {}", reject.record, reject.reason)).collect();
    assert_eq!(rows.len(), expected.len(), "rows of {frame}; rejects: {told:?}; rows: {rows:#?}");
    for (number, (row, wanted)) in rows.iter().zip(expected).enumerate() {
        check_row(&format!("{frame} row {}", number + 1), row, wanted);
    }
}

/// Compares the columns that an expected row names.
pub fn check_row(what: &str, row: &Row, wanted: &Value) {
    if let Some(column) = differing(row, wanted) {
        panic!("{what}: {column} is {}, {} expected; the row: {}", row.get(column).unwrap_or(&Value::Null), wanted[column], json!(row));
    }
}

/// The first column in which a row is not as expected. `null` wants a null; instants may be spelled with or without fraction.
pub fn differing<'w>(row: &Row, wanted: &'w Value) -> Option<&'w str> {
    let differs = |column: &str, wanted: &Value| {
        let got = row.get(column).unwrap_or(&Value::Null);
        let is_instant = column.ends_with("_at") || column.ends_with("_time");
        match (got.as_str(), wanted.as_str()) {
            (Some(got), Some(wanted)) if is_instant => parse_instant(got) != parse_instant(wanted),
            _ => got != wanted,
        }
    };
    let columns = wanted.as_object().expect("an expected row is an object");
    columns.iter().find(|(column, wanted)| differs(column, wanted)).map(|(column, _)| column.as_str())
}

/// A JWT with these claims and a signature of noise.
fn jwt(claims: Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJlLW5vaXNl", part(&json!({"alg": "ES256"})), part(&claims))
}

fn digest_of(secret: &str) -> String {
    format!("token:sha256:{}", hex(&Sha256::digest(secret)))
}

/// Puts the values of `more` into `base`, object by object.
fn merge(base: &mut Value, more: &Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => more.iter().for_each(|(key, value)| merge(base.entry(key.clone()).or_insert(Value::Null), value)),
        (base, more) => *base = more.clone(),
    }
}

fn lines(records: impl IntoIterator<Item = Value>) -> String {
    records.into_iter().map(|record| record.to_string() + "\n").collect()
}

/// An opaque token with enough distinct characters to be one.
const OPAQUE: &str = "mF_9.B5f-4.1JqM-opaque-token";

// ---------------------------------------------------------------------------------------------------------------------
// Kong
// ---------------------------------------------------------------------------------------------------------------------

/// A call that Kong logged on 2026-05-04T09:00:00Z, accepted, without any credential; `more` is put into it.
fn kong(more: Value) -> Value {
    let mut record = json!({
        "started_at": 1777885200000i64, "client_ip": "192.0.2.7",
        "request": {"method": "get", "uri": "/orders/42?page=2", "url": "https://gw.example:8443/orders/42", "headers": {}},
        "response": {"status": 200, "headers": {}}, "service": {"name": "orders"}, "latencies": {"proxy": 3}, "tries": [{"ip": "10.0.0.1"}],
    });
    merge(&mut record, &more);
    record
}

fn kong_with(headers: Value, client_verify: Option<&str>, status: u16) -> Value {
    let mut more = json!({"request": {"headers": headers}, "response": {"status": status}});
    if let Some(verify) = client_verify {
        more["request"]["tls"] = json!({"client_verify": verify});
    }
    kong(more)
}

#[test]
fn kong_columns_come_from_their_fields() {
    let token = jwt(json!({"client_id": "shop", "scope": "orders.write orders.read", "iat": 1777880000, "exp": 1777883600, "jti": "j-1"}));
    let record = kong(json!({"request": {"id": "r-1", "headers": {"Authorization": format!("Bearer {token}")}, "tls": {"client_verify": "NONE"}}}));
    check(
        &[("kong.ndjson", lines([record]))],
        "requests",
        &[json!({
            "event_time": "2026-05-04T09:00:00Z", "gateway": null, "request_id": "r-1", "api": "orders", "method": "GET", "route": "/orders/{id}",
            "identity": "shop", "identity_seen": "shop", "credential": "jti:j-1", "auth_scheme": "bearer", "proof": "none",
            "scopes": ["orders.read", "orders.write"], "token_issued_at": "2026-05-04T07:33:20Z", "token_expires_at": "2026-05-04T08:33:20Z",
            "status": 200, "decision": "allowed", "violation": null, "policy": "upstream", "client_address": "192.0.2.7",
            "source": "kong", "record": 1,
        })],
    );
}

#[test]
fn kong_takes_the_first_name_that_is_there() {
    let no_service = |more: Value| {
        let mut record = kong(more);
        record.as_object_mut().unwrap().remove("service");
        record
    };
    let records = [
        kong(json!({"service": {"name": null, "host": "orders.internal"}})),
        no_service(json!({"route": {"name": "orders-route", "paths": ["/orders"]}})),
        kong(json!({"consumer": {"id": "c-1", "custom_id": "crm", "username": "shop"}})),
        kong(json!({"consumer": {"id": "c-1", "custom_id": "crm", "username": ""}})),
        kong(json!({"consumer": {"id": "c-1"}})),
        kong(json!({"request": {"headers": {"X-Consumer-Username": "shop"}}})),
        kong(json!({"request": {"headers": {"x-request-id": "x-1", "kong-request-id": "k-1"}}})),
        kong(json!({"request": {"headers": {"kong-request-id": "k-1"}}})),
        kong(json!({"authenticated_entity": {"id": "e-1"}, "request": {"headers": {"x-credential-identifier": "kid-1"}}})),
        kong(json!({"request": {"headers": {"x-credential-identifier": "kid-1", "x-authenticated-scope": "b,a c"}}})),
    ];
    check(
        &[("kong.ndjson", lines(records))],
        "requests",
        &[
            json!({"api": "orders.internal"}),
            json!({"api": "orders-route", "route": "/orders"}),
            json!({"identity": "shop"}),
            json!({"identity": "crm"}),
            json!({"identity": "c-1"}),
            json!({"identity": "shop"}),
            json!({"request_id": "x-1"}),
            json!({"request_id": "k-1"}),
            json!({"credential": "kong:e-1"}),
            json!({"credential": "kid:kid-1", "scopes": ["a", "b", "c"]}),
        ],
    );
}

/// Identity and references never come from what was masked, and a JWT without `jti` is known by its digest.
#[test]
fn kong_credential_references() {
    let without_jti = jwt(json!({"sub": "shop"}));
    let open_jwt = format!("{}.{}.", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode("{\"jti\":\"unsigned\"}"));
    let bearer = |token: &str| kong(json!({"request": {"headers": {"authorization": format!("Bearer {token}")}}}));
    let records = [
        bearer(&without_jti),
        bearer(&open_jwt),
        bearer(OPAQUE),
        bearer("***"),
        bearer("REDACTED"),
        kong(json!({"request": {"headers": {"apikey": "k-0123456789abcdefghij"}}})),
        kong(json!({"request": {"uri": "/orders?apikey=k-0123456789abcdefghij"}})),
        kong(json!({"request": {"headers": {"authorization": "Basic c2hvcDpzZWNyZXQtcGFzc3dvcmQ="}}})),
        kong(json!({"request": {"headers": {"authorization": "REDACTED"}}})),
    ];
    check(
        &[("kong.ndjson", lines(records))],
        "requests",
        &[
            json!({"credential": digest_of(&without_jti), "identity": "shop", "auth_scheme": "bearer"}),
            json!({"credential": "jti:unsigned", "auth_scheme": "bearer"}),
            json!({"credential": digest_of(OPAQUE), "auth_scheme": "bearer"}),
            json!({"credential": null, "auth_scheme": "bearer"}),
            json!({"credential": null, "auth_scheme": "bearer"}),
            json!({"credential": digest_of("k-0123456789abcdefghij"), "auth_scheme": "api_key"}),
            json!({"credential": digest_of("k-0123456789abcdefghij"), "auth_scheme": "api_key", "route": "/orders"}),
            json!({"credential": null, "auth_scheme": "basic"}),
            json!({"credential": null, "auth_scheme": "unknown", "proof": "unknown"}),
        ],
    );
}

/// frames.md, "How auth_scheme and proof are decided": evidence, never the scheme alone.
#[test]
fn proof_is_decided_by_evidence() {
    let sha = Sha256::digest("the client's certificate");
    let (x5t, hex_digest) = (URL_SAFE_NO_PAD.encode(sha), hex(&sha));
    let bearer = |claims: Value| json!({"authorization": format!("Bearer {}", jwt(claims))});
    let plus = |mut headers: Value, more: Value| {
        merge(&mut headers, &more);
        headers
    };
    let opaque = json!({"authorization": format!("Bearer {OPAQUE}")});
    let dpop = json!({"authorization": format!("DPoP {OPAQUE}")});
    let proof = json!({"dpop": "eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.c2ln"});
    let jkt = bearer(json!({"jti": "a", "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}));
    let bound = bearer(json!({"jti": "b", "cnf": {"x5t#S256": x5t}}));
    let plain = bearer(json!({"jti": "c"}));
    let same = json!({"x-client-cert-sha256": hex_digest});
    let other = json!({"x-client-cert-sha256": hex(&Sha256::digest("another"))});
    let forwarded = json!({"x-forwarded-client-cert": format!("By=spiffe://gw;Hash={hex_digest};Subject=\"CN=shop\"")});
    let basic = json!({"authorization": "Basic c2hvcDpzZWNyZXQ="});
    let signed = json!({"authorization": "Signature keyId=\"k1\",algorithm=\"hs2019\",signature=\"abc\""});
    let aws4 = json!({"authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260504/eu/execute-api/aws4_request, Signature=abc"});
    let key = json!({"apikey": "k-0123456789abcdefghij"});
    let none = json!({});
    const OK: u16 = 200;
    // What a row shows, its headers, the certificate check, the status, and the scheme and proof expected.
    #[allow(clippy::type_complexity)]
    let table: Vec<(&str, Value, Option<&str>, u16, [&str; 2])> = vec![
        ("nothing came", none.clone(), Some("NONE"), OK, ["none", "none"]),
        ("basic", basic.clone(), None, OK, ["basic", "none"]),
        ("basic with a certificate", basic, Some("SUCCESS"), OK, ["basic", "mtls_transport_only"]),
        ("API key", key.clone(), None, OK, ["api_key", "none"]),
        ("API key with a certificate", key, Some("SUCCESS"), OK, ["api_key", "mtls_transport_only"]),
        ("certificate alone", none.clone(), Some("SUCCESS"), OK, ["mtls", "mtls_bound"]),
        ("certificate alone, refused", none.clone(), Some("SUCCESS"), 403, ["mtls", "presented_unverified"]),
        ("a certificate that failed", none, Some("FAILED:self signed certificate"), OK, ["none", "none"]),
        ("signature", signed.clone(), None, OK, ["signature", "signature_verified"]),
        // A signature is its own proof header.
        ("signature refused", signed, None, 401, ["signature", "presented_unverified"]),
        ("AWS signature", aws4, None, OK, ["signature", "signature_verified"]),
        ("DPoP with proof", plus(dpop.clone(), proof.clone()), None, OK, ["dpop", "dpop_verified"]),
        ("DPoP without proof", dpop.clone(), None, OK, ["dpop", "presented_unverified"]),
        ("DPoP with proof, refused", plus(dpop.clone(), proof.clone()), None, 401, ["dpop", "presented_unverified"]),
        ("DPoP without proof, refused", dpop, None, 401, ["dpop", "presented_unverified"]),
        ("jkt sent as bearer", jkt.clone(), None, OK, ["bearer", "bound_downgraded"]),
        ("jkt sent as bearer, with a proof nobody checks", plus(jkt.clone(), proof.clone()), None, OK, ["bearer", "bound_downgraded"]),
        ("jkt sent as bearer, refused", jkt.clone(), None, 401, ["bearer", "none"]),
        ("jkt sent as bearer with proof, refused", plus(jkt, proof.clone()), None, 401, ["bearer", "presented_unverified"]),
        ("x5t, the same certificate", plus(bound.clone(), same.clone()), Some("SUCCESS"), OK, ["bearer", "mtls_bound"]),
        ("x5t, the same certificate in x-forwarded-client-cert", plus(bound.clone(), forwarded), Some("SUCCESS"), OK, ["bearer", "mtls_bound"]),
        ("x5t, another certificate", plus(bound.clone(), other), Some("SUCCESS"), OK, ["bearer", "bound_downgraded"]),
        ("x5t, no certificate", bound.clone(), Some("NONE"), OK, ["bearer", "bound_downgraded"]),
        ("x5t, digest not logged", bound.clone(), Some("SUCCESS"), OK, ["bearer", "presented_unverified"]),
        ("x5t, the log cannot show", bound.clone(), None, OK, ["bearer", "unknown"]),
        ("x5t, the same certificate, refused", plus(bound, same), Some("SUCCESS"), 403, ["bearer", "presented_unverified"]),
        ("no cnf, certificate", plain.clone(), Some("SUCCESS"), OK, ["bearer", "mtls_transport_only"]),
        ("no cnf, no certificate", plain.clone(), Some("NONE"), OK, ["bearer", "none"]),
        ("no cnf, the log cannot show", plain, None, OK, ["bearer", "none"]),
        ("opaque with proof", plus(opaque.clone(), proof), None, OK, ["bearer", "presented_unverified"]),
        ("opaque with certificate", opaque.clone(), Some("SUCCESS"), OK, ["bearer", "presented_unverified"]),
        ("opaque, no sign of either", opaque.clone(), Some("NONE"), OK, ["bearer", "none"]),
        ("opaque, the log cannot show", opaque, None, OK, ["bearer", "unknown"]),
    ];
    let records = table.iter().map(|(_, headers, verify, status, _)| kong_with(headers.clone(), *verify, *status));
    let sources = Sources::new().file("in/kong.ndjson", lines(records));
    let reading = sources.read();
    // Rows of one instant stand in the order of their records.
    for ((what, _, _, _, [scheme, proof]), row) in table.iter().zip(&reading.rows["requests"]) {
        check_row(what, row, &json!({"auth_scheme": scheme, "proof": proof}));
    }
    assert_eq!(reading.rows["requests"].len(), table.len());
}

#[test]
fn an_opaque_token_over_plain_http_can_show_no_certificate() {
    let record = kong(json!({"request": {"url": "http://gw.example/orders", "headers": {"authorization": format!("Bearer {OPAQUE}")}}}));
    check(&[("kong.ndjson", lines([record]))], "requests", &[json!({"proof": "none"})]);
}

/// `verifies` states what the gateway checks although its log does not show it; it helps accepted calls only.
#[test]
fn a_source_may_state_what_it_verifies() {
    let opaque = json!({"authorization": format!("Bearer {OPAQUE}")});
    let with_proof = json!({"authorization": format!("Bearer {OPAQUE}"), "dpop": "a.b.c"});
    let records = [
        kong_with(with_proof.clone(), None, 200),
        kong_with(opaque.clone(), Some("SUCCESS"), 200),
        kong_with(with_proof, None, 401),
        kong_with(opaque, None, 200),
    ];
    let files = |verifies: &str| [("credlens.toml", format!("[sources.kong]\nverifies = {verifies}\n")), ("kong.ndjson", lines(records.clone()))];
    let proofs = |list: [&str; 4]| list.map(|proof| json!({"proof": proof}));
    check(&files("[\"dpop\", \"mtls\"]"), "requests", &proofs(["dpop_verified", "mtls_bound", "presented_unverified", "unknown"]));
    check(&files("[\"mtls\"]"), "requests", &proofs(["presented_unverified", "mtls_bound", "presented_unverified", "unknown"]));
    check(&files("[]"), "requests", &proofs(["presented_unverified", "presented_unverified", "presented_unverified", "unknown"]));
}

/// frames.md, "Default decision and violation of an HTTP status", in the order of its rules.
#[test]
fn decision_and_violation_follow_status_and_challenge() {
    let bearer = json!({"authorization": format!("Bearer {OPAQUE}")});
    let none = json!({});
    let table: Vec<(u16, &Value, &str, [Option<&str>; 2])> = vec![
        (200, &none, "", [Some("allowed"), None]),
        (302, &none, "", [Some("allowed"), None]),
        (404, &bearer, "", [Some("allowed"), None]),
        (422, &bearer, "", [Some("allowed"), None]),
        (500, &bearer, "", [Some("failed"), None]),
        (503, &bearer, "", [Some("failed"), None]),
        (499, &bearer, "", [Some("failed"), None]),
        (0, &bearer, "", [Some("failed"), None]),
        (401, &none, "", [Some("blocked"), Some("unauthenticated")]),
        (401, &bearer, "", [Some("blocked"), Some("invalid_credential")]),
        (403, &bearer, "", [Some("blocked"), Some("insufficient_scope")]),
        (403, &none, "", [Some("blocked"), Some("request_blocked")]),
        (407, &none, "", [Some("blocked"), Some("unauthenticated")]),
        (429, &bearer, "", [Some("blocked"), Some("rate_limited")]),
        (495, &none, "", [Some("blocked"), Some("proof_failed")]),
        (496, &none, "", [Some("blocked"), Some("proof_failed")]),
        (401, &bearer, "DPoP error=\"use_dpop_nonce\"", [Some("blocked"), None]),
        (401, &bearer, "DPoP error=\"invalid_dpop_proof\"", [Some("blocked"), Some("proof_failed")]),
        (401, &bearer, "DPoP error=\"invalid_token\"", [Some("blocked"), Some("proof_failed")]),
        (403, &none, "Bearer error=\"insufficient_scope\", scope=\"a\"", [Some("blocked"), Some("insufficient_scope")]),
        (401, &bearer, "Bearer error=\"invalid_token\", error_description=\"The access token expired\"", [Some("blocked"), Some("expired_credential")]),
        (401, &bearer, "Bearer error=\"invalid_token\", error_description=\"The token was revoked\"", [Some("blocked"), Some("revoked_credential")]),
        (401, &bearer, "Bearer error=\"invalid_token\", error_description=\"malformed\"", [Some("blocked"), Some("invalid_credential")]),
        (401, &none, "Bearer realm=\"orders\"", [Some("blocked"), Some("unauthenticated")]),
    ];
    let record = |(status, headers, challenge, _): &(u16, &Value, &str, [Option<&str>; 2])| {
        let mut record = kong_with((*headers).clone(), None, *status);
        if !challenge.is_empty() {
            record["response"]["headers"]["WWW-Authenticate"] = json!(challenge);
        }
        record
    };
    let expected: Vec<Value> =
        table.iter().map(|(status, _, _, [decision, violation])| json!({"status": status, "decision": decision, "violation": violation})).collect();
    check(&[("kong.ndjson", lines(table.iter().map(record)))], "requests", &expected);
    let mut silent = kong(json!({}));
    silent["response"].as_object_mut().unwrap().remove("status");
    check(&[("kong.ndjson", lines([silent]))], "requests", &[json!({"status": null, "decision": "failed"})]);
}

#[test]
fn kong_itself_refuses_where_no_upstream_was_tried() {
    let refused = |tries: Value, status: u16| kong(json!({"tries": tries, "response": {"status": status}}));
    let records = [refused(json!([]), 401), refused(json!([]), 429), refused(json!([{"ip": "10.0.0.1"}]), 403), refused(json!([]), 200)];
    let policies = ["kong", "kong", "upstream", "upstream"].map(|policy| json!({"policy": policy}));
    check(&[("kong.ndjson", lines(records))], "requests", &policies);
}

/// Aliases match exactly and case-sensitively, and the alias seen stays; a credential alias puts the right side into the frames.
#[test]
fn aliases_join_spellings() {
    let call = |consumer: &str, key: &str| kong(json!({"consumer": {"username": consumer}, "authenticated_entity": {"id": key}}));
    let inventory = "identity,aliases,owner\nsvc-shop,shop|0oa123|spiffe://acme/shop,anna\nanna,a.smith,\n";
    let config = "[credential_aliases]\n\"kong:e-1\" = \"key:ak7\"\n";
    let files = [
        ("identities.csv", inventory.to_string()),
        ("credlens.toml", config.to_string()),
        ("kong.ndjson", lines([call("shop", "e-1"), call("Shop", "e-2"), call("svc-shop", "e-1")])),
    ];
    check(
        &files,
        "requests",
        &[
            json!({"identity": "svc-shop", "identity_seen": "shop", "credential": "key:ak7"}),
            json!({"identity": "Shop", "identity_seen": "Shop", "credential": "kong:e-2"}),
            json!({"identity": "svc-shop", "identity_seen": "svc-shop", "credential": "key:ak7"}),
        ],
    );
}

/// Required scopes come from the API inventory where the log names none.
#[test]
fn required_scopes_come_from_the_inventory() {
    let inventory = "api,required_scopes\norders,GET /orders/{id}=orders.read|POST /orders=orders.write orders.create\n";
    let call = |method: &str, uri: &str| kong(json!({"request": {"method": method, "uri": uri}}));
    let files = [("apis.csv", inventory.to_string()), ("kong.ndjson", lines([call("GET", "/orders/42"), call("POST", "/orders"), call("GET", "/refunds")]))];
    check(
        &files,
        "requests",
        &[json!({"required_scopes": ["orders.read"]}), json!({"required_scopes": ["orders.create", "orders.write"]}), json!({"required_scopes": null})],
    );
}

/// An opaque token is what the IdP says it is: bound by DPoP, by certificate, or not at all.
#[test]
fn the_idp_says_how_an_opaque_token_is_bound() {
    let issued = |token: &str, bound: Option<bool>| {
        let mut event = okta("app.oauth2.as.token.grant.access_token", json!({"target": [{"type": "access_token", "id": token}]}));
        if let Some(bound) = bound {
            event["debugContext"] = json!({"debugData": {"dpopBound": bound.to_string()}});
        }
        event
    };
    let call = |id: &str, status: u16| {
        kong(json!({
            "authenticated_entity": {"id": id}, "request": {"headers": {"authorization": "Bearer ***", "dpop": "a.b.c"}}, "response": {"status": status},
        }))
    };
    let config = "[credential_aliases]\n\"kong:e-1\" = \"jti:AT.bound\"\n\"kong:e-2\" = \"jti:AT.silent\"\n";
    let files = [
        ("credlens.toml", config.to_string()),
        ("okta.ndjson", lines([issued("AT.bound", Some(true)), issued("AT.silent", None)])),
        ("kong.ndjson", lines([call("e-1", 200), call("e-2", 200), call("e-3", 200), call("e-1", 401)])),
    ];
    check(
        &files,
        "requests",
        &[
            json!({"credential": "jti:AT.bound", "proof": "bound_downgraded"}),
            json!({"credential": "jti:AT.silent", "proof": "presented_unverified"}),
            json!({"credential": "kong:e-3", "proof": "presented_unverified"}),
            json!({"credential": "jti:AT.bound", "proof": "presented_unverified"}),
        ],
    );
}

#[test]
fn an_exact_replay_counts_once_and_the_later_file_is_the_copy() {
    let call = |id: &str, at: i64| kong(json!({"started_at": at, "request": {"id": id}}));
    let (first, second) = (1777885200000i64, 1777885201000i64);
    let sources = Sources::new()
        .file("in/a.ndjson", lines([call("r-1", first), call("r-2", first), call("r-1", first)]))
        .file("in/b.ndjson", lines([call("r-1", first), call("r-1", second), kong(json!({})), kong(json!({}))]));
    let reading = sources.read();
    let kept: Vec<(String, i64)> = reading.rows["requests"]
        .iter()
        .map(|row| (row["file"].as_str().unwrap().rsplit('/').next().unwrap().to_string(), row["record"].as_i64().unwrap()))
        .collect();
    let name = |file: &str, record: i64| (file.to_string(), record);
    // The same id at another instant, and records without an id, are other calls.
    assert_eq!(kept, [name("a.ndjson", 1), name("a.ndjson", 2), name("b.ndjson", 3), name("b.ndjson", 4), name("b.ndjson", 2)]);
    assert_eq!((reading.ledger_of("a.ndjson").duplicates, reading.ledger_of("b.ndjson").duplicates), (1, 1));
}

// ---------------------------------------------------------------------------------------------------------------------
// AWS API Gateway
// ---------------------------------------------------------------------------------------------------------------------

/// An accepted call in the flat spelling; `more` is put into it.
fn aws(more: Value) -> Value {
    let mut record = json!({
        "requestId": "r-1", "requestTimeEpoch": "1777885200000", "apiName": "claims", "httpMethod": "GET", "resourcePath": "/claims/{id}", "status": "200",
        "identity.apiKeyId": "-", "identity.clientCert.subjectDN": "-", "identity.clientCert.clientCertPem": "-", "authorizer.claims.client_id": "-",
        "authorizer.claims.jti": "-", "authorizer.principalId": "-", "error.responseType": "-",
    });
    merge(&mut record, &more);
    record
}

#[test]
fn aws_keys_may_be_flat_or_nested() {
    let claims = json!({"client_id": "shop", "scope": "claims.read", "jti": "j-1", "iat": "1777880000", "exp": "1777883600"});
    let nested = json!({"requestId": "r-2", "requestTime": "04/May/2026:09:00:01 +0000", "apiId": "a1", "stage": "prod", "routeKey": "GET /claims/{id}", "status": 200, "authorizer": {"claims": claims}});
    let flat = aws(json!({
        "authorizer.claims.client_id": "shop", "authorizer.claims.scope": "claims.read", "authorizer.claims.jti": "j-1",
        "authorizer.claims.iat": "1777880000", "authorizer.claims.exp": "1777883600",
    }));
    let same = json!({
        "identity": "shop", "credential": "jti:j-1", "auth_scheme": "bearer", "scopes": ["claims.read"], "token_issued_at": "2026-05-04T07:33:20Z",
        "token_expires_at": "2026-05-04T08:33:20Z", "decision": "allowed", "route": "/claims/{id}", "source": "aws_apigateway",
    });
    let with = |more: Value| {
        let mut row = same.clone();
        merge(&mut row, &more);
        row
    };
    check(
        &[("aws.json", lines([flat, nested]))],
        "requests",
        &[
            with(json!({"api": "claims", "event_time": "2026-05-04T09:00:00Z", "request_id": "r-1"})),
            with(json!({"api": "a1/prod", "event_time": "2026-05-04T09:00:01Z", "request_id": "r-2"})),
        ],
    );
}

#[test]
fn aws_schemes_and_identities() {
    let pem_body = STANDARD.encode("the DER of a certificate");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{pem_body}\n-----END CERTIFICATE-----");
    let digest = Sha256::digest("the DER of a certificate");
    let cnf = |digest: &[u8]| json!({"x5t#S256": URL_SAFE_NO_PAD.encode(digest)});
    let bound = json!({"authorizer.claims.client_id": "shop", "authorizer.claims.jti": "j", "authorizer.claims.cnf": cnf(&digest)});
    let with = |more: Value| {
        let mut record = bound.clone();
        merge(&mut record, &more);
        aws(record)
    };
    let records = [
        aws(json!({})),
        aws(json!({"identity.apiKeyId": "ak7"})),
        aws(json!({"identity.clientCert.subjectDN": "CN=shop", "identity.clientCert.clientCertPem": pem})),
        aws(json!({"identity.clientCert.subjectDN": "CN=shop", "identity.clientCert.serialNumber": "0a:1b"})),
        aws(json!({"authorizer.claims.azp": "azp-shop", "authScheme": "DPoP"})),
        with(json!({"identity.clientCert.clientCertPem": pem})),
        with(json!({})),
        aws(
            json!({"authorizer.claims.client_id": "shop", "authorizer.claims.cnf": cnf(&Sha256::digest("another")).to_string(), "identity.clientCert.clientCertPem": pem}),
        ),
    ];
    let records = records.into_iter().enumerate().map(|(number, mut record)| {
        record["requestId"] = json!(format!("r-{number}"));
        record
    });
    let inventory = ("identities.csv", "identity,aliases\npartner,key:ak7\n".to_string());
    check(
        &[("aws.json", lines(records)), inventory],
        "requests",
        &[
            json!({"auth_scheme": "none", "proof": "none", "identity": null, "credential": null}),
            json!({"auth_scheme": "api_key", "proof": "none", "identity": "partner", "identity_seen": "key:ak7", "credential": "key:ak7"}),
            json!({"auth_scheme": "mtls", "proof": "mtls_bound", "identity": "CN=shop", "credential": format!("cert:sha256:{}", hex(&digest))}),
            json!({"auth_scheme": "mtls", "proof": "mtls_bound", "credential": "cert:serial:0a:1b"}),
            json!({"auth_scheme": "dpop", "identity": "azp-shop", "proof": "presented_unverified"}),
            json!({"auth_scheme": "bearer", "proof": "mtls_bound"}),
            json!({"auth_scheme": "bearer", "proof": "bound_downgraded"}),
            json!({"auth_scheme": "bearer", "proof": "bound_downgraded"}),
        ],
    );
}

#[test]
fn aws_says_why_it_refused() {
    let refused = |kind: &str, status: u16| aws(json!({"requestId": format!("r-{kind}-{status}"), "error.responseType": kind, "status": status}));
    let table = [
        ("UNAUTHORIZED", 401, "unauthenticated"),
        ("MISSING_AUTHENTICATION_TOKEN", 403, "unauthenticated"),
        ("INVALID_API_KEY", 403, "invalid_credential"),
        ("EXPIRED_TOKEN", 403, "expired_credential"),
        ("ACCESS_DENIED", 403, "insufficient_scope"),
        ("THROTTLED", 429, "rate_limited"),
        ("QUOTA_EXCEEDED", 429, "rate_limited"),
        ("WAF_FILTERED", 403, "request_blocked"),
    ];
    let mut records: Vec<Value> = table.iter().map(|(kind, status, _)| refused(kind, *status)).collect();
    let mut expected: Vec<Value> = table.iter().map(|(_, _, violation)| json!({"decision": "blocked", "violation": violation})).collect();
    records.push(aws(json!({"requestId": "w-1", "wafResponseCode": "WAF_BLOCK", "status": 403})));
    records.push(aws(json!({"requestId": "w-2", "waf.status": "COUNT"})));
    records.push(aws(json!({"requestId": "w-3", "wafResponseCode": "WAF_COUNT", "status": 500})));
    expected.push(json!({"decision": "blocked", "violation": "request_blocked"}));
    expected.push(json!({"decision": "observed", "violation": "request_blocked"}));
    expected.push(json!({"decision": "failed", "violation": null}));
    check(&[("aws.json", lines(records))], "requests", &expected);
}

// ---------------------------------------------------------------------------------------------------------------------
// Okta
// ---------------------------------------------------------------------------------------------------------------------

/// A successful event of the client `shop` on 2026-05-04T09:00:00Z; `more` is put into it.
fn okta(event_type: &str, more: Value) -> Value {
    let mut event = json!({
        "uuid": format!("u-{event_type}-{}", more), "published": "2026-05-04T09:00:00.000Z", "eventType": event_type, "outcome": {"result": "SUCCESS"},
        "actor": {"id": "0oa1", "type": "PublicClientApp", "alternateId": "shop"}, "client": {"id": "client-id"}, "target": [],
    });
    merge(&mut event, &more);
    event
}

#[test]
fn okta_event_types_become_actions() {
    let table = [
        ("app.oauth2.as.token.grant.access_token", "token_issued", Some("access_token")),
        ("app.oauth2.token.grant.refresh_token", "token_issued", Some("refresh_token")),
        ("app.oauth2.as.token.revoke", "token_revoked", None),
        ("app.oauth2.as.consent.grant", "scope_granted", None),
        ("app.oauth2.as.consent.revoke", "scope_revoked", None),
        ("app.oauth2.as.consent.revoke.implicit.as", "scope_revoked", None),
        ("system.api_token.create", "credential_issued", Some("api_key")),
        ("system.api_token.revoke", "credential_revoked", Some("api_key")),
        ("app.oauth2.credentials.lifecycle.create", "credential_issued", Some("client_secret")),
        ("app.oauth2.credentials.lifecycle.activate", "other", Some("client_secret")),
        ("app.oauth2.credentials.lifecycle.deactivate", "credential_contained", Some("client_secret")),
        ("app.oauth2.credentials.lifecycle.delete", "credential_revoked", Some("client_secret")),
        ("app.oauth2.as.key.rollover", "credential_rotated", None),
        ("app.oauth2.client.lifecycle.create", "identity_created", None),
        ("app.oauth2.client.lifecycle.deactivate", "identity_disabled", None),
        ("app.oauth2.client.lifecycle.activate", "identity_enabled", None),
        ("app.oauth2.client.lifecycle.delete", "identity_deleted", None),
        ("user.lifecycle.deactivate", "identity_disabled", None),
        ("user.lifecycle.suspend", "identity_disabled", None),
        ("user.lifecycle.delete.initiated", "identity_deleted", None),
        ("user.lifecycle.delete.completed", "identity_deleted", None),
        ("app.oauth2.as.token.detect_reuse", "credential_exposed", None),
        ("security.threat.detected", "credential_exposed", None),
        ("user.account.report_suspicious_activity_by_enduser", "credential_exposed", None),
        ("app.oauth2.invalid_client_credentials", "access_denied", None),
        ("user.session.start", "other", None),
    ];
    let events: Vec<Value> = table.iter().map(|(event_type, _, _)| okta(event_type, json!({}))).collect();
    let sources = Sources::new().file("in/okta.ndjson", lines(events));
    let reading = sources.read();
    assert_eq!(reading.rows["identity_events"].len(), table.len());
    for ((event_type, action, kind), row) in table.iter().zip(&reading.rows["identity_events"]) {
        check_row(event_type, row, &json!({"event_type": event_type, "action": action, "provider": "okta", "outcome": "success"}));
        if let Some(kind) = kind {
            check_row(event_type, row, &json!({"credential_kind": kind}));
        }
    }
}

#[test]
fn okta_names_clients_tokens_and_expiry() {
    let expires = json!({"expires": "2026-05-04T10:00:00.000Z"});
    let token = |kind: &str, id: &str| json!({"type": kind, "id": id, "detailEntry": expires});
    let events = [
        okta(
            "app.oauth2.as.token.grant.access_token",
            json!({"target": [token("access_token", "AT.one")], "debugContext": {"debugData": {"grantedScopes": "b a", "dpopBound": "true"}}}),
        ),
        okta(
            "app.oauth2.as.token.grant.access_token",
            json!({"target": [token("access_token", "oar-two")], "debugContext": {"debugData": {"requestedScopes": "c"}}}),
        ),
        okta("app.oauth2.as.token.grant.refresh_token", json!({"target": [token("access_token", "AT.three"), token("refresh_token", "oar3")]})),
        okta(
            "app.oauth2.as.token.grant.access_token",
            json!({"actor": {"type": "User", "id": "00u1", "alternateId": "a@acme"}, "target": [token("access_token", "AT.four")], "outcome": {"result": "FAILURE"}}),
        ),
        okta(
            "app.oauth2.credentials.lifecycle.delete",
            json!({"actor": {"type": "SystemPrincipal", "id": "sys"}, "target": [{"type": "PublicClientApp", "id": "0oa2", "alternateId": "mailer"}, {"type": "client_secret", "id": "ocs1"}]}),
        ),
        okta(
            "app.oauth2.client.lifecycle.delete",
            json!({"actor": {"type": "User", "id": "00u1", "alternateId": "a@acme"}, "target": [{"type": "PublicClientApp", "id": "0oa2", "alternateId": "mailer"}]}),
        ),
    ];
    check(
        &[("okta.ndjson", lines(events))],
        "identity_events",
        &[
            json!({"identity": "shop", "credential": "jti:AT.one", "credential_kind": "access_token", "scopes": ["a", "b"], "bound": "dpop", "issued_at": "2026-05-04T09:00:00Z", "expires_at": "2026-05-04T10:00:00Z", "is_automatic": false}),
            json!({"credential": "okta:oar-two", "scopes": ["c"], "bound": null}),
            json!({"credential": "okta:oar3", "credential_kind": "refresh_token", "expires_at": "2026-05-04T10:00:00Z"}),
            json!({"identity": "client-id", "outcome": "failure", "credential": "jti:AT.four"}),
            json!({"identity": "mailer", "credential": "okta:ocs1", "action": "credential_revoked", "is_automatic": true}),
            json!({"identity": "mailer", "action": "identity_deleted"}),
        ],
    );
}

/// An API token belongs to the user who made it, whoever revokes it; a consent names one scope per target.
#[test]
fn okta_api_tokens_and_consents() {
    let user = |name: &str| json!({"actor": {"type": "User", "id": "00u", "alternateId": name}, "target": [{"type": "Token", "id": "00T1"}]});
    let consent = okta(
        "app.oauth2.as.consent.grant",
        json!({
            "actor": {"type": "User", "id": "00u", "alternateId": "b@acme"},
            "target": [{"type": "ConsentGrant", "displayName": "orders.read", "detailEntry": {"publicclientapp": "0oa9"}}, {"type": "Scope", "displayName": "notes.write"}],
        }),
    );
    let mut revoked = okta("system.api_token.revoke", user("admin@acme"));
    revoked["published"] = json!("2026-05-05T09:00:00.000Z");
    check(
        &[("okta.ndjson", lines([okta("system.api_token.create", user("a@acme")), consent, revoked]))],
        "identity_events",
        &[
            json!({"identity": "a@acme", "credential": "okta:00T1", "action": "credential_issued", "credential_kind": "api_key", "expires_at": null}),
            json!({"identity": "0oa9", "action": "scope_granted", "scopes": ["notes.write", "orders.read"]}),
            json!({"identity": "a@acme", "credential": "okta:00T1", "action": "credential_revoked"}),
        ],
    );
}

#[test]
fn okta_exports_may_be_arrays_and_replays_count_once() {
    let event = okta("user.session.start", json!({}));
    let sources = Sources::new().file("in/a.ndjson", lines([event.clone()])).file("in/b.json", json!([event, okta("user.session.end", json!({}))]).to_string());
    let reading = sources.read();
    assert_eq!(reading.format_of("b.json"), Some("okta"));
    assert_eq!(reading.rows["identity_events"].len(), 2);
    assert_eq!((reading.ledger_of("b.json").duplicates, reading.ledger_of("b.json").rows), (1, 1));
}

// ---------------------------------------------------------------------------------------------------------------------
// GitHub audit log
// ---------------------------------------------------------------------------------------------------------------------

fn github(action: &str, more: Value) -> Value {
    let mut event = json!({"action": action, "@timestamp": 1777885200000i64, "_document_id": format!("d-{action}-{more}"), "actor": "octo", "org": "acme"});
    merge(&mut event, &more);
    event
}

#[test]
fn github_actions_and_who_they_are_about() {
    let table = [
        ("personal_access_token.create", "credential_issued", "octo"),
        ("personal_access_token.access_granted", "credential_issued", "octo"),
        ("public_key.create", "credential_issued", "octo"),
        ("oauth_access.create", "token_issued", "octo"),
        ("oauth_authorization.create", "token_issued", "octo"),
        ("personal_access_token.credential_regenerated", "credential_rotated", "octo"),
        ("oauth_access.regenerate", "credential_rotated", "octo"),
        ("oauth_application.reset_secret", "credential_rotated", "the-app"),
        ("oauth_application.generate_client_secret", "credential_issued", "the-app"),
        ("integration_installation.create", "credential_issued", "the-app"),
        ("personal_access_token.access_revoked", "credential_revoked", "octo"),
        ("personal_access_token.destroy", "credential_revoked", "octo"),
        ("personal_access_token.credential_revoked", "credential_revoked", "octo"),
        ("oauth_access.destroy", "credential_revoked", "octo"),
        ("public_key.delete", "credential_revoked", "octo"),
        ("org_credential_authorization.revoke", "credential_revoked", "octo"),
        ("oauth_application.revoke_tokens", "credential_revoked", "the-app"),
        ("integration.revoke_all_tokens", "credential_revoked", "the-app"),
        ("integration.remove_client_secret", "credential_revoked", "the-app"),
        ("oauth_application.destroy", "identity_deleted", "the-app"),
        ("integration_installation.destroy", "identity_deleted", "the-app"),
        ("integration.suspend", "identity_disabled", "the-app"),
        ("integration_installation.suspend", "identity_disabled", "the-app"),
        ("personal_access_token.request_denied", "access_denied", "octo"),
        ("repo.create", "other", "octo"),
    ];
    let events: Vec<Value> = table.iter().map(|(action, _, _)| github(action, json!({"integration": "the-app"}))).collect();
    let sources = Sources::new().file("in/audit.ndjson", lines(events));
    let reading = sources.read();
    assert_eq!(reading.rows["identity_events"].len(), table.len());
    for ((event_type, action, identity), row) in table.iter().zip(&reading.rows["identity_events"]) {
        check_row(event_type, row, &json!({"action": action, "identity": identity, "outcome": "success", "expires_at": null}));
    }
    // Of an application's events the actor is never the identity.
    check(&[("audit.ndjson", lines([github("oauth_application.destroy", json!({}))]))], "identity_events", &[json!({"identity": null, "actor": "octo"})]);
}

#[test]
fn github_tokens_are_known_by_their_digest() {
    let digest = Sha256::digest("ghp_notARealToken0123456789abcdefghijkl");
    let hashed = STANDARD.encode(digest);
    let reference = format!("token:sha256:{}", hex(&digest));
    let events = [
        github("personal_access_token.create", json!({"hashed_token": hashed, "token_scopes": "repo,read:org"})),
        github("oauth_access.create", json!({"oauth_access_id": 77})),
        github("personal_access_token.destroy", json!({"token_id": 88})),
        github("public_key.create", json!({"fingerprint": "SHA256:abc"})),
        github("secret_scanning_alert.create", json!({"number": 3})),
        github("personal_access_token.credential_revoked", json!({"hashed_token": hashed})),
        github("git.clone", json!({"hashed_token": hashed, "actor": "dependabot[bot]", "actor_is_bot": true, "user": "anna"})),
        github("git.clone", json!({})),
    ];
    check(
        &[("audit.ndjson", lines(events))],
        "identity_events",
        &[
            json!({"credential": reference, "credential_kind": "personal_access_token", "scopes": ["read:org", "repo"], "issued_at": "2026-05-04T09:00:00Z"}),
            json!({"credential": "oauth:77", "credential_kind": null}),
            json!({"credential": "token:id:88"}),
            json!({"credential": "key:SHA256:abc", "issued_at": "2026-05-04T09:00:00Z"}),
            json!({"action": "credential_exposed", "credential": null}),
            json!({"is_automatic": true, "credential": reference}),
            json!({"action": "credential_used", "identity": "anna", "credential": reference}),
            json!({"action": "other", "identity": "octo"}),
        ],
    );
}

/// `api.request` is a use of its token and a call.
#[test]
fn github_api_requests_are_calls_as_well() {
    let hashed = STANDARD.encode(Sha256::digest("t"));
    let request = |status: u16| {
        github(
            "api.request",
            json!({"hashed_token": hashed, "route": "/repos/:owner/:repo", "request_method": "GET", "status_code": status, "token_scopes": "repo"}),
        )
    };
    let files = [("audit.ndjson", lines([request(200), request(404), request(401)]))];
    let uses = |outcome: &str| json!({"action": "credential_used", "outcome": outcome});
    check(&files, "identity_events", &[uses("success"), uses("failure"), uses("failure")]);
    let call = |status: u16, decision: &str| {
        json!({
            "api": "api.github.com", "route": "/repos/:owner/:repo", "method": "GET", "status": status, "auth_scheme": "bearer", "proof": "none", "decision": decision,
            "identity": "octo", "scopes": ["repo"], "credential": format!("token:sha256:{}", hex(&Sha256::digest("t"))),
        })
    };
    check(&files, "requests", &[call(200, "allowed"), call(404, "allowed"), call(401, "blocked")]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Tickets
// ---------------------------------------------------------------------------------------------------------------------

/// An open revocation ticket reported on 2026-05-04T09:00:00Z; `fields` are put into it.
fn jira(key: &str, fields: Value) -> Value {
    let mut issue = json!({"key": key, "fields": {
        "created": "2026-05-04T11:00:00.000+0200", "updated": "2026-05-04T11:30:00.000+0200", "summary": "Access key", "labels": ["credential-revocation"],
        "priority": {"name": "Critical"}, "status": {"name": "In Progress", "statusCategory": {"key": "indeterminate"}}, "resolution": null,
    }});
    merge(&mut issue["fields"], &fields);
    issue
}

#[test]
fn jira_fields_and_labelled_lines() {
    let secret = "live-secret-9f8e7d6c5b4a3210";
    let description = format!(
        "Found by scan.\nExposed at: 2026-05-03T10:00:00Z\nDetected at: 2026-05-04T08:00:00+02:00\nContained at: 2026-05-04T09:30:00Z\nRevoked at: 2026-05-04T10:00:00Z\nIdentity: shop\nCredential: key:ak7\nCredential: {secret}\n"
    );
    let document = json!({"type": "doc", "version": 1, "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": "Detected at: 2026-05-04T06:00:00Z"}]},
        {"type": "paragraph", "content": [{"type": "text", "text": "Credential: "}, {"type": "text", "text": "jti:AT.1"}]},
    ]});
    let same = json!({
        "ticket": "SEC-1", "tracker": "jira", "identity": "shop", "severity": "critical", "reported_at": "2026-05-04T09:00:00Z", "exposed_at": "2026-05-03T10:00:00Z",
        "detected_at": "2026-05-04T06:00:00Z", "contained_at": "2026-05-04T09:30:00Z", "revoked_at": "2026-05-04T10:00:00Z", "closed_at": null, "is_open": true, "is_false_positive": false,
    });
    let with = |credential: &str| {
        let mut row = same.clone();
        row["credential"] = json!(credential);
        row
    };
    let issues = [jira("SEC-1", json!({"description": description})), jira("SEC-2", json!({"created": "2026-05-05T09:00:00Z", "description": document}))];
    check(
        &[("jira.ndjson", lines(issues))],
        "revocation_tickets",
        &[with("key:ak7"), with(&digest_of(secret)), json!({"ticket": "SEC-2", "credential": "jti:AT.1", "detected_at": "2026-05-04T06:00:00Z"})],
    );
}

#[test]
fn jira_finds_revocation_tickets_and_false_positives() {
    let done = |resolution: &str| json!({"status": {"name": "Done", "statusCategory": {"key": "done"}}, "resolution": {"name": resolution}, "resolutiondate": "2026-05-06T09:00:00Z"});
    let unlabelled = |key: &str, summary: &str| jira(key, json!({"labels": ["platform"], "summary": summary}));
    let issues = [
        jira("SEC-1", done("False Positive")),
        jira("SEC-2", done("Done")),
        jira("SEC-3", done("Duplicate")),
        jira("SEC-4", done("Won't Do")),
        unlabelled("SEC-5", "Upgrade Kong"),
        unlabelled("SEC-6", "Revoke the key of the old job"),
        unlabelled("SEC-7", "Secret LEAKED in a build log"),
        jira("SEC-8", json!({"labels": ["compromised-credential"]})),
    ];
    let sources = Sources::new().file("in/search.json", json!({"issues": issues, "total": 8}).to_string());
    let reading = sources.read();
    let rows: Vec<(&str, bool, bool)> = reading.rows["revocation_tickets"]
        .iter()
        .map(|row| (row["ticket"].as_str().unwrap(), row["is_false_positive"].as_bool().unwrap(), row["is_open"].as_bool().unwrap()))
        .collect();
    assert_eq!(
        rows,
        [
            ("SEC-1", true, false),
            ("SEC-2", false, false),
            ("SEC-3", true, false),
            ("SEC-4", true, false),
            ("SEC-6", false, true),
            ("SEC-7", false, true),
            ("SEC-8", false, true),
        ]
    );
    assert_eq!(reading.ledger_of("search.json").skipped, 1, "an issue that is no revocation ticket is of no interest");
}

/// Without a line for it, `revoked_at` is the last move into a revoked status; other moves and other fields do not count.
#[test]
fn jira_revoked_at_comes_from_the_history() {
    let moved = |at: &str, field: &str, to: &str| json!({"created": at, "items": [{"field": field, "toString": to}]});
    let mut issue = jira("SEC-1", json!({"status": {"name": "Revoked", "statusCategory": {"key": "done"}}}));
    issue["changelog"] = json!({"histories": [
        moved("2026-05-07T09:00:00.000+0000", "status", "Revoked"), moved("2026-05-05T09:00:00.000+0000", "status", "Credential revoked"),
        moved("2026-05-08T09:00:00.000+0000", "Flag", "Revoked"), moved("2026-05-09T09:00:00.000+0000", "status", "Done"),
    ]});
    check(
        &[("jira.ndjson", lines([issue.clone()]))],
        "revocation_tickets",
        &[json!({"revoked_at": "2026-05-07T09:00:00Z", "revoked_from_history": 1, "status_is_revoked": 1})],
    );
    let config = ("credlens.toml", "[tickets]\nrevoked_statuses = [\"Done\"]\n".to_string());
    check(&[config, ("jira.ndjson", lines([issue]))], "revocation_tickets", &[json!({"revoked_at": "2026-05-09T09:00:00Z", "status_is_revoked": 0})]);
}

#[test]
fn of_a_ticket_exported_twice_the_latest_update_wins() {
    let export = |updated: &str, status: &str| jira("SEC-1", json!({"updated": updated, "status": {"name": status}}));
    for (first, second) in [("2026-05-05T09:00:00Z", "2026-05-06T09:00:00Z"), ("2026-05-06T09:00:00Z", "2026-05-05T09:00:00Z")] {
        let sources = Sources::new().file("in/a.ndjson", lines([export(first, first)])).file("in/b.ndjson", lines([export(second, second)]));
        let reading = sources.read();
        let rows = &reading.rows["revocation_tickets"];
        assert_eq!((rows.len(), rows[0]["status"].as_str()), (1, Some("2026-05-06T09:00:00Z")));
        let older = if first < second { "a.ndjson" } else { "b.ndjson" };
        assert_eq!(reading.ledger_of(older).duplicates, 1, "the older copy is the duplicate");
    }
}

#[test]
fn github_secret_scanning_alerts() {
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ";
    let alert = |number: u32, more: Value| {
        let mut alert = json!({
            "number": number, "created_at": "2026-05-04T09:00:00Z", "state": "resolved", "resolution": null, "resolved_at": "2026-05-04T12:00:00Z", "secret_type": "github_personal_access_token",
            "secret": secret, "repository": {"full_name": "acme/web"},
        });
        merge(&mut alert, &more);
        alert
    };
    let alerts = json!([
        alert(1, json!({"resolution": "revoked"})),
        alert(2, json!({"resolution": "false_positive"})),
        alert(3, json!({"resolution": "used_in_tests"})),
        alert(4, json!({"resolution": "wont_fix"})),
        alert(5, json!({"state": "open", "resolved_at": null})),
        alert(6, json!({"secret": "****", "resolution": "revoked"})),
    ]);
    let reference = digest_of(secret);
    check(
        &[("alerts.json", alerts.to_string())],
        "revocation_tickets",
        &[
            json!({"ticket": "acme/web#1", "tracker": "github_secret_scanning", "credential": reference, "detected_at": "2026-05-04T09:00:00Z", "revoked_at": "2026-05-04T12:00:00Z", "closed_at": "2026-05-04T12:00:00Z", "is_open": false, "is_false_positive": false, "severity": null}),
            json!({"ticket": "acme/web#2", "is_false_positive": true, "revoked_at": null}),
            json!({"ticket": "acme/web#3", "is_false_positive": true, "revoked_at": null}),
            json!({"ticket": "acme/web#4", "is_false_positive": false, "revoked_at": null, "is_open": false}),
            json!({"ticket": "acme/web#5", "is_open": true, "revoked_at": null}),
            json!({"ticket": "acme/web#6", "credential": null, "revoked_at": "2026-05-04T12:00:00Z"}),
        ],
    );
}

// ---------------------------------------------------------------------------------------------------------------------
// Inventories
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn inventories_take_columns_in_any_order_and_case() {
    let sources = Sources::new()
        .file(
            "in/identities.csv",
            "Owner,IDENTITY,Aliases,Kind,Criticality,Created_At,Cost centre\nanna,svc-shop,a|b|,Workload,HIGH,2026-01-01T00:00:00Z,77\n,svc-mail,-,,,,\n",
        )
        .file("in/apis.csv", "api,is_external,declared_proof,criticality\norders,yes,Required,Critical\nnotes,false,,\n")
        .file("in/grants.csv", "identity,scope,api,granted_at,removed_at\nsvc-shop,orders.read,,2026-01-01,\na,orders.write,orders,2026-01-01,2026-02-01\n");
    let reading = sources.read();
    let inventory = &reading.evidence.inventory;
    assert_eq!(reading.format_of("identities.csv"), Some("inventory_identities"));
    let shop = &inventory.identities.iter().find(|entry| entry.identity == "svc-shop").expect("an entry");
    assert_eq!((shop.owner.as_deref(), shop.kind.as_deref(), shop.criticality.as_deref()), (Some("anna"), Some("workload"), Some("high")));
    assert_eq!((shop.aliases.clone(), shop.created_us), (vec!["a".to_string(), "b".to_string()], parse_instant("2026-01-01")));
    let mail = &inventory.identities.iter().find(|entry| entry.identity == "svc-mail").expect("an entry");
    assert!(mail.owner.is_none() && mail.aliases.is_empty(), "absent spellings are null");
    let orders = inventory.apis.iter().find(|entry| entry.api == "orders").expect("an entry");
    assert_eq!((orders.is_external, orders.declared_proof.as_deref(), orders.criticality.as_deref()), (Some(true), Some("required"), Some("critical")));
    let write = inventory.grants.iter().find(|grant| grant.scope == "orders.write").expect("a grant");
    assert_eq!((write.api.as_deref(), write.removed_us), (Some("orders"), parse_instant("2026-02-01")));
}

#[test]
fn exceptions_are_checked_entry_by_entry() {
    let register = "[[exception]]\nid = \"E1\"\ncontrol = \"sender_constraint\"\napi = \"orders\"\napproved_at = 2026-01-01T00:00:00Z\nowner = \"anna\"\n\
                    [[exception]]\nid = \"E2\"\ncontrol = \"no such control\"\napi = \"orders\"\napproved_at = 2026-01-01T00:00:00Z\n\
                    [[exception]]\nid = \"E3\"\ncontrol = \"ttl\"\napproved_at = 2026-01-01T00:00:00Z\n\
                    [[exception]]\nid = \"E4\"\ncontrol = \"ttl\"\nidentity = \"shop\"\nexpires_at = 2026-12-31T00:00:00Z\n";
    let sources = Sources::new().file("in/exceptions.toml", register);
    let reading = sources.read();
    let ids: Vec<&str> = reading.evidence.inventory.exceptions.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["E1", "E4"]);
    let reasons: Vec<(u64, &str)> = reading.rejects.iter().map(|reject| (reject.record, reject.reason)).collect();
    assert_eq!(reasons, [(2, "unknown_control"), (3, "names_neither_api_nor_identity")]);
    let counts = reading.ledger_of("exceptions.toml");
    assert_eq!((counts.records, counts.rows, counts.rejects), (4, 2, 2));
}
