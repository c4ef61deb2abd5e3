//! How one file is understood, for `credlens inspect`: why it is this format, which native field is behind each column, and
//! which native fields nothing takes. Values are never kept: they may be secrets.

use crate::record::field::is_absent;
use crate::record::inventory::Aliases;
use crate::source::chunk::{Chunk, Framing};
use crate::source::decode::RecordReader;
use crate::source::decode::csv;
use crate::source::decode::parquet::{self, ParquetRows};
use crate::source::decode::text::{TextPlan, TextReader};
use crate::source::detect::{Layout, head_lines};
use crate::source::library::{Library, Pack};
use crate::source::open;
use crate::source::pack::DecoderKind;
use crate::source::plan::Context;
use crate::source::prefix::{Peeler, Prefix};
use crate::source::read::{Chunks, Input, PARQUET_HEAD_ROWS, ReadSettings, detect_file, read_head, start};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Records whose fields are compared with what the pack looks at.
const FIELD_RECORDS: u64 = 1_000;

/// Columns of a row, each with the native field behind it.
pub type Origins = Vec<(&'static str, String)>;

/// How a file is understood.
#[derive(Debug, Default)]
pub struct Trace {
    /// Requirements that the records meet, and how records are set in the file: a line each.
    pub why: Vec<String>,
    /// (frame, record) -> the rows of that record, in order.
    pub origins: BTreeMap<(&'static str, u64), Vec<Origins>>,
    /// Native fields with a value that no column or rule takes -> in how many of the first records.
    pub unread: BTreeMap<String, u64>,
    /// How many records were looked at for them.
    pub looked_at: u64,
}

/// Traces a file as its pack reads it. `wanted`: the records whose columns are to be explained.
pub fn trace(path: &Path, pack_index: usize, library: &Library, settings: &ReadSettings, wanted: &BTreeSet<u64>) -> io::Result<Trace> {
    let pack = &library.packs[pack_index];
    let (_, Some(input), _) = detect_file(path, library, settings) else { return Ok(Trace::default()) };
    let (head, mut chunks) = match input.is_parquet {
        true => (parquet::head_lines(path, PARQUET_HEAD_ROWS)?, Chunks::Rows(Box::new(ParquetRows::open(path, None)?))),
        false => {
            (read_head(open::open(path, &Arc::default(), &settings.limits)?.reader)?.0, Chunks::open(path, &input, pack, &Arc::default(), &settings.limits)?)
        }
    };
    let mut tracer = Tracer { pack, layout: &input.layout, settings, wanted, trace: Trace::default(), peeler: Peeler::default(), header: Vec::new() };
    tracer.read(&mut chunks);
    tracer.trace.why = why(pack, &input, &head, &tracer.header);
    Ok(tracer.trace)
}

struct Tracer<'a> {
    pack: &'a Pack,
    layout: &'a Layout,
    settings: &'a ReadSettings,
    wanted: &'a BTreeSet<u64>,
    trace: Trace,
    peeler: Peeler,
    /// Names of the columns where a line of the file holds them.
    header: Vec<String>,
}

impl Tracer<'_> {
    fn read(&mut self, chunks: &mut Chunks) {
        let mut reader = RecordReader::new(&self.pack.decoder);
        let last = self.wanted.iter().next_back().copied().unwrap_or(0);
        let mut fields = KnownFields::new(self.pack);
        let (mut spare, bytes_read) = (Vec::new(), AtomicU64::new(0));
        while let (Some(chunk), _) = chunks.next(&mut spare, &bytes_read) {
            reader.start_chunk(&self.pack.decoder, self.layout.header(&chunk));
            self.note_header(&chunk);
            let mut places = Vec::new();
            chunk.each_record(|number, start, end, problem| places.push((number, start, end, problem)));
            for (number, start, end, problem) in places {
                if problem.is_none() {
                    self.record(&mut reader, &mut fields, number, &chunk.bytes[start..end]);
                }
                if number > last && self.trace.looked_at >= FIELD_RECORDS {
                    return;
                }
            }
        }
    }

    fn note_header(&mut self, chunk: &Chunk) {
        let first = head_lines(&chunk.bytes).find(|line| line.starts_with(b"#Fields:"));
        let names = match (&self.layout.framing, self.layout.header(chunk).or(first)) {
            (Framing::Csv, Some(header)) => csv::rows(header).into_iter().next().map(|row| row.fields).unwrap_or_default(),
            (Framing::W3c, Some(directive)) => {
                String::from_utf8_lossy(directive).trim_start_matches("#Fields:").split_whitespace().map(str::to_string).collect()
            }
            _ => return,
        };
        if self.header.is_empty() {
            self.header = names.into_iter().map(|name| csv::column_name(&name).to_string()).collect();
        }
    }

    fn record(&mut self, reader: &mut RecordReader, known: &mut KnownFields, number: u64, bytes: &[u8]) {
        let peeled = if self.layout.prefixes.is_empty() { None } else { self.peeler.peel(&self.layout.prefixes, bytes) };
        let Ok(text) = std::str::from_utf8(peeled.as_ref().map_or(bytes, |peeled| &peeled.record)) else { return };
        let is_directive = self.layout.framing == Framing::W3c && text.starts_with('#');
        if self.trace.looked_at < FIELD_RECORDS && !is_directive {
            self.trace.looked_at += 1;
            known.unread(text, &self.header, &mut self.trace.unread);
        }
        // A directive names the columns of what follows it: the reader must see it.
        if !self.wanted.contains(&number) && !is_directive {
            return;
        }
        let Ok(Some(fields)) = reader.read(&self.pack.decoder, text) else { return };
        let aliases = Aliases::default();
        let zone = self.settings.zones.get(self.pack.id()).copied().unwrap_or(self.pack.zone);
        let mut context = Context::new(fields, &self.settings.digester, &aliases, zone);
        context.set_unsaid(self.pack);
        context.prefix_time = peeled.as_ref().and_then(|peeled| std::str::from_utf8(peeled.time.as_deref()?).ok());
        if let Some(plan) = &self.pack.identity_event {
            let rows = plan.origins(&mut context);
            self.trace.origins.entry(("identity_events", number)).or_default().extend(rows);
        }
        if let Some(plan) = &self.pack.ticket {
            let rows = plan.origins(&mut context);
            self.trace.origins.entry(("revocation_tickets", number)).or_default().extend(rows);
        }
        if let Some(plan) = &self.pack.request {
            let rows = plan.origins(&mut context);
            self.trace.origins.entry(("requests", number)).or_default().extend(rows);
        }
    }
}

