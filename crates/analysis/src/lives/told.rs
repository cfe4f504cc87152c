//! Lives as the logs tell them: who began, who reported which end, who served what.

use rustc_hash::{FxHashMap, FxHashSet};
use stormtrace_logs::record::Exception;
use stormtrace_logs::timestamp::SECOND_US;

use super::{End, Life, Reason, Role, Told};
use crate::copies::stream_of;
use crate::events::{Events, KernelKill, OdooFact};

/// In threaded mode the thread lives on; its name stands for a worker.
const FIRST_THREAD: u32 = 1_000_000_000;
/// The kernel's line and Odoo's own tell of one end within this, µs.
const SAME_END_US: i64 = 5 * SECOND_US;

/// An end as one line reports it.
struct Report {
    pid: u32,
    reason: Reason,
    limit_s: Option<u32>,
    class: u32,
}

/// All lives, those that only their requests show too.
pub fn lives(events: &Events, streams: &[u32]) -> Vec<Life> {
    let mut registry = Registry::default();
    let served = last_served(events, streams);
    // `Worker (n) Exception occurred, exiting...` and the exception it names are one record.
    let mut raised: Option<(u32, u64, u32)> = None;
    for event in &events.odoo {
        let stream = stream_of(streams, event.input);
        let at = Told { us: event.us, input: event.input, line: event.line };
        registry.spoke(stream, event.pid, event.us);
        let report = |pid, reason| Report { pid, reason, limit_s: None, class: 0 };
        let limit = |pid, reason, limit_s, class| Report { pid, reason, limit_s: Some(limit_s), class };
        let report = match event.fact {
            OdooFact::Alive { class, pid } => {
                registry.begin(Life::new(
                    Role::of_class(events.texts.get(class)),
                    class,
                    stream,
                    pid,
                    Some(at),
                ));
                continue;
            }
            OdooFact::HttpServiceRunning => {
                registry.begin(Life::new(Role::Master, 0, stream, event.pid, Some(at)));
                continue;
            }
            OdooFact::EventedServiceRunning => {
                registry.begin(Life::new(Role::Evented, 0, stream, event.pid, Some(at)));
                continue;
            }
            OdooFact::Timeout { class, pid, limit_s } => limit(pid, Reason::RealTime, limit_s, class),
            OdooFact::ThreadTimeout { thread, limit_s } => {
                limit(FIRST_THREAD + thread, Reason::RealTime, limit_s, thread)
            }
            OdooFact::CpuLimit { pid, .. } if survives(&served, stream, pid, event.us) => continue,
            OdooFact::CpuLimit { pid, limit_s } => limit(pid, Reason::CpuTime, limit_s, 0),
            OdooFact::WorkerException { pid } => {
                raised = Some((event.input, event.line, pid));
                report(pid, Reason::Exception)
            }
            OdooFact::Raised(exception) => {
                // Below level INFO a limit shows only in the exception that ends the worker.
                let reason = match exception {
                    Exception::CpuTimeLimit => Reason::CpuTime,
                    Exception::MemoryError => Reason::MemoryHard,
                    _ => continue,
                };
                match raised {
                    Some((input, line, pid))
                        if (input, line) == (event.input, event.line)
                            && !survives(&served, stream, pid, event.us) =>
                    {
                        report(pid, reason)
                    }
                    _ => continue,
                }
            }
            OdooFact::CriticalWorkerError { pid } => report(pid, Reason::Exception),
            OdooFact::MemorySoft { pid } => report(pid, Reason::MemorySoft),
            OdooFact::EventedMemory => {
                registry.know(Role::Evented, stream, event.pid);
                report(event.pid, Reason::MemorySoft)
            }
            OdooFact::MaxRequests { pid } => report(pid, Reason::MaxRequests),
            OdooFact::MaxAge { pid } => report(pid, Reason::MaxAge),
            OdooFact::ParentChanged => report(event.pid, Reason::ParentChanged),
            OdooFact::Exiting { pid, request_count } => {
                registry.life(stream, pid).request_count = Some(request_count);
                report(pid, Reason::Signal)
            }
            _ => continue,
        };
        registry.end(stream, at, &report, events);
    }
    let mut lives = registry.list;
    kernel_kills(events, &mut lives);
    count_served(events, streams, &mut lives);
    lives
}

#[derive(Default)]
struct Registry {
    list: Vec<Life>,
    /// The latest life of a stream's pid.
    latest: FxHashMap<(u32, u32), usize>,
}

impl Registry {
    fn begin(&mut self, life: Life) {
        // The server says twice that it runs when it has two addresses.
        let same = |known: &Life| known.role == life.role && known.end.is_none() && life.role == Role::Master;
        let known = self.latest.get(&(life.stream, life.pid)).and_then(|at| self.list.get(*at));
        if !known.is_some_and(same) {
            self.latest.insert((life.stream, life.pid), self.list.len());
            self.list.push(life);
        }
    }

    fn spoke(&mut self, stream: u32, pid: u32, us: i64) {
        if let Some(life) = self.latest.get(&(stream, pid)).and_then(|at| self.list.get_mut(*at)) {
            life.seen(us);
        }
    }

