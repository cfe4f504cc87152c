//! What the messages of a PostgreSQL server say, whatever log they came in (formats.md section 6.4).

use memchr::{memchr_iter, memmem};
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit1};
use nom::combinator::opt;
use nom::multi::separated_list0;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::postgres_translations;
use crate::record::{Cancellation, PostgresEvent, Termination};
use crate::timestamp::{
    LastTime, SECOND_US, Stamp, Zone, abbreviation_offset_s, begins_with_shape, date_time_us, fraction_us,
    leading_number, number as digits_of,
};

/// SQL is searched for calls of the cancel functions this far, in bytes.
const SEARCHED_SQL_BYTES: usize = 4096;

/// `YYYY-MM-DD HH:MM:SS[.mmm][ ZONE]` at the start of `bytes` and the bytes used. The zone is an abbreviation or
/// a bare offset; one that is not known for sure leaves the stamp local.
pub(super) fn stamp(bytes: &[u8]) -> Option<(Stamp, usize)> {
    next_stamp(bytes, &mut LastTime::default())
}

/// The [`stamp`] of the next of many records.
pub(super) fn next_stamp(bytes: &[u8], last: &mut LastTime<i64, 19, 11>) -> Option<(Stamp, usize)> {
    let base = last.read(bytes, date_time_us)?;
    // Of nearly every record.
    if let Some([b'.', a, b, c, b' ', b'U', b'T', b'C', b' ']) = bytes.get(19..).and_then(<[u8]>::first_chunk)
        && let Some(milliseconds) = digits_of([*a, *b, *c])
    {
        return Some((Stamp::utc(base.saturating_add(milliseconds * 1000), 1000), 27));
    }
    let (fraction, fraction_length, resolution_us) = fraction_us(bytes.get(19..).unwrap_or_default());
    let used = 19 + fraction_length;
    let local = base.saturating_add(fraction);
    let zone = bytes.get(used..).and_then(|rest| rest.strip_prefix(b" ")).unwrap_or_default();
    let length = match zone.first() {
        // An offset; Azure writes a session id behind `UTC-`.
        Some(b'+' | b'-') => {
            1 + zone.iter().skip(1).take_while(|byte| byte.is_ascii_digit() || **byte == b':').count()
        }
        _ => zone.iter().take(6).take_while(|byte| byte.is_ascii_alphabetic()).count(),
    };
    let zone = zone.get(..length).unwrap_or_default();
    // `-03:` of a prefix with colons: the last one is not the zone's.
    let (zone, length) = match zone.strip_suffix(b":") {
        Some(shorter) => (shorter, length - 1),
        None => (zone, length),
    };
    let zone_used = if length == 0 { 0 } else { length + 1 };
    let stamp = match zone {
        b"UTC" | b"GMT" => Stamp::utc(local, resolution_us),
        name => match abbreviation_offset_s(name) {
            Some(offset) => Stamp {
                us: local.saturating_sub(i64::from(offset).saturating_mul(SECOND_US)),
                zone: Zone::Offset(offset),
                resolution_us,
            },
            None => Stamp { us: local, zone: Zone::Local, resolution_us },
        },
    };
    Some((stamp, used + zone_used))
}

/// Whether `bytes` begin with `YYYY-MM-DD HH:MM:SS`, by its digits and separators alone.
pub(super) fn looks_like_stamp(bytes: &[u8]) -> bool {
    begins_with_shape(bytes, b"dddd-dd-dd dd:dd:dd")
}

/// A decimal number at the start of `bytes`, and what follows.
fn number<T: TryFrom<i64>>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (value, rest) = leading_number(bytes)?;
    Some((T::try_from(value).ok()?, rest))
}

/// A decimal number with an optional fraction, in millionths of its unit, and what follows.
fn millionths(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (whole, rest) = number::<i64>(bytes)?;
    let (fraction, used, _) = fraction_us(rest);
    Some((whole.checked_mul(SECOND_US)?.checked_add(fraction)?, rest.get(used..)?))
}

/// `MS ms` at the start, in µs, and what follows.
fn milliseconds(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (value, rest) = millionths(bytes)?;
    Some((value / 1000, rest.strip_prefix(b" ms")?))
}

/// Behind the first occurrence of `part`.
fn behind<'a>(bytes: &'a [u8], part: &[u8]) -> Option<&'a [u8]> {
    bytes.get(memmem::find(bytes, part)?.checked_add(part.len())?..)
}

