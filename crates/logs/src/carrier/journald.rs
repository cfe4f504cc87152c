//! systemd's journal as `journalctl` prints it, and the syslog files of the same shape (formats.md section 4).

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::docker::{Members, Value, decode, hash};
use super::{Carrier, Peeled};
use crate::timestamp::{
    SECOND_US, Stamp, Zone, abbreviation_offset_s, civil_us, clock_s, date_time_us, digits, fraction_us, iso,
    month_number,
};

/// Lines that journald itself writes in place of lost messages.
fn lost_messages(program: Option<&[u8]>, message: &[u8]) -> bool {
    program.is_some_and(|program| program.starts_with(b"systemd-journal") || program == b"kernel")
        && ((message.starts_with(b"Suppressed ") && memmem::find(message, b" messages").is_some())
            || (message.starts_with(b"Missed ") && message.ends_with(b" kernel messages")))
}

/// The fields of an entry that count here.
#[derive(Default)]
struct Fields<'a> {
    time: Option<i64>,
    program: Option<Cow<'a, [u8]>>,
    stream: u64,
    partial: bool,
    last: bool,
}

impl<'a> Fields<'a> {
    /// Takes one field by its name.
    fn take(&mut self, name: &[u8], value: &'a [u8], decoded: impl Fn(&'a [u8]) -> Cow<'a, [u8]>) {
        match name {
            b"__REALTIME_TIMESTAMP" => self.time = digits(value),
            b"SYSLOG_IDENTIFIER" => self.program = Some(decoded(value)),
            // Field order is random, so the sum must not depend on it.
            b"_STREAM_ID" | b"_PID" | b"CONTAINER_ID" => {
                self.stream = self.stream.wrapping_add(hash(0, value))
            }
            b"_LINE_BREAK" => self.partial |= value == b"line-max",
            b"CONTAINER_PARTIAL_MESSAGE" => self.partial |= value == b"true",
            b"CONTAINER_PARTIAL_LAST" => self.last |= value == b"true",
            _ => {}
        }
    }

    /// The entry with this message.
    fn peeled(self, payload: Cow<'a, [u8]>) -> Result<Peeled<'a>, &'static str> {
        if lost_messages(self.program.as_deref(), &payload) {
            return Err("journald_suppressed");
        }
        Ok(Peeled {
            payload,
            outer: self.time.map(|us| Stamp::utc(us, 1)),
            partial: self.partial && !self.last,
            stream: self.stream,
            program: self.program,
        })
    }
}

/// A MESSAGE that is no string: an array of byte values, or of strings when the field was repeated.
fn array_message(value: &[u8]) -> Option<Vec<u8>> {
    let mut inner = value.strip_prefix(b"[")?.strip_suffix(b"]")?.trim_ascii();
    if inner.starts_with(b"\"") {
        let texts: Vec<String> = serde_json::from_slice(value).ok()?;
        return Some(texts.join("\n").into_bytes());
    }
    if let Some(first) = inner.strip_prefix(b"[") {
        // A repeated binary field: the first of the arrays.
        inner = first.get(..memchr(b']', first)?)?;
    }
    if inner.is_empty() {
        return Some(Vec::new());
    }
    inner.split(|byte| *byte == b',').map(|number| u8::try_from(digits(number.trim_ascii())?).ok()).collect()
}

/// `-o json`, also `json-sse` and `json-seq`: one object per line.
pub struct Json;

impl Carrier for Json {
    fn name(&self) -> &'static str {
        "journald-json"
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let entry = entry.strip_prefix(b"data: ").or_else(|| entry.strip_prefix(b"\x1e")).unwrap_or(entry);
        let mut members = Members::new(entry).ok_or("not_json")?;
        let mut fields = Fields::default();
        let mut message = None;
        for (key, value) in members.by_ref() {
            match (key, value) {
                (b"MESSAGE", value) => message = Some(value),
                (key, Value::Text(text)) => fields.take(key, text, decode),
                _ => {}
            }
        }
        if !members.complete {
            return Err("not_json");
        }
        let payload = match message {
            _ if fields.time.is_none() => return Err("not_this_carrier"),
            Some(Value::Text(text)) => decode(text),
            Some(Value::Other(b"null")) => return Err("message_null"),
            Some(Value::Other(value)) => Cow::Owned(array_message(value).ok_or("message_not_text")?),
            None => return Err("message_missing"),
        };
        fields.peeled(payload)
    }
}

