//! From weights to a diagnosis (methods 4.1): gates, weights, the graph of what explains what, abstention.

use super::{ALL, Suspect, Weighed};
use crate::cause::measures::Measures;
use crate::report::{Cause, Certainty, Diagnosis, EvidenceStatus, Role};

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
            Candidate { suspect, weighed, gated, parent: None }
        })
        .collect();
    let evidenced: Vec<(&str, f64)> = candidates
        .iter()
        .filter(|candidate| candidate.weighed.weight_db >= PROBABLE_DB.0)
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
            .then_with(|| (a.parent.is_some()).cmp(&b.parent.is_some()))
            .then_with(|| b.weighed.weight_db.total_cmp(&a.weighed.weight_db))
            .then_with(|| a.suspect.id.cmp(b.suspect.id))
    });
    let roots: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.parent.is_none()).collect();
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
