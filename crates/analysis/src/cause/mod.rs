//! Causes. One file each, one line in [`ALL`]. A cause weighs plain evidence for and against itself, in decibans; what a
//! missing source would have told is unknown and weighs nothing.

use crate::report::{Cause, Certainty, Culprit, Diagnosis, Evidence, EvidenceStatus, Kind, Reference, Role};

pub mod measures;

mod bus_misrouted;
mod bus_process_down;
mod connection_pool_exhausted;
mod cpu_bound_requests;
mod cron_storm;
mod disk_io_stall;
mod external_call_slow;
mod lock_holder_active;
mod lock_holder_idle_in_transaction;
mod memory_recycling;
mod out_of_memory_killer;
mod postgres_connections_exhausted;
mod proxy_timeout_too_short;
mod service_down;
mod service_restart;
mod slow_queries;
mod traffic_surge;

use measures::{Count, Measures};

/// What a cause found.
#[derive(Debug, Default)]
pub struct Weighed {
    /// For and against.
    pub evidence: Vec<Evidence>,
    /// Who did it.
    pub culprit: Option<Culprit>,
}

impl Weighed {
    /// Evidence for, when `holds`; evidence against of weight `against_db`, when not.
    pub fn say(
        &mut self,
        holds: bool,
        for_db: f64,
        against_db: f64,
        statement: String,
        refs: Vec<Reference>,
    ) {
        let (status, weight_db) =
            if holds { (EvidenceStatus::Present, for_db) } else { (EvidenceStatus::Absent, -against_db) };
        self.evidence.push(Evidence { status, statement, weight_db, refs });
    }

    /// A counted sign.
    pub fn count(&mut self, count: &Count, at_least: u64, for_db: f64, against_db: f64, what: &str) {
        let statement = format!("{} {what}", count.count);
        self.say(
            count.count >= at_least,
            for_db,
            against_db,
            statement,
            count.first.iter().cloned().collect(),
        );
    }

    /// What a missing source would have told.
    pub fn unknown(&mut self, statement: &str) {
        let statement = statement.to_owned();
        self.evidence.push(Evidence {
            status: EvidenceStatus::Unknown,
            statement,
            weight_db: 0.0,
            refs: Vec::new(),
        });
    }

    fn weight(&self) -> f64 {
        self.evidence.iter().map(|evidence| evidence.weight_db.clamp(-15.0, 15.0)).sum()
    }
}

/// One cause.
pub trait Suspect: Sync {
    /// Stable id.
    fn id(&self) -> &'static str;
    /// One sentence when it is the answer.
    fn summary(&self) -> &'static str;
    /// What to do: stabilise first.
    fn next_step(&self) -> &'static str;
    /// Part it plays when it is not the trigger.
    fn role(&self) -> Role {
        Role::Mechanism
    }
    /// Recognised by exact lines; does not compete by weight (methods 4.1, stage 1).
    fn gate(&self, _measures: &Measures, _kind: Kind) -> bool {
        false
    }
    /// Weighs the evidence.
    fn weigh(&self, measures: &Measures, kind: Kind) -> Weighed;
}

/// Every known cause.
pub const ALL: &[&dyn Suspect] = &[
    &service_restart::ServiceRestart,
    &service_down::ServiceDown,
    &bus_misrouted::BusMisrouted,
    &bus_process_down::BusProcessDown,
    &out_of_memory_killer::OutOfMemoryKiller,
    &postgres_connections_exhausted::PostgresConnectionsExhausted,
    &connection_pool_exhausted::ConnectionPoolExhausted,
    &lock_holder_idle_in_transaction::LockHolderIdleInTransaction,
    &lock_holder_active::LockHolderActive,
    &cron_storm::CronStorm,
    &memory_recycling::MemoryRecycling,
    &disk_io_stall::DiskIoStall,
    &cpu_bound_requests::CpuBoundRequests,
    &slow_queries::SlowQueries,
    &external_call_slow::ExternalCallSlow,
    &traffic_surge::TrafficSurge,
    &proxy_timeout_too_short::ProxyTimeoutTooShort,
];

/// Weight for `established`, and its margin.
const ESTABLISHED_DB: (f64, f64) = (15.0, 10.0);
/// Weight for `probable`, and its margin.
const PROBABLE_DB: (f64, f64) = (8.0, 5.0);

/// A first diagnosis: gates, then weights, then abstention.
#[must_use]
pub fn diagnose(measures: &Measures, kind: Kind) -> Diagnosis {
    let gate = ALL.iter().find(|suspect| suspect.gate(measures, kind));
    let mut causes: Vec<Cause> = ALL
        .iter()
        .filter_map(|suspect| {
            let weighed = suspect.weigh(measures, kind);
            let is_gate = gate.is_some_and(|gate| gate.id() == suspect.id());
            let weight_db = weighed.weight();
            (is_gate || weight_db > 0.0).then(|| Cause {
                cause: suspect.id(),
                role: suspect.role(),
                weight_db: if is_gate { weight_db.max(30.0) } else { weight_db },
                summary: suspect.summary().to_owned(),
                evidence: weighed.evidence,
                culprit: weighed.culprit,
                next_step: suspect.next_step().to_owned(),
            })
        })
        .collect();
    causes.sort_by(|a, b| b.weight_db.total_cmp(&a.weight_db).then_with(|| a.cause.cmp(b.cause)));
    let best = causes.first().map_or(0.0, |cause| cause.weight_db);
    let margin = best - causes.get(1).map_or(0.0, |cause| cause.weight_db);
    let missing = missing(measures);
    let verdict =
        if gate.is_some() || (best >= ESTABLISHED_DB.0 && margin >= ESTABLISHED_DB.1 && missing.is_empty()) {
            Certainty::Established
        } else if best >= PROBABLE_DB.0 && margin >= PROBABLE_DB.1 {
            Certainty::Probable
        } else if best >= PROBABLE_DB.0 {
            Certainty::Ambiguous
        } else {
            Certainty::NotDeterminable
        };
    let named = matches!(verdict, Certainty::Established | Certainty::Probable);
    if named && let Some(first) = causes.first_mut() {
        first.role = Role::Trigger;
    }
    let trigger = causes.first().filter(|_| named).map(|cause| cause.cause);
    Diagnosis { verdict, trigger, causes, missing }
}

/// Sources that would decide and are not there.
fn missing(measures: &Measures) -> Vec<String> {
    let mut missing = Vec::new();
    if measures.snapshots == 0 {
        missing.push("snapshots of pg_stat_activity (with pg_blocking_pids) during the incident".to_owned());
    }
    if !measures.postgres_log {
        missing.push(
            "the PostgreSQL log, with log_lock_waits = on and log_min_duration_statement set".to_owned(),
        );
    }
    if measures.host_samples == 0 {
        missing.push("host metrics (vmstat -t 5, or sar) during the incident".to_owned());
    }
    missing
}
