//! systemd's journal in the forms of `journalctl` that name their fields (formats.md section 4; systemd 252).

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::docker::{Members, Value, decode, hash};
use super::syslog::{blob, lost_messages, marker};
use super::{About, Carrier, Peeled};
use crate::timestamp::{Stamp, digits};

/// The fields of an entry that count here.
#[derive(Default)]
struct Fields<'a> {
    time: Option<i64>,
    program: Option<Cow<'a, [u8]>>,
    pid: Option<u32>,
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
                self.stream = self.stream.wrapping_add(hash(0, value));
                if name == b"_PID" {
                    self.pid = digits(value).and_then(|pid| u32::try_from(pid).ok());
                }
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
            pid: self.pid,
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

    fn about(&self) -> About {
        About {
            summary: "`journalctl -o json`",
            origin: "systemd 252, `journalctl`",
            file: "journal.json",
            example: r#"{"MESSAGE":"2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0","_PID":"12317","SYSLOG_IDENTIFIER":"odoo","__REALTIME_TIMESTAMP":"1795458282470408"}
"#,
        }
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let entry = entry.strip_prefix(b"data: ").or_else(|| entry.strip_prefix(b"\x1e")).unwrap_or(entry);
        object(entry)
    }
}

/// `-o json-pretty`: one object over many lines, not in an array.
pub struct JsonPretty;

impl Carrier for JsonPretty {
    fn name(&self) -> &'static str {
        "journald-json-pretty"
    }

    fn about(&self) -> About {
        About {
            summary: "`journalctl -o json-pretty`",
            origin: "systemd 252, `journalctl`",
            file: "journal-pretty.json",
            example: r#"{
	"MESSAGE" : "2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0",
	"SYSLOG_IDENTIFIER" : "odoo",
	"__REALTIME_TIMESTAMP" : "1795458282470408"
}
"#,
        }
    }

    fn spans_lines(&self) -> bool {
        true
    }

    fn starts_entry(&self, line: &[u8]) -> bool {
        line.first() == Some(&b'{') && line.trim_ascii_end().len() == 1
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        if entry.first() != Some(&b'{') {
            return Err("not_this_carrier");
        }
        object(entry)
    }
}

/// The entry in one JSON object.
fn object(entry: &[u8]) -> Result<Peeled<'_>, &'static str> {
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

/// `-o export`: `FIELD=value` lines, or a field name, a 64-bit little-endian length and the bytes.
pub struct Export;

impl Carrier for Export {
    fn name(&self) -> &'static str {
        "journald-export"
    }

    fn about(&self) -> About {
        About {
            summary: "`journalctl -o export`",
            origin: "systemd 252, `journalctl`",
            file: "journal.export",
            example: "\
__CURSOR=s=700225bef55347a1a66b3917570260de;i=3
__REALTIME_TIMESTAMP=1795458282470408
SYSLOG_IDENTIFIER=odoo
MESSAGE=2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
_PID=12317

",
        }
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
            let line = line.strip_suffix(b"\r").unwrap_or(line);
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

/// `-o verbose`: `Mon 2026-11-23 19:26:02.461309 CET [s=…;i=…;b=…;m=…;t=HEX µs;x=…]`, then `    FIELD=value`; the later
/// lines of a value are indented to its column.
pub struct Verbose;

impl Carrier for Verbose {
    fn name(&self) -> &'static str {
        "journald-verbose"
    }

    fn about(&self) -> About {
        About {
            summary: "`journalctl -o verbose`",
            origin: "systemd 252, `journalctl`",
            file: "verbose.log",
            example: "\
Mon 2026-11-23 18:24:42.470408 UTC [s=c62;i=9c2;b=0;m=1;t=660f5b522bc08;x=1]
    _PID=12317
    MESSAGE=2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
    SYSLOG_IDENTIFIER=odoo
",
        }
    }

    fn spans_lines(&self) -> bool {
        true
    }

    fn starts_entry(&self, line: &[u8]) -> bool {
        line.first().is_some_and(u8::is_ascii_alphabetic) && cursor_time(line).is_some() || marker(line)
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        const INDENT: &[u8] = b"    ";
        let mut lines =
            entry.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().unwrap_or_default();
        if marker(first) {
            return Err("journald_marker");
        }
        let mut fields =
            Fields { time: Some(cursor_time(first).ok_or("not_this_carrier")?), ..Fields::default() };
        let mut message: Option<Cow<'a, [u8]>> = None;
        let mut in_message = false;
        for line in lines {
            let field = line.strip_prefix(INDENT).and_then(|text| Some((text, memchr(b'=', text)?)));
            match field {
                Some((text, at))
                    if at > 0
                        && text.iter().take(at).all(|byte| {
                            byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_'
                        }) =>
                {
                    let (name, value) =
                        (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
                    in_message = name == b"MESSAGE" && message.is_none();
                    if in_message {
                        message = Some(Cow::Borrowed(value));
                    } else if name != b"__REALTIME_TIMESTAMP" {
                        fields.take(name, value, Cow::Borrowed);
                    }
                }
                _ => {
                    if let (true, Some(message)) = (in_message, message.as_mut()) {
                        let blanks = line.iter().take(12).take_while(|byte| **byte == b' ').count();
                        let whole = message.to_mut();
                        whole.push(b'\n');
                        whole.extend_from_slice(line.get(blanks..).unwrap_or_default());
                    }
                }
            }
        }
        let message = message.ok_or("message_missing")?;
        if blob(&message) {
            return Err("journald_blob_data");
        }
        fields.peeled(message)
    }
}

/// The time in the cursor `[s=…;t=HEX;x=…]` that ends the first line of a verbose entry, µs since 1970.
fn cursor_time(line: &[u8]) -> Option<i64> {
    let line = line.trim_ascii_end().strip_suffix(b"]")?;
    let cursor = line.get(memmem::find(line.get(..line.len().min(80))?, b" [s=")?..)?;
    let field = cursor.split(|byte| *byte == b';').find_map(|field| field.strip_prefix(b"t="))?;
    i64::from_str_radix(std::str::from_utf8(field).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
