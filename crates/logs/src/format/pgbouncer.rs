//! pgbouncer's log, 1.5 to 1.25: `YYYY-MM-DD HH:MM:SS.mmm ZONE [PID] LEVEL C-0x…: DB/USER@HOST:PORT text`
//! (formats.md section 6.5). Versions before 1.8 print no zone and the process without brackets; in syslog the line begins
//! with the level or the connection.
//!
//! What it says goes into the same records as PostgreSQL's own log: a refusal by the pooler is a refusal to the client.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::postgres_message::{classify, looks_like_stamp, stamp};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{PostgresEvent, PostgresRecord, Record};
use crate::timestamp::{Stamp, digits};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "pgbouncer",
    source: Source::PgBouncer,
    summary: "pgbouncer's log",
    origin: "pgbouncer 1.5 to 1.25",
    detect,
    examples: &[
        Example {
            name: "pgbouncer",
            file: "pgbouncer.log",
            text: "\
2026-11-23 18:24:34.005 UTC [1] LOG C-0x56059d2f0410: db/user@10.1.2.3:64507 login attempt: db=db user=user tls=no
2026-11-23 18:24:35.005 UTC [1] LOG C-0x56059d2f0410: db/user@10.1.2.3:64507 closing because: query_wait_timeout (age=151s)
2026-11-23 18:24:36.123 UTC [1] LOG stats: 12 xacts/s, 33 queries/s, in 4012 B/s, out 9077 B/s, xact 1200 us, query 800 us, wait 120345 us
",
        },
        Example {
            name: "pgbouncer",
            file: "pgbouncer-1.7.log",
            text: "\
2021-04-05 06:15:20.549 3224 LOG C-0x7f0e6aadd410: abc/xyz@unix(77):6432 closing because: query_wait_timeout (age=0)
",
        },
    ],
    foreign: &[
        Foreign { whose: "PostgreSQL", text: r#"2026-11-23 18:23:20.123 UTC [1] LOG:  listening on IPv4 address "127.0.0.1", port 5433"# },
        Foreign { whose: "another program", text: "2026-11-23 18:23:20.123 UTC [1] ERROR cannot open file" },
    ],
    broken: &[
        Broken { reason: "no_level", text: "2026-11-23 18:24:35.005 UTC [1]" },
    ],
};

/// pgbouncer's log.
pub struct PgBouncer;

/// Levels of `lib/usual/logging.c`.
const LEVELS: [&[u8]; 7] = [b"FATAL", b"ERROR", b"WARNING", b"LOG", b"INFO", b"DEBUG", b"NOISE"];

/// Claims files with lines that only pgbouncer writes.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut total, mut good, mut own) = (0u32, 0u32, false);
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        total += 1;
        if let Some(head) = head(line) {
            good += 1;
            own |= head.connection.is_some() || is_own(head.text);
        }
    }
    let score = f64::from(good) / f64::from(total.max(1));
    (own && score >= 0.3).then(|| Claim { format: Box::new(PgBouncer), score })
}

/// Texts of the pooler that name no connection.
fn is_own(text: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 6] = [
        b"stats: ",
        b"Stats: ",
        b"kernel file descriptor limit",
        b"listening on ",
        b"process up: ",
        b"took over socket",
    ];
    BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

/// One line, cut.
struct Head<'a> {
    stamp: Option<Stamp>,
    pid: Option<u32>,
    level: &'static [u8],
    /// `DB/USER@HOST:PORT` of a client (`C-0x…`) or server (`S-0x…`).
    connection: Option<&'a [u8]>,
    text: &'a [u8],
}

