//! The kernel's own log, for the out-of-memory killer (formats.md 4): `journalctl -k`, `/var/log/kern.log`,
//! `dmesg -T`.

use std::sync::LazyLock;

use memchr::{memchr, memchr_iter, memmem};

use super::curl_probe::date_output;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{KernelRecord, Record};
use crate::timestamp::{SECOND_US, Stamp, Zone, digits};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "kernel",
    source: Source::Host,
    summary: "the kernel's log, for its out-of-memory killer: `journalctl -k`, `kern.log`, `dmesg -T`, `dmesg`",
    origin: "Linux, `mm/oom_kill.c`",
    detect,
    examples: &[
        Example {
            name: "kernel",
            file: "dmesg.txt",
            text: "\
[    0.000000] Linux version 6.1.0
[    1.500000] rtc_cmos 00:00: setting system clock to 2026-11-23T18:00:00 UTC (1795456800)
[   11.500000] Out of memory: Killed process 12743 (odoo) total-vm:2373320kB
",
        },
        Example {
            name: "kernel",
            file: "kern.log",
            text: "\
Nov 23 18:31:01 vm kernel: python3 invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0
Nov 23 18:31:01 vm kernel: Mem-Info:
Nov 23 18:31:02 vm kernel: Out of memory: Killed process 12317 (python3) total-vm:4183312kB, anon-rss:3012000kB, file-rss:0kB, shmem-rss:0kB, UID:110 pgtables:6500kB oom_score_adj:0
Nov 23 18:31:02 vm kernel: oom_reaper: reaped process 12317 (python3), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
",
        },
    ],
    foreign: &[
        Foreign { whose: "Odoo", text: "2026-11-23 18:32:56,204 22130 INFO o15 odoo.http: x" },
        Foreign { whose: "the X server", text: "[    12.345] (II) LoadModule: \"glx\"\n[    12.346] (II) Loading /usr/lib/xorg/modules/extensions/libglx.so\n" },
    ],
    broken: &[
        Broken { reason: "no_time", text: "[ 1793.152108] Out of memory: Killed process 12743 (odoo) total-vm:2373320kB" },
    ],
};

/// Kernel log.
pub struct Kernel;

/// Lines that only the out-of-memory killer writes.
fn out_of_memory(line: &[u8]) -> bool {
    /// Looked for in every line, so prepared once.
    static MARKS: LazyLock<[memmem::Finder<'static>; 4]> = LazyLock::new(|| {
        let marks = ["Killed process ", "oom-kill:", " invoked oom-killer:", "oom_reaper:"];
        marks.map(memmem::Finder::new)
    });
    MARKS.iter().any(|mark| mark.find(line).is_some())
}

/// Lines that look like the kernel's.
fn typical(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 16] = [
        b"Mem-Info:",
        b"Call Trace:",
        b"INFO: task ",
        b"EXT4-fs",
        b"XFS (",
        b"audit:",
        b"usb ",
        b"Linux version",
        b"Command line:",
        b"CPU: ",
        b"Node ",
        b"Tasks state",
        b"TCP: ",
        b"Hardware name:",
        b"nvme",
        b"sd ",
    ];
    let message = split(line).1;
    uptime(line).is_some()
        || out_of_memory(line)
        || BEGINNINGS.iter().any(|beginning| message.starts_with(beginning))
}

/// What follows `[  123.456789] ` (seconds since boot).
fn uptime(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"[")?;
    let end = memchr(b']', rest.get(..rest.len().min(24))?)?;
    let inside = rest.get(..end)?.trim_ascii();
    // Six decimals, unlike other programs that count from their start (the X server: three).
    let (seconds, fraction) = inside.split_at_checked(inside.len().checked_sub(7)?)?;
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number = digits(seconds) && fraction.strip_prefix(b".").is_some_and(digits);
    number.then(|| rest.get(end + 1..)).flatten().map(<[u8]>::trim_ascii_start)
}

/// The time that `dmesg -T` prints, if it is there, and the message without any prefix.
fn split(line: &[u8]) -> (Option<Stamp>, &[u8]) {
    let line = line.strip_prefix(b"kernel: ").unwrap_or(line);
    if let Some(message) = uptime(line) {
        return (None, message);
    }
    let dated = || {
        let rest = line.strip_prefix(b"[")?;
        let end = memchr(b']', rest.get(..rest.len().min(40))?)?;
        // `dmesg -T` counts from boot and prints wall clock; it is not exact after suspend.
        let stamp = Stamp { zone: Zone::Local, ..date_output(rest.get(..end)?)? };
        Some((Some(stamp), rest.get(end + 1..)?.trim_ascii_start()))
    };
    dated().unwrap_or((None, line))
}

