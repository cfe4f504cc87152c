//! The common log format and what is built on it: Apache's `common`, `combined`, `vhost_combined`, with or without
//! durations (formats.md 5.5; Apache 2.4, `mod_log_config`), and Traefik's `genericCLF`.
//!
//! `[VHOST[:PORT]] CLIENT IDENT USER [START] "REQUEST" STATUS BYTES ["REFERER" "AGENT" [TAIL]]`. Apache stamps the
//! beginning; where a duration is marked in the tail the end is beginning plus duration, else the stamp stands for the
//! end. Marked are `**%T/%D**` and `%T/%D`, `KEY=VALUE` with a unit in the key, and numbers with a unit. A lone number is
//! `%D` (microseconds) if the numbers of the sample are too large for seconds; other bare numbers are ignored.
//!
//! nginx's `combined` is the same text as Apache's: `nginx_access` reads it, and reads stray lines with `read`.

use memchr::{memchr, memmem};

use super::front_end::{claim, ended, quoted, without_port, word};
use super::nginx_access::{seconds_us, split_request, time_local};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{AccessRecord, Record};
use crate::timestamp::{SECOND_US, Stamp, digits};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "apache-access",
    source: Source::NginxAccess,
    summary: "Apache's access log: `common`, `combined`, `vhost_combined`, with or without durations",
    origin: "Apache 2.4, `mod_log_config`",
    detect,
    examples: &[
        Example {
            name: "apache-access:vhost_combined_timed",
            file: "other_vhosts_access.log",
            text: r#"website.com:443 1.2.3.4 - - [25/Oct/2021:11:05:52 +0200] "GET /web/.well-known HTTP/1.1" 403 6963 "abc.com" "User-agent-string" **0/12345**
website.com:443 1.2.3.4 - - [25/Oct/2021:11:05:53 +0200] "-" 408 - "-" "say \"hi\"" **61/61012345**
"#,
        },
        Example {
            name: "apache-access:common",
            file: "access.log",
            text: r#"::1 - - [26/Dec/2016:16:16:29 +0200] "GET /favicon.ico HTTP/1.1" 404 209
::1 - - [26/Dec/2016:16:16:48 +0200] "-" 408 -
"#,
        },
    ],
    foreign: &[
        Foreign {
            whose: "Apache's error log",
            text: "[Thu Oct 13 12:24:49.880562 2022] [auth_basic:error] [pid 10:tid 1] [client 31.33.58.75:50229] AH01618: user x not found: /",
        },
        Foreign {
            whose: "nginx",
            text: r#"192.168.33.1 - - [26/Dec/2016:16:22:13 +0000] "GET /hello HTTP/1.1" 404 499 "-" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.12; rv:50.0) Gecko/20100101 Firefox/50.0" rt=0.012"#,
        },
    ],
    broken: &[Broken {
        reason: "not_a_request",
        text: r#"::1 - - [26/Dec/2016:16:16:29 +0200] "GET /favico"#,
    }],
};

/// What is left.
pub const ANY: Definition = Definition {
    name: "common-log-format",
    source: Source::NginxAccess,
    summary: "the common log format with whatever stands before or behind it, its writer unknown",
    origin: "the common log format of NCSA httpd",
    detect: detect_any,
    examples: &[Example {
        name: "common-log-format",
        file: "access.log",
        text: r#""10.5.102.222, 199.96.1.1, 204.246.1.1" 10.2.1.185 - - [22/Jan/2016:13:18:29 +0000] "GET /assets/xxxx?q=100 HTTP/1.1" 200 25507 "-" "Amazon CloudFront"
"#,
    }],
    foreign: &[Foreign {
        whose: "Envoy",
        text: r#"[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80""#,
    }],
    broken: &[Broken {
        reason: "not_a_request",
        text: r#"10.2.1.185 - - [22/Jan/2016:13:18:29 +0000] "GET /assets/xx"#,
    }],
};

/// One line, its tail not yet interpreted.
pub(super) struct Entry<'a> {
    /// What it says; `end` is not set.
    pub record: AccessRecord<'a>,
    /// The stamp in brackets.
    pub stamp: Stamp,
    /// What follows the user agent, with the blank before it; or what follows the size.
    pub tail: &'a [u8],
}

