//! Ends that no line of the worker's own tells: with the server, or replaced without a word.

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use super::{BEAT_US, End, Life, Reason, Role, Told};
use crate::copies::stream_of;
use crate::events::{Events, OdooFact};

/// A server forks its first workers within this of saying that it runs, µs.
const START_US: i64 = 60 * SECOND_US;
/// A log that was silent for longer may have lost what it had to tell, µs.
const SILENCE_US: i64 = 60 * SECOND_US;

/// The server as a whole.
#[derive(Clone, Copy)]
enum Mark {
    Stop { forced: bool },
    Start,
}

/// Marks of each stream, in order of time.
type Marks = FxHashMap<u32, Vec<(Told, Mark)>>;

/// Completes the ends; the result are workers that were replaced though nothing tells which one ended.
pub fn ends(events: &Events, streams: &[u32], lives: &mut [Life]) -> Vec<(Role, Told)> {
    let marks = marks(events, streams, lives);
    succeeded(lives, &marks);
    for life in lives.iter_mut() {
        if let Some(marks) = marks.get(&life.stream) {
            with_the_server(life, marks);
        }
    }
    let mut keys: Vec<(u32, Role)> = lives
        .iter()
        .filter(|life| matches!(life.role, Role::Http | Role::Cron))
        .map(|life| (life.stream, life.role))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let nothing = Vec::new();
    keys.into_iter()
        .flat_map(|(stream, role)| {
            let marks = marks.get(&stream).unwrap_or(&nothing);
            vanished(lives, role, marks, &Log { events, streams, stream })
        })
        .collect()
}

/// Stops and starts of each stream's server, in order of time. A start that others outlive is that of a second server.
fn marks(events: &Events, streams: &[u32], lives: &[Life]) -> Marks {
    let outlived = |stream: u32, us: i64| {
        lives.iter().any(|life| {
            life.stream == stream
                && life.born.is_none_or(|born| born.us < us)
                && life.last_us.is_some_and(|last| last > us + START_US)
        })
    };
    let mut marks = Marks::default();
    for event in &events.odoo {
        let mark = match event.fact {
            OdooFact::Stopping | OdooFact::Reloading => Mark::Stop { forced: false },
            OdooFact::StoppingForcefully => Mark::Stop { forced: true },
            OdooFact::HttpServiceRunning => Mark::Start,
            _ => continue,
        };
        let stream = stream_of(streams, event.input);
        if matches!(mark, Mark::Start) && outlived(stream, event.us) {
            continue;
        }
        let at = Told { us: event.us, input: event.input, line: event.line };
        marks.entry(stream).or_default().push((at, mark));
    }
    marks
}

/// A server has one evented process: a second one follows a first that is gone.
fn succeeded(lives: &mut [Life], marks: &Marks) {
    let births: Vec<(u32, Told)> = lives
        .iter()
        .filter(|life| life.role == Role::Evented)
        .filter_map(|life| Some((life.stream, life.born?)))
        .collect();
    for life in lives.iter_mut().filter(|life| life.role == Role::Evented && life.end.is_none()) {
        let Some(last_us) = life.last_us else { continue };
        let successor = births
            .iter()
            .filter(|(stream, born)| *stream == life.stream && born.us > last_us)
            .min_by_key(|(_, born)| born.us);
        let Some((_, successor)) = successor else { continue };
        let with_server = marks
            .get(&life.stream)
            .is_some_and(|marks| marks.iter().any(|(at, _)| (last_us..=successor.us).contains(&at.us)));
        if !with_server {
            life.end = Some(End { at: *successor, reason: Reason::Vanished, limit_s: None, lines: 1 });
        }
    }
}

/// A life that exits after the server was told to stop goes with it; so does one that the next start finds silent.
fn with_the_server(life: &mut Life, marks: &[(Told, Mark)]) {
    if let Some(end) = &mut life.end {
        let before = marks.iter().rfind(|(at, _)| at.us <= end.at.us);
        if let (Reason::Signal, Some((_, Mark::Stop { forced: false }))) = (end.reason, before) {
            end.reason = Reason::Graceful;
        }
        return;
    }
    let Some(last_us) = life.last_us else { return };
    let later = |mark: &(Told, Mark)| life.born.is_none_or(|born| mark.0.us > born.us);
    let start = marks
        .iter()
        .filter(|mark| later(mark))
        .find(|(at, mark)| matches!(mark, Mark::Start) && at.us > last_us);
    let until = start.map_or(i64::MAX, |(at, _)| at.us);
    let stop = marks
        .iter()
        .filter(|mark| later(mark) && mark.0.us < until)
        .filter_map(|(at, mark)| match mark {
            Mark::Stop { forced } => Some((*at, *forced)),
            Mark::Start => None,
        })
        .next_back();
    life.end = match (stop, start) {
        (Some((at, forced)), _) if start.is_some() || last_us <= at.us => {
            let reason = if forced { Reason::Signal } else { Reason::Graceful };
            Some(End { at, reason, limit_s: None, lines: 1 })
        }
        (None, Some((at, _))) => Some(End { at: *at, reason: Reason::Vanished, limit_s: None, lines: 1 }),
        _ => None,
    };
}

