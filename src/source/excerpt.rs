//! The line of a rejected record, as far as it may be shown: its shape, never its values.
//!
//! Letters become `x` and digits `9`, so that `14/05/2026 09:12` shows as `99/99/9999 99:99`: enough to see what is wrong,
//! nothing to steal. Of JSON, keys stay that the pack itself names.

use super::open::{self, Limits};
use std::io::{Read, sink};
use std::path::Path;
use std::sync::Arc;

/// A record further into its file is not looked up: everything before it would be read again.
const FARTHEST: u64 = 256 << 20;
const MOST_BYTES: u64 = 16 << 10;
/// Columns shown around the caret.
const SHOWN: usize = 96;
/// Of one masked value.
const VALUE_SHOWN: usize = 28;

/// A masked line, and where to look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    pub line: String,
    /// First column, and how many.
    pub caret: Option<(usize, usize)>,
}

/// Looks a record up again by its offset in the decompressed file. `pack` is the text of the pack that rejected it.
pub fn excerpt(path: &Path, byte_offset: u64, reason: &str, pack: &str, limits: &Limits) -> Option<Excerpt> {
    if byte_offset > FARTHEST {
        return None;
    }
    let mut reader = open::open(path, &Arc::default(), limits).ok()?.reader;
    std::io::copy(&mut reader.by_ref().take(byte_offset), &mut sink()).ok()?;
    let mut bytes = Vec::new();
    reader.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let line = String::from_utf8_lossy(&bytes[..end]);
    let (masked, spans) = mask(line.trim_end(), pack);
    let caret = match reason {
        "truncated_json" => Some((masked.chars().count(), 1)),
        "bad_timestamp" | "ambiguous_date" => {
            instant_keys(pack).iter().find_map(|key| spans.iter().find(|span| span.key == *key)).map(|it| (it.start, it.length))
        }
        _ => None,
    };
    (!masked.is_empty()).then(|| window(&masked, caret))
}

/// A value in the masked line, in characters.
struct Span {
    key: String,
    start: usize,
    length: usize,
}

fn masked(character: char) -> char {
    match character {
        _ if character.is_numeric() => '9',
        _ if character.is_alphabetic() => 'x',
        _ if character.is_ascii_graphic() || character == ' ' => character,
        _ => '?',
    }
}

/// The line with its values masked, and where the values of keys are that the pack names.
fn mask(line: &str, pack: &str) -> (String, Vec<Span>) {
    let is_json = line.trim_start().starts_with(['{', '[']);
    if !is_json {
        return (line.chars().map(masked).collect(), Vec::new());
    }
    let characters: Vec<char> = line.chars().collect();
    let (mut shown, mut spans, mut key, mut at) = (Vec::new(), Vec::new(), None::<String>, 0);
    while at < characters.len() {
        let (text, next) = token(&characters, at);
        let is_string = text.starts_with('"');
        let is_key = is_string && characters[next..].iter().find(|it| **it != ' ') == Some(&':');
        let inner = text.trim_matches('"').to_owned();
        if is_key && is_named(&inner, pack) {
            shown.extend(text.chars());
            key = Some(inner);
        } else if is_string || text.starts_with(|it: char| it.is_alphanumeric() || it == '-') {
            let start = shown.len();
            let value: Vec<char> = text.chars().map(masked).collect();
            shown.extend(value.iter().take(VALUE_SHOWN));
            if value.len() > VALUE_SHOWN {
                shown.extend("…\"".chars().take(if is_string { 2 } else { 1 }));
            }
            match is_key {
                true => key = None,
                false => spans.extend(key.take().map(|key| Span { key, start, length: shown.len() - start })),
            }
        } else {
            shown.extend(text.chars().map(masked));
        }
        at = next;
    }
    (shown.into_iter().collect(), spans)
}

