//! psql's expanded tables (`\x`): `-[ RECORD 1 ]---+---`, then `key | value`; border 2 has a box around them, border 0
//! `* Record 1` and blanks.

use std::borrow::Cow;

use memchr::memchr;

use super::{add_row, columns, csv::split_line, is_footer};
use crate::record::ActivitySnapshot;

/// Reads every record of a block. `false` if none was understood.
pub(super) fn read<'a>(body: &'a [u8], first_line: u32, snapshot: &mut ActivitySnapshot<'a>) -> bool {
    let mut understood = false;
    let mut bar = None;
    let mut blanks = false;
    let mut record_line = first_line;
    let mut names: Vec<&'a [u8]> = Vec::new();
    let mut cells: Vec<Cow<'a, [u8]>> = Vec::new();
    let mut flush = |names: &mut Vec<&'a [u8]>, cells: &mut Vec<Cow<'a, [u8]>>, line: u32| {
        if let Some(columns) = columns(names.iter().copied()) {
            understood |= add_row(snapshot, &columns, cells.drain(..), line);
        }
        names.clear();
        cells.clear();
    };
    let mut rest = body;
    let mut number = first_line;
    while !rest.is_empty() {
        let (line, tail) = split_line(rest);
        let boxed = line.strip_prefix(b"+").filter(|rest| rest.starts_with(b"-"));
        let line = match line.strip_prefix(b"| ").map(|rest| (rest, rest.trim_ascii_end())) {
            Some((rest, trimmed)) => trimmed.strip_suffix(b"|").unwrap_or(rest),
            None => line,
        };
        if is_record(boxed.unwrap_or(line)) {
            flush(&mut names, &mut cells, record_line);
            record_line = number;
            blanks = line.starts_with(b"* ");
            bar = match boxed {
                // The bar of the lines, whose first two signs are taken off.
                Some(rest) => memchr(b'+', rest).and_then(|at| at.checked_sub(1)),
                None => memchr(b'+', line),
            };
        } else if boxed.is_some() {
            // The lower edge.
        } else if blanks {
            let name = line.get(..memchr(b' ', line).unwrap_or(line.len())).unwrap_or_default();
            let value = line.get(name.len()..).unwrap_or_default();
            if !name.is_empty() {
                names.push(name);
                cells.push(Cow::Borrowed(value.trim_ascii()));
            } else if let Some(cell) = cells.last_mut() {
                go_on(cell, value.trim_ascii_start());
            }
        } else if !line.trim_ascii().is_empty() && !is_footer(line) {
            let at = bar.filter(|at| line.get(*at) == Some(&b'|')).or_else(|| memchr(b'|', line));
            if let Some((name, value)) = at.and_then(|at| line.split_at_checked(at)) {
                let value = value.get(1..).unwrap_or_default();
                let name = name.trim_ascii();
                if !name.is_empty() {
                    names.push(name);
                    cells.push(Cow::Borrowed(value.trim_ascii()));
                } else if let Some(cell) = cells.last_mut() {
                    go_on(cell, value.strip_prefix(b" ").unwrap_or(value));
                }
            }
        }
        rest = tail;
        number = number.saturating_add(1);
    }
    flush(&mut names, &mut cells, record_line);
    understood
}

/// Whether a line begins a record.
pub(super) fn is_record(line: &[u8]) -> bool {
    line.starts_with(b"-[ RECORD ") || line.starts_with(b"* Record ")
}

/// A continuation: the line before ends with `+` at the right edge.
fn go_on(cell: &mut Cow<'_, [u8]>, more: &[u8]) {
    let whole = cell.to_mut();
    if whole.last() == Some(&b'+') {
        whole.pop();
    }
    whole.truncate(whole.trim_ascii_end().len());
    whole.push(b'\n');
    whole.extend_from_slice(more.trim_ascii_end());
}
