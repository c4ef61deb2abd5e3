//! The canonical columns: one list, `queries/frames.toml`, that code, queries, docs and Parquet metadata share.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Version of the frames' columns and meanings, in each file's metadata.
pub const SCHEMA_VERSION: &str = "1";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    String,
    Bigint,
    Double,
    Boolean,
    Smallint,
    /// Microseconds since 1970 UTC.
    Timestamp,
    /// Whole days since 1970.
    Date,
    /// Of strings.
    List,
}

/// A column of a frame.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSchema {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ColumnType,
    #[serde(default)]
    pub meaning: String,
}

static FRAMES: LazyLock<BTreeMap<String, Vec<ColumnSchema>>> =
    LazyLock::new(|| toml::from_str(include_str!("../../queries/frames.toml")).expect("frames.toml is checked by a test"));

/// Every frame that is built in Rust, with its columns in order.
pub fn frames() -> &'static BTreeMap<String, Vec<ColumnSchema>> {
    &FRAMES
}

/// The frames that hold one row per record, written as folders partitioned by month.
pub const RECORD_FRAMES: [&str; 3] = ["requests", "identity_events", "revocation_tickets"];

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_of_frames_is_readable() {
        assert!(super::RECORD_FRAMES.iter().all(|frame| super::frames().contains_key(*frame)));
    }
}
