//! nginx re-read its configuration, or was restarted.

use stormtrace_logs::record::NginxLifecycle;

use crate::events::NginxError;

use super::{Look, Seen, rounds};

/// Reloads and restarts.
#[must_use]
pub fn find(look: &Look<'_>) -> Vec<Seen> {
    let events: Vec<&NginxError> = look
        .picture
        .events
        .nginx
        .iter()
        .filter(|error| look.inside(error.us))
        .filter(|error| {
            matches!(
                error.lifecycle,
                Some(NginxLifecycle::Reload | NginxLifecycle::Stop | NginxLifecycle::Start)
            )
        })
        .collect();
    rounds(&events, |error| error.us)
        .into_iter()
        .filter_map(|round| {
            let has = |what: NginxLifecycle| round.iter().find(|error| error.lifecycle == Some(what));
            // A reload also stops old workers and starts new ones; those lines alone are nobody's action.
            let (line, detail) = match (has(NginxLifecycle::Reload), has(NginxLifecycle::Stop)) {
                (Some(reload), _) => (reload, "nginx re-read its configuration"),
                (None, Some(stop)) if has(NginxLifecycle::Start).is_some() => (stop, "nginx was restarted"),
                _ => return None,
            };
            Some(Seen {
                us: line.us,
                done_us: round.last()?.us,
                kind: "nginx_reload",
                detail: detail.to_owned(),
                reference: look.places.reference(line.input, line.line, line.us),
            })
        })
        .collect()
}
