//! One JSON record -> the fields a pack names, in one strict pass.
//!
//! A `FieldPlan` is a trie of the paths that a pack wants. `JsonReader::read` walks the structural index along it: wanted
//! values become spans of the record, everything else is skipped but still checked, so that a record is accepted only if
//! it is valid JSON (RFC 8259). A key given twice counts with its last value, as serde_json has it. Values are not
//! converted here; `Fields` hands out text on demand and unescapes only where a backslash is inside.

use super::diagnose::{fault_of_record, fault_of_value};
use super::grammar::{Brackets, trimmed};
use super::shape::{Found, Place, Shapes, Signature};
use super::structural::{Entries, IndexError, StructuralIndex};
use crate::record::field::{FieldKind, Fields, Span};

/// Why a text is not a JSON record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonError {
    Syntax,
    Truncated,
    ControlCharacter,
    BadEscape,
    TooDeep,
    NotAnObject,
}

impl JsonError {
    /// The reject reason, one snake_case word.
    pub fn reason(self) -> &'static str {
        match self {
            JsonError::Syntax => "invalid_json",
            JsonError::Truncated => "truncated_json",
            JsonError::ControlCharacter => "control_character_in_string",
            JsonError::BadEscape => "invalid_escape",
            JsonError::TooDeep => "nested_too_deep",
            JsonError::NotAnObject => "not_an_object",
        }
    }
}

impl From<IndexError> for JsonError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::UnterminatedString => JsonError::Truncated,
            IndexError::ControlCharacter => JsonError::ControlCharacter,
            IndexError::BadEscape => JsonError::BadEscape,
        }
    }
}

const NO_NODE: u16 = u16::MAX;
const NO_SLOT: u16 = u16::MAX;

/// The wanted paths as a trie. Node 0 is the record itself.
#[derive(Debug, Default, Clone)]
pub struct FieldPlan {
    nodes: Vec<Node>,
    slots: usize,
    /// Slots of values that may be JSON in a string.
    json: Vec<usize>,
    /// Envelopes: for each, every slot once more for what stands inside it.
    envelopes: usize,
}

#[derive(Debug, Default, Clone)]
struct Node {
    children: Vec<Edge>,
    ignore_case: bool,
    /// Edges by hash of their keys, plus one; 0 is empty. A power of two long.
    table: Vec<u16>,
    /// All slots at or below this node, cleared when its key is met again.
    slots: Vec<u16>,
}

#[derive(Debug, Clone)]
struct Edge {
    /// The key's first and last eight bytes, so that most comparisons are two integers.
    head: u64,
    tail: u64,
    key: Box<[u8]>,
    slot: u16,
    node: u16,
    /// Position in the "seen" table of the walk.
    number: u16,
}

/// How a plan reads its source's keys.
#[derive(Debug, Default, Clone)]
pub struct KeyRules {
    /// Objects (by path) whose keys are header names: case does not matter.
    pub ignore_case: Vec<String>,
    /// Keys may be flat with dots (`"a.b": 1`) or nested; both are looked for.
    pub flat: bool,
    /// Paths of the record whose strings may hold JSON.
    pub json: Vec<String>,
}

/// Strings of JSON one inside the other that are read.
const MAX_STRINGS_INSIDE: usize = 3;

impl FieldPlan {
    /// Compiles paths like `request.headers.dpop` into a plan; path i fills slot i.
    pub fn new(paths: &[Vec<String>], rules: &KeyRules) -> Self {
        Self::with_envelopes(paths, rules, &[])
    }

    /// Whether a plan of these paths can be numbered: its edges, at most, against what a number holds. Generous, since
    /// paths that begin alike share edges.
    pub fn fits(paths: &[Vec<String>], rules: &KeyRules, envelopes: &[String]) -> bool {
        let edges = |path: &Vec<String>| {
            let joints = if rules.flat { path.len().saturating_sub(1).min(63) } else { 0 };
            (path.len() as u64 + 1).saturating_mul(1 << joints)
        };
        let inside: u64 = envelopes.iter().map(|envelope| 1 + envelope.split('.').count() as u64).sum();
        let json: Vec<Vec<String>> = rules.json.iter().map(|path| keys_of(path)).collect();
        let each = paths.iter().chain(&json).map(edges).fold(0, u64::saturating_add);
        each.saturating_mul(1 + inside) < u64::from(u16::MAX)
    }

