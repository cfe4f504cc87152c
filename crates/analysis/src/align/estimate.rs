//! The one estimator: of many differences, most of them between records that have nothing to do with each other, the
//! offset at which records fall together (methods.md, section 2.1).

use stormtrace_logs::timestamp::SECOND_US;

use crate::time_order::sort_by_time;

/// Clocks are looked for this far apart, µs: the widest zone (±14 h) on the wrong side of the date line.
pub const REACH_US: i64 = 26 * 3600 * SECOND_US;
/// Fewer pairs than this prove nothing.
const FEWEST: usize = 3;
/// Modes closer than this belong together, in bins of one second.
const APART_BINS: i64 = 5;
/// Pairs this far from the mode still belong to it, µs.
const NEAR_US: i64 = 2 * SECOND_US;
/// Windows looked at before it is known which ones can matter.
const WINDOWS_AT_FIRST: usize = 64;
/// Most pairs in the drift fit, which compares all with all.
const MOST_IN_FIT: usize = 300;
/// Median absolute deviation to standard deviation of a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;

/// A record of the reference and one of the source that may be the same event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Number of the reference's record.
    pub left: u32,
    /// Number of the source's record.
    pub right: u32,
    /// The reference's time, µs.
    pub at_us: i64,
    /// The source's time minus the reference's, µs.
    pub difference_us: i64,
}

impl Pair {
    /// The same with the other source as the reference.
    #[must_use]
    pub fn turned(self) -> Self {
        Pair {
            left: self.right,
            right: self.left,
            at_us: self.at_us.saturating_add(self.difference_us),
            difference_us: self.difference_us.saturating_neg(),
        }
    }
}

/// A change of the offset with time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Seconds per second: positive where the source's clock is fast.
    pub rate: f64,
    /// Where the offset holds, µs of the reference.
    pub middle_us: i64,
}

/// How far a source's clock is ahead of its reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The offset, µs; with drift, that at its middle.
    pub offset_us: i64,
    /// `max(resolution, 1.4826 MAD)`, µs.
    pub uncertainty_us: i64,
    /// Records of the source that fell together with one of the reference.
    pub pairs: u64,
    /// Drift, where significant.
    pub drift: Option<Drift>,
}

impl Estimate {
    /// The offset at a time of the source, µs.
    #[must_use]
    pub fn at(&self, source_us: i64) -> i64 {
        let Some(drift) = self.drift else { return self.offset_us };
        let from_middle_us = source_us.saturating_sub(self.offset_us).saturating_sub(drift.middle_us);
        self.offset_us.saturating_add((drift.rate * from_middle_us as f64).round() as i64)
    }
}

/// The offset, if one stands out: at least three records fall together there, each counted once, and either twice as
/// many as at any other offset, or so many that hardly any record is left without its counterpart while the runner-up
/// leaves significantly more of them alone. The second way is for events that repeat by themselves: blocked workers are
/// killed on a grid of four seconds, so that any shift by the grid finds most of the counterparts, but not all.
#[must_use]
pub fn estimate(pairs: &[Pair], resolution_us: i64) -> Option<Estimate> {
    let mut differences = differences_at_the_mode(pairs, WINDOWS_AT_FIRST)?;
    Some(refine(pairs, median(&mut differences), resolution_us))
}

/// The differences at the offset that stands out. So many windows are looked at to begin with: those with the most pairs.
fn differences_at_the_mode(pairs: &[Pair], at_first: usize) -> Option<Vec<i64>> {
    let bins = Bins::of(pairs);
    let mut at_least = bins.pairs_of_fullest(at_first);
    loop {
        let is_full = |bin: i64| bins.pairs_from(bin) >= at_least;
        let in_full: Vec<bool> = bins.all().map(|bin| is_full(bin) || is_full(bin - 1)).collect();
        let near = |pair: &&Pair| bins.number(bin_of(pair)).and_then(|at| in_full.get(at)) == Some(&true);
        let mut sorted: Vec<Pair> = pairs.iter().filter(near).copied().collect();
        // By whole seconds: what has the same bin needs no order.
        sort_by_time(&mut sorted, bin_of);
        let windows = windows(&sorted, is_full);
        let most = windows.iter().map(|window| window.matched).max()?;
        let best = windows.iter().filter(|window| window.matched == most).min_by_key(|window| {
            (width_us(sorted.get(window.from..window.to)), window.bin.saturating_abs(), window.bin)
        })?;
        let second = windows
            .iter()
            .filter(|window| (window.bin - best.bin).abs() > APART_BINS)
            .map(|window| window.matched)
            .max()
            .unwrap_or(0);
        // As many records as there are pairs is the most that can match: windows with fewer pairs than the runner-up has
        // records change nothing.
        if at_least > second + 1 {
            at_least = second + 1;
            continue;
        }
        let lead = best.matched.saturating_sub(second) as f64;
        let stands_out = best.matched >= 2 * second || {
            let (lefts, rights) = distinct(pairs, &mut Seen::for_pairs(pairs));
            let alone = lefts.min(rights).saturating_sub(best.matched) as f64;
            lead >= 3.0 * alone.max(1.0).sqrt()
        };
        if best.matched < FEWEST || !stands_out {
            return None;
        }
        let inside = sorted.get(best.from..best.to)?;
        return Some(inside.iter().map(|pair| pair.difference_us).collect());
    }
}

