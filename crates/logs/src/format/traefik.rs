//! Traefik's access log, `common` and `json` (formats.md 5.3; Traefik 1.7 to 3.x, `pkg/middlewares/accesslog`).
//!
//! Common: the combined log format, then `COUNT "ROUTER" "SERVICE_URL" NNNms`. JSON: `StartUTC`, `Duration` in
//! nanoseconds, `DownstreamStatus` (what the client got) and `OriginStatus` (what the service, or Traefik for it, said; 0
//! or absent where no service was asked). Both stamp the beginning; the end is beginning plus duration. Neither says
//! whether a connection to the service was made.

use memchr::memmem;

use super::clf;
use super::front_end::{claim, ended, host_and_path, word};
use super::json_object::Members;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{AccessRecord, Record};
use crate::timestamp::{Stamp, digits, iso};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "traefik",
    source: Source::NginxAccess,
    summary: "Traefik's access log, `common` and `json`",
    origin: "Traefik 1.7 to 3.x, `pkg/middlewares/accesslog`",
    detect,
    examples: &[
        Example {
            name: "traefik-common",
            file: "traefik.log",
            text: r#"192.168.33.1 - - [02/Oct/2017:20:22:07 +0000] "GET /ui/favicons/favicon-16x16.png HTTP/1.1" 304 0 "http://example.com/login" "Mozilla/5.0 (X11; Linux x86_64)" 262 "Host-host-1" "http://172.19.0.3:5601" 2ms
10.42.0.1 - admin [23/Nov/2026:18:24:42 +0100] "GET / HTTP/2.0" 404 19 "-" "-" 7 "-" "-" 0ms
"#,
        },
        Example {
            name: "traefik-json",
            file: "traefik.json",
            text: r#"{"ClientAddr":"192.168.156.1:31073","ClientHost":"192.168.156.1","DownstreamContentSize":75,"DownstreamStatus":404,"Duration":1964899,"OriginDuration":1694568,"OriginStatus":404,"RequestHost":"nodejs.127.0.0.1.sslip.io","RequestMethod":"GET","RequestPath":"/500","ServiceAddr":"192.168.156.12:3000","ServiceURL":{"Scheme":"http","Host":"192.168.156.12:3000"},"StartUTC":"2025-02-28T12:11:34.10912886Z","level":"info","msg":"","time":"2025-02-28T12:11:34Z"}
"#,
        },
    ],
    foreign: &[
        Foreign {
            whose: "nginx",
            text: r#"192.168.33.1 - - [02/Oct/2017:20:22:07 +0000] "GET /ui/favicons/favicon-16x16.png HTTP/1.1" 304 0 "http://example.com/login" "Mozilla/5.0 (X11; Linux x86_64)""#,
        },
        Foreign {
            whose: "another program that logs with logrus",
            text: r#"{"level":"info","msg":"started","time":"2026-11-23T18:24:42Z"}"#,
        },
    ],
    broken: &[Broken {
        reason: "not_a_request",
        text: r#"192.168.33.1 - - [02/Oct/2017:20:22:07 +0000] "GET /ui/favicons/favicon-16x16.png HTTP/1.1" 304 0 "http://example.com/login" "Mozilla/5.0"#,
    }],
};

/// One of Traefik's two formats.
pub struct AccessLog {
    json: bool,
}

/// Claims files with Traefik's tail behind the combined format, or with Traefik's keys.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let json = claim(sample, Box::new(AccessLog { json: true }), read_json);
    json.or_else(|| claim(sample, Box::new(AccessLog { json: false }), read_common))
}

/// Traefik's log of itself in its text form: `time="2021-06-05T03:57:51Z" level=info msg="…"`.
fn application(line: &[u8]) -> bool {
    line.starts_with(b"time=\"") && memmem::find(line, b"\" level=").is_some()
}

