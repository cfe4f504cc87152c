//! Years that stamps do not name, and clocks put back or forward inside a file.

use chrono::Datelike;
use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::{SECOND_US, Zone, civil_us};

use super::shift_input;
use crate::read::Input;
use crate::stretch::Stretch;

/// What is said of stamps that nothing dates.
const UNKNOWN_YEAR: &str = "year unknown: the stamps name none, nor does anything beside them; shown as 1972";
const UNKNOWN_DATE: &str =
    "date unknown: the stamps are times of day, and nothing beside them is dated; shown as 1 January 1972";
const DAY_US: i64 = 86_400 * SECOND_US;
const HOUR_US: i64 = 3600 * SECOND_US;
/// A change to or from summer time moves stamps by an hour give or take this, µs, and by the time between the two
/// records around it: at most `BETWEEN_US`.
const NEAR_HOUR_US: i64 = 60 * SECOND_US;
/// Longer silence hides a change, µs.
const BETWEEN_US: i64 = HOUR_US / 2;

/// Puts stamps without a year (1972) into the years that bring the input nearest to `window`, what other inputs say; where
/// nothing does, to the last year that ends before the file was last written to. December and then January in one file is
/// New Year. Says what rests on less than another log.
pub fn add_years(input: &mut Input, window: Option<(i64, i64)>) -> Option<String> {
    if input.partial.zone != Some(Zone::LocalWithoutYear) {
        return None;
    }
    let stretches = input.partial.stretches.steady();
    let span = input.partial.span?;
    // Lines from which the year is one later.
    let new_years: Vec<u64> = jumps(&stretches)
        .filter(|(jump_us, _)| *jump_us < -180 * DAY_US)
        .map(|(_, stretch)| stretch.line)
        .collect();
    let last_us = stretches.last().map_or(span.1, |stretch| stretch.to_us);
    let mut years = 1990..=2100;
    let (last_year, note) = match (window, input.modified_us) {
        (Some((from, to)), _) => {
            let middle = from.midpoint(to);
            (years.min_by_key(|year| (move_to_year(last_us, *year) - middle).abs())?, None)
        }
        (None, Some(modified_us)) => {
            // Stamps are local: up to a day ahead of the file system's.
            let year =
                years.rfind(|year| move_to_year(last_us, *year) <= modified_us.saturating_add(DAY_US))?;
            let label = &input.label;
            (
                year,
                Some(format!(
                    "{label}: its stamps name no year; {year} is inferred from when the file was last written to."
                )),
            )
        }
        (None, None) => {
            input.problems.push(UNKNOWN_YEAR.to_owned());
            return Some(format!("{}: {UNKNOWN_YEAR}.", input.label));
        }
    };
    shift_input(input, |line, us| {
        let later = new_years.iter().filter(|new_year| **new_year > line).count();
        move_to_year(us, last_year - i64::try_from(later).unwrap_or(0)).saturating_sub(us)
    });
    note
}

/// Puts times of day without a date on the days that bring the input nearest to `window`; says so.
pub fn add_dates(input: &mut Input, window: Option<(i64, i64)>) -> Option<String> {
    if input.partial.zone != Some(Zone::LocalWithoutDate) {
        return None;
    }
    let (first, last) = input.partial.span?;
    let Some((from, to)) = window else {
        input.problems.push(UNKNOWN_DATE.to_owned());
        return Some(format!("{}: {UNKNOWN_DATE}.", input.label));
    };
    let distance = from.midpoint(to).saturating_sub(first.midpoint(last));
    let days = distance.saturating_add(DAY_US / 2).div_euclid(DAY_US);
    shift_input(input, |_, _| days.saturating_mul(DAY_US));
    Some(format!(
        "{}: its stamps are times of day; taken for those of the day of the other logs.",
        input.label
    ))
}

/// The same day and time of the year 1972 (a leap year) in another year; 29 February may become 1 March.
fn move_to_year(us: i64, year: i64) -> i64 {
    let (Some(leap_year), Some(start)) = (civil_us(1972, 1, 1, 0, 0, 0), civil_us(year, 1, 1, 0, 0, 0))
    else {
        return us;
    };
    let into = us.saturating_sub(leap_year);
    let leap = chrono::DateTime::from_timestamp_micros(start)
        .is_some_and(|time| chrono::NaiveDate::from_ymd_opt(time.year(), 2, 29).is_some());
    let late = if into >= 60 * DAY_US && !leap { DAY_US } else { 0 };
    start.saturating_add(into).saturating_sub(late)
}

/// Each jump between stretches, µs, and the stretch behind it.
pub(super) fn jumps(stretches: &[Stretch]) -> impl Iterator<Item = (i64, &Stretch)> {
    stretches
        .iter()
        .zip(stretches.iter().skip(1))
        .map(|(before, after)| (after.first_us.saturating_sub(before.last_us), after))
}

/// Undoes changes to and from summer time inside an input whose stamps name no zone, or name it only now and then (the
/// heads of vmstat's tables): after a jump back by an hour the same hour is counted again. A jump forward by an hour may
/// as well be a hole; it is a change only if the input is by that hour longer than all others together (`window`).
/// Says how many were undone.
pub fn undo_daylight_changes(input: &mut Input, window: Option<(i64, i64)>) -> usize {
    let zoneless = input.partial.zone.is_some_and(Zone::is_local);
    if !zoneless && input.source != Some(Source::Host) {
        return 0;
    }
    let stretches = input.partial.stretches.steady();
    let longer = longer_by_an_hour(&stretches, window);
    let back = -HOUR_US - NEAR_HOUR_US..=-HOUR_US + BETWEEN_US;
    let ahead = HOUR_US - NEAR_HOUR_US..=HOUR_US + BETWEEN_US;
    let mut steps: Vec<(u64, i64)> = Vec::new();
    let mut added_us = 0;
    for (jump_us, stretch) in jumps(&stretches) {
        if back.contains(&jump_us) {
            added_us += HOUR_US;
        } else if ahead.contains(&jump_us) && ((added_us > 0 && !zoneless) || longer) {
            // After a jump back the next head names the new zone; and all others say that this hour did not pass.
            added_us -= HOUR_US;
        } else {
            continue;
        }
        steps.push((stretch.line, added_us));
    }
    if !steps.is_empty() {
        shift_input(input, |line, _| {
            let at = steps.partition_point(|step| step.0 <= line);
            at.checked_sub(1).and_then(|at| steps.get(at)).map_or(0, |step| step.1)
        });
    }
    steps.len()
}

/// Too long for the window as it is, and not without the hour.
fn longer_by_an_hour(stretches: &[Stretch], window: Option<(i64, i64)>) -> bool {
    let (Some((from, to)), Some(first), Some(last)) = (window, stretches.first(), stretches.last()) else {
        return false;
    };
    let over_us = last.to_us.saturating_sub(first.from_us).saturating_sub(to - from);
    over_us > NEAR_HOUR_US && over_us <= HOUR_US + NEAR_HOUR_US
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(year: i64, month: i64, day: i64, hour: i64) -> i64 {
        civil_us(year, month, day, hour, 0, 0).unwrap()
    }

    #[test]
    fn days_keep_their_date_in_every_year() {
        assert_eq!(move_to_year(time(1972, 12, 31, 23), 2026), time(2026, 12, 31, 23));
        assert_eq!(move_to_year(time(1972, 3, 1, 5), 2028), time(2028, 3, 1, 5));
        assert_eq!(move_to_year(time(1972, 2, 28, 5), 2027), time(2027, 2, 28, 5));
    }
}
