//! Which Odoo process held a connection, where something proves it: the same database error in both logs, or an
//! `application_name` that carries the process's own pid. A backend serves one process from its first line to its last.
//!
//! Odoo 17 and later can put `{pid}` into `db_app_name`, but it is filled in where the pool is made: where that was before
//! the fork, every worker's connections carry the master's pid. So the names are believed only when each of them is the
//! pid of a worker that said it was alive, and when they differ.

use rustc_hash::{FxHashMap, FxHashSet};
use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::SECOND_US;

use super::transactions::Session;
use crate::align::failures::{database_error, database_exception};
use crate::detect::Picture;
use crate::events::OdooFact;

/// PostgreSQL writes an error, and its client reads and writes it, within this, µs.
const SAME_ERROR_US: i64 = 50_000;
/// No other error of that kind may be near enough to be meant, µs.
const ALONE_US: i64 = SECOND_US;

/// How the owner of a connection is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Both logs report the same error.
    Error,
    /// `application_name` carries its pid.
    ApplicationName,
}

/// The process that held a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Stream (host) of the process; `None`: any.
    pub stream: Option<u32>,
    /// Its pid.
    pub pid: u32,
    /// How that is known.
    pub basis: Basis,
}

impl Owner {
    /// Whether it is this process.
    #[must_use]
    pub fn is(&self, stream: u32, pid: u32) -> bool {
        self.pid == pid && self.stream.is_none_or(|own| own == stream)
    }
}

/// The owner of each session (in order of backend and time), `None` where nothing proves one or the proofs contradict each other.
#[must_use]
pub fn owners(picture: &Picture<'_>, sessions: &[Session]) -> Vec<Option<Owner>> {
    let mut owners = by_application_name(picture, sessions);
    let mut by_error: FxHashMap<usize, Option<Owner>> = FxHashMap::default();
    for (backend, us, owner) in same_errors(picture) {
        // The first session of that backend that had not ended.
        let first = sessions.partition_point(|session| session.pid < backend);
        let of_backend = sessions.iter().skip(first).take_while(|session| session.pid == backend);
        let ended = |session: &Session| session.end.is_some_and(|(_, end_us, ..)| end_us < us - ALONE_US);
        let session = first + of_backend.take_while(|session| ended(session)).count();
        if sessions.get(session).is_some_and(|session| session.pid == backend) {
            by_error
                .entry(session)
                .and_modify(|known| *known = known.filter(|known| *known == owner))
                .or_insert(Some(owner));
        }
    }
    for (session, owner) in by_error {
        if let Some(slot) = owners.get_mut(session) {
            *slot = match (*slot, owner) {
                (Some(named), Some(owner)) if named.pid != owner.pid => None,
                (_, owner) => owner,
            };
        }
    }
    owners
}

fn by_application_name(picture: &Picture<'_>, sessions: &[Session]) -> Vec<Option<Owner>> {
    let alive: FxHashSet<u32> = picture
        .events
        .odoo
        .iter()
        .filter_map(|event| match event.fact {
            OdooFact::Alive { pid, .. } => Some(pid),
            _ => None,
        })
        .collect();
    let named = |session: &Session| -> Option<u32> {
        picture.events.texts.get(session.application).strip_prefix("odoo-")?.parse().ok()
    };
    let pids: Vec<Option<u32>> = sessions.iter().map(named).collect();
    let distinct: FxHashSet<u32> = pids.iter().flatten().copied().collect();
    if distinct.len() < 2 || !distinct.is_subset(&alive) {
        return vec![None; sessions.len()];
    }
    let owner = |pid: u32| Owner { stream: None, pid, basis: Basis::ApplicationName };
    pids.into_iter().map(|pid| pid.map(owner)).collect()
}

/// Stream and pid.
type Process = (u32, u32);

