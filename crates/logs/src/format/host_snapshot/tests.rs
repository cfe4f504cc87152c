use super::*;
use crate::record::Listener;
use crate::timestamp::date_time_us;

fn lines<'a>(text: &'a str, name: &'a str) -> Sample<'a> {
    Sample { lines: text.lines().map(|line| line.as_bytes().into()).collect(), name }
}

/// The format's name and all samples of a file of which every line must be understood.
fn read_all(text: &str, name: &str) -> (String, Vec<HostSample>) {
    let claim = detect(&lines(text, name), &Context::default()).unwrap();
    let mut memory = Memory::default();
    let mut samples = Vec::new();
    for line in text.lines() {
        let raw = Raw::of(line.as_bytes());
        match claim.format.parse(&raw, &mut memory) {
            Ok(Record::Host(sample)) => samples.push(sample),
            Ok(_) => {}
            Err(reason) => panic!("{line}: {reason}"),
        }
    }
    (claim.format.name(), samples)
}

fn at(text: &str) -> i64 {
    date_time_us(text.as_bytes()).unwrap()
}

const SOME: &str = "some avg10=88.55 avg60=94.35 avg300=90.48 total=886769937";
const FULL: &str = "full avg10=0.00 avg60=0.02 avg300=0.37 total=16064666";

#[test]
fn pressure() {
    let pair = format!("{SOME}\n{FULL}\n");
    let (name, samples) = read_all(&pair, "io");
    assert_eq!(
        (name.as_str(), samples[0].io_pressure_percent, samples[0].stamp),
        ("pressure", Some(88.55), None)
    );
    // `cat /proc/pressure/*` under `date`; then one file alone, whose resource nothing says.
    let three = format!("Mon Nov 23 18:31:17 UTC 2026\n{pair}{pair}{pair}").repeat(2);
    let samples = read_all(&three, "psi.txt").1;
    assert_eq!(samples.len(), 6);
    assert!(samples[3].cpu_pressure_percent.is_some() && samples[4].io_pressure_percent.is_some());
    assert!(samples[5].memory_pressure_percent.is_some());
    assert_eq!(samples[5].stamp, Some(Stamp::utc(at("2026-11-23 18:31:17"), SECOND_US)));
    let claim = detect(&lines(&format!("1795458030\n{pair}").repeat(3), "psi.txt"), &Context::default());
    assert!(claim.is_none(), "which resource?");
    // `head`, `grep .`, and a stamp before each line.
    let named = format!("==> /proc/pressure/io <==\n{pair}\n==> /proc/pressure/memory <==\n{pair}");
    let samples = read_all(&named, "psi.txt").1;
    assert!(samples[0].io_pressure_percent.is_some() && samples[1].memory_pressure_percent.is_some());
    let grep = format!("/proc/pressure/cpu:{SOME}\n/proc/pressure/io:{SOME}\n/proc/pressure/io:{FULL}\n");
    assert!(read_all(&grep, "psi.txt").1[1].io_pressure_percent.is_some());
    let stamped = format!("2026-11-23T18:31:17+01:00 {SOME}\n2026-11-23T18:31:27+01:00 {SOME}\n");
    let claim = detect(&lines(&stamped, "io.txt"), &Context::default());
    assert!(claim.is_some());
    assert_eq!(read_all(&stamped, "io.txt").1[1].stamp.unwrap().us, at("2026-11-23 17:31:27"));
}

#[test]
fn free_and_meminfo() {
    let free = "\
               total        used        free      shared  buff/cache   available
Mem:        24684096     1672336     6228648        8788    17193032    23011760
Swap:              0           0           0";
    let (name, samples) = read_all(free, "x");
    assert_eq!((name.as_str(), samples.len()), ("free", 1));
    assert_eq!(samples[0].memory_available_bytes, Some(23_011_760 << 10));
    let human = "\
               total        used        free      shared  buff/cache   available
Mem:            23Gi       1.6Gi       5.9Gi       8.6Mi        16Gi        21Gi
Swap:             0B          0B          0B";
    assert_eq!(read_all(human, "x").1[0].memory_available_bytes, Some(21 << 30));
    let mebi = "\
             total       used       free     shared    buffers     cached
Mem:         24105       1633       6082          8         85      16704
-/+ buffers/cache:       1633      22472
Swap:            0          0          0";
    let sample = read_all(mebi, "x").1[0];
    assert_eq!((sample.memory_free_bytes, sample.memory_available_bytes), (Some(6082 << 20), None));
    let meminfo = "MemTotal:       24684096 kB\nMemFree:         6204628 kB\nMemAvailable:   22987960 kB\nActive(anon):  12 kB\nHugePages_Total:       0";
    let (name, samples) = read_all(meminfo, "x");
    assert_eq!((name.as_str(), samples.len()), ("meminfo", 2));
}

