//! Regular expressions that are compiled when they are first used: a run uses a few of the hundreds that all packs have.

use regex::{Regex, RegexBuilder};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// Longest pattern that is compiled late. Without counted repetitions its program stays far below what `regex` allows, so
/// that a pattern which can be parsed can be compiled.
const LONGEST_LATE: usize = 300;

/// A regular expression whose pattern is known to be right.
#[derive(Debug, Clone)]
pub struct LazyRegex {
    pattern: Arc<str>,
    compiled: Arc<OnceLock<Regex>>,
}

impl LazyRegex {
    /// Checks a pattern; the error names it and says on one line what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let told = |error: String| {
            let problem = error.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_string();
            format!("`{pattern}` is no regular expression: {problem}")
        };
        let compiled = OnceLock::new();
        if pattern.len() > LONGEST_LATE || pattern.contains('{') {
            // Known anew only by compiling it.
            let _ = compiled.set(Regex::new(pattern).map_err(|error| told(error.to_string()))?);
        } else {
            regex_syntax::parse(pattern).map_err(|error| told(error.to_string()))?;
        }
        Ok(LazyRegex { pattern: pattern.into(), compiled: Arc::new(compiled) })
    }
}

impl Deref for LazyRegex {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        self.compiled.get_or_init(|| RegexBuilder::new(&self.pattern).size_limit(usize::MAX).build().expect("it was parsed, and no size is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_checked_at_once_and_compiled_late() {
        let late = LazyRegex::new("^a+$").unwrap();
        assert!(late.compiled.get().is_none());
        assert!(late.clone().is_match("aa") && !late.is_match("b"));
        assert!(late.compiled.get().is_some());
        assert!(LazyRegex::new("a{2}").unwrap().compiled.get().is_some());
        for (pattern, problem) in [("(", "unclosed group"), ("\\w{1000}{1000}", "exceeds size limit"), (&"(?:".repeat(200), "")] {
            let error = LazyRegex::new(pattern).unwrap_err();
            assert!(error.contains("is no regular expression") && error.contains(problem), "{error}");
        }
    }

    #[test]
    fn the_largest_late_pattern_can_be_compiled() {
        assert!(LazyRegex::new(&"\\W".repeat(LONGEST_LATE / 2)).unwrap().find("x").is_none());
    }
}
