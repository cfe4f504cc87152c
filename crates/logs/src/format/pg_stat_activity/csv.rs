//! CSV as `COPY … TO STDOUT CSV HEADER` and `psql --csv` write it (RFC 4180), one session a row.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};

use super::super::{Claim, Format, Memory, Raw, Sample, Source};
use super::{Column, Kind, add_row, columns, sample_stamp};
use crate::record::{ActivitySnapshot, Record};
use crate::timestamp::iso;

/// Columns of `select now() as sample_ts, *, pg_blocking_pids(pid) as blocked_by`, PostgreSQL 14 to 17, for files whose
/// header is cut off.
const DEFAULT: &str = "sample_ts,datid,datname,pid,leader_pid,usesysid,usename,application_name,client_addr,\
    client_hostname,client_port,backend_start,xact_start,query_start,state_change,wait_event_type,wait_event,state,\
    backend_xid,backend_xmin,query_id,query,backend_type,blocked_by";
/// The same with the blocking pids second.
const DEFAULT_BLOCKING_SECOND: &str = "sample_ts,blocking_pids,datid,datname,pid,leader_pid,usesysid,usename,\
    application_name,client_addr,client_hostname,client_port,backend_start,xact_start,query_start,state_change,\
    wait_event_type,wait_event,state,backend_xid,backend_xmin,query_id,query,backend_type";

/// The first line of `text` without its newline, and the lines after it.
pub(in super::super) fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'\n', text).and_then(|at| text.split_at_checked(at)) {
        Some((line, rest)) => (line, rest.get(1..).unwrap_or_default()),
        None => (text, b""),
    }
}

/// A field, what follows it, and whether the record goes on.
type Field<'a> = (Cow<'a, [u8]>, &'a [u8], bool);
/// The fields of a record, and what follows it.
pub(in super::super) type Fields<'a> = (Vec<Cow<'a, [u8]>>, &'a [u8]);

/// Takes one field off the front: the field, what follows it, and whether the record goes on. `None`: a quote is
/// not closed, or something follows a closing quote.
fn field(text: &[u8]) -> Option<Field<'_>> {
    let (value, rest) = match text.strip_prefix(b"\"") {
        None => {
            let end = memchr::memchr2(b',', b'\n', text).unwrap_or(text.len());
            let (value, rest) = text.split_at_checked(end)?;
            (Cow::Borrowed(value.strip_suffix(b"\r").unwrap_or(value)), rest)
        }
        Some(quoted) => {
            let mut from = 0;
            let mut doubled = false;
            let end = loop {
                let at = from + memchr(b'"', quoted.get(from..)?)?;
                if quoted.get(at + 1) == Some(&b'"') {
                    doubled = true;
                    from = at + 2;
                } else {
                    break at;
                }
            };
            let value = quoted.get(..end)?;
            let value = if doubled { Cow::Owned(unquoted(value)) } else { Cow::Borrowed(value) };
            let rest = quoted.get(end + 1..)?;
            (value, rest.strip_prefix(b"\r").unwrap_or(rest))
        }
    };
    match rest.split_first() {
        Some((b',', rest)) => Some((value, rest, true)),
        Some((b'\n', rest)) => Some((value, rest, false)),
        Some(_) => None,
        None => Some((value, rest, false)),
    }
}

/// Replaces doubled quotes by single ones.
pub(super) fn unquoted(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memmem::find(rest, b"\"\"") {
        text.extend_from_slice(rest.get(..=at).unwrap_or_default());
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    text
}

/// Takes one record off the front: its fields and what follows.
pub(in super::super) fn record(text: &[u8], expected: usize) -> Option<Fields<'_>> {
    let mut fields = Vec::with_capacity(expected);
    let mut rest = text;
    loop {
        let (value, tail, more) = field(rest)?;
        fields.push(value);
        rest = tail;
        if !more {
            return Some((fields, rest));
        }
    }
}

/// The columns, if the line is a header of sessions or counts.
fn header(line: &[u8]) -> Option<Vec<Column>> {
    if line.len() > 4096 || memchr(b',', line).is_none() || memchr(b'|', line).is_some() {
        return None;
    }
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let plain = |name: &[u8]| {
        !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'?'))
    };
    let names = || line.trim_ascii().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    names().all(plain).then(|| columns(names()))?
}

/// CSV with one session a row and the time of the sample in a column.
#[derive(Debug)]
struct Rows {
    columns: Vec<Column>,
}

