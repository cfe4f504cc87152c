//! What is kept of the records: compact owned events, each with its line, and the tables that their texts live in.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use stormtrace_logs::record::{ActivityCounts, Exception, HostSample, NginxLifecycle, UpstreamFailure};

use crate::contents::Contents;
use crate::texts::{Renumbering, Texts};
use crate::took::Took;

/// Who serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lane {
    /// The prefork workers.
    Http,
    /// Long-polling and websocket.
    Bus,
    /// nginx itself.
    Static,
}

impl Lane {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Lane::Http => "http",
            Lane::Bus => "bus",
            Lane::Static => "static",
        }
    }
}

/// One request at nginx.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Access {
    /// End, µs.
    pub end_us: i64,
    /// `$request_time`, µs.
    pub request_time_us: Took,
    /// `$upstream_response_time`, µs.
    pub upstream_us: Took,
    /// `$upstream_connect_time`, µs.
    pub connect_us: Took,
    /// Never reached an upstream though one was tried.
    pub never_connected: bool,
    /// `$status`.
    pub status: u16,
    /// Last `$upstream_status`, 0 if none.
    pub upstream_status: u16,
    /// Port of the upstream, 0 if unknown.
    pub upstream_port: u16,
    /// Lane.
    pub lane: Lane,
    /// Path without query.
    pub path: u32,
    /// Method.
    pub method: u32,
    /// Hash of the client's address, 0 if not logged.
    pub client: u32,
    /// Content, the same in every copy.
    pub fingerprint: u64,
    /// Input number.
    pub input: u32,
    /// Records it stands for, itself included: 1 unless its input was thinned out ([`crate::thin`]).
    pub count: u32,
    /// Line.
    pub line: u64,
}

impl Access {
    /// When the request arrived, or ended if nothing tells.
    #[must_use]
    pub fn arrival_us(&self) -> i64 {
        self.end_us - self.request_time_us.get().or(self.upstream_us.get()).unwrap_or(0).max(0)
    }

    /// Server-side failure.
    #[must_use]
    pub fn failed(&self) -> bool {
        (500..600).contains(&self.status)
    }
}

/// One request at an Odoo worker.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Served {
    /// End (headers written), µs.
    pub end_us: i64,
    /// Worker.
    pub pid: u32,
    /// Status.
    pub status: u16,
    /// Path without query.
    pub path: u32,
    /// Method.
    pub method: u32,
    /// Hash of the client's address: nginx's own unless Odoo runs with `proxy_mode`.
    pub client: u32,
    /// SQL time, µs.
    pub query_us: Took,
    /// The rest, µs.
    pub remaining_us: Took,
    /// Served by the evented process.
    pub evented: bool,
    /// Content.
    pub fingerprint: u64,
    /// Input number.
    pub input: u32,
    /// Records it stands for, itself included: 1 unless its input was thinned out ([`crate::thin`]).
    pub count: u32,
    /// Line.
    pub line: u64,
}

/// What Odoo says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum OdooFact {
    Timeout { class: u32, pid: u32, limit_s: u32 },
    ThreadTimeout { thread: u32, limit_s: u32 },
    CpuLimit { pid: u32, limit_s: u32 },
    MemorySoft { pid: u32 },
    EventedMemory,
    ServerMemory,
    MaxRequests { pid: u32 },
    MaxAge { pid: u32 },
    Alive { class: u32, pid: u32 },
    Exiting { pid: u32, request_count: u32 },
    WorkerException { pid: u32 },
    CriticalWorkerError { pid: u32 },
    ParentChanged,
    Banner { version: u32 },
    HttpServiceRunning,
    EventedServiceRunning,
    EventedServiceError,
    Stopping,
    StoppingForcefully,
    Reloading,
    RegistryLoaded,
    CronStart { job: u32 },
    CronEnd { job: u32, duration_us: Option<i64> },
    BusListen,
    BusError,
    BusMisrouted,
    WebsocketError,
    RegistryFailed,
    QueueJobReset,
    NonDatabaseRouting,
    Retry,
    Raised(Exception),
}

/// One record of Odoo's log that matters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct OdooEvent {
    /// When, µs.
    pub us: i64,
    /// Process that wrote it.
    pub pid: u32,
    /// What.
    pub fact: OdooFact,
    /// Content.
    pub fingerprint: u64,
    /// Input number.
    pub input: u32,
    /// Records it stands for, itself included: 1 unless its input was thinned out ([`crate::thin`]).
    pub count: u32,
    /// Line.
    pub line: u64,
}

