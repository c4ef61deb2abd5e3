//! `--privacy`: no name of a person and no whole address in any output, one pseudonym for each person everywhere, and the same
//! measures. Outputs that hold records are for their owner alone.

use crate::support::{Row, Sources, files_under, read_frame, read_parquet, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// People, and how the evidence knows them.
const PEOPLE: [&str; 6] = ["alice", "a.liddell", "bob@example.com", "carol@example.com", "dave.d", "erin@example.com"];
const ADDRESSES: [&str; 3] = ["203.0.113.77", "2001:db8:aaaa:bbbb::7", "198.51.100.23"];

fn sources(config: &str) -> Sources {
    let kong = |id: &str, consumer: &str, address: &str| {
        json!({"started_at": 1777885200000i64, "client_ip": address, "request": {"id": id, "method": "GET", "uri": "/orders", "headers": {}}, "response": {"status": 200, "headers": {}},
            "service": {"name": "orders"}, "latencies": {}, "tries": [], "consumer": {"username": consumer}})
        .to_string()
    };
    let calls = [
        kong("1", "a.liddell", ADDRESSES[0]),
        kong("2", "svc-shop", ADDRESSES[1]),
        kong("3", "bob@example.com", ADDRESSES[2]),
        kong("4", "erin@example.com", ADDRESSES[0]),
    ];
    let okta = |id: &str, kind: &str, actor: &str, target: &str| {
        json!({"uuid": id, "published": "2026-05-04T09:00:00.000Z", "eventType": kind, "outcome": {"result": "SUCCESS"},
            "actor": {"id": actor, "type": "User", "alternateId": actor}, "target": [{"type": "User", "id": target, "alternateId": target}], "client": {"ipAddress": ADDRESSES[2]}})
        .to_string()
    };
    let jira = json!({"key": "SEC-1", "fields": {
        "created": "2026-05-04T09:00:00.000+0000", "labels": ["credential-revocation"], "status": {"name": "To Do", "statusCategory": {"key": "new"}}, "priority": {"name": "High"},
        "summary": "Revoke", "description": "Detected at: 2026-05-04T08:00:00Z\nCredential: key:ak7\nIdentity: a.liddell", "assignee": {"displayName": "dave.d", "name": "dave.d", "emailAddress": "dave.d"},
    }});
    let exception = "[[exception]]\nid = \"ex-1\"\ncontrol = \"sender_constraint\"\nidentity = \"a.liddell\"\nowner = \"carol@example.com\"\napproved_at = 2026-04-20\nreason = \"asked for by bob@example.com, and alice\"\n";
    Sources::new()
        .file("credlens.toml", config)
        .file("key", "the organisation's own key")
        .file("in/kong.ndjson", calls.join("\n"))
        .file(
            "in/okta.ndjson",
            [
                okta("o-1", "user.lifecycle.create", "carol@example.com", "erin@example.com"),
                okta("o-2", "user.session.start", "bob@example.com", "bob@example.com"),
            ]
            .join("\n"),
        )
        .file("in/jira.ndjson", jira.to_string())
        .file("in/identities.csv", "identity,aliases,kind,owner\nalice,a.liddell,human,\nsvc-shop,,workload,payments\n")
        .file("in/apis.csv", "api,owner\norders,carol@example.com\n")
        .file("in/exceptions.toml", exception)
}

/// Every text of a run folder: files as they are, and the values of Parquet files.
fn texts(folder: &Path) -> Vec<(String, String)> {
    files_under(folder)
        .into_iter()
        .map(|(name, bytes)| {
            let text =
                if name.ends_with(".parquet") { json!(read_parquet(&folder.join(&name))).to_string() } else { String::from_utf8_lossy(&bytes).into_owned() };
            (name, text)
        })
        .collect()
}

fn found(folder: &Path, words: &[&str]) -> Vec<String> {
    let texts = texts(folder);
    texts.iter().flat_map(|(name, text)| words.iter().filter(|word| text.contains(**word)).map(move |word| format!("{name}: {word}"))).collect()
}

fn identities(folder: &Path) -> BTreeSet<String> {
    read_frame(&folder.join("parquet/frames"), "requests").iter().map(|row| text(row, "identity").to_string()).collect()
}

#[test]
fn with_privacy_no_output_names_a_person_or_an_address() {
    let sources = sources("");
    let (_, plain) = sources.run_in_out(&[]);
    for word in PEOPLE.iter().chain(&ADDRESSES) {
        // carol owns and acts, and dave works on the ticket: the search finds each of them where nothing is hidden.
        assert!(!found(&plain, &[word]).is_empty(), "{word}");
    }
    let metrics = |folder: &Path| -> Vec<Row> {
        let mut rows = read_parquet(&folder.join("parquet/metrics.parquet"));
        rows.retain(|row| text(row, "segment_kind") == "all");
        rows
    };
    let measured = metrics(&plain);
    let (finished, folder) = sources.run_in_out(&["--privacy", "--json"]);
    assert_eq!(found(&folder, &[PEOPLE.as_slice(), &ADDRESSES].concat()), Vec::<String>::new());
    for word in PEOPLE.iter().chain(&ADDRESSES) {
        assert!(!finished.stdout.contains(word) && !finished.stderr.contains(word), "{word}");
    }
    assert_eq!(metrics(&folder), measured, "names are no measure");
    let addresses: BTreeSet<String> =
        read_frame(&folder.join("parquet/frames"), "requests").iter().map(|row| text(row, "client_address").to_string()).collect();
    assert_eq!(addresses.into_iter().collect::<Vec<_>>(), ["198.51.100.0/24", "2001:db8:aaaa::/48", "203.0.113.0/24"]);
    // Workloads and teams keep their names.
    assert!(identities(&folder).contains("svc-shop") && !found(&folder, &["payments"]).is_empty());
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("run.json")).expect("run.json")).expect("JSON");
    assert_eq!(manifest["privacy"], json!({"people": true, "addresses": "network"}));
}

