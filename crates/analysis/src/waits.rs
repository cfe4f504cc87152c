//! Lock waits in PostgreSQL: who waited for whom, and for which session in the end (methods 2.3).
//!
//! Two sources say so: the log (`process P still waiting … after W ms`, with the holders in its DETAIL, and `acquired …
//! after W ms`), and snapshots of `pg_stat_activity` with `pg_blocking_pids`. A holder may itself wait, for a row that a
//! third session holds: the chain is followed to the one that waits for nobody, the *root blocker*. Sightings of one wait
//! are one episode.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use crate::events::{Events, PostgresEvent, PostgresFact, Session, Snapshot, State};

/// Two sightings of a wait by the same backend whose starts differ by less are the same wait, µs.
const SAME_WAIT_US: i64 = 2 * SECOND_US;
/// A wait that is not heard of again is taken to have gone on this long after it was last seen, µs.
const UNHEARD_US: i64 = SECOND_US;
/// Longest chain followed; longer ones are loops or damage.
const LONGEST_CHAIN: usize = 64;
/// When a root ends and its waiters get the lock, log lines are this close together, µs.
const RELEASE_US: i64 = 2 * SECOND_US;

/// One wait of one backend.
#[derive(Debug, Clone)]
pub struct Wait {
    /// The waiting backend.
    pub pid: u32,
    /// When it began to wait, µs.
    pub from_us: i64,
    /// When it stopped waiting, or was last seen waiting, µs.
    pub to_us: i64,
    /// Who held the lock at first; may itself have waited.
    pub holder: Option<u32>,
    /// The session at the end of the chain.
    pub root: Option<u32>,
    /// application_name of the waiter.
    pub application: u32,
    /// What it was doing (statement fingerprint), 0 if unknown.
    pub query: u32,
    /// Where it was first seen: input, line, µs.
    pub place: (u32, u64, i64),
}

/// What a root blocker was doing while others waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Idle in transaction: its client was not asking for anything.
    Idle,
    /// Running a statement.
    Running,
}

/// A session that others waited for, which itself waited for nobody.
#[derive(Debug, Clone)]
pub struct Root {
    /// Backend.
    pub pid: u32,
    /// Waits that end in it.
    pub waits: usize,
    /// Their summed time, µs.
    pub waited_us: i64,
    /// Start of the first of them, µs.
    pub first_us: i64,
    /// End of the last of them, µs.
    pub last_us: i64,
    /// What it was doing.
    pub doing: Option<Doing>,
    /// How that is known, in words.
    pub doing_basis: &'static str,
    /// It is shown directly (a snapshot names its state), not inferred.
    pub doing_shown: bool,
    /// application_name, 0 if unknown.
    pub application: u32,
    /// Its statement (fingerprint), 0 if unknown.
    pub query: u32,
    /// When its transaction began, µs, where snapshots tell.
    pub transaction_us: Option<i64>,
    /// Oldest age seen: of its transaction if idle, of its statement if running, µs.
    pub age_us: Option<i64>,
    /// Where it is best seen: input, line, µs.
    pub place: (u32, u64, i64),
}

/// All waits of a span, and the sessions they end in, most waited for first.
#[derive(Debug, Clone, Default)]
pub struct Waits {
    /// In order of start.
    pub waits: Vec<Wait>,
    /// Heaviest first.
    pub roots: Vec<Root>,
}

impl Waits {
    /// The waits between `from` and `to`, µs.
    #[must_use]
    pub fn of(events: &Events, from: i64, to: i64) -> Self {
        let mut waits = sightings(events, from, to);
        waits.sort_by_key(|wait| (wait.pid, wait.from_us, wait.place));
        let mut merged: Vec<Wait> = Vec::new();
        for wait in waits {
            match merged.last_mut() {
                Some(last)
                    if last.pid == wait.pid
                        && (wait.from_us - last.from_us <= SAME_WAIT_US || wait.from_us < last.to_us) =>
                {
                    let named = last.holder.is_some();
                    last.to_us = last.to_us.max(wait.to_us);
                    last.holder = last.holder.or(wait.holder);
                    last.query = if last.query == 0 { wait.query } else { last.query };
                    // The first sighting stands, unless only the later one names the holder.
                    if !named && last.holder.is_some() {
                        last.place = wait.place;
                    }
                }
                _ => merged.push(wait),
            }
        }
        resolve_roots(&mut merged);
        merged.sort_by_key(|wait| (wait.from_us, wait.pid));
        let roots = roots(events, &merged);
        Waits { waits: merged, roots }
    }

