//! People in the evidence, and pseudonyms for them: the same name is the same pseudonym everywhere, and cannot be told from it
//! without the key.

use super::identity_event::{IdentityEventRow, IdentityKind};
use super::inventory::Inventory;
use super::revocation_ticket::TicketRow;
use super::token::hex;
use hmac::{Hmac, Mac};
use regex::Regex;
use sha2::Sha256;
use std::borrow::Cow;
use std::collections::HashSet;

/// Who is a person, and what they are called instead.
pub struct People {
    key: Vec<u8>,
    people: HashSet<String>,
    others: HashSet<String>,
    /// What names of people look like in this organisation.
    patterns: Vec<Regex>,
    /// Everyone is taken for a person: what would tell was not read.
    is_everyone: bool,
}

impl People {
    /// `key` keys the pseudonyms; `patterns` are the configured looks of names.
    pub fn new(key: Vec<u8>, patterns: Vec<Regex>) -> People {
        People { key, people: HashSet::new(), others: HashSet::new(), patterns, is_everyone: false }
    }

    /// As `new`, where one file alone is looked at and no inventory says who is a person: every name is hidden.
    pub fn everyone(key: Vec<u8>) -> People {
        People { is_everyone: true, ..People::new(key, Vec::new()) }
    }

    /// Learns from the inventory: it has the last word on whom it lists.
    pub fn learn_inventory(&mut self, inventory: &Inventory) {
        for entry in &inventory.identities {
            let names = || std::iter::once(&entry.identity).chain(&entry.aliases).cloned();
            match entry.kind.as_deref() {
                Some("human") => self.people.extend(names()),
                _ => self.others.extend(names()),
            }
        }
    }

    /// Learns from identity events: whom the provider calls human, and who acted. Call it after `learn_inventory`.
    pub fn learn_events<'e>(&mut self, events: impl Iterator<Item = &'e IdentityEventRow> + Clone) {
        for event in events.clone() {
            let Some(name) = event.identity_seen.as_ref().filter(|name| !self.is_listed(name)) else { continue };
            match event.identity_kind {
                Some(IdentityKind::Human) => drop(self.people.insert(name.clone())),
                Some(IdentityKind::Workload | IdentityKind::AiAgent | IdentityKind::Partner) => drop(self.others.insert(name.clone())),
                _ => {}
            }
        }
        for event in events.filter(|event| event.is_automatic != Some(true)) {
            self.learn_actor(event.actor.as_ref());
        }
    }

    /// Learns from tickets: people work on them.
    pub fn learn_tickets<'t>(&mut self, tickets: impl Iterator<Item = &'t TicketRow>) {
        tickets.for_each(|ticket| self.learn_actor(ticket.assignee.as_ref()));
    }

    fn is_listed(&self, name: &str) -> bool {
        self.people.contains(name) || self.others.contains(name)
    }

    fn learn_actor(&mut self, name: Option<&String>) {
        if let Some(name) = name.filter(|name| !self.is_listed(name)) {
            self.people.insert(name.clone());
        }
    }

    /// True for a name that the evidence says is a person's, or that looks like one: a mail address, or what was configured.
    fn is_person(&self, name: &str) -> bool {
        self.is_everyone
            || self.people.contains(name)
            || (!self.others.contains(name) && (is_mail_address(name) || self.patterns.iter().any(|pattern| pattern.is_match(name))))
    }

    /// The name as it may be written.
    pub fn name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.is_person(name) { Cow::Owned(self.pseudonym(name)) } else { Cow::Borrowed(name) }
    }

    /// A reference `kind:value` whose value may be a name.
    pub fn reference<'n>(&self, reference: &'n str) -> Cow<'n, str> {
        match reference.split_once(':') {
            Some((kind, value)) if self.is_person(value) => Cow::Owned(format!("{kind}:{}", self.pseudonym(value))),
            _ => Cow::Borrowed(reference),
        }
    }

    /// Free text, its words that are names replaced.
    fn text(&self, text: &str) -> String {
        let is_mark = |c: char| c.is_ascii_punctuation();
        let replaced = |word: &str| {
            let name = word.trim_matches(is_mark);
            if !name.is_empty() && self.is_person(name) { word.replace(name, &self.pseudonym(name)) } else { word.to_string() }
        };
        text.split(' ').map(replaced).collect::<Vec<_>>().join(" ")
    }

    fn pseudonym(&self, name: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(b"person\0");
        mac.update(name.as_bytes());
        format!("person-{}", hex(&mac.finalize().into_bytes()[..8]))
    }

    /// Replaces the names in the inventories, once aliases are no longer looked up in them.
    pub fn hide_in(&self, inventory: &mut Inventory) {
        let name = |text: &mut String| *text = self.name(text).into_owned();
        let some = |text: &mut Option<String>| text.iter_mut().for_each(name);
        for entry in &mut inventory.identities {
            name(&mut entry.identity);
            entry.aliases.iter_mut().for_each(name);
            some(&mut entry.owner);
        }
        inventory.apis.iter_mut().for_each(|entry| some(&mut entry.owner));
        inventory.grants.iter_mut().for_each(|entry| name(&mut entry.identity));
        for entry in &mut inventory.exceptions {
            some(&mut entry.identity);
            some(&mut entry.owner);
            entry.reason.iter_mut().for_each(|reason| *reason = self.text(reason));
        }
        inventory.identities.sort();
        inventory.apis.sort();
        inventory.grants.sort();
        inventory.exceptions.sort();
    }
}

/// `local@domain.tld`, nothing more: enough to tell a mail address from other names.
fn is_mail_address(name: &str) -> bool {
    let Some((local, domain)) = name.rsplit_once('@') else { return false };
    !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.') && !name.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::inventory::IdentityEntry;

    fn people() -> People {
        let mut people = People::new(b"k".to_vec(), vec![Regex::new("^[a-z]+_[a-z]+$").unwrap()]);
        let entry = |identity: &str, kind: &str| IdentityEntry { identity: identity.into(), kind: Some(kind.into()), ..Default::default() };
        people.learn_inventory(&Inventory { identities: vec![entry("alice", "human"), entry("job@ci.example.com", "workload")], ..Default::default() });
        people
    }

    #[test]
    fn people_get_one_pseudonym_everywhere_and_others_keep_their_names() {
        let people = people();
        let alice = people.name("alice").into_owned();
        assert!(alice.starts_with("person-") && alice.len() == 23, "{alice}");
        assert_eq!(people.reference("session:alice"), format!("session:{alice}"));
        assert_eq!(people.text("approved by alice, on call"), format!("approved by {alice}, on call"));
        assert_ne!(people.name("bob@example.com"), people.name("eve@example.com"));
        assert!(people.name("bob_smith").starts_with("person-"));
        assert!(People::everyone(b"k".to_vec()).name("svc-billing").starts_with("person-"));
        for other in ["svc-billing", "job@ci.example.com", "team@home", "a@b.", "payments"] {
            assert_eq!(people.name(other), other);
        }
    }

    #[test]
    fn a_pseudonym_depends_on_the_key() {
        let other = People::new(b"other".to_vec(), Vec::new());
        assert_ne!(other.name("bob@example.com"), people().name("bob@example.com"));
    }
}
