//! A pack compiled: paths become slots of a field plan, candidates and conditions become small trees over slots.

use crate::record::field::{FieldKind, Fields, is_absent};
use crate::record::inventory::Aliases;
use crate::record::lazy::LazyValue;
use crate::record::local_time::is_ambiguous;
use crate::record::operation::OperationTable;
use crate::record::time::{self, DateOrder, Local, Micros, TimeForm};
use crate::record::token::{self, Digester};
use crate::record::{route, scope};
use crate::source::lazy_regex::LazyRegex;
use crate::source::library::Pack;
use crate::source::pack::{CandidateDetail, CandidateFile, CandidatesFile, ConditionFile, NameFile};
use chrono_tz::Tz;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// Hands out slots for paths while a pack is compiled.
#[derive(Default)]
pub struct Compiler {
    pub paths: Vec<Vec<String>>,
    /// Every path that the pack looks at, as written.
    pub looked_at: BTreeSet<String>,
}

/// Where a value stands.
#[derive(Debug, Clone)]
pub enum Place {
    Slot(usize),
    Inside(usize, Vec<Step>),
    Derived(Derived),
    Constant(String),
    Join(Vec<Place>, String),
    /// In the element that a row is made of (`each` of a map).
    Element(Vec<Step>),
    /// The name of that element, where it is a member of an object.
    Member,
}

/// What the token module read from the call's authorization value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derived {
    JwtClient,
    JwtJti,
    JwtScopes,
    Token,
    ApiKey,
    /// The instant that the line's prefix stated.
    PrefixTime,
}

/// A step into a list or object.
#[derive(Debug, Clone)]
pub enum Step {
    Key(String),
    Index(usize),
    All,
    /// Elements whose value at the key is one of the texts, case ignored where the flag says so.
    Where(String, Vec<String>, bool),
}

/// One compiled way to fill a column.
#[derive(Debug, Clone)]
pub struct Candidate {
    place: Place,
    /// The native field, as the pack names it.
    origin: String,
    when: Option<Condition>,
    extract: Option<LazyRegex>,
    change: Option<Box<CandidateDetail>>,
}

/// A column's candidates, first that gives a value wins.
#[derive(Debug, Clone, Default)]
pub struct Candidates(Vec<Candidate>);

/// A compiled test of a record.
#[derive(Debug, Clone)]
pub struct Condition {
    place: Option<Place>,
    matches: Option<LazyRegex>,
    file: ConditionFile,
    any: Vec<Condition>,
    all: Vec<Condition>,
    not: Option<Box<Condition>>,
}

impl Compiler {
    fn slot(&mut self, keys: Vec<String>) -> usize {
        match self.paths.iter().position(|path| *path == keys) {
            Some(slot) => slot,
            None => {
                self.paths.push(keys);
                self.paths.len() - 1
            }
        }
    }

    /// Compiles a path; an error says what is wrong with it.
    pub fn place(&mut self, path: &str) -> Result<Place, String> {
        self.looked_at.insert(path.to_string());
        if let Some(name) = path.strip_prefix("@") {
            match name {
                "jwt.client" => return Ok(Place::Derived(Derived::JwtClient)),
                "jwt.jti" => return Ok(Place::Derived(Derived::JwtJti)),
                "jwt.scopes" => return Ok(Place::Derived(Derived::JwtScopes)),
                "token" => return Ok(Place::Derived(Derived::Token)),
                "api_key" => return Ok(Place::Derived(Derived::ApiKey)),
                "prefix.time" => return Ok(Place::Derived(Derived::PrefixTime)),
                _ => {} // a native key such as `@timestamp`
            }
        }
        if path == "@member" {
            return Ok(Place::Member);
        }
        if path == "@each" {
            return Ok(Place::Element(Vec::new()));
        }
        let (keys, steps) = steps_of(path.strip_prefix("@each.").unwrap_or(path))?;
        if path.starts_with("@each.") {
            return Ok(Place::Element(keys.into_iter().map(Step::Key).chain(steps).collect()));
        }
        let slot = self.slot(keys);
        Ok(if steps.is_empty() { Place::Slot(slot) } else { Place::Inside(slot, steps) })
    }

