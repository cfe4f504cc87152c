//! Rules that limit a number: one line each in [`ALL`].

use super::settings::{Limits, Policy, Source};
use super::{Case, Outcome};
use crate::report::{Bound, Extreme, Reference, Report, Rule, Unit, Value, Verdict};

/// Endpoints with fewer requests have no 95th percentile to speak of: it would be their slowest one.
const LEAST_REQUESTS: u64 = 20;

/// A number and where to look for it.
type Seen = Option<(f64, Vec<Reference>)>;

/// One rule.
struct Limited {
    id: &'static str,
    title: &'static str,
    unit: Unit,
    /// What must cover the window for the number to be known; nothing for numbers about the inputs themselves.
    sources: &'static [Source],
    limits: fn(&Policy) -> Option<Limits>,
    value: fn(&Report) -> Seen,
}

macro_rules! limited {
    ($field:ident, $title:literal, $unit:ident, [$($source:ident),*], $value:expr) => {
        Limited {
            id: stringify!($field),
            title: $title,
            unit: Unit::$unit,
            sources: &[$(Source::$source),*],
            limits: |policy| policy.$field,
            value: $value,
        }
    };
}

/// Every rule, in the order of the report.
const ALL: &[Limited] = &[
    limited!(kills, "workers killed", Count, [Odoo], |report| counted(
        report.totals.kills.saturating_sub(report.totals.cron_kills),
        report.extremes.kill.as_ref()
    )),
    limited!(kills_per_minute, "workers killed within a minute", Count, [Odoo], |report| extreme(
        report.extremes.kills_per_minute.as_ref()
    )
    .or_else(|| counted(0, None))),
    limited!(cron_kills, "cron workers killed", Count, [Odoo], |report| counted(
        report.totals.cron_kills,
        report.extremes.cron_kill.as_ref()
    )),
    limited!(failed_ratio, "requests failed", Ratio, [NginxAccess], |report| {
        let all = report.totals.http_by_status.values().sum();
        ratio(http(report, &[500, 502, 503, 504])?, all)
    }),
    limited!(http_500, "answers 500", Count, [NginxAccess], |report| http(report, &[500])),
    limited!(http_502_504, "answers 502 and 504", Count, [NginxAccess], |report| http(report, &[502, 504])),
    limited!(http_503, "answers 503", Count, [NginxAccess], |report| http(report, &[503])),
    limited!(bus_failed_ratio, "bus requests failed", Ratio, [NginxAccess], |report| {
        ratio(bus(report)?, report.totals.bus_requests?)
    }),
    limited!(bus_failed, "bus requests failed, in number", Count, [NginxAccess], bus),
    limited!(oldest_query_s, "oldest running statement", Seconds, [PgStatActivity], |report| extreme(
        report.extremes.oldest_query_s.as_ref()
    )),
    limited!(idle_in_transaction, "sessions idle in transaction", Count, [PgStatActivity], |report| extreme(
        report.extremes.idle_in_transaction.as_ref()
    )),
    limited!(endpoint_p95_ms, "slowest endpoint, 95th percentile", Milliseconds, [NginxAccess], |report| {
        let busy = report.endpoints.iter().filter(|endpoint| endpoint.count >= LEAST_REQUESTS);
        let http = busy.filter(|endpoint| endpoint.lane == "http");
        http.filter_map(|endpoint| endpoint.p95_ms).max_by(f64::total_cmp).map(|worst| (worst, Vec::new()))
    }),
    limited!(unparsed_share, "lines not understood", Ratio, [], unparsed),
    limited!(damaged_inputs, "damaged files", Count, [], |report| files(report, |input| {
        !input.problems.is_empty()
    })),
    limited!(unrecognised_inputs, "files not recognised", Count, [], |report| files(report, |input| {
        input.source == "unrecognised"
    })),
];

pub fn judge(case: &Case<'_>) -> Vec<Rule> {
    ALL.iter().filter_map(|rule| Some(one(rule, (rule.limits)(case.policy)?, case))).collect()
}

fn one(rule: &Limited, limits: Limits, case: &Case<'_>) -> Rule {
    let blind = case.blind(rule.sources);
    let seen = (rule.value)(case.report);
    let above =
        |limit: Option<f64>| limit.filter(|limit| seen.as_ref().is_some_and(|(value, _)| value > limit));
    let known = blind.is_none() && seen.is_some();
    let tightest = limits.warn.or(limits.fail);
    let (status, limit) = match (above(limits.fail), above(limits.warn)) {
        (Some(fail), _) => (Verdict::Fail, Some(fail)),
        // Where it could still turn out to be a failure, a warning is not known either.
        (None, Some(warn)) if known || limits.fail.is_none() => (Verdict::Warn, Some(warn)),
        _ if known => (Verdict::Pass, tightest),
        _ => (Verdict::Unknown, tightest),
    };
    let remark = match status {
        Verdict::Unknown => Some(blind.unwrap_or_else(|| "the logs do not tell".to_owned())),
        _ => None,
    };
    // Nothing seen of a source that is missing is no value.
    let (value, refs) = seen.filter(|(value, _)| status != Verdict::Unknown || *value > 0.0).unzip();
    Outcome {
        id: rule.id.to_owned(),
        title: rule.title.to_owned(),
        status,
        value: value.map(Value::Number),
        limit: limit.map(Value::Number),
        bound: Bound::AtMost,
        unit: rule.unit,
        remark,
        refs: refs.unwrap_or_default(),
    }
    .rule(case, limits.on_unknown)
}

fn counted(count: u64, first: Option<&Reference>) -> Seen {
    Some((count as f64, first.cloned().into_iter().collect()))
}

fn extreme(worst: Option<&Extreme>) -> Seen {
    worst.map(|worst| (worst.value, vec![worst.reference.clone()]))
}

/// Requests of the http lane that were answered so.
fn http(report: &Report, statuses: &[u16]) -> Seen {
    report.totals.requests?;
    let count: u64 = statuses.iter().filter_map(|status| report.totals.http_by_status.get(status)).sum();
    let first = statuses.iter().filter_map(|status| report.extremes.http_failed.get(status));
    Some((count as f64, first.cloned().collect()))
}

fn bus(report: &Report) -> Seen {
    counted(report.totals.bus_failed?, report.extremes.bus_failed.as_ref())
}

/// A share; of nothing at all nothing failed.
fn ratio((part, refs): (f64, Vec<Reference>), all: u64) -> Seen {
    Some((if all == 0 { 0.0 } else { part / all as f64 }, refs))
}

/// Lines skipped in what was recognised. A copy is counted like any file: it too was to be understood.
fn unparsed(report: &Report) -> Seen {
    let recognised =
        || report.inputs.iter().filter(|input| !matches!(input.source.as_str(), "unrecognised" | "archive"));
    let total: u64 = recognised().map(|input| input.lines.total).sum();
    let skipped: u64 = recognised().map(|input| input.lines.skipped).sum();
    let refs = recognised().filter_map(|input| {
        let first = input.skipped_examples.first()?;
        Some(Reference { path: input.path.clone(), line: first.line, time: None })
    });
    ratio((skipped as f64, refs.collect()), total)
}

fn files(report: &Report, which: fn(&crate::report::Input) -> bool) -> Seen {
    let named: Vec<Reference> = report
        .inputs
        .iter()
        .filter(|input| which(input))
        .map(|input| Reference { path: input.path.clone(), line: 1, time: None })
        .collect();
    Some((named.len() as f64, named))
}
