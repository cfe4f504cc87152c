//! Log records to an incident report: reads inputs in blocks, folds them into a summary, brings clocks together,
//! counts copies once, finds incidents and explains them.
//!
//! Data flows one way: [`read`] → [`copies`] → [`align`] → [`lives`] → [`detect`] → [`impact`], [`queue`],
//! [`worker_time`], [`cause`], [`recovery`] → [`policy`] → [`report`]. This crate knows no log format, and a [`summary`] is
//! all that it writes.
//!
//! ```no_run
//! let options = stormtrace_analysis::Options::default();
//! let report = stormtrace_analysis::analyze(&["bundle".into()], &options)?;
//! println!("{}", report.headline);
//! # Ok::<(), stormtrace_analysis::read::Error>(())
//! ```

pub mod action;
pub mod align;
pub mod cause;
pub mod contents;
pub mod copies;
pub mod correlate;
mod detail;
pub mod detect;
pub mod events;
pub mod extremes;
pub mod facts;
pub mod finding;
pub mod fingerprint;
pub mod fold;
pub mod gaps;
pub mod impact;
pub mod interval;
pub mod keep;
pub mod link;
pub mod lives;
mod parts;
pub mod pelt;
pub mod place;
pub mod policy;
pub mod queue;
pub mod read;
pub mod recovery;
pub mod report;
pub mod route;
pub mod secret;
pub mod service;
pub mod statistics;
pub mod stretch;
pub mod summary;
#[cfg(feature = "tables")]
pub mod tables;
pub mod texts;
pub mod thin;
mod time_order;
pub mod timeline;
pub mod took;
pub mod waits;
pub mod worker_time;

mod assemble;

pub use assemble::{Options, analyze, inspect, source_name};
