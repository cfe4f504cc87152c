//! What followed an action: rates before and after, the last failure, and in plain words what a restart did not do.

use stormtrace_logs::timestamp::SECOND_US;

use crate::detect::Picture;
use crate::events::Lane;
use crate::report::Time;

use super::{Seen, resets};

/// Rates are taken over this long before and after, µs.
const SPAN_US: i64 = 120 * SECOND_US;
/// What was under way when it happened fails within this, µs.
const UNDER_WAY_US: i64 = 10 * SECOND_US;
/// A storm that returns within this was never cured, µs.
const BACK_US: i64 = 900 * SECOND_US;
/// Failures that make a storm and no accident, and the time they take at most, µs.
const STORM: (usize, i64) = (3, 120 * SECOND_US);
/// Failures further apart belong to something else, µs.
const GAP_US: i64 = 300 * SECOND_US;

/// Sorted times of failures and kills, µs.
pub struct Marks {
    http: Vec<i64>,
    bus: Vec<i64>,
    kills: Vec<i64>,
}

fn count(times: &[i64], from: i64, to: i64) -> usize {
    times.partition_point(|us| *us < to) - times.partition_point(|us| *us < from)
}

impl Marks {
    /// Gathers them.
    #[must_use]
    pub fn of(picture: &Picture<'_>) -> Self {
        let failed = |lane: Lane| -> Vec<i64> {
            let access = picture.events.access.iter().filter(|access| access.lane == lane && access.failed());
            access.flat_map(|access| std::iter::repeat_n(access.end_us, access.count as usize)).collect()
        };
        let kills = picture.deaths.iter().filter(|death| death.reason.is_kill());
        Marks {
            http: failed(Lane::Http),
            bus: failed(Lane::Bus),
            kills: kills.map(|death| death.us).collect(),
        }
    }

    /// What followed, in one or two sentences.
    #[must_use]
    pub fn after(&self, action: &Seen) -> String {
        let lane = if action.kind == "bus_restart" { &self.bus } else { &self.http };
        let what = if action.kind == "bus_restart" { "bus failures" } else { "5xx" };
        let settled = action.done_us.saturating_add(UNDER_WAY_US);
        let rates = |times: &[i64]| {
            let before = count(times, action.us.saturating_sub(SPAN_US), action.us);
            let after = count(times, settled, settled.saturating_add(SPAN_US));
            (before, after)
        };
        let (failed, killed) = (rates(lane), rates(&self.kills));
        let (before, after) = (failed.0 + killed.0, failed.1 + killed.1);
        let judgement = match (before, after) {
            (0, 0) => "no failures before or after".to_owned(),
            (0, _) => "failures began after it".to_owned(),
            (_, 0) => "failures ended".to_owned(),
            _ if 5 * after < before => "failures fell".to_owned(),
            _ => "failures went on".to_owned(),
        };
        let per_minute = |count: usize| format!("{:.1}", count as f64 / (SPAN_US / SECOND_US) as f64 * 60.0);
        let mut text = format!("{judgement}: {what} {} → {}/min", per_minute(failed.0), per_minute(failed.1));
        if killed.0 + killed.1 > 0 {
            text.push_str(&format!(", kills {} → {}/min", per_minute(killed.0), per_minute(killed.1)));
        }
        if let Some(last) = self.last_failure(lane, action.done_us).filter(|_| before > 0) {
            text.push_str(&format!(
                "; last failure {:.0} s after it",
                last.saturating_sub(action.done_us).max(0) as f64 / 1e6
            ));
        }
        if resets(action.kind) {
            text.push_str(&self.restart(action, before));
        }
        text
    }

    /// The last failure of the run that goes on after `us`.
    fn last_failure(&self, lane: &[i64], us: i64) -> Option<i64> {
        let mut last = us;
        for times in [lane, &self.kills] {
            for at in times.iter().skip(times.partition_point(|at| *at <= us)) {
                if at.saturating_sub(last) > GAP_US {
                    break;
                }
                last = last.max(*at);
            }
        }
        (last > us).then_some(last)
    }

    /// A restart takes sessions, locks and requests in flight with it, and does not touch what caused them.
    fn restart(&self, action: &Seen, before: usize) -> String {
        let settled = action.done_us.saturating_add(UNDER_WAY_US);
        let mut later: Vec<i64> = Vec::new();
        for times in [&self.http, &self.kills] {
            let from = times.partition_point(|us| *us < settled);
            later.extend(times.iter().skip(from).take_while(|us| **us <= settled.saturating_add(BACK_US)));
        }
        later.sort_unstable();
        let back = later
            .windows(STORM.0)
            .find_map(|run| {
                let (first, last) = (*run.first()?, *run.last()?);
                (last - first <= STORM.1).then_some(first)
            })
            .filter(|_| before > 0);
        let clock = |us: i64| Time(us).format("%H:%M:%S");
        match back {
            Some(back) => format!(
                ". Restarted at {}, storm back at {}: the trigger was not removed",
                clock(action.us),
                clock(back)
            ),
            None if before > 0 && action.kind != "odoo_start" => {
                ". It destroyed the sessions and requests in flight, and the evidence in them".to_owned()
            }
            None => String::new(),
        }
    }
}
