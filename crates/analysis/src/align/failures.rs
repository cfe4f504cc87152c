//! Failures that two sources report: a request, an upstream connection, a statement.

use stormtrace_logs::format::Source;
use stormtrace_logs::record::Exception;
use stormtrace_logs::timestamp::SECOND_US;

use super::kind::{Kind, centred};
use super::pair::{Moment, couple, key};
use crate::events::{OdooFact, PostgresFact};
use crate::read::Input;

/// An exception in Odoo's log and the 500 answer of its request.
pub const REQUESTS: Kind = Kind {
    reference: Source::Odoo,
    source: Source::NginxAccess,
    basis: "exceptions and the 500 answers they cause",
    blur_us: SECOND_US / 10,
    pairs: |odoo, nginx| couple(exceptions(odoo), internal_errors(nginx)),
};

/// A failure in nginx's error log and the failed request in its access log: same path.
pub const UPSTREAM: Kind = Kind {
    reference: Source::NginxAccess,
    source: Source::NginxError,
    basis: "the same failed requests in both logs of nginx",
    blur_us: SECOND_US / 10,
    pairs: |access, error| couple(failed_requests(access), upstream_failures(error)),
};

/// A failed statement in Odoo's log (`bad query`, a traceback of psycopg2) and in PostgreSQL's: same error.
pub const STATEMENTS: Kind = Kind {
    reference: Source::Odoo,
    source: Source::PostgresLog,
    basis: "the same database errors at Odoo and at PostgreSQL",
    blur_us: SECOND_US / 10,
    pairs: |odoo, postgres| couple(database_exceptions(odoo), database_errors(postgres)),
};

fn exceptions(odoo: &[&Input]) -> Vec<Moment> {
    once(odoo, |fact| matches!(fact, OdooFact::Raised(_) | OdooFact::BusMisrouted).then_some(0))
}

/// Failures by class, each once: one record may say two things, and a statement's error comes again in the traceback.
fn once(odoo: &[&Input], class: impl Fn(OdooFact) -> Option<u64>) -> Vec<Moment> {
    let mut moments: Vec<(u64, i64, u32)> = Vec::new();
    for input in odoo {
        let events = input.partial.events.odoo.iter();
        moments.extend(events.filter_map(|event| Some((class(event.fact)?, event.us, event.pid))));
    }
    moments.sort_unstable();
    moments.dedup();
    moments.into_iter().map(|(class, us, _)| (class, us)).collect()
}

fn internal_errors(nginx: &[&Input]) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    for input in nginx {
        let failed = input.partial.events.access.iter().filter(|request| request.status == 500);
        moments.extend(failed.map(|request| (0, centred(input, request.end_us))));
    }
    moments
}

/// Requests that failed or whose client left, by path.
pub fn failed_requests(access: &[&Input]) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    for input in access {
        let texts = &input.partial.events.texts;
        let failed =
            input.partial.events.access.iter().filter(|request| request.failed() || request.status == 499);
        moments.extend(
            failed
                .map(|request| (key(&[texts.get(request.path).as_bytes()]), centred(input, request.end_us))),
        );
    }
    moments
}

fn upstream_failures(error: &[&Input]) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    for input in error {
        let texts = &input.partial.events.texts;
        let failed = input.partial.events.nginx.iter().filter(|error| error.failure.is_some());
        moments
            .extend(failed.map(|error| (key(&[texts.get(error.path).as_bytes()]), centred(input, error.us))));
    }
    moments
}

fn database_exceptions(odoo: &[&Input]) -> Vec<Moment> {
    once(odoo, database_exception)
}

/// The class of a database error that Odoo reports; [`database_error`] gives PostgreSQL's side the same number.
pub fn database_exception(fact: OdooFact) -> Option<u64> {
    Some(match fact {
        OdooFact::Raised(Exception::SerializationFailure) => 1,
        OdooFact::Raised(Exception::DeadlockDetected) => 2,
        OdooFact::Raised(Exception::StatementTimeout) => 3,
        OdooFact::Raised(Exception::QueryCanceled) => 4,
        OdooFact::Raised(Exception::AdminShutdown) => 5,
        OdooFact::Raised(Exception::TooManyClients) => 6,
        _ => return None,
    })
}

/// The class of an error that PostgreSQL reports and its client too.
pub fn database_error(fact: &PostgresFact) -> Option<u64> {
    Some(match fact {
        PostgresFact::SerializationFailure => 1,
        PostgresFact::Deadlock => 2,
        PostgresFact::Canceled { user: false } => 3,
        PostgresFact::Canceled { user: true } => 4,
        PostgresFact::Terminated { administrator: true } => 5,
        PostgresFact::TooManyClients => 6,
        _ => return None,
    })
}

fn database_errors(postgres: &[&Input]) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    for input in postgres {
        let events = input.partial.events.postgres.iter();
        moments.extend(
            events.filter_map(|event| Some((database_error(&event.fact)?, centred(input, event.us)))),
        );
    }
    moments
}
