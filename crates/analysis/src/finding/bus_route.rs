//! The way of bus requests through nginx: to the evented process, upgraded, with a timeout that outlasts a poll.

use super::nginx::{InForce, Site};
use super::proxy_timeout::DEFAULT_S;
use super::units::short;
use super::{Look, finding};
use crate::events::OdooFact;
use crate::report::{Finding, Reference, Severity};

/// A long poll is answered after 50 s at the latest (`TIMEOUT` in `bus/models/bus.py`, 10 to 15), seconds.
const POLL_S: f64 = 50.0;
/// An idle websocket sees a ping after 40 to 60 s (`INACTIVITY_TIMEOUT` and `TIMEOUT` in `bus/websocket.py`): it was made
/// for proxies that wait a minute, seconds.
const WEBSOCKET_S: f64 = 60.0;

/// `bus_route_missing`, `bus_route_to_http_port`, `bus_read_timeout_too_short`, `bus_upgrade_missing`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let (Some((http_port, bus_port)), Some(true)) = (look.ports(), look.prefork()) else { return Vec::new() };
    let mut found: Vec<Finding> = Vec::new();
    for site in look.nginx.sites(http_port) {
        for new in of_site(look, site, http_port, bus_port) {
            if !found.iter().any(|known| known.id == new.id) {
                found.push(new);
            }
        }
    }
    found
}

fn of_site(look: &Look<'_>, site: Site, http_port: u16, bus_port: u16) -> Vec<Finding> {
    let tree = &look.nginx;
    let paths = match look.bus_path() {
        Some(path) => vec![path],
        None => vec!["/websocket", "/longpolling/poll"],
    };
    let routed: Vec<(&str, usize)> =
        paths.iter().filter_map(|path| Some((*path, tree.location(site.server, path)?))).collect();
    if !routed.is_empty() && routed.iter().all(|(_, location)| *location == site.http) {
        return missing(look, site, &paths, bus_port);
    }
    let mut found = Vec::new();
    for (path, location) in routed.into_iter().filter(|(_, location)| *location != site.http) {
        if tree.leads_to(location, http_port) && http_port != bus_port {
            found.extend(to_http_port(look, location, path, http_port, bus_port));
            continue;
        }
        if tree.peers(location).is_empty() {
            continue;
        }
        found.extend(short_timeout(look, location, path));
        if path == "/websocket" && !look.upgraded() {
            found.extend(upgrade(look, location));
        }
    }
    found
}

fn missing(look: &Look<'_>, site: Site, paths: &[&str], bus_port: u16) -> Vec<Finding> {
    let events = &look.picture.events.odoo;
    let failed = events.iter().filter(|event| event.fact == OdooFact::BusMisrouted).count();
    let works = look.upgraded() && paths.contains(&"/websocket");
    // A file that was not captured may hold the location; websockets that work, where none failed, show that one does.
    if look.nginx.open_ended(site.server) || (works && failed == 0) {
        return Vec::new();
    }
    let path = paths.first().copied().unwrap_or("/websocket");
    let refs = [site.http, site.server].iter().filter_map(|block| place(look, *block)).collect();
    let mut seen = String::new();
    if failed > 0 {
        seen = format!(" Odoo refused {failed} bus requests there.");
    }
    if works {
        seen.push_str(" The last ones were upgraded: the route may have been put right since.");
    }
    let detail = format!(
        "No location sends {} to the evented process (port {bus_port}); the location of ordinary requests takes it, and \
         each poll or websocket occupies or fails at a worker.{seen}",
        paths.join(" or ")
    );
    vec![finding(
        "bus_route_missing",
        Severity::Major,
        "nginx has no route for the bus",
        detail,
        refs,
        route(path, bus_port),
    )]
}

/// The location that Odoo's documentation gives, with the port in use.
fn route(path: &str, bus_port: u16) -> String {
    if path == "/websocket" {
        format!(
            "location /websocket {{\n    proxy_pass http://127.0.0.1:{bus_port};\n    proxy_http_version 1.1;\n    \
             proxy_set_header Upgrade $http_upgrade;\n    proxy_set_header Connection \"upgrade\";\n    \
             proxy_read_timeout 720s;\n}}"
        )
    } else {
        format!(
            "location /longpolling {{\n    proxy_pass http://127.0.0.1:{bus_port};\n    proxy_read_timeout 720s;\n}}"
        )
    }
}

