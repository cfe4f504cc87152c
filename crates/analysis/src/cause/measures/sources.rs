//! Which sources were listening during the incident, so that silence can be told from absence.

use stormtrace_logs::format::Source;

use super::Look;
use crate::events::PostgresFact;
use crate::facts::find;
use crate::waits::snapshot_span;

/// What was listening.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// An Odoo log covers the incident.
    pub odoo: bool,
    /// Odoo logged at INFO: request lines, starts of workers and jobs are there.
    pub odoo_info: bool,
    /// An access log covers the incident.
    pub access: bool,
    /// It holds `$request_time`.
    pub request_time: bool,
    /// An nginx error log is there.
    pub nginx_error: bool,
    /// A PostgreSQL log covers the incident.
    pub postgres_log: bool,
    /// Lock waits are logged: proven by any such line, else by configuration.
    pub lock_waits_logged: bool,
    /// Long statements are logged: proven by any such line, else by configuration.
    pub durations_logged: bool,
    /// Snapshots that list sessions, inside the incident.
    pub listings: usize,
    /// Snapshots that only count.
    pub countings: usize,
    /// Host samples inside the incident.
    pub host_samples: usize,
}

impl Sources {
    pub(super) fn of(look: &Look<'_>) -> Self {
        let picture = look.picture;
        let events = picture.events;
        let covered = |source: Source| {
            picture
                .spans
                .iter()
                .any(|(other, from, to)| *other == source && *from <= look.to && *to >= look.from)
        };
        let any = |wanted: fn(&PostgresFact) -> bool| events.postgres.iter().any(|event| wanted(&event.fact));
        let setting =
            |name: &str| find(&events.settings, "postgresql", name).map(|found| found.value.as_str());
        let served = events.served.partition_point(|request| request.end_us < look.from - 600_000_000);
        let snapshots = snapshot_span(events, look.from, look.to);
        let counting = snapshots.iter().filter(|snapshot| snapshot.counts.is_some()).count();
        Sources {
            odoo: covered(Source::Odoo),
            odoo_info: events
                .served
                .get(served)
                .is_some_and(|request| request.end_us <= look.to + 600_000_000),
            access: covered(Source::NginxAccess),
            request_time: events
                .access
                .iter()
                .take(5000)
                .any(|access| access.request_time_us.get().is_some()),
            nginx_error: picture.spans.iter().any(|(source, ..)| *source == Source::NginxError),
            postgres_log: covered(Source::PostgresLog),
            lock_waits_logged: any(|fact| {
                matches!(fact, PostgresFact::StillWaiting { .. } | PostgresFact::Acquired { .. })
            }) || setting("log_lock_waits") == Some("on"),
            durations_logged: any(|fact| matches!(fact, PostgresFact::Duration { .. }))
                || setting("log_min_duration_statement").is_some_and(|value| value != "-1"),
            listings: snapshots.len() - counting,
            countings: counting,
            host_samples: events.host.iter().filter(|sample| look.speaks(sample)).count(),
        }
    }
}
