//! How fast each format is read, made from its own definition: a new format is benched without a line here.
//!
//! - `hit`: the lines of an example, again and again, each time at another minute and second.
//! - `miss`: the lines of the neighbours that look alike and belong to other programs.
//! - `broken`: the damaged lines of the definition.
//! - `long`: lines of 256 KiB, the example without its line ends.
//! - `detect`: telling carrier and format of the first 256 KiB.
//!
//! Each run is held against what follows from how the input was made. `cargo bench --bench formats`, or with the name of a
//! format behind `--`; with `-- --test` each runs once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected shall fail"
)]

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use stormtrace_logs::block::Recipe;
use stormtrace_logs::detect::{self, SAMPLE_BYTES};
use stormtrace_logs::format::{ALL, Context, Definition};

mod support;

use support::{Counts, Material, detected, lines, read, recipe};

const INPUT_BYTES: usize = 1 << 20;
const LONG_LINE_BYTES: usize = 256 << 10;

type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// Reads `text` as often as wanted and holds every run against `expected`.
fn verified(group: &mut Group<'_>, id: BenchmarkId, text: &[u8], recipe: Recipe<'_>, expected: &Counts) {
    assert_eq!(expected.lines(), lines(text));
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function(id, |bencher| {
        bencher.iter(|| assert_eq!(&read(black_box(text), recipe), expected));
    });
}

fn hit(group: &mut Group<'_>, definition: &Definition) {
    for example in definition.examples {
        let detected = detected(example);
        let recipe = recipe(&detected);
        let material = Material::of(example.text, recipe);
        let (input, expected) = material.input(INPUT_BYTES, recipe);
        assert_eq!(expected.parsed, material.records(material.copies_in(INPUT_BYTES)), "{}", example.file);
        assert!(expected.skipped.is_empty() && expected.data > 0, "{}: {expected:?}", example.file);
        verified(group, BenchmarkId::new("hit", example.file), &input, recipe, &expected);
    }
}

fn miss(group: &mut Group<'_>, definition: &Definition) {
    let detected = detected(&definition.examples[0]);
    let texts: Vec<&str> = definition.foreign.iter().map(|foreign| foreign.text.trim_end()).collect();
    let (input, expected) = Material::bare(&texts.join("\n")).input(INPUT_BYTES, recipe(&detected));
    verified(group, BenchmarkId::new("miss", "neighbours"), &input, recipe(&detected), &expected);
}

fn broken(group: &mut Group<'_>, definition: &Definition) {
    let detected = detected(&definition.examples[0]);
    // One kind of damage after the other: of a mixture one line could begin a record that the next continues.
    for (number, broken) in definition.broken.iter().enumerate() {
        let material = Material::bare(broken.text);
        let copies = material.copies_in(INPUT_BYTES);
        let skipped = [(broken.reason.to_owned(), copies * lines(broken.text.as_bytes()))].into();
        let expected = Counts { skipped, ..Counts::default() };
        let name = BenchmarkId::new("broken", format!("{} {}", number + 1, broken.reason));
        verified(group, name, &material.times(copies), recipe(&detected), &expected);
    }
}

fn long(group: &mut Group<'_>, definition: &Definition) {
    let example = &definition.examples[0];
    let detected = detected(example);
    let line = example.text.replace('\n', " ");
    let line = line.repeat(LONG_LINE_BYTES / line.len());
    let material = Material::bare(&line);
    let (input, expected) = material.input(INPUT_BYTES, recipe(&detected));
    assert_eq!(expected.lines(), material.copies_in(INPUT_BYTES));
    verified(group, BenchmarkId::new("long", "256 KiB"), &input, recipe(&detected), &expected);
}

fn telling(group: &mut Group<'_>, definition: &Definition) {
    let example = &definition.examples[0];
    let detected = detected(example);
    let material = Material::of(example.text, recipe(&detected));
    let head = material.times(material.copies_in(SAMPLE_BYTES));
    group.throughput(Throughput::Bytes(head.len() as u64));
    group.bench_function("detect", |bencher| {
        bencher.iter(|| {
            let detected = detect::detect(black_box(&head), example.file, &Context::default()).unwrap();
            assert_eq!(detected.format.name(), example.name);
        });
    });
}

fn formats(criterion: &mut Criterion) {
    for definition in ALL {
        let mut group = criterion.benchmark_group(definition.name);
        for bench in [hit, miss, broken, long, telling] {
            bench(&mut group, definition);
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = support::criterion(100, 500);
    targets = formats
}
criterion_main!(benches);
