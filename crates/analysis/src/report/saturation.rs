//! How full the workers and their queue were, and where their time went.

use serde::Serialize;

use super::{Reference, Time};

/// Workers and queue.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Saturation {
    /// HTTP workers configured or seen.
    pub workers: Option<u64>,
    /// Most http-lane requests in flight at nginx.
    pub peak_in_flight: Option<u64>,
    /// Seconds with all workers busy, by the replay of the accept queue and by workers' own lines.
    pub saturated_s: Option<f64>,
    /// Most requests waiting for a worker, those whose client had gone included.
    pub queue_peak: Option<u64>,
    /// Worker seconds that requests held a worker inside the incident (methods 3.4); `Incident::worker_time` divides them.
    pub blocked_worker_s: Option<f64>,
    /// Mean share of the workers that were busy, 0 to 1.
    pub utilisation: Option<f64>,
    /// All workers were busy for two beats (8 s), or the accept queue overflowed, or held more than its backlog.
    pub saturated: Option<bool>,
    /// When that began.
    pub saturated_at: Option<Time>,
    /// What proves it.
    pub signs: Vec<Statement>,
    /// 95th percentile of the wait in the accept queue, of requests whose arrival and acceptance are known, seconds.
    pub queue_wait_p95_s: Option<f64>,
    /// The longest such wait, seconds.
    pub queue_wait_max_s: Option<f64>,
    /// Requests whose connection to Odoo took 0.9 s or more: the accept queue was full.
    pub accept_queue_overflows: Option<u64>,
    /// Longest time to connect, seconds.
    pub longest_connect_s: Option<f64>,
    /// Requests that were executed after their client had been given up on inside the incident: work for nobody.
    pub ghost_requests: Option<u64>,
    /// Worker seconds of those, also after the incident's end.
    pub ghost_worker_s: Option<f64>,
    /// Little's law as a check of the data; `None` without `$request_time`.
    pub littles_law: Option<LittlesLaw>,
    /// Whether latency rose before the processors were saturated.
    pub order: Ordering,
    /// What cannot be said here and why, in sentences.
    pub lost: Vec<String>,
}

/// A sentence and where it can be looked up.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Statement {
    /// One sentence, without a full stop.
    pub statement: String,
    /// Where to look.
    pub refs: Vec<Reference>,
}

/// Little's law inside the incident, http lane at nginx.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LittlesLaw {
    /// Integral of the requests in flight over the length.
    pub mean_in_flight: f64,
    /// Relative difference between that integral and the summed, clipped request times: 0 in sound data.
    pub mismatch: Option<f64>,
    /// Requests ended a second.
    pub rate_per_s: f64,
    /// Their mean `$request_time`, seconds.
    pub mean_request_s: Option<f64>,
    /// Rate times mean; only where the incident lasts ten mean durations.
    pub expected_in_flight: Option<f64>,
}

/// Whether latency rose before the processors were saturated (methods 3.3). Both onsets are intervals.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Ordering {
    /// `before`, `not_before` or `not_decidable`.
    pub answer: &'static str,
    /// Why, in words.
    pub reason: String,
    /// Latency rose after this instant …
    pub latency_rose_after: Option<Time>,
    /// … and by this one: a request had then lasted longer than the limit.
    pub latency_rose_by: Option<Time>,
    /// The 90th percentile counts as risen above this, ms.
    pub latency_limit_ms: Option<f64>,
    /// Median of the 90th percentiles (per 30 s) before the incident, ms; `None` where there is too little before it.
    pub latency_baseline_ms: Option<f64>,
    /// The processors became 90 % busy, for two samples, after this instant …
    pub processor_saturated_after: Option<Time>,
    /// … and by this one.
    pub processor_saturated_by: Option<Time>,
    /// Usual time between host samples, seconds.
    pub processor_step_s: Option<f64>,
    /// Share of the incident that host samples cover, 0 to 1.
    pub processor_coverage: Option<f64>,
    /// The first saturated sample.
    pub refs: Vec<Reference>,
}

/// Where the workers' time went (methods 3.4): worker seconds inside the incident, divided in several ways.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WorkerTime {
    /// Workers × length of the incident, worker seconds.
    pub capacity_worker_s: Option<f64>,
    /// Worker seconds that requests held a worker.
    pub busy_worker_s: f64,
    /// One division each: `activity`, `endpoint`, `query`, `root_blocker`, `cron_job`.
    pub divisions: Vec<Division>,
}

/// One way of dividing the workers' time.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Division {
    /// `activity`, `endpoint`, `query`, `root_blocker` or `cron_job`.
    pub by: &'static str,
    /// Largest first.
    pub rows: Vec<WorkerTimeRow>,
    /// Worker seconds in rows that are not listed.
    pub others_worker_s: f64,
    /// Busy worker seconds that belong to no row; `None` where the rows are not parts of the busy time (cron jobs).
    pub unattributed_worker_s: Option<f64>,
}

/// One row.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WorkerTimeRow {
    /// What it is attributed to.
    pub name: String,
    /// Worker seconds.
    pub worker_s: f64,
    /// Share of the capacity, 0 to 1; a suspect below 0.2 cannot be the only cause.
    pub share_of_capacity: Option<f64>,
    /// Requests, waits, statements or runs.
    pub count: u64,
    /// An example: the longest one.
    #[serde(rename = "ref")]
    pub reference: Option<Reference>,
}
