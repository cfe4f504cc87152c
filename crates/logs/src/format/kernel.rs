//! The kernel's own log, for the out-of-memory killer (formats.md 4): `journalctl -k`, `/var/log/kern.log`,
//! `dmesg -T`.

use memchr::{memchr, memmem};

use super::curl_probe::date_output;
use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::{KernelRecord, Record};
use crate::timestamp::{Stamp, Zone, digits};

/// Kernel log.
pub struct Kernel;

/// Lines that only the out-of-memory killer writes.
fn out_of_memory(line: &[u8]) -> bool {
    [b"Killed process ".as_slice(), b"oom-kill:", b" invoked oom-killer:", b"oom_reaper:"]
        .iter()
        .any(|mark| memmem::find(line, mark).is_some())
}

/// Lines that look like the kernel's.
fn typical(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 16] = [
        b"Mem-Info:", b"Call Trace:", b"INFO: task ", b"EXT4-fs", b"XFS (", b"audit:", b"usb ", b"Linux version",
        b"Command line:", b"CPU: ", b"Node ", b"Tasks state", b"TCP: ", b"Hardware name:", b"nvme", b"sd ",
    ];
    let message = split(line).1;
    uptime(line).is_some() || out_of_memory(line) || BEGINNINGS.iter().any(|beginning| message.starts_with(beginning))
}

/// What follows `[  123.456789] ` (seconds since boot).
fn uptime(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"[")?;
    let end = memchr(b']', rest.get(..rest.len().min(24))?)?;
    let inside = rest.get(..end)?.trim_ascii();
    let number = inside.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') && memchr(b'.', inside).is_some();
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

/// Pid and name of `Killed process P (NAME)`.
fn victim(message: &[u8]) -> Option<(u32, &[u8])> {
    const MARK: &[u8] = b"Killed process ";
    let rest = message.get(memmem::find(message, MARK)? + MARK.len()..)?;
    let (pid, rest) = rest.split_at_checked(rest.iter().take_while(|byte| byte.is_ascii_digit()).count())?;
    let pid = u32::try_from(digits(pid)?).ok()?;
    let name = rest.strip_prefix(b" (").and_then(|rest| rest.get(..memchr(b')', rest)?));
    Some((pid, name.unwrap_or_default()))
}

impl Format for Kernel {
    fn name(&self) -> String {
        "kernel".to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn starts_record(&self, _line: &[u8]) -> bool {
        true
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        if raw.program.as_ref().is_some_and(|program| !program.starts_with(b"kernel")) {
            return Err("not_kernel");
        }
        let (printed, message) = split(raw.text.trim_ascii_end());
        let stamp = raw.outer.or(printed).ok_or("no_time")?;
        let victim = victim(message);
        Ok(Record::Kernel(KernelRecord {
            stamp,
            killed_pid: victim.map(|(pid, _)| pid),
            killed_name: victim.map(|(_, name)| name).unwrap_or_default(),
            message,
        }))
    }
}
