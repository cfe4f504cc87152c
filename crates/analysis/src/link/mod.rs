//! Chains of evidence: from a killed worker to the request it was serving, the backend it used, and the session at the end
//! of the chain of waits.

mod assignment;
pub mod backends;
pub mod chains;
pub mod connections;
pub mod groups;
pub mod queue;
pub mod requests;
pub mod transactions;

use crate::detect::{Found, Picture};
use crate::lives::{Death, Reason};
use crate::place::Places;
use crate::report::{Link, LinkBackend, LinkBlocker, LinkKill, LinkRequest, Time};
use crate::service::Services;
use crate::waits::{Doing, Waits};
use backends::Backend;
use connections::Basis;
use requests::{Matched, Sure};
use transactions::End;

/// What is known of every kill, over the whole picture.
#[derive(Debug, Default)]
pub struct Chains {
    /// The request of each kill of an HTTP worker, in order of the kills.
    pub matched: Vec<Matched>,
    /// The backend of each death.
    pub backends: Vec<Option<Backend>>,
}

impl Chains {
    /// Finds the requests, which it also names in `services`, then the backends.
    #[must_use]
    pub fn new(picture: &Picture<'_>, services: &mut Services) -> Self {
        let matched = requests::find(picture, services);
        let backends = backends::find(picture, services, &matched);
        Chains { matched, backends }
    }
}

/// Links of one incident, in order of the kills.
#[must_use]
pub fn find(incident: &Found, picture: &Picture<'_>, chains: &Chains, places: &Places<'_>) -> Vec<Link> {
    let inside = |us: i64| (incident.start_us..=incident.end_us).contains(&us);
    let waits = Waits::of(picture.events, incident.start_us, incident.end_us);
    let one = |matched: &Matched| {
        let death = picture.deaths.get(matched.death).filter(|death| inside(death.us))?;
        let backend = chains.backends.get(matched.death).copied().flatten();
        let mut link = link(matched, death, backend, picture, places);
        link.root_blocker =
            backend.and_then(|backend| root_blocker(backend.pid, death.us, &waits, picture, places));
        Some(link)
    };
    chains.matched.iter().filter_map(one).collect()
}

fn link(
    matched: &Matched,
    death: &Death,
    backend: Option<Backend>,
    picture: &Picture<'_>,
    places: &Places<'_>,
) -> Link {
    let events = picture.events;
    let request = |index: usize| {
        events.access.get(index).map(|access| LinkRequest {
            end: Time(access.end_us),
            method: events.texts.get(access.method).to_owned(),
            path: events.texts.get(access.path).to_owned(),
            status: access.status,
            reference: places.reference(access.input, access.line, access.end_us),
        })
    };
    let candidates = if matched.candidates.len() > 1 { matched.candidates.as_slice() } else { &[] };
    Link {
        kill: LinkKill {
            time: Time(death.us),
            pid: death.pid,
            class: events.texts.get(death.class).to_owned(),
            reference: places.reference(death.input, death.line, death.us),
        },
        request: matched.access.and_then(request),
        candidates: candidates.iter().take(20).filter_map(|index| request(*index)).collect(),
        backend: backend.map(|backend| LinkBackend {
            pid: backend.pid,
            query: backend.query.map(|query| events.texts.get(query).to_owned()),
            reference: places.reference(backend.shown.1, backend.shown.2, backend.shown.0),
        }),
        root_blocker: None,
        confidence: match matched.sure {
            Sure::Exact => "exact",
            Sure::Probable => "probable",
            Sure::Set => "set",
        },
        reasons: reasons(matched, death, backend, picture),
    }
}

/// The session that the backend was waiting for, at the end of the chain, when its worker was killed.
fn root_blocker(
    backend: u32,
    killed_us: i64,
    waits: &Waits,
    picture: &Picture<'_>,
    places: &Places<'_>,
) -> Option<LinkBlocker> {
    let root = waits.root(waits.at(backend, killed_us)?.root?)?;
    let text =
        |number: u32| Some(picture.events.texts.get(number).to_owned()).filter(|text| !text.is_empty());
    Some(LinkBlocker {
        pid: root.pid,
        application_name: text(root.application),
        state: root.doing.map(|doing| match doing {
            Doing::Idle => "idle in transaction".to_owned(),
            Doing::Running => "active".to_owned(),
        }),
        reference: places.reference(root.place.0, root.place.1, root.place.2),
    })
}

/// Why, in short sentences.
fn reasons(matched: &Matched, death: &Death, backend: Option<Backend>, picture: &Picture<'_>) -> Vec<String> {
    let seconds = |us: i64| us as f64 / 1e6;
    let mut reasons = Vec::new();
    if let (Some(access), [taken_us]) =
        (matched.access.and_then(|index| picture.events.access.get(index)), matched.taken_us.as_slice())
    {
        let limit = match (death.reason, death.limit_s) {
            (Reason::RealTime, Some(limit_s)) => format!(" (limit {limit_s} s)"),
            (Reason::CpuTime, Some(limit_s)) => format!(" (limit {limit_s} s of CPU)"),
            _ => String::new(),
        };
        reasons
            .push(format!("killed {:.1} s after it took the request{limit}", seconds(death.us - taken_us)));
        if access.request_time_us.get().is_some() && taken_us - access.arrival_us() > 1_000_000 {
            reasons.push(format!("queued {:.1} s before", seconds(taken_us - access.arrival_us())));
        }
        if access.status != 502 && access.end_us < death.us {
            let gave_up = if access.status == 499 { "the client left" } else { "nginx gave up" };
            reasons.push(format!("{gave_up} {:.1} s before the kill", seconds(death.us - access.end_us)));
        }
    }
    if matched.candidates.len() > 1 {
        reasons.push(match matched.sure {
            Sure::Set => format!("{} requests fit", matched.candidates.len()),
            _ => format!("{} such requests failed in that second", matched.candidates.len()),
        });
    }
    if let Some(backend) = backend {
        reasons.push(match backend.end_after_us {
            Some((End::Eof, us)) if us <= 1_000_000 => {
                format!(
                    "backend {} read the end of its connection {} ms after the kill",
                    backend.pid,
                    us / 1000
                )
            }
            Some((End::Eof | End::ClientLost, us)) => {
                format!("backend {} ran on for {:.1} s without its client", backend.pid, seconds(us))
            }
            _ => format!("backend {} began its transaction for this request", backend.pid),
        });
        reasons.extend(backend.proof.map(|basis| match basis {
            Basis::Error => format!("both logs report an error of backend {} and this worker", backend.pid),
            Basis::ApplicationName => {
                format!("application_name of backend {} carries the worker's pid", backend.pid)
            }
        }));
    }
    reasons
}
