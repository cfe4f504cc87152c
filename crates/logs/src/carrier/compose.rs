//! `docker compose logs`, version 1 (`odoo_1  | line`) and 2 (`odoo-1  | line`), with and without `-t` and colour
//! (formats.md section 3).

use std::borrow::Cow;
use std::collections::BTreeSet;

use memchr::{memchr, memmem};

use super::docker::{hash, join_pieces};
use super::{About, Carrier, Peeled};
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

/// The service of a container name: the replica number is cut off. A bare name alone is believed only when it looks like
/// a part of an Odoo stack, because psql's expanded output (`datname | prod`) has the same shape.
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

/// Service, stream and the line behind the bar. `any` believes every name (see [`consistent`]).
fn split(entry: &[u8], any: bool) -> Result<(&[u8], u64, &[u8]), &'static str> {
    let line = skip_colour(entry);
    if line.starts_with(b"Attaching to ") {
        return Err("compose_marker");
    }
    let service = |name| service(name).or_else(|| any.then_some(name));
    let Some((name, padded, rest)) = prefix(line) else {
        let marker =
            memchr(b' ', line).and_then(|at| line.split_at_checked(at)).is_some_and(|(name, rest)| {
                rest.starts_with(b" exited with code ") && is_name(name) && service(name).is_some()
            });
        return Err(if marker { "compose_marker" } else { "not_this_carrier" });
    };
    if name.len() == padded {
        return Err("not_this_carrier");
    }
    let service = service(name).ok_or("not_this_carrier")?;
    let rest = skip_colour(rest);
    let rest = skip_colour(rest.strip_prefix(b" ").unwrap_or(rest));
    Ok((service, hash(0, name), rest))
}

fn is_name(name: &[u8]) -> bool {
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.iter().all(valid)
}

/// The name before the bar, its length with the blanks behind it, and what follows the bar.
fn prefix(line: &[u8]) -> Option<(&[u8], usize, &[u8])> {
    let bar = memchr(b'|', line.get(..line.len().min(200)).unwrap_or(line))?;
    let (padded, rest) = line.split_at_checked(bar)?;
    let name = padded.trim_ascii_end();
    is_name(name).then(|| (name, padded.len(), rest.get(1..).unwrap_or_default()))
}

/// Names compose may print at most for bare ones to be believed.
const MOST_NAMES: usize = 100;

/// Whether names without a number (`container_name:`) are those of containers: every bar stands in the same column, two
/// blanks behind the longest name. psql's expanded output has one there, and rulers between the records.
fn consistent(head: &[u8]) -> bool {
    let (mut column, mut longest, mut bare) = (None, 0, false);
    let mut names: BTreeSet<&[u8]> = BTreeSet::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = skip_colour(line);
        if line.starts_with(b"-[ RECORD ") {
            return false;
        }
        let Some((name, padded, _)) = prefix(line) else { continue };
        if *column.get_or_insert(padded) != padded {
            return false;
        }
        longest = longest.max(name.len());
        bare |= service(name).is_none();
        names.insert(name);
        if names.len() > MOST_NAMES {
            return false;
        }
    }
    bare && column == Some(longest + 2)
}

/// `docker compose logs -t`: an RFC 3339 stamp behind the bar.
pub struct WithTimestamps {
    /// Names without a number are believed.
    pub any: bool,
}

