//! Formats: what the programs themselves write, once the carrier is peeled off.
//!
//! A format is one file and one line in [`DETECTORS`]. It says which lines begin a record (by the line alone, so
//! that a file can be cut anywhere) and turns one record into a typed, borrowed [`Record`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::record::Record;
use crate::timestamp::Stamp;

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

/// What a sequential format remembers from one record of a file to the next (header columns, date, zone).
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
}

/// What is known of the bundle before its logs are read: formats found in configuration files or arguments.
#[derive(Debug, Default, Clone)]
pub struct Context {
    /// `log_format` definitions: name and the compiled pattern, in order of trust.
    pub log_formats: Vec<(String, nginx_access::LogFormat)>,
    /// `log_line_prefix` settings found.
    pub log_line_prefixes: Vec<String>,
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
    /// Whether this line begins a record. Must depend on the line alone.
    fn starts_record(&self, line: &[u8]) -> bool;
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

/// Every known format. Order breaks ties.
pub const DETECTORS: &[Detector] = &[
    nginx_configuration::detect,
    odoo_configuration::detect,
    postgres_configuration::detect,
    odoo::detect,
    odoo_logging_table::detect,
    postgres_csvlog::detect,
    postgres_jsonlog::detect,
    postgres_stderr::detect,
    pgbouncer::detect,
    nginx_error::detect,
    aws_elb::detect,
    haproxy::detect,
    traefik::detect,
    caddy::detect,
    clf::detect,
    nginx_access::detect,
    clf::detect_any,
    pg_stat_activity::detect,
    pg_stat_statements::detect,
    postgres_settings::detect,
    vmstat::detect,
    sar::detect,
    sadf::detect,
    sadf_xml::detect,
    sysstat_json::detect,
    iostat::detect,
    prometheus::detect,
    query_range::detect,
    host_snapshot::detect,
    kernel::detect,
    curl_probe::detect,
];
