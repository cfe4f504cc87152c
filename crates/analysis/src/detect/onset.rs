//! When it began: the arrival of the first request that was blocked, not the first that failed.

use stormtrace_logs::timestamp::SECOND_US;

use super::Picture;
use crate::events::Lane;
use crate::statistics::quantile;

/// Width of the steps walked back, µs.
const STEP_US: i64 = 10 * SECOND_US;
/// A blocked request takes at least this long, µs.
const SLOW_US: i64 = 2 * SECOND_US;
/// … and this many times the 95th percentile of before.
const SLOW_FACTOR: i64 = 3;
/// Most steps walked back.
const MOST_STEPS: i64 = 18;

/// The onset of a group of failures, given as (start, whether it is known); requests that were slow for most, just before
/// the first that failed, belong to it.
pub(super) fn of(
    picture: &Picture<'_>,
    starts: impl Iterator<Item = (i64, bool)> + Clone,
    first_us: i64,
) -> i64 {
    let known = starts.clone().filter(|(_, known)| *known).map(|(start, _)| start).min();
    let start_us = known.or_else(|| starts.map(|(start, _)| start).min()).unwrap_or(first_us);
    walk_back(picture, start_us)
}

/// Walks back over the steps in which a third of the arriving requests was slow.
fn walk_back(picture: &Picture<'_>, start_us: i64) -> i64 {
    let reach_us = MOST_STEPS * STEP_US;
    let mut usual: Vec<i64> = Vec::new();
    let mut arrived: Vec<(i64, i64)> = Vec::new();
    // A request that arrived before the start may end long after it.
    let (from, until) = (start_us - 1800 * SECOND_US, start_us + 1800 * SECOND_US);
    for access in picture.events.access_between(from, until) {
        let (Lane::Http, Some(time_us)) = (access.lane, access.request_time_us.get()) else { continue };
        let arrival_us = access.arrival_us();
        if access.end_us < start_us - reach_us {
            usual.push(time_us);
        } else if (start_us - reach_us..=start_us).contains(&arrival_us) {
            arrived.push((arrival_us, time_us));
        }
    }
    usual.sort_unstable();
    let Some(usual_us) = quantile(&usual, 0.95).filter(|_| usual.len() >= 30) else { return start_us };
    let slow_us = SLOW_US.max(SLOW_FACTOR * usual_us);
    arrived.sort_unstable();
    let mut onset_us = start_us;
    for step in 0..MOST_STEPS {
        let (from, to) = (start_us - (step + 1) * STEP_US, start_us - step * STEP_US);
        let a = arrived.partition_point(|(arrival, _)| *arrival < from);
        let b = arrived.partition_point(|(arrival, _)| *arrival < to);
        let requests = arrived.get(a..b).unwrap_or_default();
        let mut slow = requests.iter().filter(|(_, time_us)| *time_us >= slow_us);
        let first = slow.next();
        let count = slow.count() + usize::from(first.is_some());
        match first {
            Some((arrival_us, _)) if count >= 2 && 3 * count >= requests.len() => onset_us = *arrival_us,
            _ => break,
        }
    }
    onset_us
}
