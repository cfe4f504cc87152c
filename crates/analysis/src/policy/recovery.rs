//! What became of the incidents.

use super::incidents::{SOURCES, places};
use super::settings::Unrecovered;
use super::{Case, Outcome};
use crate::report::{Bound, Incident, Rule, Severity, Unit, Value, Verdict};

pub fn judge(case: &Case<'_>) -> Vec<Rule> {
    let Some(limits) = &case.policy.recovery else { return Vec::new() };
    let objected = |list: &[Unrecovered], incident: &Incident| {
        list.iter().any(|verdict| {
            incident.recovery.verdict
                == match verdict {
                    Unrecovered::NotRecovered => "not_recovered",
                    Unrecovered::Relapsed => "relapsed",
                }
        })
    };
    let status = |incident: &Incident| match incident.recovery.verdict {
        _ if objected(&limits.fail, incident) => Verdict::Fail,
        _ if objected(&limits.warn, incident) => Verdict::Warn,
        "recovered" | "relapsed" | "not_recovered" => Verdict::Pass,
        _ => Verdict::Unknown,
    };
    let incidents = case.report.incidents.iter().filter(|incident| incident.severity >= Severity::Minor);
    // The first of the gravest.
    let worst = incidents.min_by_key(|incident| std::cmp::Reverse(super::gravity(status(incident))));
    let (status, remark) = match worst {
        Some(worst) if status(worst) == Verdict::Unknown => {
            (Verdict::Unknown, Some(format!("what was captured does not show whether {} held", worst.id)))
        }
        Some(worst) => (status(worst), None),
        None => match case.blind(SOURCES) {
            Some(blind) => (Verdict::Unknown, Some(blind)),
            None => (Verdict::Pass, Some("no incident to recover from".to_owned())),
        },
    };
    vec![
        Outcome {
            id: "recovery".to_owned(),
            title: "recovery".to_owned(),
            status,
            value: worst
                .filter(|_| status != Verdict::Unknown)
                .map(|worst| Value::Word(worst.recovery.verdict.to_owned())),
            limit: Some(Value::Word("recovered".to_owned())),
            bound: Bound::Is,
            unit: Unit::Word,
            remark,
            refs: worst.map(places).unwrap_or_default(),
        }
        .rule(case, limits.on_unknown),
    ]
}
