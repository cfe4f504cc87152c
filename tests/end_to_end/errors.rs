//! Bad input: one clear sentence and exit 2, or a counted, named loss. Never a panic, never a silent empty report.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::common::{fixture, report, stormtrace};
use flate2::Compression;
use flate2::write::GzEncoder;

fn fails_with(arguments: &[&str], part: &str) {
    let output = stormtrace(arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(output.stdout.is_empty());
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    assert!(message.contains(part), "{message}");
}

#[test]
fn a_missing_path() {
    fails_with(&["analyze", "/no/such/capture"], "/no/such/capture");
}

#[test]
fn a_directory_with_nothing_recognised() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("poem.txt"), "roses are red\nviolets are blue\n").unwrap();
    fails_with(&["analyze", folder.path().to_str().unwrap()], folder.path().to_str().unwrap());
    let empty = tempfile::tempdir().unwrap();
    fails_with(&["analyze", empty.path().to_str().unwrap()], empty.path().to_str().unwrap());
}

#[test]
fn an_unknown_form_and_a_report_inside_the_evidence() {
    let folder = fixture("buslane");
    let folder = folder.to_str().unwrap();
    fails_with(&["analyze", folder, "--format", "pdf"], "pdf");
    fails_with(&["analyze", folder, "-o", "report.docx"], "report.docx");
    let copy = tempfile::tempdir().unwrap();
    fs::copy(fixture("buslane/nginx/error.log"), copy.path().join("error.log")).unwrap();
    let inside = copy.path().join("report.html");
    fails_with(
        &["analyze", copy.path().to_str().unwrap(), "-o", inside.to_str().unwrap()],
        "inside the evidence",
    );
    assert!(!inside.exists());
}

fn compressed(path: &Path, text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    let bytes = encoder.finish().unwrap();
    fs::write(path, &bytes).unwrap();
    bytes
}

#[test]
fn a_broken_gzip_is_read_as_far_as_it_goes_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read(fixture("buslane/nginx/error.log")).unwrap();
    let path = folder.path().join("error.log.gz");
    let bytes = compressed(&path, &text);
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let report = report(&[folder.path().to_path_buf()]);
    let input = &report["inputs"][0];
    assert_eq!(input["format"], "nginx-error");
    assert!(input["lines"]["parsed"].as_u64().unwrap() > 0);
    assert!(!input["problems"].as_array().unwrap().is_empty());
}

#[test]
fn two_gzip_members_are_both_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read(fixture("buslane/nginx/error.log")).unwrap();
    let half = text.iter().take(text.len() / 2).rposition(|byte| *byte == b'\n').unwrap() + 1;
    let path = folder.path().join("error.log.gz");
    let mut bytes = compressed(&path, &text[..half]);
    bytes.extend(compressed(&path, &text[half..]));
    fs::write(&path, &bytes).unwrap();
    let report = report(&[folder.path().to_path_buf()]);
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(report["inputs"][0]["lines"]["total"], lines);
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("buslane/nginx/error.log"), folder.path().join("error.log")).unwrap();
    fs::write(folder.path().join("core.bin"), [0u8, 159, 146, 150].repeat(5000)).unwrap();
    fs::write(folder.path().join("empty.log"), "").unwrap();
    fs::write(folder.path().join("bad.gz"), b"\x1f\x8b\x08\x00garbage").unwrap();
    let report = report(&[folder.path().to_path_buf()]);
    let paths: Vec<&str> =
        report["inputs"].as_array().unwrap().iter().filter_map(|input| input["path"].as_str()).collect();
    for name in ["error.log", "core.bin", "empty.log", "bad.gz"] {
        assert!(paths.contains(&name), "{name} is not mentioned: {paths:?}");
    }
}

#[test]
fn reports_are_written_beside_each_other_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> =
        ["report.html", "report.json", "report.md", "report.txt"].map(|name| folder.path().join(name)).into();
    let mut arguments = vec!["analyze".into(), "--quiet".into(), fixture("buslane").into_os_string()];
    for file in &files {
        arguments.extend(["-o".into(), file.clone().into_os_string()]);
    }
    let output = stormtrace(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    let text = |index: usize| fs::read_to_string(&files[index]).unwrap();
    assert!(text(0).trim_end().ends_with("</html>"));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text(1)).unwrap()["schema"], "stormtrace.report/1");
    assert!(text(2).starts_with('#'));
    assert!(text(3).contains("Bus outage"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files.len(), "no temporary file is left");
}
