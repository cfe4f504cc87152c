//! The report's data model: what is found, before it is written in any form. The JSON contract
//! `stormtrace.report/1` is this model, serialised.
//!
//! Times are [`Time`] (UTC, microseconds). Unknown is `None`, never 0. Text that came from logs is plain
//! `String` here; the report crate escapes it for each sink.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

mod diagnosis;
mod inputs;
mod judgement;
mod links;
mod saturation;
mod worker_lives;

pub use diagnosis::{Cause, Certainty, Culprit, Diagnosis, Evidence, EvidenceStatus, Role};
pub use inputs::{Clock, Input, Lines, RunnerUp, SkippedLine};
pub use judgement::{Bound, Extreme, Extremes, PolicyInForce, Rule, Unit, Value};
pub use links::{Chain, Link, LinkBackend, LinkBlocker, LinkKill, LinkRequest};
pub use saturation::{Division, LittlesLaw, Ordering, Saturation, Statement, WorkerTime, WorkerTimeRow};
pub use worker_lives::{RoleLives, WorkerLife, WorkerLives};

/// A UTC instant in microseconds since 1970; serialised as RFC 3339 with six fraction digits and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// RFC 3339 text such as `2026-11-23T18:31:14.985000Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S%.6fZ")
    }

    /// Text by a chrono format string, in UTC.
    #[must_use]
    pub fn format(self, format: &str) -> String {
        chrono::DateTime::from_timestamp_micros(self.0)
            .map_or_else(|| "invalid".to_owned(), |time| time.format(format).to_string())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `stormtrace.report/1`.
    pub schema: &'static str,
    /// Who wrote it.
    pub tool: Tool,
    /// What the log inputs cover together.
    pub window: Option<Window>,
    /// Every input file.
    pub inputs: Vec<Input>,
    /// Spans covered, by source name (`odoo`, `nginx_access`, `nginx_error`, `postgres_log`, `pg_stat_activity`, `host`).
    pub coverage: BTreeMap<&'static str, Vec<(Time, Time)>>,
    /// Offsets between the clocks of the sources.
    pub clocks: Vec<Clock>,
    /// Incidents in order of start.
    pub incidents: Vec<Incident>,
    /// Endpoints by share of busy time.
    pub endpoints: Vec<Endpoint>,
    /// SQL by total time.
    pub queries: Vec<Query>,
    /// Configuration and hygiene findings.
    pub findings: Vec<Finding>,
    /// Per-bucket series for charts; all vectors have `timeline.buckets` entries.
    pub timeline: Timeline,
    /// Totals over all inputs, incident or not.
    pub totals: Totals,
    /// How every process began and ended.
    pub worker_lives: WorkerLives,
    /// The first and the worst of what a policy limits, over all inputs.
    pub extremes: Extremes,
    /// Judgement by the policy in force.
    pub verdict: Verdict,
    /// The policy in force; `None` when nothing was judged.
    pub policy: Option<PolicyInForce>,
    /// What each rule of the policy says.
    pub rules: Vec<Rule>,
    /// One sentence: what happened, when, how bad, whether it held.
    pub headline: String,
    /// What could not be said and why, in plain sentences.
    pub notes: Vec<String>,
}

/// Name and version of this program.
#[derive(Debug, Clone, Serialize)]
pub struct Tool {
    /// `stormtrace`.
    pub name: &'static str,
    /// Version.
    pub version: &'static str,
}

/// A span of time.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Window {
    /// First instant.
    pub from: Time,
    /// Last instant.
    pub to: Time,
}

/// Kinds of incident (design.md, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Kind {
    WorkerTimeoutStorm,
    HttpErrorBurst,
    BusOutage,
    ServiceOutage,
    ServiceRestart,
    LatencyDegradation,
}

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Severity {
    Info,
    Minor,
    Major,
    Critical,
}

/// A place in an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// Input path.
    pub path: String,
    /// Line, from 1, in the decompressed file.
    pub line: u64,
    /// Time of the record.
    pub time: Option<Time>,
}

/// One incident.
#[derive(Debug, Clone, Serialize)]
pub struct Incident {
    /// `incident-1` …
    pub id: String,
    /// What it was.
    pub kind: Kind,
    /// Failures too few for an incident, noted so that no figure is lost.
    pub isolated: bool,
    /// Arrival of the first blocked request.
    pub start: Time,
    /// Last failure a user saw.
    pub end: Time,
    /// The inputs end before it did.
    pub ongoing_at_end: bool,
    /// How bad.
    pub severity: Severity,
    /// One sentence.
    pub summary: String,
    /// Why the detector fired, one sentence each, with figures.
    pub detection: Vec<String>,
    /// Counts.
    pub impact: Impact,
    /// Where the workers' time went; `None` where nothing tells, and for isolated failures.
    pub worker_time: Option<WorkerTime>,
    /// Why.
    pub diagnosis: Diagnosis,
    /// Kill to request to backend to blocker.
    pub links: Vec<Link>,
    /// The same kills, counted by what they were stuck in, most first.
    pub chains: Vec<Chain>,
    /// Coincidence of series after shifting events to their start.
    pub correlations: Vec<Correlation>,
    /// What operators did.
    pub actions: Vec<Action>,
    /// Whether it held.
    pub recovery: Recovery,
}

