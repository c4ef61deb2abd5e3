//! What stands around a record and is no part of it: what container runtimes and syslog put before it, and the JSON
//! objects in which event buses, log shippers and search indexes carry it. Peeled off before any decoder sees the record.
//!
//! Which of them a file has is found once, by detection; each record is then verified, and one without is read as it is.
//! A file without them never comes here. Records that a runtime split into partial lines are not put together again.

use crate::record::field::FieldKind;
use crate::source::decode::csv::{self, UTC_SUFFIX};
use crate::source::decode::json::{FieldPlan, JsonReader, KeyRules};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::borrow::Cow;

/// One kind of prefix or envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Docker's json-file driver: `{"log":"…\n","stream":"stdout","time":"…"}` (or `message`). Only the outermost.
    Docker,
    /// Kubernetes CRI: `2016-10-06T00:17:09.669794202Z stdout F …`.
    Cri,
    /// docker-compose: `name_1  | …`, kubectl: `[pod/name/container] …`.
    Compose,
    /// RFC 5424, RFC 3164 and the ISO time form of rsyslog: `<14>1 …`, `Jan 29 08:27:09 host app[1]: …`, `2026-01-29T… host …`.
    Syslog,
    /// A program's tag without the rest of syslog: `hapee-lb[16320]: [ACCESS] 2022 …`.
    Tag,
    /// A record separator (RFC 7464, JSON text sequences): byte 1E before each record.
    Separator,
    /// Words before JSON: `2026-05-19T06:00:00.123Z {…}` of CloudWatch exports, `instant<tab>tag<tab>{…}` of Fluentd. For JSON alone.
    Words,
    /// A column of CSV, by its number from 0 and the separator of columns: tables that logging services export. Only the outermost.
    Column(u16, u8),
    /// Keys that end in ` [UTC]`, as the Azure portal exports them: taken off. Only the innermost.
    ZonedKeys,
    /// A signed token whose claims are the record (RFC 8417 security event tokens, one a line). Its signature is not checked.
    Jws,
    /// The value at this path of a JSON object, an object or a string: one of `ENVELOPES`.
    Envelope(&'static str),
}

/// Where carriers put the record: Elasticsearch (`_source`), EventBridge (`detail`, Auth0 below it in `data`), Elastic agents
/// (`event.original`, `message`), container agents (`log`), Splunk (`_raw`, HEC `event`), SNS (`Message`), CloudTrail's
/// LookupEvents (`CloudTrailEvent`), Google Cloud (`jsonPayload`, `textPayload`), journald (`MESSAGE`), SQS and OTLP (`body`),
/// Loki (`line`), custom tables of Log Analytics (`RawData`), CloudWatch Logs Insights (`@message`), Splunk's search export
/// (`result`), Wazuh (`full_log`, `data`), Datadog (`attributes`), Graylog (`full_message`), Filebeat (`json`), Event Hubs
/// (`Body`), AKS (`properties.log`, `log_s` in Log Analytics), Pub/Sub (`message`, then `data`) and Kinesis (`kinesis`, then `data`), both in base64. In the order in which detection tries them; keys nested or flat with dots.
pub const ENVELOPES: [&str; 30] = [
    "_source",
    "detail.data",
    "detail",
    "event.original",
    "message",
    "log",
    "_raw",
    "event",
    "Message",
    "CloudTrailEvent",
    "jsonPayload",
    "textPayload",
    "MESSAGE",
    "body",
    "line",
    "RawData",
    "@message",
    "result._raw",
    "result",
    "full_log",
    "data",
    "attributes.message",
    "attributes.attributes",
    "attributes",
    "full_message",
    "json",
    "Body",
    "kinesis",
    "properties.log",
    "log_s",
];

/// How a line of `kubectl logs --prefix` begins.
pub const POD: &[u8] = b"[pod/";

/// Where an envelope says when it was made.
const ENVELOPE_TIMES: [&str; 5] = ["@timestamp", "timestamp", "time", "Timestamp", "TimeGenerated"];

impl Prefix {
    /// In the order in which detection tries them.
    pub fn all() -> impl Iterator<Item = Prefix> {
        [Prefix::Docker, Prefix::Cri, Prefix::Compose, Prefix::Syslog, Prefix::Tag, Prefix::Jws, Prefix::Separator, Prefix::Words]
            .into_iter()
            .chain(Prefix::envelopes())
    }

    /// True where it is a JSON object around the record.
    pub fn is_json(self) -> bool {
        matches!(self, Prefix::Docker | Prefix::Envelope(_))
    }

    pub fn envelopes() -> impl Iterator<Item = Prefix> {
        ENVELOPES.into_iter().map(Prefix::Envelope)
    }
}

