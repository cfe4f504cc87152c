//! Words, numbers and spans as people read them; shared by the forms for people. Nothing here is escaped:
//! the writer escapes the whole value for its sink.

use std::collections::BTreeMap;

use stormtrace_analysis::report::{
    Certainty, Culprit, EvidenceStatus, Impact, Incident, Input, Kind, Recovery, Reference, Report, Requests,
    Role, Severity, Time, Verdict, Window,
};

pub const UNKNOWN: &str = "unknown";

pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::WorkerTimeoutStorm => "Worker timeout storm",
        Kind::HttpErrorBurst => "HTTP error burst",
        Kind::BusOutage => "Bus outage",
        Kind::ServiceOutage => "Service outage",
        Kind::ServiceRestart => "Service restart",
        Kind::LatencyDegradation => "Latency degradation",
    }
}

pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Minor => "minor",
        Severity::Major => "major",
        Severity::Critical => "critical",
    }
}

pub fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Established => "established",
        Certainty::Probable => "probable",
        Certainty::Ambiguous => "ambiguous",
        Certainty::NotDeterminable => "not determinable",
    }
}

pub fn role(role: Role) -> &'static str {
    match role {
        Role::Trigger => "trigger",
        Role::Mechanism => "mechanism",
        Role::Symptom => "symptom",
        Role::Amplifier => "amplifier",
        Role::Response => "response",
    }
}

pub fn evidence(status: EvidenceStatus) -> &'static str {
    match status {
        EvidenceStatus::Present => "present",
        EvidenceStatus::Absent => "absent",
        EvidenceStatus::Unknown => "unknown",
        EvidenceStatus::Contradicted => "contradicted",
    }
}

pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
    }
}

/// `lock_holder_idle_in_transaction` as words.
pub fn spaced(id: &str) -> String {
    id.replace('_', " ")
}

/// Log text on one line: line breaks and tabs become single blanks.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        let blank = matches!(character, '\n' | '\t' | ' ');
        if blank && line.ends_with(' ') {
            continue;
        }
        line.push(if blank { ' ' } else { character });
    }
    line.trim_end().to_owned()
}

/// At most `limit` characters, with an ellipsis where something was cut.
pub fn shortened(text: &str, limit: usize) -> String {
    let mut short: String = text.chars().take(limit).collect();
    if text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short
}

pub fn seconds_between(from: Time, to: Time) -> f64 {
    to.0.saturating_sub(from.0) as f64 / 1e6
}

/// Whole numbers with a comma every three digits.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len().saturating_add(digits.len() / 3));
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn maybe_count(value: Option<u64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), count)
}

/// A count with its noun, in the singular for one.
pub fn plural(value: u64, singular: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { singular } else { many })
}

pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return UNKNOWN.to_owned();
    }
    if seconds < 0.0 {
        return format!("−{}", duration(-seconds));
    }
    let whole = seconds.round() as u64;
    match whole {
        0..=9 if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        0..=9 => format!("{seconds:.1} s"),
        10..=59 => format!("{whole} s"),
        60..=3599 if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        60..=3599 => format!("{} min {} s", whole / 60, whole % 60),
        3600..=86_399 => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

pub fn maybe_duration(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| UNKNOWN.to_owned(), duration)
}

pub fn milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| duration(value / 1000.0))
}

pub fn percent(ratio: f64) -> String {
    if ratio.is_finite() { format!("{} %", percent_number(ratio)) } else { UNKNOWN.to_owned() }
}

fn percent_number(ratio: f64) -> String {
    let value = ratio * 100.0;
    // A few in ten thousand must not read as none, nor nearly all as all.
    if value > 0.0 && value < 0.1 {
        "<0.1".to_owned()
    } else if value > 0.0 && value < 0.995 || value > 99.0 && value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// A plain value such as a criterion's, without trailing zeros.
pub fn value(value: Option<f64>) -> String {
    match value {
        Some(value) if value.is_finite() => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => "–".to_owned(),
    }
}

pub fn weight(decibans: f64) -> String {
    if decibans < 0.0 { format!("−{:.0} dB", -decibans) } else { format!("+{decibans:.0} dB") }
}

pub fn instant(time: Time) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC")
}

pub fn clock(time: Time) -> String {
    time.format("%H:%M:%S")
}

