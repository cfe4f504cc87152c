//! Odoo stopped, started or restarted.

use stormtrace_logs::timestamp::SECOND_US;

use crate::events::{OdooEvent, OdooFact};

use super::{Look, Seen};

/// A stop with no start for longer is a stop, and the start later one of its own, µs.
const LONGEST_RESTART_US: i64 = 120 * SECOND_US;
/// From the banner to the service: the registry may be loaded in between, µs.
const LONGEST_START_US: i64 = 300 * SECOND_US;
/// The log has to have run for this long for a start to be one in mid-log, µs.
const MID_LOG_US: i64 = 30 * SECOND_US;
/// A stop may be the incident itself: the first request fails a moment after it, µs.
const BEFORE_FIRST_FAILURE_US: i64 = 30 * SECOND_US;

/// Stops, starts and restarts.
#[must_use]
pub fn find(look: &Look<'_>) -> Vec<Seen> {
    let events = look.picture.events;
    let log_start = events.odoo.first().map(|event| event.us);
    let mut seen = Vec::new();
    let mut stop: Option<&OdooEvent> = None;
    let mut banners: Vec<&OdooEvent> = Vec::new();
    for event in &events.odoo {
        match event.fact {
            OdooFact::Stopping | OdooFact::StoppingForcefully | OdooFact::Reloading => {
                stop = stop.or(Some(event));
            }
            OdooFact::Banner { .. } => banners.push(event),
            OdooFact::HttpServiceRunning => {
                let starts = std::mem::take(&mut banners);
                let stopped = stop.take();
                // The very first start of the log follows no service.
                if stopped.is_none() && log_start.is_some_and(|first| event.us - first <= MID_LOG_US) {
                    continue;
                }
                seen.extend(started(look, stopped, &starts, event));
            }
            // The evented child and a master that came up print banners of their own.
            OdooFact::EventedServiceRunning | OdooFact::Alive { .. } => banners.clear(),
            _ => {}
        }
    }
    seen.extend(stop.map(|stop| stopped(look, stop)));
    seen.retain(|action| look.inside(action.us) || look.inside(action.us + BEFORE_FIRST_FAILURE_US));
    seen
}

fn stopped(look: &Look<'_>, stop: &OdooEvent) -> Seen {
    Seen {
        us: stop.us,
        done_us: stop.us,
        kind: "odoo_stop",
        detail: "Odoo was stopped".to_owned(),
        reference: look.places.reference(stop.input, stop.line, stop.us),
    }
}

/// What a service that is running again tells: `starts` are the banners since the last one that ran.
fn started(
    look: &Look<'_>,
    stop: Option<&OdooEvent>,
    starts: &[&OdooEvent],
    running: &OdooEvent,
) -> Vec<Seen> {
    let banner = starts.last().filter(|banner| running.us - banner.us <= LONGEST_START_US).copied();
    let up = banner.unwrap_or(running);
    let seconds = |from: i64| (running.us - from) as f64 / 1e6;
    let start = |us: i64, kind: &'static str, detail: String, line: &OdooEvent| Seen {
        us,
        done_us: running.us,
        kind,
        detail,
        reference: look.places.reference(line.input, line.line, us),
    };
    match stop {
        Some(stop) if running.us - stop.us <= LONGEST_RESTART_US => vec![start(
            stop.us,
            "odoo_restart",
            format!("Odoo stopped and was running again after {:.0} s", seconds(stop.us)),
            stop,
        )],
        Some(stop) => vec![
            stopped(look, stop),
            start(
                up.us,
                "odoo_start",
                format!("Odoo started {:.0} s after it had been stopped", seconds(stop.us)),
                up,
            ),
        ],
        None if starts.len() >= 3 => vec![start(
            up.us,
            "odoo_start",
            format!(
                "Odoo came up after {} starts that failed; the log does not tell an operator from the service manager",
                starts.len() - 1
            ),
            up,
        )],
        None => {
            // Without a line of farewell the old processes were killed: their last line tells when.
            let last = last_line_before(look, up.us);
            if up.us - last > LONGEST_RESTART_US {
                return vec![start(
                    up.us,
                    "odoo_start",
                    "Odoo started; it had been silent before".to_owned(),
                    up,
                )];
            }
            let detail = format!(
                "Odoo was restarted by force: no line of a stop, running again {:.0} s after the last line before",
                seconds(last)
            );
            vec![start(last, "odoo_restart", detail, up)]
        }
    }
}

/// The last line of Odoo's log before `us`, else `us`.
fn last_line_before(look: &Look<'_>, us: i64) -> i64 {
    let events = look.picture.events;
    let odoo = events.odoo.partition_point(|event| event.us < us).checked_sub(1);
    let served = events.served.partition_point(|request| request.end_us < us).checked_sub(1);
    let odoo = odoo.and_then(|at| events.odoo.get(at)).map(|event| event.us);
    let served = served.and_then(|at| events.served.get(at)).map(|request| request.end_us);
    odoo.max(served).unwrap_or(us)
}
