//! `cpu_bound_requests`: Requests computed in Python and used up the processors.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct CpuBoundRequests;

impl Suspect for CpuBoundRequests {
    fn id(&self) -> &'static str {
        "cpu_bound_requests"
    }

    fn summary(&self) -> &'static str {
        "Requests computed in Python and used up the processors."
    }

    fn next_step(&self) -> &'static str {
        "Find the endpoint (see the table); limit it, move it to a job, give it fewer records."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.count(&m.cpu_kills, 2, 12.0, 3.0, "workers ended by limit_time_cpu");
        match m.cpu_busy {
            Some(busy) => {
                weighed.say(busy >= 85.0, 5.0, 6.0, format!("median processor use {busy:.0} %"), Vec::new())
            }
            None => weighed.unknown("processor use: no host metrics"),
        }
        if let Some(share) = m.sql_share {
            weighed.say(
                share < 0.3,
                3.0,
                4.0,
                format!("{:.0} % of the time of slow requests was SQL", 100.0 * share),
                Vec::new(),
            );
        }
        weighed
    }
}
