//! psql's `linestyle=unicode`: box drawing, brought back to the ASCII signs that stand in the same places.

use crate::record::{ActivityRow, ActivitySnapshot};
use std::borrow::Cow;

/// Whether a text is drawn with boxes: a ruler or a bar stands in it.
pub(super) fn drawn(text: &[u8]) -> bool {
    ["──", "══", "↵"].iter().any(|sign| memchr::memmem::find(text, sign.as_bytes()).is_some())
}

/// The same table in ASCII. Every sign is one cell of the screen in both.
pub(super) fn to_ascii(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '─' | '━' | '═' => out.push(b'-'),
                '│' | '┃' | '║' => out.push(b'|'),
                '\u{250c}'..='\u{254b}' | '\u{2552}'..='\u{256c}' | '\u{256d}'..='\u{2570}' | '↵' => {
                    out.push(b'+')
                }
                '…' => out.push(b'.'),
                other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
    out
}

/// A cell of its own.
fn owned(cell: Cow<'_, [u8]>) -> Cow<'static, [u8]> {
    Cow::Owned(cell.into_owned())
}

/// Moves what was read from a text of its own into a snapshot that outlives it.
pub(super) fn keep(from: ActivitySnapshot<'_>, into: &mut ActivitySnapshot<'_>) {
    into.stamp = from.stamp.or(into.stamp);
    into.counts = from.counts.or(into.counts);
    into.complete |= from.complete;
    into.rows.extend(from.rows.into_iter().map(|row| ActivityRow {
        application_name: owned(row.application_name),
        state: owned(row.state),
        wait_event_type: owned(row.wait_event_type),
        wait_event: owned(row.wait_event),
        backend_type: owned(row.backend_type),
        query: owned(row.query),
        pid: row.pid,
        query_age_us: row.query_age_us,
        xact_age_us: row.xact_age_us,
        state_age_us: row.state_age_us,
        blocked_by: row.blocked_by,
        client_port: row.client_port,
        sampler: row.sampler,
        line_in_record: row.line_in_record,
    }));
}
