//! Scheme and proof: is there evidence that a credential was tied to its caller (frames.md)?
//!
//! The rules are one pure function of a small, copyable `Evidence`, because part of it may come late: how the IdP bound an
//! opaque token is known only when all sources are read, and the call is then judged again.

closed_list! {
    /// How the caller authenticated.
    pub enum AuthScheme {
        None = "none", Basic = "basic", ApiKey = "api_key", Bearer = "bearer", Dpop = "dpop", Mtls = "mtls",
        Signature = "signature", Session = "session", Unknown = "unknown"
    }
}

closed_list! {
    /// Evidence that the credential was tied to its caller.
    pub enum Proof {
        DpopVerified = "dpop_verified", MtlsBound = "mtls_bound", SignatureVerified = "signature_verified",
        PresentedUnverified = "presented_unverified", BoundDowngraded = "bound_downgraded",
        MtlsTransportOnly = "mtls_transport_only", None = "none", Unknown = "unknown"
    }
}

closed_list! {
    /// How an issued token is constrained, by the IdP's word.
    pub enum Bound { Dpop = "dpop", Mtls = "mtls", None = "none", Unknown = "unknown" }
}

/// What the log shows of a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    Verified,
    /// The log shows that none was presented or that it failed.
    Absent,
    /// The log cannot show certificates.
    NotShown,
}

/// What is known of the token's confirmation claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// The token is opaque, masked or not logged.
    TokenUnreadable,
    /// Claims known, no `cnf`.
    Absent,
    /// `cnf.jkt`.
    Jkt,
    /// `cnf["x5t#S256"]`, against the peer certificate's SHA-256 where that is logged.
    Thumbprint(Peer),
}

/// The peer certificate's SHA-256 against a token's thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Equal,
    Different,
    NotLogged,
}

/// Everything that decides `proof`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    pub scheme: AuthScheme,
    pub is_accepted: bool,
    pub has_dpop_header: bool,
    pub certificate: Certificate,
    pub confirmation: Confirmation,
    /// The log shows headers and TLS client status, or the connection was plain HTTP: no sign of proof means none.
    pub shows_signs: bool,
    /// Source settings `verifies`: an accepted presented proof was verified.
    pub verifies_dpop: bool,
    pub verifies_mtls: bool,
}

/// The proof of a call. `bound` is the IdP's word on an opaque token, if it has one.
pub fn proof_of(evidence: &Evidence, bound: Option<Bound>) -> Proof {
    let proof = if evidence.is_accepted { accepted_proof(evidence, bound) } else { refused_proof(evidence, bound) };
    if proof != Proof::PresentedUnverified || !evidence.is_accepted {
        return proof;
    }
    if evidence.verifies_dpop && (evidence.has_dpop_header || evidence.scheme == AuthScheme::Dpop) {
        Proof::DpopVerified
    } else if evidence.verifies_mtls && evidence.certificate == Certificate::Verified {
        Proof::MtlsBound
    } else {
        proof
    }
}

/// The table of frames.md for an accepted call.
fn accepted_proof(evidence: &Evidence, bound: Option<Bound>) -> Proof {
    match evidence.scheme {
        AuthScheme::Basic | AuthScheme::ApiKey | AuthScheme::Session => transport_only(evidence),
        AuthScheme::Mtls => Proof::MtlsBound,
        AuthScheme::Signature => Proof::SignatureVerified,
        AuthScheme::Dpop if evidence.has_dpop_header => Proof::DpopVerified,
        AuthScheme::Dpop => Proof::PresentedUnverified,
        AuthScheme::Bearer => bearer_proof(evidence, bound),
        AuthScheme::None => Proof::None,
        AuthScheme::Unknown => Proof::Unknown,
    }
}

fn transport_only(evidence: &Evidence) -> Proof {
    if evidence.certificate == Certificate::Verified { Proof::MtlsTransportOnly } else { Proof::None }
}

fn bearer_proof(evidence: &Evidence, bound: Option<Bound>) -> Proof {
    let confirmation = match (evidence.confirmation, bound) {
        (Confirmation::TokenUnreadable, Some(Bound::Dpop)) => Confirmation::Jkt,
        (Confirmation::TokenUnreadable, Some(Bound::Mtls)) => Confirmation::Thumbprint(Peer::NotLogged),
        (Confirmation::TokenUnreadable, Some(Bound::None)) => Confirmation::Absent,
        (known, _) => known,
    };
    match confirmation {
        // RFC 9449 section 7.2: a DPoP-bound token sent as Bearer must be refused.
        Confirmation::Jkt => Proof::BoundDowngraded,
        Confirmation::Thumbprint(peer) => thumbprint_proof(evidence.certificate, peer),
        // A token without `cnf` can be replayed whatever the log shows.
        Confirmation::Absent => transport_only(evidence),
        Confirmation::TokenUnreadable => {
            if evidence.has_dpop_header || evidence.certificate == Certificate::Verified {
                Proof::PresentedUnverified
            } else if evidence.shows_signs {
                Proof::None
            } else {
                Proof::Unknown
            }
        }
    }
}

