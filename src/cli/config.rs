//! credlens.toml -> resolved settings. Unknown keys, wrong units and impossible values are errors with file and line.

use crate::diagnostic::Failure;
use crate::metric::settings::MeasureSettings;
use crate::record::address::Addresses;
use crate::record::request::SourceSettings;
use crate::record::revocation_ticket::TicketSettings;
use crate::record::scope::{DEFAULT_BROAD, DEFAULT_NOT_BROAD, ScopeGrammar};
use crate::record::time::{DateOrder, MICROS_PER_DAY, MICROS_PER_SECOND};
use crate::source::open::Limits;
use chrono_tz::Tz;
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    period: Option<String>,
    as_of: Option<toml::Value>,
    paths: Vec<String>,
    out: Option<PathBuf>,
    max_rejects: Option<toml::Value>,
    memory: Option<String>,
    frames: Option<PathBuf>,
    packs: Vec<PathBuf>,
    metrics: Vec<PathBuf>,
    targets: BTreeMap<String, toml::Value>,
    ttl_limits: BTreeMap<String, String>,
    revoke_targets: BTreeMap<String, String>,
    thresholds: Thresholds,
    scopes: Scopes,
    tickets: Tickets,
    credential_aliases: HashMap<String, String>,
    sources: BTreeMap<String, Source>,
    privacy: Privacy,
    limits: LimitsFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsFile {
    expansion_ratio: Option<u64>,
    decompressed: Option<String>,
    inventory: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Thresholds {
    grace: Option<String>,
    scope_window: Option<String>,
    dormancy: Option<String>,
    exposure_window: Option<String>,
    exception_lifetime: Option<String>,
    over_privileged: Option<String>,
    scopes_known: Option<String>,
    missing_evidence: Option<String>,
    dominant: Option<String>,
    rate_limiting_violates: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Scopes {
    broad: Option<Vec<String>>,
    not_broad: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tickets {
    revoked_statuses: Option<Vec<String>>,
    false_positive_resolutions: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Source {
    verifies: Vec<String>,
    zone: Option<String>,
    /// Year of instants that the source writes without one.
    year: Option<i64>,
    /// Date of instants that are only a time of day.
    date: Option<String>,
    /// Order of dates such as 02/08/2024: `day_first` or `month_first`.
    date_order: Option<DateOrder>,
    /// The source's own `log_format` strings, tried before the pack's.
    format: Option<Formats>,
    /// Columns filled in another way than the pack's.
    request: toml::Table,
    identity_event: toml::Table,
    ticket: toml::Table,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Formats {
    Many(Vec<String>),
    One(String),
}

impl Source {
    /// What of a pack's own text these settings change.
    fn changes(&self) -> toml::Table {
        let mut changes = toml::Table::new();
        if let Some(year) = self.year {
            changes.insert("year".into(), year.into());
        }
        if let Some(date) = &self.date {
            changes.insert("date".into(), date.clone().into());
        }
        if let Some(order) = self.date_order {
            let name = if order == DateOrder::DayFirst { "day_first" } else { "month_first" };
            changes.insert("date_order".into(), name.into());
        }
        if let Some(format) = &self.format {
            let formats = match format {
                Formats::Many(formats) => formats.clone(),
                Formats::One(format) => vec![format.clone()],
            };
            changes.insert("text".into(), toml::Table::from_iter([("formats".to_string(), toml::Value::from(formats))]).into());
        }
        for (name, table) in [("request", &self.request), ("identity_event", &self.identity_event), ("ticket", &self.ticket)] {
            if !table.is_empty() {
                changes.insert(name.into(), table.clone().into());
            }
        }
        changes
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Privacy {
    /// A file whose bytes are the HMAC key of every digest.
    hash_key_file: Option<PathBuf>,
    hide_people: bool,
    /// What names of people look like, besides mail addresses.
    people: Vec<String>,
    addresses: Option<String>,
}

/// Settings with no choice left open.
#[derive(Debug)]
pub struct Config {
    /// The file they came from, if any.
    pub file: Option<PathBuf>,
    /// Its text, for the digest.
    pub text: String,
    pub period: Option<String>,
    pub as_of: Option<String>,
    pub paths: Vec<String>,
    pub out: PathBuf,
    pub max_rejects: f64,
    /// Bytes that record-level data may take in memory.
    pub memory: Option<usize>,
    /// Where what files give is kept for later runs.
    pub frames: Option<PathBuf>,
    pub packs: Vec<(String, String)>,
    pub metric_folders: Vec<PathBuf>,
    pub measure: MeasureSettings,
    pub grammar: ScopeGrammar,
    pub tickets: TicketSettings,
    pub credential_aliases: HashMap<String, String>,
    pub sources: HashMap<String, SourceSettings>,
    pub zones: HashMap<String, Tz>,
    /// By pack id: keys of the pack that the user sets in another way.
    pub pack_changes: BTreeMap<String, toml::Table>,
    pub hash_key: Option<Vec<u8>>,
    /// Pseudonyms for people.
    pub hide_people: bool,
    /// What names of people look like.
    pub people: Vec<Regex>,
    pub addresses: Addresses,
    pub limits: Limits,
}

/// Share of records that may be rejected before the run's gate fails.
const DEFAULT_MAX_REJECTS: f64 = 0.01;

impl Config {
    /// Reads the configuration: the named file, else ./credlens.toml, else credlens.toml of the first folder given, else
    /// the defaults.
    pub fn load(named: Option<&Path>, paths: &[String]) -> Result<Config, Failure> {
        let found = match named {
            Some(path) => Some(path.to_path_buf()),
            None => {
                [PathBuf::from("credlens.toml")].into_iter().chain(paths.first().map(|path| Path::new(path).join("credlens.toml"))).find(|path| path.is_file())
            }
        };
        match found {
            None => Config::resolve(ConfigFile::default(), None, String::new()),
            Some(path) => {
                let text = std::fs::read_to_string(&path).map_err(|error| Failure::io("A003", path.display().to_string(), error))?;
                let file = toml::from_str(&text).map_err(|error| unreadable(&path, &text, &error))?;
                Config::resolve(file, Some(path), text)
            }
        }
    }

    /// The configuration that a text says, its paths relative to the working folder.
    pub fn from_text(text: &str) -> Result<Config, Failure> {
        let file = toml::from_str(text).map_err(|error| unreadable(Path::new("credlens.toml"), text, &error))?;
        Config::resolve(file, None, text.to_string())
    }

    fn resolve(file: ConfigFile, path: Option<PathBuf>, text: String) -> Result<Config, Failure> {
        let folder = path.as_ref().and_then(|path| path.parent()).map(Path::to_path_buf).unwrap_or_default();
        let place = path.clone().unwrap_or_else(|| PathBuf::from("credlens.toml"));
        let bad = |key: &str, error: String| wrong(&place, format!("`{key}`: {error}{}", line_of(&text, key)));
        let mut measure = MeasureSettings::default();
        measure_settings(&file, &mut measure).map_err(|(key, error)| bad(&key, error))?;
        let own = |list: &[&str]| list.iter().map(|item| item.to_string()).collect::<Vec<_>>();
        let broad = file.scopes.broad.unwrap_or_else(|| own(&DEFAULT_BROAD));
        let not_broad = file.scopes.not_broad.unwrap_or_else(|| own(&DEFAULT_NOT_BROAD));
        let grammar = ScopeGrammar::new(&broad, &not_broad).map_err(|error| bad("broad", error.to_string()))?;
        let defaults = TicketSettings::default();
        let tickets = TicketSettings {
            revoked_statuses: file.tickets.revoked_statuses.unwrap_or(defaults.revoked_statuses),
            false_positive_resolutions: file.tickets.false_positive_resolutions,
        };
        let (mut sources, mut zones, mut pack_changes) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        for (id, source) in &file.sources {
            sources.insert(id.clone(), source_settings(source).map_err(|error| bad("verifies", error))?);
            let changes = source.changes();
            if !changes.is_empty() {
                pack_changes.insert(id.clone(), changes);
            }
            if let Some(zone) = &source.zone {
                zones.insert(id.clone(), zone.parse().map_err(|_| bad("zone", format!("`{zone}` is no time zone, such as Europe/Paris")))?);
            }
        }
        let read =
            |path: &PathBuf| std::fs::read_to_string(folder.join(path)).map_err(|error| Failure::io("A003", folder.join(path).display().to_string(), error));
        let packs = file.packs.iter().map(|path| Ok((path.display().to_string(), read(path)?))).collect::<Result<_, Failure>>()?;
        let key_file = file.privacy.hash_key_file.as_ref().map(|path| folder.join(path));
        let hash_key = key_file.map(|path| std::fs::read(&path).map_err(|error| Failure::io("A003", path.display().to_string(), error))).transpose()?;
        let max_rejects = file.max_rejects.as_ref().map(plain_text).as_deref().map(parse_share).transpose().map_err(|error| bad("max_rejects", error))?;
        let people = file.privacy.people.iter().map(|text| Regex::new(text)).collect::<Result<_, _>>().map_err(|error| bad("people", error.to_string()))?;
        let addresses = match file.privacy.addresses.as_deref() {
            None => Addresses::default(),
            Some(text) => Addresses::from_text(text).ok_or_else(|| bad("addresses", format!("`{text}` is none of whole, network, none")))?,
        };
        let limits = limits(&file.limits).map_err(|(key, error)| bad(&key, error))?;
        Ok(Config {
            period: file.period,
            as_of: file.as_of.as_ref().map(plain_text),
            paths: file.paths.iter().map(|path| folder.join(path).to_string_lossy().into_owned()).collect(),
            out: file.out.map_or_else(|| PathBuf::from("out"), |out| folder.join(out)),
            max_rejects: max_rejects.unwrap_or(DEFAULT_MAX_REJECTS),
            memory: file.memory.as_deref().map(parse_memory).transpose().map_err(|error| bad("memory", error))?,
            frames: file.frames.map(|frames| folder.join(frames)),
            packs,
            metric_folders: file.metrics.iter().map(|path| folder.join(path)).collect(),
            measure,
            grammar,
            tickets,
            credential_aliases: file.credential_aliases,
            sources,
            zones,
            pack_changes,
            hash_key,
            hide_people: file.privacy.hide_people,
            people,
            addresses,
            limits,
            file: path,
            text,
        })
    }
}

/// A date, number or text as text.
fn plain_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn wrong(path: &Path, message: String) -> Failure {
    Failure::new("A003", message).at(path.display().to_string()).hint("README.md lists every key of credlens.toml with its unit and default")
}

fn unreadable(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let failure = Failure::of_toml("A003", &path.display().to_string(), text, error);
    let where_to_look = "README.md lists every key of credlens.toml with its unit and default";
    let hint = failure.hint.as_deref().map_or_else(|| where_to_look.to_string(), |hint| format!("{hint} {where_to_look}"));
    failure.hint(hint)
}

/// ` (line 14)` of the first line that sets a key.
fn line_of(text: &str, key: &str) -> String {
    let name = key.rsplit('.').next().unwrap_or(key);
    let line = text.lines().position(|line| line.trim_start().trim_start_matches('"').starts_with(name));
    line.map_or_else(String::new, |line| format!(" (line {})", line + 1))
}

fn source_settings(source: &Source) -> Result<SourceSettings, String> {
    let mut settings = SourceSettings::default();
    for proof in &source.verifies {
        match proof.as_str() {
            "dpop" => settings.verifies_dpop = true,
            "mtls" => settings.verifies_mtls = true,
            other => return Err(format!("`{other}` is neither `dpop` nor `mtls`")),
        }
    }
    Ok(settings)
}

type Wrong = (String, String);

fn measure_settings(file: &ConfigFile, measure: &mut MeasureSettings) -> Result<(), Wrong> {
    let duration = |key: &str, text: &Option<String>, place: &mut i64| -> Result<(), Wrong> {
        if let Some(text) = text {
            *place = parse_duration(text).map_err(|error| (key.to_string(), error))?;
        }
        Ok(())
    };
    let percent = |key: &str, text: &Option<String>, place: &mut i64| -> Result<(), Wrong> {
        if let Some(text) = text {
            let share = parse_share(text).map_err(|error| (key.to_string(), error))?;
            *place = (share * 100.0).round() as i64;
            if (share * 100.0 - *place as f64).abs() > 1e-9 {
                return Err((key.to_string(), format!("`{text}` is no whole percentage")));
            }
        }
        Ok(())
    };
    let thresholds = &file.thresholds;
    duration("grace", &thresholds.grace, &mut measure.grace_us)?;
    duration("scope_window", &thresholds.scope_window, &mut measure.window_us)?;
    duration("dormancy", &thresholds.dormancy, &mut measure.dormant_us)?;
    duration("exposure_window", &thresholds.exposure_window, &mut measure.attach_us)?;
    let mut lifetime = measure.exception_days * MICROS_PER_DAY;
    duration("exception_lifetime", &thresholds.exception_lifetime, &mut lifetime)?;
    if lifetime % MICROS_PER_DAY != 0 {
        return Err(("exception_lifetime".into(), "an exception lasts whole days".into()));
    }
    measure.exception_days = lifetime / MICROS_PER_DAY;
    percent("over_privileged", &thresholds.over_privileged, &mut measure.over_privileged_percent)?;
    percent("scopes_known", &thresholds.scopes_known, &mut measure.scope_known_percent)?;
    percent("missing_evidence", &thresholds.missing_evidence, &mut measure.no_evidence_percent)?;
    percent("dominant", &thresholds.dominant, &mut measure.dominant_percent)?;
    measure.rate_limited_counts = thresholds.rate_limiting_violates.unwrap_or(false);
    for (kind, text) in &file.ttl_limits {
        let limit = parse_duration(text).map_err(|error| (kind.clone(), error))?;
        match measure.ttl_limits_us.get_mut(kind) {
            Some(place) => *place = limit,
            None => return Err((format!("ttl_limits.{kind}"), "no credential kind has this name".into())),
        }
    }
    for (severity, text) in &file.revoke_targets {
        let target = parse_duration(text).map_err(|error| (severity.clone(), error))?;
        if severity == "default" {
            measure.revoke_target_us = target;
        } else {
            measure.revoke_targets_us.insert(severity.clone(), target);
        }
    }
    for (id, value) in &file.targets {
        let target = match value {
            toml::Value::Float(value) => *value,
            toml::Value::Integer(value) => *value as f64,
            toml::Value::String(text) => parse_share(text)
                .or_else(|_| parse_duration(text).map(|micros| micros as f64 / MICROS_PER_SECOND as f64))
                .map_err(|_| (format!("targets.{id}"), format!("`{text}` is neither a share (75%) nor a duration (24h)")))?,
            other => return Err((format!("targets.{id}"), format!("`{other}` is no number"))),
        };
        measure.targets.insert(id.clone(), target);
    }
    Ok(())
}

fn limits(file: &LimitsFile) -> Result<Limits, Wrong> {
    let defaults = Limits::default();
    let size = |key: &str, text: &Option<String>, usual: u64| match text {
        None => Ok(usual),
        Some(text) => parse_size(text).map_err(|error| (key.to_string(), error)),
    };
    Ok(Limits {
        expansion_ratio: file.expansion_ratio.unwrap_or(defaults.expansion_ratio).max(1),
        decompressed: size("decompressed", &file.decompressed, defaults.decompressed)?,
        inventory: size("inventory", &file.inventory, defaults.inventory)?,
    })
}

/// `64MB`, `2GiB` -> bytes.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let wrong = || format!("`{text}` is no size; write 640MB or 2GiB");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unit: u64 = match text[digits..].trim() {
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(wrong()),
    };
    text[..digits].parse::<u64>().ok().and_then(|count| count.checked_mul(unit)).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

/// `300s`, `5m`, `24h`, `90d` -> microseconds.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unit = match text[digits..].trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(format!("`{text}` is no duration; write 300s, 5m, 24h or 90d")),
    };
    let count: i64 = text[..digits].parse().map_err(|_| format!("`{text}` is no duration; write 300s, 5m, 24h or 90d"))?;
    count.checked_mul(unit * MICROS_PER_SECOND).filter(|micros| *micros <= 36_500 * MICROS_PER_DAY).ok_or_else(|| format!("`{text}` is longer than a century"))
}

/// `1%` or `0.01` -> 0.01.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let value = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|value| value / 100.0),
        None => text.parse::<f64>(),
    };
    value.ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| format!("`{text}` is no share; write 1% or 0.01"))
}

/// `640MB`, `2GiB` -> bytes, at least 256 MB: below that not even the queries' plans fit.
pub fn parse_memory(text: &str) -> Result<usize, String> {
    const SMALLEST: u64 = 256_000_000;
    let bytes = parse_size(text)?;
    if bytes < SMALLEST { Err(format!("`{text}` is too little; at least 256MB")) } else { usize::try_from(bytes).map_err(|error| error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Config, String> {
        Config::from_text(text).map_err(|failure| failure.message)
    }

    #[test]
    fn durations_and_shares_have_units() {
        assert_eq!((parse_duration("300s"), parse_duration("90d").unwrap()), (Ok(300_000_000), 90 * MICROS_PER_DAY));
        assert!(parse_duration("90").is_err() && parse_duration("-1d").is_err() && parse_duration("").is_err());
        assert_eq!((parse_share("1%"), parse_share("0.5")), (Ok(0.01), Ok(0.5)));
        assert!(parse_share("120%").is_err());
        assert_eq!((parse_size("64MB"), parse_size("1 TB")), (Ok(64_000_000), Ok(1_000_000_000_000)));
        assert!(["64", "MB", "0MB", "-1MB", "64M", "99999999999999TB", "é"].iter().all(|text| parse_size(text).is_err()));
        assert_eq!((parse_memory("640MB"), parse_memory("2 GiB")), (Ok(640_000_000), Ok(2 << 30)));
        assert!(["640", "1MB", "-1GB", "99999999999999999999GB"].iter().all(|text| parse_memory(text).is_err()));
    }

    #[test]
    fn a_source_may_change_its_pack() {
        let config = resolve("[sources.x]\nformat = '$a $b'\nyear = 2026\n[sources.x.request]\napi = ['b']\n[sources.y]\nverifies = []").unwrap();
        let changes = &config.pack_changes["x"];
        assert_eq!(changes["text"]["formats"][0].as_str(), Some("$a $b"));
        assert_eq!((changes["year"].as_integer(), changes["request"]["api"][0].as_str()), (Some(2026), Some("b")));
        assert!(!config.pack_changes.contains_key("y"));
    }

    #[test]
    fn mistakes_are_told_with_their_key_and_line() {
        assert!(resolve("targts = 1").unwrap_err().contains("unknown field `targts`"));
        assert!(resolve("[thresholds]\n\ngrace = \"5 parsecs\"").unwrap_err().contains("`grace`: `5 parsecs` is no duration"));
        assert!(resolve("[thresholds]\n\ngrace = \"5 parsecs\"").unwrap_err().contains("(line 3)"));
        assert!(resolve("[ttl_limits]\npassword = \"1d\"").unwrap_err().contains("no credential kind"));
        assert!(resolve("[scopes]\nbroad = [\"(\"]").unwrap_err().contains("broad"));
        let config = resolve("[ttl_limits]\naccess_token = \"10m\"\n[targets]\nSC01 = \"80%\"\nRV01 = \"12h\"\n[sources.kong]\nverifies = [\"dpop\"]").unwrap();
        assert_eq!(config.measure.ttl_limits_us["access_token"], 600_000_000);
        assert_eq!((config.measure.targets["SC01"], config.measure.targets["RV01"]), (0.8, 43_200.0));
        assert!(config.sources["kong"].verifies_dpop);
    }

    /// The template with every commented key in force.
    fn uncommented() -> String {
        let open = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && !rest.is_empty() => rest.to_string(),
            _ => line.to_string(),
        };
        crate::cli::commands::init::CONFIG.lines().map(open).collect::<Vec<_>>().join("\n")
    }

    /// The keys that a table of the configuration takes, as its error for an unknown one lists them.
    fn keys_of(table: &str) -> Vec<String> {
        let text = if table.is_empty() { "no_such_key = 1".to_string() } else { format!("[{table}]\nno_such_key = 1") };
        let error = toml::from_str::<ConfigFile>(&text).unwrap_err().to_string();
        let listed = error.split("expected").nth(1).unwrap_or_default();
        listed.split('`').skip(1).step_by(2).map(str::to_string).collect()
    }

    #[test]
    fn the_template_of_init_holds_every_key_with_its_default() {
        let text = uncommented();
        let document: toml::Table = text.parse().unwrap();
        for table in ["", "thresholds", "scopes", "tickets", "sources.nginx", "privacy", "limits"] {
            let place = table.split('.').filter(|name| !name.is_empty()).fold(&document, |place, name| place[name].as_table().unwrap());
            let keys = keys_of(table);
            assert!(!keys.is_empty(), "{table}");
            assert_eq!(keys.iter().filter(|key| !place.contains_key(*key)).collect::<Vec<_>>(), Vec::<&String>::new(), "[{table}]");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("credlens.key"), "key").unwrap();
        let file: ConfigFile = toml::from_str(&text).unwrap();
        assert_eq!(file.scopes.broad.as_deref().unwrap(), DEFAULT_BROAD.map(String::from));
        assert_eq!(file.scopes.not_broad.as_deref().unwrap(), DEFAULT_NOT_BROAD.map(String::from));
        assert_eq!(file.tickets.revoked_statuses.as_deref().unwrap(), TicketSettings::default().revoked_statuses);
        let config = Config::resolve(file, Some(folder.path().join("credlens.toml")), text).unwrap();
        let defaults = MeasureSettings::default();
        assert_eq!(MeasureSettings { targets: BTreeMap::new(), ..config.measure.clone() }, defaults);
        assert_eq!(config.max_rejects, DEFAULT_MAX_REJECTS);
        assert_eq!((config.limits, config.addresses, config.hide_people), (Limits::default(), Addresses::default(), false));
        let definitions = crate::metric::catalog::Catalog::new(&[]).unwrap().definitions();
        let targets: BTreeMap<String, f64> = definitions.into_iter().filter_map(|(id, definition)| Some((id, definition.target?))).collect();
        assert_eq!(config.measure.targets, targets);
    }

    #[test]
    fn the_template_of_init_says_nothing_but_paths() {
        let config = resolve(crate::cli::commands::init::CONFIG).unwrap();
        assert_eq!((config.paths.len(), config.measure), (2, MeasureSettings::default()));
    }
}
