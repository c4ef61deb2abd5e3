//! What container runtimes and syslog put before a record, peeled off before any decoder sees it.
//!
//! Which prefixes a file has is found once, by detection; each line is then verified, and a line without the prefix is
//! read as it is. A file without prefixes never comes here. Records that a runtime split into partial lines are not put
//! together again.

use crate::source::decode::json::{FieldPlan, JsonReader, KeyRules};

/// One kind of prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Docker's json-file driver: `{"log":"…\n","stream":"stdout","time":"…"}` (or `message`). Only the outermost.
    Docker,
    /// Kubernetes CRI: `2016-10-06T00:17:09.669794202Z stdout F …`.
    Cri,
    /// docker-compose: `name_1  | …`.
    Compose,
    /// RFC 5424, RFC 3164 and the ISO time form of rsyslog: `<14>1 …`, `Jan 29 08:27:09 host app[1]: …`, `2026-01-29T… host …`.
    Syslog,
    /// A program's tag without the rest of syslog: `hapee-lb[16320]: [ACCESS] 2022 …`.
    Tag,
}

impl Prefix {
    /// In the order in which detection tries them.
    pub const ALL: [Prefix; 5] = [Prefix::Docker, Prefix::Cri, Prefix::Compose, Prefix::Syslog, Prefix::Tag];
}

/// A record without its prefix, and the instant that the prefix stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peeled<'a> {
    pub record: &'a [u8],
    pub time: Option<&'a [u8]>,
}

/// Peels lines; keeps its buffers between lines.
pub struct Peeler {
    plan: FieldPlan,
    json: JsonReader,
    text: Vec<u8>,
}

impl Default for Peeler {
    fn default() -> Self {
        let paths = ["log", "message", "stream", "time"].map(|key| vec![key.to_string()]);
        let plan = FieldPlan::new(&paths, &KeyRules::default());
        Peeler { json: JsonReader::new(&plan), plan, text: Vec::new() }
    }
}

impl Peeler {
    /// Takes the prefixes off one after the other, the outermost first; `None` where the first of them is not there.
    pub fn peel<'a>(&'a mut self, prefixes: &[Prefix], line: &'a [u8]) -> Option<Peeled<'a>> {
        let (first, rest) = prefixes.split_first()?;
        let mut peeled = match first {
            Prefix::Docker => self.peel_docker(line)?,
            other => peel_text(*other, line)?,
        };
        for prefix in rest {
            if let Some(inner) = peel_text(*prefix, peeled.record) {
                peeled = Peeled { record: inner.record, time: inner.time.or(peeled.time) };
            }
        }
        peeled.record = peeled.record.trim_ascii();
        Some(peeled)
    }

    fn peel_docker<'a>(&'a mut self, line: &'a [u8]) -> Option<Peeled<'a>> {
        let fields = self.json.read(&self.plan, std::str::from_utf8(line).ok()?).ok()?;
        let record = fields.text(0).or_else(|| fields.text(1))?;
        fields.text(2)?;
        let time = fields.text(3).unwrap_or_default();
        self.text.clear();
        self.text.extend_from_slice(record.trim_end().as_bytes());
        let end = self.text.len();
        self.text.extend_from_slice(time.as_bytes());
        let (record, time) = self.text.split_at(end);
        Some(Peeled { record, time: (!time.is_empty()).then_some(time) })
    }
}

fn peel_text(prefix: Prefix, line: &[u8]) -> Option<Peeled<'_>> {
    match prefix {
        Prefix::Docker => None,
        Prefix::Cri => peel_cri(line),
        Prefix::Compose => peel_compose(line),
        Prefix::Syslog => peel_syslog(line),
        Prefix::Tag => peel_tag(line).map(|record| Peeled { record: after_access_mark(record), time: None }),
    }
}

/// `<time> stdout|stderr F|P text`.
fn peel_cri(line: &[u8]) -> Option<Peeled<'_>> {
    let (time, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    let (tag, record) = word(rest)?;
    let fits = is_iso_time(time) && matches!(stream, b"stdout" | b"stderr") && matches!(tag.first(), Some(b'F' | b'P'));
    fits.then_some(Peeled { record, time: Some(time) })
}

/// `name_1  | text`: a container's name, blanks, a bar.
fn peel_compose(line: &[u8]) -> Option<Peeled<'_>> {
    let bar = memchr::memchr(b'|', line)?;
    let name = line[..bar].trim_ascii();
    let fits = !name.is_empty() && line[bar - 1] == b' ' && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    fits.then(|| Peeled { record: line[bar + 1..].trim_ascii_start(), time: None })
}

fn peel_syslog(line: &[u8]) -> Option<Peeled<'_>> {
    let rest = after_priority(line);
    if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(b"1 ")) {
        return peel_rfc5424(rest);
    }
    let line = rest.unwrap_or(line);
    let (time, rest) = match line.get(..15) {
        Some(time) if is_bsd_time(time) => (time, line[15..].strip_prefix(b" ")?),
        _ => word(line).filter(|(time, _)| is_iso_time(time))?,
    };
    // A host, then a program's tag, if any.
    let (host, record) = word(rest)?;
    let record = if host.ends_with(b":") { record } else { peel_tag(record).unwrap_or(record) };
    Some(Peeled { record: after_access_mark(record), time: Some(time) })
}

