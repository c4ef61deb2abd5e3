//! Packs: what a native format means, said in TOML. A pack is deserialised, checked and compiled to a plan.
//!
//! How to add a pack
//! 1. Write `packs/<kind>/<id>.toml`: how to detect it, how records are framed, which native path feeds which column.
//! 2. Put a made-up sample and its expected rows under `sample-data/packs/<id>/`.
//! 3. Nothing else: packs are embedded by folder, and a test walks every one.
//!
//! Paths are keys joined by dots. `list[0]`, `list[*]` and `list[type=a|b]` step into a list: the first element, every
//! element, the first whose `type` is `a` or else the first whose `type` is `b` (`[type~=a|b]` ignores case). `@jwt.client`, `@jwt.jti`, `@jwt.scopes`,
//! `@token` and `@api_key` stand for what the token module read from the call's authorization value; `@prefix.time` is the
//! instant in the line's peeled prefix (container, syslog).
//!
//! A record that holds several calls, events or tickets (`each`) gives a row for each element of a list or member of an object:
//! `@each.x` is a value in the element, `@each` the element itself, `@member` its name in the object; all other paths are the record's.
//! Such a record still counts once: it is a row if any of its elements gave one, a reject if any of them is broken (then it
//! gives none), and of no interest if `keep` wants none of them.
//!
//! Text formats (`decoder` other than `json`): a path is a column's name; `[text]` says how a line is cut. `X.method`,
//! `X.target` and `X.protocol` are the parts of the request line in column `X`. Names differ by more than case. Prefixes of
//! container and syslog transport are found by detection and peeled before any decoder, so packs do not mention them.

use crate::record::time::{DateOrder, TimeForm};
use crate::source::decode::pattern::{Quoting, Shape};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

/// A pack as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackFile {
    pub id: String,
    pub title: String,
    pub kind: PackKind,
    #[serde(default)]
    pub docs: String,
    #[serde(default)]
    pub decoder: DecoderKind,
    /// Keys of a top-level object whose list holds the records; a path that ends in `*` is an object whose values are records.
    #[serde(default)]
    pub wrappers: Vec<String>,
    /// Keys inside each record whose object is the real record (event bus envelopes).
    #[serde(default)]
    pub unwrap: Vec<String>,
    #[serde(default)]
    pub keys: KeyRulesFile,
    /// How lines of text are cut into columns.
    #[serde(default)]
    pub text: TextFile,
    /// Zone of instants that have no offset.
    #[serde(default)]
    pub zone: Option<String>,
    /// Year of instants that have none (`form = "month_day"`); without it they are no instants.
    #[serde(default)]
    pub year: Option<i64>,
    /// Date of instants that are only a time of day (`21:01:45,403`), as `2026-05-20`; without it they are no instants.
    #[serde(default)]
    pub date: Option<String>,
    /// Order of dates that are two numbers and a year (`02/08/2024`): `day_first` or `month_first`.
    #[serde(default)]
    pub date_order: Option<DateOrder>,
    pub detect: Detect,
    /// Two records of one call that are read as one.
    #[serde(default)]
    pub join: Option<JoinFile>,
    pub request: Option<RequestMap>,
    pub identity_event: Option<IdentityEventMap>,
    pub ticket: Option<TicketMap>,
    pub inventory: Option<InventoryMap>,
}

impl PackFile {
    /// Where the elements stand that give rows, of each map that has such a place.
    pub fn eaches(&self) -> impl Iterator<Item = &str> {
        let request = self.request.as_ref().and_then(|map| map.each.as_deref());
        let event = self.identity_event.as_ref().and_then(|map| map.each.as_deref());
        let ticket = self.ticket.as_ref().and_then(|map| map.each.as_deref());
        request.into_iter().chain(event).chain(ticket)
    }
}

