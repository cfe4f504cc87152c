//! Lines with stamp, host and program: the `short` forms of `journalctl` and the syslog files of the same shape
//! (formats.md section 4; systemd 252, rsyslog 8, RFC 3164).

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::docker::hash;
use super::{About, Carrier, Peeled};
use crate::timestamp::{
    SECOND_US, Stamp, Zone, abbreviation_offset_s, civil_us, clock_s, date_time_us, digits, fraction_us, iso,
    month_number,
};

/// Text kept of one message over several lines, in bytes.
const KEPT_MESSAGE_BYTES: usize = 1 << 20;

/// What one way of stamping makes of a line: `None` if the stamp is another's.
type Read = for<'a> fn(&'a [u8]) -> Option<Result<Peeled<'a>, &'static str>>;

/// Lines of one way of stamping.
pub struct Stamped {
    name: &'static str,
    read: Read,
    about: About,
}

/// `-o short`, and RFC 3164 syslog files: local clock without a year.
pub const SHORT: Stamped = Stamped {
    name: "journald-short",
    read: |line| traditional_entry(skip_priority(line), false),
    about: About {
        summary: "syslog files, with and without priority, and `journalctl -o short`",
        origin: "RFC 3164, rsyslog 8, systemd 252",
        file: "syslog",
        example: "\
Nov 23 18:24:42 vm odoo[12317]: 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
    },
};
/// `-o short-precise`: `Nov 23 18:24:42.470408 vm odoo[12317]: `.
pub const SHORT_PRECISE: Stamped = Stamped {
    name: "journald-short-precise",
    read: |line| traditional_entry(skip_priority(line), true),
    about: About {
        summary: "`journalctl -o short-precise`",
        origin: "systemd 252, `journalctl`",
        file: "short-precise.log",
        example: "\
Nov 23 18:24:42.470408 vm odoo[12317]: 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
    },
};
/// `-o short-iso` and `short-iso-precise`, and rsyslog's high-precision files.
pub const SHORT_ISO: Stamped = Stamped {
    name: "journald-short-iso",
    read: |line| iso_entry(skip_priority(line)),
    about: About {
        summary: "rsyslog's high-precision files, `journalctl -o short-iso` and `-o short-iso-precise`",
        origin: "rsyslog 8, systemd 252",
        file: "short-iso.log",
        example: "\
2026-11-23T18:24:42+0000 vm odoo[12317]: 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
    },
};
/// `-o short-full` and `with-unit`: `Mon 2026-11-23 18:24:42 UTC vm odoo[12317]: `.
pub const SHORT_FULL: Stamped = Stamped {
    name: "journald-short-full",
    read: full,
    about: About {
        summary: "`journalctl -o short-full` and `-o with-unit`",
        origin: "systemd 252, `journalctl`",
        file: "short-full.log",
        example: "\
Mon 2026-11-23 18:24:42 UTC vm odoo[12317]: 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
    },
};
/// `-o short-unix`: `1795458362.461309 vm odoo[12317]: `.
pub const SHORT_UNIX: Stamped = Stamped {
    name: "journald-short-unix",
    read: unix,
    about: About {
        summary: "`journalctl -o short-unix`",
        origin: "systemd 252, `journalctl`",
        file: "short-unix.log",
        example: "\
1795458282.470408 vm odoo[12317]: 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
    },
};
/// `-o short-monotonic`: `[ 1793.152108] vm odoo[12317]: `. When the machine booted is not said, so only stamps inside
/// the messages count.
pub const SHORT_MONOTONIC: Stamped = Stamped {
    name: "journald-short-monotonic",
    read: monotonic,
    about: About {
        summary: "`journalctl -o short-monotonic`",
        origin: "systemd 252, `journalctl`",
        file: "short-monotonic.log",
        example: "\
[ 1793.152108] vm odoo[12317]: 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
    },
};

impl Carrier for Stamped {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> About {
        self.about
    }

    fn spans_lines(&self) -> bool {
        true
    }

    /// A message with newlines goes on in lines that are indented to the message column.
    fn starts_entry(&self, line: &[u8]) -> bool {
        !matches!(line.first(), Some(b' ' | b'\t'))
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let end = memchr(b'\n', entry).unwrap_or(entry.len());
        let (first, further) = entry.split_at_checked(end).unwrap_or((entry, b""));
        let first = first.strip_suffix(b"\r").unwrap_or(first);
        let mut peeled = match (self.read)(first) {
            Some(read) => read?,
            None => return without_stamp(entry),
        };
        if !further.is_empty() {
            peeled.payload = Cow::Owned(unindented(first, &peeled.payload, further));
        }
        Ok(peeled)
    }
}

