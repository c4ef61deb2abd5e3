//! The retrospective as one Markdown file. Text from logs is escaped here, once.

use super::{Happening, Retro, Subject};
use crate::period::format_instant;
use crate::summary::escape;
use crate::summary::markdown::{prose, prose_in_table, table};
use crate::summary::report::prose::{Prose, Table};
use crate::summary::write::RETROSPECTIVE;
use crate::units::{DurationSeconds, counted};
use std::fmt::Write;

/// Rows of the timeline shown; the Parquet file beside it holds all.
const SHOWN_HAPPENINGS: usize = 60;

/// The whole file.
pub fn render(retro: &Retro) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# Incident retrospective: {} {}\n", retro.key.kind(), escape::markdown_code(retro.key.name()));
    let subjects = counted(retro.subjects.len() as i64, "subject", "subjects");
    let _ = writeln!(
        out,
        "From run {} (inputs {}), judged at {}. {subjects} below. Instants are UTC. Records are cited as `file:record`.\n",
        escape::markdown_code(&retro.run),
        escape::markdown_code(retro.inputs_digest.get(..12).unwrap_or("unknown")),
        format_instant(retro.as_of_us)
    );
    for subject in &retro.subjects {
        render_subject(&mut out, retro, subject);
    }
    let _ = writeln!(
        out,
        "---\n\nMade by credlens {} from the frames of the run; grace after a revocation {}.",
        retro.tool_version,
        DurationSeconds(retro.grace_us as f64 / 1e6)
    );
    out
}

fn render_subject(out: &mut String, retro: &Retro, subject: &Subject) {
    let _ = writeln!(out, "## {}\n", title(subject));
    if subject.in_short != Prose::new() {
        let _ = writeln!(out, "{}\n", prose(&subject.in_short));
    }
    for (name, value) in &subject.about {
        let _ = writeln!(out, "- {name}: {}", prose(value));
    }
    out.push('\n');
    heading(out, "Clocks");
    clocks(out, subject);
    heading(out, "Timeline");
    timeline(out, retro, &subject.timeline);
    heading(out, "Blast radius");
    blast_radius(out, retro, subject);
    heading(out, "Siblings and rights");
    section(
        out,
        "Other credentials of the same identity, alive at some time since exposure:",
        &subject.siblings,
        "No other credential of the identity is known to have been alive since exposure.",
    );
    section(out, "What the identity is granted:", &subject.grants, "No grant of the identity is known.");
    heading(out, "Proof of revocation");
    let _ = writeln!(out, "{}\n", prose(&subject.proof));
    if !subject.proof_records.is_empty() {
        out.push_str("The first records behind it, up to five of a kind:\n\n");
        table(out, &subject.proof_records, usize::MAX);
    }
    heading(out, "What could not be seen");
    list(out, "- ", &subject.unseen);
    heading(out, "Questions to answer");
    list(out, "- [ ] ", &subject.questions);
}

fn title(subject: &Subject) -> String {
    let seed = &subject.seed;
    let names = |kind: &str, name: &str| format!("{kind} {}", escape::markdown_code(name));
    match (&seed.ticket, &seed.credential, &seed.identity) {
        (_, _, Some(identity)) if seed.is_whole_identity => format!("{}, all its calls", names("Identity", identity)),
        (Some(ticket), Some(credential), _) => format!("{}, {}", names("Case", ticket), names("credential", credential)),
        (Some(ticket), None, _) => format!("{}, credential not known", names("Case", ticket)),
        (None, Some(credential), _) => names("Credential", credential),
        (None, None, Some(identity)) => names("Identity", identity),
        (None, None, None) => "Case without a name".into(),
    }
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "### {text}\n");
}

