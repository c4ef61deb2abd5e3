//! What an entity file holds: its grain and its columns, as `queries/entities/<name>.toml` says.

use crate::frame::schema::ColumnSchema;
use serde::Deserialize;

/// `entities/<name>.toml`: what a row stands for, and the columns as they are written.
#[derive(Debug, Clone, Deserialize)]
pub struct EntityDefinition {
    pub grain: String,
    #[serde(default)]
    pub docs: String,
    #[serde(default)]
    pub key: Vec<String>,
    /// Columns that join lists and are not written.
    #[serde(default)]
    pub hidden: Vec<String>,
    pub columns: Vec<ColumnSchema>,
}