/// `-o export`: `FIELD=value` lines, or a field name, a 64-bit little-endian length and the bytes.
pub struct Export;

impl Carrier for Export {
    fn name(&self) -> &'static str {
        "journald-export"
    }

    fn spans_lines(&self) -> bool {
        true
    }

    fn starts_entry(&self, line: &[u8]) -> bool {
        line.starts_with(b"__CURSOR=")
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        if !entry.starts_with(b"__CURSOR=") {
            return Err("not_this_carrier");
        }
        let mut fields = Fields::default();
        let mut message = None;
        let mut rest = entry;
        while !rest.is_empty() {
            let (line, after) = rest.split_at(memchr(b'\n', rest).unwrap_or(rest.len()));
            rest = after.get(1..).unwrap_or_default();
            if line.is_empty() {
                continue;
            }
            let (name, value) = if let Some(at) = memchr(b'=', line) {
                (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default())
            } else {
                let (length, bytes) = rest.split_first_chunk::<8>().ok_or("journald_export_truncated")?;
                let length =
                    usize::try_from(u64::from_le_bytes(*length)).map_err(|_| "journald_export_truncated")?;
                let (value, after) = bytes.split_at_checked(length).ok_or("journald_export_truncated")?;
                rest = after.strip_prefix(b"\n").unwrap_or(after);
                (line, value)
            };
            if name == b"MESSAGE" {
                message = message.or(Some(value));
            } else {
                fields.take(name, value, Cow::Borrowed);
            }
        }
        fields.peeled(Cow::Borrowed(message.ok_or("message_missing")?))
    }
}

/// A syslog priority `<30>` at the start is skipped.
fn skip_priority(line: &[u8]) -> &[u8] {
    let Some(rest) = line.strip_prefix(b"<") else { return line };
    match memchr(b'>', rest.get(..rest.len().min(4)).unwrap_or(rest)) {
        Some(at) if rest.get(..at).is_some_and(|number| digits(number).is_some()) => {
            rest.get(at + 1..).unwrap_or_default()
        }
        _ => line,
    }
}

