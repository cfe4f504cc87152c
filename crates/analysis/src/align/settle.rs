//! One group of inputs after the other: find its offset, undo it, say so.

use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::{SECOND_US, Zone};

use super::estimate::{Estimate, estimate};
use super::kind::{self, Kind};
use super::ordering::{Ordering, Tie};
use super::zone::{self, QUARTER_US};
use super::{Group, seconds, shift_input};
use crate::assemble::source_name;
use crate::read::Input;
use crate::report::Clock;

/// Records that coincide are up to this far apart by nature (methods.md, 2.3: a lost connection follows its kill within
/// 0.2 s): a smaller offset is no fault of a clock.
const BY_NATURE_US: i64 = SECOND_US / 4;
/// An offset this near to a quarter of an hour is a wrong zone, µs (methods.md, 2.1).
const NEAR_QUARTER_US: i64 = 5 * SECOND_US;

pub fn settle(
    inputs: &mut [Input],
    groups: &[Group],
    window: Option<(i64, i64)>,
    notes: &mut Vec<String>,
) -> (Vec<Clock>, Ordering) {
    let first_host = reference(inputs, groups);
    let mut settling = Settling {
        reference: first_host,
        host_zone_s: named_zone(inputs, groups, Source::Host),
        access_zone_s: named_zone(inputs, groups, Source::NginxAccess),
        window,
        nginx: None,
        host: None,
        clocks: Vec::new(),
        ordering: Ordering::default(),
        unproven: Vec::new(),
    };
    let further = |number: usize, group: &Group| group.source == Source::Odoo && first_host != Some(number);
    // Further Odoo hosts are compared with the first through nginx.
    for last in [false, true] {
        for (number, group) in
            groups.iter().enumerate().filter(|(number, group)| further(*number, group) == last)
        {
            settling.settle(inputs, groups, number, group, notes);
        }
    }
    if !settling.unproven.is_empty() {
        notes.push(format!(
            "No record of {} is provably one event with a record of another source: times there are as the stamps \
             say, and nothing is concluded from their order against other sources.",
            settling.unproven.join(", ")
        ));
    }
    (settling.clocks, settling.ordering)
}

/// The Odoo log that the others are compared with: of several hosts the one with the most requests.
fn reference(inputs: &[Input], groups: &[Group]) -> Option<usize> {
    let size = |group: &Group| {
        let events =
            group.inputs.iter().filter_map(|index| inputs.get(*index)).map(|input| &input.partial.events);
        events
            .map(|events| (events.served.len(), events.odoo.len()))
            .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    };
    let odoo = groups.iter().enumerate().filter(|(_, group)| group.source == Source::Odoo);
    odoo.max_by_key(|(number, group)| (size(group), std::cmp::Reverse(*number))).map(|(number, _)| number)
}

/// The zone that the stamps of a source name, seconds east of UTC.
fn named_zone(inputs: &[Input], groups: &[Group], source: Source) -> Option<i64> {
    let of_source = groups.iter().filter(|group| group.source == source && !group.zoneless);
    of_source.into_iter().find_map(|group| stated_zone(inputs, group))
}

struct Settling {
    reference: Option<usize>,
    host_zone_s: Option<i64>,
    access_zone_s: Option<i64>,
    window: Option<(i64, i64)>,
    /// What was found for nginx's access log: the same process writes the error log.
    nginx: Option<Found>,
    /// What was found for the kernel's log: the host's other tools read the same clock.
    host: Option<Found>,
    clocks: Vec<Clock>,
    ordering: Ordering,
    unproven: Vec<&'static str>,
}

/// An offset and what proves it.
#[derive(Clone, Copy)]
struct Found {
    estimate: Estimate,
    basis: &'static str,
    anchor: Source,
    /// Of the whole chain, µs.
    uncertainty_us: i64,
}

