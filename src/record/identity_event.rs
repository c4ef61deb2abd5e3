//! An IdP's or audit record -> rows of `identity_events`: one, or one for each event that it holds.

use super::proof::Bound;
use super::scope::glob_matches;
use super::time::Micros;
use crate::source::pack::{EventColumns, IdentityEventMap, NameFile};
use crate::source::plan::{Candidates, Compiler, Condition, Context, Name, Place, ScopeText};

closed_list! {
    /// What an event did, in our words.
    pub enum Action {
        IdentityCreated = "identity_created", IdentityDisabled = "identity_disabled", IdentityEnabled = "identity_enabled",
        IdentityDeleted = "identity_deleted", OwnerAssigned = "owner_assigned", OwnerRemoved = "owner_removed",
        CredentialIssued = "credential_issued", CredentialRotated = "credential_rotated",
        CredentialContained = "credential_contained", CredentialRevoked = "credential_revoked",
        CredentialExpired = "credential_expired", CredentialExposed = "credential_exposed", TokenIssued = "token_issued",
        TokenRefreshed = "token_refreshed", TokenRevoked = "token_revoked", ScopeGranted = "scope_granted",
        ScopeRevoked = "scope_revoked", CredentialUsed = "credential_used", AccessDenied = "access_denied", Other = "other"
    }
}

closed_list! {
    /// Whether the event succeeded; a failed revocation revokes nothing.
    pub enum Outcome { Success = "success", Failure = "failure", Unknown = "unknown" }
}

closed_list! {
    /// What sort of identity it is.
    pub enum IdentityKind { Workload = "workload", AiAgent = "ai_agent", Partner = "partner", Human = "human", Unknown = "unknown" }
}

closed_list! {
    /// What sort of credential it is.
    pub enum CredentialKind {
        AccessToken = "access_token", RefreshToken = "refresh_token", ClientSecret = "client_secret", ApiKey = "api_key",
        Certificate = "certificate", ServiceAccountKey = "service_account_key",
        PersonalAccessToken = "personal_access_token", Session = "session", Other = "other"
    }
}

/// One event, before aliases are applied.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct IdentityEventRow {
    pub event_us: Micros,
    /// Which of its record's events it is, from 0.
    pub ordinal: u32,
    pub provider: String,
    pub event_id: Option<String>,
    pub event_type: Option<String>,
    pub action: Action,
    pub outcome: Outcome,
    pub identity_seen: Option<String>,
    pub identity_kind: Option<IdentityKind>,
    pub credential: Option<String>,
    pub credential_kind: Option<CredentialKind>,
    pub scopes: Option<Vec<String>>,
    pub api: Option<String>,
    pub issued_us: Option<Micros>,
    pub expires_us: Option<Micros>,
    pub bound: Option<Bound>,
    pub owner: Option<String>,
    pub actor: Option<String>,
    pub is_automatic: Option<bool>,
    pub states_expiry: bool,
    /// Take the identity from the event that issued the credential, if there is one.
    pub identity_of_issuance: bool,
}

/// An identity event map compiled to slots.
#[derive(Debug, Clone)]
pub struct IdentityEventPlan {
    each: Option<Place>,
    /// `each` ends in `[*]`: a record without that list gives one row.
    each_of_list: bool,
    keep: Option<Condition>,
    provider: Name,
    event_time: Candidates,
    event_id: Candidates,
    event_type: Candidates,
    outcome: Candidates,
    defaults: Columns,
    rules: Vec<Rule>,
    actor: Candidates,
    automatic: Option<Condition>,
    states_expiry: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    events: Vec<String>,
    when: Option<Condition>,
    action: Action,
    automatic: Option<bool>,
    identity_of_issuance: bool,
    columns: Columns,
}

#[derive(Debug, Clone, Default)]
struct Columns {
    identity: Option<Candidates>,
    identity_kind: Option<Candidates>,
    credential: Option<Candidates>,
    credential_kind: Option<Candidates>,
    scopes: Option<Candidates>,
    api: Option<Candidates>,
    issued_at: Option<Candidates>,
    expires_at: Option<Candidates>,
    bound: Option<Candidates>,
    owner: Option<Candidates>,
}

