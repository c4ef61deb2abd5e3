//! Structural index of one JSON text: where its braces, brackets, colons, commas, strings and other scalars begin.
//!
//! One pass over the bytes in blocks of 64, with SIMD where the machine has it (chosen at run time). The index also
//! finds what a walk over it could not see: an unterminated string, a raw control character inside a string, a wrong
//! escape. It knows nothing of what the values mean, and of their order only what `grammar` asks it. The scheme is that of
//! simdjson (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019): quote parity by carry-less
//! multiplication, escapes by odd-run arithmetic, the starts of scalars as pseudo-structural entries.

#![allow(unsafe_code)]
// SIMD intrinsics behind run-time detection, each use with its reason.

/// What makes a text unusable as JSON, as far as the index sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexError {
    UnterminatedString,
    ControlCharacter,
    BadEscape,
}

/// Entries that may be read past the last one: kinds are 0 there.
pub const PADDING: usize = 128;

/// The instruction sets that the index and the grammar are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simd {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Simd {
    /// The best that this machine has.
    pub fn detect() -> Simd {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("pclmulqdq") && has!("bmi1") && has!("bmi2") && has!("popcnt") && has!("avx2") {
                return if has!("avx512f") && has!("avx512bw") && has!("avx512vbmi2") { Simd::Avx512 } else { Simd::Avx2 };
            }
        }
        Simd::Portable
    }

    /// All that this machine has.
    #[cfg(test)]
    pub fn available() -> Vec<Simd> {
        match Simd::detect() {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => vec![Simd::Avx512, Simd::Avx2, Simd::Portable],
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => vec![Simd::Avx2, Simd::Portable],
            Simd::Portable => vec![Simd::Portable],
        }
    }
}

/// The entries of one text; reused from record to record so that indexing allocates nothing in the long run.
pub struct StructuralIndex {
    simd: Simd,
    count: usize,
    /// At least one a byte of text plus `PADDING`; only the first `count` (and one that is the text's length) count.
    positions: Vec<u32>,
    /// The byte at each position.
    kinds: Vec<u8>,
    /// For each block of 64 bytes, where its backslashes are.
    backslashes: Vec<u64>,
    /// Positions of the `u` of unicode escapes, whose digits are checked afterwards.
    unicode: Vec<u32>,
}

impl Default for StructuralIndex {
    fn default() -> Self {
        StructuralIndex::with(Simd::detect())
    }
}

/// State carried from one 64-byte block to the next.
#[derive(Default)]
struct Carry {
    in_string: u64,
    escape: u64,
    control: u64,
    /// 1 if the last byte of the block before belonged to a scalar.
    scalar: u64,
    /// Bits of wrong escapes, and of backslashes outside strings.
    bad_escape: u64,
}

/// Bit masks of one block: bit i tells of byte i.
struct Block {
    quote: u64,
    backslash: u64,
    operator: u64,
    blank: u64,
    control: u64,
}

const ODD_BITS: u64 = 0xAAAA_AAAA_AAAA_AAAA;

impl StructuralIndex {
    /// An index that uses the given instruction set, which the machine must have.
    pub(super) fn with(simd: Simd) -> Self {
        StructuralIndex { simd, count: 0, positions: Vec::new(), kinds: Vec::new(), backslashes: Vec::new(), unicode: Vec::new() }
    }

    /// Indexes `text` and returns the positions of its entries in order: operators, and where strings and other scalars begin.
    pub fn index(&mut self, text: &[u8]) -> Result<&[u32], IndexError> {
        let entries = text.len() + PADDING;
        if self.positions.len() < entries {
            self.positions.resize(entries.next_power_of_two(), 0);
            self.kinds.resize(entries.next_power_of_two(), 0);
            self.backslashes.resize(entries.next_power_of_two() / 64, 0);
        }
        self.unicode.clear();
        let carry = self.scan(text);
        self.positions[self.count] = text.len() as u32;
        self.kinds[self.count..self.count + PADDING].fill(0);
        if carry.bad_escape != 0 || !self.unicode.iter().all(|at| has_four_digits(text, *at as usize)) {
            return Err(if carry.in_string != 0 { IndexError::UnterminatedString } else { IndexError::BadEscape });
        }
        if carry.in_string != 0 {
            return Err(IndexError::UnterminatedString);
        }
        if carry.control != 0 {
            return Err(IndexError::ControlCharacter);
        }
        Ok(&self.positions[..self.count])
    }