impl Settling {
    fn settle(
        &mut self,
        inputs: &mut [Input],
        groups: &[Group],
        number: usize,
        group: &Group,
        notes: &mut Vec<String>,
    ) {
        if self.reference == Some(number) {
            self.ordering.add(Tie { source: Source::Odoo, anchor: Source::Odoo, uncertainty_us: 0 });
            self.clocks.push(Clock {
                source: source_name(Source::Odoo).to_owned(),
                offset_s: Some(0.0),
                uncertainty_s: Some(0.0),
                zone_s: Some(0),
                basis: "the reference; Odoo writes UTC".to_owned(),
                pairs: 0,
            });
            return;
        }
        if group.source == Source::NginxError
            && group.zoneless
            && self.with_access_log(inputs, groups, group, notes)
        {
            return;
        }
        let shared = self.host.filter(|_| group.source == Source::Host && !group.zoneless);
        let found = self.by_pairs(inputs, groups, group).or(shared);
        let Some(found) = found else {
            self.unproven(inputs, group, notes);
            return;
        };
        let zone_us = if group.zoneless { quarter(found.estimate.offset_us) } else { 0 };
        self.correct(inputs, group, found.estimate, zone_us, notes);
        let zone_s = if group.zoneless { Some(zone_us / SECOND_US) } else { stated_zone(inputs, group) };
        let offset_us = found.estimate.offset_us - zone_us;
        self.report(inputs, group, Some((offset_us, found)), zone_s, found.basis.to_owned());
        let without_zone = Estimate { offset_us, ..found.estimate };
        match group.source {
            Source::NginxAccess => self.nginx = Some(Found { estimate: without_zone, ..found }),
            Source::Host => {
                self.host = Some(Found { estimate: without_zone, basis: "the kernel's log", ..found })
            }
            _ => {}
        }
    }

    /// By the first kind of pair that yields an offset.
    fn by_pairs(&self, inputs: &[Input], groups: &[Group], group: &Group) -> Option<Found> {
        let of_group = members(inputs, group);
        kind::ALL.iter().filter(|kind| kind.source == group.source).find_map(|kind| {
            let reference = self.references(inputs, groups, kind);
            // What has no counterpart is not looked at.
            if reference.is_empty() {
                return None;
            }
            let resolution_us = reference
                .iter()
                .chain(&of_group)
                .filter_map(|input| input.partial.resolution_us)
                .max()
                .unwrap_or(SECOND_US)
                .max(kind.blur_us);
            let estimate = estimate(&(kind.pairs)(&reference, &of_group), resolution_us)?;
            let (anchor, further_us) = self.ordering.anchor(kind.reference).unwrap_or((kind.reference, 0));
            let uncertainty_us = estimate.uncertainty_us.saturating_add(further_us);
            Some(Found { estimate, basis: kind.basis, anchor, uncertainty_us })
        })
    }

