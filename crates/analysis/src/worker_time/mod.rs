//! Where the workers' time went: blocked worker seconds, the common currency of suspects (methods 3.4).
//!
//! Every request that held a worker is cut to the incident, and its time is divided: by what the worker was doing, by
//! endpoint, by statement, by the session it waited for, and by what came of it. What nothing tells is the remainder, and is
//! printed. Integer microseconds are summed, so the parts of a division add up exactly.

pub mod sessions;
pub mod work;

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use self::sessions::{Holder, Stretch};
use crate::events::PostgresFact;
use crate::link::Chains;
use crate::link::backends::Backend;
use crate::link::requests::Matched;
use crate::link::transactions::End;
use crate::lives::Reason;
use crate::queue::{Scene, timing};
use crate::report::{Division, Reference, Saturation, WorkerTime, WorkerTimeRow};
use crate::route::route;
use crate::service::{Outcome, Service};
use crate::waits::{Doing, Waits, postgres_span};

/// A kill tells when its worker took the request to within a beat of the master, µs.
const BEAT_US: i64 = 4 * SECOND_US;
/// Kills and the connections lost with them lie this close together, µs; PostgreSQL may print whole seconds.
const NEAR_US: i64 = SECOND_US;
/// Rows listed in each division.
const MOST_ROWS: usize = 20;
/// Statements and waits are read this far around the incident, µs.
const AROUND_US: i64 = 60 * SECOND_US;
/// Processors this busy, percent: whoever is in Python is computing, or waiting to.
const BUSY_PERCENT: f64 = 90.0;
/// Processors at most this busy, and no busier than before by more than this many points: Python was waiting for something.
const IDLE_PERCENT: f64 = 50.0;
const RISE_PERCENT: f64 = 10.0;

/// Divides the workers' time. `chains` are the links of all kills.
#[must_use]
pub fn measure(scene: &Scene<'_>, saturation: &Saturation, chains: &Chains) -> Option<WorkerTime> {
    let (from, to) = (scene.incident.start_us, scene.incident.end_us);
    let held: Vec<&Service> = scene
        .services
        .iter()
        .filter(|service| service.accepted_us.is_some_and(|accepted| accepted < to) && service.end_us > from)
        .collect();
    if held.is_empty() {
        return None;
    }
    let events = scene.picture.events;
    let waits = Waits::of(events, from - AROUND_US, to + AROUND_US);
    let stretches = sessions::stretches(events, &waits, from - AROUND_US, to + AROUND_US);
    let runs = work::cron_runs(scene.picture, from, to);
    let holders = holders(scene, &held, &runs, chains);
    let assigned =
        sessions::assign(&stretches, &holders.iter().map(|(holder, _)| *holder).collect::<Vec<_>>());
    // The stretches of each request, cut to it and to the incident.
    let mut own: Vec<Vec<(Stretch, i64)>> = vec![Vec::new(); held.len()];
    for (stretch, at) in stretches.iter().zip(&assigned) {
        let Some((holder, Some(number))) = at.and_then(|at| holders.get(at)) else { continue };
        let us = stretch.to_us.min(holder.to_us).min(to) - stretch.from_us.max(holder.from_us).max(from);
        if let (Some(slot), true) = (own.get_mut(*number), us > 0) {
            slot.push((*stretch, us));
        }
    }
    let connections = Connections::of(scene, from, to);
    let pieces: Vec<Piece<'_>> = held
        .iter()
        .zip(&own)
        .map(|(service, own)| {
            let idle = idle_at_kill(chains, service) || connections.all_ended_at(service.end_us);
            piece(scene, service, own, idle)
        })
        .collect();
    let capacity_us = scene.picture.facts.workers.map(|workers| i64::from(workers).saturating_mul(to - from));
    let told_us: i64 = pieces.iter().map(|piece| piece.us).sum();
    let replayed_us =
        saturation.utilisation.zip(capacity_us).map(|(share, all)| (share * all as f64).round() as i64);
    let busy_us = told_us.max(replayed_us.unwrap_or(0));
    let total = Total { busy_us, capacity_us };
    let mut divisions = vec![
        activities(scene, &pieces).finish("activity", &total, true),
        endpoints(scene, &pieces, &chains.matched).finish("endpoint", &total, true),
        queries(scene, &own).finish("query", &total, false),
        root_blockers(scene, &own, &waits).finish("root_blocker", &total, false),
        outcomes(scene, &pieces).finish("outcome", &total, true),
    ];
    let mut cron = Rows::default();
    for run in &runs {
        let us = run.to_us.min(to) - run.from_us.max(from);
        let name = events.texts.get(run.job);
        cron.add(name, us, || scene.places.reference(run.place.0, run.place.1, run.from_us));
    }
    // Cron workers are not the workers that serve requests.
    divisions.push(cron.finish("cron_job", &Total { busy_us: 0, capacity_us: None }, false));
    divisions.retain(|division| !division.rows.is_empty());
    Some(WorkerTime {
        capacity_worker_s: capacity_us.map(seconds),
        busy_worker_s: seconds(busy_us),
        divisions,
    })
}

