//! What a user is told when something is wrong: a code, a message, a place, a hint.

use std::fmt;
use std::io;

/// Why a command did not finish.
#[derive(Debug)]
pub struct Failure {
    /// Letters and digits, never reused; `credlens explain CODE` says more.
    pub code: &'static str,
    pub message: String,
    pub place: Option<String>,
    /// A command or an edit.
    pub hint: Option<String>,
    broken_pipe: bool,
}

/// Codes and what they mean.
pub const CODES: [(&str, &str); 11] = [
    ("A001", "usage: a flag or value that the command does not take"),
    ("A003", "configuration: credlens.toml has an unknown key, a wrong unit or an impossible value"),
    ("A010", "no input: none of the given paths leads to a file that any pack knows"),
    ("A012", "rejects: more records were rejected than --max-rejects allows; parquet/rejects.parquet says which and why"),
    ("A013", "gate: --fail-on found measures in that state; the run is written all the same"),
    ("A020", "output: the run folder cannot be written"),
    ("A030", "no data: no record has an instant, so no period can be reported"),
    ("A040", "unknown file: no pack knows its content; it was left out and the run went on"),
    ("A041", "ambiguous file: several packs know its content equally well; name one with --pack"),
    ("A050", "query: a query of the catalog failed"),
    ("A060", "internal: a fault of credlens; the message names its place in the source and holds nothing of what was read"),
];

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), place: None, hint: None, broken_pipe: false }
    }

    pub fn at(mut self, place: impl Into<String>) -> Failure {
        self.place = Some(place.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// An input or output error at a place.
    pub fn io(code: &'static str, place: impl Into<String>, error: io::Error) -> Failure {
        let broken_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        Failure { broken_pipe, ..Failure::new(code, error.to_string()).at(place) }
    }

    /// The reader of our output went away: nothing to report.
    pub fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error[{}]: {}", self.code, self.message.trim_end())?;
        if let Some(place) = &self.place {
            write!(formatter, "\n  --> {place}")?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\n\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

thread_local! {
    /// Whether a panic of this thread is expected and caught.
    static EXPECTS_PANIC: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// What a library made of hostile bytes; `None` where it panicked, which is an error of the bytes and told as one.
pub fn without_panics<T>(read: impl FnOnce() -> T) -> Option<T> {
    let before = EXPECTS_PANIC.replace(true);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok();
    EXPECTS_PANIC.set(before);
    outcome
}

/// True in a thread that is inside `without_panics`.
pub fn expects_panic() -> bool {
    EXPECTS_PANIC.get()
}

/// Makes text from logs safe on a terminal: control characters and bidirectional marks are shown, not sent.
pub fn terminal_safe(text: &str) -> String {
    let is_hostile = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().flat_map(|c| if is_hostile(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}
