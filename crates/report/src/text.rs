//! The terminal form: the verdict first, then each incident, then the rest; empty sections vanish.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use stormtrace_analysis::report::{
    Cause, EvidenceStatus, Incident, Input, Link, LinkRequest, Reference, Report, Severity, Verdict,
};

use crate::escape::terminal;
use crate::{Options, Writer, words};

/// The terminal writer.
#[derive(Debug, Clone, Copy)]
pub struct Text;

const LINKS_SHOWN: usize = 10;
const ENDPOINTS_SHOWN: usize = 10;
const QUERIES_SHOWN: usize = 5;
const REFERENCES_SHOWN: usize = 3;
/// Timeline rows per incident before minutes are joined into longer steps.
const TIMELINE_ROWS: i64 = 60;
const MINUTE: i64 = 60_000_000;

impl Writer for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["txt", "text"]
    }

    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
        if options.inspect {
            return write_inspect(report, options, out);
        }
        let mut page = Page::new(options, out);
        head(&mut page, report)?;
        if report.incidents.is_empty() {
            nothing_found(&mut page, report)?;
        }
        for incident in &report.incidents {
            write_incident(&mut page, report, incident)?;
        }
        findings(&mut page, report)?;
        endpoints(&mut page, report)?;
        queries(&mut page, report)?;
        notes(&mut page, report)?;
        what_was_read(&mut page, report)
    }
}

/// Writes what each file was taken for, line by line accounted for; the unrecognised ones at the end.
///
/// # Errors
/// Whatever `out` answers.
pub fn write_inspect(report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
    let mut page = Page::new(options, out);
    let (known, unknown): (Vec<&Input>, Vec<&Input>) =
        report.inputs.iter().partition(|input| words::is_recognised(input));
    page.line(&format!(
        "{}, {} recognised, window {}",
        words::plural(report.inputs.len() as u64, "file", "files"),
        known.len(),
        words::window(report.window.as_ref())
    ))?;
    if !known.is_empty() {
        page.blank()?;
        let header = [
            "path",
            "format",
            "carrier",
            "container",
            "zone",
            "span",
            "lines",
            "parsed",
            "continued",
            "skipped",
        ];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for input in &known {
            rows.push(vec![
                safe(&input.path),
                format!("{} {}", safe(&input.format), words::percent(input.detection_score)),
                safe(&input.carrier),
                safe(&input.container),
                input.zone.as_deref().map_or_else(|| words::UNKNOWN.to_owned(), safe),
                words::input_span(input),
                words::count(input.lines.total),
                words::count(input.lines.parsed),
                words::count(input.lines.continuation),
                words::count(input.lines.skipped),
            ]);
        }
        let mut lines = table(&rows, &[6, 7, 8, 9]).into_iter();
        if let Some(header) = lines.next() {
            let header = page.paint("1", &header);
            page.line(&header)?;
        }
        for (line, input) in lines.zip(&known) {
            page.line(&line)?;
            remarks(&mut page, input)?;
        }
    }
    if !unknown.is_empty() {
        page.heading("Not recognised")?;
        for input in unknown {
            page.line(&format!(
                "{}  {}, {}",
                safe(&input.path),
                words::plural(input.bytes, "byte", "bytes"),
                words::plural(input.lines.total, "line", "lines")
            ))?;
            remarks(&mut page, input)?;
        }
    }
    Ok(())
}

/// What a reader must know about an input besides its figures.
fn remarks(page: &mut Page<'_>, input: &Input) -> Result<()> {
    if let Some(other) = &input.duplicate_of {
        page.wrapped(
            "    ↳ ",
            "      ",
            &format!("holds the same records as {}; counted once", safe(other)),
        )?;
    }
    if !input.skipped_by_reason.is_empty() {
        let reasons = safe(&words::by_name(&input.skipped_by_reason));
        let lines: Vec<_> =
            input.skipped_examples.iter().map(|(line, _)| words::count(*line)).take(5).collect();
        let examples = if lines.is_empty() { String::new() } else { format!(" (line {})", lines.join(", ")) };
        page.wrapped("    skipped: ", "      ", &format!("{reasons}{examples}"))?;
    }
    for problem in &input.problems {
        let mark = page.paint("33", "    ! ");
        page.wrapped(&mark, "      ", &safe(problem))?;
    }
    Ok(())
}

