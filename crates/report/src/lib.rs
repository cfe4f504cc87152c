//! Writes a [`Report`] as text, JSON, HTML, Markdown, JUnit XML or CSV.
//!
//! Writers compute nothing: every figure is in the report already. One file per form; each escapes what came
//! from logs for its own sink through [`escape`], because a log line is written by whoever can send a request.

pub mod chart;
pub mod csv;
pub mod escape;
pub mod explain;
pub mod formats;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod text;
mod words;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::io::{Result, Write};
use std::path::Path;

use stormtrace_analysis::report::Report;

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Colour the text form with ANSI sequences.
    pub color: bool,
    /// Columns of the terminal, for wrapping sentences.
    pub width: usize,
    /// How much of it.
    pub view: View,
}

/// How much of a report the forms for people show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum View {
    /// Everything.
    #[default]
    Whole,
    /// What each input was taken for, no analysis.
    Inputs,
    /// The verdict and the rules behind it. JSON and HTML are whole all the same.
    Verdict,
}

impl Default for Options {
    fn default() -> Self {
        Self { color: false, width: 100, view: View::Whole }
    }
}

/// One form of the report.
pub trait Writer: Sync {
    /// Name for `--format`.
    fn name(&self) -> &'static str;
    /// File extensions that stand for it, without the dot.
    fn extensions(&self) -> &'static [&'static str];
    /// Whether it shows the hashes of the inputs: reading need not compute what nobody sees.
    fn shows_hashes(&self) -> bool {
        false
    }
    /// Writes the whole report.
    ///
    /// # Errors
    /// Whatever `out` answers.
    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()>;
}

/// Every form there is.
pub const WRITERS: &[&dyn Writer] =
    &[&text::Text, &json::Json, &html::Html, &markdown::Markdown, &junit::Junit, &csv::Csv];

/// The writer of that name.
///
/// ```
/// use stormtrace_analysis::report::{Extremes, Report, Timeline, Tool, Totals, Verdict, WorkerLives};
/// use stormtrace_report::{Options, by_name};
///
/// let report = Report {
///     schema: "stormtrace.report/1",
///     tool: Tool { name: "stormtrace", version: "0.1.0" },
///     window: None,
///     inputs: Vec::new(),
///     coverage: Default::default(),
///     clocks: Vec::new(),
///     incidents: Vec::new(),
///     endpoints: Vec::new(),
///     queries: Vec::new(),
///     findings: Vec::new(),
///     timeline: Timeline::default(),
///     totals: Totals::default(),
///     worker_lives: WorkerLives::default(),
///     extremes: Extremes::default(),
///     verdict: Verdict::Unknown,
///     policy: None,
///     rules: Vec::new(),
///     headline: "Nothing was read.".to_owned(),
///     notes: Vec::new(),
/// };
/// let mut text = Vec::new();
/// by_name("text").ok_or("no such form")?.write(&report, &Options::default(), &mut text)?;
/// assert!(String::from_utf8(text)?.starts_with("UNKNOWN  Nothing was read."));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Writer> {
    WRITERS.iter().copied().find(|writer| writer.name().eq_ignore_ascii_case(name))
}

/// The writer a file name's extension stands for.
#[must_use]
pub fn by_extension(path: impl AsRef<Path>) -> Option<&'static dyn Writer> {
    let extension = path.as_ref().extension().and_then(OsStr::to_str)?;
    WRITERS
        .iter()
        .copied()
        .find(|writer| writer.extensions().iter().any(|known| known.eq_ignore_ascii_case(extension)))
}
