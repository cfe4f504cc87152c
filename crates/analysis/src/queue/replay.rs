//! The accept queue, replayed: who was in the system at each instant, and what the workers were doing (methods 2.3, 3.2).
//!
//! nginx sees a request from its arrival to its end and forgets it when the client leaves or the proxy timeout passes. Odoo
//! does not: the dead connection stays in the accept queue, a worker takes it in its turn and works for nobody. So a
//! request is in the *system* from the moment its connection stood until the worker that took it is free again, and with W
//! workers that are never idle while somebody waits, min(W, in system) of them are busy and the rest waits.

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use super::level::Level;
use crate::detect::Picture;
use crate::events::{Access, Events, Lane};
use crate::service::{LONGEST_QUEUE_US, Outcome, Service};
use crate::time_order::sort_by_time;

/// A kill comes up to this much before or after the limit has passed, µs (`beat` of the master).
const BEAT_US: i64 = 4 * SECOND_US;

/// What was replayed of one span.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// Requests between arrival and end at nginx; empty without `$request_time`.
    pub in_flight: Level,
    /// Requests between their connection and the end of their work, ghosts included; empty without `$request_time`, and where
    /// nothing is known of the workers.
    pub in_system: Level,
    /// Workers at work by their own lines and kills; empty without those.
    pub working: Level,
    /// Connected and accepted, of requests for which both are known, µs.
    pub waits: Vec<(i64, i64)>,
    /// Summed time in flight, clipped to the span, s.
    pub in_flight_s: f64,
}

/// A request whose arrival is known.
#[derive(Clone, Copy)]
struct Timed<'e> {
    connected_us: i64,
    index: usize,
    access: &'e Access,
}

struct Job {
    connected_us: i64,
    /// When the worker was free again, as far as nginx's line tells.
    end_us: i64,
    status: u16,
    accepted_us: Option<i64>,
    /// A worker's line or a linked kill tells when it was done.
    known: bool,
}

/// Replays the http lane between two instants, µs. `own` is what workers did, up to the end of the longest queue after.
/// With neither that nor the number of `workers` nothing is known of the system beyond what is in flight at nginx.
#[must_use]
pub fn replay(events: &Events, own: &[Service], workers: Option<i64>, from: i64, to: i64) -> Replay {
    // In order of their ends.
    let spans = || arrived(events, from, to).map(|(_, access)| (access.arrival_us(), access.end_us));
    let at_nginx = Replay {
        in_flight: Level::of(spans(), from, to),
        in_flight_s: spans()
            .map(|(start, end)| end.min(to).saturating_sub(start.max(from)).max(0))
            .sum::<i64>() as f64
            / 1e6,
        ..Replay::default()
    };
    if own.is_empty() && workers.is_none() {
        return at_nginx;
    }
    let mut timed: Vec<Timed<'_>> = arrived(events, from, to)
        .map(|(index, access)| {
            let connected_us =
                access.arrival_us().saturating_add(access.connect_us.get().unwrap_or(0).max(0));
            Timed { connected_us, index, access }
        })
        .collect();
    // They come in order of their ends, and of their indices: what connected at one instant keeps that order.
    sort_by_time(&mut timed, |request| request.connected_us);
    let mut jobs = jobs(&timed, own);
    settle_unknown(&mut jobs, own);
    let waits = jobs
        .iter()
        .filter(|job| (from..=to).contains(&job.connected_us))
        .filter_map(|job| Some((job.connected_us, job.accepted_us?.max(job.connected_us))))
        .collect();
    let worked = own.iter().filter_map(|service| Some((service.accepted_us?, service.end_us)));
    Replay {
        in_system: Level::of(jobs.iter().map(|job| (job.connected_us, job.end_us)), from, to),
        working: Level::of(worked, from, to),
        waits,
        ..at_nginx
    }
}