/// One record of nginx's error log that matters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct NginxError {
    /// When, µs.
    pub us: i64,
    /// Upstream failure.
    pub failure: Option<UpstreamFailure>,
    /// Process event.
    pub lifecycle: Option<NginxLifecycle>,
    /// Target path without query.
    pub path: u32,
    /// Lane of the target.
    pub lane: Lane,
    /// Content.
    pub fingerprint: u64,
    /// Input number.
    pub input: u32,
    /// Records it stands for, itself included: 1 unless its input was thinned out ([`crate::thin`]).
    pub count: u32,
    /// Line.
    pub line: u64,
}

/// What PostgreSQL's log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum PostgresFact {
    Duration {
        duration_us: i64,
        query: u32,
    },
    /// auto_explain's line: a run of its own only where no statement line tells of it (see
    /// [`Events::join_follow_ups`]).
    Plan {
        duration_us: i64,
        query: u32,
    },
    StillWaiting {
        pid: u32,
        waited_us: i64,
        holders: Box<[u32]>,
    },
    Acquired {
        pid: u32,
        waited_us: i64,
    },
    Holders {
        holders: Box<[u32]>,
    },
    Deadlock,
    Canceled {
        user: bool,
    },
    SerializationFailure,
    Terminated {
        administrator: bool,
    },
    TooManyClients,
    UnexpectedEof,
    ClientLost,
    Checkpoint {
        sync_us: i64,
        total_us: i64,
    },
    ProcessKilled {
        signal: u32,
    },
    ShuttingDown,
    Recovery,
    Ready,
    AlterTimeout,
    CancelCall {
        terminate: bool,
    },
    /// A STATEMENT line of its own (stderr format): joined to the record it follows by [`Events::join_follow_ups`].
    Statement,
}

/// Lines of other backends that may stand between a record of PostgreSQL's stderr log and its follow-ups.
pub const FOLLOW_UP_REACH: usize = 32;

impl PostgresFact {
    /// A line of its own that speaks of the record before it.
    #[must_use]
    pub fn is_follow_up(&self) -> bool {
        matches!(self, PostgresFact::Statement | PostgresFact::Holders { .. })
    }
}

/// One record of PostgreSQL's log that matters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PostgresEvent {
    /// When, µs.
    pub us: i64,
    /// Backend.
    pub pid: u32,
    /// application_name.
    pub application: u32,
    /// The statement it was running (fingerprint), 0 if none was printed.
    pub query: u32,
    /// What.
    pub fact: PostgresFact,
    /// Content.
    pub fingerprint: u64,
    /// Input number.
    pub input: u32,
    /// Records it stands for, itself included: 1 unless its input was thinned out ([`crate::thin`]).
    pub count: u32,
    /// Line.
    pub line: u64,
}

/// State of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum State {
    Active,
    IdleInTransaction,
    Other,
}

/// One session in a snapshot that was doing something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// Backend.
    pub pid: u32,
    /// application_name.
    pub application: u32,
    /// State.
    pub state: State,
    /// Waits for a lock.
    pub lock_wait: bool,
    /// Waits for storage.
    pub io_wait: bool,
    /// Age of the statement, µs.
    pub query_age_us: Option<i64>,
    /// Age of the transaction, µs.
    pub xact_age_us: Option<i64>,
    /// Age of the state, µs.
    pub state_age_us: Option<i64>,
    /// pg_blocking_pids.
    pub blocked_by: Vec<u32>,
    /// Query, shortened.
    pub query: u32,
    /// Line.
    pub line: u64,
}

/// One snapshot of `pg_stat_activity`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    /// When, µs.
    pub us: i64,
    /// Printed counts, the sampler taken off.
    pub counts: Option<ActivityCounts>,
    /// Sessions doing something.
    pub sessions: Vec<Session>,
    /// Sessions in all, where the capture shows all.
    pub total: Option<u32>,
    /// Input number.
    pub input: u32,
    /// Line.
    pub line: u64,
}

/// One host sample.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Host {
    /// End of the interval, µs.
    pub us: i64,
    /// Length of the interval, µs: the time since the capture's sample before; 0 for one alone.
    pub step_us: i64,
    /// What was sampled. The stamp is taken off: `us` is moved with the clocks.
    pub figures: HostSample,
    /// Input number.
    pub input: u32,
    /// Line.
    pub line: u64,
}

/// One probe.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Probe {
    /// When, µs.
    pub us: i64,
    /// Answer, 0 for none.
    pub http_code: u16,
    /// Target.
    pub target: u32,
    /// Input number.
    pub input: u32,
    /// Line.
    pub line: u64,
}

