//! Records of Odoo that have another header: `--syslog`, and the bare request lines of the evented process of 8.0 to
//! early 11.0 (formats.md sections 1.4 and 1.5).

use memchr::{memchr, memchr2};

use super::{evented_request, level, record};
use crate::record::{Level, OdooEvent, OdooRecord, Record};
use crate::timestamp::{SECOND_US, Stamp, Zone, date_time_us};

/// Whether a line begins such a record.
pub(super) fn starts(line: &[u8]) -> bool {
    syslog(line).is_some() || bare(line).is_some()
}

/// Parses such a record; `outer` and `pid` are the carrier's.
pub(super) fn parse(text: &[u8], outer: Option<Stamp>, pid: Option<u32>) -> Result<Record<'_>, &'static str> {
    let pid = pid.unwrap_or(0);
    if let Some((database, level, logger, body)) = syslog(text) {
        let stamp = outer.ok_or("no_timestamp")?;
        return record(stamp, pid, level, database, logger, body);
    }
    let (own, message) = bare(text).ok_or("no_header")?;
    // In a syslog file the records around it have the carrier's time only: one clock for all of them.
    let stamp =
        outer.filter(|outer| matches!(outer.zone, Zone::Local | Zone::LocalWithoutYear)).unwrap_or(own);
    let event = evented_request(message)?.unwrap_or(OdooEvent::Other);
    Ok(Record::Odoo(OdooRecord {
        stamp,
        pid,
        level: Level::Info,
        database: b"?",
        logger: b"longpolling",
        message,
        detail: text.get(message.len() + 1..).unwrap_or_default(),
        event,
        exception: None,
    }))
}

/// Database, level, logger and message.
type Syslog<'a> = (&'a [u8], Level, &'a [u8], &'a [u8]);

/// `Odoo Server VERSION:DB:LEVEL:LOGGER:MESSAGE` (`odoo/netsvc.py`; `OpenERP Server` up to 8.0).
fn syslog(line: &[u8]) -> Option<Syslog<'_>> {
    let rest = line.strip_prefix(b"Odoo Server ").or_else(|| line.strip_prefix(b"OpenERP Server "))?;
    let part = |rest: &'_ [u8]| memchr(b':', rest.get(..rest.len().min(200)).unwrap_or(rest));
    let (_, rest) = rest.split_at_checked(part(rest)?)?;
    let rest = rest.get(1..)?;
    let (database, rest) = rest.split_at_checked(part(rest)?)?;
    let rest = rest.get(1..)?;
    let (name, rest) = rest.split_at_checked(part(rest)?)?;
    let level = level(name)?;
    let rest = rest.get(1..)?;
    let (logger, rest) = rest.split_at_checked(part(rest)?)?;
    let plain = !logger.is_empty() && memchr(b' ', logger).is_none() && memchr(b'\n', logger).is_none();
    plain.then_some((database, level, logger, rest.get(1..)?))
}

/// `ADDR - - [YYYY-MM-DD HH:MM:SS] "POST /longpolling/poll HTTP/1.1" 200 286 50.037857`: the time (UTC) and the line.
/// Other programs on gevent log alike, so the path must be Odoo's.
fn bare(text: &[u8]) -> Option<(Stamp, &[u8])> {
    // The lines of a traceback come here too: the first blank or line end tells them apart.
    let address = memchr2(b' ', b'\n', text.get(..text.len().min(115))?).filter(|length| *length > 0)?;
    if !text.get(address..)?.starts_with(b" - - [") {
        return None;
    }
    let line = text.get(..memchr(b'\n', text).unwrap_or(text.len()))?;
    let inside = line.get(address + 6..)?;
    let us = date_time_us(inside)?;
    let request = inside.get(19..)?.strip_prefix(b"] \"")?;
    let target = request.get(memchr(b' ', request.get(..request.len().min(10))?)? + 1..)?;
    target.starts_with(b"/longpolling/").then_some((Stamp::utc(us, SECOND_US), line.trim_ascii_end()))
}

#[cfg(test)]
mod tests {

    use super::super::Odoo;
    use super::*;
    use crate::format::{Format, Memory, Raw};

    fn with<R>(text: &str, check: impl FnOnce(Result<&OdooRecord<'_>, &'static str>) -> R) -> R {
        let outer = Some(Stamp::utc(7, 1));
        let raw = Raw { outer, ..Raw::of(text.as_bytes()) };
        match Odoo.parse(&raw, &mut Memory::default()) {
            Ok(Record::Odoo(record)) => check(Ok(&record)),
            Ok(other) => panic!("{other:?}"),
            Err(reason) => check(Err(reason)),
        }
    }

    // odoo/odoo, pull request 12356 and issue 11468.
    const REQUEST: &str = "Odoo Server 10.0:db1:INFO:werkzeug:172.22.230.214 - - [20/Jun/2017 03:29:16] \"GET /web/content/256-9982b33/web_editor.assets_editor.js HTTP/1.1\" 200 -";
    const EXCEPTION: &str = "Odoo Server 10.0:db1:ERROR:odoo.service.server:Worker (20434) Exception occured, exiting...\nTraceback (most recent call last):\n  File \"x\", line 1, in f\ntimeout: timed out";
    const BARE: &str =
        "127.0.0.1 - - [2016-04-13 07:28:47] \"POST /longpolling/poll HTTP/1.0\" 200 330 50.016353";

    #[test]
    fn syslog_records() {
        with(REQUEST, |record| {
            let record = record.unwrap();
            assert_eq!((record.stamp.us, record.database, record.level), (7, b"db1".as_slice(), Level::Info));
            assert!(matches!(&record.event, OdooEvent::Request(request) if request.status == 200));
        });
        with(EXCEPTION, |record| {
            let record = record.unwrap();
            assert!(matches!(record.event, OdooEvent::WorkerException { pid: 20434 }));
            assert!(record.detail.starts_with(b"Traceback"));
        });
        let raw = Raw::of(REQUEST.as_bytes());
        assert_eq!(Odoo.parse(&raw, &mut Memory::default()).err(), Some("no_timestamp"));
    }

    #[test]
    fn bare_records() {
        with(BARE, |record| {
            let record = record.unwrap();
            assert_eq!(record.stamp.us, date_time_us(b"2016-04-13 07:28:47").unwrap());
            let event = &record.event;
            assert!(matches!(
                event,
                OdooEvent::EventedRequest { duration_us: Some(50_016_353), status: 200, .. }
            ));
        });
    }

    #[test]
    fn neighbours() {
        for text in [REQUEST, EXCEPTION, BARE] {
            assert!(Odoo.starts_record(text.as_bytes()));
            for length in 0..text.len() {
                with(&text[..length], |_| ());
            }
        }
        for line in [
            "Odoo Server 10.0 is starting: now",
            "Odoo Server 10.0:db1:NOTICE:werkzeug:x",
            "127.0.0.1 - - [2016-04-13 07:28:47] \"POST /api HTTP/1.0\" 200 330 50.016353",
            "127.0.0.1 - - [13/Apr/2016:07:28:47 +0000] \"POST /longpolling/poll HTTP/1.0\" 200 330",
            "",
        ] {
            assert!(!Odoo.starts_record(line.as_bytes()), "{line}");
        }
    }
}
