//! CSV (RFC 4180): quoted fields may hold separators, quotes (doubled) and line breaks.
//!
//! Inventories are read whole by `rows`. Logs are streamed: `next_row` finds the ends of rows, `CsvColumns` reads one.

use super::column::{Target, WantedColumns};
use crate::record::field::{FieldKind, Span};

/// One row: its fields, where it began, and on which line (from 1).
#[derive(Debug, PartialEq, Eq)]
pub struct CsvRow {
    pub fields: Vec<String>,
    pub offset: u64,
    pub line: u64,
    pub is_utf8: bool,
    /// The text ended inside a quoted field.
    pub is_truncated: bool,
}

/// Reads all rows of a text that fits in memory (inventories). Blank lines are no rows. Comma, semicolon or tab: the
/// separator is the one that the first line has most of.
pub fn rows(bytes: &[u8]) -> Vec<CsvRow> {
    let (start, bytes) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (3, rest),
        None => (0, bytes),
    };
    rows_at(bytes, start, separator(bytes))
}

/// All rows of a text whose separator is known.
pub fn rows_separated(bytes: &[u8], separator: u8) -> Vec<CsvRow> {
    rows_at(bytes, 0, separator)
}

fn rows_at(bytes: &[u8], start: usize, separator: u8) -> Vec<CsvRow> {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(separator).build();
    let (mut input, mut rows) = (bytes, Vec::new());
    let (mut field, mut fields) = (Vec::new(), Vec::new());
    let (mut offset, mut row_start, mut line, mut is_utf8) = (start as u64, start as u64, 1, true);
    let mut buffer = [0u8; 4096];
    loop {
        let (result, read, written) = reader.read_field(input, &mut buffer);
        input = &input[read..];
        offset += read as u64;
        field.extend_from_slice(&buffer[..written]);
        match result {
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
            csv_core::ReadFieldResult::Field { record_end } => {
                is_utf8 &= std::str::from_utf8(&field).is_ok();
                fields.push(String::from_utf8_lossy(&std::mem::take(&mut field)).into_owned());
                if record_end {
                    let row_line = line_at(bytes, start, row_start, &mut line);
                    rows.push(CsvRow { fields: std::mem::take(&mut fields), offset: row_start, line: row_line, is_utf8, is_truncated: false });
                    (row_start, is_utf8) = (offset, true);
                }
            }
            csv_core::ReadFieldResult::End => {
                if let Some(last) = rows.last_mut() {
                    let raw = &bytes[last.offset as usize - start..];
                    last.is_truncated = raw.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
                }
                return rows;
            }
        }
    }
}

