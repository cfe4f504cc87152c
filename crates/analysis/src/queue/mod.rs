//! The http lane as a queue with W servers: in flight, busy workers, the accept queue, ghosts, and whether latency rose
//! before the processors were saturated (methods 3).

pub mod level;
pub mod replay;
pub mod timing;

use stormtrace_logs::timestamp::SECOND_US;

use crate::detect::{Found, Picture};
use crate::events::{Access, Lane};
use crate::place::Places;
use crate::report::{Clock, LittlesLaw, Saturation, Statement, Time};
use crate::service::{Outcome, Service};
use crate::statistics::quantile;

use self::replay::Replay;

/// All workers busy for this long is saturation, µs: two beats of the master.
const SATURATED_US: i64 = 8 * SECOND_US;
/// Connecting on one host takes microseconds; this long means that the first SYN was dropped by a full accept queue and
/// sent again after a second, µs.
const SYN_AGAIN_US: i64 = 900_000;
/// Odoo listens with a backlog of this many connections a worker.
const BACKLOG_PER_WORKER: i64 = 8;
/// A mismatch in Little's law above this is worth a note.
const MISMATCH: f64 = 0.01;
/// Little's law with means needs a span of this many mean durations.
const MEAN_DURATIONS: f64 = 10.0;

/// What the queue is computed from.
pub struct Scene<'a> {
    /// The incident.
    pub incident: &'a Found,
    /// All events.
    pub picture: &'a Picture<'a>,
    /// What workers did around the incident, killed ones named where a link names their request; in order of end.
    pub services: &'a [Service],
    /// Offsets between the sources' clocks.
    pub clocks: &'a [Clock],
    /// Where things are.
    pub places: &'a Places<'a>,
}

/// Measures one incident.
#[must_use]
pub fn measure(scene: &Scene<'_>) -> Saturation {
    let (from, to) = (scene.incident.start_us, scene.incident.end_us);
    let events = scene.picture.events;
    let replay = replay::replay(events, scene.services, from, to);
    let workers = scene.picture.facts.workers.map(i64::from).filter(|workers| *workers > 0);
    let timed = !replay.in_flight.is_empty();
    let busy = workers
        .filter(|_| timed || !replay.working.is_empty())
        .map(|workers| replay.working.or_higher(&replay.in_system).capped(workers));
    let full = workers.zip(busy.as_ref()).map(|(workers, busy)| busy.at_least(workers));
    let queue_waits_us = queue_waits(&replay, full.as_deref());
    let length_s = (to.saturating_sub(from)).max(1) as f64 / 1e6;
    let ended = ended(scene, from, to);
    let overflowed: Vec<&Access> = ended
        .iter()
        .filter(|access| !access.never_connected && access.connect_us.is_some_and(|us| us >= SYN_AGAIN_US))
        .copied()
        .collect();
    let connects_known = ended.iter().any(|access| access.connect_us.is_some());
    let has_workers_lines = scene.services.iter().any(|service| service.served.is_some());
    let ghosts = || {
        scene.services.iter().filter(|service| {
            let line = service.access.and_then(|index| events.access.get(index));
            service.outcome == Outcome::Ghost && line.is_some_and(|line| (from..=to).contains(&line.end_us))
        })
    };
    let mut saturation = Saturation {
        workers: scene.picture.facts.workers.map(u64::from),
        peak_in_flight: timed.then(|| positive(replay.in_flight.peak())),
        saturated_s: full.as_ref().map(|full| full.iter().map(|(a, b)| b - a).sum::<i64>() as f64 / 1e6),
        queue_peak: workers.filter(|_| timed).map(|workers| positive(replay.in_system.peak() - workers)),
        blocked_worker_s: None,
        utilisation: workers
            .zip(busy.as_ref())
            .map(|(workers, busy)| busy.area_s() / (workers as f64 * length_s)),
        saturated: None,
        saturated_at: None,
        signs: Vec::new(),
        queue_wait_p95_s: quantile(&queue_waits_us, 0.95).map(|us| us as f64 / 1e6),
        queue_wait_max_s: queue_waits_us.last().map(|us| *us as f64 / 1e6),
        accept_queue_overflows: connects_known.then_some(overflowed.len() as u64),
        longest_connect_s: ended
            .iter()
            .filter_map(|access| access.connect_us)
            .max()
            .map(|us| us as f64 / 1e6),
        ghost_requests: (timed && has_workers_lines).then(|| ghosts().count() as u64),
        ghost_worker_s: (timed && has_workers_lines).then(|| {
            ghosts().filter_map(|ghost| Some((ghost.end_us - ghost.accepted_us?).max(0))).sum::<i64>() as f64
                / 1e6
        }),
        littles_law: timed.then(|| littles_law(&replay, &ended, length_s)),
        order: timing::order(scene.incident, scene.picture, scene.clocks, scene.places),
        lost: lost(scene, &ended, timed, has_workers_lines),
    };
    signs(scene, &mut saturation, full.as_deref().unwrap_or_default(), &replay, workers, &overflowed);
    saturation
}

