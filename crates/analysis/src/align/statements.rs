//! Statements that a snapshot shows at work and that PostgreSQL's log reports: both tell when they began.

use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::SECOND_US;

use super::kind::{Kind, centred};
use super::pair::{Moment, couple};
use crate::events::{PostgresFact, State};
use crate::read::Input;

/// The start of a statement: snapshot time less its age, and the end of the statement, or the report of its wait,
/// less how long it took. Same backend.
pub const SNAPSHOTS: Kind = Kind {
    reference: Source::PostgresLog,
    source: Source::PgStatActivity,
    basis: "starts of the same statements in snapshots and in PostgreSQL's log",
    blur_us: SECOND_US / 10,
    pairs: |postgres, snapshots| couple(once(logged(postgres)), once(sampled(snapshots))),
};

fn logged(postgres: &[&Input]) -> Vec<Moment> {
    let mut starts = Vec::new();
    for input in postgres {
        starts.extend(input.partial.events.postgres.iter().filter_map(|event| {
            let (pid, took_us) = match event.fact {
                PostgresFact::Duration { duration_us, .. } => (event.pid, duration_us),
                PostgresFact::StillWaiting { pid, waited_us, .. }
                | PostgresFact::Acquired { pid, waited_us } => (pid, waited_us),
                _ => return None,
            };
            Some((u64::from(pid), centred(input, event.us).saturating_sub(took_us)))
        }));
    }
    starts
}

fn sampled(snapshots: &[&Input]) -> Vec<Moment> {
    let mut starts = Vec::new();
    for input in snapshots {
        for snapshot in &input.partial.events.snapshots {
            let active = snapshot.sessions.iter().filter(|session| session.state == State::Active);
            starts.extend(active.filter_map(|session| {
                let age_us = session.query_age_us?;
                Some((u64::from(session.pid), centred(input, snapshot.us).saturating_sub(age_us)))
            }));
        }
    }
    starts
}

/// A statement is seen by many snapshots and reported by several records: one start each.
fn once(mut starts: Vec<Moment>) -> Vec<Moment> {
    starts.sort_unstable();
    let mut last: Option<Moment> = None;
    starts.retain(|start| {
        let again = last
            .is_some_and(|before| before.0 == start.0 && start.1.saturating_sub(before.1) < SECOND_US / 2);
        last = Some(*start);
        !again
    });
    starts
}
