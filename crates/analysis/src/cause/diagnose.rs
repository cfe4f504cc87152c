//! From weights to a diagnosis (methods 4.1): gates, weights, the graph of what explains what, abstention.

use super::{ALL, Suspect, Weighed};
use crate::cause::measures::Measures;
use crate::report::{Cause, Certainty, Diagnosis, Evidence, EvidenceStatus, Role};

/// Weight for `established`, and its margin, decibans.
pub const ESTABLISHED_DB: (f64, f64) = (15.0, 10.0);
/// Weight for `probable`, and its margin, decibans.
pub const PROBABLE_DB: (f64, f64) = (8.0, 5.0);
/// A gate that fires weighs at least this much.
const GATE_DB: f64 = 30.0;

struct Candidate {
    suspect: &'static Suspect,
    weighed: Weighed,
    gated: bool,
    /// An evidenced cause that explains this one.
    parent: Option<&'static str>,
    /// Its first sign came after the symptoms: it may have prolonged them, it did not trigger them.
    late: bool,
}

/// Weighs every cause and names the trigger where the evidence allows.
#[must_use]
pub fn diagnose(measures: &Measures) -> Diagnosis {
    let gate = ALL.iter().find(|suspect| suspect.gate.is_some_and(|gate| gate(measures)));
    let mut candidates: Vec<Candidate> = ALL
        .iter()
        .map(|suspect| {
            let mut weighed = suspect.weigh(measures);
            let gated = gate.is_some_and(|gate| gate.id == suspect.id);
            if gated {
                weighed.weight_db = weighed.weight_db.max(GATE_DB);
            }
            let late_s = (suspect.begins)(measures).and_then(|sign| measures.order.too_late_s(sign));
            if let Some(late_s) = late_s.filter(|_| weighed.weight_db > 0.0) {
                weighed.evidence.push(came_later(late_s));
            }
            Candidate { suspect, weighed, gated, parent: None, late: late_s.is_some() }
        })
        .collect();
    let evidenced: Vec<(&str, f64)> = candidates
        .iter()
        .filter(|candidate| candidate.weighed.weight_db >= PROBABLE_DB.0 && !candidate.late)
        .map(|candidate| (candidate.suspect.id, candidate.weighed.weight_db))
        .collect();
    for candidate in &mut candidates {
        candidate.parent = candidate
            .suspect
            .explained_by
            .iter()
            .find(|(parent, when)| evidenced.iter().any(|(id, _)| id == parent) && when(measures))
            .map(|(parent, _)| *parent);
    }
    // Roots of the graph compete; gated causes stand first.
    candidates.sort_by(|a, b| {
        b.gated
            .cmp(&a.gated)
            .then_with(|| a.late.cmp(&b.late))
            .then_with(|| (a.parent.is_some()).cmp(&b.parent.is_some()))
            .then_with(|| b.weighed.weight_db.total_cmp(&a.weighed.weight_db))
            .then_with(|| a.suspect.id.cmp(b.suspect.id))
    });
    let roots: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.parent.is_none() && (candidate.gated || !candidate.late))
        .collect();
    let best = roots.first();
    let weight =
        |candidate: Option<&&Candidate>| candidate.map_or(0.0, |candidate| candidate.weighed.weight_db);
    let margin = weight(best) - weight(roots.get(1)).max(0.0);
    let families = best.map_or(0, |candidate| candidate.weighed.families);
    let gated = best.is_some_and(|candidate| candidate.gated);
    let decisive = weight(best) >= ESTABLISHED_DB.0 && margin >= ESTABLISHED_DB.1 && families >= 2;
    let verdict = if gated || decisive {
        Certainty::Established
    } else if weight(best) >= PROBABLE_DB.0 && margin >= PROBABLE_DB.1 {
        Certainty::Probable
    } else if weight(best) >= PROBABLE_DB.0 {
        Certainty::Ambiguous
    } else {
        Certainty::NotDeterminable
    };
    let named = matches!(verdict, Certainty::Established | Certainty::Probable);
    let trigger = best.map(|candidate| candidate.suspect.id).filter(|_| named);
    let missing = missing(measures, &candidates, verdict);
    // A parent is listed before what it explains; then by weight.
    let causes: Vec<Cause> = {
        let mut causes: Vec<(bool, Cause)> = candidates
            .into_iter()
            .filter(|candidate| candidate.gated || candidate.weighed.weight_db > 0.0)
            .map(|candidate| {
                let is_trigger = trigger == Some(candidate.suspect.id);
                let role = match candidate.parent {
                    _ if is_trigger => Role::Trigger,
                    Some(_) => Role::Mechanism,
                    None if candidate.late => Role::Amplifier,
                    None => (candidate.suspect.beside)(measures),
                };
                let cause = Cause {
                    cause: candidate.suspect.id,
                    role,
                    evidenced: candidate.gated || candidate.weighed.weight_db >= PROBABLE_DB.0,
                    explained_by: candidate.parent,
                    weight_db: candidate.weighed.weight_db,
                    summary: candidate.suspect.summary.to_owned(),
                    evidence: candidate.weighed.evidence,
                    culprit: (candidate.suspect.culprit)(measures),
                    next_step: candidate.suspect.next_step.to_owned(),
                };
                (is_trigger, cause)
            })
            .collect();
        causes.sort_by(|a, b| {
            b.0.cmp(&a.0)
                .then_with(|| b.1.weight_db.total_cmp(&a.1.weight_db))
                .then_with(|| a.1.cause.cmp(b.1.cause))
        });
        causes.into_iter().map(|(_, cause)| cause).collect()
    };
    Diagnosis { verdict, trigger, causes, missing }
}

