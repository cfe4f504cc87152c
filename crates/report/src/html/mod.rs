//! One self-contained HTML file: no script, no external resource, nothing from a log outside an escaped text.

mod incident;
mod parts;
mod tables;

use std::fmt::Write as _;
use std::io::{Result, Write};

use stormtrace_analysis::report::{Incident, Report, Verdict};

use self::parts::{badge, references, safe, section, severity_badge};
use crate::{Options, View, Writer, chart, words};

/// The HTML writer.
#[derive(Debug, Clone, Copy)]
pub struct Html;

const STYLE: &str = include_str!("../style.css");
/// Actions explained under the charts; the incidents list them all.
const ACTIONS_SHOWN: usize = 12;

impl Writer for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["html", "htm"]
    }

    fn shows_hashes(&self) -> bool {
        true
    }

    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
        let title = if options.view == View::Inputs {
            "What was read"
        } else {
            words::first_sentence(&report.headline).0
        };
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
            safe(&words::one_line(&words::shortened(title, 120)))
        )?;
        out.write_all(header(report, options).as_bytes())?;
        out.write_all(b"<main>\n")?;
        if options.view != View::Inputs {
            out.write_all(cards(report).as_bytes())?;
            out.write_all(charts(report).as_bytes())?;
            for (number, one) in (1usize..).zip(words::incidents(report)) {
                out.write_all(incident::section_of(number, one).as_bytes())?;
            }
            out.write_all(incident::isolated(report).as_bytes())?;
            out.write_all(findings(report).as_bytes())?;
            out.write_all(tables::rules(report).as_bytes())?;
            out.write_all(tables::endpoints(report).as_bytes())?;
            out.write_all(tables::queries(report).as_bytes())?;
            out.write_all(tables::worker_lives(report).as_bytes())?;
            out.write_all(notes(report).as_bytes())?;
        }
        out.write_all(tables::inputs(report).as_bytes())?;
        write!(
            out,
            "</main>\n<footer>{} {}, schema {}. All times are UTC.</footer>\n</body>\n</html>\n",
            safe(report.tool.name),
            safe(report.tool.version),
            safe(report.schema)
        )
    }
}

