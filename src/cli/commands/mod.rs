//! One command a file.

pub mod check;
pub mod diff;
pub mod explain;
pub mod init;
pub mod inspect;
pub mod list;
pub mod query;
pub mod retro;
pub mod run;

use crate::cli::CommandResult;
use crate::cli::Gate;
use crate::cli::args::{Arguments, Command};
use crate::cli::config::Config;
use crate::diagnostic::{Failure, did_you_mean, terminal_safe};
use crate::source::library::Library;
use crate::source::pack::{PackError, line_naming};
use clap::CommandFactory;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Calls the command that was typed.
pub fn dispatch(arguments: Arguments) -> CommandResult {
    let global = arguments.global;
    match arguments.command {
        Command::Run(args) => run::command(&args, &global),
        Command::Check(args) => check::command(&args, &global),
        Command::Diff(args) => diff::command(&args, &global),
        Command::Retro(args) => retro::command(&args, &global),
        Command::Init(args) => init::command(&args, &global),
        Command::Inspect(args) => inspect::command(&args, &global),
        Command::Explain { id } => explain::command(&id, &global),
        Command::List { kind } => list::command(kind, &global),
        Command::Query(args) => query::command(&args, &global),
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "credlens", &mut out);
            print(&out)
        }
        Command::Man => {
            let mut out = Vec::new();
            clap_mangen::Man::new(Arguments::command()).render(&mut out).map_err(|error| Failure::io("A020", "man", error))?;
            print(&out)
        }
    }
}

/// The packs with what the configuration adds and changes; a mistake is told with file, line and hint.
pub(crate) fn library_of(config: &Config) -> Result<Library, Failure> {
    let place = |error: &PackError| {
        let file = config.file.as_deref().map_or_else(|| "credlens.toml".into(), |file| file.display().to_string());
        let folder = config.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let (file, line) = match &error.changed_by {
            Some(table) => {
                let section = config.text.lines().position(|line| line.contains(table.as_str())).map(|line| line + 1);
                (file, line_naming(&config.text, &error.message).or(section))
            }
            None => (folder.join(&error.pack).display().to_string(), error.line),
        };
        line.map_or(file.clone(), |line| format!("{file}:{line}"))
    };
    Library::with_changes(&config.packs, &config.pack_changes)
        .map_err(|error| Failure::new("A003", error.to_string()).at(place(&error)).hint(error.hint.clone()))
}

/// Writes to stdout; a reader that went away is no error.
pub fn print(bytes: &[u8]) -> CommandResult {
    std::io::stdout().lock().write_all(bytes).map_err(|error| Failure::io("A020", "stdout", error))?;
    Ok(Gate::Passed)
}

/// The pack of this id, or a failure that tells which was probably meant.
pub(crate) fn pack_named(library: &Library, id: &str) -> Result<usize, Failure> {
    library.find(id).ok_or_else(|| {
        let nearest = did_you_mean(id, library.packs.iter().map(|pack| pack.id()));
        let hint = [nearest.as_deref(), Some("`credlens list packs` shows them")];
        Failure::new("A001", format!("--pack: no pack is called `{}`", terminal_safe(id))).hint(hint.into_iter().flatten().collect::<Vec<_>>().join(" "))
    })
}

/// run.json of a finished run; an error that tells what is wrong with the folder.
pub(crate) fn run_manifest(folder: &std::path::Path) -> Result<serde_json::Value, Failure> {
    let place = folder.join("run.json");
    if !place.is_file() {
        return Err(
            Failure::new("A010", format!("`{}` is no run folder: it has no run.json", folder.display())).hint("`credlens run` makes one, such as out/2026-Q3")
        );
    }
    let text = std::fs::read_to_string(&place).map_err(|error| Failure::io("A010", place.display().to_string(), error))?;
    let manifest: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| Failure::new("A010", format!("run.json is broken: {error}")).at(place.display().to_string()))?;
    if manifest["schema_version"] != RUN_SCHEMA_VERSION {
        let (tool, version) = (manifest["tool_version"].as_str().unwrap_or("?"), &manifest["schema_version"]);
        let tool = crate::diagnostic::terminal_safe(tool);
        return Err(Failure::new("A011", format!("credlens {tool} wrote this run in layout {version}; this version reads layout {RUN_SCHEMA_VERSION}"))
            .at(place.display().to_string())
            .hint("repeat the run with this version"));
    }
    Ok(manifest)
}

/// Layout of a run folder, as `schema_version` of its run.json.
pub(crate) const RUN_SCHEMA_VERSION: u64 = 1;

/// The run folder that was named, else the one written last below the output folder of the configuration.
pub(crate) fn run_folder(named: Option<&Path>, config: &Config) -> Result<PathBuf, Failure> {
    if let Some(folder) = named {
        return Ok(folder.to_path_buf());
    }
    let written = |folder: &PathBuf| std::fs::metadata(folder.join("run.json")).and_then(|file| file.modified()).ok();
    let folders = std::fs::read_dir(&config.out).into_iter().flatten().flatten().map(|entry| entry.path());
    let latest = folders.filter_map(|folder| Some((written(&folder)?, folder))).max();
    latest.map(|(_, folder)| folder).ok_or_else(|| {
        Failure::new("A010", format!("there is no run folder below `{}`", config.out.display())).hint("name one with --run; `credlens run` makes one")
    })
}

/// How standard input is spelled among paths, and cited as a file.
pub(crate) const STDIN: &str = "-";

/// Standard input as a file: formats are told apart, replays found and digests made by reading twice.
pub(crate) fn spool_stdin() -> Result<tempfile::TempPath, Failure> {
    use std::io::IsTerminal;
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(Failure::new("A010", "standard input is a terminal").hint("pipe a log into it: `zcat gw.gz | credlens run -`"));
    }
    let failed = |error| Failure::io("A010", STDIN, error);
    let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
    std::io::copy(&mut input.lock(), &mut file).map_err(failed)?;
    Ok(file.into_temp_path())
}
