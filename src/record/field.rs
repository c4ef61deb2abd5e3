//! The fields of one record, as its decoder found them: spans of the record's bytes, read on demand.

use super::lazy::LazyValue;
use std::borrow::Cow;

/// What kind of value a span holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Missing,
    Null,
    Boolean,
    Number,
    /// The inside of a JSON string that has escapes, not yet decoded.
    String,
    /// Text without escapes, that of a JSON string too.
    Plain,
    /// Text with backslash escapes as NGINX and Apache write them: `\xNN`, `\"`, `\n`.
    Escaped,
    /// The inside of a quoted CSV field: a quote is written twice (RFC 4180).
    Doubled,
    /// W3C header fields: a blank is written `+`.
    Plus,
    Object,
    Array,
}

/// Where a field lies in its record. A record is at most 4 GiB long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    pub kind: FieldKind,
}

impl Span {
    pub const MISSING: Span = Span { start: 0, end: 0, kind: FieldKind::Missing };
}

/// One record's fields by slot number (the pack's numbering).
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    record: &'a str,
    spans: &'a [Span],
}

impl<'a> Fields<'a> {
    /// Fields of a record, spans of which lie at character boundaries.
    pub fn new(record: &'a str, spans: &'a [Span]) -> Self {
        Fields { record, spans }
    }

    /// The record's text and where the slots lie in it.
    pub fn record(&self) -> &'a str {
        self.record
    }

    pub fn spans(&self) -> &'a [Span] {
        self.spans
    }

    /// The kind found at a slot.
    pub fn kind(&self, slot: usize) -> FieldKind {
        self.spans[slot].kind
    }

    /// The raw bytes at a slot: JSON text of an object or array, the undecoded inside of a string.
    pub fn raw(&self, slot: usize) -> &'a str {
        let span = self.spans[slot];
        // Spans end at ASCII bytes; one that did not would be no text.
        self.record.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// A scalar as text, `None` where the log does not say: missing, null, or one of the absent spellings of
    /// native-formats.md (`-`, empty, `null`, `unknown`, `None`, `N/A`). Numbers and booleans keep their spelling.
    pub fn text(&self, slot: usize) -> Option<Cow<'a, str>> {
        let raw = self.raw(slot);
        match self.spans[slot].kind {
            FieldKind::Missing | FieldKind::Null | FieldKind::Object | FieldKind::Array => None,
            FieldKind::String if has(raw, b'\\') => present(Cow::Owned(unescape(raw)?)),
            FieldKind::Escaped if has(raw, b'\\') => present(Cow::Owned(unescape_log(raw.as_bytes()))),
            FieldKind::Doubled => present(Cow::Owned(raw.replace("\"\"", "\""))),
            FieldKind::Plus if has(raw, b'+') => present(Cow::Owned(raw.replace('+', " "))),
            FieldKind::Boolean | FieldKind::Number | FieldKind::Plain | FieldKind::String | FieldKind::Escaped | FieldKind::Plus => present(Cow::Borrowed(raw)),
        }
    }

    /// The slot's JSON, read in place.
    pub fn lazy(&self, slot: usize) -> Option<LazyValue<'a>> {
        matches!(self.kind(slot), FieldKind::Object | FieldKind::Array).then(|| LazyValue::new(self.raw(slot)))
    }

    /// The slot's JSON as a value tree: for the few fields that are lists or objects.
    pub fn tree(&self, slot: usize) -> Option<serde_json::Value> {
        match self.kind(slot) {
            FieldKind::Object | FieldKind::Array => serde_json::from_str(self.raw(slot)).ok(),
            FieldKind::Missing | FieldKind::Null => None,
            _ => self.text(slot).map(|text| serde_json::Value::String(text.into_owned())),
        }
    }
}

fn has(text: &str, byte: u8) -> bool {
    memchr::memchr(byte, text.as_bytes()).is_some()
}

fn present(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if is_absent(&text) { None } else { Some(text) }
}

/// True for the spellings that mean "the log does not say".
pub fn is_absent(text: &str) -> bool {
    // `none` is a value of closed lists (declared_proof, bound), so only Python's `None` counts.
    match text.len() {
        0 => true,
        1 => text == "-",
        3 => text == "N/A",
        4 => text == "null" || text == "None",
        7 => text.eq_ignore_ascii_case("unknown"),
        _ => false,
    }
}

/// Decodes JSON string escapes. A lone surrogate becomes U+FFFD: hostile text must not lose its record.
pub fn unescape(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let kind = *rest.as_bytes().get(at + 1)?;
        if !kind.is_ascii() {
            // No escape of JSON; a validated text has none.
            rest = &rest[at + 1..];
            continue;
        }
        rest = &rest[at + 2..];
        match kind {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let (character, used) = unicode_escape(rest.as_bytes())?;
                out.push(character);
                rest = &rest[used..];
            }
            other => out.push(other as char),
        }
    }
    out.push_str(rest);
    Some(out)
}

/// Decodes the escapes of text logs: `\xNN` (NGINX log module), `\"` `\\` `\n` `\t` (Apache mod_log_config). A backslash
/// that starts none of them stands for itself; bytes that are no UTF-8 become U+FFFD.
fn unescape_log(raw: &[u8]) -> String {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let hex = |range| rest.get(range).and_then(|digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        let (byte, used) = match rest.get(at + 1) {
            Some(b'x') => hex(at + 2..at + 4).map_or((b'\\', 1), |byte| (byte, 4)),
            Some(b'n') => (b'\n', 2),
            Some(b't') => (b'\t', 2),
            Some(b'r') => (b'\r', 2),
            Some(&byte @ (b'"' | b'\\')) => (byte, 2),
            _ => (b'\\', 1),
        };
        out.push(byte);
        rest = &rest[at + used..];
    }
    out.extend_from_slice(rest);
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The character of `XXXX` (after `\u`), with its low surrogate where there is one, and how many bytes it took.
fn unicode_escape(rest: &[u8]) -> Option<(char, usize)> {
    let high = hex4(rest.get(..4)?)?;
    if !(0xD800..0xDC00).contains(&high) {
        return Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 4));
    }
    let low = match (rest.get(4..6), rest.get(6..10)) {
        (Some(b"\\u"), Some(digits)) => hex4(digits).filter(|low| (0xDC00..0xE000).contains(low)),
        _ => None,
    };
    match low {
        Some(low) => Some((char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))?, 10)),
        None => Some((char::REPLACEMENT_CHARACTER, 4)),
    }
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value * 16 + (digit as char).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_text_logs_are_decoded_and_other_backslashes_stay() {
        assert_eq!(unescape_log(br#"a\x22b\\c\"d\xC3\xA9\n"#), "a\"b\\c\"dé\n");
        assert_eq!(unescape_log(br"C:\dir\xZZ\"), r"C:\dir\xZZ\");
        assert_eq!(unescape_log(br"\xff"), "\u{fffd}");
    }

    #[test]
    fn each_kind_of_text_gives_its_value() {
        let text = |raw: &'static str, kind| {
            let spans = [Span { start: 0, end: raw.len() as u32, kind }];
            Fields::new(raw, &spans).text(0).map(Cow::into_owned)
        };
        assert_eq!(text("a+b", FieldKind::Plus).as_deref(), Some("a b"));
        assert_eq!(text("a\"\"b", FieldKind::Doubled).as_deref(), Some("a\"b"));
        assert_eq!(text("-", FieldKind::Escaped), None);
    }
}
