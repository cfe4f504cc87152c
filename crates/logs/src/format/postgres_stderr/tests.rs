use proptest::prelude::{TestCaseError, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::record::PostgresEvent;
use crate::timestamp::{SECOND_US, Stamp, Zone};

const ODOO: &str = "2026-11-23 18:25:40.940 UTC [12650] odoo@prod17 odoo-12317 LOG:  process 12650 still waiting for \
    ShareLock on transaction 2589 after 1000.123 ms";
const BADGER: &str = "2026-11-23 18:33:11 UTC [22502]: [1-1] user=odoo,db=o15,app=[unknown],client=127.0.0.1 ERROR:  \
    canceling statement due to user request";
const BACKGROUND: &str = "2026-11-23 18:33:44 UTC [28020]: [2-1] user=,db=,app=,client= STATEMENT:  ";

fn raw(text: &[u8]) -> Raw<'_> {
    Raw::of(text)
}

fn format(pattern: &str) -> StderrLog {
    StderrLog { prefix: Prefix::compile(pattern) }
}

/// Pid, severity, application, port and message of one record.
fn parse(pattern: &str, text: &str) -> Result<(u32, String, String, Option<u16>, String), &'static str> {
    let input = raw(text.as_bytes());
    let Record::Postgres(record) = format(pattern).parse(&input, &mut Memory::default())? else {
        return Err("structure");
    };
    let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((
        record.pid,
        string(record.severity),
        string(record.application_name),
        record.client_port,
        string(&record.message),
    ))
}

#[test]
fn prefixes() {
    let row = |pid, severity: &str, application: &str, port, message: &str| {
        Ok((pid, severity.to_owned(), application.to_owned(), port, message.to_owned()))
    };
    let own = "%m [%p] %q%u@%d %a ";
    let waiting = "process 12650 still waiting for ShareLock on transaction 2589 after 1000.123 ms";
    assert_eq!(parse(own, ODOO), row(12650, "LOG", "odoo-12317", None, waiting));
    // A prefix that was not the one found for the file.
    assert_eq!(parse("%t [%p]: ", ODOO), row(12650, "LOG", "odoo-12317", None, waiting));
    assert_eq!(
        parse(own, "2026-11-23 18:24:34.383 UTC [12106] LOG:  shutting down"),
        row(12106, "LOG", "", None, "shutting down")
    );
    assert_eq!(
        parse(own, "2026-11-23 18:24:34.383 UTC [6] a@b my app v2 FATAL:  connection to client lost"),
        row(6, "FATAL", "my app v2", None, "connection to client lost")
    );
    let badger = "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ";
    assert_eq!(
        parse(badger, BADGER),
        row(22502, "ERROR", "", None, "canceling statement due to user request")
    );
    let joined = format!("{BACKGROUND}\n\tSELECT 1");
    assert_eq!(parse(badger, &joined), row(28020, "STATEMENT", "", None, "\n\tSELECT 1"));
    assert_eq!(
        parse(badger, joined.trim_end_matches(' ')),
        row(28020, "STATEMENT", "", None, "\n\tSELECT 1")
    );
    let rds = "2026-11-23 18:23:20 UTC:10.0.0.5(52314):odoo@prod:[9656]:LOG:  x";
    assert_eq!(parse("%t:%r:%u@%d:[%p]:", rds), row(9656, "LOG", "", Some(52314), "x"));
    let rds = "2026-11-23 18:23:20 UTC::@:[6248]:LOG:  x";
    assert_eq!(parse("%t:%r:%u@%d:[%p]:", rds), row(6248, "LOG", "", None, "x"));
    let custom = "1795458201.769 6b048499.25fe 22012 SELECT psql ERROR:  division by zero";
    assert_eq!(parse("%n %c %e %i %a ", custom), row(9726, "ERROR", "psql", None, "division by zero"));
    assert_eq!(
        parse("%m %-7p|%5l ", "2026-11-23 18:23:20.1 UTC 12     |    3 LOG:  x"),
        row(12, "LOG", "", None, "x")
    );
    assert_eq!(
        parse("%m [%p] ", "2026-11-23 18:23:20.123 CET [9] ERROR:  57014: x"),
        row(9, "ERROR", "", None, "x")
    );
    assert_eq!(
        parse("%m [%p] ", "2026-11-23 18:23:20.123 CET [9] INSTRUCTION :  x"),
        row(9, "STATEMENT", "", None, "x")
    );
    assert_eq!(
        parse("%m [%p] ", "[5-1] 2026-11-23 18:23:20.123 CET [9] LOG:  x"),
        row(9, "LOG", "", None, "x")
    );
}