    /// The slot of a plain path: a column of a text format.
    pub fn column(&mut self, path: &str) -> usize {
        self.looked_at.insert(path.to_string());
        self.slot(split_path(path).into_iter().map(str::to_string).collect())
    }

    /// Compiles a column's candidates.
    pub fn candidates(&mut self, file: &CandidatesFile) -> Result<Candidates, String> {
        file.as_slice().iter().map(|candidate| self.candidate(candidate)).collect::<Result<_, _>>().map(Candidates)
    }

    fn candidate(&mut self, file: &CandidateFile) -> Result<Candidate, String> {
        let detail = match file {
            CandidateFile::Path(path) => {
                return Ok(Candidate { place: self.place(path)?, origin: path.clone(), when: None, extract: None, change: None });
            }
            CandidateFile::Detailed(detail) => detail,
        };
        let (place, origin) = if let Some(path) = &detail.path {
            (self.place(path)?, path.clone())
        } else if let Some(value) = &detail.value {
            // What decided that this value stands is the native field behind it.
            let decided_by = detail.when.as_ref().map(ConditionFile::paths).unwrap_or_default();
            let origin = if decided_by.is_empty() { "(constant)".to_string() } else { decided_by.join(", ") };
            (Place::Constant(value.clone()), origin)
        } else if !detail.join.is_empty() {
            let places = detail.join.iter().map(|path| self.place(path)).collect::<Result<_, _>>()?;
            (Place::Join(places, detail.separator.clone()), detail.join.join(" + "))
        } else {
            return Err("a candidate needs `path`, `join` or `value`".into());
        };
        let when = detail.when.as_ref().map(|condition| self.condition(condition)).transpose()?;
        let extract = detail.extract.as_deref().map(LazyRegex::new).transpose()?;
        Ok(Candidate { place, origin, when, extract, change: Some(detail.clone()) })
    }

    /// Compiles a name; `otherwise` stands where the record does not say.
    pub fn name(&mut self, file: &NameFile, otherwise: &str) -> Result<Name, String> {
        match file {
            NameFile::Constant(name) => Ok(Name { from: None, otherwise: name.clone() }),
            NameFile::From(detail) => Ok(Name { from: Some(self.candidate(&CandidateFile::Detailed(detail.clone()))?), otherwise: otherwise.to_string() }),
        }
    }

    /// Compiles a condition.
    pub fn condition(&mut self, file: &ConditionFile) -> Result<Condition, String> {
        let place = file.path.as_ref().map(|path| self.place(path)).transpose()?;
        let matches = file.matches.as_deref().map(LazyRegex::new).transpose()?;
        let all = file.all.iter().map(|inner| self.condition(inner)).collect::<Result<_, _>>()?;
        let any = file.any.iter().map(|inner| self.condition(inner)).collect::<Result<_, _>>()?;
        let not = file.not.as_ref().map(|inner| self.condition(inner)).transpose()?.map(Box::new);
        Ok(Condition { place, matches, file: file.clone(), any, all, not })
    }

    /// Compiles an optional condition.
    pub fn optional(&mut self, file: &Option<ConditionFile>) -> Result<Option<Condition>, String> {
        file.as_ref().map(|condition| self.condition(condition)).transpose()
    }
}

/// A name that every row of a pack has.
#[derive(Debug, Clone)]
pub struct Name {
    from: Option<Candidate>,
    /// Where the record does not say.
    otherwise: String,
}

impl Name {
    /// The name as a record has it.
    pub fn of<'a>(&'a self, context: &Context<'a>) -> String {
        self.from.as_ref().and_then(|candidate| candidate.text(context)).map_or_else(|| self.otherwise.clone(), Cow::into_owned)
    }
}

