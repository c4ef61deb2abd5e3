//! credlens: how far an organisation has moved from bearer keys to governed API access, told offline and from evidence.
//!
//! ```text
//! source files -> parsed records -> frames -> metrics -> summaries
//!    source/         record/        frame/    metric/    summary/
//! ```
#![deny(unsafe_code)]

pub mod cli;
pub mod diagnostic;
pub mod frame;
pub mod metric;
pub mod period;
pub mod record;
pub mod source;
pub mod summary;
pub mod units;