/// What was hit.
#[derive(Debug, Clone, Serialize)]
pub struct Impact {
    /// Worker lives ended.
    pub kills: Kills,
    /// The http lane inside the incident.
    pub requests: Requests,
    /// The bus lane inside the incident.
    pub bus: Bus,
    /// Maxima seen by PostgreSQL's log and snapshots.
    pub postgres: Postgres,
    /// Workers and queue.
    pub saturation: Saturation,
}

/// Distinct worker lives ended inside the incident.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Kills {
    /// Ended by `real_time`, `cpu_time`, `memory_hard` or `oom_killer`.
    pub total: u64,
    /// All ends by reason, benign ones too.
    pub by_reason: BTreeMap<String, u64>,
    /// Kills (as in total) by worker class.
    pub by_class: BTreeMap<String, u64>,
    /// Log lines that reported them, repeats included.
    pub lines: u64,
    /// First kill.
    pub first: Option<Reference>,
    /// Last kill.
    pub last: Option<Reference>,
}

/// Requests of the http lane. `None` everywhere when no access log covers the incident.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Requests {
    /// All.
    pub total: Option<u64>,
    /// Client left.
    pub http_499: Option<u64>,
    /// Internal error.
    pub http_500: Option<u64>,
    /// Bad gateway.
    pub http_502: Option<u64>,
    /// Unavailable.
    pub http_503: Option<u64>,
    /// Gateway timeout.
    pub http_504: Option<u64>,
    /// (500 + 502 + 503 + 504) / total.
    pub failed_ratio: Option<f64>,
    /// Wilson 95 % interval.
    pub failed_ratio_ci95: Option<[f64; 2]>,
    /// 95th percentile of `$request_time` inside the incident, ms.
    pub p95_ms: Option<f64>,
    /// The same outside all incidents, ms.
    pub baseline_p95_ms: Option<f64>,
}

/// The bus lane.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Bus {
    /// Requests ended inside the incident.
    pub requests: Option<u64>,
    /// 5xx among them (probes of `400` to a bare HEAD are healthy).
    pub failed: Option<u64>,
    /// New websocket handshakes or polls begun.
    pub reconnects: Option<u64>,
}

/// PostgreSQL maxima inside the incident.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Postgres {
    /// Backends active over 30 s in one snapshot.
    pub max_active_over_30s: Option<u64>,
    /// Oldest active query, seconds.
    pub max_query_age_s: Option<f64>,
    /// Backends idle in transaction in one snapshot.
    pub max_idle_in_transaction: Option<u64>,
    /// `still waiting` log records.
    pub lock_waits: Option<u64>,
    /// Deadlocks.
    pub deadlocks: Option<u64>,
}

/// Coincidence of two series.
#[derive(Debug, Clone, Serialize)]
pub struct Correlation {
    /// Earlier series.
    pub leader: &'static str,
    /// Later series.
    pub follower: &'static str,
    /// Median lag of the raw events, seconds.
    pub lag_s: f64,
    /// Share of follower events with a leader event within the window, after the shift.
    pub coincidence: f64,
    /// By all circular shifts.
    pub p_value: f64,
}

/// Something an operator did.
#[derive(Debug, Clone, Serialize)]
pub struct Action {
    /// When.
    pub time: Time,
    /// Kind (design.md, section 4).
    pub kind: &'static str,
    /// Detail.
    pub detail: String,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
    /// What followed.
    pub effect: String,
}

/// Whether it held.
#[derive(Debug, Clone, Serialize)]
pub struct Recovery {
    /// `recovered`, `relapsed`, `not_recovered` or `unknown`.
    pub verdict: &'static str,
    /// Since when every criterion passes.
    pub recovered_at: Option<Time>,
    /// Seconds observed since then.
    pub held_s: Option<f64>,
    /// Seconds required.
    pub required_s: f64,
    /// Where it did not hold long enough: since when nothing is known to be bad.
    pub improving_since: Option<Time>,
    /// What the verdict alone does not say, such as a restart that reset the symptoms.
    pub note: String,
    /// One by one.
    pub criteria: Vec<Criterion>,
}

