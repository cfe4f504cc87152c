//! `log_line_prefix`: compiled from its setting, or read without knowing it.

use memchr::{memchr, memchr_iter, memmem};

use super::super::postgres_message::{looks_like_stamp, next_stamp, stamp};
use super::super::postgres_translations::severity;
use super::super::strip_literal;
use super::{LONGEST_PREFIX, LONGEST_SEVERITY};
use crate::sixteen;
use crate::timestamp::{LastTime, SECOND_US, Stamp, digits, fraction_us, leading_number};

/// Prefixes seen in the field, tried after those of the bundle's own configuration. `%m` also reads `%t`.
const COMMON_PREFIXES: [&str; 34] = [
    "%m [%p] ",
    "%m [%p] %q%u@%d ",
    "%m [%p] %q%u@%d %e ",
    "%m [%p] %e ",
    "%m [%p-%l] %q%u@%d ",
    "%m [%p-%l] ",
    "%m-%c-",
    "%m [%p] %q%u@%d %r ",
    "%m [%p] %q%u@%d %a ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    "%m [%p] %q[user=%u,db=%d,app=%a,client=%h] ",
    "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%m [%p]: [%l-1] user=%u,db=%d,client=%h,app=%a ",
    "%m [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%m [%p] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] user=%u,db=%d ",
    "%m [%p]: [%l-1] %q%u@%d ",
    "%m [%p]: [%l-1] ",
    "%m [%p]: ",
    "%m:%r:%u@%d:[%p]:",
    "%m [%p] %q%u@%d [%a] ",
    "%m [%p] %q%u@%d/%a ",
    "%m [%p] [%l-1] %q%u@%d ",
    "%m [%p] %a ",
    "%m %p ",
    "< %m >",
    "%m:%h:%u@%d:[%p]:",
    "%m [%p] %q%a %u@%d ",
    "%n [%p] ",
    "%n [%p] %q%u@%d ",
    "%q[user=%u,db=%d,app=%a] ",
    "user=%u,db=%d,client=%h ",
    "sql_error_code = %e ",
];

/// What one escape of `log_line_prefix` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `%m`, `%t`: log time.
    Time,
    /// `%n`: log time as seconds since 1970.
    Epoch,
    /// `%p`.
    ProcessId,
    /// `%l`, `%x`, `%Q`, `%P`: a number that is not used.
    Number,
    /// `%a`.
    Application,
    /// `%r`: host and port.
    Remote,
    /// `%e`.
    SqlState,
    /// `%i`, `%b`, `%s`: text with blanks that is not used.
    Phrase,
    /// `%c`: session id, which holds the process number.
    Session,
    /// `%u`, `%d`, `%h`, `%v`, `%L`: a word that is not used.
    Word,
}

/// One step through a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// This text.
    Literal(Vec<u8>),
    /// An escape, at least this wide.
    Field(Kind, usize),
    /// `%q`: background processes print no more.
    SessionOnly,
}

/// A compiled `log_line_prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prefix {
    steps: Vec<Step>,
    /// Nothing it prints of its own could be taken for the end of a severity, and the time comes first.
    pub(super) forward: bool,
}

/// A record read from left to right: its prefix, and the severity in English with the text behind it.
pub(super) struct Forward<'a> {
    pub(super) fields: Fields<'a>,
    pub(super) severity: &'static [u8],
    pub(super) message: &'a [u8],
}

/// What a prefix told.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields<'a> {
    pub(super) stamp: Option<Stamp>,
    pub(super) pid: Option<u32>,
    pub(super) application_name: &'a [u8],
    pub(super) client_port: Option<u16>,
    pub(super) sql_state: &'a [u8],
}