/// A message and its further lines, without the indentation to the column where the message begins.
fn unindented(first: &[u8], message: &[u8], further: &[u8]) -> Vec<u8> {
    let column = first.len().saturating_sub(message.len());
    let mut whole = message.to_vec();
    for line in further.split(|byte| *byte == b'\n').skip(1) {
        if whole.len() + line.len() > KEPT_MESSAGE_BYTES {
            break;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let blanks = line.iter().take(column).take_while(|byte| **byte == b' ').count();
        whole.push(b'\n');
        whole.extend_from_slice(line.get(blanks..).unwrap_or_default());
    }
    whole
}

/// Lines that journald itself writes in place of lost messages.
pub(super) fn lost_messages(program: Option<&[u8]>, message: &[u8]) -> bool {
    program.is_some_and(|program| program.starts_with(b"systemd-journal") || program == b"kernel")
        && ((message.starts_with(b"Suppressed ") && memmem::find(message, b" messages").is_some())
            || (message.starts_with(b"Missed ") && message.ends_with(b" kernel messages")))
}

/// Whether `journalctl` prints this line between entries.
pub(super) fn marker(line: &[u8]) -> bool {
    const MARKERS: [&[u8]; 5] =
        [b"-- Boot ", b"-- Reboot --", b"-- Logs begin", b"-- Journal begins", b"-- No entries --"];
    MARKERS.iter().any(|marker| line.starts_with(marker))
}

/// Whether `journalctl` left the message out because it holds control characters: `[19B blob data]`.
pub(super) fn blob(message: &[u8]) -> bool {
    message
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b" blob data]"))
        .is_some_and(|size| size.len() < 12 && size.first().is_some_and(u8::is_ascii_digit))
}

/// How many messages are missing where an entry was refused for `reason`: journald's rate limit, lines that syslog
/// folded. 0 if none is known to be.
#[must_use]
pub fn left_out(reason: &str, entry: &[u8]) -> u64 {
    let number_after = |mark: &[u8]| {
        let rest = entry.get(memmem::rfind(entry, mark)? + mark.len()..)?;
        let length = rest.iter().take(18).take_while(|byte| byte.is_ascii_digit()).count();
        u64::try_from(digits(rest.get(..length)?)?).ok()
    };
    let number = match reason {
        "journald_suppressed" => number_after(b"Suppressed ").or_else(|| number_after(b"Missed ")),
        "message_repeated" => number_after(b"message repeated "),
        _ => None,
    };
    number.unwrap_or(0)
}

/// A syslog priority `<30>` at the start is skipped.
fn skip_priority(line: &[u8]) -> &[u8] {
    priority(line).unwrap_or(line)
}

/// What follows a priority.
pub(super) fn priority(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"<")?;
    let end = memchr(b'>', rest.get(..rest.len().min(4))?)?;
    digits(rest.get(..end)?)?;
    rest.get(end + 1..)
}

