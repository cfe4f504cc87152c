//! psql's unaligned output (`-A`) with any separator: with a header, without one (`-t`), or expanded (`-x`).

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::{Column, Kind, add_row, columns, csv::split_line, interval_us, is_footer};
use crate::record::ActivitySnapshot;

/// Reads a block. `false` if no row was understood.
pub(super) fn read<'a>(body: &'a [u8], first_line: u32, snapshot: &mut ActivitySnapshot<'a>) -> bool {
    let (first, rest) = split_line(body);
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    if let Some((separator, columns)) = header(first) {
        return rows(rest, first_line.saturating_add(1), separator, &columns, snapshot);
    }
    if let Some(separator) = member(first) {
        return expanded(body, first_line, separator, snapshot);
    }
    // Nothing names the columns: they are told by their values, as far as that is certain.
    let separator: &[u8] = if memmem::find(first, b" | ").is_some() { b" | " } else { b"|" };
    match guessed(first, separator) {
        Some(columns) => rows(body, first_line, separator, &columns, snapshot),
        None => false,
    }
}

/// Whether a byte can stand in a column's name.
fn of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'?')
}

/// The separator that follows the first name of a line, at most four bytes.
fn separator(line: &[u8]) -> Option<&[u8]> {
    let start = line.iter().position(|byte| !of_name(*byte)).filter(|at| *at > 0)?;
    let rest = line.get(start..)?;
    let length = rest.iter().position(|byte| of_name(*byte)).unwrap_or(rest.len());
    (1..=4).contains(&length).then(|| rest.get(..length))?
}

/// A header: names, all parted alike. CSV has its own reader, with quotes.
fn header(line: &[u8]) -> Option<(&[u8], Vec<Column>)> {
    let separator = separator(line)?;
    if line.len() > 4096 {
        return None;
    }
    let names: Vec<&[u8]> = split(line, separator, usize::MAX);
    let plain = names.iter().all(|name| {
        name.first().is_some_and(|first| !first.is_ascii_digit()) && name.iter().all(|byte| of_name(*byte))
    });
    let columns = columns(names.into_iter()).filter(|_| plain)?;
    (columns.len() > 1 && columns.iter().any(|column| column.kind != Kind::Other))
        .then_some((separator, columns))
}

/// The separator of `pid|3768`, the first line of an expanded record.
fn member(line: &[u8]) -> Option<&[u8]> {
    let separator = separator(line)?;
    let name = line.get(..memmem::find(line, separator)?)?;
    let value = line.get(name.len() + separator.len()..)?;
    let kind = Column::named(name).kind;
    (kind != Kind::Other && memmem::find(value, separator).is_none()).then_some(separator)
}

/// Splits a line into at most `most` cells.
fn split<'a>(line: &'a [u8], separator: &[u8], most: usize) -> Vec<&'a [u8]> {
    let mut cells = Vec::new();
    let mut rest = line;
    while cells.len() + 1 < most
        && let Some(at) = memmem::find(rest, separator)
    {
        cells.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + separator.len()..).unwrap_or_default();
    }
    cells.push(rest);
    cells
}

