//! No raw secret in any byte of any output: planted in every format and every place, searched in the run folder (Parquet
//! values read back), on stdout and on stderr.

use crate::support::{Sources, files_under, read_parquet};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A secret that looks like one, different for every place.
pub fn secret(place: &str) -> String {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(place));
    format!("sk{}", digest.replace(['-', '_'], "q"))
}

struct Planted {
    secrets: Vec<String>,
}

impl Planted {
    fn secret(&mut self, place: &str) -> String {
        let secret = secret(place);
        self.secrets.push(secret.clone());
        secret
    }

    /// A JWT; its payload and its signature must not appear either.
    fn jwt(&mut self, claims: Value) -> String {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        let signature = self.secret(&format!("signature of {claims}"));
        self.secrets.push(payload.clone());
        format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("{\"alg\":\"ES256\"}"))
    }
}

fn sources(planted: &mut Planted) -> Sources {
    let kong = |id: &str, uri: String, headers: Value| {
        json!({"started_at": 1777885200000i64, "request": {"id": id, "method": "GET", "uri": uri, "url": format!("https://gw{uri}"), "querystring": {}, "headers": headers},
            "response": {"status": 200, "headers": {}}, "service": {"name": "orders"}, "latencies": {}, "tries": [], "consumer": {"username": "shop"}}).to_string()
    };
    let jwt = planted.jwt(json!({"jti": "j-1", "client_id": "shop", "scope": "orders.read"}));
    let nameless = planted.jwt(json!({"sub": "shop"}));
    let basic = STANDARD.encode(format!("shop:{}", planted.secret("basic password")));
    planted.secrets.push(basic.clone());
    let mut lines = vec![
        kong("k-1", "/orders".into(), json!({"authorization": format!("Bearer {jwt}")})),
        kong("k-2", "/orders".into(), json!({"authorization": format!("Bearer {nameless}")})),
        kong("k-3", "/orders".into(), json!({"authorization": format!("DPoP {}", planted.secret("opaque token")), "dpop": planted.jwt(json!({"htu": "x"}))})),
        kong("k-4", "/orders".into(), json!({"authorization": format!("Basic {basic}")})),
        kong("k-5", "/orders".into(), json!({"apikey": planted.secret("apikey header"), "X-Api-Key": planted.secret("x-api-key header")})),
        kong("k-6", format!("/orders?apikey={}&access_token={}", planted.secret("query key"), planted.secret("query token")), json!({})),
        kong("k-7", "/orders".into(), json!({"authorization": planted.secret("a value without a scheme"), "cookie": planted.secret("cookie")})),
        kong("k-8", format!("/reset/{}/confirm", planted.secret("token in the path")), json!({})),
    ];
    // Rejected records hold secrets too: one cut off, one without a time, one with an odd scheme.
    let cut = kong("k-9", "/orders".into(), json!({"authorization": format!("Bearer {}", planted.secret("cut record"))}));
    lines.push(cut[..cut.len() - 40].to_string());
    lines.push(
        kong("k-10", "/orders".into(), json!({"authorization": format!("Bearer {}", planted.secret("rejected record"))})).replace("1777885200000", "\"soon\""),
    );
    let aws = json!({
        "requestId": "a-1", "requestTimeEpoch": "1777885200000", "apiName": "claims", "httpMethod": "GET", "resourcePath": "/claims", "status": "200", "identity.apiKeyId": "ak7",
        "identity.apiKey": planted.secret("AWS key"), "authorizer.claims.jti": "j-2", "authorizer.claims.client_id": "shop", "authorizationToken": planted.secret("AWS token"),
    });
    let okta = json!({
        "uuid": "o-1", "published": "2026-05-04T09:00:00.000Z", "eventType": "app.oauth2.as.token.grant.access_token", "outcome": {"result": "SUCCESS"},
        "actor": {"id": "0oa1", "type": "PublicClientApp", "alternateId": "shop"}, "target": [{"type": "access_token", "id": "AT.one", "detailEntry": {"hash": planted.secret("okta hash")}}],
        "debugContext": {"debugData": {"requestUri": format!("/token?client_secret={}", planted.secret("okta client secret"))}},
    });
    let github = json!({
        "action": "personal_access_token.create", "@timestamp": 1777885200000i64, "_document_id": "g-1", "actor": "octo", "org": "acme",
        "hashed_token": STANDARD.encode(Sha256::digest("x")), "token": planted.secret("github token"),
    });
    let jira = json!({"key": "SEC-1", "fields": {
        "created": "2026-05-04T09:00:00.000+0000", "labels": ["credential-revocation"], "status": {"name": "To Do", "statusCategory": {"key": "new"}}, "priority": {"name": "High"},
        "summary": format!("Revoke {}", planted.secret("jira summary")),
        "description": format!("Detected at: 2026-05-04T08:00:00Z\nCredential: {}\nIt was pasted as {} somewhere", planted.secret("jira credential"), planted.secret("jira text")),
    }});
    let alert = json!([{
        "number": 7, "created_at": "2026-05-04T09:00:00Z", "state": "open", "secret_type": "custom", "repository": {"full_name": "acme/web"}, "secret": planted.secret("alert secret"),
    }]);
    let unknown = json!({"colour": "red", "token": planted.secret("unknown file")});
    Sources::new()
        .file("in/kong.ndjson", lines.join("\n"))
        .file("in/aws.json", aws.to_string())
        .file("in/okta.ndjson", okta.to_string())
        .file("in/github.ndjson", github.to_string())
        .file("in/jira.ndjson", jira.to_string())
        .file("in/alerts.json", alert.to_string())
        .file("in/unknown.json", unknown.to_string())
        .file("in/unknown.txt", planted.secret("unknown text"))
        .file("in/identities.csv", format!("identity,aliases,password\nsvc-shop,shop,{}\n", planted.secret("an extra column of an inventory")))
}

