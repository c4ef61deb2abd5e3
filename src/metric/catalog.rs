//! `queries/**`: facts, entities and metrics, embedded; a user's folder adds metrics or overrides them.
//!
//! How to add a metric
//! 1. Make a folder `queries/metrics/<ID>_<name>/` with query.sql, metric.toml and cases.toml.
//! 2. Nothing else: the folder is found, its place in the graph follows from what its SQL reads.

use crate::frame::entity::EntityDefinition;
use crate::metric::definition::MetricDefinition;
use include_dir::{Dir, include_dir};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/queries");

/// What a query's rows are for.
#[derive(Debug, Clone, PartialEq)]
pub enum Role {
    /// Read by other queries.
    Fact,
    /// Becomes a Parquet file, and may be read by other queries.
    Entity,
    Metric(Box<MetricDefinition>),
}

/// One query of the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The frame its rows are registered as; of a metric its id.
    pub name: String,
    pub sql: String,
    pub role: Role,
    /// Run month by month over `requests`, its results put together.
    pub is_per_month: bool,
    /// Frames it reads.
    pub reads: BTreeSet<String>,
    /// cases.toml of a metric.
    pub cases: String,
}

/// All queries, by name.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub queries: BTreeMap<String, Query>,
    entities: BTreeMap<String, EntityDefinition>,
}

impl Catalog {
    /// The embedded queries, and metric folders of the user (each with query.sql and metric.toml).
    pub fn new(user_folders: &[std::path::PathBuf]) -> Result<Catalog, String> {
        let mut queries = BTreeMap::new();
        for (folder, role) in [("facts", Role::Fact), ("entities", Role::Entity)] {
            for file in EMBEDDED.get_dir(folder).into_iter().flat_map(|dir| dir.files()) {
                if file.path().extension().is_some_and(|extension| extension == "sql") {
                    let name = stem(file.path());
                    let query = query_of(name.clone(), file.contents_utf8().unwrap_or_default().to_string(), role.clone(), String::new());
                    queries.insert(name, query);
                }
            }
        }
        let mut entities = BTreeMap::new();
        for file in EMBEDDED.get_dir("entities").into_iter().flat_map(|dir| dir.files()) {
            let name = file.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if let Some(name) = name.strip_suffix(".toml").filter(|name| !name.ends_with(".cases")) {
                let definition = toml::from_str(file.contents_utf8().unwrap_or_default()).map_err(|error| format!("entities/{name}.toml: {error}"))?;
                entities.insert(name.to_string(), definition);
            }
        }
        for dir in EMBEDDED.get_dir("metrics").into_iter().flat_map(|dir| dir.dirs()) {
            let text = |name: &str| dir.get_file(dir.path().join(name)).and_then(|file| file.contents_utf8()).unwrap_or_default().to_string();
            add_metric(&dir.path().to_string_lossy(), &text("metric.toml"), text("query.sql"), text("cases.toml"), &mut queries)?;
        }
        for folder in user_folders {
            let read = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| format!("{}: {error}", folder.join(name).display()));
            add_metric(&folder.display().to_string(), &read("metric.toml")?, read("query.sql")?, read("cases.toml").unwrap_or_default(), &mut queries)?;
        }
        Ok(Catalog { queries, entities })
    }

    /// The metrics' definitions, by id.
    pub fn definitions(&self) -> BTreeMap<String, MetricDefinition> {
        let definition = |query: &Query| match &query.role {
            Role::Metric(definition) => Some((definition.id.clone(), (**definition).clone())),
            _ => None,
        };
        self.queries.values().filter_map(definition).collect()
    }

    /// The entities' definitions, by name.
    pub fn entities(&self) -> impl Iterator<Item = (&String, &EntityDefinition)> {
        self.entities.iter()
    }

    /// Text of a saved investigation.
    pub fn investigation(name: &str) -> Option<&'static str> {
        EMBEDDED.get_file(format!("investigations/{name}.sql"))?.contents_utf8()
    }

    /// Text of a query of the incident retrospective.
    pub fn retro(name: &str) -> Option<&'static str> {
        EMBEDDED.get_file(format!("retro/{name}.sql"))?.contents_utf8()
    }

    /// Names of the saved investigations.
    pub fn investigations() -> Vec<String> {
        let mut names: Vec<String> = EMBEDDED.get_dir("investigations").into_iter().flat_map(|dir| dir.files()).map(|file| stem(file.path())).collect();
        names.sort();
        names
    }

    /// SHA-256 over every query and definition in use: the same digest, the same metrics.
    pub fn digest(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        for query in self.queries.values() {
            digest.update(query.name.as_bytes());
            digest.update(query.sql.as_bytes());
        }
        crate::record::token::hex(&digest.finalize())
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn add_metric(place: &str, definition: &str, sql: String, cases: String, queries: &mut BTreeMap<String, Query>) -> Result<(), String> {
    let definition = MetricDefinition::parse(definition).map_err(|error| format!("{place}/metric.toml: {error}"))?;
    let id = definition.id.clone();
    queries.insert(id.clone(), query_of(id, sql, Role::Metric(Box::new(definition)), cases));
    Ok(())
}

fn query_of(name: String, sql: String, role: Role, cases: String) -> Query {
    let (is_per_month, reads) = (is_per_month(&sql), frames_read(&sql));
    Query { name, sql, role, is_per_month, reads, cases }
}

/// True when a text's head says that it may see the calls of some months at a time.
pub fn is_per_month(sql: &str) -> bool {
    sql.lines().take_while(|line| line.starts_with("--")).any(|line| line.trim() == "-- per: month")
}

/// The frames that a query names after `from` and `join`, its own CTEs left out.
pub fn frames_read(sql: &str) -> BTreeSet<String> {
    let code: String = sql.lines().map(|line| line.split("--").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
    let find = |pattern: &str| -> BTreeSet<String> {
        let pattern = Regex::new(pattern).expect("a fixed pattern");
        pattern.captures_iter(&code).map(|found| found[1].to_lowercase()).collect()
    };
    let ctes = find(r"(?i)\b([a-z_][a-z0-9_]*)\s+as\s*\(\s*(?:select|with)\b");
    find(r"(?i)\b(?:from|join)\s+([a-z_][a-z0-9_]*)").difference(&ctes).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_reads_is_found_in_its_text() {
        let sql = "with a as (\n  select x from requests -- from nowhere\n), b as (select 1 from a)\nselect * from b join periods on 1 = 1";
        assert_eq!(frames_read(sql).into_iter().collect::<Vec<_>>(), ["periods", "requests"]);
    }
}