/// One request's part in the incident.
struct Piece<'s> {
    service: &'s Service,
    /// Time it held the worker, µs.
    us: i64,
    /// Of that: waiting for locks, running SQL, in Python, µs. The rest is not told.
    waited_us: i64,
    sql_us: i64,
    python_us: i64,
    /// Its time in Python was on the processor: it was ended by the CPU limit.
    computed: bool,
}

fn piece<'s>(
    scene: &Scene<'_>,
    service: &'s Service,
    own: &[(Stretch, i64)],
    idle_at_end: bool,
) -> Piece<'s> {
    let (from, to) = (scene.incident.start_us, scene.incident.end_us);
    let accepted = service.accepted_us.unwrap_or(service.end_us);
    let us = (service.end_us.min(to) - accepted.max(from)).max(0);
    let sum = |waiting: bool| -> i64 {
        own.iter().filter(|(stretch, _)| stretch.wait.is_some() == waiting).map(|(_, us)| *us).sum()
    };
    let waited_us = sum(true).min(us);
    let served = service.served.and_then(|served| scene.picture.events.served.get(served));
    let death = service.death.and_then(|death| scene.picture.deaths.get(death));
    let computed = death.is_some_and(|death| death.reason == Reason::CpuTime);
    let (sql_us, python_us) = match served {
        Some(served) => {
            // Cut by the incident, a request is taken to have spent its time evenly.
            let whole = (service.end_us - accepted).max(1) as f64;
            let share = us as f64 / whole;
            let sql = ((served.query_us.get().unwrap_or(0).max(0) as f64 * share) as i64 - waited_us)
                .clamp(0, us - waited_us);
            (sql, us - waited_us - sql)
        }
        None => {
            let sql = sum(false).min(us - waited_us);
            let rest = us - waited_us - sql;
            // Its connection ended with the kill, so it was in no statement then: the rest was Python's.
            (sql, if idle_at_end || computed { rest } else { 0 })
        }
    };
    Piece { service, us, waited_us, sql_us, python_us, computed }
}

fn backend(chains: &Chains, service: &Service) -> Option<Backend> {
    chains.backends.get(service.death?).copied().flatten()
}

/// The backend of a killed worker read the end of its connection at once, so it was between two statements.
fn idle_at_kill(chains: &Chains, service: &Service) -> bool {
    let end = backend(chains, service).and_then(|backend| backend.end_after_us);
    end.is_some_and(|(end, after_us)| end == End::Eof && after_us <= NEAR_US)
}

/// Ends of connections (`unexpected EOF`) and of workers, sorted, µs.
struct Connections {
    lost: Vec<i64>,
    deaths: Vec<i64>,
}

