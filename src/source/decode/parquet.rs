//! Parquet -> chunks of rows written as JSON, so that every pack of a JSON format reads Parquet too.
//!
//! Batches of rows are decoded as they are needed, and only the columns that the pack names, so that memory does not grow with
//! the file. A null is left out: Parquet cannot tell it from a field that the record never had. A text column of which the
//! pack wants the inside (`unmapped` as JSON in a string) is written as the JSON that it holds. Types are those of the Parquet
//! schema; an Arrow schema in the metadata is not believed.

use crate::source::chunk::{CHUNK_BYTES, Chunk, Element, MAX_RECORD_BYTES};
use crate::source::decode::json;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, MapArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, TimeUnit};
use arrow::datatypes::{TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::file::metadata::RowGroupMetaData;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How a Parquet file begins and ends.
pub const MAGIC: &[u8] = b"PAR1";

/// Rows decoded at a time, at most: a row of a dictionary column may be far longer than it is in the file.
const MAX_BATCH_ROWS: u64 = 1024;

/// Top-level columns that are read.
#[derive(Debug, Clone, Default)]
pub struct WantedRoots {
    /// With true for those of which something inside is wanted.
    pub names: Vec<(String, bool)>,
}

/// The rows of a file that is being read.
pub struct ParquetRows {
    reader: ParquetRecordBatchReader,
    wanted: Option<WantedRoots>,
    /// The rows decoded last, and how many of them have been handed out.
    batch: Option<(RecordBatch, usize)>,
    next_record: u64,
    /// Of the whole file.
    rows: u64,
    /// Bytes of the file for each of its rows, for the progress bar.
    pub bytes_per_row: f64,
}

impl ParquetRows {
    /// Opens a file. Without `wanted`, every column is read. The error says what is wrong with the file.
    pub fn open(path: &Path, wanted: Option<WantedRoots>) -> io::Result<Self> {
        let mut file = crate::source::open::open_file(path)?;
        let bytes = check_ends(&mut file)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(damaged))?;
        let groups = builder.metadata().row_groups();
        check_codecs(groups)?;
        let rows: u64 = groups.iter().map(|group| group.num_rows().max(0) as u64).sum();
        let decoded: u64 = groups.iter().map(|group| group.total_byte_size().max(0) as u64).sum();
        let batch_rows = (CHUNK_BYTES as u64 / (decoded / rows.max(1)).max(1)).clamp(1, MAX_BATCH_ROWS);
        let schema = builder.schema().clone();
        let is_read = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.names.iter().any(|(root, _)| root == name));
        let roots = schema.fields().iter().enumerate().filter(|(_, field)| is_read(field.name())).map(|(root, _)| root);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = guarded(|| builder.with_projection(mask).with_batch_size(batch_rows as usize).build().map_err(damaged))?;
        Ok(ParquetRows { reader, wanted, batch: None, next_record: 1, rows, bytes_per_row: bytes as f64 / rows.max(1) as f64 })
    }

    fn next_batch(&mut self) -> io::Result<Option<RecordBatch>> {
        guarded(|| self.reader.next().transpose().map_err(|error| io::Error::other(cut_short(&error.to_string()))))
    }

    /// The next rows, about as many bytes as any chunk; `None` at the end.
    pub fn next_chunk(&mut self, spare: Vec<u8>) -> io::Result<Option<Chunk>> {
        let (batch, mut row) = match self.batch.take() {
            Some(open) => open,
            None => match self.next_batch()? {
                Some(batch) => (batch, 0),
                None => return Ok(None),
            },
        };
        let (mut bytes, mut elements) = (spare, Vec::new());
        bytes.clear();
        {
            let columns = Columns::of_batch(&batch, self.wanted.as_ref());
            while row < batch.num_rows() && bytes.len() < CHUNK_BYTES {
                elements.push(columns.element(row, &mut bytes));
                row += 1;
            }
        }
        let first_record = self.next_record;
        self.next_record += elements.len() as u64;
        if row < batch.num_rows() {
            self.batch = Some((batch, row));
        }
        Ok(Some(Chunk { bytes, offset: 0, first_record, elements: Some(elements), header: None }))
    }
}

