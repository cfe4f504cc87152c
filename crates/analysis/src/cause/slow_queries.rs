//! `slow_queries`: statements ran long by themselves, without waiting for locks (methods 4).

use super::items::{
    NEED_HOST, NEED_ODOO_INFO, NEED_SNAPSHOTS, considerable_s, either, holds, lock_share, storage_waits,
    storage_words,
};
use super::{Answer, Family, Item, Suspect, mechanism};
use crate::report::Culprit;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "slow_queries",
    summary: "Statements ran long by themselves, without waiting for locks.",
    next_step: "pg_cancel_backend the longest ones; then EXPLAIN them: a missing index, a changed plan, a report without limits.",
    needs: "the PostgreSQL log with log_min_duration_statement, or snapshots of pg_stat_activity; the Odoo log at info helps",
    gate: None,
    begins: |m| m.statements.first_sign,
    items: &[
        Item {
            asks: "statements that waited for no lock took a fifth of the workers' time, or that of two workers",
            family: Family::Statements,
            present_db: 8.0,
            absent_db: -8.0,
            contradicted_db: -8.0,
            look: |m| {
                let sources = &m.sources;
                if sources.listings < 2 && !(sources.postgres_log && sources.durations_logged) {
                    return Answer::Unknown(NEED_SNAPSHOTS);
                }
                let statements = &m.statements;
                let statement = format!(
                    "{} statements over 5 s of their own, {:.0} s in all, the longest {:.0} s",
                    statements.long, statements.own_s, statements.longest_s
                );
                let enough = statements.long >= 3 && statements.own_s >= considerable_s(m);
                holds(enough, statement, statements.reference.clone())
            },
        },
        Item {
            asks: "one or two statements are most of that time",
            family: Family::Statements,
            present_db: 5.0,
            absent_db: -5.0,
            contradicted_db: -5.0,
            look: |m| {
                let statements = &m.statements;
                if statements.long < 3 {
                    return Answer::Unknown("which statements were long");
                }
                let statement = format!(
                    "two of {} different statements took {:.0} % of that time",
                    statements.fingerprints,
                    100.0 * statements.top_two_share
                );
                holds(
                    statements.top_two_share >= 0.6 && 3 * statements.trivial < statements.long,
                    statement,
                    statements.reference.clone(),
                )
            },
        },
        Item {
            asks: "waits for locks are the smaller part of the time sessions were stuck",
            family: Family::Locks,
            present_db: 3.0,
            absent_db: -8.0,
            contradicted_db: -10.0,
            look: |m| match lock_share(m) {
                None => Answer::Unknown("where sessions were stuck"),
                Some(share) => either(
                    share < 0.35,
                    format!("{:.0} % of the stuck time was waiting for locks", 100.0 * share),
                    m.locks.first.clone(),
                ),
            },
        },
        Item {
            asks: "SQL is most of the time of the requests that were stuck and answered",
            family: Family::Routes,
            present_db: 3.0,
            absent_db: -3.0,
            contradicted_db: -3.0,
            look: |m| match m.routes.sql_share {
                None => Answer::Unknown(NEED_ODOO_INFO),
                Some(share) => holds(
                    share >= 0.5,
                    format!("{:.0} % of the time of stuck requests was SQL", 100.0 * share),
                    m.routes.reference.clone(),
                ),
            },
        },
        Item {
            asks: "storage is not what the machine waits for",
            family: Family::Storage,
            present_db: 2.0,
            absent_db: -8.0,
            contradicted_db: -8.0,
            look: |m| match storage_waits(m) {
                Some(waits) => either(!waits, storage_words(m), m.host.reference.clone()),
                None => Answer::Unknown(NEED_HOST),
            },
        },
    ],
    explained_by: &[
        ("cron_storm", |m| m.locks.waited_s < m.statements.own_s),
        ("disk_io_stall", |_| true),
        ("out_of_memory_killer", |_| true),
        // The long statement is the one that holds the lock.
        ("lock_holder_active", |m| lock_share(m).is_some_and(|share| share >= 0.5)),
    ],
    beside: mechanism,
    culprit: |m| {
        let statements = &m.statements;
        statements.top.as_ref().map(|top| Culprit {
            query: Some(top.clone()),
            age_s: Some(statements.longest_s),
            reference: statements.reference.clone(),
            ..Culprit::default()
        })
    },
};
