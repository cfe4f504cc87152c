//! Worker lives: from `alive` to the first sign of the end. A kill is one life ended, however often it is logged.

mod inferred;
mod told;

use std::collections::BTreeMap;

use stormtrace_logs::timestamp::SECOND_US;

use crate::events::Events;
use crate::place::Places;
use crate::report::{RoleLives, Time, WorkerLife, WorkerLives};

/// Most lives that a report lists.
const MOST_LISTED: usize = 5000;

/// Why a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// `limit_time_real` (cron: `limit_time_real_cron`): killed by the master.
    RealTime,
    /// `limit_time_cpu`.
    CpuTime,
    /// `limit_memory_soft`: recycled after its request.
    MemorySoft,
    /// `limit_memory_hard`: the allocation failed and the exception ended the worker.
    MemoryHard,
    /// The kernel's OOM killer.
    OomKiller,
    /// `limit_request`: recycled.
    MaxRequests,
    /// `limit_time_worker_cron`: recycled.
    MaxAge,
    /// An exception that its loop did not catch.
    Exception,
    /// The master died or was replaced; the worker noticed.
    ParentChanged,
    /// Stopped with the server.
    Graceful,
    /// Told to exit by a signal of its own, or forced down with the server.
    Signal,
    /// Replaced though nothing told of its end: SIGKILL leaves no line.
    Vanished,
}

impl Reason {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::RealTime => "real_time",
            Reason::CpuTime => "cpu_time",
            Reason::MemorySoft => "memory_soft",
            Reason::MemoryHard => "memory_hard",
            Reason::OomKiller => "oom_killer",
            Reason::MaxRequests => "max_requests",
            Reason::MaxAge => "max_age",
            Reason::Exception => "exception",
            Reason::ParentChanged => "parent_changed",
            Reason::Graceful => "graceful",
            Reason::Signal => "signal",
            Reason::Vanished => "vanished",
        }
    }

    /// Counts as a kill: the life was cut short with work in hand.
    #[must_use]
    pub fn is_kill(self) -> bool {
        matches!(self, Reason::RealTime | Reason::CpuTime | Reason::MemoryHard | Reason::OomKiller)
    }

    /// A limit ended it, Odoo's or the kernel's.
    fn is_limit(self) -> bool {
        self.is_kill() || matches!(self, Reason::MemorySoft | Reason::MaxRequests)
    }
}

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The process that the others are forked from; in threaded mode the only one.
    Master,
    /// Serves requests.
    Http,
    /// Runs scheduled jobs.
    Cron,
    /// The evented process: long-polling or websocket.
    Evented,
    /// A thread of the threaded mode that went over its limit.
    Thread,
    /// Another worker class, or one that nothing names.
    Other,
}

impl Role {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Master => "master",
            Role::Http => "http",
            Role::Cron => "cron",
            Role::Evented => "evented",
            Role::Thread => "thread",
            Role::Other => "other",
        }
    }

    fn of_class(class: &str) -> Self {
        if class.contains("HTTP") {
            Role::Http
        } else if class.contains("Cron") {
            Role::Cron
        } else {
            Role::Other
        }
    }
}

/// A moment and the line that tells it.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// When, µs.
    pub us: i64,
    /// Input.
    pub input: u32,
    /// Line.
    pub line: u64,
}

/// How a life ended.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// First line that reports it; of a worker that vanished, the one that tells of its successor.
    pub at: Told,
    /// Why.
    pub reason: Reason,
    /// The limit that was printed, seconds.
    pub limit_s: Option<u32>,
    /// Lines that reported it.
    pub lines: u64,
}

/// One life of one process.
#[derive(Debug, Clone)]
pub struct Life {
    /// What it is for.
    pub role: Role,
    /// `WorkerHTTP`, `WorkerCron` …; text number, 0 if unknown.
    pub class: u32,
    /// Stream (host) it lived on.
    pub stream: u32,
    /// Its pid.
    pub pid: u32,
    /// Its first line, where it tells of the beginning.
    pub born: Option<Told>,
    /// `None` while it lives, as far as the capture tells.
    pub end: Option<End>,
    /// Requests that it logged.
    pub requests: u64,
    /// Requests served as it counted them itself on exiting.
    pub request_count: Option<u32>,
    /// Its last own line, µs.
    pub last_us: Option<i64>,
}

impl Life {
    fn new(role: Role, class: u32, stream: u32, pid: u32, born: Option<Told>) -> Self {
        let last_us = born.map(|born| born.us);
        Life { role, class, stream, pid, born, end: None, requests: 0, request_count: None, last_us }
    }

    /// From birth to end, µs, where both are known.
    #[must_use]
    pub fn length_us(&self) -> Option<i64> {
        Some(self.end?.at.us - self.born?.us)
    }

