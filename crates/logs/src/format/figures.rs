//! What the formats of host metrics share: numbers, columns by name, and the score of a sample.

use super::{Format, Memory, Raw, Sample};
use crate::record::{HostSample, Record};
use crate::timestamp::{SECOND_US, Stamp, Zone, abbreviation_offset_s};

/// Share of the sample's lines that a line-by-line format understands; `None` below 0.3 or without one host sample.
pub(super) fn score(format: &dyn Format, sample: &Sample<'_>) -> Option<f64> {
    let mut memory = Memory::default();
    let (mut total, mut understood, mut samples) = (0u32, 0u32, 0u32);
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        total += 1;
        let raw = Raw::of(line.as_ref());
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

/// The same for a format whose records span lines; the last record of the sample may be cut and does not count unless
/// it is the only one.
pub(super) fn score_records(format: &dyn Format, sample: &Sample<'_>) -> Option<f64> {
    let starts: Vec<usize> = (0..sample.lines.len())
        .filter(|at| sample.lines.get(*at).is_some_and(|line| format.starts_record(line)))
        .collect();
    let last = if starts.len() > 1 { None } else { starts.first().map(|from| (*from, sample.lines.len())) };
    let mut memory = Memory::default();
    // What stands before the first record may hold a date; it does not count.
    if let Some(before) = starts.first().and_then(|first| sample.lines.get(..*first)) {
        let text = before.join(b"\n".as_slice());
        let raw = Raw { text: text.into(), outer: None, program: None, pid: None, orphan: true };
        let _ = format.parse(&raw, &mut memory);
    }
    let (mut total, mut understood, mut samples) = (0u32, 0u32, 0u32);
    for (from, to) in starts.iter().copied().zip(starts.iter().skip(1).copied()).chain(last) {
        let text = sample.lines.get(from..to).unwrap_or_default().join(b"\n".as_slice());
        let raw = Raw::of(text);
        total += 1;
        let parsed = format.parse(&raw, &mut memory);
        understood += u32::from(parsed.is_ok());
        samples += u32::from(matches!(parsed, Ok(Record::Host(_) | Record::Hosts(_))));
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

/// Bytes of a size with a unit (`994.9m`, `23Gi`, `1.6GiB`, `8062400k`, `512B`); without one it counts `unit` bytes.
pub(super) fn size_bytes(token: &[u8], unit: f64) -> Option<u64> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')).count();
    let (value, suffix) = token.split_at_checked(digits)?;
    let power = match suffix.first().map(u8::to_ascii_lowercase) {
        None => return Some((number(value)? * unit) as u64),
        Some(b'b') => 0,
        Some(b'k') => 1,
        Some(b'm') => 2,
        Some(b'g') => 3,
        Some(b't') => 4,
        Some(b'p') => 5,
        Some(_) => return None,
    };
    (suffix.len() <= 3).then_some(())?;
    Some((number(value)? * 1024f64.powi(power)) as u64)
}

/// Bytes in the unit of sizes that tools print without naming it (`free`, `vmstat -S M`): kibibytes by default. A host
/// whose whole memory would then be less than 256 MiB runs no Odoo; its sizes are mebibytes.
pub(super) fn unnamed_unit(total: f64) -> f64 {
    if total < 262_144.0 { 1024.0 * 1024.0 } else { 1024.0 }
}

/// A wall clock with the name of its zone, which may be missing or ambiguous: then it stays local.
pub(super) fn zoned(us: i64, zone: &[u8]) -> Stamp {
    let (us, zone) = match abbreviation_offset_s(zone) {
        Some(0) => (us, Zone::Utc),
        Some(offset) => (us.saturating_sub(i64::from(offset) * SECOND_US), Zone::Offset(offset)),
        None => (us, Zone::Local),
    };
    Stamp { us, zone, resolution_us: SECOND_US }
}

/// Counters remembered at most, so that hostile paths cannot fill memory.
const MOST_TOTALS: usize = 10_000;

/// What a counter of `group` grew by since it was last seen; `None` the first time. One that fell began again at zero.
pub(super) fn growth(memory: &mut Memory, group: u64, name: &'static str, value: f64) -> Option<f64> {
    if memory.totals.len() >= MOST_TOTALS && !memory.totals.contains_key(&(group, name)) {
        return None;
    }
    let before = memory.totals.insert((group, name), value)?;
    Some(if value >= before { value - before } else { value })
}

/// A host sample that is filled column by column, in the names that sysstat's tools print (12.6, and their older
/// spellings) and those of its JSON and XML.
#[derive(Debug, Default)]
pub(super) struct Figures {
    sample: HostSample,
    idle: Option<f64>,
    known: bool,
}

impl Figures {
    pub(super) fn new(stamp: Option<Stamp>) -> Self {
        Figures { sample: HostSample { stamp, ..HostSample::default() }, ..Figures::default() }
    }

    /// Whether a table with this column holds something for a sample.
    pub(super) fn knows(name: &str) -> bool {
        Figures::default().set(name, 0.0)
    }

    /// Takes in one column; false if it is not one that a cause asks for.
    pub(super) fn set(&mut self, name: &str, value: f64) -> bool {
        let sample = &mut self.sample;
        let kib = (value as u64).saturating_mul(1024);
        match name {
            "%idle" | "idle" | "id" => self.idle = Some(value),
            "%iowait" | "iowait" | "wa" => sample.io_wait_percent = Some(value),
            "%steal" | "steal" | "st" => sample.steal_percent = Some(value),
            "runq-sz" | "r" => sample.run_queue = Some(value as u32),
            "blocked" | "b" => sample.blocked = Some(value as u32),
            "ldavg-1" => sample.load_1 = Some(value),
            "kbmemfree" | "memfree" => sample.memory_free_bytes = Some(kib),
            "kbavail" | "avail" => sample.memory_available_bytes = Some(kib),
            // Pages of 4 KiB.
            "pswpin/s" | "pswpout/s" | "pswpin" | "pswpout" => self.add_swap(value * 4.0),
            "%scpu-10" => sample.cpu_pressure_percent = Some(value),
            "%sio-10" => sample.io_pressure_percent = Some(value),
            "%smem-10" => sample.memory_pressure_percent = Some(value),
            "%util" | "util" | "util-percent" => {
                sample.device_busy_percent =
                    Some(sample.device_busy_percent.map_or(value, |known| known.max(value)));
            }
            _ => return false,
        }
        self.known = true;
        true
    }

    /// Adds swap traffic, KiB/s.
    pub(super) fn add_swap(&mut self, kib_s: f64) {
        self.known = true;
        self.sample.swap_kib_s = Some(self.sample.swap_kib_s.unwrap_or(0.0) + kib_s);
    }

    /// Sets what columns do not name alike everywhere.
    pub(super) fn put(&mut self, with: impl FnOnce(&mut HostSample)) {
        self.known = true;
        with(&mut self.sample);
    }

    /// The sample, or structure if nothing in it was known: tables of disks, interfaces, sockets and the like.
    pub(super) fn record<'a>(self) -> Record<'a> {
        self.sample().map_or(Record::Structure, Record::Host)
    }

    /// The sample, if anything in it was known. Busy is what is neither idle nor waiting nor stolen.
    pub(super) fn sample(self) -> Option<HostSample> {
        let mut sample = self.sample;
        sample.cpu_busy_percent = self.idle.map(|idle| {
            let other = sample.io_wait_percent.unwrap_or(0.0) + sample.steal_percent.unwrap_or(0.0);
            (100.0 - idle - other).clamp(0.0, 100.0)
        });
        self.known.then_some(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("994.9m", Some(1_043_228_262)),
            ("23Gi", Some(23 << 30)),
            ("1.5GiB", Some(3 << 29)),
            ("8062400k", Some(8_062_400 << 10)),
            ("0B", Some(0)),
            ("12", Some(12 << 10)),
            ("1,5g", Some(3 << 29)),
            ("m", None),
            ("--", None),
            ("3 apples", None),
            ("3kilos", None),
        ] {
            assert_eq!(size_bytes(text.as_bytes(), 1024.0), bytes, "{text}");
        }
    }

    #[test]
    fn counters() {
        let mut memory = Memory::default();
        let mut seen = |value| growth(&mut memory, 0, "x", value);
        assert_eq!((seen(5.0), seen(7.0), seen(1.0)), (None, Some(2.0), Some(1.0)));
    }
}
