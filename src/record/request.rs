//! A gateway's record -> one row of `requests`.

use super::decision::{BlockedCall, Decision, Violation, violation_of};
use super::field;
use super::operation::DeclaredRoute;
use super::proof::{AuthScheme, Certificate, Confirmation, Evidence, Peer};
use super::time::Micros;
use super::token::{self, Claims};
use crate::source::pack::{CandidateDetail, CandidateFile, CandidatesFile, RequestMap};
use crate::source::plan::{Candidates, Compiler, Condition, Context, Each, ScopeText, TokenFacts};
use std::borrow::Cow;

/// One call, before aliases, inventories and IdP evidence are applied.
#[derive(Debug)]
pub struct RequestRow<'a> {
    pub event_us: Micros,
    pub gateway: Option<Cow<'a, str>>,
    pub request_id: Option<Cow<'a, str>>,
    pub api: Option<Cow<'a, str>>,
    pub method: Option<Cow<'a, str>>,
    pub route: Option<Cow<'a, str>>,
    pub identity_seen: Option<Cow<'a, str>>,
    pub credential: Option<Cow<'a, str>>,
    pub token_type: Option<Cow<'a, str>>,
    pub token_issued_us: Option<Micros>,
    pub token_expires_us: Option<Micros>,
    pub scopes: Option<ScopeText<'a>>,
    pub required_scopes: Option<ScopeText<'a>>,
    pub status: Option<i16>,
    pub decision: Decision,
    pub violation: Option<Violation>,
    pub policy: Option<Cow<'a, str>>,
    pub client_address: Option<Cow<'a, str>>,
    pub environment: Option<Cow<'a, str>>,
    pub evidence: Evidence,
}

/// A request map compiled to slots.
#[derive(Debug, Clone)]
pub struct RequestPlan {
    each: Option<Each>,
    keep: Option<Condition>,
    event_time: Candidates,
    gateway: Candidates,
    request_id: Candidates,
    api: Candidates,
    method: Candidates,
    route: Candidates,
    /// The paths that `route` makes templates of, as they came.
    path: Candidates,
    identity: Candidates,
    credential: Candidates,
    authorization: Candidates,
    api_key: Candidates,
    query: Candidates,
    query_keys: Vec<String>,
    scheme: Vec<(Condition, AuthScheme)>,
    shows_authorization: Option<Condition>,
    shows_headers: Option<Condition>,
    plain_http: Option<Condition>,
    dpop_proof: Candidates,
    certificate_verified: Option<Condition>,
    certificate_absent: Option<Condition>,
    certificate_sha256: Candidates,
    claims_present: Option<Condition>,
    claims_cnf: Candidates,
    scopes: Candidates,
    required_scopes: Candidates,
    token_type: Candidates,
    token_issued_at: Candidates,
    token_expires_at: Candidates,
    status: Candidates,
    challenge: Candidates,
    verdict: Vec<Verdict>,
    policy: Candidates,
    client_address: Candidates,
    environment: Candidates,
}

#[derive(Debug, Clone)]
struct Verdict {
    when: Condition,
    on: Option<Decision>,
    decision: Option<Decision>,
    violation: Option<Violation>,
}

/// What a source's settings say beyond its pack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceSettings {
    pub verifies_dpop: bool,
    pub verifies_mtls: bool,
}

