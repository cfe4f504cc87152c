//! Event tables: requests by endpoint, statements by fingerprint. The one place that knows polars.

use polars::prelude::{Column, DataFrame, PolarsResult};

use crate::events::{Events, PostgresFact};
use crate::place::Places;
use crate::report::{Endpoint, Query};
use crate::statistics::quantile;

/// Rows kept in each table.
const MOST_ROWS: usize = 100;

/// Every request as a data frame: `end_us`, `lane`, `method`, `route`, `status`, `request_time_us`.
///
/// # Errors
/// What polars says.
pub fn requests(events: &Events) -> PolarsResult<DataFrame> {
    let access = &events.access;
    DataFrame::new_infer_height(vec![
        Column::new("end_us".into(), access.iter().map(|access| access.end_us).collect::<Vec<_>>()),
        Column::new("lane".into(), access.iter().map(|access| access.lane.name()).collect::<Vec<_>>()),
        Column::new(
            "method".into(),
            access.iter().map(|access| events.texts.get(access.method)).collect::<Vec<_>>(),
        ),
        Column::new(
            "route".into(),
            access.iter().map(|access| route(events.texts.get(access.path))).collect::<Vec<_>>(),
        ),
        Column::new(
            "status".into(),
            access.iter().map(|access| u32::from(access.status)).collect::<Vec<_>>(),
        ),
        Column::new(
            "request_time_us".into(),
            access.iter().map(|access| access.request_time_us).collect::<Vec<_>>(),
        ),
    ])
}

/// Endpoints by share of busy time.
///
/// # Errors
/// What polars says.
pub fn endpoints(events: &Events) -> PolarsResult<Vec<Endpoint>> {
    let frame = requests(events)?;
    let (lanes, methods, routes) =
        (frame.column("lane")?.str()?, frame.column("method")?.str()?, frame.column("route")?.str()?);
    let (statuses, times) = (frame.column("status")?.u32()?, frame.column("request_time_us")?.i64()?);
    let groups = frame.group_by_stable(["lane", "method", "route"])?;
    // A websocket lasts as long as its browser tab: only the http lane keeps workers busy.
    let http = lanes.iter().zip(times.iter()).filter(|(lane, _)| *lane == Some("http"));
    let busy: i64 = http.filter_map(|(_, time)| time).sum();
    let mut endpoints = Vec::new();
    for group in groups.groups()?.column("groups")?.list()?.amortized_iter().flatten() {
        let rows: Vec<usize> = group.as_ref().u32()?.iter().flatten().map(|row| row as usize).collect();
        let Some(first) = rows.first().copied() else { continue };
        let mut sorted: Vec<i64> = rows.iter().filter_map(|row| times.get(*row)).collect();
        sorted.sort_unstable();
        let ms = |q: f64| quantile(&sorted, q).map(|us| us as f64 / 1e3);
        let own: i64 = sorted.iter().sum();
        let http = lanes.get(first) == Some("http");
        endpoints.push(Endpoint {
            method: methods.get(first).unwrap_or_default().to_owned(),
            route: routes.get(first).unwrap_or_default().to_owned(),
            lane: match lanes.get(first) {
                Some("bus") => "bus",
                Some("static") => "static",
                _ => "http",
            },
            count: rows.len() as u64,
            p50_ms: ms(0.5),
            p95_ms: ms(0.95),
            p99_ms: ms(0.99),
            max_ms: ms(1.0),
            failed: rows.iter().filter(|row| statuses.get(**row).is_some_and(|status| status >= 500)).count()
                as u64,
            share_of_busy_time: (http && busy > 0).then(|| own as f64 / busy as f64),
        });
    }
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

/// Logged statements by total time.
#[must_use]
pub fn queries(events: &Events, places: &Places<'_>) -> Vec<Query> {
    let mut waited: std::collections::BTreeMap<(u32, i64), i64> = std::collections::BTreeMap::new();
    for event in &events.postgres {
        if let PostgresFact::Acquired { pid, waited_us } = event.fact {
            waited.insert((pid, event.us), waited_us);
        }
    }
    let mut rows: std::collections::BTreeMap<u32, Query> = std::collections::BTreeMap::new();
    for event in &events.postgres {
        let PostgresFact::Duration { duration_us, query } = event.fact else { continue };
        let seconds = duration_us as f64 / 1e6;
        let wait: i64 = waited
            .range((event.pid, event.us - duration_us)..=(event.pid, event.us + 1000))
            .map(|(_, us)| *us)
            .sum();
        let row = rows.entry(query).or_insert_with(|| Query {
            fingerprint: events.texts.get(query).to_owned(),
            calls: 0,
            total_s: 0.0,
            max_s: 0.0,
            lock_wait_s: Some(0.0),
            example_ref: Some(places.reference(event.input, event.line, event.us)),
        });
        row.calls += 1;
        row.total_s += seconds;
        row.max_s = row.max_s.max(seconds);
        row.lock_wait_s = row.lock_wait_s.map(|total| total + wait as f64 / 1e6);
    }
    let mut queries: Vec<Query> = rows.into_values().collect();
    queries.sort_by(|a, b| b.total_s.total_cmp(&a.total_s).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
    queries.truncate(MOST_ROWS);
    queries
}

/// A path with its numbers replaced, so that `/web/image/res.users/7/avatar_128` and its siblings are one route.
#[must_use]
pub fn route(path: &str) -> String {
    let segment = |segment: &str| {
        let hexadecimal = segment.len() >= 7
            && segment.contains(|c: char| c.is_ascii_digit())
            && segment.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if !segment.is_empty() && (segment.bytes().all(|byte| byte.is_ascii_digit()) || hexadecimal) {
            "*".to_owned()
        } else {
            segment.to_owned()
        }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_in_paths_are_one_route() {
        assert_eq!(super::route("/web/image/res.users/7/avatar_128"), "/web/image/res.users/*/avatar_128");
        assert_eq!(super::route("/web/assets/399-0bc5ebb/x.js"), "/web/assets/*/x.js");
    }
}
