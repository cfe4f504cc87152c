//! Thinning out: where there are more records than memory should hold, one of each kind and stretch of time stands for the
//! others of it, and says for how many.
//!
//! Counts stay exact. Which record stands for the others is decided by lot, drawn from its content and line, so that the
//! outcome depends on the records alone, not on how the input was cut into blocks: the kept ones of a whole are the kept ones
//! of the kept ones of its parts, stretches of one level lie within those of the next, and a level is left only when its
//! outcome does not fit, which more records can never mend.
//!
//! (Bottom-k sampling with k = 1 in strata: Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007.)

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use crate::events::{
    Access, Events, Lane, NginxError, OdooEvent, OdooFact, PostgresEvent, PostgresFact, Served,
};

/// The level at which nothing is kept for its own sake any longer.
const NOTHING_SPARED: u8 = 9;
/// The highest level: its stretches are 17,000 years.
pub const HIGHEST: u8 = 40;

/// Length of the stretches of a level from 1 on, µs: 1 s, 2 s, 4 s …
#[must_use]
pub fn stretch_us(level: u8) -> i64 {
    SECOND_US << level.clamp(1, HIGHEST).saturating_sub(1)
}

/// The stretch that an instant lies in.
#[must_use]
pub fn stretch(us: i64, level: u8) -> i64 {
    // Divided by what the compiler knows, then by a power of two, both rounding down: as by `stretch_us` at once.
    us.div_euclid(SECOND_US) >> level.clamp(1, HIGHEST).saturating_sub(1)
}

/// The stretch of a higher level that a stretch lies in.
#[must_use]
pub fn wider(stretch: i64, level: u8, higher: u8) -> i64 {
    stretch.div_euclid(stretch_us(higher) / stretch_us(level))
}

/// A lot drawn for a record, and its line in case two draw the same.
pub type Rank = (u64, u64);

