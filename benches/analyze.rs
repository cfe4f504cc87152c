//! How fast each stage is, side by side with the floor: splitting the same bytes into lines.
//!
//! Every figure checks its answer, so that a wrong engine cannot be a fast one. `cargo bench --bench analyze`; with
//! `-- --test` each runs once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected shall fail"
)]

use std::fs;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stormtrace_logs::block::{Blocks, Recipe, records};
use stormtrace_logs::detect;
use stormtrace_logs::format::{Context, Memory, nginx_configuration, postgres_configuration};
use stormtrace_logs::ledger::Ledger;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn text(name: &str) -> Vec<u8> {
    let bytes = fs::read(fixture(name)).unwrap();
    if !name.ends_with(".gz") {
        return bytes;
    }
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
    text
}

/// Records in `text`, read as the analysis reads it, on one thread.
fn count(text: &[u8], recipe: Recipe<'_>) -> u64 {
    let mut blocks = Blocks::new(Vec::new(), text, recipe, stormtrace_logs::block::BLOCK_BYTES);
    let (mut memory, mut ledger, mut count) = (Memory::default(), Ledger::default(), 0);
    while let Some(block) = blocks.next_block().unwrap() {
        records(&block, recipe, &mut memory, &mut ledger, &mut |item| {
            black_box(&item.record);
            count += 1;
        });
    }
    count
}

fn parsing(criterion: &mut Criterion) {
    let mut context = Context::default();
    context.log_formats.extend(nginx_configuration::read(&text("lockstorm/config/nginx.conf")).log_formats);
    context
        .log_line_prefixes
        .extend(postgres_configuration::log_line_prefix(&text("lockstorm/config/postgresql.conf")));
    for (name, path, expected) in [
        ("odoo in docker json-file", "lockstorm/odoo/docker-json-file.log.gz", 14_856),
        ("odoo in journald short-iso", "lockstorm/odoo/journalctl-short-iso.log.gz", 14_856),
        ("nginx access json", "lockstorm/nginx/access_json.log.gz", 15_025),
        ("nginx access timed", "buslane/nginx/access_timed.log.gz", 5_152),
        ("nginx error", "lockstorm/nginx/error.log.gz", 1_281),
        ("postgres csvlog", "lockstorm/postgres/postgresql-2026-11-23.csv.gz", 0),
        ("pg_stat_activity csv", "lockstorm/metrics/pg_stat_activity.csv.gz", 0),
    ] {
        let text = text(path);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        let lines = memchr::memchr_iter(b'\n', &text).count();
        group.bench_function("split lines", |bencher| {
            bencher.iter(|| {
                assert_eq!(memchr::memchr_iter(b'\n', black_box(&text)).count(), lines);
            });
        });
        let file = Path::new(path).file_name().unwrap().to_str().unwrap();
        let head = &text[..text.len().min(detect::SAMPLE_BYTES)];
        group.bench_function("detect", |bencher| {
            bencher.iter(|| assert!(detect::detect(black_box(head), file, &context).is_some()));
        });
        let detected = detect::detect(head, file, &context).unwrap();
        let recipe =
            Recipe { carrier: detected.carrier, format: detected.format.as_ref(), record_lines: 10_000 };
        let records = count(&text, recipe);
        assert!(records > 0 && (expected == 0 || records == expected), "{name}: {records} records");
        group.bench_function("records", |bencher| {
            bencher.iter(|| assert_eq!(count(black_box(&text), recipe), records));
        });
        group.finish();
    }
}

fn whole(criterion: &mut Criterion) {
    let folder = fixture("lockstorm");
    let mut group = criterion.benchmark_group("lockstorm bundle");
    group.sample_size(10);
    group.bench_function("gunzip of the three largest alone", |bencher| {
        bencher.iter(|| {
            let sizes: usize = [
                "odoo/docker-json-file.log.gz",
                "odoo/journalctl-short-iso.log.gz",
                "nginx/access_json.log.gz",
            ]
            .iter()
            .map(|name| text(&format!("lockstorm/{name}")).len())
            .sum();
            assert!(sizes > 10_000_000);
        });
    });
    group.bench_function("analyze", |bencher| {
        bencher.iter(|| {
            let report =
                stormtrace_analysis::analyze(std::slice::from_ref(&folder), &Default::default()).unwrap();
            assert_eq!((report.totals.kills, report.totals.requests), (64, Some(15_025)));
        });
    });
    group.finish();
}

criterion_group!(benches, parsing, whole);
criterion_main!(benches);
