//! What a criterion of recovery is, and what all of them look at.

use crate::detect::{Found, Picture};
use crate::events::{Access, Events, Lane, Snapshot};
use crate::report::Kind;
use crate::statistics::{quantile, quantile_of};

use super::series::{Series, Span, silences};

/// Longest silence of a busy source that is no hole, µs (methods 6.1).
pub const LONGEST_SILENCE_US: i64 = 60_000_000;
/// A source is silent for over this many typical gaps by chance once in exp(10) = 22 000 gaps.
const TYPICAL_GAPS: i64 = 10;
/// Time before an incident that serves as the baseline, µs.
const BASELINE_US: i64 = 3_600_000_000;
/// Fewer snapshots than this are notes taken by hand, not a sampling.
const FEWEST_SAMPLES: usize = 10;

/// What the captured window allows to say of a criterion beyond its series.
#[derive(Debug, Clone, Default)]
pub struct Bound {
    /// Enough was seen in the window to call the criterion true. `false` makes a pass unknown.
    pub enough: bool,
    /// Value in the window.
    pub value: Option<f64>,
    /// The limit it is held against.
    pub limit: Option<f64>,
    /// One sentence with figures.
    pub detail: String,
}

/// One criterion of the runbook. A new one is a file and a line in [`super::ALL`].
pub trait Criterion: Sync {
    /// Stable id.
    fn id(&self) -> &'static str;
    /// False and unknown stretches, from the incident's end to the end of the capture.
    fn series(&self, after: &After<'_>) -> Series;
    /// The bound that the data allow in a window.
    fn bound(&self, after: &After<'_>, window: Span) -> Bound;
    /// Without it there is no verdict `recovered`.
    fn decisive(&self, _kind: Kind) -> bool {
        false
    }
    /// Users feel it when it is false: a lasting return of it is a relapse.
    fn felt(&self) -> bool {
        false
    }
}

/// The time after one incident, and the time before it to compare with.
pub struct After<'e> {
    /// The incident.
    pub incident: &'e Found,
    /// Everything.
    pub picture: &'e Picture<'e>,
    /// Where looking begins: behind the incident's end, or at its start when it never ended, µs.
    pub from_us: i64,
    /// Time before the incident, at most an hour, µs.
    pub baseline: Span,
    /// Last instant of any source, µs.
    pub capture_end_us: i64,
    /// How long it must hold, µs.
    pub hold_us: i64,
    /// Where the access log is silent.
    pub access_silent: Vec<Span>,
    /// Where the Odoo log is silent.
    pub odoo_silent: Vec<Span>,
    /// Typical step between snapshots, µs; `None` if they were not sampled.
    pub snapshot_step_us: Option<i64>,
}

impl<'e> After<'e> {
    /// Looks at what there is.
    #[must_use]
    pub fn new(incident: &'e Found, picture: &'e Picture<'e>, hold_us: i64) -> Self {
        let events = picture.events;
        let access: Vec<i64> = events.access.iter().map(|access| access.end_us).collect();
        let mut odoo: Vec<i64> = events.odoo.iter().map(|event| event.us).collect();
        odoo.extend(events.served.iter().map(|request| request.end_us));
        odoo.sort_unstable();
        let mut steps: Vec<i64> = Vec::new();
        for (before, now) in events.snapshots.iter().zip(events.snapshots.iter().skip(1)) {
            steps.extend(Some(now.us - before.us).filter(|step| *step >= 500_000));
        }
        let sampled = steps.len() >= FEWEST_SAMPLES;
        steps.sort_unstable();
        After {
            incident,
            picture,
            from_us: incident.end_us.saturating_add(1),
            baseline: (
                picture.window.0.max(incident.start_us.saturating_sub(BASELINE_US)),
                incident.start_us,
            ),
            capture_end_us: picture.window.1,
            hold_us,
            access_silent: silences(&access, longest_silence(&access)),
            odoo_silent: silences(&odoo, longest_silence(&odoo)),
            snapshot_step_us: quantile(&steps, 0.5).filter(|_| sampled),
        }
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &'e Events {
        self.picture.events
    }

    /// Requests that ended in a span, in order.
    #[must_use]
    pub fn access(&self, span: Span) -> &'e [Access] {
        self.events().access_between(span.0, span.1.saturating_sub(1))
    }

    /// Requests of the prefork workers that ended in a span.
    pub fn http(&self, span: Span) -> impl Iterator<Item = &'e Access> {
        self.access(span).iter().filter(|access| access.lane == Lane::Http)
    }

    /// Snapshots taken in a span, in order.
    #[must_use]
    pub fn snapshots(&self, span: Span) -> &'e [Snapshot] {
        let snapshots = &self.events().snapshots;
        let from = snapshots.partition_point(|snapshot| snapshot.us < span.0);
        let to = snapshots.partition_point(|snapshot| snapshot.us < span.1);
        snapshots.get(from..to).unwrap_or_default()
    }

    /// From where looking begins to the end of the capture.
    #[must_use]
    pub fn rest(&self) -> Span {
        (self.from_us, self.capture_end_us.saturating_add(1))
    }

    /// A series of samples taken with the snapshots, or an absent one when there was no sampling.
    #[must_use]
    pub fn sampled(&self, bad: Vec<Span>, known_at: &[i64]) -> Series {
        let Some(step_us) = self.snapshot_step_us.filter(|_| known_at.len() >= FEWEST_SAMPLES) else {
            return Series { bad: super::series::union(bad), ..Series::absent() };
        };
        let hole_us = step_us.saturating_mul(2).max(LONGEST_SILENCE_US);
        Series::new(bad, silences(known_at, step_us.saturating_mul(2)), hole_us)
    }

    /// `5 s`: what a snapshot criterion cannot exclude is shorter than this.
    #[must_use]
    pub fn step(&self) -> String {
        self.snapshot_step_us.map_or_else(|| "?".to_owned(), |step| format!("{:.0} s", step as f64 / 1e6))
    }
}

/// A silence longer than this is a hole, µs: 60 s, or ten typical gaps where traffic is low.
fn longest_silence(times: &[i64]) -> i64 {
    let mut gaps: Vec<i64> = times.windows(2).filter_map(|pair| Some(pair.get(1)? - pair.first()?)).collect();
    let typical = quantile_of(&mut gaps, 0.5).unwrap_or(0);
    typical.saturating_mul(TYPICAL_GAPS).max(LONGEST_SILENCE_US)
}
