//! Statements over 30 s are under control: none that began after the incident, and those left over from it drain.

use crate::events::{Snapshot, State};

use super::criterion::{After, Bound, Criterion};
use super::series::{Series, Span};

/// No new statement gets older than 30 s. Statements that killed workers left behind run on (PostgreSQL notices a lost
/// client only when it talks to it); they may drain for ten minutes.
pub struct ActiveStatements;

const LONG_US: i64 = 30_000_000;
const LONGEST_DRAIN_US: i64 = 600_000_000;

/// Statements over 30 s, as counted or as listed.
fn long(snapshot: &Snapshot) -> Option<u32> {
    let listed = listed(snapshot, i64::MIN);
    let counted = snapshot.counts.and_then(|counts| counts.active_over_30s);
    let lists = snapshot.counts.is_none() || !snapshot.sessions.is_empty();
    counted.max(lists.then_some(listed))
}

/// Listed statements over 30 s that began after `since_us`.
fn listed(snapshot: &Snapshot, since_us: i64) -> u32 {
    let active = snapshot.sessions.iter().filter(|session| session.state == State::Active);
    let count = active
        .filter_map(|session| session.query_age_us)
        .filter(|age| *age > LONG_US && snapshot.us.saturating_sub(*age) > since_us)
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Criterion for ActiveStatements {
    fn id(&self) -> &'static str {
        "active_over_30s"
    }

    fn series(&self, after: &After<'_>) -> Series {
        let end_us = after.from_us;
        // As many as ran before the incident did no harm.
        let usual = after.snapshots(after.baseline).iter().filter_map(long).max().unwrap_or(0);
        let mut known = Vec::new();
        let mut samples = Vec::new();
        let mut fewest = u32::MAX;
        for snapshot in after.snapshots(after.rest()) {
            let Some(all) = long(snapshot) else { continue };
            known.push(snapshot.us);
            let left_over_ok = snapshot.us <= end_us.saturating_add(LONGEST_DRAIN_US);
            // A count does not tell old from new: it may only fall once nothing old can still pass 30 s.
            let grew = snapshot.sessions.is_empty() && all > fewest;
            if snapshot.us > end_us.saturating_add(LONG_US) {
                fewest = fewest.min(all);
            }
            let new = if grew { all } else { listed(snapshot, end_us) };
            let bad = new > usual || (all > usual && !left_over_ok);
            samples.push((snapshot.us, f64::from(u8::from(bad))));
        }
        let before = after.snapshots((i64::MIN, end_us)).iter().filter(|snapshot| long(snapshot).is_some());
        let mut times: Vec<i64> = before.map(|snapshot| snapshot.us).collect();
        times.extend(known);
        after.sampled(super::series::over(samples, 0.5, 0.5), &times)
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let snapshots = after.snapshots(window);
        let most = snapshots.iter().filter_map(long).max();
        let last_seen = snapshots
            .iter()
            .rev()
            .find(|snapshot| long(snapshot).is_some_and(|long| long > 0))
            .map(|at| at.us);
        let detail = match (most, last_seen) {
            (None, _) => "no snapshot".to_owned(),
            (_, None) => {
                format!("none over 30 s in {} snapshots, one every {}", snapshots.len(), after.step())
            }
            (Some(most), Some(last)) => format!(
                "at most {most} over 30 s, the last {:.0} s after the incident; {} snapshots",
                (last - after.incident.end_us) as f64 / 1e6,
                snapshots.len()
            ),
        };
        Bound { enough: most.is_some(), value: most.map(f64::from), limit: Some(0.0), detail }
    }
}
