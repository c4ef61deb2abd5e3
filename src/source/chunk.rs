//! Decompressed bytes -> chunks of whole records, streamed: a file is never held whole.
//!
//! `Lines`: one record a line, numbered by line. `Values`: JSON values one after the other, whatever the line breaks
//! (pretty-printed records, arrays, wrapper objects whose list holds the records, at any depth), numbered in order. `W3c`: lines, each
//! chunk with the `#Fields:` directive in force at its start. `Csv`: rows, which may span lines, numbered in order with the
//! header as 1; each chunk comes with that header. Finding the ends of records needs no validation: that is the decoder's
//! work.

use super::decode::csv::{self, Row};
use std::io::{self, Read};
use std::sync::Arc;

/// Bytes in a chunk, about; a chunk of one long record is longer.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// A record longer than this is rejected. Its structural index takes four times as much, for each thread.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// How records are set in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    Lines,
    /// Paths (keys joined by dots) in a top-level object whose list holds the records.
    Values {
        wrappers: Vec<String>,
    },
    W3c,
    Csv,
}

/// One record's place in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    pub start: usize,
    pub end: usize,
    /// Set for what cannot be a record: a reject reason.
    pub problem: Option<&'static str>,
}

/// A run of whole records.
#[derive(Debug)]
pub struct Chunk {
    pub bytes: Vec<u8>,
    /// Offset of the first byte in the decompressed file.
    pub offset: u64,
    /// Number of the first record (line) in the file, from 1.
    pub first_record: u64,
    /// `None`: the records are the chunk's lines. An element without bytes and problem (a header, a blank row) is only
    /// numbered.
    pub elements: Option<Vec<Element>>,
    /// The line that names the columns of the first record.
    pub header: Option<Arc<[u8]>>,
}

impl Chunk {
    /// Calls `visit(number, start, end, problem)` for each record. A batch on one line (a JSON array of objects, as gateways
    /// post it) gives its records, each with the line's number.
    pub fn each_record(&self, mut visit: impl FnMut(u64, usize, usize, Option<&'static str>)) {
        match &self.elements {
            Some(elements) => {
                let is_record = |element: &Element| element.start < element.end || element.problem.is_some();
                for (i, element) in elements.iter().enumerate().filter(|(_, element)| is_record(element)) {
                    visit(self.first_record + i as u64, element.start, element.end, element.problem);
                }
            }
            None => each_line(&self.bytes, |line, start, end| match objects_of_array(&self.bytes[start..end]) {
                None => visit(self.first_record + line, start, end, None),
                Some(objects) => objects.iter().for_each(|object| visit(self.first_record + line, start + object.start, start + object.end, None)),
            }),
        }
    }
}

/// Cuts a reader into chunks.
pub struct ChunkReader {
    reader: Box<dyn Read + Send>,
    framing: Framing,
    carry: Vec<u8>,
    /// A used buffer, for the next chunk.
    spare: Vec<u8>,
    offset: u64,
    next_record: u64,
    at_end: bool,
    splitter: Splitter,
    header: Option<Arc<[u8]>>,
}

impl ChunkReader {
    /// `head`: bytes already taken from the reader by detection.
    pub fn new(reader: Box<dyn Read + Send>, framing: Framing, head: Vec<u8>) -> Self {
        let bom = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let carry = head[bom..].to_vec();
        let wrappers = match &framing {
            Framing::Values { wrappers } => wrappers.clone(),
            _ => Vec::new(),
        };
        let splitter = Splitter::new(wrappers);
        ChunkReader { reader, framing, carry, spare: Vec::new(), offset: bom as u64, next_record: 1, at_end: false, splitter, header: None }
    }

