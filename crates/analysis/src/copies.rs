//! The same stream captured several times is counted once.
//!
//! Copies are found by content: the same Odoo header, the same request end, path and status. Of a record that several
//! copies hold, the richest copy's is kept; what only a poorer copy holds (it reaches further back, the other was cut)
//! is added. Parts of a rotated log that overlap (`copytruncate` copies while the program writes) are told by their
//! seam: the end of one is the beginning of the other, record by record.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use stormtrace_logs::format::Source;

use crate::contents::{Content, Contents, Digest, is_fine};
use crate::events::Events;
use crate::read::Input;
use crate::thin;

/// Two inputs are copies if this share of the records in their common time span agrees.
const COPY_SHARE: f64 = 0.5;
/// An input is a duplicate if this share of its records is held by others.
const DUPLICATE_SHARE: f64 = 0.9;
/// Fewer records than this in the common span prove nothing (the seam of two rotated files).
const FEWEST_COMMON: usize = 5;

/// What came of one input.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The input that holds the same stream, more richly.
    pub duplicate_of: Option<usize>,
    /// Stream number: copies and rotated parts of one stream share it, other hosts have others.
    pub stream: u32,
}

/// The stream of an input, of all of theirs.
#[must_use]
pub fn stream_of(streams: &[u32], input: u32) -> u32 {
    streams.get(input as usize).copied().unwrap_or(0)
}

/// Decides for every input, and removes from its events what a richer copy holds.
#[allow(clippy::indexing_slicing)] // every index comes from 0..inputs.len()
pub fn settle(inputs: &mut [Input]) -> Vec<Standing> {
    let mut standings = vec![Standing::default(); inputs.len()];
    for source in [Source::Odoo, Source::NginxAccess, Source::NginxError, Source::PostgresLog] {
        let mut order: Vec<usize> = (0..inputs.len())
            .filter(|index| inputs.get(*index).is_some_and(|input| input.source == Some(source)))
            .collect();
        // What stands alone is no copy.
        if let [index] = order.as_slice() {
            inputs[*index].partial.events.contents = Contents::default();
            standings[*index].stream = 1;
            continue;
        }
        order.sort_by_cached_key(|index| {
            inputs.get(*index).map(|input| {
                let records = input.partial.events.contents.len();
                (std::cmp::Reverse((richness(input), records)), input.label.clone())
            })
        });
        let level = order
            .iter()
            .filter_map(|index| inputs.get(*index))
            .map(|input| input.partial.events.contents.level());
        match level.max() {
            Some(level @ 1..) => settle_thinned(inputs, &order, level, &mut standings),
            _ => settle_source(inputs, &order, &mut standings),
        }
    }
    standings
}

/// More is better: fields first.
fn richness(input: &Input) -> u32 {
    let events = &input.partial.events;
    let mut points = 0;
    if let Some(access) = events.access.iter().find(|access| access.status != 101) {
        points += 8 * u32::from(access.request_time_us.get().is_some());
        points += 4 * u32::from(
            events.access.iter().any(|access| access.connect_us.get().is_some() || access.never_connected),
        );
        points += 2 * u32::from(events.access.iter().any(|access| access.upstream_port != 0));
    }
    points + u32::from(events.contents.is_fine())
}

/// Copies of fine stamps agree to this, microseconds.
const FINE_US: i64 = 1000;

/// What an input holds, to be compared with what another does.
#[derive(Clone, Copy)]
struct Held<'c> {
    contents: &'c [Content],
    span: Option<(i64, i64)>,
    /// It stamps finer than seconds.
    fine: bool,
}

/// What tells a record from others, to the millisecond or not. Where both inputs stamp finer than seconds, copies agree to
/// the millisecond: the nodes of a load balancer that serve the same path in the same second do not. Seconds are in the
/// fingerprint.
fn key(content: &Content, fine: bool) -> (u64, i64) {
    (content.fingerprint, if fine { content.us.div_euclid(FINE_US) } else { 0 })
}

