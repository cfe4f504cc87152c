//! nginx access logs: predefined formats, formats from `nginx.conf`, and JSON (formats.md 2.1 to 2.3).
//!
//! Text stays as nginx escaped it (`\x22`, `\"`): paths and user agents are slices of the line.

use memchr::memmem;

use super::{
    Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source, clf,
    nginx_error,
};
use crate::record::{AccessRecord, Record};
use crate::timestamp::{SECOND_US, Zone, clock_s, digits};

mod combined;
mod fields;
mod json;
mod log_format;
mod names;
mod predefined;

pub use fields::Times;
pub(crate) use fields::{seconds_us, split_request, time_local};
pub use log_format::{Escape, LogFormat, LogFormatError};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "nginx-access",
    source: Source::NginxAccess,
    summary: "nginx's access log: predefined formats, any `log_format` of a captured `nginx.conf`, JSON, ingress-nginx",
    origin: "nginx, `src/http/modules/ngx_http_log_module.c`",
    detect,
    examples: &[
        Example {
            name: "nginx-access:combined",
            file: "access.log",
            text: r#"127.0.0.1 - - [23/Nov/2026:20:24:34 +0200] "HEAD /websocket HTTP/1.1" 502 0 "-" "curl/7.88.1 ws-probe"
"#,
        },
        Example {
            name: "nginx-access:labelled",
            file: "access_timed.log",
            text: r#"127.0.0.1 - - [23/Nov/2026:18:27:55 +0000] "HEAD /websocket HTTP/1.1" 502 0 "-" "curl/7.88.1 ws-probe" rt=0.000 uct="-" uht="-" urt="0.001" ua="127.0.0.1:8472" us="502" rid=9aed94c201e8cf4e2f1e74f9509a5a1a
"#,
        },
        Example {
            name: "nginx-access:json",
            file: "access_json.log",
            text: r#"{"time":"2026-11-23T20:24:34+02:00","msec":"1795458274.641","remote_addr":"127.0.0.1","method":"HEAD","uri":"/websocket","proto":"HTTP/1.1","status":502,"body_bytes_sent":0,"request_time":0.000,"upstream_addr":"127.0.0.1:8172","upstream_status":"502","upstream_connect_time":"-","upstream_header_time":"-","upstream_response_time":"0.000","http_user_agent":"curl/7.88.1 ws-probe","request_id":"4841c5d19dae304154622e45c4e28915"}
"#,
        },
        Example {
            name: "nginx-access:upstreaminfo",
            file: "controller.log",
            text: r#"I0321 15:57:28.322904       9 event.go:282] Event(v1.ObjectReference{Kind:"Ingress"}): type: 'Normal' reason: 'Sync'
172.16.30.1 - - [21/Mar/2022:16:00:09 +0000] "GET / HTTP/1.1" 200 60 "-" "curl/7.77.0" 80 0.009 [default-web-8080] [] 10.244.205.195:8080 60 0.009 200 766ea45be48fc8dcb53c425eb3800ab2
2022/03/21 16:00:10 [error] 31#31: *1259 upstream timed out (110: Operation timed out) while connecting to upstream, client: 10.20.5.12, server: erp.acme.example, request: "POST /web HTTP/1.1", upstream: "http://127.0.0.1:8269/web", host: "erp.acme.example"
"#,
        },
        Example {
            name: "nginx-access:proxy_manager",
            file: "proxy-host-1_access.log",
            text: r#"[24/Jan/2022:16:51:02 +0000] - 404 404 - GET http openresty.local "/sdfdsf" [Client 1.2.3.4] [Length 192] [Gzip 3.10] [Sent-to openresty] "Mozilla/5.0 (X11; Linux x86_64)" "-"
"#,
        },
    ],
    foreign: &[
        Foreign {
            whose: "Rails' requests as JSON",
            text: r#"{"method":"GET","path":"/users","controller":"U","status":200,"duration":58.33,"@timestamp":"2026-11-23T18:24:42Z"}"#,
        },
        Foreign {
            whose: "Envoy",
            text: r#"{"bytes_sent":12,"method":"GET","path":"/","response_code":200,"time":"2026-11-23T18:24:42Z","upstream_host":"10.0.0.1:80"}"#,
        },
    ],
    broken: &[Broken {
        reason: "not_a_request",
        text: r#"127.0.0.1 - - [23/Nov/2026:20:24:34 +0200] "HEAD /webso"#,
    }],
};