    /// The next chunk, `None` at the end. An error (a broken archive, a read error) ends the file: what was read before it
    /// has been handed out or comes with `take_rest`.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        match self.framing {
            Framing::Lines | Framing::W3c => self.next_lines(),
            Framing::Values { .. } => self.next_values(),
            Framing::Csv => self.next_rows(),
        }
    }

    /// After an error: the bytes already decompressed, as a last chunk.
    pub fn take_rest(&mut self) -> Option<Chunk> {
        self.at_end = true;
        self.next_chunk().ok().flatten()
    }

    /// Gives back a chunk's buffer for use in a later one: fresh memory costs more than reading into it.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        self.spare = bytes;
    }

    /// Reads until the carry holds `wanted` bytes or the input ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let mut filled = self.carry.len();
        if self.at_end || filled >= wanted {
            return Ok(());
        }
        self.carry.resize(wanted, 0);
        let outcome = loop {
            match self.reader.read(&mut self.carry[filled..]) {
                Ok(0) => {
                    self.at_end = true;
                    break Ok(());
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if filled == wanted {
                break Ok(());
            }
        };
        self.carry.truncate(filled);
        outcome
    }

    /// Takes the first `count` bytes off the carry; the rest moves to a spare buffer.
    fn take(&mut self, count: usize) -> Vec<u8> {
        let mut next = std::mem::take(&mut self.spare);
        next.clear();
        next.extend_from_slice(&self.carry[count..]);
        let mut bytes = std::mem::replace(&mut self.carry, next);
        bytes.truncate(count);
        bytes
    }

    fn next_lines(&mut self) -> io::Result<Option<Chunk>> {
        let mut wanted = CHUNK_BYTES;
        loop {
            self.fill(wanted)?;
            if self.carry.is_empty() {
                return Ok(None);
            }
            if self.at_end {
                let bytes = std::mem::take(&mut self.carry);
                return Ok(Some(self.lines_chunk(bytes)));
            }
            if let Some(last) = memchr::memrchr(b'\n', &self.carry) {
                let bytes = self.take(last + 1);
                return Ok(Some(self.lines_chunk(bytes)));
            }
            if self.carry.len() >= MAX_RECORD_BYTES {
                return self.skip_long_line().map(Some);
            }
            wanted = (self.carry.len() * 2).min(MAX_RECORD_BYTES);
        }
    }

    fn lines_chunk(&mut self, bytes: Vec<u8>) -> Chunk {
        let header = self.header.clone();
        if self.framing == Framing::W3c
            && let Some(directive) = last_fields_directive(&bytes)
        {
            self.header = Some(directive.into());
        }
        let chunk = Chunk { offset: self.offset, first_record: self.next_record, elements: None, header, bytes };
        self.offset += chunk.bytes.len() as u64;
        self.next_record += memchr::memchr_iter(b'\n', &chunk.bytes).count() as u64;
        chunk
    }

    /// Passes over a line that is too long to hold; it becomes one reject.
    fn skip_long_line(&mut self) -> io::Result<Chunk> {
        let element = Element { start: 0, end: 0, problem: Some("record_too_long") };
        let chunk = Chunk { bytes: Vec::new(), offset: self.offset, first_record: self.next_record, elements: Some(vec![element]), header: None };
        self.next_record += 1;
        loop {
            self.offset += self.carry.len() as u64;
            self.carry.clear();
            self.fill(CHUNK_BYTES)?;
            if let Some(end) = memchr::memchr(b'\n', &self.carry) {
                self.offset += end as u64 + 1;
                self.carry.drain(..=end);
                return Ok(chunk);
            }
            if self.at_end {
                self.offset += self.carry.len() as u64;
                self.carry.clear();
                return Ok(chunk);
            }
        }
    }

    fn next_values(&mut self) -> io::Result<Option<Chunk>> {
        let mut wanted = CHUNK_BYTES;
        loop {
            self.fill(wanted)?;
            self.splitter.scan(&self.carry);
            let open = self.splitter.open_record();
            let too_long = open.is_some_and(|start| self.carry.len() - start > MAX_RECORD_BYTES);
            if !self.splitter.elements.is_empty() || self.at_end || too_long || open.is_none() {
                break;
            }
            wanted = self.carry.len() * 2;
        }
        if self.at_end {
            self.splitter.finish(&self.carry);
        } else if self.splitter.open_record().is_some_and(|start| self.carry.len() - start > MAX_RECORD_BYTES) {
            self.splitter.give_up_record(&self.carry);
        }
        let elements = std::mem::take(&mut self.splitter.elements);
        let keep_from = self.splitter.open_record().unwrap_or(self.carry.len());
        let bytes = self.take(keep_from);
        self.splitter.shift(keep_from);
        if elements.is_empty() && self.at_end {
            return Ok(None);
        }
        let chunk = Chunk { offset: self.offset, first_record: self.next_record, bytes, elements: Some(elements), header: None };
        self.offset += keep_from as u64;
        self.next_record += chunk.elements.as_ref().map_or(0, Vec::len) as u64;
        Ok(Some(chunk))
    }

    fn next_rows(&mut self) -> io::Result<Option<Chunk>> {
        let mut wanted = CHUNK_BYTES;
        loop {
            self.fill(wanted)?;
            if self.carry.is_empty() {
                return Ok(None);
            }
            let separator = csv::separator(self.header.as_deref().unwrap_or(self.carry.trim_ascii_start()));
            let (mut elements, mut used) = rows_of(&self.carry, separator, self.at_end);
            if elements.is_empty() && self.carry.len() >= MAX_RECORD_BYTES {
                // Where the next row starts cannot be told: what follows is read as rows as far as it is any.
                used = self.carry.len();
                elements.push(Element { start: 0, end: used, problem: Some("record_too_long") });
            }
            if !elements.is_empty() {
                return Ok(Some(self.rows_chunk(elements, used)));
            }
            wanted = (self.carry.len() * 2).min(MAX_RECORD_BYTES);
        }
    }

    fn rows_chunk(&mut self, mut elements: Vec<Element>, used: usize) -> Chunk {
        let bytes = self.take(used);
        if self.header.is_none()
            && let Some(first) = elements.iter_mut().find(|element| element.start < element.end)
        {
            self.header = Some(bytes[first.start..first.end].into());
            first.end = first.start;
        }
        let chunk = Chunk { offset: self.offset, first_record: self.next_record, bytes, elements: Some(elements), header: self.header.clone() };
        self.offset += used as u64;
        self.next_record += chunk.elements.as_ref().map_or(0, Vec::len) as u64;
        chunk
    }
}

