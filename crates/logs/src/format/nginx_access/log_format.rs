//! The compiler of `log_format` (ngx_http_log_module) and the matcher that runs the compiled form.
//!
//! A format is compiled to literals and variables in turn. Each variable has the narrowest class of values it can
//! print (formats.md 2.3), so a line is read from left to right without going back.

use std::sync::LazyLock;

use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::combined::{self, COMBINED};
use super::fields::{Fields, Times, Variable, by_hand};
use super::json::Members;
use super::names::{is_free_text, label, nginx_sign, variable, well_known_key};
use crate::format::{nginx_configuration, strip_literal};
use crate::record::AccessRecord;
use crate::timestamp::Stamp;

/// How nginx escapes the values of variables (`escape=` of `log_format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escape {
    /// `"`, `\` and bytes outside printable ASCII become `\xHH`; empty becomes `-`.
    #[default]
    Default,
    /// JSON string escapes; empty stays empty.
    Json,
    /// Nothing is escaped.
    None,
}

/// Why a `log_format` could not be compiled. Offsets are bytes in the template (in the directive for
/// [`LogFormatError::Directive`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFormatError {
    /// A `$` without a name, or `${` without `}`.
    #[error("no variable name at byte {offset}")]
    VariableName {
        /// Where the `$` is.
        offset: usize,
    },
    /// Two variables with nothing between them that the first could not print as well.
    #[error("nothing tells two variables apart: the second begins at byte {offset}")]
    Ambiguous {
        /// Where the second variable begins.
        offset: usize,
    },
    /// The format does not log `$status`; nothing can be learnt from it.
    #[error("the format does not log $status")]
    NoStatus {
        /// Length of the template.
        offset: usize,
    },
    /// The text is no `log_format NAME [escape=…] STRING…;`.
    #[error("not a log_format directive at byte {offset}")]
    Directive {
        /// Where reading stopped.
        offset: usize,
    },
}

/// What a variable can print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Status,
    Number,
    Seconds,
    SecondsList,
    StatusList,
    NumberList,
    AddressList,
    TimeLocal,
    TimeIso,
    Pipe,
    /// Anything without blanks, up to the next literal.
    Token,
    /// Anything up to the next literal.
    Text,
}

impl Class {
    fn is_open(self) -> bool {
        matches!(self, Class::Token | Class::Text)
    }

    /// Several values, joined by `, ` and ` : `.
    fn is_list(self) -> bool {
        matches!(self, Class::SecondsList | Class::StatusList | Class::NumberList | Class::AddressList)
    }

    /// Whether a value of this class can be told from the value of `next` that follows it with nothing between.
    fn splits_from(self, next: Class, next_variable: Variable) -> bool {
        // `$host$request_uri`: the second begins with a slash.
        let slash = matches!(next_variable, Variable::RequestUri | Variable::Uri);
        match self {
            Class::TimeLocal | Class::TimeIso | Class::Pipe => true,
            Class::Token => slash,
            Class::AddressList | Class::Text => false,
            Class::Status
            | Class::Number
            | Class::Seconds
            | Class::SecondsList
            | Class::StatusList
            | Class::NumberList => slash || next == Class::Pipe,
        }
    }

    /// Whether `input` can begin with a value of this class. Looks at a bounded number of bytes.
    fn begins(self, input: &[u8]) -> bool {
        let first = input.first();
        match self {
            Class::Token | Class::Text => true,
            Class::Status => {
                input.get(..3).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
                    && !input.get(3).is_some_and(u8::is_ascii_digit)
            }
            Class::TimeLocal => {
                input.get(2) == Some(&b'/') && input.get(6) == Some(&b'/') && input.get(11) == Some(&b':')
            }
            Class::TimeIso => input.get(4) == Some(&b'-') && input.get(10) == Some(&b'T'),
            Class::Pipe => matches!(first, Some(b'p' | b'.')),
            Class::AddressList => first.is_some_and(|byte| !matches!(byte, b' ' | b'"')),
            _ => first.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-'),
        }
    }

