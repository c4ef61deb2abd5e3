//! NGINX-style format strings (`$remote_addr - $remote_user [$time_local] "$request" …`) -> a scanner of lines.
//!
//! A format is literal text with variables between; it compiles to a list of fields, each with the literal that ends it. A
//! line is read by looking for one byte after the other (memchr), nothing is allocated, and a line fits only if every
//! literal is in its place up to the end. It is no regular expression and never goes back.
//!
//! A field ends where the whole literal after it stands (before a number: with the beginning of one behind it). If that literal begins with a quote, the field ends at the first
//! quote that no backslash escapes, and the rest of the literal must follow there: text inside a quoted field cannot
//! pass for another field. Where the source does not escape quotes, a client's quotes could end its field early and push
//! what follows into later ones: a line in which a field without quotes begins with one, or whose last field holds what parts
//! quoted fields, is not read at all. A field whose shape is `word` or `number` holds no blank.

use super::column::{Target, WantedColumns};
use crate::record::field::{FieldKind, Span};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    #[default]
    Any,
    /// No blank.
    Word,
    /// Digits, a sign and a decimal point; or `-` alone.
    Number,
}

/// Whether quotes inside a value are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quoting {
    #[default]
    Backslash,
    /// The source writes values as they are.
    None,
}

/// How a format string is read.
#[derive(Debug, Clone, Default)]
pub struct PatternRules {
    /// Variable names may hold dots (`$context.requestTime`).
    pub dotted: bool,
    pub quoting: Quoting,
    /// A blank of the format stands for one or more blanks of the line.
    pub any_blanks: bool,
    pub shapes: BTreeMap<String, Shape>,
}

/// A compiled format string.
#[derive(Debug, Clone)]
pub struct Pattern {
    head: Literal,
    fields: Vec<Field>,
    /// Values may hold backslash escapes.
    escapes: bool,
    /// Quoted fields stand one behind the other, and quotes inside them are not escaped.
    is_ambiguous: bool,
}

/// What parts two quoted fields.
const BETWEEN_QUOTED: &[u8] = b"\" \"";

#[derive(Debug, Clone)]
struct Field {
    target: Target,
    shape: Shape,
    /// The literal after the field begins with a quote, and quotes inside are escaped.
    is_quoted: bool,
    /// It stands in no quotes, behind fields that do and whose own quotes are not escaped: it cannot begin with one.
    is_bare: bool,
    literal: Literal,
    before_number: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Literal {
    bytes: Box<[u8]>,
    /// The literal as the low bytes of a word, and which of them count; for literals of up to eight bytes.
    word: u64,
    mask: u64,
    any_blanks: bool,
}

impl Pattern {
    /// Compiles a format string; the error says what is wrong with it.
    pub fn compile(format: &str, rules: &PatternRules, wanted: &WantedColumns) -> Result<Pattern, String> {
        let format = directive_value(format);
        let (head, variables) = split_variables(format.trim(), rules.dotted)?;
        if variables.is_empty() {
            return Err(format!("format `{format}` has no variable"));
        }
        let literal = |text: &str| Literal::new(text.as_bytes(), rules.any_blanks);
        let escapes = rules.quoting == Quoting::Backslash;
        let is_ambiguous = !escapes && variables.iter().any(|(_, after)| after.as_bytes().starts_with(BETWEEN_QUOTED));
        let mut fields = Vec::with_capacity(variables.len());
        for (i, (name, after)) in variables.iter().enumerate() {
            if after.is_empty() && i + 1 < variables.len() {
                return Err(format!("nothing stands between `${name}` and `${}`: where one ends cannot be told", variables[i + 1].0));
            }
            fields.push(Field {
                target: wanted.target(name),
                shape: rules.shapes.get(name).copied().unwrap_or_default(),
                is_quoted: escapes && after.starts_with('"'),
                is_bare: is_ambiguous && i > 0 && !variables[i - 1].1.ends_with('"'),
                before_number: variables.get(i + 1).is_some_and(|(next, _)| rules.shapes.get(next) == Some(&Shape::Number)),
                literal: literal(after),
            });
        }
        Ok(Pattern { head: literal(&head), fields, escapes, is_ambiguous })
    }

