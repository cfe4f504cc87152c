//! What the causes look at: plain figures of one incident, each with a place where it can be looked up.

use rustc_hash::FxHashMap;
use stormtrace_logs::record::{Exception, UpstreamFailure};
use stormtrace_logs::timestamp::SECOND_US;

use crate::detect::{Found, Picture, restarts};
use crate::events::{Lane, OdooFact, PostgresFact, Session, State};
use crate::lives::Reason;
use crate::place::Places;
use crate::report::{Culprit, Reference};
use crate::statistics::quantile;

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
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(reference());
        }
    }
}

/// The session at the end of most chains of waits.
#[derive(Debug, Clone)]
pub struct Blocker {
    /// What is known of it.
    pub culprit: Culprit,
    /// It was idle in transaction when seen; else it ran a statement.
    pub idle: Option<bool>,
    /// Waits that end in it.
    pub waits: u64,
    /// All waits seen.
    pub of: u64,
}

/// The figures.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Measures {
    pub kills: u64,
    pub cpu_kills: Count,
    pub oom_kills: Count,
    pub memory_soft: Count,
    pub cron_kills: Count,
    pub failed: u64,
    pub requests: u64,
    pub http_504: u64,
    pub http_502: u64,
    pub http_500: u64,
    pub bus_failed: u64,
    pub pool_full: Count,
    pub too_many_clients: Count,
    pub lock_waits: Count,
    pub most_lock_waiters: u64,
    pub most_io_waiters: u64,
    pub blocker: Option<Blocker>,
    /// Longest statements that were not waiting for a lock: count over 5 s, longest in seconds, first.
    pub slow_statements: Count,
    pub slowest_s: f64,
    pub snapshots: u64,
    pub postgres_log: bool,
    pub host_samples: u64,
    pub cpu_busy: Option<f64>,
    pub io_wait: Option<f64>,
    pub blocked_processes: Option<u32>,
    pub sql_share: Option<f64>,
    pub refused: Count,
    pub premature: Count,
    pub connect_timeouts: Count,
    pub cron_started: Count,
    pub external: Count,
    pub misrouted: Count,
    pub restart: Option<(i64, i64)>,
    /// Arrivals a minute inside the incident's first minutes over those before it.
    pub arrival_factor: Option<f64>,
    /// Median `$request_time` of the 504s, seconds, and its median deviation.
    pub timeout_spread: Option<(f64, f64)>,
    pub checkpoint_sync_s: f64,
    pub sampled_idle_in_transaction: u64,
    pub evented_restarts: Count,
}