/// Errors that Odoo and PostgreSQL both report, alone of their kind at that moment on both sides: backend, time, process.
fn same_errors(picture: &Picture<'_>) -> Vec<(u32, i64, Owner)> {
    let Some(uncertainty_us) = picture.ordering.uncertainty_us(Source::Odoo, Source::PostgresLog) else {
        return Vec::new();
    };
    let tolerance_us = SAME_ERROR_US.saturating_add(uncertainty_us);
    if tolerance_us > ALONE_US {
        return Vec::new();
    }
    // By class, in order of time.
    let mut at_odoo: FxHashMap<u64, Vec<(i64, Process)>> = FxHashMap::default();
    for event in &picture.events.odoo {
        if let Some(class) = database_exception(event.fact) {
            let stream = picture.stream(event.input);
            at_odoo.entry(class).or_default().push((event.us, (stream, event.pid)));
        }
    }
    let mut at_postgres: FxHashMap<u64, Vec<(i64, u32)>> = FxHashMap::default();
    for event in &picture.events.postgres {
        if let Some(class) = database_error(&event.fact) {
            at_postgres.entry(class).or_default().push((event.us, event.pid));
        }
    }
    let nobody = Vec::new();
    let mut found = Vec::new();
    for (class, errors) in &at_postgres {
        let exceptions = at_odoo.get(class).unwrap_or(&nobody);
        for (us, backend) in errors {
            let whole_second = if us % SECOND_US == 0 { SECOND_US } else { 0 };
            let near = ALONE_US + whole_second;
            let others = within(errors, *us, near).any(|(_, other)| other != backend);
            let mut writers = within(exceptions, *us, near);
            let Some((at_us, process)) = writers.next() else { continue };
            let one = !others && writers.all(|(_, other)| other == process);
            // The client learns of it after the server wrote it.
            let together = (-tolerance_us..=tolerance_us + whole_second).contains(&(at_us - us));
            if one && together {
                let owner = Owner { stream: Some(process.0), pid: process.1, basis: Basis::Error };
                found.push((*backend, *us, owner));
            }
        }
    }
    found
}

/// The items within a distance of a moment; the list is in order of time.
fn within<T>(list: &[(i64, T)], us: i64, distance_us: i64) -> impl Iterator<Item = &(i64, T)> {
    let first = list.partition_point(|(at, _)| *at < us - distance_us);
    list.iter().skip(first).take_while(move |(at, _)| *at <= us + distance_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::Ordering;
    use crate::events::{Events, OdooEvent, PostgresEvent, PostgresFact, Texts};
    use crate::facts::Facts;
    use stormtrace_logs::record::Exception;

    const MS: i64 = 1000;

    fn odoo(us: i64, pid: u32) -> OdooEvent {
        let fact = OdooFact::Raised(Exception::SerializationFailure);
        OdooEvent { us, pid, fact, fingerprint: 0, input: 0, count: 1, line: 1 }
    }

    fn postgres(us: i64, pid: u32) -> PostgresEvent {
        let fact = PostgresFact::SerializationFailure;
        PostgresEvent { us, pid, application: 0, query: 0, fact, fingerprint: 0, input: 1, count: 1, line: 1 }
    }

    fn session(pid: u32, application: u32) -> Session {
        Session { pid, application, first_us: 0, running: Vec::new(), end: None }
    }

    fn owned(events: &Events, sessions: &[Session]) -> Vec<Option<u32>> {
        let facts = Facts::of(events);
        let ordering = Ordering::tied(&[Source::Odoo, Source::PostgresLog], 10 * MS);
        let picture = Picture {
            events,
            deaths: &[],
            facts: &facts,
            ordering: &ordering,
            window: (0, 0),
            spans: &[],
            streams: &[0, 0],
        };
        owners(&picture, sessions).into_iter().map(|owner| owner.map(|owner| owner.pid)).collect()
    }

    #[test]
    fn one_error_in_both_logs_names_the_process() {
        let (odoo_events, postgres_events) = (vec![odoo(10_000_300, 7)], vec![postgres(10_000_100, 900)]);
        let mut events = Events { odoo: odoo_events, postgres: postgres_events, ..Events::default() };
        assert_eq!(owned(&events, &[session(900, 0), session(901, 0)]), [Some(7), None]);
        events.odoo.push(odoo(10_500_000, 8));
        assert_eq!(owned(&events, &[session(900, 0)]), [None], "two processes failed alike in that second");
    }

    #[test]
    fn proofs_that_contradict_each_other_are_none() {
        let events = Events {
            odoo: vec![odoo(10_000_300, 7), odoo(30_000_300, 8)],
            postgres: vec![postgres(10_000_100, 900), postgres(30_000_100, 900)],
            ..Events::default()
        };
        assert_eq!(owned(&events, &[session(900, 0)]), [None]);
    }

    #[test]
    fn names_are_believed_when_all_are_pids_of_workers() {
        let mut texts = Texts::default();
        let [first, second, master] = ["odoo-7", "odoo-8", "odoo-1"].map(|name| texts.add(name));
        let alive = |pid| OdooEvent { fact: OdooFact::Alive { class: 0, pid }, ..odoo(0, pid) };
        let events = Events { texts, odoo: vec![alive(7), alive(8)], ..Events::default() };
        let mut sessions = vec![session(900, first), session(901, second), session(902, 0)];
        assert_eq!(owned(&events, &sessions), [Some(7), Some(8), None]);
        assert_eq!(owned(&events, &sessions[..1]), [None], "one name proves nothing");
        sessions.push(session(903, master));
        assert_eq!(owned(&events, &sessions), [None; 4], "filled in before the fork");
    }
}
