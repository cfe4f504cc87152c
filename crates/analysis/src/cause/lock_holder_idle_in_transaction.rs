//! `lock_holder_idle_in_transaction`: a session held locks while idle in transaction; others waited for it (methods 4).

use super::lock_items::{BEFORE, ONE_ROOT, SHARE, WAITS, doing};
use super::{Family, Item, Suspect, mechanism};
use crate::waits::Doing;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "lock_holder_idle_in_transaction",
    summary: "A session held locks while idle in transaction; others waited for it.",
    next_step: "End that one session: pg_cancel_backend does nothing to an idle session, so pg_terminate_backend(PID) after looking at it; then set idle_in_transaction_session_timeout for its role.",
    needs: "snapshots of pg_stat_activity with pg_blocking_pids, or the PostgreSQL log with log_lock_waits = on",
    gate: None,
    items: &[
        WAITS,
        SHARE,
        ONE_ROOT,
        Item {
            asks: "the session that held the lock was idle in transaction",
            family: Family::Holder,
            present_db: 9.0,
            absent_db: -10.0,
            contradicted_db: -10.0,
            look: |m| doing(m, Doing::Idle),
        },
        BEFORE,
    ],
    explained_by: &[
        // A worker that waits for a service outside keeps its transaction, and its locks, open.
        ("external_call_slow", |m| 2 * m.locks.odoo_roots > m.locks.roots && m.messages.external.count > 0),
        ("cron_storm", |m| m.locks.root_is_odoo),
    ],
    beside: mechanism,
    culprit: |m| m.locks.culprit.clone(),
};
