//! What nginx does with several peers: tries the next one, and leaves all of them alone for a while.

use stormtrace_logs::record::UpstreamFailure;

use super::{Look, finding};
use crate::report::{Finding, Severity};

/// `non_idempotent_requests_repeated`, `localhost_counts_as_two_peers`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let Some((http_port, _)) = look.ports() else { return Vec::new() };
    let mut found = Vec::new();
    let dead: Vec<_> = look
        .picture
        .events
        .nginx
        .iter()
        .filter(|one| one.failure == Some(UpstreamFailure::NoLiveUpstreams))
        .collect();
    for site in look.nginx.sites(http_port) {
        let peers = look.nginx.peers(site.http);
        let local = peers.iter().find(|peer| peer.host == "localhost");
        let (_, next) = look.nginx.in_force(look.nginx.governing(site.http), "proxy_next_upstream");
        let repeats =
            next.last().filter(|one| one.value.split_whitespace().any(|word| word == "non_idempotent"));
        if let Some(setting) = repeats
            && (peers.len() > 1 || local.is_some())
        {
            found.push(finding(
                "non_idempotent_requests_repeated",
                Severity::Major,
                "nginx repeats requests that change data",
                format!(
                    "proxy_next_upstream {}: a POST that timed out is sent again to the next peer while the first still works on it.",
                    setting.value
                ),
                vec![look.line(setting.input, setting.line)],
                "proxy_next_upstream error timeout;",
            ));
        }
        if let (Some(peer), Some(first), 1) = (local, dead.first(), peers.len()) {
            found.push(finding(
                "localhost_counts_as_two_peers",
                Severity::Minor,
                "One slow answer takes Odoo off the air for ten seconds",
                format!(
                    "{} is an upstream by name; it resolves to ::1 and 127.0.0.1, two peers, and nginx leaves both alone for \
                     10 s after a failure: {} requests met \"no live upstreams\". A single peer is never left alone.",
                    peer.host,
                    dead.len()
                ),
                vec![
                    look.line(peer.setting.input, peer.setting.line),
                    look.places.reference(first.input, first.line, first.us),
                ],
                format!("server 127.0.0.1:{};", peer.port),
            ));
        }
        if !found.is_empty() {
            break;
        }
    }
    found
}
