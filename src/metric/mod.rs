//! Frames -> numbers. The SQL under `queries/` is the only implementation of the metrics; Rust runs it and judges its rows.

pub mod catalog;
pub mod definition;
pub mod engine;
pub mod judge;
pub mod merge;
pub mod outcome;
pub mod settings;