fn head(line: &[u8]) -> Option<Head<'_>> {
    let (mut found, mut pid, mut rest) = (None, None, line);
    if looks_like_stamp(line) {
        // Without a zone the number of the process follows at once.
        let (when, used) = stamp(line)?;
        found = Some(when);
        rest = line.get(used..)?.strip_prefix(b" ")?;
        let (number, after) = match rest.strip_prefix(b"[") {
            Some(inner) => {
                let (number, after) =
                    inner.split_at_checked(memchr(b']', inner.get(..inner.len().min(12))?)?)?;
                (number, after.get(1..)?)
            }
            None => rest.split_at_checked(memchr(b' ', rest)?)?,
        };
        pid = Some(u32::try_from(digits(number)?).ok()?);
        rest = after.strip_prefix(b" ")?;
    }
    let (level, text) = match LEVELS.iter().find_map(|level| {
        let text = rest.strip_prefix(*level)?;
        Some((*level, text.strip_prefix(b" ")?))
    }) {
        Some(leveled) => leveled,
        // syslog has the level in its own field.
        None if found.is_none() => (b"LOG".as_slice(), rest),
        None => return None,
    };
    // Source position, with `verbose`.
    let (connection, text) = match connection(text) {
        Some((connection, text)) => (Some(connection), text),
        None => (None, text),
    };
    (found.is_some() || connection.is_some() || is_own(text)).then_some(Head {
        stamp: found,
        pid,
        level,
        connection,
        text,
    })
}

/// `C-0x55a947370990: db/user@10.0.0.4:52806 `.
fn connection(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = text.strip_prefix(b"C-").or_else(|| text.strip_prefix(b"S-"))?;
    let (pointer, rest) = rest.split_at_checked(memchr(b':', rest.get(..rest.len().min(24))?)?)?;
    let hexadecimal = pointer.strip_prefix(b"0x").unwrap_or(pointer);
    if !hexadecimal.iter().all(u8::is_ascii_hexdigit) && pointer != b"(nil)" {
        return None;
    }
    let rest = rest.strip_prefix(b": ")?;
    let (connection, text) = rest.split_at_checked(memchr(b' ', rest).unwrap_or(rest.len()))?;
    Some((connection, text.strip_prefix(b" ").unwrap_or(text)))
}

/// The port of a client.
fn port(connection: &[u8]) -> Option<u16> {
    let port = connection.rsplit(|byte| *byte == b':').next()?;
    u16::try_from(digits(port.strip_suffix(b"]").unwrap_or(port))?).ok()
}

/// What a line says. A refused client has one line with `closing because:` and one with `pooler error:`; the first
/// counts.
fn event(head: &Head<'_>) -> PostgresEvent {
    if let Some(reason) = head.text.strip_prefix(b"closing because: ") {
        let has = |part: &str| memmem::find(reason, part.as_bytes()).is_some();
        let refusals = [
            "no more connections allowed",
            "query_wait_timeout",
            "client_login_timeout",
            "too many clients already",
            "connection slots are reserved",
        ];
        return if refusals.iter().any(|refusal| has(refusal)) {
            PostgresEvent::TooManyClients
        } else if has("client unexpected eof") || has("client disconnect while server was not ready") {
            PostgresEvent::Disconnection
        } else {
            PostgresEvent::Other
        };
    }
    if head.text.starts_with(b"login attempt:") || head.text.starts_with(b"new connection to server") {
        return PostgresEvent::Connection;
    }
    if head.text.starts_with(b"no more connections allowed") {
        return PostgresEvent::TooManyClients;
    }
    match head.text.strip_prefix(b"server login failed: ") {
        // `FATAL sorry, too many clients already`: the server's own words.
        Some(words) => {
            let words = words
                .split(|byte| *byte == b' ')
                .next()
                .map_or(words, |level| words.get(level.len() + 1..).unwrap_or_default());
            classify(b"FATAL", b"", words)
        }
        None => PostgresEvent::Other,
    }
}

impl Format for PgBouncer {
    fn name(&self) -> String {
        "pgbouncer".to_owned()
    }

