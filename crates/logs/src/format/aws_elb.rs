//! Access logs of AWS load balancers: Application Load Balancer and the older Classic Load Balancer (formats.md 5.1).
//!
//! Columns by the Elastic Load Balancing user guide; columns that AWS adds at the end are ignored. Both clocks are UTC.
//! An ALB stamps the end of the request, a Classic Load Balancer the beginning. The duration is the sum of the three
//! times; where one is −1 (its phase did not complete) it is the time since an ALB's `request_creation_time`. A target
//! that cannot be reached and one that does not answer look alike, so nothing is said of the connection.

use memchr::memchr;

use super::front_end::{claim, ended, host_and_path, word};
use super::nginx_access::{seconds_us, split_request};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{AccessRecord, Record, UpstreamFailure};
use crate::timestamp::{SECOND_US, Stamp, Zone, digits, iso};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "aws-elb",
    source: Source::NginxAccess,
    summary: "access logs of AWS load balancers: Application Load Balancer, Classic Load Balancer",
    origin: "Elastic Load Balancing user guide",
    detect,
    examples: &[
        Example {
            name: "aws-alb-access",
            file: "alb.log",
            text: r#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/web/login?db=o HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/1" 1 2018-07-02T22:22:59.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1
http 2018-11-30T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 - -1 -1 -1 503 - 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - - "Root=1-5" "-" "-" 0 2018-11-30T22:22:48.364000Z "forward" "-" "-"
"#,
        },
        Example {
            name: "aws-elb-access",
            file: "elb.log",
            text: r#"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -
"#,
        },
    ],
    foreign: &[
        Foreign {
            whose: "a VPC flow log",
            text: "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
        },
        Foreign {
            whose: "a Network Load Balancer's log",
            text: "tls 2.0 2018-12-20T02:59:40 net/my-network-loadbalancer/c6e77e28c25b2234 g3d4b5e8bb8464cd 72.21.218.154:51341 172.100.100.185:443 5 2 98 246 - arn:aws:acm:us-east-2:671290407336:certificate/2a108f19 - ECDHE-RSA-AES128-SHA tlsv12 - my.example.com - - -",
        },
    ],
    broken: &[Broken {
        reason: "not_a_request",
        text: "https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.0",
    }],
};

/// What an ALB calls the protocol, the first column.
const TYPES: [&[u8]; 6] = [b"http", b"https", b"h2", b"grpcs", b"ws", b"wss"];
/// Columns behind the user agent up to and without `request_creation_time`: cipher, protocol, target group, trace,
/// domain, certificate, rule.
const BEFORE_CREATION: usize = 7;
/// A request is not believed to last longer than a day, µs.
const LONGEST_US: i64 = 86_400 * SECOND_US;

/// The access log of a load balancer of either kind.
pub struct LoadBalancer {
    application: bool,
}

/// Claims files whose lines begin as a load balancer's do, with the protocol (ALB) or without (Classic).
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let application = claim(sample, Box::new(LoadBalancer { application: true }), read_application);
    application.or_else(|| claim(sample, Box::new(LoadBalancer { application: false }), read_classic))
}

fn read_application(line: &[u8]) -> Option<Record<'_>> {
    read(line, true).map(Record::Access)
}

fn read_classic(line: &[u8]) -> Option<Record<'_>> {
    let record = read(line, false)?;
    let http = record.status != 0 || !record.method.is_empty();
    Some(if http { Record::Access(record) } else { Record::Structure })
}

/// The column at the start of `input`, quotes removed, and what follows it.
fn column(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(inner) = input.strip_prefix(b"\"") else { return word(input) };
    let (value, rest) = inner.split_at_checked(memchr(b'"', inner)?)?;
    let rest = rest.get(1..)?;
    Some((value, rest.strip_prefix(b" ").unwrap_or(rest)))
}

fn utc(text: &[u8]) -> Option<Stamp> {
    iso(text).filter(|(stamp, used)| *used == text.len() && stamp.zone == Zone::Utc).map(|(stamp, _)| stamp)
}

/// `0.001`, or −1: outer `None` for what is no time.
fn phase(text: &[u8]) -> Option<Option<i64>> {
    match text {
        b"-1" | b"-1.000" | b"-1.0" | b"-" => Some(None),
        _ => seconds_us(text).map(Some),
    }
}