/// Measures one incident.
#[must_use]
pub fn measure(incident: &Found, picture: &Picture<'_>, places: &Places<'_>) -> Measures {
    let events = picture.events;
    let (from, to) = (incident.start_us - SECOND_US, incident.end_us + SECOND_US);
    let inside = |us: i64| (from..=to).contains(&us);
    let mut m = Measures { postgres_log: !events.postgres.is_empty(), ..Measures::default() };
    for death in picture.deaths.iter().filter(|death| inside(death.us)) {
        let place = || places.reference(death.input, death.line, death.us);
        m.kills += u64::from(death.reason.is_kill());
        match death.reason {
            Reason::CpuTime => m.cpu_kills.add(place),
            Reason::OomKiller => m.oom_kills.add(place),
            Reason::MemorySoft => m.memory_soft.add(place),
            Reason::RealTime if events.texts.get(death.class).contains("Cron") => m.cron_kills.add(place),
            _ => {}
        }
    }
    let mut times_504 = Vec::new();
    for access in events.access.iter().filter(|access| inside(access.end_us)) {
        if access.lane == Lane::Bus {
            m.bus_failed += u64::from(access.failed());
            continue;
        }
        m.requests += 1;
        m.failed += u64::from(access.failed());
        m.http_500 += u64::from(access.status == 500);
        m.http_502 += u64::from(access.status == 502);
        m.http_504 += u64::from(access.status == 504);
        if access.status == 504 {
            times_504.extend(access.request_time_us);
        }
    }
    times_504.sort_unstable();
    m.timeout_spread = quantile(&times_504, 0.5).map(|middle| {
        let mut off: Vec<i64> = times_504.iter().map(|time| (time - middle).abs()).collect();
        off.sort_unstable();
        (middle as f64 / 1e6, quantile(&off, 0.5).unwrap_or(0) as f64 / 1e6)
    });
    for event in events.odoo.iter().filter(|event| inside(event.us)) {
        let place = || places.reference(event.input, event.line, event.us);
        match event.fact {
            OdooFact::Raised(Exception::PoolFull) => m.pool_full.add(place),
            OdooFact::Raised(Exception::TooManyClients) => m.too_many_clients.add(place),
            OdooFact::Raised(Exception::ExternalCall) => m.external.add(place),
            OdooFact::BusMisrouted => m.misrouted.add(place),
            OdooFact::EventedServiceRunning | OdooFact::EventedMemory | OdooFact::EventedServiceError => {
                m.evented_restarts.add(place);
            }
            _ => {}
        }
    }
    for event in
        events.odoo.iter().filter(|event| (from - 90 * SECOND_US..=from + 30 * SECOND_US).contains(&event.us))
    {
        if matches!(event.fact, OdooFact::CronStart { .. }) {
            m.cron_started.add(|| places.reference(event.input, event.line, event.us));
        }
    }
    for request in events.served.iter().filter(|request| inside(request.end_us) && !request.evented) {
        let path = events.texts.get(request.path);
        if path.starts_with("/longpolling/poll") || path == "/websocket" {
            m.misrouted.add(|| places.reference(request.input, request.line, request.end_us));
        }
    }
    for error in events.nginx.iter().filter(|error| inside(error.us) && error.lane == Lane::Http) {
        let place = || places.reference(error.input, error.line, error.us);
        match error.failure {
            Some(UpstreamFailure::Refused | UpstreamFailure::NoLiveUpstreams) => m.refused.add(place),
            Some(UpstreamFailure::PrematureClose | UpstreamFailure::PrematureCloseBody) => {
                m.premature.add(place)
            }
            Some(UpstreamFailure::ConnectTimeout) => m.connect_timeouts.add(place),
            _ => {}
        }
    }
    host(&mut m, picture, from, to);
    postgres(&mut m, picture, places, from, to);
    m.sql_share = sql_share(picture, from, to);
    m.arrival_factor = arrival_factor(picture, incident);
    m.restart = restarts(picture)
        .into_iter()
        .find(|(stop, running)| *stop <= to && *running >= from - 30 * SECOND_US);
    m
}

fn host(m: &mut Measures, picture: &Picture<'_>, from: i64, to: i64) {
    let samples: Vec<_> =
        picture.events.host.iter().filter(|sample| (from..=to).contains(&sample.us)).collect();
    m.host_samples = samples.len() as u64;
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    m.cpu_busy = median(samples.iter().filter_map(|sample| sample.cpu_busy_percent).collect());
    m.io_wait = median(samples.iter().filter_map(|sample| sample.io_wait_percent).collect());
    let mut blocked: Vec<i64> = samples.iter().filter_map(|sample| sample.blocked).map(i64::from).collect();
    blocked.sort_unstable();
    m.blocked_processes = quantile(&blocked, 0.5).and_then(|blocked| u32::try_from(blocked).ok());
}

