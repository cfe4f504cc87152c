//! `service_down`: nothing listened on Odoo's port (methods 4).

use super::items::counted;
use super::{Answer, Family, Item, Suspect, mechanism, nobody, undated};
use crate::report::Kind;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "service_down",
    summary: "Nothing listened on Odoo's port.",
    next_step: "Start Odoo; read the end of its log and of the journal for why it went down.",
    needs: "the access log or nginx's error log",
    gate: Some(|m| {
        m.kind == Kind::ServiceOutage && m.ends.out_of_memory.count + m.messages.backend_killed.count < 2
    }),
    begins: undated,
    items: &[
        Item {
            asks: "requests were refused at once, next to none was served",
            family: Family::Requests,
            present_db: 10.0,
            absent_db: -10.0,
            contradicted_db: -10.0,
            look: |m| {
                let statement = format!("{} of {} requests failed", m.requests.failed, m.requests.total);
                match m.kind {
                    Kind::ServiceOutage => Answer::Present(statement, m.requests.http_502.first.clone()),
                    _ => Answer::Contradicted(statement, None),
                }
            },
        },
        Item {
            asks: "nginx found the port closed",
            family: Family::Requests,
            present_db: 5.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| match m.sources.nginx_error {
                true => counted(&m.requests.refused, 3, "upstream connections refused"),
                false => Answer::Unknown("nginx's error log"),
            },
        },
    ],
    explained_by: &[("out_of_memory_killer", |_| true)],
    beside: mechanism,
    culprit: nobody,
};