    /// The latest life of that pid; where none is known, one whose beginning nothing tells.
    fn life(&mut self, stream: u32, pid: u32) -> &mut Life {
        let at = *self.latest.entry((stream, pid)).or_insert(self.list.len());
        if at >= self.list.len() {
            self.list.push(Life::new(Role::Other, 0, stream, pid, None));
        }
        #[expect(clippy::indexing_slicing, reason = "pushed just above where it was not there")]
        &mut self.list[at]
    }

    fn know(&mut self, role: Role, stream: u32, pid: u32) {
        self.life(stream, pid).role = role;
    }

    fn end(&mut self, stream: u32, at: Told, report: &Report, events: &Events) {
        let life = self.life(stream, report.pid);
        if life.class == 0 && report.class != 0 {
            life.class = report.class;
            life.role = match report.pid {
                pid if pid >= FIRST_THREAD => Role::Thread,
                _ => Role::of_class(events.texts.get(report.class)),
            };
        }
        let ended = End { at, reason: report.reason, limit_s: report.limit_s, lines: 1 };
        match &mut life.end {
            // The master repeats the line until it has reaped the process.
            Some(end) if end.reason == report.reason => end.lines += 1,
            // A worker that was told to recycle and then hung is killed all the same; an exception has a reason.
            Some(end) if !end.reason.is_kill() && report.reason.is_kill() => *end = ended,
            Some(_) => {}
            None => life.end = Some(ended),
        }
    }
}

/// Sorted ends of requests by stream and worker.
fn last_served(events: &Events, streams: &[u32]) -> FxHashMap<(u32, u32), Vec<i64>> {
    let limited: FxHashSet<u32> = events
        .odoo
        .iter()
        .filter_map(|event| match event.fact {
            OdooFact::CpuLimit { pid, .. } | OdooFact::WorkerException { pid } => Some(pid),
            _ => None,
        })
        .collect();
    let mut served: FxHashMap<(u32, u32), Vec<i64>> = FxHashMap::default();
    for request in events.served.iter().filter(|request| limited.contains(&request.pid)) {
        let stream = stream_of(streams, request.input);
        served.entry((stream, request.pid)).or_default().push(request.end_us);
    }
    served.values_mut().for_each(|ends| ends.sort_unstable());
    served
}

/// Up to Odoo 12 the limit raises inside the request and the worker goes on: then it answers again within a minute.
fn survives(served: &FxHashMap<(u32, u32), Vec<i64>>, stream: u32, pid: u32, us: i64) -> bool {
    served.get(&(stream, pid)).is_some_and(|ends| {
        let after = ends.partition_point(|end| *end <= us + 2 * SECOND_US);
        ends.get(after).is_some_and(|end| *end < us + 60 * SECOND_US)
    })
}

/// The kernel's OOM killer ends Odoo processes without a line in Odoo's log.
fn kernel_kills(events: &Events, lives: &mut Vec<Life>) {
    for kill in &events.kernel {
        let name = events.texts.get(kill.name);
        let of_pid = |life: &&mut Life| {
            life.pid == kill.pid && life.born.is_none_or(|born| born.us <= kill.us + SAME_END_US)
        };
        let known = lives.iter().any(|life| {
            life.pid == kill.pid && life.end.is_some_and(|end| (end.at.us - kill.us).abs() < SAME_END_US)
        });
        if known {
            continue;
        }
        let latest = lives.iter_mut().filter(of_pid).max_by_key(|life| life.born.map(|born| born.us));
        match latest {
            Some(life) if life.end.is_none() => life.end = Some(killed(kill)),
            Some(_) => {}
            None if name.contains("odoo") || name.contains("python") => {
                let mut life = Life::new(Role::Other, 0, 0, kill.pid, None);
                life.end = Some(killed(kill));
                lives.push(life);
            }
            None => {}
        }
    }
}

fn killed(kill: &KernelKill) -> End {
    let at = Told { us: kill.us, input: kill.input, line: kill.line };
    End { at, reason: Reason::OomKiller, limit_s: None, lines: 1 }
}

/// Adds the requests that each life logged; a process that only its requests show becomes a life of its own.
fn count_served(events: &Events, streams: &[u32], lives: &mut Vec<Life>) {
    let mut by_pid: FxHashMap<(u32, u32), Vec<usize>> = FxHashMap::default();
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|at| lives.get(*at).and_then(|life| life.born).map(|born| born.us));
    for at in order {
        if let Some(life) = lives.get(at) {
            by_pid.entry((life.stream, life.pid)).or_default().push(at);
        }
    }
    for request in &events.served {
        let stream = stream_of(streams, request.input);
        let known = by_pid.entry((stream, request.pid)).or_default();
        let begun = |at: &&usize| {
            lives.get(**at).is_some_and(|life| life.born.is_none_or(|born| born.us <= request.end_us))
        };
        let at = known.iter().rev().find(begun).copied().unwrap_or_else(|| {
            known.insert(0, lives.len());
            lives.push(Life::new(Role::Other, 0, stream, request.pid, None));
            lives.len() - 1
        });
        if let Some(life) = lives.get_mut(at) {
            life.requests += u64::from(request.count);
            life.seen(request.end_us);
            if life.role == Role::Other && life.class == 0 {
                life.role = if request.evented { Role::Evented } else { Role::Http };
            }
        }
    }
}
