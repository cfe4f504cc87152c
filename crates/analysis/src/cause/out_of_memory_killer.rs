//! `out_of_memory_killer`: the kernel killed processes for lack of memory (methods 4).

use super::items::{NEED_HOST, counted, holds};
use super::measures::Measures;
use super::{Answer, Family, Item, Suspect, mechanism, nobody, undated};

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "out_of_memory_killer",
    summary: "The kernel killed processes for lack of memory.",
    next_step: "Lower workers or limit_memory_hard so that workers × limit fits into memory; add swap only as a cushion.",
    needs: "the kernel's messages (journalctl -k, dmesg); else the Odoo log at info and host metrics",
    gate: Some(|m| {
        let killed = m.ends.out_of_memory.count + m.messages.backend_killed.count;
        killed >= 2 && 2 * killed >= m.ends.http_kills.count
    }),
    begins: undated,
    items: &[
        Item {
            asks: "the kernel killed workers",
            family: Family::WorkerEnds,
            present_db: 10.0,
            absent_db: -2.0,
            contradicted_db: -2.0,
            look: |m| counted(&m.ends.out_of_memory, 1, "workers killed by the kernel"),
        },
        Item {
            asks: "a PostgreSQL backend was killed by signal 9",
            family: Family::PostgresMessages,
            present_db: 8.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| counted(&m.messages.backend_killed, 1, "PostgreSQL backends terminated by signal 9"),
        },
        Item {
            asks: "workers vanished without a word and were replaced",
            family: Family::WorkerEnds,
            present_db: 6.0,
            absent_db: -2.0,
            contradicted_db: -2.0,
            look: |m| match m.sources.odoo_info {
                true => {
                    counted(&m.ends.vanished, 2, "workers were replaced though nothing tells of their end")
                }
                false => Answer::Unknown(super::items::NEED_ODOO_INFO),
            },
        },
        Item {
            asks: "free memory all but ran out, or the machine swapped",
            family: Family::Memory,
            present_db: 6.0,
            absent_db: -6.0,
            contradicted_db: -6.0,
            look: memory_ran_out,
        },
        Item {
            asks: "answers were cut off by the death of a worker",
            family: Family::Requests,
            present_db: 2.0,
            absent_db: -2.0,
            contradicted_db: -2.0,
            look: |m| counted(&m.requests.http_502, 1, "requests answered 502"),
        },
    ],
    explained_by: &[],
    beside: mechanism,
    culprit: nobody,
};

/// From whatever was sampled: free memory, swap traffic, and where there is neither what containers and the kernel say.
fn memory_ran_out(m: &Measures) -> Answer {
    let host = &m.host;
    let reference = host.reference.clone();
    if let Some(kills) = host.group_kills.filter(|kills| *kills > 0) {
        let statement = format!("the kernel killed {kills} processes in a control group");
        return holds(true, statement, reference);
    }
    match (host.memory_left, host.swap_kib_s) {
        (None, None) => match (host.memory_of_limit, host.memory_pressure) {
            (Some(percent), _) => holds(
                percent >= 97.0,
                format!("the fullest container used {percent:.0} % of its limit"),
                reference,
            ),
            // A machine that reclaims so much of the time has run out (systemd-oomd acts at 60 %).
            (None, Some(pressure)) => holds(
                pressure >= 40.0,
                format!("tasks waited for memory {pressure:.0} % of the time"),
                reference,
            ),
            (None, None) => Answer::Unknown(NEED_HOST),
        },
        (left, swap) => {
            let statement = format!(
                "least free memory {} of what it was, swap traffic {}",
                left.map_or("unknown".to_owned(), |left| format!("{:.0} %", 100.0 * left)),
                swap.map_or("unknown".to_owned(), |swap| format!("{swap:.0} KiB/s"))
            );
            holds(
                left.is_some_and(|left| left < 0.15) || swap.is_some_and(|swap| swap > 500.0),
                statement,
                reference,
            )
        }
    }
}
