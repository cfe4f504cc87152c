//! Accept queues: `ss -lnt` (a listening socket's Recv-Q waits, Send-Q is its backlog), and the counters of their
//! overflows in `nstat` and `netstat -s`.

use super::super::figures::{growth, number, tokens};
use super::{Hints, Memory, Said, sample};
use crate::record::Listener;
use crate::timestamp::digits;

/// `State  Recv-Q Send-Q Local Address:Port Peer Address:Port`, then a socket a line; `Netid` first with `-u`.
pub(super) fn read_ss(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    let mut words = tokens(line);
    let first = words.next()?;
    if matches!(first, b"State" | b"Netid" | b"Recv-Q") && tokens(line).any(|word| word == b"Send-Q") {
        memory.section = "ss";
        return Some(Said::Nothing);
    }
    if memory.section != "ss" {
        return None;
    }
    let state = if matches!(
        first,
        b"tcp"
            | b"udp"
            | b"u_str"
            | b"u_dgr"
            | b"u_seq"
            | b"raw"
            | b"nl"
            | b"icmp6"
            | b"p_raw"
            | b"p_dgr"
            | b"v_str"
            | b"mptcp"
            | b"sctp"
            | b"tipc"
            | b"xdp"
    ) {
        words.next()?
    } else {
        first
    };
    let (waiting, backlog) = (digits(words.next()?)?, digits(words.next()?)?);
    let port = words.next().and_then(|local| digits(local.rsplit(|byte| *byte == b':').next()?));
    if state != b"LISTEN" {
        return state
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'0'..=b'9'))
            .then_some(Said::Nothing);
    }
    let Some(port) = port.and_then(|port| u16::try_from(port).ok()) else { return Some(Said::Nothing) };
    let (waiting, backlog) = (u32::try_from(waiting).ok()?, u32::try_from(backlog).ok()?);
    Some(sample(memory, |sample| sample.listener = Some(Listener { port, waiting, backlog })))
}

/// What the counter of overflows grew by. `nstat` alone prints what was added since it ran last and `nstat -a` all since
/// boot; the same reading serves both: increments are never counted twice, at worst too few are.
fn overflows(memory: &mut Memory, value: f64) -> Said {
    match growth(memory, 0, "ListenOverflows", value) {
        Some(more) => sample(memory, |sample| sample.listen_overflows = Some(more as u64)),
        None => Said::Nothing,
    }
}

/// `#kernel`, then `TcpExtListenOverflows           12                 0.0`.
pub(super) fn read_nstat(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    if line.starts_with(b"#kernel") || line.starts_with(b"#unknown_source") {
        memory.section = "nstat";
        return Some(Said::Nothing);
    }
    let mut words = tokens(line);
    let name = words.next()?;
    let (value, rate) = (words.next()?, words.next()?);
    let counter =
        words.next().is_none() && digits(value).is_some() && rate.contains(&b'.') && number(rate).is_some();
    if !counter || !(memory.section == "nstat" || name.starts_with(b"TcpExt")) {
        return None;
    }
    Some(if name == b"TcpExtListenOverflows" { overflows(memory, number(value)?) } else { Said::Nothing })
}

/// `TcpExt:`, then `    12 times the listen queue of a socket overflowed`.
pub(super) fn read_netstat(line: &[u8], memory: &mut Memory, _hints: &Hints) -> Option<Said> {
    const PARTS: [&[u8]; 12] = [
        b"Ip:",
        b"Ip6:",
        b"Icmp:",
        b"Icmp6:",
        b"IcmpMsg:",
        b"Tcp:",
        b"Udp:",
        b"UdpLite:",
        b"TcpExt:",
        b"IpExt:",
        b"MPTcpExt:",
        b"Sctp:",
    ];
    if PARTS.contains(&line) {
        memory.section = "netstat";
        return Some(Said::Nothing);
    }
    let indented = line.first().is_some_and(u8::is_ascii_whitespace);
    let rest = line.trim_ascii();
    if rest.ends_with(b" times the listen queue of a socket overflowed") {
        let value = digits(tokens(rest).next()?)?;
        return Some(overflows(memory, value as f64));
    }
    (memory.section == "netstat" && indented).then_some(Said::Nothing)
}
