//! One self-contained HTML file: no script, no external resource, nothing from a log outside an escaped text.

use std::fmt::Write as _;
use std::io::{Result, Write};

use stormtrace_analysis::report::{
    Cause, Certainty, EvidenceStatus, Incident, Input, Link, LinkRequest, Reference, Report, Severity,
    Verdict,
};

use crate::escape::{html_attr, html_text as safe};
use crate::{Options, Writer, chart, words};

/// The HTML writer.
#[derive(Debug, Clone, Copy)]
pub struct Html;

const STYLE: &str = include_str!("style.css");
/// Links shown before the rest folds away.
const LINKS_SHOWN: usize = 10;
const REFERENCES_SHOWN: usize = 4;

impl Writer for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["html", "htm"]
    }

    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
        let title = if options.inspect { "What was read" } else { report.headline.as_str() };
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
            safe(&words::one_line(&words::shortened(title, 120)))
        )?;
        out.write_all(header(report, options).as_bytes())?;
        out.write_all(b"<main>\n")?;
        if !options.inspect {
            out.write_all(cards(report).as_bytes())?;
            out.write_all(charts(report).as_bytes())?;
            for (number, incident) in report.incidents.iter().enumerate() {
                out.write_all(incident_section(number, incident).as_bytes())?;
            }
            out.write_all(findings(report).as_bytes())?;
            out.write_all(endpoints(report).as_bytes())?;
            out.write_all(queries(report).as_bytes())?;
            out.write_all(notes(report).as_bytes())?;
        }
        out.write_all(inputs(report).as_bytes())?;
        write!(
            out,
            "</main>\n<footer>{} {}, schema {}. All times are UTC.</footer>\n</body>\n</html>\n",
            safe(report.tool.name),
            safe(report.tool.version),
            safe(report.schema)
        )
    }
}

fn badge(class: &str, text: &str) -> String {
    format!("<span class=\"badge {class}\">{}</span>", safe(text))
}

fn severity_badge(severity: Severity) -> String {
    let class = match severity {
        Severity::Info => "",
        Severity::Minor => "warn",
        Severity::Major | Severity::Critical => "bad",
    };
    badge(class, words::severity(severity))
}

fn reference(reference: &Reference) -> String {
    let time = reference
        .time
        .map(|time| format!(" title=\"{}\"", html_attr(&words::instant(time))))
        .unwrap_or_default();
    format!("<code{time}>{}</code>", safe(&words::place(reference)))
}

fn references(references_: &[Reference]) -> String {
    if references_.is_empty() {
        return String::new();
    }
    let mut text = String::from("<div class=\"ref\">");
    for one in references_.iter().take(REFERENCES_SHOWN) {
        text.push_str(&reference(one));
    }
    let hidden = references_.len().saturating_sub(REFERENCES_SHOWN);
    if hidden > 0 {
        let _ = write!(text, "and {hidden} more");
    }
    text.push_str("</div>");
    text
}

