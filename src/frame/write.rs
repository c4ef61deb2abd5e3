//! Arrow batches -> Parquet files that warehouses read: microsecond UTC instants, plain strings, zstd, row groups of
//! bounded size. No Arrow schema is embedded, so that no reader sees dictionaries as anything but strings.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

/// Rows in a row group at most.
pub const ROW_GROUP_ROWS: usize = 256 * 1024;

/// What stands in every file's metadata.
#[derive(Debug, Clone, Default)]
pub struct FileMetadata {
    pub run_digest: String,
}

impl FileMetadata {
    fn key_values(&self) -> Vec<KeyValue> {
        let pair = |key: &str, value: &str| KeyValue::new(key.to_string(), value.to_string());
        vec![
            pair("schema_version", super::schema::SCHEMA_VERSION),
            pair("tool_version", concat!("credlens ", env!("CARGO_PKG_VERSION"))),
            pair("run_digest", &self.run_digest),
        ]
    }
}

/// An open Parquet file.
pub struct ParquetWriter {
    file: SerializedFileWriter<BufWriter<File>>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    /// The open row group: a writer per column, and its rows so far.
    group: Option<(Vec<ArrowColumnWriter>, usize)>,
    groups: usize,
}

impl ParquetWriter {
    /// Creates a file for batches like `schema_of`; its folder is made if need be. Integer columns get delta encoding
    /// where a dictionary would not help.
    pub fn create(path: &Path, schema_of: &RecordBatch, metadata: &FileMetadata) -> io::Result<ParquetWriter> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(io::Error::other)?))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_created_by(concat!("credlens ", env!("CARGO_PKG_VERSION")).to_string())
            .set_key_value_metadata(Some(metadata.key_values()));
        for field in schema_of.schema().fields() {
            if field.name().ends_with("_us") || field.name() == "event_time" || field.name() == "record" || field.name() == "day" {
                let column = ColumnPath::from(field.name().as_str());
                properties = properties.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
            }
        }
        let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
        let file = BufWriter::new(File::create(path)?);
        let writer = ArrowWriter::try_new_with_options(file, schema_of.schema(), options).map_err(io::Error::other)?;
        let (file, factory) = writer.into_serialized_writer().map_err(io::Error::other)?;
        Ok(ParquetWriter { file, factory, schema: schema_of.schema(), group: None, groups: 0 })
    }

    /// Appends a batch; its columns are encoded side by side.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let mut at = 0;
        while at < batch.num_rows() {
            if self.group.is_none() {
                self.group = Some((self.factory.create_column_writers(self.groups).map_err(io::Error::other)?, 0));
            }
            let Some((writers, rows)) = &mut self.group else { continue };
            let part = batch.slice(at, (batch.num_rows() - at).min(ROW_GROUP_ROWS - *rows));
            // No column nests more than a list of strings: each has one leaf and so one writer.
            let columns = writers.par_iter_mut().zip(&self.schema.fields()[..]).zip(part.columns());
            columns
                .try_for_each(|((writer, field), array)| compute_leaves(field, array)?.iter().try_for_each(|leaf| writer.write(leaf)))
                .map_err(io::Error::other)?;
            at += part.num_rows();
            *rows += part.num_rows();
            if *rows == ROW_GROUP_ROWS {
                self.end_group().map_err(io::Error::other)?;
            }
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let Some((writers, _)) = self.group.take() else { return Ok(()) };
        let chunks: Vec<ArrowColumnChunk> = writers.into_par_iter().map(ArrowColumnWriter::close).collect::<Result<_, _>>()?;
        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.groups += 1;
        Ok(())
    }

    /// Finishes the file.
    pub fn close(mut self) -> io::Result<()> {
        self.end_group().map_err(io::Error::other)?;
        self.file.close().map(|_| ()).map_err(io::Error::other)
    }
}

/// Writes one batch as one file.
pub fn write_batch(path: &Path, batch: &RecordBatch, metadata: &FileMetadata) -> io::Result<()> {
    let mut writer = ParquetWriter::create(path, batch, metadata)?;
    writer.write(batch)?;
    writer.close()
}