/// The keys of a path up to its first bracket, and the steps from there on.
fn steps_of(path: &str) -> Result<(Vec<String>, Vec<Step>), String> {
    let (mut keys, mut steps) = (Vec::new(), Vec::new());
    for part in split_path(path) {
        let (key, bracket) = match part.find('[') {
            Some(at) => (&part[..at], Some(part[at + 1..].trim_end_matches(']'))),
            None => (part, None),
        };
        if key.is_empty() {
            return Err(format!("empty key in path `{path}`"));
        }
        if steps.is_empty() {
            keys.push(key.to_string())
        } else {
            steps.push(Step::Key(key.to_string()))
        }
        if let Some(text) = bracket {
            steps.push(bracket_step(text).ok_or_else(|| format!("unknown step `[{text}]` in path `{path}`"))?);
        }
    }
    Ok((keys, steps))
}

/// `*`, `0`, `key=a|b`, `key~=a|b`.
fn bracket_step(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Ok(index) = text.parse() {
        return Some(Step::Index(index));
    }
    let (key, values) = text.split_once('=')?;
    let values = values.split('|').map(String::from).collect();
    match key.strip_suffix('~') {
        Some(key) => Some(Step::Where(key.to_string(), values, true)),
        None => Some(Step::Where(key.to_string(), values, false)),
    }
}

/// Splits at dots that stand outside brackets.
fn split_path(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0);
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            b'.' if depth == 0 => {
                parts.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&path[start..]);
    parts
}

/// What the authorization value of a call gave; empty for other records.
#[derive(Debug, Default)]
pub struct TokenFacts {
    pub claims: Option<token::Claims>,
    /// Reference of a readable token: `jti:…` is left to the pack, this is its digest.
    pub token_reference: Option<String>,
    pub api_key_reference: Option<String>,
}

/// Scopes as found: one text still to be split, which repeats from call to call, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeText<'a> {
    Raw(Cow<'a, str>),
    /// Sorted, distinct.
    List(Vec<String>),
}

impl ScopeText<'_> {
    /// The scopes, sorted and distinct.
    pub fn into_list(self) -> Vec<String> {
        match self {
            ScopeText::Raw(text) => scope::split(&text),
            ScopeText::List(list) => list,
        }
    }
}

/// One of the elements of a record that each give a row.
#[derive(Debug, Clone)]
pub struct Element<'a> {
    pub value: LazyValue<'a>,
    /// Its name, where it is a member of an object.
    pub name: Option<Cow<'a, str>>,
}

/// Everything a candidate may look at.
pub struct Context<'a> {
    pub fields: Fields<'a>,
    pub digester: &'a Digester,
    pub aliases: &'a Aliases,
    /// Operations that documents declare, where there are any.
    pub operations: Option<&'a OperationTable>,
    pub zone: Tz,
    /// Year of instants that have none.
    pub year: Option<i64>,
    /// Which number of a date is the day.
    pub order: Option<DateOrder>,
    /// Date of instants that have none, in days since 1970.
    pub date: Option<i64>,
    pub prefix_time: Option<&'a str>,
    /// What the row is made of, where a record gives several.
    pub element: Option<Element<'a>>,
    pub token: TokenFacts,
    pub status: i16,
    trees: RefCell<BTreeMap<usize, Option<std::rc::Rc<Value>>>>,
}

impl<'a> Context<'a> {
    pub fn new(fields: Fields<'a>, digester: &'a Digester, aliases: &'a Aliases, zone: Tz) -> Self {
        Context {
            fields,
            digester,
            aliases,
            operations: None,
            zone,
            year: None,
            order: None,
            date: None,
            prefix_time: None,
            element: None,
            token: TokenFacts::default(),
            status: 0,
            trees: RefCell::default(),
        }
    }

    /// Takes over what a pack says for its source's instants.
    pub fn set_unsaid(&mut self, pack: &Pack) {
        (self.year, self.order, self.date) = (pack.file.year, pack.file.date_order, pack.date);
    }

    /// What the source leaves unsaid in its instants.
    pub fn local(&self) -> Local {
        Local { zone: self.zone, order: self.order, year: self.year, date: self.date }
    }

