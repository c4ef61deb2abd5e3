//! Instants: every spelling that sources use -> microseconds since 1970-01-01 UTC.
//!
//! The source's own offset is applied, never dropped. A local time without an offset is read with the zone given for its
//! source (UTC by default). Calendar arithmetic is Howard Hinnant's `days_from_civil`.

use super::local_time::parse_written;
use chrono::{NaiveDate, TimeZone};
use chrono_tz::Tz;
use serde::Deserialize;

/// Microseconds since 1970-01-01 UTC.
pub type Micros = i64;

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Which of two numbers is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    DayFirst,
    MonthFirst,
}

/// What a source leaves unsaid in its instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Zone of instants without an offset.
    pub zone: Tz,
    /// Order of `02/08/2024`; without it such a date is no instant unless a number above 12 tells it.
    pub order: Option<DateOrder>,
    /// Year of instants that have none.
    pub year: Option<i64>,
    /// Date of instants that have none, in days since 1970.
    pub date: Option<i64>,
}

impl From<Tz> for Local {
    fn from(zone: Tz) -> Self {
        Local { zone, order: None, year: None, date: None }
    }
}

/// How a source writes an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeForm {
    /// ISO 8601 / RFC 3339, `T`, blank or ` - ` (gin) between date and time, any number of fraction digits, offset with or without colon or absent;
    /// year first in other dress too: AM and PM, zone names, single digits, `20240802084500.123`; `8/2/2024, 8:45:00.123 AM` of the Azure portal.
    Iso,
    EpochS,
    EpochMs,
    EpochUs,
    EpochNs,
    /// Seconds, milliseconds, microseconds or nanoseconds, told apart by magnitude.
    Epoch,
    /// `10/Jun/2023:15:36:28 +0000`, fraction allowed.
    Clf,
    /// `Jan 29 08:27:09` (RFC 3164), fraction allowed: an instant only with a year given for the source. Else as `any`.
    MonthDay,
    /// As written for people, see `local_time`: month names, AM and PM, day and month in the source's order, zone names.
    Locale,
    /// All of the above, and `/Date(1722588300000)/` of .NET.
    Any,
}

/// Parses `text` in the given form. `None` is a bad timestamp; years 1 to 9999 are accepted.
pub fn parse(text: &str, form: TimeForm, local: impl Into<Local>) -> Option<Micros> {
    let local = local.into();
    let zone = local.zone;
    if let Some(day) = local.date
        && text.len() >= 8
        && text.as_bytes()[2] == b':'
    {
        return clock_time(Cursor { rest: text.as_bytes() }, day, zone);
    }
    match form {
        TimeForm::Iso => parse_iso(text.as_bytes(), zone).or_else(|| parse_year_first(text, local)).or_else(|| parse_portal(text, local)),
        TimeForm::EpochS => parse_epoch(text, MICROS_PER_SECOND, 1),
        TimeForm::EpochMs => parse_epoch(text, 1_000, 1),
        TimeForm::EpochUs => parse_epoch(text, 1, 1),
        TimeForm::EpochNs => parse_epoch(text, 1, 1_000),
        TimeForm::Epoch => parse_epoch_by_magnitude(text),
        TimeForm::Clf => parse_clf(text.as_bytes(), zone),
        TimeForm::Locale => parse_written(text, local),
        TimeForm::MonthDay => local.year.and_then(|year| parse_month_day(text.as_bytes(), year, zone)).or_else(|| parse_any(text, local)),
        TimeForm::Any => parse_any(text, local),
    }
}

fn parse_any(text: &str, local: Local) -> Option<Micros> {
    if is_compact(text.as_bytes()) {
        return parse_compact(text.as_bytes(), local.zone);
    }
    parse_epoch_by_magnitude(text)
        .or_else(|| parse_iso(text.as_bytes(), local.zone))
        .or_else(|| parse_clf(text.as_bytes(), local.zone))
        .or_else(|| parse_dotnet(text))
        .or_else(|| parse_portal(text, local))
        // Without a year of its own such a text is an instant only where its form says so (`month_day`).
        .or_else(|| parse_written(text, Local { year: None, ..local }))
}

/// `3/15/2021, 6:51:31.000 PM` of the Azure portal's exports: the month comes first, if the source's order is not given. Other
/// places that write a comma there have `pm` in small letters, or 24 hours.
fn parse_portal(text: &str, local: Local) -> Option<Micros> {
    let (date, time) = text.split_once(", ")?;
    let is_portal = date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'/')
        && (time.ends_with(" AM") || time.ends_with(" PM"))
        && time.bytes().filter(|byte| *byte == b':').count() == 2;
    if !is_portal { None } else { parse_written(text, Local { order: local.order.or(Some(DateOrder::MonthFirst)), ..local }) }
}