/// Where the next ` [` begins.
fn blank_and_bracket(line: &[u8], from: usize) -> Option<usize> {
    let mut brackets = memchr::memchr_iter(b'[', line.get(from + 1..)?);
    brackets.find(|at| line.get(from + at) == Some(&b' ')).map(|at| from + at)
}

/// Reads a line in the common log format; `None` if it is none.
pub(super) fn read(line: &[u8]) -> Option<Entry<'_>> {
    let line = line.trim_ascii_end();
    let mut from = 0;
    // A user's name may hold brackets: the stamp is the first that is one.
    let (head, stamp, rest) = loop {
        let at = blank_and_bracket(line, from)?;
        let stamp = line.get(at + 2..at + 28).and_then(time_local);
        match (stamp, line.get(at + 28..).and_then(|rest| rest.strip_prefix(b"] "))) {
            (Some(stamp), Some(rest)) => break (line.get(..at)?, stamp, rest),
            _ => from = at + 2,
        }
    };
    let (request, rest) = quoted(rest)?;
    let (status, rest) = word(rest.strip_prefix(b" ")?)?;
    let status = (status.len() == 3).then(|| digits(status)).flatten()?;
    let (bytes, rest) = rest.split_at_checked(memchr(b' ', rest).unwrap_or(rest.len()))?;
    if bytes != b"-" {
        digits(bytes)?;
    }
    let (host, remote_addr) = client(head)?;
    let (method, target) = split_request(request);
    let (mut user_agent, mut tail): (&[u8], &[u8]) = (b"", rest);
    if let Some((agent, after)) = referer_and_agent(rest) {
        (user_agent, tail) = (agent, after);
    }
    let record = AccessRecord {
        remote_addr,
        host,
        method,
        path: target,
        status: u16::try_from(status).ok()?,
        bytes_sent: digits(bytes).and_then(|bytes| u64::try_from(bytes).ok()),
        user_agent,
        ..AccessRecord::default()
    };
    Some(Entry { record, stamp, tail })
}

/// The agent, and what follows it.
fn referer_and_agent(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_referer, rest) = quoted(rest.strip_prefix(b" ")?)?;
    quoted(rest.strip_prefix(b" ")?)
}

/// Virtual host, if there is one, and client of `[VHOST] CLIENT IDENT USER`. A client may be a list, quoted or not
/// (`$http_x_forwarded_for`); its last member spoke to the server.
fn client(head: &[u8]) -> Option<(&[u8], &[u8])> {
    // A user may hold blanks, an identity is `-` in practice.
    let words = match memmem::find(head, b" - ") {
        Some(at) => head.get(..at)?,
        None => {
            let (rest, _user) = head.split_at_checked(memchr::memrchr(b' ', head)?)?;
            let (rest, _identity) = rest.split_at_checked(memchr::memrchr(b' ', rest)?)?;
            rest
        }
    };
    let (first, rest) = word(words)?;
    let listed = first.ends_with(b",") || first.starts_with(b"\"");
    let last = words.rsplit(|byte| *byte == b' ').next().unwrap_or(words);
    if last.is_empty() || words.len() > 1024 {
        return None;
    }
    let host: &[u8] = if rest.is_empty() || listed { b"" } else { without_port(first) };
    Some((host, last))
}

/// A duration that the tail marks as one, µs.
fn marked_duration_us(tail: &[u8]) -> Option<i64> {
    tail.split(|byte| *byte == b' ').find_map(|part| {
        let part = part.strip_prefix(b"\"").and_then(|part| part.strip_suffix(b"\"")).unwrap_or(part);
        // `**0/12345**`: whole seconds and microseconds of the same duration.
        let pair = part.strip_prefix(b"**").and_then(|part| part.strip_suffix(b"**")).unwrap_or(part);
        if let Some((seconds, us)) =
            memchr(b'/', pair).and_then(|at| Some((pair.get(..at)?, pair.get(at + 1..)?)))
        {
            let (seconds, us) = (digits(seconds)?, digits(us)?);
            return (us / SECOND_US == seconds).then_some(us);
        }
        match memchr(b'=', part).or_else(|| memchr(b':', part)) {
            Some(at) => keyed_us(part.get(..at)?, part.get(at + 1..)?),
            None => with_unit_us(part),
        }
    })
}

