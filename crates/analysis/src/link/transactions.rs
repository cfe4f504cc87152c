//! What is known of PostgreSQL's sessions: when each had begun what, and how its connection ended.

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use crate::events::{Events, PostgresFact};

/// Shorter statements block nobody and are not kept, µs.
const SHORTEST_US: i64 = SECOND_US;

/// A transaction or statement that was seen running.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    /// When it began, µs; it may be later by the slack.
    pub start_us: i64,
    /// Stamps of whole seconds are cut: by how much it may have begun later, µs.
    pub slack_us: i64,
    /// When it was seen (or ended), µs.
    pub seen_us: i64,
    /// Text number of the statement.
    pub query: Option<u32>,
    /// Input number.
    pub input: u32,
    /// Line.
    pub line: u64,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Idle in its transaction, it read the end of the connection at once.
    Eof,
    /// When its statement was done there was nobody to answer.
    ClientLost,
    /// Otherwise.
    Other,
}

/// One session from its first to its last line.
#[derive(Debug, Clone)]
pub struct Session {
    /// Backend.
    pub pid: u32,
    /// First sign of it, µs.
    pub first_us: i64,
    /// What it was seen running, in order of begin.
    pub running: Vec<Running>,
    /// How and when it ended, with input and line.
    pub end: Option<(End, i64, u32, u64)>,
}

/// One sign of a session, in order of time.
struct Sign {
    us: i64,
    running: Option<Running>,
    end: Option<(End, u32, u64)>,
}

/// All sessions, in order of backend and time.
#[must_use]
pub fn sessions(events: &Events) -> Vec<Session> {
    let mut signs: FxHashMap<u32, Vec<Sign>> = FxHashMap::default();
    let slack = |us: i64| if us % SECOND_US == 0 { SECOND_US } else { 0 };
    for event in &events.postgres {
        let running = |pid: u32, lasted_us: i64, query: Option<u32>| {
            let running = Running {
                start_us: event.us.saturating_sub(lasted_us),
                slack_us: slack(event.us),
                seen_us: event.us,
                query,
                input: event.input,
                line: event.line,
            };
            (pid, Sign { us: event.us, running: Some(running), end: None })
        };
        let ended = |end: End| {
            (event.pid, Sign { us: event.us, running: None, end: Some((end, event.input, event.line)) })
        };
        let (pid, sign) = match &event.fact {
            PostgresFact::Duration { duration_us, query } if *duration_us >= SHORTEST_US => {
                running(event.pid, *duration_us, Some(*query))
            }
            PostgresFact::StillWaiting { pid, waited_us, .. } | PostgresFact::Acquired { pid, waited_us } => {
                running(*pid, *waited_us, None)
            }
            PostgresFact::UnexpectedEof => ended(End::Eof),
            PostgresFact::ClientLost => ended(End::ClientLost),
            PostgresFact::Terminated { .. } => ended(End::Other),
            _ => continue,
        };
        signs.entry(pid).or_default().push(sign);
    }
    for snapshot in &events.snapshots {
        for session in &snapshot.sessions {
            let Some(age_us) = session.xact_age_us.or(session.query_age_us) else { continue };
            let running = Running {
                start_us: snapshot.us.saturating_sub(age_us),
                slack_us: slack(snapshot.us),
                seen_us: snapshot.us,
                query: Some(session.query),
                input: snapshot.input,
                line: session.line,
            };
            let sign = Sign { us: snapshot.us, running: Some(running), end: None };
            signs.entry(session.pid).or_default().push(sign);
        }
    }
    let mut sessions: Vec<Session> = Vec::new();
    for (pid, mut signs) in signs {
        signs.sort_by_key(|sign| (sign.us, sign.end.is_some(), sign.end.map(|end| end.2)));
        let mut current: Option<Session> = None;
        for sign in signs {
            // The second line of one end (`could not send data`, `connection to client lost`).
            let again = sign.end.is_some()
                && current.is_none()
                && sessions.last().is_some_and(|last| {
                    last.pid == pid && last.end.is_some_and(|(_, us, ..)| sign.us - us <= SECOND_US)
                });
            if again {
                continue;
            }
            let session = current.get_or_insert_with(|| Session {
                pid,
                first_us: sign.running.map_or(sign.us, |running| running.start_us),
                running: Vec::new(),
                end: None,
            });
            session.running.extend(sign.running);
            if let Some((end, input, line)) = sign.end {
                session.end = Some((end, sign.us, input, line));
                sessions.extend(current.take());
            }
        }
        sessions.extend(current);
    }
    for session in &mut sessions {
        session
            .running
            .sort_by_key(|running| (running.start_us, running.seen_us, running.input, running.line));
    }
    sessions.sort_by_key(|session| (session.pid, session.first_us));
    sessions
}
