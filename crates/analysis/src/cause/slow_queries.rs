//! `slow_queries`: Statements ran long by themselves, without waiting for locks.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct SlowQueries;

impl Suspect for SlowQueries {
    fn id(&self) -> &'static str {
        "slow_queries"
    }

    fn summary(&self) -> &'static str {
        "Statements ran long by themselves, without waiting for locks."
    }

    fn next_step(&self) -> &'static str {
        "pg_cancel_backend the longest ones; then EXPLAIN them: a missing index, a changed plan, a report without limits."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.count(&m.slow_statements, 3, 9.0, 8.0, "statements over 5 s that waited for no lock");
        if let Some(share) = m.sql_share {
            weighed.say(
                share >= 0.5,
                3.0,
                3.0,
                format!("{:.0} % of the time of slow requests was SQL", 100.0 * share),
                Vec::new(),
            );
        }
        if m.snapshots > 0 || m.postgres_log {
            let few = 3 * m.most_lock_waiters < m.slow_statements.count.max(1) && m.lock_waits.count < 10;
            weighed.say(
                few,
                4.0,
                8.0,
                format!("at most {} sessions waited for locks", m.most_lock_waiters),
                m.lock_waits.first.iter().cloned().collect(),
            );
        }
        if let Some(wait) = m.io_wait {
            weighed.say(wait < 25.0, 1.0, 8.0, format!("median I/O wait {wait:.0} %"), Vec::new());
        }
        weighed
    }
}
