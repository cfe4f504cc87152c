//! PostgreSQL's jsonlog (15 and newer): one object per line, absent keys when empty (formats.md section 6.3). Also the
//! same as CloudNativePG's operator (1.x) prints it: a csvlog row as the object `record` inside its own line.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

use super::postgres_message::{classify, stamp};
use super::postgres_translations::severity as translated;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{PostgresRecord, Record};
use crate::timestamp::digits;

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "postgres-jsonlog",
    source: Source::PostgresLog,
    summary: "PostgreSQL's log with `log_destination = jsonlog`, and what CloudNativePG's operator prints",
    origin: "PostgreSQL 15 and newer, `src/backend/utils/error/jsonlog.c`; CloudNativePG 1.x",
    detect,
    examples: &[
        Example {
            name: "postgres-jsonlog",
            file: "postgresql.json",
            text: r#"{"timestamp":"2026-11-23 18:24:34.383 UTC","pid":12106,"session_id":"6b0484e2.2f4a","line_num":1,"session_start":"2026-11-23 18:24:34 UTC","txid":0,"error_severity":"LOG","message":"starting PostgreSQL 15.20","backend_type":"postmaster","query_id":0}
{"timestamp":"2026-11-23 18:24:34.383 UTC","pid":12106,"session_id":"6b0484e2.2f4a","line_num":2,"session_start":"2026-11-23 18:24:34 UTC","txid":0,"error_severity":"LOG","message":"listening on IPv4 address \"127.0.0.1\", port 5433","backend_type":"postmaster","query_id":0}
"#,
        },
        Example {
            name: "postgres-jsonlog",
            file: "pg-1.log",
            text: r#"{"level":"info","ts":"2025-02-18T18:20:23Z","logger":"instance-manager","msg":"readiness probe","logging_pod":"pg-1","list":[{"a":1}]}
{"level":"info","ts":"2025-02-18T18:20:23.25169938Z","logger":"postgres","msg":"record","logging_pod":"pg-1","record":{"log_time":"2022-11-23 14:27:22.961 UTC","user_name":"mydb","process_id":"11282","connection_from":"10.42.8.57:34832","error_severity":"LOG","sql_state_code":"00000","message":"duration: 0.081 ms  bind S_1385/C_3919: select \"id\"","detail":"parameters: $1 = '}'","query":"","application_name":"PgJDBC"}}
"#,
        },
    ],
    foreign: &[Foreign {
        whose: "nginx's access log as JSON",
        text: r#"{"time":"2026-11-23T18:36:14+00:00","request":"GET / HTTP/1.1","status":504,"request_time":10.000}"#,
    }],
    broken: &[Broken {
        reason: "bad_json",
        text: r#"{"timestamp":"2026-11-23 18:24:34.427 UTC","pid":12106,"txid":0,"error_sev"#,
    }],
};

/// jsonlog.
pub struct JsonLog;

/// Claims files whose lines are objects with PostgreSQL's keys.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut total, mut good) = (0u32, 0u32);
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        total += 1;
        good += u32::from(
            JsonLog.starts_record(line)
                && ((memmem::find(line, b"\"error_severity\":").is_some()
                    && (memmem::find(line, b"\"timestamp\":").is_some()
                        || memmem::find(line, b"\"log_time\":").is_some()))
                    || of_operator(line)),
        );
    }
    let score = f64::from(good) / f64::from(total.max(1));
    let records = || sample.lines.iter().any(|line| memmem::find(line, b"\"error_severity\":").is_some());
    (score >= 0.3 && records()).then(|| Claim { format: Box::new(JsonLog), score })
}

/// A line that CloudNativePG's instance manager writes about itself.
fn of_operator(line: &[u8]) -> bool {
    memmem::find(line, b"\"logging_pod\":").is_some() && memmem::find(line, b"\"logger\":").is_some()
}

/// One value: the text between its quotes, or a bare word.
#[derive(Clone, Copy, Default)]
struct Value<'a> {
    text: &'a [u8],
    escaped: bool,
}

impl<'a> Value<'a> {
    fn decoded(self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.text);
        }
        if let Some(text) = unescaped(self.text) {
            return Cow::Owned(text);
        }
        let mut quoted = Vec::with_capacity(self.text.len().saturating_add(2));
        quoted.push(b'"');
        quoted.extend_from_slice(self.text);
        quoted.push(b'"');
        // Text that is no valid JSON string (bytes of another encoding) stays as it is written.
        serde_json::from_slice::<String>(&quoted)
            .map_or(Cow::Borrowed(self.text), |text| Cow::Owned(text.into_bytes()))
    }
}

