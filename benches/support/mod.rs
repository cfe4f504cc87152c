//! What the benches share: inputs made from the formats' own definitions, and reading them as the analysis does.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each bench takes what it needs, and one that meets the unexpected shall fail"
)]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::Criterion;
use stormtrace_logs::block::{BLOCK_BYTES, Block, Blocks, Item, Recipe, clean, records};
use stormtrace_logs::detect::{self, Detected};
use stormtrace_logs::format::{Context, Example, Memory, nginx_configuration, postgres_configuration};
use stormtrace_logs::ledger::Ledger;
use stormtrace_logs::record::Record;

/// Ten samples of each bench, in so many milliseconds.
pub fn criterion(warm_up_ms: u64, measurement_ms: u64) -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(warm_up_ms))
        .measurement_time(Duration::from_millis(measurement_ms))
}

/// A file of the captures that ship with the project, unpacked.
pub fn fixture(name: &str) -> Vec<u8> {
    let bytes = fs::read(fixture_path(name)).unwrap();
    if !name.ends_with(".gz") {
        return bytes;
    }
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
    text
}

pub fn fixture_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// What the configuration of the fixture `lockstorm` tells of its logs.
pub fn lockstorm_context() -> Context {
    let mut context = Context::default();
    context
        .log_formats
        .extend(nginx_configuration::read(&fixture("lockstorm/config/nginx.conf")).log_formats);
    context
        .log_line_prefixes
        .extend(postgres_configuration::log_line_prefix(&fixture("lockstorm/config/postgresql.conf")));
    context
}

pub fn detected(example: &Example) -> Detected {
    detect::detect(example.text.as_bytes(), example.file, &Context::default()).unwrap()
}

pub fn recipe(detected: &Detected) -> Recipe<'_> {
    Recipe { carrier: detected.carrier, format: detected.format.as_ref(), record_lines: 10_000 }
}

/// Lines to repeat, behind a head that stands once: the header of a table.
#[derive(Debug, Clone, Copy)]
pub struct Material<'t> {
    pub head: &'t str,
    pub body: &'t str,
    /// Lines of the body that begin a record.
    pub starts: u64,
}

impl<'t> Material<'t> {
    /// `text` as a file of the format: what stands before its first record is its head.
    pub fn of(text: &'t str, recipe: Recipe<'_>) -> Self {
        let starts = |line: &str| {
            recipe
                .carrier
                .peel(line.as_bytes())
                .is_ok_and(|peeled| recipe.format.starts_record(&clean(peeled.payload)))
        };
        let first =
            text.split_inclusive('\n').take_while(|line| !starts(line.trim_end())).map(str::len).sum();
        // Where nothing begins a record the whole file is one.
        let (head, body) = text.split_at(if first < text.len() { first } else { 0 });
        Material { head, body, starts: body.lines().filter(|line| starts(line)).count() as u64 }
    }

    /// How many records there must be in so many copies.
    pub fn records(&self, copies: u64) -> u64 {
        self.starts * copies + u64::from(!self.head.is_empty() || self.starts == 0)
    }

    /// Lines of which nothing is known.
    pub fn bare(body: &'t str) -> Self {
        Material { head: "", body, starts: 0 }
    }

    /// How many copies have about `bytes`; two at least.
    pub fn copies_in(&self, bytes: usize) -> u64 {
        (bytes / self.body.len().max(1)).max(2) as u64
    }

    /// The head and `copies` of the body, each at another minute and second.
    pub fn times(&self, copies: u64) -> Vec<u8> {
        let body = format!("{}{}", self.body, if self.body.ends_with('\n') { "" } else { "\n" });
        let clocks = clocks(body.as_bytes());
        let mut out = self.head.as_bytes().to_vec();
        for copy in 0..copies {
            let start = out.len();
            out.extend_from_slice(body.as_bytes());
            for at in &clocks {
                let clock = format!("{:02}:{:02}", copy / 60 % 60, copy % 60);
                out[start + at..start + at + clock.len()].copy_from_slice(clock.as_bytes());
            }
        }
        out
    }