    /// Length of the value of this (closed) class at the start of `input`.
    fn extent(self, input: &[u8]) -> Option<usize> {
        if !self.begins(input) {
            return None;
        }
        match self {
            Class::Status
            | Class::TimeLocal
            | Class::TimeIso
            | Class::Pipe
            | Class::Number
            | Class::Seconds => self.element(input),
            Class::SecondsList | Class::StatusList | Class::NumberList | Class::AddressList => {
                let mut end = self.element(input)?;
                while let Some(rest) = input.get(end..) {
                    let joint = if rest.starts_with(b", ") {
                        2
                    } else if rest.starts_with(b" : ") {
                        3
                    } else {
                        break;
                    };
                    let Some(length) = rest.get(joint..).and_then(|rest| self.element(rest)) else { break };
                    end += joint + length;
                }
                Some(end)
            }
            Class::Token | Class::Text => None,
        }
    }

    /// Length of one element of a list, or of a value that is no list.
    fn element(self, input: &[u8]) -> Option<usize> {
        match self {
            Class::Status => Some(3),
            Class::TimeLocal => Some(26),
            Class::TimeIso => Some(25),
            Class::Pipe => Some(1),
            Class::AddressList => {
                let end = input.iter().position(|byte| matches!(byte, b' ' | b',' | b'"'));
                Some(end.unwrap_or(input.len())).filter(|length| *length > 0)
            }
            _ if input.first() == Some(&b'-') => Some(1),
            Class::StatusList => Some(3).filter(|_| digits_at(input) == 3),
            Class::Seconds | Class::SecondsList => {
                // nginx writes three decimals, always.
                let whole = Some(digits_at(input)).filter(|length| *length > 0)?;
                let fraction = digits_at(input.get(whole..)?.strip_prefix(b".")?);
                (fraction > 0).then_some(whole + 1 + fraction)
            }
            _ => Some(digits_at(input)).filter(|length| *length > 0),
        }
    }
}

/// Number of digits at the start of `input`.
fn digits_at(input: &[u8]) -> usize {
    input.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(input.len())
}

/// One part of a compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(Vec<u8>),
    Value {
        variable: Variable,
        class: Class,
        /// Stands between double quotes.
        quoted: bool,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Text, read from left to right.
    Text {
        pieces: Vec<Piece>,
        /// Pieces that are left where [`combined::read`] has read the others.
        behind_combined: Option<Vec<Piece>>,
        /// Pairs `key=value` may follow the last piece.
        labelled: bool,
    },
    /// A JSON object; what each key holds.
    Json(Vec<(Vec<u8>, Vec<Piece>)>),
    /// A JSON object of unknown template; keys are known by convention.
    WellKnownJson,
}

/// A compiled `log_format`.
#[derive(Debug, Clone)]
pub struct LogFormat {
    pub(super) name: String,
    pub(super) escape: Escape,
    pub(super) body: Body,
}

/// Whether a value of `class` after `pieces` can be told from the value before it, which may hold `blanks`.
fn told_apart(pieces: &[Piece], blanks: bool, class: Class, variable: Variable) -> bool {
    match pieces {
        [.., Piece::Value { class: before, .. }] => before.splits_from(class, variable),
        [.., Piece::Value { class: before, variable: named, .. }, Piece::Literal(literal)] => {
            match literal.as_slice() {
                // What joins the elements of a list does not end it.
                b", " | b" : " if before.is_list() || *named == Variable::UpstreamAddr => false,
                b" " | b", " => !(blanks && class.is_open()),
                _ => true,
            }
        }
        _ => true,
    }
}