fn clocks(out: &mut String, subject: &Subject) {
    out.push_str("| Clock | At | From detection | Rests on | Record |\n|---|---|---:|---|---|\n");
    for clock in &subject.clocks {
        let at = clock.at_us.map_or_else(|| "?".to_string(), format_instant);
        let delay = clock.at_us.zip(subject.seed.detected_us).map(|(at, detected)| DurationSeconds((at - detected) as f64 / 1e6).to_string());
        let records: Vec<String> = clock.records.iter().take(3).map(|record| escape::markdown_table_code(record)).collect();
        let _ = writeln!(out, "| {} | {at} | {} | {} | {} |", clock.name, delay.as_deref().unwrap_or("–"), prose_in_table(&clock.basis), records.join(", "));
    }
    out.push('\n');
}

fn timeline(out: &mut String, retro: &Retro, rows: &[Happening]) {
    if rows.is_empty() {
        out.push_str("Nothing is on record.\n\n");
        return;
    }
    out.push_str("| At | Event | What | Record |\n|---|---|---|---|\n");
    for row in rows.iter().take(SHOWN_HAPPENINGS) {
        let place = row.place().map_or_else(|| "–".to_string(), |place| escape::markdown_table_code(&place));
        let _ =
            writeln!(out, "| {} | {} | {} | {place} |", format_instant(row.at_us), escape::markdown(&row.kind.replace('_', " ")), prose_in_table(&row.what));
    }
    out.push('\n');
    if rows.len() > SHOWN_HAPPENINGS {
        let _ = writeln!(out, "{SHOWN_HAPPENINGS} of {}; all in `{}`.\n", rows.len(), file_name(retro, "parquet"));
    }
}

fn blast_radius(out: &mut String, retro: &Retro, subject: &Subject) {
    let seed = &subject.seed;
    let from = match (seed.from_us, seed.exposed_us) {
        (Some(from), Some(_)) => format!("after exposure at {}", format_instant(from)),
        (Some(from), None) => format!("after detection at {}", format_instant(from)),
        (None, _) => "as far back as the logs go".into(),
    };
    let until = match seed.enforced_us {
        Some(_) => format!("enforcement at {}", format_instant(seed.until_us)),
        None => format!("the instant of judgement, {}", format_instant(retro.as_of_us)),
    };
    let whose = if seed.is_upper_bound() { "Calls of the identity, whatever their credential," } else { "Calls" };
    let _ = writeln!(out, "{whose} {from}, up to {until}.\n");
    section(out, "Calls, with those before and after:", &subject.calls, "No call is known.");
    if subject.calls.is_empty() {
        return;
    }
    section(out, "APIs:", &subject.apis, "No API was reached.");
    section(out, "Scopes carried by accepted calls:", &subject.scopes, "No scope is known.");
    section(
        out,
        "Client addresses; new are those from which neither the credential nor its identity called before:",
        &subject.addresses,
        "No client address is known.",
    );
    section(out, "Violations, and accepted calls that should have been refused:", &subject.violations, "No violation is known.");
}

fn section(out: &mut String, words: &str, rows: &Table, empty: &str) {
    let _ = writeln!(out, "{}\n", if rows.is_empty() { empty } else { words });
    table(out, rows, usize::MAX);
    if rows.file.is_none() && rows.total > rows.rows.len() as i64 {
        let _ = writeln!(out, "{} of {}.\n", rows.rows.len(), rows.total);
    }
}

fn list(out: &mut String, bullet: &str, items: &[Prose]) {
    for item in items {
        let _ = writeln!(out, "{bullet}{}", prose(item));
    }
    if items.is_empty() {
        out.push_str("None.\n");
    }
    out.push('\n');
}

/// `retro-SEC-101.md`: characters that a file name may not hold become `-`, and what that makes equal is told apart by a digest.
pub fn file_name(retro: &Retro, extension: &str) -> String {
    use sha2::{Digest, Sha256};
    const MOST: usize = 80;
    let name = retro.key.name();
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).take(MOST).collect();
    let digest = crate::record::token::hex(&Sha256::digest(name.as_bytes())[..4]);
    let suffix = if safe == name && !safe.starts_with('.') { String::new() } else { format!("-{digest}") };
    format!("{RETROSPECTIVE}{safe}{suffix}.{extension}")
}
