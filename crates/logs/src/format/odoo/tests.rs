use std::borrow::Cow;

use proptest::prelude::*;

use super::requests::{Columns, answer, common_answer, performance, request_head, status_and_size};
use super::*;
use crate::record::{Exception, WorkerRequest};

fn raw(text: &str) -> Raw<'_> {
    Raw::of(text.as_bytes())
}

fn with<T>(text: &str, look: impl FnOnce(&OdooRecord<'_>) -> T) -> T {
    let raw = raw(text);
    match Odoo.parse(&raw, &mut Memory::default()) {
        Ok(Record::Odoo(record)) => look(&record),
        other => panic!("{text}: {other:?}"),
    }
}

fn server(message: &str, look: impl FnOnce(&OdooRecord<'_>)) {
    with(&format!("2026-11-23 18:32:56,204 22130 INFO o15 odoo.service.server: {message} "), look);
}

fn cron(message: &str) -> String {
    let text = format!("2026-11-23 18:32:56,204 9 INFO o15 odoo.addons.base.models.ir_cron: {message} ");
    with(&text, |record| match record.event {
        OdooEvent::CronStart { job } => format!("start {}", String::from_utf8_lossy(job)),
        OdooEvent::CronEnd { job, duration_us } => {
            format!("end {} {duration_us:?}", String::from_utf8_lossy(job))
        }
        OdooEvent::CronFailed => "failed".to_owned(),
        _ => "other".to_owned(),
    })
}

const REQUEST: &str = "2026-11-23 18:32:20,041 17092 INFO prod17 werkzeug: 203.0.113.14 - - [23/Nov/2026 18:32:20] \"GET /web/image/res.partner/167/avatar_128?unique=498738 HTTP/1.0\" 200 - 6 0.006 0.024";

fn request(line: &str, tail: &str) -> String {
    let text = format!(
        "2026-11-23 18:32:20,041 17092 INFO ? werkzeug: 1.2.3.4 - - [23/Nov/2026 18:32:20] \"{line}\" {tail}"
    );
    with(&text, |record| match &record.event {
        OdooEvent::Request(request) => format!(
            "{} {} {:?} {} {:?} {:?} {:?}",
            String::from_utf8_lossy(request.method),
            String::from_utf8_lossy(request.path),
            request.model_method.map(String::from_utf8_lossy),
            request.status,
            request.query_count,
            request.query_time_us,
            request.remaining_time_us
        ),
        other => panic!("{other:?}"),
    })
}

#[test]
fn requests() {
    with(REQUEST, |record| {
        assert_eq!((record.pid, record.level, record.stamp.us), (17092, Level::Info, 1_795_458_740_041_000));
        assert_eq!((record.database, record.logger), (b"prod17".as_slice(), b"werkzeug".as_slice()));
        assert!(record.message.ends_with(b"\" 200 -"));
    });
    assert_eq!(
        request("POST /jsonrpc HTTP/1.1", "200 - 3 0.017 -0.010 ro->rw"),
        "POST /jsonrpc None 200 Some(3) Some(17000) Some(-10000)"
    );
    assert_eq!(request("GET /a \"b c HTTP/1.0", "404 - - - - "), "GET /a \"b c None 404 None None None");
    assert_eq!(request("GET /x HTTP/1.0", "303 -"), "GET /x None 303 None None None");
    assert_eq!(
        request("POST /web/dataset/call_kw#res.partner.web_search_read HTTP/1.1", "200 - 1 0.001 0.002"),
        "POST /web/dataset/call_kw Some(\"res.partner.web_search_read\") 200 Some(1) Some(1000) Some(2000)"
    );
    assert_eq!(request("GET /x#frag HTTP/1.1", "200 - - - -"), "GET /x#frag None 200 None None None");
    let new = "2026-11-23 18:32:20,041 17092 INFO prod odoo.http.server: 1.2.3.4 abc - [23/Nov/2026 18:32:20] \"GET / HTTP/1.1\" 200 - 1 0.001 0.002 rw";
    with(new, |record| {
        assert!(matches!(record.event, OdooEvent::Request(WorkerRequest { status: 200, .. })))
    });
    let evented = "2026-11-23 18:32:20,041 17092 INFO ? longpolling: 127.0.0.1 - - [2026-11-23 18:32:20] \"POST /longpolling/poll HTTP/1.0\" 200 286 50.037857 ";
    with(evented, |record| {
        assert!(matches!(
            record.event,
            OdooEvent::EventedRequest { status: 200, duration_us: Some(50_037_857), .. }
        ));
    });
    let slow = "2026-11-23 18:32:20,041 17092 ERROR ? werkzeug: 1.2.3.4 - - [23/Nov/2026 18:32:20] Request timed out: timeout('timed out') - - -";
    with(slow, |record| assert!(matches!(record.event, OdooEvent::ClientGone)));
}

#[test]
fn every_prefix_is_safe() {
    let record = format!(
        "{REQUEST}\nTraceback (most recent call last):\n  File \"x\"\npsycopg2.pool.PoolError: The Connection Pool Is Full"
    );
    for length in 0..record.len() {
        let _ = Odoo.parse(&raw(&record[..length]), &mut Memory::default());
        let _ = Odoo.starts_record(&record.as_bytes()[..length]);
    }
    let cut = &REQUEST[..REQUEST.len() - 30];
    assert!(Odoo.parse(&raw(cut), &mut Memory::default()).is_err());
    assert!(!Odoo.starts_record(b"\xff\xfe\0"));
    assert!(!Odoo.starts_record(b"2026-11-23 18:22:10.286 UTC [7] LOG:  x"));
    assert!(!Odoo.starts_record(b"2026-11-23 18:22:10,286 - INFO - something"));
    let orphan = Raw { orphan: true, ..raw("Forced shutdown.") };
    assert_eq!(Odoo.parse(&orphan, &mut Memory::default()).err(), Some("no_header"));
}

#[test]
fn server_messages() {
    server("WorkerHTTP (22412) timeout after 18s", |record| {
        assert!(matches!(
            record.event,
            OdooEvent::WorkerTimeout { class: b"WorkerHTTP", pid: 22412, limit_s: 18 }
        ));
    });
    server("Worker WorkerCron (7) alive", |record| {
        assert!(matches!(record.event, OdooEvent::WorkerAlive { class: b"WorkerCron", pid: 7 }));
    });
    server("Worker (4069) CPU time limit (8) reached.", |record| {
        assert!(matches!(record.event, OdooEvent::CpuLimit { pid: 4069, limit_s: 8 }));
    });
    server("Worker (4069) virtual memory limit (2684354560) reached.", |record| {
        assert!(matches!(record.event, OdooEvent::MemorySoft { pid: 4069, bytes: 2_684_354_560 }));
    });
    server("Worker (5) exiting. request_count: 2000, registry count: 1.", |record| {
        assert!(matches!(record.event, OdooEvent::WorkerExiting { pid: 5, request_count: 2000 }));
    });
    for text in
        ["Worker (5) Exception occured, exiting...", "Worker WorkerHTTP (5) Exception occurred, exiting..."]
    {
        server(text, |record| assert!(matches!(record.event, OdooEvent::WorkerException { pid: 5 })));
    }
    server(
        "Thread <Thread(odoo.service.http.request.1, started 1)> virtual real time limit (151/120s) reached.",
        |record| {
            assert!(matches!(record.event, OdooEvent::ThreadTimeout { elapsed_s: 151, limit_s: 120, .. }));
        },
    );
    server("Gevent virtual memory limit reached: 99", |record| {
        assert!(matches!(record.event, OdooEvent::EventedMemory { bytes: 99 }));
    });
    server("Critial worker error (12)", |record| {
        assert!(matches!(record.event, OdooEvent::CriticalWorkerError { pid: 12 }));
    });
    server("WorkerCron (3) max age (600s) reached.", |record| {
        assert!(matches!(record.event, OdooEvent::MaxAge { pid: 3 }));
    });
    server("HTTP service (werkzeug) running on vm:8069", |record| {
        assert!(matches!(record.event, OdooEvent::HttpServiceRunning));
    });
    server("WorkerHTTP (99999999999999999999) timeout after 18s", |_| {});
    with("2026-11-23 18:28:01,941 17008 INFO ? odoo: Odoo version 17.0 ", |record| {
        assert!(matches!(record.event, OdooEvent::Banner { version: b"17.0" }));
    });
    with("2026-11-23 18:28:01,941 17008 Level 25 ? odoo.tools.misc: ", |record| {
        assert_eq!((record.level, record.message), (Level::Info, b"".as_slice()));
    });
    with(
        "2026-11-23 18:28:01,941 7 INFO o15 odoo.service.model: SERIALIZATION_FAILURE, 4 tries left, try again in 1.3 sec... ",
        |record| {
            assert!(matches!(
                record.event,
                OdooEvent::Retry { error: b"SERIALIZATION_FAILURE", exhausted: false }
            ));
        },
    );
    with("2026-11-23 18:28:01,941 7 INFO o15 odoo.modules.registry: Registry loaded in 1.250s ", |record| {
        assert!(matches!(record.event, OdooEvent::RegistryLoaded { duration_us: Some(1_250_000) }));
    });
}

#[test]
fn cron_messages() {
    assert_eq!(cron("Starting job `Mail: `x` (a)`."), "start Mail: `x` (a)");
    assert_eq!(cron("Job `Mail: Email Queue Manager` done."), "end Mail: Email Queue Manager None");
    assert_eq!(cron("Job done: `Sales: sync (b)` (9.125s)."), "end Sales: sync (b) Some(9125000)");
    assert_eq!(cron("Job \"it's (3) x\" (12) starting"), "start it's (3) x");
    assert_eq!(cron("Job 'N' (12) done in 1.500s"), "end N Some(1500000)");
    assert_eq!(
        cron("Job 'N' (12) fully done (#loop 1; done 3; remaining 0; duration 2.25s)"),
        "end N Some(2250000)"
    );
    assert_eq!(cron("Job 'N' (12) processed 3 records, 0 records remaining"), "other");
    assert_eq!(cron("Job 'N' (12) timed out"), "failed");
    assert_eq!(cron("Call from cron N for server action #3 failed in Job #4"), "failed");
}

#[test]
fn exceptions() {
    let http = |tail: &str| {
        let text = format!(
            "2026-11-23 18:28:01,941 7 ERROR ? odoo.http: Exception during request handling. \nTraceback (most recent call last):\n  File \"x\", line 1\n{tail}"
        );
        with(&text, |record| (matches!(record.event, OdooEvent::RequestException), record.exception))
    };
    assert_eq!(
        http("psycopg2.pool.PoolError: The Connection Pool Is Full"),
        (true, Some(Exception::PoolFull))
    );
    assert_eq!(
        http("psycopg2.errors.QueryCanceled: canceling statement due to user request\n - - -"),
        (true, Some(Exception::QueryCanceled))
    );
    assert_eq!(
        http("psycopg2.OperationalError: server closed the connection unexpectedly\n\tThis probably means\n"),
        (true, Some(Exception::ConnectionClosed))
    );
    assert_eq!(
        http(
            "psycopg2.OperationalError: connection to server at \"h\" (1), port 5 failed: FATAL:  sorry, too many clients already"
        ),
        (true, Some(Exception::TooManyClients))
    );
    assert_eq!(
        http("requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='x', port=443): Read timed out."),
        (true, Some(Exception::ExternalCall))
    );
    assert_eq!(http("socket.timeout: timed out"), (true, Some(Exception::ExternalCall)));
    assert_eq!(http("MemoryError"), (true, Some(Exception::MemoryError)));
    assert_eq!(http("KeyError: 'acme_status' - - -"), (true, Some(Exception::Other)));
    assert_eq!(
        http(
            "RuntimeError: Couldn't bind the websocket. Is the connection opened on the evented port (8072)?"
        ),
        (false, Some(Exception::Other))
    );
    let query = "2026-11-23 18:28:01,941 7 ERROR o15 odoo.sql_db: bad query: \n  SELECT 1\nERROR: could not serialize access due to concurrent update\n ";
    with(query, |record| {
        assert!(matches!(record.event, OdooEvent::BadQuery { query: b"SELECT 1" }));
        assert_eq!(record.exception, Some(Exception::SerializationFailure));
    });
    let foreign = format!("{REQUEST}\nTraceback (most recent call last):\nMemoryError");
    with(&foreign, |record| assert_eq!(record.exception, None));
}

#[test]
fn detection() {
    let claim = |lines: &[&str]| {
        let lines = lines.iter().map(|line| Cow::Borrowed(line.as_bytes())).collect();
        detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.score)
    };
    assert_eq!(claim(&["Running as user 'root' is a security risk.", REQUEST]), Some(1.0));
    assert_eq!(claim(&["2026-11-23 18:22:10.286 UTC [7] LOG:  x"]), None);
    assert_eq!(claim(&[]), None);
}

/// The columns of a request line as a grammar, which the parser must agree with.
mod grammar {
    use nom::branch::alt;
    use nom::bytes::complete::{tag, take_till1, take_until};
    use nom::character::complete::{char, digit1};
    use nom::combinator::{opt, verify};
    use nom::sequence::{delimited, preceded, terminated};
    use nom::{IResult, Parser};

    fn token(input: &[u8]) -> IResult<&[u8], &[u8]> {
        take_till1(|byte| byte == b' ')(input)
    }

    pub fn request_head(input: &[u8]) -> IResult<&[u8], &[u8]> {
        let (input, address) = terminated(token, char(' ')).parse(input)?;
        let (input, _) = (token, char(' '), token, char(' ')).parse(input)?;
        let (input, _) = delimited(char('['), take_until("]"), tag(b"] \"".as_slice())).parse(input)?;
        Ok((input, address))
    }

    pub fn status_and_size(input: &[u8]) -> IResult<&[u8], &[u8]> {
        let (rest, status) = alt((digit1, tag(b"-".as_slice()))).parse(input)?;
        let size = opt(preceded(char(' '), token));
        let (rest, _) =
            verify(size, |size| size.is_some() || (rest.is_empty() && status.len() == 3)).parse(rest)?;
        Ok((rest, status))
    }

    pub fn performance(input: &[u8]) -> IResult<&[u8], super::Columns<'_>> {
        let blank_token = || preceded(char(' '), token);
        (blank_token(), blank_token(), blank_token()).parse(input)
    }
}

