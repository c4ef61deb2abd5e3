//! Scope lists and the scope grammar: what is broad, and what a granted scope covers (metrics.md, Scopes).

use regex::Regex;

/// Splits at blanks and commas; sorted, distinct.
pub fn split(text: &str) -> Vec<String> {
    normalise(text.split([' ', ',', '\t', '\n', '\r']).map(str::to_string))
}

/// Splits at commas only: names of roles hold blanks (`Application Administrator`); sorted, distinct.
pub fn split_names(text: &str) -> Vec<String> {
    normalise(text.split(',').map(|name| name.trim().to_string()))
}

/// Sorted, distinct, without absent spellings.
pub fn normalise(scopes: impl Iterator<Item = String>) -> Vec<String> {
    let mut scopes: Vec<String> = scopes.filter(|scope| !super::field::is_absent(scope)).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// The configured grammar of broad scopes.
#[derive(Debug, Clone)]
pub struct ScopeGrammar {
    broad: Vec<Regex>,
    not_broad: Vec<String>,
}

/// The default patterns, case-insensitive: contains `*`; ends with `.default`, `.all`, `:all`, `/all`, `full_access`,
/// `cloud-platform`; ends with the whole word admin, root, owner or repo.
pub const DEFAULT_BROAD: [&str; 3] = [r"\*", r"(\.default|[.:/]all|full_access|cloud-platform)$", r"(^|[.:/_-])(admin|root|owner|repo)$"];

/// Scopes that the patterns would call broad and that are not.
pub const DEFAULT_NOT_BROAD: [&str; 2] = ["public_repo", "delete_repo"];

impl ScopeGrammar {
    /// Compiles patterns (matched anywhere, case-insensitive); an error is the pattern's own.
    pub fn new(patterns: &[String], not_broad: &[String]) -> Result<Self, regex::Error> {
        let broad = patterns.iter().map(|pattern| Regex::new(&format!("(?i){pattern}"))).collect::<Result<_, _>>()?;
        Ok(ScopeGrammar { broad, not_broad: not_broad.iter().map(|scope| scope.to_lowercase()).collect() })
    }

    /// True when the scope grants more than one named right.
    pub fn is_broad(&self, scope: &str) -> bool {
        !self.not_broad.contains(&scope.to_lowercase()) && self.broad.iter().any(|pattern| pattern.is_match(scope))
    }

    /// True when a grant of `granted` covers the use of `other`: equal; or its `*` glob matches; or it is broad and both
    /// share the text up to and including its last `.`, `:` or `/`.
    pub fn covers(&self, granted: &str, other: &str) -> bool {
        granted == other
            || (granted.contains('*') && glob_matches(granted, other))
            || (self.is_broad(granted) && family(granted).is_some_and(|family| other.starts_with(family)))
    }
}

/// The text up to and including the last `.`, `:` or `/`; a bare word has none and covers only itself.
pub fn family(scope: &str) -> Option<&str> {
    scope.rfind(['.', ':', '/']).map(|at| &scope[..=at])
}

/// `*` stands for any text, the empty one included.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    if memchr::memchr(b'*', pattern.as_bytes()).is_none() {
        return pattern == text;
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grammar() -> ScopeGrammar {
        let own = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        ScopeGrammar::new(&own(&DEFAULT_BROAD), &own(&DEFAULT_NOT_BROAD)).unwrap()
    }

    #[test]
    fn broad_scopes_by_the_default_grammar() {
        for scope in [
            "*",
            "orders:*",
            "api://x/.default",
            "files.ALL",
            "drive:all",
            "full_access",
            "cloud-platform",
            "admin",
            "orders.admin",
            "site_admin",
            "repo",
            "read:repo",
            "org-owner",
            "root",
        ] {
            assert!(grammar().is_broad(scope), "{scope}");
        }
        for scope in ["orders.read", "public_repo", "delete_repo", "badmin", "repository", "small", "wall", "call"] {
            assert!(!grammar().is_broad(scope), "{scope}");
        }
    }

    #[test]
    fn covering_is_equality_glob_or_a_broad_family() {
        let covers = |a: &str, b: &str| grammar().covers(a, b);
        assert!(covers("orders.read", "orders.read"));
        assert!(covers("orders.*", "orders.read"));
        assert!(covers("*", "anything"));
        assert!(covers("orders.admin", "orders.read"));
        assert!(!covers("orders.admin", "stock.read"));
        assert!(!covers("orders.read", "orders.admin"));
        assert!(!covers("admin", "orders.read"));
        assert!(covers("a:*:c", "a:b:c") && !covers("a:*:c", "a:b:d"));
    }
}
