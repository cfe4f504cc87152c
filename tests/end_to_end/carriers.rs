//! The same log in every carrier and encoding gives the same report.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{fixture, report};

/// Lines of the capture that are written: 17 kills are among them.
const LINES: usize = 9_000;

fn unpacked(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let mut text = String::new();
    match path.extension().is_some_and(|extension| extension == "gz") {
        true => flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap(),
        false => bytes.as_slice().read_to_string(&mut text).unwrap(),
    };
    text
}

/// Odoo's lines as Odoo wrote them.
fn odoo() -> Vec<String> {
    unpacked(&fixture("lockstorm/odoo/docker-json-file.log.gz"))
        .lines()
        .take(LINES)
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["log"]
                .as_str()
                .unwrap()
                .trim_end_matches('\n')
                .to_owned()
        })
        .collect()
}

/// Reads `bytes` as a file of this name.
fn read(name: &str, bytes: &[u8]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    report(&[folder.path().to_path_buf()])
}

fn input<'v>(report: &'v Value, format: &str) -> &'v Value {
    let inputs = report["inputs"].as_array().unwrap();
    let found = inputs.iter().find(|input| input["format"].as_str().unwrap().starts_with(format));
    found.unwrap_or_else(|| panic!("{format}: {inputs:#?}"))
}

/// Takes out the numbers of lines.
fn without_lines(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("line");
            members.values_mut().for_each(without_lines);
        }
        Value::Array(values) => values.iter_mut().for_each(without_lines),
        _ => {}
    }
}

fn physical_lines(bytes: &[u8]) -> u64 {
    bytes.split_inclusive(|byte| *byte == b'\n').count() as u64
}

struct Reference {
    incidents: Value,
    bare: Value,
    parsed: u64,
}

impl Reference {
    fn new(lines: &[String]) -> Self {
        let report = read("odoo.log", (lines.join("\n") + "\n").as_bytes());
        let incidents = report["incidents"].clone();
        assert!(incidents[0]["impact"]["kills"]["total"].as_u64().unwrap() > 5, "{incidents:#}");
        let mut bare = incidents.clone();
        without_lines(&mut bare);
        Reference { incidents, bare, parsed: input(&report, "odoo")["lines"]["parsed"].as_u64().unwrap() }
    }

    /// `physical`: each line of the log is one line of the file, so that references agree as well.
    fn agrees(&self, what: &str, bytes: &[u8], physical: bool) -> Value {
        let report = read("odoo.log", bytes);
        let input = input(&report, "odoo");
        assert_eq!(input["lines"]["parsed"], self.parsed, "{what}: {input:#}");
        if !what.starts_with("utf-16") {
            assert_eq!(input["lines"]["total"], physical_lines(bytes), "{what}");
        }
        let sum = ["parsed", "continuation", "skipped"].map(|part| input["lines"][part].as_u64().unwrap());
        assert_eq!(sum.iter().sum::<u64>(), input["lines"]["total"].as_u64().unwrap(), "{what}");
        if physical {
            assert!(report["incidents"] == self.incidents, "{what}");
        } else {
            let mut bare = report["incidents"].clone();
            without_lines(&mut bare);
            assert!(bare == self.bare, "{what}");
        }
        report
    }
}

fn wrap(lines: &[String], line: impl Fn(usize, &str) -> String) -> String {
    lines.iter().enumerate().fold(String::new(), |mut text, (number, log)| {
        let _ = writeln!(text, "{}", line(number, log));
        text
    })
}

