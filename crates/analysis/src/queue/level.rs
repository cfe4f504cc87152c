//! How many intervals are open at each instant: requests in flight, busy workers.

use crate::time_order::sort_by_time;

/// A step function of time, zero outside the span it was made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Level {
    /// Instant (µs) and the level from then on, in order of time.
    steps: Vec<(i64, i64)>,
}

/// The level from an instant on.
fn step(steps: &mut Vec<(i64, i64)>, us: i64, level: i64) {
    match steps.last_mut() {
        Some(last) if last.0 == us => last.1 = level,
        _ => steps.push((us, level)),
    }
}

impl Level {
    /// Counts `intervals` (start, end; µs), clipped to `from ..= to`. Empty and reversed ones count nothing.
    #[must_use]
    pub fn of(intervals: impl Iterator<Item = (i64, i64)>, from: i64, to: i64) -> Self {
        // Taken at once: as they grow, as much again would be moved.
        let most = intervals.size_hint().1.unwrap_or(0);
        let (mut starts, mut ends) = (Vec::with_capacity(most), Vec::with_capacity(most));
        for (start, end) in intervals.map(|(start, end)| (start.max(from), end.min(to))) {
            if start < end {
                starts.push(start);
                ends.push(end);
            }
        }
        sort_by_time(&mut starts, |us| *us);
        sort_by_time(&mut ends, |us| *us);
        let mut steps: Vec<(i64, i64)> = Vec::with_capacity(starts.len() + ends.len());
        let mut level = 0i64;
        let mut starts = starts.into_iter().peekable();
        for end in ends {
            // Each has begun before it ends, so the last change of all is an end.
            while let Some(start) = starts.next_if(|start| *start <= end) {
                level += 1;
                step(&mut steps, start, level);
            }
            level -= 1;
            step(&mut steps, end, level);
        }
        Level { steps }
    }

    /// The larger of two levels at each instant.
    #[must_use]
    pub fn or_higher(&self, other: &Level) -> Level {
        let (mut own, mut others) = (self.steps.iter().peekable(), other.steps.iter().peekable());
        let (mut a, mut b) = (0, 0);
        let mut steps = Vec::with_capacity(self.steps.len() + other.steps.len());
        while let Some((us, _)) = own.peek().into_iter().chain(others.peek()).min_by_key(|(us, _)| *us) {
            let us = *us;
            if let Some((_, level)) = own.next_if(|(at, _)| *at == us) {
                a = *level;
            }
            if let Some((_, level)) = others.next_if(|(at, _)| *at == us) {
                b = *level;
            }
            steps.push((us, a.max(b)));
        }
        Level { steps }
    }

    /// The level, at most `limit`.
    #[must_use]
    pub fn capped(&self, limit: i64) -> Level {
        Level { steps: self.steps.iter().map(|(us, level)| (*us, (*level).min(limit))).collect() }
    }

    /// Nothing was ever open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The highest level.
    #[must_use]
    pub fn peak(&self) -> i64 {
        self.steps.iter().map(|(_, level)| *level).max().unwrap_or(0)
    }

    /// Integral over time, in units × seconds.
    #[must_use]
    pub fn area_s(&self) -> f64 {
        let area_us: i64 = self
            .pieces()
            .map(|(from, to, level)| level.saturating_mul(to.saturating_sub(from)))
            .fold(0, i64::saturating_add);
        area_us as f64 / 1e6
    }

    /// Stretches with at least that level, in order, µs.
    #[must_use]
    pub fn at_least(&self, level: i64) -> Vec<(i64, i64)> {
        let mut stretches: Vec<(i64, i64)> = Vec::new();
        for (from, to, seen) in self.pieces() {
            if seen < level {
                continue;
            }
            match stretches.last_mut() {
                Some(last) if last.1 == from => last.1 = to,
                _ => stretches.push((from, to)),
            }
        }
        stretches
    }

    /// Instants (µs) in order, and the level from each on.
    pub fn steps(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.steps.iter().copied()
    }

    /// Pieces of constant level: from, to (µs), level.
    fn pieces(&self) -> impl Iterator<Item = (i64, i64, i64)> + '_ {
        self.steps.iter().zip(self.steps.iter().skip(1)).map(|((from, level), (to, _))| (*from, *to, *level))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Level;

    #[test]
    fn counts_clips_and_measures() {
        let level = Level::of([(0, 10), (5, 20), (5, 5), (30, 25), (18, 99)].into_iter(), 2, 40);
        assert_eq!(level.peak(), 2);
        assert_eq!(level.at_least(2), vec![(5, 10), (18, 20)]);
        assert_eq!(level.at_least(1), vec![(2, 40)]);
        assert!((level.area_s() - (8 + 15 + 22) as f64 / 1e6).abs() < 1e-12);
        assert!(Level::of(std::iter::empty(), 0, 1).is_empty());
    }

    #[test]
    fn the_higher_of_two() {
        let a = Level::of([(0, 10)].into_iter(), 0, 100);
        let b = Level::of([(5, 20), (6, 12)].into_iter(), 0, 100);
        let both = a.or_higher(&b);
        assert_eq!(both.at_least(1), vec![(0, 20)]);
        assert_eq!(both.at_least(2), vec![(6, 12)]);
        assert_eq!(both.capped(1).peak(), 1);
    }

    proptest! {
        /// At every instant the higher one, by looking each up.
        #[test]
        fn the_higher_at_every_instant(
            a in proptest::collection::vec((0i64..40, 1i64..10), 0..12), b in proptest::collection::vec((0i64..40, 1i64..10), 0..12),
        ) {
            let of = |spans: &[(i64, i64)]| Level::of(spans.iter().map(|(from, length)| (*from, from + length)), 0, 60);
            let at = |level: &Level, us: i64| level.steps().take_while(|(from, _)| *from <= us).last().map_or(0, |(_, level)| level);
            let (a, b) = (of(&a), of(&b));
            let both = a.or_higher(&b);
            for us in 0..60 {
                prop_assert_eq!(at(&both, us), at(&a, us).max(at(&b, us)));
            }
        }

        /// Little's law on a sample path: the integral of the level is the sum of the clipped durations.
        #[test]
        fn the_integral_is_the_sum_of_durations(
            intervals in proptest::collection::vec((0i64..1000, 0i64..300), 0..60), from in 0i64..500, length in 1i64..800,
        ) {
            let to = from + length;
            let spans = || intervals.iter().map(|(start, length)| (*start, start + length));
            let summed: i64 = spans().map(|(start, end)| (end.min(to) - start.max(from)).max(0)).sum();
            let level = Level::of(spans(), from, to);
            prop_assert!((level.area_s() - summed as f64 / 1e6).abs() < 1e-9);
        }
    }
}
