//! Summaries in the place of logs: the same bytes come out, and a damaged one is told.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::{fixture, stormtrace};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn summarize(arguments: &[&str]) -> Output {
    let output = stormtrace([&["summarize"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn printed(arguments: &[&str]) -> String {
    let output = stormtrace(arguments);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command prints when `bytes` are its standard input.
fn fed(arguments: &[&str], bytes: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stormtrace"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap()
}

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in entries {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[148..156].copy_from_slice(b"        ");
        header[156] = b'0';
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend(*bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

#[test]
fn every_command_prints_the_same_of_a_summary_as_of_the_logs() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = fixture("buslane");
    let path = folder.path().join("host.summary");
    let said = summarize(&[text(&evidence), "-o", text(&path)]).stdout;
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with(text(&path)) && said.contains("11 inputs (1 in no known format), "), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    for command in [
        &["analyze", "--format", "json"][..],
        &["analyze"],
        &["analyze", "--format", "csv", "--since", "2026-11-23T18:32:00Z"],
        &["check"],
        &["inspect"],
        &["inspect", "--format", "json"],
    ] {
        let of_logs = printed(&[command, &[text(&evidence)]].concat());
        assert_eq!(printed(&[command, &[text(&path)]].concat()), of_logs, "{command:?}");
    }
    assert_eq!(
        printed(&["inspect", text(folder.path())]),
        printed(&["inspect", text(&evidence)]),
        "in a folder"
    );
    let verdict = |path: &Path| stormtrace(["check", "-q", text(path)]).status.code();
    assert_eq!(verdict(&path), verdict(&evidence));
}

#[test]
fn the_logs_of_several_machines_make_one_report() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = fixture("buslane");
    let parts =
        [("web", &["config", "nginx", "postgres"][..]), ("app", &["odoo", "metrics", "expected.json"])];
    let mut paths = Vec::new();
    for (name, below) in parts {
        let path = folder.path().join(format!("{name}.summary"));
        let below: Vec<_> = below.iter().map(|name| evidence.join(name)).collect();
        let mut arguments = vec!["-q", "--relative-to", text(&evidence), "-o", text(&path)];
        arguments.extend(below.iter().map(|path| text(path)));
        assert!(summarize(&arguments).stdout.is_empty());
        paths.push(path);
    }
    let whole = printed(&["analyze", text(&evidence)]);
    assert_eq!(printed(&["analyze", text(&paths[0]), text(&paths[1])]), whole);
    assert_eq!(printed(&["analyze", text(&paths[1]), text(&paths[0])]), whole);
    let joined = folder.path().join("all.summary");
    summarize(&[text(&paths[1]), text(&paths[0]), "-o", text(&joined)]);
    assert_eq!(printed(&["analyze", text(&joined)]), whole);

    // In an archive they are the same inputs; the archive is one more.
    let both = paths.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
    let archive = folder.path().join("hosts.tar");
    fs::write(&archive, tar(&[("web.summary", &both[0]), ("app.summary", &both[1])])).unwrap();
    let report = |path: &Path| -> serde_json::Value {
        serde_json::from_str(&printed(&["analyze", "--format", "json", text(path)])).unwrap()
    };
    let (mut of_archive, of_logs) = (report(&archive), report(&evidence));
    of_archive["inputs"].as_array_mut().unwrap().retain(|input| input["path"] != "hosts.tar");
    assert!(of_archive == of_logs, "from an archive");
}

#[test]
fn summaries_pass_through_pipes() {
    let evidence = fixture("healthy");
    let piped = summarize(&[text(&evidence), "-o", "-"]).stdout;
    let output = fed(&["analyze", "-"], &piped);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), printed(&["analyze", text(&evidence)]));
}

#[test]
fn a_damaged_summary_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = fixture("healthy");
    let path = folder.path().join("host.summary");
    summarize(&[text(&evidence), "-o", text(&path)]);
    let whole = fs::read(&path).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let newer = [b"stormtrace.summary/2\n", &whole[21..]].concat();
    for (bytes, said) in [
        (&whole[..whole.len() / 2], "host.summary: the summary is cut short, after byte "),
        (&whole[..21], "host.summary: the summary is cut short, after byte 0 "),
        (&changed, "host.summary: the summary is damaged at byte "),
        (&newer, "host.summary: a summary of version 2; this stormtrace reads version 1"),
    ] {
        fs::write(&path, bytes).unwrap();
        let archive = folder.path().join("hosts.tar");
        fs::write(&archive, tar(&[("host.summary", bytes)])).unwrap();
        for path in [&path, &archive] {
            for command in ["analyze", "check", "inspect"] {
                let output = stormtrace([command, text(path)]);
                let message = String::from_utf8(output.stderr).unwrap();
                assert_eq!(output.status.code(), Some(2), "{message}");
                assert!(message.contains(said) && message.lines().count() == 1, "{message}");
                assert!(output.stdout.is_empty());
            }
        }
        fs::remove_file(&archive).unwrap();
        // Beside other evidence, in a folder, it is named like any other damaged file.
        let beside = folder.path().join("error.log");
        fs::copy(fixture("buslane/nginx/error.log"), &beside).unwrap();
        let (_, problem) = said.split_once(": ").unwrap();
        assert!(printed(&["inspect", "--format", "json", text(folder.path())]).contains(problem));
        fs::remove_file(&beside).unwrap();
    }
}

#[test]
fn a_summary_is_written_where_no_evidence_is() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("error.log");
    fs::copy(fixture("buslane/nginx/error.log"), &log).unwrap();
    for (arguments, said) in [
        (vec![text(folder.path()), "-o", text(&folder.path().join("x.summary"))], "inside the evidence"),
        (vec![text(&log), "-o", text(&log)], "inside the evidence"),
        (vec!["/no/such/capture", "-o", "/tmp/x.summary"], "/no/such/capture"),
        (vec![text(&log), "--relative-to", "/etc", "-o", "-"], "does not lie below /etc"),
        (vec![text(&log)], "--output"),
    ] {
        let output = stormtrace([&["summarize"], arguments.as_slice()].concat());
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(said), "{message}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
