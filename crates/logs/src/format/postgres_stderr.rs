//! PostgreSQL's log on stderr and in syslog: `log_line_prefix`, then `SEVERITY:  text` (formats.md section 6.1).
//!
//! A line that begins with a tab goes on with the record before it; in syslog each line has its number `[5-2]` too.
//! DETAIL, CONTEXT, STATEMENT … have a prefix of their own and are records of their own.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};

use super::postgres_message::{classify, looks_like_stamp};
use super::postgres_translations::severity;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{PostgresRecord, Record};
use crate::timestamp::LastTime;
use prefix::{Fields, Prefix, any_prefix, common, epoch_first, stamp_at};

mod prefix;

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "postgres-stderr",
    source: Source::PostgresLog,
    summary: "PostgreSQL's log on stderr, in syslog and in the clouds, with any `log_line_prefix`",
    origin: "PostgreSQL, `src/backend/utils/error/elog.c`",
    detect,
    examples: &[
        Example {
            name: "postgres-stderr",
            file: "postgresql-2026-11-23.log",
            text: r#"2026-11-23 18:24:34.383 UTC [12106] LOG:  shutting down
2026-11-23 18:25:40.940 UTC [12650] odoo@prod17 odoo-12317 LOG:  process 12650 still waiting for ShareLock on transaction 2589 after 1000.123 ms
2026-11-23 18:25:40.940 UTC [12650] odoo@prod17 odoo-12317 DETAIL:  Key (name, journal_id)=(INV/2026/00038, 1) already exists.
2026-11-23 18:25:40.940 UTC [12650] odoo@prod17 odoo-12317 STATEMENT:  UPDATE "account_move" SET "name" = 'INV/2026/00038', "write_date" = '2026-11-23T18:25:40.088730'::timestamp, "write_uid" = 18 WHERE id IN (71)
"#,
        },
        Example {
            name: "postgres-stderr",
            file: "cloudsql.json",
            text: r#"{"insertId":"s=1","labels":{"a":"b"},"logName":"projects/x/logs/cloudsql.googleapis.com%2Fpostgres.log","severity":"INFO","textPayload":"2026-11-23 18:24:34.383 UTC [123]: [1-1] db=p,user=u LOG:  duration: 12.5 ms  statement: SELECT \"a\"","timestamp":"2026-11-23T18:24:34.383456Z"}
{"logName":"projects/x/logs/cloudsql.googleapis.com%2Fpostgres.log","textPayload":"2026-11-23 18:24:35.383 UTC [123]: [2-1] db=p,user=u ERROR:  canceling statement due to user request","timestamp":"2026-11-23T18:24:35.383456Z"}
"#,
        },
        Example {
            name: "postgres-stderr",
            file: "heroku.log",
            text: "\
2026-11-23T18:24:34.342Z app[postgres.24]: [VIOLET] [2-1]  sql_error_code = 00000 LOG:  duration: 12.5 ms  statement: SELECT 1
2026-11-23T18:24:34.342Z app[postgres.24]: [VIOLET] [2-2]  	FROM x
2026-11-23T18:24:35.342Z app[postgres.24]: [VIOLET] [3-1]  sql_error_code = 57014 FEHLER:  storniere Anfrage wegen Benutzeraufforderung
",
        },
    ],
    foreign: &[
        Foreign { whose: "Odoo quoting PostgreSQL", text: "2026-11-23 18:25:40,940 22130 ERROR o15 odoo.sql_db: bad query: x\nERROR:  y\n" },
        Foreign { whose: "pgbouncer", text: "2026-11-23 18:23:20.123 UTC [1] LOG stats: 12 xacts/s, 33 queries/s, in 4012 B/s, out 9077 B/s, xact 1200 us, query 800 us, wait 120345 us" },
    ],
    broken: &[
        Broken { reason: "no_prefix", text: "2026-11-23 18:24:34.383 UTC [12106] LO" },
    ],
};

/// Length of `YYYY-MM-DD HH:MM:SS`.
const STAMP_BYTES: usize = 19;
/// The severity is looked for in this many bytes of a line.
const LONGEST_PREFIX: usize = 512;
/// The longest severity, in bytes (`ПРЕДУПРЕЖДЕНИЕ`, `比致命错误还过分的错误`).
const LONGEST_SEVERITY: usize = 34;

