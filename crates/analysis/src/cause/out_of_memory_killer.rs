//! `out_of_memory_killer`: The kernel killed processes for lack of memory.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct OutOfMemoryKiller;

impl Suspect for OutOfMemoryKiller {
    fn id(&self) -> &'static str {
        "out_of_memory_killer"
    }

    fn summary(&self) -> &'static str {
        "The kernel killed processes for lack of memory."
    }

    fn next_step(&self) -> &'static str {
        "Lower workers or limit_memory_hard so that workers × limit fits into memory; add swap only as a cushion."
    }

    fn gate(&self, m: &Measures, _kind: Kind) -> bool {
        m.oom_kills.count >= 2 && 2 * m.oom_kills.count >= m.kills
    }
    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.count(&m.oom_kills, 1, 15.0, 5.0, "workers killed by the kernel");
        weighed.count(&m.premature, 1, 3.0, 0.0, "answers cut off by the death of a worker");
        weighed
    }
}
