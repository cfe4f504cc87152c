//! Running a command and writing what it found.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use stormtrace_analysis::report::Report;
use stormtrace_report::{Options, Writer};

use crate::arguments::{Analyze, Color, Inspect, Reading};
use crate::exit_code;

/// `stormtrace analyze`.
pub fn analyze(arguments: &Analyze) -> Result<u8> {
    let standard = writer_named(&arguments.format)?;
    let mut files = Vec::new();
    for path in &arguments.output {
        let Some(writer) = stormtrace_report::by_extension(path) else {
            bail!("{}: the extension names no known form (.txt, .json, .html, .md)", path.display());
        };
        refuse_inside_evidence(path, &arguments.reading.paths)?;
        files.push((path, writer));
    }
    let options = stormtrace_analysis::Options {
        read: reading(&arguments.reading)?,
        since_us: arguments.since.as_deref().map(instant).transpose()?,
        until_us: arguments.until.as_deref().map(instant).transpose()?,
        hold_us: arguments.hold,
    };
    let report =
        in_pool(&arguments.reading, || stormtrace_analysis::analyze(&arguments.reading.paths, &options))?;
    for (path, writer) in files {
        write_file(path, writer, &report).with_context(|| path.display().to_string())?;
    }
    if !arguments.quiet {
        let mut out = BufWriter::new(io::stdout().lock());
        standard.write(&report, &terminal_options(&arguments.reading), &mut out)?;
        out.flush()?;
    }
    Ok(exit_code::PASS)
}

/// `stormtrace inspect`.
pub fn inspect(arguments: &Inspect) -> Result<u8> {
    if !matches!(arguments.format.as_str(), "text" | "json") {
        bail!("--format {}: inspect knows text and json", arguments.format);
    }
    let options = stormtrace_analysis::Options { read: reading(&arguments.reading)?, ..Default::default() };
    let report =
        in_pool(&arguments.reading, || stormtrace_analysis::inspect(&arguments.reading.paths, &options))?;
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.format == "json" {
        stormtrace_report::json::write_inspect(&report, &terminal_options(&arguments.reading), &mut out)?;
    } else {
        stormtrace_report::text::write_inspect(&report, &terminal_options(&arguments.reading), &mut out)?;
    }
    out.flush()?;
    Ok(exit_code::PASS)
}

fn writer_named(name: &str) -> Result<&'static dyn Writer> {
    stormtrace_report::by_name(name)
        .with_context(|| format!("--format {name}: no such form (text, json, html, markdown)"))
}

fn reading(arguments: &Reading) -> Result<stormtrace_analysis::read::Options> {
    let mut options = stormtrace_analysis::read::Options {
        nginx_log_formats: arguments.nginx_log_format.clone(),
        ..Default::default()
    };
    for setting in &arguments.limit {
        options.limits.set(setting).map_err(|wrong| anyhow::anyhow!("--limit {wrong}"))?;
    }
    Ok(options)
}

/// Runs `work` on the number of threads asked for.
fn in_pool<E: Into<anyhow::Error> + Send>(
    arguments: &Reading,
    work: impl FnOnce() -> Result<Report, E> + Send,
) -> Result<Report> {
    let mut builder = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = arguments.threads {
        builder = builder.num_threads(threads.clamp(1, 256));
    }
    builder.build().context("no threads")?.install(work).map_err(Into::into)
}

fn terminal_options(arguments: &Reading) -> Options {
    options_for(arguments.color)
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

/// An RFC 3339 time, µs UTC.
fn instant(text: &str) -> Result<i64> {
    let (stamp, used) = stormtrace_logs::timestamp::iso(text.as_bytes())
        .with_context(|| format!("{text}: not a time such as 2026-11-23T18:30:00Z"))?;
    if used != text.len() {
        bail!("{text}: not a time such as 2026-11-23T18:30:00Z");
    }
    Ok(stamp.us)
}

/// Evidence is never written to.
fn refuse_inside_evidence(path: &Path, inputs: &[PathBuf]) -> Result<()> {
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

/// Writes beside the target and renames: a report is whole or not there.
fn write_file(path: &Path, writer: &dyn Writer, report: &Report) -> Result<()> {
    let name = path.file_name().context("no file name")?.to_string_lossy().into_owned();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let result = (|| -> io::Result<()> {
        let file: File = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        let mut out = BufWriter::new(file);
        writer.write(report, &Options::default(), &mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&temporary, path)
    })();
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    Ok(result?)
}