/// Cuts a template into pieces.
fn compile_pieces(template: &[u8]) -> Result<Vec<Piece>, LogFormatError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = template;
    // The last variable prints text of the client's choice.
    let mut prints_blanks = false;
    while !rest.is_empty() {
        let dollar = memchr(b'$', rest).unwrap_or(rest.len());
        let (literal, tail) = rest.split_at_checked(dollar).unwrap_or((rest, b""));
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_vec()));
        }
        let Some(tail) = tail.get(1..) else { break };
        let offset = template.len() - tail.len() - 1;
        let (braced, tail) = tail.strip_prefix(b"{").map_or((false, tail), |tail| (true, tail));
        let length = tail.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let (name, tail) = tail.split_at_checked(length).unwrap_or_default();
        rest = if braced {
            tail.strip_prefix(b"}").ok_or(LogFormatError::VariableName { offset })?
        } else {
            tail
        };
        if name.is_empty() {
            return Err(LogFormatError::VariableName { offset });
        }
        let (variable, mut class) = variable(name);
        let next = rest.first().copied();
        // An address may hold brackets and colons: only a blank or a quote ends it for sure.
        if class == Class::AddressList && !matches!(next, None | Some(b' ' | b'"')) {
            class = Class::Text;
        }
        let before = match pieces.last() {
            Some(Piece::Literal(literal)) => literal.last().copied(),
            _ => None,
        };
        if !told_apart(&pieces, prints_blanks, class, variable) {
            return Err(LogFormatError::Ambiguous { offset });
        }
        prints_blanks = is_free_text(name);
        pieces.push(Piece::Value { variable, class, quoted: before == Some(b'"') && next == Some(b'"') });
    }
    Ok(pieces)
}

fn logs_status(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| matches!(piece, Piece::Value { variable: Variable::Status, .. }))
}

/// Whether `input` looks like `pieces`, of which only the first value and the literal after it are looked at: a
/// value of the client's choice is searched for its end at every blank, so this must not read far.
fn follows(pieces: &[Piece], escape: Escape, input: &[u8]) -> bool {
    let Some((Piece::Value { class, .. }, after)) = pieces.split_first() else {
        // A carriage return is no part of the line.
        return input.len() <= 2 && input.trim_ascii().is_empty();
    };
    if class.is_open() {
        return true;
    }
    let ends = |rest: &[u8]| match after.first() {
        Some(Piece::Literal(literal)) => rest.starts_with(literal),
        Some(Piece::Value { .. }) => true,
        None => rest.trim_ascii_start().is_empty(),
    };
    let near = input.get(..256).unwrap_or(input);
    let element = if class.begins(near) { class.element(near) } else { None };
    match element.and_then(|length| input.get(length..)) {
        Some(rest) => {
            ends(rest) || (class.is_list() && (rest.starts_with(b", ") || rest.starts_with(b" : ")))
        }
        None => escape != Escape::Default && ends(input),
    }
}

/// Length of the word at the start of `input`, and what follows the literal that has to stand behind it.
fn word_before<'a>(literal: &[u8], input: &'a [u8]) -> Option<(usize, &'a [u8])> {
    let end = memchr2(b' ', b'\t', input)?;
    Some((end, strip_literal(input.get(end..)?, literal)?))
}

/// Length of an open value at the start of `input`, given what comes after it.
fn open_extent(class: Class, quoted: bool, escape: Escape, after: &[Piece], input: &[u8]) -> Option<usize> {
    let found = match after {
        // A word before a blank: no later one can be its end.
        [Piece::Literal(literal), following @ ..]
            if class == Class::Token && !quoted && literal.first() == Some(&b' ') =>
        {
            let (end, rest) = word_before(literal, input)?;
            return follows(following, escape, rest).then_some(end);
        }
        [] => Some(input.len()),
        [Piece::Literal(literal), following @ ..] => match escape {
            // nginx writes `\x22` under escape=default; `\"` is Apache's.
            Escape::Default | Escape::Json if quoted => {
                let mut from = 0;
                loop {
                    let at = from + memchr2(b'"', b'\\', input.get(from..)?)?;
                    if input.get(at) == Some(&b'"') {
                        break Some(at);
                    }
                    from = at + 2;
                }
            }
            // No user, as nearly always.
            _ if input.first() == Some(&b'-') && literal.first() != Some(&b'-') && {
                let rest = input.get(1..).and_then(|rest| strip_literal(rest, literal));
                rest.is_some_and(|rest| follows(following, escape, rest))
            } =>
            {
                Some(1)
            }
            // The first place where the literal stands and what should follow it does. Blanks are no landmark.
            _ => {
                let (blanks, landmark) =
                    literal.iter().enumerate().find(|(_, byte)| **byte != b' ').unwrap_or((0, &b' '));
                let mut starts = memchr_iter(*landmark, input).filter_map(|at| at.checked_sub(blanks));
                starts.find(|at| {
                    let rest = input.get(*at..).and_then(|rest| strip_literal(rest, literal));
                    rest.is_some_and(|rest| follows(following, escape, rest))
                })
            }
        },
        // A target follows a token; it has no slash when the request was garbage.
        _ => memchr3(b'/', b' ', b'"', input),
    };
    let end = found?;
    let blank = class == Class::Token && !quoted && memchr2(b' ', b'\t', input.get(..end)?).is_some();
    (!blank).then_some(end)
}

