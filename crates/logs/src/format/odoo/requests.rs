//! Request lines: those that `werkzeug` writes for an HTTP worker, and those of the evented process.

use memchr::{memchr, memrchr};

use super::{number, seconds_us};
use crate::format::http_1_request;
use crate::record::{OdooEvent, WorkerRequest};
use crate::sixteen;
use crate::timestamp::{leading_number, number as digits_of, short_seconds_us};

/// The token up to the next blank, and what follows it, the blank included.
fn token(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = sixteen::find(input, [b' ']).unwrap_or(input.len());
    input.split_at_checked(length).filter(|_| length > 0)
}

/// The token behind a blank, and what follows it.
fn next_token(input: &[u8]) -> Option<(&[u8], &[u8])> {
    token(input.strip_prefix(b" ")?)
}

/// `ADDR IDENT USER [DATE] "`: what follows, and the address. Odoo 20 has the session id in the ident slot.
pub(super) fn request_head(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (address, rest) = token(message)?;
    // Nobody logs in to werkzeug.
    let date = match rest.strip_prefix(b" - - [") {
        Some(date) => date,
        None => next_token(next_token(rest)?.1)?.1.strip_prefix(b" [")?,
    };
    let rest = date.get(sixteen::find(date, [b']'])?..)?.strip_prefix(b"] \"")?;
    Some((rest, address))
}

/// `STATUS SIZE`: what follows, and the status. Copies pasted elsewhere have lost the size.
pub(super) fn status_and_size(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match input.first()? {
        b'-' => 1,
        _ => input.iter().take_while(|byte| byte.is_ascii_digit()).count(),
    };
    let (status, rest) = input.split_at_checked(length).filter(|_| length > 0)?;
    match next_token(rest) {
        Some((_, rest)) => Some((rest, status)),
        None => (rest.is_empty() && status.len() == 3).then_some((rest, status)),
    }
}

/// What stands behind a request.
#[derive(Debug, PartialEq)]
pub(super) struct Answer<'a> {
    status: u16,
    query_count: Option<u32>,
    query_time_us: Option<i64>,
    remaining_time_us: Option<i64>,
    /// What follows status and size.
    columns: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The request with this answer.
    #[inline]
    fn to(&self, address: &'a [u8], request: &'a [u8]) -> WorkerRequest<'a> {
        let (method, target) = method_and_target(request);
        let (path, model_method) = split_model_method(target);
        WorkerRequest {
            address,
            method,
            path,
            model_method,
            status: self.status,
            query_count: self.query_count,
            query_time_us: self.query_time_us,
            remaining_time_us: self.remaining_time_us,
        }
    }
}

/// What [`common_request`] finds.
pub(super) struct CommonRequest<'a> {
    pub(super) database: &'a [u8],
    pub(super) message: &'a [u8],
    pub(super) request: WorkerRequest<'a>,
}

/// Query count, query seconds and remaining seconds as printed.
pub(super) type Columns<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// ` QUERIES QUERY_SECONDS REMAINING_SECONDS`, or dashes; a cursor mode may follow.
pub(super) fn performance(input: &[u8]) -> Option<Columns<'_>> {
    let (queries, rest) = next_token(input)?;
    let (query_time, rest) = next_token(rest)?;
    let (remaining_time, _) = next_token(rest)?;
    Some((queries, query_time, remaining_time))
}

/// `STATUS SIZE` and what [`performance`] reads, if it is there.
pub(super) fn answer(tail: &[u8]) -> Option<Answer<'_>> {
    let (columns, status) = status_and_size(tail)?;
    let (queries, query_time, remaining_time) = performance(columns).unwrap_or_default();
    Some(Answer {
        status: number(status).map_or(0, |(status, _)| status),
        query_count: number(queries).map(|(count, _)| count),
        query_time_us: seconds_us(query_time),
        remaining_time_us: seconds_us(remaining_time),
        columns,
    })
}

/// What [`answer`] gives for `200 - 17 0.123 0.045`, as nearly every request ends, and what follows.
#[inline(always)]
pub(super) fn common_answer(tail: &[u8]) -> Option<(Answer<'_>, &[u8])> {
    let (&[a, b, c, b' ', b'-', b' '], rest) = tail.split_first_chunk()? else { return None };
    let columns = tail.get(5..)?;
    let (queries, rest) = leading_number(rest)?;
    let (&[b' ', d, e, f, g, h, b' ', i, j, k, l, m], rest) = rest.split_first_chunk()? else { return None };
    matches!(rest.first(), None | Some(b' ')).then_some(())?;
    let answer = Answer {
        status: u16::try_from(digits_of([a, b, c])?).ok()?,
        query_count: u32::try_from(queries).ok(),
        query_time_us: Some(short_seconds_us([d, e, f, g, h])?),
        remaining_time_us: Some(short_seconds_us([i, j, k, l, m])?),
        columns,
    };
    Some((answer, rest))
}

