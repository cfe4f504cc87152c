//! `connection_pool_exhausted`: a process used up its own connection pool, db_maxconn (methods 4).

use super::items::{MOSTLY_500, considerable_s, counted, either, holds};
use super::{Answer, Family, Item, Suspect, nobody};
use crate::report::Role;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "connection_pool_exhausted",
    summary: "A process used up its own connection pool (db_maxconn).",
    next_step: "Raise db_maxconn, or find who keeps connections; check that PostgreSQL has slots for it.",
    needs: "the Odoo log",
    gate: None,
    items: &[
        Item {
            asks: "requests failed because the pool was full",
            family: Family::OdooMessages,
            present_db: 10.0,
            absent_db: -10.0,
            contradicted_db: -10.0,
            look: |m| counted(&m.messages.pool_full, 3, "times the connection pool was full"),
        },
        Item { present_db: 5.0, absent_db: -8.0, contradicted_db: -8.0, ..MOSTLY_500 },
        Item {
            asks: "PostgreSQL refused nobody",
            family: Family::PostgresMessages,
            present_db: 3.0,
            absent_db: -10.0,
            contradicted_db: -10.0,
            look: |m| {
                let refused = m.messages.slots_refused.count + m.messages.slots_missing.count;
                let first = &m.messages.slots_refused.first;
                if refused == 0 && !m.sources.postgres_log {
                    return Answer::Unknown(super::items::NEED_POSTGRES);
                }
                either(refused == 0, format!("PostgreSQL refused {refused} connections"), first.clone())
            },
        },
        Item {
            asks: "sessions were not stuck in locks",
            family: Family::Locks,
            present_db: 1.0,
            absent_db: -6.0,
            contradicted_db: -6.0,
            look: |m| {
                holds(
                    m.locks.waited_s < considerable_s(m),
                    format!("sessions waited {:.0} s for locks", m.locks.waited_s),
                    m.locks.first.clone(),
                )
            },
        },
    ],
    explained_by: &[
        ("lock_holder_idle_in_transaction", |_| true),
        ("lock_holder_active", |_| true),
        ("slow_queries", |m| m.statements.own_s > 60.0),
        ("postgres_connections_exhausted", |_| true),
    ],
    beside: |_| Role::Symptom,
    culprit: nobody,
};
