//! The report from summaries is the report from their logs, however the logs were divided, and a summary that somebody
//! damaged is told as such.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected shall fail"
)]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::sample::Index;
use stormtrace_analysis::summary::{Error, Summary};
use stormtrace_analysis::{Options, analyze, read};
use stormtrace_logs::container::Limits;
use stormtrace_logs::format;

const FIRST_LINE: &[u8] = b"stormtrace.summary/1\n";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn analyzed(paths: &[PathBuf]) -> String {
    serde_json::to_string_pretty(&analyze(paths, &Options::default()).unwrap()).unwrap()
}

/// The summary of some files, labelled relative to `base`.
fn summarized(paths: &[PathBuf], base: &Path) -> Vec<u8> {
    let options = read::Options { relative_to: Some(base.to_owned()), ..Default::default() };
    written(read::summarize(paths, &options).unwrap())
}

fn written(mut summary: Summary) -> Vec<u8> {
    let mut bytes = Vec::new();
    summary.write(&mut bytes).unwrap();
    bytes
}

fn parsed(bytes: &[u8]) -> Result<Summary, Error> {
    Summary::read(bytes, &Limits::default())
}

/// A folder with files of these names and contents.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// Every example of every format: each kind of record is in it.
fn examples() -> &'static (tempfile::TempDir, Vec<u8>) {
    static EXAMPLES: OnceLock<(tempfile::TempDir, Vec<u8>)> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for definition in format::ALL {
            for (number, example) in definition.examples.iter().enumerate() {
                let name = format!("{}-{number}-{}", definition.name, example.file.replace('/', "-"));
                fs::write(folder.path().join(name), example.text).unwrap();
            }
        }
        let bytes = summarized(&[folder.path().to_owned()], folder.path());
        (folder, bytes)
    })
}

#[test]
fn every_kind_of_record_comes_back() {
    let (evidence, bytes) = examples();
    let summary = parsed(bytes).unwrap();
    assert!(summary.inputs.len() > 50, "{}", summary.inputs.len());
    assert!(written(summary) == *bytes, "written again, it is another one");
    let elsewhere = folder(&[("host.summary", bytes)]);
    assert_eq!(analyzed(&[elsewhere.path().to_owned()]), analyzed(&[evidence.path().to_owned()]));
}

/// Whoever changes what a summary holds raises its version, and writes this file anew by running the test with the
/// variable `WRITE_SUMMARY` set.
#[test]
fn what_this_version_wrote_earlier_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/version-1.summary");
    if std::env::var_os("WRITE_SUMMARY").is_some() {
        fs::write(&path, &examples().1).unwrap();
    }
    let bytes = fs::read(path).unwrap();
    let again = written(parsed(&bytes).unwrap());
    assert!(content(&again) == content(&bytes), "the form has changed: raise the version");
}

#[test]
fn a_summary_gives_the_report_of_its_logs() {
    for name in ["buslane", "healthy", "lockstorm"] {
        let evidence = fixture(name);
        let bytes = summarized(std::slice::from_ref(&evidence), &evidence);
        let elsewhere = folder(&[("host.summary", &bytes)]);
        let same = analyzed(&[elsewhere.path().join("host.summary")]) == analyzed(&[evidence]);
        assert!(same, "{name}");
    }
}

#[test]
fn too_many_records_are_thinned_out_as_from_the_logs() {
    let base = fixture("lockstorm");
    let mut options = Options::default();
    options.read.limits.records = 12_000;
    let report = |paths: &[PathBuf]| analyze(paths, &options).unwrap();
    let part = |names: &[&str]| -> Vec<u8> {
        summarized(&names.iter().map(|name| base.join(name)).collect::<Vec<_>>(), &base)
    };
    let elsewhere = folder(&[
        ("web.summary", &part(&["config", "nginx", "postgres"])),
        ("app.summary", &part(&["odoo", "metrics", "expected.json"])),
    ]);
    let (of_logs, of_summaries) = (report(&[base]), report(&[elsewhere.path().to_owned()]));
    assert!(of_logs.notes.iter().any(|note| note.contains("limit records")), "{:?}", of_logs.notes);
    let text = |report| serde_json::to_string_pretty(report).unwrap();
    assert!(text(&of_logs) == text(&of_summaries));
}

