//! The machine: processors, storage, memory, during the incident and before.

use std::collections::BTreeMap;

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
    /// Tasks waiting for a processor, percent of the time.
    pub cpu_pressure: Option<f64>,
    /// Before the incident.
    pub cpu_pressure_before: Option<f64>,
    /// Tasks waiting for storage, percent of the time.
    pub io_pressure: Option<f64>,
    /// Before the incident.
    pub io_pressure_before: Option<f64>,
    /// The busiest device, percent of the time.
    pub device_busy: Option<f64>,
    /// Before the incident.
    pub device_busy_before: Option<f64>,
    /// Periods in which a processor quota throttled, percent.
    pub throttled: Option<f64>,
    /// Tasks waiting for memory, percent of the time.
    pub memory_pressure: Option<f64>,
    /// Fullest container, percent of its limit.
    pub memory_of_limit: Option<f64>,
    /// Processes killed in control groups.
    pub group_kills: Option<u64>,
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
        let inside = || samples.iter().filter(|sample| look.speaks(sample));
        let usual = [(before_from, before_to)];
        let before = || samples.iter().filter(|sample| sample.us < before_to && sample.speaks_for(&usual));
        // What is there at one instant is no average.
        let seen = || samples.iter().filter(|sample| look.inside(sample.us));
        let busy = |sample: &crate::events::Host| sample.figures.cpu_busy_percent;
        let wait = |sample: &crate::events::Host| sample.figures.io_wait_percent;
        // The page cache takes what is free without harm, so what is available says more where it was sampled.
        let has_available = seen().any(|sample| sample.figures.memory_available_bytes.is_some());
        let free = |sample: &crate::events::Host| {
            let bytes = if has_available {
                sample.figures.memory_available_bytes
            } else {
                sample.figures.memory_free_bytes
            };
            bytes.map(|bytes| bytes as f64)
        };
        let device = |sample: &crate::events::Host| sample.figures.device_busy_percent;
        let throttled = |sample: &crate::events::Host| sample.figures.throttled_percent;
        let cpu_pressure = |sample: &crate::events::Host| sample.figures.cpu_pressure_percent;
        let io_pressure = |sample: &crate::events::Host| sample.figures.io_pressure_percent;
        let usual_free = median(before().filter_map(free).collect());
        let least = seen().filter_map(free).reduce(f64::min);
        Host {
            busy: median(inside().filter_map(busy).collect()),
            busy_before: median(before().filter_map(busy).collect()),
            io_wait: median(inside().filter_map(wait).collect()),
            io_wait_before: median(before().filter_map(wait).collect()),
            blocked: median(inside().filter_map(|sample| sample.figures.blocked).map(f64::from).collect()),
            cpu_pressure: median(inside().filter_map(cpu_pressure).collect()),
            cpu_pressure_before: median(before().filter_map(cpu_pressure).collect()),
            io_pressure: median(inside().filter_map(io_pressure).collect()),
            io_pressure_before: median(before().filter_map(io_pressure).collect()),
            device_busy: median(highest(inside(), device)),
            device_busy_before: median(highest(before(), device)),
            throttled: median(highest(inside(), throttled)),
            memory_pressure: median(
                inside().filter_map(|sample| sample.figures.memory_pressure_percent).collect(),
            ),
            memory_of_limit: seen()
                .filter_map(|sample| sample.figures.memory_of_limit_percent)
                .reduce(f64::max),
            group_kills: inside()
                .filter_map(|sample| sample.figures.out_of_memory_kills)
                .reduce(|a, b| a + b),
            memory_left: least
                .zip(usual_free)
                .filter(|(_, usual)| *usual > 0.0)
                .map(|(least, usual)| least / usual),
            swap_kib_s: inside().filter_map(|sample| sample.figures.swap_kib_s).reduce(f64::max),
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

/// The highest of several devices or control groups at each time.
fn highest<'e>(
    samples: impl Iterator<Item = &'e crate::events::Host>,
    figure: impl Fn(&crate::events::Host) -> Option<f64>,
) -> Vec<f64> {
    let mut highest: BTreeMap<i64, f64> = BTreeMap::new();
    for (us, percent) in samples.filter_map(|sample| Some((sample.us, figure(sample)?))) {
        let known = highest.entry(us).or_insert(percent);
        *known = known.max(percent);
    }
    highest.into_values().collect()
}
