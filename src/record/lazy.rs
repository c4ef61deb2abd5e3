//! A JSON value read in place: for the few fields that are lists or objects, without building a tree of them.
//!
//! The text has been validated by the decoder; this walks it by strings and depth alone.

use super::field::{is_absent, unescape};
use std::borrow::Cow;
use std::cell::RefCell;

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
        self.parts().filter(|part| part.is_named(key)).last().map(|part| part.value)
    }

    /// The elements of a list; none where it is none.
    pub fn items(self) -> impl Iterator<Item = LazyValue<'a>> {
        let is_list = self.is_list();
        self.parts().take_while(move |_| is_list).map(|part| part.value)
    }

    /// The members of an object, each with its name; none where it is none.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, LazyValue<'a>)> {
        let is_object = self.is_object();
        self.parts().take_while(move |_| is_object).filter_map(|part| Some((part.decoded_name()?, part.value)))
    }

    /// The elements of a list or the members of an object.
    fn parts(self) -> impl Iterator<Item = Part<'a>> {
        let mut at = 1;
        std::iter::from_fn(move || {
            let (part, next) = self.part_at(at)?;
            at = next;
            Some(part)
        })
    }

    /// The element or member that begins at or after `at`, and where it ends; `None` at the closing bracket.
    fn part_at(self, at: usize) -> Option<(Part<'a>, usize)> {
        if !self.is_list() && !self.is_object() {
            return None;
        }
        let first = self.next_value(at)?;
        let (name, start) = if self.is_object() {
            let end = self.end_of(first);
            (self.0.get(first + 1..end - 1)?, self.next_value(end + self.0.get(end..)?.find(':')? + 1)?)
        } else {
            ("", first)
        };
        let end = self.end_of(start);
        #[cfg(test)]
        WALKED.set(WALKED.get() + end - at);
        Some((Part { name, value: LazyValue::new(&self.0[start..end]) }, end))
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

/// An element of a list, whose name is empty, or a member of an object.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    /// The inside of its string, escapes and all.
    name: &'a str,
    value: LazyValue<'a>,
}

impl<'a> Part<'a> {
    fn is_named(self, key: &str) -> bool {
        if self.name.contains('\\') { unescape(self.name).as_deref() == Some(key) } else { self.name == key }
    }

    fn decoded_name(self) -> Option<Cow<'a, str>> {
        Some(if self.name.contains('\\') { Cow::Owned(unescape(self.name)?) } else { Cow::Borrowed(self.name) })
    }
}