    /// Summed waiting time, µs.
    #[must_use]
    pub fn waited_us(&self) -> i64 {
        self.waits.iter().map(|wait| wait.to_us - wait.from_us).sum()
    }

    /// Waits whose holder is known.
    #[must_use]
    pub fn resolved(&self) -> usize {
        self.waits.iter().filter(|wait| wait.root.is_some()).count()
    }

    /// The wait of `pid` that covers the instant, if any.
    #[must_use]
    pub fn at(&self, pid: u32, us: i64) -> Option<&Wait> {
        let before = self.waits.partition_point(|wait| wait.from_us <= us);
        self.waits
            .get(..before)?
            .iter()
            .rev()
            .take(4096)
            .find(|wait| wait.pid == pid && wait.to_us >= us - SAME_WAIT_US)
    }

    /// The root blocker of that pid.
    #[must_use]
    pub fn root(&self, pid: u32) -> Option<&Root> {
        self.roots.iter().find(|root| root.pid == pid)
    }
}

/// Every sighting of a wait: one per backend and statement in the log, one per row in snapshots.
fn sightings(events: &Events, from: i64, to: i64) -> Vec<Wait> {
    let mut waits = Vec::new();
    let mut open: FxHashMap<u32, usize> = FxHashMap::default();
    for event in span(&events.postgres, from, to, |event| event.us) {
        match &event.fact {
            PostgresFact::StillWaiting { pid, waited_us, holders } => {
                open.insert(*pid, waits.len());
                waits.push(Wait {
                    pid: *pid,
                    from_us: event.us - waited_us,
                    to_us: event.us + UNHEARD_US,
                    holder: holders.iter().copied().find(|holder| holder != pid),
                    root: None,
                    application: event.application,
                    query: event.query,
                    place: (event.input, event.line, event.us),
                });
            }
            PostgresFact::Acquired { pid, waited_us } => {
                match open.remove(pid).and_then(|at| waits.get_mut(at)) {
                    Some(wait) => wait.to_us = event.us,
                    None => waits.push(Wait {
                        pid: *pid,
                        from_us: event.us - waited_us,
                        to_us: event.us,
                        holder: None,
                        root: None,
                        application: event.application,
                        query: event.query,
                        place: (event.input, event.line, event.us),
                    }),
                }
            }
            // Whatever else a backend says, it no longer waits.
            _ => {
                if let Some(wait) = open.remove(&event.pid).and_then(|at| waits.get_mut(at)) {
                    wait.to_us = wait.to_us.max(event.us);
                }
            }
        }
    }
    for snapshot in span(&events.snapshots, from, to, |snapshot| snapshot.us) {
        waits.extend(snapshot.sessions.iter().filter(|session| session.lock_wait).map(|session| Wait {
            pid: session.pid,
            from_us: snapshot.us - session.query_age_us.unwrap_or(0).max(0),
            to_us: snapshot.us + UNHEARD_US,
            holder: session.blocked_by.first().copied(),
            root: None,
            application: session.application,
            query: session.query,
            place: (snapshot.input, session.line, snapshot.us),
        }));
    }
    waits
}

/// Follows each wait to the session that waits for nobody. `waits` is in order of pid and start.
fn resolve_roots(waits: &mut [Wait]) {
    let ranges: FxHashMap<u32, (usize, usize)> = {
        let mut ranges: FxHashMap<u32, (usize, usize)> = FxHashMap::default();
        for (at, wait) in waits.iter().enumerate() {
            ranges.entry(wait.pid).or_insert((at, at)).1 = at + 1;
        }
        ranges
    };
    let follow = |waits: &[Wait], wait: &Wait| -> Option<u32> {
        let mut holder = wait.holder?;
        let mut seen = vec![wait.pid];
        while seen.len() < LONGEST_CHAIN {
            if seen.contains(&holder) {
                return None;
            }
            seen.push(holder);
            let next = ranges.get(&holder).and_then(|(from, to)| waits.get(*from..*to)).and_then(|own| {
                // The holder's own wait that was under way when this one was.
                own.iter().find(|other| other.from_us < wait.to_us && other.to_us > wait.from_us + UNHEARD_US)
            });
            match next {
                None => return Some(holder),
                Some(next) => holder = next.holder?,
            }
        }
        None
    };
    let roots: Vec<Option<u32>> = waits.iter().map(|wait| follow(waits, wait)).collect();
    for (wait, root) in waits.iter_mut().zip(roots) {
        wait.root = root;
    }
}

