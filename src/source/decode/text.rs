//! One line of text -> the columns a pack names: which decoder reads it, and which lines are of no interest.
//!
//! How to add a decoder
//! 1. One file in this folder that reads a line into spans and says why it cannot.
//! 2. A variant of `Lines` below and of `DecoderKind` in pack.rs, and its line in `TextPlan::compile` and `TextReader::read`.

use super::column::WantedColumns;
use super::csv::CsvColumns;
use super::delimited::Columns;
use super::expression::Expression;
use super::logfmt::LogfmtPlan;
use super::pattern::{Pattern, PatternRules};
use crate::record::field::{Fields, Span};
use crate::source::pack::{DecoderKind, TextFile};
use regex::bytes::{CaptureLocations, Regex};

/// A pack's text format, compiled.
#[derive(Debug, Clone)]
pub struct TextPlan {
    lines: Lines,
    wanted: WantedColumns,
    skip: Vec<Regex>,
    /// Of a row under a `#Fields:` directive; 0 is all.
    least_columns: usize,
}

#[derive(Debug, Clone)]
enum Lines {
    /// Formats tried in order; the first that fits the whole line counts.
    Pattern(Vec<Pattern>),
    Delimited(Columns),
    /// The columns where no `#Fields:` directive came.
    W3c(Columns),
    Logfmt(LogfmtPlan),
    Ltsv(LogfmtPlan),
    Regex(Vec<Expression>),
    Csv,
}

/// No format of the pack fits the line.
pub const FITS_NO_FORMAT: &str = "fits_no_format";

impl TextPlan {
    /// Compiles what a pack says of its text; `paths` are the columns it wants.
    pub fn compile(kind: DecoderKind, file: &TextFile, paths: &[Vec<String>]) -> Result<TextPlan, String> {
        let wanted = WantedColumns::new(paths);
        let needs = |is_there: bool, key: &str| if is_there { Ok(()) } else { Err(format!("this decoder needs `text.{key}`")) };
        let lines = match kind {
            DecoderKind::Pattern => {
                needs(!file.formats.is_empty(), "formats")?;
                let rules = PatternRules { dotted: file.dotted, quoting: file.quoting, any_blanks: file.any_blanks, shapes: file.shapes.clone() };
                let formats = file.formats.iter().map(|format| Pattern::compile(format, &rules, &wanted));
                Lines::Pattern(formats.collect::<Result<_, _>>()?)
            }
            DecoderKind::Delimited => {
                needs(!file.columns.is_empty(), "columns")?;
                Lines::Delimited(Columns::new(&file.columns, file.least_columns, &wanted))
            }
            DecoderKind::W3c => Lines::W3c(Columns::of_w3c(&file.columns, file.least_columns, &wanted)),
            DecoderKind::Logfmt => Lines::Logfmt(LogfmtPlan::new(&wanted)),
            DecoderKind::Ltsv => Lines::Ltsv(LogfmtPlan::new(&wanted)),
            DecoderKind::Regex => {
                needs(!file.expressions.is_empty(), "expressions")?;
                Lines::Regex(file.expressions.iter().map(|text| Expression::compile(text, &wanted)).collect::<Result<_, _>>()?)
            }
            DecoderKind::Csv => Lines::Csv,
            DecoderKind::Json | DecoderKind::Toml | DecoderKind::Document => return Err("no decoder of text".into()),
        };
        let skip = file.skip.iter().map(|text| Regex::new(text)).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        Ok(TextPlan { lines, wanted, skip, least_columns: file.least_columns })
    }

    /// How many slots its fields have.
    pub fn slots(&self) -> usize {
        self.wanted.slots()
    }
}

/// Reads lines along a plan; keeps its buffers between lines, and the columns that a header or directive named.
pub struct TextReader {
    spans: Vec<Span>,
    header: Option<Vec<u8>>,
    columns: Columns,
    csv: CsvColumns,
    locations: Vec<CaptureLocations>,
}

impl TextReader {
    pub fn new(plan: &TextPlan) -> Self {
        let (columns, locations) = match &plan.lines {
            Lines::W3c(columns) => (columns.clone(), Vec::new()),
            Lines::Regex(expressions) => (Columns::default(), expressions.iter().map(Expression::locations).collect()),
            _ => (Columns::default(), Vec::new()),
        };
        TextReader { spans: vec![Span::MISSING; plan.wanted.slots()], header: None, columns, csv: CsvColumns::default(), locations }
    }

    /// Takes over the header or directive that is in force where a chunk begins.
    pub fn start_chunk(&mut self, plan: &TextPlan, header: Option<&[u8]>) {
        if self.header.as_deref() == header {
            return;
        }
        self.header = header.map(<[u8]>::to_vec);
        match (&plan.lines, header) {
            (Lines::W3c(fallback), None) => self.columns = fallback.clone(),
            (Lines::W3c(_), Some(directive)) => self.columns = Columns::of_directive(directive, plan.least_columns, &plan.wanted),
            (Lines::Csv, Some(header)) => self.csv = CsvColumns::of_header(header, &plan.wanted),
            _ => {}
        }
    }

