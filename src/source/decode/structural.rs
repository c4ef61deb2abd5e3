//! Structural index of one JSON text: where its braces, brackets, colons, commas and string quotes are.
//!
//! One pass over the bytes in blocks of 64, with SIMD where the machine has it (chosen at run time). The index also
//! finds what a walk over it could not see: an unterminated string, a raw control character inside a string, a wrong
//! escape. It knows nothing of what the values mean. The scheme is that of simdjson (Langdale and Lemire, "Parsing
//! gigabytes of JSON per second", 2019): quote parity by carry-less multiplication, escapes by odd-run arithmetic.

#![allow(unsafe_code)]
// The only unsafe code of the crate: SIMD intrinsics behind run-time detection, each use with its reason.

/// What makes a text unusable as JSON, as far as the index sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexError {
    UnterminatedString,
    ControlCharacter,
    BadEscape,
}

/// Positions of structural bytes; reused from record to record so that indexing allocates nothing in the long run.
#[derive(Default)]
pub struct StructuralIndex {
    positions: Vec<u32>,
    /// Positions of the `u` of unicode escapes, whose digits are checked afterwards.
    unicode: Vec<u32>,
}

/// State carried from one 64-byte block to the next.
#[derive(Default)]
struct Carry {
    in_string: u64,
    escape: u64,
    control: u64,
    /// Bits of wrong escapes, and of backslashes outside strings.
    bad_escape: u64,
}

/// Bit masks of one block: bit i tells of byte i.
struct Block {
    quote: u64,
    backslash: u64,
    operator: u64,
    control: u64,
}

const ODD_BITS: u64 = 0xAAAA_AAAA_AAAA_AAAA;

impl StructuralIndex {
    /// Indexes `text` and returns the positions of its structural bytes in order; both quotes of a string count.
    pub fn index(&mut self, text: &[u8]) -> Result<&[u32], IndexError> {
        self.positions.clear();
        self.positions.reserve(text.len() + 64);
        self.unicode.clear();
        let carry = index_with_best(text, &mut self.positions, &mut self.unicode);
        if carry.bad_escape != 0 || !self.unicode.iter().all(|at| has_four_digits(text, *at as usize)) {
            return Err(if carry.in_string != 0 { IndexError::UnterminatedString } else { IndexError::BadEscape });
        }
        if carry.in_string != 0 {
            return Err(IndexError::UnterminatedString);
        }
        if carry.control != 0 {
            return Err(IndexError::ControlCharacter);
        }
        Ok(&self.positions)
    }
}

#[cfg(target_arch = "x86_64")]
fn index_with_best(text: &[u8], out: &mut Vec<u32>, unicode: &mut Vec<u32>) -> Carry {
    if std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vbmi2")
        && std::arch::is_x86_feature_detected!("pclmulqdq")
        && std::arch::is_x86_feature_detected!("bmi2")
    {
        // SAFETY: the features that the function is compiled for were just detected.
        return unsafe { x86::index_avx512(text, out, unicode) };
    }
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("pclmulqdq") {
        // SAFETY: as above.
        return unsafe { x86::index_avx2(text, out, unicode) };
    }
    index_portable(text, out, unicode)
}

#[cfg(not(target_arch = "x86_64"))]
fn index_with_best(text: &[u8], out: &mut Vec<u32>, unicode: &mut Vec<u32>) -> Carry {
    index_portable(text, out, unicode)
}

/// Byte-wise block masks: the fallback, and the reference that the SIMD versions are tested against.
fn index_portable(text: &[u8], out: &mut Vec<u32>, unicode: &mut Vec<u32>) -> Carry {
    let mut carry = Carry::default();
    for (number, bytes) in text.chunks(64).enumerate() {
        let mut block = Block { quote: 0, backslash: 0, operator: 0, control: 0 };
        for (i, &byte) in bytes.iter().enumerate() {
            let bit = 1u64 << i;
            match byte {
                b'"' => block.quote |= bit,
                b'\\' => block.backslash |= bit,
                b'{' | b'}' | b'[' | b']' | b':' | b',' => block.operator |= bit,
                0..=0x1f => block.control |= bit,
                _ => {}
            }
        }
        let escape_kinds = |escaped: u64| {
            let mut kinds = EscapeKinds { plain: 0, unicode: 0 };
            for (i, byte) in bytes.iter().enumerate().filter(|(i, _)| escaped >> i & 1 == 1) {
                match byte {
                    b'u' => kinds.unicode |= 1 << i,
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => kinds.plain |= 1 << i,
                    _ => {}
                }
            }
            kinds
        };
        let structural = carry.advance(&block, number * 64, unicode, prefix_xor, escape_kinds);
        push_positions(structural, number * 64, out);
    }
    carry
}