fn head(page: &mut Page<'_>, report: &Report) -> Result<()> {
    let (word, color) = match report.verdict {
        Verdict::Pass => ("PASS", "1;32"),
        Verdict::Warn => ("WARN", "1;33"),
        Verdict::Fail => ("FAIL", "1;31"),
        Verdict::Unknown => ("UNKNOWN", "1;35"),
    };
    let mark = format!("{}  ", page.paint(color, word));
    page.wrapped(&mark, "      ", &safe(&report.headline))
}

fn nothing_found(page: &mut Page<'_>, report: &Report) -> Result<()> {
    page.blank()?;
    page.line("No incident found. Checked:")?;
    page.line(&format!("  window      {}", words::window(report.window.as_ref())))?;
    let mut sources = Vec::new();
    for (source, spans) in &report.coverage {
        let length: f64 = spans.iter().map(|(from, to)| words::seconds_between(*from, *to)).sum();
        sources.push(format!("{} ({})", words::spaced(source), words::duration(length)));
    }
    if sources.is_empty() {
        sources.push("none usable".to_owned());
    }
    page.wrapped("  sources     ", "              ", &sources.join(", "))?;
    // Without a log that would show them, no kills and no requests is not a finding.
    let kills = if report.coverage.contains_key("odoo") {
        words::count(report.totals.kills)
    } else {
        words::UNKNOWN.to_owned()
    };
    page.line(&format!("  kills       {kills}"))?;
    let mut requests = words::maybe_count(report.totals.requests);
    let statuses: Vec<_> = report
        .totals
        .by_status
        .iter()
        .map(|(status, number)| format!("{status}: {}", words::count(*number)))
        .collect();
    if !statuses.is_empty() {
        requests.push_str(&format!(" ({})", statuses.join(", ")));
    }
    page.wrapped("  requests    ", "              ", &requests)
}

fn write_incident(page: &mut Page<'_>, report: &Report, incident: &Incident) -> Result<()> {
    page.heading(&format!("{}: {}", safe(&incident.id), words::kind(incident.kind)))?;
    let severity = page.severity(incident.severity);
    page.line(&format!("{severity}, {}", words::incident_span(incident)))?;
    page.wrapped("", "", &safe(&incident.summary))?;
    page.bullets("Why it was detected", incident.detection.iter().map(|text| safe(text)))?;
    timeline(page, report, incident)?;

    page.subheading("Impact")?;
    let rows: Vec<_> = words::impact(&incident.impact);
    let label_width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    for (label, value) in &rows {
        let prefix = format!("  {label:label_width$}  ");
        let indent = " ".repeat(label_width.saturating_add(4));
        page.wrapped(&prefix, &indent, &safe(value))?;
    }
    for (label, reference) in
        [("First kill", &incident.impact.kills.first), ("Last kill", &incident.impact.kills.last)]
    {
        if let Some(reference) = reference {
            page.line(&format!("  {label:label_width$}  {}", place_with_time(reference)))?;
        }
    }

    page.subheading(&format!("Cause: {}", words::diagnosis(incident)))?;
    for cause in &incident.diagnosis.causes {
        write_cause(page, cause)?;
    }
    page.bullets("Would decide, but is missing", incident.diagnosis.missing.iter().map(|text| safe(text)))?;

    links(page, incident)?;
    if !incident.correlations.is_empty() {
        page.subheading("Coincidence of series")?;
        for correlation in &incident.correlations {
            page.line(&format!(
                "  {} → {}: lag {}, coincidence {}, p = {}",
                words::spaced(correlation.leader),
                words::spaced(correlation.follower),
                words::duration(correlation.lag_s),
                words::percent(correlation.coincidence),
                words::value(Some(correlation.p_value))
            ))?;
        }
    }
    if !incident.actions.is_empty() {
        page.subheading("Actions and what followed")?;
        for action in &incident.actions {
            let what = format!(
                "{}  {}  {}",
                words::clock(action.time),
                action.kind,
                safe(&words::one_line(&action.detail))
            );
            page.wrapped("  ", "            ", &what)?;
            if !action.effect.is_empty() {
                page.wrapped("            → ", "              ", &safe(&action.effect))?;
            }
            page.faint("            ", &place(&action.reference))?;
        }
    }

    page.subheading(&format!("Recovery: {}", words::recovery(&incident.recovery)))?;
    for criterion in &incident.recovery.criteria {
        let (mark, color) = match criterion.status {
            "pass" => ("✓", "32"),
            "fail" => ("✗", "31"),
            _ => ("?", "33"),
        };
        let mut text = format!("{}: {}", words::spaced(criterion.id), safe(&criterion.detail));
        if let Some(since) = criterion.since {
            text.push_str(&format!(" (since {})", words::clock(since)));
        }
        let mark = format!("  {} ", page.paint(color, mark));
        page.wrapped(&mark, "    ", &text)?;
    }
    Ok(())
}