    /// As `new`, each path also looked for inside the given envelopes (keys joined by dots). What an envelope holds counts
    /// before what stands beside it, and a later envelope before an earlier one, whatever the order in the record. What may be
    /// JSON in a string has slots too, behind those of the paths.
    pub fn with_envelopes(paths: &[Vec<String>], rules: &KeyRules, envelopes: &[String]) -> Self {
        let mut paths = paths.to_vec();
        let json = rules.json.iter().map(|path| slot_of(&mut paths, keys_of(path))).collect();
        let mut plan = FieldPlan { nodes: vec![Node::default()], slots: paths.len(), json, envelopes: envelopes.len() };
        for (number, envelope) in std::iter::once(None).chain(envelopes.iter().map(Some)).enumerate() {
            let prefixed = |text: &str| envelope.map_or(text.to_string(), |envelope| format!("{envelope}.{text}"));
            let rules = KeyRules { ignore_case: rules.ignore_case.iter().map(|path| prefixed(path)).collect(), flat: rules.flat, json: Vec::new() };
            for (slot, path) in paths.iter().enumerate() {
                for keys in spellings(path, rules.flat) {
                    let outer = envelope.into_iter().flat_map(|envelope| envelope.split('.')).map(str::to_string);
                    let keys: Vec<String> = outer.chain(keys).collect();
                    plan.insert(&keys, (number * paths.len() + slot) as u16, &rules);
                }
            }
        }
        plan.number_edges();
        plan
    }

    /// The top-level keys that are wanted, each with true if something inside it is.
    pub fn roots(&self) -> Vec<(String, bool)> {
        let root = |edge: &Edge| (String::from_utf8_lossy(&edge.key).into_owned(), edge.node != NO_NODE);
        self.nodes.first().map(|node| node.children.iter().map(root).collect()).unwrap_or_default()
    }

    /// The record with JSON in place of the strings that hold it, as the spans of its fields tell; `None` if there are none.
    fn with_json_inside(&self, record: &str, spans: &[Span]) -> Option<String> {
        let mut held: Vec<(Span, String)> = self.json.iter().filter_map(|slot| Some((spans[*slot], json_inside(record, spans[*slot])?))).collect();
        if held.is_empty() {
            return None;
        }
        held.sort_by_key(|(span, _)| span.start);
        let (mut text, mut from) = (String::with_capacity(record.len()), 0);
        for (span, inside) in held {
            // The quotes stand just outside the span.
            text.push_str(record.get(from..(span.start as usize).checked_sub(1)?)?);
            text.push_str(&inside);
            from = span.end as usize + 1;
        }
        text.push_str(record.get(from..)?);
        Some(text)
    }

    /// How many places a walk fills.
    fn places(&self) -> usize {
        self.slots * (1 + self.envelopes)
    }

    fn insert(&mut self, keys: &[String], slot: u16, rules: &KeyRules) {
        let mut node = 0usize;
        for (depth, key) in keys.iter().enumerate() {
            self.nodes[node].slots.push(slot);
            let prefix = keys[..depth].join(".");
            let ignore_case = rules.ignore_case.contains(&prefix);
            self.nodes[node].ignore_case |= ignore_case;
            let bytes = if ignore_case { key.to_ascii_lowercase() } else { key.clone() }.into_bytes();
            let at = match self.nodes[node].children.iter().position(|edge| *edge.key == *bytes) {
                Some(at) => at,
                None => {
                    let edge = Edge { head: 0, tail: 0, key: bytes.into(), slot: NO_SLOT, node: NO_NODE, number: 0 };
                    self.nodes[node].children.push(edge);
                    self.nodes[node].children.len() - 1
                }
            };
            if depth + 1 == keys.len() {
                self.nodes[node].children[at].slot = slot;
            } else {
                if self.nodes[node].children[at].node == NO_NODE {
                    self.nodes.push(Node::default());
                    self.nodes[node].children[at].node = (self.nodes.len() - 1) as u16;
                }
                node = self.nodes[node].children[at].node as usize;
            }
        }
    }

    fn number_edges(&mut self) {
        let mut number = 0;
        for node in &mut self.nodes {
            node.build_table();
            for edge in &mut node.children {
                edge.number = number;
                number += 1;
            }
        }
    }
}

fn keys_of(path: &str) -> Vec<String> {
    path.split('.').map(str::to_string).collect()
}

/// The slot of a path, which gets one if it has none.
fn slot_of(paths: &mut Vec<Vec<String>>, path: Vec<String>) -> usize {
    paths.iter().position(|other| *other == path).unwrap_or_else(|| {
        paths.push(path);
        paths.len() - 1
    })
}

