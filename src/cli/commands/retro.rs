//! `credlens retro`: the retrospective of one incident over a finished run's frames.

use crate::cli::CommandResult;
use crate::cli::args::{Global, RetroArgs};
use crate::cli::commands::{print, run_folder, run_manifest};
use crate::cli::config::Config;
use crate::diagnostic::Failure;
use crate::frame::table::{Column, Table};
use crate::frame::write::{FileMetadata, write_batch};
use crate::metric::catalog::Catalog;
use crate::metric::engine::query_run_with;
use crate::record::token::{Digester, reference_or_digest};
use crate::summary::retro::{Facts, Key, Retro, Seed, arrange, flag, markdown, timeline_table};
use crate::summary::write::{restrict, write_text};
use std::collections::BTreeMap;
use std::path::Path;

/// Queries over the subjects, in the order in which they read each other: name, and the frame its rows become.
const QUERIES: [(&str, &str); 15] = [
    ("calls", "retro_calls"),
    ("candidates", "retro_candidates"),
    ("neighbours", "retro_neighbours"),
    ("milestones", ""),
    ("apis", ""),
    ("scopes", ""),
    ("addresses", ""),
    ("violations", ""),
    ("phases", ""),
    ("credentials", ""),
    ("grants", ""),
    ("identities", ""),
    ("tickets", ""),
    ("events", ""),
    ("coverage", ""),
];

/// Runs the command.
pub fn command(args: &RetroArgs, global: &Global) -> CommandResult {
    let config = Config::load(global.config.as_deref(), &[])?;
    let run = run_folder(args.run.as_deref(), &config)?;
    let manifest = run_manifest(&run)?;
    let catalog = Catalog::new(&config.metric_folders).map_err(|error| Failure::new("A003", error))?;
    let key = key(args, &config);
    let retro = retrospective(&catalog, &run, key)?;
    let folder = args.out.clone().unwrap_or_else(|| run.clone());
    let output = |error| Failure::io("A020", folder.display().to_string(), error);
    std::fs::create_dir_all(&folder).map_err(output)?;
    let metadata = FileMetadata { run_digest: manifest["inputs_digest"].as_str().unwrap_or_default().to_string() };
    let timeline = folder.join(markdown::file_name(&retro, "parquet"));
    write_batch(&timeline, &timeline_table(&retro).to_batch(), &metadata).map_err(output)?;
    let place = folder.join(markdown::file_name(&retro, "md"));
    write_text(&place, &markdown::render(&retro)).map_err(output)?;
    // Both hold single records.
    restrict(&timeline).and_then(|()| restrict(&place)).map_err(output)?;
    print(format!("{}\n", place.display()).as_bytes())
}

fn key(args: &RetroArgs, config: &Config) -> Key {
    match (&args.credential, &args.ticket, &args.identity) {
        (Some(credential), _, _) => Key::Credential(reference_or_digest(credential, &Digester::new(config.hash_key.clone()))),
        (_, Some(ticket), _) => Key::Ticket(ticket.clone()),
        (_, _, identity) => Key::Identity(identity.clone().unwrap_or_default()),
    }
}

/// Gathers the facts of the key's subjects and puts them in order.
pub fn retrospective(catalog: &Catalog, run: &Path, key: Key) -> Result<Retro, Failure> {
    let mut own = BTreeMap::from([("retro_key".to_string(), key_table(&key))]);
    let settings = ask(catalog, run, "settings", &own)?;
    let as_of_us = settings.int("as_of_us", 0).unwrap_or(0);
    let seeds = seeds(catalog, run, &key, as_of_us, &own)?;
    own.insert("retro_subjects".to_string(), subjects_table(&seeds));
    let mut facts = Facts::new();
    for (name, frame) in QUERIES {
        let rows = ask(catalog, run, name, &own)?;
        if !frame.is_empty() {
            own.insert(frame.to_string(), rows.clone());
        }
        facts.insert(name, rows);
    }
    if seeds.iter().all(|seed| !seed.is_case)
        && facts["milestones"].rows() + facts["events"].rows() + facts["credentials"].rows() + facts["identities"].rows() == 0
    {
        return Err(nothing_known(&key));
    }
    Ok(Retro {
        run: run.file_name().map_or_else(|| run.display().to_string(), |name| name.to_string_lossy().into_owned()),
        inputs_digest: run_manifest(run)?["inputs_digest"].as_str().unwrap_or_default().to_string(),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        as_of_us,
        grace_us: settings.int("grace_us", 0).unwrap_or(0),
        subjects: seeds.iter().map(|seed| arrange::subject(seed, &facts, as_of_us)).collect(),
        key,
    })
}

fn nothing_known(key: &Key) -> Failure {
    let list = match key {
        Key::Ticket(_) => "select tracker, ticket, credential, identity from revocations",
        Key::Credential(_) => "select credential, kind, identity from credentials",
        Key::Identity(_) => "select identity, kind from identities",
    };
    let order = list.split([' ', ',']).nth(1).unwrap_or("1");
    Failure::new("A001", format!("the run knows no {} `{}`", key.kind(), crate::diagnostic::terminal_safe(key.name())))
        .hint(format!("`credlens query \"{list} order by {order}\" --run DIR` lists them"))
}