fn write_cause(page: &mut Page<'_>, cause: &Cause) -> Result<()> {
    let name = page.paint("1", &words::spaced(cause.cause));
    page.line(&format!("  {name}  {}, {}", words::role(cause.role), words::weight(cause.weight_db)))?;
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
            EvidenceStatus::Present => ("+", "32"),
            EvidenceStatus::Absent | EvidenceStatus::Contradicted => ("-", "31"),
            EvidenceStatus::Unknown => ("?", "33"),
        };
        let mark = format!("    {} ", page.paint(color, mark));
        let refuted = if evidence.status == EvidenceStatus::Contradicted { "contradicted: " } else { "" };
        let text = format!("{refuted}{} ({})", safe(&evidence.statement), words::weight(evidence.weight_db));
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
    page.subheading("Kill → request → backend → blocker")?;
    for link in incident.links.iter().take(LINKS_SHOWN) {
        page.wrapped("  ", "            ", &chain(link))?;
    }
    let hidden = incident.links.len().saturating_sub(LINKS_SHOWN);
    if hidden > 0 {
        page.line(&format!("  … and {hidden} more"))?;
    }
    Ok(())
}

fn chain(link: &Link) -> String {
    let mut text = format!("{}  {} {}", words::clock(link.kill.time), safe(&link.kill.class), link.kill.pid);
    let request = |request: &LinkRequest| {
        format!("{} {} ({})", safe(&request.method), safe(&request.path), request.status)
    };
    match &link.request {
        Some(found) => text.push_str(&format!(" → {}", request(found))),
        None if link.candidates.is_empty() => text.push_str(" → request unknown"),
        None => text.push_str(&format!(" → one of {} requests", link.candidates.len())),
    }
    if let Some(backend) = &link.backend {
        text.push_str(&format!(" → backend {}", backend.pid));
    }
    if let Some(blocker) = &link.root_blocker {
        text.push_str(&format!(" → blocked by {}", blocker.pid));
        for detail in [&blocker.application_name, &blocker.state].into_iter().flatten() {
            text.push_str(&format!(", {}", safe(detail)));
        }
    }
    text.push_str(&format!(" [{}]  {}", link.confidence, place(&link.kill.reference)));
    text
}

/// One row of the timeline.
#[derive(Default)]
struct Row {
    kills: u64,
    http_502: u64,
    http_504: u64,
    bus_failed: u64,
    oldest_query_s: Option<f64>,
}

impl Row {
    fn is_quiet(&self) -> bool {
        self.kills == 0 && self.http_502 == 0 && self.http_504 == 0 && self.bus_failed == 0
    }
}

/// The rows of an incident with two minutes around it, keyed by their start.
fn timeline_rows(report: &Report, incident: &Incident) -> (i64, BTreeMap<i64, Row>) {
    let timeline = &report.timeline;
    let mut rows: BTreeMap<i64, Row> = BTreeMap::new();
    let bucket = i64::try_from(timeline.bucket_s).unwrap_or(0).saturating_mul(1_000_000);
    let (Some(origin), true) = (timeline.from, bucket > 0) else { return (MINUTE, rows) };
    let mut last_told = incident.end;
    for action in &incident.actions {
        last_told = last_told.max(action.time);
    }
    let from = incident.start.0.saturating_sub(2 * MINUTE);
    let to = last_told.0.max(incident.recovery.recovered_at.map_or(i64::MIN, |time| time.0));
    let to = to.saturating_add(2 * MINUTE);
    let minutes = to.saturating_sub(from) / MINUTE;
    let step = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720]
        .into_iter()
        .find(|step| minutes / step <= TIMELINE_ROWS)
        .unwrap_or(1440)
        * MINUTE;
    let step = step.max(bucket);
    let index = |time: i64| usize::try_from(time.saturating_sub(origin.0) / bucket).unwrap_or(0);
    let at = |series: &[u32], bucket: usize| series.get(bucket).copied().map_or(0, u64::from);
    for number in index(from)..=index(to) {
        if number >= timeline.buckets {
            break;
        }
        let time = origin.0.saturating_add(i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(bucket));
        let row = rows.entry(time.div_euclid(step).saturating_mul(step)).or_default();
        row.kills = row.kills.saturating_add(at(&timeline.kills, number));
        row.http_502 = row.http_502.saturating_add(at(&timeline.http_502, number));
        row.http_504 = row.http_504.saturating_add(at(&timeline.http_504, number));
        row.bus_failed = row.bus_failed.saturating_add(at(&timeline.bus_failed, number));
        if let Some(age) = timeline.oldest_query_s.get(number).copied().flatten() {
            row.oldest_query_s = Some(row.oldest_query_s.map_or(age, |known| known.max(age)));
        }
    }
    (step, rows)
}