/// A line cut at its severity: the prefix, the severity in English and the text behind it.
struct Cut<'a> {
    prefix: &'a [u8],
    severity: &'static [u8],
    message: &'a [u8],
    /// Two blanks stand behind the severity, as the server writes it. Copies may have lost one.
    two_blanks: bool,
    /// The prefix begins with date and time.
    stamped: bool,
}

/// Finds `SEVERITY:  ` in the first bytes of a record.
fn cut(record: &[u8]) -> Option<Cut<'_>> {
    let head = record.get(..record.len().min(LONGEST_PREFIX))?;
    // The colons of a clock have digits behind them.
    let clock = if looks_like_stamp(head) { STAMP_BYTES } else { 0 };
    memchr_iter(b':', head.get(clock..)?).find_map(|at| {
        let at = clock + at;
        let (message, two_blanks) = match record.get(at.checked_add(1)?..)? {
            [b' ', b' ', message @ ..] => (message, true),
            // Carriers strip the blanks of a severity that stands alone.
            message @ ([] | [b'\n', ..]) => (message, true),
            [b' '] => (b"".as_slice(), true),
            [b' ', message @ ..] => (message, false),
            _ => return None,
        };
        let before = record.get(..at)?;
        // French puts a blank before the colon.
        let before = before.strip_suffix(b" ").or_else(|| before.strip_suffix(b"\xc2\xa0")).unwrap_or(before);
        let letters = before.iter().rev().take(LONGEST_SEVERITY);
        let length = letters
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || !byte.is_ascii())
            .count();
        let (prefix, word) = before.split_at_checked(before.len().checked_sub(length)?)?;
        let severity = severity(word)?;
        // A comma before the milliseconds is Python's.
        let stamped = clock > 0 && prefix.len() >= clock && prefix.get(clock) != Some(&b',');
        Some(Cut { prefix, severity, message, two_blanks, stamped })
    })
}

/// Whether a line is one of the most common kind, a time first and `LOG:  ` behind the next colon. If not, [`cut`] and
/// [`begins`] have to look at it; they would come to the same.
fn is_stamped_log(line: &[u8]) -> bool {
    let found = || {
        let (_, behind) = line.split_at_checked(STAMP_BYTES).filter(|_| looks_like_stamp(line))?;
        let behind = behind.get(..behind.len().min(LONGEST_PREFIX - STAMP_BYTES))?;
        let word = memchr(b':', behind)?.checked_sub(4)?;
        let &[before, b'L', b'O', b'G', b':', b' ', b' '] = behind.get(word..)?.first_chunk()? else {
            return None;
        };
        (matches!(before, b' ' | b']') && behind.first() != Some(&b',')).then_some(())
    };
    found().is_some()
}

/// Cuts off what syslog puts before a line of a message, `[5-1] `, and logplex before that, `[VIOLET] `. Gives the
/// number of the line inside its message, if there is one.
fn without_sequence(line: &[u8]) -> (&[u8], Option<i64>) {
    let numbered = |line| -> Option<(&[u8], i64)> {
        let rest = <[u8]>::strip_prefix(line, b"[")?;
        let (message, tail) = rest.split_at_checked(memchr(b'-', rest.get(..rest.len().min(12))?)?)?;
        let tail = tail.get(1..)?;
        let (part, tail) = tail.split_at_checked(memchr(b']', tail.get(..tail.len().min(8))?)?)?;
        crate::timestamp::digits(message)?;
        Some((tail.get(1..)?.strip_prefix(b" ").unwrap_or(tail.get(1..)?), crate::timestamp::digits(part)?))
    };
    if let Some((rest, part)) = numbered(line) {
        // Older logplex has its colour behind the number.
        let named = colour(rest.trim_ascii_start()).unwrap_or(rest);
        return (named, Some(part));
    }
    match colour(line).and_then(|rest| numbered(rest.trim_ascii_start())) {
        Some((rest, part)) => (rest, Some(part)),
        None => (line, None),
    }
}

/// What follows `[VIOLET] `, the name that Heroku gives a database.
fn colour(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"[")?;
    let (name, rest) = rest.split_at_checked(memchr(b']', rest.get(..rest.len().min(40))?)?)?;
    let plain = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    plain.then(|| rest.get(1..)?.strip_prefix(b" "))?
}