impl Prefix {
    /// Compiles the value of `log_line_prefix`. Escapes that do not exist print nothing, as in the server.
    pub(super) fn compile(pattern: &str) -> Self {
        let mut steps = Vec::new();
        let mut literal = Vec::new();
        let mut bytes = pattern.bytes().peekable();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                literal.push(byte);
                continue;
            }
            let _ = bytes.next_if_eq(&b'-');
            let mut width = 0usize;
            while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
                width = width.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
            }
            let step = match bytes.next() {
                Some(b'%') => {
                    literal.push(b'%');
                    continue;
                }
                Some(b'm' | b't') => Step::Field(Kind::Time, width),
                Some(b'n') => Step::Field(Kind::Epoch, width),
                Some(b'p') => Step::Field(Kind::ProcessId, width),
                Some(b'l' | b'x' | b'Q' | b'P') => Step::Field(Kind::Number, width),
                Some(b'a') => Step::Field(Kind::Application, width),
                Some(b'r') => Step::Field(Kind::Remote, width),
                Some(b'e') => Step::Field(Kind::SqlState, width),
                Some(b'i' | b'b' | b's') => Step::Field(Kind::Phrase, width),
                Some(b'u' | b'd' | b'h' | b'v' | b'L') => Step::Field(Kind::Word, width),
                Some(b'c') => Step::Field(Kind::Session, width),
                Some(b'q') => Step::SessionOnly,
                _ => continue,
            };
            if !literal.is_empty() {
                steps.push(Step::Literal(std::mem::take(&mut literal)));
            }
            steps.push(step);
        }
        if !literal.is_empty() {
            steps.push(Step::Literal(literal));
        }
        let forward = matches!(steps.first(), Some(Step::Field(Kind::Time, 0)))
            && steps.iter().all(|step| !matches!(step, Step::Literal(text) if may_end_severity(text)));
        Prefix { steps, forward }
    }

    /// Whether the pattern prints a time.
    pub(super) fn has_time(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Field(Kind::Time | Kind::Epoch, _)))
    }

    /// Reads a whole printed prefix; `None` if it is not one of this pattern.
    pub(super) fn read<'a>(&self, printed: &'a [u8]) -> Option<Fields<'a>> {
        self.read_next(printed, &mut LastTime::default())
    }

    /// Reads the next of many prefixes.
    pub(super) fn read_next<'a>(
        &self,
        printed: &'a [u8],
        last_time: &mut LastTime<i64, 19, 11>,
    ) -> Option<Fields<'a>> {
        let mut fields = Fields::default();
        let mut rest = printed;
        let mut steps = self.steps.as_slice();
        while let Some((step, later)) = steps.split_first() {
            steps = later;
            match step {
                Step::Literal(text) => rest = strip_literal(rest, text)?,
                Step::SessionOnly if rest.is_empty() => return Some(fields),
                Step::SessionOnly => {}
                Step::Field(Kind::Time, 0) => rest = time(rest, last_time, &mut fields)?,
                Step::Field(Kind::ProcessId, 0) if ends_digits(later) => rest = process(rest, &mut fields)?,
                Step::Field(kind, width) => {
                    let next = later.iter().find(|step| !matches!(step, Step::SessionOnly));
                    let (next, last) = match next {
                        Some(Step::Literal(text)) => (text.as_slice(), later.len() == 1),
                        _ => (b"".as_slice(), later.is_empty()),
                    };
                    rest = field(*kind, *width, rest, next, last, &mut fields)?;
                }
            }
        }
        rest.is_empty().then_some(fields)
    }

    /// Reads the next of many records up to the text behind its severity. `None`: it is not of the most common kind,
    /// which says nothing of it yet; [`super::cut`] and [`Prefix::read`] would come to the same.
    #[inline]
    pub(super) fn read_forward<'a>(
        &self,
        record: &'a [u8],
        last_time: &mut LastTime<i64, 19, 11>,
    ) -> Option<Forward<'a>> {
        if !self.forward {
            return None;
        }
        let mut fields = Fields::default();
        let mut rest = time(record, last_time, &mut fields)?;
        let mut steps = self.steps.get(1..)?;
        while let Some((step, later)) = steps.split_first() {
            steps = later;
            match step {
                Step::Literal(text) => rest = strip_literal(rest, text)?,
                Step::SessionOnly => {
                    if rest.first().is_some_and(u8::is_ascii_uppercase)
                        && let Some((severity, message)) = severity_at(record, rest)
                    {
                        return Some(Forward { fields, severity, message });
                    }
                }
                Step::Field(Kind::ProcessId, 0) if ends_digits(later) => rest = process(rest, &mut fields)?,
                Step::Field(kind, 0) => {
                    let Some(Step::Literal(next)) = later.first() else { return None };
                    let end = sixteen::find(rest, [*next.first()?, b':', b' ', b'\n'])?;
                    let (text, behind) = rest.split_at_checked(end)?;
                    // Nothing is kept of a word.
                    if *kind != Kind::Word {
                        assign(*kind, text, &mut fields)?;
                    }
                    rest = behind;
                }
                Step::Field(..) => return None,
            }
        }
        let (severity, message) = severity_at(record, rest)?;
        Some(Forward { fields, severity, message })
    }
}

/// Whether a severity may end in this part of a pattern, whatever stands before it: at a colon and a blank behind
/// something that a severity is made of.
fn may_end_severity(literal: &[u8]) -> bool {
    let marks = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_punctuation());
    memchr_iter(b':', literal).any(|at| !at.checked_sub(1).is_some_and(|before| marks(literal.get(before))))
}