fn timeline(page: &mut Page<'_>, report: &Report, incident: &Incident) -> Result<()> {
    let (step, rows) = timeline_rows(report, incident);
    if rows.is_empty() {
        return Ok(());
    }
    let mut marks: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let mut mark = |time: i64, text: String| {
        marks.entry(time.div_euclid(step).saturating_mul(step)).or_default().push(text);
    };
    mark(incident.start.0, "starts".to_owned());
    for action in &incident.actions {
        mark(action.time.0, action.kind.to_owned());
    }
    mark(incident.end.0, if incident.ongoing_at_end { "logs end" } else { "last failure" }.to_owned());
    if let Some(at) = incident.recovery.recovered_at {
        mark(at.0, "recovered".to_owned());
    }

    let length = words::duration(step as f64 / 1e6);
    page.subheading(&format!("Timeline, UTC, per {length}"))?;
    let maximum = |value: fn(&Row) -> u64| rows.values().map(value).max().unwrap_or(0) as f64;
    let maxima = [
        maximum(|row| row.kills),
        maximum(|row| row.http_502),
        maximum(|row| row.http_504),
        maximum(|row| row.bus_failed),
    ];
    let oldest = rows.values().filter_map(|row| row.oldest_query_s).fold(0.0, f64::max);
    let header = format!(
        "  {:5} {:>9} {:>9} {:>9} {:>9} {:>14}",
        "", "kills", "502", "504", "bus 5xx", "oldest query"
    );
    let header = page.paint("2", &header);
    page.line(&header)?;

    let mut quiet = 0u64;
    for (start, row) in &rows {
        let marked = marks.get(start);
        if row.is_quiet() && marked.is_none() && row.oldest_query_s.is_none_or(|age| age < 30.0) {
            quiet = quiet.saturating_add(1);
            continue;
        }
        quiet_rows(page, quiet, step)?;
        quiet = 0;
        let end = start.saturating_add(step);
        let covered = |source: &str, value: u64| value > 0 || words::covers(report, source, *start, end);
        let cell = |source: &str, value: u64, maximum: f64| {
            if covered(source, value) {
                format!("{:>7} {}", words::count(value), bar(value as f64, maximum))
            } else {
                format!("{:>7}  ", "–")
            }
        };
        let [kills, http_502, http_504, bus] = maxima;
        let age = row.oldest_query_s.map_or_else(
            || format!("{:>12}  ", "–"),
            |age| format!("{:>12} {}", words::duration(age), bar(age, oldest)),
        );
        let time = stormtrace_analysis::report::Time(*start).format("%H:%M");
        let remark = marked.map_or_else(String::new, |marks| format!("  ◂ {}", marks.join(", ")));
        page.line(
            format!(
                "  {time} {} {} {} {} {age}{remark}",
                cell("odoo", row.kills, kills),
                cell("nginx_access", row.http_502, http_502),
                cell("nginx_access", row.http_504, http_504),
                cell("nginx_access", row.bus_failed, bus),
            )
            .trim_end(),
        )?;
    }
    quiet_rows(page, quiet, step)
}

fn quiet_rows(page: &mut Page<'_>, quiet: u64, step: i64) -> Result<()> {
    if quiet == 0 {
        return Ok(());
    }
    let length = words::duration(quiet as f64 * (step as f64 / 1e6));
    page.faint("  ", &format!("  ⋯   {length} without failures"))
}

