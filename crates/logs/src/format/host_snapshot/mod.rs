//! What a loop over small tools and files of `/proc` leaves behind (formats.md section 7): pressure (PSI), `free`,
//! `/proc/meminfo`, `uptime`, `/proc/loadavg`, `top -b`, `ss -lnt`, `nstat`, `netstat -s`, cgroup `cpu.stat` and
//! `memory.events`, `docker stats`. Such captures mix the tools, so they are one format.
//!
//! Each tool is one file with a reader of single lines and one line in `READERS`. The time is that of the stamp line
//! above (`date`, ISO, seconds since 1970, `=== … ===`, the head of `watch`) or in front of the line; `top` and `uptime`
//! print a time of day. Without any of them a sample has no time.

mod cgroup;
mod docker;
mod load;
mod memory;
mod pressure;
mod sockets;
mod top;

use super::figures::Figures;
use super::pg_stat_activity::stamp_line;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{HostSample, Record};
use crate::timestamp::{SECOND_US, Stamp, Zone, iso};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "host-snapshot",
    source: Source::Host,
    summary: "loops over small tools and files of `/proc`: pressure, `free`, `uptime`, `top -b`, `ss -lnt`, `nstat`, cgroups, `docker stats`",
    origin: "Linux, procps, iproute2, net-tools, Docker",
    detect,
    examples: &[
        Example {
            name: "pressure+free+uptime+loadavg",
            file: "host.txt",
            text: "\
=== 2026-11-23 18:31:15 UTC ===
==> /proc/pressure/io <==
some avg10=88.55 avg60=94.35 avg300=90.48 total=886769937
full avg10=0.00 avg60=0.02 avg300=0.37 total=16064666
               total        used        free      shared  buff/cache   available
Mem:        24684096     1672336     6228648        8788    17193032    23011760
 18:31:15 up  1:43,  0 user,  load average: 8.60, 7.75, 7.00
8.60 7.75 7.00 10/156 27659
",
        },
        Example {
            name: "ss+nstat",
            file: "sockets.txt",
            text: "\
=== 2026-11-23 18:31:15 UTC ===
State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
LISTEN 129    128          0.0.0.0:8069      0.0.0.0:*
#kernel
TcpExtListenOverflows           12                 0.0
",
        },
        Example {
            name: "cgroup+docker-stats",
            file: "containers.txt",
            text: "\
=== 2026-11-23 18:31:15 UTC ===
nr_periods 100
nr_throttled 90
oom_kill 1
CONTAINER ID   NAME       CPU %     MEM USAGE / LIMIT     MEM %     NET I/O           BLOCK I/O         PIDS
a1b2c3d4e5f6   odoo-1     398.12%   1.94GiB / 2GiB        97.04%    1.2MB / 3.4MB     12.3MB / 0B       14
",
        },
        Example {
            name: "top",
            file: "top.txt",
            text: "\
top - 11:24:50 up 2 min,  2 users,  load average: 0.23, 0.22, 0.09
Tasks: 112 total,   1 running, 111 sleeping,   0 stopped,   0 zombie
%Cpu(s):  5.9 us,  5.9 sy,  0.0 ni, 88.2 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st
KiB Mem :  3861332 total,  3446476 free,   216940 used,   197916 buff/cache
KiB Swap:  2097148 total,  2097148 free,        0 used.  3419356 avail Mem

   PID USER      PR  NI    VIRT    RES    SHR S %CPU %MEM     TIME+ COMMAND
  1935 kbrazil   20   0  161888   2108   1520 R  6.2  0.1   0:00.01 top
",
        },
    ],
    foreign: &[
        Foreign { whose: "ps", text: "  PID TTY          TIME CMD\n 1234 pts/0    00:00:00 bash\n" },
        Foreign {
            whose: "df",
            text: "Filesystem     1K-blocks    Used Available Use% Mounted on\n/dev/sda1       20961280 4210344  16750936  21% /\ntmpfs 1 1 1 1% /run\n",
        },
    ],
    broken: &[Broken { reason: "not_a_known_tool", text: "some text avg10=3" }],
};

