//! From events to incidents: when, what kind, why the detector fired.

pub mod failure_runs;
pub mod kill_bursts;
mod onset;

use rustc_hash::FxHashMap;
use stormtrace_logs::format::Source;
use stormtrace_logs::record::UpstreamFailure;
use stormtrace_logs::timestamp::SECOND_US;

use crate::align::Ordering;
use crate::events::{Access, Events, Lane, OdooFact, Served};
use crate::facts::Facts;
use crate::lives::{Death, Reason};
use crate::report::Kind;

/// Failures and kills further apart than this belong to different groups, µs.
const GAP_US: i64 = 120 * SECOND_US;
/// Failures over this long before the rest began are no part of it, µs.
const FORERUNNER_US: i64 = 30 * SECOND_US;
/// Groups closer than this are one incident that came back, µs: recovery has to hold that long.
const RELAPSE_US: i64 = 900 * SECOND_US;
/// An idle cron worker sleeps 60 s and its pid modulo 10 between pings, and the master looks every 4 s, µs.
const IDLE_PING_US: i64 = 74 * SECOND_US;
/// A restart that takes longer is an outage, µs.
const LONGEST_RESTART_US: i64 = 120 * SECOND_US;

/// An incident before it is measured and explained.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it was.
    pub kind: Kind,
    /// Arrival of the first blocked request, µs.
    pub start_us: i64,
    /// Last failure, µs.
    pub end_us: i64,
    /// Why.
    pub reasons: Vec<String>,
    /// Starts of the separate episodes in it, µs.
    pub episodes: Vec<(i64, i64)>,
    /// Failed requests and kills that made the detector fire.
    pub failures: usize,
    /// Too few failures to be more than noted.
    pub isolated: bool,
}

/// What the detectors look at.
pub struct Picture<'e> {
    /// Events, times aligned, copies removed, sorted.
    pub events: &'e Events,
    /// Worker deaths.
    pub deaths: &'e [Death],
    /// The deployment.
    pub facts: &'e Facts,
    /// Whether the order of events across sources proves anything, and from what distance on.
    pub ordering: &'e Ordering,
    /// What the logs cover, µs.
    pub window: (i64, i64),
    /// What each input covers, µs: an error log is silent while all is well.
    pub spans: &'e [(Source, i64, i64)],
    /// Stream (host) of each input: pids of two hosts are two processes.
    pub streams: &'e [u32],
}

/// One failure or kill: when it began to block and when it showed.
#[derive(Debug, Clone, Copy)]
struct Mark {
    start_us: i64,
    at_us: i64,
    kill: bool,
    /// Failures that show there.
    count: u32,
    /// The start is when a request arrived or a worker took one; else only the end is known.
    start_known: bool,
}

impl Picture<'_> {
    /// The stream an input belongs to.
    #[must_use]
    pub fn stream(&self, input: u32) -> u32 {
        crate::copies::stream_of(self.streams, input)
    }

    fn is_cron(&self, death: &Death) -> bool {
        self.events.texts.get(death.class).contains("Cron")
    }

    /// Kills of workers that serve requests.
    fn http_kills(&self) -> impl Iterator<Item = &Death> {
        self.deaths.iter().filter(|death| death.reason.is_kill() && !self.is_cron(death))
    }

    /// A websocket handshake that the client gave up on: it is answered at once or not at all. (A long poll without an
    /// answer is what a closed tab leaves.)
    fn hung_handshake(&self, access: &Access) -> bool {
        access.status == 499
            && access.upstream_status == 0
            && self.events.texts.get(access.path).starts_with("/websocket")
    }

    /// When a request that failed began. Without `$request_time` a 504 began one timeout earlier: that of connecting, or
    /// that of reading, as nginx's error log says; the shorter one where it does not, lest the onset come before the fault.
    fn arrival(&self, access: &Access) -> i64 {
        if access.request_time_us.get().is_some() || access.upstream_us.get().is_some() {
            return access.arrival_us();
        }
        if access.status != 504 {
            return access.end_us;
        }
        let us = |timeout_s: Option<f64>| timeout_s.map(|timeout_s| (timeout_s * 1e6) as i64);
        let (reading, connecting) =
            (us(self.facts.proxy_read_timeout_s), us(self.facts.proxy_connect_timeout_s));
        let waited = match self.timeout_phase(access) {
            Some(UpstreamFailure::ConnectTimeout) => connecting,
            Some(_) => reading,
            None => reading.into_iter().chain(connecting).min(),
        };
        access.end_us - waited.unwrap_or(0)
    }

    /// What nginx's error log says of a request that timed out: the same target in the same second.
    fn timeout_phase(&self, access: &Access) -> Option<UpstreamFailure> {
        let errors = &self.events.nginx;
        let from = errors.partition_point(|error| error.us < access.end_us - 2 * SECOND_US);
        errors
            .iter()
            .skip(from)
            .take_while(|error| error.us <= access.end_us + 2 * SECOND_US)
            .filter(|error| error.path == access.path)
            .filter_map(|error| error.failure)
            .find(|failure| matches!(failure, UpstreamFailure::ConnectTimeout | UpstreamFailure::ReadTimeout))
    }
}

