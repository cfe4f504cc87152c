//! Docker: the `json-file` log driver and `docker logs -t` (formats.md section 3), and the light JSON scanner that the
//! journald carrier shares.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::{About, Carrier, Peeled};
use crate::timestamp::{Stamp, Zone, iso};

/// Docker cuts a message after this many bytes.
const PIECE: usize = 16_384;
/// Length of the fixed RFC 3339 stamp that `docker logs -t` prints.
const STAMP: usize = 30;

/// FNV-1a, to tell streams apart.
pub(super) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed ^ 0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// One value of a JSON object, not decoded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// A string: the bytes between the quotes.
    Text(&'a [u8]),
    /// Anything else, as written.
    Other(&'a [u8]),
}

/// Walks over the top-level members of an object in one pass, without decoding.
pub(super) struct Members<'a> {
    rest: &'a [u8],
    first: bool,
    /// The object ended properly.
    pub complete: bool,
}

impl<'a> Members<'a> {
    /// Begins at `{`.
    pub fn new(line: &'a [u8]) -> Option<Self> {
        Some(Members { rest: line.trim_ascii_start().strip_prefix(b"{")?, first: true, complete: false })
    }
}

/// Splits at the closing quote of a string whose opening quote is gone.
fn string_end(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0usize;
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(found) == Some(&b'"') {
            return Some((bytes.get(..found)?, bytes.get(found + 1..)?));
        }
        at = found + 2;
    }
}

/// Splits after one value that is no string.
fn other_end(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut depth = 0usize;
    let mut at = 0usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let (text, _) = string_end(bytes.get(at + 1..)?)?;
                at += text.len() + 1;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth > 0 => depth -= 1,
            b',' | b'}' if depth == 0 => return Some(bytes.split_at(at)),
            _ => {}
        }
        at += 1;
    }
    None
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix(b"}") {
            self.complete = after.trim_ascii().is_empty();
            self.rest = b"";
            return None;
        }
        if !self.first {
            rest = rest.strip_prefix(b",")?.trim_ascii_start();
        }
        self.first = false;
        let (key, rest) = string_end(rest.strip_prefix(b"\"")?)?;
        let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        if let Some(text) = rest.strip_prefix(b"\"") {
            let (text, rest) = string_end(text)?;
            self.rest = rest;
            return Some((key, Value::Text(text)));
        }
        let (value, rest) = other_end(rest)?;
        self.rest = rest;
        Some((key, Value::Other(value.trim_ascii_end())))
    }
}

/// The four hexadecimal digits at the start.
fn hexadecimal(bytes: &[u8]) -> Option<u32> {
    bytes.get(..4)?.iter().try_fold(0, |value, byte| Some(value * 16 + char::from(*byte).to_digit(16)?))
}

/// Decodes the escapes of a JSON string; borrows when there are none. Broken escapes become U+FFFD.
pub(super) fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'\\', raw) else { return Cow::Borrowed(raw) };
    let (head, mut rest) = raw.split_at(first);
    let mut out = Vec::with_capacity(raw.len());
    out.extend_from_slice(head);
    while let Some((_, escape)) = rest.split_first() {
        let mut used = 1;
        match escape.first() {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'u') => {
                let mut code = escape.get(1..).and_then(hexadecimal);
                used = if code.is_some() { 5 } else { 1 };
                if let Some(high @ 0xD800..=0xDBFF) = code {
                    let low = escape.get(5..).and_then(|next| hexadecimal(next.strip_prefix(b"\\u")?));
                    if let Some(low @ 0xDC00..=0xDFFF) = low {
                        code = Some(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00));
                        used = 11;
                    }
                }
                let character = code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(byte) => out.push(*byte),
            None => break,
        }
        let tail = escape.get(used..).unwrap_or_default();
        let (plain, next) = tail.split_at(memchr(b'\\', tail).unwrap_or(tail.len()));
        out.extend_from_slice(plain);
        rest = next;
    }
    Cow::Owned(out)
}

/// Docker's default log driver: one JSON object with `log`, `stream` and `time` per line.
pub struct JsonFile;

impl Carrier for JsonFile {
    fn name(&self) -> &'static str {
        "docker-json-file"
    }

    fn about(&self) -> About {
        About {
            summary: "files of docker's log driver `json-file`",
            origin: "Docker, `daemon/logger/jsonfilelog`",
            file: "docker-json-file.log",
            example: r#"{"log":"2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0\n","stream":"stderr","time":"2026-11-23T18:24:42.470868182Z"}
"#,
        }
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let mut members = Members::new(entry).ok_or("not_this_carrier")?;
        let (mut log, mut stream, mut time) = (None, None, None);
        for (key, value) in members.by_ref() {
            match (key, value) {
                (b"log", Value::Text(text)) => log = Some(text),
                (b"stream", Value::Text(text)) => stream = Some(text),
                (b"time", Value::Text(text)) => time = Some(text),
                _ => {}
            }
        }
        if !members.complete {
            return Err("not_json");
        }
        let (Some(log), Some(time)) = (log, time) else { return Err("not_this_carrier") };
        let (outer, _) = iso(time).ok_or("not_this_carrier")?;
        // An escaped backslash before an `n` is no newline: count the backslashes.
        let (log, ended) = match log.strip_suffix(b"n") {
            Some(head) if head.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1 => {
                (head.strip_suffix(b"\\").unwrap_or(head), true)
            }
            _ => (log, false),
        };
        // With a TTY docker sees `\r\n`.
        let log = if ended { log.strip_suffix(b"\\r").unwrap_or(log) } else { log };
        Ok(Peeled {
            payload: decode(log),
            outer: Some(outer),
            partial: !ended,
            stream: stream.map_or(0, |stream| hash(0, stream)),
            program: None,
            pid: None,
        })
    }
}

