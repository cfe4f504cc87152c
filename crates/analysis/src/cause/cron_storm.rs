//! `cron_storm`: scheduled jobs took the workers, the locks or the machine (methods 4).

use super::items::{
    NEED_HOST, NEED_ODOO_INFO, counted, holds, processors_busy, processors_words, storage_waits,
    storage_words,
};
use super::{Answer, Family, Item, Suspect, mechanism, undated};
use crate::report::Culprit;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "cron_storm",
    summary: "Scheduled jobs took the workers, the locks or the machine.",
    next_step: "Let the jobs finish or cancel their statements; spread their schedules, lower max_cron_threads.",
    needs: "the Odoo log at info (starts of jobs); host metrics and snapshots of pg_stat_activity help",
    gate: None,
    begins: undated,
    items: &[
        Item {
            asks: "two jobs or more, long and longer than ever before, were running when the first request was blocked",
            family: Family::Jobs,
            present_db: 10.0,
            absent_db: -6.0,
            contradicted_db: -6.0,
            look: |m| {
                if !m.cron.logged {
                    return Answer::Unknown(NEED_ODOO_INFO);
                }
                let running = &m.cron.running;
                let names: Vec<&str> = running.iter().take(3).map(|job| job.name.as_str()).collect();
                let statement = match names.as_slice() {
                    [] => "no long job was running when it began".to_owned(),
                    names => format!(
                        "{} long jobs were running when it began: {}",
                        running.len(),
                        names.join(", ")
                    ),
                };
                holds(running.len() >= 2, statement, running.first().map(|job| job.reference.clone()))
            },
        },
        Item {
            asks: "they began together, more at once than usual",
            family: Family::Jobs,
            present_db: 5.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| {
                if !m.cron.logged {
                    return Answer::Unknown(NEED_ODOO_INFO);
                }
                let statement = format!(
                    "{} began within 10 s, at most {} ran at once before",
                    m.cron.together, m.cron.usual
                );
                let first = m.cron.running.first().map(|job| job.reference.clone());
                holds(m.cron.together >= 2 && m.cron.together > m.cron.usual, statement, first)
            },
        },
        Item {
            asks: "two cron workers or more were killed that, by their limit, had begun before the first request was blocked",
            family: Family::WorkerEnds,
            present_db: 5.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| {
                counted(
                    &m.cron.killed_early,
                    2,
                    "killed cron workers had begun before the first request was blocked",
                )
            },
        },
        Item {
            asks: "cron workers were killed, at least as many as HTTP workers",
            family: Family::WorkerEnds,
            present_db: 6.0,
            absent_db: -1.0,
            contradicted_db: -1.0,
            look: |m| {
                let ends = &m.ends;
                let statement = format!(
                    "{} cron workers and {} HTTP workers killed",
                    ends.cron_kills.count, ends.http_kills.count
                );
                holds(
                    ends.cron_kills.count >= 2 && ends.cron_kills.count >= ends.http_kills.count,
                    statement,
                    ends.cron_kills.first.clone(),
                )
            },
        },
        Item {
            asks: "the machine got busier with them",
            family: Family::Processors,
            present_db: 3.0,
            absent_db: -2.0,
            contradicted_db: -2.0,
            look: |m| match processors_busy(m) {
                Some(busy) => holds(busy, processors_words(m), m.host.reference.clone()),
                None => Answer::Unknown(NEED_HOST),
            },
        },
        Item {
            asks: "storage is not what the machine waits for",
            family: Family::Storage,
            present_db: 1.0,
            absent_db: -4.0,
            contradicted_db: -4.0,
            look: |m| match storage_waits(m) {
                Some(waits) => holds(!waits, storage_words(m), m.host.reference.clone()),
                None => Answer::Unknown(NEED_HOST),
            },
        },
    ],
    explained_by: &[("disk_io_stall", |m| m.cron.together < 2), ("out_of_memory_killer", |_| true)],
    beside: mechanism,
    culprit: |m| {
        let longest = m.cron.running.iter().max_by_key(|job| job.end_us - job.start_us)?;
        Some(Culprit {
            name: Some(longest.name.clone()),
            age_s: Some((longest.end_us - longest.start_us) as f64 / 1e6),
            reference: Some(longest.reference.clone()),
            ..Culprit::default()
        })
    },
};