/// A record without its prefix, and the instant that the prefix stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeled<'a> {
    pub record: Cow<'a, [u8]>,
    pub time: Option<Cow<'a, [u8]>>,
}

impl<'a> Peeled<'a> {
    fn plain(record: &'a [u8], time: Option<&'a [u8]>) -> Self {
        Peeled { record: Cow::Borrowed(record), time: time.map(Cow::Borrowed) }
    }

    fn into_owned(self) -> Peeled<'static> {
        Peeled { record: Cow::Owned(self.record.into_owned()), time: self.time.map(|time| Cow::Owned(time.into_owned())) }
    }

    /// The inner record, with the time of the innermost prefix that states one.
    fn around(self, inner: Option<Peeled<'a>>) -> Peeled<'a> {
        match inner {
            Some(inner) => Peeled { record: inner.record, time: inner.time.or(self.time) },
            None => self,
        }
    }
}

/// Peels records; keeps its buffers between them.
pub struct Peeler {
    docker: (FieldPlan, JsonReader),
    envelope: (FieldPlan, JsonReader),
}

impl Default for Peeler {
    fn default() -> Self {
        let reader = |paths: &[&str]| {
            let paths: Vec<Vec<String>> = paths.iter().map(|path| path.split('.').map(str::to_string).collect()).collect();
            let plan = FieldPlan::new(&paths, &KeyRules { flat: true, ..KeyRules::default() });
            let reader = JsonReader::new(&plan);
            (plan, reader)
        };
        Peeler { docker: reader(&["log", "message", "stream", "time"]), envelope: reader(&[&ENVELOPES[..], &ENVELOPE_TIMES[..]].concat()) }
    }
}

impl Peeler {
    /// Takes the prefixes off one after the other, the outermost first; `None` where the first of them is not there.
    pub fn peel<'a>(&mut self, prefixes: &[Prefix], line: &'a [u8]) -> Option<Peeled<'a>> {
        let (first, rest) = prefixes.split_first()?;
        let mut peeled = self.peel_one(*first, line)?;
        for prefix in rest {
            peeled = match peeled.record {
                Cow::Borrowed(record) => peeled.around(self.peel_one(*prefix, record)),
                Cow::Owned(ref record) => {
                    let inner = self.peel_one(*prefix, record).map(Peeled::into_owned);
                    peeled.around(inner)
                }
            };
        }
        peeled.record = match peeled.record {
            Cow::Borrowed(record) => Cow::Borrowed(record.trim_ascii()),
            Cow::Owned(record) if record.trim_ascii().len() == record.len() => Cow::Owned(record),
            Cow::Owned(record) => Cow::Owned(record.trim_ascii().to_vec()),
        };
        Some(peeled)
    }

    fn peel_one<'a>(&mut self, prefix: Prefix, line: &'a [u8]) -> Option<Peeled<'a>> {
        match prefix {
            Prefix::Docker => self.peel_docker(line),
            Prefix::Envelope(path) => self.peel_envelope(path, line),
            Prefix::Column(number, separator) => {
                let mut fields = csv::rows_separated(line, separator).into_iter().next()?.fields;
                let number = usize::from(number);
                (number < fields.len()).then(|| Peeled { record: Cow::Owned(fields.swap_remove(number).into_bytes()), time: None })
            }
            Prefix::ZonedKeys => without_zone_in_keys(line).map(|record| Peeled { record: Cow::Owned(record), time: None }),
            other => peel_text(other, line),
        }
    }

    fn peel_docker<'a>(&mut self, line: &'a [u8]) -> Option<Peeled<'a>> {
        let (plan, reader) = &mut self.docker;
        let fields = reader.read(plan, std::str::from_utf8(line).ok()?).ok()?;
        let record = fields.text(0).or_else(|| fields.text(1))?;
        fields.text(2)?;
        let time = fields.text(3).map(|time| Cow::Owned(time.into_owned().into_bytes()));
        Some(Peeled { record: Cow::Owned(record.trim_end().as_bytes().to_vec()), time })
    }

    fn peel_envelope<'a>(&mut self, path: &'static str, line: &'a [u8]) -> Option<Peeled<'a>> {
        if line.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let slot = ENVELOPES.iter().position(|envelope| *envelope == path)?;
        let (plan, reader) = &mut self.envelope;
        let fields = reader.read(plan, std::str::from_utf8(line).ok()?).ok()?;
        let record = match fields.kind(slot) {
            FieldKind::Object => {
                // The span's place in the line, whose borrow outlives that of the reader.
                let start = fields.raw(slot).as_ptr() as usize - line.as_ptr() as usize;
                Cow::Borrowed(&line[start..start + fields.raw(slot).len()])
            }
            FieldKind::String | FieldKind::Plain => {
                let text = fields.text(slot)?;
                Cow::Owned(json_of_base64(text.trim()).unwrap_or_else(|| text.trim().as_bytes().to_vec()))
            }
            _ => return None,
        };
        let time = (ENVELOPES.len()..ENVELOPES.len() + ENVELOPE_TIMES.len()).find_map(|slot| fields.text(slot));
        Some(Peeled { record, time: time.map(|time| Cow::Owned(time.into_owned().into_bytes())) })
    }
}

