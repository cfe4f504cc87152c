//! Three-valued series over time: known false, unknown, and known true in between (methods 6.1).

use stormtrace_logs::timestamp::SECOND_US;

/// The judgement counts time in pieces of this length, µs.
pub const BUCKET_US: i64 = 10 * SECOND_US;

/// A stretch of time [from, to), µs.
pub type Span = (i64, i64);

/// One criterion over time. What is neither in `bad` nor in `unknown` is known to be good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// Known to be false, sorted, disjoint.
    pub bad: Vec<Span>,
    /// Not observed, sorted, disjoint.
    pub unknown: Vec<Span>,
    /// The source was never captured: nothing can be said, and nothing was lost.
    pub absent: bool,
    /// Longest hole that sampling alone explains, µs: 60 s, or two steps of the sampling if longer.
    pub longest_hole_us: i64,
}

impl Series {
    /// A series of which nothing is known.
    #[must_use]
    pub fn absent() -> Self {
        Series { absent: true, unknown: vec![(i64::MIN, i64::MAX)], ..Series::default() }
    }

    /// A series with these stretches, in any order.
    #[must_use]
    pub fn new(bad: Vec<Span>, unknown: Vec<Span>, longest_hole_us: i64) -> Self {
        Series { bad: union(bad), unknown: union(unknown), absent: false, longest_hole_us }
    }

    /// Known to be false somewhere in the window.
    #[must_use]
    pub fn fails(&self, window: Span) -> bool {
        first_after(&self.bad, window.0).is_some_and(|span| span.0 < window.1)
    }

    /// Share of the window's buckets that are known, and the longest unbroken hole, µs.
    #[must_use]
    pub fn known(&self, window: Span) -> (f64, i64) {
        let buckets = (window.1.saturating_sub(window.0) / BUCKET_US).max(1);
        let (mut known, mut longest) = (0i64, 0i64);
        let mut at = self.unknown.partition_point(|span| span.1 <= window.0);
        for bucket in 0..buckets.min(1_000_000) {
            let from = window.0.saturating_add(bucket * BUCKET_US);
            let to = from.saturating_add(BUCKET_US);
            while self.unknown.get(at).is_some_and(|span| span.1 <= from) {
                at += 1;
            }
            // A bucket is unknown when the source was silent for all of it.
            let unknown = self.unknown.get(at).is_some_and(|span| span.0 <= from && to <= span.1);
            known += i64::from(!unknown);
        }
        for span in self.unknown.iter().filter(|span| span.1 > window.0 && span.0 < window.1) {
            longest = longest.max(span.1.min(window.1).saturating_sub(span.0.max(window.0)));
        }
        (known as f64 / buckets.min(1_000_000) as f64, longest)
    }
}

/// The first span that ends after `us`.
#[must_use]
pub fn first_after(spans: &[Span], us: i64) -> Option<&Span> {
    spans.get(spans.partition_point(|span| span.1 <= us))
}

/// Sorts, and joins what touches.
#[must_use]
pub fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.0 < span.1);
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.0 <= last.1 => last.1 = last.1.max(span.1),
            _ => joined.push(span),
        }
    }
    joined
}

/// What is in both lists; each sorted and disjoint.
#[must_use]
pub fn intersection(a: &[Span], b: &[Span]) -> Vec<Span> {
    let (mut at_a, mut at_b) = (0, 0);
    let mut both = Vec::new();
    while let (Some(one), Some(other)) = (a.get(at_a), b.get(at_b)) {
        let (from, to) = (one.0.max(other.0), one.1.min(other.1));
        if from < to {
            both.push((from, to));
        }
        if one.1 <= other.1 {
            at_a += 1;
        } else {
            at_b += 1;
        }
    }
    both
}

/// Where a source that reports at `times` (sorted) was silent for longer than `longest_us`, its ends included.
#[must_use]
pub fn silences(times: &[i64], longest_us: i64) -> Vec<Span> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return vec![(i64::MIN, i64::MAX)];
    };
    let mut silent = vec![(i64::MIN, *first)];
    silent.extend(times.windows(2).filter_map(|pair| match pair {
        [a, b] if b.saturating_sub(*a) > longest_us => Some((*a, *b)),
        _ => None,
    }));
    silent.push((last.saturating_add(1), i64::MAX));
    silent
}

/// Stretches between a value over `fire` and the next one at or under `low`: enter high, leave low (methods 6.2).
/// `samples` are (time, value) in order of time.
#[must_use]
pub fn over(samples: impl IntoIterator<Item = (i64, f64)>, fire: f64, low: f64) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut since: Option<i64> = None;
    let mut last = i64::MIN;
    for (us, value) in samples {
        last = us;
        match since {
            None if value > fire => since = Some(us),
            Some(from) if value <= low => {
                spans.push((from, us));
                since = None;
            }
            _ => {}
        }
    }
    spans.extend(since.map(|from| (from, last.saturating_add(1))));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn enters_high_and_leaves_low() {
        let samples = [(0, 1.0), (10, 31.0), (20, 20.0), (30, 9.0), (40, 25.0)];
        assert_eq!(over(samples, 30.0, 10.0), [(10, 30)]);
        assert_eq!(over([(0, 31.0), (10, 20.0)], 30.0, 10.0), [(0, 11)]);
    }

    #[test]
    fn a_hole_counts_until_the_source_speaks_again() {
        let times: Vec<i64> = (0..20).chain(100..120).map(|second| second * SECOND_US).collect();
        let series = Series::new(Vec::new(), silences(&times, 60 * SECOND_US), 60 * SECOND_US);
        let (share, hole) = series.known((0, 120 * SECOND_US));
        assert_eq!(hole, 81 * SECOND_US);
        assert!((share - 4.0 / 12.0).abs() < 1e-9, "{share}");
        assert!(series.known((0, 20 * SECOND_US)).0 > 0.99);
        assert_eq!(Series::absent().known((0, 100 * SECOND_US)), (0.0, 100 * SECOND_US));
    }

    proptest! {
        /// The union covers the same instants, in order and disjoint.
        #[test]
        fn union_keeps_the_instants(spans in prop::collection::vec((0i64..50, 0i64..9), 0..12)) {
            let spans: Vec<Span> = spans.into_iter().map(|(from, length)| (from, from + length)).collect();
            let joined = union(spans.clone());
            let inside = |list: &[Span], us: i64| list.iter().any(|span| span.0 <= us && us < span.1);
            for us in 0..60 {
                prop_assert_eq!(inside(&joined, us), inside(&spans, us));
            }
            prop_assert!(joined.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }

        /// Intersection is what both contain.
        #[test]
        fn intersection_is_both(a in prop::collection::vec((0i64..50, 1i64..9), 0..9), b in prop::collection::vec((0i64..50, 1i64..9), 0..9)) {
            let spans = |list: Vec<(i64, i64)>| union(list.into_iter().map(|(from, length)| (from, from + length)).collect());
            let (a, b) = (spans(a), spans(b));
            let both = intersection(&a, &b);
            let inside = |list: &[Span], us: i64| list.iter().any(|span| span.0 <= us && us < span.1);
            for us in 0..60 {
                prop_assert_eq!(inside(&both, us), inside(&a, us) && inside(&b, us));
            }
        }
    }
}