/// RFC 5424 after `<PRI>1 `: time, host, program, process, message id, structured data, text.
fn peel_rfc5424(text: &[u8]) -> Option<Peeled<'_>> {
    let (time, mut rest) = word(text)?;
    for _ in 0..4 {
        rest = word(rest)?.1;
    }
    let record = match rest.strip_prefix(b"-") {
        Some(rest) => rest,
        None => after_structured_data(rest)?,
    };
    let record = record.trim_ascii_start();
    Some(Peeled { record: record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record), time: Some(time).filter(|time| is_iso_time(time)) })
}

/// Passes over `[id name="value"][…]`; `\"`, `\\` and `\]` are escapes inside values (RFC 5424 section 6.3.3).
fn after_structured_data(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    while rest.first() == Some(&b'[') {
        let (mut at, mut in_value) = (1, false);
        loop {
            match *rest.get(at)? {
                b'\\' if in_value => at += 1,
                b'"' => in_value = !in_value,
                b']' if !in_value => break,
                _ => {}
            }
            at += 1;
        }
        rest = &rest[at + 1..];
    }
    Some(rest)
}

/// `<14>` -> what follows.
fn after_priority(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"<")?;
    let close = rest.iter().take(4).position(|byte| *byte == b'>')?;
    rest[..close].iter().all(u8::is_ascii_digit).then(|| &rest[close + 1..])
}

/// `app[123]: text` or `app: text` -> `text`.
fn peel_tag(line: &[u8]) -> Option<&[u8]> {
    let (tag, rest) = word(line)?;
    let name = tag.strip_suffix(b":")?;
    let is_name = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'[' | b']'));
    is_name.then_some(rest)
}

/// HAProxy Enterprise puts `[ACCESS] <year> ` before its record.
fn after_access_mark(record: &[u8]) -> &[u8] {
    let year_off = |rest: &'_ [u8]| word(rest).is_some_and(|(year, _)| year.len() == 4 && year.iter().all(u8::is_ascii_digit));
    match record.strip_prefix(b"[ACCESS] ") {
        Some(rest) if year_off(rest) => &rest[5..],
        Some(rest) => rest,
        None => record,
    }
}

/// The word before the first blank, and what follows the blanks.
fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = memchr::memchr(b' ', line)?;
    (blank > 0).then(|| (&line[..blank], line[blank..].trim_ascii_start()))
}

/// `2026-01-29T08:27:09…`.
fn is_iso_time(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    text.len() >= SHAPE.len() && SHAPE.iter().zip(text).all(|(shape, byte)| if *shape == b'd' { byte.is_ascii_digit() } else { shape == byte })
}

/// `Jan 29 08:27:09`, `Jan  2 08:27:09`.
fn is_bsd_time(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"aaa bd dd:dd:dd";
    text.len() == SHAPE.len()
        && SHAPE.iter().zip(text).all(|(shape, byte)| match shape {
            b'a' => byte.is_ascii_alphabetic(),
            b'b' => byte.is_ascii_digit() || *byte == b' ',
            b'd' => byte.is_ascii_digit(),
            other => other == byte,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peel(prefixes: &[Prefix], line: &str) -> Option<(String, Option<String>)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Peeler::default().peel(prefixes, line.as_bytes()).map(|peeled| (text(peeled.record), peeled.time.map(text)))
    }

    #[test]
    fn each_prefix_is_taken_off() {
        let some = |record: &str, time: &str| Some((record.to_string(), (!time.is_empty()).then(|| time.to_string())));
        let iso = "2025-12-31T17:37:40.493035218+01:00";
        assert_eq!(peel(&[Prefix::Cri], &format!("{iso} stdout F {{\"a\":1}}")), some("{\"a\":1}", iso));
        assert_eq!(peel(&[Prefix::Compose], "kong_1   | {\"a\":\"|\"}"), some("{\"a\":\"|\"}", ""));
        assert_eq!(peel(&[Prefix::Docker], r#"{"log":"a \"b\"\n","stream":"stdout","time":"t"}"#), some("a \"b\"", "t"));
        assert_eq!(peel(&[Prefix::Docker, Prefix::Tag], r#"{"message":"app: x\n","stream":"stderr"}"#), some("x", ""));
        assert_eq!(peel(&[Prefix::Syslog], "Jan  9 08:27:09 host app[12]: x y"), some("x y", "Jan  9 08:27:09"));
        assert_eq!(peel(&[Prefix::Syslog], "<134>Jan 29 08:27:09 host 10.0.0.1:5 [x]"), some("10.0.0.1:5 [x]", "Jan 29 08:27:09"));
        assert_eq!(peel(&[Prefix::Syslog], &format!("{iso} 1.1.1.1  {{ \"a\": 1}}")), some("{ \"a\": 1}", iso));
        assert_eq!(peel(&[Prefix::Syslog], &format!(r#"<14>1 {iso} host app - ID47 [x a="\"]"][y] text"#)), some("text", iso));
        assert_eq!(peel(&[Prefix::Syslog], &format!("<14>1 {iso} host app - - - text")), some("text", iso));
        assert_eq!(peel(&[Prefix::Tag], "hapee-lb[16320]: [ACCESS] 2022 {}"), some("{}", ""));
    }

    #[test]
    fn a_line_without_the_prefix_is_left_alone() {
        let lines = ["{\"log\":\"x\"}", "1.2.3.4 - - [t] \"GET / HTTP/1.1\" 200 5", "a b c d", "", "<14>", "[GIN] x | 200 | y"];
        for line in lines {
            for prefix in Prefix::ALL {
                assert_eq!(peel(&[prefix], line), None, "{prefix:?} {line}");
            }
        }
    }
}
