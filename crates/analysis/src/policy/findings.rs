//! How grave the findings about configuration are. What was not captured has no finding: this rule is never unknown.

use super::incidents::word;
use super::{Case, Outcome};
use crate::report::{Bound, Finding, Rule, Severity, Unit, Verdict};

pub fn judge(case: &Case<'_>) -> Vec<Rule> {
    let Some(limits) = case.policy.findings else { return Vec::new() };
    let findings = || case.report.findings.iter();
    let worst = findings().map(|finding| finding.severity).max();
    let reached = |limit: Option<Severity>| limit.filter(|limit| worst >= Some(*limit));
    let (status, limit) = match (reached(limits.fail), reached(limits.warn)) {
        (Some(fail), _) => (Verdict::Fail, Some(fail)),
        (None, Some(warn)) => (Verdict::Warn, Some(warn)),
        (None, None) => (Verdict::Pass, limits.warn.or(limits.fail)),
    };
    let breaking: Vec<&Finding> = findings()
        .filter(|finding| status != Verdict::Pass && limit.is_some_and(|limit| finding.severity >= limit))
        .collect();
    let titles: Vec<&str> = breaking.iter().map(|finding| finding.title.trim_end_matches('.')).collect();
    vec![
        Outcome {
            id: "findings".to_owned(),
            title: "gravest finding".to_owned(),
            status,
            value: worst.map(word),
            limit: limit.map(word),
            bound: Bound::Below,
            unit: Unit::Word,
            remark: (!titles.is_empty()).then(|| titles.join("; ")),
            refs: breaking.iter().flat_map(|finding| &finding.refs).cloned().collect(),
        }
        .rule(case, None),
    ]
}