/// All incidents in order of start, isolated failures last.
#[must_use]
pub fn incidents(picture: &Picture<'_>) -> Vec<Found> {
    let mut found = http_incidents(picture);
    merge_relapses(&mut found);
    classify(picture, &mut found);
    add_restarts(picture, &mut found);
    add_restarts_seen_at_the_proxy(picture, &mut found);
    add_bus_incidents(picture, &mut found);
    add_isolated(picture, &mut found);
    found.sort_by_key(|incident| (incident.isolated, incident.start_us, incident.end_us, incident.kind));
    found
}

fn http_incidents(picture: &Picture<'_>) -> Vec<Found> {
    let limit_us = picture.facts.limit_us();
    let gap_us = if limit_us > 112 * SECOND_US { GAP_US.max(limit_us + 8 * SECOND_US) } else { GAP_US };
    let kills = picture.http_kills().count();
    let Events { access, served, .. } = picture.events;
    let http = access.iter().filter(|access| access.lane == Lane::Http);
    let at_nginx = http.map(|access| (access.end_us, access.failed(), access.count));
    // Without an access log Odoo's own request lines tell.
    let at_workers = served.iter().filter(|request| access.is_empty() && !request.evented);
    let at_workers = at_workers.map(|request| (request.end_us, request.status >= 500, request.count));
    let runs = failure_runs::find(at_nginx.chain(at_workers), failure_runs::HTTP_FAILING);
    let marks = marks(picture, Access::failed);
    let mut found = Vec::new();
    for group in marks.chunk_by(|a, b| b.at_us - a.at_us <= gap_us) {
        let group = without_forerunners(group);
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let inside = |at: i64| (first.at_us..=last.at_us).contains(&at);
        let killed: Vec<i64> = picture.http_kills().map(|death| death.us).filter(|us| inside(*us)).collect();
        let outside = (kills - killed.len()) as u64;
        let burst = kill_bursts::judge(&killed, outside, limit_us, picture.facts.workers, picture.window);
        let stormy = burst.is_some();
        let mut reasons: Vec<String> = burst.into_iter().collect();
        reasons.extend(runs.iter().filter(|run| inside(run.first_us)).map(|run| {
            format!(
                "{} of {} requests failed in {:.0} s",
                run.bad,
                run.all,
                (run.last_us - run.first_us) as f64 / 1e6
            )
        }));
        if reasons.is_empty() {
            continue;
        }
        let kind = if stormy || !killed.is_empty() { Kind::WorkerTimeoutStorm } else { Kind::HttpErrorBurst };
        let start_us =
            onset::of(picture, group.iter().map(|mark| (mark.start_us, mark.start_known)), first.at_us);
        found.push(Found {
            kind,
            start_us,
            end_us: last.at_us,
            reasons,
            episodes: vec![(start_us, last.at_us)],
            failures: failures(group),
            isolated: false,
        });
    }
    found
}

