//! Odoo's own log, 8.0 to 20.0 (formats.md sections 1.1 to 1.7 and 11). Up to 9.0 loggers are called `openerp.`.
//!
//! `YYYY-MM-DD HH:MM:SS,mmm PID LEVEL DB LOGGER: MESSAGE`, then the lines of a traceback or of a query.

use std::sync::LazyLock;

use memchr::{memchr, memmem, memrchr};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, digit1};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::{Level, OdooEvent, OdooRecord, Record};
use crate::sixteen;
use crate::timestamp::{
    LastTime, Stamp, begins_with_shape, date_time_us, leading_number, number as digits_of, short_seconds_us,
};

mod definition;
mod dialects;
mod exceptions;
mod requests;

pub use definition::FORMAT;
use exceptions::attach_exception;
use requests::{common_request, evented_request, worker_request};

/// Odoo's log.
pub struct Odoo;

/// Claims files in which at least one of 200 lines begins an Odoo record.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut total, mut starting, mut understood) = (0u32, 0u32, 0u32);
    for line in sample.lines.iter().filter(|line| !line.is_empty()) {
        total += 1;
        if Odoo.starts_record(line) {
            starting += 1;
            // Some dialects have no time of their own; whether the carrier has one shows on reading.
            let outer = Some(Stamp::utc(0, 1));
            let raw = Raw { outer, ..Raw::of(line.as_ref()) };
            understood += u32::from(Odoo.parse(&raw, &mut Memory::default()).is_ok());
        }
    }
    if starting == 0 || starting.saturating_mul(200) < total {
        return None;
    }
    let score = f64::from(understood) / f64::from(starting);
    (score >= 0.3).then(|| Claim { format: Box::new(Odoo), score })
}

impl Format for Odoo {
    fn name(&self) -> String {
        "odoo".to_owned()
    }

    fn source(&self) -> Source {
        Source::Odoo
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        header_start(line).is_some() || dialects::starts(line)
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &'a [u8] = &raw.text;
        if raw.orphan {
            return Err("no_header");
        }
        let header = stamp(text, &mut memory.date_time)
            .and_then(|(stamp, rest)| behind_stamp(rest).map(|behind| (stamp, behind)));
        let Some((stamp, (pid, level, rest))) = header else {
            // What looks like a header all the same has a time that there is not.
            let looks_like_one = header_start(text).is_some();
            return if looks_like_one {
                Err("bad_timestamp")
            } else {
                dialects::parse(text, raw.outer, raw.pid)
            };
        };
        let Some(common) = common_request(rest) else { return behind_level(stamp, pid, level, rest) };
        Ok(Record::Odoo(OdooRecord {
            stamp,
            pid,
            level,
            database: common.database,
            logger: b"werkzeug",
            message: common.message,
            detail: b"",
            event: OdooEvent::Request(common.request),
            exception: None,
        }))
    }
}

/// A record, of whose header the names are left.
fn behind_level(stamp: Stamp, pid: u32, level: Level, rest: &[u8]) -> Result<Record<'_>, &'static str> {
    // Most are one line; of the others the names stand in the first.
    let (first, detail) = split_line(rest);
    let (database, logger, message) = names(first).ok_or("truncated_header")?;
    let body = rest.get(first.len().saturating_sub(message.len())..).unwrap_or_default();
    of_lines(stamp, pid, level, [database, logger], [message, detail, body])
}

/// The first line, and the lines behind it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'\n', text).and_then(|at| text.split_at_checked(at)) {
        Some((first, later)) => (first, later.get(1..).unwrap_or_default()),
        None => (text, b"".as_slice()),
    }
}

/// A record, whatever its header was. `body` is the message with its later lines.
pub(super) fn record<'a>(
    stamp: Stamp,
    pid: u32,
    level: Level,
    database: &'a [u8],
    logger: &'a [u8],
    body: &'a [u8],
) -> Result<Record<'a>, &'static str> {
    let (message, detail) = split_line(body);
    of_lines(stamp, pid, level, [database, logger], [message, detail, body])
}

