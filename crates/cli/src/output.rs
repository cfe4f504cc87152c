//! Where reports go: standard output, and files that are whole or not there.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use stormtrace_analysis::report::Report;
use stormtrace_report::{Options, View, Writer, by_extension};

use crate::arguments::{Color, Reading};
use crate::{exit_code, signal};

/// Writes to standard output. A reader that went away wanted no more: the command goes on to its exit code.
pub fn print(
    write: impl FnOnce(&Options, &mut dyn Write) -> io::Result<()>,
    reading: &Reading,
    view: View,
) -> Result<()> {
    let options = Options { view, ..options_for(reading.color) };
    to_standard_output(|out| write(&options, out))
}

/// Options for standard output.
pub fn options_for(color: Color) -> Options {
    let color = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    Options { color, ..Options::default() }
}

/// Writes text of our own to standard output.
pub fn print_plain(text: &str) -> Result<()> {
    to_standard_output(|out| out.write_all(text.as_bytes()))
}

/// Writes bytes to standard output.
pub fn to_standard_output(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()).context("standard output") {
        Err(error) if !exit_code::is_closed_pipe(&error) => Err(error),
        _ => {
            // What is left in the buffer has no reader.
            let _ = out.into_parts();
            Ok(())
        }
    }
}

/// Files to write, each with its form.
pub struct Files<'a>(Vec<(&'a Path, &'static dyn Writer)>);

impl<'a> Files<'a> {
    /// Looks up the forms before anything is read, so that a mistake costs no time.
    pub fn named(paths: &'a [PathBuf], inputs: &[PathBuf]) -> Result<Self> {
        let mut files = Vec::new();
        for path in paths {
            let Some(writer) = by_extension(path) else {
                bail!(
                    "{}: the extension names no known form (.html, .json, .md, .txt, .csv, .xml)",
                    path.display()
                );
            };
            refuse_inside_evidence(path, inputs)?;
            files.push((path.as_path(), writer));
        }
        Ok(Files(files))
    }

    /// Whether one of them, or what is `printed` besides, shows the hashes of the inputs.
    pub fn show_hashes(&self, printed: Option<&dyn Writer>) -> bool {
        self.0.iter().map(|(_, writer)| *writer).chain(printed).any(Writer::shows_hashes)
    }

    /// Writes them all.
    pub fn write(&self, report: &Report, view: View) -> Result<()> {
        for (path, writer) in &self.0 {
            let options = Options { view, ..Options::default() };
            write_file(path, |out| writer.write(report, &options, out))?;
        }
        Ok(())
    }
}

/// Evidence is never written to.
pub fn refuse_inside_evidence(path: &Path, inputs: &[PathBuf]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Ok(folder) = fs::canonicalize(folder) else {
        bail!("{}: the folder does not exist", path.display());
    };
    for input in inputs {
        let Ok(input) = fs::canonicalize(input) else { continue };
        let same_file = fs::canonicalize(path).is_ok_and(|target| target == input);
        if same_file || (input.is_dir() && folder.starts_with(&input) && !folder.join(".git").exists()) {
            bail!("{}: lies inside the evidence {}; choose another place", path.display(), input.display());
        }
    }
    Ok(())
}

/// Writes beside the target and renames: a file is whole or not there. The bytes written.
pub fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u64> {
    let named = || path.display().to_string();
    let name = path.file_name().context("no file name").with_context(named)?.to_string_lossy().into_owned();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let mut out = BufWriter::new(signal::create(&temporary).with_context(named)?);
    let result = write(&mut out)
        .and_then(|()| out.flush())
        .and_then(|()| out.get_ref().sync_all())
        .and_then(|()| Ok(out.get_ref().metadata()?.len()))
        .and_then(|bytes| fs::rename(&temporary, path).map(|()| bytes));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    signal::keep();
    result.with_context(named)
}