/// When every worker was busy, by the requests in the system alone, µs; nothing where the number of workers is not known.
#[must_use]
pub fn full(picture: &Picture<'_>, own: &[Service], from: i64, to: i64) -> Vec<(i64, i64)> {
    let Some(workers) = picture.facts.workers.map(i64::from).filter(|workers| *workers > 0) else {
        return Vec::new();
    };
    let replay = replay(picture.events, own, Some(workers), from, to);
    replay.in_system.at_least(workers)
}

/// Requests of the http lane whose arrival is known and that were in flight in the span.
pub(super) fn arrived(events: &Events, from: i64, to: i64) -> impl Iterator<Item = (usize, &Access)> {
    let near = events.access_range(from, to.saturating_add(LONGEST_QUEUE_US));
    near.filter_map(|index| Some((index, events.access.get(index)?))).filter(move |(_, access)| {
        access.lane == Lane::Http && access.request_time_us.get().is_some() && access.arrival_us() <= to
    })
}

/// What the workers had to do, in the order of the requests.
fn jobs(timed: &[Timed<'_>], own: &[Service]) -> Vec<Job> {
    let by_access: FxHashMap<usize, &Service> =
        own.iter().filter_map(|service| Some((service.access?, service))).collect();
    timed
        .iter()
        .filter(|request| !request.access.never_connected)
        .map(|Timed { connected_us, index, access }| {
            let service = by_access.get(index);
            Job {
                connected_us: *connected_us,
                end_us: service.map_or(access.end_us, |service| service.end_us),
                status: access.status,
                accepted_us: service.and_then(|service| service.accepted_us),
                known: service.is_some(),
            }
        })
        .collect()
}

/// When requests that nginx gave up on, and no worker's line tells of, left the system: with a kill that no request is
/// named for, first in first out; else when a later one was accepted, for then they had been accepted before it.
fn settle_unknown(jobs: &mut [Job], own: &[Service]) {
    let mut kills: Vec<&Service> =
        own.iter().filter(|service| service.outcome == Outcome::Killed && service.access.is_none()).collect();
    kills.sort_by_key(|kill| (kill.accepted_us.unwrap_or(kill.end_us), kill.end_us, kill.stream, kill.pid));
    let mut killed_502: Vec<i64> =
        jobs.iter().filter(|job| !job.known && job.status == 502).map(|job| job.end_us).collect();
    killed_502.sort_unstable();
    let mut used = vec![false; killed_502.len()];
    // A 502 at the moment of a kill is that kill's, whichever of several it is.
    kills.retain(|kill| {
        let near = killed_502.partition_point(|end| *end < kill.end_us - SECOND_US);
        let free = (near..killed_502.len())
            .take_while(|at| killed_502.get(*at).is_some_and(|end| *end <= kill.end_us + 2 * SECOND_US))
            .find(|at| used.get(*at) == Some(&false));
        match free.and_then(|at| used.get_mut(at)) {
            Some(slot) => {
                *slot = true;
                false
            }
            None => true,
        }
    });
    let mut kills = kills.into_iter().peekable();
    let lost = |job: &Job| !job.known && matches!(job.status, 499 | 504);
    for job in jobs.iter_mut().filter(|job| lost(job)) {
        // Kills of workers that took their request before this one came belong to none that is left.
        while kills.next_if(|kill| kill.end_us < job.connected_us).is_some() {}
        let fits = |kill: &&Service| {
            kill.accepted_us.is_none_or(|accepted| accepted + BEAT_US + SECOND_US >= job.connected_us)
                && kill.end_us + SECOND_US >= job.end_us
        };
        if let Some(kill) = kills.next_if(fits) {
            job.accepted_us = kill.accepted_us.map(|accepted| accepted.max(job.connected_us));
            job.end_us = kill.end_us.max(job.connected_us);
            job.known = true;
        }
    }
    let mut later = i64::MAX;
    for job in jobs.iter_mut().rev() {
        if lost(job) && later != i64::MAX {
            job.end_us = job.end_us.max(later.min(job.connected_us.saturating_add(LONGEST_QUEUE_US)));
        }
        if let Some(accepted) = job.accepted_us.filter(|_| job.known) {
            later = later.min(accepted);
        }
    }
}
