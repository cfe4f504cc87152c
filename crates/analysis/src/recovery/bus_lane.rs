//! The evented lane flows: answers arrive, failures do not.

use crate::events::{Lane, OdooFact};
use crate::report::Kind;
use crate::statistics::wilson95;

use super::criterion::{After, Bound, Criterion, LONGEST_SILENCE_US};
use super::series::{Series, Span};

/// Bus requests succeed and none reaches an HTTP worker.
pub struct BusLane;

/// Two failures this close are no accident: a browser retries within a minute, µs.
const RETRY_US: i64 = 60_000_000;

impl Criterion for BusLane {
    fn id(&self) -> &'static str {
        "bus_lane"
    }

    fn series(&self, after: &After<'_>) -> Series {
        let events = after.events();
        if !events.access.iter().any(|access| access.lane == Lane::Bus) {
            return Series::absent();
        }
        let mut failed: Vec<i64> = Vec::new();
        for access in after.access(after.rest()).iter().filter(|access| access.lane == Lane::Bus) {
            failed.extend(Some(access.end_us).filter(|_| access.failed()));
        }
        let mut bad: Vec<Span> = Vec::new();
        for (one, other) in failed.iter().zip(failed.iter().skip(1)) {
            if other - one <= RETRY_US {
                bad.push((*one, other + 1));
            }
        }
        if after.incident.kind == Kind::BusOutage {
            let (from, to) = after.rest();
            let misrouted = events.odoo.iter().filter(|event| event.fact == OdooFact::BusMisrouted);
            bad.extend(
                misrouted.map(|event| (event.us, event.us + 1)).filter(|span| span.0 >= from && span.0 < to),
            );
        }
        Series::new(bad, after.access_silent.clone(), LONGEST_SILENCE_US)
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let (mut all, mut failed, mut answered) = (0u64, 0u64, 0u64);
        for access in after.access(window).iter().filter(|access| access.lane == Lane::Bus) {
            all += 1;
            failed += u64::from(access.failed());
            answered += u64::from(access.status < 400);
        }
        let upper = wilson95(failed, all).map(|[_, upper]| upper);
        let detail = match upper {
            None => "no bus request".to_owned(),
            Some(upper) => format!(
                "{failed} of {all} bus requests failed, upper bound {:.1} %; {answered} answered",
                100.0 * upper
            ),
        };
        Bound { enough: answered > 0, value: upper, limit: None, detail }
    }

    fn decisive(&self, kind: Kind) -> bool {
        kind == Kind::BusOutage
    }

    fn felt(&self) -> bool {
        true
    }
}