impl RequestPlan {
    /// Compiles a pack's request map; the error names the column or value that is wrong.
    pub fn compile(map: &RequestMap, compiler: &mut Compiler) -> Result<Self, String> {
        let scheme = map.scheme.iter().map(|rule| {
            let scheme = AuthScheme::from_text(&rule.is).ok_or_else(|| format!("`{}` is no auth_scheme", rule.is))?;
            Ok((compiler.condition(&rule.when)?, scheme))
        });
        let scheme = scheme.collect::<Result<_, String>>()?;
        let verdict = map.verdict.iter().map(|rule| {
            Ok(Verdict {
                when: compiler.condition(&rule.when)?,
                on: parse_value(&rule.on, Decision::from_text, "decision")?,
                decision: parse_value(&rule.decision, Decision::from_text, "decision")?,
                violation: parse_value(&rule.violation, Violation::from_text, "violation")?,
            })
        });
        let verdict = verdict.collect::<Result<_, String>>()?;
        Ok(RequestPlan {
            each: compiler.each(&map.each)?,
            keep: compiler.optional(&map.keep)?,
            event_time: compiler.candidates(&map.event_time)?,
            gateway: compiler.candidates(&map.gateway)?,
            request_id: compiler.candidates(&map.request_id)?,
            api: compiler.candidates(&map.api)?,
            method: compiler.candidates(&map.method)?,
            route: compiler.candidates(&map.route)?,
            path: compiler.candidates(&paths_of(&map.route))?,
            identity: compiler.candidates(&map.identity)?,
            credential: compiler.candidates(&map.credential)?,
            authorization: compiler.candidates(&map.authorization)?,
            api_key: compiler.candidates(&map.api_key)?,
            query: compiler.candidates(&map.query)?,
            query_keys: map.query_keys.clone(),
            scheme,
            shows_authorization: compiler.optional(&map.shows_authorization)?,
            shows_headers: compiler.optional(&map.shows_headers)?,
            plain_http: compiler.optional(&map.plain_http)?,
            dpop_proof: compiler.candidates(&map.dpop_proof)?,
            certificate_verified: compiler.optional(&map.certificate.verified)?,
            certificate_absent: compiler.optional(&map.certificate.absent)?,
            certificate_sha256: compiler.candidates(&map.certificate_sha256)?,
            claims_present: compiler.optional(&map.claims.present)?,
            claims_cnf: compiler.candidates(&map.claims.cnf)?,
            scopes: compiler.candidates(&map.scopes)?,
            required_scopes: compiler.candidates(&map.required_scopes)?,
            token_type: compiler.candidates(&map.token_type)?,
            token_issued_at: compiler.candidates(&map.token_issued_at)?,
            token_expires_at: compiler.candidates(&map.token_expires_at)?,
            status: compiler.candidates(&map.status)?,
            challenge: compiler.candidates(&map.challenge)?,
            verdict,
            policy: compiler.candidates(&map.policy)?,
            client_address: compiler.candidates(&map.client_address)?,
            environment: compiler.candidates(&map.environment)?,
        })
    }

