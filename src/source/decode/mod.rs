//! Bytes of one record -> its fields, one decoder a file.

#[forbid(unsafe_code)]
pub mod column;
#[forbid(unsafe_code)]
pub mod csv;
#[forbid(unsafe_code)]
pub mod delimited;
#[forbid(unsafe_code)]
mod diagnose;
#[forbid(unsafe_code)]
pub mod expression;
mod grammar;
#[forbid(unsafe_code)]
pub mod json;
#[forbid(unsafe_code)]
pub mod logfmt;
#[forbid(unsafe_code)]
pub mod parquet;
#[forbid(unsafe_code)]
pub mod pattern;
mod shape;
pub mod structural;
#[forbid(unsafe_code)]
pub mod text;
#[forbid(unsafe_code)]
pub mod yaml;

use crate::record::field::Fields;
use crate::source::pack::{DecoderKind, PackFile};
use csv::JsonRows;
use json::{FieldPlan, JsonReader, KeyRules};
use text::{TextPlan, TextReader};

/// How a pack's records are read.
#[derive(Debug, Clone)]
pub enum Decoder {
    Json(FieldPlan),
    Text(Box<TextPlan>),
    /// Inventories are read whole, see inventory.rs.
    Whole,
}

impl Decoder {
    /// Compiles a pack's decoder for the paths its columns name.
    pub fn compile(file: &PackFile, paths: &[Vec<String>]) -> Result<Decoder, String> {
        if file.decoder != DecoderKind::Pattern && !file.text.formats.is_empty() {
            return Err("takes no format string: its decoder is not `pattern`".into());
        }
        match file.decoder {
            _ if file.inventory.is_some() => Ok(Decoder::Whole),
            DecoderKind::Toml | DecoderKind::Document => Ok(Decoder::Whole),
            DecoderKind::Json => {
                let rules = KeyRules { ignore_case: file.keys.ignore_case.clone(), flat: file.keys.flat, json: file.keys.json.clone() };
                if !FieldPlan::fits(paths, &rules, &file.unwrap) {
                    return Err("its paths, their spellings and the places of `unwrap` are more than 65,000 keys to look for".into());
                }
                Ok(Decoder::Json(FieldPlan::with_envelopes(paths, &rules, &file.unwrap)))
            }
            kind => Ok(Decoder::Text(Box::new(TextPlan::compile(kind, &file.text, paths)?))),
        }
    }
}

/// A decoder with its buffers: one for each worker and pack.
pub enum RecordReader {
    Json(Box<JsonReader>),
    /// A JSON format as rows of CSV.
    Rows(Box<JsonReader>, JsonRows),
    Text(TextReader),
    Whole,
}

impl RecordReader {
    pub fn new(decoder: &Decoder) -> Self {
        match decoder {
            Decoder::Json(plan) => RecordReader::Json(Box::new(JsonReader::new(plan))),
            Decoder::Text(plan) => RecordReader::Text(TextReader::new(plan)),
            Decoder::Whole => RecordReader::Whole,
        }
    }

    /// Takes over the header line that is in force where a chunk begins.
    pub fn start_chunk(&mut self, decoder: &Decoder, header: Option<&[u8]>) {
        match (&mut *self, decoder, header) {
            (RecordReader::Text(reader), Decoder::Text(plan), header) => reader.start_chunk(plan, header),
            // One worker reads files of both kinds, so that each chunk says which it is.
            (RecordReader::Rows(_, rows), Decoder::Json(_), Some(header)) => rows.set_header(header),
            (RecordReader::Json(_), Decoder::Json(plan), Some(header)) => {
                let mut rows = JsonRows::default();
                rows.set_header(header);
                *self = RecordReader::Rows(Box::new(JsonReader::new(plan)), rows);
            }
            (RecordReader::Rows(..), Decoder::Json(plan), None) => *self = RecordReader::Json(Box::new(JsonReader::new(plan))),
            _ => {}
        }
    }

    /// Reads one record. `None`: it is of no interest. The error is a reject reason.
    #[inline]
    pub fn read<'a>(&'a mut self, decoder: &Decoder, record: &'a str) -> Result<Option<Fields<'a>>, &'static str> {
        match (self, decoder) {
            (RecordReader::Json(reader), Decoder::Json(plan)) => reader.read(plan, record).map(Some).map_err(|error| error.reason()),
            (RecordReader::Rows(reader, rows), Decoder::Json(plan)) => {
                let object = rows.read(record.as_bytes())?;
                reader.read(plan, object).map(Some).map_err(|error| error.reason())
            }
            (RecordReader::Text(reader), Decoder::Text(plan)) => reader.read(plan, record),
            _ => Ok(None),
        }
    }
}
