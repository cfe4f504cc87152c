//! The timeline as one SVG: small multiples on a shared time axis, without script.
//!
//! Colours come from classes, so the page's light and dark schemes apply. Hovering shows the figures of a
//! column through `<title>`.

use std::fmt::Write;

use stormtrace_analysis::report::{Incident, Report, Time};

use crate::escape::html_text;
use crate::words;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 64.0;
/// Leaves room for half a label of the time axis.
const RIGHT: f64 = 962.0;
const TOP: f64 = 42.0;
const PANEL: f64 = 78.0;
const GAP: f64 = 34.0;
/// Room under the last panel for the labels of the time axis.
const AXIS: f64 = 30.0;
/// More columns than this would be narrower than an eye can tell apart.
const COLUMNS: i64 = 230;
const SECOND: i64 = 1_000_000;
/// Lengths of columns and distances of ticks people can read, seconds.
const STEPS: [i64; 17] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/// Figures of one column.
#[derive(Debug, Clone, Default)]
struct Column {
    kills: u64,
    http_502: u64,
    http_504: u64,
    http_500: u64,
    bus_failed: u64,
    in_flight: Option<u32>,
    oldest_query_s: Option<f64>,
}

/// The span shown, cut into columns.
struct View {
    from: i64,
    to: i64,
    step: i64,
    columns: Vec<Column>,
}

impl View {
    fn x(&self, time: i64) -> f64 {
        let share = time.saturating_sub(self.from) as f64 / (self.to.saturating_sub(self.from).max(1)) as f64;
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn shows(&self, time: Time) -> bool {
        (self.from..=self.to).contains(&time.0)
    }

    fn column_width(&self) -> f64 {
        self.x(self.from.saturating_add(self.step)) - LEFT
    }

    fn starts(&self) -> impl Iterator<Item = (i64, &Column)> {
        (0i64..).zip(&self.columns).map(|(number, column)| (self.start_of(number), column))
    }

    fn start_of(&self, number: i64) -> i64 {
        self.from.saturating_add(number.saturating_mul(self.step))
    }
}

/// The chart and one sentence saying what span it shows, or `None` when there is no timeline.
#[must_use]
pub fn timeline(report: &Report) -> Option<(String, String)> {
    let view = view(report)?;
    let panels = panels(&view);
    let bottom = TOP + panels.len() as f64 * (PANEL + GAP) - GAP + 20.0;
    let height = bottom + AXIS;
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" \
         aria-label=\"Failures, requests in flight and query age over time\">\n"
    );
    let into = &mut svg;
    for incident in &report.incidents {
        shade(into, &view, incident, bottom);
    }
    time_axis(into, &view, bottom);
    for (number, panel) in panels.iter().enumerate() {
        let top = TOP + number as f64 * (PANEL + GAP) + 20.0;
        uncovered(into, report, &view, panel, top);
        panel.draw(into, &view, top);
    }
    markers(into, report, &view, bottom);
    hovers(into, &view, bottom);
    svg.push_str("</svg>\n");

