//! `postgres_connections_exhausted`: PostgreSQL had no connection slots left (methods 4).

use super::items::{MOSTLY_500, NEED_POSTGRES, counted};
use super::{Answer, Family, Item, Suspect, mechanism, nobody};

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "postgres_connections_exhausted",
    summary: "PostgreSQL had no connection slots left.",
    next_step: "Free slots (end idle sessions of other programs first), then bring processes × db_maxconn under max_connections.",
    needs: "the PostgreSQL log or the Odoo log",
    gate: None,
    items: &[
        Item {
            asks: "PostgreSQL refused connections for lack of slots",
            family: Family::PostgresMessages,
            present_db: 10.0,
            absent_db: -10.0,
            contradicted_db: -10.0,
            look: |m| match m.sources.postgres_log {
                true => counted(&m.messages.slots_refused, 3, "connections refused for lack of slots"),
                false => Answer::Unknown(NEED_POSTGRES),
            },
        },
        Item {
            asks: "Odoo could not connect for lack of slots",
            family: Family::OdooMessages,
            present_db: 10.0,
            absent_db: -3.0,
            contradicted_db: -3.0,
            look: |m| counted(&m.messages.slots_missing, 3, "errors of Odoo for lack of slots"),
        },
        Item { present_db: 3.0, absent_db: -4.0, contradicted_db: -4.0, ..MOSTLY_500 },
    ],
    explained_by: &[],
    beside: mechanism,
    culprit: nobody,
};