    /// Reads a line into the spans; false if the line is not of this format (the spans are then of no use).
    #[inline]
    pub fn read(&self, line: &[u8], spans: &mut [Span]) -> bool {
        let Some(mut at) = self.head.end(line, 0) else { return false };
        let Some((last, fields)) = self.fields.split_last() else { return false };
        // Most lines have no backslash: then nobody need look for one in their fields.
        let kind = if self.escapes && memchr::memchr(b'\\', line).is_some() { FieldKind::Escaped } else { FieldKind::Plain };
        for field in fields {
            let Some((end, next)) = field.cut(line, at) else { return false };
            if !field.fits(&line[at..end]) {
                return false;
            }
            field.target.store(line, at, end, kind, spans);
            at = next;
        }
        let Some(end) = last.cut_last(line, at) else { return false };
        let holds_fields = || self.is_ambiguous && memchr::memmem::find(&line[at..end], BETWEEN_QUOTED).is_some();
        if !last.fits(&line[at..end]) || holds_fields() {
            return false;
        }
        last.target.store(line, at, end, kind, spans);
        true
    }
}

impl Field {
    /// Where the field ends, and where the literal after it ends.
    #[inline(always)]
    fn cut(&self, line: &[u8], at: usize) -> Option<(usize, usize)> {
        let first = *self.literal.bytes.first()?;
        if self.is_quoted {
            let end = unescaped_quote(line, at)?;
            return Some((end, self.literal.end(line, end)?));
        }
        let mut from = at;
        loop {
            let end = find_byte(line, from, first)?;
            match self.literal.end(line, end) {
                Some(next) if !self.before_number || line.get(next).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-') => {
                    return Some((end, next));
                }
                _ if self.shape != Shape::Any && first == b' ' => return None,
                _ => from = end + 1,
            }
        }
    }

    /// The last field ends where its literal reaches the end of the line.
    #[inline(always)]
    fn cut_last(&self, line: &[u8], at: usize) -> Option<usize> {
        if self.literal.bytes.is_empty() {
            return Some(line.len());
        }
        if self.is_quoted {
            let (end, next) = self.cut(line, at)?;
            return (next == line.len()).then_some(end);
        }
        let end = line.len().checked_sub(self.literal.bytes.len())?;
        (end >= at && line.ends_with(&self.literal.bytes)).then_some(end)
    }
}

/// Where a byte stands from `from` on. Most fields are short, so the first sixteen bytes are looked at in place, eight at a
/// time (a byte of the word is zero where the bytes are equal), before memchr is called.
#[inline(always)]
fn find_byte(line: &[u8], from: usize, byte: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let rest = line.get(from..)?;
    let Some((head, tail)) = rest.split_first_chunk::<16>() else { return memchr::memchr(byte, rest).map(|at| from + at) };
    let (low, high) = head.split_at(8);
    for (word, offset) in [(low, 0), (high, 8)] {
        let word = u64::from_le_bytes(word.try_into().expect("half of sixteen")) ^ (ONES * u64::from(byte));
        let zeros = word.wrapping_sub(ONES) & !word & HIGHS;
        if zeros != 0 {
            return Some(from + offset + zeros.trailing_zeros() as usize / 8);
        }
    }
    memchr::memchr(byte, tail).map(|at| from + 16 + at)
}

/// The first quote from `at` on that an even number of backslashes precedes.
#[inline(always)]
fn unescaped_quote(line: &[u8], at: usize) -> Option<usize> {
    let mut from = at;
    loop {
        let quote = find_byte(line, from, b'"')?;
        if quote == at || line[quote - 1] != b'\\' {
            return Some(quote);
        }
        let backslashes = line[at..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(quote);
        }
        from = quote + 1;
    }
}

impl Literal {
    fn new(bytes: &[u8], any_blanks: bool) -> Self {
        let word = |byte: &dyn Fn(u8) -> u64| bytes.iter().take(8).rev().fold(0, |word, next| word << 8 | byte(*next));
        Literal { bytes: bytes.into(), word: word(&u64::from), mask: word(&|_| 0xff), any_blanks }
    }

