//! `free` (procps 3 and 4, any unit) and `/proc/meminfo`.

use super::super::figures::{number, size_bytes, tokens, unnamed_unit};
use super::{Hints, Memory, Said, sample};

/// `              total        used        free …`, `Mem: …`, `Swap: …`, `-/+ buffers/cache: …`.
pub(super) fn read_free(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    let mut words = tokens(line);
    let first = words.next()?;
    if first == b"total" && words.next() == Some(b"used") && words.next() == Some(b"free") {
        memory.section = "free";
        memory.columns = tokens(line).map(|token| String::from_utf8_lossy(token).into_owned()).collect();
        return Some(Said::Nothing);
    }
    if memory.section != "free" {
        return None;
    }
    let values = || tokens(line).skip(1);
    let sized = |token: &[u8]| size_bytes(token, 1.0).is_some();
    match first {
        b"Mem:" => {
            let total = number(values().next()?).unwrap_or(0.0);
            let unit = unnamed_unit(total);
            let column = |name: &str| {
                let at = memory.columns.iter().position(|column| column == name)?;
                size_bytes(values().nth(at)?, unit)
            };
            let (free, available) = (column("free")?, column("available"));
            Some(sample(memory, |sample| {
                sample.memory_free_bytes = Some(free);
                sample.memory_available_bytes = available;
            }))
        }
        b"Swap:" | b"Total:" | b"Low:" | b"High:" | b"Comm:"
            if values().count() >= 3 && values().all(sized) =>
        {
            Some(Said::Nothing)
        }
        // procps before 3.3.10: what is free without buffers and cache. Its unit is that of the row above.
        b"-/+" => Some(Said::Nothing),
        _ => None,
    }
}

/// `MemAvailable:   22987960 kB`.
pub(super) fn read_meminfo(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    let mut words = tokens(line);
    let name = words.next()?.strip_suffix(b":")?;
    let value = number(words.next()?)?;
    let unit = words.next();
    if words.next().is_some() || !matches!(unit, None | Some(b"kB")) {
        return None;
    }
    match name {
        b"MemTotal" if unit.is_some() => {
            memory.section = "meminfo";
            Some(Said::Nothing)
        }
        _ if memory.section != "meminfo" => None,
        b"MemFree" => Some(sample(memory, |sample| sample.memory_free_bytes = Some(value as u64 * 1024))),
        b"MemAvailable" => {
            Some(sample(memory, |sample| sample.memory_available_bytes = Some(value as u64 * 1024)))
        }
        _ => name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'(' | b')'))
            .then_some(Said::Nothing),
    }
}
