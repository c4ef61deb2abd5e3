//! UTF-16 with a byte order mark -> UTF-8, while streaming. Everything else passes as it is: whether it is UTF-8 is checked
//! record by record.

use std::io::{self, Cursor, Read};

/// Bytes taken from the source at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// The reader as UTF-8 if its first bytes say that it is UTF-16 (spreadsheets, PowerShell).
pub fn as_utf8(mut reader: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    let mut head = Vec::new();
    reader.by_ref().take(2).read_to_end(&mut head)?;
    let unit: fn([u8; 2]) -> u16 = match head.as_slice() {
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return Ok(Box::new(Cursor::new(head).chain(reader))),
    };
    Ok(Box::new(Utf16Reader { inner: reader, unit, bytes: Vec::new(), text: Vec::new(), taken: 0, high: None, at_end: false }))
}

struct Utf16Reader {
    inner: Box<dyn Read + Send>,
    unit: fn([u8; 2]) -> u16,
    /// Bytes read and not yet decoded: at most one between reads.
    bytes: Vec<u8>,
    text: Vec<u8>,
    taken: usize,
    /// The first half of a surrogate pair.
    high: Option<u16>,
    at_end: bool,
}

impl Read for Utf16Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() && !self.at_end {
            self.decode_more()?;
        }
        let count = buffer.len().min(self.text.len() - self.taken);
        buffer[..count].copy_from_slice(&self.text[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

impl Utf16Reader {
    fn decode_more(&mut self) -> io::Result<()> {
        let have = self.bytes.len();
        self.bytes.resize(BUFFER_BYTES, 0);
        let read = self.inner.read(&mut self.bytes[have..]);
        self.bytes.truncate(have + *read.as_ref().unwrap_or(&0));
        self.at_end = read? == 0;
        (self.taken, self.text) = (0, Vec::with_capacity(self.bytes.len() * 2));
        let whole = self.bytes.len() / 2 * 2;
        let units: Vec<u16> = self.high.take().into_iter().chain(self.bytes[..whole].chunks_exact(2).map(|pair| (self.unit)([pair[0], pair[1]]))).collect();
        self.bytes.drain(..whole);
        let keep = usize::from(!self.at_end && units.last().is_some_and(|unit| (0xD800..0xDC00).contains(unit)));
        let (now, later) = units.split_at(units.len() - keep);
        self.high = later.first().copied();
        for character in char::decode_utf16(now.iter().copied()).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)) {
            self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct ByOne(Vec<u8>, usize);
    impl Read for ByOne {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(byte) = self.0.get(self.1) else { return Ok(0) };
            buffer[0] = *byte;
            self.1 += 1;
            Ok(1)
        }
    }

    fn decode(bytes: Vec<u8>) -> String {
        let mut text = String::new();
        as_utf8(Box::new(ByOne(bytes, 0))).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn both_byte_orders_become_utf8_however_they_are_cut() {
        let text = "a,é\r\n😀,\n";
        let units: Vec<u16> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).collect();
        assert_eq!(decode(units.iter().flat_map(|unit| unit.to_le_bytes()).collect()), text);
        assert_eq!(decode(units.iter().flat_map(|unit| unit.to_be_bytes()).collect()), text);
        assert_eq!(decode(vec![0xff, 0xfe, 0x00, 0xd8]), "\u{fffd}");
    }

    #[test]
    fn other_bytes_pass() {
        assert_eq!(decode(b"\xef\xbb\xbfx".to_vec()), "\u{feff}x");
        assert_eq!(decode(b"x".to_vec()), "x");
        assert_eq!(decode(Vec::new()), "");
    }
}
