//! credlens: how far an organisation has moved from bearer keys to governed API access, told offline and from evidence.
//!
//! ```text
//! source files -> parsed records -> frames -> metrics -> summaries
//!    source/         record/        frame/    metric/    summary/
//! ```
#![deny(unsafe_code)]

pub mod source;
pub mod record;
pub mod frame;
pub mod metric;
pub mod period;
pub mod units;
pub mod summary;
pub mod diagnostic;
pub mod cli;
