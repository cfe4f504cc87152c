//! No session waits for a lock.

use crate::events::{PostgresFact, Snapshot};

use super::criterion::{After, Bound, Criterion};
use super::series::{Series, Span, over};

/// The longest wait for a lock: bad over 5 s, good again at none. Short waits are daily life of a busy database.
pub struct LockWaits;

const FIRE_S: f64 = 5.0;

/// Longest lock wait in a snapshot, seconds (the age of the statement bounds it); `None` where only a count over 0 tells.
fn longest_s(snapshot: &Snapshot) -> Option<f64> {
    let waiting = snapshot.sessions.iter().filter(|session| session.lock_wait);
    let longest = waiting.filter_map(|session| session.query_age_us).max().map(|age| age as f64 / 1e6);
    let none = !snapshot.sessions.is_empty()
        || snapshot.counts.is_none()
        || snapshot.counts.is_some_and(|counts| counts.lock_waits == Some(0));
    longest.or(none.then_some(0.0))
}

impl Criterion for LockWaits {
    fn id(&self) -> &'static str {
        "lock_waits"
    }

    fn series(&self, after: &After<'_>) -> Series {
        let samples: Vec<(i64, f64)> = after
            .snapshots((i64::MIN, i64::MAX))
            .iter()
            .filter_map(|snapshot| Some((snapshot.us, longest_s(snapshot)?)))
            .collect();
        let times: Vec<i64> = samples.iter().map(|sample| sample.0).collect();
        let from = after.incident.start_us;
        let mut bad = over(samples.into_iter().filter(|sample| sample.0 >= from), FIRE_S, 1.0);
        // The server log names waits over `deadlock_timeout` when they end.
        bad.extend(after.events().postgres.iter().filter_map(|event| match event.fact {
            PostgresFact::Acquired { waited_us, .. }
                if event.us >= from && waited_us as f64 > FIRE_S * 1e6 =>
            {
                Some((event.us.saturating_sub(waited_us), event.us))
            }
            _ => None,
        }));
        after.sampled(bad, &times)
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let snapshots = after.snapshots(window);
        let longest = snapshots.iter().filter_map(longest_s).reduce(f64::max);
        let detail = match longest {
            None => "no snapshot shows lock waits".to_owned(),
            Some(longest) if longest <= 0.0 => {
                format!("none longer than {} in {} snapshots", after.step(), snapshots.len())
            }
            Some(longest) => format!("longest {longest:.1} s in {} snapshots", snapshots.len()),
        };
        Bound { enough: longest.is_some(), value: longest, limit: Some(FIRE_S), detail }
    }
}