/// One kernel kill.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct KernelKill {
    /// When, µs.
    pub us: i64,
    /// Victim.
    pub pid: u32,
    /// Its name.
    pub name: u32,
    /// Input number.
    pub input: u32,
    /// Line.
    pub line: u64,
}

/// One setting, and where it was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setting {
    /// Program.
    pub program: Cow<'static, str>,
    /// Option.
    pub name: String,
    /// Value.
    pub value: String,
    /// Blocks around it, as in [`stormtrace_logs::record::Setting`].
    pub depth: u8,
    /// Input number.
    pub input: u32,
    /// Line.
    pub line: u64,
}

/// A row of `pg_stat_statements`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Statistics {
    /// Query.
    pub query: u32,
    /// Calls.
    pub calls: u64,
    /// Total, µs.
    pub total_us: i64,
    /// Maximum, µs.
    pub max_us: i64,
    /// Input number.
    pub input: u32,
    /// Line.
    pub line: u64,
}

/// Moves `later` behind `list`, each changed before. A list that is the first one stays where it lies in memory.
fn add<T>(list: &mut Vec<T>, later: &mut Vec<T>, change: impl FnMut(&mut T)) {
    later.iter_mut().for_each(change);
    if list.is_empty() {
        std::mem::swap(list, later);
    } else {
        list.append(later);
    }
}

/// All events of one input, or of all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Events {
    pub texts: Texts,
    pub access: Vec<Access>,
    pub served: Vec<Served>,
    pub odoo: Vec<OdooEvent>,
    pub nginx: Vec<NginxError>,
    pub postgres: Vec<PostgresEvent>,
    pub snapshots: Vec<Snapshot>,
    pub host: Vec<Host>,
    pub probes: Vec<Probe>,
    pub kernel: Vec<KernelKill>,
    pub settings: Vec<Setting>,
    pub statistics: Vec<Statistics>,
    /// Content of every record of the input, for finding copies.
    pub contents: Contents,
}

impl Events {
    /// Appends the events of what follows. Gives back what held them, empty: its memory may serve again.
    pub fn append(&mut self, mut later: Events) -> Events {
        let mut renumbering = Renumbering::new(&later.texts, &mut self.texts);
        let mut text = |number: u32| renumbering.number(number);
        let mut snapshots = std::mem::take(&mut later.snapshots);
        for session in snapshots.iter_mut().flat_map(|snapshot| &mut snapshot.sessions) {
            session.application = text(session.application);
            session.query = text(session.query);
        }
        add(&mut self.access, &mut later.access, |event| {
            event.path = text(event.path);
            event.method = text(event.method);
        });
        add(&mut self.served, &mut later.served, |event| {
            event.path = text(event.path);
            event.method = text(event.method);
        });
        add(&mut self.odoo, &mut later.odoo, |event| match &mut event.fact {
            OdooFact::Timeout { class: number, .. }
            | OdooFact::ThreadTimeout { thread: number, .. }
            | OdooFact::Alive { class: number, .. }
            | OdooFact::Banner { version: number }
            | OdooFact::CronStart { job: number }
            | OdooFact::CronEnd { job: number, .. } => *number = text(*number),
            _ => {}
        });
        add(&mut self.nginx, &mut later.nginx, |event| event.path = text(event.path));
        add(&mut self.postgres, &mut later.postgres, |event| {
            event.application = text(event.application);
            event.query = text(event.query);
            if let PostgresFact::Duration { query, .. } | PostgresFact::Plan { query, .. } = &mut event.fact {
                *query = text(*query);
            }
        });
        add(&mut self.host, &mut later.host, |_| {});
        add(&mut self.probes, &mut later.probes, |probe| probe.target = text(probe.target));
        add(&mut self.kernel, &mut later.kernel, |kill| kill.name = text(kill.name));
        add(&mut self.settings, &mut later.settings, |_| {});
        add(&mut self.statistics, &mut later.statistics, |row| row.query = text(row.query));
        self.contents.append(&mut later.contents);
        snapshots.into_iter().for_each(|snapshot| self.add_snapshot(snapshot));
        later.texts.clear();
        later
    }

    /// Requests at nginx that ended in a span, its ends included; requests must be in order of time.
    #[must_use]
    pub fn access_between(&self, from_us: i64, to_us: i64) -> &[Access] {
        self.access.get(self.access_range(from_us, to_us)).unwrap_or_default()
    }

    /// Where those requests stand.
    #[must_use]
    pub fn access_range(&self, from_us: i64, to_us: i64) -> Range<usize> {
        let first = self.access.partition_point(|event| event.end_us < from_us);
        let past = self.access.partition_point(|event| event.end_us <= to_us);
        first..past.max(first)
    }

