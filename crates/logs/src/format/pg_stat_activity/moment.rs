//! Times as PostgreSQL prints them in every `DateStyle`.

use crate::timestamp::{
    SECOND_US, Stamp, Zone, abbreviation_offset_s, civil_us, clock_s, digits, fraction_us, iso, month_number,
};

/// A time whose day and month cannot be mistaken.
pub(super) fn certain(cell: &[u8]) -> Option<Stamp> {
    read(cell).filter(|(_, certain)| *certain).map(|(stamp, _)| stamp)
}

/// A time; of two numbers that both can be a month the first is taken for it. Differences of two are right either way.
pub(super) fn moment(cell: &[u8]) -> Option<Stamp> {
    read(cell).map(|(stamp, _)| stamp)
}

fn read(cell: &[u8]) -> Option<(Stamp, bool)> {
    let cell = cell.trim_ascii();
    if let Some((stamp, _)) = iso(cell) {
        return Some((stamp, true));
    }
    let (mut date, mut time, mut month, mut day, mut year) = (None, None, None, None, None);
    let mut zone: &[u8] = b"";
    for token in cell.split(|byte| *byte == b' ').filter(|token| !token.is_empty()) {
        if date.is_none() && matches!(token.get(2), Some(b'/' | b'.')) {
            date = Some(token);
        } else if token.get(2) == Some(&b':') {
            let (fraction, used, resolution_us) = fraction_us(token.get(8..)?);
            time = Some((clock_s(token)?.checked_mul(SECOND_US)?.checked_add(fraction)?, resolution_us));
            // `18:31:16.5+00` of a session with a numeric zone.
            zone = token.get(8 + used..).filter(|rest| !rest.is_empty()).unwrap_or(zone);
        } else if let Some(number) = digits(token) {
            if token.len() == 4 { year = Some(number) } else { day = Some(number) }
        } else if let Some(number) = month_number(token) {
            month = Some(number);
        } else if time.is_some() {
            zone = token;
        }
    }
    let (clock_us, resolution_us) = time?;
    let mut certain = true;
    if let Some(date) = date {
        // German: `25.11.2026`; SQL: `11/25/2026` or `25/11/2026`.
        let (first, second) = (digits(date.get(..2)?)?, digits(date.get(3..5)?)?);
        year = digits(date.get(6..10)?);
        let german = date.get(2) == Some(&b'.');
        let day_first = german || first > 12;
        certain = german || first > 12 || second > 12 || first == second;
        (day, month) = if day_first { (Some(first), Some(second)) } else { (Some(second), Some(first)) };
    }
    let local = civil_us(year?, month?, day?, 0, 0, 0)?.checked_add(clock_us)?;
    let stamp = match abbreviation_offset_s(zone) {
        Some(0) => Stamp::utc(local, resolution_us),
        Some(offset) => Stamp {
            us: local.checked_sub(i64::from(offset) * SECOND_US)?,
            zone: Zone::Offset(offset),
            resolution_us,
        },
        None => Stamp { us: local, zone: Zone::Local, resolution_us },
    };
    Some((stamp, certain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles() {
        let expected = civil_us(2026, 11, 25, 4, 34, 44).unwrap() + 616_325;
        for text in [
            "2026-11-25 05:34:44.616325+01",
            "11/25/2026 05:34:44.616325 CET",
            "25/11/2026 05:34:44.616325 CET",
            "Wed Nov 25 05:34:44.616325 2026 CET",
            "Wed 25 Nov 05:34:44.616325 2026 CET",
            "25.11.2026 05:34:44.616325 CET",
        ] {
            assert_eq!(certain(text.as_bytes()).unwrap().us, expected, "{text}");
            for length in 0..text.len() {
                let _ = moment(&text.as_bytes()[..length]);
            }
        }
        assert_eq!(certain(b"05/11/2026 05:34:44 CET"), None);
        assert!(moment(b"05/11/2026 05:34:44 CET").is_some());
        assert_eq!(moment(b"99.99.2026 05:34:44 CET"), None);
        assert_eq!(moment(b"active"), None);
        assert_eq!(moment(b""), None);
    }
}
