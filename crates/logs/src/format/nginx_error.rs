//! nginx error log (formats.md 2.4).

use memchr::memmem;

use super::nginx_access::split_request;
use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::{NginxErrorRecord, NginxLifecycle, Record, UpstreamFailure};
use crate::timestamp::{SECOND_US, Stamp, Zone, date_time_us, digits};

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

fn read(text: &[u8]) -> Result<NginxErrorRecord<'_>, &'static str> {
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
        Some((number, rest)) if digits(number).is_some() => (digits(number).and_then(|n| u64::try_from(n).ok()), rest),
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
