//! `credlens list`: metrics, packs, frames, investigations.

use crate::cli::CommandResult;
use crate::cli::args::{Global, ListKind};
use crate::cli::commands::{library_of, print};
use crate::cli::config::Config;
use crate::diagnostic::Failure;
use crate::frame::schema::frames;
use crate::metric::catalog::Catalog;
use std::fmt::Write;

/// Runs the command.
pub fn command(kind: ListKind, global: &Global) -> CommandResult {
    let config = Config::load(global.config.as_deref(), &[])?;
    let mut out = String::new();
    match kind {
        ListKind::Metrics => {
            let catalog = Catalog::new(&config.metric_folders).map_err(|error| Failure::new("A003", error))?;
            for definition in catalog.definitions().values() {
                let _ = writeln!(out, "{:6} {:46} {}", definition.id, definition.title, definition.formula);
            }
        }
        ListKind::Packs => {
            let library = library_of(&config)?;
            for pack in &library.packs {
                let _ = writeln!(out, "{:24} {:10} {}", pack.id(), format!("{:?}", pack.file.kind).to_lowercase(), pack.file.title);
            }
        }
        ListKind::Frames => {
            for (name, columns) in frames() {
                let _ = writeln!(out, "{name}");
                for column in columns {
                    let _ = writeln!(out, "  {:24} {:10} {}", column.name, format!("{:?}", column.kind).to_lowercase(), column.meaning);
                }
            }
        }
        ListKind::Investigations => {
            for name in Catalog::investigations() {
                let question = Catalog::investigation(&name).and_then(|sql| sql.lines().next()).unwrap_or_default();
                let _ = writeln!(out, "{name:24} {}", question.trim_start_matches("--").trim());
            }
        }
    }
    print(out.as_bytes())
}