    fn seen(&mut self, us: i64) {
        self.last_us = Some(self.last_us.map_or(us, |last| last.max(us)));
    }
}

/// All lives.
#[derive(Debug, Clone, Default)]
pub struct Lives {
    /// In order of birth (unknown first), stream and pid.
    pub list: Vec<Life>,
    /// Workers that were replaced though nothing tells which one ended, by role and the successor's first line.
    pub unnamed: Vec<(Role, Told)>,
}

impl Lives {
    /// Follows every process. `streams` maps input numbers to streams; events are in order of time.
    #[must_use]
    pub fn of(events: &Events, streams: &[u32]) -> Self {
        let mut list = told::lives(events, streams);
        let unnamed = inferred::ends(events, streams, &mut list);
        list.sort_by_key(|life| (life.born.map(|born| born.us), life.stream, life.pid));
        Lives { list, unnamed }
    }

    /// The ends that a limit brought, in order of time.
    #[must_use]
    pub fn deaths(&self) -> Vec<Death> {
        let death = |life: &Life| {
            let end = life.end.filter(|end| end.reason.is_limit())?;
            Some(Death {
                us: end.at.us,
                pid: life.pid,
                stream: life.stream,
                class: life.class,
                reason: end.reason,
                limit_s: end.limit_s,
                lines: end.lines,
                input: end.at.input,
                line: end.at.line,
            })
        };
        let workers = self.list.iter().filter(|life| {
            let evented = matches!(life.role, Role::Evented | Role::Master);
            !evented || life.end.is_some_and(|end| end.reason == Reason::OomKiller)
        });
        let mut deaths: Vec<Death> = workers.filter_map(death).collect();
        deaths.sort_by_key(|death| (death.us, death.stream, death.pid));
        deaths
    }
}

impl Lives {
    /// As reports show them.
    #[must_use]
    pub fn report(&self, events: &Events, places: &Places<'_>) -> WorkerLives {
        let place = |told: Told| places.reference(told.input, told.line, told.us);
        let mut by_role: BTreeMap<Role, (RoleLives, Vec<i64>)> = BTreeMap::new();
        for life in &self.list {
            let (row, lengths) = by_role.entry(life.role).or_default();
            row.role = life.role.name();
            row.lives += 1;
            row.requests += life.requests;
            match life.end {
                Some(end) => *row.ended.entry(end.reason.name()).or_insert(0) += 1,
                None => row.open += 1,
            }
            lengths.extend(life.length_us());
        }
        for (role, told) in &self.unnamed {
            if let Some((row, _)) = by_role.get_mut(role) {
                row.vanished_unnamed += 1;
                row.vanished_ref.get_or_insert_with(|| place(*told));
            }
        }
        let roles = by_role.into_values().map(|(mut row, mut lengths)| {
            lengths.sort_unstable();
            row.median_length_s = lengths.get(lengths.len() / 2).map(|length_us| *length_us as f64 / 1e6);
            row
        });
        let life = |life: &Life| WorkerLife {
            role: life.role.name(),
            class: (life.class != 0).then(|| events.texts.get(life.class).to_owned()),
            pid: if life.role == Role::Thread { 0 } else { life.pid },
            born: life.born.map(place),
            ended: life.end.map(|end| place(end.at)),
            last_seen: life.last_us.map(Time),
            reason: life.end.map(|end| end.reason.name()),
            limit_s: life.end.and_then(|end| end.limit_s),
            reported: life.end.map_or(0, |end| end.lines),
            requests: life.requests,
            request_count: life.request_count,
        };
        WorkerLives {
            roles: roles.collect(),
            lives: self.list.iter().take(MOST_LISTED).map(life).collect(),
            omitted: self.list.len().saturating_sub(MOST_LISTED) as u64,
        }
    }
}

/// The end of one worker life by a limit.
#[derive(Debug, Clone)]
pub struct Death {
    /// When, µs.
    pub us: i64,
    /// Worker.
    pub pid: u32,
    /// Stream (host) it lived on.
    pub stream: u32,
    /// `WorkerHTTP`, `WorkerCron` …; text number, 0 if unknown.
    pub class: u32,
    /// Why.
    pub reason: Reason,
    /// The limit that was printed, seconds.
    pub limit_s: Option<u32>,
    /// Lines that reported it.
    pub lines: u64,
    /// Input of the first report.
    pub input: u32,
    /// Line of the first report.
    pub line: u64,
}

/// The master looks after its workers every 4 s (`PreforkServer.beat`, Odoo 8 to 20), µs.
const BEAT_US: i64 = 4 * SECOND_US;

#[cfg(test)]
mod tests;
