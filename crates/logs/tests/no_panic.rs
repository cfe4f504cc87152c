//! Whatever the bytes: nothing panics, every line is accounted for, and block sizes do not change the records.
//!
//! Inputs are random bytes and stretches of real files with bytes flipped, cut out and repeated.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;
use stormtrace_logs::block::{self, Blocks, Recipe};
use stormtrace_logs::format::{
    Context, DETECTORS, Format, Memory, Raw, Sample, nginx_configuration, postgres_configuration,
};
use stormtrace_logs::ledger::Ledger;
use stormtrace_logs::{carrier, container, detect};

/// A stretch of a real file, in bytes: long enough for detection, short enough for many cases.
const STRETCH: usize = 5_000;

/// Shapes that the fixtures do not hold, each with the name its file would have.
const FURTHER: &[(&str, &str)] = &[
    (
        "syslog-odoo.log",
        "Odoo Server 10.0:db1:INFO:werkzeug:172.22.230.214 - - [20/Jun/2017 03:29:16] \"GET /web HTTP/1.1\" 200 -
127.0.0.1 - - [2016-04-13 07:28:47] \"POST /longpolling/poll HTTP/1.0\" 200 330 50.016353
",
    ),
    (
        "ir_logging.csv",
        "id,create_uid,create_date,name,type,dbname,level,message,path,func,line
8,,2026-11-23 18:32:56.204,odoo.service.server,server,prod,ERROR,WorkerHTTP (22412) timeout after 18s,/x/server.py,process_timeout,1
9,,2026-11-23 18:32:57.204,odoo.http,server,prod,ERROR,\"Exception during request handling.
Traceback (most recent call last):
KeyError: \"\"a\"\"\",/x/http.py,dispatch,1
",
    ),
    (
        "dmesg.txt",
        "[    0.000000] Linux version 6.1.0
[    1.500000] rtc_cmos 00:00: setting system clock to 2026-11-23T18:00:00 UTC (1795456800)
[   11.500000] Out of memory: Killed process 12743 (odoo) total-vm:2373320kB
",
    ),
    (
        "activity.txt",
        "2026-11-23T18:31:17Z
{\"pid\":3768,\"state\":\"active\",\"age\":\"00:00:03\",\"query\":\"update acc\"}
2026-11-23T18:31:18Z
<table border=\"1\">
<tr><th>pid</th><th>state</th><th>query</th></tr>
<tr><td>3768</td><td>active</td><td>update<br />
acc</td></tr>
</table>
2026-11-23T18:31:19Z
pid;state;age;query
3768;active;00:00:03;update acc
",
    ),
    (
        "activity.json",
        "{\"sample_ts\":\"2026-11-23T18:31:17Z\",\"pid\":3768,\"state\":\"active\",\"query\":\"update acc\"}
{\"sample_ts\":\"2026-11-23T18:31:18Z\",\"pid\":3768,\"state\":\"active\",\"query\":\"update acc\"}
",
    ),
    (
        "cloudsql.json",
        r#"{"insertId":"s=1","labels":{"a":"b"},"logName":"projects/x/logs/cloudsql.googleapis.com%2Fpostgres.log","severity":"INFO","textPayload":"2026-11-23 18:24:34.383 UTC [123]: [1-1] db=p,user=u LOG:  duration: 12.5 ms  statement: SELECT \"a\"","timestamp":"2026-11-23T18:24:34.383456Z"}
{"logName":"projects/x/logs/cloudsql.googleapis.com%2Fpostgres.log","textPayload":"2026-11-23 18:24:35.383 UTC [123]: [2-1] db=p,user=u ERROR:  canceling statement due to user request","timestamp":"2026-11-23T18:24:35.383456Z"}
"#,
    ),
    (
        "heroku.log",
        "2026-11-23T18:24:34.342Z app[postgres.24]: [VIOLET] [2-1]  sql_error_code = 00000 LOG:  duration: 12.5 ms  statement: SELECT 1
2026-11-23T18:24:34.342Z app[postgres.24]: [VIOLET] [2-2]  \tFROM x
2026-11-23T18:24:35.342Z app[postgres.24]: [VIOLET] [3-1]  sql_error_code = 57014 FEHLER:  storniere Anfrage wegen Benutzeraufforderung
",
    ),
    (
        "pgbouncer.log",
        "2026-11-23 18:24:34.005 UTC [1] LOG C-0x56059d2f0410: db/user@10.1.2.3:64507 login attempt: db=db user=user tls=no
2026-11-23 18:24:35.005 UTC [1] LOG C-0x56059d2f0410: db/user@10.1.2.3:64507 closing because: query_wait_timeout (age=151s)
2026-11-23 18:24:36.123 UTC [1] LOG stats: 12 xacts/s, 33 queries/s, in 4012 B/s, out 9077 B/s, xact 1200 us, query 800 us, wait 120345 us
",
    ),
    (
        "postgresql.json",
        r#"{"timestamp":"2026-11-23 18:24:34.383 UTC","pid":12106,"session_id":"6b0484e2.2f4a","line_num":1,"session_start":"2026-11-23 18:24:34 UTC","txid":0,"error_severity":"LOG","message":"starting PostgreSQL 15.20","backend_type":"postmaster","query_id":0}
{"timestamp":"2026-11-23 18:24:34.383 UTC","pid":12106,"session_id":"6b0484e2.2f4a","line_num":2,"session_start":"2026-11-23 18:24:34 UTC","txid":0,"error_severity":"LOG","message":"listening on IPv4 address \"127.0.0.1\", port 5433","backend_type":"postmaster","query_id":0}
"#,
    ),
    (
        "pg_stat_statements.csv",
        r#"userid,dbid,toplevel,queryid,query,plans,calls,total_exec_time,min_exec_time,max_exec_time,mean_exec_time,rows
16384,16416,t,-4173114323195797479,"UPDATE ""bus_presence"" SET ""last_poll"" = $1
WHERE id IN ($2)",0,977,728990.2960039995,0.026449,50027.753903,746.1517871074708,977
16384,16416,t,-4813914662115876503,"INSERT INTO ""res_users_log"" (""create_date"") VALUES ($1)",0,88,205242.85672399992,0.145145,47681.345654,2332.3051900454543,88
"#,
    ),
    (
        "sadf-d.csv",
        "# hostname;interval;timestamp;CPU;%usr;%nice;%sys;%iowait;%steal;%irq;%soft;%guest;%gnice;%idle
vm;5;2026-11-23 18:24:39 UTC;-1;74.22;0.00;20.04;0.00;5.34;0.00;0.40;0.00;0.00;0.00
vm;5;2026-11-23 18:24:44 UTC;-1;78.98;0.00;18.92;0.00;1.80;0.00;0.30;0.00;0.00;0.00
",
    ),
    (
        "sadf-j.json",
        r#"{"sysstat": {
	"hosts": [
		{
			"nodename": "vm",
			"statistics": [
				{
					"timestamp": {"date": "2026-11-23", "time": "18:24:39", "utc": 1, "interval": 5},
					"cpu-load": [
						{"cpu": "all", "user": 74.22, "nice": 0.00, "system": 20.44, "iowait": 0.00, "steal": 5.34, "idle": 0.00}
					],
					"queue": {"runq-sz": 8, "plist-sz": 273, "ldavg-1": 13.62, "blocked": 0}
				},
				{
					"timestamp": {"date": "2026-11-23", "time": "18:24:44", "utc": 1, "interval": 5},
					"cpu-load": [
						{"cpu": "all", "user": 78.98, "nice": 0.00, "system": 19.22, "iowait": 0.00, "steal": 1.80, "idle": 0.00}
					],
					"queue": {"runq-sz": 12, "plist-sz": 274, "ldavg-1": 13.49, "blocked": 0}
				},
				{
					"timestamp": {"date": "2026-11-23", "time": "18:24:49", "utc": 1, "interval": 5},
					"queue": {"runq-sz": 12, "plist-sz": 274, "ldavg-1": 13.49, "blocked": 0}
				}
"#,
    ),
    (
        "kern.log",
        "Nov 23 18:31:01 vm kernel: python3 invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0
Nov 23 18:31:01 vm kernel: Mem-Info:
Nov 23 18:31:02 vm kernel: Out of memory: Killed process 12317 (python3) total-vm:4183312kB, anon-rss:3012000kB, file-rss:0kB, shmem-rss:0kB, UID:110 pgtables:6500kB oom_score_adj:0
Nov 23 18:31:02 vm kernel: oom_reaper: reaped process 12317 (python3), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
",
    ),
];

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
        texts.extend(
            FURTHER
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec(), text.as_bytes().to_vec())),
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
        "logs-t.log",
        "short.log",
        "short-iso.log",
        "short-precise.log",
        "short-full.log",
        "journal.json",
        "journal.export",
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
                "logs-t.log" => writeln!(text, "2026-11-23T18:24:42.470868182Z {line}"),
                "short.log" => writeln!(text, "Nov 23 18:24:42 vm odoo[12317]: {line}"),
                "short-iso.log" => writeln!(text, "2026-11-23T18:24:42+0000 vm odoo[12317]: {line}"),
                "short-precise.log" => writeln!(text, "Nov 23 18:24:42.470408 vm odoo[12317]: {line}"),
                "short-full.log" => writeln!(text, "Mon 2026-11-23 18:24:42 UTC vm odoo[12317]: {line}"),
                "journal.json" => writeln!(text, "{{\"MESSAGE\":{json},\"_PID\":\"12317\",\"SYSLOG_IDENTIFIER\":\"odoo\",\"__REALTIME_TIMESTAMP\":\"{us}\"}}"),
                "journal.export" => write!(text, "{}", export(line, "")),
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
    for detector in DETECTORS {
        if let Some(claim) = detector(&sample, &world.context) {
            assert!((0.0..=1.0).contains(&claim.score), "{} claims {}", claim.format.name(), claim.score);
            parse_all(bytes, &lines, claim.format.as_ref());
        }
    }
    for known in &world.known {
        parse_all(bytes, &lines, known.detected.format.as_ref());
    }
}

fn parse_all(bytes: &[u8], lines: &[&[u8]], format: &dyn Format) {
    let mut memory = Memory::default();
    for line in lines.iter().copied().chain([bytes]) {
        let orphan = !format.starts_record(line);
        let raw = Raw { text: Cow::Borrowed(line), outer: None, program: None, orphan };
        let _ = format.parse(&raw, &mut memory);
    }
}

#[test]
fn every_detector_and_every_carrier_is_tried() {
    let world = world();
    for (number, detector) in DETECTORS.iter().enumerate() {
        let claimed = world.known.iter().any(|known| {
            let lines = known.text.split(|byte| *byte == b'\n');
            let peeled = lines
                .filter_map(|line| known.detected.carrier.peel(line).ok())
                .map(|peeled| block::clean(peeled.payload));
            detector(&Sample { lines: peeled.collect(), name: &known.name }, &world.context).is_some()
        });
        assert!(claimed, "no sample for DETECTORS[{number}]");
    }
    for carrier in carrier::ALL {
        assert!(
            world.known.iter().any(|known| known.detected.carrier.name() == carrier.name()),
            "no sample for {}",
            carrier.name()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

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
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

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
}