/// The first rows of a file, one JSON object a line, every column of them: what detection looks at.
pub fn head_lines(path: &Path, rows: usize) -> io::Result<Vec<u8>> {
    let mut reader = ParquetRows::open(path, None)?;
    let mut lines = Vec::new();
    let mut left = rows;
    while left > 0
        && let Some(chunk) = reader.next_chunk(Vec::new())?
    {
        for element in chunk.elements.iter().flatten().take(left) {
            lines.extend_from_slice(&chunk.bytes[element.start..element.end]);
            lines.push(b'\n');
            left -= 1;
        }
    }
    Ok(lines)
}

/// How much of a file its first rows are.
pub struct CopiedRows {
    /// There are more rows.
    pub is_cut: bool,
    /// Bytes of the file that the rows come from, about.
    pub bytes: u64,
}

/// Writes the first rows of a file to another.
pub fn copy_head(path: &Path, copy: &Path, rows: usize) -> io::Result<CopiedRows> {
    let mut reader = ParquetRows::open(path, None)?;
    let mut writer: Option<ArrowWriter<File>> = None;
    let mut copied = 0;
    while copied < rows
        && let Some(batch) = reader.next_batch()?
    {
        let batch = batch.slice(0, batch.num_rows().min(rows - copied));
        copied += batch.num_rows();
        let open = match writer.as_mut() {
            Some(open) => open,
            None => writer.insert(ArrowWriter::try_new(File::create(copy)?, batch.schema(), None).map_err(damaged)?),
        };
        open.write(&batch).map_err(damaged)?;
    }
    match writer {
        Some(writer) => drop(writer.close().map_err(damaged)?),
        None => drop(std::fs::copy(path, copy)?),
    }
    let bytes = (copied as f64 * reader.bytes_per_row) as u64;
    Ok(CopiedRows { is_cut: (copied as u64) < reader.rows, bytes })
}

/// The length of a file that has both ends of a Parquet file.
fn check_ends(file: &mut File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = [0; 4];
    if length >= 12 {
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut end)?;
    }
    file.rewind()?;
    match &end {
        b"PAR1" => Ok(length),
        b"PARE" => Err(io::Error::other("an encrypted Parquet file cannot be read")),
        _ => Err(io::Error::other("a Parquet file without its end: it was cut off, and nothing of it can be read")),
    }
}

/// Refuses files that are compressed in a way that is not read, and says which. Brotli is left out: its library would bring
/// four crates that Polars has in other versions, for a codec that hardly any writer chooses.
fn check_codecs(groups: &[RowGroupMetaData]) -> io::Result<()> {
    let name = |codec: Compression| match codec {
        Compression::BROTLI(_) => Some("Brotli"),
        Compression::LZO => Some("LZO"),
        _ => None,
    };
    match groups.iter().flat_map(RowGroupMetaData::columns).find_map(|column| name(column.compression())) {
        Some(name) => Err(io::Error::other(format!("a Parquet file compressed with {name}, which is not read: write it again with zstd, gzip or snappy"))),
        None => Ok(()),
    }
}

fn damaged(error: parquet::errors::ParquetError) -> io::Error {
    io::Error::other(cut_short(&error.to_string()))
}

/// The library's own words, without what it repeats.
fn cut_short(error: &str) -> String {
    let reason = error.trim_start_matches("Parquet argument error: ").trim_start_matches("Parquet error: ");
    format!("a damaged Parquet file, or one of a kind that is not read: {reason}")
}

/// The library may panic on hostile files: that is an error of the file like any other.
fn guarded<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    crate::diagnostic::without_panics(read).unwrap_or_else(|| Err(io::Error::other("a damaged Parquet file")))
}

/// The columns of a batch or struct, by their names.
struct Columns<'a> {
    /// `"name":` as it is written.
    columns: Vec<(Vec<u8>, Values<'a>)>,
}

