//! `credlens inspect`: how one file is detected and what its first records become.

use crate::cli::CommandResult;
use crate::cli::args::{Global, InspectArgs};
use crate::cli::commands::print;
use crate::cli::config::Config;
use crate::diagnostic::{Failure, terminal_safe};
use crate::frame::build::{FrameSettings, build_frames};
use crate::frame::table::{Column, Table};
use crate::record::token::Digester;
use crate::source::library::Library;
use crate::source::read::{FileState, Progress, ReadSettings, read_all};
use crate::summary::write::RunFolder;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Runs the command.
pub fn command(args: &InspectArgs, global: &Global) -> CommandResult {
    let config = Config::load(global.config.as_deref(), &[])?;
    let library = Library::with_changes(&config.packs, &config.pack_changes).map_err(|error| Failure::new("A003", error))?;
    let pack = match &args.pack {
        Some(id) => Some(library.find(id).ok_or_else(|| Failure::new("A001", format!("--pack: no pack is called `{id}`")))?),
        None => None,
    };
    let settings = ReadSettings {
        threads: 1,
        digester: Digester::new(config.hash_key.clone()),
        tickets: config.tickets.clone(),
        sources: config.sources.clone(),
        zones: config.zones.clone(),
        pack,
        keep_raw: false,
        limits: config.limits,
        addresses: config.addresses,
        bound: None,
    };
    if !args.file.is_file() {
        return Err(Failure::new("A010", "no such file").at(args.file.display().to_string()));
    }
    let mut evidence = read_all(std::slice::from_ref(&args.file), &library, &settings, &Progress::default());
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
            let _ = writeln!(out, "  because its records have {}", pack.file.detect.required.join(", "));
            if let FileState::Failed(error) = state {
                let _ = writeln!(out, "  broke off: {error}");
            }
        }
        (FileState::Failed(error), None) => return Err(Failure::new("A010", error.clone()).at(file.path.display().to_string())),
        _ => {}
    }
    let folder = RunFolder::scratch().map_err(|error| Failure::io("A020", "temporary folder", error))?;
    let frame_settings = FrameSettings { credential_aliases: config.credential_aliases.clone(), grammar: config.grammar.clone(), metadata: Default::default() };
    let frames = build_frames(&mut evidence, &library, &frame_settings, folder.path()).map_err(|error| Failure::io("A020", "temporary folder", error))?;
    let sums = evidence.ledger.values().fold([0u64; 5], |sum, counts| {
        let counts = [counts.records, counts.rows, counts.duplicates, counts.skipped, counts.rejects];
        std::array::from_fn(|i| sum[i] + counts[i])
    });
    let _ = writeln!(out, "  {} records: {} rows, {} duplicates, {} of no interest, {} rejects", sums[0], sums[1], sums[2], sums[3], sums[4]);
    let mut reasons: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for reject in &evidence.rejects {
        let entry = reasons.entry(reject.reason).or_insert((0, reject.record));
        entry.0 += 1;
    }
    for (reason, (count, first)) in reasons {
        let _ = writeln!(out, "  rejected: {count} for {reason}, first record {first}");
    }
    let requests =
        crate::metric::engine::read_parquet_folder(&frames.folder.join("requests"), args.records).map_err(|error| Failure::new("A050", error.to_string()))?;
    for (name, table) in [("requests", &requests), ("identity_events", &frames.events), ("revocation_tickets", &frames.tickets)] {
        show(name, table, args.records, &mut out);
    }
    print(out.as_bytes())
}

/// Rows as column: value, one below the other, columns without a value left out.
fn show(name: &str, table: &Table, most: usize, out: &mut String) {
    for row in 0..table.rows().min(most) {
        let _ = writeln!(out, "\n{name} row {}", row + 1);
        for (column, values) in table.columns.iter().filter(|(column, _)| !column.ends_with("_us") && column != "day" && column != "month") {
            let text = match values {
                Column::Text(values) => values[row].clone(),
                Column::Int(values) => values[row].map(|value| value.to_string()),
                Column::Small(values) => values[row].map(|value| value.to_string()),
                Column::Instant(values) => values[row].map(crate::period::format_instant),
                Column::Flag(values) => values[row].map(|value| value.to_string()),
                Column::Double(values) => values[row].map(|value| value.to_string()),
                Column::Date(values) => values[row].map(|value| value.to_string()),
                Column::List(values) => values[row].as_ref().map(|items| items.join(" ")),
            };
            if let Some(text) = text {
                let _ = writeln!(out, "  {column:20} {}", terminal_safe(&text));
            }
        }
    }
}
