//! Instants as they are written for people: `Aug 2, 2024, 8:45:00 AM`, `02/Aug/2024 8:45 AM`, `Fri Aug  2 08:45:00 UTC 2024`,
//! `2.8.2024 8:45`, `8/2/2024 8:45 AM`, `2024-08-02 08:45:00 PM`.
//!
//! Month names are English. Two-digit years are 1970 to 2069 (POSIX `%y`). Numbers with dots are day first everywhere; with
//! slashes or dashes the order is the source's (`date_order`), and without one only a number above 12 tells it. Nothing is
//! guessed: a date that could be either is no instant.

use super::time::{DateOrder, Local, Micros, days, instant, time_of_day};
use chrono_tz::Tz;

/// Parses a text that holds a date and, maybe, a time of day and a zone. `None` is no instant.
pub fn parse_written(text: &str, local: Local) -> Option<Micros> {
    // Java and JavaScript put U+202F before AM and PM.
    let plain: String = text.chars().map(|character| if matches!(character, '\u{a0}' | '\u{202f}') { ' ' } else { character }).collect();
    let mut rest = Rest(plain.trim());
    rest.weekday();
    let date = rest.date(local)?;
    let time = if rest.0.is_empty() { Some((0, 0)) } else { rest.between().then(|| rest.time_of_day()).flatten() };
    let (second, micros) = time?;
    let (mut offset, mut year) = (None, date.year);
    if year.is_none() {
        // `Aug  2 08:45:00 UTC 2024` and `Aug  2 08:45:00 2024`.
        rest.blanks();
        let name = rest.word();
        if !name.is_empty() {
            offset = Some(fixed_zone(name)?);
            rest.blanks();
        }
        year = rest.number(4).map(|(year, _)| year).or(local.year);
    }
    let zone = match offset {
        Some(east) => Zone::Offset(east),
        None => rest.zone(local.zone)?,
    };
    if !rest.0.trim().is_empty() {
        return None;
    }
    let day = days(year?, date.month, date.day)?;
    match zone {
        Zone::Offset(east) => instant(day, second, micros, Some(east), local.zone),
        Zone::Of(zone) => instant(day, second, micros, None, zone),
    }
}

/// True for a date of which only the source's `date_order` can tell day and month.
pub fn is_ambiguous(text: &str, local: Local) -> bool {
    let as_order = |order| parse_written(text, Local { order: Some(order), ..local });
    local.order.is_none() && as_order(DateOrder::DayFirst).is_some() && parse_written(text, local).is_none()
}

struct Date {
    year: Option<i64>,
    month: i64,
    day: i64,
}

enum Zone {
    /// Seconds east.
    Offset(i64),
    Of(Tz),
}

