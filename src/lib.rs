//! credlens: how far an organisation has moved from bearer keys to governed API access, told offline and from evidence.
//!
//! ```text
//! source files -> parsed records -> frames -> metrics -> summaries
//!    source/         record/        frame/    metric/    summary/
//! ```
// Forbidden everywhere but on the way to the modules of `source/decode/` that allow it: `structural`, `grammar` and `shape`.
#![deny(unsafe_code)]

#[forbid(unsafe_code)]
pub mod cli;
#[forbid(unsafe_code)]
pub mod diagnostic;
#[forbid(unsafe_code)]
pub mod frame;
#[forbid(unsafe_code)]
pub mod metric;
#[forbid(unsafe_code)]
pub mod period;
#[forbid(unsafe_code)]
pub mod record;
pub mod source;
#[forbid(unsafe_code)]
pub mod summary;
#[forbid(unsafe_code)]
pub mod units;
