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
    /// The line of the user's own file that is wrong, with a caret below.
    source: Option<String>,
    /// A command or an edit.
    pub hint: Option<String>,
    broken_pipe: bool,
}

/// Codes, what they mean, and what to do.
pub const CODES: [(&str, &str, &str); 12] = [
    ("A001", "usage: a flag or value that the command does not take", "`credlens COMMAND --help` shows what it takes; a hint names what was probably meant"),
    (
        "A003",
        "configuration: credlens.toml has an unknown key, a wrong unit or an impossible value",
        "the message names file, line and key; `credlens init` writes every key with its unit and default",
    ),
    (
        "A010",
        "no input: none of the given paths leads to a file that any pack knows, or a folder is no run folder",
        "`credlens inspect FILE` shows how one file is read, `credlens list packs` what is known; README, Add a pack",
    ),
    (
        "A011",
        "other version: the run folder was written by a credlens with another layout",
        "repeat the run with this version, or read it with the version that run.json names",
    ),
    (
        "A012",
        "rejects: more records were rejected than --max-rejects allows; parquet/rejects.parquet says which and why",
        "`credlens inspect FILE` shows the reasons of one file; give the source its `zone`, `year` or `format` in credlens.toml, or copy the pack and correct it",
    ),
    (
        "A013",
        "gate: --fail-on found measures in that state; the run is written all the same",
        "`credlens explain ID` says what moves the measure; leave --fail-on out to pass",
    ),
    ("A020", "output: the run folder cannot be written", "choose another folder with --out, or make room; an earlier run folder is as it was"),
    (
        "A030",
        "no data: no record has an instant, so no period can be reported",
        "name one with --period; `credlens inspect FILE` shows whether instants are read",
    ),
    (
        "A040",
        "unknown file: no pack knows its content; it was left out and the run went on",
        "`credlens inspect FILE` tells which packs come near; --pack forces one; README, Add a pack, adds one",
    ),
    (
        "A041",
        "ambiguous file: several packs know its content equally well; name one with --pack",
        "read such files in a run of their own with --pack, or give one pack a higher detect.priority",
    ),
    (
        "A050",
        "query: SQL, or a query of the catalog, failed",
        "`credlens list frames` and `credlens explain FILE` show tables and columns; queries/README.md the SQL that is understood",
    ),
    (
        "A060",
        "internal: a fault of credlens; the message names its place in the source and holds nothing of what was read",
        "report that place; a run without the file that brings it about goes on",
    ),
];

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), place: None, source: None, hint: None, broken_pipe: false }
    }

    pub fn at(mut self, place: impl Into<String>) -> Failure {
        self.place = Some(place.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The line at this byte of a configuration file: its place becomes `file:line:column`, and a caret stands below.
    pub fn in_text(mut self, file: &str, text: &str, span: std::ops::Range<usize>) -> Failure {
        let start = span.start.min(text.len());
        let before = text.get(..start).unwrap_or_default();
        let (number, begin) = (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |at| at + 1));
        let line = text.get(begin..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = text.get(begin..start).unwrap_or_default().chars().count();
        let length = text.get(start..span.end.min(begin + line.len())).map_or(1, |it| it.chars().count().max(1));
        let gutter = " ".repeat(number.to_string().len());
        let line = terminal_safe(&line.replace('\t', " "));
        self.source = Some(format!("{gutter} |\n{number} | {line}\n{gutter} | {}{}", " ".repeat(column), "^".repeat(length)));
        self.at(format!("{file}:{number}:{}", column + 1))
    }

    /// A mistake that the TOML reader found, with the key that was probably meant.
    pub fn of_toml(code: &'static str, file: &str, text: &str, error: &toml::de::Error) -> Failure {
        let message = terminal_safe(error.message());
        let (what, expected) = message.split_once(", expected one of ").unwrap_or((&message, ""));
        let nearest = what.split('`').nth(1).and_then(|key| did_you_mean(key, expected.split('`').skip(1).step_by(2)));
        // Of one expected key the message is short enough to stay whole.
        let failure = Failure::new(code, what);
        let failure = match error.span() {
            Some(span) => failure.in_text(file, text, span),
            None => failure.at(file),
        };
        match nearest {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
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
        if let Some(source) = &self.source {
            write!(formatter, "\n{source}")?;
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

/// What was probably meant by a word that nothing is called, as a hint; of equals the first.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let word = word.to_lowercase();
    let distance = |other: &str| strsim::damerau_levenshtein(&word, &other.to_lowercase());
    let nearest = known.into_iter().map(|other| (distance(other), other)).min()?;
    // A third of a word may be wrong, but never all of a short one.
    let is_near = nearest.0 <= (word.chars().count() / 3).clamp(1, 4) && nearest.0 < word.chars().count();
    is_near.then(|| format!("did you mean `{}`?", nearest.1))
}

/// Makes text from logs safe on a terminal: control characters and bidirectional marks are shown, not sent.
pub fn terminal_safe(text: &str) -> String {
    let is_hostile = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().flat_map(|c| if is_hostile(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_toml_shows_its_line_and_what_was_meant() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct File {
            period: Option<String>,
            paths: Option<String>,
            out: Option<String>,
        }
        let text = "# ours\nperod = \"2026-Q2\"\n";
        let error = toml::from_str::<File>(text).unwrap_err();
        let told = Failure::of_toml("A003", "a.toml", text, &error).to_string();
        let expected = "error[A003]: unknown field `perod`\n  --> a.toml:2:1\n  |\n2 | perod = \"2026-Q2\"\n  | ^^^^^\n\nhint: did you mean `period`?";
        assert_eq!(told, expected);
        let cut = "period = \"2026\u{1b}\u{e9}";
        let error = toml::from_str::<File>(cut).unwrap_err();
        assert!(!Failure::of_toml("A003", "a.toml", cut, &error).to_string().contains('\u{1b}'));
    }

    #[test]
    fn a_word_nearly_right_is_named_and_a_strange_one_is_not() {
        let known = ["SC01", "SC02", "kong", "open_cases"];
        let near = |word: &str| did_you_mean(word, known);
        assert_eq!(near("sc1").as_deref(), Some("did you mean `SC01`?"));
        assert_eq!(near("kogn").as_deref(), Some("did you mean `kong`?"));
        assert_eq!(near("open_case").as_deref(), Some("did you mean `open_cases`?"));
        assert_eq!((near("inventory"), near("x"), near("")), (None, None, None));
    }
}
