//! One incident, and the list of isolated failures.

use std::io::Result;

use stormtrace_analysis::report::{
    Cause, Chain, EvidenceStatus, Incident, Link, LinkBlocker, LinkRequest, Reference, Report,
};

use super::page::Page;
use super::{place, places, safe, timeline};
use crate::words;

const LINKS_SHOWN: usize = 5;
const CHAINS_SHOWN: usize = 6;
const ACTIONS_SHOWN: usize = 30;
const ISOLATED_SHOWN: usize = 20;
/// Endpoints and statements are cut to this many columns.
const NAME_WIDTH: usize = 70;

/// Writes a whole incident.
pub fn write(page: &mut Page<'_>, report: &Report, incident: &Incident) -> Result<()> {
    page.heading(&format!("{}: {}", safe(&incident.id), words::kind(incident.kind)))?;
    let severity = page.severity(incident.severity);
    page.line(&format!("{severity}, {}", words::incident_span(incident)))?;
    // With one incident the verdict above has said it already.
    if !report.headline.contains(&incident.summary) {
        page.wrapped("", "", &safe(&incident.summary))?;
    }
    page.bullets("Why it was detected", incident.detection.iter().map(|text| safe(text)))?;
    timeline::write(page, report, incident)?;
    impact(page, incident)?;
    worker_time(page, incident)?;

    page.subheading(&format!("Cause: {}", words::diagnosis(incident)))?;
    if incident.diagnosis.causes.is_empty() {
        page.line("  No cause could be weighed.")?;
    } else {
        page.faint("  ", &format!("+ for, - against, · neither, ? unknown. {}", words::WEIGHTS))?;
    }
    let (shown, considered) = words::weighed(&incident.diagnosis);
    for cause in shown {
        write_cause(page, cause)?;
    }
    for (number, cause) in considered.into_iter().enumerate() {
        if number == 0 {
            page.line("  also considered")?;
        }
        page.wrapped("    ", "      ", &safe(&words::considered(cause)))?;
    }
    page.bullets("Would decide, but is missing", incident.diagnosis.missing.iter().map(|text| safe(text)))?;

    links(page, incident)?;
    correlations(page, incident)?;
    actions(page, incident)?;
    recovery(page, incident)
}

/// Writes failures too few for an incident, a few lines each.
pub fn isolated(page: &mut Page<'_>, report: &Report) -> Result<()> {
    let all = words::isolated(report).count();
    if all == 0 {
        return Ok(());
    }
    page.heading("Isolated failures")?;
    page.line("Too few for an incident; listed so that no figure is lost.")?;
    for incident in words::isolated(report).take(ISOLATED_SHOWN) {
        page.blank()?;
        page.line(&words::incident_span(incident))?;
        page.wrapped("  ", "  ", &safe(&incident.summary))?;
        for reason in &incident.detection {
            page.wrapped("  ", "  ", &safe(reason))?;
        }
        for (label, reference) in words::kill_places(&incident.impact) {
            page.wrapped("  ", "    ", &format!("{label}: {}", place_with_time(reference)))?;
        }
    }
    page.more("", all, ISOLATED_SHOWN)
}

fn place_with_time(reference: &Reference) -> String {
    let place = place(reference);
    reference.time.map_or_else(|| place.clone(), |time| format!("{}  {place}", words::instant(time)))
}

fn impact(page: &mut Page<'_>, incident: &Incident) -> Result<()> {
    page.subheading("Impact")?;
    let mut rows: Vec<_> =
        words::impact(&incident.impact).into_iter().map(|(label, value)| (label, safe(&value))).collect();
    for (label, reference) in words::kill_places(&incident.impact) {
        rows.push((label, place_with_time(reference)));
    }
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let indent = " ".repeat(width.saturating_add(4));
    for (label, value) in &rows {
        page.wrapped(&format!("  {label:width$}  "), &indent, value)?;
    }
    Ok(())
}

