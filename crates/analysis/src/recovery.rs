//! Whether recovery held: every criterion is pass, fail or unknown; missing data never reads as good (methods 6).

use crate::detect::{Found, Picture};
use crate::events::{Lane, State};
use crate::report::{Criterion, Kind, Recovery, Time};
use crate::statistics::wilson95;

/// How long it must hold, µs.
pub const HOLD_US: i64 = 900_000_000;

/// Judges one incident. `next_start` is when the following incident began.
#[must_use]
pub fn judge(incident: &Found, picture: &Picture<'_>, next_start: Option<i64>) -> Recovery {
    let events = picture.events;
    let from = incident.end_us + 1_000_000;
    let to = from + HOLD_US;
    let inside = |us: i64| (from..=to).contains(&us);
    let log_end = |times: Option<i64>| times.unwrap_or(i64::MIN);
    let access_end = log_end(events.access.last().map(|access| access.end_us));
    let odoo_end = log_end(
        events.served.last().map(|request| request.end_us).max(events.odoo.last().map(|event| event.us)),
    );
    let mut criteria = Vec::new();

    let kills = picture.deaths.iter().filter(|death| death.reason.is_kill() && inside(death.us)).count();
    let kill_status = if kills > 2 {
        "fail"
    } else if odoo_end >= to {
        "pass"
    } else {
        "unknown"
    };
    criteria.push(criterion(
        "worker_kills",
        kill_status,
        kills as f64,
        2.0,
        format!("{kills} kills in the 15 min after"),
        from,
    ));

    let http = || events.access.iter().filter(|access| access.lane == Lane::Http && inside(access.end_us));
    let (all, bad) =
        (http().count() as u64, http().filter(|access| matches!(access.status, 502 | 504)).count() as u64);
    let upper = wilson95(bad, all).map_or(1.0, |interval| interval[1]);
    let gateway_status = if bad > 3 && upper > 0.02 {
        "fail"
    } else if access_end >= to && upper <= 0.05 {
        "pass"
    } else {
        "unknown"
    };
    let detail =
        format!("{bad} of {all} requests answered 502 or 504 after, upper bound {:.1} %", 100.0 * upper);
    criteria.push(criterion("http_502_504", gateway_status, bad as f64, 0.0, detail, from));

    let bus = || events.access.iter().filter(|access| access.lane == Lane::Bus && inside(access.end_us));
    let (bus_all, bus_bad) = (bus().count(), bus().filter(|access| access.failed()).count());
    let bus_status = if bus_bad * 20 > bus_all.max(20) {
        "fail"
    } else if access_end >= to && bus_all > 0 {
        "pass"
    } else {
        "unknown"
    };
    criteria.push(criterion(
        "bus_lane",
        bus_status,
        bus_bad as f64,
        0.0,
        format!("{bus_bad} of {bus_all} bus requests failed after"),
        from,
    ));

    let snapshots: Vec<_> = events.snapshots.iter().filter(|snapshot| inside(snapshot.us)).collect();
    let covered = events.snapshots.last().is_some_and(|snapshot| snapshot.us >= to);
    // The drain: what was stuck at the end may still be there for a minute.
    let settled = || snapshots.iter().filter(|snapshot| snapshot.us > from + 60_000_000);
    let long = settled()
        .filter_map(|snapshot| {
            let listed = snapshot.sessions.iter().filter(|session| {
                session.state == State::Active && session.query_age_us.is_some_and(|age| age > 30_000_000)
            });
            snapshot.counts.and_then(|counts| counts.active_over_30s).max(u32::try_from(listed.count()).ok())
        })
        .max();
    criteria.push(criterion(
        "active_over_30s",
        match long {
            Some(long) if long > 0 => "fail",
            Some(_) if covered => "pass",
            _ => "unknown",
        },
        f64::from(long.unwrap_or(0)),
        0.0,
        format!("at most {} statements over 30 s in {} snapshots after", long.unwrap_or(0), snapshots.len()),
        from,
    ));
    let stuck = settled()
        .flat_map(|snapshot| &snapshot.sessions)
        .filter(|session| session.state == State::IdleInTransaction)
        .filter_map(|session| session.state_age_us.or(session.xact_age_us))
        .max();
    if let Some(age) = stuck {
        let status = if age > 30_000_000 {
            "fail"
        } else if covered {
            "pass"
        } else {
            "unknown"
        };
        let detail = format!("longest idle in transaction {:.0} s", age as f64 / 1e6);
        criteria.push(criterion("idle_in_transaction", status, age as f64 / 1e6, 30.0, detail, from));
    }

    let decisive: Vec<&str> = criteria
        .iter()
        .filter(|criterion| match incident.kind {
            Kind::BusOutage => criterion.id == "bus_lane",
            _ => matches!(criterion.id, "worker_kills" | "http_502_504"),
        })
        .map(|criterion| criterion.status)
        .collect();
    let held_us = picture.window.1.min(to) - from;
    let verdict = if next_start.is_some_and(|next| next < to)
        || incident.episodes.len() > 1 && decisive.contains(&"fail")
    {
        "relapsed"
    } else if decisive.contains(&"fail") {
        "not_recovered"
    } else if !decisive.is_empty()
        && decisive.iter().all(|status| *status == "pass")
        && criteria.iter().all(|criterion| criterion.status != "fail")
    {
        if incident.episodes.len() > 1 { "relapsed" } else { "recovered" }
    } else {
        "unknown"
    };
    Recovery {
        verdict,
        recovered_at: (verdict == "recovered").then_some(Time(incident.end_us)),
        held_s: (held_us > 0).then_some(held_us as f64 / 1e6),
        required_s: HOLD_US as f64 / 1e6,
        criteria,
    }
}

fn criterion(
    id: &'static str,
    status: &'static str,
    value: f64,
    limit: f64,
    detail: String,
    since: i64,
) -> Criterion {
    let known = status != "unknown";
    Criterion {
        id,
        status,
        since: (status == "pass").then_some(Time(since)),
        value: known.then_some(value),
        limit: Some(limit),
        detail,
    }
}
