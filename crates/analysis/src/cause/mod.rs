//! Causes. One file each, one line in [`ALL`].
//!
//! A cause is a table of [`Item`]s: questions to the figures of an incident, each with its weight in decibans for the
//! answers *present*, *absent* and *contradicted*; what a missing source would have told is *unknown* and weighs nothing
//! (methods 4.1). The weights are additive log-likelihood ratios, `10 log10 P(answer | cause) / P(answer | another)`, set
//! by judgement of how often each sign comes with the cause and without it; one item counts at most ±10, one family of
//! items (one source, one phenomenon) at most ±15, so that ten lock lines are not ten proofs. `stormtrace explain CAUSE`
//! and `docs/causes.md` print these tables.

use std::collections::BTreeMap;

use crate::report::{Culprit, Evidence, EvidenceStatus, Reference, Role};

pub mod measures;

mod bus_misrouted;
mod bus_process_down;
mod connection_pool_exhausted;
mod cpu_bound_requests;
mod cron_storm;
mod diagnose;
mod disk_io_stall;
mod external_call_slow;
mod items;
mod lock_holder_active;
mod lock_holder_idle_in_transaction;
mod lock_items;
mod memory_recycling;
mod out_of_memory_killer;
mod postgres_connections_exhausted;
mod proxy_timeout_too_short;
mod service_down;
mod service_restart;
mod slow_queries;
mod traffic_surge;

pub use diagnose::diagnose;

use measures::{Measures, Sign};

/// Every known cause.
pub const ALL: &[&Suspect] = &[
    &service_restart::SUSPECT,
    &service_down::SUSPECT,
    &bus_misrouted::SUSPECT,
    &bus_process_down::SUSPECT,
    &out_of_memory_killer::SUSPECT,
    &postgres_connections_exhausted::SUSPECT,
    &connection_pool_exhausted::SUSPECT,
    &lock_holder_idle_in_transaction::SUSPECT,
    &lock_holder_active::SUSPECT,
    &cron_storm::SUSPECT,
    &memory_recycling::SUSPECT,
    &disk_io_stall::SUSPECT,
    &cpu_bound_requests::SUSPECT,
    &slow_queries::SUSPECT,
    &external_call_slow::SUSPECT,
    &traffic_surge::SUSPECT,
    &proxy_timeout_too_short::SUSPECT,
];

/// Most that one item weighs, decibans.
pub const ITEM_CAP_DB: f64 = 10.0;
/// Most that one family weighs, decibans.
pub const FAMILY_CAP_DB: f64 = 15.0;

/// Items of one family come from one source and tell of one phenomenon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Family {
    Locks,
    Holder,
    Statements,
    PostgresMessages,
    WorkerEnds,
    OdooMessages,
    Jobs,
    Routes,
    Requests,
    Arrivals,
    Processors,
    Storage,
    Memory,
    Configuration,
}

impl Family {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Family::Locks => "locks",
            Family::Holder => "holder",
            Family::Statements => "statements",
            Family::PostgresMessages => "postgres_messages",
            Family::WorkerEnds => "worker_ends",
            Family::OdooMessages => "odoo_messages",
            Family::Jobs => "jobs",
            Family::Routes => "routes",
            Family::Requests => "requests",
            Family::Arrivals => "arrivals",
            Family::Processors => "processors",
            Family::Storage => "storage",
            Family::Memory => "memory",
            Family::Configuration => "configuration",
        }
    }
}

/// What the figures answer to one question.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The sign is there.
    Present(String, Option<Reference>),
    /// A source that would show it does not.
    Absent(String, Option<Reference>),
    /// The opposite is shown.
    Contradicted(String, Option<Reference>),
    /// No source tells; what would.
    Unknown(&'static str),
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// The question, as a statement that may hold.
    pub asks: &'static str,
    /// Family it is capped with.
    pub family: Family,
    /// Weight when present, decibans.
    pub present_db: f64,
    /// Weight when absent (negative).
    pub absent_db: f64,
    /// Weight when contradicted (negative).
    pub contradicted_db: f64,
    /// Asks the figures.
    pub look: fn(&Measures) -> Answer,
}