fn roots(events: &Events, waits: &[Wait]) -> Vec<Root> {
    let mut by_pid: BTreeMap<u32, Root> = BTreeMap::new();
    for wait in waits {
        let Some(pid) = wait.root else { continue };
        let root = by_pid.entry(pid).or_insert(Root {
            pid,
            waits: 0,
            waited_us: 0,
            first_us: wait.from_us,
            last_us: wait.to_us,
            doing: None,
            doing_basis: "",
            doing_shown: false,
            application: 0,
            query: 0,
            transaction_us: None,
            age_us: None,
            place: wait.place,
        });
        root.waits += 1;
        root.waited_us += wait.to_us - wait.from_us;
        root.first_us = root.first_us.min(wait.from_us);
        root.last_us = root.last_us.max(wait.to_us);
    }
    let first_us = by_pid.values().map(|root| root.first_us).min().unwrap_or(0);
    let last_us = by_pid.values().map(|root| root.last_us).max().unwrap_or(0);
    let mut logged: FxHashMap<u32, Vec<&PostgresEvent>> =
        by_pid.keys().map(|pid| (*pid, Vec::new())).collect();
    if !by_pid.is_empty() {
        for event in postgres_span(events, first_us, last_us.saturating_add(RELEASE_US)) {
            if let Some(own) = logged.get_mut(&event.pid) {
                own.push(event);
            }
        }
    }
    for root in by_pid.values_mut() {
        from_snapshots(root, events);
        from_log(root, logged.get(&root.pid).map(Vec::as_slice).unwrap_or_default());
    }
    let mut roots: Vec<Root> = by_pid.into_values().collect();
    roots.sort_by_key(|root| (std::cmp::Reverse((root.waited_us, root.waits)), root.pid));
    roots
}

/// What snapshots show of the root while others waited for it.
fn from_snapshots(root: &mut Root, events: &Events) {
    let (mut idle, mut running, mut unseen) = (0u32, 0u32, 0u32);
    for snapshot in span(&events.snapshots, root.first_us, root.last_us, |snapshot| snapshot.us) {
        match snapshot.sessions.iter().find(|session| session.pid == root.pid) {
            Some(session) => {
                let is_idle = session.state == State::IdleInTransaction;
                *(if is_idle { &mut idle } else { &mut running }) += 1;
                sight(root, snapshot, session, is_idle);
            }
            // A list of active sessions that shows waiters but not the holder: the holder was not active.
            None if lists_waiters(snapshot) => unseen += 1,
            None => {}
        }
    }
    if idle + running > 0 {
        root.doing = Some(if idle >= running { Doing::Idle } else { Doing::Running });
        root.doing_basis = "snapshots show it";
        root.doing_shown = true;
    } else if unseen >= 2 {
        root.doing = Some(Doing::Idle);
        root.doing_basis = "snapshots of active sessions show those who waited, and not it";
    }
}

fn lists_waiters(snapshot: &Snapshot) -> bool {
    snapshot.sessions.iter().any(|session| session.lock_wait)
}

fn sight(root: &mut Root, snapshot: &Snapshot, session: &Session, is_idle: bool) {
    let age = if is_idle { session.xact_age_us.or(session.state_age_us) } else { session.query_age_us };
    if root.age_us.is_none_or(|known| age.is_some_and(|age| age > known)) {
        root.age_us = age;
        root.place = (snapshot.input, session.line, snapshot.us);
    }
    if let Some(age) = session.xact_age_us.or(age) {
        let began = snapshot.us - age;
        root.transaction_us = Some(root.transaction_us.map_or(began, |known| known.min(began)));
    }
    root.application = session.application;
    root.query = session.query;
}

/// What the log says of the root when the waits ended: a statement that ran as long as they lasted, or a connection that
/// ended outside any statement. `logged` is all that its backend logged, in order.
fn from_log(root: &mut Root, logged: &[&PostgresEvent]) {
    for event in span(logged, root.first_us, root.last_us.saturating_add(RELEASE_US), |event| event.us) {
        if root.application == 0 {
            root.application = event.application;
        }
        let said = match event.fact {
            PostgresFact::Duration { duration_us, query }
                if 2 * duration_us > root.last_us.min(event.us) - root.first_us =>
            {
                root.query = if root.query == 0 { query } else { root.query };
                Some((Doing::Running, "its statement was logged as long as the waits"))
            }
            PostgresFact::Canceled { .. } => Some((Doing::Running, "a statement of it was cancelled")),
            PostgresFact::UnexpectedEof => {
                Some((Doing::Idle, "its client went away between two statements of a transaction"))
            }
            // FATAL prints the statement that was running (log_min_error_statement is ERROR by default).
            PostgresFact::Terminated { .. } if event.query != 0 => {
                Some((Doing::Running, "it was terminated in a statement"))
            }
            PostgresFact::Terminated { .. } => {
                Some((Doing::Idle, "it was terminated between two statements"))
            }
            PostgresFact::ClientLost => {
                Some((Doing::Running, "it found its client gone when its statement ended"))
            }
            _ => None,
        };
        if root.query == 0 {
            root.query = event.query;
        }
        if let (Some((doing, basis)), false) = (said, root.doing_shown) {
            root.doing = Some(doing);
            root.doing_basis = basis;
            root.place = (event.input, event.line, event.us);
        }
    }
}