impl Connections {
    fn of(scene: &Scene<'_>, from: i64, to: i64) -> Self {
        let events = postgres_span(scene.picture.events, from - AROUND_US, to + AROUND_US);
        let lost = events.iter().filter(|event| event.fact == PostgresFact::UnexpectedEof);
        Connections {
            lost: lost.map(|event| event.us).collect(),
            deaths: scene.picture.deaths.iter().map(|death| death.us).collect(),
        }
    }

    /// As many connections were found lost at that moment as workers died: each of them was between two statements, whichever
    /// connection was whose.
    fn all_ended_at(&self, us: i64) -> bool {
        let near = |times: &[i64]| {
            let first = times.partition_point(|time| *time < us - NEAR_US);
            times.partition_point(|time| *time <= us + NEAR_US) - first
        };
        near(&self.deaths) > 0 && near(&self.lost) >= near(&self.deaths)
    }
}

/// Requests and cron jobs that sessions may have belonged to, with the number of the request; in order of start.
fn holders(
    scene: &Scene<'_>,
    held: &[&Service],
    runs: &[work::CronRun],
    chains: &Chains,
) -> Vec<(Holder, Option<usize>)> {
    let requests = held.iter().enumerate().map(|(number, service)| {
        let served = service.served.and_then(|served| scene.picture.events.served.get(served));
        let holder = Holder {
            worker: (service.stream, service.pid),
            from_us: service.accepted_us.unwrap_or(service.end_us),
            slack_us: if service.served.is_some() { 0 } else { BEAT_US },
            to_us: service.end_us,
            sql_us: served.and_then(|served| served.query_us.get()),
            killed: service.outcome == Outcome::Killed,
            backend: backend(chains, service).map(|backend| backend.pid),
        };
        (holder, Some(number))
    });
    let jobs = runs.iter().map(|run| {
        let holder = Holder {
            worker: run.worker,
            from_us: run.from_us,
            slack_us: 0,
            to_us: run.to_us,
            sql_us: None,
            killed: false,
            backend: None,
        };
        (holder, None)
    });
    let mut holders: Vec<(Holder, Option<usize>)> = requests.chain(jobs).collect();
    holders.sort_by_key(|(holder, number)| (holder.earliest_us(), holder.worker, holder.to_us, *number));
    holders
}

fn activities(scene: &Scene<'_>, pieces: &[Piece<'_>]) -> Rows {
    let processor = processor(scene);
    let mut rows = Rows::default();
    for piece in pieces {
        let python = match (piece.computed, processor) {
            (true, _) | (_, Some(true)) => "Python, on the processor",
            (_, Some(false)) => "Python, off the processor",
            (_, None) => "Python",
        };
        let parts = [
            ("waiting for locks", piece.waited_us),
            ("running SQL", piece.sql_us),
            (python, piece.python_us),
        ];
        for (name, us) in parts {
            rows.add(name, us, || reference(scene, piece.service));
        }
    }
    rows
}

/// Whether Python was computing (the processors were saturated) or waiting (they were idle), where samples tell.
fn processor(scene: &Scene<'_>) -> Option<bool> {
    let (inside, before) = timing::processor_medians(&scene.picture.events.host, scene.incident);
    let inside = inside?;
    let calm = before.is_none_or(|before| inside - before <= RISE_PERCENT);
    (inside >= BUSY_PERCENT).then_some(true).or((inside <= IDLE_PERCENT && calm).then_some(false))
}