    /// True where a list stands at a place.
    pub fn is_list(&self, place: &Place) -> bool {
        let mut found = false;
        let mut look = |value: LazyValue<'a>| {
            found = value.is_list();
            true
        };
        match place {
            Place::Slot(slot) => self.fields.lazy(*slot).map(&mut look),
            Place::Inside(slot, steps) => self.fields.lazy(*slot).map(|value| step_into(value, steps, &mut look)),
            _ => None,
        };
        found
    }

    /// The elements of the list or the members of the object at a place, in order.
    pub fn elements(&self, place: &'a Place) -> Vec<Element<'a>> {
        let mut elements = Vec::new();
        let mut add = |value: LazyValue<'a>| {
            elements.extend(value.items().map(|value| Element { value, name: None }));
            elements.extend(value.members().map(|(name, value)| Element { value, name: Some(name) }));
            false
        };
        match place {
            Place::Slot(slot) => self.fields.lazy(*slot).map(&mut add),
            Place::Inside(slot, steps) => self.fields.lazy(*slot).map(|value| step_into(value, steps, &mut add)),
            _ => None,
        };
        elements
    }

    /// What the steps lead to in a value that holds lists or objects.
    fn root(&self, place: &'a Place) -> Option<(LazyValue<'a>, &'a [Step])> {
        match place {
            Place::Inside(slot, steps) => Some((self.fields.lazy(*slot)?, steps)),
            Place::Element(steps) => Some((self.element.as_ref()?.value, steps)),
            _ => None,
        }
    }

    fn tree(&self, slot: usize) -> Option<std::rc::Rc<Value>> {
        self.trees.borrow_mut().entry(slot).or_insert_with(|| self.fields.tree(slot).map(std::rc::Rc::new)).clone()
    }

    fn text_at(&self, place: &'a Place) -> Option<Cow<'a, str>> {
        match place {
            Place::Slot(slot) => self.fields.text(*slot),
            Place::Constant(value) => Some(Cow::Borrowed(value)),
            Place::Derived(Derived::JwtClient) => self.token.claims.as_ref()?.client.clone().map(Cow::Owned),
            Place::Derived(Derived::JwtJti) => self.token.claims.as_ref()?.jti.clone().map(Cow::Owned),
            Place::Derived(Derived::Token) => self.token.token_reference.clone().map(Cow::Owned),
            Place::Derived(Derived::ApiKey) => self.token.api_key_reference.clone().map(Cow::Owned),
            Place::Derived(Derived::PrefixTime) => self.prefix_time.map(Cow::Borrowed),
            Place::Derived(Derived::JwtScopes) => None,
            Place::Member => self.element.as_ref()?.name.clone(),
            Place::Inside(..) | Place::Element(_) => {
                let mut found = None;
                let (root, steps) = self.root(place)?;
                step_into(root, steps, &mut |value| {
                    found = value.text();
                    found.is_some()
                });
                found
            }
            Place::Join(places, separator) => {
                let first = self.text_at(places.first()?)?;
                let rest = places[1..].iter().filter_map(|place| self.text_at(place));
                Some(Cow::Owned(rest.fold(first.into_owned(), |all, part| all + separator + &part)))
            }
        }
    }

    /// All texts at a place: every element of a list, each split at blanks and commas by the caller.
    fn texts_at(&self, place: &'a Place) -> Option<Vec<String>> {
        match place {
            Place::Derived(Derived::JwtScopes) => self.token.claims.as_ref()?.scopes.clone(),
            Place::Inside(..) | Place::Element(_) => {
                let mut texts: Vec<String> = Vec::new();
                let (root, steps) = self.root(place)?;
                step_into(root, steps, &mut |value| {
                    texts.extend(value.texts().into_iter().map(Cow::into_owned));
                    false
                });
                (!texts.is_empty()).then_some(texts)
            }
            Place::Slot(slot) if self.fields.kind(*slot) == FieldKind::Array => {
                Some(self.fields.lazy(*slot)?.texts().into_iter().map(Cow::into_owned).collect())
            }
            other => self.text_at(other).map(|text| vec![text.into_owned()]),
        }
    }

    /// The tree at a path's slot, for the few rules that read documents.
    pub fn document(&self, place: &Place) -> Option<std::rc::Rc<Value>> {
        match place {
            Place::Slot(slot) => self.tree(*slot),
            _ => None,
        }
    }

    /// The documents and texts at a place: those of list elements each.
    pub fn documents(&self, place: &'a Place) -> Vec<std::rc::Rc<Value>> {
        match self.root(place) {
            None => self.document(place).into_iter().collect(),
            Some((root, steps)) => {
                let mut found = Vec::new();
                step_into(root, steps, &mut |value| {
                    found.extend(value.tree().map(std::rc::Rc::new));
                    false
                });
                found
            }
        }
    }

    fn is_logged(&self, place: &'a Place) -> bool {
        match place {
            Place::Slot(slot) => self.fields.kind(*slot) != FieldKind::Missing,
            Place::Element(_) => {
                let root = self.root(place);
                root.is_some_and(|(root, steps)| step_into(root, steps, &mut |_| true))
            }
            other => self.text_at(other).is_some(),
        }
    }

    fn is_empty(&self, place: &'a Place) -> bool {
        let Place::Slot(slot) = place else { return self.text_at(place).is_none() };
        match self.fields.kind(*slot) {
            FieldKind::Missing | FieldKind::Null => true,
            FieldKind::Object | FieldKind::Array => {
                let raw = self.fields.raw(*slot);
                raw[1..raw.len() - 1].trim().is_empty()
            }
            _ => self.fields.text(*slot).is_none(),
        }
    }
}

