//! Bringing every source to UTC on one clock, Odoo's.
//!
//! What a source's stamps say of their zone is undone when they are read. What is left (a zone that is not named or is
//! wrong, a clock that is off or drifts) is found from records that are one event seen by two sources. Where no such
//! pair exists the source is left where its stamps put it, the report says so, and [`Ordering`] knows that the order of
//! events across it proves nothing.

use std::collections::BTreeMap;

use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::{SECOND_US, Zone};

use crate::copies::Standing;
use crate::read::Input;
use crate::report::Clock;

mod calendar;
mod estimate;
pub(crate) mod failures;
mod kills;
mod kind;
mod ordering;
mod pair;
mod requests;
mod settle;
mod statements;
mod told;
mod zone;

pub use ordering::Ordering;
pub use told::{ToldZone, Zones};

/// Inputs whose stamps come from one clock and say their zone in the same way.
#[derive(Debug, Clone)]
struct Group {
    source: Source,
    /// No zone in the stamps.
    zoneless: bool,
    inputs: Vec<usize>,
    /// Inputs that hold nothing of their own; their times are moved all the same.
    copies: Vec<usize>,
}

/// Moves the inputs' times in place; says what was done, and what may be concluded from the order of events.
pub fn align(
    inputs: &mut [Input],
    standings: &[Standing],
    zones: &Zones,
    notes: &mut Vec<String>,
) -> (Vec<Clock>, Ordering) {
    let window = stated_window(inputs);
    let dated = window.or_else(|| dated_window(inputs));
    for input in inputs.iter_mut() {
        notes.extend(calendar::add_years(input, dated));
        notes.extend(calendar::add_dates(input, dated));
        notes.extend(told::undo(input, zones));
        let changes = calendar::undo_daylight_changes(input, window);
        if changes > 0 {
            notes.push(format!(
                "{}: its clock changes to or from summer time inside the file; undone.",
                input.label
            ));
        }
    }
    let undated: Vec<&str> =
        inputs.iter().filter(|input| input.partial.undated > 0).map(|input| input.label.as_str()).collect();
    if !undated.is_empty() {
        notes.push(format!(
            "Host samples without a time are not used: {}. Capture with one: vmstat -t, iostat -t, date in a loop.",
            undated.join(", ")
        ));
    }
    let groups = groups(inputs, standings);
    settle::settle(inputs, &groups, window, notes)
}

/// In the order in which they are settled: each after the sources that it may be compared with.
fn groups(inputs: &[Input], standings: &[Standing]) -> Vec<Group> {
    let mut groups: BTreeMap<(Source, bool, u32, bool, &str), Group> = BTreeMap::new();
    for (index, (input, standing)) in inputs.iter().zip(standings).enumerate() {
        let (Some(source), Some(zone)) = (input.source, input.partial.zone) else { continue };
        let zoneless = zone.is_local();
        // The tools on a host have one clock and print it each in its own way; the kernel's log goes first, since it
        // alone has records that others share.
        let (sampler, format) = match source {
            Source::Host => (input.partial.events.kernel.is_empty(), input.format.as_str()),
            _ => (false, ""),
        };
        let group = groups
            .entry((source, sampler, standing.stream, zoneless, format))
            .or_insert_with(|| Group { source, zoneless, inputs: Vec::new(), copies: Vec::new() });
        match standing.duplicate_of {
            None => group.inputs.push(index),
            Some(_) => group.copies.push(index),
        }
    }
    groups.into_values().collect()
}

/// The span of everything whose zone is stated, µs.
fn stated_window(inputs: &[Input]) -> Option<(i64, i64)> {
    inputs
        .iter()
        .filter(|input| matches!(input.partial.zone, Some(Zone::Utc | Zone::Offset(_))))
        // Tools that name their zone only now and then may themselves be an hour off.
        .filter(|input| input.source != Some(Source::Host))
        .filter_map(|input| input.partial.span)
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The window of the inputs that name a date, in whatever zone: enough to tell the year.
fn dated_window(inputs: &[Input]) -> Option<(i64, i64)> {
    let dated = inputs.iter().filter(|input| {
        !matches!(input.partial.zone, None | Some(Zone::LocalWithoutYear | Zone::LocalWithoutDate))
    });
    dated.filter_map(|input| input.partial.span).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// Moves every time of an input by what `shift` says for its line and time, µs.
fn shift_input(input: &mut Input, shift: impl Fn(u64, i64) -> i64) {
    input.partial.events.shift(&shift);
    input.partial.presence.shift(&shift);
    let stretches = input.partial.stretches.shift(&shift);
    input.partial.span = stretches.or(input.partial.span);
}

fn seconds(us: i64) -> f64 {
    us as f64 / SECOND_US as f64
}

#[cfg(test)]
mod tests;
