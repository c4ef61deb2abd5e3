//! The one test binary: the product as its users meet it, by library call or by command.
//!
//! In reading order: how single formats are read, what a run keeps and refuses, what the queries give, what the whole
//! estate gives, and what independent engines and implementations say to it. A module that cannot run here (a missing
//! README, no DuckDB, no shared samples) says so on stderr and is never silently green: see `skipped`.

mod support;

mod formats;
mod framing;
mod inventories;
mod own_formats;
mod packs;
mod parquet_input;

mod completeness;
mod determinism;
mod effort;
mod faults;
mod fuzz;
mod games;
mod hostile;
mod ledger;
mod memory;
mod privacy;
mod secrets;

mod cases;
mod frameworks;
mod lint;

mod estate;
mod readme;
mod repeat;
mod run;

mod browser;
mod peers;
