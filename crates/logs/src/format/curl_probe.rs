//! Answers to outside probes: what a loop of `date` and `curl -w 'http_code=%{http_code} time_total=%{time_total}'`
//! leaves behind (formats.md 11).

use memchr::memmem;

use super::nginx_access::seconds_us;
use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::{ProbeResult, Record};
use crate::timestamp::{SECOND_US, Stamp, Zone, abbreviation_offset_s, civil_us, clock_s, digits, iso, month_number};

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
    [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"].iter().find(|name| name.as_slice() == weekday)?;
    let (mut month, mut day, mut year, mut clock, mut shift, mut zone) = (None, None, None, None, 0, Zone::Local);
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
        let is_target = |word: &&[u8]| word.starts_with(b"/") || word.starts_with(b"http://") || word.starts_with(b"https://");
        // The target is printed before the code on the same line, or in the banner.
        let line = text.split(|byte| *byte == b'\n').find(|line| memmem::find(line, CODE).is_some()).unwrap_or_default();
        let target = value(line, b"url=")
            .or_else(|| value(line, b"url_effective="))
            .or_else(|| words(line).find(is_target))
            .or_else(|| words(head).find(is_target))
            .unwrap_or_default();
        Ok(Record::Probe(ProbeResult {
            stamp: begun.map(|(stamp, _)| stamp).or(raw.outer),
            target,
            http_code,
            time_total_us: value(text, b"time_total=").map(|time| time.strip_suffix(b"s").unwrap_or(time)).and_then(seconds_us),
        }))
    }
}