    /// Judges a record: hands out its calls, one or those of its elements, once it is known that none of them is broken. The
    /// error is a reject reason of the whole record.
    pub fn rows<'a>(&'a self, context: &mut Context<'a>, settings: SourceSettings, mut give: impl FnMut(&mut RequestRow<'a>)) -> Result<(), &'static str> {
        let Some(elements) = self.each.as_ref().and_then(|each| each.elements(context)) else {
            if self.wants(context) {
                // Looked at where it was made: a row is some hundred bytes long.
                match &mut self.row(context, settings) {
                    Ok(row) => give(row),
                    Err(reason) => return Err(reason),
                }
            }
            return Ok(());
        };
        let mut rows = Vec::new();
        for element in elements {
            (context.element, context.token) = (Some(element), TokenFacts::default());
            if self.wants(context) {
                rows.push(self.row(context, settings)?);
            }
        }
        context.element = None;
        rows.iter_mut().for_each(give);
        Ok(())
    }

    /// The native field behind each column that has one, for each row that `rows` gives.
    pub fn origins<'a>(&'a self, context: &mut Context<'a>) -> Vec<Vec<(&'static str, String)>> {
        // The row is made for the token, which is read with it.
        let of_row = |context: &mut Context<'a>| {
            let is_row = self.wants(context) && self.row(context, SourceSettings::default()).is_ok();
            is_row.then(|| self.origins_of_row(context))
        };
        let Some(elements) = self.each.as_ref().and_then(|each| each.elements(context)) else { return of_row(context).into_iter().collect() };
        let mut rows = Vec::new();
        for element in elements {
            (context.element, context.token) = (Some(element), TokenFacts::default());
            rows.extend(of_row(context));
        }
        context.element = None;
        rows
    }

    /// True when the record, or the element, is a call at all.
    fn wants<'a>(&'a self, context: &Context<'a>) -> bool {
        self.keep.as_ref().is_none_or(|keep| keep.holds(context))
    }

    /// Judges one call. The error is a reject reason.
    fn row<'a>(&'a self, context: &mut Context<'a>, settings: SourceSettings) -> Result<RequestRow<'a>, &'static str> {
        let event_us = match self.event_time.instant(context) {
            Ok(Some(instant)) => instant,
            Ok(None) => return Err("missing_event_time"),
            Err(reason) => return Err(reason),
        };
        let status = self.status.text(context).and_then(|text| parse_status(&text));
        context.status = status.unwrap_or(0);
        let came = self.credential_that_came(context);
        let scheme = self.scheme_of(context, &came);
        let certificate = self.certificate(context);
        let credential = self.credential.text(context);
        let (decision, violation) = self.verdict(context, scheme, credential.is_some());
        let confirmation = self.confirmation(context, &came, certificate);
        let (api, method, mut route) = (self.api.text(context), self.method.text(context).map(upper_case), self.route.text(context));
        let declared = self.declared_operation(context, api.as_deref(), method.as_deref(), route.as_deref());
        let mut required_scopes = self.required_scopes.scopes(context);
        if let Some(declared) = declared {
            let demanded = declared.required_scopes.map(|scopes| ScopeText::List(scopes.to_vec()));
            required_scopes = required_scopes.or(demanded);
            route = Some(Cow::Borrowed(declared.route));
        }
        let claims = context.token.claims.as_ref();
        let evidence = Evidence {
            scheme,
            is_accepted: decision.is_accepted(),
            has_dpop_header: self.dpop_proof.text(context).is_some(),
            certificate,
            confirmation,
            shows_signs: self.shows_signs(context, certificate),
            verifies_dpop: settings.verifies_dpop,
            verifies_mtls: settings.verifies_mtls,
        };
        let issued = claims.and_then(|claims| claims.issued_at);
        let expires = claims.and_then(|claims| claims.expires_at);
        Ok(RequestRow {
            event_us,
            gateway: self.gateway.text(context),
            request_id: self.request_id.text(context),
            api,
            method,
            route,
            identity_seen: self.identity.text(context),
            credential,
            token_type: self.token_type.text(context),
            token_issued_us: issued.or(self.token_issued_at.instant(context).unwrap_or(None)),
            token_expires_us: expires.or(self.token_expires_at.instant(context).unwrap_or(None)),
            scopes: self.scopes.scopes(context),
            required_scopes,
            status,
            decision,
            violation,
            policy: self.policy.text(context),
            client_address: self.client_address.text(context),
            environment: self.environment.text(context),
            evidence,
        })
    }

    /// The native field behind each column that has one; to be asked after `row`, which reads the token.
    fn origins_of_row<'a>(&'a self, context: &Context<'a>) -> Vec<(&'static str, String)> {
        let columns: [(&'static str, &Candidates); 15] = [
            ("event_time", &self.event_time),
            ("gateway", &self.gateway),
            ("request_id", &self.request_id),
            ("api", &self.api),
            ("method", &self.method),
            ("route", &self.route),
            ("identity", &self.identity),
            ("credential", &self.credential),
            ("token_type", &self.token_type),
            ("scopes", &self.scopes),
            ("required_scopes", &self.required_scopes),
            ("status", &self.status),
            ("policy", &self.policy),
            ("client_address", &self.client_address),
            ("environment", &self.environment),
        ];
        let mut origins: Vec<(&'static str, String)> =
            columns.into_iter().filter_map(|(name, column)| Some((name, column.origin(context)?.to_string()))).collect();
        let all = |columns: &[&'a Candidates]| columns.iter().filter_map(|column| column.origin(context)).map(str::to_string).collect::<Vec<_>>();
        let held = |conditions: &[&'a Option<Condition>]| {
            conditions
                .iter()
                .filter_map(|condition| condition.as_ref())
                .filter(|condition| condition.holds(context))
                .flat_map(Condition::paths)
                .collect::<Vec<_>>()
        };
        let mut scheme = all(&[&self.authorization]);
        if scheme.is_empty() {
            scheme = self.scheme.iter().find(|(condition, _)| condition.holds(context)).map(|(condition, _)| condition.paths()).unwrap_or_default();
        }
        if scheme.is_empty() {
            scheme = all(&[&self.api_key]);
        }
        if scheme.is_empty() {
            scheme = held(&[&self.certificate_verified, &self.shows_authorization]);
        }
        let token = all(&[&self.authorization, &self.claims_cnf]);
        let proof = [token.clone(), all(&[&self.dpop_proof, &self.certificate_sha256]), held(&[&self.certificate_verified, &self.certificate_absent])].concat();
        let by_status = Decision::of_status(context.status);
        let rule = self.verdict.iter().find(|rule| rule.on.is_none_or(|on| on == by_status) && rule.when.holds(context));
        let decision = [rule.map(|rule| rule.when.paths()).unwrap_or_default(), all(&[&self.status])].concat();
        let instant = |column: &'a Candidates, claim: bool| if claim { token.clone() } else { all(&[column]) };
        let claims = context.token.claims.as_ref();
        let derived = [
            ("auth_scheme", scheme),
            ("proof", proof),
            ("decision", decision.clone()),
            ("violation", [decision, all(&[&self.challenge])].concat()),
            ("token_issued_at", instant(&self.token_issued_at, claims.is_some_and(|claims| claims.issued_at.is_some()))),
            ("token_expires_at", instant(&self.token_expires_at, claims.is_some_and(|claims| claims.expires_at.is_some()))),
        ];
        origins.extend(derived.into_iter().filter(|(_, paths)| !paths.is_empty()).map(|(name, paths)| (name, paths.join(", "))));
        origins
    }

    /// The operation that a document declares and the call is, told by its path, else by the route that was logged.
    fn declared_operation<'a>(&'a self, context: &Context<'a>, api: Option<&str>, method: Option<&str>, route: Option<&str>) -> Option<DeclaredRoute<'a>> {
        let operations = context.operations?;
        let path = self.path.text(context);
        operations.find(api?, method, path.as_deref().or(route)?, route)
    }

    /// Reads the authorization value and API keys, and keeps only what may be known of them.
    fn credential_that_came<'a>(&'a self, context: &mut Context<'a>) -> CredentialThatCame {
        let mut came = CredentialThatCame::default();
        if let Some(value) = self.authorization.text(context) {
            let (scheme, token) = split_authorization(&value);
            came.scheme = Some(scheme);
            if let (Some(token), AuthScheme::Bearer | AuthScheme::Dpop) = (token, scheme) {
                self.read_token(token, context);
                came.token_is_jwt = context.token.claims.is_some();
            }
        }
        let key = self.api_key.text(context).or_else(|| self.query_key(context).map(Cow::Owned));
        if let Some(key) = key {
            came.has_api_key = true;
            if !token::is_masked(&key) {
                context.token.api_key_reference = Some(context.digester.reference(key.as_bytes()));
            }
        }
        came
    }

    fn read_token(&self, token: &str, context: &mut Context<'_>) {
        context.token.claims = token::read_jwt(token);
        let has_jti = context.token.claims.as_ref().is_some_and(|claims| claims.jti.is_some());
        let is_readable = context.token.claims.is_some() || !token::is_masked(token);
        if is_readable && !has_jti {
            context.token.token_reference = Some(context.digester.reference(token.as_bytes()));
        }
    }

    /// A key in the query string.
    fn query_key<'a>(&'a self, context: &Context<'a>) -> Option<String> {
        if self.query_keys.is_empty() || !self.query.may_name(&self.query_keys, context) {
            return None;
        }
        let target = self.query.text(context)?;
        let query = target.split_once('?').map_or(target.as_ref(), |(_, query)| query);
        query.split(['&', '#']).find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (self.query_keys.iter().any(|key| key.eq_ignore_ascii_case(name)) && !field::is_absent(value)).then(|| value.to_string())
        })
    }

    fn scheme_of<'a>(&'a self, context: &Context<'a>, came: &CredentialThatCame) -> AuthScheme {
        if let Some(scheme) = came.scheme {
            return scheme;
        }
        if let Some((_, scheme)) = self.scheme.iter().find(|(condition, _)| condition.holds(context)) {
            return *scheme;
        }
        if came.has_api_key {
            return AuthScheme::ApiKey;
        }
        if self.certificate_verified.as_ref().is_some_and(|condition| condition.holds(context)) {
            return AuthScheme::Mtls;
        }
        let would_show = self.shows_authorization.as_ref().is_some_and(|condition| condition.holds(context));
        if would_show { AuthScheme::None } else { AuthScheme::Unknown }
    }

    fn certificate<'a>(&'a self, context: &Context<'a>) -> Certificate {
        let holds = |condition: &'a Option<Condition>| condition.as_ref().is_some_and(|condition| condition.holds(context));
        if holds(&self.certificate_verified) {
            Certificate::Verified
        } else if holds(&self.certificate_absent) || holds(&self.plain_http) {
            Certificate::Absent
        } else {
            Certificate::NotShown
        }
    }

    fn shows_signs<'a>(&'a self, context: &Context<'a>, certificate: Certificate) -> bool {
        let shows_headers = self.shows_headers.as_ref().is_some_and(|condition| condition.holds(context));
        shows_headers && certificate != Certificate::NotShown
    }

    fn confirmation<'a>(&'a self, context: &Context<'a>, came: &CredentialThatCame, certificate: Certificate) -> Confirmation {
        if !came.token_is_jwt {
            if !self.claims_present.as_ref().is_some_and(|condition| condition.holds(context)) {
                return Confirmation::TokenUnreadable;
            }
            let cnf = self.claims_cnf.json(context).map(|text| serde_json::Value::String(text.into_owned()));
            let (jkt, thumbprint) = cnf.as_ref().map(token::confirmation).unwrap_or_default();
            let claims = Claims { cnf_jkt: jkt, cnf_x5t_s256: thumbprint, ..Default::default() };
            return self.confirmation_of(&claims, context, certificate);
        }
        match &context.token.claims {
            Some(claims) => self.confirmation_of(claims, context, certificate),
            None => Confirmation::TokenUnreadable,
        }
    }

    fn confirmation_of<'a>(&'a self, claims: &Claims, context: &Context<'a>, certificate: Certificate) -> Confirmation {
        if claims.cnf_jkt.is_some() {
            return Confirmation::Jkt;
        }
        let Some(thumbprint) = &claims.cnf_x5t_s256 else { return Confirmation::Absent };
        // A digest that came in a header counts only for a certificate that the gateway did not find missing.
        let peer = match certificate {
            Certificate::Absent => None,
            _ => self.certificate_sha256.text(context).and_then(|text| token::sha256_hex(text.trim_start_matches("cert:sha256:"))),
        };
        Confirmation::Thumbprint(match peer {
            None => Peer::NotLogged,
            Some(digest) if digest == *thumbprint => Peer::Equal,
            Some(_) => Peer::Different,
        })
    }

    /// Decision and violation: the gateway's own verdict where the pack knows one, else the status.
    fn verdict<'a>(&'a self, context: &Context<'a>, scheme: AuthScheme, has_credential: bool) -> (Decision, Option<Violation>) {
        let mut decision = Decision::of_status(context.status);
        let mut reason = None;
        let rule = self.verdict.iter().find(|rule| rule.on.is_none_or(|on| on == decision) && rule.when.holds(context));
        if let Some(rule) = rule {
            decision = rule.decision.unwrap_or(decision);
            reason = rule.violation;
        }
        let is_authenticated = !matches!(scheme, AuthScheme::None | AuthScheme::Unknown);
        let challenge = self.challenge.text(context);
        let violation = match decision {
            Decision::Blocked => violation_of(&BlockedCall {
                status: context.status,
                challenge: challenge.as_deref(),
                reason,
                credential_came: is_authenticated || has_credential,
                is_authenticated,
            }),
            Decision::Observed => Some(reason.unwrap_or(Violation::Other)),
            _ => None,
        };
        (decision, violation)
    }
}

