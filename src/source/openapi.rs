//! An OpenAPI 3 document -> what it says of its API: names, servers, operations, what each of them demands.
//!
//! https://spec.openapis.org/oas/v3.1.0. Requirements in `security` are alternatives, and the schemes of one of them belong
//! together: an operation demands the scopes that every alternative demands. Only `oauth2` and `openIdConnect` have scopes; a
//! list beside another scheme holds roles. `mutualTLS`, and `http` with the scheme `DPoP`, constrain the sender: the API's
//! proof is `required` if every alternative of every operation has one of them, `optional` if some have; a document without
//! any says nothing about it, since OpenAPI cannot say that tokens are bound.

use crate::record::operation::{ApiDocument, Operation};
use crate::record::route;
use crate::record::scope;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Keys of a path item that are operations; `query` since 3.2.
const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];
/// References that lead to references.
const MAX_REFERENCES: usize = 8;

/// What the document says; names are those of its servers and title. The rest are reject reasons of paths and operations
/// that cannot be read.
pub fn describe(document: &Value) -> (ApiDocument, Vec<&'static str>) {
    let mut reader = Reader { document, api: ApiDocument::default(), proofs: BTreeSet::new(), problems: Vec::new() };
    reader.add_servers(document, true);
    if let Some(title) = document.pointer("/info/title").and_then(Value::as_str) {
        reader.api.names.push(title.to_string());
        reader.api.names.push(kebab(title));
    }
    match document.get("paths") {
        Some(Value::Object(paths)) => paths.iter().for_each(|(path, item)| reader.add_path(path, item)),
        None | Some(Value::Null) => {}
        Some(_) => reader.problems.push("paths_is_no_object"),
    }
    let declares_any = reader.proofs.contains(&true);
    reader.api.declared_proof = declares_any.then(|| if reader.proofs.contains(&false) { "optional" } else { "required" }.to_string());
    (reader.api, reader.problems)
}

struct Reader<'d> {
    document: &'d Value,
    api: ApiDocument,
    /// For each way to call an operation, whether it constrains the sender.
    proofs: BTreeSet<bool>,
    problems: Vec<&'static str>,
}

impl<'d> Reader<'d> {
    /// Base paths, and for those of the whole API their hosts as names.
    fn add_servers(&mut self, of: &Value, names: bool) {
        for server in of.get("servers").and_then(Value::as_array).into_iter().flatten() {
            let Some(url) = server.get("url").and_then(Value::as_str) else { continue };
            let url = with_defaults(url, server.get("variables"));
            let base = route::path_of(&url).trim_end_matches('/');
            if !base.is_empty() {
                self.api.base_paths.insert(if base.starts_with('/') { base.to_string() } else { format!("/{base}") });
            }
            if let Some((_, rest)) = url.split_once("://")
                && names
            {
                let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
                let bare = host.split_once(':').map_or(host, |(host, _)| host);
                self.api.names.extend([host.to_string(), bare.to_string(), rest.trim_end_matches('/').to_string(), url.trim_end_matches('/').to_string()]);
            }
        }
    }

    fn add_path(&mut self, path: &str, item: &'d Value) {
        if path.starts_with("x-") {
            return;
        }
        let Some(Value::Object(item)) = self.resolved(item) else {
            return self.problems.push("unreadable_path");
        };
        if !path.starts_with('/') {
            return self.problems.push("path_without_slash");
        }
        if let Some(servers) = item.get("servers") {
            self.add_servers(&serde_json::json!({ "servers": servers }), false);
        }
        let named = METHODS.iter().filter_map(|method| Some((*method, item.get(*method)?)));
        let additional = item.get("additionalOperations").and_then(Value::as_object).into_iter().flatten();
        for (method, operation) in named.chain(additional.map(|(method, operation)| (method.as_str(), operation))) {
            match operation {
                Value::Object(operation) => self.add_operation(method, path, operation),
                _ => self.problems.push("unreadable_operation"),
            }
        }
    }

