//! Seeded generator of a coherent, made-up estate: one organisation's gateway logs, IdP events, tickets and inventories.
//!
//! The same identities, credentials and incidents run through Kong, AWS API Gateway, the Okta System Log, the GitHub audit
//! log, Jira, GitHub secret scanning and the inventories. What was planted is written, with ids, instants and counts, into
//! the README.md of the estate. Same arguments, same bytes. It refuses to hold a real secret: every token, key and
//! certificate is derived from the seed and its signature is noise.
//!
//! Build and run (std only, no cargo needed):
//! `rustc --edition 2024 -O examples/estate.rs -o /tmp/estate && /tmp/estate sample-data/estate`
//!
//! Reading order: the cast (APIS, PEOPLE, FLOWS), the background traffic (`sessions_of_day`), then the `plant_*`
//! functions, each of which says what it plants. Encodings and the writers of native formats stand in between.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

const USAGE: &str = "usage: estate OUT_DIR [--calls N] [--seed S] [--year 2026] [--quarters 3] [--malformed] [--hostile]";
/// First line of the README; an earlier estate is recognised by it.
const README_TITLE: &str = "# A made-up estate";
const MS_PER_SECOND: i64 = 1_000;
const MS_PER_MINUTE: i64 = 60 * MS_PER_SECOND;
const MS_PER_HOUR: i64 = 60 * MS_PER_MINUTE;
const MS_PER_DAY: i64 = 24 * MS_PER_HOUR;
/// At and below this size the estate holds the cast alone and one file per month.
const SMALL_ESTATE_CALLS: u64 = 4_000;
/// Above this size logs are cut by day instead of by month.
const DAILY_FILES_ABOVE_CALLS: u64 = 100_000;

// ---------------------------------------------------------------------------------------------------------------------
// Encodings
// ---------------------------------------------------------------------------------------------------------------------

const SHA256_K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74,
    0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d,
    0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
    0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
    0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// SHA-256 (FIPS 180-4).
fn sha256(message: &[u8]) -> [u8; 32] {
    let mut state: [u32; 8] = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        sha256_block(&mut state, block);
    }
    let mut digest = [0; 32];
    for (out, word) in digest.chunks_exact_mut(4).zip(state) {
        out.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

fn sha256_block(state: &mut [u32; 8], block: &[u8]) {
    let mut words = [0u32; 64];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for i in 16..64 {
        let (a, b) = (words[i - 15], words[i - 2]);
        let small0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
        let small1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
        words[i] = words[i - 16].wrapping_add(small0).wrapping_add(words[i - 7]).wrapping_add(small1);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for i in 0..64 {
        let big1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let t1 = h.wrapping_add(big1).wrapping_add(choice).wrapping_add(SHA256_K[i]).wrapping_add(words[i]);
        let big0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(t1), c, b, a, t1.wrapping_add(big0.wrapping_add(majority)));
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(add);
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[(b >> 4) as usize] as char, DIGITS[(b & 15) as usize] as char]).collect()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64_with(alphabet: &[u8; 64], pad: bool, bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | *byte as u32) << (8 * (3 - chunk.len()));
        for i in 0..chunk.len() + 1 {
            out.push(alphabet[(word >> (18 - 6 * i) & 63) as usize] as char);
        }
        if pad {
            out.extend(std::iter::repeat_n('=', 3 - chunk.len()));
        }
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    base64_with(BASE64, true, bytes)
}

fn base64url(bytes: &[u8]) -> String {
    base64_with(BASE64URL, false, bytes)
}

/// A gzip member made of stored (uncompressed) deflate blocks: real gzip framing without a compressor.
fn gzip_stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut chunks = data.chunks(65_535).peekable();
    while let Some(chunk) = chunks.next() {
        out.push(chunks.peek().is_none() as u8);
        out.extend_from_slice(&(chunk.len() as u16).to_le_bytes());
        out.extend_from_slice(&(!(chunk.len() as u16)).to_le_bytes());
        out.extend_from_slice(chunk);
    }
    out.extend_from_slice(&crc32(data).to_le_bytes());
    out.extend_from_slice(&(data.len() as u32).to_le_bytes());
    out
}

fn crc32(data: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256u32).map(|n| (0..8).fold(n, |c, _| if c & 1 == 1 { 0xedb88320 ^ (c >> 1) } else { c >> 1 })).collect();
    !data.iter().fold(!0u32, |crc, byte| table[((crc ^ *byte as u32) & 255) as usize] ^ (crc >> 8))
}

/// One DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    match body.len() {
        n @ 0..128 => out.push(n as u8),
        n @ 128..256 => out.extend([0x81, n as u8]),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(body);
    out
}

/// A structurally valid X.509 certificate (EC P-256) whose key and signature are noise derived from `label`.
fn certificate(seed: u64, common_name: &str) -> Vec<u8> {
    let noise = |part: &str| digest(seed, &format!("cert/{common_name}/{part}"));
    let oid_cn = der(0x06, &[&[0x55, 4, 3]]);
    let ecdsa_sha256 = der(0x30, &[&der(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]])]);
    let name = |cn: &str| der(0x30, &[&der(0x31, &[&der(0x30, &[&oid_cn, &der(0x0c, &[cn.as_bytes()])])])]);
    let validity = der(0x30, &[&der(0x17, &[b"251101000000Z"]), &der(0x17, &[b"271101000000Z"])]);
    let curve = der(0x30, &[&der(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]]), &der(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]])]);
    let key = der(0x30, &[&curve, &der(0x03, &[&[0, 4], &noise("x"), &noise("y")])]);
    let serial = der(0x02, &[&[0x4a], &noise("serial")[..15]]);
    let version = der(0xa0, &[&der(0x02, &[&[2]])]);
    let body = der(0x30, &[&version, &serial, &ecdsa_sha256, &name("Acme Demo Issuing CA"), &validity, &name(common_name), &key]);
    let integer = |part: &str| der(0x02, &[&[0x4b], &noise(part)[..31]]);
    let signature = der(0x03, &[&[0], &der(0x30, &[&integer("r"), &integer("s")])]);
    der(0x30, &[&body, &ecdsa_sha256, &signature])
}

fn pem(certificate: &[u8]) -> String {
    let text = base64(certificate);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", lines.join("\n"))
}

// ---------------------------------------------------------------------------------------------------------------------
// Chance and names derived from the seed
// ---------------------------------------------------------------------------------------------------------------------

/// xorshift64*.
struct Rng(u64);

impl Rng {
    fn new(seed: u64) -> Self {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| _ = rng.next());
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// In `0..bound`.
    fn below(&mut self, bound: u64) -> u64 {
        ((self.next() >> 32) * bound) >> 32
    }

    /// In `0.0..1.0`.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        out
    }

    fn uuid(&mut self) -> String {
        uuid_of(&self.bytes::<16>())
    }
}

/// A digest that depends on the seed and a label alone, whatever was drawn before.
fn digest(seed: u64, label: &str) -> [u8; 32] {
    sha256(format!("credlens estate/{seed}/{label}").as_bytes())
}

fn uuid_of(bytes: &[u8]) -> String {
    let h = hex(&bytes[..16]);
    format!("{}-{}-4{}-a{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..32])
}

fn base62_of(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    bytes.iter().map(|b| DIGITS[(b % 62) as usize] as char).collect()
}

// ---------------------------------------------------------------------------------------------------------------------
// Instants: milliseconds since 1970, UTC
// ---------------------------------------------------------------------------------------------------------------------

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    ms: i64,
}

/// Days since 1970 of a proleptic Gregorian date (Howard Hinnant, days_from_civil).
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse (civil_from_days).
fn civil(at: i64) -> Civil {
    let (days, in_day) = (at.div_euclid(MS_PER_DAY) + 719_468, at.rem_euclid(MS_PER_DAY));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Civil {
        year: year_of_era + era * 400 + (month <= 2) as i64,
        month,
        day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
        hour: in_day / MS_PER_HOUR,
        minute: in_day / MS_PER_MINUTE % 60,
        second: in_day / MS_PER_SECOND % 60,
        ms: in_day % MS_PER_SECOND,
    }
}

fn date(at: i64) -> String {
    let c = civil(at);
    format!("{:04}-{:02}-{:02}", c.year, c.month, c.day)
}

/// `2026-02-05T06:00:11.008Z`
fn rfc3339(at: i64) -> String {
    let c = civil(at);
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", c.year, c.month, c.day, c.hour, c.minute, c.second, c.ms)
}

/// `2026-02-05T06:00:11Z`
fn rfc3339_seconds(at: i64) -> String {
    let text = rfc3339(at);
    format!("{}Z", &text[..19])
}

/// Jira's spelling, offset without a colon: `2026-02-05T08:00:11.008+0200`.
fn jira_time(at: i64, offset_hours: i64) -> String {
    let local = rfc3339(at + offset_hours * MS_PER_HOUR);
    format!("{}{}{:02}00", &local[..23], if offset_hours < 0 { '-' } else { '+' }, offset_hours.abs())
}

/// Common log format: `05/Feb/2026:06:00:11 +0000`.
fn clf(at: i64) -> String {
    let c = civil(at);
    format!("{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000", c.day, MONTHS[c.month as usize - 1], c.year, c.hour, c.minute, c.second)
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON, written straight into a string
// ---------------------------------------------------------------------------------------------------------------------

/// Appends an escaped JSON string. `slash`: escape `/` as `\/`, as lua-cjson does.
fn push_json(out: &mut String, text: &str, slash: bool) {
    out.push('"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        let is_plain = byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != 0x7f && !(slash && byte == b'/');
        if is_plain {
            continue;
        }
        out.push_str(&text[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'/' => out.push_str("\\/"),
            control => out.push_str(&format!("\\u{control:04x}")),
        }
    }
    out.push_str(&text[written..]);
    out.push('"');
}

fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_json(&mut out, text, false);
    out
}

/// An object being written; keys come out in call order.
struct Obj<'a> {
    out: &'a mut String,
    slash: bool,
    is_empty: bool,
}

fn object(out: &mut String, slash: bool, fill: impl FnOnce(&mut Obj)) {
    out.push('{');
    fill(&mut Obj { out, slash, is_empty: true });
    out.push('}');
}

impl Obj<'_> {
    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.out.push(',');
        }
        self.is_empty = false;
        push_json(self.out, key, self.slash);
        self.out.push(':');
    }

    fn str(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        push_json(self.out, value, self.slash);
        self
    }

    /// A string, or null.
    fn opt(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.str(key, value),
            None => self.raw(key, "null"),
        }
    }

    fn int(&mut self, key: &str, value: i64) -> &mut Self {
        self.raw(key, &value.to_string())
    }

    /// A number, spelt as a string where `quoted`.
    fn number(&mut self, key: &str, value: i64, quoted: bool) -> &mut Self {
        if quoted { self.str(key, &value.to_string()) } else { self.int(key, value) }
    }

    /// Ready JSON.
    fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        self.key(key);
        self.out.push_str(json);
        self
    }

    fn obj(&mut self, key: &str, fill: impl FnOnce(&mut Obj)) -> &mut Self {
        self.key(key);
        object(self.out, self.slash, fill);
        self
    }

    fn strings(&mut self, key: &str, values: &[&str]) -> &mut Self {
        self.key(key);
        self.out.push('[');
        for (i, value) in values.iter().enumerate() {
            if i > 0 {
                self.out.push(',');
            }
            push_json(self.out, value, self.slash);
        }
        self.out.push(']');
        self
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The cast: who calls what, and how
// ---------------------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gateway {
    Kong,
    Aws,
    Github,
}

/// How callers of a flow authenticate; shares of DPoP are per quarter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FlowAuth {
    /// JWT access tokens; so many percent of sessions use DPoP, the rest are plain bearer.
    Jwt([u8; 3]),
    /// JWT bound to a client certificate (`x5t#S256`), which is presented.
    MtlsBoundJwt,
    /// Plain JWT over a connection with a verified client certificate.
    JwtOverMtls,
    /// The Authorization value is masked by the gateway.
    Masked,
    Opaque,
    ApiKey,
    Signature,
    /// A client certificate and nothing else.
    Certificate,
    AwsApiKey,
    GithubToken,
}

struct ApiRow {
    name: &'static str,
    gateway: Gateway,
    path: &'static str,
    owner: &'static str,
    environment: &'static str,
    criticality: &'static str,
    is_external: bool,
    declared_proof: &'static str,
    required_scopes: &'static str,
}

#[rustfmt::skip]
const APIS: &[ApiRow] = &[
    ApiRow { name: "payments-api", gateway: Gateway::Kong, path: "/payments", owner: "team-payments", environment: "prod", criticality: "critical", is_external: false, declared_proof: "optional",
        required_scopes: "GET /payments=payments.read|POST /payments=payments.write" },
    ApiRow { name: "orders-api", gateway: Gateway::Kong, path: "/orders", owner: "team-orders", environment: "prod", criticality: "high", is_external: false, declared_proof: "required",
        required_scopes: "GET /orders=orders.read|POST /orders=orders.write" },
    ApiRow { name: "ledger-api", gateway: Gateway::Kong, path: "/ledger", owner: "team-finance", environment: "prod", criticality: "critical", is_external: false, declared_proof: "required", required_scopes: "" },
    ApiRow { name: "identity-api", gateway: Gateway::Kong, path: "/profiles", owner: "team-identity", environment: "prod", criticality: "high", is_external: false, declared_proof: "optional", required_scopes: "" },
    ApiRow { name: "catalog-api", gateway: Gateway::Kong, path: "/catalog", owner: "team-shop", environment: "prod", criticality: "low", is_external: false, declared_proof: "none", required_scopes: "" },
    ApiRow { name: "inventory-api", gateway: Gateway::Kong, path: "/stock", owner: "team-logistics", environment: "prod", criticality: "medium", is_external: false, declared_proof: "none", required_scopes: "" },
    ApiRow { name: "partner-orders-api", gateway: Gateway::Kong, path: "/partner/orders", owner: "team-partners", environment: "prod", criticality: "high", is_external: true, declared_proof: "required", required_scopes: "" },
    ApiRow { name: "reports-api", gateway: Gateway::Kong, path: "/reports", owner: "team-data", environment: "prod", criticality: "medium", is_external: false, declared_proof: "none", required_scopes: "" },
    ApiRow { name: "agent-tools-api", gateway: Gateway::Kong, path: "/tools", owner: "team-ai", environment: "prod", criticality: "high", is_external: false, declared_proof: "optional", required_scopes: "" },
    ApiRow { name: "claims-service", gateway: Gateway::Aws, path: "/claims", owner: "team-claims", environment: "prod", criticality: "high", is_external: false, declared_proof: "none",
        required_scopes: "GET /claims/{id}=claims.read|POST /claims=claims.write" },
    ApiRow { name: "policy-documents", gateway: Gateway::Aws, path: "/documents", owner: "team-claims", environment: "prod", criticality: "critical", is_external: false, declared_proof: "required", required_scopes: "" },
    ApiRow { name: "q7w8e9r0t1/prod", gateway: Gateway::Aws, path: "/quotes", owner: "team-partners", environment: "prod", criticality: "medium", is_external: true, declared_proof: "none", required_scopes: "" },
    ApiRow { name: "fx-rates", gateway: Gateway::Aws, path: "/rates", owner: "team-finance", environment: "staging", criticality: "low", is_external: false, declared_proof: "optional", required_scopes: "" },
    ApiRow { name: "api.github.com", gateway: Gateway::Github, path: "", owner: "team-platform", environment: "prod", criticality: "medium", is_external: true, declared_proof: "none", required_scopes: "" },
];

struct PersonRow {
    id: &'static str,
    kind: &'static str,
    owner: &'static str,
    owner_status: &'static str,
    created: &'static str,
    /// Kong consumer username.
    consumer: &'static str,
    /// Has an Okta client (`0oa…`) or, for humans, an Okta user (`00u…`).
    has_okta: bool,
    other_alias: &'static str,
}

#[rustfmt::skip]
const PEOPLE: &[PersonRow] = &[
    PersonRow { id: "svc-checkout", kind: "workload", owner: "team-payments", owner_status: "active", created: "2024-03-04", consumer: "checkout", has_okta: true, other_alias: "spiffe://acme.example/ns/prod/sa/checkout" },
    PersonRow { id: "svc-billing", kind: "workload", owner: "team-payments", owner_status: "active", created: "2024-03-04", consumer: "billing", has_okta: true, other_alias: "CN=billing.acme.example,O=Acme Demo" },
    PersonRow { id: "svc-ledger-sync", kind: "workload", owner: "team-finance", owner_status: "active", created: "2024-05-14", consumer: "ledger-sync", has_okta: true, other_alias: "" },
    PersonRow { id: "svc-settlement", kind: "workload", owner: "team-finance", owner_status: "active", created: "2024-05-14", consumer: "settlement", has_okta: true, other_alias: "" },
    PersonRow { id: "svc-warehouse", kind: "workload", owner: "team-logistics", owner_status: "active", created: "2023-11-20", consumer: "warehouse", has_okta: false, other_alias: "" },
    PersonRow { id: "svc-storefront", kind: "workload", owner: "team-shop", owner_status: "active", created: "2024-01-09", consumer: "storefront", has_okta: true, other_alias: "" },
    PersonRow { id: "svc-search-indexer", kind: "workload", owner: "team-shop", owner_status: "active", created: "2024-01-09", consumer: "search-indexer", has_okta: false, other_alias: "" },
    PersonRow { id: "svc-report-builder", kind: "workload", owner: "team-data", owner_status: "active", created: "2024-08-01", consumer: "", has_okta: true, other_alias: "" },
    PersonRow { id: "svc-claims-intake", kind: "workload", owner: "team-claims", owner_status: "active", created: "2024-09-16", consumer: "", has_okta: true, other_alias: "CN=claims-intake.acme.example,O=Acme Demo" },
    PersonRow { id: "svc-policy-archive", kind: "workload", owner: "team-claims", owner_status: "active", created: "2024-09-16", consumer: "", has_okta: true, other_alias: "CN=policy-archive.acme.example,O=Acme Demo" },
    PersonRow { id: "svc-fx-poller", kind: "workload", owner: "team-finance", owner_status: "active", created: "2025-02-03", consumer: "", has_okta: false, other_alias: "CN=fx-poller.acme.example,O=Acme Demo" },
    PersonRow { id: "svc-legacy-batch", kind: "workload", owner: "team-logistics", owner_status: "active", created: "2021-06-30", consumer: "legacy-batch", has_okta: false, other_alias: "" },
    PersonRow { id: "svc-exporter", kind: "workload", owner: "p.ferrante@acme.example", owner_status: "departed", created: "2022-02-11", consumer: "exporter", has_okta: true, other_alias: "" },
    PersonRow { id: "svc-nightly-sync", kind: "workload", owner: "human-h-osei", owner_status: "active", created: "2022-10-03", consumer: "nightly-sync", has_okta: true, other_alias: "" },
    PersonRow { id: "svc-mailer", kind: "workload", owner: "", owner_status: "unknown", created: "2022-12-01", consumer: "mailer", has_okta: true, other_alias: "" },
    PersonRow { id: "svc-old-gateway", kind: "workload", owner: "team-identity", owner_status: "active", created: "2020-04-22", consumer: "old-gateway", has_okta: true, other_alias: "" },
    PersonRow { id: "svc-new-pricing", kind: "workload", owner: "team-shop", owner_status: "active", created: "2026-08-25", consumer: "", has_okta: true, other_alias: "" },
    PersonRow { id: "agent-support-copilot", kind: "ai_agent", owner: "team-ai", owner_status: "active", created: "2025-06-17", consumer: "", has_okta: true, other_alias: "" },
    PersonRow { id: "agent-claims-triage", kind: "ai_agent", owner: "team-ai", owner_status: "active", created: "2025-09-01", consumer: "", has_okta: true, other_alias: "" },
    PersonRow { id: "agent-research", kind: "ai_agent", owner: "team-ai", owner_status: "active", created: "2025-10-20", consumer: "", has_okta: true, other_alias: "" },
    PersonRow { id: "agent-codegen", kind: "ai_agent", owner: "team-platform", owner_status: "active", created: "2025-11-05", consumer: "", has_okta: false, other_alias: "acme-codegen|Codegen Agent" },
    PersonRow { id: "partner-fastship", kind: "partner", owner: "team-partners", owner_status: "active", created: "2023-07-07", consumer: "fastship", has_okta: false, other_alias: "" },
    PersonRow { id: "partner-insureco", kind: "partner", owner: "team-partners", owner_status: "active", created: "2023-08-15", consumer: "", has_okta: false, other_alias: "" },
    PersonRow { id: "partner-tradeline", kind: "partner", owner: "team-partners", owner_status: "active", created: "2023-08-15", consumer: "tradeline", has_okta: false, other_alias: "" },
    PersonRow { id: "partner-northwind", kind: "partner", owner: "team-partners", owner_status: "active", created: "2025-01-13", consumer: "", has_okta: false, other_alias: "" },
    PersonRow { id: "human-a-lindqvist", kind: "human", owner: "team-data", owner_status: "active", created: "2021-09-13", consumer: "a.lindqvist", has_okta: true, other_alias: "alindqvist|a.lindqvist@acme.example" },
    PersonRow { id: "human-m-kowalski", kind: "human", owner: "team-platform", owner_status: "active", created: "2022-03-01", consumer: "m.kowalski", has_okta: true, other_alias: "mkowalski|m.kowalski@acme.example" },
    PersonRow { id: "human-h-osei", kind: "human", owner: "team-identity", owner_status: "active", created: "2020-01-20", consumer: "", has_okta: true, other_alias: "h.osei@acme.example" },
];
/// Seen in the gateway log and nowhere else.
const UNLISTED: PersonRow = PersonRow {
    id: "tmp-loadtest",
    kind: "unknown",
    owner: "",
    owner_status: "unknown",
    created: "",
    consumer: "tmp-loadtest",
    has_okta: false,
    other_alias: "",
};

