//! `cpu_bound_requests`: requests computed in Python and used up the processors (methods 4).

use super::items::{
    DATABASE_IDLE_WHILE_STUCK, NEED_HOST, NEED_ODOO_INFO, NOT_STUCK, ONE_ROUTE, counted, holds,
    processors_busy, processors_calm, workers_stuck,
};
use super::{Answer, Family, Item, Suspect, mechanism};
use crate::report::Culprit;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "cpu_bound_requests",
    summary: "Requests computed in Python and used up the processors.",
    next_step: "Find the endpoint (see the table); limit it, move it to a job, give it fewer records.",
    needs: "the Odoo log; host metrics",
    gate: None,
    items: &[
        Item {
            asks: "workers were ended by limit_time_cpu",
            family: Family::WorkerEnds,
            present_db: 10.0,
            absent_db: -2.0,
            contradicted_db: -2.0,
            look: |m| counted(&m.ends.cpu, 2, "workers ended by limit_time_cpu"),
        },
        Item {
            asks: "the processors were busy, or much busier than before",
            family: Family::Processors,
            present_db: 5.0,
            absent_db: -3.0,
            contradicted_db: -10.0,
            look: |m| match (processors_busy(m).filter(|_| workers_stuck(m)), processors_calm(m), m.host.busy)
            {
                (Some(busy), Some(calm), Some(now)) => {
                    let before =
                        m.host.busy_before.map_or(String::new(), |before| format!(", {before:.0} % before"));
                    let statement = format!("processors {now:.0} % busy{before}");
                    // Processor time that workers did use up is no less used up for an idle neighbour core.
                    if calm && m.ends.cpu.count < 2 {
                        Answer::Contradicted(statement, m.host.reference.clone())
                    } else {
                        holds(busy, statement, m.host.reference.clone())
                    }
                }
                _ if !workers_stuck(m) => Answer::Unknown(NOT_STUCK),
                _ => Answer::Unknown(NEED_HOST),
            },
        },
        Item { present_db: 3.0, absent_db: -8.0, contradicted_db: -8.0, ..DATABASE_IDLE_WHILE_STUCK },
        Item {
            asks: "SQL is a small part of the time of stuck requests",
            family: Family::Routes,
            present_db: 3.0,
            absent_db: -4.0,
            contradicted_db: -4.0,
            look: |m| match m.routes.sql_share {
                Some(share) => holds(
                    share < 0.3,
                    format!("{:.0} % of the time of stuck requests was SQL", 100.0 * share),
                    m.routes.reference.clone(),
                ),
                None => Answer::Unknown(NEED_ODOO_INFO),
            },
        },
        Item { present_db: 2.0, absent_db: -2.0, contradicted_db: -2.0, ..ONE_ROUTE },
    ],
    explained_by: &[
        ("traffic_surge", |m| m.ends.cpu.count == 0),
        ("memory_recycling", |m| m.ends.cpu.count == 0),
        ("cron_storm", |m| m.ends.cpu.count == 0),
    ],
    beside: mechanism,
    culprit: |m| {
        m.routes.top.as_ref().filter(|_| m.routes.top_share >= 0.5).map(|top| Culprit {
            name: Some(top.clone()),
            reference: m.routes.reference.clone(),
            ..Culprit::default()
        })
    },
};
