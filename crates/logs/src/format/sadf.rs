//! `sadf -d` (semicolons) and `sadf -j` (JSON), sysstat's exports (formats.md section 7).

use memchr::{memchr, memmem};
use serde_json::Value;

use super::vmstat::{empty_sample, number, score, set_cpu};
use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::Record;
use crate::timestamp::{SECOND_US, Stamp, Zone, abbreviation_offset_s, date_time_us, digits};

/// `sadf -d`; the columns are those of the first header of the sample, for rows that come before one.
#[derive(Debug, Default)]
pub struct Database {
    columns: Vec<String>,
}

/// `sadf -j`.
pub struct Json;

/// Claims `sadf -d` by its header or rows, `sadf -j` by its statistics.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let columns = sample.lines.iter().find_map(|line| header(line));
    if columns.is_some() || sample.lines.iter().any(|line| row_stamp(line).is_some()) {
        let format = Database { columns: columns.unwrap_or_default() };
        let score = score(&format, sample)?;
        return Some(Claim { format: Box::new(format), score });
    }
    let starts: Vec<usize> = (0..sample.lines.len())
        .filter(|at| sample.lines.get(*at).is_some_and(|line| Json.starts_record(line)))
        .collect();
    // The last record of the sample may be cut.
    let (mut total, mut understood) = (0u32, 0u32);
    for pair in starts.windows(2) {
        let [from, to] = pair else { continue };
        let text = sample.lines.get(*from..*to).unwrap_or_default().join(b"\n".as_slice());
        let raw = Raw { text: text.into(), outer: None, program: None, pid: None, orphan: false };
        total += 1;
        understood += u32::from(Json.parse(&raw, &mut Memory::default()).is_ok());
    }
    let score = f64::from(understood) / f64::from(total.max(1));
    (score >= 0.3).then(|| Claim { format: Box::new(Json), score })
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
    let mut fields = line.splitn(4, |byte| *byte == b';');
    let (_, interval, time) = (fields.next()?, fields.next()?, fields.next()?);
    fields.next()?;
    number(interval)?;
    if time.len() == 10
        && let Some(seconds) = digits(time)
    {
        return Some(Stamp::utc(seconds * SECOND_US, SECOND_US));
    }
    let us = date_time_us(time)?;
    Some(stamp(us, time.get(19..).unwrap_or_default().trim_ascii()))
}

/// A wall clock with the name of its zone, which may be empty.
fn stamp(us: i64, zone: &[u8]) -> Stamp {
    let (us, zone) = match abbreviation_offset_s(zone) {
        Some(0) => (us, Zone::Utc),
        Some(offset) => (us.saturating_sub(i64::from(offset) * SECOND_US), Zone::Offset(offset)),
        None => (us, Zone::Local),
    };
    Stamp { us, zone, resolution_us: SECOND_US }
}