/// The last `#Fields:` line of a chunk; such lines are few, and so are the other `#`.
fn last_fields_directive(bytes: &[u8]) -> Option<&[u8]> {
    let at = memchr::memrchr_iter(b'#', bytes).find(|at| bytes[*at..].starts_with(b"#Fields:") && (*at == 0 || bytes[at - 1] == b'\n'))?;
    let line = &bytes[at..];
    Some(line[..memchr::memchr(b'\n', line).unwrap_or(line.len())].trim_ascii_end())
}

/// The whole rows at the beginning of some bytes, and where the next one starts.
fn rows_of(bytes: &[u8], separator: u8, at_end: bool) -> (Vec<Element>, usize) {
    let (mut elements, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match csv::next_row(bytes, at, separator) {
            Row::Whole { end, next } => {
                elements.push(Element { start: at, end, problem: None });
                at = next;
            }
            Row::Open { in_quotes } if at_end => {
                elements.push(Element { start: at, end: bytes.len(), problem: in_quotes.then_some("unterminated_quote") });
                at = bytes.len();
            }
            Row::Open { .. } => break,
        }
    }
    (elements, at)
}

/// Calls `visit(line number from 0, start, end)` for each line that is not blank; a carriage return at its end is left off.
fn each_line(bytes: &[u8], mut visit: impl FnMut(u64, usize, usize)) {
    let (mut start, mut line) = (0, 0);
    while start < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
        let mut text_end = end;
        while text_end > start && matches!(bytes[text_end - 1], b'\r' | b' ' | b'\t') {
            text_end -= 1;
        }
        if text_end > start {
            visit(line, start, text_end);
        }
        start = end + 1;
        line += 1;
    }
}

/// The objects of a line that is a whole JSON array of objects, as gateways that post in batches write it.
fn objects_of_array(line: &[u8]) -> Option<Vec<Element>> {
    if line[0] != b'[' || super::decode::json::validate(line).is_err() {
        return None;
    }
    let elements = elements_of(line);
    elements.iter().all(|element| line[element.start] == b'{').then_some(elements)
}

/// The elements of one whole JSON array.
fn elements_of(array: &[u8]) -> Vec<Element> {
    let mut splitter = Splitter::new(Vec::new());
    splitter.scan(array);
    splitter.finish(array);
    splitter.elements
}

