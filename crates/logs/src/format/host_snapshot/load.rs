//! `uptime` and `/proc/loadavg`.

use memchr::memmem;

use super::super::figures::{number, tokens};
use super::super::sar::time_of_day;
use super::{Hints, Memory, Said, sample, set_clock};

/// The load over a minute behind `load average:`, and the time of day before ` up `.
pub(super) fn clock_and_load(line: &[u8]) -> Option<(i64, f64)> {
    let (seconds, rest) = time_of_day(line.trim_ascii_start())?;
    rest.trim_ascii_start().starts_with(b"up ").then_some(())?;
    let at = memmem::find(rest, b"load average: ")? + 14;
    // `0.23, 0.22, 0.09`, or `0,23, 0,22, 0,09`.
    let load = tokens(rest.get(at..)?).next()?;
    number(load.strip_suffix(b",").unwrap_or(load)).map(|load| (seconds, load))
}

/// ` 04:48:41 up  1:43,  0 user,  load average: 8.60, 7.75, 7.00`; with `w` a table of users follows.
pub(super) fn read_uptime(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    let users = line.starts_with(b"USER ") && memmem::find(line, b" LOGIN@ ").is_some();
    if users && memory.section == "uptime" {
        memory.columns = vec!["USER".to_owned()];
        return Some(Said::Nothing);
    }
    let Some((seconds, load)) = clock_and_load(line) else {
        let user = memory.section == "uptime" && !memory.columns.is_empty() && tokens(line).count() >= 7;
        return user.then_some(Said::Nothing);
    };
    memory.section = "uptime";
    memory.columns.clear();
    set_clock(memory, seconds);
    Some(sample(memory, |sample| sample.load_1 = Some(load)))
}

/// `8.60 7.75 7.00 10/156 27659`: loads, runnable tasks of all, the last pid.
pub(super) fn read_loadavg(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    let mut words = tokens(line);
    let mut load = || words.next().filter(|word| word.contains(&b'.')).and_then(number);
    let (one, _, _) = (load()?, load()?, load()?);
    let mut tasks = words.next()?.splitn(2, |byte| *byte == b'/').map(number);
    let (running, all) = (tasks.next()??, tasks.next()??);
    number(words.next()?)?;
    (words.next().is_none() && running <= all).then_some(())?;
    Some(sample(memory, |sample| {
        sample.load_1 = Some(one);
        sample.run_queue = Some(running as u32);
    }))
}