/// What is left of a text.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn eat(&mut self, wanted: &str) -> bool {
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn blanks(&mut self) -> bool {
        let length = self.0.len();
        self.0 = self.0.trim_start_matches(' ');
        self.0.len() < length
    }

    /// A run of digits, at most so many, with its length.
    fn number(&mut self, most: usize) -> Option<(i64, usize)> {
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 || length > most {
            return None;
        }
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        Some((digits.parse().ok()?, length))
    }

    /// A run of ASCII letters, maybe empty.
    fn word(&mut self) -> &'a str {
        let (word, rest) = self.0.split_at(self.0.bytes().take_while(u8::is_ascii_alphabetic).count());
        self.0 = rest;
        word
    }

    /// `Fri`, `Friday,`: says nothing that the date does not.
    fn weekday(&mut self) {
        const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let mut after = Rest(self.0);
        let word = after.word().to_lowercase();
        if word.len() >= 3 && DAYS.iter().any(|day| day.starts_with(&word)) {
            let _ = after.eat(".");
            let _ = after.eat(",");
            after.blanks();
            self.0 = after.0;
        }
    }

    fn month(&mut self) -> Option<i64> {
        const MONTHS: [&str; 12] = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
        let word = self.word().to_lowercase();
        let month = MONTHS.iter().position(|month| word.len() >= 3 && month.starts_with(&word))?;
        let _ = self.eat(".");
        Some(month as i64 + 1)
    }

    fn date(&mut self, local: Local) -> Option<Date> {
        if self.0.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return self.date_by_name();
        }
        let (first, digits) = self.number(4)?;
        let separator = ["/", "-", ".", " "].into_iter().find(|separator| self.eat(separator))?;
        if self.0.starts_with(|first: char| first.is_ascii_alphabetic()) {
            let month = self.month()?;
            if !self.eat(separator) && !self.eat(" ") && !self.eat(", ") {
                return None;
            }
            return Some(Date { year: Some(self.year()?), month, day: first });
        }
        let (second, _) = self.number(2)?;
        if !self.eat(separator) {
            return None;
        }
        if digits == 4 {
            return Some(Date { year: Some(first), month: second, day: self.number(2)?.0 });
        }
        let year = self.year()?;
        let order = match (separator, local.order) {
            (".", _) => DateOrder::DayFirst,
            (_, Some(order)) => order,
            _ if first > 12 => DateOrder::DayFirst,
            _ if second > 12 || first == second => DateOrder::MonthFirst,
            _ => return None,
        };
        let (day, month) = if order == DateOrder::DayFirst { (first, second) } else { (second, first) };
        Some(Date { year: Some(year), month, day })
    }

    /// `Aug 2, 2024`, `Aug 2 2024`, `Aug  2` (the year comes after the time).
    fn date_by_name(&mut self) -> Option<Date> {
        let month = self.month()?;
        self.blanks();
        let (day, _) = self.number(2)?;
        let mut after = Rest(self.0);
        let _ = after.eat(",");
        after.blanks();
        let year = match after.number(4) {
            Some((year, 4)) if !after.0.starts_with(':') => {
                self.0 = after.0;
                Some(year)
            }
            _ => None,
        };
        Some(Date { year, month, day })
    }

    /// Four digits, or two.
    fn year(&mut self) -> Option<i64> {
        match self.number(4)? {
            (year, 4) => Some(year),
            (year, 2) => Some(year + if year < 70 { 2000 } else { 1900 }),
            _ => None,
        }
    }

    /// What stands between a date and a time of day.
    fn between(&mut self) -> bool {
        let comma = self.eat(",");
        let blanks = self.blanks();
        if blanks {
            let _ = self.eat("- ") || self.eat("at ");
        }
        comma || blanks || self.eat("T") || self.eat(":")
    }

    /// `8:45`, `08:45:00.123 AM`: seconds and microseconds.
    fn time_of_day(&mut self) -> Option<(i64, i64)> {
        let (mut hour, _) = self.number(2)?;
        let minute = if self.eat(":") { self.number(2)?.0 } else { return None };
        let (mut second, mut micros) = (0, 0);
        if self.eat(":") {
            second = self.number(2)?.0;
            if self.eat(".") || self.eat(",") {
                let (digits, rest) = self.0.split_at(self.0.bytes().take_while(u8::is_ascii_digit).count());
                self.0 = rest;
                micros = format!("{digits:0<6}").get(..6).filter(|_| !digits.is_empty())?.parse().ok()?;
            }
        }
        if let Some(is_afternoon) = self.half_of_day() {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if is_afternoon { 12 } else { 0 };
        }
        Some((time_of_day(hour, minute, second)?, micros))
    }

    /// `AM`, `pm`, `a.m.`: whether it is the second half.
    fn half_of_day(&mut self) -> Option<bool> {
        let text = self.0.trim_start();
        for (spelling, is_afternoon) in [("a.m.", false), ("p.m.", true), ("am", false), ("pm", true)] {
            if text.get(..spelling.len()).is_some_and(|start| start.eq_ignore_ascii_case(spelling)) {
                let rest = &text[spelling.len()..];
                if !rest.starts_with(|next: char| next.is_ascii_alphanumeric()) {
                    self.0 = rest;
                    return Some(is_afternoon);
                }
            }
        }
        None
    }

    /// An offset, a zone's name, or nothing: then the source's zone.
    fn zone(&mut self, fallback: Tz) -> Option<Zone> {
        let text = self.0.trim();
        self.0 = "";
        let text = match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
            Some(inside) => inside,
            // `+0200 (CEST)`, `+0000 UTC m=+0.1`, `+02:00[Europe/Paris]`: the offset says it all.
            None if text.starts_with(['+', '-', 'Z']) => text.split([' ', '[']).next().unwrap_or(text),
            None => text,
        };
        if text.is_empty() {
            return Some(Zone::Of(fallback));
        }
        if let Some(east) = fixed_zone(text) {
            return Some(Zone::Offset(east));
        }
        // IANA names: `Europe/Paris`; short ones such as `Cuba` or `EST5EDT` are left alone.
        let name = text.trim_start_matches('[').trim_end_matches(']');
        name.contains('/').then(|| name.parse().ok().map(Zone::Of)).flatten()
    }
}

