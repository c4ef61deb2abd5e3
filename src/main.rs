//! The command: an exit status, and a broken pipe that is no error.

#![forbid(unsafe_code)]

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pieces of megabytes come and go. Where the system backs them by huge pages it fills two megabytes with zeros for each first
/// touch, which took more time than huge pages save, and a tenth of the memory.
fn small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

fn main() -> ExitCode {
    small_pages();
    credlens::cli::run()
}
