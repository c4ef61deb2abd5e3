//! The command: an exit status, and a broken pipe that is no error.

use std::process::ExitCode;

fn main() -> ExitCode {
    credlens::cli::run()
}
