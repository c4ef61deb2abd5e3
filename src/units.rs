//! Numbers as people read them: `61.2%`, `+7.1 pp`, `1 h 39 min`, `41,906,112`.
//!
//! Everything is rounded once, here, to a fixed number of places, so no float noise reaches a file.
//! The minus sign is ASCII; a renderer that wants `−` replaces it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The unit of a metric's values, as in metric.toml and metrics.parquet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Share,
    Seconds,
    Count,
}

impl Unit {
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Share => "share",
            Unit::Seconds => "seconds",
            Unit::Count => "count",
        }
    }

    /// `61.2%`, `52 min` or `1,548`.
    pub fn format(self, value: f64) -> String {
        match self {
            Unit::Share => Share(value).to_string(),
            Unit::Seconds => DurationSeconds(value).to_string(),
            Unit::Count => Count::rounded(value).to_string(),
        }
    }

    /// A difference of two values, always with its sign: `+7.1 pp`, `-1 h 39 min`, `+0`.
    pub fn format_change(self, difference: f64) -> String {
        let text = match self {
            Unit::Share => return Points(difference).to_string(),
            Unit::Seconds => DurationSeconds(difference).to_string(),
            Unit::Count => Count::rounded(difference).to_string(),
        };
        with_sign(text)
    }

    /// The bare figure of a target: `75%`, `1 h`, `0`, without places that say nothing.
    pub fn format_target(self, value: f64) -> String {
        match self {
            Unit::Share => format!("{}%", trim_zeros(fixed(value * 100.0, 2))),
            Unit::Seconds | Unit::Count => self.format(value),
        }
    }

    /// Like `format`, with more places where rounding would make a missed target look met:
    /// 74.96% against 75% must not read `75.0%`.
    pub fn format_beside_target(self, value: f64, target: Option<f64>) -> String {
        match (self, target) {
            (Unit::Share, Some(target)) if value != target => {
                (1..=4).map(|places| percent(value, places)).find(|text| *text != percent(target, places_of(text))).unwrap_or_else(|| Share(value).to_string())
            }
            _ => self.format(value),
        }
    }
}

/// A share 0..1, printed as a percentage with one place. What is not quite none or all never reads
/// `0.0%` or `100.0%`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&percent(self.0, 1))
    }
}

/// A difference of two shares, printed in percentage points with its sign: `+7.1 pp`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Points(pub f64);

impl fmt::Display for Points {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_finite() {
            return formatter.write_str("?");
        }
        write!(formatter, "{} pp", with_sign(fixed(self.0 * 100.0, 1)))
    }
}

/// A number of seconds, printed in its two largest units that matter.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct DurationSeconds(pub f64);

impl fmt::Display for DurationSeconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_finite() {
            return formatter.write_str("?");
        }
        let sign = if self.0 <= -0.5 { "-" } else { "" };
        let seconds = self.0.abs();
        let (large, small, large_name, small_name) = match seconds {
            it if it < 0.5 && it > 0.0 => return formatter.write_str("< 1 s"),
            it if it < 59.5 => return write!(formatter, "{sign}{} s", it.round()),
            // Below ten minutes the seconds matter, below two days the minutes, above it the hours.
            it if it < 599.5 => split(it, 60, "min", "s"),
            it if it < 172_770.0 => split(it / 60.0, 60, "h", "min"),
            it => split(it / 3600.0, 24, "d", "h"),
        };
        match (large, small) {
            (0, small) => write!(formatter, "{sign}{small} {small_name}"),
            (large, 0) => write!(formatter, "{sign}{} {large_name}", Count(large)),
            (large, small) => {
                write!(formatter, "{sign}{} {large_name} {small} {small_name}", Count(large))
            }
        }
    }
}

/// A count with thousands separators: `41,906,112`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub i64);

impl Count {
    /// Counts travel as doubles in the `value` column; beyond 2^63 the cast saturates.
    pub fn rounded(value: f64) -> Count {
        Count(value.round() as i64)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.unsigned_abs().to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
        if self.0 < 0 {
            text.push('-');
        }
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        formatter.pad(&text)
    }
}

/// `3 APIs`, `1 API`.
pub fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{} {}", Count(count), if count == 1 { one } else { many })
}

/// Compact for chart axes: `1.2k`, `3.4M`.
pub fn compact(value: f64) -> String {
    let size = value.abs();
    match size {
        it if it < 1_000.0 => trim_zeros(fixed(value, 1)),
        it if it < 999_950.0 => format!("{}k", trim_zeros(fixed(value / 1e3, 1))),
        it if it < 999_950_000.0 => format!("{}M", trim_zeros(fixed(value / 1e6, 1))),
        _ => format!("{}G", trim_zeros(fixed(value / 1e9, 1))),
    }
}

/// A number of small units, rounded, as (large, small) with their names.
fn split(small_units: f64, per_large: i64, large_name: &'static str, small_name: &'static str) -> (i64, i64, &'static str, &'static str) {
    let units = small_units.round() as i64;
    (units / per_large, units % per_large, large_name, small_name)
}