fn ask(catalog: &Catalog, run: &Path, name: &str, own: &BTreeMap<String, Table>) -> Result<Table, Failure> {
    let sql = Catalog::retro(name).ok_or_else(|| Failure::new("A050", format!("retro/{name}.sql is missing")))?;
    query_run_with(catalog, run, sql, own)
        .map_err(|error| Failure::new("A050", format!("retro/{name}: {}", error.message)).hint("was the run made by this version of credlens?"))
}

fn key_table(key: &Key) -> Table {
    let mut table = Table::default();
    for kind in ["credential", "ticket", "identity"] {
        table.set(kind, Column::Text(vec![(key.kind() == kind).then(|| key.name().to_string())]));
    }
    table
}

/// The cases of the key; where there is none, the credential or identity itself; an identity stands before its cases.
fn seeds(catalog: &Catalog, run: &Path, key: &Key, as_of_us: i64, own: &BTreeMap<String, Table>) -> Result<Vec<Seed>, Failure> {
    let cases = ask(catalog, run, "cases", own)?;
    let mut seeds: Vec<Seed> = (0..cases.rows()).map(|row| case_seed(&cases, row, as_of_us)).collect();
    match key {
        Key::Ticket(_) if seeds.is_empty() => return Err(nothing_known(key)),
        Key::Ticket(_) => {}
        Key::Credential(name) => {
            if seeds.is_empty() {
                seeds.push(credential_seed(name, &ask(catalog, run, "known", own)?, as_of_us));
            }
        }
        Key::Identity(name) => {
            let is_known = !seeds.is_empty() || ask(catalog, run, "known_identities", own)?.rows() > 0;
            if !is_known {
                return Err(nothing_known(key));
            }
            seeds.insert(0, identity_seed(name, &seeds, as_of_us));
        }
    }
    for (seed, number) in seeds.iter_mut().zip(1..) {
        seed.subject = number;
    }
    Ok(seeds)
}

fn case_seed(cases: &Table, row: usize, as_of_us: i64) -> Seed {
    let text = |name: &str| cases.text(name, row).map(str::to_string);
    let (exposed_us, detected_us, enforced_us) = (cases.int("exposed_at", row), cases.int("detected_at", row), cases.int("enforced_at", row));
    let from_us = exposed_us.or(detected_us);
    Seed {
        ticket: text("ticket"),
        tracker: text("tracker"),
        credential: text("credential"),
        identity: text("identity"),
        severity: text("severity"),
        proof_grade: text("proof_grade"),
        revoked_by: text("revoked_by"),
        is_case: true,
        is_false_positive: flag(cases, "is_false_positive", row) == Some(true),
        exposed_us,
        detected_us,
        reported_us: cases.int("reported_at", row),
        contained_us: cases.int("contained_at", row),
        revoked_us: cases.int("revoked_at", row),
        enforced_us,
        accepted_after: cases.int("accepted_after", row).unwrap_or(0),
        rejected_after: cases.int("rejected_after", row).unwrap_or(0),
        from_us,
        until_us: enforced_us.unwrap_or(as_of_us).max(from_us.unwrap_or(i64::MIN)),
        ..Seed::default()
    }
}

/// A credential that no case is about: revoked if the identity provider, or its identity's deletion, ended it.
fn credential_seed(name: &str, known: &Table, as_of_us: i64) -> Seed {
    let is_revoked = known.text("ended_by", 0).is_some_and(|by| by.starts_with("revocation") || by == "deletion");
    let revoked_us = known.int("ended_at", 0).filter(|_| is_revoked);
    let enforced_us = revoked_us.map(|at| at.max(known.int("last_used", 0).unwrap_or(at)));
    Seed {
        credential: Some(name.to_string()),
        identity: known.text("identity", 0).map(str::to_string),
        revoked_us,
        enforced_us,
        until_us: enforced_us.unwrap_or(as_of_us),
        ..Seed::default()
    }
}

/// All calls of an identity, from the first exposure of its cases to the last enforcement.
fn identity_seed(name: &str, cases: &[Seed], as_of_us: i64) -> Seed {
    let is_open = cases.is_empty() || cases.iter().any(|case| case.enforced_us.is_none());
    let enforced_us = cases.iter().filter_map(|case| case.enforced_us).max().filter(|_| !is_open);
    let from_us = cases.iter().filter_map(|case| case.from_us).min();
    Seed {
        identity: Some(name.to_string()),
        is_whole_identity: true,
        from_us,
        exposed_us: cases.iter().filter_map(|case| case.exposed_us).min().filter(|at| Some(*at) == from_us),
        enforced_us,
        until_us: enforced_us.unwrap_or(as_of_us).max(from_us.unwrap_or(i64::MIN)),
        ..Seed::default()
    }
}