/// Waits in the accept queue, sorted, µs. A request waits only while every worker is busy: what a doubtful pairing claims
/// beyond that is left out.
fn queue_waits(replay: &Replay, full: Option<&[(i64, i64)]>) -> Vec<i64> {
    let sums: Option<Vec<(i64, i64, i64)>> = full.map(|full| {
        let mut before = 0;
        full.iter()
            .map(|(from, to)| {
                let row = (*from, *to, before);
                before += to - from;
                row
            })
            .collect()
    });
    // Time with all workers busy up to an instant.
    let full_until = |sums: &[(i64, i64, i64)], us: i64| {
        let next = sums.partition_point(|(from, _, _)| *from <= us);
        next.checked_sub(1)
            .and_then(|at| sums.get(at))
            .map_or(0, |(from, to, before)| before + us.min(*to) - from)
    };
    let mut waits: Vec<i64> = replay
        .waits
        .iter()
        .map(|(connected, accepted)| match &sums {
            Some(sums) => full_until(sums, *accepted) - full_until(sums, *connected),
            None => accepted - connected,
        })
        .collect();
    waits.sort_unstable();
    waits
}

/// What proves that the workers were saturated, and since when.
fn signs(
    scene: &Scene<'_>,
    saturation: &mut Saturation,
    full: &[(i64, i64)],
    replay: &Replay,
    workers: Option<i64>,
    overflowed: &[&Access],
) {
    let mut since: Vec<i64> = Vec::new();
    let long = || full.iter().filter(|(from, to)| to - from >= SATURATED_US);
    if let (Some((first, _)), Some((from, to))) =
        (long().next(), long().max_by_key(|(from, to)| (to - from, -from)))
    {
        since.push(*first);
        let count = long().count();
        saturation.signs.push(Statement {
            statement: format!(
                "all {} workers busy for {:.0} s at a stretch from {} UTC{}",
                workers.unwrap_or(0),
                (to - from) as f64 / 1e6,
                Time(*from).format("%H:%M:%S"),
                if count > 1 { format!(", the longest of {count} such stretches") } else { String::new() }
            ),
            refs: first_full(scene, *first),
        });
    }
    if let Some(first) =
        overflowed.iter().min_by_key(|access| (access.arrival_us(), access.input, access.line))
    {
        since.push(first.arrival_us());
        saturation.signs.push(Statement {
            statement: format!(
                "the accept queue overflowed: {} requests took {:.1} s or more to connect, the longest {:.1} s",
                overflowed.len(),
                SYN_AGAIN_US as f64 / 1e6,
                saturation.longest_connect_s.unwrap_or(0.0)
            ),
            refs: vec![scene.places.reference(first.input, first.line, first.end_us)],
        });
    }
    if let Some(workers) = workers {
        let deepest = replay.in_system.at_least(workers + BACKLOG_PER_WORKER * workers + 1);
        if let Some((first, _)) = deepest.first() {
            since.push(*first);
            saturation.signs.push(Statement {
                statement: format!(
                    "up to {} requests waited for a worker, more than the backlog of {} that Odoo listens with",
                    saturation.queue_peak.unwrap_or(0),
                    BACKLOG_PER_WORKER * workers
                ),
                refs: Vec::new(),
            });
        }
    }
    saturation.saturated_at = since.into_iter().min().map(Time);
    saturation.saturated = match saturation.signs.is_empty() {
        false => Some(true),
        true => saturation.saturated_s.map(|_| false),
    };
}

