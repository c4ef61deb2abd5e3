//! YAML 1.2 text -> values, for documents that people write by hand.
//!
//! The parser hands out events; the tree is built here, so that depth is bounded and aliases cannot grow a small text into
//! a huge tree. Merge keys (`<<`) are followed, since editors of such documents use them. Tags are not.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Values nested deeper than this are refused, as in JSON.
const MAX_DEPTH: usize = 127;
/// Values of one text, those that aliases repeat included.
const MAX_VALUES: usize = 4_000_000;

/// The documents of a text. The error is a reject reason.
pub fn documents(text: &str) -> Result<Vec<Value>, &'static str> {
    let mut builder = Builder::default();
    let mut documents = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|_| "invalid_yaml")?;
        if let Some(document) = builder.take(event)? {
            documents.push(document);
        }
    }
    Ok(documents)
}

/// A list or object that is still open, and its anchor.
enum Open {
    List(Vec<Value>, usize),
    /// With the key that waits for its value.
    Object(Map<String, Value>, Option<String>, usize),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    /// Anchor -> its value, and how many values that is.
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
    root: Option<Value>,
}

impl Builder {
    /// Takes the next event; the document if it ends one.
    fn take(&mut self, event: Event<'_>) -> Result<Option<Value>, &'static str> {
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::DocumentEnd => return Ok(self.root.take()),
            Event::SequenceStart(anchor, _) => self.enter(Open::List(Vec::new(), anchor))?,
            Event::MappingStart(anchor, _) => self.enter(Open::Object(Map::new(), None, anchor))?,
            Event::SequenceEnd | Event::MappingEnd => self.leave()?,
            Event::Scalar(text, style, anchor, _) => self.put(scalar(&text, style), anchor)?,
            Event::Alias(anchor) => {
                // An alias inside its own anchor finds nothing, so there are no cycles.
                let (value, count) = self.anchors.get(&anchor).ok_or("invalid_yaml")?;
                let (value, count) = if self.values + count > MAX_VALUES { return Err("too_many_values") } else { (value.clone(), *count) };
                self.values += count;
                if self.open.len() + depth_of(&value) > MAX_DEPTH {
                    return Err("nested_too_deep");
                }
                self.put(value, 0)?;
            }
            _ => {}
        }
        Ok(None)
    }

    fn enter(&mut self, open: Open) -> Result<(), &'static str> {
        self.open.push(open);
        if self.open.len() > MAX_DEPTH { Err("nested_too_deep") } else { Ok(()) }
    }

    fn leave(&mut self) -> Result<(), &'static str> {
        match self.open.pop() {
            Some(Open::List(items, anchor)) => self.put(Value::Array(items), anchor),
            Some(Open::Object(object, _, anchor)) => self.put(Value::Object(merged(object)), anchor),
            None => Err("invalid_yaml"),
        }
    }

    fn put(&mut self, value: Value, anchor: usize) -> Result<(), &'static str> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err("too_many_values");
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), count_of(&value)));
        }
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Object(object, key, _)) => match key.take() {
                None => *key = Some(key_text(value)?),
                Some(name) => {
                    object.insert(name, value);
                }
            },
        }
        Ok(())
    }
}

fn count_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count_of).sum::<usize>(),
        Value::Object(object) => 1 + object.values().map(count_of).sum::<usize>(),
        _ => 1,
    }
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

/// Keys are text: `200:` is the key `200`.
fn key_text(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text),
        Value::Array(_) | Value::Object(_) => Err("key_is_no_text"),
        other => Ok(other.to_string()),
    }
}

/// The object with what its merge key brings; its own keys win.
fn merged(mut object: Map<String, Value>) -> Map<String, Value> {
    let sources = match object.remove("<<") {
        Some(Value::Array(items)) => items,
        Some(source @ Value::Object(_)) => vec![source],
        _ => return object,
    };
    for source in sources {
        if let Value::Object(source) = source {
            for (key, value) in source {
                object.entry(key).or_insert(value);
            }
        }
    }
    object
}

/// A plain scalar by the core schema, a quoted one as text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_string());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_string()), Value::Number),
    }
}

/// Only numbers that keep their spelling; what would change (`1.10`, `007`) stays text.
fn number(text: &str) -> Option<Number> {
    let number: Number = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_keep_their_type_and_spelling() {
        let text = "a: 1\nb: '1'\nc: 1.10\nd: ~\ne: true\nf: |\n  x\n  y\n200: ok\ng: [a, {b: c}]\nh: 2026-01-02\n";
        let wanted = json!({"a": 1, "b": "1", "c": "1.10", "d": null, "e": true, "f": "x\ny\n", "200": "ok", "g": ["a", {"b": "c"}], "h": "2026-01-02"});
        assert_eq!(documents(text), Ok(vec![wanted]));
        assert_eq!(documents("---\na: 1\n---\n- b\n"), Ok(vec![json!({"a": 1}), json!(["b"])]));
    }

    #[test]
    fn aliases_and_merge_keys_are_followed() {
        let text = "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\nsame: *b\n";
        assert_eq!(documents(text), Ok(vec![json!({"base": {"x": 1, "y": 2}, "own": {"x": 1, "y": 3}, "same": {"x": 1, "y": 2}})]));
    }

    #[test]
    fn hostile_texts_are_refused() {
        let laughs: String = (1..12).fold("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".into(), |text, i| {
            let items = vec![format!("*a{}", i - 1); 10].join(",");
            format!("{text}a{i}: &a{i} [{items}]\n")
        });
        assert_eq!(documents(&laughs), Err("too_many_values"));
        assert_eq!(documents(&"- ".repeat(500)), Err("nested_too_deep"));
        assert!(documents(&"[".repeat(10_000)).is_err());
        assert_eq!(documents("a: *nobody\n"), Err("invalid_yaml"));
        assert_eq!(documents("a: &a [*a]\n"), Err("invalid_yaml"));
        assert_eq!(documents("a: b: c\n"), Err("invalid_yaml"));
        assert_eq!(documents("? [x]\n: y\n"), Err("key_is_no_text"));
    }

    /// Whatever is written over a document: values or a reason, never a panic.
    #[test]
    fn mutated_texts_are_values_or_refused() {
        let text = include_str!("../../../sample-data/packs/openapi/sample.yaml");
        let (mut seed, mut outcomes) = (1u64, [0; 2]);
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize % below
        };
        const BYTES: &[u8] = b"\n\t \0:-?&*!|>'\"%@`[]{},#\xff<~=";
        for _ in 0..3000 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..1 + random(4) {
                let at = random(bytes.len());
                bytes[at] = BYTES[random(BYTES.len())];
            }
            bytes.truncate(1 + random(bytes.len()));
            outcomes[usize::from(documents(&String::from_utf8_lossy(&bytes)).is_ok())] += 1;
        }
        assert!(outcomes[0] > 100 && outcomes[1] > 100, "{outcomes:?}");
    }
}