    fn scan(&mut self, text: &[u8]) -> Carry {
        let mut out = Out { count: 0, positions: &mut self.positions, kinds: &mut self.kinds, backslashes: &mut self.backslashes, unicode: &mut self.unicode };
        let carry = match self.simd {
            // SAFETY: `Simd::detect` found the features that the function is compiled for.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => unsafe { x86::index_avx512(text, &mut out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => unsafe { x86::index_avx2(text, &mut out) },
            Simd::Portable => index_portable(text, &mut out),
        };
        self.count = out.count;
        carry
    }

    /// The entries that the last text gave.
    #[inline(always)]
    pub fn entries(&self) -> Entries<'_> {
        Entries { simd: self.simd, count: self.count, positions: &self.positions, kinds: &self.kinds, backslashes: &self.backslashes }
    }
}

/// Entries of a text, to be read without bounds checks.
#[derive(Clone, Copy)]
pub struct Entries<'a> {
    simd: Simd,
    count: usize,
    positions: &'a [u32],
    kinds: &'a [u8],
    backslashes: &'a [u64],
}

impl Entries<'_> {
    /// How many there are.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count
    }

    #[inline(always)]
    pub fn simd(&self) -> Simd {
        self.simd
    }

    /// Where entry `i` stands; for the entry after the last one, the text's length.
    #[inline(always)]
    pub fn position(&self, i: usize) -> usize {
        self.positions[i] as usize
    }

    /// The byte of entry `i`; 0 past the end, up to `PADDING` entries.
    #[inline(always)]
    pub fn kind(&self, i: usize) -> u8 {
        self.kinds[i]
    }

    /// The kinds of 64 entries from `first` on, which must be at most `count`.
    #[inline(always)]
    pub fn kinds64(&self, first: usize) -> &[u8; 64] {
        self.kinds[first..first + 64].try_into().expect("a slice of 64")
    }

    /// Which of 64 entries from `first` on are strings.
    #[inline(always)]
    pub fn strings(&self, first: usize) -> u64 {
        let kinds = self.kinds64(first);
        let mut bits = 0;
        for part in 0..4 {
            let sixteen: &[u8; 16] = kinds[part * 16..part * 16 + 16].try_into().expect("a slice of 16");
            bits |= u64::from(bytes_equal(sixteen, b'"')) << (part * 16);
        }
        bits
    }

    /// The kinds of `count` entries from `first` on, at most up to the padding.
    #[inline(always)]
    pub fn kinds_from(&self, first: usize, count: usize) -> &[u8] {
        &self.kinds[first..first + count]
    }

    /// True when the text has a backslash in `from..to`.
    #[inline(always)]
    pub fn has_backslash(&self, from: usize, to: usize) -> bool {
        if from >= to {
            return false;
        }
        let (block, shift) = (from / 64, from % 64);
        if to - from <= 64 {
            // A window over two blocks; the one after the last block is never looked at.
            let bits = self.backslashes[block] >> shift | self.backslashes[block + 1] << 1 << (63 - shift);
            return bits & (!0 >> (64 - (to - from))) != 0;
        }
        let last = (to - 1) / 64;
        self.backslashes[block] >> shift != 0
            || self.backslashes[last] & (!0 >> (63 - (to - 1) % 64)) != 0
            || self.backslashes[block + 1..last].iter().any(|block| *block != 0)
    }
}

/// Where a scan puts what it finds.
struct Out<'a> {
    count: usize,
    positions: &'a mut [u32],
    kinds: &'a mut [u8],
    backslashes: &'a mut [u64],
    unicode: &'a mut Vec<u32>,
}