fn worker_time(page: &mut Page<'_>, incident: &Incident) -> Result<()> {
    let said = words::worker_time::saturation(&incident.impact.saturation);
    if !said.is_empty() {
        page.subheading("Saturation")?;
    }
    for (statement, refs) in &said {
        page.wrapped("  • ", "    ", &safe(statement))?;
        if !refs.is_empty() {
            page.faint("    ", &places(refs))?;
        }
    }
    let Some(time) = &incident.worker_time else { return Ok(()) };
    page.subheading("Where the workers' time went")?;
    page.line(&format!("  {}", words::worker_time::worker_time(time)))?;
    for (number, (by, title, shown)) in words::worker_time::DIVISIONS.iter().enumerate() {
        let Some(division) = words::worker_time::division(time, by) else { continue };
        // The columns are the same in each.
        let header = if number == 0 { ["time", "share", "count"] } else { ["", "", ""] };
        let mut rows = vec![header.map(str::to_owned).into_iter().chain([format!("by {title}")]).collect()];
        for (name, seconds, share, count, reference) in words::worker_time::rows(time, division, *shown) {
            let name = words::middle_shortened(&safe(&words::one_line(&name)), NAME_WIDTH);
            let place = reference.map_or_else(String::new, |reference| format!("  {}", place(reference)));
            rows.push(vec![
                words::duration(seconds),
                share.map_or_else(|| "–".to_owned(), words::percent),
                words::worker_time::counted(count),
                format!("{name}{place}"),
            ]);
        }
        page.table("  ", &rows, &[0, 1, 2])?;
    }
    Ok(())
}

fn write_cause(page: &mut Page<'_>, cause: &Cause) -> Result<()> {
    let name = page.paint("1", &words::spaced(cause.cause));
    page.line(&format!("  {name}: {}, {}", words::role(cause.role), words::weight(cause.weight_db)))?;
    page.wrapped("    ", "    ", &safe(&cause.summary))?;
    if let Some(culprit) = &cause.culprit {
        page.wrapped("    who: ", "         ", &safe(&words::culprit(culprit)))?;
        if let Some(query) = &culprit.query {
            page.wrapped("         ", "         ", &safe(&words::shortened(&words::one_line(query), 300)))?;
        }
        if let Some(reference) = &culprit.reference {
            page.faint("         ", &place(reference))?;
        }
    }
    for evidence in &cause.evidence {
        let (mark, color) = match evidence.status {
            EvidenceStatus::Unknown => ("?", "33"),
            _ if evidence.weight_db.abs() < 0.5 => ("·", "2"),
            _ if evidence.weight_db < 0.0 => ("-", "31"),
            _ => ("+", "32"),
        };
        let mark = format!("    {} ", page.paint(color, mark));
        let text = format!("{}{}", words::statement_lead(evidence.status), safe(&evidence.statement));
        let text = match evidence.status {
            EvidenceStatus::Unknown => text,
            _ => format!("{text} ({})", words::weight(evidence.weight_db)),
        };
        page.wrapped(&mark, "      ", &text)?;
        if !evidence.refs.is_empty() {
            page.faint("      ", &places(&evidence.refs))?;
        }
    }
    if !cause.next_step.is_empty() {
        let mark = page.paint("1", "    next: ");
        page.wrapped(&mark, "          ", &safe(&cause.next_step))?;
    }
    Ok(())
}

fn links(page: &mut Page<'_>, incident: &Incident) -> Result<()> {
    if incident.links.is_empty() {
        return Ok(());
    }
    page.subheading("What the killed workers were doing")?;
    for chain in incident.chains.iter().take(CHAINS_SHOWN) {
        page.wrapped("  ", "      ", &chain_row(incident, chain))?;
    }
    page.more("  ", incident.chains.len(), CHAINS_SHOWN)?;
    page.subheading("Kill → request → backend → blocker")?;
    for link in incident.links.iter().take(LINKS_SHOWN) {
        page.wrapped("  ", "            ", &chain(incident, link))?;
        if !link.reasons.is_empty() {
            page.faint("            ", &safe(&link.reasons.join("; ")))?;
        }
        let places: Vec<_> = words::link_places(link).into_iter().map(place).collect();
        page.faint("            ", &places.join(" · "))?;
    }
    page.more("  ", incident.links.len(), LINKS_SHOWN)
}