/// `http://10.0.0.1:8069/` as `10.0.0.1:8069`; what is no URL is left as it is.
fn authority(url: &[u8]) -> &[u8] {
    let rest = memmem::find(url, b"://").and_then(|at| url.get(at + 3..)).unwrap_or(url);
    rest.split(|byte| *byte == b'/').next().unwrap_or(rest)
}

fn read_common(line: &[u8]) -> Option<Record<'_>> {
    if application(line) { Some(Record::Structure) } else { common(line).map(Record::Access) }
}

fn common(line: &[u8]) -> Option<AccessRecord<'_>> {
    let clf::Entry { mut record, stamp, tail } = clf::read(line)?;
    let (count, rest) = word(tail.strip_prefix(b" ")?)?;
    if count != b"-" {
        digits(count)?;
    }
    let (rest, duration) = rest.split_at_checked(memchr::memrchr(b' ', rest)?)?;
    let duration_us = digits(duration.get(1..)?.strip_suffix(b"ms")?)?.checked_mul(1000)?;
    // `"router" "url"`, or a bare `-` for either; from the right, since quotes in names are not always escaped.
    let url = match rest.strip_suffix(b"\"") {
        Some(inner) => inner.get(memchr::memrchr(b'"', inner)? + 1..)?,
        None => rest.rsplit(|byte| *byte == b' ').next().filter(|word| *word == b"-")?,
    };
    record.end = Some(ended(stamp, Some(duration_us)));
    record.request_time_us = Some(duration_us);
    record.upstream_addr = if url.is_empty() { b"-" } else { authority(url) };
    Some(record)
}

fn read_json(line: &[u8]) -> Option<Record<'_>> {
    let mut record = AccessRecord::default();
    let (mut start, mut local, mut written): (Option<Stamp>, Option<Stamp>, Option<Stamp>) =
        (None, None, None);
    let (mut own, mut of_service) = (None, None);
    let mut address: &[u8] = b"";
    let (mut service, mut level, mut message) = (false, false, false);
    let stamp = |text: &[u8]| iso(text).filter(|(_, used)| *used == text.len()).map(|(stamp, _)| stamp);
    let status =
        |text: &[u8]| digits(text).and_then(|value| u16::try_from(value).ok()).filter(|value| *value < 1000);
    let nanoseconds = |text: &[u8]| digits(text).map(|value| value / 1000);
    let mut members = Members::new(line);
    for member in members.by_ref().filter(|member| member.inside.is_empty() || member.inside == b"ServiceURL")
    {
        let value = member.value;
        match member.key {
            b"StartUTC" => start = stamp(value),
            b"StartLocal" => local = stamp(value),
            b"time" => written = stamp(value),
            b"level" => level = true,
            b"msg" => message = !value.is_empty(),
            b"DownstreamStatus" => own = Some(status(value)?),
            b"OriginStatus" => of_service = status(value).filter(|status| *status != 0),
            b"Duration" => record.request_time_us = nanoseconds(value),
            b"OriginDuration" => record.upstream_response_time_us = nanoseconds(value),
            b"DownstreamContentSize" => {
                record.bytes_sent = digits(value).and_then(|size| u64::try_from(size).ok())
            }
            b"RequestMethod" => record.method = value,
            b"RequestPath" => record.path = host_and_path(value).1,
            b"RequestHost" => record.host = value,
            b"ClientHost" => record.remote_addr = value,
            b"request_User-Agent" => record.user_agent = value,
            b"ServiceAddr" | b"BackendAddr" => address = value,
            // Traefik 2 writes the URL as an object.
            b"ServiceURL" | b"Host" if address.is_empty() => address = authority(value),
            b"ServiceName" | b"BackendName" => service = true,
            _ => {}
        }
    }
    if !members.complete {
        return None;
    }
    let Some(own) = own else {
        return (level && message && written.is_some()).then_some(Record::Structure);
    };
    // Fields may be dropped by configuration; `time` is when the line was written, which is the end.
    record.end = Some(match start.or(local) {
        Some(start) => ended(start, record.request_time_us),
        None => written?,
    });
    record.status = own;
    record.upstream_status = of_service;
    record.upstream_addr = match address {
        b"" if of_service.is_none() && !service => b"-",
        address => address,
    };
    if of_service.is_none() {
        record.upstream_response_time_us = None;
    }
    // Some nameless `{"DownstreamStatus":…}` would be anybody's.
    (!record.method.is_empty() || !record.path.is_empty()).then_some(Record::Access(record))
}

