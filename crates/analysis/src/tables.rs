//! Event tables: requests by endpoint, statements by fingerprint. The one place that knows polars.

use std::collections::BTreeMap;

use polars::prelude::{Column, DataFrame, PolarsResult};
use polars::series::IsSorted;
use rustc_hash::FxHashMap;

use crate::events::{Access, Events, Lane, PostgresFact};
use crate::place::Places;
use crate::report::{Endpoint, Query};
use crate::route::{route, write_route};
use crate::statistics::{weighted_quantile_of, weighted_quantiles_of};
use crate::took::Took;
use crate::waits::Waits;

/// Rows kept in each table.
const MOST_ROWS: usize = 100;

/// What requests ask for, exactly: lane, method and path.
struct Target<'e> {
    first: &'e Access,
    requests: usize,
    endpoint: u32,
    /// The next one with the same path.
    next: Option<u32>,
}

/// The targets of all requests in the order in which they are first met, and for each request the number of its target.
fn targets(events: &Events) -> (Vec<Target<'_>>, Vec<u32>) {
    let mut targets: Vec<Target<'_>> = Vec::new();
    // The first target of each path: nearly always it is asked for in one lane and with one method.
    let mut firsts: Vec<Option<u32>> = vec![None; events.texts.count()];
    let numbers = events.access.iter().map(|access| {
        let new = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        let Some(first) = firsts.get_mut(access.path as usize) else { return u32::MAX };
        let mut number = *first.get_or_insert(new);
        while let Some(target) = targets.get_mut(number as usize) {
            if (target.first.lane, target.first.method) == (access.lane, access.method) {
                target.requests += 1;
                return number;
            }
            number = *target.next.get_or_insert(new);
        }
        targets.push(Target { first: access, requests: 1, endpoint: 0, next: None });
        new
    });
    let numbers = numbers.collect();
    (targets, numbers)
}

