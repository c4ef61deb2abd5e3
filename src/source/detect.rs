//! What format is a file? Told by the content of its first records; the most specific pack wins, a tie is an error.
//!
//! Order: the records as they are; else without the prefixes and envelopes of prefix.rs (at most three, one inside the
//! other). JSON packs are known by keys, CSV by its header, text formats by how many lines their decoder reads: see
//! detect_text.rs.
//!
//! A JSON object that a pack knows as a record is one, whatever lists it holds; only then is a list looked for in it, at the
//! wrappers of the pack that knows its elements; then at those of the other packs and of carriers.

use super::detect_document::{cut_json, yaml_keys};
use super::detect_text::{detect_lines, known_lines};
use crate::source::chunk::{Chunk, Framing};
use crate::source::decode::Decoder;
use crate::source::decode::csv;
use crate::source::library::{Library, Pack};
use crate::source::pack::DecoderKind;
use crate::source::prefix::{ENVELOPES, POD, Peeler, Prefix, without_zone_in_keys};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a file that detection looks at.
pub const HEAD_BYTES: usize = 256 * 1024;
/// Records of the head that detection looks at.
const HEAD_RECORDS: usize = 20;
/// Lines of the head that are looked at for prefixes that only some have.
const MIXED_LINES: usize = 100;
/// Prefixes one inside the other.
const MAX_PREFIXES: usize = 3;
/// Where carriers list what they carry: an Elasticsearch search, CloudWatch Logs, CloudTrail's LookupEvents, SQS and Lambda,
/// Azure Event Hubs, Splunk and other exports, Pub/Sub, Chronicle; `*` stands for the values of an object: a poll of security event tokens.
const CARRIER_WRAPPERS: [&str; 12] =
    ["hits.hits", "logEvents", "Events", "events", "Records", "records", "results", "result", "data", "sets.*", "receivedMessages", "logs"];

/// How records are set in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub framing: Framing,
    /// What stands before each record, the outermost first.
    pub prefixes: Vec<Prefix>,
    /// False where the user named the pack of a file that does not look like it.
    pub is_told: bool,
}

impl Layout {
    /// The header of a chunk's rows, if its records are those rows and not in one of their columns.
    pub fn header<'c>(&self, chunk: &'c Chunk) -> Option<&'c [u8]> {
        chunk.header.as_deref().filter(|_| !matches!(self.prefixes.first(), Some(Prefix::Column(..))))
    }
}

impl From<Framing> for Layout {
    fn from(framing: Framing) -> Self {
        Layout { framing, prefixes: Vec::new(), is_told: true }
    }
}

/// What detection found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detected {
    Pack {
        pack: usize,
        layout: Layout,
    },
    Empty,
    /// No pack fits; the text says what came closest.
    Unknown(String),
    /// Several packs fit equally well.
    Tie(Vec<String>),
}

/// The packs that are looked at.
#[derive(Clone, Copy)]
pub struct Choice<'a> {
    pub library: &'a Library,
    /// Only this pack, where the user has named it.
    pub only: Option<usize>,
}

/// Looks at the first bytes of a file; `is_whole` says that there are no more. With `only`, the file is read as that pack
/// whatever it looks like.
pub fn detect(library: &Library, only: Option<usize>, head: &[u8], is_whole: bool) -> Detected {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if head.iter().all(u8::is_ascii_whitespace) {
        return if is_whole { Detected::Empty } else { Detected::Unknown("nothing but blanks".into()) };
    }
    let is_comment = |line: &[u8]| matches!(line.trim_ascii().first(), None | Some(b'#')) && !line.starts_with(b"#Fields:");
    if is_whole && head.split(|byte| *byte == b'\n').all(is_comment) {
        // Nothing but comments: an exception register without an entry.
        return Detected::Empty;
    }
    let choice = Choice { library, only };
    let found = detect_prefixed(choice, head, MAX_PREFIXES);
    match (found, only) {
        (found @ Detected::Pack { .. }, _) | (found, None) => found,
        (_, Some(pack)) => Detected::Pack { pack, layout: Layout { is_told: false, ..named_framing(&library.packs[pack], head).into() } },
    }
}

/// How the records of a pack that the user has named are set in a file that does not look like it.
fn named_framing(pack: &Pack, head: &[u8]) -> Framing {
    let (lines, objects) = line_records(head);
    let is_json = matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
    match pack.file.decoder {
        DecoderKind::Json if is_json && objects.len() * 2 < lines => Framing::Values { wrappers: pack.file.wrappers.clone() },
        _ => framing_of(pack),
    }
}

/// The framing of a pack whose records are one a line or row.
pub fn framing_of(pack: &Pack) -> Framing {
    match pack.file.decoder {
        DecoderKind::W3c => Framing::W3c,
        DecoderKind::Csv => Framing::Csv,
        _ => Framing::Lines,
    }
}

