//! What happened to a call, and why: `decision` and `violation` (frames.md, "Default decision and violation").

closed_list! {
    /// The verdict on one call.
    pub enum Decision { Allowed = "allowed", Blocked = "blocked", Observed = "observed", Failed = "failed", Unknown = "unknown" }
}

closed_list! {
    /// Why a call was blocked or observed.
    pub enum Violation {
        Unauthenticated = "unauthenticated", InvalidCredential = "invalid_credential", ExpiredCredential = "expired_credential",
        RevokedCredential = "revoked_credential", InsufficientScope = "insufficient_scope", ProofFailed = "proof_failed",
        RateLimited = "rate_limited", RequestBlocked = "request_blocked", Other = "other"
    }
}

impl Decision {
    /// The call got through access control.
    pub fn is_accepted(self) -> bool {
        matches!(self, Decision::Allowed | Decision::Observed)
    }

    /// The default for an HTTP status; 0 stands for none sent.
    pub fn of_status(status: i16) -> Decision {
        match status {
            401 | 403 | 407 | 429 | 495 | 496 => Decision::Blocked,
            0 | 499 | 500..=599 => Decision::Failed,
            _ => Decision::Allowed,
        }
    }
}

/// What is known of a blocked call when its reason is looked for.
pub struct BlockedCall<'a> {
    pub status: i16,
    pub challenge: Option<&'a str>,
    /// The gateway's own reason, where the log gives one.
    pub reason: Option<Violation>,
    pub credential_came: bool,
    pub is_authenticated: bool,
}

/// The reason of a blocked call, first that applies; `None` for a DPoP nonce challenge, which is no violation (RFC 9449 section 8).
pub fn violation_of(call: &BlockedCall) -> Option<Violation> {
    match call.challenge.and_then(challenge_reason) {
        Some(ChallengeReason::Nonce) => return None,
        Some(ChallengeReason::Violation(violation)) => return Some(violation),
        None => {}
    }
    if let Some(reason) = call.reason {
        return Some(reason);
    }
    Some(match call.status {
        495 | 496 => Violation::ProofFailed,
        429 => Violation::RateLimited,
        401 if !call.credential_came => Violation::Unauthenticated,
        401 => Violation::InvalidCredential,
        403 if call.is_authenticated => Violation::InsufficientScope,
        403 => Violation::RequestBlocked,
        407 => Violation::Unauthenticated,
        _ => Violation::Other,
    })
}

enum ChallengeReason {
    Nonce,
    Violation(Violation),
}

/// What a `WWW-Authenticate` value says (RFC 6750 section 3.1, RFC 9449 sections 7.1 and 8).
fn challenge_reason(challenge: &str) -> Option<ChallengeReason> {
    let lower = challenge.to_ascii_lowercase();
    let error = parameter(&lower, "error")?;
    Some(match error {
        "use_dpop_nonce" => ChallengeReason::Nonce,
        "invalid_dpop_proof" => ChallengeReason::Violation(Violation::ProofFailed),
        "insufficient_scope" => ChallengeReason::Violation(Violation::InsufficientScope),
        "invalid_token" if has_scheme(&lower, "dpop") => ChallengeReason::Violation(Violation::ProofFailed),
        "invalid_token" => {
            let description = parameter(&lower, "error_description").unwrap_or("");
            if description.contains("expired") {
                ChallengeReason::Violation(Violation::ExpiredCredential)
            } else if description.contains("revoked") {
                ChallengeReason::Violation(Violation::RevokedCredential)
            } else {
                return None;
            }
        }
        _ => return None,
    })
}

/// True when one of the challenges in the header has this scheme.
fn has_scheme(challenge: &str, scheme: &str) -> bool {
    challenge.split(',').any(|part| part.trim_start().split([' ', '\t']).next() == Some(scheme))
}

/// The value of an auth parameter, quoted or not.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(found) = challenge[from..].find(name) {
        let start = from + found;
        let before = challenge[..start].chars().next_back();
        let rest = challenge[start + name.len()..].trim_start();
        if before.is_none_or(|c| c == ' ' || c == ',' || c == '\t') && rest.starts_with('=') {
            let value = rest[1..].trim_start();
            return Some(match value.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
                None => value.split([',', ' ']).next().unwrap_or(value),
            });
        }
        from = start + name.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(status: i16, challenge: &str) -> Option<Violation> {
        let challenge = (!challenge.is_empty()).then_some(challenge);
        violation_of(&BlockedCall { status, challenge, reason: None, credential_came: true, is_authenticated: true })
    }

    #[test]
    fn a_challenge_tells_the_reason_before_the_status_does() {
        assert_eq!(violation(401, r#"DPoP error="use_dpop_nonce", error_description="x""#), None);
        assert_eq!(violation(401, r#"DPoP error="invalid_dpop_proof""#), Some(Violation::ProofFailed));
        assert_eq!(violation(403, r#"Bearer realm="x", error="insufficient_scope""#), Some(Violation::InsufficientScope));
        assert_eq!(violation(401, r#"Bearer realm="x", DPoP error="invalid_token", algs="ES256""#), Some(Violation::ProofFailed));
        assert_eq!(violation(401, r#"Bearer error="invalid_token", error_description="The token has Expired""#), Some(Violation::ExpiredCredential));
        assert_eq!(violation(401, r#"Bearer error=invalid_token, error_description="token was revoked""#), Some(Violation::RevokedCredential));
        assert_eq!(violation(401, r#"Bearer error="invalid_token""#), Some(Violation::InvalidCredential));
    }

    #[test]
    fn statuses_tell_the_rest() {
        assert_eq!(Decision::of_status(404), Decision::Allowed);
        assert_eq!(Decision::of_status(499), Decision::Failed);
        assert_eq!(Decision::of_status(0), Decision::Failed);
        assert_eq!(Decision::of_status(407), Decision::Blocked);
        assert_eq!(violation(495, ""), Some(Violation::ProofFailed));
        assert_eq!(violation(429, ""), Some(Violation::RateLimited));
        let anonymous = BlockedCall { status: 401, challenge: None, reason: None, credential_came: false, is_authenticated: false };
        assert_eq!(violation_of(&anonymous), Some(Violation::Unauthenticated));
        assert_eq!(violation_of(&BlockedCall { status: 403, ..anonymous }), Some(Violation::RequestBlocked));
    }
}
