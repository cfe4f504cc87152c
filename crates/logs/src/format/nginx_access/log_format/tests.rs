use proptest::prelude::*;

use super::*;
use crate::format::nginx_access::fields::SLOWLY;
use crate::timestamp::Zone;

const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
const TIMED: &str = r#" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" ua="$upstream_addr" us="$upstream_status" rid=$request_id"#;
const INGRESS: &str = " $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id";
const JSON: &str = r#"{"time":"$time_iso8601","msec":"$msec","remote_addr":"$remote_addr","method":"$request_method","uri":"$request_uri","status":$status,"body_bytes_sent":$body_bytes_sent,"request_time":$request_time,"upstream_addr":"$upstream_addr","upstream_status":"$upstream_status","upstream_connect_time":"$upstream_connect_time","upstream_response_time":"$upstream_response_time","http_user_agent":"$http_user_agent","request_id":"$request_id"}"#;
const LINE: &str = r#"127.0.0.1 - - [23/Nov/2026:20:24:34 +0200] "HEAD /websocket HTTP/1.1" 502 0 "-" "curl/7.88.1 ws-probe""#;
const LABELS: &str = r#" rt=0.003 uct="-" uht="-" urt="0.000" ua="127.0.0.1:8172" us="502" rid=4841c5d19dae304154622e45c4e28915"#;

fn compile(escape: Escape, template: &str) -> LogFormat {
    LogFormat::compile("test", escape, template).unwrap_or_else(|error| panic!("{template}: {error}"))
}