/// The text of a record without the numbers that syslog puts before its further lines.
fn without_sequences(text: &[u8]) -> Cow<'_, [u8]> {
    if memmem::find(text, b"\n[").is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(if number > 0 { without_sequence(line).0 } else { line });
    }
    Cow::Owned(out)
}

/// PostgreSQL's stderr log with the prefix found for a file.
pub struct StderrLog {
    prefix: Prefix,
}

/// Lines that the start script of the container image and `initdb` print.
fn is_start_script(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 30] = [
        b"/usr/local/bin/docker-entrypoint",
        b"CREATE ",
        b"ALTER ",
        b"GRANT",
        b"Data page checksums",
        b"Initializing ",
        b"PostgreSQL Database directory",
        b"PostgreSQL init process",
        b"Success.",
        b"The database cluster",
        b"The default database encoding",
        b"The default text search",
        b"The files belonging",
        b"This user must also own",
        b" done",
        b"creating ",
        b"done",
        b"fixing permissions",
        b"initdb: ",
        b"performing ",
        b"pg_ctl",
        b"    pg_ctl",
        b"running bootstrap",
        b"selecting ",
        b"server st",
        b"syncing data",
        b"waiting for server",
        b"You can change this",
        b"--auth-",
        b"postgresql ",
    ];
    BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
}

/// Claims files whose lines are a prefix and a severity. The prefix is the one that reads the most lines, those
/// of the bundle's configuration first.
#[must_use]
pub fn detect(sample: &Sample<'_>, context: &Context) -> Option<Claim> {
    let own = context.log_line_prefixes.iter().map(|pattern| Prefix::compile(pattern));
    let candidates: Vec<Prefix> = own.chain(common().iter().cloned()).collect();
    let (mut cuts, mut others) = (Vec::new(), 0);
    for line in &sample.lines {
        if matches!(line.first(), None | Some(b'\t')) || is_start_script(line) {
            continue;
        }
        let (rest, part) = without_sequence(line);
        if part.is_some_and(|part| part > 1) {
            continue;
        }
        match cut(rest) {
            Some(cut) => cuts.push((begins(&cut, part.is_some(), None), cut)),
            None => others += 1,
        }
    }
    let mut counts = vec![0usize; candidates.len()];
    for (prefix, count) in candidates.iter().zip(counts.iter_mut()) {
        let mut time = LastTime::default();
        for (found, cut) in &mut cuts {
            if prefix.read_next(cut.prefix, &mut time).is_some() {
                *count += 1;
                // A pattern of the bundle is trusted even if it prints no time.
                *found |= cut.two_blanks && !cut.prefix.is_empty() && prefix.has_time();
            }
        }
        // No later one reads more, nor finds what this one has not.
        if *count == cuts.len() && prefix.has_time() {
            break;
        }
    }
    let starts = cuts.iter().filter(|(found, _)| *found).count();
    let score = starts as f64 / (cuts.len() + others).max(1) as f64;
    // The first of the best.
    let best =
        candidates.into_iter().zip(counts).reduce(|best, next| if next.1 > best.1 { next } else { best });
    let (prefix, _) = best?;
    (score >= 0.3).then(|| Claim { format: Box::new(StderrLog { prefix }), score })
}

/// Whether a line cut like this begins a record. `numbered`: syslog's own count stands before it, so the time is the
/// carrier's.
fn begins(cut: &Cut<'_>, numbered: bool, own: Option<&Prefix>) -> bool {
    if !cut.two_blanks && !is_ours(cut) {
        return false;
    }
    numbered
        || cut.stamped
        || stamp_at(cut.prefix).is_some()
        || epoch_first(cut.prefix)
        || own.is_some_and(|prefix| prefix.has_time() && prefix.read(cut.prefix).is_some())
}

/// Whether a further line of a message in syslog is a DETAIL, STATEMENT … of its own, and not text that goes on.
fn follows_up(line: &[u8]) -> bool {
    let kinds = [b"DETAIL".as_slice(), b"HINT", b"QUERY", b"CONTEXT", b"LOCATION", b"STATEMENT"];
    let text = line.first().is_none_or(u8::is_ascii_whitespace);
    !text && cut(line).is_some_and(|cut| cut.two_blanks && kinds.contains(&cut.severity))
}

