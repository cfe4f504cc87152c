//! Which PostgreSQL backend a killed worker was using. A worker is single threaded and keeps its connection: the backend's
//! transaction began after the worker took its request, and the backend ends with the worker. An idle one reads the end of
//! the connection at once (methods 0: 4 to 63 ms after the kill in the laboratory); a busy one runs on as an orphan.

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use super::assignment::{self, FORBIDDEN};
use super::connections::{self, Basis, Owner};
use super::requests::Matched;
use super::transactions::{self, End, Running, Session};
use crate::detect::Picture;
use crate::events::OdooFact;
use crate::service::{Outcome, Services};

/// Before the kill by the clocks' jitter, µs.
const BEFORE_US: i64 = 50_000;
/// The end of an idle connection is read within this after the kill, µs.
const AFTER_US: i64 = 300_000;
/// A transaction cannot begin before its request was taken but for clocks' jitter, µs.
const JITTER_US: i64 = 10_000;
/// Cost of naming no backend, thousandths.
const NO_BACKEND: i64 = 2000;
/// Cost of a backend whose begin is not known, thousandths.
const NO_BEGIN: i64 = 500;
/// Cost of a backend that ran on as an orphan, and of one whose end is not known, thousandths.
const ORPHAN: i64 = 100;
const NO_END: i64 = 500;
/// What a proof that the connection was this worker's takes off, thousandths.
const PROVED: i64 = 1000;
/// A choice is certain when every other makes the whole this much dearer, thousandths.
const CERTAIN: i64 = 400;
/// Larger groups are left alone: nothing is certain in them.
const LARGEST_GROUP: usize = 200;
/// Most candidates of one kill.
const MOST_CANDIDATES: usize = 100;

/// The backend of a killed worker.
#[derive(Debug, Clone, Copy)]
pub struct Backend {
    /// Its pid.
    pub pid: u32,
    /// Text number of its last known statement.
    pub query: Option<u32>,
    /// What shows it: the end of the connection, else the statement. Time in µs, input and line.
    pub shown: (i64, u32, u64),
    /// After the kill, when its connection ended, µs.
    pub end_after_us: Option<(End, i64)>,
    /// What else proves that the connection was this worker's.
    pub proof: Option<Basis>,
}

/// A worker that died, and when it may have taken its last request.
struct Dead {
    us: i64,
    stream: u32,
    pid: u32,
    born_us: Option<i64>,
    /// Moments at which it may have taken the request, µs; where none is known, any from the first on.
    taken_us: Vec<i64>,
    earliest_us: i64,
}

#[derive(Clone, Copy)]
struct Edge {
    cost: i64,
    running: Option<Running>,
}

/// For each death the backend that only this worker can have used.
#[must_use]
pub fn find(picture: &Picture<'_>, services: &Services, matched: &[Matched]) -> Vec<Option<Backend>> {
    let sessions = transactions::sessions(picture.events);
    let owners = connections::owners(picture, &sessions);
    let owner = |number: usize| owners.get(number).copied().flatten();
    let dead = dead(picture, services, matched);
    let mut begins: Vec<(i64, usize)> = Vec::new();
    let mut ends: Vec<(i64, usize)> = Vec::new();
    for (number, session) in sessions.iter().enumerate() {
        begins.extend(session.running.iter().map(|running| (running.start_us, number)));
        ends.extend(session.end.filter(|end| end.0 == End::Eof).map(|end| (end.1, number)));
    }
    begins.sort_unstable();
    ends.sort_unstable();
    let living = Living::new(services);
    let thinned: Vec<i64> =
        picture.events.postgres.iter().filter(|event| event.count > 1).map(|event| event.us).collect();
    // Where not every record is at hand, that only one backend fits proves nothing.
    let is_thinned = |dead: &Dead| {
        let next = thinned.partition_point(|us| *us < dead.earliest_us - SECOND_US);
        services.is_thinned(dead.us) || thinned.get(next).is_some_and(|us| *us <= dead.us + AFTER_US)
    };
    let edges: Vec<FxHashMap<usize, Edge>> = dead
        .iter()
        .map(|dead| {
            if is_thinned(dead) {
                return FxHashMap::default();
            }
            let near = |list: &[(i64, usize)], from: i64, to: i64| -> Vec<usize> {
                let first = list.partition_point(|(us, _)| *us < from);
                list.iter().skip(first).take_while(|(us, _)| *us <= to).map(|(_, number)| *number).collect()
            };
            let mut numbers = near(&begins, dead.earliest_us - SECOND_US - JITTER_US, dead.us + JITTER_US);
            numbers.extend(near(&ends, dead.us - BEFORE_US - SECOND_US, dead.us + AFTER_US));
            numbers.sort_unstable();
            numbers.dedup();
            let mut found: Vec<(usize, Edge)> = numbers
                .into_iter()
                .filter_map(|number| {
                    Some((number, weigh(dead, sessions.get(number)?, owner(number), &living)?))
                })
                .collect();
            found.sort_by_key(|(number, edge)| (edge.cost, *number));
            found.truncate(MOST_CANDIDATES);
            found.into_iter().collect()
        })
        .collect();
    let mut backends = vec![None; dead.len()];
    for group in super::groups::connected(&edges) {
        if group.len() <= LARGEST_GROUP {
            for (row, number) in certain(&group, &edges) {
                let (Some(dead), Some(session)) = (dead.get(row), sessions.get(number)) else { continue };
                let running =
                    edges.get(row).and_then(|edges| edges.get(&number)).and_then(|edge| edge.running);
                if let Some(slot) = backends.get_mut(row) {
                    *slot = name(dead, session, running, owner(number));
                }
            }
        }
    }
    backends
}

