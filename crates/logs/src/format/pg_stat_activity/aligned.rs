//! psql's aligned tables (borders 0 to 2, wrapped or not).

use std::borrow::Cow;

use memchr::memchr_iter;

use super::{Column, Kind, add_row, columns, csv::split_line, is_footer};
use crate::record::ActivitySnapshot;

/// Start and end of a column on screen, in cells of the terminal.
type Span = (usize, usize);

/// Reads every table of a block. `false` if no row was understood.
pub(super) fn read<'a>(body: &'a [u8], first_line: u32, snapshot: &mut ActivitySnapshot<'a>) -> bool {
    let mut understood = false;
    let mut rest = body;
    let mut number = first_line;
    let mut previous: &[u8] = b"";
    while !rest.is_empty() {
        let (line, tail) = split_line(rest);
        if let Some(ruler) = ruler(line)
            && self::ruler(previous).is_none()
            && let Some(columns) = columns(
                cut(ruler.without_edge(previous), &ruler.spans, ruler.barred)
                    .into_iter()
                    .map(|(name, _)| name),
            )
        {
            let (used, after) =
                table(tail, number.saturating_add(1), &ruler, &columns, snapshot, &mut understood);
            number = number.saturating_add(1).saturating_add(used);
            rest = after;
            previous = b"";
            continue;
        }
        previous = line;
        rest = tail;
        number = number.saturating_add(1);
    }
    understood
}

/// What a ruler such as `------+------` says.
struct Ruler {
    spans: Vec<Span>,
    /// Columns are parted by bars; border 0 has blanks.
    barred: bool,
}

impl Ruler {
    /// The line without the right edge of a box (border 2).
    fn without_edge<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let boxed = self.spans.first().is_some_and(|(start, _)| *start == 1);
        if boxed { line.strip_suffix(b"|").unwrap_or(line) } else { line }
    }
}

/// Reads a ruler; `None` if the line is none.
fn ruler(line: &[u8]) -> Option<Ruler> {
    let line = line.trim_ascii_end();
    if line.len() < 2 || !line.iter().all(|byte| matches!(byte, b'-' | b'+' | b' ')) || !line.contains(&b'-')
    {
        return None;
    }
    let mut spans = Vec::new();
    let mut start = 0;
    for part in line.split(|byte| matches!(byte, b'+' | b' ')) {
        let end = start + part.len();
        if !part.is_empty() {
            spans.push((start, end));
        }
        start = end + 1;
    }
    let barred = line.contains(&b'+');
    if !barred {
        // The mark of a cell that goes on stands in the gap behind it.
        spans.iter_mut().for_each(|(_, end)| *end += 1);
    }
    Some(Ruler { spans, barred })
}

/// Cells that a character takes on the screen, as psql counts them.
fn width(character: char) -> usize {
    match u32::from(character) {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Byte index of every span's start and end in a line (the line's end where it is shorter), and the line's width.
fn offsets(line: &[u8], spans: &[Span]) -> (Vec<Span>, usize) {
    if line.is_ascii() {
        let clamped = spans.iter().map(|(start, end)| ((*start).min(line.len()), (*end).min(line.len())));
        return (clamped.collect(), line.len());
    }
    // Byte index of each cell of the terminal.
    let mut cells = Vec::with_capacity(line.len());
    let mut at = 0usize;
    for chunk in line.utf8_chunks() {
        for character in chunk.valid().chars() {
            cells.extend(std::iter::repeat_n(at, width(character)));
            at += character.len_utf8();
        }
        for _ in chunk.invalid() {
            cells.push(at);
            at += 1;
        }
    }
    let index = |cell: usize| cells.get(cell).copied().unwrap_or(line.len());
    (spans.iter().map(|(start, end)| (index(*start), index(*end))).collect(), cells.len())
}

/// How a cell goes on in the next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    /// It does not.
    Ends,
    /// Behind a newline of its text (`+`).
    Newline,
    /// Cut by the width of the screen (`.`).
    Wrapped,
}

/// A cell with its padding, and how it goes on.
type Cell<'a> = (&'a [u8], Goes);

