//! Words, numbers and spans as people read them; shared by the forms for people. Nothing here is escaped:
//! the writer escapes the whole value for its sink.

mod number;
mod rule;
pub mod worker_lives;
pub mod worker_time;

use std::collections::BTreeMap;

use stormtrace_analysis::report::{
    Cause, Certainty, Chain, Culprit, Diagnosis, EvidenceStatus, Impact, Incident, Input, Kind, Link,
    Recovery, Reference, Report, Requests, Role, Severity, Time, Verdict, Window,
};

pub use self::number::*;
pub use self::rule::*;

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

/// The causes to show in full, and those that were merely considered: with a trigger named, only evidenced ones stand
/// beside it; without, the three heaviest.
pub fn weighed(diagnosis: &Diagnosis) -> (Vec<&Cause>, Vec<&Cause>) {
    let mut left = if diagnosis.trigger.is_some() { 0 } else { 3 };
    diagnosis.causes.iter().partition(|cause| {
        let shown = cause.evidenced || left > 0;
        left -= i32::from(shown && left > 0);
        shown
    })
}

/// A cause that was considered, and what speaks most against it.
pub fn considered(cause: &Cause) -> String {
    let against = cause
        .evidence
        .iter()
        .filter(|evidence| evidence.weight_db < 0.0)
        .min_by(|a, b| a.weight_db.total_cmp(&b.weight_db));
    let why = against.map_or_else(
        || "too little speaks for it".to_owned(),
        |evidence| format!("{}{}", statement_lead(evidence.status), evidence.statement),
    );
    format!("{}, {}: {why}", spaced(cause.cause), weight(cause.weight_db))
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

/// The incidents that count; isolated failures stand in a list of their own.
pub fn incidents(report: &Report) -> impl DoubleEndedIterator<Item = &Incident> + Clone {
    report.incidents.iter().filter(|incident| !incident.isolated)
}

/// Failures too few for an incident.
pub fn isolated(report: &Report) -> impl DoubleEndedIterator<Item = &Incident> + Clone {
    report.incidents.iter().filter(|incident| incident.isolated)
}

/// A source as people call it.
pub fn source(name: &str) -> String {
    match name {
        "odoo" => "Odoo log",
        "nginx_access" => "nginx access log",
        "nginx_error" => "nginx error log",
        "postgres_log" => "PostgreSQL log",
        "pg_stat_activity" => "pg_stat_activity",
        "host" => "host samples",
        other => return spaced(other),
    }
    .to_owned()
}

/// Why a worker ended.
fn reason(id: &str) -> String {
    match id {
        "real_time" => "real-time limit",
        "cpu_time" => "CPU-time limit",
        "memory_soft" => "soft memory limit",
        "memory_hard" => "hard memory limit",
        "oom_killer" => "kernel out-of-memory killer",
        "max_requests" => "request limit (harmless)",
        "max_age" => "age limit (harmless)",
        "graceful" => "stopped with the server",
        "vanished" => "vanished without a word",
        other => return spaced(other),
    }
    .to_owned()
}

/// A criterion of recovery.
pub fn criterion(id: &str) -> String {
    match id {
        "http_502_504" => "HTTP 502 and 504".to_owned(),
        "active_over_30s" => "statements over 30 s".to_owned(),
        "flow_login" => "logging in".to_owned(),
        "flow_sale_confirm" => "confirming a sale order".to_owned(),
        "flow_invoice_post" => "posting an invoice".to_owned(),
        other => spaced(other),
    }
}

/// A series of a correlation.
pub fn series(id: &str) -> String {
    let words = spaced(id);
    words.strip_prefix("http ").map_or_else(|| words.clone(), |rest| format!("HTTP {rest}"))
}

/// `lock_holder_idle_in_transaction` as words.
pub fn spaced(id: &str) -> String {
    id.replace('_', " ")
}

/// How sure a link is.
pub fn confidence(id: &str) -> &str {
    if id == "set" { "one of several" } else { id }
}

/// What stands before a statement whose status its weight does not tell.
pub fn statement_lead(status: EvidenceStatus) -> &'static str {
    match status {
        EvidenceStatus::Contradicted => "contradicted: ",
        EvidenceStatus::Unknown => "not known: ",
        EvidenceStatus::Present | EvidenceStatus::Absent => "",
    }
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

/// What the workers of a chain were stuck in: kills, and until when from when.
pub fn chain_kills(chain: &Chain, near: Time) -> String {
    let kills = plural(chain.kills, "kill", "kills");
    match (clock_near(chain.first, near), clock_near(chain.last, near)) {
        (first, last) if first == last => format!("{kills} at {first}"),
        (first, last) => format!("{kills}, {first} to {last}"),
    }
}

/// All places of a link, along the chain.
pub fn link_places(link: &Link) -> Vec<&Reference> {
    let mut places = vec![&link.kill.reference];
    places.extend(link.request.as_ref().map(|request| &request.reference));
    places.extend(link.backend.as_ref().map(|backend| &backend.reference));
    places.extend(link.root_blocker.as_ref().map(|blocker| &blocker.reference));
    places
}

/// First and last kill; one row when they are the same.
pub fn kill_places(impact: &Impact) -> Vec<(&'static str, &Reference)> {
    match (&impact.kills.first, &impact.kills.last) {
        (Some(first), Some(last)) if first == last => vec![("Kill", first)],
        (first, last) => first
            .iter()
            .map(|place| ("First kill", place))
            .chain(last.iter().map(|place| ("Last kill", place)))
            .collect(),
    }
}

/// Skipped lines by reason, with the first few line numbers as an editor takes them.
pub fn skipped(input: &Input) -> Option<String> {
    if input.skipped_by_reason.is_empty() {
        return None;
    }
    let one = |(reason, lines): (&String, &u64)| {
        let first = input.skipped_examples.iter().find(|example| example.reason == *reason);
        let first = first.map(|example| format!(" (first at line {})", example.line)).unwrap_or_default();
        format!("{reason} {}{first}", count(*lines))
    };
    Some(input.skipped_by_reason.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The longest silence of an input, and how many there were.
pub fn gaps(input: &Input) -> Option<String> {
    let gaps = input.gaps.as_ref()?;
    let longest =
        gaps.iter().max_by(|a, b| seconds_between(a.0, a.1).total_cmp(&seconds_between(b.0, b.1)))?;
    let span = window(Some(&Window { from: longest.0, to: longest.1 }));
    let length = duration(seconds_between(longest.0, longest.1));
    Some(match gaps.len() {
        1 => format!("no records: {span} ({length})"),
        more => format!("no records in {more} stretches, the longest {span} ({length})"),
    })
}

/// How to read the weights, said once.
pub const WEIGHTS: &str =
    "dB weigh the evidence: +10 is 10 to 1 for the cause, +20 is 100 to 1; below 0 speaks against it.";

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
        let reasons: Vec<_> =
            kills.by_reason.iter().map(|(id, value)| format!("{} {}", reason(id), count(*value))).collect();
        rows.push(("Worker ends by reason", reasons.join("; ")));
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
            ("oldest query", postgres.max_query_age_s.map(|seconds| age(Some(seconds)))),
            ("statements over 30 s", postgres.max_active_over_30s.map(count)),
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
    if recovery.criteria.is_empty() && recovery.held_s.is_none() {
        text.push_str("; there was nothing to judge it by");
        return text;
    }
    if let Some(at) = recovery.recovered_at {
        text.push_str(&format!(" at {}", instant(at)));
        if let Some(held) = recovery.held_s {
            text.push_str(&format!("; held {}", duration(held)));
        }
    }
    if !recovery.note.is_empty() {
        text.push_str(&format!("; {}", recovery.note));
    } else if recovery.recovered_at.is_none() {
        text.push_str(&format!("; {} without a break required", duration(recovery.required_s)));
    }
    text
}

/// Format of an input, with what it was wrapped in where that is not plain.
pub fn taken_for(input: &Input) -> String {
    let mut text = input.format.clone();
    // The path shows the archive a file lies in, and the name of a compressed file says so itself, if it is honest.
    let is_archive = |name: &&str| matches!(*name, "tar" | "zip");
    let inside = input.container.split('>').rev().take_while(|name| !is_archive(name)).collect::<Vec<_>>();
    let container = match (inside.as_slice(), input.path.rsplit('.').next()) {
        _ if input.format == "archive" => input.container.clone(),
        (["gzip"], Some("gz"))
        | (["zstd"], Some("zst"))
        | (["xz"], Some("xz"))
        | (["bzip2"], Some("bz2")) => String::new(),
        (inside, _) => inside.iter().rev().copied().collect::<Vec<_>>().join(">"),
    };
    for wrapping in [input.carrier.as_str(), &container] {
        if !matches!(wrapping, "plain" | "none" | "") {
            text.push_str(" in ");
            text.push_str(wrapping);
        }
    }
    text
}

pub fn is_recognised(input: &Input) -> bool {
    input.format != "unrecognised" && input.source != "unrecognised"
}

/// The span of an input, UTC; without dates when all inputs are of the same `day`.
pub fn input_span(input: &Input, day: Option<&str>) -> String {
    let (Some(first), Some(last)) = (input.first, input.last) else { return "–".to_owned() };
    if day.is_some() {
        return format!("{} – {}", clock(first), clock(last));
    }
    span(first, last).trim_end_matches(" UTC").to_owned()
}

/// The day all inputs are of.
pub fn common_day(inputs: &[Input]) -> Option<String> {
    let mut days = inputs
        .iter()
        .flat_map(|input| [input.first, input.last])
        .flatten()
        .map(|time| time.format("%Y-%m-%d"));
    let day = days.next()?;
    days.all(|other| other == day).then_some(day)
}

/// Heading of a column of spans.
pub fn span_heading(day: Option<&str>) -> String {
    day.map_or_else(|| "span, UTC".to_owned(), |day| format!("span, UTC {day}"))
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
