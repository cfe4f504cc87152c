//! What the workers' database sessions did, given to the workers that were using them.
//!
//! A worker that was killed leaves its statement running and waiting (methods 0): dozens of backends may wait while four
//! workers work. So no sum over backends is worker time before each stretch has found the worker it held, and is cut
//! where that worker was done or dead. A worker runs one statement at a time, so a stretch belongs to a worker that was at
//! work when it began and was in no other; one that goes on after an answered request's end cannot have been its.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use crate::events::{Events, PostgresFact, State};
use crate::waits::{Waits, postgres_span, snapshot_span};

/// Clocks of Odoo and PostgreSQL agree to this, µs.
const JITTER_US: i64 = 500_000;
/// Sightings of one backend whose starts differ by less are one statement, µs.
const SAME_US: i64 = 2 * SECOND_US;

/// One stretch of a session: a wait for a lock, or a statement running.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Backend.
    pub backend: u32,
    /// From, µs.
    pub from_us: i64,
    /// To, µs.
    pub to_us: i64,
    /// Waited for a lock, and for whom in the end.
    pub wait: Option<Option<u32>>,
    /// Fingerprint of the statement, 0 if unknown.
    pub query: u32,
    /// Where it is seen: input, line, µs.
    pub place: (u32, u64, i64),
}

/// A worker at work, as far as sessions are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    /// Stream and process.
    pub worker: (u32, u32),
    /// From, µs.
    pub from_us: i64,
    /// It may have begun this much earlier, µs.
    pub slack_us: i64,
    /// To, µs.
    pub to_us: i64,
    /// SQL time it logged, µs; a longer stretch was not its.
    pub sql_us: Option<i64>,
    /// It was killed: its statement may go on.
    pub killed: bool,
    /// The one backend that ended with it, where that is known.
    pub backend: Option<u32>,
}

/// Waits of a span, and the statements that ran without waiting, in order of start.
#[must_use]
pub fn stretches(events: &Events, waits: &Waits, from: i64, to: i64) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = waits
        .waits
        .iter()
        .map(|wait| Stretch {
            backend: wait.pid,
            from_us: wait.from_us,
            to_us: wait.to_us,
            wait: Some(wait.root),
            query: wait.query,
            place: wait.place,
        })
        .collect();
    let mut waited: FxHashMap<u32, Vec<(i64, i64, usize)>> = FxHashMap::default();
    for (at, wait) in waits.waits.iter().enumerate() {
        waited.entry(wait.pid).or_default().push((wait.from_us, wait.to_us, at));
    }
    for run in running(events, from, to) {
        // A statement waits first and runs then, or again and again; what is left between its waits is its own.
        let mut at = run.from_us;
        let own = waited.get(&run.backend).map(Vec::as_slice).unwrap_or_default();
        let first = own.partition_point(|(_, to, _)| *to <= run.from_us);
        for (wait_from, wait_to, number) in
            own.iter().skip(first).take_while(|(from, _, _)| *from < run.to_us)
        {
            if let Some(wait) = stretches.get_mut(*number).filter(|wait| wait.query == 0) {
                wait.query = run.query;
            }
            if *wait_from > at {
                stretches.push(Stretch { from_us: at, to_us: *wait_from, ..run });
            }
            at = at.max(*wait_to);
        }
        if at < run.to_us {
            stretches.push(Stretch { from_us: at, ..run });
        }
    }
    stretches.retain(|stretch| stretch.from_us < stretch.to_us);
    stretches.sort_by_key(|stretch| (stretch.from_us, stretch.backend, stretch.to_us, stretch.place));
    stretches
}

/// Statements by the log (`duration:`) and by snapshots, each once.
fn running(events: &Events, from: i64, to: i64) -> Vec<Stretch> {
    let mut seen: BTreeMap<u32, Vec<Stretch>> = BTreeMap::new();
    for event in postgres_span(events, from, to) {
        if let PostgresFact::Duration { duration_us, query } = event.fact {
            seen.entry(event.pid).or_default().push(Stretch {
                backend: event.pid,
                from_us: event.us.saturating_sub(duration_us.max(0)),
                to_us: event.us,
                wait: None,
                query,
                place: (event.input, event.line, event.us),
            });
        }
    }
    for snapshot in snapshot_span(events, from, to) {
        let active = snapshot.sessions.iter().filter(|session| session.state == State::Active);
        for session in active.filter(|session| !session.lock_wait) {
            let Some(age_us) = session.query_age_us.filter(|age| *age > 0) else { continue };
            seen.entry(session.pid).or_default().push(Stretch {
                backend: session.pid,
                from_us: snapshot.us.saturating_sub(age_us),
                to_us: snapshot.us,
                wait: None,
                query: session.query,
                place: (snapshot.input, session.line, snapshot.us),
            });
        }
    }
    let mut runs: Vec<Stretch> = Vec::new();
    for (_, mut own) in seen {
        own.sort_by_key(|run| (run.from_us, run.to_us, run.place));
        let mut last: Option<Stretch> = None;
        for run in own {
            match last.as_mut() {
                Some(known) if run.from_us - known.from_us <= SAME_US || run.to_us <= known.to_us => {
                    known.to_us = known.to_us.max(run.to_us);
                }
                _ => runs.extend(last.replace(run)),
            }
        }
        runs.extend(last);
    }
    runs
}

