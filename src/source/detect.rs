//! What format is a file? Told by the content of its first records; the most specific pack wins, a tie is an error.

use crate::source::chunk::Framing;
use crate::source::library::{Library, Pack};
use crate::source::pack::DecoderKind;
use serde_json::Value;

/// Bytes of a file that detection looks at.
pub const HEAD_BYTES: usize = 256 * 1024;
/// Records of the head that detection looks at.
const HEAD_RECORDS: usize = 20;

/// What detection found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detected {
    Pack { pack: usize, framing: Framing },
    Empty,
    /// No pack fits; the text says what came closest.
    Unknown(String),
    /// Several packs fit equally well.
    Tie(Vec<String>),
}

/// Looks at the first bytes of a file; `is_whole` says that there are no more.
pub fn detect(library: &Library, head: &[u8], is_whole: bool) -> Detected {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let Some(first) = head.iter().find(|byte| !byte.is_ascii_whitespace()) else {
        return if is_whole { Detected::Empty } else { Detected::Unknown("nothing but blanks".into()) };
    };
    if is_whole && head.split(|byte| *byte == b'\n').all(|line| matches!(line.trim_ascii().first(), None | Some(b'#'))) {
        // Nothing but comments: an exception register without an entry.
        return Detected::Empty;
    }
    if !matches!(first, b'{' | b'[') {
        return detect_text(library, head);
    }
    let json = detect_json(library, head, *first);
    // A TOML table array begins with `[` as well.
    match (&json, detect_text(library, head)) {
        (Detected::Unknown(_), found @ Detected::Pack { .. }) => found,
        _ => json,
    }
}

fn detect_json(library: &Library, head: &[u8], first: u8) -> Detected {
    let wrappers: Vec<String> = library.packs.iter().flat_map(|pack| pack.file.wrappers.clone()).collect();
    let (lines, by_line) = line_records(head);
    // Most lines are whole objects: one record a line, some of them broken. In a pretty-printed document few are.
    let is_lines = first == b'{' && by_line.len() * 2 >= lines && !by_line.iter().any(|record| is_wrapper(record, &wrappers));
    let records = if is_lines { by_line } else { value_records(head, &wrappers) };
    if records.is_empty() {
        return Detected::Unknown("no whole JSON record in its first bytes".into());
    }
    let best = best_packs(library, DecoderKind::Json, |pack| records.iter().filter_map(|record| score_json(pack, record)).max());
    match best.as_slice() {
        [] => Detected::Unknown(closest(library, &records)),
        [pack] => {
            let framing = match is_lines {
                true => Framing::Lines,
                false => Framing::Values { wrappers: library.packs[*pack].file.wrappers.clone() },
            };
            Detected::Pack { pack: *pack, framing }
        }
        several => Detected::Tie(several.iter().map(|pack| library.packs[*pack].id().to_string()).collect()),
    }
}

/// The packs with the highest score; more than one is a tie.
fn best_packs(library: &Library, decoder: DecoderKind, score: impl Fn(&Pack) -> Option<i64>) -> Vec<usize> {
    let scores: Vec<(usize, i64)> = library
        .packs
        .iter()
        .enumerate()
        .filter(|(_, pack)| pack.file.decoder == decoder)
        .filter_map(|(index, pack)| Some((index, score(pack)?)))
        .collect();
    let Some(best) = scores.iter().map(|(_, score)| *score).max() else { return Vec::new() };
    scores.into_iter().filter(|(_, score)| *score == best).map(|(index, _)| index).collect()
}

/// How many of the head's first lines there are, and those that are JSON objects. A last line that the head cuts off does
/// not count.
fn line_records(head: &[u8]) -> (usize, Vec<Value>) {
    let whole = match memchr::memrchr(b'\n', head) {
        Some(end) if head.len() >= HEAD_BYTES => &head[..end],
        _ => head,
    };
    let lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').filter(|line| line.iter().any(|byte| !byte.is_ascii_whitespace())).take(HEAD_RECORDS).collect();
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

/// CSV by its header line, TOML by its tables.
fn detect_text(library: &Library, head: &[u8]) -> Detected {
    let Some(header) = crate::source::decode::csv::rows(head.split_inclusive(|byte| *byte == b'\n').find(|line| line.len() > 2).unwrap_or(head)).into_iter().next() else {
        return Detected::Unknown("no text in it".into());
    };
    let columns: Vec<String> = header.fields.iter().map(|field| field.trim().to_lowercase()).collect();
    let csv = best_packs(library, DecoderKind::Csv, |pack| score_columns(pack, &columns));
    let toml = best_packs(library, DecoderKind::Toml, |pack| {
        let table = |name: &String| String::from_utf8_lossy(head).lines().any(|line| line.trim() == format!("[[{name}]]"));
        pack.file.detect.required.iter().all(table).then_some(1)
    });
    let framing = Framing::Lines;
    match (csv.as_slice(), toml.as_slice()) {
        ([pack], []) | ([], [pack]) => Detected::Pack { pack: *pack, framing },
        ([], []) => Detected::Unknown("no pack knows this text".into()),
        _ => Detected::Tie(csv.iter().chain(&toml).map(|pack| library.packs[*pack].id().to_string()).collect()),
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
        match detect(&library, text.as_bytes(), true) {
            Detected::Pack { pack, framing } => format!("{} {}", library.packs[pack].id(), if framing == Framing::Lines { "lines" } else { "values" }),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn formats_are_told_by_content() {
        let kong = r#"{"started_at":1,"request":{},"response":{},"latencies":{},"tries":[]}"#;
        assert_eq!(id_of(&format!("{kong}\n{kong}\n")), "kong lines");
        assert_eq!(id_of(&format!("{{broken\n{kong}\n")), "kong lines");
        assert_eq!(id_of(&format!("[{kong},\n{kong}]")), "kong values");
        assert_eq!(id_of("{\n \"started_at\":1,\n \"request\":{},\"response\":{},\"latencies\":{},\"route\":{}\n}"), "kong values");
        assert_eq!(id_of(r#"{"issues":[{"key":"A-1","fields":{"created":"x"}}],"total":1}"#), "jira values");
        assert_eq!(id_of("{\"total\":1,\"issues\":[\n{\"key\":\"A-1\",\"fields\":{\"created\":\"x\"}},\n{\"key\":\"A-2\",\"fields\":{\"created\":\"x\"}}\n]}"), "jira values");
        assert_eq!(id_of("Identity,Owner\na,b\n"), "inventory_identities lines");
        assert_eq!(id_of("api,owner\n"), "inventory_apis lines");
        assert_eq!(id_of("identity,scope,api\n"), "inventory_grants lines");
        assert_eq!(id_of("# register\n[[exception]]\nid = \"x\"\n"), "exceptions lines");
        assert_eq!(id_of(" \n"), "Empty");
        assert_eq!(id_of("# register\n\n  # [[exception]]\n"), "Empty");
        assert!(id_of("{\"started_at\":1,\"request\":{}}").contains("closest: kong"));
    }
}