fn peel_text(prefix: Prefix, line: &[u8]) -> Option<Peeled<'_>> {
    match prefix {
        Prefix::Docker | Prefix::Envelope(_) | Prefix::ZonedKeys | Prefix::Column(..) => None,
        Prefix::Separator => line.strip_prefix(b"\x1e").map(|record| Peeled::plain(record, None)),
        Prefix::Words => peel_words(line),
        Prefix::Cri => peel_cri(line),
        Prefix::Compose => peel_compose(line),
        // Programs that write to a pipe of syslog put only their tag.
        Prefix::Syslog => peel_syslog(line).or_else(|| peel_numbered_tag(line)),
        Prefix::Jws => peel_jws(line),
        Prefix::Tag => peel_tag(line).map(|record| Peeled::plain(after_access_mark(record), None)),
    }
}

/// JSON whose keys no longer end in ` [UTC]`; `None` where none does. A quote inside a string follows a backslash, so that one
/// after the bracket ends the string, and a colon after it says that this is a key.
pub fn without_zone_in_keys(json: &[u8]) -> Option<Vec<u8>> {
    let end = [UTC_SUFFIX.as_bytes(), b"\""].concat();
    let is_key = |at: &usize| json[at + end.len()..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
    let (mut out, mut from) = (Vec::new(), 0);
    for at in memchr::memmem::find_iter(json, &end).filter(is_key) {
        out.extend_from_slice(&json[from..at]);
        from = at + UTC_SUFFIX.len();
    }
    if from == 0 {
        return None;
    }
    out.extend_from_slice(&json[from..]);
    Some(out)
}

/// The JSON object that a text holds in base64. Its first byte makes the first letter.
fn json_of_base64(text: &str) -> Option<Vec<u8>> {
    if !text.starts_with('e') {
        return None;
    }
    STANDARD.decode(text).ok().filter(|json| json.first() == Some(&b'{'))
}

/// Most bytes of words before JSON.
const MAX_WORDS: usize = 200;

/// A JSON object up to the end of the line, behind words without quotes or brackets of JSON.
fn peel_words(line: &[u8]) -> Option<Peeled<'_>> {
    let start = line.iter().take(MAX_WORDS).position(|byte| matches!(byte, b'{' | b'"' | b'}'))?;
    let (words, record) = line.split_at(start);
    let is_object = record.first() == Some(&b'{') && record.trim_ascii_end().last() == Some(&b'}');
    let fits = is_object && matches!(words.last(), Some(b' ' | b'\t' | b':'));
    let first = words.split(u8::is_ascii_whitespace).next().filter(|word| is_iso_time(word));
    fits.then(|| Peeled::plain(record, first))
}

/// `haproxy[16320]: …`: a tag that says which process it is of.
fn peel_numbered_tag(line: &[u8]) -> Option<Peeled<'_>> {
    let (tag, _) = word(line)?;
    let number = tag.strip_suffix(b"]:")?.rsplit(|byte| *byte == b'[').next()?;
    let is_numbered = number.len() < tag.len() - 2 && !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    if is_numbered { peel_text(Prefix::Tag, line) } else { None }
}

/// The claims of a compact JWS, possibly in quotes.
fn peel_jws(line: &[u8]) -> Option<Peeled<'_>> {
    let text = std::str::from_utf8(line).ok()?.trim().trim_matches('"');
    let mut parts = text.strip_prefix("eyJ")?.split('.');
    let (_, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let is_signature = signature.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let record = URL_SAFE_NO_PAD.decode(claims).ok()?;
    (parts.next().is_none() && is_signature && record.first() == Some(&b'{')).then_some(Peeled { record: Cow::Owned(record), time: None })
}

/// `<time> stdout|stderr F|P text`.
fn peel_cri(line: &[u8]) -> Option<Peeled<'_>> {
    let (time, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    let (tag, record) = word(rest)?;
    let fits = is_iso_time(time) && matches!(stream, b"stdout" | b"stderr") && matches!(tag.first(), Some(b'F' | b'P'));
    fits.then(|| Peeled::plain(record, Some(time)))
}