/// Which of the sources a pack reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackKind {
    Gateway,
    Idp,
    Ticket,
    Inventory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoderKind {
    #[default]
    Json,
    /// Rows with a header (RFC 4180); comma, semicolon or tab.
    Csv,
    /// NGINX-style format strings: literal text and `$variables`.
    Pattern,
    /// Columns by position, set apart by blanks, in quotes or brackets where they hold blanks.
    Delimited,
    /// W3C extended log: `#Fields:` names the columns.
    W3c,
    /// `key=value` pairs.
    Logfmt,
    /// `label:value` pairs set apart by tabs (ltsv.org).
    Ltsv,
    /// Regular expressions with named groups: slow, for what nothing else reads.
    Regex,
    /// TOML with an array of tables.
    Toml,
    /// Inventories: whole JSON or YAML documents, told by their top-level keys.
    Document,
}

impl DecoderKind {
    /// True for formats of lines of text.
    pub fn is_text(self) -> bool {
        !matches!(self, DecoderKind::Json | DecoderKind::Csv | DecoderKind::Toml | DecoderKind::Document)
    }
}

/// How lines of text are cut into columns.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextFile {
    /// `pattern`: format strings, the first that fits a whole line counts.
    pub formats: Vec<String>,
    /// `pattern`: variable names may hold dots (`$context.requestTime`).
    pub dotted: bool,
    /// `pattern`: `none` where the source writes quotes inside values unescaped.
    pub quoting: Quoting,
    /// `pattern`: a blank of the format stands for one or more.
    pub any_blanks: bool,
    /// `pattern`: what a variable may hold: `word` (no blank) or `number`; a line that breaks it is of another format.
    pub shapes: BTreeMap<String, Shape>,
    /// `delimited`: names of the columns; `w3c`: those of a log without `#Fields:`.
    pub columns: Vec<String>,
    /// `delimited`, `w3c`: a row needs so many of `columns` (all, by default); more columns are passed over.
    pub least_columns: usize,
    /// `regex`: expressions, the first that matches counts. A group is a column, `__` in its name a dot.
    pub expressions: Vec<String>,
    /// Lines that no format fits and one of these regular expressions matches are of no interest: no rejects.
    pub skip: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyRulesFile {
    /// Objects whose keys are header names.
    pub ignore_case: Vec<String>,
    /// Keys may be flat with dots or nested.
    pub flat: bool,
    /// Paths of the record whose value may be JSON in a string: read as that JSON.
    pub json: Vec<String>,
}

/// Calls that a log writes as two records, such as request and response: see join.rs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinFile {
    /// What both records have in common.
    pub key: CandidatesFile,
    /// Holds for the first of the two. What the second leaves unsaid is taken from it, and then it gives no row.
    pub opening: ConditionFile,
}

/// What a record must hold to be of this format. The pack with the most requirements met wins.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Detect {
    /// Every one of these paths (columns, in CSV) is present.
    pub required: Vec<String>,
    /// Of each group at least one is present.
    pub any_of: Vec<Vec<String>>,
    /// None of these is present.
    pub none_of: Vec<String>,
    /// Text at a path matches a regular expression.
    pub matches: BTreeMap<String, String>,
    pub priority: i32,
}

