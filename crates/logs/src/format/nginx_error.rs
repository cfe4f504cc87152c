//! nginx error log (formats.md 2.4).

use memchr::memmem;

use super::nginx_access::split_request;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{NginxErrorRecord, NginxLifecycle, Record, UpstreamFailure};
use crate::timestamp::{SECOND_US, Stamp, Zone, date_time_us, digits};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "nginx-error",
    source: Source::NginxError,
    summary: "nginx's error log",
    origin: "nginx, `src/core/ngx_log.c`",
    detect,
    examples: &[Example {
        name: "nginx-error",
        file: "error.log",
        text: r#"2026/11/23 20:24:34 [error] 12128#12128: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: erp.example.com, request: "HEAD /websocket HTTP/1.1", upstream: "http://127.0.0.1:8172/websocket", host: "127.0.0.1:8180"
2026/11/23 20:29:05 [warn] 16718#16718: *143 a client request body is buffered to a temporary file /opt/o17/wB/run/nx_body/0000000002, client: 203.0.113.19, server: erp.example.com, request: "POST /web/dataset/call_kw/sale.order/create HTTP/1.1", host: "127.0.0.1:8480", referrer: "http://erp.example.com/web"
"#,
    }],
    foreign: &[
        Foreign { whose: "Go's log package", text: "2026/11/23 20:24:34 main.go:7: [error] x" },
        Foreign { whose: "another program", text: "2026/11/23 20:24:34 GET / 200" },
    ],
    broken: &[
        Broken { reason: "bad_time", text: "2026/13/23 20:24:34 [error] 1#1: *7 x" },
        Broken { reason: "bad_header", text: "2026/11/23 20:24:34 [error" },
    ],
};

/// nginx error log.
pub struct ErrorLog;

/// Claims files whose lines begin `YYYY/MM/DD HH:MM:SS [`.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let lines = sample.lines.iter().filter(|line| !line.trim_ascii().is_empty());
    let (mut total, mut understood) = (0u32, 0u32);
    for line in lines {
        total += 1;
        understood += u32::from(read(line).is_ok());
    }
    let score = f64::from(understood) / f64::from(total.max(1));
    (score >= 0.3).then(|| Claim { format: Box::new(ErrorLog), score })
}

/// Splits at the first `mark`.
fn split_once<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::find(text, mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

/// Takes the last `", KEY: "…` off `text`: what it held, without quotes.
fn take_last<'a>(text: &mut &'a [u8], mark: &[u8]) -> &'a [u8] {
    let whole = *text;
    // The mark begins with the quote that closes the value before it; subrequest-less lines have none.
    let Some(at) = memmem::rfind(whole, mark) else { return b"" };
    *text = whole.get(..at).unwrap_or_default();
    let value = whole.get(at + mark.len()..).unwrap_or_default();
    value.strip_suffix(b"\"").unwrap_or(value)
}

/// Why an upstream could not be used.
fn upstream_failure(message: &[u8], with_upstream: bool) -> Option<UpstreamFailure> {
    let has = |part: &[u8]| memmem::find(message, part).is_some();
    if has(b"upstream timed out") {
        return Some(if has(b"while connecting to upstream") || has(b"while SSL handshaking to upstream") {
            UpstreamFailure::ConnectTimeout
        } else if has(b"while proxying upgraded connection") {
            UpstreamFailure::UpgradedTimeout
        } else if has(b"while sending request to upstream") {
            UpstreamFailure::SendTimeout
        } else if has(b"while reading upstream") {
            UpstreamFailure::BodyTimeout
        } else {
            UpstreamFailure::ReadTimeout
        });
    }
    // `epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too …`
    if has(b"client prematurely closed connection") {
        return Some(UpstreamFailure::ClientClosed);
    }
    if has(b"upstream prematurely closed connection") {
        return Some(if has(b"while reading response header from upstream") {
            UpstreamFailure::PrematureClose
        } else {
            UpstreamFailure::PrematureCloseBody
        });
    }
    if has(b"no live upstreams") {
        return Some(UpstreamFailure::NoLiveUpstreams);
    }
    if has(b"temporarily disabled") {
        return Some(UpstreamFailure::Disabled);
    }
    let to_upstream = with_upstream || has(b"upstream");
    if message.starts_with(b"connect() ") && to_upstream {
        // 11 is what a unix socket with a full accept queue answers; 110 and 113 are the network.
        return Some(if has(b"(11: ") || has(b"(110: ") || has(b"(113: ") {
            UpstreamFailure::ConnectTimeout
        } else if has(b"(104: ") {
            UpstreamFailure::Reset
        } else if has(b"(99: ") {
            // nginx ran out of local ports; the upstream was not asked.
            return None;
        } else {
            UpstreamFailure::Refused
        });
    }
    let reset = has(b"Connection reset by peer") || has(b"Broken pipe");
    (reset && to_upstream && !has(b"while sending to client")).then_some(UpstreamFailure::Reset)
}

