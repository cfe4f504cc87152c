//! `lock_holder_active`: A running statement held the lock that others waited for.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct LockHolderActive;

impl Suspect for LockHolderActive {
    fn id(&self) -> &'static str {
        "lock_holder_active"
    }

    fn summary(&self) -> &'static str {
        "A running statement held the lock that others waited for."
    }

    fn next_step(&self) -> &'static str {
        "pg_cancel_backend(PID) of the holder first, pg_terminate_backend only if that fails; then set statement_timeout for its role."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.say(
            m.most_lock_waiters >= 2 || m.lock_waits.count >= 3,
            7.0,
            8.0,
            format!(
                "{} lock waits logged, at most {} sessions waiting at once",
                m.lock_waits.count, m.most_lock_waiters
            ),
            m.lock_waits.first.iter().cloned().collect(),
        );
        match &m.blocker {
            Some(blocker) => {
                let refs = blocker.culprit.reference.iter().cloned().collect();
                let pid = blocker.culprit.pid.unwrap_or(0);
                weighed.say(
                    2 * blocker.waits >= blocker.of,
                    6.0,
                    3.0,
                    format!("{} of {} waits end at backend {pid}", blocker.waits, blocker.of),
                    refs,
                );
                match blocker.idle {
                    Some(idle) => weighed.say(
                        !idle,
                        8.0,
                        12.0,
                        format!(
                            "backend {pid} was {} when it blocked",
                            if idle { "idle in transaction" } else { "running a statement" }
                        ),
                        blocker.culprit.reference.iter().cloned().collect(),
                    ),
                    None => {
                        weighed.unknown("whether the blocker was running a statement: no snapshot shows it")
                    }
                }
                weighed.culprit = Some(blocker.culprit.clone());
            }
            None => {
                weighed.unknown("who held the lock: no snapshot with pg_blocking_pids, no log_lock_waits")
            }
        }
        weighed
    }
}
