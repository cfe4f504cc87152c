//! Where there are more records than are kept: counts stay exact, nothing depends on how the input was cut, and an incident
//! that fits is seen as if nothing had been left out.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall fail"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;
use stormtrace_analysis::{Options, analyze, read};
use stormtrace_logs::container::Limits;

/// Six hours in which three workers answer a request every three seconds; in the fourth hour they hang and are killed.
fn write(folder: &Path) -> Vec<PathBuf> {
    let (mut odoo, mut nginx) = (Vec::new(), Vec::new());
    let clock = |at: f64, separator: &str| {
        let ms = (at * 1000.0).round() as u64;
        format!(
            "{:02}:{:02}:{:02}{separator}{:03}",
            6 + ms / 3_600_000,
            ms / 60_000 % 60,
            ms / 1000 % 60,
            ms % 1000
        )
    };
    let mut access = |arrived: f64, end: f64, path: &str, status: u16| {
        let time = end - arrived;
        let line = format!(
            "{{\"time\":\"2026-03-10T{}+00:00\",\"remote_addr\":\"10.0.0.7\",\"request\":\"POST {path} HTTP/1.1\",\"status\":{status},\
             \"bytes\":100,\"request_time\":{time:.3},\"upstream_addr\":\"127.0.0.1:8069\",\"upstream_status\":\"{status}\",\
             \"upstream_connect_time\":\"0.000\",\"upstream_response_time\":\"{time:.3}\"}}",
            clock(end, ".")
        );
        nginx.push((end, line));
    };
    let mut said = |at: f64, pid: u32, text: &str| {
        odoo.push((at, format!("2026-03-10 {} {pid} {text}", clock(at, ","))));
    };
    for pid in 11..14 {
        said(
            0.5 + f64::from(pid) / 100.0,
            pid,
            &format!("INFO ? odoo.service.server: Worker WorkerHTTP ({pid}) alive"),
        );
    }
    let storm = 12_600.0..12_900.0;
    for number in 0..7_200_u32 {
        let at = 1.0 + f64::from(number) * 3.0;
        if storm.contains(&at) {
            continue;
        }
        let (path, pid) = (format!("/quiet/{}", number % 7), 11 + number % 3);
        let end = at + 0.01 + f64::from(number % 40) / 1000.0;
        let date = clock(end, ".");
        let date = date.split('.').next().unwrap().to_owned();
        let text = format!(
            "INFO db werkzeug: 10.0.0.7 - - [10/Mar/2026 {date}] \"POST {path} HTTP/1.0\" 200 - 5 0.001 {:.3}",
            end - at - 0.001
        );
        said(end, pid, &text);
        access(at, end + 0.001, &path, 200);
    }
    for round in 0..10_u32 {
        let at = storm.start + f64::from(round) * 25.0;
        for worker in 0..3 {
            let (pid, born) = (11 + worker + 10 * round, 11 + worker + 10 * (round + 1));
            let arrived = at + f64::from(worker) * 0.4;
            said(
                arrived + 20.0,
                1,
                &format!("ERROR ? odoo.service.server: WorkerHTTP ({pid}) timeout after 20s"),
            );
            access(arrived, arrived + 20.03, &format!("/stuck/{worker}"), 502);
            said(
                arrived + 20.2,
                born,
                &format!("INFO ? odoo.service.server: Worker WorkerHTTP ({born}) alive"),
            );
        }
    }
    [("odoo.log", odoo), ("access.log", nginx)]
        .into_iter()
        .map(|(name, mut lines)| {
            lines.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut text = String::new();
            for (_, line) in lines {
                writeln!(text, "{line}").unwrap();
            }
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            path
        })
        .collect()
}

