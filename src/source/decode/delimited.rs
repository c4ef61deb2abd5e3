//! Lines of columns by position: blank-separated with quotes and brackets (AWS load balancer logs), and W3C extended logs,
//! whose `#Fields:` directive names the columns.
//!
//! W3C: https://www.w3.org/TR/WD-logfile. The directive may come again with other columns. Columns are set apart by blanks
//! (IIS) or tabs (CloudFront); values are never quoted; a blank inside a header column (`cs(User-Agent)`) is written `+`.

use super::column::{Target, WantedColumns};
use crate::record::field::{FieldKind, Span};

/// Why a line is no row.
pub const WRONG_COLUMN_COUNT: &str = "wrong_column_count";
pub const UNTERMINATED_QUOTE: &str = "unterminated_quote";
pub const NO_COLUMN_NAMES: &str = "no_column_names";

/// Columns by position.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    targets: Vec<(Target, FieldKind)>,
    /// A row may have fewer columns than names (older versions of a format), but not fewer than these.
    least: usize,
    /// A row may have more columns than names (newer versions of a format); they are passed over.
    may_grow: bool,
}

impl Columns {
    /// From names in a pack.
    pub fn new(names: &[String], least: usize, wanted: &WantedColumns) -> Self {
        let targets = names.iter().map(|name| (wanted.target(name), FieldKind::Escaped)).collect();
        Columns { targets, least: if least == 0 { names.len() } else { least }, may_grow: true }
    }

    /// From names in a pack, of a W3C log whose directives were cut off.
    pub fn of_w3c(names: &[String], least: usize, wanted: &WantedColumns) -> Self {
        let targets = names.iter().map(|name| (wanted.target(name), w3c_kind(name))).collect();
        Columns { targets, least: if least == 0 { names.len() } else { least }, may_grow: true }
    }

    /// From a `#Fields:` directive: rows have exactly these columns, or at least so many of them where `least` is not 0.
    pub fn of_directive(line: &[u8], least: usize, wanted: &WantedColumns) -> Self {
        let names = String::from_utf8_lossy(line.strip_prefix(b"#Fields:").unwrap_or(line)).into_owned();
        let targets: Vec<_> = names.split_ascii_whitespace().map(|name| (wanted.target(name), w3c_kind(name))).collect();
        let least = if least == 0 { targets.len() } else { least.min(targets.len()) };
        Columns { least, targets, may_grow: false }
    }

    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Reads a W3C row.
    pub fn read_w3c(&self, line: &[u8], spans: &mut [Span]) -> Result<(), &'static str> {
        if self.is_empty() {
            return Err(NO_COLUMN_NAMES);
        }
        let separator = if memchr::memchr(b'\t', line).is_some() { b'\t' } else { b' ' };
        let (mut at, mut count) = (0, 0);
        loop {
            let end = memchr::memchr(separator, &line[at..]).map_or(line.len(), |found| at + found);
            self.store(count, line, at, end, None, spans);
            count += 1;
            if end == line.len() {
                return self.check(count);
            }
            at = end + 1;
        }
    }

    /// Reads a row whose columns may be quoted or in brackets.
    pub fn read_quoted(&self, line: &[u8], spans: &mut [Span]) -> Result<(), &'static str> {
        let (mut at, mut count) = (0, 0);
        while at < line.len() {
            let (start, end, next) = quoted_column(line, at).ok_or(UNTERMINATED_QUOTE)?;
            self.store(count, line, start, end, Some(FieldKind::Escaped), spans);
            count += 1;
            at = next;
        }
        self.check(count)
    }

    #[inline(always)]
    fn store(&self, number: usize, line: &[u8], start: usize, end: usize, kind: Option<FieldKind>, spans: &mut [Span]) {
        if let Some((target, own)) = self.targets.get(number)
            && target.is_wanted()
        {
            target.store(line, start, end, kind.unwrap_or(*own), spans);
        }
    }

    fn check(&self, count: usize) -> Result<(), &'static str> {
        let is_right = count >= self.least && (self.may_grow || count <= self.targets.len());
        if is_right { Ok(()) } else { Err(WRONG_COLUMN_COUNT) }
    }
}

/// Only columns that hold a header have `+` for a blank; in a path or a name it is a plus.
fn w3c_kind(name: &str) -> FieldKind {
    if name.contains('(') { FieldKind::Plus } else { FieldKind::Plain }
}

