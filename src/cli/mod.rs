//! What was typed -> what to do. May use everything; nothing uses it.

pub mod args;
pub mod commands;
pub mod config;

use crate::diagnostic::Failure;
use clap::Parser;
use std::process::ExitCode;

/// The outcome of a command that finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    Passed,
    Failed,
}

/// Reads the command line and runs the command: 0 done, 1 done but a gate failed, 2 not done.
pub fn run() -> ExitCode {
    let arguments = args::Arguments::parse();
    match commands::dispatch(arguments) {
        Ok(Gate::Passed) => ExitCode::SUCCESS,
        Ok(Gate::Failed) => ExitCode::from(1),
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(2)
        }
    }
}

/// The error of a command, for `?`.
pub type CommandResult = Result<Gate, Failure>;
