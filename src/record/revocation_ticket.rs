//! A tracker's record -> rows of `revocation_tickets`: one for each credential that the ticket names.

use super::time::{self, Micros, TimeForm};
use super::token;
use crate::source::pack::{HistoryRule, TicketMap};
use crate::source::plan::{Candidates, Compiler, Condition, Context, Name, Place};
use serde_json::Value;

/// One ticket; `credentials` may be empty. Aliases are not applied yet.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct TicketRow {
    pub ticket: String,
    pub tracker: String,
    pub updated_us: Option<Micros>,
    pub identity_seen: Option<String>,
    pub credentials: Vec<String>,
    pub severity: Option<String>,
    pub exposed_us: Option<Micros>,
    pub detected_us: Option<Micros>,
    pub reported_us: Micros,
    pub contained_us: Option<Micros>,
    pub revoked_us: Option<Micros>,
    pub revoked_from_history: bool,
    pub closed_us: Option<Micros>,
    pub status: Option<String>,
    pub status_is_revoked: bool,
    pub resolution: Option<String>,
    pub is_open: bool,
    pub is_false_positive: bool,
    pub assignee: Option<String>,
}

/// What the configuration says of tickets.
#[derive(Debug, Clone)]
pub struct TicketSettings {
    /// Statuses that mean "revoked", compared without regard to case.
    pub revoked_statuses: Vec<String>,
    /// Resolutions that say there was nothing to revoke; `None` leaves the pack's own.
    pub false_positive_resolutions: Option<Vec<String>>,
}

impl Default for TicketSettings {
    fn default() -> Self {
        TicketSettings { revoked_statuses: vec!["Revoked".into(), "Credential revoked".into()], false_positive_resolutions: None }
    }
}

/// A ticket map compiled to slots.
#[derive(Debug, Clone)]
pub struct TicketPlan {
    map: TicketMap,
    tracker: Name,
    keep: Option<Condition>,
    ticket: Candidates,
    updated: Candidates,
    identity: Candidates,
    credential: Candidates,
    severity: Candidates,
    exposed_at: Candidates,
    detected_at: Candidates,
    reported_at: Candidates,
    contained_at: Candidates,
    revoked_at: Candidates,
    closed_at: Candidates,
    status: Candidates,
    resolution: Candidates,
    assignee: Candidates,
    open: Option<Condition>,
    text: Vec<Place>,
    history: Option<Place>,
}

impl TicketPlan {
    /// Compiles a pack's ticket map.
    pub fn compile(pack_id: &str, map: &TicketMap, compiler: &mut Compiler) -> Result<Self, String> {
        Ok(TicketPlan {
            tracker: compiler.name(&map.tracker, pack_id)?,
            keep: compiler.optional(&map.keep)?,
            ticket: compiler.candidates(&map.ticket)?,
            updated: compiler.candidates(&map.updated)?,
            identity: compiler.candidates(&map.identity)?,
            credential: compiler.candidates(&map.credential)?,
            severity: compiler.candidates(&map.severity)?,
            exposed_at: compiler.candidates(&map.exposed_at)?,
            detected_at: compiler.candidates(&map.detected_at)?,
            reported_at: compiler.candidates(&map.reported_at)?,
            contained_at: compiler.candidates(&map.contained_at)?,
            revoked_at: compiler.candidates(&map.revoked_at)?,
            closed_at: compiler.candidates(&map.closed_at)?,
            status: compiler.candidates(&map.status)?,
            resolution: compiler.candidates(&map.resolution)?,
            assignee: compiler.candidates(&map.assignee)?,
            open: compiler.optional(&map.open)?,
            text: map.text.as_slice().iter().map(|path| compiler.place(path)).collect::<Result<_, _>>()?,
            history: map.history.as_ref().map(|rule| compiler.place(&rule.entries)).transpose()?,
            map: map.clone(),
        })
    }