/// The severity in English that `rest`, the end of `record`, begins with, and the text behind its colon and two blanks.
#[inline]
fn severity_at<'a>(record: &[u8], rest: &'a [u8]) -> Option<(&'static [u8], &'a [u8])> {
    let start = record.len().checked_sub(rest.len())?;
    let of_severity = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || !byte.is_ascii();
    if record.get(start.checked_sub(1)?).is_none_or(of_severity) {
        return None;
    }
    let (severity, message) = match rest {
        [b'L', b'O', b'G', b':', b' ', b' ', message @ ..] => (b"LOG".as_slice(), message),
        _ => {
            let (word, behind) = rest
                .split_at_checked(rest.iter().take(LONGEST_SEVERITY).position(|byte| !of_severity(byte))?)?;
            let message = behind.strip_prefix(b":  ")?;
            (severity(word)?, message)
        }
    };
    (record.len() - message.len() <= LONGEST_PREFIX).then_some((severity, message))
}

/// Reads the time at the start of `rest`, and gives what follows.
fn time<'a>(rest: &'a [u8], last: &mut LastTime<i64, 19, 11>, fields: &mut Fields<'a>) -> Option<&'a [u8]> {
    // A comma before the milliseconds is Python's.
    let (found, used) = next_stamp(rest, last).filter(|_| rest.get(19) != Some(&b','))?;
    fields.stamp = Some(found);
    rest.get(used..)
}

/// Whether digits end where `later` begins: at any literal but one of digits.
fn ends_digits(later: &[Step]) -> bool {
    matches!(later, [Step::Literal(text), ..] if !text.first().is_some_and(u8::is_ascii_digit))
}

/// Reads the process number at the start of `rest`, and gives what follows.
fn process<'a>(rest: &'a [u8], fields: &mut Fields<'_>) -> Option<&'a [u8]> {
    let (pid, behind) = leading_number(rest)?;
    fields.pid = Some(u32::try_from(pid).ok()?);
    Some(behind)
}

/// Reads one field at the start of `rest`, before the literal `next`, and gives what follows.
fn field<'a>(
    kind: Kind,
    width: usize,
    rest: &'a [u8],
    next: &[u8],
    last: bool,
    fields: &mut Fields<'a>,
) -> Option<&'a [u8]> {
    let padding =
        if width > 0 { rest.iter().take_while(|byte| **byte == b' ').count().min(width) } else { 0 };
    let body = rest.get(padding..)?;
    if kind == Kind::Time {
        return time(body, &mut LastTime::default(), fields);
    }
    // A padded field is at least as wide as its padding says.
    let from = width.min(rest.len()).saturating_sub(padding);
    let tail = body.get(from..)?;
    let end = if next.is_empty() {
        tail.len()
    } else if last && matches!(kind, Kind::Application | Kind::Phrase) {
        // Names of applications hold blanks: the last literal ends the prefix.
        tail.len().checked_sub(next.len()).filter(|at| tail.get(*at..) == Some(next))?
    } else {
        find(tail, next)?
    };
    let (text, after) = body.split_at_checked(from.checked_add(end)?)?;
    let text = if width > 0 { text.trim_ascii() } else { text };
    assign(kind, text, fields)?;
    Some(after)
}

/// Takes in the value of a field. `None` if it is none of its kind.
fn assign<'a>(kind: Kind, text: &'a [u8], fields: &mut Fields<'a>) -> Option<()> {
    match kind {
        Kind::Epoch => fields.stamp = Some(epoch(text)?),
        Kind::ProcessId => fields.pid = Some(u32::try_from(digits(text)?).ok()?),
        Kind::Number => {
            let text = text.strip_prefix(b"-").unwrap_or(text);
            if !text.is_empty() && !text.iter().all(u8::is_ascii_digit) {
                return None;
            }
        }
        Kind::Application => fields.application_name = if text == b"[unknown]" { b"" } else { text },
        Kind::Remote => {
            if let Some(inner) = text.strip_suffix(b")") {
                let at = memchr(b'(', inner)?;
                fields.client_port = Some(u16::try_from(digits(inner.get(at.checked_add(1)?..)?)?).ok()?);
            } else if !matches!(text, b"" | b"[local]") {
                return None;
            }
        }
        Kind::SqlState => {
            if !is_sql_state(text) {
                return None;
            }
            fields.sql_state = text;
        }
        Kind::Session => fields.pid = fields.pid.or(Some(session_process(text)?)),
        Kind::Word => {
            if memchr(b' ', text).is_some() {
                return None;
            }
        }
        Kind::Phrase => {}
        Kind::Time => return None,
    }
    Some(())
}

/// Where `literal` stands first in `text`. Both are too short for the preparations of a real search.
fn find(text: &[u8], literal: &[u8]) -> Option<usize> {
    let first = literal.first()?;
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = rest.iter().position(|byte| byte == first)?;
        if strip_literal(rest.get(at..)?, literal).is_some() {
            return Some(from + at);
        }
        from += at + 1;
    }
}