/// The bytes of a summary depend on nothing but its logs: neither on the number of threads nor on where blocks are cut.
#[test]
fn a_summary_is_written_to_the_same_bytes() {
    let paths =
        ["buslane", "lockstorm/odoo/journalctl-short-iso.log.gz", "lockstorm/nginx/access_json.log.gz"]
            .map(fixture);
    for (records, thinned) in [(400_000, false), (6_000, true)] {
        let bytes = [(1, 1 << 18), (2, 50_000), (3, 20_000)].map(|(threads, block_bytes)| {
            let mut options = read::Options { block_bytes, ..Default::default() };
            options.limits.records = records;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            written(pool.install(|| read::summarize(&paths, &options)).unwrap())
        });
        assert_eq!(parsed(&bytes[0]).unwrap().inputs.iter().any(|input| input.partial.level > 0), thinned);
        assert!(bytes.iter().all(|other| *other == bytes[0]), "with {records} records they differ");
    }
}

/// The files of a capture, in parts that may be summarised on their own: a log whose layout a configuration file tells
/// goes with it.
const PARTS: &[&[&str]] = &[
    &["config", "nginx/access_timed.log.gz", "postgres"],
    &["nginx/error.log"],
    &["odoo/journalctl-short.log.gz"],
    &["metrics/pg_active.txt.gz"],
    &["metrics/sar-u.txt"],
    &["metrics/ws_health_probe.txt"],
    &["expected.json"],
];

