//! What one line of an access log says, collected variable by variable.

use memchr::memchr;

use super::log_format::Class;
use crate::format::http_1_request;
use crate::record::AccessRecord;
use crate::timestamp::{
    LastTime, SECOND_US, Stamp, Zone, civil_us, clock_s, digits, fraction_us, iso, leading_number,
    month_number, number as digits_of, short_seconds_us,
};
use crate::{eight, sixteen};

/// A variable of nginx that means something to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    TimeLocal,
    TimeIso,
    Msec,
    /// A well-known JSON key whose content may be any of the three forms of time.
    AnyTime,
    RemoteAddr,
    Host,
    /// A name that stands in for the host when `$host` is not logged.
    ServerName,
    Request,
    Method,
    RequestUri,
    Uri,
    Status,
    Bytes,
    RequestTime,
    UpstreamResponseTime,
    UpstreamConnectTime,
    UpstreamStatus,
    UpstreamAddr,
    UserAgent,
    RequestId,
    Connection,
    Ignored,
}

/// The elements of an `$upstream_*` list: `, ` joins retries, ` : ` joins passes.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| matches!(byte, b' ' | b',')).filter(|element| !element.is_empty() && *element != b":")
}

/// The last element of an `$upstream_*` list.
fn last_element(value: &[u8]) -> Option<&[u8]> {
    // An address is too short for a search.
    if value.iter().any(|byte| matches!(byte, b' ' | b',')) {
        return elements(value).last();
    }
    (!matches!(value, b"" | b":")).then_some(value)
}

/// `1.234` seconds as microseconds.
pub(crate) fn seconds_us(text: &[u8]) -> Option<i64> {
    // Hardly a request takes ten seconds.
    if let Some(us) = text.try_into().ok().and_then(short_seconds_us) {
        return Some(us);
    }
    let (seconds, rest) = leading_number(text)?;
    if rest.is_empty() && text.len() <= 11 {
        return Some(seconds * SECOND_US);
    }
    let (fraction, used, _) = fraction_us(rest);
    let whole = used == rest.len() && rest.first() == Some(&b'.') && text.len() - rest.len() <= 11;
    whole.then(|| seconds * SECOND_US + fraction)
}

/// Seconds since 1970 with an optional fraction: microseconds and the resolution.
fn epoch(text: &[u8]) -> Option<(i64, i64)> {
    // `$msec` of this century.
    if let Ok(&[a, b, c, d, e, f, g, h, i, j, b'.', k, l, m]) = <&[u8; 14]>::try_from(text)
        && let (seconds, 8) = eight::leading_number(&[a, b, c, d, e, f, g, h])
        && let Some(rest) = digits_of([i, j, k, l, m])
    {
        return Some((i64::from(seconds) * 100 * SECOND_US + rest * 1000, 1000));
    }
    let resolution = if memchr(b'.', text).is_some() { 1000 } else { SECOND_US };
    Some((seconds_us(text)?, resolution))
}

/// Sum of a list of times; `None` when every element is `-`.
fn sum_us(value: &[u8]) -> Option<i64> {
    // Hardly a list has two elements.
    if let Some(us) = seconds_us(value) {
        return Some(us);
    }
    elements(value)
        .filter_map(seconds_us)
        .fold(None, |sum: Option<i64>, us| Some(sum.unwrap_or(0).saturating_add(us)))
}

/// An unsigned number.
fn number(value: &[u8]) -> Option<u64> {
    digits(value).and_then(|value| u64::try_from(value).ok())
}

/// A status of up to three digits.
fn status(value: &[u8]) -> Option<u16> {
    (value.len() == 3).then(|| digits(value)).flatten().and_then(|value| u16::try_from(value).ok())
}

/// `23/Nov/2026:18:19:53 +0000`, exactly 26 bytes.
pub(crate) fn time_local(text: &[u8]) -> Option<Stamp> {
    let &[a, b, b'/', c, d, e, b'/', f, g, h, i, b':', ref clock @ .., b' ', sign, j, k, l, m] =
        <&[u8; 26]>::try_from(text).ok()?
    else {
        return None;
    };
    let day = civil_us(digits_of([f, g, h, i])?, month_number(&[c, d, e])?, digits_of([a, b])?, 0, 0, 0)?;
    let (hours, minutes) = (digits_of([j, k])?, digits_of([l, m])?);
    let east = i32::try_from(hours * 3600 + minutes * 60).ok().filter(|_| hours <= 15 && minutes < 60)?;
    let offset = match sign {
        b'+' => east,
        b'-' => -east,
        _ => return None,
    };
    let us = day + (clock_s(clock)? - i64::from(offset)) * SECOND_US;
    Some(Stamp { us, zone: Zone::Offset(offset), resolution_us: SECOND_US })
}

