//! Inventories: identities with their aliases, APIs with what their operations require, grants, exceptions.

use super::time::Micros;
use std::collections::HashMap;

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
}

impl Inventory {
    /// Applies aliases to grants, exceptions and owners, and puts every list in order.
    pub fn normalise(&mut self) {
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
        self.exceptions.sort();
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
    fn an_alias_leads_to_one_identity_and_case_matters() {
        let entry = |identity: &str, alias: &str| IdentityEntry { identity: identity.into(), aliases: vec![alias.into()], ..Default::default() };
        let aliases = Aliases::new(&[entry("a", "x"), entry("b", "x"), entry("c", "a")]);
        assert_eq!((aliases.resolve("x"), aliases.resolve("X"), aliases.resolve("a")), ("a", "X", "a"));
    }
}
