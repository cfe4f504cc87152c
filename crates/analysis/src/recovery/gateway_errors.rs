//! 502 and 504 are near zero: the upper confidence limit is, not the point estimate.

use crate::report::Kind;
use crate::statistics::wilson95;

use super::criterion::{After, Bound, Criterion, LONGEST_SILENCE_US};
use super::series::{Series, Span};

/// At most one bad answer in the hold, and the Wilson upper limit of the ratio within 1 %, or twice the baseline's.
pub struct GatewayErrors;

/// Upper limit accepted without a baseline that is worse.
const LEVEL: f64 = 0.01;
/// A baseline that is worse than this is itself an incident.
const HIGHEST_LEVEL: f64 = 0.05;
/// This many 500 and 503 within a minute are failures of the service, not of one request.
const MANY: usize = 3;
const MINUTE_US: i64 = 60_000_000;

fn gateway(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// Times of bad answers that do not stand alone: more than one within a hold.
fn accompanied(times: &[i64], hold_us: i64) -> Vec<Span> {
    let near = |a: Option<&i64>, b: i64| a.is_some_and(|a| a.abs_diff(b) < hold_us.unsigned_abs());
    let mut bad = Vec::new();
    for (at, us) in times.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| times.get(before));
        if near(before, *us) || near(times.get(at + 1), *us) {
            bad.push((*us, us + 1));
        }
    }
    bad
}

/// The level the upper limit is held against: max(1 %, 2 × baseline upper limit).
fn level(after: &After<'_>) -> f64 {
    let (mut all, mut bad) = (0, 0);
    for access in after.http(after.baseline) {
        all += u64::from(access.count);
        bad += u64::from(gateway(access.status)) * u64::from(access.count);
    }
    let baseline = wilson95(bad, all).map_or(0.0, |[_, upper]| upper);
    (2.0 * baseline).clamp(LEVEL, HIGHEST_LEVEL)
}

impl Criterion for GatewayErrors {
    fn id(&self) -> &'static str {
        "http_502_504"
    }

    fn series(&self, after: &After<'_>) -> Series {
        if after.events().access.is_empty() {
            return Series::absent();
        }
        let (mut gateways, mut errors) = (Vec::new(), Vec::new());
        for access in after.http(after.rest()) {
            // Two tell that one did not stand alone, so many that they were many.
            let times = std::iter::repeat_n(access.end_us, (access.count as usize).min(MANY));
            if gateway(access.status) {
                gateways.extend(times);
            } else if access.failed() {
                errors.extend(times);
            }
        }
        let mut bad = accompanied(&gateways, after.hold_us);
        bad.extend(errors.windows(MANY).filter_map(|window| {
            let (first, last) = (*window.first()?, *window.last()?);
            (last - first <= MINUTE_US).then_some((first, last + 1))
        }));
        Series::new(bad, after.access_silent.clone(), LONGEST_SILENCE_US)
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let (mut all, mut bad) = (0u64, 0u64);
        for access in after.http(window) {
            all += u64::from(access.count);
            bad += u64::from(gateway(access.status)) * u64::from(access.count);
        }
        let level = level(after);
        let upper = wilson95(bad, all).map_or(1.0, |[_, upper]| upper);
        let enough = upper <= level;
        let percent = 100.0 * upper;
        let detail = match (bad, all) {
            (_, 0) => "no request".to_owned(),
            (0, _) if !enough => format!("no errors, but only {all} requests: upper bound {percent:.1} %"),
            _ => format!("{bad} of {all} requests: upper bound {percent:.1} % (95 %)"),
        };
        Bound { enough, value: (all > 0).then_some(upper), limit: Some(level), detail }
    }

    fn decisive(&self, kind: Kind) -> bool {
        kind != Kind::BusOutage
    }

    fn felt(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_lone_error_is_tolerated_two_are_not() {
        assert!(super::accompanied(&[100], 900).is_empty());
        assert!(super::accompanied(&[100, 1000], 900).is_empty());
        assert_eq!(super::accompanied(&[100, 999, 5000], 900), [(100, 101), (999, 1000)]);
    }
}
