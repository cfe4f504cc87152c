//! HAProxy's HTTP log, `option httplog` and `httpslog` (formats.md 5.2; HAProxy configuration manual 8.2.3 and 8.5).
//!
//! `CLIENT:PORT [START] FRONTEND BACKEND/SERVER TR/Tw/Tc/Tr/Ta STATUS BYTES COOKIE COOKIE TERM CONNECTIONS QUEUES {…} "REQUEST"`.
//! Times are milliseconds, −1 where the phase was not reached. The stamp is the beginning in the server's zone, which is
//! not named. Whatever stands before the client (a syslog header, `haproxy[7]: info`) is passed over, and so are words
//! that a custom `log-format` puts between the known ones.

use memchr::{memchr, memchr_iter, memmem};

use super::front_end::{claim, ended, host_and_path, quoted, word};
use super::nginx_access::split_request;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{AccessRecord, Record, UpstreamFailure};
use crate::timestamp::{SECOND_US, Stamp, Zone, civil_us, clock_s, digits, month_number};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "haproxy-http",
    source: Source::NginxAccess,
    summary: "HAProxy's log with `option httplog` or `httpslog`",
    origin: "HAProxy configuration manual 8.2.3 and 8.5",
    detect,
    examples: &[Example {
        name: "haproxy-http",
        file: "haproxy.log",
        text: r#"Jul 30 09:03:52 localhost haproxy[32450]: 1.2.3.4:38862 [30/Jul/2018:09:03:52.726] incoming~ docs_microservice/docs 0/0/1/0/2 304 168 - - ---- 6/6/0/0/0 0/0 {docs.example.internal||} {|||} "GET /component.js HTTP/1.1"
Jul 30 09:03:53 localhost haproxy[32450]: 127.0.0.1:35982 [30/Jul/2018:09:03:53.395] web odoo/<NOSRV> 0/-1/-1/-1/0 503 213 - - SC-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"
Jul 30 09:03:54 localhost haproxy[32450]: Server odoo/w1 is DOWN, reason: Layer4 timeout, check duration: 2001ms.
"#,
    }],
    foreign: &[
        Foreign {
            whose: "HAProxy's log of TCP connections",
            text: "127.0.0.1:40962 [20/Sep/2018:15:44:23.285] main app/<NOSRV> -1/-1/1 212 SC 1/1/0/0/0 0/0",
        },
        Foreign {
            whose: "an access log",
            text: r#"1.2.3.4 - - [23/Nov/2026:18:24:42 +0000] "GET / HTTP/1.1" 200 1"#,
        },
    ],
    broken: &[Broken {
        reason: "not_a_request",
        text: r#"Jul 30 09:03:52 localhost haproxy[32450]: 1.2.3.4:38862 [30/Jul/2018:09:03:52.726] incoming~ docs_microservice/docs 0/0/1/0 304 168 - - ---- 6/6/0/0/0 0/0 "GET /component.js HTTP/1.1""#,
    }],
};

/// HAProxy's log of HTTP requests; its notices and its lines of TCP proxies are known, and say nothing here.
pub struct HttpLog;

/// Beginnings of what HAProxy says besides requests (`src/check.c`, `src/proxy.c`, `src/haproxy.c`).
const NOTICES: [&[u8]; 15] = [
    b"Connect from ",
    b"Server ",
    b"Backup Server ",
    b"Health check for ",
    b"Proxy ",
    b"Pausing ",
    b"Stopping ",
    b"Enabling ",
    b"backend ",
    b"frontend ",
    b"[NOTICE] ",
    b"[WARNING] ",
    b"[ALERT] ",
    b"New worker ",
    b"Loading success",
];

/// Claims files that hold HTTP requests in this form.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    claim(sample, Box::new(HttpLog), read)
}

/// `23/Nov/2026:18:24:42.470` at the start of `text`.
fn start(text: &[u8]) -> Option<Stamp> {
    let shape = text.get(2) == Some(&b'/')
        && text.get(6) == Some(&b'/')
        && text.get(11) == Some(&b':')
        && text.get(20) == Some(&b'.');
    if !shape {
        return None;
    }
    let (year, month) = (digits(text.get(7..11)?)?, month_number(text.get(3..6)?)?);
    let day = civil_us(year, month, digits(text.get(..2)?)?, 0, 0, 0)?;
    let us = day + clock_s(text.get(12..20)?)? * SECOND_US + digits(text.get(21..24)?)? * 1000;
    Some(Stamp { us, zone: Zone::Local, resolution_us: 1000 })
}

