//! Operations that API descriptions declare: which of them a call was, and what it demands.
//!
//! A description (an OpenAPI document, the metadata of a protected resource) belongs to the calls whose `api` is one of its
//! names. The path of such a call is compared with the declared paths, segment by segment; the declared template takes the
//! place of a guessed one, so that the number of routes is that of the description.

use std::collections::{BTreeSet, HashMap};

/// What a document says of one API.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiDocument {
    /// By which a gateway may call it; the first stands in the frames if the gateways use none of them.
    pub names: Vec<String>,
    pub owner: Option<String>,
    pub environment: Option<String>,
    /// `required`, `optional` or `none`.
    pub declared_proof: Option<String>,
    /// Paths of its servers, without a slash at the end: what stands before the declared paths.
    pub base_paths: BTreeSet<String>,
    pub operations: Vec<Operation>,
}

/// One method of one path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Upper case.
    pub method: String,
    /// As declared: `/orders/{orderId}`.
    pub path: String,
    /// What every way to call it demands, sorted and distinct; `None` where the document does not say.
    pub required_scopes: Option<Vec<String>>,
}

/// A declared operation that a call fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredRoute<'t> {
    /// The declared path, behind the server's path where the call's has it.
    pub route: &'t str,
    /// `None`: the document does not say, or the call's method is none that it declares.
    pub required_scopes: Option<&'t [String]>,
}

/// The operations of all documents, by the names of their APIs.
#[derive(Debug, Default)]
pub struct OperationTable {
    by_api: HashMap<String, ByLength>,
}

/// Templates by their number of segments.
type ByLength = HashMap<usize, Vec<Template>>;

#[derive(Debug, Clone)]
struct Template {
    route: String,
    segments: Vec<Segment>,
    method: String,
    required_scopes: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// `{id}`, or with text around it: `{id}.json`.
    Parameter {
        before: String,
        after: String,
    },
}

impl OperationTable {
    /// Every declared path with and without the paths of the servers before it, since gateways rewrite paths.
    pub fn new(documents: &[ApiDocument]) -> Self {
        let mut table = OperationTable::default();
        for document in documents {
            let bases: BTreeSet<&str> = document.base_paths.iter().map(String::as_str).chain([""]).collect();
            let pairs = || document.operations.iter().flat_map(|operation| bases.iter().map(move |base| Template::new(operation, base)));
            for name in document.names.iter().filter(|_| !document.operations.is_empty()) {
                let by_length = table.by_api.entry(name.clone()).or_default();
                for template in pairs() {
                    by_length.entry(template.segments.len()).or_default().push(template);
                }
            }
        }
        table
    }

    pub fn is_empty(&self) -> bool {
        self.by_api.is_empty()
    }

    /// The operation that a call is. `path` is the request's target, or a template that the gateway logged; `prefix` is the
    /// route as logged, which a gateway may have put before the API's own paths.
    pub fn find(&self, api: &str, method: Option<&str>, path: &str, prefix: Option<&str>) -> Option<DeclaredRoute<'_>> {
        let by_length = self.by_api.get(api)?;
        let path = super::route::path_of(path);
        most_concrete(by_length, method, path).or_else(|| {
            let rest = path.strip_prefix(prefix?.trim_end_matches('/')).filter(|rest| rest.starts_with('/') && rest.len() < path.len())?;
            most_concrete(by_length, method, rest)
        })
    }
}

/// Of the templates that a path fits the most concrete, first among those of its method; of equal ones the first declared.
fn most_concrete<'t>(by_length: &'t ByLength, method: Option<&str>, path: &str) -> Option<DeclaredRoute<'t>> {
    let segments: Vec<&str> = segments_of(path).collect();
    let mut best: Option<((bool, u64), &Template)> = None;
    for template in by_length.get(&segments.len())? {
        let Some(concrete) = template.concreteness(&segments) else { continue };
        let score = (method == Some(template.method.as_str()), concrete);
        if best.is_none_or(|(other, _)| score > other) {
            best = Some((score, template));
        }
    }
    let ((is_method, _), template) = best?;
    let required_scopes = if is_method { template.required_scopes.as_deref() } else { None };
    Some(DeclaredRoute { route: &template.route, required_scopes })
}

