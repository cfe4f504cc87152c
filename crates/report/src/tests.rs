//! Every form of the sample reports: what it says, and that nothing hostile or secret gets through.

use std::fs;
use std::path::Path;

use stormtrace_analysis::report::*;

use crate::sample::{empty, hostile, sample};
use crate::{Options, WRITERS, Writer, by_extension, by_name};

fn written(name: &str, report: &Report, options: &Options) -> String {
    let mut bytes = Vec::new();
    by_name(name).unwrap().write(report, options, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn no_raw_control_reaches_any_form() {
    let report = hostile();
    for writer in WRITERS {
        for inspect in [false, true] {
            let options = Options { inspect, ..Options::default() };
            let output = written(writer.name(), &report, &options);
            let raw = output.chars().find(|&found| found != '\n' && crate::escape::is_unsafe(found));
            assert_eq!(raw, None, "{} inspect {inspect}", writer.name());
        }
    }
}

#[test]
fn colour_is_the_only_escape_sequence() {
    let output = written("text", &hostile(), &Options { color: true, ..Options::default() });
    for sequence in output.split('\x1b').skip(1) {
        let code = sequence.strip_prefix('[').and_then(|rest| rest.split_once('m')).map(|(code, _)| code);
        assert!(code.is_some_and(|code| code.chars().all(|digit| digit.is_ascii_digit() || digit == ';')));
    }
}

#[test]
fn html_is_inert_and_self_contained() {
    // What the writer itself may open, and with which attributes; anything else came from a log.
    let tags = "html head meta title style body header div p span h1 h2 h3 h4 nav a main section b table thead \
                tbody tr th td br code pre dl dt dd ul li details summary footer svg g rect line path text tspan circle";
    let attributes = "lang charset http-equiv content name class id href title style viewBox role aria-label x y x1 \
                      x2 y1 y2 width height d dx cx cy r text-anchor";
    let tags: Vec<_> = tags.split_whitespace().collect();
    let attributes: Vec<_> = attributes.split_whitespace().collect();
    for inspect in [false, true] {
        let output = written("html", &hostile(), &Options { inspect, ..Options::default() });
        assert!(output.contains(
            "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\""
        ));
        assert!(!output.contains("url(") && !output.contains("@import") && !output.contains("<script"));
        let body = output.strip_prefix("<!doctype html>").unwrap();
        for tag in body.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').unwrap();
            if let Some(name) = tag.strip_prefix('/') {
                assert!(tags.contains(&name), "{tag}");
                continue;
            }
            let (name, mut rest) = tag.split_once(' ').unwrap_or((tag.trim_end_matches('/'), ""));
            assert!(tags.contains(&name), "{tag}");
            while let Some((attribute, after)) = rest.split_once("=\"") {
                assert!(attributes.contains(&attribute.trim()), "{tag}");
                let (value, after) = after.split_once('"').unwrap();
                assert!(attribute.trim() != "href" || value.starts_with('#'), "{tag}");
                rest = after;
            }
            assert!(matches!(rest.trim(), "" | "/"), "{tag}");
        }
        let mut open = Vec::new();
        for tag in body.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').unwrap();
            let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "closed out of order");
            } else if !tag.ends_with('/') && !matches!(name, "meta" | "br") {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "not closed: {open:?}");
    }
}