/// How the values of an array are written.
enum Values<'a> {
    Text(&'a StringArray),
    /// Text that may be JSON, written as it is.
    Json(&'a StringArray),
    /// Text without an annotation, as old writers have it; other bytes as hexadecimal digits.
    Bytes(&'a BinaryArray),
    Float(&'a ArrayRef),
    /// ISO 8601; in UTC where the file says that its instants are.
    Instant(&'a ArrayRef, TimeUnit, bool),
    /// As the library shows it; with true in quotes.
    Shown(&'a ArrayRef, Option<ArrayFormatter<'a>>, bool),
    Struct(&'a StructArray, Columns<'a>),
    List(&'a ListArray, Box<Values<'a>>),
    Map(&'a MapArray, Box<Values<'a>>, Box<Values<'a>>),
}

impl<'a> Columns<'a> {
    fn of_batch(batch: &'a RecordBatch, wanted: Option<&WantedRoots>) -> Self {
        let schema = batch.schema_ref();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
            let inside = wanted.is_some_and(|wanted| wanted.names.iter().any(|(name, inside)| name == field.name() && *inside));
            let values = match array.as_string_opt::<i32>() {
                Some(text) if inside => Values::Json(text),
                _ => Values::of(array),
            };
            (key(field.name()), values)
        });
        Columns { columns: columns.collect() }
    }

    /// Writes a row as a record.
    fn element(&self, row: usize, out: &mut Vec<u8>) -> Element {
        let start = out.len();
        self.write(row, out);
        let is_long = out.len() - start > MAX_RECORD_BYTES;
        if is_long {
            out.truncate(start);
        }
        Element { start, end: out.len(), problem: is_long.then_some("record_too_long") }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        let start = out.len();
        for (key, values) in &self.columns {
            if values.is_null(row) {
                continue;
            }
            if out.len() > start {
                out.push(b',');
            }
            out.extend_from_slice(key);
            values.write(row, out);
        }
        out.push(b'}');
    }
}

fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    write_text(name, &mut key);
    key.push(b':');
    key
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Text is always valid JSON, and a vector takes every byte.
    let _ = serde_json::to_writer(out, text);
}

impl<'a> Values<'a> {
    fn of(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Utf8 => Values::Text(array.as_string()),
            DataType::Binary => Values::Bytes(array.as_binary()),
            DataType::Float32 | DataType::Float64 => Values::Float(array),
            DataType::Timestamp(unit, zone) => Values::Instant(array, *unit, zone.is_some()),
            DataType::Struct(fields) => {
                let array = array.as_struct();
                let columns = fields.iter().zip(array.columns()).map(|(field, column)| (key(field.name()), Values::of(column)));
                Values::Struct(array, Columns { columns: columns.collect() })
            }
            DataType::List(_) => Values::List(array.as_list(), Box::new(Values::of(array.as_list::<i32>().values()))),
            DataType::Map(..) => {
                let map = array.as_map();
                Values::Map(map, Box::new(Values::of(map.keys())), Box::new(Values::of(map.values())))
            }
            other => {
                let is_bare = other.is_integer() || *other == DataType::Boolean;
                Values::Shown(array, ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default()).ok(), !is_bare)
            }
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Values::Text(array) | Values::Json(array) => array.is_null(row),
            Values::Bytes(array) => array.is_null(row),
            Values::Float(array) | Values::Instant(array, ..) => array.is_null(row),
            Values::Shown(array, formatter, _) => array.is_null(row) || formatter.is_none(),
            Values::Struct(array, _) => array.is_null(row),
            Values::List(array, _) => array.is_null(row),
            Values::Map(array, ..) => array.is_null(row),
        }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return out.extend_from_slice(b"null");
        }
        match self {
            Values::Text(array) => write_text(array.value(row), out),
            Values::Json(array) => {
                let text = array.value(row);
                let is_json = text.trim_start().starts_with(['{', '[']) && json::validate(text.as_bytes()).is_ok();
                if is_json { out.extend_from_slice(text.as_bytes()) } else { write_text(text, out) }
            }
            Values::Bytes(array) => match std::str::from_utf8(array.value(row)) {
                Ok(text) => write_text(text, out),
                Err(_) => write_text(&crate::record::token::hex(array.value(row)), out),
            },
            Values::Float(array) => write_float(array, row, out),
            Values::Instant(array, unit, is_utc) => write_instant(array, *unit, *is_utc, row, out),
            Values::Shown(_, formatter, in_quotes) => {
                let shown = formatter.as_ref().map(|formatter| formatter.value(row).to_string()).unwrap_or_default();
                if *in_quotes { write_text(&shown, out) } else { out.extend_from_slice(shown.as_bytes()) }
            }
            Values::Struct(_, columns) => columns.write(row, out),
            Values::List(array, items) => {
                let offsets = array.value_offsets();
                write_list(offsets[row] as usize..offsets[row + 1] as usize, items, out);
            }
            Values::Map(array, keys, values) => {
                let offsets = array.value_offsets();
                write_map(offsets[row] as usize..offsets[row + 1] as usize, keys, values, out);
            }
        }
    }

    /// As the key of an object: always in quotes.
    fn write_key(&self, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        self.write(row, out);
        if out.get(start) != Some(&b'"') {
            let text = String::from_utf8_lossy(&out[start..]).into_owned();
            out.truncate(start);
            write_text(&text, out);
        }
    }
}