#[test]
fn carriers() {
    let lines = odoo();
    let reference = Reference::new(&lines);
    let agrees = |what: &str, line: &dyn Fn(usize, &str) -> String| {
        reference.agrees(what, wrap(&lines, line).as_bytes(), true)
    };
    let utc = "2026-11-23T18:24:42.470868182Z";
    agrees("json-file", &|_, log| {
        json!({"log": format!("{log}\n"), "stream": "stderr", "time": utc}).to_string()
    });
    agrees("docker logs -t", &|_, log| format!("{utc} {log}"));
    agrees("compose", &|_, log| format!("odoo-1  | {log}"));
    agrees("compose with container_name", &|_, log| format!("shop  | {log}"));
    agrees("compose -t with container_name", &|_, log| format!("shop  | {utc} {log}"));
    agrees("cri", &|_, log| format!("{utc} stderr F {log}"));
    agrees("cri with an offset", &|_, log| format!("2026-11-23T19:24:42.470868182+01:00 stderr F {log}"));
    agrees("kubectl --prefix", &|_, log| format!("[pod/odoo-7d9f-x/odoo] {log}"));
    agrees("kubectl --prefix --timestamps", &|_, log| format!("[pod/odoo-7d9f-x/odoo] {utc} {log}"));
    agrees("kubectl --timestamps", &|_, log| format!("2026-11-23T18:24:42.47Z {log}"));
    agrees("short", &|_, log| format!("Nov 23 19:24:42 vm odoo[7]: {}", log.trim_end()));
    agrees("rfc 3164", &|_, log| format!("<30>Nov 23 19:24:42 vm odoo[7]: {}", log.replace('\t', "#011")));
    agrees("rfc 5424", &|_, log| format!("<30>1 2026-11-23T18:24:42.470408+00:00 vm odoo 7 - - {log}"));
    agrees("short-precise", &|_, log| format!("Nov 23 19:24:42.470408 vm odoo[7]: {log}"));
    agrees("short-iso", &|_, log| format!("2026-11-23T19:24:42+0100 vm odoo[7]: {log}"));
    agrees("short-iso-precise", &|_, log| format!("2026-11-23T19:24:42.470408+01:00 vm odoo[7]: {log}"));
    agrees("short-full", &|_, log| format!("Mon 2026-11-23 19:24:42 CET vm odoo[7]: {log}"));
    agrees("with-unit", &|_, log| format!("Mon 2026-11-23 19:24:42 CET vm odoo.service[7]: {log}"));
    agrees("short-unix", &|_, log| format!("1795458282.470408 vm odoo[7]: {log}"));
    agrees("short-monotonic", &|_, log| format!("[ 1793.152108] vm odoo[7]: {log}"));
    let json = |log: &str| json!({"__REALTIME_TIMESTAMP": "1795458282470408", "SYSLOG_IDENTIFIER": "odoo", "MESSAGE": log});
    agrees("json", &|_, log| json(log).to_string());
    agrees("json of bytes", &|_, log| {
        let mut entry = json("");
        entry["MESSAGE"] = json!(log.as_bytes());
        entry.to_string()
    });
    agrees("json-seq", &|_, log| format!("\x1e{}", json(log)));

    let agrees = |what: &str, line: &dyn Fn(usize, &str) -> String| {
        reference.agrees(what, wrap(&lines, line).as_bytes(), false)
    };
    agrees("json-sse", &|_, log| format!("data: {}\n", json(log)));
    agrees("json-pretty", &|_, log| {
        serde_json::to_string_pretty(&json(log)).unwrap().replace("\": ", "\" : ")
    });
    agrees("export", &|number, log| {
        format!(
            "__CURSOR=s=1;i={number}\n__REALTIME_TIMESTAMP=1795458282470408\nMESSAGE={log}\nSYSLOG_IDENTIFIER=odoo\n"
        )
    });
    agrees("verbose", &|number, log| {
        format!(
            "Mon 2026-11-23 19:24:42.470408 CET [s=1;i={number};b=2;m=3;t=6443c4a7c16c8;x=4]\n    MESSAGE={log}\n    SYSLOG_IDENTIFIER=odoo"
        )
    });
    agrees("cri in pieces", &|number, log| {
        let half = (0..=log.len() / 2).rev().find(|at| log.is_char_boundary(*at)).unwrap();
        match number % 3 {
            1 => format!("{utc} stderr P {}\n{utc} stderr F {}", &log[..half], &log[half..]),
            _ => format!("{utc} stderr F {log}"),
        }
    });
    let report = agrees("among other programs", &|number, log| match number % 5 {
        0 => {
            format!("Nov 23 19:24:42 vm odoo[7]: {log}\nNov 23 19:24:42 vm CRON[{number}]: (root) CMD (true)")
        }
        1 => format!(
            "Nov 23 19:24:42 vm systemd-journald[1]: Suppressed 2 messages from x.service\nNov 23 19:24:42 vm odoo[7]: {log}"
        ),
        2 => format!("Nov 23 19:24:42 vm last message repeated 3 times\nNov 23 19:24:42 vm odoo[7]: {log}"),
        _ => format!("Nov 23 19:24:42 vm odoo[7]: {log}"),
    });
    let reasons = &input(&report, "odoo")["skipped_by_reason"];
    let fifth = LINES as u64 / 5;
    assert_eq!(reasons["other_program"], fifth);
    assert_eq!(
        (&reasons["journald_suppressed"], &reasons["message_repeated"]),
        (&json!(fifth), &json!(fifth))
    );
    let problems = input(&report, "odoo")["problems"].to_string();
    assert!(problems.contains(&format!("{} messages are not in it", 5 * fifth)), "{problems}");
    // A record a line, as services that send whole messages to syslog do.
    let mut records: Vec<String> = Vec::new();
    for line in &lines {
        match records.last_mut() {
            Some(record) if !line.starts_with("2026-") => {
                let _ = write!(record, "#012{line}");
            }
            _ => records.push(line.clone()),
        }
    }
    let text = wrap(&records, |_, log| format!("Nov 23 19:24:42 vm odoo[7]: {log}"));
    reference.agrees("records with #012", text.as_bytes(), false);
    let text = wrap(&records, |_, log| {
        format!("Nov 23 19:24:42 vm odoo[7]: {}", log.replace("#012", &format!("\n{}", " ".repeat(28))))
    });
    reference.agrees("records over indented lines", text.as_bytes(), true);
}

