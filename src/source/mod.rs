//! The only reader of the disk: paths -> files -> chunks of whole records -> parsed records.

#[forbid(unsafe_code)]
pub mod chunk;
pub mod decode;
#[forbid(unsafe_code)]
pub mod detect;
#[forbid(unsafe_code)]
pub mod detect_document;
#[forbid(unsafe_code)]
pub mod detect_text;
#[forbid(unsafe_code)]
pub mod discover;
#[forbid(unsafe_code)]
pub mod document;
#[forbid(unsafe_code)]
pub mod encoding;
#[forbid(unsafe_code)]
pub mod excerpt;
#[forbid(unsafe_code)]
pub mod inventory;
#[forbid(unsafe_code)]
pub mod join;
#[forbid(unsafe_code)]
pub mod kept;
#[forbid(unsafe_code)]
pub mod lazy_regex;
#[forbid(unsafe_code)]
pub mod library;
#[forbid(unsafe_code)]
pub mod open;
#[forbid(unsafe_code)]
pub mod openapi;
#[forbid(unsafe_code)]
pub mod pack;
#[forbid(unsafe_code)]
pub mod plan;
#[forbid(unsafe_code)]
pub mod prefix;
#[forbid(unsafe_code)]
pub mod read;
#[forbid(unsafe_code)]
pub mod rejects;
#[forbid(unsafe_code)]
pub mod trace;
#[forbid(unsafe_code)]
pub mod trace_inventory;