/// A string with its quotes, a bare word or number, or one other character; and where the next begins.
fn token(characters: &[char], at: usize) -> (String, usize) {
    let mut end = at + 1;
    if characters[at] == '"' {
        while end < characters.len() && characters[end] != '"' {
            end += if characters[end] == '\\' { 2 } else { 1 };
        }
        end = (end + 1).min(characters.len());
    } else if characters[at].is_alphanumeric() || characters[at] == '-' {
        while end < characters.len() && !matches!(characters[end], ',' | '}' | ']' | ' ' | '"' | ':') {
            end += 1;
        }
    }
    (characters[at..end].iter().collect(), end)
}

/// Whether a key stands as a whole word in the pack's text.
fn is_named(key: &str, pack: &str) -> bool {
    let is_part = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    key.len() > 1 && pack.match_indices(key).any(|(at, _)| !is_part(pack[..at].chars().next_back()) && !is_part(pack[at + key.len()..].chars().next()))
}

/// The last names of the paths from which the pack takes instants of calls, events and tickets.
fn instant_keys(pack: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut is_open = false;
    for line in pack.lines() {
        let begins = ["event_time", "created_at", "updated_at", "detected_at"].iter().any(|name| line.trim_start().starts_with(name));
        if begins || is_open {
            keys.extend(line.split('"').skip(1).step_by(2).filter_map(|path| path.rsplit('.').next()).map(str::to_owned));
            is_open = (begins && line.trim_end().ends_with('[')) || (is_open && !line.trim_start().starts_with(']'));
        }
    }
    keys
}

/// The part of the line around the caret.
fn window(line: &str, caret: Option<(usize, usize)>) -> Excerpt {
    let characters: Vec<char> = line.chars().collect();
    let (start, length) = caret.unwrap_or((0, 0));
    let first = (start + length + 8).saturating_sub(SHOWN).min(start);
    let mut shown: String = characters[first.min(characters.len())..].iter().take(SHOWN).collect();
    let mut caret = caret.map(|(start, length)| (start - first, length));
    if first > 0 {
        shown.insert(0, '…');
        caret = caret.map(|(start, length)| (start + 1, length));
    }
    if characters.len() > first + SHOWN {
        shown.push('…');
    }
    Excerpt { line: shown, caret }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACK: &str =
        "detect.required = [\"started_at\"]\n[request]\nevent_time = { path = \"request.started_at\", form = \"epoch_ms\" }\nother = \"token\"\n";

    fn of(record: &str, reason: &str) -> Excerpt {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("first\n{record}\nlast\n")).unwrap();
        excerpt(file.path(), 6, reason, PACK, &Limits::default()).unwrap()
    }

    #[test]
    fn the_caret_stands_below_the_value_that_is_wrong() {
        let found = of(r#"{"token":"s3cr-é","started_at":"14/05/2026 09:12","n":-12.5,"ok":true}"#, "bad_timestamp");
        assert_eq!(found.line, r#"{"token":"x9xx-x","started_at":"99/99/9999 99:99","x":-99.9,"xx":xxxx}"#);
        let (start, length) = found.caret.unwrap();
        assert_eq!(found.line.chars().skip(start).take(length).collect::<String>(), r#""99/99/9999 99:99""#);
    }

    #[test]
    fn no_value_and_no_strange_key_is_shown() {
        for record in [
            r#"{"hunter2":"hunter2","a":{"hunter2":["hunter2"]},"b":"hunter2"#,
            r#"{"k":"q\"hunter2","token":hunter2}"#,
            "GET /hunter2 HTTP/1.1 \"hunter2\" hunter2",
            "[\"hunter2\" , \"hunter2\": hunter2",
        ] {
            for reason in ["bad_timestamp", "truncated_json", "invalid_json"] {
                assert!(!of(record, reason).line.contains("hunter"), "{record}");
            }
        }
    }

    #[test]
    fn a_long_line_is_cut_around_its_end() {
        let found = of(&format!("{{\"started_at\":1,{}", "\"k\":\"v\",".repeat(90)), "truncated_json");
        let (start, _) = found.caret.unwrap();
        assert!(found.line.starts_with('…') && found.line.chars().count() < 110 && start <= found.line.chars().count());
        assert!(!of("\u{1b}[31m\u{202e}", "invalid_json").line.contains(['\u{1b}', '\u{202e}']));
    }
}