    /// True when the record is a revocation ticket.
    pub fn wants<'a>(&'a self, context: &Context<'a>) -> bool {
        self.keep.as_ref().is_none_or(|keep| keep.holds(context))
    }

    /// Reads one ticket. The error is a reject reason.
    pub fn row<'a>(&'a self, context: &Context<'a>, settings: &TicketSettings) -> Result<TicketRow, &'static str> {
        let ticket = self.ticket.owned(context).ok_or("missing_ticket_key")?;
        let reported_us = match self.reported_at.instant(context) {
            Ok(Some(instant)) => instant,
            Ok(None) => return Err("missing_reported_at"),
            Err(reason) => return Err(reason),
        };
        let labels = LabelledLines(self.text.iter().flat_map(|place| context.documents(place)).flat_map(|text| LabelledLines::read(&text).0).collect());
        let clock = |field: &'a Candidates, label: &str| field.instant(context).ok().flatten().or_else(|| labels.instant(label, context));
        // Of several claims the last one counts: a reopened ticket is revoked again.
        let claimed = self.revoked_at.instant(context).ok().flatten().or_else(|| labels.last_instant("revoked at", context));
        let from_history = if claimed.is_none() { self.revoked_in_history(context, settings) } else { None };
        let status = self.status.owned(context);
        let resolution = self.resolution.owned(context);
        let false_positives = settings.false_positive_resolutions.as_ref().unwrap_or(&self.map.false_positive);
        let is_false_positive = resolution.as_ref().is_some_and(|text| false_positives.iter().any(|wanted| wanted.eq_ignore_ascii_case(text)));
        Ok(TicketRow {
            ticket,
            tracker: self.tracker.of(context),
            updated_us: self.updated.instant(context).ok().flatten(),
            identity_seen: self.identity.owned(context).or_else(|| labels.first("identity")),
            credentials: self.credentials(context, &labels),
            severity: self.severity.owned(context).map(|text| text.to_lowercase()),
            exposed_us: clock(&self.exposed_at, "exposed at"),
            detected_us: clock(&self.detected_at, "detected at"),
            reported_us,
            contained_us: clock(&self.contained_at, "contained at"),
            revoked_us: claimed.or(from_history),
            revoked_from_history: from_history.is_some(),
            closed_us: self.closed_at.instant(context).ok().flatten(),
            status_is_revoked: status.as_ref().is_some_and(|status| is_one_of(status, &settings.revoked_statuses)),
            status,
            is_open: self.open.as_ref().is_some_and(|open| open.holds(context)),
            is_false_positive,
            resolution,
            assignee: self.assignee.owned(context),
        })
    }

    /// The native field behind each column that has one, or the texts whose labelled lines may.
    pub fn origins<'a>(&'a self, context: &Context<'a>) -> Vec<(&'static str, String)> {
        let columns: [(&'static str, &Candidates); 13] = [
            ("ticket", &self.ticket),
            ("identity", &self.identity),
            ("credential", &self.credential),
            ("severity", &self.severity),
            ("exposed_at", &self.exposed_at),
            ("detected_at", &self.detected_at),
            ("reported_at", &self.reported_at),
            ("contained_at", &self.contained_at),
            ("revoked_at", &self.revoked_at),
            ("closed_at", &self.closed_at),
            ("status", &self.status),
            ("resolution", &self.resolution),
            ("assignee", &self.assignee),
        ];
        let labelled = ["identity", "credential", "exposed_at", "detected_at", "contained_at", "revoked_at"];
        let of_text = || self.map.text.as_slice().join(", ");
        let origin = |(name, column): (&'static str, &'a Candidates)| {
            let text = || (labelled.contains(&name) && !self.text.is_empty()).then(of_text);
            Some((name, column.origin(context).map(str::to_string).or_else(text)?))
        };
        columns.into_iter().filter_map(origin).collect()
    }

    /// Every credential that a field or a labelled line names, as references; in order, distinct.
    fn credentials<'a>(&'a self, context: &Context<'a>, labels: &LabelledLines) -> Vec<String> {
        let fields = self.credential.texts(context);
        let named = if fields.is_empty() { labels.all("credential") } else { fields.clone() };
        let is_final = !fields.is_empty() && self.credential.makes_references();
        let mut references: Vec<String> = Vec::new();
        for text in named {
            let reference = if is_final { text } else { token::reference_or_digest(text.trim(), context.digester) };
            if !references.contains(&reference) {
                references.push(reference);
            }
        }
        references
    }

    /// When the ticket last moved to a status that means "revoked".
    fn revoked_in_history(&self, context: &Context<'_>, settings: &TicketSettings) -> Option<Micros> {
        let rule = self.map.history.as_ref()?;
        let tree = context.document(self.history.as_ref()?)?;
        let entries = tree.as_array()?;
        let moved = entries.iter().filter(|entry| entry_moves_to(entry, rule, &settings.revoked_statuses));
        let instants = moved.filter_map(|entry| time::parse(entry.get(&rule.at)?.as_str()?, TimeForm::Any, context.local()));
        instants.max()
    }
}

