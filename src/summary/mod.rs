//! Numbers -> files: one report as plain data, and a renderer for each form of it.

pub mod chart;
pub mod diff;
pub mod escape;
pub mod feed;
pub mod html;
pub mod json;
pub mod markdown;
pub mod parquet;
pub mod report;
pub mod retro;
pub mod terminal;
pub mod write;
