//! `credlens inspect`: how one file is detected, why, what its first records become and from which native fields, what nothing
//! takes, and what was rejected.

use crate::cli::CommandResult;
use crate::cli::args::{Global, InspectArgs};
use crate::cli::commands::{STDIN, library_of, pack_named, print, run, spool_stdin};
use crate::cli::config::Config;
use crate::diagnostic::{Failure, terminal_safe};
use crate::frame::build::{FrameSettings, build_frames};
use crate::frame::schema::frames;
use crate::frame::table::{Column, Table};
use crate::record::person::People;
use crate::record::token::Digester;
use crate::source::read::{Evidence, FileState, Progress, ReadSettings, read_all};
use crate::source::trace::{Trace, trace};
use crate::source::trace_inventory::{InventoryRow, trace_inventory};
use crate::summary::write::RunFolder;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Native fields without a column that are listed.
const UNREAD_SHOWN: usize = 40;

/// Runs the command.
pub fn command(args: &InspectArgs, global: &Global) -> CommandResult {
    let config = Config::load(global.config.as_deref(), &[])?;
    let library = library_of(&config)?;
    let pack = args.pack.as_deref().map(|id| pack_named(&library, id)).transpose()?;
    let settings = ReadSettings {
        threads: 1,
        digester: Digester::new(config.hash_key.clone()),
        tickets: config.tickets.clone(),
        sources: config.sources.clone(),
        zones: config.zones.clone(),
        pack,
        keep_raw: false,
        limits: config.limits,
        addresses: run::addresses(&config, args.privacy),
        bound: None,
        kept: None,
    };
    let spooled = if args.file.as_os_str() == STDIN { Some(spool_stdin()?) } else { None };
    let path = spooled.as_ref().map_or(args.file.clone(), |spooled| spooled.to_path_buf());
    if !path.is_file() {
        return Err(Failure::new("A010", "no such file").at(args.file.display().to_string()));
    }
    let mut evidence = read_all(std::slice::from_ref(&path), &library, &settings, &Progress::default());
    if args.privacy || config.hide_people {
        evidence.hide_people(People::everyone(run::pseudonym_key(&config, &evidence)));
    }
    evidence.files[0].path.clone_from(&args.file);
    let mut out = String::new();
    let file = &evidence.files[0];
    match (&file.state, file.pack) {
        (FileState::Unknown(why), _) => {
            let _ = writeln!(out, "{}: unknown format; {why}", file.path.display());
            return print(out.as_bytes());
        }
        (FileState::Tie(packs), _) => {
            let _ = writeln!(out, "{}: fits {} equally well; choose one with --pack", file.path.display(), packs.join(" and "));
            return print(out.as_bytes());
        }
        (FileState::Empty, _) => {
            let _ = writeln!(out, "{}: empty", file.path.display());
            return print(out.as_bytes());
        }
        (state, Some(pack)) => {
            let pack = &library.packs[pack];
            let _ = writeln!(out, "{}: {} ({})", file.path.display(), pack.id(), pack.file.title);
            if let FileState::Failed(error) = state {
                let _ = writeln!(out, "  broke off: {error}");
            }
        }
        (FileState::Failed(error), None) => return Err(Failure::new("A010", error.clone()).at(file.path.display().to_string())),
        _ => {}
    }
    let pack = evidence.files[0].pack.unwrap_or_default();
    if library.packs[pack].file.inventory.is_some() {
        write_counts(&evidence, &mut out);
        if args.privacy || config.hide_people {
            let _ = writeln!(out, "  its rows are not shown while people's names are hidden");
            return print(out.as_bytes());
        }
        let rejected = evidence.rejects.all().map_err(|error| Failure::io("A020", "temporary folder", error))?;
        let rejected = rejected.iter().map(|reject| reject.record).collect();
        let traced = trace_inventory(&path, pack, &library, &settings, args.records, &rejected);
        // What reading said of a broken file has been told.
        if let Ok(traced) = traced {
            write_why(&traced.why, &mut out);
            traced.rows.iter().for_each(|row| show_inventory(row, args.records, &mut out));
            show_unread(&traced.unread, "", &mut out);
        }
        return print(out.as_bytes());
    }
    let folder = RunFolder::scratch().map_err(|error| Failure::io("A020", "temporary folder", error))?;
    let frame_settings = FrameSettings { credential_aliases: config.credential_aliases.clone(), grammar: config.grammar.clone(), metadata: Default::default() };
    let frames = build_frames(&mut evidence, &library, &frame_settings, folder.path()).map_err(|error| Failure::io("A020", "temporary folder", error))?;
    write_counts(&evidence, &mut out);
    let requests =
        crate::metric::engine::read_parquet_folder(&frames.folder.join("requests"), args.records).map_err(|error| Failure::new("A050", error.to_string()))?;
    let tables = [("requests", &requests), ("identity_events", &frames.events), ("revocation_tickets", &frames.tickets)];
    let wanted: BTreeSet<u64> = tables.iter().flat_map(|(_, table)| records_of(table).into_iter().take(args.records)).collect();
    let traced = trace(&path, pack, &library, &settings, &wanted).map_err(|error| Failure::io("A010", args.file.display().to_string(), error))?;
    write_why(&traced.why, &mut out);
    for (name, table) in tables {
        show(name, table, args.records, &traced, &mut out);
    }
    show_unread(&traced.unread, &format!(" (of the first {} records)", traced.looked_at), &mut out);
    print(out.as_bytes())
}