/// `name_1  | text`: a container's name (`service.1.id@node` of Swarm), blanks, a bar; `[pod/name/container] text` of kubectl.
fn peel_compose(line: &[u8]) -> Option<Peeled<'_>> {
    if line.starts_with(POD) {
        let end = memchr::memchr2(b']', b' ', line)?;
        return line[end..].starts_with(b"] ").then(|| Peeled::plain(line[end + 2..].trim_ascii_start(), None));
    }
    let bar = memchr::memchr(b'|', line)?;
    let name = line[..bar].trim_ascii();
    let fits = !name.is_empty() && line[bar - 1] == b' ' && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@'));
    fits.then(|| Peeled::plain(line[bar + 1..].trim_ascii_start(), None))
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
    Some(Peeled::plain(after_cee(after_access_mark(record)), Some(time)))
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
    let record = record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record);
    Some(Peeled::plain(after_cee(record), Some(time).filter(|time| is_iso_time(time))))
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

/// JSON in syslog may be announced by `@cee:` (Common Event Expression).
fn after_cee(record: &[u8]) -> &[u8] {
    record.strip_prefix(b"@cee:").map_or(record, <[u8]>::trim_ascii_start)
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
        let text = |bytes: Cow<'_, [u8]>| String::from_utf8(bytes.into_owned()).unwrap();
        Peeler::default().peel(prefixes, line.as_bytes()).map(|peeled| (text(peeled.record), peeled.time.map(text)))
    }

    #[test]
    fn a_signed_token_gives_its_claims() {
        let mut peeler = Peeler::default();
        let token = format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"iss":"x"}"#));
        let mut claims = |text: &str| peeler.peel(&[Prefix::Jws], text.as_bytes()).map(|peeled| String::from_utf8(peeled.record.into_owned()).unwrap());
        assert_eq!(claims(&token).as_deref(), Some(r#"{"iss":"x"}"#));
        assert_eq!(claims(&format!("\"{token}\"")).as_deref(), Some(r#"{"iss":"x"}"#));
        for other in ["eyJhbGciOiJub25lIn0.!.c2ln", "eyJ.e30", "a.b.c", &format!("{token}.x"), &format!("{token}\"]")] {
            assert_eq!(claims(other), None, "{other}");
        }
    }

    #[test]
    fn each_prefix_is_taken_off() {
        let some = |record: &str, time: &str| Some((record.to_string(), (!time.is_empty()).then(|| time.to_string())));
        let iso = "2025-12-31T17:37:40.493035218+01:00";
        assert_eq!(peel(&[Prefix::Cri], &format!("{iso} stdout F {{\"a\":1}}")), some("{\"a\":1}", iso));
        assert_eq!(peel(&[Prefix::Compose], "kong_1   | {\"a\":\"|\"}"), some("{\"a\":\"|\"}", ""));
        assert_eq!(peel(&[Prefix::Compose], "web_web.1.zax@node   | x"), some("x", ""));
        assert_eq!(peel(&[Prefix::Compose], "[pod/kong-1/proxy] {\"a\":\"|\"}"), some("{\"a\":\"|\"}", ""));
        assert_eq!(peel(&[Prefix::Docker], r#"{"log":"a \"b\"\n","stream":"stdout","time":"t"}"#), some("a \"b\"", "t"));
        assert_eq!(peel(&[Prefix::Docker, Prefix::Tag], r#"{"message":"app: x\n","stream":"stderr"}"#), some("x", ""));
        assert_eq!(peel(&[Prefix::Syslog], "Jan  9 08:27:09 host app[12]: x y"), some("x y", "Jan  9 08:27:09"));
        assert_eq!(peel(&[Prefix::Syslog], "<134>Jan 29 08:27:09 host 10.0.0.1:5 [x]"), some("10.0.0.1:5 [x]", "Jan 29 08:27:09"));
        assert_eq!(peel(&[Prefix::Syslog], &format!("{iso} 1.1.1.1  {{ \"a\": 1}}")), some("{ \"a\": 1}", iso));
        assert_eq!(peel(&[Prefix::Syslog], &format!(r#"<14>1 {iso} host app - ID47 [x a="\"]"][y] text"#)), some("text", iso));
        assert_eq!(peel(&[Prefix::Syslog], &format!("<14>1 {iso} host app - - - text")), some("text", iso));
        assert_eq!(peel(&[Prefix::Tag], "hapee-lb[16320]: [ACCESS] 2022 {}"), some("{}", ""));
        assert_eq!(peel(&[Prefix::Syslog], "Jan  9 08:27:09 host vault: @cee: {\"a\":1}"), some("{\"a\":1}", "Jan  9 08:27:09"));
    }

    #[test]
    fn envelopes_hold_objects_and_json_in_strings_nested_or_flat() {
        let some = |record: &str, time: &str| Some((record.to_string(), (!time.is_empty()).then(|| time.to_string())));
        let envelope = Prefix::Envelope;
        assert_eq!(peel(&[envelope("detail")], r#"{"time":"t","detail": {"a": {"b":1}} }"#), some(r#"{"a": {"b":1}}"#, "t"));
        assert_eq!(peel(&[envelope("detail.data")], r#"{"detail":{"data":{"a":1}}}"#), some(r#"{"a":1}"#, ""));
        assert_eq!(peel(&[envelope("message")], r#"{"message":" {\"a\":\"\\n\"}\n","@timestamp":"t"}"#), some(r#"{"a":"\n"}"#, "t"));
        for original in [r#"{"event":{"original":"x y"}}"#, r#"{"event.original":"x y"}"#] {
            assert_eq!(peel(&[envelope("event.original")], original), some("x y", ""));
        }
        let hit = r#"{"_index":"i","_source":{"@timestamp":"t","message":"Jan  9 08:27:09 host app[1]: x y"}}"#;
        assert_eq!(peel(&[envelope("_source"), envelope("message"), Prefix::Syslog], hit), some("x y", "Jan  9 08:27:09"));
        assert_eq!(peel(&[envelope("_source"), envelope("message")], r#"{"_source":{"a":1}}"#), some(r#"{"a":1}"#, ""));
    }

    #[test]
    fn carriers_of_json_lines_columns_and_base64_are_taken_off() {
        let some = |record: &str, time: &str| Some((record.to_string(), (!time.is_empty()).then(|| time.to_string())));
        assert_eq!(peel(&[Prefix::Words], "2026-05-19T06:00:00.123Z {\"a\":1}"), some("{\"a\":1}", "2026-05-19T06:00:00.123Z"));
        assert_eq!(peel(&[Prefix::Words], "2026-05-19T06:00:01+00:00\tapp.tag\t{\"a\":1}"), some("{\"a\":1}", "2026-05-19T06:00:01+00:00"));
        for other in ["said \"{\" {\"a\":1}", "x={\"a\":1}", "a {\"b\":1} c", "{\"a\":1}"] {
            assert_eq!(peel(&[Prefix::Words], other), None, "{other}");
        }
        assert_eq!(peel(&[Prefix::Separator], "\u{1e}{\"a\":1}"), some("{\"a\":1}", ""));
        assert_eq!(peel(&[Prefix::Column(1, b',')], "1,\"{\"\"a\"\":1}\""), some("{\"a\":1}", ""));
        assert_eq!(peel(&[Prefix::Column(2, b',')], "1,2"), None);
        let data = STANDARD.encode(r#"{"a":1}"#);
        let pushed = format!(r#"{{"message":{{"data":"{data}","messageId":"1"}},"subscription":"s"}}"#);
        assert_eq!(peel(&[Prefix::Envelope("message"), Prefix::Envelope("data")], &pushed), some("{\"a\":1}", ""));
        assert_eq!(peel(&[Prefix::Envelope("data")], r#"{"data":"eyJhbGciOiJub25lIn0.e30.c2ln"}"#), some("eyJhbGciOiJub25lIn0.e30.c2ln", ""));
    }

    #[test]
    fn keys_lose_their_zone_and_values_keep_it() {
        let peeled = peel(&[Prefix::ZonedKeys], r#"{"T [UTC]" : "a [UTC]", "b":"c [UTC]\" : d", "[UTC]":1, "E [UTC]":2}"#);
        assert_eq!(peeled.unwrap().0, r#"{"T" : "a [UTC]", "b":"c [UTC]\" : d", "[UTC]":1, "E":2}"#);
        assert_eq!(peel(&[Prefix::ZonedKeys], r#"{"T":"a [UTC]"}"#), None);
    }

    #[test]
    fn a_line_without_the_prefix_is_left_alone() {
        let lines = [
            "{\"log\":7,\"message\":null}",
            "{\"detail\":[{}]}",
            "{\"message\":",
            "\"message\"",
            "1.2.3.4 - - [t] \"GET / HTTP/1.1\" 200 5",
            "a b c d",
            "",
            "<14>",
            "[GIN] x | 200 | y",
        ];
        for line in lines {
            for prefix in Prefix::all() {
                assert_eq!(peel(&[prefix], line), None, "{prefix:?} {line}");
            }
        }
    }
}