/// One way to fill a column; a column has a list of them, first that gives a value wins.
#[derive(Debug, Clone)]
pub enum CandidateFile {
    Path(String),
    Detailed(Box<CandidateDetail>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CandidateDetail {
    pub path: Option<String>,
    /// Several paths joined by `separator`; the first must be there, and of an instant (date and time in two columns) all.
    pub join: Vec<String>,
    pub separator: String,
    /// A fixed value.
    pub value: Option<String>,
    pub when: Option<ConditionFile>,
    /// Only values that start so.
    pub starts_with: Option<String>,
    /// The part after this marker, up to `;`, `,` or a blank, quotes taken off (`Hash=` of a forwarded client certificate).
    pub after: Option<String>,
    /// A regular expression whose groups `format` puts together; no match gives no value.
    pub extract: Option<String>,
    pub format: Option<String>,
    /// Everything that `extract` finds, but what it also finds at this path: what a change added to a list or took from it.
    pub except: Option<String>,
    pub prefix: String,
    pub map: BTreeMap<String, String>,
    pub form: Option<TimeForm>,
    /// Replace identifiers in a path by `{id}`.
    pub template: bool,
    /// A port after the address, if there is one, is cut off: `[::1]:443` -> `::1`. `::1:443` is an IPv6 address and stays: a
    /// log that always writes a port and no brackets needs `extract`.
    pub without_port: bool,
    pub lower: bool,
    pub upper: bool,
    /// The value is the SHA-256 of a token, base64 or hex: becomes `token:sha256:<hex>`.
    pub token_digest: bool,
    /// The value is a raw secret: becomes its digest, and nothing if it is masked.
    pub secret: bool,
    /// The value is a PEM certificate: becomes `cert:sha256:<hex>`.
    pub certificate: bool,
    /// Scopes: only commas set them apart, since their names hold blanks (`Super Admin`).
    pub whole: bool,
    /// Only if the inventory has this alias.
    pub alias_only: bool,
}

/// One or several candidates.
#[derive(Debug, Clone)]
pub enum CandidatesFile {
    Many(Vec<CandidateFile>),
    One(CandidateFile),
}

/// Reads a candidate; written by hand so that a mistake inside a table is told as such, with its line.
struct CandidateVisitor;

impl<'de> Visitor<'de> for CandidateVisitor {
    type Value = CandidateFile;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a path, or a table with `path`, `join` or `value`")
    }

    fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<CandidateFile, E> {
        Ok(CandidateFile::Path(path.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CandidateFile, A::Error> {
        CandidateDetail::deserialize(MapAccessDeserializer::new(map)).map(|detail| CandidateFile::Detailed(Box::new(detail)))
    }
}

impl CandidateFile {
    /// The paths that it looks at.
    pub fn paths(&self) -> Vec<String> {
        match self {
            CandidateFile::Path(path) => vec![path.clone()],
            CandidateFile::Detailed(detail) => {
                let when = detail.when.as_ref().map(ConditionFile::paths).unwrap_or_default();
                detail.path.iter().chain(&detail.join).chain(&detail.except).cloned().chain(when).collect()
            }
        }
    }
}

impl<'de> Deserialize<'de> for CandidateFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CandidateVisitor)
    }
}

struct CandidatesVisitor;

impl<'de> Visitor<'de> for CandidatesVisitor {
    type Value = CandidatesFile;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a path, a table with `path`, `join` or `value`, or a list of these")
    }

    fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<CandidatesFile, E> {
        CandidateVisitor.visit_str(path).map(CandidatesFile::One)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CandidatesFile, A::Error> {
        CandidateVisitor.visit_map(map).map(CandidatesFile::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<CandidatesFile, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(CandidatesFile::Many)
    }
}

impl<'de> Deserialize<'de> for CandidatesFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CandidatesVisitor)
    }
}

/// A name that stands in every row: a constant (text), or read from the record (a table with `path`).
#[derive(Debug, Clone)]
pub enum NameFile {
    Constant(String),
    From(Box<CandidateDetail>),
}

impl Default for NameFile {
    fn default() -> Self {
        NameFile::Constant(String::new())
    }
}

impl<'de> Deserialize<'de> for NameFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match deserializer.deserialize_any(CandidateVisitor)? {
            CandidateFile::Path(name) => NameFile::Constant(name),
            CandidateFile::Detailed(detail) => NameFile::From(detail),
        })
    }
}

impl Default for CandidatesFile {
    fn default() -> Self {
        CandidatesFile::Many(Vec::new())
    }
}

impl CandidatesFile {
    /// The candidates in order.
    pub fn as_slice(&self) -> &[CandidateFile] {
        match self {
            CandidatesFile::One(candidate) => std::slice::from_ref(candidate),
            CandidatesFile::Many(candidates) => candidates,
        }
    }
}