    /// About `bytes` of it, and what must come of them by what one copy gives and what two give.
    pub fn input(&self, bytes: usize, recipe: Recipe<'_>) -> (Vec<u8>, Counts) {
        let copies = self.copies_in(bytes);
        let (one, two) = (read(&self.times(1), recipe), read(&self.times(2), recipe));
        (self.times(copies), Counts::extended(&one, &two, copies))
    }
}

/// Where minutes and seconds of times of day stand: `mm:ss` behind `hh:`.
fn clocks(text: &[u8]) -> Vec<usize> {
    let is_clock = |at: usize| {
        let shape = text[at..at + 8].iter().enumerate().all(|(index, byte)| match index {
            2 | 5 => *byte == b':',
            _ => byte.is_ascii_digit(),
        });
        let word = |at: Option<&u8>| at.is_some_and(|byte| byte.is_ascii_alphanumeric() && *byte != b'T');
        shape
            && !word(at.checked_sub(1).and_then(|before| text.get(before)))
            && !text[at + 8..].starts_with(b":")
    };
    (0..text.len().saturating_sub(7)).filter(|at| is_clock(*at)).map(|at| at + 3).collect()
}

pub fn lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64 + u64::from(!text.is_empty() && !text.ends_with(b"\n"))
}

/// The blocks of `text`.
pub fn blocks(text: &[u8], recipe: Recipe<'_>) -> Vec<Block> {
    let mut blocks = Blocks::new(Vec::new(), text, recipe, BLOCK_BYTES);
    std::iter::from_fn(|| blocks.next_block().unwrap()).collect()
}

/// What was read: lines by what became of them, and records that hold data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub data: u64,
    pub parsed: u64,
    pub continuation: u64,
    pub skipped: BTreeMap<String, u64>,
}

impl Counts {
    pub fn lines(&self) -> u64 {
        self.parsed + self.continuation + self.skipped.values().sum::<u64>()
    }

    /// What `copies` copies must give, by what one and what two gave: every further copy as much as the second.
    pub fn extended(one: &Counts, two: &Counts, copies: u64) -> Counts {
        let extend = |one: u64, two: u64| one + (two - one) * (copies - 1);
        let skipped = two.skipped.iter().map(|(reason, lines)| {
            (reason.clone(), extend(one.skipped.get(reason).copied().unwrap_or(0), *lines))
        });
        Counts {
            data: extend(one.data, two.data),
            parsed: extend(one.parsed, two.parsed),
            continuation: extend(one.continuation, two.continuation),
            skipped: skipped.collect(),
        }
    }
}

/// Reads `text` on one thread, block by block, and hands `visit` each record.
pub fn visit(text: &[u8], recipe: Recipe<'_>, visit: &mut dyn FnMut(Item<'_>)) -> Ledger {
    let mut blocks = Blocks::new(Vec::new(), text, recipe, BLOCK_BYTES);
    let (mut memory, mut ledger) = (Memory::default(), Ledger::default());
    while let Some(block) = blocks.next_block().unwrap() {
        if !recipe.format.sequential() {
            memory = Memory::default();
        }
        records(&block, recipe, &mut memory, &mut ledger, visit);
    }
    ledger
}

pub fn read(text: &[u8], recipe: Recipe<'_>) -> Counts {
    let mut data = 0;
    let ledger = visit(text, recipe, &mut |item| {
        data += u64::from(!matches!(black_box(&item.record), Record::Structure));
    });
    let Ledger { parsed, continuation, skipped_by_reason, .. } = ledger;
    let skipped = skipped_by_reason.into_iter().map(|(reason, lines)| (reason.into_owned(), lines)).collect();
    Counts { data, parsed, continuation, skipped }
}

/// Prints how long `ours` takes for each unit of time that `floor` takes: the least of some rounds in turn, one round
/// where the benches are only tried.
pub fn print_ratio(what: &str, mut ours: impl FnMut(), mut floor: impl FnMut()) {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { 10 };
    let timed = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    let (mut least, mut least_floor) = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds {
        least_floor = least_floor.min(timed(&mut floor));
        least = least.min(timed(&mut ours));
    }
    println!(
        "{what}: {:.2} × ({least:.2?} / {least_floor:.2?})",
        least.as_secs_f64() / least_floor.as_secs_f64()
    );
}
