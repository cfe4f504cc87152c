//! Odoo logs its requests at level info: above that they are missing.

use super::{Look, finding};
use crate::report::{Finding, Severity};

/// `odoo_requests_not_logged`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    // Request lines in the log: then it logs them, whatever the file says.
    if !look.picture.events.served.is_empty() {
        return Vec::new();
    }
    let (Some(level), Some(handlers)) = (look.odoo("log_level"), look.odoo("log_handler")) else {
        return Vec::new();
    };
    let value = match (werkzeug_level(&handlers.text), level.text.trim()) {
        // A handler overrides the level.
        (Some("WARNING" | "ERROR" | "CRITICAL"), _) => handlers,
        (None, "warn" | "error" | "critical") => level,
        _ => return Vec::new(),
    };
    vec![finding(
        "odoo_requests_not_logged",
        Severity::Minor,
        "Odoo does not log its requests",
        format!(
            "{}: request lines are at level info, so which worker served what, and for how long, cannot be told.",
            value.said
        ),
        vec![value.reference],
        "log_level = info",
    )]
}

/// The level that `log_handler` gives werkzeug, other than by the default for all.
fn werkzeug_level(handlers: &str) -> Option<&str> {
    let mut entries = handlers.split(',').rev().filter_map(|entry| entry.trim().split_once(':'));
    let (_, level) = entries.find(|(logger, _)| *logger == "werkzeug")?;
    Some(level.trim())
}
