//! Lock waits of the incident.

use stormtrace_logs::format::Source;

use super::{Look, Sign};
use crate::events::PostgresFact;
use crate::report::{Culprit, Reference};
use crate::waits::{Doing, Root, Waits, postgres_span, snapshot_span};

/// Figures of lock waits.
#[derive(Debug, Clone, Default)]
pub struct Locks {
    /// Waits (one per backend and statement).
    pub waits: u64,
    /// Where the first is seen.
    pub first: Option<Reference>,
    /// Their summed time, seconds.
    pub waited_s: f64,
    /// Waits whose holder is known.
    pub resolved: u64,
    /// The session that most time was waited for.
    pub root: Option<Root>,
    /// Its share of the waiting time of the waits whose holder is known.
    pub root_share: f64,
    /// Sessions that others waited for at least 5 s.
    pub roots: u64,
    /// … of which were idle in transaction.
    pub idle_roots: u64,
    /// … of which were Odoo's own sessions.
    pub odoo_roots: u64,
    /// … of which were Odoo's own and idle in transaction.
    pub odoo_idle_roots: u64,
    /// All roots together: seconds waited for idle ones.
    pub idle_waited_s: f64,
    /// Seconds waited for running ones.
    pub running_waited_s: f64,
    /// The root is one of Odoo's own sessions (it has the name the waiters have).
    pub root_is_odoo: bool,
    /// The root's transaction (or the first wait for it) began before the first other failure showed, seconds before the
    /// onset; negative if after.
    pub root_before_onset_s: Option<f64>,
    /// `could not serialize access` after the locks were released.
    pub serialization_failures: u64,
    /// In snapshots that list waiters but no holders: an active session that ran at least as long as the oldest wait was
    /// there (true) or was not (false).
    pub running_as_long: Option<bool>,
    /// The root as the report names it.
    pub culprit: Option<Culprit>,
}

impl Locks {
    /// When the main root's transaction began, where snapshots tell it to the second.
    #[must_use]
    pub fn root_sign(&self) -> Option<Sign> {
        let us = self.root.as_ref().filter(|_| self.root_share >= 0.6)?.transaction_us?;
        Some(Sign { us, source: Source::PgStatActivity })
    }

    pub(super) fn of(look: &Look<'_>, waits: Waits) -> Self {
        let events = look.picture.events;
        let names: std::collections::BTreeSet<u32> =
            waits.waits.iter().map(|wait| wait.application).collect();
        // An empty name is everybody's; then the session is Odoo's if it ended with a worker.
        let is_odoo = |root: &Root| {
            let name = events.texts.get(root.application);
            let named = !name.is_empty() && names.contains(&root.application) && !foreign(name);
            named || (!foreign(name) && ended_with_a_worker(look, root))
        };
        let mut locks = Locks {
            waits: waits.waits.len() as u64,
            first: waits.waits.first().map(|wait| look.reference(wait.place)),
            waited_s: waits.waited_us() as f64 / 1e6,
            resolved: waits.resolved() as u64,
            running_as_long: running_as_long(look),
            ..Locks::default()
        };
        let resolved_us: i64 = waits.roots.iter().map(|root| root.waited_us).sum();
        for root in waits.roots.iter().filter(|root| root.waited_us >= 5_000_000) {
            locks.roots += 1;
            let own = is_odoo(root);
            locks.odoo_roots += u64::from(own);
            locks.odoo_idle_roots += u64::from(own && root.doing == Some(Doing::Idle));
            let seconds = root.waited_us as f64 / 1e6;
            match root.doing {
                Some(Doing::Idle) => {
                    locks.idle_roots += 1;
                    locks.idle_waited_s += seconds;
                }
                Some(Doing::Running) => locks.running_waited_s += seconds,
                None => {}
            }
        }
        if let Some(root) = waits.roots.first() {
            locks.root_share = root.waited_us as f64 / resolved_us.max(1) as f64;
            locks.root_is_odoo = is_odoo(root);
            let began = root.transaction_us.unwrap_or(root.first_us).min(root.first_us);
            locks.root_before_onset_s = Some((look.onset_us - began) as f64 / 1e6);
            let text = |number: u32| {
                let text = events.texts.get(number);
                (!text.is_empty()).then(|| text.to_owned())
            };
            locks.culprit = Some(Culprit {
                pid: Some(root.pid),
                application_name: text(root.application),
                state: root.doing.map(|doing| match doing {
                    Doing::Idle => "idle in transaction".to_owned(),
                    Doing::Running => "active".to_owned(),
                }),
                query: text(root.query),
                age_s: root.age_us.map(|us| us as f64 / 1e6),
                name: None,
                reference: Some(look.reference(root.place)),
            });
        }
        locks.serialization_failures = postgres_span(events, look.from, look.to + 60_000_000)
            .iter()
            .filter(|event| event.fact == PostgresFact::SerializationFailure)
            .count() as u64;
        locks.root = waits.roots.into_iter().next();
        locks
    }

    /// Seconds waited for sessions known to do this, over all waits whose holder's state is known.
    #[must_use]
    pub fn share_doing(&self, doing: Doing) -> Option<f64> {
        let all = self.idle_waited_s + self.running_waited_s;
        let part = match doing {
            Doing::Idle => self.idle_waited_s,
            Doing::Running => self.running_waited_s,
        };
        (all > 0.0).then(|| part / all)
    }
}

/// Its connection was lost within moments of a worker's end (methods 0: 4 to 63 ms).
fn ended_with_a_worker(look: &Look<'_>, root: &Root) -> bool {
    const WITHIN_US: i64 = 300_000;
    let deaths = look.picture.deaths;
    postgres_span(look.picture.events, root.first_us, root.last_us + 2_000_000)
        .iter()
        .filter(|event| event.pid == root.pid && event.fact == PostgresFact::UnexpectedEof)
        .any(|event| {
            let from = deaths.partition_point(|death| death.us < event.us - WITHIN_US);
            deaths.get(from).is_some_and(|death| death.us <= event.us + WITHIN_US / 3)
        })
}

/// Names of tools people and other programs use.
fn foreign(application: &str) -> bool {
    const TOOLS: [&str; 6] = ["psql", "pgadmin", "dbeaver", "pg_dump", "datagrip", "navicat"];
    let lower = application.to_ascii_lowercase();
    TOOLS.iter().any(|tool| lower.contains(tool))
}

/// Snapshots of active sessions without `pg_blocking_pids`: whoever runs a statement and holds the lock must have begun
/// its statement, or its transaction, before the oldest wait; if no active session is that old, the holder is idle.
fn running_as_long(look: &Look<'_>) -> Option<bool> {
    let (mut with, mut without) = (0u32, 0u32);
    for snapshot in snapshot_span(look.picture.events, look.from, look.to) {
        let ages = |waiting: bool| {
            snapshot
                .sessions
                .iter()
                .filter(move |session| {
                    session.lock_wait == waiting && session.state == crate::events::State::Active
                })
                .filter_map(|session| session.query_age_us)
                .max()
        };
        let Some(oldest_wait) = ages(true) else { continue };
        if ages(false).is_some_and(|age| age + 2_000_000 > oldest_wait) {
            with += 1;
        } else {
            without += 1;
        }
    }
    (with + without >= 3).then_some(2 * with > with + without)
}