fn came_later(late_s: f64) -> Evidence {
    Evidence {
        status: EvidenceStatus::Contradicted,
        statement: format!(
            "its first sign came {late_s:.0} s after the first blocked request arrived: it did not trigger the incident"
        ),
        // It decides the part, not the weight.
        weight_db: 0.0,
        family: "order",
        refs: Vec::new(),
    }
}

/// What the leading causes could not ask, by the file that would tell.
fn missing(measures: &Measures, candidates: &[Candidate], verdict: Certainty) -> Vec<String> {
    if verdict == Certainty::Established {
        return Vec::new();
    }
    let mut missing: Vec<String> = Vec::new();
    let unknown = candidates
        .iter()
        .filter(|candidate| candidate.weighed.weight_db > 0.0)
        .take(3)
        .flat_map(|candidate| &candidate.weighed.evidence)
        .filter(|evidence| evidence.status == EvidenceStatus::Unknown);
    for evidence in unknown {
        if !missing.contains(&evidence.statement) {
            missing.push(evidence.statement.clone());
        }
    }
    let sources = &measures.sources;
    let absent = [
        (sources.odoo, "the Odoo log of the incident"),
        (sources.access, "the access log of the incident"),
        (
            sources.postgres_log,
            "the PostgreSQL log, with log_lock_waits = on and log_min_duration_statement set",
        ),
        (sources.listings > 0, "snapshots of pg_stat_activity (with pg_blocking_pids) during the incident"),
        (sources.host_samples > 0, "host metrics (vmstat -t 5, or sar) during the incident"),
    ];
    for (there, what) in absent {
        if !there && !missing.iter().any(|known| known == what) {
            missing.push(what.to_owned());
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use stormtrace_logs::format::Source;
    use stormtrace_logs::timestamp::SECOND_US;

    use super::*;
    use crate::cause::measures::{Locks, Order, Sources};
    use crate::report::Kind;
    use crate::waits::{Doing, Root};

    /// Fifty waits behind one session idle in transaction since `transaction_s`; the first request was blocked at 1000 s.
    fn waits_since(transaction_s: i64, tied: bool) -> Measures {
        let root = Root {
            pid: 7,
            waits: 50,
            waited_us: 5000 * SECOND_US,
            first_us: 1200 * SECOND_US,
            last_us: 1500 * SECOND_US,
            doing: Some(Doing::Idle),
            doing_basis: "snapshots show it",
            doing_shown: true,
            application: 0,
            query: 0,
            transaction_us: Some(transaction_s * SECOND_US),
            age_us: None,
            place: (0, 1, 0),
        };
        Measures {
            kind: Kind::WorkerTimeoutStorm,
            length_s: 500.0,
            workers: Some(4),
            limit_time_real_s: Some(120),
            proxy_read_timeout_s: None,
            order: Order {
                onset_us: 1000 * SECOND_US,
                onset_uncertainty_us: 0,
                tied: if tied { vec![(Source::PgStatActivity, SECOND_US)] } else { Vec::new() },
            },
            sources: Sources { odoo: true, access: true, listings: 100, ..Sources::default() },
            ends: Default::default(),
            requests: Default::default(),
            routes: Default::default(),
            locks: Locks {
                waits: 50,
                waited_s: 5000.0,
                resolved: 50,
                root: Some(root),
                root_share: 1.0,
                roots: 1,
                idle_roots: 1,
                idle_waited_s: 5000.0,
                ..Locks::default()
            },
            statements: Default::default(),
            messages: Default::default(),
            cron: Default::default(),
            host: Default::default(),
        }
    }

    #[test]
    fn a_cause_that_came_after_its_symptoms_is_no_trigger() {
        let in_time = diagnose(&waits_since(990, true));
        assert_eq!(in_time.trigger, Some("lock_holder_idle_in_transaction"));
        let late = diagnose(&waits_since(1200, true));
        assert_eq!(late.trigger, None);
        let cause = late.causes.iter().find(|cause| cause.cause == "lock_holder_idle_in_transaction");
        let cause = cause.expect("it is still listed");
        assert_eq!(cause.role, Role::Amplifier);
        assert!(cause.evidence.iter().any(|evidence| evidence.statement.contains("200 s after")));
    }

    #[test]
    fn clocks_that_nothing_ties_prove_no_order() {
        let diagnosis = diagnose(&waits_since(1200, false));
        assert_eq!(diagnosis.trigger, Some("lock_holder_idle_in_transaction"));
    }
}
