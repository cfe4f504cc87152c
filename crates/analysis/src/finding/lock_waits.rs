//! Whether PostgreSQL logs who waits for whom, and soon enough.

use super::units::short;
use super::{Look, finding};
use crate::events::PostgresFact;
use crate::report::{Finding, Severity};

/// `log_lock_waits_off`, `deadlock_timeout_high`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let events = &look.picture.events.postgres;
    let logged = events.iter().any(|event| matches!(event.fact, PostgresFact::StillWaiting { .. }));
    if let Some(value) = look.postgres("log_lock_waits")
        && value.postgres_boolean() == Some(false)
        && !logged
    {
        // The default changes with PostgreSQL 19.
        let until = if value.default { ", up to version 18" } else { "" };
        found.push(finding(
            "log_lock_waits_off",
            Severity::Info,
            "Lock waits are not logged",
            format!("{}{until}: the session that held a lock can only be told from snapshots.", value.said),
            vec![value.reference],
            "log_lock_waits = on",
        ));
    }
    if let (Some(wait), Some(limit)) = (look.postgres("deadlock_timeout"), look.worker_limit())
        && let Some(seconds) = wait.postgres_seconds()
        && seconds * 2.0 > limit.seconds
    {
        found.push(finding(
            "deadlock_timeout_high",
            Severity::Info,
            "Lock waits are logged too late",
            format!(
                "{}: a wait is logged, and a deadlock looked for, only after {} s, but {}; most waits end with their \
                 worker before that.",
                wait.said,
                short(seconds),
                limit.said
            ),
            vec![wait.reference, limit.reference],
            "deadlock_timeout = 1s",
        ));
    }
    found
}
