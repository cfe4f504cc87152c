//! `vmstat -t [-w] SECONDS` (formats.md section 7).
//!
//! Columns go by the names of the header, which repeats; the zone of the times stands only there. The first row is
//! an average since boot. Without `-t` rows have no time. `-S` changes the unit of memory and says so nowhere.

use super::figures::{Figures, number, score, tokens, unnamed_unit, zoned};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::Record;
use crate::timestamp::date_time_us;

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "vmstat",
    source: Source::Host,
    summary: "`vmstat -t SECONDS`, also with `-w`, `-a` and `-S`, or without `-t`",
    origin: "procps, to version 4",
    detect,
    examples: &[Example {
        name: "vmstat",
        file: "vmstat.txt",
        text: "\
procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu----- -----timestamp-----
 r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st                 UTC
17  0      0 14929220  51064 6892112    0    0  1714  4258  456 1063 53  9 38  0  0 2026-11-23 18:24:34
14  0      0 14929220  51064 6892112    0    0   160   660 3880 9056 74 21  0  0  5 2026-11-23 18:24:39
",
    }],
    foreign: &[
        Foreign { whose: "a list of numbers", text: "hello\n1 2 3\n" },
        Foreign {
            whose: "vmstat -d",
            text: "disk- ------------reads------------ ------------writes----------- -----IO------\n       total merged sectors      ms  total merged sectors      ms    cur    sec\nloop0      0      0       0       0      0      0       0       0      0      0\n",
        },
    ],
    broken: &[Broken {
        reason: "unexpected_columns",
        text: "17  0      0 14929220  51064 6892112    0    0  1714",
    }],
};

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

/// A column header: the column names and the zone, if there is one.
fn header(line: &[u8]) -> Option<(Vec<String>, Option<String>)> {
    if tokens(line).next() != Some(b"r") {
        return None;
    }
    let mut names: Vec<String> =
        tokens(line).map(|token| String::from_utf8_lossy(token).into_owned()).collect();
    let has = |name: &str| names.iter().any(|column| column == name);
    if !has("b") || !has("free") {
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

    fn sequential(&self) -> bool {
        true
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let line = raw.text.trim_ascii();
        if line.is_empty() || line.starts_with(b"procs ") || line.starts_with(b"--procs-- ") {
            return Ok(Record::Structure);
        }
        if let Some((columns, zone)) = header(line) {
            memory.columns = columns;
            memory.zone = zone;
            return Ok(Record::Structure);
        }
        let headed = !memory.columns.is_empty();
        // More than any vmstat has.
        let (mut count, mut last_but_one, mut last) = (0usize, b"".as_slice(), b"".as_slice());
        for token in tokens(line).take(64) {
            (last_but_one, last) = (last, token);
            count += 1;
        }
        let dated = last_but_one.contains(&b'-');
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
            let zone = if headed { memory.zone.as_deref() } else { self.zone.as_deref() };
            Some(zoned(us, zone.unwrap_or_default().as_bytes()))
        } else {
            raw.outer
        };
        let named =
            |at: usize| columns.get(at).map(String::as_str).or(COLUMNS.get(at).copied()).unwrap_or_default();
        let mut figures = Figures::new(stamp);
        let (mut free, mut memory_total, mut swap) = (None, 0.0, 0.0);
        for (at, token) in tokens(line).take(numbers).enumerate() {
            let value = number(token).ok_or("not_a_number")?;
            match named(at) {
                "free" => {
                    free = Some(value);
                    memory_total += value;
                }
                "buff" | "cache" | "inact" | "active" => memory_total += value,
                "si" | "so" => swap += value,
                name => {
                    figures.set(name, value);
                }
            }
        }
        let unit = unnamed_unit(memory_total);
        let since_boot = headed && memory.section.is_empty();
        figures.put(|sample| {
            sample.memory_free_bytes = free.map(|free| (free * unit) as u64);
            sample.since_boot = since_boot;
        });
        figures.add_swap(swap * unit / 1024.0);
        memory.section = "rows";
        Ok(figures.record())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HostSample;
    use crate::timestamp::Zone;

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
        let raw = Raw::of(text.as_bytes());
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
        assert_eq!(rows[1].stamp.unwrap().zone, Zone::Offset(3600));
        assert_eq!(rows[1].stamp.unwrap().us, date_time_us(b"2026-02-16 12:35:22").unwrap());
        assert_eq!((rows[1].run_queue, rows[1].blocked), (Some(14), Some(1)));
        assert_eq!((rows[1].cpu_busy_percent, rows[1].io_wait_percent), (Some(6.0), Some(40.0)));
        assert_eq!((rows[1].swap_kib_s, rows[1].memory_free_bytes), (Some(7.0), Some(5_145_866 * 1024)));
    }

    #[test]
    fn head_cut_off() {
        let row = " 0  0      0 5132648  51064 2892112    0    0   341   476  971 1180  2  0 98  0  0 2026-10-06 13:37:32";
        let claim = detect(&sample(row), &Context::default()).unwrap();
        let found = read(claim.format.as_ref(), row, &mut Memory::default()).unwrap().unwrap();
        assert_eq!((found.since_boot, found.stamp.unwrap().zone), (false, Zone::Local));
        assert_eq!(
            read(claim.format.as_ref(), &row[..60], &mut Memory::default()).err(),
            Some("unexpected_columns")
        );
    }

    /// `vmstat -S M 1`, and `vmstat -w` of procps 4.
    #[test]
    fn variants() {
        let text = "\
procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
 r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
10  0      0   6087     85  16702    0    0  2434  6059  319  717 65  8 27  0  0
10  0      0   6087     85  16702    0    1  2434  6059  319  717 65  8 27  0  0";
        let claim = detect(&sample(text), &Context::default()).unwrap();
        assert_eq!(claim.score, 1.0);
        let mut memory = Memory::default();
        let rows: Vec<HostSample> =
            text.lines().filter_map(|line| read(claim.format.as_ref(), line, &mut memory).unwrap()).collect();
        assert_eq!((rows[1].stamp, rows[1].since_boot), (None, false));
        assert_eq!((rows[1].memory_free_bytes, rows[1].swap_kib_s), (Some(6087 << 20), Some(1024.0)));
        let wide = "\
--procs-- -----------------------memory---------------------- ---swap-- -----io---- -system-- ----------cpu---------- -----timestamp-----
   r    b         swpd         free         buff        cache   si   so    bi    bo   in   cs  us  sy  id  wa  st  gu                 UTC
  11    0            0      6382000        89000     17514000    0    0  2434  6059  319  717  65   8  27   0   0   0 2026-11-25 04:48:39";
        let claim = detect(&sample(wide), &Context::default()).unwrap();
        assert_eq!(claim.score, 1.0);
        let row = wide.lines().last().unwrap();
        let row = read(claim.format.as_ref(), row, &mut Memory::default()).unwrap().unwrap();
        assert_eq!((row.stamp.unwrap().zone, row.memory_free_bytes), (Zone::Utc, Some(6_382_000 << 10)));
    }

    #[test]
    fn garbage() {
        assert!(detect(&sample("hello\n1 2 3\n"), &Context::default()).is_none());
        let row = TEXT.lines().nth(2).unwrap();
        for end in 0..=row.len() {
            let _ = read(&Vmstat::default(), &row[..end], &mut Memory::default());
        }
        let raw = Raw::of(b"\xff\xfe 1 2".as_slice());
        assert!(Vmstat::default().parse(&raw, &mut Memory::default()).is_err());
    }
}
