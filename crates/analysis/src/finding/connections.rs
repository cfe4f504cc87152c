//! What Odoo's processes may open together against what PostgreSQL has.

use stormtrace_logs::format::Source;

use super::{Look, finding};
use crate::events::PostgresFact;
use crate::report::{Finding, Severity};

/// `connections_may_exceed_max_connections`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let number = |name: &str| look.postgres_server(name).and_then(|value| value.integer());
    let Some(most) = look.postgres_server("max_connections") else { return Vec::new() };
    let Some(each) = look.odoo("db_maxconn") else { return Vec::new() };
    let Some((workers, threads)) = look.processes() else { return Vec::new() };
    let (Some(slots), Some(per_process), Some(http), Some(cron)) =
        (most.integer(), each.integer(), workers.integer(), threads.integer())
    else {
        return Vec::new();
    };
    let reserved = number("superuser_reserved_connections")
        .unwrap_or(3)
        .saturating_add(number("reserved_connections").unwrap_or(0));
    let free = slots.saturating_sub(reserved);
    // The evented process and the master have a pool too.
    let processes = http.saturating_add(cron.max(0)).saturating_add(2);
    let wanted = processes.saturating_mul(per_process);
    if wanted <= free || per_process <= 0 {
        return Vec::new();
    }
    let events = look.picture.events;
    let mut refused =
        events.postgres.iter().filter(|event| event.fact == PostgresFact::TooManyClients).peekable();
    let mut refs = vec![each.reference, most.reference, workers.reference, threads.reference];
    if let Some(first) = refused.peek() {
        refs.insert(0, look.places.reference(first.input, first.line, first.us));
    }
    let count = refused.count();
    let logged = look.inputs.iter().any(|input| input.source == Some(Source::PostgresLog));
    let (severity, seen) = if count > 0 {
        (Severity::Major, format!(" PostgreSQL refused {count} connections."))
    } else {
        (
            Severity::Info,
            format!(
                " Workers use few of theirs at a time{}.",
                if logged { ", and the log shows none refused" } else { "" }
            ),
        )
    };
    let needed = wanted.saturating_add(reserved);
    vec![finding(
        "connections_may_exceed_max_connections",
        severity,
        "Odoo may open more connections than PostgreSQL has",
        format!(
            "{processes} processes ({http} HTTP workers, {cron} cron workers, the evented process, the master) may open \
             {per_process} connections each, {wanted} in all; PostgreSQL has {free} for them ({slots} less {reserved} \
             reserved).{seen}"
        ),
        refs,
        format!(
            "# odoo.conf\ndb_maxconn = {}\n# or postgresql.conf\nmax_connections = {needed}",
            (free / processes.max(1)).max(1)
        ),
    )]
}