struct Accepted {
    input: usize,
    all: Vec<Content>,
    /// Of each record, whether it is counted here and not in a copy.
    own: Vec<bool>,
    contributed: Vec<u64>,
    span: Option<(i64, i64)>,
    fine: bool,
}

impl Accepted {
    fn held(&self) -> Held<'_> {
        Held { contents: &self.all, span: self.span, fine: self.fine }
    }
}

#[allow(clippy::indexing_slicing)] // every index comes from `order`, made from 0..inputs.len()
fn settle_source(inputs: &mut [Input], order: &[usize], standings: &mut [Standing]) {
    let mut accepted: Vec<Accepted> = Vec::new();
    let mut streams = 0;
    for &index in order {
        let contents = std::mem::take(&mut inputs[index].partial.events.contents).list;
        let span = inputs[index].partial.span;
        let fine = is_fine(&contents);
        let here = Held { contents: &contents, span, fine };
        let kinship: Vec<Option<Kin>> = accepted.par_iter().map(|other| kin(here, other.held())).collect();
        let mut seams: Vec<(usize, Seam)> = Vec::new();
        let mut relatives: Vec<(usize, usize)> = Vec::new();
        for (at, kin) in kinship.into_iter().enumerate() {
            match kin {
                Some(Kin::Seam(seam)) => seams.push((at, seam)),
                Some(Kin::Copy(agreeing)) => relatives.push((at, agreeing)),
                None => {}
            }
        }
        // Who holds the record at a place of this input by a seam: the input, and whether the record is its own.
        let in_seam = |at: usize| {
            seams.iter().find_map(|(other, seam)| {
                let other = &accepted[*other];
                let theirs = match seam {
                    Seam::Head(records) if at < *records => at + other.all.len() - records,
                    Seam::Tail(records) => (at + records).checked_sub(contents.len())?,
                    Seam::Head(_) => return None,
                };
                Some(other.own.get(theirs).copied().unwrap_or(true))
            })
        };
        let mut held: FxHashMap<u64, u32> = FxHashMap::default();
        for (at, _) in &relatives {
            for fingerprint in &accepted[*at].contributed {
                *held.entry(*fingerprint).or_insert(0) += 1;
            }
        }
        let mut dropped = FxHashSet::default();
        let mut contributed = Vec::new();
        let mut own = vec![false; contents.len()];
        for (at, content) in contents.iter().enumerate() {
            let Some(theirs) = in_seam(at) else { continue };
            dropped.insert(content.line);
            // What they have from a third, which holds it here too, is used up there.
            if let (false, Some(left)) = (theirs, held.get_mut(&content.fingerprint)) {
                *left = left.saturating_sub(1);
            }
        }
        for (at, content) in contents.iter().enumerate() {
            if dropped.contains(&content.line) {
                continue;
            }
            match held.get_mut(&content.fingerprint) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    dropped.insert(content.line);
                }
                _ => {
                    contributed.push(content.fingerprint);
                    own[at] = true;
                }
            }
        }
        if !contents.is_empty() && dropped.len() as f64 >= DUPLICATE_SHARE * contents.len() as f64 {
            let copies =
                relatives.iter().copied().chain(seams.iter().map(|(at, seam)| (*at, seam.records())));
            let best = copies.max_by_key(|(at, agreeing)| (*agreeing, std::cmp::Reverse(*at)));
            standings[index].duplicate_of = best.map(|(at, _)| accepted[at].input);
        }
        let kin = relatives.first().map(|(at, _)| *at).or_else(|| seams.first().map(|(at, _)| *at));
        let kin = kin.map(|at| standings[accepted[at].input].stream);
        let others = accepted.iter().map(|other| (other.input, other.span));
        standings[index].stream = stream(standings, others, span, kin, &mut streams);
        if !dropped.is_empty() {
            remove(&mut inputs[index].partial.events, &contents, &dropped);
        }
        accepted.push(Accepted { input: index, all: contents, own, contributed, span, fine });
    }
}