fn header(report: &Report, options: &Options) -> String {
    let (class, tone) = match report.verdict {
        Verdict::Pass => ("pass", "good"),
        Verdict::Warn => ("warn", "warn"),
        Verdict::Fail => ("fail", "bad"),
        Verdict::Unknown => ("unknown", ""),
    };
    if options.view == View::Inputs {
        return "<header><div><h1>What was read</h1></div></header>\n".to_owned();
    }
    let (first, rest) = words::first_sentence(&report.headline);
    let mut html = format!(
        "<header class=\"{class}\"><div>\n<p class=\"eyebrow\">{}<span>Odoo incident report</span><span>Logs cover {}</span></p>\n<h1>{}</h1>\n",
        badge(tone, &words::verdict(report.verdict).to_uppercase()),
        words::window(report.window.as_ref()),
        safe(first)
    );
    if !rest.is_empty() {
        let _ = writeln!(html, "<p class=\"lead\">{}</p>", safe(rest));
    }
    html.push_str("<nav>");
    if report.timeline.buckets > 0 && report.timeline.bucket_s > 0 && report.timeline.from.is_some() {
        html.push_str("<a href=\"#timeline\">Timeline</a>");
    }
    for (number, one) in (1usize..).zip(words::incidents(report)) {
        let _ = write!(html, "<a href=\"#incident-{number}\">{}</a>", words::kind(one.kind));
    }
    for (present, id, name) in [
        (words::isolated(report).next().is_some(), "isolated", "Isolated failures"),
        (!report.findings.is_empty(), "findings", "What to change"),
        (!report.rules.is_empty(), "rules", "Policy"),
        (!report.endpoints.is_empty(), "endpoints", "Endpoints"),
        (!report.queries.is_empty(), "queries", "Queries"),
        (!report.worker_lives.roles.is_empty(), "lives", "Worker lives"),
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
    match words::incidents(report).rev().max_by_key(|incident| incident.severity) {
        Some(incident) => incident_cards(&mut html, report, incident),
        None => quiet_cards(&mut html, report),
    }
    html.push_str("</div>\n");
    html
}

fn incident_cards(html: &mut String, report: &Report, incident: &Incident) {
    let number = words::incidents(report).count() as u64;
    if number > 1 {
        html.push_str(&card("", "Incidents", &words::count(number), "the worst is shown here"));
    }
    html.push_str(&card(
        "",
        "Began",
        &words::clock(incident.start),
        &incident.start.format("%a, %-d %B %Y, UTC"),
    ));
    let open = if incident.ongoing_at_end { "not over when the logs end" } else { "until the last failure" };
    let lasted = words::duration(words::seconds_between(incident.start, incident.end));
    html.push_str(&card("", "Lasted", &lasted, open));
    let kills = &incident.impact.kills;
    let class = if kills.total > 0 { "bad" } else { "" };
    html.push_str(&card(
        class,
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
    let class = |failed: Option<u64>| if failed.is_some_and(|failed| failed > 0) { "bad" } else { "" };
    html.push_str(&card(class(failed), "HTTP requests failed", &words::maybe_count(failed), &detail));
    let bus = &incident.impact.bus;
    let detail = bus.requests.map(|all| format!("of {}", words::count(all))).unwrap_or_default();
    html.push_str(&card(class(bus.failed), "Bus requests failed", &words::maybe_count(bus.failed), &detail));
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
    let required = words::duration(incident.recovery.required_s);
    let held =
        incident.recovery.held_s.map(|held| format!("observed {}; {required} needed", words::duration(held)));
    let verdict = words::spaced(incident.recovery.verdict);
    html.push_str(&card(class, "Recovery", &verdict, &held.unwrap_or_default()));
}

fn quiet_cards(html: &mut String, report: &Report) {
    html.push_str(&card("good", "Incidents", "none found", ""));
    let isolated = words::isolated(report).count() as u64;
    if isolated > 0 {
        html.push_str(&card("", "Isolated failures", &words::count(isolated), "too few for an incident"));
    }
    let kills = report.coverage.contains_key("odoo").then_some(report.totals.kills);
    html.push_str(&card("", "Workers killed", &words::maybe_count(kills), ""));
    html.push_str(&card("", "Requests", &words::maybe_count(report.totals.requests), ""));
    html.push_str(&card("", "Files read", &words::count(report.inputs.len() as u64), ""));
    let covered: Vec<_> = report.coverage.keys().map(|source| words::source(source)).collect();
    let covered = if covered.is_empty() { "no source".to_owned() } else { covered.join(", ") };
    html.push_str(&card("words", "Covered", &covered, ""));
}

fn charts(report: &Report) -> String {
    let Some((svg, caption)) = chart::timeline(report) else { return String::new() };
    let mut body = format!(
        "<div class=\"box\"><div class=\"scroll\">{svg}</div>\n<p class=\"soft small\">{}",
        safe(&caption)
    );
    body.push_str("</p>");
    let actions =
        || words::incidents(report).flat_map(|one| one.actions.iter().map(move |action| (one, action)));
    for (number, (incident, action)) in (1u64..).zip(actions()).take(ACTIONS_SHOWN) {
        let _ = write!(
            body,
            "<p class=\"small\"><b>{number}</b> {} <code>{}</code> <span class=\"soft\">{}</span></p>",
            words::clock_near(action.time, incident.start),
            safe(action.kind),
            safe(&action.effect)
        );
    }
    let hidden = actions().count().saturating_sub(ACTIONS_SHOWN);
    if hidden > 0 {
        let _ = write!(body, "<p class=\"small soft\">and {hidden} more below</p>");
    }
    body.push_str("</div>\n");
    section("timeline", "What happened when", &body)
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

fn notes(report: &Report) -> String {
    if report.notes.is_empty() {
        return String::new();
    }
    let items: String = report.notes.iter().map(|note| format!("<li>{}</li>\n", safe(note))).collect();
    section("notes", "What could not be said", &format!("<div class=\"box\"><ul>\n{items}</ul></div>\n"))
}
