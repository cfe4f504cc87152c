//! `vmstat -t [-w] SECONDS` (formats.md section 7).
//!
//! Columns go by the names of the header, which repeats; the zone of the times stands only there. The first row is
//! an average since boot.

use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::{HostSample, Record};
use crate::timestamp::{SECOND_US, Stamp, Zone, abbreviation_offset_s, date_time_us};

/// Names of the columns that vmstat prints, `gu` (guest) only in newer ones.
const COLUMNS: [&str; 18] = [
    "r", "b", "swpd", "free", "buff", "cache", "si", "so", "bi", "bo", "in", "cs", "us", "sy", "id", "wa",
    "st", "gu",
];

/// vmstat, with the columns and the zone of the first header in the sample, for rows that come before one.
#[derive(Debug, Default)]
pub struct Vmstat {
    columns: Vec<String>,
    zone: Option<String>,
}

/// Claims files most of whose lines are vmstat's headers and rows.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let mut format = Vmstat::default();
    if let Some((columns, zone)) = sample.lines.iter().find_map(|line| header(line)) {
        (format.columns, format.zone) = (columns, zone);
    }
    let score = score(&format, sample)?;
    Some(Claim { format: Box::new(format), score })
}

/// Share of the sample's lines that a line-by-line format understands; `None` below 0.3 or without one host sample.
pub(super) fn score(format: &dyn Format, sample: &Sample<'_>) -> Option<f64> {
    let mut memory = Memory::default();
    let (mut total, mut understood, mut samples) = (0u32, 0u32, 0u32);
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        total += 1;
        let raw = Raw { text: line.as_ref().into(), outer: None, program: None, pid: None, orphan: false };
        match format.parse(&raw, &mut memory) {
            Ok(Record::Structure) => understood += 1,
            Ok(_) => {
                understood += 1;
                samples += 1;
            }
            Err(_) => {}
        }
    }
    let score = f64::from(understood) / f64::from(total.max(1));
    (samples > 0 && score >= 0.3).then_some(score)
}

/// The fields of a line, split at blanks.
pub(super) fn tokens(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|token| !token.is_empty())
}

/// A decimal number; a decimal comma of some locales is understood.
pub(super) fn number(token: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(token).ok()?;
    let first = text.trim_start_matches(['-', '+']).bytes().next()?;
    if !first.is_ascii_digit() && first != b'.' {
        return None;
    }
    let value: f64 = match text.split_once(',') {
        Some((whole, fraction)) => format!("{whole}.{fraction}").parse().ok()?,
        None => text.parse().ok()?,
    };
    value.is_finite().then_some(value)
}

/// A column header: the column names and the zone, if there is one.
fn header(line: &[u8]) -> Option<(Vec<String>, Option<String>)> {
    let mut names: Vec<String> =
        tokens(line).map(|token| String::from_utf8_lossy(token).into_owned()).collect();
    let has = |name: &str| names.iter().any(|column| column == name);
    if names.first().is_none_or(|name| name != "r") || !has("b") || !has("free") {
        return None;
    }
    let zone = names.pop_if(|name| !COLUMNS.contains(&name.as_str()) && name != "inact" && name != "active");
    Some((names, zone))
}

impl Format for Vmstat {
    fn name(&self) -> String {
        "vmstat".to_owned()
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
        if line.is_empty() || line.starts_with(b"procs ") {
            return Ok(Record::Structure);
        }
        if let Some((columns, zone)) = header(line) {
            memory.columns = columns;
            memory.zone = zone;
            return Ok(Record::Structure);
        }
        let headed = !memory.columns.is_empty();
        let count = tokens(line).count();
        let dated = tokens(line).nth(count.saturating_sub(2)).is_some_and(|token| token.contains(&b'-'));
        let numbers = if dated { count.saturating_sub(2) } else { count };
        let columns = if headed { &memory.columns } else { &self.columns };
        let known = if columns.is_empty() { (17..=18).contains(&numbers) } else { numbers == columns.len() };
        if !known {
            return Err("unexpected_columns");
        }
        let stamp = if dated {
            let start = line.iter().rposition(|byte| *byte == b' ').and_then(|clock| {
                line.get(..clock)?.iter().rposition(|byte| *byte == b' ').map(|date| date + 1)
            });
            let us =
                start.and_then(|start| line.get(start..)).and_then(date_time_us).ok_or("bad_timestamp")?;
            zoned(us, if headed { memory.zone.as_deref() } else { self.zone.as_deref() })
        } else {
            raw.outer.ok_or("no_timestamp")?
        };
        let mut sample = empty_sample(stamp);
        sample.since_boot = headed && memory.last.is_none();
        let (mut idle, mut wait, mut steal, mut swap) = (None, None, None, None);
        for (at, token) in tokens(line).take(numbers).enumerate() {
            let value = number(token).ok_or("not_a_number")?;
            let name = columns.get(at).map(String::as_str).or(COLUMNS.get(at).copied()).unwrap_or_default();
            match name {
                "r" => sample.run_queue = Some(value as u32),
                "b" => sample.blocked = Some(value as u32),
                // Without -S the unit is KiB.
                "free" => sample.memory_free_bytes = Some((value as u64).saturating_mul(1024)),
                "si" | "so" => swap = Some(swap.unwrap_or(0.0) + value),
                "id" => idle = Some(value),
                "wa" => wait = Some(value),
                "st" => steal = Some(value),
                _ => {}
            }
        }
        sample.swap_kib_s = swap;
        set_cpu(&mut sample, idle, wait, steal);
        memory.last = Some(stamp);
        Ok(Record::Host(sample))
    }
}

