//! The only reader of the disk: paths -> files -> chunks of whole records -> parsed records.

pub mod chunk;
pub mod decode;
pub mod detect;
pub mod detect_document;
pub mod detect_text;
pub mod discover;
pub mod document;
pub mod encoding;
pub mod inventory;
pub mod join;
pub mod library;
pub mod open;
pub mod openapi;
pub mod pack;
pub mod plan;
pub mod prefix;
pub mod read;
pub mod trace;