impl Holder {
    /// The earliest moment at which it may have begun, µs.
    #[must_use]
    pub fn earliest_us(&self) -> i64 {
        self.from_us.saturating_sub(self.slack_us)
    }
}

/// For each stretch the holder it belongs to, if any. Stretches in order of start, holders in order of earliest start.
#[must_use]
pub fn assign(stretches: &[Stretch], holders: &[Holder]) -> Vec<Option<usize>> {
    let mut next = 0;
    let mut active: Vec<usize> = Vec::new();
    // Until when each holder is taken, and by which backend; which worker each backend served last.
    let mut taken: FxHashMap<usize, (i64, u32)> = FxHashMap::default();
    let mut used: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
    stretches
        .iter()
        .map(|stretch| {
            while let Some(holder) = holders.get(next)
                && holder.earliest_us() <= stretch.from_us + JITTER_US
            {
                active.push(next);
                next += 1;
            }
            active.retain(|at| holders.get(*at).is_some_and(|holder| holder.to_us > stretch.from_us));
            let best = active
                .iter()
                .filter_map(|at| {
                    let holder = holders.get(*at)?;
                    let other_backend = holder.backend.is_some_and(|backend| backend != stretch.backend);
                    let occupied = taken.get(at).is_some_and(|(until, backend)| {
                        *until > stretch.from_us + JITTER_US || (*backend != stretch.backend && holder.killed)
                    });
                    let outlives = !holder.killed && stretch.to_us > holder.to_us + JITTER_US;
                    let too_long =
                        holder.sql_us.is_some_and(|sql| stretch.to_us - stretch.from_us > sql + JITTER_US);
                    if other_backend || occupied || outlives || too_long {
                        return None;
                    }
                    let proven = holder.backend == Some(stretch.backend);
                    let lasting = used.get(&stretch.backend) == Some(&holder.worker);
                    Some((
                        (
                            !proven,
                            !lasting,
                            holder.killed,
                            (holder.to_us - stretch.to_us).abs(),
                            holder.worker,
                        ),
                        *at,
                    ))
                })
                .min()
                .map(|(_, at)| at);
            if let Some((at, holder)) = best.and_then(|at| Some((at, holders.get(at)?))) {
                taken.insert(at, (stretch.to_us, stretch.backend));
                used.insert(stretch.backend, holder.worker);
            }
            best
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = SECOND_US;

    fn wait(backend: u32, from_s: i64, to_s: i64) -> Stretch {
        Stretch {
            backend,
            from_us: from_s * S,
            to_us: to_s * S,
            wait: Some(Some(1)),
            query: 0,
            place: (0, 0, 0),
        }
    }

    fn holder(pid: u32, from_s: i64, to_s: i64, sql_s: Option<i64>) -> Holder {
        Holder {
            worker: (0, pid),
            from_us: from_s * S,
            slack_us: 0,
            to_us: to_s * S,
            sql_us: sql_s.map(|sql_s| sql_s * S),
            killed: sql_s.is_none(),
            backend: None,
        }
    }

    #[test]
    fn orphans_find_no_second_worker() {
        // One worker, killed at 20 and, born again, at 40: the first wait goes on as an orphan.
        let stretches = [wait(7, 1, 60), wait(8, 21, 60)];
        let holders = [holder(100, 0, 20, None), holder(101, 20, 40, None)];
        assert_eq!(assign(&stretches, &holders), vec![Some(0), Some(1)]);
        let both_at_once = [wait(7, 1, 60), wait(9, 2, 60)];
        assert_eq!(assign(&both_at_once, &holders), vec![Some(0), None]);
    }

    #[test]
    fn a_killed_worker_may_have_begun_a_beat_earlier() {
        let exact = holder(1, 10, 130, None);
        assert_eq!(assign(&[wait(7, 7, 500)], &[exact]), vec![None]);
        assert_eq!(assign(&[wait(7, 7, 500)], &[Holder { slack_us: 4 * S, ..exact }]), vec![Some(0)]);
    }

    #[test]
    fn an_answered_request_cannot_have_waited_beyond_its_end() {
        let holders = [holder(1, 0, 5, Some(4)), holder(2, 0, 30, None)];
        assert_eq!(assign(&[wait(7, 1, 9)], &holders), vec![Some(1)]);
        assert_eq!(assign(&[wait(7, 1, 4)], &holders), vec![Some(0)]);
        // It logged half a second of SQL: the wait was another's.
        let quick = [holder(1, 0, 5, Some(0)), holder(2, 0, 30, None)];
        assert_eq!(assign(&[wait(7, 1, 4)], &quick), vec![Some(1)]);
    }
}
