//! Whether recovery held (methods 6): every criterion is true, false or unknown over time; the earliest moment from
//! which all of them stay true for the whole hold is the recovery. Any false restarts the clock; unknown neither passes
//! nor restarts it, but too much of it leaves the verdict unknown. Missing data never reads as good.

pub mod active_statements;
pub mod bus_lane;
pub mod criterion;
pub mod critical_flows;
pub mod gateway_errors;
pub mod idle_in_transaction;
pub mod latency;
pub mod lock_waits;
pub mod queue;
pub mod series;
pub mod worker_kills;

use rayon::prelude::*;

use crate::action;
use crate::detect::{Found, Picture};
use crate::report::{Action, Recovery, Time};
use criterion::{After, Bound, Criterion};
use series::{Series, Span, union};

/// How long it must hold unless told otherwise, µs.
pub const HOLD_US: i64 = 900_000_000;

/// The criteria, in the order of the runbook.
pub const ALL: &[&dyn Criterion] = &[
    &worker_kills::WorkerKills,
    &gateway_errors::GatewayErrors,
    &bus_lane::BusLane,
    &active_statements::ActiveStatements,
    &idle_in_transaction::IdleInTransaction,
    &lock_waits::LockWaits,
    &latency::Latency,
    &queue::Queue,
    &critical_flows::LOGIN,
    &critical_flows::SALE_CONFIRM,
    &critical_flows::INVOICE_POST,
];

/// Failures this close to the end of the logs went on when the capture was taken, µs.
const STILL_FAILING_US: i64 = 30_000_000;
/// Share of the hold that must be known.
const KNOWN_SHARE: f64 = 0.9;
/// What comes back after this long is a relapse, what comes sooner is the same failure going on, µs.
const QUIET_US: i64 = 120_000_000;
/// What users feel for this long again is a relapse, not a blip, µs.
const LASTING_US: i64 = 60_000_000;

/// Earliest start from which nothing is bad for `hold_us`, else the last start; and whether it held to `end_us`.
/// `bad` is sorted and disjoint.
fn clock(from: i64, bad: &[Span], hold_us: i64, end_us: i64) -> (i64, bool) {
    let mut start = from;
    for span in bad {
        if span.0 >= start.saturating_add(hold_us) {
            break;
        }
        start = start.max(span.1);
    }
    (start, end_us >= start.saturating_add(hold_us))
}

/// Something users feel came back after a quiet time and stayed: when.
fn came_back(from: i64, felt: &[Span], until: i64) -> Option<i64> {
    let (mut since, mut last) = (from, from);
    for span in felt.iter().filter(|span| span.0 < until) {
        if span.0.saturating_sub(last) >= QUIET_US {
            since = span.0;
        }
        last = last.max(span.1);
        if since > from && last.saturating_sub(since) >= LASTING_US {
            return Some(since);
        }
    }
    None
}