struct FlowRow(&'static str, &'static str, FlowAuth, &'static str, f64, i64, &'static str, &'static str);

/// identity, API, how, scopes, weight, token lifetime in seconds, first day, last day (excluded).
#[rustfmt::skip]
const FLOWS: &[FlowRow] = &[
    FlowRow("svc-checkout", "payments-api", FlowAuth::Jwt([0, 60, 100]), "payments.read payments.write", 10.0, 3_600, "", ""),
    FlowRow("svc-billing", "payments-api", FlowAuth::Jwt([0, 50, 100]), "payments.read payments.refund", 6.0, 3_600, "", ""),
    FlowRow("agent-support-copilot", "payments-api", FlowAuth::Jwt([0, 80, 100]), "payments.read", 2.0, 900, "01-03", ""),
    FlowRow("svc-checkout", "orders-api", FlowAuth::Jwt([100, 100, 100]), "orders.read orders.write", 6.0, 3_600, "", ""),
    FlowRow("svc-storefront", "orders-api", FlowAuth::Jwt([0, 0, 0]), "orders.read", 4.0, 3_600, "", ""),
    FlowRow("agent-support-copilot", "orders-api", FlowAuth::Jwt([100, 100, 100]), "orders.read", 3.0, 900, "", ""),
    FlowRow("svc-exporter", "orders-api", FlowAuth::Jwt([0, 0, 0]), "orders.admin", 2.0, 28_800, "", ""),
    FlowRow("svc-billing", "ledger-api", FlowAuth::MtlsBoundJwt, "ledger.read", 3.0, 3_600, "", ""),
    FlowRow("svc-ledger-sync", "ledger-api", FlowAuth::MtlsBoundJwt, "ledger.post ledger.read", 6.0, 3_600, "", ""),
    FlowRow("svc-settlement", "ledger-api", FlowAuth::MtlsBoundJwt, "ledger.post", 3.0, 3_600, "", ""),
    FlowRow("svc-mailer", "identity-api", FlowAuth::JwtOverMtls, "profiles.read", 3.0, 3_600, "", ""),
    FlowRow("svc-nightly-sync", "identity-api", FlowAuth::JwtOverMtls, "profiles.read profiles.write", 4.0, 7_200, "", ""),
    FlowRow("svc-old-gateway", "identity-api", FlowAuth::JwtOverMtls, "profiles.read", 2.0, 3_600, "", "06-12"),
    FlowRow("svc-search-indexer", "catalog-api", FlowAuth::Masked, "catalog.read", 5.0, 3_600, "", ""),
    FlowRow("svc-storefront", "catalog-api", FlowAuth::Masked, "catalog.read", 5.0, 3_600, "", ""),
    FlowRow("tmp-loadtest", "catalog-api", FlowAuth::Masked, "catalog.read", 2.0, 3_600, "08-03", "08-29"),
    FlowRow("svc-warehouse", "inventory-api", FlowAuth::ApiKey, "", 6.0, 0, "", ""),
    FlowRow("partner-tradeline", "inventory-api", FlowAuth::ApiKey, "", 4.0, 0, "", ""),
    FlowRow("svc-legacy-batch", "inventory-api", FlowAuth::ApiKey, "", 2.0, 0, "", "03-10"),
    FlowRow("partner-fastship", "partner-orders-api", FlowAuth::Signature, "", 5.0, 0, "", ""),
    FlowRow("svc-report-builder", "reports-api", FlowAuth::Jwt([0, 0, 0]), "*", 4.0, 604_800, "", ""),
    FlowRow("human-a-lindqvist", "reports-api", FlowAuth::Opaque, "reports.read", 2.0, 0, "", ""),
    FlowRow("human-m-kowalski", "reports-api", FlowAuth::Opaque, "reports.read", 1.5, 0, "", ""),
    FlowRow("agent-support-copilot", "agent-tools-api", FlowAuth::Jwt([100, 100, 100]), "tools.invoke", 3.0, 900, "", ""),
    FlowRow("agent-claims-triage", "agent-tools-api", FlowAuth::Jwt([100, 100, 100]), "tools.invoke", 3.0, 900, "", ""),
    FlowRow("agent-research", "agent-tools-api", FlowAuth::Jwt([0, 100, 100]), "research.query", 3.0, 86_400, "", ""),
    FlowRow("svc-claims-intake", "claims-service", FlowAuth::Jwt([0, 0, 0]), "claims.read claims.write", 8.0, 900, "", ""),
    FlowRow("agent-claims-triage", "claims-service", FlowAuth::Jwt([0, 0, 0]), "claims.read", 3.0, 900, "", ""),
    FlowRow("svc-policy-archive", "policy-documents", FlowAuth::MtlsBoundJwt, "documents.read", 4.0, 3_600, "", ""),
    FlowRow("svc-claims-intake", "policy-documents", FlowAuth::MtlsBoundJwt, "documents.read", 1.5, 900, "", ""),
    FlowRow("partner-insureco", "q7w8e9r0t1/prod", FlowAuth::AwsApiKey, "", 5.0, 0, "", ""),
    FlowRow("partner-northwind", "q7w8e9r0t1/prod", FlowAuth::AwsApiKey, "", 3.0, 0, "", ""),
    FlowRow("svc-fx-poller", "fx-rates", FlowAuth::Certificate, "", 4.0, 0, "", ""),
    FlowRow("agent-codegen", "api.github.com", FlowAuth::GithubToken, "repo,read:org", 5.0, 0, "", ""),
    FlowRow("human-a-lindqvist", "api.github.com", FlowAuth::GithubToken, "read:org,public_repo", 2.0, 0, "", ""),
];

struct Api {
    name: String,
    gateway: Gateway,
    path: String,
    owner: String,
    environment: String,
    criticality: String,
    is_external: bool,
    declared_proof: String,
    required_scopes: String,
    /// Kong's `service` and `route` objects, ready to be written: plain, with `\/`, and lean with `\/`.
    service_json: [String; 3],
    route_json: [String; 3],
    /// AWS `apiId`.
    aws_id: String,
}

struct Identity {
    id: String,
    kind: String,
    owner: String,
    owner_status: String,
    created: String,
    is_listed: bool,
    consumer: Option<String>,
    consumer_id: String,
    /// Okta client or user id.
    okta: Option<String>,
    aliases: Vec<String>,
    /// DPoP key: JWK coordinates and RFC 7638 thumbprint.
    jwk: (String, String),
    jkt: String,
    certificate_name: String,
    certificate_pem: String,
    certificate_sha256: [u8; 32],
    address: String,
    user_agent: String,
}

struct Flow {
    who: usize,
    api: usize,
    auth: FlowAuth,
    scopes: String,
    weight: f64,
    ttl_s: i64,
    from: i64,
    until: i64,
    /// The long-lived secret of key flows.
    secret: Rc<str>,
}

/// A JWT access token.
struct Token {
    jti: String,
    who: usize,
    scopes: String,
    issued_at: i64,
    expires_at: i64,
    binding: Binding,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Binding {
    Nothing,
    Dpop,
    Certificate,
}

/// What a call presents.
#[derive(Clone)]
enum Credential {
    Nothing,
    Bearer(Rc<Token>),
    /// Scheme `DPoP`, with or without the proof header.
    Dpop(Rc<Token>, bool),
    Opaque(Rc<str>),
    Masked(&'static str),
    ApiKey(Rc<str>),
    Basic,
    Signature,
    Certificate,
    AwsApiKey(Rc<str>),
    GithubToken(Rc<str>),
}

/// A masked Authorization value that does not even show its scheme: `auth_scheme` is unknown.
const MASK_WITHOUT_SCHEME: &str = "REDACTED";

/// What the log shows of client certificates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tls {
    /// TLS ended before the gateway: the log cannot show certificates.
    Hidden,
    NoCertificate,
    /// Verified, with its SHA-256 logged; `Foreign` is somebody else's.
    Own,
    Foreign,
    /// Verified, SHA-256 not logged.
    Unnamed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accepted,
    NotFound,
    Unprocessable,
    Failed(u16),
    /// WAF rule in count mode.
    Counted,
    RateLimited,
    QuotaExceeded,
    NoCredential,
    BadKey,
    Expired,
    Revoked,
    ScopeMissing,
    NonceWanted,
    BadProof,
    ProofMissing,
    BindingMismatch,
    AddressDenied,
    WafBlocked,
    DeniedUpstream,
}

impl Outcome {
    fn status(self, method: &str) -> u16 {
        match self {
            Outcome::Accepted | Outcome::Counted => {
                if method == "POST" {
                    201
                } else {
                    200
                }
            }
            Outcome::NotFound => 404,
            Outcome::Unprocessable => 422,
            Outcome::Failed(status) => status,
            Outcome::RateLimited | Outcome::QuotaExceeded => 429,
            Outcome::ScopeMissing | Outcome::AddressDenied | Outcome::WafBlocked | Outcome::DeniedUpstream => 403,
            _ => 401,
        }
    }

    fn is_accepted(self) -> bool {
        matches!(self, Outcome::Accepted | Outcome::NotFound | Outcome::Unprocessable | Outcome::Counted)
    }

    fn is_failed(self) -> bool {
        matches!(self, Outcome::Failed(_))
    }

    /// The `WWW-Authenticate` challenge of Kong, by what was presented.
    fn challenge(self, credential: &Credential) -> Option<String> {
        let scheme = if matches!(credential, Credential::Dpop(..)) { "DPoP algs=\"ES256\"" } else { "Bearer realm=\"acme\"" };
        let error = |scheme: &str, code: &str, text: &str| Some(format!("{scheme}, error=\"{code}\", error_description=\"{text}\""));
        match (self, credential) {
            (Outcome::NoCredential, _) => Some("Bearer realm=\"acme\"".into()),
            (Outcome::BadKey | Outcome::Revoked, Credential::ApiKey(_)) => Some("Key realm=\"kong\"".into()),
            (Outcome::BadKey, Credential::Signature) => Some("Signature realm=\"partners\", headers=\"(request-target) date\"".into()),
            (Outcome::BadKey, _) => error(scheme, "invalid_token", "The access token is malformed"),
            (Outcome::Expired, _) => error(scheme, "invalid_token", "The access token expired"),
            (Outcome::Revoked, _) => error("Bearer realm=\"acme\"", "invalid_token", "The access token was revoked"),
            (Outcome::ScopeMissing, _) => error(scheme, "insufficient_scope", "The request requires higher privileges"),
            (Outcome::NonceWanted, _) => error("DPoP algs=\"ES256\"", "use_dpop_nonce", "Resource server requires nonce in DPoP proof"),
            (Outcome::BadProof, _) => error("DPoP algs=\"ES256\"", "invalid_dpop_proof", "DPoP proof: htu does not match"),
            (Outcome::BindingMismatch, _) => error("DPoP algs=\"ES256\"", "invalid_token", "Proof key does not match cnf.jkt"),
            (Outcome::ProofMissing, Credential::Basic) => Some("Signature realm=\"partners\", headers=\"(request-target) date\"".into()),
            (Outcome::ProofMissing, _) => error("DPoP algs=\"ES256\"", "invalid_token", "Sender-constrained token required"),
            _ => None,
        }
    }

    /// `error.responseType` and `error.message` of AWS API Gateway.
    fn aws_error(self) -> (&'static str, &'static str) {
        match self {
            Outcome::NoCredential => ("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token"),
            Outcome::BadKey => ("INVALID_API_KEY", "Forbidden"),
            Outcome::Expired => ("EXPIRED_TOKEN", "The incoming token has expired"),
            Outcome::Revoked => ("UNAUTHORIZED", "Unauthorized"),
            Outcome::ScopeMissing | Outcome::ProofMissing | Outcome::DeniedUpstream => ("ACCESS_DENIED", "User is not authorized to access this resource"),
            Outcome::RateLimited => ("THROTTLED", "Too Many Requests"),
            Outcome::QuotaExceeded => ("QUOTA_EXCEEDED", "Limit Exceeded"),
            Outcome::WafBlocked => ("WAF_FILTERED", "Forbidden"),
            Outcome::Failed(504) => ("INTEGRATION_TIMEOUT", "Endpoint request timed out"),
            Outcome::Failed(_) => ("INTEGRATION_FAILURE", "Internal server error"),
            _ => ("-", "-"),
        }
    }

    fn aws_status(self, method: &str) -> u16 {
        match self {
            Outcome::NoCredential | Outcome::BadKey | Outcome::Expired | Outcome::ProofMissing => 403,
            other => other.status(method),
        }
    }
}

/// One call, before it is written in the format of its gateway.
#[derive(Clone)]
struct Call {
    at: i64,
    api: usize,
    who: Option<usize>,
    credential: Credential,
    scopes: Rc<str>,
    tls: Tls,
    method: &'static str,
    outcome: Outcome,
}

/// The evidence class that frames.md gives a call: what the generator means it to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Constrained,
    Replayable,
    Downgraded,
    NoEvidence,
}

impl Call {
    fn has_certificate(&self) -> bool {
        matches!(self.tls, Tls::Own | Tls::Foreign | Tls::Unnamed)
    }

    /// The proof of an accepted call (frames.md, "How auth_scheme and proof are decided").
    fn proof_if_accepted(&self) -> Proof {
        match &self.credential {
            Credential::Signature | Credential::Certificate => Proof::Constrained,
            Credential::Dpop(_, has_proof) => {
                if *has_proof {
                    Proof::Constrained
                } else {
                    Proof::NoEvidence
                }
            }
            Credential::Bearer(token) => match (token.binding, self.tls) {
                (Binding::Dpop, _) => Proof::Downgraded,
                (Binding::Certificate, Tls::Own) => Proof::Constrained,
                (Binding::Certificate, Tls::Foreign | Tls::NoCertificate) => Proof::Downgraded,
                (Binding::Certificate, _) => Proof::NoEvidence,
                (Binding::Nothing, _) => Proof::Replayable,
            },
            Credential::Opaque(_) | Credential::Masked(_) if self.has_certificate() || self.tls == Tls::Hidden => Proof::NoEvidence,
            _ => Proof::Replayable,
        }
    }

    /// Blocked for want of proof: what makes a constrained API's enforcement `proven`.
    fn is_blocked_for_want_of_proof(&self, gateway: Gateway) -> bool {
        let says_proof = gateway == Gateway::Kong
            && self
                .outcome
                .challenge(&self.credential)
                .is_some_and(|text| text.contains("invalid_dpop_proof") || (text.starts_with("DPoP") && text.contains("invalid_token")));
        let is_replayable_scheme = match &self.credential {
            Credential::Basic | Credential::ApiKey(_) | Credential::Opaque(_) | Credential::AwsApiKey(_) => !self.has_certificate(),
            Credential::Masked(_) => self.tls == Tls::NoCertificate,
            Credential::GithubToken(_) => true,
            Credential::Bearer(token) => !self.has_certificate() || (token.binding == Binding::Nothing && self.tls == Tls::NoCertificate),
            _ => false,
        };
        let hides_token = gateway == Gateway::Aws
            && match self.credential {
                Credential::AwsApiKey(_) => self.outcome == Outcome::BadKey,
                _ => matches!(self.outcome, Outcome::Expired | Outcome::Revoked | Outcome::NoCredential | Outcome::WafBlocked),
            };
        let is_limit = matches!(self.outcome, Outcome::RateLimited | Outcome::QuotaExceeded);
        !self.outcome.is_accepted() && !self.outcome.is_failed() && !is_limit && (says_proof || (is_replayable_scheme && !hides_token))
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Building the cast
// ---------------------------------------------------------------------------------------------------------------------

impl Api {
    fn new(seed: u64, row: &ApiRow) -> Self {
        let id = |part: &str| uuid_of(&digest(seed, &format!("{part}/{}", row.name)));
        let spellings = |write: &dyn Fn(&mut Obj, bool)| {
            [(false, false), (true, false), (true, true)].map(|(slash, is_lean)| {
                let mut out = String::new();
                object(&mut out, slash, |o| write(o, is_lean));
                out
            })
        };
        let service_json = spellings(&|o, is_lean| {
            o.str("id", &id("service")).str("name", row.name).str("host", &format!("{}.svc.acme.example", row.name));
            o.int("port", 8080).str("protocol", "http");
            if is_lean {
                return;
            }
            o.int("retries", 5).int("connect_timeout", 60_000);
            o.int("read_timeout", 60_000).int("write_timeout", 60_000).int("created_at", 1_735_689_600).int("updated_at", 1_751_328_000);
        });
        let route_json = spellings(&|o, is_lean| {
            o.str("id", &id("route")).str("name", &format!("{}-route", row.name)).strings("paths", &[row.path]);
            o.strings("protocols", &["https"]);
            if is_lean {
                return;
            }
            o.raw("strip_path", "true").raw("preserve_host", "false").int("regex_priority", 0);
            o.int("https_redirect_status_code", 426).obj("service", |s| _ = s.str("id", &id("service")));
            o.int("created_at", 1_735_689_600).int("updated_at", 1_751_328_000);
        });
        Api {
            name: row.name.into(),
            gateway: row.gateway,
            path: row.path.into(),
            owner: row.owner.into(),
            environment: row.environment.into(),
            criticality: row.criticality.into(),
            is_external: row.is_external,
            declared_proof: row.declared_proof.into(),
            required_scopes: row.required_scopes.into(),
            service_json,
            route_json,
            aws_id: row.name.split_once('/').map_or_else(|| base62_of(&digest(seed, row.name)[..10]).to_lowercase(), |(id, _)| id.into()),
        }
    }
}

impl Identity {
    fn new(seed: u64, row: &PersonRow) -> Self {
        let prefix = if row.kind == "human" { "00u" } else { "0oa" };
        let okta = row.has_okta.then(|| format!("{prefix}{}", base62_of(&digest(seed, &format!("okta/{}", row.id))[..17])));
        let key = |axis: &str| base64url(&digest(seed, &format!("jwk/{}/{axis}", row.id)));
        let jwk = (key("x"), key("y"));
        let thumbprint = format!("{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{}\",\"y\":\"{}\"}}", jwk.0, jwk.1);
        let certificate_name = format!("{}.acme.example", row.id.trim_start_matches("svc-"));
        let certificate = certificate(seed, &certificate_name);
        let noise = digest(seed, &format!("client/{}", row.id));
        let consumer = (!row.consumer.is_empty()).then(|| row.consumer.to_string());
        let listed = row.other_alias.split('|').filter(|alias| !alias.is_empty()).map(String::from);
        Identity {
            aliases: okta.iter().cloned().chain(consumer.clone()).chain(listed).collect(),
            id: row.id.into(),
            kind: row.kind.into(),
            owner: row.owner.into(),
            owner_status: row.owner_status.into(),
            created: row.created.into(),
            is_listed: !row.created.is_empty(),
            consumer,
            consumer_id: uuid_of(&digest(seed, &format!("consumer/{}", row.id))),
            okta,
            jwk,
            jkt: base64url(&sha256(thumbprint.as_bytes())),
            certificate_name,
            certificate_pem: pem(&certificate),
            certificate_sha256: sha256(&certificate),
            address: match row.kind {
                "partner" => format!("198.51.100.{}", 1 + noise[0] % 250),
                "human" => format!("203.0.113.{}", 1 + noise[0] % 250),
                _ => format!("10.{}.{}.{}", 40 + noise[0] % 8, noise[1], 1 + noise[2] % 250),
            },
            user_agent: user_agent(row.kind, &noise),
        }
    }
}

fn user_agent(kind: &str, noise: &[u8]) -> String {
    match (kind, noise[3] % 3) {
        ("human", _) => "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0".into(),
        ("ai_agent", _) => format!("acme-agent-runtime/0.{}.{}", noise[4] % 20, noise[5] % 10),
        (_, 0) => format!("python-requests/2.{}.{}", 28 + noise[4] % 5, noise[5] % 4),
        (_, 1) => format!("okhttp/4.{}.0", 9 + noise[4] % 4),
        _ => "Go-http-client/2.0".into(),
    }
}

/// Settings, cast and everything planted.
struct Estate {
    seed: u64,
    year: i64,
    calls: u64,
    is_malformed: bool,
    is_hostile: bool,
    start: i64,
    end: i64,
    apis: Vec<Api>,
    people: Vec<Identity>,
    flows: Vec<Flow>,
    rng: Rng,
    plan: Plan,
    tally: Tally,
}

/// What the `plant_*` functions leave for the writers.
#[derive(Default)]
struct Plan {
    calls: Vec<Call>,
    okta: Vec<(i64, String)>,
    github: Vec<(i64, String)>,
    /// Broken lines for the Kong and Okta logs: file family, instant, text, what is wrong.
    broken: Vec<(&'static str, i64, String, &'static str)>,
    tickets: Vec<Ticket>,
    alerts: Vec<Alert>,
    grants: Vec<Grant>,
    exceptions: Vec<Exception>,
    facts: Vec<(&'static str, String)>,
}

struct Grant {
    identity: String,
    scope: String,
    api: String,
    granted_at: String,
    removed_at: String,
    source: &'static str,
}

struct Exception {
    id: &'static str,
    control: &'static str,
    api: &'static str,
    identity: &'static str,
    reason: &'static str,
    owner: &'static str,
    approved_at: String,
    expires_at: String,
    compensating_control: &'static str,
}

/// Counts of what was emitted, by API and quarter.
#[derive(Default, Clone)]
struct ApiCounts {
    calls: u64,
    accepted_authenticated: u64,
    constrained: u64,
    replayable: u64,
    downgraded: u64,
    no_evidence: u64,
    blocked: u64,
    rate_limited: u64,
    failed: u64,
    observed: u64,
    want_of_proof: u64,
}

#[derive(Default)]
struct Tally {
    by_api: BTreeMap<(usize, usize), ApiCounts>,
    /// Tokens issued by quarter: at most 3,600 s, all (TK01).
    tokens: BTreeMap<usize, (u64, u64)>,
    /// Calls that fail an exception's control, by entry and quarter: while it was active, after it ended.
    on_exception: BTreeMap<(usize, usize), (u64, u64)>,
    /// Okta events in both exports of the turn of March.
    okta_copies: u64,
    okta_events: u64,
    github_events: u64,
    background_calls: u64,
    planted_calls: u64,
}

impl Estate {
    fn new(arguments: &Arguments) -> Self {
        let seed = arguments.seed;
        let start = days_of(arguments.year, 1, 1) * MS_PER_DAY;
        let months = arguments.quarters * 3;
        let end = days_of(arguments.year + months / 12, 1 + months % 12, 1) * MS_PER_DAY;
        let mut estate = Estate {
            seed,
            year: arguments.year,
            calls: arguments.calls,
            is_malformed: arguments.is_malformed,
            is_hostile: arguments.is_hostile,
            start,
            end,
            apis: APIS.iter().map(|row| Api::new(seed, row)).collect(),
            people: PEOPLE.iter().chain([&UNLISTED]).map(|row| Identity::new(seed, row)).collect(),
            flows: Vec::new(),
            rng: Rng::new(seed),
            plan: Plan::default(),
            tally: Tally::default(),
        };
        for row in FLOWS {
            estate.add_core_flow(row);
        }
        estate.add_extras();
        if estate.is_hostile {
            estate.add_hostile();
        }
        estate.add_key_aliases();
        estate
    }

    fn add_core_flow(&mut self, row: &FlowRow) {
        let &FlowRow(who, api, auth, scopes, weight, ttl_s, from, until) = row;
        let day = |text: &str, default: i64| if text.is_empty() { default } else { self.at(&format!("{text} 00:00:00")) };
        let (from, until) = (day(from, self.start), day(until, self.end));
        let (who, api) = (self.person(who), self.api(api));
        self.add_flow(who, api, auth, scopes, weight, ttl_s, from, until);
    }

    #[allow(clippy::too_many_arguments)]
    fn add_flow(&mut self, who: usize, api: usize, auth: FlowAuth, scopes: &str, weight: f64, ttl_s: i64, from: i64, until: i64) {
        let secret = self.secret(
            match auth {
                FlowAuth::AwsApiKey => "aws",
                FlowAuth::GithubToken => "pat",
                FlowAuth::Opaque => "opaque",
                _ => "key",
            },
            &format!("{}/{}", self.people[who].id, self.apis[api].name),
        );
        self.flows.push(Flow { who, api, auth, scopes: scopes.into(), weight, ttl_s, from, until, secret });
    }

    /// A made-up secret: `demo-key-…`, `demo-opaque-…`, `demo-pat-…`; for `aws` the public id of an API key.
    fn secret(&self, kind: &str, label: &str) -> Rc<str> {
        let noise = digest(self.seed, &format!("secret/{kind}/{label}"));
        match kind {
            "aws" => base62_of(&noise[..10]).to_lowercase().into(),
            _ => format!("demo-{kind}-{}", base62_of(&noise)).into(),
        }
    }

    /// AWS logs name an API key by its id alone: the inventory's alias `key:<id>` leads to the identity.
    fn add_key_aliases(&mut self) {
        for flow in &self.flows {
            if flow.auth == FlowAuth::AwsApiKey {
                self.people[flow.who].aliases.push(format!("key:{}", flow.secret));
            }
        }
    }

    /// The crowd of a large estate: further APIs and identities, 400 and 5,000 in all at three million calls.
    fn add_extras(&mut self) {
        let above = self.calls.saturating_sub(SMALL_ESTATE_CALLS);
        let n_apis = (above / 7_500).min(400 - APIS.len() as u64);
        let n_people = (above / 600).min(5_000 - PEOPLE.len() as u64);
        if n_apis == 0 || n_people == 0 {
            return;
        }
        const DOMAINS: [&str; 12] = ["accounts", "cards", "loans", "kyc", "shipping", "returns", "pricing", "profile", "search", "media", "fraud", "support"];
        let first_api = self.apis.len();
        for i in 0..n_apis as usize {
            let name = format!("{}-{i:03}-api", DOMAINS[i % 12]);
            let row = ApiRow {
                name: name.clone().leak(),
                gateway: if i % 10 == 9 { Gateway::Aws } else { Gateway::Kong },
                path: format!("/{}/v{}/c{i}", DOMAINS[i % 12], 1 + i % 3).leak(),
                owner: "team-crowd",
                environment: if i % 7 == 0 { "staging" } else { "prod" },
                criticality: ["low", "medium", "high", "critical"][i % 4],
                is_external: i % 9 == 0,
                declared_proof: ["none", "optional", "optional", "required"][i % 4],
                required_scopes: "",
            };
            self.apis.push(Api::new(self.seed, &row));
        }
        self.add_crowd(first_api, n_apis, n_people);
    }

    fn add_crowd(&mut self, first_api: usize, n_apis: u64, n_people: u64) {
        let core_weight: f64 = self.flows.iter().map(|flow| flow.weight).sum();
        let share = ((self.calls as f64 / SMALL_ESTATE_CALLS as f64) - 1.0).min(4.0);
        let weights: Vec<f64> = (0..n_people * 2).map(|rank| 1.0 / (rank as f64 + 10.0).powf(0.9)).collect();
        let scale = core_weight * share / weights.iter().sum::<f64>();
        for i in 0..n_people as usize {
            let (kind, name) = [("workload", "svc"), ("ai_agent", "agent"), ("partner", "partner"), ("workload", "job")][i % 4];
            let id: &'static str = format!("{name}-crowd-{i:04}").leak();
            let row = PersonRow {
                id,
                kind,
                owner: if i % 23 == 0 { "" } else { "team-crowd" },
                owner_status: if i % 17 == 0 { "departed" } else { "active" },
                created: "2025-03-03",
                consumer: format!("crowd-{i:04}").leak(),
                has_okta: true,
                other_alias: "",
            };
            let who = self.people.len();
            self.people.push(Identity::new(self.seed, &row));
            for k in 0..2 {
                let nth = self.rng.below(n_apis) as usize;
                let (auth, ttl_s) = crowd_auth(nth);
                let scope = format!("{}.read", self.apis[first_api + nth].name.replace("-api", ""));
                let scopes = if matches!(auth, FlowAuth::ApiKey | FlowAuth::AwsApiKey) { String::new() } else { scope };
                self.add_flow(who, first_api + nth, auth, &scopes, weights[i * 2 + k] * scale, ttl_s, self.start, self.end);
            }
        }
    }

    fn person(&self, id: &str) -> usize {
        self.people.iter().position(|person| person.id == id).unwrap_or_else(|| panic!("no identity {id}"))
    }

    fn api(&self, name: &str) -> usize {
        self.apis.iter().position(|api| api.name == name).unwrap_or_else(|| panic!("no API {name}"))
    }

    /// `MM-DD hh:mm:ss[.mmm]` of the estate's year.
    fn at(&self, text: &str) -> i64 {
        let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().expect("a planted instant is well formed");
        let ms = if text.len() > 14 { number(15..18) } else { 0 };
        let in_day = number(6..8) * MS_PER_HOUR + number(9..11) * MS_PER_MINUTE + number(12..14) * MS_PER_SECOND + ms;
        days_of(self.year, number(0..2), number(3..5)) * MS_PER_DAY + in_day
    }

    /// Quarters since the start, counted from 0.
    fn quarter(&self, at: i64) -> usize {
        let c = civil(at);
        (((c.year - self.year) * 12 + c.month - 1) / 3) as usize
    }

    fn quarter_name(&self, quarter: usize) -> String {
        format!("{}-Q{}", self.year + quarter as i64 / 4, quarter % 4 + 1)
    }
}

/// How the nth crowd API is called: bearer, DPoP, certificate-bound, transport mTLS, API key or AWS.
fn crowd_auth(nth: usize) -> (FlowAuth, i64) {
    match nth % 10 {
        0..3 => (FlowAuth::Jwt([0, 0, 0]), 3_600),
        3 => (FlowAuth::Jwt([0, 50, 100]), 3_600),
        4 | 5 => (FlowAuth::Jwt([100, 100, 100]), 900),
        6 => (FlowAuth::MtlsBoundJwt, 3_600),
        7 => (FlowAuth::JwtOverMtls, 28_800),
        8 => (FlowAuth::ApiKey, 0),
        _ if nth.is_multiple_of(20) => (FlowAuth::AwsApiKey, 0),
        _ => (FlowAuth::Jwt([0, 0, 0]), 900),
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Tokens and proofs
// ---------------------------------------------------------------------------------------------------------------------

impl Estate {
    /// A JWT access token whose `jti` is Okta's `AT.…`; half of the clients carry `client_id` + `scope`, half `cid` + `scp`.
    fn token(&self, label: &str, who: usize, scopes: &str, issued_at: i64, ttl_s: i64, binding: Binding) -> Rc<Token> {
        let person = &self.people[who];
        let noise = digest(self.seed, &format!("token/{label}"));
        let jti = format!("AT.{}", base64url(&noise[..21]));
        let issued_at = issued_at.div_euclid(1_000) * 1_000;
        let expires_at = issued_at + ttl_s * 1_000;
        let client = person.okta.as_deref().unwrap_or(&person.id);
        let mut payload = String::with_capacity(400);
        object(&mut payload, false, |o| {
            o.str("iss", "https://id.acme.example").str("aud", "acme");
            if who.is_multiple_of(2) {
                o.str("cid", client).strings("scp", &scopes.split(' ').collect::<Vec<_>>());
            } else {
                o.str("client_id", client).str("scope", scopes);
            }
            o.str("sub", client).int("iat", issued_at / 1_000).int("exp", expires_at / 1_000).str("jti", &jti);
            match binding {
                Binding::Nothing => {}
                Binding::Dpop => _ = o.obj("cnf", |c| _ = c.str("jkt", &person.jkt)),
                Binding::Certificate => _ = o.obj("cnf", |c| _ = c.str("x5t#S256", &base64url(&person.certificate_sha256))),
            }
        });
        let header = base64url(b"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}");
        let signature = [noise, sha256(&noise)].concat();
        let text = format!("{header}.{}.{}", base64url(payload.as_bytes()), base64url(&signature));
        Rc::new(Token { jti, who, scopes: scopes.into(), issued_at, expires_at, binding, text })
    }

    /// A DPoP proof for one request (RFC 9449 section 4.2); its signature is noise.
    fn dpop_proof(&mut self, token: &Token, method: &str, url: &str, at: i64) -> String {
        let (x, y) = &self.people[token.who].jwk;
        let header = format!("{{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{x}\",\"y\":\"{y}\"}}}}");
        let jti = base64url(&self.rng.bytes::<9>());
        let hash = base64url(&sha256(token.text.as_bytes()));
        let payload = format!("{{\"jti\":\"{jti}\",\"htm\":\"{method}\",\"htu\":\"{url}\",\"iat\":{},\"ath\":\"{hash}\"}}", at / 1_000);
        let signature = self.rng.bytes::<64>();
        format!("{}.{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()), base64url(&signature))
    }
}

/// `token:sha256:<hex>`: how frames.md refers to a raw secret.
fn token_reference(secret: &str) -> String {
    format!("token:sha256:{}", hex(&sha256(secret.as_bytes())))
}

// ---------------------------------------------------------------------------------------------------------------------
// Kong
// ---------------------------------------------------------------------------------------------------------------------

/// The order of top-level keys differs between Kong workers, since Lua tables have none.
const KONG_KEY_ORDERS: [[u8; 12]; 4] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    [8, 4, 0, 10, 2, 5, 1, 6, 9, 3, 7, 11],
    [11, 9, 5, 4, 3, 6, 2, 0, 1, 7, 8, 10],
    [2, 6, 0, 7, 3, 1, 11, 10, 9, 8, 5, 4],
];

/// How one Kong deployment spells its log.
#[derive(Clone, Copy)]
struct KongStyle {
    /// `\/`, as lua-cjson writes; the batching http-log of Kong 2.8 does not.
    slash: bool,
    /// Sizes as strings (Kong up to 2.x).
    quoted_sizes: bool,
    /// Kong 3.x has `request.id`; older ones only a header.
    has_request_id: bool,
    /// `service` and `route` without timeouts and flags, as `custom_fields_by_lua` leaves them.
    is_lean: bool,
    /// The proof header is masked: its presence is all that is known.
    masks_proofs: bool,
}

impl KongStyle {
    /// Which of the ready `service` and `route` objects fits.
    fn spelling(self) -> usize {
        self.slash as usize + self.is_lean as usize
    }
}

const KONG_FILE_LOG: KongStyle = KongStyle { slash: true, quoted_sizes: false, has_request_id: true, is_lean: true, masks_proofs: false };
const KONG_FILE_LOG_OLD: KongStyle = KongStyle { slash: true, quoted_sizes: true, has_request_id: false, is_lean: false, masks_proofs: true };
const KONG_HTTP_LOG: KongStyle = KongStyle { slash: false, quoted_sizes: false, has_request_id: false, is_lean: false, masks_proofs: false };

/// The parts of one Kong record that need chance, drawn before writing.
struct KongDraw {
    request_id: String,
    uri: String,
    proof: Option<String>,
    user_agent: String,
    address: String,
    latency: i64,
    size: i64,
    header_order: usize,
}

impl Estate {
    fn kong_record(&mut self, call: &Call, style: KongStyle) -> String {
        let draw = self.draw_kong(call, style);
        let order = KONG_KEY_ORDERS[self.rng.below(4) as usize];
        let api = &self.apis[call.api];
        let status = call.outcome.status(call.method) as i64;
        let is_upstream = call.outcome.is_accepted() || matches!(call.outcome, Outcome::Failed(_) | Outcome::DeniedUpstream);
        let mut out = String::with_capacity(2_400);
        object(&mut out, style.slash, |o| {
            for key in order {
                match key {
                    0 => {
                        _ = o.obj("latencies", |l| {
                            l.int("request", draw.latency + 3).int("kong", 3).int("proxy", if is_upstream { draw.latency } else { -1 });
                        })
                    }
                    1 => _ = o.raw("service", &api.service_json[style.spelling()]),
                    2 => _ = o.obj("request", |r| self.kong_request(r, call, &draw, style)),
                    3 => _ = o.str("client_ip", &draw.address),
                    4 if is_upstream => {
                        _ = o.raw(
                            "tries",
                            &format!(
                                "[{{\"balancer_latency\":0,\"port\":8080,\"balancer_start\":{},\"ip\":\"10.20.{}.{}\"}}]",
                                call.at + 2,
                                call.api % 250,
                                1 + draw.size % 250
                            ),
                        )
                    }
                    5 => _ = o.obj("response", |r| self.kong_response(r, call, &draw, status, is_upstream, style)),
                    6 => _ = o.raw("route", &api.route_json[style.spelling()]),
                    7 => _ = o.int("started_at", call.at),
                    8 => self.kong_consumer(o, call),
                    9 => self.kong_entity(o, call),
                    10 => _ = o.str("workspace", "6a0c1d5e-77aa-4c0e-a1b2-0e5f4d3c2b1a"),
                    11 if is_upstream && style.has_request_id => _ = o.str("upstream_status", &status.to_string()),
                    _ => {}
                }
            }
        });
        out
    }

    fn draw_kong(&mut self, call: &Call, style: KongStyle) -> KongDraw {
        let uri = match call.method {
            "POST" => self.apis[call.api].path.clone(),
            _ => format!("{}/{}", self.apis[call.api].path, 10_000 + self.rng.below(89_999)),
        };
        let proof = match &call.credential {
            Credential::Dpop(_, true) if style.masks_proofs => Some("REDACTED".into()),
            Credential::Dpop(token, true) => {
                let token = token.clone();
                Some(self.dpop_proof(&token, call.method, &format!("https://gw.acme.example{uri}"), call.at))
            }
            _ => None,
        };
        let (user_agent, address) = match call.who {
            Some(who) => (self.user_agent_of(who), self.people[who].address.clone()),
            None => ("curl/8.5.0".into(), format!("192.0.2.{}", 1 + self.rng.below(250))),
        };
        KongDraw {
            request_id: hex(&self.rng.bytes::<16>()),
            uri,
            proof,
            user_agent,
            address,
            latency: 4 + (self.rng.unit().powi(3) * 300.0) as i64,
            size: 180 + (self.rng.unit().powi(4) * 30_000.0) as i64,
            header_order: self.rng.below(3) as usize,
        }
    }

    fn kong_request(&self, r: &mut Obj, call: &Call, draw: &KongDraw, style: KongStyle) {
        let query = if call.method == "GET" && draw.size % 4 == 0 { "?expand=items" } else { "" };
        if style.has_request_id {
            r.str("id", &draw.request_id);
        }
        r.str("method", call.method).str("uri", &format!("{}{query}", draw.uri));
        r.str("url", &format!("https://gw.acme.example:8443{}{query}", draw.uri));
        r.number("size", 300 + draw.size % 700, style.quoted_sizes);
        r.obj("querystring", |q| {
            if !query.is_empty() {
                q.str("expand", "items");
            }
        });
        r.obj("headers", |h| self.kong_request_headers(h, call, draw, style));
        if call.tls != Tls::Hidden {
            let verify = if call.has_certificate() { "SUCCESS" } else { "NONE" };
            r.obj("tls", |t| _ = t.str("version", "TLSv1.3").str("cipher", "TLS_AES_256_GCM_SHA384").str("client_verify", verify));
        }
    }

    fn kong_request_headers(&self, h: &mut Obj, call: &Call, draw: &KongDraw, style: KongStyle) {
        for key in [[0, 1, 2, 3, 4, 5, 6, 7], [3, 6, 1, 0, 5, 7, 4, 2], [7, 4, 3, 5, 6, 2, 0, 1]][draw.header_order] {
            match key {
                0 => _ = h.str("host", "gw.acme.example"),
                1 => _ = h.str("user-agent", &draw.user_agent),
                2 if call.method == "POST" => _ = h.str("content-type", "application/json"),
                3 => self.kong_credential_header(h, call),
                4 => {
                    if let Some(proof) = &draw.proof {
                        h.str("dpop", proof);
                    }
                }
                5 => self.kong_certificate_header(h, call, draw),
                6 if matches!(call.credential, Credential::Opaque(_) | Credential::Masked(_)) && call.outcome.is_accepted() => {
                    h.str("x-authenticated-scope", &call.scopes);
                }
                7 if !style.has_request_id => {
                    h.str(if style.slash { "kong-request-id" } else { "x-request-id" }, &draw.request_id);
                }
                _ => {}
            }
        }
    }

    fn kong_credential_header(&self, h: &mut Obj, call: &Call) {
        match &call.credential {
            Credential::Bearer(token) => _ = h.str("authorization", &format!("Bearer {}", token.text)),
            Credential::Dpop(token, _) => _ = h.str("authorization", &format!("DPoP {}", token.text)),
            Credential::Opaque(secret) => _ = h.str("authorization", &format!("Bearer {secret}")),
            Credential::Masked(text) => _ = h.str("authorization", text),
            Credential::ApiKey(secret) => _ = h.str("apikey", secret),
            Credential::Basic => _ = h.str("authorization", "Basic REDACTED"),
            Credential::Signature => {
                let noise = base64(&digest(self.seed, &format!("signature/{}", call.at)));
                h.str(
                    "authorization",
                    &format!("Signature keyId=\"fastship-2025\",algorithm=\"hmac-sha256\",headers=\"(request-target) date\",signature=\"{noise}\""),
                );
            }
            _ => {}
        }
    }

    /// Half of the deployments log the peer certificate as a bare digest, half as Envoy's `x-forwarded-client-cert`.
    fn kong_certificate_header(&self, h: &mut Obj, call: &Call, draw: &KongDraw) {
        let digest = match (call.tls, call.who) {
            (Tls::Own, Some(who)) => hex(&self.people[who].certificate_sha256),
            (Tls::Foreign, _) => hex(&sha256(b"somebody else's certificate")),
            _ => return,
        };
        if draw.size % 2 == 0 {
            h.str("x-client-cert-sha256", &digest);
        } else {
            let name = call.who.map_or("unknown", |who| self.people[who].id.as_str());
            h.str(
                "x-forwarded-client-cert",
                &format!("By=spiffe://acme.example/ns/edge/sa/kong;Hash={digest};Subject=\"\";URI=spiffe://acme.example/ns/prod/sa/{name}"),
            );
        }
    }

    fn kong_response(&self, r: &mut Obj, call: &Call, draw: &KongDraw, status: i64, is_upstream: bool, style: KongStyle) {
        r.int("status", status).number("size", draw.size, style.quoted_sizes);
        r.obj("headers", |h| {
            h.str("content-type", "application/json; charset=utf-8").str("via", "1.1 kong/3.9.1").str("connection", "close");
            if let Some(challenge) = call.outcome.challenge(&call.credential) {
                h.str("www-authenticate", &challenge);
            }
            h.str("x-kong-proxy-latency", "3");
            if is_upstream {
                h.str("x-kong-upstream-latency", &draw.latency.to_string());
            }
            if call.outcome == Outcome::RateLimited {
                h.str("retry-after", "27").str("x-ratelimit-remaining-minute", "0");
            }
        });
    }

    /// Kong names a consumer only when the credential was good.
    fn kong_consumer(&self, o: &mut Obj, call: &Call) {
        let Some(who) = self.authenticated(call) else { return };
        let person = &self.people[who];
        if let Some(username) = &person.consumer {
            o.obj("consumer", |c| {
                c.str("id", &person.consumer_id).str("username", username).int("created_at", 1_735_689_600_000).raw("tags", "{}");
            });
        }
    }

    fn kong_entity(&self, o: &mut Obj, call: &Call) {
        let Some(who) = self.authenticated(call) else { return };
        let person = &self.people[who];
        if person.consumer.is_some() {
            let id = self.kong_entity_id(who, call.api);
            o.obj("authenticated_entity", |e| _ = e.str("id", &id).str("consumer_id", &person.consumer_id));
        }
    }

    fn kong_entity_id(&self, who: usize, api: usize) -> String {
        uuid_of(&digest(self.seed, &format!("entity/{}/{}", self.people[who].id, self.apis[api].name)))
    }

    /// Who the gateway knows the caller to be: nobody where it refused the credential itself.
    fn authenticated(&self, call: &Call) -> Option<usize> {
        let knows = call.outcome.is_accepted()
            || matches!(call.outcome, Outcome::Failed(_) | Outcome::RateLimited | Outcome::QuotaExceeded | Outcome::ScopeMissing | Outcome::DeniedUpstream);
        if knows { call.who } else { None }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// AWS API Gateway
// ---------------------------------------------------------------------------------------------------------------------

impl Estate {
    /// One record of `$context` variables: flat dotted keys, or nested objects for some APIs; all values strings.
    fn aws_record(&mut self, call: &Call) -> String {
        let request_id = self.rng.uuid();
        let size = 120 + self.rng.below(9_000);
        let address = call.who.map_or_else(|| "192.0.2.77".to_string(), |who| self.people[who].address.clone());
        let api = &self.apis[call.api];
        let is_nested = matches!(api.name.as_str(), "policy-documents" | "fx-rates");
        let is_counted = call.outcome == Outcome::Counted;
        let mut out = String::with_capacity(1_200);
        object(&mut out, false, |o| {
            o.str("requestId", &request_id).str("ip", &address).str("caller", "-").str("user", "-");
            o.str("requestTime", &clf(call.at));
            if !api.name.contains('/') {
                o.str("requestTimeEpoch", &call.at.to_string());
            }
            o.str("httpMethod", call.method);
            let resource = if call.method == "POST" { api.path.clone() } else { format!("{}/{{id}}", api.path) };
            o.str("resourcePath", &resource);
            o.str("status", &call.outcome.aws_status(call.method).to_string()).str("protocol", "HTTP/1.1");
            o.str("responseLength", &size.to_string());
            o.str("apiId", &api.aws_id).str("stage", "prod").str("domainName", "api.acme.example");
            if !api.name.contains('/') {
                o.str("apiName", &api.name);
            }
            if is_nested {
                self.aws_identity_nested(o, call)
            } else {
                self.aws_identity_flat(o, call)
            }
            let waf = match call.outcome {
                Outcome::WafBlocked => "WAF_BLOCK",
                _ if is_counted => "WAF_COUNT",
                _ => "WAF_ALLOW",
            };
            o.str("wafResponseCode", waf);
            let (kind, message) = call.outcome.aws_error();
            if is_nested {
                o.obj("waf", |w| _ = w.str("status", if is_counted { "COUNT" } else { "200" }));
                o.obj("error", |e| _ = e.str("responseType", kind).str("message", message));
            } else {
                o.str("error.responseType", kind).str("error.message", message);
            }
        });
        out
    }

    /// The token whose claims the authorizer logs: none where it refused the token outright.
    fn aws_claims(call: &Call) -> Option<&Token> {
        match &call.credential {
            Credential::Bearer(token) if !matches!(call.outcome, Outcome::Expired | Outcome::Revoked | Outcome::NoCredential | Outcome::WafBlocked) => {
                Some(token)
            }
            _ => None,
        }
    }

    fn aws_client(&self, token: &Token) -> String {
        let person = &self.people[token.who];
        person.okta.clone().unwrap_or_else(|| person.id.clone())
    }

    fn aws_identity_flat(&self, o: &mut Obj, call: &Call) {
        match Self::aws_claims(call) {
            Some(token) => {
                o.str("authorizer.claims.client_id", &self.aws_client(token)).str("authorizer.claims.scope", &token.scopes);
                o.str("authorizer.claims.jti", &token.jti).str("authorizer.claims.iat", &(token.issued_at / 1_000).to_string());
                o.str("authorizer.claims.exp", &(token.expires_at / 1_000).to_string());
            }
            None => {
                o.str("authorizer.claims.client_id", "-").str("authorizer.claims.scope", "-").str("authorizer.claims.jti", "-");
            }
        }
        o.str("authorizer.principalId", "-");
        let key = match &call.credential {
            Credential::AwsApiKey(key) if call.outcome != Outcome::BadKey => key,
            _ => "-",
        };
        o.str("identity.apiKeyId", key);
    }

    fn aws_identity_nested(&self, o: &mut Obj, call: &Call) {
        o.obj("authorizer", |a| {
            a.str("principalId", "-");
            if let Some(token) = Self::aws_claims(call) {
                a.obj("claims", |c| {
                    c.str("client_id", &self.aws_client(token)).str("scope", &token.scopes).str("jti", &token.jti);
                    c.str("iat", &(token.issued_at / 1_000).to_string()).str("exp", &(token.expires_at / 1_000).to_string());
                    if token.binding == Binding::Certificate {
                        let thumbprint = base64url(&self.people[token.who].certificate_sha256);
                        c.str("cnf", &format!("{{\"x5t#S256\":\"{thumbprint}\"}}"));
                    }
                });
            }
        });
        o.obj("identity", |i| {
            i.str("apiKeyId", "-");
            i.obj("clientCert", |c| match (call.tls, call.who) {
                (Tls::Own, Some(who)) => {
                    let person = &self.people[who];
                    c.str("clientCertPem", &person.certificate_pem).str("subjectDN", &format!("CN={},O=Acme Demo", person.certificate_name));
                    c.str("issuerDN", "CN=Acme Demo Issuing CA").str("serialNumber", &format!("4a:{:02x}", person.certificate_sha256[0]));
                    c.obj("validity", |v| _ = v.str("notBefore", "Nov  1 00:00:00 2025 GMT").str("notAfter", "Nov  1 00:00:00 2027 GMT"));
                }
                _ => _ = c.str("clientCertPem", "-").str("subjectDN", "-").str("serialNumber", "-"),
            });
        });
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Okta System Log
// ---------------------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy)]
enum Actor<'a> {
    /// An OAuth client of the estate.
    Client(usize),
    /// A user of the estate.
    User(usize),
    /// Okta itself, or a rotation job.
    System,
    Address(&'a str),
}

struct Target<'a> {
    id: String,
    kind: &'a str,
    alternate: Option<String>,
    display: &'a str,
    detail: Vec<(&'a str, String)>,
}

impl<'a> Target<'a> {
    fn new(kind: &'a str, id: &str, display: &'a str) -> Self {
        Target { id: id.into(), kind, alternate: None, display, detail: Vec::new() }
    }

    fn with(mut self, key: &'a str, value: String) -> Self {
        self.detail.push((key, value));
        self
    }
}

struct OktaEvent<'a> {
    at: i64,
    kind: &'a str,
    message: &'a str,
    actor: Actor<'a>,
    /// `SUCCESS`, or the result and its reason.
    outcome: (&'a str, Option<&'a str>),
    targets: Vec<Target<'a>>,
    debug: Vec<(&'a str, String)>,
}

/// Key order of the REST API (array exports) and of sorted NDJSON exports.
const OKTA_ORDER_SORTED: [u8; 17] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const OKTA_ORDER_API: [u8; 17] = [0, 2, 4, 1, 5, 6, 8, 9, 11, 12, 3, 7, 14, 15, 16, 10, 13];

impl Estate {
    fn okta_record(&mut self, event: &OktaEvent) -> String {
        let request = base62_of(&self.rng.bytes::<24>());
        let uuid = self.rng.uuid();
        let is_array_month = self.is_okta_array_month(event.at);
        let result = event.outcome.0;
        let mut out = String::with_capacity(2_000);
        object(&mut out, false, |o| {
            for key in if is_array_month { OKTA_ORDER_API } else { OKTA_ORDER_SORTED } {
                match key {
                    0 => self.okta_actor(o, event),
                    1 => _ = o.raw("authenticationContext", "{\"authenticationProvider\":null,\"authenticationStep\":0,\"credentialProvider\":null,\"credentialType\":null,\"externalSessionId\":\"unknown\",\"interface\":null,\"issuer\":null}"),
                    2 => self.okta_client(o, event),
                    3 => _ = o.obj("debugContext", |d| {
                        d.obj("debugData", |data| {
                            for (key, value) in &event.debug {
                                data.str(key, value);
                            }
                            data.str("requestId", &request).str("threatSuspected", "false");
                        });
                    }),
                    4 => _ = o.raw("device", "null"),
                    5 => _ = o.str("displayMessage", event.message),
                    6 => _ = o.str("eventType", event.kind),
                    7 => {
                        let suffix = if result == "FAILURE" { "failure" } else { "success" };
                        o.str("legacyEventType", &format!("{}_{suffix}", event.kind));
                    }
                    8 => _ = o.obj("outcome", |x| _ = x.opt("reason", event.outcome.1).str("result", result)),
                    9 => _ = o.str("published", &rfc3339(event.at)),
                    10 => _ = o.obj("request", |r| _ = r.raw("ipChain", &format!("[{{\"ip\":\"{}\",\"geographicalContext\":null,\"version\":\"V4\",\"source\":null}}]", self.okta_address(event)))),
                    11 => _ = o.raw("securityContext", "{\"asNumber\":64496,\"asOrg\":\"Example Org\",\"domain\":\"example.com\",\"isProxy\":false,\"isp\":\"Example ISP\"}"),
                    12 => _ = o.str("severity", if result == "SUCCESS" { "INFO" } else { "WARN" }),
                    13 => self.okta_targets(o, event),
                    14 => _ = o.obj("transaction", |t| _ = t.raw("detail", "{}").str("id", &request).str("type", "WEB")),
                    15 => _ = o.str("uuid", &uuid),
                    _ => _ = o.str("version", "0"),
                }
            }
        });
        out
    }

    fn okta_actor(&self, o: &mut Obj, event: &OktaEvent) {
        o.obj("actor", |a| match event.actor {
            Actor::Client(who) => {
                let client = self.people[who].okta.as_deref().unwrap_or("unknown");
                a.str("alternateId", client)
                    .raw("detailEntry", "null")
                    .str("displayName", &self.people[who].id)
                    .str("id", client)
                    .str("type", "PublicClientApp");
            }
            Actor::User(who) => {
                let person = &self.people[who];
                let mail = person.aliases.iter().find(|alias| alias.contains('@')).unwrap_or(&person.id);
                a.str("alternateId", mail).raw("detailEntry", "null").str("displayName", &person.id);
                a.str("id", person.okta.as_deref().unwrap_or("unknown")).str("type", "User");
            }
            Actor::System => {
                a.str("alternateId", "system@okta.com")
                    .raw("detailEntry", "null")
                    .str("displayName", "Okta System")
                    .str("id", "okta.000000")
                    .str("type", "SystemPrincipal");
            }
            Actor::Address(address) => {
                a.str("alternateId", "unknown").raw("detailEntry", "null").str("displayName", address).str("id", address).str("type", "IP address");
            }
        });
    }

    fn okta_address<'a>(&'a self, event: &'a OktaEvent) -> &'a str {
        match event.actor {
            Actor::Client(who) | Actor::User(who) => &self.people[who].address,
            Actor::System => "10.0.0.5",
            Actor::Address(address) => address,
        }
    }

    fn okta_client(&self, o: &mut Obj, event: &OktaEvent) {
        let id = match event.actor {
            Actor::Client(who) => self.people[who].okta.as_deref(),
            _ => None,
        };
        let raw = match event.actor {
            Actor::Client(who) | Actor::User(who) => self.people[who].user_agent.as_str(),
            _ => "unknown",
        };
        o.obj("client", |c| {
            c.str("device", "Unknown").raw("geographicalContext", "null");
            c.opt("id", id).str("ipAddress", self.okta_address(event));
            c.obj("userAgent", |u| _ = u.str("browser", "UNKNOWN").str("os", "Linux").str("rawUserAgent", raw));
            c.str("zone", "null");
        });
    }

    fn okta_targets(&self, o: &mut Obj, event: &OktaEvent) {
        let mut json = String::from("[");
        for (i, target) in event.targets.iter().enumerate() {
            if i > 0 {
                json.push(',');
            }
            object(&mut json, false, |t| {
                t.opt("alternateId", target.alternate.as_deref());
                if target.detail.is_empty() {
                    t.raw("detailEntry", "null");
                } else {
                    t.obj("detailEntry", |d| target.detail.iter().for_each(|(key, value)| _ = d.str(key, value)));
                }
                t.str("displayName", target.display).str("id", &target.id).str("type", target.kind);
            });
        }
        json.push(']');
        o.raw("target", &json);
    }

    /// One month is kept as an array export instead of NDJSON.
    fn is_okta_array_month(&self, at: i64) -> bool {
        let c = civil(at);
        c.year == self.year && c.month == 4
    }

    /// The last days of March are in the NDJSON of March and in the array export of April.
    fn is_in_both_okta_exports(&self, at: i64) -> bool {
        let c = civil(at);
        c.year == self.year && c.month == 3 && c.day > 27
    }

    /// `…token.grant.access_token` for a token.
    fn okta_grant_record(&mut self, token: &Token) -> String {
        let quarter = self.quarter(token.issued_at);
        let (short, all) = self.tally.tokens.entry(quarter).or_default();
        *short += (token.expires_at - token.issued_at <= MS_PER_HOUR) as u64;
        *all += 1;
        let grant_kind = if token.who.is_multiple_of(3) { "app.oauth2.token.grant.access_token" } else { "app.oauth2.as.token.grant.access_token" };
        let listed = token.scopes.replace(' ', ", ");
        let hash = base64url(&sha256(token.jti.as_bytes())[..16]);
        let mut debug = vec![
            ("clientAuthType", if token.binding == Binding::Certificate { "tls_client_auth" } else { "private_key_jwt" }.to_string()),
            ("grantType", "client_credentials".into()),
            ("grantedScopes", listed.clone()),
            ("requestUri", "/oauth2/default/v1/token".into()),
            ("requestedScopes", listed),
        ];
        if token.binding == Binding::Dpop {
            debug.insert(1, ("dpopBound", "true".into()));
        }
        let target = Target::new("access_token", &token.jti, "Access Token").with("expires", rfc3339(token.expires_at)).with("hash", hash);
        let event = OktaEvent {
            at: token.issued_at,
            kind: grant_kind,
            message: "OIDC access token is granted",
            actor: Actor::Client(token.who),
            outcome: ("SUCCESS", None),
            targets: vec![target],
            debug,
        };
        self.okta_record(&event)
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// GitHub audit log
// ---------------------------------------------------------------------------------------------------------------------

impl Estate {
    fn github_login(&self, who: usize) -> String {
        let person = &self.people[who];
        person.aliases.iter().find(|alias| !alias.contains(['@', ' ', '.']) && Some(*alias) != person.okta.as_ref()).unwrap_or(&person.id).clone()
    }

    /// One event; keys sorted as the streaming export sorts them. `fields` are ready JSON.
    fn github_record(&mut self, at: i64, action: &str, actor: &str, fields: &[(&str, String)]) -> String {
        let document = base64url(&self.rng.bytes::<16>());
        let actor_id = 10_000 + u32::from_be_bytes(digest(0, actor)[..4].try_into().expect("four bytes")) % 900_000;
        let mut keys: BTreeMap<&str, String> = fields.iter().cloned().collect();
        keys.insert("@timestamp", at.to_string());
        keys.insert("_document_id", json_string(&document));
        keys.insert("action", json_string(action));
        keys.insert("actor", json_string(actor));
        keys.insert("actor_id", actor_id.to_string());
        keys.entry("actor_is_bot").or_insert_with(|| actor.ends_with("[bot]").to_string());
        keys.insert("actor_location", "{\"country_code\":\"SE\"}".into());
        keys.insert("created_at", at.to_string());
        keys.insert("org", "\"acme-demo\"".into());
        keys.insert("org_id", "7010203".into());
        let mut out = String::with_capacity(700);
        object(&mut out, false, |o| keys.iter().for_each(|(key, value)| _ = o.raw(key, value)));
        out
    }

    /// A call of GitHub's API: at once an audit event and a request.
    fn github_call_record(&mut self, call: &Call) -> String {
        const ROUTES: [&str; 4] =
            ["/repos/{owner}/{repo}/pulls", "/repos/{owner}/{repo}/contents/{path}", "/orgs/{org}/members", "/repos/{owner}/{repo}/issues"];
        let who = call.who.expect("a GitHub call has an actor");
        let Credential::GithubToken(secret) = &call.credential else { panic!("a GitHub call has a token") };
        let mut fields = hashed_token_fields(secret);
        fields.push(("route", json_string(ROUTES[self.rng.below(4) as usize])));
        fields.push(("request_method", json_string(call.method)));
        fields.push(("request_category", "\"api\"".into()));
        fields.push(("status_code", call.outcome.status(call.method).to_string()));
        fields.push(("token_scopes", json_string(&call.scopes)));
        fields.push(("user_agent", json_string(&self.people[who].user_agent.clone())));
        let login = self.github_login(who);
        self.github_record(call.at, "api.request", &login, &fields)
    }
}

fn hashed_token_fields(secret: &str) -> Vec<(&'static str, String)> {
    let digest = sha256(secret.as_bytes());
    let id = u32::from_be_bytes(digest[..4].try_into().expect("four bytes")) % 1_000_000;
    vec![("hashed_token", json_string(&base64(&digest))), ("token_id", id.to_string())]
}

// ---------------------------------------------------------------------------------------------------------------------
// Jira and GitHub secret scanning
// ---------------------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq, Eq)]
enum TicketFile {
    /// `jira-search.json`: a search result, histories newest first as Jira Cloud sends them.
    Search,
    /// `jira-issues.ndjson`: one issue per line, histories oldest first.
    Lines,
}

#[derive(Clone)]
struct Ticket {
    number: u32,
    summary: String,
    labels: Vec<&'static str>,
    priority: &'static str,
    created: i64,
    description: Vec<String>,
    /// Description as an Atlassian document instead of plain text.
    is_document: bool,
    /// When the status changed, and to what; the first `from` is `To Do`.
    history: Vec<(i64, &'static str)>,
    resolution: Option<&'static str>,
    offset_hours: i64,
    file: TicketFile,
}

impl Ticket {
    /// An open ticket with the default label, in the search export.
    fn new(number: u32, priority: &'static str, created: i64, summary: &str) -> Self {
        Ticket {
            number,
            summary: summary.into(),
            labels: vec!["credential-revocation"],
            priority,
            created,
            description: Vec::new(),
            is_document: false,
            history: Vec::new(),
            resolution: None,
            offset_hours: 0,
            file: if number.is_multiple_of(2) { TicketFile::Lines } else { TicketFile::Search },
        }
    }

    fn line(mut self, text: impl Into<String>) -> Self {
        self.description.push(text.into());
        self
    }

    fn moved(mut self, at: i64, status: &'static str) -> Self {
        self.history.push((at, status));
        self
    }

    fn resolved(mut self, resolution: &'static str) -> Self {
        self.resolution = Some(resolution);
        self
    }

    fn status(&self) -> &'static str {
        self.history.last().map_or("To Do", |(_, status)| status)
    }

    fn updated(&self) -> i64 {
        self.history.last().map_or(self.created, |(at, _)| *at)
    }

    fn json(&self) -> String {
        let mut out = String::with_capacity(2_000);
        let id = (20_000 + self.number).to_string();
        object(&mut out, false, |o| {
            o.str("expand", "operations,versionedRepresentations,editmeta,changelog,renderedFields").str("id", &id);
            o.str("self", &format!("https://acme-demo.atlassian.example/rest/api/2/issue/{id}")).str("key", &format!("SEC-{}", self.number));
            o.obj("changelog", |c| self.changelog(c));
            o.obj("fields", |f| self.fields(f));
        });
        out
    }

    fn fields(&self, f: &mut Obj) {
        let time = |at: i64| jira_time(at, self.offset_hours);
        f.str("statuscategorychangedate", &time(self.updated()));
        f.raw("issuetype", "{\"id\":\"10004\",\"name\":\"Incident\",\"subtask\":false}");
        f.raw("project", "{\"id\":\"10010\",\"key\":\"SEC\",\"name\":\"Security Incidents\",\"projectTypeKey\":\"software\"}");
        f.raw("customfield_10020", "null").raw("fixVersions", "[]");
        match self.resolution {
            Some(name) => f.obj("resolution", |r| _ = r.str("id", "10000").str("description", "").str("name", name)),
            None => f.raw("resolution", "null"),
        };
        f.opt("resolutiondate", self.resolution.map(|_| time(self.updated())).as_deref());
        f.str("created", &time(self.created)).str("updated", &time(self.updated()));
        f.obj("priority", |p| _ = p.str("name", self.priority).str("id", "2")).strings("labels", &self.labels);
        f.raw("assignee", "{\"accountId\":\"demo-account-0001\",\"displayName\":\"On-call Identity\",\"active\":true}");
        let (category, category_id) = match self.status() {
            "To Do" => ("new", 2),
            "In Progress" | "Contained" => ("indeterminate", 4),
            _ => ("done", 3),
        };
        f.obj("status", |s| {
            s.str("name", self.status()).str("id", "10100");
            s.obj("statusCategory", |c| _ = c.int("id", category_id).str("key", category).str("colorName", "green"));
        });
        f.str("summary", &self.summary);
        if self.is_document {
            f.raw("description", &atlassian_document(&self.description));
        } else {
            f.str("description", &self.description.join("\r\n"));
        }
        f.raw("reporter", "{\"accountId\":\"demo-account-0002\",\"displayName\":\"Detection Bot\",\"active\":true}");
        f.raw("customfield_10015", "null").raw("timeestimate", "null");
    }

    fn changelog(&self, c: &mut Obj) {
        let mut items: Vec<String> = Vec::new();
        let mut from = "To Do";
        for (i, (at, to)) in self.history.iter().enumerate() {
            let mut item = String::new();
            object(&mut item, false, |h| {
                h.str("id", &(90_000 + self.number * 10 + i as u32).to_string()).raw("author", "{\"displayName\":\"On-call Identity\"}");
                h.str("created", &jira_time(*at, self.offset_hours));
                h.raw("items", &format!(
                    "[{{\"field\":\"status\",\"fieldtype\":\"jira\",\"fieldId\":\"status\",\"from\":\"10000\",\"fromString\":{},\"to\":\"10100\",\"toString\":{}}}]",
                    json_string(from), json_string(to)
                ));
            });
            items.push(item);
            from = to;
        }
        if self.file == TicketFile::Search {
            items.reverse();
        }
        let n = items.len() as i64;
        c.int("startAt", 0).int("maxResults", n).int("total", n).raw("histories", &format!("[{}]", items.join(",")));
    }
}

fn atlassian_document(lines: &[String]) -> String {
    let paragraphs: Vec<String> =
        lines.iter().map(|line| format!("{{\"type\":\"paragraph\",\"content\":[{{\"type\":\"text\",\"text\":{}}}]}}", json_string(line))).collect();
    format!("{{\"type\":\"doc\",\"version\":1,\"content\":[{}]}}", paragraphs.join(","))
}

struct Alert {
    number: u32,
    created: i64,
    resolution: Option<(&'static str, i64)>,
    secret: String,
    validity: &'static str,
}

impl Alert {
    fn json(&self) -> String {
        let base = "https://api.github.example/repos/acme-demo/checkout-web/secret-scanning/alerts";
        let user = "{\"login\":\"mkowalski\",\"id\":40123,\"type\":\"User\",\"site_admin\":false}";
        let mut out = String::new();
        object(&mut out, false, |o| {
            o.int("number", self.number as i64).str("created_at", &rfc3339_seconds(self.created));
            o.str("updated_at", &rfc3339_seconds(self.resolution.map_or(self.created, |(_, at)| at)));
            o.str("url", &format!("{base}/{}", self.number));
            o.str("html_url", &format!("https://github.example/acme-demo/checkout-web/security/secret-scanning/{}", self.number));
            o.str("locations_url", &format!("{base}/{}/locations", self.number));
            o.str("state", if self.resolution.is_some() { "resolved" } else { "open" });
            o.opt("resolution", self.resolution.map(|(name, _)| name));
            o.opt("resolved_at", self.resolution.map(|(_, at)| rfc3339_seconds(at)).as_deref());
            o.raw("resolved_by", if self.resolution.is_some() { user } else { "null" });
            o.str("secret_type", "acme_demo_token").str("secret_type_display_name", "Acme demo token").str("secret", &self.secret);
            o.str("validity", self.validity)
                .raw("repository", "{\"id\":8801,\"name\":\"checkout-web\",\"full_name\":\"acme-demo/checkout-web\",\"private\":true}");
            o.raw("push_protection_bypassed", "false").raw("push_protection_bypassed_by", "null").raw("push_protection_bypassed_at", "null");
        });
        out
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Background traffic
// ---------------------------------------------------------------------------------------------------------------------

/// What one day leaves behind, before it is sorted and written.
#[derive(Default)]
struct Day {
    calls: Vec<Call>,
    okta: Vec<(i64, String)>,
    github: Vec<(i64, String)>,
}

impl Estate {
    /// Sessions until the day's quota is reached; on top, once a month, a session of every core flow.
    fn sessions_of_day(&mut self, start: i64, quota: usize, cumulative: &[f64]) -> Day {
        let mut day = Day::default();
        let day_of_month = civil(start).day as usize;
        for flow in 0..FLOWS.len() {
            let is_due = day_of_month == 2 + flow % 26 || (flow < 12 && flow % 3 == 0 && is_special_day(start));
            if is_due && self.is_active(flow, start) {
                self.add_session(flow, start, &mut day);
            }
        }
        let total = cumulative.last().copied().unwrap_or(0.0);
        while day.calls.len() < quota {
            let drawn = self.rng.unit() * total;
            let flow = cumulative.partition_point(|upto| *upto <= drawn).min(self.flows.len() - 1);
            if self.is_active(flow, start) {
                self.add_session(flow, start, &mut day);
            }
            if self.rng.chance(0.07) {
                let probe = self.probe(start);
                day.calls.push(probe);
            }
        }
        day
    }

    fn is_active(&self, flow: usize, day: i64) -> bool {
        self.flows[flow].from <= day && day < self.flows[flow].until
    }

    /// A burst of calls with one credential, and the IdP events that go with it.
    fn add_session(&mut self, nth: usize, day: i64, out: &mut Day) {
        let start = day + self.rng.below(22 * 60 * 60 * 1_000) as i64;
        let most = if self.calls > DAILY_FILES_ABOVE_CALLS { 60 } else { 9 };
        let n = 2 + self.rng.below(most) as usize;
        let flow = &self.flows[nth];
        let (who, api, auth, ttl_s) = (flow.who, flow.api, flow.auth, flow.ttl_s);
        let (scopes, secret): (Rc<str>, Rc<str>) = (flow.scopes.as_str().into(), flow.secret.clone());
        let token = self.session_token(nth, start, out);
        let credential = self.session_credential(auth, token.as_ref(), secret);
        let window = if ttl_s > 0 { (ttl_s - 60).min(2_400) } else { 2_400 } as u64 * 1_000;
        let mut times: Vec<i64> = (0..n).map(|_| start + 1_500 + self.rng.below(window) as i64).collect();
        times.sort_unstable();
        let template = Call { at: start, api, who: Some(who), credential, scopes, tls: session_tls(auth), method: "GET", outcome: Outcome::Accepted };
        if matches!(template.credential, Credential::Dpop(..)) && self.rng.chance(0.08) {
            out.calls.push(Call { at: times[0] - 400, outcome: Outcome::NonceWanted, ..template.clone() });
        }
        for at in times {
            let call = Call { at, method: self.method(&template.scopes), outcome: self.background_outcome(auth, api), ..template.clone() };
            out.calls.push(call);
        }
        self.add_session_tail(&template, token.as_deref(), day, out);
    }

    fn session_token(&mut self, nth: usize, start: i64, out: &mut Day) -> Option<Rc<Token>> {
        let flow = &self.flows[nth];
        let quarter = self.quarter(start).min(2);
        let binding = match flow.auth {
            FlowAuth::Jwt(shares) if self.rng.below(100) < shares[quarter] as u64 => Binding::Dpop,
            FlowAuth::Jwt(_) | FlowAuth::JwtOverMtls => Binding::Nothing,
            FlowAuth::MtlsBoundJwt => Binding::Certificate,
            _ => return None,
        };
        let flow = &self.flows[nth];
        let token = self.token(&format!("session/{nth}/{start}"), flow.who, &flow.scopes, start, flow.ttl_s, binding);
        if self.people[token.who].okta.is_some() {
            let record = self.okta_grant_record(&token);
            out.okta.push((token.issued_at, record));
        }
        Some(token)
    }

    fn session_credential(&mut self, auth: FlowAuth, token: Option<&Rc<Token>>, secret: Rc<str>) -> Credential {
        const MASKS: [&str; 3] = ["Bearer ***", "Bearer REDACTED", "Bearer ****************"];
        match (auth, token) {
            (_, Some(token)) if token.binding == Binding::Dpop => Credential::Dpop(token.clone(), true),
            (_, Some(token)) => Credential::Bearer(token.clone()),
            (FlowAuth::Masked, _) => Credential::Masked(MASKS[self.rng.below(3) as usize]),
            (FlowAuth::Opaque, _) => Credential::Opaque(secret),
            (FlowAuth::Signature, _) => Credential::Signature,
            (FlowAuth::Certificate, _) => Credential::Certificate,
            (FlowAuth::AwsApiKey, _) => Credential::AwsApiKey(secret),
            (FlowAuth::GithubToken, _) => Credential::GithubToken(secret),
            _ => Credential::ApiKey(secret),
        }
    }

    /// Now and then: a call with the token after it expired (refused), a git operation, a failed client authentication.
    fn add_session_tail(&mut self, template: &Call, token: Option<&Token>, day: i64, out: &mut Day) {
        if let Some(token) = token {
            let late = token.expires_at + MS_PER_MINUTE + self.rng.below(8 * 60_000) as i64;
            if self.rng.chance(0.05) && late < day + MS_PER_DAY {
                out.calls.push(Call { at: late, outcome: Outcome::Expired, ..template.clone() });
            }
            if self.rng.chance(0.01) && self.people[token.who].okta.is_some() {
                let at = token.issued_at - 2_000;
                let event = OktaEvent {
                    at,
                    kind: "app.oauth2.invalid_client_credentials",
                    message: "OAuth2 token request with invalid client credentials",
                    actor: Actor::Client(token.who),
                    outcome: ("FAILURE", Some("invalid_client")),
                    targets: Vec::new(),
                    debug: vec![("grantType", "client_credentials".into()), ("requestUri", "/oauth2/default/v1/token".into())],
                };
                let record = self.okta_record(&event);
                out.okta.push((at, record));
            }
        }
        if let (Credential::GithubToken(secret), Some(who)) = (&template.credential, template.who) {
            let mut fields = hashed_token_fields(secret);
            fields.extend([("repo", "\"acme-demo/checkout-web\"".to_string()), ("transport_protocol_name", "\"http\"".into())]);
            let action = ["git.clone", "git.fetch", "git.push"][self.rng.below(3) as usize];
            let (login, at) = (self.github_login(who), template.at + 30_000);
            let record = self.github_record(at, action, &login, &fields);
            out.github.push((at, record));
        }
    }

    fn method(&mut self, scopes: &str) -> &'static str {
        let writes = scopes.contains(".write") || scopes.contains(".post") || scopes.contains(".invoke");
        if writes && self.rng.chance(0.35) { "POST" } else { "GET" }
    }

    /// Mostly accepted; the rest spreads over what gateways refuse and servers fail.
    fn background_outcome(&mut self, auth: FlowAuth, api: usize) -> Outcome {
        let has_scopes = matches!(auth, FlowAuth::Jwt(_) | FlowAuth::MtlsBoundJwt | FlowAuth::JwtOverMtls);
        let drawn = self.rng.below(1_000);
        let nth = self.rng.below(4) as usize;
        match (self.apis[api].gateway, drawn) {
            (_, 0..20) => Outcome::NotFound,
            (_, 20..28) => Outcome::Unprocessable,
            (Gateway::Github, _) => Outcome::Accepted,
            (Gateway::Kong, 28..36) => Outcome::Failed([500, 502, 503, 504][nth]),
            (Gateway::Kong, 36..40) => Outcome::Failed(499),
            (Gateway::Kong, 40..48) => Outcome::RateLimited,
            (Gateway::Kong, 48..56) if has_scopes => Outcome::ScopeMissing,
            (Gateway::Kong, 56..60) if has_scopes => Outcome::DeniedUpstream,
            (Gateway::Aws, 28..36) => Outcome::Failed([500, 504, 500, 504][nth]),
            (Gateway::Aws, 36..44) => Outcome::RateLimited,
            (Gateway::Aws, 44..50) if has_scopes => Outcome::ScopeMissing,
            (Gateway::Aws, 44..50) if auth == FlowAuth::AwsApiKey => Outcome::QuotaExceeded,
            (Gateway::Aws, 50..56) if auth == FlowAuth::AwsApiKey => Outcome::BadKey,
            (Gateway::Aws, 56..60) => Outcome::WafBlocked,
            (Gateway::Aws, 60..75) => Outcome::Counted,
            _ => Outcome::Accepted,
        }
    }

    /// A call without any credential, refused.
    fn probe(&mut self, day: i64) -> Call {
        let candidates: Vec<usize> = (0..APIS.len()).filter(|api| self.apis[*api].gateway != Gateway::Github).collect();
        let api = candidates[self.rng.below(candidates.len() as u64) as usize];
        let is_denied = self.apis[api].gateway == Gateway::Kong && self.rng.chance(0.3);
        Call {
            at: day + self.rng.below(MS_PER_DAY as u64) as i64,
            api,
            who: None,
            credential: Credential::Nothing,
            scopes: "".into(),
            tls: if self.apis[api].name == "catalog-api" { Tls::Hidden } else { Tls::NoCertificate },
            method: "GET",
            outcome: if is_denied { Outcome::AddressDenied } else { Outcome::NoCredential },
        }
    }
}

/// Days whose Kong log comes in another framing, or twice: they must not be empty.
fn is_special_day(start: i64) -> bool {
    let c = civil(start);
    matches!((c.month, c.day), (1, 15) | (2, 11) | (3, 17) | (4, 9) | (7, 23))
}

fn session_tls(auth: FlowAuth) -> Tls {
    match auth {
        FlowAuth::MtlsBoundJwt | FlowAuth::Certificate => Tls::Own,
        FlowAuth::JwtOverMtls => Tls::Unnamed,
        FlowAuth::Masked => Tls::Hidden,
        _ => Tls::NoCertificate,
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// What is planted
// ---------------------------------------------------------------------------------------------------------------------

/// One expected revocation case, for the README.
struct Case {
    ticket: &'static str,
    credential: String,
    detected: String,
    revoked: String,
    grade: &'static str,
    note: String,
}

// Tables of facts, one per line, however long.
#[rustfmt::skip]
impl Estate {
    fn fact(&mut self, area: &'static str, text: impl Into<String>) {
        let text = self.dated(&text.into());
        self.plan.facts.push((area, text));
    }

    /// Planted texts are written for 2026 and the year before; this moves them to the estate's year.
    fn dated(&self, text: &str) -> String {
        text.replace("2025-", "\u{1}").replace("2026-", &format!("{}-", self.year)).replace('\u{1}', &format!("{}-", self.year - 1))
    }

    /// A call template with what such a credential usually comes with.
    fn caller(&self, who: &str, api: &str, credential: Credential) -> Call {
        let (scopes, tls): (Rc<str>, Tls) = match &credential {
            Credential::Bearer(token) | Credential::Dpop(token, _) => {
                (token.scopes.as_str().into(), if token.binding == Binding::Certificate { Tls::Own } else { Tls::NoCertificate })
            }
            Credential::Opaque(_) => ("reports.read".into(), Tls::NoCertificate),
            Credential::GithubToken(_) => ("repo,read:org".into(), Tls::NoCertificate),
            _ => ("".into(), Tls::NoCertificate),
        };
        Call { at: 0, api: self.api(api), who: Some(self.person(who)), credential, scopes, tls, method: "GET", outcome: Outcome::Accepted }
    }

    /// Plants one call per instant; says how many lie inside the estate.
    fn emit(&mut self, template: &Call, outcome: Outcome, instants: &[&str]) -> usize {
        let before = self.plan.calls.len();
        for text in instants {
            let at = self.at(text);
            if self.start <= at && at < self.end {
                self.plan.calls.push(Call { at, outcome, ..template.clone() });
            }
        }
        self.plan.calls.len() - before
    }

    fn okta(&mut self, event: &OktaEvent) {
        if self.start <= event.at && event.at < self.end {
            let record = self.okta_record(event);
            self.plan.okta.push((event.at, record));
        }
    }

    fn github(&mut self, at: &str, action: &str, actor: &str, fields: &[(&str, String)]) {
        let at = self.at(at);
        if self.start <= at && at < self.end {
            let record = self.github_record(at, action, actor, fields);
            self.plan.github.push((at, record));
        }
    }

    fn ticket(&mut self, mut ticket: Ticket) {
        ticket.description.iter_mut().for_each(|line| *line = self.dated(line));
        if ticket.created < self.end {
            self.plan.tickets.push(ticket);
        }
    }

    /// A token issued by Okta (the grant is logged).
    fn issue(&mut self, label: &str, who: &str, scopes: &str, at: &str, ttl_s: i64, binding: Binding) -> Rc<Token> {
        let token = self.token(label, self.person(who), scopes, self.at(at), ttl_s, binding);
        if self.start <= token.issued_at && token.issued_at < self.end {
            let record = self.okta_grant_record(&token);
            self.plan.okta.push((token.issued_at, record));
        }
        token
    }

    /// `app.oauth2.as.token.revoke`, successful or not.
    fn revoke(&mut self, at: &str, actor: Actor, kind: &str, id: &str, outcome: (&str, Option<&str>)) {
        let display = if kind == "refresh_token" { "Refresh Token" } else { "Access Token" };
        let event = OktaEvent {
            at: self.at(at),
            kind: "app.oauth2.as.token.revoke",
            message: "OAuth2 token revocation request",
            actor,
            outcome,
            targets: vec![Target::new(kind, id, display), Target::new("AuthorizationServer", "default", "Org Authorization Server")],
            debug: vec![("requestUri", "/oauth2/default/v1/revoke".into()), ("url", "/oauth2/default/v1/revoke?".into())],
        };
        self.okta(&event);
    }

    /// `app.oauth2.as.token.detect_reuse` naming a token.
    fn detect_reuse(&mut self, at: &str, who: &str, kind: &str, id: &str) {
        let event = OktaEvent {
            at: self.at(at),
            kind: "app.oauth2.as.token.detect_reuse",
            message: "Token reuse was detected",
            actor: Actor::Client(self.person(who)),
            outcome: ("SUCCESS", None),
            targets: vec![Target::new(kind, id, "Token")],
            debug: vec![("requestUri", "/oauth2/default/v1/token".into())],
        };
        self.okta(&event);
    }

    /// `app.oauth2.credentials.lifecycle.<step>` of a client secret.
    fn client_secret(&mut self, at: &str, step: &str, who: &str, actor: Actor, label: &str, expires_days: i64) -> String {
        let id = format!("ocs{}", base62_of(&digest(self.seed, &format!("ocs/{label}"))[..17]));
        let person = self.person(who);
        let client = self.people[person].okta.clone().expect("a client has an Okta id");
        let instant = self.at(at);
        let mut secret = Target::new("client_secret", &id, "Client Secret");
        if step == "create" && expires_days > 0 {
            secret = secret.with("expires", rfc3339(instant + expires_days * MS_PER_DAY));
        }
        let mut app = Target::new("PublicClientApp", &client, "OAuth client");
        app.alternate = Some(client.clone());
        let kind = format!("app.oauth2.credentials.lifecycle.{step}");
        let debug = vec![("requestUri", format!("/api/v1/apps/{client}/credentials/secrets"))];
        let event = OktaEvent { at: instant, kind: &kind, message: "OAuth2 client credential", actor, outcome: ("SUCCESS", None), targets: vec![app, secret], debug };
        self.okta(&event);
        format!("okta:{id}")
    }

    /// A lifecycle event of an OAuth client or a user.
    fn lifecycle(&mut self, at: &str, kind: &str, who: &str) {
        let person = self.person(who);
        let id = self.people[person].okta.clone().expect("a lifecycle event needs an Okta id");
        let mail = self.people[person].aliases.iter().find(|alias| alias.contains('@')).cloned();
        let mut target = Target::new(if mail.is_some() { "User" } else { "PublicClientApp" }, &id, "target");
        target.alternate = Some(mail.unwrap_or_else(|| id.clone()));
        let admin = Actor::User(self.person("human-m-kowalski"));
        let event = OktaEvent { at: self.at(at), kind, message: "Lifecycle", actor: admin, outcome: ("SUCCESS", None), targets: vec![target], debug: Vec::new() };
        self.okta(&event);
    }

    fn plant_everything(&mut self) -> Vec<Case> {
        self.plant_migration();
        self.plant_decorative_binding();
        self.plant_boundaries();
        self.plant_secrets();
        self.plant_github_credentials();
        self.plant_expired_tokens();
        self.plant_refusals();
        self.plant_grants();
        self.plant_consents();
        self.plant_scopes_without_grant();
        self.plant_identities();
        self.plant_exceptions();
        self.plant_broken_lines();
        let mut cases = Vec::new();
        self.plant_prompt_and_silent(&mut cases);
        self.plant_still_accepted(&mut cases);
        self.plant_open_cases(&mut cases);
        self.plant_reopened(&mut cases);
        self.plant_two_credentials(&mut cases);
        self.plant_github_token_case(&mut cases);
        self.plant_odd_clocks(&mut cases);
        self.plant_ticket_variants(&mut cases);
        self.plant_alerts(&mut cases);
        self.plant_exposure_events(&mut cases);
        self.plant_revocation_without_case();
        self.plant_crowd_incidents();
        if self.is_hostile {
            self.plant_hostile_tickets();
        }
        cases
    }

    /// SC01: payments-api refuses unproven calls in Q3; the partner API and the documents API refuse some too.
    fn plant_migration(&mut self) {
        let bare = self.token("payments/unproven", self.person("svc-checkout"), "payments.read payments.write", self.at("07-06 08:59:50"), 8_000_000, Binding::Nothing);
        let unproven = self.caller("svc-checkout", "payments-api", Credential::Bearer(bare));
        let n_bearer = self.emit(&unproven, Outcome::ProofMissing, &["07-06 09:00:00", "08-12 14:30:00", "09-21 03:15:00"]);
        let bound = self.issue("payments/bad-proof", "svc-billing", "payments.read payments.refund", "07-15 10:00:00", 3_600, Binding::Dpop);
        let proven = self.caller("svc-billing", "payments-api", Credential::Dpop(bound, true));
        let n_bad = self.emit(&proven, Outcome::BadProof, &["07-15 10:02:00", "07-15 10:02:01"]);
        let n_mismatch = self.emit(&proven, Outcome::BindingMismatch, &["07-15 10:02:07"]);
        self.fact("Sender constraint", format!(
            "`payments-api` goes bearer_only (Q1), dual_accept (Q2), constrained (Q3). In Q3 it refuses {n_bearer} bearer calls without a bound token \
             (2026-07-06T09:00:00Z, 08-12T14:30:00Z, 09-21T03:15:00Z), {n_bad} `invalid_dpop_proof` (07-15T10:02:00Z and :01) and {n_mismatch} DPoP `invalid_token` (07-15T10:02:07Z): enforcement proven."));
        let basic = self.caller("partner-fastship", "partner-orders-api", Credential::Basic);
        let n_basic = self.emit(&basic, Outcome::ProofMissing, &["05-18 06:45:12", "08-04 22:10:40"]);
        self.fact("Sender constraint", format!(
            "`partner-orders-api` takes HTTP signatures (constrained): unchallenged in Q1; {n_basic} refused `Basic` calls (2026-05-18T06:45:12Z, 08-04T22:10:40Z) prove it in Q2 and Q3."));
        let bare = self.token("documents/unproven", self.person("svc-policy-archive"), "documents.read", self.at("07-28 12:00:00"), 3_600, Binding::Nothing);
        let unproven = self.caller("svc-policy-archive", "policy-documents", Credential::Bearer(bare));
        let n_aws = self.emit(&unproven, Outcome::ProofMissing, &["07-28 12:10:00", "07-28 12:11:30"]);
        self.fact("Sender constraint", format!(
            "`policy-documents` (AWS, `x5t#S256` equal to the SHA-256 of the logged client certificate) is constrained; unchallenged in Q1 and Q2, proven in Q3 by {n_aws} `ACCESS_DENIED` calls whose claims hold no `cnf` (2026-07-28T12:10:00Z, 12:11:30Z)."));
        for text in [
            "`ledger-api` is constrained in all quarters (JWT with `cnf.x5t#S256` equal to `x-client-cert-sha256` or the `Hash=` of `x-forwarded-client-cert`) and unchallenged: all its refusals come with the certificate, without any credential, or as 429.",
            "`fx-rates` (AWS, client certificate alone) is constrained and unchallenged; it is the API with `WAF_COUNT` on allowed calls (observed), as are the other AWS APIs.",
            "`identity-api` has verified client certificates but tokens without `cnf`: `mtls_transport_only`, so bearer_only.",
            "`catalog-api` cannot be judged: the Authorization value is masked and TLS ended before Kong, so there is no `request.tls` (proof `unknown`).",
            "`agent-tools-api` is dual_accept in Q1 (`agent-research` still sends plain bearer) and constrained from Q2; the table above says whether refused DPoP calls proved it.",
        ] {
            self.fact("Sender constraint", text);
        }
    }

    /// SC03, SC04: bound tokens presented without their proof and accepted, by an API that declares proof required.
    fn plant_decorative_binding(&mut self) {
        let mut counts = Vec::new();
        let bursts: [(&str, &[&str]); 3] = [
            ("02-05 10:00:00", &["02-05 10:01:00", "02-05 10:02:00", "02-05 10:05:10", "02-05 10:09:00", "02-05 10:30:00"]),
            ("05-07 15:00:00", &["05-07 15:00:30", "05-07 15:01:00", "05-07 15:03:00", "05-07 15:08:00", "05-07 15:20:00", "05-07 15:40:00", "05-07 15:50:00"]),
            ("08-20 04:00:00", &["08-20 04:00:10", "08-20 04:10:00", "08-20 04:20:00", "08-20 04:45:00"]),
        ];
        for (issued, instants) in bursts {
            let token = self.issue(&format!("orders/downgraded/{issued}"), "svc-checkout", "orders.read orders.write", issued, 3_600, Binding::Dpop);
            let jti = token.jti.clone();
            let call = self.caller("svc-checkout", "orders-api", Credential::Bearer(token));
            counts.push(format!("{} with `jti:{jti}` from {}", self.emit(&call, Outcome::Accepted, instants), rfc3339_seconds(self.at(instants[0]))));
        }
        self.fact("Sender constraint", format!("`orders-api` declares proof required and still accepts replayable calls (plain bearer of `svc-storefront` and `svc-exporter`). bound_downgraded (JWT with `cnf.jkt` sent as `Bearer`, accepted): {}.", counts.join("; ")));
        let token = self.issue("profiles/foreign", "svc-nightly-sync", "profiles.read profiles.write", "05-05 02:00:00", 3_600, Binding::Certificate);
        let mut call = self.caller("svc-nightly-sync", "identity-api", Credential::Bearer(token));
        call.tls = Tls::Foreign;
        let n_foreign = self.emit(&call, Outcome::Accepted, &["05-05 02:10:00", "05-05 02:11:00"]);
        call.tls = Tls::NoCertificate;
        let n_bare = self.emit(&call, Outcome::Accepted, &["05-05 02:20:00"]);
        call.tls = Tls::Unnamed;
        let n_unnamed = self.emit(&call, Outcome::Accepted, &["05-05 02:30:00"]);
        self.fact("Sender constraint", format!(
            "`identity-api`, token bound to the certificate of `svc-nightly-sync`: {n_foreign} accepted with another certificate (2026-05-05T02:10:00Z, 02:11:00Z) and {n_bare} without any (02:20:00Z): bound_downgraded; \
             {n_unnamed} with a certificate whose SHA-256 is not logged (02:30:00Z): presented_unverified."));
    }

    /// Calls exactly at a quarter boundary and one millisecond before; a wrong side changes the verdict of payments-api.
    fn plant_boundaries(&mut self) {
        let who = self.person("svc-checkout");
        for (issued, instant, binding) in [
            ("01-01 00:00:00", "01-01 00:00:00.000", Binding::Nothing),
            ("03-31 23:50:00", "03-31 23:59:59.999", Binding::Nothing),
            ("03-31 23:55:00", "04-01 00:00:00.000", Binding::Dpop),
            ("06-30 23:50:00", "06-30 23:59:59.999", Binding::Nothing),
            ("06-30 23:55:00", "07-01 00:00:00.000", Binding::Dpop),
            ("09-30 23:55:00", "09-30 23:59:59.999", Binding::Dpop),
        ] {
            let token = self.token(&format!("boundary/{instant}"), who, "payments.read", self.at(issued), 3_600, binding);
            let credential = if binding == Binding::Dpop { Credential::Dpop(token, true) } else { Credential::Bearer(token) };
            let call = self.caller("svc-checkout", "payments-api", credential);
            self.emit(&call, Outcome::Accepted, &[instant]);
        }
        self.fact("Boundaries", "`payments-api` has accepted calls of `svc-checkout` at 2026-01-01T00:00:00.000Z, 03-31T23:59:59.999Z (bearer, Q1), 04-01T00:00:00.000Z (DPoP, Q2), 06-30T23:59:59.999Z (bearer, Q2), 07-01T00:00:00.000Z (DPoP, Q3) and 09-30T23:59:59.999Z (DPoP, Q3). A call on the wrong side would make Q1 or Q3 dual_accept.");
        self.fact("Boundaries", "SEC-122 was detected at 2026-07-01T00:00:00Z (Q3), SEC-123 at 2026-06-30T23:59:59.999999Z (Q2).");
    }

    /// TK02, TK03: client secrets and Okta API tokens, short, long and without expiry, and how they end.
    fn plant_secrets(&mut self) {
        let by_hand = Actor::User(self.person("human-m-kowalski"));
        let rotation = [("01-05", "03-02"), ("03-01", "04-29"), ("04-28", "06-26"), ("06-25", "08-23"), ("08-22", "")];
        for (nth, (created, deleted)) in rotation.into_iter().enumerate() {
            self.client_secret(&format!("{created} 03:00:00"), "create", "svc-checkout", Actor::System, &format!("checkout/{nth}"), 60);
            if !deleted.is_empty() {
                self.client_secret(&format!("{deleted} 03:00:00"), "deactivate", "svc-checkout", Actor::System, &format!("checkout/{nth}"), 0);
                self.client_secret(&format!("{deleted} 03:00:05"), "delete", "svc-checkout", Actor::System, &format!("checkout/{nth}"), 0);
            }
        }
        self.fact("Lifetimes", "`svc-checkout`: five client secrets of 60 days, created 2026-01-05, 03-01, 04-28, 06-25, 08-22; the first four deleted by Okta's rotation job (SystemPrincipal) on 03-02, 04-29, 06-26, 08-23.");
        let no_expiry = self.client_secret("02-10 12:00:00", "create", "svc-report-builder", by_hand, "report-builder", 0);
        let long = self.client_secret("01-15 12:00:00", "create", "svc-mailer", by_hand, "mailer", 365);
        let month = self.client_secret("02-20 12:00:00", "create", "svc-storefront", by_hand, "storefront", 30);
        let quarter = self.client_secret("05-04 12:00:00", "create", "svc-settlement", by_hand, "settlement", 88);
        self.client_secret("01-03 08:00:00", "create", "svc-old-gateway", by_hand, "old-gateway", 365);
        self.client_secret("01-20 08:00:00", "create", "svc-exporter", by_hand, "exporter", 365);
        self.client_secret("06-15 08:00:00", "create", "svc-ledger-sync", by_hand, "ledger-sync", 85);
        self.fact("Lifetimes", format!(
            "Client secrets: `{no_expiry}` of `svc-report-builder` has no expiry; `{long}` of `svc-mailer` and those of `svc-old-gateway` and `svc-exporter` live 365 days; \
             `{month}` of `svc-storefront` (30 d) ends by expiry 2026-03-22T12:00:00Z and `{quarter}` of `svc-settlement` (88 d) 2026-07-31T12:00:00Z; one of `svc-ledger-sync` (85 d) is deleted by hand in SEC-111."));
        let id = format!("00T{}", base62_of(&digest(self.seed, "okta-api-token")[..17]));
        for (at, kind) in [("03-09 10:00:00", "system.api_token.create"), ("08-31 10:00:00", "system.api_token.revoke")] {
            let mut target = Target::new("Token", &id, "reporting token");
            target.alternate = Some("unknown".into());
            let actor = Actor::User(self.person("human-a-lindqvist"));
            let debug = vec![("requestUri", "/api/internal/tokens".to_string())];
            let event = OktaEvent { at: self.at(at), kind, message: "API token", actor, outcome: ("SUCCESS", None), targets: vec![target], debug };
            self.okta(&event);
        }
        self.fact("Lifetimes", format!("Okta API token `okta:{id}` of `human-a-lindqvist`: created 2026-03-09T10:00:00Z without expiry, revoked by hand 08-31T10:00:00Z."));
        self.fact("Lifetimes", "Access tokens: 900 s (agents, `svc-claims-intake`), 3,600 s (most), 7,200 s (`svc-nightly-sync`), 8 h (`svc-exporter`), 24 h (`agent-research`), 7 d (`svc-report-builder`).");
    }

    /// GitHub: personal access tokens, a deploy key, an integration, a rotation, and events that name no credential.
    fn plant_github_credentials(&mut self) {
        let admin = "mkowalski";
        let flow_pat = |estate: &Estate, who: &str| estate.secret("pat", &format!("{who}/api.github.com"));
        for (at, who, login) in [("01-02 08:00:00", "agent-codegen", "acme-codegen"), ("01-02 08:05:00", "human-a-lindqvist", "alindqvist")] {
            let mut fields = hashed_token_fields(&flow_pat(self, who));
            fields.extend([("user", json_string(login)), ("programmatic_access_type", "\"Personal access token (classic)\"".into())]);
            self.github(at, "personal_access_token.create", login, &fields);
        }
        let old = self.secret("pat", "lindqvist-old");
        self.github("01-08 09:00:00", "personal_access_token.create", "alindqvist", &hashed_token_fields(&old));
        self.github("06-02 09:00:00", "personal_access_token.credential_regenerated", "alindqvist", &hashed_token_fields(&old));
        self.fact("Lifetimes", format!("GitHub token `{}` of `human-a-lindqvist` created 2026-01-08T09:00:00Z, regenerated by hand (rotation) 06-02T09:00:00Z; GitHub never states an expiry.", token_reference(&old)));
        let integration = ("integration", "\"Codegen Agent\"".to_string());
        self.github("01-04 11:00:00", "integration_installation.create", admin, &[integration.clone(), ("name", "\"Codegen Agent\"".into()), ("repository_selection", "\"all\"".into())]);
        self.github("05-12 11:00:00", "oauth_application.reset_secret", admin, &[integration, ("oauth_application_id", "4711".into())]);
        self.github("03-03 07:30:00", "secret_scanning_alert.create", "github", &[("repo", "\"acme-demo/checkout-web\"".into()), ("number", "12".into())]);
        self.github("04-20 16:00:00", "personal_access_token.request_denied", admin, &[("user", "\"alindqvist\"".into())]);
        self.github("02-02 10:00:00", "org.add_member", admin, &[("user", "\"acme-codegen\"".into())]);
        let borrowed = flow_pat(self, "human-a-lindqvist");
        let mut fields = hashed_token_fields(&borrowed);
        fields.extend([("user", "\"alindqvist\"".to_string()), ("repo", "\"acme-demo/checkout-web\"".into())]);
        self.github("06-18 04:00:00", "git.push", "dependabot[bot]", &fields);
        self.fact("Aliases", "2026-06-18T04:00:00Z `git.push` by `dependabot[bot]` on the token of `alindqvist`: the identity is `human-a-lindqvist`.");
        self.fact("Aliases", "One identity, many spellings: `svc-checkout` is Kong consumer `checkout`, an Okta client `0oa…` (Okta events, JWT `client_id`/`cid`, AWS claims) and a SPIFFE id; `agent-codegen` is GitHub login `acme-codegen` and integration `Codegen Agent`; AWS keys lead to partners through `key:<apiKeyId>`, `fx-rates` through a certificate subject. See inventory/identities.csv.");
    }

    /// RT01 (b): tokens accepted after their expiry, one of them within the grace of 300 s.
    fn plant_expired_tokens(&mut self) {
        let token = self.issue("orders/expired", "svc-storefront", "orders.read", "04-14 06:00:00", 3_600, Binding::Nothing);
        let jti = token.jti.clone();
        let call = self.caller("svc-storefront", "orders-api", Credential::Bearer(token));
        let within = self.emit(&call, Outcome::Accepted, &["04-14 07:02:00"]);
        let after = self.emit(&call, Outcome::Accepted, &["04-14 09:00:00", "04-14 09:01:00", "04-14 11:30:00"]);
        self.fact("Runtime policy", format!(
            "`orders-api` accepts {after} calls with a token that expired 2026-04-14T07:00:00Z (`jti:{jti}`, `svc-storefront`; at 09:00:00, 09:01:00, 11:30:00) and {within} within the grace (07:02:00): expired_token counts {after}."));
        self.fact("Runtime policy", "RT03 by reason, planted: revoked_credential Q2 7 calls (SEC-103 4, SEC-104 3), Q3 2; expired_token Q2 3, Q3 2; scope_not_granted Q2 3, Q3 5; bound_downgraded and proof_required (`orders-api` alone) are in the table by API; exception_expired is what EXC-002 and EXC-004 have after their end.");
        let token = self.issue("claims/expired", "svc-claims-intake", "claims.read", "08-06 10:00:00", 900, Binding::Nothing);
        let jti = token.jti.clone();
        let call = self.caller("svc-claims-intake", "claims-service", Credential::Bearer(token));
        let after = self.emit(&call, Outcome::Accepted, &["08-06 13:00:00", "08-06 13:00:01"]);
        self.fact("Runtime policy", format!("`claims-service` (AWS) accepts {after} calls with a token that expired 2026-08-06T10:15:00Z (`jti:{jti}`; 13:00:00, 13:00:01)."));
    }

    /// RT: one refusal of every kind, Kong by `WWW-Authenticate`, AWS by `error.responseType`; and a WAF rule in count mode.
    fn plant_refusals(&mut self) {
        let dpop = self.issue("refusals/dpop", "svc-checkout", "orders.read", "04-28 09:00:00", 3_600, Binding::Dpop);
        let bare = self.issue("refusals/bearer", "svc-storefront", "orders.read", "04-28 09:00:00", 3_600, Binding::Nothing);
        let dpop = self.caller("svc-checkout", "orders-api", Credential::Dpop(dpop, true));
        let bearer = self.caller("svc-storefront", "orders-api", Credential::Bearer(bare));
        let nobody = Call { who: None, ..self.caller("svc-storefront", "orders-api", Credential::Nothing) };
        let key = self.caller("svc-warehouse", "inventory-api", Credential::ApiKey(self.secret("key", "mistyped")));
        let masked = Call { tls: Tls::Hidden, ..self.caller("svc-search-indexer", "catalog-api", Credential::Masked(MASK_WITHOUT_SCHEME)) };
        let aws_key = self.caller("partner-northwind", "q7w8e9r0t1/prod", Credential::AwsApiKey(self.secret("aws", "partner-northwind/q7w8e9r0t1/prod")));
        let aws_token = self.issue("refusals/aws", "svc-claims-intake", "claims.read", "04-28 09:00:00", 900, Binding::Nothing);
        let aws_token = self.caller("svc-claims-intake", "claims-service", Credential::Bearer(aws_token));
        let aws_nobody = Call { who: None, ..self.caller("svc-claims-intake", "claims-service", Credential::Nothing) };
        for (template, outcome, instant, what) in [
            (&dpop, Outcome::NonceWanted, "04-28 09:10:00", "Kong 401 `use_dpop_nonce`: blocked, no violation"),
            (&dpop, Outcome::BadProof, "04-28 09:10:01", "Kong 401 `invalid_dpop_proof`: proof_failed"),
            (&dpop, Outcome::BindingMismatch, "04-28 09:10:02", "Kong 401 DPoP `invalid_token`: proof_failed"),
            (&bearer, Outcome::ScopeMissing, "04-28 09:10:03", "Kong 403 `insufficient_scope`: insufficient_scope"),
            (&bearer, Outcome::Expired, "04-28 10:10:04", "Kong 401 `invalid_token`, expired: expired_credential"),
            (&bearer, Outcome::Revoked, "04-28 09:10:05", "Kong 401 `invalid_token`, revoked: revoked_credential"),
            (&bearer, Outcome::BadKey, "04-28 09:10:06", "Kong 401 `invalid_token`, malformed: invalid_credential"),
            (&nobody, Outcome::NoCredential, "04-28 09:10:07", "Kong 401 without credential: unauthenticated"),
            (&nobody, Outcome::AddressDenied, "04-28 09:10:08", "Kong 403 without credential: request_blocked"),
            (&key, Outcome::BadKey, "04-28 09:10:09", "Kong 401 with a wrong `apikey`: invalid_credential"),
            (&bearer, Outcome::RateLimited, "04-28 09:10:10", "Kong 429: rate_limited"),
            (&bearer, Outcome::DeniedUpstream, "04-28 09:10:11", "403 of the upstream, authenticated: insufficient_scope, policy `upstream`"),
            (&bearer, Outcome::Failed(499), "04-28 09:10:12", "499: failed"),
            (&bearer, Outcome::Failed(502), "04-28 09:10:13", "502: failed"),
            (&masked, Outcome::Accepted, "04-28 09:10:14", "accepted with Authorization `REDACTED`, no scheme shown: auth_scheme unknown, not counted as authenticated"),
            (&aws_key, Outcome::BadKey, "04-28 09:10:15", "AWS `INVALID_API_KEY`: invalid_credential"),
            (&aws_key, Outcome::QuotaExceeded, "04-28 09:10:16", "AWS `QUOTA_EXCEEDED`: rate_limited"),
            (&aws_key, Outcome::RateLimited, "04-28 09:10:17", "AWS `THROTTLED`: rate_limited"),
            (&aws_token, Outcome::ScopeMissing, "04-28 09:10:18", "AWS `ACCESS_DENIED`: insufficient_scope"),
            (&aws_token, Outcome::Expired, "04-28 09:20:19", "AWS `EXPIRED_TOKEN`: expired_credential"),
            (&aws_token, Outcome::Revoked, "04-28 09:10:20", "AWS `UNAUTHORIZED`: unauthenticated"),
            (&aws_nobody, Outcome::NoCredential, "04-28 09:10:21", "AWS `MISSING_AUTHENTICATION_TOKEN`: unauthenticated"),
            (&aws_nobody, Outcome::WafBlocked, "04-28 09:10:22", "AWS `WAF_FILTERED`, `WAF_BLOCK`: request_blocked"),
            (&aws_token, Outcome::Counted, "04-28 09:10:23", "AWS `WAF_COUNT` on an accepted call: observed, request_blocked"),
        ] {
            if self.emit(template, outcome, &[instant]) == 1 {
                let at = rfc3339_seconds(self.at(instant));
                self.fact("Refusals, one of each kind", format!("{at} `{}`: {what}", self.apis[template.api].name));
            }
        }
    }

    fn grant(&mut self, identity: &str, scope: &str, api: &str, granted_at: &str, removed_at: &str, source: &'static str) {
        let (identity, scope, api) = (identity.into(), scope.into(), api.into());
        let (granted_at, removed_at) = (self.dated(granted_at), self.dated(removed_at));
        self.plan.grants.push(Grant { identity, scope, api, granted_at, removed_at, source });
    }

    /// SP02, SP03: every scope that flows carry is granted, then grants nobody uses, too young, unobservable, removed.
    fn plant_grants(&mut self) {
        let mut seen = BTreeSet::new();
        for nth in 0..self.flows.len() {
            let flow = &self.flows[nth];
            let (who, api, kind) = (self.people[flow.who].id.clone(), self.apis[flow.api].name.clone(), self.people[flow.who].kind.clone());
            let by_consent = who == "agent-support-copilot" && api == "payments-api";
            let is_ungoverned = kind == "human" || who == "tmp-loadtest" || who == "agent-codegen" || by_consent;
            for scope in flow.scopes.clone().split(' ').filter(|scope| !scope.is_empty() && !is_ungoverned && *scope != "research.query") {
                if seen.insert((who.clone(), scope.to_string())) {
                    self.grant(&who, scope, "", "2025-11-03T00:00:00Z", "", "okta");
                }
            }
            if nth >= FLOWS.len() && nth.is_multiple_of(3) && seen.insert((who.clone(), "bulk.export".into())) {
                self.grant(&who, "bulk.export", "", "2025-11-03T00:00:00Z", "", "okta");
            }
        }
        for scope in ["customers.read", "exports.run", "orders.export", "reports.write"] {
            self.grant("svc-exporter", scope, "", "2025-09-01T00:00:00Z", "", "inventory");
        }
        self.fact("Scopes", "`svc-exporter` holds `orders.admin` (used, broad) and four grants never used: `customers.read`, `exports.run`, `orders.export`, `reports.write` (80 % unused).");
        self.grant("agent-research", "research.*", "agent-tools-api", "2025-11-03T00:00:00Z", "", "okta");
        self.grant("svc-checkout", "promotions.read", "", "2026-08-20T09:00:00Z", "", "okta");
        self.grant("svc-warehouse", "inventory.read", "inventory-api", "2025-11-03T00:00:00Z", "", "inventory");
        self.grant("svc-storefront", "orders.write", "orders-api", "2025-11-03T00:00:00Z", "2026-02-01T00:00:00Z", "inventory");
        self.grant("svc-new-pricing", "prices.read", "", "2026-08-25T10:00:00Z", "", "okta");
        for text in [
            "Broad scopes in use: `orders.admin` at `orders-api` (`svc-exporter`), `*` at `reports-api` (`svc-report-builder`), `repo` at `api.github.com` (`agent-codegen`): these APIs are broad; `public_repo` of `human-a-lindqvist` is not broad.",
            "`agent-research` is granted `research.*` at `agent-tools-api` and uses `research.query`: used, and broad.",
            "`svc-billing` carries `payments.refund` in every payments token but calls only `GET /payments`, which requires `payments.read`: unused on basis `required`.",
            "Too young at 2026-10-01: `svc-checkout` `promotions.read` (granted 2026-08-20T09:00:00Z); `prices.read` of `svc-new-pricing` (2026-08-25T10:00:00Z).",
            "Unobservable: `svc-warehouse` `inventory.read` (API keys carry no scopes).",
            "Removed: `svc-storefront` `orders.write` at `orders-api`, removed 2026-02-01T00:00:00Z: no row, and carried later (below).",
        ] {
            self.fact("Scopes", text);
        }
    }

    /// Grants that come from Okta consent events instead of the inventory.
    fn plant_consents(&mut self) {
        let consent = |estate: &mut Estate, at: &str, kind: &str, who: &str, scope: &'static str| {
            let person = estate.person(who);
            let client = estate.people[person].okta.clone().expect("an agent has an Okta client");
            let id = format!("oag{}", base62_of(&digest(estate.seed, &format!("consent/{who}/{scope}"))[..17]));
            let target = Target::new("ConsentGrant", &id, scope).with("publicclientapp", client);
            let actor = Actor::User(estate.person("human-m-kowalski"));
            let event = OktaEvent { at: estate.at(at), kind, message: "Consent", actor, outcome: ("SUCCESS", None), targets: vec![target], debug: Vec::new() };
            estate.okta(&event);
        };
        consent(self, "01-02 06:00:00", "app.oauth2.as.consent.grant", "agent-support-copilot", "payments.read");
        consent(self, "02-09 06:00:00", "app.oauth2.as.consent.grant", "agent-claims-triage", "notes.write");
        consent(self, "06-22 06:00:00", "app.oauth2.as.consent.revoke", "agent-claims-triage", "notes.write");
        self.fact("Scopes", "From Okta consents: `agent-support-copilot` gets `payments.read` 2026-01-02T06:00:00Z (used); `agent-claims-triage` gets `notes.write` 02-09T06:00:00Z (never carried), revoked 06-22T06:00:00Z.");
    }

    /// SP04: scopes carried without a live grant.
    fn plant_scopes_without_grant(&mut self) {
        let token = self.issue("payments/no-grant", "svc-checkout", "payments.read refunds.approve", "08-25 09:00:00", 3_600, Binding::Dpop);
        let call = self.caller("svc-checkout", "payments-api", Credential::Dpop(token, true));
        let n = self.emit(&call, Outcome::Accepted, &["08-25 09:01:00", "08-25 09:02:00", "08-25 09:03:00", "08-25 09:20:00", "08-25 09:40:00"]);
        self.fact("Scopes", format!("`svc-checkout` carries `refunds.approve`, never granted, in {n} accepted calls to `payments-api` on 2026-08-25 (09:01:00Z to 09:40:00Z)."));
        let token = self.issue("orders/removed-grant", "svc-storefront", "orders.read orders.write", "05-21 13:00:00", 3_600, Binding::Nothing);
        let call = self.caller("svc-storefront", "orders-api", Credential::Bearer(token));
        let n = self.emit(&call, Outcome::Accepted, &["05-21 13:05:00", "05-21 13:06:00", "05-21 13:07:00"]);
        self.fact("Scopes", format!("`svc-storefront` carries `orders.write` after its removal in {n} accepted calls to `orders-api` on 2026-05-21 (13:05:00Z to 13:07:00Z)."));
    }

    /// ID01: disabled owner, deleted identity, re-enabled identity, and a threat event that names nobody.
    fn plant_identities(&mut self) {
        self.lifecycle("05-02 17:00:00", "user.lifecycle.deactivate", "human-h-osei");
        self.lifecycle("06-12 09:00:00", "app.oauth2.client.lifecycle.delete", "svc-old-gateway");
        self.lifecycle("08-25 09:30:00", "app.oauth2.client.lifecycle.create", "svc-new-pricing");
        self.lifecycle("09-10 09:00:00", "app.oauth2.client.lifecycle.deactivate", "svc-new-pricing");
        self.lifecycle("09-11 09:00:00", "app.oauth2.client.lifecycle.activate", "svc-new-pricing");
        let threat = OktaEvent {
            at: self.at("04-17 22:00:00"),
            kind: "security.threat.detected",
            message: "Request from suspicious actor",
            actor: Actor::Address("192.0.2.66"),
            outcome: ("DENY", Some("Login Failures")),
            targets: Vec::new(),
            debug: vec![("threatDetections", "{\"Login Failures\":\"HIGH\"}".into())],
        };
        self.okta(&threat);
        for text in [
            "Orphaned: `svc-exporter` (owner p.ferrante@acme.example departed) and, from 2026-05-02T17:00:00Z, `svc-nightly-sync` (its owner `human-h-osei` is deactivated then).",
            "Unowned: `svc-mailer` (inventory without owner) and `tmp-loadtest` (calls `catalog-api` from 2026-08-03 to 08-28 and is in no inventory).",
            "Dormant: `svc-legacy-batch` (last call before 2026-03-10: dormant at the end of Q2 and Q3). `human-h-osei` has no activity at all: dormant in Q1, then disabled.",
            "Not live: `svc-old-gateway` (deleted 2026-06-12T09:00:00Z), `human-h-osei`. `svc-new-pricing` (created 2026-08-25, disabled 09-10 and enabled again 09-11) is too young to be dormant.",
            "2026-04-17T22:00:00Z `security.threat.detected` names no credential: no case.",
        ] {
            self.fact("Identities", text);
        }
    }
}

#[rustfmt::skip]
impl Estate {
    #[allow(clippy::too_many_arguments)]
    fn exception(&mut self, id: &'static str, control: &'static str, api: &'static str, identity: &'static str, approved: &str, expires: &str, compensating: &'static str, reason: &'static str) {
        let owner = "ciso@acme.example";
        let (approved_at, expires_at) = (self.dated(approved), self.dated(expires));
        self.plan.exceptions.push(Exception { id, control, api, identity, reason, owner, approved_at, expires_at, compensating_control: compensating });
    }

    /// EX01, EX02: dominant, expired and in use, without expiry, unused, expired and idle, and one shadowed by another.
    fn plant_exceptions(&mut self) {
        self.exception("EXC-001", "sender_constraint", "inventory-api", "", "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", "network", "legacy_client: handheld scanners cannot hold keys");
        self.exception("EXC-002", "sender_constraint", "orders-api", "svc-storefront", "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z", "proxy_enforcement", "migration: storefront moves to DPoP");
        self.exception("EXC-003", "scope", "ledger-api", "", "2026-02-01T00:00:00Z", "2026-12-31T00:00:00Z", "none", "vendor: close of books");
        self.exception("EXC-004", "ttl", "", "agent-research", "2026-03-01T00:00:00Z", "", "none", "agent: research runs overnight");
        self.exception("EXC-005", "ttl", "", "svc-legacy-batch", "2026-01-01T00:00:00Z", "2026-03-31T00:00:00Z", "none", "legacy_client: batch window");
        self.exception("EXC-006", "scope", "reports-api", "svc-report-builder", "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", "none", "migration: report catalogue has no fine scopes yet");
        self.exception("EXC-007", "ownership", "", "svc-exporter", "2026-05-01T00:00:00Z", "2026-11-30T00:00:00Z", "none", "reorganisation: new owner being found");
        self.exception("EXC-008", "revocation", "", "partner-insureco", "2026-02-20T00:00:00Z", "2026-12-31T00:00:00Z", "network", "partner: key cannot be changed before their release");
        self.exception("EXC-009", "sender_constraint", "identity-api", "svc-nightly-sync", "2026-01-01T00:00:00Z", "2026-05-31T00:00:00Z", "token_exchange", "migration: profile sync");
        self.exception("EXC-010", "sender_constraint", "identity-api", "", "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", "token_exchange", "migration: certificates first, binding later");
    }

    /// Broken lines that every estate has.
    fn plant_broken_lines(&mut self) {
        for (family, at, text, why) in [
            ("kong", "05-14 09:12:00", "{\"latencies\":{\"request\":9,\"kong\":2,\"proxy\":7},\"service\":{\"name\":\"payments-api\",\"host\":\"payments-api.svc.acme.ex", "truncated JSON"),
            ("kong", "05-14 09:12:30", "{\"latencies\":{\"request\":9,\"kong\":2,\"proxy\":7},\"service\":{\"name\":\"payments-api\"},\"request\":{\"method\":\"GET\",\"uri\":\"\\/payments\\/1\",\"headers\":{}},\"response\":{\"status\":200,\"headers\":{}},\"started_at\":\"14/05/2026 09:12\"}", "`started_at` is not a timestamp"),
            ("kong", "05-14 09:13:00", "", "blank line (not a record)"),
            ("okta", "06-09 18:00:00", "{\"actor\":{\"alternateId\":\"system@okta.com\",\"id\":\"okta.000000\",\"type\":\"SystemPrincipal\"},\"eventType\":\"app.oauth2.as.token.grant.access_token\",\"publi", "truncated JSON"),
            ("aws", "07-12 05:00:00", "{\"requestId\":\"00000000-0000-4000-a000-000000000000\",\"ip\":\"192.0.2.1\",\"requestTime\":\"-\",\"requestTimeEpoch\":\"yesterday\",\"httpMethod\":\"GET\",\"resourcePath\":\"/claims/{id}\",\"status\":\"200\",\"apiName\":\"claims-service\"}", "no time that can be read"),
        ] {
            let at = self.at(at);
            if at < self.end {
                self.plan.broken.push((family, at, text.into(), why));
            }
        }
    }

    /// RV: prompt and proven (SEC-101, SEC-119), silent (SEC-102), identity deleted (SEC-116), no credential known (SEC-107).
    fn plant_prompt_and_silent(&mut self, cases: &mut Vec<Case>) {
        let token = self.issue("SEC-101", "svc-checkout", "payments.read payments.write", "01-20 08:30:00", 3_600, Binding::Nothing);
        let id = token.jti.clone();
        let call = self.caller("svc-checkout", "payments-api", Credential::Bearer(token));
        self.emit(&call, Outcome::Accepted, &["01-20 08:31:00", "01-20 08:50:00", "01-20 09:05:00"]);
        self.revoke("01-20 09:12:00", Actor::User(self.person("human-m-kowalski")), "access_token", &id, ("SUCCESS", None));
        let n = self.emit(&call, Outcome::Revoked, &["01-20 09:13:30", "01-20 09:14:00", "01-20 09:20:00"]);
        let ticket = Ticket::new(101, "Critical", self.at("01-20 09:00:00"), "Compromised access token of checkout")
            .line("Detected at: 2026-01-20T08:58:00Z").line("Identity: svc-checkout").line(format!("Credential: jti:{id}"))
            .moved(self.at("01-20 09:15:00"), "Revoked").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-101", credential: format!("jti:{id}"), detected: "2026-01-20T08:58:00Z".into(), revoked: "2026-01-20T09:12:00Z (idp)".into(), grade: "rejected", note: format!("prompt: 14 min; {n} calls refused after; critical, inside 4 h") });

        let token = self.issue("SEC-119", "svc-report-builder", "*", "02-23 20:00:00", 604_800, Binding::Nothing);
        let id = token.jti.clone();
        let call = self.caller("svc-report-builder", "reports-api", Credential::Bearer(token));
        self.emit(&call, Outcome::Accepted, &["02-24 11:00:00", "02-24 12:59:00"]);
        self.revoke("02-24 15:10:00", Actor::System, "access_token", &id, ("SUCCESS", None));
        let n = self.emit(&call, Outcome::Revoked, &["02-24 15:30:00", "02-24 15:45:00"]);
        let mut ticket = Ticket::new(119, "High", self.at("02-24 13:20:00"), "Report token pasted into a chat")
            .line("Exposed at: 2026-02-24T11:00:00Z").line("Detected at: 2026-02-24T14:00:00+01:00").line(format!("Credential: jti:{id}"))
            .moved(self.at("02-24 15:40:00"), "Revoked").resolved("Done");
        ticket.is_document = true;
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-119", credential: format!("jti:{id}"), detected: "2026-02-24T13:00:00Z".into(), revoked: "2026-02-24T15:10:00Z (idp)".into(), grade: "rejected", note: format!("description is an Atlassian document, times with offset; {n} refused after") });

        let secret = self.secret("key", "warehouse-old-1");
        let call = self.caller("svc-warehouse", "inventory-api", Credential::ApiKey(secret.clone()));
        self.emit(&call, Outcome::Accepted, &["02-03 08:00:00", "02-03 19:30:00"]);
        let ticket = Ticket::new(102, "Medium", self.at("02-04 10:10:00"), "Warehouse key found on a shared drive")
            .line("Detected at: 2026-02-04T10:00:00Z").line("Identity: warehouse").line(format!("Credential: {}", token_reference(&secret)))
            .moved(self.at("02-04 11:00:00"), "In Progress").moved(self.at("02-04 15:30:00"), "Revoked").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-102", credential: token_reference(&secret), detected: "2026-02-04T10:00:00Z".into(), revoked: "2026-02-04T15:30:00Z (ticket)".into(), grade: "silent", note: "the claim is the history item `Revoked`; no call after".into() });
        self.plant_deleted_and_unknown(cases);
    }

    fn plant_deleted_and_unknown(&mut self, cases: &mut Vec<Case>) {
        let id = format!("okta:ocs{}", base62_of(&digest(self.seed, "ocs/old-gateway")[..17]));
        let ticket = Ticket::new(116, "High", self.at("06-11 16:05:00"), "Leaked client secret of the old gateway")
            .line("Detected at: 2026-06-11T16:00:00Z").line(format!("Credential: {id}"))
            .moved(self.at("06-12 09:05:00"), "Done").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-116", credential: id, detected: "2026-06-11T16:00:00Z".into(), revoked: "2026-06-12T09:00:00Z (idp)".into(), grade: "silent", note: "ended by the deletion of its identity `svc-old-gateway`".into() });
        let ticket = Ticket::new(107, "Medium", self.at("03-05 08:00:00"), "Shared key in a wiki page")
            .line("Identity: svc-nightly-sync").line("Nobody knows yet which of the keys it is.")
            .moved(self.at("03-06 14:00:00"), "Revoked").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-107", credential: "none known".into(), detected: "2026-03-05T08:00:00Z (reported)".into(), revoked: "2026-03-06T14:00:00Z (ticket)".into(), grade: "not_observable", note: "no credential named".into() });
        let token = self.issue("SEC-108", "svc-mailer", "profiles.read", "03-18 07:00:00", 3_600, Binding::Nothing);
        let id = token.jti.clone();
        self.detect_reuse("03-17 22:00:00", "svc-mailer", "access_token", &id);
        let ticket = Ticket::new(108, "Low", self.at("03-18 09:00:00"), "Suspected leak of a mailer token")
            .line(format!("Credential: jti:{id}")).moved(self.at("03-18 11:00:00"), "Done").resolved("False Positive");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-108", credential: format!("jti:{id}"), detected: "2026-03-18T09:00:00Z".into(), revoked: "never".into(), grade: "false positive", note: "no case, and the `detect_reuse` of 2026-03-17T22:00:00Z is none either".into() });
    }

    /// RV03: calls accepted hours after the claimed revocation (SEC-103), and the wrong credential revoked (SEC-104).
    fn plant_still_accepted(&mut self, cases: &mut Vec<Case>) {
        let secret = self.secret("key", "tradeline-leaked");
        let call = self.caller("partner-tradeline", "inventory-api", Credential::ApiKey(secret.clone()));
        self.emit(&call, Outcome::Accepted, &["05-11 14:00:00", "05-12 06:10:00", "05-12 10:03:00"]);
        let n = self.emit(&call, Outcome::Accepted, &["05-12 10:10:00", "05-12 13:00:00", "05-12 16:45:00", "05-12 18:20:00"]);
        let older = Ticket::new(103, "High", self.at("05-12 07:45:00"), "Revoke leaked Tradeline key")
            .line("Detected at: 2026-05-12T07:40:00Z").line(format!("Credential: {}", token_reference(&secret)))
            .moved(self.at("05-12 08:00:00"), "In Progress");
        let mut later = older.clone().line("Revoked at: 2026-05-12T10:00:00Z").moved(self.at("05-12 10:20:00"), "Revoked").resolved("Done");
        later.file = TicketFile::Lines;
        self.ticket(older);
        self.ticket(later);
        self.fact("Replays and duplicates", "SEC-103 is exported twice: In Progress (updated 2026-05-12T08:00:00Z) in jira-search.json, Revoked (updated 10:20:00Z) in jira-issues.ndjson; the later wins.");
        cases.push(Case { ticket: "SEC-103", credential: token_reference(&secret), detected: "2026-05-12T07:40:00Z".into(), revoked: "2026-05-12T10:00:00Z (ticket)".into(), grade: "still_accepted", note: format!("{n} calls accepted from 10:10:00Z to 18:20:00Z, one more (10:03:00Z) within the grace") });

        let leaked = self.issue("SEC-104/leaked", "agent-claims-triage", "claims.read", "05-18 08:00:00", 1_209_600, Binding::Nothing);
        let other = self.issue("SEC-104/other", "agent-claims-triage", "claims.read", "05-20 08:55:00", 14_400, Binding::Nothing);
        let (leaked_id, other_id) = (leaked.jti.clone(), other.jti.clone());
        let leaked_call = self.caller("agent-claims-triage", "claims-service", Credential::Bearer(leaked));
        let other_call = self.caller("agent-claims-triage", "claims-service", Credential::Bearer(other));
        self.emit(&leaked_call, Outcome::Accepted, &["05-19 10:00:00", "05-20 10:30:00"]);
        self.emit(&other_call, Outcome::Accepted, &["05-20 09:00:00"]);
        self.revoke("05-20 11:40:00", Actor::User(self.person("human-m-kowalski")), "access_token", &other_id, ("SUCCESS", None));
        let n = self.emit(&leaked_call, Outcome::Accepted, &["05-20 14:00:00", "05-21 09:00:00", "05-22 09:30:00"]);
        let ticket = Ticket::new(104, "High", self.at("05-20 11:05:00"), "Compromised token of the claims triage agent")
            .line("Detected at: 2026-05-20T11:00:00Z").line("Identity: agent-claims-triage").line(format!("Credential: jti:{leaked_id}"))
            .moved(self.at("05-20 11:50:00"), "Revoked").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-104", credential: format!("jti:{leaked_id}"), detected: "2026-05-20T11:00:00Z".into(), revoked: "2026-05-20T11:50:00Z (ticket)".into(), grade: "wrong_credential", note: format!("Okta revoked `jti:{other_id}` at 11:40:00Z instead; {n} calls accepted after (05-20T14:00:00Z, 05-21T09:00:00Z, 05-22T09:30:00Z)") });
    }

    /// Cases not revoked: contained only (SEC-105), open and old (SEC-106), a revocation that failed (SEC-112).
    fn plant_open_cases(&mut self, cases: &mut Vec<Case>) {
        let by_hand = Actor::User(self.person("human-m-kowalski"));
        let id = self.client_secret("06-02 09:30:00", "deactivate", "svc-exporter", by_hand, "exporter", 0);
        let ticket = Ticket::new(105, "High", self.at("06-02 08:10:00"), "Exporter client secret in a public gist: revoke")
            .line("Detected at: 2026-06-02T08:00:00Z").line("Contained at: 2026-06-02T09:35:00Z").line(format!("Credential: {id}"))
            .moved(self.at("06-02 09:40:00"), "Contained");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-105", credential: id, detected: "2026-06-02T08:00:00Z".into(), revoked: "never; contained 2026-06-02T09:30:00Z (idp)".into(), grade: "contained_only", note: "secret deactivated, never deleted; ticket open".into() });

        let key = self.secret("aws", "partner-insureco/q7w8e9r0t1/prod");
        let ticket = Ticket::new(106, "High", self.at("02-14 12:00:00"), "InsureCo API key leaked in their support portal")
            .line("Exposed at: 2026-02-13T18:00:00Z").line("Detected at: 2026-02-14T11:30:00Z").line(format!("Credential: key:{key}"))
            .moved(self.at("02-14 13:00:00"), "In Progress");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-106", credential: format!("key:{key}"), detected: "2026-02-14T11:30:00Z".into(), revoked: "never".into(), grade: "open", note: "the oldest open case; all calls of `partner-insureco` use this key".into() });

        let token = self.issue("SEC-112", "agent-research", "research.query", "08-04 08:00:00", 86_400, Binding::Dpop);
        let id = token.jti.clone();
        let call = self.caller("agent-research", "agent-tools-api", Credential::Dpop(token, true));
        self.revoke("08-04 10:00:00", Actor::Client(self.person("agent-research")), "access_token", &id, ("FAILURE", Some("invalid_client")));
        let n = self.emit(&call, Outcome::Accepted, &["08-04 09:00:00", "08-04 12:00:00", "08-04 15:00:00"]);
        let ticket = Ticket::new(112, "Medium", self.at("08-04 09:40:00"), "Agent token logged in clear by a tool: revoke")
            .line("Detected at: 2026-08-04T09:30:00Z").line(format!("Credential: jti:{id}")).moved(self.at("08-04 10:00:00"), "In Progress");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-112", credential: format!("jti:{id}"), detected: "2026-08-04T09:30:00Z".into(), revoked: "never".into(), grade: "open", note: format!("the revocation of 2026-08-04T10:00:00Z has outcome FAILURE and revokes nothing; {n} accepted calls that day") });
    }

    /// SEC-109: revoked, reopened, revoked again. SEC-110: revoked, reopened, still open (the claim is void).
    fn plant_reopened(&mut self, cases: &mut Vec<Case>) {
        let secret = self.secret("opaque", "kowalski-leaked");
        let call = self.caller("human-m-kowalski", "reports-api", Credential::Opaque(secret.clone()));
        self.emit(&call, Outcome::Accepted, &["06-03 07:00:00", "06-04 11:00:00"]);
        let n = self.emit(&call, Outcome::Revoked, &["06-10 09:00:00"]);
        let ticket = Ticket::new(109, "Medium", self.at("06-03 08:10:00"), "Leaked report token of m.kowalski")
            .line("Detected at: 2026-06-03T08:00:00Z").line(format!("Credential: {}", token_reference(&secret)))
            .moved(self.at("06-03 12:00:00"), "Revoked").moved(self.at("06-05 09:00:00"), "In Progress").moved(self.at("06-09 10:00:00"), "Revoked").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-109", credential: token_reference(&secret), detected: "2026-06-03T08:00:00Z".into(), revoked: "2026-06-09T10:00:00Z (ticket)".into(), grade: "rejected", note: format!("reopened 2026-06-05T09:00:00Z because the token still worked on 06-04; the last claim counts (histories newest first); {n} refused after") });

        let id = format!("kong:{}", self.kong_entity_id(self.person("svc-search-indexer"), self.api("catalog-api")));
        let ticket = Ticket::new(110, "Medium", self.at("07-07 10:00:00"), "Rotate search indexer credential (compromised build host)")
            .line("Identity: search-indexer").line(format!("Credential: {id}"))
            .moved(self.at("07-08 10:00:00"), "Revoked").moved(self.at("07-10 10:00:00"), "In Progress");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-110", credential: id, detected: "2026-07-07T10:00:00Z (reported)".into(), revoked: "never; the claim of 2026-07-08T10:00:00Z is void".into(), grade: "open", note: "reopened 2026-07-10T10:00:00Z; calls go on".into() });
    }

    /// SEC-111: one ticket, two credentials, two cases; detection comes from a linked exposure event.
    fn plant_two_credentials(&mut self, cases: &mut Vec<Case>) {
        let by_hand = Actor::User(self.person("human-m-kowalski"));
        let token = self.issue("SEC-111", "svc-ledger-sync", "ledger.post ledger.read", "07-21 05:00:00", 14_400, Binding::Certificate);
        let id = token.jti.clone();
        let call = self.caller("svc-ledger-sync", "ledger-api", Credential::Bearer(token));
        self.emit(&call, Outcome::Accepted, &["07-21 05:30:00"]);
        self.detect_reuse("07-21 06:00:00", "svc-ledger-sync", "access_token", &id);
        self.revoke("07-21 08:20:00", by_hand, "access_token", &id, ("SUCCESS", None));
        let n = self.emit(&call, Outcome::Revoked, &["07-21 08:31:00"]);
        let secret = self.client_secret("07-21 08:45:00", "delete", "svc-ledger-sync", by_hand, "ledger-sync", 0);
        let ticket = Ticket::new(111, "Critical", self.at("07-21 08:00:00"), "Ledger sync host compromised")
            .line(format!("Credential: jti:{id}")).line(format!("Credential: {secret}"))
            .moved(self.at("07-21 08:50:00"), "Revoked").resolved("Done");
        self.ticket(ticket);
        let detected = "2026-07-21T06:00:00Z (detect_reuse)";
        cases.push(Case { ticket: "SEC-111", credential: format!("jti:{id}"), detected: detected.into(), revoked: "2026-07-21T08:20:00Z (idp)".into(), grade: "rejected", note: format!("first of two cases; {n} refused after; the exposure event makes no case of its own") });
        cases.push(Case { ticket: "SEC-111", credential: secret, detected: "2026-07-21T08:00:00Z (reported)".into(), revoked: "2026-07-21T08:45:00Z (idp)".into(), grade: "silent", note: "second case: client secret deleted by hand".into() });
    }

    /// SEC-113: a GitHub token revoked by GitHub itself; SEC-121: a deploy key, recognised by the summary alone.
    fn plant_github_token_case(&mut self, cases: &mut Vec<Case>) {
        let secret = self.secret("pat", "codegen-leaked");
        self.github("07-02 08:00:00", "personal_access_token.create", "acme-codegen", &hashed_token_fields(&secret));
        let call = self.caller("agent-codegen", "api.github.com", Credential::GithubToken(secret.clone()));
        self.emit(&call, Outcome::Accepted, &["08-10 10:00:00", "08-11 05:30:00"]);
        let mut fields = hashed_token_fields(&secret);
        fields.push(("user", "\"acme-codegen\"".into()));
        self.github("08-11 06:20:00", "personal_access_token.credential_revoked", "github-advanced-security[bot]", &fields);
        let n = self.emit(&call, Outcome::Revoked, &["08-11 06:25:00", "08-11 07:00:00"]);
        let ticket = Ticket::new(113, "Critical", self.at("08-11 06:05:00"), "Codegen agent token pushed to a public repository")
            .line("Detected at: 2026-08-11T06:00:00Z").line(format!("Credential: {}", token_reference(&secret)))
            .moved(self.at("08-11 06:30:00"), "Done").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-113", credential: token_reference(&secret), detected: "2026-08-11T06:00:00Z".into(), revoked: "2026-08-11T06:20:00Z (idp)".into(), grade: "rejected", note: format!("revoked by GitHub (automatic); {n} `api.request` answered 401 after") });

        let fingerprint = format!("SHA256:{}", base64_with(BASE64, false, &digest(self.seed, "deploy key")));
        let key_fields = [("fingerprint", json_string(&fingerprint)), ("name", "\"acme-codegen\"".to_string()), ("repo", "\"acme-demo/checkout-web\"".into()), ("read_only", "false".into())];
        self.github("04-02 10:00:00", "public_key.create", "acme-codegen", &key_fields);
        self.github("09-08 15:00:00", "public_key.delete", "acme-codegen", &key_fields);
        let mut ticket = Ticket::new(121, "Medium", self.at("09-08 13:10:00"), "Rotate leaked deploy key")
            .line("Detected at: 2026-09-08T13:00:00Z").line(format!("Credential: key:{fingerprint}"))
            .moved(self.at("09-08 15:10:00"), "Done").resolved("Done");
        ticket.labels = vec!["platform"];
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-121", credential: format!("key:{fingerprint}"), detected: "2026-09-08T13:00:00Z".into(), revoked: "2026-09-08T15:00:00Z (idp)".into(), grade: "silent", note: "no label: found by its summary; `public_key.delete`".into() });
    }

    /// Odd clocks: revoked before detected (SEC-117, an IdP event: duration 0; SEC-114, a claim: negative), late critical (SEC-118).
    fn plant_odd_clocks(&mut self, cases: &mut Vec<Case>) {
        let token = self.issue("SEC-117", "svc-billing", "payments.read payments.refund", "09-10 07:30:00", 7_200, Binding::Dpop);
        let id = token.jti.clone();
        let call = self.caller("svc-billing", "payments-api", Credential::Dpop(token, true));
        self.emit(&call, Outcome::Accepted, &["09-10 07:40:00", "09-10 08:30:00"]);
        self.revoke("09-10 09:00:00", Actor::System, "access_token", &id, ("SUCCESS", None));
        self.emit(&call, Outcome::Revoked, &["09-10 09:05:00"]);
        let ticket = Ticket::new(117, "High", self.at("09-10 11:05:00"), "Billing token leaked through a debug log")
            .line("Exposed at: 2026-09-10T08:00:00Z").line("Detected at: 2026-09-10T11:00:00Z").line(format!("Credential: jti:{id}"))
            .moved(self.at("09-10 11:30:00"), "Done").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-117", credential: format!("jti:{id}"), detected: "2026-09-10T11:00:00Z".into(), revoked: "2026-09-10T09:00:00Z (idp)".into(), grade: "rejected", note: "revoked between exposure and detection: duration 0".into() });

        let key = self.secret("aws", "northwind-old");
        let ticket = Ticket::new(114, "Low", self.at("08-20 10:05:00"), "Northwind key leaked: revoke")
            .line("Detected at: 2026-08-20T10:00:00Z").line("Revoked at: 2026-08-20T08:00:00Z").line(format!("Credential: key:{key}"))
            .moved(self.at("08-20 12:00:00"), "Done").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-114", credential: format!("key:{key}"), detected: "2026-08-20T10:00:00Z".into(), revoked: "2026-08-20T08:00:00Z (ticket)".into(), grade: "silent", note: "data error: the claim is two hours before detection (n_negative)".into() });

        let token = self.issue("SEC-118", "svc-settlement", "ledger.post", "07-13 22:00:00", 43_200, Binding::Certificate);
        let id = token.jti.clone();
        let call = self.caller("svc-settlement", "ledger-api", Credential::Bearer(token));
        self.emit(&call, Outcome::Accepted, &["07-14 02:00:00", "07-14 06:30:00"]);
        self.revoke("07-14 09:30:00", Actor::User(self.person("human-m-kowalski")), "access_token", &id, ("SUCCESS", None));
        self.emit(&call, Outcome::Revoked, &["07-14 09:41:00"]);
        let mut ticket = Ticket::new(118, "Critical", self.at("07-14 01:05:00"), "Compromised settlement token")
            .line("Detected at: 2026-07-14T01:00:00Z").line(format!("Credential: jti:{id}"))
            .moved(self.at("07-14 09:35:00"), "Revoked").resolved("Done");
        ticket.offset_hours = -5;
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-118", credential: format!("jti:{id}"), detected: "2026-07-14T01:00:00Z".into(), revoked: "2026-07-14T09:30:00Z (idp)".into(), grade: "rejected", note: "critical and 8.5 h: misses the 4 h target".into() });
    }

    /// Tickets: a raw secret in the text (SEC-115), exact boundaries (SEC-122, SEC-123), and one that is no revocation (SEC-120).
    fn plant_ticket_variants(&mut self, cases: &mut Vec<Case>) {
        let secret = self.secret("key", "warehouse-old-2");
        let call = self.caller("svc-warehouse", "inventory-api", Credential::ApiKey(secret.clone()));
        self.emit(&call, Outcome::Accepted, &["09-01 21:00:00", "09-02 07:00:00"]);
        let n = self.emit(&call, Outcome::Revoked, &["09-02 18:30:00", "09-03 06:00:00"]);
        let mut ticket = Ticket::new(115, "High", self.at("09-02 08:10:00"), "Revoke second warehouse key")
            .line("Detected at: 2026-09-02T08:00:00Z").line(format!("Credential: {secret}"))
            .moved(self.at("09-02 18:00:00"), "Credential revoked").resolved("Done");
        ticket.offset_hours = 2;
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-115", credential: token_reference(&secret), detected: "2026-09-02T08:00:00Z".into(), revoked: "2026-09-02T18:00:00Z (ticket)".into(), grade: "rejected", note: format!("the ticket holds the raw key, which must never be printed; times at +0200; {n} refused after") });

        let first = self.secret("key", "boundary-1");
        let second = self.secret("key", "boundary-2");
        let ticket = Ticket::new(122, "Medium", self.at("07-01 00:05:00"), "Leaked key, found at midnight")
            .line("Detected at: 2026-07-01T00:00:00Z").line("Revoked at: 2026-07-01T00:30:00Z").line(format!("Credential: {}", token_reference(&first)))
            .moved(self.at("07-01 00:40:00"), "Done").resolved("Done");
        self.ticket(ticket);
        let ticket = Ticket::new(123, "Medium", self.at("07-01 00:01:00"), "Leaked key, found just before midnight")
            .line("Detected at: 2026-06-30T23:59:59.999999Z").line("Revoked at: 2026-07-01T00:20:00Z").line(format!("Credential: {}", token_reference(&second)))
            .moved(self.at("07-01 00:30:00"), "Done").resolved("Done");
        self.ticket(ticket);
        cases.push(Case { ticket: "SEC-122", credential: token_reference(&first), detected: "2026-07-01T00:00:00Z".into(), revoked: "2026-07-01T00:30:00Z (ticket)".into(), grade: "silent", note: "belongs to Q3".into() });
        cases.push(Case { ticket: "SEC-123", credential: token_reference(&second), detected: "2026-06-30T23:59:59.999999Z".into(), revoked: "2026-07-01T00:20:00Z (ticket)".into(), grade: "silent", note: "belongs to Q2".into() });
        let mut ticket = Ticket::new(120, "Low", self.at("04-06 09:00:00"), "Upgrade Kong to 3.9").line("Plan the maintenance window.").moved(self.at("04-20 09:00:00"), "Done").resolved("Done");
        ticket.labels = vec!["platform"];
        self.ticket(ticket);
        self.fact("Revocation", "SEC-120 (\"Upgrade Kong to 3.9\", label `platform`) is no revocation ticket.");
    }

    fn alert(&mut self, number: u32, created: &str, resolution: Option<(&'static str, &str)>, secret: &str, validity: &'static str) {
        let created = self.at(created);
        let resolution = resolution.map(|(name, at)| (name, self.at(at)));
        if created < self.end {
            self.plan.alerts.push(Alert { number, created, resolution, secret: secret.into(), validity });
        }
    }

    /// Secret scanning alerts: revoked and proven, won't fix and still in use, false positives, open, masked.
    fn plant_alerts(&mut self, cases: &mut Vec<Case>) {
        let secret = self.secret("opaque", "lindqvist-pushed");
        let call = self.caller("human-a-lindqvist", "reports-api", Credential::Opaque(secret.clone()));
        self.emit(&call, Outcome::Accepted, &["08-02 09:00:00", "08-03 07:00:00"]);
        let n = self.emit(&call, Outcome::Revoked, &["08-03 12:30:00", "08-03 13:00:00"]);
        self.alert(12, "08-03 08:00:00", Some(("revoked", "08-03 12:00:00")), &secret, "inactive");
        cases.push(Case { ticket: "acme-demo/checkout-web#12", credential: token_reference(&secret), detected: "2026-08-03T08:00:00Z".into(), revoked: "2026-08-03T12:00:00Z (ticket)".into(), grade: "rejected", note: format!("the alert's `secret` is the opaque bearer token in the Kong log; {n} refused after") });
        let live = self.secret("key", "partner-tradeline/inventory-api");
        self.alert(15, "07-28 10:00:00", Some(("wont_fix", "07-29 10:00:00")), &live, "active");
        cases.push(Case { ticket: "acme-demo/checkout-web#15", credential: token_reference(&live), detected: "2026-07-28T10:00:00Z".into(), revoked: "never (wont_fix)".into(), grade: "open", note: "the key that `partner-tradeline` still uses".into() });
        let unseen = |estate: &Estate, label: &str| estate.secret("key", label);
        let (test, false_positive, open) = (unseen(self, "alert-18"), unseen(self, "alert-17"), unseen(self, "alert-19"));
        self.alert(17, "04-07 10:00:00", Some(("false_positive", "04-07 12:00:00")), &false_positive, "unknown");
        self.alert(18, "05-25 10:00:00", Some(("used_in_tests", "05-26 10:00:00")), &test, "inactive");
        self.alert(19, "09-16 10:00:00", None, &open, "unknown");
        self.alert(20, "03-03 07:30:00", Some(("revoked", "03-03 09:30:00")), "XXXXXXXXXXXXXXXXXXXXXXXX", "inactive");
        cases.push(Case { ticket: "acme-demo/checkout-web#17, #18", credential: "unused keys".into(), detected: "2026-04-07, 2026-05-25".into(), revoked: "never".into(), grade: "false positive", note: "`false_positive`, `used_in_tests`".into() });
        cases.push(Case { ticket: "acme-demo/checkout-web#19", credential: token_reference(&open), detected: "2026-09-16T10:00:00Z".into(), revoked: "never".into(), grade: "open", note: "alert open".into() });
        cases.push(Case { ticket: "acme-demo/checkout-web#20", credential: "masked".into(), detected: "2026-03-03T07:30:00Z".into(), revoked: "2026-03-03T09:30:00Z (ticket)".into(), grade: "not_observable", note: "the secret is masked in the export".into() });
    }

    /// An exposure event without a ticket makes a case; further events within 7 days belong to it.
    fn plant_exposure_events(&mut self, cases: &mut Vec<Case>) {
        let id = format!("oar{}", base62_of(&digest(self.seed, "refresh/copilot")[..17]));
        let agent = self.person("agent-support-copilot");
        let issued = self.at("04-22 06:00:00");
        let target = Target::new("refresh_token", &id, "Refresh Token").with("expires", rfc3339(issued + 30 * MS_PER_DAY));
        let debug = vec![("grantType", "authorization_code".to_string()), ("grantedScopes", "offline_access, orders.read".into()), ("requestedScopes", "offline_access, orders.read".into())];
        let event = OktaEvent { at: issued, kind: "app.oauth2.as.token.grant.refresh_token", message: "OIDC refresh token is granted", actor: Actor::Client(agent), outcome: ("SUCCESS", None), targets: vec![target], debug };
        self.okta(&event);
        self.tally.tokens.entry(1).or_default().1 += (issued < self.end) as u64;
        for at in ["04-22 10:00:00", "04-22 10:05:00", "04-25 03:00:00"] {
            self.detect_reuse(at, "agent-support-copilot", "refresh_token", &id);
        }
        self.revoke("04-22 11:00:00", Actor::System, "refresh_token", &id, ("SUCCESS", None));
        cases.push(Case { ticket: "none (okta)", credential: format!("okta:{id}"), detected: "2026-04-22T10:00:00Z".into(), revoked: "2026-04-22T11:00:00Z (idp)".into(), grade: "silent", note: "`detect_reuse` of a 30-day refresh token of `agent-support-copilot`; two more events (10:05:00Z, 04-25T03:00:00Z) are the same case".into() });
    }

    /// RV03 without a case: a token revoked in Okta and accepted afterwards.
    fn plant_revocation_without_case(&mut self) {
        let token = self.issue("revoked-without-case", "svc-claims-intake", "claims.read claims.write", "09-15 09:50:00", 3_600, Binding::Nothing);
        let id = token.jti.clone();
        let call = self.caller("svc-claims-intake", "claims-service", Credential::Bearer(token));
        self.emit(&call, Outcome::Accepted, &["09-15 09:55:00", "09-15 10:04:00"]);
        let n = self.emit(&call, Outcome::Accepted, &["09-15 10:20:00", "09-15 10:40:00"]);
        self.revoke("09-15 10:00:00", Actor::System, "access_token", &id, ("SUCCESS", None));
        self.fact("Revocation", format!("Without a case: `jti:{id}` (`svc-claims-intake`) was revoked in Okta 2026-09-15T10:00:00Z; {n} calls accepted after the grace (10:20:00Z, 10:40:00Z), one within it (10:04:00Z)."));
    }

    /// Incidents of the crowd in a large estate: prompt, silent, still accepted, open, false positive in turn.
    fn plant_crowd_incidents(&mut self) {
        let crowd: Vec<usize> = (FLOWS.len()..self.flows.len()).filter(|nth| matches!(self.flows[*nth].auth, FlowAuth::Jwt(_))).collect();
        let n = if crowd.is_empty() { 0 } else { (self.calls / 20_000).min(500) };
        for i in 0..n as usize {
            let flow = &self.flows[crowd[self.rng.below(crowd.len() as u64) as usize]];
            let (who, api, scopes) = (self.people[flow.who].id.clone(), self.apis[flow.api].name.clone(), flow.scopes.clone());
            let detected = self.start + self.rng.below((self.end - self.start - 3 * MS_PER_DAY) as u64) as i64;
            let token = self.token(&format!("crowd/{i}"), self.person(&who), &scopes, detected - MS_PER_HOUR, 604_800, Binding::Nothing);
            let revoked = detected + MS_PER_MINUTE * (5 + self.rng.below(2_000) as i64);
            let ticket = Ticket::new(1_000 + i as u32, ["Critical", "High", "Medium"][i % 3], detected + MS_PER_MINUTE, "Compromised token of the crowd")
                .line(format!("Detected at: {}", rfc3339(detected))).line(format!("Credential: jti:{}", token.jti));
            let call = self.caller(&who, &api, if self.apis[self.api(&api)].gateway == Gateway::Kong { Credential::Bearer(token) } else { Credential::Nothing });
            let (after, ticket) = match i % 5 {
                0 => (Some(Outcome::Revoked), ticket.moved(revoked, "Revoked").resolved("Done")),
                1 => (None, ticket.moved(revoked, "Revoked").resolved("Done")),
                2 => (Some(Outcome::Accepted), ticket.moved(revoked, "Revoked").resolved("Done")),
                3 => (Some(Outcome::Accepted), ticket.moved(revoked, "In Progress")),
                _ => (None, ticket.moved(revoked, "Done").resolved("False Positive")),
            };
            self.ticket(ticket);
            if let (Some(outcome), Credential::Bearer(_)) = (after, &call.credential) {
                for minute in [20, 90] {
                    let at = revoked + minute * MS_PER_MINUTE;
                    if at < self.end {
                        self.plan.calls.push(Call { at, outcome, ..call.clone() });
                    }
                }
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Hostile names
// ---------------------------------------------------------------------------------------------------------------------

/// Names that break tables, terminals, spreadsheets and paths.
const HOSTILE: [&str; 12] = [
    "pipe|in|name",
    "new\nline\r\nname",
    "<script>alert('x')</script>&amp;",
    "red\u{1b}[31malert\u{1b}]0;title\u{7}",
    "=HYPERLINK(\"http://198.51.100.9/\",\"click\")",
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "rtl\u{202e}gnp.exe\u{2066}\u{200b}",
    "../../../../etc/passwd",
    "`back` **bold** [link](javascript:x) ![i](x) \\ \" '",
    "nul\u{0}char\u{7f}é漢\u{1f600}e\u{301}",
];

impl Estate {
    /// Six APIs and twelve identities with hostile names, each with a flow of its own.
    fn add_hostile(&mut self) {
        let long = "very-long-name-".repeat(40);
        let first_api = self.apis.len();
        for (i, name) in HOSTILE.iter().copied().take(6).chain([long.as_str()]).enumerate() {
            let row = ApiRow {
                name: format!("api {name}").leak(),
                gateway: Gateway::Kong,
                path: format!("/hostile{i}").leak(),
                owner: HOSTILE[(i + 3) % 12],
                environment: "prod",
                criticality: "low",
                is_external: false,
                declared_proof: "none",
                required_scopes: "",
            };
            self.apis.push(Api::new(self.seed, &row));
        }
        for (i, name) in HOSTILE.iter().copied().chain([long.as_str()]).enumerate() {
            let id: &'static str = name.to_string().leak();
            let row = PersonRow {
                id,
                kind: "workload",
                owner: HOSTILE[(i + 5) % 12],
                owner_status: "active",
                created: "2025-03-03",
                consumer: id,
                has_okta: true,
                other_alias: "",
            };
            self.people.push(Identity::new(self.seed, &row));
            let (who, api) = (self.people.len() - 1, first_api + i % 7);
            let scope = format!("x:{}", name.replace(char::is_whitespace, "_").replace('|', "/"));
            self.add_flow(who, api, FlowAuth::Jwt([0, 0, 100]), &scope, 0.8, 3_600, self.start, self.end);
        }
        self.fact("Hostile names", "Seven APIs (`api …`) and thirteen identities with pipes, newlines, HTML, terminal escapes, formulas, right-to-left marks, `../`, NUL and 600 characters; the same strings in user agents, owners, scopes and tickets SEC-900 to SEC-911.");
    }

    fn plant_hostile_tickets(&mut self) {
        for (i, name) in HOSTILE.iter().enumerate() {
            let ticket = Ticket::new(900 + i as u32, "Low", self.at("06-20 10:00:00") + i as i64 * MS_PER_HOUR, &format!("Leaked key of {name}"))
                .line(format!("Identity: {}", name.replace(['\n', '\r'], " ")))
                .line(*name)
                .moved(self.at("06-24 10:00:00"), "Revoked")
                .resolved("Done");
            self.ticket(ticket);
        }
    }

    fn user_agent_of(&mut self, who: usize) -> String {
        if self.is_hostile && self.rng.chance(0.03) {
            return HOSTILE[self.rng.below(12) as usize].to_string();
        }
        self.people[who].user_agent.clone()
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Files
// ---------------------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Lines,
    /// One JSON array.
    Array,
    /// NDJSON in a gzip member of stored blocks.
    GzipLines,
}

struct LogFile {
    path: PathBuf,
    framing: Framing,
    out: Option<BufWriter<File>>,
    buffer: Vec<u8>,
    lines: u64,
}

/// Where records go; counts lines, and corrupts some on request.
struct Sink {
    root: PathBuf,
    open: BTreeMap<String, LogFile>,
    records: BTreeMap<String, u64>,
    corruption: Option<Rng>,
    /// File, line, what is wrong.
    broken: Vec<(String, u64, String)>,
}

impl Sink {
    fn record(&mut self, name: &str, framing: Framing, text: &str) -> io::Result<()> {
        self.append(name, framing, text)?;
        *self.records.entry(name.into()).or_default() += 1;
        let Some(rng) = self.corruption.as_mut().filter(|_| framing == Framing::Lines) else { return Ok(()) };
        if !rng.chance(0.005) {
            return Ok(());
        }
        let (line, why) = corrupted(text, rng.below(6));
        self.broken_line(name, &line, why)
    }

    fn broken_line(&mut self, name: &str, text: &str, why: &str) -> io::Result<()> {
        self.append(name, Framing::Lines, text)?;
        let line = self.open[name].lines;
        self.broken.push((name.into(), line, why.into()));
        Ok(())
    }

    fn append(&mut self, name: &str, framing: Framing, text: &str) -> io::Result<()> {
        if !self.open.contains_key(name) {
            let path = self.root.join(name);
            let out = match framing {
                Framing::GzipLines => None,
                _ => Some(BufWriter::with_capacity(1 << 18, File::create(&path)?)),
            };
            self.open.insert(name.into(), LogFile { path, framing, out, buffer: Vec::new(), lines: 0 });
        }
        let file = self.open.get_mut(name).expect("opened above");
        file.lines += 1;
        match (&mut file.out, framing) {
            (Some(out), Framing::Array) => {
                out.write_all(if file.lines == 1 { b"[" } else { b",\n" })?;
                out.write_all(text.as_bytes())
            }
            (Some(out), _) => {
                out.write_all(text.as_bytes())?;
                out.write_all(b"\n")
            }
            (None, _) => {
                file.buffer.extend_from_slice(text.as_bytes());
                file.buffer.push(b'\n');
                Ok(())
            }
        }
    }

    /// Finishes the files that no later day writes to.
    fn close(&mut self, is_done: impl Fn(&str) -> bool) -> io::Result<()> {
        let names: Vec<String> = self.open.keys().filter(|name| is_done(name)).cloned().collect();
        for name in names {
            let mut file = self.open.remove(&name).expect("listed above");
            match &mut file.out {
                Some(out) => {
                    if file.framing == Framing::Array {
                        out.write_all(b"]\n")?;
                    }
                    out.flush()?;
                }
                None => fs::write(&file.path, gzip_stored(&file.buffer))?,
            }
        }
        Ok(())
    }
}

/// A broken copy of a good record, and what is wrong with it.
fn corrupted(text: &str, kind: u64) -> (String, &'static str) {
    let cut = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    match kind {
        0 => (text[..cut].to_string(), "truncated JSON"),
        1 => (String::new(), "blank line (not a record)"),
        2 => (
            format!(
                "{}\r",
                text.replace("started_at\":", "started_at\":\"soon\",\"was\":")
                    .replace("published\":\"", "published\":\"not a time ")
                    .replace("requestTime", "requestedTime")
                    .replace("created_at\":", "created_at\":\"x\",\"was\":")
                    .replace("@timestamp\":", "@timestamp\":\"x\",\"then\":")
            ),
            "bad or missing timestamp, CRLF",
        ),
        3 => (format!("{}}}", &text[..text.len() - 1].replacen('{', "{{", 1)), "invalid JSON"),
        4 => ("[1,2,3]".into(), "wrong type: an array where an object is due"),
        _ => ("\u{fffd}\u{0}not json at all".into(), "binary junk"),
    }
}

/// Writes logs day by day, so that the size of the estate never shows in memory.
fn write_logs(estate: &mut Estate, sink: &mut Sink) -> io::Result<()> {
    estate.plan.calls.sort_by_key(|call| call.at);
    estate.plan.okta.sort_by_key(|event| event.0);
    estate.plan.github.sort_by_key(|event| event.0);
    let mut cumulative = Vec::with_capacity(estate.flows.len());
    let mut total = 0.0;
    for flow in &estate.flows {
        total += flow.weight;
        cumulative.push(total);
    }
    let n_days = (estate.end - estate.start) / MS_PER_DAY;
    // 1970-01-01 was a Thursday; Saturdays and Sundays are quieter.
    let first_day = estate.start / MS_PER_DAY;
    let weight = |nth: i64| if (first_day + nth + 3).rem_euclid(7) >= 5 { 0.45 } else { 1.0 };
    let all: f64 = (0..n_days).map(weight).sum();
    let background = estate.calls.saturating_sub(estate.plan.calls.len() as u64) as f64;
    let mut planted = std::mem::take(&mut estate.plan.calls).into_iter().peekable();
    let mut okta = std::mem::take(&mut estate.plan.okta).into_iter().peekable();
    let mut github = std::mem::take(&mut estate.plan.github).into_iter().peekable();
    let mut due = 0.0;
    for nth in 0..n_days {
        let start = estate.start + nth * MS_PER_DAY;
        due += background * weight(nth) / all;
        let mut day = estate.sessions_of_day(start, due.max(0.0) as usize, &cumulative);
        due -= day.calls.len() as f64;
        estate.tally.background_calls += day.calls.len() as u64;
        let until = start + MS_PER_DAY;
        let before = day.calls.len();
        day.calls.extend(std::iter::from_fn(|| planted.next_if(|call| call.at < until)));
        estate.tally.planted_calls += (day.calls.len() - before) as u64;
        day.okta.extend(std::iter::from_fn(|| okta.next_if(|event| event.0 < until)));
        day.github.extend(std::iter::from_fn(|| github.next_if(|event| event.0 < until)));
        write_day(estate, sink, start, day)?;
    }
    sink.close(|_| true)
}

/// One line of a day, bound for one family of files.
enum Item {
    Call(Call),
    Okta(String),
    Github(String),
    Broken(&'static str, String, &'static str),
}

fn write_day(estate: &mut Estate, sink: &mut Sink, start: i64, day: Day) -> io::Result<()> {
    let mut items: Vec<(i64, Item)> = day.calls.into_iter().map(|call| (call.at, Item::Call(call))).collect();
    items.extend(day.okta.into_iter().map(|(at, text)| (at, Item::Okta(text))));
    items.extend(day.github.into_iter().map(|(at, text)| (at, Item::Github(text))));
    let today = |at: &i64| (start..start + MS_PER_DAY).contains(at);
    items.extend(estate.plan.broken.iter().filter(|(_, at, _, _)| today(at)).map(|(family, at, text, why)| (*at, Item::Broken(family, text.clone(), why))));
    items.sort_by_key(|(at, _)| *at);
    let names = FileNames::new(estate, start);
    for (at, item) in items {
        match item {
            Item::Call(call) => write_call(estate, sink, &names, &call)?,
            Item::Okta(text) => {
                estate.tally.okta_events += 1;
                sink.record(&names.okta, names.okta_framing, &text)?;
                if estate.is_in_both_okta_exports(at) {
                    sink.record(&names.okta_export, Framing::Array, &text)?;
                    estate.tally.okta_copies += 1;
                }
            }
            Item::Github(text) => {
                estate.tally.github_events += 1;
                sink.record(&names.github, Framing::Lines, &text)?;
            }
            Item::Broken(family, text, why) => {
                let name = match family {
                    "kong" => &names.kong,
                    "okta" => &names.okta,
                    _ => &names.aws,
                };
                sink.broken_line(name, &text, why)?;
            }
        }
    }
    let is_last_of_month = date(start + MS_PER_DAY).ends_with("-01");
    let (today, export) = (date(start), names.okta_export.clone());
    sink.close(|name| name.contains(&today) || (is_last_of_month && name != export))?;
    Ok(())
}

fn write_call(estate: &mut Estate, sink: &mut Sink, names: &FileNames, call: &Call) -> io::Result<()> {
    estate.count(call);
    match estate.apis[call.api].gateway {
        Gateway::Kong => {
            let text = estate.kong_record(call, names.kong_style);
            sink.record(&names.kong, names.kong_framing, &text)?;
            if let Some(copy) = &names.kong_copy {
                sink.record(copy, Framing::Lines, &text)?;
            }
        }
        Gateway::Aws => {
            let text = estate.aws_record(call);
            sink.record(&names.aws, Framing::Lines, &text)?;
        }
        Gateway::Github => {
            let text = estate.github_call_record(call);
            sink.record(&names.github, Framing::Lines, &text)?;
        }
    }
    Ok(())
}

/// Where the records of one day go.
struct FileNames {
    kong: String,
    kong_framing: Framing,
    kong_style: KongStyle,
    /// The same day, exported once more.
    kong_copy: Option<String>,
    aws: String,
    okta: String,
    okta_framing: Framing,
    okta_export: String,
    github: String,
}

impl FileNames {
    fn new(estate: &Estate, start: i64) -> Self {
        let c = civil(start);
        let (day, month) = (date(start), format!("{:04}-{:02}", c.year, c.month));
        let part = if estate.calls > DAILY_FILES_ABOVE_CALLS { &day } else { &month };
        let file_log = if c.month % 2 == 0 { KongStyle { is_lean: c.month % 6 != 2, ..KONG_FILE_LOG_OLD } } else { KONG_FILE_LOG };
        let (kong, kong_framing, kong_style) = match (c.month, c.day) {
            (1, 15) | (4, 9) | (7, 23) => (format!("gateway/kong-{day}-batch.json"), Framing::Array, KONG_HTTP_LOG),
            (2, 11) => (format!("gateway/kong-{day}.ndjson.gz"), Framing::GzipLines, file_log),
            _ => (format!("gateway/kong-{part}.ndjson"), Framing::Lines, file_log),
        };
        let okta_export = format!("idp/okta-export-{:04}-04.json", estate.year);
        let is_export = estate.is_okta_array_month(start);
        FileNames {
            kong,
            kong_framing,
            kong_style,
            kong_copy: ((c.month, c.day) == (3, 17)).then(|| format!("gateway/kong-{day}-reexport.ndjson")),
            aws: format!("gateway/aws-{part}.json"),
            okta: if is_export { okta_export.clone() } else { format!("idp/okta-{month}.ndjson") },
            okta_framing: if is_export { Framing::Array } else { Framing::Lines },
            okta_export,
            github: format!("idp/github-audit-{month}.ndjson"),
        }
    }
}

impl Estate {
    /// Adds a call to the expected counts.
    fn count(&mut self, call: &Call) {
        let quarter = self.quarter(call.at);
        let want_of_proof = call.is_blocked_for_want_of_proof(self.apis[call.api].gateway);
        let counts = self.tally.by_api.entry((call.api, quarter)).or_default();
        counts.calls += 1;
        counts.want_of_proof += want_of_proof as u64;
        if call.outcome.is_failed() {
            counts.failed += 1;
        } else if !call.outcome.is_accepted() {
            counts.blocked += 1;
            counts.rate_limited += matches!(call.outcome, Outcome::RateLimited | Outcome::QuotaExceeded) as u64;
        } else {
            counts.observed += (call.outcome == Outcome::Counted) as u64;
            if matches!(call.credential, Credential::Masked(MASK_WITHOUT_SCHEME)) {
                return;
            }
            counts.accepted_authenticated += 1;
            match call.proof_if_accepted() {
                Proof::Constrained => counts.constrained += 1,
                Proof::NoEvidence => counts.no_evidence += 1,
                Proof::Replayable => counts.replayable += 1,
                Proof::Downgraded => {
                    counts.replayable += 1;
                    counts.downgraded += 1;
                }
            }
            if call.api < APIS.len() {
                self.count_exceptions(call, quarter);
            }
        }
    }

    /// Which register entries an accepted authenticated call relies on, since their approval.
    fn count_exceptions(&mut self, call: &Call, quarter: usize) {
        let Some(who) = call.who else { return };
        let (day, api, identity) = (date(call.at), &self.apis[call.api].name, &self.people[who].id);
        let is_long = match &call.credential {
            Credential::Bearer(token) | Credential::Dpop(token, _) => token.expires_at - token.issued_at > MS_PER_HOUR,
            _ => false,
        };
        let is_broad = call.scopes.split([' ', ',']).any(|scope| scope.contains('*') || scope.ends_with(".admin") || scope == "repo");
        for (nth, entry) in self.plan.exceptions.iter().enumerate() {
            let is_covered = (entry.api.is_empty() || entry.api == api) && (entry.identity.is_empty() || entry.identity == identity);
            let fails = match entry.control {
                "sender_constraint" => matches!(call.proof_if_accepted(), Proof::Replayable | Proof::Downgraded),
                "ttl" => is_long,
                "scope" => is_broad,
                _ => true,
            };
            if is_covered && fails && day.as_str() >= &entry.approved_at[..10] {
                let (active, after) = self.tally.on_exception.entry((nth, quarter)).or_default();
                if day.as_str() < &entry.ends_at()[..10] { *active += 1 } else { *after += 1 }
            }
        }
    }
}

impl Exception {
    /// Without `expires_at` an entry ends 90 days after its approval; the one that is so was approved on 1 March.
    fn ends_at(&self) -> String {
        if self.expires_at.is_empty() { format!("{}-05-30T00:00:00Z", &self.approved_at[..4]) } else { self.expires_at.clone() }
    }
}

impl ApiCounts {
    fn verdict(&self) -> &'static str {
        let judged = self.constrained + self.replayable;
        if judged == 0 || self.no_evidence * 20 > judged + self.no_evidence {
            return "insufficient_evidence";
        }
        match (self.constrained, self.replayable) {
            (_, 0) if self.want_of_proof > 0 => "constrained, proven",
            (_, 0) => "constrained, unchallenged",
            (0, _) => "bearer_only",
            _ => "dual_accept",
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Tickets, inventories, broken extras
// ---------------------------------------------------------------------------------------------------------------------

fn write_tickets(estate: &Estate, root: &Path) -> io::Result<()> {
    let mut search: Vec<String> = Vec::new();
    let mut lines = String::new();
    for ticket in &estate.plan.tickets {
        match ticket.file {
            TicketFile::Search => search.push(ticket.json()),
            TicketFile::Lines => {
                lines.push_str(&ticket.json());
                lines.push('\n');
            }
        }
    }
    let n = search.len();
    let result = format!("{{\"expand\":\"schema,names\",\"startAt\":0,\"maxResults\":{n},\"total\":{n},\"issues\":[\n{}\n]}}\n", search.join(",\n"));
    fs::write(root.join("tickets/jira-search.json"), result)?;
    fs::write(root.join("tickets/jira-issues.ndjson"), lines)?;
    let alerts: Vec<String> = estate.plan.alerts.iter().map(Alert::json).collect();
    fs::write(root.join("tickets/github-secret-scanning.json"), format!("[\n{}\n]\n", alerts.join(",\n")))
}

/// A CSV line; cells are quoted where they must be.
fn csv_line(cells: &[&str]) -> String {
    let quoted = cells.iter().map(|cell| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_string(),
    });
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

fn write_inventories(estate: &Estate, root: &Path) -> io::Result<()> {
    let mut text = csv_line(&["identity", "aliases", "kind", "owner", "owner_status", "environment", "criticality", "created_at"]);
    for person in estate.people.iter().filter(|person| person.is_listed) {
        let aliases = person.aliases.iter().filter(|alias| !alias.contains('|')).map(String::as_str).collect::<Vec<_>>().join("|");
        let criticality = if person.kind == "human" { "medium" } else { "high" };
        let created = estate.dated(&format!("{}T00:00:00Z", person.created));
        text += &csv_line(&[&person.id, &aliases, &person.kind, &person.owner, &person.owner_status, "prod", criticality, &created]);
    }
    fs::write(root.join("inventory/identities.csv"), text)?;
    let mut text = csv_line(&["api", "owner", "environment", "criticality", "is_external", "declared_proof", "required_scopes"]);
    for api in &estate.apis {
        let external = api.is_external.to_string();
        text += &csv_line(&[&api.name, &api.owner, &api.environment, &api.criticality, &external, &api.declared_proof, &api.required_scopes]);
    }
    fs::write(root.join("inventory/apis.csv"), text)?;
    let mut text = csv_line(&["identity", "scope", "api", "granted_at", "removed_at", "source"]);
    for grant in &estate.plan.grants {
        text += &csv_line(&[&grant.identity, &grant.scope, &grant.api, &grant.granted_at, &grant.removed_at, grant.source]);
    }
    if estate.is_malformed {
        text += "svc-checkout,broken.grant,,the day before yesterday,,inventory\nsvc-checkout,\"unclosed\n";
    }
    fs::write(root.join("inventory/grants.csv"), text)?;
    write_exceptions(estate, root)
}

fn write_exceptions(estate: &Estate, root: &Path) -> io::Result<()> {
    let mut text = String::from("# Exception register of the made-up estate. EXC-004 has no expires_at on purpose.\n");
    for entry in &estate.plan.exceptions {
        text += &format!("\n[[exception]]\nid = \"{}\"\ncontrol = \"{}\"\n", entry.id, entry.control);
        for (key, value) in [("api", entry.api), ("identity", entry.identity)] {
            if !value.is_empty() {
                text += &format!("{key} = \"{value}\"\n");
            }
        }
        text += &format!("reason = \"{}\"\nowner = \"{}\"\napproved_at = {}\n", entry.reason, entry.owner, entry.approved_at);
        if !entry.expires_at.is_empty() {
            text += &format!("expires_at = {}\n", entry.expires_at);
        }
        text += &format!("compensating_control = \"{}\"\n", entry.compensating_control);
    }
    fs::write(root.join("inventory/exceptions.toml"), text)
}

/// `--malformed`: an empty file, an unknown one, BOM and CRLF, a truncated last line, an array cut short.
fn write_broken_files(estate: &mut Estate, sink: &mut Sink) -> io::Result<()> {
    let root = sink.root.clone();
    fs::write(root.join("gateway/kong-empty.ndjson"), "")?;
    fs::write(root.join("gateway/notes.txt"), "Handover: the log shipper was restarted twice.\nAsk Mona about the gap.\n")?;
    let token = estate.token("broken-files", estate.person("svc-checkout"), "orders.read orders.write", estate.at("02-25 10:00:00"), 3_600, Binding::Dpop);
    let template = estate.caller("svc-checkout", "orders-api", Credential::Dpop(token, true));
    let mut records = Vec::new();
    for second in 0..15 {
        let call = Call { at: estate.at("02-25 10:10:00") + second * MS_PER_SECOND, ..template.clone() };
        estate.count(&call);
        records.push(estate.kong_record(&call, KONG_FILE_LOG));
    }
    let crlf: String = records[..5].iter().map(|record| format!("{record}\r\n\r\n")).collect();
    fs::write(root.join("gateway/kong-bom-crlf.ndjson"), format!("\u{feff}{crlf}"))?;
    let tail = &records[10][..records[10].len() / 2];
    fs::write(root.join("gateway/kong-truncated-tail.ndjson"), format!("{}\n{tail}", records[5..10].join("\n")))?;
    let cut = &records[14][..records[14].len() / 3];
    fs::write(root.join("gateway/kong-truncated-batch.json"), format!("[{},\n{cut}", records[11..14].join(",\n")))?;
    for (name, line, why) in [
        ("gateway/kong-empty.ndjson", 0, "empty file"),
        ("gateway/notes.txt", 0, "unknown format"),
        ("gateway/kong-bom-crlf.ndjson", 0, "5 good records with BOM, CRLF and blank lines"),
        ("gateway/kong-truncated-tail.ndjson", 6, "5 good records, truncated last line without newline"),
        ("gateway/kong-truncated-batch.json", 4, "array of 3 good records, cut inside the fourth"),
        ("inventory/grants.csv", 0, "last rows: a bad date, an unclosed quote"),
    ] {
        sink.broken.push((name.into(), line, why.into()));
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------------------------------
// README of the estate
// ---------------------------------------------------------------------------------------------------------------------

/// Text for a Markdown table or list.
fn markdown(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let text: String = text.chars().map(visible).collect();
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn write_readme(estate: &Estate, sink: &Sink, cases: &[Case], arguments: &Arguments) -> io::Result<()> {
    let mut out = String::new();
    out += README_TITLE;
    out += "\n\n";
    out += "One organisation's gateway logs, IdP events, tickets and inventories, made by `examples/estate.rs`. Nothing here is real: names, keys, tokens and signatures are derived from the seed.\n\n";
    out += "Regenerate (same arguments, same bytes):\n\n```console\n$ rustc --edition 2024 -O examples/estate.rs -o /tmp/estate\n";
    out += &format!("$ /tmp/estate OUT_DIR{}\n```\n\n", arguments.spelled());
    out += &format!(
        "{} to {} (end excluded), {} APIs, {} identities; {} calls ({} of them planted), {} Okta events, {} GitHub events that are no API calls. Planted instants after the end are left out.\n\n",
        rfc3339_seconds(estate.start),
        rfc3339_seconds(estate.end),
        estate.apis.len(),
        estate.people.len(),
        estate.tally.background_calls + estate.tally.planted_calls,
        estate.tally.planted_calls,
        estate.tally.okta_events,
        estate.tally.github_events
    );
    readme_files(&mut out, estate, sink);
    readme_apis(&mut out, estate);
    readme_tokens(&mut out, estate);
    readme_cases(&mut out, estate, cases);
    readme_exceptions(&mut out, estate);
    out += "\n## Planted facts\n";
    let mut area = "";
    let mut facts = estate.plan.facts.clone();
    facts.sort_by_key(|fact| fact.0);
    for (heading, text) in &facts {
        if *heading != area {
            out += &format!("\n### {heading}\n\n");
            area = heading;
        }
        out += &format!("- {text}\n");
    }
    out += "\n### Broken records\n\n| file | line | what |\n|---|---:|---|\n";
    for (name, line, why) in &sink.broken {
        out += &format!("| {name} | {line} | {why} |\n");
    }
    fs::write(sink.root.join("README.md"), out)
}

fn readme_files(out: &mut String, estate: &Estate, sink: &Sink) {
    *out += "## Files\n\n| file | records |\n|---|---:|\n";
    let total = sink.records.len();
    for (nth, (name, records)) in sink.records.iter().enumerate() {
        if total < 60 || nth < 20 {
            *out += &format!("| {name} | {records} |\n");
        }
    }
    if total >= 60 {
        *out += &format!("| … {} more log files | |\n", total - 20);
    }
    let in_search = estate.plan.tickets.iter().filter(|ticket| ticket.file == TicketFile::Search).count();
    *out += &format!("| tickets/jira-search.json | {in_search} |\n| tickets/jira-issues.ndjson | {} |\n", estate.plan.tickets.len() - in_search);
    *out += &format!("| tickets/github-secret-scanning.json | {} |\n", estate.plan.alerts.len());
    *out += &format!("| inventory/identities.csv | {} |\n", estate.people.iter().filter(|person| person.is_listed).count());
    *out += &format!(
        "| inventory/apis.csv | {} |\n| inventory/grants.csv | {} |\n| inventory/exceptions.toml | {} |\n",
        estate.apis.len(),
        estate.plan.grants.len(),
        estate.plan.exceptions.len()
    );
    let copies = sink.records.iter().filter(|(name, _)| name.contains("reexport")).map(|(_, n)| *n).sum::<u64>();
    *out += &format!(
        "\nExact replays: the {copies} Kong records of 03-17 are in `kong-{}-03-17-reexport.ndjson` and in the regular file too; the {} Okta events of 03-28 to 03-31 are in the month's file and at the head of the array export of April. The table counts records before duplicates are dropped. ",
        estate.year, estate.tally.okta_copies
    );
    *out += "Kong writes `\\/`, top-level and header keys in varying order; in even months it is an older deployment (sizes as strings, `kong-request-id` header instead of `request.id`, DPoP proofs masked as `REDACTED`), in odd months Kong 3; `service` and `route` are whole in February, August and the batches, else cut as `custom_fields_by_lua` does; three days are http-log batches (one JSON array); 02-11 is gzip (stored blocks). The AWS template of `q7w8e9r0t1/prod` has neither `apiName` nor `requestTimeEpoch` (whole seconds); `policy-documents` and `fx-rates` nest their keys, the others are flat.\n";
}

fn readme_apis(out: &mut String, estate: &Estate) {
    *out += "\n## Expected per API and quarter\n\nCounts without replays. Accepted: authenticated and let through; want of proof: refused calls that prove enforcement (metrics.md); downgraded is part of replayable.\n\n";
    *out += "| API | quarter | calls | accepted | constrained | replayable | downgraded | no evidence | blocked | of these 429 | failed | observed | want of proof | verdict |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n";
    for ((api, quarter), counts) in estate.tally.by_api.iter().filter(|((api, _), _)| *api < APIS.len() + 10) {
        *out += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            markdown(&estate.apis[*api].name).chars().take(40).collect::<String>(),
            estate.quarter_name(*quarter),
            counts.calls,
            counts.accepted_authenticated,
            counts.constrained,
            counts.replayable,
            counts.downgraded,
            counts.no_evidence,
            counts.blocked,
            counts.rate_limited,
            counts.failed,
            counts.observed,
            counts.want_of_proof,
            counts.verdict()
        );
    }
    let mut verdicts: BTreeMap<usize, HashMap<&str, usize>> = BTreeMap::new();
    for ((_, quarter), counts) in &estate.tally.by_api {
        let word = counts.verdict().split(',').next().expect("split gives one part");
        *verdicts.entry(*quarter).or_default().entry(word).or_default() += 1;
    }
    *out += "\n| quarter | SC01 | constrained | dual_accept | bearer_only | insufficient evidence | SC02 replayable / judged calls | SC03 downgraded calls |\n|---|---|---:|---:|---:|---:|---|---:|\n";
    for (quarter, words) in verdicts {
        let n = |word: &str| words.get(word).copied().unwrap_or(0);
        let judged = n("constrained") + n("dual_accept") + n("bearer_only");
        let of_quarter = || estate.tally.by_api.iter().filter(move |((_, q), _)| *q == quarter).map(|(_, counts)| counts);
        let (replayable, constrained): (u64, u64) = (of_quarter().map(|c| c.replayable).sum(), of_quarter().map(|c| c.constrained).sum());
        *out += &format!(
            "| {} | {}/{judged} | {} | {} | {} | {} | {replayable}/{} | {} |\n",
            estate.quarter_name(quarter),
            n("constrained"),
            n("constrained"),
            n("dual_accept"),
            n("bearer_only"),
            n("insufficient_evidence"),
            replayable + constrained,
            of_quarter().map(|c| c.downgraded).sum::<u64>()
        );
    }
}

fn readme_tokens(out: &mut String, estate: &Estate) {
    *out += "\nTokens issued (Okta grants, TTL at most 3,600 s / all; TK01): ";
    let parts: Vec<String> = estate.tally.tokens.iter().map(|(quarter, (short, all))| format!("{} {short}/{all}", estate.quarter_name(*quarter))).collect();
    *out += &format!("{}.\n", parts.join(", "));
}

fn readme_cases(out: &mut String, estate: &Estate, cases: &[Case]) {
    let mut cases: Vec<&Case> = cases.iter().collect();
    cases.sort_by_key(|case| case.ticket);
    *out += "\n## Revocation cases\n\n| ticket | credential | detected | revoked | proof grade | what is planted |\n|---|---|---|---|---|---|\n";
    for case in cases {
        let row = format!("| {} | `{}` | {} | {} | {} | {} |\n", case.ticket, case.credential, case.detected, case.revoked, case.grade, case.note);
        *out += &estate.dated(&row);
    }
}

fn readme_exceptions(out: &mut String, estate: &Estate) {
    const WHAT: [(&str, &str); 10] = [
        ("EXC-001", "active, dominant: every accepted call of `inventory-api`"),
        ("EXC-002", "expired, still in use: `svc-storefront` goes on with bearer calls to `orders-api` in Q3 (reason exception_expired)"),
        ("EXC-003", "unused: nobody carries a broad scope there"),
        ("EXC-004", "no expiry: ends 90 days after approval (2026-05-30); `agent-research` still uses 24 h tokens after: expired, in use"),
        ("EXC-005", "expired, idle"),
        ("EXC-006", "active: `*` at `reports-api`"),
        ("EXC-007", "active: `svc-exporter` is orphaned"),
        ("EXC-008", "active: the open case SEC-106"),
        ("EXC-009", "expired, but EXC-010 covers the same calls: neither (f) nor EX02"),
        ("EXC-010", "active: all of `identity-api` (mtls_transport_only)"),
    ];
    *out += "\n## Exceptions\n\nCalls: accepted authenticated calls since approval that fail the control and are covered.\n\n| id | control | API | identity | approved | expires | calls by quarter | what is planted |\n|---|---|---|---|---|---|---|---|\n";
    for (nth, (entry, (_, what))) in estate.plan.exceptions.iter().zip(WHAT).enumerate() {
        let of_entry = estate.tally.on_exception.iter().filter(|((entry, _), _)| *entry == nth);
        let calls: Vec<String> = of_entry
            .map(|((_, quarter), (active, after))| match after {
                0 => format!("{}: {active}", estate.quarter_name(*quarter)),
                _ => format!("{}: {active} + {after} after its end", estate.quarter_name(*quarter)),
            })
            .collect();
        *out += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {what} |\n",
            entry.id,
            entry.control,
            entry.api,
            entry.identity,
            entry.approved_at,
            entry.expires_at,
            calls.join(", ")
        );
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Command line
// ---------------------------------------------------------------------------------------------------------------------

struct Arguments {
    out: PathBuf,
    calls: u64,
    seed: u64,
    year: i64,
    quarters: i64,
    is_malformed: bool,
    is_hostile: bool,
}

impl Arguments {
    fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut parsed = Arguments { out: PathBuf::new(), calls: SMALL_ESTATE_CALLS, seed: 1, year: 2026, quarters: 3, is_malformed: false, is_hostile: false };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().ok_or(format!("{word} needs a number"))?;
                value.replace('_', "").parse::<i64>().map_err(|_| format!("`{value}` is not a number"))
            };
            match word.as_str() {
                "--calls" => parsed.calls = number()?.max(0) as u64,
                "--seed" => parsed.seed = number()? as u64,
                "--year" => parsed.year = number()?,
                "--quarters" => parsed.quarters = number()?,
                "--malformed" => parsed.is_malformed = true,
                "--hostile" => parsed.is_hostile = true,
                flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
                path if parsed.out.as_os_str().is_empty() => parsed.out = path.into(),
                extra => return Err(format!("unexpected argument `{extra}`")),
            }
        }
        if parsed.out.as_os_str().is_empty() {
            return Err("OUT_DIR is missing".into());
        }
        if !(1..=8).contains(&parsed.quarters) || !(1971..=2200).contains(&parsed.year) {
            return Err("--quarters is 1 to 8, --year 1971 to 2200".into());
        }
        Ok(parsed)
    }

    /// The options that differ from their defaults.
    fn spelled(&self) -> String {
        let mut text = String::new();
        for (flag, value, default) in
            [("calls", self.calls as i64, SMALL_ESTATE_CALLS as i64), ("seed", self.seed as i64, 1), ("year", self.year, 2026), ("quarters", self.quarters, 3)]
        {
            if value != default {
                text += &format!(" --{flag} {value}");
            }
        }
        for (flag, is_set) in [("malformed", self.is_malformed), ("hostile", self.is_hostile)] {
            if is_set {
                text += &format!(" --{flag}");
            }
        }
        text
    }
}

/// Empties the folders of an earlier estate; refuses those of anything else.
fn prepare_folders(out: &Path) -> io::Result<()> {
    let is_estate = fs::read_to_string(out.join("README.md")).is_ok_and(|text| text.starts_with(README_TITLE));
    for folder in ["gateway", "idp", "tickets", "inventory"] {
        let folder = out.join(folder);
        if folder.exists() && !is_estate {
            return Err(io::Error::other(format!("`{}` exists and is not of an estate", folder.display())));
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
    }
    Ok(())
}

fn generate(arguments: &Arguments) -> io::Result<()> {
    prepare_folders(&arguments.out)?;
    let mut estate = Estate::new(arguments);
    let cases = estate.plant_everything();
    let mut sink = Sink {
        root: arguments.out.clone(),
        open: BTreeMap::new(),
        records: BTreeMap::new(),
        corruption: arguments.is_malformed.then(|| Rng::new(arguments.seed ^ 0xbad)),
        broken: Vec::new(),
    };
    write_logs(&mut estate, &mut sink)?;
    if arguments.is_malformed {
        write_broken_files(&mut estate, &mut sink)?;
    }
    write_tickets(&estate, &arguments.out)?;
    write_inventories(&estate, &arguments.out)?;
    write_readme(&estate, &sink, &cases, arguments)
}

fn main() -> std::process::ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("error: {message}\n{USAGE}");
            return 2.into();
        }
    };
    match generate(&arguments) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error}", arguments.out.display());
            2.into()
        }
    }
}
