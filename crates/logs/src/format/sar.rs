//! `sar` and `mpstat` as text, any tables of them in one file (formats.md section 7; sysstat 10 to 12.7).
//!
//! The date stands only in the first line, in the order of the locale; rows have a time of day, local, with AM and PM in
//! some. A table ends with its averages, whose first word is that of the locale, and the next begins again in the morning;
//! `sar` that runs live prints all tables every few seconds instead.

use std::borrow::Cow;

use super::figures::{Figures, number, score, tokens};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{Record, Setting, text};
use crate::timestamp::{SECOND_US, Stamp, Zone, civil_us, clock_s, digits};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "sar",
    source: Source::Host,
    summary: "`sar` and `mpstat` as text, any of their tables, in any locale",
    origin: "sysstat 10 to 12.7",
    detect,
    examples: &[
        Example {
            name: "sar",
            file: "sar.txt",
            text: "\
Linux 6.18.44-fc-v669 (vm) 	11/23/26 	_x86_64_	(2 CPU)

18:27:55        CPU     %user     %nice   %system   %iowait    %steal     %idle
18:28:00        all     85.33      0.00     14.37      0.00      0.00      0.30
18:28:10        all     10.00      0.00     12.90      5.00      2.00     60.00
Average:        all     85.10      0.00     14.70      0.10      0.00      0.10

18:27:55      runq-sz  plist-sz   ldavg-1   ldavg-5  ldavg-15   blocked
18:28:00            6       309      9.59     11.23      7.28         1
",
        },
        Example {
            name: "mpstat",
            file: "mpstat.txt",
            text: "\
Linux 6.1.0 (vm) 	11/23/2026 	_x86_64_	(1 CPU)

11:59:58 PM  CPU    %usr   %nice    %sys %iowait    %irq   %soft  %steal  %guest  %gnice   %idle
11:59:59 PM  all    0.00    0.00    0.50    0.00    0.00    0.00    0.00    0.00    0.00   99.50
12:00:00 AM  all    0.00    0.00    0.50    0.00    0.00    0.00    0.00    0.00    0.00   99.50

11:59:59 PM  CPU    intr/s
12:00:00 AM  all     55.50
Average:     all    0.00    0.00    0.50    0.00    0.00    0.00    0.00    0.00    0.00   99.50
",
        },
    ],
    foreign: &[
        Foreign {
            whose: "pidstat",
            text: "Linux 6.1.0 (vm) \t11/25/26 \t_x86_64_\t(2 CPU)\n\n05:11:45      UID       PID    %usr %system  %guest   %wait    %CPU   CPU  Command\n05:11:46        0        77    0.00    1.00    0.00    0.00    1.00     0  kdamond.0\n",
        },
        Foreign {
            whose: "df",
            text: "Filesystem     1K-blocks    Used Available Use% Mounted on\n/dev/sda1       20961280 4210344  16750936  21% /\n",
        },
    ],
    broken: &[
        Broken { reason: "not_sar", text: "no such table" },
        Broken {
            reason: "no_header",
            text: "18:28:00            6       309      9.59     11.23      7.28         1",
        },
    ],
};

/// Microseconds in one day.
const DAY_US: i64 = 86_400 * SECOND_US;
/// Further back than this, the clock passed midnight, µs.
const HALF_DAY_US: i64 = DAY_US / 2;
/// Further ahead than this, the header of a live table still has the time before midnight, µs.
const ALMOST_DAY_US: i64 = 23 * 3600 * SECOND_US;
/// Columns of `sar -u`, for rows whose header is cut off.
const UTILISATION: [&str; 7] = ["CPU", "%user", "%nice", "%system", "%iowait", "%steal", "%idle"];

/// The text of `sar` or `mpstat`.
pub struct Sar {
    name: &'static str,
}

/// Claims files most of whose lines are sar's or mpstat's.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    // Both print `%steal` and `%irq`, in different order.
    let has_columns = |line: &&Cow<'_, [u8]>| memchr::memchr(b'%', line).is_some();
    let is_mpstat = sample.lines.iter().filter(has_columns).find_map(|line| {
        let at = |name: &[u8]| tokens(line).position(|token| token == name);
        Some(at(b"%irq")? < at(b"%steal")?)
    });
    // pidstat has the same head and clock, and a row for each process.
    let command = memchr::memmem::Finder::new("Command");
    let is_pidstat = |line: &Cow<'_, [u8]>| {
        let has = |name: &[u8]| tokens(line).any(|token| token == name);
        command.find(line).is_some() && has(b"Command") && (has(b"PID") || has(b"TGID"))
    };
    if sample.lines.iter().any(is_pidstat) {
        return None;
    }
    let format = Sar { name: if is_mpstat == Some(true) { "mpstat" } else { "sar" } };
    score(&format, sample).map(|score| Claim { format: Box::new(format), score })
}

