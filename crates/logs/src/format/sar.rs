//! `sar` as text: `-u`, `-q`, `-r`, `-W`, or several of them in one file (formats.md section 7).
//!
//! The date stands only in the first line, in the order of the locale; rows have a time of day, local.

use super::vmstat::{empty_sample, number, score, set_cpu, tokens};
use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::{Record, Setting, text};
use crate::timestamp::{SECOND_US, Stamp, Zone, civil_us, clock_s, digits};

/// Microseconds in one day.
const DAY_US: i64 = 86_400 * SECOND_US;
/// Columns of `sar -u`, for rows whose header is cut off.
const UTILISATION: [&str; 7] = ["CPU", "%user", "%nice", "%system", "%iowait", "%steal", "%idle"];

/// sar's text.
pub struct Sar;

/// Claims files most of whose lines are sar's.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    score(&Sar, sample).map(|score| Claim { format: Box::new(Sar), score })
}

/// Midnight of `MM/DD/YY`, `MM/DD/YYYY`, `YYYY-MM-DD` or `DD.MM.YYYY`, µs of the wall clock.
fn date_us(token: &[u8]) -> Option<i64> {
    let separator = *token.iter().find(|byte| matches!(byte, b'/' | b'-' | b'.'))?;
    let mut parts = token.split(|byte| *byte == separator).map(digits);
    let (a, b, c) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = match separator {
        _ if a > 31 => (a, b, c),
        b'/' if a <= 12 => (c, a, b),
        // 23/11/26 can only be day first; `.` and `-` with the year last are day first everywhere.
        _ => (c, b, a),
    };
    civil_us(if year < 100 { year + 2000 } else { year }, month, day, 0, 0, 0)
}

/// The number of processors at the end of sar's first line, `(2 CPU)`.
fn processors(line: &[u8]) -> Option<Setting> {
    let count = line.strip_suffix(b" CPU)")?.rsplit(|byte| *byte == b'(').next()?;
    digits(count)?;
    let (name, value) = ("processors".to_owned(), text(count).into_owned());
    Some(Setting { program: "host", name, value, line_in_record: 0, depth: 0 })
}

/// The time of day at the start of a row in seconds, and the rest of the row.
fn time_of_day(line: &[u8]) -> Option<(i64, &[u8])> {
    let seconds = clock_s(line)?;
    let rest = line.get(8..)?;
    let trimmed = rest.trim_ascii_start();
    let half = match trimmed.get(..2) {
        Some(b"AM") => Some(0),
        Some(b"PM") => Some(12 * 3600),
        _ => None,
    };
    Some(match half {
        // Twelve o'clock is hour 0 of either half.
        Some(half) => (seconds % (12 * 3600) + half, trimmed.get(2..)?),
        None => (seconds, rest),
    })
}

