//! Command line arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finds when a worker-timeout storm in Odoo began, what caused it and whether recovery held.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  stormtrace analyze capture/                       the text report
  stormtrace analyze capture/ -o report.html -o report.json
  stormtrace analyze odoo.log access.log.1.gz       single files
  zcat odoo.log.gz | stormtrace analyze -           standard input
  stormtrace inspect capture/                       what each file was taken for
  stormtrace explain slow_queries                   what a cause is told by

Exit codes: 0 done; 2 bad usage or unreadable input.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the incident report; write others with -o
    Analyze(Analyze),
    /// Show what each file was taken for, its span, zone, line ledger and copies
    Inspect(Inspect),
    /// Show what a cause is told by, with weights, and what to do about it
    Explain(Explain),
}

const LIMITS: &str = "\
Limits (--limit NAME=VALUE; bytes may end in K, M, G or T), each for one file with all that is inside it:
  expanded=64G         bytes that decompressing makes in all
  entry=16G            bytes of one entry of an archive, or of one compressed file
  entries=100000       entries of archives
  nesting=2            containers within each other; .tar.gz is one
  ratio=2000           expanded bytes for each compressed byte, looked at after 256 MiB
  line=1M              bytes kept of one line; the rest is passed over
  long-line=4G         bytes of one line after which the file is given up
  record-lines=10000   lines kept of one record; further ones are counted
  window=128M          memory that a zstd frame or an xz block may ask for
  spool=64M            bytes of an archive from standard input kept to read its configuration first;
                       a zip from a pipe or inside an archive must fit
What reaches a limit is named in the report, and everything else is still read.";

/// What to read and how.
#[derive(Debug, Args)]
pub struct Reading {
    /// Files or directories; - is standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// An nginx log_format template, as in nginx.conf, tried before the known ones (repeatable)
    #[arg(long, value_name = "TEMPLATE")]
    pub nginx_log_format: Vec<String>,
    /// Change a limit on what one file may cost (repeatable); see below
    #[arg(long, value_name = "NAME=VALUE")]
    pub limit: Vec<String>,
    /// Threads to use; the result does not depend on it [default: one per core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// When to colour the text
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// `analyze`.
#[derive(Debug, Args)]
#[command(after_help = LIMITS)]
pub struct Analyze {
    /// What to read.
    #[command(flatten)]
    pub reading: Reading,
    /// Form of standard output
    #[arg(long, default_value = "text", value_name = "text|json|html|markdown")]
    pub format: String,
    /// Write a report to FILE, its form by extension: .txt .json .html .md (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub output: Vec<PathBuf>,
    /// Leave out everything before this time, such as 2026-11-23T18:30:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Leave out everything after this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// How long recovery must hold without a break, such as 15m, 900s or 1h [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = duration_us)]
    pub hold: Option<i64>,
    /// Print nothing on standard output
    #[arg(short, long)]
    pub quiet: bool,
}

/// `inspect`.
#[derive(Debug, Args)]
#[command(after_help = LIMITS)]
pub struct Inspect {
    /// What to read.
    #[command(flatten)]
    pub reading: Reading,
    /// Form of standard output
    #[arg(long, default_value = "text", value_name = "text|json")]
    pub format: String,
}

/// `explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stormtrace explain slow_queries\n  stormtrace explain --all --format markdown"
)]
pub struct Explain {
    /// The cause, as reports name it; none lists them
    #[arg(value_name = "CAUSE")]
    pub cause: Option<String>,
    /// Every cause
    #[arg(long, conflicts_with = "cause")]
    pub all: bool,
    /// Form of standard output
    #[arg(long, default_value = "text", value_name = "text|markdown")]
    pub format: String,
    /// When to colour the text
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `15m`, `900s`, `1h` or plain seconds as µs.
fn duration_us(text: &str) -> Result<i64, String> {
    stormtrace_analysis::facts::seconds(text)
        .filter(|seconds| (10.0..=604_800.0).contains(seconds))
        .map(|seconds| (seconds * 1e6) as i64)
        .ok_or_else(|| format!("{text}: not a time from 10s to 7d, such as 15m"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_limits_in_the_help_are_the_real_ones() {
        let said: Vec<&str> =
            super::LIMITS.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
        let said: Vec<&str> = said.into_iter().filter(|word| word.contains('=')).collect();
        assert_eq!(said.join(" "), stormtrace_logs::container::Limits::default().describe());
    }
}
