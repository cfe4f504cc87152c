//! CSV: a register of incidents, one row each with isolated failures, to sort, to sum and to keep beside the rows
//! of other outages. The sums over its rows are the totals of the logs. (Series for charts are in the JSON.)
//!
//! RFC 4180 but for line feeds alone, which every spreadsheet reads. Text is quoted and never a formula; numbers
//! are bare; unknown is an empty cell. Times are UTC in the form spreadsheets take for a time.

use std::io::{Result, Write};

use stormtrace_analysis::report::{Culprit, Incident, Report, Time};

use crate::escape::csv_cell;
use crate::{Options, Writer, words};
use stormtrace_analysis::secret::masked;

/// The CSV writer.
#[derive(Debug, Clone, Copy)]
pub struct Csv;

/// A column: its heading and its cell, ready to be written.
type Column = (&'static str, fn(&Incident) -> String);

const COLUMNS: &[Column] = &[
    ("incident", |incident| text(&incident.id)),
    ("kind", |incident| text(&words::kind(incident.kind).to_lowercase())),
    ("severity", |incident| text(words::severity(incident.severity))),
    ("isolated", |incident| text(if incident.isolated { "yes" } else { "no" })),
    ("start_utc", |incident| time(incident.start)),
    ("end_utc", |incident| time(incident.end)),
    ("duration_s", |incident| number(Some(words::seconds_between(incident.start, incident.end)))),
    ("ongoing_at_end", |incident| text(if incident.ongoing_at_end { "yes" } else { "no" })),
    ("workers_killed", |incident| incident.impact.kills.total.to_string()),
    ("requests", |incident| count(incident.impact.requests.total)),
    ("http_499", |incident| count(incident.impact.requests.http_499)),
    ("http_500", |incident| count(incident.impact.requests.http_500)),
    ("http_502", |incident| count(incident.impact.requests.http_502)),
    ("http_503", |incident| count(incident.impact.requests.http_503)),
    ("http_504", |incident| count(incident.impact.requests.http_504)),
    ("failed_ratio", |incident| number(incident.impact.requests.failed_ratio)),
    ("p95_ms", |incident| number(incident.impact.requests.p95_ms)),
    ("bus_requests", |incident| count(incident.impact.bus.requests)),
    ("bus_failed", |incident| count(incident.impact.bus.failed)),
    ("oldest_query_s", |incident| number(incident.impact.postgres.max_query_age_s)),
    ("queue_peak", |incident| count(incident.impact.saturation.queue_peak)),
    ("saturated_s", |incident| number(incident.impact.saturation.saturated_s)),
    ("cause", |incident| text(incident.diagnosis.trigger.unwrap_or_default())),
    ("certainty", |incident| {
        text(if incident.isolated { "" } else { words::certainty(incident.diagnosis.verdict) })
    }),
    ("culprit", |incident| {
        let trigger = incident.diagnosis.causes.first().filter(|_| incident.diagnosis.trigger.is_some());
        text(&trigger.and_then(|cause| cause.culprit.as_ref()).map(culprit).unwrap_or_default())
    }),
    ("recovery", |incident| {
        text(&if incident.isolated { String::new() } else { words::spaced(incident.recovery.verdict) })
    }),
    ("recovered_at_utc", |incident| incident.recovery.recovered_at.map(time).unwrap_or_default()),
    ("first_action", |incident| {
        text(&incident.actions.first().map(|action| words::spaced(action.kind)).unwrap_or_default())
    }),
    ("summary", |incident| text(&incident.summary)),
    ("first_kill", |incident| {
        text(&incident.impact.kills.first.as_ref().map(words::place).unwrap_or_default())
    }),
];

impl Writer for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["csv"]
    }

    fn write(&self, report: &Report, _options: &Options, out: &mut dyn Write) -> Result<()> {
        let headings: Vec<_> = COLUMNS.iter().map(|(heading, _)| *heading).collect();
        writeln!(out, "{}", headings.join(","))?;
        for incident in &report.incidents {
            let cells: Vec<_> = COLUMNS.iter().map(|(_, cell)| cell(incident)).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }
}

/// Who did it, with the query.
fn culprit(culprit: &Culprit) -> String {
    let who = words::culprit(culprit);
    match &culprit.query {
        Some(query) => format!("{who}: {}", words::one_line(query)),
        None => who,
    }
}

fn text(text: &str) -> String {
    if text.is_empty() { String::new() } else { csv_cell(&masked(text)) }
}

fn count(value: Option<u64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| format!("{value:.3}")).unwrap_or_default()
}

fn time(time: Time) -> String {
    time.format("%Y-%m-%d %H:%M:%S")
}
