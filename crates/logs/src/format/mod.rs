//! Formats: what the programs themselves write, once the carrier is peeled off.
//!
//! A format is one file and one line in [`ALL`]. It says which lines begin a record (by the line alone, so
//! that a file can be cut anywhere) and turns one record into a typed, borrowed [`Record`]. Its [`Definition`] shows what
//! it looks like: `docs/formats.md`, the tests and the damage that is tried on it are made from that.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::record::Record;
use crate::timestamp::{LastTime, Stamp};

pub mod aws_elb;
pub mod caddy;
pub mod clf;
pub mod curl_probe;
mod figures;
mod front_end;
pub mod haproxy;
pub mod host_snapshot;
pub mod interval;
pub mod iostat;
mod json_object;
pub mod kernel;
pub mod nginx_access;
pub mod nginx_configuration;
pub mod nginx_error;
pub mod odoo;
pub mod odoo_configuration;
pub mod odoo_logging_table;
pub mod pg_stat_activity;
pub mod pg_stat_statements;
pub mod pgbouncer;
pub mod postgres_configuration;
pub mod postgres_csvlog;
pub mod postgres_jsonlog;
pub mod postgres_message;
pub mod postgres_settings;
pub mod postgres_stderr;
mod postgres_translations;
pub mod prometheus;
pub mod query_range;
pub mod sadf;
pub mod sadf_xml;
pub mod sar;
pub mod sysstat_json;
pub mod traefik;
pub mod vmstat;

/// Which part of the stack a format speaks for. The names are those of `coverage` in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Source {
    /// Odoo's own log.
    Odoo,
    /// Access log of nginx or another front end (ALB, HAProxy, Traefik, Caddy, Apache).
    NginxAccess,
    /// nginx error log.
    NginxError,
    /// PostgreSQL server log.
    PostgresLog,
    /// Log of pgbouncer, the connection pooler before PostgreSQL.
    PgBouncer,
    /// Snapshots of `pg_stat_activity`, `pg_stat_statements` and settings read by psql.
    PgStatActivity,
    /// vmstat, sar and the other samplers of the host, kernel log.
    Host,
    /// Outside probes.
    Probe,
    /// Configuration files.
    Configuration,
}

/// One record as bytes: its lines joined by `\n`, colours stripped, carrier peeled.
#[derive(Debug)]
pub struct Raw<'a> {
    /// All lines of the record, joined with `\n`, no final newline.
    pub text: Cow<'a, [u8]>,
    /// When the carrier took the first line in, if it says.
    pub outer: Option<Stamp>,
    /// Who wrote it, if the carrier says.
    pub program: Option<Cow<'a, [u8]>>,
    /// Its process, if the carrier says.
    pub pid: Option<u32>,
    /// The record's first line did not begin a record (head of a file, or damage).
    pub orphan: bool,
}

impl<'a> Raw<'a> {
    /// Lines of which no carrier told anything.
    #[must_use]
    pub fn of(text: impl Into<Cow<'a, [u8]>>) -> Self {
        Raw { text: text.into(), outer: None, program: None, pid: None, orphan: false }
    }
}

/// What a sequential format remembers from one record of a file to the next (header columns, date, zone), and what any
/// need not read twice.
#[derive(Debug, Default, Clone)]
pub struct Memory {
    /// Names of the columns of the last header.
    pub columns: Vec<String>,
    /// Midnight (µs, wall clock) of the day that rows without a date belong to.
    pub day_us: Option<i64>,
    /// The last stamp seen.
    pub last: Option<Stamp>,
    /// A zone abbreviation of the last header.
    pub zone: Option<String>,
    /// Which part of a report the lines belong to.
    pub section: &'static str,
    /// Last values of counters, to tell what was added since.
    pub counters: BTreeMap<&'static str, f64>,
    /// The same for counters of which there are several: each with a hash of what tells them apart (a path).
    pub totals: BTreeMap<(u64, &'static str), f64>,
    /// Hash of the path that stands above the lines, 0 without one.
    pub group: u64,
    /// The last scrape of Prometheus metrics.
    pub scrape: Option<prometheus::Scrape>,
    /// The last times of an access log.
    pub access_times: nginx_access::Times,
    /// The last date and time of a log of Odoo or PostgreSQL, without fraction and zone.
    pub date_time: LastTime<i64, 19, 11>,
}

/// What is known of the bundle before its logs are read: formats found in configuration files or arguments.
#[derive(Debug, Default, Clone)]
pub struct Context {
    /// `log_format` definitions: name and the compiled pattern, in order of trust.
    pub log_formats: Vec<(String, nginx_access::LogFormat)>,
    /// `log_line_prefix` settings found.
    pub log_line_prefixes: Vec<String>,
}

/// What follows `literal` at the start of `input`. Most literals of a pattern are a byte or two, which needs no call of
/// `memcmp`.
#[inline]
fn strip_literal<'a>(input: &'a [u8], literal: &[u8]) -> Option<&'a [u8]> {
    match literal {
        [a] => input.strip_prefix(&[*a]),
        [a, b] => input.strip_prefix(&[*a, *b]),
        [a, b, c] => input.strip_prefix(&[*a, *b, *c]),
        _ => input.strip_prefix(literal),
    }
}

