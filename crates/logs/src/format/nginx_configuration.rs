//! `nginx.conf`: directives with the location or upstream they stand in, and the `log_format`s (formats.md 2.3).
//!
//! Directives span lines, so a file is one record: no line starts one.

use super::nginx_access::LogFormat;
use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::{Record, Setting, text};

/// What an `nginx.conf` says.
#[derive(Debug, Default)]
pub struct NginxConfiguration {
    /// Every directive outside of tables (`map`, `types`, `geo`). `line_in_record` counts from 0.
    pub settings: Vec<Setting>,
    /// The formats that compiled, by name.
    pub log_formats: Vec<(String, LogFormat)>,
    /// Line (from 0) and reason of what could not be read.
    pub errors: Vec<(u32, String)>,
}

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Directive,
    BlockOpens,
    BlockCloses,
    /// The text ended in mid-statement, or is over.
    Text,
}

/// Reads statements: words up to `;`, `{` or `}`.
struct Statements<'a> {
    rest: &'a [u8],
    line: u32,
}

impl Statements<'_> {
    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.line = self.line.saturating_add(u32::from(*first == b'\n'));
        Some(*first)
    }

    fn skip_comment(&mut self) {
        let length = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    /// A quoted word whose opening quote is behind us.
    fn quoted(&mut self, quote: u8, word: &mut Vec<u8>) {
        while let Some(byte) = self.take() {
            match byte {
                b'\\' => self.escaped(word),
                _ if byte == quote => return,
                _ => word.push(byte),
            }
        }
    }

    /// What follows a backslash; nginx knows few escapes and leaves the others alone.
    fn escaped(&mut self, word: &mut Vec<u8>) {
        match self.take() {
            Some(byte @ (b'"' | b'\'' | b'\\')) => word.push(byte),
            Some(b't') => word.push(b'\t'),
            Some(b'r') => word.push(b'\r'),
            Some(b'n') => word.push(b'\n'),
            Some(byte) => word.extend([b'\\', byte]),
            None => {}
        }
    }

    /// The next statement: its words, the line of the first of them, and how it ended.
    fn next(&mut self) -> (Vec<String>, u32, End) {
        let mut words: Vec<String> = Vec::new();
        let mut start = self.line;
        loop {
            let Some(&first) = self.rest.first() else { return (words, start, End::Text) };
            match first {
                b'#' => self.skip_comment(),
                _ if first.is_ascii_whitespace() => {
                    self.take();
                }
                b';' | b'{' | b'}' => {
                    self.take();
                    let end = match first {
                        b';' => End::Directive,
                        b'{' => End::BlockOpens,
                        _ => End::BlockCloses,
                    };
                    let line = if words.is_empty() { self.line } else { start };
                    return (words, line, end);
                }
                _ => {
                    if words.is_empty() {
                        start = self.line;
                    }
                    words.push(self.word(first));
                }
            }
        }
    }

    fn word(&mut self, first: u8) -> String {
        let mut word = Vec::new();
        if matches!(first, b'"' | b'\'') {
            self.take();
            self.quoted(first, &mut word);
        } else {
            while let Some(&byte) = self.rest.first() {
                // The brace of `${name}` belongs to the word.
                let variable = word.last() == Some(&b'$');
                if byte.is_ascii_whitespace() || byte == b';' || (byte == b'{' && !variable) {
                    break;
                }
                if byte == b'}' && !word.iter().rev().take(64).any(|before| *before == b'{') {
                    break;
                }
                self.take();
                if byte == b'\\' { self.escaped(&mut word) } else { word.push(byte) }
            }
        }
        text(&word).into_owned()
    }

    /// Skips a block of foreign code (Lua) whose opening brace is behind us.
    fn skip_block(&mut self) {
        let mut open = 1u32;
        while open > 0 {
            match self.take() {
                Some(b'{') => open = open.saturating_add(1),
                Some(b'}') => open = open.saturating_sub(1),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// The words of the first directive in `source`, if it ends with `;`.
pub(crate) fn first_directive(source: &[u8]) -> Option<Vec<String>> {
    let (words, _, end) = Statements { rest: source, line: 0 }.next();
    (end == End::Directive && !words.is_empty()).then_some(words)
}

/// The place that a block gives to the directives in it, such as `/websocket` or `upstream odoo`; `None` for
/// blocks that give none (`http`, `server`, `if`).
fn place(words: &[String]) -> Option<String> {
    let (name, arguments) = words.split_first()?;
    match (name.as_str(), arguments) {
        ("location", [modifier, path]) if matches!(modifier.as_str(), "=" | "^~") => Some(path.clone()),
        ("location", arguments) => Some(arguments.join(" ")),
        ("upstream", arguments) => Some(format!("upstream {}", arguments.join(" "))),
        _ => None,
    }
}

/// Reads an `nginx.conf`, also a damaged one: what cannot be read is reported in `errors`.
#[must_use]
pub fn read(source: &[u8]) -> NginxConfiguration {
    let mut configuration = NginxConfiguration::default();
    let mut statements = Statements { rest: source, line: 0 };
    // Places of the open blocks; an inner block without a place keeps the outer one's.
    let mut places: Vec<Option<String>> = Vec::new();
    loop {
        let (words, line, end) = statements.next();
        match end {
            End::Directive => {
                let Some((name, arguments)) = words.split_first() else { continue };
                if name == "log_format" {
                    match LogFormat::from_arguments(arguments) {
                        Ok(format) => configuration.log_formats.push((format.name().to_owned(), format)),
                        Err(error) => configuration.errors.push((line, format!("log_format: {error}"))),
                    }
                }
                let name = match places.last() {
                    Some(Some(place)) => format!("[{place}] {name}"),
                    _ => name.clone(),
                };
                let value = arguments.join(" ");
                configuration.settings.push(Setting { program: "nginx", name, value, line_in_record: line });
            }
            End::BlockOpens => match words.first().map(String::as_str) {
                Some(name) if name.ends_with("_by_lua_block") => statements.skip_block(),
                Some("map" | "types" | "geo" | "split_clients" | "charset_map") => statements.skip_block(),
                _ if places.len() >= 64 => {
                    configuration.errors.push((line, "blocks nested too deep".to_owned()));
                    return configuration;
                }
                _ => places.push(place(&words).or_else(|| places.last().cloned().flatten())),
            },
            End::BlockCloses => {
                if !words.is_empty() {
                    configuration.errors.push((line, "directive without a semicolon".to_owned()));
                }
                if places.pop().is_none() {
                    configuration.errors.push((line, "unexpected closing brace".to_owned()));
                }
            }
            End::Text => {
                if !words.is_empty() || !places.is_empty() {
                    configuration.errors.push((line, "unexpected end of file".to_owned()));
                }
                return configuration;
            }
        }
    }
}

/// `nginx.conf`.
pub struct Configuration;

/// Claims files of directives that end in `;` and hold one that only nginx has.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut total, mut understood) = (0u32, 0u32);
    let (mut known, mut ended) = (false, false);
    for line in &sample.lines {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        total += 1;
        let opens = |word: &[u8]| {
            line.strip_prefix(word).is_some_and(|rest| matches!(rest.first(), Some(b' ' | b'\t' | b'{')))
        };
        let block = |word: &[u8]| opens(word) && memchr::memchr(b'{', line).is_some();
        known |= block(b"http")
            || block(b"server")
            || block(b"location")
            || block(b"upstream")
            || opens(b"proxy_pass")
            || opens(b"log_format");
        ended |= line.ends_with(b";");
        let word = line.first().is_some_and(|byte| byte.is_ascii_lowercase());
        understood += u32::from(match line.last() {
            Some(b';' | b'{') => word || line.first().is_some_and(|byte| matches!(byte, b'\'' | b'"' | b'$' | b'~' | b'@')),
            Some(b'}') => word || line.starts_with(b"}"),
            // A `log_format` whose strings stand on lines of their own.
            Some(b'\'' | b'"') => word || line.starts_with(b"'") || line.starts_with(b"\""),
            _ => memchr::memmem::find(line, b"; #").is_some() || line.starts_with(b"log_format "),
        });
    }
    let score = f64::from(understood) / f64::from(total.max(1));
    (known && ended && score >= 0.6).then(|| Claim { format: Box::new(Configuration), score })
}

impl Format for Configuration {
    fn name(&self) -> String {
        "nginx.conf".to_owned()
    }

    fn source(&self) -> Source {
        Source::Configuration
    }

    fn starts_record(&self, _line: &[u8]) -> bool {
        false
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let settings = read(&raw.text).settings;
        if settings.is_empty() && !raw.text.trim_ascii().is_empty() {
            return Err("no_directive");
        }
        Ok(Record::Settings(settings))
    }
}