/// The line on which a row starts, blank lines before it skipped; `line` counts on from row to row.
fn line_at(bytes: &[u8], start: usize, row_start: u64, line: &mut u64) -> u64 {
    let from = row_start as usize - start;
    let blank = bytes[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let begin = memchr::memchr_iter(b'\n', &bytes[..from + blank]).count() as u64 + 1;
    *line = begin;
    begin
}

/// Comma, semicolon or tab: what the first line has most of.
pub fn separator(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let count = |byte: u8| first.iter().filter(|other| **other == byte).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

/// What stands at a place of a CSV text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// A row's end (its line break left off) and the next row's start.
    Whole { end: usize, next: usize },
    /// The bytes end before the row does.
    Open { in_quotes: bool },
}

/// The row that starts at `at`. A quote opens a quoted field only where a field begins.
pub fn next_row(bytes: &[u8], at: usize, separator: u8) -> Row {
    let mut at = at;
    loop {
        if bytes.get(at) == Some(&b'"') {
            match closing_quote(bytes, at + 1) {
                Some(quote) => at = quote + 1,
                None => return Row::Open { in_quotes: true },
            }
        }
        match memchr::memchr2(separator, b'\n', &bytes[at..]) {
            None => return Row::Open { in_quotes: false },
            Some(found) if bytes[at + found] == b'\n' => {
                let end = at + found;
                return Row::Whole { end: end - usize::from(end > 0 && bytes[end - 1] == b'\r'), next: end + 1 };
            }
            Some(found) => at += found + 1,
        }
    }
}

/// The quote that ends a quoted field whose inside starts at `at`; two quotes together are one of its text.
fn closing_quote(bytes: &[u8], at: usize) -> Option<usize> {
    let mut from = at;
    loop {
        let quote = from + memchr::memchr(b'"', bytes.get(from..)?)?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        from = quote + 2;
    }
}

/// Rows under a header as JSON objects: exports of what a JSON format knows.
#[derive(Debug, Clone, Default)]
pub struct JsonRows {
    header: Vec<u8>,
    /// Each name as a key: `"name":`.
    keys: Vec<Vec<u8>>,
    text: Vec<u8>,
}

impl JsonRows {
    /// Takes over a header, if it is another than before.
    pub fn set_header(&mut self, header: &[u8]) {
        if self.header != header || self.keys.is_empty() {
            let names = rows(header).into_iter().next().map(|row| row.fields).unwrap_or_default();
            self.keys = names.iter().map(|name| [serde_json::to_vec(column_name(name)).unwrap_or_default(), b":".to_vec()].concat()).collect();
            self.header = header.to_vec();
        }
    }

    /// A row as an object: text under each name; empty fields are left out, JSON in a field is that JSON.
    pub fn read(&mut self, row: &[u8]) -> Result<&str, &'static str> {
        // A row alone has no line break outside quotes, and its separator is the header's.
        let fields = rows_separated(row, separator(&self.header)).into_iter().next().map(|row| row.fields).unwrap_or_default();
        if fields.len() != self.keys.len() {
            return Err("wrong_column_count");
        }
        self.text.clear();
        self.text.push(b'{');
        for (key, field) in self.keys.iter().zip(&fields).filter(|(_, field)| !field.is_empty()) {
            if self.text.len() > 1 {
                self.text.push(b',');
            }
            self.text.extend_from_slice(key);
            let is_json = field.starts_with(['{', '[']) && super::json::validate(field.as_bytes()).is_ok();
            if is_json { self.text.extend_from_slice(field.as_bytes()) } else { serde_json::to_writer(&mut self.text, field).map_err(|_| "invalid_utf8")? }
        }
        self.text.push(b'}');
        std::str::from_utf8(&self.text).map_err(|_| "invalid_utf8")
    }
}

/// What the Azure portal puts behind the names of columns that hold instants: `TimeGenerated [UTC]`.
pub const UTC_SUFFIX: &str = " [UTC]";

/// A column's name without what exports put around it.
pub fn column_name(name: &str) -> &str {
    let name = name.trim();
    name.strip_suffix(UTC_SUFFIX).unwrap_or(name)
}

/// The columns that a header row names.
#[derive(Debug, Clone, Default)]
pub struct CsvColumns {
    targets: Vec<Target>,
    separator: u8,
}

impl CsvColumns {
    pub fn of_header(header: &[u8], wanted: &WantedColumns) -> Self {
        let names = rows(header).into_iter().next().map(|row| row.fields).unwrap_or_default();
        let mut met: Vec<&str> = Vec::new();
        let target = |name| {
            met.push(name);
            match met.iter().filter(|other| **other == name).count() {
                1 => wanted.target(name),
                // The second column called `Labels` is `Labels 2`.
                number => wanted.target(&format!("{name} {number}")),
            }
        };
        CsvColumns { targets: names.iter().map(|name| column_name(name)).map(target).collect(), separator: separator(header) }
    }

