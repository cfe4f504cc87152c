//! Stretches of an input in which its stamps run on: where they jump, a zone may have changed, a year or the log ended.

use serde::{Deserialize, Serialize};
use stormtrace_logs::timestamp::SECOND_US;

/// Stamps of several processes are out of order by seconds; a clock put back for winter jumps by an hour.
const BACK_US: i64 = 1800 * SECOND_US;
/// A clock put forward for summer skips an hour.
const AHEAD_US: i64 = 3000 * SECOND_US;
/// Most stretches kept; what follows belongs to the last one.
const MOST: usize = 10_000;

/// Records between two jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Line of the first record.
    pub line: u64,
    /// Stamp of the first record, µs.
    pub first_us: i64,
    /// Stamp of the last record, µs.
    pub last_us: i64,
    /// Earliest stamp, µs.
    pub from_us: i64,
    /// Latest stamp, µs.
    pub to_us: i64,
}

/// All stretches of an input, in file order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretches(Vec<Stretch>);

impl Stretches {
    /// Adds the next record.
    pub fn add(&mut self, line: u64, us: i64) {
        self.push(Stretch { line, first_us: us, last_us: us, from_us: us, to_us: us });
    }

    /// Adds what follows in the same input. Appending is associative.
    pub fn append(&mut self, later: Stretches) {
        later.0.into_iter().for_each(|stretch| self.push(stretch));
    }

    fn push(&mut self, next: Stretch) {
        let full = self.0.len() >= MOST;
        match self.0.last_mut() {
            Some(last)
                if full || (-BACK_US..=AHEAD_US).contains(&(next.first_us.saturating_sub(last.last_us))) =>
            {
                last.last_us = next.last_us;
                last.from_us = last.from_us.min(next.from_us);
                last.to_us = last.to_us.max(next.to_us);
            }
            _ => self.0.push(next),
        }
    }

    /// Moves every stamp by what `shift` says for its line and time; the span afterwards, `None` without stamps, µs.
    pub fn shift(&mut self, shift: impl Fn(u64, i64) -> i64) -> Option<(i64, i64)> {
        let ends: Vec<u64> =
            self.0.iter().skip(1).map(|next| next.line.saturating_sub(1)).chain([u64::MAX]).collect();
        for (stretch, last_line) in self.0.iter_mut().zip(ends) {
            let begin = |us: i64| us.saturating_add(shift(stretch.line, us));
            let end = |us: i64| us.saturating_add(shift(last_line, us));
            let (first_us, from_us) = (begin(stretch.first_us), begin(stretch.from_us));
            let (last_us, to_us) = (end(stretch.last_us), end(stretch.to_us));
            *stretch = Stretch { line: stretch.line, first_us, last_us, from_us, to_us };
        }
        self.0
            .iter()
            .map(|stretch| (stretch.from_us, stretch.to_us))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The stretches, without excursions: a damaged stamp leaves the line of time and the next one is back on it.
    #[must_use]
    pub fn steady(&self) -> Vec<Stretch> {
        let mut steady = Stretches::default();
        for (at, stretch) in self.0.iter().enumerate() {
            let back = match (steady.0.last(), self.0.get(at + 1)) {
                (Some(before), Some(after)) => {
                    (-BACK_US..=AHEAD_US).contains(&(after.first_us.saturating_sub(before.last_us)))
                }
                _ => false,
            };
            if !back {
                steady.push(*stretch);
            }
        }
        steady.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(stamps: &[i64]) -> Stretches {
        let mut stretches = Stretches::default();
        (1..).zip(stamps).for_each(|(line, second)| stretches.add(line, second * SECOND_US));
        stretches
    }

    #[test]
    fn an_hour_back_begins_a_stretch_and_a_damaged_stamp_does_not() {
        assert_eq!(of(&[0, 3500, 3501, 3590]).steady().len(), 1 + 1);
        let fold = of(&[0, 2000, 3599, 0, 10]).steady();
        assert_eq!((fold.len(), fold.last().unwrap().line), (2, 4));
        assert_eq!(of(&[0, 10, 90_000, 20, 30]).steady().len(), 1);
    }

    proptest! {
        #[test]
        fn where_blocks_are_cut_does_not_show(stamps in prop::collection::vec(0i64..20_000, 1..40), cut in 0usize..40) {
            let cut = cut.min(stamps.len());
            let mut joined = of(&stamps[..cut]);
            let mut rest = Stretches::default();
            (cut as u64 + 1..).zip(&stamps[cut..]).for_each(|(line, second)| rest.add(line, second * SECOND_US));
            joined.append(rest);
            prop_assert_eq!(joined, of(&stamps));
        }
    }
}
