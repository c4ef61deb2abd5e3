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
    tell_panics_without_data();
    let arguments = args::Arguments::parse();
    // Unwinding has taken away what was begun; the hook has told where it came from.
    let Ok(outcome) = std::panic::catch_unwind(|| commands::dispatch(arguments)) else { return ExitCode::from(2) };
    match outcome {
        Ok(Gate::Passed) => ExitCode::SUCCESS,
        Ok(Gate::Failed) => ExitCode::from(1),
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(2)
        }
    }
}

/// A panic is a fault of ours. Its message may quote the data it came from, secrets included, so only its place is told.
pub fn tell_panics_without_data() {
    std::panic::set_hook(Box::new(|panic| {
        if crate::diagnostic::expects_panic() {
            return;
        }
        let place = panic.location().map_or_else(|| "unknown".to_string(), |place| format!("{}:{}", place.file(), place.line()));
        let failure = Failure::new("A060", "internal error; earlier output is untouched")
            .at(place)
            .hint("please report this place; what was read is left out here, since it may hold secrets");
        eprintln!("{failure}");
    }));
}

/// The error of a command, for `?`.
pub type CommandResult = Result<Gate, Failure>;
