//! The fixtures through the front door: every figure in `expected.json` was counted by other means.

use std::collections::BTreeMap;
use std::fs;

use crate::common::{fixture, report, seconds};
use serde_json::Value;

fn expected(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixture(name).join("expected.json")).unwrap()).unwrap()
}

fn check(name: &str) -> Value {
    let expected = expected(name);
    let report = report(&[fixture(name)]);
    assert_eq!(report["schema"], "stormtrace.report/1");
    for (key, value) in expected["totals"].as_object().unwrap() {
        assert_eq!(&report["totals"][key], value, "totals.{key}");
    }
    let incidents: Vec<&Value> = report["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|incident| incident["severity"] != "info")
        .collect();
    assert_eq!(incidents.len(), 1, "one incident");
    let (incident, wanted) = (incidents[0], &expected["incident"]);
    assert_eq!(incident["kind"], wanted["kind"]);
    let within = wanted["within_s"].as_f64().unwrap();
    for edge in ["start", "end"] {
        let error = seconds(&incident[edge]) - seconds(&wanted[edge]);
        assert!(error.abs() <= within, "{edge} is off by {error} s");
    }
    assert_eq!(incident["impact"]["kills"]["by_class"], expected["kills_by_class"]);
    let copies: BTreeMap<&str, &str> = report["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|input| Some((input["path"].as_str()?, input["duplicate_of"].as_str()?)))
        .collect();
    let wanted: BTreeMap<&str, &str> = expected["copies"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(copy, original)| (copy.as_str(), original.as_str().unwrap()))
        .collect();
    assert_eq!(copies, wanted);
    report
}

/// `\n` count of the decompressed file, and whether the last line is unfinished.
fn lines(path: &std::path::Path) -> (u64, bool) {
    let bytes = fs::read(path).unwrap();
    let mut text = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text).unwrap();
    } else {
        text = bytes;
    }
    (
        text.iter().filter(|byte| **byte == b'\n').count() as u64,
        text.last().is_some_and(|byte| *byte != b'\n'),
    )
}

fn check_ledger(name: &str, report: &Value) {
    for input in report["inputs"].as_array().unwrap() {
        let path = input["path"].as_str().unwrap();
        let (newlines, unfinished) = lines(&fixture(name).join(path));
        let count = |key: &str| input["lines"][key].as_u64().unwrap();
        assert_eq!(count("total"), newlines + u64::from(unfinished), "{path}");
        assert_eq!(count("total"), count("parsed") + count("continuation") + count("skipped"), "{path}");
        let by_reason: u64 =
            input["skipped_by_reason"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!(count("skipped"), by_reason, "{path}");
    }
}

#[test]
fn lockstorm() {
    let report = check("lockstorm");
    check_ledger("lockstorm", &report);
    let unread: Vec<&str> = report["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|input| input["source"] == "unrecognised")
        .filter_map(|input| input["path"].as_str())
        .filter(|path| !path.ends_with("expected.json"))
        .collect();
    assert!(unread.is_empty(), "{unread:?}");
    assert_eq!(report["incidents"][0]["recovery"]["verdict"], "recovered");
    check_links(&report["incidents"][0]);
}

#[test]
fn buslane() {
    let report = check("buslane");
    check_ledger("buslane", &report);
    // The logs end three minutes later: that is too short to call it recovered.
    assert_eq!(report["incidents"][0]["recovery"]["verdict"], "unknown");
}

/// Every kill of an HTTP worker has its link; a request is named only where it is the only one.
fn check_links(incident: &Value) {
    let links = incident["links"].as_array().unwrap();
    assert_eq!(links.len(), 60);
    let mut exact = std::collections::BTreeSet::new();
    for link in links {
        let certain = link["confidence"] == "exact";
        assert_eq!(certain, link["request"].is_object(), "{link}");
        if !certain {
            continue;
        }
        let request = &link["request"];
        assert!(exact.insert(request["ref"]["line"].as_u64().unwrap()), "two kills, one request: {link}");
        let after_s = seconds(&request["end"]) - seconds(&link["kill"]["time"]);
        match request["status"].as_u64().unwrap() {
            502 => assert!(after_s.abs() < 1.6, "{link}"),
            _ => assert!(after_s < 0.6, "{link}"),
        }
    }
    assert!(!exact.is_empty());
}

#[test]
fn any_one_copy_gives_the_same_counts() {
    let folder = fixture("lockstorm");
    let nginx = folder.join("nginx/access_json.log.gz");
    let docker = report(&[folder.join("odoo/docker-json-file.log.gz"), nginx.clone()]);
    let journal = report(&[folder.join("odoo/journalctl-short-iso.log.gz"), nginx]);
    let whole = report(&[folder]);
    assert_eq!(docker["totals"], whole["totals"]);
    assert_eq!(journal["totals"], whole["totals"]);
    for edge in ["start", "end"] {
        assert_eq!(docker["incidents"][0][edge], whole["incidents"][0][edge]);
        assert_eq!(journal["incidents"][0][edge], whole["incidents"][0][edge]);
    }
}

/// Findings name the line that shows them; what is set well (proxy timeouts, bus route, lock waits) is left alone.
#[test]
fn findings_of_the_fixtures() {
    for (name, wanted) in [
        (
            "lockstorm",
            [
                "statement_timeout_not_below_worker_limit",
                "statements_outlive_workers",
                "idle_in_transaction_timeout_off",
            ],
        ),
        ("buslane", ["statement_timeout_off", "idle_in_transaction_timeout_off", "lock_timeout_off"]),
    ] {
        let report = report(&[fixture(name)]);
        let findings = report["findings"].as_array().unwrap();
        let ids: Vec<&str> = findings.iter().filter_map(|finding| finding["id"].as_str()).collect();
        assert_eq!(ids, wanted, "{name}");
        for finding in findings {
            assert!(!finding["refs"].as_array().unwrap().is_empty(), "{finding}");
        }
    }
    let report = report(&[fixture("lockstorm")]);
    let place = &report["findings"][0]["refs"][0];
    let text = fs::read_to_string(fixture("lockstorm").join(place["path"].as_str().unwrap())).unwrap();
    let line = text.lines().nth(place["line"].as_u64().unwrap() as usize - 1).unwrap();
    assert!(line.contains("statement_timeout=60s"), "{line}");
    // PostgreSQL's log says `connection to client lost` 54 times.
    let orphans = report["findings"][1]["detail"].as_str().unwrap();
    assert!(orphans.contains("at least 54 backends"), "{orphans}");
}
