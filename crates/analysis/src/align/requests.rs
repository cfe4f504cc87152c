//! Requests seen by nginx, by a worker and, as its SQL, by PostgreSQL.

use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::SECOND_US;

use super::estimate::{Pair, REACH_US, evenly};
use super::kind::{Kind, centred};
use super::pair::{Moment, couple, key};
use crate::events::PostgresFact;
use crate::read::Input;

/// The end of a request at nginx and at the worker: same method, path and status.
pub const SERVED: Kind = Kind {
    reference: Source::Odoo,
    source: Source::NginxAccess,
    basis: "ends of the same requests at nginx and at the workers",
    blur_us: 0,
    pairs: served,
};

/// The same for a further Odoo host behind the nginx that is already on the first one's clock.
pub const FURTHER_HOST: Kind = Kind {
    reference: Source::NginxAccess,
    source: Source::Odoo,
    basis: "ends of the same requests at nginx and at the workers of this host",
    blur_us: 0,
    pairs: |nginx, odoo| served(odoo, nginx).into_iter().map(Pair::turned).collect(),
};

fn served(odoo: &[&Input], nginx: &[&Input]) -> Vec<Pair> {
    let mut left: Vec<Moment> = Vec::new();
    for input in odoo {
        let texts = &input.partial.events.texts;
        left.extend(input.partial.events.served.iter().filter(|request| !request.evented).map(|request| {
            (of_request(texts.get(request.method), texts.get(request.path), request.status), request.end_us)
        }));
    }
    let mut right: Vec<Moment> = Vec::new();
    if left.is_empty() {
        return Vec::new();
    }
    for input in nginx {
        let texts = &input.partial.events.texts;
        right.extend(input.partial.events.access.iter().map(|request| {
            let key = of_request(texts.get(request.method), texts.get(request.path), request.status);
            (key, centred(input, request.end_us))
        }));
    }
    couple(left, right)
}

fn of_request(method: &str, path: &str, status: u16) -> u64 {
    key(&[method.as_bytes(), path.as_bytes(), &status.to_le_bytes()])
}

/// A statement that makes up all of a request's SQL time: it ended between the request's start and end.
pub const STATEMENTS: Kind = Kind {
    reference: Source::Odoo,
    source: Source::PostgresLog,
    basis: "requests whose SQL time is one logged statement",
    blur_us: BESIDES_US / 2,
    pairs: single_statements,
};

/// Statements shorter than this are alike, µs.
const LONG_US: i64 = SECOND_US / 5;
/// Most that a request may do besides its statement, µs: so exactly is the end of the statement known.
const BESIDES_US: i64 = SECOND_US;
/// Most requests looked at.
const MOST: usize = 20_000;

fn single_statements(odoo: &[&Input], postgres: &[&Input]) -> Vec<Pair> {
    let mut statements: Vec<(i64, i64)> = Vec::new();
    for input in postgres {
        statements.extend(input.partial.events.postgres.iter().filter_map(|event| match event.fact {
            PostgresFact::Duration { duration_us, .. } if duration_us >= LONG_US => {
                Some((duration_us, centred(input, event.us)))
            }
            _ => None,
        }));
    }
    statements.sort_unstable();
    let mut requests: Vec<(i64, i64, i64)> = Vec::new();
    for input in odoo {
        requests.extend(input.partial.events.served.iter().filter_map(|request| {
            let (query_us, rest_us) = (request.query_us.get()?, request.remaining_us.get()?);
            (query_us >= LONG_US && rest_us <= BESIDES_US).then_some((request.end_us, query_us, rest_us))
        }));
    }
    requests.sort_unstable();
    let mut pairs = Vec::new();
    for (number, (end_us, query_us, rest_us)) in (0u32..).zip(evenly(&requests, MOST)) {
        // Odoo rounds to milliseconds; the rest of its statements take a few per cent at most.
        let least = query_us - (query_us / 20).min(BESIDES_US);
        let from = statements.partition_point(|statement| statement.0 < least);
        let alike = statements.iter().enumerate().skip(from);
        for (right, (duration_us, logged_us)) in
            alike.take_while(|(_, statement)| statement.0 <= query_us.saturating_add(2000)).take(100)
        {
            let besides_us = rest_us.max(0) + (query_us - duration_us).max(0);
            let at_us = end_us - besides_us / 2;
            let difference_us = logged_us - at_us;
            if difference_us.abs() <= REACH_US {
                let right = u32::try_from(right).unwrap_or(u32::MAX);
                pairs.push(Pair { left: number, right, at_us, difference_us });
            }
        }
    }
    pairs
}
