//! Caddy's access log (formats.md 5.4; Caddy 2, `modules/caddyhttp/logging.go`): one object per line, or the console
//! encoder's line with the same object at its end.
//!
//! Written at the end of the request; `ts` is that moment, `duration` in seconds. Caddy does not log the upstream's
//! address, status or time: its own 502 and 504 cannot be told from an upstream's. Status 0: nothing was written.

use memchr::memchr;

use super::front_end::{claim, host_and_path};
use super::json_object::Members;
use super::nginx_access::seconds_us;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{AccessRecord, Record};
use crate::timestamp::{SECOND_US, Stamp, digits, iso};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "caddy-access",
    source: Source::NginxAccess,
    summary: "Caddy's access log, of its JSON and its console encoder",
    origin: "Caddy 2, `modules/caddyhttp/logging.go`",
    detect,
    examples: &[
        Example {
            name: "caddy-access",
            file: "caddy.log",
            text: r#"{"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"127.0.0.1","method":"GET","host":"localhost","uri":"/web?a=b","headers":{"User-Agent":["curl/7.82.0"],"Accept":["*/*"]}},"bytes_read": 0,"duration":0.000929675,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"]}}
{"level":"warn","ts":1646861402.5,"msg":"exiting; byeee!!","signal":"SIGTERM"}
"#,
        },
        Example {
            name: "caddy-access",
            file: "caddy-console.log",
            text: r#"2026/11/23 18:24:42.470	ERROR	http.log.access.log0	handled request	{"request": {"remote_ip": "10.0.0.1", "method": "POST", "host": "erp", "uri": "/web"}, "duration": 60.000929675, "size": 0, "status": 504}
"#,
        },
    ],
    foreign: &[
        Foreign {
            whose: "etcd, with the same encoder",
            text: r#"{"level":"info","ts":1646861401.5,"caller":"etcdserver/server.go:1","msg":"applied"}"#,
        },
        Foreign {
            whose: "a Kubernetes controller",
            text: "2026-11-23T18:24:42.470Z\tINFO\tcontroller\tstarted\t{\"a\": 1}",
        },
    ],
    broken: &[Broken {
        reason: "not_a_request",
        text: r#"{"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"127.0.0.1","me"#,
    }],
};

/// Caddy's access log; what else Caddy says is known, and says nothing here.
pub struct AccessLog;

/// Claims files that hold handled requests.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    claim(sample, Box::new(AccessLog), read)
}

/// Seconds or milliseconds since 1970, or a date in any of the encoders' forms.
fn moment(text: &[u8]) -> Option<Stamp> {
    if let Some((stamp, _)) = iso(text) {
        return Some(stamp);
    }
    let whole = text.split(|byte| *byte == b'.').next()?;
    let resolution_us = if whole.len() == text.len() { SECOND_US } else { 1 };
    match whole.len() {
        13 => Some(Stamp::utc(digits(whole)?.checked_mul(1000)?, 1000)),
        9..=11 => Some(Stamp::utc(seconds_us(text)?, resolution_us)),
        _ => None,
    }
}