/// Whether a line that has lost a blank behind its severity is PostgreSQL's: by words and marks that others do not use.
fn is_ours(cut: &Cut<'_>) -> bool {
    let own_word =
        matches!(cut.severity, b"LOG" | b"STATEMENT" | b"DETAIL" | b"HINT" | b"CONTEXT" | b"PANIC");
    let marks = [b"user=".as_slice(), b"db=", b"@"];
    let marked = || marks.iter().any(|mark| memmem::find(cut.prefix, mark).is_some());
    (own_word || marked()) && any_prefix(cut.prefix).is_some_and(|fields| fields.pid.is_some())
}

/// The format for a log of which nothing was seen yet: the prefix of the bundle's configuration, or the usual ones.
pub(crate) fn any(context: &Context) -> Box<dyn Format> {
    let prefix = context.log_line_prefixes.first().map_or("%m [%p] ", String::as_str);
    Box::new(StderrLog { prefix: Prefix::compile(prefix) })
}

impl StderrLog {
    fn prefix_of<'a>(&self, printed: &'a [u8], memory: &mut Memory) -> Option<Fields<'a>> {
        self.prefix.read_next(printed, &mut memory.date_time).or_else(|| any_prefix(printed))
    }
}

impl Format for StderrLog {
    fn name(&self) -> String {
        "postgres-stderr".to_owned()
    }

    fn source(&self) -> Source {
        Source::PostgresLog
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        if matches!(line.first(), None | Some(b'\t')) {
            return false;
        }
        if is_stamped_log(line) {
            return true;
        }
        let (rest, part) = without_sequence(line);
        if part.is_some_and(|part| part > 1) {
            return follows_up(rest);
        }
        cut(rest).is_some_and(|cut| begins(&cut, part.is_some(), Some(&self.prefix)))
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        if !raw.orphan
            && let Some(forward) = self.prefix.read_forward(&raw.text, &mut memory.date_time)
        {
            return record_of(raw, forward.fields, forward.severity, forward.message, None);
        }
        let (record, part): (&'a [u8], _) = without_sequence(&raw.text);
        if record.trim_ascii().is_empty() {
            return Ok(Record::Structure);
        }
        if raw.orphan {
            return if is_start_script(record) { Ok(Record::Structure) } else { Err("no_prefix") };
        }
        let cut = cut(record).ok_or("no_severity")?;
        let fields = self.prefix_of(cut.prefix, memory).ok_or("bad_prefix")?;
        record_of(raw, fields, cut.severity, cut.message, part)
    }
}

/// The record, given its parts and the number that syslog gave its line.
fn record_of<'a>(
    raw: &Raw<'_>,
    fields: Fields<'a>,
    severity: &'static [u8],
    message: &'a [u8],
    part: Option<i64>,
) -> Result<Record<'a>, &'static str> {
    let stamp = fields.stamp.or(raw.outer).ok_or("no_timestamp")?;
    let (sql_state, message) = match verbose_state(severity, message) {
        Some(found) => found,
        None => (fields.sql_state, message),
    };
    let message = if part.is_some() { without_sequences(message) } else { Cow::Borrowed(message) };
    let event = classify(severity, sql_state, &message);
    Ok(Record::Postgres(PostgresRecord {
        stamp,
        pid: fields.pid.or(raw.pid).unwrap_or(0),
        severity,
        message,
        detail: Cow::Borrowed(b""),
        context: Cow::Borrowed(b""),
        statement: Cow::Borrowed(b""),
        application_name: fields.application_name,
        client_port: fields.client_port,
        sql_state,
        event,
    }))
}

/// `SQLSTATE: ` before the text, as `log_error_verbosity = verbose` prints it.
fn verbose_state<'a>(severity: &[u8], message: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    if matches!(severity, b"DETAIL" | b"HINT" | b"QUERY" | b"CONTEXT" | b"STATEMENT" | b"LOCATION") {
        return None;
    }
    let (state, rest) = message.split_at_checked(5)?;
    let plain = state.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (plain && state.iter().any(u8::is_ascii_digit)).then_some((state, rest.strip_prefix(b": ")?))
}

#[cfg(test)]
mod tests;