/// An access log in one `log_format`.
pub struct AccessLog {
    format: LogFormat,
    /// Other formats seen in the same sample: a reload may change the format in mid-file.
    others: Vec<LogFormat>,
    /// The format is one of the predefined ones: stray lines in the common log format are requests too.
    predefined: bool,
    /// Seconds east of UTC that the sample's requests name. Error lines in the same stream (a container's standard
    /// output) name none; they are nginx's own, so they have the same.
    offset_s: Option<i32>,
}

/// What stands between the requests of a container that runs nginx: the ingress controller's own log (klog:
/// `I0321 16:04:49.720933       9 main.go:101] `) and the entry point's.
fn is_notice(line: &[u8]) -> bool {
    let klog = || {
        matches!(line.first(), Some(b'I' | b'W' | b'E' | b'F'))
            && line.get(1..5).and_then(digits).is_some()
            && line.get(5) == Some(&b' ')
            && line.get(6..14).and_then(clock_s).is_some()
            && line.get(14) == Some(&b'.')
            && memmem::find(line, b"] ").is_some()
    };
    klog() || line.starts_with(b"/docker-entrypoint.sh: ") || entry_point_script(line)
}

/// `10-listen-on-ipv6-by-default.sh: info: …`.
fn entry_point_script(line: &[u8]) -> bool {
    line.get(..2).and_then(digits).is_some()
        && line.get(2) == Some(&b'-')
        && memmem::find(line.get(..64).unwrap_or(line), b".sh: ").is_some()
}

/// An error line, its wall clock told by the requests around it; of one that cannot be placed nothing is said.
fn error_line<'a>(line: &'a [u8], offset_s: Option<i32>) -> Option<Record<'a>> {
    let mut record = nginx_error::read(line).ok()?;
    let Some(offset_s) = offset_s else { return Some(Record::Structure) };
    record.stamp.us -= i64::from(offset_s) * SECOND_US;
    record.stamp.zone = Zone::Offset(offset_s);
    Some(Record::NginxError(record))
}

