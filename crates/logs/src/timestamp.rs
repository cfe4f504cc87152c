//! Points in time as log files write them, and the digits-by-hand parsers for them.
//!
//! Everything is a count of microseconds since 1970-01-01. Whether that count is UTC or the wall clock of
//! an unnamed zone is said by [`Zone`]; nothing here guesses.

use crate::eight;
use crate::sixteen::{self, u8x16};

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

/// The time that was read last, as text and as value: a log says the same second many times over, and the same day. `N` is
/// the length of its text in bytes, `CLOCK` where `HH:MM:SS` stands in it.
#[derive(Debug, Clone)]
pub struct LastTime<T, const N: usize, const CLOCK: usize>([u8; N], Option<T>);

impl<T, const N: usize, const CLOCK: usize> Default for LastTime<T, N, CLOCK> {
    fn default() -> Self {
        LastTime([0; N], None)
    }
}

/// A time that can be moved on.
pub trait Moved: Copy {
    /// The time so many seconds later.
    fn later(self, seconds: i64) -> Self;
}

impl Moved for i64 {
    fn later(self, seconds: i64) -> Self {
        self + seconds * SECOND_US
    }
}

impl Moved for Stamp {
    fn later(self, seconds: i64) -> Self {
        Stamp { us: self.us.later(seconds), ..self }
    }
}

impl<T: Moved, const N: usize, const CLOCK: usize> LastTime<T, N, CLOCK> {
    /// What `read`, always the same function, makes of the first `N` bytes of `text`.
    #[inline]
    pub(crate) fn read(&mut self, text: &[u8], read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let text = text.first_chunk::<N>()?;
        if self.1.is_none() || self.0 != *text {
            *self = LastTime(*text, Some(self.moved(text).or_else(|| read(text))?));
        }
        self.1
    }

    /// The time of a text that differs from the last in its clock alone, as nearly all do.
    fn moved(&self, text: &[u8; N]) -> Option<T> {
        let clock = |text: &[u8; N]| clock_s(text.get(CLOCK..)?);
        let mut earlier = *text;
        earlier.get_mut(CLOCK..CLOCK + 8)?.copy_from_slice(self.0.get(CLOCK..CLOCK + 8)?);
        if earlier != self.0 {
            return None;
        }
        Some(self.1?.later(clock(text)? - clock(&self.0)?))
    }
}

/// Microseconds in one second.
pub const SECOND_US: i64 = 1_000_000;

/// The number that `bytes` are, or `None` if any of them is no digit, there are none, or more than 18.
#[must_use]
pub fn digits(bytes: &[u8]) -> Option<i64> {
    leading_number(bytes).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// The number of up to 18 digits that `bytes` begin with, and what follows its last digit.
#[must_use]
#[inline]
pub fn leading_number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    if let Some(first) = bytes.first_chunk() {
        let (value, length) = eight::leading_number(first);
        if length < 8 {
            return if length > 0 { Some((i64::from(value), bytes.get(length..)?)) } else { None };
        }
    }
    long_number(bytes)
}

/// What [`leading_number`] gives, digit by digit.
fn long_number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (mut value, mut length) = (0i64, 0);
    for byte in bytes.iter().take_while(|byte| byte.is_ascii_digit()) {
        // What wraps has too many digits.
        value = value.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
        length += 1;
    }
    (1..=18).contains(&length).then_some((value, bytes.get(length..)?))
}

/// The number that these bytes are, or `None` if any of them is no digit. `N` is known, so this has no loop.
#[inline]
pub(crate) fn number<const N: usize>(bytes: [u8; N]) -> Option<i64> {
    let (mut value, mut digits) = (0, true);
    for byte in bytes {
        digits &= byte.is_ascii_digit();
        value = value * 10 + i64::from(byte.wrapping_sub(b'0'));
    }
    digits.then_some(value)
}

/// `1.234` seconds, of less than ten, in µs: nearly every time of a request.
#[inline]
pub(crate) fn short_seconds_us(text: [u8; 5]) -> Option<i64> {
    let [seconds, b'.', a, b, c] = text else { return None };
    number([seconds, a, b, c]).map(|milliseconds| milliseconds * 1000)
}

