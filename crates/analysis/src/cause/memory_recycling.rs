//! `memory_recycling`: workers reached the soft memory limit again and again and spent their time starting up (methods 4).

use super::items::{NEED_ODOO_INFO, counted, holds};
use super::{Answer, Family, Item, Suspect, mechanism, nobody, undated};

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "memory_recycling",
    summary: "Workers kept reaching the soft memory limit and were recycled faster than they could serve.",
    next_step: "Raise limit_memory_soft for what the workers need (watch workers × limit against memory); find the request that grows them.",
    needs: "the Odoo log at info",
    gate: None,
    begins: undated,
    items: &[
        Item {
            asks: "each worker was recycled on limit_memory_soft every two minutes or faster, more often than before",
            family: Family::WorkerEnds,
            present_db: 10.0,
            absent_db: -10.0,
            contradicted_db: -10.0,
            look: |m| {
                if !m.sources.odoo_info {
                    return Answer::Unknown(NEED_ODOO_INFO);
                }
                let ends = &m.ends;
                let statement = format!(
                    "{} workers recycled on the soft memory limit: {:.1} a minute for each worker, {:.1} before",
                    ends.memory_soft.count, ends.memory_soft_rate, ends.memory_soft_rate_before
                );
                holds(
                    ends.memory_soft.count >= 5
                        && ends.memory_soft_rate >= 0.5
                        && ends.memory_soft_rate >= 2.0 * ends.memory_soft_rate_before,
                    statement,
                    ends.memory_soft.first.clone(),
                )
            },
        },
        Item {
            asks: "no worker was killed",
            family: Family::Requests,
            present_db: 2.0,
            absent_db: -2.0,
            contradicted_db: -4.0,
            look: |m| {
                let kills = &m.ends.http_kills;
                holds(
                    4 * kills.count <= m.ends.memory_soft.count,
                    format!("{} workers killed", kills.count),
                    kills.first.clone(),
                )
            },
        },
        Item {
            asks: "new workers loaded the registry as often",
            family: Family::OdooMessages,
            present_db: 6.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| {
                if !m.sources.odoo_info {
                    return Answer::Unknown(NEED_ODOO_INFO);
                }
                holds(
                    m.ends.memory_soft.count >= 5
                        && 3 * m.messages.registry_loads >= m.ends.memory_soft.count,
                    format!("the registry was loaded {} times", m.messages.registry_loads),
                    None,
                )
            },
        },
        Item {
            asks: "memory ran out in a request",
            family: Family::OdooMessages,
            present_db: 2.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| counted(&m.messages.memory_error, 1, "requests ended in MemoryError"),
        },
    ],
    explained_by: &[("out_of_memory_killer", |_| true)],
    beside: mechanism,
    culprit: nobody,
};
