//! `connection_pool_exhausted`: A process used up its own connection pool (db_maxconn).

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct ConnectionPoolExhausted;

impl Suspect for ConnectionPoolExhausted {
    fn id(&self) -> &'static str {
        "connection_pool_exhausted"
    }

    fn summary(&self) -> &'static str {
        "A process used up its own connection pool (db_maxconn)."
    }

    fn next_step(&self) -> &'static str {
        "Raise db_maxconn, or find who keeps connections; check that PostgreSQL has slots for it."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.count(&m.pool_full, 3, 12.0, 10.0, "times the pool was full");
        weighed.say(
            m.http_500 * 2 > m.failed.max(1),
            4.0,
            4.0,
            format!("{} of {} failures are 500", m.http_500, m.failed),
            Vec::new(),
        );
        weighed.say(
            m.most_lock_waiters == 0 && m.lock_waits.count < 5,
            2.0,
            10.0,
            format!("{} sessions waited for locks", m.most_lock_waiters),
            Vec::new(),
        );
        weighed
    }
}