#[test]
fn zones_and_events() {
    let input = raw(ODOO.as_bytes());
    let Ok(Record::Postgres(record)) = format("%m [%p] ").parse(&input, &mut Memory::default()) else {
        panic!()
    };
    assert_eq!(record.event, PostgresEvent::StillWaiting { pid: 12650, waited_us: 1_000_123 });
    assert_eq!((record.stamp.zone, record.stamp.resolution_us), (Zone::Utc, 1000));
    let input = raw(b"2026-10-12 12:49:00.055 EET [15220] LOG:  checkpoint starting: time");
    let Ok(Record::Postgres(record)) = format("%m [%p] ").parse(&input, &mut Memory::default()) else {
        panic!()
    };
    assert_eq!(record.stamp.zone, Zone::Offset(7200));
}

#[test]
fn broken() {
    let starts = |line: &str| format("%m [%p] %q%u@%d ").starts_record(line.as_bytes());
    assert!(starts(ODOO) && starts(BADGER) && starts(BACKGROUND));
    assert!(!starts("\tSELECT 1") && !starts("") && !starts("ERROR:  x") && !starts(&ODOO[..40]));
    assert!(!starts("2026-11-23 18:25:40,940 22130 ERROR o15 odoo.sql_db: bad query:"));
    for line in [ODOO, BADGER] {
        for length in 0..line.len() {
            let _ = parse("%m [%p] %q%u@%d %a ", &line[..length]);
            let _ = parse("%n %c %e %i %a ", &line[length..]);
            let _ = starts(&line[length..]);
        }
    }
    assert_eq!(parse("%m [%p] ", ""), Err("structure"));
    assert_eq!(parse("%m [%p] ", "2026-11-23 18:25"), Err("no_severity"));
    assert_eq!(parse("%m [%p] ", "garbage LOG:  x"), Err("no_timestamp"));
    assert_eq!(parse("%99999999999999999999p%", "1 LOG:  x"), Err("no_timestamp"));
    assert_eq!(format("%").parse(&raw(b"\xff\0"), &mut Memory::default()).err(), Some("no_severity"));
}

#[test]
fn detection() {
    let claim = |content: &str, prefixes: &[&str]| {
        let lines = content.lines().map(|line| Cow::Borrowed(line.as_bytes())).collect();
        let log_line_prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        let context = Context { log_line_prefixes, ..Context::default() };
        detect(&Sample { lines, name: "postgresql.log" }, &context).map(|claim| claim.score)
    };
    assert_eq!(claim(&format!("{ODOO}\n\tx\n\ty\n\n{ODOO}\n"), &[]), Some(1.0));
    assert_eq!(claim(&format!("The files belonging to x\n{BADGER}\n"), &["%m [%p] "]), Some(1.0));
    let custom = "1795458201.769 6b048499.25fe 22012 SELECT psql ERROR:  division by zero\n";
    assert_eq!(claim(custom, &["%n %c %e %i %a "]), Some(1.0));
    // Seconds since 1970 are told by their looks.
    assert_eq!(claim(custom, &[]), Some(1.0));
    assert_eq!(
        claim("2026-11-23 18:25:40,940 22130 ERROR o15 odoo.sql_db: bad query: x\nERROR:  y\n", &[]),
        None
    );
    assert_eq!(claim("", &[]), None);
}

