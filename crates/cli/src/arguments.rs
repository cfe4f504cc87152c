//! Command line arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use stormtrace_analysis::align::ToldZone;
use stormtrace_analysis::source_name;
use stormtrace_logs::carrier;
use stormtrace_logs::detect::Wanted;
use stormtrace_logs::format::{self, Source};

/// Finds when a worker-timeout storm in Odoo began, what caused it and whether recovery held.
///
/// Give it what was captured: Odoo, nginx and PostgreSQL logs, pg_stat_activity snapshots, host metrics,
/// configuration. Files are told by their content, archives and compressed files included; names do not matter.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  stormtrace analyze capture/                         what happened, why, did recovery hold
  stormtrace analyze capture/ -o report.html          the same for a browser
  stormtrace check capture/ -o junit.xml              pass or fail, for a pipeline
  stormtrace inspect capture/                         what each file was taken for
  stormtrace summarize /var/log -o web-1.summary      what analyze needs of this machine's logs
  stormtrace explain slow_queries                     what a cause is told by
  stormtrace formats                                  what can be read

Exit codes:
  0    done; check: pass
  1    check: fail
  2    bad usage, unreadable input or bad policy; one sentence on standard error
  3    check: warn
  4    check: unknown, the capture does not show enough
  130  interrupted";

const ANALYZE_EXAMPLES: &str = "\
Examples:
  stormtrace analyze capture/
  stormtrace analyze capture/ -o report.html -o report.json -o incidents.csv
  stormtrace analyze odoo.log access.log.1.gz         single files
  stormtrace analyze sosreport.tar.xz                 archives, without unpacking them
  zcat odoo.log.gz | stormtrace analyze -             standard input
  stormtrace analyze capture/ --since 2026-11-23T18:00:00Z --until 2026-11-23T19:00:00Z
  stormtrace analyze access.log --nginx-log-format '$remote_addr [$time_local] \"$request\" $status $request_time'

Exit codes: 0 whatever was found; 2 bad usage or unreadable input. For a verdict as exit code see check.";

const CHECK_EXAMPLES: &str = "\
Examples:
  stormtrace check capture/                           judge by the built-in policy
  stormtrace check capture/ -o junit.xml -o report.html
  stormtrace check --print-policy > policy.toml       start a policy of your own
  stormtrace check capture/ --policy policy.toml
  stormtrace check capture/ -q && echo healthy

Exit codes: 0 pass; 1 fail; 2 bad usage, unreadable input or bad policy; 3 warn; 4 unknown.";

const SUMMARIZE_EXAMPLES: &str = "\
Examples:
  stormtrace summarize /var/log/odoo /etc/odoo/odoo.conf -o app-1.summary
  ssh web-1 stormtrace summarize /var/log/nginx /etc/nginx/nginx.conf -o - > web-1.summary
  stormtrace analyze app-1.summary web-1.summary      the report that their logs would give
  stormtrace summarize web-*.summary -o web.summary   several summaries as one

Give it the configuration that tells how logs are laid out (nginx.conf, postgresql.conf) together with them. Values of
passwords and keys are hidden; docs/summary.md says what else a summary holds.

Exit codes: 0 done; 2 bad usage or unreadable input.";

const INSPECT_EXAMPLES: &str = "\
Examples:
  stormtrace inspect capture/
  stormtrace inspect capture/ --format json
  stormtrace inspect capture/ --input odoo=capture/mixed.txt
  stormtrace inspect capture/ --log-timezone postgres_log=Europe/Brussels

Exit codes: 0 done; 2 bad usage or unreadable input.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the incident report; write others with -o
    #[command(after_help = ANALYZE_EXAMPLES)]
    Analyze(Analyze),
    /// Judge a capture by a policy; the exit code is the verdict
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Show what each file was taken for, its span, zone, line ledger and copies
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(Inspect),
    /// Write what analyze needs of some logs to one small file, to analyse it elsewhere with others
    #[command(after_help = SUMMARIZE_EXAMPLES)]
    Summarize(Summarize),
    /// Show what a cause is told by, with weights, and what to do about it
    Explain(Explain),
    /// Show which formats are read, with examples
    Formats(Formats),
}

const LIMITS: &str = "\
Change a limit (repeatable). Each is for one file with all that is inside it; bytes may end in K, M, G or T:
  expanded=64G         bytes that decompressing makes in all
  entry=16G            bytes of one entry of an archive, or of one compressed file
  entries=500000       entries of archives
  nesting=2            containers within each other; .tar.gz is one
  ratio=2000           expanded bytes for each compressed byte, looked at after 256 MiB
  line=1M              bytes kept of one line; the rest is passed over
  long-line=4G         bytes of one line after which the file is given up
  record-lines=10000   lines kept of one record; further ones are counted
  records=400000       requests, statements and other records kept one by one, of all files together; of more, one in a
                       stretch of time stands for those of its kind, and counts stay exact
  window=128M          memory that a zstd frame or an xz block may ask for
  spool=64M            bytes of an archive from standard input kept to read its configuration first;
                       a zip from a pipe or inside an archive must fit
  summary=1G           bytes of a summary, unpacked
What reaches a limit is named in the report, and everything else is still read.";