/// Whether `bytes` begin with `word`, whatever the case.
fn begins_with(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// Process numbers separated by commas. One that fits no `u32` is damage and left out.
fn processes(input: &[u8]) -> IResult<&[u8], Vec<u32>> {
    let (input, list) = separated_list0(tag(b", ".as_slice()), digit1).parse(input)?;
    Ok((input, list.into_iter().filter_map(|text| number(text).map(|(pid, _)| pid)).collect()))
}

/// `Process holding the lock: A. Wait queue: B, C.` and the plural.
fn holders_and_queue(input: &[u8]) -> IResult<&[u8], (Vec<u32>, Vec<u32>)> {
    let head =
        alt((tag(b"Process holding the lock: ".as_slice()), tag(b"Processes holding the lock: ".as_slice())));
    let (input, holders) = terminated(preceded(head, processes), opt(char('.'))).parse(input)?;
    let (input, queue) = opt(preceded(tag(b" Wait queue: ".as_slice()), processes)).parse(input)?;
    Ok((input, (holders, queue.unwrap_or_default())))
}

/// The holders of a lock and the queue that waits for it, out of the DETAIL of a lock wait. Holders can
/// themselves wait for another lock. `None`: the text says something else.
#[must_use]
pub fn lock_holders(detail: &[u8]) -> Option<(Vec<u32>, Vec<u32>)> {
    let (_, found) = holders_and_queue(detail.trim_ascii_start()).ok()?;
    (!found.0.is_empty() || !found.1.is_empty()).then_some(found)
}

/// What a record with this severity (in English), SQLSTATE (empty if not logged) and message (in any language) says.
#[must_use]
pub fn classify(severity: &[u8], sql_state: &[u8], message: &[u8]) -> PostgresEvent {
    match severity {
        b"DETAIL" => lock_holders(message)
            .map_or(PostgresEvent::Other, |(holders, queue)| PostgresEvent::LockHolders { holders, queue }),
        b"HINT" | b"QUERY" | b"CONTEXT" | b"STATEMENT" | b"LOCATION" => PostgresEvent::Other,
        _ => primary(message)
            .or_else(|| postgres_translations::primary(message, sql_state))
            .unwrap_or(PostgresEvent::Other),
    }
}

/// Says what a primary message means, by its first word.
fn primary(message: &[u8]) -> Option<PostgresEvent> {
    // Nearly every message, where statements are logged.
    if let Some(rest) = message.strip_prefix(b"duration: ") {
        return duration(message, rest);
    }
    let word_length = message.iter().take(16).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (word, rest) = message.split_at_checked(word_length)?;
    match word {
        b"statement" => statement(rest.strip_prefix(b": ")?),
        b"execute" => statement(behind(rest, b": ")?),
        b"process" => process(rest),
        b"canceling" => canceling(rest),
        b"terminating" => terminating(rest),
        b"checkpoint" | b"restartpoint" => checkpoint(rest),
        b"temporary" => {
            let (bytes, _) = number(behind(rest.strip_prefix(b" file: ")?, b"\", size ")?)?;
            Some(PostgresEvent::TemporaryFile { bytes })
        }
        b"server" => {
            let (pid, rest) = number(rest.strip_prefix(b" process (PID ")?)?;
            let (signal, _) = number(rest.strip_prefix(b") was terminated by signal ")?)?;
            Some(PostgresEvent::ProcessKilled { pid, signal })
        }
        b"could" => could_not(rest.strip_prefix(b" not ")?),
        b"connection" => connection(rest),
        b"disconnection" => rest.starts_with(b": ").then_some(PostgresEvent::Disconnection),
        b"deadlock" => (rest == b" detected").then_some(PostgresEvent::Deadlock),
        b"sorry" => rest.starts_with(b", too many clients").then_some(PostgresEvent::TooManyClients),
        // Up to 15: `… for non-replication superuser connections`; 16: `… for roles with the SUPERUSER attribute`.
        b"remaining" => {
            rest.starts_with(b" connection slots are reserved").then_some(PostgresEvent::TooManyClients)
        }
        b"too" => rest.starts_with(b" many connections for ").then_some(PostgresEvent::TooManyClients),
        b"unexpected" => {
            rest.starts_with(b" EOF on client connection").then_some(PostgresEvent::UnexpectedEof)
        }
        b"received" => received(rest),
        b"shutting" => rest.starts_with(b" down").then_some(PostgresEvent::ShuttingDown),
        b"aborting" => rest.starts_with(b" any active transactions").then_some(PostgresEvent::ShuttingDown),
        b"database" => database_system(rest.strip_prefix(b" system ")?),
        b"the" => database_system(rest.strip_prefix(b" database system ")?),
        b"redo" => rest.starts_with(b" starts at ").then_some(PostgresEvent::Recovery),
        b"all" => rest.starts_with(b" server processes terminated").then_some(PostgresEvent::Recovery),
        b"automatic" => Some(PostgresEvent::Maintenance),
        b"parameter" => (memmem::find(rest, b"changed to ").is_some()
            || memmem::find(rest, b"cannot be changed").is_some()
            || memmem::find(rest, b"removed from configuration file").is_some())
        .then_some(PostgresEvent::ConfigurationChanged),
        _ => None,
    }
}

/// `duration: MS ms[  KIND …: SQL]`.
fn duration(message: &[u8], rest: &[u8]) -> Option<PostgresEvent> {
    let (duration_us, rest) = milliseconds(rest)?;
    let body = rest.trim_ascii_start();
    let (mut phase_only, mut plan) = (false, false);
    let sql = if let Some(sql) = body.strip_prefix(b"statement: ") {
        sql
    } else if body.starts_with(b"plan:") {
        plan = true;
        behind(body, b"Query Text: ").unwrap_or_default()
    } else {
        // `execute NAME: SQL`, `execute fetch from NAME/PORTAL: SQL`.
        phase_only = body.starts_with(b"parse ") || body.starts_with(b"bind ");
        behind(body, b": ").unwrap_or_default()
    };
    if !plan && let Some(event) = statement(sql) {
        return Some(event);
    }
    let query_start = message.len().saturating_sub(sql.len());
    Some(PostgresEvent::Duration { duration_us, query_start, phase_only, plan })
}

/// A statement that is an act of an operator.
fn statement(sql: &[u8]) -> Option<PostgresEvent> {
    let sql = sql.trim_ascii_start();
    let sql = sql.get(..sql.len().min(SEARCHED_SQL_BYTES))?;
    match sql.first()? {
        b'a' | b'A' if begins_with(sql, b"alter ") => {
            let object = sql.get(6..)?.trim_ascii_start();
            let named = [b"role ".as_slice(), b"user ", b"database ", b"system "];
            let timeout = b"timeout";
            (named.iter().any(|word| begins_with(object, word))
                && object.windows(timeout.len()).any(|part| part.eq_ignore_ascii_case(timeout)))
            .then_some(PostgresEvent::AlterTimeout)
        }
        b's' | b'S' | b'w' | b'W' | b'd' | b'D'
            if begins_with(sql, b"select") || begins_with(sql, b"with") || begins_with(sql, b"do") =>
        {
            // A statement has few brackets.
            memchr_iter(b'(', sql).find_map(|at| {
                let name = sql.get(..at)?.trim_ascii_end().strip_suffix(b"_backend")?;
                let terminate = name.ends_with(b"pg_terminate");
                (terminate || name.ends_with(b"pg_cancel")).then_some(PostgresEvent::CancelCall { terminate })
            })
        }
        _ => None,
    }
}

/// `process P still waiting for|acquired|detected deadlock …`.
fn process(rest: &[u8]) -> Option<PostgresEvent> {
    let (pid, rest) = number::<u32>(rest.strip_prefix(b" ")?)?;
    let rest = rest.strip_prefix(b" ")?;
    // The time is the last `after`; objects are numbers, so the first is the last.
    let waited = |text| behind(text, b" after ").and_then(milliseconds).map(|(waited_us, _)| waited_us);
    if let Some(text) = rest.strip_prefix(b"still waiting for ") {
        Some(PostgresEvent::StillWaiting { pid, waited_us: waited(text)? })
    } else if let Some(text) = rest.strip_prefix(b"acquired ") {
        Some(PostgresEvent::Acquired { pid, waited_us: waited(text)? })
    } else {
        rest.starts_with(b"detected deadlock ").then_some(PostgresEvent::Deadlock)
    }
}

/// `canceling statement due to …`, `canceling autovacuum task`.
fn canceling(rest: &[u8]) -> Option<PostgresEvent> {
    if rest.starts_with(b" autovacuum task") {
        return Some(PostgresEvent::Canceled(Cancellation::Autovacuum));
    }
    let reason = rest.strip_prefix(b" statement due to ")?;
    let reasons = [
        (b"user request".as_slice(), Cancellation::UserRequest),
        (b"statement timeout", Cancellation::StatementTimeout),
        (b"lock timeout", Cancellation::LockTimeout),
        (b"conflict with recovery", Cancellation::Recovery),
    ];
    let found = reasons.iter().find(|(text, _)| reason.starts_with(text));
    found.map(|(_, kind)| PostgresEvent::Canceled(*kind))
}

/// `terminating connection due to …`, `terminating any other active server processes`.
fn terminating(rest: &[u8]) -> Option<PostgresEvent> {
    let reasons = [
        (b" connection due to administrator command".as_slice(), Termination::AdministratorCommand),
        (b" connection due to idle-in-transaction timeout", Termination::IdleInTransactionTimeout),
        (b" connection due to idle-session timeout", Termination::IdleSessionTimeout),
        (b" connection due to transaction timeout", Termination::TransactionTimeout),
        (b" connection due to unexpected postmaster exit", Termination::CrashOfAnotherProcess),
        (b" connection because of crash of another server process", Termination::CrashOfAnotherProcess),
        (b" any other active server processes", Termination::CrashOfAnotherProcess),
    ];
    let found = reasons.iter().find(|(text, _)| rest.starts_with(text));
    found.map(|(_, kind)| PostgresEvent::Terminated(*kind))
}

/// `checkpoint complete: … sync=S s, total=S s; … longest=S s, …`.
fn checkpoint(rest: &[u8]) -> Option<PostgresEvent> {
    let rest = rest.strip_prefix(b" complete: ")?;
    let seconds = |name: &[u8]| behind(rest, name).and_then(millionths).map(|(us, _)| us);
    Some(PostgresEvent::CheckpointComplete {
        total_us: seconds(b" total=")?,
        sync_us: seconds(b" sync=")?,
        longest_sync_us: seconds(b" longest=").unwrap_or(0),
    })
}

/// `could not …`.
fn could_not(rest: &[u8]) -> Option<PostgresEvent> {
    if rest.starts_with(b"send data to client") || rest.starts_with(b"receive data from client") {
        Some(PostgresEvent::ClientLost)
    } else if rest.starts_with(b"obtain lock on ") {
        Some(PostgresEvent::LockNotAvailable)
    } else {
        rest.starts_with(b"serialize access").then_some(PostgresEvent::SerializationFailure)
    }
}

/// `connection received|authenticated|authorized|ready: …`, `connection to client lost`.
fn connection(rest: &[u8]) -> Option<PostgresEvent> {
    if rest.starts_with(b" to client lost") {
        return Some(PostgresEvent::ClientLost);
    }
    let kinds = [b" received: ".as_slice(), b" authenticated: ", b" authorized: ", b" ready: "];
    kinds.iter().any(|kind| rest.starts_with(kind)).then_some(PostgresEvent::Connection)
}

/// `received fast shutdown request`, `received SIGHUP, reloading configuration files`.
fn received(rest: &[u8]) -> Option<PostgresEvent> {
    if rest.starts_with(b" SIGHUP") {
        return Some(PostgresEvent::ConfigurationChanged);
    }
    let kinds =
        [b" fast shutdown request".as_slice(), b" smart shutdown request", b" immediate shutdown request"];
    kinds.iter().any(|kind| rest.starts_with(kind)).then_some(PostgresEvent::ShuttingDown)
}

/// `database system is|was …`. `was shut down at` is a clean start and no event of its own.
fn database_system(rest: &[u8]) -> Option<PostgresEvent> {
    if rest.starts_with(b"is ready to accept") {
        Some(PostgresEvent::Ready)
    } else if rest.starts_with(b"is shut down") || rest.starts_with(b"is shutting down") {
        Some(PostgresEvent::ShuttingDown)
    } else {
        let kinds = [
            b"was interrupted".as_slice(),
            b"was not properly shut down",
            b"shutdown was interrupted",
            b"is in recovery mode",
            b"is not yet accepting connections",
        ];
        kinds.iter().any(|kind| rest.starts_with(kind)).then_some(PostgresEvent::Recovery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PostgresEvent as E;

    fn log(message: &str) -> PostgresEvent {
        classify(b"LOG", b"", message.as_bytes())
    }

    #[test]
    fn durations() {
        let sql = |message: &str| match log(message) {
            E::Duration { duration_us, query_start, phase_only, plan } => {
                (duration_us, message[query_start..].to_owned(), phase_only, plan)
            }
            other => panic!("{other:?}"),
        };
        let row = |us, text: &str, phase, plan| (us, text.to_owned(), phase, plan);
        assert_eq!(
            sql("duration: 6842.339 ms  statement: \n  SELECT 1"),
            row(6_842_339, "\n  SELECT 1", false, false)
        );
        assert_eq!(
            sql("duration: 12.300 ms  execute <unnamed>: SELECT 1"),
            row(12_300, "SELECT 1", false, false)
        );
        assert_eq!(sql("duration: 1 ms  bind S_1/C_2: SELECT $1"), row(1000, "SELECT $1", true, false));
        assert_eq!(sql("duration: 0.052 ms  parse <unnamed>: SELECT"), row(52, "SELECT", true, false));
        assert_eq!(
            sql("duration: 3.5 ms  plan:\n\tQuery Text: SELECT 2"),
            row(3500, "SELECT 2", false, true)
        );
        assert_eq!(sql("duration: 0.100 ms"), row(100, "", false, false));
        assert_eq!(sql("duration: 0.100 ms  statement: "), row(100, "", false, false));
        assert_eq!(log("duration: 99999999999999999.1 ms"), E::Other);
        assert_eq!(log("duration: x ms"), E::Other);
    }

    #[test]
    fn operators() {
        let alter = "statement: alter ROLE odoo SET statement_timeout = '60s'";
        assert_eq!(log(alter), E::AlterTimeout);
        assert_eq!(log(&format!("duration: 1.0 ms  {alter}")), E::AlterTimeout);
        assert_eq!(
            log("statement: ALTER SYSTEM SET idle_in_transaction_session_timeout='5min'"),
            E::AlterTimeout
        );
        assert_eq!(log("statement: ALTER TABLE timeout ADD x int"), E::Other);
        let call = "select pg_backend_pid(), pg_terminate_backend(pid) from pg_stat_activity";
        assert_eq!(log(&format!("statement: {call}")), E::CancelCall { terminate: true });
        assert_eq!(
            log("execute <unnamed>: SELECT pg_cancel_backend (1)"),
            E::CancelCall { terminate: false }
        );
        assert_eq!(log("statement: SELECT 'pg_cancel_backend'"), E::Other);
    }

    #[test]
    fn locks() {
        let waiting =
            "process 12 still waiting for ShareLock on transaction 2589 after 1000.123 ms at character 9";
        assert_eq!(log(waiting), E::StillWaiting { pid: 12, waited_us: 1_000_123 });
        let acquired =
            "process 7 acquired ExclusiveLock on tuple (0,7) of relation 1 of database 2 after 5 ms";
        assert_eq!(log(acquired), E::Acquired { pid: 7, waited_us: 5000 });
        let detail = b"Processes holding the lock: 21843, 21830. Wait queue: 21852, 21856.";
        let holders = (vec![21843, 21830], vec![21852, 21856]);
        assert_eq!(lock_holders(detail), Some(holders.clone()));
        assert_eq!(classify(b"DETAIL", b"", detail), E::LockHolders { holders: holders.0, queue: holders.1 });
        assert_eq!(lock_holders(b"Process holding the lock: 5. Wait queue: ."), Some((vec![5], vec![])));
        assert_eq!(lock_holders(b"Key (a)=(1) already exists."), None);
        assert_eq!(classify(b"STATEMENT", b"", b"duration: 1 ms"), E::Other);
        for length in 0..detail.len() {
            let _ = lock_holders(&detail[..length]);
        }
        for length in 0..waiting.len() {
            let _ = log(&waiting[..length]);
        }
    }

    #[test]
    fn others() {
        use Cancellation as C;
        use Termination as T;
        let cases = [
            ("deadlock detected", E::Deadlock),
            (
                "process 1 detected deadlock while waiting for ShareLock on transaction 5 after 1 ms",
                E::Deadlock,
            ),
            ("canceling statement due to user request", E::Canceled(C::UserRequest)),
            ("canceling statement due to statement timeout", E::Canceled(C::StatementTimeout)),
            ("canceling statement due to lock timeout", E::Canceled(C::LockTimeout)),
            ("canceling statement due to conflict with recovery", E::Canceled(C::Recovery)),
            ("canceling autovacuum task", E::Canceled(C::Autovacuum)),
            ("could not obtain lock on row in relation \"res_users\"", E::LockNotAvailable),
            ("could not serialize access due to concurrent update", E::SerializationFailure),
            ("terminating connection due to administrator command", E::Terminated(T::AdministratorCommand)),
            (
                "terminating connection due to idle-in-transaction timeout",
                E::Terminated(T::IdleInTransactionTimeout),
            ),
            ("terminating connection due to transaction timeout", E::Terminated(T::TransactionTimeout)),
            (
                "terminating connection because of crash of another server process",
                E::Terminated(T::CrashOfAnotherProcess),
            ),
            ("sorry, too many clients already", E::TooManyClients),
            (
                "remaining connection slots are reserved for non-replication superuser connections",
                E::TooManyClients,
            ),
            (
                "remaining connection slots are reserved for roles with the SUPERUSER attribute",
                E::TooManyClients,
            ),
            ("unexpected EOF on client connection with an open transaction", E::UnexpectedEof),
            ("could not send data to client: Broken pipe", E::ClientLost),
            ("connection to client lost", E::ClientLost),
            (
                "temporary file: path \"base/pgsql_tmp/pgsql_tmp28020.0\", size 2744320",
                E::TemporaryFile { bytes: 2_744_320 },
            ),
            (
                "server process (PID 41) was terminated by signal 9: Killed",
                E::ProcessKilled { pid: 41, signal: 9 },
            ),
            ("received fast shutdown request", E::ShuttingDown),
            ("shutting down", E::ShuttingDown),
            ("database system is shut down", E::ShuttingDown),
            ("database system was shut down at 2026-11-23 18:24:30 UTC", E::Other),
            ("database system was interrupted; last known up at 2026-11-23 18:24:30 UTC", E::Recovery),
            ("the database system is in recovery mode", E::Recovery),
            ("database system is ready to accept connections", E::Ready),
            ("connection authorized: user=odoo database=prod", E::Connection),
            ("disconnection: session time: 0:00:01.004 user=odoo", E::Disconnection),
            ("automatic vacuum of table \"prod.public.x\": index scans: 1", E::Maintenance),
            ("parameter \"log_line_prefix\" changed to \"%m\"", E::ConfigurationChanged),
            ("received SIGHUP, reloading configuration files", E::ConfigurationChanged),
            ("", E::Other),
            ("checkpoint starting: time", E::Other),
        ];
        for (message, event) in cases {
            assert_eq!(log(message), event, "{message}");
            for length in (0..message.len()).filter(|length| message.is_char_boundary(*length)) {
                let _ = log(&message[..length]);
            }
        }
        let done = "checkpoint complete: wrote 436 buffers (0.7%); 0 WAL file(s) added, 0 removed, 0 recycled; \
                    write=43.291 s, sync=0.457 s, total=43.819 s; sync files=179, longest=0.013 s, average=0.003 s";
        let event = E::CheckpointComplete { total_us: 43_819_000, sync_us: 457_000, longest_sync_us: 13_000 };
        assert_eq!(log(done), event);
    }

    #[test]
    fn stamps() {
        let (utc, used) = stamp(b"2026-11-23 18:24:34.383 UTC [1]").unwrap();
        assert_eq!((utc.zone, used, utc.resolution_us), (Zone::Utc, 27, 1000));
        let (east, used) = stamp(b"2026-11-23 20:24:34 EET:x").unwrap();
        assert_eq!((east.us, east.zone, used), (utc.us - 383_000, Zone::Offset(7200), 23));
        assert_eq!(stamp(b"2026-11-23 15:24:34 -03 [").unwrap().0.us, utc.us - 383_000);
        assert_eq!(stamp(b"2026-11-23 15:24:34 IST [").unwrap().0.zone, Zone::Local);
        assert_eq!(stamp(b"2026-11-23 15:24"), None);
    }
}