fn write_float(array: &ArrayRef, row: usize, out: &mut Vec<u8>) {
    let number = match array.data_type() {
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row)),
        _ => array.as_primitive::<Float64Type>().value(row),
    };
    // JSON has no word for infinity.
    let _ = if number.is_finite() { write!(out, "{number}") } else { write!(out, "null") };
}

fn write_instant(array: &ArrayRef, unit: TimeUnit, is_utc: bool, row: usize, out: &mut Vec<u8>) {
    let micros = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row).checked_mul(1_000_000),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row).checked_mul(1_000),
        TimeUnit::Microsecond => Some(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        TimeUnit::Nanosecond => Some(array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000)),
    };
    // What no calendar has is left for the pack to reject.
    match micros.filter(|micros| in_calendar(*micros)).map(crate::period::format_instant) {
        Some(text) => write_text(if is_utc { &text } else { text.trim_end_matches('Z') }, out),
        None => out.extend_from_slice(b"\"out of range\""),
    }
}

/// Years 1 to 9999.
fn in_calendar(micros: i64) -> bool {
    (-62_135_596_800_000_000..=253_402_300_799_999_999).contains(&micros)
}

fn write_list(range: std::ops::Range<usize>, items: &Values<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for item in range.clone() {
        if item > range.start {
            out.push(b',');
        }
        items.write(item, out);
    }
    out.push(b']');
}

fn write_map(range: std::ops::Range<usize>, keys: &Values<'_>, values: &Values<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for entry in range.clone() {
        if entry > range.start {
            out.push(b',');
        }
        keys.write_key(entry, out);
        out.push(b':');
        values.write(entry, out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::BrotliLevel;
    use parquet::file::metadata::ColumnChunkMetaData;
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;
    use std::sync::Arc;

    #[test]
    fn a_codec_that_is_not_read_is_named() {
        let schema = parse_message_type("message m { required int32 a; }").unwrap();
        let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
        let group = |codec: Compression| {
            let column = ColumnChunkMetaData::builder(schema.column(0)).set_compression(codec).build().unwrap();
            RowGroupMetaData::builder(schema.clone()).add_column_metadata(column).build().unwrap()
        };
        let told = |codec| check_codecs(&[group(codec)]).map_err(|error| error.to_string());
        assert!(told(Compression::BROTLI(BrotliLevel::default())).unwrap_err().contains("compressed with Brotli"));
        assert_eq!((told(Compression::SNAPPY), told(Compression::UNCOMPRESSED)), (Ok(()), Ok(())));
    }
}