/// A span in UTC; the date stands once when it is the same.
pub fn span(from: Time, to: Time) -> String {
    const DATE: &str = "%Y-%m-%d";
    let end = if from.format(DATE) == to.format(DATE) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    format!("{} – {} UTC", from.format("%Y-%m-%d %H:%M:%S"), to.format(end))
}

pub fn incident_span(incident: &Incident) -> String {
    let length = duration(seconds_between(incident.start, incident.end));
    let open = if incident.ongoing_at_end { ", not over when the logs end" } else { "" };
    format!("{} ({length}{open})", span(incident.start, incident.end))
}

pub fn window(window: Option<&Window>) -> String {
    window.map_or_else(|| UNKNOWN.to_owned(), |window| span(window.from, window.to))
}

pub fn place(reference: &Reference) -> String {
    format!("{}:{}", reference.path, reference.line)
}

pub fn by_name(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(name, value)| format!("{name} {}", count(*value))).collect::<Vec<_>>().join(", ")
}

pub fn failed_total(requests: &Requests) -> Option<u64> {
    [requests.http_500, requests.http_502, requests.http_503, requests.http_504]
        .into_iter()
        .try_fold(0u64, |sum, value| Some(sum.saturating_add(value?)))
}

/// `11 of 17 (65 %, 95 % CI 41–83 %)`.
pub fn failed_requests(requests: &Requests) -> String {
    let (Some(failed), Some(total)) = (failed_total(requests), requests.total) else {
        return UNKNOWN.to_owned();
    };
    let mut text = format!("{} of {}", count(failed), count(total));
    if let Some(ratio) = requests.failed_ratio {
        text.push_str(" (");
        text.push_str(&percent(ratio));
        if let Some([low, high]) = requests.failed_ratio_ci95 {
            text.push_str(&format!(", 95 % CI {}–{} %", percent_number(low), percent_number(high)));
        }
        text.push(')');
    }
    text
}

/// Joins `(label, value)` pairs; unknown ones say so, and all unknown is said once.
fn joined(parts: &[(&str, Option<String>)]) -> String {
    if parts.iter().all(|(_, value)| value.is_none()) {
        return UNKNOWN.to_owned();
    }
    parts
        .iter()
        .map(|(label, value)| format!("{label} {}", value.as_deref().unwrap_or(UNKNOWN)))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The impact as labelled rows.
pub fn impact(impact: &Impact) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let kills = &impact.kills;
    let mut killed = count(kills.total);
    if !kills.by_class.is_empty() {
        killed.push_str(&format!(" ({})", by_name(&kills.by_class)));
    }
    if kills.lines > kills.total {
        killed.push_str(&format!(", reported in {}", plural(kills.lines, "line", "lines")));
    }
    rows.push(("Workers killed", killed));
    if !kills.by_reason.is_empty() {
        rows.push(("Worker ends by reason", by_name(&kills.by_reason)));
    }
    let requests = &impact.requests;
    rows.push(("HTTP requests failed", failed_requests(requests)));
    let statuses = [
        ("499", requests.http_499),
        ("500", requests.http_500),
        ("502", requests.http_502),
        ("503", requests.http_503),
        ("504", requests.http_504),
    ];
    if statuses.iter().any(|(_, value)| value.is_some()) {
        let text: Vec<_> =
            statuses.iter().map(|(status, value)| format!("{status}: {}", maybe_count(*value))).collect();
        rows.push(("HTTP by status", text.join(", ")));
    }
    rows.push((
        "HTTP 95th percentile",
        joined(&[
            ("inside", requests.p95_ms.map(|value| duration(value / 1000.0))),
            ("outside incidents", requests.baseline_p95_ms.map(|value| duration(value / 1000.0))),
        ]),
    ));
    rows.push((
        "Bus",
        match (impact.bus.failed, impact.bus.requests) {
            (None, None) => UNKNOWN.to_owned(),
            (failed, all) => format!(
                "{} of {} failed; reconnects {}",
                maybe_count(failed),
                maybe_count(all),
                maybe_count(impact.bus.reconnects)
            ),
        },
    ));
    let postgres = &impact.postgres;
    rows.push((
        "PostgreSQL, worst seen",
        joined(&[
            ("oldest query", postgres.max_query_age_s.map(duration)),
            ("active over 30 s", postgres.max_active_over_30s.map(count)),
            ("idle in transaction", postgres.max_idle_in_transaction.map(count)),
            ("lock waits", postgres.lock_waits.map(count)),
            ("deadlocks", postgres.deadlocks.map(count)),
        ]),
    ));
    let saturation = &impact.saturation;
    rows.push((
        "Workers and queue",
        joined(&[
            ("workers", saturation.workers.map(count)),
            ("peak in flight", saturation.peak_in_flight.map(count)),
            ("all busy for", saturation.saturated_s.map(duration)),
            ("queue peak", saturation.queue_peak.map(count)),
            ("blocked worker time", saturation.blocked_worker_s.map(duration)),
        ]),
    ));
    rows
}

