//! The second look: where a first one had to thin records out, the spans around incidents are read again and kept whole.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use crate::detect::Found;
use crate::events::Events;
use crate::read::{Input, Spans};
use crate::service::LONGEST_QUEUE_US;
use crate::thin;

/// So long before and behind an incident requests bear on it, µs: half an hour is what it is compared with and recovers in, and
/// requests that end later may have begun in it.
const AROUND_US: i64 = 1800 * SECOND_US + LONGEST_QUEUE_US;

/// Line and stamp, µs in the input's own zone, of each record of the inputs that were thinned out; empty for the others.
pub struct Origins(Vec<Vec<(u64, i64)>>);

impl Origins {
    /// Notes the stamps before clocks are brought together.
    #[must_use]
    pub fn of(inputs: &[Input]) -> Self {
        let one = |input: &Input| {
            if input.partial.level == 0 {
                return Vec::new();
            }
            let stamps = input.partial.events.each_record().map(|(us, _, line, _)| (line, us));
            let mut stamps: Vec<(u64, i64)> = stamps.collect();
            // A run in order for each kind of record, which a stable sort merges.
            stamps.sort();
            stamps.dedup();
            stamps
        };
        Origins(inputs.iter().map(one).collect())
    }

    fn own_us(&self, input: u32, line: u64) -> Option<i64> {
        let stamps = self.0.get(input as usize)?;
        stamps.get(stamps.partition_point(|(known, _)| *known < line)).map(|(_, us)| *us)
    }

    /// Spans to keep whole, by label, in each input's own time; nothing if nothing was thinned out there, or all incidents
    /// are too long for `most` records. The first ones go first.
    #[must_use]
    pub fn spared(
        &self,
        found: &[Found],
        events: &Events,
        inputs: &[Input],
        most: u64,
    ) -> FxHashMap<String, Arc<Spans>> {
        let mut spared: FxHashMap<String, Spans> = FxHashMap::default();
        let mut left = most;
        for incident in found.iter().filter(|incident| !incident.isolated) {
            let (from, to) =
                (incident.start_us.saturating_sub(AROUND_US), incident.end_us.saturating_add(AROUND_US));
            let inside = || events.each_record().filter(|(us, ..)| (from..=to).contains(us));
            let needed: u64 = inside().map(|(.., count)| u64::from(count)).sum();
            if needed > left || inside().all(|(.., count)| count == 1) {
                continue;
            }
            left -= needed;
            let mut own: FxHashMap<u32, (i64, i64)> = FxHashMap::default();
            for (_, input, line, _) in inside() {
                if let Some(us) = self.own_us(input, line) {
                    let span = own.entry(input).or_insert((us, us));
                    *span = (span.0.min(us), span.1.max(us));
                }
            }
            for (input, (first, last)) in own {
                let Some(input) = inputs.get(input as usize) else { continue };
                let slack = thin::stretch_us(input.partial.level);
                spared
                    .entry(input.label.clone())
                    .or_default()
                    .push((first.saturating_sub(slack), last.saturating_add(slack)));
            }
        }
        spared.into_iter().map(|(label, spans)| (label, Arc::new(spans))).collect()
    }
}