/// Which of the escaped bytes are one of JSON's single-letter escapes, and which begin a unicode escape (RFC 8259 section 7).
struct EscapeKinds {
    plain: u64,
    unicode: u64,
}

fn has_four_digits(text: &[u8], at: usize) -> bool {
    text.get(at + 1..at + 5).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Parity of the quotes up to and including each bit.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

fn push_positions(mut bits: u64, base: usize, out: &mut Vec<u32>) {
    while bits != 0 {
        out.push((base + bits.trailing_zeros() as usize) as u32);
        bits &= bits - 1;
    }
}

impl Carry {
    /// Structural bits of a block: operators outside strings, and unescaped quotes.
    #[inline(always)]
    fn advance(&mut self, block: &Block, base: usize, unicode: &mut Vec<u32>, prefix: impl Fn(u64) -> u64, kinds: impl Fn(u64) -> EscapeKinds) -> u64 {
        let escaped = self.escaped(block.backslash);
        let quote = block.quote & !escaped;
        let in_string = prefix(quote) ^ self.in_string;
        self.in_string = ((in_string as i64) >> 63) as u64;
        self.control |= block.control & in_string;
        if block.backslash | escaped != 0 {
            let kinds = kinds(escaped);
            self.bad_escape |= (escaped & !(kinds.plain | kinds.unicode)) | (block.backslash & !in_string);
            if kinds.unicode != 0 {
                push_positions(kinds.unicode, base, unicode);
            }
        }
        (block.operator & !in_string) | quote
    }

    /// Bits of the bytes that stand after an odd run of backslashes.
    #[inline(always)]
    fn escaped(&mut self, backslash: u64) -> u64 {
        if backslash == 0 {
            return std::mem::take(&mut self.escape);
        }
        let potential = backslash & !self.escape;
        let maybe = (potential << 1) | ODD_BITS;
        let code = maybe.wrapping_sub(potential) ^ ODD_BITS;
        let escaped = code ^ (backslash | self.escape);
        self.escape = (code & backslash) >> 63;
        escaped
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Block, Carry, EscapeKinds};
    use std::arch::x86_64::*;

    /// Copies the last, short block into a padded buffer, so that loads never leave the text.
    fn padded(tail: &[u8]) -> [u8; 64] {
        let mut buffer = [b' '; 64];
        buffer[..tail.len()].copy_from_slice(tail);
        buffer
    }

    /// Parity of quotes by carry-less multiplication with all ones.
    #[target_feature(enable = "pclmulqdq,sse2")]
    #[inline]
    fn prefix_xor_clmul(bits: u64) -> u64 {
        let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1), 0);
        _mm_cvtsi128_si64(product) as u64
    }

    /// Appends the set bits' positions. The vector was reserved for one entry a byte of text plus a block.
    #[target_feature(enable = "bmi1")]
    #[inline]
    fn push(mut bits: u64, base: u32, out: &mut Vec<u32>) {
        let count = bits.count_ones() as usize;
        let length = out.len();
        debug_assert!(length + count + 8 <= out.capacity());
        let mut written = 0;
        let spare = out.spare_capacity_mut();
        while written < count {
            for lane in 0..4 {
                spare[written + lane].write(base.wrapping_add(bits.trailing_zeros()));
                bits &= bits.wrapping_sub(1);
            }
            written += 4;
        }
        // SAFETY: the first `count` spare entries were written above.
        unsafe { out.set_len(length + count) };
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
    pub(super) fn index_avx2(text: &[u8], out: &mut Vec<u32>, unicode: &mut Vec<u32>) -> Carry {
        let mut carry = Carry::default();
        let whole = text.len() / 64 * 64;
        let mut one = |bytes: &[u8; 64], base: usize| {
            let structural = carry.advance(&block_avx2(bytes), base, unicode, |bits| prefix_xor_clmul(bits), |escaped| kinds_avx2(bytes, escaped));
            push(structural, base as u32, out);
        };
        for base in (0..whole).step_by(64) {
            one(text[base..base + 64].try_into().expect("a slice of 64"), base);
        }
        if whole < text.len() {
            one(&padded(&text[whole..]), whole);
        }
        carry
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn kinds_avx2(bytes: &[u8; 64], escaped: u64) -> EscapeKinds {
        // SAFETY: both loads stay inside the 64 bytes.
        let (low, high) = unsafe { (_mm256_loadu_si256(bytes.as_ptr().cast()), _mm256_loadu_si256(bytes.as_ptr().add(32).cast())) };
        let equal = |byte: u8| {
            let wanted = _mm256_set1_epi8(byte as i8);
            mask(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted))
        };
        let plain = equal(b'/') | equal(b'"') | equal(b'\\') | equal(b'b') | equal(b'f') | equal(b'n') | equal(b'r') | equal(b't');
        EscapeKinds { plain: plain & escaped, unicode: equal(b'u') & escaped }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn block_avx2(bytes: &[u8; 64]) -> Block {
        // SAFETY: both loads stay inside the 64 bytes.
        let (low, high) = unsafe { (_mm256_loadu_si256(bytes.as_ptr().cast()), _mm256_loadu_si256(bytes.as_ptr().add(32).cast())) };
        let equal = |byte: u8| {
            let wanted = _mm256_set1_epi8(byte as i8);
            mask(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted))
        };
        let space = _mm256_set1_epi8(0x20);
        let (low20, high20) = (_mm256_or_si256(low, space), _mm256_or_si256(high, space));
        // '[' and '{' (and ']' and '}') differ in bit 0x20 only.
        let folded = |byte: u8| {
            let wanted = _mm256_set1_epi8(byte as i8);
            mask(_mm256_cmpeq_epi8(low20, wanted), _mm256_cmpeq_epi8(high20, wanted))
        };
        let limit = _mm256_set1_epi8(0x1f);
        let control = mask(_mm256_cmpeq_epi8(_mm256_min_epu8(low, limit), low), _mm256_cmpeq_epi8(_mm256_min_epu8(high, limit), high));
        Block { quote: equal(b'"'), backslash: equal(b'\\'), operator: folded(b'{') | folded(b'}') | equal(b':') | equal(b','), control }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn mask(low: __m256i, high: __m256i) -> u64 {
        (_mm256_movemask_epi8(low) as u32 as u64) | ((_mm256_movemask_epi8(high) as u32 as u64) << 32)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,pclmulqdq,bmi1,bmi2,popcnt")]
    pub(super) fn index_avx512(text: &[u8], out: &mut Vec<u32>, unicode: &mut Vec<u32>) -> Carry {
        let mut carry = Carry::default();
        for base in (0..text.len()).step_by(64) {
            let rest = text.len() - base;
            let live: u64 = if rest >= 64 { !0 } else { (1u64 << rest) - 1 };
            // SAFETY: the mask keeps the load inside the text.
            let bytes = unsafe { _mm512_maskz_loadu_epi8(live, text.as_ptr().add(base).cast()) };
            let mut block = block_avx512(bytes);
            block.control &= live;
            let structural = carry.advance(&block, base, unicode, |bits| prefix_xor_clmul(bits), |escaped| kinds_avx512(bytes, escaped));
            push_avx512(structural, base as u32, out);
        }
        carry
    }

    /// Compresses the byte numbers of the set bits, widens them and stores 16 positions at a time.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
    #[inline]
    fn push_avx512(bits: u64, base: u32, out: &mut Vec<u32>) {
        let count = bits.count_ones() as usize;
        let length = out.len();
        debug_assert!(length + 64 <= out.capacity());
        let iota = _mm512_set_epi8(
            63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27,
            26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
        );
        let packed = _mm512_maskz_compress_epi8(bits, iota);
        let start = _mm512_set1_epi32(base as i32);
        // SAFETY: the vector has room for one entry a byte of text plus 64, so 64 entries after `length` fit: a block
        // gives at most one entry a byte, and the text's length in bytes plus 64 was reserved.
        unsafe {
            let target = out.as_mut_ptr().add(length);
            let store = |lane: __m128i, at: usize| {
                let wide = _mm512_add_epi32(_mm512_cvtepu8_epi32(lane), start);
                _mm512_storeu_si512(target.add(at).cast(), wide);
            };
            store(_mm512_castsi512_si128(packed), 0);
            if count > 16 {
                store(_mm512_extracti32x4_epi32(packed, 1), 16);
                if count > 32 {
                    store(_mm512_extracti32x4_epi32(packed, 2), 32);
                    store(_mm512_extracti32x4_epi32(packed, 3), 48);
                }
            }
            out.set_len(length + count);
        }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn kinds_avx512(bytes: __m512i, escaped: u64) -> EscapeKinds {
        let equal = |byte: u8| _mm512_mask_cmpeq_epi8_mask(escaped, bytes, _mm512_set1_epi8(byte as i8));
        let plain = equal(b'/') | equal(b'"') | equal(b'\\') | equal(b'b') | equal(b'f') | equal(b'n') | equal(b'r') | equal(b't');
        EscapeKinds { plain, unicode: equal(b'u') }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn block_avx512(bytes: __m512i) -> Block {
        let equal = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte as i8));
        let folded_bytes = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
        let folded = |byte: u8| _mm512_cmpeq_epi8_mask(folded_bytes, _mm512_set1_epi8(byte as i8));
        Block {
            quote: equal(b'"'),
            backslash: equal(b'\\'),
            operator: folded(b'{') | folded(b'}') | equal(b':') | equal(b','),
            control: _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = (Vec<u32>, Vec<u32>, bool, bool, bool);

    fn found(text: &[u8], index: impl Fn(&[u8], &mut Vec<u32>, &mut Vec<u32>) -> Carry) -> Found {
        let (mut out, mut unicode) = (Vec::with_capacity(text.len() + 64), Vec::new());
        let carry = index(text, &mut out, &mut unicode);
        (out, unicode, carry.in_string != 0, carry.control != 0, carry.bad_escape != 0)
    }

    #[test]
    fn simd_and_portable_indexes_agree_on_noise() {
        let alphabet = b"\"\\{}[]:,ab \n\t\x01\xc3\xa9/u0";
        let mut state = 7u64;
        for length in 0..700 {
            let text: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    alphabet[(state >> 33) as usize % alphabet.len()]
                })
                .collect();
            let expected = found(&text, index_portable);
            assert_eq!(found(&text, index_with_best), expected, "{text:?}");
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("pclmulqdq") {
                // SAFETY: the features were just detected.
                assert_eq!(found(&text, |text, out, unicode| unsafe { x86::index_avx2(text, out, unicode) }), expected, "{text:?}");
            }
        }
    }

    /// Every variant that this machine has must index records as the portable one does, wherever in a block they are broken.
    #[test]
    fn variants_agree_on_mutated_records() {
        let seed = br#"{"ts":"2026-05-04T09:00:00Z","req":{"uri":"/a\\b\"c?x=\u00e9","h":{"Authorization":"Bearer x.y.z","n":[1,-2.5e3,{}]}},"ok":true}"#;
        let tokens: [&[u8]; 9] = [b"\\", b"\"", b"\\\\\\", b"\x00", b"{", b"]", b"\\u12", b"\xc3\xa9", b"\n"];
        let mut state = 3u64;
        let mut below = |limit: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % limit
        };
        for _ in 0..20_000 {
            let mut text = seed.repeat(1 + below(3));
            for _ in 0..1 + below(6) {
                let at = below(text.len());
                match below(3) {
                    0 => text[at] = below(256) as u8,
                    1 => text.truncate(at.max(1)),
                    _ => drop(text.splice(at..at, tokens[below(tokens.len())].iter().copied())),
                }
            }
            let expected = found(&text, index_portable);
            assert_eq!(found(&text, index_with_best), expected, "{text:?}");
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("pclmulqdq") {
                // SAFETY: the features were just detected.
                assert_eq!(found(&text, |text, out, unicode| unsafe { x86::index_avx2(text, out, unicode) }), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn quotes_and_operators_are_found_and_strings_hide_theirs() {
        let mut index = StructuralIndex::default();
        let text = br#"{"a\"{":[1,"x,y"]}"#;
        let found: Vec<u8> = index.index(text).unwrap().iter().map(|&p| text[p as usize]).collect();
        assert_eq!(found, b"{\"\":[,\"\"]}");
        assert_eq!(index.index(b"{\"a"), Err(IndexError::UnterminatedString));
        assert_eq!(index.index(b"{\"a\x01\":1}"), Err(IndexError::ControlCharacter));
        assert_eq!(index.index(br#"{"\x":1}"#), Err(IndexError::BadEscape));
        assert_eq!(index.index(br#"{"\u12g4":1}"#), Err(IndexError::BadEscape));
    }
}