impl Columns {
    fn compile(file: &EventColumns, compiler: &mut Compiler) -> Result<Self, String> {
        let mut column = |file: &Option<_>| file.as_ref().map(|file| compiler.candidates(file)).transpose();
        Ok(Columns {
            identity: column(&file.identity)?,
            identity_kind: column(&file.identity_kind)?,
            credential: column(&file.credential)?,
            credential_kind: column(&file.credential_kind)?,
            scopes: column(&file.scopes)?,
            api: column(&file.api)?,
            issued_at: column(&file.issued_at)?,
            expires_at: column(&file.expires_at)?,
            bound: column(&file.bound)?,
            owner: column(&file.owner)?,
        })
    }
}

impl IdentityEventPlan {
    /// Compiles a pack's event map; the error names the value that is wrong.
    pub fn compile(pack_id: &str, map: &IdentityEventMap, compiler: &mut Compiler) -> Result<Self, String> {
        let rules = map.action.iter().map(|rule| {
            Ok(Rule {
                events: rule.event.clone(),
                when: compiler.optional(&rule.when)?,
                action: Action::from_text(&rule.is).ok_or_else(|| format!("`{}` is no action", rule.is))?,
                automatic: rule.automatic,
                identity_of_issuance: rule.identity_of_issuance,
                columns: Columns::compile(&rule.columns, compiler)?,
            })
        });
        let rules = rules.collect::<Result<_, String>>()?;
        Ok(IdentityEventPlan {
            each: map.each.as_ref().map(|path| compiler.place(path.strip_suffix("[*]").unwrap_or(path))).transpose()?,
            each_of_list: map.each.as_ref().is_some_and(|path| path.ends_with("[*]")),
            keep: compiler.optional(&map.keep)?,
            provider: compiler.name(map.provider.as_ref().unwrap_or(&NameFile::Constant(pack_id.to_string())), pack_id)?,
            event_time: compiler.candidates(&map.event_time)?,
            event_id: compiler.candidates(&map.event_id)?,
            event_type: compiler.candidates(&map.event_type)?,
            outcome: compiler.candidates(&map.outcome)?,
            defaults: Columns::compile(&map.defaults, compiler)?,
            rules,
            actor: compiler.candidates(&map.actor)?,
            automatic: compiler.optional(&map.automatic)?,
            states_expiry: map.states_expiry,
        })
    }

    /// Reads one record: its rows, none if it is of no interest. The error is a reject reason of the whole record.
    pub fn rows<'a>(&'a self, context: &mut Context<'a>) -> Result<Vec<IdentityEventRow>, &'static str> {
        let Some(each) = self.each(context) else {
            return if self.wants(context) { Ok(vec![self.row(context, 0)?]) } else { Ok(Vec::new()) };
        };
        let mut rows = Vec::new();
        for element in context.elements(each) {
            context.element = Some(element);
            if self.wants(context) {
                rows.push(self.row(context, rows.len() as u32)?);
            }
        }
        context.element = None;
        Ok(rows)
    }

    /// Where the elements stand that each give a row, if the record is read so.
    fn each<'a>(&'a self, context: &Context<'a>) -> Option<&'a Place> {
        self.each.as_ref().filter(|each| !self.each_of_list || context.is_list(each))
    }

