//! Points in time as log files write them, and the digits-by-hand parsers for them.
//!
//! Everything is a count of microseconds since 1970-01-01. Whether that count is UTC or the wall clock of
//! an unnamed zone is said by [`Zone`]; nothing here guesses.

use chrono::NaiveDate;

/// How far the count in a [`Stamp`] can be trusted to be UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Zone {
    /// The text named UTC (or the writer always writes UTC): `us` is UTC.
    Utc,
    /// The text carried this offset east of UTC in seconds; it is already subtracted, `us` is UTC.
    Offset(i32),
    /// No zone in the text: `us` counts the wall clock as if it were UTC. To be aligned later.
    Local,
    /// As [`Zone::Local`], and the year is missing too: `us` is in the year 1972 (a leap year).
    LocalWithoutYear,
    /// As [`Zone::Local`], and the date is missing too: `us` counts from 1 January 1972, further days where midnights pass.
    LocalWithoutDate,
}

impl Zone {
    /// The text names no zone: the stamp counts a wall clock.
    #[must_use]
    pub fn is_local(self) -> bool {
        matches!(self, Zone::Local | Zone::LocalWithoutYear | Zone::LocalWithoutDate)
    }
}

/// One point in time with its zone and resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stamp {
    /// Microseconds since 1970-01-01T00:00:00, UTC unless `zone` says otherwise.
    pub us: i64,
    /// What `us` counts.
    pub zone: Zone,
    /// Smallest step the text can express, in microseconds (1 000 000 for whole seconds).
    pub resolution_us: i64,
}

impl Stamp {
    /// A stamp known to be UTC.
    #[must_use]
    pub fn utc(us: i64, resolution_us: i64) -> Self {
        Stamp { us, zone: Zone::Utc, resolution_us }
    }
}

/// Microseconds in one second.
pub const SECOND_US: i64 = 1_000_000;

/// The two-to-four-digit number in `bytes`, or `None` if any byte is no digit.
#[must_use]
pub fn digits(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 18 {
        return None;
    }
    let mut value = 0i64;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some(value)
}

/// Microseconds since 1970 of a calendar date and time of day; `None` outside 1970 to 2100 or for an
/// impossible date. A leap second (60) is accepted and counts as the next second.
#[must_use]
pub fn civil_us(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    if !(1970..=2100).contains(&year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(year).ok()?,
        u32::try_from(month).ok()?,
        u32::try_from(day).ok()?,
    )?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * SECOND_US)
}

/// `HH:MM:SS` at the start of `bytes`, in seconds.
#[must_use]
pub fn clock_s(bytes: &[u8]) -> Option<i64> {
    let (hour, minute, second) =
        (digits(bytes.get(0..2)?)?, digits(bytes.get(3..5)?)?, digits(bytes.get(6..8)?)?);
    (bytes.get(2) == Some(&b':') && bytes.get(5) == Some(&b':') && hour < 24 && minute < 60 && second <= 60)
        .then_some(hour * 3600 + minute * 60 + second)
}

/// `YYYY?MM?DD?HH:MM:SS` at the start of `bytes` (any separators, as in `2026-11-23 18:22:10`,
/// `2026/11/23 18:22:10`, `2026-11-23T18:22:10`), in microseconds without zone.
#[must_use]
pub fn date_time_us(bytes: &[u8]) -> Option<i64> {
    let separator = *bytes.get(4)?;
    if !matches!(separator, b'-' | b'/')
        || bytes.get(7) != Some(&separator)
        || !matches!(bytes.get(10), Some(b' ' | b'T'))
    {
        return None;
    }
    let day =
        civil_us(digits(bytes.get(0..4)?)?, digits(bytes.get(5..7)?)?, digits(bytes.get(8..10)?)?, 0, 0, 0)?;
    Some(day + clock_s(bytes.get(11..19)?)? * SECOND_US)
}

/// A fraction `.digits` or `,digits` at the start of `bytes`: microseconds, bytes used, resolution in µs.
/// No fraction gives `(0, 0, 1 000 000)`.
#[must_use]
pub fn fraction_us(bytes: &[u8]) -> (i64, usize, i64) {
    if !matches!(bytes.first(), Some(b'.' | b',')) {
        return (0, 0, SECOND_US);
    }
    let count = bytes.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return (0, 0, SECOND_US);
    }
    let mut us = 0;
    let mut resolution = SECOND_US;
    for byte in bytes.iter().skip(1).take(count.min(6)) {
        resolution /= 10;
        us += i64::from(byte - b'0') * resolution;
    }
    (us, count + 1, resolution)
}