/// The stream of an input that covers `span`: that of its `kin`, or one whose parts it does not touch: a rotated part of a
/// stream touches no other in time, another host does.
fn stream(
    standings: &[Standing],
    accepted: impl Iterator<Item = (usize, Option<(i64, i64)>)> + Clone,
    span: Option<(i64, i64)>,
    kin: Option<u32>,
    streams: &mut u32,
) -> u32 {
    let apart = |other: Option<(i64, i64)>| match (span, other) {
        (Some(a), Some(b)) => a.1.min(b.1) - a.0.max(b.0) < 60_000_000,
        _ => true,
    };
    let of = |input: usize| standings.get(input).map(|standing| standing.stream);
    let free = |stream: &u32| {
        accepted.clone().filter(|(input, _)| of(*input) == Some(*stream)).all(|(_, other)| apart(other))
    };
    kin.or_else(|| (1..=*streams).find(free)).unwrap_or_else(|| {
        *streams += 1;
        *streams
    })
}

/// The same where some input is thinned out: of each stretch of time only the sum of all records is known. Copies agree in
/// most stretches that both cover; each stretch is then counted from the richest copy that has it.
#[allow(clippy::indexing_slicing)] // every index comes from `order`, made from 0..inputs.len()
fn settle_thinned(inputs: &mut [Input], order: &[usize], level: u8, standings: &mut [Standing]) {
    type Accepted = (usize, BTreeMap<i64, Digest>, Option<(i64, i64)>);
    let mut accepted: Vec<Accepted> = Vec::new();
    let mut streams = 0;
    for &index in order {
        let span = inputs[index].partial.span;
        let mut own = std::mem::take(&mut inputs[index].partial.events.contents).at_level(level);
        let all: u64 = own.values().map(|digest| digest.records).sum();
        let mut copies: Vec<(usize, usize)> = Vec::new();
        for (at, (_, theirs, _)) in accepted.iter().enumerate() {
            let common = own.iter().filter_map(|(stretch, digest)| Some((digest, theirs.get(stretch)?)));
            let (mut all, mut agreeing) = (0, 0);
            for (one, other) in common {
                all += 1;
                agreeing += usize::from(one == other);
            }
            if all > 0 && agreeing as f64 >= COPY_SHARE * all as f64 {
                copies.push((at, agreeing));
            }
        }
        let mut dropped = FxHashSet::default();
        let mut held = 0;
        for (stretch, digest) in &own {
            if copies.iter().any(|(at, _)| accepted[*at].1.contains_key(stretch)) {
                dropped.insert(*stretch);
                held += digest.records;
            }
        }
        if all > 0 && held as f64 >= DUPLICATE_SHARE * all as f64 {
            let best = copies.iter().max_by_key(|(at, agreeing)| (*agreeing, std::cmp::Reverse(*at)));
            standings[index].duplicate_of = best.map(|(at, _)| accepted[*at].0);
        }
        let kin = copies.first().map(|(at, _)| standings[accepted[*at].0].stream);
        let others = accepted.iter().map(|(input, _, span)| (*input, *span));
        standings[index].stream = stream(standings, others, span, kin, &mut streams);
        if !dropped.is_empty() {
            let keep = |us: i64| !dropped.contains(&thin::stretch(us, level));
            let events = &mut inputs[index].partial.events;
            events.access.retain(|event| keep(event.end_us));
            events.served.retain(|event| keep(event.end_us));
            events.odoo.retain(|event| keep(event.us));
            events.nginx.retain(|event| keep(event.us));
            events.postgres.retain(|event| keep(event.us));
        }
        own.retain(|stretch, _| !dropped.contains(stretch));
        accepted.push((index, own, span));
    }
}

/// Records that an input shares with the one before it or behind it.
enum Seam {
    /// Its first ones.
    Head(usize),
    /// Its last ones.
    Tail(usize),
}

impl Seam {
    fn records(&self) -> usize {
        match self {
            Seam::Head(records) | Seam::Tail(records) => *records,
        }
    }
}

