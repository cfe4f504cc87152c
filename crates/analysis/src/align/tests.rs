//! Small bundles with a known fault of one clock, through the public door.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Datelike, FixedOffset};
use stormtrace_logs::timestamp::SECOND_US;

use crate::report::{Clock, Report};
use crate::{Options, analyze};

/// 2026-02-16 12:00:00 UTC.
const START_US: i64 = 1_771_243_200 * SECOND_US;

fn at(us: i64, zone_s: i32) -> DateTime<FixedOffset> {
    DateTime::from_timestamp_micros(us).unwrap().with_timezone(&FixedOffset::east_opt(zone_s).unwrap())
}

/// Ends of requests: unequal gaps, in the middle of the second and elsewhere.
fn ends(count: i64) -> impl Iterator<Item = (i64, String)> {
    (0..count).map(|number| {
        let us = START_US + number * 41_370_000 + number * number * 730_000;
        (us, format!("/web/dataset/call_kw/model.m{}/read", number % 3))
    })
}

fn odoo_request(us: i64, path: &str) -> String {
    let time = at(us, 0);
    format!(
        "{} 53 INFO prod werkzeug: 10.0.0.7 - - [{}] \"POST {path} HTTP/1.0\" 200 - 12 0.020 0.031\n",
        time.format("%Y-%m-%d %H:%M:%S,%3f"),
        time.format("%d/%b/%Y %H:%M:%S"),
    )
}

fn odoo_kill(us: i64, pid: u32) -> String {
    let time = at(us, 0);
    format!(
        "{} 22 ERROR ? odoo.service.server: WorkerHTTP ({pid}) timeout after 20s \n",
        time.format("%Y-%m-%d %H:%M:%S,%3f")
    )
}

fn access(us: i64, zone_s: i32, path: &str, status: u16, request_time: &str) -> String {
    format!(
        "10.0.0.7 - - [{}] \"POST {path} HTTP/1.1\" {status} 157 \"-\" \"Mozilla/5.0\" rt={request_time} \
         uct=\"0.000\" uht=\"-\" urt=\"{request_time}\" ua=\"127.0.0.1:8069\" us=\"{status}\"\n",
        at(us, zone_s).format("%d/%b/%Y:%H:%M:%S %z"),
    )
}

fn closed(us: i64, zone_s: i32, path: &str) -> String {
    format!(
        "{} [error] 47#47: *31 upstream prematurely closed connection while reading response header from upstream, \
         client: 10.0.0.7, server: erp.example.com, request: \"POST {path} HTTP/1.1\", upstream: \
         \"http://127.0.0.1:8069{path}\", host: \"erp.example.com\"\n",
        at(us, zone_s).format("%Y/%m/%d %H:%M:%S"),
    )
}

fn lost_connection(us: i64) -> String {
    format!(
        "{} UTC [10510] LOG:  unexpected EOF on client connection with an open transaction\n",
        at(us, 0).format("%Y-%m-%d %H:%M:%S.%3f")
    )
}

fn report(files: &[(&str, String)]) -> Report {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let place = directory.path().join(name);
        fs::create_dir_all(place.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(place, text).unwrap();
    }
    analyze(&[directory.path().to_path_buf()], &Options::default()).unwrap()
}

fn clock<'r>(report: &'r Report, source: &str) -> &'r Clock {
    report.clocks.iter().find(|clock| clock.source == source).unwrap()
}

fn noted(report: &Report, part: &str) -> bool {
    report.notes.iter().any(|note| note.contains(part))
}

#[test]
fn a_handful_of_requests_tell_a_skew_through_whole_seconds() {
    for skew_s in [-90, -2, 2, 30] {
        let odoo: String = ends(6).map(|(us, path)| odoo_request(us, &path)).collect();
        let nginx: String =
            ends(6).map(|(us, path)| access(us + skew_s * SECOND_US, 3600, &path, 200, "0.052")).collect();
        let report = report(&[("odoo.log", odoo), ("access.log", nginx)]);
        let offset_s = clock(&report, "nginx_access").offset_s.unwrap();
        assert!((offset_s - skew_s as f64).abs() <= 0.5, "{skew_s}: {offset_s}");
        assert_eq!(clock(&report, "odoo").offset_s, Some(0.0));
        assert!(noted(&report, "differs from Odoo's"), "{:?}", report.notes);
        let last = report.inputs.iter().map(|input| input.last.unwrap().0);
        assert!(last.clone().max().unwrap() - last.min().unwrap() <= SECOND_US, "not corrected");
    }
}