/// What a pack looks at, to be compared with the fields of records.
#[derive(Default)]
pub struct KnownFields {
    /// Lower case, steps into lists as `[*]`. What lies below one is looked at with it.
    paths: BTreeSet<String>,
    /// Looked at only to know the format by.
    tested: BTreeSet<String>,
    /// Objects whose members are elements of their own.
    each: Vec<String>,
    envelopes: Vec<String>,
    /// Where JSON may stand in a string.
    json: Vec<String>,
    is_json: bool,
    /// What reads the columns that the pack's own text names.
    text: Option<TextColumns>,
}

/// Columns that a text format names, and what reads them.
struct TextColumns {
    names: Vec<String>,
    plan: TextPlan,
    reader: TextReader,
}

impl TextColumns {
    fn new(pack: &Pack) -> Option<Self> {
        let names = text_columns(pack);
        let paths: Vec<Vec<String>> = names.iter().map(|name| name.split('.').map(str::to_string).collect()).collect();
        let plan = TextPlan::compile(pack.file.decoder, &pack.file.text, &paths).ok().filter(|_| !names.is_empty())?;
        let reader = TextReader::new(&plan);
        Some(TextColumns { names, plan, reader })
    }

    /// The columns that have a value in a line.
    fn of_line(&mut self, line: &str) -> Vec<String> {
        let Ok(Some(fields)) = self.reader.read(&self.plan, line) else { return Vec::new() };
        self.names.iter().enumerate().filter(|(slot, _)| fields.text(*slot).is_some()).map(|(_, name)| name.clone()).collect()
    }
}