    /// Reads one line, which must be valid UTF-8. `None`: a directive, or a line that the pack wants left out.
    pub fn read<'a>(&'a mut self, plan: &TextPlan, record: &'a str) -> Result<Option<Fields<'a>>, &'static str> {
        let record = record.trim_ascii_start();
        let line = record.as_bytes();
        self.spans.fill(Span::MISSING);
        let outcome = match &plan.lines {
            Lines::Pattern(formats) => self.read_pattern(formats, line),
            Lines::Delimited(columns) => columns.read_quoted(line, &mut self.spans),
            Lines::W3c(_) if is_directive(line) => {
                self.read_directive(plan, line);
                return Ok(None);
            }
            Lines::W3c(_) => self.columns.read_w3c(line, &mut self.spans),
            Lines::Logfmt(logfmt) => logfmt.read(line, &mut self.spans),
            Lines::Ltsv(labels) => labels.read_ltsv(line, &mut self.spans),
            Lines::Regex(expressions) => self.read_regex(expressions, line),
            Lines::Csv => self.csv.read(line, &mut self.spans),
        };
        match outcome {
            Ok(()) => Ok(Some(Fields::new(record, &self.spans))),
            Err(_) if plan.skip.iter().any(|skip| skip.is_match(line)) => Ok(None),
            Err(reason) => Err(reason),
        }
    }

    #[inline]
    fn read_pattern(&mut self, formats: &[Pattern], line: &[u8]) -> Result<(), &'static str> {
        for format in formats {
            if format.read(line, &mut self.spans) {
                return Ok(());
            }
            self.spans.fill(Span::MISSING);
        }
        Err(FITS_NO_FORMAT)
    }

    fn read_regex(&mut self, expressions: &[Expression], line: &[u8]) -> Result<(), &'static str> {
        let mut tries = expressions.iter().zip(&mut self.locations);
        if tries.any(|(expression, locations)| expression.read(line, locations, &mut self.spans)) { Ok(()) } else { Err(FITS_NO_FORMAT) }
    }

    fn read_directive(&mut self, plan: &TextPlan, line: &[u8]) {
        if line.starts_with(b"#Fields:") {
            self.columns = Columns::of_directive(line, plan.least_columns, &plan.wanted);
            self.header = Some(line.to_vec());
        }
    }
}

/// The directives of the W3C draft; any other line with a `#` is a row, and a wrong one.
fn is_directive(line: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [b"Version", b"Fields", b"Software", b"Start-Date", b"End-Date", b"Date", b"Remark", b"GMT-Offset"];
    line.strip_prefix(b"#").is_some_and(|rest| NAMES.iter().any(|name| rest.strip_prefix(*name).is_some_and(|rest| rest.starts_with(b":"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(plan: &TextPlan, reader: &mut TextReader, line: &str) -> Result<Option<Vec<Option<String>>>, &'static str> {
        let fields = reader.read(plan, line)?;
        Ok(fields.map(|fields| (0..plan.wanted.slots()).map(|slot| fields.text(slot).map(|text| text.into_owned())).collect()))
    }

    fn plan(kind: DecoderKind, toml: &str, names: &[&str]) -> TextPlan {
        let file: TextFile = toml::from_str(toml).unwrap();
        TextPlan::compile(kind, &file, &names.iter().map(|name| name.split('.').map(String::from).collect()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn formats_are_tried_in_order_and_leave_nothing_behind() {
        let plan = plan(DecoderKind::Pattern, "formats = ['$a x $b y', '$a x $c']\nskip = ['^#']", &["a", "b", "c"]);
        let mut reader = TextReader::new(&plan);
        let some = |text: &str| Some(text.to_string());
        assert_eq!(texts(&plan, &mut reader, " 1 x 2 y"), Ok(Some(vec![some("1"), some("2"), None])));
        assert_eq!(texts(&plan, &mut reader, "1 x 2"), Ok(Some(vec![some("1"), None, some("2")])));
        assert_eq!(texts(&plan, &mut reader, "#1"), Ok(None));
        assert_eq!(texts(&plan, &mut reader, "1"), Err(FITS_NO_FORMAT));
    }

    #[test]
    fn a_w3c_directive_counts_from_its_line_on() {
        let plan = plan(DecoderKind::W3c, "", &["b"]);
        let mut reader = TextReader::new(&plan);
        reader.start_chunk(&plan, Some(b"#Fields: a b"));
        assert_eq!(texts(&plan, &mut reader, "1 2"), Ok(Some(vec![Some("2".into())])));
        assert_eq!(texts(&plan, &mut reader, "#Fields: b"), Ok(None));
        assert_eq!(texts(&plan, &mut reader, "3"), Ok(Some(vec![Some("3".into())])));
        reader.start_chunk(&plan, Some(b"#Fields: a b"));
        assert_eq!(texts(&plan, &mut reader, "3"), Err("wrong_column_count"));
    }

    #[test]
    fn a_decoder_without_its_key_is_refused() {
        let error = TextPlan::compile(DecoderKind::Pattern, &TextFile::default(), &[]).unwrap_err();
        assert!(error.contains("`text.formats`"));
    }
}
