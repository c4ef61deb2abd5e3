//! Shapes of records met before: sources write few of them, so that most records need no walk.
//!
//! A shape is the sequence of a record's structural entries, together with the keys of the objects that the plan looks
//! into. A record with the same entries and the same keys is valid where the first one was, and its wanted values stand at
//! the same entries; only its numbers and literals are still to be checked. A shape is kept once its signature came twice,
//! their number is bounded, and where records do not repeat their shapes the cache steps aside.

#![allow(unsafe_code)]
// Calls of functions compiled for instruction sets that were detected.

use super::grammar::scalar_is_valid;
use super::json::ends_of;
use super::structural::{Entries, Simd};
use std::collections::HashMap;

/// Where the value of a slot stands: its first entry, and the entry after its last one (0: there is none).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    pub value: u32,
    pub next: u32,
}

/// A key as it stood in a record: its bytes and the quote that closes it.
struct Name {
    head: [u8; HEAD],
    mask: [u8; HEAD],
    /// What does not fit in `head`.
    rest: Box<[u8]>,
}

/// One shape.
struct Shape {
    signature: u64,
    count: usize,
    /// Kinds of its entries, every digit as `0`, filled up with zeros to a multiple of `LANE`.
    kinds: Vec<u8>,
    /// Entries that are keys, and their names.
    keys: Vec<(u32, u32)>,
    /// Entries that are numbers or literals.
    scalars: Vec<u32>,
    /// Slots that have a value.
    values: Vec<(u32, Place)>,
}

/// Records of one outline: the entries whose keys tell their shapes apart, as far as was needed.
#[derive(Default)]
struct Outline {
    number: u64,
    probes: Vec<u32>,
}

/// Shapes by signature: an outline, and the keys that its probes find.
pub struct Shapes {
    outlines: Vec<Outline>,
    shapes: Vec<Shape>,
    /// Numbers of shapes, the last used first; `NO_SHAPE` is none.
    sets: Vec<[u16; WAYS]>,
    /// Signatures met once.
    once: Vec<u64>,
    names: Vec<Name>,
    numbers: HashMap<Box<[u8]>, u32>,
    /// Falls with each record of an unknown shape, rises with each of a known one.
    credit: u32,
    /// Records still to be read without looking.
    rest: u32,
}

const HEAD: usize = 32;
const LANE: usize = 64;
const OUTLINES: usize = 4096;
const MAX_PROBES: usize = 8;
const WAYS: usize = 4;
const SETS: usize = 512;
/// The low bits of a product mix worst.
const SHIFT: u32 = 32;
const NO_SHAPE: u16 = u16::MAX;
const MAX_NAMES: usize = 4096;
/// Records with more entries are not worth a place.
const MAX_ENTRIES: usize = 4096;
const MAX_CREDIT: u32 = 512;
/// A known shape saves more than a look for an unknown one costs.
const HIT: u32 = 2;
const PAUSE: u32 = 8192;

impl Default for Shapes {
    fn default() -> Self {
        Shapes {
            outlines: Vec::new(),
            shapes: Vec::new(),
            sets: Vec::new(),
            once: Vec::new(),
            names: Vec::new(),
            numbers: HashMap::new(),
            credit: MAX_CREDIT,
            rest: 0,
        }
    }
}

#[inline(always)]
fn plain_kind(kind: u8) -> u8 {
    if kind.wrapping_sub(b'0') < 10 { b'0' } else { kind }
}

