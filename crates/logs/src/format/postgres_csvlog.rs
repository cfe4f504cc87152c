//! PostgreSQL's csvlog: 23 columns up to 12, 24 in 13, 26 from 14 (formats.md section 6.2).

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

use super::postgres_message::{classify, looks_like_stamp, stamp};
use super::postgres_translations::severity as translated;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{PostgresRecord, Record};
use crate::timestamp::digits;

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "postgres-csvlog",
    source: Source::PostgresLog,
    summary: "PostgreSQL's log with `log_destination = csvlog`",
    origin: "PostgreSQL, `src/backend/utils/error/csvlog.c`: 23 columns up to 12, 24 in 13, 26 from 14",
    detect,
    examples: &[Example {
        name: "postgres-csvlog",
        file: "postgresql-2026-11-23.csv",
        text: r#"2026-11-23 18:24:34.383 UTC,,,12106,,6b0484e2.2f4a,2,,2026-11-23 18:24:34 UTC,,0,LOG,00000,"listening on IPv4 address ""127.0.0.1"", port 5433",,,,,,,,,"","postmaster",,0
2026-11-23 18:25:40.940 UTC,"odoo","prod17",12650,"127.0.0.1:34128",6b0484f4.316a,1,"UPDATE",2026-11-23 18:24:52 UTC,4/237,2374,ERROR,23505,"duplicate key value violates unique constraint ""account_move_unique_name""","Key (name, journal_id)=(INV/2026/00038, 1) already exists.",,,,,"UPDATE ""account_move""
 SET x",,,"odoo-12317","client backend",,3240381586518980876
"#,
    }],
    foreign: &[Foreign {
        whose: "a table of sessions as CSV",
        text: "sampled_at,pid,state\n2026-11-23 18:24:34.383 UTC,12,active\n",
    }],
    broken: &[Broken {
        reason: "truncated_row",
        text: "2026-11-23 18:26:34.513 UTC,,,12116,,6b0484e2.2f54,1,,2026-1",
    }],
};

/// Columns of the oldest supported layout.
const FEWEST_COLUMNS: usize = 23;
/// Columns that are kept; later layouts may add more at the end.
const KEPT_COLUMNS: usize = 23;

/// csvlog.
pub struct CsvLog;

/// Claims files whose rows begin like csvlog's.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut starts, mut good) = (0u32, 0u32);
    let mut open: Option<Vec<u8>> = None;
    for line in &sample.lines {
        if CsvLog.starts_record(line) {
            if let Some(row) = open.replace(line.to_vec()) {
                starts += 1;
                good += u32::from(is_row(&row));
            }
        } else if let Some(row) = open.as_mut() {
            row.push(b'\n');
            row.extend_from_slice(line);
        }
    }
    // The last row may be cut by the sample's end: it counts only if it is whole.
    if open.is_some_and(|row| is_row(&row)) {
        starts += 1;
        good += 1;
    }
    let score = f64::from(good) / f64::from(starts.max(1));
    (score >= 0.3).then(|| Claim { format: Box::new(CsvLog), score })
}

/// Whether the whole row is one of csvlog's.
fn is_row(row: &[u8]) -> bool {
    columns(row).is_ok_and(|columns| severity_like(columns.text(11)))
}

/// A word in capitals (`LOG`, `DEBUG1`, a translation).
fn severity_like(word: &[u8]) -> bool {
    (3..=20).contains(&word.len())
        && word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || !byte.is_ascii())
}

/// One column: what is between the quotes, and whether it holds doubled quotes.
#[derive(Clone, Copy, Default)]
struct Column<'a> {
    text: &'a [u8],
    escaped: bool,
}

impl<'a> Column<'a> {
    fn unescaped(self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.text);
        }
        let mut out = Vec::with_capacity(self.text.len());
        let mut kept = 0;
        for at in memchr_iter(b'"', self.text) {
            // The first quote of a pair is copied with what precedes it, the second is passed over.
            if at >= kept {
                out.extend_from_slice(self.text.get(kept..=at).unwrap_or_default());
                kept = at + 2;
            }
        }
        out.extend_from_slice(self.text.get(kept..).unwrap_or_default());
        Cow::Owned(out)
    }
}

