//! What was read, and the clocks it was stamped by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Time;

/// One input file and what became of its lines.
#[derive(Debug, Clone, Serialize)]
pub struct Input {
    /// Path as given, or relative to the directory given; inside an archive the archive's path, `/` and the entry's
    /// name (`name#2` where it comes again).
    pub path: String,
    /// Size as stored on disk or, packed as it is, in its archive, bytes.
    pub bytes: u64,
    /// SHA-256 of the stored bytes, hex.
    pub sha256: String,
    /// `plain`, or the containers from outside in: `gzip`, `zip>gzip`, `gzip>tar`.
    pub container: String,
    /// Carrier name.
    pub carrier: String,
    /// Format name, `archive` (its entries are inputs of their own), or `unrecognised`.
    pub format: String,
    /// Source name (see `Report::coverage`), or `configuration`, `probe`, `archive`, `unrecognised`.
    pub source: String,
    /// Share (0 to 1) of the sample's lines the format understood when it was chosen.
    pub detection_score: f64,
    /// Zone of its stamps: `UTC`, `+02:00`, `unknown`, or an aligned one such as `+02:00 (aligned)`.
    pub zone: Option<String>,
    /// First record's time.
    pub first: Option<Time>,
    /// Last record's time.
    pub last: Option<Time>,
    /// Line ledger.
    pub lines: Lines,
    /// Skipped lines by reason.
    pub skipped_by_reason: BTreeMap<String, u64>,
    /// The first skipped line of each reason, in order of the file.
    pub skipped_examples: Vec<SkippedLine>,
    /// What else its first lines could be taken for, next best.
    pub runner_up: Option<RunnerUp>,
    /// Silence of five minutes or more: last record before and first one after; at most the first 1,000. `None`: its
    /// stamps are too irregular to tell. Logs of errors are silent while all is well.
    pub gaps: Option<Vec<(Time, Time)>>,
    /// The input that holds the same stream, more richly.
    pub duplicate_of: Option<String>,
    /// Damage: truncated gzip, trailing garbage, read error. Plain sentences.
    pub problems: Vec<String>,
}

/// A line that was not understood.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedLine {
    /// Line, from 1, in the decompressed file.
    pub line: u64,
    /// Why.
    pub reason: String,
    /// Its beginning, without its carrier.
    pub text: String,
}

/// A format that a file was nearly taken for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunnerUp {
    /// Format name.
    pub format: String,
    /// Carrier name.
    pub carrier: String,
    /// As [`Input::detection_score`].
    pub score: f64,
}

/// Every physical line is in exactly one of these.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Lines {
    /// All lines.
    pub total: u64,
    /// First lines of records.
    pub parsed: u64,
    /// Further lines of records.
    pub continuation: u64,
    /// Lines not understood.
    pub skipped: u64,
}

/// A source's clock against Odoo's.
#[derive(Debug, Clone, Serialize)]
pub struct Clock {
    /// Source name.
    pub source: String,
    /// The source's stamps minus Odoo's clock, after the zone is undone, seconds. `None`: not determinable.
    pub offset_s: Option<f64>,
    /// One-sigma-like bound, seconds.
    pub uncertainty_s: Option<f64>,
    /// Zone applied, seconds east of UTC, where the stamps carry none.
    pub zone_s: Option<i64>,
    /// How it was found.
    pub basis: String,
    /// Number of pairs.
    pub pairs: u64,
}
