//! The report's data model: what is found, before it is written in any form. The JSON contract
//! `stormtrace.report/1` is this model, serialised.
//!
//! Times are [`Time`] (UTC, microseconds). Unknown is `None`, never 0. Text that came from logs is plain
//! `String` here; the report crate escapes it for each sink.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

mod judgement;
mod worker_lives;

pub use judgement::{Bound, Extreme, Extremes, PolicyInForce, Rule, Unit, Value};
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

/// One input file and what became of its lines.
#[derive(Debug, Clone, Serialize)]
pub struct Input {
    /// Path as given, or relative to the directory given; inside an archive the archive's path, `/` and the entry's
    /// name (`name#2` where it comes again).
    pub path: String,
    /// Size as stored on disk or, packed as it is, in its archive, bytes.
    pub bytes: u64,
    /// SHA-256 of the stored bytes, hex.
    pub sha256: String,
    /// `plain`, or the containers from outside in: `gzip`, `zip>gzip`, `gzip>tar`.
    pub container: String,
    /// Carrier name.
    pub carrier: String,
    /// Format name, `archive` (its entries are inputs of their own), or `unrecognised`.
    pub format: String,
    /// Source name (see `Report::coverage`), or `configuration`, `probe`, `archive`, `unrecognised`.
    pub source: String,
    /// Share (0 to 1) of the sample's lines the format understood when it was chosen.
    pub detection_score: f64,
    /// Zone of its stamps: `UTC`, `+02:00`, `unknown`, or an aligned one such as `+02:00 (aligned)`.
    pub zone: Option<String>,
    /// First record's time.
    pub first: Option<Time>,
    /// Last record's time.
    pub last: Option<Time>,
    /// Line ledger.
    pub lines: Lines,
    /// Skipped lines by reason.
    pub skipped_by_reason: BTreeMap<String, u64>,
    /// The first skipped line of each reason, in order of the file.
    pub skipped_examples: Vec<SkippedLine>,
    /// What else its first lines could be taken for, next best.
    pub runner_up: Option<RunnerUp>,
    /// Silence of five minutes or more: last record before and first one after; at most the first 1,000. `None`: its
    /// stamps are too irregular to tell. Logs of errors are silent while all is well.
    pub gaps: Option<Vec<(Time, Time)>>,
    /// The input that holds the same stream, more richly.
    pub duplicate_of: Option<String>,
    /// Damage: truncated gzip, trailing garbage, read error. Plain sentences.
    pub problems: Vec<String>,
}

/// A line that was not understood.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedLine {
    /// Line, from 1, in the decompressed file.
    pub line: u64,
    /// Why.
    pub reason: String,
    /// Its beginning, without its carrier.
    pub text: String,
}

/// A format that a file was nearly taken for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunnerUp {
    /// Format name.
    pub format: String,
    /// Carrier name.
    pub carrier: String,
    /// As [`Input::detection_score`].
    pub score: f64,
}

/// Every physical line is in exactly one of these.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Lines {
    /// All lines.
    pub total: u64,
    /// First lines of records.
    pub parsed: u64,
    /// Further lines of records.
    pub continuation: u64,
    /// Lines not understood.
    pub skipped: u64,
}

/// A source's clock against Odoo's.
#[derive(Debug, Clone, Serialize)]
pub struct Clock {
    /// Source name.
    pub source: String,
    /// The source's stamps minus Odoo's clock, after the zone is undone, seconds. `None`: not determinable.
    pub offset_s: Option<f64>,
    /// One-sigma-like bound, seconds.
    pub uncertainty_s: Option<f64>,
    /// Zone applied, seconds east of UTC, where the stamps carry none.
    pub zone_s: Option<i64>,
    /// How it was found.
    pub basis: String,
    /// Number of pairs.
    pub pairs: u64,
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

/// How sure a diagnosis is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Certainty {
    Established,
    Probable,
    Ambiguous,
    #[default]
    NotDeterminable,
}

