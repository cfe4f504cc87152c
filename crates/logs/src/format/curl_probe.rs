//! Answers to outside probes: what a loop of `date` and `curl -w 'http_code=%{http_code} time_total=%{time_total}'`
//! leaves behind (formats.md 11).

use memchr::memmem;

use super::nginx_access::seconds_us;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{ProbeResult, Record};
use crate::timestamp::{
    SECOND_US, Stamp, Zone, abbreviation_offset_s, civil_us, clock_s, digits, iso, month_number,
};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "curl-probe",
    source: Source::Probe,
    summary: "a loop of `date` and `curl -w 'http_code=%{http_code} time_total=%{time_total}'`",
    origin: "curl, `--write-out`",
    detect,
    examples: &[
        Example {
            name: "curl-probe",
            file: "ws_health_probe.txt",
            text: "\
2026-11-23T18:27:55+00:00
/websocket/health http_code=502 time_total=0.005085
2026-11-23T18:28:05+00:00
/websocket/health http_code=502 time_total=0.000726
",
        },
        Example {
            name: "curl-probe",
            file: "ws_probe.txt",
            text: "\
2026-11-23T18:31:34Z
curl: (28) Operation timed out after 10001 milliseconds with 0 bytes received
http_code=000 time_total=10.001383
",
        },
    ],
    foreign: &[Foreign { whose: "an answer without its time", text: "http_code=200" }],
    broken: &[Broken {
        reason: "no_http_code",
        text: "2026-11-23T18:28:05+00:00\n/websocket/health http_co\n",
    }],
};

/// A file of probe results.
pub struct Probes;

const CODE: &[u8] = b"http_code=";

/// Claims files most of whose stamped blocks hold `http_code=`.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut records, mut answered) = (0u32, 0u32);
    let mut open = false;
    for line in &sample.lines {
        if starts(line) {
            records += 1;
            open = true;
        }
        if open && memmem::find(line, CODE).is_some() {
            answered += 1;
            open = false;
        }
    }
    let score = f64::from(answered) / f64::from(records.max(1));
    (score >= 0.3).then(|| Claim { format: Box::new(Probes), score })
}

/// Output of `date`: `Mon Nov 23 18:22:10 UTC 2026`, `Mon 23 Nov 2026 06:22:10 PM UTC`,
/// `Mon, 23 Nov 2026 18:22:10 +0000`. Also used for `dmesg -T`.
pub(super) fn date_output(line: &[u8]) -> Option<Stamp> {
    // The weekday is the cheap proof.
    let weekday: &[u8] = line.get(..3)?;
    [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"]
        .iter()
        .find(|name| name.as_slice() == weekday)?;
    let (mut month, mut day, mut year, mut clock, mut shift, mut zone) =
        (None, None, None, None, 0, Zone::Local);
    let words = line.get(3..)?.split(|byte| matches!(byte, b' ' | b',')).filter(|word| !word.is_empty());
    for word in words.take(8) {
        if let Some(number) = digits(word) {
            *(if word.len() == 4 { &mut year } else { &mut day }) = Some(number);
        } else if let Some(seconds) = (word.len() == 8).then(|| clock_s(word)).flatten() {
            clock = Some(seconds);
        } else if let Some(number) = month_number(word) {
            month = Some(number);
        } else if word == b"PM" {
            shift = i64::from(clock? < 12 * 3600) * 12 * 3600;
        } else if word == b"AM" {
            shift = -i64::from(clock? >= 12 * 3600) * 12 * 3600;
        } else if let Some(offset) = abbreviation_offset_s(word) {
            zone = if offset == 0 { Zone::Utc } else { Zone::Offset(offset) };
        }
    }
    let offset = if let Zone::Offset(offset) = zone { i64::from(offset) } else { 0 };
    let us = civil_us(year?, month?, day?, 0, 0, 0)? + (clock? + shift - offset) * SECOND_US;
    Some(Stamp { us, zone, resolution_us: SECOND_US })
}

/// The time in a line that begins a record, and what follows it.
fn stamp(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let line = line.trim_ascii();
    if let Some((stamp, used)) = iso(line) {
        return Some((stamp, line.get(used..)?));
    }
    date_output(line).map(|stamp| (stamp, b"".as_slice()))
}

/// The content of `=== … ===`.
fn banner(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii().strip_prefix(b"===")?.strip_suffix(b"===")?;
    Some(line.trim_ascii())
}

fn starts(line: &[u8]) -> bool {
    match line.first() {
        Some(b'=') => banner(line).is_some(),
        Some(byte) if byte.is_ascii_digit() || byte.is_ascii_uppercase() => {
            stamp(line).is_some_and(|(_, rest)| matches!(rest.first(), None | Some(b' ' | b'\t')))
        }
        _ => false,
    }
}

/// The value of `key` (with its `=`) up to the next blank.
fn value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let from = memmem::find(text, key)? + key.len();
    text.get(from..)?.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b'"')).next()
}

impl Format for Probes {
    fn name(&self) -> String {
        "curl-probe".to_owned()
    }

