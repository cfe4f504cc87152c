//! `top -b` (procps 3 and 4): the head of each iteration; the processes below it are counted, not read.
//!
//! The processors' shares of a run's first iteration are averages since boot.

use super::super::figures::{Figures, number, size_bytes, tokens};
use super::load::clock_and_load;
use super::{Hints, Memory, Said, sample, set_clock};
use crate::timestamp::digits;

/// Reads a line of top.
pub(super) fn read(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    let line = line.trim_ascii_start();
    if let Some(rest) = line.strip_prefix(b"top - ") {
        let (seconds, load) = clock_and_load(rest)?;
        // A stamp line clears the section: a loop runs top anew each time.
        let again = if memory.section == "top" { 1.0 } else { 0.0 };
        memory.counters.insert("iteration", again);
        memory.section = "top";
        memory.columns.clear();
        set_clock(memory, seconds);
        return Some(sample(memory, |sample| sample.load_1 = Some(load)));
    }
    if memory.section != "top" {
        return None;
    }
    let mut words = tokens(line);
    let first = words.next()?;
    if let b"Tasks:" | b"Threads:" = first {
        return Some(Said::Nothing);
    }
    // `%Cpu(s): 75.0 us, …`, `Cpu(s):  0.1%us, …` before 3.3; one line a processor after `1`.
    if let Some(rest) = line.strip_prefix(b"%Cpu(s):").or_else(|| line.strip_prefix(b"Cpu(s):")) {
        let mut figures = Figures::new(memory.last);
        let mut seen = false;
        for (value, name) in shares(rest) {
            seen |= figures.set(&name, value);
        }
        figures.put(|sample| {
            sample.since_boot = memory.counters.get("iteration").is_none_or(|again| *again == 0.0);
        });
        return Some(
            figures.sample().filter(|_| seen).map_or(Said::Nothing, |sample| Said::Sample(Box::new(sample))),
        );
    }
    if first.starts_with(b"%Cpu") || first.starts_with(b"Cpu") {
        return Some(Said::Nothing);
    }
    // `MiB Mem :  24105.6 total,   6086.8 free, …`, `KiB Swap: … avail Mem`, `Mem:   8062400k total, …`.
    let unit = match first {
        b"KiB" => 1024.0,
        b"MiB" => 1024.0 * 1024.0,
        b"GiB" => 1024.0 * 1024.0 * 1024.0,
        b"Mem:" | b"Swap:" => 1024.0,
        _ => {
            // The process table, from its header to the next iteration.
            if tokens(line).any(|word| word == b"PID") {
                memory.columns = vec!["PID".to_owned()];
                return Some(Said::Nothing);
            }
            // The next tool of a loop may follow without a blank line.
            let process = tokens(line).any(|word| digits(word).is_some()) && tokens(line).count() >= 8;
            return (process && !memory.columns.is_empty()).then_some(Said::Nothing);
        }
    };
    let named = |name: &[u8]| {
        let at = tokens(line).position(|word| word.strip_suffix(b",").unwrap_or(word) == name)?;
        let value = tokens(line).nth(at.checked_sub(1)?)?;
        size_bytes(value, unit)
    };
    if tokens(line).any(|word| matches!(word, b"Swap:" | b"Swap")) {
        return Some(match named(b"avail") {
            Some(bytes) => sample(memory, |sample| sample.memory_available_bytes = Some(bytes)),
            None => Said::Nothing,
        });
    }
    Some(match named(b"free") {
        Some(bytes) => sample(memory, |sample| sample.memory_free_bytes = Some(bytes)),
        None => Said::Nothing,
    })
}

/// `75.0 us,  0.0 sy`, `0.1%us,  0.2%sy` or, with a decimal comma, `75,0 us,  0,0 sy`: values and names.
fn shares(text: &[u8]) -> impl Iterator<Item = (f64, String)> {
    let pieces: Vec<&[u8]> = text
        .split(|byte| byte.is_ascii_whitespace() || *byte == b'%')
        .filter(|piece| !piece.is_empty())
        .collect();
    let mut out = Vec::new();
    // Full fields leave no blank: `us,100.0`.
    let mut value = None;
    for piece in pieces {
        let alphabetic = piece.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (name, rest) = piece.split_at_checked(alphabetic).unwrap_or_default();
        if alphabetic > 0 {
            if let Some(value) = value.take() {
                out.push((value, String::from_utf8_lossy(name).into_owned()));
            }
            value = rest.strip_prefix(b",").and_then(number);
        } else {
            value = number(piece);
        }
    }
    out.into_iter()
}
