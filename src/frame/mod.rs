//! Typed records -> columns: the canonical frames, and the small frames that the queries read beside them.

pub mod bridge;
pub mod build;
pub mod calls;
pub mod entity;
pub mod interner;
pub mod merge;
pub mod requests;
pub mod schema;
pub mod segment;
pub mod small;
pub mod table;
pub mod write;
