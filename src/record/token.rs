//! Where secrets end: tokens, keys and fingerprints -> claims and references that may be written anywhere.
//!
//! Nothing that enters this module as a secret leaves it except as a digest. Claims of a JWT are read unverified: the
//! gateway's verdict stands (frames.md).

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Base64 readers that take padding or leave it.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

/// A token or key with fewer distinct characters than this was masked by the source (mappings.md, Kong).
const MIN_DISTINCT_CHARACTERS: u32 = 16;

/// Turns secrets into references; with a configured key every digest is an HMAC of the SHA-256.
#[derive(Clone, Default)]
pub struct Digester {
    key: Option<Vec<u8>>,
}

impl Digester {
    /// `key`: the configured hash key, if any.
    pub fn new(key: Option<Vec<u8>>) -> Self {
        Digester { key }
    }

    /// Tells keys apart without telling them.
    pub fn fingerprint(&self) -> String {
        self.key.as_ref().map_or_else(String::new, |_| self.reference(b"credlens: which key is this?"))
    }

    /// `token:sha256:<hex>` of a raw secret.
    pub fn reference(&self, secret: &[u8]) -> String {
        self.reference_of_digest(&Sha256::digest(secret).into())
    }

    /// The reference of a secret whose SHA-256 the source already logs (GitHub's `hashed_token`).
    pub fn reference_of_digest(&self, digest: &[u8; 32]) -> String {
        let digest = match &self.key {
            None => *digest,
            Some(key) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
                mac.update(digest);
                mac.finalize().into_bytes().into()
            }
        };
        const KIND: &str = "token:sha256:";
        let mut reference = String::with_capacity(KIND.len() + 2 * digest.len());
        reference.push_str(KIND);
        push_hex(&digest, &mut reference);
        reference
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    push_hex(bytes, &mut out);
    out
}

fn push_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[(byte >> 4) as usize] as char);
        out.push(DIGITS[(byte & 15) as usize] as char);
    }
}

/// A SHA-256 in any spelling (hex with or without colons, base64, base64url) as lower-case hex.
pub fn sha256_hex(text: &str) -> Option<String> {
    digest_of(text).map(|digest| hex(&digest))
}

/// The 32 bytes of a SHA-256 in any spelling.
pub fn digest_of(text: &str) -> Option<[u8; 32]> {
    let is_compact = |c: char| c != ':' && !c.is_whitespace();
    let compact = if text.chars().all(is_compact) { Cow::Borrowed(text) } else { Cow::Owned(text.chars().filter(|c| is_compact(*c)).collect()) };
    digest_of_hex(compact.as_bytes()).or_else(|| digest_of_base64(&compact))
}

fn digest_of_hex(text: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| (pair[at] as char).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(digest)
}

/// The 32 bytes of a base64 or base64url SHA-256.
pub fn digest_of_base64(text: &str) -> Option<[u8; 32]> {
    let bytes = BASE64.decode(text).or_else(|_| BASE64URL.decode(text)).ok()?;
    bytes.try_into().ok()
}

/// `cert:sha256:<hex>` of a PEM certificate (URL-encoded or with escaped newlines allowed): SHA-256 of its DER.
pub fn certificate_reference(pem: &str) -> Option<String> {
    let decoded = percent_decode(pem);
    let body = decoded.split("-----BEGIN CERTIFICATE-----").nth(1)?.split("-----END CERTIFICATE-----").next()?;
    let compact: String = body.replace("\\n", "").chars().filter(|c| !c.is_whitespace()).collect();
    let der = BASE64.decode(compact).ok()?;
    Some(format!("cert:sha256:{}", hex(&Sha256::digest(der))))
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// True when the source masked the value (`***`, `REDACTED`): it identifies nothing.
pub fn is_masked(secret: &str) -> bool {
    let mut seen = [0u64; 4];
    for byte in secret.bytes() {
        seen[(byte >> 6) as usize] |= 1 << (byte & 63);
    }
    seen.iter().map(|word| word.count_ones()).sum::<u32>() < MIN_DISTINCT_CHARACTERS
}

/// What an unverified JWT says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    pub client: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub issued_at: Option<i64>,
    pub expires_at: Option<i64>,
    pub jti: Option<String>,
    /// `cnf.jkt`: the thumbprint of a DPoP key (RFC 9449 section 6.1).
    pub cnf_jkt: Option<String>,
    /// `cnf["x5t#S256"]` as lower-case hex (RFC 8705 section 3.1).
    pub cnf_x5t_s256: Option<String>,
}

