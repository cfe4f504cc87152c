//! Questions that several causes ask, and helpers to answer.

use super::measures::{Count, Measures};
use super::{Answer, Family, Item};
use crate::report::Reference;

/// What to capture, in one place so that the same gap is named in the same words.
pub const NEED_SNAPSHOTS: &str = "snapshots of pg_stat_activity (with pg_blocking_pids) during the incident";
/// The PostgreSQL log.
pub const NEED_POSTGRES: &str =
    "the PostgreSQL log, with log_lock_waits = on and log_min_duration_statement set";
/// Host metrics.
pub const NEED_HOST: &str = "host metrics (vmstat -t 5, or sar) during the incident";
/// Odoo at INFO.
pub const NEED_ODOO_INFO: &str = "the Odoo log at level info (request and job lines) of the incident";
/// The access log.
pub const NEED_ACCESS: &str = "the access log of the incident, and of ten minutes before it";

/// Present when there are enough; absent else.
pub fn counted(count: &Count, at_least: u64, what: &str) -> Answer {
    let statement = format!("{} {what}", count.count);
    if count.count >= at_least {
        Answer::Present(statement, count.first.clone())
    } else {
        Answer::Absent(statement, count.first.clone())
    }
}

/// Present or absent.
pub fn holds(holds: bool, statement: String, reference: Option<Reference>) -> Answer {
    if holds { Answer::Present(statement, reference) } else { Answer::Absent(statement, reference) }
}

/// Present or contradicted.
pub fn either(holds: bool, statement: String, reference: Option<Reference>) -> Answer {
    if holds { Answer::Present(statement, reference) } else { Answer::Contradicted(statement, reference) }
}

/// Session seconds spent waiting for locks, over those in locks and in long statements; `None` if there were neither.
pub fn lock_share(m: &Measures) -> Option<f64> {
    let all = m.locks.waited_s + m.statements.own_s;
    (all > 0.0).then(|| m.locks.waited_s / all)
}

/// Nothing in PostgreSQL explains the wait: no locks, no long statements, though something would show them.
pub fn database_idle(m: &Measures) -> Option<bool> {
    let sources = &m.sources;
    let seen = sources.listings >= 2 || (sources.postgres_log && sources.durations_logged);
    seen.then(|| m.locks.waited_s + m.statements.own_s < considerable_s(m))
}

/// Stuck time that matters: a fifth of the workers' time (methods 3.4), or that of two workers where there are many.
pub fn considerable_s(m: &Measures) -> f64 {
    let workers = f64::from(m.workers.unwrap_or(2).max(1));
    (0.2 * workers).min(2.0) * m.length_s.max(1.0)
}

/// Workers were stuck, until they were killed or seconds long in one request, for a considerable part of their time. What
/// kept them can be asked only then: a few long reports keep no site from answering.
pub fn workers_stuck(m: &Measures) -> bool {
    m.ends.http_stuck_s + m.routes.stuck_s >= considerable_s(m)
}

/// What to say where no worker was stuck.
pub const NOT_STUCK: &str = "what kept the workers: none was seen stuck";

/// The processors did not get busier.
pub fn processors_calm(m: &Measures) -> Option<bool> {
    let busy = m.host.busy?;
    Some(busy < 70.0 && m.host.busier().is_some_and(|more| more < 15.0))
}

/// The processors are busy, or much busier than before.
pub fn processors_busy(m: &Measures) -> Option<bool> {
    let busy = m.host.busy?;
    Some(busy >= 85.0 || m.host.busier().is_some_and(|more| more >= 25.0))
}

/// Storage is what the machine waits for.
pub fn storage_waits(m: &Measures) -> Option<bool> {
    let wait = m.host.io_wait?;
    Some(wait >= 25.0 && wait >= m.host.io_wait_before.unwrap_or(0.0) + 15.0)
}

/// One route keeps the workers, far beyond its usual share.
pub const ONE_ROUTE: Item = Item {
    asks: "one route keeps most of the stuck workers, far beyond its usual share of requests",
    family: Family::Routes,
    present_db: 4.0,
    absent_db: -4.0,
    contradicted_db: -4.0,
    look: |m| {
        let routes = &m.routes;
        let Some(top) = routes.top.as_ref().filter(|_| routes.stuck >= 4) else {
            return Answer::Unknown("which requests the killed workers were serving");
        };
        let statement = format!(
            "{:.0} % of {} stuck requests are {top}, {:.0} % of all requests are",
            100.0 * routes.top_share,
            routes.stuck,
            100.0 * routes.usual_share
        );
        holds(
            routes.top_share >= 0.6 && routes.top_share >= 2.0 * routes.usual_share,
            statement,
            routes.reference.clone(),
        )
    },
};

/// Arrivals stayed what they were: nothing to do with load.
pub fn arrivals(m: &Measures) -> Result<f64, Answer> {
    m.requests.arrival_factor.ok_or(Answer::Unknown(NEED_ACCESS))
}

/// Nothing in PostgreSQL kept the workers. Each cause gives it its own weights.
pub const DATABASE_IDLE: Item = Item {
    asks: "nothing in PostgreSQL explains the time",
    family: Family::Statements,
    present_db: 0.0,
    absent_db: 0.0,
    contradicted_db: 0.0,
    look: |m| match database_idle(m) {
        Some(idle) => either(idle, database_time(m), database_place(m)),
        None => Answer::Unknown(NEED_SNAPSHOTS),
    },
};

/// The same, asked only where workers were stuck.
pub const DATABASE_IDLE_WHILE_STUCK: Item = Item {
    look: |m| if workers_stuck(m) { (DATABASE_IDLE.look)(m) } else { Answer::Unknown(NOT_STUCK) },
    ..DATABASE_IDLE
};

/// What sessions spent their time on.
pub fn database_time(m: &Measures) -> String {
    format!(
        "sessions spent {:.0} s in long statements and {:.0} s waiting for locks",
        m.statements.own_s, m.locks.waited_s
    )
}

/// Where that is seen.
pub fn database_place(m: &Measures) -> Option<Reference> {
    m.statements.reference.clone().or_else(|| m.locks.first.clone())
}

/// Workers answered, with an error.
pub const MOSTLY_500: Item = Item {
    asks: "most failures of the HTTP lane are 500",
    family: Family::Requests,
    present_db: 0.0,
    absent_db: 0.0,
    contradicted_db: 0.0,
    look: |m| {
        if !m.sources.access {
            return Answer::Unknown(NEED_ACCESS);
        }
        let requests = &m.requests;
        holds(
            2 * requests.http_500.count > requests.failed.max(1),
            format!("{} of {} failures are 500", requests.http_500.count, requests.failed),
            requests.http_500.first.clone(),
        )
    },
};