/// Seconds east of `Z`, `UTC`, `+02:00`, `GMT+2` and of the abbreviations that mean one thing wherever they are used. `CST`,
/// `IST`, `BST`, `AST` and `SST` mean several.
pub fn fixed_zone(text: &str) -> Option<i64> {
    const NAMES: [(&str, i64); 31] = [
        ("Z", 0),
        ("UT", 0),
        ("UTC", 0),
        ("GMT", 0),
        ("WET", 0),
        ("WEST", 60),
        ("CET", 60),
        ("CEST", 120),
        ("EET", 120),
        ("EEST", 180),
        ("MSK", 180),
        ("PKT", 300),
        ("ICT", 420),
        ("WIB", 420),
        ("SGT", 480),
        ("HKT", 480),
        ("AWST", 480),
        ("JST", 540),
        ("KST", 540),
        ("ACST", 570),
        ("AEST", 600),
        ("ACDT", 630),
        ("AEDT", 660),
        ("NZST", 720),
        ("NZDT", 780),
        ("EST", -300),
        ("EDT", -240),
        ("CDT", -300),
        ("MST", -420),
        ("PST", -480),
        ("PDT", -420),
    ];
    if let Some((_, minutes)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Some(minutes * 60);
    }
    let named = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT"));
    let signed = named.unwrap_or(text);
    let sign = match signed.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match signed[1..].split_once(':') {
        Some(parts) => parts,
        None if signed.len() == 5 && signed.is_ascii() => (&signed[1..3], &signed[3..]),
        None => (&signed[1..], "0"),
    };
    // A single digit needs the name: `GMT+2`.
    if named.is_none() && hours.len() != 2 {
        return None;
    }
    let is_number = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str, most: i64| text.parse::<i64>().ok().filter(|value| is_number(text) && *value <= most);
    Some(sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANT: i64 = 1_722_588_300_000_000; // 2024-08-02T08:45:00Z

    fn local(zone: Tz, order: Option<DateOrder>) -> Local {
        Local { zone, order, year: None, date: None }
    }

    #[test]
    fn no_offset_is_made_of_other_bytes() {
        for text in ["-2\u{202e}", "+\u{e9}12", "+++", "GMT++1", "+1:+2", "-", "+24:00", "+0060"] {
            assert_eq!(fixed_zone(text), None, "{text:?}");
        }
        assert_eq!((fixed_zone("GMT+2"), fixed_zone("-0330")), (Some(7_200), Some(-12_600)));
    }

    #[test]
    fn spellings_for_people_agree() {
        for text in [
            "Aug 2, 2024, 8:45:00 AM",
            "Aug 2, 2024 8:45:00 AM",
            "Aug 2, 2024, 8:45:00\u{202f}AM",
            "August 2, 2024 at 8:45 am",
            "02/Aug/2024 8:45 AM",
            "2/Aug/24 8:45 AM",
            "02-Aug-2024 08:45:00",
            "Fri, 02 Aug 2024 08:45:00 GMT",
            "Fri, 2 Aug 2024 10:45:00 +0200 (CEST)",
            "Fri Aug  2 08:45:00 UTC 2024",
            "Fri Aug 02 08:45:00.000000 2024",
            "2024-08-02 08:45:00 AM",
            "2024-8-2 8:45",
            "2024-08-02 10:45:00 CEST",
            "2024-08-02T10:45:00+02:00[Europe/Paris]",
            "2024-08-02 10:45:00 Europe/Paris",
            "2024-08-02 08:45:00 +0000 UTC",
            "2024-08-02 10:45:00 GMT+2",
            "02.08.2024 8:45:00",
            "2.8.24, 8:45",
            "02/Aug/2024:08:45:00 +0000",
        ] {
            assert_eq!(parse_written(text, local(Tz::UTC, None)), Some(INSTANT), "{text}");
        }
        assert_eq!(parse_written("8/2/2024 12:30:05.25 PM", local(Tz::UTC, Some(DateOrder::MonthFirst))), Some(INSTANT + 13_505_250_000));
        assert_eq!(parse_written("2/8/2024 12:30 a.m.", local(Tz::UTC, Some(DateOrder::DayFirst))), Some(INSTANT - 29_700_000_000));
        assert_eq!(parse_written("Aug 2, 2024, 10:45 AM", local(Tz::Europe__Paris, None)), Some(INSTANT));
        assert_eq!(parse_written("Aug 2, 2024", local(Tz::UTC, None)), Some(INSTANT - 31_500_000_000));
    }

    #[test]
    fn day_and_month_are_not_guessed() {
        let unknown = local(Tz::UTC, None);
        assert_eq!(parse_written("02/08/2024 08:45", unknown), None);
        assert!(is_ambiguous("02/08/2024 08:45", unknown) && !is_ambiguous("02/08/2024 08:45", local(Tz::UTC, Some(DateOrder::DayFirst))));
        assert!(!is_ambiguous("02/Aug/2024 08:45", unknown) && !is_ambiguous("nonsense", unknown));
        assert_eq!(parse_written("02/08/2024 08:45", local(Tz::UTC, Some(DateOrder::DayFirst))), Some(INSTANT));
        assert_eq!(parse_written("08-02-2024 08:45", local(Tz::UTC, Some(DateOrder::MonthFirst))), Some(INSTANT));
        // One number above 12, or both the same, leaves no choice; an order that was stated is kept to.
        assert_eq!(parse_written("13/08/2024 00:00", unknown), parse_written("08/13/2024 00:00", unknown));
        assert!(parse_written("08/08/2024 00:00", unknown).is_some());
        assert_eq!(parse_written("13/08/2024 00:00", local(Tz::UTC, Some(DateOrder::MonthFirst))), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "Aug",
            "Aug 2",
            "Fri",
            "2024",
            "2 Foo 2024 08:45",
            "30/Feb/2024 08:45",
            "Aug 2, 2024, 13:00 PM",
            "Aug 2, 2024, 0:10 AM",
            "Aug 2, 2024, 8:45 XYZ",
            "2024-08-02 08:45:00 CST",
            "2024-08-02 08:45:00 IST",
            "2024-08-02 08:45:00 Cuba",
            "2024-08-02 08:45:00 +1:00",
            "02/Aug/124 8:45",
            "02.08.2024 8:45:00.",
            "2024-08-02 8",
            "\u{202f}",
            "2024-08-02 08:45:00 AM PM",
            "Aug 2, 2024, 8:45:é0",
        ] {
            assert_eq!(parse_written(text, local(Tz::UTC, None)), None, "{text}");
        }
    }
}