/// Failed requests and kills in order of when they showed. Cron workers count when they died with a job in hand:
/// idle ones that a short `limit_time_real_cron` kills are a matter of configuration.
fn marks(picture: &Picture<'_>, failed: impl Fn(&Access) -> bool) -> Vec<Mark> {
    let requests = picture.events.access.iter().filter(|access| access.lane == Lane::Http && failed(access));
    let mut marks: Vec<Mark> = requests
        .map(|access| Mark {
            start_us: picture.arrival(access),
            at_us: access.end_us,
            kill: false,
            count: access.count,
            start_known: true,
        })
        .collect();
    // Without an access log Odoo's own request lines tell of the failures that workers lived to answer.
    if picture.events.access.is_empty() {
        let failed = |request: &&Served| !request.evented && request.status >= 500;
        marks.extend(picture.events.served.iter().filter(failed).map(|request| Mark {
            start_us: request.end_us
                - request.query_us.get().unwrap_or(0).max(0)
                - request.remaining_us.get().unwrap_or(0).max(0),
            at_us: request.end_us,
            kill: false,
            count: request.count,
            start_known: true,
        }));
    }
    marks.extend(picture.http_kills().map(|death| {
        let blocked_us = death.limit_s.map_or(0, |limit_s| i64::from(limit_s) * SECOND_US);
        Mark {
            start_us: death.us - blocked_us,
            at_us: death.us,
            kill: true,
            count: 1,
            start_known: death.limit_s.is_some() && death.reason == Reason::RealTime,
        }
    }));
    marks.extend(busy_cron_kills(picture));
    marks.sort_by_key(|mark| (mark.at_us, mark.start_us));
    marks
}

/// Failures and kills of a group.
fn failures(group: &[Mark]) -> usize {
    group.iter().map(|mark| mark.count as usize).sum()
}

/// Kills of cron workers that were running a job, from the job's start.
fn busy_cron_kills(picture: &Picture<'_>) -> Vec<Mark> {
    let mut running: FxHashMap<(u32, u32), i64> = FxHashMap::default();
    let mut odoo = picture.events.odoo.iter().peekable();
    let mut marks = Vec::new();
    for death in picture.deaths.iter().filter(|death| death.reason.is_kill() && picture.is_cron(death)) {
        while let Some(event) = odoo.next_if(|event| event.us < death.us) {
            let stream = picture.stream(event.input);
            match event.fact {
                OdooFact::CronStart { .. } => running.insert((stream, event.pid), event.us),
                OdooFact::CronEnd { .. } => running.remove(&(stream, event.pid)),
                OdooFact::Alive { pid, .. } => running.remove(&(stream, pid)),
                _ => None,
            };
        }
        let started = running.remove(&(death.stream, death.pid));
        // An idle cron worker pings at least every 70 s: a longer limit kills only those at work.
        let limit_us = death.limit_s.map(|limit_s| i64::from(limit_s) * SECOND_US);
        let at_work = limit_us
            .filter(|limit_us| *limit_us > IDLE_PING_US)
            .map(|limit_us| death.us - limit_us + IDLE_PING_US);
        if let Some(start_us) = started.or(at_work) {
            marks.push(Mark { start_us, at_us: death.us, kill: true, count: 1, start_known: true });
        }
    }
    marks
}

/// Leaves out what came before the incident proper: a few failures, over and done with well before the rest began.
fn without_forerunners(group: &[Mark]) -> &[Mark] {
    // Earliest start among the marks after each.
    let mut earliest = i64::MAX;
    let mut starts: Vec<i64> = Vec::with_capacity(group.len());
    for mark in group.iter().rev() {
        starts.push(earliest);
        earliest = earliest.min(mark.start_us);
    }
    starts.reverse();
    let mut counts = vec![0];
    counts.extend(group.iter().scan(0, |all, mark| {
        *all += mark.count as usize;
        Some(*all)
    }));
    let count = |at: usize| counts.get(at).copied().unwrap_or(0);
    let all = |from: usize, to: usize| count(to) - count(from);
    let mut begin = 0;
    let (mut latest, mut kills) = (i64::MIN, 0usize);
    for (at, (mark, later)) in group.iter().zip(&starts).enumerate() {
        latest = latest.max(mark.at_us);
        kills += usize::from(mark.kill);
        let (before, after) = (all(begin, at + 1), all(at + 1, group.len()));
        if kills > 1 || before > 4 || before * 10 > after {
            break;
        }
        if later.saturating_sub(latest) > FORERUNNER_US {
            begin = at + 1;
            (latest, kills) = (i64::MIN, 0);
        }
    }
    group.get(begin..).unwrap_or(group)
}