/// How to read files.
#[derive(Debug, Args)]
pub struct FileReading {
    /// An nginx log_format template, as in nginx.conf, tried before the known ones (repeatable)
    #[arg(long, value_name = "TEMPLATE")]
    pub nginx_log_format: Vec<String>,
    /// Read a file as what you say it is, such as odoo=strange.log or nginx-access:compose=proxy.txt (repeatable;
    /// `stormtrace formats` lists the names)
    #[arg(long, value_name = "FORMAT[:CARRIER]=PATH", value_parser = told)]
    pub input: Vec<(PathBuf, Wanted)>,
    /// Change a limit on what one file may cost, such as entries=200000 (repeatable; --help lists them)
    #[arg(long, value_name = "NAME=VALUE", long_help = LIMITS)]
    pub limit: Vec<String>,
    /// Threads to use; the result does not depend on it [default: one per core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// How to read.
#[derive(Debug, Args)]
pub struct Reading {
    /// Leave out everything before this time, such as 2026-11-23T18:30:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Leave out everything after this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// How to read files.
    #[command(flatten)]
    pub files: FileReading,
    /// Zone of stamps that name none, where nothing in the capture tells it: UTC, +02:00 or Europe/Brussels
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<ToldZone>,
    /// Zone of one source's stamps, before --tz: odoo, nginx_access, nginx_error, postgres_log, pgbouncer,
    /// pg_stat_activity, host or probe (repeatable)
    #[arg(long, value_name = "SOURCE=ZONE", value_parser = source_zone)]
    pub log_timezone: Vec<(Source, ToldZone)>,
    /// When to colour the text
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// `analyze`.
#[derive(Debug, Args)]
pub struct Analyze {
    /// Files or directories, logs or summaries; - is standard input
    #[arg(required_unless_present = "input", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write a report to FILE, its form by extension: .html .json .md .txt .csv .xml (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub output: Vec<PathBuf>,
    /// Form of standard output
    #[arg(long, default_value = "text", value_name = "text|json|html|markdown|csv|junit")]
    pub format: String,
    /// How long recovery must hold without a break, such as 15m, 900s or 1h [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = duration_us)]
    pub hold: Option<i64>,
    /// Print nothing on standard output
    #[arg(short, long)]
    pub quiet: bool,
    /// How to read.
    #[command(flatten)]
    pub reading: Reading,
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Files or directories, logs or summaries; - is standard input
    #[arg(required_unless_present_any = ["print_policy", "input"], value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Judge by this policy instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Print the built-in policy, explained, to start one of your own
    #[arg(long, exclusive = true)]
    pub print_policy: bool,
    /// Write a report to FILE, its form by extension: .xml (JUnit) .html .json .md .txt .csv (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub output: Vec<PathBuf>,
    /// Form of standard output
    #[arg(long, default_value = "text", value_name = "text|json|junit|markdown")]
    pub format: String,
    /// How long recovery must hold without a break, such as 15m, 900s or 1h [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = duration_us)]
    pub hold: Option<i64>,
    /// Print nothing on standard output; the exit code tells
    #[arg(short, long)]
    pub quiet: bool,
    /// How to read.
    #[command(flatten)]
    pub reading: Reading,
}

/// `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Files or directories, logs or summaries; - is standard input
    #[arg(required_unless_present = "input", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Form of standard output
    #[arg(long, default_value = "text", value_name = "text|json")]
    pub format: String,
    /// How to read.
    #[command(flatten)]
    pub reading: Reading,
}

/// `summarize`.
#[derive(Debug, Args)]
pub struct Summarize {
    /// Files or directories, summaries among them; - is standard input
    #[arg(required_unless_present = "input", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Where to write the summary; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Call inputs by their paths relative to this folder, instead of to the directories given
    #[arg(long, value_name = "FOLDER")]
    pub relative_to: Option<PathBuf>,
    /// Print nothing on standard output
    #[arg(short, long)]
    pub quiet: bool,
    /// How to read files.
    #[command(flatten)]
    pub files: FileReading,
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

/// `formats`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stormtrace formats\n  stormtrace formats nginx-access\n  stormtrace formats --format markdown"
)]
pub struct Formats {
    /// The format or carrier to show with its examples; none lists all
    #[arg(value_name = "FORMAT")]
    pub name: Option<String>,
    /// Form of standard output; markdown prints all formats with their examples
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

/// `FORMAT[:CARRIER]=PATH`. Names of formats hold colons too: what follows the last one is a carrier if one is called so.
fn told(text: &str) -> Result<(PathBuf, Wanted), String> {
    let (what, path) = text
        .split_once('=')
        .filter(|(what, path)| !what.is_empty() && !path.is_empty())
        .ok_or_else(|| format!("{text}: not FORMAT=PATH or FORMAT:CARRIER=PATH"))?;
    let carriers = || carrier::ALL.iter().map(|carrier| carrier.name());
    let (format, carrier) = match what.rsplit_once(':') {
        Some((format, last)) if carriers().any(|name| name == last) => (format, Some(last.to_owned())),
        _ => (what, None),
    };
    let family = format.split_once(':').map_or(format, |(family, _)| family);
    let known = format::ALL.iter().any(|entry| {
        [family, format].contains(&entry.name) || entry.examples.iter().any(|example| example.name == format)
    });
    if !known {
        return Err(format!("{format}: no such format (stormtrace formats lists them)"));
    }
    Ok((PathBuf::from(path), Wanted { format: format.to_owned(), carrier }))
}

/// `SOURCE=ZONE`.
fn source_zone(text: &str) -> Result<(Source, ToldZone), String> {
    let (name, zone) = text.split_once('=').ok_or_else(|| format!("{text}: not SOURCE=ZONE"))?;
    let all = [
        Source::Odoo,
        Source::NginxAccess,
        Source::NginxError,
        Source::PostgresLog,
        Source::PgBouncer,
        Source::PgStatActivity,
        Source::Host,
        Source::Probe,
    ];
    let source = all.into_iter().find(|source| source_name(*source) == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|source| source_name(*source)).collect();
        format!("{name}: no such source ({})", names.join(", "))
    })?;
    Ok((source, zone.parse()?))
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
