//! JSON out of psql: `row_to_json` with one session a line, and `json_agg` or `jsonb_agg` with one list.

use std::borrow::Cow;

use memchr::{memchr_iter, memmem};
use serde_json::Value;

use super::super::{Claim, Format, Memory, Raw, Sample, Source};
use super::{Column, Kind, add_row};
use crate::record::{ActivitySnapshot, Record};

/// One cell as psql would print it.
fn cell(value: &Value) -> Cow<'static, [u8]> {
    Cow::Owned(match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    })
}

/// Adds the sessions of an object or of a list of objects.
fn add(value: &Value, line: u32, snapshot: &mut ActivitySnapshot<'_>) -> bool {
    match value {
        Value::Array(rows) => {
            let mut any = false;
            for row in rows.iter().filter(|row| row.is_object()) {
                any |= add(row, line, snapshot);
            }
            any
        }
        Value::Object(members) => {
            let columns: Vec<Column> = members.keys().map(|key| Column::named(key.as_bytes())).collect();
            let session = columns.iter().any(|column| column.kind == Kind::Pid)
                && columns.iter().any(|column| matches!(column.kind, Kind::Query | Kind::State));
            // The time of the sample first: ages need it.
            let mut pairs: Vec<(Column, Cow<'static, [u8]>)> =
                columns.into_iter().zip(members.values().map(cell)).collect();
            pairs.sort_by_key(|(column, _)| column.kind != Kind::Stamp);
            let (columns, cells): (Vec<Column>, Vec<_>) = pairs.into_iter().unzip();
            session && add_row(snapshot, &columns, cells.into_iter(), line)
        }
        _ => false,
    }
}

/// Reads the objects under a line with the time. Aligned output puts a header, a ruler and `+` signs around a list.
pub(super) fn read_block(body: &[u8], first_line: u32, snapshot: &mut ActivitySnapshot<'_>) -> bool {
    if memmem::find(body, b"\"pid\"").is_none() {
        return false;
    }
    let mut text = Vec::with_capacity(body.len());
    let mut begun = None;
    for (number, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if begun.is_none() && !matches!(line.first(), Some(b'{' | b'[')) {
            continue;
        }
        begun = begun.or(Some(number));
        if super::is_footer(line) {
            break;
        }
        text.extend_from_slice(line.strip_suffix(b"+").unwrap_or(line));
        text.push(b'\n');
    }
    let begun = u32::try_from(begun.unwrap_or(0)).unwrap_or(0);
    let mut values = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
    let mut understood = false;
    loop {
        let at = values.byte_offset();
        let Some(Ok(value)) = values.next() else { break };
        let lines = memchr_iter(b'\n', text.get(..at).unwrap_or_default()).count();
        let line = first_line.saturating_add(begun).saturating_add(u32::try_from(lines).unwrap_or(0));
        understood |= add(&value, line, snapshot);
    }
    understood
}

/// One session a line, with the time of the sample in a member.
#[derive(Debug)]
struct Rows;

/// Claims lines of objects that have a session's members and a time.
pub(super) fn detect(sample: &Sample<'_>) -> Option<Claim> {
    let (mut total, mut understood) = (0u32, 0u32);
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        total += 1;
        let mut snapshot = ActivitySnapshot::default();
        understood += u32::from(read_row(line, &mut snapshot) && snapshot.stamp.is_some());
    }
    let score = f64::from(understood) / f64::from(total.max(1));
    (score >= 0.3).then(|| Claim { format: Box::new(Rows), score })
}

fn read_row(line: &[u8], snapshot: &mut ActivitySnapshot<'_>) -> bool {
    line.trim_ascii_start().first() == Some(&b'{')
        && memmem::find(line, b"\"pid\"").is_some()
        && serde_json::from_slice::<Value>(line).is_ok_and(|value| add(&value, 0, snapshot))
}

impl Format for Rows {
    fn name(&self) -> String {
        "pg-stat-activity:json".to_owned()
    }

    fn source(&self) -> Source {
        Source::PgStatActivity
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        line.first() == Some(&b'{')
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        if raw.text.trim_ascii().is_empty() {
            return Ok(Record::Structure);
        }
        let mut snapshot = ActivitySnapshot { complete: true, ..ActivitySnapshot::default() };
        if raw.orphan || !read_row(&raw.text, &mut snapshot) {
            return Err("not_a_session");
        }
        Ok(Record::Activity(snapshot))
    }
}