/// The text of a string whose escapes are single characters, as those of SQL are. `None`: there are others, or the text is
/// no valid JSON string.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let controls = text.iter().fold(0, |any, byte| any | u8::from(*byte < b' '));
    if controls != 0 || std::str::from_utf8(text).is_err() {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at_checked(at)?;
        out.extend_from_slice(plain);
        out.push(match escape.get(1)? {
            byte @ (b'"' | b'\\' | b'/') => *byte,
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 0x08,
            b'f' => 0x0c,
            _ => return None,
        });
        rest = escape.get(2..)?;
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// A string at the start (its opening quote included), and what follows its closing quote.
fn string(rest: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let inner = rest.strip_prefix(b"\"")?;
    let mut from = 0;
    let mut escaped = false;
    loop {
        let at = from + memchr2(b'"', b'\\', inner.get(from..)?)?;
        if inner.get(at) == Some(&b'\\') {
            escaped = true;
            from = at + 2;
            continue;
        }
        return Some((Value { text: inner.get(..at)?, escaped }, inner.get(at + 1..)?));
    }
}

/// What follows an object or a list, which begins `rest`.
fn behind_nested(rest: &[u8]) -> Option<&[u8]> {
    let mut depth = 0usize;
    let mut at = rest;
    loop {
        let (byte, after) = at.split_first()?;
        at = match byte {
            b'"' => string(at)?.1,
            _ => after,
        };
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// A string, a bare word (number, `null`), or a whole object or list.
fn value(rest: &[u8]) -> Option<(Value<'_>, &[u8])> {
    if rest.first() == Some(&b'"') {
        return string(rest);
    }
    if matches!(rest.first(), Some(b'{' | b'[')) {
        let after = behind_nested(rest)?;
        let text = rest.get(..rest.len().checked_sub(after.len())?)?;
        return Some((Value { text, escaped: false }, after));
    }
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+'))
        .count();
    let (text, after) = rest.split_at_checked(length)?;
    (length > 0).then_some((Value { text, escaped: false }, after))
}

/// The keys that are used.
#[derive(Default)]
struct Fields<'a> {
    timestamp: Value<'a>,
    pid: Value<'a>,
    remote_port: Value<'a>,
    severity: Value<'a>,
    state_code: Value<'a>,
    message: Value<'a>,
    detail: Value<'a>,
    context: Value<'a>,
    statement: Value<'a>,
    application_name: Value<'a>,
    /// `ADDRESS:PORT` (CloudNativePG).
    connection: Value<'a>,
    /// The object that CloudNativePG wraps the fields in.
    record: &'a [u8],
}

/// Reads a flat object; what follows its closing brace is left alone.
fn fields(line: &[u8]) -> Option<Fields<'_>> {
    let mut fields = Fields::default();
    let mut rest = line.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    loop {
        let (key, after) = string(rest)?;
        let after = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (value, after) = value(after)?;
        match key.text {
            b"record" if value.text.starts_with(b"{") => fields.record = value.text,
            b"timestamp" | b"log_time" => fields.timestamp = value,
            b"pid" | b"process_id" => fields.pid = value,
            b"connection_from" => fields.connection = value,
            b"remote_port" => fields.remote_port = value,
            b"error_severity" => fields.severity = value,
            b"state_code" | b"sql_state_code" => fields.state_code = value,
            b"message" => fields.message = value,
            b"detail" => fields.detail = value,
            b"context" => fields.context = value,
            b"statement" | b"query" => fields.statement = value,
            b"application_name" => fields.application_name = value,
            _ => {}
        }
        let (separator, after) = after.trim_ascii_start().split_first()?;
        match separator {
            b',' => rest = after.trim_ascii_start(),
            b'}' => return Some(fields),
            _ => return None,
        }
    }
}

impl Format for JsonLog {
    fn name(&self) -> String {
        "postgres-jsonlog".to_owned()
    }

    fn source(&self) -> Source {
        Source::PostgresLog
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        line.starts_with(b"{\"") || line.starts_with(b"{ \"")
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &'a [u8] = &raw.text;
        if text.trim_ascii().is_empty() {
            return Ok(Record::Structure);
        }
        if raw.orphan || !self.starts_record(text) {
            return Err("not_an_object");
        }
        let mut fields = self::fields(text).ok_or("bad_json")?;
        if !fields.record.is_empty() {
            fields = self::fields(fields.record).ok_or("bad_json")?;
        } else if fields.severity.text.is_empty() && of_operator(text) {
            return Ok(Record::Structure);
        }
        let (stamp, _) = stamp(fields.timestamp.text).ok_or("bad_timestamp")?;
        let pid = digits(fields.pid.text).and_then(|pid| u32::try_from(pid).ok()).ok_or("bad_pid")?;
        let severity = fields.severity.text;
        if severity.is_empty() {
            return Err("bad_severity");
        }
        let severity = translated(severity).unwrap_or(severity);
        let message = fields.message.decoded();
        let event = classify(severity, fields.state_code.text, &message);
        let port = match fields.connection.text.rsplit(|byte| *byte == b':').next() {
            Some(port) if !port.is_empty() => port,
            _ => fields.remote_port.text,
        };
        Ok(Record::Postgres(PostgresRecord {
            stamp,
            pid,
            severity,
            message,
            detail: fields.detail.decoded(),
            context: fields.context.decoded(),
            statement: fields.statement.decoded(),
            application_name: fields.application_name.text,
            client_port: digits(port).and_then(|port| u16::try_from(port).ok()),
            // The key is left out for success.
            sql_state: if fields.state_code.text.is_empty() { b"00000" } else { fields.state_code.text },
            event,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::PostgresEvent;

    const LINE: &str = r#"{"timestamp":"2026-11-23 18:25:40.940 UTC","user":"odoo","dbname":"prod17","pid":12650,"remote_host":"127.0.0.1","remote_port":34128,"session_id":"6b0484f4.316a","line_num":1,"ps":"UPDATE","session_start":"2026-11-23 18:24:52 UTC","vxid":"4/237","txid":2374,"error_severity":"ERROR","state_code":"23505","message":"duplicate key \"account_move\"\nx","detail":"Key","statement":"UPDATE","application_name":"odoo-12317","query_id":-32}"#;
    const READY: &str = r#"{"timestamp":"2026-11-23 18:24:34.427 UTC","pid":12106,"txid":0,"error_severity":"LOG","message":"database system is ready to accept connections"}"#;

    fn raw(text: &[u8]) -> Raw<'_> {
        Raw::of(text)
    }

    #[test]
    fn lines() {
        let input = raw(LINE.as_bytes());
        let Ok(Record::Postgres(record)) = JsonLog.parse(&input, &mut Memory::default()) else { panic!() };
        assert_eq!(
            (record.pid, record.client_port, record.sql_state),
            (12650, Some(34128), b"23505".as_slice())
        );
        assert_eq!(&*record.message, b"duplicate key \"account_move\"\nx");
        assert_eq!((&*record.detail, record.application_name), (b"Key".as_slice(), b"odoo-12317".as_slice()));
        let input = raw(READY.as_bytes());
        let Ok(Record::Postgres(record)) = JsonLog.parse(&input, &mut Memory::default()) else { panic!() };
        assert_eq!((record.event, record.sql_state), (PostgresEvent::Ready, b"00000".as_slice()));
        for length in 0..LINE.len() {
            assert!(
                JsonLog.parse(&raw(&LINE.as_bytes()[..length]), &mut Memory::default()).is_err()
                    || length == 0
            );
        }
        let fails = |text: &[u8]| JsonLog.parse(&raw(text), &mut Memory::default()).err();
        assert_eq!(fails(b"{\"a\":1}"), Some("bad_timestamp"));
        assert_eq!(fails(b"{\"a\":{}}"), Some("bad_timestamp"));
        assert_eq!(fails(b"{\"a\":{}"), Some("bad_json"));
        assert_eq!(fails(b"\xff\0"), Some("not_an_object"));
    }

    #[test]
    fn detection() {
        let claim = |content: &str| {
            let lines = content.lines().map(|line| Cow::Borrowed(line.as_bytes())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim(&format!("{LINE}\n{READY}\n")), Some(1.0));
        assert_eq!(claim("{\"time\":\"x\",\"status\":200}\n"), None);
        assert_eq!(claim(""), None);
    }

    #[test]
    fn cloud_native_pg() {
        let line = r#"{"level":"info","ts":"2025-02-18T18:20:23.25169938Z","logger":"postgres","msg":"record","logging_pod":"pg-1","record":{"log_time":"2022-11-23 14:27:22.961 UTC","user_name":"mydb","process_id":"11282","connection_from":"10.42.8.57:34832","error_severity":"LOG","sql_state_code":"00000","message":"duration: 0.081 ms  bind S_1385/C_3919: select \"id\"","detail":"parameters: $1 = '}'","query":"","application_name":"PgJDBC"}}"#;
        let own = r#"{"level":"info","ts":"2025-02-18T18:20:23Z","logger":"instance-manager","msg":"readiness probe","logging_pod":"pg-1","list":[{"a":1}]}"#;
        let input = raw(line.as_bytes());
        let Ok(Record::Postgres(record)) = JsonLog.parse(&input, &mut Memory::default()) else { panic!() };
        assert_eq!((record.pid, record.client_port), (11282, Some(34832)));
        assert!(matches!(record.event, PostgresEvent::Duration { duration_us: 81, phase_only: true, .. }));
        let input = raw(own.as_bytes());
        assert!(matches!(JsonLog.parse(&input, &mut Memory::default()), Ok(Record::Structure)));
        let claim = |lines: &[&str]| {
            let lines = lines.iter().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim(&[own, line]), Some(1.0));
        assert_eq!(claim(&[own, own]), None);
        for length in 0..line.len() {
            let _ = JsonLog.parse(&raw(&line.as_bytes()[..length]), &mut Memory::default());
        }
    }

    proptest! {
        #[test]
        fn escapes_are_those_of_json(parts in prop::collection::vec(r#"[a-z\t é]|\\["\\/ntrbfxu]|\\u00e9"#, 0..12)) {
            let text = parts.concat();
            let expected = serde_json::from_str::<String>(&format!("\"{text}\"")).ok();
            let value = Value { text: text.as_bytes(), escaped: true };
            prop_assert_eq!(
                String::from_utf8_lossy(&value.decoded()).into_owned(),
                expected.clone().unwrap_or(text.clone())
            );
            if let Some(text) = unescaped(text.as_bytes()) {
                prop_assert_eq!(String::from_utf8(text).ok(), expected);
            }
        }
    }
}