/// One person is one pseudonym in calls, events, tickets, the register and entities, and so in a retrospective.
#[test]
fn a_person_has_one_pseudonym_everywhere() {
    let sources = sources("[privacy]\nhash_key_file = \"key\"\nhide_people = true\naddresses = \"none\"\n");
    let (_, folder) = sources.run_in_out(&[]);
    let people: BTreeSet<String> = identities(&folder).into_iter().filter(|name| name.starts_with("person-")).collect();
    assert_eq!(people.len(), 3, "alice, bob and erin called: {people:?}");
    let tickets = read_frame(&folder.join("parquet/frames"), "revocation_tickets");
    let alice = text(&tickets[0], "identity").to_string();
    assert!(people.contains(&alice), "{tickets:?}");
    let register = read_parquet(&folder.join("parquet/frames/exception_register.parquet"));
    assert_eq!(text(&register[0], "identity"), alice);
    let inventory = read_parquet(&folder.join("parquet/frames/inventory_identities.parquet"));
    assert!(inventory.iter().any(|row| text(row, "identity") == alice));
    let entities = read_parquet(&folder.join("parquet/identities.parquet"));
    assert!(people.iter().all(|name| entities.iter().any(|row| text(row, "identity") == name)), "{entities:?}");
    assert_eq!(found(&folder, &["203.0.113", "2001:db8"]), Vec::<String>::new(), "addresses are dropped");
    let run = format!("out/{}", folder.file_name().expect("a name").to_string_lossy());
    let retro = sources.run(&["retro", "--run", &run, "--identity", &alice, "--out", "retro"]);
    assert_eq!(retro.status, Some(0), "{}", retro.stderr);
    assert_eq!(found(&sources.path().join("retro"), &PEOPLE), Vec::<String>::new());
    for file in files_under(&sources.path().join("retro")).into_keys() {
        let mode = std::fs::metadata(sources.path().join("retro").join(&file)).expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    // The same key gives the same pseudonyms for other inputs; another key gives others.
    sources.put("in/more.ndjson", "\n");
    let (_, again) = sources.run_in_out(&[]);
    assert_eq!(identities(&again), identities(&folder));
    sources.put("key", "another key");
    let (_, other) = sources.run_in_out(&[]);
    assert!(people.is_disjoint(&identities(&other)));
}

/// What looks at single files or at samples knows no inventory: it names nobody at all.
#[test]
fn with_privacy_inspect_and_check_name_nobody() {
    let sources = sources("[privacy]\nhide_people = true\naddresses = \"network\"\n");
    let mut told = String::new();
    for file in ["kong.ndjson", "okta.ndjson", "jira.ndjson"] {
        let plain = crate::support::run_in(&sources.path().join("in"), &["inspect", file]).stdout;
        assert!(PEOPLE.iter().any(|name| plain.contains(name)), "{file} names somebody: {plain}");
        for finished in [sources.run(&["inspect", &format!("in/{file}")]), crate::support::run_in(&sources.path().join("in"), &["inspect", "--privacy", file])]
        {
            assert!(finished.status == Some(0) && finished.stdout.contains("person-"), "{}", finished.stderr);
            told += &(finished.stdout + &finished.stderr);
        }
    }
    for arguments in [["check", "in"].as_slice(), &["check", "in", "--privacy", "-vv"], &["run", "in", "--dry-run", "-vv"], &["explain", "identities"]] {
        let finished = sources.run(arguments);
        assert_ne!(finished.status, Some(2), "{}", finished.stderr);
        told += &(finished.stdout + &finished.stderr);
    }
    let named: Vec<&&str> = PEOPLE.iter().chain(&ADDRESSES).filter(|word| told.contains(**word)).collect();
    assert!(named.is_empty(), "{named:?} in {told}");
}

#[test]
fn raw_rejects_and_privacy_exclude_each_other() {
    let plain = sources("").run(&["run", "in", "--privacy", "--keep-raw"]);
    assert!(plain.status == Some(2) && plain.stderr.contains("--keep-raw"), "{}", plain.stderr);
    let configured = sources("[privacy]\nhide_people = true\n").run(&["run", "in", "--keep-raw"]);
    assert!(configured.status == Some(2) && configured.stderr.contains("hide_people"), "{}", configured.stderr);
}

#[test]
fn outputs_with_records_are_for_their_owner_alone() {
    let sources = sources("");
    let (_, folder) = sources.run_in_out(&[]);
    let mode = |name: &str| std::fs::metadata(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")).permissions().mode() & 0o777;
    for name in files_under(&folder).into_keys().filter(|name| name.starts_with("parquet/")) {
        assert_eq!(mode(&name), 0o600, "{name}");
    }
    assert_eq!((mode("parquet"), mode("parquet/frames")), (0o700, 0o700));
}