    /// Reads one row; it must have as many fields as the header.
    pub fn read(&self, row: &[u8], spans: &mut [Span]) -> Result<(), &'static str> {
        let (mut at, mut count) = (0, 0);
        loop {
            let (start, end, kind, after) = self.field(row, at)?;
            if let Some(target) = self.targets.get(count) {
                target.store(row, start, end, kind, spans);
            }
            count += 1;
            match row.get(after) {
                None => break,
                Some(byte) if *byte == self.separator => at = after + 1,
                Some(_) => return Err("text_after_a_quoted_field"),
            }
        }
        if count == self.targets.len() { Ok(()) } else { Err("wrong_column_count") }
    }

    /// Start, end and kind of the field at `at`, and the place after it.
    fn field(&self, row: &[u8], at: usize) -> Result<(usize, usize, FieldKind, usize), &'static str> {
        if row.get(at) != Some(&b'"') {
            let end = memchr::memchr(self.separator, &row[at..]).map_or(row.len(), |found| at + found);
            return Ok((at, end, FieldKind::Plain, end));
        }
        let end = closing_quote(row, at + 1).ok_or("unterminated_quote")?;
        let kind = if memchr::memchr(b'"', &row[at + 1..end]).is_some() { FieldKind::Doubled } else { FieldKind::Plain };
        Ok((at + 1, end, kind, end + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_outside_quotes() {
        let text = b"a,\"x\n\"\"y\",b\"c\r\n1,2";
        assert_eq!(next_row(text, 0, b','), Row::Whole { end: 13, next: 15 });
        assert_eq!(next_row(text, 15, b','), Row::Open { in_quotes: false });
        assert_eq!(next_row(b"a,\"x\n", 0, b','), Row::Open { in_quotes: true });
    }

    #[test]
    fn a_row_fills_the_columns_of_its_header() {
        let wanted = WantedColumns::new(&[vec!["b c".into()], vec!["A".into()]]);
        let columns = CsvColumns::of_header(b"a;\"B C\";d", &wanted);
        let read = |row: &str| {
            let mut spans = [Span::MISSING; 2];
            columns.read(row.as_bytes(), &mut spans).map(|()| spans.map(|span| (row[span.start as usize..span.end as usize].to_string(), span.kind)))
        };
        assert_eq!(read("1;\"x;\"\"y\";").unwrap(), [("x;\"\"y".into(), FieldKind::Doubled), ("1".into(), FieldKind::Plain)]);
        assert_eq!(read("1;2"), Err("wrong_column_count"));
        assert_eq!(read("1;\"2\"x;3"), Err("text_after_a_quoted_field"));
        assert_eq!(read("1;\"2"), Err("unterminated_quote"));
    }

    #[test]
    fn rows_become_objects() {
        let mut objects = JsonRows::default();
        objects.set_header(b"A;b.c;\"d \"\"e\"");
        assert_eq!(objects.read(b"x,y;{\"k\":[1]};\"q \"\"r\"\"\ns\""), Ok(r#"{"A":"x,y","b.c":{"k":[1]},"d \"e":"q \"r\"\ns"}"#));
        assert_eq!(objects.read(b";{no json;"), Ok(r#"{"b.c":"{no json"}"#));
        assert_eq!(objects.read(b"1;2"), Err("wrong_column_count"));
        objects.set_header(b"A,B");
        assert_eq!(objects.read(b"1,2"), Ok(r#"{"A":"1","B":"2"}"#));
    }

    #[test]
    fn columns_of_one_name_are_numbered() {
        let wanted = WantedColumns::new(&[vec!["Labels".into()], vec!["Labels 2".into()]]);
        let columns = CsvColumns::of_header(b"Labels,x,Labels", &wanted);
        let mut spans = [Span::MISSING; 2];
        columns.read(b"a,b,c", &mut spans).unwrap();
        assert_eq!((spans[0].start, spans[1].start), (0, 4));
    }

    #[test]
    fn quoted_fields_blank_lines_and_a_bom() {
        let found = rows(b"\xef\xbb\xbfa,b\r\n\r\n\"x\ny\",\"q\"\"q\"\r\nlast,");
        let texts: Vec<(u64, Vec<&str>)> = found.iter().map(|row| (row.line, row.fields.iter().map(String::as_str).collect())).collect();
        assert_eq!(texts, [(1, vec!["a", "b"]), (3, vec!["x\ny", "q\"q"]), (5, vec!["last", ""])]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_seen() {
        assert!(!rows(b"a\n\"b\"\n")[1].is_truncated);
        assert!(rows(b"a\n\"b\n")[1].is_truncated);
    }

    #[test]
    fn the_separator_is_seen_in_the_header() {
        assert_eq!(rows(b"a;b\n1;2")[1].fields, ["1", "2"]);
    }
}
