//! PostgreSQL's own limits against the worker limit. A killed worker's statement runs on in its backend, with its locks,
//! until something in PostgreSQL ends it (methods 0).

use super::units::short;
use super::{Look, finding};
use crate::report::{Finding, Severity};

/// One limit: option, id if off, id if too long, what goes on without it.
const LIMITS: [(&str, &str, &str, &str); 3] = [
    (
        "statement_timeout",
        "statement_timeout_off",
        "statement_timeout_not_below_worker_limit",
        "the statement of a killed worker runs on and keeps its locks",
    ),
    (
        "lock_timeout",
        "lock_timeout_off",
        "lock_timeout_not_below_worker_limit",
        "a request that waits for a lock occupies its worker until it is killed",
    ),
    (
        "idle_in_transaction_session_timeout",
        "idle_in_transaction_timeout_off",
        "idle_in_transaction_timeout_not_below_worker_limit",
        "a session that is idle in its transaction blocks others until their workers are killed",
    ),
];

/// The three limits, off or too long.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let Some(limit) = look.worker_limit() else { return Vec::new() };
    let role = look.odoo("db_user").map_or_else(|| "odoo".to_owned(), |value| value.text);
    // Below the limit by a tenth, so that the error still reaches the log and the user.
    let fitting = (limit.seconds * 0.9).floor().max(1.0);
    let mut found = Vec::new();
    for (option, off, long, why) in LIMITS {
        let Some(value) = look.postgres(option) else { continue };
        let Some(seconds) = value.postgres_seconds() else { continue };
        let (id, title) = if seconds <= 0.0 {
            (off, format!("{option} is off"))
        } else if seconds >= limit.seconds {
            (long, format!("{option} does not fire before the worker limit"))
        } else {
            continue;
        };
        let severity = if option == "statement_timeout" { Severity::Minor } else { Severity::Info };
        found.push(finding(
            id,
            severity,
            &title,
            format!("{}, and {}: {why}.", value.said, limit.said),
            vec![value.reference, limit.reference.clone()],
            format!("ALTER ROLE \"{}\" SET {option} = '{}s';", role.replace('"', "\"\""), short(fitting)),
        ));
    }
    found
}