/// Kills and gateway errors that belong to no incident: noted, so that no figure is lost, and harmless by themselves.
fn add_isolated(picture: &Picture<'_>, found: &mut Vec<Found>) {
    let covered = |mark: &Mark| {
        found.iter().any(|incident| {
            (incident.start_us - SECOND_US..=incident.end_us + SECOND_US).contains(&mark.at_us)
        })
    };
    let mut marks = marks(picture, |access| matches!(access.status, 502..=504));
    marks.retain(|mark| !covered(mark));
    let mut isolated = Vec::new();
    let same = |a: &Mark, b: &Mark| {
        let between = found.iter().any(|incident| a.at_us < incident.end_us && incident.start_us < b.at_us);
        b.at_us - a.at_us <= RELAPSE_US && !between
    };
    for group in marks.chunk_by(same) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let kills = group.iter().filter(|mark| mark.kill).count();
        isolated.push(Found {
            kind: Kind::HttpErrorBurst,
            start_us: first.at_us.min(first.start_us.max(first.at_us - RELAPSE_US)),
            end_us: last.at_us,
            reasons: vec![format!(
                "worker kills {kills}, gateway errors {}: too few for an incident",
                failures(group) - kills
            )],
            episodes: vec![(first.start_us, last.at_us)],
            failures: failures(group),
            isolated: true,
        });
    }
    found.extend(isolated);
}

fn merge_relapses(found: &mut Vec<Found>) {
    let mut merged: Vec<Found> = Vec::new();
    for incident in found.drain(..) {
        match merged.last_mut() {
            Some(last) if incident.start_us - last.end_us > RELAPSE_US => merged.push(incident),
            // A handful of failures before the many is a forerunner, not the first episode.
            Some(last) if last.failures * 20 < incident.failures => *last = incident,
            Some(last) => {
                last.failures += incident.failures;
                last.end_us = last.end_us.max(incident.end_us);
                last.reasons.extend(incident.reasons);
                last.episodes.extend(incident.episodes);
                last.kind = last.kind.min(incident.kind);
            }
            None => merged.push(incident),
        }
    }
    *found = merged;
}

/// Tells outages of the whole service and restarts from bursts of errors.
fn classify(picture: &Picture<'_>, found: &mut [Found]) {
    for incident in found.iter_mut().filter(|incident| incident.kind == Kind::HttpErrorBurst) {
        let (from, to) = (incident.start_us - SECOND_US, incident.end_us + SECOND_US);
        let answered =
            || picture.events.access_between(from, to).iter().filter(|access| access.lane == Lane::Http);
        let failed: Vec<&Access> = answered().filter(|access| access.failed()).collect();
        let refused = picture
            .events
            .nginx
            .iter()
            .filter(|error| (from..=to).contains(&error.us) && error.lane == Lane::Http)
            .filter(|error| {
                matches!(error.failure, Some(UpstreamFailure::Refused | UpstreamFailure::NoLiveUpstreams))
            })
            .map(|error| error.count as usize)
            .sum::<usize>();
        let instant = failed
            .iter()
            .filter(|access| {
                access.status == 502 && access.request_time_us.get().is_none_or(|time| time < 100_000)
            })
            .map(|access| access.count as usize)
            .sum::<usize>();
        let failed: usize = failed.iter().map(|access| access.count as usize).sum();
        if 2 * refused.max(instant) < failed.max(1) {
            continue;
        }
        let served = answered().filter(|access| !access.failed() && access.status != 499);
        let served: usize = served.map(|access| access.count as usize).sum();
        if 2 * served > failed.max(1) * 3 {
            continue;
        }
        let short = incident.end_us - incident.start_us <= LONGEST_RESTART_US;
        incident.kind = if short && restart_near(picture, from, to).is_some() {
            Kind::ServiceRestart
        } else {
            Kind::ServiceOutage
        };
    }
}

