//! The http lane as a queue with W servers: in flight, busy workers, the accept queue, ghosts, and whether latency rose
//! before the processors were saturated (methods 3).

pub mod level;
pub mod replay;
pub mod timing;

use stormtrace_logs::timestamp::SECOND_US;

use crate::detect::{Found, Picture};
use crate::events::{Access, Host, Lane};
use crate::facts::find;
use crate::place::Places;
use crate::report::{LittlesLaw, Ordering, Saturation, Statement, Time};
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
/// Odoo's port for HTTP unless its configuration names another.
const HTTP_PORT: u16 = 8069;
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
    /// What workers did around the incident, in order of end. Ghosts without a line of their own were given up on in it.
    pub services: &'a [Service],
    /// Where things are.
    pub places: &'a Places<'a>,
}

/// Measures one incident.
#[must_use]
pub fn measure(scene: &Scene<'_>) -> Saturation {
    let (from, to) = (scene.incident.start_us, scene.incident.end_us);
    let events = scene.picture.events;
    let workers = scene.picture.facts.workers.map(u64::from);
    if events.is_thinned(from, to) {
        let lost = "There are more requests than are kept one by one (--limit records), so the queue was not replayed.";
        return Saturation { workers, lost: vec![lost.to_owned()], ..Saturation::default() };
    }
    let workers = scene.picture.facts.workers.map(i64::from).filter(|workers| *workers > 0);
    let replay = replay::replay(events, scene.services, workers, from, to);
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
        .filter(|access| {
            !access.never_connected && access.connect_us.get().is_some_and(|us| us >= SYN_AGAIN_US)
        })
        .copied()
        .collect();
    let connects_known = ended.iter().any(|access| access.connect_us.get().is_some());
    let has_workers_lines = scene.services.iter().any(|service| service.served.is_some());
    let ghosts = || {
        scene.services.iter().filter(|service| {
            let line = service.access.and_then(|index| events.access.get(index));
            service.outcome == Outcome::Ghost && line.is_none_or(|line| (from..=to).contains(&line.end_us))
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
            .filter_map(|access| access.connect_us.get())
            .max()
            .map(|us| us as f64 / 1e6),
        ghost_requests: (timed && has_workers_lines).then(|| ghosts().count() as u64),
        ghost_worker_s: (timed && has_workers_lines).then(|| {
            ghosts().filter_map(|ghost| Some((ghost.end_us - ghost.accepted_us?).max(0))).sum::<i64>() as f64
                / 1e6
        }),
        littles_law: timed.then(|| littles_law(&replay, &ended, length_s)),
        order: if scene.incident.isolated {
            Ordering::default()
        } else {
            timing::order(scene.incident, scene.picture, scene.places)
        },
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
    counted_by_the_kernel(scene, saturation, &mut since);
    saturation.saturated_at = since.into_iter().min().map(Time);
    saturation.saturated = match saturation.signs.is_empty() {
        false => Some(true),
        true => saturation.saturated_s.map(|_| false),
    };
}

/// What the kernel says of accept queues: Odoo's is full (`ss -lnt`), or some queue of the host overflowed (`nstat`).
fn counted_by_the_kernel(scene: &Scene<'_>, saturation: &mut Saturation, since: &mut Vec<i64>) {
    let events = scene.picture.events;
    let (from, to) = (scene.incident.start_us, scene.incident.end_us);
    let port = ["http_port", "xmlrpc_port"]
        .into_iter()
        .find_map(|name| find(&events.settings, "odoo", name)?.value.parse().ok())
        .unwrap_or(HTTP_PORT);
    let inside = || events.host.iter().filter(|sample| (from..=to).contains(&sample.us));
    let full = |sample: &&Host| {
        sample.figures.listener.is_some_and(|socket| {
            socket.port == port && socket.waiting > 0 && socket.waiting >= socket.backlog
        })
    };
    if let Some(first) = inside().find(full) {
        let waiting = inside().filter(full).filter_map(|sample| Some(sample.figures.listener?.waiting)).max();
        since.push(first.us);
        saturation.signs.push(Statement {
            statement: format!(
                "the accept queue of port {port} was full in {} samples, up to {} connections waiting",
                inside().filter(full).count(),
                waiting.unwrap_or(0)
            ),
            refs: vec![scene.places.reference(first.input, first.line, first.us)],
        });
    }
    // Counted since the sample before: somewhere in that interval, and only a short one dates it.
    let stretch = [(from, to)];
    let overflowed = || {
        let some = |sample: &&Host| sample.figures.listen_overflows.is_some_and(|more| more > 0);
        events.host.iter().filter(some).filter(|sample| sample.speaks_for(&stretch))
    };
    if let (Some(first), Some(last)) = (overflowed().next(), overflowed().next_back()) {
        let count: u64 = overflowed().filter_map(|sample| sample.figures.listen_overflows).sum();
        if first.step_us <= SATURATED_US {
            since.push(first.us.clamp(from, to));
        }
        let refs = vec![scene.places.reference(first.input, first.line, first.us)];
        let seconds = (last.us - first.us + first.step_us) / SECOND_US;
        saturation.signs.push(Statement {
            statement: format!(
                "the kernel counted {count} connections in {seconds} s that accept queues of the host had no room for"
            ),
            refs,
        });
    }
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
    let inside = scene.picture.events.access_between(from, to);
    inside.iter().filter(|access| access.lane == Lane::Http).collect()
}

/// The sample-path form is exact whatever the traffic, so a mismatch is a fault of the data or of this program.
fn littles_law(replay: &Replay, ended: &[&Access], length_s: f64) -> LittlesLaw {
    let integral = replay.in_flight.area_s();
    let mean_s = {
        let times: Vec<i64> = ended.iter().filter_map(|access| access.request_time_us.get()).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Events;
    use crate::facts::Facts;
    use crate::report::Kind;
    use stormtrace_logs::record::HostSample;

    const S: i64 = SECOND_US;

    fn line(arrival_s: i64, end_s: i64, status: u16) -> Access {
        Access {
            end_us: end_s * S,
            request_time_us: Some((end_s - arrival_s) * S).into(),
            upstream_us: None.into(),
            connect_us: Some(0).into(),
            never_connected: false,
            status,
            upstream_status: status,
            client: 0,
            upstream_port: 8069,
            lane: Lane::Http,
            path: 0,
            method: 0,
            fingerprint: 0,
            input: 0,
            count: 1,
            line: end_s.unsigned_abs(),
        }
    }

    fn service(access: Option<usize>, from_s: i64, end_s: i64, outcome: Outcome) -> Service {
        Service {
            access,
            served: (outcome != Outcome::Killed).then_some(0),
            death: (outcome == Outcome::Killed).then_some(0),
            stream: 0,
            pid: 1,
            arrived_us: None,
            accepted_us: Some(from_s * S),
            end_us: end_s * S,
            outcome,
        }
    }

    fn found(from_s: i64, to_s: i64) -> Found {
        Found {
            kind: Kind::WorkerTimeoutStorm,
            start_us: from_s * S,
            end_us: to_s * S,
            reasons: Vec::new(),
            episodes: Vec::new(),
            failures: 0,
            isolated: false,
        }
    }

    fn picture<'e>(
        events: &'e Events,
        facts: &'e Facts,
        ordering: &'e crate::align::Ordering,
    ) -> Picture<'e> {
        Picture { events, deaths: &[], facts, ordering, window: (0, 10_000 * S), spans: &[], streams: &[0] }
    }

    fn measured(events: &Events, services: &[Service], workers: Option<u32>, incident: &Found) -> Saturation {
        let facts = Facts { workers, ..Facts::default() };
        let ordering = crate::align::Ordering::default();
        let picture = picture(events, &facts, &ordering);
        measure(&Scene { incident, picture: &picture, services, places: &Places { labels: &[] } })
    }

    #[test]
    fn ghosts_stay_in_the_queue_that_nginx_has_forgotten() {
        // One worker, stuck from 0 to 100. Two more arrive at 10 and 12; nginx gives up on both at 40 and 42, and the
        // worker works them off afterwards, for nobody.
        let events = Events {
            access: vec![line(10, 40, 504), line(12, 42, 504), line(0, 100, 502)],
            ..Events::default()
        };
        let services = [
            service(Some(2), 0, 100, Outcome::Killed),
            service(Some(0), 100, 105, Outcome::Ghost),
            service(Some(1), 105, 109, Outcome::Ghost),
        ];
        let saturation = measured(&events, &services, Some(1), &found(0, 100));
        assert_eq!((saturation.peak_in_flight, saturation.queue_peak), (Some(3), Some(2)));
        assert_eq!(saturation.saturated_s, Some(100.0));
        assert_eq!((saturation.ghost_requests, saturation.ghost_worker_s), (Some(2), Some(9.0)));
        assert_eq!(saturation.queue_wait_max_s, Some(90.0));
        assert_eq!((saturation.saturated, saturation.saturated_at), (Some(true), Some(Time(0))));
        assert!(saturation.littles_law.unwrap().mismatch.unwrap() < 1e-9);
    }

    #[test]
    fn a_slow_connection_is_an_overflowing_accept_queue() {
        let mut slow = line(10, 20, 200);
        slow.connect_us = Some(1_020_000).into();
        let events = Events { access: vec![line(10, 12, 200), slow], ..Events::default() };
        let saturation = measured(&events, &[], None, &found(0, 100));
        assert_eq!(saturation.accept_queue_overflows, Some(1));
        assert_eq!(saturation.saturated, Some(true));
        // How many workers there are is not known, so neither is how many were busy.
        assert_eq!((saturation.saturated_s, saturation.queue_peak), (None, None));
    }

    #[test]
    fn without_request_times_what_is_lost_is_said_and_kills_stand_in() {
        let mut line = line(0, 50, 502);
        (line.request_time_us, line.connect_us) = Default::default();
        let events = Events { access: vec![line], ..Events::default() };
        let services = [service(None, 10, 50, Outcome::Killed)];
        let saturation = measured(&events, &services, Some(1), &found(0, 100));
        assert_eq!((saturation.peak_in_flight, saturation.queue_peak), (None, None));
        assert_eq!(saturation.saturated_s, Some(40.0));
        assert!(saturation.littles_law.is_none() && saturation.accept_queue_overflows.is_none());
        assert!(saturation.lost[0].contains("Only kills tell"));
    }

    /// Fast requests until `slow_s`, then slow ones; a host sample every `step_s`, busy from `busy_s` on.
    fn ordered(slow_s: i64, busy_s: i64, step_s: i64, clocks_us: Option<i64>) -> Ordering {
        let mut access: Vec<Access> = (0..2400)
            .map(|at| {
                let mut one = line(at, at, 200);
                one.request_time_us = Some(if at < slow_s { 100_000 } else { 5 * S }).into();
                one.end_us = at * S + one.request_time_us.get().unwrap_or(0);
                one
            })
            .collect();
        access.sort_by_key(|one| one.end_us);
        let host = (1..2400 / step_s)
            .map(|at| Host {
                us: at * step_s * S,
                figures: HostSample {
                    cpu_busy_percent: Some(if at * step_s > busy_s { 98.0 } else { 20.0 }),
                    ..HostSample::default()
                },
                line: 1,
                ..Host::default()
            })
            .collect();
        let events = Events { access, host, ..Events::default() };
        let (facts, ordering) = (Facts::default(), crate::align::Ordering::default());
        let picture = picture(&events, &facts, &ordering);
        timing::order_within(&found(2000, 2390), &picture, &Places { labels: &[] }, clocks_us)
    }

    #[test]
    fn latency_before_processors_only_where_the_samples_decide() {
        let before = ordered(2000, 2100, 10, Some(1000));
        assert_eq!(before.answer, "before", "{}", before.reason);
        assert_eq!(before.latency_baseline_ms, Some(100.0));
        let rose = before.latency_rose_by.unwrap().0;
        assert!((1980 * S..=2030 * S).contains(&rose), "{rose}");
        assert_eq!(ordered(2100, 1950, 10, Some(1000)).answer, "not_before");
        // The same truth, sampled every ten minutes.
        assert_eq!(ordered(2000, 2100, 600, Some(1000)).answer, "not_decidable");
        // Nor where the clocks may be minutes apart.
        let untied = ordered(2000, 2100, 10, None);
        assert_eq!(untied.answer, "not_decidable");
        assert!(untied.reason.contains("no record ties"), "{}", untied.reason);
        let never = ordered(2000, 9999, 10, Some(1000));
        assert_eq!((never.answer, never.processor_saturated_by), ("before", None));
    }
}