/// Visits the values that steps lead to, in order, until `visit` says that it has enough; true if it did.
fn step_into<'v>(value: LazyValue<'v>, steps: &[Step], visit: &mut dyn FnMut(LazyValue<'v>) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else { return visit(value) };
    match step {
        Step::Key(key) => value.get(key).is_some_and(|inner| step_into(inner, rest, visit)),
        Step::Index(index) => value.items().nth(*index).is_some_and(|inner| step_into(inner, rest, visit)),
        Step::All => value.items().any(|item| step_into(item, rest, visit)),
        Step::Where(key, wanted, ignore_case) => wanted.iter().any(|wanted| {
            let is_it = |text: &str| if *ignore_case { text.eq_ignore_ascii_case(wanted) } else { text == wanted };
            value.items().filter(|item| item.get(key).and_then(LazyValue::text).is_some_and(|text| is_it(&text))).any(|item| step_into(item, rest, visit))
        }),
    }
}

impl Candidates {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when a candidate turns secrets into references itself.
    pub fn makes_references(&self) -> bool {
        self.0.iter().filter_map(|candidate| candidate.change.as_ref()).any(|change| change.secret || change.token_digest)
    }

    /// The native field behind the value, as the pack names it.
    pub fn origin<'a>(&'a self, context: &Context<'a>) -> Option<&'a str> {
        let gives = |candidate: &&Candidate| {
            let is_scalar = |place: &Place| !matches!(place, Place::Slot(slot) if matches!(context.fields.kind(*slot), FieldKind::Array | FieldKind::Object));
            candidate.is_whole(context)
                && match is_scalar(&candidate.place) {
                    true => candidate.text(context).is_some() || (candidate.holds(context) && context.texts_at(&candidate.place).is_some()),
                    false => candidate.holds(context) && !context.is_empty(&candidate.place),
                }
        };
        self.0.iter().find(gives).map(|candidate| candidate.origin.as_str())
    }

    /// The first candidate's value as text.
    pub fn text<'a>(&'a self, context: &Context<'a>) -> Option<Cow<'a, str>> {
        self.0.iter().find_map(|candidate| candidate.text(context))
    }