/// A test of a record. All the parts given must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConditionFile {
    pub path: Option<String>,
    pub is: Vec<String>,
    pub starts_with: Vec<String>,
    pub contains: Vec<String>,
    pub matches: Option<String>,
    /// `matches` finds something that it does not find at this path.
    pub except: Option<String>,
    /// The key is there with any value, `-` and null included.
    pub logged: Option<bool>,
    /// A value is there.
    pub present: Option<bool>,
    /// Missing, null, or an empty list or object.
    pub empty: Option<bool>,
    pub status: Vec<i16>,
    pub any: Vec<ConditionFile>,
    pub all: Vec<ConditionFile>,
    pub not: Option<Box<ConditionFile>>,
}

impl ConditionFile {
    /// The paths that it looks at, each once.
    pub fn paths(&self) -> Vec<String> {
        let inner = self.any.iter().chain(&self.all).chain(self.not.as_deref()).flat_map(ConditionFile::paths);
        let mut paths: Vec<String> = Vec::new();
        for path in self.path.iter().chain(&self.except).cloned().chain(inner) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }
}

/// How a record becomes rows of `requests`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestMap {
    /// As in `identity_event`.
    pub each: Option<String>,
    pub keep: Option<ConditionFile>,
    pub event_time: CandidatesFile,
    pub gateway: CandidatesFile,
    pub request_id: CandidatesFile,
    pub api: CandidatesFile,
    pub method: CandidatesFile,
    pub route: CandidatesFile,
    pub identity: CandidatesFile,
    pub credential: CandidatesFile,
    /// The Authorization value as logged.
    pub authorization: CandidatesFile,
    /// API keys as logged: their presence makes the scheme, their value a digest.
    pub api_key: CandidatesFile,
    /// A query string or request target that may carry a key.
    pub query: CandidatesFile,
    /// Query parameters that carry an API key.
    pub query_keys: Vec<String>,
    /// Schemes the log names in its own way, first that holds, before the general rule.
    pub scheme: Vec<SchemeRule>,
    /// The log would show an Authorization value, a key or a certificate if there were one.
    pub shows_authorization: Option<ConditionFile>,
    /// The log shows headers, so a missing DPoP header means none came.
    pub shows_headers: Option<ConditionFile>,
    pub plain_http: Option<ConditionFile>,
    pub dpop_proof: CandidatesFile,
    pub certificate: CertificateRule,
    /// SHA-256 of the peer certificate, in any spelling.
    pub certificate_sha256: CandidatesFile,
    /// Claims that the gateway logs itself.
    pub claims: ClaimsRule,
    pub scopes: CandidatesFile,
    pub required_scopes: CandidatesFile,
    pub token_type: CandidatesFile,
    pub token_issued_at: CandidatesFile,
    pub token_expires_at: CandidatesFile,
    pub status: CandidatesFile,
    /// `WWW-Authenticate` as sent.
    pub challenge: CandidatesFile,
    /// The gateway's own verdict, before the status: first that holds.
    pub verdict: Vec<VerdictRule>,
    pub policy: CandidatesFile,
    pub client_address: CandidatesFile,
    pub environment: CandidatesFile,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemeRule {
    pub when: ConditionFile,
    pub is: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertificateRule {
    pub verified: Option<ConditionFile>,
    pub absent: Option<ConditionFile>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimsRule {
    pub present: Option<ConditionFile>,
    /// The confirmation claim: an object or JSON in a string.
    pub cnf: CandidatesFile,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRule {
    pub when: ConditionFile,
    /// Left out: the status decides, and `violation` is only the reason of a blocked call.
    pub decision: Option<String>,
    pub violation: Option<String>,
    /// Only where the decision by status is this.
    pub on: Option<String>,
}

/// How a record becomes a row of `identity_events`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityEventMap {
    /// The list or object whose elements each give a row; without it the record gives one. `list[*]`: a record without such a
    /// list gives one row as well, in which nothing is at `@each`.
    pub each: Option<String>,
    pub keep: Option<ConditionFile>,
    /// Whose event it is: the pack's id by default, a text, or `{ path = "…" }` with the pack's id where the record has none.
    pub provider: Option<NameFile>,
    pub event_time: CandidatesFile,
    pub event_id: CandidatesFile,
    pub event_type: CandidatesFile,
    pub outcome: CandidatesFile,
    pub defaults: EventColumns,
    /// First rule that fits the event.
    pub action: Vec<ActionRule>,
    pub actor: CandidatesFile,
    pub automatic: Option<ConditionFile>,
    /// Issuance events of this provider state expiries: a secret issued without one never expires.
    pub states_expiry: bool,
}

/// Columns that an action rule may fill in its own way.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventColumns {
    pub identity: Option<CandidatesFile>,
    pub identity_kind: Option<CandidatesFile>,
    pub credential: Option<CandidatesFile>,
    pub credential_kind: Option<CandidatesFile>,
    pub scopes: Option<CandidatesFile>,
    pub api: Option<CandidatesFile>,
    pub issued_at: Option<CandidatesFile>,
    pub expires_at: Option<CandidatesFile>,
    pub bound: Option<CandidatesFile>,
    pub owner: Option<CandidatesFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRule {
    /// Native event types, `*` for any text.
    #[serde(default)]
    pub event: Vec<String>,
    #[serde(default)]
    pub when: Option<ConditionFile>,
    pub is: String,
    #[serde(default)]
    pub automatic: Option<bool>,
    /// Of several events of one credential, the identity is that of its issuance.
    #[serde(default)]
    pub identity_of_issuance: bool,
    #[serde(default)]
    pub columns: EventColumns,
}

/// One or several paths.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Paths {
    Many(Vec<String>),
    One(String),
}

impl Default for Paths {
    fn default() -> Self {
        Paths::Many(Vec::new())
    }
}

impl Paths {
    pub fn as_slice(&self) -> &[String] {
        match self {
            Paths::Many(paths) => paths,
            Paths::One(path) => std::slice::from_ref(path),
        }
    }
}

/// How a record becomes rows of `revocation_tickets`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TicketMap {
    /// As in `identity_event`.
    pub each: Option<String>,
    /// Which tracker it is, in the same way.
    pub tracker: NameFile,
    pub keep: Option<ConditionFile>,
    pub ticket: CandidatesFile,
    pub updated: CandidatesFile,
    pub identity: CandidatesFile,
    pub credential: CandidatesFile,
    pub severity: CandidatesFile,
    pub exposed_at: CandidatesFile,
    pub detected_at: CandidatesFile,
    pub reported_at: CandidatesFile,
    pub contained_at: CandidatesFile,
    pub revoked_at: CandidatesFile,
    pub closed_at: CandidatesFile,
    pub status: CandidatesFile,
    pub resolution: CandidatesFile,
    pub assignee: CandidatesFile,
    /// Holds for a ticket that is still open.
    pub open: Option<ConditionFile>,
    /// Resolutions that say there was nothing to revoke.
    pub false_positive: Vec<String>,
    /// Texts in which labelled lines (`Revoked at:`) are looked for, one path or a list (`comments[*].body`): plain, or a
    /// document tree. The first path's lines come first.
    pub text: Paths,
    /// The change history, where a status that means "revoked" gives the claim.
    pub history: Option<HistoryRule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRule {
    /// List of entries.
    pub entries: String,
    /// In an entry: its instant, and its list of changes.
    pub at: String,
    pub items: String,
    /// In a change: which field, and its new value.
    pub field: String,
    pub to: String,
    pub field_is: String,
}

/// How a file becomes rows of inventories.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InventoryMap {
    /// CSV and TOML: the frame whose columns its columns are.
    pub frame: String,
    /// Documents: the rows that are in one.
    pub entry: Vec<InventoryEntryMap>,
}

