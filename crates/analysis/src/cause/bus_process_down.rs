//! `bus_process_down`: the evented process did not answer while the HTTP lane was healthy (methods 3.1, 4). Where both
//! lanes fail together it is a symptom.

use super::items::counted;
use super::{Answer, Family, Item, Suspect, nobody, undated};
use crate::report::{Kind, Role};

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "bus_process_down",
    summary: "The evented process did not answer; the HTTP lane was healthy.",
    next_step: "Restart only the evented process (the master respawns it when it is killed); leave the workers alone.",
    needs: "the access log, nginx's error log",
    gate: Some(|m| m.kind == Kind::BusOutage && m.sources.odoo && m.messages.misrouted.count < 5),
    begins: undated,
    items: &[
        Item {
            asks: "bus requests failed while the HTTP lane was healthy",
            family: Family::Requests,
            present_db: 10.0,
            absent_db: -10.0,
            contradicted_db: -10.0,
            look: |m| {
                let statement = format!(
                    "{} bus requests failed, {} of the HTTP lane",
                    m.requests.bus_failed, m.requests.failed
                );
                match m.kind {
                    Kind::BusOutage => Answer::Present(statement, None),
                    _ => Answer::Contradicted(statement, None),
                }
            },
        },
        Item {
            asks: "the evented process started anew, or could not",
            family: Family::OdooMessages,
            present_db: 5.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| counted(&m.messages.evented_restarts, 1, "starts and failures of the evented process"),
        },
    ],
    explained_by: &[],
    beside: |_| Role::Symptom,
    culprit: nobody,
};
