//! Every form of the sample reports: what it says, and that nothing hostile or secret gets through.

use std::fs;
use std::path::Path;

use stormtrace_analysis::report::*;

use crate::sample::{empty, hostile, sample};
use crate::{Options, View, WRITERS, Writer, by_extension, by_name};

const VIEWS: [View; 3] = [View::Whole, View::Inputs, View::Verdict];

fn written(name: &str, report: &Report, options: &Options) -> String {
    let mut bytes = Vec::new();
    by_name(name).unwrap().write(report, options, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn no_raw_control_reaches_any_form() {
    let report = hostile();
    for writer in WRITERS {
        for view in VIEWS {
            let options = Options { view, ..Options::default() };
            let output = written(writer.name(), &report, &options);
            let raw = output.chars().find(|&found| found != '\n' && crate::escape::is_unsafe(found));
            assert_eq!(raw, None, "{} {view:?}", writer.name());
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
    for view in VIEWS {
        let output = written("html", &hostile(), &Options { view, ..Options::default() });
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
    for view in VIEWS {
        markdown_is_inert(view);
    }
}

fn markdown_is_inert(view: View) {
    let output = written("markdown", &hostile(), &Options { view, ..Options::default() });
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
    let inspection = written("json", &report, &Options { view: View::Inputs, ..Options::default() });
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
        "What the killed workers were doing",
        "… and 8 more",
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
fn junit_is_one_case_a_rule() {
    for report in [sample(&|text| text.to_owned()), hostile(), empty()] {
        let output = written("junit", &report, &Options::default());
        assert!(!output.contains("]]>") && !output.contains("[[ATTACHMENT"), "{output}");
        let document = roxmltree::Document::parse(&output).unwrap();
        let suites = document.root_element();
        assert_eq!(suites.tag_name().name(), "testsuites");
        let suite: Vec<_> = suites.children().filter(|child| child.is_element()).collect();
        assert_eq!(suite.len(), 1);
        let cases: Vec<_> = suite[0].children().filter(|child| child.has_tag_name("testcase")).collect();
        let count = |name: &str| {
            cases
                .iter()
                .filter(|case| case.children().any(|child| child.has_tag_name(name)))
                .count()
                .to_string()
        };
        for element in [suites, suite[0]] {
            assert_eq!(element.attribute("tests"), Some(report.rules.len().to_string().as_str()));
            assert_eq!(element.attribute("failures"), Some(count("failure").as_str()));
            assert_eq!(element.attribute("skipped"), Some(count("skipped").as_str()));
        }
        assert_eq!((count("failure"), count("skipped")), ("1".to_owned(), "2".to_owned()));
        let failure = cases[0].children().find(|child| child.has_tag_name("failure")).unwrap();
        assert_eq!(cases[0].attribute("name"), Some("kills"));
        assert!(failure.text().unwrap().starts_with("fail: workers killed: 13"));
        assert!(failure.text().unwrap().contains("odoo.log"), "the place is in the body");
    }
}

#[test]
fn what_unknown_counts_as_decides_in_junit() {
    let mut report = sample(&|text| text.to_owned());
    for (counts_as, element) in [
        (Verdict::Fail, "<failure type=\"unknown\""),
        (Verdict::Warn, "<skipped"),
        (Verdict::Pass, "<skipped"),
    ] {
        report.rules.retain(|rule| rule.status == Verdict::Unknown);
        report.rules[0].counts_as = counts_as;
        let output = written("junit", &report, &Options::default());
        assert!(output.contains(element), "{output}");
    }
}

/// Cells of CSV as RFC 4180 reads them.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            _ => cell.push(character),
        }
    }
    assert!(!quoted && cell.is_empty() && row.is_empty(), "the last row is not ended");
    rows
}

#[test]
fn csv_is_a_register_of_incidents_without_formulas() {
    let formula = sample(&|text| format!("=HYPERLINK(\"http://evil.example\")&{text}"));
    for report in [sample(&|text| text.to_owned()), hostile(), formula, empty()] {
        let rows = csv_rows(&written("csv", &report, &Options::default()));
        assert_eq!(rows.len(), report.incidents.len() + 1);
        for row in &rows {
            assert_eq!(row.len(), rows[0].len());
            assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
        }
        let column = rows[0].iter().position(|heading| heading == "workers_killed").unwrap();
        let kills: u64 = rows[1..].iter().map(|row| row[column].parse::<u64>().unwrap()).sum();
        assert_eq!(kills, report.incidents.iter().map(|incident| incident.impact.kills.total).sum::<u64>());
    }
}

#[test]
fn the_verdict_view_is_one_line_a_rule() {
    let options = Options { view: View::Verdict, ..Options::default() };
    let report = sample(&|text| text.to_owned());
    let output = written("text", &report, &options);
    assert!(output.starts_with("FAIL  Worker timeout storm"));
    let order: Vec<&str> = ["\nFAIL ", "\nUNKNOWN ", "\nWARN ", "\nPASS "]
        .into_iter()
        .filter(|status| output.matches(status).count() == 1)
        .collect();
    assert_eq!(order.len(), 4, "{output}");
    assert!(order.is_sorted_by_key(|status| output.find(status)), "{output}");
    assert!(output.contains("of 4 rules, 1 fails, 1 is unknown, 1 warns, 1 passes"));
    assert!(output.contains("no snapshots") && output.contains("odoo.log:1503"));
    let markdown = written("markdown", &report, &options);
    assert!(markdown.contains("| fail | kills | 13 | ≤ 2 | `odoo.log:1503` |"), "{markdown}");
    assert!(written("html", &report, &options).contains("<h2>Judged by policy.toml</h2>"));
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
        assert!(output.contains(stormtrace_analysis::secret::HIDDEN), "{}", writer.name());
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
    for (view, width) in [(View::Whole, 100), (View::Whole, 60), (View::Inputs, 100)] {
        let output = written("text", &report, &Options { view, width, ..Options::default() });
        let inspect = view == View::Inputs;
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
            for view in VIEWS {
                let file = format!("{name}.{view:?}.{}", writer.extensions()[0]);
                let output = written(writer.name(), &report, &Options { view, ..Options::default() });
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

#[test]
fn every_form_for_people_says_where_the_workers_time_went() {
    let report = sample(&|text| text.to_owned());
    for form in ["text", "markdown", "html"] {
        let output = written(form, &report, &Options::default());
        for words in [
            "waiting for locks",
            "1 h 40 min",
            "nothing tells",
            "latency rose before the processors were saturated",
            "all 6 workers busy",
        ] {
            assert!(output.contains(words), "{form}: {words}");
        }
    }
}
