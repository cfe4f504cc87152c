//! `check`: the exit code is the verdict, and what a pipeline reads is well formed.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{fixture, stormtrace};
use serde_json::Value;

fn check(path: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let path = path.to_str().unwrap();
    let output = stormtrace([&["check", path], arguments].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn policy(folder: &Path, text: &str) -> String {
    let path = folder.join("policy.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_exit_code_is_the_verdict() {
    let (code, out, _) = check(&fixture("lockstorm"), &[]);
    assert_eq!(code, Some(1));
    assert!(out.starts_with("FAIL  ") && out.contains("odoo/docker-json-file.log.gz:4483"), "{out}");
    let (code, out, _) = check(&fixture("healthy"), &[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("PASS  "));
    // The access log alone shows no kills, Odoo's alone no failed requests.
    for part in ["nginx", "odoo"] {
        let (code, out, _) = check(&fixture("healthy").join(part), &[]);
        assert_eq!(code, Some(4), "{out}");
        assert!(out.starts_with("UNKNOWN  "));
    }
    let folder = tempfile::tempdir().unwrap();
    let strict = policy(folder.path(), "[http_500]\nwarn = 0");
    assert_eq!(check(&fixture("healthy"), &["--policy", &strict]).0, Some(3), "three answers were 500");
    let lenient = policy(folder.path(), "[incidents]\nfail = \"major\"\nallow = [\"bus_outage\"]");
    assert_eq!(check(&fixture("buslane"), &["--policy", &lenient]).0, Some(0));
    // Half an hour was asked for and eight minutes of it were captured.
    let asked = ["--since", "2026-11-23T18:22:00Z", "--until", "2026-11-23T18:52:00Z"];
    assert_eq!(check(&fixture("healthy"), &asked).0, Some(4));
}

#[test]
fn quiet_says_nothing() {
    assert_eq!(check(&fixture("buslane"), &["-q"]), (Some(1), String::new(), String::new()));
}

#[test]
fn the_printed_policy_is_the_one_in_force() {
    let output = stormtrace(["check", "--print-policy"]);
    assert!(output.status.success());
    let folder = tempfile::tempdir().unwrap();
    let printed = policy(folder.path(), std::str::from_utf8(&output.stdout).unwrap());
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&check(&fixture("buslane"), &[arguments, &["--format", "json"]].concat()).1)
            .unwrap()
    };
    let (built_in, own) = (json(&[]), json(&["--policy", &printed]));
    assert_eq!(built_in["rules"], own["rules"]);
    assert_eq!(built_in["policy"]["settings"], own["policy"]["settings"]);
    assert_eq!(built_in["policy"]["name"], "built-in");
    assert_eq!(own["policy"]["name"], printed.as_str());
    // And `analyze` judges by the same.
    let analyzed = crate::common::report(&[fixture("buslane")]);
    assert_eq!(analyzed["verdict"], "fail");
    assert_eq!(analyzed["rules"], built_in["rules"]);
}

#[test]
fn a_bad_policy_is_one_sentence_with_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    for (text, part) in [
        ("[kills]\nwran = 1", "policy.toml:2: kills.wran: unknown field"),
        ("on_unknown = \"fail\"", "it sets no rule"),
        ("[kills", "policy.toml:1: kills"),
    ] {
        let file = policy(folder.path(), text);
        let (code, out, error) = check(&fixture("buslane"), &["--policy", &file]);
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(error.contains(part) && error.trim_end().lines().count() == 1, "{error}");
    }
    let (code, _, error) = check(&fixture("buslane"), &["--policy", "/no/such/policy.toml"]);
    assert!(code == Some(2) && error.contains("/no/such/policy.toml"), "{error}");
    assert_eq!(check(Path::new("/no/such/capture"), &[]).0, Some(2));
}

#[test]
fn junit_agrees_with_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    let (xml, json) = (folder.path().join("junit.xml"), folder.path().join("report.json"));
    let files = ["-o", xml.to_str().unwrap(), "-o", json.to_str().unwrap()];
    let (code, out, _) = check(&fixture("lockstorm"), &[&files[..], &["-q"]].concat());
    assert_eq!((code, out.as_str()), (Some(1), ""), "files are written whatever the verdict");
    let report: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    let xml = fs::read_to_string(xml).unwrap();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let status = |case: roxmltree::Node<'_, '_>| {
        let state = case
            .children()
            .find_map(|child| ["failure", "skipped"].into_iter().find(|name| child.has_tag_name(*name)));
        (case.attribute("name").unwrap().to_owned(), state)
    };
    let found: Vec<_> = cases.map(status).collect();
    let rules = report["rules"].as_array().unwrap().iter();
    let wanted: Vec<_> = rules
        .map(|rule| {
            let state = match rule["counts_as"].as_str().unwrap() {
                "fail" => Some("failure"),
                "pass" if rule["status"] == "pass" => None,
                _ => Some("skipped"),
            };
            (rule["id"].as_str().unwrap().to_owned(), state)
        })
        .collect();
    assert_eq!(found, wanted);
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let failures = wanted.iter().filter(|(_, state)| *state == Some("failure")).count();
    assert_eq!(suite.attribute("failures"), Some(failures.to_string().as_str()));
    // Whatever fails says where, and the first kill stands where zcat and grep find it.
    let rules = || report["rules"].as_array().unwrap().iter();
    for rule in rules().filter(|rule| rule["status"] == "fail") {
        let place = &rule["refs"][0];
        assert!(place["path"].is_string() && place["line"].as_u64() > Some(0), "{rule}");
    }
    let kills = rules().find(|rule| rule["id"] == "kills").unwrap();
    assert_eq!((&kills["value"], &kills["refs"][0]["line"]), (&Value::from(60.0), &Value::from(4483)));
}

#[test]
fn the_same_bytes_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let xml = folder.path().join("junit.xml");
    let file = ["-o", xml.to_str().unwrap(), "--threads", "1", "--format", "junit"];
    let (_, first, _) = check(&fixture("buslane"), &file);
    assert_eq!(first, fs::read_to_string(&xml).unwrap());
    assert_eq!(first, check(&fixture("buslane"), &["--threads", "2", "--format", "junit"]).1);
}

#[test]
fn a_reader_that_went_away_does_not_change_the_verdict() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stormtrace"))
        .arg("check")
        .arg(fixture("buslane"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((child.wait().unwrap().code(), error.as_str()), (Some(1), ""));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_with_130_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_stormtrace"))
        .args(["check", "-", "-o"])
        .arg(folder.path().join("junit.xml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // More than a pipe holds: once this is through, the program is reading.
    let line = b"2026-11-23 18:30:00,000 7 INFO odoo odoo.service.server: waiting\n";
    child.stdin.as_mut().unwrap().write_all(&line.repeat(20_000)).unwrap();
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
