//! One incident, and the list of isolated failures.

use std::fmt::Write as _;

use stormtrace_analysis::report::{
    Cause, Certainty, Chain, EvidenceStatus, Incident, Link, LinkBlocker, LinkRequest, Reference, Report,
};

use super::parts::{badge, reference, references, safe, section, severity_badge, table};
use crate::words;

/// Links shown before the rest folds away.
const LINKS_SHOWN: usize = 5;
const CHAINS_SHOWN: usize = 8;
/// Isolated failures shown before the rest folds away.
const ISOLATED_SHOWN: usize = 20;

/// Failures too few for an incident, a few lines each.
pub fn isolated(report: &Report) -> String {
    let all: Vec<_> = words::isolated(report).collect();
    if all.is_empty() {
        return String::new();
    }
    let mut body = String::from(
        "<div class=\"box\"><p class=\"soft\">Too few for an incident; listed so that no figure is lost.</p>\n",
    );
    let (shown, hidden) = all.split_at_checked(ISOLATED_SHOWN).unwrap_or((&all, &[]));
    for incident in shown {
        isolated_one(&mut body, incident);
    }
    if !hidden.is_empty() {
        let _ = write!(body, "<details><summary>{} more</summary>", hidden.len());
        for incident in hidden {
            isolated_one(&mut body, incident);
        }
        body.push_str("</details>\n");
    }
    body.push_str("</div>\n");
    section("isolated", "Isolated failures", &body)
}

fn isolated_one(body: &mut String, incident: &Incident) {
    let _ = write!(
        body,
        "<div class=\"cause\"><p><b>{}</b><br>{}",
        safe(&words::incident_span(incident)),
        safe(&incident.summary)
    );
    for reason in &incident.detection {
        let _ = write!(body, "<br><span class=\"soft\">{}</span>", safe(reason));
    }
    for (label, place) in words::kill_places(&incident.impact) {
        let _ = write!(body, "<br><span class=\"soft\">{label}</span> {}", place_with_time(place));
    }
    body.push_str("</p></div>\n");
}

fn place_with_time(place: &Reference) -> String {
    let time = place.time.map(words::instant).unwrap_or_default();
    format!("{time} <span class=\"ref\">{}</span>", reference(place))
}

/// A whole incident, the `number`th of the page.
pub fn section_of(number: usize, incident: &Incident) -> String {
    let mut body =
        format!("<div class=\"box\">\n<p class=\"soft\">{}</p>\n", safe(&words::incident_span(incident)));
    let _ = writeln!(body, "<p>{}</p>", safe(&incident.summary));
    list(&mut body, "Why it was detected", &incident.detection);
    body.push_str("</div>\n");

    body.push_str("<h3>Impact</h3>\n<div class=\"box\"><dl>\n");
    for (label, value) in words::impact(&incident.impact) {
        let _ = writeln!(body, "<dt>{label}</dt><dd>{}</dd>", safe(&value));
    }
    for (label, place) in words::kill_places(&incident.impact) {
        let _ = writeln!(body, "<dt>{label}</dt><dd>{}</dd>", place_with_time(place));
    }
    body.push_str("</dl></div>\n");
    worker_time(&mut body, incident);

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
    } else {
        let _ = writeln!(body, "<p class=\"soft small\">{}</p>", words::WEIGHTS);
    }
    let (shown, considered) = words::weighed(&incident.diagnosis);
    for cause in shown {
        write_cause(&mut body, cause);
    }
    let considered: Vec<String> = considered.into_iter().map(words::considered).collect();
    list(&mut body, "Also considered", &considered);
    list(&mut body, "Would decide, but is missing", &incident.diagnosis.missing);
    body.push_str("</div>\n");

    links(&mut body, incident);
    correlations(&mut body, incident);
    actions(&mut body, incident);
    recovery(&mut body, incident);
    let heading = format!("{} {}", words::kind(incident.kind), severity_badge(incident.severity));
    section(&format!("incident-{}", number.saturating_add(1)), &heading, &body)
}