impl KnownFields {
    fn new(pack: &Pack) -> Self {
        let file = &pack.file;
        let each: Vec<String> = file.eaches().map(|path| path.strip_suffix("[*]").unwrap_or(path).to_string()).collect();
        let detect = &file.detect;
        let required = detect.required.iter().chain(detect.any_of.iter().flatten()).chain(detect.matches.keys());
        let spelled = |path: &String| match path.strip_prefix("@each") {
            Some(rest) => each.iter().map(|each| any_element(&format!("{each}[*]{rest}"))).collect(),
            None => vec![any_element(path)],
        };
        // Of a request line the pack names the parts.
        let whole = |path: String| [".method", ".target", ".protocol"].iter().find_map(|part| path.strip_suffix(part)).map_or(path.clone(), str::to_string);
        let paths = pack.looked_at.iter().filter(|path| !each.contains(path)).flat_map(spelled).map(whole).collect();
        KnownFields {
            paths,
            tested: required.flat_map(spelled).collect(),
            each: each.iter().map(|each| any_element(each)).collect(),
            envelopes: file.unwrap.clone(),
            json: file.keys.json.iter().map(|path| path.to_lowercase()).collect(),
            is_json: file.decoder == DecoderKind::Json,
            text: TextColumns::new(pack),
        }
    }

    /// What the entries of an inventory look at in a document: paths, and where the items stand.
    pub fn of_document(pack: &Pack, paths: impl Iterator<Item = String>, each: impl Iterator<Item = String>) -> Self {
        let detect = &pack.file.detect;
        let tested = detect.required.iter().chain(detect.any_of.iter().flatten()).chain(detect.matches.keys());
        KnownFields {
            paths: paths.map(|path| any_element(&path)).collect(),
            tested: tested.map(|path| any_element(path)).collect(),
            each: each.map(|each| any_element(&each)).collect(),
            ..KnownFields::default()
        }
    }

    /// Counts the fields of a record that have a value and are not looked at.
    fn unread(&mut self, text: &str, header: &[String], unread: &mut BTreeMap<String, u64>) {
        let mut names = BTreeSet::new();
        if self.is_json && header.is_empty() {
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                self.leaves(&value, String::new(), &mut |name| {
                    names.insert(name);
                });
            }
        } else if !header.is_empty() {
            names.extend(header.iter().cloned());
        } else {
            names.extend(self.text.as_mut().map(|columns| columns.of_line(text)).unwrap_or_default());
        }
        for name in names.into_iter().filter(|name| !self.is_known(name)) {
            *unread.entry(name).or_default() += 1;
        }
    }

    /// Visits the paths of the scalars that have a value.
    pub fn leaves(&self, value: &Value, path: String, visit: &mut dyn FnMut(String)) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let is_each = self.each.contains(&path.to_lowercase());
                    let inner = match (path.is_empty(), is_each) {
                        (_, true) => format!("{path}[*]"),
                        (true, _) => name.clone(),
                        (false, _) => format!("{path}.{name}"),
                    };
                    self.leaves(value, inner, visit);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.leaves(item, format!("{path}[*]"), visit)),
            Value::Null => {}
            Value::String(text) if is_absent(text) => {}
            Value::String(text) if self.may_be_json(&path) => match serde_json::from_str::<Value>(text) {
                Ok(inner) if inner.is_object() || inner.is_array() => self.leaves(&inner, path, visit),
                _ => visit(path),
            },
            _ => visit(path),
        }
    }

    fn may_be_json(&self, path: &str) -> bool {
        !self.json.is_empty()
            && self.json.iter().any(|json| path.to_lowercase().strip_suffix(json).is_some_and(|before| before.is_empty() || before.ends_with('.')))
    }

    /// True if something looks at the field.
    pub fn is_known(&self, name: &str) -> bool {
        let name = csv::column_name(name).to_lowercase();
        let outside = self.envelopes.iter().filter_map(|envelope| name.strip_prefix(&format!("{}.", envelope.to_lowercase())));
        outside.chain([name.as_str()]).any(|name| self.tested.contains(name) || self.covers(name))
    }

    /// True if the path, or one that it lies in, is looked at.
    fn covers(&self, name: &str) -> bool {
        let ends = name.match_indices(['.', '[']).map(|(at, _)| at).chain([name.len()]);
        let mut ends = ends.map(|end| &name[..end]);
        ends.any(|path| self.paths.contains(path) || self.paths.contains(&format!("{path}[*]")) && path.len() + 3 >= name.len())
    }
}

