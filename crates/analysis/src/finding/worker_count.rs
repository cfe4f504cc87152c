//! More workers than the processors can serve (Odoo's documentation: at most 2 × processors + 1).

use super::{Look, finding};
use crate::report::{Finding, Severity};

/// `more_workers_than_processors_serve`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let hosts = || {
        look.picture.events.settings.iter().filter(|one| one.program == "host" && one.name == "processors")
    };
    let Some(shown) = hosts().next() else { return Vec::new() };
    // Metrics of several hosts: which one runs Odoo is not known.
    if hosts().any(|other| other.value != shown.value) {
        return Vec::new();
    }
    let (Ok(processors), Some(workers)) = (shown.value.parse::<i64>(), look.odoo("workers")) else {
        return Vec::new();
    };
    let most = processors.saturating_mul(2).saturating_add(1);
    let Some(count) = workers.integer().filter(|count| *count > most && processors > 0) else {
        return Vec::new();
    };
    vec![finding(
        "more_workers_than_processors_serve",
        Severity::Info,
        "More workers than the processors can serve",
        format!(
            "{count} HTTP workers; the host metrics show {processors} processors, for which Odoo's rule (2 × processors + 1) \
             gives {most}."
        ),
        vec![workers.reference, look.line(shown.input, shown.line)],
        format!("workers = {most}"),
    )]
}
