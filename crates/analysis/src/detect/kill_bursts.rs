//! Bursts of kills: methods 1.2. A kill is a sentinel event whose healthy rate is zero, so an absolute rule stands
//! beside the predictive test.

use crate::statistics::predictive_tail;

/// A burst, as positions in the list of times given, and why it is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// First kill, µs.
    pub first_us: i64,
    /// Last kill, µs.
    pub last_us: i64,
    /// The finding, with its figures.
    pub reason: String,
}

/// Shortest quiet time assumed for the rate outside the burst, seconds.
const LEAST_QUIET_S: f64 = 600.0;
/// Chance below which a group is no accident.
const LEVEL: f64 = 0.01;

/// Finds the bursts in sorted kill times (µs). `gap_us` links kills, `window` is what the logs cover.
#[must_use]
pub fn find(times: &[i64], gap_us: i64, limit_us: i64, workers: Option<u32>, window: (i64, i64)) -> Vec<Burst> {
    let mut bursts = Vec::new();
    for group in times.chunk_by(|a, b| b - a <= gap_us) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let span_s = ((last - first) as f64 / 1e6).max(10.0);
        let outside = (times.len() - group.len()) as u64;
        let quiet_s = ((window.1 - window.0) as f64 / 1e6 - span_s).max(LEAST_QUIET_S);
        let chance = (predictive_tail(group.len() as u64 - 1, outside, quiet_s, span_s) * times.len() as f64).min(1.0);
        let in_120 = most_within(group, 120_000_000);
        let in_limit = most_within(group, limit_us);
        let half = workers.map(|workers| (workers as usize).div_ceil(2).max(2));
        let absolute = in_120 >= 3 || half.is_some_and(|half| in_limit >= half);
        if group.len() >= 2 && (chance < LEVEL || absolute) {
            let reason = format!(
                "{} worker kills in {:.0} s, {} outside in {:.0} min; chance under the quiet rate {}",
                group.len(),
                span_s,
                outside,
                quiet_s / 60.0,
                if chance < 1e-9 { "below 1e-9".to_owned() } else { format!("{chance:.1e}") }
            );
            bursts.push(Burst { first_us: *first, last_us: *last, reason });
        }
    }
    bursts
}

/// The most times inside any window of `width_us`.
fn most_within(times: &[i64], width_us: i64) -> usize {
    let mut best = 0;
    let mut start = 0;
    for (end, time) in times.iter().enumerate() {
        while times.get(start).is_some_and(|first| time - first > width_us) {
            start += 1;
        }
        best = best.max(end + 1 - start);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    #[test]
    fn a_volley_is_a_burst_and_a_lone_kill_is_not() {
        let window = (0, 3600 * S);
        let burst = find(&[1000 * S, 1004 * S, 1008 * S], 120 * S, 20 * S, Some(4), window);
        assert_eq!((burst.len(), burst[0].first_us, burst[0].last_us), (1, 1000 * S, 1008 * S));
        assert!(find(&[1000 * S], 120 * S, 20 * S, Some(4), window).is_empty());
        assert!(find(&[], 120 * S, 20 * S, None, window).is_empty());
    }

    #[test]
    fn a_bundle_that_is_all_incident_has_its_burst() {
        let times: Vec<i64> = (0..20).map(|kill| kill * 30 * S).collect();
        assert_eq!(find(&times, 120 * S, 20 * S, Some(4), (0, 600 * S)).len(), 1);
    }
}