/// Finds the ends of JSON values in a stream, by depth and strings alone.
struct Splitter {
    /// Each as its keys.
    wrappers: Vec<Vec<String>>,
    position: usize,
    depth: usize,
    /// Depth at which records stand: 0 at the top, 1 in a top-level array, 2 and more in a wrapper's list.
    level: usize,
    /// The records are the values of an object: a wrapper's path ends in `*`.
    are_members: bool,
    in_string: bool,
    /// Start of the record being read.
    start: Option<usize>,
    /// In a top-level object and those inside it, as deep as wrappers go: where the last key of each stood.
    keys: Vec<Option<(usize, usize)>>,
    string_start: usize,
    after_colon: bool,
    elements: Vec<Element>,
}

impl Splitter {
    fn new(wrappers: Vec<String>) -> Self {
        let wrappers: Vec<Vec<String>> = wrappers.iter().map(|path| path.split('.').map(str::to_string).collect()).collect();
        Splitter {
            keys: vec![None; wrappers.iter().map(Vec::len).max().unwrap_or(0)],
            wrappers,
            position: 0,
            depth: 0,
            level: 0,
            are_members: false,
            in_string: false,
            start: None,
            string_start: 0,
            after_colon: false,
            elements: Vec::new(),
        }
    }

    fn open_record(&self) -> Option<usize> {
        self.start
    }

    fn shift(&mut self, by: usize) {
        self.position -= by;
        self.start = self.start.map(|start| start.saturating_sub(by));
        self.string_start = self.string_start.saturating_sub(by);
        for key in &mut self.keys {
            *key = key.and_then(|(start, end)| Some((start.checked_sub(by)?, end - by)));
        }
    }

    fn scan(&mut self, bytes: &[u8]) {
        while self.position < bytes.len() {
            if self.in_string {
                self.scan_string(bytes);
                continue;
            }
            let byte = bytes[self.position];
            match byte {
                b'"' => {
                    self.in_string = true;
                    self.string_start = self.position + 1;
                    self.open(self.position);
                }
                b'{' | b'[' => self.push(byte, bytes),
                b'}' | b']' => self.pop(),
                b':' => {
                    self.after_colon = true;
                    if self.are_members && self.depth == self.level {
                        // What came before is the key.
                        self.start = None;
                    }
                }
                b',' => {
                    self.after_colon = false;
                    if self.depth == self.level {
                        self.close(self.position);
                    }
                }
                b' ' | b'\t' | b'\n' | b'\r' => {
                    let is_key = self.are_members && !self.after_colon;
                    if self.depth == self.level && self.start.is_some() && !is_key {
                        self.close(self.position);
                    }
                }
                _ => self.open(self.position),
            }
            self.position += 1;
        }
    }

    fn scan_string(&mut self, bytes: &[u8]) {
        match memchr::memchr2(b'"', b'\\', &bytes[self.position..]) {
            None => self.position = bytes.len(),
            Some(at) if bytes[self.position + at] == b'\\' => {
                // The escaped byte may not have been read yet: wait for it.
                if self.position + at + 1 >= bytes.len() {
                    self.position += at;
                    return self.wait(bytes);
                }
                self.position += at + 2;
            }
            Some(at) => {
                let end = self.position + at;
                self.in_string = false;
                if self.level == 0
                    && !self.after_colon
                    && let Some(key) = self.depth.checked_sub(1).and_then(|depth| self.keys.get_mut(depth))
                {
                    *key = Some((self.string_start, end));
                }
                self.position = end + 1;
            }
        }
    }

    /// Leaves a lone backslash at the end for the next read by stepping over it with its string still open.
    fn wait(&mut self, bytes: &[u8]) {
        // Two bytes are skipped once they are there; `position` past the end is caught up by the next scan.
        self.position = bytes.len() + 1;
    }

    fn open(&mut self, at: usize) {
        if self.depth == self.level && self.start.is_none() {
            self.start = Some(at);
        }
    }

