//! Runs of failing requests: methods 1.3. A two-state Viterbi on 10 s buckets with fixed anchors, which needs no
//! baseline from the bundle.

use std::collections::BTreeMap;

/// Bucket length, µs.
const BUCKET_US: i64 = 10_000_000;
/// Failure ratio of a healthy bucket.
const HEALTHY: f64 = 0.002;
/// Failure ratio of a failing bucket of the http lane, where many workers answer.
pub const HTTP_FAILING: f64 = 0.05;
/// Failure ratio of a failing bucket of the bus lane: one process serves it all, so it fails for most or for none.
pub const BUS_FAILING: f64 = 0.3;
/// A run must hold this many failures…
const FEWEST: u32 = 3;
/// …and last this long, µs; else it is a blip.
const SHORTEST_US: i64 = 30_000_000;

/// A run of failing buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// End of the first failing request, µs.
    pub first_us: i64,
    /// End of the last failing request, µs.
    pub last_us: i64,
    /// Failures.
    pub bad: u32,
    /// Requests.
    pub all: u32,
}

/// Failures and requests of a bucket, and the ends of its first and last failure.
type Bucket = (u32, u32, i64, i64);
/// A bucket without requests.
const NOTHING: Bucket = (0, 0, i64::MAX, i64::MIN);

fn put(buckets: &mut BTreeMap<i64, Bucket>, (at, new): (i64, Bucket)) {
    if new != NOTHING {
        let known = buckets.entry(at).or_insert(NOTHING);
        *known = (
            known.0.saturating_add(new.0),
            known.1.saturating_add(new.1),
            known.2.min(new.2),
            known.3.max(new.3),
        );
    }
}

/// Finds the runs in requests given as (end, failed, how many), in any order; `failing` is the ratio that anchors the bad state.
#[must_use]
pub fn find(requests: impl Iterator<Item = (i64, bool, u32)>, failing: f64) -> Vec<Run> {
    let mut buckets: BTreeMap<i64, Bucket> = BTreeMap::new();
    // Nearly every request falls into the bucket of the one before.
    let mut last: (i64, Bucket) = (i64::MIN, NOTHING);
    for (end_us, failed, count) in requests {
        let at = end_us.div_euclid(BUCKET_US);
        if at != last.0 {
            put(&mut buckets, std::mem::replace(&mut last, (at, NOTHING)));
        }
        let bucket = &mut last.1;
        bucket.1 = bucket.1.saturating_add(count);
        if failed {
            bucket.0 = bucket.0.saturating_add(count);
            bucket.2 = bucket.2.min(end_us);
            bucket.3 = bucket.3.max(end_us);
        }
    }
    put(&mut buckets, last);
    let enter = (buckets.len().max(2) as f64).ln();
    // Empty buckets cost nothing in either state, so only the filled ones are walked.
    let cost =
        |bad: u32, all: u32, p: f64| -(f64::from(bad) * p.ln() + f64::from(all - bad) * (1.0 - p).ln());
    let (mut low, mut high) = (0.0f64, enter);
    let mut back: Vec<(bool, bool)> = Vec::with_capacity(buckets.len());
    for (bad, all, _, _) in buckets.values() {
        let low_from_high = high < low;
        let high_from_low = low + enter < high;
        let new_low = low.min(high) + cost(*bad, *all, HEALTHY);
        let new_high = (low + enter).min(high) + cost(*bad, *all, failing);
        back.push((low_from_high, high_from_low));
        (low, high) = (new_low, new_high);
    }
    let mut bad_state = high < low;
    let mut states = vec![false; back.len()];
    for (state, (low_from_high, high_from_low)) in states.iter_mut().zip(&back).rev() {
        *state = bad_state;
        bad_state = if bad_state { !high_from_low } else { *low_from_high };
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut open = false;
    for (state, (bad, all, first, last)) in states.iter().zip(buckets.values()) {
        if !state {
            open = false;
            continue;
        }
        match runs.last_mut() {
            Some(run) if open => {
                run.first_us = run.first_us.min(*first);
                run.last_us = run.last_us.max(*last);
                run.bad += bad;
                run.all += all;
            }
            _ => runs.push(Run { first_us: *first, last_us: *last, bad: *bad, all: *all }),
        }
        open = true;
    }
    runs.retain(|run| run.bad >= FEWEST && run.last_us - run.first_us >= SHORTEST_US);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    #[test]
    fn a_failing_stretch_is_found_where_it_is() {
        let runs = find(
            (0..3600).map(|second| (second * S, (1000..1200).contains(&second) && second % 3 == 0, 1)),
            HTTP_FAILING,
        );
        assert_eq!(runs.len(), 1);
        assert_eq!((runs[0].first_us, runs[0].last_us), (1002 * S, 1197 * S));
    }

    #[test]
    fn blips_and_sparse_errors_are_no_run() {
        assert!(
            find((0..3600).map(|second| (second * S, (1000..1010).contains(&second), 1)), HTTP_FAILING)
                .is_empty()
        );
        assert!(find((0..3600).map(|second| (second * S, second % 1200 == 0, 1)), HTTP_FAILING).is_empty());
    }

    #[test]
    fn everything_failing_is_one_run() {
        assert_eq!(find((0..600).map(|second| (second * S, true, 1)), HTTP_FAILING).len(), 1);
    }
}
