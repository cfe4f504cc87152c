//! The exception that a record reports, by the last line of its traceback or by what PostgreSQL said.

use std::sync::LazyLock;

use memchr::{memchr, memmem, memrchr};

use super::has;
use crate::record::{Exception, Level, OdooEvent, OdooRecord};

/// Looked for in the records of many failures, so prepared once.
static ERROR: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("ERROR:"));
static POOL_FULL: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new("The Connection Pool Is Full"));

/// Finds the exception that ends the record.
pub(super) fn attach_exception(record: &mut OdooRecord<'_>) {
    if let OdooEvent::BadQuery { .. } = record.event {
        let text = behind_error(record.message).or_else(|| behind_error(record.detail));
        let text = text.map(|text| text.get(..text.len().min(2000)).unwrap_or(text));
        record.exception = text.map(|text| classify(b"ERROR", text));
        if record.exception.is_some_and(|exception| exception != Exception::Other) {
            return;
        }
    }
    // A traceback under an INFO header was written to stderr by some other process.
    let own = record.level >= Level::Warning
        || matches!(record.event, OdooEvent::DatabaseConnectionFailed | OdooEvent::Retry { .. });
    if own && !record.detail.is_empty() {
        record.exception = last_exception(record.detail).or(record.exception);
    }
    if record.exception.is_none() && own && POOL_FULL.find(record.message).is_some() {
        record.exception = Some(Exception::PoolFull);
    }
}

/// Scans lines from the end for `package.Class: text`; the last one with a known meaning counts.
fn last_exception(detail: &[u8]) -> Option<Exception> {
    let mut found = None;
    let mut looked_at = 0;
    let mut rest = detail;
    loop {
        let at = memrchr(b'\n', rest);
        let line = at.and_then(|at| rest.get(at + 1..)).unwrap_or(rest);
        if let Some((name, text)) = exception_line(line) {
            match classify(name, text) {
                Exception::Other => found = found.or(Some(Exception::Other)),
                known => return Some(known),
            }
            looked_at += 1;
        }
        match at.and_then(|at| rest.get(..at)) {
            Some(before) if looked_at < 64 => rest = before,
            _ => return found,
        }
    }
}

/// `package.Class: text` or a bare `MemoryError`.
fn exception_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii_end();
    if !line.first()?.is_ascii_alphabetic() {
        return None;
    }
    let length =
        line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
    let (name, rest) = line.split_at_checked(length)?;
    let class = name.rsplit(|byte| *byte == b'.').next()?;
    let plausible =
        class.first()?.is_ascii_uppercase() || name == b"socket.timeout" || name == b"socket.gaierror";
    if !plausible {
        return None;
    }
    if rest.is_empty() {
        let bare = class.ends_with(b"Error") || class.ends_with(b"Exception") || memchr(b'.', name).is_some();
        return bare.then_some((name, rest));
    }
    Some((name, rest.strip_prefix(b":")?.trim_ascii_start()))
}

/// The meaning of an exception, by its class where that says it and else by PostgreSQL's text.
fn classify(name: &[u8], text: &[u8]) -> Exception {
    // Texts can be whole documents.
    let text = text.get(..text.len().min(600)).unwrap_or(text);
    let class = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    let packages = [b"requests.".as_slice(), b"urllib3.", b"smtplib.", b"zeep.", b"httpx.", b"socket."];
    let classes = [
        b"ReadTimeout".as_slice(),
        b"ConnectTimeout",
        b"ReadTimeoutError",
        b"ConnectTimeoutError",
        b"MaxRetryError",
    ];
    if packages.iter().any(|package| name.starts_with(package))
        || classes.contains(&class)
        || (name == b"TimeoutError" && has(text, "timed out"))
    {
        return Exception::ExternalCall;
    }
    match class {
        b"MemoryError" => return Exception::MemoryError,
        b"PoolError" => return Exception::PoolFull,
        b"SerializationFailure" => return Exception::SerializationFailure,
        b"LockNotAvailable" => return Exception::LockNotAvailable,
        b"DeadlockDetected" => return Exception::DeadlockDetected,
        b"AdminShutdown" => return Exception::AdminShutdown,
        b"TooManyConnections" => return Exception::TooManyClients,
        b"IdleInTransactionSessionTimeout" => return Exception::IdleInTransactionTimeout,
        _ => {}
    }
    const TEXTS: [(&str, Exception); 22] = [
        ("onnection Pool Is Full", Exception::PoolFull),
        ("Failed to acquire cursor after", Exception::PoolFull),
        ("too many clients already", Exception::TooManyClients),
        ("remaining connection slots are reserved", Exception::TooManyClients),
        ("too many connections for", Exception::TooManyClients),
        ("could not serialize access", Exception::SerializationFailure),
        ("could not obtain lock", Exception::LockNotAvailable),
        ("due to lock timeout", Exception::LockNotAvailable),
        ("deadlock detected", Exception::DeadlockDetected),
        ("due to statement timeout", Exception::StatementTimeout),
        ("due to user request", Exception::QueryCanceled),
        ("due to idle-in-transaction timeout", Exception::IdleInTransactionTimeout),
        ("terminating connection due to", Exception::AdminShutdown),
        ("closed the connection unexpectedly", Exception::ConnectionClosed),
        ("connection already closed", Exception::ConnectionClosed),
        ("ursor already closed", Exception::ConnectionClosed),
        ("connection has been closed unexpectedly", Exception::ConnectionClosed),
        ("CPU time limit exceeded", Exception::CpuTimeLimit),
        ("could not connect to server", Exception::ConnectionFailed),
        ("connection to server at", Exception::ConnectionFailed),
        ("connection to server on socket", Exception::ConnectionFailed),
        ("the database system is", Exception::ConnectionFailed),
    ];
    /// Looked for in every exception of many, so prepared once.
    static FINDERS: LazyLock<Vec<(memmem::Finder<'static>, Exception)>> =
        LazyLock::new(|| TEXTS.map(|(part, exception)| (memmem::Finder::new(part), exception)).into());
    let by_text = FINDERS.iter().find(|(part, _)| part.find(text).is_some()).map(|(_, exception)| *exception);
    by_text.unwrap_or(if class == b"ConnectionRefusedError" {
        Exception::ConnectionFailed
    } else {
        Exception::Other
    })
}

/// What PostgreSQL says behind `ERROR:`.
fn behind_error(text: &[u8]) -> Option<&[u8]> {
    text.get(ERROR.find(text)?.checked_add(ERROR.needle().len())?..)
}
