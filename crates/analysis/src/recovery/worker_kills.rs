//! Worker kills are back at their baseline, which is none.

use crate::lives::Death;
use crate::report::Kind;
use crate::statistics::predictive_tail;

use super::criterion::{After, Bound, Criterion, LONGEST_SILENCE_US};
use super::series::{Series, Span, intersection};

/// No kill in the hold. A kill is known not to have happened where the Odoo log speaks, and also where the access log
/// does: the request of a killed worker ends as a 502 (or as a 504 before).
pub struct WorkerKills;

fn kills<'e>(after: &'e After<'_>, span: Span) -> impl Iterator<Item = &'e Death> {
    let deaths = after.picture.deaths;
    let from = deaths.partition_point(|death| death.us < span.0);
    let texts = &after.picture.events.texts;
    deaths
        .iter()
        .skip(from)
        .take_while(move |death| death.us < span.1)
        .filter(|death| death.reason.is_kill())
        // Idle cron workers that a short limit kills are a matter of configuration.
        .filter(|death| !texts.get(death.class).contains("Cron"))
}

impl Criterion for WorkerKills {
    fn id(&self) -> &'static str {
        "worker_kills"
    }

    fn series(&self, after: &After<'_>) -> Series {
        let before = kills(after, after.baseline).count() as u64;
        let quiet_s = (after.baseline.1 - after.baseline.0) as f64 / 1e6;
        let hold_s = after.hold_us as f64 / 1e6;
        let times: Vec<i64> = kills(after, after.rest()).map(|death| death.us).collect();
        // Lone kills that were as frequent before the incident are the baseline.
        let usual = before > 0
            && predictive_tail(times.len() as u64, before, quiet_s.max(600.0), hold_s.max(1.0)) > 0.05;
        let bad = if usual { Vec::new() } else { times.iter().map(|us| (*us, us + 1)).collect() };
        let unknown = intersection(&after.access_silent, &after.odoo_silent);
        Series::new(bad, unknown, LONGEST_SILENCE_US)
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let count = kills(after, window).count();
        let minutes = (window.1 - window.0) as f64 / 60e6;
        let odoo = Series::new(Vec::new(), after.odoo_silent.clone(), LONGEST_SILENCE_US).known(window).0;
        let seen_by = if odoo >= 0.9 {
            String::new()
        } else {
            "; the Odoo log says too little, but no 502 or 504 at nginx shows a killed worker".to_owned()
        };
        let detail = if count > 0 {
            format!("{count} {} in {minutes:.1} min", if count == 1 { "kill" } else { "kills" })
        } else {
            // Rule of three: no event in t bounds the rate at 3/t with 95 %.
            format!("0 kills bound the rate at {:.1}/min (95 %){seen_by}", 3.0 / minutes.max(0.01))
        };
        Bound { enough: true, value: Some(count as f64), limit: Some(0.0), detail }
    }

    fn decisive(&self, _kind: Kind) -> bool {
        true
    }

    fn felt(&self) -> bool {
        true
    }
}