fn report(paths: &[PathBuf], records: u64, block_bytes: usize, threads: usize) -> Value {
    let mut limits = Limits::default();
    limits.set(&format!("records={records}")).unwrap();
    let read = read::Options { block_bytes, limits, ..Default::default() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let report = pool.install(|| analyze(paths, &Options { read, ..Default::default() })).unwrap();
    serde_json::to_value(&report).unwrap()
}

fn notes(report: &Value) -> String {
    report["notes"].to_string()
}

fn assert_same(all: &Value, few: &Value, places: &[&str]) {
    for place in places {
        assert!(all.pointer(place).is_some(), "{place}");
        let (one, other) = (all.pointer(place), few.pointer(place));
        assert!(one == other, "{place} differs: {one:.300?} {other:.300?}");
    }
}

#[test]
fn an_incident_that_fits_is_seen_whole() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path());
    let (all, few) = (report(&paths, 1_000_000, 1 << 20, 1), report(&paths, 6_000, 1 << 20, 1));
    assert!(!notes(&all).contains("one by one"), "{}", notes(&all));
    assert!(notes(&few).contains("apart from the incidents"), "{}", notes(&few));
    let incident = [
        "start",
        "end",
        "links",
        "impact/kills",
        "impact/saturation/littles_law",
        "impact/saturation/signs",
        "worker_time",
        "diagnosis",
        "recovery",
    ];
    let incident = incident.map(|key| format!("/incidents/0/{key}"));
    assert_same(&all, &few, &incident.each_ref().map(String::as_str));
    assert_same(&all, &few, &["/totals", "/timeline/http_502", "/verdict", "/extremes", "/findings"]);
    assert_eq!(few["incidents"][0]["links"].as_array().unwrap().len(), 30);
}

#[test]
fn an_incident_that_does_not_fit_is_counted_and_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path());
    let (all, few) = (report(&paths, 1_000_000, 1 << 20, 1), report(&paths, 2_000, 1 << 20, 1));
    assert_same(
        &all,
        &few,
        &["/totals", "/incidents/0/impact/kills", "/incidents/0/impact/requests/http_502"],
    );
    assert!(notes(&few).contains("(limit records): of each"), "{}", notes(&few));
    let requests = |report: &Value| -> u64 {
        report["timeline"]["requests"].as_array().unwrap().iter().filter_map(Value::as_u64).sum()
    };
    assert_eq!(requests(&all), requests(&few));
}

/// Reports on one log, as it lies and packed, by one thread and two. How much is in a packed file nobody knows beforehand.
fn plain_and_packed(text: &str, records: u64) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odoo.log");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let mut reports = Vec::new();
    for bytes in [text.as_bytes().to_vec(), packed.finish().unwrap()] {
        fs::write(&path, bytes).unwrap();
        for threads in [1, 2] {
            let mut report = report(std::slice::from_ref(&path), records, 10_000, threads);
            for key in ["bytes", "sha256", "container"] {
                assert!(report["inputs"][0][key].take() != Value::Null, "{key}");
            }
            reports.push(report);
        }
    }
    reports
}

#[test]
fn a_log_that_will_be_too_long_is_thinned_out_from_the_start_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(&write(folder.path())[0]).unwrap();
    let reports = plain_and_packed(&text, 2_000);
    assert!(notes(&reports[0]).contains("one by one (limit records)"), "{}", notes(&reports[0]));
    assert!(reports.iter().all(|report| *report == reports[0]));
}

#[test]
fn a_log_that_only_begins_as_if_it_were_too_long_is_kept_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = fs::read_to_string(&write(folder.path())[0]).unwrap();
    let third = text.match_indices('\n').nth(2_400).unwrap().0 + 1;
    text.truncate(third);
    // Records of many lines, of which there are few.
    for second in 0..50 {
        writeln!(text, "2026-03-10 12:00:{second:02},000 11 ERROR db odoo.http: Exception during request.")
            .unwrap();
        text.push_str(&"    a line of a traceback that goes on and on\n".repeat(900));
    }
    let reports = plain_and_packed(&text, 2_000);
    assert!(!notes(&reports[0]).contains("one by one"), "{}", notes(&reports[0]));
    assert!(reports.iter().all(|report| *report == reports[0]));
    assert_eq!(reports[0]["inputs"][0]["lines"]["total"], 2_401 + 50 * 901);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn cuts_threads_and_order_do_not_show(
        block_bytes in prop_oneof![1_000..20_000usize, 20_000..2_000_000usize],
        threads in 1..=4usize,
        turned in any::<bool>(),
        records in prop_oneof![Just(2_000u64), Just(6_000)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = write(folder.path());
        let reference = report(&paths, records, 1 << 20, 1);
        if turned {
            paths.reverse();
        }
        prop_assert!(report(&paths, records, block_bytes, threads) == reference, "the report differs");
    }
}