#[test]
fn prefixes_of_services_and_copies() {
    let pid = |text: &str| parse("%m [%p] ", text).map(|row| (row.0, row.1, row.4));
    let row = |pid, severity: &str, message: &str| Ok((pid, severity.to_owned(), message.to_owned()));
    for (text, expected) in [
        // Filebeat's module: `%t [%p-%l] %q%u@%d `.
        (
            "2018-11-17 13:16:03 CEST [5404-1] postgres@user FATAL:  database \"user\" does not exist",
            row(5404, "FATAL", "database \"user\" does not exist"),
        ),
        // pgBadger's fixtures: a blank is lost, `%h` in place of `%r`.
        (
            "2021-05-27 17:46:39 UTC:10.1.17.194:user@my_db:[19003]:LOG: duration: 0.060 ms statement: UPDATE t1",
            row(19003, "LOG", "duration: 0.060 ms statement: UPDATE t1"),
        ),
        (
            "2026-10-03 10:00:05.400 MSK [45]: user=u,db=d,app=a,client=1.1.1.1,xid=0 LOG:  checkpoint starting: time",
            row(45, "LOG", "checkpoint starting: time"),
        ),
        // Azure: `%t-%c-`.
        (
            "2024-01-15 10:42:12 UTC-65a50b8a.3039-LOG:  connection received: host=10.0.0.4",
            row(0x3039, "LOG", "connection received: host=10.0.0.4"),
        ),
        ("user=odoo,db=p 2026-11-23 18:25:40.940 UTC pid=77 ERROR:  x", row(77, "ERROR", "x")),
        ("2026-11-23 18:25:40.940 UTC [77] 57014 FEHLER:  x", row(77, "ERROR", "x")),
        ("1795458201.769 [77] LOG:  x", row(77, "LOG", "x")),
        ("2026-11-23 18:23:20.123 CET [9] INSTRUCTION :  SELECT", row(9, "STATEMENT", "SELECT")),
    ] {
        assert_eq!(pid(text), expected, "{text}");
        assert!(format("%m [%p] ").starts_record(text.as_bytes()), "{text}");
        for length in (0..text.len()).filter(|length| text.is_char_boundary(*length)) {
            let _ = pid(&text[..length]);
            let _ = pid(&text[length..]);
        }
    }
    // Other programs that log a time, a process and a level.
    for stranger in [
        "2021-05-27 17:00:00 [123] INFO: job done",
        "2021-05-27 17:00:00,123 [123] ERROR:  job failed",
        "ERROR:  relation \"x\" does not exist",
        "psql:dump.sql:12: ERROR:  relation \"x\" does not exist",
        "[2021-05-27 17:00:00 +0000] [123] [INFO] Booting worker",
    ] {
        assert!(!format("%m [%p] ").starts_record(stranger.as_bytes()), "{stranger}");
    }
}

#[test]
fn syslog() {
    let outer = Some(Stamp::utc(5, SECOND_US));
    let format = format("%m [%p] ");
    for text in [
        "[5-1] odoo@prod LOG:  duration: 12.5 ms  statement: SELECT 1\n[5-2] \tFROM x",
        "[VIOLET] [5-1]  sql_error_code = 00000 LOG:  duration: 12.5 ms  statement: SELECT 1\n[VIOLET] [5-2]  \tFROM x",
        "[5-1]  [CHARCOAL] LOG:  duration: 12.5 ms  statement: SELECT 1\n[5-2] \tFROM x",
    ] {
        let (first, second) = text.split_once('\n').unwrap();
        assert!(format.starts_record(first.as_bytes()) && !format.starts_record(second.as_bytes()), "{text}");
        let input = Raw { outer, ..Raw::of(text.as_bytes()) };
        let Ok(Record::Postgres(record)) = format.parse(&input, &mut Memory::default()) else { panic!() };
        assert_eq!(record.stamp.us, 5);
        let message = String::from_utf8_lossy(&record.message);
        assert!(message.starts_with("duration: 12.5 ms  statement: SELECT 1\n"), "{message}");
        assert_eq!(message.split_once('\n').unwrap().1.trim_start(), "FROM x");
    }
    // One message in syslog holds the statement too, under its own prefix.
    assert!(format.starts_record(b"[6-2] user=odoo,db=p STATEMENT:  SELECT 2"));
    assert!(!format.starts_record(b"[6-3] \t-- DETAIL:  x"));
}

