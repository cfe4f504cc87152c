//! Files that hold logs in a form only their own program reads: told by their first bytes, and answered with the command
//! that turns them into text.

/// What the file is and the command that exports it, as one sentence; `file` is its name. `None`: nothing that is known.
#[must_use]
pub fn recognise(head: &[u8], file: &str, packed: bool) -> Option<String> {
    let name = file.strip_suffix(".gz").unwrap_or(file);
    let sentence = if head.starts_with(b"LPKSHHRH") {
        // systemd's journal-def.h.
        format!("a binary systemd journal: journalctl --file {name} -o export > {name}.export")
    } else if is_sysstat(head) {
        format!("a binary sar file: LC_ALL=C sadf -d {name} -- -A > {name}.csv")
    } else if is_docker_local(head) {
        "written by docker's local log driver: docker logs -t CONTAINER > CONTAINER.log 2>&1".to_owned()
    } else {
        return None;
    };
    Some(if packed { format!("{sentence} (unpack it first)") } else { sentence })
}

/// sysstat's `file_magic`: 0xd596, then the format of sysstat 9 to 12, in the byte order of the machine.
fn is_sysstat(head: &[u8]) -> bool {
    match head {
        [0x96, 0xd5, format, 0x21, ..] | [0xd5, 0x96, 0x21, format, ..] => (0x70..=0x7f).contains(format),
        _ => false,
    }
}

/// moby's local driver: a big-endian length, then a protobuf message that begins with the name of the stream.
fn is_docker_local(head: &[u8]) -> bool {
    match head {
        [0, _, _, _, 0x0a, 6, stream @ ..] => stream.starts_with(b"stdout") || stream.starts_with(b"stderr"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic() {
        let said = |head: &[u8]| recognise(head, "system.journal", false);
        assert_eq!(
            said(b"LPKSHHRH\0\0\0\0").unwrap(),
            "a binary systemd journal: journalctl --file system.journal -o export > system.journal.export"
        );
        assert!(
            recognise(b"\x96\xd5\x75\x21\x0c\x06", "sa23.gz", true).unwrap().contains("sadf -d sa23 -- -A")
        );
        assert!(said(b"\xd5\x96\x21\x75").is_some());
        assert!(said(b"\0\0\0\x5a\x0a\x06stderr\x10\x01").unwrap().contains("docker logs"));
        for other in
            [b"".as_slice(), b"LPKS", b"\x96\xd5\x00\x00", b"\0\0\0\x5a\x0a\x06stdin", b"2026-11-23 18:22:10"]
        {
            assert_eq!(said(other), None);
        }
    }
}