/// rsyslog writes control characters as `#012`; the three that matter are restored.
fn restore_controls(message: &[u8]) -> Cow<'_, [u8]> {
    let control = |tail: &[u8]| match tail.get(..4)? {
        b"#011" => Some(b'\t'),
        b"#012" => Some(b'\n'),
        b"#033" => Some(0x1b),
        _ => None,
    };
    if !memchr::memchr_iter(b'#', message).any(|at| message.get(at..).and_then(control).is_some()) {
        return Cow::Borrowed(message);
    }
    let mut out = Vec::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = memchr(b'#', rest) {
        let (head, tail) = rest.split_at(at);
        out.extend_from_slice(head);
        let (byte, used) = control(tail).map_or((b'#', 1), |byte| (byte, 4));
        out.push(byte);
        rest = tail.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// Lines of the short modes that are no entry with a stamp: markers, continuations, strangers.
fn without_stamp(line: &[u8]) -> Result<Peeled<'_>, &'static str> {
    const MARKERS: [&[u8]; 5] =
        [b"-- Boot ", b"-- Reboot --", b"-- Logs begin", b"-- Journal begins", b"-- No entries --"];
    if MARKERS.iter().any(|marker| line.starts_with(marker)) {
        return Err("journald_marker");
    }
    if matches!(line.first(), Some(b' ' | b'\t')) {
        // A MESSAGE with newlines: later lines are indented to the message column.
        return Ok(Peeled {
            payload: Cow::Borrowed(line),
            outer: None,
            partial: false,
            stream: 0,
            program: None,
        });
    }
    Err("not_this_carrier")
}

/// `HOST TAG[PID]: MESSAGE`, the blank after the stamp included.
fn after_stamp(rest: &[u8], outer: Stamp) -> Option<Result<Peeled<'_>, &'static str>> {
    let rest = rest.strip_prefix(b" ")?;
    let (host, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
    if host.is_empty() || matches!(host.last(), Some(b':' | b',')) {
        return None;
    }
    let rest = rest.get(1..)?;
    let (tag, message) = rest.split_at_checked(memchr(b' ', rest).unwrap_or(rest.len()))?;
    let tag = tag.strip_suffix(b":")?;
    let message = message.get(1..).unwrap_or_default();
    let program = match tag.strip_suffix(b"]").and_then(|head| Some((head, memchr(b'[', head)?))) {
        Some((head, at)) => head.get(..at)?,
        None => tag,
    };
    if !program.iter().any(u8::is_ascii_alphabetic) || memchr(b'"', program).is_some() {
        return None;
    }
    if message.starts_with(b"[")
        && let Some(size) = message.get(1..).and_then(|rest| rest.strip_suffix(b" blob data]"))
        && size.len() < 12
        && size.first().is_some_and(u8::is_ascii_digit)
    {
        return Some(Err("journald_blob_data"));
    }
    if lost_messages(Some(program), message) {
        return Some(Err("journald_suppressed"));
    }
    Some(Ok(Peeled {
        payload: restore_controls(message),
        outer: Some(outer),
        partial: false,
        stream: hash(0, tag),
        program: Some(Cow::Borrowed(program)),
    }))
}

/// `-o short-full`: `Mon 2026-11-23 18:24:42 UTC vm odoo[12317]: `.
pub struct ShortFull;

impl Carrier for ShortFull {
    fn name(&self) -> &'static str {
        "journald-short-full"
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        full(entry).unwrap_or_else(|| without_stamp(entry))
    }
}

fn full(entry: &[u8]) -> Option<Result<Peeled<'_>, &'static str>> {
    let (weekday, rest) = entry.split_at_checked(4)?;
    if weekday.last() != Some(&b' ') || !weekday.iter().take(3).all(u8::is_ascii_alphabetic) {
        return None;
    }
    let local = date_time_us(rest)?;
    let (fraction, used, resolution_us) = fraction_us(rest.get(19..)?);
    let rest = rest.get(19 + used..)?.strip_prefix(b" ")?;
    let (name, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
    let us = local.saturating_add(fraction);
    let stamp = match abbreviation_offset_s(name) {
        Some(0) => Stamp::utc(us, resolution_us),
        Some(offset) => Stamp {
            us: us.saturating_sub(i64::from(offset).saturating_mul(SECOND_US)),
            zone: Zone::Offset(offset),
            resolution_us,
        },
        None => Stamp { us, zone: Zone::Local, resolution_us },
    };
    after_stamp(rest, stamp)
}

/// `-o short-iso` and `short-iso-precise`, and rsyslog's high-precision files.
pub struct ShortIso;

impl Carrier for ShortIso {
    fn name(&self) -> &'static str {
        "journald-short-iso"
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        iso_entry(skip_priority(entry)).unwrap_or_else(|| without_stamp(entry))
    }
}

fn iso_entry(line: &[u8]) -> Option<Result<Peeled<'_>, &'static str>> {
    if line.get(10) != Some(&b'T') {
        return None;
    }
    let (stamp, used) = iso(line)?;
    // Nanoseconds are docker's; a stamp without offset is nobody's here.
    let nanoseconds = line.get(26).is_some_and(u8::is_ascii_digit) && line.get(19) == Some(&b'.');
    if nanoseconds || stamp.zone == Zone::Local {
        return None;
    }
    after_stamp(line.get(used..)?, stamp)
}

/// `Nov 23 18:24:42` with an optional fraction: the stamp and the bytes used.
fn traditional(line: &[u8]) -> Option<(Stamp, usize)> {
    let month = month_number(line.get(..3)?)?;
    if line.get(3) != Some(&b' ') || line.get(6) != Some(&b' ') {
        return None;
    }
    let day = digits(line.get(4..6)?.trim_ascii_start())?;
    let midnight = civil_us(1972, month, day, 0, 0, 0)?;
    let clock = clock_s(line.get(7..15)?)?.saturating_mul(SECOND_US);
    let (fraction, used, resolution_us) = fraction_us(line.get(15..)?);
    let us = midnight.saturating_add(clock).saturating_add(fraction);
    Some((Stamp { us, zone: Zone::LocalWithoutYear, resolution_us }, 15 + used))
}

/// The traditional stamp, with a fraction or without.
fn traditional_entry(line: &[u8], precise: bool) -> Option<Result<Peeled<'_>, &'static str>> {
    let (stamp, used) = traditional(line)?;
    ((used > 15) == precise).then(|| after_stamp(line.get(used..)?, stamp))?
}

/// `-o short-precise`: `Nov 23 18:24:42.470408 vm odoo[12317]: `.
pub struct ShortPrecise;

impl Carrier for ShortPrecise {
    fn name(&self) -> &'static str {
        "journald-short-precise"
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        traditional_entry(skip_priority(entry), true).unwrap_or_else(|| without_stamp(entry))
    }
}