/// A parent that explains a cause away, and when it does.
pub type Parent = (&'static str, fn(&Measures) -> bool);

/// One cause.
pub struct Suspect {
    /// Stable id.
    pub id: &'static str,
    /// One sentence when it is the answer.
    pub summary: &'static str,
    /// What to do: stabilise first.
    pub next_step: &'static str,
    /// What must be captured to tell.
    pub needs: &'static str,
    /// Recognised by exact lines, or by the kind of incident: it does not compete by weight (methods 4.1, stage 1).
    pub gate: Option<fn(&Measures) -> bool>,
    /// Its first sign, where its absence before would have shown: a cause that came after its symptoms is no trigger.
    pub begins: fn(&Measures) -> Option<Sign>,
    /// The questions.
    pub items: &'static [Item],
    /// Causes that, where they are evidenced too, make this one their mechanism.
    pub explained_by: &'static [Parent],
    /// The part it plays beside another trigger.
    pub beside: fn(&Measures) -> Role,
    /// Who did it.
    pub culprit: fn(&Measures) -> Option<Culprit>,
}

/// No culprit is known.
fn nobody(_: &Measures) -> Option<Culprit> {
    None
}

/// No sign dates it.
fn undated(_: &Measures) -> Option<Sign> {
    None
}

fn mechanism(_: &Measures) -> Role {
    Role::Mechanism
}

/// Evidence and its capped weight.
pub(crate) struct Weighed {
    pub evidence: Vec<Evidence>,
    pub weight_db: f64,
    /// Families with evidence for.
    pub families: usize,
}

impl Suspect {
    /// Asks all questions.
    pub(crate) fn weigh(&self, measures: &Measures) -> Weighed {
        let mut by_family: BTreeMap<Family, f64> = BTreeMap::new();
        let mut evidence = Vec::new();
        for item in self.items {
            let (status, weight_db, statement, reference) = match (item.look)(measures) {
                Answer::Present(statement, reference) => {
                    (EvidenceStatus::Present, item.present_db, statement, reference)
                }
                Answer::Absent(statement, reference) => {
                    (EvidenceStatus::Absent, item.absent_db, statement, reference)
                }
                Answer::Contradicted(statement, reference) => {
                    (EvidenceStatus::Contradicted, item.contradicted_db, statement, reference)
                }
                Answer::Unknown(what) => (EvidenceStatus::Unknown, 0.0, what.to_owned(), None),
            };
            let weight_db = weight_db.clamp(-ITEM_CAP_DB, ITEM_CAP_DB);
            *by_family.entry(item.family).or_insert(0.0) += weight_db;
            evidence.push(Evidence {
                status,
                statement,
                weight_db,
                family: item.family.name(),
                refs: reference.into_iter().collect(),
            });
        }
        let capped = by_family.values().map(|weight| weight.clamp(-FAMILY_CAP_DB, FAMILY_CAP_DB));
        Weighed {
            evidence,
            weight_db: capped.clone().sum(),
            families: capped.filter(|weight| *weight >= 3.0).count(),
        }
    }
}

/// The cause of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Suspect> {
    ALL.iter().copied().find(|suspect| suspect.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_well_formed() {
        let mut ids: Vec<&str> = ALL.iter().map(|suspect| suspect.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len(), "ids are unique");
        for suspect in ALL {
            assert!(!suspect.items.is_empty(), "{} asks nothing", suspect.id);
            for (parent, _) in suspect.explained_by {
                assert!(find(parent).is_some(), "{}: no cause {parent}", suspect.id);
                assert_ne!(*parent, suspect.id);
            }
            for item in suspect.items {
                assert!(item.present_db >= 0.0 && item.absent_db <= 0.0, "{}: {}", suspect.id, item.asks);
                assert!(item.contradicted_db <= item.absent_db, "{}: {}", suspect.id, item.asks);
                assert!(item.present_db <= ITEM_CAP_DB && item.contradicted_db >= -ITEM_CAP_DB);
            }
        }
    }

    #[test]
    fn a_cause_cannot_explain_itself_through_others() {
        fn reaches(from: &str, to: &str, seen: &mut Vec<&'static str>) -> bool {
            let Some(suspect) = find(from) else { return false };
            suspect.explained_by.iter().any(|(parent, _)| {
                *parent == to
                    || (!seen.contains(parent) && {
                        seen.push(parent);
                        reaches(parent, to, seen)
                    })
            })
        }
        // disk_io_stall and cron_storm exclude each other by their conditions: jobs began together, or they did not.
        for suspect in ALL.iter().filter(|suspect| !matches!(suspect.id, "disk_io_stall" | "cron_storm")) {
            assert!(!reaches(suspect.id, suspect.id, &mut Vec::new()), "{} explains itself", suspect.id);
        }
    }
}
