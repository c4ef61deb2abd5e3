//! Periods and UTC instants: what `2026-Q2` means in microseconds, and which period came before.
//!
//! Every period is half open, `[start, end)`, in UTC. An instant is an `i64` of microseconds since
//! 1970-01-01T00:00:00Z, the unit of every timestamp column. No function here reads the clock or
//! knows a local time zone.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Months, NaiveDate, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// The length a period is computed at. `Range` is only ever the headline period of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    Quarter,
    Month,
    Range,
}

impl Grain {
    pub fn as_str(self) -> &'static str {
        match self {
            Grain::Quarter => "quarter",
            Grain::Month => "month",
            Grain::Range => "range",
        }
    }

    /// The plural a reader expects above a history column: "5 quarters".
    pub fn plural(self) -> &'static str {
        match self {
            Grain::Quarter => "quarters",
            Grain::Month => "months",
            Grain::Range => "periods",
        }
    }
}

/// A calendar quarter, a calendar month, or a half-open range of UTC days.
///
/// The fields are private so that a `Period` always exists in the calendar and a range that is a
/// quarter or a month is that quarter or month: one period has one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    grain: Grain,
    start: NaiveDate,
    end: NaiveDate,
}

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodError {
    pub text: String,
    pub why: &'static str,
}

impl fmt::Display for PeriodError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is not a period: {}", self.text.escape_debug(), self.why)
    }
}

impl std::error::Error for PeriodError {}

const FORMS: &str = "expected 2026-Q2, 2026-05 or 2026-04-01..2026-07-01 (end excluded)";

impl Period {
    pub fn quarter(year: i32, quarter: u32) -> Option<Period> {
        if !(1..=4).contains(&quarter) {
            return None;
        }
        Period::of_months(Grain::Quarter, year, quarter * 3 - 2, 3)
    }

    pub fn month(year: i32, month: u32) -> Option<Period> {
        Period::of_months(Grain::Month, year, month, 1)
    }

    /// `[start, end)`; a range that is exactly one quarter or one month becomes it.
    pub fn range(start: NaiveDate, end: NaiveDate) -> Option<Period> {
        if start >= end || !is_supported(start) || !is_supported(end) {
            return None;
        }
        let quarter = Period::quarter(start.year(), start.month0() / 3 + 1);
        let month = Period::month(start.year(), start.month());
        [quarter, month].into_iter().flatten().find(|named| named.start == start && named.end == end).or(Some(Period { grain: Grain::Range, start, end }))
    }

    /// The quarter or month an instant falls in; `None` for a range, which has no calendar.
    pub fn containing(instant_us: i64, grain: Grain) -> Option<Period> {
        let day = day_of(instant_us)?;
        match grain {
            Grain::Quarter => Period::quarter(day.year(), day.month0() / 3 + 1),
            Grain::Month => Period::month(day.year(), day.month()),
            Grain::Range => None,
        }
    }

    pub fn grain(&self) -> Grain {
        self.grain
    }

    pub fn start_us(&self) -> i64 {
        us_of_day(self.start)
    }

    /// The first instant that no longer belongs to the period.
    pub fn end_us(&self) -> i64 {
        us_of_day(self.end)
    }

    pub fn contains(&self, instant_us: i64) -> bool {
        self.start_us() <= instant_us && instant_us < self.end_us()
    }

    pub fn n_days(&self) -> i64 {
        (self.end - self.start).num_days()
    }

    /// The previous period of equal length: the calendar's for a quarter or month. A range of whole
    /// months steps back by as many months, any other by as many days.
    pub fn previous(&self) -> Option<Period> {
        self.step(false)
    }

    pub fn next(&self) -> Option<Period> {
        self.step(true)
    }

    /// This period and the `count - 1` before it, oldest first.
    pub fn history(&self, count: usize) -> Vec<Period> {
        let mut periods: Vec<Period> = std::iter::successors(Some(*self), Period::previous).take(count).collect();
        periods.reverse();
        periods
    }

    /// Running number within the grain: one more per calendar quarter or month. Ranges count days.
    pub fn ordinal(&self) -> i64 {
        let month = i64::from(self.start.year()) * 12 + i64::from(self.start.month0());
        match self.grain {
            Grain::Quarter => month / 3,
            Grain::Month => month,
            Grain::Range => self.start_us() / MICROS_PER_DAY,
        }
    }

    /// The calendar months the period touches, in order.
    pub fn months(&self) -> Vec<Period> {
        let first = Period::month(self.start.year(), self.start.month());
        std::iter::successors(first, Period::next).take_while(|month| month.start < self.end).collect()
    }

    /// The name as short as it stays clear beside `other`: `Q1` beside `2026-Q2`, but `2025-Q4`.
    pub fn short_beside(&self, other: &Period) -> String {
        let is_same_year = self.start.year() == other.start.year();
        match self.grain {
            Grain::Quarter if is_same_year => format!("Q{}", self.start.month0() / 3 + 1),
            _ => self.to_string(),
        }
    }

