//! What it costs to get from a file's bytes to blocks that begin and end with whole records, stage after stage, and packed
//! input beside unpacking alone with the same library.
//!
//! Every figure checks its answer: bytes, lines, and where blocks begin. `cargo bench --bench reader`; with `-- --test` each
//! runs once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected shall fail"
)]

use std::hint::black_box;
use std::io::{self, BufReader, Read, Write};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stormtrace_logs::block::{BLOCK_BYTES, Blocks, Recipe};
use stormtrace_logs::container::{self, Budget, Limits, Packed, Unpacked};
use stormtrace_logs::detect::{SAMPLE_BYTES, detect};
use stormtrace_logs::line::Lines;
use stormtrace_logs::text;

mod support;

use support::{fixture, lines, lockstorm_context, print_ratio, read, recipe};

const BUFFER_BYTES: usize = 1 << 16;

/// The bytes that are in `packed`, whatever it is packed with.
fn unpacked(packed: &[u8]) -> Box<dyn Read + Send + '_> {
    let budget = Budget::new(Limits::default());
    let packed = Packed { reader: Box::new(packed), seekable: None, budget };
    match container::open(packed, 0).unwrap().unpacked {
        Unpacked::Stream(reader) => reader,
        Unpacked::Archive(_) => Box::new(io::empty()),
    }
}

/// The same as text, in lines of bounded length, as the analysis reads it.
fn bounded(packed: &[u8]) -> impl Read {
    let limits = Limits::default();
    Lines::new(text::open(unpacked(packed)).unwrap().reader, limits.line, limits.long_line)
}

/// Reads everything; gives the number of bytes.
fn drain(mut reader: impl Read) -> usize {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => return bytes,
            count => bytes += black_box(&buffer[..count]).len(),
        }
    }
}

/// Bytes and lines in the blocks of `reader`; each must begin where the last one ended.
fn cut(reader: impl Read, recipe: Recipe<'_>) -> (usize, u64) {
    let mut blocks = Blocks::new(Vec::new(), reader, recipe, BLOCK_BYTES);
    let (mut bytes, mut before) = (0, 0);
    while let Some(block) = blocks.next_block().unwrap() {
        assert_eq!(block.first_line, before + 1);
        bytes += block.bytes.len();
        before += lines(&block.bytes);
    }
    (bytes, before)
}

fn gunzip(packed: &[u8]) -> usize {
    drain(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, packed)))
}

fn unzstd(packed: &[u8]) -> usize {
    let packed = BufReader::with_capacity(BUFFER_BYTES, packed);
    drain(ruzstd::decoding::StreamingDecoder::new(packed).unwrap())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

fn stages(criterion: &mut Criterion) {
    // A real log: what is made by repeating packs far better than any.
    let input = fixture("lockstorm/nginx/access_json.log.gz");
    let detected = detect(&input[..SAMPLE_BYTES], "access_json.log", &lockstorm_context()).unwrap();
    let recipe = recipe(&detected);
    let (bytes, all_lines, counts) = (input.len(), lines(&input), read(&input, recipe));
    assert_eq!((counts.data, counts.lines()), (15_025, all_lines));

    let mut group = criterion.benchmark_group("plain");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("copy", |bencher| bencher.iter(|| assert_eq!(drain(black_box(&input[..])), bytes)));
    group.bench_function("split lines", |bencher| {
        bencher.iter(|| assert_eq!(lines(black_box(&input)), all_lines));
    });
    group.bench_function("container", |bencher| {
        bencher.iter(|| assert_eq!(drain(unpacked(black_box(&input))), bytes));
    });
    group.bench_function("container, text, lines", |bencher| {
        bencher.iter(|| assert_eq!(drain(bounded(black_box(&input))), bytes));
    });
    group.bench_function("container, text, lines, blocks", |bencher| {
        bencher.iter(|| assert_eq!(cut(bounded(black_box(&input)), recipe), (bytes, all_lines)));
    });
    group.bench_function("blocks", |bencher| {
        bencher.iter(|| assert_eq!(cut(black_box(&input[..]), recipe), (bytes, all_lines)));
    });
    group.bench_function("records", |bencher| {
        bencher.iter(|| assert_eq!(read(black_box(&input), recipe), counts));
    });
    group.finish();

    type Alone = fn(&[u8]) -> usize;
    let packings: [(&str, Vec<u8>, Alone); 2] =
        [("gzip", gzip(&input), gunzip), ("zstd", zstd(&input), unzstd)];
    for (name, packed, alone) in packings {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes as u64));
        let alone = || assert_eq!(alone(black_box(&packed)), bytes);
        let blocks = || assert_eq!(cut(bounded(black_box(&packed)), recipe), (bytes, all_lines));
        group.bench_function("unpack alone", |bencher| bencher.iter(alone));
        group.bench_function("container, text, lines, blocks", |bencher| bencher.iter(blocks));
        group.finish();
        print_ratio(&format!("{name}: blocks beside unpacking alone"), blocks, alone);
    }
}

criterion_group! {
    name = benches;
    config = support::criterion(500, 2000);
    targets = stages
}
criterion_main!(benches);