/// Rows of one frame in a document.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InventoryEntryMap {
    /// `identities`, `apis` or `grants`.
    pub frame: String,
    /// Lists and objects that are stepped into, the outermost first: one row for each item of the last.
    pub each: Vec<EachFile>,
    pub when: Option<ConditionFile>,
    /// Column -> where it is. Paths begin with the name of an item; without `each` they are those of the document. An item of
    /// an object has `key` and `value`. `aliases` takes every value of every candidate.
    pub columns: BTreeMap<String, CandidatesFile>,
    /// What the document is besides, where a standard says how to read it.
    pub form: Option<DocumentForm>,
}

/// A step into a document: `name` stands for each item of the list or object at `of`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EachFile {
    pub name: String,
    /// Dotted; begins with the name of an item further out, else it is a path of the document.
    pub of: String,
}

/// Standards whose documents no path can describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentForm {
    /// OpenAPI 3: servers, paths, operations, security requirements.
    Openapi,
}

/// What is wrong with a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackError {
    /// The pack's file or id.
    pub pack: String,
    /// The table of credlens.toml that changed the pack, if it did: the mistake is there.
    pub changed_by: Option<String>,
    /// In the pack's text, from 1.
    pub line: Option<usize>,
    pub message: String,
    pub hint: String,
}