/// `SECONDS.mmm` since 1970.
fn epoch(text: &[u8]) -> Option<Stamp> {
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let seconds = digits(text.get(..whole)?)?;
    let (fraction, used, resolution_us) = fraction_us(text.get(whole..)?);
    (text.len() == whole + used).then_some(())?;
    Some(Stamp::utc(seconds.checked_mul(SECOND_US)?.checked_add(fraction)?, resolution_us))
}

/// Where a stamp `YYYY-MM-DD HH:MM:SS` begins in a printed prefix. A comma behind it is Python's, not PostgreSQL's.
pub(super) fn stamp_at(printed: &[u8]) -> Option<usize> {
    let head = printed.get(..printed.len().min(200))?;
    memchr_iter(b'-', head).filter_map(|dash| dash.checked_sub(4)).find(|at| {
        let rest = printed.get(*at..).unwrap_or_default();
        looks_like_stamp(rest) && rest.get(19) != Some(&b',')
    })
}

/// Whether a prefix begins with seconds since 1970 and milliseconds (`%n`).
pub(super) fn epoch_first(printed: &[u8]) -> bool {
    let number = printed.get(..14).unwrap_or_default();
    number.get(10) == Some(&b'.')
        && epoch(number).is_some()
        && !printed.get(14).is_some_and(u8::is_ascii_digit)
}

/// What can be read of a prefix whose pattern is not known, or was changed in mid-file.
pub(super) fn any_prefix(printed: &[u8]) -> Option<Fields<'_>> {
    if let Some(known) = common().iter().find_map(|prefix| prefix.read(printed)) {
        return Some(known);
    }
    let mut fields = Fields::default();
    let mut behind = printed;
    if let Some(at) = stamp_at(printed) {
        let (found, used) = stamp(printed.get(at..)?)?;
        fields.stamp = Some(found);
        behind = printed.get(at + used..)?;
    } else if epoch_first(printed) {
        fields.stamp = epoch(printed.get(..14)?);
        behind = printed.get(14..)?;
    }
    // Without the process number the time and the text are still worth having.
    fields.pid = process_id(printed, behind);
    fields.application_name =
        labelled(printed, &[b"app=", b"application=", b"app_name="]).unwrap_or_default();
    if fields.application_name == b"[unknown]" {
        fields.application_name = b"";
    }
    fields.sql_state =
        labelled(printed, &[b"sqlstate=", b"SQLSTATE=", b"state=", b"err=", b"sql_error_code = "])
            .filter(|state| is_sql_state(state))
            .unwrap_or_default();
    Some(fields)
}

/// The process number: `[P]`, `[P-L]`, `[P:…]`, `pid=P`, or a bare number behind the time.
fn process_id(printed: &[u8], behind: &[u8]) -> Option<u32> {
    let number = |text: &[u8], ends: &[u8]| {
        let length = text.iter().take(11).take_while(|byte| byte.is_ascii_digit()).count();
        let end = text.get(length);
        let closed = end.is_none_or(|byte| ends.contains(byte));
        closed.then(|| u32::try_from(digits(text.get(..length)?)?).ok())?
    };
    let bracketed = memchr_iter(b'[', printed).find_map(|at| number(printed.get(at + 1..)?, b"]-: ,"));
    bracketed
        .or_else(|| {
            let at = memmem::find(printed, b"pid=").map(|at| at + 4);
            number(printed.get(at.or_else(|| memmem::find(printed, b"p=").map(|at| at + 2))?..)?, b" ,;|:)]")
        })
        .or_else(|| number(behind.trim_ascii_start(), b" :|,"))
}

/// The value behind one of the labels, up to a separator.
fn labelled<'a>(printed: &'a [u8], labels: &[&[u8]]) -> Option<&'a [u8]> {
    let start = labels.iter().find_map(|label| Some(memmem::find(printed, label)? + label.len()))?;
    let value = printed.get(start..)?;
    let end = value.iter().position(|byte| matches!(byte, b',' | b' ' | b';' | b'|' | b']' | b')'));
    value.get(..end.unwrap_or(value.len()))
}

/// Five digits and capitals.
fn is_sql_state(text: &[u8]) -> bool {
    text.len() == 5 && text.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// The process number in a session id (`%c`): `6b048499.25fe`, start and process in hexadecimal.
fn session_process(text: &[u8]) -> Option<u32> {
    let (start, process) = text.split_at_checked(memchr(b'.', text)?)?;
    let process = process.get(1..)?;
    let hexadecimal = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit);
    if !hexadecimal(start) || !hexadecimal(process) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(process).ok()?, 16).ok()
}

/// The common prefixes, compiled once.
pub(super) fn common() -> &'static [Prefix] {
    static COMPILED: std::sync::OnceLock<Vec<Prefix>> = std::sync::OnceLock::new();
    COMPILED.get_or_init(|| COMMON_PREFIXES.iter().map(|pattern| Prefix::compile(pattern)).collect())
}