#[derive(Default)]
struct CredentialThatCame {
    scheme: Option<AuthScheme>,
    token_is_jwt: bool,
    has_api_key: bool,
}

/// The candidates of a route that make a template of a path, without making one.
fn paths_of(route: &CandidatesFile) -> CandidatesFile {
    let path = |candidate: &CandidateFile| match candidate {
        CandidateFile::Detailed(detail) if detail.template => {
            Some(CandidateFile::Detailed(Box::new(CandidateDetail { template: false, ..(**detail).clone() })))
        }
        _ => None,
    };
    CandidatesFile::Many(route.as_slice().iter().filter_map(path).collect())
}

fn parse_value<T>(text: &Option<String>, parse: impl Fn(&str) -> Option<T>, what: &str) -> Result<Option<T>, String> {
    text.as_ref().map(|text| parse(text).ok_or_else(|| format!("`{text}` is no {what}"))).transpose()
}

fn upper_case(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) { Cow::Owned(text.to_uppercase()) } else { text }
}

fn parse_status(text: &str) -> Option<i16> {
    let whole = text.split('.').next().unwrap_or(text);
    whole.parse::<i16>().ok().filter(|status| (0..=999).contains(status))
}

/// Scheme and credential of an Authorization value, the value possibly masked.
fn split_authorization(value: &str) -> (AuthScheme, Option<&str>) {
    let value = value.trim();
    let (name, rest) = match value.split_once([' ', '\t']) {
        Some((name, rest)) => (name, Some(rest.trim()).filter(|rest| !rest.is_empty())),
        None => (value, None),
    };
    let name = name.trim_end_matches(':');
    let is = |spelling: &&(&str, AuthScheme)| name.eq_ignore_ascii_case(spelling.0);
    (SCHEMES.iter().find(is).map_or(AuthScheme::Unknown, |(_, scheme)| *scheme), rest)
}

/// How Authorization values begin.
const SCHEMES: [(&str, AuthScheme); 7] = [
    ("bearer", AuthScheme::Bearer),
    ("dpop", AuthScheme::Dpop),
    ("basic", AuthScheme::Basic),
    ("signature", AuthScheme::Signature),
    ("aws4-hmac-sha256", AuthScheme::Signature),
    ("apikey", AuthScheme::ApiKey),
    ("api-key", AuthScheme::ApiKey),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_values_give_their_scheme_even_masked() {
        assert_eq!(split_authorization("Bearer ***"), (AuthScheme::Bearer, Some("***")));
        assert_eq!(split_authorization("dpop abc"), (AuthScheme::Dpop, Some("abc")));
        assert_eq!(split_authorization("AWS4-HMAC-SHA256 Credential=x"), (AuthScheme::Signature, Some("Credential=x")));
        assert_eq!(split_authorization("REDACTED"), (AuthScheme::Unknown, None));
    }

    #[test]
    fn a_status_is_a_number_or_not_known() {
        assert_eq!((parse_status("200"), parse_status("0"), parse_status("abc"), parse_status("70000")), (Some(200), Some(0), None, None));
    }
}