    fn wants<'a>(&'a self, context: &Context<'a>) -> bool {
        self.keep.as_ref().is_none_or(|keep| keep.holds(context))
    }

    fn row<'a>(&'a self, context: &Context<'a>, ordinal: u32) -> Result<IdentityEventRow, &'static str> {
        let event_us = match self.event_time.instant(context) {
            Ok(Some(instant)) => instant,
            Ok(None) => return Err("missing_event_time"),
            Err(reason) => return Err(reason),
        };
        let event_type = self.event_type.owned(context).ok_or("missing_event_type")?;
        let rule = self.rules.iter().find(|rule| rule.fits(&event_type, context));
        let action = rule.map_or(Action::Other, |rule| rule.action);
        let column = |pick: fn(&Columns) -> &Option<Candidates>| rule.and_then(|rule| pick(&rule.columns).as_ref()).or(pick(&self.defaults).as_ref());
        let text = |pick: fn(&Columns) -> &Option<Candidates>| column(pick).and_then(|column| column.owned(context));
        let instant = |pick: fn(&Columns) -> &Option<Candidates>| column(pick).and_then(|column| column.instant(context).ok().flatten());
        let automatic = rule.and_then(|rule| rule.automatic).or_else(|| self.automatic.as_ref().map(|condition| condition.holds(context)));
        let issues = matches!(action, Action::CredentialIssued | Action::TokenIssued | Action::TokenRefreshed);
        Ok(IdentityEventRow {
            event_us,
            ordinal,
            provider: self.provider.of(context),
            event_id: self.event_id.owned(context),
            event_type: Some(event_type),
            action,
            outcome: self.outcome(context),
            identity_seen: text(|columns| &columns.identity),
            identity_kind: text(|columns| &columns.identity_kind).and_then(|text| IdentityKind::from_text(&text)),
            credential: text(|columns| &columns.credential),
            credential_kind: text(|columns| &columns.credential_kind).and_then(|text| CredentialKind::from_text(&text)),
            scopes: column(|columns| &columns.scopes).and_then(|column| column.scopes(context)).map(ScopeText::into_list),
            api: text(|columns| &columns.api),
            issued_us: instant(|columns| &columns.issued_at).or(issues.then_some(event_us)),
            expires_us: instant(|columns| &columns.expires_at),
            bound: text(|columns| &columns.bound).and_then(|text| Bound::from_text(&text)),
            owner: text(|columns| &columns.owner),
            actor: self.actor.owned(context),
            is_automatic: automatic,
            states_expiry: self.states_expiry,
            identity_of_issuance: rule.is_some_and(|rule| rule.identity_of_issuance),
        })
    }

    /// The native field behind each column that has one, for each row that `rows` gives.
    pub fn origins<'a>(&'a self, context: &mut Context<'a>) -> Vec<Vec<(&'static str, String)>> {
        let Some(each) = self.each(context) else { return if self.wants(context) { vec![self.origins_of_row(context)] } else { Vec::new() } };
        let mut rows = Vec::new();
        for element in context.elements(each) {
            context.element = Some(element);
            if self.wants(context) {
                rows.push(self.origins_of_row(context));
            }
        }
        context.element = None;
        rows
    }

    fn origins_of_row<'a>(&'a self, context: &Context<'a>) -> Vec<(&'static str, String)> {
        let event_type = self.event_type.owned(context).unwrap_or_default();
        let rule = self.rules.iter().find(|rule| rule.fits(&event_type, context));
        let column = |pick: fn(&Columns) -> &Option<Candidates>| rule.and_then(|rule| pick(&rule.columns).as_ref()).or(pick(&self.defaults).as_ref());
        let columns: [(&'static str, Option<&'a Candidates>); 15] = [
            ("event_time", Some(&self.event_time)),
            ("event_id", Some(&self.event_id)),
            ("event_type", Some(&self.event_type)),
            ("outcome", Some(&self.outcome)),
            ("identity", column(|columns| &columns.identity)),
            ("identity_kind", column(|columns| &columns.identity_kind)),
            ("credential", column(|columns| &columns.credential)),
            ("credential_kind", column(|columns| &columns.credential_kind)),
            ("scopes", column(|columns| &columns.scopes)),
            ("api", column(|columns| &columns.api)),
            ("issued_at", column(|columns| &columns.issued_at)),
            ("expires_at", column(|columns| &columns.expires_at)),
            ("bound", column(|columns| &columns.bound)),
            ("owner", column(|columns| &columns.owner)),
            ("actor", Some(&self.actor)),
        ];
        let mut origins: Vec<(&'static str, String)> =
            columns.into_iter().filter_map(|(name, column)| Some((name, column?.origin(context)?.to_string()))).collect();
        let when = rule.and_then(|rule| rule.when.as_ref()).map(Condition::paths).unwrap_or_default();
        let by_type = self.event_type.origin(context).filter(|_| rule.is_none_or(|rule| !rule.events.is_empty() || rule.when.is_none()));
        let decided: Vec<String> = by_type.map(str::to_string).into_iter().chain(when).collect();
        origins.push(("action", decided.join(", ")));
        origins
    }

    fn outcome<'a>(&'a self, context: &Context<'a>) -> Outcome {
        self.outcome.text(context).and_then(|text| Outcome::from_text(&text)).unwrap_or(Outcome::Unknown)
    }
}

impl Rule {
    fn fits<'a>(&'a self, event_type: &str, context: &Context<'a>) -> bool {
        (self.events.is_empty() || self.events.iter().any(|pattern| glob_matches(pattern, event_type)))
            && self.when.as_ref().is_none_or(|condition| condition.holds(context))
    }
}