/// The request in flight that had arrived last when all workers had become busy.
fn first_full(scene: &Scene<'_>, us: i64) -> Vec<crate::report::Reference> {
    replay::arrived(scene.picture.events, us, us)
        .filter(|(_, access)| access.arrival_us() <= us)
        .max_by_key(|(index, access)| (access.arrival_us(), *index))
        .map(|(_, access)| scene.places.reference(access.input, access.line, access.end_us))
        .into_iter()
        .collect()
}

/// Requests of the http lane that ended in the span.
fn ended<'e>(scene: &Scene<'e>, from: i64, to: i64) -> Vec<&'e Access> {
    let access = &scene.picture.events.access;
    let first = access.partition_point(|access| access.end_us < from);
    let past = access.partition_point(|access| access.end_us <= to);
    let inside = access.get(first..past.max(first)).unwrap_or_default();
    inside.iter().filter(|access| access.lane == Lane::Http).collect()
}

/// The sample-path form is exact whatever the traffic, so a mismatch is a fault of the data or of this program.
fn littles_law(replay: &Replay, ended: &[&Access], length_s: f64) -> LittlesLaw {
    let integral = replay.in_flight.area_s();
    let mean_s = {
        let times: Vec<i64> = ended.iter().filter_map(|access| access.request_time_us).collect();
        (!times.is_empty()).then(|| times.iter().map(|us| *us as f64 / 1e6).sum::<f64>() / times.len() as f64)
    };
    let rate = ended.len() as f64 / length_s;
    LittlesLaw {
        mean_in_flight: integral / length_s,
        mismatch: (replay.in_flight_s > 0.0).then(|| (integral / replay.in_flight_s - 1.0).abs()),
        rate_per_s: rate,
        mean_request_s: mean_s,
        expected_in_flight: mean_s.filter(|mean| length_s >= MEAN_DURATIONS * mean).map(|mean| rate * mean),
    }
}

/// What cannot be said for want of a field or a log, and what stands in for it.
fn lost(scene: &Scene<'_>, ended: &[&Access], timed: bool, has_workers_lines: bool) -> Vec<String> {
    let mut lost = Vec::new();
    if !timed && !ended.is_empty() {
        let instead = if has_workers_lines {
            "Busy workers are counted from the times in Odoo's request lines and from kills instead."
        } else {
            "Only kills tell how long workers were busy."
        };
        lost.push(format!(
            "The access log has no $request_time: requests in flight, the wait for a worker, latency and ghost work cannot be \
             told, the onset only to within the time limit and 4 s, and the time of requests that never got a worker belongs to \
             no endpoint. {instead}"
        ));
    }
    if timed && !has_workers_lines {
        lost.push(
            "Odoo's log has no request lines (werkzeug, level INFO) here: when a worker took a request, how long it spent in SQL, \
             and work done after the client had gone cannot be told."
                .to_owned(),
        );
    }
    if timed && scene.picture.facts.workers.is_none() {
        lost.push(
            "The number of HTTP workers is not known, so neither is when all of them were busy.".to_owned(),
        );
    }
    lost
}

/// A note where Little's law does not hold in the data.
#[must_use]
pub fn mismatch_note(id: &str, saturation: &Saturation) -> Option<String> {
    let mismatch = saturation.littles_law.as_ref()?.mismatch.filter(|mismatch| *mismatch > MISMATCH)?;
    Some(format!(
        "{id}: the sum of request times and the integral of requests in flight differ by {:.1} %: request times in the access \
         log contradict each other.",
        mismatch * 100.0
    ))
}

fn positive(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