    fn references<'i>(&self, inputs: &'i [Input], groups: &[Group], kind: &Kind) -> Vec<&'i Input> {
        groups
            .iter()
            .enumerate()
            .filter(|(number, group)| match kind.reference {
                Source::Odoo => self.reference == Some(*number),
                source => group.source == source,
            })
            .flat_map(|(_, group)| members(inputs, group))
            .collect()
    }

    /// An error log beside the access log of the same nginx: one process, one zone, one clock. True if it was settled.
    fn with_access_log(
        &mut self,
        inputs: &mut [Input],
        groups: &[Group],
        group: &Group,
        notes: &mut Vec<String>,
    ) -> bool {
        let corrected = |found: &Found| significant(&found.estimate, 0);
        let skew = self.nginx.filter(corrected).map(|found| found.estimate);
        let everything = || group.inputs.iter().chain(&group.copies);
        let found: Vec<Option<zone::Found>> = {
            let access: Vec<&Input> = groups
                .iter()
                .filter(|group| group.source == Source::NginxAccess)
                .flat_map(|group| members(inputs, group))
                .collect();
            let ahead_us = skew.map_or(0, |estimate| estimate.offset_us);
            everything().map(|index| zone::find(inputs.get(*index)?, &access, ahead_us)).collect()
        };
        // A rotated part without failures is in the zone of the others.
        let Some(some) = found.iter().flatten().max_by_key(|found| found.pairs).copied() else {
            return false;
        };
        for (index, of_input) in everything().zip(&found) {
            let Some(input) = inputs.get_mut(*index) else { continue };
            let zone = of_input.unwrap_or(zone::Found { change: None, ..some });
            if zone.change.is_some() {
                notes.push(format!("{}: its zone changes inside the file; undone.", input.label));
            }
            shift_input(input, |line, us| {
                let zone_s = match zone.change {
                    Some((from, later_s)) if line >= from => later_s,
                    _ => zone.zone_s,
                };
                let zone_us = zone_s * SECOND_US;
                let rest = skew.map_or(0, |skew| whole_seconds(skew.at(us.saturating_sub(zone_us))));
                -(zone_us + rest)
            });
        }
        if group.inputs.is_empty() {
            return true;
        }
        let pairs = found.iter().flatten().map(|found| found.pairs).sum();
        let basis = "the same failed requests in both logs of nginx";
        let (anchor, further_us) =
            self.ordering.anchor(Source::NginxAccess).unwrap_or((Source::NginxAccess, 0));
        let uncertainty_us = further_us.max(SECOND_US);
        let offset_us = self.nginx.map(|nginx| nginx.estimate.offset_us);
        let estimate = Estimate { offset_us: offset_us.unwrap_or(0), uncertainty_us, pairs, drift: None };
        let whole = Found { estimate, basis, anchor, uncertainty_us };
        self.ordering.add(Tie { source: group.source, anchor, uncertainty_us });
        self.push_clock(inputs, group, offset_us, whole, Some(some.zone_s), basis.to_owned());
        true
    }

    /// No pair: a log without zone is put where it fits best, and nothing is claimed.
    fn unproven(&mut self, inputs: &mut [Input], group: &Group, notes: &mut Vec<String>) {
        let (zone_s, basis) = if !group.zoneless {
            (stated_zone(inputs, group), "no record to compare; taken as its stamps say")
        } else if let (Source::NginxError, Some(zone_s)) = (group.source, self.access_zone_s) {
            (Some(zone_s), "no record to compare; in the zone of the access log, which the same nginx writes")
        } else {
            let zone_s = self.best_overlap(inputs, group);
            (zone_s, "no record to compare; in the zone in which it best overlaps the other sources")
        };
        if group.zoneless {
            let skew = self.nginx.filter(|found| significant(&found.estimate, 0));
            let skew_us = match (group.source, skew) {
                (Source::NginxError, Some(found)) => whole_seconds(found.estimate.offset_us),
                _ => 0,
            };
            for index in group.inputs.iter().chain(&group.copies) {
                let Some(input) = inputs.get_mut(*index) else { continue };
                if zone_s.is_none() {
                    notes.push(format!(
                        "{}: its stamps carry no zone and nothing tells it; taken as UTC.",
                        input.label
                    ));
                }
                shift_input(input, |_, _| -(zone_s.unwrap_or(0) * SECOND_US + skew_us));
            }
        }
        self.report(inputs, group, None, zone_s, basis.to_owned());
    }

    /// Of the zones that the bundle names, the one that lets the group overlap the window most; of all zones, if none
    /// of those does.
    fn best_overlap(&self, inputs: &[Input], group: &Group) -> Option<i64> {
        let (from, to) = self.window?;
        let spans = members(inputs, group).into_iter().filter_map(|input| input.partial.span);
        let span = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let overlap = |zone_s: i64| {
            let (a, b) = (span.0 - zone_s * SECOND_US, span.1 - zone_s * SECOND_US);
            (b.min(to) - a.max(from)).max(-1)
        };
        let named = [self.host_zone_s, self.access_zone_s, Some(0)];
        let mut all: Vec<i64> = named.into_iter().flatten().collect();
        if all.iter().all(|zone_s| overlap(*zone_s) < 0) {
            all.extend((-48..=56).map(|quarter| quarter * 900));
        }
        // The first of equals wins: max_by_key takes the last, so go backwards.
        all.iter().rev().copied().max_by_key(|zone_s| overlap(*zone_s))
    }

    fn correct(
        &self,
        inputs: &mut [Input],
        group: &Group,
        estimate: Estimate,
        zone_us: i64,
        notes: &mut Vec<String>,
    ) {
        let faulty = significant(&estimate, zone_us);
        for index in group.inputs.iter().chain(&group.copies) {
            let Some(input) = inputs.get_mut(*index) else { continue };
            let coarse = input.partial.resolution_us.is_some_and(|resolution_us| resolution_us >= SECOND_US);
            shift_input(input, |_, us| {
                let rest = if faulty { estimate.at(us) - zone_us } else { 0 };
                // Stamps of whole seconds stay whole.
                -(zone_us + if coarse { whole_seconds(rest) } else { rest })
            });
        }
        if !faulty {
            return;
        }
        let source = match (group.source, members(inputs, group).first()) {
            (Source::Odoo, Some(input)) => input.label.as_str(),
            (source, _) => source_name(source),
        };
        let offset_us = estimate.offset_us - zone_us;
        let hours = quarter(offset_us);
        let drift = estimate.drift.map_or_else(String::new, |drift| {
            format!(" and drifts by {:+.0} ppm ({:+.2} s in an hour)", drift.rate * 1e6, drift.rate * 3600.0)
        });
        notes.push(if !group.zoneless && hours != 0 && (offset_us - hours).abs() <= NEAR_QUARTER_US {
            format!(
                "{source}: its stamps name a wrong zone; they are {:+} min off, by {} pairs of records{drift}. Corrected.",
                hours / (60 * SECOND_US),
                estimate.pairs,
            )
        } else {
            format!(
                "The clock of {source} differs from Odoo's by {:+.1} s, by {} pairs of records{drift}. Its times are corrected.",
                seconds(offset_us),
                estimate.pairs,
            )
        });
    }

    fn report(
        &mut self,
        inputs: &[Input],
        group: &Group,
        found: Option<(i64, Found)>,
        zone_s: Option<i64>,
        basis: String,
    ) {
        let source = group.source;
        if group.inputs.is_empty() {
            return;
        }
        match found {
            Some((offset_us, found)) => {
                self.ordering.add(Tie { source, anchor: found.anchor, uncertainty_us: found.uncertainty_us });
                let against_odoo = (found.anchor == Source::Odoo).then_some(offset_us);
                self.push_clock(inputs, group, against_odoo, found, zone_s, basis);
            }
            None => {
                // A source that nothing is compared with is its own anchor, each part of it for itself.
                self.ordering.add(Tie { source, anchor: source, uncertainty_us: 0 });
                let name = source_name(source);
                if !self.unproven.contains(&name) {
                    self.unproven.push(name);
                }
                self.clocks.push(Clock {
                    source: name.to_owned(),
                    offset_s: None,
                    uncertainty_s: None,
                    zone_s,
                    basis: labelled(inputs, group, basis),
                    pairs: 0,
                });
            }
        }
    }

    fn push_clock(
        &mut self,
        inputs: &[Input],
        group: &Group,
        offset_us: Option<i64>,
        found: Found,
        zone_s: Option<i64>,
        basis: String,
    ) {
        let drift = found.estimate.drift;
        let drift =
            drift.map_or_else(String::new, |drift| format!("; drifts by {:+.1} ppm", drift.rate * 1e6));
        let whose = match (offset_us, found.anchor) {
            (None, anchor) => format!("; not comparable with Odoo, only with {}", source_name(anchor)),
            _ => String::new(),
        };
        self.clocks.push(Clock {
            source: source_name(group.source).to_owned(),
            offset_s: offset_us.map(seconds),
            uncertainty_s: offset_us.map(|_| seconds(found.uncertainty_us)),
            zone_s,
            basis: labelled(inputs, group, format!("{basis}{whose}{drift}")),
            pairs: found.estimate.pairs,
        });
    }
}

