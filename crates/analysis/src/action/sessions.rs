//! `pg_cancel_backend` and `pg_terminate_backend`. PostgreSQL says who was hit, not who called; statements that ran into
//! `statement_timeout` or `lock_timeout` say so and are no action.

use rustc_hash::{FxHashMap, FxHashSet};
use stormtrace_logs::record::Exception;
use stormtrace_logs::timestamp::SECOND_US;

use crate::events::{OdooFact, PostgresFact};

use super::{Look, Seen, rounds};

/// Waits this long before an action tell whom it freed, µs.
const BEFORE_US: i64 = 600 * SECOND_US;
/// Sessions named in full.
const NAMED: usize = 8;

struct Hit {
    us: i64,
    pid: Option<u32>,
    application: u32,
    input: u32,
    line: u64,
}

/// Cancels and terminations.
#[must_use]
pub fn find(look: &Look<'_>) -> Vec<Seen> {
    let mut seen = family(look, false);
    seen.extend(family(look, true));
    seen
}

fn family(look: &Look<'_>, terminate: bool) -> Vec<Seen> {
    let hits = hits(look, terminate);
    let blockers = Blockers::of(look);
    rounds(&hits, |hit| hit.us)
        .into_iter()
        .filter_map(|round| {
            let first = round.first()?;
            Some(Seen {
                us: first.us,
                done_us: round.last()?.us,
                kind: if terminate { "pg_terminate_backend" } else { "pg_cancel_backend" },
                detail: detail(look, &blockers, round, terminate),
                reference: look.places.reference(first.input, first.line, first.us),
            })
        })
        .collect()
}

fn hits(look: &Look<'_>, terminate: bool) -> Vec<Hit> {
    let events = look.picture.events;
    // A server that shuts down ends every session in the same words.
    let shutdowns: Vec<i64> = events
        .postgres
        .iter()
        .filter(|event| event.fact == PostgresFact::ShuttingDown)
        .map(|event| event.us)
        .collect();
    let shutting = |us: i64| shutdowns.iter().any(|at| (us - at).abs() <= 10 * SECOND_US);
    let wanted = |fact: &PostgresFact| match fact {
        PostgresFact::Canceled { user } => *user && !terminate,
        PostgresFact::Terminated { administrator } => *administrator && terminate,
        _ => false,
    };
    let mut hits: Vec<Hit> = events
        .postgres
        .iter()
        .filter(|event| look.inside(event.us) && wanted(&event.fact) && !(terminate && shutting(event.us)))
        .map(|event| Hit {
            us: event.us,
            pid: Some(event.pid),
            application: event.application,
            input: event.input,
            line: event.line,
        })
        .collect();
    // Without the server's log, Odoo's own exceptions tell of its sessions.
    if events.postgres.is_empty() {
        let raised = if terminate { Exception::AdminShutdown } else { Exception::QueryCanceled };
        let of_odoo = events
            .odoo
            .iter()
            .filter(|event| look.inside(event.us) && event.fact == OdooFact::Raised(raised))
            .map(|event| Hit {
                us: event.us,
                pid: None,
                application: 0,
                input: event.input,
                line: event.line,
            });
        hits.extend(of_odoo);
    }
    hits
}

/// Who held locks that others waited for.
struct Blockers {
    /// By blocking backend: (time, waiting backend).
    blocks: FxHashMap<u32, Vec<(i64, u32)>>,
    /// Backends that waited themselves, with the times.
    waits: FxHashMap<u32, Vec<i64>>,
}

impl Blockers {
    fn of(look: &Look<'_>) -> Self {
        let mut blockers = Blockers { blocks: FxHashMap::default(), waits: FxHashMap::default() };
        let events = look.picture.events;
        let inside = |us: i64| us >= look.from.saturating_sub(BEFORE_US) && us <= look.to;
        for snapshot in events.snapshots.iter().filter(|snapshot| inside(snapshot.us)) {
            for session in &snapshot.sessions {
                blockers.add(snapshot.us, session.pid, &session.blocked_by);
            }
        }
        for event in events.postgres.iter().filter(|event| inside(event.us)) {
            match &event.fact {
                PostgresFact::StillWaiting { pid, holders, .. } => blockers.add(event.us, *pid, holders),
                PostgresFact::Holders { holders } => blockers.add(event.us, event.pid, holders),
                _ => {}
            }
        }
        blockers
    }

    fn add(&mut self, us: i64, waiter: u32, holders: &[u32]) {
        for holder in holders {
            self.blocks.entry(*holder).or_default().push((us, waiter));
        }
        if !holders.is_empty() {
            self.waits.entry(waiter).or_default().push(us);
        }
    }

    /// The root blocker shortly before `us`: who held up most sessions without waiting itself, and how many.
    fn root(&self, us: i64) -> Option<(usize, u32)> {
        let before = |at: i64| at <= us.saturating_add(SECOND_US) && at > us.saturating_sub(BEFORE_US);
        let waited = |pid: u32| self.waits.get(&pid).is_some_and(|times| times.iter().any(|at| before(*at)));
        let candidates = self.blocks.iter().filter(|(pid, _)| !waited(**pid));
        let counted = candidates.map(|(pid, seen)| {
            let waiters: FxHashSet<u32> =
                seen.iter().filter(|(at, _)| before(*at)).map(|(_, waiter)| *waiter).collect();
            (waiters.len(), std::cmp::Reverse(*pid))
        });
        counted.filter(|(waiters, _)| *waiters > 0).max().map(|(waiters, pid)| (waiters, pid.0))
    }
}

fn detail(look: &Look<'_>, blockers: &Blockers, round: &[Hit], terminate: bool) -> String {
    let us = round.first().map_or(look.from, |hit| hit.us);
    let pids: FxHashSet<u32> = round.iter().filter_map(|hit| hit.pid).collect();
    let count = if pids.is_empty() { round.len() } else { pids.len() };
    let (one, many, done) = if terminate {
        ("session", "sessions", "terminated by an administrator")
    } else {
        ("statement", "statements", "cancelled on user request")
    };
    let mut text = format!("{count} {} {done}", if count == 1 { one } else { many });
    let mut named: Vec<u32> = pids.iter().copied().collect();
    named.sort_unstable();
    if !named.is_empty() {
        let list: Vec<String> = named.iter().take(NAMED).map(u32::to_string).collect();
        let more = if named.len() > NAMED { " …" } else { "" };
        text.push_str(&format!(" (pid {}{more})", list.join(", ")));
    }
    if let ([hit], true) = (round, count == 1) {
        let application = look.picture.events.texts.get(hit.application);
        if !application.is_empty() {
            text.push_str(&format!(", application {application}"));
        }
    }
    match blockers.root(us) {
        Some((waiters, pid)) if pids.contains(&pid) => {
            let waited = if waiters == 1 { "session was" } else { "sessions were" };
            text.push_str(&format!(
                "; {pid} was the root blocker, {waiters} {waited} seen waiting behind it"
            ));
        }
        Some((_, pid)) if !named.is_empty() => {
            text.push_str(&format!("; the root blocker {pid} was not among them"));
        }
        _ => {}
    }
    text
}