/// The object or list that the string at a span holds as JSON text.
fn json_inside(record: &str, span: Span) -> Option<String> {
    if !matches!(span.kind, FieldKind::String | FieldKind::Plain) {
        return None;
    }
    let raw = record.get(span.start as usize..span.end as usize)?;
    // Blanks before it may be escaped.
    if !raw.trim_start_matches([' ', '\\', 'n', 'r', 't']).starts_with(['{', '[']) {
        return None;
    }
    let text = crate::record::field::unescape(raw)?;
    (text.trim_ascii_start().starts_with(['{', '[']) && validate(text.as_bytes()).is_ok()).then_some(text)
}

impl Node {
    fn build_table(&mut self) {
        self.table = vec![0; (self.children.len() * 4).next_power_of_two()];
        for edge in &mut self.children {
            let fold = if self.ignore_case { FOLD } else { 0 };
            (edge.head, edge.tail) = ends_of(&edge.key, 0, edge.key.len(), fold);
        }
        for (at, edge) in self.children.iter().enumerate() {
            let mut place = hash_of(edge.head, edge.tail, edge.key.len()) & (self.table.len() - 1);
            while self.table[place] != 0 {
                place = (place + 1) & (self.table.len() - 1);
            }
            self.table[place] = at as u16 + 1;
        }
    }

    /// The edge of the key that stands in `start..end`.
    #[inline(always)]
    fn find(&self, text: &[u8], start: usize, end: usize) -> Option<&Edge> {
        let length = end - start;
        let (head, tail) = ends_of(text, start, length, if self.ignore_case { FOLD } else { 0 });
        let mut place = hash_of(head, tail, length) & (self.table.len().wrapping_sub(1));
        loop {
            let edge = *self.table.get(place)?;
            if edge == 0 {
                return None;
            }
            let edge = &self.children[edge as usize - 1];
            if edge.head == head && edge.tail == tail && edge.key.len() == length && self.is_same(&edge.key, &text[start..end]) {
                return Some(edge);
            }
            place = (place + 1) & (self.table.len() - 1);
        }
    }

    /// Compares what the ends of keys do not tell.
    #[inline(always)]
    fn is_same(&self, wanted: &[u8], key: &[u8]) -> bool {
        if self.ignore_case { wanted.eq_ignore_ascii_case(key) } else { key.len() <= 16 || *wanted == *key }
    }
}

/// Folds the case of eight ASCII letters; other bytes are folded too, so that equal words need not be equal texts.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// The first and last eight bytes of a key; of a shorter one its bytes, twice.
#[inline(always)]
pub(super) fn ends_of(text: &[u8], start: usize, length: usize, fold: u64) -> (u64, u64) {
    let head = word_at(text, start) | fold;
    if length >= 8 {
        (head, word_at(text, start + length - 8) | fold)
    } else {
        let head = head & ((1u64 << (length * 8)) - 1);
        (head, head)
    }
}

/// Mixes a key's ends and its length.
#[inline(always)]
fn hash_of(head: u64, tail: u64, length: usize) -> usize {
    let mixed = (head ^ tail.rotate_left(29) ^ length as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 40) as usize
}

/// `a.b.c` as one key each, or with neighbours joined by dots where the source may have flat keys.
fn spellings(path: &[String], flat: bool) -> Vec<Vec<String>> {
    if !flat || path.len() == 1 {
        return vec![path.to_vec()];
    }
    let joints = path.len() - 1;
    (0..1u32 << joints)
        .map(|joined| {
            let mut keys = vec![path[0].clone()];
            for (i, key) in path[1..].iter().enumerate() {
                match keys.last_mut() {
                    Some(last) if joined >> i & 1 == 1 => *last = format!("{last}.{key}"),
                    _ => keys.push(key.clone()),
                }
            }
            keys
        })
        .collect()
}

fn head_of(key: &[u8]) -> u64 {
    let mut head = [0; 8];
    let length = key.len().min(8);
    head[..length].copy_from_slice(&key[..length]);
    u64::from_le_bytes(head)
}

/// Reads records along a plan; keeps its buffers between records.
pub struct JsonReader {
    index: StructuralIndex,
    brackets: Brackets,
    shapes: Shapes,
    /// By slot, where its value stands.
    places: Vec<Place>,
    spans: Vec<Span>,
    /// For each edge of the plan, the number of the record in which its key was last met.
    seen: Vec<u64>,
    serial: u64,
    /// The record, where JSON was read out of its strings.
    text: String,
}

impl JsonReader {
    pub fn new(plan: &FieldPlan) -> Self {
        JsonReader::with(StructuralIndex::default(), plan)
    }

    fn with(index: StructuralIndex, plan: &FieldPlan) -> Self {
        let edges = plan.nodes.iter().map(|node| node.children.len()).sum();
        JsonReader {
            index,
            brackets: Brackets::default(),
            shapes: Shapes::default(),
            places: vec![Place::default(); plan.places()],
            spans: vec![Span::MISSING; plan.slots],
            seen: vec![0; edges],
            serial: 0,
            text: String::new(),
        }
    }

