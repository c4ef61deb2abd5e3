//! `key=value key="a value"`: each record names its own columns. A word without `=` is no logfmt.
//! LTSV (http://ltsv.org): `label:value`, set apart by tabs; nothing is quoted.

use super::column::{Target, WantedColumns};
use super::delimited::UNTERMINATED_QUOTE;
use crate::record::field::{FieldKind, Span};

/// The keys a pack wants.
#[derive(Debug, Clone, Default)]
pub struct LogfmtPlan {
    columns: Vec<(Box<[u8]>, Target)>,
}

pub const INVALID_LTSV: &str = "invalid_ltsv";
pub const INVALID_LOGFMT: &str = "invalid_logfmt";

impl LogfmtPlan {
    pub fn new(wanted: &WantedColumns) -> Self {
        LogfmtPlan { columns: wanted.columns().into_iter().map(|(name, target)| (name.into_bytes().into(), target)).collect() }
    }

    /// Reads a line; of a key given twice the last counts.
    pub fn read(&self, line: &[u8], spans: &mut [Span]) -> Result<(), &'static str> {
        let mut at = 0;
        while at < line.len() {
            if line[at] == b' ' {
                at += 1;
                continue;
            }
            let equals = at + memchr::memchr2(b'=', b' ', &line[at..]).ok_or(INVALID_LOGFMT)?;
            if line[equals] != b'=' || equals == at {
                return Err(INVALID_LOGFMT);
            }
            let (start, end, next) = value(line, equals + 1)?;
            if let Some((_, target)) = self.columns.iter().find(|(name, _)| **name == line[at..equals]) {
                target.store(line, start, end, FieldKind::Escaped, spans);
            }
            at = next;
        }
        Ok(())
    }
}

impl LogfmtPlan {
    /// Reads a line of LTSV; of a label given twice the last counts.
    pub fn read_ltsv(&self, line: &[u8], spans: &mut [Span]) -> Result<(), &'static str> {
        let mut at = 0;
        while at < line.len() {
            let end = memchr::memchr(b'\t', &line[at..]).map_or(line.len(), |tab| at + tab);
            let colon = at + memchr::memchr(b':', &line[at..end]).ok_or(INVALID_LTSV)?;
            if let Some((_, target)) = self.columns.iter().find(|(name, _)| **name == line[at..colon]) {
                target.store(line, colon + 1, end, FieldKind::Escaped, spans);
            }
            at = end + 1;
        }
        Ok(())
    }
}

/// Start and end of the value at `at`, and where the next key may start.
fn value(line: &[u8], at: usize) -> Result<(usize, usize, usize), &'static str> {
    if line.get(at) != Some(&b'"') {
        let end = memchr::memchr(b' ', &line[at..]).map_or(line.len(), |found| at + found);
        return Ok((at, end, end));
    }
    let mut from = at + 1;
    loop {
        let quote = from + memchr::memchr2(b'"', b'\\', line.get(from..).unwrap_or_default()).ok_or(UNTERMINATED_QUOTE)?;
        if line[quote] == b'"' {
            return Ok((at + 1, quote, quote + 1));
        }
        from = quote + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_come_in_any_order_quoted_or_not() {
        let plan = LogfmtPlan::new(&WantedColumns::new(&[vec!["a".into()], vec!["b".into()]]));
        let read = |line: &str| {
            let mut spans = [Span::MISSING; 2];
            plan.read(line.as_bytes(), &mut spans).map(|()| spans.map(|span| line[span.start as usize..span.end as usize].to_string()))
        };
        assert_eq!(read(r#"x=1 b="two \" words" a=é "#).unwrap(), ["é", r#"two \" words"#]);
        assert_eq!(read("a=1 a=2 b=").unwrap(), ["2", ""]);
        assert_eq!(read("a=1 plain"), Err(INVALID_LOGFMT));
        assert_eq!(read("=1"), Err(INVALID_LOGFMT));
        assert_eq!(read(r#"a="x\""#), Err(UNTERMINATED_QUOTE));
        assert_eq!(read(r#"a="x\"#), Err(UNTERMINATED_QUOTE));
        let read = |line: &str| {
            let mut spans = [Span::MISSING; 2];
            plan.read_ltsv(line.as_bytes(), &mut spans).map(|()| spans.map(|span| line[span.start as usize..span.end as usize].to_string()))
        };
        assert_eq!(read("x:1\tb:two words:é\ta:").unwrap(), ["", "two words:é"]);
        assert_eq!((read("a:1\tplain"), read("a:1\t\tb:2")), (Err(INVALID_LTSV), Err(INVALID_LTSV)));
    }
}