impl PackError {
    /// An error whose line is where the text names what the message puts in backquotes.
    pub fn new(pack: &str, text: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        PackError { pack: pack.to_string(), changed_by: None, line: line_naming(text, &message), message, hint: HINT.to_string() }
    }

    fn of_toml(pack: &str, text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        PackError { line, ..PackError::new(pack, "", error.message()) }
    }

    /// As it is told where the mistake is in the user's changes of a pack.
    pub fn changed_by(self, table: &str) -> Self {
        PackError { changed_by: Some(table.to_string()), line: None, ..self }
    }
}

const HINT: &str = "`credlens explain kong` prints a whole pack; `credlens inspect FILE` shows what a pack makes of a file";

impl fmt::Display for PackError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.changed_by, self.line) {
            (Some(table), _) => write!(formatter, "pack {} with the settings of `{table}`: {}", self.pack, self.message),
            (None, Some(line)) => write!(formatter, "pack {} (line {line}): {}", self.pack, self.message),
            (None, None) => write!(formatter, "pack {}: {}", self.pack, self.message),
        }
    }
}

/// The first line that holds a word which the message puts in backquotes; the longest word first.
pub fn line_naming(text: &str, message: &str) -> Option<usize> {
    let mut words: Vec<&str> = message.split('`').skip(1).step_by(2).filter(|word| !word.is_empty()).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.iter().find_map(|word| text.lines().position(|line| line.contains(word))).map(|line| line + 1)
}

/// Parses and checks a pack's text.
pub fn parse_pack(name: &str, text: &str) -> Result<PackFile, PackError> {
    let pack = toml::from_str(text).map_err(|error| PackError::of_toml(name, text, &error))?;
    check_pack(pack).map_err(|message| PackError::new(name, text, message))
}

/// The pack with settings of the user in place of its own: keys of `text`, `request`, `identity_event` and `ticket` are
/// replaced one by one, but format strings are tried before the pack's.
pub fn parse_changed_pack(name: &str, text: &str, changes: &toml::Table) -> Result<PackFile, PackError> {
    let mut table: toml::Table = toml::from_str(text).map_err(|error| PackError::of_toml(name, text, &error))?;
    merge(&mut table, changes);
    let changed = |message: String| PackError::new(name, "", message).changed_by(&format!("sources.{name}"));
    let pack = PackFile::deserialize(table).map_err(|error| changed(error.message().to_string()))?;
    check_pack(pack).map_err(changed)
}

fn merge(table: &mut toml::Table, changes: &toml::Table) {
    for (key, change) in changes {
        let (Some(toml::Value::Table(section)), toml::Value::Table(change)) = (table.get_mut(key), change) else {
            table.insert(key.clone(), change.clone());
            continue;
        };
        for (key, change) in change {
            let mut change = change.clone();
            if let ("formats", Some(toml::Value::Array(own)), toml::Value::Array(first)) = (key.as_str(), section.get(key), &mut change) {
                first.extend(own.iter().cloned());
            }
            section.insert(key.clone(), change);
        }
    }
}