    /// The first candidate's value as text of its own.
    pub fn owned<'a>(&'a self, context: &Context<'a>) -> Option<String> {
        self.text(context).map(Cow::into_owned)
    }

    /// False when no candidate's value can hold `name=` with one of the names, as far as that is seen without decoding it.
    pub fn may_name<'a>(&'a self, names: &[String], context: &Context<'a>) -> bool {
        self.0.iter().any(|candidate| match (&candidate.place, &candidate.change) {
            (Place::Slot(slot), None) => may_name(context.fields.raw(*slot).as_bytes(), context.fields.kind(*slot), names),
            _ => true,
        })
    }

    /// The first candidate's value as JSON text: an object as it stands, or JSON held in a string.
    pub fn json<'a>(&'a self, context: &Context<'a>) -> Option<Cow<'a, str>> {
        self.0.iter().filter(|candidate| candidate.holds(context)).find_map(|candidate| match &candidate.place {
            Place::Slot(slot) if context.fields.kind(*slot) == FieldKind::Object => Some(Cow::Borrowed(context.fields.raw(*slot))),
            _ => candidate.text(context),
        })
    }

    /// The first candidate's value as a list of scopes.
    pub fn scopes<'a>(&'a self, context: &Context<'a>) -> Option<ScopeText<'a>> {
        self.0.iter().filter(|candidate| candidate.holds(context)).find_map(|candidate| {
            let is_scalar = matches!(&candidate.place, Place::Slot(slot) if context.fields.kind(*slot) != FieldKind::Array);
            let is_whole = candidate.change.as_ref().is_some_and(|change| change.whole);
            if is_scalar && !is_whole {
                return candidate.changed(context.text_at(&candidate.place)?, context).map(ScopeText::Raw);
            }
            let texts = context.texts_at(&candidate.place)?.into_iter().filter_map(|text| candidate.changed(Cow::Owned(text), context));
            let split = if is_whole { scope::split_names } else { scope::split };
            let scopes = scope::normalise(texts.flat_map(|text| split(&text)));
            (!is_whole || !scopes.is_empty()).then_some(ScopeText::List(scopes))
        })
    }

    /// All values of the first candidate that has any, each with its changes made.
    pub fn texts<'a>(&'a self, context: &Context<'a>) -> Vec<String> {
        self.0
            .iter()
            .filter(|candidate| candidate.holds(context))
            .find_map(|candidate| {
                let texts = context.texts_at(&candidate.place)?;
                let changed: Vec<String> = texts.into_iter().filter_map(|text| candidate.changed(Cow::Owned(text), context).map(Cow::into_owned)).collect();
                (!changed.is_empty()).then_some(changed)
            })
            .unwrap_or_default()
    }

    /// The values of every candidate, each once, with their changes made.
    pub fn all_texts<'a>(&'a self, context: &Context<'a>) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for candidate in self.0.iter().filter(|candidate| candidate.holds(context)) {
            let texts = context.texts_at(&candidate.place).unwrap_or_default();
            let changed = texts.into_iter().filter_map(|text| candidate.changed(Cow::Owned(text), context).map(Cow::into_owned));
            for text in changed {
                if !all.contains(&text) {
                    all.push(text);
                }
            }
        }
        all
    }

    /// The first candidate that is present as an instant: `Ok(None)` when none is there, `Err` with a reject reason when it
    /// is there and no instant. Of several joined columns (a date and a time) all must be there.
    pub fn instant<'a>(&'a self, context: &Context<'a>) -> Result<Option<Micros>, &'static str> {
        for candidate in self.0.iter().filter(|candidate| candidate.is_whole(context)) {
            if let Some(text) = candidate.text(context) {
                let form = candidate.change.as_ref().and_then(|change| change.form).unwrap_or(TimeForm::Iso);
                let reason = || if is_ambiguous(&text, context.local()) { "ambiguous_date" } else { "bad_timestamp" };
                return time::parse(&text, form, context.local()).map(Some).ok_or_else(reason);
            }
        }
        Ok(None)
    }
}

