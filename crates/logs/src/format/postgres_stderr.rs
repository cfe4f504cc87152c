//! PostgreSQL's log on stderr: `log_line_prefix`, then `SEVERITY:  text` (formats.md section 6.1).
//!
//! A line that begins with a tab goes on with the record before it. DETAIL, CONTEXT, STATEMENT … have a prefix of
//! their own and are records of their own.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};

use super::postgres_message::{classify, looks_like_stamp, stamp};
use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::{PostgresRecord, Record};
use crate::timestamp::{SECOND_US, Stamp, digits, fraction_us};

/// Prefixes seen in the field, tried after those of the bundle's own configuration. `%m` also reads `%t`.
const COMMON_PREFIXES: [&str; 26] = [
    "%m [%p] ",
    "%m [%p] %q%u@%d ",
    "%m [%p] %q%u@%d %r ",
    "%m [%p] %q%u@%d %a ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    "%m [%p] %q[user=%u,db=%d,app=%a,client=%h] ",
    "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%m [%p]: [%l-1] user=%u,db=%d,client=%h,app=%a ",
    "%m [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%m [%p] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] user=%u,db=%d ",
    "%m [%p]: [%l-1] %q%u@%d ",
    "%m [%p]: [%l-1] ",
    "%m [%p]: ",
    "%m:%r:%u@%d:[%p]:",
    "%m [%p] %q%u@%d [%a] ",
    "%m [%p] %q%u@%d/%a ",
    "%m [%p] [%l-1] %q%u@%d ",
    "%m [%p] %a ",
    "%m %p ",
    "< %m >",
    // For syslog, which adds time and process itself.
    "user=%u,db=%d,app=%a,client=%h ",
    "db=%d,user=%u,app=%a,client=%h ",
    "user=%u,db=%d,client=%h,app=%a ",
    "user=%u,db=%d ",
];

/// The severity is looked for in this many bytes of a line.
const LONGEST_PREFIX: usize = 512;

/// What one escape of `log_line_prefix` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `%m`, `%t`: log time.
    Time,
    /// `%n`: log time as seconds since 1970.
    Epoch,
    /// `%p`.
    ProcessId,
    /// `%l`, `%x`, `%Q`, `%P`: a number that is not used.
    Number,
    /// `%a`.
    Application,
    /// `%r`: host and port.
    Remote,
    /// `%e`.
    SqlState,
    /// `%i`, `%b`, `%s`: text with blanks that is not used.
    Phrase,
    /// `%u`, `%d`, `%h`, `%c`, `%v`, `%L`: a word that is not used.
    Word,
}

/// One step through a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// This text.
    Literal(Vec<u8>),
    /// An escape, at least this wide.
    Field(Kind, usize),
    /// `%q`: background processes print no more.
    SessionOnly,
}

/// A compiled `log_line_prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Prefix(Vec<Step>);

/// What a prefix told.
#[derive(Debug, Clone, Default)]
struct Fields<'a> {
    stamp: Option<Stamp>,
    pid: Option<u32>,
    application_name: &'a [u8],
    client_port: Option<u16>,
    sql_state: &'a [u8],
}

