//! A post-mortem draft in Markdown. Log text stands in code spans and fences only; sentences are escaped.

use std::io::{Result, Write};

use stormtrace_analysis::report::{
    Cause, EvidenceStatus, Incident, Input, Link, LinkBlocker, LinkRequest, Reference, Report, Time, Verdict,
};

use crate::escape::{markdown_code, markdown_code_cell, markdown_fence, markdown_text};
use crate::{Options, View, Writer, words};
use stormtrace_analysis::secret::masked;

/// The Markdown writer.
#[derive(Debug, Clone, Copy)]
pub struct Markdown;

const REFERENCES_SHOWN: usize = 3;
const LINKS_SHOWN: usize = 5;
const ISOLATED_SHOWN: usize = 20;

/// Log text as a sentence, without secrets.
fn safe(text: &str) -> String {
    markdown_text(&masked(text))
}

/// Log text as code, without secrets.
fn code(text: &str) -> String {
    markdown_code(&masked(text))
}

/// The same inside a table.
fn code_cell(text: &str) -> String {
    markdown_code_cell(&masked(text))
}

/// A place, which is needed whole.
fn place(reference: &Reference) -> String {
    markdown_code(&words::place(reference))
}

fn place_cell(reference: &Reference) -> String {
    markdown_code_cell(&words::place(reference))
}

impl Writer for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["md", "markdown"]
    }

    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
        match options.view {
            View::Inputs => return what_was_read(report, out),
            View::Verdict => return verdict(report, out),
            View::Whole => {}
        }
        summary(report, out)?;
        for incident in words::incidents(report) {
            write_incident(incident, out)?;
        }
        isolated(report, out)?;
        what_to_change(report, out)?;
        if !report.notes.is_empty() {
            writeln!(out, "## What could not be said\n")?;
            for note in &report.notes {
                writeln!(out, "- {}", safe(note))?;
            }
            writeln!(out)?;
        }
        what_was_read(report, out)
    }
}

fn summary(report: &Report, out: &mut dyn Write) -> Result<()> {
    let day = words::incidents(report)
        .next()
        .map(|incident| incident.start.format(" of %-d %B %Y"))
        .unwrap_or_default();
    writeln!(out, "# Post-mortem: Odoo incident{day}\n")?;
    writeln!(out, "_Draft by {} {}. All times are UTC._\n", report.tool.name, report.tool.version)?;
    writeln!(out, "## Summary\n\n{}\n", safe(&report.headline))?;
    writeln!(
        out,
        "Verdict: **{}**{}. Logs cover {}.\n",
        words::verdict(report.verdict),
        report
            .policy
            .as_ref()
            .map(|policy| format!(" by {} ({})", policy_name(&policy.name), words::rule_counts(report)))
            .unwrap_or_default(),
        words::window(report.window.as_ref())
    )?;
    if words::incidents(report).next().is_none() {
        let covered: Vec<_> = report.coverage.keys().map(|source| words::source(source)).collect();
        let covered = if covered.is_empty() { "no usable source".to_owned() } else { covered.join(", ") };
        writeln!(out, "No incident was found. Checked: {}.\n", safe(&covered))?;
    }
    Ok(())
}

/// The verdict and its rules, short enough for the summary of a pipeline.
fn verdict(report: &Report, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "# {}: {}\n", words::verdict(report.verdict).to_uppercase(), safe(&report.headline))?;
    if let Some(policy) = &report.policy {
        writeln!(out, "Judged by {}: {}.\n", policy_name(&policy.name), words::rule_counts(report))?;
    }
    if report.rules.is_empty() {
        return Ok(());
    }
    writeln!(out, "| Status | What | Seen | Passes | Where |\n|---|---|--:|--:|---|")?;
    for rule in words::rules_by_gravity(report) {
        let places: Vec<_> = match rule.status {
            Verdict::Pass => Vec::new(),
            _ => rule.refs.iter().take(REFERENCES_SHOWN).map(place_cell).collect(),
        };
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            words::rule_status(rule),
            safe(&rule.title),
            safe(&words::rule_value(rule)),
            safe(&words::rule_limit(rule)),
            places.join(", ")
        )?;
    }
    writeln!(out)?;
    for rule in words::rules_by_gravity(report).filter(|rule| rule.status == Verdict::Unknown) {
        writeln!(out, "- {}", safe(&rule.statement))?;
    }
    Ok(())
}

