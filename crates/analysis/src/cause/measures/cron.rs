//! Scheduled jobs: which were running when it began, and whether that was unusual.

use std::collections::BTreeMap;

use stormtrace_logs::timestamp::SECOND_US;

use super::{Count, Look};
use crate::events::OdooFact;
use crate::report::Reference;

/// A job this long is long, µs.
const LONG_US: i64 = 30 * SECOND_US;
/// A job that began this long before the onset may have led to it, µs.
const LEAD_US: i64 = 300 * SECOND_US;
/// Jobs that begin this close together begin together, µs.
const TOGETHER_US: i64 = 10 * SECOND_US;

/// One run of a job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Name.
    pub name: String,
    /// Start, µs.
    pub start_us: i64,
    /// End, or when its worker was killed, or the end of what is known, µs.
    pub end_us: i64,
    /// Where it began.
    pub reference: Reference,
}

/// Figures of scheduled jobs.
#[derive(Debug, Clone, Default)]
pub struct Cron {
    /// Starts of jobs are logged.
    pub logged: bool,
    /// Long jobs that were running at the onset, and are not always that long.
    pub running: Vec<Job>,
    /// How many of those began together.
    pub together: usize,
    /// Most jobs at once before that.
    pub usual: usize,
    /// Cron workers killed that, by their limit, had begun before the first request was blocked. An idle worker pings every
    /// 70 s, so the job of one killed at K began between K - limit - 4 s and K - limit + 70 s.
    pub killed_early: Count,
}

impl Cron {
    pub(super) fn of(look: &Look<'_>) -> Self {
        let jobs = jobs(look);
        let logged = !jobs.is_empty();
        let (before_from, _) = look.baseline();
        let mut usual_us: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for job in jobs.iter().filter(|job| job.end_us < look.onset_us) {
            usual_us.entry(&job.name).or_default().push(job.end_us - job.start_us);
        }
        let running: Vec<Job> = jobs
            .iter()
            .filter(|job| {
                let latest = look.onset_us + look.onset_uncertainty_us;
                (look.onset_us - LEAD_US..=latest).contains(&job.start_us)
            })
            .filter(|job| job.end_us > look.onset_us && job.end_us - job.start_us >= LONG_US)
            .filter(|job| {
                // Earlier runs that took as long did no harm.
                let longest = usual_us.get(job.name.as_str()).and_then(|runs| runs.iter().max());
                longest.is_none_or(|longest| 2 * longest < job.end_us - job.start_us)
            })
            .cloned()
            .collect();
        let together = running
            .iter()
            .map(|job| {
                running.iter().filter(|other| (other.start_us - job.start_us).abs() <= TOGETHER_US).count()
            })
            .max()
            .unwrap_or(0);
        let calm_until = running.iter().map(|job| job.start_us).min().unwrap_or(look.onset_us);
        let usual = most_at_once(
            jobs.iter()
                .filter(|job| job.start_us >= before_from && job.start_us < calm_until)
                .map(|job| (job.start_us, job.end_us.min(calm_until))),
        );
        Cron { logged, running, together, usual, killed_early: killed_early(look) }
    }
}

fn killed_early(look: &Look<'_>) -> Count {
    let texts = &look.picture.events.texts;
    let mut count = Count::default();
    for death in look.picture.deaths {
        let Some(limit_s) = death.limit_s.filter(|_| texts.get(death.class).contains("Cron")) else {
            continue;
        };
        let began = death.us - i64::from(limit_s) * SECOND_US;
        if death.us >= look.from
            && began <= look.onset_us + look.onset_uncertainty_us
            && began >= look.onset_us - LEAD_US
        {
            count.add(|| look.places.reference(death.input, death.line, death.us));
        }
    }
    count
}

/// Every run, in order of start.
fn jobs(look: &Look<'_>) -> Vec<Job> {
    let events = look.picture.events;
    let mut running: BTreeMap<(u32, u32), (u32, i64, Reference)> = BTreeMap::new();
    let mut jobs = Vec::new();
    let mut deaths = look
        .picture
        .deaths
        .iter()
        .filter(|death| events.texts.get(death.class).contains("Cron") || death.class == 0)
        .peekable();
    let mut close = |running: &mut BTreeMap<(u32, u32), (u32, i64, Reference)>, pid: (u32, u32), us: i64| {
        if let Some((name, start_us, reference)) = running.remove(&pid) {
            jobs.push(Job { name: events.texts.get(name).to_owned(), start_us, end_us: us, reference });
        }
    };
    for event in &events.odoo {
        while let Some(death) = deaths.next_if(|death| death.us <= event.us) {
            close(&mut running, (death.stream, death.pid), death.us);
        }
        let stream = look.picture.stream(event.input);
        let own = (stream, event.pid);
        match event.fact {
            OdooFact::CronStart { job } => {
                close(&mut running, own, event.us);
                let reference = look.places.reference(event.input, event.line, event.us);
                running.insert(own, (job, event.us, reference));
            }
            OdooFact::CronEnd { .. } | OdooFact::Exiting { .. } => close(&mut running, own, event.us),
            OdooFact::Alive { pid, .. } => close(&mut running, (stream, pid), event.us),
            _ => {}
        }
    }
    for death in deaths {
        close(&mut running, (death.stream, death.pid), death.us);
    }
    let pids: Vec<(u32, u32)> = running.keys().copied().collect();
    for pid in pids {
        close(&mut running, pid, look.picture.window.1);
    }
    jobs.sort_by(|a, b| a.start_us.cmp(&b.start_us).then_with(|| a.name.cmp(&b.name)));
    jobs
}

fn most_at_once(spans: impl Iterator<Item = (i64, i64)>) -> usize {
    let mut steps: Vec<(i64, i32)> = spans.flat_map(|(from, to)| [(from, 1), (to, -1)]).collect();
    steps.sort_unstable();
    let (mut level, mut most) = (0i32, 0i32);
    for (_, step) in steps {
        level += step;
        most = most.max(level);
    }
    usize::try_from(most).unwrap_or(0)
}
