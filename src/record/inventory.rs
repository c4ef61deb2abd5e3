//! Inventories: identities with their aliases, APIs with what their operations require, grants, exceptions.

use super::operation::ApiDocument;
use super::time::Micros;
use std::collections::{BTreeSet, HashMap};

/// One row of the identities inventory. Lists are split; instants are microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdentityEntry {
    pub identity: String,
    pub aliases: Vec<String>,
    pub kind: Option<String>,
    pub owner: Option<String>,
    pub owner_status: Option<String>,
    pub environment: Option<String>,
    pub criticality: Option<String>,
    pub created_us: Option<Micros>,
}

/// One row of the APIs inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiEntry {
    pub api: String,
    /// Other names of the API, as documents and other gateways have them.
    pub aliases: Vec<String>,
    pub owner: Option<String>,
    pub environment: Option<String>,
    pub criticality: Option<String>,
    pub is_external: Option<bool>,
    pub declared_proof: Option<String>,
    /// (method, route) -> scopes, sorted and distinct.
    pub required_scopes: Vec<(String, String, Vec<String>)>,
}

/// One row of the grants inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantEntry {
    pub identity: String,
    pub scope: String,
    pub api: Option<String>,
    pub granted_us: Option<Micros>,
    pub removed_us: Option<Micros>,
}

/// One entry of the exception register.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExceptionEntry {
    pub id: String,
    pub control: String,
    pub api: Option<String>,
    pub identity: Option<String>,
    pub reason: Option<String>,
    pub owner: Option<String>,
    pub approved_us: Option<Micros>,
    pub expires_us: Option<Micros>,
    pub compensating_control: Option<String>,
}

/// Everything the inventories say.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    pub identities: Vec<IdentityEntry>,
    pub apis: Vec<ApiEntry>,
    pub grants: Vec<GrantEntry>,
    pub exceptions: Vec<ExceptionEntry>,
    /// Identities that documents describe. A row of a table says more than they do: they only fill what it leaves open.
    pub described: Vec<IdentityEntry>,
    /// What documents say of APIs, under every name that these may have.
    pub documents: Vec<ApiDocument>,
}

impl Inventory {
    /// Joins what documents describe with the tables, applies aliases to grants, exceptions and owners, and puts every list
    /// in order.
    pub fn normalise(&mut self) {
        self.join_described();
        self.name_documents();
        let aliases = Aliases::new(&self.identities);
        for entry in &mut self.identities {
            entry.owner = entry.owner.take().map(|owner| aliases.resolve(&owner).to_string());
        }
        for grant in &mut self.grants {
            grant.identity = aliases.resolve(&grant.identity).to_string();
        }
        for exception in &mut self.exceptions {
            exception.identity = exception.identity.take().map(|identity| aliases.resolve(&identity).to_string());
        }
        self.identities.sort();
        self.apis.sort();
        self.grants.sort();
        self.grants.dedup();
        self.exceptions.sort();
    }

    /// Puts a described identity into the row that knows it under any of its names, else makes it a row of its own.
    fn join_described(&mut self) {
        self.described.sort();
        let mut known: HashMap<String, usize> = HashMap::new();
        let note = |known: &mut HashMap<String, usize>, entry: &IdentityEntry, row: usize| {
            for name in std::iter::once(&entry.identity).chain(&entry.aliases) {
                known.entry(name.clone()).or_insert(row);
            }
        };
        for (row, entry) in self.identities.iter().enumerate() {
            known.insert(entry.identity.clone(), row);
        }
        self.identities.iter().enumerate().for_each(|(row, entry)| note(&mut known, entry, row));
        for entry in std::mem::take(&mut self.described) {
            let row = std::iter::once(&entry.identity).chain(&entry.aliases).find_map(|name| known.get(name)).copied();
            let row = row.unwrap_or(self.identities.len());
            note(&mut known, &entry, row);
            match self.identities.get_mut(row) {
                Some(existing) => existing.fill_from(entry),
                None => self.identities.push(entry),
            }
        }
    }