/// Start and end of the column at `at`, and where the next one starts.
fn quoted_column(line: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    let close = match line[at] {
        b'"' => b'"',
        b'[' if !is_bracketed_address(&line[at..]) => b']',
        _ => {
            let end = memchr::memchr(b' ', &line[at..]).map_or(line.len(), |found| at + found);
            return Some((at, end, after_blanks(line, end)));
        }
    };
    let mut from = at + 1;
    loop {
        let end = from + memchr::memchr(close, line.get(from..)?)?;
        let backslashes = line[at + 1..end].iter().rev().take_while(|byte| **byte == b'\\').count();
        // Brackets may stand inside brackets; a column ends before a blank.
        let ends_here = end + 1 == line.len() || line[end + 1] == b' ';
        if (close == b'"' && backslashes % 2 == 0) || (close == b']' && ends_here) {
            return ends_here.then(|| (at + 1, end, after_blanks(line, end + 1)));
        }
        from = end + 1;
    }
}

/// `[::1]:443`: the brackets are part of the column.
fn is_bracketed_address(text: &[u8]) -> bool {
    let close = text.iter().position(|byte| matches!(byte, b' ' | b']'));
    close.is_some_and(|close| text[close..].starts_with(b"]:"))
}

fn after_blanks(line: &[u8], at: usize) -> usize {
    at + line[at..].iter().take_while(|byte| **byte == b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(names: &[&str]) -> WantedColumns {
        WantedColumns::new(&names.iter().map(|name| vec![name.to_string()]).collect::<Vec<_>>())
    }

    fn texts(line: &str, spans: &[Span]) -> Vec<String> {
        spans.iter().map(|span| line[span.start as usize..span.end as usize].to_string()).collect()
    }

    #[test]
    fn quotes_and_brackets_hold_a_column_together() {
        let columns = Columns::new(&["a", "b", "c"].map(String::from), 2, &wanted(&["a", "b", "c"]));
        let read = |line: &str| {
            let mut spans = [Span::MISSING; 3];
            columns.read_quoted(line.as_bytes(), &mut spans).map(|()| texts(line, &spans))
        };
        assert_eq!(read(r#"x "GET \"y\" z" [1 [2]3]"#).unwrap(), ["x", r#"GET \"y\" z"#, "1 [2]3"]);
        assert_eq!(read("x  y").unwrap(), ["x", "y", ""]);
        assert_eq!(read("[::1]:443 [a b] c").unwrap(), ["[::1]:443", "a b", "c"]);
        assert_eq!(read("x y z and more").unwrap(), ["x", "y", "z"]);
        assert_eq!(read("x"), Err(WRONG_COLUMN_COUNT));
        assert_eq!(read(r#"x "y"#), Err(UNTERMINATED_QUOTE));
        assert_eq!(read(r#"x "y"z"#), Err(UNTERMINATED_QUOTE));
    }

    #[test]
    fn a_directive_names_the_columns_and_their_number() {
        let columns = Columns::of_directive(b"#Fields: date cs(User-Agent)  cs-username", 0, &wanted(&["CS(User-Agent)", "cs-username"]));
        let read = |line: &str| {
            let mut spans = [Span::MISSING; 2];
            columns.read_w3c(line.as_bytes(), &mut spans).map(|()| (texts(line, &spans), spans[0].kind, spans[1].kind))
        };
        let (found, agent, user) = read("d Mozilla/5.0+(X) a+b").unwrap();
        assert_eq!((found, agent, user), (vec!["Mozilla/5.0+(X)".into(), "a+b".into()], FieldKind::Plus, FieldKind::Plain));
        assert_eq!(read("d\tx y\tu").unwrap().0, ["x y", "u"]);
        assert_eq!(read("d x"), Err(WRONG_COLUMN_COUNT));
        assert_eq!(read("d x y z"), Err(WRONG_COLUMN_COUNT));
        let cut = Columns::of_directive(b"#Fields: a b c", 2, &wanted(&["b"]));
        let mut spans = [Span::MISSING; 1];
        assert_eq!((cut.read_w3c(b"1 2", &mut spans), cut.read_w3c(b"1", &mut spans)), (Ok(()), Err(WRONG_COLUMN_COUNT)), "a row cut short");
        assert_eq!(cut.read_w3c(b"1 2 3 4", &mut spans), Err(WRONG_COLUMN_COUNT));
        assert_eq!(Columns::default().read_w3c(b"d", &mut []), Err(NO_COLUMN_NAMES));
    }
}