/// `target[type=a].id` -> `target[*].id`, lower case.
fn any_element(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        out.push_str("[*]");
        rest = after.split_once(']').map_or("", |(_, after)| after);
    }
    (out + rest).to_lowercase()
}

/// The columns that a pack's own text names.
fn text_columns(pack: &Pack) -> Vec<String> {
    let text = &pack.file.text;
    let variable = if text.dotted { r"\$\{?([A-Za-z_][A-Za-z0-9_.\-]*)" } else { r"\$\{?([A-Za-z_][A-Za-z0-9_]*)" };
    let names = |pattern: &str, texts: &[String], dots: bool| {
        let Ok(pattern) = regex::Regex::new(pattern) else { return Vec::new() };
        let found = texts.iter().flat_map(|text| pattern.captures_iter(text).map(|found| found[1].to_string()).collect::<Vec<_>>());
        found.map(|name| if dots { name.replace("__", ".") } else { name }).collect::<Vec<_>>()
    };
    let mut columns = match pack.file.decoder {
        DecoderKind::Pattern => names(variable, &text.formats, false),
        DecoderKind::Regex => names(r"\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>", &text.expressions, true),
        DecoderKind::Delimited | DecoderKind::W3c => text.columns.clone(),
        _ => Vec::new(),
    };
    columns.sort();
    columns.dedup();
    columns
}

/// The requirements that the file meets, and how its records are set in it.
fn why(pack: &Pack, input: &Input, head: &[u8], header: &[String]) -> Vec<String> {
    let layout = &input.layout;
    let mut peeler = Peeler::default();
    let first = first_record(layout, head).map(|bytes| match layout.prefixes.as_slice() {
        [] => bytes,
        prefixes => peeler.peel(prefixes, &bytes).map(|peeled| peeled.record.into_owned()).unwrap_or_default(),
    });
    let first = first.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let mut why = requirements(pack, first.as_ref(), header);
    why.push(if input.is_parquet { "rows of Parquet, read as JSON".to_string() } else { set_in(layout) });
    why
}

/// The requirements of a pack, and of alternatives those that the first record or the header has.
pub fn requirements(pack: &Pack, first: Option<&Value>, header: &[String]) -> Vec<String> {
    let detect = &pack.file.detect;
    let list = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let place = match pack.file.decoder {
        DecoderKind::Json => "records have",
        DecoderKind::Document => "the document has",
        DecoderKind::Toml => "tables called",
        _ => "columns",
    };
    let mut why = Vec::new();
    if !detect.required.is_empty() {
        why.push(format!("{place} {}", list(&detect.required)));
    }
    let known: BTreeSet<String> = header.iter().map(|name| name.to_lowercase()).collect();
    for group in &detect.any_of {
        let has = |path: &&String| match first {
            Some(record) => crate::source::detect::lookup(record, path).is_some() || known.contains(&path.to_lowercase()),
            None => known.contains(&path.to_lowercase()),
        };
        let there: Vec<String> = group.iter().filter(has).cloned().collect();
        why.push(match there.is_empty() {
            true => format!("one of {}", list(group)),
            false => format!("{} (one of {})", list(&there), list(group)),
        });
    }
    why.extend(detect.matches.iter().map(|(path, pattern)| format!("`{path}` matches {pattern}")));
    if !detect.none_of.is_empty() {
        why.push(format!("none of {}", list(&detect.none_of)));
    }
    if why.is_empty() || pack.file.decoder.is_text() {
        why.push(format!("its lines are read by the {} decoder of the pack", format!("{:?}", pack.file.decoder).to_lowercase()));
    }
    why
}

