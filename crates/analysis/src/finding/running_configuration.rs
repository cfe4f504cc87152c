//! An `odoo.conf` that is not what ran: an option of the command line, another file, or a change without restart.

use super::{Look, finding};
use crate::lives::Reason;
use crate::report::{Finding, Severity};

/// `odoo_conf_not_in_force`, `workers_zero`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(workers) = look.odoo("workers").filter(|workers| workers.integer() == Some(0)) {
        if let Some(seen) = look.prefork_seen() {
            found.push(finding(
                "odoo_conf_not_in_force",
                Severity::Minor,
                "The odoo.conf captured is not what ran",
                format!("{}, but the log shows prefork workers.", workers.said),
                vec![workers.reference.clone(), seen],
                "workers = 2  # what the command line says",
            ));
        } else if !workers.default {
            found.push(finding(
                "workers_zero",
                Severity::Info,
                "Odoo runs in one process",
                format!("{}: requests share one process, and no limit ends a single request.", workers.said),
                vec![workers.reference],
                "workers = 2",
            ));
        }
    }
    found.extend(other_limit(look));
    found
}

/// The limit that kills printed against the one configured.
fn other_limit(look: &Look<'_>) -> Option<Finding> {
    let configured = look.odoo("limit_time_real")?;
    let seconds = configured.integer()?;
    let texts = &look.picture.events.texts;
    let death = look.picture.deaths.iter().find(|death| {
        death.reason == Reason::RealTime
            && texts.get(death.class) == "WorkerHTTP"
            && death.limit_s.is_some_and(|limit| i64::from(limit) != seconds)
    })?;
    let printed = death.limit_s?;
    Some(finding(
        "odoo_conf_not_in_force",
        Severity::Minor,
        "The odoo.conf captured is not what ran",
        format!("{}, but workers were killed after {printed} s.", configured.said),
        vec![configured.reference, look.places.reference(death.input, death.line, death.us)],
        format!("limit_time_real = {printed}"),
    ))
}