/// Method and target of a request line `METHOD SP target [SP HTTP/x]`; both empty for garbage.
#[inline]
pub(crate) fn split_request(request: &[u8]) -> (&[u8], &[u8]) {
    let split = || {
        if let Some(common) = http_1_request(request) {
            return Some(common);
        }
        let (method, rest) = request.split_at_checked(memchr(b' ', request)?)?;
        let named = !method.is_empty()
            && method.len() <= 32
            && method.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
        let rest = rest.get(1..)?;
        // The target may hold blanks; the version is behind the last one. HTTP/0.9 has none.
        let target = match memchr::memrchr(b' ', rest) {
            Some(at) if rest.get(at + 1..)?.starts_with(b"HTTP/") => rest.get(..at)?,
            _ => rest,
        };
        (named && !target.is_empty()).then_some((method, target))
    };
    split().unwrap_or_default()
}

/// `1.234` seconds at the start of `input`, as nginx writes them, and what follows.
#[inline(always)]
fn common_seconds(input: &[u8]) -> Option<(i64, &[u8])> {
    // Hardly a request takes ten seconds.
    if let Some((head, rest)) = input.split_first_chunk()
        && let Some(us) = short_seconds_us(*head)
    {
        return (!rest.first().is_some_and(u8::is_ascii_digit)).then_some((us, rest));
    }
    let (seconds, rest) = leading_number(input).filter(|(_, rest)| input.len() - rest.len() <= 10)?;
    let (&[b'.', a, b, c], rest) = rest.split_first_chunk()? else { return None };
    let ended = !rest.first().is_some_and(u8::is_ascii_digit);
    ended.then_some((seconds * SECOND_US + digits_of([a, b, c])? * 1000, rest))
}

/// Three digits at the start of `input`, and what follows.
fn common_status(input: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = input.split_first_chunk::<3>()?;
    let status = digits_of(*digits).filter(|_| !rest.first().is_some_and(u8::is_ascii_digit))?;
    Some((u16::try_from(status).ok()?, rest))
}

/// One address at the start of `input`, and what follows.
fn common_address(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = sixteen::find(input, [b'"', b' ', b','])?;
    input.split_at_checked(end).filter(|(address, _)| address.len() > 1)
}

#[cfg(test)]
thread_local! {
    /// Nothing is read by hand: tests compare the two ways.
    pub(super) static SLOWLY: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether what is written as in nearly every line may be read by hand.
#[inline]
pub(super) fn by_hand() -> bool {
    #[cfg(test)]
    return !SLOWLY.get();
    #[cfg(not(test))]
    true
}

/// The last times that an access log said, as text and as values.
#[derive(Debug, Default, Clone)]
pub struct Times {
    /// `$time_local`.
    pub(super) local: LastTime<Stamp, 26, 12>,
    /// `$time_iso8601`.
    iso: LastTime<Stamp, 25, 11>,
}

/// `2026-11-23T18:36:14+00:00`, exactly 25 bytes.
fn time_iso8601(text: &[u8]) -> Option<Stamp> {
    iso(text.get(..25)?).filter(|(_, used)| *used == 25).map(|(stamp, _)| stamp)
}

/// The first four bytes of the labels that [`Fields::take_label`] knows, as one number: told apart at one go.
const REQUEST_TIME: u32 = u32::from_le_bytes(*b" rt=");
const UPSTREAM_RESPONSE_TIME: u32 = u32::from_le_bytes(*b" urt");
const UPSTREAM_CONNECT_TIME: u32 = u32::from_le_bytes(*b" uct");
const UPSTREAM_HEADER_TIME: u32 = u32::from_le_bytes(*b" uht");
const UPSTREAM_STATUS: u32 = u32::from_le_bytes(*b" us=");
const UPSTREAM_ADDR: u32 = u32::from_le_bytes(*b" ua=");
const REQUEST_ID: u32 = u32::from_le_bytes(*b" rid");

/// A record in the making.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) record: AccessRecord<'a>,
    /// Microseconds, and the resolution they were written in.
    msec: Option<(i64, i64)>,
    iso: Option<Stamp>,
    pub(super) local: Option<Stamp>,
    pub(super) has_status: bool,
    /// Some variable that names the request was there, be it garbage.
    pub(super) has_request: bool,
}

