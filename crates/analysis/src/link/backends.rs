//! Which PostgreSQL backend a killed worker was using: a backend that was idle in its transaction reads the end of its
//! connection at once (methods 0: 4 to 63 ms after the kill in the laboratory).

use crate::events::PostgresFact;

use super::requests::Matched;
use crate::detect::Picture;

/// Before the kill by the clocks' jitter, µs.
const BEFORE_US: i64 = 50_000;
/// After the kill, µs.
const AFTER_US: i64 = 300_000;
/// Two kills or two ends this close to each other cannot be told apart, µs.
const APART_US: i64 = BEFORE_US + AFTER_US;

/// For each match the position, among the PostgreSQL events, of the one end of a connection that only this kill explains.
#[must_use]
pub fn find(picture: &Picture<'_>, matched: &[Matched]) -> Vec<Option<usize>> {
    let ends: Vec<(usize, i64)> = picture
        .events
        .postgres
        .iter()
        .enumerate()
        .filter(|(_, event)| event.fact == PostgresFact::UnexpectedEof)
        .map(|(index, event)| (index, event.us))
        .collect();
    // Any death of a worker ends connections, not only the kills of this incident.
    let deaths: Vec<i64> = picture.deaths.iter().map(|death| death.us).collect();
    // `%t` prints whole seconds: too coarse to tell workers apart.
    let coarse = ends.iter().all(|(_, us)| us % 1_000_000 == 0);
    matched
        .iter()
        .map(|found| {
            let us = picture.deaths.get(found.death)?.us;
            let near = |from: i64, to: i64| ends.iter().filter(move |(_, end)| (from..=to).contains(end));
            let mut own = near(us - BEFORE_US, us + AFTER_US);
            let (index, end_us) = own.next().copied()?;
            let alone = own.next().is_none()
                && deaths.iter().filter(|death| (*death - us).abs() <= APART_US).count() == 1
                && near(end_us - AFTER_US, end_us + AFTER_US).count() == 1;
            (alone && !coarse).then_some(index)
        })
        .collect()
}