/// What is ISO in all but dress.
fn parse_year_first(text: &str, local: Local) -> Option<Micros> {
    let is_year_first = text.len() > 5 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    if !is_year_first { None } else { parse_compact(text.as_bytes(), local.zone).or_else(|| parse_written(text, local)) }
}

/// `20240802084500`, fraction allowed with or without a point: 14 digits are no milliseconds before the year 2286.
fn is_compact(text: &[u8]) -> bool {
    matches!(leading_digits(text), 14 | 17) && matches!(text[0], b'1' | b'2')
}

fn leading_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn parse_compact(text: &[u8], zone: Tz) -> Option<Micros> {
    if !is_compact(text) {
        return None;
    }
    let digits = leading_digits(text);
    let mut cursor = Cursor { rest: text };
    let day = days(cursor.digits(4)?, cursor.digits(2)?, cursor.digits(2)?)?;
    let second = time_of_day(cursor.digits(2)?, cursor.digits(2)?, cursor.digits(2)?)?;
    let micros = if digits == 17 { cursor.digits(3)? * 1_000 } else { cursor.fraction()? };
    let offset = cursor.offset()?;
    instant(day, second, micros, offset, zone)
}

/// `/Date(1722588300000)/`, `/Date(1722588300000+0200)/`: milliseconds UTC; the offset is only for display.
fn parse_dotnet(text: &str) -> Option<Micros> {
    let inside = text.replace('\\', "");
    let inside = inside.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let zone = inside.char_indices().skip(1).find(|(_, character)| matches!(character, '+' | '-')).map_or(inside.len(), |(at, _)| at);
    parse_epoch(&inside[..zone], 1_000, 1)
}

/// Years 1 to 9999: outside them a timestamp is taken for an error.
fn in_range(micros: i128) -> Option<Micros> {
    const FIRST: i128 = -62_135_596_800_000_000;
    const LAST: i128 = 253_402_300_799_999_999;
    (FIRST..=LAST).contains(&micros).then_some(micros as i64)
}

/// A decimal number times `multiply / divide`, exactly, cut to whole microseconds.
fn parse_epoch(text: &str, multiply: i64, divide: i64) -> Option<Micros> {
    if let Some(value) = plain_integer(text) {
        return in_range(i128::from(value) * i128::from(multiply) / i128::from(divide));
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if let Some(exponent_at) = digits.find(['e', 'E']) {
        let value: f64 = digits.parse().ok()?;
        // Only whole milliseconds can be told from a float spelling with an exponent.
        let _ = exponent_at;
        let micros = (value * multiply as f64 / divide as f64).round();
        return in_range(if negative { -(micros as i128) } else { micros as i128 });
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || whole.len() > 20 || !whole.bytes().all(|b| b.is_ascii_digit()) || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut value: i128 = whole.parse::<i128>().ok()? * i128::from(multiply);
    let mut unit = i128::from(multiply);
    for digit in fraction.bytes() {
        if unit % 10 != 0 {
            break;
        }
        unit /= 10;
        value += unit * i128::from(digit - b'0');
    }
    let value = value / i128::from(divide);
    in_range(if negative { -value } else { value })
}

fn plain_integer(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 18 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.bytes().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

fn parse_epoch_by_magnitude(text: &str) -> Option<Micros> {
    let whole = text.split('.').next()?;
    let digits = whole.strip_prefix('-').unwrap_or(whole).len();
    match digits {
        0 => None,
        1..=11 => parse_epoch(text, MICROS_PER_SECOND, 1),
        12..=14 => parse_epoch(text, 1_000, 1),
        15..=17 => parse_epoch(text, 1, 1),
        _ => parse_epoch(text, 1, 1_000),
    }
}

/// Days from 1970-01-01 of a civil date, checked.
pub(super) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=lengths[(month - 1) as usize]).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

/// A cursor over the ASCII of a timestamp.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    #[inline(always)]
    fn digits(&mut self, count: usize) -> Option<i64> {
        let taken = self.rest.get(..count)?;
        let mut value = 0i64;
        for &byte in taken {
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i64::from(byte - b'0');
        }
        self.rest = &self.rest[count..];
        Some(value)
    }

    #[inline(always)]
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// `Jan` to `Dec`: 1 to 12.
    fn month(&mut self) -> Option<i64> {
        const MONTHS: [&[u8]; 12] = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
        let name = self.rest.get(..3)?;
        let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))? as i64 + 1;
        self.rest = &self.rest[3..];
        Some(month)
    }

    /// `.123`, `,123`: microseconds; further digits are cut.
    fn fraction(&mut self) -> Option<i64> {
        if !self.eat(b'.') && !self.eat(b',') {
            return Some(0);
        }
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let mut micros = 0;
        for place in 0..6 {
            micros = micros * 10 + if place < count { i64::from(self.rest[place] - b'0') } else { 0 };
        }
        self.rest = &self.rest[count..];
        Some(micros)
    }

    /// `Z`, `+08:00`, `+0800`, `+08`: seconds east. `Ok(None)` when there is none.
    fn offset(&mut self) -> Option<Option<i64>> {
        while self.eat(b' ') {}
        if self.rest.is_empty() {
            return Some(None);
        }
        if self.rest.eq_ignore_ascii_case(b"z") || self.rest.eq_ignore_ascii_case(b"utc") || self.rest.eq_ignore_ascii_case(b"gmt") {
            self.rest = &[];
            return Some(Some(0));
        }
        let sign = if self.eat(b'+') {
            1
        } else if self.eat(b'-') {
            -1
        } else {
            return None;
        };
        let hours = self.digits(2)?;
        self.eat(b':');
        let minutes = if self.rest.is_empty() { 0 } else { self.digits(2)? };
        (self.rest.is_empty() && hours <= 23 && minutes <= 59).then_some(Some(sign * (hours * 3600 + minutes * 60)))
    }
}