/// As they are, or without a prefix that lines have.
fn detect_prefixed(choice: Choice<'_>, head: &[u8], depth: usize) -> Detected {
    // A prefix that looks like the start of a list of JSON.
    if depth > 0
        && head.starts_with(POD)
        && let Some(found) = detect_inside(choice, Prefix::Compose, &head_lines(head).collect::<Vec<_>>(), Framing::Lines, depth)
    {
        return found;
    }
    let plain = detect_plain(choice, head);
    if depth == 0 {
        return plain;
    }
    if !matches!(plain, Detected::Unknown(_)) {
        return with_prefix_of_some(choice, plain, head);
    }
    let lines: Vec<&[u8]> = head_lines(head).collect();
    let inner = Prefix::all().find_map(|prefix| {
        // Docker's wrapper is only ever the outermost.
        if prefix == Prefix::Docker && depth < MAX_PREFIXES {
            return None;
        }
        detect_inside(choice, prefix, &lines, Framing::Lines, depth)
    });
    let in_column = || if depth == MAX_PREFIXES { detect_in_column(choice, head, depth) } else { None };
    inner.or_else(|| detect_enveloped_values(choice, head, depth)).or_else(in_column).unwrap_or(plain)
}

/// A file of lines of which some have a prefix and most have none: the prefix behind which the pack knows the most further lines.
fn with_prefix_of_some(choice: Choice<'_>, plain: Detected, head: &[u8]) -> Detected {
    let Detected::Pack { pack: index, layout } = &plain else { return plain };
    let pack = &choice.library.packs[*index];
    if layout.framing != Framing::Lines || !layout.prefixes.is_empty() || matches!(pack.decoder, Decoder::Whole) {
        return plain;
    }
    let lines: Vec<&[u8]> = head_lines(head).take(MIXED_LINES).collect();
    let known = |lines: &[&[u8]]| match pack.file.decoder {
        DecoderKind::Json => lines.iter().filter(|line| is_record(pack, line)).count(),
        _ => known_lines(pack, lines),
    };
    let plainly = known(&lines);
    if plainly == lines.len() {
        return plain;
    }
    // A record of JSON may hold what looks like an envelope.
    // What stands behind words in some lines may be what a caller said.
    let prefixes = Prefix::all().filter(|prefix| *prefix != Prefix::Words && (!prefix.is_json() || pack.file.decoder.is_text()));
    let behind = prefixes.filter_map(|prefix| {
        let (_, peeled) = without_prefix(prefix, &lines)?;
        Some((known(&head_lines(&peeled).collect::<Vec<_>>()), prefix))
    });
    // Of several the first.
    let best = behind.fold((plainly, None), |best, (known, prefix)| if known > best.0 { (known, Some(prefix)) } else { best });
    match best.1 {
        Some(prefix) => Detected::Pack { pack: *index, layout: Layout { prefixes: vec![prefix], ..layout.clone() } },
        None => plain,
    }
}

/// True for a JSON object that a pack knows.
fn is_record(pack: &Pack, line: &[u8]) -> bool {
    let Some(b'{') = line.first() else { return false };
    serde_json::from_slice(line).is_ok_and(|record| score_json(pack, &record).is_some())
}

/// Records that carriers hold in a list, or that span lines, each in an envelope.
fn detect_enveloped_values(choice: Choice<'_>, head: &[u8], depth: usize) -> Option<Detected> {
    if !matches!(head.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'[')) {
        return None;
    }
    std::iter::once(None).chain(CARRIER_WRAPPERS.into_iter().map(Some)).find_map(|wrapper| {
        let wrappers: Vec<String> = wrapper.into_iter().map(str::to_string).collect();
        let texts = value_texts(head, &wrappers);
        let records: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        Prefix::envelopes()
            .chain([Prefix::Jws])
            .find_map(|envelope| detect_inside(choice, envelope, &records, Framing::Values { wrappers: wrappers.clone() }, depth))
    })
}

/// Records in one column of a table that has the name of an envelope.
fn detect_in_column(choice: Choice<'_>, head: &[u8], depth: usize) -> Option<Detected> {
    let separator = csv::separator(head);
    let cut = if head.len() >= HEAD_BYTES { memchr::memrchr(b'\n', head)? } else { head.len() };
    let rows = csv::rows_separated(&head[..cut], separator);
    let (header, rows) = rows.split_first()?;
    let named = |envelope: &&str| header.fields.iter().position(|name| csv::column_name(name) == *envelope);
    ENVELOPES.iter().filter_map(named).find_map(|column| {
        let records: Vec<&[u8]> = rows.iter().take(HEAD_RECORDS).filter_map(|row| row.fields.get(column)).map(|field| field.trim().as_bytes()).collect();
        let mut lines = Vec::new();
        records.iter().for_each(|record| push_line(&mut lines, record));
        match detect_prefixed(choice, &lines, depth - 1) {
            Detected::Pack { pack, mut layout } if layout.framing == Framing::Lines => {
                layout.prefixes.insert(0, Prefix::Column(u16::try_from(column).ok()?, separator));
                Some(Detected::Pack { pack, layout: Layout { framing: Framing::Csv, ..layout } })
            }
            tie @ Detected::Tie(_) => Some(tie),
            _ => None,
        }
    })
}