/// Rows of cells. A line with too few cells goes on with the last cell of the row before it.
fn rows<'a>(
    text: &'a [u8],
    first_line: u32,
    separator: &[u8],
    columns: &[Column],
    snapshot: &mut ActivitySnapshot<'a>,
) -> bool {
    let mut understood = false;
    let mut pending: Option<(Vec<Cow<'a, [u8]>>, u32)> = None;
    let pid = columns.iter().position(|column| column.kind == Kind::Pid);
    let (mut rest, mut number) = (text, first_line);
    let mut flush = |row: Option<(Vec<Cow<'a, [u8]>>, u32)>| {
        if let Some((cells, line)) = row {
            understood |= add_row(snapshot, columns, cells.into_iter().map(unquoted), line);
        }
    };
    while !rest.is_empty() {
        let (line, tail) = split_line(rest);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let cells = split(line, separator, columns.len());
        let numbered = pid.is_none_or(|at| {
            cells.get(at).is_some_and(|cell| {
                let cell = cell.trim_ascii();
                !cell.is_empty() && cell.iter().all(u8::is_ascii_digit)
            })
        });
        if cells.len() == columns.len() && numbered {
            flush(pending.take());
            pending =
                Some((cells.into_iter().map(|cell| Cow::Borrowed(cell.trim_ascii())).collect(), number));
        } else if is_footer(line) || line.starts_with(b"Time: ") {
            flush(pending.take());
        } else if let Some(cell) = pending.as_mut().and_then(|(cells, _)| cells.last_mut())
            && !line.is_empty()
        {
            // Aligned rows without a header repeat the bars; only the last cell goes on.
            let more = cells.last().copied().unwrap_or_default();
            let whole = cell.to_mut();
            if whole.last() == Some(&b'+') && separator == b" | " {
                whole.pop();
                whole.truncate(whole.trim_ascii_end().len());
            }
            whole.push(b'\n');
            whole.extend_from_slice(if separator == b" | " { more } else { line });
        }
        rest = tail;
        number = number.saturating_add(1);
    }
    flush(pending);
    understood
}

/// A cell of CSV with another separator (`csv_fieldsep`): its quotes undone.
fn unquoted(cell: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let inner = cell.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    match inner {
        Some(inner) => Cow::Owned(super::csv::unquoted(inner)),
        None => cell,
    }
}

/// `name|value` lines; a blank line, or the first name again, begins the next record.
fn expanded<'a>(
    text: &'a [u8],
    first_line: u32,
    separator: &[u8],
    snapshot: &mut ActivitySnapshot<'a>,
) -> bool {
    let mut understood = false;
    let (mut names, mut cells): (Vec<&'a [u8]>, Vec<Cow<'a, [u8]>>) = Default::default();
    let (mut rest, mut number, mut begun) = (text, first_line, first_line);
    let mut flush = |names: &mut Vec<&'a [u8]>, cells: &mut Vec<Cow<'a, [u8]>>, line: u32| {
        if let Some(columns) = columns(names.drain(..)) {
            understood |= add_row(snapshot, &columns, cells.drain(..), line);
        }
        cells.clear();
    };
    while !rest.is_empty() {
        let (line, tail) = split_line(rest);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let pair = memmem::find(line, separator).and_then(|at| {
            let name =
                line.get(..at).filter(|name| !name.is_empty() && name.iter().all(|byte| of_name(*byte)))?;
            Some((name, line.get(at + separator.len()..)?))
        });
        if line.is_empty() || pair.is_some_and(|(name, _)| names.first() == Some(&name)) {
            flush(&mut names, &mut cells, begun);
        }
        if let Some((name, value)) = pair {
            if names.is_empty() {
                begun = number;
            }
            names.push(name);
            cells.push(Cow::Borrowed(value));
        } else if let Some(cell) = cells.last_mut().filter(|_| !line.is_empty()) {
            let whole = cell.to_mut();
            whole.push(b'\n');
            whole.extend_from_slice(line);
        }
        rest = tail;
        number = number.saturating_add(1);
    }
    flush(&mut names, &mut cells, begun);
    understood
}

/// The columns of a row without a header: the first number is the process, a known word the state or the kind of wait,
/// braces the blocking processes, intervals the ages of query and transaction (in the order that samplers print them),
/// and the last cell the query.
fn guessed(line: &[u8], separator: &[u8]) -> Option<Vec<Column>> {
    let cells = split(line, separator, 64);
    if cells.len() < 4 || memchr(b'|', line).is_none() {
        return None;
    }
    let mut kinds: Vec<Kind> = Vec::with_capacity(cells.len());
    for cell in &cells {
        let cell = cell.trim_ascii();
        let is_new = |kind: Kind| !kinds.contains(&kind);
        let kind = match cell {
            b"active" | b"idle" | b"idle in transaction" | b"idle in transaction (aborted)" => Kind::State,
            b"Lock" | b"LWLock" | b"Client" | b"IO" | b"IPC" | b"Timeout" | b"Activity" | b"BufferPin"
            | b"Extension" => Kind::WaitEventType,
            cell if is_new(Kind::Pid)
                && cell.len() <= 7
                && !cell.is_empty()
                && cell.iter().all(u8::is_ascii_digit) =>
            {
                Kind::Pid
            }
            cell if cell.starts_with(b"{") && cell.ends_with(b"}") => Kind::BlockedBy,
            cell if cell.starts_with(b"odoo-") => Kind::ApplicationName,
            cell if interval_us(cell).is_some() => {
                if is_new(Kind::QueryAge) {
                    Kind::QueryAge
                } else {
                    Kind::TransactionAge
                }
            }
            _ => Kind::Other,
        };
        kinds.push(kind);
    }
    if kinds.last() == Some(&Kind::Other)
        && let Some(last) = kinds.last_mut()
    {
        *last = Kind::Query;
    }
    let certain =
        kinds.contains(&Kind::Pid) && (kinds.contains(&Kind::State) || kinds.contains(&Kind::QueryAge));
    certain.then(|| kinds.into_iter().map(|kind| Column { kind, milliseconds: false }).collect())
}
