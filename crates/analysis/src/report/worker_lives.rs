//! How every process of Odoo began and ended.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Reference, Time};

/// All lives that the captured Odoo logs show.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WorkerLives {
    /// One row for each role that was seen, master and evented process apart from the workers.
    pub roles: Vec<RoleLives>,
    /// The lives, oldest first; at most 5,000.
    pub lives: Vec<WorkerLife>,
    /// Lives that the list leaves out.
    pub omitted: u64,
}

/// The lives of one role.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RoleLives {
    /// `master`, `http`, `cron`, `evented`, `thread`, `other`.
    pub role: &'static str,
    /// Lives.
    pub lives: u64,
    /// Ends by reason: `real_time`, `cpu_time`, `memory_soft`, `memory_hard`, `oom_killer`, `max_requests`, `max_age`,
    /// `exception`, `parent_changed`, `graceful`, `signal`, `vanished`.
    pub ended: BTreeMap<&'static str, u64>,
    /// Without a sign of their end.
    pub open: u64,
    /// Replacements for which no end was told, where nothing tells whose it was; these are among the open ones.
    pub vanished_unnamed: u64,
    /// First line of the first such replacement.
    pub vanished_ref: Option<Reference>,
    /// Median length of the lives whose beginning and end are known, seconds.
    pub median_length_s: Option<f64>,
    /// Requests that they logged.
    pub requests: u64,
}

/// One life.
#[derive(Debug, Clone, Serialize)]
pub struct WorkerLife {
    /// As in [`RoleLives::role`].
    pub role: &'static str,
    /// `WorkerHTTP`, `WorkerCron` …, where told.
    pub class: Option<String>,
    /// Its pid.
    pub pid: u32,
    /// First line, where it tells of the beginning.
    pub born: Option<Reference>,
    /// The line that tells of the end; of one that vanished, of its successor.
    pub ended: Option<Reference>,
    /// When it was last heard of.
    pub last_seen: Option<Time>,
    /// As in [`RoleLives::ended`]; `None` while open.
    pub reason: Option<&'static str>,
    /// The limit that was printed, seconds.
    pub limit_s: Option<u32>,
    /// Lines that reported the end: the master repeats itself.
    pub reported: u64,
    /// Requests that it logged.
    pub requests: u64,
    /// Requests as it counted them itself on exiting.
    pub request_count: Option<u32>,
}
