//! What the causes look at: plain figures of one incident, each with a place where it can be looked up. One file per
//! source of figures; nothing here judges.

mod cron;
mod ends;
mod host;
mod locks;
mod messages;
mod order;
mod requests;
mod routes;
mod sources;
mod statements;

pub use cron::{Cron, Job};
pub use ends::Ends;
pub use host::Host;
pub use locks::Locks;
pub use messages::Messages;
pub use order::{Order, Sign};
pub use requests::Requests;
pub use routes::Routes;
pub use sources::Sources;
pub use statements::Statements;

use stormtrace_logs::timestamp::SECOND_US;

use crate::detect::{Found, Picture};
use crate::place::Places;
use crate::report::{Kind, Link, Reference};

/// A baseline is taken from this long before the onset, µs.
const BASELINE_US: i64 = 1800 * SECOND_US;
/// … up to this long before it, µs: the last moments may already be part of it.
const BASELINE_GUARD_US: i64 = 15 * SECOND_US;

/// A baseline must be this long to tell anything, µs.
const SHORTEST_BASELINE_US: i64 = 90 * SECOND_US;
/// After an incident clients come back and queues drain for this long, µs.
const AFTERMATH_US: i64 = 120 * SECOND_US;

/// A count and its first place.
#[derive(Debug, Clone, Default)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// The first one.
    pub first: Option<Reference>,
}

impl Count {
    fn add(&mut self, reference: impl FnOnce() -> Reference) {
        self.add_all(1, reference);
    }

    /// Adds a record that stands for `count`.
    fn add_all(&mut self, count: u64, reference: impl FnOnce() -> Reference) {
        self.count += count;
        if self.first.is_none() {
            self.first = Some(reference());
        }
    }
}

/// The figures of one incident.
#[derive(Debug, Clone)]
pub struct Measures {
    /// What was detected.
    pub kind: Kind,
    /// Length, seconds.
    pub length_s: f64,
    /// HTTP workers, where known.
    pub workers: Option<u32>,
    /// `limit_time_real`, seconds, where known.
    pub limit_time_real_s: Option<u32>,
    /// Shortest `proxy_read_timeout` of the HTTP routes, seconds, where known.
    pub proxy_read_timeout_s: Option<f64>,
    /// What can be compared with the onset.
    pub order: Order,
    /// What was listening.
    pub sources: Sources,
    /// Ends of workers.
    pub ends: Ends,
    /// The HTTP lane at the proxy.
    pub requests: Requests,
    /// What kept workers.
    pub routes: Routes,
    /// Lock waits.
    pub locks: Locks,
    /// Long statements and idle transactions.
    pub statements: Statements,
    /// Telling messages of Odoo, nginx and PostgreSQL.
    pub messages: Messages,
    /// Scheduled jobs.
    pub cron: Cron,
    /// The machine.
    pub host: Host,
}

/// What a measure may look at.
struct Look<'l> {
    picture: &'l Picture<'l>,
    places: &'l Places<'l>,
    links: &'l [Link],
    onset_us: i64,
    /// How much later the first blocked request may have arrived, µs.
    onset_uncertainty_us: i64,
    from: i64,
    to: i64,
    /// The stretches in which it failed; between them it was well.
    episodes: &'l [(i64, i64)],
}

impl Look<'_> {
    /// When all was well: before the incident, clear of it; after it, where the capture begins with it.
    fn baseline(&self) -> (i64, i64) {
        let (first, last) = self.picture.window;
        let before = ((self.onset_us - BASELINE_US).max(first), self.onset_us - BASELINE_GUARD_US);
        let after = (self.to + AFTERMATH_US, (self.to + AFTERMATH_US + BASELINE_US).min(last));
        let enough = |span: (i64, i64)| span.1 - span.0 >= SHORTEST_BASELINE_US;
        if !enough(before) && enough(after) { after } else { before }
    }

    fn inside(&self, us: i64) -> bool {
        self.episodes.iter().any(|(from, to)| (from - SECOND_US..=to + SECOND_US).contains(&us))
    }

    /// Whether a host sample, an average over its interval, speaks for the incident.
    fn speaks(&self, sample: &crate::events::Host) -> bool {
        let stretches: Vec<_> =
            self.episodes.iter().map(|(from, to)| (from - SECOND_US, to + SECOND_US)).collect();
        sample.speaks_for(&stretches)
    }

    fn reference(&self, place: (u32, u64, i64)) -> Reference {
        self.places.reference(place.0, place.1, place.2)
    }
}

/// Measures one incident.
#[must_use]
pub fn measure(incident: &Found, picture: &Picture<'_>, places: &Places<'_>, links: &[Link]) -> Measures {
    let look = Look {
        picture,
        places,
        links,
        onset_us: incident.start_us,
        onset_uncertainty_us: onset_uncertainty_us(picture),
        episodes: &incident.episodes,
        from: incident.start_us - SECOND_US,
        to: incident.end_us + SECOND_US,
    };
    let facts = picture.facts;
    let waits = crate::waits::Waits::of(picture.events, look.from - 60 * SECOND_US, look.to + 60 * SECOND_US);
    Measures {
        kind: incident.kind,
        length_s: incident.episodes.iter().map(|(from, to)| to - from).sum::<i64>() as f64 / 1e6,
        workers: facts.workers,
        limit_time_real_s: facts.limit_time_real_s,
        proxy_read_timeout_s: facts.proxy_read_timeout_s,
        order: Order::of(&look),
        sources: Sources::of(&look),
        ends: Ends::of(&look),
        requests: Requests::of(&look),
        routes: Routes::of(&look),
        statements: Statements::of(&look, &waits),
        locks: Locks::of(&look, waits),
        messages: Messages::of(&look),
        cron: Cron::of(&look),
        host: Host::of(&look),
    }
}

/// With `$request_time` the onset is known to the clocks' jitter; without it, a timeout may have been the longer of the
/// proxy's two.
fn onset_uncertainty_us(picture: &Picture<'_>) -> i64 {
    const JITTER_US: i64 = 2 * SECOND_US;
    let timed = picture.events.access.iter().take(5000).any(|access| access.request_time_us.get().is_some());
    let facts = picture.facts;
    let longest_s =
        facts.proxy_read_timeout_s.unwrap_or(60.0).max(facts.proxy_connect_timeout_s.unwrap_or(60.0));
    if timed { JITTER_US } else { JITTER_US + ((longest_s * 1e6) as i64).min(120 * SECOND_US) }
}

/// The middle one of some values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
