//! `iostat -x -t SECONDS` as text (formats.md section 7; sysstat 10 to 12.7).
//!
//! A report is a stamp (with `-t`, in the order of the locale), the processors and the devices; either of the latter may
//! be missing. The first report is an average since boot.

use super::figures::{Figures, number, score, tokens};
use super::sar::{date_us, processors, time_of_day};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::Record;
use crate::timestamp::{SECOND_US, Stamp, Zone, iso};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "iostat",
    source: Source::Host,
    summary: "`iostat -x -t SECONDS` as text",
    origin: "sysstat 10 to 12.7",
    detect,
    examples: &[
        Example {
            name: "iostat",
            file: "iostat.txt",
            text: "\
Linux 6.1.0 (vm) 	11/23/26 	_x86_64_	(2 CPU)

11/23/26 18:27:30
avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           0.14    0.00    0.16    0.00    0.00   99.70

Device            r/s     w/s     rkB/s     wkB/s   rrqm/s   wrqm/s  %rrqm  %wrqm r_await w_await aqu-sz rareq-sz wareq-sz  svctm  %util
vda              0.55    1.10     20.11     33.12     0.01     0.52   1.02  32.01    0.32    0.88   0.00    36.56    30.11   0.21   0.03

11/23/26 18:27:35
avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           1.00    0.00    1.00   40.00    0.00   58.00

",
        },
    ],
    foreign: &[
        Foreign { whose: "fdisk", text: "Device Boot Start End Sectors Size Id Type\n/dev/sda1 * 2048 2099199 2097152 1G 83 Linux\n" },
        Foreign { whose: "df", text: "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/sda1 20961280 4210344 16750936 21% /\n" },
    ],
    broken: &[
        Broken { reason: "no_header", text: "vda              0.55    1.10     20.11     33.12     0.01" },
    ],
};

/// iostat's text.
pub struct Iostat;

/// Claims files most of whose lines are iostat's.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    sample.lines.iter().any(|line| is_header(line)).then_some(())?;
    score(&Iostat, sample).map(|score| Claim { format: Box::new(Iostat), score })
}

/// `avg-cpu:  %user …`, or the header of devices: `Device`, `Device:`, or with `-h` the name in the last column.
fn is_header(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.starts_with(b"avg-cpu:") || is_devices(line)
}

fn is_devices(line: &[u8]) -> bool {
    let named = |name: &[u8]| matches!(name, b"Device" | b"Device:");
    let last = || line.rsplit(u8::is_ascii_whitespace).find(|token| !token.is_empty());
    (tokens(line).next().is_some_and(named) || last().is_some_and(named))
        && tokens(line).any(|token| matches!(token, b"tps" | b"r/s" | b"%util"))
}

/// `11/23/26 18:27:30`, `11/23/2026 06:27:30 PM`, `2026-11-23T18:27:30+0000`.
fn stamp(line: &[u8]) -> Option<Stamp> {
    if let Some((stamp, used)) = iso(line) {
        return (used == line.len()).then_some(stamp);
    }
    let mut parts = line.splitn(2, |byte| *byte == b' ');
    let day = date_us(parts.next()?)?;
    let (seconds, rest) = time_of_day(parts.next()?.trim_ascii_start())?;
    let us = day.saturating_add(seconds * SECOND_US);
    rest.trim_ascii().is_empty().then_some(Stamp { us, zone: Zone::Local, resolution_us: SECOND_US })
}