fn dead(picture: &Picture<'_>, services: &Services, matched: &[Matched]) -> Vec<Dead> {
    let mut births: FxHashMap<u32, Vec<i64>> = FxHashMap::default();
    for event in &picture.events.odoo {
        if let OdooFact::Alive { pid, .. } = event.fact {
            births.entry(pid).or_default().push(event.us);
        }
    }
    let by_death: FxHashMap<usize, &Matched> = matched.iter().map(|found| (found.death, found)).collect();
    let one = |(number, death): (usize, &crate::lives::Death)| {
        let births = births.get(&death.pid).map(Vec::as_slice).unwrap_or_default();
        let born_us =
            births.partition_point(|us| *us < death.us).checked_sub(1).and_then(|at| births.get(at)).copied();
        let free_us = services.free_before(death.stream, death.pid, death.us).map(|free| free.us);
        let limit_us = death.limit_s.map(|limit_s| i64::from(limit_s) * SECOND_US);
        // Cron workers sleep up to 70 s between ping and job (methods 0).
        let by_limit = death.us - limit_us.map_or(900 * SECOND_US, |limit_us| limit_us + 75 * SECOND_US);
        let taken_us = by_death.get(&number).map(|found| found.taken_us.clone()).unwrap_or_default();
        let earliest_us = taken_us.iter().min().copied().unwrap_or(by_limit.max(free_us.unwrap_or(i64::MIN)));
        Dead { us: death.us, stream: death.stream, pid: death.pid, born_us, taken_us, earliest_us }
    };
    picture.deaths.iter().enumerate().map(one).collect()
}

/// What it costs to believe that the worker used this backend; `None` if it cannot be.
fn weigh(dead: &Dead, session: &Session, owner: Option<Owner>, living: &Living) -> Option<Edge> {
    match owner {
        Some(owner) if !owner.is(dead.stream, dead.pid) => None,
        Some(_) => {
            let edge = possible(dead, session, living)?;
            Some(Edge { cost: (edge.cost - PROVED).max(0), ..edge })
        }
        None => possible(dead, session, living),
    }
}