/// `0.000929675` seconds, or Go's text: `929.675µs`, `1.5ms`, `1m3.2s`.
fn duration_us(text: &[u8]) -> Option<i64> {
    if let Some(us) = seconds_us(text) {
        return Some(us);
    }
    let mut rest = text;
    let mut total = 0i64;
    while !rest.is_empty() {
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let (value, tail) = rest.split_at_checked(length)?;
        let unit_length = tail.iter().take_while(|byte| !byte.is_ascii_digit()).count();
        let (unit, tail) = tail.split_at_checked(unit_length)?;
        // Millionths of the unit.
        let value = seconds_us(value)?;
        let us = match unit {
            b"h" => value.checked_mul(3600)?,
            b"m" => value.checked_mul(60)?,
            b"s" => value,
            b"ms" => value / 1000,
            b"us" | b"\xC2\xB5s" | b"\xCE\xBCs" => value / SECOND_US,
            b"ns" => value / SECOND_US / 1000,
            _ => return None,
        };
        total = total.checked_add(us)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// The console encoder: stamp, level, logger, message and object, with tabs between.
fn console(line: &[u8]) -> Option<Record<'_>> {
    let (time, behind) = line.split_at_checked(memchr(b'\t', line)?)?;
    let stamp = moment(time)?;
    let mut parts = behind.splitn(5, |byte| *byte == b'\t').skip(1);
    let (level, logger, message) = (parts.next()?, parts.next()?, parts.next());
    if level.is_empty() || level.len() > 16 {
        return None;
    }
    if !logger.starts_with(b"http.log.access") {
        return Some(Record::Structure);
    }
    message?;
    object(parts.next()?, Some(stamp))
}

fn read(line: &[u8]) -> Option<Record<'_>> {
    let line = line.trim_ascii();
    if line.first() == Some(&b'{') { object(line, None) } else { console(line) }
}

fn object(line: &[u8], stamp: Option<Stamp>) -> Option<Record<'_>> {
    let mut record = AccessRecord::default();
    let (mut end, mut status) = (stamp, None);
    let (mut level, mut message, mut request, mut access) = (false, false, false, stamp.is_some());
    let mut members = Members::new(line);
    for member in members.by_ref() {
        let value = member.value;
        match (member.inside, member.key) {
            (b"", b"ts" | b"time" | b"timestamp") if stamp.is_none() => end = moment(value),
            (b"", b"level") => level = true,
            (b"", b"logger") => access |= value.starts_with(b"http.log.access"),
            (b"", b"msg") => {
                message = true;
                access |= value == b"handled request";
            }
            (b"", b"status") => status = digits(value).and_then(|value| u16::try_from(value).ok()),
            (b"", b"duration") => record.request_time_us = duration_us(value),
            (b"", b"size") => record.bytes_sent = digits(value).and_then(|size| u64::try_from(size).ok()),
            (b"request", b"method") => {
                request = true;
                record.method = value;
            }
            (b"request", b"uri") => {
                request = true;
                record.path = host_and_path(value).1;
            }
            (b"request", b"host") => record.host = value,
            (b"request", b"client_ip") => record.remote_addr = value,
            (b"request", b"remote_ip" | b"remote_addr") if record.remote_addr.is_empty() => {
                record.remote_addr = value;
            }
            (b"headers", b"User-Agent") => record.user_agent = value,
            _ => {}
        }
    }
    if !members.complete || (stamp.is_none() && !(level && message)) {
        return None;
    }
    end?;
    // The same failure is told by `http.log.error` first; only the access line counts.
    let Some(status) = status.filter(|status| access && request && *status < 1000) else {
        return Some(Record::Structure);
    };
    record.end = end;
    record.status = status;
    Some(Record::Access(record))
}

impl Format for AccessLog {
    fn name(&self) -> String {
        "caddy-access".to_owned()
    }

    fn source(&self) -> Source {
        Source::NginxAccess
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        read(&raw.text).ok_or("not_a_request")
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::timestamp::Zone;

    // Caddy's documentation, as goaccess-like parsers quote it.
    const JSON: &str = r#"{"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"127.0.0.1","remote_port":"41342","client_ip":"127.0.0.1","proto":"HTTP/2.0","method":"GET","host":"localhost","uri":"/web?a=b","headers":{"User-Agent":["curl/7.82.0"],"Accept":["*/*"],"Accept-Encoding":["gzip, deflate, br"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"example.com"}},"bytes_read": 0,"user_id":"","duration":0.000929675,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"],"Content-Encoding":["gzip"],"Content-Type":["text/html; charset=utf-8"],"Vary":["Accept-Encoding"]}}"#;
    const ERROR: &str = r#"{"level":"error","ts":1646861401.5,"logger":"http.log.error","msg":"dial tcp 127.0.0.1:8069: connect: connection refused","request":{"method":"GET","uri":"/"},"duration":0.001,"status":502,"err_id":"x"}"#;
    const CONSOLE: &str = "2026/11/23 18:24:42.470\tERROR\thttp.log.access.log0\thandled request\t{\"request\": {\"remote_ip\": \"10.0.0.1\", \"method\": \"POST\", \"host\": \"erp\", \"uri\": \"/web\"}, \"duration\": 60.000929675, \"size\": 0, \"status\": 504}";

    fn request(line: &str) -> AccessRecord<'_> {
        match read(line.as_bytes()) {
            Some(Record::Access(record)) => record,
            _ => panic!("{line}"),
        }
    }