/// A record comes to the same whichever way it is read.
fn check_directions(pattern: &str, text: &str) -> Result<(), TestCaseError> {
    let reader = format(pattern);
    let mut backward = format(pattern);
    backward.prefix.forward = false;
    if is_stamped_log(text.as_bytes()) {
        prop_assert!(cut(text.as_bytes()).is_some_and(|cut| begins(&cut, false, None)));
    }
    let input = raw(text.as_bytes());
    let outcome = |reader: &StderrLog| format!("{:?}", reader.parse(&input, &mut Memory::default()));
    prop_assert_eq!(outcome(&reader), outcome(&backward));
    Ok(())
}

proptest! {
    /// A record read from left to right is the one that is found from its severity.
    #[test]
    fn forward_and_backward_agree(
        pattern in prop::sample::select(vec![
            "%m [%p] ", "%m [%p] %q%u@%d %a ", "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ", "%m:%r:%u@%d:[%p]:",
            "%m [%p] %q%u@%d %r ", "%m %a: %e ", "%m [%p", "%m %p%u ", "%m LOG: %p ", "%m 7%p7 ", "%m %c|%-5p ",
        ]),
        parts in prop::collection::vec(prop::sample::select(vec![
            "2026-11-23 18:25:40", ".940", ",940", " UTC", " CET", "-03", ":", " ", " [", "]", "]: ", "12650", "7", "-1]",
            "odoo@prod17", "user=odoo,db=", ",app=", ",client=", "[unknown]", "[local]", "10.0.0.5(52314)", "my app",
            "22012", "6b048499.25fe", "|", "LOG", "LOG:  ", "ERROR:  ", "DETAIL: ", "FEHLER:  ", "ОШИБКА:  ", " :  ", "X",
            "duration: 1.5 ms", "57014: x", "\n", "\t",
        ]), 0..14),
        whole in prop::bool::ANY,
    ) {
        let mut text = parts.concat();
        if whole {
            text = format!("2026-11-23 18:25:40.940 UTC [12650] odoo@prod17 {text}LOG:  x");
        }
        check_directions(pattern, &text)?;
    }

    /// As the server writes them.
    #[test]
    fn printed_prefixes_are_read_alike(
        pattern in prop::sample::select(vec![
            "%m [%p] ", "%m [%p] %q%u@%d %a ", "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ", "%m [%p] %q%u@%d %r ",
            "%m [%p] %e ", "%m %p%u ", "%m %a: ",
        ]),
        values in prop::collection::vec(prop::sample::select(vec!["", "odoo", "LOG", "my app", "a:b", "7", "22012", "10.0.0.5(1)"]), 12),
        zone in prop::sample::select(vec![" UTC", " CET", " +05:30", " UTC-x", ""]),
        severity in prop::sample::select(vec!["LOG:  ", "ERROR:  ", "ОШИБКА:  ", "INSTRUCTION :  ", "LOG: ", "NONE:  ", ""]),
    ) {
        let mut text = String::new();
        let mut values = values.into_iter();
        for part in pattern.split('%').skip(1) {
            let (kind, literal) = part.split_at(1);
            match kind {
                "m" => text += &format!("2026-11-23 18:25:40.940{zone}"),
                "p" => text += "12650",
                "q" => {}
                _ => text += values.next().unwrap_or_default(),
            }
            text += literal;
        }
        text += severity;
        text += "duration: 1.5 ms";
        check_directions(pattern, &text)?;
    }
}