/// The lot of a record: every one of a class has the same chance, however often its content comes. (Finalizer of
/// MurmurHash3, Austin Appleby.)
#[must_use]
pub fn rank(fingerprint: u64, line: u64) -> Rank {
    let mut lot = fingerprint ^ line.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    lot = (lot ^ (lot >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    lot = (lot ^ (lot >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (lot ^ (lot >> 33), line)
}

/// A record that others of its kind may stand for.
pub trait Thin {
    /// When, µs in the input's own zone.
    fn us(&self) -> i64;
    /// What may not be mixed; `None`: always kept.
    fn class(&self, level: u8) -> Option<u64>;
    /// The lowest stands for the others.
    fn rank(&self) -> Rank;
    /// For how many records it stands.
    fn count(&mut self) -> &mut u32;
}

/// Whether an instant lies in one of the spans.
#[must_use]
pub fn is_in(us: i64, spans: &[(i64, i64)]) -> bool {
    spans.iter().any(|(from, to)| (*from..=*to).contains(&us))
}

/// Records of all kinds that lie in one of the spans.
#[must_use]
pub fn records_in(events: &Events, spans: &[(i64, i64)]) -> usize {
    if spans.is_empty() {
        return 0;
    }
    events.each_record().filter(|(us, ..)| is_in(*us, spans)).count()
}

/// Keeps one record of each class and stretch, and all that lie in `spared`; the order stays.
pub fn thin<T: Thin>(list: &mut Vec<T>, level: u8, spared: &[(i64, i64)]) {
    if level == 0 {
        return;
    }
    let mut standing = Standing::default();
    let mut drop = vec![false; list.len()];
    for at in 0..list.len() {
        let Some(record) = list.get(at).filter(|record| !is_in(record.us(), spared)) else { continue };
        let Some(class) = record.class(level) else { continue };
        let rank = record.rank();
        let known = standing.place(stretch(record.us(), level), class, at);
        let other = *known as usize;
        if other == at {
            continue;
        }
        let (stays, goes) = match list.get(other) {
            Some(record) if record.rank() <= rank => (other, at),
            _ => (at, other),
        };
        *known = u32::try_from(stays).unwrap_or(u32::MAX);
        let others = list.get_mut(goes).map_or(0, |record| *record.count());
        if let (Some(record), Some(drop)) = (list.get_mut(stays), drop.get_mut(goes)) {
            *record.count() = record.count().saturating_add(others);
            *drop = true;
        }
    }
    let mut drop = drop.into_iter();
    list.retain(|_| !drop.next().unwrap_or(false));
}

/// Where the records are that stand for a class and stretch. Records come in order of time, nearly, and a stretch has few
/// classes: most are found beside the last one.
#[derive(Debug, Default)]
pub struct Standing {
    places: Vec<Place>,
    /// The first place of each stretch, of those that came in order.
    first: Vec<(i64, u32)>,
    /// The same of those that came behind a later one.
    stray: FxHashMap<i64, u32>,
    /// The stretch that was asked for last, and its first place.
    last: Option<(i64, u32)>,
    /// Those of stretches with too many classes to look at one by one.
    further: FxHashMap<(i64, u64), u32>,
}

/// Numbers are short: there are fewer records in memory than 32 bits can count.
#[derive(Debug)]
struct Place {
    class: u64,
    at: u32,
    /// The next place of the same stretch, 0 if there is none: it is the first of no other place.
    next: u32,
}

/// So many classes of a stretch are looked at one by one.
const FEW_CLASSES: usize = 16;

/// What to do with a record that has arrived.
pub enum Arrival {
    /// It is counted already.
    Counted,
    /// It takes the place of the record there, for so many.
    Instead(usize, u32),
    /// It is the first of its class and stretch.
    First,
}

impl Standing {
    /// Where the records of a list are that is thinned out.
    pub fn of<T: Thin>(list: &[T], level: u8, spared: &[(i64, i64)]) -> Self {
        let mut standing = Standing::default();
        for (at, record) in list.iter().enumerate().filter(|(_, record)| !is_in(record.us(), spared)) {
            if let Some(class) = record.class(level) {
                standing.place(stretch(record.us(), level), class, at);
            }
        }
        standing
    }

    /// Where the record of a class and stretch is: `at` if it is the first.
    fn place(&mut self, stretch: i64, class: u64, at: usize) -> &mut u32 {
        let Standing { places, first, stray, last, further } = self;
        let short = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (at, behind) = (short(at), short(places.len()));
        let mut place = match *last {
            Some((known, first)) if known == stretch => first,
            _ => {
                let place = if first.last().is_none_or(|(latest, _)| *latest < stretch) {
                    first.push((stretch, behind));
                    behind
                } else {
                    match first.binary_search_by_key(&stretch, |(known, _)| *known) {
                        Ok(known) => first.get(known).map_or(behind, |(_, place)| *place),
                        Err(_) => *stray.entry(stretch).or_insert(behind),
                    }
                };
                *last = Some((stretch, place));
                place
            }
        };
        let mut before = None;
        for _ in 0..FEW_CLASSES {
            match places.get(place as usize) {
                Some(known) if known.class == class => break,
                Some(known) => {
                    before = Some(place);
                    place = if known.next == 0 { behind } else { known.next };
                }
                None => break,
            }
        }
        if place == behind {
            if let Some(before) = before.and_then(|before| places.get_mut(before as usize)) {
                before.next = behind;
            }
            places.push(Place { class, at, next: 0 });
        }
        match places.get_mut(place as usize) {
            Some(known) if known.class == class => &mut known.at,
            _ => further.entry((stretch, class)).or_insert(at),
        }
    }

    /// Counts a record of which only this much is known yet.
    pub fn arrive<T: Thin>(&mut self, list: &mut [T], level: u8, us: i64, class: u64, rank: Rank) -> Arrival {
        let next = list.len();
        let at = *self.place(stretch(us, level), class, next) as usize;
        match list.get_mut(at) {
            None => Arrival::First,
            Some(known) => {
                *known.count() = known.count().saturating_add(1);
                if known.rank() <= rank { Arrival::Counted } else { Arrival::Instead(at, *known.count()) }
            }
        }
    }
}

/// Order of magnitude of a time: below 0.1 s, 1 s, 10 s, and longer.
#[must_use]
fn magnitude(us: Option<i64>) -> u64 {
    match us {
        None => 0,
        Some(..100_000) => 1,
        Some(..1_000_000) => 2,
        Some(..10_000_000) => 3,
        Some(_) => 4,
    }
}

/// Class of a request at nginx.
#[must_use]
pub fn access_class(lane: Lane, status: u16, request_time_us: Option<i64>) -> u64 {
    (lane as u64) << 32 | u64::from(status) << 8 | magnitude(request_time_us)
}

/// Class of a request at a worker.
#[must_use]
pub fn served_class(evented: bool, status: u16, time_us: Option<i64>) -> u64 {
    u64::from(evented) << 32 | u64::from(status) << 8 | magnitude(time_us)
}

impl Thin for Access {
    fn us(&self) -> i64 {
        self.end_us
    }
    fn class(&self, _level: u8) -> Option<u64> {
        Some(access_class(self.lane, self.status, self.request_time_us.get()))
    }
    fn rank(&self) -> Rank {
        rank(self.fingerprint, self.line)
    }
    fn count(&mut self) -> &mut u32 {
        &mut self.count
    }
}

impl Thin for Served {
    fn us(&self) -> i64 {
        self.end_us
    }
    fn class(&self, _level: u8) -> Option<u64> {
        Some(served_class(self.evented, self.status, self.remaining_us.get()))
    }
    fn rank(&self) -> Rank {
        rank(self.fingerprint, self.line)
    }
    fn count(&mut self) -> &mut u32 {
        &mut self.count
    }
}

impl Thin for OdooEvent {
    fn us(&self) -> i64 {
        self.us
    }
    /// What requests and jobs leave behind; the lives of processes are kept, unless a log tells of nothing else.
    fn class(&self, level: u8) -> Option<u64> {
        let kind = |number: u64| Some(number << 32);
        match self.fact {
            OdooFact::Raised(exception) => Some(1 << 32 | exception as u64),
            OdooFact::Retry => kind(2),
            OdooFact::BusListen => kind(3),
            OdooFact::BusError => kind(4),
            OdooFact::BusMisrouted => kind(5),
            OdooFact::WebsocketError => kind(6),
            OdooFact::NonDatabaseRouting => kind(7),
            OdooFact::QueueJobReset => kind(8),
            OdooFact::CronStart { job } => Some(9 << 32 | u64::from(job)),
            OdooFact::CronEnd { job, .. } => Some(10 << 32 | u64::from(job)),
            _ if level < NOTHING_SPARED => None,
            OdooFact::Timeout { .. } => kind(11),
            OdooFact::Alive { .. } => kind(12),
            OdooFact::Exiting { .. } => kind(13),
            _ => kind(14),
        }
    }
    fn rank(&self) -> Rank {
        rank(self.fingerprint, self.line)
    }
    fn count(&mut self) -> &mut u32 {
        &mut self.count
    }
}

impl Thin for NginxError {
    fn us(&self) -> i64 {
        self.us
    }
    fn class(&self, level: u8) -> Option<u64> {
        if self.lifecycle.is_some() && level < NOTHING_SPARED {
            return None;
        }
        let failure = self.failure.map_or(0, |failure| 1 + failure as u64);
        Some((self.lane as u64) << 32 | failure)
    }
    fn rank(&self) -> Rank {
        rank(self.fingerprint, self.line)
    }
    fn count(&mut self) -> &mut u32 {
        &mut self.count
    }
}

impl Thin for PostgresEvent {
    fn us(&self) -> i64 {
        self.us
    }
    /// Statements, waits and what clients leave behind; what an operator did is kept, unless a log tells of nothing else.
    fn class(&self, level: u8) -> Option<u64> {
        let timed = |number: u64, us: i64| Some(number << 32 | magnitude(Some(us)));
        match self.fact {
            PostgresFact::Duration { duration_us, .. } => timed(1, duration_us),
            PostgresFact::Plan { duration_us, .. } => timed(2, duration_us),
            PostgresFact::StillWaiting { waited_us, .. } => timed(3, waited_us),
            PostgresFact::Acquired { waited_us, .. } => timed(4, waited_us),
            PostgresFact::UnexpectedEof | PostgresFact::ClientLost => Some(5 << 32),
            PostgresFact::SerializationFailure => Some(6 << 32),
            PostgresFact::TooManyClients => Some(7 << 32),
            PostgresFact::Deadlock => Some(8 << 32),
            PostgresFact::Statement => Some(9 << 32),
            PostgresFact::Holders { .. } => Some(10 << 32),
            _ if level < NOTHING_SPARED => None,
            PostgresFact::Canceled { .. } => Some(11 << 32),
            PostgresFact::Terminated { .. } => Some(12 << 32),
            _ => Some(13 << 32),
        }
    }
    fn rank(&self) -> Rank {
        rank(self.fingerprint, self.line)
    }
    fn count(&mut self) -> &mut u32 {
        &mut self.count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However many classes a stretch has, and in whatever order they come.
        #[test]
        fn the_first_of_each_class_and_stretch_stands(
            asked in prop::collection::vec((0i64..4, 0u64..40), 0..400),
        ) {
            let (mut standing, mut known) = (Standing::default(), FxHashMap::default());
            for (at, (stretch, class)) in asked.into_iter().enumerate() {
                let expected = *known.entry((stretch, class)).or_insert(at);
                prop_assert_eq!(*standing.place(stretch, class, at) as usize, expected);
            }
        }

        #[test]
        fn stretches_are_divisions(us in any::<i64>(), level in 1u8..=HIGHEST, further in 0u8..40) {
            prop_assert_eq!(stretch(us, level), us.div_euclid(stretch_us(level)));
            let higher = (level + further).min(HIGHEST);
            prop_assert_eq!(wider(stretch(us, level), level, higher), stretch(us, higher));
        }
    }
}
