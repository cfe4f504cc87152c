//! JSON: the contract `stormtrace.report/1`, which is the model serialised.
//!
//! Lossless but for secrets: log text is kept as it was, only values of passwords and keys in findings, actions
//! and queries are hidden. Characters that steer terminals or reorder text are written as
//! `\uXXXX`, which every JSON reader turns back, so printing the file is harmless too.

use std::borrow::Cow;
use std::io::{Error, Result, Write};

use serde_json::json;
use stormtrace_analysis::report::Report;

use crate::escape::is_unsafe;
use crate::{Options, View, Writer};
use stormtrace_analysis::secret::masked;

/// The JSON writer.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Writer for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn shows_hashes(&self) -> bool {
        true
    }

    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
        if options.view == View::Inputs {
            return write_inspect(report, options, out);
        }
        let report = without_secrets(report);
        write_careful(&serde_json::to_string_pretty(&report).map_err(Error::other)?, out)
    }
}

/// Writes what each input was taken for, the coverage and the window only.
///
/// # Errors
/// Whatever `out` answers.
pub fn write_inspect(report: &Report, _options: &Options, out: &mut dyn Write) -> Result<()> {
    let report = &without_secrets(report);
    let inspection = json!({
        "schema": report.schema,
        "tool": report.tool,
        "window": report.window,
        "inputs": report.inputs,
        "coverage": report.coverage,
        "notes": report.notes,
    });
    write_careful(&serde_json::to_string_pretty(&inspection).map_err(Error::other)?, out)
}

/// The report with the values of passwords and keys hidden where settings, SQL or targets are quoted.
fn without_secrets(report: &Report) -> Report {
    let mut report = report.clone();
    let hide = |text: &mut String| {
        if let Cow::Owned(hidden) = masked(text) {
            *text = hidden;
        }
    };
    for input in &mut report.inputs {
        input.skipped_examples.iter_mut().for_each(|example| hide(&mut example.text));
    }
    for finding in &mut report.findings {
        [&mut finding.title, &mut finding.detail, &mut finding.fix].into_iter().for_each(hide);
    }
    for rule in &mut report.rules {
        hide(&mut rule.statement);
    }
    for query in &mut report.queries {
        hide(&mut query.fingerprint);
    }
    for incident in &mut report.incidents {
        incident.actions.iter_mut().for_each(|action| hide(&mut action.detail));
        for cause in &mut incident.diagnosis.causes {
            cause.culprit.iter_mut().filter_map(|culprit| culprit.query.as_mut()).for_each(hide);
            cause.evidence.iter_mut().for_each(|evidence| hide(&mut evidence.statement));
        }
        incident.chains.iter_mut().filter_map(|chain| chain.path.as_mut()).for_each(hide);
        for link in &mut incident.links {
            link.request.iter_mut().chain(&mut link.candidates).for_each(|request| hide(&mut request.path));
            link.backend.iter_mut().filter_map(|backend| backend.query.as_mut()).for_each(hide);
        }
    }
    report
}

/// Outside strings JSON is plain ASCII and line breaks, so whatever else is found here stands in a string.
fn write_careful(json: &str, out: &mut dyn Write) -> Result<()> {
    let mut rest = json;
    while let Some((at, found)) =
        rest.char_indices().find(|&(_, character)| character != '\n' && is_unsafe(character))
    {
        let (before, after) = rest.split_at(at);
        out.write_all(before.as_bytes())?;
        for unit in found.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}")?;
        }
        rest = after.get(found.len_utf8()..).unwrap_or_default();
    }
    out.write_all(rest.as_bytes())?;
    out.write_all(b"\n")
}
