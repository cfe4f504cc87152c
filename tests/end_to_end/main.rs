//! End to end: the binary on real bundles, whole, cut and broken.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected shall fail"
)]

mod carriers;
mod common;
mod containers;
mod determinism;
mod errors;
mod fixtures;
mod gate;
mod inspect;
mod summaries;
