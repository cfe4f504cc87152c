//! `sadf -d`, sysstat's export with semicolons (formats.md section 7; sysstat 10 to 12.7).

use memchr::{memchr, memmem};

use super::figures::{Figures, number, score, zoned};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::Record;
use crate::timestamp::{SECOND_US, Stamp, date_time_us, digits};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "sadf-d",
    source: Source::Host,
    summary: "`sadf -d`, with semicolons",
    origin: "sysstat 10 to 12.7",
    detect,
    examples: &[Example {
        name: "sadf",
        file: "sadf-d.csv",
        text: "\
# hostname;interval;timestamp;CPU;%usr;%nice;%sys;%iowait;%steal;%irq;%soft;%guest;%gnice;%idle
vm;5;2026-11-23 18:24:39 UTC;-1;74.22;0.00;20.04;0.00;5.34;0.00;0.40;0.00;0.00;0.00
vm;5;2026-11-23 18:24:44 UTC;-1;78.98;0.00;18.92;0.00;1.80;0.00;0.30;0.00;0.00;0.00
",
    }],
    foreign: &[Foreign { whose: "another table with semicolons", text: "a;b;c\nfoo\n" }],
    broken: &[Broken { reason: "unexpected_columns", text: "vm;5;2026-11-23 18:24:44 UTC;-1;78.98;0.00" }],
};

/// `sadf -d`; the columns are those of the first header of the sample, for rows that come before one.
#[derive(Debug, Default)]
pub struct Database {
    columns: Vec<String>,
}

/// Claims `sadf -d` by its header or rows.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let columns = sample.lines.iter().find_map(|line| header(line));
    if columns.is_none() && !sample.lines.iter().any(|line| row_stamp(line).is_some()) {
        return None;
    }
    let format = Database { columns: columns.unwrap_or_default() };
    let score = score(&format, sample)?;
    Some(Claim { format: Box::new(format), score })
}

/// The columns of `# hostname;interval;timestamp;…`.
fn header(line: &[u8]) -> Option<Vec<String>> {
    let rest = line.strip_prefix(b"# hostname;")?;
    let names = std::iter::once("hostname".to_owned()).chain(
        rest.split(|byte| *byte == b';').map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned()),
    );
    Some(names.collect())
}

/// The stamp of a row: `HOST;INTERVAL;2026-11-23 18:28:00 UTC;…`, local without a zone, or seconds since 1970 (`-U`).
fn row_stamp(line: &[u8]) -> Option<Stamp> {
    let (_, behind) = line.split_at_checked(memchr(b';', line)?)?;
    let mut fields = behind.splitn(4, |byte| *byte == b';');
    let (_, interval, time) = (fields.next()?, fields.next()?, fields.next()?);
    fields.next()?;
    number(interval)?;
    if time.len() == 10
        && let Some(seconds) = digits(time)
    {
        return Some(Stamp::utc(seconds * SECOND_US, SECOND_US));
    }
    let us = date_time_us(time)?;
    Some(zoned(us, time.get(19..).unwrap_or_default().trim_ascii()))
}

impl Format for Database {
    fn name(&self) -> String {
        "sadf".to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn sequential(&self) -> bool {
        true
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let line = raw.text.trim_ascii();
        if line.is_empty() {
            return Ok(Record::Structure);
        }
        if let Some(columns) = header(line) {
            memory.columns = columns;
            return Ok(Record::Structure);
        }
        if memmem::find(line, b"LINUX-RESTART").is_some() {
            return Ok(Record::Structure);
        }
        let stamp = row_stamp(line).ok_or("not_sadf")?;
        let columns = if memory.columns.is_empty() { &self.columns } else { &memory.columns };
        if !columns.is_empty() && !columns.iter().any(|name| Figures::knows(name)) {
            // Tables of interfaces, sockets and the like.
            return Ok(Record::Structure);
        }
        if columns.len() != line.split(|byte| *byte == b';').count() {
            return Err("unexpected_columns");
        }
        let mut figures = Figures::new(Some(stamp));
        for (name, field) in columns.iter().zip(line.split(|byte| *byte == b';')).skip(3) {
            if name == "CPU" && field != b"-1" && field != b"all" {
                return Ok(Record::Structure);
            }
            if let Some(value) = number(field) {
                figures.set(name, value);
            }
        }
        Ok(figures.record())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HostSample;

    const ROWS: &str = "\
# hostname;interval;timestamp;CPU;%usr;%nice;%sys;%iowait;%steal;%irq;%soft;%guest;%gnice;%idle
vm;5;2026-11-23 18:28:15 UTC;-1;86.83;0.00;12.57;2.00;0.10;0.00;0.50;0.00;0.00;5.00
# hostname;interval;timestamp;tps;rtps;wtps;dtps;bread/s;bwrtn/s;bdscd/s
vm;5;2026-11-23 18:28:15 UTC;1.00;1.00;1.00;1.00;1.00;1.00;1.00
vm;-1;2026-11-23 18:28:15 UTC;LINUX-RESTART\t(2 CPU)
# hostname;interval;timestamp;runq-sz;plist-sz;ldavg-1;ldavg-5;ldavg-15;blocked
vm;5;2026-11-23 18:28:15 UTC;13;327;9.79;11.25;7.31;2";

    fn read(
        format: &dyn Format,
        text: &[u8],
        memory: &mut Memory,
    ) -> Result<Option<HostSample>, &'static str> {
        let raw = Raw::of(text);
        format.parse(&raw, memory).map(|record| match record {
            Record::Host(sample) => Some(sample),
            _ => None,
        })
    }

    fn sample(text: &str) -> Sample<'_> {
        Sample { lines: text.lines().map(|line| line.as_bytes().into()).collect(), name: "x" }
    }

    #[test]
    fn several_tables() {
        let claim = detect(&sample(ROWS), &Context::default()).unwrap();
        assert!(claim.score > 0.99);
        let mut memory = Memory::default();
        let rows: Vec<HostSample> = ROWS
            .lines()
            .filter_map(|line| read(claim.format.as_ref(), line.as_bytes(), &mut memory).unwrap())
            .collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].stamp, Some(Stamp::utc(date_time_us(b"2026-11-23 18:28:15").unwrap(), SECOND_US)));
        assert!((rows[0].cpu_busy_percent.unwrap() - 92.9).abs() < 1e-9);
        assert_eq!((rows[1].run_queue, rows[1].load_1, rows[1].blocked), (Some(13), Some(9.79), Some(2)));
    }

    #[test]
    fn broken() {
        let row = ROWS.lines().nth(1).unwrap().as_bytes();
        for end in 0..=row.len() {
            let _ = read(&Database::default(), &row[..end], &mut Memory::default());
        }
        assert!(read(&Database::default(), b"\xff;1;\xfe", &mut Memory::default()).is_err());
        assert!(detect(&sample("a;b;c\nfoo"), &Context::default()).is_none());
    }
}