/// How records are set in the file.
fn set_in(layout: &Layout) -> String {
    let framing = match &layout.framing {
        Framing::Lines | Framing::W3c => "one record a line".to_string(),
        Framing::Csv => "one record a row".to_string(),
        Framing::Values { wrappers } if wrappers.is_empty() => "JSON values, over lines or in an array".to_string(),
        Framing::Values { wrappers } => format!("JSON values, in a list under `{}`", wrappers.join("` or `")),
    };
    let prefix = |prefix: &Prefix| match prefix {
        Prefix::Envelope(path) => format!("inside `{path}`"),
        Prefix::Column(number, _) => format!("in column {}", number + 1),
        Prefix::ZonedKeys => "keys that end in ` [UTC]`".to_string(),
        other => format!("behind a {} prefix", format!("{other:?}").to_lowercase()),
    };
    std::iter::once(framing).chain(layout.prefixes.iter().map(prefix)).collect::<Vec<_>>().join(", ")
}

/// The first record of the head as it stands.
fn first_record(layout: &Layout, head: &[u8]) -> Option<Vec<u8>> {
    let mut chunks = start(Box::new(io::Cursor::new(head.to_vec())), layout.framing.clone()).ok()?;
    let chunk = chunks.next_chunk().ok()??;
    let mut first = None;
    chunk.each_record(|_, start, end, problem| {
        if first.is_none() && problem.is_none() {
            first = Some(chunk.bytes[start..end].to_vec());
        }
    });
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(pack: &str, record: &str) -> Vec<String> {
        let pack = Pack::compile(pack, "x").unwrap();
        let mut unread = BTreeMap::new();
        KnownFields::new(&pack).unread(record, &[], &mut unread);
        unread.into_keys().collect()
    }

    #[test]
    fn fields_that_nothing_takes_are_named_and_those_without_a_value_are_not() {
        let pack = "id='x'\ntitle='X'\nkind='idp'\nunwrap=['detail']\n[detect]\nrequired=['k']\n[identity_event]\neach='list'\nevent_time='t'\nevent_type='@each.name'\nactor={path='who.id',when={path='who.type',is=['a']}}\ndefaults.scopes='target[type=s].scopes'";
        let record = r#"{"k":1,"t":"x","who":{"id":1,"Type":"a","extra":"x"},"list":[{"name":"n","value":2}],"target":[{"type":"s","scopes":["a"],"z":1}],"gone":null,"dash":"-","detail":{"t":1,"u":{"v":1}}}"#;
        assert_eq!(unread(pack, record), ["detail.u.v", "list[*].value", "target[*].type", "target[*].z", "who.extra"]);
        let object = "id='x'\ntitle='X'\nkind='idp'\n[detect]\nrequired=['events']\n[identity_event]\neach='events'\nevent_time='t'\nevent_type='@member'\nactor='@each.by'";
        assert_eq!(unread(object, r#"{"t":1,"events":{"https://a.b/c":{"by":"x","why":"y"}}}"#), ["events[*].why"]);
    }

    #[test]
    fn columns_of_text_are_those_that_the_pack_names() {
        let pack = "id='x'\ntitle='X'\nkind='gateway'\ndecoder='pattern'\n[text]\nformats=['$a [$b] \"$r\" $c']\n[detect]\n[request]\nevent_time='b'\nmethod='r.method'";
        assert_eq!(unread(pack, r#"1 [2] "GET / HTTP/1.1" 3"#), ["a", "c"]);
        assert_eq!(unread(pack, r#"- [2] "GET / HTTP/1.1" 3"#), ["c"]);
        let pack = "id='x'\ntitle='X'\nkind='gateway'\ndecoder='regex'\n[text]\nexpressions=['(?<t>\\S+) (?P<x__y>\\S+)']\n[detect]\n[request]\nevent_time='t'";
        assert_eq!(unread(pack, "1 2"), ["x.y"]);
    }
}