/// Removes code spans and fences as CommonMark reads them; what is left must hold no markup.
fn markdown_outside_code(markdown: &str) -> String {
    let mut outside = String::new();
    let mut fence: Option<usize> = None;
    for line in markdown.lines() {
        let ticks = line.chars().take_while(|&found| found == '`').count();
        if let Some(open) = fence {
            if ticks >= open && line.trim_end().len() == ticks {
                fence = None;
            }
            continue;
        }
        if ticks >= 3 && !line[ticks..].contains('`') {
            fence = Some(ticks);
            continue;
        }
        let mut rest = line;
        while let Some(at) = rest.find('`') {
            let backslashes = rest[..at].chars().rev().take_while(|&found| found == '\\').count();
            outside.push_str(&rest[..at]);
            rest = &rest[at..];
            if backslashes % 2 == 1 {
                rest = &rest[1..];
                continue;
            }
            let open = rest.chars().take_while(|&found| found == '`').count();
            let mut search = open;
            let close = loop {
                let Some(found) = rest[search..].find('`') else { break None };
                let from = search + found;
                let run = rest[from..].chars().take_while(|&found| found == '`').count();
                if run == open {
                    break Some(from + run);
                }
                search = from + run;
            };
            rest = &rest[close.expect("a code span is not closed")..];
        }
        outside.push_str(rest);
        outside.push('\n');
    }
    assert_eq!(fence, None, "a fence is not closed");
    outside
}

#[test]
fn markdown_holds_log_text_in_code_only() {
    let output = written("markdown", &hostile(), &Options::default());
    let outside = markdown_outside_code(&output);
    for raw in ["![", "](", "<script", "</script", "<img", "\n# head", "\n- [ ]"] {
        let escaped = outside.replace("\\[", "").replace("\\]", "").replace("\\<", "");
        assert!(!escaped.contains(raw), "{raw}");
    }
    // Every row of a table has as many cells as its header.
    let mut cells = None;
    for line in output.lines() {
        if line.starts_with("| ") || line.starts_with("|-") {
            let bars = line.replace("\\|", "").matches('|').count();
            assert_eq!(*cells.get_or_insert(bars), bars, "{line}");
        } else {
            cells = None;
        }
    }
}

#[test]
fn json_is_lossless() {
    let report = hostile();
    let value: serde_json::Value =
        serde_json::from_str(&written("json", &report, &Options::default())).unwrap();
    assert_eq!(value["headline"].as_str(), Some(report.headline.as_str()));
    assert_eq!(value["schema"], "stormtrace.report/1");
    let inspection = written("json", &report, &Options { inspect: true, ..Options::default() });
    let inspection: serde_json::Value = serde_json::from_str(&inspection).unwrap();
    assert_eq!(inspection["inputs"][0]["path"].as_str(), Some(report.inputs[0].path.as_str()));
}

#[test]
fn text_says_what_matters() {
    let output = written("text", &sample(&|text| text.to_owned()), &Options::default());
    assert!(output.starts_with("FAIL  Worker timeout storm"));
    assert_eq!(output.matches("core.bin").count(), 1, "unrecognised files are named once");
    for expected in [
        "host calm: no host samples",
        "copy of 1",
        "11 of 17 (65 %, 95 % CI 41–83 %)",
        "deadlocks unknown",
        "pg_stat_activity.csv:38",
        "… and 3 more",
        "not recognised: core.bin",
        "gzip stream ends early",
    ] {
        assert!(output.contains(expected), "{expected}\n{output}");
    }
    let output = written("text", &empty(), &Options::default());
    assert!(output.starts_with("UNKNOWN  Nothing can be said") && output.contains("What was checked"));
    assert!(output.contains("kills     unknown") && output.contains("requests  unknown"), "{output}");
}

#[test]
fn isolated_failures_are_a_short_section() {
    let report = sample(&|text| text.to_owned());
    for (form, section, kill) in [
        ("text", "── Isolated failures", "Kill: 2026-11-23 18:58:41 UTC  odoo.log:1503"),
        ("html", "<h2>Isolated failures</h2>", "18:58:41 UTC"),
        ("markdown", "## Isolated failures", "Kill: `odoo.log:1503`."),
    ] {
        let output = written(form, &report, &Options::default());
        let (before, after) = output.split_once(section).unwrap_or_else(|| panic!("{form}\n{output}"));
        assert!(before.contains("Worker timeout storm") && after.contains("Too few failures"), "{form}");
        assert!(after.contains("too few for an incident") && after.contains(kill), "{form}");
        assert!(!output.contains("HTTP error burst"), "{form}: no section of its own");
        assert!(!after.contains("Root cause") && !after.contains("Recovery"), "{form}");
    }
    let html = written("html", &report, &Options::default());
    assert!(html.contains("<b>13</b>") && !html.contains("<span>Incidents</span>"), "one incident counts");
    assert!(html.contains("<h1>Worker timeout storm from 18:30:00 to 18:50:47 UTC.</h1>"));

    let mut quiet = report;
    quiet.incidents.remove(0);
    assert!(written("html", &quiet, &Options::default()).contains("none found"));
    assert!(written("text", &quiet, &Options::default()).contains("What was checked"));
}