/// A record whose message is split from its later lines.
fn of_lines<'a>(
    stamp: Stamp,
    pid: u32,
    level: Level,
    [database, logger]: [&'a [u8]; 2],
    [message, detail, body]: [&'a [u8]; 3],
) -> Result<Record<'a>, &'static str> {
    let message = message.trim_ascii_end();
    let mut record = OdooRecord {
        stamp,
        pid,
        level,
        database,
        logger,
        message,
        detail,
        event: OdooEvent::Other,
        exception: None,
    };
    if logger == b"werkzeug" || logger == b"odoo.http.server" {
        if let Some((request, used)) = worker_request(message)? {
            record.event = OdooEvent::Request(request);
            record.message = message.get(..used).unwrap_or(message);
            return Ok(Record::Odoo(record));
        }
    } else if logger == b"longpolling"
        && let Some(event) = evented_request(message)?
    {
        record.event = event;
        return Ok(Record::Odoo(record));
    }
    record.event = event(&record, body);
    attach_exception(&mut record);
    Ok(Record::Odoo(record))
}

/// A level by its name.
pub(super) fn level(name: &[u8]) -> Option<Level> {
    Some(match name {
        b"DEBUG" => Level::Debug,
        b"INFO" => Level::Info,
        b"WARNING" => Level::Warning,
        b"ERROR" => Level::Error,
        b"CRITICAL" => Level::Critical,
        _ => return None,
    })
}

/// The time at the start of a header, and what follows it.
fn stamp<'a>(line: &'a [u8], last: &mut LastTime<i64, 19, 11>) -> Option<(Stamp, &'a [u8])> {
    let (stamp, rest) = line.split_first_chunk::<24>()?;
    let [_, _, _, _, b'-', _, _, _, _, _, b' ', .., b',', a, b, c, b' '] = stamp else { return None };
    let us = last.read(stamp, date_time_us)?;
    let milliseconds = digits_of([*a, *b, *c])?;
    Some((Stamp::utc(us.saturating_add(milliseconds.saturating_mul(1000)), 1000), rest))
}

/// The fixed part of the header: pid, level and the rest behind `LEVEL `. Of the time only its shape is looked at.
fn header_start(line: &[u8]) -> Option<(u32, Level, &[u8])> {
    begins_with_shape(line, b"dddd-dd-dd dd:dd:dd,ddd ").then(|| behind_stamp(line.get(24..)?))?
}

/// What [`header_start`] finds behind the time.
fn behind_stamp(line: &[u8]) -> Option<(u32, Level, &[u8])> {
    let (pid, rest) = number::<u32>(line)?;
    let rest = rest.strip_prefix(b" ")?;
    // Nearly every record is of this level.
    if let Some(rest) = rest.strip_prefix(b"INFO ") {
        return Some((pid, Level::Info, rest));
    }
    let (name, rest) = rest.split_at_checked(rest.iter().take(16).position(|byte| *byte == b' ')?)?;
    let rest = rest.get(1..)?;
    if let Some(level) = level(name) {
        return Some((pid, level, rest));
    }
    // logging prints an unnamed level as `Level 25`.
    if name == b"Level" {
        let (_, rest) = number::<u32>(rest)?;
        return Some((pid, Level::Info, rest.strip_prefix(b" ")?));
    }
    (name.len() > 1 && name.iter().all(u8::is_ascii_uppercase)).then_some((pid, Level::Info, rest))
}

/// `DB LOGGER: MESSAGE`; the message may be empty.
fn names(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = |text| sixteen::find(text, [b' ']);
    let (database, rest) = line.split_at_checked(blank(line)?)?;
    let rest = rest.get(1..)?;
    let (logger, message) = rest.split_at_checked(blank(rest).unwrap_or(rest.len()))?;
    let logger = logger.strip_suffix(b":")?;
    if database.is_empty() || logger.is_empty() {
        return None;
    }
    Some((database, logger, message.get(1..).unwrap_or_default()))
}