    fn add_operation(&mut self, method: &str, path: &str, operation: &'d Map<String, Value>) {
        if let Some(servers) = operation.get("servers") {
            self.add_servers(&serde_json::json!({ "servers": servers }), false);
        }
        let security = operation.get("security").or_else(|| self.document.get("security")).and_then(Value::as_array);
        let required_scopes = security.map(|alternatives| self.demands(alternatives));
        let called = path.split(['#', '?']).next().unwrap_or(path);
        let operation = Operation { method: method.to_uppercase(), path: called.to_string(), required_scopes };
        // Some documents tell operations of one path apart by a fragment or query: a call may be any of them.
        let same = |other: &&mut Operation| called != path && other.method == operation.method && other.path == operation.path;
        match self.api.operations.iter_mut().find(same) {
            None => self.api.operations.push(operation),
            Some(other) => {
                let both = other.required_scopes.take().zip(operation.required_scopes);
                other.required_scopes = both.map(|(mut common, demanded)| {
                    common.retain(|scope| demanded.contains(scope));
                    common
                });
            }
        }
    }

    /// The scopes that every alternative demands. An empty list of alternatives, like an empty alternative, demands nothing.
    fn demands(&mut self, alternatives: &'d [Value]) -> Vec<String> {
        let mut common: Option<BTreeSet<String>> = None;
        for alternative in alternatives.iter().filter_map(Value::as_object) {
            let mut scopes = BTreeSet::new();
            let mut constrains = false;
            for (name, list) in alternative {
                let scheme = self.document.pointer(&format!("/components/securitySchemes/{}", escaped(name))).and_then(|scheme| self.resolved(scheme));
                constrains |= scheme.is_some_and(constrains_sender);
                if scheme.is_none_or(has_scopes) {
                    scopes.extend(list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_string));
                }
            }
            self.proofs.insert(constrains);
            common = Some(common.map_or(scopes.clone(), |common| &common & &scopes));
        }
        if common.is_none() {
            self.proofs.insert(false);
        }
        scope::normalise(common.into_iter().flatten())
    }

    /// The value that a local reference leads to; `None` where it leads out of the document or to nothing.
    fn resolved(&self, value: &'d Value) -> Option<&'d Value> {
        let mut value = value;
        for _ in 0..MAX_REFERENCES {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some(value) };
            value = self.document.pointer(reference.strip_prefix('#')?)?;
        }
        None
    }
}

fn constrains_sender(scheme: &Value) -> bool {
    let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    text("type") == "mutualTLS" || (text("type") == "http" && text("scheme").eq_ignore_ascii_case("dpop"))
}

fn has_scopes(scheme: &Value) -> bool {
    scheme.get("type").and_then(Value::as_str).is_some_and(|kind| matches!(kind, "oauth2" | "openIdConnect"))
}

/// A key as a part of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// `https://{region}.example/v1` with the variables' defaults.
fn with_defaults(url: &str, variables: Option<&Value>) -> String {
    let variables = variables.and_then(Value::as_object).into_iter().flatten();
    variables.fold(url.to_string(), |url, (name, variable)| match variable.get("default").and_then(Value::as_str) {
        Some(default) => url.replace(&format!("{{{name}}}"), default),
        None => url,
    })
}