/// An RFC 3339 stamp with a fraction (`2026-11-23T18:22:10.286670899Z`, zeros at the end may be missing, the offset may be
/// another) at the start, followed by a blank or the end: the stamp and what follows the blank.
pub(super) fn fractional_stamp(line: &[u8]) -> Option<(Stamp, &[u8])> {
    if line.get(10) != Some(&b'T') || line.get(19) != Some(&b'.') {
        return None;
    }
    let (stamp, used) = iso(line)?;
    // `+0100`, without a colon, is journald's.
    if stamp.zone == Zone::Local
        || (line.get(used.checked_sub(1)?) != Some(&b'Z') && line.get(used.checked_sub(3)?) != Some(&b':'))
    {
        return None;
    }
    let rest = line.get(used..)?;
    if rest.is_empty() { Some((stamp, rest)) } else { rest.strip_prefix(b" ").map(|rest| (stamp, rest)) }
}

/// The 30-byte stamp of `docker logs -t` at the start, followed by a blank or the end.
fn nanosecond_stamp(line: &[u8]) -> Option<(Stamp, &[u8])> {
    fractional_stamp(line).filter(|_| line.get(STAMP - 1) == Some(&b'Z'))
}

/// Removes the stamps that `-t` puts before every later 16 KiB piece of a long line.
pub(super) fn join_pieces(payload: &[u8]) -> Cow<'_, [u8]> {
    let later = |bytes: &[u8]| bytes.get(PIECE..).is_some_and(|tail| nanosecond_stamp(tail).is_some());
    if payload.len() <= PIECE || !later(payload) {
        return Cow::Borrowed(payload);
    }
    let mut out = Vec::with_capacity(payload.len());
    let mut rest = payload;
    while let Some((piece, tail)) = rest.split_at_checked(PIECE) {
        let Some((_, tail)) = nanosecond_stamp(tail) else { break };
        out.extend_from_slice(piece);
        rest = tail;
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// `docker logs -t` and `kubectl logs --timestamps`: a stamp and a blank before each line.
pub struct LogsTimestamps;

impl Carrier for LogsTimestamps {
    fn name(&self) -> &'static str {
        "docker-logs-timestamps"
    }

    fn about(&self) -> About {
        About {
            summary: "`docker logs -t`, `kubectl logs --timestamps`",
            origin: "Docker, Kubernetes",
            file: "docker-logs.txt",
            example: "\
2026-11-23T18:24:42.470868182Z 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
        }
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let (outer, payload) = fractional_stamp(entry).ok_or("not_this_carrier")?;
        Ok(Peeled {
            payload: join_pieces(payload),
            outer: Some(outer),
            partial: false,
            stream: 0,
            program: None,
            pid: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = br#"{"log":"2026-11-23 18:22:10,387 7388 INFO ? odoo: Odoo version 15.0 \n","stream":"stderr","time":"2026-11-23T18:22:10.389315717Z"}"#;

    #[test]
    fn json_file() {
        let peeled = JsonFile.peel(LINE).unwrap();
        assert!(matches!(peeled.payload, Cow::Borrowed(_)));
        assert_eq!(&*peeled.payload, b"2026-11-23 18:22:10,387 7388 INFO ? odoo: Odoo version 15.0 ");
        assert_eq!(peeled.outer, Some(Stamp::utc(1_795_458_130_389_315, 1)));
        assert!(!peeled.partial);
        let line = br#"{"time":"2026-11-23T18:22:10.66Z","attrs":{"a":"}"},"log":"\u003ca \"b\" \ud83d\ude00 \ud83d \\n","stream":"stdout"}"#;
        let peeled = JsonFile.peel(line).unwrap();
        assert_eq!(&*peeled.payload, "<a \"b\" 😀 \u{fffd} \\n".as_bytes());
        assert!(peeled.partial);
        for length in 0..LINE.len() {
            assert!(JsonFile.peel(&LINE[..length]).is_err());
        }
        for length in 0..line.len() {
            assert!(JsonFile.peel(&line[..length]).is_err());
        }
        assert_eq!(JsonFile.peel(b"2026-11-23 18:22:10,387 7388 INFO").unwrap_err(), "not_this_carrier");
        assert_eq!(JsonFile.peel(br#"{"timestamp":"x","pid":3}"#).unwrap_err(), "not_this_carrier");
        assert_eq!(&*decode(b"a\\"), b"a");
        assert_eq!(&*decode(b"\\u12"), "\u{fffd}12".as_bytes());
    }

    #[test]
    fn logs_timestamps() {
        let peel = |line| LogsTimestamps.peel(line).map(|peeled| peeled.payload.into_owned());
        assert_eq!(
            peel(b"2026-11-23T18:31:03.836222779Z Running as user".as_slice()).unwrap(),
            b"Running as user"
        );
        assert_eq!(peel(b"2026-11-23T18:31:03.836222779Z").unwrap(), b"");
        assert!(peel(b"2026-11-23T18:32:20+0000 vm odoo[17092]: 2026").is_err());
        assert!(peel(b"2026-11-23 18:32:20,041 17092 INFO prod17 werkzeug: ").is_err());
        let mut long = b"2026-11-23T18:31:03.836222779Z ".to_vec();
        long.extend(std::iter::repeat_n(b'a', PIECE));
        long.extend(b"2026-11-23T18:31:03.836222780Z ");
        long.extend(std::iter::repeat_n(b'b', 5));
        assert_eq!(peel(&long).unwrap().len(), PIECE + 5);
    }
}
