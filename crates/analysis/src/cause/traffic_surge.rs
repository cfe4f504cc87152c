//! `traffic_surge`: More requests arrived than the workers can serve.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct TrafficSurge;

impl Suspect for TrafficSurge {
    fn id(&self) -> &'static str {
        "traffic_surge"
    }

    fn summary(&self) -> &'static str {
        "More requests arrived than the workers can serve."
    }

    fn next_step(&self) -> &'static str {
        "Shed load at the proxy (rate limit, static answers), then add workers if the machine has room."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        match m.arrival_factor {
            Some(factor) => weighed.say(
                factor >= 2.0,
                12.0,
                8.0,
                format!("requests arrived at {factor:.1} times the earlier rate"),
                Vec::new(),
            ),
            None => weighed.unknown("the arrival rate before the onset"),
        }
        if m.snapshots > 0 {
            weighed.say(
                m.most_lock_waiters < 2 && m.slow_statements.count < 3,
                2.0,
                6.0,
                "no lock waits and no long statements".to_owned(),
                Vec::new(),
            );
        }
        weighed
    }
}
