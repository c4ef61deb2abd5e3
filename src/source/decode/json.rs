//! One JSON record -> the fields a pack names, in one strict pass.
//!
//! A `FieldPlan` is a trie of the paths that a pack wants. `JsonReader::read` walks the structural index along it: wanted
//! values become spans of the record, everything else is skipped but still checked, so that a record is accepted only if
//! it is valid JSON (RFC 8259). A key given twice counts with its last value, as serde_json has it. Values are not
//! converted here; `Fields` hands out text on demand and unescapes only where a backslash is inside.

use super::structural::{IndexError, StructuralIndex};
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

/// Values nested deeper than this are rejected; no known source comes near it.
const MAX_DEPTH: usize = 127;
const NO_NODE: u16 = u16::MAX;
const NO_SLOT: u16 = u16::MAX;

/// The wanted paths as a trie. Node 0 is the record itself.
#[derive(Debug, Default, Clone)]
pub struct FieldPlan {
    nodes: Vec<Node>,
    slots: usize,
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
    /// The key's first eight bytes, so that most comparisons are one integer.
    head: u64,
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
}

impl FieldPlan {
    /// Compiles paths like `request.headers.dpop` into a plan; path i fills slot i.
    pub fn new(paths: &[Vec<String>], rules: &KeyRules) -> Self {
        Self::with_envelopes(paths, rules, &[])
    }

