//! How workers ended during the incident.

use rustc_hash::FxHashSet;
use stormtrace_logs::timestamp::SECOND_US;

use super::{Count, Look};
use crate::events::OdooFact;
use crate::lives::Reason;

/// Ends of workers by reason.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    /// Kills of workers that serve requests.
    pub http_kills: Count,
    /// The time those workers were stuck at the least, seconds: their time limit; ten seconds where another limit ended them.
    pub http_stuck_s: f64,
    /// Kills of cron workers.
    pub cron_kills: Count,
    /// `limit_time_cpu`.
    pub cpu: Count,
    /// The kernel's OOM killer.
    pub out_of_memory: Count,
    /// Recycled on the soft memory limit.
    pub memory_soft: Count,
    /// The same per worker and minute.
    pub memory_soft_rate: f64,
    /// The same before the incident.
    pub memory_soft_rate_before: f64,
    /// HTTP workers that were replaced though nothing told of their end.
    pub vanished: Count,
}

impl Ends {
    pub(super) fn of(look: &Look<'_>) -> Self {
        let picture = look.picture;
        let texts = &picture.events.texts;
        let mut ends = Ends::default();
        let (before_from, before_to) = look.baseline();
        let mut soft_before = 0u64;
        for death in picture.deaths {
            if death.reason == Reason::MemorySoft && (before_from..before_to).contains(&death.us) {
                soft_before += 1;
            }
            if !look.inside(death.us) {
                continue;
            }
            let place = || look.places.reference(death.input, death.line, death.us);
            if death.reason.is_kill() {
                let cron = texts.get(death.class).contains("Cron");
                if cron { &mut ends.cron_kills } else { &mut ends.http_kills }.add(place);
                if !cron {
                    ends.http_stuck_s += match death.reason {
                        Reason::RealTime => f64::from(death.limit_s.unwrap_or(10)),
                        Reason::CpuTime => 10.0,
                        _ => 0.0,
                    };
                }
            }
            match death.reason {
                Reason::CpuTime => ends.cpu.add(place),
                Reason::OomKiller => ends.out_of_memory.add(place),
                Reason::MemorySoft => ends.memory_soft.add(place),
                _ => {}
            }
        }
        let workers = f64::from(picture.facts.workers.unwrap_or(1).max(1));
        let rate =
            |count: u64, span_us: i64| count as f64 / workers / (span_us.max(60 * SECOND_US) as f64 / 60e6);
        ends.memory_soft_rate =
            rate(ends.memory_soft.count, look.episodes.iter().map(|(from, to)| to - from).sum());
        // A short stretch before the first failure may already be part of the trouble.
        const LONG_ENOUGH_US: i64 = 300 * SECOND_US;
        if before_to - before_from >= LONG_ENOUGH_US {
            ends.memory_soft_rate_before = rate(soft_before, before_to - before_from);
        }
        ends.vanished = vanished(look);
        ends
    }
}

/// A new HTTP worker begins for one that ended. Those that begin without any end having been told replace workers that
/// were killed from outside: SIGKILL leaves no line.
fn vanished(look: &Look<'_>) -> Count {
    let picture = look.picture;
    let texts = &picture.events.texts;
    let told: FxHashSet<u32> = picture.deaths.iter().map(|death| death.pid).collect();
    let mut begun = Vec::new();
    let mut ended = 0usize;
    let (mut stopping, mut gone) = (false, FxHashSet::default());
    for event in picture.events.odoo.iter().filter(|event| look.inside(event.us)) {
        match event.fact {
            OdooFact::Alive { class, .. } if texts.get(class).contains("HTTP") => begun.push(event),
            OdooFact::Exiting { pid } | OdooFact::WorkerException { pid } | OdooFact::MaxAge { pid }
                if !told.contains(&pid) && gone.insert(pid) =>
            {
                ended += 1;
            }
            OdooFact::Stopping
            | OdooFact::StoppingForcefully
            | OdooFact::Reloading
            | OdooFact::Banner { .. } => {
                stopping = true;
            }
            _ => {}
        }
    }
    ended += picture
        .deaths
        .iter()
        .filter(|death| look.inside(death.us) && !texts.get(death.class).contains("Cron"))
        .filter(|death| death.reason != Reason::OomKiller)
        .count();
    let mut count = Count::default();
    if stopping {
        return count;
    }
    for event in begun.iter().skip(ended) {
        count.add(|| look.places.reference(event.input, event.line, event.us));
    }
    count
}
