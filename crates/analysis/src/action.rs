//! What operators did, as far as logs show it.

use stormtrace_logs::record::NginxLifecycle;

use crate::detect::Picture;
use crate::events::PostgresFact;
use crate::lives::Death;
use crate::place::Places;
use crate::report::{Action, Time};

/// Actions that follow each other within this are one round, µs.
const ROUND_US: i64 = 10_000_000;

/// Actions from `from` to `to`, with what followed each.
#[must_use]
pub fn find(picture: &Picture<'_>, places: &Places<'_>, from: i64, to: i64) -> Vec<Action> {
    let mut actions: Vec<(i64, Action)> = Vec::new();
    let inside = |us: i64| (from..=to).contains(&us);
    let mut rounds: Vec<(&'static str, i64, i64, u64, crate::report::Reference)> = Vec::new();
    for event in picture.events.postgres.iter().filter(|event| inside(event.us)) {
        let kind = match event.fact {
            PostgresFact::Canceled { user: true } => "pg_cancel_backend",
            PostgresFact::Terminated { administrator: true } => "pg_terminate_backend",
            PostgresFact::AlterTimeout => "alter_role_timeout",
            PostgresFact::ShuttingDown => "postgres_restart",
            _ => continue,
        };
        match rounds.iter_mut().rev().find(|round| round.0 == kind) {
            Some(round) if event.us - round.2 <= ROUND_US => {
                round.2 = event.us;
                round.3 += 1;
            }
            _ => rounds.push((
                kind,
                event.us,
                event.us,
                1,
                places.reference(event.input, event.line, event.us),
            )),
        }
    }
    for (kind, first, _, count, reference) in rounds {
        let detail = match kind {
            "pg_cancel_backend" => format!(
                "{count} {} cancelled on user request",
                if count == 1 { "statement" } else { "statements" }
            ),
            "pg_terminate_backend" => format!(
                "{count} {} terminated by an administrator",
                if count == 1 { "session" } else { "sessions" }
            ),
            "alter_role_timeout" => "a timeout was set with ALTER".to_owned(),
            _ => "PostgreSQL was shut down".to_owned(),
        };
        actions.push((first, Action { time: Time(first), kind, detail, reference, effect: String::new() }));
    }
    for error in picture.events.nginx.iter().filter(|error| inside(error.us)) {
        if error.lifecycle == Some(NginxLifecycle::Reload) {
            let reference = places.reference(error.input, error.line, error.us);
            let detail = "nginx re-read its configuration".to_owned();
            actions.push((
                error.us,
                Action {
                    time: Time(error.us),
                    kind: "nginx_reload",
                    detail,
                    reference,
                    effect: String::new(),
                },
            ));
        }
    }
    for (stop, running) in crate::detect::restarts(picture).into_iter().filter(|(stop, _)| inside(*stop)) {
        let line = picture.events.odoo.iter().find(|event| event.us == stop);
        let reference = line.map_or_else(
            || places.reference(0, 0, stop),
            |event| places.reference(event.input, event.line, stop),
        );
        let detail =
            format!("Odoo stopped and was running again after {:.0} s", (running - stop) as f64 / 1e6);
        actions.push((
            stop,
            Action { time: Time(stop), kind: "odoo_restart", detail, reference, effect: String::new() },
        ));
    }
    actions.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.kind.cmp(b.1.kind)));
    for (us, action) in &mut actions {
        action.effect = effect(picture, *us);
    }
    actions.into_iter().map(|(_, action)| action).collect()
}

/// Failures and kills in the two minutes before and after.
fn effect(picture: &Picture<'_>, us: i64) -> String {
    const SPAN: i64 = 120_000_000;
    let kills = |from: i64, to: i64| {
        picture
            .deaths
            .iter()
            .filter(|death: &&Death| death.reason.is_kill() && (from..to).contains(&death.us))
            .count()
    };
    let failures = |from: i64, to: i64| {
        picture
            .events
            .access
            .iter()
            .filter(|access| access.failed() && (from..to).contains(&access.end_us))
            .count()
    };
    let (before, after) = (failures(us - SPAN, us), failures(us + 10_000_000, us + SPAN + 10_000_000));
    let (killed_before, killed_after) =
        (kills(us - SPAN, us), kills(us + 10_000_000, us + SPAN + 10_000_000));
    let judgement = if before + killed_before == 0 {
        "no failures before it"
    } else if after + killed_after == 0 {
        "failures ended"
    } else if 5 * (after + killed_after) < before + killed_before {
        "failures fell"
    } else {
        "failures went on"
    };
    format!(
        "{judgement}: 5xx {before} in the 2 min before, {after} after; kills {killed_before} before, {killed_after} after"
    )
}

/// Resets kills and queues without curing anything.
#[must_use]
pub fn resets(kind: &str) -> bool {
    matches!(kind, "odoo_restart" | "odoo_start" | "postgres_restart")
}
