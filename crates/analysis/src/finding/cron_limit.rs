//! A cron worker that has nothing to do sleeps 60 s plus the last digit of its pid between two signs of life
//! (`WorkerCron.sleep`): a shorter limit kills it for nothing (formats.md 11).

use super::{Look, finding};
use crate::lives::Reason;
use crate::report::{Finding, Reference, Severity};

/// The longest sleep of an idle cron worker, seconds.
const IDLE_S: i64 = 69;

/// `cron_limit_below_idle_wait`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let texts = &look.picture.events.texts;
    let kills: Vec<_> = look
        .picture
        .deaths
        .iter()
        .filter(|death| death.reason == Reason::RealTime && texts.get(death.class).contains("Cron"))
        .filter(|death| death.limit_s.is_some_and(|limit| (1..=IDLE_S).contains(&i64::from(limit))))
        .collect();
    let mut refs: Vec<Reference> = Vec::new();
    let limit = if let Some(first) = kills.first() {
        refs.push(look.places.reference(first.input, first.line, first.us));
        first.limit_s.map(|limit| format!("The limit of cron workers is {limit} s"))
    } else {
        configured(look, &mut refs)
    };
    let Some(limit) = limit else { return Vec::new() };
    let count = match kills.len() {
        0 => String::new(),
        1 => " One cron worker was killed.".to_owned(),
        many => format!(" {many} cron workers were killed."),
    };
    vec![finding(
        "cron_limit_below_idle_wait",
        Severity::Minor,
        "Idle cron workers are killed for nothing",
        format!("{limit}, but an idle one sleeps 60 to {IDLE_S} s between two signs of life.{count}"),
        refs,
        "limit_time_real_cron = 300",
    )]
}

/// What `odoo.conf` sets, if it is too short; -1 stands for `limit_time_real`, 0 for no limit.
fn configured(look: &Look<'_>, refs: &mut Vec<Reference>) -> Option<String> {
    let (workers, threads) = look.processes()?;
    let own = look.odoo("limit_time_real_cron")?;
    let real = look.odoo("limit_time_real")?;
    let inherited = own.integer()? == -1;
    let limit = if inherited { real.integer()? } else { own.integer()? };
    if !(1..=IDLE_S).contains(&limit) || threads.integer()? < 1 || workers.integer()? < 1 {
        return None;
    }
    refs.push(own.reference.clone());
    if inherited {
        refs.push(real.reference);
        return Some(format!("{}, so {} holds for cron workers too", own.said, real.said));
    }
    Some(own.said)
}
