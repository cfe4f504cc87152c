//! A post-mortem draft in Markdown. Log text stands in code spans and fences only; sentences are escaped.

use std::io::{Result, Write};

use stormtrace_analysis::report::{Cause, EvidenceStatus, Incident, Input, Reference, Report, Time};

use crate::escape::{
    markdown_code as code, markdown_code_cell as code_cell, markdown_fence, markdown_text as safe,
};
use crate::{Options, Writer, words};

/// The Markdown writer.
#[derive(Debug, Clone, Copy)]
pub struct Markdown;

const REFERENCES_SHOWN: usize = 3;

impl Writer for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["md", "markdown"]
    }

    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
        if options.inspect {
            return what_was_read(report, out);
        }
        summary(report, out)?;
        for incident in &report.incidents {
            write_incident(incident, out)?;
        }
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
    let day =
        report.incidents.first().map(|incident| incident.start.format(" of %-d %B %Y")).unwrap_or_default();
    writeln!(out, "# Post-mortem: Odoo incident{day}\n")?;
    writeln!(out, "_Draft by {} {}. All times are UTC._\n", report.tool.name, report.tool.version)?;
    writeln!(out, "## Summary\n\n{}\n", safe(&report.headline))?;
    writeln!(
        out,
        "Verdict: **{}**. Logs cover {}.\n",
        words::verdict(report.verdict),
        words::window(report.window.as_ref())
    )?;
    if report.incidents.is_empty() {
        let covered: Vec<_> = report.coverage.keys().map(|source| code(source)).collect();
        let covered = if covered.is_empty() { "no usable source".to_owned() } else { covered.join(", ") };
        writeln!(out, "No incident was found. Checked: {covered}.\n")?;
    }
    Ok(())
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
    timeline(incident, out)?;
    writeln!(out, "### Root cause\n\n**{}**\n", safe(&words::diagnosis(incident)))?;
    for cause in &incident.diagnosis.causes {
        write_cause(cause, out)?;
    }
    if !incident.diagnosis.missing.is_empty() {
        writeln!(out, "Would decide, but is missing:\n")?;
        for missing in &incident.diagnosis.missing {
            writeln!(out, "- {}", safe(missing))?;
        }
        writeln!(out)?;
    }
    if !incident.actions.is_empty() {
        writeln!(
            out,
            "### Actions\n\n| Time | Action | Detail | What followed | Where |\n|---|---|---|---|---|"
        )?;
        for action in &incident.actions {
            writeln!(
                out,
                "| {} | `{}` | {} | {} | {} |",
                words::clock(action.time),
                action.kind,
                code_cell(&words::one_line(&action.detail)),
                safe(&action.effect),
                code_cell(&words::place(&action.reference))
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
                words::spaced(criterion.id),
                criterion.status,
                criterion.since.map_or_else(|| "–".to_owned(), words::clock),
                safe(&criterion.detail)
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
    for (what, place) in [("First worker kill", &kills.first), ("Last worker kill", &kills.last)] {
        if let Some((place, time)) = place.as_ref().and_then(|place| place.time.map(|time| (place, time))) {
            rows.push((time, what.to_owned(), code_cell(&words::place(place))));
        }
    }
    for action in &incident.actions {
        rows.push((
            action.time,
            format!("Action: `{}`", action.kind),
            code_cell(&words::place(&action.reference)),
        ));
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
        let place = culprit.reference.as_ref().map(|place| format!(", {}", code(&words::place(place))));
        writeln!(
            out,
            "Who: {}{}\n",
            code(&words::one_line(&words::culprit(culprit))),
            place.unwrap_or_default()
        )?;
        if let Some(query) = &culprit.query {
            writeln!(out, "{}", markdown_fence(query, "sql"))?;
        }
    }
    for evidence in &cause.evidence {
        let mark = match evidence.status {
            EvidenceStatus::Present => "**+**",
            EvidenceStatus::Absent => "**absent**",
            EvidenceStatus::Contradicted => "**contradicted**",
            EvidenceStatus::Unknown => "**unknown**",
        };
        let places = references(&evidence.refs);
        writeln!(
            out,
            "- {mark} {} ({}){places}",
            safe(&evidence.statement),
            words::weight(evidence.weight_db)
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

fn references(references: &[Reference]) -> String {
    if references.is_empty() {
        return String::new();
    }
    let places: Vec<_> =
        references.iter().take(REFERENCES_SHOWN).map(|place| code(&words::place(place))).collect();
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
            writeln!(out, "{}", markdown_fence(&finding.fix, ""))?;
        }
    }
    Ok(())
}

fn what_was_read(report: &Report, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "## What was read\n")?;
    if report.inputs.is_empty() {
        return writeln!(out, "Nothing.");
    }
    writeln!(
        out,
        "| File | Taken for | Zone | Span | Lines | Skipped | Remarks |\n|---|---|---|---|--:|--:|---|"
    )?;
    for input in &report.inputs {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            code_cell(&input.path),
            if words::is_recognised(input) {
                safe(&words::taken_for(input))
            } else {
                "**not recognised**".to_owned()
            },
            input.zone.as_deref().map_or_else(|| "–".to_owned(), safe),
            words::input_span(input),
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
        remarks.push(format!("same records as {}", code_cell(other)));
    }
    if !input.skipped_by_reason.is_empty() {
        remarks.push(format!("skipped: {}", code_cell(&words::by_name(&input.skipped_by_reason))));
    }
    remarks.extend(input.problems.iter().map(|problem| safe(problem)));
    remarks.join("; ")
}