    /// Where the literal ends if it stands at `at`.
    #[inline(always)]
    fn end(&self, line: &[u8], at: usize) -> Option<usize> {
        if !self.any_blanks {
            if let Some(head) = line.get(at..).and_then(<[u8]>::first_chunk::<8>)
                && self.bytes.len() <= 8
            {
                return (u64::from_le_bytes(*head) & self.mask == self.word).then(|| at + self.bytes.len());
            }
            return line.get(at..)?.starts_with(&self.bytes).then(|| at + self.bytes.len());
        }
        let mut at = at;
        for byte in &self.bytes {
            if line.get(at) != Some(byte) {
                return None;
            }
            at += 1;
            while *byte == b' ' && line.get(at) == Some(&b' ') {
                at += 1;
            }
        }
        Some(at)
    }
}

impl Field {
    /// True if the text has the field's shape.
    #[inline(always)]
    fn fits(&self, text: &[u8]) -> bool {
        if self.is_bare && text.first() == Some(&b'"') {
            return false;
        }
        match self.shape {
            Shape::Any => true,
            // Cut at the first blank, it holds none.
            Shape::Word if self.literal.bytes.first() == Some(&b' ') => !text.is_empty(),
            Shape::Word => !text.is_empty() && !text.contains(&b' '),
            Shape::Number => !text.is_empty() && text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.')),
        }
    }
}

/// The format inside a whole `log_format name escape=default '…' '…';` directive; any other text is the format itself.
fn directive_value(text: &str) -> String {
    let Some(rest) = text.trim().strip_prefix("log_format ") else { return text.to_string() };
    let Some(open) = rest.find(['\'', '"']) else { return text.to_string() };
    let quote = if rest[open..].starts_with('\'') { '\'' } else { '"' };
    rest[open..].split(quote).skip(1).step_by(2).collect()
}

