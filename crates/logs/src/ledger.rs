//! The account of every physical line: parsed, continuation, or skipped with a reason.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Bytes kept of a skipped line.
const KEPT_BYTES: usize = 300;

/// The first line that was skipped for some reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Example {
    /// Line number from 1.
    pub line: u64,
    /// Its first 300 bytes, without its carrier where that was understood; what is no UTF-8 is replaced.
    pub text: Box<str>,
}

/// Counts for one input. `total == parsed + continuation + skipped()` always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ledger {
    /// First lines of records.
    pub parsed: u64,
    /// Further lines of records.
    pub continuation: u64,
    /// Lines not understood, by reason.
    pub skipped_by_reason: BTreeMap<Cow<'static, str>, u64>,
    /// The first skipped line of each reason.
    pub examples: BTreeMap<Cow<'static, str>, Example>,
    /// Messages that a carrier says it left out: journald's rate limit, lines that syslog folded as repeated.
    pub left_out: u64,
    /// Bytes taken away before lines: holes of NULs, as a file has that is emptied while it is written.
    pub nul_bytes: u64,
    /// Records with more lines or bytes than are kept; their further lines are counted as continuation.
    pub shortened_records: u64,
}

impl Ledger {
    /// Books a record of `lines` physical lines.
    pub fn record(&mut self, lines: u64) {
        self.parsed += lines.min(1);
        self.continuation += lines.saturating_sub(1);
    }

    /// Books `lines` lines from line `at` as skipped for `reason`; `text` begins with the first of them.
    pub fn skip(&mut self, at: u64, lines: u64, reason: &'static str, text: &[u8]) {
        if lines == 0 {
            return;
        }
        *self.skipped_by_reason.entry(reason.into()).or_insert(0) += lines;
        // The example that comes first in the file, in whatever order they are met.
        if self.examples.get(reason).is_none_or(|known| at < known.line) {
            let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = line.get(..KEPT_BYTES).unwrap_or(line);
            let text = String::from_utf8_lossy(line).trim_end().into();
            self.examples.insert(reason.into(), Example { line: at, text });
        }
    }

    /// All skipped lines.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped_by_reason.values().sum()
    }

    /// All lines.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.parsed + self.continuation + self.skipped()
    }

    /// Adds the ledger of the part of the same input that follows.
    pub fn merge(&mut self, later: &Ledger) {
        self.parsed += later.parsed;
        self.continuation += later.continuation;
        self.left_out += later.left_out;
        self.nul_bytes += later.nul_bytes;
        self.shortened_records += later.shortened_records;
        for (reason, lines) in &later.skipped_by_reason {
            *self.skipped_by_reason.entry(reason.clone()).or_insert(0) += lines;
        }
        for (reason, example) in &later.examples {
            if self.examples.get(reason).is_none_or(|known| example.line < known.line) {
                self.examples.insert(reason.clone(), example.clone());
            }
        }
    }
}
