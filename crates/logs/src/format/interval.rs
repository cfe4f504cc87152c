//! PostgreSQL intervals as text, in all four `IntervalStyle`s (formats.md 6.6), in microseconds.

use crate::timestamp::{SECOND_US, digits, fraction_us};

/// Microseconds in one day.
const DAY_US: i64 = 86_400 * SECOND_US;
/// PostgreSQL counts a month as 30 days when it has to.
const MONTH_US: i64 = 30 * DAY_US;
/// … and a year as 365.25 days (`extract(epoch …)`).
const YEAR_US: i64 = 365 * DAY_US + DAY_US / 4;

/// Microseconds of an interval such as `00:00:31.123456`, `-00:00:00.01`, `1 day 02:03:04`, `1 mon 3 days -04:05:06`,
/// `@ 0.01 secs ago`, `1 2:03:04`, `+0-1 +3 -4:05:06` or `PT-0.01S`. `None` if it is anything else.
#[must_use]
pub fn interval_us(bytes: &[u8]) -> Option<i64> {
    let bytes = bytes.trim_ascii();
    if let Some(rest) = bytes.strip_prefix(b"P") {
        return iso_8601_us(rest);
    }
    let (bytes, verbose) = bytes.strip_prefix(b"@").map_or((bytes, false), |rest| (rest.trim_ascii(), true));
    let (bytes, ago) = match bytes.strip_suffix(b" ago") {
        Some(rest) if verbose => (rest, true),
        _ => (bytes, false),
    };
    let mut tokens = bytes.split(|byte| *byte == b' ').filter(|token| !token.is_empty()).peekable();
    let mut total = 0i64;
    let mut parts = 0u32;
    while let Some(token) = tokens.next() {
        let part = if token.contains(&b':') {
            clock_us(token)?
        } else if let Some(months) = year_month_us(token) {
            months
        } else {
            let value = decimal_us(token)?;
            match tokens.peek() {
                // sql_standard: a number of days has no unit and a clock follows.
                Some(next) if next.contains(&b':') => value.checked_mul(DAY_US / SECOND_US)?,
                Some(unit) => {
                    let scaled = value.checked_mul(unit_us(unit)? / SECOND_US)?;
                    tokens.next();
                    scaled
                }
                None if verbose && value == 0 => 0,
                None => return None,
            }
        };
        total = total.checked_add(part)?;
        parts = parts.saturating_add(1);
    }
    (parts > 0).then(|| if ago { total.saturating_neg() } else { total })
}

/// Seconds as a decimal number, with sign, in microseconds; more than six fraction digits are cut off.
#[must_use]
pub fn decimal_us(bytes: &[u8]) -> Option<i64> {
    let (negative, bytes) = sign(bytes);
    let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = bytes.split_at_checked(length)?;
    let whole = if whole.is_empty() && rest.len() > 1 { 0 } else { digits(whole)? };
    let (fraction, used, _) = fraction_us(rest);
    if used != rest.len() {
        return None;
    }
    let us = whole.checked_mul(SECOND_US)?.checked_add(fraction)?;
    Some(if negative { us.saturating_neg() } else { us })
}

/// Whether a minus stands first, and what follows the sign.
fn sign(bytes: &[u8]) -> (bool, &[u8]) {
    match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, bytes),
    }
}

/// `[-]H:MM:SS[.ffffff]` or `[-]H:MM`; hours may exceed 24.
fn clock_us(token: &[u8]) -> Option<i64> {
    let (negative, token) = sign(token);
    let mut parts = token.splitn(3, |byte| *byte == b':');
    let hours = digits(parts.next()?)?;
    let minutes = digits(parts.next()?)?;
    let seconds = match parts.next() {
        Some(text) if text.first().is_some_and(u8::is_ascii_digit) => decimal_us(text)?,
        Some(_) => return None,
        None => 0,
    };
    if minutes > 59 || seconds >= 61 * SECOND_US {
        return None;
    }
    let us =
        hours.checked_mul(3600 * SECOND_US)?.checked_add(minutes * 60 * SECOND_US)?.checked_add(seconds)?;
    Some(if negative { us.saturating_neg() } else { us })
}