/// What the times say of it.
fn possible(dead: &Dead, session: &Session, living: &Living) -> Option<Edge> {
    if dead.born_us.is_some_and(|born| session.first_us + SECOND_US < born - JITTER_US) {
        return None;
    }
    // What the session was at when the worker took its request, or began when the worker was dead, is not of that worker.
    let first_taken = dead.earliest_us;
    let other = session.running.iter().any(|running| {
        let over = running.start_us + running.slack_us < first_taken - JITTER_US - SECOND_US / 2
            && running.seen_us - running.slack_us > first_taken + SECOND_US
            && running.seen_us <= dead.us;
        over || running.start_us > dead.us + AFTER_US
    });
    if other {
        return None;
    }
    let taken_before = |running: &Running| -> Option<i64> {
        let latest = running.start_us + running.slack_us + JITTER_US;
        let taken = dead.taken_us.iter().filter(|taken| **taken <= latest).max();
        match taken {
            Some(taken) => Some((running.start_us - taken).max(0)),
            None if dead.taken_us.is_empty() && latest >= dead.earliest_us => Some(SECOND_US),
            None => None,
        }
    };
    let begin = session
        .running
        .iter()
        .filter(|running| running.start_us <= dead.us + JITTER_US)
        .filter_map(|running| Some((taken_before(running)?, running)))
        .min_by_key(|(after_us, running)| (running.slack_us, *after_us));
    let cost = match session.end {
        Some((End::Eof, us, ..)) => {
            let rounding_us = if us % SECOND_US == 0 { SECOND_US } else { 0 };
            let read = (-BEFORE_US - rounding_us..=AFTER_US).contains(&(us - dead.us));
            let orphan = us > dead.us
                && session
                    .running
                    .iter()
                    .any(|running| running.start_us <= dead.us && running.seen_us > dead.us);
            match (read, orphan) {
                (true, _) => 0,
                (false, true) => ORPHAN,
                (false, false) => return None,
            }
        }
        Some((_, us, ..)) if us < dead.us - BEFORE_US - SECOND_US => return None,
        Some((End::ClientLost, ..)) => ORPHAN,
        _ => {
            let (_, running) = begin.as_ref()?;
            // Without a trace of the end, another worker that lives on may have had it.
            let seen_us = session.running.iter().map(|running| running.seen_us).max()?;
            if seen_us < dead.us - 30 * SECOND_US || living.may_have(running, seen_us) {
                return None;
            }
            NO_END
        }
    };
    match begin {
        Some((after_us, running)) => {
            // Most transactions begin at once; one that begins late is as likely as another that does.
            let late = ((1.0 + after_us as f64 / 50_000.0).log2() * 100.0) as i64;
            let blur = if running.slack_us > 0 { 200 } else { 0 };
            let last = session.running.iter().rfind(|running| running.start_us <= dead.us + JITTER_US);
            Some(Edge { cost: cost + late + blur, running: last.copied() })
        }
        None if cost == 0 => Some(Edge { cost: NO_BEGIN, running: None }),
        None => None,
    }
}

/// Requests that a worker answered, to ask whether one of them may have had a transaction.
struct Living {
    /// Taken, end, µs, in order of the first.
    spans: Vec<(i64, i64)>,
}

impl Living {
    fn new(services: &Services) -> Self {
        let answered = services.list.iter().filter(|service| service.outcome != Outcome::Killed);
        let mut spans: Vec<(i64, i64)> =
            answered.filter_map(|service| Some((service.accepted_us?, service.end_us))).collect();
        spans.sort_unstable();
        Living { spans }
    }

    /// Whether a request taken within the last second before it began was not answered before it was last seen.
    fn may_have(&self, running: &Running, seen_us: i64) -> bool {
        let from = self.spans.partition_point(|(taken, _)| *taken < running.start_us - SECOND_US);
        let latest_us = running.start_us + running.slack_us + JITTER_US;
        self.spans
            .iter()
            .skip(from)
            .take_while(|(taken, _)| *taken <= latest_us)
            .any(|(_, end)| *end >= seen_us - running.slack_us)
    }
}

/// The pairs of a group without which every whole is clearly dearer.
fn certain(group: &[usize], edges: &[FxHashMap<usize, Edge>]) -> Vec<(usize, usize)> {
    let mut columns: Vec<usize> =
        group.iter().filter_map(|row| edges.get(*row)).flat_map(FxHashMap::keys).copied().collect();
    columns.sort_unstable();
    columns.dedup();
    let row_costs = |(row, number): (usize, &usize)| -> Vec<i64> {
        let real = columns.iter().map(|column| {
            edges.get(*number).and_then(|edges| edges.get(column)).map_or(FORBIDDEN, |edge| edge.cost)
        });
        let none = (0..group.len()).map(|other| if other == row { NO_BACKEND } else { FORBIDDEN });
        real.chain(none).collect()
    };
    let cost: Vec<Vec<i64>> = group.iter().enumerate().map(row_costs).collect();
    let chosen = assignment::solve(&cost);
    let margins = assignment::margins(&cost, &chosen);
    group
        .iter()
        .zip(&chosen)
        .zip(&margins)
        .filter_map(|((row, column), margins)| {
            let alone =
                margins.iter().enumerate().all(|(other, margin)| other == *column || *margin >= CERTAIN);
            columns.get(*column).filter(|_| alone).map(|session| (*row, *session))
        })
        .collect()
}

fn name(dead: &Dead, session: &Session, running: Option<Running>, owner: Option<Owner>) -> Option<Backend> {
    let shown = match (session.end, running) {
        (Some((_, us, input, line)), _) => (us, input, line),
        (None, Some(running)) => (running.seen_us, running.input, running.line),
        (None, None) => return None,
    };
    let query = session
        .running
        .iter()
        .rev()
        .filter(|running| running.start_us <= dead.us + JITTER_US)
        .find_map(|running| running.query);
    Some(Backend {
        pid: session.pid,
        query,
        shown,
        end_after_us: session.end.map(|(end, us, ..)| (end, us - dead.us)),
        proof: owner.map(|owner| owner.basis),
    })
}
