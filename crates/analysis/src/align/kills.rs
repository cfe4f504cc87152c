//! What a killed worker leaves behind at the same instant: an answer 502, a closed upstream connection, a lost
//! connection to PostgreSQL.

use rustc_hash::FxHashMap;
use stormtrace_logs::format::Source;
use stormtrace_logs::record::UpstreamFailure;
use stormtrace_logs::timestamp::SECOND_US;

use super::estimate::Pair;
use super::kind::{Kind, centred};
use super::pair::{Moment, couple};
use crate::events::{Lane, OdooFact, PostgresFact};
use crate::read::Input;

/// A kill and the 502 of the request that the worker had in hand (captures: −25 to +106 ms).
pub const BAD_GATEWAYS: Kind = Kind {
    reference: Source::Odoo,
    source: Source::NginxAccess,
    basis: "kills and the 502 answers they cause",
    blur_us: REAPED_US,
    pairs: bad_gateways,
};

/// A kill and the connection that nginx sees closed.
pub const LOST_UPSTREAMS: Kind = Kind {
    reference: Source::Odoo,
    source: Source::NginxError,
    basis: "kills and the upstream connections they close",
    blur_us: REAPED_US,
    pairs: |odoo, nginx| couple(killed(odoo).0, closed_upstreams(nginx)),
};

/// A kill and the backend that loses its client in a transaction (captures: +4 to +63 ms).
pub const LOST_CONNECTIONS: Kind = Kind {
    reference: Source::Odoo,
    source: Source::PostgresLog,
    basis: "kills and the connections that PostgreSQL loses",
    blur_us: REAPED_US,
    pairs: |odoo, postgres| couple(killed(odoo).0, lost_connections(postgres)),
};

/// A victim of the kernel and the 502 of its request.
pub const OUT_OF_MEMORY: Kind = Kind {
    reference: Source::NginxAccess,
    source: Source::Host,
    basis: "kills by the kernel and the 502 answers they cause",
    blur_us: REAPED_US,
    pairs: out_of_memory,
};

/// What a kill causes shows within this, µs (captures: −25 to +106 ms).
const REAPED_US: i64 = SECOND_US / 10;
/// The master looks every 4 s and a worker may have pinged 4 s before it took the request (methods.md, section 0).
const BEAT_US: i64 = 4 * SECOND_US;

/// First reports of kills of HTTP workers, and the shortest time limit that they name, µs.
fn killed(odoo: &[&Input]) -> (Vec<Moment>, i64) {
    let mut reports: Vec<(usize, u32, i64, i64)> = Vec::new();
    for (number, input) in odoo.iter().enumerate() {
        let texts = &input.partial.events.texts;
        reports.extend(input.partial.events.odoo.iter().filter_map(|event| match event.fact {
            OdooFact::Timeout { class, pid, limit_s } if !texts.get(class).contains("Cron") => {
                Some((number, pid, event.us, i64::from(limit_s) * SECOND_US))
            }
            OdooFact::CpuLimit { pid, .. } => Some((number, pid, event.us, 0)),
            _ => None,
        }));
    }
    reports.sort_unstable();
    let shortest = reports.iter().map(|report| report.3).min().unwrap_or(0);
    // The master repeats the line until the process is gone: every 4 s, for long, if the kernel cannot end it.
    let mut last: FxHashMap<(usize, u32), i64> = FxHashMap::default();
    let mut kills = Vec::new();
    for (number, pid, us, _) in reports {
        let again = last.insert((number, pid), us).is_some_and(|before| us - before <= 2 * BEAT_US);
        if !again {
            kills.push((0, us));
        }
    }
    (kills, shortest)
}

fn bad_gateways(odoo: &[&Input], nginx: &[&Input]) -> Vec<Pair> {
    let (kills, limit_us) = killed(odoo);
    // The request was with the worker for the limit, give or take two beats.
    couple(kills, answers(nginx, limit_us.saturating_sub(2 * BEAT_US)))
}

/// 502 answers of requests that an upstream had accepted and that took at least so long, µs.
fn answers(nginx: &[&Input], least_us: i64) -> Vec<Moment> {
    let mut answers = Vec::new();
    for input in nginx {
        answers.extend(
            input
                .partial
                .events
                .access
                .iter()
                .filter(|request| request.status == 502 && request.lane != Lane::Bus)
                .filter(|request| !request.never_connected)
                .filter(|request| request.request_time_us.get().is_none_or(|took_us| took_us >= least_us))
                .map(|request| (0, centred(input, request.end_us))),
        );
    }
    answers
}

fn closed_upstreams(nginx: &[&Input]) -> Vec<Moment> {
    let mut closed = Vec::new();
    for input in nginx {
        let lost = |failure| {
            matches!(
                failure,
                UpstreamFailure::PrematureClose
                    | UpstreamFailure::PrematureCloseBody
                    | UpstreamFailure::Reset
            )
        };
        closed.extend(
            input
                .partial
                .events
                .nginx
                .iter()
                .filter(|error| error.lane != Lane::Bus && error.failure.is_some_and(lost))
                .map(|error| (0, centred(input, error.us))),
        );
    }
    closed
}

fn lost_connections(postgres: &[&Input]) -> Vec<Moment> {
    let mut lost = Vec::new();
    for input in postgres {
        lost.extend(
            input
                .partial
                .events
                .postgres
                .iter()
                .filter(|event| event.fact == PostgresFact::UnexpectedEof)
                .map(|event| (0, centred(input, event.us))),
        );
    }
    lost
}

fn out_of_memory(nginx: &[&Input], host: &[&Input]) -> Vec<Pair> {
    let mut victims: Vec<Moment> = Vec::new();
    for input in host {
        victims.extend(input.partial.events.kernel.iter().map(|kill| (0, centred(input, kill.us))));
    }
    couple(answers(nginx, 0), victims)
}