/// Who did it, in one line without the query.
pub fn culprit(culprit: &Culprit) -> String {
    let mut parts = Vec::new();
    if let Some(name) = &culprit.name {
        parts.push(name.clone());
    }
    if let Some(pid) = culprit.pid {
        parts.push(format!("PostgreSQL backend {pid}"));
    }
    if let Some(application) = &culprit.application_name {
        parts.push(format!("application {application}"));
    }
    if let Some(state) = &culprit.state {
        parts.push(state.clone());
    }
    if let Some(age) = culprit.age_s {
        parts.push(format!("for {}", duration(age)));
    }
    if parts.is_empty() { UNKNOWN.to_owned() } else { parts.join(", ") }
}

/// The diagnosis in one line.
pub fn diagnosis(incident: &Incident) -> String {
    let certainty = certainty(incident.diagnosis.verdict);
    match incident.diagnosis.trigger {
        Some(trigger) => format!("{} ({certainty})", spaced(trigger)),
        None => certainty.to_owned(),
    }
}

/// The recovery in one line.
pub fn recovery(recovery: &Recovery) -> String {
    let mut text = spaced(recovery.verdict);
    if let Some(at) = recovery.recovered_at {
        text.push_str(&format!(" at {}", instant(at)));
    }
    match recovery.held_s {
        Some(held) => {
            text.push_str(&format!("; held {} of {} required", duration(held), duration(recovery.required_s)))
        }
        None => text.push_str(&format!("; {} of quiet required", duration(recovery.required_s))),
    }
    text
}

/// Format of an input, with what it was wrapped in where that is not plain.
pub fn taken_for(input: &Input) -> String {
    let mut text = input.format.clone();
    for (wrapping, ordinary) in [(&input.carrier, "plain"), (&input.container, "plain")] {
        if wrapping != ordinary && wrapping != "none" && !wrapping.is_empty() {
            text.push_str(" in ");
            text.push_str(wrapping);
        }
    }
    text
}

pub fn is_recognised(input: &Input) -> bool {
    input.format != "unrecognised" && input.source != "unrecognised"
}

pub fn input_span(input: &Input) -> String {
    match (input.first, input.last) {
        (Some(first), Some(last)) => span(first, last),
        _ => "–".to_owned(),
    }
}

/// Whether a source covers any part of a span, in microseconds.
pub fn covers(report: &Report, source: &str, from: i64, to: i64) -> bool {
    report
        .coverage
        .get(source)
        .is_some_and(|spans| spans.iter().any(|(first, last)| first.0 < to && last.0 >= from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(duration(0.0421), "42 ms");
        assert_eq!(duration(9.96), "10 s");
        assert_eq!(duration(61.0), "1 min 1 s");
        assert_eq!(duration(3600.0), "1 h 00 min");
        assert_eq!(duration(f64::NAN), "unknown");
        assert_eq!(percent(0.0004), "<0.1 %");
        assert_eq!(percent(0.647), "65 %");
        assert_eq!(value(Some(0.25)), "0.25");
        assert_eq!(value(None), "–");
    }

    #[test]
    fn missing_is_unknown_never_zero() {
        let rows = impact(&Impact {
            kills: Default::default(),
            requests: Default::default(),
            bus: Default::default(),
            postgres: Default::default(),
            saturation: Default::default(),
        });
        for (label, value) in rows.iter().skip(1) {
            assert_eq!(value, "unknown", "{label}");
        }
    }
}
