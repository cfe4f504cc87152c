//! "Latency rose before the processor was saturated": decided only where the samples allow it (methods 3.3).
//!
//! A host sample is an average over the time since the one before it, so the onset of saturation is an interval. Latency
//! is cut into pieces by change points; its onset is an interval too. Neither is a point.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::SECOND_US;

use super::replay::arrived;
use crate::detect::{Found, Picture};
use crate::events::Host;
use crate::pelt;
use crate::place::Places;
use crate::report::{Ordering, Time};
use crate::statistics::{quantile, quantile_of};

/// Latency is measured over this long, µs.
const BUCKET_US: i64 = 30 * SECOND_US;
/// A level counts when it lasts, in buckets: 60 s.
const SHORTEST_PIECE: usize = 2;
/// How far back the onset is looked for, µs.
const BEFORE_US: i64 = 3600 * SECOND_US;
/// A baseline needs this long and this many requests.
const BASELINE_US: i64 = 1800 * SECOND_US;
const BASELINE_REQUESTS: usize = 200;
/// Latency has risen at this many times the baseline …
const RISE: f64 = 2.0;
/// … or, without one, at this, µs.
const ABSOLUTE_US: f64 = 1e6;
/// Processors are saturated at this share, percent, for two samples.
const SATURATED_PERCENT: f64 = 90.0;
/// Samples have to cover this share of the incident to say that something never happened.
const COVERED: f64 = 0.9;
/// Stamps of samples are whole seconds, µs; the uncertainty of the clocks comes on top.
const SLACK_US: i64 = 2 * SECOND_US;

/// When latency rose: between these instants, µs.
struct Rise {
    from_us: i64,
    to_us: i64,
    /// It was high when the data begin.
    from_the_start: bool,
    limit_us: f64,
    baseline_us: Option<f64>,
}

/// Which came first, with the reason in words.
#[must_use]
pub fn order(incident: &Found, picture: &Picture<'_>, places: &Places<'_>) -> Ordering {
    let clocks_us = picture.ordering.uncertainty_us(Source::NginxAccess, Source::Host);
    order_within(incident, picture, places, clocks_us)
}

/// The same, with the uncertainty of the host samples' clock against the access log's, µs; `None` if nothing ties them.
pub(super) fn order_within(
    incident: &Found,
    picture: &Picture<'_>,
    places: &Places<'_>,
    clocks_us: Option<i64>,
) -> Ordering {
    let mut order = Ordering { answer: "not_decidable", ..Ordering::default() };
    let rise = latency_rise(incident, picture);
    if let Some(rise) = &rise {
        order.latency_rose_after = Some(Time(rise.from_us));
        order.latency_rose_by = Some(Time(rise.to_us));
        order.latency_limit_ms = Some(rise.limit_us / 1e3);
        order.latency_baseline_ms = rise.baseline_us.map(|us| us / 1e3);
    }
    let samples = series(&picture.events.host, incident);
    order.processor_step_s = step_us(&samples).map(|us| us as f64 / 1e6);
    order.processor_coverage = Some(coverage(&samples, incident)).filter(|_| !samples.is_empty());
    let looked_from = rise.as_ref().map_or(incident.start_us, |rise| rise.from_us.min(incident.start_us));
    let saturated = saturation(&samples, looked_from - 2 * BUCKET_US, incident.end_us);
    if let Some((after, by, sample)) = &saturated {
        order.processor_saturated_after = after.map(Time);
        order.processor_saturated_by = Some(Time(*by));
        order.refs = vec![places.reference(sample.input, sample.line, sample.us)];
    }
    (order.answer, order.reason) = match (rise, saturated) {
        (None, _) if arrived(picture.events, incident.start_us, incident.end_us).next().is_none() => {
            ("not_decidable", "no $request_time, so when latency rose is not known".to_owned())
        }
        (None, _) => ("not_decidable", "latency did not rise for 60 s".to_owned()),
        (Some(_), _) if samples.is_empty() => {
            ("not_decidable", "no samples of the processors cover the incident".to_owned())
        }
        (Some(rise), _) if rise.from_the_start => {
            ("not_decidable", "latency was high already when the data begin".to_owned())
        }
        (Some(rise), Some((after, by, _))) => {
            let slack_us = clocks_us.unwrap_or(0).saturating_add(SLACK_US);
            let (answer, reason) = compare(&rise, after, by, slack_us, order.processor_step_s);
            match clocks_us {
                Some(_) => (answer, reason),
                None => (
                    "not_decidable",
                    format!(
                        "no record ties the clock of the host samples to that of the access log; by their own stamps {reason}"
                    ),
                ),
            }
        }
        (Some(_), None) if order.processor_coverage.is_some_and(|share| share >= COVERED) => {
            ("before", "latency rose, and the processors were never saturated".to_owned())
        }
        (Some(_), None) => (
            "not_decidable",
            format!(
                "samples cover {:.0} % of the incident; in them the processors were not saturated",
                order.processor_coverage.unwrap_or(0.0) * 100.0
            ),
        ),
    };
    order
}