impl Format for Database {
    fn name(&self) -> String {
        "sadf".to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn starts_record(&self, _line: &[u8]) -> bool {
        true
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
        if columns.len() != line.split(|byte| *byte == b';').count() {
            return Err("unexpected_columns");
        }
        let mut sample = empty_sample(stamp);
        let (mut idle, mut wait, mut steal, mut swap) = (None, None, None, None);
        for (name, field) in columns.iter().zip(line.split(|byte| *byte == b';')).skip(3) {
            if name == "CPU" && field != b"-1" && field != b"all" {
                return Ok(Record::Structure);
            }
            let Some(value) = number(field) else { continue };
            match name.as_str() {
                "%idle" => idle = Some(value),
                "%iowait" => wait = Some(value),
                "%steal" => steal = Some(value),
                "runq-sz" => sample.run_queue = Some(value as u32),
                "blocked" => sample.blocked = Some(value as u32),
                "ldavg-1" => sample.load_1 = Some(value),
                "kbmemfree" => sample.memory_free_bytes = Some((value as u64).saturating_mul(1024)),
                // Pages of 4 KiB.
                "pswpin/s" | "pswpout/s" => swap = Some(swap.unwrap_or(0.0) + value * 4.0),
                _ => {}
            }
        }
        set_cpu(&mut sample, idle, wait, steal);
        sample.swap_kib_s = swap;
        let known = idle.or(swap).or(sample.load_1).is_some() || sample.memory_free_bytes.is_some();
        // Tables of disks, interfaces, sockets and the like.
        Ok(if known { Record::Host(sample) } else { Record::Structure })
    }
}

impl Format for Json {
    fn name(&self) -> String {
        "sadf".to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        line.trim_ascii_start().starts_with(b"\"timestamp\":")
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &[u8] = &raw.text;
        if raw.orphan || !self.starts_record(text) {
            let line = text.trim_ascii();
            let structure = line.is_empty() || line.starts_with(b"{") || line.starts_with(b"\"");
            return if structure { Ok(Record::Structure) } else { Err("not_sadf") };
        }
        let end = object_end(text).ok_or("truncated_json")?;
        let mut object = Vec::with_capacity(end + 2);
        object.push(b'{');
        object.extend_from_slice(text.get(..=end).unwrap_or_default());
        let value: Value = serde_json::from_slice(&object).map_err(|_| "bad_json")?;
        let time = value.get("timestamp").ok_or("no_timestamp")?;
        let part = |name: &str| time.get(name).and_then(Value::as_str).unwrap_or_default();
        let written = format!("{} {}", part("date"), part("time"));
        let us = date_time_us(written.as_bytes()).ok_or("bad_timestamp")?;
        let utc = time.get("utc").and_then(Value::as_i64) == Some(1);
        let zone = if utc { "UTC" } else { part("timezone") };
        let mut sample = empty_sample(stamp(us, zone.as_bytes()));
        let all = value
            .get("cpu-load")
            .or_else(|| value.get("cpu-load-all"))
            .and_then(Value::as_array)
            .and_then(|rows| {
                rows.iter().find(|row| matches!(row.get("cpu").and_then(Value::as_str), Some("all" | "-1")))
            });
        let share = |name: &str| all?.get(name)?.as_f64();
        set_cpu(&mut sample, share("idle"), share("iowait"), share("steal"));
        let queue = |name: &str| value.get("queue")?.get(name)?.as_f64();
        sample.run_queue = queue("runq-sz").map(|value| value as u32);
        sample.blocked = queue("blocked").map(|value| value as u32);
        sample.load_1 = queue("ldavg-1");
        sample.memory_free_bytes = value
            .get("memory")
            .and_then(|memory| memory.get("memfree")?.as_u64())
            .map(|kib| kib.saturating_mul(1024));
        let swap = |name: &str| value.get("swap-pages")?.get(name)?.as_f64();
        sample.swap_kib_s = swap("pswpin").zip(swap("pswpout")).map(|(read, written)| (read + written) * 4.0);
        Ok(Record::Host(sample))
    }
}

/// Where the object that `text` is in the middle of ends: the index of its closing brace.
fn object_end(text: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (1u32, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            // Names hold no escaped quotes.
            b'"' => at += memchr(b'"', text.get(at + 1..)?)? + 1,
            _ => {}
        }
        at += 1;
    }
    None
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

    const OBJECT: &str = r#"					"timestamp": {"date": "2026-11-23", "time": "18:28:05", "utc": 1, "interval": 5},
					"cpu-load": [
						{"cpu": "all", "user": 84.98, "nice": 0.00, "system": 15.02, "iowait": 1.00, "steal": 0.00, "idle": 9.00}
					],
					"memory": {"memfree": 14400728, "avail": 20715716},
					"queue": {"runq-sz": 13, "plist-sz": 327, "ldavg-1": 9.79, "ldavg-5": 11.25, "ldavg-15": 7.31, "blocked": 0}
				},
				{"#;

    fn read(
        format: &dyn Format,
        text: &[u8],
        memory: &mut Memory,
    ) -> Result<Option<HostSample>, &'static str> {
        let raw = Raw { text: text.into(), outer: None, program: None, pid: None, orphan: false };
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
        assert_eq!(rows[0].stamp, Stamp::utc(date_time_us(b"2026-11-23 18:28:15").unwrap(), SECOND_US));
        assert!((rows[0].cpu_busy_percent.unwrap() - 92.9).abs() < 1e-9);
        assert_eq!((rows[1].run_queue, rows[1].load_1, rows[1].blocked), (Some(13), Some(9.79), Some(2)));
    }

    #[test]
    fn json() {
        let text = format!("{{\"sysstat\": {{\n{OBJECT}\n{OBJECT}\n");
        let claim = detect(&sample(&text), &Context::default()).unwrap();
        assert!(claim.score > 0.99);
        let row = read(claim.format.as_ref(), OBJECT.as_bytes(), &mut Memory::default()).unwrap().unwrap();
        assert_eq!(row.cpu_busy_percent, Some(90.0));
        assert_eq!((row.run_queue, row.memory_free_bytes), (Some(13), Some(14_400_728 * 1024)));
        assert_eq!(row.stamp.zone, Zone::Utc);
        assert!(read(&Json, b"{\"sysstat\": {", &mut Memory::default()).unwrap().is_none());
    }

    #[test]
    fn broken() {
        let row = ROWS.lines().nth(1).unwrap().as_bytes();
        for end in 0..=row.len() {
            let _ = read(&Database::default(), &row[..end], &mut Memory::default());
        }
        for end in 0..=OBJECT.len() {
            let _ = read(&Json, &OBJECT.as_bytes()[..end], &mut Memory::default());
        }
        assert_eq!(
            read(&Json, &OBJECT.as_bytes()[..200], &mut Memory::default()).err(),
            Some("truncated_json")
        );
        assert!(read(&Database::default(), b"\xff;1;\xfe", &mut Memory::default()).is_err());
        assert!(detect(&sample("a;b;c\nfoo"), &Context::default()).is_none());
    }
}
