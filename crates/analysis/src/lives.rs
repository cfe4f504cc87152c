//! Worker lives: from `alive` to the first sign of death. A kill is one life ended, however often it is logged.

use rustc_hash::{FxHashMap, FxHashSet};
use stormtrace_logs::record::Exception;
use stormtrace_logs::timestamp::SECOND_US;

use crate::events::{Events, OdooEvent, OdooFact};

/// Why a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Reason {
    RealTime,
    CpuTime,
    MemorySoft,
    MemoryHard,
    OomKiller,
    MaxRequests,
    Signal,
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
            Reason::Signal => "signal",
        }
    }

    /// Counts as a kill: the life was cut short with work in hand.
    #[must_use]
    pub fn is_kill(self) -> bool {
        matches!(self, Reason::RealTime | Reason::CpuTime | Reason::MemoryHard | Reason::OomKiller)
    }
}

/// The end of one worker life.
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

#[derive(Default)]
struct Life {
    class: u32,
    /// Index in `deaths`, once dead.
    death: Option<usize>,
}

/// All deaths in order of time. `streams` maps input numbers to streams.
#[must_use]
pub fn deaths(events: &Events, streams: &[u32]) -> Vec<Death> {
    let mut deaths: Vec<Death> = Vec::new();
    let mut lives: FxHashMap<(u32, u32), Life> = FxHashMap::default();
    let served = last_served(events, streams);
    // `Worker (n) Exception occurred, exiting...` and the exception it names are one record.
    let mut raised: Option<(u32, u64, u32)> = None;
    for event in &events.odoo {
        let stream = streams.get(event.input as usize).copied().unwrap_or(0);
        let (pid, reason, limit_s, class) = match event.fact {
            OdooFact::Alive { class, pid } => {
                lives.insert((stream, pid), Life { class, death: None });
                continue;
            }
            OdooFact::Timeout { class, pid, limit_s } => (pid, Reason::RealTime, Some(limit_s), class),
            OdooFact::ThreadTimeout { thread, limit_s } => {
                // In threaded mode the thread lives on; its name stands for a worker.
                (1_000_000_000 + thread, Reason::RealTime, Some(limit_s), thread)
            }
            OdooFact::CpuLimit { pid, limit_s } => {
                if survives(&served, stream, pid, event.us) {
                    continue;
                }
                (pid, Reason::CpuTime, Some(limit_s), 0)
            }
            OdooFact::WorkerException { pid } => {
                raised = Some((event.input, event.line, pid));
                continue;
            }
            // Below level INFO the limit shows only in the exception that ends the worker.
            OdooFact::Raised(Exception::CpuTimeLimit) => match raised {
                Some((input, line, pid))
                    if (input, line) == (event.input, event.line)
                        && !survives(&served, stream, pid, event.us) =>
                {
                    (pid, Reason::CpuTime, None, 0)
                }
                _ => continue,
            },
            OdooFact::MemorySoft { pid } => (pid, Reason::MemorySoft, None, 0),
            OdooFact::MaxRequests { pid } => (pid, Reason::MaxRequests, None, 0),
            _ => continue,
        };
        let life = lives.entry((stream, pid)).or_default();
        match life.death.and_then(|at| deaths.get_mut(at)) {
            // The master repeats the line until it has reaped the process.
            Some(death) if death.reason == reason => death.lines += 1,
            // A worker that was told to recycle and then hung is killed all the same.
            Some(death) if !death.reason.is_kill() && reason.is_kill() => {
                let class = if class == 0 { life.class } else { class };
                *death = new_death(event, pid, stream, class, reason, limit_s);
            }
            Some(_) => {}
            None => {
                life.death = Some(deaths.len());
                let class = if class == 0 { life.class } else { class };
                deaths.push(new_death(event, pid, stream, class, reason, limit_s));
            }
        }
    }
    add_kernel_kills(events, &mut deaths);
    deaths.sort_by_key(|death| (death.us, death.stream, death.pid));
    deaths
}

fn new_death(
    event: &OdooEvent,
    pid: u32,
    stream: u32,
    class: u32,
    reason: Reason,
    limit_s: Option<u32>,
) -> Death {
    Death {
        us: event.us,
        pid,
        stream,
        class,
        reason,
        limit_s,
        lines: 1,
        input: event.input,
        line: event.line,
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
        let stream = streams.get(request.input as usize).copied().unwrap_or(0);
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
fn add_kernel_kills(events: &Events, deaths: &mut Vec<Death>) {
    let mut class_of: FxHashMap<u32, u32> = FxHashMap::default();
    for event in &events.odoo {
        if let OdooFact::Alive { class, pid } = event.fact {
            class_of.insert(pid, class);
        }
    }
    for kill in &events.kernel {
        let name = events.texts.get(kill.name);
        let is_odoo = class_of.contains_key(&kill.pid) || name.contains("odoo") || name.contains("python");
        let known =
            deaths.iter().any(|death| death.pid == kill.pid && (death.us - kill.us).abs() < 5 * SECOND_US);
        if is_odoo && !known {
            deaths.push(Death {
                us: kill.us,
                pid: kill.pid,
                stream: 0,
                class: class_of.get(&kill.pid).copied().unwrap_or(0),
                reason: Reason::OomKiller,
                limit_s: None,
                lines: 1,
                input: kill.input,
                line: kill.line,
            });
        }
    }
}