/// The literal before the first variable, then each variable with the literal after it.
fn split_variables(format: &str, dotted: bool) -> Result<(String, Vec<(String, String)>), String> {
    let mut parts = format.split('$');
    let head = parts.next().unwrap_or_default().to_string();
    let mut variables = Vec::new();
    for part in parts {
        let (name, after) = match part.strip_prefix('{') {
            Some(inner) => inner.split_once('}').ok_or_else(|| format!("`${{` without `}}` in format `{format}`"))?,
            None => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || (dotted && c == '.');
                part.split_at(part.find(|c| !is_name(c)).unwrap_or(part.len()))
            }
        };
        if name.is_empty() {
            return Err(format!("a `$` without a name in format `{format}`"));
        }
        variables.push((name.to_string(), after.to_string()));
    }
    Ok((head, variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> PatternRules {
        PatternRules { shapes: [("a".to_string(), Shape::Word), ("status".to_string(), Shape::Number)].into(), ..PatternRules::default() }
    }

    fn read(format: &str, names: &[&str], line: &str, rules: &PatternRules) -> Option<Vec<String>> {
        let paths: Vec<Vec<String>> = names.iter().map(|name| vec![name.to_string()]).collect();
        let pattern = Pattern::compile(format, rules, &WantedColumns::new(&paths)).unwrap();
        let mut spans = vec![Span::MISSING; names.len()];
        pattern.read(line.as_bytes(), &mut spans).then(|| spans.iter().map(|span| line[span.start as usize..span.end as usize].to_string()).collect())
    }

    #[test]
    fn a_line_is_cut_at_the_literals() {
        let format = "$a - $user [$time] \"$r\" $status \"$ua\"";
        let fields = |line| read(format, &["a", "user", "time", "r", "status", "ua"], line, &rules());
        assert_eq!(fields(r#"::1 - john doe [t] "GET /x" 200 "-""#).unwrap(), ["::1", "john doe", "t", "GET /x", "200", "-"]);
        assert_eq!(fields(r#"::1 - - [t] "a\"b\\" 200 "u""#).unwrap()[3], r#"a\"b\\"#);
        for line in [r#"::1 - - [t] "GET /x" 200"#, r#"::1 - - [t] "GET /x" 200 "u" tail"#, r#"x ::1 - - [t] "r" 200 "u""#, r#"::1 - - [t] "r" OK "u""#, ""] {
            assert_eq!(fields(line), None, "{line}");
        }
    }

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        let mut line = vec![b'a'; 40];
        for at in 0..40 {
            line[at] = 0x80 | b' ';
            for from in 0..=40 {
                let expected = memchr::memchr(line[at], &line[from..]).map(|found| from + found);
                assert_eq!(find_byte(&line, from, line[at]), expected, "{from} {at}");
            }
            line[at] = b'a';
        }
    }

    #[test]
    fn a_quoted_value_cannot_pass_for_other_fields() {
        assert_eq!(read(r#""$r" $status"#, &["r"], r#""GET /" 200" 200"#, &rules()), None);
        let unescaped = PatternRules { quoting: Quoting::None, ..rules() };
        assert_eq!(read(r#""$r" $status"#, &["r"], r#""GET /a"b" c" 200"#, &unescaped).unwrap(), [r#"GET /a"b" c"#]);
    }

    /// A client's quotes, which the source wrote as they were.
    #[test]
    fn quotes_that_are_not_escaped_shift_no_field() {
        let plain = PatternRules { quoting: Quoting::None, ..rules() };
        let cut = |line: &str| read(r#""$agent" "$id" "$host" $rest"#, &["agent", "id", "host", "rest"], line, &plain);
        assert_eq!(cut(r#""a "quoted" one" "7" "h" - x"#).unwrap(), [r#"a "quoted" one"#, "7", "h", "- x"]);
        assert_eq!(cut(r#""a" "8" "evil" -" "7" "h" - x"#), None);
        assert_eq!(cut(r#""a" "8" "evil" "7" "h" - x"#), None);
        assert_eq!(cut(r#""a" "8" "7" "h" - x"#), None);
    }

    #[test]
    fn padding_and_a_rest_are_read_where_the_format_has_them() {
        let padded = PatternRules { any_blanks: true, ..rules() };
        assert_eq!(read("| $status | $m \"$p\"", &["status", "m", "p"], "|  200 |  GET      \"/x\"", &padded).unwrap(), ["200", "GET", "/x"]);
        assert_eq!(read("$a $rest", &["a", "rest"], "x y z", &rules()).unwrap(), ["x", "y z"]);
    }

    #[test]
    fn a_directive_and_braces_are_understood() {
        let directive = "log_format main escape=default '$a ${b}x '\n  '$c';";
        assert_eq!(read(directive, &["a", "b", "c"], "1 2x 3", &rules()).unwrap(), ["1", "2", "3"]);
        let dotted = PatternRules { dotted: true, ..rules() };
        assert_eq!(read("$context.a [$context.b]", &["context.b"], "1 [2]", &dotted).unwrap(), ["2"]);
    }

    #[test]
    fn formats_that_cannot_be_cut_are_refused() {
        let compile = |format| Pattern::compile(format, &rules(), &WantedColumns::default()).unwrap_err();
        assert!(compile("$a$b").contains("between `$a` and `$b`"));
        assert!(compile("plain").contains("no variable"));
        assert!(compile("${a").contains("without"));
        assert!(compile("$ a").contains("without a name"));
    }

    /// Speed of the decoder alone: `CREDLENS_SPEED_FILE=x.log cargo test --release --lib speed_of -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn speed_of_the_combined_format() {
        let Ok(path) = std::env::var("CREDLENS_SPEED_FILE") else { return };
        let bytes = std::fs::read(path).unwrap();
        let library = crate::source::library::Library::new(&[]).unwrap();
        let pack = &library.packs[library.find("nginx").unwrap()];
        let mut reader = crate::source::decode::RecordReader::new(&pack.decoder);
        let mut best = f64::MAX;
        for _ in 0..5 {
            let start = std::time::Instant::now();
            let (mut lines, mut read, mut at) = (0, 0, 0);
            while at < bytes.len() {
                let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |found| at + found);
                read += usize::from(matches!(reader.read(&pack.decoder, std::str::from_utf8(&bytes[at..end]).expect("UTF-8")), Ok(Some(_))));
                lines += 1;
                at = end + 1;
            }
            best = best.min(start.elapsed().as_secs_f64());
            assert_eq!(lines, read);
        }
        println!("{:.0} MB/s", bytes.len() as f64 / 1e6 / best);
    }
}