impl Carrier for WithTimestamps {
    fn name(&self) -> &'static str {
        if self.any { "compose-named-timestamps" } else { "compose-timestamps" }
    }

    fn about(&self) -> About {
        if self.any {
            About {
                summary: "`docker compose logs -t` with names of your own (`container_name:`)",
                origin: "Docker Compose 1 and 2",
                file: "compose-named-t.log",
                example: "\
shop  | 2026-11-23T18:24:42.470868182Z 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
            }
        } else {
            About {
                summary: "`docker compose logs -t`",
                origin: "Docker Compose 1 and 2",
                file: "compose-t.log",
                example: "\
odoo-1  | 2026-11-23T18:24:42.470868182Z 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
            }
        }
    }

    fn suits(&self, head: &[u8]) -> bool {
        !self.any || consistent(head)
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let (service, stream, line) = split(entry, self.any)?;
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
pub struct Plain {
    /// Names without a number are believed.
    pub any: bool,
}

impl Carrier for Plain {
    fn name(&self) -> &'static str {
        if self.any { "compose-named" } else { "compose" }
    }

    fn about(&self) -> About {
        if self.any {
            About {
                summary: "`docker compose logs` with names of your own (`container_name:`)",
                origin: "Docker Compose 1 and 2",
                file: "compose-named.log",
                example: "\
shop  | 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
            }
        } else {
            About {
                summary: "`docker compose logs`",
                origin: "Docker Compose 1 and 2",
                file: "compose.log",
                example: "\
odoo-1  | 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
            }
        }
    }

    fn suits(&self, head: &[u8]) -> bool {
        !self.any || consistent(head)
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let (service, stream, line) = split(entry, self.any)?;
        let program = Some(Cow::Borrowed(service));
        Ok(Peeled { payload: Cow::Borrowed(line), outer: None, partial: false, stream, program, pid: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMPED: WithTimestamps = WithTimestamps { any: false };
    const PLAIN: Plain = Plain { any: false };

    #[test]
    fn names_without_a_number() {
        let odoo = "shop     | 2026-11-23 18:32:20,041 17092 INFO prod17 odoo: x\nfrontend  | GET /\n";
        let odoo = odoo.replace("shop     |", "shop      |");
        let named = Plain { any: true };
        assert!(named.suits(odoo.as_bytes()) && PLAIN.suits(odoo.as_bytes()));
        let line = odoo.lines().next().unwrap().as_bytes();
        assert_eq!(PLAIN.peel(line).unwrap_err(), "not_this_carrier");
        let peeled = named.peel(line).unwrap();
        assert_eq!(peeled.program.as_deref(), Some(b"shop".as_slice()));
        assert!(peeled.payload.starts_with(b"2026-11-23 18"));
        assert_eq!(named.peel(b"shop exited with code 137").unwrap_err(), "compose_marker");
        for other in [
            // psql, expanded: one blank behind the longest name.
            "datname | prod\npid     | 7\n",
            "-[ RECORD 1 ]--\ndatname  | prod\n",
            "datname  | prod\n-[ RECORD 2 ]--\n",
            // Bars that do not stand below each other, and the wrapper of Java services.
            "a  | x\nlonger  | y\n",
            "INFO   | jvm 1    | 2013/12/03 10:25:24 | x\n",
            // Numbered ones need no such proof.
            "odoo-1  | x\n",
            "",
        ] {
            assert!(!named.suits(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn shapes() {
        let line = b"odoo-1  | 2026-11-23T18:31:03.836222779Z Running as user 'root' is a security risk.";
        let peeled = STAMPED.peel(line).unwrap();
        assert_eq!(&*peeled.payload, b"Running as user 'root' is a security risk.");
        assert_eq!(peeled.program.as_deref(), Some(b"odoo".as_slice()));
        assert_eq!(peeled.outer.unwrap().us, 1_795_458_663_836_222);
        let odoo = b"odoo_1  | 2026-11-23 18:32:20,041 17092 INFO prod17 odoo: x ";
        assert!(STAMPED.peel(odoo).is_err());
        assert!(PLAIN.peel(odoo).unwrap().payload.starts_with(b"2026-11-23 18:32:20,041"));
        let colour = b"\x1b[36modoo-1  | \x1b[0mTraceback (most recent call last):";
        assert_eq!(&*PLAIN.peel(colour).unwrap().payload, b"Traceback (most recent call last):");
        assert_eq!(&*PLAIN.peel(b"odoo-1  |   File \"x\"").unwrap().payload, b"  File \"x\"");
        assert_eq!(&*PLAIN.peel(b"odoo-1  |").unwrap().payload, b"");
        assert_eq!(PLAIN.peel(b"Attaching to odoo_1, db_1").unwrap_err(), "compose_marker");
        assert_eq!(PLAIN.peel(b"odoo_1 exited with code 137").unwrap_err(), "compose_marker");
        for other in [
            b"datname          | prod".as_slice(),
            b"",
            b" pid | state",
            b"|",
            b"2026-11-23 18:32:20,041 1 INFO a|b",
        ] {
            assert_eq!(PLAIN.peel(other).unwrap_err(), "not_this_carrier");
        }
        for length in 0..line.len() {
            let _ = STAMPED.peel(&line[..length]);
            let _ = PLAIN.peel(&colour[..length.min(colour.len())]);
        }
    }
}
