//! The queue has drained: workers are not all busy, connections are accepted at once, and no worker still runs a
//! request that its client has long been told has failed.

use rustc_hash::FxHashMap;

use crate::events::Access;
use crate::queue::level::Level;

use super::criterion::{After, Bound, Criterion, LONGEST_SILENCE_US};
use super::series::{Series, Span, over};

/// Utilisation (requests in flight per worker, by Little's law): bad at 1 for half a minute, good again at 0.7.
pub struct Queue;

/// All workers busy for a shorter time is a burst of page loads, µs.
const STEP_US: i64 = 30_000_000;
const FIRE: f64 = 1.0;
const LOW: f64 = 0.7;
const FIRE_AT_WORKERS: f64 = 0.9;
/// A connection that took this long was dropped by a full accept queue and sent again (SYN retransmission), µs.
const RETRANSMITTED_US: i64 = 900_000;
/// nginx and the worker log the end of one request this close together, µs.
const SAME_END_US: i64 = 3_000_000;
/// Workers are through with what was queued during the incident after this long, µs.
const LONGEST_BACKLOG_US: i64 = 600_000_000;

fn time_us(access: &Access) -> Option<i64> {
    access.upstream_us.get().or(access.request_time_us.get()).map(|time| time.max(0))
}

/// When requests of the prefork workers were in flight: at nginx, or only at the workers where nginx logs no times.
struct Flights {
    spans: Vec<Span>,
    /// Utilisation that means that all workers are busy. Seen from nginx it has no upper end; seen from the workers it
    /// stays under 1 by what they do between requests.
    fire: f64,
}

fn flights(after: &After<'_>, span: Span) -> Flights {
    let at_nginx: Vec<Span> = after
        .http(span)
        .filter_map(|access| Some((access.end_us.saturating_sub(time_us(access)?), access.end_us)))
        .collect();
    if !at_nginx.is_empty() {
        return Flights { spans: at_nginx, fire: FIRE };
    }
    let served = &after.events().served;
    let from = served.partition_point(|request| request.end_us < span.0);
    let spans = served
        .iter()
        .skip(from)
        .take_while(|request| request.end_us < span.1)
        .filter(|request| !request.evented)
        .filter_map(|request| {
            let time = request.query_us.get()?.saturating_add(request.remaining_us.get()?).max(0);
            Some((request.end_us.saturating_sub(time), request.end_us))
        })
        .collect();
    Flights { spans, fire: FIRE_AT_WORKERS }
}

/// Mean number of requests in flight in each step of a span; `None` where no request has a time.
fn in_flight(flights: &[Span], span: Span) -> Option<Vec<f64>> {
    let level = Level::of(flights.iter().copied(), span.0, span.1);
    if level.is_empty() {
        return None;
    }
    let steps = usize::try_from((span.1 - span.0) / STEP_US + 1).ok()?.min(1_000_000);
    let mut busy = vec![0.0; steps];
    let (mut at, mut flying) = (span.0, 0i64);
    for (us, level) in level.steps() {
        while at < us {
            let step = (at - span.0) / STEP_US;
            let until = us.min(span.0 + (step + 1) * STEP_US);
            if let Some(busy) = usize::try_from(step).ok().and_then(|step| busy.get_mut(step)) {
                *busy += flying as f64 * (until - at) as f64 / STEP_US as f64;
            }
            at = until;
        }
        flying = level;
    }
    Some(busy)
}

/// What was taken of the workers' time.
struct Taken {
    workers: u32,
    /// Mean number of requests in flight in each step.
    busy: Vec<f64>,
    /// As in [`Flights`].
    fire: f64,
}

/// `None` where no request has a time, or the number of workers is not known.
fn taken(after: &After<'_>, span: Span) -> Option<Taken> {
    let workers = after.picture.facts.workers.filter(|workers| *workers > 0)?;
    let Flights { spans, fire } = flights(after, span);
    Some(Taken { workers, busy: in_flight(&spans, span)?, fire })
}

/// The access log has lines in both halves of a span.
fn speaks(after: &After<'_>, span: Span) -> bool {
    let middle = span.0 + (span.1 - span.0) / 2;
    !after.access((span.0, middle)).is_empty() && !after.access((middle, span.1)).is_empty()
}

/// Ends of requests that workers finished after the incident though nginx had answered 504 during it.
fn ghosts(after: &After<'_>) -> Vec<i64> {
    let (from, to) = after.rest();
    let given_up =
        after.http((after.incident.start_us.min(from), from)).filter(|access| access.status == 504);
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
    let until = from.saturating_add(LONGEST_BACKLOG_US);
    let first = served.partition_point(|request| request.end_us < from);
    for request in served.iter().skip(first).take_while(|request| request.end_us < until) {
        // Only where the access log speaks does a missing line mean anything.
        let around = (request.end_us - SAME_END_US, request.end_us + SAME_END_US);
        if !speaks(after, around) {
            continue;
        }
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
        let Some(Taken { workers, busy, fire }) = taken(after, span) else {
            return Series::absent();
        };
        let samples = busy.iter().enumerate().map(|(step, busy)| {
            let us = span.0 + i64::try_from(step).unwrap_or(0) * STEP_US;
            (us, *busy / f64::from(workers))
        });
        let mut bad: Vec<Span> = over(samples, fire, LOW);
        bad.extend(
            after
                .http(span)
                .filter(|access| access.connect_us.get().is_some_and(|connect| connect >= RETRANSMITTED_US))
                .map(|access| (access.end_us, access.end_us + 1)),
        );
        bad.extend(ghosts(after).into_iter().map(|us| (us, us + 1)));
        Series::new(bad, after.access_silent.clone(), LONGEST_SILENCE_US)
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let Some(Taken { workers, busy, .. }) = taken(after, window) else {
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