/// A request; a connection of a Classic Load Balancer that was no HTTP is one without a status.
fn read(line: &[u8], application: bool) -> Option<AccessRecord<'_>> {
    let mut rest = line.trim_ascii_end();
    let mut next = || {
        let (value, tail) = column(rest)?;
        rest = tail;
        Some(value)
    };
    let kind = if application { next()? } else { b"http" };
    if !TYPES.contains(&kind) {
        return None;
    }
    let stamp = utc(next()?)?;
    let name = next()?;
    if application && !name.starts_with(b"app/") {
        return None;
    }
    let (client, target) = (next()?, next()?);
    let client_port = memchr::memrchr(b':', client)?;
    let phases = [phase(next()?)?, phase(next()?)?, phase(next()?)?];
    let status = |text: &[u8]| match text {
        b"-" => Some(0),
        _ => (text.len() == 3).then(|| digits(text)).flatten().and_then(|value| u16::try_from(value).ok()),
    };
    let (own, of_target) = (status(next()?)?, status(next()?)?);
    let (_received, sent) = (digits(next()?)?, digits(next()?)?);
    let request = next()?;
    // The oldest lines of a Classic Load Balancer end with the request.
    let user_agent = next().unwrap_or_default();
    // `- http://erp.example.com:80- -` is what could not be read as a request.
    let (method, url) = if request.starts_with(b"- ") { (&[][..], &[][..]) } else { split_request(request) };
    let (host, path) = host_and_path(url);
    let sum = phases.iter().try_fold(0i64, |sum, phase| Some(sum.saturating_add((*phase)?)));
    let (end, duration_us) = if application {
        let created = (0..BEFORE_CREATION).try_for_each(|_| next().map(|_| ())).and_then(|()| utc(next()?));
        let whole = created.map(|created| stamp.us.saturating_sub(created.us));
        let whole = whole.filter(|us| (0..=LONGEST_US).contains(us));
        // A websocket's times end with its handshake, its stamp is the end of the connection.
        (stamp, if kind.starts_with(b"ws") { whole.or(sum) } else { sum.or(whole) })
    } else {
        (ended(stamp, sum), sum)
    };
    let failure = match (own, target) {
        (460, _) => Some(UpstreamFailure::ClientClosed),
        (503, b"-") => Some(UpstreamFailure::NoLiveUpstreams),
        _ => None,
    };
    let [_, upstream, _] = phases;
    Some(AccessRecord {
        end: Some(end),
        remote_addr: client.get(..client_port)?,
        host,
        method,
        path,
        status: own,
        bytes_sent: u64::try_from(sent).ok(),
        request_time_us: duration_us,
        upstream_response_time_us: upstream.filter(|_| target != b"-"),
        upstream_status: Some(of_target).filter(|status| *status != 0),
        upstream_addr: target,
        upstream_failure: failure,
        user_agent,
        ..AccessRecord::default()
    })
}

impl Format for LoadBalancer {
    fn name(&self) -> String {
        if self.application { "aws-alb-access".to_owned() } else { "aws-elb-access".to_owned() }
    }

