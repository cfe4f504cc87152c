//! psql's expanded tables (`\x`): `-[ RECORD 1 ]---+---`, then `key | value`.

use std::borrow::Cow;

use memchr::memchr;

use super::{add_row, columns, csv::split_line, is_footer};
use crate::record::ActivitySnapshot;

/// Reads every record of a block. `false` if none was understood.
pub(super) fn read<'a>(body: &'a [u8], first_line: u32, snapshot: &mut ActivitySnapshot<'a>) -> bool {
    let mut understood = false;
    let mut bar = None;
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
        if line.starts_with(b"-[ RECORD ") {
            flush(&mut names, &mut cells, record_line);
            record_line = number;
            bar = memchr(b'+', line);
        } else if !line.trim_ascii().is_empty() && !is_footer(line) {
            let at = bar.filter(|at| line.get(*at) == Some(&b'|')).or_else(|| memchr(b'|', line));
            if let Some((name, value)) = at.and_then(|at| line.split_at_checked(at)) {
                let value = value.get(1..).unwrap_or_default();
                let name = name.trim_ascii();
                if !name.is_empty() {
                    names.push(name);
                    cells.push(Cow::Borrowed(value.trim_ascii()));
                } else if let Some(cell) = cells.last_mut() {
                    // A continuation: the line before ends with `+` at the right edge.
                    let whole = cell.to_mut();
                    if whole.last() == Some(&b'+') {
                        whole.pop();
                    }
                    whole.truncate(whole.trim_ascii_end().len());
                    whole.push(b'\n');
                    whole.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value).trim_ascii_end());
                }
            }
        }
        rest = tail;
        number = number.saturating_add(1);
    }
    flush(&mut names, &mut cells, record_line);
    understood
}
