//! A JSON value read in place: for the few fields that are lists or objects, without building a tree of them.
//!
//! The text has been validated by the decoder; this walks it by strings and depth alone.

use super::field::{is_absent, unescape};
use std::borrow::Cow;

/// One value, as its text without blanks around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LazyValue<'a>(&'a str);

impl<'a> LazyValue<'a> {
    /// A validated JSON text.
    pub fn new(text: &'a str) -> Self {
        LazyValue(text.trim_matches([' ', '\t', '\n', '\r']))
    }

    pub fn is_list(self) -> bool {
        self.0.starts_with('[')
    }

    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// The value of a key of an object; of a key given twice the last.
    pub fn get(self, key: &str) -> Option<LazyValue<'a>> {
        if !self.is_object() {
            return None;
        }
        let mut found = None;
        let mut at = 1;
        while let Some(start) = self.next_value(at) {
            let end = self.end_of(start);
            let raw = &self.0[start + 1..end - 1];
            let colon = end + self.0[end..].find(':')?;
            let value = self.next_value(colon + 1)?;
            let value_end = self.end_of(value);
            let is_it = if raw.contains('\\') { unescape(raw).as_deref() == Some(key) } else { raw == key };
            if is_it {
                found = Some(LazyValue::new(&self.0[value..value_end]));
            }
            at = value_end;
        }
        found
    }

    /// The elements of a list; none where it is none.
    pub fn items(self) -> Items<'a> {
        Items { list: self, at: if self.is_list() { 1 } else { self.0.len() } }
    }

    /// The members of an object, each with its name; none where it is none.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, LazyValue<'a>)> {
        let mut at = if self.is_object() { 1 } else { self.0.len() };
        std::iter::from_fn(move || {
            let start = self.next_value(at)?;
            let end = self.end_of(start);
            let raw = &self.0[start + 1..end - 1];
            let value = self.next_value(end + self.0[end..].find(':')? + 1)?;
            at = self.end_of(value);
            let name = if raw.contains('\\') { Cow::Owned(unescape(raw)?) } else { Cow::Borrowed(raw) };
            Some((name, LazyValue::new(&self.0[value..at])))
        })
    }

    /// A scalar as text, `None` for lists, objects, null and the absent spellings.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let text = match self.0.as_bytes().first()? {
            b'{' | b'[' | b'n' => return None,
            b'"' => {
                let raw = &self.0[1..self.0.len() - 1];
                if raw.contains('\\') { Cow::Owned(unescape(raw)?) } else { Cow::Borrowed(raw) }
            }
            _ => Cow::Borrowed(self.0),
        };
        (!is_absent(&text)).then_some(text)
    }

    /// The value as a tree.
    pub fn tree(self) -> Option<serde_json::Value> {
        serde_json::from_str(self.0).ok()
    }

    /// A list's scalars as texts, or the scalar itself.
    pub fn texts(self) -> Vec<Cow<'a, str>> {
        if self.is_list() { self.items().filter_map(LazyValue::text).collect() } else { self.text().into_iter().collect() }
    }

    /// Where the next value begins at or after `at`; `None` at the closing bracket.
    fn next_value(self, at: usize) -> Option<usize> {
        let bytes = self.0.as_bytes();
        let blanks = bytes.get(at..)?.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',')).count();
        let start = at + blanks;
        match bytes.get(start)? {
            b'}' | b']' => None,
            _ => Some(start),
        }
    }

    /// The end of the value that begins at `start`.
    fn end_of(self, start: usize) -> usize {
        let bytes = self.0.as_bytes();
        match bytes[start] {
            b'"' => string_end(bytes, start),
            b'{' | b'[' => {
                let (mut at, mut depth) = (start, 0usize);
                while at < bytes.len() {
                    match bytes[at] {
                        b'"' => {
                            at = string_end(bytes, at);
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => {
                            depth -= 1;
                            if depth == 0 {
                                return at + 1;
                            }
                        }
                        _ => {}
                    }
                    at += 1;
                }
                bytes.len()
            }
            _ => start + bytes[start..].iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')).count(),
        }
    }
}

/// The byte after the closing quote of the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
        if bytes[at + found] == b'"' {
            return at + found + 1;
        }
        at += found + 2;
    }
    bytes.len()
}

/// The elements of a list.
pub struct Items<'a> {
    list: LazyValue<'a>,
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = LazyValue<'a>;

    fn next(&mut self) -> Option<LazyValue<'a>> {
        let start = self.list.next_value(self.at)?;
        self.at = self.list.end_of(start);
        Some(LazyValue::new(&self.list.0[start..self.at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_objects_are_walked_in_place() {
        let value = LazyValue::new(r#" [ {"t":"a","x":[1,{"y":"]}"}]} , {"t":"b\/c", "id" : 7 , "t2":null}, "s\"", true ] "#);
        let items: Vec<_> = value.items().collect();
        assert_eq!(items.len(), 4);
        assert_eq!(items[0].get("x").unwrap().items().nth(1).unwrap().get("y").unwrap().text().unwrap(), "]}");
        assert_eq!(items[1].get("t").unwrap().text().unwrap(), "b/c");
        assert_eq!((items[1].get("id").unwrap().text().unwrap(), items[1].get("t2").unwrap().text()), ("7".into(), None));
        assert_eq!((items[2].text().unwrap(), items[3].text().unwrap()), ("s\"".into(), "true".into()));
        assert_eq!(LazyValue::new(r#"{"a":1,"a":2}"#).get("a").unwrap().text().unwrap(), "2");
        let members: Vec<_> = LazyValue::new(r#"{"a":{"x":1}, "b\/c" : [2] }"#).members().map(|(name, value)| (name, value.0)).collect();
        assert_eq!(members, [("a".into(), r#"{"x":1}"#), ("b/c".into(), "[2]")]);
        assert_eq!((LazyValue::new("{}").members().count(), LazyValue::new("[1]").members().count()), (0, 0));
        assert_eq!((LazyValue::new("[]").items().count(), LazyValue::new("{}").get("a")), (0, None));
    }
}