    fn push(&mut self, byte: u8, bytes: &[u8]) {
        if byte == b'[' && self.depth == 0 && self.start.is_none() {
            self.level = 1;
            self.depth = 1;
            return;
        }
        if self.level == 0 && self.after_colon && self.is_wrapper(byte, bytes) {
            self.are_members = byte == b'{';
            self.after_colon = false;
            self.depth += 1;
            self.level = self.depth;
            self.start = None;
            return;
        }
        self.open(self.position);
        self.depth += 1;
        self.after_colon = false;
        if let Some(key) = self.keys.get_mut(self.depth - 1) {
            *key = None;
        }
    }

    /// True where the list, or the object of a path that ends in `*`, that opens here stands at a wrapper's path.
    fn is_wrapper(&self, byte: u8, bytes: &[u8]) -> bool {
        let is_key = |wanted: &String, key: &Option<(usize, usize)>| key.is_some_and(|(start, end)| wanted.as_bytes() == &bytes[start..end]);
        let is_here = |wrapper: &[String]| wrapper.len() == self.depth && wrapper.iter().zip(&self.keys).all(|(wanted, key)| is_key(wanted, key));
        self.wrappers.iter().any(|wrapper| match wrapper.split_last() {
            Some((last, path)) if last == "*" => byte == b'{' && is_here(path),
            _ => byte == b'[' && is_here(wrapper),
        })
    }

    fn pop(&mut self) {
        if self.depth == self.level && self.level > 0 {
            // The end of the list that holds the records.
            self.close(self.position);
            self.depth -= 1;
            self.level = if self.depth == 0 { 0 } else { usize::MAX };
            self.are_members = false;
            return;
        }
        self.depth = self.depth.saturating_sub(1);
        if self.level == usize::MAX && self.depth == 0 {
            self.level = 0;
            self.start = None;
            return;
        }
        if self.depth == self.level && self.start.is_some() {
            self.close(self.position + 1);
        } else if self.depth == 0 && self.level == 0 {
            // A stray closing bracket at the top.
            self.elements.push(Element { start: self.position, end: self.position + 1, problem: Some("invalid_json") });
        }
    }

    fn close(&mut self, end: usize) {
        if let Some(start) = self.start.take() {
            self.elements.push(Element { start, end, problem: None });
        }
        self.keys.fill(None);
        self.after_colon = false;
    }

    /// The input ended: an open record was cut off.
    fn finish(&mut self, bytes: &[u8]) {
        if let Some(start) = self.start.take() {
            let problem = if self.depth > self.level || self.in_string { Some("truncated_json") } else { None };
            self.elements.push(Element { start, end: bytes.len(), problem });
        }
    }

