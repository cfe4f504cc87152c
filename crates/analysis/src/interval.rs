//! What time a host sample speaks for: it is an average over the interval since the sample before it.

use rustc_hash::FxHashMap;

use crate::events::Host;

impl Host {
    /// How much of its interval lies between the two instants, µs; `None` if it does not reach them.
    #[must_use]
    pub fn overlap_us(&self, from: i64, to: i64) -> Option<i64> {
        let overlap = self.us.min(to) - self.us.saturating_sub(self.step_us).max(from);
        (overlap >= 0).then_some(overlap)
    }

    /// Whether it speaks for the stretches: at least half of its interval lies in them. An average over ten minutes says
    /// little of three of them.
    #[must_use]
    pub fn speaks_for(&self, stretches: &[(i64, i64)]) -> bool {
        let overlaps = stretches.iter().filter_map(|(from, to)| self.overlap_us(*from, *to));
        overlaps.reduce(|a, b| a + b).is_some_and(|overlap| 2 * overlap >= self.step_us)
    }
}

/// Gives each sample, sorted by time, the interval that it averages over. Where a capture paused, it is the usual one.
pub fn measure_steps(host: &mut [Host]) {
    let mut steps: FxHashMap<u32, (i64, Vec<i64>)> = FxHashMap::default();
    for sample in host.iter() {
        let (last, steps) = steps.entry(sample.input).or_insert((sample.us, Vec::new()));
        if sample.us > *last {
            steps.push(sample.us - *last);
            *last = sample.us;
        }
    }
    let mut usual: FxHashMap<u32, i64> = FxHashMap::default();
    for (input, (_, mut steps)) in steps {
        steps.sort_unstable();
        usual.insert(input, steps.get(steps.len() / 2).copied().unwrap_or(0));
    }
    // The time of the last sample, and that of the one before it that was earlier.
    let mut seen: FxHashMap<u32, (i64, Option<i64>)> = FxHashMap::default();
    for sample in host {
        let usual = usual.get(&sample.input).copied().unwrap_or(0);
        let (last, before) = seen.entry(sample.input).or_insert((sample.us, None));
        if sample.us > *last {
            (*before, *last) = (Some(*last), sample.us);
        }
        let step = before.map_or(usual, |before| sample.us - before);
        sample.step_us = if step > usual.saturating_mul(2) { usual } else { step };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(s: i64, input: u32) -> Host {
        Host { us: s * 1_000_000, input, ..Host::default() }
    }

    #[test]
    fn steps() {
        // Two captures, one with several rows at a time and a pause.
        let mut host: Vec<Host> = [(0, 1), (600, 1), (600, 1), (900, 2), (1200, 1), (1800, 1), (9000, 1)]
            .into_iter()
            .map(|(s, input)| sample(s, input))
            .collect();
        measure_steps(&mut host);
        let steps: Vec<i64> = host.iter().map(|sample| sample.step_us / 1_000_000).collect();
        assert_eq!(steps, [600, 600, 600, 0, 600, 600, 600]);
    }

    #[test]
    fn ten_minutes_say_little_of_three() {
        let host = Host { step_us: 600, us: 1000, ..Host::default() };
        assert!(!host.speaks_for(&[(900, 1080)]));
        assert!(host.speaks_for(&[(300, 700)]));
        assert!(host.speaks_for(&[(400, 600), (700, 800)]));
        assert!(!host.speaks_for(&[(1001, 5000)]) && !host.speaks_for(&[]));
        // One alone is an instant.
        let alone = Host { us: 1000, ..Host::default() };
        assert!(alone.speaks_for(&[(900, 1080)]) && !alone.speaks_for(&[(1001, 1080)]));
    }
}