impl Prefix {
    /// Compiles the value of `log_line_prefix`. Escapes that do not exist print nothing, as in the server.
    fn compile(pattern: &str) -> Self {
        let mut steps = Vec::new();
        let mut literal = Vec::new();
        let mut bytes = pattern.bytes().peekable();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                literal.push(byte);
                continue;
            }
            let _ = bytes.next_if_eq(&b'-');
            let mut width = 0usize;
            while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
                width = width.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
            }
            let step = match bytes.next() {
                Some(b'%') => {
                    literal.push(b'%');
                    continue;
                }
                Some(b'm' | b't') => Step::Field(Kind::Time, width),
                Some(b'n') => Step::Field(Kind::Epoch, width),
                Some(b'p') => Step::Field(Kind::ProcessId, width),
                Some(b'l' | b'x' | b'Q' | b'P') => Step::Field(Kind::Number, width),
                Some(b'a') => Step::Field(Kind::Application, width),
                Some(b'r') => Step::Field(Kind::Remote, width),
                Some(b'e') => Step::Field(Kind::SqlState, width),
                Some(b'i' | b'b' | b's') => Step::Field(Kind::Phrase, width),
                Some(b'u' | b'd' | b'h' | b'c' | b'v' | b'L') => Step::Field(Kind::Word, width),
                Some(b'q') => Step::SessionOnly,
                _ => continue,
            };
            if !literal.is_empty() {
                steps.push(Step::Literal(std::mem::take(&mut literal)));
            }
            steps.push(step);
        }
        if !literal.is_empty() {
            steps.push(Step::Literal(literal));
        }
        Prefix(steps)
    }

    /// Where the log time begins, if that is the same in every line.
    fn stamp_at(&self) -> Option<usize> {
        match self.0.as_slice() {
            [Step::Field(Kind::Time, _), ..] => Some(0),
            [Step::Literal(text), Step::Field(Kind::Time, _), ..] => Some(text.len()),
            _ => None,
        }
    }

    /// Reads a whole printed prefix; `None` if it is not one of this pattern.
    fn read<'a>(&self, printed: &'a [u8]) -> Option<Fields<'a>> {
        let mut fields = Fields::default();
        let mut rest = printed;
        let mut steps = self.0.as_slice();
        while let Some((step, later)) = steps.split_first() {
            steps = later;
            match step {
                Step::Literal(text) => rest = rest.strip_prefix(text.as_slice())?,
                Step::SessionOnly if rest.is_empty() => return Some(fields),
                Step::SessionOnly => {}
                Step::Field(kind, width) => {
                    let next = later.iter().find(|step| **step != Step::SessionOnly);
                    let (next, last) = match next {
                        Some(Step::Literal(text)) => (text.as_slice(), later.len() == 1),
                        _ => (b"".as_slice(), later.is_empty()),
                    };
                    rest = field(*kind, *width, rest, next, last, &mut fields)?;
                }
            }
        }
        rest.is_empty().then_some(fields)
    }
}

/// Reads one field at the start of `rest`, before the literal `next`, and gives what follows.
fn field<'a>(
    kind: Kind,
    width: usize,
    rest: &'a [u8],
    next: &[u8],
    last: bool,
    fields: &mut Fields<'a>,
) -> Option<&'a [u8]> {
    let padding =
        if width > 0 { rest.iter().take_while(|byte| **byte == b' ').count().min(width) } else { 0 };
    let body = rest.get(padding..)?;
    if kind == Kind::Time {
        let (found, used) = stamp(body)?;
        fields.stamp = Some(found);
        return body.get(used..);
    }
    // A padded field is at least as wide as its padding says.
    let from = width.min(rest.len()).saturating_sub(padding);
    let tail = body.get(from..)?;
    let end = if next.is_empty() {
        tail.len()
    } else if last && matches!(kind, Kind::Application | Kind::Phrase) {
        // Names of applications hold blanks: the last literal ends the prefix.
        tail.len().checked_sub(next.len()).filter(|at| tail.get(*at..) == Some(next))?
    } else {
        memmem::find(tail, next)?
    };
    let (text, after) = body.split_at_checked(from.checked_add(end)?)?;
    let text = if width > 0 { text.trim_ascii() } else { text };
    match kind {
        Kind::Epoch => fields.stamp = Some(epoch(text)?),
        Kind::ProcessId => fields.pid = Some(u32::try_from(digits(text)?).ok()?),
        Kind::Number => {
            let text = text.strip_prefix(b"-").unwrap_or(text);
            if !text.is_empty() && !text.iter().all(u8::is_ascii_digit) {
                return None;
            }
        }
        Kind::Application => fields.application_name = if text == b"[unknown]" { b"" } else { text },
        Kind::Remote => {
            if let Some(inner) = text.strip_suffix(b")") {
                let at = memchr(b'(', inner)?;
                fields.client_port = Some(u16::try_from(digits(inner.get(at.checked_add(1)?..)?)?).ok()?);
            } else if !matches!(text, b"" | b"[local]") {
                return None;
            }
        }
        Kind::SqlState => {
            if text.len() != 5 {
                return None;
            }
            fields.sql_state = text;
        }
        Kind::Word => {
            if memchr(b' ', text).is_some() {
                return None;
            }
        }
        Kind::Time | Kind::Phrase => {}
    }
    Some(after)
}