/// What the message says of nginx itself.
fn lifecycle(message: &[u8]) -> Option<NginxLifecycle> {
    let has = |part: &[u8]| memmem::find(message, part).is_some();
    if message.starts_with(b"signal ") {
        return if has(b"(SIGHUP)") {
            Some(NginxLifecycle::Reload)
        } else if has(b"(SIGTERM)") || has(b"(SIGQUIT)") || has(b"(SIGINT)") {
            Some(NginxLifecycle::Stop)
        } else {
            None
        };
    }
    // Workers print `exiting` and `gracefully shutting down` at every reload; only the master's words count.
    if message == b"reconfiguring" {
        Some(NginxLifecycle::Reload)
    } else if message.starts_with(b"start worker process") {
        Some(NginxLifecycle::Start)
    } else if message.starts_with(b"worker process ") && has(b" exited on signal ") {
        Some(NginxLifecycle::WorkerCrash)
    } else if has(b"worker_connections are not enough") {
        Some(NginxLifecycle::ConnectionsExhausted)
    } else {
        None
    }
}

pub(super) fn read(text: &[u8]) -> Result<NginxErrorRecord<'_>, &'static str> {
    if !starts(text) {
        return Err("not_a_record");
    }
    let us = date_time_us(text).ok_or("bad_time")?;
    let stamp = Stamp { us, zone: Zone::Local, resolution_us: SECOND_US };
    let body = text.get(21..).unwrap_or_default().trim_ascii_end();
    let (level, body) = split_once(body, b"] ").ok_or("bad_header")?;
    if level.is_empty() || level.len() > 6 || !level.iter().all(u8::is_ascii_lowercase) {
        return Err("bad_header");
    }
    let (process, body) = split_once(body, b": ").ok_or("bad_header")?;
    let (process, thread) = split_once(process, b"#").ok_or("bad_header")?;
    digits(process).and(digits(thread)).ok_or("bad_header")?;
    let (connection, body) = match body.strip_prefix(b"*").and_then(|body| split_once(body, b" ")) {
        Some((number, rest)) if digits(number).is_some() => {
            (digits(number).and_then(|n| u64::try_from(n).ok()), rest)
        }
        _ => (None, body),
    };
    let (message, mut tail) = split_once(body, b", client: ").unwrap_or((body, b""));
    // Values are not escaped and the request is the client's to choose: split what follows it from the right.
    take_last(&mut tail, b", referrer: \"");
    take_last(&mut tail, b", host: \"");
    let upstream = take_last(&mut tail, b", upstream: \"");
    take_last(&mut tail, b", subrequest: \"");
    let (head, request) = split_once(tail, b", request: \"").unwrap_or((tail, b""));
    let client = head.split(|byte| *byte == b',').next().unwrap_or_default();
    let (method, path) = split_request(request.strip_suffix(b"\"").unwrap_or(request));
    Ok(NginxErrorRecord {
        stamp,
        level,
        connection,
        message,
        upstream_failure: upstream_failure(message, !upstream.is_empty()),
        client,
        method,
        path,
        upstream,
        lifecycle: lifecycle(message),
    })
}

/// `YYYY/MM/DD HH:MM:SS [` by its fixed bytes.
fn starts(line: &[u8]) -> bool {
    line.get(19..21) == Some(b" [")
        && line.get(4) == Some(&b'/')
        && line.get(7) == Some(&b'/')
        && line.get(10) == Some(&b' ')
        && line.get(13) == Some(&b':')
        && line.get(16) == Some(&b':')
        && line.first().is_some_and(u8::is_ascii_digit)
}

impl Format for ErrorLog {
    fn name(&self) -> String {
        "nginx-error".to_owned()
    }

