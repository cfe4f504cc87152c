//! Writes a [`Report`] as text, JSON, HTML or Markdown.
//!
//! Writers compute nothing: every figure is in the report already. One file per form; each escapes what came
//! from logs for its own sink through [`escape`], because a log line is written by whoever can send a request.

pub mod chart;
pub mod escape;
pub mod html;
pub mod json;
pub mod markdown;
pub mod text;
mod words;

#[cfg(test)]
mod sample;

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
    /// Write only what each input was taken for, no analysis.
    pub inspect: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { color: false, width: 100, inspect: false }
    }
}

/// One form of the report.
pub trait Writer: Sync {
    /// Name for `--format`.
    fn name(&self) -> &'static str;
    /// File extensions that stand for it, without the dot.
    fn extensions(&self) -> &'static [&'static str];
    /// Writes the whole report.
    ///
    /// # Errors
    /// Whatever `out` answers.
    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()>;
}

/// Every form there is.
pub const WRITERS: &[&dyn Writer] = &[&text::Text, &json::Json, &html::Html, &markdown::Markdown];

/// The writer of that name.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
