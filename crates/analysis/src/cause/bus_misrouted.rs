//! `bus_misrouted`: Bus requests were routed to the HTTP workers.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct BusMisrouted;

impl Suspect for BusMisrouted {
    fn id(&self) -> &'static str {
        "bus_misrouted"
    }

    fn summary(&self) -> &'static str {
        "Bus requests were routed to the HTTP workers."
    }

    fn next_step(&self) -> &'static str {
        "Route /websocket (16+) or /longpolling (15 and older) to gevent_port in the proxy."
    }

    fn gate(&self, m: &Measures, kind: Kind) -> bool {
        kind == Kind::BusOutage && m.misrouted.count >= 5
    }
    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.count(&m.misrouted, 5, 20.0, 20.0, "bus requests reached HTTP workers");
        weighed
    }
}
