//! `docker compose logs`, version 1 (`odoo_1  | line`) and 2 (`odoo-1  | line`), with and without `-t` and colour
//! (formats.md section 3).

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::docker::{hash, join_pieces};
use super::{Carrier, Peeled};
use crate::timestamp::iso;

/// Skips colour escapes at the start.
fn skip_colour(mut bytes: &[u8]) -> &[u8] {
    while let Some(after) = bytes.strip_prefix(b"\x1b[") {
        let length = after.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
        match after.get(length..).and_then(|rest| rest.strip_prefix(b"m")) {
            Some(rest) => bytes = rest,
            None => break,
        }
    }
    bytes
}

/// The service of a container name: the replica number is cut off. A bare name is believed only when it looks like a
/// part of an Odoo stack, because psql's expanded output (`datname | prod`) has the same shape.
fn service(name: &[u8]) -> Option<&[u8]> {
    let number = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let head = name.get(..name.len().saturating_sub(number))?;
    if number > 0
        && let Some(service) = head.strip_suffix(b"-").or_else(|| head.strip_suffix(b"_"))
        && !service.is_empty()
    {
        return Some(service);
    }
    let known = [b"odoo".as_slice(), b"nginx", b"postgres", b"web", b"proxy"];
    (name == b"db" || known.iter().any(|part| memmem::find(name, part).is_some())).then_some(name)
}

/// Service, stream and the line behind the bar.
fn split(entry: &[u8]) -> Result<(&[u8], u64, &[u8]), &'static str> {
    let line = skip_colour(entry);
    if line.starts_with(b"Attaching to ") {
        return Err("compose_marker");
    }
    let bar = memchr(b'|', line.get(..line.len().min(200)).unwrap_or(line));
    let Some(bar) = bar else {
        let marker = memmem::find(line, b" exited with code ")
            .is_some_and(|at| line.get(..at).is_some_and(|name| service(name).is_some()));
        return Err(if marker { "compose_marker" } else { "not_this_carrier" });
    };
    let (prefix, rest) = line.split_at_checked(bar).ok_or("not_this_carrier")?;
    let name = prefix.trim_ascii_end();
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() == prefix.len() || !name.iter().all(valid) {
        return Err("not_this_carrier");
    }
    let service = service(name).ok_or("not_this_carrier")?;
    let rest = skip_colour(rest.get(1..).unwrap_or_default());
    let rest = skip_colour(rest.strip_prefix(b" ").unwrap_or(rest));
    Ok((service, hash(0, name), rest))
}

/// `docker compose logs -t`: an RFC 3339 stamp behind the bar.
pub struct WithTimestamps;

impl Carrier for WithTimestamps {
    fn name(&self) -> &'static str {
        "compose-timestamps"
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let (service, stream, line) = split(entry)?;
        let (outer, used) = iso(line).ok_or("not_this_carrier")?;
        if line.get(10) != Some(&b'T') || matches!(outer.zone, crate::timestamp::Zone::Local) {
            return Err("not_this_carrier");
        }
        let rest = line.get(used..).unwrap_or_default();
        let payload = match rest.split_first() {
            None => rest,
            Some((b' ', payload)) => payload,
            Some(_) => return Err("not_this_carrier"),
        };
        let program = Some(Cow::Borrowed(service));
        Ok(Peeled {
            payload: join_pieces(payload),
            outer: Some(outer),
            partial: false,
            stream,
            program,
            pid: None,
        })
    }
}

/// `docker compose logs` without stamps.
pub struct Plain;

impl Carrier for Plain {
    fn name(&self) -> &'static str {
        "compose"
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let (service, stream, line) = split(entry)?;
        let program = Some(Cow::Borrowed(service));
        Ok(Peeled { payload: Cow::Borrowed(line), outer: None, partial: false, stream, program, pid: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let line = b"odoo-1  | 2026-11-23T18:31:03.836222779Z Running as user 'root' is a security risk.";
        let peeled = WithTimestamps.peel(line).unwrap();
        assert_eq!(&*peeled.payload, b"Running as user 'root' is a security risk.");
        assert_eq!(peeled.program.as_deref(), Some(b"odoo".as_slice()));
        assert_eq!(peeled.outer.unwrap().us, 1_795_458_663_836_222);
        let odoo = b"odoo_1  | 2026-11-23 18:32:20,041 17092 INFO prod17 odoo: x ";
        assert!(WithTimestamps.peel(odoo).is_err());
        assert!(Plain.peel(odoo).unwrap().payload.starts_with(b"2026-11-23 18:32:20,041"));
        let colour = b"\x1b[36modoo-1  | \x1b[0mTraceback (most recent call last):";
        assert_eq!(&*Plain.peel(colour).unwrap().payload, b"Traceback (most recent call last):");
        assert_eq!(&*Plain.peel(b"odoo-1  |   File \"x\"").unwrap().payload, b"  File \"x\"");
        assert_eq!(&*Plain.peel(b"odoo-1  |").unwrap().payload, b"");
        assert_eq!(Plain.peel(b"Attaching to odoo_1, db_1").unwrap_err(), "compose_marker");
        assert_eq!(Plain.peel(b"odoo_1 exited with code 137").unwrap_err(), "compose_marker");
        for other in [
            b"datname          | prod".as_slice(),
            b"",
            b" pid | state",
            b"|",
            b"2026-11-23 18:32:20,041 1 INFO a|b",
        ] {
            assert_eq!(Plain.peel(other).unwrap_err(), "not_this_carrier");
        }
        for length in 0..line.len() {
            let _ = WithTimestamps.peel(&line[..length]);
            let _ = Plain.peel(&colour[..length.min(colour.len())]);
        }
    }
}