/// What a pack cannot do without; the error says what is missing.
fn check_pack(pack: PackFile) -> Result<PackFile, String> {
    let detect = &pack.detect;
    if pack.request.is_none() && pack.identity_event.is_none() && pack.ticket.is_none() && pack.inventory.is_none() {
        return Err("feeds no frame: it needs a table `[request]`, `[identity_event]`, `[ticket]` or `[inventory]`".into());
    }
    if !pack.decoder.is_text() && detect.required.is_empty() && detect.any_of.is_empty() && detect.matches.is_empty() {
        return Err("`detect` fits every file: it needs `required`, `any_of` or `matches`".into());
    }
    if pack.decoder != DecoderKind::Json && pack.eaches().next().is_some() {
        return Err("`each` needs records of JSON".into());
    }
    let needs = |table: &str, column: &str, candidates: &CandidatesFile| match candidates.as_slice() {
        [] => Err(format!("`[{table}]` needs `{column}`: without it every record would be rejected")),
        _ => Ok(()),
    };
    if let Some(map) = &pack.request {
        needs("request", "event_time", &map.event_time)?;
    }
    if let Some(map) = &pack.identity_event {
        needs("identity_event", "event_time", &map.event_time)?;
        needs("identity_event", "event_type", &map.event_type)?;
    }
    if let Some(map) = &pack.ticket {
        needs("ticket", "ticket", &map.ticket)?;
        needs("ticket", "reported_at", &map.reported_at)?;
    }
    Ok(pack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_with_their_line() {
        let pack = "id = 'x'\ntitle = 'X'\nkind = 'gateway'\n[detect]\nrequired = ['a']\n[request]\nevent_time = 'a'\n";
        assert!(parse_pack("x.toml", pack).is_ok());
        let wrong = |from: &str, to: &str| {
            let error = parse_pack("x.toml", &pack.replace(from, to)).unwrap_err();
            (error.line, error.message)
        };
        let told = |from: &str, to: &str, line: usize, message: &str| {
            let (found, text) = wrong(from, to);
            assert_eq!(found, Some(line), "{text}");
            assert!(text.contains(message), "{text}");
        };
        told("event_time = 'a'", "event_time = { pth = 'a' }", 7, "unknown field `pth`");
        told("event_time = 'a'", "event_time = ['a', { path = 'b', form = 'sundial' }]", 7, "unknown variant `sundial`");
        told("event_time = 'a'", "event_time = 7", 7, "a path, a table with `path`");
        told("event_time = 'a'", "api = 'a'", 6, "needs `event_time`");
        told("required = ['a']", "", 4, "fits every file");
        told("kind = 'gateway'", "kind = 'gatewy'", 3, "unknown variant `gatewy`");
        told("[request]\n", "[request\n", 6, "");
        assert!(wrong("[request]\nevent_time = 'a'", "").1.contains("feeds no frame"));
    }

    #[test]
    fn settings_of_the_user_replace_keys_of_a_pack() {
        let pack =
            "id='x'\ntitle='X'\nkind='gateway'\ndecoder='pattern'\n[text]\nformats=['$a']\n[detect]\n[request]\napi='a'\nevent_time={path='t',form='clf'}";
        let changes = toml::from_str("year=2026\n[text]\nformats=['$b']\n[request]\nevent_time={path='u'}").unwrap();
        let file = parse_changed_pack("x", pack, &changes).unwrap();
        assert_eq!((file.text.formats, file.year), (vec!["$b".to_string(), "$a".to_string()], Some(2026)));
        let request = file.request.unwrap();
        assert_eq!(request.api.as_slice().len(), 1);
        let CandidateFile::Detailed(time) = &request.event_time.as_slice()[0] else { panic!("a table") };
        assert_eq!((time.path.as_deref(), time.form), (Some("u"), None));
        let wrong = toml::from_str("[request]\nnonsense='x'").unwrap();
        assert!(parse_changed_pack("x", pack, &wrong).unwrap_err().message.contains("unknown field `nonsense`"));
    }
}
