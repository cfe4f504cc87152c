//! The rules of the policy, endpoints, queries, and what was read.

use std::fmt::Write as _;

use stormtrace_analysis::report::{Input, Report, Rule, Verdict};

use super::parts::{badge, reference, references, safe, safe_name, section, table};
use crate::escape::html_attr;
use crate::words;

/// The verdict's reasons: what does not pass at once, the rest folded away.
pub fn rules(report: &Report) -> String {
    let Some(policy) = report.policy.as_ref().filter(|_| !report.rules.is_empty()) else {
        return String::new();
    };
    let row = |rule: &Rule| {
        let (class, places) = match rule.status {
            Verdict::Fail => ("bad", references(&rule.refs)),
            Verdict::Warn => ("warn", references(&rule.refs)),
            Verdict::Unknown => ("", format!("<div class=\"ref\">{}</div>", safe(&rule.statement))),
            Verdict::Pass => ("good", String::new()),
        };
        vec![
            badge(class, &words::rule_status(rule)),
            format!("{}{places}", safe(&rule.title)),
            safe(&words::rule_value(rule)),
            safe(&words::rule_limit(rule)),
        ]
    };
    let columns = [("Status", ""), ("What", "t"), ("Seen", "n"), ("Passes", "n")];
    let (passed, other): (Vec<&Rule>, Vec<&Rule>) =
        words::rules_by_gravity(report).partition(|rule| rule.status == Verdict::Pass);
    let mut body = String::from("<div class=\"box\">");
    if !other.is_empty() {
        body.push_str(&table(&columns, other.into_iter().map(row)));
    }
    if !passed.is_empty() {
        let _ = write!(body, "<details><summary>{} passed</summary>", passed.len());
        body.push_str(&table(&columns, passed.into_iter().map(row)));
        body.push_str("</details>");
    }
    body.push_str("</div>\n");
    let name = words::policy_built_in(&policy.name).map_or_else(|| safe_name(&policy.name), str::to_owned);
    section("rules", &format!("Judged by {name}"), &body)
}

pub fn endpoints(report: &Report) -> String {
    if report.endpoints.is_empty() {
        return String::new();
    }
    let row = |endpoint: &stormtrace_analysis::report::Endpoint| {
        vec![
            format!("<code>{} {}</code>", safe(&endpoint.method), safe(&endpoint.route)),
            safe(endpoint.lane),
            endpoint.share_of_busy_time.map_or_else(|| "–".to_owned(), |share| safe(&words::percent(share))),
            words::count(endpoint.count),
            words::count(endpoint.failed),
            words::milliseconds(endpoint.p50_ms),
            words::milliseconds(endpoint.p95_ms),
            words::milliseconds(endpoint.p99_ms),
            words::milliseconds(endpoint.max_ms),
            words::count(endpoint.incident_count),
            words::milliseconds(endpoint.incident_p95_ms),
            words::milliseconds(endpoint.baseline_p95_ms),
        ]
    };
    let columns = [
        ("Endpoint", "t"),
        ("Lane", ""),
        ("Busy time", "n"),
        ("Requests", "n"),
        ("Failed", "n"),
        ("Median", "n"),
        ("p95", "n"),
        ("p99", "n"),
        ("Max", "n"),
        ("In incidents", "n"),
        ("p95 inside", "n"),
        ("p95 outside", "n"),
    ];
    let mut body =
        format!("<div class=\"box\">{}", table(&columns, report.endpoints.iter().take(20).map(row)));
    let hidden = report.endpoints.len().saturating_sub(20);
    if hidden > 0 {
        let _ = write!(body, "<details><summary>{hidden} more</summary>");
        body.push_str(&table(&columns, report.endpoints.iter().skip(20).map(row)));
        body.push_str("</details>");
    }
    body.push_str("</div>\n");
    section("endpoints", "Endpoints by share of busy time", &body)
}

pub fn queries(report: &Report) -> String {
    if report.queries.is_empty() {
        return String::new();
    }
    let rows = report.queries.iter().take(50).map(|query| {
        let place = query.example_ref.as_ref().map(reference).unwrap_or_default();
        vec![
            format!(
                "<code>{}</code><div class=\"ref\">{place}</div>",
                safe(&words::one_line(&query.fingerprint))
            ),
            words::count(query.calls),
            words::duration(query.total_s),
            words::duration(query.max_s),
            query.lock_wait_s.map_or_else(|| "–".to_owned(), words::duration),
        ]
    });
    let columns = [("Query", "t"), ("Calls", "n"), ("Total", "n"), ("Max", "n"), ("Lock wait", "n")];
    section(
        "queries",
        "Queries by total time",
        &format!("<div class=\"box\">{}</div>\n", table(&columns, rows)),
    )
}

pub fn inputs(report: &Report) -> String {
    let day = words::common_day(&report.inputs);
    let rows = report.inputs.iter().map(|input| input_row(input, day.as_deref()));
    let span = words::span_heading(day.as_deref()).replacen('s', "S", 1);
    let columns = [
        ("File", "t"),
        ("Taken for", "w"),
        ("Zone", "w"),
        (&span, "w"),
        ("Lines", "n"),
        ("Parsed", "n"),
        ("Continued", "n"),
        ("Skipped", "n"),
    ];
    let mut body = format!("<div class=\"box\">{}", table(&columns, rows));
    if !report.clocks.is_empty() {
        body.push_str("<h3>Clocks against Odoo's</h3>\n");
        let unknown = || words::UNKNOWN.to_owned();
        let rows = report.clocks.iter().map(|clock| {
            vec![
                safe(&words::source(&clock.source)),
                clock.offset_s.map_or_else(unknown, words::signed),
                clock.uncertainty_s.map_or_else(unknown, words::duration),
                safe(&clock.basis),
                words::count(clock.pairs),
            ]
        });
        let columns =
            [("Source", ""), ("Offset", "n"), ("Uncertainty", "n"), ("Found from", "t"), ("Pairs", "n")];
        body.push_str(&table(&columns, rows));
    }
    body.push_str("</div>\n");
    section("inputs", "What was read", &body)
}

fn input_row(input: &Input, day: Option<&str>) -> Vec<String> {
    let mut file =
        format!("<code title=\"SHA-256 {}\">{}</code>", html_attr(&input.sha256), safe_name(&input.path));
    if let Some(other) = &input.duplicate_of {
        let _ = write!(
            file,
            "<div class=\"soft small\">{} same records as <code>{}</code>, counted once</div>",
            badge("", "copy"),
            safe_name(other)
        );
    }
    for problem in &input.problems {
        let _ = write!(file, "<div class=\"small\">{} {}</div>", badge("warn", "problem"), safe(problem));
    }
    if let Some(skipped) = words::skipped(input) {
        let _ = write!(file, "<div class=\"soft small\">skipped: {}</div>", safe(&skipped));
    }
    let taken_for = if words::is_recognised(input) {
        safe(&words::taken_for(input))
    } else {
        badge("warn", "not recognised")
    };
    vec![
        file,
        taken_for,
        input.zone.as_deref().map_or_else(|| "–".to_owned(), safe),
        safe(&words::input_span(input, day)),
        words::count(input.lines.total),
        words::count(input.lines.parsed),
        words::count(input.lines.continuation),
        words::count(input.lines.skipped),
    ]
}
