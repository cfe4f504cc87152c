//! The commands: what each reads, how it is judged and where it goes.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use stormtrace_analysis::Options;
use stormtrace_analysis::align::Zones;
use stormtrace_analysis::policy::{self, Policy};
use stormtrace_analysis::read;
use stormtrace_analysis::report::{PolicyInForce, Report};
use stormtrace_report::{View, by_name, json, text};

use crate::arguments::{Analyze, Check, FileReading, Inspect, Reading, Summarize};
use crate::exit_code;
use crate::output::{self, Files};
use crate::progress;

/// `stormtrace analyze`.
pub fn analyze(arguments: &Analyze) -> Result<u8> {
    let format = &arguments.format;
    let writer = by_name(format).with_context(|| {
        format!("--format {format}: no such form (text, json, html, markdown, csv, junit)")
    })?;
    let files = Files::named(&arguments.output, &arguments.paths)?;
    let quiet = arguments.quiet;
    let hashes = files.show_hashes((!quiet).then_some(writer));
    let reading = Options { hold_us: arguments.hold, ..options(&arguments.reading, quiet, hashes)? };
    let report = report(&arguments.paths, &arguments.reading, &reading)?;
    files.write(&report, View::Whole)?;
    if !arguments.quiet {
        output::print(|options, out| writer.write(&report, options, out), &arguments.reading, View::Whole)?;
    }
    Ok(exit_code::PASS)
}

/// `stormtrace check`.
pub fn check(arguments: &Check) -> Result<u8> {
    if arguments.print_policy {
        output::print_plain(policy::settings::BUILT_IN)?;
        return Ok(exit_code::PASS);
    }
    let format = &arguments.format;
    let writer = by_name(format)
        .filter(|writer| matches!(writer.name(), "text" | "json" | "junit" | "markdown"))
        .with_context(|| format!("--format {format}: check knows text, json, junit and markdown"))?;
    let files = Files::named(&arguments.output, &arguments.paths)?;
    let policy = arguments.policy.as_deref().map(read_policy).transpose()?.unwrap_or_default();
    let quiet = arguments.quiet;
    let hashes = files.show_hashes((!quiet).then_some(writer));
    let reading = Options { hold_us: arguments.hold, policy, ..options(&arguments.reading, quiet, hashes)? };
    let report = report(&arguments.paths, &arguments.reading, &reading)?;
    files.write(&report, View::Verdict)?;
    if !arguments.quiet {
        output::print(|options, out| writer.write(&report, options, out), &arguments.reading, View::Verdict)?;
    }
    Ok(exit_code::of(report.verdict))
}

/// `stormtrace inspect`.
pub fn inspect(arguments: &Inspect) -> Result<u8> {
    if !matches!(arguments.format.as_str(), "text" | "json") {
        bail!("--format {}: inspect knows text and json", arguments.format);
    }
    let options = options(&arguments.reading, false, arguments.format == "json")?;
    let files = &arguments.reading.files;
    let paths = all_paths(&arguments.paths, files);
    let report = in_pool(files, &options.read, || stormtrace_analysis::inspect(&paths, &options))?;
    let write = if arguments.format == "json" { json::write_inspect } else { text::write_inspect };
    output::print(|options, out| write(&report, options, out), &arguments.reading, View::Inputs)?;
    Ok(exit_code::PASS)
}

/// `stormtrace summarize`.
pub fn summarize(arguments: &Summarize) -> Result<u8> {
    let Summarize { paths, output, files, quiet, .. } = arguments;
    let to_standard_output = output.as_os_str() == "-";
    if !to_standard_output {
        output::refuse_inside_evidence(output, paths)?;
    } else if io::stdout().is_terminal() {
        bail!("a summary is no text for a terminal; write it to a file or a pipe");
    }
    let options =
        read::Options { relative_to: arguments.relative_to.clone(), ..read_options(files, *quiet)? };
    let paths = all_paths(paths, files);
    let mut summary = in_pool(files, &options, || read::summarize(&paths, &options))?;
    if to_standard_output {
        output::to_standard_output(|out| summary.write(out))?;
        return Ok(exit_code::PASS);
    }
    let bytes = output::write_file(output, |out| summary.write(out))?;
    if !quiet {
        let name = output.display().to_string();
        output::print_plain(&text::summarized(&name, &summary.inputs, bytes))?;
    }
    Ok(exit_code::PASS)
}

fn report(paths: &[PathBuf], reading: &Reading, options: &Options) -> Result<Report> {
    let paths = all_paths(paths, &reading.files);
    in_pool(&reading.files, &options.read, || stormtrace_analysis::analyze(&paths, options))
}

/// The paths given, and those of `--input`.
fn all_paths(paths: &[PathBuf], files: &FileReading) -> Vec<PathBuf> {
    paths.iter().chain(files.input.iter().map(|(path, _)| path)).cloned().collect()
}

/// How to read; inputs are hashed only if somebody sees it.
fn options(reading: &Reading, quiet: bool, hashes: bool) -> Result<Options> {
    let zones = Zones { zoneless: reading.tz, by_source: reading.log_timezone.iter().copied().collect() };
    Ok(Options {
        read: read::Options { hashes, ..read_options(&reading.files, quiet)? },
        zones,
        since_us: reading.since.as_deref().map(instant).transpose()?,
        until_us: reading.until.as_deref().map(instant).transpose()?,
        ..Default::default()
    })
}

fn read_options(files: &FileReading, quiet: bool) -> Result<read::Options> {
    let mut options = read::Options {
        nginx_log_formats: files.nginx_log_format.clone(),
        progress: progress::is_watched(quiet).then(Arc::default),
        told: files.input.clone(),
        ..Default::default()
    };
    for setting in &files.limit {
        options.limits.set(setting).map_err(|wrong| anyhow!("--limit {wrong}"))?;
    }
    Ok(options)
}

/// An RFC 3339 time, µs UTC.
fn instant(text: &str) -> Result<i64> {
    stormtrace_logs::timestamp::iso(text.as_bytes())
        .filter(|(_, used)| *used == text.len())
        .map(|(stamp, _)| stamp.us)
        .with_context(|| format!("{text}: not a time such as 2026-11-23T18:30:00Z"))
}

/// A policy; what is wrong with it is told as `file:line: key: why`.
fn read_policy(path: &Path) -> Result<PolicyInForce> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read policy {name}"))?;
    let settings = Policy::parse(&text).map_err(|error| match error.line {
        Some(line) => anyhow!("policy {name}:{line}: {}", error.message),
        None => anyhow!("policy {name}: {}", error.message),
    })?;
    Ok(PolicyInForce { name, settings })
}

/// Runs `work` on the number of threads asked for, and shows how far it has come where somebody looks.
fn in_pool<T: Send, E: Into<anyhow::Error> + Send>(
    files: &FileReading,
    options: &read::Options,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T> {
    let mut builder = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = files.threads {
        builder = builder.num_threads(threads.clamp(1, 256));
    }
    let _shown = options.progress.as_ref().map(progress::show);
    builder.build().context("no threads")?.install(work).map_err(Into::into)
}
