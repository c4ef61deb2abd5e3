//! Two records of one call, read as one: a request and its response that a log writes apart (`[join]` of a pack).
//!
//! The record that matches `opening` is held until the next record with the same key comes; what that one leaves unsaid is
//! taken from the opening. The opening itself then gives no row. An opening that nobody answers, and an answer without
//! opening, are records like any other.
//!
//! Files are joined in the order of their records, under the lock of their reader, so that no byte depends on who parses
//! what. At most `WINDOW` records and `WINDOW_BYTES` bytes of openings are held: an answer that comes later stands alone.
//! What stays open at the edges of files (a log that was rotated between request and response) is matched by key when all
//! files have been read.

use crate::record::field::{FieldKind, Fields, Span};
use crate::record::inventory::Aliases;
use crate::record::token::Digester;
use crate::source::chunk::Chunk;
use crate::source::decode::{Decoder, RecordReader};
use crate::source::pack::JoinFile;
use crate::source::plan::{Candidates, Compiler, Condition, Context};
use crate::source::prefix::{Peeler, Prefix};
use chrono_tz::Tz;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// An answer is looked for among so many records.
const WINDOW: u64 = 10_000;
/// Bytes of openings held for a file.
const WINDOW_BYTES: usize = 32 * 1024 * 1024;

/// A pack's join, compiled.
#[derive(Debug, Clone)]
pub struct JoinPlan {
    key: Candidates,
    opening: Condition,
}

impl JoinPlan {
    /// Compiles a pack's join.
    pub fn compile(file: &JoinFile, compiler: &mut Compiler) -> Result<Self, String> {
        Ok(JoinPlan { key: compiler.candidates(&file.key)?, opening: compiler.condition(&file.opening)? })
    }
}

/// One record of a chunk as it is to be read; places are in the chunk's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    pub number: u64,
    /// In the decompressed file.
    pub offset: u64,
    pub start: usize,
    pub end: usize,
    pub problem: Option<&'static str>,
    pub opening: Option<(usize, usize)>,
    /// An opening that was read with its answer: counted, and nothing else.
    pub is_answered: bool,
}

/// A record that waits for its other half.
#[derive(Debug, Clone)]
struct Half {
    key: String,
    /// Which record of the file it is, from 0.
    position: u64,
    number: u64,
    offset: u64,
    text: Vec<u8>,
}

/// What one file left open.
#[derive(Debug, Clone)]
pub struct Edge {
    file: usize,
    half: Half,
    /// Records between it and the end (openings) or beginning (answers) of its file.
    distance: u64,
    is_opening: bool,
}

/// Joins the records of one file, chunk by chunk.
pub struct Joiner {
    reader: RecordReader,
    peeler: Peeler,
    aliases: Aliases,
    digester: Digester,
    position: u64,
    /// In order; `None` once answered.
    waiting: VecDeque<Option<Half>>,
    /// The position of the first of them in all that ever waited.
    first_waiting: u64,
    by_key: HashMap<String, Vec<u64>>,
    bytes: usize,
    /// Answers near the beginning of the file, whose opening may be in another one.
    early: Vec<Half>,
    early_bytes: usize,
}

impl Joiner {
    pub fn new(decoder: &Decoder) -> Self {
        Joiner {
            reader: RecordReader::new(decoder),
            peeler: Peeler::default(),
            aliases: Aliases::default(),
            digester: Digester::new(None),
            position: 0,
            waiting: VecDeque::new(),
            first_waiting: 0,
            by_key: HashMap::new(),
            bytes: 0,
            early: Vec::new(),
            early_bytes: 0,
        }
    }

    /// The chunk's records as they are to be read. Texts of openings from earlier chunks are put behind the chunk's own.
    pub fn join(&mut self, plan: &JoinPlan, decoder: &Decoder, prefixes: &[Prefix], chunk: &mut Chunk) -> Vec<Joined> {
        self.reader.start_chunk(decoder, chunk.header.as_deref());
        let mut places = Vec::new();
        chunk.each_record(|number, start, end, problem| places.push((number, start, end, problem)));
        let mut joined = Vec::with_capacity(places.len());
        for (number, start, end, problem) in places {
            let record = Joined { number, offset: chunk.offset + start as u64, start, end, problem, opening: None, is_answered: false };
            self.give_up_old(&mut chunk.bytes, &mut joined);
            let key = if problem.is_some() { None } else { self.key_of(plan, decoder, prefixes, &chunk.bytes[start..end]) };
            let position = self.position;
            let half = |key: String, bytes: &[u8]| Half { key, position, number, offset: record.offset, text: bytes[start..end].to_vec() };
            match key {
                None => joined.push(record),
                Some((key, true)) => {
                    let half = half(key, &chunk.bytes);
                    self.wait(half);
                }
                Some((key, false)) => match self.answered(&key) {
                    Some(opening) => {
                        let place = append(&mut chunk.bytes, &opening.text);
                        joined.push(Joined { opening: Some(place), ..record });
                        joined.push(Joined { number: opening.number, offset: opening.offset, start: place.0, end: place.1, is_answered: true, ..record });
                    }
                    None if self.position < WINDOW && self.early_bytes < WINDOW_BYTES => {
                        let half = half(key, &chunk.bytes);
                        self.early_bytes += half.text.len();
                        self.early.push(half);
                    }
                    None => joined.push(record),
                },
            }
            self.position += 1;
        }
        joined
    }

