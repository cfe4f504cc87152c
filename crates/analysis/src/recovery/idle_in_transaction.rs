//! No session sits idle in an open transaction.

use crate::events::{Snapshot, State};

use super::criterion::{After, Bound, Criterion};
use super::series::{Series, Span, over};

/// The oldest idle transaction: bad over 30 s, good again under 10 s.
pub struct IdleInTransaction;

const FIRE_S: f64 = 30.0;
const LOW_S: f64 = 10.0;

/// Age of the oldest listed session idle in transaction, seconds; 0 where the snapshot shows that there is none.
fn oldest_s(snapshot: &Snapshot) -> Option<f64> {
    let idle = snapshot.sessions.iter().filter(|session| session.state == State::IdleInTransaction);
    let ages = idle.filter_map(|session| session.state_age_us.or(session.xact_age_us));
    let none = snapshot.total.is_some()
        || snapshot.counts.is_some_and(|counts| counts.idle_in_transaction == Some(0));
    ages.max().map(|age| age as f64 / 1e6).or(none.then_some(0.0))
}

/// Ages by snapshot. A mere count over 0 does not tell the age, but none is older than the last snapshot with none.
fn samples(after: &After<'_>) -> Vec<(i64, f64)> {
    let mut samples = Vec::new();
    let mut none_at: Option<i64> = None;
    for snapshot in after.snapshots((i64::MIN, i64::MAX)) {
        if snapshot.counts.is_some_and(|counts| counts.idle_in_transaction == Some(0)) {
            none_at = Some(snapshot.us);
        }
        let counted = snapshot.counts.is_some_and(|counts| counts.idle_in_transaction.is_some());
        let bound_s = none_at.filter(|_| counted).map(|at| (snapshot.us - at) as f64 / 1e6);
        let age = oldest_s(snapshot).or(bound_s.filter(|bound| *bound <= FIRE_S));
        samples.extend(age.map(|age| (snapshot.us, age)));
    }
    samples
}

impl Criterion for IdleInTransaction {
    fn id(&self) -> &'static str {
        "idle_in_transaction"
    }

    fn series(&self, after: &After<'_>) -> Series {
        let samples = samples(after);
        let times: Vec<i64> = samples.iter().map(|sample| sample.0).collect();
        let from = after.incident.start_us;
        let bad = over(samples.into_iter().filter(|sample| sample.0 >= from), FIRE_S, LOW_S);
        after.sampled(bad, &times)
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let snapshots = after.snapshots(window);
        let oldest = snapshots.iter().filter_map(oldest_s).reduce(f64::max);
        let detail = match oldest {
            None => "no snapshot shows idle sessions".to_owned(),
            Some(oldest) => {
                format!("oldest {oldest:.0} s in {} snapshots, one every {}", snapshots.len(), after.step())
            }
        };
        Bound { enough: oldest.is_some(), value: oldest, limit: Some(FIRE_S), detail }
    }
}
