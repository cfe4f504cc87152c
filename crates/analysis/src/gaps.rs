//! When an input said nothing for minutes: by all its records, not only by those that matter to an incident.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use stormtrace_logs::timestamp::SECOND_US;

/// Shorter silence is no gap, µs.
pub const SILENCE_US: i64 = 300 * SECOND_US;
/// Most stretches kept; with more, stamps are random and gaps mean nothing.
const MOST: usize = 10_000;

/// A stretch without a gap, with the lines that its ends stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Covered {
    from: (i64, u64),
    to: (i64, u64),
}

/// The times at which an input has records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// In order of time; neighbours are further apart than [`SILENCE_US`].
    covered: Vec<Covered>,
    full: bool,
}

impl Presence {
    /// Adds a record.
    pub fn add(&mut self, line: u64, us: i64) {
        // Nearly every record follows the last one.
        if let Some(last) = self.covered.last_mut()
            && us >= last.from.0
            && us.saturating_sub(last.to.0) <= SILENCE_US
        {
            if us > last.to.0 {
                last.to = (us, line);
            }
            return;
        }
        self.cover(Covered { from: (us, line), to: (us, line) });
    }

    /// Adds another part of the same input. The order does not matter.
    pub fn merge(&mut self, other: Presence) {
        self.full |= other.full;
        other.covered.into_iter().for_each(|stretch| self.cover(stretch));
    }

    fn cover(&mut self, mut new: Covered) {
        let first = self.covered.partition_point(|known| known.to.0.saturating_add(SILENCE_US) < new.from.0);
        let end = self.covered.partition_point(|known| known.from.0 <= new.to.0.saturating_add(SILENCE_US));
        for known in self.covered.get(first..end).unwrap_or_default() {
            new.from = new.from.min(known.from);
            // Of lines of one time the first.
            let later = |(us, line): (i64, u64)| (us, Reverse(line));
            new.to = if later(known.to) > later(new.to) { known.to } else { new.to };
        }
        if first == end && self.covered.len() >= MOST {
            self.full = true;
            return;
        }
        self.covered.splice(first..end.max(first), [new]);
    }

    /// Moves every stamp by what `shift` says for its line and time.
    pub fn shift(&mut self, shift: impl Fn(u64, i64) -> i64) {
        let moved = |(us, line): (i64, u64)| (us.saturating_add(shift(line, us)), line);
        for stretch in std::mem::take(&mut self.covered) {
            let (from, to) = (moved(stretch.from), moved(stretch.to));
            self.cover(Covered { from: from.min(to), to: from.max(to) });
        }
    }

    /// From the last record before to the first one after each gap, µs, in order of time; `None` where nothing tells.
    #[must_use]
    pub fn gaps(&self) -> Option<Vec<(i64, i64)>> {
        let pairs = self.covered.iter().zip(self.covered.iter().skip(1));
        (!self.full).then(|| pairs.map(|(before, after)| (before.to.0, after.from.0)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(seconds: &[i64]) -> Presence {
        of_lines(1, seconds)
    }

    fn of_lines(first: u64, seconds: &[i64]) -> Presence {
        let mut presence = Presence::default();
        (first..).zip(seconds).for_each(|(line, second)| presence.add(line, second * SECOND_US));
        presence
    }

    fn gaps(presence: &Presence) -> Vec<(i64, i64)> {
        let gaps = presence.gaps().unwrap();
        gaps.into_iter().map(|(from, to)| (from / SECOND_US, to / SECOND_US)).collect()
    }

    #[test]
    fn silence_is_found_whatever_the_order() {
        assert_eq!(gaps(&of(&[0, 100, 400, 701, 2000])), [(400, 701), (701, 2000)]);
        assert_eq!(gaps(&of(&[2000, 0, 701, 400, 100])), [(400, 701), (701, 2000)]);
        assert_eq!(gaps(&of(&[0, 600, 300])), [], "the third record closes the gap");
    }

    #[test]
    fn random_stamps_do_not_grow_without_bound() {
        let presence = of(&(0..30_000).map(|at| at * 1000).collect::<Vec<_>>());
        assert_eq!((presence.covered.len(), presence.gaps()), (MOST, None));
    }

    #[test]
    fn a_gap_moves_with_the_clock() {
        let mut presence = of(&[0, 1000]);
        presence.shift(|_, _| 3600 * SECOND_US);
        assert_eq!(gaps(&presence), [(3600, 4600)]);
    }

    proptest! {
        #[test]
        fn where_an_input_is_cut_does_not_show(seconds in prop::collection::vec(prop_oneof![0i64..9_000, 0i64..4], 1..40), cut in 0usize..40) {
            let cut = cut.min(seconds.len());
            let mut joined = of(&seconds[..cut]);
            joined.merge(of_lines(cut as u64 + 1, &seconds[cut..]));
            prop_assert_eq!(joined, of(&seconds));
        }
    }
}
