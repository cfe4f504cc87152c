//! `external_call_slow`: requests waited for a service outside (methods 4).

use super::items::{
    DATABASE_IDLE_WHILE_STUCK, NEED_HOST, NOT_STUCK, ONE_ROUTE, either, holds, processors_calm, workers_stuck,
};
use super::{Answer, Family, Item, Suspect, mechanism};
use crate::report::Culprit;

/// Parts of routes and models that call services outside: carriers, payment providers, mail and message gateways, IAP.
const CONNECTORS: [&str; 12] = [
    "delivery",
    "carrier",
    "payment",
    "mail",
    "sms",
    "iap",
    "webhook",
    "edi",
    "shipping",
    "avatax",
    "ocr",
    "signature_request",
];

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "external_call_slow",
    summary: "Requests waited for a service outside.",
    next_step: "Set a timeout of seconds on that call, or switch the connector off until the service is back.",
    needs: "the Odoo log with its tracebacks; host metrics and snapshots of pg_stat_activity rule out the rest",
    gate: None,
    items: &[
        Item {
            asks: "calls to a service outside failed or timed out, more often than before",
            family: Family::OdooMessages,
            present_db: 10.0,
            absent_db: -1.0,
            contradicted_db: -1.0,
            look: |m| {
                let external = &m.messages.external;
                let per_hour = external.count as f64 / (m.length_s.max(60.0) / 3600.0);
                let before = m.messages.external_per_hour_before;
                let statement =
                    format!("{} calls outside failed in it, {:.1} an hour before", external.count, before);
                holds(
                    external.count >= 1 && (external.count >= 3 || per_hour > 1.5 * before),
                    statement,
                    external.first.clone(),
                )
            },
        },
        Item {
            asks: "the processors were calm while workers were stuck",
            family: Family::Processors,
            present_db: 4.0,
            absent_db: -4.0,
            contradicted_db: -8.0,
            look: |m| match (processors_calm(m).filter(|_| workers_stuck(m)), m.host.busy) {
                (Some(calm), Some(now)) => {
                    let before =
                        m.host.busy_before.map_or(String::new(), |before| format!(", {before:.0} % before"));
                    either(calm, format!("processors {now:.0} % busy{before}"), m.host.reference.clone())
                }
                _ if !workers_stuck(m) => Answer::Unknown(NOT_STUCK),
                _ => Answer::Unknown(NEED_HOST),
            },
        },
        Item {
            asks: "no worker used up its processor time",
            family: Family::WorkerEnds,
            present_db: 0.0,
            absent_db: -8.0,
            contradicted_db: -8.0,
            look: |m| {
                let cpu = &m.ends.cpu;
                either(
                    cpu.count < 2,
                    format!("{} workers ended by limit_time_cpu", cpu.count),
                    cpu.first.clone(),
                )
            },
        },
        Item {
            asks: "Odoo's own sessions held locks while idle in transaction, one after another",
            family: Family::Holder,
            present_db: 5.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| {
                let locks = &m.locks;
                let statement = format!(
                    "{} of {} sessions that others waited for are Odoo's own, {} of them idle in transaction",
                    locks.odoo_roots, locks.roots, locks.odoo_idle_roots
                );
                if locks.roots == 0 {
                    return Answer::Absent("nobody waited for a lock".to_owned(), None);
                }
                let reference = locks.culprit.as_ref().and_then(|culprit| culprit.reference.clone());
                holds(
                    locks.odoo_idle_roots >= 2 && 2 * locks.odoo_idle_roots > locks.roots,
                    statement,
                    reference,
                )
            },
        },
        Item {
            asks: "nothing else in PostgreSQL explains the time",
            family: Family::Statements,
            present_db: 4.0,
            absent_db: -6.0,
            contradicted_db: -6.0,
            look: |m| {
                // Locks that workers themselves hold while they wait outside are part of the picture.
                let own_locks =
                    2 * m.locks.odoo_idle_roots > m.locks.roots && m.statements.own_s < m.locks.waited_s;
                match (DATABASE_IDLE_WHILE_STUCK.look)(m) {
                    Answer::Contradicted(statement, place) if own_locks => {
                        Answer::Present(format!("{statement}, held by Odoo's own idle sessions"), place)
                    }
                    answer => answer,
                }
            },
        },
        Item {
            asks: "the killed workers' sessions were idle in transaction",
            family: Family::PostgresMessages,
            present_db: 3.0,
            absent_db: -2.0,
            contradicted_db: -2.0,
            look: |m| {
                let kills = m.ends.http_kills.count;
                if kills < 2 || !m.sources.postgres_log {
                    return Answer::Unknown(
                        "the PostgreSQL log at the kills: connections lost while idle in transaction",
                    );
                }
                let lost = m.messages.lost_idle.count;
                holds(
                    2 * lost >= kills,
                    format!("{lost} connections were lost in an idle transaction at {kills} kills"),
                    m.messages.lost_idle.first.clone(),
                )
            },
        },
        Item { present_db: 3.0, absent_db: -3.0, contradicted_db: -3.0, ..ONE_ROUTE },
        Item {
            asks: "that route talks to a service outside, by its name",
            family: Family::Routes,
            present_db: 3.0,
            absent_db: -1.0,
            contradicted_db: -1.0,
            look: |m| match m.routes.top.as_ref().filter(|_| m.routes.stuck >= 3) {
                Some(top) => holds(
                    CONNECTORS.iter().any(|connector| top.contains(connector)) && m.routes.top_share >= 0.5,
                    format!("most stuck requests are {top}"),
                    m.routes.reference.clone(),
                ),
                None => Answer::Unknown("which requests the killed workers were serving"),
            },
        },
    ],
    explained_by: &[],
    beside: mechanism,
    culprit: |m| {
        m.routes.top.as_ref().filter(|_| m.routes.top_share >= 0.5).map(|top| Culprit {
            name: Some(top.clone()),
            reference: m.messages.external.first.clone().or_else(|| m.routes.reference.clone()),
            ..Culprit::default()
        })
    },
};
