//! What format is a file? Told by the content of its first records; the most specific pack wins, a tie is an error.
//!
//! Order: the records as they are; else without the prefixes of container runtimes and syslog (at most three, one inside
//! the other). JSON packs are known by keys, CSV by its header, text formats by how many lines their decoder reads: see
//! detect_text.rs.

use super::detect_document::{cut_json, yaml_keys};
use super::detect_text::detect_lines;
use crate::source::chunk::Framing;
use crate::source::library::{Library, Pack};
use crate::source::pack::DecoderKind;
use crate::source::prefix::{Peeler, Prefix};
use serde_json::Value;

/// Bytes of a file that detection looks at.
pub const HEAD_BYTES: usize = 256 * 1024;
/// Records of the head that detection looks at.
const HEAD_RECORDS: usize = 20;
/// Prefixes one inside the other.
const MAX_PREFIXES: usize = 3;

/// How records are set in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub framing: Framing,
    /// What stands before each record, the outermost first.
    pub prefixes: Vec<Prefix>,
}

impl From<Framing> for Layout {
    fn from(framing: Framing) -> Self {
        Layout { framing, prefixes: Vec::new() }
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
        (_, Some(pack)) => Detected::Pack { pack, layout: framing_of(&library.packs[pack]).into() },
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

/// As they are, or without a prefix that most lines have.
fn detect_prefixed(choice: Choice<'_>, head: &[u8], depth: usize) -> Detected {
    let plain = detect_plain(choice, head);
    if !matches!(plain, Detected::Unknown(_)) || depth == 0 {
        return plain;
    }
    let inner = Prefix::ALL.iter().find_map(|prefix| {
        // Docker's wrapper is only ever the outermost.
        if *prefix == Prefix::Docker && depth < MAX_PREFIXES {
            return None;
        }
        match detect_prefixed(choice, &without_prefix(*prefix, head)?, depth - 1) {
            Detected::Pack { pack, mut layout } if layout.framing == Framing::Lines => {
                layout.prefixes.insert(0, *prefix);
                Some(Detected::Pack { pack, layout })
            }
            tie @ Detected::Tie(_) => Some(tie),
            _ => None,
        }
    });
    inner.unwrap_or(plain)
}

/// The head's whole lines without the prefix, if at least half of them have it.
fn without_prefix(prefix: Prefix, head: &[u8]) -> Option<Vec<u8>> {
    let mut peeler = Peeler::default();
    let (mut lines, mut peeled, mut out) = (0, 0, Vec::with_capacity(head.len()));
    for line in head_lines(head) {
        lines += 1;
        match peeler.peel(&[prefix], line) {
            Some(inner) => {
                peeled += 1;
                out.extend_from_slice(inner.record);
            }
            None => out.extend_from_slice(line),
        }
        out.push(b'\n');
    }
    (peeled > 0 && peeled * 2 >= lines).then_some(out)
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
    match (detect_json(choice, head, *first), first) {
        // A TOML table array and a line with its time in brackets begin with `[` as well.
        (json @ Detected::Unknown(_), b'[') => match detect_text(choice, head) {
            Detected::Unknown(_) => json,
            text => text,
        },
        (json, _) => json,
    }
}

fn detect_json(choice: Choice<'_>, head: &[u8], first: u8) -> Detected {
    let library = choice.library;
    let wrappers: Vec<String> = library.packs.iter().flat_map(|pack| pack.file.wrappers.clone()).collect();
    let (lines, by_line) = line_records(head);
    // Most lines are whole objects: one record a line, some of them broken. In a pretty-printed document few are.
    let is_lines = first == b'{' && by_line.len() * 2 >= lines && !by_line.iter().any(|record| is_wrapper(record, &wrappers));
    let mut records = if is_lines { by_line } else { value_records(head, &wrappers) };
    if records.is_empty() {
        records.extend(cut_json(head).filter(|document| is_document(choice, document)));
    }
    if records.is_empty() {
        return Detected::Unknown("no whole JSON record in its first bytes".into());
    }
    let best = best_packs(choice, DecoderKind::Json, |pack| records.iter().filter_map(|record| score_json(pack, record)).max());
    match best.as_slice() {
        [] => Detected::Unknown(closest(library, &records)),
        [pack] => {
            let framing = match is_lines {
                true => Framing::Lines,
                false => Framing::Values { wrappers: library.packs[*pack].file.wrappers.clone() },
            };
            Detected::Pack { pack: *pack, layout: framing.into() }
        }
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

/// True if a pack of documents knows the keys of what the head cuts off.
fn is_document(choice: Choice<'_>, document: &Value) -> bool {
    !best_packs(choice, DecoderKind::Document, |pack| score_one(pack, document)).is_empty()
}

/// How many of the head's first lines there are, and those that are JSON objects.
fn line_records(head: &[u8]) -> (usize, Vec<Value>) {
    let lines: Vec<&[u8]> = head_lines(head).take(HEAD_RECORDS).collect();
    let records = lines.iter().filter_map(|line| serde_json::from_slice::<Value>(line).ok()).filter(Value::is_object).collect();
    (lines.len(), records)
}

fn is_wrapper(record: &Value, wrappers: &[String]) -> bool {
    wrappers.iter().any(|wrapper| record.get(wrapper).is_some_and(Value::is_array))
}

/// Records of the head read as values that may span lines.
fn value_records(head: &[u8], wrappers: &[String]) -> Vec<Value> {
    let framing = Framing::Values { wrappers: wrappers.to_vec() };
    let reader = Box::new(std::io::Cursor::new(head.to_vec()));
    let mut reader = crate::source::chunk::ChunkReader::new(reader, framing, Vec::new());
    let mut records = Vec::new();
    while let Ok(Some(chunk)) = reader.next_chunk() {
        let elements = chunk.elements.unwrap_or_default();
        records.extend(elements.iter().filter_map(|element| serde_json::from_slice::<Value>(&chunk.bytes[element.start..element.end]).ok()));
    }
    records.truncate(HEAD_RECORDS);
    records
}

/// How specifically a pack fits a record: its priority first, then how many requirements it states.
fn score_json(pack: &Pack, record: &Value) -> Option<i64> {
    let inner = pack.file.unwrap.iter().find_map(|envelope| record.get(envelope).filter(|inner| inner.is_object()));
    score_one(pack, record).or_else(|| score_one(pack, inner?))
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
fn lookup<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
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
fn closest(library: &Library, records: &[Value]) -> String {
    let record = &records[0];
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
    let Some(header) =
        crate::source::decode::csv::rows(head.split_inclusive(|byte| *byte == b'\n').find(|line| line.len() > 2).unwrap_or(head)).into_iter().next()
    else {
        return Detected::Unknown("no text in it".into());
    };
    let columns: Vec<String> = header.fields.iter().map(|field| field.trim().to_lowercase()).collect();
    let csv = best_packs(choice, DecoderKind::Csv, |pack| score_columns(pack, &columns));
    let toml = best_packs(choice, DecoderKind::Toml, |pack| {
        let table = |name: &String| String::from_utf8_lossy(head).lines().any(|line| line.trim() == format!("[[{name}]]"));
        pack.file.detect.required.iter().all(table).then_some(1)
    });
    let keys = yaml_keys(head);
    let yaml = best_packs(choice, DecoderKind::Document, |pack| score_one(pack, &keys));
    match [csv, toml, yaml].concat().as_slice() {
        [] => detect_lines(choice, head),
        [pack] => Detected::Pack { pack: *pack, layout: framing_of(&choice.library.packs[*pack]).into() },
        several => tie(choice, several),
    }
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
        let docker = |text: &str| serde_json::json!({"log": format!("{text}\n"), "stream": "stdout", "time": "2025-12-31T17:37:40Z"}).to_string();
        assert_eq!(id_of(&docker(&format!("Jan 29 08:27:09 host kong[7]: {kong}"))), "kong lines Docker Syslog");
        assert!(id_of("name | something else\n").contains("Unknown"));
    }

    #[test]
    fn a_named_pack_reads_whatever_the_file_looks_like() {
        let library = Library::new(&[]).unwrap();
        let kong = library.find("kong");
        let found = detect(&library, kong, b"identity,owner\n", true);
        assert_eq!(found, Detected::Pack { pack: kong.unwrap(), layout: Framing::Lines.into() });
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
        assert_eq!(id_of("identity,scope,api\n"), "inventory_grants lines");
        assert_eq!(id_of("# register\n[[exception]]\nid = \"x\"\n"), "exceptions lines");
        assert_eq!(id_of(" \n"), "Empty");
        assert_eq!(id_of("# register\n\n  # [[exception]]\n"), "Empty");
        assert!(id_of("{\"started_at\":1,\"request\":{}}").contains("closest: kong"));
    }
}