/// Adds a record as a line. JSON may span lines, where line breaks are blanks; other text keeps its own.
fn push_line(out: &mut Vec<u8>, record: &[u8]) {
    match record.first() {
        Some(b'{' | b'[') => out.extend(record.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte })),
        _ => out.extend_from_slice(record),
    }
    out.push(b'\n');
}

/// What the records are without a prefix that they have, themselves set in a file by `framing`.
fn detect_inside(choice: Choice<'_>, prefix: Prefix, records: &[&[u8]], framing: Framing, depth: usize) -> Option<Detected> {
    let (peeled, inner) = without_prefix(prefix, records)?;
    let is_common = peeled * 2 >= records.len();
    // A prefix that few records have is looked behind only for lines of text, of which the pack must know half in any case.
    if !is_common && prefix.is_json() {
        return None;
    }
    match detect_prefixed(choice, &inner, depth - 1) {
        Detected::Pack { pack, .. } if !is_common && !choice.library.packs[pack].file.decoder.is_text() => None,
        // Words may stand before anything.
        Detected::Pack { pack, .. } if prefix == Prefix::Words && !matches!(choice.library.packs[pack].decoder, Decoder::Json(_)) => None,
        Detected::Pack { pack, layout } if layout.framing == Framing::Lines => {
            let prefixes = std::iter::once(prefix).chain(layout.prefixes).collect();
            Some(Detected::Pack { pack, layout: Layout { framing, prefixes, is_told: true } })
        }
        tie @ Detected::Tie(_) if is_common => Some(tie),
        _ => None,
    }
}

/// The records without the prefix, one a line, and how many have it, if any has.
fn without_prefix(prefix: Prefix, records: &[&[u8]]) -> Option<(usize, Vec<u8>)> {
    let mut peeler = Peeler::default();
    let (mut peeled, mut out) = (0, Vec::new());
    for record in records {
        let inner = peeler.peel(&[prefix], record);
        peeled += usize::from(inner.is_some());
        let inner = inner.as_ref().map_or(*record, |inner| &inner.record);
        push_line(&mut out, inner);
    }
    (peeled > 0).then_some((peeled, out))
}

/// The lines of the head that are not blank; a last line that the head cuts off does not count.
pub fn head_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = match memchr::memrchr(b'\n', head) {
        Some(end) if head.len() >= HEAD_BYTES => &head[..end],
        _ => head,
    };
    whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
}

fn detect_plain(choice: Choice<'_>, head: &[u8]) -> Detected {
    let Some(first) = head.iter().find(|byte| !byte.is_ascii_whitespace()) else { return Detected::Unknown("nothing but blanks".into()) };
    if !matches!(first, b'{' | b'[') {
        return detect_text(choice, head);
    }
    if let Some(plain) = without_zone_in_keys(head) {
        return with_zoned_keys(choice, detect_json(choice, &plain, *first));
    }
    match (detect_json(choice, head, *first), first) {
        // A TOML table array and a line with its time in brackets begin with `[` as well.
        (json @ Detected::Unknown(_), b'[') => match detect_text(choice, head) {
            Detected::Unknown(_) => json,
            text => text,
        },
        (json, _) => json,
    }
}

/// What was detected without the zones in its keys, as it is with them.
fn with_zoned_keys(choice: Choice<'_>, detected: Detected) -> Detected {
    match detected {
        Detected::Pack { pack, mut layout } if matches!(choice.library.packs[pack].decoder, Decoder::Json(_)) => {
            layout.prefixes.push(Prefix::ZonedKeys);
            Detected::Pack { pack, layout }
        }
        other => other,
    }
}