    /// Reads one record, which must be one JSON object.
    #[inline]
    pub fn read<'a>(&'a mut self, plan: &FieldPlan, record: &'a str) -> Result<Fields<'a>, JsonError> {
        self.find(plan, record)?;
        let is_opened = !plan.json.is_empty() && self.open_strings(plan, record)?;
        Ok(Fields::new(if is_opened { &self.text } else { record }, &self.spans))
    }

    /// Reads the record again, as `text`, with JSON in place of the strings that hold it; false if there are none.
    fn open_strings(&mut self, plan: &FieldPlan, record: &str) -> Result<bool, JsonError> {
        let mut opened = plan.with_json_inside(record, &self.spans);
        let is_opened = opened.is_some();
        for _ in 0..MAX_STRINGS_INSIDE {
            let Some(text) = opened.take() else { break };
            self.find(plan, &text)?;
            opened = plan.with_json_inside(&text, &self.spans);
            self.text = text;
        }
        Ok(is_opened)
    }

    /// Fills the spans with the places of the wanted values.
    #[inline]
    fn find(&mut self, plan: &FieldPlan, record: &str) -> Result<(), JsonError> {
        let text = record.as_bytes();
        self.index.index(text)?;
        let entries = self.index.entries();
        self.places.fill(Place::default());
        match self.shapes.find(text, entries, &mut self.places) {
            Found::Known => {}
            Found::Resting => self.walk(plan, text, None)?,
            Found::Unknown(signature) => self.walk(plan, text, Some(signature))?,
        }
        let (places, inner) = self.places.split_at_mut(plan.slots);
        for envelope in inner.chunks_exact(plan.slots.max(1)) {
            let held = places.iter_mut().zip(envelope).filter(|(_, inner)| inner.next != 0);
            held.for_each(|(place, inner)| *place = *inner);
        }
        let entries = self.index.entries();
        for (span, place) in self.spans.iter_mut().zip(places) {
            *span = span_of(text, entries, *place);
        }
        Ok(())
    }

    /// Checks a record and finds its wanted values; remembers its shape if its signature came before.
    fn walk(&mut self, plan: &FieldPlan, text: &[u8], signature: Option<Signature>) -> Result<(), JsonError> {
        self.serial += 1;
        let entries = self.index.entries();
        if !self.brackets.check(text, entries) || entries.kind(0) != b'{' {
            return Err(fault_of_record(text).err().unwrap_or(JsonError::Syntax));
        }
        let (brackets, serial) = (&self.brackets, self.serial);
        let mut walk = Walk { plan, text, entries, brackets, places: &mut self.places, seen: &mut self.seen, serial };
        walk.object(0, 0);
        if let Some(signature) = signature
            && self.shapes.wants(signature, entries)
        {
            let mut keys = Vec::new();
            walk.keys(0, 0, &mut keys);
            self.shapes.keep(signature, text, entries, &keys, &self.places);
        }
        Ok(())
    }
}

/// Checks that `text` is one valid JSON value of any kind, without reading anything from it.
pub fn validate(text: &[u8]) -> Result<(), JsonError> {
    let mut index = StructuralIndex::default();
    index.index(text)?;
    if Brackets::default().check(text, index.entries()) { Ok(()) } else { Err(fault_of_value(text).err().unwrap_or(JsonError::Syntax)) }
}

/// A walk over the objects that a plan looks into, of a text that was found to be valid.
struct Walk<'a> {
    plan: &'a FieldPlan,
    text: &'a [u8],
    entries: Entries<'a>,
    brackets: &'a Brackets,
    places: &'a mut [Place],
    seen: &'a mut [u64],
    serial: u64,
}