    fn source(&self) -> Source {
        Source::Probe
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        starts(line)
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &[u8] = &raw.text;
        let http_code = value(text, CODE)
            .filter(|code| code.len() == 3)
            .and_then(digits)
            .and_then(|code| u16::try_from(code).ok())
            .ok_or("no_http_code")?;
        let mut lines = text.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let head = banner(first).unwrap_or(first);
        let begun = stamp(head);
        let words = |line: &'a [u8]| line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let is_target = |word: &&[u8]| {
            word.starts_with(b"/") || word.starts_with(b"http://") || word.starts_with(b"https://")
        };
        // The target is printed before the code on the same line, or in the banner.
        let line = text
            .split(|byte| *byte == b'\n')
            .find(|line| memmem::find(line, CODE).is_some())
            .unwrap_or_default();
        let target = value(line, b"url=")
            .or_else(|| value(line, b"url_effective="))
            .or_else(|| words(line).find(is_target))
            .or_else(|| words(head).find(is_target))
            .unwrap_or_default();
        Ok(Record::Probe(ProbeResult {
            stamp: begun.map(|(stamp, _)| stamp).or(raw.outer),
            target,
            http_code,
            time_total_us: value(text, b"time_total=")
                .map(|time| time.strip_suffix(b"s").unwrap_or(time))
                .and_then(seconds_us),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    /// Seconds since 1970, target, code, time in µs.
    type Seen = (Option<i64>, String, u16, Option<i64>);

    fn probe(text: &str) -> Result<Seen, &'static str> {
        let raw = Raw::of(text.as_bytes());
        match Probes.parse(&raw, &mut Memory::default())? {
            Record::Probe(result) => Ok((
                result.stamp.map(|stamp| stamp.us / SECOND_US),
                String::from_utf8_lossy(result.target).into_owned(),
                result.http_code,
                result.time_total_us,
            )),
            other => panic!("{other:?}"),
        }
    }

    const HEALTH: &str = "2026-11-23T18:27:55+00:00\n/websocket/health http_code=502 time_total=0.005085";
    const HEADERS: &str = "2026-11-23T18:31:44Z\nHTTP/1.1 400 BAD REQUEST\nServer: nginx\nDate: Mon, 23 Nov 2026 18:31:51 GMT\n\
        Content-Length: 314\n\nhttp_code=400 time_total=6.113482\n";
    const NO_ANSWER: &str = "2026-11-23T18:31:34Z\ncurl: (28) Operation timed out after 10001 milliseconds with 0 bytes received\n\
        http_code=000 time_total=10.001383";

    #[test]
    fn real_blocks() {
        let at = 1_795_458_475;
        assert_eq!(probe(HEALTH), Ok((Some(at), "/websocket/health".to_owned(), 502, Some(5085))));
        assert_eq!(probe(HEADERS), Ok((Some(at + 229), String::new(), 400, Some(6_113_482))));
        assert_eq!(probe(NO_ANSWER), Ok((Some(at + 219), String::new(), 0, Some(10_001_383))));
        for (text, target) in [
            (
                "=== Mon Nov 23 18:27:55 UTC 2026 ===\nhttp_code=200 time_total=0.1s url=https://erp.example.com/",
                "https://erp.example.com/",
            ),
            ("Mon Nov 23 07:27:55 PM CET 2026\nhttp_code=200 time_total=0.1", ""),
            ("Mon, 23 Nov 2026 18:27:55 +0000\r\nhttp_code=200; time_total=0.1\r", ""),
            ("=== 2026-11-23T18:27:55Z /web/login ===\nhttp_code=200, time_total=0.1", "/web/login"),
            ("2026-11-23T19:27:55+01:00 /web http_code=200 time_total=0.1", "/web"),
        ] {
            assert_eq!(probe(text), Ok((Some(at), target.to_owned(), 200, Some(100_000))), "{text}");
        }
    }

    #[test]
    fn broken_blocks() {
        for text in
            ["", "2026-11-23T18:27:55Z", "http_code=", "http_code=20", "http_code=2x0", "\u{0}http_code=0200"]
        {
            assert_eq!(probe(text), Err("no_http_code"), "{text}");
        }
        assert_eq!(probe("http_code=200 time_total="), Ok((None, String::new(), 200, None)));
        for text in [HEALTH, HEADERS, NO_ANSWER] {
            for cut in 0..text.len() {
                let _ = probe(&text[..cut]);
                let _ = Probes.starts_record(&text.as_bytes()[cut..]);
            }
        }
    }

    #[test]
    fn what_starts_a_record() {
        for (line, begins) in [
            ("2026-11-23T18:27:55+00:00", true),
            ("Mon Nov 23 18:27:55 UTC 2026", true),
            ("=== anything ===", true),
            ("Date: Mon, 23 Nov 2026 18:27:55 GMT", false),
            ("HTTP/1.1 502 Bad Gateway", false),
            ("http_code=502 time_total=0.1", false),
            ("2026-11-23T18:27:55+00:00x", false),
            ("Mon Nov 31 18:27:55 UTC 2026", false),
            ("Mon 99999999999999999999", false),
            ("", false),
        ] {
            assert_eq!(Probes.starts_record(line.as_bytes()), begins, "{line}");
        }
        assert_eq!(date_output(b"Mon 23 Nov 2026 12:00:01 AM UTC").unwrap().us, 1_795_392_001 * SECOND_US);
        assert_eq!(date_output(b"Mon 23 Nov 2026 12:00:01 PM UTC").unwrap().us, 1_795_435_201 * SECOND_US);
    }

    #[test]
    fn detection() {
        let claim = |text: &str| {
            let lines = text.lines().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim(&[HEALTH, "\n", HEADERS, NO_ANSWER].concat()), Some(1.0));
        assert_eq!(claim("2026-11-23 18:32:56,204 22130 ERROR o15 odoo.http: x\n"), None);
        assert_eq!(claim("http_code=200\n"), None);
        assert_eq!(claim(""), None);
    }
}
