//! `memory_recycling`: Workers recycled on the soft memory limit faster than they could warm up.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct MemoryRecycling;

impl Suspect for MemoryRecycling {
    fn id(&self) -> &'static str {
        "memory_recycling"
    }

    fn summary(&self) -> &'static str {
        "Workers recycled on the soft memory limit faster than they could warm up."
    }

    fn next_step(&self) -> &'static str {
        "Raise limit_memory_soft, or find the request that grows the workers."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.count(&m.memory_soft, 5, 14.0, 15.0, "workers recycled on the soft memory limit");
        weighed
    }
}
