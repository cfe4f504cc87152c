//! The HTTP lane at the proxy: failures, timeouts, arrivals, service times.

use rustc_hash::FxHashMap;
use stormtrace_logs::record::UpstreamFailure;
use stormtrace_logs::timestamp::SECOND_US;

use super::{Count, Look, median};
use crate::events::{Access, Lane};
use crate::statistics::quantile;

/// Figures of the HTTP lane, and the failures of the bus lane.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    /// Ended inside the incident.
    pub total: u64,
    /// 5xx.
    pub failed: u64,
    /// 500.
    pub http_500: Count,
    /// 502.
    pub http_502: Count,
    /// 504.
    pub http_504: Count,
    /// 499.
    pub http_499: u64,
    /// 5xx of the bus lane.
    pub bus_failed: u64,
    /// Median `$request_time` of the 504s and its median deviation, seconds.
    pub timeout_spread_s: Option<(f64, f64)>,
    /// Refused by the upstream.
    pub refused: Count,
    /// The upstream closed the connection without an answer: a worker died.
    pub premature: Count,
    /// Gave up before a worker took the connection.
    pub connect_timeouts: Count,
    /// Gave up while a worker was at it.
    pub read_timeouts: Count,
    /// Arrivals per second over those before the incident.
    pub arrival_factor: Option<f64>,
    /// Time in a worker over what the same route took before, median over requests.
    pub service_factor: Option<f64>,
    /// Requests that workers finished after the proxy had given up on them.
    pub ghosts: Count,
    /// Median time in the worker of those requests that took longer than the proxy waits, and how many there were.
    pub beyond_proxy: Count,
}

impl Requests {
    pub(super) fn of(look: &Look<'_>) -> Self {
        let events = look.picture.events;
        let mut figures = Requests::default();
        let mut timeouts = Vec::new();
        for access in events.access_between(look.from, look.to) {
            if !look.inside(access.end_us) {
                continue;
            }
            if access.lane == Lane::Bus {
                figures.bus_failed += u64::from(access.failed()) * u64::from(access.count);
                continue;
            }
            if access.lane != Lane::Http {
                continue;
            }
            let place = || look.places.reference(access.input, access.line, access.end_us);
            let count = u64::from(access.count);
            figures.total += count;
            figures.failed += u64::from(access.failed()) * count;
            match access.status {
                499 => figures.http_499 += count,
                500 => figures.http_500.add_all(count, place),
                502 => figures.http_502.add_all(count, place),
                504 => {
                    figures.http_504.add_all(count, place);
                    timeouts.extend(access.request_time_us.get());
                }
                _ => {}
            }
        }
        timeouts.sort_unstable();
        figures.timeout_spread_s = quantile(&timeouts, 0.5).map(|middle| {
            let mut off: Vec<i64> = timeouts.iter().map(|time| (time - middle).abs()).collect();
            off.sort_unstable();
            (middle as f64 / 1e6, quantile(&off, 0.5).unwrap_or(0) as f64 / 1e6)
        });
        for error in events.nginx.iter().filter(|error| look.inside(error.us) && error.lane == Lane::Http) {
            let place = || look.places.reference(error.input, error.line, error.us);
            let count = u64::from(error.count);
            match error.failure {
                Some(UpstreamFailure::Refused | UpstreamFailure::NoLiveUpstreams) => {
                    figures.refused.add_all(count, place)
                }
                Some(UpstreamFailure::PrematureClose | UpstreamFailure::PrematureCloseBody) => {
                    figures.premature.add_all(count, place);
                }
                Some(UpstreamFailure::ConnectTimeout) => figures.connect_timeouts.add_all(count, place),
                Some(UpstreamFailure::ReadTimeout) => figures.read_timeouts.add_all(count, place),
                _ => {}
            }
        }
        figures.arrival_factor = arrival_factor(look);
        figures.service_factor = service_factor(look);
        let patience_s = look
            .picture
            .facts
            .proxy_read_timeout_s
            .or(figures.timeout_spread_s.filter(|(_, spread)| *spread < 0.5).map(|(middle, _)| middle));
        if let Some(patience_s) = patience_s {
            let patience_us = (patience_s * 1e6) as i64;
            for request in events.served.iter().filter(|request| {
                !request.evented && (look.from..=look.to + 120 * SECOND_US).contains(&request.end_us)
            }) {
                let busy = request.query_us.get().unwrap_or(0).max(0)
                    + request.remaining_us.get().unwrap_or(0).max(0);
                if busy > patience_us && request.status < 500 {
                    figures.beyond_proxy.add_all(u64::from(request.count), || {
                        look.places.reference(request.input, request.line, request.end_us)
                    });
                }
            }
        }
        figures
    }
}

