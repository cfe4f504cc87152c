//! What workers held: each request and each cron job, from the moment a worker took it until the worker was free or dead.

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use crate::detect::Picture;
use crate::events::OdooFact;
use crate::link::requests::Matched;
use crate::lives::Reason;
use crate::queue::replay;
use crate::service::{LONGEST_QUEUE_US, Outcome, Service, Services};

/// A job that runs longer than this without a sign is not followed back, µs.
const LONGEST_JOB_US: i64 = 6 * 3600 * SECOND_US;

/// What workers did around an incident, in order of end: killed ones with the request that a link names. When a killed
/// worker took its request is told by the link, by the time limit, or by the queue: while requests wait, a worker that is
/// free takes the next one at once. Elsewhere it is not known.
#[must_use]
pub fn services(
    services: &Services,
    picture: &Picture<'_>,
    matched: &[Matched],
    from: i64,
    to: i64,
) -> Vec<Service> {
    let named: FxHashMap<usize, &Matched> = matched.iter().map(|one| (one.death, one)).collect();
    let mut own = services.ended_in(from, to.saturating_add(LONGEST_QUEUE_US)).to_vec();
    let full = replay::full(picture, &own, from, to);
    for service in own.iter_mut().filter(|service| service.outcome == Outcome::Killed) {
        let Some(death) = service.death else { continue };
        let link = named.get(&death);
        if let Some(access) = link.and_then(|link| link.access) {
            service.access = Some(access);
            let request = picture.events.access.get(access);
            service.arrived_us =
                request.filter(|it| it.request_time_us.is_some()).map(|request| request.arrival_us());
            service.accepted_us = link.and_then(|link| link.accepted_us).or(service.accepted_us);
        } else if picture.deaths.get(death).is_none_or(|death| death.reason != Reason::RealTime) {
            let free = services.free_before(service.stream, service.pid, service.end_us);
            service.accepted_us = free.filter(|free| within(&full, *free));
        }
    }
    own
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
    let stream = |input: u32| picture.streams.get(input as usize).copied().unwrap_or(0);
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