fn detect_json(choice: Choice<'_>, head: &[u8], first: u8) -> Detected {
    let (lines, by_line) = line_records(head);
    // Most lines are whole objects: one record a line, some of them broken. In a pretty-printed document few are.
    let is_lines = first == b'{' && by_line.len() * 2 >= lines;
    let whole = if is_lines { by_line } else { value_records(head, &[]) };
    let own = |pack: &Pack, record: &Value| pack.file.wrappers.iter().any(|wrapper| lookup(record, wrapper).is_some_and(Value::is_array));
    let whole_framing = |_: &Pack| if is_lines { Framing::Lines } else { Framing::Values { wrappers: Vec::new() } };
    let best_of = |records: &[Value], pack: &Pack| records.iter().filter_map(|record| score_json(pack, record)).max();
    let best =
        best_packs(choice, DecoderKind::Json, |pack| whole.iter().filter(|record| !own(pack, record)).filter_map(|record| score_json(pack, record)).max());
    if !best.is_empty() {
        return settle(choice, &best, whole_framing);
    }
    if let Some(document) = cut_json(head).filter(|_| whole.is_empty()) {
        let best = best_packs(choice, DecoderKind::Document, |pack| score_one(pack, &document));
        if !best.is_empty() {
            return settle(choice, &best, whole_framing);
        }
    }
    let mut lists: BTreeMap<&[String], Vec<Value>> = BTreeMap::new();
    for pack in choice.library.packs.iter().filter(|pack| !pack.file.wrappers.is_empty()) {
        lists.entry(&pack.file.wrappers).or_insert_with(|| value_records(head, &pack.file.wrappers));
    }
    let best = best_packs(choice, DecoderKind::Json, |pack| best_of(lists.get(pack.file.wrappers.as_slice())?, pack));
    if !best.is_empty() {
        return settle(choice, &best, |pack| Framing::Values { wrappers: pack.file.wrappers.clone() });
    }
    let best = best_packs(choice, DecoderKind::Json, |pack| best_of(&whole, pack));
    if !best.is_empty() {
        return settle(choice, &best, whole_framing);
    }
    let all: BTreeSet<String> = lists.keys().flat_map(|paths| paths.iter().cloned()).chain(CARRIER_WRAPPERS.map(String::from)).collect();
    for wrapper in all {
        let listed = value_records(head, std::slice::from_ref(&wrapper));
        let best = best_packs(choice, DecoderKind::Json, |pack| best_of(&listed, pack));
        if !best.is_empty() {
            return settle(choice, &best, |_| Framing::Values { wrappers: vec![wrapper.clone()] });
        }
    }
    let listed = lists.values().find_map(|records| records.iter().find(|record| !whole.contains(record)));
    match listed.or(whole.first()) {
        Some(record) => Detected::Unknown(closest(choice.library, record)),
        None => Detected::Unknown("no whole JSON record in its first bytes".into()),
    }
}

/// The one best pack with its framing, or the tie.
fn settle(choice: Choice<'_>, best: &[usize], framing: impl Fn(&Pack) -> Framing) -> Detected {
    match best {
        [pack] => Detected::Pack { pack: *pack, layout: framing(&choice.library.packs[*pack]).into() },
        several => tie(choice, several),
    }
}

pub fn tie(choice: Choice<'_>, packs: &[usize]) -> Detected {
    Detected::Tie(packs.iter().map(|pack| choice.library.packs[*pack].id().to_string()).collect())
}

/// The packs with the highest score; more than one is a tie.
fn best_packs(choice: Choice<'_>, decoder: DecoderKind, score: impl Fn(&Pack) -> Option<i64>) -> Vec<usize> {
    let scores: Vec<(usize, i64)> = choice
        .library
        .packs
        .iter()
        .enumerate()
        .filter(|(index, pack)| reads(pack, decoder) && choice.only.is_none_or(|only| only == *index))
        .filter_map(|(index, pack)| Some((index, score(pack)?)))
        .collect();
    let Some(best) = scores.iter().map(|(_, score)| *score).max() else { return Vec::new() };
    scores.into_iter().filter(|(_, score)| *score == best).map(|(index, _)| index).collect()
}

/// True for packs of a decoder; documents are JSON as well.
fn reads(pack: &Pack, decoder: DecoderKind) -> bool {
    pack.file.decoder == decoder || (decoder == DecoderKind::Json && pack.file.decoder == DecoderKind::Document)
}

/// How many of the head's first lines there are, and those that are JSON objects.
fn line_records(head: &[u8]) -> (usize, Vec<Value>) {
    let lines: Vec<&[u8]> = head_lines(head).take(HEAD_RECORDS).collect();
    let records = lines.iter().filter_map(|line| serde_json::from_slice::<Value>(line).ok()).filter(Value::is_object).collect();
    (lines.len(), records)
}

/// Records of the head read as values that may span lines.
fn value_records(head: &[u8], wrappers: &[String]) -> Vec<Value> {
    value_texts(head, wrappers).iter().filter_map(|text| serde_json::from_slice::<Value>(text).ok()).collect()
}

/// The texts of the head's first values, as they stand.
fn value_texts(head: &[u8], wrappers: &[String]) -> Vec<Vec<u8>> {
    let framing = Framing::Values { wrappers: wrappers.to_vec() };
    let reader = Box::new(std::io::Cursor::new(head.to_vec()));
    let mut reader = crate::source::chunk::ChunkReader::new(reader, framing, Vec::new());
    let mut texts = Vec::new();
    while let Ok(Some(chunk)) = reader.next_chunk() {
        let elements = chunk.elements.unwrap_or_default();
        let whole = elements.iter().filter(|element| element.problem.is_none());
        texts.extend(whole.take(HEAD_RECORDS - texts.len()).map(|element| chunk.bytes[element.start..element.end].to_vec()));
    }
    texts
}

/// How specifically a pack fits a record: its priority first, then how many requirements it states.
fn score_json(pack: &Pack, record: &Value) -> Option<i64> {
    let opened = with_json_inside(pack, record);
    let record = opened.as_ref().unwrap_or(record);
    let inner = pack.file.unwrap.iter().rev().find_map(|envelope| lookup(record, envelope).filter(|inner| inner.is_object()));
    score_one(pack, record).or_else(|| score_one(pack, inner?))
}

