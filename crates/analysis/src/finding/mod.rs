//! Findings about configuration and hygiene: one file for each, or for a small family, and one line in [`ALL`].
//!
//! A finding is claimed from what a file says, or from what it does not say when the whole file was read and the
//! program's default is known; never from a file that is not there.

use crate::detect::Picture;
use crate::place::Places;
use crate::read::Input;
use crate::report::{Finding, Reference, Severity};

mod bus_route;
mod connections;
mod cpu_limit;
mod cron_limit;
mod database_manager;
mod deployment;
mod lock_waits;
mod memory_limits;
mod nginx;
mod nginx_error_level;
mod odoo_log_level;
mod orphaned_statements;
mod postgres_logging;
mod postgres_timeouts;
mod proxy_mode;
mod proxy_timeout;
mod request_time;
mod running_configuration;
mod units;
mod upstream_peers;
mod values;
mod worker_count;

#[cfg(test)]
mod tests;

/// One check; it may find several things of one kind.
type Check = fn(&Look<'_>) -> Vec<Finding>;

/// Every check.
pub const ALL: &[Check] = &[
    bus_route::check,
    connections::check,
    cpu_limit::check,
    cron_limit::check,
    database_manager::check,
    lock_waits::check,
    memory_limits::check,
    nginx_error_level::check,
    odoo_log_level::check,
    orphaned_statements::check,
    postgres_logging::check,
    postgres_timeouts::check,
    proxy_mode::check,
    proxy_timeout::check,
    request_time::check,
    running_configuration::check,
    upstream_peers::check,
    worker_count::check,
];

/// What a check looks at.
pub struct Look<'l> {
    picture: &'l Picture<'l>,
    places: &'l Places<'l>,
    inputs: &'l [Input],
    nginx: nginx::Tree<'l>,
}

/// All findings, the gravest first, then by id.
#[must_use]
pub fn all(picture: &Picture<'_>, places: &Places<'_>, inputs: &[Input]) -> Vec<Finding> {
    let nginx = nginx::Tree::of(&picture.events.settings, places.labels);
    let look = Look { picture, places, inputs, nginx };
    let mut findings: Vec<Finding> = ALL.iter().flat_map(|check| check(&look)).collect();
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(b.id)));
    findings
}

impl Look<'_> {
    /// A place in a configuration file.
    fn line(&self, input: u32, line: u64) -> Reference {
        Reference { time: None, ..self.places.reference(input, line, 0) }
    }
}

/// Puts a finding together.
fn finding(
    id: &'static str,
    severity: Severity,
    title: &str,
    detail: String,
    refs: Vec<Reference>,
    fix: impl Into<String>,
) -> Finding {
    let mut unique: Vec<Reference> = Vec::new();
    for reference in refs {
        if !unique.contains(&reference) && unique.len() < MOST_REFERENCES {
            unique.push(reference);
        }
    }
    Finding { id, severity, title: title.to_owned(), detail, refs: unique, fix: fix.into() }
}

/// References of one finding.
const MOST_REFERENCES: usize = 6;