#[test]
fn load() {
    let text = " 23:59:41 up  1:43,  0 user,  load average: 8.60, 7.75, 7.00\n 00:00:41 up 3 days,  1:43,  2 users,  load average: 0,60, 7,75, 7,00";
    let (name, samples) = read_all(text, "x");
    assert_eq!(name, "uptime");
    assert_eq!((samples[0].load_1, samples[1].load_1), (Some(8.6), Some(0.6)));
    let times: Vec<Stamp> = samples.iter().filter_map(|sample| sample.stamp).collect();
    assert_eq!(times[0].us, at("1972-01-01 23:59:41"));
    assert_eq!((times[1].us, times[1].zone), (at("1972-01-02 00:00:41"), Zone::LocalWithoutDate));
    // Under a stamp of its own the clock is not needed.
    let dated = format!("=== 2026-11-23 18:31:15 UTC ===\n{text}\n8.60 7.75 7.00 10/156 27659");
    let samples = read_all(&dated, "x").1;
    assert_eq!(samples[1].stamp, Some(Stamp::utc(at("2026-11-23 18:31:15"), SECOND_US)));
    assert_eq!(samples[2].run_queue, Some(10));
}

/// Lines of jc's `tests/fixtures/centos-7.7/top-b-n3.out`, and of procps 2.
#[test]
fn top() {
    let text = "\
top - 11:24:50 up 2 min,  2 users,  load average: 0.23, 0.22, 0.09
Tasks: 112 total,   1 running, 111 sleeping,   0 stopped,   0 zombie
%Cpu(s):  5.9 us,  5.9 sy,  0.0 ni, 88.2 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st
KiB Mem :  3861332 total,  3446476 free,   216940 used,   197916 buff/cache
KiB Swap:  2097148 total,  2097148 free,        0 used.  3419356 avail Mem

   PID USER      PR  NI    VIRT    RES    SHR S %CPU %MEM     TIME+ COMMAND
  1935 kbrazil   20   0  161888   2108   1520 R  6.2  0.1   0:00.01 top

top - 11:24:53 up 2 min,  2 users,  load average: 0.23, 0.22, 0.09
Threads: 112 total,   1 running, 111 sleeping,   0 stopped,   0 zombie
%Cpu(s): 60.3 us,  0.3 sy,  0.0 ni,  9.4 id, 30.0 wa,  0.0 hi,  0.0 si,  0.0 st
MiB Mem :  24105.6 total,   6086.8 free,   1631.1 used,  16788.3 buff/cache
MiB Swap:      0.0 total,      0.0 free,      0.0 used.  22474.5 avail Mem

   PID USER      PR  NI    VIRT    RES    SHR S %CPU %MEM     TIME+ COMMAND
     1 root      20   0  994.9m   6684   4204 S  0.0  0.2   0:01.22 systemd";
    let (name, samples) = read_all(text, "x");
    assert_eq!((name.as_str(), samples.len()), ("top", 8));
    assert!(samples[1].since_boot && !samples[5].since_boot);
    assert!((samples[5].cpu_busy_percent.unwrap() - 60.6).abs() < 1e-9);
    assert_eq!(samples[5].io_wait_percent, Some(30.0));
    assert_eq!(samples[7].memory_available_bytes, Some((22474.5 * 1_048_576.0) as u64));
    assert_eq!(samples[7].stamp.unwrap().us, at("1972-01-01 11:24:53"));
    let old = "\
top - 11:20:43 up 11 days, 12:30,  1 user,  load average: 0.00, 0.00, 0.00
Cpu(s):  0.1%us,  0.2%sy,  0.0%ni, 99.6%id,  0.1%wa,  0.0%hi,  0.0%si,  0.0%st
Mem:   8062400k total,  7912276k used,   150124k free,   188492k buffers";
    let samples = read_all(old, "x").1;
    assert_eq!((samples[1].io_wait_percent, samples[2].memory_free_bytes), (Some(0.1), Some(150_124 << 10)));
    // Full fields leave no blank.
    let full = old.replace("0.1%us,  0.2%sy,  0.0%ni, 99.6%id", "0.0 us,  0.0 sy,  0.0 ni,100.0 id");
    assert!(read_all(&full, "x").1[1].cpu_busy_percent.unwrap() < 0.2);
}

