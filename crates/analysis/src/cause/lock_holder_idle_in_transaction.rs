//! `lock_holder_idle_in_transaction`: a session held locks while idle in transaction; others waited for it (methods 4).

use super::lock_items::{BEFORE, ONE_ROOT, SHARE, WAITS, doing};
use super::{Answer, Family, Item, Suspect, mechanism};
use crate::waits::Doing;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "lock_holder_idle_in_transaction",
    summary: "A session held locks while idle in transaction; others waited for it.",
    next_step: "End that one session: pg_cancel_backend does nothing to an idle session, so pg_terminate_backend(PID) after looking at it; then set idle_in_transaction_session_timeout for its role.",
    needs: "snapshots of pg_stat_activity with pg_blocking_pids, or the PostgreSQL log with log_lock_waits = on",
    gate: None,
    begins: |m| m.locks.root_sign(),
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
        Item {
            asks: "it was one foreign session, not Odoo's own workers one after another",
            family: Family::Holder,
            present_db: 2.0,
            absent_db: -5.0,
            contradicted_db: -5.0,
            look: |m| {
                let locks = &m.locks;
                let Some(root) = &locks.root else { return Answer::Unknown("who held the locks") };
                let reference = locks.culprit.as_ref().and_then(|culprit| culprit.reference.clone());
                if locks.odoo_idle_roots >= 2 && 2 * locks.odoo_idle_roots > locks.roots {
                    let statement = format!(
                        "{} of {} sessions that others waited for are Odoo's own, idle in transaction: their workers were busy elsewhere",
                        locks.odoo_idle_roots, locks.roots
                    );
                    Answer::Contradicted(statement, reference)
                } else if locks.root_is_odoo {
                    Answer::Unknown("whose session the holder was: it looks like Odoo's own")
                } else {
                    Answer::Present(format!("backend {} is not one of Odoo's", root.pid), reference)
                }
            },
        },
    ],
    explained_by: &[
        // A worker that waits for a service outside, or computes, keeps its transaction, and its locks, open.
        ("external_call_slow", |m| 2 * m.locks.odoo_idle_roots > m.locks.roots),
        ("cpu_bound_requests", |m| 2 * m.locks.odoo_idle_roots > m.locks.roots),
        ("cron_storm", |m| m.locks.root_is_odoo),
    ],
    beside: mechanism,
    culprit: |m| m.locks.culprit.clone(),
};