/// Time of day in seconds; a leap second (`:60`) is read as the second that follows.
pub(super) fn time_of_day(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour <= 23 && minute <= 59 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

pub(super) fn instant(day: i64, second: i64, micros: i64, offset: Option<i64>, zone: Tz) -> Option<Micros> {
    let local = (day * 86_400 + second) * MICROS_PER_SECOND + micros;
    match offset {
        Some(east) => in_range(i128::from(local - east * MICROS_PER_SECOND)),
        None if zone == Tz::UTC => in_range(i128::from(local)),
        None => local_instant(day, second, micros, zone),
    }
}

/// A wall-clock time in a zone: the earlier of two at the end of summer time, none in the gap at its start.
fn local_instant(day: i64, second: i64, micros: i64, zone: Tz) -> Option<Micros> {
    let date = NaiveDate::from_num_days_from_ce_opt(i32::try_from(day + 719_163).ok()?)?;
    let naive = date.and_hms_opt(0, 0, 0)? + chrono::TimeDelta::seconds(second);
    let seconds = zone.from_local_datetime(&naive).earliest()?.timestamp();
    in_range(i128::from(seconds) * i128::from(MICROS_PER_SECOND) + i128::from(micros))
}

/// `2026-04-01T00:00:00.000Z` and its relatives.
pub fn parse_iso(text: &[u8], zone: Tz) -> Option<Micros> {
    let mut cursor = Cursor { rest: text };
    let year = cursor.digits(4)?;
    let dashed = cursor.eat(b'-') || cursor.eat(b'/');
    let month = cursor.digits(2)?;
    if dashed && !cursor.eat(b'-') && !cursor.eat(b'/') {
        return None;
    }
    let day = days(year, month, cursor.digits(2)?)?;
    if cursor.rest.is_empty() {
        return instant(day, 0, 0, None, zone);
    }
    if let Some(rest) = cursor.rest.strip_prefix(b" - ") {
        cursor.rest = rest;
    } else if !cursor.eat(b'T') && !cursor.eat(b't') && !cursor.eat(b' ') {
        return None;
    }
    let hour = cursor.digits(2)?;
    let colon = cursor.eat(b':');
    let minute = cursor.digits(2)?;
    let second = if colon && !cursor.eat(b':') { 0 } else { cursor.digits(2)? };
    let micros = cursor.fraction()?;
    let offset = cursor.offset()?;
    instant(day, time_of_day(hour, minute, second)?, micros, offset, zone)
}

/// Common log format: `10/Jun/2023:15:36:28 +0000`; a day of one digit is one.
pub fn parse_clf(text: &[u8], zone: Tz) -> Option<Micros> {
    let mut cursor = Cursor { rest: text };
    let day_digits = if text.get(1) == Some(&b'/') { 1 } else { 2 };
    let day_of_month = cursor.digits(day_digits)?;
    if !cursor.eat(b'/') {
        return None;
    }
    let month = cursor.month()?;
    if !cursor.eat(b'/') {
        return None;
    }
    let day = days(cursor.digits(4)?, month, day_of_month)?;
    if !cursor.eat(b':') {
        return None;
    }
    clock_time(cursor, day, zone)
}

/// `Jan 29 08:27:09` in a given year.
pub fn parse_month_day(text: &[u8], year: i64, zone: Tz) -> Option<Micros> {
    let mut cursor = Cursor { rest: text };
    let month = cursor.month()?;
    if !cursor.eat(b' ') {
        return None;
    }
    let day_digits = if cursor.eat(b' ') { 1 } else { 2 };
    let day = days(year, month, cursor.digits(day_digits)?)?;
    if !cursor.eat(b' ') {
        return None;
    }
    clock_time(cursor, day, zone)
}

/// `15:36:28`, fraction and offset allowed, on a given day.
fn clock_time(mut cursor: Cursor<'_>, day: i64, zone: Tz) -> Option<Micros> {
    let (hour, minute, second) = (cursor.digits(2)?, cursor.eat(b':').then(|| cursor.digits(2))??, cursor.eat(b':').then(|| cursor.digits(2))??);
    let micros = cursor.fraction()?;
    let offset = cursor.offset()?;
    instant(day, time_of_day(hour, minute, second)?, micros, offset, zone)
}

/// Days since 1970-01-01 UTC.
pub fn day_of(micros: Micros) -> i64 {
    micros.div_euclid(MICROS_PER_DAY)
}

/// Year and month (1 to 12) of an instant in UTC.
pub fn year_month(micros: Micros) -> (i64, u32) {
    let z = day_of(micros) + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u32)
}