    /// Whether some request of a span stands for others: then what single requests and workers did in it is not known.
    #[must_use]
    pub fn is_thinned(&self, from_us: i64, to_us: i64) -> bool {
        let first = self.served.partition_point(|event| event.end_us < from_us);
        let past = self.served.partition_point(|event| event.end_us <= to_us);
        let served = self.served.get(first..past).unwrap_or_default();
        self.access_between(from_us, to_us).iter().any(|event| event.count > 1)
            || served.iter().any(|event| event.count > 1)
    }

    /// Time, input, line and weight of each event of the kinds that come with every request or statement.
    pub fn each_record(&self) -> impl Iterator<Item = (i64, u32, u64, u32)> {
        let access = self.access.iter().map(|event| (event.end_us, event.input, event.line, event.count));
        let served = self.served.iter().map(|event| (event.end_us, event.input, event.line, event.count));
        let odoo = self.odoo.iter().map(|event| (event.us, event.input, event.line, event.count));
        let nginx = self.nginx.iter().map(|event| (event.us, event.input, event.line, event.count));
        let postgres = self.postgres.iter().map(|event| (event.us, event.input, event.line, event.count));
        access.chain(served).chain(odoo).chain(nginx).chain(postgres)
    }

    /// Events of the kinds that come with every request or statement.
    #[must_use]
    pub fn records(&self) -> usize {
        self.access.len() + self.served.len() + self.odoo.len() + self.nginx.len() + self.postgres.len()
    }

    /// Adds a snapshot. A listing printed row by row (CSV) arrives as one snapshot a row: rows of one stamp are joined.
    pub fn add_snapshot(&mut self, snapshot: Snapshot) {
        if let Some(last) = self.snapshots.last_mut()
            && last.us == snapshot.us
            && last.counts.is_none()
            && snapshot.counts.is_none()
        {
            last.sessions.extend(snapshot.sessions);
            last.total = last.total.zip(snapshot.total).map(|(a, b)| a + b);
        } else {
            self.snapshots.push(snapshot);
        }
    }

    /// Joins the DETAIL and STATEMENT lines of PostgreSQL's stderr format to the records they follow. The events must be
    /// in order of time, input and line.
    pub fn join_follow_ups(&mut self) {
        let (mut follow_ups, mut plans) = (Vec::new(), Vec::new());
        for (at, event) in self.postgres.iter().enumerate() {
            match event.fact {
                PostgresFact::Plan { .. } => plans.push(at),
                _ if event.fact.is_follow_up() => follow_ups.push(at),
                _ => {}
            }
        }
        follow_ups.iter().for_each(|at| self.give_follow_up(*at));
        self.settle_plans(&plans);
        if !(follow_ups.is_empty() && plans.is_empty()) {
            self.postgres.retain(|event| !event.fact.is_follow_up());
        }
    }

    /// Tells the records what the follow-ups from position `from` on say of them.
    pub fn give_follow_ups(&mut self, from: usize) {
        for at in from..self.postgres.len() {
            if self.postgres.get(at).is_some_and(|event| event.fact.is_follow_up()) {
                self.give_follow_up(at);
            }
        }
    }

    /// Tells its record what the follow-up at a position says of it.
    fn give_follow_up(&mut self, at: usize) {
        let Some((before, [event, ..])) = self.postgres.split_at_mut_checked(at) else { return };
        let owner = before.iter_mut().rev().take(FOLLOW_UP_REACH).find(|earlier| {
            earlier.pid == event.pid && earlier.input == event.input && !earlier.fact.is_follow_up()
        });
        let Some(owner) = owner else { return };
        match &event.fact {
            PostgresFact::Holders { holders: named } => {
                if let PostgresFact::StillWaiting { holders, .. } = &mut owner.fact
                    && holders.is_empty()
                {
                    holders.clone_from(named);
                }
            }
            _ if owner.query == 0 => owner.query = event.query,
            _ => {}
        }
    }