/// Splits `METHOD TARGET VERSION`; the target of a bad client may hold blanks and quotes.
fn method_and_target(request: &[u8]) -> (&[u8], &[u8]) {
    if let Some(common) = http_1_request(request) {
        return common;
    }
    let (method, target) = match memchr(b' ', request).and_then(|at| request.split_at_checked(at)) {
        Some((method, rest)) if method.iter().all(u8::is_ascii_uppercase) => {
            (method, rest.get(1..).unwrap_or_default())
        }
        _ => (b"".as_slice(), request),
    };
    let end = memrchr(b' ', target)
        .filter(|at| target.get(at + 1..).is_some_and(|version| version.starts_with(b"HTTP/")));
    (method, end.and_then(|at| target.get(..at)).unwrap_or(target))
}

/// Cuts the `#model.method` off that Odoo 19 appends to the target.
fn split_model_method(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    if sixteen::find(target, [b'#']).is_none() {
        return (target, None);
    }
    let split = memrchr(b'#', target).and_then(|at| {
        let name = target.get(at + 1..)?;
        let dotted = memchr(b'.', name).is_some()
            && name.split(|byte| *byte == b'.').all(|part| {
                !part.is_empty() && part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            });
        dotted.then_some((target.get(..at)?, name))
    });
    split.map_or((target, None), |(path, name)| (path, Some(name)))
}

/// A request line of an HTTP worker, and how much of the message it is without the perf columns.
/// `None`: another kind of message. `Err`: a request line that is cut.
pub(super) fn worker_request(message: &[u8]) -> Result<Option<(WorkerRequest<'_>, usize)>, &'static str> {
    let Some((rest, address)) = request_head(message) else { return Ok(None) };
    let quote = memrchr(b'"', rest).ok_or("truncated_request")?;
    let (request, tail) = rest.split_at_checked(quote).ok_or("truncated_request")?;
    let tail = tail.strip_prefix(b"\" ").ok_or("truncated_request")?;
    let common = common_answer(tail).map(|(answer, _)| answer);
    let answer = common.or_else(|| answer(tail)).ok_or("truncated_request")?;
    // CSV doubles the quotes.
    let undoubled = request.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let used = message.len().saturating_sub(answer.columns.len());
    Ok(Some((answer.to(address, undoubled.unwrap_or(request)), used)))
}

/// What the record of a request says behind its level, where it is one line and written as nearly all are: read from left
/// to right at one go. `None`: it is to be looked at more closely, which would come to the same.
#[inline]
pub(super) fn common_request(rest: &[u8]) -> Option<CommonRequest<'_>> {
    let (database, rest) = rest.split_at_checked(sixteen::find(rest, [b' ', b'\n'])?)?;
    let (b" werkzeug: ", message) = rest.split_first_chunk::<11>()? else { return None };
    let (address, rest) = message.split_at_checked(sixteen::find(message, [b' ', b'\n'])?)?;
    let (b" - - [", date) = rest.split_first_chunk::<6>()? else { return None };
    let (_date, rest) = date.split_at_checked(sixteen::find(date, [b']', b'\n'])?)?;
    let (b"] \"", rest) = rest.split_first_chunk::<3>()? else { return None };
    // The first quote is the last one: what follows it has no room for another.
    let (request, rest) = rest.split_at_checked(sixteen::find(rest, [b'"', b'\n'])?)?;
    let (b"\" ", tail) = rest.split_first_chunk::<2>()? else { return None };
    let (answer, b"") = common_answer(tail)? else { return None };
    if database.is_empty() || address.is_empty() {
        return None;
    }
    let message = message.get(..message.len().checked_sub(answer.columns.len())?)?;
    Some(CommonRequest { database, message, request: answer.to(address, request) })
}

/// A request line of the evented process: the last column is the life of the request.
pub(super) fn evented_request(message: &[u8]) -> Result<Option<OdooEvent<'_>>, &'static str> {
    let Some((rest, _)) = request_head(message) else { return Ok(None) };
    let quote = memrchr(b'"', rest).ok_or("truncated_request")?;
    let (request, tail) = rest.split_at_checked(quote).ok_or("truncated_request")?;
    let tail = tail.strip_prefix(b"\" ").ok_or("truncated_request")?;
    let (duration, status) = status_and_size(tail).ok_or("truncated_request")?;
    let (method, path) = method_and_target(request);
    Ok(Some(OdooEvent::EventedRequest {
        method,
        path,
        status: number(status).map_or(0, |(status, _)| status),
        duration_us: seconds_us(duration.trim_ascii()),
    }))
}