impl<'a> Fields<'a> {
    /// Takes in the value that `input` begins with, where it is written as in nearly every line, and gives what follows
    /// it. `None`: [`Class::extent`] and [`Fields::assign`] have to look at it; they would come to the same.
    #[inline]
    pub(super) fn take_common(
        &mut self,
        variable: Variable,
        class: Class,
        input: &'a [u8],
    ) -> Option<&'a [u8]> {
        let record = &mut self.record;
        // What joins two elements.
        let alone = |rest: &&[u8]| !rest.starts_with(b", ") && !rest.starts_with(b" : ");
        match (variable, class) {
            _ if !by_hand() => None,
            (Variable::Status, Class::Status) => {
                let (status, rest) = common_status(input)?;
                record.status = status;
                self.has_status = true;
                Some(rest)
            }
            (Variable::UpstreamStatus, Class::StatusList) => {
                let (status, rest) = common_status(input)?;
                record.upstream_status = Some(status);
                Some(rest).filter(alone)
            }
            (Variable::UpstreamAddr, Class::AddressList) => {
                let (address, rest) = common_address(input)?;
                record.upstream_addr = address;
                Some(rest).filter(alone)
            }
            (Variable::Bytes, Class::Number) => {
                let (bytes, rest) = leading_number(input)?;
                record.bytes_sent = u64::try_from(bytes).ok();
                Some(rest)
            }
            (Variable::TimeLocal, Class::TimeLocal) => {
                let (time, rest) = input.split_at_checked(26)?;
                self.local = Some(time_local(time)?);
                Some(rest)
            }
            (Variable::RequestTime, Class::Seconds) => {
                let (us, rest) = common_seconds(input)?;
                record.request_time_us = Some(us);
                Some(rest)
            }
            (Variable::UpstreamResponseTime, Class::SecondsList) => {
                let (us, rest) = common_seconds(input)?;
                record.upstream_response_time_us = Some(us);
                Some(rest).filter(alone)
            }
            (Variable::UpstreamConnectTime, Class::SecondsList) => {
                let (us, rest) = common_seconds(input)?;
                record.upstream_connect_time_us = Some(us);
                record.upstream_never_connected = false;
                Some(rest).filter(alone)
            }
            (Variable::Ignored, Class::SecondsList) => {
                let (_us, rest) = common_seconds(input)?;
                Some(rest).filter(alone)
            }
            _ => None,
        }
    }

    /// Takes in the short label that `input` begins with, behind its blank, and its value, where both are written as in
    /// nearly every line, and gives what follows, and whether the label stands for something. `None`: it is to be looked
    /// at more closely; that would come to the same.
    #[inline]
    pub(super) fn take_label(&mut self, input: &'a [u8]) -> Option<(&'a [u8], bool)> {
        if !by_hand() {
            return None;
        }
        let record = &mut self.record;
        let seconds = |value: &'a [u8]| {
            let (us, rest) = common_seconds(value.strip_prefix(b"=\"")?)?;
            // A list of times goes on behind the first.
            Some((us, rest.strip_prefix(b"\"")?))
        };
        let (label, value) = input.split_first_chunk()?;
        let quoted = || value.strip_prefix(b"\"");
        let (means_something, rest) = match u32::from_le_bytes(*label) {
            REQUEST_TIME => {
                let (us, rest) = common_seconds(value)?;
                record.request_time_us = Some(us);
                (true, rest)
            }
            UPSTREAM_RESPONSE_TIME => {
                let (us, rest) = seconds(value)?;
                record.upstream_response_time_us = Some(us);
                (true, rest)
            }
            UPSTREAM_CONNECT_TIME => {
                let (us, rest) = seconds(value)?;
                record.upstream_connect_time_us = Some(us);
                record.upstream_never_connected = false;
                (true, rest)
            }
            UPSTREAM_HEADER_TIME => (false, seconds(value)?.1),
            UPSTREAM_STATUS => {
                let (status, rest) = common_status(quoted()?)?;
                record.upstream_status = Some(status);
                (true, rest.strip_prefix(b"\"")?)
            }
            UPSTREAM_ADDR => {
                let (address, rest) = common_address(quoted()?)?;
                record.upstream_addr = address;
                (true, rest.strip_prefix(b"\"")?)
            }
            REQUEST_ID => {
                let value = value.strip_prefix(b"=").filter(|value| !value.starts_with(b"\""))?;
                let end = sixteen::find(value, [b' ']).unwrap_or(value.len());
                let (id, rest) = value.split_at_checked(end)?;
                record.request_id = id;
                (true, rest)
            }
            _ => return None,
        };
        // A cut line ends in mid-value.
        matches!(rest.first(), None | Some(b' ')).then_some((rest, means_something))
    }

    /// [`Fields::assign`] for the next of many lines.
    #[inline]
    pub(super) fn assign_next(
        &mut self,
        variable: Variable,
        value: &'a [u8],
        last: &mut Times,
    ) -> Option<()> {
        if matches!(variable, Variable::TimeIso | Variable::AnyTime)
            && value.len() == 25
            && let Some(stamp) = last.iso.read(value, time_iso8601)
        {
            self.iso = Some(stamp);
            return Some(());
        }
        self.assign(variable, value)
    }

    /// Takes in the value of a variable. `None` when the value cannot be one of that variable.
    pub(super) fn assign(&mut self, variable: Variable, value: &'a [u8]) -> Option<()> {
        let record = &mut self.record;
        match variable {
            Variable::Ignored => {}
            Variable::TimeLocal => self.local = Some(time_local(value)?),
            Variable::TimeIso => self.iso = Some(iso(value).filter(|(_, used)| *used == value.len())?.0),
            Variable::Msec => self.msec = Some(epoch(value)?),
            Variable::AnyTime => {
                // `1795457993` and `1795457993193` are seen too.
                if let Some(milliseconds) = (value.len() == 13).then(|| digits(value)).flatten() {
                    self.msec = milliseconds.checked_mul(1000).map(|us| (us, 1000));
                } else if let Some(moment) = epoch(value).filter(|(us, _)| *us > 100_000_000 * SECOND_US) {
                    self.msec = Some(moment);
                } else if let Some((stamp, _)) = iso(value) {
                    self.iso = Some(stamp);
                } else {
                    self.local = Some(time_local(value)?);
                }
            }
            Variable::RemoteAddr => record.remote_addr = value,
            Variable::Host => record.host = value,
            Variable::ServerName => {
                if record.host.is_empty() {
                    record.host = value;
                }
            }
            Variable::Request => self.request(value),
            Variable::Method => {
                self.has_request = true;
                if value != b"-" {
                    record.method = value;
                }
            }
            Variable::RequestUri => {
                self.has_request = true;
                if value != b"-" {
                    record.path = value;
                }
            }
            Variable::Uri => {
                self.has_request = true;
                if record.path.is_empty() && value != b"-" {
                    record.path = value;
                }
            }
            Variable::Status => {
                record.status = status(value)?;
                self.has_status = true;
            }
            Variable::Bytes => record.bytes_sent = number(value),
            Variable::RequestTime => record.request_time_us = seconds_us(value),
            Variable::UpstreamResponseTime => record.upstream_response_time_us = sum_us(value),
            Variable::UpstreamConnectTime => {
                record.upstream_connect_time_us = sum_us(value);
                record.upstream_never_connected = record.upstream_connect_time_us.is_none();
            }
            Variable::UpstreamStatus => record.upstream_status = last_element(value).and_then(status),
            // Empty under escape=json is `-` under escape=default: no upstream was used.
            Variable::UpstreamAddr => record.upstream_addr = last_element(value).unwrap_or(b"-"),
            Variable::UserAgent => record.user_agent = value,
            Variable::RequestId => record.request_id = value,
            Variable::Connection => record.connection = number(value),
        }
        Some(())
    }

    /// Takes in `$request`.
    #[inline]
    pub(super) fn request(&mut self, value: &'a [u8]) {
        self.has_request = true;
        if value.first() == Some(&b'/') {
            self.record.path = value;
        } else if let (method @ [_, ..], path) = split_request(value) {
            // Garbage here does not wipe out what `$request_method` and `$request_uri` said.
            (self.record.method, self.record.path) = (method, path);
        }
    }

    /// Completes the record, if there was a status. `$msec` is finer than `$time_iso8601` and `$time_local`, which know the
    /// server's offset.
    pub(super) fn finish(&mut self, outer: Option<Stamp>) -> Option<()> {
        let named = self.iso.or(self.local);
        self.record.end = match self.msec {
            Some((us, resolution_us)) => {
                let zone = match named.map(|stamp| stamp.zone) {
                    Some(zone @ Zone::Offset(_)) => zone,
                    _ => Zone::Utc,
                };
                Some(Stamp { us, zone, resolution_us })
            }
            None => named.or(outer),
        };
        // A request that needed no upstream prints `-` too, but nothing failed to connect.
        self.record.upstream_never_connected &= self.record.upstream_addr != b"-";
        self.has_status.then_some(())
    }
}

