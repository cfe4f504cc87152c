//! Behind a proxy Odoo must be told so, else it takes every client for the proxy.

use super::{Look, finding};
use crate::report::{Finding, Severity};

/// `proxy_mode_off`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let Some(value) = look.odoo("proxy_mode") else { return Vec::new() };
    let Some((http_port, _)) = look.ports() else { return Vec::new() };
    let Some(site) = look.nginx.sites(http_port).first().copied() else { return Vec::new() };
    if value.odoo_boolean() != Some(false) {
        return Vec::new();
    }
    let pass = look.nginx.proxy_pass(site.http).map(|setting| look.line(setting.input, setting.line));
    vec![finding(
        "proxy_mode_off",
        Severity::Minor,
        "Odoo does not know that it stands behind a proxy",
        format!(
            "{}, but nginx passes requests to port {http_port}: Odoo logs nginx's address for every client and makes \
             links with the wrong scheme.",
            value.said
        ),
        std::iter::once(value.reference).chain(pass).collect(),
        "proxy_mode = True",
    )]
}