/// A decimal number at the start, and what follows.
fn number<T: TryFrom<i64>>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (value, rest) = leading_number(bytes)?;
    Some((T::try_from(value).ok()?, rest))
}

/// The number behind `prefix`.
fn number_after<T: TryFrom<i64>>(bytes: &[u8], prefix: &[u8]) -> Option<T> {
    number(bytes.strip_prefix(prefix)?).map(|(value, _)| value)
}

/// Seconds with an optional sign and fraction, in microseconds.
fn seconds_us(bytes: &[u8]) -> Option<i64> {
    // Less than ten seconds, as nearly all.
    if let Some(us) = bytes.try_into().ok().and_then(short_seconds_us) {
        return Some(us);
    }
    let (negative, bytes) = bytes.strip_prefix(b"-").map_or((false, bytes), |rest| (true, rest));
    let (seconds, rest) = number::<i64>(bytes)?;
    let (fraction, used, _) = crate::timestamp::fraction_us(rest);
    if used != rest.len() {
        return None;
    }
    let us = seconds.checked_mul(1_000_000)?.checked_add(fraction)?;
    Some(if negative { -us } else { us })
}

/// Looked for in the records of many failures, so prepared once.
static ERROR_LINE: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("\nERROR:"));
static MISROUTED: LazyLock<[memmem::Finder<'static>; 2]> =
    LazyLock::new(|| ["bus.Bus unavailable", "Couldn't bind the websocket"].map(memmem::Finder::new));

/// Whether `part` occurs in `bytes`.
fn has(bytes: &[u8], part: &str) -> bool {
    memmem::find(bytes, part.as_bytes()).is_some()
}

/// Whether `part` occurs in a name, which is too short for the preparations of a search.
fn names_part<const N: usize>(name: &[u8], part: &[u8; N]) -> bool {
    name.windows(N).any(|window| window == part)
}

/// Where `part` stands last in `text`, which ends soon behind it.
fn last(text: &[u8], part: &[u8; 3]) -> Option<usize> {
    text.windows(3).rposition(|window| window == part)
}

/// Behind the first occurrence of `part`.
fn behind<'a>(bytes: &'a [u8], part: &[u8]) -> Option<&'a [u8]> {
    bytes.get(memmem::find(bytes, part)?.checked_add(part.len())?..)
}

/// What the record says. `body` is the message with its later lines.
fn event<'a>(record: &OdooRecord<'a>, body: &'a [u8]) -> OdooEvent<'a> {
    let message = record.message;
    let logger = record.logger.strip_prefix(b"openerp").or_else(|| record.logger.strip_prefix(b"odoo"));
    let found = match logger {
        Some(b"") => message
            .strip_prefix(b"Odoo version ")
            .or_else(|| message.strip_prefix(b"OpenERP version "))
            .map(|version| OdooEvent::Banner { version: version.trim_ascii() }),
        Some(name) if name.starts_with(b".service.server") => server_event(message, name, record.pid),
        Some(name) if names_part(name, b"ir_cron") => cron_event(message),
        Some(name) if names_part(name, b"queue_job") => (message.starts_with(b"state of job ")
            && has(message, "was reset from enqueued to pending"))
        .then_some(OdooEvent::QueueJobReset),
        Some(name) if name.starts_with(b".addons.bus") => bus_event(message),
        None if record.logger == b"werkzeug" => werkzeug_event(message),
        None => None,
        Some(_) => None,
    };
    let found = found.or_else(|| if logger.is_some() { general_event(message, body) } else { None });
    let found = found.unwrap_or(OdooEvent::Other);
    let may_be_misrouted = record.level >= Level::Error && !record.detail.is_empty();
    if may_be_misrouted && MISROUTED.iter().any(|text| text.find(record.detail).is_some()) {
        return OdooEvent::BusMisrouted;
    }
    found
}