/// Number of optional fields that a record yields; tells rich formats from poor ones.
pub(super) fn richness(record: &AccessRecord<'_>) -> u32 {
    let present = [
        record.end.is_some(),
        record.end.is_some_and(|stamp| stamp.resolution_us < SECOND_US),
        !record.remote_addr.is_empty(),
        !record.host.is_empty(),
        !record.method.is_empty(),
        !record.path.is_empty(),
        record.bytes_sent.is_some(),
        record.request_time_us.is_some(),
        record.upstream_response_time_us.is_some(),
        record.upstream_connect_time_us.is_some() || record.upstream_never_connected,
        record.upstream_status.is_some(),
        !record.upstream_addr.is_empty(),
        !record.user_agent.is_empty(),
        !record.request_id.is_empty(),
        record.connection.is_some(),
    ];
    present.into_iter().map(u32::from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(seconds_us(b"0.000"), Some(0));
        assert_eq!(seconds_us(b"3600.004"), Some(3_600_004_000));
        assert_eq!(seconds_us(b"1795457993"), Some(1_795_457_993_000_000));
        for broken in ["", "-", ".", "1.", ".5", "1.5s", "1,5", "-1", "999999999999.0", "\u{662}"] {
            assert_eq!(seconds_us(broken.as_bytes()), None, "{broken}");
        }
        assert_eq!(sum_us(b"0.001, 2.5 : 0.1"), Some(2_601_000));
        assert_eq!(sum_us(b"-, -"), None);
        assert_eq!(sum_us(b"-, 0.25"), Some(250_000));
        assert_eq!(sum_us(b"99999999999 ".repeat(100).as_slice()), Some(i64::MAX));
        assert_eq!(
            (status(b"504"), status(b"50"), status(b"5O4"), status(b"5040")),
            (Some(504), None, None, None)
        );
    }

    #[test]
    fn last_elements() {
        for list in
            ["127.0.0.1:8069", "502, 200", "502 : 200", "-", ":", "", ", ", "unix:/run/odoo.sock : a", "200,"]
        {
            let list = list.as_bytes();
            assert_eq!(last_element(list), elements(list).last());
        }
    }

    #[test]
    fn times() {
        let text = b"23/Nov/2026:20:24:34 +0200";
        let stamp = time_local(text).unwrap();
        assert_eq!((stamp.us, stamp.zone), (1_795_458_274_000_000, Zone::Offset(7200)));
        for cut in 0..text.len() {
            assert_eq!(time_local(&text[..cut]), None);
        }
        let any = |value| {
            let mut fields = Fields::default();
            fields.assign(Variable::AnyTime, value)?;
            fields.assign(Variable::Status, b"200")?;
            fields.finish(None)?;
            fields.record.end.map(|end| (end.us, end.resolution_us))
        };
        assert_eq!(any(b"1795458274641"), Some((1_795_458_274_641_000, 1000)));
        assert_eq!(any(b"1795458274.641"), Some((1_795_458_274_641_000, 1000)));
        assert_eq!(any(b"1795458274"), Some((1_795_458_274_000_000, SECOND_US)));
        assert_eq!(any(b"2026-11-23T20:24:34+02:00"), Some((1_795_458_274_000_000, SECOND_US)));
        assert_eq!(any(text), Some((1_795_458_274_000_000, SECOND_US)));
        assert_eq!(any(b"yesterday"), None);
    }

    #[test]
    fn requests() {
        for (request, method, path) in [
            ("GET /web HTTP/1.1", "GET", "/web"),
            ("GET /a HTTP/1.1 b HTTP/1.0", "GET", "/a HTTP/1.1 b"),
            ("GET /web", "GET", "/web"),
            ("M-SEARCH * HTTP/1.1", "M-SEARCH", "*"),
            ("GET  HTTP/1.1", "", ""),
            ("GET ", "", ""),
            ("get /web HTTP/1.1", "", ""),
            ("", "", ""),
            ("-", "", ""),
            ("\u{16}\u{3}\u{1}\u{2} HTTP/1.1", "", ""),
        ] {
            assert_eq!(
                split_request(request.as_bytes()),
                (method.as_bytes(), path.as_bytes()),
                "{request:?}"
            );
        }
    }

    #[test]
    fn garbage_does_not_wipe_out_the_request() {
        let mut fields = Fields::default();
        fields.assign(Variable::Method, b"GET").unwrap();
        fields.assign(Variable::RequestUri, b"/web").unwrap();
        fields.assign(Variable::Request, b"-").unwrap();
        fields.assign(Variable::Status, b"200").unwrap();
        fields.finish(None).unwrap();
        let record = fields.record;
        assert_eq!((record.method, record.path), (b"GET".as_slice(), b"/web".as_slice()));
    }
}