fn thumbprint_proof(certificate: Certificate, peer: Peer) -> Proof {
    match (certificate, peer) {
        (Certificate::Absent, _) => Proof::BoundDowngraded,
        (_, Peer::Equal) => Proof::MtlsBound,
        (_, Peer::Different) => Proof::BoundDowngraded,
        (Certificate::Verified, Peer::NotLogged) => Proof::PresentedUnverified,
        (Certificate::NotShown, Peer::NotLogged) => Proof::Unknown,
    }
}

/// A call that was not accepted: as if it had been, but nothing was verified for it.
fn refused_proof(evidence: &Evidence, bound: Option<Bound>) -> Proof {
    match accepted_proof(evidence, bound) {
        Proof::DpopVerified | Proof::MtlsBound | Proof::SignatureVerified | Proof::BoundDowngraded => {
            let proof_came = evidence.has_dpop_header || evidence.certificate == Certificate::Verified;
            let signed = evidence.scheme == AuthScheme::Signature;
            if proof_came || signed { Proof::PresentedUnverified } else { Proof::None }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEARER: Evidence = Evidence {
        scheme: AuthScheme::Bearer,
        is_accepted: true,
        has_dpop_header: false,
        certificate: Certificate::Absent,
        confirmation: Confirmation::TokenUnreadable,
        shows_signs: true,
        verifies_dpop: false,
        verifies_mtls: false,
    };

    #[test]
    fn bearer_tokens_by_their_claims() {
        let with = |confirmation, certificate| proof_of(&Evidence { confirmation, certificate, ..BEARER }, None);
        assert_eq!(with(Confirmation::Jkt, Certificate::Absent), Proof::BoundDowngraded);
        assert_eq!(with(Confirmation::Thumbprint(Peer::Equal), Certificate::Verified), Proof::MtlsBound);
        assert_eq!(with(Confirmation::Thumbprint(Peer::Different), Certificate::Verified), Proof::BoundDowngraded);
        assert_eq!(with(Confirmation::Thumbprint(Peer::NotLogged), Certificate::Absent), Proof::BoundDowngraded);
        assert_eq!(with(Confirmation::Thumbprint(Peer::NotLogged), Certificate::Verified), Proof::PresentedUnverified);
        assert_eq!(with(Confirmation::Thumbprint(Peer::NotLogged), Certificate::NotShown), Proof::Unknown);
        assert_eq!(with(Confirmation::Absent, Certificate::Verified), Proof::MtlsTransportOnly);
        assert_eq!(with(Confirmation::Absent, Certificate::Absent), Proof::None);
        assert_eq!(with(Confirmation::Absent, Certificate::NotShown), Proof::None);
    }

    #[test]
    fn opaque_tokens_by_their_signs_or_by_the_issuer() {
        let opaque = |bound, has_dpop_header, shows_signs| proof_of(&Evidence { has_dpop_header, shows_signs, ..BEARER }, bound);
        assert_eq!(opaque(None, true, true), Proof::PresentedUnverified);
        assert_eq!(opaque(None, false, true), Proof::None);
        assert_eq!(opaque(None, false, false), Proof::Unknown);
        assert_eq!(opaque(Some(Bound::Dpop), true, true), Proof::BoundDowngraded);
        assert_eq!(opaque(Some(Bound::Mtls), false, true), Proof::BoundDowngraded);
        assert_eq!(opaque(Some(Bound::None), false, false), Proof::None);
        assert_eq!(opaque(Some(Bound::Unknown), false, false), Proof::Unknown);
    }

    #[test]
    fn a_refused_call_verified_nothing() {
        let refused = Evidence { is_accepted: false, ..BEARER };
        assert_eq!(proof_of(&Evidence { confirmation: Confirmation::Jkt, ..refused }, None), Proof::None);
        assert_eq!(proof_of(&Evidence { scheme: AuthScheme::Dpop, has_dpop_header: true, ..refused }, None), Proof::PresentedUnverified);
        assert_eq!(proof_of(&Evidence { scheme: AuthScheme::Signature, ..refused }, None), Proof::PresentedUnverified);
        assert_eq!(proof_of(&Evidence { scheme: AuthScheme::Mtls, certificate: Certificate::Verified, ..refused }, None), Proof::PresentedUnverified);
    }

    #[test]
    fn a_source_that_verifies_says_so_in_its_settings() {
        let presented = Evidence { has_dpop_header: true, verifies_dpop: true, ..BEARER };
        assert_eq!(proof_of(&presented, None), Proof::DpopVerified);
        assert_eq!(proof_of(&Evidence { is_accepted: false, ..presented }, None), Proof::PresentedUnverified);
    }
}