/// Records of `werkzeug` and `odoo.http.server` that are no request line.
fn werkzeug_event(message: &[u8]) -> Option<OdooEvent<'_>> {
    if has(message, "Request timed out: ") {
        Some(OdooEvent::ClientGone)
    } else {
        message.starts_with(b"Error on request:").then_some(OdooEvent::RequestException)
    }
}

/// `CLASS (PID) REST` or `Worker CLASS (PID) REST`: class, pid, rest.
fn worker_head(input: &[u8]) -> IResult<&[u8], (&[u8], u32)> {
    let name = || take_while1(|byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
    let (input, class) = alt((
        preceded(tag(b"Worker ".as_slice()), terminated(name(), char(' '))),
        terminated(name(), char(' ')),
    ))
    .parse(input)?;
    let (input, pid) = delimited(char('('), digit1, tag(b")".as_slice())).parse(input)?;
    // A pid that fits no u32 is damage.
    let pid = number(pid).map_or(0, |(pid, _)| pid);
    Ok((input.trim_ascii_start(), (class, pid)))
}

/// `odoo.service.server` and its children. `name` is the logger behind `odoo`.
fn server_event<'a>(message: &'a [u8], name: &'a [u8], own_pid: u32) -> Option<OdooEvent<'a>> {
    if let Ok((rest, (class, pid))) = worker_head(message) {
        // Odoo 20 has a child logger for each class.
        let child = name.strip_prefix(b".service.server.").filter(|child| child.starts_with(b"Worker"));
        let class = if class == b"Worker" { child.unwrap_or(class) } else { class };
        return worker_event(rest, class, pid);
    }
    if let Some(rest) = message.strip_prefix(b"Thread ") {
        let at = memmem::rfind(rest, b" virtual real time limit (")?;
        let (thread, limits) = rest.split_at_checked(at)?;
        let (elapsed_s, rest) = number(limits.strip_prefix(b" virtual real time limit (")?)?;
        // Elapsed seconds may carry a fraction.
        let limit_s = number(rest.get(memchr(b'/', rest)? + 1..)?)?.0;
        return Some(OdooEvent::ThreadTimeout { thread, elapsed_s, limit_s });
    }
    let evented = message.strip_prefix(b"Gevent ").or_else(|| message.strip_prefix(b"LongPolling "));
    if let Some(rest) = evented {
        if rest.starts_with(b"Parent changed") {
            return Some(OdooEvent::ParentChanged);
        }
        return number_after(rest, b"virtual memory limit reached: ")
            .map(|bytes| OdooEvent::EventedMemory { bytes });
    }
    if let Some(rest) = message.strip_prefix(b"Evented Service (longpolling)") {
        return Some(if has(rest, "uncaught error") {
            OdooEvent::EventedServiceError
        } else if has(rest, "running on") {
            OdooEvent::EventedServiceRunning
        } else {
            OdooEvent::Other
        });
    }
    if let Some(bytes) = number_after(message, b"Server memory limit (") {
        return Some(OdooEvent::ServerMemory { bytes });
    }
    let critical = message
        .strip_prefix(b"Critial worker error (")
        .or_else(|| message.strip_prefix(b"Critical worker error ("));
    if let Some(pid) = critical.and_then(number) {
        return Some(OdooEvent::CriticalWorkerError { pid: pid.0 });
    }
    let starts = |prefix: &str| message.starts_with(prefix.as_bytes());
    if starts("HTTP service (werkzeug) running") {
        Some(OdooEvent::HttpServiceRunning)
    } else if starts("Stopping forcefully") || starts("Forced shutdown") {
        Some(OdooEvent::StoppingForcefully)
    } else if starts("Stopping gracefully")
        || starts("Stopping workers gracefully")
        || starts("Initiating shutdown")
    {
        Some(OdooEvent::Stopping)
    } else if starts("Reloading server") || starts("Initiating server reload") {
        Some(OdooEvent::Reloading)
    } else if starts("Failed to initialize database") {
        Some(OdooEvent::RegistryFailed)
    } else if starts("Exception happened during processing of request") {
        Some(OdooEvent::ClientGone)
    } else if starts("cron") && has(message, " max age (") {
        Some(OdooEvent::MaxAge { pid: own_pid })
    } else if starts("cron") && has(message, " encountered an Exception") {
        Some(OdooEvent::CronFailed)
    } else {
        None
    }
}

/// What is said of one worker, behind `CLASS (PID) `.
fn worker_event<'a>(rest: &'a [u8], class: &'a [u8], pid: u32) -> Option<OdooEvent<'a>> {
    if let Some(limit_s) = number_after(rest, b"timeout after ") {
        return Some(OdooEvent::WorkerTimeout { class, pid, limit_s });
    }
    if rest == b"alive" {
        return Some(OdooEvent::WorkerAlive { class, pid });
    }
    if let Some(limit_s) = number_after(rest, b"CPU time limit (") {
        return Some(OdooEvent::CpuLimit { pid, limit_s });
    }
    if let Some(bytes) = number_after(rest, b"virtual memory limit (") {
        return Some(OdooEvent::MemorySoft { pid, bytes });
    }
    if let Some(request_count) = number_after(rest, b"exiting. request_count: ") {
        return Some(OdooEvent::WorkerExiting { pid, request_count });
    }
    if rest.starts_with(b"max request (") {
        Some(OdooEvent::MaxRequests { pid })
    } else if rest.starts_with(b"max age (") {
        Some(OdooEvent::MaxAge { pid })
    } else if rest.starts_with(b"Exception occured") || rest.starts_with(b"Exception occurred") {
        Some(OdooEvent::WorkerException { pid })
    } else if rest.starts_with(b"Parent changed") {
        Some(OdooEvent::ParentChanged)
    } else {
        None
    }
}

/// Jobs of `ir.cron`. Names may hold any of the marks that surround them, so the marks are sought from the end.
fn cron_event(message: &[u8]) -> Option<OdooEvent<'_>> {
    let start =
        message.strip_prefix(b"Starting job `").or_else(|| message.strip_prefix(b"Manually starting job `"));
    if let Some(rest) = start {
        let job = memrchr(b'`', rest).and_then(|at| rest.get(..at)).unwrap_or(rest);
        return Some(OdooEvent::CronStart { job });
    }
    if let Some(rest) = message.strip_prefix(b"Job done: `") {
        let Some(at) = last(rest, b"` (") else {
            return Some(OdooEvent::CronEnd { job: rest, duration_us: None });
        };
        let duration = rest
            .get(at + 3..)
            .and_then(|tail| tail.strip_suffix(b"s).").or_else(|| tail.strip_suffix(b"s)")));
        return Some(OdooEvent::CronEnd { job: rest.get(..at)?, duration_us: duration.and_then(seconds_us) });
    }
    if let Some(rest) = message.strip_prefix(b"Job `") {
        let job = rest.strip_suffix(b"` done.")?;
        return Some(OdooEvent::CronEnd { job, duration_us: None });
    }
    let failed = (message.starts_with(b"Call from cron ") && has(message, " failed"))
        || message.starts_with(b"Exception in cron");
    if failed {
        return Some(OdooEvent::CronFailed);
    }
    let quote = *message.strip_prefix(b"Job ")?.first()?;
    if !matches!(quote, b'\'' | b'"') {
        return None;
    }
    let rest = message.get(5..)?;
    let at = last(rest, &[quote, b' ', b'('])?;
    let job = rest.get(..at)?;
    let (_, verb) = number::<i64>(rest.get(at + 3..)?)?;
    let verb = verb.strip_prefix(b") ")?;
    let duration_of = |mark: &[u8]| {
        let text = behind(verb, mark)?;
        seconds_us(text.get(..memchr(b's', text)?)?)
    };
    if verb == b"starting" {
        Some(OdooEvent::CronStart { job })
    } else if verb.starts_with(b"server action") || verb.starts_with(b"timed out") {
        Some(OdooEvent::CronFailed)
    } else if verb.starts_with(b"done in ") {
        Some(OdooEvent::CronEnd { job, duration_us: duration_of(b"done in ") })
    } else if [b"completed".as_slice(), b"fully done", b"partially done", b"failed"]
        .iter()
        .any(|end| verb.starts_with(end))
    {
        Some(OdooEvent::CronEnd { job, duration_us: duration_of(b"duration ") })
    } else {
        None
    }
}

