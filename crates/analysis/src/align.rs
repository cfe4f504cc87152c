//! Bringing every source to UTC on one clock.
//!
//! Stamps with a zone are UTC already. A source without one is shifted by the offset at which its records fall together
//! with records that must coincide with them; where no such pair exists the assumption is named.

use rustc_hash::{FxHashMap, FxHashSet};
use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::{SECOND_US, Zone};

use crate::events::Events;
use crate::read::Input;
use crate::report::Clock;

/// Zones are multiples of a quarter of an hour.
const QUARTER_US: i64 = 900 * SECOND_US;

/// Shifts the inputs in place; the result says what was done.
pub fn align(inputs: &mut [Input], notes: &mut Vec<String>) -> Vec<Clock> {
    let mut clocks = Vec::new();
    let access_zone = inputs.iter().find_map(|input| match (input.source, input.partial.zone) {
        (Some(Source::NginxAccess), Some(Zone::Offset(offset))) => Some(i64::from(offset)),
        _ => None,
    });
    let host_zone = inputs.iter().find_map(|input| match (input.source, input.partial.zone) {
        (Some(Source::Host), Some(Zone::Offset(offset))) => Some(i64::from(offset)),
        (Some(Source::Host), Some(Zone::Utc)) => Some(0),
        _ => None,
    });
    let failures = failure_index(inputs);
    let window = utc_window(inputs);
    let mut nginx_pairs = None;
    for input in inputs.iter_mut() {
        let Some(zone) = input.partial.zone else { continue };
        if !matches!(zone, Zone::Local | Zone::LocalWithoutYear) {
            continue;
        }
        if zone == Zone::LocalWithoutYear {
            add_year(input, window);
        }
        let (found, basis, pairs) = match input.source {
            Some(Source::NginxError) => match by_failures(&input.partial.events, &failures) {
                Some((zone_s, pairs)) => {
                    (Some(zone_s), "same failing path and second as the access log", pairs)
                }
                None => (access_zone, "zone of the access log, no pair to prove it", 0),
            },
            _ => {
                let candidates = [host_zone, access_zone, Some(0)];
                (
                    by_overlap(input, window, &candidates),
                    "best overlap with the other sources, no pair to prove it",
                    0,
                )
            }
        };
        let Some(zone_s) = found else {
            notes.push(format!(
                "{}: its stamps carry no zone and nothing tells it; taken as UTC.",
                input.label
            ));
            continue;
        };
        shift(input, -zone_s * SECOND_US);
        if input.source == Some(Source::NginxError) {
            nginx_pairs = Some((zone_s, basis, pairs));
        }
    }
    let skew = nginx_skew(inputs);
    if let Some((offset_us, spread_us, pairs)) = skew {
        clocks.push(Clock {
            source: "nginx_access".to_owned(),
            offset_s: Some(seconds(offset_us)),
            uncertainty_s: Some(seconds(spread_us)),
            zone_s: access_zone,
            basis: "end of the same request at nginx and at the worker".to_owned(),
            pairs,
        });
        if offset_us.abs() > 1_500_000 {
            notes.push(format!(
                "The clock of nginx differs from Odoo's by {:.1} s; its times are corrected.",
                seconds(offset_us)
            ));
            for input in inputs
                .iter_mut()
                .filter(|input| matches!(input.source, Some(Source::NginxAccess | Source::NginxError)))
            {
                shift(input, -offset_us);
            }
        }
    } else if inputs.iter().any(|input| input.source == Some(Source::NginxAccess)) {
        clocks.push(Clock {
            source: "nginx_access".to_owned(),
            offset_s: None,
            uncertainty_s: None,
            zone_s: access_zone,
            basis: "no request is seen by both nginx and a worker".to_owned(),
            pairs: 0,
        });
    }
    if let Some((zone_s, basis, pairs)) = nginx_pairs {
        clocks.push(Clock {
            source: "nginx_error".to_owned(),
            offset_s: skew.map(|(offset_us, _, _)| seconds(offset_us)),
            uncertainty_s: Some(1.0),
            zone_s: Some(zone_s),
            basis: basis.to_owned(),
            pairs,
        });
    }
    clocks
}

fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

fn shift(input: &mut Input, shift_us: i64) {
    input.partial.events.shift(shift_us);
    input.partial.span = input.partial.span.map(|(a, b)| (a + shift_us, b + shift_us));
}

/// The span of everything whose zone is known.
fn utc_window(inputs: &[Input]) -> Option<(i64, i64)> {
    inputs
        .iter()
        .filter(|input| matches!(input.partial.zone, Some(Zone::Utc | Zone::Offset(_))))
        .filter_map(|input| input.partial.span)
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// Puts stamps without a year (1972) into the year that brings them nearest to the window.
fn add_year(input: &mut Input, window: Option<(i64, i64)>) {
    let (Some((from, to)), Some(span)) = (window, input.partial.span) else { return };
    let middle = from.midpoint(to);
    let base = stormtrace_logs::timestamp::civil_us(1972, 1, 1, 0, 0, 0).unwrap_or(0);
    let best = (1990..=2100)
        .filter_map(|year| stormtrace_logs::timestamp::civil_us(year, 1, 1, 0, 0, 0))
        .map(|start| {
            // 1972 is a leap year: in other years days after February come out one late.
            let day = 86_400 * SECOND_US;
            let after_february = span.0 - base >= 60 * day;
            let leap = {
                let length = chrono::DateTime::from_timestamp_micros(start)
                    .map_or(2001, |time| chrono::Datelike::year(&time));
                length % 4 == 0 && (length % 100 != 0 || length % 400 == 0)
            };
            start - base - if after_february && !leap { day } else { 0 }
        })
        .min_by_key(|shift| (span.0 + shift - middle).abs());
    if let Some(year_shift) = best {
        shift(input, year_shift);
    }
}

/// Requests that failed, by path: ends in seconds.
fn failure_index(inputs: &[Input]) -> FxHashMap<String, FxHashSet<i64>> {
    let mut index: FxHashMap<String, FxHashSet<i64>> = FxHashMap::default();
    for input in inputs {
        let events = &input.partial.events;
        for access in events.access.iter().filter(|access| access.failed() || access.status == 499) {
            let ends = index.entry(events.texts.get(access.path).to_owned()).or_default();
            ends.insert(access.end_us.div_euclid(SECOND_US));
        }
    }
    index
}

/// The zone at which most upstream failures meet a failed request.
fn by_failures(events: &Events, failures: &FxHashMap<String, FxHashSet<i64>>) -> Option<(i64, u64)> {
    let errors: Vec<(&FxHashSet<i64>, i64)> = events
        .nginx
        .iter()
        .filter(|error| error.failure.is_some())
        .filter_map(|error| {
            Some((failures.get(events.texts.get(error.path))?, error.us.div_euclid(SECOND_US)))
        })
        .take(2000)
        .collect();
    let count = |zone_s: i64| {
        let met = errors
            .iter()
            .filter(|(ends, at)| (-2..=2).any(|step| ends.contains(&(at - zone_s + step))))
            .count();
        met as u64
    };
    let mut scored: Vec<(u64, i64)> =
        (-56..=56).map(|quarter| (count(quarter * QUARTER_US / SECOND_US), quarter * 900)).collect();
    scored.sort_by_key(|(met, zone_s)| (std::cmp::Reverse(*met), zone_s.abs(), *zone_s));
    let (best, second) = (scored.first()?, scored.get(1)?);
    (best.0 >= 1 && best.0 >= 2 * second.0).then_some((best.1, best.0))
}

/// Of the candidate zones, the one that lets the input overlap the window most.
fn by_overlap(input: &Input, window: Option<(i64, i64)>, candidates: &[Option<i64>]) -> Option<i64> {
    let (from, to) = window?;
    let span = input.partial.span?;
    let overlap = |zone_s: i64| {
        let (a, b) = (span.0 - zone_s * SECOND_US, span.1 - zone_s * SECOND_US);
        (b.min(to) - a.max(from)).max(-1)
    };
    let mut all: Vec<i64> = candidates.iter().flatten().copied().collect();
    if all.iter().all(|zone_s| overlap(*zone_s) < 0) {
        all.extend((-56..=56).map(|quarter| quarter * 900));
    }
    // The first of equals wins: max_by_key takes the last, so go backwards.
    all.iter().rev().copied().max_by_key(|zone_s| overlap(*zone_s))
}

/// nginx's clock minus Odoo's, its spread and the number of pairs: the commonest difference between the end of a
/// request at nginx and at a worker.
fn nginx_skew(inputs: &[Input]) -> Option<(i64, i64, u64)> {
    const REACH_US: i64 = 1800 * SECOND_US;
    const MOST: usize = 4000;
    let mut served: FxHashMap<(&str, &str, u16), Vec<i64>> = FxHashMap::default();
    for input in inputs {
        let texts = &input.partial.events.texts;
        for request in input.partial.events.served.iter().filter(|request| !request.evented) {
            served
                .entry((texts.get(request.method), texts.get(request.path), request.status))
                .or_default()
                .push(request.end_us);
        }
    }
    served.values_mut().for_each(|ends| ends.sort_unstable());
    let mut bins: FxHashMap<i64, Vec<i64>> = FxHashMap::default();
    let mut used = 0;
    for input in inputs {
        let texts = &input.partial.events.texts;
        for access in &input.partial.events.access {
            let key = (texts.get(access.method), texts.get(access.path), access.status);
            let Some(ends) = served.get(&key) else { continue };
            let start = ends.partition_point(|end| *end < access.end_us - REACH_US);
            // Only rare requests tell something: a polled path pairs with everything.
            if ends
                .get(start..)
                .unwrap_or_default()
                .iter()
                .take_while(|end| **end <= access.end_us + REACH_US)
                .count()
                > 40
            {
                continue;
            }
            for end in ends
                .get(start..)
                .unwrap_or_default()
                .iter()
                .take_while(|end| **end <= access.end_us + REACH_US)
            {
                let difference = access.end_us - end;
                bins.entry(difference.div_euclid(SECOND_US)).or_default().push(difference);
            }
            used += 1;
            if used >= MOST {
                break;
            }
        }
    }
    // Neighbouring bins belong together: a true offset of 0.0 s falls on an edge.
    let weight = |bin: i64| bins.get(&bin).map_or(0, Vec::len) + bins.get(&(bin + 1)).map_or(0, Vec::len);
    let mut keys: Vec<i64> = bins.keys().copied().flat_map(|bin| [bin - 1, bin]).collect();
    keys.sort_unstable();
    keys.dedup();
    let best = *keys.iter().min_by_key(|bin| (std::cmp::Reverse(weight(**bin)), bin.abs(), **bin))?;
    let second =
        keys.iter().filter(|bin| (**bin - best).abs() > 5).map(|bin| weight(*bin)).max().unwrap_or(0);
    if weight(best) < 3 || weight(best) < 2 * second {
        return None;
    }
    let mut close: Vec<i64> =
        [best, best + 1].iter().filter_map(|bin| bins.get(bin)).flatten().copied().collect();
    close.sort_unstable();
    let median = *close.get(close.len() / 2)?;
    let mut deviations: Vec<i64> = close.iter().map(|difference| (difference - median).abs()).collect();
    deviations.sort_unstable();
    let spread = deviations.get(deviations.len() / 2).copied().unwrap_or(0) * 3 / 2;
    Some((median, spread, close.len() as u64))
}
