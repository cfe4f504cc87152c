//! The first and the worst of what a policy limits, each with its place.

use std::collections::BTreeMap;

use crate::events::{Events, Lane, Snapshot, State};
use crate::lives::Death;
use crate::place::Places;
use crate::report::{Extreme, Extremes, Reference};

const MINUTE_US: i64 = 60_000_000;

/// Whether a cron worker died; no user waits for one.
#[must_use]
pub fn is_cron(death: &Death, events: &Events) -> bool {
    // `WorkerCron`; in threaded mode `odoo.service.cron.cron0`.
    let class = events.texts.get(death.class);
    class.contains("Cron") || class.contains(".cron.")
}

/// Looks through everything once. All vectors are in order of time.
#[must_use]
pub fn find(events: &Events, deaths: &[Death], places: &Places<'_>) -> Extremes {
    let place = |death: &Death| places.reference(death.input, death.line, death.us);
    let (cron, serving): (Vec<&Death>, Vec<&Death>) =
        deaths.iter().filter(|death| death.reason.is_kill()).partition(|death| is_cron(death, events));
    let mut http_failed: BTreeMap<u16, Reference> = BTreeMap::new();
    let mut bus_failed = None;
    for access in events.access.iter().filter(|access| (500..600).contains(&access.status)) {
        let place = || places.reference(access.input, access.line, access.end_us);
        if access.lane == Lane::Bus {
            bus_failed.get_or_insert_with(place);
        } else {
            http_failed.entry(access.status).or_insert_with(place);
        }
    }
    Extremes {
        kill: serving.first().map(|death| place(death)),
        kills_per_minute: busiest_minute(&serving)
            .map(|(count, death)| Extreme { value: count as f64, reference: place(death) }),
        cron_kill: cron.first().map(|death| place(death)),
        http_failed,
        bus_failed,
        oldest_query_s: worst(&events.snapshots, places, oldest_query_s),
        idle_in_transaction: worst(&events.snapshots, places, |snapshot| {
            idle_in_transaction(snapshot).map(|idle| (idle, snapshot.line))
        }),
    }
}

/// The most deaths within 60 s and the first of them; the earliest where several minutes are alike.
fn busiest_minute<'d>(deaths: &[&'d Death]) -> Option<(usize, &'d Death)> {
    let mut best: Option<(usize, &Death)> = None;
    for (from, first) in deaths.iter().enumerate() {
        let until = deaths.partition_point(|death| death.us < first.us.saturating_add(MINUTE_US));
        let count = until.saturating_sub(from);
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, first));
        }
    }
    best
}

/// The first snapshot with the greatest value.
fn worst(
    snapshots: &[Snapshot],
    places: &Places<'_>,
    value: impl Fn(&Snapshot) -> Option<(f64, u64)>,
) -> Option<Extreme> {
    let mut best: Option<(f64, u64, &Snapshot)> = None;
    for snapshot in snapshots {
        let Some((value, line)) = value(snapshot) else { continue };
        if best.is_none_or(|(most, ..)| value > most) {
            best = Some((value, line, snapshot));
        }
    }
    let (value, line, snapshot) = best?;
    Some(Extreme { value, reference: places.reference(snapshot.input, line, snapshot.us) })
}

/// Age of the oldest running statement and its line; counts alone do not tell.
fn oldest_query_s(snapshot: &Snapshot) -> Option<(f64, u64)> {
    let oldest = snapshot
        .sessions
        .iter()
        .filter(|session| session.state == State::Active)
        .filter_map(|session| Some((session.query_age_us?, session.line)))
        .max_by_key(|(age_us, line)| (*age_us, std::cmp::Reverse(*line)));
    match oldest {
        Some((age_us, line)) => Some((age_us.max(0) as f64 / 1e6, line)),
        None => snapshot.counts.is_none().then_some((0.0, snapshot.line)),
    }
}

/// Sessions idle in transaction: as counted by the capture, or listed where it lists every session.
fn idle_in_transaction(snapshot: &Snapshot) -> Option<f64> {
    if let Some(counted) = snapshot.counts.and_then(|counts| counts.idle_in_transaction) {
        return Some(f64::from(counted));
    }
    let listed = snapshot.sessions.iter().filter(|session| session.state == State::IdleInTransaction).count();
    (snapshot.total.is_some() || listed > 0).then_some(listed as f64)
}