/// The log of one stream.
struct Log<'l> {
    events: &'l Events,
    streams: &'l [u32],
    stream: u32,
}

impl Log<'_> {
    fn holds(&self, input: u32) -> bool {
        stream_of(self.streams, input) == self.stream
    }

    /// When it begins, µs.
    fn first_us(&self) -> Option<i64> {
        let odoo = self.events.odoo.iter().find(|event| self.holds(event.input)).map(|event| event.us);
        let served = self.events.served.iter().find(|request| self.holds(request.input));
        odoo.into_iter().chain(served.map(|request| request.end_us)).min()
    }

    /// Whether it said anything in the time before, so that it would have said more.
    fn was_heard_before(&self, us: i64) -> bool {
        let recent = |at: i64| us - at <= SILENCE_US;
        let odoo = self.events.odoo.partition_point(|event| event.us < us);
        let served = self.events.served.partition_point(|request| request.end_us < us);
        let odoo = self.events.odoo.iter().take(odoo).rev().take_while(|event| recent(event.us));
        let served =
            self.events.served.iter().take(served).rev().take_while(|request| recent(request.end_us));
        odoo.map(|event| event.input)
            .chain(served.map(|request| request.input))
            .any(|input| self.holds(input))
    }
}

/// A worker begins for one that ended. Where more began than ended, some vanished: named where only they can be meant.
fn vanished(lives: &mut [Life], role: Role, marks: &[(Told, Mark)], log: &Log<'_>) -> Vec<(Role, Told)> {
    let stream = log.stream;
    let of_kind = |life: &Life| life.stream == stream && life.role == role;
    let mut births: Vec<Told> =
        lives.iter().filter(|life| of_kind(life)).filter_map(|life| life.born).collect();
    births.sort_by_key(|born| (born.us, born.input, born.line));
    // The end of a worker whose class nothing tells may be meant too.
    let may_be_meant = |life: &&Life| of_kind(life) || (life.stream == stream && life.role == Role::Other);
    let mut ends: Vec<i64> =
        lives.iter().filter(may_be_meant).filter_map(|life| Some(life.end?.at.us)).collect();
    ends.sort_unstable();
    let Some(first_us) = log.first_us() else { return Vec::new() };
    let mut unexplained: Vec<Told> = Vec::new();
    let mut next_end = 0usize;
    for born in births {
        let start =
            marks.iter().rfind(|(at, mark)| matches!(mark, Mark::Start) && at.us <= born.us + BEAT_US);
        if let Some((start, _)) = start {
            // Whoever ended with the old server was replaced by the new one.
            next_end = next_end.max(ends.partition_point(|end| *end < start.us));
        }
        let first_of_server = start.is_some_and(|(at, _)| born.us - at.us <= START_US);
        // What ended just before the capture began is not in it, nor what a gap swallowed.
        if first_of_server || born.us - first_us <= 3 * BEAT_US || !log.was_heard_before(born.us) {
            continue;
        }
        match ends.get(next_end) {
            Some(end) if *end <= born.us + SECOND_US => next_end += 1,
            _ => unexplained.push(born),
        }
    }
    let mut unnamed = Vec::new();
    for group in unexplained.chunk_by(|a, b| b.us - a.us <= START_US) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let silent: Vec<usize> = lives
            .iter()
            .enumerate()
            .filter(|(_, life)| of_kind(life) && life.end.is_none())
            .filter(|(_, life)| {
                life.born.is_none_or(|born| born.us < first.us)
                    && life.last_us.is_some_and(|last_us| last_us < last.us)
            })
            .map(|(at, _)| at)
            .collect();
        if silent.len() == group.len() {
            for (at, born) in silent.into_iter().zip(group) {
                if let Some(life) = lives.get_mut(at) {
                    life.end = Some(End { at: *born, reason: Reason::Vanished, limit_s: None, lines: 1 });
                }
            }
        } else {
            unnamed.extend(group.iter().map(|born| (role, *born)));
        }
    }
    unnamed
}