/// Reads `input` by `pieces`; what is left of it, or `None` if it does not fit.
fn match_pieces<'a>(
    mut pieces: &[Piece],
    mut input: &'a [u8],
    escape: Escape,
    fields: &mut Fields<'a>,
) -> Option<&'a [u8]> {
    while let Some((piece, after)) = pieces.split_first() {
        match piece {
            Piece::Literal(literal) => match strip_literal(input, literal) {
                Some(rest) => input = rest,
                // The last value was empty, and a carrier stripped the blank before it.
                None if escape != Escape::Default && input == literal.trim_ascii_end() => input = b"",
                None => return None,
            },
            Piece::Value { variable, class, quoted } => {
                if let Some(rest) = fields.take_common(*variable, *class, input) {
                    input = rest;
                    pieces = after;
                    continue;
                }
                let length = if class.is_open() {
                    open_extent(*class, *quoted, escape, after, input)?
                } else {
                    // Empty values occur under escape=json and escape=none.
                    class.extent(input).or_else(|| match after.first() {
                        Some(Piece::Literal(literal)) => input.starts_with(literal).then_some(0),
                        Some(Piece::Value { .. }) => None,
                        None => input.is_empty().then_some(0),
                    })?
                };
                let (value, rest) = input.split_at_checked(length)?;
                if *variable != Variable::Ignored {
                    fields.assign(*variable, value)?;
                }
                input = rest;
            }
        }
        pieces = after;
    }
    Some(input)
}

/// Reads a tail such as ` "forwarded" rt=0.021 uct="-" urt="0.021" us="200"`; needs one known label.
fn match_labels<'a>(mut input: &'a [u8], fields: &mut Fields<'a>) -> Option<()> {
    let mut known = false;
    loop {
        if let Some((rest, means_something)) = fields.take_label(input) {
            input = rest;
            known |= means_something;
            continue;
        }
        input = input.trim_ascii_start();
        if input.is_empty() {
            return known.then_some(());
        }
        if let Some(rest) = input.strip_prefix(b"\"") {
            // A quoted value without label, such as the forwarded-for of `main`.
            input = rest.get(memchr(b'"', rest)? + 1..)?;
            continue;
        }
        let length = input.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let (key, rest) = input.split_at_checked(length).filter(|(key, _)| !key.is_empty())?;
        let rest = rest.strip_prefix(b"=")?;
        let variable = label(key);
        let value = if let Some(quoted) = rest.strip_prefix(b"\"") {
            let end = memchr(b'"', quoted)?;
            input = quoted.get(end + 1..)?;
            quoted.get(..end)?
        } else {
            let class = match variable {
                Variable::UpstreamAddr => Class::AddressList,
                Variable::UpstreamStatus => Class::StatusList,
                Variable::UpstreamResponseTime | Variable::UpstreamConnectTime => Class::SecondsList,
                _ if key == b"uht" => Class::SecondsList,
                _ => Class::Token,
            };
            let token = || memchr(b' ', rest).unwrap_or(rest.len());
            let (value, tail) = rest.split_at_checked(class.extent(rest).unwrap_or_else(token))?;
            input = tail;
            value
        };
        // A cut line ends in mid-value: its last value is not to be trusted, nor the line.
        (input.is_empty() || input.first() == Some(&b' ')).then_some(())?;
        if variable != Variable::Ignored {
            known = true;
            fields.assign(variable, value)?;
        }
    }
}

