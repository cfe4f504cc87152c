//! The zone of an error log whose requests are in the access log of the same nginx: the quarter hour at which failures
//! and failed requests fall together. It may change inside the file.

use stormtrace_logs::timestamp::SECOND_US;

use super::estimate::evenly;
use super::failures;
use super::kind::centred;
use super::pair::key;
use crate::read::Input;

/// Zones are multiples of a quarter of an hour.
pub const QUARTER_US: i64 = 900 * SECOND_US;
/// Zones reach from -12 to +14 hours.
const QUARTERS: std::ops::RangeInclusive<i64> = -48..=56;
/// Summer time is an hour ahead.
const HOUR: i64 = 4;
/// The two logs are written within a second of each other.
const NEAR_US: i64 = 3 * SECOND_US / 2;
/// Most failures looked at.
const MOST: usize = 2000;

/// What the pairs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Seconds east of UTC, at the beginning.
    pub zone_s: i64,
    /// Failures that met their request.
    pub pairs: u64,
    /// Line from which the zone is another, and that zone in seconds east of UTC.
    pub change: Option<(u64, i64)>,
}

/// Of an error log, given the access logs; `ahead_us` is by how much nginx's clock, as the error log still shows it, is
/// ahead of them, µs.
pub fn find(error: &Input, access: &[&Input], ahead_us: i64) -> Option<Found> {
    let mut requests = failures::failed_requests(access);
    requests.sort_unstable();
    let texts = &error.partial.events.texts;
    let mut failures: Vec<(u64, i64, u64)> = error
        .partial
        .events
        .nginx
        .iter()
        .filter(|failure| failure.failure.is_some())
        .map(|failure| {
            let us = centred(error, failure.us).saturating_sub(ahead_us);
            (failure.line, us, key(&[texts.get(failure.path).as_bytes()]))
        })
        .collect();
    failures.sort_unstable();
    let stretches = error.partial.stretches.steady();
    let meets = |us: i64, path: u64| {
        let at = requests.partition_point(|request| *request < (path, us - NEAR_US));
        requests.get(at).is_some_and(|request| request.0 == path && request.1 <= us + NEAR_US)
    };
    // Bit by bit: does the failure meet a request in the zone?
    let meetings: Vec<(u64, u128)> = evenly(&failures, MOST)
        .into_iter()
        .map(|(line, us, path)| {
            let bits = QUARTERS
                .filter(|quarter| meets(us.saturating_sub(quarter * QUARTER_US), path))
                .fold(0u128, |bits, quarter| bits | bit(quarter));
            (line, bits)
        })
        .collect();
    let mut found = decide(&meetings)?;
    if let Some((line, _)) = &mut found.change {
        // The first failure in the new zone need not be the first record: the jump is.
        let before = meetings.iter().map(|(line, _)| *line).filter(|other| *other < *line).max().unwrap_or(0);
        let jump =
            stretches.iter().map(|stretch| stretch.line).filter(|jump| (before + 1..=*line).contains(jump));
        *line = jump.max().unwrap_or(*line);
    }
    Some(found)
}

fn bit(quarter: i64) -> u128 {
    u32::try_from(quarter - QUARTERS.start()).map_or(0, |place| 1 << place)
}

fn decide(meetings: &[(u64, u128)]) -> Option<Found> {
    let count = |part: &[(u64, u128)], quarter: i64| {
        part.iter().filter(|(_, bits)| bits & bit(quarter) != 0).count() as u64
    };
    let mut scored: Vec<(u64, i64)> = QUARTERS.map(|quarter| (count(meetings, quarter), quarter)).collect();
    scored.sort_by_key(|(met, quarter)| (std::cmp::Reverse(*met), quarter.abs(), *quarter));
    let (best, second) = (*scored.first()?, *scored.get(1)?);
    // One change to or from summer time must explain at least three failures more, and hold on both sides.
    let changed = QUARTERS
        .flat_map(|before| [before - HOUR, before + HOUR].map(|after| (before, after)))
        .filter(|(_, after)| QUARTERS.contains(after))
        .filter_map(|(before, after)| split(meetings, before, after).map(|found| (found, before, after)))
        .filter(|((met, _), _, _)| *met >= best.0 + 3)
        .min_by_key(|((met, _), before, after)| {
            (std::cmp::Reverse(*met), before.abs() + after.abs(), *before)
        });
    if let Some(((met, at), before, after)) = changed {
        let (early, late) = meetings.split_at_checked(at)?;
        let holds = |part: &[(u64, u128)], quarter: i64, other: i64| {
            count(part, quarter) >= 3 && count(part, quarter) >= 2 * count(part, other)
        };
        if holds(early, before, after) && holds(late, after, before) {
            let line = late.first().map(|(line, _)| *line)?;
            return Some(Found { zone_s: before * 900, pairs: met, change: Some((line, after * 900)) });
        }
    }
    // A failure without its request is rare: a zone that leaves none alone is right even where another meets many.
    let alone = (meetings.len() as u64).saturating_sub(best.0) as f64;
    let lead = (best.0 - second.0) as f64;
    let stands_out = best.0 >= 2 * second.0 || lead >= 3.0 * alone.max(1.0).sqrt();
    (best.0 >= 1 && stands_out).then_some(Found { zone_s: best.1 * 900, pairs: best.0, change: None })
}

/// The cut at which the zones before and after it explain the most failures, and how many.
fn split(meetings: &[(u64, u128)], before: i64, after: i64) -> Option<(u64, usize)> {
    let mut met = meetings.iter().filter(|(_, bits)| bits & bit(after) != 0).count() as u64;
    let mut best = None;
    for (at, (_, bits)) in meetings.iter().enumerate() {
        if best.is_none_or(|(most, _)| met > most) {
            best = Some((met, at));
        }
        met += u64::from(bits & bit(before) != 0);
        met = met.saturating_sub(u64::from(bits & bit(after) != 0));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_zone_or_a_change_that_holds_on_both_sides() {
        let (winter, summer) = (bit(4), bit(8));
        let steady: Vec<(u64, u128)> = (1..9).map(|line| (line, winter)).collect();
        assert_eq!(decide(&steady), Some(Found { zone_s: 3600, pairs: 8, change: None }));
        let fold: Vec<(u64, u128)> =
            (1..9).map(|line| (line, if line < 5 { summer } else { winter })).collect();
        assert_eq!(decide(&fold), Some(Found { zone_s: 7200, pairs: 8, change: Some((5, 3600)) }));
        assert_eq!(decide(&[(1, winter | summer)]), None);
        assert_eq!(decide(&[]), None);
    }
}