    fn source(&self) -> Source {
        Source::NginxError
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        starts(line)
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        read(&raw.text).map(Record::NginxError)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use UpstreamFailure as U;

    const REFUSED: &str = r#"2026/11/23 20:24:34 [error] 12128#12128: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: erp.example.com, request: "HEAD /websocket HTTP/1.1", upstream: "http://127.0.0.1:8172/websocket", host: "127.0.0.1:8180""#;
    const TIMEOUT: &str = r#"2026/11/23 18:35:17 [error] 22133#22133: *1259 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.20.5.12, server: erp.acme.example, request: "POST /web/dataset/call_kw/acme.movement/stock_valuation HTTP/1.1", upstream: "http://127.0.0.1:8269/web/dataset/call_kw/acme.movement/stock_valuation", host: "erp.acme.example", referrer: "http://erp.acme.example/web""#;
    const RELOAD: &str =
        "2026/09/30 15:02:00 [notice] 6661#6661: signal 1 (SIGHUP) received from 9661, reconfiguring";

    fn record(text: &str) -> NginxErrorRecord<'_> {
        read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn real_lines() {
        let refused = record(REFUSED);
        assert_eq!((refused.stamp.us, refused.stamp.zone), (1_795_465_474_000_000, Zone::Local));
        assert_eq!(
            (refused.level, refused.connection, refused.client),
            (b"error".as_slice(), Some(1), b"127.0.0.1".as_slice())
        );
        assert_eq!(
            refused.message,
            b"connect() failed (111: Connection refused) while connecting to upstream"
        );
        assert_eq!((refused.method, refused.path), (b"HEAD".as_slice(), b"/websocket".as_slice()));
        assert_eq!(
            (refused.upstream, refused.upstream_failure),
            (b"http://127.0.0.1:8172/websocket".as_slice(), Some(U::Refused))
        );
        let timeout = record(TIMEOUT);
        assert_eq!(timeout.path, b"/web/dataset/call_kw/acme.movement/stock_valuation");
        assert_eq!(
            timeout.upstream,
            b"http://127.0.0.1:8269/web/dataset/call_kw/acme.movement/stock_valuation"
        );
        let reload = record(RELOAD);
        assert_eq!(
            (reload.connection, reload.client, reload.lifecycle),
            (None, b"".as_slice(), Some(NginxLifecycle::Reload))
        );
        let buffered = record(
            r#"2026/01/15 09:27:16 [warn] 17594#17594: *29 a client request body is buffered to a temporary file /var/lib/nginx/body/0000000115, client: 198.51.100.23, server: erp.example.com, request: "POST /web HTTP/1.1", host: "erp.example.com", referrer: "http://erp.example.com/web""#,
        );
        assert_eq!(
            (buffered.upstream_failure, buffered.upstream, buffered.path),
            (None, b"".as_slice(), b"/web".as_slice())
        );
    }

    #[test]
    fn messages() {
        for (message, failure) in [
            (
                "upstream timed out (110: Connection timed out) while connecting to upstream",
                Some(U::ConnectTimeout),
            ),
            (
                "upstream timed out (110: Connection timed out) while SSL handshaking to upstream",
                Some(U::ConnectTimeout),
            ),
            (
                "upstream timed out (110: Connection timed out) while reading response header from upstream",
                Some(U::ReadTimeout),
            ),
            ("upstream timed out (110: Connection timed out) while reading upstream", Some(U::BodyTimeout)),
            (
                "upstream timed out (110: Connection timed out) while sending request to upstream",
                Some(U::SendTimeout),
            ),
            (
                "upstream timed out (110: Connection timed out) while proxying upgraded connection",
                Some(U::UpgradedTimeout),
            ),
            (
                "upstream prematurely closed connection while reading response header from upstream",
                Some(U::PrematureClose),
            ),
            ("upstream prematurely closed connection while reading upstream", Some(U::PrematureCloseBody)),
            ("connect() failed (111: Connection refused) while connecting to upstream", Some(U::Refused)),
            (
                "connect() failed (113: No route to host) while connecting to upstream",
                Some(U::ConnectTimeout),
            ),
            ("connect() failed (99: Cannot assign requested address) while connecting to upstream", None),
            (
                "connect() to unix:/run/o failed (11: Resource temporarily unavailable) while connecting to upstream",
                Some(U::ConnectTimeout),
            ),
            (
                "connect() to unix:/run/o failed (2: No such file or directory) while connecting to upstream",
                Some(U::Refused),
            ),
            (
                "recv() failed (104: Connection reset by peer) while reading response header from upstream",
                Some(U::Reset),
            ),
            (
                "recv() failed (104: Connection reset by peer) while proxying upgraded connection",
                Some(U::Reset),
            ),
            ("recv() failed (104: Connection reset by peer) while sending to client", None),
            ("no live upstreams while connecting to upstream", Some(U::NoLiveUpstreams)),
            ("upstream server temporarily disabled while connecting to upstream", Some(U::Disabled)),
            (
                "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream",
                Some(U::ClientClosed),
            ),
            (
                "an upstream response is buffered to a temporary file /var/lib/nginx/proxy/1 while reading upstream",
                None,
            ),
            ("client intended to send too large body: 73400320 bytes", None),
        ] {
            let line = format!(
                r#"2026/11/23 20:24:34 [error] 1#1: *7 {message}, client: ::1, server: , request: "GET / HTTP/1.1", upstream: "http://odoo/", host: "h""#
            );
            assert_eq!(record(&line).upstream_failure, failure, "{message}");
        }
        for (message, lifecycle) in [
            ("signal 15 (SIGTERM) received from 1, exiting", Some(NginxLifecycle::Stop)),
            ("signal 3 (SIGQUIT) received, shutting down", Some(NginxLifecycle::Stop)),
            ("signal 17 (SIGCHLD) received from 12", None),
            ("gracefully shutting down", None),
            ("exiting", None),
            ("reconfiguring", Some(NginxLifecycle::Reload)),
            ("start worker processes", Some(NginxLifecycle::Start)),
            ("worker process 12 exited on signal 9", Some(NginxLifecycle::WorkerCrash)),
            ("worker process 12 exited with code 0", None),
            ("1024 worker_connections are not enough", Some(NginxLifecycle::ConnectionsExhausted)),
        ] {
            let line = format!("2026/11/23 20:24:34 [notice] 1#1: {message}");
            assert_eq!(record(&line).lifecycle, lifecycle, "{message}");
        }
    }

    #[test]
    fn values_of_the_clients_choice() {
        let line =
            |tail: &str| format!("2026/11/23 20:24:34 [info] 1#1: *7 x, client: 1.2.3.4, server: {tail}");
        // Quotes and look-alikes in the request; the server's name missing, even last on the line.
        let text = line(
            r#", request: "GET /a", host: "b HTTP/1.1", upstream: "http://u/", host: "h", referrer: "r""#,
        );
        let tricky = record(&text);
        assert_eq!((tricky.path, tricky.upstream), (b"/a\", host: \"b".as_slice(), b"http://u/".as_slice()));
        let text = line("");
        assert_eq!(record(&text).client, b"1.2.3.4");
        let text = line(", request: \"\u{16}\u{3}\u{1}\u{2}\", host: \"h\"");
        assert_eq!((record(&text).method, record(&text).path), (b"".as_slice(), b"".as_slice()));
        let text =
            line(r#"s, request: "GET /a HTTP/1.1", subrequest: "/b", upstream: "http://u/b", host: "h""#);
        assert_eq!(
            (record(&text).path, record(&text).upstream),
            (b"/a".as_slice(), b"http://u/b".as_slice())
        );
        // nginx cuts messages at 2048 bytes.
        let text = line(r#"s, request: "GET /a HTTP/1.1", host: "h", referrer: "http://erp.ex"#);
        assert_eq!(record(&text).path, b"/a");
    }

    #[test]
    fn broken_lines() {
        for (line, reason) in [
            ("", "not_a_record"),
            ("\u{0}\u{0}", "not_a_record"),
            ("11/23 20:24:34 [error] 1#1: *7 x", "not_a_record"),
            ("2026/13/23 20:24:34 [error] 1#1: *7 x", "bad_time"),
            ("2026/11/23 20:24:34 [error] 1-1: *7 x", "bad_header"),
            ("2026/11/23 20:24:34 [error", "bad_header"),
            ("2026/11/23 20:24:34 [ERROR] 1#1: x", "bad_header"),
            ("2026/11/23 20:24:34 [error] 1#: x", "bad_header"),
        ] {
            assert_eq!(read(line.as_bytes()).err(), Some(reason), "{line}");
        }
        for line in [REFUSED, TIMEOUT, RELOAD] {
            for cut in 0..line.len() {
                let text = &line.as_bytes()[..cut];
                let raw = Raw::of(text);
                assert_eq!(ErrorLog.parse(&raw, &mut Memory::default()).is_ok(), read(text).is_ok());
                assert_eq!(ErrorLog.starts_record(text), cut >= 21);
            }
        }
    }

    #[test]
    fn detection() {
        let sample = |lines: &[&str]| {
            let lines = lines.iter().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(sample(&[TIMEOUT, "", REFUSED, &REFUSED[40..], RELOAD]), Some(0.75));
        assert_eq!(sample(&[]), None);
        assert_eq!(
            sample(&[
                "2026-11-23 18:32:56,204 22130 ERROR o15 odoo.service.server: WorkerHTTP (22412) timeout after 18s "
            ]),
            None
        );
        assert_eq!(
            sample(&["2026/11/23 20:24:34 GET / 200", "2026/11/23 20:24:34 main.go:7: [error] x"]),
            None
        );
    }
}