impl Format for Sar {
    fn name(&self) -> String {
        "sar".to_owned()
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
        if line.starts_with(b"Linux ") {
            // `zone` holds the date as printed, so that a further table can go back to it.
            let date = tokens(line).find(|token| date_us(token).is_some()).ok_or("no_date")?;
            memory.day_us = date_us(date);
            memory.zone = Some(String::from_utf8_lossy(date).into_owned());
            memory.last = None;
            return Ok(processors(line).map_or(Record::Structure, |setting| Record::Settings(vec![setting])));
        }
        if line.starts_with(b"Average:") || line.starts_with(b"Summary:") {
            // A table ends; the next one begins again on the first day.
            memory.day_us =
                memory.zone.as_deref().and_then(|date| date_us(date.as_bytes())).or(memory.day_us);
            memory.last = None;
            return Ok(Record::Structure);
        }
        let (seconds, rest) = time_of_day(line).ok_or("not_sar")?;
        if rest.trim_ascii_start().starts_with(b"LINUX RESTART") {
            return Ok(Record::Structure);
        }
        let first = tokens(rest).next().ok_or("truncated_row")?;
        let is_header =
            tokens(rest).all(|token| number(token).is_none() && token != b"all" && token != b"-1");
        if is_header {
            memory.columns = tokens(rest).map(|token| String::from_utf8_lossy(token).into_owned()).collect();
        }
        let day = memory.day_us.ok_or("no_date")?;
        let mut us = day.saturating_add(seconds * SECOND_US);
        if let Some(last) = memory.last
            && last.us.saturating_sub(us) > DAY_US / 2
        {
            us = us.saturating_add(DAY_US);
            memory.day_us = Some(day.saturating_add(DAY_US));
        }
        let stamp = Stamp { us, zone: Zone::Local, resolution_us: SECOND_US };
        memory.last = Some(stamp);
        if is_header {
            return Ok(Record::Structure);
        }
        let count = tokens(rest).count();
        let names: Vec<&str> = if memory.columns.is_empty() && first == b"all" && count == UTILISATION.len() {
            UTILISATION.to_vec()
        } else {
            memory.columns.iter().map(String::as_str).collect()
        };
        if names.len() != count {
            return Err("unexpected_columns");
        }
        let mut sample = empty_sample(stamp);
        let (mut idle, mut wait, mut steal, mut swap) = (None, None, None, None);
        for (name, token) in names.iter().zip(tokens(rest)) {
            if *name == "CPU" {
                if token != b"all" {
                    return Ok(Record::Structure);
                }
                continue;
            }
            let Some(value) = number(token) else { continue };
            match *name {
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
        // Tables of disks, interfaces and the like.
        Ok(if known { Record::Host(sample) } else { Record::Structure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HostSample;
    use crate::timestamp::date_time_us;

    const USE: &str = "\
Linux 6.18.44-fc-v669 (vm) \t11/23/26 \t_x86_64_\t(2 CPU)

18:27:55        CPU     %user     %nice   %system   %iowait    %steal     %idle
18:28:00        all     85.33      0.00     14.37      0.00      0.00      0.30
18:28:00          0     85.33      0.00     14.37      0.00      0.00      0.30
18:28:10        all     10.00      0.00     12.90      5.00      2.00     60.00
Average:        all     85.10      0.00     14.70      0.10      0.00      0.10

18:27:55      runq-sz  plist-sz   ldavg-1   ldavg-5  ldavg-15   blocked
18:28:00            6       309      9.59     11.23      7.28         1";

    fn read_all(text: &str) -> Vec<HostSample> {
        let mut memory = Memory::default();
        text.lines()
            .filter_map(|line| {
                let raw = Raw { text: line.as_bytes().into(), outer: None, program: None, orphan: false };
                match Sar.parse(&raw, &mut memory).unwrap() {
                    Record::Host(sample) => Some(sample),
                    _ => None,
                }
            })
            .collect()
    }

    #[test]
    fn two_tables() {
        let lines = USE.lines().map(|line| line.as_bytes().into()).collect();
        let claim = detect(&Sample { lines, name: "sar.txt" }, &Context::default()).unwrap();
        assert!(claim.score > 0.99);
        let rows = read_all(USE);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1].stamp.us, date_time_us(b"2026-11-23 18:28:10").unwrap());
        assert_eq!((rows[1].cpu_busy_percent, rows[1].io_wait_percent), (Some(33.0), Some(5.0)));
        assert_eq!((rows[2].run_queue, rows[2].load_1, rows[2].blocked), (Some(6), Some(9.59), Some(1)));
    }

    #[test]
    fn twelve_hours_and_midnight() {
        let rows = read_all(
            "Linux 6.1 (vm) \t11/23/2026 \t_x86_64_\t(2 CPU)\n\n\
             11:59:50 PM     CPU     %user     %nice   %system   %iowait    %steal     %idle\n\
             11:59:55 PM     all      1,00      0,00      0,00      0,00      0,00     99,00\n\
             12:00:00 AM     all      1.00      0.00      0.00      0.00      0.00     99.00\n\
             12:00:05 PM  LINUX RESTART\t(2 CPU)",
        );
        assert_eq!(rows[0].stamp.us, date_time_us(b"2026-11-23 23:59:55").unwrap());
        assert_eq!(rows[1].stamp.us, date_time_us(b"2026-11-24 00:00:00").unwrap());
        assert_eq!(rows[0].cpu_busy_percent, Some(1.0));
    }

    #[test]
    fn dates() {
        let expected = date_time_us(b"2026-11-23 00:00:00");
        for text in ["11/23/26", "11/23/2026", "2026-11-23", "23.11.2026", "23/11/26", "23/11/2026"] {
            assert_eq!(date_us(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(date_us(b"6.18.44-fc-v669"), None);
    }

    #[test]
    fn broken_lines() {
        for row in USE.lines() {
            for end in 0..=row.len() {
                let mut memory = Memory { day_us: Some(0), ..Memory::default() };
                let raw =
                    Raw { text: row.as_bytes()[..end].into(), outer: None, program: None, orphan: false };
                let _ = Sar.parse(&raw, &mut memory);
            }
        }
        let raw = Raw { text: b"\xff\xfe".as_slice().into(), outer: None, program: None, orphan: false };
        assert!(Sar.parse(&raw, &mut Memory::default()).is_err());
    }
}