/// When a request began, as well as can be told.
fn arrival(access: &Access, patience_us: i64) -> i64 {
    match (access.request_time_us.get(), access.status) {
        (None, 504) => access.end_us - patience_us,
        _ => access.arrival_us(),
    }
}

/// How many times more requests arrived than before. The first minutes count, and the whole: a stall holds clients back,
/// so that the rate falls; a surge raises it at once.
fn arrival_factor(look: &Look<'_>) -> Option<f64> {
    let patience_us = look.picture.facts.proxy_read_timeout_s.map_or(0, |timeout_s| (timeout_s * 1e6) as i64);
    let http = look.picture.events.access.iter().filter(|access| access.lane == Lane::Http);
    let arrivals: Vec<(i64, u64)> =
        http.map(|access| (arrival(access, patience_us), u64::from(access.count))).collect();
    let count = |from: i64, to: i64| -> u64 {
        let inside = arrivals.iter().filter(|(us, _)| (from..to).contains(us));
        inside.map(|(_, count)| count).sum()
    };
    let (before_from, before_to) = look.baseline();
    let before_from = arrivals.iter().map(|(us, _)| *us).min()?.max(before_from);
    if before_to - before_from < 60 * SECOND_US {
        return None;
    }
    let before = count(before_from, before_to) as f64 / ((before_to - before_from) as f64 / 1e6);
    let factor = |from: i64, to: i64| {
        let expected = before * ((to - from) as f64 / 1e6);
        let seen = count(from, to) as f64;
        // What chance alone makes of few requests is no surge: four standard deviations of a Poisson count.
        let chance = expected + 4.0 * expected.max(1.0).sqrt();
        (to - from >= 20 * SECOND_US && expected > 0.0).then(|| {
            if seen > expected && seen < chance {
                1.0_f64.max(seen / expected).min(1.5)
            } else {
                seen / expected
            }
        })
    };
    let first = factor(look.onset_us, look.to.min(look.onset_us + 120 * SECOND_US));
    let whole = factor(look.onset_us, look.to);
    first.into_iter().chain(whole).reduce(f64::max)
}

/// Time in a worker, over the median of the same route before the incident.
fn service_factor(look: &Look<'_>) -> Option<f64> {
    let (before_from, before_to) = look.baseline();
    let mut usual: FxHashMap<(u32, u32), Vec<f64>> = FxHashMap::default();
    let served = || look.picture.events.served.iter().filter(|request| !request.evented);
    let busy = |query: Option<i64>, rest: Option<i64>| Some((query? + rest?).max(0) as f64);
    for request in served().filter(|request| (before_from..before_to).contains(&request.end_us)) {
        let times = usual.entry((request.method, request.path)).or_default();
        times.extend(busy(request.query_us.get(), request.remaining_us.get()));
    }
    let usual: FxHashMap<(u32, u32), f64> = usual
        .into_iter()
        .filter(|(_, times)| times.len() >= 5)
        .filter_map(|(route, times)| Some((route, median(times).filter(|time| *time > 0.0)?)))
        .collect();
    let factors: Vec<f64> = served()
        .filter(|request| look.inside(request.end_us))
        .filter_map(|request| {
            Some(
                busy(request.query_us.get(), request.remaining_us.get())?
                    / usual.get(&(request.method, request.path))?,
            )
        })
        .collect();
    (factors.len() >= 10).then(|| median(factors)).flatten()
}