#[test]
fn secrets_reach_no_form() {
    let report = sample(&|text| text.to_owned());
    for writer in WRITERS {
        let output = written(writer.name(), &report, &Options::default());
        assert!(output.contains(crate::secret::HIDDEN), "{}", writer.name());
        assert!(!output.contains("hunter2"), "{}", writer.name());
    }
}

#[test]
fn recovery_says_what_the_verdict_does_not() {
    let mut report = sample(&|text| text.to_owned());
    let recovery = &mut report.incidents[0].recovery;
    recovery.verdict = "unknown";
    recovery.recovered_at = None;
    recovery.note = "improving since 18:50:47, 15 min not reached (6 min 40 s observed)".to_owned();
    recovery.criteria[0].status = "unknown";
    recovery.criteria[0].detail = "0 kills bound the rate at 0.5/min (95 %)".to_owned();
    for form in ["text", "html", "markdown"] {
        let output = written(form, &report, &Options { width: 400, ..Options::default() });
        for said in ["15 min not reached (6 min 40 s observed)", "bound the rate at 0.5/min"] {
            assert!(output.contains(said), "{form}: {said}\n{output}");
        }
    }
}

#[test]
fn lines_stay_narrow_and_paths_whole_where_needed() {
    let long = format!("odoo/{}-json.log", "0123456789abcdef".repeat(6));
    let mut report = sample(&|text| text.to_owned());
    report.inputs[0].path.clone_from(&long);
    report.inputs[1].duplicate_of = Some(long.clone());
    for (inspect, width) in [(false, 100), (false, 60), (true, 100)] {
        let output = written("text", &report, &Options { inspect, width, ..Options::default() });
        assert_eq!(output.contains(&long), inspect, "{output}");
        assert!(output.contains(if inspect { "holds the same records as" } else { "copy of 1" }));
        let widest = output.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= 160, "{widest}\n{output}");
    }
    // Sentences honour the width; only tables and rows of figures may be wider.
    let output = written("text", &report, &Options { width: 60, ..Options::default() });
    for line in output.lines().filter(|line| line.starts_with("    + ") || line.starts_with("  • ")) {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

/// Set STORMTRACE_SAMPLES to a directory to look at the forms.
#[test]
fn samples_can_be_written() {
    let Ok(directory) = std::env::var("STORMTRACE_SAMPLES") else { return };
    for (name, report) in
        [("plain", sample(&|text| text.to_owned())), ("hostile", hostile()), ("empty", empty())]
    {
        for writer in WRITERS {
            for inspect in [false, true] {
                let kind = if inspect { "inspect" } else { "report" };
                let file = format!("{name}.{kind}.{}", writer.extensions()[0]);
                let output = written(writer.name(), &report, &Options { inspect, ..Options::default() });
                fs::write(Path::new(&directory).join(file), output).unwrap();
            }
        }
    }
}

#[test]
fn writers_are_found_by_name_and_extension() {
    for writer in WRITERS {
        assert_eq!(by_name(writer.name()).map(Writer::name), Some(writer.name()));
        for extension in writer.extensions() {
            let found = by_extension(Path::new("report").with_extension(extension));
            assert_eq!(found.map(Writer::name), Some(writer.name()));
        }
    }
    assert!(by_name("pdf").is_none());
    assert!(by_extension("report").is_none());
    assert_eq!(by_extension("a/B.HTML").map(Writer::name), Some("html"));
}
