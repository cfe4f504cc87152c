//! Carriers: the wrappings that journald, syslog, docker and Kubernetes put around each line of a log.
//!
//! A carrier is one file and one line in [`ALL`]. It is chosen by content and knows nothing of the format inside.

use std::borrow::Cow;

use crate::timestamp::Stamp;

mod cloud;
mod compose;
mod docker;
mod journald;
mod kubernetes;
mod logplex;
mod plain;
pub mod syslog;
mod syslog_protocol;

/// What is left of one entry when its carrier is peeled off.
#[derive(Debug, Clone)]
pub struct Peeled<'a> {
    /// The line as the program wrote it, without its newline.
    pub payload: Cow<'a, [u8]>,
    /// When the carrier took it in, if it says.
    pub outer: Option<Stamp>,
    /// The line goes on in the next entry of the same `stream` (docker cuts at 16 KiB).
    pub partial: bool,
    /// Tells interleaved streams apart, so that pieces join rightly (a hash of stream name, container or pid).
    pub stream: u64,
    /// Who wrote it, where the carrier says: syslog identifier, compose service, container name.
    pub program: Option<Cow<'a, [u8]>>,
    /// Its process, where the carrier says.
    pub pid: Option<u32>,
}

/// What a carrier is, for `docs/formats.md`, the tests and the damage that is tried.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The command or setting that makes it.
    pub summary: &'static str,
    /// The project, its version, or the standard.
    pub origin: &'static str,
    /// What such a file may be called.
    pub file: &'static str,
    /// Lines in this carrier, all of them understood.
    pub example: &'static str,
}

/// One way of wrapping lines.
pub trait Carrier: Send + Sync {
    /// Stable name in reports, such as `journald-short-iso`.
    fn name(&self) -> &'static str;
    /// What it is, with an example.
    fn about(&self) -> About;
    /// Whether this physical line begins an entry. Line carriers answer always; the journald export
    /// format, whose entries span many lines, answers by the line alone.
    fn starts_entry(&self, _line: &[u8]) -> bool {
        true
    }
    /// Whether an entry may span lines, so that its end shows only where the next one begins.
    fn spans_lines(&self) -> bool {
        false
    }
    /// Whether lines stand in it as the program wrote them, and nothing of them is the carrier's.
    fn is_plain(&self) -> bool {
        false
    }
    /// Whether the beginning of a file as a whole may be of this carrier, for shapes that one line does not prove.
    fn suits(&self, _head: &[u8]) -> bool {
        true
    }
    /// Peels one entry (one physical line for line carriers, without its final newline).
    /// `Err` names the reason why this is not an entry of the carrier (`journald_marker`, `not_this_carrier` …).
    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str>;
}

/// Every known carrier, the most specific first. `plain` is last and accepts everything.
pub const ALL: &[&dyn Carrier] = &[
    &journald::Json,
    &journald::JsonPretty,
    &journald::Export,
    &journald::Verbose,
    &docker::JsonFile,
    &cloud::CloudJson,
    &compose::WithTimestamps { any: true },
    &compose::WithTimestamps { any: false },
    &compose::Plain { any: true },
    &compose::Plain { any: false },
    &kubernetes::Prefix,
    &kubernetes::ContainerRuntime,
    &syslog_protocol::SyslogProtocol,
    &syslog::SHORT_FULL,
    &syslog::SHORT_ISO,
    &syslog::SHORT_PRECISE,
    &syslog::SHORT,
    &syslog::SHORT_UNIX,
    &syslog::SHORT_MONOTONIC,
    &logplex::Logplex,
    &docker::LogsTimestamps,
    &plain::Plain,
];
