//! The terminal form: the verdict first, then each incident, then the rest; empty sections vanish.

mod gate;
mod incident;
mod inputs;
pub(crate) mod page;
mod summary;
mod timeline;

use std::io::{Result, Write};

use stormtrace_analysis::report::{Reference, Report, Verdict};

pub use self::inputs::write_inspect;
use self::page::Page;
pub use self::summary::summarized;
use crate::escape::terminal;
use crate::{Options, View, Writer, words};
use stormtrace_analysis::secret::masked;

/// The terminal writer.
#[derive(Debug, Clone, Copy)]
pub struct Text;

const ENDPOINTS_SHOWN: usize = 10;
const QUERIES_SHOWN: usize = 5;
const REFERENCES_SHOWN: usize = 3;

impl Writer for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["txt", "text"]
    }

    fn write(&self, report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
        match options.view {
            View::Inputs => return write_inspect(report, options, out),
            View::Verdict => return gate::write(report, options, out),
            View::Whole => {}
        }
        let mut page = Page::new(options, out);
        head(&mut page, report)?;
        if words::incidents(report).next().is_none() {
            nothing_found(&mut page, report)?;
        }
        for one in words::incidents(report) {
            incident::write(&mut page, report, one)?;
        }
        incident::isolated(&mut page, report)?;
        findings(&mut page, report)?;
        endpoints(&mut page, report)?;
        queries(&mut page, report)?;
        worker_lives(&mut page, report)?;
        notes(&mut page, report)?;
        inputs::what_was_read(&mut page, report)
    }
}

fn head(page: &mut Page<'_>, report: &Report) -> Result<()> {
    let (word, color) = match report.verdict {
        Verdict::Pass => ("PASS", "1;32"),
        Verdict::Warn => ("WARN", "1;33"),
        Verdict::Fail => ("FAIL", "1;31"),
        Verdict::Unknown => ("UNKNOWN", "1;35"),
    };
    let mark = format!("{}  ", page.paint(color, word));
    let indent = " ".repeat(word.len().saturating_add(2));
    page.wrapped(&mark, &indent, &safe(&report.headline))?;
    let Some(policy) = &report.policy else { return Ok(()) };
    let name = words::policy_built_in(&policy.name).map_or_else(|| safe_name(&policy.name), str::to_owned);
    page.faint(&indent, &format!("Judged by {name}: {}.", words::rule_counts(report)))
}

fn nothing_found(page: &mut Page<'_>, report: &Report) -> Result<()> {
    page.subheading("What was checked")?;
    page.line(&format!("  window    {}", words::window(report.window.as_ref())))?;
    let mut sources = Vec::new();
    for (source, spans) in report.coverage.iter().filter(|(_, spans)| !spans.is_empty()) {
        let length: f64 = spans.iter().map(|(from, to)| words::seconds_between(*from, *to)).sum();
        // One record covers no time.
        let length = if length > 0.0 { words::duration(length) } else { "one moment".to_owned() };
        sources.push(format!("{} ({length})", words::source(source)));
    }
    if sources.is_empty() {
        sources.push("none usable".to_owned());
    }
    page.wrapped("  sources   ", "            ", &sources.join(", "))?;
    // Without a log that would show them, no kills and no requests is not a finding.
    let kills =
        report.coverage.get("odoo").is_some_and(|spans| !spans.is_empty()).then_some(report.totals.kills);
    page.line(&format!("  kills     {}", words::maybe_count(kills)))?;
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
    page.wrapped("  requests  ", "            ", &requests)
}

fn findings(page: &mut Page<'_>, report: &Report) -> Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    page.heading("What to change")?;
    for finding in &report.findings {
        let severity = page.severity(finding.severity);
        page.wrapped(&format!("{severity}: "), "  ", &safe(&finding.title))?;
        page.wrapped("  ", "  ", &safe(&finding.detail))?;
        for line in masked(&finding.fix).lines() {
            let line = format!("    {}", terminal(line));
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
    let header = ["share", "count", "failed", "p50", "p95", "max", "p95 inside", "p95 outside", "endpoint"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for endpoint in report.endpoints.iter().take(ENDPOINTS_SHOWN) {
        let route = words::middle_shortened(&safe(&endpoint.route), 80);
        rows.push(vec![
            endpoint.share_of_busy_time.map_or_else(|| "–".to_owned(), words::percent),
            words::count(endpoint.count),
            words::count(endpoint.failed),
            words::milliseconds(endpoint.p50_ms),
            words::milliseconds(endpoint.p95_ms),
            words::milliseconds(endpoint.max_ms),
            words::milliseconds(endpoint.incident_p95_ms),
            words::milliseconds(endpoint.baseline_p95_ms),
            format!("{} {route}", safe(&endpoint.method)),
        ]);
    }
    page.table("", &rows, &[0, 1, 2, 3, 4, 5, 6, 7])?;
    page.more("", report.endpoints.len(), ENDPOINTS_SHOWN)?;
    page.faint("", "inside and outside: of the incidents")
}

fn queries(page: &mut Page<'_>, report: &Report) -> Result<()> {
    if report.queries.is_empty() {
        return Ok(());
    }
    page.heading("Queries by total time")?;
    let header = ["total", "calls", "longest", "lock wait"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let shown = || report.queries.iter().take(QUERIES_SHOWN);
    for query in shown() {
        rows.push(vec![
            words::duration(query.total_s),
            words::count(query.calls),
            words::duration(query.max_s),
            query.lock_wait_s.map_or_else(|| "–".to_owned(), words::duration),
        ]);
    }
    let mut lines = page::table(&rows, &[0, 1, 2, 3]).into_iter();
    if let Some(header) = lines.next() {
        let header = page.paint("2", &header);
        page.line(&header)?;
    }
    for (line, query) in lines.zip(shown()) {
        page.line(&line)?;
        page.wrapped("  ", "  ", &safe(&words::shortened(&words::one_line(&query.fingerprint), 300)))?;
        if let Some(reference) = &query.example_ref {
            page.faint("  ", &place(reference))?;
        }
    }
    page.more("", report.queries.len(), QUERIES_SHOWN)
}

fn worker_lives(page: &mut Page<'_>, report: &Report) -> Result<()> {
    let lives = words::worker_lives::rows(report);
    if lives.is_empty() {
        return Ok(());
    }
    page.heading("Worker lives")?;
    // The reasons are the longest: they stand last.
    let order = |[role, lives, ended, open, length, requests]: [String; 6]| {
        [lives, open, length, requests, role, ended].to_vec()
    };
    let header = order(words::worker_lives::HEADER.map(str::to_owned));
    let rows: Vec<page::Row> = std::iter::once(header).chain(lives.into_iter().map(order)).collect();
    page.table("", &rows, &[0, 1, 2, 3])
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

/// Log text without control characters and without secrets.
fn safe(text: &str) -> String {
    terminal(&masked(text)).into_owned()
}

/// A file's name, which is needed whole.
fn safe_name(text: &str) -> String {
    terminal(text).into_owned()
}

fn place(reference: &Reference) -> String {
    safe_name(&words::place(reference))
}

fn places(references: &[Reference]) -> String {
    let mut text = references.iter().take(REFERENCES_SHOWN).map(place).collect::<Vec<_>>().join(" · ");
    let hidden = references.len().saturating_sub(REFERENCES_SHOWN);
    if hidden > 0 {
        text.push_str(&format!(" and {hidden} more"));
    }
    text
}