fn endpoints(scene: &Scene<'_>, pieces: &[Piece<'_>], matched: &[Matched]) -> Rows {
    let events = scene.picture.events;
    let candidates: FxHashMap<usize, &[usize]> =
        matched.iter().map(|link| (link.death, link.candidates.as_slice())).collect();
    let line = |index: usize| events.access.get(index).map(|access| (access.method, access.path));
    let name = |(method, path): (u32, u32)| {
        format!("{} {}", events.texts.get(method), route(events.texts.get(path)))
    };
    // By the numbers of method and path, of which there are few.
    let mut names: FxHashMap<(u32, u32), String> = FxHashMap::default();
    let mut rows = Rows::default();
    for piece in pieces {
        let served = piece.service.served.and_then(|served| events.served.get(served));
        let target = match (served, piece.service.access, piece.service.death) {
            (Some(served), _, _) => Some((served.method, served.path)),
            (None, Some(access), _) => line(access),
            // Which request it was is not certain, but all it may have been are of one endpoint.
            (None, None, Some(death)) => {
                let mut targets =
                    candidates.get(&death).into_iter().flat_map(|all| all.iter()).map(|index| line(*index));
                let first = targets.next().flatten();
                first.filter(|first| targets.all(|other| other.map(name) == Some(name(*first))))
            }
            (None, None, None) => None,
        };
        if let Some(target) = target {
            let name = names.entry(target).or_insert_with(|| name(target));
            rows.add(name, piece.us, || reference(scene, piece.service));
        }
    }
    rows
}

fn queries(scene: &Scene<'_>, own: &[Vec<(Stretch, i64)>]) -> Rows {
    let mut rows = Rows::default();
    for (stretch, us) in own.iter().flatten().filter(|(stretch, _)| stretch.query != 0) {
        let name = scene.picture.events.texts.get(stretch.query);
        rows.add(name, *us, || at(scene, stretch));
    }
    rows
}

fn root_blockers(scene: &Scene<'_>, own: &[Vec<(Stretch, i64)>], waits: &Waits) -> Rows {
    let mut rows = Rows::default();
    for (stretch, us) in own.iter().flatten() {
        let Some(root) = stretch.wait else { continue };
        let name = root.map_or_else(
            || "blocker not known".to_owned(),
            |pid| {
                let seen = waits.root(pid);
                let application = seen.map_or("", |root| scene.picture.events.texts.get(root.application));
                let doing = match seen.and_then(|root| root.doing) {
                    Some(Doing::Idle) => "idle in transaction",
                    Some(Doing::Running) => "running a statement",
                    None => "",
                };
                let parts = [format!("backend {pid}"), application.to_owned(), doing.to_owned()];
                parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
            },
        );
        rows.add(&name, *us, || at(scene, stretch));
    }
    rows
}

fn outcomes(scene: &Scene<'_>, pieces: &[Piece<'_>]) -> Rows {
    let mut rows = Rows::default();
    for piece in pieces {
        let name = match piece.service.outcome {
            Outcome::Answered => "answered",
            Outcome::Unseen => "answered; nginx's line is not in the logs",
            Outcome::Ghost => "for nobody: the client had been given up on",
            Outcome::Killed => "cut short by a kill",
        };
        rows.add(name, piece.us, || reference(scene, piece.service));
    }
    rows
}

fn at(scene: &Scene<'_>, stretch: &Stretch) -> Reference {
    let (input, line, us) = stretch.place;
    scene.places.reference(input, line, us)
}

/// Where a request can be looked up: the worker's line, else the kill.
fn reference(scene: &Scene<'_>, service: &Service) -> Reference {
    let picture = scene.picture;
    let served = service.served.and_then(|served| picture.events.served.get(served));
    let access = service.access.and_then(|access| picture.events.access.get(access));
    let death = service.death.and_then(|death| picture.deaths.get(death));
    let place = served
        .map(|served| (served.input, served.line, served.end_us))
        .or(access.map(|access| (access.input, access.line, access.end_us)))
        .or(death.map(|death| (death.input, death.line, death.us)));
    let (input, line, us) = place.unwrap_or((u32::MAX, 0, service.end_us));
    scene.places.reference(input, line, us)
}

struct Total {
    busy_us: i64,
    capacity_us: Option<i64>,
}