#[cfg(test)]
thread_local! {
    /// Bytes that were walked to find parts of values.
    static WALKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Values of one record whose parts are kept.
const MAX_VALUES: usize = 64;
/// Parts that are kept of all of them.
const MAX_PARTS: usize = 1024;
const NO_PART: u32 = u32::MAX;

/// Parts of the lists and objects that look-ups have walked: several columns and rules look at the same few, and none is
/// walked twice. Nor is any walked further than a look-up needs. Bounded, since records may be hostile: what it has no room
/// for is walked anew each time.
#[derive(Debug, Default)]
pub struct PartIndex<'a> {
    values: Vec<WalkedValue<'a>>,
    parts: Vec<(Part<'a>, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct WalkedValue<'a> {
    value: LazyValue<'a>,
    first: u32,
    last: u32,
    /// How far it has been walked; `None` to its end.
    at: Option<usize>,
}

/// What comes after a part.
enum Next<'a> {
    Kept(u32, Part<'a>),
    /// Not kept: to be walked from here on.
    From(usize),
    End,
}

impl<'a> PartIndex<'a> {
    /// The number of a value; `None` where too many are kept.
    fn number_of(&mut self, value: LazyValue<'a>) -> Option<usize> {
        if let Some(number) = self.values.iter().position(|known| std::ptr::eq(known.value.0, value.0)) {
            return Some(number);
        }
        if self.values.len() == MAX_VALUES {
            return None;
        }
        self.values.push(WalkedValue { value, first: NO_PART, last: NO_PART, at: Some(1) });
        Some(self.values.len() - 1)
    }

    /// The part of a value after another, its first after `NO_PART`.
    fn after(&mut self, number: usize, part: u32) -> Next<'a> {
        let walked = &mut self.values[number];
        let next = if part == NO_PART { walked.first } else { self.parts[part as usize].1 };
        if next != NO_PART {
            return Next::Kept(next, self.parts[next as usize].0);
        }
        let Some(at) = walked.at else { return Next::End };
        if self.parts.len() == MAX_PARTS {
            return Next::From(at);
        }
        let Some((found, end)) = walked.value.part_at(at) else {
            walked.at = None;
            return Next::End;
        };
        let new = self.parts.len() as u32;
        match walked.last {
            NO_PART => walked.first = new,
            last => self.parts[last as usize].1 = new,
        }
        (walked.last, walked.at) = (new, Some(end));
        self.parts.push((found, NO_PART));
        Next::Kept(new, found)
    }
}

/// Look-ups in values, each part of which is walked once.
pub trait LookUp<'a> {
    /// As `LazyValue::get`.
    fn get(&self, value: LazyValue<'a>, key: &str) -> Option<LazyValue<'a>>;
    /// As `LazyValue::items`.
    fn items(&self, value: LazyValue<'a>) -> impl Iterator<Item = LazyValue<'a>>;
}

impl<'a> LookUp<'a> for RefCell<PartIndex<'a>> {
    fn get(&self, value: LazyValue<'a>, key: &str) -> Option<LazyValue<'a>> {
        if !value.is_object() {
            return None;
        }
        parts_of(self, value).filter(|part| part.is_named(key)).last().map(|part| part.value)
    }

    fn items(&self, value: LazyValue<'a>) -> impl Iterator<Item = LazyValue<'a>> {
        let list = value.is_list().then(|| parts_of(self, value));
        list.into_iter().flatten().map(|part| part.value)
    }
}

fn parts_of<'i, 'a>(index: &'i RefCell<PartIndex<'a>>, value: LazyValue<'a>) -> impl Iterator<Item = Part<'a>> + use<'i, 'a> {
    let number = index.borrow_mut().number_of(value);
    // The part before, or where it ended if it is not kept.
    let (mut part, mut from) = (NO_PART, if number.is_none() { Some(1) } else { None });
    std::iter::from_fn(move || {
        if let (Some(number), None) = (number, from) {
            match index.borrow_mut().after(number, part) {
                Next::Kept(next, found) => {
                    part = next;
                    return Some(found);
                }
                Next::From(at) => from = Some(at),
                Next::End => return None,
            }
        }
        let (found, end) = value.part_at(from?)?;
        from = Some(end);
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_index_finds_is_what_a_walk_finds() {
        let many = format!("[{}]", (0..2_000).map(|i| format!(r#"{{"n":"{i}"}}"#)).collect::<Vec<_>>().join(", "));
        for text in [r#"[{"t":"a","x":[1,2]},{"t":"b","x":[]}, 3]"#, r#"{"a":1,"a":{"t":"b"},"\u0062":2}"#, "[]", "{}", "7", &many] {
            let value = LazyValue::new(text);
            let index = RefCell::new(PartIndex::default());
            for _ in 0..3 {
                assert!(index.items(value).eq(value.items()), "{text:.60}");
                assert_eq!(index.items(value).nth(1), value.items().nth(1));
                for key in ["a", "b", "t"] {
                    assert_eq!(index.get(value, key), value.get(key), "{text:.60}");
                    assert!(value.items().all(|item| index.get(item, key) == item.get(key)));
                }
            }
            assert!(index.borrow().values.len() <= MAX_VALUES && index.borrow().parts.len() <= MAX_PARTS);
        }
    }

    #[test]
    fn nothing_is_walked_twice_or_further_than_needed() {
        let property = |name: &str| format!(r#"{{"displayName":"{name}","oldValue":"[]","newValue":"[\"x\"]"}}"#);
        let target = |id: &str| format!(r#"{{"id":"{id}","modifiedProperties":[{}]}}"#, ["A", "B", "C"].map(property).join(","));
        let text = format!("[{},{}]", target("1"), target("2"));
        let walked = |look: &dyn Fn()| {
            let before = WALKED.get();
            look();
            WALKED.get() - before
        };
        let (value, index) = (LazyValue::new(&text), RefCell::new(PartIndex::default()));
        assert!(walked(&|| assert!(index.items(value).next().is_some())) <= target("1").len() + 1);
        let look = || {
            for target in index.items(value) {
                let found =
                    index.get(target, "modifiedProperties").map(|list| index.items(list).filter(|item| index.get(*item, "displayName").is_some()).count());
                assert_eq!(found, Some(3));
            }
        };
        // Once on each of the four levels, at most.
        assert!(walked(&look) <= 4 * text.len());
        assert_eq!(walked(&|| (0..40).for_each(|_| look())), 0);
    }

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