/// `odoo.addons.bus.*`.
fn bus_event(message: &[u8]) -> Option<OdooEvent<'_>> {
    if message.starts_with(b"Bus.loop listen imbus") {
        Some(OdooEvent::BusListen)
    } else if message.starts_with(b"Bus.loop error") {
        Some(OdooEvent::BusError)
    } else if message.starts_with(b"Exception occurred during websocket")
        || message.starts_with(b"Exception occured during websocket")
        || message.starts_with(b"Error during Websocket")
        || message.starts_with(b"Bus operation aborted")
    {
        Some(OdooEvent::WebsocketError)
    } else {
        None
    }
}

/// Messages of the database, registry and HTTP layers, which moved between loggers.
fn general_event<'a>(message: &'a [u8], body: &'a [u8]) -> Option<OdooEvent<'a>> {
    let starts = |prefix: &str| message.starts_with(prefix.as_bytes());
    // One look at the first byte spares the chain for most records.
    match message.first()? {
        b'b' if starts("bad query:") => {
            let query = body.get(b"bad query:".len()..).unwrap_or_default();
            let end = ERROR_LINE.find(query).unwrap_or(query.len());
            Some(OdooEvent::BadQuery { query: query.get(..end).unwrap_or(query).trim_ascii() })
        }
        b'C' if starts("ConnectionPool(") => Some(OdooEvent::ConnectionPool),
        b'C' if starts("Connection to the database failed") => Some(OdooEvent::DatabaseConnectionFailed),
        b'C' if starts("Caches invalidated") => Some(OdooEvent::CacheInvalidated),
        b'R' if starts("Registry loaded in ") => {
            let seconds = message.strip_prefix(b"Registry loaded in ").unwrap_or_default();
            let end = memchr(b's', seconds).unwrap_or(seconds.len());
            Some(OdooEvent::RegistryLoaded { duration_us: seconds.get(..end).and_then(seconds_us) })
        }
        b'M' if starts("Modules loaded.") => Some(OdooEvent::RegistryLoaded { duration_us: None }),
        b'R' if starts("Reloading the model registry after database signaling") => {
            Some(OdooEvent::CacheInvalidated)
        }
        b'I' if starts("Invalidating ") && has(message, "caches after database signaling") => {
            Some(OdooEvent::CacheInvalidated)
        }
        b'E' if starts("Exception during ") && has(message, "request handling") => {
            Some(OdooEvent::RequestException)
        }
        b'E' if starts("Exception occurred during websocket") => Some(OdooEvent::WebsocketError),
        b'D' if starts("Database or registry unusable") => Some(OdooEvent::RegistryFailed),
        b'F' if starts("Failed to load registry") || starts("Failed to initialize database") => {
            Some(OdooEvent::RegistryFailed)
        }
        b'G' if starts("Generating nondb routing") => Some(OdooEvent::NonDatabaseRouting),
        b'A'..=b'Z' => retry(message),
        _ => None,
    }
}

/// `SERIALIZATION_FAILURE, 4 tries left, …`, `LOCK_NOT_AVAILABLE, retry 1/5 in …`.
fn retry(message: &[u8]) -> Option<OdooEvent<'_>> {
    let (error, rest) = message.split_at_checked(memchr(b',', message)?)?;
    if error.len() < 4
        || !error.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'0'..=b'9'))
    {
        return None;
    }
    let exhausted = has(rest, "maximum number of tries reached");
    (exhausted || rest.starts_with(b", retry") || has(rest, " tries left"))
        .then_some(OdooEvent::Retry { error, exhausted })
}

#[cfg(test)]
mod tests;
