//! The table `ir_logging` (`--log-db`) as CSV: psql's `\\copy`, or an export out of Odoo (formats.md section 1.5).

use memchr::memchr_iter;

use super::odoo::{level, record};
use super::pg_stat_activity::csv::split_line;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{Level, Record};
use crate::timestamp::{Zone, iso};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "odoo-ir-logging",
    source: Source::Odoo,
    summary: "the table `ir_logging` (`--log-db`) as CSV: psql's `\\copy`, or an export out of Odoo",
    origin: "Odoo, `odoo/netsvc.py` and `odoo/addons/base/models/ir_logging.py`",
    detect,
    examples: &[Example {
        name: "odoo-ir-logging",
        file: "ir_logging.csv",
        text: r#"id,create_uid,create_date,name,type,dbname,level,message,path,func,line
8,,2026-11-23 18:32:56.204,odoo.service.server,server,prod,ERROR,WorkerHTTP (22412) timeout after 18s,/x/server.py,process_timeout,1
9,,2026-11-23 18:32:57.204,odoo.http,server,prod,ERROR,"Exception during request handling.
Traceback (most recent call last):
KeyError: ""a""",/x/http.py,dispatch,1
"#,
    }],
    foreign: &[Foreign { whose: "another table of logs", text: "id,name,level,message\n1,cron,INFO,done\n" }],
    broken: &[Broken {
        reason: "unbalanced_quotes",
        text: r#"7,,2026-11-23 18:32:20.041,werkzeug,server,prod,INFO,"10.0.0.5 - - [23/Nov/2026 18:32:20] ""POST /web"#,
    }],
};

/// Places of the columns.
#[derive(Debug, Clone, Copy)]
struct Columns {
    count: usize,
    time: usize,
    database: Option<usize>,
    logger: usize,
    level: usize,
    message: usize,
}

/// Rows of `ir_logging`.
#[derive(Debug)]
pub struct LoggingTable {
    columns: Columns,
}

/// The columns, if the line is a header of the table: names of fields, or their English labels.
fn header(line: &[u8]) -> Option<Columns> {
    let names = cells(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line))?;
    let place = |wanted: [&str; 2]| {
        names.iter().position(|name| wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted.as_bytes())))
    };
    // Both say that this is the table and no other.
    place(["func", "Function"])?;
    place(["path", "Path"])?;
    Some(Columns {
        count: names.len(),
        time: place(["create_date", "Created on"])?,
        database: place(["dbname", "Database Name"]),
        logger: place(["name", "Name"])?,
        level: place(["level", "Level"])?,
        message: place(["message", "Message"])?,
    })
}

/// The cells of a row, their quotes taken off but doubled ones kept. `None`: a quote is not closed.
fn cells(row: &[u8]) -> Option<Vec<&[u8]>> {
    let row = row.strip_suffix(b"\r").unwrap_or(row);
    let mut out = Vec::new();
    let mut rest = row;
    loop {
        let (cell, after) = match rest.strip_prefix(b"\"") {
            None => rest.split_at_checked(memchr::memchr(b',', rest).unwrap_or(rest.len()))?,
            Some(quoted) => {
                // A quote that is not one of a pair.
                let mut pair = None;
                let end = memchr_iter(b'"', quoted).find(|at| {
                    if pair == Some(*at) {
                        return false;
                    }
                    pair = Some(at + 1);
                    quoted.get(at + 1) != Some(&b'"')
                })?;
                (quoted.get(..end)?, quoted.get(end + 1..)?)
            }
        };
        out.push(cell);
        match after.split_first() {
            None => return Some(out),
            Some((b',', after)) => rest = after,
            Some(_) => return None,
        }
    }
}

/// Claims CSV whose header has the table's columns.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let columns = header(sample.lines.first()?)?;
    Some(Claim { format: Box::new(LoggingTable { columns }), score: 1.0 })
}

impl Format for LoggingTable {
    fn name(&self) -> String {
        "odoo-ir-logging".to_owned()
    }

    fn source(&self) -> Source {
        Source::Odoo
    }

    /// Lines of a message have no time in its column.
    fn starts_record(&self, line: &[u8]) -> bool {
        let cell = line.split(|byte| *byte == b',').nth(self.columns.time).unwrap_or_default();
        let cell = cell.strip_prefix(b"\"").unwrap_or(cell);
        iso(cell).is_some_and(|(_, used)| matches!(cell.get(used..), Some(b"" | b"\"")))
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &'a [u8] = &raw.text;
        if raw.orphan {
            let structure = text.trim_ascii().is_empty() || header(split_line(text).0).is_some();
            return if structure { Ok(Record::Structure) } else { Err("not_a_row") };
        }
        let cells = cells(text.trim_ascii_end()).ok_or("unbalanced_quotes")?;
        if cells.len() != self.columns.count {
            return Err("truncated_row");
        }
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
        let (mut stamp, _) = iso(cell(self.columns.time)).ok_or("bad_timestamp")?;
        if stamp.zone == Zone::Local {
            // Odoo keeps UTC.
            stamp.zone = Zone::Utc;
        }
        let level = level(&cell(self.columns.level).to_ascii_uppercase()).unwrap_or(Level::Info);
        let database = self.columns.database.map_or(b"?".as_slice(), cell);
        record(stamp, 0, level, database, cell(self.columns.logger), cell(self.columns.message))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::record::OdooEvent;

    const HEADER: &str = "id,create_uid,create_date,name,type,dbname,level,message,path,func,line";
    const REQUEST: &str = r#"7,,2026-11-23 18:32:20.041,werkzeug,server,prod,INFO,"10.0.0.5 - - [23/Nov/2026 18:32:20] ""POST /web/login HTTP/1.0"" 303 - 24 0.315 4.430",/x/serving.py,log,112"#;
    const TIMEOUT: &str = "8,,2026-11-23 18:32:56.204,odoo.service.server,server,prod,ERROR,WorkerHTTP (22412) timeout after 18s,/x/server.py,process_timeout,1";

    #[test]
    fn rows() {
        let format = LoggingTable { columns: header(HEADER.as_bytes()).unwrap() };
        let parse = |text: &str, check: &dyn Fn(OdooEvent<'_>)| {
            let raw = Raw::of(text.as_bytes());
            match format.parse(&raw, &mut Memory::default()) {
                Ok(Record::Odoo(record)) => check(record.event),
                other => panic!("{other:?}"),
            }
        };
        parse(REQUEST, &|event| {
            assert!(
                matches!(event, OdooEvent::Request(request) if request.path == b"/web/login" && request.status == 303)
            );
        });
        parse(TIMEOUT, &|event| assert!(matches!(event, OdooEvent::WorkerTimeout { pid: 22412, .. })));
        assert!(
            format.starts_record(REQUEST.as_bytes()) && !format.starts_record(b"  File \"x\", line 1, in f")
        );
        for length in 0..REQUEST.len() {
            let text = Cow::Borrowed(&REQUEST.as_bytes()[..length]);
            let _ = format.parse(&Raw::of(text), &mut Memory::default());
        }
        assert!(header(b"\"Created on\",\"Name\",\"Level\",\"Message\",\"Path\",\"Function\"").is_some());
        assert!(header(b"id,name,level,message").is_none() && header(b"").is_none());
    }
}