#[test]
fn accept_queues() {
    let text = "\
2026-11-23 18:31:15
State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
LISTEN 129    128          0.0.0.0:8069      0.0.0.0:*          users:((\"python3\",pid=7,fd=6))
LISTEN 0      128             [::]:2024         [::]:*
ESTAB  0      0          127.0.0.1:8069    127.0.0.1:55012
#kernel
TcpExtListenOverflows           12                 0.0
TcpExtListenDrops               12                 0.0
2026-11-23 18:31:25
#kernel
TcpExtListenOverflows           40                 0.0";
    let (name, samples) = read_all(text, "x");
    assert_eq!((name.as_str(), samples.len()), ("ss+nstat", 3));
    assert_eq!(samples[0].listener, Some(Listener { port: 8069, waiting: 129, backlog: 128 }));
    assert_eq!(samples[2].listen_overflows, Some(28));
    assert_eq!(samples[2].stamp.unwrap().us, at("2026-11-23 18:31:25"));
    let netstat = "\
Tcp:
    123 active connection openings
    7 segments sent out
TcpExt:
    12 times the listen queue of a socket overflowed
    12 SYNs to LISTEN sockets dropped
TcpExt:
    15 times the listen queue of a socket overflowed";
    assert_eq!(read_all(netstat, "x").1[0].listen_overflows, Some(3));
}

#[test]
fn control_groups() {
    let cpu = |periods: u32, throttled: u32, kills: u32| {
        format!(
            "1795458030\nusage_usec 5\nnr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec 9\nlow 0\noom 1\noom_kill {kills}\n"
        )
    };
    let (name, samples) = read_all(&[cpu(100, 10, 0), cpu(200, 90, 2)].concat(), "x");
    assert_eq!((name.as_str(), samples.len()), ("cgroup", 2));
    assert_eq!((samples[0].throttled_percent, samples[1].out_of_memory_kills), (Some(80.0), Some(2)));
}

/// How a stamp, a path and lines are written.
type Shape<'s> = &'s dyn Fn(&str, &str, &str) -> String;

#[test]
fn two_control_groups_are_two_counters() {
    let stamps = ["2026-11-23 18:28:00+00:00", "2026-11-23 18:28:05+00:00"];
    let figures = |number: usize| {
        let (a, b) = (100 * (number + 1), 900 + 100 * number);
        [(a, 0, 0), (b, 50 + 30 * number, 4)]
    };
    // No path, a banner, grep's prefix, a stamp in front of each line.
    let shapes: [Shape<'_>; 4] = [
        &|_, _, lines| lines.to_owned(),
        &|_, path, lines| format!("==> /sys/fs/cgroup/{path}/cpu.stat <==\n{lines}"),
        &|_, path, lines| {
            let file = |line: &str| if line.starts_with("oom") { "memory.events" } else { "cpu.stat" };
            lines.lines().map(|line| format!("/sys/fs/cgroup/{path}/{}:{line}\n", file(line))).collect()
        },
        &|stamp, _, lines| lines.lines().map(|line| format!("{stamp} {line}\n")).collect(),
    ];
    for (shape, wrap) in shapes.iter().enumerate() {
        let text: String = stamps
            .iter()
            .enumerate()
            .map(|(number, stamp)| {
                let groups = figures(number);
                let files = groups.iter().zip(["odoo", "db"]).map(|((periods, throttled, kills), path)| {
                    let lines =
                        format!("nr_periods {periods}\nnr_throttled {throttled}\noom 0\noom_kill {kills}\n");
                    wrap(stamp, path, &lines)
                });
                format!("{stamp}\n{}", files.collect::<String>())
            })
            .collect();
        let samples = read_all(&text, "x").1;
        let throttled: Vec<f64> = samples.iter().filter_map(|sample| sample.throttled_percent).collect();
        let kills: Vec<u64> = samples.iter().filter_map(|sample| sample.out_of_memory_kills).collect();
        assert_eq!((throttled, kills), (vec![0.0, 30.0], vec![0, 0]), "shape {shape}");
    }
}

#[test]
fn docker_stats() {
    let text = "\
CONTAINER ID   NAME       CPU %     MEM USAGE / LIMIT     MEM %     NET I/O           BLOCK I/O         PIDS
a1b2c3d4e5f6   odoo-1     398.12%   1.94GiB / 2GiB        97.04%    1.2MB / 3.4MB     12.3MB / 0B       14
b1b2c3d4e5f6   db 1       --        -- / --               --        --                --                --";
    let (name, samples) = read_all(text, "x");
    assert_eq!((name.as_str(), samples.len()), ("docker-stats", 1));
    assert_eq!(samples[0].memory_of_limit_percent, Some(97.04));
    let json = r#"{"BlockIO":"12.3MB / 0B","CPUPerc":"0.15%","Container":"a1","ID":"a1","MemPerc":"1.20%","MemUsage":"24MiB / 2GiB","Name":"odoo","NetIO":"1kB / 2kB","PIDs":"14"}"#;
    assert_eq!(read_all(json, "x").1[0].memory_of_limit_percent, Some(1.2));
}

#[test]
fn neighbours() {
    for text in [
        "Filesystem     1K-blocks    Used Available Use% Mounted on\n/dev/sda1       20961280 4210344  16750936  21% /\ntmpfs 1 1 1 1% /run",
        "USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\nroot         1  0.0  0.1 128084  6684 ?        Ss   11:22   0:01 init",
        "  PID TTY          TIME CMD\n 1234 pts/0    00:00:00 bash",
        "low 3\nhigh 5\nmax 9",
        "Tcp:\n  port: 80\nUdp:\n  port: 53",
        "total used free\n1 2 3\n",
        "# a\n# b\n== c ==\n2026-11-23 18:31:15\n",
        "some text avg10=3\nmore text\n",
        "{\"CPUPerc\":\"1\",\"level\":\"info\"}",
        "State: fine\nRecv-Q is what?",
        "1.0 2.0 3.0 4/5 x\n",
    ] {
        assert!(detect(&lines(text, "notes.txt"), &Context::default()).is_none(), "{text}");
    }
}

/// Nothing but the tools' own lines parts them.
#[test]
fn one_tool_after_another() {
    let text = "\
Mon Nov 23 18:31:17 UTC 2026
top - 11:24:50 up 2 min,  2 users,  load average: 0.23, 0.22, 0.09
Tasks: 112 total,   1 running, 111 sleeping,   0 stopped,   0 zombie
%Cpu(s):  5.9 us,  5.9 sy,  0.0 ni, 88.2 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st

   PID USER      PR  NI    VIRT    RES    SHR S %CPU %MEM     TIME+ COMMAND
  1935 kbrazil   20   0  161888   2108   1520 R  6.2  0.1   0:00.01 top
               total        used        free      shared  buff/cache   available
Mem:        24684096     1672336     6228648        8788    17193032    23011760
 11:24:50 up  2 min,  1 user,  load average: 0.23, 0.22, 0.09
USER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT
root     pts/0    10.0.0.1         11:20    1.00s  0.01s  0.00s w
some avg10=88.55 avg60=94.35 avg300=90.48 total=886769937
--- processes ---
8.60 7.75 7.00 10/156 27659";
    let (name, samples) = read_all(text, "cpu.txt");
    assert_eq!(name, "pressure+top+free+uptime+loadavg");
    assert_eq!(samples.len(), 6);
    assert_eq!(
        (samples[2].memory_available_bytes, samples[4].cpu_pressure_percent),
        (Some(23_011_760 << 10), Some(88.55))
    );
}