/// The cells of a line; the last one goes on to the end of the line. psql puts a `+` at the right edge of a cell that
/// goes on, where no text can stand.
fn cut<'a>(line: &'a [u8], spans: &[Span], barred: bool) -> Vec<Cell<'a>> {
    let (offsets, line_width) = offsets(line, spans);
    let last = offsets.len().saturating_sub(1);
    let mark = |cell: &'a [u8], at_edge: bool| match cell.split_last() {
        Some((b'+', rest)) if at_edge => (rest, Goes::Newline),
        Some((b'.', rest)) if at_edge => (rest, Goes::Wrapped),
        _ => (cell, Goes::Ends),
    };
    let fits = !barred
        || offsets
            .iter()
            .take(last)
            .all(|(_, end)| matches!(line.get(*end), Some(b'|' | b' ' | b':' | b';')));
    if !fits && memchr_iter(b'|', line).count() >= last {
        // Another idea of a character's width: only the last column, the query, may hold bars.
        return line
            .splitn(last + 1, |byte| *byte == b'|')
            .map(|cell| mark(cell, cell.ends_with(b" +")))
            .collect();
    }
    let reaches_edge = spans.last().is_some_and(|(_, end)| line_width == *end);
    offsets
        .iter()
        .enumerate()
        .map(|(at, (start, end))| {
            let (end, at_edge) = if at == last { (line.len(), reaches_edge) } else { (*end, true) };
            mark(line.get(*start..end).unwrap_or_default(), at_edge)
        })
        .collect()
}

/// Reads rows until the footer. Returns how many lines were used and what follows them.
fn table<'a>(
    text: &'a [u8],
    first_line: u32,
    ruler: &Ruler,
    columns: &[Column],
    snapshot: &mut ActivitySnapshot<'a>,
    understood: &mut bool,
) -> (u32, &'a [u8]) {
    let mut used = 0u32;
    let mut rest = text;
    let mut pending: Option<(Vec<Cow<'a, [u8]>>, u32)> = None;
    let mut open: Vec<Goes> = Vec::new();
    let pid = columns.iter().position(|column| column.kind == Kind::Pid);
    let mut flush = |pending: Option<(Vec<Cow<'a, [u8]>>, u32)>| {
        if let Some((cells, line)) = pending {
            *understood |= add_row(snapshot, columns, cells.into_iter(), line);
        }
    };
    while !rest.is_empty() {
        let (line, tail) = split_line(rest);
        if line.trim_ascii().is_empty() || is_footer(line) || self::ruler(line).is_some() {
            break;
        }
        // Something else between the rows, such as a message of psql.
        if ruler.barred && ruler.spans.len() > 1 && memchr::memchr3(b'|', b':', b';', line).is_none() {
            break;
        }
        let line_cells = cut(ruler.without_edge(line), &ruler.spans, ruler.barred);
        let continues = open.iter().any(|open| *open != Goes::Ends);
        let mut now_open = Vec::with_capacity(line_cells.len());
        if continues && let Some((cells, _)) = pending.as_mut() {
            for ((cell, (more, goes_on)), was_open) in cells.iter_mut().zip(&line_cells).zip(&open) {
                if *was_open != Goes::Ends {
                    let whole = cell.to_mut();
                    if *was_open == Goes::Newline {
                        whole.push(b'\n');
                    }
                    let more = match more.split_first() {
                        Some((b' ' | b'.', rest)) if ruler.barred => rest,
                        _ => more,
                    };
                    whole.extend_from_slice(if *goes_on == Goes::Wrapped {
                        more
                    } else {
                        more.trim_ascii_end()
                    });
                }
                now_open.push(if *was_open == Goes::Ends { Goes::Ends } else { *goes_on });
            }
        } else if let Some((cells, _)) = pending.as_mut()
            && pid.is_some_and(|at| line_cells.get(at).is_some_and(|(cell, _)| cell.trim_ascii().is_empty()))
        {
            // `linestyle=old-ascii` has no mark where a cell goes on.
            for (cell, (more, goes_on)) in cells.iter_mut().zip(&line_cells) {
                if !more.trim_ascii().is_empty() {
                    let whole = cell.to_mut();
                    whole.push(b'\n');
                    whole.extend_from_slice(more.strip_prefix(b" ").unwrap_or(more).trim_ascii_end());
                }
                now_open.push(*goes_on);
            }
        } else {
            flush(pending.take());
            let mut cells = Vec::with_capacity(line_cells.len());
            for (cell, goes_on) in line_cells {
                let whole =
                    if goes_on == Goes::Wrapped { cell.trim_ascii_start() } else { cell.trim_ascii() };
                cells.push(Cow::Borrowed(whole));
                now_open.push(goes_on);
            }
            pending = Some((cells, first_line.saturating_add(used)));
        }
        open = now_open;
        used = used.saturating_add(1);
        rest = tail;
    }
    flush(pending.take());
    (used, rest)
}
