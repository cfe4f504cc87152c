//! What workers held: each request and each cron job, from the moment a worker took it until the worker was free or dead.

use rustc_hash::{FxHashMap, FxHashSet};
use stormtrace_logs::timestamp::SECOND_US;

use crate::detect::Picture;
use crate::events::{Access, OdooFact};
use crate::lives::Reason;
use crate::queue::replay;
use crate::service::{JITTER_US, LONGEST_QUEUE_US, Outcome, Service, Services};

/// A job that runs longer than this without a sign is not followed back, µs.
const LONGEST_JOB_US: i64 = 6 * 3600 * SECOND_US;

/// What workers did around an incident, in order of end. When a killed worker took its request is told by the link that
/// names it, by the time limit, or by the queue: while requests wait, a worker that is free takes the next one at once.
/// Elsewhere it is not known.
#[must_use]
pub fn services(services: &Services, picture: &Picture<'_>, from: i64, to: i64) -> Vec<Service> {
    let mut own = services.ended_in(from, to.saturating_add(LONGEST_QUEUE_US)).to_vec();
    find_ghosts(&mut own, services, picture, from, to);
    let untold = |service: &Service| {
        let death = service.death.and_then(|death| picture.deaths.get(death));
        service.access.is_none() && death.is_some_and(|death| death.reason != Reason::RealTime)
    };
    if own.iter().any(untold) {
        let full = replay::full(picture, &own, from, to);
        for service in own.iter_mut().filter(|service| untold(service)) {
            let free = services.free_before(service.stream, service.pid, service.end_us);
            service.accepted_us = free.map(|free| free.us).filter(|free| within(&full, *free));
        }
    }
    own
}

/// An answer without a line of its own at nginx, to a target of which requests had been given up on before, was for nobody,
/// whichever of them it was: the first that is left, as the accept queue is first in, first out. (The links name a request
/// only where it is certain; a sum needs no certainty about which, and none is named here.)
fn find_ghosts(own: &mut [Service], services: &Services, picture: &Picture<'_>, from: i64, to: i64) {
    let (access, served) = (&picture.events.access, &picture.events.served);
    let named: FxHashSet<usize> = own.iter().filter_map(|service| service.access).collect();
    let target = |service: &Service| {
        let line = served.get(service.served?)?;
        Some((line.method, line.path))
    };
    let mut given_up: FxHashMap<(u32, u32), Vec<usize>> = own
        .iter()
        .filter(|service| service.outcome == Outcome::Unseen)
        .filter_map(|service| Some((target(service)?, Vec::new())))
        .collect();
    let (first, last) = (from.saturating_sub(LONGEST_QUEUE_US), to.saturating_add(LONGEST_QUEUE_US));
    for index in picture.events.access_range(first, last) {
        if let Some(line) = access.get(index)
            && matches!(line.status, 499 | 504)
            && !line.never_connected
            && !services.was_answered(index)
            && !named.contains(&index)
            && let Some(lines) = given_up.get_mut(&(line.method, line.path))
        {
            lines.push(index);
        }
    }
    // Popped from the back: the earliest end last.
    given_up.values_mut().for_each(|lines| lines.reverse());
    for service in own.iter_mut().filter(|service| service.outcome == Outcome::Unseen) {
        let Some(lines) = target(service).and_then(|target| given_up.get_mut(&target)) else { continue };
        let taken_us = service.accepted_us.unwrap_or(service.end_us) + JITTER_US;
        let fits = |line: &Access| {
            line.end_us < service.end_us
                && (line.request_time_us.get().is_none() || line.arrival_us() <= taken_us)
        };
        let found = lines.pop_if(|index| access.get(*index).is_some_and(fits));
        if found.and_then(|index| access.get(index)).is_some_and(|line| (from..=to).contains(&line.end_us)) {
            service.outcome = Outcome::Ghost;
        }
    }
}

/// Whether an instant lies in one of the stretches, which are in order.
fn within(stretches: &[(i64, i64)], us: i64) -> bool {
    let next = stretches.partition_point(|(_, end)| *end <= us);
    stretches.get(next).is_some_and(|(start, _)| *start <= us)
}