fn read<'a>(format: &LogFormat, line: &'a str) -> AccessRecord<'a> {
    format.read(line.as_bytes(), None).unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn templates_compile_and_read() {
    /// Template, escape, a line of it; time since 1970 in ms, status, request time, upstream time, last upstream.
    type Row<'a> = (&'a str, Escape, &'a str, i64, u16, Option<i64>, Option<i64>, &'a str);
    let timed = [COMBINED, TIMED].concat();
    let rows: &[Row<'_>] = &[
        (COMBINED, Escape::Default, LINE, 1_795_458_274_000, 502, None, None, ""),
        (
            &[COMBINED, r#" "$http_x_forwarded_for" $request_time $upstream_response_time $pipe"#].concat(),
            Escape::Default,
            r#"203.0.113.13 - - [15/Jan/2026:10:08:35 +0000] "POST /web/dataset/call_kw/res.partner/search_read HTTP/1.1" 200 1027 "http://erp.example.com/web" "Mozilla/5.0 (Windows NT 10.0; Win64; x64)" "203.0.113.13, 10.0.0.1" 0.042 0.041 ."#,
            1_768_471_715_000,
            200,
            Some(42_000),
            Some(41_000),
            "",
        ),
        (&timed, Escape::Default, &[LINE, LABELS].concat(), 1_795_458_274_000, 502, Some(3000), Some(0), "127.0.0.1:8172"),
        (
            &timed,
            Escape::Default,
            // Retries and an internal redirect: lists.
            r#"::1 - jo e [23/Nov/2026:20:24:34 +0200] "GET /a HTTP/1.1" 504 9 "-" "x" rt=2.605 uct="-, 0.000 : 0.001" uht="-" urt="0.001, 2.5 : 0.1" ua="127.0.0.1:19001, [::1]:8069 : unix:/run/odoo.sock" us="502, 504 : 200" rid=ab"#,
            1_795_458_274_000,
            504,
            Some(2_605_000),
            Some(2_601_000),
            "unix:/run/odoo.sock",
        ),
        (
            &["$host ", COMBINED, r#" "$upstream_addr""#].concat(),
            Escape::Default,
            &["erp.example.com ", LINE, r#" "-""#].concat(),
            1_795_458_274_000,
            502,
            None,
            None,
            "-",
        ),
        (
            &[COMBINED, INGRESS].concat(),
            Escape::Default,
            &[LINE, " 83 0.055 [default-odoo-8069] [] 10.1.2.3:8069, 10.1.2.4:8069 0, 157 0.001, 0.052 502, 502 9a1f"].concat(),
            1_795_458_274_000,
            502,
            Some(55_000),
            Some(53_000),
            "10.1.2.4:8069",
        ),
        (
            "$time_iso8601\t$remote_addr\t$request\t$status\t$request_time\t$upstream_addr\t$upstream_response_time\t$http_user_agent",
            Escape::Default,
            "2026-11-23T20:24:34+02:00\t::1\tGET /a b HTTP/1.1\t200\t1.000\t10.0.0.1:1, 10.0.0.2:1\t-, 0.250\tcurl 5",
            1_795_458_274_000,
            200,
            Some(1_000_000),
            Some(250_000),
            "10.0.0.2:1",
        ),
        (
            // Unquoted free text is found by what follows it.
            "$msec $http_user_agent $request_time $unknown|$status",
            Escape::Default,
            "1795458274.641 Mozilla/5.0 (Windows NT 10.0; Win64; x64) 0.250 some thing|304",
            1_795_458_274_641,
            304,
            Some(250_000),
            None,
            "",
        ),
        (
            "${status}$pipe${time_local}$request_time$request_uri $host$uri",
            Escape::Default,
            "200.23/Nov/2026:20:24:34 +02000.125/a?b=c erp.example.com/a",
            1_795_458_274_000,
            200,
            Some(125_000),
            None,
            "",
        ),
        (
            JSON,
            Escape::Json,
            r#"{"time":"2026-11-23T20:24:34+02:00","msec":"1795458274.641","remote_addr":"127.0.0.1","method":"HEAD","uri":"/websocket","status":502,"body_bytes_sent":0,"request_time":0.001,"upstream_addr":"127.0.0.1:8172","upstream_status":"502","upstream_connect_time":"-","upstream_response_time":"0.000","http_user_agent":"a \"b\", \\","request_id":"48"}"#,
            1_795_458_274_641,
            502,
            Some(1000),
            Some(0),
            "127.0.0.1:8172",
        ),
        (
            // Not legal JSON, but what nginx writes.
            r#"{"t":$msec,"urt":$upstream_response_time,"rt":$request_time,"s":$status,"url":"$scheme://$host$request_uri","ua":"$upstream_addr"}"#,
            Escape::Json,
            r#"{"t":1795458274.641,"urt":0.000, 0.052,"rt":,"s":200,"url":"https://erp.example.com/a","ua":""}"#,
            1_795_458_274_641,
            200,
            None,
            Some(52_000),
            "-",
        ),
        (
            r#"{"tags":["a"],"t":"$msec","s":$status,"rt":"$request_time"}"#,
            Escape::Json,
            r#"{"tags":["a"],"t":"1795458274.641","s":200,"rt":"0.250"}"#,
            1_795_458_274_641,
            200,
            Some(250_000),
            None,
            "",
        ),
        (
            r#"$msec "$request" $status "$http_user_agent" $request_time $upstream_response_time"#,
            Escape::None,
            "1795458274.641 \"GET /\"a\\ HTTP/1.1\" 200 \"say \"hi\" \" 0.250 ",
            1_795_458_274_641,
            200,
            Some(250_000),
            None,
            "",
        ),
    ];
    for (template, escape, line, ms, status, time, upstream, address) in rows {
        let format = compile(*escape, template);
        let record = read(&format, line);
        assert_eq!(record.end.unwrap().us / 1000, *ms, "{template}");
        assert_eq!(
            (record.status, record.request_time_us, record.upstream_response_time_us, record.upstream_addr),
            (*status, *time, *upstream, address.as_bytes()),
            "{template}"
        );
        // No prefix panics, and a line cut in mid-record is not taken for a whole one where it can be told.
        for cut in 0..line.len() {
            let _ = format.read(&line.as_bytes()[..cut], None);
        }
        assert!(format.read(&line.as_bytes()[..line.len() / 3], None).is_none(), "{template}");
        assert!(format.read(b"\xFF\x00\x1B garbage", None).is_none());
    }
}

#[test]
fn templates_that_cannot_be_read_say_why() {
    use LogFormatError::{Ambiguous, NoStatus, VariableName};
    let rows = [
        ("$status $remote_user$host", Ambiguous { offset: 20 }),
        ("$status $host$http_user_agent", Ambiguous { offset: 13 }),
        // Digits meet digits.
        ("$status$body_bytes_sent", Ambiguous { offset: 7 }),
        ("$status ${body_bytes_sent}$request_time", Ambiguous { offset: 26 }),
        ("$upstream_addr$upstream_status $status", Ambiguous { offset: 14 }),
        // The joints of a list.
        ("$status us=$upstream_status, $request_time", Ambiguous { offset: 29 }),
        ("$status ua=$upstream_addr : $request_time", Ambiguous { offset: 28 }),
        // A user agent is full of blanks.
        ("$status $http_user_agent $http_referer", Ambiguous { offset: 25 }),
        ("$status $ ", VariableName { offset: 8 }),
        ("$status ${host ", VariableName { offset: 8 }),
        ("$remote_addr", NoStatus { offset: 12 }),
        ("", NoStatus { offset: 0 }),
        (r#"{"a":"$host"}"#, NoStatus { offset: 13 }),
    ];
    for (template, error) in rows {
        assert_eq!(LogFormat::compile("x", Escape::Default, template).unwrap_err(), error, "{template}");
    }
    let text = LogFormat::compile("x", Escape::Default, "$host$args $status").unwrap_err().to_string();
    assert_eq!(text, "nothing tells two variables apart: the second begins at byte 5");
}

#[test]
fn directives() {
    let format = LogFormat::parse_directive(
        "log_format\n timed escape=json # why\n '$status' \" \\\"$http_user_agent\\\"\"\n ' $request_time';",
    )
    .unwrap();
    assert_eq!((format.name(), format.escape), ("timed", Escape::Json));
    assert_eq!(read(&format, r#"200 "a \" b" 0.001"#).user_agent, br#"a \" b"#);
    for broken in [
        "",
        "log_format",
        "log_format x",
        "log_format x '$status'",
        "access_log x;",
        "log_format;",
        "log_format x;",
    ] {
        assert!(LogFormat::parse_directive(broken).is_err(), "{broken}");
    }
}

#[test]
fn odd_requests() {
    let format = compile(Escape::Default, COMBINED);
    let rows: [(&str, &str, &str, &str); 10] = [
        (r#""" 400 0"#, "", "", "connected and said nothing"),
        (r#""-" 408 0"#, "", "", "timed out"),
        (r#""\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03" 400 157"#, "", "", "TLS to a plain port"),
        (r#""\x00" 400 157"#, "", "", "null"),
        (r#""PRI * HTTP/2.0" 400 157"#, "PRI", "*", "HTTP/2 to HTTP/1"),
        (r#""GET /ok" 200 2"#, "GET", "/ok", "HTTP/0.9"),
        (r#""GET /a b HTTP/1.1" 400 157"#, "GET", "/a b", "a blank"),
        (r#""CONNECT a:443 HTTP/1.1" 400 157"#, "CONNECT", "a:443", "proxy"),
        (r#""GET http://evil/ HTTP/1.0" 200 2"#, "GET", "http://evil/", "absolute"),
        (r#""GET /?q=\x22\x5C HTTP/3.0" 499 0"#, "GET", r"/?q=\x22\x5C", "escaped"),
    ];
    for (request, method, path, why) in rows {
        let line = format!(r#"1.2.3.4 - - [23/Nov/2026:20:24:34 +0200] {request} "-" "say \x22hi\x22 \x5C""#);
        let record = read(&format, &line);
        assert_eq!((record.method, record.path), (method.as_bytes(), path.as_bytes()), "{why}");
        assert_eq!(record.user_agent, br"say \x22hi\x22 \x5C");
    }
    for broken in [
        "",
        "-",
        // A head cut off, a hole, a status that is none, an impossible date: all from the train bundles or near.
        r#":27 +0200] "GET /web/static/img/favicon.ico HTTP/1.1" 200 1273 "-" "Mozilla/5.0""#,
        "198.51.100.20\u{0}2:15:05 +0200] \"POST /web HTTP/1.1\" 200 867 \"-\" \"-\"",
        r#"1.2.3.4 - - [23/Nov/2026:20:24:34 +0200] "GET / HTTP/1.1" 20 0 "-" "-""#,
        r#"1.2.3.4 - - [31/Feb/2026:20:24:34 +0200] "GET / HTTP/1.1" 200 0 "-" "-""#,
        r#"1.2.3.4 - - [23/Nov/2026:20:24:34 Z0200] "GET / HTTP/1.1" 200 0 "-" "-""#,
        r#"1.2.3.4 - - [23/Nov/2026:20:24:34 +0200] "GET / HTTP/1.1" 200 0 "-" "Mozill"#,
    ] {
        assert!(format.read(broken.as_bytes(), None).is_none(), "{broken}");
    }
}

#[test]
fn long_lines_take_linear_time() {
    // Quadratic time would be minutes here.
    for (template, unit) in [
        (COMBINED, "\" 200 "),
        ("$msec $http_user_agent $request_time|$status", " 1, 1"),
        ("$msec $foo|$upstream_addr $status", "|"),
        ("$foo $upstream_response_time $status", "1, "),
        (JSON, "{\"a\":"),
        (JSON, "{\"a\":\"\" "),
        (JSON, "{\"a\":b,"),
    ] {
        let format = compile(Escape::Default, template);
        let line = ["1795458274.641 ", &unit.repeat(20_000)].concat();
        let object = unit.repeat(20_000);
        for line in [line, object] {
            assert!(format.read(line.as_bytes(), None).is_none());
            for predefined in LogFormat::predefined() {
                assert!(predefined.read(line.as_bytes(), None).is_none());
            }
        }
    }
}

#[test]
fn no_upstream_is_no_failed_connection() {
    let format = compile(Escape::Default, &[COMBINED, TIMED].concat());
    let file = [LINE, r#" rt=0.000 uct="-" uht="-" urt="-" ua="-" us="-" rid=1"#].concat();
    assert!(!read(&format, &file).upstream_never_connected);
    let line = [LINE, LABELS].concat();
    assert!(read(&format, &line).upstream_never_connected);
    let retried = line.replace("uct=\"-\"", "uct=\"-, 0.001\"");
    assert!(!read(&format, &retried).upstream_never_connected);
    // The group's name stands for the address when no upstream is live.
    let dead = line.replace("127.0.0.1:8172", "odoo");
    assert_eq!(
        (read(&format, &dead).upstream_addr, read(&format, &dead).upstream_status),
        (b"odoo".as_slice(), Some(502))
    );
}

/// What nginx prints for a value.
fn escaped(escape: Escape, value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match (escape, byte) {
            (Escape::Default, b'"' | b'\\' | 0..=0x1F | 0x7F..=0xFF) => {
                out.push_str(&format!("\\x{byte:02X}"))
            }
            (Escape::Json, b'"' | b'\\') => out.extend(['\\', char::from(byte)]),
            (Escape::Json, 0..=0x1F) => out.push_str(&format!("\\u{byte:04X}")),
            // Bytes above 0x7F stay raw under JSON; the strategy has none.
            _ => out.push(char::from(byte)),
        }
    }
    if escape == Escape::Default && out.is_empty() { "-".to_owned() } else { out }
}

fn render(template: &str, values: &[(&str, String)]) -> String {
    // Longer names first: `$request` is a prefix of `$request_time`.
    let mut names: Vec<_> = values.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut line = String::new();
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once('$') {
        line.push_str(literal);
        match names.iter().find(|(name, _)| tail.starts_with(name)) {
            Some((name, value)) => {
                line.push_str(value);
                rest = &tail[name.len()..];
            }
            None => panic!("no value for ${tail}"),
        }
    }
    line + rest
}

proptest! {
    #[test]
    fn what_a_template_prints_is_read_back(
        (second, milliseconds) in (0i64..4_000_000_000, 0i64..1000),
        (status, bytes) in (100u16..600, any::<u32>()),
        request_time in 0i64..10_000_000,
        attempts in prop::collection::vec((prop::option::of(0i64..1_000_000), 100u16..600, any::<bool>()), 0..4),
        path in "/[ -~]{0,30}",
        agent in "[\\x01-\\x7E]{0,40}",
        user in "[a-z ]{0,8}",
        which in 0usize..5,
    ) {
        let (template, escape) = [
            ([COMBINED, TIMED].concat(), Escape::Default),
            ([COMBINED, INGRESS].concat(), Escape::Default),
            ("$msec\t$status\t$http_user_agent\t$remote_user\t$request\t$body_bytes_sent\t$request_time\t$upstream_addr\t$upstream_status\t$upstream_response_time\t$request_id".to_owned(), Escape::Default),
            (JSON.to_owned(), Escape::Json),
            ([COMBINED, TIMED].concat(), Escape::Json),
        ][which].clone();
        let joined = |parts: Vec<String>| {
            let mut text = String::new();
            for (part, (_, _, pass)) in parts.iter().zip(&attempts) {
                if !text.is_empty() {
                    text.push_str(if *pass { " : " } else { ", " });
                }
                text.push_str(part);
            }
            if text.is_empty() && escape == Escape::Default { "-".to_owned() } else { text }
        };
        let seconds = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
        let times = joined(attempts.iter().map(|(ms, ..)| ms.map_or("-".to_owned(), seconds)).collect());
        let statuses = joined(attempts.iter().map(|(_, status, _)| status.to_string()).collect());
        let addresses = joined((0..attempts.len()).map(|number| format!("10.0.0.{number}:8069")).collect());
        let time = chrono::DateTime::from_timestamp(second, 0).unwrap();
        let values = [
            ("remote_addr", "::1".to_owned()),
            ("remote_user", escaped(escape, &user)),
            ("time_local", time.format("%d/%b/%Y:%H:%M:%S +0000").to_string()),
            ("time_iso8601", time.format("%Y-%m-%dT%H:%M:%S+00:00").to_string()),
            ("msec", format!("{second}.{milliseconds:03}")),
            ("request_method", "GET".to_owned()),
            ("request_uri", escaped(escape, &path)),
            ("request", escaped(escape, &format!("GET {path} HTTP/1.1"))),
            ("status", status.to_string()),
            ("body_bytes_sent", bytes.to_string()),
            ("request_length", bytes.to_string()),
            ("http_referer", escaped(escape, &agent)),
            ("http_user_agent", escaped(escape, &agent)),
            ("proxy_upstream_name", "default-odoo-8069".to_owned()),
            ("proxy_alternative_upstream_name", String::new()),
            ("request_time", seconds(request_time)),
            ("upstream_connect_time", times.clone()),
            ("upstream_header_time", times.clone()),
            ("upstream_response_time", times),
            ("upstream_response_length", joined(attempts.iter().map(|_| "7".to_owned()).collect())),
            ("upstream_addr", addresses),
            ("upstream_status", statuses),
            ("request_id", "9a1f".to_owned()),
            ("req_id", "9a1f".to_owned()),
        ];
        let line = render(&template, &values);
        let record = compile(escape, &template).read(line.as_bytes(), None);
        prop_assert!(record.is_some(), "{line}");
        let record = record.unwrap();
        let end = record.end.unwrap();
        let fine = template.contains("$msec");
        prop_assert_eq!(end.us, second * 1_000_000 + if fine { milliseconds * 1000 } else { 0 });
        prop_assert_eq!(end.zone, if template.contains("$time_") { Zone::Offset(0) } else { Zone::Utc });
        prop_assert_eq!((record.method, record.status), (b"GET".as_slice(), status));
        prop_assert_eq!(String::from_utf8_lossy(record.path), escaped(escape, &path));
        prop_assert_eq!(String::from_utf8_lossy(record.user_agent), escaped(escape, &agent));
        prop_assert_eq!(record.request_id, b"9a1f");
        prop_assert_eq!(record.bytes_sent, Some(u64::from(bytes)));
        prop_assert_eq!(record.request_time_us, Some(request_time * 1000));
        let sum = attempts.iter().filter_map(|(ms, ..)| *ms).reduce(|sum, ms| sum + ms).map(|ms| ms * 1000);
        prop_assert_eq!(record.upstream_response_time_us, sum);
        prop_assert_eq!(record.upstream_status, attempts.last().map(|(_, status, _)| *status));
    }

    #[test]
    fn nothing_panics(template in "([ -~]|\\$status|\\$request_uri|\\$host){0,30}", line in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(format) = LogFormat::compile("x", Escape::None, &template) {
            let _ = format.read(&line, None);
        }
        for format in LogFormat::predefined() {
            let _ = format.read(&line, None);
        }
        let _ = LogFormat::parse_directive(&template);
    }
}

/// Values as they come, or nearly: what reading by hand must leave to the matcher, too.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0u32..4000, 0u32..1000).prop_map(|(s, ms)| format!("{s}.{ms:03}")),
        2 => (100u32..600).prop_map(|status| status.to_string()),
        1 => Just("-".to_owned()),
        1 => Just("127.0.0.1:8069".to_owned()),
        1 => Just("23/Nov/2026:20:24:34 +0200".to_owned()),
        1 => Just("0.001, 0.002 : 0.003".to_owned()),
        1 => Just("10.0.0.1:80, unix:/run/odoo.sock".to_owned()),
        1 => "[0-9.:, \"\\\\\t=-]{0,12}",
        1 => "[ -~]{0,12}",
    ]
}

proptest! {
    /// What is read by hand is what the matcher would read.
    #[test]
    fn by_hand_is_no_other_reading(
        client in prop_oneof![4 => Just("10.0.0.1".to_owned()), 1 => value()],
        user in prop_oneof![4 => Just("-".to_owned()), 1 => value()],
        time in prop_oneof![6 => Just("23/Nov/2026:20:24:34 +0200".to_owned()), 1 => value()],
        request in prop_oneof![4 => "(GET|POST|get) /[ -~]{0,9} HTTP/[12].[01]", 1 => value()],
        status in prop_oneof![6 => "[1-5][0-9]{2}", 1 => value()],
        bytes in prop_oneof![6 => "[0-9]{1,6}", 1 => value()],
        agent in "[ -~]{0,20}",
        tail in prop::collection::vec((prop::sample::select(vec!["rt", "urt", "uct", "uht", "us", "ua", "rid", "x", "", "_=", "request_time"]), value(), any::<bool>()), 0..5),
        values in prop::array::uniform4(value()),
        (cut, blanks) in (0usize..400, 1usize..3),
        which in 0usize..6,
    ) {
        let [request_time, response_time, connect_time, address] = values;
        let mut line = format!("{client} - {user} [{time}] \"{request}\" {status} {bytes} \"-\" \"{agent}\"");
        for (key, value, quoted) in &tail {
            line.push_str(&" ".repeat(blanks));
            line.push_str(&if *quoted { format!("{key}=\"{value}\"") } else { format!("{key}={value}") });
        }
        if which >= 4 {
            line = format!("{request_time} {status} [{response_time}] {connect_time} {address} {bytes} [{time}]");
        }
        let line = line.as_bytes().get(..cut).unwrap_or(line.as_bytes());
        let labelled = LogFormat::predefined().into_iter().find(|format| format.name() == "labelled").unwrap();
        let format = [
            labelled,
            compile(Escape::Default, COMBINED),
            compile(Escape::Default, &[COMBINED, " $request_time $upstream_response_time $pipe"].concat()),
            compile(Escape::Json, &[COMBINED, TIMED].concat()),
            compile(Escape::Default, "$request_time $status [$upstream_response_time] $upstream_connect_time $upstream_status $body_bytes_sent [$time_local]"),
            compile(Escape::Default, "$request_time $status [$upstream_response_time] $upstream_connect_time $upstream_addr $body_bytes_sent [$time_local]"),
        ][which].clone();
        let by_hand = format.read(line, None);
        SLOWLY.set(true);
        let slowly = format.read(line, None);
        SLOWLY.set(false);
        prop_assert_eq!(format!("{by_hand:?}"), format!("{slowly:?}"));
    }

    /// What a line said before does not change what the next one says.
    #[test]
    fn lines_are_read_as_if_they_stood_alone(
        times in prop::collection::vec(
            r"2026-(11-23|02-30)T[012][0-9]:[0-6][0-9]:[0-6][0-9]([+-]0[0-9]:[034][05]|Z|[+]00:0|)x?", 0..9,
        ),
        milliseconds in "[0-9.x]{14}|[12][0-9]{9}[.][0-9]{3}",
    ) {
        let template = r#"{"t":"$time_iso8601","m":"$msec","r":"$request","s":$status,"b":$body_bytes_sent}"#;
        let formats = LogFormat::predefined().into_iter().chain([compile(Escape::Json, template)]);
        for format in formats.filter(|format| matches!(format.body, Body::Json(_) | Body::WellKnownJson)) {
            let mut last = Times::default();
            for time in &times {
                let line = format!(r#"{{"t":"{time}","time":"{time}","m":"1.5","r":"GET / HTTP/1.1","request":"GET / HTTP/1.1","s":200,"status":200,"b":1,"body_bytes_sent":1}}"#);
                let mut fields = Fields::default();
                let next = format.read_next(line.as_bytes(), None, &mut last, &mut fields).map(|()| fields.record);
                prop_assert_eq!(format!("{next:?}"), format!("{:?}", format.read(line.as_bytes(), None)), "{}", line);
            }
            let line = format!(r#"{{"m":"{milliseconds}","msec":"{milliseconds}","r":"GET /","request":"GET /","s":200,"status":200,"b":1,"body_bytes_sent":1}}"#);
            let end_us = format.read(line.as_bytes(), None).and_then(|record| record.end).map(|end| end.us);
            let expected = milliseconds.parse::<f64>().ok().filter(|_| !milliseconds.starts_with('.'));
            if let (Some(us), Some(seconds)) = (end_us, expected) {
                prop_assert!((us as f64 / 1e6 - seconds).abs() < 1e-3, "{} {}", us, milliseconds);
            }
        }
    }
}