#[test]
fn encodings() {
    let lines = odoo();
    let reference = Reference::new(&lines);
    let text = lines.join("\n") + "\n";
    let utf16 =
        |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(bytes).collect() };
    let windows = text.replace('\n', "\r\n");
    reference.agrees("no final newline", text.trim_end().as_bytes(), true);
    reference.agrees("crlf", windows.as_bytes(), true);
    let half = text.len() / 2 + text[text.len() / 2..].find('\n').unwrap() + 1;
    let mixed = text[..half].replace('\n', "\r\n") + &text[half..];
    reference.agrees("crlf and lf", mixed.as_bytes(), true);
    reference.agrees("byte order mark", format!("\u{feff}{text}").as_bytes(), true);
    let joined = format!("{}\u{feff}{}", &text[..half], &text[half..]);
    reference.agrees("byte order mark in the middle", joined.as_bytes(), true);
    for (what, bytes) in
        [("utf-16le", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("utf-16be", u16::to_be_bytes)]
    {
        reference.agrees(what, &utf16(&format!("\u{feff}{windows}"), bytes), true);
        reference.agrees(&format!("{what} without a mark"), &utf16(&text, bytes), true);
    }
    let hole = "\0".repeat(70_000);
    let report = reference.agrees("hole", format!("{hole}{text}").as_bytes(), true);
    assert!(input(&report, "odoo")["problems"].to_string().contains("70000 NUL bytes"));
    let holed = format!("{}{hole}{}", &text[..half], &text[half..]);
    let report = reference.agrees("hole in the middle", holed.as_bytes(), true);
    assert!(input(&report, "odoo")["problems"].to_string().contains("70000 NUL bytes"));
    let colour = |escape: &str| {
        [" INFO ", " ERROR ", " WARNING "].iter().fold(text.clone(), |text, level| {
            let level = level.trim();
            let painted = format!(" {escape}[1;32m{escape}[1;49m{level}{escape}[0m ");
            text.replace(&format!(" {level} "), &painted)
        })
    };
    for (what, escape) in
        [("colour", "\x1b"), ("colour as rsyslog writes it", "#033"), ("colour as JSON writes it", "\\u001b")]
    {
        reference.agrees(what, colour(escape).as_bytes(), true);
    }
    let mut bytes = text.clone().into_bytes();
    bytes.splice(0..0, b"\n".iter().copied());
    reference.agrees("an empty line first", &bytes, false);
    let mut broken = text.into_bytes();
    let at = broken.windows(19).position(|window| window == b"Odoo version 17.0 \n").unwrap();
    broken.splice(at + 18..at + 18, [0xff, 0xfe, 0x80]);
    reference.agrees("invalid utf-8", &broken, true);
}