/// Claims files with traces of the out-of-memory killer, or named for the kernel.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut total, mut understood, mut killer) = (0u32, 0u32, false);
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        total += 1;
        understood += u32::from(typical(line));
        killer |= out_of_memory(line);
    }
    let named = total > 0 && (sample.name.contains("kernel") || sample.name.contains("dmesg"));
    let share = f64::from(understood) / f64::from(total.max(1));
    let score = if killer || named { share.max(0.6) } else { share };
    // Without a sign of its own, a few look-alikes do not make a kernel log.
    (killer || named || share >= 0.5).then(|| Claim { format: Box::new(Kernel), score })
}

/// The seconds since boot that stand first, in µs.
fn since_boot_us(line: &[u8]) -> Option<i64> {
    let line = line.strip_prefix(b"kernel: ").unwrap_or(line);
    uptime(line)?;
    let inside = line.get(1..memchr(b']', line)?)?.trim_ascii();
    super::interval::decimal_us(inside)
}

/// `rtc_cmos 00:00: setting system clock to 2026-11-23T18:00:00 UTC (1795456800)`: that time, µs UTC.
fn clock_set(message: &[u8]) -> Option<i64> {
    const MARK: &[u8] = b"setting system clock to ";
    let rest = message.get(memmem::find(message, MARK)? + MARK.len()..)?;
    let seconds = rest.get(memchr(b'(', rest)? + 1..memchr(b')', rest)?)?;
    digits(seconds)?.checked_mul(SECOND_US)
}

/// Pid and name of `Killed process P (NAME)`.
fn victim(message: &[u8]) -> Option<(u32, &[u8])> {
    const MARK: &[u8] = b"Killed process ";
    let rest = message.get(memmem::find(message, MARK)? + MARK.len()..)?;
    let (pid, rest) = rest.split_at_checked(rest.iter().take_while(|byte| byte.is_ascii_digit()).count())?;
    let pid = u32::try_from(digits(pid)?).ok()?;
    // A name may hold parentheses itself: `((sd-pam))`.
    let name = rest.strip_prefix(b" (").and_then(|rest| {
        let after = |at: &usize| matches!(rest.get(at + 1), None | Some(b' ' | b','));
        rest.get(..memchr_iter(b')', rest).find(after)?)
    });
    Some((pid, name.unwrap_or_default()))
}

