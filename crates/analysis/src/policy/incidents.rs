//! How grave the incidents are.

use super::settings::Source;
use super::{Case, Outcome};
use crate::report::{Bound, Incident, Reference, Rule, Severity, Unit, Value, Verdict};

/// Kills are in Odoo's log, failures in nginx's: without both an incident may go unseen.
pub const SOURCES: &[Source] = &[Source::Odoo, Source::NginxAccess];

pub fn judge(case: &Case<'_>) -> Vec<Rule> {
    let Some(limits) = &case.policy.incidents else { return Vec::new() };
    let judged = || case.report.incidents.iter().filter(|incident| !limits.allow.contains(&incident.kind));
    let worst = judged().max_by_key(|incident| (incident.severity, std::cmp::Reverse(incident.start)));
    let reached =
        |limit: Option<Severity>| limit.filter(|limit| worst.is_some_and(|worst| worst.severity >= *limit));
    let blind = case.blind(SOURCES);
    let tightest = limits.warn.or(limits.fail);
    let (status, limit) = match (reached(limits.fail), reached(limits.warn)) {
        (Some(fail), _) => (Verdict::Fail, Some(fail)),
        (None, Some(warn)) if blind.is_none() || limits.fail.is_none() => (Verdict::Warn, Some(warn)),
        _ if blind.is_none() => (Verdict::Pass, tightest),
        _ => (Verdict::Unknown, tightest),
    };
    let remark = match (status, worst) {
        (Verdict::Unknown, _) => blind,
        (Verdict::Pass, _) | (_, None) => None,
        (_, Some(worst)) => Some(worst.summary.trim_end_matches('.').to_owned()),
    };
    vec![
        Outcome {
            id: "incidents".to_owned(),
            title: "gravest incident".to_owned(),
            status,
            value: worst.map(|worst| word(worst.severity)),
            limit: limit.map(word),
            bound: Bound::Below,
            unit: Unit::Word,
            remark,
            refs: worst.map(places).unwrap_or_default(),
        }
        .rule(case, limits.on_unknown),
    ]
}

/// The severity as a value.
pub fn word(severity: Severity) -> Value {
    let word = match severity {
        Severity::Info => "info",
        Severity::Minor => "minor",
        Severity::Major => "major",
        Severity::Critical => "critical",
    };
    Value::Word(word.to_owned())
}

/// Where an incident shows: its kills, and what speaks for its heaviest cause.
pub fn places(incident: &Incident) -> Vec<Reference> {
    let kills = incident.impact.kills.first.iter().chain(&incident.impact.kills.last);
    let evidence = incident.diagnosis.causes.first().into_iter().flat_map(|cause| &cause.evidence);
    let mut places: Vec<Reference> =
        kills.chain(evidence.flat_map(|evidence| &evidence.refs)).cloned().collect();
    let mut known = std::collections::BTreeSet::new();
    places.retain(|place| known.insert((place.path.clone(), place.line)));
    places
}
