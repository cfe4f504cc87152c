//! `docker stats`: the table, and a JSON object a line with `--format '{{json .}}'` (docker CLI 17 to 27; podman alike).
//!
//! Only memory over its limit is read. CPU % is of one core and says nothing without the number of cores and the rest of
//! the host.

use memchr::memmem;
use serde_json::Value;

use super::super::figures::number;
use super::{Hints, Memory, Said, sample};

/// Fields of the table: two blanks or more lie between them.
fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line.trim_ascii();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memmem::find(rest, b"  ").unwrap_or(rest.len());
        let (field, more) = rest.split_at_checked(end)?;
        rest = more.trim_ascii_start();
        Some(field)
    })
}

fn of_limit(percent: &[u8], memory: &Memory) -> Said {
    match percent.trim_ascii().strip_suffix(b"%").and_then(number) {
        Some(value) => sample(memory, |sample| sample.memory_of_limit_percent = Some(value)),
        // `--`: not known.
        None => Said::Nothing,
    }
}

/// Reads a line of either form.
pub(super) fn read(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    if line.first() == Some(&b'{') {
        let object: Value =
            memmem::find(line, b"\"MemPerc\"").and_then(|_| serde_json::from_slice(line).ok())?;
        object.get("CPUPerc")?;
        return Some(of_limit(object.get("MemPerc")?.as_str()?.as_bytes(), memory));
    }
    let has = |name: &[u8]| memmem::find(line, name).is_some();
    if memchr::memchr(b'%', line).is_some() && has(b"MEM USAGE / LIMIT") && has(b"CPU %") {
        memory.section = "docker-stats";
        memory.columns = fields(line).map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        return Some(Said::Nothing);
    }
    if memory.section != "docker-stats" || fields(line).count() != memory.columns.len() {
        return None;
    }
    let at = memory.columns.iter().position(|column| column == "MEM %");
    Some(match at.and_then(|at| fields(line).nth(at)) {
        Some(percent) => of_limit(percent, memory),
        None => Said::Nothing,
    })
}
