//! `external_call_slow`: requests waited for a service outside (methods 4).

use super::items::{
    NEED_HOST, NEED_SNAPSHOTS, ONE_ROUTE, database_idle, either, holds, processors_calm,
};
use super::{Answer, Family, Item, Suspect, mechanism};
use crate::report::Culprit;

/// Parts of routes and models that call services outside: carriers, payment providers, mail and message gateways, IAP.
const CONNECTORS: [&str; 12] = [
    "delivery", "carrier", "payment", "mail", "sms", "iap", "webhook", "edi", "shipping", "avatax", "ocr",
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
                let statement = format!(
                    "{} calls outside failed in it, {:.1} an hour before",
                    external.count, m.messages.external_per_hour_before
                );
                holds(
                    external.count >= 1 && per_hour > 3.0 * m.messages.external_per_hour_before,
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
            look: |m| match (processors_calm(m), m.host.busy) {
                (Some(calm), Some(now)) => {
                    let before = m.host.busy_before.map_or(String::new(), |before| format!(", {before:.0} % before"));
                    either(calm, format!("processors {now:.0} % busy{before}"), m.host.reference.clone())
                }
                _ => Answer::Unknown(NEED_HOST),
            },
        },
        Item {
            asks: "nothing in PostgreSQL explains the time",
            family: Family::Statements,
            present_db: 4.0,
            absent_db: -6.0,
            contradicted_db: -6.0,
            look: |m| {
                // Locks that the waiting workers themselves hold are part of the picture, not another explanation.
                let own_locks = m.messages.external.count > 0 && 2 * m.locks.odoo_roots > m.locks.roots;
                match database_idle(m) {
                    Some(idle) => {
                        let statement = format!(
                            "sessions spent {:.0} s in long statements and {:.0} s waiting for locks",
                            m.statements.own_s, m.locks.waited_s
                        );
                        let reference = m.statements.reference.clone().or_else(|| m.locks.first.clone());
                        if !idle && own_locks {
                            Answer::Absent(format!("{statement}, held by Odoo's own idle sessions"), reference)
                        } else {
                            either(idle, statement, reference)
                        }
                    }
                    None => Answer::Unknown(NEED_SNAPSHOTS),
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
                    return Answer::Unknown("the PostgreSQL log at the kills: connections lost while idle in transaction");
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