    /// As `new`, each path also looked for inside the given envelopes (keys joined by dots). What an envelope holds counts
    /// before what stands beside it, and a later envelope before an earlier one, whatever the order in the record.
    pub fn with_envelopes(paths: &[Vec<String>], rules: &KeyRules, envelopes: &[String]) -> Self {
        let mut plan = FieldPlan { nodes: vec![Node::default()], slots: paths.len(), envelopes: envelopes.len() };
        for (number, envelope) in std::iter::once(None).chain(envelopes.iter().map(Some)).enumerate() {
            let prefixed = |text: &str| envelope.map_or(text.to_string(), |envelope| format!("{envelope}.{text}"));
            let rules = KeyRules { ignore_case: rules.ignore_case.iter().map(|path| prefixed(path)).collect(), flat: rules.flat };
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

    /// How many spans a walk fills.
    fn spans(&self) -> usize {
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
                    let head = head_of(&bytes);
                    let edge = Edge { head, key: bytes.into(), slot: NO_SLOT, node: NO_NODE, number: 0 };
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

impl Node {
    fn build_table(&mut self) {
        self.table = vec![0; (self.children.len() * 4).next_power_of_two()];
        for (at, edge) in self.children.iter().enumerate() {
            let mut place = hash_of(edge.head, &edge.key) & (self.table.len() - 1);
            while self.table[place] != 0 {
                place = (place + 1) & (self.table.len() - 1);
            }
            self.table[place] = at as u16 + 1;
        }
    }

    /// The edge of a key.
    #[inline(always)]
    fn find(&self, head: u64, key: &[u8]) -> Option<usize> {
        let mut place = hash_of(head, key) & (self.table.len() - 1);
        loop {
            let edge = *self.table.get(place)?;
            if edge == 0 {
                return None;
            }
            if self.children[edge as usize - 1].is(head, key) {
                return Some(edge as usize - 1);
            }
            place = (place + 1) & (self.table.len() - 1);
        }
    }
}

impl Edge {
    #[inline(always)]
    fn is(&self, head: u64, key: &[u8]) -> bool {
        self.head == head && self.key.len() == key.len() && (key.len() <= 8 || *self.key == *key)
    }
}

/// Mixes a key's first eight bytes, its last one and its length.
#[inline(always)]
fn hash_of(head: u64, key: &[u8]) -> usize {
    let last = key.last().copied().unwrap_or(0);
    let mixed = (head ^ (key.len() as u64) << 56 ^ u64::from(last) << 48).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as usize
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
    spans: Vec<Span>,
    /// For each edge of the plan, the number of the record in which its key was last met.
    seen: Vec<u64>,
    serial: u64,
}

impl JsonReader {
    pub fn new(plan: &FieldPlan) -> Self {
        let edges = plan.nodes.iter().map(|node| node.children.len()).sum();
        JsonReader { index: StructuralIndex::default(), spans: vec![Span::MISSING; plan.spans()], seen: vec![0; edges], serial: 0 }
    }

    /// Reads one record, which must be one JSON object.
    pub fn read<'a>(&'a mut self, plan: &FieldPlan, record: &'a str) -> Result<Fields<'a>, JsonError> {
        self.spans.fill(Span::MISSING);
        self.serial += 1;
        let positions = self.index.index(record.as_bytes())?;
        let mut walk = Walk { plan, text: record.as_bytes(), positions, spans: &mut self.spans, seen: &mut self.seen, serial: self.serial };
        walk.record()?;
        let (spans, inner) = self.spans.split_at_mut(plan.slots);
        for envelope in inner.chunks_exact(plan.slots.max(1)) {
            let held = spans.iter_mut().zip(envelope).filter(|(_, inner)| inner.kind != FieldKind::Missing);
            held.for_each(|(span, inner)| *span = *inner);
        }
        Ok(Fields::new(record, spans))
    }
}

/// Checks that `text` is one valid JSON value of any kind, without reading anything from it.
pub fn validate(text: &[u8]) -> Result<(), JsonError> {
    let mut index = StructuralIndex::default();
    let positions = index.index(text)?;
    let plan = FieldPlan::default();
    let mut walk = Walk { plan: &plan, text, positions, spans: &mut [], seen: &mut [], serial: 0 };
    let end = walk.skip(0, 0, 0)?;
    walk.end(end)
}

struct Walk<'a> {
    plan: &'a FieldPlan,
    text: &'a [u8],
    positions: &'a [u32],
    spans: &'a mut [Span],
    seen: &'a mut [u64],
    serial: u64,
}

impl Walk<'_> {
    fn record(&mut self) -> Result<(), JsonError> {
        if self.byte(0) != b'{' || !self.is_blank(0, self.at(0)) {
            return Err(if self.positions.is_empty() { JsonError::Syntax } else { self.not_an_object() });
        }
        let end = self.object(0, 0)?;
        self.end(end)
    }

    fn not_an_object(&self) -> JsonError {
        match validate(self.text) {
            Ok(()) => JsonError::NotAnObject,
            Err(error) => error,
        }
    }

    /// Nothing but blanks may follow the value that ended before entry `i`.
    fn end(&self, i: usize) -> Result<(), JsonError> {
        if i != self.positions.len() {
            return Err(JsonError::Syntax);
        }
        let from = if i == 0 { 0 } else { self.at(i - 1) + 1 };
        // A bare scalar has no structural byte: `skip` has checked it to the end of the text.
        if i == 0 || self.is_blank(from, self.text.len()) { Ok(()) } else { Err(JsonError::Syntax) }
    }

    #[inline(always)]
    fn at(&self, i: usize) -> usize {
        self.positions.get(i).map_or(self.text.len(), |&position| position as usize)
    }

    /// The structural byte of entry `i`; 0 past the end.
    #[inline(always)]
    fn byte(&self, i: usize) -> u8 {
        self.positions.get(i).map_or(0, |&position| self.text[position as usize])
    }

    #[inline(always)]
    fn is_blank(&self, from: usize, to: usize) -> bool {
        from == to || self.text[from..to].iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// Entry `i` must follow entry `i - 1` with blanks only.
    #[inline(always)]
    fn adjacent(&self, i: usize) -> Result<(), JsonError> {
        if self.is_blank(self.at(i - 1) + 1, self.at(i)) { Ok(()) } else { Err(JsonError::Syntax) }
    }

    fn syntax_at(&self, i: usize) -> JsonError {
        if i >= self.positions.len() { JsonError::Truncated } else { JsonError::Syntax }
    }

    /// Reads the key at entry `i` and its colon; the value's first entry is `i + 3`.
    #[inline(always)]
    fn key(&self, i: usize) -> Result<(usize, usize), JsonError> {
        if self.byte(i) != b'"' || self.byte(i + 2) != b':' {
            return Err(if i + 2 < self.positions.len() { JsonError::Syntax } else { JsonError::Truncated });
        }
        self.adjacent(i)?;
        self.adjacent(i + 2)?;
        Ok((self.at(i) + 1, self.at(i + 1)))
    }

    /// Walks the object whose brace is entry `i`; returns the entry after it.
    fn object(&mut self, i: usize, node: usize) -> Result<usize, JsonError> {
        let mut next = i + 1;
        if self.byte(next) == b'}' {
            self.adjacent(next)?;
            return Ok(next + 1);
        }
        let mut guess = 0;
        loop {
            let (start, end) = self.key(next)?;
            let after = match self.edge(node, start, end, &mut guess) {
                Some(edge) => self.wanted(next + 3, node, edge)?,
                None => self.skip(next + 3, self.at(next + 2) + 1, 1)?,
            };
            match self.byte(after) {
                b',' => next = after + 1,
                b'}' => return Ok(after + 1),
                _ => return Err(self.syntax_at(after)),
            }
        }
    }

    /// The plan's edge for a key, if it is wanted. `guess` is the edge that followed the last one found.
    #[inline(always)]
    fn edge(&self, node: usize, start: usize, end: usize, guess: &mut usize) -> Option<usize> {
        let key = &self.text[start..end];
        let node = &self.plan.nodes[node];
        if node.ignore_case {
            return node.children.iter().position(|edge| edge.key.eq_ignore_ascii_case(key));
        }
        let head = head_at(self.text, start, key.len());
        if node.children.get(*guess).is_some_and(|edge| edge.is(head, key)) {
            *guess += 1;
            return Some(*guess - 1);
        }
        if let Some(at) = node.find(head, key) {
            *guess = at + 1;
            return Some(at);
        }
        // A key may be spelled with escapes; such spellings are rare enough to be decoded here.
        if memchr::memchr(b'\\', key).is_some() {
            let plain = crate::record::field::unescape(key)?;
            return node.children.iter().position(|edge| *edge.key == *plain.as_bytes());
        }
        None
    }

    /// Reads the value of a wanted edge whose first entry is `i`; returns the entry after it.
    fn wanted(&mut self, i: usize, node: usize, edge: usize) -> Result<usize, JsonError> {
        let Edge { slot, node: child, number, .. } = self.plan.nodes[node].children[edge];
        if self.seen[number as usize] == self.serial {
            self.forget(slot, child);
        }
        self.seen[number as usize] = self.serial;
        let start = self.at(i - 1) + 1;
        let after = if child != NO_NODE && self.byte(i) == b'{' {
            if !self.is_blank(start, self.at(i)) {
                return Err(JsonError::Syntax);
            }
            let after = self.object(i, child as usize)?;
            self.adjacent(after)?;
            after
        } else {
            self.skip(i, start, 1)?
        };
        if slot != NO_SLOT {
            self.spans[slot as usize] = self.span(i, after, start);
        }
        Ok(after)
    }

    /// A key met twice: what its first value gave no longer counts.
    fn forget(&mut self, slot: u16, child: u16) {
        if slot != NO_SLOT {
            self.spans[slot as usize] = Span::MISSING;
        }
        if child != NO_NODE {
            for &below in &self.plan.nodes[child as usize].slots {
                self.spans[below as usize] = Span::MISSING;
            }
        }
    }

    /// The span and kind of a value that began after `start` and whose first entry was `i`.
    fn span(&self, i: usize, after: usize, start: usize) -> Span {
        let (from, to, kind) = match self.byte(i) {
            b'"' => {
                let (from, to) = (self.at(i) + 1, self.at(i + 1));
                (from, to, FieldKind::String)
            }
            b'{' => (self.at(i), self.at(after - 1) + 1, FieldKind::Object),
            b'[' if after > i => (self.at(i), self.at(after - 1) + 1, FieldKind::Array),
            _ => {
                let (from, to) = self.trimmed(start, self.at(i));
                let kind = match self.text[from] {
                    b'n' => FieldKind::Null,
                    b't' | b'f' => FieldKind::Boolean,
                    _ => FieldKind::Number,
                };
                (from, to, kind)
            }
        };
        Span { start: from as u32, end: to as u32, kind }
    }

    fn trimmed(&self, mut from: usize, mut to: usize) -> (usize, usize) {
        let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        while from < to && blank(self.text[from]) {
            from += 1;
        }
        while to > from && blank(self.text[to - 1]) {
            to -= 1;
        }
        (from, to)
    }

    /// A number or literal between `start` and entry `i`.
    #[inline(always)]
    fn scalar(&self, i: usize, start: usize) -> Result<(), JsonError> {
        let (from, to) = self.trimmed(start, self.at(i));
        if is_scalar(&self.text[from..to]) { Ok(()) } else { Err(self.syntax_at(i)) }
    }

    /// Checks the value that begins after `start` and whose first entry is `i`, and everything in it, without reading it.
    /// Returns the entry after it. Brackets are kept as bits of a word: 1 for an object, 0 for an array.
    fn skip(&mut self, i: usize, start: usize, depth: usize) -> Result<usize, JsonError> {
        let mut kinds: u128 = 0;
        let mut depth = depth;
        let floor = depth;
        let (mut i, mut start) = (i, start);
        loop {
            // One value whose first entry is i.
            match self.byte(i) {
                b'"' => {
                    if !self.is_blank(start, self.at(i)) {
                        return Err(JsonError::Syntax);
                    }
                    i += 2;
                    self.after(i)?;
                }
                opening @ (b'{' | b'[') => {
                    if !self.is_blank(start, self.at(i)) {
                        return Err(JsonError::Syntax);
                    }
                    let closing = if opening == b'{' { b'}' } else { b']' };
                    if self.byte(i + 1) == closing && self.is_blank(self.at(i) + 1, self.at(i + 1)) {
                        i += 2;
                        self.after(i)?;
                    } else {
                        if depth >= MAX_DEPTH {
                            return Err(JsonError::TooDeep);
                        }
                        depth += 1;
                        kinds = kinds << 1 | u128::from(opening == b'{');
                        i += 1;
                        if opening == b'{' {
                            self.key(i)?;
                            i += 3;
                        }
                        start = self.at(i - 1) + 1;
                        continue;
                    }
                }
                _ => self.scalar(i, start)?,
            }
            // Close what ends here, then go on to the next value.
            loop {
                if depth == floor {
                    return Ok(i);
                }
                let in_object = kinds & 1 == 1;
                match self.byte(i) {
                    b',' => {
                        i += 1;
                        if in_object {
                            self.key(i)?;
                            i += 3;
                        }
                        start = self.at(i - 1) + 1;
                        break;
                    }
                    b'}' if in_object => {}
                    b']' if !in_object => {}
                    _ => return Err(self.syntax_at(i)),
                }
                kinds >>= 1;
                depth -= 1;
                i += 1;
                self.after(i)?;
            }
        }
    }

    /// Only blanks may stand between entry `i - 1`, which closed a value, and entry `i`.
    #[inline(always)]
    fn after(&self, i: usize) -> Result<(), JsonError> {
        if self.is_blank(self.at(i - 1) + 1, self.at(i)) { Ok(()) } else { Err(self.syntax_at(i)) }
    }
}

#[inline(always)]
fn head_at(text: &[u8], start: usize, length: usize) -> u64 {
    let word = match text.get(start..start + 8) {
        Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("a slice of 8")),
        None => head_of(&text[start..]),
    };
    if length >= 8 { word } else { word & ((1u64 << (length * 8)) - 1) }
}

/// True for a number, `true`, `false` or `null` exactly as RFC 8259 spells them.
pub fn is_scalar(text: &[u8]) -> bool {
    match text.first() {
        Some(b't') => text == b"true",
        Some(b'f') => text == b"false",
        Some(b'n') => text == b"null",
        Some(b'-' | b'0'..=b'9') => is_number(text),
        _ => false,
    }
}

fn is_number(text: &[u8]) -> bool {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text[0] == b'-');
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text[at] == b'0') {
        return false;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return false;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = if at <= text.len() { digits(at) } else { 0 };
        if exponent == 0 {
            return false;
        }
        at += exponent;
    }
    at == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(paths: &[&str], text: &str) -> Result<Vec<Option<String>>, JsonError> {
        let paths: Vec<Vec<String>> = paths.iter().map(|p| p.split('.').map(String::from).collect()).collect();
        let plan = FieldPlan::new(&paths, &KeyRules { ignore_case: vec!["h".into()], flat: true });
        let mut reader = JsonReader::new(&plan);
        let fields = reader.read(&plan, text)?;
        Ok((0..paths.len()).map(|slot| fields.text(slot).map(|text| text.into_owned())).collect())
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

    #[test]
    fn acceptance_agrees_with_serde_json_on_mutated_records() {
        let seed = br#"{"a":{"b":"x\u00e9\ud83d\ude00","c":[1,-0.5e+7,true,null,{}]},"h":{"K":""},"d":[ ] , "e":12}"#;
        let plan = FieldPlan::new(&[vec!["a".into(), "b".into()], vec!["e".into()]], &KeyRules::default());
        let mut reader = JsonReader::new(&plan);
        let mut state = 11u64;
        let mut random = |limit: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % limit
        };
        let alphabet = b"{}[]:,\"\\ 0e-.tn\n\x02u";
        for _ in 0..60_000 {
            let mut text = seed.to_vec();
            for _ in 0..1 + random(3) {
                let at = random(text.len());
                match random(3) {
                    0 => text[at] = alphabet[random(alphabet.len())],
                    1 => drop(text.remove(at)),
                    _ => text.insert(at, alphabet[random(alphabet.len())]),
                }
            }
            let Ok(text) = String::from_utf8(text) else { continue };
            let expected = serde_json::from_str::<serde_json::Value>(&text);
            let lone_surrogate = expected.is_err() && text.contains("\\u");
            match (reader.read(&plan, &text), expected) {
                (Ok(fields), Ok(value)) => {
                    let b = value.get("a").and_then(|a| a.get("b")).and_then(|b| b.as_str()).filter(|b| !b.is_empty());
                    if let Some(b) = b {
                        assert_eq!(fields.text(0).as_deref(), Some(b), "{text}");
                    }
                }
                (Err(_), Err(_)) => {}
                (Err(JsonError::NotAnObject), Ok(value)) => assert!(!value.is_object(), "{text}"),
                (Ok(_), Err(error)) => assert!(lone_surrogate || error.to_string().contains("number out of range"), "accepted {text}: {error}"),
                (Err(error), Ok(_)) => panic!("rejected {text}: {error:?}"),
            }
        }
    }
}
