//! Front ends other than nginx tell the same story: statuses, beginnings, failures of the upstream.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::io::Write as _;

use chrono::{DateTime, Utc};
use stormtrace_analysis::report::Report;
use stormtrace_analysis::{Options, analyze};

/// 2026-02-16 12:00:00 UTC.
const START_MS: i64 = 1_771_243_200_000;

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(START_MS + ms).unwrap()
}

/// A storm of a minute: each second a request that is answered, and one that ends with `status` after 20 s.
fn storm(line: impl Fn(i64, i64, u16) -> String, status: u16) -> Report {
    let mut text = String::new();
    for second in 0..900 {
        text += &line(second * 1000, 50, 200);
        if (400..460).contains(&second) {
            text += &line(second * 1000, 20_000, status);
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("front.log");
    fs::write(&path, text).unwrap();
    analyze(&[path], &Options::default()).unwrap()
}

fn check(report: &Report, name: &str) {
    assert_eq!(report.inputs[0].format, name);
    assert_eq!(report.inputs[0].lines.skipped, 0, "{name}");
    assert!(report.coverage.contains_key("nginx_access"), "{name}");
    let incident = &report.incidents[0];
    assert_eq!(incident.impact.requests.http_504, Some(60), "{name}");
    // The first request that blocked began at second 400, whatever its line is stamped with.
    let start = incident.start.0 / 1000 - START_MS;
    assert!((399_000..402_000).contains(&start), "{name}: {start}");
}

#[test]
fn one_storm_by_every_front_end() {
    let haproxy = |state: &'static str| {
        move |ms: i64, took: i64, status: u16| {
            let (state, response) = if status == 200 { ("----", took) } else { (state, -1) };
            format!(
                "10.0.0.7:5{ms} [{}] web~ odoo/w1 0/0/0/{response}/{took} {status} 157 - - {state} 1/1/0/0/0 0/0 \"POST /web/dataset/call_kw HTTP/1.1\"\n",
                at(ms).format("%d/%b/%Y:%H:%M:%S%.3f")
            )
        }
    };
    check(&storm(haproxy("sH--"), 504), "haproxy-http");
    let traefik = |ms: i64, took: i64, status: u16| {
        format!(
            "10.0.0.7 - - [{}] \"POST /web/dataset/call_kw HTTP/1.1\" {status} 157 \"-\" \"curl\" {ms} \"odoo@docker\" \"http://10.0.0.1:8069\" {took}ms\n",
            at(ms).format("%d/%b/%Y:%H:%M:%S +0000")
        )
    };
    check(&storm(traefik, 504), "traefik-common");
    let json = |ms: i64, took: i64, status: u16| {
        format!(
            "{{\"ClientHost\":\"10.0.0.7\",\"DownstreamStatus\":{status},\"Duration\":{},\"OriginStatus\":{status},\"RequestMethod\":\"POST\",\"RequestPath\":\"/web/dataset/call_kw\",\"ServiceAddr\":\"10.0.0.1:8069\",\"StartUTC\":\"{}\",\"level\":\"info\",\"msg\":\"\",\"time\":\"{}\"}}\n",
            took * 1_000_000,
            at(ms).format("%Y-%m-%dT%H:%M:%S%.9fZ"),
            at(ms + took).format("%Y-%m-%dT%H:%M:%SZ"),
        )
    };
    check(&storm(json, 504), "traefik-json");
    let caddy = |ms: i64, took: i64, status: u16| {
        format!(
            "{{\"level\":\"info\",\"ts\":{}.{:03},\"logger\":\"http.log.access\",\"msg\":\"handled request\",\"request\":{{\"remote_ip\":\"10.0.0.7\",\"method\":\"POST\",\"host\":\"erp\",\"uri\":\"/web/dataset/call_kw\"}},\"duration\":{}.{:03},\"size\":157,\"status\":{status}}}\n",
            (START_MS + ms + took) / 1000,
            (ms + took) % 1000,
            took / 1000,
            took % 1000,
        )
    };
    check(&storm(caddy, 504), "caddy-access");
    let alb = |ms: i64, took: i64, status: u16| {
        let (phases, target) = if status == 200 { ("0.000 0.050 0.000", "200") } else { ("-1 -1 -1", "-") };
        format!(
            "https {} app/erp/50dc6c495c0c9188 10.0.0.7:2817 10.0.0.1:8069 {phases} {status} {target} 34 366 \"POST https://erp.example.com:443/web/dataset/call_kw HTTP/1.1\" \"curl\" - - arn \"Root=1\" \"-\" \"-\" 0 {} \"forward\" \"-\" \"-\"\n",
            at(ms + took).format("%Y-%m-%dT%H:%M:%S%.6fZ"),
            at(ms).format("%Y-%m-%dT%H:%M:%S%.6fZ"),
        )
    };
    check(&storm(alb, 504), "aws-alb-access");
    let apache = |ms: i64, took: i64, status: u16| {
        format!(
            "erp.example.com:443 10.0.0.7 - - [{}] \"POST /web/dataset/call_kw HTTP/1.1\" {status} 157 \"-\" \"curl\" {}us\n",
            at(ms).format("%d/%b/%Y:%H:%M:%S +0000"),
            took * 1000,
        )
    };
    check(&storm(apache, 504), "apache-access:vhost_combined_timed");
}

#[test]
fn clients_that_leave_are_counted_as_nginx_counts_them() {
    let haproxy = |ms: i64, took: i64, status: u16| {
        let (state, status) = if status == 200 { ("----", "200") } else { ("CH--", "-1") };
        format!(
            "10.0.0.7:5{ms} [{}] web~ odoo/w1 0/0/0/{}/{took} {status} 157 - - {state} 1/1/0/0/0 0/0 \"POST /web HTTP/1.1\"\n",
            at(ms).format("%d/%b/%Y:%H:%M:%S%.3f"),
            if status == "200" { took } else { -1 },
        )
    };
    let report = storm(haproxy, 499);
    assert_eq!(report.totals.by_status.get(&499), Some(&60));
}

#[test]
fn nodes_of_a_load_balancer_are_not_copies_of_each_other() {
    let line = |ms: i64| {
        format!(
            "https {} app/erp/50dc6c495c0c9188 10.0.0.7:2817 10.0.0.1:8069 0.000 0.050 0.000 200 200 34 366 \"POST https://erp.example.com:443/web/dataset/call_kw HTTP/1.1\" \"curl\" - -\n",
            at(ms).format("%Y-%m-%dT%H:%M:%S%.6fZ"),
        )
    };
    let directory = tempfile::tempdir().unwrap();
    // Small objects under a prefix, one a node and five minutes; each second one request at either node.
    for object in 0..10 {
        let folder = directory.path().join("AWSLogs/123456789012/elasticloadbalancing/2026/02/16");
        fs::create_dir_all(&folder).unwrap();
        for (node, offset_ms) in [("10.0.1.5", 210), ("10.0.2.5", 730)] {
            let text: String =
                (0..300).map(|second| line((object * 300 + second) * 1000 + offset_ms)).collect();
            let name = format!("123456789012_elasticloadbalancing_{object:02}_{node}_x.log.gz");
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(text.as_bytes()).unwrap();
            fs::write(folder.join(name), packed.finish().unwrap()).unwrap();
        }
    }
    let report = analyze(&[directory.path().to_path_buf()], &Options::default()).unwrap();
    assert_eq!(report.totals.by_status.get(&200), Some(&6000));
    // The same objects twice are copies.
    let copy = directory.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for entry in
        fs::read_dir(directory.path().join("AWSLogs/123456789012/elasticloadbalancing/2026/02/16")).unwrap()
    {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let report = analyze(&[directory.path().to_path_buf()], &Options::default()).unwrap();
    assert_eq!(report.totals.by_status.get(&200), Some(&6000));
}
