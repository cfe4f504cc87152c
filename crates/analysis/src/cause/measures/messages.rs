//! Telling messages: exceptions in Odoo's log, refusals and checkpoints in PostgreSQL's.

use stormtrace_logs::record::Exception;

use super::{Count, Look};
use crate::events::{OdooFact, PostgresFact};
use crate::waits::postgres_span;

/// Counts of messages inside the incident.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    /// A process used up its own connection pool.
    pub pool_full: Count,
    /// PostgreSQL refused connections: as PostgreSQL tells it.
    pub slots_refused: Count,
    /// … as Odoo tells it.
    pub slots_missing: Count,
    /// A call to an outside service failed or timed out.
    pub external: Count,
    /// The same before the incident, per hour.
    pub external_per_hour_before: f64,
    /// MemoryError.
    pub memory_error: Count,
    /// Long-polling or websocket requests at HTTP workers.
    pub misrouted: Count,
    /// The evented process started, hit its memory limit or failed to bind.
    pub evented_restarts: Count,
    /// Registry loaded.
    pub registry_loads: u64,
    /// A restart of the service inside the incident.
    pub restart: Count,
    /// Longest sync of a checkpoint, seconds.
    pub checkpoint_sync_s: Option<f64>,
    /// The same outside the incident.
    pub checkpoint_sync_before_s: Option<f64>,
    /// Where it is.
    pub checkpoint: Option<crate::report::Reference>,
    /// A backend was killed by SIGKILL.
    pub backend_killed: Count,
    /// Connections that ended in an open transaction outside any statement.
    pub lost_idle: Count,
    /// Statements that ended to find their client gone.
    pub lost_running: Count,
}

impl Messages {
    pub(super) fn of(look: &Look<'_>) -> Self {
        let events = look.picture.events;
        let mut counts = Messages::default();
        let (before_from, before_to) = look.baseline();
        let mut external_before = 0u64;
        for event in &events.odoo {
            if event.fact == OdooFact::Raised(Exception::ExternalCall)
                && (before_from..before_to).contains(&event.us)
            {
                external_before += u64::from(event.count);
            }
            if !look.inside(event.us) {
                continue;
            }
            let place = || look.places.reference(event.input, event.line, event.us);
            let count = u64::from(event.count);
            match event.fact {
                OdooFact::Raised(Exception::PoolFull) => counts.pool_full.add_all(count, place),
                OdooFact::Raised(Exception::TooManyClients) => counts.slots_missing.add_all(count, place),
                OdooFact::Raised(Exception::ExternalCall) => counts.external.add_all(count, place),
                OdooFact::Raised(Exception::MemoryError) => counts.memory_error.add_all(count, place),
                OdooFact::BusMisrouted => counts.misrouted.add_all(count, place),
                OdooFact::EventedServiceRunning | OdooFact::EventedMemory | OdooFact::EventedServiceError => {
                    counts.evented_restarts.add(place);
                }
                OdooFact::RegistryLoaded => counts.registry_loads += 1,
                OdooFact::Stopping | OdooFact::StoppingForcefully | OdooFact::Reloading => {
                    counts.restart.add(place);
                }
                _ => {}
            }
        }
        let before_hours = (before_to - before_from).max(60_000_000) as f64 / 3.6e9;
        counts.external_per_hour_before = external_before as f64 / before_hours;
        for request in events.served.iter().filter(|request| look.inside(request.end_us) && !request.evented)
        {
            let path = events.texts.get(request.path);
            if path.starts_with("/longpolling/poll") || path == "/websocket" {
                counts.misrouted.add(|| look.places.reference(request.input, request.line, request.end_us));
            }
        }
        // A checkpoint that was under way reports when it is done.
        let after = look.to + 300_000_000;
        for event in postgres_span(events, i64::MIN, after) {
            let place = || look.places.reference(event.input, event.line, event.us);
            let inside = look.inside(event.us);
            match event.fact {
                PostgresFact::Checkpoint { sync_us, total_us } => {
                    let sync_s = sync_us as f64 / 1e6;
                    let overlaps = event.us >= look.from && event.us - total_us <= look.to;
                    if overlaps {
                        if counts.checkpoint_sync_s.is_none_or(|known| sync_s > known) {
                            counts.checkpoint_sync_s = Some(sync_s);
                            counts.checkpoint = Some(place());
                        }
                    } else if event.us < look.from {
                        let known = counts.checkpoint_sync_before_s.unwrap_or(0.0);
                        counts.checkpoint_sync_before_s = Some(known.max(sync_s));
                    }
                }
                PostgresFact::TooManyClients if inside => counts.slots_refused.add(place),
                PostgresFact::ProcessKilled { signal: 9, .. } if inside => counts.backend_killed.add(place),
                PostgresFact::UnexpectedEof if inside => counts.lost_idle.add(place),
                PostgresFact::ClientLost if inside => counts.lost_running.add(place),
                _ => {}
            }
        }
        counts
    }
}
