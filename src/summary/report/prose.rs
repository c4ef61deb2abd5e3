//! Sentences and tables before they have a format.
//!
//! Words of ours and text from logs stay apart until a renderer escapes them: a `Code` span or a
//! `Data` cell is data, whatever it looks like.

use serde::Serialize;

use crate::period::{format_day, format_minute};
use crate::units::{Count, DurationSeconds, Share};

/// Names longer than this are cut where people read them; JSON and Parquet hold all of them.
pub const MAX_NAME_CHARACTERS: usize = 120;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    Text(String),
    Strong(String),
    /// A name from a log, a command or a formula.
    Code(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Prose(pub Vec<Span>);

impl Prose {
    pub fn new() -> Prose {
        Prose::default()
    }

    pub fn text(mut self, words: impl Into<String>) -> Prose {
        self.0.push(Span::Text(words.into()));
        self
    }

    pub fn strong(mut self, words: impl Into<String>) -> Prose {
        self.0.push(Span::Strong(words.into()));
        self
    }

    pub fn code(mut self, name: impl AsRef<str>) -> Prose {
        self.0.push(Span::Code(cut(name.as_ref(), MAX_NAME_CHARACTERS)));
        self
    }

    pub fn then(mut self, other: Prose) -> Prose {
        self.0.extend(other.0);
        self
    }

    /// `` `a`, `b` and 3 more ``: the first names of a longer list.
    pub fn names<'a>(self, names: impl IntoIterator<Item = &'a str>, limit: usize) -> Prose {
        let names: Vec<&str> = names.into_iter().collect();
        let mut prose = self;
        for (index, name) in names.iter().take(limit).enumerate() {
            let is_last = index + 1 == names.len();
            let joint = match (index, is_last) {
                (0, _) => "",
                (_, true) => " and ",
                _ => ", ",
            };
            prose = prose.text(joint).code(*name);
        }
        match names.len().saturating_sub(limit) {
            0 => prose,
            more => prose.text(format!(" and {} more", Count(more as i64))),
        }
    }

    /// Text of a metric.toml, where backticks mark code.
    pub fn from_definition(text: &str) -> Prose {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let parts: Vec<&str> = text.split('`').collect();
        let is_balanced = parts.len() % 2 == 1;
        if !is_balanced {
            return Prose::new().text(text);
        }
        let spans = parts.into_iter().enumerate().filter(|(_, part)| !part.is_empty());
        Prose(
            spans
                .map(|(index, part)| match index % 2 {
                    0 => Span::Text(part.to_owned()),
                    _ => Span::Code(part.to_owned()),
                })
                .collect(),
        )
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Without markup, for JSON and the terminal; not escaped.
    pub fn plain(&self) -> String {
        self.0
            .iter()
            .map(|span| match span {
                Span::Text(text) | Span::Strong(text) | Span::Code(text) => text.as_str(),
            })
            .collect()
    }
}

/// One field of a table. Numbers stay numbers so that a renderer can sort and align them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Not known.
    Missing,
    /// Text from a log or an inventory.
    Data(String),
    /// Words of ours.
    Words(String),
    Count(i64),
    Share(f64),
    Seconds(f64),
    /// An instant shown as its UTC day, or to the minute.
    Day(i64),
    Minute(i64),
}

impl Cell {
    pub fn data(text: Option<&String>) -> Cell {
        text.map_or(Cell::Missing, |text| Cell::Data(text.clone()))
    }

    pub fn count(count: Option<i64>) -> Cell {
        count.map_or(Cell::Missing, Cell::Count)
    }

    pub fn share(share: Option<f64>) -> Cell {
        share.map_or(Cell::Missing, Cell::Share)
    }

    pub fn seconds(seconds: Option<f64>) -> Cell {
        seconds.map_or(Cell::Missing, Cell::Seconds)
    }

    pub fn day(instant_us: Option<i64>) -> Cell {
        instant_us.map_or(Cell::Missing, Cell::Day)
    }

    pub fn minute(instant_us: Option<i64>) -> Cell {
        instant_us.map_or(Cell::Missing, Cell::Minute)
    }

    /// As shown, not escaped.
    pub fn text(&self) -> String {
        match self {
            Cell::Missing => "–".to_owned(),
            Cell::Data(text) => cut(text, MAX_NAME_CHARACTERS),
            Cell::Words(text) => text.clone(),
            Cell::Count(count) => Count(*count).to_string(),
            Cell::Share(share) => Share(*share).to_string(),
            Cell::Seconds(seconds) => DurationSeconds(*seconds).to_string(),
            Cell::Day(instant_us) => format_day(*instant_us),
            Cell::Minute(instant_us) => format_minute(*instant_us),
        }
    }

    /// The number a column of these sorts by.
    pub fn sort_number(&self) -> Option<f64> {
        match self {
            Cell::Count(number) | Cell::Day(number) | Cell::Minute(number) => Some(*number as f64),
            Cell::Share(number) | Cell::Seconds(number) => Some(*number),
            Cell::Missing | Cell::Data(_) | Cell::Words(_) => None,
        }
    }
}

/// Cut by characters, never inside one.
pub fn cut(text: &str, max_characters: usize) -> String {
    match text.char_indices().nth(max_characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    Left,
    Right,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    pub title: String,
    pub align: Align,
}

/// The first rows of a longer list, and where the rest is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
    /// How many rows there are in all.
    pub total: i64,
    /// File name under `parquet/` that holds them.
    pub file: Option<String>,
}

impl Table {
    /// A title that ends in `#` is a column of numbers.
    pub fn new(titles: &[&str], file: Option<&str>) -> Table {
        let column = |title: &&str| match title.strip_suffix('#') {
            Some(title) => Column { title: title.to_owned(), align: Align::Right },
            None => Column { title: (*title).to_owned(), align: Align::Left },
        };
        Table { columns: titles.iter().map(column).collect(), rows: Vec::new(), total: 0, file: file.map(str::to_owned) }
    }

    /// Count a row, and keep it while there are fewer than `limit`.
    pub fn push_up_to(&mut self, limit: usize, row: impl FnOnce() -> Vec<Cell>) {
        self.total += 1;
        if self.rows.len() < limit {
            self.rows.push(row());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_keep_their_code_and_lists_their_length() {
        let prose = Prose::from_definition("split `*` into\n  read and write");
        assert_eq!(prose.0, [Span::Text("split ".into()), Span::Code("*".into()), Span::Text(" into read and write".into())]);
        assert_eq!(Prose::from_definition("a ` b").0, [Span::Text("a ` b".into())]);
        let list = |limit| Prose::new().names(["a", "b", "c"], limit).plain();
        assert_eq!((list(3), list(2)), ("a, b and c".into(), "a, b and 1 more".into()));
    }

    #[test]
    fn long_names_are_cut_by_characters() {
        assert_eq!((cut("éé", 2), cut("ééé", 2)), ("éé".into(), "éé…".into()));
    }

    #[test]
    fn a_table_counts_what_it_does_not_keep() {
        let mut table = Table::new(&["API", "Calls#"], None);
        for count in 0..5 {
            table.push_up_to(2, || vec![Cell::Words("x".into()), Cell::Count(count)]);
        }
        assert_eq!((table.rows.len(), table.total), (2, 5));
        assert_eq!(table.columns[1].align, Align::Right);
    }
}