#[test]
fn nginx_and_postgres_in_carriers() {
    let access = unpacked(&fixture("buslane/nginx/access_timed.log.gz"));
    let errors = unpacked(&fixture("buslane/nginx/error.log"));
    let postgres = unpacked(&fixture("buslane/postgres/postgresql-2026-11-23.log"));
    let log_format = ("nginx.conf", fs::read(fixture("buslane/config/nginx.conf")).unwrap());
    let read = |bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(log_format.0), &log_format.1).unwrap();
        fs::write(folder.path().join("log"), bytes).unwrap();
        report(&[folder.path().to_path_buf()])
    };
    let parsed = |report: &Value, format: &str| input(report, format)["lines"]["parsed"].as_u64().unwrap();
    let (requests, failures, records) = (
        parsed(&read(access.as_bytes()), "nginx-access"),
        parsed(&read(errors.as_bytes()), "nginx-error"),
        parsed(&read(postgres.as_bytes()), "postgres-stderr"),
    );
    let docker = |log: &str| {
        json!({"log": format!("{log}\n"), "stream": "stdout", "time": "2026-11-23T18:24:42.4Z"}).to_string()
    };
    type Wrap<'w> = &'w dyn Fn(&str, &str) -> String;
    let wraps: [(&str, Wrap<'_>); 6] = [
        ("json-file", &|_, log| docker(log)),
        ("cri", &|_, log| format!("2026-11-23T18:24:42.470868182Z stdout F {log}")),
        ("compose", &|program, log| format!("{program}-1  | {log}")),
        ("syslog", &|program, log| format!("Nov 23 18:24:42 vm {program}[9]: {}", log.replace('\t', "#011"))),
        ("journald", &|program, log| format!("2026-11-23T18:24:42+0000 vm {program}[9]: {log}")),
        ("journald-json", &|program, log| {
            json!({"__REALTIME_TIMESTAMP": "1795458282470408", "SYSLOG_IDENTIFIER": program, "MESSAGE": log})
                .to_string()
        }),
    ];
    let all = |texts: &[(&str, &str)], wrap: Wrap<'_>| {
        // One line of each in turn.
        let mut sources: Vec<_> = texts.iter().map(|(program, text)| (*program, text.lines())).collect();
        let mut out = String::new();
        loop {
            let mut more = false;
            for (program, lines) in &mut sources {
                if let Some(line) = lines.next() {
                    out += &wrap(program, line);
                    out.push('\n');
                    more = true;
                }
            }
            if !more {
                return out;
            }
        }
    };
    for (what, wrap) in wraps {
        let nginx = read(all(&[("nginx", &access), ("nginx", &errors)], wrap).as_bytes());
        assert_eq!(
            (parsed(&nginx, "nginx-access"), parsed(&nginx, "nginx-error")),
            (requests, failures),
            "{what}"
        );
        let server = read(all(&[("postgres", &postgres)], wrap).as_bytes());
        assert_eq!(parsed(&server, "postgres-stderr"), records, "{what}");
        if !matches!(what, "json-file" | "cri") {
            let odoo = odoo();
            let whole = read(
                all(
                    &[
                        ("odoo", &odoo.join("\n")),
                        ("nginx", &access),
                        ("nginx", &errors),
                        ("postgres", &postgres),
                    ],
                    wrap,
                )
                .as_bytes(),
            );
            assert_eq!(
                (parsed(&whole, "nginx-access"), parsed(&whole, "nginx-error")),
                (requests, failures),
                "{what}"
            );
            assert_eq!(parsed(&whole, "postgres-stderr"), records, "{what}");
            assert_eq!(parsed(&whole, "odoo"), Reference::new(&odoo).parsed, "{what}");
        }
    }
    let mut number = 0;
    let mut part = 0;
    let mut syslog = String::new();
    for line in postgres.lines() {
        (number, part) = if line.starts_with('\t') { (number, part + 1) } else { (number + 1, 1) };
        let _ = writeln!(
            syslog,
            "Nov 23 18:24:42 vm postgres[9]: [{number}-{part}] {}",
            line.replace('\t', "#011")
        );
    }
    assert_eq!(parsed(&read(syslog.as_bytes()), "postgres-stderr"), records);
}

