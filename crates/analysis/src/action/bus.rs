//! Only the evented process was restarted, the workers lived on.

use stormtrace_logs::timestamp::SECOND_US;

use crate::events::{OdooEvent, OdooFact};

use super::{Look, Seen};

/// The evented process comes up within this behind the service it belongs to, µs.
const WITH_SERVICE_US: i64 = 60 * SECOND_US;
/// Starts closer than this are a process that keeps dying and that the master keeps starting, µs.
const CRASH_LOOP_US: i64 = 60 * SECOND_US;

/// Starts of the evented process alone. A respawn by the master after an outside kill looks the same and is told as what
/// it is: a restart of the bus.
#[must_use]
pub fn find(look: &Look<'_>) -> Vec<Seen> {
    let odoo = &look.picture.events.odoo;
    let first = odoo.first().map_or(i64::MIN, |event| event.us);
    let mut service = None;
    let mut recycled = None;
    let mut starts: Vec<(&OdooEvent, bool)> = Vec::new();
    for event in odoo {
        match event.fact {
            OdooFact::HttpServiceRunning => service = Some(event.us),
            OdooFact::EventedMemory => recycled = Some(event.us),
            OdooFact::EventedServiceRunning => {
                let near = |at: Option<i64>| at.is_some_and(|at| event.us - at <= WITH_SERVICE_US);
                let alone = !near(service) && !near(recycled) && event.us - first > WITH_SERVICE_US;
                starts.push((event, alone));
            }
            _ => {}
        }
    }
    // In Odoo 15 and older the log of a service may begin in its middle: its own banner tells the start.
    let mut seen = Vec::new();
    for (at, (event, alone)) in starts.iter().enumerate() {
        let close = |other: Option<&(&OdooEvent, bool)>| {
            other.is_some_and(|(other, _)| (other.us - event.us).abs() <= CRASH_LOOP_US)
        };
        let looping =
            close(at.checked_sub(1).and_then(|before| starts.get(before))) || close(starts.get(at + 1));
        if *alone && !looping && look.inside(event.us) {
            seen.push(Seen {
                us: event.us,
                done_us: event.us,
                kind: "bus_restart",
                detail: format!(
                    "the evented process was started anew (pid {}); the workers lived on",
                    event.pid
                ),
                reference: look.places.reference(event.input, event.line, event.us),
            });
        }
    }
    seen
}
