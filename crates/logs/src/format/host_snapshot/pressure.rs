//! `/proc/pressure/{cpu,io,memory}`: `some avg10=88.55 avg60=94.35 avg300=90.48 total=886769937` and `full …` (Linux 4.20+).
//!
//! A line does not say of which resource; the path before it does (`head`, `grep .`), or the file's name, or the order of
//! `cat /proc/pressure/*`.

use memchr::memmem;

use super::super::Sample;
use super::super::figures::{number, tokens};
use super::{Hints, Memory, Said, sample, stamp_line};

/// How the resources of lines are told where no path stands before them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// They are not.
    #[default]
    Unknown,
    /// All are of this one.
    One(&'static str),
    /// Processor, storage and memory under each stamp, as the shell sorts the names.
    Sorted,
}

impl Order {
    /// From the file's name, else from the number of `some` lines between stamps.
    pub(super) fn of(sample: &Sample<'_>) -> Self {
        let mut named = sample.name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter_map(of_word);
        if let (Some(one), None) = (named.next(), named.next()) {
            return Order::One(one);
        }
        let mut counts = vec![0u32];
        for line in &sample.lines {
            if line.starts_with(b"some avg10=") {
                if let Some(count) = counts.last_mut() {
                    *count += 1;
                }
            } else if stamp_line(line).is_some() {
                counts.push(0);
            }
        }
        // The sample may end inside the last one.
        let whole = counts.len().saturating_sub(1).max(1);
        let mut groups = counts.iter().take(whole).filter(|count| **count > 0).peekable();
        if groups.peek().is_some() && groups.all(|count| *count == 3) {
            Order::Sorted
        } else {
            Order::Unknown
        }
    }
}

fn of_word(word: &str) -> Option<&'static str> {
    Some(match word {
        "cpu" => "cpu",
        "io" => "io",
        "memory" | "mem" => "memory",
        "irq" => "irq",
        _ => return None,
    })
}

/// The resource in a path such as `/proc/pressure/io`, `io.pressure` or a banner with it.
pub(super) fn resource(line: &[u8]) -> Option<&'static str> {
    memmem::find(line, b"pressure")?;
    let words = line.split(|byte| !byte.is_ascii_alphanumeric());
    words.filter_map(|word| of_word(std::str::from_utf8(word).ok()?)).next()
}

/// Reads a line of pressure, which may have its path in front.
pub(super) fn read(line: &[u8], memory: &mut Memory, hints: &Hints) -> Option<Said> {
    let mut signs = memchr::memchr_iter(b'=', line);
    let at = signs.find(|at| line.get(..*at).is_some_and(|name| name.ends_with(b" avg10")))?;
    let at = at.checked_sub(b"some avg10".len())?;
    let (before, line) = line.split_at_checked(at)?;
    let mut parts = tokens(line);
    let kind = parts.next()?;
    let average = number(parts.next()?.strip_prefix(b"avg10=")?)?;
    parts.next()?.strip_prefix(b"avg60=")?;
    parts.next()?.strip_prefix(b"avg300=")?;
    number(parts.next()?.strip_prefix(b"total=")?)?;
    match kind {
        b"full" => return Some(Said::Nothing),
        b"some" => {}
        _ => return None,
    }
    let before = before.trim_ascii();
    let short = before.strip_suffix(b":").unwrap_or(before);
    let named = resource(before).or_else(|| of_word(std::str::from_utf8(short).ok()?));
    if named.is_none() && !before.is_empty() {
        return None;
    }
    let turn = memory.counters.entry("some").or_insert(0.0);
    *turn += 1.0;
    let turn = *turn as u32;
    // The path above holds for its two lines.
    let section = of_word(std::mem::take(&mut memory.section));
    let resource = named.or(section).or(match hints.pressure {
        Order::One(resource) => Some(resource),
        Order::Sorted => ["cpu", "io", "memory"].get(turn.saturating_sub(1) as usize % 3).copied(),
        Order::Unknown => None,
    });
    Some(match resource {
        Some("cpu") => sample(memory, |sample| sample.cpu_pressure_percent = Some(average)),
        Some("io") => sample(memory, |sample| sample.io_pressure_percent = Some(average)),
        Some("memory") => sample(memory, |sample| sample.memory_pressure_percent = Some(average)),
        _ => Said::Nothing,
    })
}
