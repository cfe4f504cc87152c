//! Upstream failures are logged at level `error`: a higher level hides them.

use super::{Look, finding};
use crate::report::{Finding, Severity};

/// `nginx_upstream_errors_hidden`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let Some((http_port, _)) = look.ports() else { return Vec::new() };
    for site in look.nginx.sites(http_port) {
        // Several logs may be set at one level; one that shows them is enough.
        let (_, mut logs) = look.nginx.in_force(site.http, "error_log");
        if logs.is_empty() {
            logs = look.nginx.at_top("error_log").collect();
        }
        let hidden = |value: &str| {
            let mut words = value.split_whitespace();
            let file = words.next().unwrap_or_default();
            file == "/dev/null" || matches!(words.next(), Some("crit" | "alert" | "emerg"))
        };
        if let Some(first) = logs.first()
            && logs.iter().all(|log| hidden(&log.value))
        {
            return vec![finding(
                "nginx_upstream_errors_hidden",
                Severity::Minor,
                "nginx does not log upstream failures",
                format!(
                    "error_log {}: refused, lost and timed-out upstream connections are logged at level error.",
                    first.value
                ),
                logs.iter().map(|log| look.line(log.input, log.line)).collect(),
                "error_log /var/log/nginx/error.log warn;",
            )];
        }
    }
    Vec::new()
}