fn chain_row(incident: &Incident, chain: &Chain) -> String {
    let kills = words::chain_kills(chain, incident.start);
    let request = match (&chain.method, &chain.path) {
        (Some(method), Some(path)) => format!("{} {}", safe(method), safe(&words::shortened(path, 120))),
        _ => "one of several requests, or unknown".to_owned(),
    };
    format!("{kills}: {request}{}", blocked_by(chain.root_blocker.as_ref()))
}

fn blocked_by(blocker: Option<&LinkBlocker>) -> String {
    let Some(blocker) = blocker else { return String::new() };
    let mut text = format!(" → blocked by {}", blocker.pid);
    for detail in [&blocker.application_name, &blocker.state].into_iter().flatten() {
        text.push_str(&format!(", {}", safe(detail)));
    }
    text
}

fn chain(incident: &Incident, link: &Link) -> String {
    let time = words::clock_near(link.kill.time, incident.start);
    let mut text = format!("{time}  {} {}", safe(&link.kill.class), link.kill.pid);
    let request = |request: &LinkRequest| {
        let target = words::shortened(&request.path, 120);
        format!("{} {} ({})", safe(&request.method), safe(&target), request.status)
    };
    match &link.request {
        Some(found) => text.push_str(&format!(" → {}", request(found))),
        None if link.candidates.is_empty() => text.push_str(" → request unknown"),
        None => text.push_str(&format!(
            " → one of {}",
            words::plural(link.candidates.len() as u64, "request", "requests")
        )),
    }
    if let Some(backend) = &link.backend {
        text.push_str(&format!(" → backend {}", backend.pid));
    }
    text.push_str(&blocked_by(link.root_blocker.as_ref()));
    text.push_str(&format!(" [{}]", words::confidence(link.confidence)));
    text
}

fn correlations(page: &mut Page<'_>, incident: &Incident) -> Result<()> {
    if incident.correlations.is_empty() {
        return Ok(());
    }
    page.subheading("What came with what")?;
    let header = ["earlier → later", "median lag", "coincide", "by chance, p"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for correlation in &incident.correlations {
        rows.push(vec![
            format!("{} → {}", words::series(correlation.leader), words::series(correlation.follower)),
            words::duration(correlation.lag_s),
            words::percent(correlation.coincidence),
            words::chance(correlation.p_value),
        ]);
    }
    page.table("  ", &rows, &[1, 2, 3])
}

fn actions(page: &mut Page<'_>, incident: &Incident) -> Result<()> {
    if incident.actions.is_empty() {
        return Ok(());
    }
    page.subheading("Actions and what followed")?;
    for action in incident.actions.iter().take(ACTIONS_SHOWN) {
        let what = format!(
            "{}  {}  {}",
            words::clock_near(action.time, incident.start),
            action.kind,
            safe(&words::shortened(&words::one_line(&action.detail), 300))
        );
        page.wrapped("  ", "            ", &what)?;
        if !action.effect.is_empty() {
            page.wrapped("            → ", "              ", &safe(&action.effect))?;
        }
        page.faint("            ", &place(&action.reference))?;
    }
    page.more("  ", incident.actions.len(), ACTIONS_SHOWN)
}

fn recovery(page: &mut Page<'_>, incident: &Incident) -> Result<()> {
    page.subheading(&format!("Recovery: {}", safe(&words::recovery(&incident.recovery))))?;
    for criterion in &incident.recovery.criteria {
        let (mark, color) = match criterion.status {
            "pass" => ("✓", "32"),
            "fail" => ("✗", "31"),
            _ => ("?", "33"),
        };
        let mut text = format!("{}: {}", words::criterion(criterion.id), safe(&criterion.detail));
        if let Some(since) = criterion.since.filter(|_| incident.recovery.recovered_at.is_none()) {
            text.push_str(&format!(" (since {})", words::clock_near(since, incident.start)));
        }
        let mark = format!("  {} ", page.paint(color, mark));
        page.wrapped(&mark, "    ", &text)?;
    }
    Ok(())
}