/// `the built-in policy`, or the file's name as code.
fn policy_name(name: &str) -> String {
    words::policy_built_in(name).map_or_else(|| markdown_code(name), str::to_owned)
}

/// Failures too few for an incident, a few lines each.
fn isolated(report: &Report, out: &mut dyn Write) -> Result<()> {
    let all = words::isolated(report).count();
    if all == 0 {
        return Ok(());
    }
    writeln!(out, "## Isolated failures\n\nToo few for an incident; listed so that no figure is lost.\n")?;
    for incident in words::isolated(report).take(ISOLATED_SHOWN) {
        write!(out, "- {}: {}", safe(&words::incident_span(incident)), safe(&incident.summary))?;
        for reason in &incident.detection {
            write!(out, " {}.", safe(reason.trim_end_matches('.')))?;
        }
        for (label, reference) in words::kill_places(&incident.impact) {
            write!(out, " {label}: {}.", place(reference))?;
        }
        writeln!(out)?;
    }
    let hidden = all.saturating_sub(ISOLATED_SHOWN);
    if hidden > 0 {
        writeln!(out, "- … and {hidden} more")?;
    }
    writeln!(out)
}

fn write_incident(incident: &Incident, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "## {}: {}\n", safe(&incident.id), words::kind(incident.kind))?;
    writeln!(out, "{}, {}.\n", words::severity(incident.severity), safe(&words::incident_span(incident)))?;
    writeln!(out, "{}\n", safe(&incident.summary))?;
    for reason in &incident.detection {
        writeln!(out, "- {}", safe(reason))?;
    }
    writeln!(out, "\n### Impact\n\n| What | How much |\n|---|---|")?;
    for (label, value) in words::impact(&incident.impact) {
        writeln!(out, "| {label} | {} |", safe(&value))?;
    }
    writeln!(out)?;
    worker_time(incident, out)?;
    timeline(incident, out)?;
    writeln!(out, "### Root cause\n\n**{}**\n", safe(&words::diagnosis(incident)))?;
    if incident.diagnosis.causes.is_empty() {
        writeln!(out, "No cause could be weighed.\n")?;
    } else {
        writeln!(out, "_{}_\n", words::WEIGHTS)?;
    }
    let (shown, considered) = words::weighed(&incident.diagnosis);
    for cause in shown {
        write_cause(cause, out)?;
    }
    for (number, cause) in considered.into_iter().enumerate() {
        if number == 0 {
            writeln!(out, "Also considered:\n")?;
        }
        writeln!(out, "- {}", safe(&words::considered(cause)))?;
    }
    writeln!(out)?;
    if !incident.diagnosis.missing.is_empty() {
        writeln!(out, "Would decide, but is missing:\n")?;
        for missing in &incident.diagnosis.missing {
            writeln!(out, "- {}", safe(missing))?;
        }
        writeln!(out)?;
    }
    links(incident, out)?;
    if !incident.actions.is_empty() {
        writeln!(
            out,
            "### Actions\n\n| Time | Action | Detail | What followed | Where |\n|---|---|---|---|---|"
        )?;
        for action in &incident.actions {
            writeln!(
                out,
                "| {} | `{}` | {} | {} | {} |",
                words::clock_near(action.time, incident.start),
                action.kind,
                code_cell(&words::one_line(&action.detail)),
                safe(&action.effect),
                place_cell(&action.reference)
            )?;
        }
        writeln!(out)?;
    }
    writeln!(out, "### Recovery\n\n{}.\n", safe(&words::recovery(&incident.recovery)))?;
    if !incident.recovery.criteria.is_empty() {
        writeln!(out, "| Criterion | Status | Since | Detail |\n|---|---|---|---|")?;
        for criterion in &incident.recovery.criteria {
            writeln!(
                out,
                "| {} | {} | {} | {} |",
                words::criterion(criterion.id),
                criterion.status,
                criterion
                    .since
                    .map_or_else(|| "–".to_owned(), |since| words::clock_near(since, incident.start)),
                safe(&criterion.detail)
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn worker_time(incident: &Incident, out: &mut dyn Write) -> Result<()> {
    for (statement, refs) in words::worker_time::saturation(&incident.impact.saturation) {
        writeln!(out, "- {}{}", safe(&statement), references(refs))?;
    }
    let Some(time) = &incident.worker_time else { return writeln!(out) };
    writeln!(
        out,
        "\n### Where the workers' time went\n\n{}.\n",
        safe(&words::worker_time::worker_time(time))
    )?;
    for (by, title, shown) in words::worker_time::DIVISIONS {
        let Some(division) = words::worker_time::division(time, by) else { continue };
        writeln!(out, "| By {title} | Worker time | Share | Count | Where |\n|---|---:|---:|---:|---|")?;
        for (name, seconds, share, count, place) in words::worker_time::rows(time, division, *shown) {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                code_cell(&words::shortened(&words::one_line(&name), 200)),
                words::duration(seconds),
                share.map_or_else(|| "–".to_owned(), words::percent),
                words::worker_time::counted(count),
                place.map(place_cell).unwrap_or_default()
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Start, kills, actions, end and recovery in order.
fn timeline(incident: &Incident, out: &mut dyn Write) -> Result<()> {
    let mut rows: Vec<(Time, String, String)> = Vec::new();
    let nowhere = || "–".to_owned();
    rows.push((incident.start, "Incident starts: first blocked request arrives".to_owned(), nowhere()));
    let kills = &incident.impact.kills;
    for (what, reference) in [("First worker kill", &kills.first), ("Last worker kill", &kills.last)] {
        if let Some((reference, time)) =
            reference.as_ref().and_then(|found| found.time.map(|time| (found, time)))
        {
            rows.push((time, what.to_owned(), place_cell(reference)));
        }
    }
    for action in &incident.actions {
        rows.push((action.time, format!("Action: `{}`", action.kind), place_cell(&action.reference)));
    }
    let end =
        if incident.ongoing_at_end { "Logs end before the incident does" } else { "Last failure a user saw" };
    rows.push((incident.end, end.to_owned(), nowhere()));
    if let Some(at) = incident.recovery.recovered_at {
        rows.push((at, "All recovery criteria hold from here on".to_owned(), nowhere()));
    }
    rows.sort_by_key(|(time, _, _)| *time);
    writeln!(out, "### Timeline\n\n| Time (UTC) | Event | Where |\n|---|---|---|")?;
    for (time, what, place) in rows {
        writeln!(out, "| {} | {what} | {place} |", time.format("%Y-%m-%d %H:%M:%S"))?;
    }
    writeln!(out)
}

fn write_cause(cause: &Cause, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "#### {} ({}, {})\n\n{}\n",
        words::spaced(cause.cause),
        words::role(cause.role),
        words::weight(cause.weight_db),
        safe(&cause.summary)
    )?;
    if let Some(culprit) = &cause.culprit {
        let place = culprit.reference.as_ref().map(|reference| format!(", {}", place(reference)));
        writeln!(
            out,
            "Who: {}{}\n",
            code(&words::one_line(&words::culprit(culprit))),
            place.unwrap_or_default()
        )?;
        if let Some(query) = &culprit.query {
            writeln!(out, "{}", markdown_fence(&masked(query), "sql"))?;
        }
    }
    for evidence in &cause.evidence {
        let weight = match evidence.status {
            EvidenceStatus::Unknown => "?".to_owned(),
            _ => words::weight(evidence.weight_db),
        };
        writeln!(
            out,
            "- **{weight}** {}{}{}",
            words::statement_lead(evidence.status),
            safe(&evidence.statement),
            references(&evidence.refs)
        )?;
    }
    if !cause.evidence.is_empty() {
        writeln!(out)?;
    }
    if !cause.next_step.is_empty() {
        writeln!(out, "Next step: {}\n", safe(&cause.next_step))?;
    }
    Ok(())
}

/// From each kill to its blocker.
fn links(incident: &Incident, out: &mut dyn Write) -> Result<()> {
    if incident.links.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "### What the killed workers were doing\n\n| Kills | Request | Blocked by |\n|---|---|---|"
    )?;
    for chain in incident.chains.iter().take(LINKS_SHOWN) {
        let request = match (&chain.method, &chain.path) {
            (Some(method), Some(path)) => code_cell(&format!("{method} {}", words::shortened(path, 120))),
            _ => "one of several requests, or unknown".to_owned(),
        };
        let kills = words::chain_kills(chain, incident.start);
        writeln!(out, "| {kills} | {request} | {} |", blocked_by(chain.root_blocker.as_ref()))?;
    }
    let hidden = incident.chains.len().saturating_sub(LINKS_SHOWN);
    if hidden > 0 {
        writeln!(out, "\n… and {hidden} more")?;
    }
    writeln!(
        out,
        "\n### From each kill to its blocker\n\n| Killed | Request | Backend | Blocked by | Confidence | Where |\n\
         |---|---|---|---|---|---|"
    )?;
    for link in incident.links.iter().take(LINKS_SHOWN) {
        let places: Vec<_> = words::link_places(link).into_iter().map(place_cell).collect();
        writeln!(
            out,
            "| {} {} {} | {} | {} | {} | {} | {} |",
            words::clock_near(link.kill.time, incident.start),
            safe(&link.kill.class),
            link.kill.pid,
            requested(link),
            link.backend
                .as_ref()
                .map_or_else(|| words::UNKNOWN.to_owned(), |backend| backend.pid.to_string()),
            blocked_by(link.root_blocker.as_ref()),
            words::confidence(link.confidence),
            places.join(", ")
        )?;
    }
    let hidden = incident.links.len().saturating_sub(LINKS_SHOWN);
    if hidden > 0 {
        writeln!(out, "\n… and {hidden} more")?;
    }
    writeln!(out)
}

fn requested(link: &Link) -> String {
    let request = |request: &LinkRequest| {
        let target = words::shortened(&request.path, 120);
        format!("{} {}", code_cell(&format!("{} {target}", request.method)), request.status)
    };
    match &link.request {
        Some(found) => request(found),
        None if link.candidates.is_empty() => words::UNKNOWN.to_owned(),
        None => format!("one of {}", words::plural(link.candidates.len() as u64, "request", "requests")),
    }
}

fn blocked_by(blocker: Option<&LinkBlocker>) -> String {
    let Some(blocker) = blocker else { return words::UNKNOWN.to_owned() };
    let mut text = blocker.pid.to_string();
    for detail in [&blocker.application_name, &blocker.state].into_iter().flatten() {
        text.push_str(&format!(", {}", safe(detail)));
    }
    text
}

fn references(references: &[Reference]) -> String {
    if references.is_empty() {
        return String::new();
    }
    let places: Vec<_> = references.iter().take(REFERENCES_SHOWN).map(place).collect();
    let hidden = references.len().saturating_sub(REFERENCES_SHOWN);
    let more = if hidden > 0 { format!(" and {hidden} more") } else { String::new() };
    format!(" – {}{more}", places.join(", "))
}

fn what_to_change(report: &Report, out: &mut dyn Write) -> Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "## What to change\n")?;
    for finding in &report.findings {
        writeln!(out, "### {} ({})\n", safe(&finding.title), words::severity(finding.severity))?;
        writeln!(out, "{}{}\n", safe(&finding.detail), references(&finding.refs))?;
        if !finding.fix.trim().is_empty() {
            writeln!(out, "{}", markdown_fence(&masked(&finding.fix), ""))?;
        }
    }
    Ok(())
}

fn what_was_read(report: &Report, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "## What was read\n")?;
    if report.inputs.is_empty() {
        return writeln!(out, "Nothing.");
    }
    let day = words::common_day(&report.inputs);
    writeln!(
        out,
        "| File | Taken for | Zone | {} | Lines | Skipped | Remarks |\n|---|---|---|---|--:|--:|---|",
        words::span_heading(day.as_deref()).replacen('s', "S", 1)
    )?;
    for input in &report.inputs {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            markdown_code_cell(&input.path),
            if words::is_recognised(input) {
                safe(&words::taken_for(input))
            } else {
                "**not recognised**".to_owned()
            },
            input.zone.as_deref().map_or_else(|| "–".to_owned(), safe),
            words::input_span(input, day.as_deref()),
            words::count(input.lines.total),
            words::count(input.lines.skipped),
            remarks(input)
        )?;
    }
    Ok(())
}

fn remarks(input: &Input) -> String {
    let mut remarks = Vec::new();
    if let Some(other) = &input.duplicate_of {
        remarks.push(format!("same records as {}", markdown_code_cell(other)));
    }
    if let Some(skipped) = words::skipped(input) {
        remarks.push(format!("skipped: {}", code_cell(&skipped)));
    }
    remarks.extend(input.problems.iter().map(|problem| safe(problem)));
    remarks.join("; ")
}
