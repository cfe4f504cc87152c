//! Control groups: `cpu.stat` (a quota that throttles makes a container slow while the host looks idle) and
//! `memory.events`. Both count since the group was made, so only what a later snapshot adds says when.

use memchr::memrchr;

use super::super::figures::{growth, tokens};
use super::{Hints, Memory, Said, sample, under};
use crate::timestamp::digits;

/// Names in `cpu.stat` (version 2, then 1) and `memory.events` that nothing is asked of.
const OTHERS: [&[u8]; 20] = [
    b"usage_usec",
    b"user_usec",
    b"system_usec",
    b"nice_usec",
    b"core_sched.force_idle_usec",
    b"throttled_usec",
    b"nr_bursts",
    b"burst_usec",
    b"throttled_time",
    b"wait_sum",
    b"burst_time",
    b"current_bw",
    b"nr_burst",
    b"low",
    b"high",
    b"max",
    b"oom",
    b"oom_group_kill",
    b"oom_kill_disable",
    b"under_oom",
];

/// Which group a counter is of: the path above it, and the how-manieth file under it, for loops that print no paths.
/// `turn` counts the files by a name that each has once.
fn group(memory: &mut Memory, turn: &'static str, first: bool) -> u64 {
    let turn = memory.counters.entry(turn).or_insert(0.0);
    if first {
        *turn += 1.0;
    }
    memory.group.wrapping_add(*turn as u64)
}

/// `nr_throttled 12`, or with its file in front, as `grep` prints it: `/sys/fs/cgroup/x/cpu.stat:nr_throttled 12`.
pub(super) fn read(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    let mut words = tokens(line);
    let (mut name, value) = (words.next()?, digits(words.next()?)? as f64);
    if words.next().is_some() {
        return None;
    }
    if let Some(colon) = memrchr(b':', name) {
        let (path, rest) = name.split_at_checked(colon)?;
        if !path.ends_with(b"cpu.stat") && !path.ends_with(b"memory.events") {
            return None;
        }
        name = rest.get(1..)?;
        // Each line names its file.
        under(memory, path);
    }
    match name {
        b"nr_periods" => {
            let group = group(memory, "cpu.stat", true);
            let periods = growth(memory, group, "nr_periods", value);
            memory.counters.insert("periods", periods.unwrap_or(0.0));
            Some(Said::Nothing)
        }
        b"nr_throttled" => {
            let group = group(memory, "cpu.stat", false);
            let throttled = growth(memory, group, "nr_throttled", value);
            // The line above is `nr_periods`.
            let periods = memory.counters.remove("periods").filter(|periods| *periods > 0.0);
            Some(match throttled.zip(periods) {
                Some((throttled, periods)) => sample(memory, |sample| {
                    sample.throttled_percent = Some((100.0 * throttled / periods).min(100.0))
                }),
                None => Said::Nothing,
            })
        }
        b"oom_kill" => {
            let group = group(memory, "memory.events", true);
            Some(match growth(memory, group, "oom_kill", value) {
                Some(more) => sample(memory, |sample| sample.out_of_memory_kills = Some(more as u64)),
                None => Said::Nothing,
            })
        }
        _ => OTHERS.contains(&name).then_some(Said::Nothing),
    }
}
