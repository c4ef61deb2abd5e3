//! Which pack reads a document: a JSON or YAML file that is one value, often longer than the bytes detection looks at.
//!
//! Documents are told by their top-level keys and the scalars beside them; what is nested is not read, except that JSON keeps
//! whatever ends within those bytes.

use serde_json::{Map, Value};

/// The top-level keys of a JSON object that the head cuts off; values that end in it are whole, others null. `None` if there
/// is no such object.
pub fn cut_json(head: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(head).unwrap_or_else(|error| std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or(""));
    let mut rest = text.trim_start();
    // Of a list of documents the first.
    rest = rest.strip_prefix('[').unwrap_or(rest).trim_start().strip_prefix('{')?;
    let mut object = Map::new();
    while let Some((key, value)) = next_value(rest).filter(|(key, _)| key.is_string()) {
        let Some(value) = value.trim_start().strip_prefix(':') else { break };
        let name = key.as_str().unwrap_or_default().to_string();
        match next_value(value) {
            Some((found, after)) => {
                object.insert(name, found);
                rest = after.trim_start().strip_prefix(',').unwrap_or("");
            }
            None => {
                object.insert(name, Value::Null);
                break;
            }
        }
    }
    (!object.is_empty()).then_some(Value::Object(object))
}

fn next_value(text: &str) -> Option<(Value, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some((value, &text[values.byte_offset()..]))
}

/// The top-level keys of a YAML mapping with their scalars; a key with a nested value has null.
pub fn yaml_keys(head: &[u8]) -> Value {
    let text = String::from_utf8_lossy(head);
    let mut object = Map::new();
    for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#', '-', '%', '{', '['])) {
        let Some((key, value)) = line.split_once(':') else { continue };
        if !value.is_empty() && !value.starts_with([' ', '\t']) {
            continue;
        }
        let value = value.split(" #").next().unwrap_or_default();
        let bare = |text: &str| text.trim().trim_matches(['"', '\'']).to_string();
        let value = if value.trim().is_empty() { Value::Null } else { Value::String(bare(value)) };
        object.insert(bare(key), value);
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_of_a_document_that_is_cut_off() {
        let head = br#"{ "openapi": "3.0.1", "info": {"title": "x, }"}, "paths": {"/a": {"get"#;
        assert_eq!(cut_json(head), Some(json!({"openapi": "3.0.1", "info": {"title": "x, }"}, "paths": null})));
        assert_eq!(cut_json(b"[\n{\"realm\": \"r\", \"clients\": [ {"), Some(json!({"realm": "r", "clients": null})));
        assert_eq!(cut_json(b"{\"a\": 1, \"b"), Some(json!({"a": 1})));
        assert_eq!((cut_json(b"{"), cut_json(b"x"), cut_json(b"{\"a\" 1}")), (None, None, None));
    }

    #[test]
    fn keys_of_a_yaml_mapping() {
        let head = b"%YAML 1.2\n---\n# about\nopenapi: '3.1.0' # version\ninfo:\n  title: x\nhttp://x: y\npaths: {}\n- a: b\n";
        assert_eq!(yaml_keys(head), json!({"openapi": "3.1.0", "info": null, "paths": "{}"}));
    }
}
