//! JUnit XML, as GitHub's and GitLab's report viewers and Jenkins take it: one suite, one case a rule.
//!
//! JUnit has no word for a warning and none for unknown. Both are `skipped` with a message that says which, the
//! one state every viewer shows without calling it a failure; a rule that fails, or whose unknown counts as failing,
//! is a `failure`; what passes says its figures in `system-out`. GitLab shows the body of an element and not always its message, so the body holds everything. No
//! clock is read: `time` is 0, for viewers that insist on it.

use std::io::{Result, Write};

use stormtrace_analysis::report::{Report, Rule, Verdict};

use crate::escape::{xml_attr, xml_text};
use crate::{Options, Writer, words};
use stormtrace_analysis::secret::masked;

/// The JUnit writer.
#[derive(Debug, Clone, Copy)]
pub struct Junit;

impl Writer for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["xml"]
    }

    fn write(&self, report: &Report, _options: &Options, out: &mut dyn Write) -> Result<()> {
        let count = |wanted: State| report.rules.iter().filter(|rule| State::of(rule) == wanted).count();
        let counts = format!(
            "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"0\"",
            report.rules.len(),
            count(State::Failure),
            count(State::Skipped)
        );
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(out, "<testsuites name=\"stormtrace\" {counts}>")?;
        writeln!(out, "  <testsuite name=\"stormtrace check\" {counts}>")?;
        writeln!(out, "    <properties>")?;
        property("verdict", words::verdict(report.verdict), out)?;
        if let Some(policy) = &report.policy {
            property("policy", &policy.name, out)?;
        }
        property("version", report.tool.version, out)?;
        writeln!(out, "    </properties>")?;
        for rule in &report.rules {
            case(rule, out)?;
        }
        writeln!(out, "    <system-out>{}</system-out>", text(&report.headline))?;
        writeln!(out, "  </testsuite>\n</testsuites>")
    }
}

/// What JUnit knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Passed,
    Skipped,
    Failure,
}

impl State {
    fn of(rule: &Rule) -> State {
        match (rule.counts_as, rule.status) {
            (Verdict::Fail, _) => State::Failure,
            (Verdict::Pass, Verdict::Pass) => State::Passed,
            _ => State::Skipped,
        }
    }
}

/// Text without secrets. GitLab takes `[[ATTACHMENT|…]]` in it as a path; a log shall not say so.
fn safe(text: &str) -> String {
    masked(text).replace("[[", "[ [")
}

fn text(text: &str) -> String {
    xml_text(&safe(text))
}

fn attribute(text: &str) -> String {
    xml_attr(&safe(text))
}

fn property(name: &str, value: &str, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", attribute(value))
}

fn case(rule: &Rule, out: &mut dyn Write) -> Result<()> {
    // GitLab keys a case by class and name.
    writeln!(
        out,
        "    <testcase classname=\"stormtrace.policy\" name=\"{}\" time=\"0\">",
        attribute(&rule.id)
    )?;
    let status = words::rule_status(rule);
    let mut body = format!("{status}: {}", rule.statement);
    for reference in &rule.refs {
        body.push('\n');
        body.push_str(&words::place(reference));
    }
    let message = attribute(&format!("{status}: {}", rule.statement));
    match State::of(rule) {
        State::Failure => writeln!(
            out,
            "      <failure type=\"{}\" message=\"{message}\">{}</failure>",
            words::verdict(rule.status),
            text(&body)
        )?,
        State::Skipped => {
            writeln!(out, "      <skipped message=\"{message}\">{}</skipped>", text(&body))?;
        }
        State::Passed => writeln!(out, "      <system-out>{}</system-out>", text(&body))?,
    }
    writeln!(out, "    </testcase>")
}