impl Candidate {
    /// False where a part of a join is missing.
    fn is_whole<'a>(&'a self, context: &Context<'a>) -> bool {
        match &self.place {
            Place::Join(places, _) => places.iter().all(|place| context.text_at(place).is_some()),
            _ => true,
        }
    }

    fn holds<'a>(&'a self, context: &Context<'a>) -> bool {
        self.when.as_ref().is_none_or(|condition| condition.holds(context))
    }

    fn text<'a>(&'a self, context: &Context<'a>) -> Option<Cow<'a, str>> {
        if !self.holds(context) {
            return None;
        }
        self.changed(context.text_at(&self.place)?, context)
    }

    fn changed<'a>(&'a self, text: Cow<'a, str>, context: &Context<'a>) -> Option<Cow<'a, str>> {
        let Some(change) = &self.change else { return Some(text) };
        let mut text = text;
        if let Some(start) = &change.starts_with
            && !text.starts_with(start.as_str())
        {
            return None;
        }
        if let Some(marker) = &change.after {
            text = Cow::Owned(value_after(&text, marker)?);
        }
        if let Some(pattern) = &self.extract {
            let captures = pattern.captures(&text)?;
            let mut out = String::new();
            captures.expand(change.format.as_deref().unwrap_or("$1"), &mut out);
            text = Cow::Owned(out);
            // What was cut out may be absent where the whole was not.
            if change.map.is_empty() && is_absent(&text) {
                return None;
            }
        }
        if !change.map.is_empty() {
            text = Cow::Borrowed(change.map.get(text.as_ref())?);
        }
        if change.template {
            let mut out = String::with_capacity(text.len());
            route::template_into(&text, &mut out);
            text = Cow::Owned(out);
        }
        if change.without_port {
            text = without_port(text);
            if is_absent(&text) {
                return None;
            }
        }
        if change.lower {
            text = Cow::Owned(text.to_lowercase());
        }
        if change.upper {
            text = Cow::Owned(text.to_uppercase());
        }
        if change.token_digest {
            text = Cow::Owned(context.digester.reference_of_digest(&token::digest_of(&text)?));
        }
        if change.secret {
            if token::is_masked(&text) {
                return None;
            }
            text = Cow::Owned(context.digester.reference(text.as_bytes()));
        }
        if change.certificate {
            text = Cow::Owned(token::certificate_reference(&text)?);
        }
        if !change.prefix.is_empty() {
            let mut prefixed = String::with_capacity(change.prefix.len() + text.len());
            prefixed.push_str(&change.prefix);
            prefixed.push_str(&text);
            text = Cow::Owned(prefixed);
        }
        if change.alias_only && !context.aliases.contains(&text) {
            return None;
        }
        Some(text)
    }
}

/// True when undecoded text differs from `start` before any escape: its decoded form cannot start so.
fn differs_before_escape(raw: &[u8], start: &[u8]) -> bool {
    raw.iter().zip(start).take_while(|(byte, _)| **byte != b'\\').any(|(byte, wanted)| byte != wanted)
}

/// False when a value, decoded or not, cannot hold one of the names before a `=`.
fn may_name(raw: &[u8], kind: FieldKind, names: &[String]) -> bool {
    if !matches!(kind, FieldKind::Plain | FieldKind::String | FieldKind::Missing | FieldKind::Null | FieldKind::Boolean | FieldKind::Number) {
        return true;
    }
    memchr::memchr2_iter(b'=', b'\\', raw).any(|at| match raw[at] {
        b'=' => names.iter().any(|name| at >= name.len() && raw[at - name.len()..at].eq_ignore_ascii_case(name.as_bytes())),
        // Whatever a unicode escape stands for may be part of a name.
        _ => kind == FieldKind::String && raw.get(at + 1) == Some(&b'u'),
    })
}

/// `1.2.3.4:80` -> `1.2.3.4`, `[::1]:80` -> `::1`; an address without a port stays, `::1:80` too: it may be one.
fn without_port(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().filter(|byte| *byte == b':').nth(1).is_some() && text.parse::<Ipv6Addr>().is_ok() {
        return text;
    }
    let end = match text.rfind(':') {
        Some(colon) if colon + 1 < text.len() && text[colon + 1..].bytes().all(|byte| byte.is_ascii_digit()) => colon,
        _ => text.len(),
    };
    let is_bracketed = text.starts_with('[') && text[..end].ends_with(']');
    let range = if is_bracketed { 1..end - 1 } else { 0..end };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_string()),
    }
}

/// `Hash=abc;…` -> `abc`.
fn value_after(text: &str, marker: &str) -> Option<String> {
    let rest = &text[text.find(marker)? + marker.len()..];
    let value = rest.trim_start_matches('"').split([';', ',', '"', ' ']).next()?;
    (!value.is_empty()).then(|| value.to_string())
}

impl Condition {
    /// The native fields that it looks at.
    pub fn paths(&self) -> Vec<String> {
        self.file.paths()
    }