struct Columns<'a>([Column<'a>; KEPT_COLUMNS]);

impl<'a> Columns<'a> {
    fn column(&self, index: usize) -> Column<'a> {
        self.0.get(index).copied().unwrap_or_default()
    }

    fn text(&self, index: usize) -> &'a [u8] {
        self.column(index).text
    }
}

/// Splits a row into its columns.
fn columns(row: &[u8]) -> Result<Columns<'_>, &'static str> {
    let mut found = [Column::default(); KEPT_COLUMNS];
    let mut count = 0usize;
    let mut rest = row;
    loop {
        let (column, after) = column(rest)?;
        if let Some(slot) = found.get_mut(count) {
            *slot = column;
        }
        count += 1;
        match after.split_first() {
            Some((b',', tail)) => rest = tail,
            // A carriage return or blank line at the end is no column; text behind a closing quote is damage.
            _ if after.trim_ascii().is_empty() => break,
            _ => return Err("bad_quoting"),
        }
    }
    if count < FEWEST_COLUMNS { Err("truncated_row") } else { Ok(Columns(found)) }
}

/// The first column of `rest` and what follows it (a comma, or nothing).
fn column(rest: &[u8]) -> Result<(Column<'_>, &[u8]), &'static str> {
    let Some(inner) = rest.strip_prefix(b"\"") else {
        let end = memchr(b',', rest).unwrap_or(rest.len());
        let (text, after) = rest.split_at_checked(end).ok_or("bad_quoting")?;
        return Ok((Column { text, escaped: false }, after));
    };
    let mut from = 0;
    let mut escaped = false;
    loop {
        let tail = inner.get(from..).unwrap_or_default();
        let at = from + memchr(b'"', tail).ok_or("unterminated_quote")?;
        if inner.get(at + 1) == Some(&b'"') {
            escaped = true;
            from = at + 2;
            continue;
        }
        let text = inner.get(..at).unwrap_or_default();
        return Ok((Column { text, escaped }, inner.get(at + 1..).unwrap_or_default()));
    }
}

impl Format for CsvLog {
    fn name(&self) -> String {
        "postgres-csvlog".to_owned()
    }

    fn source(&self) -> Source {
        Source::PostgresLog
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        // `YYYY-MM-DD HH:MM:SS.mmm ZONE,`; exports of other tools quote every column.
        let line = line.strip_prefix(b"\"").unwrap_or(line);
        let tail = line.get(19..).unwrap_or_default();
        let [b'.', a, b, c, b' ', zone @ ..] = tail else { return false };
        if ![a, b, c].iter().all(|byte| byte.is_ascii_digit()) || !looks_like_stamp(line) {
            return false;
        }
        let length = zone.iter().take(8).take_while(|byte| !matches!(byte, b',' | b' ' | b'"')).count();
        let after = zone.get(length..).unwrap_or_default();
        length > 0 && after.strip_prefix(b"\"").unwrap_or(after).first() == Some(&b',')
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &'a [u8] = &raw.text;
        if raw.orphan || !self.starts_record(text) {
            return Err("not_a_row");
        }
        let columns = columns(text)?;
        let (stamp, _) = stamp(columns.text(0)).ok_or("bad_timestamp")?;
        let severity = columns.text(11);
        if !severity_like(severity) {
            return Err("bad_severity");
        }
        let pid = digits(columns.text(3)).and_then(|pid| u32::try_from(pid).ok()).ok_or("bad_pid")?;
        let message = columns.column(13).unescaped();
        let severity = translated(severity).unwrap_or(severity);
        let sql_state = columns.text(12);
        let event = classify(severity, sql_state, &message);
        Ok(Record::Postgres(PostgresRecord {
            stamp,
            pid,
            severity,
            message,
            detail: columns.column(14).unescaped(),
            context: columns.column(18).unescaped(),
            statement: columns.column(19).unescaped(),
            application_name: columns.text(22),
            client_port: port(columns.text(4)),
            sql_state,
            event,
        }))
    }
}

/// The port of `ADDRESS:PORT`; a socket is `[local]`.
fn port(connection: &[u8]) -> Option<u16> {
    let text = connection.rsplit(|byte| *byte == b':').next().filter(|text| text.len() < connection.len())?;
    u16::try_from(digits(text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::PostgresEvent;

    const ROW: &str = "2026-11-23 18:25:40.940 UTC,\"odoo\",\"prod17\",12650,\"127.0.0.1:34128\",6b0484f4.316a,1,\"UPDATE\",\
        2026-11-23 18:24:52 UTC,4/237,2374,ERROR,23505,\"duplicate key value violates unique constraint \
        \"\"account_move_unique_name\"\"\",\"Key (name, journal_id)=(INV/2026/00038, 1) already exists.\",,,,,\
        \"UPDATE \"\"account_move\"\"\n SET x\",,,\"odoo-12317\",\"client backend\",,3240381586518980876";
    const PLAIN: &str = "2026-11-23 18:26:34.513 UTC,,,12116,,6b0484e2.2f54,1,,2026-11-23 18:24:34 UTC,,0,LOG,00000,\
        \"database system is ready to accept connections\",,,,,,,,,\"\",\"checkpointer\",,0";

    fn raw(text: &[u8]) -> Raw<'_> {
        Raw::of(text)
    }

    #[test]
    fn rows() {
        let input = raw(ROW.as_bytes());
        let Ok(Record::Postgres(record)) = CsvLog.parse(&input, &mut Memory::default()) else { panic!() };
        assert_eq!(
            (record.pid, record.client_port, record.sql_state),
            (12650, Some(34128), b"23505".as_slice())
        );
        assert_eq!(
            &*record.message,
            b"duplicate key value violates unique constraint \"account_move_unique_name\""
        );
        assert_eq!(&*record.detail, b"Key (name, journal_id)=(INV/2026/00038, 1) already exists.");
        assert_eq!(&*record.statement, b"UPDATE \"account_move\"\n SET x");
        assert_eq!(
            (record.application_name, record.severity),
            (b"odoo-12317".as_slice(), b"ERROR".as_slice())
        );
        assert!(matches!(record.detail, Cow::Borrowed(_)));
        let input = raw(PLAIN.as_bytes());
        let Ok(Record::Postgres(record)) = CsvLog.parse(&input, &mut Memory::default()) else { panic!() };
        assert_eq!((record.event, record.client_port), (PostgresEvent::Ready, None));
        for length in 0..ROW.len() {
            let _ = CsvLog.parse(&raw(&ROW.as_bytes()[..length]), &mut Memory::default());
        }
        let cut = |text: &str| CsvLog.parse(&raw(text.as_bytes()), &mut Memory::default()).err();
        assert_eq!(cut(""), Some("not_a_row"));
        assert_eq!(cut(&PLAIN[..60]), Some("truncated_row"));
        assert_eq!(cut(&PLAIN[..130]), Some("unterminated_quote"));
        assert_eq!(cut("\u{fffd}\0,,"), Some("not_a_row"));
        assert_eq!(Column { text: b"\"\"a\"\"", escaped: true }.unescaped().as_ref(), b"\"a\"");
    }

    #[test]
    fn detection() {
        let claim = |content: &str| {
            let lines = content.lines().map(|line| Cow::Borrowed(line.as_bytes())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim(&format!("tail of a row\n{PLAIN}\n{ROW}\n{PLAIN}\n{}", &ROW[..200])), Some(1.0));
        assert_eq!(claim("2026-11-23 18:24:34.383 UTC,a,b\n2026-11-23 18:24:34.383 UTC,a,b\n"), None);
        assert_eq!(claim("sampled_at,pid,state\n2026-11-23 18:24:34.383 UTC,12,active\n"), None);
        assert_eq!(claim(""), None);
    }
}