/// The stamp of a wall clock in the zone that a header names; unknown abbreviations stay local.
fn zoned(us: i64, zone: Option<&str>) -> Stamp {
    let (us, zone) = match zone.and_then(|name| abbreviation_offset_s(name.as_bytes())) {
        Some(0) => (us, Zone::Utc),
        Some(offset) => (us.saturating_sub(i64::from(offset) * SECOND_US), Zone::Offset(offset)),
        None => (us, Zone::Local),
    };
    Stamp { us, zone, resolution_us: SECOND_US }
}

/// A sample of which only the time is known.
pub(super) fn empty_sample(stamp: Stamp) -> HostSample {
    HostSample {
        stamp,
        cpu_busy_percent: None,
        io_wait_percent: None,
        steal_percent: None,
        run_queue: None,
        blocked: None,
        memory_free_bytes: None,
        swap_kib_s: None,
        load_1: None,
        since_boot: false,
    }
}

/// Sets the three processor shares; busy is what is neither idle nor waiting nor stolen.
pub(super) fn set_cpu(sample: &mut HostSample, idle: Option<f64>, wait: Option<f64>, steal: Option<f64>) {
    sample.io_wait_percent = wait;
    sample.steal_percent = steal;
    sample.cpu_busy_percent =
        idle.map(|idle| (100.0 - idle - wait.unwrap_or(0.0) - steal.unwrap_or(0.0)).clamp(0.0, 100.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu----- -----timestamp-----
 r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st                 CET
 0  0      0 5145866  51064 2892112    0    0   157  1435 1034 1870  5  1 94  0  0 2026-02-16 13:35:12
14  1      0 5145866  51064 2892112    3    4   157  1435 1034 1870  5  1 44 40 10 2026-02-16 13:35:22";

    fn sample(text: &str) -> Sample<'_> {
        Sample { lines: text.lines().map(|line| line.as_bytes().into()).collect(), name: "vmstat.txt" }
    }

    fn read(
        format: &dyn Format,
        text: &str,
        memory: &mut Memory,
    ) -> Result<Option<HostSample>, &'static str> {
        let raw = Raw { text: text.as_bytes().into(), outer: None, program: None, pid: None, orphan: false };
        format.parse(&raw, memory).map(|record| match record {
            Record::Host(sample) => Some(sample),
            _ => None,
        })
    }

    #[test]
    fn real_rows() {
        let claim = detect(&sample(TEXT), &Context::default()).unwrap();
        assert!(claim.score > 0.99);
        let mut memory = Memory::default();
        let rows: Vec<HostSample> =
            TEXT.lines().filter_map(|line| read(claim.format.as_ref(), line, &mut memory).unwrap()).collect();
        assert!(rows[0].since_boot && !rows[1].since_boot);
        assert_eq!(rows[1].stamp.zone, Zone::Offset(3600));
        assert_eq!(rows[1].stamp.us, date_time_us(b"2026-02-16 12:35:22").unwrap());
        assert_eq!((rows[1].run_queue, rows[1].blocked), (Some(14), Some(1)));
        assert_eq!((rows[1].cpu_busy_percent, rows[1].io_wait_percent), (Some(6.0), Some(40.0)));
        assert_eq!((rows[1].swap_kib_s, rows[1].memory_free_bytes), (Some(7.0), Some(5_145_866 * 1024)));
    }

    #[test]
    fn head_cut_off() {
        let row = " 0  0      0 5132648  51064 2892112    0    0   341   476  971 1180  2  0 98  0  0 2026-10-06 13:37:32";
        let claim = detect(&sample(row), &Context::default()).unwrap();
        let found = read(claim.format.as_ref(), row, &mut Memory::default()).unwrap().unwrap();
        assert_eq!((found.since_boot, found.stamp.zone), (false, Zone::Local));
        assert_eq!(
            read(claim.format.as_ref(), &row[..60], &mut Memory::default()).err(),
            Some("unexpected_columns")
        );
    }

    #[test]
    fn garbage() {
        assert!(detect(&sample("hello\n1 2 3\n"), &Context::default()).is_none());
        let row = TEXT.lines().nth(2).unwrap();
        for end in 0..=row.len() {
            let _ = read(&Vmstat::default(), &row[..end], &mut Memory::default());
        }
        let raw = Raw {
            text: b"\xff\xfe 1 2".as_slice().into(),
            outer: None,
            program: None,
            pid: None,
            orphan: false,
        };
        assert!(Vmstat::default().parse(&raw, &mut Memory::default()).is_err());
    }
}