fn compare(
    rise: &Rise,
    after: Option<i64>,
    by: i64,
    slack_us: i64,
    step_s: Option<f64>,
) -> (&'static str, String) {
    let every = step_s.map_or_else(String::new, |step| format!(", sampled every {step:.0} s"));
    match after {
        Some(after) if rise.to_us + slack_us < after => (
            "before",
            format!("latency rose at least {:.0} s before{every}", (after - rise.to_us) as f64 / 1e6),
        ),
        _ if by + slack_us < rise.from_us => (
            "not_before",
            format!(
                "the processors were saturated at least {:.0} s before latency rose{every}",
                (rise.from_us - by) as f64 / 1e6
            ),
        ),
        _ => ("not_decidable", format!("both fall into the same interval{every}")),
    }
}

/// The onset of the slow stretch that the incident lies in, by change points of the log of the 90th percentile.
fn latency_rise(incident: &Found, picture: &Picture<'_>) -> Option<Rise> {
    let from = picture.window.0.max(incident.start_us - BEFORE_US);
    let mut buckets: FxHashMap<i64, Vec<(i64, i64)>> = FxHashMap::default();
    let mut quiet: Vec<i64> = Vec::new();
    for (_, access) in arrived(picture.events, from, incident.end_us) {
        let (arrival, time) = (access.arrival_us(), access.request_time_us.get().unwrap_or(0).max(0));
        if arrival < from {
            continue;
        }
        buckets.entry(arrival.div_euclid(BUCKET_US)).or_default().push((time, arrival));
        if access.end_us < incident.start_us - 2 * BUCKET_US {
            quiet.push(time);
        }
    }
    let mut p90s: Vec<(i64, f64)> = Vec::with_capacity(buckets.len());
    for (bucket, requests) in &buckets {
        let mut times: Vec<i64> = requests.iter().map(|(time, _)| *time).collect();
        p90s.push((*bucket, quantile_of(&mut times, 0.9)?.max(1000) as f64));
    }
    p90s.sort_by_key(|(bucket, _)| *bucket);
    let has_baseline = incident.start_us - from >= BASELINE_US && quiet.len() >= BASELINE_REQUESTS;
    let quiet_p90s =
        p90s.iter().filter(|(bucket, _)| (bucket + 1) * BUCKET_US < incident.start_us - 2 * BUCKET_US);
    let baseline_us = median(quiet_p90s.map(|(_, p90)| *p90).collect()).filter(|_| has_baseline);
    let limit_us = baseline_us.map_or(ABSOLUTE_US, |baseline| RISE * baseline);
    let logs: Vec<f64> = p90s.iter().map(|(_, p90)| p90.ln()).collect();
    let starts = pelt::split(&logs, penalty(&logs), SHORTEST_PIECE);
    let ends = starts.iter().skip(1).copied().chain([p90s.len().min(pelt::LONGEST)]);
    let mut onset: Option<usize> = None;
    for (start, end) in starts.iter().copied().zip(ends) {
        let piece = p90s.get(start..end)?;
        let slow = median(piece.iter().map(|(_, p90)| *p90).collect()).is_some_and(|p90| p90 > limit_us);
        let last_us = piece.last().map_or(i64::MIN, |(bucket, _)| (bucket + 1) * BUCKET_US);
        if slow {
            onset = onset.or(Some(start));
            // What went on into the incident is its onset; what was over before is not.
            if last_us >= incident.start_us {
                break;
            }
        } else {
            onset = None;
        }
    }
    let (bucket, _) = p90s.get(onset?)?;
    // The first request that had by then lasted longer than the limit.
    let first_slow = buckets
        .iter()
        .filter(|(later, _)| *later >= bucket)
        .flat_map(|(_, requests)| requests)
        .filter(|(time, _)| *time as f64 > limit_us)
        .map(|(_, arrival)| *arrival)
        .min()?;
    Some(Rise {
        from_us: bucket * BUCKET_US,
        to_us: (first_slow + limit_us as i64).max(bucket * BUCKET_US),
        from_the_start: onset == Some(0),
        limit_us,
        baseline_us,
    })
}