/// rsyslog writes control characters as `#012`; those that matter are restored.
pub(super) fn restore_controls(message: &[u8]) -> Cow<'_, [u8]> {
    let control = |tail: &[u8]| match tail.get(..4)? {
        b"#011" => Some(b'\t'),
        b"#012" => Some(b'\n'),
        b"#015" => Some(b'\r'),
        b"#033" => Some(0x1b),
        _ => None,
    };
    if !memchr::memchr_iter(b'#', message).any(|at| message.get(at..).and_then(control).is_some()) {
        return Cow::Borrowed(message);
    }
    let mut out = Vec::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = memchr(b'#', rest) {
        let (head, tail) = rest.split_at(at);
        out.extend_from_slice(head);
        let (byte, used) = control(tail).map_or((b'#', 1), |byte| (byte, 4));
        if byte == b'\n' && out.last() == Some(&b'\r') {
            out.pop();
        }
        out.push(byte);
        rest = tail.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// Entries without a stamp: markers, the rest of a message whose beginning is missing, strangers.
fn without_stamp(entry: &[u8]) -> Result<Peeled<'_>, &'static str> {
    if marker(entry) {
        return Err("journald_marker");
    }
    if matches!(entry.first(), Some(b' ' | b'\t')) {
        let payload = Cow::Borrowed(entry);
        return Ok(Peeled { payload, outer: None, partial: false, stream: 0, program: None, pid: None });
    }
    Err("not_this_carrier")
}

/// `HOST TAG[PID]: MESSAGE`, the blank after the stamp included.
fn after_stamp(rest: &[u8], outer: Option<Stamp>) -> Option<Result<Peeled<'_>, &'static str>> {
    let rest = rest.strip_prefix(b" ")?;
    let (host, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
    if host.is_empty() || matches!(host.last(), Some(b':' | b',')) {
        return None;
    }
    let rest = rest.get(1..)?;
    if rest.starts_with(b"-- MARK --") {
        return Some(Err("syslog_mark"));
    }
    if rest.starts_with(b"last message repeated ") || rest.starts_with(b"message repeated ") {
        return Some(Err("message_repeated"));
    }
    if rest.starts_with(b"Odoo Server ") || rest.starts_with(b"OpenERP Server ") {
        // Python's handler names no program; syslog takes the first word of the message for it.
        let payload = restore_controls(rest);
        let program = Some(Cow::Borrowed(b"odoo".as_slice()));
        return Some(Ok(Peeled { payload, outer, partial: false, stream: 0, program, pid: None }));
    }
    let (tag, message) = rest.split_at_checked(memchr(b' ', rest).unwrap_or(rest.len()))?;
    let tag = tag.strip_suffix(b":")?;
    let message = message.get(1..).unwrap_or_default();
    let (program, pid) = match tag.strip_suffix(b"]").and_then(|head| Some((head, memchr(b'[', head)?))) {
        Some((head, at)) => (head.get(..at)?, head.get(at + 1..).and_then(digits)),
        None => (tag, None),
    };
    if !program.iter().any(u8::is_ascii_alphabetic) || memchr(b'"', program).is_some() {
        return None;
    }
    Some(peeled(outer, program, pid, hash(0, tag), message))
}

/// The entry with this message, undone what syslog did to it.
pub(super) fn peeled<'a>(
    outer: Option<Stamp>,
    program: &'a [u8],
    pid: Option<i64>,
    stream: u64,
    message: &'a [u8],
) -> Result<Peeled<'a>, &'static str> {
    if blob(message) {
        return Err("journald_blob_data");
    }
    if lost_messages(Some(program), message) {
        return Err("journald_suppressed");
    }
    // rsyslog: `odoo[7]: message repeated 3 times: [ … ]`.
    if message.starts_with(b"message repeated ") && memmem::find(message, b" times: [").is_some() {
        return Err("message_repeated");
    }
    Ok(Peeled {
        payload: restore_controls(message),
        outer,
        partial: false,
        stream,
        program: Some(Cow::Borrowed(program)),
        pid: pid.and_then(|pid| u32::try_from(pid).ok()),
    })
}

fn full(entry: &[u8]) -> Option<Result<Peeled<'_>, &'static str>> {
    let (weekday, rest) = entry.split_at_checked(4)?;
    if weekday.last() != Some(&b' ') || !weekday.iter().take(3).all(u8::is_ascii_alphabetic) {
        return None;
    }
    let local = date_time_us(rest)?;
    let (fraction, used, resolution_us) = fraction_us(rest.get(19..)?);
    let rest = rest.get(19 + used..)?.strip_prefix(b" ")?;
    let (name, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
    let us = local.saturating_add(fraction);
    let stamp = match abbreviation_offset_s(name) {
        Some(0) => Stamp::utc(us, resolution_us),
        Some(offset) => Stamp {
            us: us.saturating_sub(i64::from(offset).saturating_mul(SECOND_US)),
            zone: Zone::Offset(offset),
            resolution_us,
        },
        None => Stamp { us, zone: Zone::Local, resolution_us },
    };
    after_stamp(rest, Some(stamp))
}

fn iso_entry(line: &[u8]) -> Option<Result<Peeled<'_>, &'static str>> {
    if line.get(10) != Some(&b'T') {
        return None;
    }
    let (stamp, used) = iso(line)?;
    // Nanoseconds are docker's; a stamp without offset is nobody's here.
    let nanoseconds = line.get(26).is_some_and(u8::is_ascii_digit) && line.get(19) == Some(&b'.');
    if nanoseconds || stamp.zone == Zone::Local {
        return None;
    }
    after_stamp(line.get(used..)?, Some(stamp))
}

/// `Nov 23 18:24:42` with an optional fraction: the stamp and the bytes used.
fn traditional(line: &[u8]) -> Option<(Stamp, usize)> {
    let month = month_number(line.get(..3)?)?;
    if line.get(3) != Some(&b' ') || line.get(6) != Some(&b' ') {
        return None;
    }
    let day = digits(line.get(4..6)?.trim_ascii_start())?;
    let midnight = civil_us(1972, month, day, 0, 0, 0)?;
    let clock = clock_s(line.get(7..15)?)?.saturating_mul(SECOND_US);
    let (fraction, used, resolution_us) = fraction_us(line.get(15..)?);
    let us = midnight.saturating_add(clock).saturating_add(fraction);
    Some((Stamp { us, zone: Zone::LocalWithoutYear, resolution_us }, 15 + used))
}

/// The traditional stamp, with a fraction or without.
fn traditional_entry(line: &[u8], precise: bool) -> Option<Result<Peeled<'_>, &'static str>> {
    let (stamp, used) = traditional(line)?;
    ((used > 15) == precise).then(|| after_stamp(line.get(used..)?, Some(stamp)))?
}

/// Seconds since 1970 with six decimals.
fn unix(line: &[u8]) -> Option<Result<Peeled<'_>, &'static str>> {
    let (seconds, rest) = line.split_at_checked(memchr(b'.', line.get(..line.len().min(12))?)?)?;
    let (decimals, rest) = rest.get(1..)?.split_at_checked(6)?;
    let us = digits(seconds).filter(|_| seconds.len() >= 9)? * SECOND_US + digits(decimals)?;
    after_stamp(rest, Some(Stamp::utc(us, 1)))
}

/// Seconds since boot in brackets. Raw `dmesg` looks alike but names neither host nor program.
fn monotonic(line: &[u8]) -> Option<Result<Peeled<'_>, &'static str>> {
    let rest = line.strip_prefix(b"[")?;
    let end = memchr(b']', rest.get(..rest.len().min(24))?)?;
    let (seconds, decimals) = {
        let inside = rest.get(..end)?.trim_ascii_start();
        inside.split_at_checked(memchr(b'.', inside)?)?
    };
    digits(seconds)?;
    digits(decimals.get(1..)?)?;
    let read = after_stamp(rest.get(end + 1..)?, None)?;
    let named = |peeled: &Peeled<'_>| peeled.pid.is_some() || peeled.program.as_deref() == Some(b"kernel");
    (read.as_ref().is_err() || read.as_ref().is_ok_and(named)).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&Stamped; 6] =
        [&SHORT, &SHORT_PRECISE, &SHORT_ISO, &SHORT_FULL, &SHORT_UNIX, &SHORT_MONOTONIC];
    const TEXT: &[u8] = b"2026-11-23 18:28:01,941 17008 INFO ? odoo: Odoo version 17.0";

    #[test]
    fn short_modes() {
        const TIME: Option<i64> = Some(1_795_458_481_000_000);
        const PRECISE: Option<i64> = Some(1_795_458_481_461_309);
        let cases = [
            (&SHORT_FULL, "Mon 2026-11-23 18:28:01 UTC vm odoo[17008]: ", TIME),
            (&SHORT_FULL, "Mon 2026-11-23 19:28:01 CET vm odoo.service[17008]: ", TIME),
            (&SHORT_ISO, "2026-11-23T18:28:01+0000 vm odoo[17008]: ", TIME),
            (&SHORT_ISO, "2026-11-23T19:28:01+01:00 vm odoo[17008]: ", TIME),
            (&SHORT_ISO, "2026-11-23T18:28:01.461309+00:00 vm odoo[17008]: ", PRECISE),
            (&SHORT_ISO, "2026-11-23T19:28:01.461309+0100 vm odoo[17008]: ", PRECISE),
            (&SHORT_PRECISE, "Nov 23 18:28:01.470408 vm odoo[17008]: ", None),
            (&SHORT, "Nov 23 18:28:01 vm odoo[17008]: ", None),
            (&SHORT, "Nov  3 18:28:01 vm odoo[17008]: ", None),
            (&SHORT, "<30>Nov  3 18:28:01 vm odoo[17008]: ", None),
            (&SHORT_UNIX, "1795458481.461309 vm odoo[17008]: ", PRECISE),
            (&SHORT_MONOTONIC, "[ 1793.152108] vm odoo[17008]: ", None),
        ];
        for (carrier, prefix, us) in cases {
            let mut line = prefix.as_bytes().to_vec();
            line.extend_from_slice(TEXT);
            let peeled = carrier.peel(&line).unwrap();
            assert_eq!(&*peeled.payload, TEXT, "{prefix}");
            assert!(peeled.program.unwrap().starts_with(b"odoo"));
            assert_eq!(peeled.pid, Some(17008));
            if us.is_some() {
                assert_eq!(peeled.outer.map(|outer| outer.us), us, "{prefix}");
            }
            assert_eq!(ALL.iter().filter(|carrier| carrier.peel(&line).is_ok()).count(), 1, "{prefix}");
            for length in 0..line.len() {
                for carrier in ALL {
                    let _ = carrier.peel(&line[..length]);
                }
            }
        }
        let (stamp, _) = traditional(b"Nov 23 18:28:01.5 ").unwrap();
        assert_eq!(stamp.us, civil_us(1972, 11, 23, 18, 28, 1).unwrap() + 500_000);
        assert_eq!(&*SHORT.peel(b"Nov 23 18:28:01 vm odoo[17008]:").unwrap().payload, b"");
        let line = b"Nov 23 18:28:01 vm odoo[1]: a#012b#015#012#033[1m /x#frag #000";
        assert_eq!(&*SHORT.peel(line).unwrap().payload, b"a\nb\n\x1b[1m /x#frag #000");
    }

    #[test]
    fn messages_over_several_lines() {
        let entry = b"Nov 23 18:28:01 vm odoo[7]: bad query:\r\n                            SELECT\r\n                              1";
        assert_eq!(&*SHORT.peel(entry).unwrap().payload, b"bad query:\nSELECT\n  1");
        assert!(!SHORT.starts_entry(b"    SELECT") && SHORT.starts_entry(b"") && SHORT.starts_entry(b"x"));
        let part = b"Nov 23 18:28:01 vm postgres[7052]: [5-2] #011FROM x";
        assert_eq!(&*SHORT.peel(part).unwrap().payload, b"[5-2] \tFROM x");
    }

    #[test]
    fn odoo_without_a_tag() {
        let line = b"Jun 19 17:29:16 host Odoo Server 17.0:db1:INFO:odoo.sql_db:x#012y";
        let peeled = SHORT.peel(line).unwrap();
        assert_eq!(&*peeled.payload, b"Odoo Server 17.0:db1:INFO:odoo.sql_db:x\ny");
    }

    #[test]
    fn messages_left_out_are_counted() {
        let cases: [(&[u8], &str, u64); 4] = [
            (
                b"Nov 23 18:28:01 vm systemd-journald[9]: Suppressed 18 messages from odoo.service",
                "journald_suppressed",
                18,
            ),
            (b"Nov 23 18:28:01 vm last message repeated 3 times", "message_repeated", 3),
            (b"Nov 23 18:28:01 vm odoo[1]: message repeated 12 times: [ x]", "message_repeated", 12),
            (b"Nov 23 18:28:01 vm -- MARK --", "syslog_mark", 0),
        ];
        for (line, reason, number) in cases {
            assert_eq!(SHORT.peel(line).unwrap_err(), reason);
            assert_eq!(left_out(reason, line), number);
        }
        assert_eq!(left_out("message_repeated", b"x"), 0);
    }

    #[test]
    fn strangers() {
        let reason = |line: &[u8]| SHORT_ISO.peel(line).err();
        assert_eq!(reason(b"-- Boot 088304a977de4dbb --"), Some("journald_marker"));
        assert_eq!(reason(b"-- No entries --"), Some("journald_marker"));
        assert_eq!(
            reason(b"2026-11-23T18:28:01+0000 vm odoo[1]: [19B blob data]"),
            Some("journald_blob_data")
        );
        assert_eq!(reason(b"      continued"), None);
        let strangers: [&[u8]; 9] = [
            b"",
            TEXT,
            b"\xff\xfe\x00",
            b"2026-11-23T18:31:03.836222779Z Running as: user",
            b"Traceback (most recent call last):",
            b"[    0.000000] Linux version 5.10.0",
            b"[    1.000000] EXT4-fs (sda1): mounted",
            b"[    1.000000] systemd[1]: Started",
            b"1286536309.450 1 192.168.0.1 TCP_MISS/200",
        ];
        for line in strangers {
            for carrier in ALL {
                assert_eq!(carrier.peel(line).err(), Some("not_this_carrier"), "{}", carrier.name());
            }
        }
    }
}