    /// True when every part that was given holds.
    pub fn holds<'a>(&'a self, context: &Context<'a>) -> bool {
        (self.file.status.is_empty() || self.file.status.contains(&context.status))
            && self.place.as_ref().is_none_or(|place| self.place_holds(place, context))
            && (self.any.is_empty() || self.any.iter().any(|inner| inner.holds(context)))
            && self.all.iter().all(|inner| inner.holds(context))
            && self.not.as_ref().is_none_or(|inner| !inner.holds(context))
    }

    fn place_holds<'a>(&'a self, place: &'a Place, context: &Context<'a>) -> bool {
        let file = &self.file;
        if file.logged.is_some_and(|wanted| context.is_logged(place) != wanted) {
            return false;
        }
        if file.empty.is_some_and(|wanted| context.is_empty(place) != wanted) {
            return false;
        }
        if file.present.is_none() && file.is.is_empty() && file.starts_with.is_empty() && file.contains.is_empty() && self.matches.is_none() {
            return true;
        }
        if !file.starts_with.is_empty()
            && let Place::Slot(slot) = place
            && context.fields.kind(*slot) == FieldKind::String
            && file.starts_with.iter().all(|start| differs_before_escape(context.fields.raw(*slot).as_bytes(), start.as_bytes()))
        {
            return false;
        }
        let is_list = match place {
            Place::Slot(slot) => context.fields.kind(*slot) == FieldKind::Array,
            Place::Inside(..) | Place::Element(_) | Place::Derived(Derived::JwtScopes) => true,
            _ => false,
        };
        if !is_list {
            let text = context.text_at(place);
            return file.present.is_none_or(|wanted| text.is_some() == wanted) && self.texts_hold(text.as_deref().as_slice());
        }
        let texts = context.texts_at(place).unwrap_or_default();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        file.present.is_none_or(|wanted| texts.is_empty() != wanted) && self.texts_hold(&texts)
    }

    /// Of each kind of test that was given, some text passes it.
    fn texts_hold(&self, texts: &[&str]) -> bool {
        let file = &self.file;
        let some = |test: &dyn Fn(&str) -> bool| texts.iter().any(|text| test(text));
        (file.is.is_empty() || some(&|text| file.is.iter().any(|wanted| wanted == text)))
            && (file.starts_with.is_empty() || some(&|text| file.starts_with.iter().any(|start| text.starts_with(start.as_str()))))
            && (file.contains.is_empty() || some(&|text| file.contains.iter().any(|part| text.contains(part.as_str()))))
            && self.matches.as_ref().is_none_or(|pattern| some(&|text| pattern.is_match(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_tell_case_where_they_are_told_to() {
        let find = |path: &str| {
            let (_, steps) = steps_of(path).unwrap();
            let mut found = None;
            step_into(LazyValue::new(r#"[{"name":"DPoP","value":"a"},{"name":"dpop","value":"b"}]"#), &steps, &mut |value| {
                found = value.text().map(Cow::into_owned);
                true
            });
            found
        };
        assert_eq!((find("h[name=dpop].value").as_deref(), find("h[name~=dpop].value").as_deref()), (Some("b"), Some("a")));
        assert_eq!((find("h[name=x].value"), find("h[name~=X|dPOP].value").as_deref()), (None, Some("a")));
        assert!(steps_of("a[x]").is_err() && steps_of("a..b").is_err() && steps_of("").is_err());
    }

    #[test]
    fn a_port_is_cut_off_an_address() {
        let address = |text: &str| without_port(Cow::Borrowed(text)).into_owned();
        assert_eq!((address("1.2.3.4:80"), address("[::1]:80"), address("h")), ("1.2.3.4".into(), "::1".into(), "h".into()));
        assert_eq!((address("[::1]"), address("h:")), ("::1".into(), "h:".into()));
        for whole in ["::1", "fe80::202:b3ff:fe1e:8329", "::1:443"] {
            assert_eq!(address(whole), whole, "an IPv6 address whose last group is all digits");
        }
        assert_eq!(address("2001:db8:0:0:0:0:0:1:443"), "2001:db8:0:0:0:0:0:1");
    }
}
