//! Series for charts: one value a bucket.

use crate::events::{Events, Lane, State};
use crate::lives::Death;
use crate::report::{Time, Timeline};
use crate::time_order::sort_by_time;

/// Most buckets drawn; longer windows get longer buckets.
const MOST_BUCKETS: i64 = 720;

/// Counts everything into buckets of 10 s or more.
#[must_use]
#[allow(clippy::indexing_slicing)] // `at` yields indices below `buckets` only
pub fn draw(events: &Events, deaths: &[Death], window: (i64, i64)) -> Timeline {
    let span_s = (window.1 - window.0).max(1) / 1_000_000 + 1;
    let bucket_s = [10, 20, 30, 60, 120, 300, 600, 1800, 3600, 21_600, 86_400]
        .into_iter()
        .find(|bucket_s| span_s / bucket_s < MOST_BUCKETS)
        .unwrap_or(span_s / MOST_BUCKETS + 1);
    let bucket_us = bucket_s * 1_000_000;
    let from = window.0.div_euclid(bucket_us) * bucket_us;
    let buckets = usize::try_from((window.1 - from) / bucket_us + 1).unwrap_or(1);
    let at =
        |us: i64| usize::try_from((us - from).div_euclid(bucket_us)).ok().filter(|index| *index < buckets);
    let mut line = Timeline {
        from: Some(Time(from)),
        bucket_s: u64::try_from(bucket_s).unwrap_or(10),
        buckets,
        kills: vec![0; buckets],
        requests: vec![0; buckets],
        http_502: vec![0; buckets],
        http_504: vec![0; buckets],
        http_500: vec![0; buckets],
        bus_failed: vec![0; buckets],
        in_flight: vec![None; buckets],
        oldest_query_s: vec![None; buckets],
        idle_in_transaction: vec![None; buckets],
        cpu_busy_percent: vec![None; buckets],
    };
    for death in deaths.iter().filter(|death| death.reason.is_kill()) {
        if let Some(index) = at(death.us) {
            line.kills[index] += 1;
        }
    }
    for access in &events.access {
        let Some(index) = at(access.end_us) else { continue };
        match (access.lane, access.status) {
            (Lane::Bus, 500..=599) => line.bus_failed[index] += access.count,
            (Lane::Http, status) => {
                line.requests[index] += access.count;
                match status {
                    502 => line.http_502[index] += access.count,
                    504 => line.http_504[index] += access.count,
                    500 | 503 => line.http_500[index] += access.count,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    in_flight(events, &mut line, from, bucket_us);
    for snapshot in &events.snapshots {
        let Some(index) = at(snapshot.us) else { continue };
        let oldest = snapshot
            .sessions
            .iter()
            .filter(|session| session.state == State::Active)
            .filter_map(|session| session.query_age_us)
            .max()
            .map(|us| us as f64 / 1e6);
        let listed = (snapshot.counts.is_none()).then(|| oldest.unwrap_or(0.0).max(0.0));
        line.oldest_query_s[index] = larger(line.oldest_query_s[index], listed);
        let idle = snapshot.counts.and_then(|counts| counts.idle_in_transaction);
        line.idle_in_transaction[index] = line.idle_in_transaction[index].max(idle);
    }
    for sample in &events.host {
        if let Some(index) = at(sample.us) {
            line.cpu_busy_percent[index] =
                larger(line.cpu_busy_percent[index], sample.figures.cpu_busy_percent);
        }
    }
    line
}

fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

/// The most requests in flight in each bucket.
#[allow(clippy::indexing_slicing)] // bounded by `buckets`
fn in_flight(events: &Events, line: &mut Timeline, from: i64, bucket_us: i64) {
    let timed = events
        .access
        .iter()
        .filter(|access| access.lane == Lane::Http && access.request_time_us.get().is_some());
    // Ends are in order already.
    let mut ends = timed.clone().map(|access| (access.end_us, i64::from(access.count))).peekable();
    let mut starts: Vec<(i64, i64)> =
        timed.map(|access| (access.arrival_us(), i64::from(access.count))).collect();
    if starts.is_empty() {
        return;
    }
    sort_by_time(&mut starts, |(us, _)| *us);
    let mut starts = starts.into_iter().peekable();
    let mut level = 0i64;
    for index in 0..line.buckets {
        let past = from + bucket_us * (index as i64 + 1);
        let mut most = level;
        while let Some((us, count)) = starts.next_if(|(us, _)| *us < past) {
            // At one instant requests end before others begin.
            while let Some((_, ended)) = ends.next_if(|(end, _)| *end <= us) {
                level -= ended;
            }
            level += count;
            most = most.max(level);
        }
        while let Some((_, ended)) = ends.next_if(|(end, _)| *end < past) {
            level -= ended;
        }
        line.in_flight[index] = u32::try_from(most).ok();
    }
}