/// A stop and the start after it (or a start in mid-log) near a span: (stop, start), µs.
fn restart_near(picture: &Picture<'_>, from: i64, to: i64) -> Option<(i64, i64)> {
    restarts(picture)
        .into_iter()
        .find(|(stop, start)| *stop <= to + 30 * SECOND_US && *start >= from - 30 * SECOND_US)
}

/// Every restart of the service in mid-log: (last sign before, service running again), µs.
pub fn restarts(picture: &Picture<'_>) -> Vec<(i64, i64)> {
    let mut restarts = Vec::new();
    let mut stop: Option<i64> = None;
    let first_sign = picture
        .events
        .odoo
        .first()
        .map(|event| event.us)
        .into_iter()
        .chain(picture.events.served.first().map(|request| request.end_us))
        .min();
    for event in &picture.events.odoo {
        match event.fact {
            OdooFact::Stopping | OdooFact::StoppingForcefully | OdooFact::Reloading => {
                stop = stop.or(Some(event.us));
            }
            OdooFact::HttpServiceRunning => {
                let in_mid_log = first_sign.is_some_and(|first| event.us - first > 30 * SECOND_US);
                if let Some(stopped) = stop.take() {
                    restarts.push((stopped, event.us));
                } else if in_mid_log {
                    restarts.push((event.us, event.us));
                }
            }
            _ => {}
        }
    }
    restarts
}

/// Restarts that hurt little: those not part of another incident.
fn add_restarts(picture: &Picture<'_>, found: &mut Vec<Found>) {
    for (stop, running) in restarts(picture) {
        let (from, to) = (stop - 10 * SECOND_US, running + 60 * SECOND_US);
        let part_of_another = found
            .iter()
            .any(|incident| incident.start_us - 60 * SECOND_US <= to && incident.end_us + RELAPSE_US >= from);
        if part_of_another {
            continue;
        }
        let failures: Vec<&Access> = picture
            .events
            .access_between(from, i64::MAX)
            .iter()
            .filter(|access| access.failed() && access.arrival_us() <= to)
            .collect();
        let first = failures.iter().map(|access| picture.arrival(access).max(stop - 10 * SECOND_US)).min();
        let last = failures.iter().map(|access| access.end_us).max();
        let start_us = first.map_or(stop, |first| first.min(stop.max(first)));
        let end_us = last.unwrap_or(running).max(start_us);
        let kind = if end_us - start_us > 2 * LONGEST_RESTART_US {
            Kind::ServiceOutage
        } else {
            Kind::ServiceRestart
        };
        found.push(Found {
            kind,
            start_us,
            end_us,
            reasons: vec![format!(
                "Odoo was restarted: {:.0} s from stop to service running, {} requests failed",
                (running - stop) as f64 / 1e6,
                failures.len()
            )],
            episodes: vec![(start_us, end_us)],
            failures: failures.len(),
            isolated: false,
        });
    }
}

/// Restarts that Odoo's log does not tell, for it was kept at level WARNING or is not there: every request refused for a
/// while, and none before or after.
fn add_restarts_seen_at_the_proxy(picture: &Picture<'_>, found: &mut Vec<Found>) {
    let events = picture.events;
    let http: Vec<&Access> = events.access.iter().filter(|access| access.lane == Lane::Http).collect();
    let refused = |access: &Access| {
        access.status == 502 && access.request_time_us.get().is_none_or(|time_us| time_us < SECOND_US / 2)
    };
    for run in http.chunk_by(|a, b| refused(a) && refused(b)) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let (from, to) = (first.end_us, last.end_us);
        if run.len() < 3 || !refused(first) || to - from > LONGEST_RESTART_US {
            continue;
        }
        let near = |us: i64| (from - 60 * SECOND_US..=to + 60 * SECOND_US).contains(&us);
        let told = events.served.iter().any(|request| near(request.end_us))
            || picture.deaths.iter().any(|death| near(death.us));
        let covered =
            found.iter().any(|incident| incident.start_us <= to && incident.end_us + RELAPSE_US >= from);
        if told || covered {
            continue;
        }
        found.push(Found {
            kind: Kind::ServiceRestart,
            start_us: from,
            end_us: to,
            reasons: vec![format!(
                "{} requests in a row were refused in {:.0} s, and none before or after",
                run.len(),
                (to - from) as f64 / 1e6
            )],
            episodes: vec![(from, to)],
            failures: run.len(),
            isolated: false,
        });
    }
}