/// `D=12345`, `time_us=12345`, `T=3`: the key names the unit.
fn keyed_us(key: &[u8], value: &[u8]) -> Option<i64> {
    match key {
        b"D" | b"%D" => return digits(value),
        b"T" | b"%T" => return seconds_us(value),
        _ => {}
    }
    if let Some(us) = with_unit_us(value) {
        return Some(us);
    }
    let timed = [b"time".as_slice(), b"duration", b"elapsed", b"took"]
        .iter()
        .any(|part| memmem::find(key, part).is_some());
    if !timed {
        return None;
    }
    let unit = key.rsplit(|byte| *byte == b'_').next()?;
    match unit {
        b"us" | b"usec" | b"usecs" | b"micros" | b"microseconds" => digits(value),
        b"ms" | b"msec" | b"millis" | b"milliseconds" => digits(value)?.checked_mul(1000),
        b"s" | b"sec" | b"secs" | b"seconds" => seconds_us(value),
        _ => None,
    }
}

/// `12345us`, `12ms`, `0.012s`.
fn with_unit_us(text: &[u8]) -> Option<i64> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let (value, unit) = text.split_at_checked(length)?;
    let value = seconds_us(value)?;
    match unit {
        b"us" | b"\xC2\xB5s" | b"usec" => Some(value / SECOND_US),
        b"ms" | b"msec" => Some(value / 1000),
        b"s" | b"sec" => Some(value),
        _ => None,
    }
}

/// Apache's access log, or another program's in the same form.
pub struct AccessLog {
    name: &'static str,
    /// The lone number behind the agent counts microseconds.
    microseconds: bool,
}

/// Signs of a writer other than nginx, counted over a sample.
#[derive(Default)]
struct Signs {
    read: u32,
    /// No referer and no agent.
    common: u32,
    /// `vhost:port` first.
    ported: u32,
    durations: u32,
    /// A lone number behind the agent: nginx writes three decimals.
    number: u32,
    /// Lone numbers that are at least 100, and at least 1000.
    hundreds: u32,
    thousands: u32,
}

/// Fewer lone numbers than this do not tell their unit.
const FEWEST_NUMBERS: u32 = 10;

impl Signs {
    fn of(sample: &Sample<'_>) -> Signs {
        let mut signs = Signs::default();
        for line in &sample.lines {
            let Some(entry) = read(line) else { continue };
            let first = word(line).map(|(first, _)| first).unwrap_or_default();
            let tail = entry.tail.trim_ascii();
            signs.read += 1;
            signs.common += u32::from(entry.record.user_agent.is_empty() && tail.is_empty());
            signs.ported += u32::from(!entry.record.host.is_empty() && entry.record.host != first);
            signs.durations += u32::from(marked_duration_us(tail).is_some());
            if let Some(number) = digits(tail) {
                signs.number += 1;
                signs.hundreds += u32::from(number >= 100);
                signs.thousands += u32::from(number >= 1000);
            }
        }
        signs
    }

    fn mostly(&self, count: u32) -> bool {
        2 * count > self.read
    }

    /// Nearly all lone numbers above 100 and half of them above 1000: no server takes that many seconds, and few that
    /// many milliseconds.
    fn microseconds(&self) -> bool {
        self.number >= FEWEST_NUMBERS
            && 10 * self.hundreds >= 9 * self.number
            && 2 * self.thousands >= self.number
    }

    fn name(&self) -> &'static str {
        let timed = self.mostly(self.durations) || (self.microseconds() && self.mostly(self.number));
        match (self.mostly(self.ported), timed, self.mostly(self.common)) {
            (true, true, _) => "apache-access:vhost_combined_timed",
            (true, false, false) => "apache-access:vhost_combined",
            (true, false, true) => "apache-access:vhost_common",
            (false, true, _) => "apache-access:combined_timed",
            (false, false, true) => "apache-access:common",
            (false, false, false) => "apache-access:combined",
        }
    }
}