impl Format for AccessLog {
    fn name(&self) -> String {
        if self.json { "traefik-json".to_owned() } else { "traefik-common".to_owned() }
    }

    fn source(&self) -> Source {
        Source::NginxAccess
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        if self.json { read_json(&raw.text) } else { read_common(&raw.text) }.ok_or("not_a_request")
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::timestamp::Zone;

    // elastic/beats, filebeat/module/traefik/access/test; the second has a broken quote.
    const COMMON: &str = r#"192.168.33.1 - - [02/Oct/2017:20:22:07 +0000] "GET /ui/favicons/favicon-16x16.png HTTP/1.1" 304 0 "http://example.com/login" "Mozilla/5.0 (X11; Linux x86_64)" 262 "Host-host-1" "http://172.19.0.3:5601" 2ms"#;
    const BROKEN: &str = r#"85.181.35.98 - - [02/Oct/2017:20:22:08 +0000] "GET /ui/favicons/favicon.ico HTTP/1.1" 304 0 "http://example.com/login" "Mozilla/5.0 (X11; Linux x86_64)" 271 "Host-host1 "http://172.19.0.3:5601" 3ms"#;
    const DASHES: &str =
        r#"10.42.0.1 - admin [23/Nov/2026:18:24:42 +0100] "GET / HTTP/2.0" 404 19 "-" "-" 7 "-" "-" 0ms"#;
    const JSON: &str = r#"{"ClientAddr":"192.168.156.1:31073","ClientHost":"192.168.156.1","ClientPort":"31073","ClientUsername":"-","DownstreamContentSize":75,"DownstreamStatus":404,"Duration":1964899,"OriginContentSize":75,"OriginDuration":1694568,"OriginStatus":404,"Overhead":270331,"RequestAddr":"nodejs.127.0.0.1.sslip.io","RequestContentSize":0,"RequestCount":1,"RequestHost":"nodejs.127.0.0.1.sslip.io","RequestMethod":"GET","RequestPath":"/500","RequestPort":"-","RequestProtocol":"HTTP/1.1","RequestScheme":"http","RetryAttempts":0,"RouterName":"http-0@docker","ServiceAddr":"192.168.156.12:3000","ServiceName":"http-0@docker","ServiceURL":"http://192.168.156.12:3000","StartLocal":"2025-02-28T12:11:34.10912886Z","StartUTC":"2025-02-28T12:11:34.10912886Z","entryPointName":"http","level":"info","msg":"","time":"2025-02-28T12:11:34Z"}"#;
    const UNROUTED: &str = r#"{"ClientAddr":"172.16.100.61:49880","ClientHost":"172.16.100.61","DownstreamContentSize":19,"DownstreamStatus":404,"Duration":204055,"Overhead":204055,"RequestAddr":"172.16.100.61","RequestHost":"172.16.100.61","RequestMethod":"GET","RequestPath":"/","StartLocal":"2021-06-05T04:03:22.742209746Z","StartUTC":"2021-06-05T04:03:22.742209746Z","level":"info","msg":"","time":"2021-06-05T04:03:22Z"}"#;

    fn request(line: &str) -> AccessRecord<'_> {
        match read_json(line.as_bytes()) {
            Some(Record::Access(record)) => record,
            _ => panic!("{line}"),
        }
    }