/// The line without a carriage return. Blanks at its end stay: an empty last value leaves one (formats.md 2.1).
fn line_of(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Tries the formats of `nginx.conf` and the built-in ones, and claims with the one that reads most lines; among
/// equals the one that yields most.
#[must_use]
pub fn detect(sample: &Sample<'_>, context: &Context) -> Option<Claim> {
    let lines: Vec<&[u8]> =
        sample.lines.iter().map(|line| line_of(line)).filter(|line| !line.trim_ascii().is_empty()).collect();
    let mut seen: Vec<(u32, u32, bool, LogFormat)> = Vec::new();
    let configured = context.log_formats.iter().map(|(_, format)| (true, format.clone()));
    for (configured, format) in
        configured.chain(LogFormat::predefined().into_iter().map(|format| (false, format)))
    {
        let (mut count, mut richness) = (0u32, 0u32);
        for record in lines.iter().filter_map(|line| format.read(line, None)) {
            count += 1;
            richness += fields::richness(&record);
        }
        if count > 0 || configured {
            seen.push((count, richness, configured, format));
        }
    }
    // A stable sort: among equals, configured formats stay first.
    seen.sort_by_key(|(count, richness, ..)| std::cmp::Reverse((*count, *richness)));
    let mut seen = seen.into_iter();
    let (count, _, configured, format) = seen.next()?;
    let offset_s = lines.iter().find_map(|line| match format.read(line, None)?.end?.zone {
        Zone::Offset(offset_s) => Some(offset_s),
        // `$msec` says nothing of the zone of nginx's clock.
        _ => None,
    });
    // What else such a stream holds does not count against it, once there are requests.
    let known = |line: &[u8]| {
        format.read(line, None).is_none()
            && (is_notice(line)
                || error_line(line, offset_s).is_some()
                || (!configured && clf::read(line).is_some()))
    };
    let besides = if count > 0 { lines.iter().filter(|line| known(line)).count() } else { 0 };
    let total = u32::try_from(lines.len()).ok()?.max(1);
    let score = f64::from(count.saturating_add(u32::try_from(besides).ok()?)) / f64::from(total);
    let reads_others = |other: &LogFormat| {
        lines.iter().any(|line| format.read(line, None).is_none() && other.read(line, None).is_some())
    };
    // What nginx.conf names may come into use behind the sample.
    let others: Vec<LogFormat> = seen
        .filter(|(_, _, configured, format)| *configured || reads_others(format))
        .map(|(.., format)| format)
        .collect();
    (score >= 0.3).then(|| Claim {
        format: Box::new(AccessLog { format, others, predefined: !configured, offset_s }),
        score,
    })
}

/// The format for a log of which nothing was seen yet: whatever the bundle's configuration names, and the built-in ones.
pub(crate) fn any(context: &Context) -> Box<dyn Format> {
    let configured = context.log_formats.iter().map(|(_, format)| format.clone());
    let mut formats = configured.chain(LogFormat::predefined());
    match formats.next() {
        Some(format) => Box::new(AccessLog {
            format,
            others: formats.collect(),
            predefined: context.log_formats.is_empty(),
            offset_s: None,
        }),
        // Cannot be: some formats are built in.
        None => Box::new(crate::routes::AnyLine),
    }
}

impl Format for AccessLog {
    fn name(&self) -> String {
        format!("nginx-access:{}", self.format.name())
    }

    fn source(&self) -> Source {
        Source::NginxAccess
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let line = line_of(&raw.text);
        // A record is some hundred bytes: the common case moves it once.
        let mut fields = fields::Fields::default();
        if self.format.read_next(line, raw.outer, &mut memory.access_times, &mut fields).is_some() {
            return Ok(Record::Access(fields.record));
        }
        self.others
            .iter()
            .find_map(|format| format.read(line, raw.outer))
            .map(Record::Access)
            .or_else(|| error_line(line, self.offset_s))
            .or_else(|| is_notice(line).then_some(Record::Structure))
            .or_else(|| {
                let entry = clf::read(line).filter(|_| self.predefined)?;
                Some(Record::Access(AccessRecord { end: Some(entry.stamp), ..entry.record }))
            })
            .ok_or("not_a_request")
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const COMBINED: &str = r#"127.0.0.1 - - [23/Nov/2026:20:24:34 +0200] "HEAD /websocket HTTP/1.1" 502 0 "-" "curl/7.88.1 ws-probe""#;
    const LABELS: &str = r#" rt=0.000 uct="-" uht="-" urt="0.000" ua="127.0.0.1:8172" us="502" rid=4841c5d19dae304154622e45c4e28915"#;
    const JSON: &str = r#"{"time":"2026-11-23T18:36:14+00:00","msec":1795458974.261,"remote_addr":"203.0.113.44","x_forwarded_for":"203.0.113.44","host":"erp.acme.example","request_method":"GET","request_uri":"/acme/report/valuation?seconds=150&view=board","request":"GET /acme/report/valuation?seconds=150&view=board HTTP/1.1","status":504,"body_bytes_sent":160,"request_time":10.000,"upstream_addr":"127.0.0.1:8269","upstream_status":"504","upstream_connect_time":"-","upstream_response_time":"10.000","http_referer":"http://erp.acme.example/web","http_user_agent":"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"}"#;
    const BARE: &str = r#"203.0.113.44 - - [23/Nov/2026:18:36:14 +0000] "GET /acme/report/valuation?seconds=150&view=board HTTP/1.1" 502 150 "http://erp.acme.example/web" "Mozilla/5.0 (X11)" "203.0.113.44" 29.261 29.261 ."#;

    fn raw(text: &[u8]) -> Raw<'_> {
        Raw::of(text)
    }

    fn claim(lines: &[&str], context: &Context) -> Option<Claim> {
        let lines = lines.iter().map(|line| Cow::Borrowed(line.as_bytes())).collect();
        detect(&Sample { lines, name: "access.log" }, context)
    }

    fn context(name: &str, template: &str) -> Context {
        let format = LogFormat::compile(name, Escape::Default, template).unwrap();
        Context { log_formats: vec![(name.to_owned(), format)], ..Context::default() }
    }

    #[test]
    fn built_in_formats_are_told_apart() {
        let labelled = [COMBINED, LABELS].concat();
        let forwarded = [COMBINED, r#" "203.0.113.17""#].concat();
        let vhost = ["erp.example.com ", COMBINED].concat();
        let ingress =
            [COMBINED, " 83 0.055 [default-odoo-8069] [] 10.1.2.3:8069 157 0.052 502 9a1f"].concat();
        for (line, name) in [
            (COMBINED, "combined"),
            (&labelled, "labelled"),
            (&forwarded, "main"),
            (BARE, "main_timed"),
            (&vhost, "vhost"),
            (&ingress, "upstreaminfo"),
            (JSON, "json"),
        ] {
            // Damage and an empty line do not defeat detection.
            let cut = &line[..line.len() / 2];
            let tail = &line[line.len() / 2..];
            let lines = [line, cut, "", tail, line, line, "\u{0}\u{0}\u{0}"];
            let Claim { format, score } =
                claim(&lines, &Context::default()).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(format.name(), format!("nginx-access:{name}"));
            assert!((0.5..0.7).contains(&score), "{name} {score}");
            assert!(format.starts_record(b"anything"));
            let mut memory = Memory::default();
            for cut in 0..line.len() {
                let _ = format.parse(&raw(&line.as_bytes()[..cut]), &mut memory).is_ok();
            }
            let crlf = [line, "\r"].concat();
            assert!(
                matches!(format.parse(&raw(crlf.as_bytes()), &mut memory), Ok(Record::Access(_))),
                "{name}"
            );
            for garbage in [b"".as_slice(), b"\xFF\xFE", b"{", b"{\"status\":200", b"\x16\x03\x01\x02\x00"] {
                assert_eq!(format.parse(&raw(garbage), &mut memory).err(), Some("not_a_request"));
            }
        }
    }

    #[test]
    fn configured_formats_win_and_stay_at_hand() {
        let template = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
        let configured = claim(&[COMBINED, COMBINED], &context("ours", template)).unwrap();
        assert_eq!(configured.format.name(), "nginx-access:ours");
        // A format of nginx.conf that came into use behind the sample.
        let late = claim(&[COMBINED, COMBINED], &context("late", "$msec|$status|$request_time")).unwrap();
        assert_eq!(late.format.name(), "nginx-access:combined");
        let line = raw(b"1795458274.641|504|60.001");
        let Ok(Record::Access(record)) = late.format.parse(&line, &mut Memory::default()) else { panic!() };
        assert_eq!((record.status, record.request_time_us), (504, Some(60_001_000)));
    }

    #[test]
    fn a_reload_changes_the_format() {
        let labelled = [COMBINED, LABELS].concat();
        let mixed = claim(&[COMBINED, &labelled, &labelled], &Context::default()).unwrap();
        assert_eq!(mixed.format.name(), "nginx-access:labelled");
        assert!((mixed.score - 1.0).abs() < 1e-9);
        assert!(mixed.format.parse(&raw(COMBINED.as_bytes()), &mut Memory::default()).is_ok());
    }

    #[test]
    fn other_logs_are_left_alone() {
        for line in [
            "2026-11-23 18:32:56,204 22130 ERROR o15 odoo.service.server: WorkerHTTP (22412) timeout after 18s ",
            r#"2026-11-23 18:22:23,101 31 INFO acme werkzeug: 10.20.8.15 - - [23/Nov/2026 18:22:23] "POST /web/login HTTP/1.0" 303 - 24 0.315 4.430"#,
            r#"2026/11/23 18:31:14 [error] 22133#22133: *24 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: e, request: "HEAD / HTTP/1.1""#,
            r#"{"timestamp":"2026-11-23 18:24:34.641 UTC","pid":12,"error_severity":"LOG","message":"checkpoint starting: time"}"#,
            r#"{"log":"127.0.0.1\n","stream":"stdout","time":"2026-11-23T18:24:34.641Z"}"#,
            // Applications' own request logs (Rails, Django), Envoy.
            r#"{"method":"GET","path":"/users","controller":"U","status":200,"duration":58.33,"@timestamp":"2026-11-23T18:24:42Z"}"#,
            r#"{"time":"2026-11-23T18:24:42Z","remote_addr":"10.0.0.1","path":"/","status":200}"#,
            r#"{"bytes_sent":12,"method":"GET","path":"/","response_code":200,"time":"2026-11-23T18:24:42Z","upstream_host":"10.0.0.1:80"}"#,
            // The ingress controller and the entry point without a request; Apache's error log.
            "I0321 15:57:28.322904       9 event.go:282] Event(x)",
            "/docker-entrypoint.sh: Configuration complete; ready for start up",
            "[Thu Oct 13 12:24:49.880562 2022] [auth_basic:error] [pid 10:tid 1] [client 31.33.58.75:50229] AH01618: user x not found: /",
            "",
        ] {
            assert!(claim(&[line], &Context::default()).is_none(), "{line}");
        }
        assert!(claim(&[], &Context::default()).is_none());
    }

    #[test]
    fn finer_time_wins() {
        let Claim { format, .. } = claim(&[JSON], &Context::default()).unwrap();
        let line = raw(JSON.as_bytes());
        let Ok(Record::Access(record)) = format.parse(&line, &mut Memory::default()) else { panic!() };
        let end = record.end.unwrap();
        assert_eq!((end.us, end.resolution_us), (1_795_458_974_261_000, 1000));
        assert_eq!((record.host, record.upstream_never_connected), (b"erp.acme.example".as_slice(), true));
        assert_eq!(record.path, b"/acme/report/valuation?seconds=150&view=board");
    }

    #[test]
    fn a_container_mixes_its_streams() {
        let ingress =
            [COMBINED, " 83 0.055 [default-odoo-8069] [] 10.1.2.3:8069 157 0.052 502 9a1f"].concat();
        let error = r#"2026/11/23 20:24:35 [error] 31#31: *7 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, server: e, request: "GET /web HTTP/1.1", upstream: "http://10.1.2.3:8069/web", host: "e""#;
        let klog = "I1123 20:24:33.322904       9 main.go:101] \"successfully validated configuration\"";
        let script = "10-listen-on-ipv6-by-default.sh: info: Enabled listen on IPv6";
        let Claim { format, score } =
            claim(&[klog, script, &ingress, error, error, error], &Context::default()).unwrap();
        assert_eq!((format.name().as_str(), score), ("nginx-access:upstreaminfo", 1.0));
        let mut memory = Memory::default();
        let line = raw(error.as_bytes());
        let Ok(Record::NginxError(record)) = format.parse(&line, &mut memory) else { panic!() };
        // The requests beside it name the zone.
        assert_eq!((record.stamp.us, record.stamp.zone), (1_795_458_275_000_000, Zone::Offset(7200)));
        assert!(matches!(format.parse(&raw(klog.as_bytes()), &mut memory), Ok(Record::Structure)));
        assert!(matches!(format.parse(&raw(script.as_bytes()), &mut memory), Ok(Record::Structure)));
        // A stray line in the common log format is a request still.
        let common = r#"::1 - - [23/Nov/2026:20:24:36 +0200] "GET /favicon.ico HTTP/1.1" 404 209"#;
        let line = raw(common.as_bytes());
        let Ok(Record::Access(record)) = format.parse(&line, &mut memory) else { panic!() };
        assert_eq!((record.status, record.end.unwrap().us), (404, 1_795_458_276_000_000));
    }

    #[test]
    fn deployed_as_they_come() {
        for (line, name) in [
            (
                r#"10.0.0.1 - [10.0.0.1] - - [23/Nov/2026:20:24:34 +0200] "GET / HTTP/1.1" 200 5 "-" "curl" 83 0.055 [default-odoo-8069] 10.1.2.3:8069 157 0.052 200 9a1f"#,
                "upstreaminfo",
            ),
            (
                r#"[24/Jan/2022:16:51:02 +0000] - 404 404 - GET http openresty.local "/sdfdsf" [Client 1.2.3.4] [Length 192] [Gzip 3.10] [Sent-to openresty] "Mozilla/5.0 (X11; Linux x86_64)" "-""#,
                "proxy_manager",
            ),
            (
                r#"[24/Jan/2022:13:40:19 +0000] 444 - GET https 4.3.2.1 "/.env" [Client 207.32.219.89] [Length 0] [Gzip -] "Mozilla/5.0" "-""#,
                "proxy_manager",
            ),
            (
                r#"{"@timestamp":"2026-11-23T18:24:42+08:00","host":"10.0.0.9","clientip":"10.0.0.8","size":612,"responsetime":0.002,"upstreamtime":"0.001, 0.002 : 0.003","upstreamhost":"10.0.0.1:8069","http_host":"erp.example.com","url":"/web/login","status":"200"}"#,
                "json",
            ),
            (
                r#"{"ts":"1795458274.641","method":"GET","uri":"/web","status":"502","request_time":"0.010","upstream_response_time":"-","upstream_addr":"10.0.0.1:8069","bytes_sent":"-"}"#,
                "json",
            ),
        ] {
            let Claim { format, .. } =
                claim(&[line], &Context::default()).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(format.name(), format!("nginx-access:{name}"), "{line}");
            for cut in 0..line.len() {
                let _ = format.parse(&raw(&line.as_bytes()[..cut]), &mut Memory::default()).is_ok();
            }
        }
    }
}