/// What the SQL joins with: one row per subject.
fn subjects_table(seeds: &[Seed]) -> Table {
    let text = |value: &dyn Fn(&Seed) -> Option<String>| Column::Text(seeds.iter().map(value).collect());
    let int = |value: &dyn Fn(&Seed) -> Option<i64>| Column::Int(seeds.iter().map(value).collect());
    let mut table = Table::default();
    table.set("subject", int(&|seed| Some(seed.subject)));
    table.set("ticket", text(&|seed| seed.ticket.clone()));
    table.set("tracker", text(&|seed| seed.tracker.clone()));
    table.set("credential", text(&|seed| seed.credential.clone()));
    table.set("identity", text(&|seed| seed.identity.clone()));
    table.set("match_credential", text(&|seed| seed.credential.clone()));
    table.set("match_identity", text(&|seed| seed.identity.clone().filter(|_| seed.is_whole_identity || seed.is_upper_bound())));
    table.set("other_identity", text(&|seed| seed.identity.clone().filter(|_| seed.credential.is_some())));
    table.set("from_us", int(&|seed| Some(seed.from_us.unwrap_or(i64::MIN / 4))));
    table.set("until_us", int(&|seed| Some(seed.until_us)));
    table.set("revoked_us", int(&|seed| seed.revoked_us.filter(|_| !seed.is_upper_bound())));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::RunArgs;
    use crate::cli::commands::run::{Plan, measure};
    use crate::metric::engine::query_run;
    use crate::source::read::Progress;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        run: RunArgs,
    }

    /// Queries need more stack than a test's thread has.
    fn with_stack<T: Send>(job: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(2).stack_size(256 << 20).build().unwrap().install(job)
    }

    fn estate(out: &Path) -> std::path::PathBuf {
        let estate = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-data/estate");
        let typed = Typed::parse_from(["run", estate, "--out", &out.display().to_string(), "--threads", "2"]);
        let global = Global { config: None, quiet: true, verbose: 0, color: crate::cli::args::Color::Never };
        measure(&Plan::new(&typed.run, &global).unwrap(), &Progress::default()).unwrap().folder
    }

    #[test]
    fn cases_of_the_estate_agree_with_the_run_and_cite_their_records() {
        let out = tempfile::tempdir().unwrap();
        with_stack(|| {
            let run = estate(out.path());
            let catalog = Catalog::new(&[]).unwrap();
            let cases =
                query_run(&catalog, &run, "select ticket, credential, proof_grade, calls_after_exposure from revocations order by ticket, credential").unwrap();
            let exposed = |facts: &crate::summary::report::prose::Table| -> i64 {
                use crate::summary::report::prose::Cell;
                let accepted = |row: &&Vec<Cell>| {
                    row[0] == Cell::Words("between exposure and enforcement".into())
                        && row[1] != Cell::Words("blocked".into())
                        && row[1] != Cell::Words("failed".into())
                };
                facts.rows.iter().filter(accepted).map(|row| if let Cell::Count(calls) = row[2] { calls } else { 0 }).sum()
            };
            // Accepted after revocation, another credential revoked, two credentials; all cases would take minutes here.
            for ticket in ["SEC-103", "SEC-104", "SEC-111"] {
                let retro = retrospective(&catalog, &run, Key::Ticket(ticket.into())).unwrap();
                for subject in &retro.subjects {
                    let seed = &subject.seed;
                    let row = (0..cases.rows())
                        .find(|row| cases.text("ticket", *row) == Some(ticket) && cases.text("credential", *row) == seed.credential.as_deref())
                        .unwrap();
                    assert_eq!(Some(exposed(&subject.calls)), cases.int("calls_after_exposure", row), "{ticket}");
                    assert_eq!(!subject.proof_records.rows.is_empty(), seed.accepted_after + seed.rejected_after > 0, "{ticket}");
                    assert!(subject.clocks.iter().any(|clock| clock.name == "detected" && !clock.records.is_empty()), "{ticket}");
                }
                let text = markdown::render(&retro);
                let is_told = text.contains("**still accepted**: 4 calls were accepted after the revocation") && text.contains("kong-2026-05.ndjson:103`");
                assert!(ticket != "SEC-103" || is_told, "{text}");
            }
            let identity = retrospective(&catalog, &run, Key::Identity("svc-ledger-sync".into())).unwrap();
            assert_eq!(identity.subjects.len(), 3);
            assert!(retrospective(&catalog, &run, Key::Ticket("nope".into())).unwrap_err().message.contains("no ticket `nope`"));
        });
    }

    #[test]
    fn a_key_becomes_a_file_name_that_leads_nowhere_else() {
        let name = |key: &str| {
            let retro = Retro {
                key: Key::Ticket(key.into()),
                run: String::new(),
                inputs_digest: String::new(),
                tool_version: String::new(),
                as_of_us: 0,
                grace_us: 0,
                subjects: Vec::new(),
            };
            markdown::file_name(&retro, "md")
        };
        assert_eq!(name("SEC-101"), "retro-SEC-101.md");
        assert!(!name("../../etc/passwd").contains('/') && name("a/b") != name("a:b"));
        assert!(name(&"x".repeat(500)).len() < 120);
    }
}
