//! Coincidence of two series of events after each was shifted to the start of what it reports (methods 2.4).

use crate::detect::Found;
use crate::events::{Events, Lane};
use crate::facts::Facts;
use crate::lives::Death;
use crate::report::Correlation;

/// Half width of the window of coincidence, µs: the worker's beat.
const WITHIN_US: i64 = 5_000_000;
/// Buckets of the shift test, µs.
const BUCKET_US: i64 = 10_000_000;
/// Most buckets, so that all circular shifts stay cheap.
const MOST_BUCKETS: usize = 2000;

/// The pairs that a storm is made of.
#[must_use]
pub fn correlate(
    incident: &Found,
    events: &Events,
    deaths: &[Death],
    facts: &Facts,
    window: (i64, i64),
) -> Vec<Correlation> {
    let inside = |us: i64| (incident.start_us..=incident.end_us).contains(&us);
    let limit_us = facts.limit_us();
    let kills: Vec<(i64, i64)> = deaths
        .iter()
        .filter(|death| death.reason.is_kill() && inside(death.us))
        .map(|death| (death.us - death.limit_s.map_or(0, |_| limit_us), death.us))
        .collect();
    let failures = |status: u16, lane: Lane| -> Vec<(i64, i64)> {
        events
            .access
            .iter()
            .filter(|access| access.lane == lane && inside(access.end_us))
            .filter(|access| if status == 0 { access.failed() } else { access.status == status })
            .map(|access| (access.arrival_us(), access.end_us))
            .collect()
    };
    let pairs = [
        ("worker_kills", &kills, "http_502", failures(502, Lane::Http)),
        ("worker_kills", &kills, "http_504", failures(504, Lane::Http)),
        ("worker_kills", &kills, "bus_failures", failures(0, Lane::Bus)),
    ];
    pairs
        .into_iter()
        .filter_map(|(leader, first, follower, second)| compare(leader, first, follower, &second, window))
        .collect()
}

fn compare(
    leader: &'static str,
    first: &[(i64, i64)],
    follower: &'static str,
    second: &[(i64, i64)],
    window: (i64, i64),
) -> Option<Correlation> {
    if first.len() < 3 || second.len() < 3 {
        return None;
    }
    let starts = |events: &[(i64, i64)]| {
        let mut starts: Vec<i64> = events.iter().map(|(start, _)| *start).collect();
        starts.sort_unstable();
        starts
    };
    let (a, b) = (starts(first), starts(second));
    let near = |us: i64| {
        let at = a.partition_point(|start| *start < us - WITHIN_US);
        a.get(at).is_some_and(|start| *start <= us + WITHIN_US)
    };
    let hits = b.iter().filter(|us| near(**us)).count();
    let mut lags: Vec<i64> = second
        .iter()
        .filter_map(|(_, end)| first.iter().map(|(_, other)| end - other).min_by_key(|lag| lag.abs()))
        .collect();
    lags.sort_unstable();
    Some(Correlation {
        leader,
        follower,
        lag_s: lags.get(lags.len() / 2).map_or(0.0, |lag| *lag as f64 / 1e6),
        coincidence: hits as f64 / b.len() as f64,
        p_value: shift_test(&a, &b, window),
    })
}

/// The share of all circular shifts of one bucketed series that coincide at least as well as no shift.
fn shift_test(a: &[i64], b: &[i64], window: (i64, i64)) -> f64 {
    let span = (window.1 - window.0).max(BUCKET_US);
    let width = BUCKET_US.max(span / MOST_BUCKETS as i64 + 1);
    let count = usize::try_from(span / width + 1).unwrap_or(1);
    let bucketed = |times: &[i64]| {
        let mut buckets = vec![0u32; count];
        for us in times {
            let index = usize::try_from((us - window.0).div_euclid(width)).ok();
            if let Some(bucket) = index.and_then(|index| buckets.get_mut(index)) {
                *bucket += 1;
            }
        }
        buckets
    };
    let (a, b) = (bucketed(a), bucketed(b));
    let filled: Vec<(usize, u32)> = b.iter().copied().enumerate().filter(|(_, events)| *events > 0).collect();
    // Twice over, so that a shift is an offset.
    let circle: Vec<bool> = a.iter().chain(&a).map(|events| *events > 0).collect();
    let score = |shift: usize| -> u64 {
        let shifted = circle.get(shift..).unwrap_or_default();
        let met = filled.iter().filter(|(at, _)| shifted.get(*at) == Some(&true));
        met.map(|(_, events)| u64::from(*events)).sum()
    };
    let unshifted = score(0);
    let as_good = (1..count).filter(|shift| score(*shift) >= unshifted).count();
    (1 + as_good) as f64 / count as f64
}