fn claim_as(sample: &Sample<'_>, name: &'static str, microseconds: bool) -> Option<Claim> {
    claim(sample, Box::new(AccessLog { name, microseconds }), |line| {
        read(line).map(|entry| Record::Access(entry.record))
    })
}

/// Claims files that show signs of a writer other than nginx, unless a `log_format` at hand reads them.
#[must_use]
pub fn detect(sample: &Sample<'_>, context: &Context) -> Option<Claim> {
    let signs = Signs::of(sample);
    let foreign = [signs.common, signs.ported, signs.durations, signs.number]
        .into_iter()
        .any(|sign| signs.mostly(sign));
    let configured =
        |line: &[u8]| context.log_formats.iter().any(|(_, format)| format.read(line, None).is_some());
    if !foreign || sample.lines.iter().any(|line| configured(line)) {
        return None;
    }
    claim_as(sample, signs.name(), signs.microseconds())
}

/// Claims what is left: lines in the common log format, with whatever tail, that nginx's predefined formats do not read.
/// Who wrote them is not known.
#[must_use]
pub fn detect_any(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    claim_as(sample, "common-log-format", false)
}

impl Format for AccessLog {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn source(&self) -> Source {
        Source::NginxAccess
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let Entry { mut record, stamp, tail } = read(&raw.text).ok_or("not_a_request")?;
        record.request_time_us = marked_duration_us(tail)
            .or_else(|| if self.microseconds { digits(tail.trim_ascii()) } else { None });
        record.end = Some(ended(stamp, record.request_time_us));
        Ok(Record::Access(record))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    // elastic/beats filebeat/module/apache/access/test, crowdsecurity/hub .tests/apache2-logs, filebeat's nginx tests.
    const COMMON: &str = r#"::1 - - [26/Dec/2016:16:16:29 +0200] "GET /favicon.ico HTTP/1.1" 404 209"#;
    const TIMED_OUT: &str = r#"::1 - - [26/Dec/2016:16:16:48 +0200] "-" 408 -"#;
    const COMBINED: &str = r#"192.168.33.1 - - [26/Dec/2016:16:22:13 +0000] "GET /hello HTTP/1.1" 404 499 "-" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.12; rv:50.0) Gecko/20100101 Firefox/50.0""#;
    const VHOST: &str = r#"website.com:443 1.2.3.4 - - [25/Oct/2021:11:05:52 +0200] "GET /web/.well-known HTTP/1.1" 403 6963 "abc.com" "User-agent-string""#;
    const LISTED: &str = r#""10.5.102.222, 199.96.1.1, 204.246.1.1" 10.2.1.185 - - [22/Jan/2016:13:18:29 +0000] "GET /assets/xxxx?q=100 HTTP/1.1" 200 25507 "-" "Amazon CloudFront""#;

    fn entry(line: &str) -> Entry<'_> {
        read(line.as_bytes()).unwrap_or_else(|| panic!("{line}"))
    }

