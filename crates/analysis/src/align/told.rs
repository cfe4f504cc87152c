//! Zones that the user names for stamps that name none.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{DateTime, MappedLocalTime, Offset, TimeZone};
use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::{SECOND_US, Zone};

use super::{calendar, shift_input};
use crate::assemble::source_name;
use crate::read::Input;

/// Jumps back by about an hour are the end of summer time, µs.
const HOUR_BACK_US: std::ops::RangeInclusive<i64> = -5400 * SECOND_US..=-1800 * SECOND_US;

/// A zone as a user names it: `UTC`, `+02:00` or `Europe/Brussels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldZone {
    /// Seconds east of UTC.
    Offset(i32),
    /// With its summer time (IANA database).
    Named(chrono_tz::Tz),
}

impl FromStr for ToldZone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: no zone such as UTC, +02:00 or Europe/Brussels");
        if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
            return Ok(ToldZone::Offset(0));
        }
        if let Some(sign) = text.chars().next().filter(|sign| matches!(sign, '+' | '-')) {
            let digits: String = text.chars().skip(1).filter(|character| *character != ':').collect();
            let whole = matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number: i32 = digits.parse().map_err(|_| wrong())?;
            let minutes = if digits.len() == 2 { number * 60 } else { number / 100 * 60 + number % 100 };
            if !whole || minutes > 15 * 60 {
                return Err(wrong());
            }
            return Ok(ToldZone::Offset(if sign == '-' { -minutes } else { minutes } * 60));
        }
        text.parse().map(ToldZone::Named).map_err(|_| wrong())
    }
}

impl ToldZone {
    /// Seconds east of UTC at a wall clock's `us`. An hour that comes twice is meant the first time unless `second`; one
    /// that is left out counts as before the change.
    fn offset_s(self, us: i64, second: bool) -> i64 {
        let zone = match self {
            ToldZone::Offset(offset_s) => return i64::from(offset_s),
            ToldZone::Named(zone) => zone,
        };
        let at = |us: i64| {
            let local = DateTime::from_timestamp_micros(us)?.naive_utc();
            match zone.offset_from_local_datetime(&local) {
                MappedLocalTime::Single(offset) => Some(offset),
                MappedLocalTime::Ambiguous(first, again) => Some(if second { again } else { first }),
                MappedLocalTime::None => None,
            }
        };
        let offset = at(us).or_else(|| at(us.saturating_sub(3 * 3600 * SECOND_US)));
        offset.map_or(0, |offset| i64::from(offset.fix().local_minus_utc()))
    }
}

/// What the user said of zones.
#[derive(Debug, Clone, Default)]
pub struct Zones {
    /// Of stamps without a zone.
    pub zoneless: Option<ToldZone>,
    /// Of one source, before that; Odoo's too, which writes UTC unless something changed it.
    pub by_source: BTreeMap<Source, ToldZone>,
}

/// Undoes the zone that was told for this input; says so, or why not.
pub fn undo(input: &mut Input, zones: &Zones) -> Option<String> {
    let (source, stated) = (input.source?, input.partial.zone?);
    let own = zones.by_source.get(&source).copied();
    let local = stated.is_local();
    let assumed = source == Source::Odoo && stated == Zone::Utc;
    if !local && !assumed {
        return own.map(|_| {
            format!(
                "{}: its stamps name their zone; the one told for {} is not used.",
                input.label,
                source_name(source)
            )
        });
    }
    let zone = own.or(zones.zoneless.filter(|_| local))?;
    // Lines from which a doubled hour is counted again.
    let stretches = input.partial.stretches.steady();
    let back = calendar::jumps(&stretches).filter(|(jump_us, _)| HOUR_BACK_US.contains(jump_us));
    let again: Vec<u64> = back.map(|(_, stretch)| stretch.line).collect();
    let second = |line: u64| again.iter().any(|from| line >= *from);
    let first_us = input.partial.span.map_or(0, |span| span.0);
    let offset_s = zone.offset_s(first_us, false);
    shift_input(input, |line, us| -zone.offset_s(us, second(line)) * SECOND_US);
    input.partial.zone = Some(Zone::Offset(i32::try_from(offset_s).unwrap_or(0)));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = SECOND_US;

    #[test]
    fn zones_as_people_write_them() {
        for (text, seconds) in
            [("UTC", 0), ("utc", 0), ("Z", 0), ("+02:00", 7200), ("-0330", -12_600), ("+05", 18_000)]
        {
            assert_eq!(text.parse(), Ok(ToldZone::Offset(seconds)), "{text}");
        }
        assert!(matches!("Europe/Brussels".parse(), Ok(ToldZone::Named(_))));
        for text in ["", "+", "+1", "+99:00", "+ab:cd", "Brussels", "2", "+é2"] {
            assert!(text.parse::<ToldZone>().is_err(), "{text}");
        }
    }

    #[test]
    fn summer_time_is_undone_on_both_sides_of_its_change() {
        let zone: ToldZone = "Europe/Brussels".parse().unwrap();
        // 2026-10-25 03:00 summer time is 02:00 winter time: from 02:00 to 03:00 the wall clock runs twice.
        let at = |hour: i64, minute: i64| (1_792_886_400 + hour * 3600 + minute * 60) * S;
        assert_eq!(zone.offset_s(at(1, 30), false), 7200);
        assert_eq!(zone.offset_s(at(2, 30), false), 7200);
        assert_eq!(zone.offset_s(at(2, 30), true), 3600);
        assert_eq!(zone.offset_s(at(3, 30), false), 3600);
        // 2026-03-29 02:30 is left out.
        assert_eq!(zone.offset_s(1_774_751_400 * S, false), 3600);
    }
}
