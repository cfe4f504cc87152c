//! The timeline of an incident: one row per minute, or longer where it lasts for hours.

use std::collections::BTreeMap;
use std::io::Result;

use stormtrace_analysis::report::{Incident, Report, Time};

use super::page::Page;
use crate::words;

/// Rows per incident before minutes are joined into longer steps.
const ROWS: i64 = 60;
const MINUTE: i64 = 60_000_000;

/// One row.
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

/// The rows of an incident with two minutes around it, keyed by their start, and their length.
fn rows(report: &Report, incident: &Incident) -> (i64, BTreeMap<i64, Row>) {
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
        .find(|step| minutes / step <= ROWS)
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

/// What stands beside the rows, by the start of the row; the same action twice in a row is said once.
fn marks(incident: &Incident, step: i64) -> BTreeMap<i64, Vec<(String, u64)>> {
    let mut marks: BTreeMap<i64, Vec<(String, u64)>> = BTreeMap::new();
    let mut mark = |time: i64, text: &str| {
        let row = marks.entry(time.div_euclid(step).saturating_mul(step)).or_default();
        match row.iter_mut().find(|(known, _)| known == text) {
            Some((_, times)) => *times = times.saturating_add(1),
            None => row.push((text.to_owned(), 1)),
        }
    };
    mark(incident.start.0, "starts");
    for action in &incident.actions {
        mark(action.time.0, action.kind);
    }
    mark(incident.end.0, if incident.ongoing_at_end { "logs end" } else { "last failure" });
    if let Some(at) = incident.recovery.recovered_at {
        mark(at.0, "recovered");
    }
    marks
}

/// Writes the timeline; nothing without series.
pub fn write(page: &mut Page<'_>, report: &Report, incident: &Incident) -> Result<()> {
    let (step, rows) = rows(report, incident);
    let (Some((first, _)), Some((last, _))) = (rows.first_key_value(), rows.last_key_value()) else {
        return Ok(());
    };
    let day = |time: i64| Time(time).format("%m-%d");
    let clock = if day(*first) == day(*last) { "%H:%M" } else { "%m-%d %H:%M" };
    let margin = Time(*first).format(clock).chars().count();
    let marks = marks(incident, step);

    let length = words::duration(step as f64 / 1e6);
    page.subheading(&format!("Timeline, UTC, one row is {length}"))?;
    let maximum = |value: fn(&Row) -> u64| rows.values().map(value).max().unwrap_or(0) as f64;
    let maxima = [
        maximum(|row| row.kills),
        maximum(|row| row.http_502),
        maximum(|row| row.http_504),
        maximum(|row| row.bus_failed),
    ];
    let oldest = rows.values().filter_map(|row| row.oldest_query_s).fold(0.0, f64::max);
    let header = format!(
        "  {:margin$} {:>7}   {:>7}   {:>7}   {:>7}   {:>12}",
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
        quiet_rows(page, margin, quiet, step)?;
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
        let age = words::age(row.oldest_query_s);
        let age_bar = if age == "–" { ' ' } else { bar(row.oldest_query_s.unwrap_or(0.0), oldest) };
        let remark = marked.map_or_else(String::new, |marks| {
            let marks: Vec<_> = marks
                .iter()
                .map(|(text, times)| if *times > 1 { format!("{times} × {text}") } else { text.clone() })
                .collect();
            format!("  ◂ {}", marks.join(", "))
        });
        page.line(
            format!(
                "  {} {} {} {} {} {age:>12} {age_bar}{remark}",
                Time(*start).format(clock),
                cell("odoo", row.kills, kills),
                cell("nginx_access", row.http_502, http_502),
                cell("nginx_access", row.http_504, http_504),
                cell("nginx_access", row.bus_failed, bus),
            )
            .trim_end(),
        )?;
    }
    quiet_rows(page, margin, quiet, step)
}

fn quiet_rows(page: &mut Page<'_>, margin: usize, quiet: u64, step: i64) -> Result<()> {
    if quiet == 0 {
        return Ok(());
    }
    let length = words::duration(quiet as f64 * (step as f64 / 1e6));
    let indent = " ".repeat(margin.saturating_add(3));
    page.faint(&indent, &format!("⋯ {length} without failures"))
}

fn bar(value: f64, maximum: f64) -> char {
    if value <= 0.0 || maximum <= 0.0 {
        return ' ';
    }
    let level = (value / maximum * 8.0).ceil().clamp(1.0, 8.0) as usize;
    "▁▂▃▄▅▆▇█".chars().nth(level.saturating_sub(1)).unwrap_or('█')
}
