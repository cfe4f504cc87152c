//! `lock_holder_active`: a running statement held the lock that others waited for (methods 4).

use super::lock_items::{BEFORE, ONE_ROOT, SHARE, WAITS, doing};
use super::{Family, Item, Suspect, mechanism};
use crate::waits::Doing;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "lock_holder_active",
    summary: "A running statement held the lock that others waited for.",
    next_step: "pg_cancel_backend(PID) of the holder first, pg_terminate_backend only if that fails; then set statement_timeout for its role.",
    needs: "snapshots of pg_stat_activity with pg_blocking_pids, or the PostgreSQL log with log_lock_waits = on",
    gate: None,
    begins: |m| m.locks.root_sign(),
    items: &[
        WAITS,
        SHARE,
        ONE_ROOT,
        Item {
            asks: "the session that held the lock was running a statement",
            family: Family::Holder,
            present_db: 9.0,
            absent_db: -10.0,
            contradicted_db: -10.0,
            look: |m| doing(m, Doing::Running),
        },
        BEFORE,
    ],
    explained_by: &[("cron_storm", |m| m.locks.root_is_odoo), ("disk_io_stall", |m| m.locks.roots > 2)],
    beside: mechanism,
    culprit: |m| m.locks.culprit.clone(),
};