#[test]
fn foreign_files_are_left_alone() {
    let files = [
        (
            "app.log",
            "2026-11-23 18:22:10,387 INFO app.main: started\n2026-11-23 18:22:11,001 - root - ERROR - boom\n2026-11-23 18:22:11,387 7388 INFO worker ready\n",
        ),
        (
            "apache_error.log",
            "[Mon Nov 23 18:22:10.123456 2026] [mpm_event:notice] [pid 7:tid 1] AH00489: Apache/2.4.62 configured\n[Mon Nov 23 18:22:11.123456 2026] [core:error] [pid 7:tid 2] [client 10.0.0.1:5] AH00126: Invalid URI\n",
        ),
        (
            "app.json",
            "{\"timestamp\":\"2026-11-23T18:22:10.387Z\",\"level\":\"info\",\"msg\":\"started\",\"pid\":7}\n{\"timestamp\":\"2026-11-23T18:22:11.387Z\",\"level\":\"error\",\"message\":\"boom\",\"status\":500}\n",
        ),
        (
            "dpkg.log",
            "2026-11-23 06:25:01 startup archives unpack\n2026-11-23 06:25:02 install libc6:amd64 <none> 2.36-9\n2026-11-23 06:25:03 status half-installed libc6:amd64 2.36-9\n",
        ),
        (
            "auth.log",
            "Nov 23 18:22:10 vm sshd[812]: Accepted publickey for odoo from 10.0.0.1 port 5 ssh2\nNov 23 18:22:11 vm sudo:   odoo : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/true\nNov 23 18:22:12 vm CRON[9]: pam_unix(cron:session): session opened for user root\n",
        ),
        (
            "auth-iso.log",
            "2026-11-23T18:22:10.461309+00:00 vm sshd[812]: Accepted publickey for odoo from 10.0.0.1\n2026-11-23T18:22:11.461309+00:00 vm systemd-logind[1]: New session 3 of user odoo.\n",
        ),
        (
            "kern.log",
            "Nov 23 18:22:10 vm kernel: [    1.000000] EXT4-fs (sda1): mounted filesystem\nNov 23 18:22:11 vm kernel: [    2.000000] usb 1-1: new device\n",
        ),
        ("go.log", "2026/11/23 18:22:10 main.go:7: [error] x\n2026/11/23 18:22:11 listening on :8080\n"),
        (
            "pod.log",
            "2026-11-23T18:22:10.286670899Z stdout F {\"level\":\"info\",\"msg\":\"ok\"}\n2026-11-23T18:22:11.286670899Z stderr F I1123 18:22:11.000000 1 main.go:7] started\n",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("buslane/nginx/error.log"), folder.path().join("known.log")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text.repeat(40)).unwrap();
    }
    fs::write(folder.path().join("empty.log"), "").unwrap();
    fs::write(folder.path().join("system.journal"), b"LPKSHHRH\0\0\0\0\x01\x02\n\0").unwrap();
    fs::write(folder.path().join("sa23"), b"\x96\xd5\x75\x21\x0c\x06\n").unwrap();
    fs::write(folder.path().join("container.log"), b"\0\0\0\x10\x0a\x06stderr\x10\x01\x1a\x02hi\0\0\0\x10")
        .unwrap();
    let report = report(&[folder.path().to_path_buf()]);
    for input in report["inputs"].as_array().unwrap() {
        let format = input["format"].as_str().unwrap();
        match input["path"].as_str().unwrap() {
            "known.log" => assert_eq!(format, "nginx-error"),
            "kern.log" => assert_eq!(format, "kernel"),
            _ => assert_eq!(format, "unrecognised", "{input:#}"),
        }
    }
    let problem = |name: &str| {
        let inputs = report["inputs"].as_array().unwrap();
        inputs.iter().find(|input| input["path"] == name).unwrap()["problems"].to_string()
    };
    assert!(
        problem("system.journal")
            .contains("journalctl --file system.journal -o export > system.journal.export")
    );
    assert!(problem("sa23").contains("sadf"));
    assert!(problem("container.log").contains("docker logs"));
}