/// sql_standard's `[+-]YEARS-MONTHS`.
fn year_month_us(token: &[u8]) -> Option<i64> {
    let (negative, token) = sign(token);
    let at = memchr::memchr(b'-', token)?;
    let years = digits(token.get(..at)?)?.checked_mul(YEAR_US)?;
    let us = digits(token.get(at + 1..)?)?.checked_mul(MONTH_US)?.checked_add(years)?;
    Some(if negative { us.saturating_neg() } else { us })
}

/// Microseconds in one unit of the styles `postgres` and `postgres_verbose`, at least a second.
fn unit_us(unit: &[u8]) -> Option<i64> {
    Some(match unit {
        b"year" | b"years" => YEAR_US,
        b"mon" | b"mons" => MONTH_US,
        b"day" | b"days" => DAY_US,
        b"hour" | b"hours" => 3600 * SECOND_US,
        b"min" | b"mins" => 60 * SECOND_US,
        b"sec" | b"secs" => SECOND_US,
        _ => return None,
    })
}

/// What follows the `P` of an ISO 8601 duration.
fn iso_8601_us(mut rest: &[u8]) -> Option<i64> {
    let mut total = 0i64;
    let mut in_time = false;
    let mut parts = 0u32;
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'T' {
            in_time = true;
            rest = tail;
            continue;
        }
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.'))
            .count();
        let (number, tail) = rest.split_at_checked(length)?;
        let (unit, tail) = tail.split_first()?;
        let unit_us = match (unit, in_time) {
            (b'Y', false) => YEAR_US,
            (b'M', false) => MONTH_US,
            (b'W', false) => 7 * DAY_US,
            (b'D', false) => DAY_US,
            (b'H', true) => 3600 * SECOND_US,
            (b'M', true) => 60 * SECOND_US,
            (b'S', true) => SECOND_US,
            _ => return None,
        };
        total = total.checked_add(decimal_us(number)?.checked_mul(unit_us / SECOND_US)?)?;
        parts = parts.saturating_add(1);
        rest = tail;
    }
    (parts > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_styles() {
        for (text, expected) in [
            ("00:00:31.123456", Some(31_123_456)),
            ("00:00:02.50739", Some(2_507_390)),
            ("-00:00:00.01", Some(-10_000)),
            ("1 day 02:03:04", Some(93_784 * SECOND_US)),
            ("2 days", Some(2 * DAY_US)),
            ("1 mon 3 days -04:05:06", Some(33 * DAY_US - 14_706 * SECOND_US)),
            ("-1 days +02:00:00", Some(-DAY_US + 7200 * SECOND_US)),
            ("100:00:01", Some(360_001 * SECOND_US)),
            ("@ 31.123456 secs", Some(31_123_456)),
            ("@ 0.01 secs ago", Some(-10_000)),
            ("@ 1 hour 2 mins", Some(3720 * SECOND_US)),
            ("@ 0", Some(0)),
            ("1 2:03:04", Some(93_784 * SECOND_US)),
            ("+0-1 +3 -4:05:06", Some(33 * DAY_US - 14_706 * SECOND_US)),
            ("P1DT2H3M4S", Some(93_784 * SECOND_US)),
            ("PT-0.01S", Some(-10_000)),
            ("PT0S", Some(0)),
            ("", None),
            ("12", None),
            ("COMMIT", None),
            ("2026-11-23 18:31:16", None),
            ("99999999999999999 days", None),
            ("P", None),
        ] {
            assert_eq!(interval_us(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn prefixes_do_not_panic() {
        for text in
            [b"@ 1 year 2 mons 3 days 4 hours 5.5 secs ago".as_slice(), b"P1Y2M3DT4H5M6.789S", b"\xff:\xff:."]
        {
            for end in 0..=text.len() {
                let _ = interval_us(&text[..end]);
            }
        }
    }
}
