//! nginx gives up on a request before Odoo's own limit ends it: the user sees 504 while the worker goes on.

use super::units::short;
use super::{Look, finding};
use crate::report::{Finding, Severity};

/// nginx's `proxy_read_timeout` where nothing sets it, seconds (nginx.org).
pub const DEFAULT_S: f64 = 60.0;

/// `proxy_timeout_below_worker_limit`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let Some((http_port, _)) = look.ports() else { return Vec::new() };
    let Some(limit) = look.worker_limit() else { return Vec::new() };
    let mut shortest: Option<f64> = None;
    let (mut refs, mut places, mut defaulted) = (Vec::new(), Vec::new(), false);
    for site in look.nginx.sites(http_port) {
        for location in look.nginx.locations(site.server) {
            let Some(block) = look.nginx.setting(location) else { continue };
            let bus = block.value.contains("websocket") || block.value.contains("longpolling");
            if bus || !look.nginx.leads_to(location, http_port) {
                continue;
            }
            let governing = look.nginx.governing(location);
            let timeout = look.nginx.seconds(governing, "proxy_read_timeout", DEFAULT_S);
            let Some((seconds, setting)) = timeout.filter(|(seconds, _)| *seconds < limit.seconds) else {
                continue;
            };
            shortest = Some(shortest.map_or(seconds, |known| known.min(seconds)));
            defaulted |= setting.is_none();
            let named = setting.unwrap_or(block);
            refs.push(look.line(named.input, named.line));
            places.push(block.value.clone());
        }
    }
    let Some(seconds) = shortest else { return Vec::new() };
    refs.push(limit.reference);
    places.dedup();
    let how = if defaulted { "nginx's default, nothing sets it" } else { "as set" };
    let detail = format!(
        "proxy_read_timeout is {} s ({how}) for location {}, and {}: users get 504 while the worker goes on with the \
         request.",
        short(seconds),
        places.join(", "),
        limit.said
    );
    vec![finding(
        "proxy_timeout_below_worker_limit",
        Severity::Minor,
        "The proxy gives up before the worker limit",
        detail,
        refs,
        format!("proxy_read_timeout {}s;", short(limit.seconds + 30.0)),
    )]
}
