//! `ALTER ROLE|DATABASE|SYSTEM … SET … timeout`: from the statement in PostgreSQL's log, else from captured settings.

use crate::events::{PostgresFact, Setting, State};
use crate::facts;

use super::{Look, Seen, rounds};

/// Timeouts set by hand.
#[must_use]
pub fn find(look: &Look<'_>) -> Vec<Seen> {
    let events = look.picture.events;
    let logged: Vec<_> = events
        .postgres
        .iter()
        .filter(|event| event.fact == PostgresFact::AlterTimeout && look.inside(event.us))
        .collect();
    let seen: Vec<Seen> = rounds(&logged, |event| event.us)
        .into_iter()
        .filter_map(|round| {
            let first = round.first()?;
            Some(Seen {
                us: first.us,
                done_us: round.last()?.us,
                kind: "alter_role_timeout",
                detail: "a timeout was set with ALTER".to_owned(),
                reference: look.places.reference(first.input, first.line, first.us),
            })
        })
        .collect();
    if seen.is_empty() { from_settings(look).into_iter().collect() } else { seen }
}

/// Longer than the limit by this is no rounding, seconds.
const SLACK_S: f64 = 2.0;

/// A role's timeouts in captured settings. Nothing dates the ALTER, but while statements ran or waited for locks longer
/// than it allows it was not in force: it was set after the last of them. Where none did, nothing shows that it is new.
fn from_settings(look: &Look<'_>) -> Option<Seen> {
    let of_role = |name: &str| {
        look.picture.events.settings.iter().find(|setting| {
            setting.program == "postgresql" && setting.name.starts_with('[') && setting.name.ends_with(name)
        })
    };
    let statement =
        of_role("] statement_timeout").and_then(|setting| Some((last_over(look, setting, false)?, setting)));
    let lock = of_role("] lock_timeout").and_then(|setting| Some((last_over(look, setting, true)?, setting)));
    let (us, setting) = match (statement, lock) {
        (Some(statement), Some(lock)) if lock.0 > statement.0 => lock,
        (statement, lock) => statement.or(lock)?,
    };
    look.inside(us).then(|| Seen {
        us,
        done_us: us,
        kind: "alter_role_timeout",
        detail: format!(
            "the captured settings have {} {}; it was set some time after this, when the last statement was seen to \
             exceed it",
            setting.name, setting.value
        ),
        reference: look.places.reference(setting.input, setting.line, us),
    })
}

/// When a statement (or a wait for a lock) was last seen to be older than the setting allows, µs.
fn last_over(look: &Look<'_>, setting: &Setting, lock: bool) -> Option<i64> {
    let limit_s = facts::seconds(&setting.value).filter(|limit_s| *limit_s > 0.0)?;
    let over = |age_us: i64| age_us as f64 / 1e6 > limit_s + SLACK_S;
    let events = look.picture.events;
    let sampled = events.snapshots.iter().rev().find(|snapshot| {
        snapshot.us <= look.to
            && snapshot.sessions.iter().any(|session| {
                session.state == State::Active
                    && (!lock || session.lock_wait)
                    && session.query_age_us.is_some_and(over)
            })
    });
    let logged = events.postgres.iter().rev().find(|event| {
        event.us <= look.to
            && match event.fact {
                PostgresFact::Acquired { waited_us, .. } => lock && over(waited_us),
                PostgresFact::Duration { duration_us, .. } => !lock && over(duration_us),
                _ => false,
            }
    });
    sampled.map(|snapshot| snapshot.us).max(logged.map(|event| event.us))
}