/// Where a secret stands in some bytes.
fn leaks(what: &str, bytes: &[u8], secrets: &[String]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    secrets.iter().filter(|secret| text.contains(secret.as_str())).map(|secret| format!("{what}: {secret}")).collect()
}

#[test]
fn raw_secrets_never_reach_an_output() {
    let mut planted = Planted { secrets: Vec::new() };
    let sources = sources(&mut planted);
    assert!(planted.secrets.len() >= 25, "every format has its secrets");
    let (finished, folder) = sources.run_in_out(&["--json", "--max-rejects", "50%"]);
    let mut told = leaks("stdout", finished.stdout.as_bytes(), &planted.secrets);
    told.extend(leaks("stderr", finished.stderr.as_bytes(), &planted.secrets));
    let mut n_tables = 0;
    for (name, bytes) in files_under(&folder) {
        told.extend(leaks(&name, &bytes, &planted.secrets));
        if name.ends_with(".parquet") {
            n_tables += 1;
            told.extend(leaks(&format!("values of {name}"), json!(read_parquet(&folder.join(&name))).to_string().as_bytes(), &planted.secrets));
        }
    }
    for file in ["kong.ndjson", "jira.ndjson", "alerts.json", "unknown.json"] {
        let inspected = sources.run(&["inspect", &format!("in/{file}")]);
        told.extend(leaks(&format!("inspect {file}"), (inspected.stdout + &inspected.stderr).as_bytes(), &planted.secrets));
    }
    // Commands that read the finished run or look at the files again; the most talkative run.
    let run = folder.to_string_lossy().into_owned();
    let commands: [&[&str]; 9] = [
        &["run", "in", "--out", "other", "--max-rejects", "50%", "-vv", "--no-progress"],
        &["check", "in", "-v"],
        &["query", "open_cases", "--run", &run],
        &["query", "select * exclude (scopes) from requests", "--run", &run, "--format", "json"],
        &["query", "select credential, identity, route from requests", "--run", &run, "--format", "csv"],
        &["explain", "requests"],
        &["retro", "--run", &run, "--ticket", "SEC-1", "--out", "retro"],
        &["retro", "--run", &run, "--credential", &secret("apikey header"), "--out", "retro"],
        &["diff", &run, &run],
    ];
    for arguments in commands {
        let finished = sources.run(arguments);
        told.extend(leaks(&format!("{arguments:?}"), (finished.stdout + &finished.stderr).as_bytes(), &planted.secrets));
    }
    let retros = files_under(&sources.path().join("retro"));
    assert!(retros.len() >= 2, "retro wrote something");
    retros.iter().for_each(|(name, bytes)| told.extend(leaks(&format!("retro {name}"), bytes, &planted.secrets)));
    assert!(told.is_empty(), "{} leaks:\n{}", told.len(), told.join("\n"));
    // The search itself can find something: what is no secret is there, as is each secret's digest.
    let requests = json!(read_parquet(&folder.join("parquet/frames/requests/month=2026-05/part-0.parquet"))).to_string();
    assert!(n_tables > 20 && requests.contains("k-8") && requests.contains(&credlens::record::token::hex(&Sha256::digest(secret("apikey header")))));
    let tickets = json!(read_parquet(&folder.join("parquet/frames/revocation_tickets/month=2026-05/part-0.parquet"))).to_string();
    assert!(tickets.contains(&credlens::record::token::hex(&Sha256::digest(secret("alert secret")))), "{tickets}");
    assert!(tickets.contains(&credlens::record::token::hex(&Sha256::digest(secret("jira credential")))), "{tickets}");
}

/// With a hash key a digest is HMAC-SHA256 of the digest, whichever source it comes from, so that joins still work.
#[test]
fn with_a_hash_key_digests_are_keyed_and_still_join() {
    let token = secret("a token seen twice");
    let call = json!({"started_at": 1777885200000i64, "request": {"headers": {"authorization": format!("Bearer {token}")}}, "response": {"status": 200}, "latencies": {}, "service": {"name": "a"}});
    let event = json!({"action": "personal_access_token.create", "@timestamp": 1777885200000i64, "_document_id": "g", "actor": "o", "org": "a", "hashed_token": STANDARD.encode(Sha256::digest(&token))});
    let sources = Sources::new()
        .file("key", "the organisation's own key")
        .file("credlens.toml", "[privacy]\nhash_key_file = \"key\"\n")
        .file("in/kong.ndjson", call.to_string())
        .file("in/github.ndjson", event.to_string());
    let reading = sources.read();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"the organisation's own key").expect("any key");
    mac.update(&Sha256::digest(&token));
    let keyed = format!("token:sha256:{}", credlens::record::token::hex(&mac.finalize().into_bytes()));
    assert_eq!(reading.rows["requests"][0]["credential"], keyed);
    assert_eq!(reading.rows["identity_events"][0]["credential"], keyed);
}
