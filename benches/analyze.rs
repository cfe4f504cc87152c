//! How long a whole capture takes, beside unpacking its largest files alone.
//!
//! Every figure checks its answer. `cargo bench --bench analyze`; with `-- --test` each runs once.

#![allow(clippy::unwrap_used, reason = "a benchmark that meets the unexpected shall fail")]

use std::fs;
use std::path::Path;
use std::slice::from_ref;

use criterion::{Criterion, criterion_group, criterion_main};

mod support;

use support::{fixture, fixture_path};

const LARGEST: [&str; 3] =
    ["odoo/docker-json-file.log.gz", "odoo/journalctl-short-iso.log.gz", "nginx/access_json.log.gz"];

/// Files below `folder`.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

fn lockstorm(criterion: &mut Criterion) {
    let folder = fixture_path("lockstorm");
    let files = files(&folder);
    let mut group = criterion.benchmark_group("lockstorm");
    group.bench_function("gunzip of the three largest alone", |bencher| {
        bencher.iter(|| {
            let bytes = LARGEST.iter().map(|name| fixture(&format!("lockstorm/{name}")).len()).sum::<usize>();
            assert_eq!(bytes, 4_958_180 + 4_228_998 + 8_221_247);
        });
    });
    group.bench_function("inspect", |bencher| {
        bencher.iter(|| {
            let report = stormtrace_analysis::inspect(from_ref(&folder), &Default::default()).unwrap();
            assert_eq!(report.inputs.len(), files);
        });
    });
    group.bench_function("analyze", |bencher| {
        bencher.iter(|| {
            let report = stormtrace_analysis::analyze(from_ref(&folder), &Default::default()).unwrap();
            assert_eq!((report.totals.kills, report.totals.requests), (64, Some(15_025)));
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = support::criterion(500, 5000);
    targets = lockstorm
}
criterion_main!(benches);