/// Whether `bytes` begin with `shape`, of at least sixteen bytes, in which a `d` stands for any digit.
#[inline]
pub(crate) fn begins_with_shape<const N: usize>(bytes: &[u8], shape: &[u8; N]) -> bool {
    let fits = |head: Option<&[u8; 16]>, shape: Option<&[u8; 16]>| {
        let (Some(head), Some(shape)) = (head, shape) else { return false };
        let (head, shape) = (u8x16::new(*head), u8x16::new(*shape));
        let any_digit = shape.simd_eq(u8x16::splat(b'd'));
        any_digit.bitselect(sixteen::digits(head), shape.simd_eq(head)).all()
    };
    // The first sixteen, and the last, which may have some in common.
    bytes.first_chunk::<N>().is_some_and(|head| {
        fits(head.first_chunk(), shape.first_chunk()) && fits(head.last_chunk(), shape.last_chunk())
    })
}

/// Days before each month, and in it, of a year that is no leap year.
const MONTHS: [(i64, i64); 12] = [
    (0, 31),
    (31, 28),
    (59, 31),
    (90, 30),
    (120, 31),
    (151, 30),
    (181, 31),
    (212, 31),
    (243, 30),
    (273, 31),
    (304, 30),
    (334, 31),
];

/// Microseconds since 1970 of a calendar date and time of day; `None` outside 1970 to 2100 or for an
/// impossible date. A leap second (60) is accepted and counts as the next second.
#[must_use]
pub fn civil_us(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    if !(1970..=2100).contains(&year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (before, length) = *MONTHS.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    // Of these years 2100 alone is an exception of the rule of four.
    let leap = year % 4 == 0 && year != 2100;
    if day < 1 || day > length + i64::from(leap && month == 2) {
        return None;
    }
    let leap_days = (year - 1969) / 4 + i64::from(leap && month > 2);
    let days = (year - 1970) * 365 + leap_days + before + day - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * SECOND_US)
}

