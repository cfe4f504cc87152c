//! How the programs write times, booleans and sizes.

/// An nginx time in seconds: `60`, `60s`, `1m 30s`, `500ms`; bare numbers are seconds
/// (nginx.org, "Configuration file measurement units").
#[must_use]
pub fn nginx_seconds(value: &str) -> Option<f64> {
    let mut rest = value.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = number(rest)?;
        let length = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(length)?;
        seconds += number
            * match unit {
                "ms" => 0.001,
                "" | "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                "w" => 604_800.0,
                "M" => 2_592_000.0,
                "y" => 31_536_000.0,
                _ => return None,
            };
        rest = after.trim_start();
    }
    Some(seconds)
}

/// A PostgreSQL time in seconds, for the settings whose bare numbers are milliseconds: `60000`, `60s`, `1min`, `1.5 h`
/// (PostgreSQL documentation, 20.1.1). `-1` stays negative.
#[must_use]
pub fn postgres_seconds(value: &str) -> Option<f64> {
    let value = value.trim();
    let (sign, digits) = value.strip_prefix('-').map_or((1.0, value), |digits| (-1.0, digits));
    let (number, unit) = number(digits)?;
    let scale = match unit.trim() {
        "us" => 1e-6,
        "" | "ms" => 0.001,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Some(sign * number * scale)
}

fn number(text: &str) -> Option<(f64, &str)> {
    let length = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(length)?;
    Some((number.parse().ok()?, rest))
}

/// A PostgreSQL boolean: `on`, `true`, `yes`, `1` and their unambiguous beginnings, in any case.
#[must_use]
pub fn postgres_boolean(value: &str) -> Option<bool> {
    let value = value.trim().to_ascii_lowercase();
    let begins = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    if value == "1" || begins("on", 2) || begins("true", 1) || begins("yes", 1) {
        Some(true)
    } else if value == "0" || begins("off", 2) || begins("false", 1) || begins("no", 1) {
        Some(false)
    } else {
        None
    }
}

/// An Odoo boolean. Versions disagree about `0`, `off` and the like (up to 18 any other text is true): `None`.
#[must_use]
pub fn odoo_boolean(value: &str) -> Option<bool> {
    match value.trim() {
        "True" | "true" => Some(true),
        "False" | "false" => Some(false),
        _ => None,
    }
}

/// Seconds as a person writes them: `20`, `1.5`.
#[must_use]
pub fn short(seconds: f64) -> String {
    let text = format!("{seconds:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_times() {
        for (text, seconds) in
            [("60", 60.0), ("720s", 720.0), ("1m 30s", 90.0), ("1m30s", 90.0), ("500ms", 0.5), ("2h", 7200.0)]
        {
            assert_eq!(nginx_seconds(text), Some(seconds), "{text}");
        }
        for text in ["", "s", "12 parsecs", "$timeout", "1min", "-1"] {
            assert_eq!(nginx_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn postgres_times() {
        for (text, seconds) in [
            ("60000", 60.0),
            ("60s", 60.0),
            ("1min", 60.0),
            ("1.5 h", 5400.0),
            ("0", 0.0),
            ("-1", -0.001),
            ("250ms", 0.25),
        ] {
            assert_eq!(postgres_seconds(text), Some(seconds), "{text}");
        }
        for text in ["", "1m", "default", "60S"] {
            assert_eq!(postgres_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn booleans() {
        for text in ["on", "ON", "true", "t", "yes", "y", "1"] {
            assert_eq!(postgres_boolean(text), Some(true), "{text}");
        }
        for text in ["off", "of", "False", "n", "no", "0"] {
            assert_eq!(postgres_boolean(text), Some(false), "{text}");
        }
        for text in ["", "o", "2", "nope"] {
            assert_eq!(postgres_boolean(text), None, "{text}");
        }
        assert_eq!(odoo_boolean("True"), Some(true));
        assert_eq!(odoo_boolean("false"), Some(false));
        assert_eq!(odoo_boolean("0"), None);
    }

    #[test]
    fn seconds_as_written() {
        assert_eq!(short(20.0), "20");
        assert_eq!(short(1.5), "1.5");
        assert_eq!(short(0.0), "0");
    }
}
