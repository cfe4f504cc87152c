//! `bus_misrouted`: bus requests were routed to the HTTP workers (methods 3.1, 4).

use super::items::counted;
use super::{Answer, Family, Item, Suspect, mechanism, nobody, undated};
use crate::report::Kind;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "bus_misrouted",
    summary: "Bus requests were routed to the HTTP workers.",
    next_step: "Route /websocket (16+) or /longpolling (15 and older) to gevent_port in the proxy.",
    needs: "the Odoo log; nginx.conf",
    gate: Some(|m| m.kind == Kind::BusOutage && m.messages.misrouted.count >= 5),
    begins: undated,
    items: &[Item {
        asks: "bus requests reached HTTP workers",
        family: Family::OdooMessages,
        present_db: 10.0,
        absent_db: -10.0,
        contradicted_db: -10.0,
        look: |m| match m.sources.odoo {
            true => counted(&m.messages.misrouted, 5, "bus requests reached HTTP workers"),
            false => Answer::Unknown(super::items::NEED_ODOO_INFO),
        },
    }],
    explained_by: &[],
    beside: mechanism,
    culprit: nobody,
};