/// What two inputs have in common.
enum Kin {
    /// One goes on from the other. Behind a seam nothing is common, however alike the records are.
    Seam(Seam),
    /// Copies, with so many agreeing records.
    Copy(usize),
}

fn kin(a: Held<'_>, b: Held<'_>) -> Option<Kin> {
    seam(a, b).map(Kin::Seam).or_else(|| common(a, b).map(Kin::Copy))
}

/// Where `a` goes on from `b`, or `b` from `a`, with records in both. The seam proves itself by being the same sequence
/// up to the very end, to the millisecond where both stamp that finely; equal lines of whole seconds may be two events,
/// so there it must hold more than one kind.
fn seam(a: Held<'_>, b: Held<'_>) -> Option<Seam> {
    let (a_span, b_span) = (a.span?, b.span?);
    let touch = |earlier: (i64, i64), later: (i64, i64)| {
        earlier.0 <= later.0 && earlier.1 <= later.1 && later.0 <= earlier.1 + 1_000_000
    };
    let fine = a.fine && b.fine;
    let shared = |earlier: &[Content], later: &[Content]| {
        let part = later.get(..longest_overlap(earlier, later, fine))?;
        let first = part.first()?;
        let several = part.iter().any(|other| other.fingerprint != first.fingerprint);
        (several || (fine && is_fine(part))).then_some(part.len())
    };
    if touch(b_span, a_span)
        && let Some(records) = shared(b.contents, a.contents)
    {
        return Some(Seam::Head(records));
    }
    if touch(a_span, b_span)
        && let Some(records) = shared(a.contents, b.contents)
    {
        return Some(Seam::Tail(records));
    }
    None
}

/// The most records that are both the end of `earlier` and the beginning of `later`, to the same instant: two nodes behind
/// one balancer write alike, but not at once (Knuth, Morris and Pratt).
fn longest_overlap(earlier: &[Content], later: &[Content], fine: bool) -> usize {
    // Most differ in the first half of their keys.
    let same = |at: usize, content: &Content| {
        later.get(at).is_some_and(|other| {
            other.fingerprint == content.fingerprint && key(other, fine) == key(content, fine)
        })
    };
    // Of each beginning of `later`: its longest end that is a beginning too.
    let mut borders: Vec<usize> = Vec::with_capacity(later.len().min(earlier.len()));
    let extend = |borders: &[usize], mut length: usize, content: &Content| {
        while length > 0 && !same(length, content) {
            length = borders.get(length - 1).copied().unwrap_or(0);
        }
        length + usize::from(same(length, content))
    };
    for (at, content) in later.iter().take(earlier.len()).enumerate() {
        let length = match at {
            0 => 0,
            _ => extend(&borders, borders.last().copied().unwrap_or(0), content),
        };
        borders.push(length);
    }
    let tail = earlier.get(earlier.len().saturating_sub(later.len())..).unwrap_or_default();
    tail.iter().fold(0, |length, content| extend(&borders, length, content))
}

/// The number of agreeing records, if the two are copies.
fn common(a: Held<'_>, b: Held<'_>) -> Option<usize> {
    let (a_span, b_span) = (a.span?, b.span?);
    let from = a_span.0.max(b_span.0) - 1_000_000;
    let to = a_span.1.min(b_span.1) + 1_000_000;
    if from > to {
        return None;
    }
    let fine = a.fine && b.fine;
    let inside = |held: Held<'_>| -> Vec<(u64, i64)> {
        let contents = held.contents.iter().filter(|content| (from..=to).contains(&content.us));
        contents.map(|content| key(content, fine)).collect()
    };
    let (left, right) = (inside(a), inside(b));
    let fewest = left.len().min(right.len());
    let whole = fewest == a.contents.len().min(b.contents.len());
    if fewest == 0 || (fewest < FEWEST_COMMON && !whole) {
        return None;
    }
    let mut left_over: FxHashMap<(u64, i64), u32> =
        FxHashMap::with_capacity_and_hasher(left.len(), FxBuildHasher);
    for key in left {
        *left_over.entry(key).or_insert(0) += 1;
    }
    let found = |key: &(u64, i64)| match left_over.get_mut(key) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    };
    let agreeing = right.into_iter().filter(found).count();
    (agreeing as f64 >= COPY_SHARE * fewest as f64).then_some(agreeing)
}

