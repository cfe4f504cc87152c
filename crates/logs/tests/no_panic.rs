//! Whatever the bytes: nothing panics, every line is accounted for, and block sizes do not change the records.
//!
//! Inputs are random bytes, and the fixtures and every example of formats and carriers with bytes flipped, cut out and repeated.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;
use stormtrace_logs::block::{self, Blocks, Carry, Recipe};
use stormtrace_logs::format::{
    ALL, Context, Format, Memory, Raw, Sample, nginx_configuration, postgres_configuration,
};
use stormtrace_logs::ledger::Ledger;
use stormtrace_logs::routes::{self, AnyLine, Part, Routes};
use stormtrace_logs::{carrier, container, detect};

/// A stretch of a real file, in bytes: long enough for detection, short enough for many cases.
const STRETCH: usize = 5_000;

/// A stretch of text and how it is read.
struct Known {
    text: Vec<u8>,
    name: String,
    detected: detect::Detected,
}

impl Known {
    fn recipe(&self) -> Recipe<'_> {
        Recipe { carrier: self.detected.carrier, format: self.detected.format.as_ref(), record_lines: 10_000 }
    }
}

struct World {
    context: Context,
    known: Vec<Known>,
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().unwrap() != "expected.json" && path.extension().unwrap() != "md" {
            found.push(path);
        }
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut paths = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures"), &mut paths);
        let mut context = Context::default();
        let mut texts: Vec<(String, Vec<u8>, Vec<u8>)> = Vec::new();
        for path in &paths {
            let mut whole = Vec::new();
            let packed = container::Packed {
                reader: Box::new(std::fs::File::open(path).unwrap()),
                seekable: None,
                budget: container::Budget::new(container::Limits::default()),
            };
            let container::Unpacked::Stream(mut reader) = container::open(packed, 0).unwrap().unpacked else {
                panic!("an archive among the fixtures")
            };
            reader.read_to_end(&mut whole).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name == "nginx.conf" {
                context.log_formats.extend(nginx_configuration::read(&whole).log_formats);
            }
            if name == "postgresql.conf" {
                context.log_line_prefixes.extend(postgres_configuration::log_line_prefix(&whole));
            }
            let middle = whole.len() / 2;
            texts.push((name.clone(), stretch(&whole, 0), whole.clone()));
            if whole.len() > 4 * STRETCH {
                let text = stretch(&whole, middle);
                if name == "docker-json-file.log.gz" {
                    texts.extend(wrapped(&text).into_iter().map(|(name, text)| (name, text.clone(), text)));
                }
                texts.push((name, text, whole));
            }
        }
        let examples = ALL.iter().flat_map(|definition| definition.examples);
        let examples = examples.map(|example| (example.file, example.text));
        let carriers = carrier::ALL.iter().map(|carrier| (carrier.about().file, carrier.about().example));
        texts.extend(
            examples
                .chain(carriers)
                .map(|(file, text)| (file.to_owned(), text.as_bytes().to_vec(), text.as_bytes().to_vec())),
        );
        let known = texts
            .into_iter()
            .map(|(name, text, whole)| {
                let head = &whole[..whole.len().min(detect::SAMPLE_BYTES)];
                let detected = detect::detect(head, &name, &context).unwrap_or_else(|| {
                    panic!("{name} is not recognised: {}", String::from_utf8_lossy(&text))
                });
                Known { text, name, detected }
            })
            .collect();
        World { context, known }
    })
}

/// Whole lines from about `at`.
fn stretch(whole: &[u8], at: usize) -> Vec<u8> {
    let start =
        if at == 0 { 0 } else { memchr::memchr(b'\n', &whole[at..]).map_or(at, |more| at + more + 1) };
    let rest = &whole[start..];
    let length = memchr::memrchr(b'\n', &rest[..rest.len().min(STRETCH)])
        .map_or(rest.len().min(STRETCH), |end| end + 1);
    rest[..length].to_vec()
}