/// One run of a scheduled job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CronRun {
    /// Name, a text number.
    pub job: u32,
    /// Stream (host) and process of the cron worker.
    pub worker: (u32, u32),
    /// Start, µs.
    pub from_us: i64,
    /// End, or the death of its worker, or the end of the logs, µs.
    pub to_us: i64,
    /// Where it began: input, line.
    pub place: (u32, u64),
}

/// Runs of scheduled jobs that overlap a span, in order of start.
#[must_use]
pub fn cron_runs(picture: &Picture<'_>, from: i64, to: i64) -> Vec<CronRun> {
    let events = &picture.events.odoo;
    let stream = |input: u32| picture.stream(input);
    let mut open: FxHashMap<(u32, u32), CronRun> = FxHashMap::default();
    let mut runs: Vec<CronRun> = Vec::new();
    let first = events.partition_point(|event| event.us < from.saturating_sub(LONGEST_JOB_US));
    for event in events.iter().skip(first).take_while(|event| event.us <= to.saturating_add(LONGEST_JOB_US)) {
        let worker = (stream(event.input), event.pid);
        match event.fact {
            OdooFact::CronStart { job } => {
                // The next job begins when the one before it is done, whether that was said or not.
                runs.extend(open.remove(&worker).map(|run| CronRun { to_us: event.us, ..run }));
                let place = (event.input, event.line);
                open.insert(worker, CronRun { job, worker, from_us: event.us, to_us: i64::MAX, place });
            }
            OdooFact::CronEnd { .. } => {
                runs.extend(open.remove(&worker).map(|run| CronRun { to_us: event.us, ..run }));
            }
            // A server that starts has no jobs of the one before.
            OdooFact::HttpServiceRunning => {
                let gone: Vec<(u32, u32)> =
                    open.keys().filter(|other| other.0 == worker.0).copied().collect();
                runs.extend(
                    gone.iter()
                        .filter_map(|other| open.remove(other))
                        .map(|run| CronRun { to_us: event.us, ..run }),
                );
            }
            _ => {}
        }
    }
    for (worker, run) in open {
        let dead = picture
            .deaths
            .iter()
            .find(|death| (death.stream, death.pid) == worker && death.us >= run.from_us)
            .map(|death| death.us);
        runs.push(CronRun { to_us: dead.unwrap_or(picture.window.1), ..run });
    }
    runs.retain(|run| run.from_us < to && run.to_us > from);
    runs.sort_by_key(|run| (run.from_us, run.worker, run.job, run.to_us));
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Events, OdooEvent};
    use crate::facts::Facts;
    use crate::lives::Death;

    const S: i64 = SECOND_US;

    #[test]
    fn a_job_ends_when_it_says_so_or_the_next_begins_or_its_worker_dies() {
        let event = |us: i64, pid: u32, fact: OdooFact| OdooEvent {
            us: us * S,
            pid,
            fact,
            fingerprint: 0,
            input: 0,
            count: 1,
            line: 1,
        };
        let events = Events {
            odoo: vec![
                event(10, 5, OdooFact::CronStart { job: 1 }),
                event(20, 5, OdooFact::CronEnd { job: 1, duration_us: None }),
                event(20, 5, OdooFact::CronStart { job: 2 }),
                event(30, 5, OdooFact::CronStart { job: 3 }),
                event(40, 6, OdooFact::CronStart { job: 4 }),
            ],
            ..Events::default()
        };
        let death = Death {
            us: 70 * S,
            pid: 5,
            stream: 0,
            class: 0,
            reason: Reason::RealTime,
            limit_s: Some(40),
            lines: 1,
            input: 0,
            line: 9,
        };
        let picture = Picture {
            events: &events,
            deaths: &[death],
            facts: &Facts::default(),
            ordering: &crate::align::Ordering::default(),
            window: (0, 100 * S),
            spans: &[],
            streams: &[0],
        };
        let runs = cron_runs(&picture, 15 * S, 90 * S);
        let ends: Vec<(u32, i64)> = runs.iter().map(|run| (run.job, run.to_us / S)).collect();
        assert_eq!(ends, vec![(1, 20), (2, 30), (3, 70), (4, 100)]);
        assert!(cron_runs(&picture, 101 * S, 110 * S).is_empty());
    }
}