/// `SECONDS.mmm` since 1970.
fn epoch(text: &[u8]) -> Option<Stamp> {
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let seconds = digits(text.get(..whole)?)?;
    let (fraction, used, resolution_us) = fraction_us(text.get(whole..)?);
    (text.len() == whole + used).then_some(())?;
    Some(Stamp::utc(seconds.checked_mul(SECOND_US)?.checked_add(fraction)?, resolution_us))
}

/// The English name of a printed severity; translations are those of the server's message catalogues.
fn severity_name(word: &[u8]) -> Option<&'static [u8]> {
    Some(match word {
        b"LOG" => b"LOG",
        b"ERROR" => b"ERROR",
        b"FATAL" => b"FATAL",
        b"PANIC" => b"PANIC",
        b"WARNING" => b"WARNING",
        b"NOTICE" => b"NOTICE",
        b"INFO" => b"INFO",
        b"DEBUG" | b"DEBUG1" | b"DEBUG2" | b"DEBUG3" | b"DEBUG4" | b"DEBUG5" => b"DEBUG",
        b"DETAIL" => b"DETAIL",
        b"HINT" => b"HINT",
        b"QUERY" => b"QUERY",
        b"CONTEXT" => b"CONTEXT",
        b"LOCATION" => b"LOCATION",
        b"STATEMENT" => b"STATEMENT",
        b"BACKTRACE" => b"CONTEXT",
        b"ERREUR" | b"FEHLER" | b"ERRORE" | b"ERRO" => b"ERROR",
        b"FATALE" => b"FATAL",
        b"ATTENTION" | b"WARNUNG" | b"ADVERTENCIA" | b"AVISO" | b"ATTENZIONE" => b"WARNING",
        b"D\xc3\x89TAIL" | b"DETALLE" | b"DETTAGLI" | b"DETALHE" => b"DETAIL",
        b"ASTUCE" | b"TIPP" | b"SUGERENCIA" | b"SUGGERIMENTO" | b"DICA" => b"HINT",
        b"CONTEXTE" | b"ZUSAMMENHANG" | b"CONTEXTO" | b"CONTESTO" => b"CONTEXT",
        b"INSTRUCTION" | b"ANWEISUNG" | b"SENTENCIA" | b"ISTRUZIONE" | b"COMANDO" => b"STATEMENT",
        _ => return None,
    })
}

/// A line cut at its severity: the prefix, the severity in English and the text behind it.
struct Cut<'a> {
    prefix: &'a [u8],
    severity: &'static [u8],
    message: &'a [u8],
}

/// Finds `SEVERITY:  ` in the first bytes of a record.
fn cut(record: &[u8]) -> Option<Cut<'_>> {
    let head = record.get(..record.len().min(LONGEST_PREFIX))?;
    memchr_iter(b':', head).find_map(|at| {
        let message = match record.get(at.checked_add(1)?..)? {
            [b' ', b' ', message @ ..] => message,
            // Carriers strip the blanks of a severity that stands alone.
            message @ ([] | [b'\n', ..]) => message,
            [b' '] => b"",
            _ => return None,
        };
        let before = record.get(..at)?;
        // French puts a blank before the colon.
        let before = before.strip_suffix(b" ").or_else(|| before.strip_suffix(b"\xc2\xa0")).unwrap_or(before);
        let letters = before.iter().rev().take(16);
        let length = letters
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || !byte.is_ascii())
            .count();
        let (prefix, word) = before.split_at_checked(before.len().checked_sub(length)?)?;
        Some(Cut { prefix, severity: severity_name(word)?, message })
    })
}

/// Cuts off what syslog puts before the first line of a message: `[5-1] `.
fn without_sequence(line: &[u8]) -> &[u8] {
    let Some(rest) = line.strip_prefix(b"[") else { return line };
    let length = rest.iter().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let tail = rest.get(length..).and_then(|tail| tail.strip_prefix(b"-1] "));
    if length == 0 { line } else { tail.unwrap_or(line) }
}

