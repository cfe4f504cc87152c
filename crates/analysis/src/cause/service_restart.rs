//! `service_restart`: Odoo was restarted, briefly and without earlier trouble (methods 4). Inside another incident a
//! restart is the response to it.

use super::{Answer, Family, Item, Suspect, nobody, undated};
use crate::report::{Kind, Role};

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "service_restart",
    summary: "Odoo was restarted, briefly and without earlier trouble.",
    next_step: "Nothing to stabilise. Restart behind a drained proxy, or with two instances, to spare users the gap.",
    needs: "the Odoo log, or nginx's error log",
    gate: Some(|m| m.kind == Kind::ServiceRestart && m.sources.access),
    begins: undated,
    items: &[Item {
        asks: "a stop and a start with failures only between them",
        family: Family::OdooMessages,
        present_db: 10.0,
        absent_db: -10.0,
        contradicted_db: -10.0,
        look: |m| match m.kind {
            // A restart may be the answer to trouble that only an access log shows.
            Kind::ServiceRestart if !m.sources.access => Answer::Unknown(super::items::NEED_ACCESS),
            Kind::ServiceRestart => Answer::Present(
                "a stop and a start with failures only between them".to_owned(),
                m.messages.restart.first.clone(),
            ),
            _ if m.messages.restart.count > 0 => Answer::Contradicted(
                "Odoo was restarted after the trouble had begun".to_owned(),
                m.messages.restart.first.clone(),
            ),
            _ => Answer::Absent("no restart in it".to_owned(), None),
        },
    }],
    explained_by: &[],
    beside: |_| Role::Response,
    culprit: nobody,
};