    fn source(&self) -> Source {
        Source::PgBouncer
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        head(line).is_some()
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &'a [u8] = &raw.text;
        if text.trim_ascii().is_empty() {
            return Ok(Record::Structure);
        }
        let head = head(text).filter(|_| !raw.orphan).ok_or("no_level")?;
        let stamp = head.stamp.or(raw.outer).ok_or("no_timestamp")?;
        let event = event(&head);
        Ok(Record::Postgres(PostgresRecord {
            stamp,
            pid: head.pid.unwrap_or(0),
            severity: head.level,
            message: Cow::Borrowed(head.text),
            detail: Cow::Borrowed(b""),
            context: Cow::Borrowed(b""),
            statement: Cow::Borrowed(b""),
            application_name: b"",
            client_port: head.connection.and_then(port),
            sql_state: b"",
            event,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Zone;

    const CLOSING: &str = "2024-06-12 13:02:23.005 +03 [2865569] LOG C-0x56059d2f0410: db/user@10.1.2.3:64507 closing because: server conn crashed? (age=151s)";
    const REFUSED: &str = "2024-06-12 13:02:23.005 UTC [1] LOG C-0x56059d2f0410: (nodb)/(nouser)@10.1.2.3:64507 closing because: no more connections allowed (max_client_conn) (age=0s)";
    const OLD: &str = "2021-04-05 06:15:20.549 3224 LOG C-0x7f0e6aadd410: abc/xyz@unix(77):6432 closing because: query_wait_timeout (age=0)";
    const STATS: &str = "2026-11-23 18:23:20.123 UTC [1] LOG stats: 12 xacts/s, 33 queries/s, in 4012 B/s, out 9077 B/s, xact 1200 us, query 800 us, wait 120345 us";

    fn parse(text: &str) -> Result<(Zone, u32, Option<u16>, PostgresEvent), &'static str> {
        let raw = Raw::of(text.as_bytes());
        match PgBouncer.parse(&raw, &mut Memory::default())? {
            Record::Postgres(record) => Ok((record.stamp.zone, record.pid, record.client_port, record.event)),
            _ => Err("structure"),
        }
    }

    #[test]
    fn lines() {
        use PostgresEvent as E;
        let full = "2026-11-23 18:23:20.123 UTC [1] WARNING S-0x1b9a2a0: db/u@10.0.0.5:5432 server login failed: FATAL sorry, too many clients already";
        let full = full.replace("WARNING S-0x1b9a2a0: db/u@10.0.0.5:5432 server", "WARNING server");
        for (text, expected) in [
            (CLOSING, (Zone::Offset(10_800), 2_865_569, Some(64507), E::Other)),
            (REFUSED, (Zone::Utc, 1, Some(64507), E::TooManyClients)),
            (OLD, (Zone::Local, 3224, Some(6432), E::TooManyClients)),
            (STATS, (Zone::Utc, 1, None, E::Other)),
            (&full, (Zone::Utc, 1, None, E::TooManyClients)),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
            for length in 0..text.len() {
                let _ = parse(&text[..length]);
                let _ = parse(&text[length..]);
            }
        }
        let plain = CLOSING.split_once("] ").unwrap().1;
        assert_eq!(parse(plain), Err("no_timestamp"));
        let raw = Raw { outer: Some(Stamp::utc(5, 1)), ..Raw::of(plain.as_bytes()) };
        assert!(PgBouncer.parse(&raw, &mut Memory::default()).is_ok());
    }

    #[test]
    fn detection() {
        let claim = |lines: &[&str]| {
            let lines = lines.iter().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim(&[CLOSING, OLD, STATS, "2026-11-23 18:23:20.123 UTC [1] LOG x"]), Some(1.0));
        // PostgreSQL itself, and a program with the same head.
        assert_eq!(claim(&["2026-11-23 18:23:20.123 UTC [1] LOG:  listening on IPv4 address"]), None);
        assert_eq!(claim(&["2026-11-23 18:23:20.123 UTC [1] ERROR cannot open file"]), None);
        assert_eq!(claim(&["2026-11-23 18:23:20,123 1 INFO ? odoo: x"]), None);
        assert_eq!(claim(&[]), None);
    }
}