/// The part of a sorted list between two instants.
fn span<T>(sorted: &[T], from: i64, to: i64, time: impl Fn(&T) -> i64) -> &[T] {
    let start = sorted.partition_point(|item| time(item) < from);
    let end = sorted.partition_point(|item| time(item) <= to);
    sorted.get(start..end.max(start)).unwrap_or_default()
}

/// The events of PostgreSQL's log between two instants.
#[must_use]
pub fn postgres_span(events: &Events, from: i64, to: i64) -> &[PostgresEvent] {
    span(&events.postgres, from, to, |event| event.us)
}

/// The snapshots between two instants.
#[must_use]
pub fn snapshot_span(events: &Events, from: i64, to: i64) -> &[Snapshot] {
    span(&events.snapshots, from, to, |snapshot| snapshot.us)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = SECOND_US;

    fn log(us: i64, pid: u32, fact: PostgresFact) -> PostgresEvent {
        PostgresEvent {
            us,
            pid,
            application: 0,
            query: 0,
            fact,
            fingerprint: 0,
            input: 0,
            count: 1,
            line: us.unsigned_abs(),
        }
    }

    fn waiting(us: i64, pid: u32, holder: u32) -> PostgresEvent {
        log(us, pid, PostgresFact::StillWaiting { pid, waited_us: S, holders: [holder].into() })
    }

    #[test]
    fn a_chain_ends_in_the_session_that_waits_for_nobody() {
        // The laboratory chain: 7917 waits for 7899 (a tuple), 7899 for 7907 (a transaction).
        let events = Events {
            postgres: vec![
                waiting(10 * S, 7899, 7907),
                waiting(11 * S, 7917, 7899),
                log(30 * S, 7907, PostgresFact::UnexpectedEof),
                log(30 * S, 7899, PostgresFact::Acquired { pid: 7899, waited_us: 21 * S }),
                log(30 * S, 7917, PostgresFact::Acquired { pid: 7917, waited_us: 20 * S }),
            ],
            ..Events::default()
        };
        let waits = Waits::of(&events, 0, 100 * S);
        assert_eq!(waits.roots.len(), 1);
        let root = &waits.roots[0];
        assert_eq!((root.pid, root.waits, root.doing), (7907, 2, Some(Doing::Idle)));
        assert_eq!((waits.waits[0].from_us, waits.waits[0].to_us), (9 * S, 30 * S));
        assert_eq!(waits.at(7917, 20 * S).and_then(|wait| wait.root), Some(7907));
    }

    #[test]
    fn waiting_in_a_circle_has_no_root() {
        let events =
            Events { postgres: vec![waiting(10 * S, 1, 2), waiting(10 * S, 2, 1)], ..Events::default() };
        assert!(Waits::of(&events, 0, 100 * S).roots.is_empty());
    }

    #[test]
    fn log_and_snapshots_tell_of_one_wait_once() {
        let session = |pid, state, lock_wait, age: i64, blocked_by: Vec<u32>| Session {
            pid,
            application: 0,
            state,
            lock_wait,
            io_wait: false,
            query_age_us: Some(age),
            xact_age_us: Some(age),
            state_age_us: None,
            blocked_by,
            query: 0,
            line: 1,
        };
        let snapshot = |us: i64| Snapshot {
            us,
            counts: None,
            sessions: vec![
                session(5, State::Active, true, us - 9 * S, vec![7]),
                session(7, State::Active, false, us - 2 * S, Vec::new()),
            ],
            total: Some(2),
            input: 1,
            line: 1,
        };
        let events = Events {
            postgres: vec![waiting(10 * S, 5, 7)],
            snapshots: vec![snapshot(12 * S), snapshot(17 * S)],
            ..Events::default()
        };
        let waits = Waits::of(&events, 0, 100 * S);
        assert_eq!((waits.waits.len(), waits.roots.len()), (1, 1));
        assert_eq!(waits.roots[0].doing, Some(Doing::Running));
        assert_eq!(waits.roots[0].transaction_us, Some(2 * S));
        assert_eq!(waits.waited_us(), 9 * S);
    }
}
