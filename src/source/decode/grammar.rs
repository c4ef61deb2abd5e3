//! Is a sequence of structural entries JSON? Which bracket closes which?
//!
//! The order of entries between brackets is checked 64 at a time by bit masks: what may stand before what, and whether a
//! member has a key. What masks cannot see, because it may lie any distance back, is which bracket an entry is in: a walk
//! over the brackets alone keeps them on a stack, and looks at what follows each that closes. Together they accept exactly
//! the grammar of RFC 8259; numbers and literals are checked where they stand.

#![allow(unsafe_code)]
// Calls of functions compiled for instruction sets that were detected.

use super::structural::{Entries, KindMasks, Simd, digits_of};

/// Values nested deeper than this are rejected; no known source comes near it.
pub const MAX_DEPTH: usize = 127;

/// Brackets of a text and their partners; reused from record to record.
pub struct Brackets {
    /// For an entry that opens a bracket, the entry that closes it.
    partners: Vec<u32>,
    open: Box<[u32; MAX_DEPTH + 1]>,
    depth: usize,
}

impl Default for Brackets {
    fn default() -> Self {
        Brackets { partners: Vec::new(), open: Box::new([0; MAX_DEPTH + 1]), depth: 0 }
    }
}

/// Masks of the 64 entries before those that are being looked at.
#[derive(Clone, Copy, Default)]
struct Before {
    masks: KindMasks,
    value: u64,
}

/// Bits moved up by `by` entries, the highest ones of the group before moving in.
#[inline(always)]
fn after(now: u64, before: u64, by: u32) -> u64 {
    now << by | before >> (64 - by)
}

/// Bits of the entries that cannot stand where they do, given the four entries before each.
#[inline(always)]
fn misplaced(now: &KindMasks, value: u64, other: u64, before: &Before) -> u64 {
    let old = &before.masks;
    let key_may_follow = after(now.open_object | now.comma, old.open_object | old.comma, 2);
    let (after_value, after_value_3) = (after(value, before.value, 1), after(value, before.value, 3));
    let (colon_2, colon_4) = (after(now.colon, old.colon, 2), after(now.colon, old.colon, 4));
    let comma_2 = after(now.comma, old.comma, 2);
    let after_string = after(now.string, old.string, 1);
    let after_open_object = after(now.open_object, old.open_object, 1);
    let closing = |masks: &KindMasks| masks.close_object | masks.close_list;
    let after_close = after(closing(now), closing(old), 1);
    let wants_value = |masks: &KindMasks| masks.open_list | masks.colon | masks.comma;
    let after_wanting = after(wants_value(now), wants_value(old), 1);
    let begins = now.open_object | now.open_list | other;
    let unwanted = (begins & !after_wanting) | (now.string & !(after_wanting | after_open_object));
    let stray_colon = now.colon & !(after_string & key_may_follow);
    let stray_comma = now.comma & !(after_value | after_close);
    // The member after a member needs a key; the element after an element must have none.
    let first_key = after(now.open_object, old.open_object, 2) & after_string;
    let no_key = ((first_key | (colon_4 & after_value_3 & comma_2)) & !now.colon) | (now.colon & comma_2 & after_value_3 & !colon_4);
    let wrong_end = (now.close_object & !(after_open_object | after_close | (after_value & colon_2)))
        | (now.close_list & !(after(now.open_list, old.open_list, 1) | after_close | (after_value & !colon_2)));
    unwanted | stray_colon | stray_comma | no_key | wrong_end
}

#[inline(always)]
fn is_open(kind: u8) -> bool {
    kind | 0x20 == b'{'
}