const DAY_US: i64 = 86_400 * SECOND_US;
/// Midnight of 1 January 1972, µs: see [`Zone::LocalWithoutDate`].
const NO_DATE_US: i64 = 63_072_000 * SECOND_US;

/// What a line says to its reader.
enum Said {
    /// It belongs to the tool and holds nothing that is asked for.
    Nothing,
    /// Figures.
    Sample(Box<HostSample>),
}

/// Reads a line of one tool; `None` if it is none of its lines. `Memory::section` says which tool's part it stands in.
type Reader = fn(&[u8], &mut Memory, &Hints) -> Option<Said>;

/// Every tool: its name and reader. A part that was begun by a header goes to its reader first.
const READERS: &[(&str, Reader)] = &[
    ("pressure", pressure::read),
    ("top", top::read),
    ("free", memory::read_free),
    ("meminfo", memory::read_meminfo),
    ("uptime", load::read_uptime),
    ("loadavg", load::read_loadavg),
    ("ss", sockets::read_ss),
    ("nstat", sockets::read_nstat),
    ("netstat", sockets::read_netstat),
    ("cgroup", cgroup::read),
    ("docker-stats", docker::read),
];

/// What single lines do not say, from the whole sample or the file's name.
#[derive(Debug, Default)]
struct Hints {
    pressure: pressure::Order,
}

/// A capture, with the names of the tools seen in the sample.
#[derive(Debug)]
pub struct Snapshots {
    tools: Vec<&'static str>,
    hints: Hints,
}

/// Claims files most of whose lines are those of the tools. Stamps and banners between them prove nothing.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let hints = Hints { pressure: pressure::Order::of(sample) };
    let mut memory = Memory::default();
    let mut tools: Vec<&'static str> = Vec::new();
    let (mut total, mut understood, mut figures) = (0u32, 0u32, 0u32);
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        match read(line, &mut memory, &hints) {
            Some((tool, said)) => {
                total += 1;
                understood += 1;
                figures += u32::from(matches!(said, Said::Sample(_)) || is_counter(line.trim_ascii()));
                if !tools.contains(&tool) {
                    tools.push(tool);
                }
            }
            None => total += u32::from(banner(line, &mut memory).is_none()),
        }
    }
    tools.sort_by_key(|tool| READERS.iter().position(|(name, _)| name == tool));
    let score = f64::from(understood) / f64::from(total.max(1));
    (figures > 0 && score >= 0.3).then(|| Claim { format: Box::new(Snapshots { tools, hints }), score })
}

/// A counter's line says nothing alone, but nothing else looks like it.
fn is_counter(line: &[u8]) -> bool {
    let starts: [&[u8]; 6] =
        [b"nr_periods ", b"nr_throttled ", b"usage_usec ", b"oom_kill ", b"TcpExt", b"#kernel"];
    starts.iter().any(|start| line.starts_with(start))
        || line.ends_with(b" times the listen queue of a socket overflowed")
        || line.ends_with(b" segments sent out")
}

/// Reads a line, with or without a stamp in front.
fn read(line: &[u8], memory: &mut Memory, hints: &Hints) -> Option<(&'static str, Said)> {
    read_bare(line, memory, hints).or_else(|| {
        let (stamp, rest) = unprefixed(line)?;
        if memory.last != Some(stamp) {
            memory.last = Some(stamp);
            first_file(memory);
        }
        read_bare(rest, memory, hints)
    })
}