    /// A record too long to hold ends the file's usable part: where the next one starts cannot be told.
    fn give_up_record(&mut self, bytes: &[u8]) {
        let start = self.start.take().unwrap_or(0);
        self.elements.push(Element { start, end: bytes.len(), problem: Some("record_too_long") });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, framing: Framing, read_bytes: usize) -> Vec<(u64, String, Option<&'static str>)> {
        struct Slow(Vec<u8>, usize, usize);
        impl Read for Slow {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = buffer.len().min(self.2).min(self.0.len() - self.1);
                buffer[..count].copy_from_slice(&self.0[self.1..self.1 + count]);
                self.1 += count;
                Ok(count)
            }
        }
        let mut reader = ChunkReader::new(Box::new(Slow(text.as_bytes().to_vec(), 0, read_bytes)), framing, Vec::new());
        let mut out = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            for (i, element) in chunk.elements.iter().flatten().enumerate() {
                let offset = chunk.offset as usize + element.start;
                let record = String::from_utf8(chunk.bytes[element.start..element.end].to_vec()).unwrap();
                assert_eq!(&text[offset..offset + record.len()], record);
                out.push((chunk.first_record + i as u64, record, element.problem));
            }
        }
        out
    }

    fn values(text: &str) -> Vec<(u64, String, Option<&'static str>)> {
        records(text, Framing::Values { wrappers: vec!["issues".into()] }, 1 << 20)
    }

    #[test]
    fn arrays_wrappers_and_bare_values_give_their_records() {
        let ok = |number, text: &str| (number, text.to_string(), None);
        assert_eq!(values("[{\"a\":[1]},\n {\"b\":\"}]\\\"\"}]"), [ok(1, "{\"a\":[1]}"), ok(2, "{\"b\":\"}]\\\"\"}")]);
        assert_eq!(values("{\"n\":[0],\"issues\":[{\"a\":1},{}],\"total\":2}\n{\"issues\":[]}"), [ok(1, "{\"a\":1}"), ok(2, "{}")]);
        assert_eq!(values("{\"a\":1}\n\n{\n\"b\":{}\n}"), [ok(1, "{\"a\":1}"), ok(2, "{\n\"b\":{}\n}")]);
        assert_eq!(values("[1, \"x\"]"), [ok(1, "1"), ok(2, "\"x\"")]);
        assert_eq!(values("  "), []);
    }

    #[test]
    fn a_list_deep_in_a_wrapper_is_streamed() {
        let text = r#"{"took":1,"hits":{"total":{"hits":[9]},"other":[{"hits":[{"no":1}]}],"hits":[{"a":{"hits":[1]}}, {"b":2}],"x":[3]},"y":{"hits":[4]}}
{"hits":{"hits":[{"c":3}]}}"#;
        let framing = || Framing::Values { wrappers: vec!["items".into(), "hits.hits".into()] };
        for read_bytes in [1, 7, 1000] {
            let found: Vec<String> = records(text, framing(), read_bytes).into_iter().map(|(_, record, _)| record).collect();
            assert_eq!(found, [r#"{"a":{"hits":[1]}}"#, r#"{"b":2}"#, r#"{"c":3}"#], "{read_bytes}");
        }
        // Streamed: an element is handed out before the list ends.
        let long = format!("{{\"hits\":{{\"hits\":[{}", "{\"a\":1},".repeat(CHUNK_BYTES / 4));
        let mut reader = ChunkReader::new(Box::new(io::Cursor::new(long.into_bytes())), framing(), Vec::new());
        assert!(reader.next_chunk().unwrap().unwrap().bytes.len() <= CHUNK_BYTES);
    }

    #[test]
    fn a_cut_off_record_is_one_problem() {
        assert_eq!(values("[{\"a\":1},{\"b\":"), [(1, "{\"a\":1}".into(), None), (2, "{\"b\":".into(), Some("truncated_json"))]);
    }

    #[test]
    fn csv_rows_may_span_lines_and_come_with_their_header() {
        let text = "\na,b\r\n1,\"x\ny\"\r\n\n2,z";
        for read_bytes in [1, 3, 1000] {
            let found = records(text, Framing::Csv, read_bytes);
            let rows: Vec<_> = found.iter().filter(|(_, row, _)| !row.is_empty()).map(|(number, row, _)| (*number, row.as_str())).collect();
            assert_eq!(rows, [(3, "1,\"x\ny\""), (5, "2,z")]);
        }
        assert_eq!(records("a\n\"x\n", Framing::Csv, 100).pop().unwrap().2, Some("unterminated_quote"));
        let mut reader = ChunkReader::new(Box::new(io::Cursor::new(text.as_bytes().to_vec())), Framing::Csv, Vec::new());
        assert_eq!(reader.next_chunk().unwrap().unwrap().header.as_deref(), Some(b"a,b".as_slice()));
    }

    #[test]
    fn a_w3c_chunk_knows_the_directive_before_it() {
        let row = format!("{}\n", "x".repeat(CHUNK_BYTES / 2));
        let text = format!("#Fields: a\r\n{row}#Fields: b\n{row}{row}1 #Fields: no\n");
        let mut reader = ChunkReader::new(Box::new(io::Cursor::new(text.into_bytes())), Framing::W3c, Vec::new());
        let mut headers = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            headers.push(chunk.header.map(|header| String::from_utf8(header.to_vec()).unwrap()));
        }
        assert_eq!(headers.first(), Some(&None));
        assert_eq!(headers.last(), Some(&Some("#Fields: b".into())));
    }

    #[test]
    fn lines_are_numbered_from_one() {
        let mut reader = ChunkReader::new(Box::new(io::Cursor::new(b"a\n\nb".to_vec())), Framing::Lines, b"\xef\xbb\xbfx".to_vec());
        let chunk = reader.next_chunk().unwrap().unwrap();
        assert_eq!((chunk.bytes.as_slice(), chunk.offset, chunk.first_record), (b"xa\n\nb".as_slice(), 3, 1));
        assert!(reader.next_chunk().unwrap().is_none());
    }
}
