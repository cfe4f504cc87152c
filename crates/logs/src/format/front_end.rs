//! What the readers of front ends (ALB, HAProxy, Traefik, Caddy, Apache) share.

use memchr::{memchr, memmem};

use super::{Claim, Format, Sample};
use crate::record::Record;
use crate::timestamp::Stamp;

/// Reads a line of a front end: a request, or something else that the same program writes ([`Record::Structure`]).
pub(super) type Reader = fn(&[u8]) -> Option<Record<'_>>;

/// Claims a sample that holds at least one request, with the share of its lines that `read` knows.
pub(super) fn claim(sample: &Sample<'_>, format: Box<dyn Format>, read: Reader) -> Option<Claim> {
    let (mut total, mut known, mut requests) = (0u32, 0u32, 0u32);
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        let record = read(line);
        total += 1;
        known += u32::from(record.is_some());
        requests += u32::from(matches!(record, Some(Record::Access(_))));
    }
    let score = f64::from(known) / f64::from(total.max(1));
    (requests > 0 && score >= 0.3).then_some(Claim { format, score })
}

/// The end of a request that began at `start`. Without a duration the start stands for it.
pub(super) fn ended(start: Stamp, duration_us: Option<i64>) -> Stamp {
    Stamp { us: start.us.saturating_add(duration_us.unwrap_or(0).max(0)), ..start }
}

/// Host and path of a request target: `https://erp.example.com:443/web?a=b` and `/web?a=b` alike.
pub(super) fn host_and_path(target: &[u8]) -> (&[u8], &[u8]) {
    let Some(at) = memmem::find(target, b"://").filter(|_| target.first() != Some(&b'/')) else {
        return (b"", target);
    };
    let rest = target.get(at + 3..).unwrap_or_default();
    let slash = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(slash).unwrap_or((rest, b""));
    (without_port(authority), if path.is_empty() { b"/" } else { path })
}

/// `erp.example.com:443` without its port, `[::1]:8069` too; a bare IPv6 address is left alone.
pub(super) fn without_port(host: &[u8]) -> &[u8] {
    let Some(at) = memchr::memrchr(b':', host) else { return host };
    let (name, port) = host.split_at_checked(at).unwrap_or((host, b""));
    let port_is_number = port.len() > 1 && port.iter().skip(1).all(u8::is_ascii_digit);
    let single = memchr(b':', name).is_none() || name.last() == Some(&b']');
    if port_is_number && single { name } else { host }
}

/// The word at the start of `input` and what follows it and its blank. `None` at the end.
pub(super) fn word(input: &[u8]) -> Option<(&[u8], &[u8])> {
    if input.is_empty() {
        return None;
    }
    let (word, rest) = input.split_at_checked(memchr(b' ', input).unwrap_or(input.len()))?;
    Some((word, rest.get(1..).unwrap_or_default()))
}

/// The text between the quotes that `input` begins with, escapes left as they are, and what follows the closing one.
/// `\"` does not close; nor does a raw quote in mid-word, as long as a better one follows.
pub(super) fn quoted(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = input.strip_prefix(b"\"")?;
    let mut first = None;
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'"', b'\\', inner.get(from..)?).map(|at| from + at) {
        if inner.get(at) == Some(&b'\\') {
            from = at + 2;
            if from >= inner.len() {
                break;
            }
            continue;
        }
        first = first.or(Some(at));
        if matches!(inner.get(at + 1), None | Some(b' ')) {
            return Some((inner.get(..at)?, inner.get(at + 1..)?));
        }
        from = at + 1;
    }
    first.and_then(|at| Some((inner.get(..at)?, inner.get(at + 1..)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::SECOND_US;

    #[test]
    fn targets() {
        for (target, host, path) in [
            ("/web?a=http://x/", "", "/web?a=http://x/"),
            ("https://erp.example.com:443/web?a=b", "erp.example.com", "/web?a=b"),
            ("http://[::1]:8069", "[::1]", "/"),
            ("http://h?x", "h", "?x"),
            ("*", "", "*"),
            ("", "", ""),
        ] {
            assert_eq!(host_and_path(target.as_bytes()), (host.as_bytes(), path.as_bytes()), "{target}");
        }
        assert_eq!(without_port(b"2a02:cf40::7"), b"2a02:cf40::7");
    }

    #[test]
    fn quotes() {
        for (input, inner, rest) in [
            (r#""a b" c"#, "a b", " c"),
            (r#""a \"b\" c" d"#, r#"a \"b\" c"#, " d"),
            (r#""a "b"c" d"#, r#"a "b"c"#, " d"),
            (r#""a"1 c"#, "a", "1 c"),
            (r#""""#, "", ""),
        ] {
            assert_eq!(quoted(input.as_bytes()), Some((inner.as_bytes(), rest.as_bytes())), "{input}");
        }
        for input in ["", "a", "\"a", "\"a\\", "\"a\\\""] {
            assert_eq!(quoted(input.as_bytes()), None, "{input}");
        }
    }

    #[test]
    fn ends() {
        let start = Stamp::utc(5, SECOND_US);
        assert_eq!((ended(start, Some(7)).us, ended(start, None).us, ended(start, Some(-1)).us), (12, 5, 5));
        assert_eq!(ended(Stamp::utc(i64::MAX, 1), Some(1)).us, i64::MAX);
    }
}