/// Gives the line to the reader whose part it is in, then to all.
fn read_bare(line: &[u8], memory: &mut Memory, hints: &Hints) -> Option<(&'static str, Said)> {
    let line = line.trim_ascii_end();
    let section = memory.section;
    let first = READERS.iter().filter(|(name, _)| *name == section);
    let others = READERS.iter().filter(|(name, _)| *name != section);
    for (name, reader) in first.chain(others) {
        if let Some(said) = reader(line, memory, hints) {
            return Some((name, said));
        }
    }
    None
}

/// Lines between the tools' output: a stamp, `==> FILE <==`, a path, a banner, a prompt with a command.
fn banner(line: &[u8], memory: &mut Memory) -> Option<()> {
    let line = line.trim_ascii();
    if let Some(stamp) = stamp_line(line) {
        // What follows belongs to this time; a tool that runs again begins again.
        (memory.last, memory.section) = (Some(stamp), "");
        memory.counters.remove("some");
        under(memory, b"");
        return Some(());
    }
    let decorated = [b"==".as_slice(), b"--", b"##", b"**", b"# ", b"$ ", b"+ ", b"/proc/", b"/sys/"];
    if !decorated.iter().any(|start| line.starts_with(start)) || line.len() > 200 {
        return None;
    }
    memory.section = pressure::resource(line).unwrap_or_default();
    under(memory, line);
    Some(())
}

/// Counters that follow are of this path or command; without one, of the first file after a stamp, the second …
fn under(memory: &mut Memory, path: &[u8]) {
    memory.group =
        path.iter().fold(0, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    first_file(memory);
}

/// A new time: files without a path are counted anew.
fn first_file(memory: &mut Memory) {
    for turn in ["cpu.stat", "memory.events"] {
        memory.counters.remove(turn);
    }
}

/// The line without a stamp in front of it.
fn unprefixed(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let (stamp, used) = iso(line)?;
    let rest = line.get(used..)?;
    matches!(rest.first(), Some(b' ' | b'\t' | b':')).then(|| (stamp, rest.get(1..).unwrap_or_default()))
}

/// A time of day, seconds, after what was seen last: the date is that of the last stamp, if there was one.
fn set_clock(memory: &mut Memory, seconds: i64) {
    let (day, zone) = match memory.last {
        // Above stands a stamp of the same loop; it is as good, and says its zone.
        Some(last) if !matches!(last.zone, Zone::LocalWithoutDate) => return,
        Some(last) => (last.us.saturating_sub(last.us.rem_euclid(DAY_US)), Zone::LocalWithoutDate),
        None => (NO_DATE_US, Zone::LocalWithoutDate),
    };
    let mut us = day.saturating_add(seconds * SECOND_US);
    if memory.last.is_some_and(|last| last.us.saturating_sub(us) > DAY_US / 2) {
        us = us.saturating_add(DAY_US);
    }
    memory.last = Some(Stamp { us, zone, resolution_us: SECOND_US });
}

/// A sample with these figures at the time that is in force.
fn sample(memory: &Memory, with: impl FnOnce(&mut HostSample)) -> Said {
    let mut figures = Figures::new(memory.last);
    figures.put(with);
    figures.sample().map_or(Said::Nothing, |sample| Said::Sample(Box::new(sample)))
}

impl Format for Snapshots {
    fn name(&self) -> String {
        self.tools.join("+")
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn sequential(&self) -> bool {
        true
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let line = raw.text.trim_ascii_end();
        if line.trim_ascii_start().is_empty() {
            if matches!(memory.section, "top" | "uptime") {
                memory.columns.clear();
            }
            return Ok(Record::Structure);
        }
        if raw.outer.is_some() && raw.outer != memory.last {
            memory.last = raw.outer;
            first_file(memory);
        }
        match read(line, memory, &self.hints) {
            Some((_, Said::Sample(sample))) => Ok(Record::Host(*sample)),
            Some((_, Said::Nothing)) => Ok(Record::Structure),
            None => banner(line, memory).map(|()| Record::Structure).ok_or("not_a_known_tool"),
        }
    }
}

#[cfg(test)]
mod tests;