    fn source(&self) -> Source {
        Source::NginxAccess
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let read = if self.application { read_application } else { read_classic };
        read(&raw.text).ok_or("not_a_request")
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    // elastic/beats, x-pack/filebeat/module/aws/elb/test.
    const IDLE: &str = r#"http 2019-10-11T15:01:50.492440Z app/filebeat-aws-elb-test/c86a326e7dc14222 77.227.156.41:56488 10.0.1.107:80 -1 -1 -1 504 - 125 308 "GET http://filebeat-aws-elb-test-12030537.eu-central-1.elb.amazonaws.com:80/ HTTP/1.1" "curl/7.58.0" - - arn:aws:elasticloadbalancing:eu-central-1:627959692251:targetgroup/test-lb-instances/8f04c4fe71f5f794 "Root=1-5da09954-2c342a443bfb96249aa50ed7" "-" "-" 0 2019-10-11T15:01:40.491000Z "forward" "-" "-""#;
    const HTTPS: &str = r#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/web/login?db=o HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/1" 1 2018-07-02T22:22:59.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1 "x" y"#;
    const NO_TARGET: &str = r#"http 2018-11-30T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 - -1 -1 -1 503 - 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - -"#;
    const MALFORMED: &str = r#"http 2018-11-30T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 - -1 -1 -1 400 - 0 0 "- http://www.example.com:80- -" "-" - - - "-" "-" "-" 0 2018-11-30T22:22:48.364000Z "-" "-" "-""#;
    const GLUED: &str = r#"wss 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 10.0.0.140:44244 10.0.0.171:8010 0.000 0.001 0.000 101 101 218 786 "GET https://10.0.0.30:443/websocket HTTP/1.1" "-" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337364-23a8c76965a2ef7629b185e3" "-" "-"1 2018-07-02T22:22:48.364000Z "forward" "-" "-""#;
    const CLASSIC: &str = r#"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#;
    const CLASSIC_TCP: &str = r#"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.001069 0.000028 0.000041 - - 82 305 "- - - " "-" - -"#;

    #[test]
    fn application() {
        let idle = read(IDLE.as_bytes(), true).unwrap();
        assert_eq!((idle.status, idle.upstream_status, idle.request_time_us), (504, None, Some(10_001_440)));
        assert_eq!((idle.end.unwrap().us, idle.upstream_response_time_us), (1_570_806_110_492_440, None));
        assert_eq!(
            (idle.remote_addr, idle.upstream_addr),
            (b"77.227.156.41".as_slice(), b"10.0.1.107:80".as_slice())
        );
        let https = read(HTTPS.as_bytes(), true).unwrap();
        assert_eq!((https.method, https.path), (b"GET".as_slice(), b"/web/login?db=o".as_slice()));
        assert_eq!((https.host, https.bytes_sent), (b"www.example.com".as_slice(), Some(57)));
        assert_eq!((https.request_time_us, https.upstream_response_time_us), (Some(171_000), Some(48_000)));
        assert_eq!((https.upstream_status, https.upstream_failure), (Some(200), None));
        let none = read(NO_TARGET.as_bytes(), true).unwrap();
        assert_eq!(
            (none.upstream_addr, none.upstream_failure),
            (b"-".as_slice(), Some(UpstreamFailure::NoLiveUpstreams))
        );
        assert_eq!(none.request_time_us, None);
        let malformed = read(MALFORMED.as_bytes(), true).unwrap();
        assert_eq!(
            (malformed.status, malformed.method, malformed.path),
            (400, b"".as_slice(), b"".as_slice())
        );
        assert_eq!(read(GLUED.as_bytes(), true).unwrap().request_time_us, Some(11_822_641));
        let left = IDLE.replace(" 504 ", " 460 ");
        assert_eq!(
            read(left.as_bytes(), true).unwrap().upstream_failure,
            Some(UpstreamFailure::ClientClosed)
        );
    }

    #[test]
    fn classic() {
        let record = read(CLASSIC.as_bytes(), false).unwrap();
        // The stamp is the beginning.
        assert_eq!((record.end.unwrap().us, record.request_time_us), (1_431_560_383_947_136, Some(1178)));
        let raw = |text: &'static str| Raw::of(text.as_bytes());
        let format = LoadBalancer { application: false };
        assert!(matches!(format.parse(&raw(CLASSIC_TCP), &mut Memory::default()), Ok(Record::Structure)));
        assert_eq!(format.parse(&raw(IDLE), &mut Memory::default()).err(), Some("not_a_request"));
    }

    #[test]
    fn broken_lines() {
        for line in [IDLE, HTTPS, NO_TARGET, GLUED] {
            for cut in 0..line.len() {
                let _ = read(&line.as_bytes()[..cut], true);
                let _ = read(&line.as_bytes()[cut..], true);
            }
            assert!(read(&line.as_bytes()[..line.find("HTTP/").unwrap()], true).is_none());
        }
        for line in [
            "",
            "http",
            &IDLE.replace("http 2019", "tls 2019"),
            &IDLE.replace(" app/", " net/"),
            &IDLE.replace("15:01:50.492440Z", "15:01:50.492440"),
            &IDLE.replace(" 504 ", " 50x "),
            &IDLE.replace(" -1 -1 -1 ", " -1 x -1 "),
        ] {
            assert!(read(line.as_bytes(), true).is_none(), "{line}");
        }
    }

    #[test]
    fn detection() {
        let name = |lines: &[&str]| {
            let lines = lines.iter().map(|line| Cow::Owned(line.as_bytes().to_vec())).collect();
            detect(&Sample { lines, name: "x" }, &Context::default()).map(|claim| claim.format.name())
        };
        assert_eq!(name(&[IDLE]).as_deref(), Some("aws-alb-access"));
        assert_eq!(name(&[CLASSIC, CLASSIC_TCP]).as_deref(), Some("aws-elb-access"));
        for decoy in [
            // VPC flow log, NLB, ALB connection log, CloudFront, S3.
            "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
            "tls 2.0 2018-12-20T02:59:40 net/my-network-loadbalancer/c6e77e28c25b2234 g3d4b5e8bb8464cd 72.21.218.154:51341 172.100.100.185:443 5 2 98 246 - arn:aws:acm:us-east-2:671290407336:certificate/2a108f19 - ECDHE-RSA-AES128-SHA tlsv12 - my.example.com - - -",
            "2023-10-04T17:05:15.514108Z 203.0.113.1 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 - - - Success TID_1",
            "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200",
        ] {
            assert_eq!(name(&[decoy]), None, "{decoy}");
        }
    }
}