impl Walk<'_> {
    /// Reads the members of the object that entry `open` opens. Entries of a member: key, colon, value.
    fn object(&mut self, open: usize, node: usize) {
        let plan = self.plan;
        let mut key = open + 1;
        if self.entries.kind(key) == b'}' {
            return;
        }
        loop {
            let value = key + 2;
            let next = match self.entries.kind(value) {
                b'{' | b'[' => self.brackets.partner(value) + 1,
                _ => value + 1,
            };
            let (start, end) = (self.entries.position(key) + 1, closing_quote(self.text, self.entries.position(key + 1)));
            if let Some(edge) = self.edge(&plan.nodes[node], start, end) {
                self.wanted(value, next, edge);
            }
            if self.entries.kind(next) != b',' {
                return;
            }
            key = next + 1;
        }
    }

    /// The keys of the objects that `object` looks at.
    fn keys(&self, open: usize, node: usize, out: &mut Vec<u32>) {
        let mut key = open + 1;
        while self.entries.kind(key) == b'"' {
            let value = key + 2;
            let next = if matches!(self.entries.kind(value), b'{' | b'[') { self.brackets.partner(value) + 1 } else { value + 1 };
            out.push(key as u32);
            let (start, end) = (self.entries.position(key) + 1, closing_quote(self.text, self.entries.position(key + 1)));
            if let Some(edge) = self.edge(&self.plan.nodes[node], start, end)
                && edge.node != NO_NODE
                && self.entries.kind(value) == b'{'
            {
                self.keys(value, edge.node as usize, out);
            }
            key = next + 1;
        }
    }

    /// The plan's edge for the key in `start..end`, if it is wanted.
    #[inline(always)]
    fn edge<'p>(&self, node: &'p Node, start: usize, end: usize) -> Option<&'p Edge> {
        let edge = node.find(self.text, start, end);
        // A key may be spelled with escapes; such spellings are rare enough to be decoded here.
        if edge.is_none() && self.entries.has_backslash(start, end) { self.escaped_edge(node, &self.text[start..end]) } else { edge }
    }

    #[cold]
    fn escaped_edge<'p>(&self, node: &'p Node, key: &[u8]) -> Option<&'p Edge> {
        let plain = crate::record::field::unescape(std::str::from_utf8(key).ok()?)?;
        node.find(plain.as_bytes(), 0, plain.len())
    }

    /// Reads the value of a wanted edge, from entry `value` up to the one before `next`.
    #[inline(always)]
    fn wanted(&mut self, value: usize, next: usize, edge: &Edge) {
        let &Edge { slot, node: child, number, .. } = edge;
        if self.seen[number as usize] == self.serial {
            self.forget(slot, child);
        }
        self.seen[number as usize] = self.serial;
        if slot != NO_SLOT {
            self.places[slot as usize] = Place { value: value as u32, next: next as u32 };
        }
        if child != NO_NODE && self.entries.kind(value) == b'{' {
            self.object(value, child as usize);
        }
    }

    /// A key met twice: what its first value gave no longer counts.
    #[cold]
    fn forget(&mut self, slot: u16, child: u16) {
        if slot != NO_SLOT {
            self.places[slot as usize] = Place::default();
        }
        if child != NO_NODE {
            for &below in &self.plan.nodes[child as usize].slots {
                self.places[below as usize] = Place::default();
            }
        }
    }
}

/// The quote that closes the string before the entry at `to`.
#[inline(always)]
fn closing_quote(text: &[u8], to: usize) -> usize {
    let mut at = to - 1;
    while text[at] != b'"' {
        at -= 1;
    }
    at
}

/// The span and kind of the value at a place.
#[inline(always)]
fn span_of(text: &[u8], entries: Entries<'_>, Place { value, next }: Place) -> Span {
    let (value, next) = (value as usize, next as usize);
    if next == 0 {
        return Span::MISSING;
    }
    let from = entries.position(value);
    let (from, to, kind) = match entries.kind(value) {
        b'"' => {
            let to = closing_quote(text, entries.position(next));
            let kind = if entries.has_backslash(from + 1, to) { FieldKind::String } else { FieldKind::Plain };
            (from + 1, to, kind)
        }
        b'{' => (from, entries.position(next - 1) + 1, FieldKind::Object),
        b'[' => (from, entries.position(next - 1) + 1, FieldKind::Array),
        other => {
            let to = from + trimmed(&text[from..entries.position(next)]).len();
            let kind = match other {
                b'n' => FieldKind::Null,
                b't' | b'f' => FieldKind::Boolean,
                _ => FieldKind::Number,
            };
            (from, to, kind)
        }
    };
    Span { start: from as u32, end: to as u32, kind }
}

/// Up to eight bytes of `text` from `start` on, as an integer.
#[inline(always)]
fn word_at(text: &[u8], start: usize) -> u64 {
    match text.get(start..start + 8) {
        Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("a slice of 8")),
        None => head_of(text.get(start..).unwrap_or(&[])),
    }
}

#[cfg(test)]
mod tests {
    use super::super::structural::Simd;
    use super::*;

    fn read(paths: &[&str], text: &str) -> Result<Vec<Option<String>>, JsonError> {
        let paths: Vec<Vec<String>> = paths.iter().map(|p| p.split('.').map(String::from).collect()).collect();
        let plan = FieldPlan::new(&paths, &KeyRules { ignore_case: vec!["h".into()], flat: true, ..KeyRules::default() });
        let mut reader = JsonReader::new(&plan);
        let fields = reader.read(&plan, text)?;
        Ok((0..paths.len()).map(|slot| fields.text(slot).map(|text| text.into_owned())).collect())
    }