fn entry_moves_to(entry: &Value, rule: &HistoryRule, statuses: &[String]) -> bool {
    let Some(items) = entry.get(&rule.items).and_then(Value::as_array) else { return false };
    items.iter().any(|item| {
        item.get(&rule.field).and_then(Value::as_str) == Some(&rule.field_is)
            && item.get(&rule.to).and_then(Value::as_str).is_some_and(|to| is_one_of(to, statuses))
    })
}

fn is_one_of(text: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(text.trim()))
}

/// Lines of a ticket's text that read `Label: value`.
#[derive(Debug, Default)]
struct LabelledLines(Vec<(String, String)>);

const LABELS: [&str; 6] = ["exposed at", "detected at", "contained at", "revoked at", "identity", "credential"];

impl LabelledLines {
    /// Reads a plain text or an Atlassian document.
    fn read(text: &Value) -> Self {
        let mut plain = String::new();
        match text {
            Value::String(text) => plain.push_str(text),
            document => append_document_text(document, &mut plain),
        }
        let lines = plain.lines().filter_map(|line| {
            let line = line.trim().trim_start_matches(['*', '-', ' ']);
            let (label, value) = line.split_once(':')?;
            let label = label.trim().trim_matches('*').to_lowercase();
            let value = value.trim().trim_start_matches('*').trim();
            (LABELS.contains(&label.as_str()) && !super::field::is_absent(value)).then(|| (label, value.to_string()))
        });
        LabelledLines(lines.collect())
    }

    fn first(&self, label: &str) -> Option<String> {
        self.0.iter().find(|(name, _)| name == label).map(|(_, value)| value.clone())
    }

    fn all(&self, label: &str) -> Vec<String> {
        self.0.iter().filter(|(name, _)| name == label).map(|(_, value)| value.clone()).collect()
    }

    fn last_instant(&self, label: &str, context: &Context<'_>) -> Option<Micros> {
        self.0.iter().rev().filter(|(name, _)| name == label).find_map(|(_, value)| time::parse(value, TimeForm::Any, context.local()))
    }

    fn instant(&self, label: &str, context: &Context<'_>) -> Option<Micros> {
        self.0.iter().filter(|(name, _)| name == label).find_map(|(_, value)| time::parse(value, TimeForm::Any, context.local()))
    }
}

/// The text of an Atlassian document: one line per block, hard breaks kept.
fn append_document_text(node: &Value, out: &mut String) {
    let kind = node.get("type").and_then(Value::as_str).unwrap_or("");
    if kind == "hardBreak" {
        out.push('\n');
    }
    if let Some(text) = node.get("text").and_then(Value::as_str) {
        out.push_str(text);
    }
    for child in node.get("content").and_then(Value::as_array).into_iter().flatten() {
        append_document_text(child, out);
    }
    if matches!(kind, "paragraph" | "heading" | "codeBlock" | "listItem" | "blockquote" | "rule") && !out.ends_with('\n') {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labelled_lines_of_plain_text_and_of_a_document() {
        let plain =
            LabelledLines::read(&Value::String("Found.\r\n*Credential:* jti:a\nCredential: kid:b\n- Revoked at: 2026-07-01T00:00:00Z\nIdentity: -".into()));
        assert_eq!(plain.all("credential"), ["jti:a", "kid:b"]);
        assert_eq!((plain.first("revoked at").as_deref(), plain.first("identity")), (Some("2026-07-01T00:00:00Z"), None));
        let document = serde_json::json!({"type":"doc","content":[
            {"type":"paragraph","content":[{"type":"text","text":"Identity: "},{"type":"text","text":"svc-a"},{"type":"hardBreak"},{"type":"text","text":"Credential: x:y"}]},
            {"type":"paragraph","content":[{"type":"text","text":"Detected at: 2026-01-01T00:00:00Z"}]}]});
        let lines = LabelledLines::read(&document);
        assert_eq!((lines.first("identity").as_deref(), lines.all("credential")), (Some("svc-a"), vec!["x:y".to_string()]));
        assert!(lines.first("detected at").is_some());
    }
}