/// Why it happened.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Diagnosis {
    /// How sure.
    pub verdict: Certainty,
    /// Cause id; set only when established or probable.
    pub trigger: Option<&'static str>,
    /// Candidates, heaviest first.
    pub causes: Vec<Cause>,
    /// Files that would decide.
    pub missing: Vec<String>,
}

/// Part a cause played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Role {
    Trigger,
    Mechanism,
    Symptom,
    Amplifier,
    Response,
}

/// One candidate cause.
#[derive(Debug, Clone, Serialize)]
pub struct Cause {
    /// Cause id.
    pub cause: &'static str,
    /// Part it played.
    pub role: Role,
    /// Its weight is that of a probable cause or more; else it was considered and is listed for completeness.
    pub evidenced: bool,
    /// The evidenced cause that explains this one.
    pub explained_by: Option<&'static str>,
    /// Weight of evidence, decibans.
    pub weight_db: f64,
    /// One sentence.
    pub summary: String,
    /// For and against.
    pub evidence: Vec<Evidence>,
    /// Who did it, where known.
    pub culprit: Option<Culprit>,
    /// What to do.
    pub next_step: String,
}

/// The four values of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum EvidenceStatus {
    Present,
    Absent,
    Unknown,
    Contradicted,
}

/// One piece of evidence.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// Its value.
    pub status: EvidenceStatus,
    /// One sentence with figures.
    pub statement: String,
    /// Weight, decibans.
    pub weight_db: f64,
    /// Items of one family come from one source and are capped together.
    pub family: &'static str,
    /// Where to look.
    pub refs: Vec<Reference>,
}

/// The session, query, job or endpoint at the root.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Culprit {
    /// PostgreSQL backend.
    pub pid: Option<u32>,
    /// application_name.
    pub application_name: Option<String>,
    /// state.
    pub state: Option<String>,
    /// Its last query, shortened.
    pub query: Option<String>,
    /// Longest time it was seen in that state or transaction, seconds.
    pub age_s: Option<f64>,
    /// Cron job or endpoint.
    pub name: Option<String>,
    /// Where.
    pub reference: Option<Reference>,
}

/// A chain from a kill.
#[derive(Debug, Clone, Serialize)]
pub struct Link {
    /// The kill.
    pub kill: LinkKill,
    /// The request it ended.
    pub request: Option<LinkRequest>,
    /// Requests it may have ended, when more than one is possible.
    pub candidates: Vec<LinkRequest>,
    /// The backend it used.
    pub backend: Option<LinkBackend>,
    /// The session at the end of the chain of waits.
    pub root_blocker: Option<LinkBlocker>,
    /// `exact`: no other whole fits, or the `candidates` that do are the same failure (target, status, second); `probable`:
    /// the best, but not proven; `set`: one of the candidates.
    pub confidence: &'static str,
    /// Why, in short sentences.
    pub reasons: Vec<String>,
}

/// Kills that ended the same kind of request behind the same session.
#[derive(Debug, Clone, Serialize)]
pub struct Chain {
    /// Kills.
    pub kills: u64,
    /// First of them.
    pub first: Time,
    /// Last of them.
    pub last: Time,
    /// Method of the request; null where it is not known which request it was.
    pub method: Option<String>,
    /// Path of the request.
    pub path: Option<String>,
    /// Kills of which the backend is known.
    pub backends: u64,
    /// The session that all of these backends waited for.
    pub root_blocker: Option<LinkBlocker>,
}

/// A kill in a link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkKill {
    /// When.
    pub time: Time,
    /// Worker.
    pub pid: u32,
    /// Worker class.
    pub class: String,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
}

/// A request in a link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkRequest {
    /// End as nginx logged it.
    pub end: Time,
    /// Method.
    pub method: String,
    /// Target.
    pub path: String,
    /// Status.
    pub status: u16,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
}

/// A backend in a link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkBackend {
    /// Backend.
    pub pid: u32,
    /// Query.
    pub query: Option<String>,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
}

/// A root blocker in a link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkBlocker {
    /// Backend.
    pub pid: u32,
    /// application_name.
    pub application_name: Option<String>,
    /// state.
    pub state: Option<String>,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
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