/// The record with JSON in place of the strings that the pack says may hold it; `None` if there are none.
fn with_json_inside(pack: &Pack, record: &Value) -> Option<Value> {
    let mut opened = None;
    for path in &pack.file.keys.json {
        let pointer = format!("/{}", path.replace('.', "/"));
        let text = opened.as_ref().unwrap_or(record).pointer(&pointer).and_then(Value::as_str);
        let inner = text.filter(|text| text.trim_start().starts_with(['{', '['])).and_then(|text| serde_json::from_str(text).ok());
        if let Some(inner) = inner {
            *opened.get_or_insert_with(|| record.clone()).pointer_mut(&pointer)? = inner;
        }
    }
    opened
}

fn score_one(pack: &Pack, record: &Value) -> Option<i64> {
    let detect = &pack.file.detect;
    let has = |path: &String| lookup(record, path).is_some();
    let fits = detect.required.iter().all(has)
        && detect.any_of.iter().all(|group| group.iter().any(has))
        && !detect.none_of.iter().any(has)
        && pack.matches.iter().all(|(path, pattern)| lookup(record, path).is_some_and(|value| pattern.is_match(&text_of(value))));
    let requirements = detect.required.len() + detect.any_of.len() + detect.matches.len();
    fits.then_some(i64::from(detect.priority) * 1000 + requirements as i64)
}

/// The value at a dotted path, keys nested or flat with dots.
pub(super) fn lookup<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(at, _)| lookup(value.get(&path[..at])?, &path[at + 1..]))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Which pack came closest, and what it misses.
fn closest(library: &Library, record: &Value) -> String {
    let closest = library
        .packs
        .iter()
        .filter(|pack| pack.file.decoder == DecoderKind::Json && !pack.file.detect.required.is_empty())
        .map(|pack| {
            let required = &pack.file.detect.required;
            let has = |path: &&String| lookup(record, path).is_some();
            let mut missing: Vec<String> = required.iter().filter(|path| !has(path)).map(|path| format!("`{path}`")).collect();
            let found = required.len() - missing.len();
            let groups = pack.file.detect.any_of.iter().filter(|group| !group.iter().any(|path| has(&path)));
            missing.extend(groups.map(|group| format!("one of `{}`", group.join("`, `"))));
            (found, required.len(), missing, pack.id())
        })
        .max_by_key(|(found, required, _, _)| (found * 100 / required, *found));
    match closest {
        Some((found, required, missing, id)) if found > 0 => {
            let missing = if missing.is_empty() { String::new() } else { format!("; missing {}", missing.join(", ")) };
            format!("closest: {id} ({found} of {required} required keys{missing})")
        }
        _ => "no pack knows its keys".into(),
    }
}

/// CSV by its header line, TOML by its tables, YAML by its keys, other text by its lines.
fn detect_text(choice: Choice<'_>, head: &[u8]) -> Detected {
    let Some(header) = csv::rows(head.split_inclusive(|byte| *byte == b'\n').find(|line| line.len() > 2).unwrap_or(head)).into_iter().next() else {
        return Detected::Unknown("no text in it".into());
    };
    let columns: Vec<String> = header.fields.iter().map(|field| csv::column_name(field).to_lowercase()).collect();
    let csv = best_packs(choice, DecoderKind::Csv, |pack| score_columns(pack, &columns));
    let toml = best_packs(choice, DecoderKind::Toml, |pack| {
        let table = |name: &String| String::from_utf8_lossy(head).lines().any(|line| line.trim() == format!("[[{name}]]"));
        pack.file.detect.required.iter().all(table).then_some(1)
    });
    let keys = yaml_keys(head);
    let yaml = best_packs(choice, DecoderKind::Document, |pack| score_one(pack, &keys));
    match [csv, toml, yaml].concat().as_slice() {
        [] => match detect_lines(choice, head) {
            Detected::Unknown(why) => detect_rows(choice, head).unwrap_or(Detected::Unknown(why)),
            found => found,
        },
        [pack] => Detected::Pack { pack: *pack, layout: framing_of(&choice.library.packs[*pack]).into() },
        several => tie(choice, several),
    }
}

/// Columns that a table of a JSON format has at least: fewer are easily something else.
const LEAST_COLUMNS: usize = 3;

/// Rows whose columns are the keys of a JSON format, as many exports have them.
fn detect_rows(choice: Choice<'_>, head: &[u8]) -> Option<Detected> {
    let rows = csv::rows(head);
    let (header, rows) = rows.split_first().filter(|(header, _)| header.fields.len() >= LEAST_COLUMNS)?;
    let object = |row: &csv::CsvRow| -> Value {
        let text = |field: &String| {
            serde_json::from_str(field).ok().filter(|value: &Value| value.is_object() || value.is_array()).unwrap_or(Value::from(field.as_str()))
        };
        header
            .fields
            .iter()
            .zip(&row.fields)
            .filter(|(_, field)| !field.is_empty())
            .map(|(name, field)| (csv::column_name(name).to_string(), text(field)))
            .collect()
    };
    let records: Vec<Value> = rows.iter().filter(|row| row.fields.len() == header.fields.len()).take(HEAD_RECORDS).map(object).collect();
    let best = best_packs(choice, DecoderKind::Json, |pack| match pack.file.decoder {
        DecoderKind::Json => records.iter().filter_map(|record| score_one(pack, record)).max(),
        _ => None,
    });
    (!best.is_empty()).then(|| settle(choice, &best, |_| Framing::Csv))
}