/// `3 s² ln n` with s from the median deviation of the first differences; never less than a tenth.
fn penalty(logs: &[f64]) -> f64 {
    let steps = logs.iter().zip(logs.iter().skip(1)).map(|(a, b)| b - a).collect::<Vec<_>>();
    let middle = median(steps.clone()).unwrap_or(0.0);
    let off = median(steps.iter().map(|step| (step - middle).abs()).collect()).unwrap_or(0.0);
    let s = (1.4826 * off / std::f64::consts::SQRT_2).max(0.1);
    3.0 * s * s * (logs.len().max(2) as f64).ln()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The samples of the input that has most of them in the incident, and their neighbours outside.
fn series<'e>(host: &'e [Host], incident: &Found) -> Vec<&'e Host> {
    let first = host.partition_point(|sample| sample.us < incident.start_us - BEFORE_US);
    let past = host.partition_point(|sample| sample.us <= incident.end_us + BEFORE_US);
    let near = host.get(first..past.max(first)).unwrap_or_default();
    let mut inside: BTreeMap<u32, usize> = BTreeMap::new();
    let usable = || near.iter().filter(|sample| sample.figures.cpu_busy_percent.is_some());
    for sample in usable() {
        let within = (incident.start_us..=incident.end_us).contains(&sample.us);
        *inside.entry(sample.input).or_insert(0) += usize::from(within);
    }
    let best = inside.iter().max_by_key(|(input, count)| (**count, std::cmp::Reverse(**input)));
    usable().filter(|sample| best.is_some_and(|(input, _)| *input == sample.input)).collect()
}

/// Median of the busy percentage inside the incident, and before it.
#[must_use]
pub fn processor_medians(host: &[Host], incident: &Found) -> (Option<f64>, Option<f64>) {
    let samples = series(host, incident);
    let over = |wanted: &dyn Fn(&Host) -> bool| {
        let wanted = samples.iter().filter(|sample| wanted(sample));
        median(wanted.filter_map(|sample| sample.figures.cpu_busy_percent).collect())
    };
    let stretch = [(incident.start_us, incident.end_us)];
    let inside = over(&|sample| sample.speaks_for(&stretch));
    (inside, over(&|sample| sample.us < incident.start_us - 2 * BUCKET_US))
}

fn step_us(samples: &[&Host]) -> Option<i64> {
    let mut steps: Vec<i64> = samples
        .iter()
        .zip(samples.iter().skip(1))
        .map(|(a, b)| b.us - a.us)
        .filter(|step| *step > 0)
        .collect();
    steps.sort_unstable();
    quantile(&steps, 0.5)
}

/// The share of the incident that samples cover; a sample covers the time since the one before it.
fn coverage(samples: &[&Host], incident: &Found) -> f64 {
    let longest = step_us(samples).unwrap_or(0).saturating_mul(2);
    let covered: i64 = samples
        .iter()
        .zip(samples.iter().skip(1))
        .filter(|(a, b)| b.us - a.us <= longest)
        .map(|(a, b)| (b.us.min(incident.end_us) - a.us.max(incident.start_us)).max(0))
        .sum();
    covered as f64 / (incident.end_us - incident.start_us).max(1) as f64
}

/// The first of two saturated samples in a row in the span: after, by, and the sample.
fn saturation<'e>(samples: &[&'e Host], from: i64, to: i64) -> Option<(Option<i64>, i64, &'e Host)> {
    let busy =
        |sample: &Host| sample.figures.cpu_busy_percent.is_some_and(|percent| percent >= SATURATED_PERCENT);
    let mut run = 0usize;
    for (at, sample) in samples.iter().enumerate() {
        run = if busy(sample) { run + 1 } else { 0 };
        if run >= 2 && sample.us >= from {
            let first = at + 1 - run;
            let started = samples.get(first)?;
            let before = first.checked_sub(1).and_then(|before| samples.get(before)).map(|sample| sample.us);
            return (started.us <= to).then_some((before, started.us, *started));
        }
    }
    None
}
