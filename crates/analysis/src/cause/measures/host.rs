//! The machine: processors, storage, memory, during the incident and before.

use super::{Look, median};
use crate::report::Reference;

/// Figures of the host. Medians over samples.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// Processors busy, percent.
    pub busy: Option<f64>,
    /// Before the incident.
    pub busy_before: Option<f64>,
    /// Waiting for storage, percent.
    pub io_wait: Option<f64>,
    /// Before the incident.
    pub io_wait_before: Option<f64>,
    /// Processes blocked on storage.
    pub blocked: Option<f64>,
    /// Least free memory, bytes, over the median before.
    pub memory_left: Option<f64>,
    /// Most swap traffic, KiB/s.
    pub swap_kib_s: Option<f64>,
    /// A sample inside the incident.
    pub reference: Option<Reference>,
}

impl Host {
    pub(super) fn of(look: &Look<'_>) -> Self {
        let samples = &look.picture.events.host;
        let (before_from, before_to) = look.baseline();
        let inside = || samples.iter().filter(|sample| look.inside(sample.us));
        let before = || samples.iter().filter(|sample| (before_from..before_to).contains(&sample.us));
        let busy = |sample: &crate::events::Host| sample.cpu_busy_percent;
        let wait = |sample: &crate::events::Host| sample.io_wait_percent;
        let free = |sample: &crate::events::Host| sample.memory_free_bytes.map(|bytes| bytes as f64);
        let usual_free = median(before().filter_map(free).collect());
        let least = inside().filter_map(free).reduce(f64::min);
        Host {
            busy: median(inside().filter_map(busy).collect()),
            busy_before: median(before().filter_map(busy).collect()),
            io_wait: median(inside().filter_map(wait).collect()),
            io_wait_before: median(before().filter_map(wait).collect()),
            blocked: median(inside().filter_map(|sample| sample.blocked).map(f64::from).collect()),
            memory_left: least
                .zip(usual_free)
                .filter(|(_, usual)| *usual > 0.0)
                .map(|(least, usual)| least / usual),
            swap_kib_s: inside().filter_map(|sample| sample.swap_kib_s).reduce(f64::max),
            reference: inside()
                .nth(inside().count() / 2)
                .map(|sample| look.places.reference(sample.input, sample.line, sample.us)),
        }
    }

    /// How much busier the processors were than before, percentage points; against an idle machine where nothing tells.
    #[must_use]
    pub fn busier(&self) -> Option<f64> {
        self.busy.map(|busy| busy - self.busy_before.unwrap_or(busy.min(20.0)))
    }
}