    /// Gives documents the names under which the table of APIs knows their API.
    fn name_documents(&mut self) {
        self.documents.sort();
        self.documents.dedup();
        for document in &mut self.documents {
            let is_known = |name: &String| document.names.contains(name);
            let entries = self.apis.iter().filter(|entry| is_known(&entry.api) || entry.aliases.iter().any(is_known));
            let names: Vec<String> = entries.flat_map(|entry| std::iter::once(&entry.api).chain(&entry.aliases)).cloned().collect();
            // The table's name comes first: it is what the API is called where no gateway names it.
            let own = std::mem::take(&mut document.names);
            for name in names.into_iter().chain(own) {
                if !document.names.contains(&name) {
                    document.names.push(name);
                }
            }
        }
    }

    /// Writes what documents say into the table of APIs, under those of their names that gateways use, else under their first.
    /// What the table says already stays; documents that differ in the proof they declare leave it `optional`.
    pub fn add_documents(&mut self, apis_seen: &BTreeSet<&str>) {
        let declared_in_table: BTreeSet<String> = self.apis.iter().filter(|entry| entry.declared_proof.is_some()).map(|entry| entry.api.clone()).collect();
        for document in &self.documents {
            let mut names: Vec<&String> = document.names.iter().filter(|name| apis_seen.contains(name.as_str())).collect();
            if names.is_empty() {
                names.extend(document.names.first());
            }
            for name in names {
                let row = self.apis.iter().position(|entry| entry.api == *name).unwrap_or_else(|| {
                    self.apis.push(ApiEntry { api: name.clone(), ..Default::default() });
                    self.apis.len() - 1
                });
                self.apis[row].fill_from(document, declared_in_table.contains(name));
            }
        }
        self.apis.sort();
    }
}

impl ApiEntry {
    fn fill_from(&mut self, document: &ApiDocument, declares: bool) {
        self.owner = self.owner.take().or_else(|| document.owner.clone());
        self.environment = self.environment.take().or_else(|| document.environment.clone());
        self.declared_proof = match (self.declared_proof.take(), &document.declared_proof) {
            (own, _) if declares => own,
            (None, other) => other.clone(),
            (Some(one), Some(other)) if one != *other => Some("optional".into()),
            (own, _) => own,
        };
    }
}

impl IdentityEntry {
    /// Takes over what is not stated here, and every alias.
    pub fn fill_from(&mut self, other: IdentityEntry) {
        let names = std::iter::once(other.identity).chain(other.aliases);
        let new: Vec<String> = names.filter(|name| *name != self.identity && !self.aliases.contains(name)).collect();
        self.aliases.extend(new);
        self.kind = self.kind.take().or(other.kind);
        self.owner = self.owner.take().or(other.owner);
        self.owner_status = self.owner_status.take().or(other.owner_status);
        self.environment = self.environment.take().or(other.environment);
        self.criticality = self.criticality.take().or(other.criticality);
        self.created_us = self.created_us.or(other.created_us);
    }
}

/// Alias -> canonical identity. Aliases match exactly, case-sensitively; the canonical id is its own alias.
#[derive(Debug, Clone, Default)]
pub struct Aliases {
    canonical: HashMap<String, String>,
}

impl Aliases {
    /// Of an alias given to two identities the first in inventory order keeps it.
    pub fn new(identities: &[IdentityEntry]) -> Self {
        let mut canonical = HashMap::new();
        for entry in identities {
            canonical.insert(entry.identity.clone(), entry.identity.clone());
        }
        for entry in identities {
            for alias in &entry.aliases {
                canonical.entry(alias.clone()).or_insert_with(|| entry.identity.clone());
            }
        }
        Aliases { canonical }
    }

    pub fn contains(&self, alias: &str) -> bool {
        self.canonical.contains_key(alias)
    }

    /// The canonical id of a spelling that the inventory knows.
    pub fn canonical(&self, seen: &str) -> Option<&str> {
        self.canonical.get(seen).map(String::as_str)
    }