/// The lines of a docker file in the other carriers, with long lines cut in two where a carrier does that.
fn wrapped(docker: &[u8]) -> Vec<(String, Vec<u8>)> {
    let docker_carrier = carrier::ALL.iter().find(|carrier| carrier.name() == "docker-json-file").unwrap();
    let lines: Vec<String> = docker
        .split(|byte| *byte == b'\n')
        .filter_map(|line| docker_carrier.peel(line).ok())
        .map(|peeled| String::from_utf8_lossy(&peeled.payload).into_owned())
        .collect();
    let mut out: Vec<(String, String)> = [
        "odoo.log",
        "compose.log",
        "compose-t.log",
        "compose-named.log",
        "compose-named-t.log",
        "logs-t.log",
        "short.log",
        "short-iso.log",
        "short-precise.log",
        "short-full.log",
        "journal.json",
        "journal.export",
        "short-unix.log",
        "short-monotonic.log",
        "verbose.log",
        "pretty.json",
        "syslog-5424.log",
        "syslog",
        "cri.log",
        "kubectl-prefix.log",
        "pieces-cri.log",
        "pieces-json.log",
        "pieces-journal.json",
        "pieces.export",
    ]
    .map(|name| (name.to_owned(), String::new()))
    .into();
    for (number, line) in lines.iter().enumerate() {
        let json = serde_json::to_string(line).unwrap();
        let half = (0..=line.len() / 2).rev().find(|at| line.is_char_boundary(*at)).unwrap();
        let (left, right) = line.split_at(half);
        let us = 1_795_458_282_470_408u64 + number as u64;
        let export = |text: &str, more: &str| {
            let (text, cursor) = (text.trim_end(), "s=700225bef55347a1a66b3917570260de;i=3");
            format!(
                "__CURSOR={cursor}\n__REALTIME_TIMESTAMP={us}\n{more}SYSLOG_IDENTIFIER=odoo\nMESSAGE={text}\n_PID=12317\n\n"
            )
        };
        let journal = |text: &str, more: &str| {
            let text = serde_json::to_string(text).unwrap();
            format!(
                "{{\"MESSAGE\":{text},{more}\"_PID\":\"12317\",\"SYSLOG_IDENTIFIER\":\"odoo\",\"__REALTIME_TIMESTAMP\":\"{us}\"}}\n"
            )
        };
        let docker = |text: &str, end: &str, stream: &str| {
            let json = serde_json::to_string(&format!("{text}{end}")).unwrap();
            format!(
                "{{\"log\":{json},\"stream\":\"{stream}\",\"time\":\"2026-11-23T18:24:42.470868182Z\"}}\n"
            )
        };
        for (name, text) in &mut out {
            match name.as_str() {
                "odoo.log" => writeln!(text, "{line}"),
                "compose.log" => writeln!(text, "odoo-1  | {line}"),
                "compose-t.log" => writeln!(text, "odoo-1  | 2026-11-23T18:24:42.470868182Z {line}"),
                "compose-named.log" => writeln!(text, "shop  | {line}"),
                "compose-named-t.log" => writeln!(text, "shop  | 2026-11-23T18:24:42.470868182Z {line}"),
                "logs-t.log" => writeln!(text, "2026-11-23T18:24:42.470868182Z {line}"),
                "short.log" => writeln!(text, "Nov 23 18:24:42 vm odoo[12317]: {line}"),
                "short-iso.log" => writeln!(text, "2026-11-23T18:24:42+0000 vm odoo[12317]: {line}"),
                "short-precise.log" => writeln!(text, "Nov 23 18:24:42.470408 vm odoo[12317]: {line}"),
                "short-full.log" => writeln!(text, "Mon 2026-11-23 18:24:42 UTC vm odoo[12317]: {line}"),
                "journal.json" => writeln!(text, "{{\"MESSAGE\":{json},\"_PID\":\"12317\",\"SYSLOG_IDENTIFIER\":\"odoo\",\"__REALTIME_TIMESTAMP\":\"{us}\"}}"),
                "journal.export" => write!(text, "{}", export(line, "")),
                "short-unix.log" => writeln!(text, "1795458282.470408 vm odoo[12317]: {line}"),
                "short-monotonic.log" => writeln!(text, "[ 1793.152108] vm odoo[12317]: {line}"),
                "verbose.log" => writeln!(text, "Mon 2026-11-23 18:24:42.470408 UTC [s=c62;i=9c2;b=0;m=1;t={us:x};x=1]\n    _PID=12317\n    MESSAGE={line}\n            more\n    SYSLOG_IDENTIFIER=odoo"),
                "pretty.json" => writeln!(text, "{{\n\t\"MESSAGE\" : {json},\n\t\"SYSLOG_IDENTIFIER\" : \"odoo\",\n\t\"__REALTIME_TIMESTAMP\" : \"{us}\"\n}}"),
                "syslog-5424.log" => writeln!(text, "<30>1 2026-11-23T18:24:42.470408+00:00 vm odoo 12317 - [a@1 x=\"]\"] {line}"),
                "syslog" => {
                    let message = line.get(24..).and_then(|rest| rest.split_once(' ')).map_or(line.as_str(), |(_, rest)| rest);
                    let mut words = message.splitn(4, ' ');
                    let mut word = || words.next().unwrap_or_default();
                    let (level, database, logger, message) = (word(), word(), word(), word());
                    writeln!(text, "Nov 23 18:24:42 vm Odoo Server 17.0:{database}:{level}:{logger}{message}#012x")
                }
                "cri.log" => writeln!(text, "2026-11-23T18:24:42.470868182Z stderr F {line}"),
                "kubectl-prefix.log" => writeln!(text, "[pod/odoo-7d/odoo] {line}"),
                "pieces-cri.log" if number % 3 == 1 => {
                    writeln!(text, "2026-11-23T18:24:42.470868182Z stderr P {left}\n2026-11-23T18:24:42.470868182Z stderr F {right}")
                }
                "pieces-cri.log" => writeln!(text, "2026-11-23T18:24:42.470868182Z stderr F {line}"),
                "pieces-json.log" if number % 3 == 1 => {
                    // A line of the other stream may come between the two pieces.
                    let between = if number % 2 == 1 { docker("2026-11-23 18:24:42,470 1 INFO ? odoo: x", "\n", "stdout") } else { String::new() };
                    write!(text, "{}{between}{}", docker(left, "", "stderr"), docker(right, "\n", "stderr"))
                }
                "pieces-json.log" => write!(text, "{}", docker(line, "\n", "stderr")),
                "pieces-journal.json" if number % 3 == 1 => {
                    write!(text, "{}{}", journal(left, "\"_LINE_BREAK\":\"line-max\","), journal(right, ""))
                }
                "pieces-journal.json" => write!(text, "{}", journal(line, "")),
                _ if number % 3 == 1 => {
                    write!(text, "{}{}", export(left, "_LINE_BREAK=line-max\n"), export(right, ""))
                }
                _ => write!(text, "{}", export(line, "")),
            }
            .unwrap();
        }
    }
    out.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

/// How many cases a property is tried with; `PROPTEST_CASES` asks for more.
fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(usual), ..ProptestConfig::default() }
}