impl Format for Iostat {
    fn name(&self) -> String {
        "iostat".to_owned()
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
        if line.starts_with(b"Linux ") {
            (memory.last, memory.section) = (None, "");
            memory.counters.clear();
            return Ok(processors(line).map_or(Record::Structure, |setting| Record::Settings(vec![setting])));
        }
        if let Some(stamp) = stamp(line) {
            memory.last = Some(stamp);
            return Ok(Record::Structure);
        }
        let columns =
            |line: &[u8]| tokens(line).map(|token| String::from_utf8_lossy(token).into_owned()).collect();
        if is_header(line) {
            let processors = line.starts_with(b"avg-cpu:");
            // Reports are told apart by their first header.
            let count =
                memory.counters.entry(if processors { "processors" } else { "devices" }).or_insert(0.0);
            *count += 1.0;
            memory.columns = columns(line.strip_prefix(b"avg-cpu:").unwrap_or(line));
            memory.section = if processors { "processors" } else { "devices" };
            return Ok(Record::Structure);
        }
        if memory.section.is_empty() {
            return Err("no_header");
        }
        if tokens(line).count() != memory.columns.len() {
            // With -h a long name has a line of its own, and device groups have blanks in theirs.
            return Err("unexpected_columns");
        }
        let mut figures = Figures::new(memory.last.or(raw.outer));
        for (name, token) in memory.columns.iter().zip(tokens(line)) {
            // `--human` adds units.
            let bare = token.trim_ascii_end().strip_suffix(b"%").unwrap_or(token);
            if let Some(value) = number(bare) {
                figures.set(name, value);
            }
        }
        let first = memory.counters.get(memory.section).is_some_and(|count| *count <= 1.0);
        let mut sample = figures.sample();
        if let Some(sample) = sample.as_mut() {
            sample.since_boot = first;
        }
        Ok(sample.map_or(Record::Structure, Record::Host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HostSample;
    use crate::timestamp::date_time_us;

    /// Lines of jc's `tests/fixtures/centos-7.7/iostat-x.out`, with `-t`.
    const TEXT: &str = "\
Linux 3.10.0-1062.1.2.el7.x86_64 (localhost.localdomain) \t11/30/2021 \t_x86_64_\t(1 CPU)

11/30/2021 06:27:30 PM
avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           0.14    0.00    0.16    0.00    0.00   99.70

Device:         rrqm/s   wrqm/s     r/s     w/s    rkB/s    wkB/s avgrq-sz avgqu-sz   await r_await w_await  svctm  %util
sda               0.00     0.02    0.13    0.11     5.27     1.10    52.53     0.00    0.88    0.53    1.29   0.52   0.01

11/30/2021 06:27:35 PM
avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           1,00    0,00    1,00   40,00    0,00   58,00

Device:         rrqm/s   wrqm/s     r/s     w/s    rkB/s    wkB/s avgrq-sz avgqu-sz   await r_await w_await  svctm  %util
sda               0.00     0.02    0.13    0.11     5.27     1.10    52.53     0.00    0.88    0.53    1.29   0.52   98.01
dm-0              0.00     0.00    0.12    0.13     4.41     1.05    44.30     0.00    0.92    0.54    1.27   0.50   0.01
";

    fn sample(text: &str) -> Sample<'_> {
        Sample { lines: text.lines().map(|line| line.as_bytes().into()).collect(), name: "x" }
    }

    fn read(text: &str) -> Vec<HostSample> {
        let mut memory = Memory::default();
        text.lines()
            .filter_map(|line| {
                let raw = Raw::of(line.as_bytes());
                match Iostat.parse(&raw, &mut memory).unwrap() {
                    Record::Host(sample) => Some(sample),
                    _ => None,
                }
            })
            .collect()
    }

    #[test]
    fn reports() {
        assert_eq!(detect(&sample(TEXT), &Context::default()).unwrap().score, 1.0);
        let rows = read(TEXT);
        assert_eq!(
            rows.iter().map(|row| row.since_boot).collect::<Vec<_>>(),
            [true, true, false, false, false]
        );
        assert_eq!(rows[2].stamp.unwrap().us, date_time_us(b"2021-11-30 18:27:35").unwrap());
        assert_eq!((rows[2].io_wait_percent, rows[2].cpu_busy_percent), (Some(40.0), Some(2.0)));
        assert_eq!((rows[3].device_busy_percent, rows[4].device_busy_percent), (Some(98.01), Some(0.01)));
        let undated: String =
            TEXT.lines().filter(|line| !line.ends_with("PM")).map(|line| format!("{line}\n")).collect();
        assert_eq!(read(&undated)[2].stamp, None);
    }

    #[test]
    fn stamps() {
        let expected = date_time_us(b"2026-11-23 18:27:30").unwrap();
        for text in
            ["11/23/26 18:27:30", "11/23/2026 06:27:30 PM", "23.11.2026 18:27:30", "2026-11-23T18:27:30+0000"]
        {
            assert_eq!(stamp(text.as_bytes()).unwrap().us, expected, "{text}");
        }
        assert_eq!(stamp(b"11/23/26 18:27:30 x"), None);
    }

    #[test]
    fn neighbours() {
        for text in [
            "Device Boot Start End Sectors Size Id Type\n/dev/sda1 * 2048 2099199 2097152 1G 83 Linux",
            "Device: /dev/sda\nsize 12",
            "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/sda1 20961280 4210344 16750936 21% /",
            "avg-cpu: high\nplease look",
        ] {
            assert!(detect(&sample(text), &Context::default()).is_none(), "{text}");
        }
        for line in TEXT.lines() {
            for end in 0..=line.len() {
                let raw = Raw::of(&line.as_bytes()[..end]);
                let _ = Iostat.parse(&raw, &mut Memory::default());
            }
        }
    }
}