/// A number for where strings are among a record's entries, and how its first key begins.
#[inline(always)]
fn outline(text: &[u8], entries: Entries<'_>) -> u64 {
    let mut mixed = entries.count() as u64;
    for first in (0..entries.count()).step_by(64) {
        let strings = entries.strings(first);
        mixed = (mixed.rotate_left(23) ^ strings).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    mixed = (mixed ^ key_at(text, entries, 1)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}

/// A number for the key at an entry; for another entry, any.
#[inline(always)]
fn key_at(text: &[u8], entries: Entries<'_>, entry: usize) -> u64 {
    let start = entries.position(entry) + 1;
    let end = entries.position(entry + 1).wrapping_sub(1);
    if start >= end || end > text.len() {
        return 0;
    }
    let (head, tail) = ends_of(text, start, end - start, 0);
    head ^ tail.rotate_left(29) ^ (end - start) as u64
}

impl Shapes {
    /// Calls `place` with each slot's place if the record has a known shape; else gives its signature, unless the cache rests.
    #[inline]
    pub fn find(&mut self, text: &[u8], entries: Entries<'_>, places: &mut [Place]) -> Found {
        if self.rest > 0 {
            self.rest -= 1;
            return Found::Resting;
        }
        if self.sets.is_empty() {
            self.make_room();
        }
        match entries.simd() {
            Simd::Portable => self.find_with(text, entries, places),
            // SAFETY: every other instruction set comes with AVX2, and the index uses it, so the machine has it.
            #[cfg(target_arch = "x86_64")]
            _ => unsafe { self.find_avx2(text, entries, places) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn find_avx2(&mut self, text: &[u8], entries: Entries<'_>, places: &mut [Place]) -> Found {
        self.find_with(text, entries, places)
    }

    /// Many readers never read a record: tables are made when the first one comes.
    #[cold]
    fn make_room(&mut self) {
        self.outlines.resize_with(OUTLINES, Outline::default);
        self.sets.resize(SETS, [NO_SHAPE; WAYS]);
        self.once.resize(SETS * WAYS, 0);
    }

    #[inline(always)]
    fn signature(&self, text: &[u8], entries: Entries<'_>, number: u64) -> u64 {
        let outline = &self.outlines[number as usize % OUTLINES];
        if outline.number != number {
            return number;
        }
        let mut mixed = number;
        for &entry in &outline.probes {
            mixed = (mixed.rotate_left(23) ^ key_at(text, entries, entry as usize)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        mixed
    }

    /// Finds another key to tell two shapes apart that have one signature.
    fn probe_further(&mut self, number: u64, signature: u64, keys: &[(u32, u32)]) {
        let set = self.sets[signature as usize >> SHIFT & (SETS - 1)];
        let Some(same) = set.iter().filter_map(|&shape| self.shapes.get(shape as usize)).find(|shape| shape.signature == signature) else { return };
        let Some((&(entry, _), _)) = keys.iter().zip(&same.keys).find(|(one, other)| one != other) else { return };
        let outline = &mut self.outlines[number as usize % OUTLINES];
        if outline.number != number {
            *outline = Outline { number, probes: Vec::new() };
        }
        if outline.probes.len() < MAX_PROBES && !outline.probes.contains(&entry) {
            outline.probes.push(entry);
        }
    }

    #[inline(always)]
    fn find_with(&mut self, text: &[u8], entries: Entries<'_>, places: &mut [Place]) -> Found {
        let number = outline(text, entries);
        let signature = self.signature(text, entries, number);
        let set = &mut self.sets[signature as usize >> SHIFT & (SETS - 1)];
        for way in 0..WAYS {
            let Some(shape) = self.shapes.get(set[way] as usize) else { break };
            if shape.signature == signature && shape.fits(text, entries, &self.names) {
                set[..=way].rotate_right(1);
                for &(slot, place) in &shape.values {
                    places[slot as usize] = place;
                }
                self.credit = (self.credit + HIT).min(MAX_CREDIT);
                return Found::Known;
            }
        }
        self.credit -= 1;
        if self.credit == 0 {
            (self.credit, self.rest) = (MAX_CREDIT, PAUSE);
        }
        Found::Unknown(Signature { outline: number, whole: signature })
    }

    /// True when a record of this signature should be remembered now: the second time that it comes.
    pub fn wants(&mut self, Signature { whole: signature, .. }: Signature, entries: Entries<'_>) -> bool {
        let once = &mut self.once[(signature >> 24) as usize % (SETS * WAYS)];
        std::mem::replace(once, signature) == signature && entries.count() <= MAX_ENTRIES && self.names.len() < MAX_NAMES
    }

    /// Remembers a valid record's shape: the entries of the keys that were looked at, and where its values stand.
    pub fn keep(&mut self, Signature { outline, whole: signature }: Signature, text: &[u8], entries: Entries<'_>, keys: &[u32], places: &[Place]) {
        let kinds = (0..entries.count().next_multiple_of(LANE)).map(|i| plain_kind(entries.kind(i))).collect();
        let is_scalar = |kind: u8| !matches!(kind, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"');
        let scalars = (0..entries.count()).filter(|i| is_scalar(entries.kind(*i))).map(|i| i as u32).collect();
        let keys: Vec<(u32, u32)> =
            keys.iter().map(|&key| (key, self.name_of(&text[entries.position(key as usize) + 1..entries.position(key as usize + 1)]))).collect();
        self.probe_further(outline, signature, &keys);
        let values = (0..).zip(places).filter(|(_, place)| place.next != 0).map(|(slot, place)| (slot, *place)).collect();
        let shape = Shape { signature, count: entries.count(), kinds, keys, scalars, values };
        let set = &mut self.sets[signature as usize >> SHIFT & (SETS - 1)];
        let number = match set[WAYS - 1] {
            NO_SHAPE => {
                self.shapes.push(shape);
                (self.shapes.len() - 1) as u16
            }
            oldest => {
                self.shapes[oldest as usize] = shape;
                oldest
            }
        };
        set.rotate_right(1);
        set[0] = number;
    }

    /// The number of a key, given with its closing quote and what follows it up to the colon.
    fn name_of(&mut self, text: &[u8]) -> u32 {
        let quote = text.iter().rposition(|byte| *byte == b'"').unwrap_or(0);
        let key = &text[..=quote];
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let length = key.len().min(HEAD);
        let mut name = Name { head: [0; HEAD], mask: [0; HEAD], rest: key[length..].into() };
        name.head[..length].copy_from_slice(&key[..length]);
        name.mask[..length].fill(0xff);
        self.names.push(name);
        self.numbers.insert(key.into(), (self.names.len() - 1) as u32);
        (self.names.len() - 1) as u32
    }
}

/// What a shape is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    outline: u64,
    whole: u64,
}

/// What a look at the cache gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The record is valid and its places are filled in.
    Known,
    /// The shape is not known; its signature.
    Unknown(Signature),
    Resting,
}

impl Shape {
    // Loops, not closures: those would be compiled without the instruction set of the caller.
    #[inline(always)]
    fn fits(&self, text: &[u8], entries: Entries<'_>, names: &[Name]) -> bool {
        if self.count != entries.count() {
            return false;
        }
        let mut differences = 0;
        for (kind, other) in self.kinds.iter().zip(entries.kinds_from(0, self.kinds.len())) {
            differences |= kind ^ plain_kind(*other);
        }
        if differences != 0 {
            return false;
        }
        for &(key, name) in &self.keys {
            if !names[name as usize].stands_at(text, entries.position(key as usize) + 1) {
                return false;
            }
        }
        for &i in &self.scalars {
            if !scalar_is_valid(text, entries.position(i as usize), entries.position(i as usize + 1)) {
                return false;
            }
        }
        true
    }
}

impl Name {
    /// True when the key and its closing quote stand at `start`.
    #[inline(always)]
    fn stands_at(&self, text: &[u8], start: usize) -> bool {
        match text.get(start..start + HEAD) {
            Some(bytes) => {
                let mut differences = 0;
                for ((byte, wanted), mask) in bytes.iter().zip(&self.head).zip(&self.mask) {
                    differences |= (byte ^ wanted) & mask;
                }
                differences == 0 && (self.rest.is_empty() || text[start + HEAD..].starts_with(&self.rest))
            }
            None => self.stands_near_end(&text[start..]),
        }
    }

    #[cold]
    fn stands_near_end(&self, text: &[u8]) -> bool {
        let length = self.mask.iter().filter(|mask| **mask != 0).count();
        self.rest.is_empty() && text.starts_with(&self.head[..length])
    }
}