fn write_why(why: &[String], out: &mut String) {
    for why in why {
        let _ = writeln!(out, "  why: {}", terminal_safe(why));
    }
}

/// How many records there were, what became of them, and why some were rejected.
fn write_counts(evidence: &Evidence, out: &mut String) {
    let sums = evidence.ledger.values().fold([0u64; 5], |sum, counts| {
        let counts = [counts.records, counts.rows, counts.duplicates, counts.skipped, counts.rejects];
        std::array::from_fn(|i| sum[i] + counts[i])
    });
    let _ = writeln!(out, "  {} records: {} rows, {} duplicates, {} of no interest, {} rejects", sums[0], sums[1], sums[2], sums[3], sums[4]);
    for ((_, reason), counted) in evidence.rejects.counts() {
        let _ = writeln!(out, "  rejected: {} for {reason}, first record {}", counted.count, counted.first.0);
    }
}

/// A row of an inventory, and the first of the operations that it declares.
fn show_inventory(row: &InventoryRow, most: usize, out: &mut String) {
    let _ = writeln!(out, "\n{} row of record {}", row.frame, row.record);
    for column in &row.columns {
        let _ = match &column.origin {
            Some(origin) => writeln!(out, "  {:20} {:44} <- {}", column.name, terminal_safe(&column.value), terminal_safe(origin)),
            None => writeln!(out, "  {:20} {}", column.name, terminal_safe(&column.value)),
        };
    }
    for operation in row.operations.iter().take(most) {
        let _ = writeln!(out, "  {:20} {}", "operation", terminal_safe(operation));
    }
    if row.operations.len() > most {
        let _ = writeln!(out, "  {:20} and {} more", "operation", row.operations.len() - most);
    }
}

/// The record that each row came from.
fn records_of(table: &Table) -> Vec<u64> {
    table.column("record").map(Column::ints).unwrap_or_default().iter().map(|record| record.unwrap_or(0) as u64).collect()
}

/// Native fields that no column takes, the most frequent first.
fn show_unread(unread: &BTreeMap<String, u64>, of: &str, out: &mut String) {
    if unread.is_empty() {
        return;
    }
    let mut fields: Vec<(&String, &u64)> = unread.iter().collect();
    fields.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let _ = writeln!(out, "\nnot understood: native fields with a value that no column takes{of}");
    for (name, count) in fields.iter().take(UNREAD_SHOWN) {
        let _ = writeln!(out, "  {count:>5}  {}", terminal_safe(name));
    }
    if fields.len() > UNREAD_SHOWN {
        let _ = writeln!(out, "  and {} more", fields.len() - UNREAD_SHOWN);
    }
}

/// Rows as column: value and the native field behind it, one below the other, columns without a value left out.
fn show(name: &str, table: &Table, most: usize, trace: &Trace, out: &mut String) {
    let records = records_of(table);
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for (row, record) in records.iter().copied().enumerate().take(most) {
        let nth = seen.entry(record).and_modify(|nth| *nth += 1).or_default();
        let origins = trace.origins.iter().find(|((frame, number), _)| *frame == name && *number == record).map(|(_, rows)| rows);
        // A ticket has a row for each credential, all from the same fields.
        let origins = origins.and_then(|rows| rows.get(*nth).or(rows.last()));
        let _ = writeln!(out, "\n{name} row {} of record {record}", row + 1);
        for (column, values) in table.columns.iter().filter(|(column, _)| is_shown(name, column)) {
            let Some(text) = text_of(values, row) else { continue };
            let native = column.strip_suffix("_seen").unwrap_or(column);
            let origin = origins.and_then(|origins| origins.iter().find(|(name, _)| *name == native)).map(|(_, origin)| origin.as_str());
            let _ = match origin {
                Some(origin) => writeln!(out, "  {column:20} {:44} <- {}", terminal_safe(&text), terminal_safe(origin)),
                None => writeln!(out, "  {column:20} {}", terminal_safe(&text)),
            };
        }
    }
}

/// The canonical columns, without the place that the heading tells and what only queries need.
fn is_shown(frame: &str, column: &str) -> bool {
    let is_canonical = frames().get(frame).is_some_and(|columns| columns.iter().any(|other| other.name == column));
    let is_of_queries = column.ends_with("_us") || column.ends_with("_set");
    let names_no_field = matches!(column, "source" | "file" | "record" | "month" | "states_expiry" | "revoked_from_history" | "status_is_revoked");
    is_canonical && !is_of_queries && !names_no_field
}

fn text_of(values: &Column, row: usize) -> Option<String> {
    match values {
        Column::Text(values) => values[row].clone(),
        Column::Int(values) => values[row].map(|value| value.to_string()),
        Column::Small(values) => values[row].map(|value| value.to_string()),
        Column::Instant(values) => values[row].map(crate::period::format_instant),
        Column::Flag(values) => values[row].map(|value| value.to_string()),
        Column::Double(values) => values[row].map(|value| value.to_string()),
        Column::Date(values) => values[row].map(|value| value.to_string()),
        Column::List(values) => values[row].as_ref().map(|items| items.join(" ")),
    }
}