fn postgres(m: &mut Measures, picture: &Picture<'_>, places: &Places<'_>, from: i64, to: i64) {
    let events = picture.events;
    let mut waited: FxHashMap<u32, i64> = FxHashMap::default();
    let mut roots: FxHashMap<u32, (u64, Option<Culprit>, Option<bool>)> = FxHashMap::default();
    let mut all_waits = 0;
    for event in events.postgres.iter().filter(|event| (from..=to + 60 * SECOND_US).contains(&event.us)) {
        let place = || places.reference(event.input, event.line, event.us);
        match &event.fact {
            PostgresFact::StillWaiting { pid, waited_us, .. } => {
                m.lock_waits.add(place);
                waited.insert(*pid, *waited_us);
            }
            PostgresFact::Acquired { pid, waited_us } => {
                waited.insert(*pid, *waited_us);
            }
            PostgresFact::TooManyClients => m.too_many_clients.add(place),
            PostgresFact::Checkpoint { sync_us, .. } => {
                m.checkpoint_sync_s = m.checkpoint_sync_s.max(*sync_us as f64 / 1e6)
            }
            _ => {}
        }
    }
    for event in events.postgres.iter().filter(|event| (from..=to + 60 * SECOND_US).contains(&event.us)) {
        if let PostgresFact::Duration { duration_us, .. } = event.fact {
            let own = duration_us - waited.get(&event.pid).copied().unwrap_or(0);
            if own > 5 * SECOND_US {
                m.slow_statements.add(|| places.reference(event.input, event.line, event.us));
                m.slowest_s = m.slowest_s.max(own as f64 / 1e6);
            }
        }
    }
    for snapshot in events.snapshots.iter().filter(|snapshot| (from..=to).contains(&snapshot.us)) {
        m.snapshots += 1;
        if let Some(idle) = snapshot.counts.and_then(|counts| counts.idle_in_transaction) {
            m.sampled_idle_in_transaction = m.sampled_idle_in_transaction.max(u64::from(idle));
        }
        let by_pid: FxHashMap<u32, &Session> =
            snapshot.sessions.iter().map(|session| (session.pid, session)).collect();
        let waiting: Vec<&Session> = snapshot.sessions.iter().filter(|session| session.lock_wait).collect();
        m.most_lock_waiters = m.most_lock_waiters.max(waiting.len() as u64);
        m.most_io_waiters =
            m.most_io_waiters.max(snapshot.sessions.iter().filter(|session| session.io_wait).count() as u64);
        for session in &waiting {
            all_waits += 1;
            let Some(root) = follow(session, &by_pid) else { continue };
            let entry = roots.entry(root).or_insert((0, None, None));
            entry.0 += 1;
            if let Some(seen) = by_pid.get(&root) {
                let idle = seen.state == State::IdleInTransaction;
                let age = if idle { seen.xact_age_us } else { seen.query_age_us };
                let older = entry
                    .1
                    .as_ref()
                    .and_then(|known| known.age_s)
                    .is_none_or(|known| age.is_some_and(|age| age as f64 / 1e6 > known));
                if older {
                    entry.1 = Some(Culprit {
                        pid: Some(root),
                        application_name: Some(events.texts.get(seen.application).to_owned()),
                        state: Some(if idle { "idle in transaction" } else { "active" }.to_owned()),
                        query: Some(events.texts.get(seen.query).to_owned()),
                        age_s: age.map(|us| us as f64 / 1e6),
                        name: None,
                        reference: Some(places.reference(snapshot.input, seen.line, snapshot.us)),
                    });
                    entry.2 = Some(idle);
                }
            }
        }
        for session in
            snapshot.sessions.iter().filter(|session| session.state == State::Active && !session.lock_wait)
        {
            if session.query_age_us.is_some_and(|age| age > 5 * SECOND_US) {
                m.slow_statements.add(|| places.reference(snapshot.input, session.line, snapshot.us));
                m.slowest_s = m.slowest_s.max(session.query_age_us.unwrap_or(0) as f64 / 1e6);
            }
        }
    }
    if roots.is_empty() {
        from_log(picture, places, from, to, &waited, &mut roots, &mut all_waits);
    }
    let best = roots.into_iter().max_by_key(|(pid, (waits, _, _))| (*waits, std::cmp::Reverse(*pid)));
    m.blocker = best.map(|(pid, (waits, culprit, idle))| Blocker {
        culprit: culprit.unwrap_or(Culprit { pid: Some(pid), ..Culprit::default() }),
        idle,
        waits,
        of: all_waits,
    });
}

