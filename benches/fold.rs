//! How fast real logs become records and records become a summary, beside the floor: splitting the same bytes into lines.
//!
//! Every figure checks its answer, so that a wrong engine cannot be a fast one. `cargo bench --bench fold`; with
//! `-- --test` each runs once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected shall fail"
)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stormtrace_analysis::fold::Partial;
use stormtrace_logs::block::{Block, Recipe, records};
use stormtrace_logs::detect::{SAMPLE_BYTES, detect};
use stormtrace_logs::format::Memory;
use stormtrace_logs::record::Record;

mod support;

use support::{blocks, fixture, lines, lockstorm_context, read, recipe, visit};

/// The summary of all blocks, each folded apart and merged in order, as the analysis does it.
fn fold(blocks: &[Block], recipe: Recipe<'_>) -> Partial {
    let (mut whole, mut memory) = (Partial::default(), Memory::default());
    for block in blocks {
        if !recipe.format.sequential() {
            memory = Memory::default();
        }
        let mut partial = Partial::default();
        let mut ledger = std::mem::take(&mut partial.ledger);
        records(block, recipe, &mut memory, &mut ledger, &mut |item| partial.add(item));
        partial.ledger = ledger;
        whole.merge(partial);
    }
    whole
}

/// First and last stamp of the records of a log; `None` for what is no log.
fn span(text: &[u8], recipe: Recipe<'_>) -> Option<(i64, i64)> {
    let mut stamps = Vec::new();
    visit(text, recipe, &mut |item| {
        stamps.extend(match &item.record {
            Record::Odoo(record) => Some(record.stamp.us),
            Record::Access(record) => record.end.map(|stamp| stamp.us),
            Record::NginxError(record) => Some(record.stamp.us),
            Record::Postgres(record) => Some(record.stamp.us),
            _ => None,
        });
    });
    Some((stamps.iter().min().copied()?, stamps.iter().max().copied()?))
}

fn logs(criterion: &mut Criterion) {
    let context = lockstorm_context();
    // Records as the captures' own descriptions count them; `None` where they do not.
    for (name, path, told) in [
        ("odoo in docker json-file", "lockstorm/odoo/docker-json-file.log.gz", Some(14_856)),
        ("odoo in journald short-iso", "lockstorm/odoo/journalctl-short-iso.log.gz", Some(14_856)),
        ("nginx access json", "lockstorm/nginx/access_json.log.gz", Some(15_025)),
        ("nginx access timed", "buslane/nginx/access_timed.log.gz", Some(5_152)),
        ("nginx error", "lockstorm/nginx/error.log.gz", Some(1_281)),
        ("postgres csvlog", "lockstorm/postgres/postgresql-2026-11-23.csv.gz", None),
        ("pg_stat_activity csv", "lockstorm/metrics/pg_stat_activity.csv.gz", None),
    ] {
        let text = fixture(path);
        let file = Path::new(path).file_name().unwrap().to_str().unwrap();
        let head = &text[..text.len().min(SAMPLE_BYTES)];
        let detected = detect(head, file, &context).unwrap();
        let recipe = recipe(&detected);
        let (lines, counts, blocks) = (lines(&text), read(&text, recipe), blocks(&text, recipe));
        assert_eq!(counts.lines(), lines);
        assert!(counts.data > 0 && told.is_none_or(|told| counts.data == told), "{name}: {counts:?}");
        let span = span(&text, recipe);

        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("split lines", |bencher| {
            bencher.iter(|| assert_eq!(support::lines(black_box(&text)), lines));
        });
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_function("detect", |bencher| {
            bencher.iter(|| {
                let again = detect(black_box(head), file, &context).unwrap();
                assert_eq!(again.format.name(), detected.format.name());
            });
        });
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("records", |bencher| {
            bencher.iter(|| assert_eq!(read(black_box(&text), recipe), counts));
        });
        group.bench_function("records folded", |bencher| {
            bencher.iter(|| {
                let whole = fold(black_box(&blocks), recipe);
                assert_eq!((whole.ledger.parsed, whole.ledger.total()), (counts.parsed, lines));
                assert!(span.is_none() || whole.span == span, "{:?}", whole.span);
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = support::criterion(500, 2000);
    targets = logs
}
criterion_main!(benches);