impl Format for Kernel {
    fn name(&self) -> String {
        "kernel".to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    /// The line that sets the clock dates those after it.
    fn sequential(&self) -> bool {
        true
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        if raw.program.as_ref().is_some_and(|program| !program.starts_with(b"kernel")) {
            return Err("not_kernel");
        }
        let text = raw.text.trim_ascii_end();
        let (printed, message) = split(text);
        let since_boot = since_boot_us(text);
        if let (Some(clock), Some(since_boot)) = (clock_set(message), since_boot) {
            memory.last = Some(Stamp::utc(clock.saturating_sub(since_boot), SECOND_US));
        }
        let counted = || Some(Stamp { us: memory.last?.us.checked_add(since_boot?)?, ..memory.last? });
        let victim = victim(message);
        let Some(stamp) = raw.outer.or(printed).or_else(counted) else {
            // Seconds since an unknown boot: fine, unless it is the one record that needs a time.
            return if victim.is_none() && since_boot.is_some() {
                Ok(Record::Structure)
            } else {
                Err("no_time")
            };
        };
        Ok(Record::Kernel(KernelRecord {
            stamp,
            killed_pid: victim.map(|(pid, _)| pid),
            killed_name: victim.map(|(_, name)| name).unwrap_or_default(),
            message,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    /// As `journalctl -k` leaves it once the carrier is peeled.
    const KILLED: &str = "Out of memory: Killed process 12743 (odoo) total-vm:2373320kB, anon-rss:1673320kB, file-rss:0kB, shmem-rss:0kB, UID:101 pgtables:4183kB oom_score_adj:0";
    const INVOKED: &str = "postgres invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0";
    const CONSTRAINT: &str = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system.slice/odoo.service,task=odoo,pid=12743,uid=101";

    /// Time in µs, pid and name of the victim.
    type Seen = (i64, Option<(u32, String)>);

    fn parse(text: &str, outer: Option<i64>, program: Option<&'static [u8]>) -> Result<Seen, &'static str> {
        let outer = outer.map(|us| Stamp::utc(us, SECOND_US));
        let raw = Raw { outer, program: program.map(Cow::Borrowed), ..Raw::of(text.as_bytes()) };
        match Kernel.parse(&raw, &mut Memory::default())? {
            Record::Kernel(record) => {
                let name = String::from_utf8_lossy(record.killed_name).into_owned();
                Ok((record.stamp.us, record.killed_pid.map(|pid| (pid, name))))
            }
            _ => Err("structure"),
        }
    }

    #[test]
    fn victims() {
        let victim = |pid: u32, name: &str| Ok((7, Some((pid, name.to_owned()))));
        for (text, expected) in [
            (KILLED, victim(12743, "odoo")),
            ("Memory cgroup out of memory: Killed process 77 (odoo) total-vm:1kB", victim(77, "odoo")),
            ("[12345.678901] Killed process 77 (odoo), UID 101, total-vm:1kB", victim(77, "odoo")),
            ("Killed process 77 ((sd-pam)) total-vm:1kB", victim(77, "(sd-pam)")),
            ("Killed process 77 (python3 odoo-bi", victim(77, "")),
            ("Killed process 77", victim(77, "")),
            ("Killed process x", Ok((7, None))),
            ("Killed process 99999999999", Ok((7, None))),
            (INVOKED, Ok((7, None))),
            (CONSTRAINT, Ok((7, None))),
            ("", Ok((7, None))),
            ("[", Ok((7, None))),
        ] {
            assert_eq!(parse(text, Some(7), Some(b"kernel")), expected, "{text}");
            for cut in 0..text.len() {
                let _ = parse(&text[..cut], None, None);
            }
        }
    }

    #[test]
    fn times_and_programs() {
        // `dmesg -T` names its time, plain `dmesg` does not.
        let dated = format!("[Thu May 14 10:48:29 2026] {KILLED}");
        assert_eq!(
            parse(&dated, None, None),
            Ok((1_778_755_709 * SECOND_US, Some((12743, "odoo".to_owned()))))
        );
        assert_eq!(parse(&format!("[ 1793.152108] {KILLED}"), None, None), Err("no_time"));
        assert_eq!(parse(KILLED, None, None), Err("no_time"));
        // Once the clock is set, seconds since boot are a time.
        let mut memory = Memory::default();
        let mut at = |text: &str| {
            let text = Cow::Owned(text.as_bytes().to_vec());
            let raw = Raw::of(text);
            match Kernel.parse(&raw, &mut memory) {
                Ok(Record::Kernel(record)) => Some(record.stamp.us),
                Ok(_) => None,
                Err(reason) => panic!("{reason}"),
            }
        };
        assert_eq!(at("[    0.000000] Linux version 6.1.0"), None);
        let set =
            "[    1.500000] rtc_cmos 00:00: setting system clock to 2026-11-23T18:00:00 UTC (1795456800)";
        assert_eq!(at(set), Some(1_795_456_800 * SECOND_US));
        assert_eq!(at(&format!("[   11.500000] {KILLED}")), Some(1_795_456_810 * SECOND_US));
        assert_eq!(parse(KILLED, Some(7), Some(b"odoo")), Err("not_kernel"));
    }

    #[test]
    fn detection() {
        let claim = |lines: &[&str], name: &str| {
            let lines = lines.iter().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim(&[INVOKED, CONSTRAINT, KILLED], "x"), Some(1.0));
        assert_eq!(claim(&["[    1.000000] a", "eth0: link up", KILLED, &KILLED[30..]], "x"), Some(0.6));
        assert_eq!(claim(&["-- No entries --"], "journalctl-kernel.log"), Some(0.6));
        assert_eq!(claim(&[], "journalctl-kernel.log"), None);
        assert_eq!(claim(&["2026-11-23 18:32:56,204 22130 INFO o15 odoo.http: x"], "odoo.log"), None);
        assert!(Kernel.starts_record(b"anything"));
    }
}
