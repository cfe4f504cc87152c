//! Bursts of kills: methods 1.2. A kill is a sentinel event whose healthy rate is zero, so an absolute rule stands
//! beside the predictive test.

use crate::statistics::predictive_tail;

/// Shortest quiet time assumed for the rate outside the burst, seconds.
const LEAST_QUIET_S: f64 = 600.0;
/// Chance below which a group is no accident.
const LEVEL: f64 = 0.01;

/// Judges a group of kills in order of time (µs). `outside` kills happened in the rest of `window`, which is what the
/// logs cover; `limit_us` is the time limit that killed. `None`: no burst.
#[must_use]
pub fn judge(
    group: &[i64],
    outside: u64,
    limit_us: i64,
    workers: Option<u32>,
    window: (i64, i64),
) -> Option<String> {
    let (first, last) = (group.first()?, group.last()?);
    let span_s = ((last - first) as f64 / 1e6).max(10.0);
    let quiet_s = ((window.1 - window.0) as f64 / 1e6 - span_s).max(LEAST_QUIET_S);
    // Any kill might have begun the group, hence the number of tries.
    let tries = group.len() as f64 + outside as f64;
    let chance = (predictive_tail(group.len() as u64 - 1, outside, quiet_s, span_s) * tries).min(1.0);
    let half = workers.map(|workers| (workers as usize).div_ceil(2).max(2));
    let absolute =
        most_within(group, 120_000_000) >= 3 || half.is_some_and(|half| most_within(group, limit_us) >= half);
    (group.len() >= 2 && (chance < LEVEL || absolute)).then(|| {
        format!(
            "{} worker kills in {span_s:.0} s, {outside} outside in {:.0} min{}",
            group.len(),
            quiet_s / 60.0,
            match chance {
                chance if chance < 1e-9 => "; chance under the quiet rate below 1e-9".to_owned(),
                chance if chance < LEVEL => format!("; chance under the quiet rate {chance:.1e}"),
                _ => String::new(),
            }
        )
    })
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
        let reason = judge(&[1000 * S, 1004 * S, 1008 * S], 0, 20 * S, Some(4), window).unwrap();
        assert!(reason.starts_with("3 worker kills in 10 s, 0 outside"), "{reason}");
        assert_eq!(judge(&[1000 * S], 0, 20 * S, Some(4), window), None);
        assert_eq!(judge(&[], 0, 20 * S, None, window), None);
    }

    #[test]
    fn a_bundle_that_is_all_incident_has_its_burst() {
        let times: Vec<i64> = (0..20).map(|kill| kill * 30 * S).collect();
        assert!(judge(&times, 0, 20 * S, Some(4), (0, 600 * S)).is_some());
    }

    #[test]
    fn kills_at_the_usual_rate_are_no_burst() {
        assert_eq!(judge(&[1000 * S, 1300 * S], 11, 20 * S, Some(8), (0, 3600 * S)), None);
    }
}