/// The lines of several programs in one syslog file.
fn mixed() -> Vec<u8> {
    let line = |name: &str| {
        let known = world().known.iter().find(|known| known.name.starts_with(name)).unwrap();
        let carrier = known.detected.carrier;
        let lines = known.text.split(|byte| *byte == b'\n').filter_map(|line| carrier.peel(line).ok());
        lines.map(|peeled| String::from_utf8_lossy(&peeled.payload).into_owned()).collect::<Vec<_>>()
    };
    let programs = [
        ("odoo[7]", line("docker-json-file")),
        ("nginx", line("error.log")),
        ("postgres[9]", line("postgresql-2026-11-23.log")),
        ("kernel", vec!["Out of memory: Killed process 12317 (python3) total-vm:4183312kB".to_owned()]),
        ("CRON[3]", vec!["(root) CMD (true)".to_owned()]),
    ];
    let mut text = String::new();
    for number in 0..20 {
        for (program, lines) in &programs {
            if let Some(line) = lines.get(number) {
                writeln!(text, "Nov 23 18:24:42 vm {program}: {}", line.replace('\t', "#011")).unwrap();
            }
        }
    }
    text.into_bytes()
}

/// Every record of each part with its line, and its ledger.
fn read_parts(text: &[u8], routes: &Routes, size: usize) -> Vec<(Vec<(u64, String)>, Ledger)> {
    let read = |(number, part): (usize, &Part)| {
        let cuts = Recipe { carrier: routes.carrier, format: &AnyLine, record_lines: u64::MAX };
        let mut blocks = Blocks::new(Vec::new(), text, cuts, size);
        let routed = routes.carrier_of(number);
        let recipe = Recipe { carrier: &routed, format: part.format.as_ref(), record_lines: u64::MAX };
        let (mut carry, mut memory, mut ledger) = (Carry::default(), Memory::default(), Ledger::default());
        let mut records = Vec::new();
        let mut visit = |item: block::Item<'_>| records.push((item.line, format!("{:?}", item.record)));
        while let Some(block) = blocks.next_block().unwrap() {
            block::walk(&block, recipe, &mut carry, &mut memory, &mut ledger, &mut visit);
        }
        block::finish(carry, recipe, &mut memory, &mut ledger, &mut visit);
        (records, ledger)
    };
    routes.parts.iter().enumerate().map(read).collect()
}