/// A number that may be −1 (not reached) or begin with `+` (logged before the end, `option logasap`).
fn number(text: &[u8]) -> Option<i64> {
    match text {
        b"-1" => Some(-1),
        _ => digits(text.strip_prefix(b"+").unwrap_or(text)),
    }
}

/// The numbers of `0/0/1/30/31`, if there are exactly `N`.
fn numbers<const N: usize>(text: &[u8]) -> Option<[i64; N]> {
    let mut out = [0; N];
    let mut parts = text.split(|byte| *byte == b'/');
    for place in &mut out {
        *place = number(parts.next()?)?;
    }
    parts.next().is_none().then_some(out)
}

/// What the first two letters of the termination state say: who ended the session, and in which phase it was.
fn upstream_failure(state: &[u8]) -> Option<UpstreamFailure> {
    Some(match state.get(..2)? {
        b"sQ" | b"sC" => UpstreamFailure::ConnectTimeout,
        b"SC" | b"SQ" => UpstreamFailure::Refused,
        b"sH" => UpstreamFailure::ReadTimeout,
        b"SH" => UpstreamFailure::PrematureClose,
        b"sD" | b"sL" => UpstreamFailure::BodyTimeout,
        b"SD" | b"SL" => UpstreamFailure::PrematureCloseBody,
        // The client left while the server, or its queue, was waited for.
        b"CQ" | b"CC" | b"CH" | b"CD" | b"CL" | b"cQ" | b"cC" | b"cH" | b"cD" | b"cL" => {
            UpstreamFailure::ClientClosed
        }
        _ => return None,
    })
}

/// What stands before `[START] `, the stamp, and what follows.
fn stamped(line: &[u8]) -> Option<(&[u8], Stamp, &[u8])> {
    memchr_iter(b'[', line).find_map(|at| {
        let stamp = start(line.get(at + 1..)?)?;
        let head = line.get(..at)?.strip_suffix(b" ")?;
        Some((head, stamp, line.get(at + 25..)?.strip_prefix(b"] ")?))
    })
}

fn read(line: &[u8]) -> Option<Record<'_>> {
    let line = line.trim_ascii_end();
    let Some((head, stamp, rest)) = stamped(line) else { return notice(line).then_some(Record::Structure) };
    let client = head.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let (address, port) = client.split_at_checked(memchr::memrchr(b':', client)?)?;
    digits(port.get(1..)?)?;
    let (frontend, rest) = word(rest)?;
    // A connection that failed before it was one: `frontend/bind: SSL handshake failure`.
    if frontend.last() == Some(&b':') && memchr(b'/', frontend).is_some() {
        return Some(Record::Structure);
    }
    let (server, mut rest) = word(rest)?;
    memchr(b'/', server)?;
    let mut timers = None;
    for _ in 0..3 {
        let (text, tail) = word(rest)?;
        rest = tail;
        if numbers::<3>(text).is_some() {
            return Some(Record::Structure);
        }
        timers = numbers::<5>(text);
        if timers.is_some() {
            break;
        }
    }
    let [client_ms, queue_ms, connect_ms, _response_ms, total_ms] = timers?;
    let (status, rest) = word(rest)?;
    let status = number(status).filter(|status| (-1..1000).contains(status))?;
    let (bytes, mut rest) = word(rest)?;
    let bytes = number(bytes)?;
    // Two cookies, then the state; the five counters behind it tell it from them.
    let mut state = None;
    for _ in 0..6 {
        let (text, tail) = word(rest)?;
        rest = tail;
        if word(tail).is_some_and(|(next, _)| numbers::<5>(next).is_some()) {
            state = Some(text).filter(|text| (2..=4).contains(&text.len()));
            break;
        }
    }
    let state = state?;
    let (_connections, rest) = word(rest)?;
    let (queues, rest) = word(rest)?;
    numbers::<2>(queues)?;
    // Captured headers stand in braces; the request comes after them, cut where the line grew too long.
    let request = rest.get(memmem::find(rest, b"\"")?..)?;
    let request = quoted(request).map_or_else(|| request.get(1..), |(request, _)| Some(request))?;
    let (method, target) = split_request(request);
    let (host, path) = host_and_path(target);
    let us = |ms: i64| (ms >= 0).then(|| ms.saturating_mul(1000));
    let served = !server.ends_with(b"/<NOSRV>") && !server.ends_with(b"/<STATS>");
    let failure = match upstream_failure(state) {
        // No connection was tried: every server is down, or the backend has none.
        Some(UpstreamFailure::Refused) if !served => Some(UpstreamFailure::NoLiveUpstreams),
        failure => failure,
    };
    // The server's own status reached the client, whatever became of the body.
    let answered = served && matches!(state.get(..2), Some([_, b'-' | b'D' | b'L'])) && status > 0;
    let status = u16::try_from(status).unwrap_or(0);
    let unreached = connect_ms < 0 && (failure.is_some() || status >= 500);
    Some(Record::Access(AccessRecord {
        end: Some(ended(stamp, us(total_ms))),
        remote_addr: address,
        host,
        method,
        path,
        status,
        bytes_sent: u64::try_from(bytes).ok(),
        request_time_us: us(total_ms),
        upstream_response_time_us: us(queue_ms)
            .filter(|_| served && connect_ms >= 0)
            .and_then(|_| us(total_ms - client_ms.max(0) - queue_ms)),
        upstream_connect_time_us: us(connect_ms),
        upstream_never_connected: unreached,
        upstream_status: answered.then_some(status),
        upstream_addr: if served { server } else { b"-" },
        upstream_failure: failure,
        ..AccessRecord::default()
    }))
}

