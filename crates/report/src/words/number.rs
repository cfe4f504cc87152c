//! Numbers, times and cut text as people read them.

use stormtrace_analysis::report::Time;

pub const UNKNOWN: &str = "unknown";

/// Log text on one line: line breaks and tabs become single blanks.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        let blank = matches!(character, '\n' | '\t' | ' ');
        if blank && line.ends_with(' ') {
            continue;
        }
        line.push(if blank { ' ' } else { character });
    }
    line.trim_end().to_owned()
}

/// At most `limit` characters, with an ellipsis where something was cut.
pub fn shortened(text: &str, limit: usize) -> String {
    let mut short: String = text.chars().take(limit).collect();
    if text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short
}

/// At most `limit` characters: the start and the end, which tell most about a path.
pub fn middle_shortened(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let kept = limit.saturating_sub(1);
    let tail = kept.saturating_sub(kept / 2);
    let head = kept / 2;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length.saturating_sub(tail)).collect();
    format!("{start}…{end}")
}

/// The first sentence and the rest.
pub fn first_sentence(text: &str) -> (&str, &str) {
    for (at, _) in text.match_indices(". ") {
        let (first, rest) = text.split_at(at.saturating_add(1));
        let rest = rest.trim_start();
        // An abbreviation inside a sentence goes on in lower case.
        if rest.chars().next().is_some_and(|next| !next.is_lowercase()) {
            return (first, rest);
        }
    }
    (text, "")
}

pub fn seconds_between(from: Time, to: Time) -> f64 {
    to.0.saturating_sub(from.0) as f64 / 1e6
}

/// Whole numbers with a comma every three digits.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len().saturating_add(digits.len() / 3));
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn maybe_count(value: Option<u64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), count)
}

/// A count with its noun, in the singular for one.
pub fn plural(value: u64, singular: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { singular } else { many })
}

pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return UNKNOWN.to_owned();
    }
    // Less than half a millisecond.
    if seconds.abs() < 0.0005 {
        return "0 s".to_owned();
    }
    if seconds < 0.0 {
        return format!("−{}", duration(-seconds));
    }
    let whole = seconds.round() as u64;
    match whole {
        0..=9 if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        0..=9 => format!("{seconds:.1} s"),
        10..=59 => format!("{whole} s"),
        60..=3599 if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        60..=3599 => format!("{} min {} s", whole / 60, whole % 60),
        3600..=86_399 => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// A duration with its sign.
pub fn signed(seconds: f64) -> String {
    let sign = if seconds >= 0.0005 { "+" } else { "" };
    format!("{sign}{}", duration(seconds))
}

/// The age of the oldest query; none at all is no age.
pub fn age(seconds: Option<f64>) -> String {
    seconds.filter(|seconds| *seconds >= 0.0005).map_or_else(|| "–".to_owned(), duration)
}

pub fn milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| duration(value / 1000.0))
}

pub fn percent(ratio: f64) -> String {
    if ratio.is_finite() { format!("{} %", percent_number(ratio)) } else { UNKNOWN.to_owned() }
}

pub fn percent_number(ratio: f64) -> String {
    let value = ratio * 100.0;
    // A few in ten thousand must not read as none, nor nearly all as all.
    if value > 0.0 && value < 0.1 {
        "<0.1".to_owned()
    } else if value > 0.0 && value < 0.995 || value > 99.0 && value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// A plain value such as a criterion's, without trailing zeros.
pub fn value(value: Option<f64>) -> String {
    match value {
        Some(value) if value.is_finite() => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => "–".to_owned(),
    }
}

/// A p value; a very small one must not read as impossible.
pub fn chance(p: f64) -> String {
    if p.is_finite() && p < 0.001 { "<0.001".to_owned() } else { value(Some(p)) }
}

pub fn weight(decibans: f64) -> String {
    if decibans.abs() < 0.5 {
        "0 dB".to_owned()
    } else if decibans < 0.0 {
        format!("−{:.0} dB", -decibans)
    } else {
        format!("+{decibans:.0} dB")
    }
}

pub fn instant(time: Time) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC")
}

pub fn clock(time: Time) -> String {
    time.format("%H:%M:%S")
}

/// A time of day, with its date where that is not the one of `base`.
pub fn clock_near(time: Time, base: Time) -> String {
    const DATE: &str = "%Y-%m-%d";
    time.format(if time.format(DATE) == base.format(DATE) { "%H:%M:%S" } else { "%m-%d %H:%M:%S" })
}

/// A span in UTC; the date stands once when it is the same.
pub fn span(from: Time, to: Time) -> String {
    const DATE: &str = "%Y-%m-%d";
    let end = if from.format(DATE) == to.format(DATE) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    format!("{} – {} UTC", from.format("%Y-%m-%d %H:%M:%S"), to.format(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(duration(0.0421), "42 ms");
        assert_eq!(duration(-0.0), "0 s");
        assert_eq!(signed(0.002), "+2 ms");
        assert_eq!(signed(-1.5), "−1.5 s");
        assert_eq!(weight(-0.0), "0 dB");
        assert_eq!(weight(-3.2), "−3 dB");
        assert_eq!(duration(9.96), "10 s");
        assert_eq!(duration(61.0), "1 min 1 s");
        assert_eq!(duration(3600.0), "1 h 00 min");
        assert_eq!(duration(f64::NAN), "unknown");
        assert_eq!(percent(0.0004), "<0.1 %");
        assert_eq!(percent(0.647), "65 %");
        assert_eq!(value(Some(0.25)), "0.25");
        assert_eq!(value(None), "–");
    }

    #[test]
    fn text_is_cut_where_it_tells_least() {
        assert_eq!(middle_shortened("odoo/abcdefghij.log", 11), "odoo/…j.log");
        assert_eq!(middle_shortened("short", 11), "short");
        assert_eq!(
            first_sentence("A storm, e.g. of 1.5 s. 64 killed. X."),
            ("A storm, e.g. of 1.5 s.", "64 killed. X.")
        );
        assert_eq!(first_sentence("One only."), ("One only.", ""));
        assert_eq!(age(Some(0.0)), "–");
        assert_eq!(age(Some(0.002)), "2 ms");
    }
}
