//! Why is a text no JSON? Asked only of records that were found to be wrong: a walk from value to value that stops at the
//! first fault and names it. It shares nothing with the fast check, which is tested against it.

use super::grammar::{MAX_DEPTH, is_scalar};
use super::json::JsonError;

/// The first fault of a record whose strings are sound; a record is one object.
pub fn fault_of_record(text: &[u8]) -> Result<(), JsonError> {
    let positions = positions_of(text);
    let walk = Walk { text, positions: &positions };
    if walk.byte(0) == b'{' && walk.is_blank(0, walk.at(0)) {
        return walk.whole();
    }
    if positions.is_empty() {
        return Err(JsonError::Syntax);
    }
    walk.whole().and(Err(JsonError::NotAnObject))
}

/// The first fault of a value of any kind whose strings are sound.
pub fn fault_of_value(text: &[u8]) -> Result<(), JsonError> {
    Walk { text, positions: &positions_of(text) }.whole()
}

/// Where operators and both quotes of strings stand.
fn positions_of(text: &[u8]) -> Vec<u32> {
    let mut positions = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        let is_entry = match byte {
            _ if escaped => false,
            b'"' => true,
            b'{' | b'}' | b'[' | b']' | b':' | b',' => !in_string,
            _ => false,
        };
        in_string ^= is_entry && *byte == b'"';
        escaped = !escaped && *byte == b'\\';
        if is_entry {
            positions.push(at as u32);
        }
    }
    positions
}

struct Walk<'a> {
    text: &'a [u8],
    positions: &'a [u32],
}

impl Walk<'_> {
    fn whole(&self) -> Result<(), JsonError> {
        let end = self.skip(0, 0, 0)?;
        self.end(end)
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

    fn at(&self, i: usize) -> usize {
        self.positions.get(i).map_or(self.text.len(), |&position| position as usize)
    }

    /// The structural byte of entry `i`; 0 past the end.
    fn byte(&self, i: usize) -> u8 {
        self.positions.get(i).map_or(0, |&position| self.text[position as usize])
    }

    fn is_blank(&self, from: usize, to: usize) -> bool {
        from == to || self.text[from..to].iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// Entry `i` must follow entry `i - 1` with blanks only.
    fn adjacent(&self, i: usize) -> Result<(), JsonError> {
        if self.is_blank(self.at(i - 1) + 1, self.at(i)) { Ok(()) } else { Err(JsonError::Syntax) }
    }

    fn syntax_at(&self, i: usize) -> JsonError {
        if i >= self.positions.len() { JsonError::Truncated } else { JsonError::Syntax }
    }

    /// Reads the key at entry `i` and its colon; the value's first entry is `i + 3`.
    fn key(&self, i: usize) -> Result<(usize, usize), JsonError> {
        if self.byte(i) != b'"' || self.byte(i + 2) != b':' {
            return Err(if i + 2 < self.positions.len() { JsonError::Syntax } else { JsonError::Truncated });
        }
        self.adjacent(i)?;
        self.adjacent(i + 2)?;
        Ok((self.at(i) + 1, self.at(i + 1)))
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
    fn scalar(&self, i: usize, start: usize) -> Result<(), JsonError> {
        let (from, to) = self.trimmed(start, self.at(i));
        if is_scalar(&self.text[from..to]) { Ok(()) } else { Err(self.syntax_at(i)) }
    }

    /// Checks the value that begins after `start` and whose first entry is `i`, and everything in it, without reading it.
    /// Returns the entry after it. Brackets are kept as bits of a word: 1 for an object, 0 for an array.
    fn skip(&self, i: usize, start: usize, depth: usize) -> Result<usize, JsonError> {
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
    fn after(&self, i: usize) -> Result<(), JsonError> {
        if self.is_blank(self.at(i - 1) + 1, self.at(i)) { Ok(()) } else { Err(self.syntax_at(i)) }
    }
}
