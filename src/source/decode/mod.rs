//! Bytes of one record -> its fields, one decoder a file.

pub mod csv;
pub mod json;
pub mod structural;