/// One thing that happens to a file.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, usize),
    Repeat(Index, usize),
    Insert(Index, Vec<u8>),
    /// One line goes somewhere else.
    MoveLine(Index, Index),
    Windows,
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        4 => (place(), 1..80usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        1 => (place(), 80..2000usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        3 => (place(), 1..600usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        2 => (place(), prop_oneof![
            Just(b"\n".to_vec()), Just(b"\n\n".to_vec()), Just(b"\"".to_vec()), Just(b"\\".to_vec()), Just(b"\x1b[0m".to_vec()),
            Just(b"\0\0\0".to_vec()), Just(b"99999999999999999999".to_vec()), Just(b"-".to_vec()), Just("é\u{2028}".as_bytes().to_vec()),
        ]).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        2 => (place(), place()).prop_map(|(from, to)| Damage::MoveLine(from, to)),
        1 => Just(Damage::Windows),
    ]
}

fn damaged(text: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut out = text.to_vec();
    for damage in damages {
        if out.is_empty() {
            break;
        }
        let length = out.len();
        match damage {
            Damage::Flip(at, byte) => out[at.index(length)] ^= byte,
            Damage::Cut(at, count) => {
                drop(out.drain(at.index(length)..(at.index(length) + count).min(length)))
            }
            Damage::Repeat(at, count) => {
                let from = at.index(length);
                let piece = out[from..(from + count).min(length)].to_vec();
                out.splice(from..from, piece);
            }
            Damage::Insert(at, bytes) => {
                let from = at.index(length);
                out.splice(from..from, bytes.iter().copied());
            }
            Damage::MoveLine(from, to) => {
                let mut lines: Vec<&[u8]> = out.split_inclusive(|byte| *byte == b'\n').collect();
                let line = lines.remove(from.index(lines.len()));
                lines.insert(to.index(lines.len() + 1), line);
                out = lines.concat();
            }
            Damage::Windows => {
                out = out.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(b"\r\n".as_slice());
            }
        }
    }
    out
}

fn physical_lines(text: &[u8]) -> u64 {
    let unfinished = text.last().is_some_and(|byte| *byte != b'\n');
    memchr::memchr_iter(b'\n', text).count() as u64 + u64::from(unfinished)
}

/// Every record with its line, and the ledger, when `text` is read in blocks of about `size` bytes.
fn read(text: &[u8], recipe: Recipe<'_>, size: usize) -> (Vec<(u64, String)>, Ledger) {
    let mut blocks = Blocks::new(Vec::new(), text, recipe, size);
    let (mut records, mut ledger) = (Vec::new(), Ledger::default());
    let mut memory = Memory::default();
    while let Some(block) = blocks.next_block().unwrap() {
        if !recipe.format.sequential() {
            memory = Memory::default();
        }
        let mut part = Ledger::default();
        block::records(&block, recipe, &mut memory, &mut part, &mut |item| {
            records.push((item.line, format!("{:?}", item.record)));
        });
        ledger.merge(&part);
    }
    (records, ledger)
}

/// Everything that takes bytes gets these; a panic fails the case.
fn feed(bytes: &[u8], name: &str) {
    let world = world();
    if let Some(detected) = detect::detect(bytes, name, &world.context) {
        let recipe =
            Recipe { carrier: detected.carrier, format: detected.format.as_ref(), record_lines: 10_000 };
        assert_eq!(read(bytes, recipe, 1 << 20).1.total(), physical_lines(bytes));
    }
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for carrier in carrier::ALL {
        for line in &lines {
            carrier.starts_entry(line);
            let _ = carrier.peel(line);
        }
        let _ = carrier.peel(bytes);
    }
    let sample = Sample { lines: lines.iter().take(400).map(|line| Cow::Borrowed(*line)).collect(), name };
    for definition in ALL {
        if let Some(claim) = (definition.detect)(&sample, &world.context) {
            assert!((0.0..=1.0).contains(&claim.score), "{} claims {}", claim.format.name(), claim.score);
            parse_all(bytes, &lines, claim.format.as_ref());
        }
    }
    let mut formats: BTreeMap<String, &dyn Format> = BTreeMap::new();
    for known in &world.known {
        formats.insert(known.detected.format.name(), known.detected.format.as_ref());
    }
    for format in formats.values() {
        parse_all(bytes, &lines, *format);
    }
}

fn parse_all(bytes: &[u8], lines: &[&[u8]], format: &dyn Format) {
    let mut memory = Memory::default();
    for line in lines.iter().copied().chain([bytes]) {
        let orphan = !format.starts_record(line);
        let raw = Raw { text: Cow::Borrowed(line), outer: None, program: None, pid: None, orphan };
        let _ = format.parse(&raw, &mut memory);
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000), name in "[a-z.]{0,12}") {
        feed(&bytes, &name);
    }

    #[test]
    fn lines_of_signs(text in "([0-9:;,.|=\"\\[\\]{}()# \t-]{0,40}\n?){0,30}") {
        feed(text.as_bytes(), "");
    }

    #[test]
    fn damaged_lines(which in any::<Index>(), damages in prop::collection::vec(damage(), 1..8), at in any::<Index>()) {
        let known = which.get(&world().known);
        let text = damaged(&known.text, &damages);
        // Some lines are enough: every format sees them.
        let from = at.index(text.len() + 1);
        feed(&text[from..(from + 1500).min(text.len())], &known.name);
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn blocks_of_any_size_give_the_same_records_and_every_line_is_booked(
        which in any::<Index>(),
        damages in prop::collection::vec(damage(), 0..8),
        size in 64..6000usize,
    ) {
        let known = which.get(&world().known);
        let text = damaged(&known.text, &damages);
        let (records, ledger) = read(&text, known.recipe(), 1 << 20);
        prop_assert_eq!(ledger.total(), physical_lines(&text), "{}: {:?}", &known.name, &ledger);
        let (in_blocks, ledger_in_blocks) = read(&text, known.recipe(), size);
        prop_assert_eq!(records, in_blocks, "{}", &known.name);
        prop_assert_eq!(ledger, ledger_in_blocks, "{}", &known.name);
    }

    #[test]
    fn every_line_of_two_logs_cut_and_joined_is_booked(
        which in any::<(Index, Index)>(),
        cuts in any::<(Index, Index)>(),
        size in 64..6000usize,
    ) {
        let (known, other) = (which.0.get(&world().known), which.1.get(&world().known));
        let begin = &known.text[..cuts.0.index(known.text.len() + 1)];
        let text = [begin, &other.text[cuts.1.index(other.text.len() + 1)..]].concat();
        let (records, ledger) = read(&text, known.recipe(), 1 << 20);
        prop_assert_eq!(ledger.total(), physical_lines(&text), "{} {}: {:?}", &known.name, &other.name, &ledger);
        let (in_blocks, ledger_in_blocks) = read(&text, known.recipe(), size);
        prop_assert_eq!(records, in_blocks, "{} {}", &known.name, &other.name);
        prop_assert_eq!(ledger, ledger_in_blocks, "{} {}", &known.name, &other.name);
    }

    #[test]
    fn parts_of_a_file_are_the_same_in_blocks_of_any_size(
        damages in prop::collection::vec(damage(), 0..8),
        size in 64..6000usize,
    ) {
        let whole = mixed();
        let detected = detect::detect(&whole, "syslog", &world().context);
        let routes = routes::find(&whole, "syslog", &world().context, detected.as_ref()).unwrap();
        prop_assert!(routes.parts.len() >= 4);
        let text = damaged(&whole, &damages);
        let parts = read_parts(&text, &routes, 1 << 20);
        for (_, ledger) in &parts {
            prop_assert_eq!(ledger.total(), physical_lines(&text), "{:?}", ledger);
        }
        prop_assert_eq!(parts, read_parts(&text, &routes, size));
    }
}