/// What can be read of a prefix whose pattern is not known, or was changed in mid-file.
fn any_prefix(printed: &[u8]) -> Option<Fields<'_>> {
    let known = common().iter().find_map(|(_, prefix)| prefix.read(printed));
    known.or_else(|| {
        let (found, used) = stamp(printed)?;
        let rest = printed.get(used..)?;
        let pid = memchr_iter(b'[', rest).find_map(|at| {
            let inner = rest.get(at.checked_add(1)?..)?;
            let end = memchr(b']', inner)?;
            u32::try_from(digits(inner.get(..end)?)?).ok()
        });
        // Without the process number the time and the text are still worth having.
        Some(Fields { stamp: Some(found), pid, ..Fields::default() })
    })
}

/// The common prefixes, compiled once.
fn common() -> &'static [(&'static str, Prefix)] {
    static COMPILED: std::sync::OnceLock<Vec<(&'static str, Prefix)>> = std::sync::OnceLock::new();
    COMPILED
        .get_or_init(|| COMMON_PREFIXES.iter().map(|pattern| (*pattern, Prefix::compile(pattern))).collect())
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
    let candidates: Vec<Prefix> = own.chain(common().iter().map(|(_, prefix)| prefix.clone())).collect();
    let mut counts = vec![0u32; candidates.len()];
    let (mut starts, mut others) = (0u32, 0u32);
    for line in &sample.lines {
        if matches!(line.first(), None | Some(b'\t')) || is_start_script(line) {
            continue;
        }
        let line = without_sequence(line);
        let Some(cut) = cut(line) else {
            others += 1;
            continue;
        };
        let mut found = looks_like_stamp(line);
        for (prefix, count) in candidates.iter().zip(counts.iter_mut()) {
            if prefix.read(cut.prefix).is_some() {
                *count += 1;
                found = true;
            }
        }
        if found {
            starts += 1;
        } else {
            others += 1;
        }
    }
    // The first of the best.
    let best =
        candidates.into_iter().zip(counts).reduce(|best, next| if next.1 > best.1 { next } else { best });
    let (prefix, _) = best?;
    let score = f64::from(starts) / f64::from(starts.saturating_add(others).max(1));
    (score >= 0.3).then(|| Claim { format: Box::new(StderrLog { prefix }), score })
}

/// The format for a log of which nothing was seen yet: the prefix of the bundle's configuration, or the usual ones.
pub(crate) fn any(context: &Context) -> Box<dyn Format> {
    let prefix = context.log_line_prefixes.first().map_or(COMMON_PREFIXES[0], String::as_str);
    Box::new(StderrLog { prefix: Prefix::compile(prefix) })
}

impl StderrLog {
    fn prefix_of<'a>(&self, printed: &'a [u8]) -> Option<Fields<'a>> {
        self.prefix.read(printed).or_else(|| any_prefix(printed))
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
        let line = without_sequence(line);
        if looks_like_stamp(line) {
            return cut(line).is_some();
        }
        match self.prefix.stamp_at() {
            Some(0) => false,
            Some(at) => line.get(at..).is_some_and(looks_like_stamp) && cut(line).is_some(),
            None => cut(line).is_some_and(|cut| self.prefix.read(cut.prefix).is_some()),
        }
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let record: &'a [u8] = without_sequence(&raw.text);
        if record.trim_ascii().is_empty() {
            return Ok(Record::Structure);
        }
        if raw.orphan {
            return Err("no_prefix");
        }
        let cut = cut(record).ok_or("no_severity")?;
        let fields = self.prefix_of(cut.prefix).ok_or("bad_prefix")?;
        let stamp = fields.stamp.or(raw.outer).ok_or("no_timestamp")?;
        let (sql_state, message) = match verbose_state(cut.severity, cut.message) {
            Some(found) => found,
            None => (fields.sql_state, cut.message),
        };
        let event = classify(cut.severity, message);
        Ok(Record::Postgres(PostgresRecord {
            stamp,
            pid: fields.pid.or(raw.pid).unwrap_or(0),
            severity: cut.severity,
            message: Cow::Borrowed(message),
            detail: Cow::Borrowed(b""),
            context: Cow::Borrowed(b""),
            statement: Cow::Borrowed(b""),
            application_name: fields.application_name,
            client_port: fields.client_port,
            sql_state,
            event,
        }))
    }
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
mod tests {
    use super::*;
    use crate::record::PostgresEvent;
    use crate::timestamp::Zone;