/// The first instant after the month (UTC) of an instant.
pub fn month_end(micros: Micros) -> Micros {
    let month = year_month(micros);
    let in_next = |day: i64| year_month(day * MICROS_PER_DAY) != month;
    let day = day_of(micros);
    (day..day + 32).find(|&day| in_next(day)).unwrap_or(day + 31) * MICROS_PER_DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str, form: TimeForm) -> Option<Micros> {
        parse(text, form, Tz::UTC)
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let at = |text: &str| utc(text, TimeForm::Iso).unwrap();
        for (instant, end) in [
            ("2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z"),
            ("2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2023-02-28T12:00:00Z", "2023-03-01T00:00:00Z"),
            ("1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-02-01T00:00:00Z"),
        ] {
            assert_eq!(month_end(at(instant)), at(end), "{instant}");
        }
    }

    #[test]
    fn all_forms_of_one_instant_agree() {
        let expected = Some(1_782_864_000_123_000);
        for text in [
            "2026-07-01T00:00:00.123Z",
            "2026-07-01 00:00:00.123",
            "2026-07-01T02:00:00.123+02:00",
            "2026-06-30T19:00:00,123-0500",
            "20260701T000000.123Z",
            "2026-07-01T00:00:00.1230009Z",
            "2026-07-01t00:00:00.123 UTC",
        ] {
            assert_eq!(utc(text, TimeForm::Iso), expected, "{text}");
        }
        assert_eq!(utc("1782864000123", TimeForm::EpochMs), expected);
        assert_eq!(utc("1782864000.123", TimeForm::EpochS), expected);
        assert_eq!(utc("1782864000123000000", TimeForm::Epoch), expected);
        assert_eq!(utc("01/Jul/2026:02:00:00.123 +0200", TimeForm::Clf), expected);
    }

    #[test]
    fn local_spellings_of_gateways_are_read() {
        let expected = Some(1_782_864_000_123_000);
        assert_eq!(utc("01/Jul/2026:00:00:00.123", TimeForm::Clf), expected);
        assert_eq!(utc("2026/07/01 - 00:00:00.123", TimeForm::Iso), expected);
        assert_eq!(parse_month_day(b"Jul  1 00:00:00.123", 2026, Tz::UTC), expected);
        assert_eq!(parse_month_day(b"Jul 01 02:00:00,123", 2026, Tz::Europe__Paris), expected);
        assert_eq!(parse_month_day(b"Feb 29 00:00:00", 2026, Tz::UTC), None);
        assert_eq!(utc("Jul  1 00:00:00", TimeForm::MonthDay), None);
    }

    #[test]
    fn a_time_of_day_is_an_instant_on_the_date_of_its_source() {
        let dated = Local { date: Some(20_635), ..Tz::UTC.into() };
        for form in [TimeForm::Iso, TimeForm::Any, TimeForm::MonthDay] {
            assert_eq!(parse("00:00:00,123", form, dated), Some(1_782_864_000_123_000));
            assert_eq!(parse("2026-07-01T00:00:00.123Z", form, dated), Some(1_782_864_000_123_000), "a date of its own counts");
            assert_eq!(utc("00:00:00,123", form), None);
        }
        assert_eq!(parse("25:00:00", TimeForm::Iso, dated), None);
    }

    #[test]
    fn exports_of_the_azure_portal_put_the_month_first() {
        let expected = Some(1_782_864_000_123_000);
        assert_eq!((utc("7/1/2026, 12:00:00.123 AM", TimeForm::Iso), utc("7/1/2026, 12:00:00.123 AM", TimeForm::Any)), (expected, expected));
        let day_first = Local { order: Some(DateOrder::DayFirst), ..Tz::UTC.into() };
        assert_eq!(parse("1/7/2026, 12:00:00.123 AM", TimeForm::Iso, day_first), expected, "the source's order counts");
        for text in ["7/1/2026 12:00:00.123 AM", "7/1/2026, 12:00 AM", "7/1/2026, 12:00:00 am", "7/1/2026, 00:00:00"] {
            assert_eq!(utc(text, TimeForm::Any), None, "{text}");
        }
        assert_eq!(utc("1/Jul/2026:00:00:00.123 +0000", TimeForm::Clf), expected, "a day of one digit");
    }

    #[test]
    fn every_form_is_found_by_any() {
        let expected = Some(1_782_864_000_123_000);
        for text in [
            "1782864000123",
            "1782864000.123",
            "1.782864000123e9",
            "1782864000123000",
            "1782864000123000000",
            "20260701000000.123",
            "20260701000000123",
            "2026-07-01T00:00:00.123Z",
            "2026-07-01 12:00:00.123 AM",
            "01/Jul/2026:00:00:00.123 +0000",
            "/Date(1782864000123)/",
            "\\/Date(1782864000123+0200)\\/",
            "Jul 1, 2026, 12:00:00.123 AM",
        ] {
            assert_eq!(utc(text, TimeForm::Any), expected, "{text}");
        }
        assert_eq!(utc("20260701020000.123+0200", TimeForm::Iso), expected);
        assert_eq!(utc("2026-07-01 12:00:00.123 AM", TimeForm::Iso), expected);
        assert_eq!(utc("Jul 1, 2026, 12:00:00.123 AM", TimeForm::Iso), None);
        let year = Local { zone: Tz::UTC, order: None, year: Some(2026), date: None };
        assert_eq!(parse("Jul  1 00:00:00.123", TimeForm::MonthDay, year), expected);
        assert_eq!(parse("Jul  1 00:00:00.123", TimeForm::Any, year), None);
        let days_first = Local { order: Some(DateOrder::DayFirst), ..Tz::UTC.into() };
        assert_eq!(parse("01/07/2026 00:00:00.123", TimeForm::Any, days_first), expected);
        for text in ["/Date()/", "/Date(x)/", "20261301000000", "17828640001230000000000"] {
            assert_eq!(utc(text, TimeForm::Any), None, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "2026-02-30T00:00:00Z",
            "2026-13-01",
            "2026-07-01T24:00:00Z",
            "yesterday",
            "2026-07-01T00:00:00+0",
            "0000-01-01T00:00:00Z",
            "2026-07-01T00:00:00.Z",
        ] {
            assert_eq!(utc(text, TimeForm::Iso), None, "{text}");
        }
        for text in ["", "12a", "99999999999999999999", "-", "1e400", "."] {
            assert_eq!(utc(text, TimeForm::EpochMs), None, "{text}");
        }
        assert_eq!(utc("31/Foo/2026:00:00:00 +0000", TimeForm::Clf), None);
    }

    #[test]
    fn a_zone_applies_only_where_the_text_has_no_offset() {
        let paris = Tz::Europe__Paris;
        assert_eq!(parse("2026-07-01 02:00:00", TimeForm::Iso, paris), Some(1_782_864_000_000_000));
        assert_eq!(parse("2026-07-01T00:00:00Z", TimeForm::Iso, paris), Some(1_782_864_000_000_000));
    }

    #[test]
    fn months_of_instants() {
        assert_eq!(year_month(1_782_864_000_000_000), (2026, 7));
        assert_eq!(year_month(1_782_863_999_999_999), (2026, 6));
        assert_eq!(year_month(-1), (1969, 12));
    }
}