#[test]
fn clocks_that_agree_are_left_alone() {
    let odoo: String = ends(6).map(|(us, path)| odoo_request(us, &path)).collect();
    let nginx: String = ends(6).map(|(us, path)| access(us, 3600, &path, 200, "0.052")).collect();
    let report = report(&[("odoo.log", odoo), ("access.log", nginx)]);
    assert!(clock(&report, "nginx_access").offset_s.unwrap().abs() <= 0.5);
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}

#[test]
fn a_wrong_zone_is_called_one() {
    // The wall clock is two hours ahead of UTC and the stamps say one.
    let odoo: String = ends(6).map(|(us, path)| odoo_request(us, &path)).collect();
    let nginx: String =
        ends(6).map(|(us, path)| access(us + 3600 * SECOND_US, 3600, &path, 200, "0.052")).collect();
    let report = report(&[("odoo.log", odoo), ("access.log", nginx)]);
    assert!((clock(&report, "nginx_access").offset_s.unwrap() - 3600.0).abs() <= 0.5);
    assert!(noted(&report, "wrong zone; they are +60 min off"), "{:?}", report.notes);
}

#[test]
fn kills_alone_tell_the_clocks_of_nginx_and_postgresql() {
    // A log at level WARNING: volleys of three, the first lines repeated.
    let kills: Vec<(i64, u32)> =
        (0..9).map(|kill| (START_US + kill / 3 * 23_400_000 + kill * 1_000, 300 + kill as u32)).collect();
    let odoo: String =
        kills.iter().flat_map(|(us, pid)| [odoo_kill(*us, *pid), odoo_kill(us + 45_000, *pid)]).collect();
    let (mut nginx, mut error, mut postgres) = (String::new(), String::new(), String::new());
    for (number, (us, _)) in kills.iter().enumerate() {
        let path = format!("/web/dataset/call_kw/m{}/write", number % 2);
        nginx += &access(us - 2_000_000 + 30_000, 0, &path, 502, "21.004");
        error += &closed(us - 2_000_000 + 30_000, 7200, &path);
        postgres += &lost_connection(us + 30_000_000 + 20_000);
    }
    let report = report(&[
        ("odoo.log", odoo),
        ("nginx/access.log", nginx),
        ("nginx/error.log", error),
        ("postgresql.log", postgres),
    ]);
    assert!((clock(&report, "nginx_access").offset_s.unwrap() + 2.0).abs() <= 0.6, "{:?}", report.clocks);
    let error = clock(&report, "nginx_error");
    assert_eq!((error.zone_s, error.offset_s), (Some(7200), clock(&report, "nginx_access").offset_s));
    assert!((clock(&report, "postgres_log").offset_s.unwrap() - 30.0).abs() <= 0.1);
}

#[test]
fn a_further_host_is_put_on_the_clock_of_the_first() {
    let first: String = ends(12).map(|(us, path)| odoo_request(us, &path)).collect();
    let second: String =
        ends(6).map(|(us, _)| odoo_request(us + 7_100_000 + 20 * SECOND_US, "/shop/cart")).collect();
    let mut nginx: Vec<(i64, String)> = ends(12).collect();
    nginx.extend(ends(6).map(|(us, _)| (us + 7_100_000, "/shop/cart".to_owned())));
    nginx.sort();
    let nginx: String = nginx.iter().map(|(us, path)| access(*us, 0, path, 200, "0.052")).collect();
    let report = report(&[("a/odoo.log", first), ("b/odoo.log", second), ("access.log", nginx)]);
    let offsets: Vec<Option<f64>> =
        report.clocks.iter().filter(|clock| clock.source == "odoo").map(|clock| clock.offset_s).collect();
    assert_eq!(offsets.first(), Some(&Some(0.0)));
    assert!((offsets[1].unwrap() - 20.0).abs() <= 0.6, "{offsets:?}");
    assert!(noted(&report, "The clock of b/odoo.log differs"), "{:?}", report.notes);
}

#[test]
fn without_a_pair_nothing_is_claimed() {
    let odoo: String = ends(6).map(|(us, path)| odoo_request(us, &path)).collect();
    let nginx: String = ends(6).map(|(us, _)| access(us, 0, "/other", 200, "0.052")).collect();
    let report = report(&[("odoo.log", odoo), ("access.log", nginx)]);
    let clock = clock(&report, "nginx_access");
    assert_eq!((clock.offset_s, clock.uncertainty_s, clock.pairs), (None, None, 0));
    assert!(noted(&report, "No record of nginx_access is provably one event"), "{:?}", report.notes);
}

