//! Rules of the policy as people read them.

use stormtrace_analysis::report::{Bound, Report, Rule, Unit, Value, Verdict};

use super::number;

/// What a rule says, and what unknown counts as where the policy says so.
pub fn rule_status(rule: &Rule) -> String {
    let status = super::verdict(rule.status);
    if rule.status == Verdict::Unknown && rule.counts_as != Verdict::Unknown {
        format!("{status}, {} by policy", super::verdict(rule.counts_as))
    } else {
        status.to_owned()
    }
}

fn in_unit(value: &Value, unit: Unit) -> String {
    match value {
        Value::Word(word) => super::spaced(word),
        Value::Number(number) => match unit {
            Unit::Ratio => number::percent(*number),
            Unit::Seconds => number::duration(*number),
            Unit::Milliseconds => number::duration(*number / 1000.0),
            Unit::Count | Unit::Word if number.fract() == 0.0 && *number >= 0.0 => {
                number::count(*number as u64)
            }
            Unit::Count | Unit::Word => number::value(Some(*number)),
        },
    }
}

/// What was seen; no incident and no finding is no gap.
pub fn rule_value(rule: &Rule) -> String {
    let none = if rule.status == Verdict::Unknown { "–" } else { "none" };
    rule.value.as_ref().map_or_else(|| none.to_owned(), |value| in_unit(value, rule.unit))
}

/// The policy's name in a sentence: `the built-in policy`; `None` for a file.
pub fn policy_built_in(name: &str) -> Option<&'static str> {
    (name == "built-in").then_some("the built-in policy")
}

/// What passes.
pub fn rule_limit(rule: &Rule) -> String {
    let bound = match rule.bound {
        Bound::AtMost => "≤ ",
        Bound::AtLeast => "≥ ",
        Bound::Below => "below ",
        Bound::Is => "",
    };
    rule.limit
        .as_ref()
        .map_or_else(|| "–".to_owned(), |limit| format!("{bound}{}", in_unit(limit, rule.unit)))
}

/// What fails first, then what is unknown, what warns and what passes; else in the order of the report.
pub fn rules_by_gravity(report: &Report) -> impl Iterator<Item = &Rule> {
    [Verdict::Fail, Verdict::Unknown, Verdict::Warn, Verdict::Pass]
        .into_iter()
        .flat_map(|status| report.rules.iter().filter(move |rule| rule.status == status))
}

/// `3 of 12 rules fail, 1 is unknown`; no word of statuses that do not occur.
pub fn rule_counts(report: &Report) -> String {
    let count = |status| report.rules.iter().filter(|rule| rule.status == status).count() as u64;
    let all = report.rules.len() as u64;
    let verb = |count: u64, one: &str, many: &str| {
        format!("{} {}", number::count(count), if count == 1 { one } else { many })
    };
    let parts: Vec<String> = [
        (Verdict::Fail, "fails", "fail"),
        (Verdict::Unknown, "is unknown", "are unknown"),
        (Verdict::Warn, "warns", "warn"),
        (Verdict::Pass, "passes", "pass"),
    ]
    .into_iter()
    .filter_map(|(status, one, many)| {
        let count = count(status);
        (count > 0).then(|| verb(count, one, many))
    })
    .collect();
    format!("of {}, {}", number::plural(all, "rule", "rules"), parts.join(", "))
}