/// A table in a box that scrolls sideways. Columns: heading and class; cells are HTML already.
fn table(columns: &[(&str, &str)], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut html = String::from("<div class=\"scroll\"><table><thead><tr>");
    for (heading, class) in columns {
        let _ = write!(html, "<th class=\"{class}\">{heading}</th>");
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (cell, (_, class)) in row.iter().zip(columns) {
            let _ = write!(html, "<td class=\"{class}\">{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn section(id: &str, heading: &str, body: &str) -> String {
    format!("<section id=\"{id}\">\n<h2>{heading}</h2>\n{body}</section>\n")
}

fn header(report: &Report, options: &Options) -> String {
    let (class, tone) = match report.verdict {
        Verdict::Pass => ("pass", "good"),
        Verdict::Warn => ("warn", "warn"),
        Verdict::Fail => ("fail", "bad"),
        Verdict::Unknown => ("unknown", ""),
    };
    if options.inspect {
        return "<header><div><h1>What was read</h1></div></header>\n".to_owned();
    }
    let mut html = format!(
        "<header class=\"{class}\"><div>\n<p class=\"eyebrow\">{}<span>Odoo incident report</span><span>Logs cover {}</span></p>\n<h1>{}</h1>\n<nav>",
        badge(tone, &words::verdict(report.verdict).to_uppercase()),
        words::window(report.window.as_ref()),
        safe(&report.headline)
    );
    for number in 1..=report.incidents.len() {
        let name =
            if report.incidents.len() == 1 { "Incident".to_owned() } else { format!("Incident {number}") };
        let _ = write!(html, "<a href=\"#incident-{number}\">{name}</a>");
    }
    for (present, id, name) in [
        (!report.findings.is_empty(), "findings", "Findings"),
        (!report.endpoints.is_empty(), "endpoints", "Endpoints"),
        (!report.queries.is_empty(), "queries", "Queries"),
        (!report.notes.is_empty(), "notes", "What could not be said"),
        (true, "inputs", "What was read"),
    ] {
        if present {
            let _ = write!(html, "<a href=\"#{id}\">{name}</a>");
        }
    }
    html.push_str("</nav>\n</div></header>\n");
    html
}

fn card(class: &str, label: &str, value: &str, detail: &str) -> String {
    let detail = if detail.is_empty() { String::new() } else { format!("<span>{}</span>", safe(detail)) };
    format!("<div class=\"card {class}\"><span>{}</span><b>{}</b>{detail}</div>\n", safe(label), safe(value))
}

fn cards(report: &Report) -> String {
    let mut html = String::from("<div class=\"cards\">\n");
    // The first of the worst, so that a storm is not hidden by the restart that ended it.
    let worst = report.incidents.iter().rev().max_by_key(|incident| incident.severity);
    match worst {
        Some(incident) => {
            if report.incidents.len() > 1 {
                html.push_str(&card(
                    "",
                    "Incidents",
                    &words::count(report.incidents.len() as u64),
                    "worst one shown here",
                ));
            }
            html.push_str(&card(
                "",
                "Began",
                &words::clock(incident.start),
                &incident.start.format("%A, %-d %B %Y, UTC"),
            ));
            let open =
                if incident.ongoing_at_end { "not over when the logs end" } else { "until the last failure" };
            html.push_str(&card(
                "",
                "Lasted",
                &words::duration(words::seconds_between(incident.start, incident.end)),
                open,
            ));
            let kills = &incident.impact.kills;
            html.push_str(&card(
                if kills.total > 0 { "bad" } else { "" },
                "Workers killed",
                &words::count(kills.total),
                &words::by_name(&kills.by_class),
            ));
            let requests = &incident.impact.requests;
            let detail = match (requests.total, requests.failed_ratio) {
                (Some(total), Some(ratio)) => format!("{} of {}", words::percent(ratio), words::count(total)),
                _ => String::new(),
            };
            let failed = words::failed_total(requests);
            let class = if failed.is_some_and(|failed| failed > 0) { "bad" } else { "" };
            html.push_str(&card(class, "HTTP requests failed", &words::maybe_count(failed), &detail));
            let bus = &incident.impact.bus;
            let detail = bus.requests.map(|all| format!("of {}", words::count(all))).unwrap_or_default();
            html.push_str(&card("", "Bus requests failed", &words::maybe_count(bus.failed), &detail));
            let certainty = words::certainty(incident.diagnosis.verdict);
            match incident.diagnosis.trigger {
                Some(trigger) => html.push_str(&card("words", "Cause", &words::spaced(trigger), certainty)),
                None => html.push_str(&card("words", "Cause", certainty, "")),
            }
            let class = match incident.recovery.verdict {
                "recovered" => "words good",
                "unknown" => "words",
                _ => "words bad",
            };
            let held = incident.recovery.held_s.map(|held| format!("held {}", words::duration(held)));
            html.push_str(&card(
                class,
                "Recovery",
                &words::spaced(incident.recovery.verdict),
                &held.unwrap_or_default(),
            ));
        }
        None => {
            html.push_str(&card("good", "Incidents", "none found", ""));
            let kills = report.coverage.contains_key("odoo").then_some(report.totals.kills);
            html.push_str(&card("", "Workers killed", &words::maybe_count(kills), ""));
            html.push_str(&card("", "Requests", &words::maybe_count(report.totals.requests), ""));
            html.push_str(&card("", "Files read", &words::count(report.inputs.len() as u64), ""));
            let covered: Vec<_> = report.coverage.keys().map(|source| words::spaced(source)).collect();
            let covered = if covered.is_empty() { "no source".to_owned() } else { covered.join(", ") };
            html.push_str(&card("words", "Covered", &covered, ""));
        }
    }
    html.push_str("</div>\n");
    html
}

fn charts(report: &Report) -> String {
    let Some((svg, caption)) = chart::timeline(report) else { return String::new() };
    let mut body = format!(
        "<div class=\"box\"><div class=\"scroll\">{svg}</div>\n<p class=\"soft small\">{}",
        safe(&caption)
    );
    body.push_str("</p>");
    let mut actions = String::new();
    let mut number = 0u64;
    for action in report.incidents.iter().flat_map(|incident| &incident.actions) {
        number = number.saturating_add(1);
        let _ = write!(
            actions,
            "<p class=\"small\"><b>{number}</b> {} <code>{}</code> <span class=\"soft\">{}</span></p>",
            words::clock(action.time),
            safe(action.kind),
            safe(&action.effect)
        );
    }
    body.push_str(&actions);
    body.push_str("</div>\n");
    section("timeline", "What happened when", &body)
}

fn incident_section(number: usize, incident: &Incident) -> String {
    let mut body =
        format!("<div class=\"box\">\n<p class=\"soft\">{}</p>\n", safe(&words::incident_span(incident)));
    let _ = writeln!(body, "<p>{}</p>", safe(&incident.summary));
    list(&mut body, "Why it was detected", &incident.detection);
    body.push_str("</div>\n");

    body.push_str("<h3>Impact</h3>\n<div class=\"box\"><dl>\n");
    for (label, value) in words::impact(&incident.impact) {
        let _ = writeln!(body, "<dt>{label}</dt><dd>{}</dd>", safe(&value));
    }
    for (label, place) in
        [("First kill", &incident.impact.kills.first), ("Last kill", &incident.impact.kills.last)]
    {
        if let Some(place) = place {
            let time = place.time.map(words::instant).unwrap_or_default();
            let _ = writeln!(
                body,
                "<dt>{label}</dt><dd>{time} <span class=\"ref\">{}</span></dd>",
                reference(place)
            );
        }
    }
    body.push_str("</dl></div>\n");

    let tone = match incident.diagnosis.verdict {
        Certainty::Established => "good",
        Certainty::Probable | Certainty::Ambiguous => "warn",
        Certainty::NotDeterminable => "",
    };
    let _ = writeln!(
        body,
        "<h3>Cause {}</h3>\n<div class=\"box\">",
        badge(tone, words::certainty(incident.diagnosis.verdict))
    );
    if incident.diagnosis.causes.is_empty() {
        body.push_str("<p class=\"soft\">No cause could be weighed.</p>\n");
    }
    for cause in &incident.diagnosis.causes {
        write_cause(&mut body, cause);
    }
    list(&mut body, "Would decide, but is missing", &incident.diagnosis.missing);
    body.push_str("</div>\n");

    links(&mut body, &incident.links);
    correlations(&mut body, incident);
    actions(&mut body, incident);
    recovery(&mut body, incident);
    let heading = format!("{} {}", words::kind(incident.kind), severity_badge(incident.severity));
    section(&format!("incident-{}", number.saturating_add(1)), &heading, &body)
}

fn list(body: &mut String, heading: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(body, "<h3>{heading}</h3>\n<ul>");
    for item in items {
        let _ = writeln!(body, "<li>{}</li>", safe(item));
    }
    body.push_str("</ul>\n");
}

fn write_cause(body: &mut String, cause: &Cause) {
    let _ = writeln!(
        body,
        "<div class=\"cause\"><h4>{} {} {}</h4>\n<p>{}</p>",
        safe(&words::spaced(cause.cause)),
        badge("", words::role(cause.role)),
        badge("", &words::weight(cause.weight_db)),
        safe(&cause.summary)
    );
    if let Some(culprit) = &cause.culprit {
        let place = culprit.reference.as_ref().map(reference).unwrap_or_default();
        let _ = writeln!(
            body,
            "<p><span class=\"soft\">Who:</span> {} <span class=\"ref\">{place}</span></p>",
            safe(&words::culprit(culprit))
        );
        if let Some(query) = &culprit.query {
            let _ = writeln!(body, "<pre>{}</pre>", safe(query));
        }
    }
    if !cause.evidence.is_empty() {
        let rows = cause.evidence.iter().map(|evidence| {
            let tone = match evidence.status {
                EvidenceStatus::Present => "good",
                EvidenceStatus::Absent => "",
                EvidenceStatus::Unknown => "warn",
                EvidenceStatus::Contradicted => "bad",
            };
            vec![
                badge(tone, words::evidence(evidence.status)),
                format!("{}{}", safe(&evidence.statement), references(&evidence.refs)),
                safe(&words::weight(evidence.weight_db)),
            ]
        });
        body.push_str(&table(&[("Evidence", "w"), ("Statement", "t"), ("Weight", "n")], rows));
    }
    if !cause.next_step.is_empty() {
        let _ = writeln!(body, "<p class=\"next\"><b>Next step.</b> {}</p>", safe(&cause.next_step));
    }
    body.push_str("</div>\n");
}

fn links(body: &mut String, links: &[Link]) {
    if links.is_empty() {
        return;
    }
    let columns = [
        ("Killed", "w"),
        ("Worker", "w"),
        ("Request", "t"),
        ("Backend", "t"),
        ("Blocked by", "t"),
        ("Confidence", "w"),
    ];
    let _ = writeln!(body, "<h3>From each kill to its blocker</h3>\n<div class=\"box\">");
    body.push_str(&table(&columns, links.iter().take(LINKS_SHOWN).map(link_row)));
    let hidden = links.len().saturating_sub(LINKS_SHOWN);
    if hidden > 0 {
        let _ = write!(body, "<details><summary>{hidden} more</summary>");
        body.push_str(&table(&columns, links.iter().skip(LINKS_SHOWN).map(link_row)));
        body.push_str("</details>\n");
    }
    body.push_str("</div>\n");
}

fn link_row(link: &Link) -> Vec<String> {
    let place = |place: &Reference| format!("<div class=\"ref\">{}</div>", reference(place));
    let request = |request: &LinkRequest| {
        format!(
            "<code>{} {}</code> {}{}",
            safe(&request.method),
            safe(&request.path),
            request.status,
            place(&request.reference)
        )
    };
    vec![
        words::clock(link.kill.time),
        format!("{} {}{}", safe(&link.kill.class), link.kill.pid, place(&link.kill.reference)),
        match &link.request {
            Some(found) => request(found),
            None if link.candidates.is_empty() => words::UNKNOWN.to_owned(),
            None => format!("one of {} requests", link.candidates.len()),
        },
        link.backend.as_ref().map_or_else(
            || words::UNKNOWN.to_owned(),
            |backend| {
                let query =
                    backend.query.as_deref().map(|query| words::shortened(&words::one_line(query), 120));
                let query = query.map(|query| format!(" <code>{}</code>", safe(&query))).unwrap_or_default();
                format!("{}{query}{}", backend.pid, place(&backend.reference))
            },
        ),
        link.root_blocker.as_ref().map_or_else(
            || words::UNKNOWN.to_owned(),
            |blocker| {
                let mut text = blocker.pid.to_string();
                for detail in [&blocker.application_name, &blocker.state].into_iter().flatten() {
                    let _ = write!(text, ", {}", safe(detail));
                }
                text.push_str(&place(&blocker.reference));
                text
            },
        ),
        safe(link.confidence),
    ]
}

fn correlations(body: &mut String, incident: &Incident) {
    if incident.correlations.is_empty() {
        return;
    }
    body.push_str("<h3>Coincidence of series</h3>\n<div class=\"box\">");
    let rows = incident.correlations.iter().map(|correlation| {
        vec![
            safe(&words::spaced(correlation.leader)),
            safe(&words::spaced(correlation.follower)),
            words::duration(correlation.lag_s),
            words::percent(correlation.coincidence),
            words::value(Some(correlation.p_value)),
        ]
    });
    let columns = [("Earlier", ""), ("Later", ""), ("Median lag", "n"), ("Coincidence", "n"), ("p", "n")];
    body.push_str(&table(&columns, rows));
    body.push_str("</div>\n");
}

fn actions(body: &mut String, incident: &Incident) {
    if incident.actions.is_empty() {
        return;
    }
    body.push_str("<h3>Actions and what followed</h3>\n<div class=\"box\">");
    let rows = incident.actions.iter().map(|action| {
        vec![
            words::clock(action.time),
            format!("<code>{}</code>", safe(action.kind)),
            format!("{}<div class=\"ref\">{}</div>", safe(&action.detail), reference(&action.reference)),
            safe(&action.effect),
        ]
    });
    body.push_str(&table(&[("Time", "w"), ("Action", "w"), ("Detail", "t"), ("What followed", "t")], rows));
    body.push_str("</div>\n");
}

fn recovery(body: &mut String, incident: &Incident) {
    let recovery = &incident.recovery;
    let tone = match recovery.verdict {
        "recovered" => "good",
        "unknown" => "",
        _ => "bad",
    };
    let _ = writeln!(
        body,
        "<h3>Recovery {}</h3>\n<div class=\"box\"><p>{}</p>",
        badge(tone, &words::spaced(recovery.verdict)),
        safe(&words::recovery(recovery))
    );
    if !recovery.criteria.is_empty() {
        let rows = recovery.criteria.iter().map(|criterion| {
            let tone = match criterion.status {
                "pass" => "good",
                "fail" => "bad",
                _ => "warn",
            };
            vec![
                badge(tone, criterion.status),
                safe(&words::spaced(criterion.id)),
                safe(&criterion.detail),
                words::value(criterion.value),
                words::value(criterion.limit),
                criterion.since.map_or_else(|| "–".to_owned(), words::clock),
            ]
        });
        let columns = [
            ("Status", "w"),
            ("Criterion", "w"),
            ("Detail", "t"),
            ("Value", "n"),
            ("Limit", "n"),
            ("Since", "n"),
        ];
        body.push_str(&table(&columns, rows));
    }
    body.push_str("</div>\n");
}

fn findings(report: &Report) -> String {
    if report.findings.is_empty() {
        return String::new();
    }
    let mut body = String::new();
    for finding in &report.findings {
        let _ = writeln!(
            body,
            "<div class=\"box\"><p><b>{}</b> {}</p>\n<p>{}</p>",
            safe(&finding.title),
            severity_badge(finding.severity),
            safe(&finding.detail)
        );
        if !finding.fix.trim().is_empty() {
            let _ = writeln!(body, "<pre>{}</pre>", safe(&finding.fix));
        }
        body.push_str(&references(&finding.refs));
        body.push_str("</div>\n");
    }
    section("findings", "What to change", &body)
}

fn endpoints(report: &Report) -> String {
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

fn queries(report: &Report) -> String {
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

fn notes(report: &Report) -> String {
    if report.notes.is_empty() {
        return String::new();
    }
    let items: String = report.notes.iter().map(|note| format!("<li>{}</li>\n", safe(note))).collect();
    section("notes", "What could not be said", &format!("<div class=\"box\"><ul>\n{items}</ul></div>\n"))
}

fn inputs(report: &Report) -> String {
    let rows = report.inputs.iter().map(input_row);
    let columns = [
        ("File", "t"),
        ("Taken for", "w"),
        ("Zone", "w"),
        ("Span", "w"),
        ("Lines", "n"),
        ("Parsed", "n"),
        ("Continued", "n"),
        ("Skipped", "n"),
    ];
    let mut body = format!("<div class=\"box\">{}", table(&columns, rows));
    if !report.clocks.is_empty() {
        body.push_str("<h3>Clocks against Odoo's</h3>\n");
        let seconds = |value: Option<f64>| value.map_or_else(|| words::UNKNOWN.to_owned(), words::duration);
        let rows = report.clocks.iter().map(|clock| {
            vec![
                safe(&clock.source),
                seconds(clock.offset_s),
                seconds(clock.uncertainty_s),
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

fn input_row(input: &Input) -> Vec<String> {
    let mut file =
        format!("<code title=\"SHA-256 {}\">{}</code>", html_attr(&input.sha256), safe(&input.path));
    if let Some(other) = &input.duplicate_of {
        let _ = write!(
            file,
            "<div class=\"soft small\">{} same records as <code>{}</code>, counted once</div>",
            badge("", "copy"),
            safe(other)
        );
    }
    for problem in &input.problems {
        let _ = write!(file, "<div class=\"small\">{} {}</div>", badge("warn", "problem"), safe(problem));
    }
    if !input.skipped_by_reason.is_empty() {
        let lines: Vec<_> =
            input.skipped_examples.iter().take(5).map(|(line, _)| words::count(*line)).collect();
        let lines = if lines.is_empty() { String::new() } else { format!(" (line {})", lines.join(", ")) };
        let _ = write!(
            file,
            "<div class=\"soft small\">skipped: {}{lines}</div>",
            safe(&words::by_name(&input.skipped_by_reason))
        );
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
        safe(&words::input_span(input)),
        words::count(input.lines.total),
        words::count(input.lines.parsed),
        words::count(input.lines.continuation),
        words::count(input.lines.skipped),
    ]
}