#[test]
fn an_error_log_in_which_summer_time_changes() {
    for change_s in [-3600, 3600] {
        let (mut nginx, mut error) = (String::new(), String::new());
        for (number, (us, path)) in ends(12).enumerate() {
            nginx += &access(us, 3600, &path, 502, "21.004");
            error += &closed(us, 3600 + if number < 6 { 0 } else { change_s }, &path);
        }
        let odoo: String = ends(12).map(|(us, path)| odoo_request(us, &path)).collect();
        let report = report(&[("odoo.log", odoo), ("nginx/access.log", nginx), ("nginx/error.log", error)]);
        assert!(noted(&report, "nginx/error.log"), "{:?}", report.notes);
        let spans: Vec<(i64, i64)> = report
            .inputs
            .iter()
            .filter(|input| input.path.starts_with("nginx"))
            .map(|input| (input.first.unwrap().0, input.last.unwrap().0))
            .collect();
        assert_eq!(spans.first(), spans.last(), "{change_s}");
    }
}

#[test]
fn a_kernel_log_without_years_across_new_year() {
    // Midnight between the years, at one hour ahead of UTC.
    let midnight_us = 1_798_758_000 * SECOND_US;
    let times: Vec<i64> = (0..8).map(|kill| midnight_us - 100_000_000 + kill * kill * 4_100_000).collect();
    let (mut kernel, mut nginx, mut odoo) = (String::new(), String::new(), String::new());
    for us in &times {
        kernel += &format!(
            "{} vm kernel: Out of memory: Killed process 4242 (python3) total-vm:1kB, anon-rss:1kB\n",
            at(*us, 3600).format("%b %d %H:%M:%S"),
        );
        nginx += &access(us + 20_000, 3600, "/web/action/run", 502, "9.100");
        odoo += &odoo_request(us - 5_000_000, "/web/login");
    }
    let report =
        report(&[("system/journalctl-kernel.log", kernel), ("nginx/access.log", nginx), ("odoo.log", odoo)]);
    let input = report.inputs.iter().find(|input| input.source == "host").unwrap();
    let whole = |us: i64| us.div_euclid(SECOND_US) * SECOND_US;
    assert_eq!(input.first.unwrap().0, whole(times[0]));
    assert_eq!(input.last.unwrap().0, whole(times[7]));
    assert_eq!(clock(&report, "host").zone_s, Some(3600));
}

/// The kernel's log, whose stamps have no year.
fn syslog_kernel(folder: &Path) {
    fs::write(
        folder.join("kern.log"),
        "Feb 16 12:00:01 vm kernel: [ 1793.152108] Out of memory: Killed process 380 (odoo) total-vm:2048kB, \
         anon-rss:1024kB, file-rss:0kB, shmem-rss:0kB, UID:101 pgtables:2356kB oom_score_adj:0\n",
    )
    .unwrap();
}

#[test]
fn a_year_comes_from_other_logs_or_the_file() {
    let year = |report: &Report| {
        let input = report.inputs.iter().find(|input| input.path == "kern.log").unwrap();
        (at(input.first.unwrap().0, 0).year(), input.problems.len())
    };
    // Another log, local but dated, wins over the file's time.
    let folder = tempfile::tempdir().unwrap();
    syslog_kernel(folder.path());
    fs::write(
        folder.path().join("error.log"),
        "2024/02/16 12:00:03 [error] 7#7: *1 upstream prematurely closed connection while reading response header \
         from upstream, client: 10.0.0.7, server: _, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:8069/\"\n",
    )
    .unwrap();
    let report = analyze(&[folder.path().to_path_buf()], &Options::default()).unwrap();
    assert_eq!(year(&report), (2024, 0), "{:?}", report.notes);
    // Alone: not after the file was written.
    let folder = tempfile::tempdir().unwrap();
    syslog_kernel(folder.path());
    let file = fs::File::options().write(true).open(folder.path().join("kern.log")).unwrap();
    let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_769_000_000);
    file.set_modified(written).unwrap();
    let report = analyze(&[folder.path().to_path_buf()], &Options::default()).unwrap();
    // Written on 21 January 2026.
    assert_eq!(year(&report), (2025, 0), "{:?}", report.notes);
    assert!(report.notes.iter().any(|note| note.contains("2025 is inferred")), "{:?}", report.notes);
}
