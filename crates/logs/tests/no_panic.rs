//! Whatever the bytes: nothing panics, every line is accounted for, and block sizes do not change the records.
//!
//! Inputs are random bytes and stretches of real files with bytes flipped, cut out and repeated.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;
use stormtrace_logs::block::{self, Blocks, Carry, Recipe};
use stormtrace_logs::format::{
    Context, DETECTORS, Format, Memory, Raw, Sample, nginx_configuration, postgres_configuration,
};
use stormtrace_logs::ledger::Ledger;
use stormtrace_logs::routes::{self, AnyLine, Part, Routes};
use stormtrace_logs::{carrier, container, detect};

/// A stretch of a real file, in bytes: long enough for detection, short enough for many cases.
const STRETCH: usize = 5_000;

/// Shapes that the fixtures do not hold, each with the name its file would have.
const FURTHER: &[(&str, &str)] = &[
    (
        "syslog-odoo.log",
        "Odoo Server 10.0:db1:INFO:werkzeug:172.22.230.214 - - [20/Jun/2017 03:29:16] \"GET /web HTTP/1.1\" 200 -
127.0.0.1 - - [2016-04-13 07:28:47] \"POST /longpolling/poll HTTP/1.0\" 200 330 50.016353
",
    ),
    (
        "ir_logging.csv",
        "id,create_uid,create_date,name,type,dbname,level,message,path,func,line
8,,2026-11-23 18:32:56.204,odoo.service.server,server,prod,ERROR,WorkerHTTP (22412) timeout after 18s,/x/server.py,process_timeout,1
9,,2026-11-23 18:32:57.204,odoo.http,server,prod,ERROR,\"Exception during request handling.
Traceback (most recent call last):
KeyError: \"\"a\"\"\",/x/http.py,dispatch,1
",
    ),
    (
        "dmesg.txt",
        "[    0.000000] Linux version 6.1.0
[    1.500000] rtc_cmos 00:00: setting system clock to 2026-11-23T18:00:00 UTC (1795456800)
[   11.500000] Out of memory: Killed process 12743 (odoo) total-vm:2373320kB
",
    ),
    (
        "activity.txt",
        "2026-11-23T18:31:17Z
{\"pid\":3768,\"state\":\"active\",\"age\":\"00:00:03\",\"query\":\"update acc\"}
2026-11-23T18:31:18Z
<table border=\"1\">
<tr><th>pid</th><th>state</th><th>query</th></tr>
<tr><td>3768</td><td>active</td><td>update<br />
acc</td></tr>
</table>
2026-11-23T18:31:19Z
pid;state;age;query
3768;active;00:00:03;update acc
",
    ),
    (
        "activity.json",
        "{\"sample_ts\":\"2026-11-23T18:31:17Z\",\"pid\":3768,\"state\":\"active\",\"query\":\"update acc\"}
{\"sample_ts\":\"2026-11-23T18:31:18Z\",\"pid\":3768,\"state\":\"active\",\"query\":\"update acc\"}
",
    ),
    (
        "cloudsql.json",
        r#"{"insertId":"s=1","labels":{"a":"b"},"logName":"projects/x/logs/cloudsql.googleapis.com%2Fpostgres.log","severity":"INFO","textPayload":"2026-11-23 18:24:34.383 UTC [123]: [1-1] db=p,user=u LOG:  duration: 12.5 ms  statement: SELECT \"a\"","timestamp":"2026-11-23T18:24:34.383456Z"}
{"logName":"projects/x/logs/cloudsql.googleapis.com%2Fpostgres.log","textPayload":"2026-11-23 18:24:35.383 UTC [123]: [2-1] db=p,user=u ERROR:  canceling statement due to user request","timestamp":"2026-11-23T18:24:35.383456Z"}
"#,
    ),
    (
        "heroku.log",
        "2026-11-23T18:24:34.342Z app[postgres.24]: [VIOLET] [2-1]  sql_error_code = 00000 LOG:  duration: 12.5 ms  statement: SELECT 1
2026-11-23T18:24:34.342Z app[postgres.24]: [VIOLET] [2-2]  \tFROM x
2026-11-23T18:24:35.342Z app[postgres.24]: [VIOLET] [3-1]  sql_error_code = 57014 FEHLER:  storniere Anfrage wegen Benutzeraufforderung
",
    ),
    (
        "pgbouncer.log",
        "2026-11-23 18:24:34.005 UTC [1] LOG C-0x56059d2f0410: db/user@10.1.2.3:64507 login attempt: db=db user=user tls=no
2026-11-23 18:24:35.005 UTC [1] LOG C-0x56059d2f0410: db/user@10.1.2.3:64507 closing because: query_wait_timeout (age=151s)
2026-11-23 18:24:36.123 UTC [1] LOG stats: 12 xacts/s, 33 queries/s, in 4012 B/s, out 9077 B/s, xact 1200 us, query 800 us, wait 120345 us
",
    ),
    (
        "postgresql.json",
        r#"{"timestamp":"2026-11-23 18:24:34.383 UTC","pid":12106,"session_id":"6b0484e2.2f4a","line_num":1,"session_start":"2026-11-23 18:24:34 UTC","txid":0,"error_severity":"LOG","message":"starting PostgreSQL 15.20","backend_type":"postmaster","query_id":0}
{"timestamp":"2026-11-23 18:24:34.383 UTC","pid":12106,"session_id":"6b0484e2.2f4a","line_num":2,"session_start":"2026-11-23 18:24:34 UTC","txid":0,"error_severity":"LOG","message":"listening on IPv4 address \"127.0.0.1\", port 5433","backend_type":"postmaster","query_id":0}
"#,
    ),
    (
        "pg_stat_statements.csv",
        r#"userid,dbid,toplevel,queryid,query,plans,calls,total_exec_time,min_exec_time,max_exec_time,mean_exec_time,rows
16384,16416,t,-4173114323195797479,"UPDATE ""bus_presence"" SET ""last_poll"" = $1
WHERE id IN ($2)",0,977,728990.2960039995,0.026449,50027.753903,746.1517871074708,977
16384,16416,t,-4813914662115876503,"INSERT INTO ""res_users_log"" (""create_date"") VALUES ($1)",0,88,205242.85672399992,0.145145,47681.345654,2332.3051900454543,88
"#,
    ),
    (
        "sadf-d.csv",
        "# hostname;interval;timestamp;CPU;%usr;%nice;%sys;%iowait;%steal;%irq;%soft;%guest;%gnice;%idle
vm;5;2026-11-23 18:24:39 UTC;-1;74.22;0.00;20.04;0.00;5.34;0.00;0.40;0.00;0.00;0.00
vm;5;2026-11-23 18:24:44 UTC;-1;78.98;0.00;18.92;0.00;1.80;0.00;0.30;0.00;0.00;0.00
",
    ),
    (
        "sadf-j.json",
        r#"{"sysstat": {
	"hosts": [
		{
			"nodename": "vm",
			"statistics": [
				{
					"timestamp": {"date": "2026-11-23", "time": "18:24:39", "utc": 1, "interval": 5},
					"cpu-load": [
						{"cpu": "all", "user": 74.22, "nice": 0.00, "system": 20.44, "iowait": 0.00, "steal": 5.34, "idle": 0.00}
					],
					"queue": {"runq-sz": 8, "plist-sz": 273, "ldavg-1": 13.62, "blocked": 0}
				},
				{
					"timestamp": {"date": "2026-11-23", "time": "18:24:44", "utc": 1, "interval": 5},
					"cpu-load": [
						{"cpu": "all", "user": 78.98, "nice": 0.00, "system": 19.22, "iowait": 0.00, "steal": 1.80, "idle": 0.00}
					],
					"queue": {"runq-sz": 12, "plist-sz": 274, "ldavg-1": 13.49, "blocked": 0}
				},
				{
					"timestamp": {"date": "2026-11-23", "time": "18:24:49", "utc": 1, "interval": 5},
					"queue": {"runq-sz": 12, "plist-sz": 274, "ldavg-1": 13.49, "blocked": 0}
				}
"#,
    ),
    (
        "sadf-x.xml",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<sysstat>
\t<host nodename=\"vm\">
\t\t<statistics>
\t\t\t<timestamp date=\"2026-11-23\" time=\"18:28:05\" utc=\"1\" interval=\"5\">
\t\t\t\t<cpu-load>
\t\t\t\t\t<cpu number=\"all\" user=\"84.98\" nice=\"0.00\" system=\"15.02\" iowait=\"0.00\" steal=\"0.00\" idle=\"0.00\"/>
\t\t\t\t</cpu-load>
\t\t\t\t<memory><memfree>14400728</memfree></memory>
\t\t\t</timestamp>
\t\t\t<timestamp date=\"2026-11-23\" time=\"18:28:10\" tz=\"UTC\" interval=\"5\">
\t\t\t\t<queue runq-sz=\"13\" plist-sz=\"327\" ldavg-1=\"9.79\" ldavg-5=\"11.25\" ldavg-15=\"7.31\" blocked=\"0\"/>
\t\t\t</timestamp>
\t\t</statistics>
",
    ),
    (
        "iostat.json",
        r#"{"sysstat": {
	"hosts": [
		{
			"nodename": "vm",
			"date": "11/23/26",
			"statistics": [
				{
					"timestamp": "11/23/26 18:27:30",
					"avg-cpu":  {"user": 10.67, "nice": 0.00, "system": 5.02, "iowait": 0.26, "steal": 0.00, "idle": 84.05},
					"disk": [
						{"disk_device": "vda", "tps": 213.21, "util": 93.50}
					]
				},
				{
					"timestamp": "11/23/26 18:27:35",
					"avg-cpu":  {"user": 10.67, "nice": 0.00, "system": 5.02, "iowait": 0.26, "steal": 0.00, "idle": 84.05},
					"disk": [
					]
				}
			]
		}
	]
}}
"#,
    ),
    (
        "iostat.txt",
        "Linux 6.1.0 (vm) \t11/23/26 \t_x86_64_\t(2 CPU)

11/23/26 18:27:30
avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           0.14    0.00    0.16    0.00    0.00   99.70

Device            r/s     w/s     rkB/s     wkB/s   rrqm/s   wrqm/s  %rrqm  %wrqm r_await w_await aqu-sz rareq-sz wareq-sz  svctm  %util
vda              0.55    1.10     20.11     33.12     0.01     0.52   1.02  32.01    0.32    0.88   0.00    36.56    30.11   0.21   0.03

11/23/26 18:27:35
avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           1.00    0.00    1.00   40.00    0.00   58.00

",
    ),
    (
        "mpstat.txt",
        "Linux 6.1.0 (vm) \t11/23/2026 \t_x86_64_\t(1 CPU)

11:59:58 PM  CPU    %usr   %nice    %sys %iowait    %irq   %soft  %steal  %guest  %gnice   %idle
11:59:59 PM  all    0.00    0.00    0.50    0.00    0.00    0.00    0.00    0.00    0.00   99.50
12:00:00 AM  all    0.00    0.00    0.50    0.00    0.00    0.00    0.00    0.00    0.00   99.50

11:59:59 PM  CPU    intr/s
12:00:00 AM  all     55.50
Average:     all    0.00    0.00    0.50    0.00    0.00    0.00    0.00    0.00    0.00   99.50
",
    ),
    (
        "metrics.prom",
        "2026-11-23T18:28:00Z
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 100
node_cpu_seconds_total{cpu=\"0\",mode=\"system\"} 100
node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 100
node_disk_io_time_seconds_total{device=\"sda\"} 12.5
node_load1 0.21
2026-11-23T18:28:10Z
node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 102
node_cpu_seconds_total{cpu=\"0\",mode=\"system\"} 102
node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 106
node_disk_io_time_seconds_total{device=\"sda\"} 14.5
node_load1 1.21
",
    ),
    (
        "query_range.json",
        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"node_load1\",\"instance\":\"b\"},\"values\":[[1795458030.077,\"0.5\"],[1795458045.077,\"0.6\"]]}]}}\n",
    ),
    (
        "host.txt",
        "=== 2026-11-23 18:31:15 UTC ===
==> /proc/pressure/io <==
some avg10=88.55 avg60=94.35 avg300=90.48 total=886769937
full avg10=0.00 avg60=0.02 avg300=0.37 total=16064666
               total        used        free      shared  buff/cache   available
Mem:        24684096     1672336     6228648        8788    17193032    23011760
 18:31:15 up  1:43,  0 user,  load average: 8.60, 7.75, 7.00
8.60 7.75 7.00 10/156 27659
State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
LISTEN 129    128          0.0.0.0:8069      0.0.0.0:*
#kernel
TcpExtListenOverflows           12                 0.0
nr_periods 100
nr_throttled 90
oom_kill 1
CONTAINER ID   NAME       CPU %     MEM USAGE / LIMIT     MEM %     NET I/O           BLOCK I/O         PIDS
a1b2c3d4e5f6   odoo-1     398.12%   1.94GiB / 2GiB        97.04%    1.2MB / 3.4MB     12.3MB / 0B       14
top - 11:24:50 up 2 min,  2 users,  load average: 0.23, 0.22, 0.09
Tasks: 112 total,   1 running, 111 sleeping,   0 stopped,   0 zombie
%Cpu(s):  5.9 us,  5.9 sy,  0.0 ni, 88.2 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st
KiB Mem :  3861332 total,  3446476 free,   216940 used,   197916 buff/cache
KiB Swap:  2097148 total,  2097148 free,        0 used.  3419356 avail Mem

   PID USER      PR  NI    VIRT    RES    SHR S %CPU %MEM     TIME+ COMMAND
  1935 kbrazil   20   0  161888   2108   1520 R  6.2  0.1   0:00.01 top
",
    ),
    (
        "alb.log",
        r#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/web/login?db=o HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/1" 1 2018-07-02T22:22:59.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1
http 2018-11-30T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 - -1 -1 -1 503 - 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - - "Root=1-5" "-" "-" 0 2018-11-30T22:22:48.364000Z "forward" "-" "-"
"#,
    ),
    (
        "haproxy.log",
        r#"Jul 30 09:03:52 localhost haproxy[32450]: 1.2.3.4:38862 [30/Jul/2018:09:03:52.726] incoming~ docs_microservice/docs 0/0/1/0/2 304 168 - - ---- 6/6/0/0/0 0/0 {docs.example.internal||} {|||} "GET /component.js HTTP/1.1"
Jul 30 09:03:53 localhost haproxy[32450]: 127.0.0.1:35982 [30/Jul/2018:09:03:53.395] web odoo/<NOSRV> 0/-1/-1/-1/0 503 213 - - SC-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"
Jul 30 09:03:54 localhost haproxy[32450]: Server odoo/w1 is DOWN, reason: Layer4 timeout, check duration: 2001ms.
"#,
    ),
    (
        "traefik.log",
        r#"192.168.33.1 - - [02/Oct/2017:20:22:07 +0000] "GET /ui/favicons/favicon-16x16.png HTTP/1.1" 304 0 "http://example.com/login" "Mozilla/5.0 (X11; Linux x86_64)" 262 "Host-host-1" "http://172.19.0.3:5601" 2ms
10.42.0.1 - admin [23/Nov/2026:18:24:42 +0100] "GET / HTTP/2.0" 404 19 "-" "-" 7 "-" "-" 0ms
"#,
    ),
    (
        "traefik.json",
        r#"{"ClientAddr":"192.168.156.1:31073","ClientHost":"192.168.156.1","DownstreamContentSize":75,"DownstreamStatus":404,"Duration":1964899,"OriginDuration":1694568,"OriginStatus":404,"RequestHost":"nodejs.127.0.0.1.sslip.io","RequestMethod":"GET","RequestPath":"/500","ServiceAddr":"192.168.156.12:3000","ServiceURL":{"Scheme":"http","Host":"192.168.156.12:3000"},"StartUTC":"2025-02-28T12:11:34.10912886Z","level":"info","msg":"","time":"2025-02-28T12:11:34Z"}
"#,
    ),
    (
        "caddy.log",
        r#"{"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"127.0.0.1","method":"GET","host":"localhost","uri":"/web?a=b","headers":{"User-Agent":["curl/7.82.0"],"Accept":["*/*"]}},"bytes_read": 0,"duration":0.000929675,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"]}}
{"level":"warn","ts":1646861402.5,"msg":"exiting; byeee!!","signal":"SIGTERM"}
"#,
    ),
    (
        "other_vhosts_access.log",
        r#"website.com:443 1.2.3.4 - - [25/Oct/2021:11:05:52 +0200] "GET /web/.well-known HTTP/1.1" 403 6963 "abc.com" "User-agent-string" **0/12345**
website.com:443 1.2.3.4 - - [25/Oct/2021:11:05:53 +0200] "-" 408 - "-" "say \"hi\"" **61/61012345**
"#,
    ),
    (
        "controller.log",
        r#"I0321 15:57:28.322904       9 event.go:282] Event(v1.ObjectReference{Kind:"Ingress"}): type: 'Normal' reason: 'Sync'
172.16.30.1 - - [21/Mar/2022:16:00:09 +0000] "GET / HTTP/1.1" 200 60 "-" "curl/7.77.0" 80 0.009 [default-web-8080] [] 10.244.205.195:8080 60 0.009 200 766ea45be48fc8dcb53c425eb3800ab2
2022/03/21 16:00:10 [error] 31#31: *1259 upstream timed out (110: Operation timed out) while connecting to upstream, client: 10.20.5.12, server: erp.acme.example, request: "POST /web HTTP/1.1", upstream: "http://127.0.0.1:8269/web", host: "erp.acme.example"
"#,
    ),
    (
        "kern.log",
        "Nov 23 18:31:01 vm kernel: python3 invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0
Nov 23 18:31:01 vm kernel: Mem-Info:
Nov 23 18:31:02 vm kernel: Out of memory: Killed process 12317 (python3) total-vm:4183312kB, anon-rss:3012000kB, file-rss:0kB, shmem-rss:0kB, UID:110 pgtables:6500kB oom_score_adj:0
Nov 23 18:31:02 vm kernel: oom_reaper: reaped process 12317 (python3), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
",
    ),
];

/// A stretch of text and how it is read.
struct Known {
    text: Vec<u8>,
    name: String,
    detected: detect::Detected,
}

impl Known {
    fn recipe(&self) -> Recipe<'_> {
        Recipe { carrier: self.detected.carrier, format: self.detected.format.as_ref(), record_lines: 10_000 }
    }
}

struct World {
    context: Context,
    known: Vec<Known>,
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().unwrap() != "expected.json" && path.extension().unwrap() != "md" {
            found.push(path);
        }
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut paths = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures"), &mut paths);
        let mut context = Context::default();
        let mut texts: Vec<(String, Vec<u8>, Vec<u8>)> = Vec::new();
        for path in &paths {
            let mut whole = Vec::new();
            let packed = container::Packed {
                reader: Box::new(std::fs::File::open(path).unwrap()),
                seekable: None,
                budget: container::Budget::new(container::Limits::default()),
            };
            let container::Unpacked::Stream(mut reader) = container::open(packed, 0).unwrap().unpacked else {
                panic!("an archive among the fixtures")
            };
            reader.read_to_end(&mut whole).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name == "nginx.conf" {
                context.log_formats.extend(nginx_configuration::read(&whole).log_formats);
            }
            if name == "postgresql.conf" {
                context.log_line_prefixes.extend(postgres_configuration::log_line_prefix(&whole));
            }
            let middle = whole.len() / 2;
            texts.push((name.clone(), stretch(&whole, 0), whole.clone()));
            if whole.len() > 4 * STRETCH {
                let text = stretch(&whole, middle);
                if name == "docker-json-file.log.gz" {
                    texts.extend(wrapped(&text).into_iter().map(|(name, text)| (name, text.clone(), text)));
                }
                texts.push((name, text, whole));
            }
        }
        texts.extend(
            FURTHER
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec(), text.as_bytes().to_vec())),
        );
        let known = texts
            .into_iter()
            .map(|(name, text, whole)| {
                let head = &whole[..whole.len().min(detect::SAMPLE_BYTES)];
                let detected = detect::detect(head, &name, &context).unwrap_or_else(|| {
                    panic!("{name} is not recognised: {}", String::from_utf8_lossy(&text))
                });
                Known { text, name, detected }
            })
            .collect();
        World { context, known }
    })
}

/// Whole lines from about `at`.
fn stretch(whole: &[u8], at: usize) -> Vec<u8> {
    let start =
        if at == 0 { 0 } else { memchr::memchr(b'\n', &whole[at..]).map_or(at, |more| at + more + 1) };
    let rest = &whole[start..];
    let length = memchr::memrchr(b'\n', &rest[..rest.len().min(STRETCH)])
        .map_or(rest.len().min(STRETCH), |end| end + 1);
    rest[..length].to_vec()
}

/// The lines of a docker file in the other carriers, with long lines cut in two where a carrier does that.
fn wrapped(docker: &[u8]) -> Vec<(String, Vec<u8>)> {
    let docker_carrier = carrier::ALL.iter().find(|carrier| carrier.name() == "docker-json-file").unwrap();
    let lines: Vec<String> = docker
        .split(|byte| *byte == b'\n')
        .filter_map(|line| docker_carrier.peel(line).ok())
        .map(|peeled| String::from_utf8_lossy(&peeled.payload).into_owned())
        .collect();
    let mut out: Vec<(String, String)> = [
        "odoo.log",
        "compose.log",
        "compose-t.log",
        "compose-named.log",
        "compose-named-t.log",
        "logs-t.log",
        "short.log",
        "short-iso.log",
        "short-precise.log",
        "short-full.log",
        "journal.json",
        "journal.export",
        "short-unix.log",
        "short-monotonic.log",
        "verbose.log",
        "pretty.json",
        "syslog-5424.log",
        "syslog",
        "cri.log",
        "kubectl-prefix.log",
        "pieces-cri.log",
        "pieces-json.log",
        "pieces-journal.json",
        "pieces.export",
    ]
    .map(|name| (name.to_owned(), String::new()))
    .into();
    for (number, line) in lines.iter().enumerate() {
        let json = serde_json::to_string(line).unwrap();
        let half = (0..=line.len() / 2).rev().find(|at| line.is_char_boundary(*at)).unwrap();
        let (left, right) = line.split_at(half);
        let us = 1_795_458_282_470_408u64 + number as u64;
        let export = |text: &str, more: &str| {
            let (text, cursor) = (text.trim_end(), "s=700225bef55347a1a66b3917570260de;i=3");
            format!(
                "__CURSOR={cursor}\n__REALTIME_TIMESTAMP={us}\n{more}SYSLOG_IDENTIFIER=odoo\nMESSAGE={text}\n_PID=12317\n\n"
            )
        };
        let journal = |text: &str, more: &str| {
            let text = serde_json::to_string(text).unwrap();
            format!(
                "{{\"MESSAGE\":{text},{more}\"_PID\":\"12317\",\"SYSLOG_IDENTIFIER\":\"odoo\",\"__REALTIME_TIMESTAMP\":\"{us}\"}}\n"
            )
        };
        let docker = |text: &str, end: &str, stream: &str| {
            let json = serde_json::to_string(&format!("{text}{end}")).unwrap();
            format!(
                "{{\"log\":{json},\"stream\":\"{stream}\",\"time\":\"2026-11-23T18:24:42.470868182Z\"}}\n"
            )
        };
        for (name, text) in &mut out {
            match name.as_str() {
                "odoo.log" => writeln!(text, "{line}"),
                "compose.log" => writeln!(text, "odoo-1  | {line}"),
                "compose-t.log" => writeln!(text, "odoo-1  | 2026-11-23T18:24:42.470868182Z {line}"),
                "compose-named.log" => writeln!(text, "shop  | {line}"),
                "compose-named-t.log" => writeln!(text, "shop  | 2026-11-23T18:24:42.470868182Z {line}"),
                "logs-t.log" => writeln!(text, "2026-11-23T18:24:42.470868182Z {line}"),
                "short.log" => writeln!(text, "Nov 23 18:24:42 vm odoo[12317]: {line}"),
                "short-iso.log" => writeln!(text, "2026-11-23T18:24:42+0000 vm odoo[12317]: {line}"),
                "short-precise.log" => writeln!(text, "Nov 23 18:24:42.470408 vm odoo[12317]: {line}"),
                "short-full.log" => writeln!(text, "Mon 2026-11-23 18:24:42 UTC vm odoo[12317]: {line}"),
                "journal.json" => writeln!(text, "{{\"MESSAGE\":{json},\"_PID\":\"12317\",\"SYSLOG_IDENTIFIER\":\"odoo\",\"__REALTIME_TIMESTAMP\":\"{us}\"}}"),
                "journal.export" => write!(text, "{}", export(line, "")),
                "short-unix.log" => writeln!(text, "1795458282.470408 vm odoo[12317]: {line}"),
                "short-monotonic.log" => writeln!(text, "[ 1793.152108] vm odoo[12317]: {line}"),
                "verbose.log" => writeln!(text, "Mon 2026-11-23 18:24:42.470408 UTC [s=c62;i=9c2;b=0;m=1;t={us:x};x=1]\n    _PID=12317\n    MESSAGE={line}\n            more\n    SYSLOG_IDENTIFIER=odoo"),
                "pretty.json" => writeln!(text, "{{\n\t\"MESSAGE\" : {json},\n\t\"SYSLOG_IDENTIFIER\" : \"odoo\",\n\t\"__REALTIME_TIMESTAMP\" : \"{us}\"\n}}"),
                "syslog-5424.log" => writeln!(text, "<30>1 2026-11-23T18:24:42.470408+00:00 vm odoo 12317 - [a@1 x=\"]\"] {line}"),
                "syslog" => {
                    let message = line.get(24..).and_then(|rest| rest.split_once(' ')).map_or(line.as_str(), |(_, rest)| rest);
                    let mut words = message.splitn(4, ' ');
                    let mut word = || words.next().unwrap_or_default();
                    let (level, database, logger, message) = (word(), word(), word(), word());
                    writeln!(text, "Nov 23 18:24:42 vm Odoo Server 17.0:{database}:{level}:{logger}{message}#012x")
                }
                "cri.log" => writeln!(text, "2026-11-23T18:24:42.470868182Z stderr F {line}"),
                "kubectl-prefix.log" => writeln!(text, "[pod/odoo-7d/odoo] {line}"),
                "pieces-cri.log" if number % 3 == 1 => {
                    writeln!(text, "2026-11-23T18:24:42.470868182Z stderr P {left}\n2026-11-23T18:24:42.470868182Z stderr F {right}")
                }
                "pieces-cri.log" => writeln!(text, "2026-11-23T18:24:42.470868182Z stderr F {line}"),
                "pieces-json.log" if number % 3 == 1 => {
                    // A line of the other stream may come between the two pieces.
                    let between = if number % 2 == 1 { docker("2026-11-23 18:24:42,470 1 INFO ? odoo: x", "\n", "stdout") } else { String::new() };
                    write!(text, "{}{between}{}", docker(left, "", "stderr"), docker(right, "\n", "stderr"))
                }
                "pieces-json.log" => write!(text, "{}", docker(line, "\n", "stderr")),
                "pieces-journal.json" if number % 3 == 1 => {
                    write!(text, "{}{}", journal(left, "\"_LINE_BREAK\":\"line-max\","), journal(right, ""))
                }
                "pieces-journal.json" => write!(text, "{}", journal(line, "")),
                _ if number % 3 == 1 => {
                    write!(text, "{}{}", export(left, "_LINE_BREAK=line-max\n"), export(right, ""))
                }
                _ => write!(text, "{}", export(line, "")),
            }
            .unwrap();
        }
    }
    out.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

/// How many cases a property is tried with; `PROPTEST_CASES` asks for more.
fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(usual), ..ProptestConfig::default() }
}

/// The lines of several programs in one syslog file.
fn mixed() -> Vec<u8> {
    let line = |name: &str| {
        let known = world().known.iter().find(|known| known.name.starts_with(name)).unwrap();
        let carrier = known.detected.carrier;
        let lines = known.text.split(|byte| *byte == b'\n').filter_map(|line| carrier.peel(line).ok());
        lines.map(|peeled| String::from_utf8_lossy(&peeled.payload).into_owned()).collect::<Vec<_>>()
    };
    let programs = [
        ("odoo[7]", line("docker-json-file")),
        ("nginx", line("error.log")),
        ("postgres[9]", line("postgresql-2026-11-23.log")),
        ("kernel", vec!["Out of memory: Killed process 12317 (python3) total-vm:4183312kB".to_owned()]),
        ("CRON[3]", vec!["(root) CMD (true)".to_owned()]),
    ];
    let mut text = String::new();
    for number in 0..20 {
        for (program, lines) in &programs {
            if let Some(line) = lines.get(number) {
                writeln!(text, "Nov 23 18:24:42 vm {program}: {}", line.replace('\t', "#011")).unwrap();
            }
        }
    }
    text.into_bytes()
}

/// Every record of each part with its line, and its ledger.
fn read_parts(text: &[u8], routes: &Routes, size: usize) -> Vec<(Vec<(u64, String)>, Ledger)> {
    let read = |(number, part): (usize, &Part)| {
        let cuts = Recipe { carrier: routes.carrier, format: &AnyLine, record_lines: u64::MAX };
        let mut blocks = Blocks::new(Vec::new(), text, cuts, size);
        let routed = routes.carrier_of(number);
        let recipe = Recipe { carrier: &routed, format: part.format.as_ref(), record_lines: u64::MAX };
        let (mut carry, mut memory, mut ledger) = (Carry::default(), Memory::default(), Ledger::default());
        let mut records = Vec::new();
        let mut visit = |item: block::Item<'_>| records.push((item.line, format!("{:?}", item.record)));
        while let Some(block) = blocks.next_block().unwrap() {
            block::walk(&block, recipe, &mut carry, &mut memory, &mut ledger, &mut visit);
        }
        block::finish(carry, recipe, &mut memory, &mut ledger, &mut visit);
        (records, ledger)
    };
    routes.parts.iter().enumerate().map(read).collect()
}

/// One thing that happens to a file.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, usize),
    Repeat(Index, usize),
    Insert(Index, Vec<u8>),
    /// One line goes somewhere else.
    MoveLine(Index, Index),
    Windows,
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        4 => (place(), 1..80usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        1 => (place(), 80..2000usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        3 => (place(), 1..600usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        2 => (place(), prop_oneof![
            Just(b"\n".to_vec()), Just(b"\n\n".to_vec()), Just(b"\"".to_vec()), Just(b"\\".to_vec()), Just(b"\x1b[0m".to_vec()),
            Just(b"\0\0\0".to_vec()), Just(b"99999999999999999999".to_vec()), Just(b"-".to_vec()), Just("é\u{2028}".as_bytes().to_vec()),
        ]).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        2 => (place(), place()).prop_map(|(from, to)| Damage::MoveLine(from, to)),
        1 => Just(Damage::Windows),
    ]
}

fn damaged(text: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut out = text.to_vec();
    for damage in damages {
        if out.is_empty() {
            break;
        }
        let length = out.len();
        match damage {
            Damage::Flip(at, byte) => out[at.index(length)] ^= byte,
            Damage::Cut(at, count) => {
                drop(out.drain(at.index(length)..(at.index(length) + count).min(length)))
            }
            Damage::Repeat(at, count) => {
                let from = at.index(length);
                let piece = out[from..(from + count).min(length)].to_vec();
                out.splice(from..from, piece);
            }
            Damage::Insert(at, bytes) => {
                let from = at.index(length);
                out.splice(from..from, bytes.iter().copied());
            }
            Damage::MoveLine(from, to) => {
                let mut lines: Vec<&[u8]> = out.split_inclusive(|byte| *byte == b'\n').collect();
                let line = lines.remove(from.index(lines.len()));
                lines.insert(to.index(lines.len() + 1), line);
                out = lines.concat();
            }
            Damage::Windows => {
                out = out.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(b"\r\n".as_slice());
            }
        }
    }
    out
}

fn physical_lines(text: &[u8]) -> u64 {
    let unfinished = text.last().is_some_and(|byte| *byte != b'\n');
    memchr::memchr_iter(b'\n', text).count() as u64 + u64::from(unfinished)
}

/// Every record with its line, and the ledger, when `text` is read in blocks of about `size` bytes.
fn read(text: &[u8], recipe: Recipe<'_>, size: usize) -> (Vec<(u64, String)>, Ledger) {
    let mut blocks = Blocks::new(Vec::new(), text, recipe, size);
    let (mut records, mut ledger) = (Vec::new(), Ledger::default());
    let mut memory = Memory::default();
    while let Some(block) = blocks.next_block().unwrap() {
        if !recipe.format.sequential() {
            memory = Memory::default();
        }
        let mut part = Ledger::default();
        block::records(&block, recipe, &mut memory, &mut part, &mut |item| {
            records.push((item.line, format!("{:?}", item.record)));
        });
        ledger.merge(&part);
    }
    (records, ledger)
}

/// Everything that takes bytes gets these; a panic fails the case.
fn feed(bytes: &[u8], name: &str) {
    let world = world();
    if let Some(detected) = detect::detect(bytes, name, &world.context) {
        let recipe =
            Recipe { carrier: detected.carrier, format: detected.format.as_ref(), record_lines: 10_000 };
        assert_eq!(read(bytes, recipe, 1 << 20).1.total(), physical_lines(bytes));
    }
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for carrier in carrier::ALL {
        for line in &lines {
            carrier.starts_entry(line);
            let _ = carrier.peel(line);
        }
        let _ = carrier.peel(bytes);
    }
    let sample = Sample { lines: lines.iter().take(400).map(|line| Cow::Borrowed(*line)).collect(), name };
    for detector in DETECTORS {
        if let Some(claim) = detector(&sample, &world.context) {
            assert!((0.0..=1.0).contains(&claim.score), "{} claims {}", claim.format.name(), claim.score);
            parse_all(bytes, &lines, claim.format.as_ref());
        }
    }
    let mut formats: BTreeMap<String, &dyn Format> = BTreeMap::new();
    for known in &world.known {
        formats.insert(known.detected.format.name(), known.detected.format.as_ref());
    }
    for format in formats.values() {
        parse_all(bytes, &lines, *format);
    }
}

fn parse_all(bytes: &[u8], lines: &[&[u8]], format: &dyn Format) {
    let mut memory = Memory::default();
    for line in lines.iter().copied().chain([bytes]) {
        let orphan = !format.starts_record(line);
        let raw = Raw { text: Cow::Borrowed(line), outer: None, program: None, pid: None, orphan };
        let _ = format.parse(&raw, &mut memory);
    }
}

#[test]
fn every_detector_and_every_carrier_is_tried() {
    let world = world();
    for (number, detector) in DETECTORS.iter().enumerate() {
        let claimed = world.known.iter().any(|known| {
            let lines = known.text.split(|byte| *byte == b'\n');
            let peeled = lines
                .filter_map(|line| known.detected.carrier.peel(line).ok())
                .map(|peeled| block::clean(peeled.payload));
            detector(&Sample { lines: peeled.collect(), name: &known.name }, &world.context).is_some()
        });
        assert!(claimed, "no sample for DETECTORS[{number}]");
    }
    for carrier in carrier::ALL {
        assert!(
            world.known.iter().any(|known| known.detected.carrier.name() == carrier.name()),
            "no sample for {}",
            carrier.name()
        );
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000), name in "[a-z.]{0,12}") {
        feed(&bytes, &name);
    }

    #[test]
    fn lines_of_signs(text in "([0-9:;,.|=\"\\[\\]{}()# \t-]{0,40}\n?){0,30}") {
        feed(text.as_bytes(), "");
    }

    #[test]
    fn damaged_lines(which in any::<Index>(), damages in prop::collection::vec(damage(), 1..8), at in any::<Index>()) {
        let known = which.get(&world().known);
        let text = damaged(&known.text, &damages);
        // Some lines are enough: every format sees them.
        let from = at.index(text.len() + 1);
        feed(&text[from..(from + 1500).min(text.len())], &known.name);
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn blocks_of_any_size_give_the_same_records_and_every_line_is_booked(
        which in any::<Index>(),
        damages in prop::collection::vec(damage(), 0..8),
        size in 64..6000usize,
    ) {
        let known = which.get(&world().known);
        let text = damaged(&known.text, &damages);
        let (records, ledger) = read(&text, known.recipe(), 1 << 20);
        prop_assert_eq!(ledger.total(), physical_lines(&text), "{}: {:?}", &known.name, &ledger);
        let (in_blocks, ledger_in_blocks) = read(&text, known.recipe(), size);
        prop_assert_eq!(records, in_blocks, "{}", &known.name);
        prop_assert_eq!(ledger, ledger_in_blocks, "{}", &known.name);
    }

    #[test]
    fn parts_of_a_file_are_the_same_in_blocks_of_any_size(
        damages in prop::collection::vec(damage(), 0..8),
        size in 64..6000usize,
    ) {
        let whole = mixed();
        let detected = detect::detect(&whole, "syslog", &world().context);
        let routes = routes::find(&whole, "syslog", &world().context, detected.as_ref()).unwrap();
        prop_assert!(routes.parts.len() >= 4);
        let text = damaged(&whole, &damages);
        let parts = read_parts(&text, &routes, 1 << 20);
        for (_, ledger) in &parts {
            prop_assert_eq!(ledger.total(), physical_lines(&text), "{:?}", ledger);
        }
        prop_assert_eq!(parts, read_parts(&text, &routes, size));
    }
}