    #[test]
    fn real_lines() {
        let common = entry(COMMON);
        assert_eq!(
            (common.stamp.us, common.record.status, common.record.bytes_sent),
            (1_482_761_789_000_000, 404, Some(209))
        );
        assert_eq!(
            (common.record.remote_addr, common.record.path),
            (b"::1".as_slice(), b"/favicon.ico".as_slice())
        );
        let out = entry(TIMED_OUT).record;
        assert_eq!((out.status, out.bytes_sent, out.method), (408, None, b"".as_slice()));
        assert_eq!(entry(COMBINED).tail, b"");
        let vhost = entry(VHOST).record;
        assert_eq!((vhost.host, vhost.remote_addr), (b"website.com".as_slice(), b"1.2.3.4".as_slice()));
        let listed = entry(LISTED).record;
        assert_eq!((listed.host, listed.remote_addr), (b"".as_slice(), b"10.2.1.185".as_slice()));
        // Apache escapes quotes with a backslash; a user may hold blanks and brackets.
        let escaped = COMBINED.replace("Mozilla", "say \\\"hi\\\" \\\\");
        assert_eq!(entry(&escaped).tail, b"");
        let user = COMMON.replace("- - [", "- CN=Jo [x] E [");
        assert_eq!(entry(&user).record.remote_addr, b"::1");
        for line in [
            "",
            "::1",
            &COMMON.replace(" 404 ", " 40x "),
            &COMMON.replace(" 209", " x"),
            &COMMON.replace("+0200", "0200"),
            "192.168.202.254 [20/Jul/2009:22:59:29 +0000] \"GET / HTTP/1.0\" 404 1",
            // werkzeug, uwsgi.
            r#"10.20.8.15 - - [23/Nov/2026 18:22:23] "POST /web/login HTTP/1.0" 303 -"#,
            "[pid: 1|app: 0|req: 1/1] 127.0.0.1 () {38 vars in 696 bytes} [Sun Mar 13 22:49:12 2016] POST /u => generated 47 bytes",
        ] {
            assert!(read(line.as_bytes()).is_none(), "{line}");
        }
        for line in [COMMON, TIMED_OUT, COMBINED, VHOST, LISTED] {
            for cut in 0..line.len() {
                let _ = read(&line.as_bytes()[..cut]);
                let _ = read(&line.as_bytes()[cut..]);
            }
        }
    }

    #[test]
    fn durations() {
        for (tail, us) in [
            ("", None),
            (" **0/12345**", Some(12_345)),
            (" 61/61012345", Some(61_012_345)),
            (" 12/34", None),
            (" D=12345", Some(12_345)),
            (" T=3", Some(3_000_000)),
            (" \"x\" request_time_us=77", Some(77)),
            (" time_ms:77", Some(77_000)),
            (" rt=0.012s", Some(12_000)),
            (" 12345us", Some(12_345)),
            (" 5ms", Some(5000)),
            // Unmarked numbers, bytes in and out, a cookie.
            (" 12345", None),
            (" 512 1024", None),
            (" \"sid=abc\"", None),
            (" D=", None),
            (" 99999999999999999999us", None),
        ] {
            let line = [COMBINED, tail].concat();
            let raw = Raw::of(line.as_bytes());
            let Ok(Record::Access(record)) =
                (AccessLog { name: "x", microseconds: false }).parse(&raw, &mut Memory::default())
            else {
                panic!("{tail}")
            };
            assert_eq!(record.request_time_us, us, "{tail}");
            // The stamp is the beginning.
            assert_eq!(record.end.unwrap().us, 1_482_769_333_000_000 + us.unwrap_or(0), "{tail}");
        }
    }

    #[test]
    fn detection() {
        let name = |lines: &[&str]| {
            let lines = lines.iter().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.format.name())
        };
        let timed = [COMBINED, " **0/12345**"].concat();
        let number = [COMBINED, " 12345"].concat();
        assert_eq!(name(&[COMMON, TIMED_OUT]).as_deref(), Some("apache-access:common"));
        assert_eq!(name(&[VHOST, VHOST]).as_deref(), Some("apache-access:vhost_combined"));
        assert_eq!(name(&[&timed]).as_deref(), Some("apache-access:combined_timed"));
        assert_eq!(name(&[&number]).as_deref(), Some("apache-access:combined"));
        assert_eq!(name(&[number.as_str(); 10]).as_deref(), Some("apache-access:combined_timed"));
        let small = [COMBINED, " 3"].concat();
        assert_eq!(name(&[small.as_str(); 10]).as_deref(), Some("apache-access:combined"));
        // nginx's: plain combined, and its timings.
        for nginx in
            [COMBINED.to_owned(), [COMBINED, " 0.012 0.011 ."].concat(), [COMBINED, " rt=0.012"].concat()]
        {
            assert_eq!(name(&[&nginx]), None, "{nginx}");
        }
        let lines = vec![Cow::Borrowed(LISTED.as_bytes())];
        assert!(detect_any(&Sample { lines, name: "x" }, &Context::default()).is_some());
    }
}
