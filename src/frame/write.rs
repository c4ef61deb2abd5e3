//! Arrow batches -> Parquet files that warehouses read: microsecond UTC instants, plain strings, zstd, row groups of
//! bounded size. No Arrow schema is embedded, so that no reader sees dictionaries as anything but strings.

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
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
    inner: ArrowWriter<BufWriter<File>>,
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
        let inner = ArrowWriter::try_new_with_options(file, schema_of.schema(), options).map_err(io::Error::other)?;
        Ok(ParquetWriter { inner })
    }

    /// Appends a batch.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.inner.write(batch).map_err(io::Error::other)
    }

    /// Finishes the file.
    pub fn close(self) -> io::Result<()> {
        self.inner.close().map(|_| ()).map_err(io::Error::other)
    }
}

/// Writes one batch as one file.
pub fn write_batch(path: &Path, batch: &RecordBatch, metadata: &FileMetadata) -> io::Result<()> {
    let mut writer = ParquetWriter::create(path, batch, metadata)?;
    writer.write(batch)?;
    writer.close()
}
