//! JSON: the contract `stormtrace.report/1`, which is the model serialised.
//!
//! Lossless: log text is kept as it was. Characters that steer terminals or reorder text are written as
//! `\uXXXX`, which every JSON reader turns back, so printing the file is harmless too.

use std::io::{Error, Result, Write};

use serde_json::json;
use stormtrace_analysis::report::Report;

use crate::escape::is_unsafe;
use crate::{Options, Writer};

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

    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
        if options.inspect {
            return write_inspect(report, options, out);
        }
        write_careful(&serde_json::to_string_pretty(report).map_err(Error::other)?, out)
    }
}

/// Writes what each input was taken for, the coverage and the window only.
///
/// # Errors
/// Whatever `out` answers.
pub fn write_inspect(report: &Report, _options: &Options, out: &mut dyn Write) -> Result<()> {
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