    const ODOO: &str = "2026-11-23 18:25:40.940 UTC [12650] odoo@prod17 odoo-12317 LOG:  process 12650 still waiting for \
        ShareLock on transaction 2589 after 1000.123 ms";
    const BADGER: &str = "2026-11-23 18:33:11 UTC [22502]: [1-1] user=odoo,db=o15,app=[unknown],client=127.0.0.1 ERROR:  \
        canceling statement due to user request";
    const BACKGROUND: &str = "2026-11-23 18:33:44 UTC [28020]: [2-1] user=,db=,app=,client= STATEMENT:  ";

    fn raw(text: &[u8]) -> Raw<'_> {
        Raw { text: Cow::Borrowed(text), outer: None, program: None, pid: None, orphan: false }
    }

    fn format(pattern: &str) -> StderrLog {
        StderrLog { prefix: Prefix::compile(pattern) }
    }

    /// Pid, severity, application, port and message of one record.
    fn parse(pattern: &str, text: &str) -> Result<(u32, String, String, Option<u16>, String), &'static str> {
        let input = raw(text.as_bytes());
        let Record::Postgres(record) = format(pattern).parse(&input, &mut Memory::default())? else {
            return Err("structure");
        };
        let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((
            record.pid,
            string(record.severity),
            string(record.application_name),
            record.client_port,
            string(&record.message),
        ))
    }

    #[test]
    fn prefixes() {
        let row = |pid, severity: &str, application: &str, port, message: &str| {
            Ok((pid, severity.to_owned(), application.to_owned(), port, message.to_owned()))
        };
        let own = "%m [%p] %q%u@%d %a ";
        let waiting = "process 12650 still waiting for ShareLock on transaction 2589 after 1000.123 ms";
        assert_eq!(parse(own, ODOO), row(12650, "LOG", "odoo-12317", None, waiting));
        // A prefix that was not the one found for the file.
        assert_eq!(parse("%t [%p]: ", ODOO), row(12650, "LOG", "odoo-12317", None, waiting));
        assert_eq!(
            parse(own, "2026-11-23 18:24:34.383 UTC [12106] LOG:  shutting down"),
            row(12106, "LOG", "", None, "shutting down")
        );
        assert_eq!(
            parse(own, "2026-11-23 18:24:34.383 UTC [6] a@b my app v2 FATAL:  connection to client lost"),
            row(6, "FATAL", "my app v2", None, "connection to client lost")
        );
        let badger = "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ";
        assert_eq!(
            parse(badger, BADGER),
            row(22502, "ERROR", "", None, "canceling statement due to user request")
        );
        let joined = format!("{BACKGROUND}\n\tSELECT 1");
        assert_eq!(parse(badger, &joined), row(28020, "STATEMENT", "", None, "\n\tSELECT 1"));
        assert_eq!(
            parse(badger, joined.trim_end_matches(' ')),
            row(28020, "STATEMENT", "", None, "\n\tSELECT 1")
        );
        let rds = "2026-11-23 18:23:20 UTC:10.0.0.5(52314):odoo@prod:[9656]:LOG:  x";
        assert_eq!(parse("%t:%r:%u@%d:[%p]:", rds), row(9656, "LOG", "", Some(52314), "x"));
        let rds = "2026-11-23 18:23:20 UTC::@:[6248]:LOG:  x";
        assert_eq!(parse("%t:%r:%u@%d:[%p]:", rds), row(6248, "LOG", "", None, "x"));
        let custom = "1795458201.769 6b048499.25fe 22012 SELECT psql ERROR:  division by zero";
        assert_eq!(parse("%n %c %e %i %a ", custom), row(0, "ERROR", "psql", None, "division by zero"));
        assert_eq!(
            parse("%m %-7p|%5l ", "2026-11-23 18:23:20.1 UTC 12     |    3 LOG:  x"),
            row(12, "LOG", "", None, "x")
        );
        assert_eq!(
            parse("%m [%p] ", "2026-11-23 18:23:20.123 CET [9] ERROR:  57014: x"),
            row(9, "ERROR", "", None, "x")
        );
        assert_eq!(
            parse("%m [%p] ", "2026-11-23 18:23:20.123 CET [9] INSTRUCTION :  x"),
            row(9, "STATEMENT", "", None, "x")
        );
        assert_eq!(
            parse("%m [%p] ", "[5-1] 2026-11-23 18:23:20.123 CET [9] LOG:  x"),
            row(9, "LOG", "", None, "x")
        );
    }

    #[test]
    fn zones_and_events() {
        let input = raw(ODOO.as_bytes());
        let Ok(Record::Postgres(record)) = format("%m [%p] ").parse(&input, &mut Memory::default()) else {
            panic!()
        };
        assert_eq!(record.event, PostgresEvent::StillWaiting { pid: 12650, waited_us: 1_000_123 });
        assert_eq!((record.stamp.zone, record.stamp.resolution_us), (Zone::Utc, 1000));
        let input = raw(b"2026-10-12 12:49:00.055 EET [15220] LOG:  checkpoint starting: time");
        let Ok(Record::Postgres(record)) = format("%m [%p] ").parse(&input, &mut Memory::default()) else {
            panic!()
        };
        assert_eq!(record.stamp.zone, Zone::Offset(7200));
    }

    #[test]
    fn broken() {
        let starts = |line: &str| format("%m [%p] %q%u@%d ").starts_record(line.as_bytes());
        assert!(starts(ODOO) && starts(BADGER) && starts(BACKGROUND));
        assert!(!starts("\tSELECT 1") && !starts("") && !starts("ERROR:  x") && !starts(&ODOO[..40]));
        assert!(!starts("2026-11-23 18:25:40,940 22130 ERROR o15 odoo.sql_db: bad query:"));
        for line in [ODOO, BADGER] {
            for length in 0..line.len() {
                let _ = parse("%m [%p] %q%u@%d %a ", &line[..length]);
                let _ = parse("%n %c %e %i %a ", &line[length..]);
                let _ = starts(&line[length..]);
            }
        }
        assert_eq!(parse("%m [%p] ", ""), Err("structure"));
        assert_eq!(parse("%m [%p] ", "2026-11-23 18:25"), Err("no_severity"));
        assert_eq!(parse("%m [%p] ", "garbage LOG:  x"), Err("bad_prefix"));
        assert_eq!(parse("%99999999999999999999p%", "1 LOG:  x"), Err("no_timestamp"));
        assert_eq!(format("%").parse(&raw(b"\xff\0"), &mut Memory::default()).err(), Some("no_severity"));
    }

    #[test]
    fn detection() {
        let claim = |content: &str, prefixes: &[&str]| {
            let lines = content.lines().map(|line| Cow::Borrowed(line.as_bytes())).collect();
            let log_line_prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
            let context = Context { log_line_prefixes, ..Context::default() };
            detect(&Sample { lines, name: "postgresql.log" }, &context).map(|claim| claim.score)
        };
        assert_eq!(claim(&format!("{ODOO}\n\tx\n\ty\n\n{ODOO}\n"), &[]), Some(1.0));
        assert_eq!(claim(&format!("The files belonging to x\n{BADGER}\n"), &["%m [%p] "]), Some(1.0));
        let custom = "1795458201.769 6b048499.25fe 22012 SELECT psql ERROR:  division by zero\n";
        assert_eq!(claim(custom, &["%n %c %e %i %a "]), Some(1.0));
        assert_eq!(claim(custom, &[]), None);
        assert_eq!(
            claim("2026-11-23 18:25:40,940 22130 ERROR o15 odoo.sql_db: bad query: x\nERROR:  y\n", &[]),
            None
        );
        assert_eq!(claim("", &[]), None);
    }
}
