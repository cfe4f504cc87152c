//! RFC 5424 syslog: `<PRI>1 TIMESTAMP HOST APP PROCID MSGID STRUCTURED-DATA MESSAGE`, as rsyslog's
//! `RSYSLOG_SyslogProtocol23Format` and syslog-ng write it to files. The priority may be missing.

use memchr::memchr2;

use super::docker::hash;
use super::syslog::{peeled, priority};
use super::{About, Carrier, Peeled};
use crate::timestamp::{Zone, digits, iso};

/// RFC 5424.
pub struct SyslogProtocol;

impl Carrier for SyslogProtocol {
    fn name(&self) -> &'static str {
        "syslog-rfc5424"
    }

    fn about(&self) -> About {
        About {
            summary: "syslog files with structured data (rsyslog's `RSYSLOG_SyslogProtocol23Format`, syslog-ng)",
            origin: "RFC 5424",
            file: "syslog-5424.log",
            example: "\
<30>1 2026-11-23T18:24:42.470408+00:00 vm odoo 12317 - - 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
        }
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        read(entry.strip_suffix(b"\r").unwrap_or(entry)).unwrap_or(Err("not_this_carrier"))
    }
}

/// The next word and what follows its blank.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    (!word.is_empty()).then(|| (word, rest.get(1..).unwrap_or_default()))
}

fn read(line: &[u8]) -> Option<Result<Peeled<'_>, &'static str>> {
    let rest = priority(line).unwrap_or(line).strip_prefix(b"1 ")?;
    let (time, rest) = word(rest)?;
    let outer = if time == b"-" {
        None
    } else {
        let (stamp, used) = iso(time)?;
        if used != time.len() || time.get(10) != Some(&b'T') || stamp.zone == Zone::Local {
            return None;
        }
        Some(stamp)
    };
    let (_host, rest) = word(rest)?;
    let (program, rest) = word(rest)?;
    let (process, rest) = word(rest)?;
    let (_message_id, rest) = word(rest)?;
    let message = after_structured_data(rest)?;
    let message = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    Some(peeled(outer, program, digits(process), hash(hash(0, program), process), message))
}

/// Skips `-` or `[id name="value"]…`, in whose values `"`, `\` and `]` are escaped.
fn after_structured_data(text: &[u8]) -> Option<&[u8]> {
    let mut rest = match text.strip_prefix(b"-") {
        Some(rest) => rest,
        None => {
            let mut rest = text;
            while let Some(mut inside) = rest.strip_prefix(b"[") {
                let mut quoted = false;
                loop {
                    let at =
                        if quoted { memchr2(b'"', b'\\', inside)? } else { memchr2(b'"', b']', inside)? };
                    match inside.get(at)? {
                        b'"' => quoted = !quoted,
                        b'\\' => inside = inside.get(1..)?,
                        _ => {
                            rest = inside.get(at + 1..)?;
                            break;
                        }
                    }
                    inside = inside.get(at + 1..)?;
                }
            }
            (rest.len() < text.len()).then_some(rest)?
        }
    };
    if !rest.is_empty() {
        rest = rest.strip_prefix(b" ")?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let payload = |line: &[u8]| SyslogProtocol.peel(line).map(|peeled| peeled.payload.into_owned());
        let line = br#"<165>1 2026-11-23T18:28:01.461309+00:00 vm odoo 17008 - [a@1 x="1 ] \"] \\" y="2"][b@2] 2026-11-23 18:28:01,941 17008 INFO ? odoo: x#012y"#;
        let peeled = SyslogProtocol.peel(line).unwrap();
        assert_eq!(&*peeled.payload, b"2026-11-23 18:28:01,941 17008 INFO ? odoo: x\ny");
        assert_eq!(peeled.outer.unwrap().us, 1_795_458_481_461_309);
        assert_eq!((peeled.program.as_deref(), peeled.pid), (Some(b"odoo".as_slice()), Some(17008)));
        assert_eq!(payload(b"<165>1 - - - - - - \xef\xbb\xbfx\r"), Ok(b"x".to_vec()));
        assert_eq!(payload(b"1 2026-11-23T18:28:01Z vm odoo - - -"), Ok(Vec::new()));
        for length in 0..line.len() {
            let _ = payload(&line[..length]);
        }
        for other in [
            b"<30>Nov  3 18:28:01 vm odoo: x".as_slice(),
            b"1 2 3 4 5 6 - 8",
            b"<165>1 2026-11-23T18:28:01 vm odoo - - - x",
            b"<165>1 2026-11-23T18:28:01Z vm odoo - - [x",
            b"<165>1 2026-11-23T18:28:01Z vm odoo - - x",
            b"1795458481.461309 vm odoo[17008]: x",
            b"",
        ] {
            assert_eq!(payload(other), Err("not_this_carrier"));
        }
    }
}