fn percent(share: f64, places: usize) -> String {
    if !share.is_finite() {
        return "?".to_owned();
    }
    let least = 10_f64.powi(-(places as i32));
    let text = fixed(share * 100.0, places);
    if share > 0.0 && text == fixed(0.0, places) {
        format!("< {least}%")
    } else if share < 1.0 && text == fixed(100.0, places) {
        format!("> {}%", fixed(100.0 - least, places))
    } else {
        format!("{text}%")
    }
}

fn places_of(percentage: &str) -> usize {
    percentage.trim_end_matches('%').split_once('.').map_or(0, |(_, places)| places.len())
}

/// Fixed places, halves away from zero as spreadsheets do, and never `-0.0`.
fn fixed(value: f64, places: usize) -> String {
    let scale = 10_f64.powi(places as i32);
    let text = format!("{:.places$}", (value * scale).round() / scale);
    let is_zero = text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    match text.strip_prefix('-') {
        Some(positive) if is_zero => positive.to_owned(),
        _ => text,
    }
}

fn trim_zeros(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn with_sign(text: String) -> String {
    if text.starts_with(['-', '<', '?']) { text } else { format!("+{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_one_place_and_never_round_to_all_or_none() {
        let text = |share: f64| Share(share).to_string();
        assert_eq!(text(131.0 / 214.0), "61.2%");
        assert_eq!(text(0.1 + 0.2), "30.0%");
        assert_eq!((text(0.0), text(1.0)), ("0.0%".into(), "100.0%".into()));
        assert_eq!((text(0.0001), text(0.99996)), ("< 0.1%".into(), "> 99.9%".into()));
        assert_eq!(text(f64::NAN), "?");
    }

    #[test]
    fn a_missed_target_never_reads_as_met() {
        let text = |value, target| Unit::Share.format_beside_target(value, Some(target));
        assert_eq!(text(0.7496, 0.75), "74.96%");
        assert_eq!(text(0.75, 0.75), "75.0%");
        assert_eq!(text(0.612, 0.75), "61.2%");
        assert_eq!(text(0.98999, 0.99), "98.999%");
        assert_eq!(Unit::Seconds.format_beside_target(3120.0, Some(3600.0)), "52 min");
    }

    #[test]
    fn differences_carry_their_sign() {
        assert_eq!(Points(0.0713).to_string(), "+7.1 pp");
        assert_eq!(Points(-0.028).to_string(), "-2.8 pp");
        assert_eq!(Points(0.1125).to_string(), "+11.3 pp");
        assert_eq!(Points(-0.00001).to_string(), "+0.0 pp");
        assert_eq!(Unit::Seconds.format_change(-5940.0), "-1 h 39 min");
        assert_eq!(Unit::Count.format_change(-1548.0), "-1,548");
        assert_eq!(Unit::Count.format_change(0.0), "+0");
    }

    #[test]
    fn durations_use_two_units_and_carry() {
        let text = |seconds: f64| DurationSeconds(seconds).to_string();
        let cases = [
            (0.0, "0 s"),
            (0.2, "< 1 s"),
            (45.4, "45 s"),
            (59.7, "1 min"),
            (130.0, "2 min 10 s"),
            (599.7, "10 min"),
            (3120.0, "52 min"),
            (3599.7, "1 h"),
            (5940.0, "1 h 39 min"),
            (86_400.0, "24 h"),
            (68_400.0, "19 h"),
            (172_800.0, "2 d"),
            (273_600.0, "3 d 4 h"),
            (-5940.0, "-1 h 39 min"),
            (90_000_000.0, "1,041 d 16 h"),
            (f64::INFINITY, "?"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(text(seconds), expected, "{seconds} s");
        }
    }

    #[test]
    fn counts_are_grouped() {
        let text = |count| Count(count).to_string();
        assert_eq!((text(0), text(999)), ("0".into(), "999".into()));
        assert_eq!((text(1000), text(-41_906_112)), ("1,000".into(), "-41,906,112".into()));
        assert_eq!(text(i64::MIN), "-9,223,372,036,854,775,808");
        assert_eq!(counted(1, "API", "APIs"), "1 API");
        assert_eq!(counted(1204, "API", "APIs"), "1,204 APIs");
    }

    #[test]
    fn targets_drop_places_that_say_nothing() {
        assert_eq!(Unit::Share.format_target(0.75), "75%");
        assert_eq!(Unit::Share.format_target(0.995), "99.5%");
        assert_eq!(Unit::Seconds.format_target(86_400.0), "24 h");
        assert_eq!(Unit::Count.format_target(0.0), "0");
    }

    #[test]
    fn axis_labels_are_compact() {
        let labels = [0.0, 950.0, 1200.0, 999_960.0, 41_906_112.0, 2.5e9].map(compact);
        assert_eq!(labels, ["0", "950", "1.2k", "1M", "41.9M", "2.5G"]);
    }
}