fn bar(value: f64, maximum: f64) -> char {
    if value <= 0.0 || maximum <= 0.0 {
        return ' ';
    }
    let level = (value / maximum * 8.0).ceil().clamp(1.0, 8.0) as usize;
    "▁▂▃▄▅▆▇█".chars().nth(level.saturating_sub(1)).unwrap_or('█')
}

fn findings(page: &mut Page<'_>, report: &Report) -> Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    page.heading("Findings")?;
    for finding in &report.findings {
        let severity = page.severity(finding.severity);
        page.wrapped(&format!("{severity}: "), "  ", &safe(&finding.title))?;
        page.wrapped("  ", "  ", &safe(&finding.detail))?;
        for line in finding.fix.lines() {
            let line = format!("    {}", safe(line));
            let line = page.paint("36", &line);
            page.line(&line)?;
        }
        if !finding.refs.is_empty() {
            page.faint("  ", &places(&finding.refs))?;
        }
    }
    Ok(())
}

fn endpoints(page: &mut Page<'_>, report: &Report) -> Result<()> {
    if report.endpoints.is_empty() {
        return Ok(());
    }
    page.heading("Endpoints by share of busy time")?;
    let header = ["share", "count", "failed", "p50", "p95", "max", "endpoint"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for endpoint in report.endpoints.iter().take(ENDPOINTS_SHOWN) {
        rows.push(vec![
            endpoint.share_of_busy_time.map_or_else(|| "–".to_owned(), words::percent),
            words::count(endpoint.count),
            words::count(endpoint.failed),
            words::milliseconds(endpoint.p50_ms),
            words::milliseconds(endpoint.p95_ms),
            words::milliseconds(endpoint.max_ms),
            format!("{} {}", safe(&endpoint.method), safe(&endpoint.route)),
        ]);
    }
    page.table(&rows, &[0, 1, 2, 3, 4, 5])?;
    page.more(report.endpoints.len(), ENDPOINTS_SHOWN)
}

fn queries(page: &mut Page<'_>, report: &Report) -> Result<()> {
    if report.queries.is_empty() {
        return Ok(());
    }
    page.heading("Queries by total time")?;
    let room = page.width.saturating_sub(44).max(40);
    let header = ["total", "calls", "max", "lock wait", "query"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for query in report.queries.iter().take(QUERIES_SHOWN) {
        rows.push(vec![
            words::duration(query.total_s),
            words::count(query.calls),
            words::duration(query.max_s),
            query.lock_wait_s.map_or_else(|| "–".to_owned(), words::duration),
            words::shortened(&safe(&words::one_line(&query.fingerprint)), room),
        ]);
    }
    page.table(&rows, &[0, 1, 2, 3])?;
    page.more(report.queries.len(), QUERIES_SHOWN)
}

fn notes(page: &mut Page<'_>, report: &Report) -> Result<()> {
    if report.notes.is_empty() {
        return Ok(());
    }
    page.heading("What could not be said")?;
    for note in &report.notes {
        page.wrapped("• ", "  ", &safe(note))?;
    }
    Ok(())
}

fn what_was_read(page: &mut Page<'_>, report: &Report) -> Result<()> {
    page.heading("What was read")?;
    if report.inputs.is_empty() {
        return page.line("Nothing.");
    }
    let mut rows = Vec::new();
    for input in report.inputs.iter().filter(|input| words::is_recognised(input)) {
        let mut remark = Vec::new();
        if input.lines.skipped > 0 {
            remark.push(format!("{} skipped", words::count(input.lines.skipped)));
        }
        if input.zone.as_deref() == Some(words::UNKNOWN) {
            remark.push("zone unknown".to_owned());
        }
        if let Some(other) = &input.duplicate_of {
            remark.push(format!("same records as {}", safe(other)));
        }
        rows.push(vec![
            safe(&input.path),
            safe(&words::taken_for(input)),
            words::count(input.lines.total),
            words::input_span(input),
            remark.join(", "),
        ]);
    }
    if !rows.is_empty() {
        rows.insert(0, ["file", "taken for", "lines", "span", ""].map(str::to_owned).to_vec());
        page.table(&rows, &[2])?;
    }
    for input in report.inputs.iter().filter(|input| !words::is_recognised(input)) {
        page.line(&format!(
            "not recognised: {} ({})",
            safe(&input.path),
            words::plural(input.lines.total, "line", "lines")
        ))?;
    }
    for input in &report.inputs {
        for problem in &input.problems {
            let mark = page.paint("33", "! ");
            page.wrapped(&mark, "  ", &format!("{}: {}", safe(&input.path), safe(problem)))?;
        }
    }
    page.faint("", &format!("{} {}", report.tool.name, report.tool.version))
}

fn safe(text: &str) -> String {
    terminal(text).into_owned()
}

fn place(reference: &Reference) -> String {
    safe(&words::place(reference))
}

fn place_with_time(reference: &Reference) -> String {
    let place = place(reference);
    reference.time.map_or_else(|| place.clone(), |time| format!("{}  {place}", words::instant(time)))
}

fn places(references: &[Reference]) -> String {
    let mut text = references.iter().take(REFERENCES_SHOWN).map(place).collect::<Vec<_>>().join("  ");
    let hidden = references.len().saturating_sub(REFERENCES_SHOWN);
    if hidden > 0 {
        text.push_str(&format!("  and {hidden} more"));
    }
    text
}

/// Aligned lines; the cells must be safe already.
fn table(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(known) => *known = (*known).max(width),
                None => widths.push(width),
            }
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                if column > 0 {
                    line.push_str("  ");
                }
                if right.contains(&column) {
                    line.push_str(&padding);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&padding);
                }
            }
            line.trim_end().to_owned()
        })
        .collect()
}