/// Byte-wise block masks: the fallback, and the reference that the SIMD versions are tested against.
fn index_portable(text: &[u8], out: &mut Out<'_>) -> Carry {
    let mut carry = Carry::default();
    for (number, bytes) in text.chunks(64).enumerate() {
        let mut block = Block { quote: 0, backslash: 0, operator: 0, blank: if bytes.len() < 64 { !0 << bytes.len() } else { 0 }, control: 0 };
        for (i, &byte) in bytes.iter().enumerate() {
            let bit = 1u64 << i;
            match byte {
                b'"' => block.quote |= bit,
                b'\\' => block.backslash |= bit,
                b'{' | b'}' | b'[' | b']' | b':' | b',' => block.operator |= bit,
                b' ' | b'\t' | b'\n' | b'\r' => block.blank |= bit,
                _ => {}
            }
            if byte < b' ' {
                block.control |= bit;
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
        out.backslashes[number] = block.backslash;
        let mut entries = carry.advance(&block, number * 64, out.unicode, prefix_xor, escape_kinds);
        while entries != 0 {
            let at = entries.trailing_zeros() as usize;
            out.positions[out.count] = (number * 64 + at) as u32;
            out.kinds[out.count] = bytes[at];
            out.count += 1;
            entries &= entries - 1;
        }
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

impl Carry {
    /// Entry bits of a block: operators outside strings, opening quotes, first bytes of other scalars.
    #[inline(always)]
    fn advance(&mut self, block: &Block, base: usize, unicode: &mut Vec<u32>, prefix: impl Fn(u64) -> u64, kinds: impl Fn(u64) -> EscapeKinds) -> u64 {
        let escaped = self.escaped(block.backslash);
        let quote = block.quote & !escaped;
        // From the opening quote up to the byte before the closing one.
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
        let scalar = !(in_string | quote | block.operator | block.blank);
        let scalar_start = scalar & !(scalar << 1 | self.scalar);
        self.scalar = scalar >> 63;
        (block.operator & !in_string) | (quote & in_string) | scalar_start
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

#[cold]
fn push_positions(mut bits: u64, base: usize, out: &mut Vec<u32>) {
    while bits != 0 {
        out.push((base + bits.trailing_zeros() as usize) as u32);
        bits &= bits - 1;
    }
}

/// Bit masks of 64 entries by kind: bit i tells of entry i.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindMasks {
    pub open_object: u64,
    pub close_object: u64,
    pub open_list: u64,
    pub close_list: u64,
    pub colon: u64,
    pub comma: u64,
    pub string: u64,
}

impl KindMasks {
    /// Byte-wise: the fallback and the reference.
    pub fn portable(kinds: &[u8; 64]) -> KindMasks {
        let mut masks = KindMasks::default();
        for (i, kind) in kinds.iter().enumerate() {
            let mask = match kind {
                b'{' => &mut masks.open_object,
                b'}' => &mut masks.close_object,
                b'[' => &mut masks.open_list,
                b']' => &mut masks.close_list,
                b':' => &mut masks.colon,
                b',' => &mut masks.comma,
                b'"' => &mut masks.string,
                _ => continue,
            };
            *mask |= 1 << i;
        }
        masks
    }

    #[inline(always)]
    fn by(equal: impl Fn(u8) -> u64) -> KindMasks {
        KindMasks {
            open_object: equal(b'{'),
            close_object: equal(b'}'),
            open_list: equal(b'['),
            close_list: equal(b']'),
            colon: equal(b':'),
            comma: equal(b','),
            string: equal(b'"'),
        }
    }
}

/// Which of 16 bytes equal one: bit i tells of byte i.
#[inline(always)]
fn bytes_equal(bytes: &[u8; 16], byte: u8) -> u16 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86_64, and the load stays inside the 16 bytes.
    unsafe {
        use std::arch::x86_64::*;
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(bytes.as_ptr().cast()), _mm_set1_epi8(byte as i8))) as u16
    }
    #[cfg(not(target_arch = "x86_64"))]
    bytes.iter().enumerate().fold(0, |bits, (i, other)| bits | u16::from(*other == byte) << i)
}

/// Which of 16 bytes are digits: bit i tells of byte i.
#[inline(always)]
pub fn digits_of(bytes: &[u8; 16]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86_64, and the load stays inside the 16 bytes.
    unsafe {
        use std::arch::x86_64::*;
        let shifted = _mm_sub_epi8(_mm_loadu_si128(bytes.as_ptr().cast()), _mm_set1_epi8(b'0' as i8));
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(shifted, _mm_set1_epi8(9)), shifted)) as u32
    }
    #[cfg(not(target_arch = "x86_64"))]
    bytes.iter().enumerate().fold(0, |bits, (i, byte)| bits | u32::from(byte.is_ascii_digit()) << i)
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::{Block, Carry, EscapeKinds, KindMasks, Out, PADDING};
    use std::arch::x86_64::*;

    /// Operators and blanks by the low half of a byte, as simdjson has them: an operator with bit 0x20 set equals its
    /// entry in the first table, a blank its entry in the second.
    const OPERATORS: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b':', b'{', b',', b'}', 0, 0];
    const BLANKS: [u8; 16] = [b' ', 100, 100, 100, 17, 100, 113, 2, 100, b'\t', b'\n', 112, 100, b'\r', 100, 100];

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

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
    pub(super) fn index_avx2(text: &[u8], out: &mut Out<'_>) -> Carry {
        let mut carry = Carry::default();
        let whole = text.len() / 64 * 64;
        let mut one = |bytes: &[u8; 64], base: usize| {
            let block = block_avx2(bytes);
            out.backslashes[base / 64] = block.backslash;
            let entries = carry.advance(&block, base, out.unicode, |bits| prefix_xor_clmul(bits), |escaped| kinds_avx2(bytes, escaped));
            push(entries, bytes, base as u32, out);
        };
        for base in (0..whole).step_by(64) {
            one(text[base..base + 64].try_into().expect("a slice of 64"), base);
        }
        if whole < text.len() {
            one(&padded(&text[whole..]), whole);
        }
        carry
    }

    /// Appends the set bits' positions and bytes, four at a time.
    #[target_feature(enable = "bmi1,popcnt")]
    #[inline]
    fn push(mut bits: u64, bytes: &[u8; 64], base: u32, out: &mut Out<'_>) {
        let end = out.count + bits.count_ones() as usize;
        let mut at = out.count;
        while at < end {
            let positions: &mut [u32; 4] = (&mut out.positions[at..at + 4]).try_into().expect("a slice of 4");
            let kinds: &mut [u8; 4] = (&mut out.kinds[at..at + 4]).try_into().expect("a slice of 4");
            for lane in 0..4 {
                let byte = bits.trailing_zeros();
                positions[lane] = base.wrapping_add(byte);
                kinds[lane] = bytes[byte as usize % 64];
                bits &= bits.wrapping_sub(1);
            }
            at += 4;
        }
        out.count = end;
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn halves(bytes: &[u8; 64]) -> (__m256i, __m256i) {
        // SAFETY: both loads stay inside the 64 bytes.
        unsafe { (_mm256_loadu_si256(bytes.as_ptr().cast()), _mm256_loadu_si256(bytes.as_ptr().add(32).cast())) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn equal_avx2((low, high): (__m256i, __m256i), byte: u8) -> u64 {
        let wanted = _mm256_set1_epi8(byte as i8);
        mask(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn kinds_avx2(bytes: &[u8; 64], escaped: u64) -> EscapeKinds {
        let halves = halves(bytes);
        let equal = |byte: u8| equal_avx2(halves, byte);
        let plain = equal(b'/') | equal(b'"') | equal(b'\\') | equal(b'b') | equal(b'f') | equal(b'n') | equal(b'r') | equal(b't');
        EscapeKinds { plain: plain & escaped, unicode: equal(b'u') & escaped }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn block_avx2(bytes: &[u8; 64]) -> Block {
        let (low, high) = halves(bytes);
        // SAFETY: the loads stay inside the tables.
        let (operators, blanks) = unsafe { (_mm_loadu_si128(OPERATORS.as_ptr().cast()), _mm_loadu_si128(BLANKS.as_ptr().cast())) };
        let (operators, blanks) = (_mm256_broadcastsi128_si256(operators), _mm256_broadcastsi128_si256(blanks));
        let case = _mm256_set1_epi8(0x20);
        let operator = |half| _mm256_cmpeq_epi8(_mm256_shuffle_epi8(operators, half), _mm256_or_si256(half, case));
        let blank = |half| _mm256_cmpeq_epi8(_mm256_shuffle_epi8(blanks, half), half);
        let limit = _mm256_set1_epi8(0x1f);
        let control = mask(_mm256_cmpeq_epi8(_mm256_min_epu8(low, limit), low), _mm256_cmpeq_epi8(_mm256_min_epu8(high, limit), high));
        Block {
            quote: equal_avx2((low, high), b'"'),
            backslash: equal_avx2((low, high), b'\\'),
            // A control character with bit 0x20 set can look like an operator.
            operator: mask(operator(low), operator(high)) & !control,
            blank: mask(blank(low), blank(high)),
            control,
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn mask(low: __m256i, high: __m256i) -> u64 {
        (_mm256_movemask_epi8(low) as u32 as u64) | ((_mm256_movemask_epi8(high) as u32 as u64) << 32)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(in super::super) fn masks_avx2(kinds: &[u8; 64]) -> KindMasks {
        let halves = halves(kinds);
        KindMasks::by(|byte| equal_avx2(halves, byte))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,pclmulqdq,bmi1,bmi2,popcnt")]
    pub(super) fn index_avx512(text: &[u8], out: &mut Out<'_>) -> Carry {
        let mut carry = Carry::default();
        for base in (0..text.len()).step_by(64) {
            let rest = text.len() - base;
            let live: u64 = if rest >= 64 { !0 } else { (1u64 << rest) - 1 };
            // SAFETY: the mask keeps the load inside the text.
            let bytes = unsafe { _mm512_mask_loadu_epi8(_mm512_set1_epi8(b' ' as i8), live, text.as_ptr().add(base).cast()) };
            let block = block_avx512(bytes);
            out.backslashes[base / 64] = block.backslash;
            let entries = carry.advance(&block, base, out.unicode, |bits| prefix_xor_clmul(bits), |escaped| kinds_avx512(bytes, escaped));
            push_avx512(entries, bytes, base as u32, out);
        }
        carry
    }

    /// Compresses the set bits' bytes and byte numbers; the numbers are widened and stored 16 positions at a time.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
    #[inline]
    fn push_avx512(bits: u64, bytes: __m512i, base: u32, out: &mut Out<'_>) {
        let count = bits.count_ones() as usize;
        let iota = _mm512_set_epi8(
            63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27,
            26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
        );
        let packed = _mm512_maskz_compress_epi8(bits, iota);
        let start = _mm512_set1_epi32(base as i32);
        let room = out.positions.len().min(out.kinds.len());
        assert!(out.count + PADDING <= room);
        // SAFETY: 64 entries after `count` fit, as was just checked.
        unsafe {
            _mm512_storeu_si512(out.kinds.as_mut_ptr().add(out.count).cast(), _mm512_maskz_compress_epi8(bits, bytes));
            let target = out.positions.as_mut_ptr().add(out.count);
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
        }
        out.count += count;
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
        // SAFETY: the loads stay inside the tables.
        let (operators, blanks) = unsafe { (_mm_loadu_si128(OPERATORS.as_ptr().cast()), _mm_loadu_si128(BLANKS.as_ptr().cast())) };
        let (operators, blanks) = (_mm512_broadcast_i32x4(operators), _mm512_broadcast_i32x4(blanks));
        let equal = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte as i8));
        let control = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20));
        let cased = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
        Block {
            quote: equal(b'"'),
            backslash: equal(b'\\'),
            // A control character with bit 0x20 set can look like an operator.
            operator: _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(operators, bytes), cased) & !control,
            blank: _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(blanks, bytes), bytes),
            control,
        }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    pub(in super::super) fn masks_avx512(kinds: &[u8; 64]) -> KindMasks {
        // SAFETY: the load stays inside the 64 bytes.
        let kinds = unsafe { _mm512_loadu_si512(kinds.as_ptr().cast()) };
        KindMasks::by(|byte| _mm512_cmpeq_epi8_mask(kinds, _mm512_set1_epi8(byte as i8)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = (Vec<u32>, Vec<u8>, Vec<u64>, Vec<u32>, bool, bool, bool);

    fn found(text: &[u8], simd: Simd) -> Found {
        let mut index = StructuralIndex::with(simd);
        let _ = index.index(text);
        let carry = index.scan(text);
        let blocks = text.len().div_ceil(64);
        let (positions, kinds) = (index.positions[..index.count].to_vec(), index.kinds[..index.count].to_vec());
        (positions, kinds, index.backslashes[..blocks].to_vec(), index.unicode, carry.in_string != 0, carry.control != 0, carry.bad_escape != 0)
    }

    #[test]
    fn simd_and_portable_indexes_agree_on_noise() {
        let alphabet = b"\"\\{}[]:,ab \n\t\r\x01\x0c\x1a\xc3\xa9/u0-";
        let mut state = 7u64;
        for length in 0..700 {
            let text: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    alphabet[(state >> 33) as usize % alphabet.len()]
                })
                .collect();
            let expected = found(&text, Simd::Portable);
            for simd in Simd::available() {
                assert_eq!(found(&text, simd), expected, "{simd:?} {text:?}");
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
            let expected = found(&text, Simd::Portable);
            for simd in Simd::available() {
                assert_eq!(found(&text, simd), expected, "{simd:?} {text:?}");
            }
        }
    }

    #[test]
    fn masks_agree_on_all_kinds() {
        let kinds: [u8; 64] = std::array::from_fn(|i| b"{}[]:,\"0nt-x\0\x0c{{,"[i % 17]);
        let expected = KindMasks::portable(&kinds);
        for simd in Simd::available() {
            let found = match simd {
                // SAFETY: the machine has what `available` names.
                #[cfg(target_arch = "x86_64")]
                Simd::Avx512 => unsafe { x86::masks_avx512(&kinds) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Simd::Avx2 => unsafe { x86::masks_avx2(&kinds) },
                Simd::Portable => KindMasks::portable(&kinds),
            };
            assert_eq!(found, expected, "{simd:?}");
        }
    }

    #[test]
    fn digits_are_told_from_all_other_bytes() {
        for byte in 0..=255u8 {
            let mut bytes = [b'7'; 16];
            bytes[5] = byte;
            assert_eq!(digits_of(&bytes), if byte.is_ascii_digit() { 0xffff } else { 0xffdf });
        }
    }

    #[test]
    fn strings_hide_their_operators_and_scalars_are_entries() {
        let mut index = StructuralIndex::default();
        let text = br#"{"a\"{":[1,"x,y", true]}"#;
        let found: Vec<u8> = index.index(text).unwrap().iter().map(|&p| text[p as usize]).collect();
        assert_eq!(found, b"{\":[1,\",t]}");
        let entries = index.entries();
        assert_eq!((entries.has_backslash(2, 6), entries.has_backslash(4, 6), entries.has_backslash(2, 3)), (true, false, false));
        assert_eq!(index.index(b"{\"a"), Err(IndexError::UnterminatedString));
        assert_eq!(index.index(b"{\"a\x01\":1}"), Err(IndexError::ControlCharacter));
        assert_eq!(index.index(br#"{"\x":1}"#), Err(IndexError::BadEscape));
        assert_eq!(index.index(br#"{"\u12g4":1}"#), Err(IndexError::BadEscape));
    }
}