/// `Orders API` -> `orders-api`, as gateways name a service that they make from a document.
fn kebab(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(security: Value, operations: Value) -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {"title": "Orders API"},
            "servers": [{"url": "https://{env}.example:8443/v1/", "variables": {"env": {"default": "api"}}}, {"url": "/internal"}],
            "security": security,
            "paths": {"/orders/{id}": operations},
            "components": {"securitySchemes": {
                "oauth": {"type": "oauth2"},
                "mtls": {"$ref": "#/components/securitySchemes/certificate"},
                "certificate": {"type": "mutualTLS"},
                "proof": {"type": "http", "scheme": "DPoP"},
                "roles": {"type": "http", "scheme": "bearer"},
            }},
        })
    }

    fn scopes(security: Value) -> Vec<String> {
        let (api, problems) = describe(&document(json!([]), json!({"get": {"security": security}})));
        assert!(problems.is_empty(), "{problems:?}");
        api.operations[0].required_scopes.clone().expect("security is stated")
    }

    #[test]
    fn names_and_base_paths_are_those_of_servers_and_title() {
        let (api, _) = describe(&document(json!([]), json!({})));
        assert_eq!(api.names, ["api.example:8443", "api.example", "api.example:8443/v1", "https://api.example:8443/v1", "Orders API", "orders-api"]);
        assert_eq!(api.base_paths, ["/internal".to_string(), "/v1".to_string()].into());
    }

    #[test]
    fn an_operation_demands_what_every_alternative_demands() {
        assert_eq!(scopes(json!([{"oauth": ["b", "a"], "mtls": []}])), ["a", "b"]);
        assert_eq!(scopes(json!([{"oauth": ["a", "b"]}, {"oauth": ["b", "c"]}])), ["b"]);
        assert_eq!(scopes(json!([{"oauth": ["a"]}, {}])), Vec::<String>::new());
        assert_eq!(scopes(json!([{"roles": ["admin"]}])), Vec::<String>::new());
        assert_eq!(scopes(json!([])), Vec::<String>::new());
    }

    #[test]
    fn a_fragment_or_query_is_no_part_of_a_declared_path() {
        let operation = |scopes: &[&str]| json!({"get": {"security": [{"oauth": scopes}]}});
        let mut document = document(json!([]), json!({}));
        document["paths"] = json!({"/#A": operation(&["a", "b"]), "/#B": operation(&["b"]), "/t/{id}?x": operation(&["c"])});
        let (api, problems) = describe(&document);
        let declared: Vec<_> = api.operations.iter().map(|operation| (operation.path.as_str(), operation.required_scopes.clone().unwrap())).collect();
        assert_eq!((declared, problems), (vec![("/", vec!["b".to_string()]), ("/t/{id}", vec!["c".to_string()])], vec![]));
    }

    #[test]
    fn an_operation_without_security_has_that_of_the_document() {
        let (api, _) = describe(&document(json!([{"oauth": ["a"]}]), json!({"get": {}, "put": {"security": []}, "parameters": []})));
        let demands: Vec<_> = api.operations.iter().map(|operation| (operation.method.as_str(), operation.required_scopes.as_deref().unwrap().len())).collect();
        assert_eq!(demands, [("GET", 1), ("PUT", 0)]);
        let (api, _) = describe(&json!({"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}));
        assert_eq!(api.operations[0].required_scopes, None);
    }

    #[test]
    fn proof_is_declared_by_schemes_that_constrain_the_sender() {
        let proof = |security: Value, operations: Value| describe(&document(security, operations)).0.declared_proof;
        assert_eq!(proof(json!([{"mtls": [], "oauth": ["a"]}, {"proof": []}]), json!({"get": {}, "post": {}})).as_deref(), Some("required"));
        assert_eq!(proof(json!([{"mtls": []}, {"oauth": []}]), json!({"get": {}})).as_deref(), Some("optional"));
        assert_eq!(proof(json!([{"mtls": []}]), json!({"get": {}, "post": {"security": []}})).as_deref(), Some("optional"));
        assert_eq!(proof(json!([{"oauth": []}]), json!({"get": {}})), None);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let (api, problems) = describe(&json!({"openapi": "3.0.0", "paths": {
            "/a": {"$ref": "other.yaml#/a"}, "b": {"get": {}}, "/c": {"get": 1}, "x-d": 1, "/e": {"$ref": "#/components/pathItems/e"},
        }, "components": {"pathItems": {"e": {"get": {}}}}}));
        assert_eq!(problems, ["unreadable_path", "unreadable_operation", "path_without_slash"]);
        assert_eq!(api.operations.len(), 1);
        let (_, problems) = describe(&json!({"openapi": "3.0.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}}));
        assert_eq!(problems, ["unreadable_path"]);
    }
}
