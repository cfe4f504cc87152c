//! Chains of evidence: from a killed worker to the request it was serving, the backend it used, and the session at the end
//! of the chain of waits.

mod assignment;
pub mod backends;
pub mod queue;
pub mod requests;

use crate::detect::{Found, Picture};
use crate::place::Places;
use crate::report::{Link, LinkBackend, LinkKill, LinkRequest};
use requests::{Matched, Sure};

/// Links of one incident, in order of the kills.
#[must_use]
pub fn find(incident: &Found, picture: &Picture<'_>, matched: &[Matched], places: &Places<'_>) -> Vec<Link> {
    let events = picture.events;
    let request = |index: usize| {
        events.access.get(index).map(|access| LinkRequest {
            end: crate::report::Time(access.end_us),
            method: events.texts.get(access.method).to_owned(),
            path: events.texts.get(access.path).to_owned(),
            status: access.status,
            reference: places.reference(access.input, access.line, access.end_us),
        })
    };
    let own: Vec<Matched> = matched
        .iter()
        .filter(|found| {
            let death = picture.deaths.get(found.death);
            death.is_some_and(|death| (incident.start_us..=incident.end_us).contains(&death.us))
        })
        .cloned()
        .collect();
    let ends = backends::find(picture, &own);
    own.into_iter()
        .zip(ends)
        .filter_map(|(matched, end)| {
            let death = picture.deaths.get(matched.death)?;
            Some(Link {
                kill: LinkKill {
                    time: crate::report::Time(death.us),
                    pid: death.pid,
                    class: events.texts.get(death.class).to_owned(),
                    reference: places.reference(death.input, death.line, death.us),
                },
                request: matched.access.and_then(request),
                candidates: if matched.candidates.len() > 1 {
                    matched.candidates.iter().take(20).filter_map(|index| request(*index)).collect()
                } else {
                    Vec::new()
                },
                backend: end.and_then(|index| events.postgres.get(index)).map(|event| LinkBackend {
                    pid: event.pid,
                    query: None,
                    reference: places.reference(event.input, event.line, event.us),
                }),
                root_blocker: None,
                confidence: match matched.sure {
                    Sure::Exact => "exact",
                    Sure::Probable => "probable",
                    Sure::Set => "set",
                },
            })
        })
        .collect()
}