    /// What is left when the file has ended.
    pub fn finish(self, file: usize) -> Vec<Edge> {
        let end = self.position;
        let opening = |half: Half| Edge { file, distance: end - half.position, half, is_opening: true };
        let answer = |half: Half| Edge { file, distance: half.position, half, is_opening: false };
        self.waiting.into_iter().flatten().map(opening).chain(self.early.into_iter().map(answer)).collect()
    }

    /// A record's key, and whether it is an opening.
    fn key_of(&mut self, plan: &JoinPlan, decoder: &Decoder, prefixes: &[Prefix], bytes: &[u8]) -> Option<(String, bool)> {
        let peeled = if prefixes.is_empty() { None } else { self.peeler.peel(prefixes, bytes) };
        let text = std::str::from_utf8(peeled.as_ref().map_or(bytes, |peeled| &peeled.record)).ok()?;
        let fields = self.reader.read(decoder, text).ok()??;
        let context = Context::new(fields, &self.digester, &self.aliases, Tz::UTC);
        Some((plan.key.owned(&context)?, plan.opening.holds(&context)))
    }

    fn wait(&mut self, half: Half) {
        self.bytes += half.text.len();
        self.by_key.entry(half.key.clone()).or_default().push(self.first_waiting + self.waiting.len() as u64);
        self.waiting.push_back(Some(half));
    }

    /// The latest opening with the key.
    fn answered(&mut self, key: &str) -> Option<Half> {
        let places = self.by_key.get_mut(key)?;
        let place = places.pop()?;
        if places.is_empty() {
            self.by_key.remove(key);
        }
        let half = self.waiting.get_mut((place - self.first_waiting) as usize)?.take()?;
        self.bytes -= half.text.len();
        Some(half)
    }

    /// Openings that waited too long become records of their own.
    fn give_up_old(&mut self, bytes: &mut Vec<u8>, joined: &mut Vec<Joined>) {
        while let Some(front) = self.waiting.front() {
            let is_old = front.as_ref().is_none_or(|half| half.position + WINDOW < self.position || self.bytes > WINDOW_BYTES);
            if !is_old {
                return;
            }
            if let Some(half) = self.waiting.pop_front().flatten() {
                self.bytes -= half.text.len();
                if let Some(places) = self.by_key.get_mut(&half.key) {
                    places.retain(|place| *place != self.first_waiting);
                    if places.is_empty() {
                        self.by_key.remove(&half.key);
                    }
                }
                let (start, end) = append(bytes, &half.text);
                joined.push(Joined { number: half.number, offset: half.offset, start, end, problem: None, opening: None, is_answered: false });
            }
            self.first_waiting += 1;
        }
    }
}

fn append(bytes: &mut Vec<u8>, text: &[u8]) -> (usize, usize) {
    let start = bytes.len();
    bytes.extend_from_slice(text);
    (start, bytes.len())
}

/// Matches what files left open, by key, and gives what is to be read of each file.
pub fn settle(mut edges: Vec<Edge>, pack_of: impl Fn(usize) -> Option<usize>) -> BTreeMap<usize, (Vec<u8>, Vec<Joined>)> {
    edges.sort_by_key(|edge| (edge.file, edge.half.position));
    let mut openings: HashMap<(Option<usize>, &str), Vec<usize>> = HashMap::new();
    for (i, edge) in edges.iter().enumerate().filter(|(_, edge)| edge.is_opening) {
        openings.entry((pack_of(edge.file), edge.half.key.as_str())).or_default().push(i);
    }
    let mut opening_of: HashMap<usize, usize> = HashMap::new();
    for (i, edge) in edges.iter().enumerate().filter(|(_, edge)| !edge.is_opening) {
        let Some(candidates) = openings.get_mut(&(pack_of(edge.file), edge.half.key.as_str())) else { continue };
        let fits = |&place: &usize| edges[place].file != edge.file && edges[place].distance + edge.distance <= WINDOW;
        if let Some(at) = candidates.iter().position(fits) {
            opening_of.insert(i, candidates.remove(at));
        }
    }
    let mut read: BTreeMap<usize, (Vec<u8>, Vec<Joined>)> = BTreeMap::new();
    let answered: std::collections::HashSet<usize> = opening_of.values().copied().collect();
    for (i, edge) in edges.iter().enumerate() {
        let (bytes, joined) = read.entry(edge.file).or_default();
        let (start, end) = append(bytes, &edge.half.text);
        let opening = opening_of.get(&i).map(|place| append(bytes, &edges[*place].half.text));
        let (number, offset) = (edge.half.number, edge.half.offset);
        joined.push(Joined { number, offset, start, end, problem: None, opening, is_answered: answered.contains(&i) });
    }
    read
}

/// A record's fields with those of another where it has none: buffers that are kept between records.
#[derive(Debug, Default)]
pub struct Completed {
    text: String,
    spans: Vec<Span>,
}

impl Completed {
    /// The fields of both records; `first` counts where both say something.
    pub fn of<'a>(&'a mut self, first: &Fields<'_>, second: &Fields<'_>) -> Fields<'a> {
        self.text.clear();
        self.text.push_str(first.record());
        let shift = self.text.len() as u32;
        self.text.push_str(second.record());
        self.spans.clear();
        self.spans.extend(first.spans().iter().zip(second.spans()).map(|(first, second)| match first.kind {
            FieldKind::Missing | FieldKind::Null => Span { start: second.start + shift, end: second.end + shift, kind: second.kind },
            _ => *first,
        }));
        Fields::new(&self.text, &self.spans)
    }
}
