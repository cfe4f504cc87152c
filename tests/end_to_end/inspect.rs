//! `inspect` and what a user may say of inputs.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::{fixture, stormtrace};

fn inspect(arguments: &[&str]) -> Value {
    let output = stormtrace(["inspect", "--format", "json"].iter().chain(arguments));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn odoo_line(hour: u32, minute: u32) -> String {
    format!("2026-11-23 {hour:02}:{minute:02}:10,387 7 INFO prod odoo.modules.loading: Modules loaded. \n")
}

/// Noise of which no format is made, then Odoo's log with a hole.
fn mixed(folder: &Path) -> String {
    let mut text = "a note, password=hunter2\n".repeat(9);
    (0..5).for_each(|minute| text.push_str(&odoo_line(18, minute)));
    text.push_str(&odoo_line(19, 0));
    let path = folder.join("mixed.txt");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_file_is_read_as_what_it_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = mixed(folder.path());
    let report = inspect(&["--input", &format!("odoo={path}")]);
    let input = &report["inputs"][0];
    assert_eq!(input["format"], "odoo");
    assert_eq!(input["lines"]["parsed"], 6);
    let output = stormtrace(["inspect", "--input", &format!("odoo:docker-json-file={path}")]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("told to be odoo in docker-json-file"), "{said}");
    for wrong in ["odoo", "=x", "odoo=", "odo=x", "odoo:nothing=x"] {
        assert_eq!(stormtrace(["inspect", "--input", wrong]).status.code(), Some(2));
    }
}

#[test]
fn the_first_line_of_each_reason_and_the_silence_are_shown_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = mixed(folder.path());
    let report = inspect(&["--input", &format!("odoo={path}")]);
    let input = &report["inputs"][0];
    let example = &input["skipped_examples"][0];
    assert_eq!((&example["line"], &example["reason"]), (&1.into(), &"no_header".into()));
    assert!(example["text"].as_str().unwrap().starts_with("a note, password="));
    assert!(!report.to_string().contains("hunter2"));
    let gaps = input["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0][0].as_str().unwrap().starts_with("2026-11-23T18:04:10"));
    let text = stormtrace(["inspect", "--input", &format!("odoo={path}")]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("first at line 1") && text.contains("no records:"), "{text}");
    assert!(!text.contains("hunter2"));
}

#[test]
fn a_runner_up_is_named() {
    let report = inspect(&[fixture("healthy/nginx").to_str().unwrap()]);
    let inputs = report["inputs"].as_array().unwrap();
    assert!(inputs.iter().all(|input| input.get("runner_up").is_some()), "null where nothing else fits");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let line = "10.0.0.7 - - [23/Nov/2026:18:22:10 +0000] \"GET /web HTTP/1.1\" 200 5 \"-\" \"curl/8\"\n";
    fs::write(&path, line.repeat(5)).unwrap();
    let report = inspect(&[path.to_str().unwrap()]);
    assert_eq!(report["inputs"][0]["format"], "nginx-access:combined");
    assert_eq!(report["inputs"][0]["runner_up"]["format"], "common-log-format");
}

#[test]
fn zones_that_are_told_are_undone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("error.log");
    fs::write(&path, "2026/07/23 18:22:10 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.7, server: _, request: \"GET /web HTTP/1.1\", upstream: \"http://127.0.0.1:8069/web\", host: \"erp\"\n").unwrap();
    let path = path.to_str().unwrap();
    let first = |arguments: &[&str]| {
        let arguments: Vec<&str> = [path].into_iter().chain(arguments.iter().copied()).collect();
        inspect(&arguments)["inputs"][0]["first"].as_str().unwrap().to_owned()
    };
    assert!(first(&[]).starts_with("2026-07-23T18:22:10"));
    assert!(first(&["--tz", "Europe/Brussels"]).starts_with("2026-07-23T16:22:10"), "summer time");
    assert!(first(&["--tz", "+05:30"]).starts_with("2026-07-23T12:52:10"));
    let own = ["--tz", "UTC", "--log-timezone", "nginx_error=-03:00"];
    assert!(first(&own).starts_with("2026-07-23T21:22:10"), "a source's own zone comes first");
    for wrong in [["--tz", "Brussels"], ["--log-timezone", "nginx=UTC"]] {
        assert_eq!(stormtrace(["inspect", path].iter().chain(&wrong)).status.code(), Some(2));
    }
}
