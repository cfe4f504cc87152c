//! Odoo's log with `--syslog` (formats.md 1.5; `odoo/netsvc.py`, 11.0 to 19.0):
//! `Odoo Server VERSION:DB:LEVEL:LOGGER:MESSAGE`, without time and process, which syslog adds.

use std::borrow::Cow;

use memchr::memchr;

use super::odoo::{level, understand};
use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::{Level, OdooEvent, OdooRecord, Record};
use crate::timestamp::Stamp;

/// Odoo's log as syslog gets it.
pub struct OdooSyslog;

/// Claims files in which at least one of 200 lines is a record.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut total, mut starting, mut understood) = (0u32, 0u32, 0u32);
    for line in sample.lines.iter().filter(|line| !line.is_empty()) {
        total += 1;
        if OdooSyslog.starts_record(line) {
            starting += 1;
            let outer = Some(Stamp::utc(0, 1));
            let raw = Raw { text: Cow::Borrowed(line), outer, program: None, pid: None, orphan: false };
            understood += u32::from(OdooSyslog.parse(&raw, &mut Memory::default()).is_ok());
        }
    }
    if starting == 0 || starting.saturating_mul(200) < total {
        return None;
    }
    let score = f64::from(understood) / f64::from(starting);
    (score >= 0.3).then(|| Claim { format: Box::new(OdooSyslog), score })
}

/// The next field up to a colon, and what follows.
fn field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (field, rest) = text.split_at_checked(memchr(b':', text)?)?;
    let good = !field.is_empty() && !field.iter().any(u8::is_ascii_whitespace);
    good.then_some((field, rest.get(1..)?))
}

/// Database, level, logger and the message with all its lines.
type Head<'a> = (&'a [u8], Level, &'a [u8], &'a [u8]);

fn head(text: &[u8]) -> Option<Head<'_>> {
    let (_version, rest) = field(text.strip_prefix(b"Odoo Server ")?)?;
    let (database, rest) = field(rest)?;
    let (name, rest) = field(rest)?;
    let (logger, body) = field(rest)?;
    Some((database, level(name)?, logger, body))
}

impl Format for OdooSyslog {
    fn name(&self) -> String {
        "odoo-syslog".to_owned()
    }

    fn source(&self) -> Source {
        Source::Odoo
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        line.starts_with(b"Odoo Server ") && head(line).is_some()
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &'a [u8] = &raw.text;
        let (database, level, logger, body) = head(text).ok_or("no_header")?;
        let (message, detail) =
            body.split_at_checked(memchr(b'\n', body).unwrap_or(body.len())).unwrap_or((body, b""));
        let record = OdooRecord {
            stamp: raw.outer.ok_or("no_timestamp")?,
            pid: raw.pid.unwrap_or(0),
            level,
            database,
            logger,
            message: message.trim_ascii_end(),
            detail: detail.get(1..).unwrap_or_default(),
            event: OdooEvent::Other,
            exception: None,
        };
        understand(record, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8], outer: bool) -> Result<String, &'static str> {
        let outer = outer.then(|| Stamp::utc(7, 1));
        let raw = Raw { text: Cow::Borrowed(text), outer, program: None, pid: Some(5), orphan: false };
        OdooSyslog.parse(&raw, &mut Memory::default()).map(|record| {
            let Record::Odoo(record) = record else { panic!("not Odoo") };
            assert_eq!((record.pid, record.stamp.us), (5, 7));
            format!("{:?}", record.event)
        })
    }

    #[test]
    fn records() {
        let request = br#"Odoo Server 10.0:db1:INFO:werkzeug:10.0.0.1 - - [19/Jun/2018 15:29:16] "GET /web HTTP/1.0" 200 -"#;
        let event = parse(request, true).unwrap();
        assert!(event.starts_with("Request(") && event.contains("status: 200"), "{event}");
        let timeout = b"Odoo Server 17.0:?:ERROR:odoo.service.server:WorkerHTTP (22412) timeout after 18s ";
        assert!(parse(timeout, true).unwrap().starts_with("WorkerTimeout"));
        assert_eq!(parse(timeout, false), Err("no_timestamp"));
        for length in 0..request.len() {
            let _ = parse(&request[..length], true);
        }
        for other in [
            b"Odoo Server started".as_slice(),
            b"Odoo Server 17.0:a b:INFO:x:y",
            b"Odoo Server 17.0:db:LOUD:x:y",
            b"2026-11-23 18:22:10,387 7388 INFO ? odoo: Odoo version 15.0",
            b"",
        ] {
            assert!(!OdooSyslog.starts_record(other));
            assert_eq!(parse(other, true), Err("no_header"));
        }
    }

    #[test]
    fn detection() {
        let claim = |lines: &[&'static [u8]]| {
            let lines = lines.iter().map(|line| Cow::Borrowed(*line)).collect();
            detect(&Sample { lines, name: "syslog" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim(&[b"Odoo Server 17.0:db:INFO:odoo:x", b"other"]), Some(1.0));
        assert_eq!(claim(&[b"Odoo Server is up", b""]), None);
    }
}
