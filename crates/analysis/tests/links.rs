//! Killed workers are linked to what they were doing, and to nothing else where that cannot be told.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall fail"
)]

use std::fmt::Write;
use std::fs;

use serde_json::Value;
use stormtrace_analysis::{Options, analyze};

const DAY: &str = "2026-03-10";

/// Logs of three workers with a limit of 20 s, written line by line; times in seconds after 10:00.
#[derive(Default)]
struct Logs {
    odoo: Vec<(f64, String)>,
    nginx: Vec<(f64, String)>,
    postgres: Vec<(f64, String)>,
}

fn clock(at: f64, separator: &str) -> String {
    let ms = (at * 1000.0).round() as i64;
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!("10:{:02}:{:02}{separator}{ms:03}", seconds / 60, seconds % 60)
}

impl Logs {
    fn odoo(&mut self, at: f64, pid: u32, text: &str) {
        self.odoo.push((at, format!("{DAY} {} {pid} {text}", clock(at, ","))));
    }

    fn alive(&mut self, at: f64, pid: u32) {
        self.odoo(at, pid, &format!("INFO ? odoo.service.server: Worker WorkerHTTP ({pid}) alive"));
    }

    fn kill(&mut self, at: f64, pid: u32) {
        self.odoo(at, 1, &format!("ERROR ? odoo.service.server: WorkerHTTP ({pid}) timeout after 20s"));
    }

    /// A request as a worker logs it.
    fn served(&mut self, taken: f64, end: f64, pid: u32, path: &str) {
        let date = clock(end, ".");
        let date = date.split('.').next().unwrap();
        let text = format!(
            "INFO db werkzeug: 10.0.0.7 - - [10/Mar/2026 {date}] \"POST {path} HTTP/1.0\" 200 - 5 0.001 {:.3}",
            end - taken - 0.001
        );
        self.odoo(end, pid, &text);
    }

    /// A request as nginx logs it.
    fn access(&mut self, arrived: f64, end: f64, path: &str, status: u16) {
        let time = end - arrived;
        let line = format!(
            "{{\"time\":\"{DAY}T{}+00:00\",\"remote_addr\":\"10.0.0.7\",\"request\":\"POST {path} HTTP/1.1\",\"status\":{status},\
             \"bytes\":100,\"request_time\":{time:.3},\"upstream_addr\":\"127.0.0.1:8069\",\"upstream_status\":\"{status}\",\
             \"upstream_connect_time\":\"0.000\",\"upstream_response_time\":\"{time:.3}\"}}",
            clock(end, ".")
        );
        self.nginx.push((end, line));
    }

    /// A request answered in time.
    fn answered(&mut self, arrived: f64, taken: f64, end: f64, pid: u32, path: &str) {
        self.served(taken, end, pid, path);
        self.access(arrived, end + 0.001, path, 200);
    }

    fn postgres(&mut self, at: f64, pid: u32, text: &str) {
        self.postgres.push((at, format!("{DAY} {} UTC [{pid}] odoo@db {text}", clock(at, "."))));
    }

    fn end_of_connection(&mut self, at: f64, pid: u32) {
        self.postgres(at, pid, "LOG:  unexpected EOF on client connection with an open transaction");
    }

    /// Quiet traffic before and after, so that clocks and rates are known.
    fn quiet(&mut self) {
        for pid in [11, 12, 13] {
            self.alive(0.5 + f64::from(pid) / 100.0, pid);
        }
        for number in 0..60 {
            let at = 1.0 + f64::from(number);
            self.answered(at, at, at + 0.05, 11 + number % 3, &format!("/quiet/{number}"));
        }
    }

    fn links(mut self) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for (name, lines) in [
            ("odoo.log", &mut self.odoo),
            ("access.log", &mut self.nginx),
            ("postgresql.log", &mut self.postgres),
        ] {
            lines.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut text = String::new();
            for (_, line) in lines {
                writeln!(text, "{line}").unwrap();
            }
            if !text.is_empty() {
                let path = folder.path().join(name);
                fs::write(&path, text).unwrap();
                paths.push(path);
            }
        }
        let report = analyze(&paths, &Options::default()).unwrap();
        let report = serde_json::to_value(report).unwrap();
        assert_eq!(report["incidents"].as_array().unwrap().len(), 1, "{}", report["incidents"]);
        report["incidents"][0]["links"].as_array().unwrap().clone()
    }
}