fn remove(events: &mut Events, contents: &[Content], dropped: &FxHashSet<u64>) {
    // A record without content of its own (a DETAIL) goes with the record before it.
    let keep = |line: u64| {
        let after = contents.partition_point(|content| content.line <= line);
        after
            .checked_sub(1)
            .and_then(|at| contents.get(at))
            .is_none_or(|content| !dropped.contains(&content.line))
    };
    events.access.retain(|event| keep(event.line));
    events.served.retain(|event| keep(event.line));
    events.odoo.retain(|event| keep(event.line));
    events.nginx.retain(|event| keep(event.line));
    events.postgres.retain(|event| keep(event.line));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contents(text: &str) -> Vec<Content> {
        text.bytes()
            .zip(1..)
            .map(|(byte, line)| Content { us: i64::from(byte), fingerprint: u64::from(byte), line })
            .collect()
    }

    fn held(contents: &[Content]) -> Held<'_> {
        Held { contents, span: Some((0, 60_000_000)), fine: is_fine(contents) }
    }

    proptest! {
        /// As many agree as the two multisets have in common, whichever is asked first.
        #[test]
        fn what_is_common_is_counted(
            kinds in proptest::collection::vec((0u64..4, 0i64..3, any::<bool>(), any::<bool>()), 0..40), fine in any::<bool>(),
        ) {
            let side = |which: fn(&(u64, i64, bool, bool)) -> bool| -> Vec<Content> {
                let own = kinds.iter().filter(|kind| which(kind));
                own.map(|(fingerprint, ms, ..)| {
                    Content { us: 5_000_000 + ms * 1000 + i64::from(fine), fingerprint: *fingerprint, line: 1 }
                }).collect()
            };
            let (a, b) = (side(|kind| kind.2), side(|kind| kind.3));
            let both_fine = is_fine(&a) && is_fine(&b);
            let mut rest: Vec<_> = b.iter().map(|content| key(content, both_fine)).collect();
            let mut expected = 0;
            for content in &a {
                if let Some(at) = rest.iter().position(|other| *other == key(content, both_fine)) {
                    rest.swap_remove(at);
                    expected += 1;
                }
            }
            let found = common(held(&a), held(&b));
            prop_assert_eq!(found, common(held(&b), held(&a)));
            let fewest = a.len().min(b.len());
            let copies = fewest > 0 && expected as f64 >= COPY_SHARE * fewest as f64;
            prop_assert_eq!(found, copies.then_some(expected));
        }
    }

    #[test]
    fn a_seam_agrees_to_the_millisecond() {
        let at = |offset_us: i64| -> Vec<Content> {
            (0..50)
                .map(|s| Content { us: s * 1_000_000 + offset_us, fingerprint: s as u64, line: 1 })
                .collect()
        };
        let (one, other, same, coarse) = (at(210_000), at(730_000), at(210_000), at(0));
        assert!(seam(held(&one), held(&other)).is_none());
        assert!(seam(held(&one), held(&same)).is_some_and(|seam| seam.records() == 50));
        assert!(seam(held(&one), held(&coarse)).is_some());
    }

    #[test]
    fn the_longest_overlap_is_found() {
        for (earlier, later, records) in [
            ("abcdef", "efgh", 2),
            ("abcdef", "ghi", 0),
            ("abab", "ababc", 4),
            ("xaab", "aabaab", 3),
            ("aaaa", "aab", 2),
            ("", "abc", 0),
            ("abc", "abc", 3),
        ] {
            assert_eq!(
                longest_overlap(&contents(earlier), &contents(later), false),
                records,
                "{earlier} {later}"
            );
        }
    }
}