/// `HH:MM:SS` at the start of `bytes`, in seconds.
#[must_use]
pub fn clock_s(bytes: &[u8]) -> Option<i64> {
    let &[a, b, b':', c, d, b':', e, f] = bytes.first_chunk::<8>()? else { return None };
    let (hour, minute, second) = (number([a, b])?, number([c, d])?, number([e, f])?);
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// `YYYY?MM?DD?HH:MM:SS` at the start of `bytes` (any separators, as in `2026-11-23 18:22:10`,
/// `2026/11/23 18:22:10`, `2026-11-23T18:22:10`), in microseconds without zone.
#[must_use]
pub fn date_time_us(bytes: &[u8]) -> Option<i64> {
    let &[a, b, c, d, first @ (b'-' | b'/'), e, f, second, g, h, b' ' | b'T', clock @ ..] =
        bytes.first_chunk::<19>()?
    else {
        return None;
    };
    if first != second {
        return None;
    }
    let day = civil_us(number([a, b, c, d])?, number([e, f])?, number([g, h])?, 0, 0, 0)?;
    Some(day + clock_s(&clock)? * SECOND_US)
}

/// A fraction `.digits` or `,digits` at the start of `bytes`: microseconds, bytes used, resolution in µs.
/// No fraction gives `(0, 0, 1 000 000)`.
#[must_use]
pub fn fraction_us(bytes: &[u8]) -> (i64, usize, i64) {
    /// The place value of the last digit, by the number of digits.
    const PLACES: [i64; 7] = [SECOND_US, 100_000, 10_000, 1000, 100, 10, 1];
    // Three digits, as nearly everywhere.
    if let [b'.' | b',', a, b, c, rest @ ..] = bytes
        && !rest.first().is_some_and(u8::is_ascii_digit)
        && let Some(milliseconds) = number([*a, *b, *c])
    {
        return (milliseconds * 1000, 4, 1000);
    }
    let none = (0, 0, SECOND_US);
    let Some((b'.' | b',', digits)) = bytes.split_first() else { return none };
    let (mut value, mut count) = (0i64, 0usize);
    for byte in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        if count < 6 {
            value = value * 10 + i64::from(byte - b'0');
        }
        count += 1;
    }
    match PLACES.get(count.min(6)) {
        Some(resolution_us) if count > 0 => (value * resolution_us, count + 1, *resolution_us),
        _ => none,
    }
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
    // An array is told apart by its letters, a slice name by name.
    Some(match &<[u8; 3]>::try_from(name).ok()? {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
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
    use chrono::NaiveDate;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_day_is_the_calendars() {
        for (year, month, day) in (1969..=2101)
            .flat_map(|year| (0..=13).flat_map(move |month| (0..=32).map(move |day| (year, month, day))))
        {
            let date = NaiveDate::from_ymd_opt(year, month, day).filter(|_| (1970..=2100).contains(&year));
            let us = date
                .map(|date| date.signed_duration_since(NaiveDate::default()).num_days() * 86_400 * SECOND_US);
            assert_eq!(civil_us(year.into(), month.into(), day.into(), 0, 0, 0), us, "{year}-{month}-{day}");
        }
        assert_eq!(civil_us(2026, i64::MIN, 1, 0, 0, 0), None);
    }

    #[test]
    fn shapes() {
        let fits = |text: &str| begins_with_shape(text.as_bytes(), b"dddd-dd-dd dd:dd:dd");
        let time = "2026-11-23 18:22:10";
        assert!(fits(time) && fits("0000-99-99 99:99:99 rest"));
        for at in 0..time.len() {
            for other in ["d", "x", "/", ":", "é", ""] {
                let mut text = time.to_owned();
                text.replace_range(at..=at, other);
                assert_eq!(fits(&text), text == time, "{text}");
            }
            assert!(!fits(&time[..at]));
        }
    }

    #[test]
    fn fractions() {
        for (text, us, used, resolution_us) in [
            (".5", 500_000, 2, 100_000),
            (",387 7", 387_000, 4, 1000),
            (".286670899+02", 286_670, 10, 1),
            (".", 0, 0, SECOND_US),
            (".x", 0, 0, SECOND_US),
            ("5", 0, 0, SECOND_US),
            ("", 0, 0, SECOND_US),
        ] {
            assert_eq!(fraction_us(text.as_bytes()), (us, used, resolution_us), "{text}");
        }
    }

    #[test]
    fn months() {
        let numbers: Vec<_> = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
            .split(' ')
            .map(|name| month_number(name.as_bytes()))
            .collect();
        assert_eq!(numbers, (1..=12).map(Some).collect::<Vec<_>>());
        assert!(["", "jan", "Jan ", "Ja"].iter().all(|name| month_number(name.as_bytes()).is_none()));
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_the_standard_library(text in "[0-9]{0,20}[a-z0-9.]{0,3}") {
            let length = text.bytes().take_while(u8::is_ascii_digit).count();
            let (head, rest) = text.split_at(length);
            let value = (length <= 18).then(|| head.parse::<i64>().ok()).flatten();
            prop_assert_eq!(leading_number(text.as_bytes()), value.map(|value| (value, rest.as_bytes())));
            prop_assert_eq!(digits(text.as_bytes()), value.filter(|_| rest.is_empty()));
        }

        /// What a log said before does not change what it says.
        #[test]
        fn the_next_time_is_read_as_any(
            texts in prop::collection::vec(
                (prop::sample::select(vec!["2026-11-23", "2026-11-24", "2026-02-30", "2100-02-29", "2026/11/23"]), "[ T]([012][0-9]:[0-6][0-9]:[0-6][0-9]|.{0,8})"),
                0..9,
            ),
        ) {
            let mut last = LastTime::<i64, 19, 11>::default();
            for (date, clock) in texts {
                let text = format!("{date}{clock}x");
                prop_assert_eq!(last.read(text.as_bytes(), date_time_us), date_time_us(text.as_bytes()));
            }
        }
    }

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
