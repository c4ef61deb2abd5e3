//! The only file that knows both our tables and Polars.

use crate::frame::table::{Column, Table};
use polars::prelude::*;

/// A table as a Polars frame. Lists and instants stay behind: queries read the `…_us` and `…_set` columns beside them.
pub fn to_polars(table: &Table) -> PolarsResult<DataFrame> {
    let height = table.rows();
    let columns = table.columns.iter().filter_map(|(name, column)| {
        let name: PlSmallStr = name.as_str().into();
        Some(match column {
            Column::Text(values) => StringChunked::from_iter_options(name, values.iter().map(Option::as_deref)).into_series(),
            Column::Int(values) => Int64Chunked::from_iter_options(name, values.iter().copied()).into_series(),
            Column::Double(values) => Float64Chunked::from_iter_options(name, values.iter().copied()).into_series(),
            Column::Flag(values) => BooleanChunked::from_iter_options(name, values.iter().copied()).into_series(),
            Column::Small(values) => Int64Chunked::from_iter_options(name, values.iter().map(|value| value.map(i64::from))).into_series(),
            Column::Instant(_) | Column::Date(_) | Column::List(_) => return None,
        })
    });
    DataFrame::new(height, columns.map(polars::prelude::Column::from).collect())
}

/// A query's result as a table: integers of any width as 64-bit, the rest as it is.
pub fn from_polars(frame: &DataFrame) -> PolarsResult<Table> {
    let columns = frame.columns().iter().map(|column| {
        let series = column.as_materialized_series();
        let values = match series.dtype() {
            DataType::String => Column::Text(series.str()?.iter().map(|value| value.map(str::to_string)).collect()),
            DataType::Boolean => Column::Flag(series.bool()?.iter().collect()),
            dtype if dtype.is_integer() => Column::Int(series.cast(&DataType::Int64)?.i64()?.iter().collect()),
            dtype if dtype.is_float() => Column::Double(series.cast(&DataType::Float64)?.f64()?.iter().collect()),
            // A column of nothing but nulls has no type of its own.
            DataType::Null => Column::Text(vec![None; series.len()]),
            DataType::List(inner) if **inner == DataType::String => {
                let lists = series.list()?;
                let list = |row| lists.get_as_series(row).map(|items: Series| Ok(items.str()?.iter().flatten().map(str::to_string).collect::<Vec<_>>()));
                Column::List((0..lists.len()).map(|row| list(row).transpose()).collect::<PolarsResult<_>>()?)
            }
            DataType::Datetime(_, _) => Column::Instant(series.cast(&DataType::Int64)?.i64()?.iter().collect()),
            DataType::Date => Column::Date(series.cast(&DataType::Int64)?.i64()?.iter().collect()),
            other => polars_bail!(ComputeError: "column `{}` has type {other}, which no output can hold", series.name()),
        };
        Ok((series.name().to_string(), values))
    });
    Ok(Table { columns: columns.collect::<PolarsResult<_>>()? })
}