/// How many pairs there are in each bin.
struct Bins {
    counts: Vec<usize>,
    first: i64,
}

impl Bins {
    fn of(pairs: &[Pair]) -> Self {
        let (first, last) = pairs
            .iter()
            .map(bin_of)
            .fold((i64::MAX, i64::MIN), |(first, last), bin| (first.min(bin), last.max(bin)));
        // Clocks are looked for no further apart.
        let most = 2 * REACH_US / SECOND_US + 2;
        let count = usize::try_from(last.saturating_sub(first).saturating_add(1).clamp(0, most)).unwrap_or(0);
        let mut bins = Bins { counts: vec![0; count], first };
        for pair in pairs {
            if let Some(count) = bins.number(bin_of(pair)).and_then(|at| bins.counts.get_mut(at)) {
                *count += 1;
            }
        }
        bins
    }

    fn all(&self) -> impl Iterator<Item = i64> {
        (self.first..).take(self.counts.len())
    }

    fn number(&self, bin: i64) -> Option<usize> {
        usize::try_from(bin.checked_sub(self.first)?).ok()
    }

    /// Pairs in the window that begins with a bin; none if the bin has none.
    fn pairs_from(&self, bin: i64) -> usize {
        let Some(at) = self.number(bin) else { return 0 };
        let pairs = |at: usize| self.counts.get(at).copied().unwrap_or(0);
        if pairs(at) == 0 { 0 } else { pairs(at) + pairs(at + 1) }
    }

    /// So many pairs or more are in that many windows, and perhaps in others too.
    fn pairs_of_fullest(&self, windows: usize) -> usize {
        let mut pairs: Vec<usize> = self.all().map(|bin| self.pairs_from(bin)).collect();
        let Some(last) = windows.min(pairs.len()).checked_sub(1) else { return 1 };
        let (_, least, _) = pairs.select_nth_unstable_by(last, |a, b| b.cmp(a));
        (*least).max(1)
    }
}

/// How far the differences lie apart, µs.
fn width_us(pairs: Option<&[Pair]>) -> i64 {
    let differences = || pairs.into_iter().flatten().map(|pair| pair.difference_us);
    differences().max().zip(differences().min()).map_or(0, |(most, least)| most - least)
}

/// The whole seconds of a difference.
fn bin_of(pair: &Pair) -> i64 {
    pair.difference_us.div_euclid(SECOND_US)
}

/// Two neighbouring bins: a true offset of 0.0 s falls on the edge of one.
struct Window {
    bin: i64,
    from: usize,
    to: usize,
    matched: usize,
}

/// The windows that begin with a bin of which `wanted` is true.
fn windows(sorted: &[Pair], wanted: impl Fn(i64) -> bool) -> Vec<Window> {
    let mut bins: Vec<(i64, usize, usize)> = Vec::new();
    let mut from = 0;
    for bin in sorted.chunk_by(|a, b| bin_of(a) == bin_of(b)) {
        let to = from + bin.len();
        bins.extend(bin.first().map(|pair| (bin_of(pair), from, to)));
        from = to;
    }
    let mut seen = Seen::for_pairs(sorted);
    bins.iter()
        .enumerate()
        .filter(|(_, (bin, ..))| wanted(*bin))
        .filter_map(|(at, &(bin, from, to))| {
            let to = bins.get(at + 1).filter(|next| next.0 == bin + 1).map_or(to, |next| next.2);
            let inside = sorted.get(from..to)?;
            let (lefts, rights) = distinct(inside, &mut seen);
            Some(Window { bin, from, to, matched: lefts.min(rights) })
        })
        .collect()
}