fn of(links: &[Value], pid: u32) -> &Value {
    links.iter().find(|link| link["kill"]["pid"] == pid).unwrap()
}

fn said(link: &Value) -> (&str, &str) {
    (link["confidence"].as_str().unwrap(), link["request"]["path"].as_str().unwrap_or("-"))
}

/// Three workers take requests one after the other and are killed in one volley.
fn volley(logs: &mut Logs) {
    logs.quiet();
    // Each was busy until just before, so that the queue decides who took what.
    for (pid, free, path) in [(11, 100.0, "/first"), (12, 100.4, "/second"), (13, 100.8, "/third")] {
        logs.answered(98.0, 98.1, free, pid, &format!("/before/{pid}"));
        let arrived = 98.3 + f64::from(pid - 11) * 0.2;
        logs.kill(121.0, pid);
        logs.access(arrived, 121.03, path, 502);
    }
}

#[test]
fn the_queue_tells_apart_the_kills_of_one_volley() {
    let mut logs = Logs::default();
    volley(&mut logs);
    let links = logs.links();
    assert_eq!(said(of(&links, 11)), ("exact", "/first"));
    assert_eq!(said(of(&links, 12)), ("exact", "/second"));
    assert_eq!(said(of(&links, 13)), ("exact", "/third"));
    let link = of(&links, 12);
    assert!(link["kill"]["ref"]["line"].as_u64().unwrap() > 0);
    assert!(link["request"]["ref"]["path"].as_str().unwrap().ends_with("access.log"));
    assert_eq!(link["reasons"][0], "killed 20.6 s after it took the request (limit 20 s)");
}

#[test]
fn idle_workers_killed_together_are_a_set() {
    let mut logs = Logs::default();
    logs.quiet();
    for (pid, arrived, path) in [(11, 100.1, "/first"), (12, 100.5, "/second"), (13, 101.0, "/third")] {
        logs.kill(121.0, pid);
        logs.access(arrived, 121.03, path, 502);
    }
    for link in logs.links() {
        assert_eq!(said(&link), ("set", "-"));
        assert_eq!(link["candidates"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn a_late_answer_takes_the_request_that_came_later() {
    let mut logs = Logs::default();
    volley(&mut logs);
    // The same target twice: nginx gave up both; one was killed, the other answered late by the next worker.
    logs.alive(121.2, 21);
    logs.answered(98.9, 121.25, 121.3, 21, "/between");
    logs.access(99.0, 119.0, "/same", 504);
    logs.access(99.2, 119.2, "/same", 504);
    logs.kill(142.0, 21);
    logs.alive(142.2, 22);
    logs.served(142.25, 142.4, 22, "/same");
    let links = logs.links();
    let link = of(&links, 21);
    assert_eq!(said(link), ("exact", "/same"));
    assert_eq!(link["request"]["end"], "2026-03-10T10:01:59.000000Z");
}

#[test]
fn transactions_tell_whose_connection_ended() {
    let mut logs = Logs::default();
    volley(&mut logs);
    for (backend, began) in [(901, 100.05), (902, 100.45), (903, 100.85)] {
        logs.postgres(
            began + 1.0,
            backend,
            &format!(
                "LOG:  process {backend} still waiting for ShareLock on transaction 7 after 1000.000 ms"
            ),
        );
        logs.end_of_connection(121.02, backend);
    }
    let links = logs.links();
    for (pid, backend) in [(11, 901), (12, 902), (13, 903)] {
        assert_eq!(of(&links, pid)["backend"]["pid"], backend);
    }
}

#[test]
fn ends_of_one_instant_without_a_beginning_name_no_backend() {
    let mut logs = Logs::default();
    volley(&mut logs);
    for backend in [901, 902, 903] {
        logs.end_of_connection(121.02, backend);
    }
    assert!(logs.links().iter().all(|link| link["backend"].is_null()));
}

#[test]
fn an_orphan_is_known_by_its_lost_client() {
    let mut logs = Logs::default();
    volley(&mut logs);
    // It began when only the first of the three had taken a request.
    logs.postgres(150.05, 901, "LOG:  duration: 50000.000 ms  statement: SELECT slow()");
    logs.postgres(150.05, 901, "FATAL:  connection to client lost");
    let links = logs.links();
    let backend = &of(&links, 11)["backend"];
    assert_eq!((backend["pid"].as_u64(), backend["query"].as_str()), (Some(901), Some("SELECT slow()")));
    assert!(of(&links, 12)["backend"].is_null() && of(&links, 13)["backend"].is_null());
}