/// Reads the claims of a whole JWT: three base64url parts, the last may be empty, header and payload JSON objects.
pub fn read_jwt(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !signature.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'=') {
        return None;
    }
    let header: serde_json::Value = serde_json::from_slice(&BASE64URL.decode(header).ok()?).ok()?;
    let payload: serde_json::Value = serde_json::from_slice(&BASE64URL.decode(payload).ok()?).ok()?;
    (header.is_object() && payload.is_object()).then(|| Claims::from_json(&payload))
}

impl Claims {
    /// Claims from a decoded payload, or from the claims that a gateway logs as an object.
    pub fn from_json(payload: &serde_json::Value) -> Claims {
        let text = |name: &str| payload.get(name).and_then(scalar_text);
        let seconds = |name: &str| text(name).and_then(|value| super::time::parse(&value, super::time::TimeForm::EpochS, chrono_tz::Tz::UTC));
        let (cnf_jkt, cnf_x5t_s256) = payload.get("cnf").map(confirmation).unwrap_or_default();
        Claims {
            client: ["client_id", "cid", "azp", "appid", "sub"].iter().find_map(|name| text(name)),
            scopes: payload.get("scope").and_then(scope_list).or_else(|| payload.get("scp").and_then(scope_list)),
            issued_at: seconds("iat"),
            expires_at: seconds("exp"),
            jti: text("jti"),
            cnf_jkt,
            cnf_x5t_s256,
        }
    }
}

/// `jkt` and `x5t#S256` of a confirmation claim, given as an object or as JSON in a string.
pub fn confirmation(cnf: &serde_json::Value) -> (Option<String>, Option<String>) {
    let parsed;
    let cnf = match cnf {
        serde_json::Value::String(text) => {
            parsed = serde_json::from_str(text).unwrap_or(serde_json::Value::Null);
            &parsed
        }
        other => other,
    };
    let jkt = cnf.get("jkt").and_then(scalar_text);
    let thumbprint = cnf.get("x5t#S256").and_then(scalar_text);
    // A thumbprint in no known spelling still says that the token is bound: keep it, it can equal nothing.
    (jkt, thumbprint.map(|text| sha256_hex(&text).unwrap_or(text)))
}

fn scalar_text(value: &serde_json::Value) -> Option<String> {
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!super::field::is_absent(&text)).then_some(text)
}

fn scope_list(value: &serde_json::Value) -> Option<Vec<String>> {
    match value {
        serde_json::Value::String(text) if super::field::is_absent(text) => None,
        serde_json::Value::String(text) => Some(super::scope::split(text)),
        serde_json::Value::Array(items) => Some(super::scope::normalise(items.iter().filter_map(scalar_text))),
        _ => None,
    }
}

/// Kinds that a reference `kind:value` may have (frames.md).
pub const REFERENCE_KINDS: [&str; 10] = ["key", "kid", "jti", "token", "cert", "app", "session", "okta", "kong", "oauth"];

/// A credential named in a ticket or configuration: a reference of a known kind stays, anything else is taken for a raw
/// secret and becomes its digest. `token:` and `cert:` are references only before a digest, an id or a serial number:
/// what else follows them may be the secret itself, and is digested without the prefix so that it joins with calls.
pub fn reference_or_digest(text: &str, digester: &Digester) -> String {
    if is_reference(text) {
        return normalise_reference(text, digester);
    }
    digester.reference(text.strip_prefix("token:").unwrap_or(text).as_bytes())
}