/// Marks of records seen in the present round.
struct Seen {
    round: u32,
    left: Vec<u32>,
    right: Vec<u32>,
}

impl Seen {
    fn for_pairs(pairs: &[Pair]) -> Self {
        let size = |most: Option<u32>| most.map_or(0, |most| most as usize + 1);
        Seen {
            round: 0,
            left: vec![0; size(pairs.iter().map(|pair| pair.left).max())],
            right: vec![0; size(pairs.iter().map(|pair| pair.right).max())],
        }
    }
}

/// How many records of each side take part.
fn distinct(pairs: &[Pair], seen: &mut Seen) -> (usize, usize) {
    seen.round += 1;
    let round = seen.round;
    let mark = |marks: &mut Vec<u32>, at: u32| match marks.get_mut(at as usize) {
        Some(mark) if *mark != round => {
            *mark = round;
            1
        }
        _ => 0,
    };
    pairs.iter().fold((0, 0), |(lefts, rights), pair| {
        (lefts + mark(&mut seen.left, pair.left), rights + mark(&mut seen.right, pair.right))
    })
}

/// The nearest counterpart of each record, the median of their differences, and the line through them if it is not
/// level.
fn refine(pairs: &[Pair], mode_us: i64, resolution_us: i64) -> Estimate {
    let mut estimate = Estimate { offset_us: mode_us, uncertainty_us: resolution_us, pairs: 0, drift: None };
    // Each round may follow a drifting clock further out.
    for _ in 0..4 {
        let near = nearest(pairs, &estimate);
        if near.is_empty() {
            break;
        }
        let drift = drift(&near, resolution_us);
        let mut rests: Vec<i64> = near
            .iter()
            .map(|pair| {
                let level = Estimate { offset_us: 0, drift, ..estimate };
                pair.difference_us - level.at(pair.at_us)
            })
            .collect();
        let offset_us = median(&mut rests);
        let mut deviations: Vec<i64> = rests.iter().map(|rest| (rest - offset_us).abs()).collect();
        let sigma_us = (median(&mut deviations) as f64 * MAD_TO_SIGMA).round() as i64;
        let settled = (offset_us, drift) == (estimate.offset_us, estimate.drift);
        estimate = Estimate {
            offset_us,
            uncertainty_us: sigma_us.max(resolution_us),
            pairs: near.len() as u64,
            drift,
        };
        // The next round would find the same pairs.
        if settled {
            break;
        }
    }
    estimate
}

fn nearest(pairs: &[Pair], estimate: &Estimate) -> Vec<Pair> {
    let rest = |pair: &Pair| {
        (pair.difference_us - estimate.at(pair.at_us.saturating_add(estimate.offset_us))).saturating_abs()
    };
    let mut near: Vec<Pair> = pairs.iter().filter(|pair| rest(pair) <= NEAR_US).copied().collect();
    near.sort_unstable_by_key(|pair| (pair.left, rest(pair), pair.difference_us, pair.right));
    near.dedup_by_key(|pair| pair.left);
    near.sort_unstable_by_key(|pair| (pair.right, rest(pair), pair.difference_us, pair.left));
    near.dedup_by_key(|pair| pair.right);
    near.sort_unstable_by_key(|pair| (pair.at_us, pair.left, pair.right));
    near
}

fn median(values: &mut [i64]) -> i64 {
    let middle = values.len() / 2;
    if values.is_empty() { 0 } else { *values.select_nth_unstable(middle).1 }
}

