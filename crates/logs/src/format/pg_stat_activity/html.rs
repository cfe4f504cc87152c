//! psql's HTML tables (`-H`), one session a row, or with `\x` one member a row.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};

use super::{add_row, columns};
use crate::record::ActivitySnapshot;

/// Reads every table of a block. `false` if no row was understood.
pub(super) fn read(body: &[u8], first_line: u32, snapshot: &mut ActivitySnapshot<'_>) -> bool {
    let mut understood = false;
    let mut add = |names: &[Vec<u8>], cells: Vec<Vec<u8>>, at: usize| {
        let lines = memchr_iter(b'\n', body.get(..at).unwrap_or_default()).count();
        let line = first_line.saturating_add(u32::try_from(lines).unwrap_or(0));
        if let Some(columns) = columns(names.iter().map(Vec::as_slice)) {
            understood |= add_row(snapshot, &columns, cells.into_iter().map(Cow::Owned), line);
        }
    };
    let mut header: Vec<Vec<u8>> = Vec::new();
    // Names and values of an expanded record.
    let (mut names, mut values): (Vec<Vec<u8>>, Vec<Vec<u8>>) = Default::default();
    let mut at = 0;
    while let Some((start, end)) = element(body, at, b"<tr") {
        let row = body.get(start..end).unwrap_or_default();
        let (mut heads, mut cells) = (texts(row, b"<th"), texts(row, b"<td"));
        match (heads.len(), cells.len()) {
            (1, 1) => {
                names.append(&mut heads);
                values.append(&mut cells);
            }
            // `Record 2`.
            (0, 1) if !names.is_empty() => {
                add(&names, std::mem::take(&mut values), start);
                names.clear();
            }
            (1.., 0) => header = heads,
            (0, _) if cells.len() == header.len() => add(&header, cells, start),
            _ => {}
        }
        at = end;
    }
    if !names.is_empty() {
        add(&names, values, at);
    }
    understood
}

/// The place behind the opening tag, and the place of the next closing one of the same name. `tag` is `<tr` or alike.
fn element(text: &[u8], from: usize, tag: &[u8]) -> Option<(usize, usize)> {
    let mut open = from;
    loop {
        open += memmem::find(text.get(open..)?, tag)? + tag.len();
        // `<tr` is not `<track`.
        if matches!(text.get(open), Some(b'>' | b' ' | b'\n')) {
            break;
        }
    }
    let start = open + memchr(b'>', text.get(open..)?)? + 1;
    let close = [b"</", tag.get(1..)?, b">"].concat();
    Some((start, start + memmem::find(text.get(start..)?, &close)?))
}

/// The texts of all elements of a name in a row.
fn texts(row: &[u8], tag: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some((start, end)) = element(row, at, tag) {
        out.push(plain(row.get(start..end).unwrap_or_default()));
        at = end;
    }
    out
}

/// Undoes psql's escapes. A newline in a cell is `<br />` and a newline.
fn plain(text: &[u8]) -> Vec<u8> {
    const ESCAPES: [(&[u8], &[u8]); 6] = [
        (b"&lt;", b"<"),
        (b"&gt;", b">"),
        (b"&quot;", b"\""),
        (b"&nbsp;", b" "),
        (b"<br />", b""),
        (b"&amp;", b"&"),
    ];
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.trim_ascii();
    while let Some(at) = memchr::memchr2(b'&', b'<', rest) {
        let (head, tail) = rest.split_at(at);
        out.extend_from_slice(head);
        let found = ESCAPES.iter().find(|(escape, _)| tail.starts_with(escape));
        let (escape, sign) =
            found.copied().unwrap_or((tail.get(..1).unwrap_or_default(), tail.get(..1).unwrap_or_default()));
        out.extend_from_slice(sign);
        rest = tail.get(escape.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
