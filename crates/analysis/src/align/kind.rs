//! The kinds of pair, strongest first: which records of two sources are one event seen twice.

use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::SECOND_US;

use super::estimate::Pair;
use super::{failures, kills, requests, statements};
use crate::read::Input;

/// Records of `source` that must coincide with records of `reference`.
pub struct Kind {
    /// The source whose clock is known.
    pub reference: Source,
    /// The source whose clock is sought.
    pub source: Source,
    /// What coincides, for the report.
    pub basis: &'static str,
    /// How far apart the two records may be by nature, µs: no offset is known better.
    pub blur_us: i64,
    /// All pairs that may be one event: inputs of the reference, inputs of the source.
    pub pairs: fn(&[&Input], &[&Input]) -> Vec<Pair>,
}

/// Every kind. A source takes the first that yields an offset.
pub const ALL: [Kind; 11] = [
    requests::SERVED,
    requests::FURTHER_HOST,
    kills::BAD_GATEWAYS,
    failures::REQUESTS,
    failures::UPSTREAM,
    kills::LOST_UPSTREAMS,
    kills::LOST_CONNECTIONS,
    failures::STATEMENTS,
    requests::STATEMENTS,
    statements::SNAPSHOTS,
    kills::OUT_OF_MEMORY,
];

/// Where in time an event lies whose stamp names only the second that it fell into: a stamp `t` means [t, t + 1).
pub fn centred(input: &Input, us: i64) -> i64 {
    match input.partial.resolution_us {
        Some(resolution_us) if resolution_us >= SECOND_US => us.saturating_add(resolution_us / 2),
        _ => us,
    }
}