/// `-o short`, and RFC 3164 syslog files: local clock without a year.
pub struct Short;

impl Carrier for Short {
    fn name(&self) -> &'static str {
        "journald-short"
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        traditional_entry(skip_priority(entry), false).unwrap_or_else(|| without_stamp(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"2026-11-23 18:28:01,941 17008 INFO ? odoo: Odoo version 17.0";

    #[test]
    fn short_modes() {
        let cases: [(&dyn Carrier, &str, i64); 9] = [
            (&ShortFull, "Mon 2026-11-23 18:28:01 UTC vm odoo[17008]: ", 1_795_458_481_000_000),
            (&ShortFull, "Mon 2026-11-23 19:28:01 CET vm odoo[17008]: ", 1_795_458_481_000_000),
            (&ShortIso, "2026-11-23T18:28:01+0000 vm odoo[17008]: ", 1_795_458_481_000_000),
            (&ShortIso, "2026-11-23T19:28:01+01:00 vm odoo[17008]: ", 1_795_458_481_000_000),
            (&ShortIso, "2026-11-23T18:28:01.461309+00:00 vm odoo[17008]: ", 1_795_458_481_461_309),
            (&ShortPrecise, "Nov 23 18:28:01.470408 vm odoo[17008]: ", 0),
            (&Short, "Nov 23 18:28:01 vm odoo[17008]: ", 0),
            (&Short, "Nov  3 18:28:01 vm odoo[17008]: ", 0),
            (&Short, "<30>Nov  3 18:28:01 vm odoo: ", 0),
        ];
        for (carrier, prefix, us) in cases {
            let mut line = prefix.as_bytes().to_vec();
            line.extend_from_slice(TEXT);
            let peeled = carrier.peel(&line).unwrap();
            assert_eq!(&*peeled.payload, TEXT, "{prefix}");
            assert_eq!(peeled.program.as_deref(), Some(b"odoo".as_slice()));
            let outer = peeled.outer.unwrap();
            if outer.zone != Zone::LocalWithoutYear {
                assert_eq!(outer.us, us, "{prefix}");
            }
            let all: [&dyn Carrier; 4] = [&ShortFull, &ShortIso, &ShortPrecise, &Short];
            assert_eq!(all.iter().filter(|carrier| carrier.peel(&line).is_ok()).count(), 1);
            for length in 0..line.len() {
                for carrier in all {
                    let _ = carrier.peel(&line[..length]);
                }
            }
        }
        let (stamp, _) = traditional(b"Nov 23 18:28:01.5 ").unwrap();
        assert_eq!(stamp.us, civil_us(1972, 11, 23, 18, 28, 1).unwrap() + 500_000);
        assert_eq!(&*Short.peel(b"Nov 23 18:28:01 vm odoo[17008]:").unwrap().payload, b"");
        let line = b"Nov 23 18:28:01 vm odoo[1]: a#012b#033[1m /x#frag";
        assert_eq!(&*Short.peel(line).unwrap().payload, b"a\nb\x1b[1m /x#frag");
    }

    #[test]
    fn short_strangers() {
        let reason = |line: &[u8]| ShortIso.peel(line).err();
        assert_eq!(reason(b"-- Boot 088304a977de4dbb --"), Some("journald_marker"));
        assert_eq!(reason(b"-- No entries --"), Some("journald_marker"));
        assert_eq!(
            reason(b"2026-11-23T18:28:01+0000 vm odoo[1]: [19B blob data]"),
            Some("journald_blob_data")
        );
        let line =
            b"2026-11-23T18:28:01+0000 vm systemd-journald[9]: Suppressed 18 messages from odoo.service";
        assert_eq!(reason(line), Some("journald_suppressed"));
        assert_eq!(reason(b"      continued"), None);
        let strangers: [&[u8]; 5] = [
            b"",
            TEXT,
            b"\xff\xfe\x00",
            b"2026-11-23T18:31:03.836222779Z Running as: user",
            b"Traceback (most recent call last):",
        ];
        for line in strangers {
            assert_eq!(reason(line), Some("not_this_carrier"));
        }
    }

    #[test]
    fn json() {
        let line = br#"{"_PID":"17092","__REALTIME_TIMESTAMP":"1795458740043180","_CMDLINE":"a \"MESSAGE\":\"no\"","SYSLOG_IDENTIFIER":"odoo","MESSAGE":"2026-11-23 18:32:20,041 17092 INFO prod17 odoo: x"}"#;
        let peeled = Json.peel(line).unwrap();
        assert!(matches!(peeled.payload, Cow::Borrowed(_)));
        assert_eq!(&*peeled.payload, b"2026-11-23 18:32:20,041 17092 INFO prod17 odoo: x");
        assert_eq!(peeled.outer, Some(Stamp::utc(1_795_458_740_043_180, 1)));
        assert_eq!(peeled.program.as_deref(), Some(b"odoo".as_slice()));
        for length in 0..line.len() {
            assert_eq!(Json.peel(&line[..length]).unwrap_err(), "not_json");
        }
        let peel = |message: &str| {
            Json.peel(format!("{{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":{message}}}").as_bytes())
                .map(|peeled| peeled.payload.into_owned())
        };
        assert_eq!(peel("[27,91,49,109]"), Ok(b"\x1b[1m".to_vec()));
        assert_eq!(peel("null"), Err("message_null"));
        assert_eq!(peel("[300]"), Err("message_not_text"));
        assert_eq!(peel("[\"a\",\"b\"]"), Ok(b"a\nb".to_vec()));
        assert_eq!(peel("\"a\\n\\u00e9\""), Ok("a\né".as_bytes().to_vec()));
        assert_eq!(Json.peel(b"-- Boot 1 --").unwrap_err(), "not_json");
    }

    #[test]
    fn export() {
        let mut entry =
            b"__CURSOR=s=c6297;i=9c2\n__REALTIME_TIMESTAMP=1795458740043180\nSYSLOG_IDENTIFIER=odoo\n"
                .to_vec();
        let text = [entry.as_slice(), b"MESSAGE=2026-11-23 a=b\n"].concat();
        assert_eq!(&*Export.peel(&text).unwrap().payload, b"2026-11-23 a=b");
        entry.extend(b"MESSAGE\n\x05\0\0\0\0\0\0\0a\nb=c\n_PID=3\n");
        let peeled = Export.peel(&entry).unwrap();
        assert_eq!(&*peeled.payload, b"a\nb=c");
        assert_eq!(peeled.outer, Some(Stamp::utc(1_795_458_740_043_180, 1)));
        for length in 0..entry.len() {
            let _ = Export.peel(&entry[..length]);
        }
        assert!(Export.starts_entry(b"__CURSOR=s=1") && !Export.starts_entry(b"MESSAGE=x"));
        assert_eq!(Export.peel(b"x").unwrap_err(), "not_this_carrier");
        let huge = b"__CURSOR=1\nMESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffab";
        assert_eq!(Export.peel(huge).unwrap_err(), "journald_export_truncated");
    }
}