fn is_reference(text: &str) -> bool {
    match text.split_once(':') {
        Some(("token", value)) => value.starts_with("id:") || value.strip_prefix("sha256:").is_some_and(|digest| sha256_hex(digest).is_some()),
        Some(("cert", value)) => ["sha256:", "sha1:", "serial:"].iter().any(|kind| value.starts_with(kind)),
        Some((kind, value)) => !value.is_empty() && REFERENCE_KINDS.contains(&kind),
        None => false,
    }
}

/// Spells the digest of a reference as lower-case hex; a token's digest is keyed like every other.
pub fn normalise_reference(reference: &str, digester: &Digester) -> String {
    if let Some(digest) = reference.strip_prefix("token:sha256:").and_then(digest_of) {
        return digester.reference_of_digest(&digest);
    }
    match reference.strip_prefix("cert:sha256:").and_then(sha256_hex) {
        Some(hex) => format!("cert:sha256:{hex}"),
        None => reference.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_digest_in_three_spellings_is_one_reference() {
        let digest: [u8; 32] = Sha256::digest(b"abc").into();
        let expected = hex(&digest);
        let colons: Vec<String> = digest.iter().map(|b| format!("{b:02X}")).collect();
        assert_eq!(sha256_hex(&colons.join(":")), Some(expected.clone()));
        assert_eq!(sha256_hex(&base64::engine::general_purpose::STANDARD.encode(digest)), Some(expected.clone()));
        assert_eq!(sha256_hex(&base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)), Some(expected.clone()));
        assert_eq!(Digester::default().reference(b"abc"), format!("token:sha256:{expected}"));
    }

    #[test]
    fn a_hash_key_changes_digests_but_keeps_joins() {
        let keyed = Digester::new(Some(b"k".to_vec()));
        assert_ne!(keyed.reference(b"abc"), Digester::default().reference(b"abc"));
        let named_in_a_ticket = Digester::default().reference(b"abc");
        assert_eq!(reference_or_digest(&named_in_a_ticket, &keyed), keyed.reference(b"abc"));
        assert_eq!(keyed.reference(b"abc"), keyed.reference_of_digest(&Sha256::digest(b"abc").into()));
    }

    #[test]
    fn jwt_claims_are_read_with_an_empty_signature_too() {
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(r#"{"azp":"a","scp":["b","a"],"exp":10,"jti":"j","cnf":{"jkt":"t"}}"#));
        let claims = read_jwt(&token).unwrap();
        assert_eq!(claims.client.as_deref(), Some("a"));
        assert_eq!(claims.scopes, Some(vec!["a".to_string(), "b".to_string()]));
        assert_eq!((claims.expires_at, claims.jti.as_deref(), claims.cnf_jkt.as_deref()), (Some(10_000_000), Some("j"), Some("t")));
        assert_eq!(read_jwt("a.b"), None);
        assert_eq!(read_jwt("not.a.jwt"), None);
    }

    #[test]
    fn masked_values_identify_nothing() {
        assert!(is_masked("***"));
        assert!(is_masked("REDACTED"));
        assert!(!is_masked("8f14e45fceea167a5a36dedd4bea2543-XYZ"));
    }

    #[test]
    fn tickets_name_references_or_secrets() {
        let digester = Digester::default();
        assert_eq!(reference_or_digest("jti:abc", &digester), "jti:abc");
        assert!(reference_or_digest("hunter2", &digester).starts_with("token:sha256:"));
        assert_eq!(reference_or_digest("token:hunter2", &digester), digester.reference(b"hunter2"));
        assert!(reference_or_digest("password:hunter2", &digester).starts_with("token:sha256:"));
    }
}
