//! `traffic_surge`: more requests arrived than the workers can serve (methods 4).

use super::items::{DATABASE_IDLE, NEED_ACCESS, NEED_ODOO_INFO, arrivals, either, holds};
use super::{Answer, Family, Item, Suspect, mechanism, nobody};

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "traffic_surge",
    summary: "More requests arrived than the workers can serve.",
    next_step: "Shed load at the proxy (rate limit, static answers), then add workers if the machine has room.",
    needs: "the access log of the incident and of ten minutes before it",
    gate: None,
    items: &[
        Item {
            asks: "requests arrived at 1.8 times the earlier rate or more",
            family: Family::Arrivals,
            present_db: 10.0,
            absent_db: -8.0,
            contradicted_db: -10.0,
            look: |m| match arrivals(m) {
                Ok(factor) => {
                    let statement = format!("requests arrived at {factor:.1} times the earlier rate");
                    if factor < 1.2 {
                        Answer::Contradicted(statement, None)
                    } else {
                        holds(factor >= 1.8, statement, None)
                    }
                }
                Err(unknown) => unknown,
            },
        },
        Item {
            asks: "each request took the workers about as long as before",
            family: Family::Requests,
            present_db: 4.0,
            absent_db: -4.0,
            contradicted_db: -4.0,
            look: |m| match m.requests.service_factor {
                Some(factor) => holds(
                    factor <= 2.0,
                    format!(
                        "a request took {factor:.1} times as long in a worker as on the same route before"
                    ),
                    None,
                ),
                None => Answer::Unknown(NEED_ODOO_INFO),
            },
        },
        Item {
            asks: "requests gave up waiting, workers were not killed",
            family: Family::WorkerEnds,
            present_db: 3.0,
            absent_db: -5.0,
            contradicted_db: -5.0,
            look: |m| {
                let kills = &m.ends.http_kills;
                let gave_up =
                    m.requests.http_504.count + m.requests.http_499 + m.requests.connect_timeouts.count;
                either(
                    kills.count * 20 <= gave_up,
                    format!("{} workers killed, {gave_up} requests gave up", kills.count),
                    kills.first.clone().or_else(|| m.requests.http_504.first.clone()),
                )
            },
        },
        Item { present_db: 3.0, absent_db: -6.0, contradicted_db: -6.0, ..DATABASE_IDLE },
        Item {
            asks: "an access log shows the arrivals",
            family: Family::Arrivals,
            present_db: 0.0,
            absent_db: 0.0,
            contradicted_db: 0.0,
            look: |m| match m.sources.access {
                true => Answer::Present("an access log covers the incident".to_owned(), None),
                false => Answer::Unknown(NEED_ACCESS),
            },
        },
    ],
    explained_by: &[],
    beside: mechanism,
    culprit: nobody,
};