/// Theil-Sen slope, where Kendall's test (z > 4) says that there is one and it moves the clock by more than its stamps
/// can express.
fn drift(near: &[Pair], resolution_us: i64) -> Option<Drift> {
    let sample = evenly(near, MOST_IN_FIT);
    let mut slopes = Vec::new();
    let mut concordance = 0i64;
    for (at, first) in sample.iter().enumerate() {
        for second in sample.get(at + 1..).unwrap_or_default() {
            let run = second.at_us - first.at_us;
            if run > 0 {
                let rise = second.difference_us - first.difference_us;
                concordance += rise.signum();
                slopes.push(rise as f64 / run as f64);
            }
        }
    }
    let n = sample.len() as f64;
    let z = concordance.abs() as f64 / (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    if slopes.is_empty() {
        return None;
    }
    let middle = slopes.len() / 2;
    let rate = *slopes.select_nth_unstable_by(middle, f64::total_cmp).1;
    let (first, last) = (sample.first()?.at_us, sample.last()?.at_us);
    let moved_us = rate.abs() * (last - first) as f64;
    let significant = n >= 10.0 && z > 4.0 && moved_us > resolution_us.max(SECOND_US / 10) as f64;
    significant.then_some(Drift { rate, middle_us: first.midpoint(last) })
}

/// At most `most` of the items, spread evenly over all of them.
pub fn evenly<T: Copy>(items: &[T], most: usize) -> Vec<T> {
    if items.len() <= most {
        return items.to_vec();
    }
    (0..most).filter_map(|number| items.get(number * items.len() / most)).copied().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::align::pair::couple;

    /// Every event at both sides, `offset_us` apart, with unequal gaps.
    fn pairs(count: i64, offset_us: i64, jitter_us: i64) -> Vec<Pair> {
        let at = |number: i64| number * number * 7_300_000 + number * 1_100_000;
        let left = (0..count).map(|number| (0, at(number))).collect();
        let right =
            (0..count).map(|number| (0, at(number) + offset_us + (number * 37) % (jitter_us + 1))).collect();
        couple(left, right)
    }

    #[test]
    fn two_pairs_prove_nothing() {
        assert_eq!(estimate(&pairs(2, 5_000_000, 0), 1000), None);
        assert_eq!(estimate(&[], 1000), None);
    }

    #[test]
    fn a_grid_that_repeats_itself_is_told_from_its_shifts() {
        // Volleys of four, eight seconds apart: shifted by one volley, eight of twelve still agree.
        let volleys = |offset: i64| -> Vec<(u64, i64)> {
            (0..12).map(|kill| (0, kill / 4 * 8_000_000 + kill * 3_000 + offset)).collect()
        };
        let found = estimate(&couple(volleys(0), volleys(30_040_000)), 1000).unwrap();
        assert!((found.offset_us - 30_040_000).abs() <= 12_000, "{found:?}");
        // Single events on a grid could as well be shifted by one.
        let grid =
            |offset: i64| -> Vec<(u64, i64)> { (0..10).map(|kill| (0, kill * 8_000_000 + offset)).collect() };
        assert_eq!(estimate(&couple(grid(0), grid(30_040_000)), 1000), None);
    }

    #[test]
    fn a_drifting_clock_is_followed() {
        // +200 ppm over five hours: 3.6 s, more than the window of the mode.
        let at = |number: i64| number * 61_000_000;
        let left: Vec<(u64, i64)> = (0..300).map(|number| (number as u64, at(number))).collect();
        let right: Vec<(u64, i64)> =
            (0..300).map(|number| (number as u64, at(number) + 30_000_000 + at(number) / 5000)).collect();
        let found = estimate(&couple(left, right), 1000).unwrap();
        let drift = found.drift.unwrap();
        assert!((drift.rate * 1e6 - 200.0).abs() < 5.0, "{found:?}");
        assert!((found.at(30_000_000) - 30_000_000).abs() < 100_000, "{found:?}");
        assert!((found.at(at(299) + 33_600_000) - 33_647_800).abs() < 100_000, "{found:?}");
        assert!(found.uncertainty_us < 50_000, "{found:?}");
    }

    proptest! {
        /// Windows that are not looked at change nothing.
        #[test]
        fn the_fullest_windows_tell(
            at in proptest::collection::vec((0i64..40_000_000, 0i64..40_000_000), 0..60), together in 0usize..20, at_first in 1usize..9,
        ) {
            let left = at.iter().enumerate().map(|(number, (left, _))| (number as u64 % 3, *left)).collect();
            let right = at.iter().enumerate().map(|(number, (left, right))| {
                (number as u64 % 3, if number < together { *left + 7_000_000 } else { *right })
            }).collect();
            let pairs = couple(left, right);
            let sorted = |mut differences: Vec<i64>| { differences.sort_unstable(); differences };
            prop_assert_eq!(
                differences_at_the_mode(&pairs, at_first).map(sorted),
                differences_at_the_mode(&pairs, usize::MAX).map(sorted)
            );
        }

        #[test]
        fn any_offset_is_found(offset_us in -90_000_000_000i64..90_000_000_000, count in 4i64..60, jitter_us in 0i64..90_000) {
            let found = estimate(&pairs(count, offset_us, jitter_us), 1000).unwrap();
            prop_assert!((found.offset_us - offset_us).abs() <= jitter_us, "{:?}", found);
            prop_assert_eq!(found.drift, None);
        }
    }
}
