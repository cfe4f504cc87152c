//! PostgreSQL was restarted.

use stormtrace_logs::timestamp::SECOND_US;

use crate::events::{PostgresEvent, PostgresFact};

use super::{Look, Seen};

/// `received fast shutdown request` and `database system is shut down` belong to one stop, µs.
const ONE_STOP_US: i64 = 120 * SECOND_US;

/// Shutdowns, with when the server was ready again.
#[must_use]
pub fn find(look: &Look<'_>) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut open: Option<&PostgresEvent> = None;
    let mut last_us = i64::MIN;
    let mut done = |stop: &PostgresEvent, ready: Option<i64>| {
        let detail = match ready {
            Some(ready) => {
                format!(
                    "PostgreSQL was shut down and ready again after {:.0} s",
                    (ready - stop.us) as f64 / 1e6
                )
            }
            None => "PostgreSQL was shut down".to_owned(),
        };
        seen.push(Seen {
            us: stop.us,
            done_us: ready.unwrap_or(stop.us),
            kind: "postgres_restart",
            detail,
            reference: look.places.reference(stop.input, stop.line, stop.us),
        });
    };
    for event in look.picture.events.postgres.iter().filter(|event| look.inside(event.us)) {
        match event.fact {
            PostgresFact::ShuttingDown => {
                if let Some(stop) = open.filter(|_| event.us - last_us > ONE_STOP_US) {
                    done(stop, None);
                    open = None;
                }
                open = open.or(Some(event));
                last_us = event.us;
            }
            PostgresFact::Ready => {
                if let Some(stop) = open.take() {
                    done(stop, Some(event.us));
                }
            }
            _ => {}
        }
    }
    if let Some(stop) = open {
        done(stop, None);
    }
    seen
}
