//! `postgres_connections_exhausted`: PostgreSQL had no connection slots left.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct PostgresConnectionsExhausted;

impl Suspect for PostgresConnectionsExhausted {
    fn id(&self) -> &'static str {
        "postgres_connections_exhausted"
    }

    fn summary(&self) -> &'static str {
        "PostgreSQL had no connection slots left."
    }

    fn next_step(&self) -> &'static str {
        "Free slots (end idle sessions of other programs first), then bring processes × db_maxconn under max_connections."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.count(&m.too_many_clients, 3, 15.0, 10.0, "connections refused for lack of slots");
        weighed.say(
            m.http_500 * 2 > m.failed,
            4.0,
            0.0,
            format!("{} of {} failures are 500", m.http_500, m.failed),
            Vec::new(),
        );
        weighed
    }
}