    /// A plan whose run another line tells of too (its statement line, or the statement that called it) is dropped; any
    /// other stands for the run itself.
    fn settle_plans(&mut self, plans: &[usize]) {
        /// Records of other backends that may stand between the two lines.
        const REACH: usize = 32;
        let told = |plan: &PostgresEvent, planned_us: i64, other: &PostgresEvent| {
            let (run_us, of_plan) = match other.fact {
                PostgresFact::Duration { duration_us, .. } => (duration_us, false),
                PostgresFact::Plan { duration_us, .. } => (duration_us, true),
                _ => return false,
            };
            let slack = 5000 + run_us / 50;
            // `%t` has whole seconds.
            let same = !of_plan
                && plan.us.abs_diff(other.us) <= 1_005_000
                && planned_us.abs_diff(run_us) <= slack.unsigned_abs();
            let (start, other_start) = (plan.us.saturating_sub(planned_us), other.us.saturating_sub(run_us));
            let inside = run_us > planned_us
                && other_start <= start.saturating_add(slack)
                && other.us.saturating_add(slack) >= plan.us;
            plan.pid == other.pid && plan.input == other.input && (same || inside)
        };
        let mut settled = Vec::new();
        for at in plans.iter().copied() {
            let Some(event) = self.postgres.get(at) else { continue };
            let PostgresFact::Plan { duration_us, query } = event.fact else { continue };
            let near = self.postgres.get(at.saturating_sub(REACH)..).unwrap_or_default();
            let twice = near.iter().take(2 * REACH).any(|other| told(event, duration_us, other));
            // Statement lines without a record are taken out below.
            let fact =
                if twice { PostgresFact::Statement } else { PostgresFact::Duration { duration_us, query } };
            settled.push((at, fact));
        }
        for (at, fact) in settled {
            if let Some(event) = self.postgres.get_mut(at) {
                event.fact = fact;
            }
        }
    }

    /// Moves every time by what `shift` says for its line and time (a zone undone, a clock corrected), µs.
    pub fn shift(&mut self, shift: impl Fn(u64, i64) -> i64) {
        let moved = |line: u64, us: &mut i64| *us = us.saturating_add(shift(line, *us));
        self.access.iter_mut().for_each(|event| moved(event.line, &mut event.end_us));
        self.served.iter_mut().for_each(|event| moved(event.line, &mut event.end_us));
        self.odoo.iter_mut().for_each(|event| moved(event.line, &mut event.us));
        self.nginx.iter_mut().for_each(|event| moved(event.line, &mut event.us));
        self.postgres.iter_mut().for_each(|event| moved(event.line, &mut event.us));
        self.snapshots.iter_mut().for_each(|event| moved(event.line, &mut event.us));
        self.host.iter_mut().for_each(|event| moved(event.line, &mut event.us));
        self.probes.iter_mut().for_each(|event| moved(event.line, &mut event.us));
        self.kernel.iter_mut().for_each(|event| moved(event.line, &mut event.us));
    }

    /// Names the input of every event.
    pub fn set_input(&mut self, input: u32) {
        self.access.iter_mut().for_each(|event| event.input = input);
        self.served.iter_mut().for_each(|event| event.input = input);
        self.odoo.iter_mut().for_each(|event| event.input = input);
        self.nginx.iter_mut().for_each(|event| event.input = input);
        self.postgres.iter_mut().for_each(|event| event.input = input);
        self.snapshots.iter_mut().for_each(|event| event.input = input);
        self.host.iter_mut().for_each(|event| event.input = input);
        self.probes.iter_mut().for_each(|event| event.input = input);
        self.kernel.iter_mut().for_each(|event| event.input = input);
        self.settings.iter_mut().for_each(|event| event.input = input);
        self.statistics.iter_mut().for_each(|event| event.input = input);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_count_once() {
        let event = |ms: i64, pid: u32, fact: PostgresFact| PostgresEvent {
            us: ms * 1000,
            pid,
            application: 0,
            query: 0,
            fact,
            fingerprint: 0,
            input: 0,
            count: 1,
            line: 0,
        };
        let plan = |ms, pid, us| event(ms, pid, PostgresFact::Plan { duration_us: us, query: 0 });
        let run = |ms, pid, us| event(ms, pid, PostgresFact::Duration { duration_us: us, query: 0 });
        // pgBadger's `explain_duplicate.log`: before its statement line, behind it, and with another statement later.
        let mut events = Events {
            postgres: vec![
                plan(5400, 45, 2_400_100),
                plan(5400, 47, 2_400_100),
                run(5401, 45, 2_400_900),
                run(6400, 46, 2_400_900),
                plan(6401, 46, 2_400_100),
                run(8000, 47, 2_500_000),
                // Called by the statement that ends last.
                plan(9500, 48, 100_000),
                run(10_000, 48, 2_000_000),
            ],
            ..Events::default()
        };
        events.join_follow_ups();
        let left: Vec<(i64, u32)> =
            events.postgres.iter().map(|event| (event.us / 1000, event.pid)).collect();
        assert_eq!(left, [(5400, 47), (5401, 45), (6400, 46), (8000, 47), (10_000, 48)]);
        assert!(events.postgres.iter().all(|event| matches!(event.fact, PostgresFact::Duration { .. })));
    }
}
