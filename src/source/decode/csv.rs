//! CSV (RFC 4180): quoted fields may hold separators, quotes (doubled) and line breaks.

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
    let mut reader = csv_core::ReaderBuilder::new().delimiter(separator(bytes)).build();
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

fn separator(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let count = |byte: u8| first.iter().filter(|other| **other == byte).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

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