impl Brackets {
    /// True when the entries of `text` are one JSON value.
    #[inline]
    pub fn check(&mut self, text: &[u8], entries: Entries<'_>) -> bool {
        if self.partners.len() < entries.count() {
            self.partners.resize(entries.count().next_power_of_two(), 0);
        }
        match entries.simd() {
            // SAFETY: the index uses this instruction set, so the machine has it.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => unsafe { self.check_avx512(text, entries) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => unsafe { self.check_avx2(text, entries) },
            Simd::Portable => self.check_with(text, entries, KindMasks::portable),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
    fn check_avx512(&mut self, text: &[u8], entries: Entries<'_>) -> bool {
        self.check_with(text, entries, |kinds| super::structural::x86::masks_avx512(kinds))
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn check_avx2(&mut self, text: &[u8], entries: Entries<'_>) -> bool {
        self.check_with(text, entries, |kinds| super::structural::x86::masks_avx2(kinds))
    }

    #[inline(always)]
    fn check_with(&mut self, text: &[u8], entries: Entries<'_>, masks_of: impl Fn(&[u8; 64]) -> KindMasks) -> bool {
        self.depth = 0;
        // The first value stands as if a comma were before it: whether it may be a member is seen from its brackets.
        let mut before = Before { masks: KindMasks { comma: 1 << 63, ..KindMasks::default() }, value: 0 };
        let mut wrong = 0;
        for first in (0..entries.count()).step_by(64) {
            let rest = entries.count() - first;
            let live = if rest >= 64 { !0 } else { (1u64 << rest) - 1 };
            let masks = masks_of(entries.kinds64(first));
            let brackets = masks.open_object | masks.close_object | masks.open_list | masks.close_list;
            let other = live & !(brackets | masks.colon | masks.comma | masks.string);
            let value = masks.string | other;
            wrong |= misplaced(&masks, value, other, &before);
            before = Before { masks, value };
            if !self.match_brackets(first, brackets, entries) || !scalars_are_valid(text, first, other, entries) {
                return false;
            }
        }
        let is_one = entries.count() == 1 || is_open(entries.kind(0));
        wrong == 0 && self.depth == 0 && is_one && entries.count() > 0
    }

    /// Matches the brackets among 64 entries; false where one closes nothing, or what follows it is of another kind of bracket.
    #[inline(always)]
    fn match_brackets(&mut self, first: usize, mut brackets: u64, entries: Entries<'_>) -> bool {
        let mut depth = self.depth;
        while brackets != 0 {
            let i = first + brackets.trailing_zeros() as usize;
            brackets &= brackets - 1;
            let kind = entries.kind(i);
            if is_open(kind) {
                if depth >= MAX_DEPTH && (depth > MAX_DEPTH || entries.kind(i + 1) != kind + 2) {
                    return false;
                }
                self.open[depth] = i as u32;
                depth += 1;
                continue;
            }
            if depth == 0 {
                return false;
            }
            depth -= 1;
            let open = self.open[depth] as usize;
            if entries.kind(open) + 2 != kind {
                return false;
            }
            self.partners[open] = i as u32;
            if depth == 0 {
                if i + 1 != entries.count() {
                    return false;
                }
            } else if entries.kind(i + 1) == b',' {
                let in_object = entries.kind(self.open[depth - 1] as usize) == b'{';
                if (entries.kind(i + 3) == b':') != in_object {
                    return false;
                }
            }
        }
        self.depth = depth;
        true
    }

    /// The entry that closes the bracket which entry `open` opens.
    #[inline(always)]
    pub fn partner(&self, open: usize) -> usize {
        self.partners[open] as usize
    }
}

#[inline(always)]
fn scalars_are_valid(text: &[u8], first: usize, mut scalars: u64, entries: Entries<'_>) -> bool {
    while scalars != 0 {
        let i = first + scalars.trailing_zeros() as usize;
        scalars &= scalars - 1;
        if !scalar_is_valid(text, entries.position(i), entries.position(i + 1)) {
            return false;
        }
    }
    true
}

/// A number or literal that begins at `from` with nothing but blanks between its end and `to`.
#[inline(always)]
pub fn scalar_is_valid(text: &[u8], from: usize, to: usize) -> bool {
    let length = to - from;
    if length <= 16
        && let Some(bytes) = text.get(from..from + 16)
    {
        let bytes: &[u8; 16] = bytes.try_into().expect("a slice of 16");
        if digits_of(bytes) | u32::MAX << length == u32::MAX {
            return bytes[0] != b'0' || length == 1;
        }
    }
    is_scalar(trimmed(&text[from..to]))
}

/// Without JSON's blanks at the end.
pub fn trimmed(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    &text[..text.len() - blanks]
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