fn worker_time(body: &mut String, incident: &Incident) {
    let said = words::worker_time::saturation(&incident.impact.saturation);
    if !said.is_empty() {
        body.push_str("<h3>Saturation</h3>\n<div class=\"box\"><ul>\n");
        for (statement, refs) in said {
            let _ = writeln!(body, "<li>{}{}</li>", safe(&statement), references(refs));
        }
        body.push_str("</ul></div>\n");
    }
    let Some(time) = &incident.worker_time else { return };
    let _ = writeln!(
        body,
        "<h3>Where the workers' time went</h3>\n<div class=\"box\"><p>{}</p>",
        safe(&words::worker_time::worker_time(time))
    );
    for (by, title, shown) in words::worker_time::DIVISIONS {
        let Some(division) = words::worker_time::division(time, by) else { continue };
        let rows = words::worker_time::rows(time, division, *shown).into_iter().map(
            |(name, seconds, share, count, place)| {
                vec![
                    format!(
                        "<code>{}</code><div class=\"ref\">{}</div>",
                        safe(&words::shortened(&words::one_line(&name), 300)),
                        place.map(reference).unwrap_or_default()
                    ),
                    words::duration(seconds),
                    share.map_or_else(|| "–".to_owned(), words::percent),
                    words::worker_time::counted(count),
                ]
            },
        );
        let heading = format!("By {title}");
        body.push_str(&table(&[(&heading, "t"), ("Worker time", "n"), ("Share", "n"), ("Count", "n")], rows));
    }
    body.push_str("</div>\n");
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
                match evidence.status {
                    EvidenceStatus::Unknown => "–".to_owned(),
                    _ => words::weight(evidence.weight_db),
                },
            ]
        });
        body.push_str(&table(&[("Evidence", "w"), ("Statement", "t"), ("Weight", "n")], rows));
    }
    if !cause.next_step.is_empty() {
        let _ = writeln!(body, "<p class=\"next\"><b>Next step.</b> {}</p>", safe(&cause.next_step));
    }
    body.push_str("</div>\n");
}

fn links(body: &mut String, incident: &Incident) {
    let links = &incident.links;
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
    let rows = incident.chains.iter().take(CHAINS_SHOWN).map(|chain| chain_row(incident, chain));
    let _ = writeln!(body, "<h3>What the killed workers were doing</h3>\n<div class=\"box\">");
    body.push_str(&table(&[("Kills", "w"), ("Request", "t"), ("Blocked by", "t")], rows));
    let hidden = incident.chains.len().saturating_sub(CHAINS_SHOWN);
    if hidden > 0 {
        let _ = writeln!(body, "<p>… and {hidden} more</p>");
    }
    let _ = writeln!(body, "</div>\n<h3>From each kill to its blocker</h3>\n<div class=\"box\">");
    body.push_str(&table(&columns, links.iter().take(LINKS_SHOWN).map(|link| link_row(incident, link))));
    let hidden = links.len().saturating_sub(LINKS_SHOWN);
    if hidden > 0 {
        let _ = write!(body, "<details><summary>{hidden} more</summary>");
        body.push_str(&table(&columns, links.iter().skip(LINKS_SHOWN).map(|link| link_row(incident, link))));
        body.push_str("</details>\n");
    }
    body.push_str("</div>\n");
}

fn link_row(incident: &Incident, link: &Link) -> Vec<String> {
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
        words::clock_near(link.kill.time, incident.start),
        format!("{} {}{}", safe(&link.kill.class), link.kill.pid, place(&link.kill.reference)),
        match &link.request {
            Some(found) => request(found),
            None if link.candidates.is_empty() => words::UNKNOWN.to_owned(),
            None => format!("one of {}", words::plural(link.candidates.len() as u64, "request", "requests")),
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
        blocked_by(link.root_blocker.as_ref()),
        link.reasons.iter().fold(safe(words::confidence(link.confidence)), |text, reason| {
            format!("{text}<div class=\"ref\">{}</div>", safe(reason))
        }),
    ]
}

fn chain_row(incident: &Incident, chain: &Chain) -> Vec<String> {
    vec![
        words::chain_kills(chain, incident.start),
        match (&chain.method, &chain.path) {
            (Some(method), Some(path)) => format!("<code>{} {}</code>", safe(method), safe(path)),
            _ => "one of several requests, or unknown".to_owned(),
        },
        blocked_by(chain.root_blocker.as_ref()),
    ]
}

fn blocked_by(blocker: Option<&LinkBlocker>) -> String {
    let Some(blocker) = blocker else { return words::UNKNOWN.to_owned() };
    let mut text = blocker.pid.to_string();
    for detail in [&blocker.application_name, &blocker.state].into_iter().flatten() {
        let _ = write!(text, ", {}", safe(detail));
    }
    let _ = write!(text, "<div class=\"ref\">{}</div>", reference(&blocker.reference));
    text
}

fn correlations(body: &mut String, incident: &Incident) {
    if incident.correlations.is_empty() {
        return;
    }
    body.push_str("<h3>What came with what</h3>\n<div class=\"box\">");
    let rows = incident.correlations.iter().map(|correlation| {
        vec![
            safe(&words::series(correlation.leader)),
            safe(&words::series(correlation.follower)),
            words::duration(correlation.lag_s),
            words::percent(correlation.coincidence),
            safe(&words::chance(correlation.p_value)),
        ]
    });
    let columns =
        [("Earlier", ""), ("Later", ""), ("Median lag", "n"), ("Coincide", "n"), ("By chance, p", "n")];
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
            words::clock_near(action.time, incident.start),
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
                safe(&words::criterion(criterion.id)),
                safe(&criterion.detail),
                words::value(criterion.value),
                words::value(criterion.limit),
                criterion
                    .since
                    .map_or_else(|| "–".to_owned(), |since| words::clock_near(since, incident.start)),
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