/// Holders named in the log that do not wait themselves.
fn from_log(
    picture: &Picture<'_>,
    places: &Places<'_>,
    from: i64,
    to: i64,
    waited: &FxHashMap<u32, i64>,
    roots: &mut FxHashMap<u32, (u64, Option<Culprit>, Option<bool>)>,
    all_waits: &mut u64,
) {
    let events = picture.events;
    for event in events.postgres.iter().filter(|event| (from..=to).contains(&event.us)) {
        let holders = match &event.fact {
            PostgresFact::StillWaiting { holders, .. } | PostgresFact::Holders { holders }
                if !holders.is_empty() =>
            {
                holders
            }
            _ => continue,
        };
        *all_waits += 1;
        for holder in holders.iter().filter(|holder| !waited.contains_key(holder)) {
            let entry = roots.entry(*holder).or_insert_with(|| {
                let reference = Some(places.reference(event.input, event.line, event.us));
                (0, Some(Culprit { pid: Some(*holder), reference, ..Culprit::default() }), None)
            });
            entry.0 += 1;
        }
    }
    for (pid, (_, culprit, idle)) in roots.iter_mut() {
        for event in events.postgres.iter().filter(|event| event.pid == *pid && event.us >= from) {
            if let Some(culprit) = culprit.as_mut()
                && event.application != 0
            {
                culprit.application_name = Some(events.texts.get(event.application).to_owned());
            }
            match event.fact {
                PostgresFact::Duration { duration_us, query } if duration_us > 5 * SECOND_US => {
                    *idle = Some(false);
                    if let Some(culprit) = culprit.as_mut() {
                        culprit.query = Some(events.texts.get(query).to_owned());
                        culprit.age_s = Some(duration_us as f64 / 1e6);
                    }
                }
                PostgresFact::UnexpectedEof | PostgresFact::Terminated { .. } if idle.is_none() => {
                    *idle = Some(true)
                }
                _ => {}
            }
        }
    }
}

/// Follows a wait to the session that waits for nobody.
fn follow(session: &Session, by_pid: &FxHashMap<u32, &Session>) -> Option<u32> {
    let mut at = *session.blocked_by.first()?;
    let mut seen = vec![session.pid];
    while let Some(next) = by_pid.get(&at)
        && let Some(blocker) = next.blocked_by.first()
    {
        if seen.contains(&at) {
            return None;
        }
        seen.push(at);
        at = *blocker;
    }
    Some(at)
}

/// SQL time over all worker time of the requests that ended inside.
fn sql_share(picture: &Picture<'_>, from: i64, to: i64) -> Option<f64> {
    let (mut sql, mut all) = (0i64, 0i64);
    for request in picture.events.served.iter().filter(|request| (from..=to).contains(&request.end_us)) {
        if let (Some(query), Some(rest)) = (request.query_us, request.remaining_us)
            && !request.evented
            && query + rest > SECOND_US
        {
            sql += query;
            all += query + rest;
        }
    }
    (all > 0).then_some(sql as f64 / all as f64)
}

/// How many times more requests arrived around the onset than before it.
fn arrival_factor(picture: &Picture<'_>, incident: &Found) -> Option<f64> {
    let rate = |from: i64, to: i64| {
        let arrived = picture
            .events
            .access
            .iter()
            .filter(|access| access.lane == Lane::Http && (from..to).contains(&access.arrival_us()));
        (to > from).then(|| arrived.count() as f64 / ((to - from) as f64 / 1e6))
    };
    let before_from = picture.window.0.max(incident.start_us - 600 * SECOND_US);
    let before_to = incident.start_us - 60 * SECOND_US;
    if before_to - before_from < 60 * SECOND_US {
        return None;
    }
    let before = rate(before_from, before_to)?;
    let during =
        rate(incident.start_us - 30 * SECOND_US, incident.end_us.min(incident.start_us + 120 * SECOND_US))?;
    (before > 0.0).then_some(during / before)
}