/// Splits `METHOD TARGET HTTP/1.1`, as nearly every request.
#[inline]
fn http_1_request(request: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, &[b' ', b'H', b'T', b'T', b'P', b'/', major, b'.', minor]) = request.split_last_chunk()?
    else {
        return None;
    };
    let length = match head {
        [b'G', b'E', b'T', b' ', ..] => 3,
        [b'P', b'O', b'S', b'T', b' ', ..] => 4,
        _ => head.iter().take(8).take_while(|byte| byte.is_ascii_uppercase()).count(),
    };
    let (method @ [_, ..], [b' ', target @ ..]) = head.split_at_checked(length)? else { return None };
    (major != b' ' && minor != b' ' && !target.is_empty()).then_some((method, target))
}

/// The beginning of a file, with its carrier peeled, for detection.
#[derive(Debug)]
pub struct Sample<'a> {
    /// Up to some hundred payload lines.
    pub lines: Vec<Cow<'a, [u8]>>,
    /// The file's name (last component, lower case, `.gz` removed); only to break ties and for files that hold no sign.
    pub name: &'a str,
}

/// One format, ready to parse.
pub trait Format: Send + Sync {
    /// Stable name in reports, such as `odoo` or `nginx-access:combined`.
    fn name(&self) -> String;
    /// Which part of the stack it speaks for.
    fn source(&self) -> Source;
    /// Whether this line begins a record; unless a format says otherwise every line is one. Must depend on the line alone.
    fn starts_record(&self, line: &[u8]) -> bool {
        let _ = line;
        true
    }
    /// Whether records must be parsed in file order by one thread, with `Memory` carried along.
    fn sequential(&self) -> bool {
        false
    }
    /// Parses one record; `Err` names the reason for skipping it (snake case, stable, such as `not_a_request`).
    /// A format that has lines which are structure and not data (headers, rulers, comments) returns
    /// `Ok(Record::Structure)` for them.
    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str>;
}

/// A format that claims a sample, with the share (0 to 1) of the sample's record-starting lines it understands.
pub struct Claim {
    /// The format, configured for this file.
    pub format: Box<dyn Format>,
    /// 0 to 1; below 0.3 is no claim.
    pub score: f64,
}

/// Looks at a sample and claims it, or not.
pub type Detector = fn(&Sample<'_>, &Context) -> Option<Claim>;

/// A format as the program lists it: what it is, real lines of it, and lines that only look like it.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Unique, such as `vmstat`; what `stormtrace formats NAME` asks for.
    pub name: &'static str,
    /// Which part of the stack it speaks for.
    pub source: Source,
    /// What it is, and the command or setting that makes it.
    pub summary: &'static str,
    /// Where the grammar comes from: the project, its version, its source file or manual.
    pub origin: &'static str,
    /// Claims a file, or not.
    pub detect: Detector,
    /// Real files, shortened; all their lines are understood.
    pub examples: &'static [Example],
    /// What looks alike and belongs to others; none of it is claimed.
    pub foreign: &'static [Foreign],
    /// Damaged lines of the first example; each is skipped by its reason.
    pub broken: &'static [Broken],
}

/// A real file, shortened.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// What [`Format::name`] answers for it, such as `nginx-access:combined`.
    pub name: &'static str,
    /// What such a file may be called.
    pub file: &'static str,
    /// Its lines.
    pub text: &'static str,
}

/// A neighbour: lines of another program that look alike.
#[derive(Debug, Clone, Copy)]
pub struct Foreign {
    /// The program, or what the lines are.
    pub whose: &'static str,
    /// Its lines.
    pub text: &'static str,
}

/// Lines that were cut or damaged.
#[derive(Debug, Clone, Copy)]
pub struct Broken {
    /// What the ledger counts them as.
    pub reason: &'static str,
    /// The lines; all of them are skipped.
    pub text: &'static str,
}

/// Every known format. Order breaks ties.
pub const ALL: &[&Definition] = &[
    &nginx_configuration::FORMAT,
    &odoo_configuration::FORMAT,
    &postgres_configuration::FORMAT,
    &odoo::FORMAT,
    &odoo_logging_table::FORMAT,
    &postgres_csvlog::FORMAT,
    &postgres_jsonlog::FORMAT,
    &postgres_stderr::FORMAT,
    &pgbouncer::FORMAT,
    &nginx_error::FORMAT,
    &aws_elb::FORMAT,
    &haproxy::FORMAT,
    &traefik::FORMAT,
    &caddy::FORMAT,
    &clf::FORMAT,
    &nginx_access::FORMAT,
    &clf::ANY,
    &pg_stat_activity::FORMAT,
    &pg_stat_statements::FORMAT,
    &postgres_settings::FORMAT,
    &vmstat::FORMAT,
    &sar::FORMAT,
    &sadf::FORMAT,
    &sadf_xml::FORMAT,
    &sysstat_json::FORMAT,
    &iostat::FORMAT,
    &prometheus::FORMAT,
    &query_range::FORMAT,
    &host_snapshot::FORMAT,
    &kernel::FORMAT,
    &curl_probe::FORMAT,
];
