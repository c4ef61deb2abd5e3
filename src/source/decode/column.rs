//! The columns of a text format -> the slots of a pack.
//!
//! A pack names columns as paths. `X.method`, `X.target` and `X.protocol` are the parts of the request line in column `X`
//! (`GET /orders HTTP/1.1`): cut here, because a regular expression per record would cost more than the rest of the line.

use crate::record::field::{FieldKind, Span};

/// The columns a pack wants: name and slot.
#[derive(Debug, Clone, Default)]
pub struct WantedColumns {
    names: Vec<(String, u16)>,
}

/// Where one column of a format goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Target {
    slot: Option<u16>,
    /// Slots of method, target and protocol of a request line.
    parts: Option<[Option<u16>; 3]>,
}

const PARTS: [&str; 3] = [".method", ".target", ".protocol"];

impl WantedColumns {
    /// From the compiled paths of a pack; path i fills slot i.
    pub fn new(paths: &[Vec<String>]) -> Self {
        WantedColumns { names: paths.iter().enumerate().map(|(slot, path)| (path.join("."), slot as u16)).collect() }
    }

    pub fn slots(&self) -> usize {
        self.names.len()
    }

    /// Where the column of this name goes; names differ by more than case.
    pub fn target(&self, column: &str) -> Target {
        let slot = |suffix: &str| {
            let is_wanted = |name: &str| {
                name.len() == column.len() + suffix.len() && name.is_char_boundary(column.len()) && {
                    let (head, tail) = name.split_at(column.len());
                    head.eq_ignore_ascii_case(column) && tail == suffix
                }
            };
            self.names.iter().find(|(name, _)| is_wanted(name)).map(|(_, slot)| *slot)
        };
        let parts = PARTS.map(slot);
        Target { slot: slot(""), parts: parts.iter().any(Option::is_some).then_some(parts) }
    }

    /// Every column that feeds something, for formats that name their columns in each record.
    pub fn columns(&self) -> Vec<(String, Target)> {
        let mut columns: Vec<String> = Vec::new();
        for (name, _) in &self.names {
            let whole = PARTS.iter().find_map(|part| name.strip_suffix(part));
            columns.extend([Some(name.as_str()), whole].into_iter().flatten().map(str::to_string));
        }
        columns.sort();
        columns.dedup();
        columns.into_iter().map(|name| (name.clone(), self.target(&name))).collect()
    }
}

impl Target {
    pub fn is_wanted(&self) -> bool {
        self.slot.is_some() || self.parts.is_some()
    }

    /// Notes the column's place in the line.
    #[inline(always)]
    pub fn store(&self, line: &[u8], start: usize, end: usize, kind: FieldKind, spans: &mut [Span]) {
        if let Some(slot) = self.slot {
            spans[slot as usize] = span(start, end, kind);
        }
        if let Some(parts) = &self.parts {
            store_request_line(parts, line, start, end, kind, spans);
        }
    }
}

#[inline(always)]
fn span(start: usize, end: usize, kind: FieldKind) -> Span {
    Span { start: start as u32, end: end as u32, kind }
}

/// Longest method taken for one; the longest registered with IANA is `UPDATEREDIRECTREF`.
const MAX_METHOD_BYTES: usize = 20;

/// Cuts `METHOD target PROTOCOL`; what is no request line (binary junk, `- - -`, `<BADREQ>`) leaves the parts missing.
#[inline]
fn store_request_line(parts: &[Option<u16>; 3], line: &[u8], start: usize, end: usize, kind: FieldKind, spans: &mut [Span]) {
    let text = &line[start..end];
    let Some(method) = text.iter().take(MAX_METHOD_BYTES + 1).position(|byte| *byte == b' ') else { return };
    let is_method = |text: &[u8]| text != b"-" && text.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'));
    if method == 0 || !is_method(&text[..method]) {
        return;
    }
    let last = memchr::memrchr(b' ', text).unwrap_or(method);
    // `-` is a protocol that the gateway could not tell (Envoy), none at all that of HTTP/0.9 (`GET / `).
    let has_protocol = last > method && (text[last + 1..].starts_with(b"HTTP/") || matches!(&text[last + 1..], b"" | b"-"));
    let target_end = if has_protocol { last } else { text.len() };
    let places = [(0, method), (method + 1, target_end), (if has_protocol { last + 1 } else { text.len() }, text.len())];
    for (part, (from, to)) in parts.iter().zip(places) {
        if let Some(slot) = part {
            spans[*slot as usize] = span(start + from, start + to, kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> [String; 3] {
        let wanted = WantedColumns::new(&[vec!["r".into(), "method".into()], vec!["r".into(), "target".into()], vec!["r".into(), "protocol".into()]]);
        let mut spans = [Span::MISSING; 3];
        wanted.target("R").store(line.as_bytes(), 0, line.len(), FieldKind::Plain, &mut spans);
        spans.map(|span| line[span.start as usize..span.end as usize].to_string())
    }

    #[test]
    fn a_request_line_is_cut_into_its_parts() {
        assert_eq!(parts("GET /a b?c HTTP/1.1"), ["GET", "/a b?c", "HTTP/1.1"]);
        assert_eq!(parts("GET /old"), ["GET", "/old", ""]);
        assert_eq!(parts("GET /status/418 -"), ["GET", "/status/418", "-"]);
        assert_eq!(parts("GET / "), ["GET", "/", ""]);
        assert_eq!(parts("GET "), ["GET", "", ""]);
        for junk in ["-", "- - -", "- - HTTP/1.1", "", "\\x01\\x02 \\x03", " /x", "<BADREQ>"] {
            assert_eq!(parts(junk), ["", "", ""], "{junk}");
        }
    }

    #[test]
    fn columns_include_those_that_only_give_parts() {
        let wanted = WantedColumns::new(&[vec!["request".into(), "target".into()], vec!["status".into()]]);
        let names: Vec<String> = wanted.columns().into_iter().filter(|(_, target)| target.is_wanted()).map(|(name, _)| name).collect();
        assert_eq!(names, ["request", "request.target", "status"]);
    }
}