fn notice(line: &[u8]) -> bool {
    // Without syslog's header the name may stand in the line: `haproxy[7]: Server …`.
    let message = match memmem::find(line, b"haproxy[") {
        Some(at) => match memmem::find(line.get(at..).unwrap_or_default(), b"]: ") {
            Some(_) => return true,
            None => line,
        },
        None => line,
    };
    NOTICES.iter().any(|beginning| message.starts_with(beginning))
}

impl Format for HttpLog {
    fn name(&self) -> String {
        "haproxy-http".to_owned()
    }

    fn source(&self) -> Source {
        Source::NginxAccess
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        match read(&raw.text) {
            Some(record) => Ok(record),
            // HAProxy says much besides; with the stamp of a connection it is damage.
            None if raw.program.as_deref().is_some_and(|name| name.starts_with(b"haproxy"))
                && stamped(&raw.text).is_none() =>
            {
                Ok(Record::Structure)
            }
            None => Err("not_a_request"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use UpstreamFailure as U;

    // elastic/beats, filebeat/module/haproxy/log/test.
    const HEADERS: &str = r#"1.2.3.4:38862 [30/Jul/2018:09:03:52.726] incoming~ docs_microservice/docs 0/0/1/0/2 304 168 - - ---- 6/6/0/0/0 0/0 {docs.example.internal||} {|||} "GET /component---src-pages-index-js-4b15624544f97cf0bb8f.js HTTP/1.1""#;
    const CUSTOM: &str = r#"-:47642 [22/Jun/2021:12:02:55.202] www-https~ app/app-node2 app.domain.com 1/0/1/15/2606 200 325791 - - ---- 1/1/0/0/0 0/0 "GET /static/files/3rsdfas3.js HTTP/1.1""#;
    const REFUSED: &str = r#"127.0.0.1:35982 [10/Dec/2018:12:01:46.395] http-webservices http-webservices/<NOSRV> 0/-1/-1/-1/0 503 213 - - SC-- 1/1/0/0/0 0/0 "GET / HTTP/1.1""#;
    const TCP: &str =
        "127.0.0.1:40962 [20/Sep/2018:15:44:23.285] main app/<NOSRV> -1/-1/1 212 SC 1/1/0/0/0 0/0";
    const HANDSHAKE: &str = "127.0.0.1:45111 [12/Mar/2012:15:11:15.001] frt/f2: SSL handshake failure";

    fn request(line: &str) -> AccessRecord<'_> {
        match read(line.as_bytes()) {
            Some(Record::Access(record)) => record,
            _ => panic!("{line}"),
        }
    }

    #[test]
    fn real_lines() {
        let headers = request(HEADERS);
        assert_eq!(
            (headers.remote_addr, headers.status, headers.bytes_sent),
            (b"1.2.3.4".as_slice(), 304, Some(168))
        );
        assert_eq!(headers.path, b"/component---src-pages-index-js-4b15624544f97cf0bb8f.js");
        let end = headers.end.unwrap();
        assert_eq!((end.us, end.zone, end.resolution_us), (1_532_941_432_728_000, Zone::Local, 1000));
        assert_eq!(
            (headers.upstream_status, headers.upstream_addr),
            (Some(304), b"docs_microservice/docs".as_slice())
        );
        let custom = request(CUSTOM);
        assert_eq!(
            (custom.request_time_us, custom.upstream_response_time_us),
            (Some(2_606_000), Some(2_605_000))
        );
        assert_eq!(custom.upstream_connect_time_us, Some(1000));
        let refused = request(REFUSED);
        assert_eq!(
            (refused.status, refused.upstream_status, refused.upstream_failure),
            (503, None, Some(U::NoLiveUpstreams))
        );
        assert!(refused.upstream_never_connected);
        assert_eq!(refused.upstream_addr, b"-");
        for prefix in
            ["", "haproxy[7]: ", "<134>Nov 23 18:24:42 haproxy[7]: info ", "Nov 23 18:24:42 lb haproxy[7]: "]
        {
            assert_eq!(request(&[prefix, HEADERS].concat()).remote_addr, b"1.2.3.4");
        }
        // HTTP/2 logs the whole URL; httpslog has a tail; a long line is cut.
        let h2 = HEADERS
            .replace("GET /", "GET https://erp.example.com/")
            .replace("1.1\"", "2.0\" 0/0000000000000000/0/0/0 -/TLSv1.3/x");
        assert_eq!((request(&h2).host, request(&h2).status), (b"erp.example.com".as_slice(), 304));
        let cut = HEADERS.strip_suffix(" HTTP/1.1\"").unwrap();
        assert_eq!(request(cut).path, headers.path);
    }

    #[test]
    fn termination_states() {
        for (timers, status, state, own, of_server, failure, unreached) in [
            ("0/0/1/-1/60001", "504", "sH--", 504, None, Some(U::ReadTimeout), false),
            ("0/0/1/-1/5", "502", "SH--", 502, None, Some(U::PrematureClose), false),
            ("0/5000/-1/-1/5000", "503", "sQ--", 503, None, Some(U::ConnectTimeout), true),
            ("0/0/-1/-1/3003", "503", "sC--", 503, None, Some(U::ConnectTimeout), true),
            ("0/0/-1/-1/+3", "503", "SC--", 503, None, Some(U::Refused), true),
            ("0/0/0/4/90", "200", "SD--", 200, Some(200), Some(U::PrematureCloseBody), false),
            ("0/0/0/4/90", "200", "CD--", 200, Some(200), Some(U::ClientClosed), false),
            ("0/0/0/-1/90", "-1", "CH--", 0, None, Some(U::ClientClosed), false),
            ("0/0/0/4/9", "200", "--VN", 200, Some(200), None, false),
            ("0/-1/-1/-1/0", "301", "LR--", 301, None, None, false),
            ("-1/-1/-1/-1/9", "408", "cR--", 408, None, None, false),
            ("0/0/0/3/3", "500", "----", 500, Some(500), None, false),
        ] {
            let line = format!(
                "10.0.0.1:1 [23/Nov/2026:18:24:42.470] web~ odoo/w1 {timers} {status} 12 - - {state} 1/1/0/0/0 0/0 \"GET /web HTTP/1.1\""
            );
            let record = request(&line);
            assert_eq!((record.status, record.upstream_status), (own, of_server), "{line}");
            assert_eq!(
                (record.upstream_failure, record.upstream_never_connected),
                (failure, unreached),
                "{line}"
            );
        }
    }

    #[test]
    fn what_is_no_request() {
        for line in [
            TCP,
            HANDSHAKE,
            "Connect from 1.128.3.4:40780 to 1.128.3.4:5000 (main/HTTP)",
            "Server odoo/w1 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. 0 active and 0 backup servers left.",
            "backend odoo has no server available!",
            "haproxy[7]: anything",
        ] {
            assert!(matches!(read(line.as_bytes()), Some(Record::Structure)), "{line}");
        }
        for line in [
            "",
            "x",
            "1.2.3.4 - - [23/Nov/2026:18:24:42 +0000] \"GET / HTTP/1.1\" 200 1",
            &HEADERS.replace("0/0/1/0/2", "0/0/1/0"),
            &HEADERS.replace("[30/Jul", "[31/Foo"),
        ] {
            assert!(read(line.as_bytes()).is_none(), "{line}");
        }
        for line in [HEADERS, CUSTOM, REFUSED, TCP, HANDSHAKE] {
            for cut in 0..line.len() {
                let _ = read(&line.as_bytes()[..cut]);
                let _ = read(&line.as_bytes()[cut..]);
            }
        }
        assert!(read(&HEADERS.as_bytes()[..HEADERS.find('"').unwrap()]).is_none());
    }

    #[test]
    fn detection() {
        let score = |lines: &[&str]| {
            let lines = lines.iter().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(score(&[HEADERS, TCP, "", "Server a/b is UP, reason: x", "garbage"]), Some(0.75));
        // TCP alone, and notices alone, are no requests.
        assert_eq!(score(&[TCP]), None);
        assert_eq!(score(&["Server started", "Proxy x"]), None);
    }
}