    #[test]
    fn a_plan_with_more_keys_than_numbers_does_not_fit() {
        let path = |keys: usize| vec!["key".to_string(); keys];
        let rules = |flat: bool| KeyRules { flat, ..KeyRules::default() };
        assert!(FieldPlan::fits(&vec![path(4); 200], &rules(true), &["a.b".into(), "c".into()]));
        assert!(FieldPlan::fits(&[path(100)], &rules(false), &[]));
        assert!(!FieldPlan::fits(&[path(16)], &rules(true), &[]));
        assert!(!FieldPlan::fits(&[path(100)], &rules(true), &[]));
        assert!(!FieldPlan::fits(&vec![path(1); 100], &rules(false), &vec!["e".into(); 400]));
    }

    #[test]
    fn json_in_strings_of_the_named_keys_is_read_as_json() {
        let plan = FieldPlan::new(&[vec!["a".into(), "b".into()], vec!["c".into()]], &KeyRules { json: vec!["a".into()], ..KeyRules::default() });
        let mut reader = JsonReader::new(&plan);
        let mut read = |record: &str| {
            let fields = reader.read(&plan, record).map_err(JsonError::reason)?;
            Ok::<_, &str>([0, 1].map(|slot| fields.text(slot).map(|text| text.into_owned())))
        };
        let both = |a: &str, c: &str| Ok([Some(a.to_string()), Some(c.to_string())]);
        assert_eq!(read(r#"{"a":"{\"b\":\"x\"}","c":"{\"b\":1}"}"#), both("x", r#"{"b":1}"#));
        assert_eq!(read(r#"{"a":{"b":"y"},"c":"z"}"#), both("y", "z"));
        assert_eq!(read(r#"{"a":"{b","c":"z"}"#), Ok([None, Some("z".into())]));
        assert_eq!(read(r#"{"a" : " \n{\"b\":1.50e3}" ,"c":"{\"a\":1}"}"#), both("1.50e3", r#"{"a":1}"#));
        assert_eq!(read(r#"{"a":"{}","c":"#), Err("truncated_json"));
    }

    #[test]
    fn json_in_strings_is_read_inside_envelopes_and_other_such_strings() {
        let rules = KeyRules { json: vec!["p".into(), "p.q".into()], ..KeyRules::default() };
        let plan = FieldPlan::with_envelopes(&[keys_of("p.q.r"), keys_of("s")], &rules, &["e".into()]);
        let mut reader = JsonReader::new(&plan);
        let mut read = |record: &serde_json::Value| {
            let record = record.to_string();
            let fields = reader.read(&plan, &record).unwrap();
            [0, 1].map(|slot| fields.text(slot).map(|text| text.into_owned()))
        };
        let inner = serde_json::json!({ "r": "x\"y" }).to_string();
        let both = [Some("x\"y".to_string()), Some("z".to_string())];
        assert_eq!(read(&serde_json::json!({ "p": { "q": inner }, "s": "z" })), both);
        let outer = serde_json::json!({ "q": inner }).to_string();
        assert_eq!(read(&serde_json::json!({ "p": outer, "s": "z" })), both);
        assert_eq!(read(&serde_json::json!({ "e": { "p": outer, "s": "z" }, "p": "a" })), both);
    }

    #[test]
    fn wanted_values_are_found_in_any_order_nested_or_flat() {
        let some = |text: &str| Some(text.to_string());
        assert_eq!(
            read(&["a.b", "c", "h.x-id"], r#"{"skip":{"a":[1,{"b":2}]},"h":{"X-Id":"7"}, "c" : 1.5e3 ,"a":{"b":"x\/y"}}"#),
            Ok(vec![some("x/y"), some("1.5e3"), some("7")])
        );
        assert_eq!(read(&["a.b.c"], r#"{"a.b.c":"1"}"#), Ok(vec![some("1")]));
        assert_eq!(read(&["a.b.c"], r#"{"a.b":{"c":"2"}}"#), Ok(vec![some("2")]));
        assert_eq!(read(&["a"], r#"{"\u0061":"escaped key"}"#), Ok(vec![some("escaped key")]));
    }

    #[test]
    fn what_an_envelope_holds_counts_before_what_stands_beside_it() {
        let paths: Vec<Vec<String>> = ["id", "r", "n.x"].iter().map(|path| path.split('.').map(String::from).collect()).collect();
        let plan = FieldPlan::with_envelopes(&paths, &KeyRules::default(), &["detail".into(), "detail.data".into()]);
        let mut reader = JsonReader::new(&plan);
        let mut read = |text: &str| {
            let fields = reader.read(&plan, text).unwrap();
            (0..3).map(|slot| fields.text(slot).map(|text| text.into_owned())).collect::<Vec<_>>()
        };
        let some = |text: &str| Some(text.to_string());
        assert_eq!(read(r#"{"detail":{"id":"in","n":{"x":1}},"id":"out","r":"out"}"#), [some("in"), some("out"), some("1")]);
        assert_eq!(read(r#"{"id":"out","detail":{"data":{"id":"deep"},"id":"in"}}"#), [some("deep"), None, None]);
        assert_eq!(read(r#"{"id":"out","detail":"text"}"#), [some("out"), None, None]);
    }

    #[test]
    fn the_last_of_a_duplicate_key_counts() {
        assert_eq!(read(&["a.b"], r#"{"a":{"b":"1"},"a":{"c":"2"}}"#), Ok(vec![None]));
        assert_eq!(read(&["a"], r#"{"a":"1","a":"2"}"#), Ok(vec![Some("2".into())]));
    }

    const SEEDS: [&str; 6] = [
        r#"{"a":{"b":"x\u00e9\ud83d\ude00","c":[1,-0.5e+7,true,null,{}]},"h":{"K":""},"d":[ ] , "e":12}"#,
        r#" { "e" : 1.5E-3 , "long-key-of-more-than-sixteen-bytes" : [ [ "b" , { "a" : { } } ] , false ] ,
            "a" : { "\u0062" : "last" , "b" : "\\\"\/" } , "e" : 7 }  "#,
        r#"{"a.b":"é€😀","h":{"x-Id":"1","X-ID":"2"},"a":null,"e":[0,10,-1,1.0,0.0e0]}"#,
        r#"{"e":12345678901234567890123,"a":[{"b":1},{"b":2}],"d":{"a":{"b":"not this"}},"key of more than thirty-two bytes, all told":"y"}"#,
        r#"["a",{"e":"in a list"},[[[[]]]],"b"]"#,
        r#""a string""#,
    ];

    fn fuzz_plan() -> FieldPlan {
        let path = |keys: &[&str]| keys.iter().map(|key| key.to_string()).collect::<Vec<_>>();
        let paths = [path(&["a", "b"]), path(&["e"]), path(&["h", "x-id"]), path(&["long-key-of-more-than-sixteen-bytes"]), path(&["a"])];
        FieldPlan::new(&paths, &KeyRules { ignore_case: vec!["h".into()], ..KeyRules::default() })
    }

    /// Texts near the seeds: bytes replaced, removed, inserted, runs doubled, cut off, blanks put in.
    fn mutated(rounds: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut state = 11u64;
        let mut random = move |limit: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % limit
        };
        let alphabet = b"{}[]:,\"\\ 0e-.tn\n\x02ub\x1a\xc3\xff";
        (0..rounds).map(move |_| {
            let mut text = SEEDS[random(SEEDS.len())].as_bytes().to_vec();
            for _ in 0..random(4) {
                if text.is_empty() {
                    break;
                }
                let at = random(text.len());
                match random(8) {
                    0 | 1 => text[at] = alphabet[random(alphabet.len())],
                    2 => drop(text.remove(at)),
                    3 => text.truncate(at + 1),
                    4 => {
                        let run = text[at..(at + 1 + random(24)).min(text.len())].to_vec();
                        text.splice(at..at, run);
                    }
                    5 => drop(text.splice(at..at, vec![b' '; 1 + random(70)])),
                    _ => text.insert(at, alphabet[random(alphabet.len())]),
                }
            }
            text
        })
    }

    /// What serde_json has at a slot of the fuzz plan; the last of two keys counts there too.
    fn expected_texts(value: &serde_json::Value) -> [Option<&str>; 2] {
        [value.get("a").and_then(|a| a.get("b")), value.get("e")].map(|value| value?.as_str().filter(|text| !crate::record::field::is_absent(text)))
    }

    #[test]
    fn acceptance_agrees_with_serde_json_on_mutated_records() {
        let plan = fuzz_plan();
        let mut readers: Vec<JsonReader> = Simd::available().into_iter().map(|simd| JsonReader::with(StructuralIndex::with(simd), &plan)).collect();
        for text in mutated(60_000) {
            let Ok(text) = String::from_utf8(text) else { continue };
            let expected = serde_json::from_str::<serde_json::Value>(&text);
            let lone_surrogate = expected.is_err() && text.contains("\\u");
            for reader in &mut readers {
                match (reader.read(&plan, &text), &expected) {
                    (Ok(fields), Ok(value)) => {
                        for (slot, expected) in expected_texts(value).into_iter().enumerate().filter(|(_, expected)| expected.is_some()) {
                            assert_eq!(fields.text(slot).as_deref(), expected, "{text}");
                        }
                    }
                    (Err(_), Err(_)) => {}
                    (Err(JsonError::NotAnObject), Ok(value)) => assert!(!value.is_object(), "{text}"),
                    // A bare scalar has nothing that makes it a record.
                    (Err(JsonError::Syntax), Ok(value)) => assert!(!value.is_object() && !value.is_array() && !value.is_string(), "{text}"),
                    (Ok(_), Err(error)) => assert!(lone_surrogate || error.to_string().contains("number out of range"), "accepted {text}: {error}"),
                    (Err(error), Ok(_)) => panic!("rejected {text}: {error:?}"),
                }
            }
        }
    }

    #[test]
    fn the_fast_check_finds_what_the_plain_walk_finds() {
        let plan = fuzz_plan();
        for text in mutated(60_000) {
            let mut index = StructuralIndex::default();
            let sound = index.index(&text).map_err(JsonError::from);
            assert_eq!(validate(&text), sound.map(|_| ()).and_then(|()| fault_of_value(&text)), "{}", String::from_utf8_lossy(&text));
            if let (Ok(text), Ok(_)) = (std::str::from_utf8(&text), index.index(&text)) {
                let found = JsonReader::new(&plan).read(&plan, text).map(|_| ());
                assert_eq!(found, fault_of_record(text.as_bytes()), "{text}");
            }
        }
    }

    #[test]
    fn a_known_shape_gives_what_a_walk_gives() {
        let plan = fuzz_plan();
        let mut readers: Vec<JsonReader> = Simd::available().into_iter().map(|simd| JsonReader::with(StructuralIndex::with(simd), &plan)).collect();
        let mut known = 0;
        for text in mutated(4_000) {
            let Ok(text) = String::from_utf8(text) else { continue };
            let (mut fresh, spans) = (JsonReader::new(&plan), |fields: Fields<'_>| {
                (0..plan.slots).map(|slot| (fields.kind(slot), fields.raw(slot).to_string())).collect::<Vec<_>>()
            });
            let expected = fresh.read(&plan, &text).map(spans);
            for reader in &mut readers {
                // The second reading keeps the shape, the third finds it.
                for _ in 0..3 {
                    assert_eq!(reader.read(&plan, &text).map(spans), expected, "{text}");
                }
                reader.index.index(text.as_bytes()).ok();
                known += usize::from(expected.is_ok() && reader.shapes.find(text.as_bytes(), reader.index.entries(), &mut reader.places) == Found::Known);
                // Its digits and texts may change, its numbers must stay numbers.
                let changed = text.replace('1', "0").replace("x", "yy");
                assert_eq!(reader.read(&plan, &changed).map(spans), JsonReader::new(&plan).read(&plan, &changed).map(spans), "{changed}");
            }
        }
        assert!(known > 500, "{known}");
    }

    #[test]
    fn records_of_one_outline_are_told_apart_by_their_keys() {
        let plan = fuzz_plan();
        let mut reader = JsonReader::new(&plan);
        for round in 0..50 {
            for keys in [["a", "e"], ["e", "a"], ["q", "e"], ["e", "q"], ["q", "r"]] {
                let text = format!(r#"{{"first":{round},"{}":"one","{}":"two"}}"#, keys[0], keys[1]);
                let fields = reader.read(&plan, &text).unwrap();
                let expected = keys.iter().position(|key| *key == "e").map(|at| ["one", "two"][at]);
                assert_eq!(fields.text(1).as_deref(), expected, "{text}");
            }
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let plan = fuzz_plan();
        let nested = |depth: usize, inner: &str| format!("{{\"q\":{}{inner}{}}}", "[".repeat(depth), "]".repeat(depth));
        let read = |text: &str| JsonReader::new(&plan).read(&plan, text).map(|_| ());
        assert_eq!((read(&nested(126, "1")), read(&nested(127, "1"))), (Ok(()), Err(JsonError::TooDeep)));
        assert_eq!((read(&nested(126, "[]")), read(&nested(127, "[]"))), (Ok(()), Err(JsonError::TooDeep)));
        assert_eq!(read(&"[".repeat(100_000)), Err(JsonError::TooDeep));
        assert_eq!(read(&"{\"a\":".repeat(100_000)), Err(JsonError::TooDeep));
    }
}