/// An offset `Z`, `+02:00`, `+0200`, `+02` or `-0330` at the start of `bytes`: seconds east of UTC, bytes used.
#[must_use]
pub fn offset_s(bytes: &[u8]) -> Option<(i32, usize)> {
    let sign = match bytes.first()? {
        b'Z' => return Some((0, 1)),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = digits(bytes.get(1..3)?)?;
    let (minutes, used) = match bytes.get(3) {
        Some(b':') => (bytes.get(4..6).and_then(digits)?, 6),
        Some(byte) if byte.is_ascii_digit() => (bytes.get(3..5).and_then(digits)?, 5),
        _ => (0, 3),
    };
    (hours <= 15 && minutes < 60)
        .then(|| (sign * i32::try_from(hours * 3600 + minutes * 60).unwrap_or(0), used))
}

/// ISO 8601 date and time with optional fraction and offset at the start of `bytes`: the stamp and the bytes
/// used. Without an offset the zone is [`Zone::Local`].
#[must_use]
pub fn iso(bytes: &[u8]) -> Option<(Stamp, usize)> {
    let base = date_time_us(bytes)?;
    let (fraction, used, resolution_us) = fraction_us(bytes.get(19..).unwrap_or_default());
    let rest = bytes.get(19 + used..).unwrap_or_default();
    let local = base + fraction;
    Some(match offset_s(rest) {
        Some((0, length)) if rest.first() == Some(&b'Z') => {
            (Stamp::utc(local, resolution_us), 19 + used + length)
        }
        Some((offset, length)) => {
            let us = local - i64::from(offset) * SECOND_US;
            (Stamp { us, zone: Zone::Offset(offset), resolution_us }, 19 + used + length)
        }
        None => (Stamp { us: local, zone: Zone::Local, resolution_us }, 19 + used),
    })
}

/// The number (1 to 12) of an English three-letter month name.
#[must_use]
pub fn month_number(name: &[u8]) -> Option<i64> {
    const NAMES: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let at = NAMES.iter().position(|candidate| candidate.as_slice() == name)?;
    i64::try_from(at + 1).ok()
}

/// The offset in seconds east of UTC of a time zone abbreviation that has one meaning in practice.
/// Ambiguous ones (`IST`, `CST`, `BST`, …) give `None`; numeric forms (`-03`, `+0530`) are read as offsets.
#[must_use]
pub fn abbreviation_offset_s(name: &[u8]) -> Option<i32> {
    Some(match name {
        b"UTC" | b"GMT" | b"Z" | b"UCT" | b"Universal" | b"WET" => 0,
        b"WEST" | b"CET" | b"MEZ" => 3600,
        b"CEST" | b"MESZ" | b"EET" | b"SAST" => 7200,
        b"EEST" | b"MSK" => 10800,
        b"JST" | b"KST" => 32400,
        b"EST" => -18000,
        b"EDT" => -14400,
        b"PST" => -28800,
        b"PDT" => -25200,
        _ => return offset_s(name).filter(|(_, used)| *used == name.len()).map(|(offset, _)| offset),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_forms() {
        let base = 1_795_458_130_000_000;
        assert_eq!(iso(b"2026-11-23T18:22:10Z").unwrap().0, Stamp::utc(base, SECOND_US));
        let (stamp, used) = iso(b"2026-11-23T20:22:10.286670899+02:00 rest").unwrap();
        assert_eq!((stamp.us, stamp.zone, used), (base + 286_670, Zone::Offset(7200), 35));
        assert_eq!(iso(b"2026-11-23 18:22:10,123 7").unwrap().0.us, base + 123_000);
        assert_eq!(iso(b"2026-13-23T18:22:10Z"), None);
        assert_eq!(iso(b"2026-11-23T24:22:10Z"), None);
    }

    #[test]
    fn abbreviations() {
        assert_eq!(abbreviation_offset_s(b"CET"), Some(3600));
        assert_eq!(abbreviation_offset_s(b"-03"), Some(-10800));
        assert_eq!(abbreviation_offset_s(b"IST"), None);
    }
}