    #[test]
    fn common_lines() {
        let record = common(COMMON.as_bytes()).unwrap();
        // The stamp is the beginning.
        assert_eq!((record.end.unwrap().us, record.request_time_us), (1_506_975_727_002_000, Some(2000)));
        assert_eq!((record.upstream_addr, record.status), (b"172.19.0.3:5601".as_slice(), 304));
        assert_eq!(common(BROKEN.as_bytes()).unwrap().request_time_us, Some(3000));
        let dashes = common(DASHES.as_bytes()).unwrap();
        assert_eq!((dashes.upstream_addr, dashes.status), (b"-".as_slice(), 404));
        let escaped = COMMON.replace("(X11", "\\\"(X11");
        assert!(common(escaped.as_bytes()).is_some());
        for line in [COMMON, BROKEN, DASHES] {
            for cut in 0..line.len() {
                assert!(common(&line.as_bytes()[..cut]).is_none(), "{}", &line[..cut]);
            }
        }
    }

    #[test]
    fn json_lines() {
        let record = request(JSON);
        assert_eq!((record.end.unwrap().us, record.end.unwrap().zone), (1_740_744_694_111_092, Zone::Utc));
        assert_eq!((record.status, record.upstream_status), (404, Some(404)));
        assert_eq!((record.request_time_us, record.upstream_response_time_us), (Some(1964), Some(1694)));
        assert_eq!(
            (record.path, record.upstream_addr),
            (b"/500".as_slice(), b"192.168.156.12:3000".as_slice())
        );
        let unrouted = request(UNROUTED);
        assert_eq!((unrouted.upstream_addr, unrouted.upstream_status), (b"-".as_slice(), None));
        let object = JSON
            .replace(
                r#""ServiceURL":"http://192.168.156.12:3000""#,
                r#""ServiceURL":{"Scheme":"http","User":null,"Host":"10.0.0.50:3000","Path":""}"#,
            )
            .replace(r#""ServiceAddr":"192.168.156.12:3000","#, "");
        assert_eq!(request(&object).upstream_addr, b"10.0.0.50:3000");
        // Fields dropped by configuration; and a service that never answered.
        let few = r#"{"DownstreamStatus":504,"OriginStatus":0,"RequestPath":"/web","ServiceName":"odoo","time":"2026-11-23T18:24:42+01:00"}"#;
        assert_eq!(
            (request(few).status, request(few).upstream_status, request(few).upstream_addr),
            (504, None, b"".as_slice())
        );
        assert_eq!(request(few).end.unwrap().zone, Zone::Offset(3600));
        for cut in 0..JSON.len() {
            assert!(read_json(&JSON.as_bytes()[..cut]).is_none());
        }
        let own = br#"{"level":"error","msg":"Cannot connect to docker","time":"2026-11-23T18:24:42Z"}"#;
        assert!(matches!(read_json(own), Some(Record::Structure)));
        for line in ["", "{}", r#"{"DownstreamStatus":"x","RequestPath":"/"}"#, r#"{"DownstreamStatus":200}"#]
        {
            assert!(read_json(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn detection() {
        let name = |lines: &[&str]| {
            let lines = lines.iter().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.format.name())
        };
        assert_eq!(name(&[COMMON, DASHES]).as_deref(), Some("traefik-common"));
        assert_eq!(name(&[JSON, UNROUTED]).as_deref(), Some("traefik-json"));
        for decoy in [
            // Plain combined; logrus of another program; Caddy.
            &COMMON[..COMMON.find(" 262").unwrap()],
            r#"{"level":"info","msg":"started","time":"2026-11-23T18:24:42Z"}"#,
            r#"{"level":"info","ts":1,"logger":"http.log.access","msg":"handled request","request":{"method":"GET","uri":"/"},"status":200}"#,
        ] {
            assert_eq!(name(&[decoy]), None, "{decoy}");
        }
    }
}
