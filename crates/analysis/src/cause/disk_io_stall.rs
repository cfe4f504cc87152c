//! `disk_io_stall`: storage stalled (methods 4).

use super::items::{NEED_HOST, NEED_POSTGRES, NEED_SNAPSHOTS, holds, storage_waits, storage_words};
use super::{Answer, Family, Item, Suspect, mechanism, nobody, undated};

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "disk_io_stall",
    summary: "Storage stalled.",
    next_step: "Look at the volume (latency, credits, snapshots, a full disk); stop what writes to it.",
    needs: "host metrics, or the PostgreSQL log with log_checkpoints; snapshots of pg_stat_activity help",
    gate: None,
    begins: undated,
    items: &[
        Item {
            asks: "the machine waited for storage, far more than before",
            family: Family::Storage,
            present_db: 10.0,
            absent_db: -10.0,
            contradicted_db: -10.0,
            look: |m| match storage_waits(m) {
                Some(waits) => holds(waits, storage_words(m), m.host.reference.clone()),
                None => Answer::Unknown(NEED_HOST),
            },
        },
        Item {
            asks: "two processes or more were blocked on storage in most samples",
            family: Family::Storage,
            present_db: 3.0,
            absent_db: -2.0,
            contradicted_db: -2.0,
            look: |m| match m.host.blocked {
                Some(blocked) => holds(
                    blocked >= 2.0,
                    format!("median {blocked:.0} processes blocked"),
                    m.host.reference.clone(),
                ),
                None => Answer::Unknown(NEED_HOST),
            },
        },
        Item {
            asks: "a checkpoint synced for 3 s or more, five times as long as before",
            family: Family::PostgresMessages,
            present_db: 8.0,
            absent_db: -3.0,
            contradicted_db: -3.0,
            look: |m| match m.messages.checkpoint_sync_s {
                Some(sync_s) => {
                    let before_s = m.messages.checkpoint_sync_before_s;
                    let statement = format!(
                        "longest checkpoint sync {sync_s:.1} s{}",
                        before_s.map_or(String::new(), |before| format!(", {before:.1} s before"))
                    );
                    holds(
                        sync_s >= 3.0 && sync_s >= 5.0 * before_s.unwrap_or(0.0),
                        statement,
                        m.messages.checkpoint.clone(),
                    )
                }
                None => Answer::Unknown(NEED_POSTGRES),
            },
        },
        Item {
            asks: "all sorts of statements were long, also those that read one row, insert or commit",
            family: Family::Statements,
            present_db: 6.0,
            absent_db: -4.0,
            contradicted_db: -4.0,
            look: |m| {
                let statements = &m.statements;
                if statements.long < 3 {
                    let sources = &m.sources;
                    return if sources.listings >= 2 || (sources.postgres_log && sources.durations_logged) {
                        Answer::Absent(
                            format!("{} statements over 5 s of their own", statements.long),
                            statements.reference.clone(),
                        )
                    } else {
                        Answer::Unknown(NEED_SNAPSHOTS)
                    };
                }
                let statement = format!(
                    "{} of {} long statements do next to nothing; {} different ones were long",
                    statements.trivial, statements.long, statements.fingerprints
                );
                holds(
                    statements.fingerprints >= 3 && 4 * statements.trivial >= statements.long,
                    statement,
                    statements.reference.clone(),
                )
            },
        },
        Item {
            asks: "most long statements were seen waiting for storage",
            family: Family::Statements,
            present_db: 4.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| match m.statements.io_share {
                Some(share) => holds(
                    share >= 0.5,
                    format!("{:.0} % of sightings of long statements wait for storage", 100.0 * share),
                    m.statements.reference.clone(),
                ),
                None => Answer::Unknown(NEED_SNAPSHOTS),
            },
        },
    ],
    explained_by: &[
        ("out_of_memory_killer", |m| m.host.swap_kib_s.is_some_and(|swap| swap > 100.0)),
        ("cron_storm", |m| {
            m.cron.together >= 3 && m.messages.checkpoint_sync_s.is_none_or(|sync_s| sync_s < 3.0)
        }),
    ],
    beside: mechanism,
    culprit: nobody,
};