    fn of_months(grain: Grain, year: i32, month: u32, count: u32) -> Option<Period> {
        let start = NaiveDate::from_ymd_opt(year, month, 1)?;
        let end = start.checked_add_months(Months::new(count))?;
        (is_supported(start) && is_supported(end)).then_some(Period { grain, start, end })
    }

    fn step(&self, is_forward: bool) -> Option<Period> {
        let Some(months) = self.whole_months() else {
            let length = self.end - self.start;
            return if is_forward {
                Period::range(self.end, self.end.checked_add_signed(length)?)
            } else {
                Period::range(self.start.checked_sub_signed(length)?, self.start)
            };
        };
        if is_forward {
            Period::range(self.end, self.end.checked_add_months(months)?)
        } else {
            Period::range(self.start.checked_sub_months(months)?, self.start)
        }
    }

    fn whole_months(&self) -> Option<Months> {
        let is_whole = self.start.day() == 1 && self.end.day() == 1;
        let months = (self.end.year() - self.start.year()) * 12 + self.end.month0() as i32 - self.start.month0() as i32;
        is_whole.then(|| Months::new(months.unsigned_abs()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let year = self.start.year();
        match self.grain {
            Grain::Quarter => write!(formatter, "{year:04}-Q{}", self.start.month0() / 3 + 1),
            Grain::Month => write!(formatter, "{year:04}-{:02}", self.start.month()),
            Grain::Range => write!(formatter, "{}..{}", self.start, self.end),
        }
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Period, PeriodError> {
        let error = |why| PeriodError { text: text.to_owned(), why };
        if let Some((start, end)) = text.split_once("..") {
            let start = parse_day(start).ok_or(error("the start is not a day like 2026-04-01"))?;
            let end = parse_day(end).ok_or(error("the end is not a day like 2026-07-01"))?;
            return Period::range(start, end).ok_or(error("the end must lie after the start"));
        }
        let (year, part) = text.split_once('-').ok_or(error(FORMS))?;
        let year = parse_digits(year, 4).ok_or(error(FORMS))? as i32;
        let period = match part.strip_prefix(['Q', 'q']) {
            Some(quarter) => parse_digits(quarter, 1).and_then(|it| Period::quarter(year, it)),
            None => parse_digits(part, 2).and_then(|month| Period::month(year, month)),
        };
        period.ok_or(error(FORMS))
    }
}

/// By start, then the longer first, so that a quarter stands before its months.
impl Ord for Period {
    fn cmp(&self, other: &Period) -> std::cmp::Ordering {
        (self.start, std::cmp::Reverse(self.end), self.grain).cmp(&(other.start, std::cmp::Reverse(other.end), other.grain))
    }
}

impl PartialOrd for Period {
    fn partial_cmp(&self, other: &Period) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// RFC 3339 in UTC, with a fraction only where there is one: `2026-07-01T00:00:00Z`.
pub fn format_instant(instant_us: i64) -> String {
    match DateTime::from_timestamp_micros(instant_us) {
        Some(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        None => format!("{instant_us} us"),
    }
}

/// For people: `2026-05-14 09:12 UTC`, cut to the minute.
pub fn format_minute(instant_us: i64) -> String {
    match DateTime::from_timestamp_micros(instant_us) {
        Some(instant) => instant.format("%Y-%m-%d %H:%M UTC").to_string(),
        None => format!("{instant_us} us"),
    }
}

/// The UTC day: `2026-05-14`.
pub fn format_day(instant_us: i64) -> String {
    match day_of(instant_us) {
        Some(day) => day.to_string(),
        None => format!("{instant_us} us"),
    }
}

/// `--as-of`: an RFC 3339 instant, or a day, which stands for its first instant in UTC.
pub fn parse_instant(text: &str) -> Option<i64> {
    if let Some(day) = parse_day(text) {
        return Some(us_of_day(day));
    }
    let instant = DateTime::parse_from_rfc3339(text).ok()?;
    Some(instant.timestamp_micros())
}

fn day_of(instant_us: i64) -> Option<NaiveDate> {
    Some(DateTime::from_timestamp_micros(instant_us)?.date_naive())
}

/// Years 1970 to 9999 fit an `i64` of microseconds many times over.
fn us_of_day(day: NaiveDate) -> i64 {
    (day - NaiveDate::default()).num_days() * MICROS_PER_DAY
}

fn is_supported(day: NaiveDate) -> bool {
    (1970..=10_000).contains(&day.year())
}

fn parse_day(text: &str) -> Option<NaiveDate> {
    let mut parts = text.splitn(3, '-');
    let year = parse_digits(parts.next()?, 4)? as i32;
    let month = parse_digits(parts.next()?, 2)?;
    let day = parse_digits(parts.next()?, 2)?;
    NaiveDate::from_ymd_opt(year, month, day).filter(|day| is_supported(*day))
}

/// Exactly `length` ASCII digits; `str::parse` alone would take `+5` as well.
fn parse_digits(text: &str, length: usize) -> Option<u32> {
    let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(text: &str) -> Period {
        text.parse().expect("a period")
    }

    #[test]
    fn each_form_is_parsed_and_printed_the_same() {
        for text in ["2026-Q2", "2026-05", "2026-04-02..2026-07-01"] {
            assert_eq!(period(text).to_string(), text);
        }
        assert_eq!(period("2026-q2").to_string(), "2026-Q2");
    }

    #[test]
    fn a_range_that_is_a_quarter_or_month_has_its_name() {
        assert_eq!(period("2026-04-01..2026-07-01"), period("2026-Q2"));
        assert_eq!(period("2026-02-01..2026-03-01"), period("2026-02"));
        assert_eq!(period("2026-02-01..2026-05-01").grain(), Grain::Range);
    }

    #[test]
    fn what_is_no_period_says_so() {
        for text in [
            "",
            "2026",
            "2026-Q5",
            "2026-Q0",
            "2026-13",
            "2026-00",
            "26-Q2",
            "2026-5",
            "+026-05",
            "2026-02-30..2026-03-01",
            "2026-07-01..2026-04-01",
            "2026-04-01..2026-04-01",
            "2026-Q２",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text} was taken");
        }
        let error = "2026-Q9\u{1b}".parse::<Period>().unwrap_err().to_string();
        assert!(error.starts_with("`2026-Q9\\u{1b}` is not a period: expected"), "{error}");
    }

    #[test]
    fn bounds_are_utc_microseconds() {
        let quarter = period("2026-Q2");
        assert_eq!(quarter.start_us(), 1_775_001_600_000_000);
        assert_eq!(format_instant(quarter.start_us()), "2026-04-01T00:00:00Z");
        assert_eq!(format_instant(quarter.end_us()), "2026-07-01T00:00:00Z");
        assert_eq!(quarter.n_days(), 91);
        assert!(quarter.contains(quarter.start_us()));
        assert!(!quarter.contains(quarter.end_us()));
        assert_eq!(period("2024-02").n_days(), 29);
    }

    #[test]
    fn the_previous_equal_period_crosses_years_and_month_lengths() {
        let previous = |text: &str| period(text).previous().expect("a period").to_string();
        assert_eq!(previous("2026-Q1"), "2025-Q4");
        assert_eq!(previous("2026-03"), "2026-02");
        assert_eq!(previous("2026-01"), "2025-12");
        assert_eq!(previous("2026-04-11..2026-04-21"), "2026-04-01..2026-04-11");
        assert_eq!(previous("2026-03-01..2026-05-01"), "2026-01-01..2026-03-01");
        assert_eq!(period("1970-Q1").previous(), None);
        assert_eq!(period("2025-Q4").next(), Some(period("2026-Q1")));
    }

    #[test]
    fn history_months_and_ordinals_follow_the_calendar() {
        let names: Vec<String> = period("2026-Q2").history(5).iter().map(Period::to_string).collect();
        assert_eq!(names, ["2025-Q2", "2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2"]);
        let months: Vec<String> = period("2026-Q2").months().iter().map(Period::to_string).collect();
        assert_eq!(months, ["2026-04", "2026-05", "2026-06"]);
        assert_eq!(period("2026-Q1").ordinal() - period("2025-Q4").ordinal(), 1);
        assert_eq!(period("2026-01").ordinal() - period("2025-12").ordinal(), 1);
    }

    #[test]
    fn order_is_by_time_and_a_quarter_stands_before_its_months() {
        let mut periods = ["2026-05", "2026-04", "2026-Q2", "2026-Q1"].map(period);
        periods.sort();
        assert_eq!(periods.map(|it| it.to_string()), ["2026-Q1", "2026-Q2", "2026-04", "2026-05"]);
    }

    #[test]
    fn instants_are_found_in_their_period_and_parsed_with_their_offset() {
        let instant = parse_instant("2026-07-01T01:30:00+02:00").expect("an instant");
        assert_eq!(format_instant(instant), "2026-06-30T23:30:00Z");
        assert_eq!(format_minute(instant), "2026-06-30 23:30 UTC");
        assert_eq!(Period::containing(instant, Grain::Quarter), Some(period("2026-Q2")));
        assert_eq!(Period::containing(-1, Grain::Month), None);
        assert_eq!(parse_instant("2026-07-01"), Some(period("2026-Q3").start_us()));
        assert_eq!(parse_instant("2026-07-01T00:00:00"), None);
    }

    #[test]
    fn short_names_stay_clear() {
        assert_eq!(period("2026-Q1").short_beside(&period("2026-Q2")), "Q1");
        assert_eq!(period("2025-Q4").short_beside(&period("2026-Q1")), "2025-Q4");
        assert_eq!(period("2026-04").short_beside(&period("2026-05")), "2026-04");
    }
}
