//! How much of the window each source covers. Too little is unknown: what was not captured is no failure.

use super::{Case, Outcome};
use crate::report::{Bound, Rule, Time, Unit, Value, Verdict, Window};

pub fn judge(case: &Case<'_>) -> Vec<Rule> {
    let required = case.policy.coverage.iter();
    required
        .map(|(source, required)| {
            let covered = case.covered(*source);
            let enough = case.seen(*source) && covered >= required.0;
            let remark = (!enough).then(|| match case.seen(*source) {
                true => "the rest of the window is dark".to_owned(),
                false => "nothing of it was read".to_owned(),
            });
            Outcome {
                id: format!("coverage.{}", source.name()),
                title: format!("share of the window in {}", source.words()),
                status: if enough { Verdict::Pass } else { Verdict::Unknown },
                value: Some(Value::Number(covered)),
                limit: Some(Value::Number(required.0)),
                bound: Bound::AtLeast,
                unit: Unit::Ratio,
                remark,
                refs: Vec::new(),
            }
            .rule(case, None)
        })
        .collect()
}

/// The share of the window inside spans, which do not overlap. A window without length is covered by any record.
pub fn share(spans: &[(Time, Time)], window: Window) -> f64 {
    let length = window.to.0.saturating_sub(window.from.0);
    if length <= 0 {
        return if spans.is_empty() { 0.0 } else { 1.0 };
    }
    let inside: i64 = spans
        .iter()
        .map(|(from, to)| to.0.min(window.to.0).saturating_sub(from.0.max(window.from.0)).max(0))
        .fold(0, i64::saturating_add);
    (inside as f64 / length as f64).min(1.0)
}
