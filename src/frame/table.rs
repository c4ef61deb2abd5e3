//! A small table as plain vectors: what Rust builds and what queries return, before either engine sees it.

use crate::frame::schema::{ColumnSchema, ColumnType};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int16Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use std::sync::Arc;

/// A column's values, null where not known.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    Text(Vec<Option<String>>),
    Int(Vec<Option<i64>>),
    Double(Vec<Option<f64>>),
    Flag(Vec<Option<bool>>),
    Small(Vec<Option<i16>>),
    Instant(Vec<Option<i64>>),
    /// Days since 1970.
    Date(Vec<Option<i64>>),
    List(Vec<Option<Vec<String>>>),
}

impl Column {
    /// An empty column of a type.
    pub fn new(kind: ColumnType) -> Column {
        match kind {
            ColumnType::String => Column::Text(Vec::new()),
            ColumnType::Bigint => Column::Int(Vec::new()),
            ColumnType::Double => Column::Double(Vec::new()),
            ColumnType::Boolean => Column::Flag(Vec::new()),
            ColumnType::Smallint => Column::Small(Vec::new()),
            ColumnType::Timestamp => Column::Instant(Vec::new()),
            ColumnType::Date => Column::Date(Vec::new()),
            ColumnType::List => Column::List(Vec::new()),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Column::Text(values) => values.len(),
            Column::Int(values) | Column::Instant(values) | Column::Date(values) => values.len(),
            Column::Double(values) => values.len(),
            Column::Flag(values) => values.len(),
            Column::Small(values) => values.len(),
            Column::List(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows with these numbers.
    pub fn take(&self, rows: &[usize]) -> Column {
        fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row].clone()).collect()
        }
        match self {
            Column::Text(values) => Column::Text(pick(values, rows)),
            Column::Int(values) => Column::Int(pick(values, rows)),
            Column::Instant(values) => Column::Instant(pick(values, rows)),
            Column::Date(values) => Column::Date(pick(values, rows)),
            Column::Double(values) => Column::Double(pick(values, rows)),
            Column::Flag(values) => Column::Flag(pick(values, rows)),
            Column::Small(values) => Column::Small(pick(values, rows)),
            Column::List(values) => Column::List(pick(values, rows)),
        }
    }

    /// As an Arrow array.
    pub fn to_array(&self) -> ArrayRef {
        match self {
            Column::Text(values) => Arc::new(StringArray::from_iter(values.iter().map(Option::as_deref))),
            Column::Int(values) => Arc::new(Int64Array::from_iter(values.iter().copied())),
            Column::Double(values) => Arc::new(Float64Array::from_iter(values.iter().copied())),
            Column::Flag(values) => Arc::new(BooleanArray::from_iter(values.iter().copied())),
            Column::Small(values) => Arc::new(Int16Array::from_iter(values.iter().copied())),
            Column::Instant(values) => Arc::new(TimestampMicrosecondArray::from_iter(values.iter().copied()).with_timezone("UTC")),
            Column::Date(values) => Arc::new(Date32Array::from_iter(values.iter().map(|day| day.map(|day| day as i32)))),
            Column::List(values) => {
                let mut builder = ListBuilder::new(StringBuilder::new());
                for value in values {
                    builder.append_option(value.as_ref().map(|items| items.iter().map(Some)));
                }
                Arc::new(builder.finish())
            }
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Column::Text(_) => DataType::Utf8,
            Column::Int(_) => DataType::Int64,
            Column::Double(_) => DataType::Float64,
            Column::Flag(_) => DataType::Boolean,
            Column::Small(_) => DataType::Int16,
            Column::Instant(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Column::Date(_) => DataType::Date32,
            Column::List(_) => DataType::new_list(DataType::Utf8, true),
        }
    }

    /// A column's texts; none where it holds something else.
    pub fn texts(&self) -> &[Option<String>] {
        match self {
            Column::Text(values) => values,
            _ => &[],
        }
    }

    /// A column's integers (instants included); none where it holds something else.
    pub fn ints(&self) -> &[Option<i64>] {
        match self {
            Column::Int(values) | Column::Instant(values) | Column::Date(values) => values,
            _ => &[],
        }
    }

    /// A column's floats; none where it holds something else.
    pub fn doubles(&self) -> &[Option<f64>] {
        match self {
            Column::Double(values) => values,
            _ => &[],
        }
    }
}

/// Named columns of equal length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<(String, Column)>,
}

impl Table {
    /// An empty table of a schema.
    pub fn with_schema(schema: &[ColumnSchema]) -> Table {
        Table { columns: schema.iter().map(|column| (column.name.clone(), Column::new(column.kind))).collect() }
    }

    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, column)| column)
    }

    /// A text cell.
    pub fn text(&self, name: &str, row: usize) -> Option<&str> {
        self.column(name)?.texts().get(row)?.as_deref()
    }

    /// An integer cell.
    pub fn int(&self, name: &str, row: usize) -> Option<i64> {
        *self.column(name)?.ints().get(row)?
    }

    /// A float cell.
    pub fn double(&self, name: &str, row: usize) -> Option<f64> {
        *self.column(name)?.doubles().get(row)?
    }

    /// Puts a column at the end, or in the place of one with its name.
    pub fn set(&mut self, name: &str, column: Column) {
        match self.columns.iter_mut().find(|(other, _)| other == name) {
            Some((_, place)) => *place = column,
            None => self.columns.push((name.to_string(), column)),
        }
    }

    /// The rows with these numbers.
    pub fn take(&self, rows: &[usize]) -> Table {
        Table { columns: self.columns.iter().map(|(name, column)| (name.clone(), column.take(rows))).collect() }
    }

    /// Without the named columns.
    pub fn without(mut self, names: &[&str]) -> Table {
        self.columns.retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    /// As an Arrow record batch.
    pub fn to_batch(&self) -> RecordBatch {
        let fields: Vec<Field> = self.columns.iter().map(|(name, column)| Field::new(name, column.data_type(), true)).collect();
        let arrays = self.columns.iter().map(|(_, column)| column.to_array()).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("a table's columns have one length and their own types")
    }
}
