//! `bus_process_down`: The evented process did not answer; the HTTP lane was healthy.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct BusProcessDown;

impl Suspect for BusProcessDown {
    fn id(&self) -> &'static str {
        "bus_process_down"
    }

    fn summary(&self) -> &'static str {
        "The evented process did not answer; the HTTP lane was healthy."
    }

    fn next_step(&self) -> &'static str {
        "Restart only the evented process (the master respawns it when it is killed); leave the workers alone."
    }

    fn gate(&self, m: &Measures, kind: Kind) -> bool {
        kind == Kind::BusOutage && m.misrouted.count < 5
    }
    fn weigh(&self, m: &Measures, kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        let alone = kind == Kind::BusOutage && m.misrouted.count < 5;
        weighed.say(
            alone,
            20.0,
            20.0,
            format!("{} bus requests failed while the HTTP lane was healthy", m.bus_failed),
            Vec::new(),
        );
        weighed
    }
}