/// Claims CSV by its header, or by its rows if they have the usual columns.
pub(super) fn detect(sample: &Sample<'_>) -> Option<Claim> {
    let is_rows = |columns: &Vec<Column>| {
        let has = |kind: Kind| columns.iter().any(|column| column.kind == kind);
        has(Kind::Pid)
            && (has(Kind::Query) || has(Kind::State))
            && columns.first().is_some_and(|column| matches!(column.kind, Kind::Stamp | Kind::Pid))
    };
    let learnt = sample.lines.iter().find_map(|line| header(line).filter(is_rows));
    let candidates = match learnt {
        Some(columns) => vec![columns],
        None => {
            [DEFAULT, DEFAULT_BLOCKING_SECOND].iter().filter_map(|names| header(names.as_bytes())).collect()
        }
    };
    candidates
        .into_iter()
        .filter_map(|columns| {
            let format = Rows { columns };
            let score = score(&format, sample);
            (score >= 0.3).then(|| Claim { format: Box::new(format), score })
        })
        .max_by(|one, other| one.score.total_cmp(&other.score))
}

/// Share of the sample's records that parse; the last one may be cut. A header alone counts as understood.
pub(in super::super) fn score(format: &dyn Format, sample: &Sample<'_>) -> f64 {
    let starts: Vec<usize> = sample
        .lines
        .iter()
        .enumerate()
        .filter(|(_, line)| format.starts_record(line))
        .map(|(at, _)| at)
        .collect();
    let (mut total, mut understood) = (0u32, 0u32);
    for (index, from) in starts.iter().enumerate() {
        let to = starts.get(index + 1).copied();
        let text = sample
            .lines
            .get(*from..to.unwrap_or(sample.lines.len()))
            .unwrap_or_default()
            .join(b"\n".as_slice());
        let raw = Raw::of(text);
        let parsed = format.parse(&raw, &mut Memory::default()).is_ok();
        if parsed || to.is_some() {
            total += 1;
        }
        understood += u32::from(parsed);
    }
    f64::from(understood) / f64::from(total.max(1))
}

impl Format for Rows {
    fn name(&self) -> String {
        "pg-stat-activity:csv".to_owned()
    }

    fn source(&self) -> Source {
        Source::PgStatActivity
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        let Some((first, rest)) = memchr(b',', line.get(..line.len().min(48)).unwrap_or_default())
            .and_then(|at| line.split_at_checked(at))
        else {
            return false;
        };
        if self.columns.first().is_some_and(|column| column.kind == Kind::Stamp) {
            return iso(first).is_some_and(|(_, used)| used == first.len()) || sample_stamp(first).is_some();
        }
        // A pid; lists of numbers in a query have blanks or few commas.
        !first.is_empty() && first.iter().all(u8::is_ascii_digit) && memchr_iter(b',', rest).count() >= 3
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &'a [u8] = &raw.text;
        if raw.orphan || !self.starts_record(text) {
            return if header(text).is_some() || text.trim_ascii().is_empty() {
                Ok(Record::Structure)
            } else {
                Err("not_a_row")
            };
        }
        let (cells, rest) = record(text, self.columns.len()).ok_or("unbalanced_quotes")?;
        if cells.len() < self.columns.len() {
            return Err("truncated_row");
        }
        if cells.len() > self.columns.len() {
            return Err("too_many_columns");
        }
        // The header is printed again when the sampler was restarted.
        let stray = rest.trim_ascii();
        if !stray.is_empty() && header(stray).is_none() {
            return Err("text_behind_row");
        }
        let mut snapshot = ActivitySnapshot { complete: true, ..ActivitySnapshot::default() };
        if let Some(at) = self.columns.iter().position(|column| column.kind == Kind::Stamp) {
            // Ages need it, wherever its column is.
            snapshot.stamp = Some(cells.get(at).and_then(|cell| sample_stamp(cell)).ok_or("bad_timestamp")?);
        }
        if !add_row(&mut snapshot, &self.columns, cells.into_iter(), 0) {
            return Err("bad_pid");
        }
        Ok(Record::Activity(snapshot))
    }
}

/// CSV with a header, under a line with the time.
pub(super) fn read_block<'a>(body: &'a [u8], first_line: u32, snapshot: &mut ActivitySnapshot<'a>) -> bool {
    let (first, mut rest) = split_line(body);
    let Some(columns) = header(first) else { return false };
    let mut understood = false;
    let mut line = first_line.saturating_add(1);
    while !rest.is_empty() {
        let Some((cells, tail)) = record(rest, columns.len()) else { break };
        let used = rest.get(..rest.len().saturating_sub(tail.len())).unwrap_or_default();
        if cells.len() == columns.len() {
            understood |= add_row(snapshot, &columns, cells.into_iter(), line);
        }
        line = line.saturating_add(u32::try_from(memchr_iter(b'\n', used).count()).unwrap_or(0));
        rest = tail;
    }
    understood
}