/// Numbers the endpoints (lane, method and route) in the order in which they are first met.
fn number_endpoints(targets: &mut [Target<'_>], events: &Events) {
    let mut routes: FxHashMap<String, usize> = FxHashMap::default();
    let mut endpoints: FxHashMap<(Lane, &str, usize), u32> = FxHashMap::default();
    let mut own = String::new();
    for target in targets {
        own.clear();
        write_route(events.texts.get(target.first.path), &mut own);
        let route = routes.get(&own).copied().unwrap_or_else(|| {
            routes.insert(own.clone(), routes.len());
            routes.len() - 1
        });
        let next = u32::try_from(endpoints.len()).unwrap_or(u32::MAX);
        let method = events.texts.get(target.first.method);
        target.endpoint = *endpoints.entry((target.first.lane, method, route)).or_insert(next);
    }
}

/// What an endpoint's row needs of one request.
#[derive(Clone, Copy, Default)]
struct Asked {
    request_time_us: Took,
    count: u32,
    failed: bool,
    during: bool,
}

/// Endpoints by share of busy time. `incidents` are their spans, µs: what ended outside all of them is the baseline.
///
/// # Errors
/// What polars says.
pub fn endpoints(events: &Events, incidents: &[(i64, i64)]) -> PolarsResult<Vec<Endpoint>> {
    let incidents = joined(incidents);
    let (mut targets, numbers) = targets(events);
    number_endpoints(&mut targets, events);
    let mut order: Vec<(u32, usize)> = targets.iter().map(|target| target.endpoint).zip(0..).collect();
    order.sort_by_key(|(endpoint, _)| *endpoint);
    let mut column =
        Column::new("endpoint".into(), order.iter().map(|(endpoint, _)| *endpoint).collect::<Vec<_>>());
    // In order, one group ends where the next begins: nothing is hashed.
    column.set_sorted_flag(IsSorted::Ascending);
    let frame = DataFrame::new_infer_height(vec![column])?;
    let groups = frame.group_by_stable(["endpoint"])?;
    // One endpoint after the other: the first request to each, and where its requests end among all, put side by side.
    let mut firsts = Vec::new();
    let mut ends = Vec::new();
    let mut end = 0;
    for group in groups.get_groups().iter() {
        let of_group = order.iter().skip(group.first() as usize).take(group.len());
        let mut of_group = of_group.filter_map(|(_, number)| targets.get(*number)).peekable();
        firsts.extend(of_group.peek().map(|target| target.first));
        ends.push(end);
        end += of_group.map(|target| target.requests).sum::<usize>();
    }
    let mut asked = vec![Asked::default(); numbers.len()];
    let mut busy = 0;
    for (access, number) in events.access.iter().zip(numbers) {
        let endpoint = targets.get(number as usize).map_or(0, |target| target.endpoint);
        let Some(end) = ends.get_mut(endpoint as usize) else { continue };
        if let Some(place) = asked.get_mut(*end) {
            *place = Asked {
                request_time_us: access.request_time_us,
                count: access.count,
                failed: access.status >= 500,
                during: within(&incidents, access.end_us),
            };
        }
        *end += 1;
        // A websocket lasts as long as its browser tab: only the http lane keeps workers busy.
        if access.lane == Lane::Http {
            busy += access.request_time_us.get().unwrap_or(0) * i64::from(access.count);
        }
    }
    let mut start = 0;
    let rows = firsts.into_iter().zip(ends).map(|(first, end)| {
        let own = asked.get(start..end).unwrap_or_default();
        start = end;
        endpoint(events, first, own, busy)
    });
    let mut endpoints: Vec<Endpoint> = rows.collect();
    endpoints.sort_by(|a, b| {
        let share = |endpoint: &Endpoint| endpoint.share_of_busy_time.unwrap_or(-1.0);
        share(b)
            .total_cmp(&share(a))
            .then_with(|| b.count.cmp(&a.count))
            .then_with(|| (&a.route, &a.method, a.lane).cmp(&(&b.route, &b.method, b.lane)))
    });
    endpoints.truncate(MOST_ROWS);
    Ok(endpoints)
}

/// One endpoint's row: `own` are its requests, of which `first` is one; `busy` is the time of all endpoints, µs.
fn endpoint(events: &Events, first: &Access, own: &[Asked], busy: i64) -> Endpoint {
    let count = |counts: &dyn Fn(&Asked) -> bool| {
        own.iter().filter(|asked| counts(asked)).map(|asked| u64::from(asked.count)).sum::<u64>()
    };
    let timed = |during: bool| {
        let some = own.iter().filter(move |asked| asked.during == during);
        some.filter_map(|asked| Some((asked.request_time_us.get()?, asked.count)))
    };
    let mut times: Vec<(i64, u32)> = timed(true).collect();
    let in_incidents = times.len();
    times.extend(timed(false));
    let ms = |us: Option<i64>| us.map(|us| us as f64 / 1e3);
    let (inside, outside) = times.split_at_mut(in_incidents);
    let (incident_p95, baseline_p95) =
        (weighted_quantile_of(inside, 0.95), weighted_quantile_of(outside, 0.95));
    let [p50, p95, p99, most] = weighted_quantiles_of(&mut times, [0.5, 0.95, 0.99, 1.0]);
    let busy_here: i64 = times.iter().map(|(us, count)| us * i64::from(*count)).sum();
    Endpoint {
        method: events.texts.get(first.method).to_owned(),
        route: route(events.texts.get(first.path)),
        lane: first.lane.name(),
        count: count(&|_| true),
        p50_ms: ms(p50),
        p95_ms: ms(p95),
        p99_ms: ms(p99),
        max_ms: ms(most),
        failed: count(&|asked| asked.failed),
        incident_count: count(&|asked| asked.during),
        incident_failed: count(&|asked| asked.during && asked.failed),
        incident_p95_ms: ms(incident_p95),
        baseline_p95_ms: ms(baseline_p95),
        share_of_busy_time: (first.lane == Lane::Http && busy > 0).then(|| busy_here as f64 / busy as f64),
    }
}

/// Spans in order, overlapping ones as one.
fn joined(spans: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (from, to) in sorted {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn within(spans: &[(i64, i64)], us: i64) -> bool {
    let next = spans.partition_point(|(_, to)| *to < us);
    spans.get(next).is_some_and(|(from, _)| *from <= us)
}

#[derive(Default)]
struct Statement {
    calls: u64,
    total_us: i64,
    max_us: i64,
    incident_us: i64,
    waits: u64,
    wait_us: i64,
    /// Input, line, µs of the longest one, else of a wait.
    example: Option<(u32, u64, i64)>,
}

/// Statements by total time: those whose duration was logged, and those seen waiting for locks. A wait without a statement
/// of its own belongs to the one that its backend was running.
#[must_use]
pub fn queries(events: &Events, incidents: &[(i64, i64)], places: &Places<'_>) -> Vec<Query> {
    let incidents = joined(incidents);
    let waits = Waits::of(events, i64::MIN, i64::MAX);
    let mut rows: BTreeMap<u32, Statement> = BTreeMap::new();
    let mut runs: FxHashMap<u32, Vec<(i64, i64, u32)>> = FxHashMap::default();
    for event in &events.postgres {
        let PostgresFact::Duration { duration_us, query } = event.fact else { continue };
        let from = event.us.saturating_sub(duration_us);
        runs.entry(event.pid).or_default().push((event.us, from, query));
        let row = rows.entry(query).or_default();
        let first = row.calls == 0;
        let times = i64::from(event.count);
        row.calls += u64::from(event.count);
        row.total_us = row.total_us.saturating_add(duration_us.saturating_mul(times));
        let overlap = incidents.iter().map(|(start, end)| (event.us.min(*end) - from.max(*start)).max(0));
        row.incident_us = row.incident_us.saturating_add(overlap.sum::<i64>().saturating_mul(times));
        if first || duration_us > row.max_us {
            row.max_us = duration_us;
            row.example = Some((event.input, event.line, event.us));
        }
    }
    for wait in &waits.waits {
        // A backend runs one statement at a time: the first to end after the wait began.
        let own = runs.get(&wait.pid).map(Vec::as_slice).unwrap_or_default();
        let next = own.get(own.partition_point(|(end, _, _)| *end < wait.from_us));
        let around = next.filter(|(_, from, _)| *from <= wait.to_us).map(|(_, _, query)| *query);
        let query = around.unwrap_or(wait.query);
        if query == 0 {
            continue;
        }
        let row = rows.entry(query).or_default();
        row.waits += 1;
        row.wait_us = row.wait_us.saturating_add((wait.to_us - wait.from_us).max(0));
        row.example = row.example.or(Some(wait.place));
    }
    let logs_waits = !waits.waits.is_empty()
        || events.snapshots.iter().any(|snapshot| snapshot.total.is_some())
        || events.settings.iter().any(|setting| setting.name == "log_lock_waits" && setting.value == "on");
    let mut rows: Vec<(u32, Statement)> = rows.into_iter().collect();
    rows.sort_by(|a, b| {
        let weight = |row: &Statement| row.total_us.max(row.wait_us);
        weight(&b.1).cmp(&weight(&a.1)).then_with(|| events.texts.get(a.0).cmp(events.texts.get(b.0)))
    });
    rows.truncate(MOST_ROWS);
    rows.into_iter()
        .map(|(query, row)| Query {
            fingerprint: events.texts.get(query).to_owned(),
            calls: row.calls,
            total_s: row.total_us as f64 / 1e6,
            max_s: row.max_us as f64 / 1e6,
            incident_total_s: row.incident_us as f64 / 1e6,
            waits: logs_waits.then_some(row.waits),
            lock_wait_s: logs_waits.then_some(row.wait_us as f64 / 1e6),
            example_ref: row.example.map(|(input, line, us)| places.reference(input, line, us)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::PostgresEvent;

    #[test]
    fn endpoints_inside_incidents_against_the_rest() {
        let mut events = Events::default();
        let (method, first, second) =
            (events.texts.add("POST"), events.texts.add("/web/sale/1"), events.texts.add("/web/sale/2"));
        let line = |end_us: i64, path: u32, request_time_us: i64, status: u16| Access {
            end_us,
            request_time_us: Some(request_time_us).into(),
            upstream_us: None.into(),
            connect_us: None.into(),
            never_connected: false,
            status,
            upstream_status: status,
            client: 0,
            upstream_port: 8069,
            lane: Lane::Http,
            path,
            method,
            fingerprint: 0,
            input: 0,
            count: 1,
            line: 1,
        };
        events.access =
            vec![line(5, first, 20_000, 200), line(15, second, 9_000_000, 504), line(30, first, 40_000, 200)];
        let rows = endpoints(&events, &[(12, 20), (10, 15)]).unwrap();
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!((row.route.as_str(), row.count, row.failed), ("/web/sale/*", 3, 1));
        assert_eq!((row.incident_count, row.incident_failed), (1, 1));
        assert_eq!((row.incident_p95_ms, row.baseline_p95_ms), (Some(9000.0), Some(40.0)));
    }

    #[test]
    fn a_wait_belongs_to_the_statement_of_its_backend() {
        let mut events = Events::default();
        let (update, select) = (events.texts.add("UPDATE a"), events.texts.add("SELECT b"));
        let event = |us: i64, pid: u32, query: u32, fact: PostgresFact| PostgresEvent {
            us,
            pid,
            application: 0,
            query,
            fact,
            fingerprint: 0,
            input: 0,
            count: 1,
            line: 1,
        };
        let s = 1_000_000;
        events.postgres = vec![
            event(11 * s, 7, 0, PostgresFact::StillWaiting { pid: 7, waited_us: s, holders: [1].into() }),
            event(
                12 * s,
                8,
                select,
                PostgresFact::StillWaiting { pid: 8, waited_us: s, holders: [1].into() },
            ),
            event(40 * s, 7, 0, PostgresFact::Acquired { pid: 7, waited_us: 30 * s }),
            event(41 * s, 7, 0, PostgresFact::Duration { duration_us: 31 * s, query: update }),
        ];
        let rows = queries(&events, &[(20 * s, 30 * s)], &Places { labels: &[] });
        let row = |name: &str| rows.iter().find(|row| row.fingerprint == name).unwrap();
        assert_eq!((row("UPDATE a").calls, row("UPDATE a").lock_wait_s), (1, Some(30.0)));
        assert_eq!(row("UPDATE a").incident_total_s, 10.0);
        // It never finished, so its duration was never logged.
        assert_eq!((row("SELECT b").calls, row("SELECT b").waits), (0, Some(1)));
    }
}