    /// The canonical id of a spelling; itself where the inventory does not know it.
    pub fn resolve<'a>(&'a self, seen: &'a str) -> &'a str {
        self.canonical.get(seen).map_or(seen, String::as_str)
    }
}

/// `METHOD route=scope scope|METHOD route=…` of the APIs inventory.
pub fn parse_required_scopes(text: &str) -> Vec<(String, String, Vec<String>)> {
    text.split('|')
        .filter_map(|entry| {
            let (operation, scopes) = entry.rsplit_once('=')?;
            let (method, route) = operation.trim().split_once(' ')?;
            Some((method.trim().to_uppercase(), route.trim().to_string(), super::scope::split(scopes)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_scopes_per_operation() {
        assert_eq!(
            parse_required_scopes("get /orders/{id}=orders.read orders.list| POST /orders=orders.write"),
            vec![
                ("GET".into(), "/orders/{id}".into(), vec!["orders.list".into(), "orders.read".into()]),
                ("POST".into(), "/orders".into(), vec!["orders.write".into()]),
            ]
        );
    }

    #[test]
    fn documents_fill_rows_that_know_their_identity_by_any_name() {
        let entry = |identity: &str, aliases: &[&str], owner: Option<&str>| IdentityEntry {
            identity: identity.into(),
            aliases: aliases.iter().map(|alias| alias.to_string()).collect(),
            owner: owner.map(str::to_string),
            ..Default::default()
        };
        let described = IdentityEntry { kind: Some("workload".into()), ..entry("ledger", &["uuid-1"], Some("somebody else")) };
        let mut inventory = Inventory {
            identities: vec![entry("svc-ledger", &["uuid-1"], Some("payments"))],
            described: vec![described, entry("new", &["uuid-2"], None), entry("newer", &["uuid-2"], Some("b"))],
            ..Default::default()
        };
        inventory.normalise();
        let rows: Vec<_> = inventory.identities.iter().map(|row| (row.identity.as_str(), row.owner.as_deref(), row.aliases.len())).collect();
        assert_eq!(rows, [("new", Some("b"), 2), ("svc-ledger", Some("payments"), 2)]);
        assert_eq!(inventory.identities[1].kind.as_deref(), Some("workload"));
    }

    #[test]
    fn a_document_speaks_for_the_names_that_gateways_use() {
        let document = |names: &[&str], proof: &str| ApiDocument {
            names: names.iter().map(|name| name.to_string()).collect(),
            declared_proof: Some(proof.into()),
            ..Default::default()
        };
        let table = ApiEntry { api: "orders".into(), aliases: vec!["Orders API".into()], owner: Some("shop".into()), ..Default::default() };
        let mut inventory = Inventory {
            apis: vec![table, ApiEntry { api: "x.example".into(), declared_proof: Some("none".into()), ..Default::default() }],
            documents: vec![
                document(&["Orders API"], "required"),
                document(&["b", "h.example"], "required"),
                document(&["c", "h.example"], "none"),
                document(&["d", "x.example"], "required"),
            ],
            ..Default::default()
        };
        inventory.normalise();
        inventory.add_documents(&["h.example"].into());
        let rows: Vec<_> = inventory.apis.iter().map(|row| (row.api.as_str(), row.declared_proof.as_deref().unwrap_or(""))).collect();
        assert_eq!(rows, [("h.example", "optional"), ("orders", "required"), ("x.example", "none")]);
        assert_eq!(inventory.apis[1].owner.as_deref(), Some("shop"));
    }

    #[test]
    fn an_alias_leads_to_one_identity_and_case_matters() {
        let entry = |identity: &str, alias: &str| IdentityEntry { identity: identity.into(), aliases: vec![alias.into()], ..Default::default() };
        let aliases = Aliases::new(&[entry("a", "x"), entry("b", "x"), entry("c", "a")]);
        assert_eq!((aliases.resolve("x"), aliases.resolve("X"), aliases.resolve("a")), ("a", "X", "a"));
    }
}