    #[test]
    fn real_lines() {
        let record = request(JSON);
        assert_eq!((record.end.unwrap().us, record.status), (1_646_861_401_524_102, 200));
        assert_eq!((record.request_time_us, record.bytes_sent), (Some(929), Some(10900)));
        assert_eq!((record.path, record.host), (b"/web?a=b".as_slice(), b"localhost".as_slice()));
        assert_eq!(
            (record.remote_addr, record.user_agent),
            (b"127.0.0.1".as_slice(), b"curl/7.82.0".as_slice())
        );
        let console = request(CONSOLE);
        assert_eq!((console.status, console.request_time_us), (504, Some(60_000_929)));
        assert_eq!(console.end.unwrap().zone, Zone::Local);
        for line in [
            ERROR,
            r#"{"level":"info","ts":1646861401,"msg":"serving initial configuration"}"#,
            "2026/11/23 18:24:42.470\tINFO\tadmin\tstarted",
        ] {
            assert!(matches!(read(line.as_bytes()), Some(Record::Structure)), "{line}");
        }
        for line in [JSON, ERROR] {
            for cut in 0..line.len() {
                assert!(read(&line.as_bytes()[..cut]).is_none());
            }
        }
        for cut in 0..CONSOLE.len() {
            let _ = read(&CONSOLE.as_bytes()[..cut]);
        }
    }

    #[test]
    fn encoders() {
        for (text, us, zone) in [
            ("1646861401.5241024", 1_646_861_401_524_102, Zone::Utc),
            ("1646861401524.1024", 1_646_861_401_524_000, Zone::Utc),
            ("2022-03-09T21:30:01.524Z", 1_646_861_401_524_000, Zone::Utc),
            ("2022-03-09T22:30:01+0100", 1_646_861_401_000_000, Zone::Offset(3600)),
            ("2022/03/09 21:30:01", 1_646_861_401_000_000, Zone::Local),
        ] {
            let stamp = moment(text.as_bytes()).unwrap();
            assert_eq!((stamp.us, stamp.zone), (us, zone), "{text}");
        }
        assert_eq!((moment(b"1"), moment(b""), moment(b"yesterday")), (None, None, None));
        for (text, us) in [
            ("1.5", 1_500_000),
            ("929.675µs", 929),
            ("1.5ms", 1500),
            ("1m3.2s", 63_200_000),
            ("120ns", 0),
            ("0s", 0),
        ] {
            assert_eq!(duration_us(text.as_bytes()), Some(us), "{text}");
        }
        for text in ["", "x", "1.5x", "-1s", "ms", "99999999999h"] {
            assert_eq!(duration_us(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn detection() {
        let score = |lines: &[&str]| {
            let lines = lines.iter().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(score(&[JSON, ERROR, "", "x", CONSOLE]), Some(0.75));
        for decoy in [
            // zap of another program; an error without its access line; nginx.
            r#"{"level":"info","ts":1646861401.5,"caller":"etcdserver/server.go:1","msg":"applied"}"#,
            ERROR,
            r#"{"time":"2026-11-23T18:36:14+00:00","request":"GET / HTTP/1.1","status":504,"request_time":10.000}"#,
            "2026-11-23T18:24:42.470Z\tINFO\tcontroller\tstarted\t{\"a\": 1}",
        ] {
            assert_eq!(score(&[decoy]), None, "{decoy}");
        }
    }
}