type Track = (&'static dyn Criterion, Series);

fn tracks(after: &After<'_>) -> Vec<Track> {
    ALL.par_iter().map(|criterion| (*criterion, criterion.series(after))).collect()
}

/// The criteria over one hold.
struct Window {
    criteria: Vec<crate::report::Criterion>,
    /// Every criterion that is asked for is known to be true.
    all_known: bool,
    /// Where the last hole that is too long ends.
    hole_end: Option<i64>,
}

fn judge_window(tracks: &[Track], after: &After<'_>, start: i64) -> Window {
    let span = (start, start.saturating_add(after.hold_us));
    let mut window = Window { criteria: Vec::new(), all_known: true, hole_end: None };
    for (criterion, series) in tracks {
        let one = status(*criterion, series, after, span);
        // A source that was never captured is not asked for; one that stops or has holes is.
        let needed = criterion.decisive(after.incident.kind) || (!series.absent && one.lost);
        if needed && one.status == "unknown" {
            window.all_known = false;
            let inside = series.unknown.iter().filter(|hole| hole.0 < span.1 && hole.1 > start);
            window.hole_end =
                window.hole_end.max(inside.map(|hole| hole.1).filter(|end| *end < span.1).max());
        }
        window.criteria.push(one.into_report(*criterion, start));
    }
    window
}

/// Judges one incident. `next_start` is when the following incident of the same kind began.
#[must_use]
pub fn judge(
    incident: &Found,
    picture: &Picture<'_>,
    next_start: Option<i64>,
    actions: &[Action],
    hold_us: i64,
) -> Recovery {
    let mut after = After::new(incident, picture, hold_us.max(series::BUCKET_US));
    let tracks = tracks(&after);
    let from = incident.end_us.saturating_add(1);
    let gathered = |wanted: &dyn Fn(&dyn Criterion) -> bool| {
        let tracks = tracks.iter().filter(|(criterion, _)| wanted(*criterion));
        union(tracks.flat_map(|(_, series)| series.bad.iter().copied()).collect())
    };
    let mut bad = gathered(&|_| true);
    bad.extend(next_start.filter(|start| *start >= from).map(|start| (start, start + 1)));
    let bad = union(bad);
    let end_us = after.capture_end_us.saturating_add(1);
    let (mut start, mut held) = clock(from, &bad, after.hold_us, end_us);
    let mut judged = judge_window(&tracks, &after, start);
    // A hole does not restart the clock. Only where twice the hold is known behind it, the hole says nothing any more.
    while let (true, Some(hole_end)) = (held, judged.hole_end) {
        let (later, later_held) = clock(hole_end, &bad, after.hold_us.saturating_mul(2), end_us);
        if !later_held || later <= start {
            break;
        }
        (start, held) = (later, later_held);
        judged = judge_window(&tracks, &after, start);
    }
    let Window { mut criteria, all_known, .. } = judged;
    let window = (start, start.saturating_add(after.hold_us));
    let failing_at_end = |spans: &[Span]| {
        spans.last().is_some_and(|span| after.capture_end_us.saturating_sub(span.1) < STILL_FAILING_US)
    };
    let decisive = gathered(&|criterion| criterion.decisive(incident.kind));
    // What users do not see as failures may take a while to drain.
    let draining = after.capture_end_us.saturating_sub(from) < QUIET_US;
    let failing = failing_at_end(if draining { &decisive } else { &bad });
    let felt = gathered(&|criterion| criterion.felt());
    let returned = next_start
        .filter(|next| *next < window.1)
        .or_else(|| came_back(from, &felt, after.capture_end_us))
        .or_else(|| incident.episodes.get(1).map(|episode| episode.0));
    let over = after.capture_end_us.saturating_sub(incident.end_us) >= STILL_FAILING_US;
    let verdict = if held && all_known {
        "recovered"
    } else if returned.is_some() {
        "relapsed"
    } else if !over || failing {
        "not_recovered"
    } else {
        "unknown"
    };
    let observed_us = after.capture_end_us.min(window.1).saturating_sub(start).max(0);
    let recovered = verdict == "recovered";
    let improving = over && !failing;
    let note = note(&after, verdict, window, held, returned, actions);
    if !recovered && !improving {
        // Nothing has begun to hold: say what fails, over the last stretch of the capture.
        after.from_us = incident.start_us;
        let window = (
            incident.start_us.max(after.capture_end_us.saturating_sub(after.hold_us)),
            after.capture_end_us.saturating_add(1),
        );
        let tracks = self::tracks(&after);
        let judged = tracks.iter().map(|(criterion, series)| {
            status(*criterion, series, &after, window).into_report(*criterion, window.0)
        });
        criteria = judged.collect();
    }
    Recovery {
        verdict,
        recovered_at: recovered.then_some(Time(start.saturating_sub(1))),
        held_s: (over && observed_us > 0).then_some(observed_us as f64 / 1e6),
        required_s: after.hold_us as f64 / 1e6,
        improving_since: (improving && !recovered).then_some(Time(start.saturating_sub(1))),
        note,
        criteria,
    }
}

/// Words for what the verdict alone does not say.
fn note(
    after: &After<'_>,
    verdict: &str,
    window: Span,
    held: bool,
    returned: Option<i64>,
    actions: &[Action],
) -> String {
    let clock = |us: i64| Time(us).format("%H:%M:%S");
    let restart = actions.iter().rev().find(|action| {
        let since = after.incident.end_us.saturating_sub(QUIET_US);
        action::resets(action.kind) && (since..window.1).contains(&action.time.0)
    });
    match (verdict, restart) {
        ("recovered", Some(restart)) => format!(
            "recovered after {} at {}; trigger not shown to be removed",
            restart.kind.replace('_', " "),
            clock(restart.time.0)
        ),
        ("recovered", None) => String::new(),
        ("relapsed", _) => match returned {
            Some(returned) => format!("it came back at {}", clock(returned)),
            None => String::new(),
        },
        ("unknown", _) if held => "the hold is covered too little, see the unknown criteria".to_owned(),
        ("unknown", _) => format!(
            "improving since {}, {} not reached ({} observed)",
            clock(window.0),
            length(after.hold_us),
            length(after.capture_end_us.saturating_sub(window.0).max(0))
        ),
        _ => String::new(),
    }
}

/// `15 min`, `6 min 40 s`.
fn length(us: i64) -> String {
    let seconds = us / 1_000_000;
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// A criterion judged over the window.
struct Judged {
    status: &'static str,
    /// Part of the window was not observed.
    lost: bool,
    bound: Bound,
    why: Option<String>,
}

fn status(criterion: &dyn Criterion, series: &Series, after: &After<'_>, window: Span) -> Judged {
    let seen = (window.0, window.1.min(after.capture_end_us.saturating_add(1)));
    let (share, hole_us) = series.known(window);
    let lost = share < KNOWN_SHARE || hole_us > series.longest_hole_us;
    let bound = criterion.bound(after, seen);
    let early_us = window.1.saturating_sub(after.capture_end_us.saturating_add(1));
    let (status, why) = if series.fails(seen) {
        ("fail", None)
    } else if series.absent && !series.unknown.is_empty() && share <= 0.0 {
        ("unknown", Some("never captured".to_owned()))
    } else if early_us > 0 {
        ("unknown", None)
    } else if lost {
        (
            "unknown",
            Some(format!("{:.0} % of the time covered, longest hole {}", 100.0 * share, length(hole_us))),
        )
    } else if !bound.enough {
        ("unknown", None)
    } else {
        ("pass", None)
    };
    Judged { status, lost: lost || early_us > 0, bound, why }
}

impl Judged {
    fn into_report(self, criterion: &dyn Criterion, start: i64) -> crate::report::Criterion {
        let detail = match self.why {
            Some(why) if self.bound.detail.is_empty() => format!("not known: {why}"),
            Some(why) => format!("{}; not known: {why}", self.bound.detail),
            None => self.bound.detail,
        };
        crate::report::Criterion {
            id: criterion.id(),
            status: self.status,
            since: (self.status == "pass").then_some(Time(start)),
            value: self.bound.value,
            limit: self.bound.limit,
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Access, Events, Lane};
    use proptest::prelude::*;

    #[test]
    fn any_false_restarts_the_clock() {
        assert_eq!(clock(0, &[], 900, 900), (0, true));
        assert_eq!(clock(0, &[], 900, 899), (0, false));
        assert_eq!(clock(0, &[(300, 301)], 900, 1201), (301, true));
        assert_eq!(clock(0, &[(300, 301), (950, 960)], 900, 1500), (960, false));
        // What happens after the hold is another incident.
        assert_eq!(clock(0, &[(950, 960)], 900, 1500), (0, true));
    }

    #[test]
    fn a_blip_is_no_relapse() {
        let second = 1_000_000;
        let spans = |list: &[(i64, i64)]| -> Vec<Span> {
            list.iter().map(|(from, to)| (from * second, to * second)).collect()
        };
        assert_eq!(came_back(0, &spans(&[(300, 310)]), 900 * second), None);
        assert_eq!(came_back(0, &spans(&[(10, 100)]), 900 * second), None);
        assert_eq!(came_back(0, &spans(&[(300, 310), (350, 400)]), 900 * second), Some(300 * second));
    }

    const SECOND: i64 = 1_000_000;

    fn access(second: i64, status: u16) -> Access {
        Access {
            end_us: second * SECOND,
            request_time_us: Some(100_000).into(),
            upstream_us: None.into(),
            connect_us: None.into(),
            never_connected: false,
            status,
            upstream_status: status,
            client: 0,
            upstream_port: 0,
            lane: Lane::Http,
            path: 0,
            method: 0,
            fingerprint: 0,
            input: 0,
            count: 1,
            line: 0,
        }
    }

    /// A storm from second 1000 to 1100 in a capture of `length` seconds; `keep` says which seconds the log has.
    fn judged(length: i64, status: impl Fn(i64) -> u16, keep: impl Fn(i64) -> bool) -> Recovery {
        let events = Events {
            access: (0..=length).filter(|at| keep(*at)).map(|at| access(at, status(at))).collect(),
            ..Events::default()
        };
        let facts = crate::facts::Facts::of(&events);
        let picture = Picture {
            events: &events,
            deaths: &[],
            facts: &facts,
            window: (0, length * SECOND),
            spans: &[],
            streams: &[],
            ordering: &crate::align::Ordering::default(),
        };
        let storm = (1000 * SECOND, 1100 * SECOND);
        let found = Found {
            kind: crate::report::Kind::HttpErrorBurst,
            start_us: storm.0,
            end_us: storm.1,
            reasons: Vec::new(),
            episodes: vec![storm],
            failures: 100,
            isolated: false,
        };
        judge(&found, &picture, None, &[], HOLD_US)
    }

    fn storm(at: i64) -> u16 {
        if (1000..=1100).contains(&at) { 504 } else { 200 }
    }

    #[test]
    fn it_has_to_hold_to_the_end() {
        let recovery = judged(2001, storm, |_| true);
        assert_eq!((recovery.verdict, recovery.recovered_at), ("recovered", Some(Time(1100 * SECOND))));
        let early = judged(1500, storm, |_| true);
        assert_eq!(early.verdict, "unknown");
        assert_eq!(early.note, "improving since 00:18:20, 15 min not reached (6 min 39 s observed)");
        assert_eq!(judged(1110, storm, |_| true).verdict, "not_recovered");
    }

    #[test]
    fn one_error_is_tolerated_a_pair_restarts_the_clock() {
        let with = |bad: &'static [i64]| move |at: i64| if bad.contains(&at) { 502 } else { storm(at) };
        assert_eq!(judged(2100, with(&[1500]), |_| true).recovered_at, Some(Time(1100 * SECOND)));
        assert_eq!(judged(2100, with(&[1500, 1520]), |_| true).verdict, "unknown");
        assert_eq!(judged(2500, with(&[1500, 1520]), |_| true).recovered_at, Some(Time(1520 * SECOND)));
    }

    #[test]
    fn too_few_requests_prove_nothing() {
        let recovery = judged(2100, storm, |at| at <= 1100 || at % 20 == 0);
        assert_eq!(recovery.verdict, "unknown");
        assert!(recovery.criteria[1].detail.starts_with("no errors, but only 45 requests"), "{recovery:?}");
    }

    proptest! {
        /// Missing data never reads as good: no hole over a minute and no early end passes.
        #[test]
        fn a_hole_is_never_recovery(from in 1101i64..1930, length in 62i64..900, end in 1200i64..2600) {
            let recovery = judged(end, storm, |at| !(from..from + length).contains(&at));
            prop_assert!(recovery.verdict != "recovered" || end < from, "{recovery:?}");
        }

        /// Where the clock says it held, nothing is bad inside the hold.
        #[test]
        fn nothing_bad_inside_the_hold(spans in prop::collection::vec((0i64..5000, 1i64..50), 0..20), end in 0i64..6000) {
            let bad = union(spans.into_iter().map(|(from, length)| (from, from + length)).collect());
            let (start, held) = clock(100, &bad, 900, end);
            prop_assert!(start >= 100);
            if held {
                prop_assert!(end >= start + 900);
                prop_assert!(bad.iter().all(|span| span.1 <= start || span.0 >= start + 900));
            }
        }
    }
}
