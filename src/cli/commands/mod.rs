//! One command a file.

pub mod explain;
pub mod inspect;
pub mod list;
pub mod query;
pub mod run;

use crate::cli::CommandResult;
use crate::cli::Gate;
use crate::cli::args::{Arguments, Command};
use crate::diagnostic::Failure;
use clap::CommandFactory;
use std::io::Write;

/// Calls the command that was typed.
pub fn dispatch(arguments: Arguments) -> CommandResult {
    let global = arguments.global;
    match arguments.command {
        Command::Run(args) => run::command(&args, &global),
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

/// Writes to stdout; a reader that went away is no error.
pub fn print(bytes: &[u8]) -> CommandResult {
    std::io::stdout().lock().write_all(bytes).map_err(|error| Failure::io("A020", "stdout", error))?;
    Ok(Gate::Passed)
}
