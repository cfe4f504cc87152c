//! Statements that outlived the worker they ran for. A backend looks at its connection only when it talks to the client,
//! unless `client_connection_check_interval` is set (methods 0).

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use super::{Look, finding};
use crate::events::{OdooFact, PostgresEvent, PostgresFact};
use crate::report::{Finding, Severity};

/// A connection found lost this soon after its statement ended was found lost because it ended, µs.
const AT_ONCE_US: i64 = 20_000;
/// A statement that ends this soon after a kill may have been on its way out, µs (the window of an idle backend's end,
/// methods 0, with room for whole-second stamps).
const LATER_US: i64 = SECOND_US;
/// A kill longer ago than this explains no lost connection, µs.
const LONGEST_US: i64 = 3600 * SECOND_US;

/// `statements_outlive_workers`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let events = look.picture.events;
    let kills: Vec<i64> =
        look.picture.deaths.iter().filter(|death| death.reason.is_kill()).map(|death| death.us).collect();
    let stops: Vec<i64> = events
        .odoo
        .iter()
        .filter(|event| {
            matches!(
                event.fact,
                OdooFact::Stopping
                    | OdooFact::StoppingForcefully
                    | OdooFact::Reloading
                    | OdooFact::Banner { .. }
            )
        })
        .map(|event| event.us)
        .collect();
    // The last statement logged of each backend: when it ended and how long it took.
    let mut ended: FxHashMap<u32, (i64, i64)> = FxHashMap::default();
    let mut lost: FxHashMap<u32, i64> = FxHashMap::default();
    let mut orphans: Vec<(&PostgresEvent, i64)> = Vec::new();
    for event in &events.postgres {
        match event.fact {
            PostgresFact::Duration { duration_us, .. } => {
                ended.insert(event.pid, (event.us, duration_us));
                continue;
            }
            PostgresFact::ClientLost | PostgresFact::UnexpectedEof => {}
            _ => continue,
        }
        let application = events.texts.get(event.application);
        if !application.is_empty() && !application.starts_with("odoo") {
            continue;
        }
        // Two lines report one loss.
        if lost.insert(event.pid, event.us).is_some_and(|before| event.us.saturating_sub(before) <= SECOND_US)
        {
            continue;
        }
        let statement = ended.get(&event.pid).filter(|(end, _)| event.us - end <= AT_ONCE_US);
        // An idle backend sees the end of its connection at once: only one that tried to send was at work.
        if statement.is_none() && event.fact == PostgresFact::UnexpectedEof {
            continue;
        }
        let oldest = statement.map_or(event.us - LONGEST_US, |(end, duration)| end - duration);
        let after = kills.partition_point(|kill| *kill <= event.us - LATER_US);
        let Some(kill) =
            after.checked_sub(1).and_then(|last| kills.get(last)).filter(|kill| **kill >= oldest)
        else {
            continue;
        };
        // A stop or start of Odoo, or of its evented process, leaves clients too.
        let since = if statement.is_some() { oldest } else { *kill };
        let before = stops.partition_point(|stop| *stop <= event.us);
        if before.checked_sub(1).and_then(|last| stops.get(last)).is_some_and(|stop| *stop > since) {
            continue;
        }
        orphans.push((event, event.us - kill));
    }
    let interval = look.postgres_server("client_connection_check_interval");
    if interval.as_ref().and_then(super::values::Value::postgres_seconds).is_some_and(|seconds| seconds > 0.0)
    {
        return Vec::new();
    }
    let Some(longest) = orphans.iter().map(|(_, late)| *late).max() else { return Vec::new() };
    let mut refs: Vec<_> = interval.map(|value| value.reference).into_iter().collect();
    refs.extend(orphans.iter().map(|(event, _)| look.places.reference(event.input, event.line, event.us)));
    let backends = if orphans.len() == 1 { "backend" } else { "backends" };
    vec![finding(
        "statements_outlive_workers",
        Severity::Minor,
        "Statements outlive the workers they ran for",
        format!(
            "After workers had been killed, at least {} {backends} noticed that the client was gone only when the statement ended, {:.0} s \
             or more after a kill at the longest: until then it ran on, or waited, and kept its locks.",
            orphans.len(),
            longest as f64 / 1e6
        ),
        refs,
        "# PostgreSQL 14 and newer; with a statement_timeout below limit_time_real\nclient_connection_check_interval = 5s",
    )]
}
