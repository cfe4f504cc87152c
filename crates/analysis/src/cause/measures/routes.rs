//! Which routes kept the workers: one, or all of them.

use std::collections::BTreeMap;

use super::Look;
use crate::events::{Access, Lane};
use crate::report::Reference;
use crate::route::route;

/// A request that keeps a worker this long is stuck, µs.
const STUCK_US: i64 = 5_000_000;

/// Routes of the requests that workers were stuck in.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// Stuck requests whose route is known.
    pub stuck: u64,
    /// The time that answered ones kept their workers, seconds.
    pub stuck_s: f64,
    /// The commonest route among them.
    pub top: Option<String>,
    /// Its share of the stuck requests.
    pub top_share: f64,
    /// Its share of all requests.
    pub usual_share: f64,
    /// Where it is seen.
    pub reference: Option<Reference>,
    /// SQL time over all worker time of the stuck requests that were answered.
    pub sql_share: Option<f64>,
}

impl Routes {
    pub(super) fn of(look: &Look<'_>) -> Self {
        let events = look.picture.events;
        let mut stuck: BTreeMap<String, (u64, Reference)> = BTreeMap::new();
        let mut total = 0u64;
        let (mut sql, mut all) = (0i64, 0i64);
        let mut add = |path: &str, reference: Reference| {
            total += 1;
            stuck.entry(route(path)).or_insert((0, reference)).0 += 1;
        };
        for link in look.links {
            if let Some(request) = &link.request {
                add(&request.path, request.reference.clone());
            }
        }
        for request in events.served.iter().filter(|request| !request.evented && look.inside(request.end_us))
        {
            let (Some(query), Some(rest)) = (request.query_us.get(), request.remaining_us.get()) else {
                continue;
            };
            if query + rest > STUCK_US {
                sql += query;
                all += query + rest;
                add(
                    events.texts.get(request.path),
                    look.places.reference(request.input, request.line, request.end_us),
                );
            }
        }
        let best = stuck.into_iter().max_by(|a, b| a.1.0.cmp(&b.1.0).then_with(|| b.0.cmp(&a.0)));
        let (top, count, reference) = match best {
            Some((top, (count, reference))) => (Some(top), count, Some(reference)),
            None => (None, 0, None),
        };
        let http = || events.access.iter().filter(|access| access.lane == Lane::Http);
        let counted = |requests: &mut dyn Iterator<Item = &Access>| {
            requests.map(|access| u64::from(access.count)).sum::<u64>()
        };
        let usual = top.as_ref().map_or(0, |top| {
            counted(&mut http().filter(|access| route(events.texts.get(access.path)) == *top))
        });
        Routes {
            stuck: total,
            stuck_s: all as f64 / 1e6,
            top_share: if total == 0 { 0.0 } else { count as f64 / total as f64 },
            usual_share: usual as f64 / counted(&mut http()).max(1) as f64,
            top,
            reference,
            sql_share: (all > 0).then_some(sql as f64 / all as f64),
        }
    }
}
