//! What an incident cost: counts inside its window.

use std::collections::BTreeMap;

use crate::events::{Access, Events, Lane, PostgresFact, State};
use crate::lives::Death;
use crate::place::Places;
use crate::queue;
use crate::report::{Bus, Impact, Kills, Postgres, Requests};
use crate::statistics::{weighted_quantile_of, wilson95};

/// Stamps of whole seconds may be up to this early against the true end, µs.
const SLACK_US: i64 = 1_000_000;

/// Measures one incident.
#[must_use]
pub fn measure(scene: &queue::Scene<'_>) -> Impact {
    let (incident, places) = (scene.incident, scene.places);
    let (events, deaths) = (scene.picture.events, scene.picture.deaths);
    let (from, to) = (incident.start_us - SLACK_US, incident.end_us + SLACK_US);
    let inside = |us: i64| (from..=to).contains(&us);
    let ended = events.access_between(from, to);
    Impact {
        kills: kills(events, deaths.iter().filter(|death| inside(death.us)), places),
        requests: requests(events, from, to),
        bus: bus(events, ended),
        postgres: postgres(events, &inside),
        saturation: queue::measure(scene),
    }
}

fn kills<'d>(events: &Events, deaths: impl Iterator<Item = &'d Death>, places: &Places<'_>) -> Kills {
    let mut kills = Kills::default();
    for death in deaths {
        *kills.by_reason.entry(death.reason.name().to_owned()).or_insert(0) += 1;
        if !death.reason.is_kill() {
            continue;
        }
        kills.total += 1;
        kills.lines += death.lines;
        let class = match events.texts.get(death.class) {
            "" => "unknown",
            // In threaded mode the class is the thread's own name, of which there is one per request.
            class if class.starts_with("<Thread") => "Thread",
            class => class,
        };
        *kills.by_class.entry(class.to_owned()).or_insert(0) += 1;
        let reference = places.reference(death.input, death.line, death.us);
        if kills.first.is_none() {
            kills.first = Some(reference.clone());
        }
        kills.last = Some(reference);
    }
    kills
}

fn requests(events: &Events, from: i64, to: i64) -> Requests {
    if events.access.is_empty() {
        return Requests::default();
    }
    let http = |from: i64, to: i64| {
        events.access_between(from, to).iter().filter(|access| access.lane == Lane::Http)
    };
    let mut by_status: BTreeMap<u16, u64> = BTreeMap::new();
    for access in http(from, to) {
        *by_status.entry(access.status).or_insert(0) += u64::from(access.count);
    }
    let status = |wanted: u16| Some(by_status.get(&wanted).copied().unwrap_or(0));
    let total = by_status.values().sum();
    let failed = [500, 502, 503, 504].into_iter().filter_map(status).sum::<u64>();
    let p95 = |requests: &mut dyn Iterator<Item = &Access>| {
        let timed = requests.filter_map(|access| Some((access.request_time_us.get()?, access.count)));
        let mut times: Vec<(i64, u32)> = timed.collect();
        weighted_quantile_of(&mut times, 0.95).map(|us| us as f64 / 1e3)
    };
    let mut outside = http(i64::MIN, from.saturating_sub(1)).chain(http(to.saturating_add(1), i64::MAX));
    Requests {
        total: Some(total),
        http_499: status(499),
        http_500: status(500),
        http_502: status(502),
        http_503: status(503),
        http_504: status(504),
        failed_ratio: (total > 0).then(|| failed as f64 / total as f64),
        failed_ratio_ci95: wilson95(failed, total),
        p95_ms: p95(&mut http(from, to)),
        baseline_p95_ms: p95(&mut outside),
    }
}

fn bus(events: &Events, ended: &[Access]) -> Bus {
    if events.access.is_empty() {
        return Bus::default();
    }
    let bus: Vec<&Access> = ended.iter().filter(|access| access.lane == Lane::Bus).collect();
    Bus {
        requests: Some(counted(bus.iter())),
        failed: Some(counted(bus.iter().filter(|access| access.failed()))),
        reconnects: Some(counted(bus.iter().filter(|access| access.status == 101 || access.failed()))),
    }
}

/// Requests, those that others stand for included.
fn counted<'a, 'e: 'a>(requests: impl Iterator<Item = &'a &'e Access>) -> u64 {
    requests.map(|access| u64::from(access.count)).sum()
}

fn postgres(events: &Events, inside: &dyn Fn(i64) -> bool) -> Postgres {
    let has_log = !events.postgres.is_empty();
    let log = |wanted: fn(&PostgresFact) -> bool| {
        has_log.then(|| {
            let some = events.postgres.iter().filter(|event| inside(event.us) && wanted(&event.fact));
            some.map(|event| u64::from(event.count)).sum()
        })
    };
    let snapshots = || events.snapshots.iter().filter(|snapshot| inside(snapshot.us));
    let over_30s = snapshots()
        .filter_map(|snapshot| {
            let printed = snapshot.counts.and_then(|counts| counts.active_over_30s);
            let listed = (!snapshot.sessions.is_empty() || snapshot.total.is_some()).then(|| {
                let old = snapshot.sessions.iter().filter(|session| {
                    session.state == State::Active && session.query_age_us.is_some_and(|age| age > 30_000_000)
                });
                u32::try_from(old.count()).unwrap_or(u32::MAX)
            });
            printed.max(listed)
        })
        .max();
    let oldest = snapshots()
        .flat_map(|snapshot| &snapshot.sessions)
        .filter(|session| session.state == State::Active)
        .filter_map(|session| session.query_age_us)
        .max();
    let idle = snapshots()
        .filter_map(|snapshot| {
            let printed = snapshot.counts.and_then(|counts| counts.idle_in_transaction);
            let listed = snapshot.total.map(|_| {
                let idle =
                    snapshot.sessions.iter().filter(|session| session.state == State::IdleInTransaction);
                u32::try_from(idle.count()).unwrap_or(u32::MAX)
            });
            printed.max(listed)
        })
        .max();
    Postgres {
        max_active_over_30s: over_30s.map(u64::from),
        max_query_age_s: oldest.map(|us| us as f64 / 1e6),
        max_idle_in_transaction: idle.map(u64::from),
        lock_waits: log(|fact| matches!(fact, PostgresFact::StillWaiting { .. })),
        deadlocks: log(|fact| matches!(fact, PostgresFact::Deadlock)),
    }
}