impl LogFormat {
    /// Compiles the template of a `log_format`: its strings with quotes and escapes removed, concatenated.
    ///
    /// ```
    /// use stormtrace_logs::format::nginx_access::{Escape, LogFormat, LogFormatError};
    ///
    /// let format = LogFormat::compile("timed", Escape::Default, r#"$msec "$request" $status $upstream_response_time"#)?;
    /// let line = br#"1795458274.641 "GET /web/login HTTP/1.1" 504 60.001, 0.250"#;
    /// let record = format.read(line, None).expect("fits the format");
    /// assert_eq!((record.path, record.status), (b"/web/login".as_slice(), 504));
    /// // Two attempts, added up.
    /// assert_eq!(record.upstream_response_time_us, Some(60_251_000));
    /// // A line that does not fit is refused whole.
    /// assert!(format.read(&line[..30], None).is_none());
    ///
    /// let error = LogFormat::compile("bad", Escape::Default, "$http_user_agent$status").unwrap_err();
    /// assert_eq!(error, LogFormatError::Ambiguous { offset: 16 });
    /// # Ok::<(), LogFormatError>(())
    /// ```
    ///
    /// # Errors
    /// If the template is malformed, ambiguous, or does not log `$status`.
    pub fn compile(name: &str, escape: Escape, template: &str) -> Result<LogFormat, LogFormatError> {
        let template = template.as_bytes();
        let no_status = LogFormatError::NoStatus { offset: template.len() };
        if template.trim_ascii().starts_with(b"{") {
            let mut keys = Vec::new();
            let mut members = Members::new(template);
            for (key, value) in members.by_ref() {
                // A value that cannot be taken apart is one we need not know.
                if let Ok(pieces) = compile_pieces(value) {
                    keys.push((key.to_vec(), pieces));
                }
            }
            // Text in braces that is no JSON, or JSON with arrays, is read as any other text.
            if !members.broken {
                if !keys.iter().any(|(_, pieces)| logs_status(pieces)) {
                    return Err(no_status);
                }
                return Ok(LogFormat { name: name.to_owned(), escape, body: Body::Json(keys) });
            }
        }
        let pieces = compile_pieces(template)?;
        if !logs_status(&pieces) {
            return Err(no_status);
        }
        /// Compared with every format, so compiled once.
        static COMMON: LazyLock<Vec<Piece>> =
            LazyLock::new(|| compile_pieces(COMBINED.as_bytes()).unwrap_or_default());
        let behind_combined = match escape {
            Escape::Default => combined::behind(&pieces, &COMMON).map(<[Piece]>::to_vec),
            _ => None,
        };
        let body = Body::Text { pieces, behind_combined, labelled: false };
        Ok(LogFormat { name: name.to_owned(), escape, body })
    }

    /// Reads a whole directive `log_format NAME [escape=default|json|none] STRING…;`.
    ///
    /// ```
    /// use stormtrace_logs::format::nginx_access::LogFormat;
    ///
    /// let format = LogFormat::parse_directive("log_format short '$remote_addr ' '$status';").unwrap();
    /// assert_eq!(format.name(), "short");
    /// assert_eq!(format.read(b"203.0.113.7 502", None).unwrap().status, 502);
    /// ```
    ///
    /// # Errors
    /// If the text is no such directive, or its template does not compile.
    pub fn parse_directive(text: &str) -> Result<LogFormat, LogFormatError> {
        let directive = LogFormatError::Directive { offset: 0 };
        let words = nginx_configuration::first_directive(text.as_bytes())
            .ok_or(LogFormatError::Directive { offset: text.len() })?;
        let Some((keyword, arguments)) = words.split_first() else { return Err(directive) };
        if keyword != "log_format" {
            return Err(directive);
        }
        Self::from_arguments(arguments)
    }

    /// From the arguments of a directive, quotes removed: name, escape, strings.
    pub(crate) fn from_arguments(arguments: &[String]) -> Result<LogFormat, LogFormatError> {
        let Some((name, mut strings)) = arguments.split_first() else {
            return Err(LogFormatError::Directive { offset: 0 });
        };
        let mut escape = Escape::Default;
        if let Some((first, rest)) = strings.split_first()
            && let Some(kind) = first.strip_prefix("escape=")
        {
            escape = match kind {
                "json" => Escape::Json,
                "none" => Escape::None,
                _ => Escape::Default,
            };
            strings = rest;
        }
        Self::compile(name, escape, &strings.concat())
    }