/// Midnight of `MM/DD/YY`, `MM/DD/YYYY`, `YYYY-MM-DD`, `DD.MM.YYYY` or `YYYY年MM月DD日`, µs of the wall clock.
pub(super) fn date_us(token: &[u8]) -> Option<i64> {
    let ideographs;
    let token = if token.is_ascii() {
        token
    } else {
        ideographs = std::str::from_utf8(token).ok()?.strip_suffix('日')?.replace(['年', '月'], "-");
        ideographs.as_bytes()
    };
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

/// The number of processors at the end of sysstat's first line, `(2 CPU)`.
pub(super) fn processors(line: &[u8]) -> Option<Setting> {
    let count = line.strip_suffix(b" CPU)")?.rsplit(|byte| *byte == b'(').next()?;
    digits(count)?;
    let (name, value) = ("processors".to_owned(), text(count).into_owned());
    Some(Setting { program: "host", name, value, line_in_record: 0, depth: 0 })
}

/// The time of day at the start of a row in seconds, and the rest of the row: `18:28:00`, `06:28:00 PM`, `18时28分00秒`.
pub(super) fn time_of_day(line: &[u8]) -> Option<(i64, &[u8])> {
    let Some(seconds) = clock_s(line) else {
        let part = |from: usize, unit: &str| {
            let value = digits(line.get(from..from + 2)?)?;
            (line.get(from + 2..from + 5)? == unit.as_bytes()).then_some(value)
        };
        let hour = part(0, "时").or_else(|| part(0, "時"))?;
        let (minute, second) = (part(5, "分")?, part(10, "秒")?);
        return (hour < 24 && minute < 60 && second <= 60)
            .then_some((hour * 3600 + minute * 60 + second, line.get(15..)?));
    };
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

/// A row of averages: `Average:`, `Durchschn.:`, `Moyenne :`, `平均时间:`, then a header or numbers. `Summary:` is alike.
fn is_average(line: &[u8]) -> bool {
    if line.starts_with(b"Average:") || line.starts_with(b"Summary:") {
        return true;
    }
    let Some(colon) = line.iter().take(30).position(|byte| *byte == b':') else { return false };
    let word = line.get(..colon).unwrap_or_default();
    let rest = line.get(colon + 1..).unwrap_or_default();
    let worded = !word.is_empty()
        && word
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii() || matches!(byte, b'.' | b' '));
    worded
        && tokens(rest).count() >= 2
        && (number(tokens(rest).last().unwrap_or_default()).is_some()
            || tokens(rest)
                .any(|token| Figures::knows(&text(token)) || token.ends_with(b"/s") || token == b"CPU"))
}

/// Whether a row names columns: there is no number in it.
fn is_header(rest: &[u8]) -> bool {
    tokens(rest).all(|token| number(token).is_none())
}

impl Format for Sar {
    fn name(&self) -> String {
        self.name.to_owned()
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
            // `zone` holds the date as printed, so that a further table can go back to it.
            // Versions of kernels may look like dates too; they come first.
            let date = tokens(line).filter(|token| date_us(token).is_some()).last().ok_or("no_date")?;
            memory.day_us = date_us(date);
            memory.zone = Some(String::from_utf8_lossy(date).into_owned());
            memory.last = None;
            return Ok(processors(line).map_or(Record::Structure, |setting| Record::Settings(vec![setting])));
        }
        let Some((seconds, rest)) = time_of_day(line) else {
            if !is_average(line) {
                return Err("not_sar");
            }
            // A table ends; the next one begins again on the first day.
            memory.day_us =
                memory.zone.as_deref().and_then(|date| date_us(date.as_bytes())).or(memory.day_us);
            memory.last = None;
            return Ok(Record::Structure);
        };
        let rest = rest.trim_ascii_start();
        if rest.starts_with(b"LINUX RESTART") || rest.starts_with(b"COM ") {
            return Ok(Record::Structure);
        }
        let first = tokens(rest).next().ok_or("truncated_row")?;
        let header = is_header(rest);
        if header {
            memory.columns = tokens(rest).map(|token| String::from_utf8_lossy(token).into_owned()).collect();
        }
        let stamp = memory.day_us.map(|day| {
            let mut us = day.saturating_add(seconds * SECOND_US);
            if let Some(last) = memory.last {
                let behind = last.us.saturating_sub(us);
                if behind > HALF_DAY_US {
                    us = us.saturating_add(DAY_US);
                    memory.day_us = Some(day.saturating_add(DAY_US));
                } else if header && behind < -ALMOST_DAY_US {
                    us = us.saturating_sub(DAY_US);
                }
            }
            Stamp { us, zone: Zone::Local, resolution_us: SECOND_US }
        });
        if stamp.is_some() {
            memory.last = stamp;
        }
        if header {
            return Ok(Record::Structure);
        }
        let count = tokens(rest).count();
        let headless = memory.columns.is_empty() && first == b"all" && count == UTILISATION.len();
        let columns =
            || memory.columns.iter().map(String::as_str).chain(UTILISATION.into_iter().filter(|_| headless));
        if !columns().any(Figures::knows) {
            // Tables of interfaces, sockets and the like; names of file systems may hold blanks.
            return if memory.columns.is_empty() { Err("no_header") } else { Ok(Record::Structure) };
        }
        if columns().count() != count {
            return Err("unexpected_columns");
        }
        // A file whose head is cut off does not say its day; a carrier may.
        let mut figures = Figures::new(stamp.or(raw.outer));
        for (name, token) in columns().zip(tokens(rest)) {
            // One processor, or a node of several, of which mpstat repeats the total.
            if name == "NODE" || name == "CPU" && token != b"all" {
                return Ok(Record::Structure);
            }
            if let Some(value) = number(token) {
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

    const SAR: Sar = Sar { name: "sar" };

    fn read_all(text: &str) -> Vec<HostSample> {
        let mut memory = Memory::default();
        text.lines()
            .filter_map(|line| {
                let raw = Raw::of(line.as_bytes());
                match SAR.parse(&raw, &mut memory).unwrap() {
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
        assert_eq!(rows[1].stamp.unwrap().us, date_time_us(b"2026-11-23 18:28:10").unwrap());
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
        assert_eq!(rows[0].stamp.unwrap().us, date_time_us(b"2026-11-23 23:59:55").unwrap());
        assert_eq!(rows[1].stamp.unwrap().us, date_time_us(b"2026-11-24 00:00:00").unwrap());
        assert_eq!(rows[0].cpu_busy_percent, Some(1.0));
    }

    #[test]
    fn dates() {
        let expected = date_time_us(b"2026-11-23 00:00:00");
        for text in ["11/23/26", "11/23/2026", "2026-11-23", "23.11.2026", "23/11/26", "23/11/2026"] {
            assert_eq!(date_us(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(date_us("2026年11月23日".as_bytes()), expected);
        assert_eq!(date_us(b"6.18.44-fc-v669"), None);
    }

    /// Rows of sysstat's own tests (`tests/expected.sar-A`) with a midnight in between.
    #[test]
    fn live_tables_around_midnight() {
        let rows = read_all(
            "Linux 1.2.3-TEST (SYSSTAT.TEST) \t06/01/20 \t_x86_64_\t(9 CPU)\n\n\
             23:59:59        CPU      %usr     %nice      %sys   %iowait    %steal      %irq     %soft    %guest    %gnice     %idle\n\
             00:00:00        all      2.15     12.50      1.84      0.12      0.00      0.34      0.19      0.00      0.00     82.88\n\n\
             23:59:59         INTR       all\n\
             00:00:00          NMI      0.00\n\n\
             23:59:59     MBfsfree  MBfsused   %fsused  %ufsused     Ifree     Iused    %Iused FILESYSTEM\n\
             00:00:00          705       145     17.04     18.92   6008414    102818      1.68 /mnt/a b\n\n\
             23:59:59          DEV       tps     rkB/s     wkB/s     dkB/s   areq-sz    aqu-sz     await     %util\n\
             00:00:00          sdr      4.81      4.81     16.04      0.00      4.33      0.06     15.33      6.42\n\n\
             23:59:59      %sio-10   %sio-60  %sio-300      %sio   %fio-10   %fio-60  %fio-300      %fio\n\
             00:00:00         3.19      1.14      0.43      2.33      3.19      1.14      0.42      2.25\n\n\
             00:00:00    kbmemfree   kbavail kbmemused  %memused\n\
             00:00:01      1437740   4389516   3755444     46.11",
        );
        let midnight = date_time_us(b"2020-06-02 00:00:00").unwrap();
        let times: Vec<i64> = rows.iter().map(|row| row.stamp.unwrap().us - midnight).collect();
        assert_eq!(times, [0, 0, 0, SECOND_US]);
        assert!((rows[0].cpu_busy_percent.unwrap() - 17.0).abs() < 1e-9);
        assert_eq!((rows[1].device_busy_percent, rows[2].io_pressure_percent), (Some(6.42), Some(3.19)));
        assert_eq!(rows[3].memory_available_bytes, Some(4_389_516 << 10));
    }

    #[test]
    fn other_locales() {
        let rows = read_all(
            "Linux 3.10.0 (db1) \t2016年05月20日 \t_x86_64_\t(4 CPU)\n\n\
             11时10分01秒     CPU     %user     %nice   %system   %iowait    %steal     %idle\n\
             11时20分01秒     all      0.28      0.00      0.13      0.02      0.00     99.57\n\
             平均时间:     all      0.28      0.00      0.13      0.02      0.00     99.57\n\
             11时10分01秒   runq-sz  plist-sz   ldavg-1   ldavg-5  ldavg-15\n\
             11时20分01秒         2       215      0.00      0.01      0.05\n\
             Durchschn.:         2       215      0,00      0,01      0,05\n\
             Moyenne :         2       215      0,00      0,01      0,05",
        );
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].stamp.unwrap().us, date_time_us(b"2016-05-20 11:20:01").unwrap());
        assert_eq!(rows[1].run_queue, Some(2));
    }

    /// Lines of jc's `tests/fixtures/centos-7.7/mpstat-A-2-5.out`.
    #[test]
    fn mpstat() {
        let text = "Linux 3.10.0-1062.1.2.el7.x86_64 (localhost) \t03/11/2022 \t_x86_64_\t(1 CPU)\n\n\
            03:16:15 PM  CPU    %usr   %nice    %sys %iowait    %irq   %soft  %steal  %guest  %gnice   %idle\n\
            03:16:17 PM  all    0.00    0.00    0.50    0.00    0.00    0.00    0.00    0.00    0.00   99.50\n\
            03:16:17 PM    0    0.00    0.00    0.50    0.00    0.00    0.00    0.00    0.00    0.00   99.50\n\n\
            03:16:15 PM  CPU    intr/s\n\
            03:16:17 PM  all     55.50\n\
            Average:     CPU       HI/s    TIMER/s   NET_TX/s\n\
            Average:       0       0.00      34.13       0.20";
        let lines = text.lines().map(|line| line.as_bytes().into()).collect();
        let claim = detect(&Sample { lines, name: "x" }, &Context::default()).unwrap();
        assert_eq!((claim.format.name().as_str(), claim.score), ("mpstat", 1.0));
        let rows = read_all(text);
        assert_eq!((rows.len(), rows[0].cpu_busy_percent), (1, Some(0.5)));
        assert_eq!(rows[0].stamp.unwrap().us, date_time_us(b"2022-03-11 15:16:17").unwrap());
    }

    /// A head that is cut off leaves rows without a day, not lines that are lost.
    #[test]
    fn without_the_first_line() {
        let rows = read_all(&USE.lines().skip(2).collect::<Vec<_>>().join("\n"));
        assert_eq!((rows.len(), rows[0].stamp), (3, None));
    }

    #[test]
    fn neighbours() {
        for text in [
            "Filesystem     1K-blocks    Used Available Use% Mounted on\n/dev/sda1       20961280 4210344  16750936  21% /",
            "18:28:00 INFO started\n18:28:01 INFO 12 jobs",
            "Name: x\nAverage: 12 13\n",
            "Linux 6.1.0 (vm) \t11/25/26 \t_x86_64_\t(2 CPU)\n\n05:11:45      UID       PID    %usr %system  %guest   %wait    %CPU   CPU  Command\n05:11:46        0        77    0.00    1.00    0.00    0.00    1.00     0  kdamond.0",
            "USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\nroot         1  0.0  0.1 128084  6684 ?        Ss   11:22   0:01 init",
        ] {
            let lines = text.lines().map(|line| line.as_bytes().into()).collect();
            assert!(detect(&Sample { lines, name: "sar.txt" }, &Context::default()).is_none(), "{text}");
        }
    }

    #[test]
    fn broken_lines() {
        for row in USE.lines() {
            for end in 0..=row.len() {
                let mut memory = Memory { day_us: Some(0), ..Memory::default() };
                let raw = Raw::of(&row.as_bytes()[..end]);
                let _ = SAR.parse(&raw, &mut memory);
            }
        }
        let raw = Raw::of(b"\xff\xfe".as_slice());
        assert!(SAR.parse(&raw, &mut Memory::default()).is_err());
    }
}