/// Where lines go, how wide and in what colour.
struct Page<'a> {
    out: &'a mut dyn Write,
    width: usize,
    color: bool,
}

impl<'a> Page<'a> {
    fn new(options: &Options, out: &'a mut dyn Write) -> Self {
        let width = if options.width == 0 { Options::default().width } else { options.width.max(40) };
        Self { out, width, color: options.color }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn severity(&self, severity: Severity) -> String {
        let color = match severity {
            Severity::Info => "36",
            Severity::Minor => "33",
            Severity::Major => "31",
            Severity::Critical => "1;31",
        };
        self.paint(color, words::severity(severity))
    }

    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}")
    }

    fn blank(&mut self) -> Result<()> {
        self.line("")
    }

    fn faint(&mut self, indent: &str, text: &str) -> Result<()> {
        let text = self.paint("2", text);
        self.line(&format!("{indent}{text}"))
    }

    fn heading(&mut self, text: &str) -> Result<()> {
        self.blank()?;
        let rule = "─".repeat(self.width.saturating_sub(text.chars().count().saturating_add(4)).max(3));
        let line = format!("── {text} {rule}");
        let line = self.paint("1", &line);
        self.line(&line)
    }

    fn subheading(&mut self, text: &str) -> Result<()> {
        self.blank()?;
        let text = self.paint("1", text);
        self.line(&text)
    }

    fn bullets(&mut self, title: &str, items: impl ExactSizeIterator<Item = String>) -> Result<()> {
        if items.len() == 0 {
            return Ok(());
        }
        self.subheading(title)?;
        for item in items {
            self.wrapped("  • ", "    ", &item)?;
        }
        Ok(())
    }

    fn table(&mut self, rows: &[Vec<String>], right: &[usize]) -> Result<()> {
        for (number, line) in table(rows, right).into_iter().enumerate() {
            if number == 0 {
                self.faint("", &line)?;
            } else {
                self.line(&line)?;
            }
        }
        Ok(())
    }

    fn more(&mut self, all: usize, shown: usize) -> Result<()> {
        let hidden = all.saturating_sub(shown);
        if hidden > 0 { self.line(&format!("… and {hidden} more")) } else { Ok(()) }
    }

    /// Breaks a safe sentence at blanks. The prefix may hold colour, so the indent stands for its width.
    fn wrapped(&mut self, prefix: &str, indent: &str, text: &str) -> Result<()> {
        let mut line = String::from(prefix);
        let mut used = if prefix.contains('\x1b') { indent.chars().count() } else { prefix.chars().count() };
        let mut empty = true;
        for word in text.split(' ') {
            let length = word.chars().count();
            if !empty && used.saturating_add(length).saturating_add(1) > self.width {
                self.line(line.trim_end())?;
                line = String::from(indent);
                used = indent.chars().count();
                empty = true;
            }
            if !empty {
                line.push(' ');
                used = used.saturating_add(1);
            }
            line.push_str(word);
            used = used.saturating_add(length);
            empty = false;
        }
        self.line(line.trim_end())
    }
}