proptest! {
    #[test]
    fn request_lines_are_those_of_the_grammar(
        text in r#"[0-9a-]{0,3} {0,2}[a-]{0,2} {0,2}[a-]{0,2} {0,2}\[?[0-9/ ]{0,4}\]{0,2} "?[a ]{0,3}"#,
    ) {
        let text = text.as_bytes();
        prop_assert_eq!(request_head(text), grammar::request_head(text).ok());
    }

    #[test]
    fn columns_are_those_of_the_grammar(text in "[0-9-]{0,4}[ ]{0,2}[0-9.-]{0,3}[ ]{0,2}[0-9.-]{0,3}[ ]{0,2}[r>w]{0,2}") {
        let text = text.as_bytes();
        prop_assert_eq!(status_and_size(text), grammar::status_and_size(text).ok());
        prop_assert_eq!(performance(text), grammar::performance(text).ok().map(|(_, columns)| columns));
    }
}

proptest! {
    /// What is read at one go is what is found token by token.
    #[test]
    fn answers_are_read_alike(
        parts in prop::collection::vec(prop::sample::select(vec![
            "200", "-", " ", "17", "0.123", "12.045", "-0.001", "0.1234", "x", "99999999999", "cursor", ".", "0.04",
        ]), 0..12),
        whole in prop::bool::ANY,
    ) {
        let parts = parts.concat();
        let tail = if whole { format!("200 - 17 0.123 0.045{parts}") } else { parts };
        if let Some((common, _)) = common_answer(tail.as_bytes()) {
            prop_assert_eq!(Some(common), answer(tail.as_bytes()));
        } else {
            prop_assert!(!whole || !matches!(tail.as_bytes().get(20), None | Some(b' ')));
        }
    }

    /// A request line read at one go is what its parts are by themselves.
    #[test]
    fn requests_are_read_alike(
        cut in prop::collection::vec((0usize..200, prop::sample::select(vec![
            "", " ", "\n", "\"", "]", "#", "#res.partner.read", "?", "- ", "werkzeug: ", "\" 200 - 1 0.001 0.002", "é", "x", " HTTP/1.1",
        ])), 0..3),
        longer in 0usize..2,
        line in prop::sample::select(vec![
            "prod werkzeug: 10.0.91.232 - - [23/Nov/2026 00:00:00] \"POST /web/dataset/call_kw/mail.message/search_read HTTP/1.0\" 200 - 83 0.039 0.006",
            "? werkzeug: 1.2.3.4 - - [23/Nov/2026 18:32:20] \"GET /web/login?db=x#y HTTP/1.1\" 303 - 17 12.123 0.045",
            "db werkzeug: ::1 - - [23/Nov/2026 18:32:20] \"GET /a#res.users.read HTTP/1.1\" 500 - 1 0.123 0.045",
            "db odoo.http: 1.2.3.4 - - [23/Nov/2026 18:32:20] \"GET / HTTP/1.1\" 200 -",
        ]),
    ) {
        let mut text = line.to_owned();
        for (at, part) in cut {
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let until = (at + longer..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            text.replace_range(at..until, part);
        }
        if let Some(common) = common_request(text.as_bytes()) {
            let closely = behind_level(Stamp::utc(0, 1000), 1, Level::Info, text.as_bytes());
            let Ok(Record::Odoo(record)) = closely else { panic!("{text}: {closely:?}") };
            let OdooEvent::Request(request) = record.event else { panic!("{text}: {:?}", record.event) };
            prop_assert_eq!(format!("{request:?}"), format!("{:?}", common.request));
            prop_assert_eq!((record.database, record.message), (common.database, common.message));
            prop_assert_eq!((record.logger, record.detail, record.exception), (b"werkzeug".as_slice(), b"".as_slice(), None));
        } else {
            prop_assert!(text != line || line.contains("12.123") || line.contains("odoo.http"));
        }
    }
}