fn to_http_port(look: &Look<'_>, location: usize, path: &str, http: u16, bus: u16) -> Option<Finding> {
    if look.upgraded() && path == "/websocket" {
        return None;
    }
    let pass = look.nginx.proxy_pass(location)?;
    let mut refs = vec![look.line(pass.input, pass.line)];
    refs.extend(
        look.nginx.peers(location).iter().map(|peer| look.line(peer.setting.input, peer.setting.line)),
    );
    refs.extend(look.odoo("gevent_port").filter(|value| !value.default).map(|value| value.reference));
    Some(finding(
        "bus_route_to_http_port",
        Severity::Major,
        "nginx sends the bus to the HTTP workers",
        format!(
            "{path} goes to port {http}, where the workers listen; the evented process listens on {bus}."
        ),
        refs,
        format!("proxy_pass http://127.0.0.1:{bus};"),
    ))
}

fn short_timeout(look: &Look<'_>, location: usize, path: &str) -> Option<Finding> {
    let governing = look.nginx.governing(location);
    let (seconds, setting) = look.nginx.seconds(governing, "proxy_read_timeout", DEFAULT_S)?;
    let (too_short, why) = if path == "/websocket" {
        (seconds < WEBSOCKET_S, "an idle websocket may be silent for up to 60 s")
    } else {
        (seconds <= POLL_S, "a long poll is answered after 50 s")
    };
    if !too_short {
        return None;
    }
    let block = look.nginx.setting(location)?;
    let named = setting.unwrap_or(block);
    let origin = if setting.is_some() { "" } else { " (nginx's default, nothing sets it)" };
    Some(finding(
        "bus_read_timeout_too_short",
        Severity::Minor,
        "nginx cuts off bus requests that are only waiting",
        format!(
            "proxy_read_timeout is {} s{origin} for location {}, but {why}: clients reconnect again and again.",
            short(seconds),
            block.value
        ),
        vec![look.line(named.input, named.line), look.line(block.input, block.line)],
        "proxy_read_timeout 720s;",
    ))
}

fn upgrade(look: &Look<'_>, location: usize) -> Option<Finding> {
    let governing = look.nginx.governing(location);
    let (state, headers) = look.nginx.in_force(governing, "proxy_set_header");
    let passes = |name: &str| {
        headers.iter().any(|header| {
            let (header, value) = header.value.split_once(char::is_whitespace).unwrap_or((&header.value, ""));
            header.eq_ignore_ascii_case(name) && !value.trim().is_empty()
        })
    };
    let mut lacking = Vec::new();
    let mut lines = Vec::new();
    if !matches!(state, InForce::Unknown) {
        if !passes("Upgrade") {
            lacking.push("no Upgrade header is passed on");
            lines.push("proxy_set_header Upgrade $http_upgrade;");
        }
        if !passes("Connection") {
            lacking.push("no Connection header is passed on");
            lines.push("proxy_set_header Connection \"upgrade\";");
        }
    }
    let mut refs: Vec<Reference> = place(look, location).into_iter().collect();
    match look.nginx.in_force(governing, "proxy_http_version").0 {
        InForce::Set(setting) if setting.value.trim() == "1.0" => {
            lacking.push("proxy_http_version is 1.0");
            lines.push("proxy_http_version 1.1;");
            refs.push(look.line(setting.input, setting.line));
        }
        InForce::Default => {
            lacking.push("proxy_http_version is not set (nginx's default: 1.0 before 1.29.7)");
            lines.push("proxy_http_version 1.1;");
        }
        _ => {}
    }
    if lacking.is_empty() {
        return None;
    }
    refs.extend(headers.iter().map(|header| look.line(header.input, header.line)));
    Some(finding(
        "bus_upgrade_missing",
        Severity::Major,
        "nginx does not upgrade websockets",
        format!("For the websocket's location {}; the handshake fails.", lacking.join(", ")),
        refs,
        lines.join("\n"),
    ))
}

fn place(look: &Look<'_>, block: usize) -> Option<Reference> {
    look.nginx.setting(block).map(|setting| look.line(setting.input, setting.line))
}