/// Failures of the bus lane: a symptom inside another incident, an incident of their own else.
fn add_bus_incidents(picture: &Picture<'_>, found: &mut Vec<Found>) {
    let bus = || picture.events.access.iter().filter(|access| access.lane == Lane::Bus);
    let runs = failure_runs::find(
        bus().map(|access| (access.end_us, access.failed(), access.count)),
        failure_runs::BUS_FAILING,
    );
    let mut spans: Vec<(i64, i64, String)> = runs
        .into_iter()
        .map(|run| {
            let from_us = run.first_us - GAP_US;
            let near = picture.events.access_between(from_us, run.last_us).iter();
            let start_us = near
                .filter(|access| access.lane == Lane::Bus)
                .filter(|access| {
                    access.failed() && access.end_us >= run.first_us || picture.hung_handshake(access)
                })
                .map(|access| picture.arrival(access))
                .min()
                .unwrap_or(run.first_us);
            (start_us, run.last_us, format!("{} of {} bus requests failed", run.bad, run.all))
        })
        .collect();
    spans.extend(misrouted(picture));
    spans.sort();
    let mut joined: Vec<(i64, i64, String)> = Vec::new();
    for (start, end, reason) in spans {
        match joined.last_mut() {
            Some(last) if start - last.1 <= 300 * SECOND_US => {
                last.1 = last.1.max(end);
                last.2 = format!("{}; {reason}", last.2);
            }
            _ => joined.push((start, end, reason)),
        }
    }
    let mut alone: Vec<Found> = Vec::new();
    for (start, end, reason) in joined {
        let host = found.iter_mut().find(|incident| {
            incident.start_us - 60 * SECOND_US <= end && incident.end_us + 60 * SECOND_US >= start
        });
        if let Some(incident) = host {
            // Browsers reconnect for a while after workers answer again: a short tail still belongs to it.
            if end > incident.end_us && end - incident.end_us <= 60 * SECOND_US {
                incident.end_us = end;
            }
            continue;
        }
        alone.push(Found {
            kind: Kind::BusOutage,
            start_us: start,
            end_us: end,
            reasons: vec![reason],
            episodes: vec![(start, end)],
            failures: 0,
            isolated: false,
        });
    }
    merge_relapses(&mut alone);
    found.append(&mut alone);
}

/// Bus requests that HTTP workers had to serve.
fn misrouted(picture: &Picture<'_>) -> Vec<(i64, i64, String)> {
    let events = picture.events;
    let mut times: Vec<i64> = events
        .served
        .iter()
        .filter(|request| !request.evented)
        .filter(|request| {
            let path = events.texts.get(request.path);
            path.starts_with("/longpolling/poll") || path == "/websocket"
        })
        .map(|request| request.end_us - request.remaining_us.get().unwrap_or(0).max(0))
        .collect();
    times.extend(
        events.odoo.iter().filter(|event| event.fact == OdooFact::BusMisrouted).map(|event| event.us),
    );
    times.sort_unstable();
    let mut spans = Vec::new();
    for group in times.chunk_by(|a, b| b - a <= GAP_US) {
        if let (Some(first), Some(last)) = (group.first(), group.last())
            && group.len() >= 5
        {
            spans.push((*first, *last, format!("{} bus requests reached HTTP workers", group.len())));
        }
    }
    spans
}