impl Default for Recovery {
    /// Nothing is known.
    fn default() -> Self {
        Recovery {
            verdict: "unknown",
            recovered_at: None,
            held_s: None,
            required_s: 900.0,
            improving_since: None,
            note: String::new(),
            criteria: Vec::new(),
        }
    }
}

/// One criterion of recovery.
#[derive(Debug, Clone, Serialize)]
pub struct Criterion {
    /// Stable id.
    pub id: &'static str,
    /// `pass`, `fail` or `unknown`.
    pub status: &'static str,
    /// Since when.
    pub since: Option<Time>,
    /// Value seen.
    pub value: Option<f64>,
    /// Limit.
    pub limit: Option<f64>,
    /// One sentence.
    pub detail: String,
}

/// One endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct Endpoint {
    /// Method.
    pub method: String,
    /// Target without query, ids replaced.
    pub route: String,
    /// Lane.
    pub lane: &'static str,
    /// Requests.
    pub count: u64,
    /// Median of `$request_time`.
    pub p50_ms: Option<f64>,
    /// 95th percentile.
    pub p95_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Maximum.
    pub max_ms: Option<f64>,
    /// 5xx.
    pub failed: u64,
    /// Requests that ended inside an incident (isolated failures are none).
    pub incident_count: u64,
    /// 5xx among them.
    pub incident_failed: u64,
    /// 95th percentile inside incidents, ms.
    pub incident_p95_ms: Option<f64>,
    /// 95th percentile outside all incidents, ms.
    pub baseline_p95_ms: Option<f64>,
    /// Share of the http lane's summed request time; `None` in other lanes.
    pub share_of_busy_time: Option<f64>,
}

/// One normalised query.
#[derive(Debug, Clone, Serialize)]
pub struct Query {
    /// Normalised text.
    pub fingerprint: String,
    /// Logged executions; 0 for one that was only seen waiting.
    pub calls: u64,
    /// Sum of durations.
    pub total_s: f64,
    /// Longest.
    pub max_s: f64,
    /// Part of the total inside incidents.
    pub incident_total_s: f64,
    /// Waits for locks, of executions that never ended too; `None` where waits would not be seen.
    pub waits: Option<u64>,
    /// Time spent in those.
    pub lock_wait_s: Option<f64>,
    /// An example.
    pub example_ref: Option<Reference>,
}

/// A finding about configuration or hygiene.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Stable id.
    pub id: &'static str,
    /// How bad.
    pub severity: Severity,
    /// Title.
    pub title: String,
    /// Detail with figures.
    pub detail: String,
    /// Where.
    pub refs: Vec<Reference>,
    /// A configuration line.
    pub fix: String,
}

/// Series for charts.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Timeline {
    /// Start of the first bucket.
    pub from: Option<Time>,
    /// Length of a bucket, seconds.
    pub bucket_s: u64,
    /// Number of buckets.
    pub buckets: usize,
    /// Distinct kills.
    pub kills: Vec<u32>,
    /// http-lane requests ended.
    pub requests: Vec<u32>,
    /// http-lane 502.
    pub http_502: Vec<u32>,
    /// http-lane 504.
    pub http_504: Vec<u32>,
    /// http-lane 500 and 503.
    pub http_500: Vec<u32>,
    /// Bus-lane failures (5xx).
    pub bus_failed: Vec<u32>,
    /// Most http-lane requests in flight at nginx; `None` without `$request_time`.
    pub in_flight: Vec<Option<u32>>,
    /// Oldest active query in a snapshot, seconds.
    pub oldest_query_s: Vec<Option<f64>>,
    /// Most backends idle in transaction.
    pub idle_in_transaction: Vec<Option<u32>>,
    /// Busiest host sample, percent.
    pub cpu_busy_percent: Vec<Option<f64>>,
}

/// Totals over everything read, copies counted once.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    /// All requests in access logs, every lane.
    pub requests: Option<u64>,
    /// By status.
    pub by_status: BTreeMap<u16, u64>,
    /// http lane by status.
    pub http_by_status: BTreeMap<u16, u64>,
    /// Bus lane requests.
    pub bus_requests: Option<u64>,
    /// Bus lane 5xx.
    pub bus_failed: Option<u64>,
    /// Bus lane by status.
    pub bus_by_status: BTreeMap<u16, u64>,
    /// Distinct kills (as `Kills::total`).
    pub kills: u64,
    /// Cron workers among them; nobody waits for those.
    pub cron_kills: u64,
    /// All worker ends by reason.
    pub kills_by_reason: BTreeMap<String, u64>,
    /// `timeout after` lines, repeats included.
    pub kill_lines: u64,
}

/// Verdict of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Verdict {
    Pass,
    Warn,
    Fail,
    Unknown,
}