    let mut caption = format!(
        "{}, one column is {}",
        words::span(Time(view.from), Time(view.to)),
        words::duration(view.step as f64 / 1e6)
    );
    let all_none = |unknown: bool, name: &'static str| unknown.then_some(name);
    let unknown: Vec<_> = [
        all_none(
            view.columns.iter().all(|column| column.oldest_query_s.is_none()),
            "age of the oldest query",
        ),
        all_none(view.columns.iter().all(|column| column.in_flight.is_none()), "requests in flight"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !unknown.is_empty() {
        let _ = write!(caption, "; unknown: {}", unknown.join(", "));
    }
    caption.push('.');
    if words::incidents(report).next().is_some() {
        caption.push_str(" Shaded red: incident.");
    }
    if words::isolated(report).any(|one| view.shows(one.start) || view.shows(one.end)) {
        caption.push_str(" Shaded amber: isolated failures.");
    }
    if report.incidents.iter().any(|incident| !incident.isolated && !incident.actions.is_empty()) {
        caption.push_str(" Numbers: actions, listed below.");
    }
    caption.push_str(" Hatched: the source covers nothing here.");
    Some((svg, caption))
}

fn view(report: &Report) -> Option<View> {
    let timeline = &report.timeline;
    let bucket = i64::try_from(timeline.bucket_s).ok()?.checked_mul(SECOND).filter(|bucket| *bucket > 0)?;
    let origin = timeline.from?.0;
    let buckets = i64::try_from(timeline.buckets).ok().filter(|buckets| *buckets > 0)?;
    let end = origin.checked_add(buckets.checked_mul(bucket)?)?;

    // An incident of minutes in a day of logs would be a hairline, so the chart zooms in on incidents.
    let (mut from, mut to) = (origin, end);
    let told = words::incidents(report).flat_map(|incident| {
        [incident.start, incident.end]
            .into_iter()
            .chain(incident.actions.iter().map(|action| action.time))
            .chain(incident.recovery.recovered_at)
            .map(|time| time.0)
    });
    if let (Some(first), Some(last)) = (told.clone().min(), told.max()) {
        let margin = (last.saturating_sub(first) / 5).max(180 * SECOND);
        let near = first.saturating_sub(margin).clamp(origin, end);
        let far = last.saturating_add(margin).clamp(origin, end);
        if far.saturating_sub(near) < end.saturating_sub(origin) / 10 * 7 && far > near {
            (from, to) = (near, far);
        }
    }
    let wanted = to.saturating_sub(from) / COLUMNS / SECOND;
    let step = STEPS.into_iter().find(|step| *step >= wanted && step % (bucket / SECOND) == 0).map_or_else(
        || (wanted / (bucket / SECOND)).saturating_add(1).saturating_mul(bucket),
        |step| step * SECOND,
    );

    let first = from.saturating_sub(origin) / bucket;
    let last = (to.saturating_sub(origin).saturating_add(bucket - 1) / bucket).min(buckets);
    let from = origin.saturating_add(first.saturating_mul(bucket));
    let per_column = (step / bucket).max(1);
    let mut columns = Vec::new();
    let mut number = first;
    while number < last {
        let mut column = Column::default();
        let next = number.saturating_add(per_column).min(last);
        for index in (number..next).filter_map(|index| usize::try_from(index).ok()) {
            let at = |series: &[u32]| series.get(index).copied().map_or(0, u64::from);
            column.kills = column.kills.saturating_add(at(&timeline.kills));
            column.http_502 = column.http_502.saturating_add(at(&timeline.http_502));
            column.http_504 = column.http_504.saturating_add(at(&timeline.http_504));
            column.http_500 = column.http_500.saturating_add(at(&timeline.http_500));
            column.bus_failed = column.bus_failed.saturating_add(at(&timeline.bus_failed));
            column.in_flight = column.in_flight.max(timeline.in_flight.get(index).copied().flatten());
            if let Some(age) = timeline.oldest_query_s.get(index).copied().flatten() {
                column.oldest_query_s = Some(column.oldest_query_s.map_or(age, |known| known.max(age)));
            }
        }
        columns.push(column);
        number = next;
    }
    let to = from.saturating_add(i64::try_from(columns.len()).ok()?.saturating_mul(step));
    Some(View { from, to, step, columns })
}

/// One of the small multiples.
struct Panel {
    title: &'static str,
    source: &'static str,
    series: Vec<Series>,
    /// Bars count events and stack; a line holds a level.
    bars: bool,
    /// Ages run from fractions of a second to hours.
    logarithmic: bool,
    seconds: bool,
}

struct Series {
    label: &'static str,
    class: &'static str,
    values: Vec<Option<f64>>,
}

fn panels(view: &View) -> Vec<Panel> {
    let counted = |label, class, value: fn(&Column) -> u64| Series {
        label,
        class,
        values: view.columns.iter().map(|column| Some(value(column) as f64)).collect(),
    };
    let bars = |title, source, series| Panel {
        title,
        source,
        series,
        bars: true,
        logarithmic: false,
        seconds: false,
    };
    let mut panels = vec![
        bars("Worker kills", "odoo", vec![counted("", "c-kill", |column| column.kills)]),
        bars(
            "Failed HTTP requests",
            "nginx_access",
            vec![
                counted("502", "c-502", |column| column.http_502),
                counted("504", "c-504", |column| column.http_504),
                counted("500, 503", "c-500", |column| column.http_500),
            ],
        ),
        bars("Failed bus requests", "nginx_access", vec![counted("", "c-bus", |column| column.bus_failed)]),
    ];
    let oldest: Vec<_> = view.columns.iter().map(|column| column.oldest_query_s).collect();
    if oldest.iter().any(Option::is_some) {
        let maximum = oldest.iter().flatten().copied().fold(0.0, f64::max);
        panels.push(Panel {
            title: "Oldest running query",
            source: "pg_stat_activity",
            series: vec![Series { label: "", class: "c-query", values: oldest }],
            bars: false,
            logarithmic: maximum >= 100.0,
            seconds: true,
        });
    }
    let in_flight: Vec<_> = view.columns.iter().map(|column| column.in_flight.map(f64::from)).collect();
    if in_flight.iter().any(Option::is_some) {
        panels.push(Panel {
            title: "HTTP requests in flight",
            source: "nginx_access",
            series: vec![Series { label: "", class: "c-flight", values: in_flight }],
            bars: false,
            logarithmic: false,
            seconds: false,
        });
    }
    panels
}

impl Panel {
    fn maximum(&self) -> f64 {
        let longest = self.series.iter().map(|series| series.values.len()).max().unwrap_or(0);
        (0..longest)
            .map(|at| {
                self.series.iter().filter_map(|series| series.values.get(at).copied().flatten()).sum::<f64>()
            })
            .filter(|sum| sum.is_finite())
            .fold(0.0, f64::max)
    }

    fn draw(&self, into: &mut String, view: &View, top: f64) {
        let bottom = top + PANEL;
        let limit = if self.seconds { round_age(self.maximum()) } else { round_up(self.maximum()) };
        let height = |value: f64| {
            let share = if self.logarithmic {
                // From 0.1 s up; younger queries are of no interest here.
                (value.max(0.1) / 0.1).ln() / (limit / 0.1).ln()
            } else {
                value / limit
            };
            share.clamp(0.0, 1.0) * PANEL
        };
        let mut title = String::from(self.title);
        if self.bars {
            let _ = write!(title, " per {}", words::duration(view.step as f64 / 1e6));
        }
        if self.seconds {
            title.push_str(", age at the snapshot");
        }
        if self.logarithmic {
            title.push_str(", logarithmic scale");
        }
        let _ = write!(into, "<text class=\"panel\" x=\"{LEFT}\" y=\"{:.0}\">{title}", top - 7.0);
        for series in self.series.iter().filter(|series| !series.label.is_empty()) {
            let _ = write!(
                into,
                "<tspan class=\"key {}\" dx=\"14\">■ </tspan><tspan>{}</tspan>",
                series.class, series.label
            );
        }
        into.push_str("</text>\n");

        let ticks: Vec<f64> = if self.logarithmic {
            // The limit is always labelled; the rest keeps away from it.
            let mut ticks: Vec<_> = [1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0]
                .into_iter()
                .filter(|tick| height(*tick) < PANEL - 13.0)
                .collect();
            ticks.push(limit);
            ticks
        } else if limit >= 4.0 && (self.seconds || limit % 2.0 == 0.0) {
            vec![limit / 2.0, limit]
        } else {
            vec![limit]
        };
        for tick in ticks {
            let y = bottom - height(tick);
            let label = if self.seconds { age_label(tick) } else { words::value(Some(tick)) };
            let _ = writeln!(
                into,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" text-anchor=\"end\" x=\"{:.0}\" y=\"{:.1}\">{label}</text>",
                LEFT - 8.0,
                y + 4.0
            );
        }
        if self.bars {
            self.draw_bars(into, view, bottom, height);
        } else {
            self.draw_level(into, view, bottom, height);
        }
        let _ = writeln!(
            into,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>"
        );
    }

    fn draw_bars(&self, into: &mut String, view: &View, bottom: f64, height: impl Fn(f64) -> f64) {
        let width = (view.column_width() - 0.8).max(0.8);
        let mut stacked = vec![0.0; view.columns.len()];
        for series in &self.series {
            let mut path = String::new();
            for ((number, value), base) in (0i64..).zip(&series.values).zip(&mut stacked) {
                let value = value.unwrap_or(0.0);
                if value <= 0.0 {
                    continue;
                }
                let low = bottom - height(*base);
                *base += value;
                let high = bottom - height(*base);
                let x = view.x(view.start_of(number));
                let _ = write!(path, "M{x:.1} {low:.1}V{high:.1}h{width:.1}V{low:.1}z");
            }
            if !path.is_empty() {
                let _ = writeln!(into, "<path class=\"fill {}\" d=\"{path}\"/>", series.class);
            }
        }
    }

    /// A level as an area with its edge. Snapshots are rarer than columns, so nearby points are joined; a
    /// hole longer than two minutes or ten columns stays a hole.
    fn draw_level(&self, into: &mut String, view: &View, bottom: f64, height: impl Fn(f64) -> f64) {
        let longest_hole = (120 * SECOND / view.step).max(10);
        for series in &self.series {
            let (mut line, mut area) = (String::new(), String::new());
            let mut previous: Option<(i64, f64)> = None;
            for (number, value) in (0i64..).zip(&series.values) {
                let Some(value) = value else { continue };
                let middle = view.start_of(number).saturating_add(view.step / 2);
                let (x, y) = (view.x(middle), bottom - height(*value));
                match previous {
                    Some((last, _)) if number.saturating_sub(last) <= longest_hole => {
                        let _ = write!(line, "L{x:.1} {y:.1}");
                        let _ = write!(area, "L{x:.1} {y:.1}");
                    }
                    other => {
                        if let Some((_, end)) = other {
                            let _ = write!(area, "L{end:.1} {bottom:.1}z");
                        }
                        // The short stroke keeps a lone point visible.
                        let _ = write!(line, "M{x:.1} {y:.1}h.1");
                        let _ = write!(area, "M{x:.1} {bottom:.1}L{x:.1} {y:.1}");
                    }
                }
                previous = Some((number, x));
            }
            if let Some((_, end)) = previous {
                let _ = write!(area, "L{end:.1} {bottom:.1}z");
                let _ = writeln!(
                    into,
                    "<path class=\"area {class}\" d=\"{area}\"/><path class=\"line {class}\" d=\"{line}\"/>",
                    class = series.class
                );
            }
        }
    }
}

fn shade(into: &mut String, view: &View, incident: &Incident, bottom: f64) {
    if incident.end.0 < view.from || incident.start.0 > view.to {
        return;
    }
    let (left, right) = (view.x(incident.start.0), view.x(incident.end.0));
    let class = if incident.isolated { "isolated" } else { "incident" };
    let _ = writeln!(
        into,
        "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.0}\" width=\"{:.1}\" height=\"{:.1}\"/>\
         <line class=\"{class} edge\" x1=\"{left:.1}\" x2=\"{left:.1}\" y1=\"{:.0}\" y2=\"{bottom:.1}\"/>",
        TOP - 4.0,
        (right - left).max(1.5),
        bottom - TOP + 4.0,
        TOP - 4.0
    );
}

/// Marks where the panel's source says nothing, so an empty stretch is not read as calm.
fn uncovered(into: &mut String, report: &Report, view: &View, panel: &Panel, top: f64) {
    let empty = Vec::new();
    let mut spans = report.coverage.get(panel.source).unwrap_or(&empty).clone();
    spans.sort_unstable();
    let mut reached = view.from;
    let mut holes = Vec::new();
    for (from, to) in spans {
        if from.0 > reached {
            holes.push((reached, from.0.min(view.to)));
        }
        reached = reached.max(to.0);
    }
    holes.push((reached, view.to));
    for (from, to) in holes {
        let (left, right) = (view.x(from), view.x(to));
        // Coverage ends with the last record, not with the column it stands in.
        if to > from && right - left > view.column_width() * 1.5 {
            let _ = writeln!(
                into,
                "<rect class=\"hole\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{PANEL}\"/>",
                right - left
            );
            let mut x = left;
            let mut hatch = String::new();
            while x < right {
                let end = (x + PANEL / 2.0).min(right);
                let _ =
                    write!(hatch, "M{x:.1} {:.1}L{end:.1} {:.1}", top + PANEL, top + PANEL - (end - x) * 2.0);
                x += 9.0;
            }
            let _ = writeln!(into, "<path class=\"hatch\" d=\"{hatch}\"/>");
        }
    }
}

fn time_axis(into: &mut String, view: &View, bottom: f64) {
    let length = view.to.saturating_sub(view.from);
    let step =
        STEPS.into_iter().find(|step| length / (step * SECOND) <= 10).unwrap_or(length / 10 / SECOND).max(1)
            * SECOND;
    let format = if step < 60 * SECOND {
        "%H:%M:%S"
    } else if length > 86_400 * SECOND {
        "%m-%d %H:%M"
    } else {
        "%H:%M"
    };
    let mut time = view.from.div_euclid(step).saturating_add(1).saturating_mul(step);
    while time <= view.to {
        let x = view.x(time);
        let _ = writeln!(
            into,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/>\
             <text class=\"tick\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            bottom + 18.0,
            Time(time).format(format)
        );
        time = time.saturating_add(step);
    }
    let _ = writeln!(into, "<text class=\"tick\" x=\"0\" y=\"{:.1}\">UTC</text>", bottom + 18.0);
}

/// Actions, numbered as in the legend, and the recovery.
fn markers(into: &mut String, report: &Report, view: &View, bottom: f64) {
    let mut number = 0u64;
    let mut last = f64::MIN;
    let mut raised = false;
    for incident in words::incidents(report) {
        for action in &incident.actions {
            number = number.saturating_add(1);
            if !view.shows(action.time) {
                continue;
            }
            let x = view.x(action.time.0);
            raised = !raised && x - last < 20.0;
            last = x;
            let y = if raised { 10.0 } else { 28.0 };
            let _ = writeln!(
                into,
                "<g class=\"action\"><line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y}\" y2=\"{bottom:.1}\"/>\
                 <circle cx=\"{x:.1}\" cy=\"{y}\" r=\"9\"/>\
                 <text text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{number}</text>\
                 <title>{} {}: {}</title></g>",
                y + 4.0,
                words::clock(action.time),
                html_text(action.kind),
                html_text(&words::one_line(&action.detail))
            );
        }
        if let Some(at) = incident.recovery.recovered_at.filter(|at| view.shows(*at)) {
            let x = view.x(at.0);
            let anchor = if x > RIGHT - 120.0 { "end" } else { "start" };
            let _ = writeln!(
                into,
                "<g class=\"recovered\"><line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/>\
                 <text text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"{:.0}\">recovered {}</text></g>",
                if anchor == "end" { x - 5.0 } else { x + 5.0 },
                TOP + 4.0,
                words::clock(at)
            );
        }
    }
}

/// Invisible columns over all panels which show their figures under the pointer.
fn hovers(into: &mut String, view: &View, bottom: f64) {
    let width = view.column_width();
    into.push_str("<g class=\"hover\">\n");
    for (start, column) in view.starts() {
        let _ = writeln!(
            into,
            "<rect x=\"{:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}\nkills {}\n502: {}, 504: {}, \
             500/503: {}\nbus failures {}\noldest query {}\nin flight {}</title></rect>",
            view.x(start),
            bottom - TOP,
            words::instant(Time(start)),
            column.kills,
            column.http_502,
            column.http_504,
            column.http_500,
            column.bus_failed,
            words::age(column.oldest_query_s),
            words::maybe_count(column.in_flight.map(u64::from)),
        );
    }
    into.push_str("</g>\n");
}

/// The next of 1, 2, 4, 6 times a power of ten, so that half of it is whole.
fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 1.0 {
        return 1.0;
    }
    let magnitude = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * magnitude)
        .find(|step| *step >= value)
        .unwrap_or(value)
}

fn round_age(value: f64) -> f64 {
    [
        1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 36_000.0,
        86_400.0,
    ]
    .into_iter()
    .find(|step| *step >= value)
    .unwrap_or_else(|| round_up(value))
}

fn age_label(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{} s", words::value(Some(seconds)))
    } else if seconds < 3600.0 {
        format!("{} min", words::value(Some(seconds / 60.0)))
    } else {
        format!("{} h", words::value(Some(seconds / 3600.0)))
    }
}
