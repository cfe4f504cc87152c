//! Whether recovery held: every criterion is pass, fail or unknown; missing data never reads as good (methods 6).

use crate::detect::{Found, Picture};
use crate::events::{Lane, Snapshot, State};
use crate::report::{Criterion, Kind, Recovery, Time};
use crate::statistics::wilson95;

/// How long it must hold, µs.
pub const HOLD_US: i64 = 900_000_000;

/// Failures this close to the end of the logs went on when the capture was taken, µs.
const STILL_FAILING_US: i64 = 30_000_000;
/// What was stuck when the failures ended may take this long to drain, µs; orphaned statements run on after their worker
/// was killed. Longer is a failure to recover.
const LONGEST_DRAIN_US: i64 = 600_000_000;
/// Statements and idle transactions older than this are not healthy, µs.
const LONG_US: i64 = 30_000_000;

/// Statements that ran over 30 s, by the printed count or the listed sessions.
fn long_statements(snapshot: &Snapshot) -> Option<u32> {
    let listed = snapshot.sessions.iter().filter(|session| {
        session.state == State::Active && session.query_age_us.is_some_and(|age| age > LONG_US)
    });
    snapshot.counts.and_then(|counts| counts.active_over_30s).max(u32::try_from(listed.count()).ok())
}

/// The longest a session had been idle in a transaction, µs.
fn longest_idle_us(snapshot: &Snapshot) -> Option<i64> {
    let idle = snapshot.sessions.iter().filter(|session| session.state == State::IdleInTransaction);
    idle.filter_map(|session| session.state_age_us.or(session.xact_age_us)).max()
}

/// When what was stuck at the end of the failures was gone: the clock of recovery starts then, µs.
fn drained(end_us: i64, picture: &Picture<'_>) -> i64 {
    let bad = |snapshot: &&Snapshot| {
        long_statements(snapshot).is_some_and(|count| count > 0)
            || longest_idle_us(snapshot).is_some_and(|age| age > LONG_US)
    };
    let inside = |snapshot: &&Snapshot| (end_us..=end_us + LONGEST_DRAIN_US).contains(&snapshot.us);
    picture
        .events
        .snapshots
        .iter()
        .filter(inside)
        .filter(bad)
        .map(|snapshot| snapshot.us)
        .max()
        .unwrap_or(end_us)
}

/// Judges one incident. `next_start` is when the following incident began.
#[must_use]
pub fn judge(incident: &Found, picture: &Picture<'_>, next_start: Option<i64>) -> Recovery {
    let events = picture.events;
    let from = drained(incident.end_us, picture) + 1_000_000;
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
    let long = snapshots.iter().filter_map(|snapshot| long_statements(snapshot)).max();
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
    let stuck = snapshots.iter().filter_map(|snapshot| longest_idle_us(snapshot)).max();
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
    let came_back = incident.episodes.len() > 1;
    let over = picture.window.1 - incident.end_us >= STILL_FAILING_US;
    let failing = decisive.contains(&"fail") || !over;
    let verdict = if next_start.is_some_and(|next| next < to) || came_back {
        "relapsed"
    } else if failing {
        "not_recovered"
    } else if !decisive.is_empty()
        && decisive.iter().all(|status| *status == "pass")
        && criteria.iter().all(|criterion| criterion.status != "fail")
    {
        "recovered"
    } else {
        "unknown"
    };
    Recovery {
        verdict,
        recovered_at: (verdict == "recovered").then_some(Time(from - 1_000_000)),
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
