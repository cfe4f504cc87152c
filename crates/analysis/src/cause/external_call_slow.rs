//! `external_call_slow`: Requests waited for a service outside.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct ExternalCallSlow;

impl Suspect for ExternalCallSlow {
    fn id(&self) -> &'static str {
        "external_call_slow"
    }

    fn summary(&self) -> &'static str {
        "Requests waited for a service outside."
    }

    fn next_step(&self) -> &'static str {
        "Set a timeout of seconds on that call, or switch the connector off until the service is back."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.count(&m.external, 1, 6.0, 0.0, "calls to outside services that failed");
        if let (Some(share), Some(busy)) = (m.sql_share, m.cpu_busy) {
            weighed.say(
                share < 0.3 && busy < 60.0,
                5.0,
                4.0,
                format!(
                    "slow requests spent {:.0} % in SQL while processors were {busy:.0} % busy",
                    100.0 * share
                ),
                Vec::new(),
            );
        }
        if m.snapshots > 0 {
            weighed.say(
                m.slow_statements.count == 0 && m.most_lock_waiters == 0,
                4.0,
                6.0,
                "no long statement and no lock wait in the snapshots".to_owned(),
                Vec::new(),
            );
        }
        weighed
    }
}
