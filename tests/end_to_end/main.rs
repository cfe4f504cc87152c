//! End to end: the binary on real bundles, whole, cut and broken.

mod common;
mod determinism;
mod errors;
mod fixtures;
