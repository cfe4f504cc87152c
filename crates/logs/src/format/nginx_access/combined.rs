//! The beginning of nearly every access log, nginx's `combined`, read by hand: what the matcher of compiled formats would
//! find in it, in a fraction of the time.

use memchr::memchr2;

use super::fields::{Fields, Times, time_local};
use super::log_format::Piece;
use crate::sixteen;
use crate::timestamp::{leading_number, number};

/// nginx's `combined`.
pub(super) const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

/// The pieces behind the agent's value, if `pieces` begin as `combined`, which is compiled, does.
pub(super) fn behind<'p>(pieces: &'p [Piece], combined: &[Piece]) -> Option<&'p [Piece]> {
    pieces.strip_prefix(combined.split_last()?.1)
}

/// Reads a line up to the quote that ends the agent; what follows, or `None` if the line is not of the most common kind,
/// which says nothing of it yet.
pub(super) fn read<'a>(line: &'a [u8], fields: &mut Fields<'a>, last: &mut Times) -> Option<&'a [u8]> {
    let blank = sixteen::find(line, [b' ', b'\t'])?;
    let (remote_addr, rest) = line.split_at_checked(blank)?;
    let rest = rest.strip_prefix(b" - - [")?;
    let local = last.local.read(rest, time_local)?;
    let (request, rest) = quoted(rest.get(26..)?.strip_prefix(b"] \"")?)?;
    let (&[b'"', b' ', a, b, c, b' '], rest) = rest.split_first_chunk()? else { return None };
    let status = u16::try_from(number([a, b, c])?).ok()?;
    let (bytes, rest) = leading_number(rest)?;
    let (_referer, rest) = quoted(rest.strip_prefix(b" \"")?)?;
    let (agent, rest) = quoted(rest.strip_prefix(b"\" \"")?)?;
    fields.local = Some(local);
    fields.request(request);
    fields.has_status = true;
    fields.record.remote_addr = remote_addr;
    fields.record.status = status;
    fields.record.bytes_sent = u64::try_from(bytes).ok();
    fields.record.user_agent = agent;
    Some(rest)
}

/// A value up to the quote that ends it, and the quote with what follows.
fn quoted(input: &[u8]) -> Option<(&[u8], &[u8])> {
    // Only a backslash right before a quote can take its meaning from it.
    let first = sixteen::find(input, [b'"'])?;
    if first.checked_sub(1).and_then(|before| input.get(before)) != Some(&b'\\') {
        return input.split_at_checked(first);
    }
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', input.get(from..)?)?;
        if input.get(at) == Some(&b'"') {
            return input.split_at_checked(at);
        }
        from = at + 2;
    }
}