fn score_columns(pack: &Pack, columns: &[String]) -> Option<i64> {
    let detect = &pack.file.detect;
    let has = |name: &String| columns.contains(&name.to_lowercase());
    let fits = detect.required.iter().all(has) && detect.any_of.iter().all(|group| group.iter().any(has)) && !detect.none_of.iter().any(has);
    fits.then_some(i64::from(detect.priority) * 1000 + (detect.required.len() + detect.any_of.len()) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn id_of(text: &str) -> String {
        let library = Library::new(&[]).unwrap();
        match detect(&library, None, text.as_bytes(), true) {
            Detected::Pack { pack, layout } => {
                let framing = if matches!(layout.framing, Framing::Values { .. }) { "values" } else { "lines" };
                let prefixes: String = layout.prefixes.iter().map(|prefix| format!(" {prefix:?}")).collect();
                format!("{} {framing}{prefixes}", library.packs[pack].id())
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn prefixes_are_found_one_inside_the_other() {
        let kong = r#"{"started_at":1,"request":{},"response":{},"latencies":{},"tries":[]}"#;
        assert_eq!(id_of(&format!("kong_1  | {kong}\nkong_1  | starting\n")), "kong lines Compose");
        assert_eq!(id_of(&format!("2025-12-31T17:37:40.49+01:00 stdout F {kong}\n")), "kong lines Cri");
        assert_eq!(id_of(&format!("[pod/kong-1/proxy] {kong}\n[pod/kong-1/proxy] {kong}\n")), "kong lines Compose");
        assert_eq!(id_of(&format!("2026-01-10T08:15:00.584725130Z {kong}\n2026-01-10T08:15:01Z {kong}\n")), "kong lines Words");
        let docker = |text: &str| serde_json::json!({"log": format!("{text}\n"), "stream": "stdout", "time": "2025-12-31T17:37:40Z"}).to_string();
        assert_eq!(id_of(&docker(&format!("Jan 29 08:27:09 host kong[7]: {kong}"))), "kong lines Docker Syslog");
        assert!(id_of("name | something else\n").contains("Unknown"));
    }

    fn workspace(events: &str) -> String {
        format!(r#"{{"kind":"admin#reports#activity","id":{{"time":"2026-05-01T00:00:00Z","applicationName":"token"}},"events":{events}}}"#)
    }

    #[test]
    fn a_record_that_a_pack_knows_is_not_torn_at_the_wrapper_of_another() {
        let activity = workspace(r#"[{"name":"authorize"}]"#);
        assert_eq!(id_of(&format!("{activity}\n{activity}\n")), "google_workspace lines");
        assert_eq!(id_of(&activity.replace(',', ",\n")), "google_workspace values");
        assert_eq!(id_of(&format!("{{\"kind\":\"admin#reports#activities\",\"items\":[{activity}]}}")), "google_workspace values");
        let okta = r#"{"eventType":"a.b","published":"x","actor":{},"outcome":{}}"#;
        assert_eq!(id_of(&format!(r#"{{"events":[{okta}]}}"#)), "okta values");
        // Its own wrapper's name inside a record of one's own is no wrapper, unless records stand in it.
        assert_eq!(id_of(&okta.replace("\"actor\"", "\"events\":[1],\"actor\"")), "okta lines");
        assert_eq!(id_of(&format!(r#"{{"data":{{"events":[{okta}]}},"eventType":"com.okta.event_hook"}}"#)), "okta values");
        // Exports put records under keys of their own.
        assert_eq!(id_of(&format!(r#"{{"result":[{okta}]}}"#)), "okta values");
    }

    #[test]
    fn carriers_are_seen_through() {
        let okta = r#"{"eventType":"a.b","published":"x","actor":{},"outcome":{}}"#;
        let text = serde_json::to_string(okta).unwrap();
        assert_eq!(id_of(&format!(r#"{{"took":1,"hits":{{"hits":[{{"_id":"1","_source":{okta}}}]}}}}"#)), "okta values Envelope(\"_source\")");
        assert_eq!(
            id_of(&format!(r#"{{"hits":{{"hits":[{{"_source":{{"event":{{"original":{text}}}}}}}]}}}}"#)),
            "okta values Envelope(\"_source\") Envelope(\"event.original\")"
        );
        assert_eq!(id_of(&format!(r#"{{"@timestamp":"t","message":{text}}}"#)), "okta lines Envelope(\"message\")");
        assert_eq!(id_of(&format!("[{{\"log\":\n{text}}}]")), "okta values Envelope(\"log\")");
        assert_eq!(id_of(&format!(r#"{{"time":"t","detail":{okta}}}"#)), "okta lines");
        let auth0 = r#"{"type":"seccft","date":"2026-05-01T00:00:00Z","client_id":"c","log_id":"1"}"#;
        assert_eq!(id_of(&format!(r#"{{"id":"1","time":"t","detail":{{"log_id":"1","data":{auth0}}}}}"#)), "auth0 lines");
        let line = r#"1.2.3.4 - - [04/Jan/2020:07:25:02 +0000] \"GET / HTTP/1.1\" 404 522 \"-\" \"x\""#;
        assert!(id_of(&format!(r#"{{"@timestamp":"t","message":"{line}"}}"#)).ends_with("lines Envelope(\"message\")"));
        let claims = r#"{"iss":"x","jti":"j","iat":1,"events":{},"sub_id":{}}"#;
        let set = format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(id_of(&format!("{set}\n{set}\n")), "ssf_set lines Jws");
        assert_eq!(id_of(&format!("[\"{set}\",\n\"{set}\"]")), "ssf_set values Jws");
        assert_eq!(id_of(&format!("{{\"moreAvailable\":false,\"sets\":{{\"j\" :\n\"{set}\"}}}}")), "ssf_set values Jws");
        assert!(id_of(r#"{"message":"nothing that is known"}"#).contains("Unknown"));
        assert_eq!(id_of(&format!("2026-05-19T06:00:00.123Z {okta}\n2026-05-19T06:00:01.123Z {okta}\n")), "okta lines Words");
        assert_eq!(id_of(&format!("\u{1e}{okta}\n\u{1e}{okta}\n")), "okta lines Separator");
        assert_eq!(id_of(&format!(r#"{{"preview":false,"result":{{"_raw":{text}}}}}"#)), "okta lines Envelope(\"result._raw\")");
        assert_eq!(id_of(&format!(r#"{{"data":[{{"id":"A","attributes":{{"message":{text}}}}}]}}"#)), "okta values Envelope(\"attributes.message\")");
        let field = okta.replace('"', "\"\"");
        assert_eq!(id_of(&format!("\"_time\",\"_raw\"\n\"t\",\"{field}\"\n\"t\",\"{field}\"\n")), "okta lines Column(1, 44)");
        let data = base64::engine::general_purpose::STANDARD.encode(okta);
        let pushed = format!(r#"{{"message":{{"data":"{data}"}},"subscription":"s"}}"#);
        assert_eq!(id_of(&pushed), "okta lines Envelope(\"message\") Envelope(\"data\")");
        assert_eq!(id_of(&format!(r#"{{"receivedMessages":[{pushed}]}}"#)), "okta values Envelope(\"message\") Envelope(\"data\")");
    }

    #[test]
    fn combined_lines_behind_a_prefix_are_those_of_nginx_without_it() {
        let line = r#"203.0.113.7 - - [11/Jan/2025:10:13:05 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#;
        assert_eq!(id_of(&format!("Jan 11 10:13:05 web01 nginx: {line}\n")), "nginx lines Syslog");
        assert_eq!(id_of(&format!("2025-12-31T17:37:40.49Z stdout F {line}\n")), "nginx lines Cri");
        assert_eq!(id_of(&format!("<190>1 2025-01-11T10:13:05Z web01 nginx 12 - - {line}\n")), "nginx lines Syslog");
    }

    #[test]
    fn a_priority_is_not_outweighed_by_one_line() {
        let sample = include_str!("../../sample-data/packs/traefik_clf/sample.log");
        let cut: Vec<&str> = sample.lines().enumerate().filter(|(number, _)| *number != 6).map(|(_, line)| line).collect();
        assert_eq!(id_of(sample), "traefik_clf lines");
        assert_eq!(id_of(&cut.join("\n")), "traefik_clf lines");
    }

    #[test]
    fn a_slightly_higher_priority_is_no_reason_to_lack_lines() {
        let combined = r#"203.0.113.7 - - [11/Jan/2025:10:13:05 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8""#;
        let tomcat = r#"198.51.100.9 - - [11/Jan/2025:10:13:05 +0000] "GET / HTTP/1.1" 200 612 12 [http-nio-8080-exec-1]"#;
        assert_eq!(id_of(&format!("{combined}\n").repeat(20)), "nginx lines");
        assert_eq!(id_of(&format!("{}{tomcat}\n", format!("{combined}\n").repeat(19))), "apache lines");
    }

    #[test]
    fn prefixes_may_differ_from_line_to_line() {
        let line = r#"10.0.0.1:5 [20/Sep/2018:15:42:59.220] fe be/s1 1/0/5062 5421 -- 1/1/0/0/0 0/0"#;
        let mixed = format!("Sep 20 15:42:59 lb haproxy[1]: {line}\n{line}\nhaproxy[1]: {line}\nSep 20 15:43:00 lb haproxy[1]: {line}\n{line}\n");
        assert_eq!(id_of(&mixed), "haproxy_text lines Syslog");
        let line = r#"[2026-04-15T20:17:00.310Z] "POST /a HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "curl/8" "cc21d9b0" "locations" "10.0.2.1:80""#;
        let bare = format!("{line}\n").repeat(5);
        let wrapped = serde_json::json!({"message": format!("{line}\n"), "stream": "stdout"}).to_string();
        assert_eq!(id_of(&format!("{bare}{wrapped}\n{wrapped}\n")), "envoy_text lines Docker");
        assert_eq!(id_of(&format!("{bare}Sep 20 15:42:59 gateway envoy[1]: {line}\n")), "envoy_text lines Syslog");
        let kong = r#"{"started_at":1,"request":{},"response":{},"latencies":{},"tries":[]}"#;
        assert_eq!(id_of(&format!("{kong}\n{kong}\nkong_1  | {kong}\nkong_1  | starting\n")), "kong lines Compose");
        assert_eq!(id_of(&format!("{kong}\n{kong}\nkong starts\n")), "kong lines");
        assert!(id_of(&format!("a\nb\nc\nkong_1  | {kong}\n")).contains("Unknown"), "one record of four tells no format");
    }

    #[test]
    fn exports_of_log_analytics_are_read() {
        let line = r#"203.0.113.7 - - [11/Jan/2025:10:13:05 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n"#;
        let raw = format!(r#"{{"TenantId":"t","TimeGenerated":"2025-01-11T10:13:06Z","RawData":"{line}","Type":"NGINX_CL"}}"#);
        assert_eq!(id_of(&format!("[{raw},\n{raw}]")), "nginx values Envelope(\"RawData\")");
        let zoned = r#"{"RayID_s":"r","EdgeResponseStatus_d":200,"ClientRequestMethod_s [UTC]":"x"}"#;
        assert_eq!(id_of(zoned), "cloudflare_loganalytics lines ZonedKeys");
        assert_eq!(id_of(&format!("[{zoned},\n{zoned}]")), "cloudflare_loganalytics values ZonedKeys");
        let csv = "TimeGenerated [UTC],RayID_s,EdgeResponseStatus_d,ClientRequestMethod_s\n\"3/15/2021, 6:51:31.000 PM\",r,200,GET\n";
        assert_eq!(id_of(csv), "cloudflare_loganalytics lines");
    }

    #[test]
    fn a_w3c_log_is_told_by_the_columns_that_it_names() {
        let log = "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2026-01-10 08:15:00\n\
                   #Fields: date time c-ip cs-method cs-uri-stem sc-status\n";
        assert_eq!(id_of(log), "iis_w3c lines");
        assert_eq!(id_of(&format!("{log}2026-01-10 08:15:00 203.0.113.7 GET /a 200\n")), "iis_w3c lines");
    }

    #[test]
    fn a_named_pack_reads_whatever_the_file_looks_like() {
        let library = Library::new(&[]).unwrap();
        let kong = library.find("kong");
        let found = detect(&library, kong, b"identity,owner\n", true);
        assert_eq!(found, Detected::Pack { pack: kong.unwrap(), layout: Layout { is_told: false, ..Framing::Lines.into() } });
    }

    #[test]
    fn formats_are_told_by_content() {
        let kong = r#"{"started_at":1,"request":{},"response":{},"latencies":{},"tries":[]}"#;
        assert_eq!(id_of(&format!("{kong}\n{kong}\n")), "kong lines");
        assert_eq!(id_of(&format!("{{broken\n{kong}\n")), "kong lines");
        assert_eq!(id_of(&format!("[{kong},\n{kong}]")), "kong values");
        assert_eq!(id_of("{\n \"started_at\":1,\n \"request\":{},\"response\":{},\"latencies\":{},\"route\":{}\n}"), "kong values");
        assert_eq!(id_of(r#"{"issues":[{"key":"A-1","fields":{"created":"x"}}],"total":1}"#), "jira values");
        assert_eq!(
            id_of("{\"total\":1,\"issues\":[\n{\"key\":\"A-1\",\"fields\":{\"created\":\"x\"}},\n{\"key\":\"A-2\",\"fields\":{\"created\":\"x\"}}\n]}"),
            "jira values"
        );
        assert_eq!(id_of("Identity,Owner\na,b\n"), "inventory_identities lines");
        assert_eq!(id_of("api,owner\n"), "inventory_apis lines");
        assert_eq!(id_of("\"USER_NAME\",\"IS_SUCCESS\",\"EVENT_TIMESTAMP\"\n\"ANN\",\"YES\",\"2026-05-01\"\n"), "snowflake lines");
        assert_eq!(id_of("identity,scope,api\n"), "inventory_grants lines");
        assert_eq!(id_of("# register\n[[exception]]\nid = \"x\"\n"), "exceptions lines");
        assert_eq!(id_of(" \n"), "Empty");
        assert_eq!(id_of("# register\n\n  # [[exception]]\n"), "Empty");
        assert!(id_of("{\"started_at\":1,\"request\":{}}").contains("closest: kong"));
    }
}
