//! `cron_storm`: Scheduled jobs took the workers, the locks or the machine.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct CronStorm;

impl Suspect for CronStorm {
    fn id(&self) -> &'static str {
        "cron_storm"
    }

    fn summary(&self) -> &'static str {
        "Scheduled jobs took the workers, the locks or the machine."
    }

    fn next_step(&self) -> &'static str {
        "Let the jobs finish or cancel their statements; spread their schedules, lower max_cron_threads."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.count(&m.cron_kills, 1, 9.0, 2.0, "cron workers killed");
        weighed.count(&m.cron_started, 2, 5.0, 5.0, "jobs started around the onset");
        weighed
    }
}