/// Which of several groups of one source.
fn labelled(inputs: &[Input], group: &Group, basis: String) -> String {
    let stamped = |input: &&Input| input.source == Some(group.source) && input.partial.zone.is_some();
    let several = inputs.iter().filter(stamped).count() > group.inputs.len() + group.copies.len();
    match members(inputs, group).first() {
        Some(input) if several => format!("{}: {basis}", input.label),
        _ => basis,
    }
}

fn members<'i>(inputs: &'i [Input], group: &Group) -> Vec<&'i Input> {
    group.inputs.iter().filter_map(|index| inputs.get(*index)).collect()
}

fn stated_zone(inputs: &[Input], group: &Group) -> Option<i64> {
    members(inputs, group).iter().find_map(|input| match input.partial.zone? {
        Zone::Offset(zone_s) => Some(i64::from(zone_s)),
        Zone::Utc => Some(0),
        _ => None,
    })
}

/// A fault of the clock rather than the nature of the pairs.
fn significant(estimate: &Estimate, zone_us: i64) -> bool {
    let rest_us = (estimate.offset_us - zone_us).abs();
    rest_us > estimate.uncertainty_us.max(BY_NATURE_US) || estimate.drift.is_some()
}

/// The nearest multiple of a quarter of an hour, µs.
fn quarter(us: i64) -> i64 {
    (us + QUARTER_US / 2).div_euclid(QUARTER_US) * QUARTER_US
}

/// The nearest whole second, µs.
fn whole_seconds(us: i64) -> i64 {
    (us + SECOND_US / 2).div_euclid(SECOND_US) * SECOND_US
}
