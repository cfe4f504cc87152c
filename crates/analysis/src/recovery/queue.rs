//! The queue has drained: workers are not all busy, connections are accepted at once, and no worker still runs a
//! request that its client has long been told has failed.

use rustc_hash::FxHashMap;

use crate::events::Access;

use super::criterion::{After, Bound, Criterion, LONGEST_SILENCE_US};
use super::series::{Series, Span, over};

/// Utilisation (requests in flight per worker, by Little's law): bad at 1 for half a minute, good again at 0.7.
pub struct Queue;

/// All workers busy for a shorter time is a burst of page loads, µs.
const STEP_US: i64 = 30_000_000;
const FIRE: f64 = 1.0;
const LOW: f64 = 0.7;
/// A connection that took this long was dropped by a full accept queue and sent again (SYN retransmission), µs.
const RETRANSMITTED_US: i64 = 900_000;
/// nginx and the worker log the end of one request this close together, µs.
const SAME_END_US: i64 = 3_000_000;

fn time_us(access: &Access) -> Option<i64> {
    access.upstream_us.or(access.request_time_us).map(|time| time.max(0))
}

/// Mean number of requests in flight in each step of a span; `None` where no request has a time.
fn in_flight<'e>(requests: impl Iterator<Item = &'e Access>, span: Span) -> Option<Vec<f64>> {
    let mut edges: Vec<(i64, i64)> = Vec::new();
    for access in requests {
        let Some(time) = time_us(access) else { continue };
        let from = access.end_us.saturating_sub(time).max(span.0);
        let to = access.end_us.min(span.1);
        if from < to {
            edges.push((from, 1));
            edges.push((to, -1));
        }
    }
    if edges.is_empty() {
        return None;
    }
    edges.sort_unstable();
    let steps = usize::try_from((span.1 - span.0) / STEP_US + 1).ok()?.min(1_000_000);
    let mut busy = vec![0.0; steps];
    let (mut at, mut flying) = (span.0, 0i64);
    for (us, change) in edges {
        while at < us {
            let step = (at - span.0) / STEP_US;
            let until = us.min(span.0 + (step + 1) * STEP_US);
            if let Some(busy) = usize::try_from(step).ok().and_then(|step| busy.get_mut(step)) {
                *busy += flying as f64 * (until - at) as f64 / STEP_US as f64;
            }
            at = until;
        }
        flying += change;
    }
    Some(busy)
}

/// Ends of requests that workers finished after the incident though nginx had answered 504 during it.
fn ghosts(after: &After<'_>) -> Vec<i64> {
    let (from, to) = after.rest();
    let given_up = after.http((after.incident.start_us, from)).filter(|access| access.status == 504);
    let mut open: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    for access in given_up {
        *open.entry((access.method, access.path)).or_insert(0) += 1;
    }
    if open.is_empty() {
        return Vec::new();
    }
    let mut answered: FxHashMap<(u32, u32), Vec<i64>> = FxHashMap::default();
    for access in after.access((from - SAME_END_US, to + SAME_END_US)) {
        let key = (access.method, access.path);
        if access.status != 504 && open.contains_key(&key) {
            answered.entry(key).or_default().push(access.end_us);
        }
    }
    let served = &after.events().served;
    let mut ghosts = Vec::new();
    for request in served.iter().skip(served.partition_point(|request| request.end_us < from)) {
        let key = (request.method, request.path);
        let Some(left) = open.get_mut(&key).filter(|left| **left > 0) else { continue };
        let at = answered
            .get(&key)
            .map_or(0, |ends| ends.partition_point(|end| *end < request.end_us - SAME_END_US));
        let live = answered
            .get(&key)
            .and_then(|ends| ends.get(at))
            .is_some_and(|end| *end <= request.end_us + SAME_END_US);
        if !live && !request.evented {
            *left -= 1;
            ghosts.push(request.end_us);
        }
    }
    ghosts
}

impl Criterion for Queue {
    fn id(&self) -> &'static str {
        "queue"
    }

    fn series(&self, after: &After<'_>) -> Series {
        let span = after.rest();
        let workers = after.picture.facts.workers.filter(|workers| *workers > 0);
        let Some((workers, busy)) = workers.zip(in_flight(after.http(span), span)) else {
            return Series::absent();
        };
        let samples = busy.iter().enumerate().map(|(step, busy)| {
            let us = span.0 + i64::try_from(step).unwrap_or(0) * STEP_US;
            (us, *busy / f64::from(workers))
        });
        let mut bad: Vec<Span> = over(samples, FIRE, LOW);
        bad.extend(
            after
                .http(span)
                .filter(|access| access.connect_us.is_some_and(|connect| connect >= RETRANSMITTED_US))
                .map(|access| (access.end_us, access.end_us + 1)),
        );
        bad.extend(ghosts(after).into_iter().map(|us| (us, us + 1)));
        Series::new(bad, after.access_silent.clone(), LONGEST_SILENCE_US)
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let workers = after.picture.facts.workers.unwrap_or(0);
        let Some(busy) = in_flight(after.http(window), window).filter(|_| workers > 0) else {
            return Bound { detail: "no request time or number of workers".to_owned(), ..Bound::default() };
        };
        let most = busy.iter().copied().fold(0.0, f64::max) / f64::from(workers);
        let ghosts = ghosts(after).into_iter().filter(|us| (window.0..window.1).contains(us)).count();
        let left_over = if ghosts == 0 {
            String::new()
        } else {
            format!("; {ghosts} requests ran on after nginx had answered 504")
        };
        let detail =
            format!("at most {:.0} % of {workers} workers' time taken in any 30 s{left_over}", 100.0 * most);
        Bound { enough: true, value: Some(most), limit: Some(LOW), detail }
    }

    fn felt(&self) -> bool {
        true
    }
}