/// A slash at the end does not count.
fn segments_of(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    path.strip_prefix('/').unwrap_or(path).split('/')
}

impl Template {
    fn new(operation: &Operation, base: &str) -> Self {
        let route = if operation.path == "/" && !base.is_empty() { base.to_string() } else { format!("{base}{}", operation.path) };
        let segments = segments_of(&route).map(Segment::new).collect();
        Template { segments, route, method: operation.method.clone(), required_scopes: operation.required_scopes.clone() }
    }

    /// Which segments are literal, the first as the highest bit (OpenAPI: concrete paths before templated ones); `None` if
    /// the path does not fit.
    fn concreteness(&self, path: &[&str]) -> Option<u64> {
        let mut bits = 0;
        for (number, (segment, text)) in self.segments.iter().zip(path).enumerate() {
            let literal = match segment {
                Segment::Literal(literal) if literal == text => 1,
                Segment::Parameter { before, after } if fits_parameter(text, before, after) => 0,
                _ => return None,
            };
            bits |= literal << (63 - number.min(63));
        }
        Some(bits)
    }
}

fn fits_parameter(text: &str, before: &str, after: &str) -> bool {
    text.len() > before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
}

impl Segment {
    fn new(text: &str) -> Self {
        match (text.find('{'), text.rfind('}')) {
            (Some(start), Some(end)) if start < end => Segment::Parameter { before: text[..start].into(), after: text[end + 1..].into() },
            _ => Segment::Literal(text.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> OperationTable {
        let operation = |method: &str, path: &str, scope: &str| Operation {
            method: method.into(),
            path: path.into(),
            required_scopes: (!scope.is_empty()).then(|| vec![scope.to_string()]),
        };
        let document = ApiDocument {
            names: vec!["Orders".into(), "api.example".into()],
            base_paths: ["/v1".to_string()].into(),
            operations: vec![
                operation("GET", "/orders/{orderId}", "read"),
                operation("GET", "/orders/open", "list"),
                operation("DELETE", "/orders/{orderId}", "delete"),
                operation("GET", "/files/{name}.json", ""),
                operation("GET", "/", ""),
            ],
            ..Default::default()
        };
        OperationTable::new(&[document])
    }

    fn found<'t>(table: &'t OperationTable, method: &str, path: &str, prefix: Option<&str>) -> Option<(&'t str, Option<&'t str>)> {
        let found = table.find("api.example", Some(method), path, prefix)?;
        Some((found.route, found.required_scopes.map(|scopes| scopes[0].as_str())))
    }

    #[test]
    fn a_call_is_the_most_concrete_operation_that_it_fits() {
        let table = table();
        assert_eq!(found(&table, "GET", "/v1/orders/alice?x=1", None), Some(("/v1/orders/{orderId}", Some("read"))));
        assert_eq!(found(&table, "GET", "https://h/orders/alice/", None), Some(("/orders/{orderId}", Some("read"))));
        assert_eq!(found(&table, "GET", "/v1/orders/open", None), Some(("/v1/orders/open", Some("list"))));
        assert_eq!(found(&table, "DELETE", "/v1/orders/open", None), Some(("/v1/orders/{orderId}", Some("delete"))));
        assert_eq!(found(&table, "GET", "/v1/files/a.json", None), Some(("/v1/files/{name}.json", None)));
        assert_eq!(found(&table, "GET", "/v1/files/.json", None), None);
        assert_eq!(found(&table, "GET", "/v1", None), Some(("/v1", None)));
    }

    #[test]
    fn a_method_that_is_not_declared_has_a_route_and_no_demand() {
        assert_eq!(found(&table(), "PATCH", "/v1/orders/7", None), Some(("/v1/orders/{orderId}", None)));
    }

    #[test]
    fn a_prefix_of_the_gateway_is_taken_off_only_where_it_was_logged() {
        let table = table();
        assert_eq!(found(&table, "GET", "/shop/v1/orders/7", None), None);
        assert_eq!(found(&table, "GET", "/shop/v1/orders/7", Some("/shop")), Some(("/v1/orders/{orderId}", Some("read"))));
        assert_eq!(found(&table, "GET", "/shopping/v1/orders/7", Some("/shop")), None);
        assert_eq!(table.find("other", Some("GET"), "/v1/orders/7", None), None);
    }
}
