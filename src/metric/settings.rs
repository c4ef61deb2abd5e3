//! The numbers that metrics lean on, resolved: thresholds, limits, targets, windows. Defaults are those of metrics.md.

use crate::record::time::{MICROS_PER_DAY, MICROS_PER_SECOND};
use std::collections::BTreeMap;

/// Everything a run measures with.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureSettings {
    pub grace_us: i64,
    pub window_us: i64,
    pub dormant_us: i64,
    pub attach_us: i64,
    /// Credential kind -> longest lifetime that counts as short.
    pub ttl_limits_us: BTreeMap<String, i64>,
    pub revoke_target_us: i64,
    /// Severities with a target of their own.
    pub revoke_targets_us: BTreeMap<String, i64>,
    pub over_privileged_percent: i64,
    pub scope_known_percent: i64,
    pub no_evidence_percent: i64,
    pub dominant_percent: i64,
    pub rate_limited_counts: bool,
    /// Metric id -> target, where the configuration overrides the definition's.
    pub targets: BTreeMap<String, f64>,
    pub exception_days: i64,
}

/// Kinds whose credentials are secrets, with their default limit of 90 days.
pub const SECRET_KINDS: [&str; 5] = ["client_secret", "api_key", "certificate", "service_account_key", "personal_access_token"];
/// Kinds whose credentials are tokens, with their default limits: RFC 6750 section 5.3 for access tokens, 12 h, 24 h.
pub const TOKEN_KINDS: [(&str, i64); 3] = [("access_token", 3_600), ("session", 43_200), ("refresh_token", 86_400)];

impl Default for MeasureSettings {
    fn default() -> Self {
        let secrets = SECRET_KINDS.iter().map(|kind| (kind.to_string(), 90 * MICROS_PER_DAY));
        let tokens = TOKEN_KINDS.iter().map(|(kind, seconds)| (kind.to_string(), seconds * MICROS_PER_SECOND));
        MeasureSettings {
            grace_us: 300 * MICROS_PER_SECOND,
            window_us: 90 * MICROS_PER_DAY,
            dormant_us: 90 * MICROS_PER_DAY,
            attach_us: 7 * MICROS_PER_DAY,
            ttl_limits_us: secrets.chain(tokens).collect(),
            revoke_target_us: 24 * 3_600 * MICROS_PER_SECOND,
            revoke_targets_us: BTreeMap::from([("critical".to_string(), 4 * 3_600 * MICROS_PER_SECOND)]),
            over_privileged_percent: 40,
            scope_known_percent: 95,
            no_evidence_percent: 5,
            dominant_percent: 50,
            rate_limited_counts: false,
            targets: BTreeMap::new(),
            exception_days: 90,
        }
    }
}

impl MeasureSettings {
    /// The thresholds by the names that definitions give them, as readers see them.
    pub fn thresholds(&self) -> BTreeMap<&'static str, String> {
        let span = |micros: i64| crate::units::DurationSeconds(micros as f64 / MICROS_PER_SECOND as f64).to_string();
        let limit = |kind: &str| self.ttl_limits_us.get(kind).map_or_else(String::new, |micros| span(*micros));
        let percent = |value: i64| format!("{value}%");
        let own: Vec<String> = self.revoke_targets_us.iter().map(|(severity, micros)| format!("{} for severity {severity}", span(*micros))).collect();
        let secrets: Vec<String> = SECRET_KINDS.iter().map(|kind| limit(kind)).collect();
        let secrets = if secrets.iter().all(|limit| *limit == secrets[0]) { secrets[0].clone() } else { secrets.join(", ") };
        BTreeMap::from([
            ("grace", span(self.grace_us)),
            ("scope use window", span(self.window_us)),
            ("dormancy window", span(self.dormant_us)),
            ("exposure window", span(self.attach_us)),
            ("exception lifetime", span(self.exception_days * MICROS_PER_DAY)),
            ("target time to revoke", [vec![span(self.revoke_target_us)], own].concat().join(", ")),
            ("access token lifetime", limit("access_token")),
            ("session and refresh token lifetime", format!("{}, {}", limit("session"), limit("refresh_token"))),
            ("secret lifetime", secrets),
            ("over-privileged above", percent(self.over_privileged_percent)),
            ("scopes known for at least", percent(self.scope_known_percent)),
            ("missing evidence at most", percent(self.no_evidence_percent)),
            ("dominant above", percent(self.dominant_percent)),
            ("rate limiting violates", if self.rate_limited_counts { "yes" } else { "no" }.to_string()),
        ])
    }
}