/// One row being summed.
#[derive(Default)]
struct Sum {
    us: i64,
    count: u64,
    longest_us: i64,
    longest: Option<Reference>,
}

#[derive(Default)]
struct Rows {
    by_name: FxHashMap<String, Sum>,
}

impl Rows {
    fn add(&mut self, name: &str, us: i64, place: impl FnOnce() -> Reference) {
        if us <= 0 {
            return;
        }
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), Sum::default());
        }
        let Some(row) = self.by_name.get_mut(name) else { return };
        row.us += us;
        row.count += 1;
        if us > row.longest_us {
            row.longest_us = us;
            row.longest = Some(place());
        }
    }

    fn finish(self, by: &'static str, total: &Total, parts_of_busy: bool) -> Division {
        let all_us: i64 = self.by_name.values().map(|sum| sum.us).sum();
        let mut rows: Vec<(String, Sum)> = self.by_name.into_iter().collect();
        rows.sort_by(|a, b| b.1.us.cmp(&a.1.us).then_with(|| a.0.cmp(&b.0)));
        rows.truncate(MOST_ROWS);
        let listed_us: i64 = rows.iter().map(|(_, sum)| sum.us).sum();
        let share = |us: i64| {
            let capacity_us = total.capacity_us.filter(|capacity_us| *capacity_us > 0)?;
            Some(us as f64 / capacity_us as f64)
        };
        Division {
            by,
            rows: rows
                .into_iter()
                .map(|(name, sum)| WorkerTimeRow {
                    name,
                    worker_s: seconds(sum.us),
                    share_of_capacity: share(sum.us),
                    count: sum.count,
                    reference: sum.longest,
                })
                .collect(),
            others_worker_s: seconds(all_us - listed_us),
            unattributed_worker_s: parts_of_busy.then(|| seconds((total.busy_us - all_us).max(0))),
        }
    }
}

fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Found, Picture};
    use crate::events::{Access, Events, Lane, PostgresEvent, Served};
    use crate::facts::Facts;
    use crate::lives::Death;
    use crate::place::Places;
    use crate::report::Kind;
    use crate::service::Services;

    const S: i64 = SECOND_US;

    /// Two workers over 0 to 100 s. One waits for backend 99 from 10 s until it is killed at 90 s, and its backend waits
    /// on as an orphan; the other answers a request of 20 s, of which 15 s were SQL.
    fn storm() -> (Events, Vec<Death>) {
        let mut events = Events::default();
        let (post, get) = (events.texts.add("POST"), events.texts.add("GET"));
        let (write, list) = (events.texts.add("/web/sale/7/write"), events.texts.add("/web/list"));
        let update = events.texts.add("UPDATE sale_order SET x = ?");
        let class = events.texts.add("WorkerHTTP");
        let line = |end_s: i64, time_s: i64, status: u16, method: u32, path: u32, number: u64| Access {
            end_us: end_s * S,
            request_time_us: Some(time_s * S).into(),
            upstream_us: None.into(),
            connect_us: Some(0).into(),
            never_connected: false,
            status,
            upstream_status: status,
            client: 0,
            upstream_port: 8069,
            lane: Lane::Http,
            path,
            method,
            fingerprint: number,
            input: 1,
            count: 1,
            line: number,
        };
        events.access = vec![line(50, 20, 200, get, list, 1), line(90, 80, 502, post, write, 2)];
        let served = |end_s: i64, sql_s: i64, rest_s: i64| Served {
            end_us: end_s * S,
            pid: 11,
            status: 200,
            path: list,
            method: get,
            query_us: Some(sql_s * S).into(),
            remaining_us: Some(rest_s * S).into(),
            client: 0,
            evented: false,
            fingerprint: 0,
            input: 0,
            count: 1,
            line: 5,
        };
        events.served = vec![served(50, 15, 5)];
        let waiting = PostgresFact::StillWaiting { pid: 70, waited_us: S, holders: [99].into() };
        let acquired = PostgresFact::Acquired { pid: 70, waited_us: 140 * S };
        let said = |us: i64, fact: PostgresFact| PostgresEvent {
            us: us * S,
            pid: 70,
            application: 0,
            query: update,
            fact,
            fingerprint: 0,
            input: 2,
            count: 1,
            line: 3,
        };
        events.postgres = vec![said(12, waiting), said(151, acquired)];
        let death = Death {
            us: 90 * S,
            pid: 10,
            stream: 0,
            class,
            reason: Reason::RealTime,
            limit_s: Some(80),
            lines: 1,
            input: 0,
            line: 8,
        };
        (events, vec![death])
    }

    fn divided(events: &Events, deaths: &[Death], to_s: i64) -> WorkerTime {
        let facts = Facts { workers: Some(2), ..Facts::default() };
        let ordering = crate::align::Ordering::default();
        let picture = Picture {
            events,
            deaths,
            facts: &facts,
            ordering: &ordering,
            window: (0, 200 * S),
            spans: &[],
            streams: &[0, 1, 2],
        };
        let incident = Found {
            kind: Kind::WorkerTimeoutStorm,
            start_us: 0,
            end_us: to_s * S,
            reasons: Vec::new(),
            episodes: Vec::new(),
            failures: 0,
            isolated: false,
        };
        let mut services = Services::new(events, deaths, picture.streams);
        let chains = Chains::new(&picture, &mut services);
        let own = work::services(&services, &picture, 0, to_s * S);
        let labels = ["odoo.log".to_owned(), "access.log".to_owned(), "postgres.log".to_owned()];
        let places = Places { labels: &labels };
        let scene = Scene { incident: &incident, picture: &picture, services: &own, places: &places };
        let saturation = crate::queue::measure(&scene);
        measure(&scene, &saturation, &chains).unwrap()
    }

    fn row<'t>(time: &'t WorkerTime, by: &str, name: &str) -> &'t WorkerTimeRow {
        let division = time.divisions.iter().find(|division| division.by == by).unwrap();
        division.rows.iter().find(|row| row.name.starts_with(name)).unwrap()
    }

    #[test]
    fn an_orphans_wait_is_worker_time_only_until_the_kill() {
        let (events, deaths) = storm();
        let time = divided(&events, &deaths, 100);
        assert_eq!((time.capacity_worker_s, time.busy_worker_s), (Some(200.0), 100.0));
        assert_eq!(row(&time, "activity", "waiting for locks").worker_s, 79.0);
        assert_eq!(row(&time, "activity", "running SQL").worker_s, 15.0);
        assert_eq!(row(&time, "activity", "Python").worker_s, 5.0);
        assert_eq!(row(&time, "root_blocker", "backend 99").worker_s, 79.0);
        assert_eq!(row(&time, "query", "UPDATE sale_order").worker_s, 79.0);
        assert_eq!(row(&time, "outcome", "cut short by a kill").worker_s, 80.0);
        let endpoint = row(&time, "endpoint", "POST /web/sale/*/write");
        assert_eq!((endpoint.worker_s, endpoint.share_of_capacity, endpoint.count), (80.0, Some(0.4), 1));
        assert_eq!(endpoint.reference.as_ref().unwrap().path, "access.log");
    }

    #[test]
    fn the_parts_of_a_division_add_up_to_what_was_busy() {
        let (events, deaths) = storm();
        for to_s in [20, 40, 60, 100] {
            let time = divided(&events, &deaths, to_s);
            for division in time.divisions.iter().filter(|division| division.unattributed_worker_s.is_some())
            {
                let rows: f64 = division.rows.iter().map(|row| row.worker_s).sum();
                let all = rows + division.others_worker_s + division.unattributed_worker_s.unwrap();
                assert!((all - time.busy_worker_s).abs() < 1e-6, "{} until {to_s}: {all}", division.by);
            }
        }
    }
}