    /// The name given to the format.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads one line. `outer` stands in for the time if the format does not log it.
    #[must_use]
    pub fn read<'a>(&self, line: &'a [u8], outer: Option<Stamp>) -> Option<AccessRecord<'a>> {
        if !self.can_begin(line) {
            return None;
        }
        let mut fields = Fields::default();
        self.read_next(line, outer, &mut Times::default(), &mut fields)?;
        Some(fields.record)
    }

    /// False where the line's beginning tells already that it is none. Detection tries many formats on many lines, of which
    /// hardly any fits.
    fn can_begin(&self, line: &[u8]) -> bool {
        let Body::Text { pieces, .. } = &self.body else { return true };
        // Elsewhere values may be empty, and the blanks about them gone.
        if self.escape != Escape::Default {
            return true;
        }
        match pieces.as_slice() {
            [Piece::Literal(literal), ..] => strip_literal(line, literal).is_some(),
            [Piece::Value { class: Class::Token, quoted: false, .. }, Piece::Literal(literal), ..]
                if literal.first() == Some(&b' ') =>
            {
                word_before(literal, line).is_some()
            }
            _ => true,
        }
    }

    /// Reads the next of many lines into `fields`, which hold nothing yet.
    pub(super) fn read_next<'a>(
        &self,
        line: &'a [u8],
        outer: Option<Stamp>,
        last: &mut Times,
        fields: &mut Fields<'a>,
    ) -> Option<()> {
        match &self.body {
            Body::Text { pieces, behind_combined, labelled } => {
                let common = behind_combined
                    .as_ref()
                    .filter(|_| by_hand())
                    .and_then(|behind| Some((behind, combined::read(line, fields, last)?)));
                let (pieces, rest) = common.unwrap_or((pieces, line));
                let ended = match pieces.as_slice() {
                    // The quote behind the agent.
                    [Piece::Literal(literal)] => strip_literal(rest, literal),
                    _ => None,
                };
                let rest = match ended {
                    Some(rest) => rest,
                    None => match_pieces(pieces, rest, self.escape, fields)?,
                };
                if *labelled {
                    match_labels(rest, fields)?;
                } else if !rest.trim_ascii().is_empty() {
                    return None;
                }
            }
            Body::Json(keys) => {
                let mut members = Members::new(line);
                let mut expected = 0;
                for (key, value) in members.by_ref() {
                    // Keys come in the template's order, save where a line is damaged.
                    let at = match keys.get(expected) {
                        Some((candidate, _)) if candidate == key => Some(expected),
                        _ => keys.iter().position(|(candidate, _)| candidate == key),
                    };
                    let Some((at, (_, pieces))) = at.and_then(|at| Some((at, keys.get(at)?))) else {
                        continue;
                    };
                    expected = at + 1;
                    match pieces.as_slice() {
                        [Piece::Value { variable, .. }] => fields.assign_next(*variable, value, last)?,
                        [] => {}
                        pieces => {
                            let _ = match_pieces(pieces, value, self.escape, fields);
                        }
                    }
                }
                if members.broken {
                    return None;
                }
            }
            Body::WellKnownJson => {
                let mut members = Members::new(line);
                let mut signs = 0u32;
                for (key, value) in members.by_ref() {
                    if signs < 2 {
                        signs += nginx_sign(key);
                    }
                    // A key by that name may hold something else here, but a status is a status.
                    let variable = well_known_key(key);
                    let fits = fields.assign_next(variable, value, last).is_some();
                    if !fits && variable == Variable::Status {
                        return None;
                    }
                }
                if members.broken || signs < 2 || !fields.has_request {
                    return None;
                }
                fields.finish(outer)?;
                return fields.record.end.is_some().then_some(());
            }
        }
        fields.finish(outer)
    }
}

#[cfg(test)]
mod tests;
