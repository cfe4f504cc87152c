//! The gate: judges a report by a policy.
//!
//! Each rule is pass, warn, fail or unknown. A rule whose evidence does not cover the window is unknown, unless
//! what was seen breaks it already: more evidence could only add to it. The verdict is the gravest of what the
//! rules count as, in the order fail, unknown, warn, pass. A proven failure stands whatever else is unknown;
//! unknown outranks warn, because what is not known may be a failure while a warning is known to be tolerable.
//!
//! A rule that limits a number is one line in the table of `limits.rs` and a field of [`Policy`]; any other is a file here
//! and one line in `RULES`.

mod coverage;
mod findings;
mod incidents;
mod limits;
mod recovery;
pub mod settings;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::report::{Bound, PolicyInForce, Reference, Report, Rule, Unit, Value, Verdict, Window};
pub use settings::Policy;
use settings::{OnUnknown, Source};

impl Default for PolicyInForce {
    /// The built-in policy.
    fn default() -> Self {
        PolicyInForce { name: "built-in".to_owned(), settings: Policy::built_in() }
    }
}

/// Most places named by one rule.
const MOST_REFERENCES: usize = 5;

/// One kind of rule: what it says of a case, nothing where the policy does not set it.
type Judge = fn(&Case<'_>) -> Vec<Rule>;

/// Every kind of rule, in the order of the report.
const RULES: &[Judge] = &[incidents::judge, recovery::judge, limits::judge, findings::judge, coverage::judge];

/// Judges `report`. `asked` is the window that was asked for, where that is wider than what the logs hold.
#[must_use]
pub fn judge(policy: &Policy, report: &Report, asked: Option<Window>) -> (Verdict, Vec<Rule>) {
    let case = Case::of(policy, report, asked);
    let rules: Vec<Rule> = RULES.iter().flat_map(|judge| judge(&case)).collect();
    let verdict = rules.iter().map(|rule| rule.counts_as).max_by_key(|verdict| gravity(*verdict));
    (verdict.unwrap_or(Verdict::Unknown), rules)
}

/// The order in which verdicts outrank each other.
fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Warn => 1,
        Verdict::Unknown => 2,
        Verdict::Fail => 3,
    }
}

/// What the rules look at.
struct Case<'c> {
    policy: &'c Policy,
    report: &'c Report,
    /// Share of the window each source covers.
    covered: BTreeMap<&'static str, f64>,
}

impl<'c> Case<'c> {
    fn of(policy: &'c Policy, report: &'c Report, asked: Option<Window>) -> Self {
        let window = asked.or(report.window);
        let covered = report
            .coverage
            .iter()
            .map(|(source, spans)| (*source, window.map_or(0.0, |window| coverage::share(spans, window))))
            .collect();
        Case { policy, report, covered }
    }

    fn covered(&self, source: Source) -> f64 {
        self.covered.get(source.name()).copied().unwrap_or(0.0)
    }

    fn seen(&self, source: Source) -> bool {
        self.report.coverage.get(source.name()).is_some_and(|spans| !spans.is_empty())
    }

    /// Why nothing can be said for certain from these sources; `None` if they cover what the policy asks for. A
    /// source the policy asks nothing of must be there at all.
    fn blind(&self, sources: &[Source]) -> Option<String> {
        sources.iter().find_map(|source| {
            if !self.seen(*source) {
                return Some(format!("nothing was read of {}", source.words()));
            }
            let required = self.policy.coverage.get(source)?.0;
            let covered = self.covered(*source);
            (covered < required)
                .then(|| format!("{} covers {} of the window", source.words(), in_unit(covered, Unit::Ratio)))
        })
    }
}

/// A rule before its sentence is made and unknown is given its weight.
struct Outcome {
    id: String,
    title: String,
    status: Verdict,
    value: Option<Value>,
    limit: Option<Value>,
    bound: Bound,
    unit: Unit,
    /// What stands behind the value and its limit in the sentence, such as why it is not known.
    remark: Option<String>,
    refs: Vec<Reference>,
}

impl Outcome {
    fn rule(self, case: &Case<'_>, on_unknown: Option<OnUnknown>) -> Rule {
        let counts_as = match self.status {
            Verdict::Unknown => on_unknown.unwrap_or(case.policy.on_unknown).verdict(),
            known => known,
        };
        let words = |value: &Value| match value {
            Value::Number(number) => in_unit(*number, self.unit),
            Value::Word(word) => word.replace('_', " "),
        };
        let value = self.value.as_ref().map(&words);
        let mut statement = match (self.status, value) {
            (Verdict::Unknown, None) => format!("{}: not known", self.title),
            (Verdict::Unknown, Some(value)) => format!("{}: not known, {value} seen", self.title),
            (_, value) => format!("{}: {}", self.title, value.as_deref().unwrap_or("none")),
        };
        if let Some(limit) = self.limit.as_ref().map(&words) {
            let bound = match self.bound {
                Bound::AtMost => "at most ",
                Bound::AtLeast => "at least ",
                Bound::Below => "below ",
                Bound::Is => "",
            };
            statement.push_str(&format!(" ({bound}{limit} passes)"));
        }
        match self.remark {
            Some(remark) => statement.push_str(&format!("; {remark}.")),
            None => statement.push('.'),
        }
        let mut refs = self.refs;
        refs.truncate(MOST_REFERENCES);
        Rule {
            id: self.id,
            title: self.title,
            status: self.status,
            counts_as,
            value: self.value,
            limit: self.limit,
            bound: self.bound,
            unit: self.unit,
            statement,
            refs,
        }
    }
}

/// A number with its unit.
fn in_unit(value: f64, unit: Unit) -> String {
    // No more digits than are needed to tell a value from its limit.
    let digits = |value: f64, most: usize| {
        let text = format!("{value:.most$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    match unit {
        Unit::Ratio => format!("{} %", digits(value * 100.0, 2)),
        Unit::Seconds => format!("{} s", digits(value, 1)),
        Unit::Milliseconds => format!("{} ms", digits(value, 0)),
        Unit::Count | Unit::Word => digits(value, 3),
    }
}