fn whole() -> &'static str {
    static WHOLE: OnceLock<String> = OnceLock::new();
    WHOLE.get_or_init(|| analyzed(&[fixture("buslane")]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn how_inputs_are_divided_does_not_show(
        places in prop::collection::vec(0..4usize, PARTS.len()),
        order in prop::collection::vec(any::<Index>(), 4),
    ) {
        let base = fixture("buslane");
        let elsewhere = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for place in 0..4 {
            let of_place = PARTS.iter().zip(&places).filter(|(_, chosen)| **chosen == place);
            let part: Vec<PathBuf> =
                of_place.flat_map(|(names, _)| names.iter()).map(|name| base.join(name)).collect();
            if !part.is_empty() {
                let path = elsewhere.path().join(format!("host-{place}.summary"));
                fs::write(&path, summarized(&part, &base)).unwrap();
                paths.push(path);
            }
        }
        for (at, index) in order.iter().enumerate().take(paths.len()) {
            let other = index.index(paths.len());
            paths.swap(at, other);
        }
        prop_assert!(analyzed(&paths) == whole(), "from single summaries");
        // A summary of the summaries says the same.
        let joined = folder(&[("all.summary", &written(read::summarize(&paths, &Default::default()).unwrap()))]);
        prop_assert!(analyzed(&[joined.path().to_owned()]) == whole(), "from the summary of summaries");
    }
}

/// The unpacked content.
fn content(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    GzDecoder::new(bytes.strip_prefix(FIRST_LINE).unwrap()).read_to_end(&mut content).unwrap();
    content
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(FIRST_LINE.to_vec(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_be_bytes(), bytes].concat()
}

#[test]
fn a_damaged_summary_is_told_as_such() {
    let bytes = &examples().1;
    for end in (FIRST_LINE.len()..bytes.len()).step_by(97) {
        let error = parsed(&bytes[..end]).unwrap_err();
        assert!(matches!(error, Error::CutShort { .. }), "{end}: {error}");
    }
    let other = [b"stormtrace.summary/2\n", &bytes[FIRST_LINE.len()..]].concat();
    let error = parsed(&other).unwrap_err().to_string();
    assert_eq!(error, "a summary of version 2; this stormtrace reads version 1");
    for (wrong, said) in [
        ([bytes.as_slice(), b"x"].concat(), "cut short"),
        ([bytes.as_slice(), bytes].concat(), "damaged at byte"),
        (packed(&[content(bytes), vec![0]].concat()), "more follows"),
        (packed(&u64::MAX.to_be_bytes()), "cut short, after byte 8"),
        // A text, then a list, as long as memory is wide.
        (packed(&frame(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])), "damaged at byte 8"),
        (packed(&frame(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])), "damaged at byte 8"),
        (
            packed(&frame(&[0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])),
            "after byte 21",
        ),
        ([FIRST_LINE, b"no gzip stream at all"].concat(), "damaged at byte 0"),
    ] {
        let error = parsed(&wrong).unwrap_err().to_string();
        assert!(error.contains(said), "{error}, not {said}");
    }
    let mut limits = Limits::default();
    limits.summary = 100;
    let error = Summary::read(bytes.as_slice(), &limits).unwrap_err().to_string();
    assert!(error.starts_with("limit summary:"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_byte_is_noticed(at in any::<Index>(), bit in 0..8u32) {
        let bytes = &examples().1;
        let mut changed = bytes.clone();
        let at = at.index(bytes.len());
        changed[at] ^= 1 << bit;
        // What gzip notes of the time and the system is no content.
        if let Ok(summary) = parsed(&changed) {
            prop_assert!(written(summary) == *bytes, "byte {at} changes what is read");
        }
    }

    #[test]
    fn hostile_content_never_panics(
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let mut content = content(&examples().1);
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        let hostile = packed(&content);
        if parsed(&hostile).is_ok() {
            let folder = folder(&[("hostile.summary", &hostile)]);
            let _ = analyze(&[folder.path().to_owned()], &Options::default());
        }
    }
}

#[test]
fn a_time_that_cannot_be_counted_with_is_refused() {
    let mut summary = parsed(&examples().1).unwrap();
    summary.inputs.iter_mut().for_each(|input| input.partial.events.shift(|_, _| i64::MAX / 2));
    assert!(parsed(&written(summary)).unwrap_err().to_string().contains("a time that no log can tell"));
}

#[test]
fn inputs_of_two_hosts_are_told_apart_where_their_names_clash() {
    let line = b"2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0\n";
    let one = folder(&[("odoo.log", line), ("one.txt", b"poem")]);
    let two = folder(&[("odoo.log", line)]);
    let summaries = folder(&[
        ("one.summary", &summarized(&[one.path().to_owned()], one.path())),
        ("two.summary", &summarized(&[two.path().to_owned()], two.path())),
    ]);
    let labels = |paths: &[PathBuf]| -> Vec<String> {
        let inputs = read::read(paths, &read::Options::default(), &mut Vec::new()).unwrap();
        inputs.into_iter().map(|input| input.label).collect()
    };
    let path = |name: &str| summaries.path().join(name);
    let both = ["one.summary/odoo.log", "one.txt", "two.summary/odoo.log"];
    assert_eq!(labels(&[summaries.path().to_owned()]), both);
    assert_eq!(labels(&[path("two.summary"), path("one.summary")]), both);
    assert_eq!(labels(&[path("one.summary")]), ["odoo.log", "one.txt"]);
    let beside = [path("one.summary"), two.path().join("odoo.log")];
    assert_eq!(labels(&beside), ["odoo.log", "one.summary/odoo.log", "one.txt"]);
}

#[test]
fn secrets_are_hidden() {
    let evidence = folder(&[
        ("odoo.conf", b"[options]\nadmin_passwd = hunter2\ndb_password = hunter2\nworkers = 4\n"),
        ("odoo.log", b"2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0\npassword = hunter2\n"),
        ("access.log", b"10.9.8.7 - - [23/Nov/2026:18:24:42 +0000] \"GET /web/token=hunter2/x?token=hunter2 HTTP/1.1\" 200 5 \"-\" \"agent\"\n"),
    ]);
    let content = content(&summarized(&[evidence.path().to_owned()], evidence.path()));
    let holds = |text: &str| memchr::memmem::find(&content, text.as_bytes()).is_some();
    assert!(holds("workers") && holds("/web/token=•••") && holds("access.log"));
    assert!(!holds("hunter2") && !holds("10.9.8.7") && !holds("agent"));
}
